package s3source

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"math"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// A wire is an http.RoundTripper for many small GETs over HTTP/1.1. It sends a
// request and reads its answer in the goroutine that asks, where http.Transport
// hands both to goroutines of the connection, and it takes of an answer's header
// what this package looks at. That halves what an object costs.
//
// The Transport gives the settings, and makes the requests that are not plain:
// through a proxy, to a host beyond ASCII, with odd bytes in a header. An answer
// that is no plain 200 or 206 with its length is read by http.ReadResponse.
type wire struct {
	*http.Transport

	mu    sync.Mutex
	hosts map[endpoint]*host
}

type endpoint struct{ scheme, host string }

// A host is where requests go.
type host struct {
	plain bool   // requests can be made here
	addr  string // host:port
	name  string // in certificates, "" without TLS

	mu      sync.Mutex
	idle    []*wireConn      // the last one used last
	waiting []chan *wireConn // of requests whose connection is being made, each with room for one
}

const (
	// idleFor is how long a connection is used again. Servers close theirs after
	// some seconds more.
	idleFor = 4 * time.Second
	// maxHead bounds the header of an answer that http.ReadResponse reads.
	maxHead = 1 << 20
)

func newWire(t *http.Transport) *wire { return &wire{Transport: t, hosts: map[endpoint]*host{}} }

// at returns the host that a request is for.
func (w *wire) at(r *http.Request) *host {
	at := endpoint{r.URL.Scheme, r.URL.Host}
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.hosts[at]
	if h == nil {
		h = w.newHost(r)
		w.hosts[at] = h
	}
	return h
}

func (w *wire) newHost(r *http.Request) *host {
	h := new(host)
	name, port := r.URL.Hostname(), r.URL.Port()
	switch r.URL.Scheme {
	case "http":
		h.addr = net.JoinHostPort(name, orPort(port, "80"))
	case "https":
		h.addr, h.name = net.JoinHostPort(name, orPort(port, "443")), name
	default:
		return h
	}
	_, ok := appendText(nil, r.URL.Host)
	h.plain = ok && name != "" && r.URL.User == nil && !strings.ContainsAny(r.URL.Host, " %")
	if h.plain && w.Proxy != nil {
		proxy, err := w.Proxy(r)
		h.plain = proxy == nil && err == nil
	}
	return h
}

func orPort(port, usual string) string {
	if port == "" {
		return usual
	}
	return port
}

// RoundTrip makes a request. Of a plain answer, the header has only the fields in
// answerFields.
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	h := w.at(r)
	if !h.plain || r.Method != http.MethodGet || r.Body != nil || r.Host != r.URL.Host {
		return w.Transport.RoundTrip(r)
	}
	ctx := r.Context()
	var err error
	for c := h.take(); ; c = nil {
		reused := c != nil
		if c == nil {
			c = new(wireConn)
		}
		ok := false
		if c.out, ok = appendRequest(c.out[:0], r); !ok {
			if reused {
				h.put(c)
			}
			return w.Transport.RoundTrip(r)
		}
		if !reused {
			head := c.out
			if c, reused, err = w.connect(ctx, h); err != nil {
				return nil, err
			}
			c.out = head
		}
		answer, err := c.roundTrip(r, h)
		if err == nil {
			return answer, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if !reused || c.got {
			return nil, err
		}
		// The server had closed a connection that it kept for a while.
	}
}

// connect returns a new connection, or one that another request has left while the
// new one was being made, be it for ever: the new one is left to others then.
func (w *wire) connect(ctx context.Context, h *host) (c *wireConn, reused bool, err error) {
	left := make(chan *wireConn, 1)
	h.mu.Lock()
	h.waiting = append(h.waiting, left)
	h.mu.Unlock()
	dialing, stop := context.WithCancel(context.WithoutCancel(ctx))
	var conn net.Conn
	dialed := make(chan error, 1)
	go func() {
		var err error
		conn, err = w.dial(dialing, h)
		dialed <- err
	}()
	select {
	case err = <-dialed:
		stop()
		if c = h.stopWaiting(left); c == nil && err == nil {
			return &wireConn{conn: conn}, false, nil
		}
		if c == nil {
			return nil, false, err
		}
		if err == nil {
			h.put(&wireConn{conn: conn})
		}
		return c, true, nil
	case c = <-left:
		go func() {
			defer stop()
			if <-dialed == nil {
				h.put(&wireConn{conn: conn})
			}
		}()
		return c, true, nil
	case <-ctx.Done():
		stop()
		if c = h.stopWaiting(left); c != nil {
			h.put(c)
		}
		go func() {
			if <-dialed == nil {
				conn.Close()
			}
		}()
		return nil, false, ctx.Err()
	}
}

// stopWaiting returns the connection that was left to a request meanwhile, nil if
// none was.
func (h *host) stopWaiting(left chan *wireConn) *wireConn {
	h.mu.Lock()
	defer h.mu.Unlock()
	if i := slices.Index(h.waiting, left); i >= 0 {
		h.waiting = slices.Delete(h.waiting, i, i+1)
		return nil
	}
	return <-left
}

