package causes

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/why403/why403/checks"
	"github.com/why403/why403/checks/access"
	"github.com/why403/why403/checks/policy"
	"github.com/why403/why403/correlate"
)

//go:embed pages/policy-no-allow.md
var pagePolicyNoAllow string

//go:embed pages/policy-other-access.md
var pagePolicyOtherAccess string

//go:embed pages/policy-resource-gap.md
var pagePolicyResourceGap string

//go:embed pages/policy-condition-unmet.md
var pagePolicyConditionUnmet string

//go:embed pages/policy-deny.md
var pagePolicyDeny string

//go:embed pages/oai-mismatch.md
var pageOAIMismatch string

//go:embed pages/oac-source-arn.md
var pageOACSourceARN string

var getPolicy = []string{"s3:GetBucketPolicy"}

// beginGrant is how the checks on grants begin.
var beginGrant = opening(func(v view) (f checks.Finding, done bool) {
	switch {
	case v.direct() && v.s.Action == "s3:ListBucket":
		// A stranger asks for the list of keys.
	case !v.reads() || v.s.Key == "":
		return notApplicable(), true
	}
	switch {
	case v.authorized():
		return ruledOut(), true // S3's error code shows that it let the request pass
	case !v.authorization():
		return notApplicable(), true
	case len(v.policyMissing()) > 0:
		return waits(v.policyMissing()), true
	}
	return checks.Finding{}, false
})

// beginDenied is how the checks on what refuses a request whoever may read begin.
var beginDenied = opening(func(v view) (f checks.Finding, done bool) {
	switch {
	case v.authorized():
		return ruledOut(), true
	case !v.authorization():
		return notApplicable(), true
	}
	return checks.Finding{}, false
})

// beginUngranted is beginGrant for the checks that look for what is not granted.
var beginUngranted = opening(func(v view) (f checks.Finding, done bool) {
	if f, done := v.Open(beginGrant); done {
		return *f, true
	}
	switch {
	case v.o.ByPolicy == correlate.Yes, v.o.ByACL == correlate.Yes:
		return ruledOut(), true
	case v.s.Access == correlate.AccessUnknown || v.s.Access == "":
		return undecided("s3-log", "cloudfront:GetDistribution"), true
	}
	return checks.Finding{}, false
})

// grantSure is the certainty of a cause that says that the policy does not
// grant it: an ACL may, as long as it is not known.
func (v view) grantSure(guess, conditional bool) checks.Certainty {
	c := v.sure(guess, conditional)
	if v.o.ByACL == correlate.Unknown {
		c = weaker(c, checks.Likely)
	}
	return c
}

func (v view) policyFact(ref, format string, args ...any) checks.Evidence {
	f := v.s.BucketFacts.Policy
	return evidence(or(f.Call, "s3:GetBucketPolicy"), ref, format, args...)
}

var policyDeny = &checks.Check{
	ID: "policy-deny", Title: "A Deny statement of the bucket policy matches",
	Page: pagePolicyDeny, Rank: rankDeny + 20, Permissions: []string{"s3:GetBucketPolicy", "s3:GetAccessPointPolicy"},
	Key: func(p *checks.KeyPass) checks.Finding {
		v := look(p)
		if v.s.Key == "" && v.s.Action != "s3:ListBucket" {
			return notApplicable()
		}
		if v.authorized() {
			return ruledOut()
		}
		if !v.authorization() {
			return notApplicable()
		}
		if m := v.policyMissing(); len(m) > 0 {
			return waits(m)
		}
		_, denies := v.refererDenies()
		if v.s.Access == correlate.AccessIAM {
			// The Referer of a signed request is the client's own affair.
			more, _ := v.refererDenies()
			denies = append(denies, more...)
		}
		if st := v.o.Step(access.GateAccessPoint); st != nil && len(denies) == 0 {
			switch {
			case v.o.Point == access.PointDeny:
				f := with(cause(v.sure(st.Guess, true), "%s", st.Because), st.Evidence...)
				return fixed(with(f, v.refusal()), v.pointRemedy())
			case st.Blocks == correlate.Unknown:
				return waits(st.Missing)
			}
		}
		if len(denies) == 0 {
			if st := v.o.Step(access.GatePolicyDeny); st != nil && st.Blocks == correlate.Unknown {
				return waits(st.Missing)
			}
			return ruledOut()
		}
		e := &denies[0]
		conditional := len(conditions(e, policy.True)) > 0
		guess := false
		for i := range denies {
			guess = guess || v.guessed(&denies[i])
		}
		c := v.documented(v.sure(guess, conditional))
		f := v.noted(cause(c, "the bucket policy's %s denies it%s", access.Name(e), reasons(e, policy.True)))
		for i := range denies {
			e := &denies[i]
			f = with(f, v.policyFact(access.Ref(e)+conditionRef(e, policy.True), "Effect Deny matches %s%s", v.who(), reasons(e, policy.True)))
		}
		return fixed(with(f, v.refusal()), v.denyRemedies(denies)...)
	},
}

