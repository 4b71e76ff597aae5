package scan

import (
	"context"
	"fmt"
	"iter"
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
	name []byte
	kept map[string]*common
}

// judgement returns what the report keeps of the pool's diagnosis.
func (p *pool) judgement() judgement {
	d := &p.Diagnosis
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
		if p.kept == nil {
			p.kept = map[string]*common{}
		}
		p.kept[string(b)] = c
	}
	return judgement{c, reportCauses(d.Causes), d.Notes}
}

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

// eachOf calls f with every number below n, on all cores. Calls that are given
// the same pool follow each other.
func eachOf(n int, f func(i int, p *pool)) {
	const batch = 32
	var next atomic.Int64
	var cores sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n/batch+1) {
		cores.Go(func() {
			p := new(pool)
			for {
				end := int(next.Add(batch))
				for i := end - batch; i < min(end, n); i++ {
					f(i, p)
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
	if found.Spilled != nil {
		return r.judgeSpilled(ctx, found)
	}
	keys := slices.Concat(found.Keys, found.Direct)
	said := make([]judgement, len(keys))
	r.keys, r.said = keys, said
	open := make([]bool, len(keys)) // facts about the object may settle more
	judgeKey := r.judgeKey(found)
	diagnose := func(i int, p *pool) { said[i], open[i] = judgeKey(keys[i], p) }
	eachOf(len(keys), diagnose)
	objects := r.objects(found)
	var again []int
	for i, k := range keys {
		if objects.consider(k, &said[i], open[i]) {
			again = append(again, i)
		}
	}
	if err := objects.gather(ctx); err != nil {
		return nil, err
	}
	eachOf(len(again), func(i int, p *pool) { diagnose(again[i], p) })

	n := len(found.Keys)
	m := r.masks()
	rep := &report.Report{
		SchemaVersion:  report.SchemaVersion,
		FailingKeys:    &keyList{found.Keys, said[:n], m},
		DirectFailures: &keyList{found.Direct, said[n:], m},
		EdgeFailures:   r.judgeEdge(found),
	}
	return rep, nil
}

// judgeKey returns what judges a key, and says whether facts about the object
// may settle more.
func (r *run) judgeKey(found *correlate.Result) func(k *correlate.FailingKey, p *pool) (said judgement, open bool) {
	served := served(found)
	return func(k *correlate.FailingKey, p *pool) (judgement, bool) {
		pass := r.keyPass(found, k)
		pass.Served = served[at{k.Distribution, k.Bucket}]
		p.OfKey(causes.ByID, pass)
		return p.judgement(), checks.NeedsObject(pass, &p.Diagnosis)
	}
}

func (r *run) judgeEdge(found *correlate.Result) []report.EdgeFailure {
	out, m := make([]report.EdgeFailure, len(found.Edge)), r.masks()
	eachOf(len(out), func(i int, p *pool) {
		p.OfEdge(causes.ByID, r.edgePass(found, found.Edge[i]))
		out[i] = reportEdge(found.Edge[i], p.judgement(), m)
	})
	return out
}

// A keyList makes the report's entries when they are asked for: a report may
// hold far more keys than fit into memory in full.
type keyList struct {
	keys  []*correlate.FailingKey
	said  []judgement // of each key
	masks masks
}

func (l *keyList) Len() int { return len(l.keys) }

func (l *keyList) All() iter.Seq2[*report.FailingKey, error] {
	return func(yield func(*report.FailingKey, error) bool) {
		for i, k := range l.keys {
			if !yield(reportKey(k, l.said[i], l.masks), nil) {
				return
			}
		}
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
