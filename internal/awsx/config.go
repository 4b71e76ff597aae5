package awsx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/s3control"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	"github.com/aws/smithy-go/logging"

	"github.com/why403/why403/internal/gather"
)

// Config says how AWS is reached. The zero value uses the SDK's default chain
// for everything.
type Config struct {
	Profile     string // shared configuration profile, "" for the default
	Region      string // home Region, "" for the environment's and the profile's
	EndpointURL string // S3 endpoint, "" for AWS or the environment's
	// RequestPayer says that the caller pays for reading log buckets that make
	// the requester pay.
	RequestPayer bool
	Version      string // of why403, for the user agent
	Log          *slog.Logger

	MaxCalls int     // calls that Answers may make, 0: no limit
	Rate     float64 // calls a second that Answers may make, 0: 50

	// Dial connects every host to one place, in the clear, and leaves endpoint
	// logic as it is in production. For tests only.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Tempo divides every wait: time limits, and pauses between attempts. 0: 1.
	// For tests only.
	Tempo float64
}

// callTimeout bounds one attempt of one call, askTimeout all attempts.
const (
	callTimeout = 30 * time.Second
	askTimeout  = 2 * time.Minute
	maxAttempts = 5
)

// Wait returns a time limit or pause at the configured tempo.
func (o *Config) Wait(d time.Duration) time.Duration {
	if o.Tempo > 0 {
		d = time.Duration(float64(d) / o.Tempo)
	}
	return d
}

// retryer returns the SDK's adaptive retryer, which also takes up an answer that
// broke off: the SDK itself gives up on one that it can't decode.
func (o *Config) retryer() aws.Retryer {
	return retry.NewAdaptiveMode(func(a *retry.AdaptiveModeOptions) {
		a.StandardOptions = append(a.StandardOptions, func(s *retry.StandardOptions) {
			s.MaxAttempts, s.MaxBackoff = maxAttempts, o.Wait(retry.DefaultMaxBackoff)
			s.Retryables = append(s.Retryables, retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
				if brokenOff(err) {
					return aws.TrueTernary
				}
				return aws.UnknownTernary
			}))
		})
	})
}

// Clients builds AWS clients, each once. It is safe for concurrent use.
type Clients struct {
	cfg      aws.Config
	o        Config
	meter    *meter
	asked    chan struct{} // closed when missing is known
	ask      sync.Once
	missing  error // why there are no credentials, nil if there are
	mu       sync.Mutex
	s3       map[string]*s3.Client
	kms      map[string]*kms.Client
	logs     map[string]*cloudwatchlogs.Client
	http     aws.HTTPClient // as configured, CA bundle and all
	buckets  map[string]*located
	expected map[string]string // Regions of buckets, as they were told

	caller struct {
		sync.Mutex
		out *sts.GetCallerIdentityOutput
	}
}

// Open prepares clients. It asks nothing of AWS, and needs no credentials
// before the first use.
func Open(ctx context.Context, o Config) (*Clients, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &Clients{o: o, meter: newMeter(o), s3: map[string]*s3.Client{}, kms: map[string]*kms.Client{}, logs: map[string]*cloudwatchlogs.Client{}, buckets: map[string]*located{}, expected: map[string]string{}, asked: make(chan struct{})}
	// A BuildableClient, not an http.Client: LoadDefaultConfig fails on any
	// other when AWS_CA_BUNDLE is set.
	client := awshttp.NewBuildableClient().WithTimeout(o.Wait(callTimeout)).WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost = 32
		if o.Dial != nil {
			t.Proxy, t.DialContext, t.DialTLSContext = nil, o.Dial, o.Dial
		}
	})
	load := []func(*config.LoadOptions) error{
		config.WithHTTPClient(client),
		config.WithRetryer(o.retryer),
		config.WithLogger(sdkLog{o.Log}),
		config.WithAPIOptions(append(c.meter.options(), callLog(o.Log), awsmiddleware.AddUserAgentKeyValue("why403", version(o.Version)))),
	}
	if o.Profile != "" {
		load = append(load, config.WithSharedConfigProfile(o.Profile))
	}
	if o.Region != "" {
		load = append(load, config.WithRegion(o.Region))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		var profile config.SharedConfigProfileNotExistError
		if errors.As(err, &profile) {
			return nil, &Error{What: fmt.Sprintf("there is no profile %q", profile.Profile), Hint: "aws configure list-profiles shows those that there are", Err: err}
		}
		return nil, &Error{What: "can't read the AWS configuration: " + plain(err), Err: err}
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1" // buckets tell their own Region, the rest is global
	}
	c.http, cfg.HTTPClient = cfg.HTTPClient, PlainBodies(cfg.HTTPClient)
	c.cfg = cfg
	return c, nil
}

// PlainBodies returns a client whose request bodies can only be read. The SDK closes
// a body when the answer comes, and the transport may then still be looking for its
// end: by the body's WriteTo (smithy-go 1.28.9) it gets an error, and closes the
// connection before the answer is read; by Read it gets the end.
func PlainBodies(c aws.HTTPClient) aws.HTTPClient { return plainBodies{c} }

