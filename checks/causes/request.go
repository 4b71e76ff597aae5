package causes

import (
	_ "embed"
	"strings"

	"github.com/why403/why403/checks"
	"github.com/why403/why403/checks/access"
	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/correlate"
)

//go:embed pages/host-header-forwarded.md
var pageHostHeaderForwarded string

//go:embed pages/authorization-forwarded.md
var pageAuthorizationForwarded string

//go:embed pages/signature-mismatch.md
var pageSignatureMismatch string

//go:embed pages/presigned-query.md
var pagePresignedQuery string

//go:embed pages/write-not-allowed.md
var pageWriteNotAllowed string

//go:embed pages/cors-preflight.md
var pageCORSPreflight string

//go:embed pages/bucket-not-owned.md
var pageBucketNotOwned string

//go:embed pages/account-problem.md
var pageAccountProblem string

// foreignHost returns the Host by which S3 was asked when it is none of its own.
func (v view) foreignHost() string {
	for i := range v.k.Origin {
		h := v.k.Origin[i].HostHeader
		if v.Origin != nil && strings.EqualFold(v.Origin.DomainName, h) {
			continue // the origin is named by a name of its own
		}
		if h != "" && correlate.ParseEndpoint(h).Kind == correlate.EndpointOther {
			return h
		}
	}
	return ""
}

// askedByOwnName reports whether every S3 line shows S3's own name as the Host.
func (v view) askedByOwnName() bool {
	for i := range v.k.Origin {
		if h := v.k.Origin[i].HostHeader; h == "" || correlate.ParseEndpoint(h).Kind == correlate.EndpointOther {
			return false
		}
	}
	return len(v.k.Origin) > 0
}

var hostHeaderForwarded = &checks.Check{
	ID: "host-header-forwarded", Title: "The viewer's Host header reaches S3",
	Page: pageHostHeaderForwarded, Rank: rankRequest + 10,
	Permissions: []string{"cloudfront:GetDistribution", "cloudfront:GetOriginRequestPolicy", "cloudfront:GetCachePolicy"},
	Viewers:     true,
	Key: func(p *checks.KeyPass) checks.Finding {
		v := look(p)
		host := v.foreignHost()
		fw := forwards(v.facts(), v.Behavior, "Host")
		signature := v.code("SignatureDoesNotMatch") != nil
		var f checks.Finding
		switch {
		case host != "" && v.aliasHost(host):
			f = cause(v.sure(false, false), "S3 was asked with the viewer's Host %s instead of its own", host)
			f = with(f, originLine(v.k, func(o *correlate.OriginSample) bool { return o.HostHeader == host }, "the line's Host is %s", host))
		case fw == correlate.Yes && signature && !v.rawBytes():
			c := v.sure(false, false)
			if v.askedByOwnName() {
				c = weaker(c, checks.Possible) // then the viewer's Host did not reach it
			}
			f = cause(c, "the behavior forwards the viewer's Host to S3, and the signature made for the origin's host does not match")
		case fw == correlate.Yes && len(v.k.Origin) == 0 && v.s.Access != correlate.AccessIAM:
			f = cause(checks.Likely, "the behavior forwards the viewer's Host to S3, which looks for a bucket of that name or refuses the signature")
		case fw == correlate.Unknown && signature:
			return undecided("cloudfront:GetDistribution", "cloudfront:GetOriginRequestPolicy")
		case fw == correlate.Unknown && len(v.k.Origin) == 0 && v.Behavior == nil:
			return undecided("cloudfront:GetDistribution")
		default:
			return ruledOut()
		}
		if fw == correlate.Yes {
			f = with(f, v.forwardEvidence("Host"))
		}
		return fixed(with(f, v.refusal()), v.hostRemedy())
	},
}

// aliasHost reports whether a host is a name of the distribution, or one that
// viewers used.
func (v view) aliasHost(host string) bool {
	for i := range v.k.Edge {
		if strings.EqualFold(v.k.Edge[i].Host, host) {
			return true
		}
	}
	if v.Distribution != nil {
		if strings.EqualFold(v.Distribution.DomainName, host) {
			return true
		}
		for _, a := range v.Distribution.Aliases {
			if strings.EqualFold(a, host) || strings.HasPrefix(a, "*.") && strings.HasSuffix(strings.ToLower(host), strings.ToLower(a[1:])) {
				return true
			}
		}
	}
	return false
}

