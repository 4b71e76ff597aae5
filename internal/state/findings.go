package state

import (
	"hash/maphash"
	"iter"
	"slices"
	"time"
)

// A FindingID names one failing key or path.
type FindingID struct {
	Kind         string `json:"kind"` // key, direct, edge
	Distribution string `json:"distribution,omitempty"`
	Bucket       string `json:"bucket,omitempty"`
	Key          string `json:"key"` // exact bytes; the viewer's path for edge
}

// The statuses of a finding.
const (
	New   = "new"   // fails, and no earlier run said so, or it was fixed for a day at least
	Still = "still" // fails since an earlier run
	Fixed = "fixed" // answered after the last refusal
	Quiet = "quiet" // failed before, not asked for since
)

// A finding is what is remembered of one failing key or path. Times are event
// times in Unix ms, 0 for none.
type finding struct {
	FindingID
	URIs     []string `json:"uris,omitempty"`
	Verdict  string   `json:"verdict"`
	Requests int64    `json:"requests"` // over all nights
	First    int64    `json:"first"`
	Last     int64    `json:"last"`
	LastOK   int64    `json:"last_ok,omitempty"`
	Status   string   `json:"status"` // as last reported
	Since    int64    `json:"since"`  // when the status became so, by the run's begin

	before   string // the status before this run, "" when the finding is new
	wasLast  int64
	observed bool
}

// An Observation is one failing key or path of this run's lines.
type Observation struct {
	FindingID
	URIs        []string // viewer paths as logged
	Verdict     string
	Requests    int64
	First, Last time.Time
	LastOK      time.Time // last success seen, zero if none
	Hours       []Hour    // 403s by hour, for the days' counts by cause
	Noise       bool      // scanner noise is not remembered

	// Of is the key whose refusal an edge failure repeats, as far as can be told.
	// When that key is remembered, there is no finding of its own.
	Of FindingID
}

// An Hour is a number of 403s in the hour that begins at Hour.
type Hour struct {
	Hour  time.Time
	Count int64
}

// Observe merges one finding of this run into the memory and returns its
// status, and since when it is answered if it is Fixed. Call it worst first:
// when the memory is full, the rest is not remembered and has the status "".
//
// A key whose only lines of this run are late ones, no newer than what earlier
// runs knew, is Quiet.
func (s *State) Observe(o Observation) (status string, fixedSince time.Time) {
	s.mergeTallies()
	for _, h := range o.Hours {
		if d := utcDay(h.Hour.UnixMilli()); d >= s.horizon {
			s.day(d).causes[o.Verdict] += h.Count
		}
	}
	if o.Noise {
		return "", time.Time{}
	}
	f := s.known(&o)
	if f == nil {
		if len(s.finds) >= MaxFindings {
			return "", time.Time{}
		}
		f = &finding{FindingID: o.FindingID, First: millis(o.First)}
		s.finds[o.FindingID] = f
		s.order = append(s.order, o.FindingID)
		s.index(f)
	}
	f.observed = true
	f.Verdict = o.Verdict
	f.Requests += o.Requests
	for _, u := range o.URIs {
		if len(f.URIs) < 5 && !slices.Contains(f.URIs, u) {
			f.URIs = append(f.URIs, u)
		}
	}
	if first := millis(o.First); first != 0 && (f.First == 0 || first < f.First) {
		f.First = first
	}
	f.Last = max(f.Last, millis(o.Last))
	f.LastOK = max(f.LastOK, millis(o.LastOK))
	status, fixedSince = s.settle(f)
	if status == Fixed && f.before == Fixed && f.Last <= f.wasLast {
		return Quiet, time.Time{} // that it is fixed was said
	}
	return status, fixedSince
}

// place is where a key lies, whoever asked for it.
type place struct{ bucket, key string }

// known returns the finding that an observation is of, nil when it is of none.
// A night can hold one log's lines and not the other's, so that a key that is
// known comes up without its distribution, as asked for by direct clients alone,
// or as an edge failure: that is no news.
func (s *State) known(o *Observation) *finding {
	if f := s.finds[o.FindingID]; f != nil {
		return f
	}
	id := o.FindingID
	if o.Kind == "edge" {
		id = o.Of
	}
	if id.Bucket == "" {
		return nil
	}
	for _, f := range s.places[place{id.Bucket, id.Key}] {
		if o.Kind != "key" || o.Distribution == "" || f.Distribution == "" {
			return f
		}
	}
	return nil
}

// index makes a key's finding known by its place.
func (s *State) index(f *finding) {
	if f.Kind == "key" && f.Bucket != "" {
		p := place{f.Bucket, f.Key}
		s.places[p] = append(s.places[p], f)
	}
}

