package s3source

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/why403/why403/internal/awsoverlay"
	"github.com/why403/why403/internal/awsx"
	"github.com/why403/why403/logs"
)

func open(t *testing.T, server *awsoverlay.Server, location string, o Options) *Source {
	t.Helper()
	for _, e := range os.Environ() {
		if name, _, _ := strings.Cut(e, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
			os.Unsetenv(name)
		}
	}
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("AWS_CONFIG_FILE", none)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", none)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Cleanup(server.Close)
	c, err := awsx.Open(context.Background(), awsx.Config{Region: "us-east-1", Dial: server.Dial, Rate: 1e6})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(c, location, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// listed lists a source and returns the keys, sorted.
func listed(t *testing.T, s *Source, w logs.Window) []string {
	t.Helper()
	var keys []string
	err := s.List(context.Background(), w, func(page []logs.Object) error {
		for _, o := range page {
			keys = append(keys, strings.TrimPrefix(o.URI, "s3://"+s.Bucket+"/"))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(keys)
	for i := 1; i < len(keys); i++ {
		if keys[i] == keys[i-1] {
			t.Fatalf("%s was listed twice", keys[i])
		}
	}
	return keys
}

func count(requests []string, call string) int {
	n := 0
	for _, r := range requests {
		if strings.HasPrefix(r, call+" ") {
			n++
		}
	}
	return n
}

var day0 = time.Date(2026, 8, 10, 0, 0, 0, 0, time.UTC)

// layouts make names for the n-th of many objects in 100 days.
var layouts = map[string]func(at time.Time, n int) string{
	"flat S3": func(at time.Time, n int) string {
		return fmt.Sprintf("s3/%s-%016X", at.Format("2006-01-02-15-04-05"), n)
	},
	"flat S3, glued": func(at time.Time, n int) string {
		return fmt.Sprintf("s3/site-%s-%016X", at.Format("2006-01-02-15-04-05"), n)
	},
	"flat CloudFront": func(at time.Time, n int) string {
		return fmt.Sprintf("s3/E1AAAAAAAAAAAA.%s.%08x.gz", at.Format("2006-01-02-15"), n)
	},
	"three distributions": func(at time.Time, n int) string {
		return fmt.Sprintf("s3/E%dAAAAAAAAAAAA.%s.%08x.gz", 1+n%3, at.Format("2006-01-02-15"), n)
	},
	"partitioned S3": func(at time.Time, n int) string {
		return fmt.Sprintf("s3/111122223333/us-east-1/site/%s/%s-%016X", at.Format("2006/01/02"), at.Format("2006-01-02-00-00-00"), n)
	},
	"v2, by hour": func(at time.Time, n int) string {
		return fmt.Sprintf("s3/AWSLogs/111122223333/CloudFront/E1AAAAAAAAAAAA/%s/E1AAAAAAAAAAAA.%s.%08x.gz", at.Format("2006/01/02/15"), at.Format("2006-01-02-15"), n)
	},
	"v2, hive": func(at time.Time, n int) string {
		return fmt.Sprintf("s3/AWSLogs/aws-account-id=111122223333/CloudFront/DistributionId=E1AAAAAAAAAAAA/%s/E1AAAAAAAAAAAA.%s.%08x.parquet", at.Format("year=2006/month=01/day=02"), at.Format("2006-01-02-15"), n)
	},
	"undated": func(at time.Time, n int) string { return fmt.Sprintf("s3/part-%06d.log", n) },
}

// TestListingIsNarrowedToTheWindow lists one day out of a hundred in every
// layout, of 100,000 objects in flat ones: all objects of the day, few calls.
func TestListingIsNarrowedToTheWindow(t *testing.T) {
	const days = 100
	w := logs.Window{From: day0.AddDate(0, 0, 60), To: day0.AddDate(0, 0, 61)}
	calls := map[string]int{ // at most
		"flat S3": 6, "flat S3, glued": 6, "flat CloudFront": 6, "three distributions": 9,
		"partitioned S3": 14, "v2, by hour": 80, "v2, hive": 14, "undated": 20,
	}
	for name, layout := range layouts {
		t.Run(name, func(t *testing.T) {
			objects := 20_000
			if strings.HasPrefix(name, "flat") {
				objects = 100_000
			}
			b := new(awsoverlay.Store)
			var want []string
			for n := range objects {
				key := layout(day0.Add(days*24*time.Hour/time.Duration(objects)*time.Duration(n)), n)
				b.Put(key, nil)
				if logs.ParseName(key).Overlaps(w) {
					want = append(want, key)
				}
			}
			b.Put("s3-other/x", nil)
			b.Put("s2/x", nil)
			server := &awsoverlay.Server{Buckets: map[string]*awsoverlay.Store{"logs": b}}
			got := listed(t, open(t, server, "s3://logs/s3/", Options{}), w)
			slices.Sort(want)
			if d := cmp.Diff(len(want), len(got)); d != "" || !slices.Equal(got, want) {
				t.Errorf("objects: %s", d)
			}
			n := count(server.Requests(), "s3:ListObjectsV2")
			if n > calls[name] {
				t.Errorf("%d listing calls, want at most %d", n, calls[name])
			}
			t.Logf("%d calls for %d objects", n, len(got))
		})
	}
}

// TestMixedFolder: several layouts in one folder, and names without a date.
func TestMixedFolder(t *testing.T) {
	w := logs.Window{From: day0.AddDate(0, 0, 3), To: day0.AddDate(0, 0, 4)}
	b := new(awsoverlay.Store)
	var all, want []string
	for n := range 12_000 {
		at := day0.Add(time.Duration(n) * time.Minute)
		for _, layout := range layouts {
			all = append(all, layout(at, n))
		}
	}
	all = append(all, "s3/README", "s3/zz.txt", "s3/E1AAAAAAAAAAAA.notes", "s3/2025/01/02/old", "s3/2026/08/13/new", "s3/2026/notes.txt", "s3/archive/E1AAAAAAAAAAAA.2026-08-13-05.aa.gz")
	for _, key := range all {
		b.Put(key, []byte("x"))
		if logs.ParseName(key).Overlaps(w) {
			want = append(want, key)
		}
	}
	b.Put("s3/folder/", nil) // a console's folder
	slices.Sort(want)
	want = slices.Compact(want)
	server := &awsoverlay.Server{Buckets: map[string]*awsoverlay.Store{"logs": b}}
	got := listed(t, open(t, server, "s3://logs/s3/", Options{}), w)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%.2000s", d)
	}
}

// TestLongRunIsListedSideBySide: many days in one folder are split. The days end
// today, as far as which a listing without a window looks.
func TestLongRunIsListedSideBySide(t *testing.T) {
	const objects, together = 60_000, 8
	b := new(awsoverlay.Store)
	var want []string
	begin := time.Now().UTC().Add(-objects * time.Minute)
	for n := range objects {
		key := layouts["flat S3"](begin.Add(time.Duration(n)*time.Minute), n)
		b.Put(key, nil)
		want = append(want, key)
	}
	// The first page is asked for alone. Of what comes after it, none is answered
	// before so many calls are open.
	var pages, open1 atomic.Int64
	enough := make(chan struct{})
	server := &awsoverlay.Server{Buckets: map[string]*awsoverlay.Store{"logs": b}, Fault: func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || pages.Add(1) == 1 {
			return false
		}
		if open1.Add(1) == together {
			close(enough)
		}
		select {
		case <-enough:
		case <-time.After(time.Minute):
			t.Errorf("only %d calls side by side", open1.Load())
		}
		return false
	}}
	got := listed(t, open(t, server, "s3://logs/s3/", Options{}), logs.Window{})
	if !slices.Equal(got, want) {
		t.Errorf("%d objects, want %d", len(got), len(want))
	}
	if n := count(server.Requests(), "s3:ListObjectsV2"); n > objects/1000+listings+3 {
		t.Errorf("%d calls for %d pages", n, objects/1000)
	}
}

func TestPrefixNeedNotEndAtASlash(t *testing.T) {
	b := new(awsoverlay.Store)
	for _, k := range []string{"cf-a.log", "cf-b/x.log", "cg.log"} {
		b.Put(k, []byte("x"))
	}
	server := &awsoverlay.Server{Buckets: map[string]*awsoverlay.Store{"logs": b}}
	if got := listed(t, open(t, server, "s3://logs/cf-", Options{}), logs.Window{}); !slices.Equal(got, []string{"cf-a.log", "cf-b/x.log"}) {
		t.Error(got)
	}
}

func TestListingErrors(t *testing.T) {
	f := func(server *awsoverlay.Server, location, want string, is error) {
		t.Helper()
		err := open(t, server, location, Options{}).List(context.Background(), logs.Window{}, func([]logs.Object) error { return nil })
		var e *awsx.Error
		if err == nil || err.Error() != want || !errors.As(err, &e) || e.Hint == "" || is != nil && !errors.Is(err, is) {
			t.Errorf("%s: %v, want %s", location, err, want)
		}
	}
	b := map[string]*awsoverlay.Store{"logs": new(awsoverlay.Store)}
	f(&awsoverlay.Server{Buckets: b}, "s3://nowhere/x", "there is no bucket nowhere", fs.ErrNotExist)
	f(&awsoverlay.Server{Buckets: b, Deny: []string{"s3:ListBucket"}}, "s3://logs/x/", "not allowed to list s3://logs/x/", nil)
}

func TestBadLocations(t *testing.T) {
	for location, want := range map[string]string{
		"s3:///x":     "s3:///x names no bucket; write s3://bucket/prefix",
		"s3://a*b/x":  "s3://a*b/x: a bucket's name can't hold wildcards",
		"/var/log/cf": "/var/log/cf is no location in S3; write s3://bucket/prefix",
	} {
		if _, err := New(nil, location, Options{}); err == nil || err.Error() != want {
			t.Errorf("%s: %v", location, err)
		}
	}
}

// hostile are keys that clients change on their way.
var hostile = []string{
	"plain.gz", "/lead", "//lead2", "a//b", "a/./b", "a/../b", ".", "..", "a b+c", "a%20b%2F", "q?x=1", "h#f", "tab\t", "ctl\x01", "new\nline",
	"ü", "u\u0308", "日本", "\xff\xfe", "&=;,:@$!*'()[]<>\"`\\^{}|~",
}

func TestObjectsAreFetchedByTheirExactKeys(t *testing.T) {
	for _, bucket := range []string{"logs", "logs.with.dots"} {
		b := &awsoverlay.Store{Region: "eu-central-1"}
		for _, k := range hostile {
			b.Put(k, []byte("content of "+k))
		}
		server := &awsoverlay.Server{Buckets: map[string]*awsoverlay.Store{bucket: b}}
		s := open(t, server, "s3://"+bucket+"/", Options{})
		n := 0
		err := s.List(context.Background(), logs.Window{}, func(page []logs.Object) error {
			for _, o := range page {
				n++
				r, err := s.Open(context.Background(), &o)
				if err != nil {
					return err
				}
				data, err := io.ReadAll(r)
				if want := "content of " + strings.TrimPrefix(o.URI, "s3://"+bucket+"/"); err != nil || string(data) != want {
					t.Errorf("%q: %q, %v", o.URI, data, err)
				}
				r.Close()
			}
			return nil
		})
		if err != nil || n != len(hostile) {
			t.Errorf("%s: %d objects, %v", bucket, n, err)
		}
		// One redirect tells the Region, once for all.
		if r := server.Requests(); count(r, "redirect") != 1 || count(r, "s3:GetObject") != len(hostile) {
			t.Errorf("%d redirects, %d gets", count(r, "redirect"), count(r, "s3:GetObject"))
		}
		if got := s.c.Calls()["s3:GetObject"]; got != int64(len(hostile)) {
			t.Errorf("%d s3:GetObject counted", got)
		}
	}
}

// TestFaultsAreOvercome breaks the first answers for an object in many ways.
func TestFaultsAreOvercome(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 1<<14)
	hijack := func(w http.ResponseWriter, head string, body []byte) {
		c, buf, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		fmt.Fprint(buf, head)
		buf.Write(body)
		buf.Flush()
		c.Close()
	}
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\nETag: \"%x\"\r\n\r\n", len(content), md5.Sum(content))
	status := func(code int, body string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(code); io.WriteString(w, body) }
	}
	for name, fault := range map[string]func(http.ResponseWriter, *http.Request){
		"500":                   status(500, "<Error><Code>InternalError</Code></Error>"),
		"503 SlowDown":          status(503, "<Error><Code>SlowDown</Code></Error>"),
		"400 RequestTimeout":    status(400, "<Error><Code>RequestTimeout</Code></Error>"),
		"403 ExpiredToken once": status(403, "<Error><Code>ExpiredToken</Code></Error>"),
		"reset before answer":   func(w http.ResponseWriter, r *http.Request) { hijack(w, "", nil) },
		"cut in the body":       func(w http.ResponseWriter, r *http.Request) { hijack(w, head, content[:100_000]) },
		"cut before the body":   func(w http.ResponseWriter, r *http.Request) { hijack(w, head, nil) },
		"hangs before answer":   func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"hangs in the body": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(len(content)))
			w.Write(content[:100_000])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := new(awsoverlay.Store)
			b.Put("k", content)
			var left atomic.Int64
			left.Store(2)
			if name == "403 ExpiredToken once" {
				left.Store(1)
			}
			server := &awsoverlay.Server{Buckets: map[string]*awsoverlay.Store{"logs": b}, Fault: func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodGet || r.Header.Get("Range") != "" && name != "500" || left.Add(-1) < 0 {
					return false
				}
				fault(w, r)
				return true
			}}
			s := open(t, server, "s3://logs/", Options{})
			if strings.HasPrefix(name, "hangs") {
				s.fetch.stall = time.Second
			}
			r, err := s.Open(context.Background(), &logs.Object{URI: "s3://logs/k", Size: int64(len(content))})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
}