func (v view) rawBytes() bool {
	for i := range v.k.Origin {
		if v.k.Origin[i].RawBytes {
			return true
		}
	}
	return false
}

// forwardEvidence says by which setting a header is forwarded.
func (v view) forwardEvidence(header string) checks.Evidence {
	b := v.Behavior
	if b == nil {
		return checks.Evidence{}
	}
	if len(b.ForwardedHeaders) > 0 {
		return evidence("cloudfront:GetDistribution", "ForwardedValues.Headers", "behavior %s forwards %s", b.PathPattern, header)
	}
	if f := v.facts().OriginRequestPolicy(b.OriginRequestPolicyID); f.Known() && f.Value.HeaderBehavior != "none" {
		return ofFact(f, "HeadersConfig.HeaderBehavior", "origin request policy %s of behavior %s has header behavior %s", or(f.Value.Name, b.OriginRequestPolicyID), b.PathPattern, f.Value.HeaderBehavior)
	}
	if f := v.facts().CachePolicy(b.CachePolicyID); f.Known() {
		return ofFact(f, "HeadersConfig", "cache policy %s of behavior %s forwards %s", or(f.Value.Name, b.CachePolicyID), b.PathPattern, header)
	}
	return evidence("cloudfront:GetDistribution", "behavior "+b.PathPattern, "the behavior forwards %s", header)
}

