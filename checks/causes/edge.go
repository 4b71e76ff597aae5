package causes

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/why403/why403/checks"
	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/correlate"
)

//go:embed pages/edge-geo-restriction.md
var pageEdgeGeoRestriction string

//go:embed pages/edge-method.md
var pageEdgeMethod string

//go:embed pages/edge-https-only.md
var pageEdgeHTTPSOnly string

//go:embed pages/edge-request-body.md
var pageEdgeRequestBody string

//go:embed pages/edge-signed-missing.md
var pageEdgeSignedMissing string

//go:embed pages/edge-signed-expired.md
var pageEdgeSignedExpired string

//go:embed pages/edge-signed-key.md
var pageEdgeSignedKey string

//go:embed pages/edge-signed-invalid.md
var pageEdgeSignedInvalid string

//go:embed pages/edge-waf.md
var pageEdgeWAF string

//go:embed pages/edge-function.md
var pageEdgeFunction string

//go:embed pages/edge-stacked.md
var pageEdgeStacked string

//go:embed pages/edge-cached-error.md
var pageEdgeCachedError string

//go:embed pages/edge-unattributed.md
var pageEdgeUnattributed string

//go:embed pages/not-s3-origin.md
var pageNotS3Origin string

//go:embed pages/unexplained.md
var pageUnexplained string

// An edgeView is an edge pass with the questions that many checks ask of it.
type edgeView struct {
	*checks.EdgePass
	e *correlate.EdgeFailure
}

func lookEdge(p *checks.EdgePass) edgeView {
	e := p.Failure
	if e == nil {
		e = &correlate.EdgeFailure{}
	}
	return edgeView{p, e}
}

func (v edgeView) facts() *facts.Facts { return facts0(v.Facts) }
func (v edgeView) id() string          { return distributionID(v.Distribution, v.e.Distribution) }

// every reports whether a question has the answer yes for each kind of line.
func (v edgeView) every(f func(*correlate.EdgeClass) bool) bool {
	for i := range v.e.Edge {
		if !f(&v.e.Edge[i]) {
			return false
		}
	}
	return len(v.e.Edge) > 0
}

func (v edgeView) some(f func(*correlate.EdgeClass) bool) *correlate.EdgeClass {
	for i := range v.e.Edge {
		if f(&v.e.Edge[i]) {
			return &v.e.Edge[i]
		}
	}
	return nil
}

// share says how many of the requests a cause is that of, "" when of all.
func (v edgeView) share(f func(*correlate.EdgeClass) bool) string {
	n := int64(0)
	for i := range v.e.Edge {
		if f(&v.e.Edge[i]) {
			n += v.e.Edge[i].Count
		}
	}
	if n >= v.e.Requests {
		return ""
	}
	return fmt.Sprintf(" (%d of %d requests)", n, v.e.Requests)
}

// named reports whether a field of the line has one of the names.
func named(c *correlate.EdgeClass, names ...string) bool {
	return slices.Contains(names, c.DetailedResult) || slices.Contains(names, c.Result) || slices.Contains(names, c.ResponseResult)
}

func (v edgeView) detailed(names ...string) *correlate.EdgeClass {
	return v.some(func(c *correlate.EdgeClass) bool { return named(c, names...) })
}

// elsewhere reports whether the lines say by themselves, or the join says, that
// the edge did not refuse the request of its own accord.
func (v edgeView) elsewhere() bool {
	switch v.e.Reason {
	case correlate.NoOriginCached, correlate.NoOriginCollapsed:
		return true
	}
	return v.every(func(c *correlate.EdgeClass) bool { return c.OriginAsked == correlate.Yes })
}

// open reports whether the edge's own refusals are in question: no field of the
// line names its maker.
func (v edgeView) open() bool {
	return v.detailed("ClientGeoBlocked", "InvalidRequestMethod", "FunctionGeneratedResponse", "LambdaGeneratedResponse", "MissGeneratedResponse") == nil
}

func (v edgeView) line(f func(*correlate.EdgeSample) bool) checks.Evidence {
	fact := func(status int, method, result, contentType string) string {
		return strconv.Itoa(status) + " " + method + " " + result + ", content type " + or(contentType, "-")
	}
	for i := range v.e.Samples {
		if s := v.e.Samples[i].Edge; s != nil && (f == nil || f(s)) {
			return checks.Evidence{Source: "cloudfront-log", Ref: lineRef(s.Ref), Fact: fact(s.Status, s.Method, or(s.DetailedResult, s.Result), s.ContentType)}
		}
	}
	if len(v.e.Edge) > 0 {
		c := &v.e.Edge[0]
		return checks.Evidence{Source: "cloudfront-log", Fact: fact(c.Status, c.Method, or(c.DetailedResult, c.Result), c.ContentType)}
	}
	return checks.Evidence{}
}