// Partial says that this run could not read all that it found of the time before
// until: a later failure may stand in what was not read, so no finding is fixed
// by a success before it. Call it before the first Observe.
func (s *State) Partial(until time.Time) { s.partial = until.UnixMilli() }

// settle decides the status after this run's lines are in.
func (s *State) settle(f *finding) (string, time.Time) {
	var status string
	switch {
	case f.LastOK > f.Last && (f.LastOK >= s.partial || f.before == Fixed && f.Last <= f.wasLast):
		status = Fixed
	case f.before == "":
		status = New
	case f.Last <= f.wasLast:
		status = Quiet
	case f.before == Fixed && f.Last-f.wasLast > (24*time.Hour).Milliseconds():
		status = New
	default:
		status = Still
	}
	if status != f.Status {
		f.Since = s.now.UnixMilli()
	}
	f.Status = status
	if status == Fixed {
		return status, time.UnixMilli(f.LastOK).UTC()
	}
	return status, time.Time{}
}

// A Remembered is a finding of earlier runs.
type Remembered struct {
	FindingID
	URIs        []string
	Verdict     string
	Status      string
	First, Last time.Time
	LastOK      time.Time // zero if none
}

// Absent walks the findings that this run did not observe, after all that it
// did: those that are fixed since the last run, and those that are quiet. Those
// that an earlier run reported as fixed are left out.
func (s *State) Absent() iter.Seq[Remembered] {
	return func(yield func(Remembered) bool) {
		s.mergeTallies()
		for _, id := range s.order {
			f := s.finds[id]
			if f.observed {
				continue
			}
			if s.settle(f); f.Status == Fixed && f.before == Fixed {
				continue
			}
			if !yield(f.remembered()) {
				return
			}
		}
	}
}

// Findings returns the remembered findings with the status that the last run
// gave them, in no order that matters.
func (s *State) Findings() []Remembered {
	out := make([]Remembered, 0, len(s.order))
	for _, id := range s.order {
		out = append(out, s.finds[id].remembered())
	}
	return out
}

func (f *finding) remembered() Remembered {
	r := Remembered{FindingID: f.FindingID, URIs: slices.Clone(f.URIs), Verdict: f.Verdict, Status: f.Status,
		First: time.UnixMilli(f.First).UTC(), Last: time.UnixMilli(f.Last).UTC()}
	if f.LastOK > 0 {
		r.LastOK = time.UnixMilli(f.LastOK).UTC()
	}
	return r
}

// Statuses counts the findings by status: all four are present, so that a
// report can say that nothing is new. Findings reported as fixed by an earlier
// run do not count.
func (s *State) Statuses() map[string]int {
	for range s.Absent() {
		// settles every finding
	}
	counts := map[string]int{New: 0, Still: 0, Fixed: 0, Quiet: 0}
	for _, f := range s.finds {
		if f.Status == Fixed && f.before == Fixed {
			continue
		}
		counts[f.Status]++
	}
	return counts
}

// watchAll prepares to notice when remembered findings are answered.
func (s *State) watchAll() {
	s.watch, s.places = map[uint64][]*finding{}, map[place][]*finding{}
	for _, id := range s.order {
		f := s.finds[id]
		s.index(f)
		f.before, f.wasLast = f.Status, f.Last
		for _, u := range f.URIs {
			h := pathHash([]byte(f.Distribution), []byte(u))
			s.watch[h] = append(s.watch[h], f)
		}
		if f.Kind == "direct" || f.Bucket != "" && (len(f.URIs) == 0 || f.Distribution == "") {
			h := keyHash([]byte(f.Bucket), []byte(f.Key))
			s.watch[h] = append(s.watch[h], f)
		}
	}
}

var seed = maphash.MakeSeed()

func pathHash(distribution, stem []byte) uint64 {
	return maphash.Bytes(seed, distribution)*31 ^ maphash.Bytes(seed, stem)
}

func keyHash(bucket, key []byte) uint64 {
	return maphash.Bytes(seed, bucket)*37 ^ maphash.Bytes(seed, key)
}

func (s *State) pruneFindings() {
	oldest := s.now.AddDate(0, 0, -ForgetAfter).UnixMilli()
	kept := s.order[:0]
	for _, id := range s.order {
		f := s.finds[id]
		if !f.observed && max(f.Last, f.Since) < oldest {
			delete(s.finds, id)
			continue
		}
		kept = append(kept, id)
	}
	s.order = kept
	if len(s.finds) >= MaxFindings {
		s.note("The memory holds %d failing keys at most: the keys with the fewest requests are told as neither new nor still.", MaxFindings)
	}
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
