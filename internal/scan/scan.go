// Package scan is one run of why403: it reads logs, correlates, gathers facts
// for the failing keys alone, lets the checks judge, and builds the report
// value.
//
// It knows the order of things and nothing else: no format, no rule of S3, no
// AWS call, no word for the terminal.
package scan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/why403/why403/checks"
	"github.com/why403/why403/correlate"
	"github.com/why403/why403/internal/athena"
	"github.com/why403/why403/internal/awsx"
	"github.com/why403/why403/internal/discover"
	"github.com/why403/why403/internal/gather"
	"github.com/why403/why403/internal/redact"
	"github.com/why403/why403/internal/report"
	"github.com/why403/why403/internal/s3source"
	"github.com/why403/why403/logs"
)

// Options say what to read and how.
type Options struct {
	// Locations are s3://bucket/prefix, a directory, a file, or "-". Without any,
	// the logs of Distributions are looked for.
	Locations        []string
	Distributions    []string // ids
	AllDistributions bool     // those of the account
	Window           logs.Window
	Snapshot         string // answer from this directory, "" to ask AWS
	Record           string // write AWS's answers to this directory
	// Inventories are S3 Inventory deliveries that stand in for listings: each a
	// manifest.json, or the folder of a configuration, for its newest.
	Inventories []string
	Format      string
	Fields      []string
	Delimiter   string
	Concurrency int
	MaxKeys     int // keys that get object-level facts
	Redact      redact.Level
	AWS         awsx.Config
	Version     string
	Stdin       io.Reader
	Log         *slog.Logger
	Memory      *Memory        // of earlier nights, nil: none
	MemoryLimit int64          // bytes for what is held of failing keys, 0: no bound
	Progress    *logs.Progress // kept up to date while logs are read, if not nil
	// Athena, if not nil, lets Athena read the logs, whose tables AthenaSetup has
	// made. Window, statuses, Log and Progress are set by the run.
	Athena *athena.Options
	// Tell, if not nil, is told what the search for logs has found, line by line.
	Tell func(line string)
}

// ErrNothingRead says that no log line could be read.
var ErrNothingRead = errors.New("nothing could be read")

// An Error is an error of a run with a hint for the user.
type Error struct {
	err  error
	hint string
}

func (e *Error) Error() string { return e.err.Error() }
func (e *Error) Unwrap() error { return e.err }

// UserHint says what the user can do about it.
func (e *Error) UserHint() string { return e.hint }

// Run does one run. It returns a report whenever anything could be read; then
// the error is nil or, when ctx ended, the context's: what was read until then is
// in the report, judged by the facts at hand. Shortcomings of a run
// that went on are in the report's Run.Incomplete.
func Run(ctx context.Context, o Options) (*report.Report, error) {
	return newRun(o).do(ctx)
}

func newRun(o Options) *run {
	r := &run{Options: o, started: time.Now().UTC()}
	if r.Log == nil {
		r.Log = slog.New(slog.DiscardHandler)
	}
	return r
}

// run is the state of one run.
type run struct {
	Options
	started    time.Time
	clients    *awsx.Clients // nil when no AWS is needed
	gatherer   *gather.Gatherer
	recorder   *gather.Recorder // nil without --record
	sums       sums             // of what was judged
	found      *discover.Result // nil when locations were given
	others     atomic.Int64     // lines of other buckets that share the places found
	mu         sync.Mutex
	unlisted   []error  // why places found could not be listed
	logged     []string // distributions that object names told, for Athena
	unnamed    bool     // some names of CloudFront's objects told none
	incomplete []string
	hints      []string
	notes      []string
}