func (w *wire) dial(ctx context.Context, h *host) (net.Conn, error) {
	if h.name != "" && w.DialTLSContext != nil {
		return w.DialTLSContext(ctx, "tcp", h.addr)
	}
	dial := w.DialContext
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, "tcp", h.addr)
	if err != nil || h.name == "" {
		return conn, err
	}
	settings := new(tls.Config)
	if w.TLSClientConfig != nil {
		settings = w.TLSClientConfig.Clone()
	}
	if settings.ServerName == "" {
		settings.ServerName = h.name
	}
	settings.NextProtos = []string{"http/1.1"}
	if w.TLSHandshakeTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, w.TLSHandshakeTimeout)
		defer cancel()
	}
	secure := tls.Client(conn, settings)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}

// take returns a connection that is idle, nil if there is none.
func (h *host) take() *wireConn {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := len(h.idle)
	if n == 0 {
		return nil
	}
	if c := h.idle[n-1]; time.Since(c.since) <= idleFor {
		h.idle[n-1] = nil
		h.idle = h.idle[:n-1]
		return c
	}
	for _, c := range h.idle { // the others are older
		c.conn.Close()
	}
	clear(h.idle)
	h.idle = h.idle[:0]
	return nil
}

func (h *host) put(c *wireConn) {
	c.since = time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.waiting) > 0 {
		h.waiting[0] <- c
		h.waiting = slices.Delete(h.waiting, 0, 1)
		return
	}
	h.idle = append(h.idle, c)
}

// appendRequest appends a request's head. ok is false if it is not plain.
func appendRequest(b []byte, r *http.Request) (_ []byte, ok bool) {
	b = append(b, "GET "...)
	at := len(b)
	if b, ok = appendText(b, r.URL.RequestURI()); !ok || bytes.IndexByte(b[at:], ' ') >= 0 {
		return b, false
	}
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, r.URL.Host...)
	for name, values := range r.Header {
		if len(values) != 1 {
			return b, false
		}
		b = append(b, "\r\n"...)
		b = append(b, name...)
		b = append(b, ": "...)
		if b, ok = appendText(b, values[0]); !ok {
			return b, false
		}
	}
	return append(b, "\r\n\r\n"...), true
}

// appendText appends printable ASCII and reports whether s is nothing else.
func appendText(b []byte, s string) ([]byte, bool) {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return b, false
		}
	}
	return append(b, s...), true
}

// A wireConn is a connection. It makes one request at a time.
type wireConn struct {
	conn  net.Conn
	since time.Time // when it became idle
	out   []byte    // a request's head
	got   bool      // a byte of the present answer came
	in    []byte    // bytes received and not given on yet, in buf
	buf   [4 << 10]byte
}

// past is a deadline that ends what a connection waits for.
var past = time.Unix(1, 0)

// roundTrip sends out and reads the head of the answer. After an error the
// connection is closed.
func (c *wireConn) roundTrip(r *http.Request, h *host) (*http.Response, error) {
	c.got = false
	stop := context.AfterFunc(r.Context(), func() { _ = c.conn.SetDeadline(past) })
	_, err := c.conn.Write(c.out)
	var answer *http.Response
	if err == nil {
		answer, err = c.head(r, &wireBody{host: h, conn: c, ctx: r.Context(), stop: stop})
	}
	if err != nil {
		stop()
		c.conn.Close()
		return nil, err
	}
	return answer, nil
}

