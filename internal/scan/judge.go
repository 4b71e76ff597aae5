package scan

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/why403/why403/checks"
	"github.com/why403/why403/checks/causes"
	"github.com/why403/why403/correlate"
	"github.com/why403/why403/internal/gather"
	"github.com/why403/why403/internal/report"
	"github.com/why403/why403/internal/spill"
)

// A judgement is what the report keeps of a diagnosis. Of a site's failing
// keys most share nearly all that is said of them, so equal parts are one.
type judgement struct {
	*common
	causes []report.Cause
	notes  []string
}

// common are the parts of a judgement that many keys share.
type common struct {
	verdict  string
	ruledOut []string
	unknown  []report.Unknown
	plan     []string
}

// A pool keeps one of each common, and the memory for a diagnosis. It belongs to
// one goroutine.
type pool struct {
	checks.Diagnosis
	key   checks.KeyPass
	path  checks.EdgePass
	name  []byte
	notes []string // the last ones
	last  [4]*common
	old   int // of last
	kept  map[string]*common
}

// judgement returns what the report keeps of the pool's diagnosis, in the memory
// of one that is no longer needed.
func (p *pool) judgement(memory judgement) judgement {
	d := &p.Diagnosis
	if !slices.Equal(p.notes, d.Notes) {
		p.notes = slices.Clone(d.Notes)
	}
	return judgement{p.common(), reportCauses(memory.causes, d.Causes), p.notes}
}

// common returns the common parts of the pool's diagnosis.
func (p *pool) common() *common {
	d := &p.Diagnosis
	for _, c := range p.last {
		if c != nil && c.of(d) {
			return c
		}
	}
	b := append(p.name[:0], d.Verdict...)
	for _, id := range d.RuledOut {
		b = append(append(b, 0), id...)
	}
	for i := range d.Unknown {
		b = append(append(b, 1), d.Unknown[i].ID...)
		for _, m := range d.Unknown[i].Missing {
			b = append(append(b, 2), m...)
		}
	}
	for i := range d.Plan {
		b = append(append(b, 3), d.Plan[i].Title...)
	}
	p.name = b
	c := p.kept[string(b)]
	if c == nil {
		c = &common{verdict: d.Verdict, ruledOut: append([]string{}, d.RuledOut...), unknown: unknowns(d.Unknown)}
		for _, r := range d.Plan {
			c.plan = append(c.plan, r.Title)
		}
		if p.kept == nil || len(p.kept) == mostCommon {
			p.kept = map[string]*common{}
		}
		p.kept[string(b)] = c
	}
	p.last[p.old] = c
	p.old = (p.old + 1) % len(p.last)
	return c
}

// of reports whether c is what a diagnosis has in common with others.
func (c *common) of(d *checks.Diagnosis) bool {
	return c.verdict == d.Verdict && slices.Equal(c.ruledOut, d.RuledOut) &&
		slices.EqualFunc(c.unknown, d.Unknown, func(u report.Unknown, o checks.Open) bool {
			return u.ID == o.ID && slices.Equal(u.Missing, o.Missing)
		}) &&
		slices.EqualFunc(c.plan, d.Plan, func(title string, r checks.Remedy) bool { return title == r.Title })
}

// mostCommon bounds what is kept to be shared.
const mostCommon = 1 << 12

// limited returns c for a key that was not asked about for --max-keys.
func (c *common) limited() *common {
	l := *c
	l.unknown = slices.Clone(c.unknown)
	for i, u := range l.unknown {
		if checks.OfObject(causes.All, u.ID, u.Missing) {
			l.unknown[i].Missing = []string{"--max-keys"}
		}
	}
	return &l
}

// A crew has a pool for each core.
type crew []pool

func newCrew() crew { return make(crew, runtime.GOMAXPROCS(0)) }

