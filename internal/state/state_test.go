package state

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// memory is a Store in memory with S3's conditions. fail, when set, is asked
// before (done false) and after (done true) each Put.
type memory struct {
	mu      sync.Mutex
	objects map[string][]byte
	ignores bool // the conditions
	puts    int
	fail    func(name string, done bool) error
}

func (m *memory) String() string { return "s3://ops/why403/" }

func (m *memory) Get(ctx context.Context, name string) ([]byte, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.objects[name]
	if !ok {
		return nil, "", fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	return bytes.Clone(data), contentTag(data), nil
}

func (m *memory) Put(ctx context.Context, name string, data []byte, c Condition) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.puts++
	if m.fail != nil {
		if err := m.fail(name, false); err != nil {
			return "", err
		}
	}
	old, ok := m.objects[name]
	if !m.ignores && (c.IfNoneMatch && ok || c.IfMatch != "" && (!ok || contentTag(old) != c.IfMatch)) {
		return "", fmt.Errorf("%s: %w", name, ErrCondition)
	}
	if m.objects == nil {
		m.objects = map[string][]byte{}
	}
	m.objects[name] = bytes.Clone(data)
	if m.fail != nil {
		if err := m.fail(name, true); err != nil {
			return "", err
		}
	}
	return contentTag(data), nil
}

var bg = context.Background()

func when(s string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", s)
	if err != nil {
		panic(err)
	}
	return t
}

func open(t *testing.T, s Store, now time.Time) *State {
	t.Helper()
	st, err := Open(bg, s, Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close(bg) })
	return st
}