// documented caps a certainty where the policy's answer rests on rules that AWS
// does not document.
func (v view) documented(c checks.Certainty) checks.Certainty {
	if len(v.o.Notes) > 0 {
		return weaker(c, checks.Likely)
	}
	return c
}

func (v view) noted(f checks.Finding) checks.Finding {
	for _, n := range v.o.Notes {
		f = with(f, v.policyFact("", "not documented by AWS: %s", n))
	}
	return f
}

// guessed reports whether a statement's answer rests on a key whose value no
// document states.
func (v view) guessed(e *policy.Explanation) bool { return v.s.Guessed(e) }

// reasons says which conditions have the given truth: ", because …".
func reasons(e *policy.Explanation, t policy.Tri) string {
	conds := conditions(e, t)
	if len(conds) == 0 {
		return ""
	}
	parts := make([]string, len(conds))
	for i := range conds {
		parts[i] = access.Condition(&conds[i])
	}
	return ": " + strings.Join(parts, " and ")
}

func conditionRef(e *policy.Explanation, t policy.Tri) string {
	conds := conditions(e, t)
	if len(conds) == 0 {
		return ""
	}
	return fmt.Sprintf(".Condition.%s.%s", conds[0].Operator, conds[0].Key)
}

var policyConditionUnmet = &checks.Check{
	ID: "policy-condition-unmet", Title: "An Allow statement covers the key, but its condition is not met",
	Page: pagePolicyConditionUnmet, Rank: rankGrant + 60, Permissions: getPolicy, Opening: beginUngranted,
	Key: func(p *checks.KeyPass) checks.Finding {
		v := look(p)
		g := v.grants()
		unmet := g.unmet
		if v.s.Access == correlate.AccessIAM {
			unmet = append(unmet, g.referer...)
		}
		if len(unmet) == 0 {
			if v.o.ByPolicy == correlate.Unknown {
				return waits(v.o.PolicyStep.Missing)
			}
			return ruledOut()
		}
		e := &unmet[0]
		guess := false
		for i := range unmet {
			guess = guess || v.guessed(&unmet[i])
		}
		f := v.noted(cause(v.documented(v.grantSure(guess, true)), "%s of the bucket policy would allow it, but its condition is not met%s", access.Name(e), reasons(e, policy.False)))
		for i := range unmet {
			f = with(f, v.policyFact(access.Ref(&unmet[i])+conditionRef(&unmet[i], policy.False), "Effect Allow, condition not met%s", reasons(&unmet[i], policy.False)))
		}
		return fixed(with(f, v.refusal()), v.conditionRemedies(unmet)...)
	},
}

var policyResourceGap = &checks.Check{
	ID: "policy-resource-gap", Title: "An Allow statement exists, but its Resource does not cover the key",
	Page: pagePolicyResourceGap, Rank: rankGrant + 70, Permissions: getPolicy, Opening: beginUngranted,
	Key: func(p *checks.KeyPass) checks.Finding {
		v := look(p)
		if v.o.ByPolicy == correlate.Unknown {
			return waits(v.o.PolicyStep.Missing)
		}
		g := v.grants()
		if len(g.gap) == 0 || len(g.unmet)+len(g.referer)+len(g.source) > 0 {
			return ruledOut()
		}
		e := &g.gap[0]
		res := elementOf(e, "Resource")
		c := v.grantSure(false, false)
		if v.rewritten() {
			c = weaker(c, checks.Likely)
		}
		f := cause(c, "%s of the bucket policy allows %s to read %s, which does not cover %s", access.Name(e), v.who(), list(res.Policy, 3), printable(v.s.Key))
		for i := range g.gap {
			r := elementOf(&g.gap[i], "Resource")
			f = with(f, v.policyFact(access.Ref(&g.gap[i])+"."+r.Element, "%s is %s", r.Element, list(r.Policy, 5)))
		}
		return fixed(with(f, v.refusal()), v.gapRemedies(g.gap)...)
	},
}

