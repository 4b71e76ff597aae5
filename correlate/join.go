package correlate

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/why403/why403/internal/spill"
)

// The time in which an S3 line can belong to a CloudFront line that ended at E
// and took T: [E-T-before, E+after] (log-formats 6.1: both clocks are AWS's and
// both logs cut to seconds).
const (
	windowBefore = 2000 // ms
	windowAfter  = 1000
	// errorTTL is how long an error may be served from CloudFront's cache when
	// the settings say nothing else (CloudFront guide, error caching).
	errorTTL = 10_000
)

// A joiner turns what was gathered into a Result, step by step.
type joiner struct {
	settings Settings
	o        Options
	g        *gatherer
	mem      *spill.Memory
	keys     *sorter[FailingKey] // on their way into the result
	direct   *sorter[FailingKey]
	edge     *sorter[EdgeFailure]
	alike    *patterns
	noises   noiseFold
	out      Result

	edges, origins grouped // events by stem, by key; duplicates removed
	edgeRank       []uint32
	originRank     []uint32
	edgeMethod     []uint32 // by kind: number of the method
	originMethod   []uint32
	identities     []string // canonical user ids that are CloudFront's
	cloudFront     []bool   // by kind of S3 line: CloudFront's
	resolvers      []*Resolver
	lanes          []*lane
	laneOf         map[laneKey]uint32
	stems          []stemInfo
	byKey          grouped // stems by key

	pair         []uint32 // by edge event: its S3 event, plus one; of a collapsed one the S3 event of another
	pairedBy     []uint32 // by S3 event: its edge event, plus one
	ambiguous    []bool   // by S3 event
	blocked      map[uint64]uint32
	owners       map[uint32][]uint32 // by bucket: distributions that use it
	website      map[uint32]bool     // by bucket: seen through its website endpoint
	forwarded    map[uint32]bool     // by bucket: CloudFront forwards the viewer's agent
	byName       []uint32            // the keys, each once: the entry that stands for it
	keyRank      []uint32            // by key: its place among them
	stemRank     []uint32            // by path
	distRank     []uint32            // by distribution
	plain        []bool              // by key: too few lines for samples and resolution
	folded       []bool              // by key: too few lines for more than a count
	rest         map[Rest]Rest
	edgeShared   map[count][]EdgeClass
	originShared map[count][]OriginClass
	folders      *folderSet // what was served
	noisyStem    []bool     // by path: looks like a scanner's
	noisyKey     []bool     // by key: its direct requests look like a scanner's
	locations    map[place]int64
}

// A lane is one behavior of one distribution.
type lane struct {
	dist     uint32
	pattern  string
	behavior *Behavior
	target   *Target // nil without settings
	changes  []*change
	direct   int64 // stems whose resolved key has its S3 line
}

// place is where failing requests came in: what Patterns compares locations by.
type place struct {
	dist, bucket, location uint32
	edge                   bool
}

// anyBucket reports whether S3's log may name the lane's bucket otherwise than
// the settings do: an access point goes by its alias.
func (l *lane) anyBucket() bool { return l.target == nil || l.target.Endpoint.AccessPoint != "" }

type laneKey struct {
	dist    uint32
	pattern string
}

// stemInfo is what is known of one viewer path.
type stemInfo struct {
	lane   uint32
	key    uint32 // its number in the key table
	change uint16 // number of the lane's change, plus one, that leads to the key
	known  uint8  // index of keySources
	noS3   bool
	slow   bool // some answer took as long as an origin's
}

var keySources = [...]KeySource{KeyGuessed, KeyLearnt, KeyResolved, KeyLogged}

const (
	knownGuessed = iota
	knownLearnt
	knownResolved
	knownLogged
)

// grouped lists the members of each group: those of group i are
// order[start[i]:start[i+1]].
type grouped struct{ start, order []uint32 }

func (g *grouped) of(i uint32) []uint32 { return g.order[g.start[i]:g.start[i+1]] }

