package correlate

import (
	"bytes"
	"cmp"
	"math/bits"
	"slices"
	"strings"

	"github.com/why403/why403/internal/spill"
)

// Scanner requests are told by behaviour. A client, or an agent, asks for many
// different paths that nobody was ever served and was never sent there by the
// site itself; and either half of them are words of the trade, or, for a client,
// they lie all over the place, where the site has nothing. (Somebody who meets a
// broken folder asks for many paths, too, but in one place.) What once was
// served, what the site links to and what many viewers want is never noise.
const (
	noiseViewers  = 20 // a path of more clients is no noise
	noiseRequests = 50 // nor is one of more requests, unless scanners use its words
	proberPaths   = 5  // different paths that make a client or an agent a prober
	proberPlaces  = 5  // different foreign places of a client
	knownSite     = 20
)

// A visitor is a client or an agent that failing requests came from.
type visitor struct {
	paths    int32  // candidates for noise
	words    int32  // of them, paths that scanners ask for
	others   int32  // failing paths that are no candidates
	places   uint64 // hashes of the foreign places, a bit each
	referred bool
}

func (v *visitor) probes(agent bool) bool {
	if v.paths < proberPaths || v.paths < 3*v.others || v.referred {
		return false
	}
	places := int32(bits.OnesCount64(v.places))
	return v.words*2 >= v.paths || !agent && places >= proberPlaces && (places*2 >= v.paths || places >= 32)
}

// visitors are counted by the hash of the address, and of the agent with a bit
// that no address has.
type visitors map[uint64]visitor

const agentBit = 1 << 32

// noise marks paths and S3 keys that look like a scanner's requests.
func (j *joiner) noise() {
	g := j.g
	j.folders = j.servedFolders()
	v := make(visitors)
	j.noisyStem = spill.Make[bool](j.mem, int(j.paths.len()))
	j.noisyKey = spill.Make[bool](j.mem, int(j.keys.len()))

	candidate := func(path []byte, ids []uint64, n int, okay bool) bool {
		if okay || n > noiseRequests && !isProbe(path) { // a scanner may come again and again
			return false
		}
		clients := 0
		for _, id := range ids {
			if id < agentBit {
				clients++
			}
		}
		return clients <= noiseViewers
	}
	var ids []uint64
	count := func(kind byte, scope uint32, path []byte, candidate, referred bool) {
		word := isProbe(path)
		place := uint64(0)
		if name, foreign := j.folders.foreign(kind, scope, path); foreign {
			place = 1 << (requestHash([]byte(name), nil) >> 32 & 63)
		}
		for _, id := range ids {
			w := v[id]
			switch {
			case !candidate:
				w.others++
			case word:
				w.words++
				fallthrough
			default:
				w.paths++
				w.places |= place
			}
			w.referred = w.referred || referred
			v[id] = w
		}
	}
	// Candidates are marked first.
	stems, keys := j.noisyStem, j.noisyKey

	stemVisitors := func(s uint32) (referred bool) {
		ids = ids[:0]
		from, to := j.paths.of(s)
		for i := from; i < to; i++ {
			e := j.edge(i)
			ids = append(ids, uint64(e.client))
			if a := e.agent &^ 1; a != 0 {
				ids = append(ids, agentBit|uint64(a))
			}
			referred = referred || e.agent&1 != 0
		}
		slices.Sort(ids)
		ids = slices.Compact(ids)
		return referred
	}
	keyVisitors := func(k uint32) {
		ids = ids[:0]
		from, to, _ := j.linesOf(k)
		for i := from; i < to; i++ {
			e := j.line(i)
			if j.pairedBy[i] != 0 || j.cloudFront[e.class] {
				continue
			}
			ids = append(ids, uint64(e.client))
			if e.agent != 0 {
				ids = append(ids, agentBit|uint64(e.agent))
			}
		}
		slices.Sort(ids)
		ids = slices.Compact(ids)
	}
	wasServed := func(domain uint64, scope string, key []byte) bool {
		return g.passed.has(g.hash(domain, []byte(scope)) ^ hashBytes(g, key))
	}
	wasRead := func(bucket uint32, key []byte) bool {
		name := g.buckets.name(bucket)
		return wasServed(originDomain, name, key) || wasServed(publicDomain, name, key) || wasServed(memberDomain, name, key)
	}

	for s := range uint32(len(stems)) {
		from, to := j.paths.of(s)
		referred := stemVisitors(s)
		scope, stem := j.dist(s), j.paths.name(s)
		okay := referred || wasRead(j.key(j.info[s].key))
		j.servedBy(scope, hashBytes(g, stem), func(h uint64) { okay = okay || g.passed.has(h) })
		stems[s] = candidate(stem, ids, int(to-from), okay)
		count('e', scope, stem, stems[s], referred)
	}
	for k := range j.keys.len() {
		if keyVisitors(k); len(ids) == 0 {
			continue
		}
		scope, key := j.key(k)
		from, to, _ := j.linesOf(k)
		keys[k] = candidate(key, ids, int(to-from), wasRead(scope, key))
		count('o', scope, key, keys[k], false)
	}

	// A path is noise when nearly all of its requests are probers'.
	prober := func(client uint32, agent uint16) bool {
		w := v[uint64(client)]
		if w.probes(false) {
			return true
		}
		w = v[agentBit|uint64(agent&^1)]
		return w.probes(true)
	}
	for s := range uint32(len(stems)) {
		if !stems[s] {
			continue
		}
		n := 0
		from, to := j.paths.of(s)
		for i := from; i < to; i++ {
			if e := j.edge(i); prober(e.client, e.agent) {
				n++
			}
		}
		j.noisyStem[s] = n*10 >= int(to-from)*8
	}
	for k := range j.keys.len() {
		if !keys[k] {
			continue
		}
		n, of := 0, 0
		from, to, _ := j.linesOf(k)
		for i := from; i < to; i++ {
			if e := j.line(i); j.pairedBy[i] == 0 && !j.cloudFront[e.class] {
				of++
				if prober(e.client, e.agent) {
					n++
				}
			}
		}
		j.noisyKey[k] = n*10 >= of*8
	}
}