// ways sorts grants for other requesters by the kind of access they serve.
type ways struct{ oac, oai, others []policy.Explanation }

func (v view) ways(other []policy.Explanation) ways {
	var w ways
	for _, e := range other {
		oac, oai := false, false
		for _, name := range elementOf(&e, "Principal").Policy {
			switch {
			case strings.HasSuffix(name, access.CloudFrontService):
				oac = true
			case isOAI(name):
				oai = true
			case v.knownIdentity(name):
				oai = true
			}
		}
		switch {
		case oac:
			w.oac = append(w.oac, e)
		case oai:
			w.oai = append(w.oai, e)
		default:
			w.others = append(w.others, e)
		}
	}
	return w
}

// isOAI recognises the forms in which a policy names an origin access identity,
// be it the unique id of a deleted one.
func isOAI(name string) bool {
	name = name[strings.IndexByte(name, '=')+1:]
	return strings.Contains(name, ":iam::cloudfront:user/")
}

func (v view) knownIdentity(canonical string) bool {
	for _, f := range v.facts().Identities {
		if f.Known() && f.Value.S3CanonicalUserID != "" && strings.HasSuffix(canonical, f.Value.S3CanonicalUserID) {
			return true
		}
	}
	return false
}

var oaiMismatch = &checks.Check{
	ID: "oai-mismatch", Title: "The bucket policy names another, or a deleted, origin access identity",
	Page: pageOAIMismatch, Rank: rankGrant + 40, Permissions: []string{"s3:GetBucketPolicy", "cloudfront:GetCloudFrontOriginAccessIdentity"},
	Access: checks.OAI, Opening: beginUngranted,
	Key: func(p *checks.KeyPass) checks.Finding {
		v := look(p)
		if v.o.ByPolicy == correlate.Unknown {
			return undecided(append([]string{"cloudfront:GetCloudFrontOriginAccessIdentity"}, v.o.PolicyStep.Missing...)...)
		}
		w := v.ways(v.grants().other)
		var named []policy.Explanation
		named = append(named, w.oai...)
		deleted, unsure := false, false
		for _, e := range w.others {
			for _, name := range elementOf(&e, "Principal").Policy {
				if n := name[strings.IndexByte(name, '=')+1:]; len(n) >= 16 && strings.HasPrefix(n, "AIDA") {
					named, deleted = append(named, e), true
				}
				if n := strings.TrimPrefix(name, "CanonicalUser:"); isHex64(n) {
					named, unsure = append(named, e), true
				}
			}
		}
		if len(named) == 0 {
			return ruledOut()
		}
		e := &named[0]
		names := elementOf(e, "Principal").Policy
		c := v.grantSure(false, false)
		switch {
		case len(w.oai) > 0:
		case deleted:
			c = weaker(c, checks.Possible) // the form of a deleted identity is a guess for OAIs
		case unsure:
			c = weaker(c, checks.Likely) // it may be an account's id as well
		}
		f := cause(c, "the bucket policy lets %s read, and the origin uses %s", list(names, 2), v.who())
		f = with(f, v.policyFact(access.Ref(e)+".Principal", "Principal is %s", list(names, 3)))
		if v.Origin != nil {
			f = with(f, evidence("cloudfront:GetDistribution", "S3OriginConfig.OriginAccessIdentity", "origin %s uses %s", v.Origin.ID, v.Origin.OriginAccessIdentity))
		}
		return fixed(with(f, v.refusal()), v.grantRemedies()...)
	},
}

func isHex64(s string) bool {
	if len(s) != 64 {
		return false
	}
	for i := range len(s) {
		if !strings.ContainsRune("0123456789abcdef", rune(s[i])) {
			return false
		}
	}
	return true
}

