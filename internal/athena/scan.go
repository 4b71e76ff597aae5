package athena

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/why403/why403/logs"
)

// DefaultDatabase is where Setup makes its tables and Scan expects them.
const DefaultDatabase = "why403"

// Options tune a Scan. The zero value uses the caller's default workgroup and
// reads everything.
type Options struct {
	Workgroup string // "" is the account's "primary"
	Output    string // s3:// for query results, "" is the workgroup's
	Database  string // "" is DefaultDatabase

	Window logs.Window
	// Masked are the statuses that custom error responses of any distribution
	// turn a 403 into. MaskedOf tells those of one, as logs.Filter.Masked; nil:
	// all are of each.
	Masked   []int
	MaskedOf func(distribution []byte) []int

	// Catalog, if not nil, is asked for the tables before a query is started.
	Catalog Catalog

	// MaxScanBytes bounds what all queries scan together; 0 is no bound. A query
	// that grows over it is stopped; one that surely would is not started.
	MaxScanBytes int64
	// MaxServed bounds the served paths and keys that come back of each query; of
	// more, a sample does. 0 is a million.
	MaxServed int
	Timeout   time.Duration // of one query, 0 is none

	Log      *slog.Logger
	Progress func(scanned int64) // called now and then with the bytes scanned so far
	Tell     func(line string)   // told what is about to be asked
}

func (o *Options) progress(scanned int64) {
	if o.Progress != nil {
		o.Progress(scanned)
	}
}

// A Result is what a Scan read and what it cost.
type Result struct {
	// Inputs counts as a local scan does. Line numbers are not known to Athena:
	// those of RejectedSamples, and of the records' Refs, are 0. Objects without
	// a line are not counted. Bytes are those that Athena read.
	Inputs *logs.Inputs
	Usage  Usage
	// Approximate says, a sentence each, what in a report is not as exact as
	// with the local engine.
	Approximate []string
}

type engine struct {
	api   API
	o     Options
	usage Usage
	sleep func(context.Context, time.Duration) error
	// misread counts lines that SQL took for plain and the parser did not.
	misread atomic.Int64
	cutoff  int64 // bytes that the workgroup lets a query scan, 0: any
	coarse  int   // the widest part of time of which one success came back
	notes   []string
}

