// Package faulttest holds tests of the whole tool under what is hostile: logs
// full of secrets, services that fail in every way, full disks, signals. It has
// no code of its own, and must test behaviour through the command line or
// [scan.Run] alone.
package faulttest

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"io/fs"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/why403/why403/internal/awsoverlay"
	"github.com/why403/why403/internal/gather"
)

const (
	sampleLogs     = "../../samples/site/logs"
	sampleSnapshot = "../../samples/site/snapshot"
	secretKey      = "CANARY-aws-secret-access-key"
	sessionToken   = "CANARY-aws-session-token"

	// hangs is after what time a run is said to hang: far more than the limits of
	// the program on any machine, and less than that of go test.
	hangs = 4 * time.Minute
)

func TestMain(m *testing.M) {
	// The environment of every run, in this process or in one of its own, whatever
	// that of the machine says.
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		if strings.HasPrefix(name, "AWS_") || strings.HasSuffix(strings.ToLower(name), "_proxy") {
			os.Unsetenv(name)
		}
	}
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIACANARYOWNKEY0000", "AWS_SECRET_ACCESS_KEY": secretKey, "AWS_SESSION_TOKEN": sessionToken,
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
		"AWS_REGION": "us-east-1", "AWS_PROFILE": "", "AWS_ENDPOINT_URL": "", "AWS_CA_BUNDLE": "", "NO_COLOR": "1",
	} {
		os.Setenv(name, value)
	}
	code := m.Run()
	if built != "" {
		os.RemoveAll(filepath.Dir(built))
	}
	os.Exit(code)
}

// docsLogs are the logs of one distribution and its bucket: some 30 small
// objects.
var docsLogs = sync.OnceValue(func() map[string][]byte {
	out := map[string][]byte{}
	for _, pattern := range []string{"cloudfront/E2MINAMODOCS02.2026-11-20-1*.gz", "s3/minamo-docs-site/*"} {
		files, _ := fs.Glob(os.DirFS(sampleLogs), pattern)
		for _, f := range files {
			data, err := os.ReadFile(filepath.Join(sampleLogs, f))
			if err != nil {
				panic(err)
			}
			out[f] = data
		}
	}
	if len(out) < 20 {
		panic("the sample's logs are not where they were")
	}
	return out
})

// newAWS returns an AWS that knows what the sample's snapshot holds, and these
// logs in the bucket "logs".
func newAWS(t testing.TB, logs map[string][]byte) *awsoverlay.Server {
	return newAWSOf(t, logs, os.DirFS(sampleSnapshot))
}

func newAWSOf(t testing.TB, logs map[string][]byte, snapshot fs.FS) *awsoverlay.Server {
	t.Helper()
	store := new(awsoverlay.Store)
	for key, data := range logs {
		store.Put(key, data)
	}
	s := &awsoverlay.Server{Answers: gather.NewSnapshot(snapshot), Buckets: map[string]*awsoverlay.Store{"logs": store, "ops": {}}}
	t.Cleanup(s.Close)
	return s
}

// A proxy stands between the program and AWS: it takes CONNECT, speaks TLS for
// every host with certificates of an authority of its own, and hands what comes
// to a handler. So the program runs as in production, endpoints, TLS and proxy
// settings included.
type proxy struct {
	http.Handler
	URL    string
	Bundle string // file of the authority's certificate
	broken string // what is wrong with the certificates: "", "name", "expired"

	ca     *x509.Certificate
	caKey  *ecdsa.PrivateKey
	mu     sync.Mutex
	leaves map[string]*tls.Certificate
}

func newProxy(t testing.TB, h http.Handler) *proxy { return newBrokenProxy(t, h, "") }

func newBrokenProxy(t testing.TB, h http.Handler, broken string) *proxy {
	t.Helper()
	p := &proxy{Handler: h, broken: broken, leaves: map[string]*tls.Certificate{}}
	p.caKey, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "faulttest"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &p.caKey.PublicKey, p.caKey)
	if err != nil {
		t.Fatal(err)
	}
	p.ca, _ = x509.ParseCertificate(der)
	p.Bundle = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(p.Bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(p.connect))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	p.URL = s.URL
	return p
}

func (p *proxy) connect(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		http.Error(w, "only CONNECT", http.StatusMethodNotAllowed)
		return
	}
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\n\r\n"))
	c := tls.Server(conn, &tls.Config{GetCertificate: p.certificate, NextProtos: []string{"http/1.1"}})
	s := &http.Server{Handler: p.Handler, ErrorLog: discard}
	_ = s.Serve(&oneConn{Conn: c})
}

func (p *proxy) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.leaves[hello.ServerName]; c != nil {
		return c, nil
	}
	name, until := hello.ServerName, time.Now().Add(time.Hour)
	switch p.broken {
	case "name":
		name = "elsewhere.example"
	case "expired":
		until = time.Now().Add(-time.Minute)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: until}, p.ca, &key.PublicKey, p.caKey)
	if err != nil {
		return nil, err
	}
	c := &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	p.leaves[hello.ServerName] = c
	return c, nil
}

// A oneConn is a listener that accepts one connection.
type oneConn struct {
	net.Conn
	mu    sync.Mutex
	taken bool
}

func (l *oneConn) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.taken {
		return nil, net.ErrClosed
	}
	l.taken = true
	return l.Conn, nil
}

func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return l.LocalAddr() }

// A result is what a run of the program left behind.
type result struct {
	code        int
	out, errors string
}

var built string // the program

var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "faulttest")
	if err != nil {
		return "", err
	}
	built = filepath.Join(dir, "why403")
	args := []string{"build", "-o", built}
	if raceEnabled { // so that the detector sees what the program does by itself
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "../../cmd/why403")...).CombinedOutput()
	if err != nil {
		return "", &exec.Error{Name: string(out), Err: err}
	}
	return built, nil
})

// command returns the program, ready to reach AWS by the proxy. It is killed,
// and the test fails, when it hangs.
func command(t testing.TB, p *proxy, args ...string) *exec.Cmd {
	t.Helper()
	name, err := build()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), hangs)
	t.Cleanup(func() {
		if ctx.Err() != nil {
			t.Errorf("why403 %s: hung", strings.Join(args, " "))
		}
		cancel()
	})
	c := exec.CommandContext(ctx, name, args...)
	if p != nil {
		c.Env = append(os.Environ(), "HTTPS_PROXY="+p.URL, "AWS_CA_BUNDLE="+p.Bundle)
	}
	return c
}

// run runs the program.
func run(t testing.TB, p *proxy, args ...string) result {
	t.Helper()
	c := command(t, p, args...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	return finish(t, c, c.Run(), &out, &errs)
}

func finish(t testing.TB, c *exec.Cmd, err error, out, errs *bytes.Buffer) result {
	t.Helper()
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		t.Fatal(err)
	}
	return result{c.ProcessState.ExitCode(), out.String(), errs.String()}
}

var discard = log.New(io.Discard, "", 0)