// groupBy sorts n things into groups, keeping their order.
func groupBy(mem *spill.Memory, n, groups int, of func(i uint32) uint32) grouped {
	g := grouped{spill.Make[uint32](mem, groups+1), spill.Make[uint32](mem, n)}
	for i := range uint32(n) {
		g.start[of(i)+1]++
	}
	for i := range groups {
		g.start[i+1] += g.start[i]
	}
	next := spill.Make[uint32](mem, groups)
	copy(next, g.start)
	for i := range uint32(n) {
		k := of(i)
		g.order[next[k]] = i
		next[k]++
	}
	spill.Drop(mem, next)
	return g
}

// compact sorts each group and drops what same calls equal to its neighbour.
func (g *grouped) compact(compare func(a, b uint32) int, same func(a, b uint32) bool) (dropped int64) {
	w := uint32(0)
	for i := range len(g.start) - 1 {
		members := g.order[g.start[i]:g.start[i+1]]
		slices.SortFunc(members, compare)
		g.start[i] = w
		for k, m := range members {
			if k > 0 && same(members[k-1], m) {
				dropped++
				continue
			}
			g.order[w] = m
			w++
		}
	}
	g.start[len(g.start)-1] = w
	g.order = g.order[:w]
	return dropped
}

func newJoiner(s Settings, o Options, g *gatherer, mem *spill.Memory) *joiner {
	var out *spill.Memory
	if o.Memory > 0 {
		out = spill.NewMemory(o.Memory / 32)
	}
	return &joiner{mem: mem, out: Result{mem: out}, alike: new(patterns),
		keys: newSorter(out, mem, codeKey), direct: newSorter(out, mem, codeKey), edge: newSorter(out, mem, codeFailure),
		settings: s, o: o, g: g, laneOf: make(map[laneKey]uint32), owners: make(map[uint32][]uint32), website: make(map[uint32]bool), forwarded: make(map[uint32]bool), locations: make(map[place]int64),
		rest: make(map[Rest]Rest), edgeShared: make(map[count][]EdgeClass), originShared: make(map[count][]OriginClass)}
}

