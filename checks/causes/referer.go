package causes

import (
	_ "embed"
	"strings"

	"github.com/why403/why403/checks"
	"github.com/why403/why403/checks/access"
	"github.com/why403/why403/checks/policy"
	"github.com/why403/why403/correlate"
)

//go:embed pages/referer-mismatch.md
var pageRefererMismatch string

//go:embed pages/referer-absent.md
var pageRefererAbsent string

//go:embed pages/referer-forwarded.md
var pageRefererForwarded string

//go:embed pages/referer-deny-only.md
var pageRefererDenyOnly string

// refererState says what became of the Referer on its way to S3.
type refererState uint8

const (
	refererUnknown refererState = iota
	refererNone                 // S3 saw none
	refererOther                // S3 saw another token
	refererViewer               // S3 saw the viewer's own
)

// A refererCase is a policy that wants a Referer and a request without the
// right one.
type refererCase struct {
	statements []policy.Explanation
	state      refererState
	forwarded  correlate.Tri
	header     bool // the origin has the custom header
	fits       bool // and its value is one that the policy names
}

// beginReferer is how the referer checks begin.
var beginReferer = opening(func(v view) (checks.Finding, bool) {
	_, f, done := v.refererOf()
	return f, done
})

// refererOf looks at the statements that ask for a Referer. done is true when
// none of the referer checks applies.
func (v view) refererOf() (c refererCase, f checks.Finding, done bool) {
	if f, done := v.Open(beginGrant); done {
		return c, *f, true
	}
	denies, _ := v.refererDenies()
	c.statements = denies
	if v.o.ByPolicy != correlate.Yes && v.o.ByACL != correlate.Yes {
		c.statements = append(denies, v.grants().referer...)
	}
	if len(c.statements) == 0 {
		if !v.o.Unclear {
			return c, ruledOut(), true
		}
		for _, e := range v.o.Statements() {
			if e.In == "bucketPolicy" && e.Match == policy.Unknown && allKeys(conditions(&e, policy.Unknown), "aws:Referer") {
				return c, undecided("s3-log", "cloudfront:GetDistribution"), true
			}
		}
		return c, ruledOut(), true
	}
	value := v.s.Context().Get("aws:Referer")
	c.forwarded = forwards(v.facts(), v.Behavior, "Referer")
	if h, ok := access.CustomHeader(v.Origin, "Referer"); ok {
		c.header = true
		c.fits = v.refererFits(c.statements, h)
	}
	looksViewer := false
	for _, r := range v.refererValues() {
		looksViewer = looksViewer || v.pageURL(r)
	}
	switch {
	case value.State == policy.Undefined:
		c.state = refererUnknown
	case !v.direct() && (looksViewer || c.forwarded == correlate.Yes && !c.header):
		c.state = refererViewer
	case value.State == policy.Absent:
		c.state = refererNone
	default:
		c.state = refererOther
	}
	return c, f, false
}

// refererValues returns the Referers that S3 logged for CloudFront's fetches.
func (v view) refererValues() []string {
	var list []string
	for i := range v.k.Origin {
		if r := string(v.k.Origin[i].Referer); r != "" {
			list = append(list, r)
		}
	}
	for i := range v.k.Samples {
		if o := v.k.Samples[i].Origin; o != nil && o.Referer != "" {
			list = append(list, string(o.Referer))
		}
	}
	return list
}

// pageURL reports whether a Referer is the address of a page rather than a
// token. A secret may be written as a URL: then it is the origin's header.
func (v view) pageURL(r string) bool {
	low := strings.ToLower(r)
	if !strings.HasPrefix(low, "http://") && !strings.HasPrefix(low, "https://") {
		return false
	}
	if h, ok := access.CustomHeader(v.Origin, "Referer"); ok && h == v.facts().Masked(r) {
		return false
	}
	_, host, _ := strings.Cut(low, "://")
	if i := strings.IndexAny(host, "/?#:"); i >= 0 {
		host = host[:i]
	}
	for i := range v.k.Edge {
		if strings.EqualFold(v.k.Edge[i].Host, host) {
			return true
		}
	}
	if v.Distribution != nil {
		for _, a := range append([]string{v.Distribution.DomainName}, v.Distribution.Aliases...) {
			if strings.EqualFold(a, host) {
				return true
			}
		}
	}
	return forwards(v.facts(), v.Behavior, "Referer") != correlate.No
}

