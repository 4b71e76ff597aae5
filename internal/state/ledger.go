package state

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/fnv"
	"maps"
	"slices"
	"time"
)

// An objectID stands for a log object's URI: 128 bits of its SHA-256.
type objectID [16]byte

func idOf(uri string) objectID {
	sum := sha256.Sum256([]byte(uri))
	return objectID(sum[:16])
}

func tagOf(etag string) uint64 {
	sum := sha256.Sum256([]byte(etag))
	return binary.BigEndian.Uint64(sum[:8])
}

// An object is one log object that was read whole.
type object struct {
	tag    uint64 // of its ETag
	until  int32  // last day it can hold events of; undated when its name does not tell
	passed []dayCount
}

// undated objects are listed by every run, and so never forgotten by age.
const undated = int32(1<<31 - 1)

type dayCount struct {
	day int32
	n   int64
}

// Seen reports whether the object was read whole, with this ETag, by an earlier
// run. An object with another ETag has changed and is to be read again.
func (s *State) Seen(uri, etag string) bool {
	o := s.objects[idOf(uri)]
	return o != nil && o.tag == tagOf(etag)
}

// A Kind says whose log a 403 stands in.
type Kind uint8

// The kinds.
const (
	CloudFront Kind = iota // a line of CloudFront
	S3                     // a line of S3 for a fetch of CloudFront's
	Direct                 // a line of S3 for another client
	kinds
)

// A day is one UTC day. Its 403s are sets of request ids, so that adding a line
// twice is adding it once; base counts those whose ids are no longer kept, or
// that had none.
type day struct {
	requests int64 // CloudFront's lines that did not fail
	base     [kinds]int64
	ids      [kinds][]uint64 // sorted
	causes   map[string]int64
	loose    bool // ids were dropped while the day was open: a line that comes again counts twice
}

func (d *day) count(k Kind) int64 { return d.base[k] + int64(len(d.ids[k])) }

// A Day is a day's totals.
type Day struct {
	Day        string // 2006-01-02, UTC
	Requests   int64  // all CloudFront requests
	CloudFront int64  // 403 lines of CloudFront
	S3         int64  // 403 lines of S3 for CloudFront's fetches
	Direct     int64  // 403 lines of S3 for other clients
	// Causes counts the 403s by the verdict that their key had in the run that
	// read them.
	Causes map[string]int64
	// Loose says that request ids no longer fitted: lines that were delivered
	// twice, nights apart, count twice.
	Loose bool
}

// Days returns the totals of the kept days, oldest first.
func (s *State) Days() []Day {
	s.mergeTallies()
	var out []Day
	for _, n := range slices.Sorted(maps.Keys(s.days)) {
		d := s.days[n]
		out = append(out, Day{Day: dayName(n), Requests: d.requests + d.count(CloudFront), CloudFront: d.count(CloudFront),
			S3: d.count(S3), Direct: d.count(Direct), Causes: maps.Clone(d.causes), Loose: d.loose})
	}
	return out
}

func (s *State) day(n int32) *day {
	d := s.days[n]
	if d == nil {
		d = &day{causes: map[string]int64{}}
		s.days[n] = d
	}
	return d
}

// A Tally counts what one scanning goroutine reads. Each goroutine has its own;
// none may be used after the State's Observe, Days or Commit was called.
type Tally struct {
	s    *State
	open bool
	uri  string
	tag  uint64
	till int32
	now  map[int32]int64 // passed requests of the open object, by day
	last int32           // the day of cur
	cur  int64           // passed requests not yet in now

	objects map[objectID]*object
	ids     map[int32]*[kinds][]uint64
	base    map[int32]*[kinds]int64
	loose   map[int32]int64 // passed requests outside any object
	ok      map[*finding]int64
	late    int64
}