func (r *run) do(ctx context.Context) (*report.Report, error) {
	if err := r.athenaUsable(); err != nil {
		return nil, err
	}
	if err := r.open(ctx); err != nil {
		return nil, err
	}
	if err := r.named(ctx); err != nil {
		return nil, err
	}
	sources, err := r.sources(ctx)
	if err != nil {
		return nil, err
	}
	// From here on a run that is interrupted tells what it knows: only reading
	// logs and asking AWS end with ctx.
	work, done := outliving(ctx)
	defer done()
	if err := r.gatherer.Distributions(work, r.Distributions...); err != nil {
		return nil, err
	}

	c := correlate.New(correlate.Options{Memory: r.MemoryLimit})
	records, listing := r.Memory.windows(r.Window)
	r.Window = listing
	inputs, err := r.read(ctx, work, sources, logs.Options{
		Format: r.Format, Fields: r.Fields, Delimiter: r.Delimiter, Concurrency: r.Concurrency,
		Filter:  logs.Filter{Masked: r.masked(work), Window: records},
		Listing: listing, Skip: r.Memory.skip(), Progress: r.Progress,
	}, r.Memory.handlers(c.Handler, r.handler, r.Window.To))
	if err != nil && ctx.Err() == nil {
		return nil, err
	}
	if none := inputs.Records == 0 && inputs.Skipped == 0; none && ctx.Err() != nil {
		return nil, ctx.Err()
	} else if none && !(inputs.Objects == 0 && r.Memory.quiet()) {
		return nil, r.nothing(inputs)
	}
	r.leftOut()
	if err := r.seen(work, c.Distributions(), c.Fetched()); err != nil {
		return nil, err
	}
	for i, u := range inputs.Unreadable {
		if i == maxNamed {
			r.incomplete = append(r.incomplete, fmt.Sprintf("%d more objects", len(inputs.Unreadable)-maxNamed))
			break
		}
		r.incomplete = append(r.incomplete, fmt.Sprintf("%s: %s", u.Object, u.Reason))
		r.hints = append(r.hints, "what could be read of the other objects is in the report")
	}
	found, err := c.Result(work, *r.gatherer.Settings())
	if err != nil {
		return nil, err
	}
	defer found.Close()
	inputs.Duplicates = found.Duplicates
	rep, err := r.judge(work, found)
	if err != nil {
		return nil, err
	}
	rep.Inputs = inputs
	interrupted := ctx.Err()
	if interrupted != nil {
		r.incomplete = append(r.incomplete, "interrupted: the report covers what was read until then")
	}
	if until := unread(inputs, interrupted != nil || len(r.unlisted) > 0); !until.IsZero() {
		rep.FailingKeys, rep.DirectFailures = unfixed{rep.FailingKeys, until}, unfixed{rep.DirectFailures, until}
		r.Memory.partial(until)
	}
	if err := r.Memory.remember(rep, found.Edge); err != nil {
		return nil, err
	}
	r.finish(rep, found)
	r.Memory.finish(rep)
	if interrupted != nil {
		return rep, interrupted
	}
	if r.recorder != nil {
		if err := r.recorder.Write(r.Record); err != nil {
			return rep, &Error{fmt.Errorf("--record %s: %w", r.Record, err), "the report is complete; only the snapshot could not be written"}
		}
	}
	return rep, nil
}

// open prepares the place that facts come from.
func (r *run) open(ctx context.Context) error {
	var answers gather.Answers
	if r.Snapshot != "" {
		s, err := gather.OpenSnapshot(r.Snapshot)
		if err != nil {
			return &Error{err, "a snapshot is a directory as --record writes it (docs/snapshot.md)"}
		}
		answers = s
	}
	if answers == nil || len(r.Locations) == 0 || slices.ContainsFunc(r.Locations, isS3) || slices.ContainsFunc(r.Inventories, isS3) {
		r.AWS.Log = r.Log
		clients, err := awsx.Open(ctx, r.AWS)
		if err != nil {
			return err
		}
		r.clients = clients
	}
	if answers == nil {
		answers = halting{awsx.NewAnswers(r.clients), ctx}
	}
	if r.Record != "" {
		if err := gather.Recordable(r.Record); err != nil {
			return &Error{fmt.Errorf("--record %s: %w", r.Record, err), "give an empty or new directory"}
		}
		r.recorder = gather.NewRecorder(answers)
		answers = r.recorder
	}
	inventories, err := r.inventories(ctx)
	if err != nil {
		return err
	}
	r.gatherer = gather.New(answers, gather.Options{Inventories: inventories})
	return nil
}

