//go:build servers

package faulttest

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/why403/why403/internal/awsoverlay"
	"github.com/why403/why403/internal/awsx"
	"github.com/why403/why403/internal/gather"
	"github.com/why403/why403/internal/report"
	"github.com/why403/why403/internal/scan"
)

var update = flag.Bool("update", false, "rewrite the table of faults in docs/security.md")

// realSite is the bucket whose settings moto holds.
const realSite = "minamo-docs-site"

// A world is what the program reaches through the proxy: versitygw holds logs,
// state and reports, moto the site's bucket, and the double what neither can.
type world struct {
	logs, ops string // buckets of versitygw
	gateway   *url.URL
	double    *awsoverlay.Server
	transport http.Transport
}

func newWorld(t *testing.T) *world {
	t.Helper()
	gateway, moto := os.Getenv("WHY403_TEST_S3"), os.Getenv("WHY403_TEST_MOTO")
	if gateway == "" || moto == "" {
		t.Skip("WHY403_TEST_S3 and WHY403_TEST_MOTO are not set: bash .ci/run servers")
	}
	t.Setenv("AWS_ACCESS_KEY_ID", os.Getenv("WHY403_TEST_S3_KEY"))
	t.Setenv("AWS_SECRET_ACCESS_KEY", os.Getenv("WHY403_TEST_S3_SECRET"))
	t.Setenv("AWS_SESSION_TOKEN", "")
	stamp := time.Now().UnixNano()
	w := &world{logs: fmt.Sprintf("logs-%d", stamp), ops: fmt.Sprintf("ops-%d", stamp)}
	parse := func(s string) *url.URL {
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	w.gateway = parse(gateway)
	w.double = &awsoverlay.Server{Answers: gather.NewSnapshot(without{os.DirFS(sampleSnapshot), "buckets/" + realSite + "/"}), Forward: parse(moto)}
	t.Cleanup(w.transport.CloseIdleConnections)
	w.fill(t)
	return w
}

// without is a directory less the files below a prefix.
type without struct {
	fs.FS
	prefix string
}

func (w without) Open(name string) (fs.File, error) {
	if strings.HasPrefix(name, w.prefix) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return w.FS.Open(name)
}

// fill makes the buckets.
func (w *world) fill(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	vgw := w.client(t, os.Getenv("WHY403_TEST_S3"))
	var group errgroup.Group
	group.SetLimit(8)
	for _, b := range []string{w.logs, w.ops} {
		_, err := vgw.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &b})
		must(err)
	}
	for key, data := range docsLogs() {
		group.Go(func() error {
			_, err := vgw.PutObject(ctx, &s3.PutObjectInput{Bucket: &w.logs, Key: &key, Body: bytes.NewReader(data)})
			return err
		})
	}
	must(group.Wait())

	moto := w.client(t, os.Getenv("WHY403_TEST_MOTO"))
	bucket := realSite
	_, err := moto.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket})
	must(err)
	var policy struct{ Policy string }
	data, err := os.ReadFile(sampleSnapshot + "/buckets/" + bucket + "/policy.json")
	must(err)
	must(json.Unmarshal(data, &policy))
	_, err = moto.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: &bucket, Policy: &policy.Policy})
	must(err)
	_, err = moto.PutBucketWebsite(ctx, &s3.PutBucketWebsiteInput{Bucket: &bucket, WebsiteConfiguration: &s3types.WebsiteConfiguration{IndexDocument: &s3types.IndexDocument{Suffix: aws.String("index.html")}}})
	must(err)
	_, err = moto.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{Bucket: &bucket, PublicAccessBlockConfiguration: &s3types.PublicAccessBlockConfiguration{
		BlockPublicAcls: aws.Bool(false), IgnorePublicAcls: aws.Bool(false), BlockPublicPolicy: aws.Bool(false), RestrictPublicBuckets: aws.Bool(false)}})
	must(err)
	_, err = moto.PutBucketOwnershipControls(ctx, &s3.PutBucketOwnershipControlsInput{Bucket: &bucket, OwnershipControls: &s3types.OwnershipControls{
		Rules: []s3types.OwnershipControlsRule{{ObjectOwnership: s3types.ObjectOwnershipBucketOwnerEnforced}}}})
	must(err)
	_, err = moto.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("guide/index.html"), Body: strings.NewReader("x")})
	must(err)
}

