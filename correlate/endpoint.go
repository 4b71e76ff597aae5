package correlate

import "strings"

// EndpointKind names the kind of S3 endpoint behind a host name.
type EndpointKind string

// The kinds of endpoint.
const (
	EndpointREST        EndpointKind = "rest"        // a bucket's REST endpoint, or the path-style one
	EndpointWebsite     EndpointKind = "website"     // a bucket's static website endpoint
	EndpointAccessPoint EndpointKind = "accesspoint" // an access point, by its alias or its own host name
	EndpointMultiRegion EndpointKind = "mrap"        // a multi-Region access point
	EndpointOther       EndpointKind = "other"       // not an S3 host
)

// An Endpoint is what an S3 host name says.
type Endpoint struct {
	Kind EndpointKind
	// Bucket is the bucket's name. It is "" for path-style hosts, whose bucket
	// is the path's first segment, and for access points, whose name or alias
	// is in AccessPoint.
	Bucket      string
	AccessPoint string
	Region      string // "" for the global endpoint
	DualStack   bool
	PathStyle   bool // the host names no bucket: the path's first segment does
	Accelerate  bool
}

// ParseEndpoint recognises the host names of S3, in every form that the S3
// user guide documents: virtual-hosted and path-style REST (with and without
// Region, s3-REGION, dual-stack, FIPS, accelerate), website endpoints with dash
// and dot, access points and their aliases, multi-Region access points, in all
// partitions. Bucket names may hold dots. A port is ignored.
func ParseEndpoint(host string) Endpoint {
	other := Endpoint{Kind: EndpointOther}
	if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.IndexByte(host, ']') < i {
		host = host[:i]
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	rest, ok := cutDomain(host)
	if !ok {
		return other
	}
	// What is left ends in the service part: [BUCKET.]s3[-website][…].REGION.
	labels := strings.Split(rest, ".")
	for _, l := range labels {
		if l == "" {
			return other
		}
	}
	n := len(labels)
	last := labels[n-1]
	join := func(k int) string { return strings.Join(labels[:k], ".") }
	bucket := func(k int, e Endpoint) Endpoint {
		e.Bucket = join(k)
		e.PathStyle = e.Bucket == "" && e.Kind == EndpointREST
		if e.Bucket == "" && e.Kind == EndpointWebsite {
			return other // a website endpoint always names its bucket
		}
		if e.Kind == EndpointREST && k == 1 && isAlias(e.Bucket) {
			e.Kind, e.AccessPoint, e.Bucket = EndpointAccessPoint, e.Bucket, ""
		}
		return e
	}

	// ALIAS.mrap.accesspoint.s3-global
	if last == "s3-global" {
		if n >= 3 && labels[n-2] == "accesspoint" {
			return Endpoint{Kind: EndpointMultiRegion, AccessPoint: join(n - 2)}
		}
		return other
	}
	// [BUCKET.]s3-REGION, [BUCKET.]s3-website-REGION, s3-accelerate, s3-fips-REGION
	if svc, ok := strings.CutPrefix(last, "s3-"); ok {
		switch {
		case svc == "accelerate":
			return bucket(n-1, Endpoint{Kind: EndpointREST, Accelerate: true})
		case strings.HasPrefix(svc, "website-") && isRegion(svc[len("website-"):]):
			return bucket(n-1, Endpoint{Kind: EndpointWebsite, Region: svc[len("website-"):]})
		case strings.HasPrefix(svc, "fips-") && isRegion(svc[len("fips-"):]):
			return bucket(n-1, Endpoint{Kind: EndpointREST, Region: svc[len("fips-"):]})
		case svc == "external-1":
			return bucket(n-1, Endpoint{Kind: EndpointREST, Region: "us-east-1"})
		case isRegion(svc):
			return bucket(n-1, Endpoint{Kind: EndpointREST, Region: svc})
		}
		return other
	}
	if last == "s3" { // the global endpoint
		return bucket(n-1, Endpoint{Kind: EndpointREST})
	}
	if last == "dualstack" && n >= 2 && labels[n-2] == "s3-accelerate" {
		return bucket(n-2, Endpoint{Kind: EndpointREST, Accelerate: true, DualStack: true})
	}
	if !isRegion(last) || n < 2 {
		return other
	}
	e := Endpoint{Kind: EndpointREST, Region: last}
	k := n - 2
	if labels[k] == "dualstack" && k > 0 {
		e.DualStack = true
		k--
	}
	switch labels[k] {
	case "s3", "s3-fips":
		return bucket(k, e)
	case "s3-website":
		e.Kind = EndpointWebsite
		return bucket(k, e)
	case "s3-accesspoint", "s3-accesspoint-fips", "s3-object-lambda":
		if k != 1 { // NAME-ACCOUNT is one label
			return other
		}
		e.Kind, e.AccessPoint = EndpointAccessPoint, labels[0]
		return e
	}
	return other
}

// cutDomain takes AWS's domain off a host name.
func cutDomain(host string) (string, bool) {
	for _, d := range [...]string{".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".api.aws"} {
		if rest, ok := strings.CutSuffix(host, d); ok {
			return rest, rest != ""
		}
	}
	return "", false
}

// isRegion reports whether s looks like a Region's name: us-east-1,
// us-gov-west-1, cn-north-1, eusc-de-east-1, il-central-1.
func isRegion(s string) bool {
	i := strings.LastIndexByte(s, '-')
	if i < 0 || i == len(s)-1 || strings.Count(s, "-") < 2 {
		return false
	}
	for j := 0; j < len(s); j++ {
		c := s[j]
		digit := '0' <= c && c <= '9'
		if j > i && !digit || j < i && !('a' <= c && c <= 'z' || c == '-') {
			return false
		}
	}
	return true
}

// isAlias reports whether a bucket's label is an access point's alias, which S3
// lets nobody use for a bucket (Amazon S3 user guide, Access point aliases:
// -s3alias; Object Lambda --ol-s3; FSx -ext-s3alias).
func isAlias(label string) bool {
	return strings.HasSuffix(label, "-s3alias") || strings.HasSuffix(label, "--ol-s3")
}