// noisy reports whether a run is noise: all its paths are, or, for a key that was
// asked for directly, its S3 lines.
func (j *joiner) noisy(r *keyRun, key []byte, bucket uint32) bool {
	if len(r.events) > 0 {
		for k, s := range r.stems {
			if r.kept[k] > 0 && !j.noisyStem[s] {
				return false
			}
		}
		return true
	}
	if _, foreign := j.folders.foreign('o', bucket, key); len(r.alone) > 0 || !foreign && !isProbe(key) {
		return false
	}
	return len(r.direct) == 0 || j.noisyKey[r.key]
}

// A noiseFold sums up what was marked.
type noiseFold struct {
	sum  Noise
	most []noiseExample // different ones, most requests first
}

type noiseExample struct {
	text string
	n    int64
}

const mostExamples = 5

func (f *noiseFold) add(text string, requests int64) {
	f.sum.Keys++
	f.sum.Requests += requests
	e := noiseExample{text, requests}
	byCount := func(a, b noiseExample) int { return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.text, b.text)) }
	if n := len(f.most); n == mostExamples && byCount(f.most[n-1], e) <= 0 {
		return
	}
	if i := slices.IndexFunc(f.most, func(m noiseExample) bool { return m.text == text }); i >= 0 {
		f.most[i].n = max(f.most[i].n, requests)
	} else {
		f.most = append(f.most, e)
	}
	slices.SortFunc(f.most, byCount)
	f.most = f.most[:min(len(f.most), mostExamples)]
}

func (f *noiseFold) addKey(k *FailingKey) {
	if !k.Noise {
		return
	}
	text := k.Key
	if len(k.URIs) > 0 {
		text = k.URIs[0]
	}
	f.add(text, k.weight())
}

func (f *noiseFold) noise() Noise {
	for _, e := range f.most {
		f.sum.Examples = append(f.sum.Examples, e.text)
	}
	return f.sum
}

// A folderSet holds what was served: top folders, and the extensions of files
// at the root, by kind of scope and its number.
type folderSet struct {
	names map[servedName]bool
	count map[servedName]int64 // of a scope, with name ""
}

type servedName struct {
	kind  byte
	scope uint32
	name  string
}

func (j *joiner) servedFolders() *folderSet {
	set := &folderSet{make(map[servedName]bool), make(map[servedName]int64)}
	g := j.g
	for i, n := range g.passed.counts() {
		if n == 0 {
			continue
		}
		f := &g.passed.features.list[i]
		scope := j.scopeOf(f)
		set.count[servedName{f.kind, scope, ""}] += n
		set.names[servedName{f.kind, scope, topOf(readTraits([]byte(f.traits)))}] = true
	}
	return set
}

// scopeOf returns the number of the feature's distribution or bucket.
func (j *joiner) scopeOf(f *feature) uint32 {
	if f.kind == 'e' {
		return j.distribution(j.g.distributions.id([]byte(f.scope)))
	}
	return j.g.buckets.id([]byte(f.scope))
}

// topOf returns a key's first folder, or the extension of a file at the root.
func topOf(t traits) string {
	if i := bytes.IndexByte(t.prefix, '/'); i >= 0 {
		return string(t.prefix[:i+1])
	}
	return string(t.extension)
}

// foreign names a path's first folder (at the root: its extension) and reports
// whether the site is known and nothing was ever served there.
func (f *folderSet) foreign(kind byte, scope uint32, key []byte) (place string, foreign bool) {
	place = topOf(traitsOf(key))
	return place, f.count[servedName{kind, scope, ""}] >= knownSite && !f.names[servedName{kind, scope, place}]
}

// isProbe reports whether the path holds a word that scanners use.
func isProbe(path []byte) bool {
	text := lower("/" + strings.TrimPrefix(string(path), "/"))
	return slices.ContainsFunc(probeWords, func(w string) bool { return strings.Contains(text, w) })
}

// probeWords are parts of paths that scanners ask for and that no static site
// holds.
var probeWords = []string{
	".php", ".asp", ".jsp", ".cgi", "/cgi-bin", "/wp-", "/wordpress", "/xmlrpc", "/phpmyadmin",
	"/.env", "/.git", "/.aws", "/.ssh", "/.svn", "/.hg", "/.vscode", "/.ds_store", "/.htaccess", "/.htpasswd",
	".sql", ".bak", "/id_rsa", "/actuator", "/server-status", "/vendor/phpunit", "/solr/", "/owa/", "/backup",
}
