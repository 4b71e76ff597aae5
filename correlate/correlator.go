package correlate

import (
	"cmp"
	"context"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/why403/why403/internal/spill"
	"github.com/why403/why403/logs"
)

// Options tune a Correlator. The zero value is sensible.
type Options struct {
	KeepPairs bool   // fill Result.Pairs; costs the request ids of all failing lines
	OwnAgent  string // lines whose User-Agent holds it are ours and dropped; "" is "why403/"

	// Detailed bounds the failing keys that get Samples and Resolution: those
	// with the most lines. 0 is 20,000.
	Detailed int
	// MaxKeys bounds the failing keys in the Result; those with the fewest lines
	// are only counted, in Result.Rest. 0 is no bound.
	MaxKeys int

	// Memory bounds, in bytes, what is held of failing lines and keys; what is
	// more goes to temporary files. The Result is the same. 0 is no bound.
	Memory int64
}

// A Correlator gathers what logs say of failing requests and joins it.
//
// Call Handler once for each scanning goroutine, then Result once, when all of
// them are done. What Result says does not depend on how the lines were spread
// over the goroutines, nor on their order.
type Correlator struct {
	o         Options
	mem       *spill.Memory // nil without a bound
	cold      *spill.Memory // of what is seldom touched
	seed      maphash.Seed
	mu        sync.Mutex
	gatherers []*gatherer
}

// New returns a Correlator.
func New(o Options) *Correlator {
	if o.OwnAgent == "" {
		o.OwnAgent = "why403/"
	}
	if o.Detailed == 0 {
		o.Detailed = 20_000
	}
	c := &Correlator{o: o, seed: maphash.MakeSeed()}
	if o.Memory > 0 {
		c.mem, c.cold = spill.NewMemory(o.Memory/8*3), spill.NewMemory(o.Memory/32)
	}
	return c
}

// Handler returns a new Handler for one goroutine. It is safe for concurrent
// use; the Handler is not.
func (c *Correlator) Handler() logs.Handler {
	g := c.gatherer()
	c.mu.Lock()
	c.gatherers = append(c.gatherers, g)
	c.mu.Unlock()
	return g
}

func (c *Correlator) gatherer() *gatherer {
	g := &gatherer{
		seed: c.seed, own: []byte(c.o.OwnAgent), keepIDs: c.o.KeepPairs,
		stems: newKeyTable(c.seed, c.mem), keys: newKeyTable(c.seed, c.mem),
		edge: chunked[edgeEvent]{mem: c.mem}, origin: chunked[originEvent]{mem: c.mem},
		passed: passed{mem: c.mem, wide: chunked[wide]{mem: c.mem}},
		lines:  lineStore{arena: arena{mem: c.cold}},
	}
	g.lines.sources = []*lineNames{&g.names}
	return g
}

// Distributions returns the names that CloudFront's lines have given to
// distributions, sorted: ids, or domain names where the log tells no id. It is
// for the time between the last line and Result, which wants their settings.
func (c *Correlator) Distributions() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	for _, g := range c.gatherers {
		all = append(all, g.distributions.list...)
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(s string) bool { return s == "" })
}

