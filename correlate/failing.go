package correlate

import "github.com/why403/why403/internal/spill"

// Access says by which way S3 was asked for the object.
type Access string

// The ways of access, as the JSON report names them.
const (
	AccessWebsite   Access = "website"   // website endpoint: always anonymous
	AccessOAC       Access = "oac"       // REST, signed by origin access control
	AccessOAI       Access = "oai"       // REST, signed as an origin access identity
	AccessAnonymous Access = "anonymous" // REST, unsigned
	AccessIAM       Access = "iam"       // REST, signed by an IAM principal
	AccessUnknown   Access = "unknown"
)

// A Result is what the logs say about failing requests. It is read-only: keys
// share parts. The lists are
// sorted worst first: by requests (CloudFront's lines plus S3 lines that no
// CloudFront line explains), then bucket, key and distribution.
type Result struct {
	Keys   *List[FailingKey]  // asked for through CloudFront, refused by S3
	Direct *List[FailingKey]  // refused only for clients that came to S3 past CloudFront
	Edge   *List[EdgeFailure] // refused at the edge: S3 never saw the request

	mem *spill.Memory // of the lists

	// Rest counts the failing keys beyond Options.MaxKeys, by distribution and
	// bucket.
	Rest []Rest

	Duplicates int64           // lines delivered twice, removed
	Own        int64           // lines of our own requests, dropped
	Coverage   Coverage        // which logs are at hand
	Pairs      []Pair          // joined lines; only kept when Options.KeepPairs
	Rewrites   []Rewrite       // path rewrites learnt from pairs
	Noise      Noise           // scanner requests, folded
	Patterns   []Pattern       // what failing keys have in common
	Locations  []LocationCount // edge locations of failing requests
	Passed     []PassedGroup   // what was served, by traits; for Patterns
	Forbidden  ForbiddenTotals // for the summary
}

// Rest is a number of failing keys that are only counted.
type Rest struct {
	Distribution, Bucket string
	Keys, Requests       int64
}

// ForbiddenTotals counts the 403s by where they were seen.
type ForbiddenTotals struct{ CloudFront, S3, Direct int64 }

// A LocationCount is a number of failing CloudFront lines of one edge location:
// of a bucket's keys, or (Edge) of what the edge refused.
type LocationCount struct {
	Distribution, Bucket string
	Edge                 bool
	Location             string
	Count                int64
}

// A PassedGroup is a number of distinct paths (or, with a Bucket, of keys that
// CloudFront fetched) that were served and share the traits that Patterns looks
// at.
type PassedGroup struct {
	Distribution, Bucket string
	Prefix               string // first folders, at most two
	Extension            string // with the dot
	Slash                bool   // ends with a slash, or is empty
	Odd                  bool   // has bytes beyond RFC 3986's unreserved ones and the slash
	Double               bool   // has a doubled or leading slash
	Upper                bool   // has capitals
	Count                int64
}

// Coverage says what the logs at hand can prove by their absence.
type Coverage struct {
	Edge, Origin, Firewall bool            // a log of this kind was read
	Buckets                map[string]Span // by bucket: first and last S3 line of any status
	Distributions          map[string]Span // by distribution: first and last CloudFront line
}

// A Span is a span of time in Unix ms, both ends included.
type Span struct{ First, Last int64 }

