package s3source

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// A rawServer answers each request with what answer writes to its connection,
// which it closes if that returns false.
type rawServer struct {
	url         string
	connections atomic.Int64
	requests    atomic.Int64
}

func serveRaw(t *testing.T, answer func(w io.Writer, r *http.Request) bool) *rawServer {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s := &rawServer{url: "http://" + l.Addr().String() + "/key"}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.connections.Add(1)
			go func() {
				defer c.Close()
				in := bufio.NewReader(c)
				for {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					s.requests.Add(1)
					if !answer(c, r) {
						return
					}
				}
			}()
		}
	}()
	return s
}

// get makes a request and reads the answer to its end.
func get(ctx context.Context, t http.RoundTripper, u string) (*http.Response, []byte, error) {
	parsed, err := url.Parse(u)
	if err != nil {
		return nil, nil, err
	}
	parsed.Path = "/"
	r := newRequest(ctx, parsed, "key")
	r.Header["X-Amz-Date"] = []string{"20261125T031500Z"}
	answer, err := t.RoundTrip(r)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	return answer, data, err
}

// TestWireReadsWhatTransportReads gives the same answers to a wire and to an
// http.Transport, twice each.
func TestWireReadsWhatTransportReads(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 8<<10)
	f := func(answer string, connections int64) {
		t.Helper()
		close := strings.HasSuffix(answer, "|") // then the server closes the connection
		answer = strings.TrimSuffix(answer, "|")
		byByte := strings.HasPrefix(answer, "~")
		answer = strings.TrimPrefix(answer, "~")
		url := ""
		s := serveRaw(t, func(w io.Writer, r *http.Request) bool {
			if r.Header.Get("X-Amz-Date") == "" || r.URL.Path != "/key" || !strings.HasPrefix(url, "http://"+r.Host+"/") {
				t.Errorf("%v", r)
			}
			piece := len(answer)
			if byByte {
				piece = 1
			}
			for i := 0; i < len(answer); i += piece {
				if _, err := io.WriteString(w, answer[i:i+piece]); err != nil {
					return false
				}
			}
			return !close
		})
		url = s.url
		show := answer[:min(len(answer), 200)]
		w, usual := newWire(&http.Transport{DisableCompression: true}), &http.Transport{DisableCompression: true}
		defer usual.CloseIdleConnections()
		for range 2 {
			want, wantData, wantErr := get(context.Background(), usual, s.url)
			got, gotData, gotErr := get(context.Background(), w, s.url)
			if (gotErr == nil) != (wantErr == nil) || errors.Is(wantErr, io.ErrUnexpectedEOF) && !errors.Is(gotErr, io.ErrUnexpectedEOF) {
				t.Errorf("%q: error %v, want %v", show, gotErr, wantErr)
			}
			if (got == nil) != (want == nil) || !bytes.Equal(gotData, wantData) {
				t.Errorf("%q: read %d bytes, want %d", show, len(gotData), len(wantData))
			}
			if got == nil || want == nil {
				continue
			}
			if got.StatusCode != want.StatusCode || got.ContentLength != want.ContentLength || got.Header.Get("ETag") != want.Header.Get("ETag") ||
				got.Header.Get("Content-Range") != want.Header.Get("Content-Range") {
				t.Errorf("%q: %+v, want %+v", show, got, want)
			}
		}
		w.CloseIdleConnections()
		usual.CloseIdleConnections()
		before := s.connections.Load()
		fresh := newWire(&http.Transport{})
		for range 2 {
			_, _, _ = get(context.Background(), fresh, s.url)
		}
		if n := s.connections.Load() - before; n != connections {
			t.Errorf("%q: %d connections for two requests, want %d", show, n, connections)
		}
	}
	const length3 = "Content-Length: 3\r\n"
	f("HTTP/1.1 200 OK\r\n"+length3+"ETag: \"e\"\r\nServer: x\r\n\r\nabc", 1)
	f("~HTTP/1.1 200 OK\r\n"+length3+"ETag: \"e\"\r\n\r\nabc", 1)
	f("HTTP/1.1 206 Partial Content\r\n"+length3+"Content-Range: bytes 4-6/7\r\n\r\nabc", 1)
	f("HTTP/1.1 200\r\ncontent-length:3\r\nETAG:  \"e\" \r\nconnection: Keep-Alive\r\n\r\nabc", 1)
	f("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 1)
	f(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(long), long), 1)
	f("HTTP/1.1 200 OK\r\n"+length3+"X-Long: "+long[:6000]+"\r\n\r\nabc", 1)
	f("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", 1)
	f("HTTP/1.1 404 Not Found\r\n"+length3+"\r\nabc", 1)
	f("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n"+length3+"\r\nabc", 1)
	f("HTTP/1.1 200 OK\nContent-Length: 3\nETag: e\n\nabc", 1)
	f("HTTP/1.1 200 OK\r\n"+length3+"X-Folded: a\r\n b\r\nETag: e\r\n\r\nabc", 1)
	f("HTTP/1.1 200 OK\r\n"+length3+length3+"\r\nabc", 1)

	f("HTTP/1.1 200 OK\r\n"+length3+"Connection: close\r\n\r\nabc|", 2)
	f("HTTP/1.1 200 OK\r\nETag: e\r\n\r\nabc|", 2)
	f("HTTP/1.0 200 OK\r\n"+length3+"\r\nabc|", 2)

	f("HTTP/1.1 200 OK\r\n"+length3+"\r\nab|", 2)
	f("HTTP/1.1 200 OK\r\n"+length3+"\r\n|", 2)
	f("HTTP/1.1 200 OK\r\nContent-Le|", 2)
	f("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab|", 2)
	f("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc|", 2)
	f("HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc|", 2)
	f("HTTP/1.1 200 OK\r\nbad name: x\r\n"+length3+"\r\nabc|", 2)
	f("no HTTP at all\r\n\r\n|", 2)
	f("|", 2)
}

