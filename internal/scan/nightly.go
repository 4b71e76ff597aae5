package scan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/why403/why403/correlate"
	"github.com/why403/why403/internal/awsx"
	"github.com/why403/why403/internal/report"
	"github.com/why403/why403/internal/state"
	"github.com/why403/why403/logs"
)

// A Memory is what earlier nights knew, held for one Run: OpenMemory, Run with
// it in Options, write the reports, Commit, Close. Without the Commit the next
// run does the same work again, so a night whose reports could not be written
// is told by the next one.
type Memory struct {
	st         *state.State
	o          Options
	now        func() time.Time
	first      bool         // there is no earlier run
	counted    atomic.Int64 // 403s that an earlier run has counted
	read       int64
	started    time.Time
	incomplete bool
	told       []standing       // of this run's keys, then those that failed directly
	statuses   map[string]int   // of the report's entries
	fresh      map[string]int64 // new entries of this run, by verdict
}

// MemoryOptions tune OpenMemory.
type MemoryOptions struct {
	Unconditional bool             // use a store that ignores conditions
	Now           func() time.Time // for tests; nil: time.Now
}

// OpenMemory reads the memory at a location, s3://bucket/prefix or a directory,
// and takes its lock.
func OpenMemory(ctx context.Context, location string, o Options, mo MemoryOptions) (*Memory, error) {
	if mo.Now == nil {
		mo.Now = time.Now
	}
	store, err := stateStore(ctx, location, o.AWS, true)
	if err != nil {
		return nil, err
	}
	st, err := state.Open(ctx, store, state.Options{Unconditional: mo.Unconditional, Now: mo.Now})
	if err != nil {
		return nil, stateError(err)
	}
	m := &Memory{st: st, o: o, now: mo.Now, first: len(st.Runs()) == 0}
	m.started = m.now()
	return m, nil
}

// ReadMemory reads the memory at a location without its lock, to look at it.
func ReadMemory(ctx context.Context, location string, cfg awsx.Config) (*state.State, error) {
	store, err := stateStore(ctx, location, cfg, false)
	if err != nil {
		return nil, err
	}
	st, err := state.Read(ctx, store)
	if err != nil {
		return nil, stateError(err)
	}
	return st, nil
}

// stateStore returns the store at a location. A directory is made when make is
// set.
func stateStore(ctx context.Context, location string, cfg awsx.Config, make bool) (state.Store, error) {
	if !isS3(location) {
		if !make {
			if _, err := os.Stat(location); err != nil {
				return nil, &Error{fmt.Errorf("state %s: %w", location, bare(err)), "a state is a directory or s3://bucket/prefix that scan --state wrote to"}
			}
		}
		s, err := state.Dir(location)
		if err != nil {
			return nil, &Error{bareState(location, err), "--state wants a directory, which is made when it does not exist, or s3://bucket/prefix"}
		}
		return s, nil
	}
	clients, err := awsx.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if _, prefix, ok := strings.Cut(strings.TrimPrefix(location, "s3://"), "/"); !ok || prefix != "" && !strings.HasSuffix(prefix, "/") {
		location += "/"
	}
	s, err := clients.Store(location)
	if err != nil {
		return nil, &Error{err, "--state wants a directory, or s3://bucket/prefix"}
	}
	return s, nil
}

func bareState(location string, err error) error {
	return fmt.Errorf("state %s: %w", location, bare(err))
}

// stateError adds what the user can do.
func stateError(err error) error {
	var locked *state.LockedError
	switch {
	case errors.As(err, &locked):
		return &Error{err, "let that run end; should it have been killed, the lock is free at " + locked.Expires.UTC().Format(time.RFC3339)}
	case errors.Is(err, state.ErrIgnoresConditions):
		return &Error{err, "where no two runs can meet, --state-unconditional uses it all the same"}
	case errors.Is(err, state.ErrLockLost), errors.Is(err, state.ErrCondition):
		return &Error{err, "the reports are complete; the next run says the same again"}
	case errors.Is(err, fs.ErrPermission):
		return &Error{err, "the run must be able to read and write there"}
	}
	return err
}

// Commit remembers the run. It is to be called once the reports are written.
// What fell out of the memory's bounds is logged.
func (m *Memory) Commit(ctx context.Context) error {
	told := len(m.st.Notes())
	err := m.st.Commit(ctx, state.Run{Started: m.started, Finished: m.now(), Version: m.o.Version, Objects: m.read, Incomplete: m.incomplete})
	if err != nil {
		return stateError(err)
	}
	if m.o.Log != nil {
		for _, n := range m.st.Notes()[told:] {
			m.o.Log.Warn(n)
		}
	}
	return nil
}