type plainBodies struct{ client aws.HTTPClient }

func (p plainBodies) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return p.client.Do(r)
}

func version(v string) string {
	if v == "" {
		return "devel"
	}
	return v
}

// ready reports whether there are credentials at all. They are looked for once.
func (c *Clients) ready(ctx context.Context) error {
	c.ask.Do(func() {
		go func() {
			defer close(c.asked)
			ctx, cancel := context.WithTimeout(context.Background(), c.o.Wait(callTimeout))
			defer cancel()
			if _, err := c.cfg.Credentials.Retrieve(ctx); err != nil {
				c.missing = unavailable(noCredentials(err), "set AWS_PROFILE, run aws sso login or aws configure, or pass --profile; with --snapshot no credentials are needed", err)
			}
		}()
	})
	select {
	case <-c.asked:
		return c.missing
	case <-ctx.Done():
		return ctx.Err()
	}
}

// noCredentials says that there are none, and why: not that the chain has come to
// its end at EC2's metadata service, which is what most machines lack.
func noCredentials(err error) string {
	const none = "no AWS credentials found"
	if strings.Contains(err.Error(), "no EC2 IMDS role found") {
		return none
	}
	return none + ": " + plain(err)
}

// Ready reports whether there are credentials. Its error matches
// gather.ErrUnavailable.
func (c *Clients) Ready(ctx context.Context) error { return c.ready(ctx) }

// identity asks who the run is, once.
func (c *Clients) identity(ctx context.Context) (*sts.GetCallerIdentityOutput, error) {
	c.caller.Lock()
	defer c.caller.Unlock()
	if c.caller.out != nil {
		return c.caller.out, nil
	}
	out, err := sts.NewFromConfig(c.cfg).GetCallerIdentity(ctx, nil)
	if err == nil {
		c.caller.out = out
	}
	return out, err
}

// Region returns the home Region.
func (c *Clients) Region() string { return c.cfg.Region }

// Calls returns how often each operation was called, by its name as in
// "s3:GetBucketPolicy". The caller owns the map.
func (c *Clients) Calls() map[string]int64 { return c.meter.counts() }

// S3 returns the client for buckets of a Region.
func (c *Clients) S3(region string) *s3.Client {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.s3[region] == nil {
		c.s3[region] = s3.NewFromConfig(c.cfg, func(o *s3.Options) {
			o.Region = region
			if c.o.EndpointURL != "" {
				o.BaseEndpoint = &c.o.EndpointURL
			}
			o.DisableLogOutputChecksumValidationSkipped = true
			if !isAWS(o.BaseEndpoint) {
				// Other servers: no bucket in the host name, and no checksum
				// trailers, which they store with the body or refuse.
				o.UsePathStyle = true
				o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
				o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
			}
		})
	}
	return c.s3[region]
}

// isAWS says whether an endpoint is AWS's own; nil is the default one.
func isAWS(endpoint *string) bool {
	if endpoint == nil || *endpoint == "" {
		return true
	}
	u, err := url.Parse(*endpoint)
	if err != nil {
		return false
	}
	h := strings.ToLower(u.Hostname())
	for _, d := range []string{".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".amazonaws.eu"} {
		if strings.HasSuffix(h, d) {
			return true
		}
	}
	return false
}

// atAWS says whether S3 calls go to AWS itself.
func (c *Clients) atAWS() bool { return isAWS(c.S3(c.cfg.Region).Options().BaseEndpoint) }

// globalRegion is where the partition's global services answer.
func globalRegion(home string) string {
	switch {
	case strings.HasPrefix(home, "cn-"):
		return "cn-northwest-1"
	case strings.HasPrefix(home, "us-gov-"):
		return "us-gov-west-1"
	}
	return "us-east-1"
}

func (c *Clients) cloudfront() *cloudfront.Client {
	return cloudfront.NewFromConfig(c.cfg, func(o *cloudfront.Options) { o.Region = globalRegion(c.cfg.Region) })
}

func (c *Clients) organizations() *organizations.Client {
	return organizations.NewFromConfig(c.cfg, func(o *organizations.Options) { o.Region = globalRegion(c.cfg.Region) })
}

func (c *Clients) wafv2() *wafv2.Client {
	return wafv2.NewFromConfig(c.cfg, func(o *wafv2.Options) { o.Region = globalRegion(c.cfg.Region) })
}

// Athena returns the client for queries in the home Region.
func (c *Clients) Athena() *athena.Client { return athena.NewFromConfig(c.cfg) }

// Glue returns the client for the tables in the home Region.
func (c *Clients) Glue() *glue.Client { return glue.NewFromConfig(c.cfg) }

func (c *Clients) s3control() *s3control.Client { return s3control.NewFromConfig(c.cfg) }

