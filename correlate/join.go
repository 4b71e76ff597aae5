package correlate

import (
	"cmp"
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/why403/why403/internal/spill"
)

// The time in which an S3 line can belong to a CloudFront line that ended at E
// and took T: [E-T-before, E+after]: both clocks are AWS's, and both logs cut to
// seconds.
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
	kept     *spill.Memory       // of what is written once
	failing  *sorter[FailingKey] // on their way into the result
	direct   *sorter[FailingKey]
	refused  *sorter[EdgeFailure]
	alike    *patterns
	noises   noiseFold
	out      Result

	paths        *table[edgeEvent]   // by distribution and bytes; scope: distribution<<2 | sign
	keys         *table[originEvent] // that S3's log names, by bucket and bytes; scope: bucket
	keysOf       map[uint32]span     // by bucket
	edgesOf      map[uint32]span     // by distribution: its events
	idOf         map[uint32]uint32   // by a distribution that a log calls by its domain name: that of the id
	domainsOf    map[uint32][]uint32 // the other way round
	added        addedKeys           // that paths lead to beside; their numbers follow those of keys
	edgeRank     []uint32
	originRank   []uint32
	edgeMethod   []uint32 // by kind: number of the method
	originMethod []uint32
	identities   []string // canonical user ids that are CloudFront's
	cloudFront   []bool   // by kind of S3 line: CloudFront's
	resolvers    []*Resolver
	lanes        []*lane
	laneOf       map[laneKey]uint32
	info         []stemInfo // by path
	byKey        grouped    // paths by key

	pair         []uint32 // by edge event: its S3 event, plus one; of a collapsed one the S3 event of another
	pairedBy     []uint32 // by S3 event: its edge event, plus one
	ambiguous    []bool   // by S3 event
	blocked      map[uint64]uint32
	owners       map[uint32][]uint32 // by bucket: distributions that use it
	website      map[uint32]bool     // by bucket: seen through its website endpoint
	forwarded    map[uint32]bool     // by bucket: CloudFront forwards the viewer's agent
	distRank     []uint32            // by distribution
	bucketRank   []uint32            // by bucket
	detailed     worst               // keys that get samples and resolution
	named        worst               // keys that are more than a count
	room         workroom
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
	direct   int64  // stems whose resolved key has its S3 line
	near     uint32 // see find
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

func (g *grouped) drop(mem *spill.Memory) {
	spill.Drop(mem, g.start)
	spill.Drop(mem, g.order)
	*g = grouped{}
}

func newJoiner(s Settings, o Options, g *gatherer, mem, kept *spill.Memory) *joiner {
	var out *spill.Memory
	if o.Memory > 0 {
		out = spill.NewMemory(o.Memory / 32)
	}
	return &joiner{mem: mem, kept: kept, out: Result{mem: out}, alike: new(patterns), added: newAddedKeys(kept), keysOf: make(map[uint32]span), edgesOf: make(map[uint32]span),
		failing: newSorter(out, mem, codeKey), direct: newSorter(out, mem, codeKey), refused: newSorter(out, mem, codeFailure),
		settings: s, o: o, g: g, laneOf: make(map[laneKey]uint32), owners: make(map[uint32][]uint32), website: make(map[uint32]bool), forwarded: make(map[uint32]bool), locations: make(map[place]int64),
		rest: make(map[Rest]Rest), edgeShared: make(map[count][]EdgeClass), originShared: make(map[count][]OriginClass)}
}

// A request that is in two logs of CloudFront, standard and real-time, say, stands
// in one of them with its second alone. Between the two are lines of the same
// path and second.
const (
	sameRequest = 1000 // ms
	recentEdges = 16
)

// byID gives lines that bear a distribution's domain name alone to its id, where
// the settings tell it.
func (j *joiner) byID(sources []source[edgeEvent]) []part[edgeEvent] {
	j.idOf, j.domainsOf = make(map[uint32]uint32), make(map[uint32][]uint32)
	for i, name := range j.g.distributions.list {
		for _, d := range j.settings.Distributions {
			if d.ID != "" && name != d.ID && strings.EqualFold(name, d.DomainName) {
				id := j.g.distributions.id([]byte(d.ID))
				j.idOf[uint32(i)], j.domainsOf[id] = id, append(j.domainsOf[id], uint32(i))
			}
		}
	}
	var parts []part[edgeEvent]
	for _, s := range sources {
		if len(j.idOf) == 0 {
			parts = append(parts, whole(s))
		} else {
			parts = append(parts, s.renamed(signBits, j.idOf)...)
		}
	}
	return parts
}

