package main

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// day is the day of the sample. Settings and listings are those of the morning after.
var day = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

// at is a time of the day, in hours.
func at(hours float64) time.Time {
	return day.Add(time.Duration(hours * float64(time.Hour)))
}

// A bucket holds its objects and the settings that decide who may read them.
type bucket struct {
	name, region  string
	comment       string
	website       bool // has a website configuration with index.html as index document
	objects       []*object
	ownership     string // "" = the bucket has no ownership controls
	block         *publicAccessBlock
	grants        []grant
	denials       []denial
	requesterPays bool
	versioned     bool
	corsOrigin    string // the only origin its CORS rule allows; "" = no CORS configuration
	partitioned   bool   // its access logs use the partitioned prefix by event time
	logColumns    int    // 26, or 27 with the source region
}

// An object exists from created until deleted (zero: for good).
type object struct {
	key              string
	size             int
	contentType      string
	created, deleted time.Time
	replaced         time.Time // uploaded again; zero = never
	storageClass     string
	kms              bool   // SSE-KMS under the site's customer managed key
	owner            string // canonical user ID; "" = the bucket's owner
}

type publicAccessBlock struct {
	blockACLs, ignoreACLs, blockPolicy, restrict bool
}

// A principal is who a policy statement speaks of, and who S3 sees as the caller.
type principal struct {
	kind string // "anyone" (in a request: anonymous), "cloudfront" (OAC), "oai", "role"
	id   string // the OAI's ID, or the role's session ARN
}

var anyone = principal{kind: "anyone"}

// A grant is an Allow statement for s3:GetObject.
type grant struct {
	sid          string
	to           principal
	keys         []string // exact keys, or prefixes that end in *
	distribution string   // AWS:SourceArn
	referer      string   // StringEquals aws:Referer
	sourceIP     []string // IpAddress aws:SourceIp
}

// A denial is a Deny statement for everyone: outside a VPC endpoint, or over plain HTTP.
type denial struct {
	sid       string
	keys      []string
	vpce      string
	plainHTTP bool
}

func covers(patterns []string, key string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if prefix, ok := strings.CutSuffix(p, "*"); ok {
			return strings.HasPrefix(key, prefix)
		}
		return p == key
	})
}

// object returns the object that the key names at that time, or nil.
func (b *bucket) object(key string, when time.Time) *object {
	for _, o := range b.objects {
		if o.key == key && !when.Before(o.created) && (o.deleted.IsZero() || when.Before(o.deleted)) {
			return o
		}
	}
	return nil
}

// public reports whether Block Public Access counts the policy as public: an Allow for everyone
// that no fixed source address narrows (aws:Referer doesn't; S3 guide, "The meaning of public").
func (b *bucket) public() bool {
	return slices.ContainsFunc(b.grants, func(g grant) bool { return g.to == anyone && len(g.sourceIP) == 0 })
}

func (b *bucket) restHost() string {
	if b.region == "us-east-1" {
		return b.name + ".s3.amazonaws.com"
	}
	return b.name + ".s3." + b.region + ".amazonaws.com"
}

func (b *bucket) websiteHost() string {
	return b.name + ".s3-website-" + b.region + ".amazonaws.com"
}

// A distribution is a CloudFront distribution; the last of its behaviors is the default one.
type distribution struct {
	id, domain, alias string
	comment           string
	defaultRoot       string
	origins           []*origin
	behaviors         []*behavior
	geoBlocked        []string
	webACL            bool
	error403TTL       time.Duration // error caching minimum TTL of 403; 0 = a 403 is not cached
	error403Page      string        // a 403 is answered with this page and status 200
}

func (d *distribution) arn() string {
	return "arn:aws:cloudfront::" + account + ":distribution/" + d.id
}

// behavior returns the first behavior whose pattern matches the path.
func (d *distribution) behavior(path string) *behavior {
	for _, b := range d.behaviors {
		if covers([]string{b.pattern}, path) {
			return b
		}
	}
	panic("distribution without a default behavior: " + d.id)
}

type origin struct {
	id      string
	bucket  *bucket // nil: not S3
	host    string  // of an origin that is not S3
	path    string  // origin path
	website bool    // the bucket's website endpoint, else its REST endpoint
	oac     bool
	oai     string
	referer string // custom header
}

func (o *origin) domain() string {
	switch {
	case o.bucket == nil:
		return o.host
	case o.website:
		return o.bucket.websiteHost()
	}
	return o.bucket.restHost()
}

// caller is who S3 sees when CloudFront fetches from this origin.
func (o *origin) caller() principal {
	switch {
	case o.oac:
		return principal{kind: "cloudfront"}
	case o.oai != "":
		return principal{kind: "oai", id: o.oai}
	}
	return anyone
}

// access is the name that the report gives to that caller.
func (o *origin) access() string {
	switch {
	case o.website:
		return "website"
	case o.oac:
		return "oac"
	case o.oai != "":
		return "oai"
	}
	return "anonymous"
}

type behavior struct {
	pattern        string
	origin         *origin
	methods        []string
	httpsOnly      bool // else http is redirected to https
	signed         bool // needs a URL signed by the key group
	gated          bool // the members function asks for a session cookie
	noCache        bool
	corsHeaders    bool // forwards the CORS headers
	forwardReferer bool
}

var (
	readMethods = []string{"HEAD", "GET"}
	corsMethods = []string{"HEAD", "GET", "OPTIONS"}
	allMethods  = []string{"HEAD", "DELETE", "POST", "GET", "OPTIONS", "PUT", "PATCH"}
)

// An edge is a point of presence, and the part of the world whose cache it shares.
type edge struct {
	location string
	country  string
	weight   int
	region   *region
}

// A region shares one cache, and reaches the origins from one range of addresses.
type region struct {
	name   string
	egress netip.Prefix
	awayMS int // round trip to the origins
}
