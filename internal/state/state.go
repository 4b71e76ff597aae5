// Package state is the memory of nightly runs: which log objects were read, what
// each day came to, and which keys failed, so that a night reads only what is
// new and says only what changed.
//
// A day's totals do not depend on how its logs trickled in. Every log object is
// counted once (by URI and ETag); every 403 is counted once by its request id,
// whichever objects hold it; an object that changed replaces what it gave
// before. Times are event times: a line that comes late counts for its own day.
//
// The whole memory is one object that is replaced under the ETag it was read
// with, so that a run killed at any point leaves it as it was before or after.
// A second run at the same time is stopped by a lock with an expiry. Bounds on
// its size are constants of this package, and what falls out of them is said in
// [State.Notes].
//
// It must not read logs, judge, or know AWS: a [Store] is handed in.
package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"
)

// SchemaVersion is the version of the stored form.
const SchemaVersion = 1

// Overlap is how far a night's listing reaches back before the last run, three
// times the documented delay: CloudFront delivers standard logs up to 24 hours
// late (CloudFront guide, Standard logging), S3 "most log records within a few
// hours" and some later (Amazon S3 user guide, Server access logging).
const Overlap = 72 * time.Hour

// Bounds of the memory. At all of them together the stored object is about
// 80 MB; a site with 10,000 403s a day in 5,000 log objects needs 2 MB.
const (
	OpenDays    = 7         // days back that late lines are still counted for; objects and request ids are kept so long
	MaxObjects  = 1_000_000 // log objects remembered
	MaxIDs      = 4_000_000 // request ids of 403s remembered
	MaxDays     = 400       // days whose totals are kept
	MaxFindings = 100_000   // failing keys and paths remembered
	MaxRuns     = 60        // runs remembered
	ForgetAfter = 30        // days after which a finding that no longer fails is forgotten
)

// Options tune Open. The zero value suits.
type Options struct {
	// Unconditional lets a store be used that ignores conditions: the user
	// vouches that no two runs meet.
	Unconditional bool
	Now           func() time.Time // for tests; nil: time.Now
}

// A State is the memory, read by one run that holds its lock. Methods are for
// one goroutine, but for NewTally.
type State struct {
	store Store
	opt   Options
	now   time.Time // of this run's begin
	lock  *lock
	etag  string // of the stored object, "" when there is none yet

	created time.Time
	horizon int32 // first day that still counts: earlier ones are closed
	runs    []Run
	objects map[objectID]*object
	days    map[int32]*day
	finds   map[FindingID]*finding
	order   []FindingID // of finds, as stored and observed

	mu      sync.Mutex
	tallies []*Tally
	merged  bool
	partial int64 // see Partial, 0 if all was read
	watch   map[uint64][]*finding
	places  map[place][]*finding // findings of keys
	late    int64                // records of closed days
	notes   []string
}

// A Run is what is remembered of one run.
type Run struct {
	Started    time.Time      `json:"started"`
	Finished   time.Time      `json:"finished"`
	Version    string         `json:"version"`
	Objects    int64          `json:"objects"` // read in this run
	Statuses   map[string]int `json:"statuses,omitempty"`
	Incomplete bool           `json:"incomplete,omitempty"`
}

// Open reads the memory and takes its lock. The caller must Close it. A second
// run gets a *LockedError. A memory of a newer why403, or a damaged one, is an
// error and stays as it is.
func Open(ctx context.Context, s Store, o Options) (*State, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if !o.Unconditional {
		if err := Probe(ctx, s); err != nil {
			return nil, err
		}
	}
	l, err := acquire(ctx, s, o.Now, o.Unconditional)
	if err != nil {
		return nil, err
	}
	st, err := read(ctx, s)
	if err != nil {
		return nil, errors.Join(err, l.release(ctx))
	}
	st.opt, st.lock, st.now = o, l, o.Now().UTC()
	if st.etag == "" {
		st.created = st.now
	}
	st.watchAll()
	return st, nil
}

// Read reads the memory without its lock, to look at it.
func Read(ctx context.Context, s Store) (*State, error) { return read(ctx, s) }

