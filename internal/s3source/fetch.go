package s3source

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/why403/why403/internal/awsx"
	"github.com/why403/why403/logs"
)

// The hot path of a scan is one GET for each of many small objects. The SDK's
// GetObject spends two thirds of its time in what a log object does not need:
// the middleware stack, checksum validation, the retry token bucket, tracing.
// Kept of the SDK: credentials (with refresh), endpoint resolution, TLS and
// proxy settings (AWS_CA_BUNDLE), and its rules on what to try again. Done here:
// Signature Version 4 with the day's key kept (sign.go), plain requests of HTTP/1.1
// without the goroutines of net/http (wire.go), and going on where a body broke off.

const (
	attempts   = 5
	stallAfter = 30 * time.Second
	slowest    = 32 << 10 // bytes a second
	firstPause = 50 * time.Millisecond
	maxPause   = 5 * time.Second
)

// errBusy marks errors of a server that wants fewer requests.
var errBusy = errors.New("the server is busy")

type busyError struct{ error }

func (e busyError) Unwrap() error        { return e.error }
func (e busyError) Is(target error) bool { return target == errBusy }

type fetcher struct {
	c      *awsx.Clients
	bucket string
	region func(context.Context) (string, error)
	client *http.Client
	agent  []string
	stall  time.Duration // without a byte

	mu     sync.Mutex
	target *target
}

// A target is where a bucket's objects are.
type target struct {
	root   *url.URL // its path ends at a slash, and the key follows
	region string   // that signatures name
}