// Close lets the memory's lock go.
func (m *Memory) Close(ctx context.Context) error { return m.st.Close(ctx) }

// windows returns the windows for records and for listing objects. A line
// counts for its own day, whenever it came: only the first run, which has no
// earlier one to complete, cuts lines at the window's begin. Later runs list
// from where the last one leaves off, or from the window's begin if it is
// earlier, so that no night that fell out leaves a gap.
func (m *Memory) windows(w logs.Window) (records, listing logs.Window) {
	if m == nil || m.first {
		return w, w
	}
	if from := m.st.ListFrom(); w.From.IsZero() || from.Before(w.From) {
		w.From = from
	}
	return logs.Window{To: w.To}, w
}

// skip returns a function that tells objects which an earlier run has read.
func (m *Memory) skip() func(*logs.Object) bool {
	if m == nil {
		return nil
	}
	return func(o *logs.Object) bool { return m.st.Seen(identity(o)) }
}

// quiet reports whether a run may find nothing to read: an earlier one has read
// what there is.
func (m *Memory) quiet() bool { return m != nil && !m.first }

// identity returns the name that an object is remembered by, and what changes
// when its content does. A file has no ETag: its size and time stand for it.
func identity(o *logs.Object) (uri, tag string) {
	if isS3(o.URI) {
		return o.URI, o.ETag
	}
	uri = o.URI
	if abs, err := filepath.Abs(uri); err == nil {
		uri = abs
	}
	return uri, strconv.FormatInt(o.Size, 10) + " " + strconv.FormatInt(o.Modified.UnixNano(), 10)
}

// handlers makes handlers that count for the memory what narrow leaves, and pass
// on what is new of it.
func (m *Memory) handlers(next func() logs.Handler, narrow func(func() logs.Handler) func() logs.Handler, until time.Time) func() logs.Handler {
	if m == nil {
		return narrow(next)
	}
	return func() logs.Handler {
		c := &counter{Handler: next(), m: m, tally: m.st.NewTally(), until: until}
		return &counted{narrow(func() logs.Handler { return c })(), c}
	}
}

// counted hands lines to its Handler, and the bounds of objects to the counter
// behind it.
type counted struct {
	logs.Handler
	c *counter
}

func (h *counted) Begin(o *logs.Object) { h.c.Begin(o) }
func (h *counted) End(whole bool)       { h.c.End(whole) }

// A counter counts the lines of one scanning goroutine for the memory, and
// passes them on but for 403s that an earlier night has counted.
type counter struct {
	logs.Handler
	m     *Memory
	tally *state.Tally
	until time.Time // end of the run's window, zero if open
	cut   bool      // the object at hand may hold lines behind it
	buf   []byte
}

func (c *counter) Begin(o *logs.Object) {
	uri, tag := identity(o)
	to := logs.ParseName(o.URI).To
	c.cut = !c.until.IsZero() && (to.IsZero() || to.After(c.until))
	c.tally.Begin(uri, tag, to)
}

func (c *counter) End(whole bool) { c.tally.End(whole && !c.cut) }

func (c *counter) Edge(r *logs.EdgeRecord) {
	switch {
	case r.Status != 403: // masked: neither a 403 nor an answer
		c.tally.Passed(nil, nil, 0, r.Time)
	case !c.tally.Failed(state.CloudFront, r.Time, r.RequestID):
		c.m.counted.Add(1)
		return
	}
	c.Handler.Edge(r)
}

func (c *counter) Origin(r *logs.OriginRecord) {
	kind := state.Direct
	if correlate.FromCloudFront(r) {
		kind = state.S3
	}
	// One request to S3 can leave lines of several operations.
	c.buf = c.buf[:0]
	if len(r.RequestID) > 0 {
		c.buf = append(append(append(c.buf, r.RequestID...), ' '), r.Operation...)
	}
	if !c.tally.Failed(kind, r.Time, c.buf) {
		c.m.counted.Add(1)
		return
	}
	c.Handler.Origin(r)
}

func (c *counter) EdgePassed(distribution, stem []byte, status int, time int64) {
	c.tally.Passed(distribution, stem, status, time)
	c.Handler.EdgePassed(distribution, stem, status, time)
}