func (c *Clients) kmsIn(region string) *kms.Client {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kms[region] == nil {
		c.kms[region] = kms.NewFromConfig(c.cfg, func(o *kms.Options) { o.Region = region })
	}
	return c.kms[region]
}

func (c *Clients) logsIn(region string) *cloudwatchlogs.Client {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.logs[region] == nil {
		c.logs[region] = cloudwatchlogs.NewFromConfig(c.cfg, func(o *cloudwatchlogs.Options) { o.Region = region })
	}
	return c.logs[region]
}

// located is what HeadBucket told about a bucket.
type located struct {
	once   sync.Once
	out    *s3.HeadBucketOutput
	err    error
	region string
}

// head asks HeadBucket, once for each bucket, in the bucket's own Region: a
// wrong one is answered with a redirect that names the right one.
func (c *Clients) head(ctx context.Context, bucket string) *located {
	c.mu.Lock()
	l := c.buckets[bucket]
	if l == nil {
		l = &located{region: cmp.Or(c.expected[bucket], c.cfg.Region)}
		c.buckets[bucket] = l
	}
	c.mu.Unlock()
	l.once.Do(func() {
		in := &s3.HeadBucketInput{Bucket: &bucket}
		l.out, l.err = c.S3(l.region).HeadBucket(ctx, in)
		told := regionOf(l.err)
		if told != "" && told != l.region && misdirected(l.err) {
			l.region = told
			l.out, l.err = c.S3(l.region).HeadBucket(ctx, in)
		}
		switch {
		case l.err == nil && aws.ToString(l.out.BucketRegion) != "":
			l.region = *l.out.BucketRegion
		case told != "":
			l.region = told
		}
	})
	return l
}

// BucketRegion returns the bucket's Region, or the home Region when the bucket
// does not tell it.
func (c *Clients) BucketRegion(ctx context.Context, bucket string) string {
	return c.head(ctx, bucket).region
}

// Head asks whether a bucket is there and may be listed. Its error is a
// gather.APIError or names why no answer came.
func (c *Clients) Head(ctx context.Context, bucket string) (region string, err error) {
	if err := c.ready(ctx); err != nil {
		return "", err
	}
	l := c.head(ctx, bucket)
	return l.region, answerError(l.err, c.atAWS())
}

// sdkLog hands the SDK's own messages to slog. Requests and responses are never
// among them: the SDK's wire logs stay off, they hold credentials.
type sdkLog struct{ log *slog.Logger }

func (l sdkLog) Logf(c logging.Classification, format string, v ...any) {
	level := slog.LevelDebug
	if c == logging.Warn {
		level = slog.LevelWarn
	}
	l.log.Log(context.Background(), level, "aws sdk: "+fmt.Sprintf(format, v...))
}

// An Error is a problem with a sentence for the user and a hint what to do.
type Error struct {
	What string
	Hint string // "" when there is none
	Err  error
}

func (e *Error) Error() string { return e.What }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// UserHint returns the hint.
func (e *Error) UserHint() string { return e.Hint }

// unavailable makes an error after which AWS need not be asked again.
func unavailable(what, hint string, err error) error {
	return &Error{What: what, Hint: hint, Err: errors.Join(gather.ErrUnavailable, err)}
}

// Transport returns a new transport with the TLS and proxy settings of the SDK's
// configuration (AWS_CA_BUNDLE, HTTPS_PROXY).
func (c *Clients) Transport() *http.Transport {
	if b, ok := c.http.(*awshttp.BuildableClient); ok {
		return b.GetTransport()
	}
	return http.DefaultTransport.(*http.Transport).Clone()
}

// Credentials returns the present credentials, refreshed when they are about to
// expire.
func (c *Clients) Credentials(ctx context.Context) (aws.Credentials, error) {
	v, err := c.cfg.Credentials.Retrieve(ctx)
	if err != nil && ctx.Err() == nil {
		if none := c.ready(ctx); none != nil {
			err = none
		}
	}
	return v, err
}

// RefreshCredentials makes the next use fetch credentials anew.
func (c *Clients) RefreshCredentials() {
	if cache, ok := c.cfg.Credentials.(*aws.CredentialsCache); ok {
		cache.Invalidate()
	}
}

// Wait returns a time limit or pause of requests that are made without the SDK,
// at the configured tempo.
func (c *Clients) Wait(d time.Duration) time.Duration { return c.o.Wait(d) }

// RequestPayer returns what the header x-amz-request-payer of requests for log
// buckets is to say, "" for none.
func (c *Clients) RequestPayer() s3types.RequestPayer {
	if c.o.RequestPayer {
		return s3types.RequestPayerRequester
	}
	return ""
}

// UserAgent returns the user agent of requests that are made without the SDK.
func (c *Clients) UserAgent() string { return "why403/" + version(c.o.Version) }

// Plain turns an error of the SDK into a gather.APIError, one that matches
// gather.ErrUnavailable, or a short sentence.
func (c *Clients) Plain(err error) error { return answerError(err, c.atAWS()) }
