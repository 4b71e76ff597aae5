package causes

import (
	_ "embed"

	"github.com/why403/why403/checks"
	"github.com/why403/why403/checks/access"
	"github.com/why403/why403/correlate"
)

//go:embed pages/oac-not-attached.md
var pageOACNotAttached string

//go:embed pages/oac-signing-off.md
var pageOACSigningOff string

// unsignedBy says why CloudFront's request to a REST origin bore no signature,
// when it was meant to: "oac-not-attached", "oac-signing-off" or "".
func (v view) unsignedBy() string {
	if v.s.Access != correlate.AccessAnonymous || v.direct() || v.Origin == nil || v.k.Access == correlate.AccessWebsite {
		return ""
	}
	if correlate.ParseEndpoint(v.Origin.DomainName).Kind == correlate.EndpointWebsite {
		return ""
	}
	if v.Origin.OriginAccessIdentity != "" {
		return ""
	}
	if id := v.Origin.OriginAccessControlID; id != "" {
		oac := v.facts().AccessControl[id]
		if oac.Known() && oac.Value.SigningBehavior != "always" {
			return "oac-signing-off"
		}
		if oac.Known() && oac.Value.OriginType != "" && oac.Value.OriginType != "s3" {
			return "oac-not-attached"
		}
		return "" // signs now: changed since, or not known
	}
	if v.meantForOAC() != "" {
		return "oac-not-attached"
	}
	return ""
}

// meantForOAC says what shows that the bucket is meant to be read through an
// origin access control: a grant for CloudFront, or one on a sister origin.
func (v view) meantForOAC() string {
	if w := v.ways(v.grants().other); len(w.oac) > 0 {
		return access.Name(&w.oac[0]) + " of the bucket policy grants the read to " + access.CloudFrontService
	}
	if v.Distribution != nil {
		for i := range v.Distribution.Origins {
			o := &v.Distribution.Origins[i]
			if o.ID != v.Origin.ID && o.OriginAccessControlID != "" {
				e := correlate.ParseEndpoint(o.DomainName)
				if e.Bucket == v.s.Bucket {
					return "origin " + o.ID + " of the same bucket has origin access control " + o.OriginAccessControlID
				}
			}
		}
	}
	if len(v.policyMissing()) == 0 && len(v.statements("Allow")) == 0 && v.Distribution != nil {
		for i := range v.Distribution.Origins {
			if id := v.Distribution.Origins[i].OriginAccessControlID; id != "" {
				return "other origins of the distribution use origin access control " + id
			}
		}
	}
	return ""
}

var oacNotAttached = &checks.Check{
	ID: "oac-not-attached", Title: "An origin access control exists, but the origin that serves this path has none",
	Page: pageOACNotAttached, Rank: rankGrant + 10,
	Permissions: []string{"cloudfront:GetDistribution", "cloudfront:GetOriginAccessControl", "s3:GetBucketPolicy"},
	Access:      checks.Anonymous, Viewers: true,
	Key: func(p *checks.KeyPass) checks.Finding {
		v := look(p)
		if v.Origin == nil {
			return undecided("cloudfront:GetDistribution")
		}
		if v.Origin.OriginAccessControlID == "" && v.Origin.OriginAccessIdentity == "" && len(v.policyMissing()) > 0 && v.meantForOAC() == "" {
			return waits(v.policyMissing())
		}
		if v.unsignedBy() != "oac-not-attached" || !v.authorization() || v.o.ByPolicy == correlate.Yes {
			if id := v.Origin.OriginAccessControlID; id != "" {
				if f := v.facts().AccessControl[id]; !f.Settled() {
					return undecided(or(f.Missing(), "cloudfront:GetOriginAccessControl"))
				}
			}
			return ruledOut()
		}
		var f checks.Finding
		if id := v.Origin.OriginAccessControlID; id != "" {
			oac := v.facts().AccessControl[id]
			f = cause(v.sure(false, false), "origin %s has origin access control %s of type %s, which does not sign requests to S3", v.Origin.ID, id, oac.Value.OriginType)
			f = with(f, ofFact(oac, "OriginAccessControlOriginType", "OriginAccessControlOriginType is %s", oac.Value.OriginType))
		} else {
			c := v.sure(false, false)
			if g := v.grants(); len(g.referer)+len(g.unmet)+len(g.gap) > 0 {
				c = weaker(c, checks.Possible) // meant to be read without one, as its own grant shows
			}
			f = cause(c, "origin %s, which serves this path, has no origin access control, so CloudFront's request was anonymous; %s", v.Origin.ID, v.meantForOAC())
			f = with(f, evidence("cloudfront:GetDistribution", "Origins["+v.Origin.ID+"].OriginAccessControlId", "OriginAccessControlId is empty"))
			f = with(f, evidence("s3:GetBucketPolicy", "Statement", "%s", v.meantForOAC()))
		}
		return fixed(with(f, v.refusal()), v.attachRemedies()...)
	},
}

var oacSigningOff = &checks.Check{
	ID: "oac-signing-off", Title: "The origin access control does not sign the request",
	Page: pageOACSigningOff, Rank: rankGrant + 5,
	Permissions: []string{"cloudfront:GetOriginAccessControl", "cloudfront:GetDistribution"},
	Access:      checks.AnyAccess &^ checks.Website, Viewers: true,
	Key: func(p *checks.KeyPass) checks.Finding {
		v := look(p)
		if v.Origin == nil {
			if v.s.Access == correlate.AccessAnonymous {
				return undecided("cloudfront:GetDistribution")
			}
			return notApplicable()
		}
		id := v.Origin.OriginAccessControlID
		if id == "" {
			return notApplicable()
		}
		oac := v.facts().AccessControl[id]
		if !oac.Known() {
			if oac.Settled() {
				return ruledOut()
			}
			return undecided(or(oac.Missing(), "cloudfront:GetOriginAccessControl"))
		}
		if v.authorized() || v.o.ByPolicy == correlate.Yes || v.o.ByACL == correlate.Yes {
			return ruledOut() // an unsigned request may read it
		}
		// S3's own line says who asked: a signed request rules this out.
		if v.s.Access != correlate.AccessAnonymous && v.code("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidArgument") == nil {
			return ruledOut()
		}
		var f checks.Finding
		switch oac.Value.SigningBehavior {
		case "never":
			f = cause(v.sure(false, false), "origin access control %s has signing behavior never, so CloudFront's requests to origin %s are anonymous", id, v.Origin.ID)
		case "no-override":
			switch forwards(v.facts(), v.Behavior, "Authorization") {
			case correlate.Yes:
				f = cause(weaker(v.sure(false, true), checks.Likely), "origin access control %s has signing behavior no-override, and a viewer's Authorization header is forwarded in place of CloudFront's signature", id)
			case correlate.Unknown:
				return undecided("cloudfront:GetCachePolicy", "cloudfront:GetOriginRequestPolicy")
			default:
				f = cause(weaker(v.sure(false, true), checks.Likely), "origin access control %s has signing behavior no-override: a request with an Authorization header that is not forwarded reaches S3 unsigned", id)
			}
		default:
			return ruledOut()
		}
		f = with(f, ofFact(oac, "SigningBehavior", "SigningBehavior is %s", oac.Value.SigningBehavior), v.refusal())
		return fixed(f, v.signingRemedies(id)...)
	},
}