// TestWireAfterASurplus does not use a connection again that holds more than the
// answer.
func TestWireAfterASurplus(t *testing.T) {
	s := serveRaw(t, func(w io.Writer, _ *http.Request) bool {
		io.WriteString(w, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ndef")
		return true
	})
	w := newWire(&http.Transport{})
	for range 2 {
		if _, data, err := get(context.Background(), w, s.url); err != nil || string(data) != "abc" {
			t.Errorf("%q, %v", data, err)
		}
	}
	if n := s.connections.Load(); n != 2 {
		t.Errorf("%d connections", n)
	}
}

// TestWireAfterTheServerClosed asks again on a new connection when a kept one was
// closed before the answer, and only then.
func TestWireAfterTheServerClosed(t *testing.T) {
	var answers atomic.Int64
	s := serveRaw(t, func(w io.Writer, _ *http.Request) bool {
		if answers.Add(1) == 2 {
			return false // a kept connection ends as the next request comes
		}
		io.WriteString(w, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")
		return true
	})
	w := newWire(&http.Transport{})
	for range 2 {
		if _, data, err := get(context.Background(), w, s.url); err != nil || string(data) != "abc" {
			t.Errorf("%q, %v", data, err)
		}
	}
	if c, r := s.connections.Load(), s.requests.Load(); c != 2 || r != 3 {
		t.Errorf("%d connections, %d requests", c, r)
	}

	s = serveRaw(t, func(io.Writer, *http.Request) bool { return false })
	if _, _, err := get(context.Background(), newWire(&http.Transport{}), s.url); err == nil || s.requests.Load() != 1 {
		t.Errorf("%v after %d requests", err, s.requests.Load())
	}
}

// TestWireTakesWhatIsLeft has a second connection that is never made: its request
// goes by the first one, once the request there has its answer.
func TestWireTakesWhatIsLeft(t *testing.T) {
	stalls := make(chan struct{})
	s := serveRaw(t, func(w io.Writer, _ *http.Request) bool {
		<-stalls
		io.WriteString(w, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")
		return true
	})
	var dials atomic.Int64
	ended, end := context.WithCancel(context.Background())
	w := newWire(&http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if dials.Add(1) == 2 {
			close(stalls)
			<-ended.Done()
			return nil, ended.Err()
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}})
	defer end()
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if _, data, err := get(context.Background(), w, s.url); err != nil || string(data) != "abc" {
				t.Errorf("%q, %v", data, err)
			}
		})
	}
	both.Wait()
	if c, r := s.connections.Load(), s.requests.Load(); c != 1 || r != 2 {
		t.Errorf("%d connections, %d requests", c, r)
	}
}

