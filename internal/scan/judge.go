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
	"github.com/why403/why403/internal/redact"
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
	keys := slices.Concat(found.Keys, found.Direct)
	if err := r.settings(ctx, found, keys); err != nil {
		return nil, err
	}
	said := make([]judgement, len(keys))
	r.keys, r.said = keys, said
	open := make([]bool, len(keys)) // facts about the object may settle more
	served := served(found)
	diagnose := func(i int, p *pool) {
		pass := r.keyPass(found, keys[i])
		pass.Served = served[at{keys[i].Distribution, keys[i].Bucket}]
		p.OfKey(causes.ByID, pass)
		said[i], open[i] = p.judgement(), checks.NeedsObject(pass, &p.Diagnosis)
	}
	eachOf(len(keys), diagnose)
	again, err := r.objects(ctx, found, keys, said, open)
	if err != nil {
		return nil, err
	}
	eachOf(len(again), func(i int, p *pool) { diagnose(again[i], p) })

	n := len(found.Keys)
	rep := &report.Report{
		SchemaVersion:  report.SchemaVersion,
		FailingKeys:    &keyList{found.Keys, said[:n], r.Redact},
		DirectFailures: &keyList{found.Direct, said[n:], r.Redact},
		EdgeFailures:   make([]report.EdgeFailure, len(found.Edge)),
	}
	eachOf(len(found.Edge), func(i int, p *pool) {
		p.OfEdge(causes.ByID, r.edgePass(found, found.Edge[i]))
		rep.EdgeFailures[i] = reportEdge(found.Edge[i], p.judgement(), r.Redact)
	})
	return rep, nil
}

// A keyList makes the report's entries when they are asked for: a report may
// hold far more keys than fit into memory in full.
type keyList struct {
	keys []*correlate.FailingKey
	said []judgement // of each key
	red  redact.Level
}

func (l *keyList) Len() int { return len(l.keys) }

func (l *keyList) All() iter.Seq2[*report.FailingKey, error] {
	return func(yield func(*report.FailingKey, error) bool) {
		for i, k := range l.keys {
			if !yield(reportKey(k, l.said[i], l.red), nil) {
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

// objects gathers object-level facts, worst keys first: where they cost
// nothing, where they can change the answer (open), and for the worst key of
// each cause, so that its remedies can be simulated. It returns the keys to
// judge again; those left over for --max-keys are among them.
func (r *run) objects(ctx context.Context, found *correlate.Result, keys []*correlate.FailingKey, said []judgement, open []bool) ([]int, error) {
	type problem struct {
		at
		verdict string
	}
	looked := map[problem]bool{}
	limits := map[*common]*common{}
	limited := func(c *common) *common {
		l := limits[c]
		if l == nil {
			l = c.limited()
			limits[c] = l
		}
		return l
	}
	need := map[string][]gather.Key{}
	var again []int
	asked, over := 0, 0
	for i, k := range keys {
		if k.Key == "" || k.Bucket == "" {
			continue
		}
		b, p := r.gatherer.Facts().Buckets[k.Bucket], problem{at{k.Distribution, k.Bucket}, said[i].verdict}
		switch free := b != nil && b.Keys.Known(); {
		case free:
		case !open[i] && looked[p]:
			continue
		case asked >= r.MaxKeys:
			if open[i] {
				said[i].common = limited(said[i].common)
				over++
			}
			continue
		default:
			looked[p] = true
			asked++
		}
		again = append(again, i)
		need[k.Bucket] = append(need[k.Bucket], gather.Key{Key: k.Key, Near: near(r.keyPass(found, k))})
	}
	if over > 0 {
		r.notes = append(r.notes, fmt.Sprintf("object-level checks were made for the %d worst keys; %d more keys keep what logs and bucket settings prove (--max-keys)", asked, over))
	}
	for _, bucket := range slices.Sorted(maps.Keys(need)) {
		if err := r.gatherer.Objects(ctx, bucket, need[bucket]...); err != nil {
			return nil, err
		}
	}
	return again, nil
}