// order sorts events by path and key and drops lines that were delivered twice:
// CloudFront's by request id, S3's by request id, operation and key.
func (j *joiner) order() {
	g := j.g
	j.edgeRank = ranks(g.edgeKinds.list, compareEdge)
	j.originRank = ranks(g.originKind.list, compareOrigin)
	j.edges = groupBy(j.mem, g.edge.n, g.stems.entries.n, func(i uint32) uint32 { return g.edge.at(i).stem })
	j.out.Duplicates += j.edges.compact(func(a, b uint32) int {
		x, y := g.edge.at(a), g.edge.at(b)
		if c := cmp.Or(cmp.Compare(x.when, y.when), cmp.Compare(x.req, y.req), cmp.Compare(j.edgeRank[x.class], j.edgeRank[y.class]), cmp.Compare(x.client, y.client)); c != 0 {
			return c
		}
		return g.lines.compare(x.line, y.line)
	}, func(a, b uint32) bool {
		x, y := g.edge.at(a), g.edge.at(b)
		return x.req != 0 && x.req == y.req && x.when == y.when
	})
	j.origins = groupBy(j.mem, g.origin.n, g.keys.entries.n, func(i uint32) uint32 { return g.origin.at(i).key })
	// Room for the keys of paths, so that adding them copies nothing.
	start := spill.Make[uint32](j.mem, len(j.origins.start)+g.stems.entries.n+1)
	j.origins.start = start[:copy(start, j.origins.start)]
	j.out.Duplicates += j.origins.compact(func(a, b uint32) int {
		x, y := g.origin.at(a), g.origin.at(b)
		if c := cmp.Or(cmp.Compare(x.time, y.time), cmp.Compare(x.req, y.req), cmp.Compare(j.originRank[x.class], j.originRank[y.class]), cmp.Compare(x.client, y.client)); c != 0 {
			return c
		}
		return g.lines.compare(x.line, y.line)
	}, func(a, b uint32) bool {
		x, y := g.origin.at(a), g.origin.at(b)
		return x.req != 0 && x.req == y.req
	})

	// An identity that settings do not hold is learnt: a canonical user id that
	// once came with CloudFront's agent.
	identities := make(map[string]bool)
	for id := range j.settings.Identities {
		identities[id] = true
	}
	for i := range g.originKind.list {
		if k := &g.originKind.list[i]; k.UserAgent == edgeAgent && isCanonicalID(k.Requester) {
			identities[k.Requester] = true
		}
	}
	j.identities = slices.Collect(maps.Keys(identities))
	j.cloudFront = make([]bool, len(g.originKind.list))
	for i := range g.originKind.list {
		k := &g.originKind.list[i]
		k.FromCloudFront = k.FromCloudFront || identities[k.Requester]
		j.cloudFront[i] = k.FromCloudFront
	}

	var methods names
	for i := range g.edgeKinds.list {
		j.edgeMethod = append(j.edgeMethod, methods.id([]byte(g.edgeKinds.list[i].Method)))
	}
	for i := range g.originKind.list {
		j.originMethod = append(j.originMethod, methods.id([]byte(operationMethod(g.originKind.list[i].Operation))))
	}

	j.blocked = make(map[uint64]uint32, len(g.firewall))
	rank := ranks(g.fireKinds.list, compareFirewall)
	for _, f := range g.firewall {
		if old, ok := j.blocked[f.req]; !ok || rank[f.class] < rank[old] {
			j.blocked[f.req] = f.class
		}
	}

	cov := &j.out.Coverage
	cov.Edge, cov.Origin, cov.Firewall = g.sawEdge, g.sawOrigin, g.sawFire
	cov.Distributions, cov.Buckets = make(map[string]Span), make(map[string]Span)
	for i, s := range g.spans[spanEdge] {
		if s.First != 0 {
			cov.Distributions[g.distributions.name(uint32(i))] = s
		}
	}
	for i, s := range g.spans[spanOrigin] {
		if s.First != 0 {
			cov.Buckets[g.buckets.name(uint32(i))] = s
		}
	}
}

func isCanonicalID[T string | []byte](s T) bool {
	if len(s) != 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c-'0' > 9 && c-'a' > 5 {
			return false
		}
	}
	return true
}

// resolverOf returns the Resolver for a distribution's name in the log: its id
// or, where the log has no id, its domain name.
func (j *joiner) resolverOf(name string) *Resolver {
	for _, d := range j.settings.Distributions {
		if name != "" && (name == d.ID || strings.EqualFold(name, d.DomainName)) {
			return NewResolver(d, j.settings.Websites)
		}
	}
	return nil
}

// resolve finds the key of every path by the settings.
func (j *joiner) resolve() {
	g := j.g
	for _, d := range j.settings.Distributions {
		g.distributions.id([]byte(d.ID))
	}
	for _, name := range g.distributions.list {
		j.resolvers = append(j.resolvers, j.resolverOf(name))
	}
	for i, r := range j.resolvers {
		if r == nil {
			continue
		}
		for k := range r.d.Origins {
			if e := ParseEndpoint(r.d.Origins[k].DomainName); e.Bucket != "" {
				j.own(g.buckets.id([]byte(e.Bucket)), uint32(i))
			}
		}
	}
	j.stems = spill.Make[stemInfo](j.mem, g.stems.entries.n)
	for i := range j.stems {
		id := uint32(i)
		if len(j.edges.of(id)) == 0 {
			continue
		}
		dist := g.stems.entries.at(id).scope >> 2
		stem := string(g.stems.key(id))
		slow := slices.ContainsFunc(j.edges.of(id), func(i uint32) bool { return !g.edge.at(i).quick() })
		if r := j.resolvers[dist]; r != nil {
			res := r.Resolve(stem)
			info := stemInfo{lane: j.lane(dist, res.Behavior, &res.Target, ""), known: knownResolved, slow: slow}
			switch {
			case !res.S3 && res.Origin != nil && j.covered(res.Origin.DomainName):
				// A domain name of one's own before a bucket of that name.
				key := KeyOfWire(res.Wire)
				info.key = j.keyID(res.Origin.DomainName, key)
				if index := (&Website{IndexSuffix: "index.html"}).Index(key); !j.hasLine(id, info.key) {
					info.key = j.keyID(res.Origin.DomainName, index)
				}
			case !res.S3:
				info.noS3 = res.Origin != nil
				info.key, info.known = j.keyID("", KeyOfWire(res.Path)), knownGuessed
			default:
				info.key = j.keyID(res.Bucket, res.Key)
				if s := res.Second; s != nil && s.S3 && slices.Contains(res.Group.Statuses, 403) {
					// The viewer's 403 is the second origin's: the first one's was
					// the reason to ask it.
					if second := j.keyID(s.Bucket, s.Key); j.hasLine(id, second) || !j.hasLine(id, info.key) && j.covered(s.Bucket) {
						info.key = second
						info.lane = j.lane(dist, res.Behavior, s, "\x00second")
					}
				}
			}
			if j.hasLine(id, info.key) {
				info.known = knownLogged
				j.lanes[info.lane].direct++
			}
			j.stems[i] = info
			continue
		}
		pattern := g.edgeKinds.list[g.edge.at(j.edges.of(id)[0]).class].PathPattern
		j.stems[i] = stemInfo{lane: j.lane(dist, nil, nil, pattern), key: noKey, slow: slow}
	}
}