// OriginPassed takes as proof that a key can be read what CloudFront or an
// anonymous client read: an administrator's success proves nothing for them.
func (c *counter) OriginPassed(r *logs.OriginRecord) {
	if (len(r.Requester) == 0 || correlate.FromCloudFront(r)) && readsObject(r.Operation) {
		key := r.Key
		if bytes.IndexByte(key, '%') >= 0 || bytes.IndexByte(key, '+') >= 0 {
			c.buf, _ = r.AppendKey(c.buf[:0])
			key = c.buf
		}
		c.tally.PassedS3(r.Bucket, key, r.Status, r.Time)
	}
	c.Handler.OriginPassed(r)
}

func readsObject(operation []byte) bool {
	return bytes.HasSuffix(operation, []byte(".GET.OBJECT")) || bytes.HasSuffix(operation, []byte(".HEAD.OBJECT"))
}

// The kinds of a state.FindingID.
const (
	kindKey    = "key"
	kindDirect = "direct"
	kindEdge   = "edge"
)

// remember gives the report's entries their status, and adds the findings of
// earlier nights that this one did not meet and the days' totals.
func (m *Memory) remember(rep *report.Report, edge *correlate.List[correlate.EdgeFailure]) error {
	if m == nil {
		return nil
	}
	rep.Inputs.Duplicates += m.counted.Load()
	m.statuses = map[string]int{state.New: 0, state.Still: 0, state.Fixed: 0, state.Quiet: 0}
	m.fresh = map[string]int64{}
	var gone [2][]*report.FailingKey
	var told [2][]standing
	lists := [2]*report.Keys{&rep.FailingKeys, &rep.DirectFailures}
	for i, kind := range []string{kindKey, kindDirect} {
		begin := len(m.told)
		for k, err := range (*lists[i]).All() {
			if err != nil {
				return err
			}
			o := state.Observation{
				FindingID: state.FindingID{Kind: kind, Distribution: k.Distribution, Bucket: k.Bucket, Key: k.Key},
				URIs:      k.URIs, Verdict: k.Verdict, Requests: k.Requests.Hit(), First: k.FirstSeen, Last: k.LastSeen,
				Hours: dayHours(k.Hours), Noise: k.Noise,
			}
			if k.LastSuccess != nil {
				o.LastOK = *k.LastSuccess
			}
			status, since := m.st.Observe(o)
			m.told = append(m.told, standing{status, since})
			m.count(status)
			m.countNew(status, k.Verdict)
		}
		told[i] = m.told[begin:]
	}
	paths := make([]string, 0, edge.Len()) // their status
	for f, err := range rep.EdgeFailures.All() {
		if err != nil {
			return err
		}
		e := edge.At(len(paths))
		o := state.Observation{
			FindingID: state.FindingID{Kind: kindEdge, Distribution: f.Distribution, Key: f.URI},
			URIs:      []string{f.URI}, Verdict: f.Verdict, Requests: f.Requests, First: f.FirstSeen, Last: f.LastSeen,
			Hours: dayHours(f.Hours), Noise: f.Noise,
		}
		if e.LastOK > 0 {
			o.LastOK = instant(e.LastOK)
		}
		if e.Bucket != "" && e.Reason == correlate.NoOriginCached {
			o.Of = state.FindingID{Kind: kindKey, Distribution: f.Distribution, Bucket: e.Bucket, Key: e.Key}
		}
		status, _ := m.st.Observe(o)
		paths = append(paths, status)
		m.count(status)
		m.countNew(status, f.Verdict)
	}
	var gonePaths []*report.EdgeFailure
	for r := range m.st.Absent() {
		m.count(r.Status)
		switch r.Kind {
		case kindKey:
			gone[0] = append(gone[0], absentKey(r))
		case kindDirect:
			gone[1] = append(gone[1], absentKey(r))
		case kindEdge:
			gonePaths = append(gonePaths, &report.EdgeFailure{Distribution: r.Distribution, URI: r.Key,
				FirstSeen: r.First, LastSeen: r.Last, Status: r.Status, Verdict: r.Verdict,
				Causes: []report.Cause{}, RuledOut: []string{}, Unknown: []report.Unknown{}})
		}
	}
	for i, l := range lists {
		*l = &remembered[report.FailingKey]{*l, func(n int, k *report.FailingKey) { told[i][n].tell(k) }, gone[i]}
	}
	rep.EdgeFailures = &remembered[report.EdgeFailure]{rep.EdgeFailures, func(n int, f *report.EdgeFailure) { f.Status = paths[n] }, gonePaths}
	for _, d := range m.st.Days() {
		rep.Trend = append(rep.Trend, report.Day{Day: d.Day, Requests: d.Requests, CloudFront: d.CloudFront, S3: d.S3, Direct: d.Direct, Causes: d.Causes})
	}
	return nil
}