// refererFits reports whether the statements would be content with a Referer.
func (v view) refererFits(statements []policy.Explanation, value string) bool {
	s := v.s.Clone()
	s.Context().Set("aws:Referer", value)
	o := access.Judge(s)
	for i := range statements {
		for _, e := range o.Statements() {
			if e.In != statements[i].In || e.Index != statements[i].Index {
				continue
			}
			if (e.Effect == "Allow") != (e.Match == policy.True) {
				return false
			}
		}
	}
	return true
}

// refererWanted is the evidence of the statement that asks for a Referer.
func (v view) refererWanted(e *policy.Explanation) checks.Evidence {
	match := policy.False
	if e.Effect == "Deny" {
		match = policy.True
	}
	return v.policyFact(access.Ref(e)+conditionRef(e, match), "Effect %s asks for a Referer (masked)", e.Effect)
}

// refererSeen is the evidence of the line that shows the Referer.
func (v view) refererSeen(state refererState) checks.Evidence {
	switch state {
	case refererNone:
		return originLine(v.k, func(o *correlate.OriginSample) bool { return o.Referer == "" }, `the line's Referer is "-"`)
	case refererViewer:
		return originLine(v.k, func(o *correlate.OriginSample) bool { return v.pageURL(string(o.Referer)) }, "the line's Referer is the address of a page")
	}
	return originLine(v.k, func(o *correlate.OriginSample) bool { return o.Referer != "" }, "the line's Referer (masked) differs from the policy's")
}

func refererCheck(id, title, page string, rank int, state refererState) *checks.Check {
	return &checks.Check{
		ID: id, Title: title, Page: page, Rank: rank,
		Permissions: []string{"s3:GetBucketPolicy", "cloudfront:GetDistribution"},
		Access:      checks.AnyAccess &^ checks.IAM, // a member's own policies may allow it
		Opening:     beginReferer,
		Key: func(p *checks.KeyPass) checks.Finding {
			v := look(p)
			c, _, _ := v.refererOf()
			var f checks.Finding
			if c.state == refererUnknown {
				return undecided("s3-log", "cloudfront:GetDistribution")
			}
			if c.state != state {
				return ruledOut()
			}
			e := &c.statements[0]
			guess := v.s.Guesses["aws:referer"]
			sure := v.sure(guess, true)
			if e.Effect == "Allow" {
				sure = v.grantSure(guess, true)
			}
			wants := access.Name(e)
			if v.direct() {
				sent := "sent another Referer than"
				if state == refererNone {
					sent = "sent no Referer, which"
				}
				f = cause(sure, "the client came to S3 past CloudFront and %s %s of the bucket policy wants: refused as intended", sent, wants)
				return with(f, v.refererWanted(e), v.refererSeen(state), v.refusal())
			}
			switch state {
			case refererNone:
				switch {
				case c.header && c.fits:
					f = cause(weaker(sure, checks.Likely), "%s of the bucket policy wants a Referer and S3 saw none, though the origin's custom header has the right one now: it was added since, or another origin served the request", wants)
				case v.Origin == nil:
					f = cause(sure, "%s of the bucket policy wants a Referer, and S3 saw none", wants)
				default:
					f = cause(sure, "%s of the bucket policy wants a Referer, and CloudFront sends none: origin %s has no custom header Referer", wants, v.Origin.ID)
					if c.header {
						f = cause(sure, "%s of the bucket policy wants a Referer, and S3 saw none", wants)
					}
				}
			case refererViewer:
				f = cause(sure, "%s of the bucket policy wants a secret Referer, and the viewer's own reaches S3 instead", wants)
			default:
				switch {
				case c.header && c.fits:
					f = cause(weaker(sure, checks.Likely), "the Referer that S3 saw is not the one that %s of the bucket policy wants; the origin's custom header has the right one now", wants)
				case c.header:
					f = cause(sure, "the Referer that CloudFront sends (custom header of origin %s) is not the one that %s of the bucket policy wants", v.Origin.ID, wants)
				default:
					f = cause(sure, "the Referer that S3 saw is not the one that %s of the bucket policy wants", wants)
				}
			}
			f = with(f, v.refererWanted(e), v.refererSeen(state))
			if v.Origin != nil {
				fact := "origin " + v.Origin.ID + " has no custom header Referer"
				if c.header {
					fact = "origin " + v.Origin.ID + " has a custom header Referer that differs from the policy's (both masked)"
					if c.fits {
						fact = "origin " + v.Origin.ID + " has a custom header Referer that fits the policy (both masked)"
					}
				}
				f = with(f, evidence("cloudfront:GetDistribution", "Origins.CustomHeaders", "%s", fact))
			}
			if state == refererViewer && c.forwarded == correlate.Yes {
				f = with(f, evidence("cloudfront:GetDistribution", "behavior "+v.Behavior.PathPattern, "the behavior forwards the viewer's Referer"))
			}
			return fixed(with(f, v.refusal()), v.refererRemedies(c)...)
		},
	}
}