func newFetcher(c *awsx.Clients, bucket string, region func(context.Context) (string, error)) *fetcher {
	t := c.Transport()
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, gateMax
	t.ForceAttemptHTTP2 = false
	t.DisableCompression = true // logs are packed as they are
	t.ReadBufferSize = 32 << 10
	return &fetcher{c: c, bucket: bucket, region: region, agent: []string{c.UserAgent()}, stall: c.Wait(stallAfter), client: &http.Client{
		Transport:     newWire(t),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// at returns where the bucket is. moved is the Region that an answer named.
func (f *fetcher) at(ctx context.Context, moved string) (*target, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.target != nil && (moved == "" || moved == f.target.region) {
		return f.target, nil
	}
	region := moved
	if region == "" {
		var err error
		if region, err = f.region(ctx); err != nil {
			return nil, err
		}
	}
	o := f.c.S3(region).Options()
	e, err := s3.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, s3.EndpointParameters{
		Bucket: &f.bucket, Region: &region, Endpoint: o.BaseEndpoint, ForcePathStyle: &o.UsePathStyle,
		UseFIPS:      new(o.EndpointOptions.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled),
		UseDualStack: new(o.EndpointOptions.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled),
		Accelerate:   &o.UseAccelerate,
	})
	if err != nil {
		return nil, fmt.Errorf("s3://%s: %w", f.bucket, err)
	}
	root := e.URI
	root.Path, root.RawPath = strings.TrimSuffix(root.Path, "/")+"/", ""
	f.target = &target{root: &root, region: region}
	return f.target, nil
}

// open begins to read an object.
func (f *fetcher) open(ctx context.Context, key string, o *logs.Object) (*body, error) {
	b := &body{f: f, ctx: ctx, key: key, uri: printable(o.URI), etag: o.ETag, listed: o.Size, size: -1}
	limit := f.c.Wait(2 * stallAfter)
	if o.Size > 0 {
		limit += time.Duration(o.Size/slowest) * time.Second
	}
	b.ctx, b.cancel = context.WithTimeoutCause(ctx, limit, fmt.Errorf("not read within %s", limit))
	if err := b.get(); err != nil {
		b.cancel()
		return nil, err
	}
	f.c.Count("s3:GetObject", 1)
	return b, nil
}

// printable returns a URI as messages show it: what could steer a terminal is
// escaped.
func printable(uri string) string {
	q := strconv.Quote(uri)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}

// A body is an object's bytes. It takes up a read that broke off where it ended.
type body struct {
	f      *fetcher
	ctx    context.Context // of the whole object
	cancel context.CancelFunc
	key    string
	uri    string
	etag   string
	listed int64 // bytes that the listing says the object of etag has, 0 if unknown
	at     int64 // bytes read
	size   int64 // bytes that the object has, -1 if the server did not say
	tries  int   // that failed since the last byte
	err    error // that ended the read
	busy   bool
	closed func(busy bool)

	response *http.Response
	watch    *time.Timer // ends the request when nothing comes
	stop     context.CancelFunc
}

func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.read(p)
	if err != nil {
		b.err = err
	}
	return n, err
}

func (b *body) read(p []byte) (int, error) {
	for {
		n, err := b.response.Body.Read(p)
		b.at += int64(n)
		if n > 0 {
			b.tries = 0
			b.watch.Reset(b.f.stall)
		}
		if err == nil || err == io.EOF && (b.size < 0 || b.at == b.size) {
			return n, err
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if b.at > b.size && b.size >= 0 {
			return n, fmt.Errorf("%s: the server sent more than it said", b.uri)
		}
		// Broken off: what was read is good.
		b.drop()
		if err := b.again(b.broken(err)); err != nil {
			return n, err
		}
		if err := b.get(); err != nil {
			return n, err
		}
		if n > 0 {
			return n, nil
		}
	}
}

// Close ends the read.
func (b *body) Close() error {
	if b.response != nil {
		// What little is left keeps the connection.
		if left := b.size - b.at; left == 0 {
			_, _ = b.response.Body.Read(make([]byte, 1))
		}
		b.drop()
	}
	b.cancel()
	if b.closed != nil {
		b.closed(b.busy)
		b.closed = nil
	}
	return nil
}

func (b *body) drop() {
	if b.response != nil {
		b.watch.Stop()
		b.response.Body.Close()
		b.stop()
		b.response = nil
	}
}

// broken says in a few words why a request or its answer broke off.
func (b *body) broken(err error) error {
	if b.ctx.Err() != nil {
		return context.Cause(b.ctx)
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("no byte within %s", b.f.stall)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("the connection broke off")
	}
	return err
}

// again waits before another attempt. Its error is the one to give up with.
func (b *body) again(why error) error {
	b.tries++
	if b.ctx.Err() != nil {
		return fmt.Errorf("%s: %w", b.uri, context.Cause(b.ctx))
	}
	if b.tries >= attempts {
		return fmt.Errorf("%s: %w (after %d attempts)", b.uri, why, attempts)
	}
	pause := min(maxPause, firstPause<<(2*(b.tries-1)))
	pause = b.f.c.Wait(pause/2 + rand.N(pause))
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-b.ctx.Done():
		return fmt.Errorf("%s: %w", b.uri, context.Cause(b.ctx))
	}
}

// get asks for the object from where the read stands.
func (b *body) get() error {
	moved, refreshed := "", false
	for {
		t, err := b.f.at(b.ctx, moved)
		if err != nil {
			return err
		}
		failure := b.once(t)
		if failure == nil {
			return nil
		}
		var s *statusError
		if errors.As(failure, &s) {
			switch {
			case s.region != "" && s.region != t.region && moved == "":
				moved = s.region
				continue
			case s.expired() && !refreshed:
				refreshed = true
				b.f.c.RefreshCredentials()
				continue
			case !s.temporary():
				return s.give(b.uri)
			}
			b.busy = b.busy || s.slow()
		}
		if err := b.again(failure); err != nil {
			if b.busy {
				err = busyError{err}
			}
			return err
		}
	}
}

// once makes one request.
func (b *body) once(t *target) error {
	ctx, stop := context.WithCancel(b.ctx)
	r := newRequest(ctx, t.root, b.key)
	r.Header["User-Agent"] = b.f.agent
	if b.at > 0 {
		r.Header.Set("Range", "bytes="+strconv.FormatInt(b.at, 10)+"-")
		if b.etag != "" {
			r.Header.Set("If-Match", `"`+b.etag+`"`)
		}
	}
	if payer := b.f.c.RequestPayer(); payer != "" {
		r.Header.Set("X-Amz-Request-Payer", string(payer))
	}
	credentials, err := b.f.c.Credentials(ctx)
	if err != nil {
		stop()
		return err
	}
	begin := time.Now()
	sign(r, credentials, t.region, begin)
	watch := time.AfterFunc(b.f.stall, stop)
	response, err := b.f.client.Do(r)
	if b.f.c.Logs() {
		b.tell(t, response, err, time.Since(begin))
	}
	if err != nil {
		watch.Stop()
		stop()
		return b.broken(err)
	}
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusPartialContent {
		defer stop()
		defer watch.Stop()
		defer response.Body.Close()
		return newStatusError(response)
	}
	size := response.ContentLength
	if response.StatusCode == http.StatusPartialContent {
		if !strings.HasPrefix(response.Header.Get("Content-Range"), "bytes "+strconv.FormatInt(b.at, 10)+"-") {
			watch.Stop()
			response.Body.Close()
			stop()
			return errors.New("the server sent another part than was asked for")
		}
		if size >= 0 {
			size += b.at
		}
	} else if b.at > 0 {
		// It ignores ranges: read again what is read already.
		if _, err := io.CopyN(io.Discard, response.Body, b.at); err != nil {
			watch.Stop()
			response.Body.Close()
			stop()
			return b.broken(err)
		}
	}
	if got := strings.Trim(response.Header.Get("ETag"), `"`); b.listed > 0 && (got == "" || got == b.etag) {
		if size < 0 {
			size = b.listed
		}
		if size != b.listed {
			watch.Stop()
			response.Body.Close()
			stop()
			return fmt.Errorf("the server sends %d bytes of an object of %d", size, b.listed)
		}
	}
	if b.etag == "" {
		b.etag = strings.Trim(response.Header.Get("ETag"), `"`)
	}
	b.size, b.response, b.watch, b.stop = size, response, watch, stop
	return nil
}

// tell logs a request, to the answer's header.
func (b *body) tell(t *target, response *http.Response, err error, took time.Duration) {
	a := awsx.Attempt{Service: "S3", Operation: "GetObject", Region: t.region, Attempt: b.tries + 1, Duration: took}
	if err != nil {
		a.Err = b.broken(err).Error()
	} else {
		a.Status, a.RequestID = response.StatusCode, response.Header.Get("X-Amz-Request-Id")
	}
	b.f.c.LogAttempt(b.ctx, a)
}

// newRequest returns the request for a key below root, each of its bytes as it
// is.
func newRequest(ctx context.Context, root *url.URL, key string) *http.Request {
	u := *root
	u.Path, u.RawPath = root.Path+key, root.EscapedPath()+escapeKey(key)
	r := &http.Request{Method: http.MethodGet, URL: &u, Host: u.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: make(http.Header, 8)}
	return r.WithContext(ctx)
}

// A statusError is an answer that is an error.
type statusError struct {
	status        int
	code, message string
	region        string // where the bucket is
}

func newStatusError(r *http.Response) *statusError {
	e := &statusError{status: r.StatusCode}
	var doc struct{ Code, Message, Region string }
	data, _ := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if xml.Unmarshal(data, &doc) == nil {
		e.code, e.message, e.region = doc.Code, doc.Message, doc.Region
	}
	if h := r.Header.Get("X-Amz-Bucket-Region"); h != "" {
		e.region = h
	}
	switch r.StatusCode {
	case http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusBadRequest:
	default:
		e.region = ""
	}
	return e
}

func (e *statusError) Error() string {
	if e.code == "" {
		return fmt.Sprintf("status %d", e.status)
	}
	return e.code
}

// temporary reports whether another attempt may succeed: the SDK's rules.
func (e *statusError) temporary() bool {
	switch e.status {
	case 408, 429, 500, 502, 503, 504:
		return true
	}
	return e.code == "RequestTimeout" || e.code == "RequestTimeoutException" || e.slow()
}

func (e *statusError) slow() bool {
	switch e.code {
	case "SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException", "BandwidthLimitExceeded":
		return true
	}
	return e.status == 503 || e.status == 429
}

func (e *statusError) expired() bool {
	return e.code == "ExpiredToken" || e.code == "ExpiredTokenException" || e.code == "TokenRefreshRequired" || e.code == "RequestExpired"
}

// give returns the error that names the object.
func (e *statusError) give(uri string) error {
	switch {
	case e.code == "NoSuchKey" || e.status == http.StatusNotFound:
		return fmt.Errorf("%s: the object went away: %w", uri, fs.ErrNotExist)
	case e.status == http.StatusPreconditionFailed:
		return fmt.Errorf("%s: the object changed while it was read", uri)
	case e.code == "InvalidObjectState":
		return fmt.Errorf("%s: the object is archived and must be restored first", uri)
	case e.expired():
		return &awsx.Error{What: uri + ": the AWS credentials have expired", Hint: "get new credentials and run why403 again"}
	case e.code == "RequestTimeTooSkewed":
		return &awsx.Error{What: uri + ": this machine's clock is wrong", Hint: "set the clock: AWS takes requests within 15 minutes of its own"}
	case e.status == http.StatusForbidden:
		return &awsx.Error{What: fmt.Sprintf("%s: not allowed to read (%s)", uri, e), Hint: "the run needs s3:GetObject on the log bucket, and kms:Decrypt if its objects are encrypted with a KMS key"}
	}
	if e.message != "" {
		return fmt.Errorf("%s: %s: %s", uri, e, e.message)
	}
	return fmt.Errorf("%s: %s", uri, e)
}
