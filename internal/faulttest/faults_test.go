package faulttest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/why403/why403/internal/awsoverlay"
	"github.com/why403/why403/internal/awsx"
	"github.com/why403/why403/internal/report"
	"github.com/why403/why403/internal/scan"
)

// tempo makes the limits of 30 seconds and of two minutes those of 1.5 and 6. It
// is for what fails in the end: on a busy machine sound answers take that long,
// too.
const tempo = 20

// patience is the tempo of runs that must lose nothing although an answer fails:
// that of production, unless a time limit has to pass.
func patience(fault string) float64 {
	if strings.HasPrefix(fault, "hanging") || fault == "slow trickle" {
		return 5
	}
	return 1
}

// scanAWS runs a scan of s3://logs/, at the tempo of its options. It fails the test
// when the scan hangs.
func scanAWS(t *testing.T, ctx context.Context, s *awsoverlay.Server, o scan.Options) (*report.Report, error) {
	t.Helper()
	s.Start()
	if o.Locations == nil {
		o.Locations = []string{"s3://logs/"}
	}
	o.MaxKeys = 200
	o.AWS = awsx.Config{Region: "us-east-1", Rate: 1e6, Dial: s.Dial, Tempo: o.AWS.Tempo}
	ctx, cancel := context.WithTimeout(ctx, hangs)
	defer cancel()
	rep, err := scan.Run(ctx, o)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Fatalf("the scan hung: %v", err)
	}
	return rep, err
}

// body returns what a report says, without the times and calls of its run.
func body(t *testing.T, rep *report.Report) map[string]any {
	t.Helper()
	var buf bytes.Buffer
	if err := report.Render(&buf, "json", rep, report.Options{}); err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(buf.Bytes(), &m); err != nil {
		t.Fatal(err)
	}
	delete(m, "run")
	delete(m, "api_calls")
	return m
}

// verdicts returns the verdict of each key, "~" before one that is not proven.
func verdicts(rep *report.Report) map[string]string {
	out := map[string]string{}
	for _, l := range []report.Keys{rep.FailingKeys, rep.DirectFailures} {
		for k := range l.All() {
			v := "~" + k.Verdict
			for _, c := range k.Causes {
				if c.ID == k.Verdict && c.Certainty == "proven" {
					v = k.Verdict
				}
			}
			out[k.Bucket+"/"+k.Key+" "+k.Access] = v
		}
	}
	return out
}

// The requests that a fault meets.
func isLog(r *http.Request) bool {
	return strings.HasPrefix(r.Host, "logs.s3.") && r.Method == http.MethodGet && r.URL.Path != "/"
}

func isListing(r *http.Request) bool {
	return strings.HasPrefix(r.Host, "logs.s3.") && r.Method == http.MethodGet && r.URL.Path == "/"
}

func isPolicy(r *http.Request) bool { return r.URL.Query().Has("policy") }

func isDistribution(r *http.Request) bool {
	return strings.HasPrefix(r.Host, "cloudfront.") && strings.HasSuffix(r.URL.Path, "/distribution/E2MINAMODOCS02")
}

func oneLog(r *http.Request) bool { return isLog(r) && strings.HasSuffix(r.URL.Path, "3F5C") }

// A fault answers a request in a wrong way. data is the object that was asked for,
// nil if it was something else.
type fault func(w http.ResponseWriter, r *http.Request, data []byte)

// answers returns a fault that is an error of AWS.
func answers(status int, code string) fault {
	return func(w http.ResponseWriter, r *http.Request, _ []byte) {
		switch service, _, _ := strings.Cut(r.Host, "."); service {
		case "athena", "glue":
			w.Header().Set("Content-Type", "application/x-amz-json-1.1")
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"__type":%q,"message":"as the test wants"}`, code)
			return
		case "cloudfront", "sts", "sns":
			w.Header().Set("Content-Type", "text/xml")
			w.WriteHeader(status)
			fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>as the test wants</Message></Error></ErrorResponse>`, code)
			return
		}
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		fmt.Fprintf(w, `<Error><Code>%s</Code><Message>as the test wants</Message></Error>`, code)
	}
}