// TestWireEndsWithTheContext cancels before the answer, in its head and in its
// body. The connection is not used again.
func TestWireEndsWithTheContext(t *testing.T) {
	const answer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"
	for _, sent := range []int{0, 10, len(answer) - 2} {
		ctx, cancel := context.WithCancel(context.Background())
		s := serveRaw(t, func(w io.Writer, _ *http.Request) bool {
			io.WriteString(w, answer[:sent])
			cancel()
			return true
		})
		w := newWire(&http.Transport{})
		if _, _, err := get(ctx, w, s.url); !errors.Is(err, context.Canceled) {
			t.Errorf("%d bytes sent: %v", sent, err)
		}
		if len(w.hosts) != 1 {
			t.Fatal(w.hosts)
		}
		for _, h := range w.hosts {
			if len(h.idle) != 0 {
				t.Errorf("%d bytes sent: the connection is kept", sent)
			}
		}
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := get(ended, newWire(&http.Transport{}), "http://127.0.0.1:1/"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestWireLeavesTheRestToTransport: a proxy, and bytes that would end a header.
func TestWireLeavesTheRestToTransport(t *testing.T) {
	proxy := serveRaw(t, func(w io.Writer, r *http.Request) bool {
		if r.Host != "logs.example" {
			t.Errorf("the proxy was asked for %s", r.Host)
		}
		io.WriteString(w, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")
		return true
	})
	through, _ := url.Parse(proxy.url)
	usual := &http.Transport{Proxy: http.ProxyURL(through)}
	defer usual.CloseIdleConnections()
	if _, data, err := get(context.Background(), newWire(usual), "http://logs.example/"); err != nil || string(data) != "abc" {
		t.Errorf("%q, %v", data, err)
	}

	s := serveRaw(t, func(w io.Writer, r *http.Request) bool {
		io.WriteString(w, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		return true
	})
	for name, value := range map[string]string{"If-Match": "\"e\r\nX-More: 1\"", "User-Agent": "why403/\x00"} {
		u, _ := url.Parse(s.url)
		r := newRequest(context.Background(), u, "")
		r.Header.Set(name, value)
		if a, err := newWire(new(http.Transport)).RoundTrip(r); err == nil || s.requests.Load() > 0 {
			t.Errorf("%q was sent: %v", value, a)
		}
	}
}

func TestWireOverTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Proto, " ", r.TLS.ServerName)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
	}
	trusting := newWire(&http.Transport{DialContext: dial, TLSClientConfig: &tls.Config{RootCAs: roots, NextProtos: []string{"h2"}}})
	for range 2 {
		if _, data, err := get(context.Background(), trusting, "https://example.com/"); err != nil || string(data) != "HTTP/1.1 example.com" {
			t.Errorf("%q, %v", data, err)
		}
	}
	for _, h := range trusting.hosts {
		if len(h.idle) != 1 {
			t.Errorf("%d connections kept", len(h.idle))
		}
		h.idle[0].conn.Close()
	}
	var unknown x509.UnknownAuthorityError
	if _, _, err := get(context.Background(), newWire(&http.Transport{DialContext: dial}), "https://example.com/"); !errors.As(err, &unknown) {
		t.Error(err)
	}
	var name x509.HostnameError
	wrong := newWire(&http.Transport{DialContext: dial, TLSClientConfig: &tls.Config{RootCAs: roots}})
	if _, _, err := get(context.Background(), wrong, "https://localhost/"); !errors.As(err, &name) {
		t.Error(err)
	}
}

// FuzzPlainAnswer: what plainAnswer takes, http.ReadResponse reads the same.
func FuzzPlainAnswer(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nETag: \"e\"\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 206\r\ncontent-length:3\r\nConnection: close, x\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nETag: e\r\n f\r\n\r\n"))
	f.Fuzz(func(t *testing.T, head []byte) {
		if n := headEnd(head); n < 0 {
			return
		} else {
			head = head[:n]
		}
		got := plainAnswer(head)
		if got == nil {
			return
		}
		in := bufio.NewReader(bytes.NewReader(head))
		want, err := http.ReadResponse(in, nil)
		if err != nil || in.Buffered() > 0 {
			t.Fatalf("%q: %v, %d bytes left", head, err, in.Buffered())
		}
		if got.StatusCode != want.StatusCode || got.ContentLength != want.ContentLength || len(want.TransferEncoding) > 0 || want.Close && !got.Close {
			t.Errorf("%q: %+v, want %+v", head, got, want)
		}
		for _, field := range answerFields {
			if got.Header.Get(field.name) != want.Header.Get(field.name) {
				t.Errorf("%q: %s is %q, want %q", head, field.name, got.Header.Get(field.name), want.Header.Get(field.name))
			}
		}
	})
}
