package correlate

// A Distribution is what a CloudFront distribution's settings say about the
// way from a viewer's path to an origin. ParseDistribution reads it from the
// answer of GetDistribution.
type Distribution struct {
	ID, ARN, DomainName string
	Status              string // Deployed, InProgress
	Enabled             bool
	Staging             bool
	Aliases             []string
	DefaultRootObject   string
	Origins             []Origin
	OriginGroups        []OriginGroup
	Behaviors           []Behavior // in order of precedence; the default one is last, its PathPattern "*"
	ErrorResponses      []ErrorResponse
	WebACLID            string
	GeoRestriction      GeoRestriction
	IPv6                bool
	LastModified        string // RFC 3339

	LogBucket, LogPrefix string // legacy standard logging, "" when off
}

// AccountID returns the account in the distribution's ARN, "" if there is none.
func (d *Distribution) AccountID() string { return arnField(d.ARN, 4) }

// An Origin is one entry of Origins.
type Origin struct {
	ID, DomainName, OriginPath string
	S3                         bool   // has S3OriginConfig: an S3-type origin; false: a custom (or VPC) origin
	VPC                        bool   // has VpcOriginConfig
	OriginAccessControlID      string // "" when none is attached
	OriginAccessIdentity       string // the bare id, "" when none
	ProtocolPolicy             string // OriginProtocolPolicy of a custom origin
	CustomHeaders              []Header
}

// A Header is one origin custom header. Its Value may be a secret.
type Header struct{ Name, Value string }

// An OriginGroup tries its second origin when the first answers one of Statuses.
type OriginGroup struct {
	ID       string
	Members  []string // origin ids, primary first
	Statuses []int
}

// A Behavior is one cache behavior.
type Behavior struct {
	PathPattern           string
	TargetOriginID        string // an origin's or an origin group's id
	ViewerProtocolPolicy  string // allow-all, https-only, redirect-to-https
	AllowedMethods        []string
	CachePolicyID         string
	OriginRequestPolicyID string
	TrustedKeyGroups      []string
	TrustedSigners        []string // account ids, or "self"
	Restricted            bool     // trusted key groups or signers are enabled
	Functions             []FunctionAssociation
	ForwardedHeaders      []string // legacy ForwardedValues: header names, "*" for all
	ForwardedQuery        bool     // legacy ForwardedValues: QueryString
	RealtimeLogConfigARN  string   // "" when there is none
}

// A FunctionAssociation is a CloudFront Function or a Lambda@Edge function at
// one event of a behavior.
type FunctionAssociation struct {
	EventType string // viewer-request, viewer-response, origin-request, origin-response
	ARN       string
	Lambda    bool
}

// An ErrorResponse is one custom error response.
type ErrorResponse struct {
	ErrorCode        int
	ResponseCode     int    // 0: not changed
	ResponsePagePath string // "" when none
	CachingMinTTL    int64  // seconds
}

// GeoRestriction is Restrictions.GeoRestriction.
type GeoRestriction struct {
	Type  string // none, whitelist, blacklist
	Items []string
}

// A Website is a bucket's static website configuration.
type Website struct {
	IndexSuffix   string
	ErrorKey      string
	RedirectAll   string // host of RedirectAllRequestsTo, "" when none
	RedirectProto string
	Rules         []RoutingRule
}

// A RoutingRule is one redirection rule of a website configuration.
type RoutingRule struct {
	KeyPrefix        string // KeyPrefixEquals
	ErrorCode        int    // HttpErrorCodeReturnedEquals, 0 when none
	HostName         string
	Protocol         string
	RedirectCode     int // 0: 301
	ReplaceKey       string
	ReplacePrefix    string
	HasReplaceKey    bool
	HasReplacePrefix bool
}

// Settings is all that the correlator may know beyond the logs. Every part may
// be missing: the logs alone then speak.
type Settings struct {
	Distributions []*Distribution
	Websites      map[string]*Website // by bucket
	// Identities maps the S3 canonical user id of an origin access identity to
	// its id (GetCloudFrontOriginAccessIdentity.S3CanonicalUserId).
	Identities map[string]string
}

func arnField(arn string, n int) string {
	for i := 0; ; n-- {
		j := i
		for j < len(arn) && arn[j] != ':' {
			j++
		}
		if n == 0 {
			return arn[i:j]
		}
		if j == len(arn) {
			return ""
		}
		i = j + 1
	}
}