// Fetched returns the buckets that CloudFront failed to fetch objects from, by
// S3's own lines, sorted. It is for the same time as Distributions: S3 names no
// distribution.
func (c *Correlator) Fetched() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	for _, g := range c.gatherers {
		seen := make([]bool, len(g.buckets.list))
		for i := range uint32(g.keys.entries.n) {
			if scope := g.keys.entries.at(i).scope; scope&1 == 1 && !seen[scope>>1] {
				seen[scope>>1] = true
				all = append(all, g.buckets.name(scope>>1))
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Result joins and groups what the Handlers gathered, by the settings, of which
// every part may be missing. It uses the Handlers' memory: the Correlator can't
// be used afterwards. The Result keeps pointers into the settings. The error is
// ctx's, or that of temporary files. The caller closes the Result.
func (c *Correlator) Result(ctx context.Context, s Settings) (*Result, error) {
	c.mu.Lock()
	all := c.gatherers
	c.gatherers = nil
	c.mu.Unlock()
	if len(all) == 0 {
		all = []*gatherer{c.gatherer()}
	}
	for _, g := range all {
		g.settle()
	}
	g := all[0]
	for i, q := range all[1:] {
		g.merge(q)
		all[i+1] = nil
	}
	defer c.mem.Free()
	defer c.cold.Free()
	j := newJoiner(s, c.o, g, c.mem)
	for _, step := range []func(){j.order, j.resolve, j.learn, j.join, j.noise, j.rank, j.choosePlain, j.group, j.finish} {
		step()
		if err := cmp.Or(ctx.Err(), c.mem.Err(), c.cold.Err(), j.out.mem.Err()); err != nil {
			j.out.Close()
			return nil, err
		}
	}
	out := j.out // a pointer into j would keep all of it
	return &out, nil
}

// merge takes over what another goroutine gathered.
func (g *gatherer) merge(q *gatherer) {
	translate := func(to, from *names) []uint32 {
		ids := make([]uint32, len(from.list))
		for i, s := range from.list {
			ids[i] = to.id([]byte(s))
		}
		return ids
	}
	dists := translate(&g.distributions, &q.distributions)
	buckets := translate(&g.buckets, &q.buckets)
	locations := translate(&g.locations, &q.locations)
	base := g.lines.merge(&q.lines)
	number := func(line *uint32) {
		if *line != 0 {
			*line += base
		}
	}
	edgeKinds := mergeKinds(&g.edgeKinds, &q.edgeKinds)
	originKinds := mergeKinds(&g.originKind, &q.originKind)
	fireKinds := mergeKinds(&g.fireKinds, &q.fireKinds)

	stems := g.stems.merge(&q.stems, func(scope uint32) uint32 { return dists[scope>>2]<<2 | scope&3 })
	q.edge.drain(func(e *edgeEvent) {
		number(&e.line)
		e.stem, e.class, e.loc = stems[e.stem], edgeKinds[e.class], uint16(min(locations[e.loc&mostLocations], mostLocations))|e.loc&quickBit
		g.edge.add(*e)
	})
	spill.Drop(g.stems.mem, stems)
	keys := g.keys.merge(&q.keys, func(scope uint32) uint32 { return buckets[scope>>1]<<1 | scope&1 })
	q.origin.drain(func(e *originEvent) {
		number(&e.line)
		e.key, e.class = keys[e.key], originKinds[e.class]
		g.origin.add(*e)
	})
	spill.Drop(g.keys.mem, keys)
	for _, f := range q.firewall {
		g.firewall = append(g.firewall, firewallEvent{f.req, fireKinds[f.class]})
	}
	g.edgeIDs = append(g.edgeIDs, q.edgeIDs...)
	g.originIDs = append(g.originIDs, q.originIDs...)

	features := make([]uint32, len(q.features.list))
	for i, s := range q.features.list {
		b := []byte(s)
		kind, scope, _ := readFeature(s)
		id := buckets
		if kind == 'e' {
			id = dists
		}
		b[1], b[2], b[3] = byte(id[scope]), byte(id[scope]>>8), byte(id[scope]>>16)
		features[i] = g.features.id(b)
	}
	g.passed.merge(&q.passed, func(f uint32) uint32 { return features[f] })

	for kind, ids := range [...][]uint32{spanEdge: dists, spanOrigin: buckets} {
		for i, s := range q.spans[kind] {
			if s.First != 0 {
				g.span(kind, ids[i], s.First)
				g.span(kind, ids[i], s.Last)
			}
		}
	}
	g.ownLines += q.ownLines
	g.sawEdge = g.sawEdge || q.sawEdge
	g.sawOrigin = g.sawOrigin || q.sawOrigin
	g.sawFire = g.sawFire || q.sawFire
}

func mergeKinds[T any](to, from *kinds[T]) []uint32 {
	ids := make([]uint32, len(from.list))
	for h, i := range from.ids {
		id, ok := to.find(h)
		if !ok {
			id = to.add(h, from.list[i])
		}
		ids[i] = id
	}
	return ids
}

// drain calls f for everything and lets go of it on the way.
func (c *chunked[T]) drain(f func(*T)) {
	for i, chunk := range c.chunks {
		for k := range chunk {
			f(&chunk[k])
		}
		spill.Drop(c.mem, chunk)
		c.chunks[i] = nil
	}
	*c = chunked[T]{mem: c.mem}
}

// merge takes over another table's keys and returns the new numbers.
func (t *keyTable) merge(q *keyTable, scope func(uint32) uint32) []uint32 {
	ids := spill.Make[uint32](t.mem, q.entries.n)
	for i := range ids {
		ids[i], _ = t.intern(scope(q.entries.at(uint32(i)).scope), q.key(uint32(i)))
	}
	q.drop()
	return ids
}

// ranks returns each element's place in sorted order.
func ranks[T any](list []T, compare func(a, b *T) int) []uint32 {
	order := make([]uint32, len(list))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(a, b uint32) int { return compare(&list[a], &list[b]) })
	out := make([]uint32, len(list))
	for r, i := range order {
		out[i] = uint32(r)
	}
	return out
}

func compareEdge(a, b *EdgeClass) int {
	return cmp.Or(cmp.Compare(a.Status, b.Status), cmp.Compare(a.Method, b.Method), cmp.Compare(a.Protocol, b.Protocol),
		cmp.Compare(a.Host, b.Host), cmp.Compare(a.Result, b.Result), cmp.Compare(a.ResponseResult, b.ResponseResult),
		cmp.Compare(a.DetailedResult, b.DetailedResult), cmp.Compare(a.ContentType, b.ContentType), cmp.Compare(a.ContentLength, b.ContentLength),
		cmp.Compare(a.OriginAsked, b.OriginAsked), compareBool(a.HasQuery, b.HasQuery), compareBool(a.SignedQuery, b.SignedQuery), cmp.Compare(a.PathPattern, b.PathPattern))
}

func compareOrigin(a, b *OriginClass) int {
	return cmp.Or(cmp.Compare(a.Status, b.Status), cmp.Compare(a.ErrorCode, b.ErrorCode), cmp.Compare(a.Operation, b.Operation),
		cmp.Compare(a.Requester, b.Requester), cmp.Compare(a.AuthType, b.AuthType), cmp.Compare(a.SignatureVer, b.SignatureVer),
		cmp.Compare(a.TLSVersion, b.TLSVersion), cmp.Compare(a.HostHeader, b.HostHeader), cmp.Compare(a.Referer, b.Referer),
		cmp.Compare(a.UserAgent, b.UserAgent), cmp.Compare(a.AccessPointARN, b.AccessPointARN), compareBool(a.ACLRequired, b.ACLRequired),
		compareBool(a.RawBytes, b.RawBytes), compareBool(a.Presigned, b.Presigned), compareBool(a.FromCloudFront, b.FromCloudFront))
}

func compareFirewall(a, b *FirewallClass) int {
	return cmp.Or(cmp.Compare(a.Action, b.Action), cmp.Compare(a.RuleID, b.RuleID), cmp.Compare(a.RuleType, b.RuleType),
		cmp.Compare(a.GroupRule, b.GroupRule), cmp.Compare(a.WebACL, b.WebACL))
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