// distribution returns the number that stands for a distribution that a log names.
func (j *joiner) distribution(name uint32) uint32 {
	if id, ok := j.idOf[name]; ok {
		return id
	}
	return name
}

// servedBy calls f with the hash of each name by which a log may tell that the
// distribution served a path.
func (j *joiner) servedBy(dist uint32, path uint64, f func(h uint64)) {
	g := j.g
	f(g.hash(edgeDomain, []byte(g.distributions.name(dist))) ^ path)
	for _, d := range j.domainsOf[dist] {
		f(g.hash(edgeDomain, []byte(g.distributions.name(d))) ^ path)
	}
}

// sort merges what was gathered and drops lines that were delivered twice:
// CloudFront's by request id, S3's by request id, operation and key.
func (j *joiner) sort(r *runs) {
	g := j.g
	edges, origins := j.byID(r.paths), make([]part[originEvent], len(r.keys))
	for i, s := range r.keys {
		origins[i] = whole(s)
	}
	j.distRank, j.bucketRank = nameRanks(&g.distributions), nameRanks(&g.buckets)
	paths := merger[edgeEvent]{bits: signBits, rank: j.distRank, compare: edgeOrder(g.edgeKinds.list, &g.lines), look: recentEdges, same: func(a, b *edgeEvent) bool {
		return a.req != 0 && a.req == b.req && b.end()-a.end() < sameRequest
	}, ago: func(a, b *edgeEvent) int64 { return b.end() - a.end() }}
	keys := merger[originEvent]{bits: sureBits, rank: j.bucketRank, twins: true, compare: originOrder(g.originKind.list, &g.lines), look: 1, same: func(a, b *originEvent) bool {
		return a.req != 0 && a.req == b.req
	}}
	var twice [2]int64
	var merging sync.WaitGroup
	merging.Go(func() { j.paths, twice[0] = paths.merge(j.kept, edges) })
	merging.Go(func() { j.keys, twice[1] = keys.merge(j.kept, origins) })
	merging.Wait()
	j.out.Duplicates = twice[0] + twice[1]
	for k := range j.keys.len() {
		extend(j.keysOf, j.keys.scope(k), k, k+1)
	}
	for p := range j.paths.len() {
		from, to := j.paths.of(p)
		extend(j.edgesOf, j.dist(p), from, to)
	}
}

// A span is a range of numbers: from, up to but not to.
type span struct{ from, to uint32 }

func extend(spans map[uint32]span, id, from, to uint32) {
	s, ok := spans[id]
	if !ok {
		s.from = from
	}
	s.to = to
	spans[id] = s
}

func nameRanks(n *names) []uint32 {
	return ranks(n.list, func(a, b *string) int { return cmp.Compare(*a, *b) })
}

// dist returns a path's distribution, sign what its lines say of who refused.
func (j *joiner) dist(path uint32) uint32 { return j.paths.scope(path) >> signBits }
func (j *joiner) sign(path uint32) sign   { return sign(j.paths.scope(path) & (1<<signBits - 1)) }

// edge returns a CloudFront line, line an S3 line.
func (j *joiner) edge(i uint32) *edgeEvent   { return j.paths.events.at(i) }
func (j *joiner) line(i uint32) *originEvent { return j.keys.events.at(i) }

// prepare reads what kinds of lines there are.
func (j *joiner) prepare() {
	g := j.g
	j.edgeRank = ranks(g.edgeKinds.list, compareEdge)
	j.originRank = ranks(g.originKind.list, compareOrigin)

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
		k.FromCloudFront = k.FromCloudFront || identities[k.Requester] || agentlessPreflight(k)
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
			name := g.distributions.name(j.distribution(uint32(i)))
			if old, ok := cov.Distributions[name]; ok {
				s = Span{min(s.First, old.First), max(s.Last, old.Last)}
			}
			cov.Distributions[name] = s
		}
	}
	for i, s := range g.spans[spanOrigin] {
		if s.First != 0 {
			cov.Buckets[g.buckets.name(uint32(i))] = s
		}
	}
}