func isS3(location string) bool { return strings.HasPrefix(location, "s3://") }

func (r *run) sources(ctx context.Context) ([]logs.Source, error) {
	if len(r.Locations) == 0 {
		return r.discover(ctx)
	}
	var sources []logs.Source
	for _, l := range r.Locations {
		var s logs.Source
		var err error
		switch {
		case l == "-":
			s = logs.Stdin(r.Stdin)
		case isS3(l):
			s, err = s3source.New(r.clients, l, s3source.Options{Concurrency: r.Concurrency})
		default:
			s, err = logs.Open(l)
		}
		if err != nil {
			return nil, &Error{fmt.Errorf("%s: %w", l, bare(err)), "a location is s3://bucket/prefix, a directory, a file, or -"}
		}
		sources = append(sources, s)
	}
	return sources, nil
}

// maxNamed bounds the unreadable objects that a message names; the report's
// inputs list all of them.
const maxNamed = 5

func (r *run) nothing(in *logs.Inputs) error {
	where := strings.Join(r.Locations, ", ")
	switch {
	case len(r.unlisted) > 0:
		return r.unlisted[0]
	case len(in.Unreadable) > 0:
		u := in.Unreadable[0]
		return &Error{fmt.Errorf("%s: %s", u.Object, u.Reason), "no log object could be read"}
	case in.Rejected > 0:
		j := in.RejectedSamples[0]
		return &Error{fmt.Errorf("%s: not a log that why403 knows: line %d: %s (%d lines rejected)", j.Object, j.Line, j.Reason, in.Rejected),
			"give --format for logs without a header; docs/logs.md lists the formats"}
	case in.Objects == 0 && (!r.Window.From.IsZero() || !r.Window.To.IsZero()):
		return &Error{fmt.Errorf("%s: no log objects in the window", where), "widen --since and --until; S3 and CloudFront deliver logs hours late"}
	case in.Objects == 0:
		return &Error{fmt.Errorf("%s: no log objects", where), "check the prefix: CloudFront's names are PREFIX/DISTRIBUTIONID.YYYY-MM-DD-HH.UNIQUE.gz, S3's PREFIXYYYY-MM-DD-hh-mm-ss-UNIQUE"}
	}
	return &Error{fmt.Errorf("%s: the log objects hold no lines", where), "check that logging is switched on and that the prefix is that of the logs"}
}

// settings gathers, beyond the distributions, what is set for the buckets,
// behaviors and the account that failing requests met.
func (r *run) settings(ctx context.Context, found *correlate.Result) error {
	g := r.gatherer
	parts := gather.PartEncryption | gather.PartVersioning
	buckets := map[string]gather.Parts{}
	var behaviors []*correlate.Behavior
	scps := false
	points := map[string]bool{} // access points, by ARN
	for k := range allKeys(found) {
		if k.Bucket != "" {
			p := parts
			if k.Access == correlate.AccessWebsite {
				p |= gather.PartWebsite
			}
			if slices.ContainsFunc(k.Origin, func(c correlate.OriginClass) bool { return strings.Contains(c.Operation, ".OPTIONS.") }) {
				p |= gather.PartCORS
			}
			buckets[k.Bucket] |= p
		}
		for i := range k.Origin {
			if arn := k.Origin[i].AccessPointARN; arn != "" {
				points[arn] = true
			}
		}
		if _, b, _ := r.way(k.Distribution, k.PathPattern, k.OriginID); b != nil && !slices.Contains(behaviors, b) {
			behaviors = append(behaviors, b)
		}
		scps = scps || k.Access == correlate.AccessIAM
	}
	var acls []string
	for f := range found.Edge.All() {
		d, b, _ := r.way(f.Distribution, f.PathPattern, f.OriginID)
		if b != nil && !slices.Contains(behaviors, b) {
			behaviors = append(behaviors, b)
		}
		if d != nil && d.WebACLID != "" && !slices.Contains(acls, d.WebACLID) {
			acls = append(acls, d.WebACLID)
		}
	}
	if err := g.Behaviors(ctx, behaviors...); err != nil {
		return err
	}
	slices.Sort(acls)
	if err := g.WebACLs(ctx, acls...); err != nil {
		return err
	}
	byParts := map[gather.Parts][]string{}
	for b, p := range buckets {
		byParts[p] = append(byParts[p], b)
	}
	for _, p := range slices.Sorted(maps.Keys(byParts)) {
		slices.Sort(byParts[p])
		if err := g.Buckets(ctx, p, byParts[p]...); err != nil {
			return err
		}
	}
	if err := g.AccessPoints(ctx, slices.Sorted(maps.Keys(points))...); err != nil {
		return err
	}
	if len(buckets) == 0 {
		return nil
	}
	if err := g.Account(ctx); err != nil {
		return err
	}
	return g.Organization(ctx, scps)
}