// A FailingKey is one object that requests failed for: one distribution (""
// for direct access), bucket and key.
//
// Key "" is the bucket itself: "/" without a default root object, which S3 logs
// as REST.GET.BUCKET without a key.
type FailingKey struct {
	Distribution string
	Bucket       string // or an access point's alias; "" unknown
	Key          string // exact bytes, decoded
	KeyKnown     KeySource
	Access       Access

	OriginID    string // origin that served the path, "" if unknown
	PathPattern string // behavior that matched, "" if unknown

	URIs     []string // viewer paths as CloudFront logged them (percent-encoded), most frequent first, at most MaxURIs
	Requests Requests
	Viewers  int64 // approximate number of distinct client addresses
	Referred int64 // CloudFront's lines whose Referer is the site itself

	First, Last int64 // first and last 403, Unix ms

	// OKBefore and OKAfter are the last success before First and the first one
	// after Last, 0 if none was seen. LastOK is the last success of all.
	OKBefore, OKAfter, LastOK int64
	// OKByACL is the last success before First that S3 let pass for an ACL alone
	// (aclRequired Yes), 0 if none was seen.
	OKByACL int64
	// Deleted is the last deletion of the key before Last, by request or lifecycle
	// rule, 0 if none was seen. The key may have been missing before, and come back.
	Deleted int64

	Edge    []EdgeClass   // the kinds of CloudFront lines, most frequent first
	Origin  []OriginClass // the kinds of S3 lines, most frequent first
	Join    JoinCounts
	Samples []Sample // at most MaxSamples, earliest first; none beyond Options.Detailed

	Resolution []string    // steps from path to key, one short sentence each; none beyond Options.Detailed
	Notes      []string    // what the logs show beside: masked statuses, failover, forwarded agents
	Rewrite    *Rewrite    // set when a function changes paths of this behavior
	Hours      []HourCount // 403s by hour, sorted
	Noise      bool        // looks like a scanner's request
	Pattern    []string    // ids of the Patterns of its group that it follows
}

// KeySource says how the key is known.
type KeySource string

// Where a key is from.
const (
	KeyLogged   KeySource = "logged"   // from the S3 line
	KeyResolved KeySource = "resolved" // from the path and the distribution's settings
	KeyLearnt   KeySource = "learnt"   // from the path, as other pairs map it
	KeyGuessed  KeySource = "guessed"  // path without its slash: nothing else is known
)

// Requests counts failing requests: CloudFront's lines, S3 lines that are
// CloudFront's fetches, S3 lines of other clients.
type Requests struct{ CloudFront, S3, Direct int64 }

// An EdgeFailure is one viewer path that CloudFront refused by itself.
type EdgeFailure struct {
	Distribution string
	URI          string // as logged (percent-encoded), without the query
	Requests     int64
	Viewers      int64
	First, Last  int64
	LastOK       int64
	Edge         []EdgeClass
	Firewall     []FirewallClass // WAF records with the same request id
	Samples      []Sample
	Hours        []HourCount
	PathPattern  string
	OriginID     string
	Noise        bool
	// Reason tells why no S3 line belongs to it.
	Reason   NoOriginReason
	Referred int64 // lines whose Referer is the site itself
	// Bucket and Key name the object that the path leads to, if the origin is
	// S3. When Reason is NoOriginCached they point at the failing key whose
	// refusal was served again.
	Bucket, Key string
}

// NoOriginReason says why a CloudFront 403 has no S3 line.
type NoOriginReason string

// The reasons.
const (
	NoOriginEdge         NoOriginReason = "edge"          // the line itself shows that the edge made it
	NoOriginCached       NoOriginReason = "cached"        // an S3 403 for the key shortly before
	NoOriginCollapsed    NoOriginReason = "collapsed"     // another viewer's request in flight fetched it; counted with the key
	NoOriginNotDelivered NoOriginReason = "not-delivered" // the S3 log does not reach that time yet; counted with the key
	NoOriginNoLog        NoOriginReason = "no-log"        // no S3 log of that bucket at hand; counted with the key
	NoOriginNotS3        NoOriginReason = "not-s3"        // the origin is not S3
	NoOriginUnknown      NoOriginReason = "unknown"
)

// JoinCounts says how many CloudFront lines of a key found their S3 line. Cached
// lines are no Requests of the key: they are an EdgeFailure that points at it.
type JoinCounts struct {
	Joined       int64 // CloudFront lines with an S3 line in their window
	Masked       int64 // of the joined: the viewer saw another status than S3's (custom error response)
	Cached       int64 // without one, served from the error cache
	Collapsed    int64 // without one, another request in flight fetched it
	NotDelivered int64 // without one, and the S3 log does not reach so far
	NoLog        int64 // without one, and no S3 log of the bucket is at hand
	Unexplained  int64 // without one, for no reason seen
	OriginOnly   int64 // S3 fetches of CloudFront's with no CloudFront 403 (masked, failover, late log)
}

