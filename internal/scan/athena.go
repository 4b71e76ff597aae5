package scan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/why403/why403/internal/athena"
	"github.com/why403/why403/internal/discover"
	"github.com/why403/why403/internal/s3source"
	"github.com/why403/why403/logs"
)

// AthenaDDL writes the statements that make the tables for the logs of a run.
func AthenaDDL(ctx context.Context, w io.Writer, o Options) error {
	_, all, err := athenaPlaces(ctx, o)
	if err != nil {
		return err
	}
	return athena.DDL(w, cmp.Or(o.Athena.Database, athena.DefaultDatabase), oneForEachTable(all))
}

// AthenaQueries writes the queries that a run by Athena runs.
func AthenaQueries(ctx context.Context, w io.Writer, o Options) error {
	r, all, err := athenaPlaces(ctx, o)
	if err != nil {
		return err
	}
	return athena.Queries(w, all, r.athenaOptions(ctx))
}

// AthenaSetup makes the tables for the logs of a run, and returns the names of
// those that were not there, and of those that reached too short.
func AthenaSetup(ctx context.Context, o Options) (made, widened []string, err error) {
	r, all, err := athenaPlaces(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	return athena.Setup(ctx, r.clients.Glue(), cmp.Or(o.Athena.Database, athena.DefaultDatabase), oneForEachTable(all))
}

func athenaPlaces(ctx context.Context, o Options) (*run, []athena.Logs, error) {
	r := newRun(o)
	if err := r.athenaUsable(); err != nil {
		return nil, nil, err
	}
	if err := r.open(ctx); err != nil {
		return nil, nil, err
	}
	if err := r.named(ctx); err != nil {
		return nil, nil, err
	}
	sources, err := r.sources(ctx)
	if err != nil {
		return nil, nil, err
	}
	all, err := r.places(ctx, sources)
	if err == nil && len(all) == 0 {
		err = r.nothing(&logs.Inputs{})
	}
	return r, all, err
}

// read hands the records of the logs to the handlers, by the engine that was
// asked for.
func (r *run) read(ctx, work context.Context, sources []logs.Source, o logs.Options, newHandler func() logs.Handler) (*logs.Inputs, error) {
	if r.Athena == nil {
		return logs.Scan(ctx, sources, o, newHandler)
	}
	all, err := r.places(ctx, sources)
	if err != nil {
		return &logs.Inputs{}, err
	}
	if len(all) == 0 {
		return &logs.Inputs{}, nil
	}
	ao := r.athenaOptions(work)
	ao.MaskedOf = o.Filter.Masked
	ao.Catalog, ao.Tell = r.clients.Glue(), r.Tell
	if p := r.Progress; p != nil {
		ao.Progress = func(scanned int64) { p.Bytes.Store(scanned) }
	}
	result, err := athena.Scan(ctx, r.clients.Athena(), all, ao, newHandler)
	for _, a := range result.Approximate {
		r.notes = append(r.notes, "approximate by Athena: "+a)
	}
	u := result.Usage
	queries := "1 query"
	if u.Queries != 1 {
		queries = fmt.Sprintf("%d queries", u.Queries)
	}
	cost := fmt.Sprintf("Athena ran %s, which scanned %d bytes; billed as %d bytes that is about %.4f USD (estimate, at %g USD a TB)",
		queries, u.ScannedBytes, u.BilledBytes, u.Cost(), athena.PricePerTB)
	r.notes = append(r.notes, cost)
	none := result.Inputs.Lines == 0
	if err != nil && (none || ctx.Err() == nil) && u.Queries > 0 && r.Tell != nil { // no report will say so
		r.Tell(cost)
	}
	if err == nil && none {
		err = &Error{fmt.Errorf("%s: Athena found no lines in the log objects", strings.Join(r.Locations, ", ")), "the objects are empty, or the tables are not theirs: why403 athena ddl prints those that should be"}
	}
	r.Log.Info("athena", "queries", u.Queries, "scanned_bytes", u.ScannedBytes, "billed_bytes", u.BilledBytes, "usd", u.Cost())
	return result.Inputs, err
}

// athenaOptions are the options of a run's queries.
func (r *run) athenaOptions(ctx context.Context) athena.Options {
	o := *r.Athena
	o.Window, o.Log = r.Window, r.Log
	o.Masked = r.anyMasked(ctx)
	return o
}

// anyMasked returns the statuses that any distribution turns a 403 into whose
// lines may be among the logs: SQL must not take those lines for plain ones.
func (r *run) anyMasked(ctx context.Context) []int {
	ids := slices.Concat(r.Distributions, r.logged)
	if r.unnamed || len(ids) == 0 {
		for _, d := range r.gatherer.ListDistributions(ctx).Value {
			ids = append(ids, d.ID)
		}
	}
	slices.Sort(ids)
	var out []int
	for _, id := range slices.Compact(ids) {
		out = append(out, r.maskedBy(ctx, id)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// places finds the places of logs in the sources as Athena reads them: folders,
// and in them the part that was asked for.
func (r *run) places(ctx context.Context, sources []logs.Source) ([]athena.Logs, error) {
	if err := r.clients.Ready(ctx); err != nil {
		return nil, err
	}
	var out []athena.Logs
	add := func(s *s3source.Source, p *discover.Place) error {
		mine := &chosen{Source: s, place: p, run: r}
		lo := logs.Options{Format: r.Format, Fields: r.Fields, Delimiter: r.Delimiter}
		if p != nil && p.Layout.Format == "cloudfront-plain" { // the others tell their fields themselves
			lo.Format, lo.Delimiter = cmp.Or(lo.Format, p.Layout.Format), cmp.Or(lo.Delimiter, p.Layout.Delimiter)
			if len(lo.Fields) == 0 {
				lo.Fields = p.Layout.Fields
			}
		}
		found, err := athena.Detect(ctx, mine, r.Window, lo)
		if err != nil {
			return err
		}
		within := "s3://" + s.Bucket + "/" + s.Prefix
		for _, l := range found {
			r.unnamed = r.unnamed || mine.unnamed && strings.HasPrefix(l.Format, "cloudfront-")
			if len(within) > len(l.Location) {
				l.Within = within
			}
			if p != nil {
				l.Pattern = ofDistributions(l, p.Distributions)
			}
			out = merge(out, l)
		}
		return nil
	}
	for _, s := range sources {
		switch s := s.(type) {
		case *s3source.Source:
			if err := add(s, nil); err != nil {
				return nil, err
			}
		case *group:
			for _, p := range s.parts {
				if err := add(p.Source, p.place); err != nil {
					if ctx.Err() != nil {
						return nil, ctx.Err()
					}
					r.cantList(err)
				}
			}
		}
	}
	return out, nil
}

// chosen is a source of the objects that belong to a place (nil: all), and notes
// whose they are.
type chosen struct {
	*s3source.Source
	place   *discover.Place
	run     *run
	unnamed bool // some names told no distribution
}

func (c *chosen) List(ctx context.Context, w logs.Window, page func([]logs.Object) error) error {
	return c.Source.List(ctx, w, func(objects []logs.Object) error {
		if c.place != nil {
			objects = slices.DeleteFunc(slices.Clone(objects), func(o logs.Object) bool { return !c.place.Holds(o.URI) })
		}
		for _, o := range objects {
			switch n := logs.ParseName(o.URI); {
			case n.Distribution != "" && !slices.Contains(c.run.logged, n.Distribution):
				c.run.logged = append(c.run.logged, n.Distribution)
			case n.Distribution == "" && n.Kind != logs.NameOrigin && n.Kind != logs.NameOriginEvent:
				c.unnamed = true
			}
		}
		return page(objects)
	})
}

const dated = `\.[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}\.[^/]*$`

// ofDistributions narrows the names of a place to those of distributions, where
// names tell them.
func ofDistributions(l athena.Logs, ids []string) string {
	if len(ids) == 0 || !strings.HasPrefix(l.Format, "cloudfront-") || strings.Contains(l.Suffix, "{") && len(l.Distributions) > 0 {
		return l.Pattern
	}
	quoted := make([]string, len(ids))
	for i, id := range ids {
		quoted[i] = regexp.QuoteMeta(id)
	}
	any := "(" + strings.Join(quoted, "|") + ")" + dated
	switch {
	case l.Suffix != "":
		return "(^|/)" + any
	case strings.HasSuffix(l.Pattern, dated):
		return "^" + any
	}
	return l.Pattern
}

// merge adds a place to those that are known. Of two that share objects one
// stays.
func merge(all []athena.Logs, l athena.Logs) []athena.Logs {
	for i := range all {
		have := &all[i]
		if have.Location != l.Location || have.Suffix != l.Suffix || have.Pattern != l.Pattern {
			continue
		}
		switch {
		case strings.HasPrefix(l.Within, have.Within):
		case strings.HasPrefix(have.Within, l.Within):
			have.Within = l.Within
		default:
			continue
		}
		union(have, l)
		return all
	}
	return append(all, l)
}

// union widens a place to the distributions, times and names of another that
// shares objects with it.
func union(have *athena.Logs, l athena.Logs) {
	have.Bytes = max(have.Bytes, l.Bytes)
	if have.Heads == nil || l.Heads == nil || have.Names != l.Names {
		have.Heads, have.Names = nil, logs.NameUnknown
	} else {
		have.Heads = slices.Concat(have.Heads, l.Heads)
		slices.Sort(have.Heads)
		have.Heads = slices.Compact(have.Heads)
	}
	have.Distributions = slices.Concat(have.Distributions, l.Distributions)
	slices.Sort(have.Distributions)
	have.Distributions = slices.Compact(have.Distributions)
	if l.Since.Before(have.Since) {
		have.Since = l.Since
	}
}

// oneForEachTable leaves one of the places that share a table.
func oneForEachTable(all []athena.Logs) []athena.Logs {
	var out []athena.Logs
	for _, l := range all {
		if i := slices.IndexFunc(out, func(o athena.Logs) bool { return o.Name == l.Name }); i >= 0 {
			union(&out[i], l)
			continue
		}
		out = append(out, l)
	}
	return out
}

// athenaUsable says why Athena can't do what a run asks for, if it can't.
func (o *Options) athenaUsable() error {
	if o.Athena == nil {
		return nil
	}
	if o.Memory != nil {
		return &Error{errors.New("--engine athena and --state exclude each other: Athena does not tell which log objects it has read"), "use --since with --engine athena, or --engine local with --state"}
	}
	for _, l := range o.Locations {
		if !isS3(l) {
			return &Error{fmt.Errorf("%s: Athena reads logs in S3 alone", l), "give s3://bucket/prefix, or use --engine local"}
		}
	}
	return nil
}

// engine is the name of what read the logs.
func (r *run) engine() string {
	if r.Athena != nil {
		return "athena"
	}
	return "local"
}