// each calls f with every number below n, on all cores. Calls that are given the
// same pool follow each other.
func (c crew) each(n int, f func(i int, p *pool)) {
	const batch = 32
	var next atomic.Int64
	var cores sync.WaitGroup
	for k := range min(len(c), n/batch+1) {
		cores.Go(func() {
			for {
				end := int(next.Add(batch))
				for i := end - batch; i < min(end, n); i++ {
					f(i, &c[k])
				}
				if end >= n {
					return
				}
			}
		})
	}
	cores.Wait()
}

// judge gathers what the failing keys need, runs the checks and builds the
// report.
func (r *run) judge(ctx context.Context, found *correlate.Result) (*report.Report, error) {
	if err := r.settings(ctx, found); err != nil {
		return nil, err
	}
	rep := &report.Report{SchemaVersion: report.SchemaVersion}
	if r.MemoryLimit > 0 {
		rep.Memory = spill.NewMemory(r.MemoryLimit / 32)
	}
	if err := cmp.Or(r.judgeAll(ctx, found, rep), rep.Memory.Err()); err != nil {
		rep.Close()
		return nil, err
	}
	return rep, nil
}

// held is how many failures are held in full at a time.
const held = 1024

// judgeAll judges each failure and leaves its entry in the report. Keys that are
// to be judged again, for facts about the object that are asked for when all keys
// have been seen, come last.
func (r *run) judgeAll(ctx context.Context, found *correlate.Result, rep *report.Report) error {
	crew, judgeKey, objects, m := newCrew(), r.judgeKey(found), r.objects(found), r.masks()
	var keys [held]*correlate.FailingKey
	var said [held]judgement
	var open [held]bool // facts about the object may settle more
	lists := [...]*correlate.List[correlate.FailingKey]{found.Keys, found.Direct}
	var spools [len(lists)]*report.Spool[report.FailingKey]
	var again [len(lists)][]int
	var entry report.FailingKey
	keep := func(n int, k *correlate.FailingKey, said judgement) {
		entry = reportKey(k, said, m)
		spools[n].Add(&entry)
		r.sums.add(said, entry.Requests.Hit())
	}
	for n, list := range lists {
		spools[n] = report.NewKeys(rep.Memory)
		err := inParts(ctx, list.Len(), func(from, size int) {
			crew.each(size, func(i int, p *pool) {
				keys[i] = list.At(from + i)
				said[i], open[i] = judgeKey(keys[i], p, said[i])
			})
			for i, k := range keys[:size] {
				if objects.consider(k, &said[i], open[i]) {
					again[n] = append(again[n], from+i)
				} else {
					keep(n, k, said[i])
				}
			}
		})
		if err != nil {
			return err
		}
	}
	if err := objects.gather(ctx); err != nil {
		return err
	}
	for n, list := range lists {
		err := inParts(ctx, len(again[n]), func(from, size int) {
			crew.each(size, func(i int, p *pool) {
				keys[i] = list.At(again[n][from+i])
				said[i], _ = judgeKey(keys[i], p, said[i])
			})
			for i, k := range keys[:size] {
				keep(n, k, said[i])
			}
		})
		if err != nil {
			return err
		}
		if len(again[n]) > 0 {
			spools[n].Restore(again[n])
		}
	}
	rep.FailingKeys, rep.DirectFailures = spools[0], spools[1]

	paths := report.NewPaths(rep.Memory)
	rep.EdgeFailures = paths
	entries := make([]report.EdgeFailure, held)
	return inParts(ctx, found.Edge.Len(), func(from, n int) {
		crew.each(n, func(i int, p *pool) {
			f := found.Edge.At(from + i)
			pass := r.edgePass(found, f)
			p.path.Next(&pass)
			p.OfEdge(causes.ByID, &p.path)
			said[i] = p.judgement(said[i])
			entries[i] = reportEdge(f, said[i], m)
		})
		for i := range entries[:n] {
			paths.Add(&entries[i])
			r.sums.add(said[i], entries[i].Requests)
		}
	})
}