func read(ctx context.Context, s Store) (*State, error) {
	st := &State{store: s, horizon: -1 << 31, objects: map[objectID]*object{}, days: map[int32]*day{}, finds: map[FindingID]*finding{}}
	data, etag, err := s.Get(ctx, stateName)
	if errors.Is(err, fs.ErrNotExist) {
		return st, nil
	}
	if err != nil {
		return nil, fmt.Errorf("state %s: %w", s, err)
	}
	st.etag = etag
	if err := st.decode(data); err != nil {
		return nil, fmt.Errorf("state %s: %s: %w", s, stateName, err)
	}
	return st, nil
}

// ListFrom is the time from which this run should list log objects: the last
// run's begin less Overlap. It is zero on the first run. Objects already read
// are told by Seen; records need no cut, since each counts for its own day.
func (s *State) ListFrom() time.Time {
	if len(s.runs) == 0 {
		return time.Time{}
	}
	return s.runs[len(s.runs)-1].Started.Add(-Overlap)
}

// Runs returns the remembered runs, oldest first.
func (s *State) Runs() []Run { return slices.Clone(s.runs) }

// Commit prunes what is too old and replaces the stored memory, if this run
// still holds the lock and nobody changed it. On an error the stored memory is
// as it was before, or, when the store broke off, as it is after.
func (s *State) Commit(ctx context.Context, r Run) error {
	s.mergeTallies()
	if err := s.lock.renew(ctx); err != nil {
		return fmt.Errorf("state %s: %w", s.store, err)
	}
	r.Started, r.Finished = r.Started.UTC(), r.Finished.UTC()
	r.Statuses = s.Statuses()
	s.runs = append(s.runs, r)
	s.runs = s.runs[max(0, len(s.runs)-MaxRuns):]
	s.prune()
	return s.write(ctx)
}

// Save replaces the stored memory as Commit does, for a change that no run made:
// what a run must still know of the time since the last one is kept.
func (s *State) Save(ctx context.Context) error {
	if err := s.lock.renew(ctx); err != nil {
		return fmt.Errorf("state %s: %w", s.store, err)
	}
	return s.write(ctx)
}

func (s *State) write(ctx context.Context) error {
	data, err := s.encode()
	if err != nil {
		return fmt.Errorf("state %s: %w", s.store, err)
	}
	c := Condition{IfMatch: s.etag}
	if s.etag == "" {
		c = Condition{IfNoneMatch: true}
	}
	if s.opt.Unconditional {
		c = Condition{}
	}
	etag, err := put(ctx, s.store, stateName, data, c)
	if err != nil {
		return fmt.Errorf("state %s: %w", s.store, err)
	}
	s.etag = etag
	return nil
}

// Close lets the lock go, whether or not the memory was committed.
func (s *State) Close(ctx context.Context) error {
	if s.lock == nil {
		return nil
	}
	if err := s.lock.release(ctx); err != nil {
		return fmt.Errorf("state %s: lock: %w", s.store, err)
	}
	return nil
}

// Size tells how much is remembered: log objects, request ids and findings.
func (s *State) Size() (objects, ids, findings int) {
	for _, d := range s.days {
		for k := range d.ids {
			ids += len(d.ids[k])
		}
	}
	return len(s.objects), ids, len(s.finds)
}

// Forget drops totals of days before t and findings that failed last before t.
// It takes effect with Commit or Save. Log objects stay remembered for as long as they
// can be listed again.
func (s *State) Forget(t time.Time) {
	ms := t.UnixMilli()
	for n := range s.days {
		if n < utcDay(ms) && n < s.horizon {
			delete(s.days, n)
		}
	}
	s.order = slices.DeleteFunc(s.order, func(id FindingID) bool {
		gone := s.finds[id].Last < ms
		if gone {
			delete(s.finds, id)
		}
		return gone
	})
}

// Notes says what fell out of the bounds, a sentence each.
func (s *State) Notes() []string {
	notes := slices.Clone(s.notes)
	if s.late > 0 {
		notes = append(notes, fmt.Sprintf("%d log records are older than %s and count for no day any more.", s.late, dayName(s.horizon)))
	}
	return notes
}

func (s *State) note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

// prune keeps the bounds.
func (s *State) prune() {
	today := utcDay(s.now.UnixMilli())
	s.horizon = max(s.horizon, today-OpenDays)
	s.pruneObjects()
	s.pruneDays()
	s.pruneFindings()
}