var policyOtherAccess = &checks.Check{
	ID: "policy-other-access", Title: "The only grants are for another kind of access",
	Page: pagePolicyOtherAccess, Rank: rankGrant + 50, Permissions: getPolicy, Opening: beginUngranted,
	Key: func(p *checks.KeyPass) checks.Finding {
		v := look(p)
		if v.o.ByPolicy == correlate.Unknown {
			return waits(v.o.PolicyStep.Missing)
		}
		g := v.grants()
		if len(g.unmet)+len(g.referer)+len(g.source)+len(g.gap) > 0 {
			return ruledOut()
		}
		w := v.ways(g.other)
		var other []policy.Explanation
		kind, signs := "", false
		switch v.s.Access {
		case correlate.AccessOAC:
			other, kind = w.oai, "an origin access identity, and the origin uses an origin access control"
		case correlate.AccessOAI:
			other, kind = w.oac, "CloudFront's service principal, and the origin uses an origin access identity"
			if len(w.oai) > 0 {
				return ruledOut() // oai-mismatch
			}
		case correlate.AccessWebsite:
			other, kind = append(w.oac, w.oai...), "CloudFront's own identity, and the origin is a website endpoint, where every request is anonymous"
		case correlate.AccessAnonymous:
			if v.unsignedBy() != "" || v.direct() {
				return ruledOut() // oac-not-attached, oac-signing-off or policy-no-allow names it
			}
			if v.Origin != nil && v.Origin.OriginAccessControlID != "" {
				signs = v.facts().AccessControl[v.Origin.OriginAccessControlID].Known()
			}
			if len(w.oac) > 0 {
				for _, c := range []*checks.Check{oacNotAttached, oacSigningOff} {
					if f := p.Finding(c); f.Verdict == checks.Undecided {
						return waits(f.Missing) // it tells why the request was not signed
					}
				}
			}
			other, kind = append(w.oac, w.oai...), "CloudFront's own identity, and the request was not signed"
		default:
			return notApplicable()
		}
		if len(other) == 0 || v.ownerOrACL() {
			return ruledOut()
		}
		e := &other[0]
		c := v.grantSure(false, false)
		if signs {
			c, kind = weaker(c, checks.Likely), kind+", though the origin's access control signs now: it was attached since, or another origin served the request"
		}
		f := cause(c, "%s of the bucket policy grants the read to %s", access.Name(e), kind)
		f = with(f, v.policyFact(access.Ref(e)+".Principal", "Principal is %s", list(elementOf(e, "Principal").Policy, 3)))
		return fixed(with(f, v.refusal()), v.grantRemedies()...)
	},
}

var oacSourceARN = &checks.Check{
	ID: "oac-source-arn", Title: "The bucket policy's AWS:SourceArn or AWS:SourceAccount names another distribution",
	Page: pageOACSourceARN, Rank: rankGrant + 30, Permissions: []string{"s3:GetBucketPolicy", "cloudfront:GetDistribution"},
	Access: checks.OAC, Opening: beginUngranted,
	Key: func(p *checks.KeyPass) checks.Finding {
		v := look(p)
		g := v.grants()
		source := g.source
		if len(source) == 0 && v.Distribution == nil {
			if v.o.ByPolicy == correlate.Unknown {
				return undecided("cloudfront:GetDistribution")
			}
		}
		if len(source) == 0 {
			if v.o.ByPolicy == correlate.Unknown {
				return waits(v.o.PolicyStep.Missing)
			}
			return ruledOut()
		}
		e := &source[0]
		cond := conditions(e, policy.False)[0]
		// Which ARN a staging distribution's requests bear is a guess.
		staging := v.Distribution != nil && v.Distribution.Staging
		f := cause(v.grantSure(staging, false), "%s of the bucket policy admits CloudFront only for %s %s, and the distribution is %s",
			access.Name(e), cond.Key, list(cond.Policy, 2), or(strings.Join(cond.Request, ", "), v.k.Distribution))
		for i := range source {
			f = with(f, v.policyFact(access.Ref(&source[i])+conditionRef(&source[i], policy.False), "condition not met%s", reasons(&source[i], policy.False)))
		}
		if v.Distribution != nil {
			f = with(f, evidence("cloudfront:GetDistribution", "ARN", "the distribution's ARN is %s", v.Distribution.ARN))
		}
		return fixed(with(f, v.refusal()), v.grantRemedies()...)
	},
}

