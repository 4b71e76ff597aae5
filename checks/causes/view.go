package causes

import (
	"slices"
	"strings"

	"github.com/why403/why403/checks"
	"github.com/why403/why403/checks/access"
	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/checks/policy"
	"github.com/why403/why403/correlate"
)

// A view is a pass with the questions that many checks ask of it.
type view struct {
	*checks.KeyPass
	k *correlate.FailingKey
	s *access.Situation
	o *access.Outcome

	shared *shared
}

// shared is a pass's view, and what many checks look at.
type shared struct {
	view
	made   bool
	grants *grants
}

// Forget makes room for the next pass.
func (s *shared) Forget() { *s = shared{} }

// opening is how several checks begin: done says that f is their answer.
func opening(ask func(v view) (f checks.Finding, done bool)) *checks.Opening {
	return &checks.Opening{Ask: func(p *checks.KeyPass) (checks.Finding, bool) { return ask(look(p)) }}
}

func look(p *checks.KeyPass) view {
	s, _ := p.Shared.(*shared)
	if s == nil {
		s = new(shared)
		p.Shared = s
	}
	if !s.made {
		k := p.Key
		if k == nil {
			k = &correlate.FailingKey{}
		}
		s.made, s.view = true, view{p, k, p.Situation(), p.Outcome(), s}
	}
	return s.view
}

func (v view) facts() *facts.Facts { return v.s.Facts }

func (v view) website() bool   { return v.s.Access == correlate.AccessWebsite }
func (v view) anonymous() bool { return v.website() || v.s.Access == correlate.AccessAnonymous }
func (v view) direct() bool    { return v.k.Distribution == "" }

// reads reports whether the refused requests wanted to read an object.
func (v view) reads() bool { return v.s.Action == "" || v.s.Action == "s3:GetObject" }

// code returns the kind of S3 line with one of the error codes, nil if none.
func (v view) code(codes ...string) *correlate.OriginClass {
	for i := range v.k.Origin {
		for _, c := range codes {
			if v.k.Origin[i].ErrorCode == c || strings.HasSuffix(c, ".") && strings.HasPrefix(v.k.Origin[i].ErrorCode, c) {
				return &v.k.Origin[i]
			}
		}
	}
	return nil
}

// authorization reports whether the refusal can be one of permission: S3 said
// AccessDenied, or no S3 line is at hand.
func (v view) authorization() bool {
	if len(v.k.Origin) == 0 {
		return true
	}
	for i := range v.k.Origin {
		if c := &v.k.Origin[i]; c.Status == 403 && (c.ErrorCode == "AccessDenied" || c.ErrorCode == "") {
			return true
		}
	}
	return false
}

// authorized reports whether S3's own error code shows that it let the request
// pass and refused it for the object's sake.
func (v view) authorized() bool {
	return !v.authorization() && v.code("InvalidObjectState", "NoSuchKey", "KMS.") != nil
}

// contact reports whether it is sure that S3 was asked and refused.
func (v view) contact() bool {
	if len(v.k.Origin) > 0 {
		return true
	}
	for i := range v.k.Edge {
		c := &v.k.Edge[i]
		if c.OriginAsked == correlate.Yes || c.ContentType == "application/xml" {
			return true
		}
	}
	return false
}

// sure is the certainty of a cause that documented rules and settled facts
// carry. Settings are read later than the log: a success of the same key after
// a refusal shows that they changed. conditional says that the cause depends on
// the single request (its address, header, protocol or method): then others may
// have succeeded.
func (v view) sure(guess, conditional bool) checks.Certainty {
	switch {
	case guess:
		return checks.Possible
	case !v.contact(), !conditional && (v.k.OKAfter > 0 || v.k.First > 0 && v.k.LastOK > v.k.First):
		return checks.Likely
	}
	return checks.Proven
}

// everyKey is sure for a cause that refuses every key of the bucket: successes
// of others speak against it.
func (v view) everyKey(guess bool) checks.Certainty {
	c := v.sure(guess, false)
	if v.Served > 0 {
		c = weaker(c, checks.Likely)
	}
	return c
}

// refusal is the evidence of S3's own line, or of CloudFront's where no S3
// line is at hand.
func (v view) refusal() checks.Evidence {
	for i := range v.k.Samples {
		if o := v.k.Samples[i].Origin; o != nil {
			return evidence("s3-log", lineRef(o.Ref), "%d %s for %s by %s", o.Status, or(o.ErrorCode, "without an error code"), o.Operation, requester(o.Requester))
		}
	}
	if len(v.k.Origin) > 0 {
		c := &v.k.Origin[0]
		return evidence("s3-log", "", "%d %s for %s by %s", c.Status, or(c.ErrorCode, "without an error code"), c.Operation, requester(c.Requester))
	}
	for i := range v.k.Samples {
		if e := v.k.Samples[i].Edge; e != nil {
			return evidence("cloudfront-log", lineRef(e.Ref), "%d %s %s", e.Status, or(e.DetailedResult, e.Result), e.ContentType)
		}
	}
	return checks.Evidence{}
}