var getDistribution = []string{"cloudfront:GetDistribution"}

var edgeGeo = &checks.Check{
	ID: "edge-geo-restriction", Title: "CloudFront's geographic restriction refused the viewer's country",
	Page: pageEdgeGeoRestriction, Rank: rankEdge + 1, Permissions: getDistribution,
	Edge: func(p *checks.EdgePass) checks.Finding {
		v := lookEdge(p)
		c := v.detailed("ClientGeoBlocked")
		if c == nil {
			return v.geoUntold()
		}
		names := v.countries()
		f := cause(checks.Proven, "CloudFront's geographic restriction refused the viewer's country")
		if len(names) > 0 {
			f.Summary += " (" + list(names, 5) + ")"
		}
		f.Summary += v.share(func(c *correlate.EdgeClass) bool { return named(c, "ClientGeoBlocked") })
		f = with(f, v.line(func(s *correlate.EdgeSample) bool { return s.DetailedResult == "ClientGeoBlocked" }))
		if v.Distribution != nil {
			f = with(f, v.geoSetting())
		}
		return fixed(f, v.geoRemedy(names))
	},
}

// geoUntold judges the restriction where the log's fields leave the detailed
// result type out, which names every refusal of it: by the viewer's country.
func (v edgeView) geoUntold() checks.Finding {
	told := v.every(func(c *correlate.EdgeClass) bool { return c.DetailedResult != "" })
	page := v.some(func(c *correlate.EdgeClass) bool {
		return c.ContentType == "" || strings.HasPrefix(c.ContentType, "text/html")
	})
	switch {
	case told, page == nil, !v.open(), v.elsewhere(), v.blocked():
		return ruledOut()
	case v.Distribution == nil:
		return undecided("cloudfront:GetDistribution")
	case v.Distribution.GeoRestriction.Type == "" || v.Distribution.GeoRestriction.Type == "none":
		return ruledOut()
	}
	names := v.countries()
	if len(names) == 0 {
		return undecided("log field x-edge-detailed-result-type")
	}
	names = slices.DeleteFunc(names, func(n string) bool {
		return slices.Contains(v.Distribution.GeoRestriction.Items, n) == (v.Distribution.GeoRestriction.Type == "whitelist")
	})
	if len(names) == 0 {
		return ruledOut() // all may come in
	}
	f := cause(checks.Likely, "CloudFront's geographic restriction does not let the viewer's country in (%s)", list(names, 5))
	f = with(f, v.line(func(s *correlate.EdgeSample) bool { return slices.Contains(names, s.Country) }), v.geoSetting())
	return fixed(f, v.geoRemedy(names))
}