var (
	refererMismatch = refererCheck("referer-mismatch", "The Referer that S3 saw is not the one in the bucket policy",
		pageRefererMismatch, rankGrant+53, refererOther)
	refererAbsent = refererCheck("referer-absent", "The bucket policy wants a Referer, and CloudFront sends none",
		pageRefererAbsent, rankGrant+51, refererNone)
	refererForwarded = refererCheck("referer-forwarded", "The viewer's own Referer reaches S3 instead of the secret",
		pageRefererForwarded, rankGrant+52, refererViewer)
)

// refererDenyOnly reports whether the policy refuses wrong Referers and no
// statement allows the right one.
func (v view) refererDenyOnly() bool {
	if v.direct() || v.o.ByPolicy != correlate.No || v.o.ByACL == correlate.Yes {
		return false
	}
	g := v.grants()
	if len(g.referer)+len(g.unmet)+len(g.gap)+len(g.source) > 0 {
		return false
	}
	return len(v.refererDenyStatements()) > 0
}

func (v view) refererDenyStatements() []policy.Explanation {
	var list []policy.Explanation
	for _, e := range v.statements("Deny") {
		if element(&e, "Action") != policy.True || element(&e, "Principal") == policy.False {
			continue
		}
		for _, el := range e.Elements {
			if el.Element == "Condition" && strings.EqualFold(el.Key, "aws:Referer") {
				list = append(list, e)
				break
			}
		}
	}
	return list
}

var refererDenyOnly = &checks.Check{
	ID: "referer-deny-only", Title: "The bucket policy denies a wrong Referer, but no statement allows the right one",
	Page: pageRefererDenyOnly, Rank: rankGrant + 54, Permissions: getPolicy, Viewers: true, Opening: beginUngranted,
	Key: func(p *checks.KeyPass) checks.Finding {
		v := look(p)
		if v.o.ByPolicy == correlate.Unknown {
			return waits(v.o.PolicyStep.Missing)
		}
		if !v.refererDenyOnly() {
			return ruledOut()
		}
		denies := v.refererDenyStatements()
		e := &denies[0]
		f := cause(v.grantSure(false, false), "the bucket policy denies a wrong Referer (%s), but no statement allows the right one: nothing grants the read", access.Name(e))
		f = with(f, v.policyFact(access.Ref(e), "Effect Deny asks for a Referer; there is no Allow for %s", v.who()))
		return fixed(with(f, v.refusal()), append(v.refererAllow(), v.grantRemedies()...)...)
	},
}