// agentlessPreflight reports whether a line is a preflight that CloudFront
// passed on: S3 does not know its requester, since a preflight is not
// authenticated, but a browser would have named its agent.
func agentlessPreflight(k *OriginClass) bool {
	return k.Operation == "REST.OPTIONS.PREFLIGHT" && k.Requester == "" && k.UserAgent == ""
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
		if r == nil || j.distribution(uint32(i)) != uint32(i) {
			continue
		}
		for k := range r.d.Origins {
			if e := ParseEndpoint(r.d.Origins[k].DomainName); e.Bucket != "" {
				j.own(g.buckets.id([]byte(e.Bucket)), uint32(i))
			}
		}
	}
	j.info = spill.Make[stemInfo](j.mem, int(j.paths.len()))
	for i := range j.info {
		j.info[i] = j.resolvePath(uint32(i))
	}
}

// resolvePath finds the key of a path.
func (j *joiner) resolvePath(id uint32) stemInfo {
	dist := j.dist(id)
	stem := string(j.paths.name(id))
	slow := false
	from, to := j.paths.of(id)
	for i := from; i < to && !slow; i++ {
		slow = !j.edge(i).quick()
	}
	r := j.resolvers[dist]
	if r == nil {
		pattern := j.g.edgeKinds.list[j.edge(from).class].PathPattern
		return stemInfo{lane: j.lane(dist, nil, nil, pattern), key: noKey, slow: slow}
	}
	res := r.Resolve(stem)
	info := stemInfo{lane: j.lane(dist, res.Behavior, &res.Target, ""), known: knownResolved, slow: slow}
	bucket, key := res.Bucket, res.Key
	look := func() uint32 { return j.find(j.bucket(bucket), key, &j.lanes[info.lane].near) }
	switch {
	case !res.S3 && res.Origin != nil && j.covered(res.Origin.DomainName):
		// A domain name of one's own before a bucket of that name.
		bucket, key = res.Origin.DomainName, KeyOfWire(res.Wire)
		if info.key = look(); !j.hasLine(id, info.key) {
			key = (&Website{IndexSuffix: "index.html"}).Index(key)
			info.key = look()
		}
	case !res.S3:
		info.noS3 = res.Origin != nil
		bucket, key = "", KeyOfWire(res.Path)
		info.key, info.known = look(), knownGuessed
	default:
		info.key = look()
		if strings.Contains(res.Wire, "+") && !j.hasLine(id, info.key) {
			// What S3's line says is the truth, be it the plus itself.
			literal := KeyOfWire(strings.ReplaceAll(res.Wire, "+", "%2B"))
			if n := j.find(j.bucket(bucket), literal, &j.lanes[info.lane].near); j.hasLine(id, n) {
				info.key = n
			}
		}
		if s := res.Second; s != nil && s.S3 && slices.Contains(res.Group.Statuses, 403) {
			// The viewer's 403 is the second origin's: the first one's was
			// the reason to ask it.
			lane := j.lane(dist, res.Behavior, s, "\x00second")
			if second := j.find(j.bucket(s.Bucket), s.Key, &j.lanes[lane].near); j.hasLine(id, second) || !j.hasLine(id, info.key) && j.covered(s.Bucket) {
				bucket, key = s.Bucket, s.Key
				info.lane, info.key = lane, second
			}
		}
	}
	if j.hasLine(id, info.key) {
		info.known = knownLogged
		j.lanes[info.lane].direct++
	}
	if info.key == noKey {
		info.key = j.add(j.bucket(bucket), []byte(key), id)
	}
	return info
}

// bucket numbers a bucket's name.
func (j *joiner) bucket(name string) uint32 { return j.g.buckets.id([]byte(name)) }

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

// window is the span in which the S3 line of an edge event can lie.
func window(e *edgeEvent) (lo, hi int64) {
	return e.end() - e.taken() - windowBefore, e.end() + windowAfter
}

