package correlate

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Pattern is what failing keys of one distribution and bucket (or, with Edge,
// paths that a distribution's edge refused) have in common, against what was
// served in the same time. It is seen in the logs alone; it orders checks and is
// evidence, not a cause.
type Pattern struct {
	ID                   string // unique within its group: "all-keys", "prefix:beta/", "method:PUT", …
	Distribution, Bucket string
	Edge                 bool
	Statement            string // one sentence with the numbers
	Keys                 int64  // failing keys or paths that follow it
	Of                   int64  // of so many in the group
	Requests             int64  // their failing requests
	Served               int64  // served paths or keys that share the trait
}

// patternGroup is what Patterns compares.
type patternGroup struct {
	dist, bucket string
	edge         bool
	things       []thing
	served       []PassedGroup
	total        int64 // of served
	lists        idLists
	followed     []int // by thing: list of the patterns that it follows
}

// A thing is a failing key or a refused path.
type thing struct {
	key  *FailingKey
	path *EdgeFailure
}

func (t thing) name() string {
	if t.key != nil {
		return t.key.Key
	}
	return t.path.URI
}

func (t thing) requests() int64 {
	if t.key != nil {
		return t.key.Requests.CloudFront + t.key.Join.OriginOnly
	}
	return t.path.Requests
}

func (t thing) edge() []EdgeClass {
	if t.key != nil {
		return t.key.Edge
	}
	return t.path.Edge
}

// Patterns finds what failing keys have in common. Noise is left out. It also
// sets the Pattern of each FailingKey that follows one.
func Patterns(r *Result) []Pattern {
	type id struct {
		dist, bucket string
		edge         bool
	}
	groups := make(map[id]*patternGroup)
	group := func(dist, bucket string, edge bool) *patternGroup {
		g := groups[id{dist, bucket, edge}]
		if g == nil {
			g = &patternGroup{dist: dist, bucket: bucket, edge: edge}
			groups[id{dist, bucket, edge}] = g
		}
		return g
	}
	for _, f := range r.Keys {
		if f.Noise {
			continue
		}
		f.Pattern = nil
		g := group(f.Distribution, f.Bucket, false)
		g.things = append(g.things, thing{key: f})
	}
	for _, f := range r.Edge {
		if f.Noise {
			continue
		}
		g := group(f.Distribution, "", true)
		g.things = append(g.things, thing{path: f})
	}
	for _, g := range groups {
		_, logged := r.Coverage.Buckets[g.bucket]
		for _, p := range r.Passed {
			// A bucket's own log tells best; without one the distribution's does.
			if !g.edge && logged {
				if p.Bucket != g.bucket {
					continue
				}
			} else if p.Distribution != g.dist || p.Bucket != "" {
				continue
			}
			g.served = append(g.served, p)
			g.total += p.Count
		}
	}
	var out []Pattern
	for _, g := range groups {
		out = append(out, g.patterns(r)...)
	}
	slices.SortFunc(out, func(a, b Pattern) int {
		return cmp.Or(cmp.Compare(a.Distribution, b.Distribution), cmp.Compare(a.Bucket, b.Bucket), compareBool(a.Edge, b.Edge),
			cmp.Compare(b.Requests, a.Requests), cmp.Compare(b.Keys, a.Keys), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// share reports whether n of all is at least percent of it.
func share(n, all, percent int64) bool { return all > 0 && n*100 >= all*percent }

func plural(n int64, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

func (g *patternGroup) patterns(r *Result) []Pattern {
	var out []Pattern
	all := int64(len(g.things))
	noun, nouns := "key", "keys"
	if g.edge {
		noun, nouns = "path", "paths"
	}
	add := func(id, statement string, served int64, members []int) {
		p := Pattern{ID: id, Distribution: g.dist, Bucket: g.bucket, Edge: g.edge, Statement: statement, Keys: int64(len(members)), Of: all, Served: served}
		for _, i := range members {
			p.Requests += g.things[i].requests()
			g.followed[i] = g.lists.with(g.followed[i], id)
		}
		out = append(out, p)
	}
	g.followed = make([]int, len(g.things))
	every := make([]int, len(g.things))
	for i := range every {
		every[i] = i
	}
	others := fmt.Sprintf("while %s served", plural(g.total, "other was", "others were"))

	// All keys or some.
	if !g.edge {
		switch {
		case g.total == 0 && all >= 2:
			add("all-keys", fmt.Sprintf("all %d keys that were asked for failed; none was served", all), 0, every)
		case g.total > 0:
			add("some-keys", fmt.Sprintf("%s failed %s", plural(all, noun, nouns), others), g.total, every)
		}
	}

	// Traits of the key: one look at each.
	var members [len(keyTraits)][]int
	folders, extensions := make(map[string][]int), make(map[string][]int)
	for i := range g.things {
		t := traitsOf([]byte(g.things[i].name()))
		for k := range keyTraits {
			if keyTraits[k].failing(t) {
				members[k] = append(members[k], i)
			}
		}
		if len(t.extension) > 0 {
			extensions[string(t.extension)] = append(extensions[string(t.extension)], i)
		}
		eachFolder(t.prefix, func(f []byte) { folders[string(f)] = append(folders[string(f)], i) })
	}
	servedFolders, servedExtensions := make(map[string]int64), make(map[string]int64)
	for i := range g.served {
		p := &g.served[i]
		servedExtensions[p.Extension] += p.Count
		eachFolder([]byte(p.Prefix), func(f []byte) { servedFolders[string(f)] += p.Count })
	}
	done := ""
	for _, f := range g.biggest(folders) {
		if g.total == 0 || servedFolders[f] > 0 || done != "" && strings.HasPrefix(f, done) {
			continue
		}
		done = f
		add("prefix:"+f, fmt.Sprintf("every %s under %s that was asked for failed (%d); elsewhere %s served", noun, quote(f), len(folders[f]), plural(g.total, noun+" was", nouns+" were")), 0, folders[f])
	}
	for k := range keyTraits {
		t := &keyTraits[k]
		served := int64(0)
		for i := range g.served {
			if t.served(&g.served[i]) {
				served += g.served[i].Count
			}
		}
		g.trait(t.id, t.says, noun, nouns, members[k], served, add)
	}
	for _, e := range g.biggest(extensions) {
		g.trait("extension:"+e, "end in "+quote(e), noun, nouns, extensions[e], servedExtensions[e], add)
	}

	g.requestTraits(r, add, every)
	g.ages(r, add)
	for i, n := range g.followed {
		if f := g.things[i].key; f != nil {
			f.Pattern = g.lists.list(n)
		}
	}
	return out
}

// keyTraits are the traits of a key alone.
var keyTraits = [...]struct {
	id, says string
	failing  func(traits) bool
	served   func(*PassedGroup) bool
}{
	{"trailing-slash", "end in a slash", func(t traits) bool { return t.flags&(traitSlash|traitRoot) == traitSlash }, func(p *PassedGroup) bool { return p.Slash }},
	{"no-extension", "have no file extension and no slash at the end", func(t traits) bool { return t.flags&traitSlash == 0 && len(t.extension) == 0 }, func(p *PassedGroup) bool { return !p.Slash && p.Extension == "" }},
	{"odd-bytes", "hold bytes that need encoding", func(t traits) bool { return t.flags&traitOdd != 0 }, func(p *PassedGroup) bool { return p.Odd }},
	{"double-slash", "hold a doubled or leading slash", func(t traits) bool { return t.flags&traitDouble != 0 }, func(p *PassedGroup) bool { return p.Double }},
	{"capitals", "hold capital letters", func(t traits) bool { return t.flags&traitUpper != 0 }, func(p *PassedGroup) bool { return p.Upper }},
}

// eachFolder calls f with a prefix's first folder, and with the first two.
func eachFolder(prefix []byte, f func([]byte)) {
	if k := bytes.IndexByte(prefix, '/') + 1; k > 0 {
		f(prefix[:k])
		if k < len(prefix) {
			f(prefix)
		}
	}
}

// mostAlike bounds the folders and the extensions that are named.
const mostAlike = 20

// biggest returns the values with enough members that have the most, sorted by
// name, so that a folder comes before those in it.
func (g *patternGroup) biggest(m map[string][]int) []string {
	var out []string
	for v, members := range m {
		if g.enough(members) {
			out = append(out, v)
		}
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(cmp.Compare(len(m[b]), len(m[a])), cmp.Compare(a, b)) })
	out = out[:min(len(out), mostAlike)]
	slices.Sort(out)
	return out
}

// idLists holds lists of pattern ids, each once: many keys follow the same ones.
// List 0 is empty.
type idLists struct {
	next map[idStep]int
	all  [][]string
}

type idStep struct {
	list int
	id   string
}

// with returns the list that has one id more.
func (l *idLists) with(list int, id string) int {
	n, ok := l.next[idStep{list, id}]
	if !ok {
		if l.next == nil {
			l.next, l.all = make(map[idStep]int), [][]string{nil}
		}
		n = len(l.all)
		l.next[idStep{list, id}] = n
		l.all = append(l.all, append(slices.Clip(l.all[list]), id))
	}
	return n
}

func (l *idLists) list(n int) []string {
	if n == 0 {
		return nil
	}
	return l.all[n]
}

// enough reports whether the members are more than chance: three of them, or
// two with many requests.
func (g *patternGroup) enough(members []int) bool {
	return len(members) >= 3 || len(members) == 2 && g.things[members[0]].requests()+g.things[members[1]].requests() >= 20
}

// trait adds a pattern when the trait tells failing from served: most failing
// keys have it and few served ones, or enough have it and no served one.
func (g *patternGroup) trait(id, says, noun, nouns string, members []int, served int64, add func(string, string, int64, []int)) {
	n, all := int64(len(members)), int64(len(g.things))
	switch {
	case !g.enough(members) || g.total < 2*n && served > 0:
		return
	case g.total == 0:
		if n < all || all < 3 { // nothing to compare with
			return
		}
		add(id, fmt.Sprintf("all %d failing %s %s; nothing was served to compare with", n, nouns, says), 0, members)
	case served == 0 || share(n, all, 80) && !share(served, g.total, 20):
		of := fmt.Sprintf("%d of %d failing %s %s", n, all, nouns, says)
		if n == all {
			of = fmt.Sprintf("all %d failing %s %s", n, nouns, says)
		}
		add(id, fmt.Sprintf("%s; of %s served %s", of, plural(g.total, noun, nouns), plural(served, "does", "do")), served, members)
	}
}

// requestTraits finds what requests rather than keys have in common.
func (g *patternGroup) requestTraits(r *Result, add func(string, string, int64, []int), every []int) {
	var methods, protocols, hosts tallies
	for i := range g.things {
		edge := g.things[i].edge()
		for k := range edge {
			c := &edge[k]
			methods.add(c.Method, c.Count, i)
			protocols.add(c.Protocol, c.Count, i)
			hosts.add(lower(c.Host), c.Count, i)
		}
	}
	for _, m := range sortedKeys(methods.of) {
		if v := methods.of[m]; m != "GET" && m != "HEAD" {
			add("method:"+m, fmt.Sprintf("%d of %d failing requests are %s", v.n, methods.total, m), 0, v.members)
		}
	}
	if v := protocols.of["http"]; v != nil && protocols.total >= 3 && share(v.n, protocols.total, 90) {
		add("protocol:http", fmt.Sprintf("%d of %d failing requests came over http", v.n, protocols.total), 0, v.members)
	}
	for _, h := range sortedKeys(hosts.of) {
		// One host fails when others are known to be asked for, too.
		if v := hosts.of[h]; hosts.total >= 5 && share(v.n, hosts.total, 90) && r.otherHosts(g, h) {
			add("host:"+h, fmt.Sprintf("%d of %d failing requests asked for host %s", v.n, hosts.total, quote(h)), 0, v.members)
		}
	}
	var here, elsewhere, top int64
	var name string
	for _, l := range r.Locations {
		switch {
		case l.Distribution != g.dist:
		case l.Edge == g.edge && (g.edge || l.Bucket == g.bucket):
			here += l.Count
			if l.Count > top {
				top, name = l.Count, l.Location
			}
		default:
			elsewhere += l.Count
		}
	}
	if here >= 20 && name != "" && share(top, here, 95) && elsewhere > here {
		add("location:"+name, fmt.Sprintf("%d of %d failing requests came through edge location %s", top, here, name), 0, every)
	}
}

// tallies counts requests by a value, and the things that have it.
type tallies struct {
	of    map[string]*valueTally
	total int64
}

type valueTally struct {
	n       int64
	members []int
}

func (t *tallies) add(value string, n int64, thing int) {
	if value == "" {
		return
	}
	if t.of == nil {
		t.of = make(map[string]*valueTally)
	}
	v := t.of[value]
	if v == nil {
		v = new(valueTally)
		t.of[value] = v
	}
	v.n += n
	t.total += n
	if k := len(v.members); k == 0 || v.members[k-1] != thing {
		v.members = append(v.members, thing)
	}
}

// otherHosts reports whether other failing requests of the distribution asked
// for other hosts.
func (r *Result) otherHosts(g *patternGroup, host string) bool {
	differs := func(dist string, classes []EdgeClass) bool {
		return dist == g.dist && slices.ContainsFunc(classes, func(c EdgeClass) bool { return c.Host != "" && !strings.EqualFold(c.Host, host) })
	}
	return slices.ContainsFunc(r.Keys, func(f *FailingKey) bool { return differs(f.Distribution, f.Edge) }) ||
		slices.ContainsFunc(r.Edge, func(f *EdgeFailure) bool { return differs(f.Distribution, f.Edge) })
}

// ages finds failures that began or ended within the logs.
func (g *patternGroup) ages(r *Result, add func(string, string, int64, []int)) {
	if g.edge {
		return
	}
	var began, fixed, mixed []int
	for i := range g.things {
		f := g.things[i].key
		switch {
		case f.LastOK > f.First && f.LastOK < f.Last:
			mixed = append(mixed, i)
			continue
		case f.OKBefore > 0:
			began = append(began, i)
		}
		if f.OKAfter > 0 {
			fixed = append(fixed, i)
		}
	}
	long := r.days() > 1
	at := func(ms int64) string {
		layout := "15:04"
		if long {
			layout = "2006-01-02 15:04"
		}
		return time.UnixMilli(ms).UTC().Format(layout) + " UTC"
	}
	if len(began) > 0 {
		first, last := g.things[began[0]].key.First, g.things[began[0]].key.First
		for _, i := range began {
			first, last = min(first, g.things[i].key.First), max(last, g.things[i].key.First)
		}
		s := "began at " + at(first)
		switch n := len(began); {
		case n > 1 && last-first <= 3_600_000:
			s += fmt.Sprintf(", all %d keys within %s", n, plural(max(1, (last-first+59_999)/60_000), "minute", "minutes"))
		case n > 1:
			s = fmt.Sprintf("began at different times for %d keys, from %s to %s", n, at(first), at(last))
		}
		add("began", s+": served before, refused since", 0, began)
	}
	if len(fixed) > 0 {
		last, after := int64(0), int64(0)
		for _, i := range fixed {
			last = max(last, g.things[i].key.Last)
			if a := g.things[i].key.OKAfter; after == 0 || a < after {
				after = a
			}
		}
		add("fixed", fmt.Sprintf("fixed since %s: %s served again, the last refusal was at %s", at(after), plural(int64(len(fixed)), "key was", "keys were"), at(last)), 0, fixed)
	}
	if len(mixed) > 0 {
		add("intermittent", fmt.Sprintf("%s served between refusals", plural(int64(len(mixed)), "key was", "keys were")), 0, mixed)
	}
}

// days returns how many days the failing requests span.
func (r *Result) days() int64 {
	var first, last int64
	for _, s := range r.Coverage.Distributions {
		if first == 0 || s.First < first {
			first = s.First
		}
		last = max(last, s.Last)
	}
	for _, s := range r.Coverage.Buckets {
		if first == 0 || s.First < first {
			first = s.First
		}
		last = max(last, s.Last)
	}
	return last/86_400_000 - first/86_400_000 + 1
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