const noKey = 1<<32 - 1

func (j *joiner) covered(bucket string) bool {
	_, ok := j.out.Coverage.Buckets[bucket]
	return ok
}

func (j *joiner) own(bucket, dist uint32) {
	if !slices.Contains(j.owners[bucket], dist) {
		j.owners[bucket] = append(j.owners[bucket], dist)
	}
}

func (j *joiner) lane(dist uint32, b *Behavior, t *Target, pattern string) uint32 {
	if b != nil {
		pattern = b.PathPattern + pattern
	}
	k := laneKey{dist, pattern}
	id, ok := j.laneOf[k]
	if !ok {
		id = uint32(len(j.lanes))
		pattern, _, _ = strings.Cut(pattern, "\x00")
		l := &lane{dist: dist, pattern: pattern, behavior: b}
		if t != nil {
			c := *t
			l.target = &c
		}
		j.lanes = append(j.lanes, l)
		j.laneOf[k] = id
	}
	return id
}

// keyID numbers a key as CloudFront asks for it.
func (j *joiner) keyID(bucket, key string) uint32 {
	id, fresh := j.g.keys.intern(j.g.buckets.id([]byte(bucket))<<1|1, []byte(key))
	if fresh { // no S3 line of CloudFront's names it
		n := j.origins.start[len(j.origins.start)-1]
		j.origins.start = append(j.origins.start, n)
	}
	return id
}

// window is the span in which the S3 line of an edge event can lie.
func window(e *edgeEvent) (lo, hi int64) {
	return e.end() - e.taken() - windowBefore, e.end() + windowAfter
}

// hasLine reports whether an S3 line for the key fits a request for the path.
// It looks at a path's first requests only.
func (j *joiner) hasLine(stem, key uint32) bool {
	lines := j.origins.of(key)
	if len(lines) == 0 {
		return false
	}
	events := j.edges.of(stem)
	if len(events) > 16 {
		events = events[:16]
	}
	for _, i := range events {
		e := j.g.edge.at(i)
		lo, hi := window(e)
		k, _ := slices.BinarySearchFunc(lines, lo, func(o uint32, t int64) int { return cmp.Compare(j.g.origin.at(o).time, t) })
		for ; k < len(lines) && j.g.origin.at(lines[k]).time <= hi; k++ {
			if j.sameMethod(e, j.g.origin.at(lines[k])) {
				return true
			}
		}
	}
	return false
}

func (j *joiner) sameMethod(e *edgeEvent, o *originEvent) bool {
	return j.edgeMethod[e.class] == j.originMethod[o.class]
}