// An EdgeClass is one kind of CloudFront line: the fields that tell who refused.
type EdgeClass struct {
	Count          int64
	Status         int
	Method         string
	Protocol       string // viewer side: http, https, …
	Host           string // the viewer's Host
	Result         string
	ResponseResult string
	DetailedResult string
	ContentType    string
	ContentLength  int64 // -1 unknown
	OriginAsked    Tri   // by origin-fbl
	HasQuery       bool
	SignedQuery    bool // has CloudFront's signed-URL parameters
	PathPattern    string
}

// An OriginClass is one kind of S3 line.
type OriginClass struct {
	Count          int64
	Status         int
	ErrorCode      string
	Operation      string
	Requester      string // "" anonymous
	AuthType       string
	SignatureVer   string
	TLSVersion     string // "" for http
	HostHeader     string
	Referer        Secret // "" absent
	UserAgent      string
	AccessPointARN string
	ACLRequired    bool
	RawBytes       bool // the request target holds bytes outside printable ASCII
	Presigned      bool // the target holds signature parameters
	FromCloudFront bool
}

// A Secret is a value that must not be printed: it may be a Referer token. Its
// String method masks it.
type Secret string

// String returns a mask.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "(masked)"
}

// A FirewallClass is one kind of WAF record.
type FirewallClass struct {
	Count                                       int64
	Action, RuleID, RuleType, GroupRule, WebACL string
}

// Tri is a truth that may be unknown.
type Tri int8

// The three truths.
const (
	Unknown Tri = iota
	No
	Yes
)

// A LineRef says where a line stands.
type LineRef struct {
	Object string
	Line   int64
}

// A Sample is one failing request: CloudFront's line, S3's, or both when they
// were joined.
type Sample struct {
	Edge      *EdgeSample
	Origin    *OriginSample
	Ambiguous bool // several lines fit the window: "consistent with", not "is"
}

// An EdgeSample keeps of a CloudFront line what the checks and the report need.
type EdgeSample struct {
	Ref                         LineRef
	Time, TimeTaken             int64 // ms
	RequestID, Method, Protocol string
	Host, Location, Country     string
	ClientIP                    string // as logged; the report shortens it
	Stem, Query                 string // as logged; Query may hold signatures
	Status                      int
	Result, DetailedResult      string
	ContentType                 string
	RequestBytes                int64
	UserAgent                   string
	Cookie                      string // as logged; may hold secrets
}

// An OriginSample keeps of an S3 line what the checks and the report need.
type OriginSample struct {
	Ref                        LineRef
	Time                       int64 // ms
	RequestID, Operation       string
	RequestURI                 string // raw; its query may hold signatures
	Status                     int
	ErrorCode                  string
	BucketOwner                string
	RemoteIP, Requester        string
	Referer                    Secret
	UserAgent                  string
	SignatureVersion, AuthType string
	CipherSuite, TLSVersion    string
	HostHeader, AccessPointARN string
	VersionID                  string
	BytesSent                  int64
}

// A Pair is one CloudFront line and one S3 line of the same fetch.
type Pair struct {
	EdgeRequestID, OriginRequestID string
	Ambiguous                      bool
}

// A Rewrite is a change of path that a function makes before the origin is
// asked, learnt from pairs.
type Rewrite struct {
	Distribution, PathPattern string
	Pattern                   string // for example: "append index.html", "add prefix site/"
	Pairs                     int64  // pairs that follow it
	Function                  string // ARN or name when the settings show one
}

// Noise sums up scanner requests.
type Noise struct {
	Keys, Requests int64
	Examples       []string
}

// An HourCount is a number of 403s in the hour that begins at Hour (Unix s).
type HourCount struct{ Hour, Count int64 }

// MaxURIs, MaxSamples and MaxClasses bound what is kept for each key.
const (
	MaxURIs    = 5
	MaxSamples = 3
	MaxClasses = 50 // EdgeClasses and OriginClasses, the most frequent
)
