package correlate

import (
	"cmp"
	"context"
	"hash/maphash"
	"math"
	"slices"
	"sync"
	"sync/atomic"

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
	mem       *spill.Memory // of what was served, and of what the join notes; nil without a bound, as the others
	cold      *spill.Memory // of the lines that samples are made of
	runs      *spill.Memory
	tables    *spill.Memory // of all names and events, in order
	seed      maphash.Seed
	passed    *successes
	mu        sync.Mutex
	gatherers []*gatherer
	sharing   atomic.Int64 // the number of them
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
		// What is visited at random gets the most; what is read in order is as fast in a file.
		c.mem = spill.NewMemory(o.Memory / 8 * 3)
		c.cold, c.runs, c.tables = spill.NewMemory(o.Memory/64), spill.NewMemory(o.Memory/64), spill.NewMemory(o.Memory/64)
	}
	c.passed = newSuccesses(c.mem)
	return c
}

// leastShare is what a goroutine gathers at least before it seals a run.
const leastShare = 16 << 10

// share returns how many bytes of names and events a goroutine may gather.
func (c *Correlator) share() int64 { return max(c.o.Memory/16/c.sharing.Load(), leastShare) }

// Handler returns a new Handler for one goroutine. It is safe for concurrent
// use; the Handler is not.
func (c *Correlator) Handler() logs.Handler {
	g := c.gatherer()
	c.mu.Lock()
	c.gatherers = append(c.gatherers, g)
	c.mu.Unlock()
	c.sharing.Add(1)
	return g
}

func (c *Correlator) gatherer() *gatherer {
	g := &gatherer{
		seed: c.seed, own: []byte(c.o.OwnAgent), keepAll: c.o.KeepPairs, run: c.runs,
		passed: c.passed, lines: lineStore{arena: arena{mem: c.cold}},
	}
	if c.o.Memory > 0 {
		g.work, g.share = spill.NewMemory(math.MaxInt64), c.share
	}
	g.begin()
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
		for b, fetched := range g.fetched {
			if fetched {
				all = append(all, g.buckets.name(uint32(b)))
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
	var sealing sync.WaitGroup
	for _, g := range all {
		sealing.Go(func() {
			for part := range g.waiting {
				g.settle(uint64(part))
			}
			g.seal()
		})
	}
	sealing.Wait()
	g := all[0]
	var runs runs
	runs.add(g, g.unchanged())
	for i, q := range all[1:] {
		runs.add(q, g.merge(q))
		all[i+1] = nil
	}
	defer c.mem.Free()
	defer c.cold.Free()
	defer c.tables.Free()
	defer c.runs.Free()
	j := newJoiner(s, c.o, g, c.mem, c.tables)
	sorted := func() {
		j.sort(&runs)
		runs.paths, runs.keys = nil, nil
		c.runs.Free()
	}
	for _, step := range []func(){sorted, j.prepare, j.resolve, j.learn, j.number, j.join, j.noise, j.choosePlain, j.group, j.finish} {
		step()
		if err := cmp.Or(ctx.Err(), c.mem.Err(), c.cold.Err(), c.runs.Err(), c.tables.Err(), j.out.mem.Err()); err != nil {
			j.out.Close()
			return nil, err
		}
	}
	out := j.out // a pointer into j would keep all of it
	return &out, nil
}

// numbers turn a goroutine's numbers into everybody's.
type numbers struct {
	distributions, buckets, locations, edgeKinds, originKinds []uint32
	lines                                                     uint32 // is added
}

// unchanged returns the numbers of the goroutine that the others are merged into.
func (g *gatherer) unchanged() numbers {
	same := func(n int) []uint32 {
		ids := make([]uint32, n)
		for i := range ids {
			ids[i] = uint32(i)
		}
		return ids
	}
	return numbers{same(len(g.distributions.list)), same(len(g.buckets.list)), same(len(g.locations.list)), same(len(g.edgeKinds.list)), same(len(g.originKind.list)), 0}
}

// runs are all goroutines' runs.
type runs struct {
	paths []source[edgeEvent]
	keys  []source[originEvent]
}

func (r *runs) add(g *gatherer, n numbers) {
	number := func(line *uint32) {
		if *line != 0 {
			*line += n.lines
		}
	}
	for _, run := range g.edge.runs {
		r.paths = append(r.paths, source[edgeEvent]{run, n.distributions, func(e *edgeEvent) {
			number(&e.line)
			e.class, e.loc = n.edgeKinds[e.class], uint16(min(n.locations[e.loc&mostLocations], mostLocations))|e.loc&quickBit
		}})
	}
	for _, run := range g.origin.runs {
		r.keys = append(r.keys, source[originEvent]{run, n.buckets, func(e *originEvent) {
			number(&e.line)
			e.class = n.originKinds[e.class]
		}})
	}
	g.edge.runs, g.origin.runs = nil, nil
}

// merge takes over what another goroutine gathered, but for its runs.
func (g *gatherer) merge(q *gatherer) (n numbers) {
	translate := func(to, from *names) []uint32 {
		ids := make([]uint32, len(from.list))
		for i, s := range from.list {
			ids[i] = to.id([]byte(s))
		}
		return ids
	}
	dists := translate(&g.distributions, &q.distributions)
	buckets := translate(&g.buckets, &q.buckets)
	fireKinds := mergeKinds(&g.fireKinds, &q.fireKinds)
	n = numbers{dists, buckets, translate(&g.locations, &q.locations), mergeKinds(&g.edgeKinds, &q.edgeKinds), mergeKinds(&g.originKind, &q.originKind), g.lines.merge(&q.lines)}
	for _, f := range q.firewall {
		g.firewall = append(g.firewall, firewallEvent{f.req, fireKinds[f.class]})
	}

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
	return n
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

// edgeOrder returns how CloudFront's lines of a path are sorted: by time; those of
// one time in some order that lines and kinds alone decide.
func edgeOrder(kinds []EdgeClass, lines *lineStore) func(a, b *edgeEvent) int {
	return func(a, b *edgeEvent) int {
		if a.when != b.when {
			return cmp.Compare(a.when, b.when)
		}
		if a.req != b.req {
			return cmp.Compare(a.req, b.req)
		}
		if a.class != b.class {
			if c := compareEdge(&kinds[a.class], &kinds[b.class]); c != 0 {
				return c
			}
		}
		if a.client != b.client {
			return cmp.Compare(a.client, b.client)
		}
		return lines.compare(a.line, b.line)
	}
}

// originOrder returns how S3's lines of a key are sorted.
func originOrder(kinds []OriginClass, lines *lineStore) func(a, b *originEvent) int {
	return func(a, b *originEvent) int {
		if a.time != b.time {
			return cmp.Compare(a.time, b.time)
		}
		if a.req != b.req {
			return cmp.Compare(a.req, b.req)
		}
		if a.class != b.class {
			if c := compareOrigin(&kinds[a.class], &kinds[b.class]); c != 0 {
				return c
			}
		}
		if a.client != b.client {
			return cmp.Compare(a.client, b.client)
		}
		return lines.compare(a.line, b.line)
	}
}