// NewTally makes the Tally of one goroutine. It may be called concurrently.
func (s *State) NewTally() *Tally {
	t := &Tally{s: s, now: map[int32]int64{}, objects: map[objectID]*object{}, ids: map[int32]*[kinds][]uint64{},
		base: map[int32]*[kinds]int64{}, loose: map[int32]int64{}, ok: map[*finding]int64{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tallies = append(s.tallies, t)
	return t
}

// Begin says that the lines to come are those of an object. until is the end of
// the span of events that the object can hold, as its name tells, or zero.
func (t *Tally) Begin(uri, etag string, until time.Time) {
	t.turn(0)
	t.open, t.uri, t.tag, t.till = true, uri, tagOf(etag), undated
	if !until.IsZero() {
		t.till = utcDay(until.UnixMilli())
	}
}

// End says whether the object was read whole. One that was not is read again by
// the next run, and its requests count then; its 403s count now, and once.
func (t *Tally) End(whole bool) {
	t.turn(0)
	if whole && t.open {
		o := &object{tag: t.tag, until: t.till}
		for _, d := range slices.Sorted(maps.Keys(t.now)) {
			if d >= t.s.horizon {
				o.passed = append(o.passed, dayCount{d, t.now[d]})
			}
		}
		t.objects[idOf(t.uri)] = o
	}
	clear(t.now)
	t.open = false
}

// turn puts the running count of passed requests where it belongs.
func (t *Tally) turn(next int32) {
	if t.cur > 0 {
		if t.open {
			t.now[t.last] += t.cur
		} else {
			t.loose[t.last] += t.cur
		}
	}
	t.last, t.cur = next, 0
}

// Failed counts a 403 of CloudFront's or S3's at a time in Unix ms. It reports
// whether the line is news: one that an earlier run has counted is not, and
// should go no further. A line without a request id is always news.
func (t *Tally) Failed(k Kind, ms int64, requestID []byte) bool {
	d := utcDay(ms)
	if d < t.s.horizon {
		t.late++
		return true
	}
	if len(requestID) == 0 {
		b := t.base[d]
		if b == nil {
			b = new([kinds]int64)
			t.base[d] = b
		}
		b[k]++
		return true
	}
	h := fnv.New64a()
	h.Write(requestID)
	id := h.Sum64()
	if old := t.s.days[d]; old != nil {
		if _, seen := slices.BinarySearch(old.ids[k], id); seen {
			return false
		}
	}
	ids := t.ids[d]
	if ids == nil {
		ids = new([kinds][]uint64)
		t.ids[d] = ids
	}
	ids[k] = append(ids[k], id)
	return true
}

// Passed counts a CloudFront request that did not fail, and notices when a path
// that failed before is answered: status is the viewer's, stem as logged.
func (t *Tally) Passed(distribution, stem []byte, status int, ms int64) {
	d := utcDay(ms)
	if d != t.last {
		t.turn(d)
	}
	if d < t.s.horizon {
		t.late++
	} else {
		t.cur++
	}
	if len(t.s.watch) > 0 && answered(status) {
		t.served(pathHash(distribution, stem), ms)
	}
}

// PassedS3 notices when a key that failed before is answered by S3. key is
// decoded: its exact bytes.
func (t *Tally) PassedS3(bucket, key []byte, status int, ms int64) {
	if len(t.s.watch) > 0 && answered(status) {
		t.served(keyHash(bucket, key), ms)
	}
}

// answered reports whether a status proves that the object could be read: 2xx,
// or 304 to a conditional request.
func answered(status int) bool { return status >= 200 && status < 300 || status == 304 }

func (t *Tally) served(h uint64, ms int64) {
	for _, f := range t.s.watch[h] {
		if ms > t.ok[f] {
			t.ok[f] = ms
		}
	}
}

// mergeTallies folds the goroutines' counts into the memory, once. The result
// does not depend on their order.
func (s *State) mergeTallies() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.merged {
		return
	}
	s.merged = true
	fresh := map[int32]*[kinds][]uint64{}
	for _, t := range s.tallies {
		t.turn(0)
		s.late += t.late
		for id, o := range t.objects {
			if old := s.objects[id]; old != nil { // changed: what it gave before is taken back
				for _, c := range old.passed {
					if c.day >= s.horizon {
						s.day(c.day).requests -= c.n
					}
				}
			}
			for _, c := range o.passed {
				s.day(c.day).requests += c.n
			}
			s.objects[id] = o
		}
		for d, n := range t.loose {
			s.day(d).requests += n
		}
		for d, b := range t.base {
			for k := range b {
				s.day(d).base[k] += b[k]
			}
		}
		for d, ids := range t.ids {
			all := fresh[d]
			if all == nil {
				all = new([kinds][]uint64)
				fresh[d] = all
			}
			for k := range ids {
				all[k] = append(all[k], ids[k]...)
			}
		}
		for f, ms := range t.ok {
			f.LastOK = max(f.LastOK, ms)
		}
	}
	for n, all := range fresh {
		d := s.day(n)
		for k := range all {
			if len(all[k]) == 0 {
				continue
			}
			ids := append(d.ids[k], all[k]...)
			slices.Sort(ids)
			d.ids[k] = slices.Compact(ids)
		}
	}
	s.tallies = nil
}

func (s *State) pruneObjects() {
	for id, o := range s.objects {
		if o.until < s.horizon-1 { // a day of grace: no listing reaches so far
			delete(s.objects, id)
		}
	}
	if len(s.objects) <= MaxObjects {
		return
	}
	all := slices.SortedFunc(maps.Keys(s.objects), func(a, b objectID) int {
		if x, y := s.objects[a].until, s.objects[b].until; x != y {
			return int(int64(x) - int64(y))
		}
		return slices.Compare(a[:], b[:])
	})
	drop := all[:len(all)-MaxObjects]
	// The days that a forgotten object can hold are closed: were it read again,
	// it would count again.
	last := s.objects[drop[len(drop)-1]].until
	if last != undated {
		s.horizon = max(s.horizon, last+1)
	}
	for _, id := range drop {
		delete(s.objects, id)
	}
	s.note("The memory holds %d log objects at most: %d were forgotten, and days before %s are closed.", MaxObjects, len(drop), dayName(s.horizon))
}

func (s *State) pruneDays() {
	days := slices.Sorted(maps.Keys(s.days))
	if n := len(days) - MaxDays; n > 0 {
		for _, d := range days[:n] {
			delete(s.days, d)
		}
		days = days[n:]
	}
	kept := 0
	for _, n := range slices.Backward(days) {
		d := s.days[n]
		for k := range d.ids {
			if n < s.horizon || kept+len(d.ids[k]) > MaxIDs {
				if n >= s.horizon && len(d.ids[k]) > 0 && !d.loose {
					d.loose = true
					s.note("The memory holds %d request ids at most: a line of %s that is delivered again counts twice.", MaxIDs, dayName(n))
				}
				d.base[k] += int64(len(d.ids[k]))
				d.ids[k] = nil
				continue
			}
			kept += len(d.ids[k])
		}
	}
}