// raw takes over the connection.
func raw(w http.ResponseWriter) *net.TCPConn {
	c, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	return c.(*net.TCPConn)
}

// cut sends an answer that says it has said bytes, of them so many, and ends the
// connection: with a reset or in good order.
func cut(said, sent func(n int) int, reset bool) fault {
	return func(w http.ResponseWriter, r *http.Request, data []byte) {
		if data == nil {
			data = []byte(`<?xml version="1.0" encoding="UTF-8"?><Answer>` + strings.Repeat("<Part>text</Part>", 20))
		}
		c := raw(w)
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", said(len(data)))
		_, _ = c.Write(data[:sent(len(data))])
		if reset {
			_ = c.SetLinger(0)
		}
		c.Close()
	}
}

func whole(n int) int { return n }
func half(n int) int  { return n / 2 }
func more(n int) int  { return n + 100 }
func nothing(int) int { return 0 }

var faults = []struct {
	name string
	do   fault
}{
	{"500", answers(500, "InternalError")},
	{"503 SlowDown", answers(503, "SlowDown")},
	{"throttling", answers(400, "Throttling")},
	{"an HTML page of a proxy", func(w http.ResponseWriter, r *http.Request, _ []byte) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(502)
		_, _ = w.Write([]byte("<html><body><h1>502 Bad Gateway</h1></body></html>"))
	}},
	{"reset before the answer", func(w http.ResponseWriter, r *http.Request, _ []byte) {
		c := raw(w)
		_ = c.SetLinger(0)
		c.Close()
	}},
	{"reset in mid-body", cut(whole, half, true)},
	{"truncated body", cut(whole, half, false)},
	{"header without body", cut(whole, nothing, false)},
	{"content-length too large", cut(more, whole, false)},
	{"content-length too small", cut(half, half, false)},
	{"no HTTP", func(w http.ResponseWriter, r *http.Request, _ []byte) {
		c := raw(w)
		_, _ = c.Write([]byte("SSH-2.0-OpenSSH_9.9\r\n"))
		c.Close()
	}},
	{"hanging", func(w http.ResponseWriter, r *http.Request, _ []byte) { <-r.Context().Done() }},
	{"hanging in mid-body", func(w http.ResponseWriter, r *http.Request, data []byte) {
		w.Header().Set("Content-Length", fmt.Sprint(len(data)+10))
		_, _ = w.Write(data[:len(data)/2])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}},
}

// trickle sends an answer byte by byte, and goes on with zeros.
func trickle(w http.ResponseWriter, r *http.Request, data []byte) {
	n := max(len(data), 5000)
	w.Header().Set("Content-Length", fmt.Sprint(n))
	for i := range n {
		if _, err := w.Write([]byte{append(data, make([]byte, 5000)...)[i]}); err != nil {
			return
		}
		w.(http.Flusher).Flush()
		select {
		case <-time.After(20 * time.Millisecond):
		case <-r.Context().Done():
			return
		}
	}
}

// inject returns AWS with a fault in the requests that match: the first one, or
// all of them.
func inject(t *testing.T, match func(*http.Request) bool, do fault, always bool) (*awsoverlay.Server, *atomic.Int64) {
	s := newAWS(t, docsLogs())
	hit := new(atomic.Int64)
	s.Fault = func(w http.ResponseWriter, r *http.Request) bool {
		if !match(r) || hit.Add(1) > 1 && !always {
			return false
		}
		var data []byte
		if isLog(r) {
			data, _ = s.Buckets["logs"].Get(r.URL.Path[1:])
		}
		do(w, r, data)
		return true
	}
	return s, hit
}