// Scan lets Athena read the logs, whose tables Setup made, and hands records to
// the handlers as logs.Scan would, made by newHandler in the same way: refusals
// whole, and of the requests that passed those that tell when a path or key was
// served. The Result is complete for what was read even if there is an error.
func Scan(ctx context.Context, api API, all []Logs, o Options, newHandler func() logs.Handler) (*Result, error) {
	if o.Database == "" {
		o.Database = DefaultDatabase
	}
	if o.MaxServed <= 0 {
		o.MaxServed = 1 << 20
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MaskedOf == nil {
		o.MaskedOf = func([]byte) []int { return o.Masked }
	}
	e := &engine{api: api, o: o, sleep: sleep}
	return e.scan(ctx, all, newHandler)
}

func (e *engine) scan(ctx context.Context, all []Logs, newHandler func() logs.Handler) (*Result, error) {
	r := &Result{Inputs: &logs.Inputs{ByStatus: map[int]int64{}, ByFormat: map[string]*logs.FormatCount{}, RejectedSamples: []logs.Rejection{}}}
	finish := func(err error) (*Result, error) {
		r.Usage = e.usage
		r.Approximate = e.approximate()
		return r, err
	}
	if !isTableName(e.o.Database) {
		return finish(&UsageError{fmt.Sprintf("%q is no name for a database", e.o.Database), "use lower-case letters, digits and _"})
	}
	groups, err := e.plan(ctx, all)
	if err != nil {
		return finish(err)
	}
	sums := make([]*summary, len(groups))
	interesting := int64(0)
	for i, g := range groups {
		if sums[i], err = e.lines(ctx, g, r.Inputs, newHandler); err != nil {
			return finish(err)
		}
		interesting += sums[i].sent
	}
	for i, g := range groups {
		if interesting == 0 { // nothing failed: nothing to compare with
			break
		}
		if err := e.served(ctx, g, sums[i], newHandler); err != nil {
			return finish(err)
		}
	}
	in := r.Inputs
	slices.SortFunc(in.RejectedSamples, compareRejections)
	in.RejectedSamples = in.RejectedSamples[:min(len(in.RejectedSamples), maxSamples)]
	if n := e.misread.Load(); n > 0 {
		e.note("%d lines that Athena took for ordinary requests were not for why403's parser: their counts are off; please report this", n)
	}
	return finish(nil)
}

const maxSamples = 20 // as logs has it

// compareRejections orders by what does not depend on the order in which lines
// came back.
func compareRejections(a, b logs.Rejection) int {
	return cmp.Or(strings.Compare(a.Object, b.Object), strings.Compare(a.Reason, b.Reason))
}

func (e *engine) note(format string, a ...any) { e.notes = append(e.notes, fmt.Sprintf(format, a...)) }

// approximate names what differs from a local scan, always or in this run.
func (e *engine) approximate() []string {
	const elsewhere = "when a key was served, where its refusals stand in another log than its successes: "
	served := elsewhere + fmt.Sprintf("known to %d seconds", e.coarse)
	if e.coarse > widths[len(widths)-1] {
		served = elsewhere + "only the first and the last success were read"
	}
	return append([]string{
		"line numbers: Athena does not know them",
		served,
	}, e.notes...)
}

// A summary is what the lines query told beside the lines.
type summary struct {
	sent    int64   // lines that came back for the parser
	things  int64   // about so many paths or keys were served
	parts   []int64 // and in so many parts of time, by widths
	scanned int64
	// extremes are lines that show the span of time of each scope.
	extremes []placed
}

type placed struct{ path, line string }

// lines runs the first query of a group.
func (e *engine) lines(ctx context.Context, p *group, in *logs.Inputs, newHandler func() logs.Handler) (*summary, error) {
	sum := &summary{}
	count := in.ByFormat[p.Format]
	if count == nil {
		count = &logs.FormatCount{}
		in.ByFormat[p.Format] = count
	}
	var total, seen int64
	counted := false
	before := e.usage.ScannedBytes
	parsed, err := e.parse(ctx, p, func() logs.Handler { return unnumbered{newHandler()} }, func(s *stream) error {
		return e.run(ctx, "lines of "+p.String(), e.linesQuery(p), func(c []string) error {
			if len(c) != 10+len(widths) {
				return &Error{What: "athena: the result has not the columns of the query"}
			}
			kind, path, status := c[0], c[1], c[3]
			n, err := strconv.ParseInt(c[5], 10, 64)
			if err != nil {
				return &Error{What: fmt.Sprintf("athena: the result has %q for a count", c[5])}
			}
			if kind == "" {
				total, counted = n, true
				objects, _ := strconv.ParseInt(c[8], 10, 64)
				sum.things, _ = strconv.ParseInt(c[9], 10, 64)
				for _, parts := range c[10:] {
					n, _ := strconv.ParseInt(parts, 10, 64)
					sum.parts = append(sum.parts, n)
				}
				count.Objects += objects
				in.Objects += objects
				return nil
			}
			seen += n
			switch kind {
			case "header":
				count.Lines += n
				count.Skipped += n
			case "line":
				line, err := received(c[2])
				if err != nil {
					return err
				}
				sum.sent += n
				for range n {
					if err := s.add(ctx, path, line); err != nil {
						return err
					}
				}
			case "plain":
				count.Lines += n
				if c[4] != "true" {
					count.Skipped += n
					return nil
				}
				count.Records += n
				if code, err := strconv.Atoi(status); err == nil && p.isEdge() {
					in.ByStatus[code] += n
				}
				for _, text := range c[6:8] {
					line, err := received(text)
					if err != nil {
						return err
					}
					sum.extremes = append(sum.extremes, placed{path, line})
				}
			}
			return nil
		})
	})
	sum.scanned = e.usage.ScannedBytes - before
	in.Bytes += sum.scanned
	if parsed != nil {
		for _, c := range parsed.ByFormat {
			count.Lines += c.Lines
			count.Records += c.Records
			count.Forbidden += c.Forbidden
			count.Skipped += c.Skipped
			count.Rejected += c.Rejected
		}
		for code, n := range parsed.ByStatus {
			in.ByStatus[code] += n
		}
		for _, x := range parsed.RejectedSamples {
			x.Line = 0
			in.RejectedSamples = append(in.RejectedSamples, x)
		}
		in.Unreadable = append(in.Unreadable, parsed.Unreadable...)
	}
	e.sum(in)
	switch {
	case err != nil:
	case !counted:
		err = &Error{What: "athena: the result has no count of all lines", Todo: "run it again; if it stays, report it"}
	case seen != total:
		err = &Error{What: fmt.Sprintf("athena: %d lines were counted and %d came back", total, seen), Todo: "run it again; if it stays, report it"}
	}
	return sum, err
}

func (p *place) isEdge() bool { return strings.HasPrefix(p.Format, "cloudfront-") }

// sum adds the formats up.
func (e *engine) sum(in *logs.Inputs) {
	in.Lines, in.Records, in.Skipped, in.Rejected = 0, 0, 0, 0
	for _, c := range in.ByFormat {
		in.Lines += c.Lines
		in.Records += c.Records
		in.Skipped += c.Skipped
		in.Rejected += c.Rejected
	}
}

// served runs the second query of a group.
func (e *engine) served(ctx context.Context, p *group, sum *summary, newHandler func() logs.Handler) error {
	rate := int((sum.things + int64(e.o.MaxServed) - 1) / int64(e.o.MaxServed))
	width := 0
	for i, n := range slices.Backward(sum.parts) {
		if n <= int64(e.o.MaxServed) {
			width = widths[i]
		}
	}
	query := sum.things > 0
	if e.coarse = max(e.coarse, width); query && width == 0 {
		e.coarse = math.MaxInt
	}
	if left := e.o.MaxScanBytes - e.usage.ScannedBytes; query && e.o.MaxScanBytes > 0 && sum.scanned > left {
		e.note("when keys of %s were served: reading that would have scanned %d bytes more than --max-scan-bytes allows", p, sum.scanned-left)
		query = false
	}
	if query && rate > 1 {
		e.note("what served paths of %s have in common: about %d were served, one in %d was read", p, sum.things, rate)
	}
	parsed, err := e.parse(ctx, p, func() logs.Handler { return passedOnly{newHandler(), &e.misread} }, func(s *stream) error {
		for _, x := range sum.extremes {
			if err := s.add(ctx, x.path, x.line); err != nil {
				return err
			}
		}
		if !query {
			return nil
		}
		return e.run(ctx, "served of "+p.String(), e.servedQuery(p, rate, width), func(c []string) error {
			if len(c) < 2 {
				return &Error{What: "athena: the result has not the columns of the query"}
			}
			line, err := received(c[1])
			if err != nil {
				return err
			}
			return s.add(ctx, c[0], line)
		})
	})
	if parsed != nil {
		e.misread.Add(parsed.Rejected)
	}
	return err
}

// received undoes send.
func received(text string) (string, error) {
	switch {
	case strings.HasPrefix(text, "="):
		return text[1:], nil
	case strings.HasPrefix(text, "~"):
		if b, err := base64.StdEncoding.DecodeString(text[1:]); err == nil {
			return string(b), nil
		}
	}
	return "", &Error{What: fmt.Sprintf("athena: the result has %.20q for a line", text)}
}

// unnumbered forwards records without their line numbers, which are those of
// what came back.
type unnumbered struct{ logs.Handler }

func (h unnumbered) Edge(r *logs.EdgeRecord) {
	r.Ref.Line = 0
	h.Handler.Edge(r)
}

func (h unnumbered) Origin(r *logs.OriginRecord) {
	r.Ref.Line = 0
	h.Handler.Origin(r)
}

func (h unnumbered) Firewall(r *logs.FirewallRecord) {
	r.Ref.Line = 0
	h.Handler.Firewall(r)
}

// passedOnly forwards what passed. Nothing else may come.
type passedOnly struct {
	logs.Handler
	misread *atomic.Int64
}

func (h passedOnly) Edge(*logs.EdgeRecord)         { h.misread.Add(1) }
func (h passedOnly) Origin(*logs.OriginRecord)     { h.misread.Add(1) }
func (h passedOnly) Firewall(*logs.FirewallRecord) { h.misread.Add(1) }

// parse runs feed, and hands what it adds to the stream to the parser. The
// counts are without what the stream itself had to add.
func (e *engine) parse(ctx context.Context, p *group, newHandler func() logs.Handler, feed func(*stream) error) (*logs.Inputs, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := &stream{place: p.place, batches: make(chan []logs.Object), held: map[string]*held{}, open: map[string]*held{}}
	fed := make(chan error, 1)
	go func() {
		err := feed(s)
		if err == nil {
			err = s.flush(ctx)
		}
		if err != nil {
			cancel(err)
		}
		close(s.batches)
		fed <- err
	}()
	o := logs.Options{
		Format: p.Format, Filter: logs.Filter{Masked: e.o.MaskedOf, Window: e.o.Window},
		MaxObject: -1, Concurrency: 2,
	}
	switch p.Format {
	case "cloudfront-parquet":
		o.Format = "cloudfront-json"
	case "s3-parquet":
		o.Format = "s3-json"
	}
	if p.form == formDelimited {
		o.Delimiter = p.Delimiter
		if p.Format != "cloudfront-w3c" {
			for _, f := range p.fields {
				o.Fields = append(o.Fields, f.Name)
			}
		}
	}
	in, err := logs.Scan(ctx, []logs.Source{s}, o, newHandler)
	if feedErr := <-fed; feedErr != nil {
		err = feedErr
	}
	if in != nil {
		in.Lines -= s.added
		in.Skipped -= s.added
		for _, c := range in.ByFormat {
			c.Lines -= s.added // there is one format
			c.Skipped -= s.added
		}
		in.Unreadable = append(in.Unreadable, s.unreadable()...)
	}
	return in, err
}

// A stream is a logs.Source of lines that come back from Athena, put together
// to objects again. Of a large result it hands on parts.
type stream struct {
	place   *place
	batches chan []logs.Object

	held   map[string]*held // being filled
	size   int
	added  int64                          // header lines that were not among the lines
	heads  map[string]map[string]struct{} // by object: #Fields lines that are not the table's
	parted map[string]struct{}            // objects that were handed on in part

	mu   sync.Mutex
	open map[string]*held // handed on, not read yet
	n    int
}

// held are lines of one object.
type held struct {
	head  []byte // lines that begin with '#'
	lines []byte
}

const flushSize = 64 << 20

func (s *stream) add(ctx context.Context, path, line string) error {
	h := s.held[path]
	if h == nil {
		h = new(held)
		s.held[path] = h
	}
	if strings.HasPrefix(line, "#") && s.place.Format == "cloudfront-w3c" {
		h.head = append(append(h.head, line...), '\n')
		if strings.HasPrefix(line, "#Fields:") {
			if s.heads == nil {
				s.heads = map[string]map[string]struct{}{}
			}
			if s.heads[path] == nil {
				s.heads[path] = map[string]struct{}{}
			}
			s.heads[path][line] = struct{}{}
		}
	} else {
		h.lines = append(append(h.lines, line...), '\n')
	}
	if s.size += len(line) + 1; s.size < flushSize {
		return nil
	}
	return s.flush(ctx)
}

// flush hands on what is held.
func (s *stream) flush(ctx context.Context) error {
	if len(s.held) == 0 {
		return nil
	}
	var page []logs.Object
	s.mu.Lock()
	for path, h := range s.held {
		if s.place.Format == "cloudfront-w3c" && !bytes.Contains(h.head, []byte("#Fields:")) {
			header := s.place.header() + "\n"
			h.head = append([]byte(header), h.head...)
			s.added++
		}
		s.n++
		o := logs.Object{URI: path, Size: int64(len(h.head) + len(h.lines)), ETag: strconv.Itoa(s.n)}
		s.open[o.ETag] = h
		page = append(page, o)
		if s.size >= flushSize {
			if s.parted == nil {
				s.parted = map[string]struct{}{}
			}
			s.parted[path] = struct{}{}
		}
	}
	s.mu.Unlock()
	clear(s.held)
	s.size = 0
	select {
	case s.batches <- page:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// unreadable names objects whose columns SQL could not know.
func (s *stream) unreadable() []logs.Unreadable {
	var out []logs.Unreadable
	for path, heads := range s.heads {
		reason := ""
		for head := range heads {
			if !s.place.agrees(head) {
				reason = "its #Fields are not those of the table: its lines may be misread; read it with --engine local"
			}
		}
		if _, parted := s.parted[path]; reason == "" && (len(heads) > 1 || parted) {
			reason = "its #Fields change within the object: its lines may be misread; read it with --engine local"
		}
		if reason != "" {
			out = append(out, logs.Unreadable{Object: path, Reason: reason})
		}
	}
	slices.SortFunc(out, func(a, b logs.Unreadable) int { return strings.Compare(a.Object, b.Object) })
	return out
}

// agrees reports whether the columns that SQL looks at stand in the same place
// under a #Fields line.
func (p *place) agrees(header string) bool {
	names := strings.Fields(strings.TrimPrefix(header, "#Fields:"))
	for i, f := range p.fields {
		switch columnName(f.Name) {
		case "date", "time", "timestamp", "timestamp_ms", "cs_uri_stem", "sc_status", "distributionid", "cs_host":
			if i >= len(names) || columnName(names[i]) != columnName(f.Name) {
				return false
			}
		case "x_edge_result_type": // absent from the oldest logs
			if i < len(names) && columnName(names[i]) != columnName(f.Name) {
				return false
			}
		}
	}
	return true
}

// Parallel makes the stream a logs.Remote, whose objects are scanned while
// others are listed.
func (s *stream) Parallel() int { return 2 }

func (s *stream) List(ctx context.Context, _ logs.Window, page func([]logs.Object) error) error {
	for {
		select {
		case b, ok := <-s.batches:
			if !ok {
				return context.Cause(ctx)
			}
			if err := page(b); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (s *stream) Open(_ context.Context, o *logs.Object) (io.ReadCloser, error) {
	s.mu.Lock()
	h := s.open[o.ETag]
	delete(s.open, o.ETag)
	s.mu.Unlock()
	if h == nil {
		return nil, fmt.Errorf("%s: %w", o.URI, fs.ErrNotExist)
	}
	return io.NopCloser(io.MultiReader(bytes.NewReader(h.head), bytes.NewReader(h.lines))), nil
}