// operationMethod returns the method in an S3 operation: REST.GET.OBJECT.
func operationMethod(op string) string {
	_, m, _ := strings.Cut(op, ".")
	m, _, _ = strings.Cut(m, ".")
	return m
}

// join ties CloudFront's lines to S3's, key by key.
func (j *joiner) join() {
	g := j.g
	j.byKey = groupBy(j.mem, len(j.stems), g.keys.entries.n, func(i uint32) uint32 { return j.stems[i].key })
	j.byKey.compact(func(a, b uint32) int {
		x, y := g.stems.entries.at(a), g.stems.entries.at(b)
		return cmp.Or(cmp.Compare(g.distributions.name(x.scope>>2), g.distributions.name(y.scope>>2)), bytes.Compare(g.stems.key(a), g.stems.key(b)), cmp.Compare(x.scope&3, y.scope&3))
	}, func(a, b uint32) bool { return false })
	j.pair = spill.Make[uint32](j.mem, g.edge.n)
	j.pairedBy = spill.Make[uint32](j.mem, g.origin.n)
	j.ambiguous = spill.Make[bool](j.mem, g.origin.n)

	var edges, lines, others []uint32
	for key := range uint32(g.keys.entries.n) {
		e := g.keys.entries.at(key)
		if e.scope&1 == 0 || len(j.byKey.of(key)) == 0 {
			continue
		}
		edges = edges[:0]
		for _, s := range j.byKey.of(key) {
			if sign(g.stems.entries.at(s).scope&3) == signEdge {
				continue
			}
			for _, i := range j.edges.of(s) {
				if _, ok := j.blocked[g.edge.at(i).req]; !ok || g.edge.at(i).req == 0 {
					edges = append(edges, i)
				}
			}
		}
		lines, others = append(lines[:0], j.origins.of(key)...), others[:0]
		if u, ok := g.keys.find(e.scope&^1, g.keys.key(key)); ok {
			for _, o := range j.origins.of(u) {
				if j.cloudFront[g.origin.at(o).class] {
					lines = append(lines, o)
				} else if g.origin.at(o).agent != 0 {
					others = append(others, o)
				}
			}
		}
		j.match(edges, lines, false)
		if len(others) == 0 {
			continue
		}
		// Lines of a forwarded agent: the viewer's agent, but not his address.
		j.match(slices.DeleteFunc(edges, func(i uint32) bool { return j.pair[i] != 0 }), others, true)
		if slices.ContainsFunc(others, func(o uint32) bool { return j.pairedBy[o] != 0 }) {
			j.forwarded[e.scope>>1] = true
		}
	}
}

// match joins a key's CloudFront lines with its S3 lines, for each method by
// itself and, byAgent, for each agent.
func (j *joiner) match(edges, lines []uint32, byAgent bool) {
	if len(edges) == 0 || len(lines) == 0 {
		return
	}
	g := j.g
	class := func(method uint32, agent uint16) uint32 {
		if !byAgent {
			agent = 0
		}
		return method<<16 | uint32(agent&^1)
	}
	edgeClass := func(i uint32) uint32 { e := g.edge.at(i); return class(j.edgeMethod[e.class], e.agent) }
	lineClass := func(o uint32) uint32 { l := g.origin.at(o); return class(j.originMethod[l.class], l.agent) }
	slices.SortFunc(edges, func(a, b uint32) int {
		x, y := g.edge.at(a), g.edge.at(b)
		return cmp.Or(cmp.Compare(edgeClass(a), edgeClass(b)), cmp.Compare(x.end()-x.taken(), y.end()-y.taken()), cmp.Compare(x.when, y.when), cmp.Compare(x.req, y.req), cmp.Compare(j.edgeRank[x.class], j.edgeRank[y.class]))
	})
	slices.SortFunc(lines, func(a, b uint32) int {
		x, y := g.origin.at(a), g.origin.at(b)
		return cmp.Or(cmp.Compare(lineClass(a), lineClass(b)), cmp.Compare(x.time, y.time), cmp.Compare(x.req, y.req), cmp.Compare(j.originRank[x.class], j.originRank[y.class]))
	})
	for len(edges) > 0 && len(lines) > 0 {
		c := min(edgeClass(edges[0]), lineClass(lines[0]))
		n := 0
		for n < len(edges) && edgeClass(edges[n]) == c {
			n++
		}
		m := 0
		for m < len(lines) && lineClass(lines[m]) == c {
			m++
		}
		if n > 0 && m > 0 {
			j.matchAlike(edges[:n], lines[:m], byAgent)
		}
		edges, lines = edges[n:], lines[m:]
	}
}