// TestFaultOnce lets one answer go wrong: the report is the same as ever.
func TestFaultOnce(t *testing.T) {
	good, err := scanAWS(t, t.Context(), newAWS(t, docsLogs()), scan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(good.Run.Incomplete) > 0 || good.FailingKeys.Len() < 10 {
		t.Fatalf("%d failing keys, incomplete: %v", good.FailingKeys.Len(), good.Run.Incomplete)
	}
	want := body(t, good)
	for _, target := range []struct {
		name  string
		match func(*http.Request) bool
	}{{"log", oneLog}, {"listing", isListing}, {"policy", isPolicy}, {"distribution", isDistribution}} {
		for _, f := range faults {
			t.Run(target.name+"/"+f.name, func(t *testing.T) {
				t.Parallel()
				s, hit := inject(t, target.match, f.do, false)
				rep, err := scanAWS(t, t.Context(), s, scan.Options{AWS: awsx.Config{Tempo: patience(f.name)}})
				if hit.Load() == 0 {
					t.Fatal("the fault met no request")
				}
				if err != nil {
					t.Fatal(err)
				}
				if target.name == "policy" && f.name == "content-length too small" {
					// Whole for HTTP: only its content shows that it is not.
					// Which bucket it hits is chance; without its policy, objects are
					// looked at that the good run does not need.
					others := slices.DeleteFunc(slices.Clone(rep.Run.Incomplete), func(s string) bool { return s == "no permission for s3:GetObject" })
					if len(others) != 1 || !strings.Contains(others[0], "s3:GetBucketPolicy") {
						t.Errorf("incomplete: %v", rep.Run.Incomplete)
					}
					return
				}
				if len(rep.Run.Incomplete) > 0 {
					t.Errorf("one wrong answer made the run incomplete: %v", rep.Run.Incomplete)
				}
				if d := cmp.Diff(want, body(t, rep)); d != "" {
					t.Errorf("the report differs (-good +got):\n%.2000s", d)
				}
			})
		}
	}
}

// sound fails the test when a report says what the good one does not: a key that
// does not fail, another proven cause, a key that is fixed.
func sound(t *testing.T, good, rep *report.Report) {
	t.Helper()
	want := verdicts(good)
	for key, v := range verdicts(rep) {
		w, ok := want[key]
		switch {
		case !ok && (strings.HasPrefix(key, "/") || strings.HasSuffix(key, " unknown")) && strings.HasPrefix(v, "~"):
			// Without the distribution's settings a path leads to no bucket, or to one that
			// a few pairs of lines tell, and the kind of access is not known.
		case !ok:
			t.Errorf("%s: fails only because of the fault", key)
		case v != strings.TrimPrefix(w, "~") && !strings.HasPrefix(v, "~"):
			t.Errorf("%s: %s is proven, and was %s", key, v, w)
		}
	}
	notFixed(t, good, rep)
}

// notFixed fails the test when a key is fixed in a report, and not in the good
// one.
func notFixed(t *testing.T, good, rep *report.Report) {
	t.Helper()
	fixed := map[string]bool{}
	for k := range good.FailingKeys.All() {
		fixed[k.Key] = k.FixedSince != nil
	}
	for k := range rep.FailingKeys.All() {
		if k.FixedSince != nil && !fixed[k.Key] {
			t.Errorf("%s: not fixed", k.Key)
		}
	}
}

// TestFaultAlways lets every answer of a kind go wrong: the report names what is
// missing, and says nothing that is not so.
func TestFaultAlways(t *testing.T) {
	good, err := scanAWS(t, t.Context(), newAWS(t, docsLogs()), scan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	all := append(slices.Clone(faults), struct {
		name string
		do   fault
	}{"slow trickle", trickle})
	for _, target := range []struct {
		name  string
		match func(*http.Request) bool
		says  string // in the report's Incomplete
		fatal string // the error, when there can be no report
	}{
		{"log", oneLog, "-9EE8C62854E93F5C: ", ""},
		{"listing", isListing, "", "can't list s3://logs/: "},
		{"policy", isPolicy, "s3:GetBucketPolicy", ""},
		{"distribution", isDistribution, "cloudfront:GetDistribution", ""},
	} {
		for _, f := range all {
			t.Run(target.name+"/"+f.name, func(t *testing.T) {
				t.Parallel()
				s, hit := inject(t, target.match, f.do, true)
				rep, err := scanAWS(t, t.Context(), s, scan.Options{AWS: awsx.Config{Tempo: tempo}})
				if hit.Load() == 0 {
					t.Fatal("the fault met no request")
				}
				if target.fatal != "" {
					if err == nil || !strings.HasPrefix(err.Error(), target.fatal) {
						t.Errorf("error %v", err)
					}
					t.Logf("%d requests: error: %v", hit.Load(), err)
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				said := strings.Join(rep.Run.Incomplete, "; ")
				t.Logf("%d requests: incomplete: %s", hit.Load(), said)
				if !strings.Contains(said, target.says) {
					t.Errorf("incomplete: %q, want %q", said, target.says)
				}
				sound(t, good, rep)
			})
		}
	}
}

// TestNotFixed loses the newest log: a later failure may stand in it, so no key is
// said to be fixed by a success before it.
func TestNotFixed(t *testing.T) {
	fixed := func(rep *report.Report) (n int) {
		for k := range rep.FailingKeys.All() {
			if k.FixedSince != nil {
				n++
			}
		}
		return n
	}
	good, err := scanAWS(t, t.Context(), newAWS(t, docsLogs()), scan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if fixed(good) == 0 {
		t.Fatal("no key of the sample is fixed")
	}
	s, _ := inject(t, func(r *http.Request) bool { return isLog(r) && strings.Contains(r.URL.Path, "/2026-11-21-07-") }, answers(500, "InternalError"), true)
	rep, err := scanAWS(t, t.Context(), s, scan.Options{AWS: awsx.Config{Tempo: tempo}})
	if err != nil {
		t.Fatal(err)
	}
	if n := fixed(rep); n > 0 || len(rep.Run.Incomplete) == 0 {
		t.Errorf("%d keys fixed, incomplete: %v", n, rep.Run.Incomplete)
	}
}

// TestCredentials lets credentials expire in mid-run, and the clock be wrong.
func TestCredentials(t *testing.T) {
	good, err := scanAWS(t, t.Context(), newAWS(t, docsLogs()), scan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f := func(name string, after int64, match func(*http.Request) bool, code, want string) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newAWS(t, docsLogs())
			var n atomic.Int64
			s.Fault = func(w http.ResponseWriter, r *http.Request) bool {
				if n.Add(1) <= after || !match(r) {
					return false
				}
				w.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
				answers(403, code)(w, r, nil)
				return true
			}
			rep, err := scanAWS(t, t.Context(), s, scan.Options{AWS: awsx.Config{Tempo: tempo}})
			said := fmt.Sprint(err)
			if rep != nil {
				said = strings.Join(rep.Run.Incomplete, "; ")
				sound(t, good, rep)
			}
			t.Log(said)
			if !strings.Contains(said, want) {
				t.Errorf("%q, want %q", said, want)
			}
		})
	}
	any := func(*http.Request) bool { return true }
	f("expired from the start", 0, any, "ExpiredToken", "the AWS credentials have expired")
	f("expired among the logs", 12, any, "ExpiredToken", "the AWS credentials have expired")
	f("expired among the settings", 0, isPolicy, "ExpiredToken", "the AWS credentials have expired")
	f("clock wrong from the start", 0, any, "RequestTimeTooSkewed", "this machine's clock is wrong")
	f("clock wrong among the logs", 0, isLog, "RequestTimeTooSkewed", "this machine's clock is wrong")
}