var authorizationForwarded = &checks.Check{
	ID: "authorization-forwarded", Title: "The viewer's Authorization header reaches S3",
	Page: pageAuthorizationForwarded, Rank: rankRequest + 20,
	Permissions: []string{"cloudfront:GetDistribution", "cloudfront:GetCachePolicy", "cloudfront:GetOriginAccessControl"},
	Access:      checks.AnyAccess &^ checks.Website, // website endpoints ignore it
	Viewers:     true,
	Key: func(p *checks.KeyPass) checks.Finding {
		v := look(p)
		c := v.code("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "InvalidArgument", "InvalidSecurity")
		if c == nil {
			return ruledOut()
		}
		if v.Origin != nil && v.Origin.OriginAccessControlID != "" {
			oac := v.facts().AccessControl[v.Origin.OriginAccessControlID]
			switch {
			case oac.Known() && oac.Value.SigningBehavior == "always":
				return ruledOut() // CloudFront overwrites it
			case oac.Known() && oac.Value.SigningBehavior == "no-override":
				return notApplicable() // oac-signing-off
			}
		}
		if v.Origin != nil && v.Origin.OriginAccessIdentity != "" {
			return ruledOut()
		}
		fw := forwards(v.facts(), v.Behavior, "Authorization")
		switch {
		case fw == correlate.No:
			return ruledOut()
		case fw == correlate.Unknown:
			return undecided("cloudfront:GetDistribution", "cloudfront:GetCachePolicy")
		case c.ErrorCode == "SignatureDoesNotMatch" && (v.rawBytes() || v.foreignHost() != ""):
			return ruledOut()
		}
		f := cause(checks.Likely, "the behavior forwards the viewer's Authorization header, and S3 takes it for its own: %s", c.ErrorCode)
		f = with(f, v.forwardEvidence("Authorization"), v.refusal())
		return fixed(f, v.authorizationRemedies()...)
	},
}

var signatureMismatch = &checks.Check{
	ID: "signature-mismatch", Title: "Raw bytes in the path break the signature",
	Page: pageSignatureMismatch, Rank: rankRequest + 30, Permissions: nil,
	Key: func(p *checks.KeyPass) checks.Finding {
		v := look(p)
		c := v.code("SignatureDoesNotMatch")
		if c == nil {
			if len(v.k.Origin) == 0 && v.oddPath() && v.oac() {
				return undecided("s3-log")
			}
			return ruledOut()
		}
		if v.direct() {
			f := cause(checks.Likely, "a client past CloudFront sent a signature that S3 does not accept (SignatureDoesNotMatch)")
			return with(f, v.refusal())
		}
		raw := v.rawBytes() || v.oddPath()
		if !raw {
			if v.foreignHost() != "" || forwards(v.facts(), v.Behavior, "Host") == correlate.Yes || c.Presigned {
				return ruledOut()
			}
			f := cause(checks.Possible, "S3 refused CloudFront's signature (SignatureDoesNotMatch), and the path holds no unusual bytes")
			return with(f, v.refusal())
		}
		sure := checks.Proven
		if !v.rawBytes() {
			sure = checks.Likely
		}
		f := cause(sure, "the path holds bytes that are not percent-encoded, so S3 sees another path than the one that was signed (SignatureDoesNotMatch)")
		f = with(f, originLine(v.k, func(o *correlate.OriginSample) bool { return o.ErrorCode == "SignatureDoesNotMatch" }, "403 SignatureDoesNotMatch, the request target holds bytes outside printable ASCII or unescaped characters"))
		return fixed(f, v.encodeRemedies()...)
	},
}

// oddPath reports whether a viewer's path holds, on the wire, bytes that should
// have been percent-encoded.
func (v view) oddPath() bool {
	for _, u := range v.k.URIs {
		w := correlate.WirePath(u)
		for i := 0; i < len(w); i++ {
			if c := w[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`"<>\^`+"`{|}", c) >= 0 {
				return true
			}
		}
	}
	return false
}

var presignedQuery = &checks.Check{
	ID: "presigned-query", Title: "Leftover parameters of a signed URL reach S3",
	Page: pagePresignedQuery, Rank: rankRequest + 25,
	Permissions: []string{"cloudfront:GetDistribution", "cloudfront:GetOriginRequestPolicy", "cloudfront:GetCachePolicy"},
	Key: func(p *checks.KeyPass) checks.Finding {
		v := look(p)
		var c *correlate.OriginClass
		for i := range v.k.Origin {
			if o := &v.k.Origin[i]; o.Presigned && (o.Status == 403 || o.Status == 400) && !signedByHeader(o) {
				c = o
			}
		}
		if c == nil {
			signed := false
			for i := range v.k.Edge {
				signed = signed || v.k.Edge[i].SignedQuery
			}
			if len(v.k.Origin) == 0 && signed && v.Behavior != nil && !v.Behavior.Restricted && v.forwardsQuery() == correlate.Yes {
				f := cause(checks.Likely, "the viewer's URL has signature parameters, and the behavior, which is not restricted, forwards them to S3, which takes them for its own")
				return fixed(with(f, v.refusal()), v.presignedRemedies()...)
			}
			return ruledOut()
		}
		if v.direct() {
			f := cause(checks.Likely, "a client past CloudFront used a presigned URL that S3 refuses (%s): it expired, or its signature does not fit", or(c.ErrorCode, "403"))
			return with(f, v.refusal())
		}
		if v.Behavior != nil && v.Behavior.Restricted && c.ErrorCode == "AccessDenied" && v.oac() {
			return ruledOut() // CloudFront takes its own parameters off
		}
		sure := v.sure(false, true)
		if v.Behavior == nil || v.forwardsQuery() != correlate.Yes {
			sure = weaker(sure, checks.Likely)
		}
		f := cause(sure, "signature parameters in the query string reach S3, which takes them for its own query authentication (%s)", or(c.ErrorCode, "403"))
		f = with(f, originLine(v.k, nil, "the request target holds signature parameters (masked)"))
		if v.Behavior != nil {
			f = with(f, evidence("cloudfront:GetDistribution", "behavior "+v.Behavior.PathPattern, "the behavior is not restricted to signed URLs"))
		}
		return fixed(with(f, v.refusal()), v.presignedRemedies()...)
	},
}

// signedByHeader reports whether S3 took the requester from a signature in the
// header, so that the query's parameters were none to it.
func signedByHeader(o *correlate.OriginClass) bool {
	return o.Requester != "" && o.AuthType == "AuthHeader" && o.ErrorCode == "AccessDenied"
}

// forwardsQuery says whether the behavior forwards the query string.
func (v view) forwardsQuery() correlate.Tri {
	b := v.Behavior
	if b == nil {
		return correlate.Unknown
	}
	if b.ForwardedQuery {
		return correlate.Yes
	}
	t := correlate.No
	if b.CachePolicyID != "" {
		f := v.facts().CachePolicy(b.CachePolicyID)
		switch {
		case !f.Known():
			t = correlate.Unknown
		case f.Value.QueryBehavior == "all" || f.Value.QueryBehavior == "allExcept":
			return correlate.Yes
		}
	}
	if b.OriginRequestPolicyID != "" {
		f := v.facts().OriginRequestPolicy(b.OriginRequestPolicyID)
		switch {
		case !f.Known():
			t = correlate.Unknown
		case f.Value.QueryBehavior == "all" || f.Value.QueryBehavior == "allExcept":
			return correlate.Yes
		}
	}
	return t
}

// write returns the kind of line of a refused write, nil if none.
func (v view) write() *correlate.OriginClass {
	for i := range v.k.Origin {
		c := &v.k.Origin[i]
		switch access.ActionOf(c.Operation) {
		case "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload":
			if c.Status == 403 {
				return c
			}
		}
	}
	return nil
}

var writeNotAllowed = &checks.Check{
	ID: "write-not-allowed", Title: "A write reaches S3, and nothing allows it",
	Page: pageWriteNotAllowed, Rank: rankRequest + 40, Permissions: getPolicy,
	Key: func(p *checks.KeyPass) checks.Finding {
		v := look(p)
		c := v.write()
		method := ""
		if c == nil && len(v.k.Origin) == 0 {
			for i := range v.k.Edge {
				switch v.k.Edge[i].Method {
				case "PUT", "POST", "DELETE", "PATCH":
					method = v.k.Edge[i].Method
				}
			}
		}
		if c == nil && method == "" {
			return ruledOut()
		}
		if c != nil && c.ErrorCode != "AccessDenied" && c.ErrorCode != "" {
			return ruledOut()
		}
		action := "s3:PutObject"
		if c != nil {
			action = access.ActionOf(c.Operation)
		} else if method == "DELETE" {
			action = "s3:DeleteObject"
		}
		if m := v.policyMissing(); len(m) > 0 {
			return waits(m)
		}
		s := v.s.Clone()
		s.Action = action
		o := access.Judge(s)
		switch o.ByPolicy {
		case correlate.Yes:
			return ruledOut() // granted: a Deny or another gate refuses it
		case correlate.Unknown:
			return undecided(o.PolicyStep.Missing...)
		}
		what := or(method, action)
		if c != nil {
			what = c.Operation
		}
		f := cause(v.sure(false, true), "a write reached S3 (%s), and no statement of the bucket policy allows %s %s", what, v.who(), action)
		f = with(f, v.policyFact("Statement", "no Allow for %s", action))
		return fixed(with(f, v.refusal()), v.writeRemedies(action)...)
	},
}

var corsPreflight = &checks.Check{
	ID: "cors-preflight", Title: "A CORS preflight is refused by the bucket's CORS rules",
	Page: pageCORSPreflight, Rank: rankRequest + 35, Permissions: []string{"s3:GetBucketCORS"},
	Key: func(p *checks.KeyPass) checks.Finding {
		v := look(p)
		c := v.code("AccessForbidden")
		preflight := c != nil || v.operation("REST.OPTIONS.PREFLIGHT")
		if !preflight && len(v.k.Origin) == 0 && len(v.k.Edge) > 0 {
			preflight = true
			for i := range v.k.Edge {
				preflight = preflight && v.k.Edge[i].Method == "OPTIONS"
			}
		}
		if !preflight {
			return ruledOut()
		}
		cors := v.s.BucketFacts.CORS
		sure := v.sure(false, true)
		var f checks.Finding
		switch {
		case cors.State == facts.NotSet || cors.Known() && len(cors.Value) == 0:
			f = cause(sure, "a browser's preflight (OPTIONS) reached bucket %s, which has no CORS rules", v.s.Bucket)
			f = with(f, ofFact(cors, v.s.Bucket, "the bucket has no CORS configuration"))
		case cors.Known():
			f = cause(sure, "a browser's preflight (OPTIONS) reached bucket %s, and no CORS rule fits its Origin, method and headers", v.s.Bucket)
			for i, r := range cors.Value {
				if i < 3 {
					f = with(f, ofFact(cors, "CORSRules", "origins %s, methods %s, headers %s", list(r.AllowedOrigins, 3), list(r.AllowedMethods, 7), list(r.AllowedHeaders, 3)))
				}
			}
			if forwards(v.facts(), v.Behavior, "Origin") == correlate.No {
				f.Summary = "a browser's preflight (OPTIONS) reached bucket " + v.s.Bucket + " without its Origin header, which the behavior does not forward: no CORS rule can fit"
				f = with(f, evidence("cloudfront:GetDistribution", "behavior "+v.Behavior.PathPattern, "the behavior does not forward Origin"))
			}
		default:
			if c == nil {
				return undecided(or(cors.Missing(), "s3:GetBucketCORS"))
			}
			f = cause(weaker(sure, checks.Likely), "a browser's preflight (OPTIONS) was refused by the CORS rules of bucket %s", v.s.Bucket)
		}
		f = with(f, originLine(v.k, nil, "%s", or(v.lineOf(), "403 AccessForbidden for REST.OPTIONS.PREFLIGHT")))
		return fixed(f, v.corsRemedies()...)
	},
}

func (v view) lineOf() string {
	if len(v.k.Origin) == 0 {
		return ""
	}
	c := &v.k.Origin[0]
	return strings.TrimSpace(strings.Join([]string{"403", c.ErrorCode, "for", c.Operation}, " "))
}

var bucketNotOwned = &checks.Check{
	ID: "bucket-not-owned", Title: "The bucket is gone, or belongs to somebody else",
	Page: pageBucketNotOwned, Rank: rankBucket, Permissions: listBucket,
	Key: func(p *checks.KeyPass) checks.Finding {
		v := look(p)
		if v.s.Bucket == "" {
			return notApplicable()
		}
		head := v.s.BucketFacts.Head
		lines := len(v.k.Origin) > 0
		if v.Coverage != nil {
			_, has := v.Coverage.Buckets[v.s.Bucket]
			lines = lines || has
		}
		switch {
		case head.State == facts.NotFound:
			f := cause(v.sure(false, false), "there is no bucket %s any more: whoever creates it now serves your site", v.s.Bucket)
			if lines || v.viewerSaw(403) && !v.turnedTo403(404) {
				f.Certainty = weaker(f.Certainty, checks.Likely) // S3 answers 404 for no bucket: somebody's was there then
			} else if !v.contact() {
				f.Certainty = checks.Proven
			}
			f = with(f, ofFact(head, v.s.Bucket, "no such bucket"), v.refusal())
			return fixed(f, v.bucketRemedy())
		case lines, head.Known():
			return ruledOut()
		case v.s.BucketFacts.Foreign == correlate.Yes || v.s.BucketFacts.Policy.Code == "MethodNotAllowed" || head.State == facts.Refused && v.s.BucketFacts.Policy.State == facts.Refused:
			f := cause(checks.Possible, "bucket %s may belong to another account: it answers, but not to this one, and its log is not at hand", v.s.Bucket)
			f = with(f, ofFact(head, v.s.Bucket, "HeadBucket answers %s", or(head.Code, "403")), v.refusal())
			return fixed(f, v.bucketRemedy())
		case !head.Settled():
			return undecided(or(head.Missing(), "s3:ListBucket"))
		}
		return ruledOut()
	},
}

// turnedTo403 reports whether a custom error response turns the status into 403.
func (v view) turnedTo403(status int) bool {
	if v.Distribution != nil {
		for _, r := range v.Distribution.ErrorResponses {
			if r.ErrorCode == status && r.ResponseCode == 403 {
				return true
			}
		}
	}
	return false
}

var accountProblem = &checks.Check{
	ID: "account-problem", Title: "The bucket owner's account is suspended or not signed up",
	Page: pageAccountProblem, Rank: rankBucket + 1, Permissions: nil,
	Key: func(p *checks.KeyPass) checks.Finding {
		v := look(p)
		c := v.code("AllAccessDisabled", "AccountProblem", "NotSignedUp")
		if c == nil {
			if len(v.k.Origin) == 0 {
				return undecided("s3-log")
			}
			return ruledOut()
		}
		f := cause(checks.Proven, "S3 answered %s: the account that owns bucket %s is suspended, has a billing problem or is not signed up", c.ErrorCode, v.s.Bucket)
		f = with(f, originLine(v.k, func(o *correlate.OriginSample) bool { return o.ErrorCode == c.ErrorCode }, "%d %s", c.Status, c.ErrorCode))
		return fixed(f, checks.Remedy{Title: "Settle the account's trouble with AWS Support", Commands: []string{
			"aws support create-case --subject 'S3 answers " + c.ErrorCode + "' --communication-body 'Requests to bucket " + v.s.Bucket + " are refused with " + c.ErrorCode + ".' --category-code other --service-code amazon-simple-storage-service"}})
	},
}