// client returns a client that reaches a server without the proxy.
func (w *world) client(t *testing.T, at string) *s3.Client {
	t.Helper()
	c, err := awsx.Open(t.Context(), awsx.Config{Region: "us-east-1", EndpointURL: at})
	if err != nil {
		t.Fatal(err)
	}
	return c.S3("us-east-1")
}

// bucketOf splits a request to the S3 endpoint.
func bucketOf(r *http.Request) (bucket, key string, ok bool) {
	if host, _, _ := strings.Cut(r.Host, ":"); host != "localhost" {
		return "", "", false
	}
	bucket, key, _ = strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return bucket, key, true
}

// ServeHTTP hands a request to where it belongs.
func (w *world) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	if bucket, _, ok := bucketOf(r); !ok || bucket != w.logs && bucket != w.ops {
		w.double.ServeHTTP(out, r)
		return
	}
	p := &httputil.ReverseProxy{Transport: &w.transport, ErrorLog: discard, Rewrite: func(p *httputil.ProxyRequest) {
		p.Out.URL.Scheme, p.Out.URL.Host = w.gateway.Scheme, w.gateway.Host
		p.Out.Host = r.Host // it is signed
	}}
	p.ServeHTTP(out, r)
}

// cutRequest lets versitygw see half of what the program writes.
func (w *world) cutRequest(out http.ResponseWriter, r *http.Request) {
	data, _ := io.ReadAll(r.Body)
	c := raw(out)
	defer c.Close()
	_ = c.SetLinger(0)
	to, err := net.Dial("tcp", w.gateway.Host)
	if err != nil {
		return
	}
	defer to.Close()
	fmt.Fprintf(to, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", r.Method, r.URL.RequestURI(), r.Host, len(data))
	_ = r.Header.WriteSubset(to, map[string]bool{"Content-Length": true})
	_, _ = to.Write(append([]byte("\r\n"), data[:len(data)/2]...))
}

// A serverFault is a fault between the program and the real servers.
type serverFault struct {
	name string
	do   fault
	// behind: the server has carried the request out, and its answer goes wrong;
	// else the request does not reach it.
	behind bool
}

// serverFaults are the rows of the table.
func (w *world) serverFaults() []serverFault {
	var all []serverFault
	for _, f := range faults {
		before := slices.Contains([]string{"500", "503 SlowDown", "throttling", "an HTML page of a proxy", "reset before the answer", "no HTTP", "hanging"}, f.name)
		all = append(all, serverFault{f.name, f.do, !before})
	}
	return append(all,
		serverFault{"answer lost", func(out http.ResponseWriter, r *http.Request, _ []byte) {
			c := raw(out)
			_ = c.SetLinger(0)
			c.Close()
		}, true},
		serverFault{"slow trickle", trickle, true},
		serverFault{"credentials expired", answers(400, "ExpiredToken"), false},
		serverFault{"clock wrong", answers(403, "RequestTimeTooSkewed"), false},
		serverFault{"request cut short", func(out http.ResponseWriter, r *http.Request, _ []byte) { w.cutRequest(out, r) }, false},
	)
}

// inject returns a handler with a fault in the requests that match: the first
// one, or all of them.
func (w *world) inject(match func(*http.Request) bool, f serverFault, always bool) (h http.HandlerFunc, hit *atomic.Int64) {
	hit = new(atomic.Int64)
	return func(out http.ResponseWriter, r *http.Request) {
		if !match(r) || hit.Add(1) > 1 && !always {
			w.ServeHTTP(out, r)
			return
		}
		var data []byte
		if f.behind {
			answer := httptest.NewRecorder()
			w.ServeHTTP(answer, r)
			data = answer.Body.Bytes()
			maps.Copy(out.Header(), answer.Header())
			out.Header().Del("Content-Length")
		} else if f.name != "request cut short" {
			_, _ = io.Copy(io.Discard, r.Body) // else the end of the connection would go unnoticed
		}
		f.do(out, r, data)
	}, hit
}

// A night is what a run with a memory and a report in S3 came to.
type night struct {
	rep                *report.Report
	run, write, commit error
	memory, file       []byte // as versitygw holds them afterwards
	oldMemory, oldFile []byte
}

func (w *world) options(t *testing.T, h http.Handler, tempo float64) scan.Options {
	s := httptest.NewServer(h)
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return scan.Options{MaxKeys: 200, AWS: awsx.Config{Region: "us-east-1", Rate: 1e6, Tempo: tempo,
		EndpointURL: "http://localhost", Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", s.Listener.Addr().String())
		}}}
}

