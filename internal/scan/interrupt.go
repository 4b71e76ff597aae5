package scan

import (
	"context"
	"encoding/json"
	"iter"
	"time"

	"github.com/why403/why403/internal/awsx"
	"github.com/why403/why403/internal/gather"
	"github.com/why403/why403/internal/report"
	"github.com/why403/why403/logs"
)

// grace is what a run that was interrupted may still take to tell what it knows.
const grace = 10 * time.Second

// outliving returns a context that ends the grace after ctx.
func outliving(ctx context.Context) (context.Context, context.CancelFunc) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	return work, func() { stop(); cancel() }
}

// halting asks nothing any more once until has ended: the run then makes do with
// the facts at hand.
type halting struct {
	*awsx.Answers
	until context.Context
}

func (h halting) Ask(ctx context.Context, q gather.Question) (json.RawMessage, error) {
	if h.until.Err() != nil {
		return nil, gather.ErrNotAsked
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(h.until, cancel)()
	data, err := h.Answers.Ask(ctx, q)
	if err != nil && h.until.Err() != nil {
		return nil, gather.ErrNotAsked
	}
	return data, err
}

// unread returns the time up to which requests may stand in what could not be
// read, zero if all was. more: there is more than the objects that are named.
func unread(in *logs.Inputs, more bool) (until time.Time) {
	never := time.Unix(1<<40, 0)
	if more {
		return never
	}
	for _, u := range in.Unreadable {
		to := logs.ParseName(u.Object).To
		if to.IsZero() {
			return never
		}
		if to.After(until) {
			until = to
		}
	}
	return until
}

// unfixed are keys of which none is said to be fixed by a success before until:
// a later failure may stand in what was not read.
type unfixed struct {
	report.Keys
	until time.Time
}

func (u unfixed) All() iter.Seq2[*report.FailingKey, error] {
	return func(yield func(*report.FailingKey, error) bool) {
		for k, err := range u.Keys.All() {
			if k != nil && k.FixedSince != nil && (k.LastSuccess == nil || k.LastSuccess.Before(u.until)) {
				k.FixedSince = nil
			}
			if !yield(k, err) {
				return
			}
		}
	}
}
