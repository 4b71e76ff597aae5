package scan

import (
	"context"
	"iter"

	"github.com/why403/why403/correlate"
	"github.com/why403/why403/internal/report"
	"github.com/why403/why403/internal/spill"
)

// allKeys walks the failing keys, found through CloudFront, then directly.
func allKeys(found *correlate.Result) iter.Seq2[*correlate.FailingKey, error] {
	return func(yield func(*correlate.FailingKey, error) bool) {
		for _, keys := range []correlate.Keys{found.FailingKeys(), found.DirectFailures()} {
			for k, err := range keys.All() {
				if !yield(k, err) {
					return
				}
			}
		}
	}
}

// judgeSpilled is judge for keys that lie on disk: it takes a number of them at a
// time and leaves the report's entries on disk, too. They go through it twice,
// for object-level facts are asked for when all of them have been seen.
func (r *run) judgeSpilled(ctx context.Context, found *correlate.Result) (*report.Report, error) {
	var before, after spill.Space // of each time
	rep := &report.Report{SchemaVersion: report.SchemaVersion, Temporary: &after}
	defer before.Close()
	judgeKey, objects, m := r.judgeKey(found), r.objects(found), r.masks()
	var again []bool // by key

	lists := []correlate.Keys{found.FailingKeys(), found.DirectFailures()}
	var first [2]*report.Spool
	for n, keys := range lists {
		spool, err := report.NewSpool(&before)
		if err != nil {
			return nil, err
		}
		said, open := make([]judgement, batch), make([]bool, batch)
		err = batches(ctx, keys.All(), func(keys []*correlate.FailingKey) error {
			eachOf(len(keys), func(i int, p *pool) { said[i], open[i] = judgeKey(keys[i], p) })
			for i, k := range keys {
				again = append(again, objects.consider(k, &said[i], open[i]))
				if err := spool.Add(reportKey(k, said[i], m)); err != nil {
					return err
				}
			}
			clear(objects.limits) // of this batch's judgements
			return nil
		})
		if err == nil {
			err = spool.Done()
		}
		if err != nil {
			return nil, err
		}
		first[n] = spool
	}
	if err := objects.gather(ctx); err != nil {
		return nil, err
	}
	number := 0
	for n, keys := range lists {
		spool, err := report.NewSpool(&after)
		if err != nil {
			return nil, err
		}
		next, stop := iter.Pull2(first[n].All())
		out := make([]*report.FailingKey, batch)
		err = batches(ctx, keys.All(), func(keys []*correlate.FailingKey) error {
			for i := range keys {
				k, err, _ := next()
				if err != nil {
					return err
				}
				out[i] = k
			}
			eachOf(len(keys), func(i int, p *pool) {
				if again[number+i] {
					said, _ := judgeKey(keys[i], p)
					out[i] = reportKey(keys[i], said, m)
				}
			})
			number += len(keys)
			for _, k := range out[:len(keys)] {
				if err := spool.Add(k); err != nil {
					return err
				}
			}
			return nil
		})
		stop()
		if err == nil {
			err = spool.Done()
		}
		if err != nil {
			after.Close()
			return nil, err
		}
		r.spooled = append(r.spooled, spool)
	}
	rep.FailingKeys, rep.DirectFailures = r.spooled[0], r.spooled[1]
	rep.EdgeFailures = r.judgeEdge(found)
	return rep, nil
}

// batch is how many keys are held at a time.
const batch = 1024

// batches hands over the keys in slices, which are valid during the call.
func batches(ctx context.Context, keys iter.Seq2[*correlate.FailingKey, error], f func([]*correlate.FailingKey) error) error {
	held := make([]*correlate.FailingKey, 0, batch)
	for k, err := range keys {
		if err != nil {
			return err
		}
		if held = append(held, k); len(held) < batch {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f(held); err != nil {
			return err
		}
		held = held[:0]
	}
	return f(held)
}