func requester(r string) string {
	switch {
	case r == "":
		return "an anonymous requester"
	case len(r) == 64:
		return "the canonical user " + access.Abbreviate(r)
	}
	return r
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// who names the requester in a sentence.
func (v view) who() string {
	switch v.s.Access {
	case correlate.AccessOAC:
		return "CloudFront's origin access control"
	case correlate.AccessOAI:
		if v.Origin != nil && v.Origin.OriginAccessIdentity != "" {
			return "origin access identity " + v.Origin.OriginAccessIdentity
		}
		return "the origin access identity"
	case correlate.AccessIAM:
		if v.s.Principal.ARN != "" {
			return v.s.Principal.ARN
		}
		return "the signed requester"
	case correlate.AccessWebsite:
		return "anonymous requests to the website endpoint"
	case correlate.AccessAnonymous:
		return "anonymous requests"
	}
	return "the requester"
}

// objectRef is s3://bucket/key, quoted for a sentence when it must be.
func (v view) object() string { return "s3://" + v.s.Bucket + "/" + printable(v.s.Key) }

// printable quotes a key only where a plain print would mislead.
func printable(key string) string {
	q := quote(key)
	if q == `"`+key+`"` {
		return key
	}
	return q
}

// statements returns the bucket policy's statements with the effect.
func (v view) statements(effect string) []policy.Explanation {
	var list []policy.Explanation
	for _, e := range v.o.Statements() {
		if e.In == "bucketPolicy" && e.Effect == effect {
			list = append(list, e)
		}
	}
	return list
}

// element says whether the elements of that name match.
func element(e *policy.Explanation, name string) policy.Tri {
	t := policy.True
	for i := range e.Elements {
		if n := e.Elements[i].Element; n == name || n == "Not"+name {
			t = t.And(e.Elements[i].Match)
		}
	}
	return t
}

func elementOf(e *policy.Explanation, name string) *policy.ElementExplanation {
	for i := range e.Elements {
		if n := e.Elements[i].Element; n == name || n == "Not"+name {
			return &e.Elements[i]
		}
	}
	return &policy.ElementExplanation{}
}

// conditions returns the conditions with that truth.
func conditions(e *policy.Explanation, t policy.Tri) []policy.ElementExplanation {
	var list []policy.ElementExplanation
	for _, el := range e.Elements {
		if el.Element == "Condition" && el.Match == t {
			list = append(list, el)
		}
	}
	return list
}

func allKeys(conds []policy.ElementExplanation, keys ...string) bool {
	for i := range conds {
		ok := false
		for _, k := range keys {
			ok = ok || strings.EqualFold(conds[i].Key, k)
		}
		if !ok {
			return false
		}
	}
	return len(conds) > 0
}

// grants sorts the Allow statements that do not apply by what keeps them.
type grants struct {
	referer, source, unmet []policy.Explanation // conditions are false: aws:Referer; the distribution; others
	gap                    []policy.Explanation // the Resource does not cover the key
	other                  []policy.Explanation // for another requester
}

func (v view) grants() grants {
	if g := v.shared.grants; g != nil {
		return *g
	}
	var g grants
	for _, e := range v.statements("Allow") {
		if element(&e, "Action") != policy.True || e.Match != policy.False {
			continue
		}
		who, res := element(&e, "Principal"), element(&e, "Resource")
		switch {
		case who == policy.False:
			g.other = append(g.other, e)
		case res == policy.False && v.s.Access == correlate.AccessOAC && allKeys(conditions(&e, policy.False), "aws:SourceArn", "aws:SourceAccount"):
			g.other = append(g.other, e) // of another distribution
		case res == policy.False:
			g.gap = append(g.gap, e)
		case who == policy.True && res == policy.True:
			switch failed := conditions(&e, policy.False); {
			case allKeys(failed, "aws:Referer"):
				g.referer = append(g.referer, e)
			case v.s.Access == correlate.AccessOAC && allKeys(failed, "aws:SourceArn", "aws:SourceAccount"):
				g.source = append(g.source, e)
			default:
				g.unmet = append(g.unmet, e)
			}
		}
	}
	// Nothing that is appended to one of them gets into another.
	g = grants{slices.Clip(g.referer), slices.Clip(g.source), slices.Clip(g.unmet), slices.Clip(g.gap), slices.Clip(g.other)}
	v.shared.grants = &g
	return g
}

// refererDenies splits the Deny statements that match into those that only ask
// for a Referer and the others.
func (v view) refererDenies() (referer, others []policy.Explanation) {
	if !v.o.Denied {
		return nil, nil
	}
	for _, e := range v.statements("Deny") {
		if e.Match != policy.True {
			continue
		}
		if allKeys(conditions(&e, policy.True), "aws:Referer") {
			referer = append(referer, e)
		} else {
			others = append(others, e)
		}
	}
	return referer, others
}

// policyMissing is what keeps the bucket policy from being read.
func (v view) policyMissing() []string {
	f := &v.s.BucketFacts.Policy
	if v.o.PolicyError != nil {
		return []string{"a valid bucket policy (" + v.o.PolicyError.Error() + ")"}
	}
	if f.Settled() {
		return nil
	}
	return facts.One(or(f.Missing(), "s3:GetBucketPolicy"))
}

// asked reports whether a viewer's path is exactly the given one.
func (v view) asked(path string) bool {
	for _, u := range v.k.URIs {
		if correlate.WirePath(u) == path {
			return true
		}
	}
	return false
}

// originPrefix is the origin path as it begins a key: "" or "site/".
func (v view) originPrefix() string {
	if v.Origin == nil || v.Origin.OriginPath == "" {
		return ""
	}
	return strings.TrimPrefix(v.Origin.OriginPath, "/") + "/"
}