// inParts calls f for parts of n things.
func inParts(ctx context.Context, n int, f func(from, n int)) error {
	for from := 0; from < n; from += held {
		if err := ctx.Err(); err != nil {
			return err
		}
		f(from, min(held, n-from))
	}
	return nil
}

// judgeKey returns what judges a key, and says whether facts about the object
// may settle more.
func (r *run) judgeKey(found *correlate.Result) func(k *correlate.FailingKey, p *pool, memory judgement) (said judgement, open bool) {
	served := served(found)
	return func(k *correlate.FailingKey, p *pool, memory judgement) (judgement, bool) {
		pass := r.keyPass(found, k)
		pass.Served = served[at{k.Distribution, k.Bucket}]
		p.key.Next(&pass)
		p.OfKey(causes.ByID, &p.key)
		return p.judgement(memory), checks.NeedsObject(&p.key, &p.Diagnosis)
	}
}

// at is where keys were asked for.
type at struct{ distribution, bucket string }

// served counts the distinct keys that were served, by place.
func served(found *correlate.Result) map[at]int64 {
	out := map[at]int64{}
	for _, g := range found.Passed {
		if g.Bucket != "" {
			out[at{g.Distribution, g.Bucket}] += g.Count
		}
	}
	return out
}

// objects chooses the keys that get object-level facts, worst keys first: where
// they cost nothing, where they can change the answer (open), and for the worst
// key of each cause, so that its remedies can be simulated.
func (r *run) objects(found *correlate.Result) *objects {
	return &objects{r: r, found: found, looked: map[problem]bool{}, limits: map[*common]*common{}, need: map[string][]gather.Key{}}
}

type objects struct {
	r           *run
	found       *correlate.Result
	looked      map[problem]bool
	limits      map[*common]*common
	need        map[string][]gather.Key
	asked, over int
	settled     int // settled keys that cost nothing
}

type problem struct {
	at
	verdict string
}

// consider says whether the key is to be judged again with facts of its own. It
// changes what is said of a key that is left over for --max-keys.
func (o *objects) consider(k *correlate.FailingKey, said *judgement, open bool) (again bool) {
	if k.Key == "" || k.Bucket == "" {
		return false
	}
	b, p := o.r.gatherer.Facts().Buckets[k.Bucket], problem{at{k.Distribution, k.Bucket}, said.verdict}
	switch free := b != nil && b.Keys.Known() && b.Inventory.IsZero(); {
	case free:
	case !open && o.looked[p] && o.r.gatherer.Holds(k.Bucket, k.Key) && o.settled < o.r.MaxKeys:
		o.settled++ // a snapshot may hold that the key is missing besides
	case !open && o.looked[p]:
		return false
	case o.asked >= o.r.MaxKeys:
		if open {
			said.common = o.limited(said.common)
			o.over++
		}
		return false
	default:
		o.looked[p] = true
		o.asked++
	}
	o.need[k.Bucket] = append(o.need[k.Bucket], gather.Key{Key: k.Key, Near: near(o.r.keyPass(o.found, k))})
	return true
}

func (o *objects) limited(c *common) *common {
	l := o.limits[c]
	if l == nil {
		if len(o.limits) == mostCommon {
			clear(o.limits)
		}
		l = c.limited()
		o.limits[c] = l
	}
	return l
}

// gather gathers the facts.
func (o *objects) gather(ctx context.Context) error {
	if o.over > 0 {
		o.r.notes = append(o.r.notes, fmt.Sprintf("object-level checks were made for the %d worst keys; %d more keys keep what logs and bucket settings prove (--max-keys)", o.asked, o.over))
	}
	for _, bucket := range slices.Sorted(maps.Keys(o.need)) {
		if err := o.r.gatherer.Objects(ctx, bucket, o.need[bucket]...); err != nil {
			return err
		}
	}
	return nil
}