// matchAlike gives each S3 line at most one CloudFront line whose window holds
// it, and the other way round, first within the time that clocks of one second
// demand, then within the whole window. In each round the lines go by time and
// each takes the CloudFront line whose window closes first: that joins as many
// as can be joined. A pair is ambiguous unless neither has another candidate.
// Both lists are sorted by time.
func (j *joiner) matchAlike(edges, lines []uint32, foreign bool) {
	g := j.g
	soonest := endHeap{g: g}
	for _, slack := range [...][2]int64{{999, windowAfter}, {windowBefore, windowAfter}} {
		soonest.list = soonest.list[:0]
		next := 0
		for _, o := range lines {
			if j.pairedBy[o] != 0 {
				continue
			}
			l := g.origin.at(o)
			for ; next < len(edges); next++ {
				e := g.edge.at(edges[next])
				if e.end()-e.taken()-slack[0] > l.time {
					break
				}
				if j.pair[edges[next]] == 0 {
					soonest.push(edges[next])
				}
			}
			for len(soonest.list) > 0 && g.edge.at(soonest.list[0]).end()+slack[1] < l.time {
				soonest.pop()
			}
			if len(soonest.list) == 0 || foreign && g.edge.at(soonest.list[0]).client == l.client {
				continue // the viewer's own request to the bucket
			}
			i := soonest.pop()
			j.pair[i], j.pairedBy[o] = o+1, i+1
		}
	}
	// How many CloudFront lines fit each S3 line, as steps up and down.
	steps := make([]int32, len(lines)+1)
	several := make([]bool, len(edges))
	for n, i := range edges {
		lo, hi := window(g.edge.at(i))
		byTime := func(o uint32, t int64) int { return cmp.Compare(g.origin.at(o).time, t) }
		from, _ := slices.BinarySearchFunc(lines, lo, byTime)
		to, _ := slices.BinarySearchFunc(lines, hi+1, byTime)
		steps[from]++
		steps[to]--
		several[n] = to-from > 1
	}
	fit := int32(0)
	for k, o := range lines {
		fit += steps[k]
		j.ambiguous[o] = fit > 1
	}
	for n, i := range edges {
		if p := j.pair[i]; p != 0 && several[n] {
			j.ambiguous[p-1] = true
		}
	}
}

// An endHeap gives CloudFront lines by the time of their end.
type endHeap struct {
	g    *gatherer
	list []uint32
}

func (h *endHeap) less(a, b int) bool {
	x, y := h.g.edge.at(h.list[a]), h.g.edge.at(h.list[b])
	return cmp.Or(cmp.Compare(x.end(), y.end()), cmp.Compare(y.taken(), x.taken()), cmp.Compare(x.req, y.req)) < 0
}

func (h *endHeap) push(i uint32) {
	h.list = append(h.list, i)
	for n := len(h.list) - 1; n > 0 && h.less(n, (n-1)/2); n = (n - 1) / 2 {
		h.list[n], h.list[(n-1)/2] = h.list[(n-1)/2], h.list[n]
	}
}

func (h *endHeap) pop() uint32 {
	top, last := h.list[0], len(h.list)-1
	h.list[0] = h.list[last]
	h.list = h.list[:last]
	for n := 0; ; {
		c := 2*n + 1
		if c >= last {
			return top
		}
		if c+1 < last && h.less(c+1, c) {
			c++
		}
		if !h.less(c, n) {
			return top
		}
		h.list[n], h.list[c] = h.list[c], h.list[n]
		n = c
	}
}
