package scan

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/why403/why403/internal/report"
	"github.com/why403/why403/internal/state"
)

// A delivery is one log object of a simulated week.
type delivery struct {
	name  string
	at    time.Time
	lines []string
	torn  bool // its first delivery is cut short, it is whole a day later
}

const weekHeader = "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken\n"

// A week is simulated logs and what they truly hold.
type week struct {
	deliveries []*delivery
	days       map[string]*report.Day
}

func (w *week) day(t time.Time) *report.Day {
	d := w.days[t.Format(time.DateOnly)]
	if d == nil {
		d = &report.Day{Day: t.Format(time.DateOnly)}
		w.days[d.Day] = d
	}
	return d
}

// simulatedWeek makes seven days of logs of both kinds, in which objects come
// late, lines come twice in different objects, some objects never come, and some
// are cut short at first.
//
// /always fails each day, /mended only on the first three and is served then.
func simulatedWeek(r *rand.Rand) *week {
	w := &week{days: map[string]*report.Day{}}
	begin := time.Date(2026, 11, 10, 0, 0, 0, 0, time.UTC)
	var twice []string
	id := 0
	for h := 0; h < 7*24; h += 2 {
		hour := begin.Add(time.Duration(h) * time.Hour)
		edge := &delivery{name: fmt.Sprintf("cf/E2WEEKEXAMPLE1.%s.%08x.gz", hour.Format("2006-01-02-15"), h), at: hour.Add(90 * time.Minute)}
		s3 := &delivery{at: hour.Add(2 * time.Hour)}
		lost := h%38 == 20
		switch r.IntN(6) {
		case 0:
			edge.at = hour.Add(time.Duration(1+r.IntN(23)) * time.Hour)
		case 1:
			s3.at = hour.Add(time.Duration(2+r.IntN(22)) * time.Hour)
		case 2:
			edge.torn = true
		}
		s3.name = fmt.Sprintf("s3/%s-%016X", s3.at.Format("2006-01-02-15-04-05"), h)
		for n := range 12 {
			at := hour.Add(time.Duration(r.IntN(7200)) * time.Second)
			if n == 0 {
				at = hour.Add(59 * time.Minute)
			}
			path, status := fmt.Sprintf("/p%d", r.IntN(20)), 200
			switch {
			case n == 0:
				path, status = "/always", 403
			case n == 1 && h < 3*24:
				path, status = "/mended", 403
			case n == 1:
				path = "/mended"
			case r.IntN(4) == 0:
				status = 403
			}
			id++
			line := fmt.Sprintf("%s\tFRA56-P1\t500\t192.0.2.%d\tGET\td1week.cloudfront.net\t%s\t%d\t-\tcurl/8\t-\t-\t%s\tcf%08d\twww.example.com\thttps\t100\t0.050\n",
				at.Format("2006-01-02\t15:04:05"), r.IntN(200), path, status, map[int]string{200: "Miss", 403: "Error"}[status], id)
			edge.lines = append(edge.lines, line)
			if !lost {
				w.day(at).Requests++
				if status == 403 {
					w.day(at).CloudFront++
				}
			}
			if status != 403 {
				continue
			}
			if !lost && r.IntN(4) == 0 {
				twice = append(twice, line)
			}
			agent := "Amazon CloudFront"
			if r.IntN(5) == 0 {
				agent = "curl/8"
			}
			if !lost {
				if agent == "curl/8" {
					w.day(at).Direct++
				} else {
					w.day(at).S3++
				}
			}
			s3.lines = append(s3.lines, fmt.Sprintf("owner week-site [%s] 192.0.2.9 - REQ%08d WEBSITE.GET.OBJECT %s \"GET %s HTTP/1.1\" 403 AccessDenied 243 - 10 9 \"-\" \"%s\" - hostid= - - - week-site.s3-website.eu-central-1.amazonaws.com - - -\n",
				at.Format("02/Jan/2006:15:04:05 -0700"), id, path[1:], path, agent))
		}
		if lost {
			continue
		}
		w.deliveries = append(w.deliveries, edge, s3)
	}
	// Lines that come again, a day or two after, in an object of their own.
	for i := 0; i+5 < len(twice); i += 5 {
		at, err := time.Parse("2006-01-02\t15", twice[i][:13])
		if err != nil {
			panic(err)
		}
		w.deliveries = append(w.deliveries, &delivery{name: fmt.Sprintf("cf/E2WEEKEXAMPLE1.%s.dd%06x.gz", at.Format("2006-01-02-15"), i),
			at: at.Add(time.Duration(10+r.IntN(40)) * time.Hour), lines: twice[i : i+5]})
	}
	return w
}

