package correlate

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
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

// A patternGroup sums up what Patterns compares.
type patternGroup struct {
	groupID
	all        members
	traits     [len(keyTraits)]members
	folders    map[string]*members
	extensions map[string]*members
	methods    tallies
	protocols  tallies
	hosts      tallies
	began      ageTally
	fixed      ageTally
	mixed      members
	served     []PassedGroup
	total      int64 // of served
	rules      []rule
}

type groupID struct {
	dist, bucket string
	edge         bool
}

// members are keys or paths that share something.
type members struct{ n, requests int64 }

func (m *members) add(t *thing) {
	m.n++
	m.requests += t.requests
}

// enough reports whether the members are more than chance: three of them, or
// two with many requests.
func (m *members) enough() bool { return m.n >= 3 || m.n == 2 && m.requests >= 20 }

// A rule tells the things that follow a pattern.
type rule struct {
	id      string
	follows func(*thing) bool
}

// A thing is a failing key or a refused path.
type thing struct {
	traits
	requests int64
	edge     []EdgeClass
	key      *FailingKey // nil of a path
}

func keyThing(f *FailingKey) thing {
	return thing{traitsOf([]byte(f.Key)), f.Requests.CloudFront + f.Join.OriginOnly, f.Edge, f}
}

// patterns gathers what failing keys have in common, one key after the other.
type patterns struct {
	groups map[groupID]*patternGroup
	hosts  map[string]map[string]bool // by distribution: hosts of failing requests
	mu     sync.Mutex                 // guards lists: keys are read by many
	lists  idLists
}

func (p *patterns) addKey(f *FailingKey) {
	p.addHosts(f.Distribution, f.Edge)
	if !f.Noise {
		t := keyThing(f)
		p.group(groupID{f.Distribution, f.Bucket, false}).add(&t)
	}
}

func (p *patterns) addPath(f *EdgeFailure) {
	p.addHosts(f.Distribution, f.Edge)
	if !f.Noise {
		p.group(groupID{f.Distribution, "", true}).add(&thing{traitsOf([]byte(f.URI)), f.Requests, f.Edge, nil})
	}
}

func (p *patterns) addHosts(dist string, classes []EdgeClass) {
	for i := range classes {
		if h := classes[i].Host; h != "" && !p.hosts[dist][h] {
			if p.hosts == nil {
				p.hosts = make(map[string]map[string]bool)
			}
			if p.hosts[dist] == nil {
				p.hosts[dist] = make(map[string]bool)
			}
			p.hosts[dist][h] = true
		}
	}
}

func (p *patterns) group(id groupID) *patternGroup {
	g := p.groups[id]
	if g == nil {
		if p.groups == nil {
			p.groups = make(map[groupID]*patternGroup)
		}
		g = &patternGroup{groupID: id, folders: make(map[string]*members), extensions: make(map[string]*members)}
		p.groups[id] = g
	}
	return g
}

