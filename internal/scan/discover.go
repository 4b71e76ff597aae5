package scan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/why403/why403/internal/discover"
	"github.com/why403/why403/internal/s3source"
	"github.com/why403/why403/logs"
)

// named takes the account's distributions for those of the run, when asked to.
func (r *run) named(ctx context.Context) error {
	if !r.AllDistributions {
		return nil
	}
	all, err := discover.All(ctx, r.gatherer)
	r.Distributions = slices.Concat(r.Distributions, all)
	return err
}

// discover finds the logs of the distributions.
func (r *run) discover(ctx context.Context) ([]logs.Source, error) {
	found, err := discover.Find(ctx, r.gatherer, slices.Clone(r.Distributions))
	if err != nil {
		return nil, err
	}
	r.found = found
	if r.Tell != nil {
		for _, l := range found.Lines {
			r.Tell(l)
		}
		if len(found.Places) > 0 && !r.Window.From.IsZero() {
			r.Tell("reading the requests from " + r.Window.From.UTC().Truncate(time.Second).Format(time.RFC3339) + " on")
		}
	}
	r.notes = append(r.notes, found.Notes...)
	ids := strings.Join(r.Distributions, ", ")
	switch {
	case len(found.Places) > 0:
	case len(found.Unknown) == len(r.Distributions):
		return nil, &Error{fmt.Errorf("there is no distribution %s in this account", ids), found.Hint}
	default:
		return nil, &Error{fmt.Errorf("no log of distribution %s was found", ids), found.Hint}
	}
	var sources []logs.Source
	for i := range found.Places {
		p := &found.Places[i]
		for _, l := range p.Locations {
			s, err := s3source.New(r.clients, l, s3source.Options{Concurrency: r.Concurrency})
			if err != nil {
				return nil, &Error{fmt.Errorf("%s: %w", l, err), ""}
			}
			sources = append(sources, &place{s, p, r})
			r.Locations = append(r.Locations, l)
		}
	}
	return sources, nil
}

// place reads a location that was found. One that can't be listed does not stop
// the run.
type place struct {
	*s3source.Source
	*discover.Place
	run *run
}

func (p *place) Layout() logs.Layout { return p.Place.Layout }

func (p *place) List(ctx context.Context, w logs.Window, page func([]logs.Object) error) error {
	var failed error // page's own
	err := p.Source.List(ctx, w, func(objects []logs.Object) error {
		objects = slices.DeleteFunc(slices.Clone(objects), func(o logs.Object) bool { return !p.Holds(o.URI) })
		if len(objects) > 0 {
			failed = page(objects)
		}
		return failed
	})
	if err == nil || failed != nil || ctx.Err() != nil {
		return err
	}
	p.run.mu.Lock()
	defer p.run.mu.Unlock()
	p.run.unlisted = append(p.run.unlisted, err)
	p.run.incomplete = append(p.run.incomplete, err.Error())
	var h interface{ UserHint() string }
	if errors.As(err, &h) {
		p.run.hints = append(p.run.hints, h.UserHint())
	}
	return nil
}

// handler drops the lines of buckets that only share a place with those that
// were looked for.
func (r *run) handler(next func() logs.Handler) func() logs.Handler {
	if r.found == nil {
		return next
	}
	return func() logs.Handler { return &narrow{Handler: next(), run: r} }
}

type narrow struct {
	logs.Handler
	run  *run
	last []byte // a bucket's name
	ours bool
}

func (n *narrow) own(bucket []byte) bool {
	if string(bucket) != string(n.last) || n.last == nil {
		n.last = append(n.last[:0], bucket...)
		n.ours = slices.Contains(n.run.found.Buckets, string(bucket))
	}
	if !n.ours {
		n.run.others.Add(1)
	}
	return n.ours
}

func (n *narrow) Origin(r *logs.OriginRecord) {
	if n.own(r.Bucket) {
		n.Handler.Origin(r)
	}
}

func (n *narrow) OriginPassed(r *logs.OriginRecord) {
	if n.own(r.Bucket) {
		n.Handler.OriginPassed(r)
	}
}

// leftOut says how many lines that were.
func (r *run) leftOut() {
	if n := r.others.Load(); n > 0 {
		r.notes = append(r.notes, fmt.Sprintf("%d S3 lines of buckets that are no origin of the distributions, but share a log's place, were left out", n))
	}
}