func commit(t *testing.T, st *State) {
	t.Helper()
	if err := st.Commit(bg, Run{Started: st.now, Finished: st.now.Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(bg); err != nil {
		t.Fatal(err)
	}
}

// A line of a simulated log, and an object that holds some.
type line struct {
	kind Kind
	fail bool
	at   time.Time
	id   string
	path string
}

type logObject struct {
	uri, etag string
	until     time.Time
	delivered time.Time
	lines     []line
	broken    int // reads that break off half way
}

// week makes ten days of logs: lines late by up to 40 hours, some objects held
// back for days, lines delivered twice in different objects, objects that are
// written anew with more in them, objects that can't be read at first.
func week(r *rand.Rand) []*logObject {
	begin := when("2026-11-10 00:00")
	var all []*logObject
	var pool []line
	for h := range 24 * 7 {
		hour := begin.Add(time.Duration(h) * time.Hour)
		for n := range 1 + r.IntN(4) {
			o := &logObject{uri: fmt.Sprintf("s3://logs/%d-%d", h, n), etag: "1", until: hour.Add(2 * time.Hour), delivered: hour.Add(time.Duration(r.IntN(90)) * time.Minute)}
			switch r.IntN(12) {
			case 0:
				o.delivered = hour.Add(time.Duration(r.IntN(40)) * time.Hour) // late
			case 1:
				o.until, o.delivered = hour.Add(26*time.Hour), hour.Add(25*time.Hour)
			case 2:
				o.broken = 1
			}
			for range r.IntN(60) {
				l := line{kind: Kind(r.IntN(3)), fail: r.IntN(3) == 0, at: hour.Add(-time.Duration(r.IntN(90)) * time.Minute).Add(time.Duration(r.IntN(90)) * time.Minute),
					id: fmt.Sprintf("id%d", r.Int64()), path: fmt.Sprintf("/p%d", r.IntN(20))}
				if !l.fail {
					l.kind = CloudFront
				}
				o.lines = append(o.lines, l)
				if l.fail {
					pool = append(pool, l)
				}
			}
			for range r.IntN(4) { // refusals that another object holds as well
				if len(pool) > 0 {
					o.lines = append(o.lines, pool[r.IntN(len(pool))])
				}
			}
			all = append(all, o)
			if r.IntN(15) == 0 { // written anew later, with more
				more := *o
				more.etag, more.delivered = "2", o.delivered.Add(time.Duration(1+r.IntN(30))*time.Hour)
				more.lines = append(slices.Clone(o.lines), line{CloudFront, false, hour, "", "/x"}, line{Direct, true, hour, fmt.Sprintf("new%d", h), "/y"})
				all = append(all, &more)
			}
		}
	}
	return all
}

// readAll reads the objects at hand with several goroutines.
func readAll(st *State, objects []*logObject, r *rand.Rand) int64 {
	var todo []*logObject
	for _, o := range objects {
		if !st.Seen(o.uri, o.etag) {
			todo = append(todo, o)
		}
	}
	r.Shuffle(len(todo), func(i, j int) { todo[i], todo[j] = todo[j], todo[i] })
	var wg sync.WaitGroup
	for part := range slices.Chunk(todo, max(1, (len(todo)+3)/4)) {
		t := st.NewTally()
		wg.Go(func() {
			for _, o := range part {
				t.Begin(o.uri, o.etag, o.until)
				lines := o.lines
				if o.broken > 0 {
					lines = lines[:len(lines)/2]
				}
				for _, l := range lines {
					if l.fail {
						t.Failed(l.kind, l.at.UnixMilli(), []byte(l.id))
					} else {
						t.Passed([]byte("E1"), []byte(l.path), 200, l.at.UnixMilli())
					}
				}
				t.End(o.broken == 0)
				if o.broken > 0 {
					o.broken--
				}
			}
		})
	}
	wg.Wait()
	return int64(len(todo))
}

// newest keeps the newest version of each object delivered by a time, as a
// listing does.
func newest(objects []*logObject, now time.Time, from time.Time) []*logObject {
	byURI := map[string]*logObject{}
	var uris []string
	for _, o := range objects {
		if o.delivered.After(now) || o.until.Before(from) {
			continue
		}
		if byURI[o.uri] == nil {
			uris = append(uris, o.uri)
		}
		byURI[o.uri] = o
	}
	var out []*logObject
	for _, u := range uris {
		out = append(out, byURI[u])
	}
	return out
}

// TestNightsEqualOneRun: however the logs of a week trickle in, each day comes
// to what one run over all of them finds. Some nights are left out, and some
// break before they commit.
func TestNightsEqualOneRun(t *testing.T) {
	for n := range uint64(12) {
		r := rand.New(rand.NewPCG(n, 1))
		objects := week(r)
		nights := &memory{}
		var last *State
		read := int64(0)
		for night := range 10 {
			now := when("2026-11-11 03:15").AddDate(0, 0, night)
			if night > 0 && night < 9 && r.IntN(6) == 0 {
				continue // the machine was off
			}
			st := open(t, nights, now)
			read += readAll(st, newest(objects, now, st.ListFrom()), r)
			if night < 9 && r.IntN(6) == 0 {
				st.Close(bg) // broke before it committed
				continue
			}
			commit(t, st)
			last = st
		}
		for _, o := range objects {
			o.broken = 0
		}
		once := open(t, &memory{}, when("2026-11-20 03:15"))
		readAll(once, newest(objects, when("2026-11-20 03:15"), time.Time{}), r)
		if d := cmp.Diff(once.Days(), last.Days()); d != "" {
			t.Errorf("seed %d: one run against nights:\n%s", n, d)
		}
		reread, err := Read(bg, nights)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(last.Days(), reread.Days(), cmp.Comparer(func(a, b map[string]int64) bool { return len(a) == len(b) })); d != "" {
			t.Errorf("seed %d: memory as stored:\n%s", n, d)
		}
		if len(once.Days()) < 7 || once.Days()[3].Direct == 0 {
			t.Fatalf("seed %d: the simulation is empty: %+v", n, once.Days())
		}
	}
}

func TestSeen(t *testing.T) {
	m := &memory{}
	st := open(t, m, when("2026-11-11 03:15"))
	ta := st.NewTally()
	ta.Begin("s3://logs/a", "e1", when("2026-11-10 02:00"))
	ta.End(true)
	ta.Begin("s3://logs/b", "e1", when("2026-11-10 02:00"))
	ta.End(false)
	ta.Begin("s3://logs/old", "e1", when("2026-10-01 02:00"))
	ta.End(true)
	ta.Begin("s3://logs/undated", "e1", time.Time{})
	ta.End(true)
	commit(t, st)
	st = open(t, m, when("2026-11-12 03:15"))
	f := func(uri, etag string, want bool) {
		t.Helper()
		if got := st.Seen(uri, etag); got != want {
			t.Errorf("Seen(%s, %s) = %v, want %v", uri, etag, got, want)
		}
	}
	f("s3://logs/a", "e1", true)
	f("s3://logs/a", "e2", false) // changed
	f("s3://logs/b", "e1", false) // broke off
	f("s3://logs/c", "e1", false)
	f("s3://logs/old", "e1", false) // too old to be listed again
	f("s3://logs/undated", "e1", true)
	if got, want := st.ListFrom(), when("2026-11-08 03:15"); !got.Equal(want) {
		t.Errorf("ListFrom = %v, want %v", got, want)
	}
	ta = st.NewTally()
	if !ta.Failed(Direct, when("2026-10-01 02:00").UnixMilli(), []byte("x")) {
		t.Error("a line of a closed day is kept from the report")
	}
	st.Days()
	if notes := st.Notes(); len(notes) != 1 || notes[0] != "1 log records are older than 2026-11-04 and count for no day any more." {
		t.Errorf("notes %q", notes)
	}
}

func TestFailedIsNewsOnce(t *testing.T) {
	m := &memory{}
	st := open(t, m, when("2026-11-11 03:15"))
	at := when("2026-11-10 12:00").UnixMilli()
	if !st.NewTally().Failed(CloudFront, at, []byte("r1")) {
		t.Error("a first line is no news")
	}
	commit(t, st)
	st = open(t, m, when("2026-11-12 03:15"))
	ta := st.NewTally()
	for _, c := range []struct {
		k    Kind
		id   string
		want bool
	}{{CloudFront, "r1", false}, {S3, "r1", true}, {CloudFront, "r2", true}, {CloudFront, "", true}} {
		if got := ta.Failed(c.k, at, []byte(c.id)); got != c.want {
			t.Errorf("Failed(%d, %q) = %v, want %v", c.k, c.id, got, c.want)
		}
	}
	want := []Day{{Day: "2026-11-10", Requests: 3, CloudFront: 3, S3: 1, Causes: map[string]int64{}}}
	if d := cmp.Diff(want, st.Days()); d != "" {
		t.Error(d)
	}
}

// TestStatuses plays one key through its life.
func TestStatuses(t *testing.T) {
	m := &memory{}
	id := FindingID{Kind: "key", Distribution: "E1", Bucket: "b", Key: "img/a\xff.png"}
	night := func(day int) *State { return open(t, m, when("2026-11-11 03:15").AddDate(0, 0, day)) }
	see := func(st *State, last, ok string) string {
		o := Observation{FindingID: id, URIs: []string{"/img/a.png"}, Verdict: "key-case", Requests: 2, First: when("2026-11-10 08:00"), Last: when(last)}
		if ok != "" {
			o.LastOK = when(ok)
		}
		status, since := st.Observe(o)
		if (status == Fixed) == since.IsZero() {
			t.Errorf("status %s since %v", status, since)
		}
		return status
	}
	f := func(name, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	absent := func(st *State) string {
		for r := range st.Absent() {
			if r.FindingID != id || r.Verdict != "key-case" {
				t.Errorf("absent: %+v", r)
			}
			return r.Status
		}
		return ""
	}

	st := night(0)
	f("first night", see(st, "2026-11-10 09:00", ""), New)
	f("observed", absent(st), "")
	commit(t, st)

	st = night(1)
	f("fails on", see(st, "2026-11-11 09:00", ""), Still)
	if d := cmp.Diff(map[string]int{New: 0, Still: 1, Fixed: 0, Quiet: 0}, st.Statuses()); d != "" {
		t.Error(d)
	}
	commit(t, st)

	st = night(2)
	f("late lines alone", see(st, "2026-11-11 08:59", ""), Quiet)
	commit(t, st)

	st = night(3)
	f("no lines", absent(st), Quiet)
	commit(t, st)

	st = night(4)
	st.NewTally().Passed([]byte("E1"), []byte("/img/a.png"), 404, when("2026-11-14 10:00").UnixMilli())
	f("404 is no fix", absent(st), Quiet)
	commit(t, st)

	st = night(4)
	st.NewTally().Passed([]byte("E1"), []byte("/img/a.png"), 200, when("2026-11-11 08:00").UnixMilli())
	f("a success before the last refusal", absent(st), Quiet)
	commit(t, st)

	st = night(5)
	st.NewTally().Passed([]byte("E1"), []byte("/img/a.png"), 200, when("2026-11-14 10:00").UnixMilli())
	f("answered", absent(st), Fixed)
	if n := st.Statuses()[Fixed]; n != 1 {
		t.Errorf("%d fixed", n)
	}
	commit(t, st)

	st = night(6)
	f("told once", absent(st), "")
	if n := st.Statuses()[Fixed]; n != 0 {
		t.Errorf("%d fixed", n)
	}
	commit(t, st)

	st = night(7)
	f("late lines of before: told once", see(st, "2026-11-11 07:00", ""), Quiet)
	commit(t, st)

	st = night(8)
	f("broken again after days", see(st, "2026-11-18 07:00", ""), New)
	commit(t, st)

	st = night(9)
	f("fixed in the same night", see(st, "2026-11-19 07:00", "2026-11-19 08:00"), Fixed)
	commit(t, st)

	st = night(10)
	f("flaps within a day", see(st, "2026-11-20 06:00", ""), Still)
	commit(t, st)

	st = night(60)
	f("long quiet", absent(st), Quiet)
	commit(t, st)
	st = night(95)
	commit(t, st)
	st = night(96)
	f("forgotten", absent(st), "")
}

func TestNoiseIsNotRemembered(t *testing.T) {
	st := open(t, &memory{}, when("2026-11-11 03:15"))
	if s, _ := st.Observe(Observation{FindingID: FindingID{Kind: "key", Key: ".env"}, Noise: true, Verdict: "key-missing", Hours: []Hour{{when("2026-11-10 03:00"), 7}}}); s != "" {
		t.Errorf("status %q", s)
	}
	if _, _, n := st.Size(); n != 0 {
		t.Errorf("%d findings", n)
	}
	if got := st.Days()[0].Causes["key-missing"]; got != 7 {
		t.Errorf("causes %d", got)
	}
}

func TestTwoRuns(t *testing.T) {
	m := &memory{}
	now := when("2026-11-11 03:15")
	first := open(t, m, now)
	_, err := Open(bg, m, Options{Now: func() time.Time { return now.Add(time.Minute) }})
	var locked *LockedError
	if !errors.As(err, &locked) || !strings.Contains(err.Error(), "state s3://ops/why403/: another run holds the lock: ") ||
		!strings.Contains(err.Error(), "since 2026-11-11T03:15:00Z; it expires at 2026-11-11T03:30:00Z unless renewed") {
		t.Fatalf("second run: %v", err)
	}
	// The first one is silent for too long: a second takes over, and the first
	// can write no more.
	second := open(t, m, now.Add(time.Hour))
	if err := first.Commit(bg, Run{}); !errors.Is(err, ErrLockLost) {
		t.Errorf("the first run wrote: %v", err)
	}
	if err := first.Close(bg); err != nil {
		t.Error(err)
	}
	if _, err := Open(bg, m, Options{Now: func() time.Time { return now.Add(time.Hour) }}); !errors.As(err, &locked) {
		t.Errorf("closing the first freed the second's lock: %v", err)
	}
	commit(t, second)
	commit(t, open(t, m, now.Add(time.Hour))) // free again
}

// TestStateChangedUnderneath: the lock alone is not trusted.
func TestStateChangedUnderneath(t *testing.T) {
	m := &memory{}
	commit(t, open(t, m, when("2026-11-11 03:15")))
	st := open(t, m, when("2026-11-12 03:15"))
	m.objects[stateName] = append(m.objects[stateName], 0)
	if err := st.Commit(bg, Run{}); !errors.Is(err, ErrCondition) {
		t.Errorf("overwrote: %v", err)
	}
}

func TestStoreThatIgnoresConditions(t *testing.T) {
	m := &memory{ignores: true}
	if _, err := Open(bg, m, Options{}); !errors.Is(err, ErrIgnoresConditions) {
		t.Fatalf("Open: %v", err)
	}
	st, err := Open(bg, m, Options{Unconditional: true})
	if err != nil {
		t.Fatal(err)
	}
	commit(t, st)
}

// TestBreaks breaks each Put of a run off, before and after it took effect: the
// memory is as before or as after, and the next night's totals are right.
func TestBreaks(t *testing.T) {
	lost := errors.New("connection reset")
	for n := 1; n < 12; n++ {
		for _, done := range []bool{false, true} {
			m := &memory{}
			run := func(day int) error {
				now := when("2026-11-11 03:15").AddDate(0, 0, day)
				st, err := Open(bg, m, Options{Now: func() time.Time { return now }})
				if err != nil {
					return err
				}
				defer st.Close(bg)
				for d := range day + 1 {
					if uri := fmt.Sprint("o", d); !st.Seen(uri, "1") {
						ta := st.NewTally()
						ta.Begin(uri, "1", now)
						ta.Passed([]byte("E1"), []byte("/"), 200, when("2026-11-10 12:00").AddDate(0, 0, d).UnixMilli())
						ta.End(true)
					}
				}
				return st.Commit(bg, Run{Started: now})
			}
			if err := run(0); err != nil {
				t.Fatal(err)
			}
			before := m.puts
			broke := false
			m.fail = func(name string, after bool) error {
				if m.puts-before == n && after == done {
					broke = true
					return lost
				}
				return nil
			}
			err := run(1)
			m.fail = nil
			if !broke && err != nil {
				t.Fatalf("put %d: %v", n, err)
			}
			st, readErr := Read(bg, m)
			if readErr != nil {
				t.Fatalf("put %d, done %v: the memory can't be read: %v", n, done, readErr)
			}
			if days := len(st.Days()); days != 1 && days != 2 || err == nil && days != 2 {
				t.Errorf("put %d, done %v: %d days after %v", n, done, days, err)
			}
			// A day later, when any lock has expired, all is right.
			if err := run(2); err != nil {
				t.Fatalf("put %d, done %v: next night: %v", n, done, err)
			}
			st, _ = Read(bg, m)
			for _, d := range st.Days() {
				if d.Requests != 1 {
					t.Errorf("put %d, done %v: %+v", n, done, d)
				}
			}
			if len(st.Days()) != 3 {
				t.Errorf("put %d, done %v: %d days", n, done, len(st.Days()))
			}
		}
	}
}

// TestKill kills a process that commits in a loop, at random moments after it has
// begun, or after its first commit. The memory is always whole, and never goes back.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	path := t.TempDir()
	store, err := Dir(path)
	if err != nil {
		t.Fatal(err)
	}
	last := 0
	for n := range 25 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKillHelper$")
		cmd.Env = append(os.Environ(), "WHY403_STATE_KILL="+path, fmt.Sprintf("WHY403_STATE_RUN=%d", n))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for lines, want := bufio.NewScanner(out), []string{"begun", "committed"}[n%2]; lines.Text() != want; {
			if !lines.Scan() {
				t.Fatalf("the process ended: %v", lines.Err())
			}
		}
		time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond)
		cmd.Process.Kill()
		cmd.Wait()
		st, err := Read(bg, store)
		if err != nil {
			t.Fatalf("kill %d: %v", n, err)
		}
		if got := len(st.runs); st.etag != "" {
			var total int64
			for _, d := range st.Days() {
				total += d.Requests
			}
			objects, _, _ := st.Size()
			if int64(objects) != total {
				t.Errorf("kill %d: %d objects gave %d requests", n, objects, total)
			}
			if objects < last || got == 0 {
				t.Errorf("kill %d: the memory went back from %d to %d objects", n, last, objects)
			}
			last = objects
		}
	}
	if last < 12 {
		t.Errorf("%d commits are left of 12 runs that said so", last)
	}
	t.Logf("%d commits survived 25 kills", last)
	commitAfterKills(t, store)
	left, _ := filepath.Glob(filepath.Join(path, ".*.tmp"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func commitAfterKills(t *testing.T, s Store) {
	now := afterLock(s)
	st, err := Open(bg, s, Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	commit(t, st)
}

// afterLock is now, or the moment at which a dead run's lock is over.
func afterLock(s Store) time.Time {
	now := time.Now()
	var f lockFile
	if data, _, err := s.Get(bg, lockName); err == nil && json.Unmarshal(data, &f) == nil && f.Expires.After(now) {
		now = f.Expires.Add(time.Second)
	}
	return now
}

// TestKillHelper is the process that TestKill kills.
func TestKillHelper(t *testing.T) {
	path := os.Getenv("WHY403_STATE_KILL")
	if path == "" {
		t.Skip("runs under TestKill")
	}
	store, err := Dir(path)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("begun")
	for n := 0; ; n++ {
		now := afterLock(store)
		st, err := Open(bg, store, Options{Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		ta := st.NewTally()
		ta.Begin(fmt.Sprintf("%s-%d-%d", os.Getenv("WHY403_STATE_RUN"), os.Getpid(), n), "1", time.Time{})
		ta.Passed(nil, nil, 200, now.UnixMilli())
		ta.End(true)
		if err := st.Commit(bg, Run{Started: now}); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			fmt.Println("committed")
		}
		st.Close(bg)
	}
}

func TestDir(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b")
	s, err := Dir(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := Probe(bg, s); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Get(bg, "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Get of nothing: %v", err)
	}
	tag, err := s.Put(bg, "x", []byte("1"), Condition{IfNoneMatch: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []Condition{{IfNoneMatch: true}, {IfMatch: "other"}} {
		if _, err := s.Put(bg, "x", []byte("2"), c); !errors.Is(err, ErrCondition) {
			t.Errorf("Put %+v: %v", c, err)
		}
	}
	if _, err := s.Put(bg, "y", []byte("2"), Condition{IfMatch: tag}); !errors.Is(err, ErrCondition) {
		t.Errorf("Put of nothing under IfMatch: %v", err)
	}
	if _, err := s.Put(bg, "x", []byte("2"), Condition{IfMatch: tag}); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(filepath.Join(path, "x")); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	// Of many at once that found nothing, one wins.
	var wg sync.WaitGroup
	var won int32
	var mu sync.Mutex
	for range 16 {
		wg.Go(func() {
			if _, err := s.Put(bg, "z", []byte("1"), Condition{IfNoneMatch: true}); err == nil {
				mu.Lock()
				won++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Errorf("%d of 16 won", won)
	}
}

func TestDecodeFailure(t *testing.T) {
	m := &memory{}
	st := open(t, m, when("2026-11-11 03:15"))
	ta := st.NewTally()
	ta.Begin("a", "1", time.Time{})
	ta.Failed(S3, when("2026-11-11 01:00").UnixMilli(), []byte("x"))
	ta.Passed(nil, nil, 200, when("2026-11-11 01:00").UnixMilli())
	ta.End(true)
	st.Observe(Observation{FindingID: FindingID{Kind: "key", Key: "k"}, Verdict: "v", Last: when("2026-11-11 01:00")})
	commit(t, st)
	good := m.objects[stateName]
	gz := func(s string) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		w.Write([]byte(s))
		w.Close()
		return b.Bytes()
	}
	f := func(name string, data []byte, want string) {
		t.Helper()
		m := &memory{objects: map[string][]byte{stateName: data}}
		_, err := Open(bg, m, Options{})
		if err == nil || !strings.HasPrefix(err.Error(), "state s3://ops/why403/: state.jsonl.gz: "+want) {
			t.Errorf("%s: %v", name, err)
		}
		if !bytes.Equal(m.objects[stateName], data) {
			t.Errorf("%s: the object was changed", name)
		}
		if _, err := Open(bg, m, Options{}); err == nil || strings.Contains(err.Error(), "holds the lock") {
			t.Errorf("%s: the lock stayed: %v", name, err)
		}
	}
	const damaged = "the memory is damaged: restore an earlier version of the object, or remove it to begin anew ("
	f("empty", nil, damaged)
	f("no gzip", []byte("hello"), damaged)
	f("newer", gz(`{"schema_version":2}`+"\n"), "the memory has schema version 2, this why403 knows 1: use the newer why403")
	f("no version", gz(`{}`+"\n"), damaged+"no schema version")
	f("no end", gz(`{"schema_version":1}`+"\n"), damaged)
	f("bad day", gz(`{"schema_version":1}`+"\n"+`{"day":{"day":"x"}}`), damaged)
	f("cut objects", gz(`{"schema_version":1}`+"\n"+`{"objects":{"count":3,"data":"AAAA"}}`), damaged)
	for n := range len(good) - 1 {
		if st := (&State{objects: map[objectID]*object{}, days: map[int32]*day{}, finds: map[FindingID]*finding{}}); st.decode(good[:n]) == nil {
			t.Errorf("the first %d of %d bytes are read as if whole", n, len(good))
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"schema_version":1}` + "\n" + `{"objects":{"count":1,"data":"AAAA"}}` + "\n" + `{"end":true}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		w.Write(doc)
		w.Close()
		st := &State{objects: map[objectID]*object{}, days: map[int32]*day{}, finds: map[FindingID]*finding{}}
		if st.decode(b.Bytes()) == nil {
			if _, err := st.encode(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestForget(t *testing.T) {
	m := &memory{}
	st := open(t, m, when("2026-11-01 03:15"))
	st.NewTally().Passed(nil, nil, 200, when("2026-10-31 12:00").UnixMilli())
	st.Observe(Observation{FindingID: FindingID{Kind: "key", Key: "k"}, Verdict: "v", Last: when("2026-10-31 12:00")})
	commit(t, st)
	st = open(t, m, when("2026-11-20 03:15"))
	commit(t, st)
	st = open(t, m, when("2026-11-20 04:15"))
	st.Forget(when("2026-11-10 00:00"))
	commit(t, st)
	st, _ = Read(bg, m)
	if _, _, n := st.Size(); n != 0 || len(st.Days()) != 0 || len(st.Runs()) != 3 {
		t.Errorf("%d findings, %d days, %d runs", n, len(st.Days()), len(st.Runs()))
	}
}

func BenchmarkPassed(b *testing.B) {
	m := &memory{}
	st, err := Open(bg, m, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close(bg)
	for i := range 10_000 {
		st.Observe(Observation{FindingID: FindingID{Kind: "key", Distribution: "E1", Key: fmt.Sprint(i)}, URIs: []string{fmt.Sprintf("/img/%d.png", i)}, Last: time.Now()})
	}
	st.watchAll()
	t := st.NewTally()
	stem, dist := []byte("/assets/app/main.3f9a1c.js"), []byte("E2ABCDEFGHIJ3K")
	now := time.Now().UnixMilli()
	b.ReportAllocs()
	for b.Loop() {
		t.Passed(dist, stem, 200, now)
	}
}