// allKeys walks the failing keys, found through CloudFront, then directly.
func allKeys(found *correlate.Result) iter.Seq[*correlate.FailingKey] {
	return func(yield func(*correlate.FailingKey) bool) {
		for _, l := range [...]*correlate.List[correlate.FailingKey]{found.Keys, found.Direct} {
			for k := range l.All() {
				if !yield(k) {
					return
				}
			}
		}
	}
}

func distinct[T comparable](in []T) []T {
	seen := make(map[T]bool, len(in))
	out := in[:0]
	for _, v := range in {
		if !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	return out
}

// maxNear bounds the near keys that are kept for a missing key.
const maxNear = 5

func near(p checks.KeyPass) func(context.Context, correlate.Lister) ([]correlate.NearKey, error) {
	var hint correlate.Hint
	if p.Origin != nil {
		hint.OriginPath = p.Origin.OriginPath
	}
	if p.Bucket != nil && p.Bucket.Website.Known() {
		hint.IndexSuffix = p.Bucket.Website.Value.IndexSuffix
	}
	key := p.Key.Key
	return func(ctx context.Context, l correlate.Lister) ([]correlate.NearKey, error) {
		return correlate.Near(ctx, key, hint, l, maxNear)
	}
}

// way returns the distribution, behavior and origin that a failure names, each
// nil if unknown.
func (r *run) way(distribution, pattern, origin string) (*correlate.Distribution, *correlate.Behavior, *correlate.Origin) {
	f := r.gatherer.Facts().Distributions[distribution]
	if f == nil || !f.Config.Known() {
		return nil, nil, nil
	}
	d := f.Config.Value
	var b *correlate.Behavior
	var o *correlate.Origin
	for i := range d.Behaviors {
		if pattern != "" && d.Behaviors[i].PathPattern == pattern {
			b = &d.Behaviors[i]
			break
		}
	}
	for i := range d.Origins {
		if origin != "" && d.Origins[i].ID == origin {
			o = &d.Origins[i]
		}
	}
	return d, b, o
}

func (r *run) keyPass(found *correlate.Result, k *correlate.FailingKey) checks.KeyPass {
	p := checks.KeyPass{Key: k, Coverage: &found.Coverage, Facts: r.gatherer.Facts()}
	p.Distribution, p.Behavior, p.Origin = r.way(k.Distribution, k.PathPattern, k.OriginID)
	if b := p.Facts.Buckets[k.Bucket]; b != nil {
		p.Bucket = b
		p.Object = b.Objects[k.Key]
	}
	return p
}

func (r *run) edgePass(found *correlate.Result, f *correlate.EdgeFailure) checks.EdgePass {
	p := checks.EdgePass{Failure: f, Coverage: &found.Coverage, Facts: r.gatherer.Facts()}
	p.Distribution, p.Behavior, p.Origin = r.way(f.Distribution, f.PathPattern, f.OriginID)
	return p
}

// bare strips the path that os puts before an error, which the message names already.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	var l *os.LinkError
	if errors.As(err, &l) {
		return l.Err
	}
	return err
}