// countries returns the viewers' countries, sorted, where the log tells them.
func (v edgeView) countries() []string {
	var names []string
	for i := range v.e.Samples {
		if s := v.e.Samples[i].Edge; s != nil && s.Country != "" {
			names = append(names, s.Country)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (v edgeView) geoSetting() checks.Evidence {
	g := v.Distribution.GeoRestriction
	return evidence("cloudfront:GetDistribution", "Restrictions.GeoRestriction", "RestrictionType is %s: %s", or(g.Type, "none"), list(g.Items, 10))
}

var edgeMethod = &checks.Check{
	ID: "edge-method", Title: "The behavior does not allow the request's method",
	Page: pageEdgeMethod, Rank: rankEdge + 2, Permissions: getDistribution,
	Edge: func(p *checks.EdgePass) checks.Finding {
		v := lookEdge(p)
		notAllowed := func(m string) bool {
			return v.Behavior != nil && len(v.Behavior.AllowedMethods) > 0 && !slices.Contains(v.Behavior.AllowedMethods, m)
		}
		c := v.detailed("InvalidRequestMethod")
		sure := checks.Proven
		if c == nil {
			c = v.some(func(c *correlate.EdgeClass) bool { return notAllowed(c.Method) })
			if c == nil || !v.open() || v.elsewhere() || v.blocked() {
				return ruledOut()
			}
			sure = checks.Likely
		}
		f := cause(sure, "the behavior %s does not allow %s%s", quote(or(c.PathPattern, or(v.e.PathPattern, "*"))), c.Method,
			v.share(func(o *correlate.EdgeClass) bool { return named(o, "InvalidRequestMethod") || notAllowed(o.Method) }))
		f = with(f, v.line(func(s *correlate.EdgeSample) bool { return s.Method == c.Method }))
		if v.Behavior != nil {
			f = with(f, evidence("cloudfront:GetDistribution", "behavior "+v.Behavior.PathPattern+" AllowedMethods", "allowed are %s", list(v.Behavior.AllowedMethods, 7)))
		}
		return fixed(f, v.methodRemedies(c.Method)...)
	},
}

var edgeHTTPSOnly = &checks.Check{
	ID: "edge-https-only", Title: "The behavior takes https only, and the viewer came over http",
	Page: pageEdgeHTTPSOnly, Rank: rankEdge + 3, Permissions: getDistribution,
	Edge: func(p *checks.EdgePass) checks.Finding {
		v := lookEdge(p)
		c := v.some(func(c *correlate.EdgeClass) bool { return c.Protocol == "http" || c.Protocol == "ws" })
		if c == nil || !v.open() || v.elsewhere() || v.blocked() {
			return ruledOut()
		}
		if v.Behavior == nil {
			return undecided("cloudfront:GetDistribution")
		}
		var f checks.Finding
		switch v.Behavior.ViewerProtocolPolicy {
		case "https-only":
			f = cause(checks.Proven, "the viewer came over http, and the behavior %s takes https only", quote(v.Behavior.PathPattern))
		case "redirect-to-https":
			if c.Method == "GET" || c.Method == "HEAD" {
				return ruledOut() // these are redirected
			}
			f = cause(checks.Likely, "the viewer sent %s over http, and the behavior %s redirects to https, which CloudFront may refuse for this method", c.Method, quote(v.Behavior.PathPattern))
		default:
			return ruledOut()
		}
		f.Summary += v.share(func(o *correlate.EdgeClass) bool { return o.Protocol == c.Protocol })
		f = with(f, v.line(func(s *correlate.EdgeSample) bool { return s.Protocol == c.Protocol }),
			evidence("cloudfront:GetDistribution", "behavior "+v.Behavior.PathPattern+" ViewerProtocolPolicy", "ViewerProtocolPolicy is %s", v.Behavior.ViewerProtocolPolicy))
		return fixed(f, v.httpsRemedy())
	},
}

// bodyThreshold is the size of a request, in bytes, above which it can't be
// headers alone in practice: CloudFront takes 20 KB of headers, but a browser's
// are below 4 KB.
const bodyThreshold = 4096

var edgeRequestBody = &checks.Check{
	ID: "edge-request-body", Title: "A GET request came with a body",
	Page: pageEdgeRequestBody, Rank: rankEdge + 6, Permissions: nil,
	Edge: func(p *checks.EdgePass) checks.Finding {
		v := lookEdge(p)
		if !v.open() || v.elsewhere() || len(v.e.Firewall) > 0 || v.e.Reason == correlate.NoOriginNotS3 && !v.pageAtOnce() {
			return ruledOut()
		}
		var s *correlate.EdgeSample
		for i := range v.e.Samples {
			if e := v.e.Samples[i].Edge; e != nil && (e.Method == "GET" || e.Method == "HEAD") &&
				(e.RequestBytes > bodyThreshold || e.DetailedResult == "InvalidRequest" && e.RequestBytes > 1024) {
				s = e
			}
		}
		if s == nil {
			return ruledOut()
		}
		// That CloudFront refuses it is documented; how it logs it is a guess.
		f := cause(checks.Possible, "a %s request of %d bytes seems to have had a body, which CloudFront refuses", s.Method, s.RequestBytes)
		f = with(f, evidence("cloudfront-log", lineRef(s.Ref), "cs-bytes is %d, x-edge-detailed-result-type is %s", s.RequestBytes, or(s.DetailedResult, s.Result)))
		return fixed(f, checks.Remedy{Title: "Send GET and HEAD requests without a body", Commands: []string{"curl -sS -o /dev/null -w '%{http_code}\\n' " + sh(v.url()) + "   # the same request without a body"}})
	},
}

// signedJudgement is what the samples of a failure say of their signatures.
func (v edgeView) signed(id string) checks.Finding {
	if !v.open() || v.elsewhere() || v.blocked() {
		return ruledOut()
	}
	if v.Behavior == nil {
		if v.some(func(c *correlate.EdgeClass) bool { return c.SignedQuery || c.ContentType == "text/xml" }) == nil {
			if v.Distribution == nil {
				return undecided("cloudfront:GetDistribution")
			}
			return ruledOut()
		}
	} else if !v.Behavior.Restricted {
		return ruledOut()
	}
	var need []string
	for i := range v.e.Samples {
		s := v.e.Samples[i].Edge
		if s == nil {
			continue
		}
		j := judgeSigned(s, v.hosts(), v.trusted, v.publicKey)
		need = append(need, j.Need...)
		if j.Cause != id {
			continue
		}
		sure := checks.Proven
		if v.Behavior == nil || !j.Strong {
			sure = checks.Likely
		}
		if id == "edge-signed-missing" && s.Cookie == "" && j.noParams {
			// Signed cookies are seen only where cookie logging is on.
			sure = weaker(sure, checks.Likely)
		}
		f := cause(sure, "the path is for signed URLs or cookies only, and %s", j.Why)
		f = with(f, v.line(func(e *correlate.EdgeSample) bool { return e == s }))
		if v.Behavior != nil {
			f = with(f, evidence("cloudfront:GetDistribution", "behavior "+v.Behavior.PathPattern, "the behavior is restricted to %s", v.restriction()))
		}
		return fixed(f, v.signedRemedies(id)...)
	}
	if len(need) > 0 && (id == "edge-signed-invalid" || id == "edge-signed-key") {
		return undecided(need...)
	}
	return ruledOut()
}

func (v edgeView) restriction() string {
	switch {
	case len(v.Behavior.TrustedKeyGroups) > 0:
		return "key groups " + list(v.Behavior.TrustedKeyGroups, 4)
	case len(v.Behavior.TrustedSigners) > 0:
		return "signers " + list(v.Behavior.TrustedSigners, 4)
	}
	return "signed URLs and cookies"
}

func (v edgeView) hosts() []string {
	var hosts []string
	if v.Distribution != nil {
		hosts = append(hosts, v.Distribution.DomainName)
		hosts = append(hosts, v.Distribution.Aliases...)
	}
	return hosts
}

// trusted says whether a public key id is in one of the behavior's key groups.
func (v edgeView) trusted(id string) correlate.Tri {
	if v.Behavior == nil || len(v.Behavior.TrustedSigners) > 0 {
		return correlate.Unknown
	}
	t := correlate.No
	for _, g := range v.Behavior.TrustedKeyGroups {
		f := v.facts().KeyGroups[g]
		switch {
		case !f.Known():
			t = correlate.Unknown
		case slices.Contains(f.Value.Items, id):
			return correlate.Yes
		}
	}
	if len(v.Behavior.TrustedKeyGroups) == 0 {
		return correlate.Unknown
	}
	return t
}

func (v edgeView) publicKey(id string) string {
	f := v.facts().PublicKeys[id]
	if !f.Known() {
		return ""
	}
	return f.Value.EncodedKey
}

func signedCheck(id, title, page string, rank int, permissions ...string) *checks.Check {
	return &checks.Check{ID: id, Title: title, Page: page, Rank: rankEdge + rank, Permissions: append([]string{"cloudfront:GetDistribution"}, permissions...),
		Edge: func(p *checks.EdgePass) checks.Finding { return lookEdge(p).signed(id) }}
}

var (
	edgeSignedMissing = signedCheck("edge-signed-missing", "The path is for signed URLs or cookies only, and the request has none",
		pageEdgeSignedMissing, 10)
	edgeSignedExpired = signedCheck("edge-signed-expired", "The signed URL or cookie was not valid at that time",
		pageEdgeSignedExpired, 11)
	edgeSignedKey = signedCheck("edge-signed-key", "The signature names a key that the behavior does not trust",
		pageEdgeSignedKey, 12, "cloudfront:GetKeyGroup")
	edgeSignedInvalid = signedCheck("edge-signed-invalid", "The signature does not fit the request",
		pageEdgeSignedInvalid, 13, "cloudfront:GetPublicKey", "cloudfront:GetKeyGroup")
)

// blocked reports whether WAF records show that all of these requests were
// blocked.
func (v edgeView) blocked() bool {
	n := int64(0)
	for i := range v.e.Firewall {
		if strings.EqualFold(v.e.Firewall[i].Action, "BLOCK") {
			n += v.e.Firewall[i].Count
		}
	}
	return n > 0 && n >= v.e.Requests
}

var edgeWAF = &checks.Check{
	ID: "edge-waf", Title: "A web ACL of AWS WAF blocked the request",
	Page: pageEdgeWAF, Rank: rankEdge + 5, Permissions: []string{"cloudfront:GetDistribution", "wafv2:GetWebACL"},
	Edge: func(p *checks.EdgePass) checks.Finding {
		v := lookEdge(p)
		for i := range v.e.Firewall {
			w := &v.e.Firewall[i]
			if !strings.EqualFold(w.Action, "BLOCK") {
				continue
			}
			rule := or(w.RuleID, "the default action")
			if w.GroupRule != "" {
				rule += " (" + w.GroupRule + ")"
			}
			f := cause(checks.Proven, "web ACL %s blocked it by rule %s", nameOfACL(w.WebACL), rule)
			f = with(f, evidence("waf-log", "", "%s by %s %s", w.Action, w.RuleType, rule), v.line(nil))
			return fixed(f, v.wafRemedies(w)...)
		}
		if !v.open() || v.elsewhere() {
			return ruledOut()
		}
		if v.Distribution == nil {
			return undecided("cloudfront:GetDistribution", "waf-log")
		}
		if v.Distribution.WebACLID == "" {
			return ruledOut()
		}
		if v.Coverage != nil && v.Coverage.Firewall {
			return ruledOut() // the WAF log is at hand and holds no block of these requests
		}
		if v.otherwise("edge-waf") {
			return undecided("waf-log")
		}
		f := cause(checks.Possible, "the distribution has web ACL %s, and nothing else at hand explains the refusal; without its log a block can't be told", nameOfACL(v.Distribution.WebACLID))
		f = with(f, evidence("cloudfront:GetDistribution", "WebACLId", "WebACLId is %s", v.Distribution.WebACLID), v.line(nil))
		if acl := v.facts().WebACLs[v.Distribution.WebACLID]; acl.Known() {
			if acl.Value.DefaultAction == "Block" {
				f = with(f, ofFact(acl, "DefaultAction", "the default action is Block"))
			}
			var names []string
			for _, r := range acl.Value.Rules {
				if r.Action != "Count" && r.Action != "Allow" {
					names = append(names, r.Name)
				}
			}
			f = with(f, ofFact(acl, "Rules", "rules that may block: %s", or(list(names, 8), "none")))
		}
		return fixed(f, v.wafRemedies(nil)...)
	},
}

// firewallMayAnswer reports whether a web ACL, whose own response may have any
// type, could have answered in the origin's place.
func (v edgeView) firewallMayAnswer() bool {
	return v.Distribution == nil || v.Distribution.WebACLID != "" && (v.Coverage == nil || !v.Coverage.Firewall)
}

// otherwise reports whether another check names the cause of the failure.
func (v edgeView) otherwise(id string) bool {
	for _, c := range []*checks.Check{edgeGeo, edgeMethod, edgeHTTPSOnly, edgeSignedMissing, edgeSignedExpired, edgeSignedKey, edgeSignedInvalid, edgeFunction, edgeStacked, edgeCachedError, notS3Origin} {
		if c.ID == id {
			continue
		}
		if f := v.Finding(c); f.Verdict == checks.Cause && f.Certainty != checks.Possible {
			return true
		}
	}
	return false
}

func nameOfACL(arn string) string {
	// arn:aws:wafv2:us-east-1:ACCOUNT:global/webacl/NAME/ID
	if parts := strings.Split(arn, "/"); len(parts) >= 4 {
		return parts[len(parts)-2]
	}
	return arn
}

var edgeFunction = &checks.Check{
	ID: "edge-function", Title: "A CloudFront Function or Lambda@Edge function answered 403",
	Page: pageEdgeFunction, Rank: rankEdge + 4, Permissions: []string{"cloudfront:GetDistribution", "cloudfront:GetFunction", "cloudfront:DescribeFunction"},
	Edge: func(p *checks.EdgePass) checks.Finding {
		v := lookEdge(p)
		c := v.detailed("FunctionGeneratedResponse", "LambdaGeneratedResponse", "MissGeneratedResponse")
		if c == nil {
			return v.functionUntold()
		}
		kind := ""
		for _, n := range []string{c.DetailedResult, c.Result, c.ResponseResult} {
			if strings.HasSuffix(n, "GeneratedResponse") {
				kind = n
				break
			}
		}
		lambda := kind != "FunctionGeneratedResponse"
		event := map[string]string{"FunctionGeneratedResponse": "viewer-request", "LambdaGeneratedResponse": "viewer-request", "MissGeneratedResponse": "origin-request"}[kind]
		what := "a CloudFront Function"
		if lambda {
			what = "a Lambda@Edge function"
		}
		sure := checks.Likely
		var assoc *correlate.FunctionAssociation
		if v.Behavior != nil {
			for i := range v.Behavior.Functions {
				if a := &v.Behavior.Functions[i]; a.Lambda == lambda && (assoc == nil || a.EventType == event) {
					assoc = a
				}
			}
		}
		if assoc != nil {
			if assoc.EventType == event || !lambda {
				sure = checks.Proven
			}
			what += " at " + assoc.EventType + " (" + functionName(assoc.ARN) + ")"
		}
		f := cause(sure, "%s answered 403%s", what, v.share(func(c *correlate.EdgeClass) bool {
			return named(c, "FunctionGeneratedResponse", "LambdaGeneratedResponse", "MissGeneratedResponse")
		}))
		f = with(f, v.line(func(s *correlate.EdgeSample) bool {
			return strings.HasSuffix(s.DetailedResult, "GeneratedResponse") || strings.HasSuffix(s.Result, "GeneratedResponse")
		}))
		if assoc != nil {
			f = with(f, evidence("cloudfront:GetDistribution", "behavior "+v.Behavior.PathPattern, "%s runs at %s", assoc.ARN, assoc.EventType))
			if fn := v.facts().Functions[functionName(assoc.ARN)]; fn != nil && fn.Code.Known() && strings.Contains(fn.Code.Value, "403") {
				f = with(f, ofFact(fn.Code, fmt.Sprintf("line %d", 1+strings.Count(fn.Code.Value[:strings.Index(fn.Code.Value, "403")], "\n")), "the function's code has the status 403"))
			}
		}
		return fixed(f, v.functionRemedies(assoc)...)
	},
}

// functionUntold judges functions that leave no name in the line: all of them,
// where the log's fields leave the result types out; and those that run when the
// origin has answered, which may turn that answer into a 403.
func (v edgeView) functionUntold() checks.Finding {
	switch v.e.Reason {
	case correlate.NoOriginCached, correlate.NoOriginCollapsed, correlate.NoOriginNotS3:
		return ruledOut()
	}
	if !v.open() || v.blocked() {
		return ruledOut()
	}
	untyped := v.every(func(c *correlate.EdgeClass) bool {
		return c.Result == "" && c.ResponseResult == "" && c.DetailedResult == ""
	})
	if v.Behavior == nil {
		if untyped && v.Distribution == nil {
			return undecided("cloudfront:GetDistribution")
		}
		return ruledOut()
	}
	// S3 answers XML, or HTML at a website endpoint, and so does CloudFront.
	answered := v.some(func(c *correlate.EdgeClass) bool {
		foreign := c.ContentType != "" && !strings.HasPrefix(c.ContentType, "text/html") && !strings.HasSuffix(c.ContentType, "/xml")
		return c.OriginAsked == correlate.Yes || c.OriginAsked == correlate.Unknown && foreign
	}) != nil
	for i := range v.Behavior.Functions {
		a := &v.Behavior.Functions[i]
		response := a.EventType == "origin-response" || a.EventType == "viewer-response"
		if !untyped && !(response && answered) {
			continue
		}
		fn := v.facts().Functions[functionName(a.ARN)]
		if fn != nil && fn.Code.Known() && !strings.Contains(fn.Code.Value, "403") {
			continue
		}
		f := cause(checks.Possible, "%s runs at %s and may have answered 403; the log does not tell", functionName(a.ARN), a.EventType)
		f = with(f, v.line(nil), evidence("cloudfront:GetDistribution", "behavior "+v.Behavior.PathPattern, "%s runs at %s", a.ARN, a.EventType))
		return fixed(f, v.functionRemedies(a)...)
	}
	return ruledOut()
}

// functionName takes the name off a function's ARN: …:function/NAME, or
// …:function:NAME:VERSION for Lambda.
func functionName(arn string) string {
	if i := strings.Index(arn, ":function/"); i >= 0 {
		return arn[i+len(":function/"):]
	}
	if i := strings.Index(arn, ":function:"); i >= 0 {
		return arn[i+len(":function:"):]
	}
	return arn
}

// stackedOn returns the name of the distribution that is the origin, "" if the
// origin is none.
func (v edgeView) stackedOn() string {
	if v.Origin == nil {
		return ""
	}
	host := strings.ToLower(v.Origin.DomainName)
	if strings.HasSuffix(host, ".cloudfront.net") {
		return host
	}
	for _, d := range v.facts().Distributions {
		if d == nil || !d.Config.Known() || d.Config.Value == nil {
			continue
		}
		for _, a := range d.Config.Value.Aliases {
			if strings.EqualFold(a, host) {
				return host + " (distribution " + d.ID + ")"
			}
		}
	}
	return ""
}

var edgeStacked = &checks.Check{
	ID: "edge-stacked", Title: "The origin is another distribution, which refused the Host",
	Page: pageEdgeStacked, Rank: rankEdge + 7, Permissions: []string{"cloudfront:GetDistribution", "cloudfront:GetOriginRequestPolicy"},
	Edge: func(p *checks.EdgePass) checks.Finding {
		v := lookEdge(p)
		if !v.open() || v.e.Reason == correlate.NoOriginCached || v.e.Reason == correlate.NoOriginCollapsed {
			return ruledOut()
		}
		if v.Origin == nil {
			if v.Distribution == nil {
				return undecided("cloudfront:GetDistribution")
			}
			return ruledOut()
		}
		other := v.stackedOn()
		if other == "" {
			return ruledOut()
		}
		fw := forwards(v.facts(), v.Behavior, "Host")
		sure := checks.Possible
		why := "which refused the request"
		if fw == correlate.Yes {
			sure, why = checks.Likely, "and the behavior forwards the viewer's Host, which that distribution does not know"
			if v.some(func(c *correlate.EdgeClass) bool { return c.OriginAsked == correlate.Yes }) != nil {
				sure = checks.Proven
			}
		}
		f := cause(sure, "the origin is another CloudFront distribution, %s, %s", other, why)
		f = with(f, v.line(nil), evidence("cloudfront:GetDistribution", "Origins["+v.Origin.ID+"].DomainName", "the origin is %s", v.Origin.DomainName))
		return fixed(f, v.stackedRemedy())
	},
}

var edgeCachedError = &checks.Check{
	ID: "edge-cached-error", Title: "Served from the cache of an earlier refusal",
	Page: pageEdgeCachedError, Rank: rankEdge + 90, Permissions: nil,
	Edge: func(p *checks.EdgePass) checks.Finding {
		v := lookEdge(p)
		switch v.e.Reason {
		case correlate.NoOriginCached, correlate.NoOriginCollapsed:
		default:
			return ruledOut()
		}
		how := "CloudFront served an earlier refusal of s3://%s/%s again from its cache"
		if v.e.Reason == correlate.NoOriginCollapsed {
			how = "CloudFront answered with the refusal of s3://%s/%s that another viewer's request fetched at the same time"
		}
		f := cause(checks.Likely, how+": that key's finding has the cause", v.e.Bucket, printable(v.e.Key))
		f = with(f, v.line(nil), evidence("s3-log", "", "an S3 line with status 403 for the key stands shortly before"))
		if v.Distribution != nil {
			for _, r := range v.Distribution.ErrorResponses {
				if r.ErrorCode == 403 {
					f = with(f, evidence("cloudfront:GetDistribution", "CustomErrorResponses", "403 is cached for %d s (ErrorCachingMinTTL)", r.CachingMinTTL))
				}
			}
		}
		return fixed(f, v.cachedRemedy())
	},
}

var notS3Origin = &checks.Check{
	ID: "not-s3-origin", Title: "The origin that answered is not S3",
	Page: pageNotS3Origin, Rank: rankRequest, Permissions: getDistribution,
	Edge: func(p *checks.EdgePass) checks.Finding {
		v := lookEdge(p)
		if v.Origin == nil && v.e.Reason != correlate.NoOriginNotS3 {
			if v.Distribution == nil {
				return undecided("cloudfront:GetDistribution")
			}
			return ruledOut()
		}
		if v.Origin != nil && (v.Origin.S3 || correlate.ParseEndpoint(v.Origin.DomainName).Kind != correlate.EndpointOther || v.stackedOn() != "") {
			return ruledOut()
		}
		if !v.open() || v.blocked() || v.e.Reason == correlate.NoOriginCached || v.e.Reason == correlate.NoOriginCollapsed {
			return ruledOut()
		}
		if v.Origin != nil && strings.Contains(v.Origin.DomainName, ".s3express-") {
			return undecided("a log of the directory bucket, which S3 Express One Zone does not write")
		}
		for _, c := range []*checks.Check{edgeHTTPSOnly, edgeMethod, edgeSignedMissing, edgeSignedExpired, edgeSignedKey, edgeSignedInvalid} {
			if f := p.Finding(c); f.Verdict == checks.Cause {
				return ruledOut() // the origin was not asked
			}
		}
		asked := v.some(func(c *correlate.EdgeClass) bool { return c.OriginAsked == correlate.Yes }) != nil
		if !asked && v.pageAtOnce() {
			return undecided("the origin's log") // CloudFront's own page, as far as the line tells
		}
		body := v.some(func(c *correlate.EdgeClass) bool {
			return c.ContentType != "" && !strings.HasPrefix(c.ContentType, "text/html") && c.ContentType != "text/xml"
		}) != nil
		sure := checks.Likely
		if asked || body && !v.firewallMayAnswer() {
			sure = checks.Proven
		}
		name := or(v.e.OriginID, "of this path")
		if v.Origin != nil {
			name = v.Origin.ID + " (" + v.Origin.DomainName + ")"
			if v.Origin.VPC {
				name = v.Origin.ID + " (VPC origin)"
			}
		}
		f := cause(sure, "origin %s is not S3: look for the reason of the 403 there", name)
		f = with(f, v.line(nil))
		if v.Origin != nil {
			f = with(f, evidence("cloudfront:GetDistribution", "Origins["+v.Origin.ID+"].DomainName", "the origin is %s", v.Origin.DomainName))
		}
		return fixed(f, checks.Remedy{Title: "Look at the origin's own log and rules", Commands: v.originCommands()})
	},
}

// edgeAnswer is the time, in ms, within which an answer was hardly an origin's
// (observed lines: 0 or 1 at the edge, 4 and more at S3).
const edgeAnswer = 2

// pageAtOnce reports whether the requests were answered with an HTML page faster
// than an origin can.
func (v edgeView) pageAtOnce() bool {
	for i := range v.e.Samples {
		s := v.e.Samples[i].Edge
		if s == nil || s.TimeTaken < 0 || s.TimeTaken > edgeAnswer || !strings.HasPrefix(s.ContentType, "text/html") {
			return false
		}
	}
	return len(v.e.Samples) > 0
}

// turnedInto403 returns the custom error response that shows another status as
// 403, nil if none does.
func (v edgeView) turnedInto403() *correlate.ErrorResponse {
	if v.Distribution == nil {
		return nil
	}
	for i := range v.Distribution.ErrorResponses {
		if r := &v.Distribution.ErrorResponses[i]; r.ErrorCode != 403 && r.ResponseCode == 403 {
			return r
		}
	}
	return nil
}

var edgeUnattributed = &checks.Check{
	ID: "edge-unattributed", Title: "Made at the edge; the logs and settings at hand can't say by what",
	Page: pageEdgeUnattributed, Rank: rankEdge + 99, Permissions: getDistribution,
	Key: func(p *checks.KeyPass) checks.Finding {
		// Without an S3 line it is not even sure that S3 was asked.
		if v := look(p); !v.direct() && !v.contact() {
			return undecided("s3-log")
		}
		return ruledOut()
	},
	Edge: func(p *checks.EdgePass) checks.Finding {
		v := lookEdge(p)
		if v.otherwise("") || v.blocked() {
			return ruledOut()
		}
		for _, c := range []*checks.Check{edgeWAF, edgeFunction, edgeRequestBody} {
			if p.Finding(c).Verdict == checks.Cause {
				return ruledOut() // something names its maker, be it as possible
			}
		}
		switch v.e.Reason {
		case correlate.NoOriginEdge:
		case correlate.NoOriginNotS3:
			if !v.pageAtOnce() || p.Finding(notS3Origin).Verdict != checks.Undecided {
				return ruledOut()
			}
		case correlate.NoOriginUnknown, "":
			if v.every(func(c *correlate.EdgeClass) bool { return c.OriginAsked == correlate.Unknown }) && v.e.Reason == "" {
				return undecided("s3-log")
			}
		case correlate.NoOriginNoLog, correlate.NoOriginNotDelivered:
			return undecided("s3-log")
		default:
			return ruledOut()
		}
		sure := checks.Likely
		if v.e.Reason == correlate.NoOriginEdge || v.every(func(c *correlate.EdgeClass) bool { return c.OriginAsked == correlate.No }) {
			sure = checks.Proven
		}
		f := cause(sure, "CloudFront refused it without asking the origin, and the logs and settings at hand don't say why")
		f = with(f, v.line(nil))
		if r := v.turnedInto403(); r != nil && sure != checks.Proven {
			f.Summary = fmt.Sprintf("no line of S3's log says 403: it may be the origin's %d, which a custom error response of the distribution shows as 403", r.ErrorCode)
			f = with(f, evidence("cloudfront:GetDistribution", "CustomErrorResponses", "%d is answered with %s and status 403", r.ErrorCode, or(r.ResponsePagePath, "its own page")))
		}
		var next []string
		if v.Distribution == nil {
			next = append(next, "aws cloudfront get-distribution --id "+sh(v.id()))
		} else if v.Distribution.WebACLID != "" {
			next = append(next, "aws wafv2 get-logging-configuration --region us-east-1 --resource-arn "+sh(v.Distribution.WebACLID))
		}
		next = append(next, "curl -sS -D- -o /dev/null "+sh(v.url())+"   # Server: CloudFront or AmazonS3, X-Cache, the page's text")
		return fixed(f, checks.Remedy{Title: "Ask the page itself, and switch on what is missing", Commands: next})
	},
}

var unexplained = &checks.Check{
	ID: checks.Unexplained, Title: "No cause could be proven",
	Page: pageUnexplained, Rank: rankEdge + 100,
}