// head reads the head of an answer.
func (c *wireConn) head(r *http.Request, body *wireBody) (*http.Response, error) {
	for n := 0; ; {
		k, err := c.conn.Read(c.buf[n:])
		n += k
		c.got = n > 0
		c.in = c.buf[:n]
		end := headEnd(c.in)
		if end < 0 && n < len(c.buf) {
			switch {
			case err == nil:
				continue
			case err == io.EOF && n > 0:
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		if end >= 0 {
			if answer := plainAnswer(c.in[:end]); answer != nil {
				c.in = c.in[end:]
				body.left = answer.ContentLength
				answer.Body, answer.Request = body, r
				body.closes = answer.Close
				return answer, nil
			}
		}
		return c.anyHead(r, body)
	}
}

// headEnd returns where the head of an answer ends, -1 if that is not there yet.
func headEnd(b []byte) int {
	if i := bytes.Index(b, []byte("\n\r\n")); i >= 0 {
		return i + 3
	}
	if i := bytes.Index(b, []byte("\n\n")); i >= 0 {
		return i + 2
	}
	return -1
}

// answerFields are the header fields that this package looks at, lower-case, and
// their names in an http.Header.
var answerFields = []struct{ lower, name string }{
	{"etag", "Etag"},
	{"content-range", "Content-Range"},
	{"x-amz-request-id", "X-Amz-Request-Id"},
	{"x-amz-bucket-region", "X-Amz-Bucket-Region"},
}

// plainAnswer parses the head of an answer of the most usual form: 200 or 206, its
// length in bytes, no transfer coding. It returns nil for any other.
func plainAnswer(head []byte) *http.Response {
	line, head, ok := cutHeadLine(head)
	if !ok || len(line) < 12 || string(line[:9]) != "HTTP/1.1 " || len(line) > 12 && line[12] != ' ' {
		return nil
	}
	a := &http.Response{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: -1, Header: make(http.Header, len(answerFields))}
	switch string(line[9:12]) {
	case "200":
		a.StatusCode, a.Status = http.StatusOK, "200 OK"
	case "206":
		a.StatusCode, a.Status = http.StatusPartialContent, "206 Partial Content"
	default:
		return nil
	}
	for {
		if line, head, ok = cutHeadLine(head); !ok {
			return nil
		}
		if len(line) == 0 {
			break
		}
		colon := bytes.IndexByte(line, ':')
		if colon <= 0 || !isPlainField(line, colon) {
			return nil
		}
		name, value := line[:colon], bytes.Trim(line[colon+1:], " \t")
		switch {
		case isField(name, "content-length"):
			n := int64(0)
			for _, c := range value {
				if c -= '0'; c > 9 {
					return nil
				}
				n = n*10 + int64(c)
			}
			if len(value) == 0 || len(value) > 18 || a.ContentLength >= 0 {
				return nil
			}
			a.ContentLength = n
		case isField(name, "transfer-encoding"):
			return nil
		case isField(name, "connection"):
			a.Close = a.Close || !strings.EqualFold(string(value), "keep-alive")
		default:
			for _, f := range answerFields {
				if isField(name, f.lower) {
					a.Header[f.name] = append(a.Header[f.name], string(value))
				}
			}
		}
	}
	if a.ContentLength < 0 {
		return nil
	}
	return a
}

// cutHeadLine cuts off a line that ends in CR LF.
func cutHeadLine(b []byte) (line, rest []byte, ok bool) {
	n := bytes.IndexByte(b, '\n')
	if n < 1 || b[n-1] != '\r' {
		return nil, nil, false
	}
	return b[:n-1], b[n+1:], true
}

// isPlainField reports whether a header line has a name of letters, digits and
// dashes before the colon, and no control characters.
func isPlainField(line []byte, colon int) bool {
	for i, c := range line {
		if i < colon && c|0x20-'a' > 25 && c-'0' > 9 && c != '-' || c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// isField reports whether name is the field lower in any case.
func isField(name []byte, lower string) bool {
	if len(name) != len(lower) {
		return false
	}
	for i, c := range name {
		if c-'A' <= 'Z'-'A' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// anyHead reads the head of an answer, of which in has the begin.
func (c *wireConn) anyHead(r *http.Request, body *wireBody) (*http.Response, error) {
	limited := &io.LimitedReader{R: io.MultiReader(bytes.NewReader(c.in), c.conn), N: maxHead}
	c.in = nil
	body.any = bufio.NewReader(limited)
	answer, err := http.ReadResponse(body.any, r)
	for range 5 { // 103 Early Hints and the like come before the answer
		if err != nil || answer.StatusCode >= 200 || answer.StatusCode == http.StatusSwitchingProtocols {
			break
		}
		answer, err = http.ReadResponse(body.any, r)
	}
	if err != nil {
		return nil, err
	}
	limited.N = math.MaxInt64
	body.text, body.closes = answer.Body, answer.Close
	answer.Body = body
	return answer, nil
}

// A wireBody is the body of an answer. Read to its end it leaves the connection
// to the next request.
type wireBody struct {
	host   *host
	conn   *wireConn // nil when it is done
	ctx    context.Context
	stop   func() bool // lets go of ctx
	closes bool        // the server closes the connection
	left   int64       // bytes to come

	// Of an answer that http.ReadResponse read, in place of left.
	text io.Reader
	any  *bufio.Reader
}

func (b *wireBody) Read(p []byte) (n int, err error) {
	c := b.conn
	if c == nil {
		return 0, io.EOF
	}
	switch {
	case b.text != nil:
		n, err = b.text.Read(p)
	case b.left == 0:
		err = io.EOF
	default:
		p = p[:min(int64(len(p)), b.left)]
		if n = copy(p, c.in); n > 0 {
			c.in = c.in[n:]
		} else if n, err = c.conn.Read(p); err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if b.left -= int64(n); b.left == 0 {
			err = io.EOF
		}
	}
	if err != nil {
		b.finish(err == io.EOF && !b.closes && len(c.in) == 0 && (b.any == nil || b.any.Buffered() == 0))
		if err != io.EOF && b.ctx.Err() != nil {
			err = b.ctx.Err()
		}
	}
	return n, err
}

// Close ends the body. What was not read of it costs the connection.
func (b *wireBody) Close() error {
	if b.conn != nil {
		b.finish(false)
	}
	return nil
}

// finish lets go of the connection. keep says that nothing of the answer is left
// in it.
func (b *wireBody) finish(keep bool) {
	c := b.conn
	b.conn = nil
	if !b.stop() || !keep {
		c.conn.Close()
		return
	}
	b.host.put(c)
}

var _ http.RoundTripper = (*wire)(nil)