// partial says that not all of the time before until was read.
func (m *Memory) partial(until time.Time) {
	if m != nil {
		m.st.Partial(until)
	}
}

// count counts an entry; scanner noise has no status.
func (m *Memory) count(status string) {
	if status != "" {
		m.statuses[status]++
	}
}

// finish completes a finished report, and keeps what Commit says of the run.
func (m *Memory) finish(rep *report.Report) {
	if m == nil {
		return
	}
	m.read, m.incomplete = rep.Inputs.Objects, len(rep.Run.Incomplete) > 0
	rep.Summary.Statuses = m.statuses
	rep.Notes = append(rep.Notes, m.st.Notes()...)
	if m.read > 0 {
		return
	}
	for _, run := range slices.Backward(m.st.Runs()) {
		if run.Objects == 0 {
			continue
		}
		said := "no log object has come since the run of " + run.Started.Format(time.RFC3339)
		if m.started.Sub(run.Started) <= state.Overlap {
			rep.Notes = append(rep.Notes, "N"+said[1:]+".")
			return
		}
		m.incomplete = true
		rep.Run.Incomplete = append(rep.Run.Incomplete, said)
		rep.Run.Hints = append(rep.Run.Hints, "check that logging is still switched on and still writes to this place")
		return
	}
}

func (m *Memory) countNew(status, verdict string) {
	if status == state.New {
		m.fresh[verdict]++
	}
}

// newOf returns how many entries of this run with the verdict no earlier run has
// reported.
func (m *Memory) newOf(verdict string) int64 {
	if m == nil {
		return 0
	}
	return m.fresh[verdict]
}

func dayHours(hs []report.HourCount) []state.Hour {
	out := make([]state.Hour, len(hs))
	for i, h := range hs {
		out[i] = state.Hour{Hour: h.Hour, Count: h.Count}
	}
	return out
}

// absentKey is the entry of a key that failed on earlier nights alone.
func absentKey(r state.Remembered) *report.FailingKey {
	k := &report.FailingKey{Distribution: r.Distribution, Bucket: r.Bucket, Key: r.Key, KeyEncoding: "utf-8",
		Access: string(correlate.AccessUnknown), URIs: nonNil(r.URIs), FirstSeen: r.First, LastSeen: r.Last,
		Status: r.Status, Verdict: r.Verdict, Causes: []report.Cause{}, RuledOut: []string{}, Unknown: []report.Unknown{}}
	if !utf8.ValidString(r.Key) {
		k.KeyEncoding = "base64"
	}
	if !r.LastOK.IsZero() {
		k.LastSuccess = &r.LastOK
		if r.Status == state.Fixed {
			k.FixedSince = &r.LastOK
		}
	}
	return k
}

// standing is an entry's status, and since when it is fixed.
type standing struct {
	status string
	since  time.Time
}

// tell puts a key's standing into its entry.
func (s *standing) tell(k *report.FailingKey) {
	k.Status = s.status
	if k.Status == state.Fixed && k.FixedSince == nil {
		k.FixedSince = &s.since
	}
}

// remembered are a run's entries with what the memory says of them, followed by
// those of earlier nights.
type remembered[T any] struct {
	report.List[T]
	tell func(i int, v *T)
	gone []*T
}

func (r *remembered[T]) Len() int { return r.List.Len() + len(r.gone) }

func (r *remembered[T]) All() iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		i := 0
		for v, err := range r.List.All() {
			if err == nil {
				r.tell(i, v)
			}
			if i++; !yield(v, err) {
				return
			}
		}
		for _, v := range r.gone {
			if !yield(v, nil) {
				return
			}
		}
	}
}

// Forget drops days before t, and findings that failed last before t, from the
// stored memory.
func (m *Memory) Forget(ctx context.Context, t time.Time) error {
	m.st.Forget(t)
	if err := m.st.Save(ctx); err != nil {
		return stateError(err)
	}
	return nil
}