func TestFaultsThatStay(t *testing.T) {
	f := func(code int, body, want string, requests int, is error) {
		t.Helper()
		b := new(awsoverlay.Store)
		b.Put("k", []byte("x"))
		n := 0
		server := &awsoverlay.Server{Buckets: map[string]*awsoverlay.Store{"logs": b}, Fault: func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodHead {
				return false
			}
			n++
			w.WriteHeader(code)
			io.WriteString(w, body)
			return true
		}}
		_, err := open(t, server, "s3://logs/", Options{}).Open(context.Background(), &logs.Object{URI: "s3://logs/k", Size: 1})
		if err == nil || err.Error() != want || n != requests || is != nil && !errors.Is(err, is) {
			t.Errorf("%d %s: %v after %d requests; want %s after %d", code, body, err, n, want, requests)
		}
	}
	f(404, "<Error><Code>NoSuchKey</Code></Error>", "s3://logs/k: the object went away: file does not exist", 1, fs.ErrNotExist)
	f(403, "<Error><Code>AccessDenied</Code></Error>", "s3://logs/k: not allowed to read (AccessDenied)", 1, nil)
	f(403, "<Error><Code>InvalidObjectState</Code></Error>", "s3://logs/k: the object is archived and must be restored first", 1, nil)
	f(403, "<Error><Code>ExpiredToken</Code></Error>", "s3://logs/k: the AWS credentials have expired", 2, nil)
	f(400, "<Error><Code>InvalidRequest</Code><Message>no</Message></Error>", "s3://logs/k: InvalidRequest: no", 1, nil)
}