// hasLine reports whether an S3 line for the key fits a request for the path.
// It looks at a path's first requests only.
func (j *joiner) hasLine(path, key uint32) bool {
	_, from, to := j.linesOf(key)
	if from == to {
		return false
	}
	first, end := j.paths.of(path)
	for i := first; i < min(end, first+16); i++ {
		e := j.edge(i)
		lo, hi := window(e)
		k := from + uint32(sort.Search(int(to-from), func(n int) bool { return j.line(from+uint32(n)).time >= lo }))
		for ; k < to && j.line(k).time <= hi; k++ {
			if j.sameMethod(e, j.line(k)) {
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
	j.byKey = groupBy(j.mem, len(j.info), int(j.keys.len()+j.added.len()), func(i uint32) uint32 { return j.info[i].key })
	j.pair = spill.Make[uint32](j.mem, j.paths.events.n)
	j.pairedBy = spill.Make[uint32](j.mem, j.keys.events.n)
	j.ambiguous = spill.Make[bool](j.mem, j.keys.events.n)

	var edges, lines, others []uint32
	for key := range j.keys.len() {
		paths := j.byKey.of(key)
		if len(paths) == 0 {
			continue
		}
		edges = edges[:0]
		for _, s := range paths {
			if j.sign(s) == signEdge {
				continue
			}
			from, to := j.paths.of(s)
			for i := from; i < to; i++ {
				req := j.edge(i).req
				if _, ok := j.blocked[req]; !ok || req == 0 {
					edges = append(edges, i)
				}
			}
		}
		lines, others = lines[:0], others[:0]
		from, sure, to := j.linesOf(key)
		for o := sure; o < to; o++ {
			lines = append(lines, o)
		}
		for o := from; o < sure; o++ {
			if j.cloudFront[j.line(o).class] {
				lines = append(lines, o)
			} else if j.line(o).agent != 0 {
				others = append(others, o)
			}
		}
		j.match(edges, lines, false)
		if len(others) == 0 {
			continue
		}
		// Lines of a forwarded agent: the viewer's agent, but not his address.
		j.match(slices.DeleteFunc(edges, func(i uint32) bool { return j.pair[i] != 0 }), others, true)
		if slices.ContainsFunc(others, func(o uint32) bool { return j.pairedBy[o] != 0 }) {
			j.forwarded[j.keys.scope(key)] = true
		}
	}
}

// match joins a key's CloudFront lines with its S3 lines, for each method by
// itself and, byAgent, for each agent.
func (j *joiner) match(edges, lines []uint32, byAgent bool) {
	if len(edges) == 0 || len(lines) == 0 {
		return
	}
	class := func(method uint32, agent uint16) uint32 {
		if !byAgent {
			agent = 0
		}
		return method<<16 | uint32(agent&^1)
	}
	edgeClass := func(i uint32) uint32 { e := j.edge(i); return class(j.edgeMethod[e.class], e.agent) }
	lineClass := func(o uint32) uint32 { l := j.line(o); return class(j.originMethod[l.class], l.agent) }
	slices.SortFunc(edges, func(a, b uint32) int {
		x, y := j.edge(a), j.edge(b)
		return cmp.Or(cmp.Compare(edgeClass(a), edgeClass(b)), cmp.Compare(x.end()-x.taken(), y.end()-y.taken()), cmp.Compare(x.when, y.when), cmp.Compare(x.req, y.req), cmp.Compare(j.edgeRank[x.class], j.edgeRank[y.class]))
	})
	slices.SortFunc(lines, func(a, b uint32) int {
		x, y := j.line(a), j.line(b)
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
// demand, S3 being asked before CloudFront has answered, then within the whole
// window. In each round the lines go by time and each takes the CloudFront line
// whose window closes first: that joins as many as can be joined. A pair is
// ambiguous unless neither has another candidate. Both lists are sorted by time.
func (j *joiner) matchAlike(edges, lines []uint32, foreign bool) {
	soonest := queue[uint32]{less: func(a, b uint32) bool { // by the time of their end
		x, y := j.edge(a), j.edge(b)
		return cmp.Or(cmp.Compare(x.end(), y.end()), cmp.Compare(y.taken(), x.taken()), cmp.Compare(x.req, y.req)) < 0
	}}
	for _, slack := range [...][2]int64{{999, 0}, {windowBefore, windowAfter}} {
		soonest.list = soonest.list[:0]
		next := 0
		for _, o := range lines {
			if j.pairedBy[o] != 0 {
				continue
			}
			l := j.line(o)
			for ; next < len(edges); next++ {
				e := j.edge(edges[next])
				if e.end()-e.taken()-slack[0] > l.time {
					break
				}
				if j.pair[edges[next]] == 0 {
					soonest.push(edges[next])
				}
			}
			for len(soonest.list) > 0 && j.edge(soonest.list[0]).end()+slack[1] < l.time {
				soonest.pop()
			}
			if len(soonest.list) == 0 || foreign && j.edge(soonest.list[0]).client == l.client {
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
		lo, hi := window(j.edge(i))
		byTime := func(o uint32, t int64) int { return cmp.Compare(j.line(o).time, t) }
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