// write delivers an object as it is at a time: not yet, cut short, or whole.
func (d *delivery) write(t *testing.T, dir string, now time.Time) {
	t.Helper()
	if d.at.After(now) {
		return
	}
	path, data := filepath.Join(dir, d.name), []byte(strings.Join(d.lines, ""))
	if strings.HasSuffix(d.name, ".gz") {
		var buf bytes.Buffer
		z := gzip.NewWriter(&buf)
		z.Write([]byte(weekHeader))
		z.Write(data)
		z.Close()
		data = buf.Bytes()
	}
	mtime := d.at
	if d.torn && now.Before(d.at.Add(24*time.Hour)) {
		data, mtime = data[:len(data)/2], d.at.Add(-time.Minute)
	}
	if info, err := os.Stat(path); err == nil && info.ModTime().Equal(mtime) {
		return
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, mtime, mtime); err != nil {
		t.Fatal(err)
	}
}

// night does one run with a memory. kill ends it before the memory is written.
func night(t *testing.T, logs, memory string, now time.Time, kill bool) *report.Report {
	t.Helper()
	o := Options{Locations: []string{logs}, Snapshot: sampleSnapshot, MaxKeys: 200}
	m, err := OpenMemory(t.Context(), memory, o, MemoryOptions{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(context.Background())
	o.Memory = m
	rep, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if !kill {
		if err := m.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return rep
}

func days(trend []report.Day) []report.Day {
	out := slices.Clone(trend)
	for i := range out {
		out[i].Causes = nil
	}
	return out
}

// statusOf returns the status of the entries for a path.
func statusOf(t *testing.T, rep *report.Report, path string) string {
	t.Helper()
	var all []string
	for _, keys := range []report.Keys{rep.FailingKeys, rep.DirectFailures} {
		for k, err := range keys.All() {
			if err != nil {
				t.Fatal(err)
			}
			if k.Key == path[1:] || slices.Contains(k.URIs, path) {
				all = append(all, k.Status)
			}
		}
	}
	for f := range rep.EdgeFailures.All() {
		if f.URI == path {
			all = append(all, f.Status)
		}
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), " ")
}

// TestWeekOfNights runs nights over logs that trickle in, some of the nights
// twice and some killed before they remembered anything, and compares the days'
// totals with what the logs hold and with one run over all of them.
func TestWeekOfNights(t *testing.T) {
	w := simulatedWeek(rand.New(rand.NewPCG(8, 403)))
	var want []report.Day
	for _, d := range w.days {
		want = append(want, *d)
	}
	slices.SortFunc(want, func(a, b report.Day) int { return strings.Compare(a.Day, b.Day) })

	dir, memory := t.TempDir(), filepath.Join(t.TempDir(), "state")
	var last *report.Report
	var always, mended []string
	read := int64(0)
	incomplete := 0
	for n := range 10 {
		now := time.Date(2026, 11, 11+n, 3, 15, 0, 0, time.UTC)
		for _, d := range w.deliveries {
			d.write(t, dir, now)
		}
		if n%3 == 2 {
			night(t, dir, memory, now.Add(-time.Hour), true)
		}
		last = night(t, dir, memory, now, false)
		summedUp(t, last)
		read += last.Inputs.Objects
		if len(last.Run.Incomplete) > 0 {
			incomplete++
		}
		always = append(always, statusOf(t, last, "/always"))
		mended = append(mended, statusOf(t, last, "/mended"))
		if n%4 == 3 { // the same again reads nothing but what is cut short
			again := night(t, dir, memory, now.Add(time.Minute), false)
			if again.NewFindings() != 0 {
				t.Errorf("night %d again: %d new findings", n, again.NewFindings())
			}
		}
	}
	if d := cmp.Diff(want, days(last.Trend)); d != "" {
		t.Errorf("the days' totals are not the logs' (-want +got):\n%s", d)
	}
	full := night(t, dir, filepath.Join(t.TempDir(), "state"), time.Date(2026, 11, 20, 3, 15, 0, 0, time.UTC), false)
	if d := cmp.Diff(days(full.Trend), days(last.Trend)); d != "" {
		t.Errorf("the nights' totals are not one run's (-one run +nights):\n%s", d)
	}
	if incomplete == 0 {
		t.Error("no night met an object that was cut short")
	}
	if whole := int64(len(w.deliveries)); read < whole || read > whole+whole/3 {
		t.Errorf("%d objects read in all, of %d", read, whole)
	}
	if got := strings.Join(always, ","); got != "new,still,still,still,still,still,still,quiet,quiet,quiet" {
		t.Errorf("/always: %s", got)
	}
	if got := strings.Join(mended, ","); got != "new,still,fixed,quiet,,,,,," {
		t.Errorf("/mended: %s", got)
	}
}

// summedUp expects the summary of a report to be the sum of its entries. Those of
// earlier nights alone have no requests.
func summedUp(t *testing.T, rep *report.Report) {
	t.Helper()
	want := map[string]*report.CauseCount{}
	var forbidden int64
	add := func(verdict, status string, causes []report.Cause, requests int64) {
		if requests == 0 {
			return
		}
		c := want[verdict]
		if c == nil {
			c = &report.CauseCount{ID: verdict, Title: title(verdict), Certainty: "proven"}
			want[verdict] = c
		}
		forbidden += requests
		c.Requests += requests
		c.Keys++
		if status == state.New {
			c.New++
		}
		if verdict == "unexplained" {
			c.Certainty = ""
		}
		for _, f := range causes {
			if f.ID == verdict && (f.Certainty == "possible" || f.Certainty == "likely" && c.Certainty == "proven") {
				c.Certainty = f.Certainty
			}
		}
	}
	for _, keys := range []report.Keys{rep.FailingKeys, rep.DirectFailures} {
		for k := range keys.All() {
			add(k.Verdict, k.Status, k.Causes, k.Requests.Hit())
		}
	}
	for f := range rep.EdgeFailures.All() {
		add(f.Verdict, f.Status, f.Causes, f.Requests)
	}
	got := map[string]*report.CauseCount{}
	for i := range rep.Summary.Causes {
		got[rep.Summary.Causes[i].ID] = &rep.Summary.Causes[i]
	}
	if d := cmp.Diff(want, got); d != "" || rep.Summary.Forbidden != forbidden {
		t.Errorf("%d requests, and the entries have %d; causes (-entries +summary):\n%s", rep.Summary.Forbidden, forbidden, d)
	}
}

// TestLogsDryUp has nights without any log object: quiet ones until the time
// that logs may be late has passed, incomplete ones after.
func TestLogsDryUp(t *testing.T) {
	dir, memory := t.TempDir(), filepath.Join(t.TempDir(), "state")
	begin := time.Date(2026, 11, 11, 3, 15, 0, 0, time.UTC)
	d := &delivery{name: "s3/2026-11-10-10-00-00-0123456789ABCDEF", at: begin.Add(-time.Hour),
		lines: []string{"owner week-site [10/Nov/2026:09:00:00 +0000] 192.0.2.9 - REQ WEBSITE.GET.OBJECT a \"GET /a HTTP/1.1\" 403 AccessDenied 243 - 10 9 \"-\" \"curl/8\" - hostid= - - - h - - -\n"}}
	d.write(t, dir, begin)
	night(t, dir, memory, begin, false)
	for n, want := range []string{"", "", "", "no log object has come since the run of 2026-11-11T03:15:00Z"} {
		rep := night(t, dir, memory, begin.AddDate(0, 0, n+1), false)
		if got := strings.Join(rep.Run.Incomplete, ";"); got != want {
			t.Errorf("night %d: incomplete %q, want %q", n+1, got, want)
		}
		if noted := slices.Contains(rep.Notes, "No log object has come since the run of 2026-11-11T03:15:00Z."); noted != (want == "") {
			t.Errorf("night %d: notes %q", n+1, rep.Notes)
		}
	}
}

func TestMemoryLocked(t *testing.T) {
	dir := t.TempDir()
	m, err := OpenMemory(t.Context(), dir, Options{}, MemoryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = OpenMemory(t.Context(), dir, Options{}, MemoryOptions{})
	var locked *state.LockedError
	var hint *Error
	if !errors.As(err, &locked) || !errors.As(err, &hint) || !strings.HasPrefix(hint.UserHint(), "let that run end; should it have been killed, the lock is free at 20") {
		t.Fatalf("second run: %v", err)
	}
	if err := m.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if m, err = OpenMemory(t.Context(), dir, Options{}, MemoryOptions{}); err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	m.Close(t.Context())
}
