package scan

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

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
	ids := strings.Join(r.Distributions[:min(len(r.Distributions), maxNamed)], ", ")
	if n := len(r.Distributions) - maxNamed; n > 0 {
		ids += fmt.Sprintf(" and %d more", n)
	}
	switch {
	case len(found.Places) > 0:
	case len(found.Unknown) == len(r.Distributions):
		return nil, &Error{fmt.Errorf("there is no distribution %s in this account", ids), found.Hint}
	default:
		return nil, &Error{fmt.Errorf("no log of distribution %s was found", ids), found.Hint}
	}
	var sources []logs.Source
	var groups []*group
	for i := range found.Places {
		p := &found.Places[i]
		for _, l := range p.Locations {
			s, err := s3source.New(r.clients, l, s3source.Options{Concurrency: r.Concurrency})
			if err != nil {
				return nil, &Error{fmt.Errorf("%s: %w", l, err), ""}
			}
			r.Locations = append(r.Locations, l)
			n := slices.IndexFunc(groups, func(g *group) bool { return g.Bucket == s.Bucket && reflect.DeepEqual(g.layout, p.Layout) })
			if n < 0 {
				n = len(groups)
				groups = append(groups, &group{Source: s, layout: p.Layout, run: r})
				sources = append(sources, groups[n])
			}
			groups[n].parts = append(groups[n].parts, part{s, p})
		}
	}
	return sources, nil
}

// group reads the places found in one bucket, all of one layout. A place that
// can't be listed does not stop the run.
type group struct {
	*s3source.Source // opens the objects of all parts
	parts            []part
	layout           logs.Layout
	run              *run
}

// part is one location of a place.
type part struct {
	*s3source.Source
	place *discover.Place
}

func (g *group) Layout() logs.Layout { return g.layout }

// listings bounds the parts that are listed side by side.
const listings = 4

func (g *group) List(ctx context.Context, w logs.Window, page func([]logs.Object) error) error {
	var mu sync.Mutex
	var seen map[string]bool // when parts may hold the same object
	if g.overlap() {
		seen = map[string]bool{}
	}
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(listings)
	for _, p := range g.parts {
		all.Go(func() error {
			var failed error // page's own
			err := p.List(ctx, w, func(objects []logs.Object) error {
				mu.Lock()
				defer mu.Unlock()
				objects = slices.DeleteFunc(slices.Clone(objects), func(o logs.Object) bool {
					if !p.place.Holds(o.URI) || seen[o.URI] {
						return true
					}
					if seen != nil {
						seen[o.URI] = true
					}
					return false
				})
				if len(objects) > 0 {
					failed = page(objects)
				}
				return failed
			})
			if err != nil && failed == nil && ctx.Err() == nil {
				g.run.cantList(err)
				return nil
			}
			return err
		})
	}
	return all.Wait()
}

// overlap reports whether one part's prefix begins with another's.
func (g *group) overlap() bool {
	for i, p := range g.parts {
		for k, q := range g.parts {
			if i != k && strings.HasPrefix(p.Prefix, q.Prefix) {
				return true
			}
		}
	}
	return false
}

// cantList notes a place that can't be listed.
func (r *run) cantList(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unlisted = append(r.unlisted, err)
	r.incomplete = append(r.incomplete, err.Error())
	var h interface{ UserHint() string }
	if errors.As(err, &h) {
		r.hints = append(r.hints, h.UserHint())
	}
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