// get reads an object without the proxy, nil if there is none.
func get(t *testing.T, c *s3.Client, bucket, key string) []byte {
	t.Helper()
	out, err := c.GetObject(context.Background(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return nil
	}
	defer out.Body.Close()
	data, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// logsBegin is before the logs: a night lists what came since the last one.
var logsBegin = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

// night runs the night of a number whose memory and report lie below a prefix of
// ops, at a tempo.
func (w *world) night(t *testing.T, h http.Handler, tempo float64, prefix, location string, number int) *night {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hangs)
	defer cancel()
	o := w.options(t, h, tempo)
	o.Locations = []string{location}
	vgw := w.client(t, os.Getenv("WHY403_TEST_S3"))
	n := &night{oldMemory: get(t, vgw, w.ops, prefix+"state.jsonl.gz"), oldFile: get(t, vgw, w.ops, prefix+"report.json")}
	defer func() {
		n.memory, n.file = get(t, vgw, w.ops, prefix+"state.jsonl.gz"), get(t, vgw, w.ops, prefix+"report.json")
		if ctx.Err() != nil {
			t.Fatal("it hung")
		}
	}()
	m, err := scan.OpenMemory(ctx, "s3://"+w.ops+"/"+prefix, o, scan.MemoryOptions{Now: func() time.Time { return logsBegin.AddDate(0, 0, number) }})
	if err != nil {
		n.run = err
		return n
	}
	defer m.Close(ctx)
	o.Memory = m
	if n.rep, n.run = scan.Run(ctx, o); n.run != nil {
		return n
	}
	if n.write = scan.WriteAll(ctx, o, n.rep, []string{"s3://" + w.ops + "/" + prefix + "report.json"}); n.write != nil {
		return n // as the command does
	}
	n.commit = m.Commit(ctx)
	return n
}

// TestFaultsOfServers lets every request of a kind, or one of it, go wrong
// between the program and the real servers, and holds the table of
// docs/security.md to what comes out.
func TestFaultsOfServers(t *testing.T) {
	w := newWorld(t)
	morning, day := "s3://"+w.logs+"/cloudfront/E2MINAMODOCS02.2026-11-20-10", "s3://"+w.logs+"/"
	first := w.night(t, w, 1, "good/", morning, 0)
	good := w.night(t, w, 1, "good/", day, 1)
	after := w.night(t, w, 1, "good/", day, 2)
	for _, n := range []*night{first, good, after} {
		if n.run != nil || n.write != nil || n.commit != nil || len(n.rep.Run.Incomplete) > 0 || n.memory == nil || n.file == nil {
			t.Fatalf("without a fault: %v, %v, %v; incomplete: %v", n.run, n.write, n.commit, n.rep.Run.Incomplete)
		}
	}
	if good.rep.FailingKeys.Len() < 10 || bytes.Equal(first.memory, good.memory) {
		t.Fatalf("%d failing keys", good.rep.FailingKeys.Len())
	}
	want := body(t, good.rep)
	vgw := w.client(t, os.Getenv("WHY403_TEST_S3"))

	targets := []struct {
		name  string
		match func(r *http.Request) bool
		says  string // of an incomplete report, or an error
	}{
		{"log object", func(r *http.Request) bool {
			b, k, _ := bucketOf(r)
			return b == w.logs && strings.HasSuffix(k, "3F5C")
		}, "-9EE8C62854E93F5C: "},
		{"listing", func(r *http.Request) bool {
			b, k, _ := bucketOf(r)
			return b == w.logs && k == "" && r.Method == http.MethodGet
		}, "can't list "},
		{"bucket policy", func(r *http.Request) bool {
			b, _, _ := bucketOf(r)
			return b == realSite && r.URL.Query().Has("policy")
		}, "s3:GetBucketPolicy"},
		{"distribution", isDistribution, "cloudfront:GetDistribution"},
		{"state, read", func(r *http.Request) bool {
			_, k, _ := bucketOf(r)
			return r.Method == http.MethodGet && strings.HasSuffix(k, "/state.jsonl.gz")
		}, "state "},
		{"state, written", func(r *http.Request) bool {
			_, k, _ := bucketOf(r)
			return r.Method == http.MethodPut && strings.HasSuffix(k, "/state.jsonl.gz")
		}, "state "},
		{"report, written", func(r *http.Request) bool {
			_, k, _ := bucketOf(r)
			return r.Method == http.MethodPut && strings.HasSuffix(k, "/report.json")
		}, "report.json: "},
	}
	documented := map[string]string{}
	cells := faultTable(t)
	for i, row := range cells[min(1, len(cells)):] {
		for j := 1; i > 0 && j < len(row); j++ { // the first row is a rule
			once, always, _ := strings.Cut(row[j], ", ")
			documented[row[0]+"/"+cells[0][j]+"/once"], documented[row[0]+"/"+cells[0][j]+"/always"] = once, always
		}
	}
	var mu sync.Mutex
	table := map[string]string{} // what came out, by fault and target
	t.Run("faults", func(t *testing.T) {
		for _, f := range w.serverFaults() {
			for _, target := range targets {
				if f.name == "request cut short" && !strings.HasSuffix(target.name, "written") {
					continue
				}
				for _, always := range []bool{false, true} {
					name := f.name + "/" + target.name + "/" + map[bool]string{false: "once", true: "always"}[always]
					t.Run(name, func(t *testing.T) {
						t.Parallel()
						prefix := strings.NewReplacer(" ", "-", ",", "", "/", "-").Replace(name) + "/"
						for key, data := range map[string][]byte{"state.jsonl.gz": first.memory, "report.json": first.file} {
							if _, err := vgw.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &w.ops, Key: aws.String(prefix + key), Body: bytes.NewReader(data)}); err != nil {
								t.Fatal(err)
							}
						}
						h, hit := w.inject(target.match, f, always)
						pace := float64(tempo)
						if documented[name] == "same" {
							pace = patience(f.name)
						}
						n := w.night(t, h, pace, prefix, day, 1)
						if hit.Load() == 0 {
							t.Fatal("the fault met no request")
						}
						out := w.outcome(t, n, good, want, target.says)
						t.Logf("%d requests: %s", hit.Load(), out)
						word, _, _ := strings.Cut(out, ":")
						mu.Lock()
						table[name] = word
						mu.Unlock()
						if want := documented[name]; word != want && !*update {
							t.Errorf("%s, and docs/security.md says %q", out, want)
						}
						// The next night makes good what this one missed, and calls nothing
						// fixed that is not.
						n = w.night(t, w, 1, prefix, day, 2)
						if n.run != nil || n.commit != nil || len(n.rep.Run.Incomplete) > 0 {
							t.Fatalf("the next night: %v, %v, %v", n.run, n.commit, n.rep.Run.Incomplete)
						}
						for key := range fixed(n.rep) {
							if !fixed(good.rep)[key] && !fixed(after.rep)[key] {
								t.Errorf("the next night calls %s fixed", key)
							}
						}
						if got, want := decoded(t, n.memory), decoded(t, after.memory); got.objects != want.objects || got.findings < want.findings || got.findings > want.findings && !strings.HasPrefix(out, "named") {
							t.Errorf("the next night remembers %v, want %v", got, want)
						}
					})
				}
			}
		}
	})
	if t.Failed() || !*update {
		return
	}
	var b strings.Builder
	b.WriteString("| fault |")
	for _, target := range targets {
		b.WriteString(" " + target.name + " |")
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(targets)) + "\n")
	for _, f := range w.serverFaults() {
		b.WriteString("| " + f.name + " |")
		for _, target := range targets {
			once, ok := table[f.name+"/"+target.name+"/once"]
			cell := once + ", " + table[f.name+"/"+target.name+"/always"]
			if !ok {
				cell = "-"
			}
			b.WriteString(" " + cell + " |")
		}
		b.WriteString("\n")
	}
	head, _, tail := splitTable(t)
	if err := os.WriteFile(securityDoc, []byte(head+b.String()+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}

// consistent is sound where only the worst keys of each cause are looked at in
// the bucket, so that a key may have more or fewer causes than in the good report:
// none that is ruled out there. And without the distribution's settings the
// access to a key is not known.
func consistent(t *testing.T, good, rep *report.Report) {
	t.Helper()
	ruledOut := map[string][]string{}
	for _, l := range []report.Keys{good.FailingKeys, good.DirectFailures} {
		for k := range l.All() {
			at := k.Bucket + "/" + k.Key
			ruledOut[at] = append(ruledOut[at], append(k.RuledOut, "")...)
		}
	}
	for _, l := range []report.Keys{rep.FailingKeys, rep.DirectFailures} {
		for k := range l.All() {
			out, ok := ruledOut[k.Bucket+"/"+k.Key]
			if !ok && k.Bucket != "" {
				t.Errorf("%s/%s: fails only because of the fault", k.Bucket, k.Key)
			}
			for _, c := range k.Causes {
				if c.Certainty == "proven" && (slices.Contains(out, c.ID) || k.Bucket == "") {
					t.Errorf("%s/%s: %s is proven, and was ruled out", k.Bucket, k.Key, c.ID)
				}
			}
		}
	}
	notFixed(t, good, rep)
}

// fixed returns the keys that a report calls fixed.
func fixed(rep *report.Report) map[string]bool {
	out := map[string]bool{}
	for _, l := range []report.Keys{rep.FailingKeys, rep.DirectFailures} {
		for k := range l.All() {
			if k.Status == "fixed" || k.FixedSince != nil {
				out[k.Bucket+"/"+k.Key] = true
			}
		}
	}
	return out
}

// memory is what a stored memory holds.
type memory struct{ objects, findings int }

func decoded(t *testing.T, data []byte) memory {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/state.jsonl.gz", data, 0o600); err != nil {
		t.Fatal(err)
	}
	st, err := scan.ReadMemory(t.Context(), dir, awsx.Config{})
	if err != nil {
		t.Fatalf("the memory can't be read: %v", err)
	}
	objects, _, findings := st.Size()
	return memory{objects, findings}
}