func TestMessagesEscapeNames(t *testing.T) {
	server := &awsoverlay.Server{Buckets: map[string]*awsoverlay.Store{"logs": new(awsoverlay.Store)}}
	_, err := open(t, server, "s3://logs/", Options{}).Open(context.Background(), &logs.Object{URI: "s3://logs/\x1b[2Jü\n\u202e", Size: 1})
	if want := `s3://logs/\x1b[2Jü\n\u202e: the object went away: file does not exist`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestReadingEndsWithTheContext(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b := new(awsoverlay.Store)
	server := &awsoverlay.Server{Buckets: map[string]*awsoverlay.Store{"logs": b}, Fault: func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet {
			cancel()
			select {
			case <-hang:
			case <-r.Context().Done():
			}
			return true
		}
		return false
	}}
	s := open(t, server, "s3://logs/", Options{})
	if _, err := s.Open(ctx, &logs.Object{URI: "s3://logs/k", Size: 1}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestSignatureIsTheSDKs compares with the SDK's own signer.
func TestSignatureIsTheSDKs(t *testing.T) {
	now := time.Date(2026, 11, 25, 3, 15, 0, 0, time.UTC)
	for _, c := range []aws.Credentials{{AccessKeyID: "AKID", SecretAccessKey: "s/ecret+"}, {AccessKeyID: "ASIA", SecretAccessKey: "x", SessionToken: "token=="}} {
		for _, key := range hostile {
			for _, payer := range []string{"", "requester"} {
				request := func() *http.Request {
					r := newRequest(context.Background(), &url.URL{Scheme: "https", Host: "logs.s3.eu-west-1.amazonaws.com", Path: "/"}, key)
					if payer != "" {
						r.Header.Set("X-Amz-Request-Payer", payer)
					}
					return r
				}
				ours, theirs := request(), request()
				sign(ours, c, "eu-west-1", now)
				theirs.Header.Set("X-Amz-Content-Sha256", emptyHash)
				s := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
				if err := s.SignHTTP(context.Background(), c, theirs, emptyHash, "s3", "eu-west-1", now); err != nil {
					t.Fatal(err)
				}
				if got, want := ours.Header.Get("Authorization"), theirs.Header.Get("Authorization"); got != want {
					t.Errorf("%q:\n%s\n%s", key, got, want)
				}
			}
		}
	}
}

func TestGateGrowsAndBacksOff(t *testing.T) {
	g := newGate(0)
	now := time.Unix(0, 0)
	g.since = now
	finish := func(perSecond int) {
		n := 2 * g.limit
		now = now.Add(time.Second * time.Duration(n) / time.Duration(perSecond))
		g.waiting = []chan struct{}{nil}
		for range n {
			g.adapt(false, now)
		}
	}
	finish(1000)
	finish(2000)
	if g.limit != 72 {
		t.Errorf("limit %d after growing throughput", g.limit)
	}
	finish(2000)
	finish(1900)
	if g.limit != 72 {
		t.Errorf("limit %d after the throughput stayed", g.limit)
	}
	g.adapt(true, now)
	if g.limit != 36 {
		t.Errorf("limit %d after a busy answer", g.limit)
	}
	for range 10 {
		g.adapt(true, now)
	}
	if g.limit != gateMin {
		t.Errorf("limit %d, want no less than %d", g.limit, gateMin)
	}
	for n := 1000; n < 1_000_000_000; n *= 2 {
		finish(n)
	}
	if g.limit != g.max {
		t.Errorf("limit %d, want %d", g.limit, g.max)
	}
}

func TestGateLetsInNoMoreThanItsLimit(t *testing.T) {
	const limit = 3
	g := newGate(limit)
	var inside, most atomic.Int64
	full := make(chan struct{})
	var once sync.Once
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if err := g.enter(context.Background()); err != nil {
				t.Error(err)
			}
			n := inside.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			if n == limit {
				once.Do(func() { close(full) })
			}
			<-full // nobody leaves before so many are in
			runtime.Gosched()
			inside.Add(-1)
			g.leave(false)
		})
	}
	all.Wait()
	if most.Load() != limit || g.inside != 0 {
		t.Errorf("most %d, left %d", most.Load(), g.inside)
	}
}
