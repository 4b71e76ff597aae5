package faulttest

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/why403/why403/internal/athena"
	"github.com/why403/why403/internal/awsx"
	"github.com/why403/why403/internal/scan"
)

// within returns a context that ends a test which hangs.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hangs)
	t.Cleanup(func() {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			t.Error("it hung")
		}
		cancel()
	})
	return ctx
}

// TestNotifyFaults lets SNS and a webhook fail: once is made good, always is an
// error that names the target, and no webhook's URL.
func TestNotifyFaults(t *testing.T) {
	rep, err := scanAWS(t, t.Context(), newAWS(t, docsLogs()), scan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rep.Summary.Statuses = map[string]int{"new": 1}
	const topic = "arn:aws:sns:us-east-1:111122223333:alarm"
	f := func(name, target, says string, once bool, o scan.Options, hit *atomic.Int64) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := scan.Notify(within(t), o, rep, strings.Replace(target, "URL", o.Version, 1))
			switch {
			case hit.Load() == 0:
				t.Fatal("the fault met no request")
			case once && err != nil:
				t.Errorf("one answer went wrong, and so did all: %v", err)
			case !once && (err == nil || !strings.HasPrefix(err.Error(), says) || strings.Contains(err.Error(), "SECRET")):
				t.Errorf("error %v", err)
			}
			t.Logf("%d requests: %v", hit.Load(), err)
		})
	}
	for _, fault := range faults {
		for _, always := range []bool{false, true} {
			when, tempo := "always", float64(tempo)
			if !always {
				when, tempo = "once", patience(fault.name)
			}
			s, hit := inject(t, func(r *http.Request) bool { return strings.HasPrefix(r.Host, "sns.") }, fault.do, always)
			ok := s.Fault
			s.Fault = func(w http.ResponseWriter, r *http.Request) bool {
				_ = r.ParseForm() // or the end of the connection goes unnoticed
				if ok(w, r) {
					return true
				}
				_, _ = w.Write([]byte(`<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>`))
				return true
			}
			s.Start()
			f("SNS/"+fault.name+"/"+when, topic, "--notify "+topic+": ", !always, scan.Options{AWS: awsx.Config{Region: "us-east-1", Dial: s.Dial, Tempo: tempo}}, hit)

			// What a webhook answers behind its status says nothing.
			if strings.Contains(fault.name, "body") || strings.Contains(fault.name, "content-length") || fault.name == "throttling" {
				continue
			}
			hits := new(atomic.Int64)
			hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if hits.Add(1) == 1 || always {
					fault.do(w, r, nil)
				}
			}))
			t.Cleanup(func() { hook.CloseClientConnections(); hook.Close() })
			f("webhook/"+fault.name+"/"+when, "URL/SECRET", "--notify: webhook at 127.0.0.1:", !always, scan.Options{Version: hook.URL, AWS: awsx.Config{Tempo: tempo}}, hits)
		}
	}
}

// TestAthenaFaults lets every request to Athena, or to Glue, go wrong: the run
// ends with an error that says so.
func TestAthenaFaults(t *testing.T) {
	for _, service := range []string{"athena", "glue"} {
		for _, fault := range faults {
			t.Run(service+"/"+fault.name, func(t *testing.T) {
				t.Parallel()
				s, hit := inject(t, func(r *http.Request) bool { return strings.HasPrefix(r.Host, service+".") }, fault.do, true)
				ok := s.Fault
				s.Fault = func(w http.ResponseWriter, r *http.Request) bool {
					if strings.HasPrefix(r.Host, "athena.") || strings.HasPrefix(r.Host, "glue.") {
						_, _ = io.Copy(io.Discard, r.Body)
					}
					if ok(w, r) {
						return true
					}
					if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetWorkGroup") {
						_, _ = io.WriteString(w, `{"WorkGroup":{"Name":"primary","State":"ENABLED","Configuration":{}}}`)
						return true
					}
					return false
				}
				rep, err := scanAWS(t, t.Context(), s, scan.Options{Locations: []string{"s3://logs/cloudfront/"}, Athena: &athena.Options{Output: "s3://ops/athena/"}, AWS: awsx.Config{Tempo: tempo}})
				if err == nil || rep != nil || !strings.Contains(err.Error(), service+":") {
					t.Fatalf("a report without Athena, or an error that does not say so: %v", err)
				}
				if hit.Load() == 0 {
					t.Fatal("the fault met no request")
				}
				t.Logf("%d requests: %v", hit.Load(), err)
			})
		}
	}
}

// A stalling listener accepts connections that are then left alone: those whose
// number stalls says.
type stalling struct {
	net.Listener
	stalls func(n int) bool
	n      int
	mu     sync.Mutex
	left   []net.Conn
}

func (l *stalling) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		l.mu.Lock()
		n := l.n
		l.n++
		if l.stalls(n) {
			l.left = append(l.left, c)
		}
		l.mu.Unlock()
		if !l.stalls(n) {
			return c, nil
		}
	}
}

func (l *stalling) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.left {
		c.Close()
	}
	return l.Listener.Close()
}

// TestTLSStalls leaves handshakes unanswered.
func TestTLSStalls(t *testing.T) {
	good, err := scanAWS(t, t.Context(), newAWS(t, docsLogs()), scan.Options{Snapshot: sampleSnapshot})
	if err != nil {
		t.Fatal(err)
	}
	f := func(name, want string, tempo float64, stalls func(n int) bool) {
		t.Run(name, func(t *testing.T) {
			s := newAWS(t, docsLogs())
			server := httptest.NewUnstartedServer(s)
			server.Listener = &stalling{Listener: server.Listener, stalls: stalls}
			server.Config.ErrorLog = discard
			server.StartTLS()
			t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
			bundle := filepath.Join(t.TempDir(), "ca.pem")
			if err := os.WriteFile(bundle, certificate(server.Certificate()), 0o600); err != nil {
				t.Fatal(err)
			}
			t.Setenv("AWS_CA_BUNDLE", bundle)
			rep, err := scan.Run(within(t), scan.Options{Locations: []string{"s3://logs/"}, Snapshot: sampleSnapshot, MaxKeys: 200,
				AWS: awsx.Config{Region: "us-east-1", EndpointURL: server.URL, Tempo: tempo}})
			t.Log(err)
			switch {
			case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
				t.Errorf("error %v, want %q", err, want)
			case want == "" && err != nil:
				t.Error(err)
			case want == "":
				if d := cmp.Diff(body(t, good), body(t, rep)); d != "" {
					t.Errorf("the report differs (-good +got):\n%.2000s", d)
				}
			}
		})
	}
	f("all", "can't list s3://logs/: ", tempo, func(int) bool { return true })
	f("the first", "", patience("hanging"), func(n int) bool { return n == 0 })
	f("every other", "", patience("hanging"), func(n int) bool { return n > 0 && n%2 == 0 })
}

func certificate(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}