// find names the patterns of what was added, against what the result says was
// served.
func (p *patterns) find(r *Result) []Pattern {
	var out []Pattern
	for _, g := range p.groups {
		_, logged := r.Coverage.Buckets[g.bucket]
		for _, served := range r.Passed {
			// A bucket's own log tells best; without one the distribution's does.
			if !g.edge && logged {
				if served.Bucket != g.bucket {
					continue
				}
			} else if served.Distribution != g.dist || served.Bucket != "" {
				continue
			}
			g.served = append(g.served, served)
			g.total += served.Count
		}
		out = append(out, g.patterns(r, p.hosts[g.dist])...)
	}
	slices.SortFunc(out, func(a, b Pattern) int {
		return cmp.Or(cmp.Compare(a.Distribution, b.Distribution), cmp.Compare(a.Bucket, b.Bucket), compareBool(a.Edge, b.Edge),
			cmp.Compare(b.Requests, a.Requests), cmp.Compare(b.Keys, a.Keys), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// follow sets the key's Pattern.
func (p *patterns) follow(f *FailingKey) {
	f.Pattern = nil
	if f.Noise {
		return
	}
	t, list := keyThing(f), 0
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.groups[groupID{f.Distribution, f.Bucket, false}].rules {
		if r.follows(&t) {
			list = p.lists.with(list, r.id)
		}
	}
	f.Pattern = p.lists.list(list)
}

// add counts a thing in.
func (g *patternGroup) add(t *thing) {
	g.all.add(t)
	for k := range keyTraits {
		if keyTraits[k].failing(t.traits) {
			g.traits[k].add(t)
		}
	}
	count := func(m map[string]*members, name []byte) {
		v := m[string(name)]
		if v == nil {
			v = new(members)
			m[string(name)] = v
		}
		v.add(t)
	}
	if len(t.extension) > 0 {
		count(g.extensions, t.extension)
	}
	eachFolder(t.prefix, func(f []byte) { count(g.folders, f) })
	for k := range t.edge {
		c := &t.edge[k]
		g.methods.add(c.Method, c.Count, t, g.all.n)
		g.protocols.add(c.Protocol, c.Count, t, g.all.n)
		g.hosts.add(lower(c.Host), c.Count, t, g.all.n)
	}
	if f := t.key; f != nil {
		switch {
		case intermittent(f):
			g.mixed.add(t)
			return
		case f.OKBefore > 0:
			g.began.add(t, f.First, f.First)
		}
		if f.OKAfter > 0 {
			g.fixed.add(t, f.OKAfter, f.Last)
		}
	}
}

func intermittent(f *FailingKey) bool { return f.LastOK > f.First && f.LastOK < f.Last }

// An ageTally is the earliest and the latest of two times of its members.
type ageTally struct {
	members
	first, last int64
}

func (a *ageTally) add(t *thing, first, last int64) {
	if a.n == 0 {
		a.first, a.last = first, last
	}
	a.members.add(t)
	a.first, a.last = min(a.first, first), max(a.last, last)
}

// share reports whether n of all is at least percent of it.
func share(n, all, percent int64) bool { return all > 0 && n*100 >= all*percent }

func plural(n int64, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

func (g *patternGroup) patterns(r *Result, hosts map[string]bool) []Pattern {
	var out []Pattern
	all := g.all.n
	noun, nouns := "key", "keys"
	if g.edge {
		noun, nouns = "path", "paths"
	}
	add := func(id, statement string, served int64, m members, follows func(*thing) bool) {
		out = append(out, Pattern{ID: id, Distribution: g.dist, Bucket: g.bucket, Edge: g.edge, Statement: statement,
			Keys: m.n, Of: all, Requests: m.requests, Served: served})
		g.rules = append(g.rules, rule{id, follows})
	}
	every := func(*thing) bool { return true }
	others := fmt.Sprintf("while %s served", plural(g.total, "other was", "others were"))

	// All keys or some.
	if !g.edge {
		switch {
		case g.total == 0 && all >= 2:
			add("all-keys", fmt.Sprintf("all %d keys that were asked for failed; none was served", all), 0, g.all, every)
		case g.total > 0:
			add("some-keys", fmt.Sprintf("%s failed %s", plural(all, noun, nouns), others), g.total, g.all, every)
		}
	}

	servedFolders, servedExtensions := make(map[string]int64), make(map[string]int64)
	for i := range g.served {
		p := &g.served[i]
		servedExtensions[p.Extension] += p.Count
		eachFolder([]byte(p.Prefix), func(f []byte) { servedFolders[string(f)] += p.Count })
	}
	done := ""
	for _, f := range biggest(g.folders) {
		if g.total == 0 || servedFolders[f] > 0 || done != "" && strings.HasPrefix(f, done) {
			continue
		}
		done = f
		m := *g.folders[f]
		add("prefix:"+f, fmt.Sprintf("every %s under %s that was asked for failed (%d); elsewhere %s served", noun, quote(f), m.n, plural(g.total, noun+" was", nouns+" were")), 0, m,
			func(t *thing) (in bool) {
				eachFolder(t.prefix, func(b []byte) { in = in || string(b) == f })
				return in
			})
	}
	for k := range keyTraits {
		t := &keyTraits[k]
		served := int64(0)
		for i := range g.served {
			if t.served(&g.served[i]) {
				served += g.served[i].Count
			}
		}
		g.trait(t.id, t.says, noun, nouns, g.traits[k], served, func(x *thing) bool { return t.failing(x.traits) }, add)
	}
	for _, e := range biggest(g.extensions) {
		g.trait("extension:"+e, "end in "+quote(e), noun, nouns, *g.extensions[e], servedExtensions[e], func(t *thing) bool { return string(t.extension) == e }, add)
	}

	g.requestTraits(r, hosts, add, every)
	g.ages(r, add)
	return out
}

// An adder adds a pattern with its members, and how they are told.
type adder = func(id, statement string, served int64, m members, follows func(*thing) bool)

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
func biggest(m map[string]*members) []string {
	var out []string
	for v, members := range m {
		if members.enough() {
			out = append(out, v)
		}
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(cmp.Compare(m[b].n, m[a].n), cmp.Compare(a, b)) })
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

// trait adds a pattern when the trait tells failing from served: most failing
// keys have it and few served ones, or enough have it and no served one.
func (g *patternGroup) trait(id, says, noun, nouns string, m members, served int64, follows func(*thing) bool, add adder) {
	n, all := m.n, g.all.n
	switch {
	case !m.enough() || g.total < 2*n && served > 0:
		return
	case g.total == 0:
		if n < all || all < 3 { // nothing to compare with
			return
		}
		add(id, fmt.Sprintf("all %d failing %s %s; nothing was served to compare with", n, nouns, says), 0, m, follows)
	case served == 0 || share(n, all, 80) && !share(served, g.total, 20):
		of := fmt.Sprintf("%d of %d failing %s %s", n, all, nouns, says)
		if n == all {
			of = fmt.Sprintf("all %d failing %s %s", n, nouns, says)
		}
		add(id, fmt.Sprintf("%s; of %s served %s", of, plural(g.total, noun, nouns), plural(served, "does", "do")), served, m, follows)
	}
}

// requestTraits finds what requests rather than keys have in common.
func (g *patternGroup) requestTraits(r *Result, asked map[string]bool, add adder, every func(*thing) bool) {
	methods, protocols, hosts := &g.methods, &g.protocols, &g.hosts
	having := func(value func(*EdgeClass) string, want string) func(*thing) bool {
		return func(t *thing) bool {
			for i := range t.edge {
				if value(&t.edge[i]) == want {
					return true
				}
			}
			return false
		}
	}
	for _, m := range sortedKeys(methods.of) {
		if v := methods.of[m]; m != "GET" && m != "HEAD" {
			add("method:"+m, fmt.Sprintf("%d of %d failing requests are %s", v.lines, methods.total, m), 0, v.members, having(func(c *EdgeClass) string { return c.Method }, m))
		}
	}
	if v := protocols.of["http"]; v != nil && protocols.total >= 3 && share(v.lines, protocols.total, 90) {
		add("protocol:http", fmt.Sprintf("%d of %d failing requests came over http", v.lines, protocols.total), 0, v.members, having(func(c *EdgeClass) string { return c.Protocol }, "http"))
	}
	for _, h := range sortedKeys(hosts.of) {
		// One host fails when others are known to be asked for, too.
		if v := hosts.of[h]; hosts.total >= 5 && share(v.lines, hosts.total, 90) && others(asked, h) {
			add("host:"+h, fmt.Sprintf("%d of %d failing requests asked for host %s", v.lines, hosts.total, quote(h)), 0, v.members, having(func(c *EdgeClass) string { return lower(c.Host) }, h))
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
		add("location:"+name, fmt.Sprintf("%d of %d failing requests came through edge location %s", top, here, name), 0, g.all, every)
	}
}

// tallies counts requests by a value, and the things that have it.
type tallies struct {
	of    map[string]*valueTally
	total int64
}

type valueTally struct {
	members
	lines int64
	last  int64 // number of the last thing counted
}

// add counts n lines of the thing with that number in its group.
func (t *tallies) add(value string, n int64, of *thing, number int64) {
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
	v.lines += n
	t.total += n
	if v.last != number {
		v.members.add(of)
		v.last = number
	}
}

// others reports whether hosts other than this one were asked for.
func others(hosts map[string]bool, host string) bool {
	for h := range hosts {
		if !strings.EqualFold(h, host) {
			return true
		}
	}
	return false
}

// ages finds failures that began or ended within the logs.
func (g *patternGroup) ages(r *Result, add adder) {
	long := r.days() > 1
	at := func(ms int64) string {
		layout := "15:04"
		if long {
			layout = "2006-01-02 15:04"
		}
		return time.UnixMilli(ms).UTC().Format(layout) + " UTC"
	}
	if n, first, last := g.began.n, g.began.first, g.began.last; n > 0 {
		s := "began at " + at(first)
		switch {
		case n > 1 && last-first <= 3_600_000:
			s += fmt.Sprintf(", all %d keys within %s", n, plural(max(1, (last-first+59_999)/60_000), "minute", "minutes"))
		case n > 1:
			s = fmt.Sprintf("began at different times for %d keys, from %s to %s", n, at(first), at(last))
		}
		add("began", s+": served before, refused since", 0, g.began.members, func(t *thing) bool { return !intermittent(t.key) && t.key.OKBefore > 0 })
	}
	if g.fixed.n > 0 {
		add("fixed", fmt.Sprintf("fixed since %s: %s served again, the last refusal was at %s", at(g.fixed.first), plural(g.fixed.n, "key was", "keys were"), at(g.fixed.last)), 0,
			g.fixed.members, func(t *thing) bool { return !intermittent(t.key) && t.key.OKAfter > 0 })
	}
	if g.mixed.n > 0 {
		add("intermittent", fmt.Sprintf("%s served between refusals", plural(g.mixed.n, "key was", "keys were")), 0, g.mixed, func(t *thing) bool { return intermittent(t.key) })
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