// outcome says what a night came to, and fails the test when that is none of
// what it may come to:
//
//   - same: report and memory are those of a night without a fault
//   - named: a report that says what is missing, and nothing that is not so
//   - refused: an error that says what failed; what was stored before is there
func (w *world) outcome(t *testing.T, n, good *night, want map[string]any, says string) string {
	t.Helper()
	err := firstOf(n.run, n.write, n.commit)
	about := func(s string) bool {
		return strings.Contains(s, says) || strings.Contains(s, "the AWS credentials have expired") || strings.Contains(s, "this machine's clock is wrong")
	}
	// Nothing is half written, whatever came.
	for what, stored := range map[string][3][]byte{"memory": {n.memory, n.oldMemory, nil}, "report": {n.file, n.oldFile, nil}} {
		if bytes.Equal(stored[0], stored[1]) {
			continue
		}
		if what == "memory" {
			decoded(t, stored[0])
		} else if !json.Valid(stored[0]) {
			t.Errorf("half a report: %d bytes, %d before", len(stored[0]), len(stored[1]))
		}
	}
	if n.rep != nil {
		consistent(t, good.rep, n.rep)
	}
	switch {
	case err != nil:
		if !about(err.Error()) {
			t.Errorf("the error does not say %q: %v", says, err)
		}
		if !bytes.Equal(n.memory, n.oldMemory) && n.commit == nil {
			t.Error("an error, and the memory is another")
		}
		return "refused: " + err.Error()
	case len(n.rep.Run.Incomplete) > 0:
		said := strings.Join(n.rep.Run.Incomplete, "; ")
		if !about(said) {
			t.Errorf("the report does not say %q: %s", says, said)
		}
		return "named: " + said
	}
	if d := cmp.Diff(want, body(t, n.rep)); d != "" {
		t.Errorf("nothing is missing, and the report differs (-good +got):\n%.2000s", d)
	}
	if !bytes.Equal(decodedReport(t, n.file), decodedReport(t, good.file)) {
		t.Error("nothing is missing, and the stored report differs")
	}
	if got, want := decoded(t, n.memory), decoded(t, good.memory); got != want {
		t.Errorf("nothing is missing, and the memory holds %v, want %v", got, want)
	}
	return "same"
}

// decodedReport returns a stored report without what is of its run.
func decodedReport(t *testing.T, data []byte) []byte {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	delete(m, "run")
	delete(m, "api_calls")
	data, _ = json.Marshal(m)
	return data
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