var policyNoAllow = &checks.Check{
	ID: "policy-no-allow", Title: "Nothing grants the read to this requester",
	Page: pagePolicyNoAllow, Rank: rankGrant + 90, Permissions: []string{"s3:GetBucketPolicy", "s3:GetBucketOwnershipControls", "s3:GetObjectAcl", "s3:GetAccessPoint", "s3:GetAccessPointPolicy"},
	Key: func(p *checks.KeyPass) checks.Finding {
		v := look(p)
		if f, done := v.pointGrants(); done {
			return f
		}
		if f, done := v.Open(beginUngranted); done {
			return *f
		}
		if v.o.ByPolicy == correlate.Unknown {
			return waits(v.o.PolicyStep.Missing)
		}
		g := v.grants()
		if len(g.unmet)+len(g.referer)+len(g.source)+len(g.gap) > 0 || v.ownerOrACL() || v.refererDenyOnly() {
			return ruledOut() // another check names what is wrong with the grant
		}
		w := v.ways(g.other)
		switch v.s.Access {
		case correlate.AccessOAC:
			if len(w.oai) > 0 {
				return ruledOut()
			}
		case correlate.AccessOAI:
			if len(w.oai)+len(w.oac) > 0 || p.Finding(oaiMismatch).Verdict == checks.Cause {
				return ruledOut()
			}
		case correlate.AccessWebsite, correlate.AccessAnonymous:
			if len(w.oai)+len(w.oac) > 0 && !v.direct() || v.unsignedBy() != "" {
				return ruledOut()
			}
		}
		c := v.grantSure(false, false)
		if v.voidUnknown() {
			c = weaker(c, checks.Likely)
		}
		var f checks.Finding
		pf := v.s.BucketFacts.Policy
		if !pf.Known() {
			if v.Served > 0 {
				c = weaker(c, checks.Likely) // with no policy at all no key could have been served
			}
			f = cause(c, "nothing grants the read: bucket %s has no policy, and %s may read only what one allows", v.s.Bucket, v.who())
			f = with(f, v.policyFact(v.s.Bucket, "the bucket has no policy"))
		} else {
			f = cause(c, "no statement of the bucket policy allows %s to read", v.who())
			if v.direct() && len(w.oai)+len(w.oac) > 0 {
				f.Summary = "the client came to S3 past CloudFront, and the bucket policy lets only CloudFront read: refused as intended"
			}
			f = with(f, v.policyFact("Statement", "no Allow for s3:GetObject names %s", v.who()))
		}
		if v.s.Access != correlate.AccessOAC && v.o.ByACL == correlate.No {
			for _, e := range v.o.ACLStep.Evidence {
				f = with(f, e)
			}
			f = with(f, evidence(or(v.s.Object.ACL.Call, "s3:GetObjectAcl"), "Grants", "%s", v.o.ACLStep.Because))
		}
		return fixed(with(f, v.refusal()), v.grantRemedies()...)
	},
}

// pointGrants answers for a request that came by an access point, which the
// bucket permits: the point must permit it as well.
func (v view) pointGrants() (checks.Finding, bool) {
	st := v.o.Step(access.GateAccessPoint)
	if st == nil || v.o.ByPolicy == correlate.No && v.o.ByACL != correlate.Yes {
		return checks.Finding{}, false
	}
	if f, done := v.Open(beginGrant); done {
		return *f, true
	}
	switch {
	case st.Blocks == correlate.Unknown:
		return waits(st.Missing), true
	case v.o.Point != access.PointNone && v.o.Point != access.PointDeny:
		f := with(cause(v.sure(st.Guess, false), "%s", st.Because), st.Evidence...)
		return fixed(with(f, v.refusal()), v.pointRemedy()), true
	}
	return checks.Finding{}, false
}

// pointRemedy is the change of an access point's policy, which is not simulated.
func (v view) pointRemedy() checks.Remedy {
	f := strings.SplitN(v.s.AccessPoint, ":", 6)
	if len(f) < 6 {
		f = []string{"", "", "", "REGION", "ACCOUNT", "accesspoint/NAME"}
	}
	point := "--region " + sh(f[3]) + " --account-id " + sh(f[4]) + " --name " + sh(strings.TrimPrefix(f[5], "accesspoint/"))
	if v.o.Point == access.PointVPC {
		return checks.Remedy{Title: "Let the origin name the bucket, or an access point that is open to the Internet (the network origin can't be changed)",
			Commands: []string{"aws s3control list-access-points --region " + sh(f[3]) + " --account-id " + sh(f[4]) + " --bucket " + sh(v.s.Bucket)}}
	}
	return checks.Remedy{Title: "Let the access point's policy permit the read (Resource " + v.s.AccessPoint + "/object/*)", Commands: []string{
		"aws s3control get-access-point-policy " + point + " --query Policy --output text > policy.json",
		"aws s3control put-access-point-policy " + point + " --policy file://policy.json   # after the change",
	}}
}
