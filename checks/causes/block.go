package causes

import (
	_ "embed"

	"github.com/why403/why403/checks"
	"github.com/why403/why403/checks/access"
	"github.com/why403/why403/checks/policy"
	"github.com/why403/why403/correlate"
)

//go:embed pages/bpa-bucket.md
var pageBPABucket string

//go:embed pages/bpa-account.md
var pageBPAAccount string

//go:embed pages/bpa-organization.md
var pageBPAOrganization string

//go:embed pages/bpa-ignore-acls.md
var pageBPAIgnoreACLs string

//go:embed pages/acls-disabled.md
var pageACLsDisabled string

//go:embed pages/object-owner.md
var pageObjectOwner string

//go:embed pages/requester-pays.md
var pageRequesterPays string

//go:embed pages/rcp-deny.md
var pageRCPDeny string

//go:embed pages/scp-deny.md
var pageSCPDeny string

func restrict(id, level, title, page string, rank int, permissions ...string) *checks.Check {
	return &checks.Check{
		ID: id, Title: title, Page: page, Rank: rank, Permissions: append([]string{"s3:GetBucketPolicy"}, permissions...),
		Key: func(p *checks.KeyPass) checks.Finding {
			v := look(p)
			switch {
			case v.authorized():
				return ruledOut()
			case !v.authorization() || v.s.Key == "" && v.reads():
				return notApplicable()
			}
			var st *access.Step
			for i := range v.o.Steps {
				if s := &v.o.Steps[i]; s.Gate == access.GateRestrict && s.Level == level {
					st = s
				}
			}
			switch {
			case st == nil && level == access.LevelAccount:
				return notApplicable() // the organization's policy hides the account's own setting
			case st == nil:
				if v.accountAll() && v.o.Public == correlate.Yes {
					// Four flags on at the account: its own, or the organization's.
					if acc := v.facts().Accounts[v.s.OwnerAccount]; acc != nil && !acc.EffectiveS3Policy.Settled() {
						return undecided(or(acc.EffectiveS3Policy.Missing(), "organizations:DescribeEffectivePolicy"))
					}
				}
				return ruledOut()
			case st.Blocks == correlate.Unknown:
				return waits(st.Missing)
			case st.Blocks == correlate.No:
				return ruledOut()
			}
			c := v.everyKey(st.Guess)
			if acc := v.facts().Accounts[v.s.OwnerAccount]; level == access.LevelAccount && v.accountAll() && acc != nil && !acc.EffectiveS3Policy.Settled() {
				c = weaker(c, checks.Likely) // it may be the organization's setting
			}
			f := cause(c, "RestrictPublicBuckets is on for the %s, which cuts the public bucket policy off from %s", levelName(level, v), v.who())
			f = with(f, st.Evidence...)
			if doc, err := access.Compile(v.s.BucketFacts.Policy.Value); err == nil && v.s.BucketFacts.Policy.Known() {
				if _, public := doc.Public(); len(public) > 0 {
					e := &policy.Explanation{StatementRef: policy.StatementRef{Index: public[0], Sid: doc.Sid(public[0])}}
					f = with(f, v.policyFact(access.Ref(e), "%s makes the policy public", access.Name(e)))
				}
			} else {
				f = with(f, ofFact(v.s.BucketFacts.PolicyStatus, "PolicyStatus.IsPublic", "the policy is public"))
			}
			return fixed(with(f, v.refusal()), v.restrictRemedies(level)...)
		},
	}
}

func (v view) accountAll() bool {
	acc := v.facts().Accounts[v.s.OwnerAccount]
	if acc == nil || !acc.PublicAccessBlock.Known() {
		return false
	}
	b := acc.PublicAccessBlock.Value
	return b.BlockPublicAcls && b.IgnorePublicAcls && b.BlockPublicPolicy && b.RestrictPublicBuckets
}

func levelName(level string, v view) string {
	switch level {
	case access.LevelBucket:
		return "bucket " + v.s.Bucket
	case access.LevelAccount:
		return "account " + or(v.s.OwnerAccount, "of the bucket's owner")
	}
	return "organization"
}

var (
	bpaBucket = restrict("bpa-bucket", access.LevelBucket, "Block Public Access of the bucket cuts its public policy",
		pageBPABucket, rankBlock+10, "s3:GetBucketPublicAccessBlock")
	bpaAccount = restrict("bpa-account", access.LevelAccount, "Block Public Access of the account cuts the bucket's public policy",
		pageBPAAccount, rankBlock+12, "s3:GetAccountPublicAccessBlock")
	bpaOrganization = restrict("bpa-organization", access.LevelOrganization, "The organization's S3 policy blocks public access and cuts the bucket's public policy",
		pageBPAOrganization, rankBlock+11, "organizations:DescribeEffectivePolicy")
)

// ownerOrACL reports whether a grant exists that ownership or ACL settings make
// void: then "nothing grants it" would be the wrong word.
func (v view) ownerOrACL() bool {
	return v.o.ByPolicy == correlate.Yes && v.o.OwnerReach == correlate.No || v.aclVoid() != ""
}

// aclVoid says which setting makes an ACL that is, or by an earlier success was,
// the only grant void: "bpa-ignore-acls", "acls-disabled" or "".
func (v view) aclVoid() string {
	acl, own := v.s.Object.ACL, v.s.BucketFacts.Ownership
	if v.s.Access == correlate.AccessOAC || v.o.ByPolicy == correlate.Yes {
		return ""
	}
	enforced := own.Known() && own.Value == "BucketOwnerEnforced"
	if v.k.OKByACL > 0 && v.o.ByACL == correlate.No && own.Settled() {
		switch {
		case enforced:
			return "acls-disabled"
		case v.ignored():
			return "bpa-ignore-acls"
		}
	}
	if !acl.Known() {
		return ""
	}
	public := access.PublicRead(&acl.Value)
	named := false
	for _, g := range acl.Value.Grants {
		if id := v.s.Principal.CanonicalUser; id != "" && g.ID == id && (g.Permission == "READ" || g.Permission == "FULL_CONTROL") {
			named = true
		}
	}
	switch {
	case !public && !named:
		return ""
	case enforced:
		return "acls-disabled"
	case public && v.o.ByACL == correlate.No:
		return "bpa-ignore-acls"
	}
	return ""
}

var bpaIgnoreACLs = &checks.Check{
	ID: "bpa-ignore-acls", Title: "The only grant is a public ACL, and IgnorePublicAcls is on",
	Page: pageBPAIgnoreACLs, Rank: rankOwner + 20, Object: true, Permissions: []string{"s3:GetObjectAcl", "s3:GetBucketPublicAccessBlock", "s3:GetAccountPublicAccessBlock"},
	Access: checks.Anonymous | checks.Website | checks.OAI, Opening: beginUngranted,
	Key: func(p *checks.KeyPass) checks.Finding {
		v := look(p)
		if v.s.Exists == correlate.No {
			return ruledOut()
		}
		switch own := v.s.BucketFacts.Ownership; {
		case own.Known() && own.Value == "BucketOwnerEnforced":
			return ruledOut()
		case !own.Settled():
			return undecided(or(own.Missing(), "s3:GetBucketOwnershipControls"))
		}
		if v.aclVoid() == "bpa-ignore-acls" {
			if acl := v.s.Object.ACL; acl.Known() && access.PublicRead(&acl.Value) {
				f := cause(v.sure(false, false), "the object's ACL lets everyone read, and it is the only grant; IgnorePublicAcls makes S3 disregard it")
				f = with(f, v.o.ACLStep.Evidence...)
				return fixed(with(f, v.refusal()), v.grantRemedies()...)
			}
			// GetObjectAcl hides the grants that are ignored: it may be gone as well.
			f := cause(weaker(v.sure(false, false), checks.Likely), "an ACL was what let everyone read it; IgnorePublicAcls is on, which makes S3 disregard and hide such grants")
			f = with(f, v.grantedByACL())
			f = with(f, v.o.ACLStep.Evidence...)
			return fixed(with(f, v.refusal()), v.grantRemedies()...)
		}
		if v.o.ByACL == correlate.Unknown {
			return waits(v.o.ACLStep.Missing)
		}
		if on, missing := v.ignores(); on == correlate.Unknown {
			return undecided(missing...) // GetObjectAcl would hide the grant
		}
		if ignored := v.ignored(); ignored && v.k.OKBefore > 0 && !v.s.BucketFacts.Policy.Known() {
			// GetObjectAcl hides the grants that are ignored.
			f := cause(checks.Possible, "requests succeeded before although the bucket has no policy, so a public ACL seems to have granted them; IgnorePublicAcls is on, which makes S3 disregard and hide such grants")
			return fixed(with(f, v.refusal()), v.grantRemedies()...)
		} else if ignored {
			return notApplicable() // the grant, if any, is hidden
		}
		return ruledOut()
	},
}

// ignored reports whether IgnorePublicAcls is known to be on at some level.
func (v view) ignored() bool {
	on, _ := v.ignores()
	return on == correlate.Yes
}

// ignores says whether IgnorePublicAcls is on at some level, and what is missing
// to say it.
func (v view) ignores() (on correlate.Tri, missing []string) {
	b, acc := v.s.BucketFacts.PublicAccessBlock, v.facts().Accounts[v.s.OwnerAccount]
	switch {
	case b.Known() && b.Value.IgnorePublicAcls,
		acc != nil && acc.PublicAccessBlock.Known() && acc.PublicAccessBlock.Value.IgnorePublicAcls,
		acc != nil && acc.EffectiveS3Policy.Known() && access.S3PolicyBlocks(acc.EffectiveS3Policy.Value) == correlate.Yes:
		return correlate.Yes, nil
	}
	if !b.Settled() {
		missing = append(missing, or(b.Missing(), "s3:GetBucketPublicAccessBlock"))
	}
	switch {
	case acc == nil:
		missing = append(missing, "s3:GetAccountPublicAccessBlock")
	case !acc.PublicAccessBlock.Settled():
		missing = append(missing, or(acc.PublicAccessBlock.Missing(), "s3:GetAccountPublicAccessBlock"))
	}
	if len(missing) > 0 {
		return correlate.Unknown, missing
	}
	return correlate.No, nil
}

// voidUnknown reports whether an ACL granted the read once, and what became of
// it depends on settings that are not known.
func (v view) voidUnknown() bool {
	if v.k.OKByACL == 0 || v.s.Access == correlate.AccessOAC {
		return false
	}
	on, _ := v.ignores()
	return !v.s.BucketFacts.Ownership.Settled() || on == correlate.Unknown
}

// grantedByACL is the evidence of an earlier success.
func (v view) grantedByACL() checks.Evidence {
	return evidence("s3-log", "", "the key was read at %s, for which an ACL was needed (aclRequired Yes)", clock(v.k.OKByACL))
}

var aclsDisabled = &checks.Check{
	ID: "acls-disabled", Title: "The only grant is an ACL, and ACLs are disabled for the bucket",
	Page: pageACLsDisabled, Rank: rankOwner + 10, Object: true, Permissions: []string{"s3:GetBucketOwnershipControls", "s3:GetObjectAcl"},
	Access: checks.Anonymous | checks.Website | checks.OAI, Opening: beginUngranted,
	Key: func(p *checks.KeyPass) checks.Finding {
		v := look(p)
		own := v.s.BucketFacts.Ownership
		switch {
		case v.s.Exists == correlate.No:
			return ruledOut()
		case !own.Settled():
			return undecided(or(own.Missing(), "s3:GetBucketOwnershipControls"))
		case !own.Known() || own.Value != "BucketOwnerEnforced":
			return ruledOut()
		}
		ev := ofFact(own, "ObjectOwnership", "ObjectOwnership is BucketOwnerEnforced")
		if v.aclVoid() == "acls-disabled" {
			f := cause(v.sure(false, false), "the only grant is the object's ACL, and ACLs are disabled: ObjectOwnership of bucket %s is BucketOwnerEnforced", v.s.Bucket)
			if v.k.OKByACL > 0 {
				f = with(f, ev, v.grantedByACL())
			} else {
				f = with(f, ev, ofFact(v.s.Object.ACL, "Grants", "the ACL grants READ"))
			}
			return fixed(with(f, v.refusal()), v.grantRemedies()...)
		}
		if v.k.OKBefore > 0 && !v.s.BucketFacts.Policy.Known() && v.s.BucketFacts.Policy.Settled() {
			f := cause(checks.Possible, "requests succeeded before although the bucket has no policy, so an ACL seems to have granted them; ACLs are disabled now (BucketOwnerEnforced)")
			return fixed(with(f, ev, v.refusal()), v.grantRemedies()...)
		}
		return notApplicable() // a former ACL would be hidden
	},
}

var objectOwner = &checks.Check{
	ID: "object-owner", Title: "The object belongs to another account, which the bucket policy does not reach",
	Page: pageObjectOwner, Rank: rankOwner + 5, Object: true, Permissions: []string{"s3:ListBucket", "s3:GetBucketOwnershipControls", "s3:GetBucketAcl"},
	Opening: beginGrant,
	Key: func(p *checks.KeyPass) checks.Finding {
		v := look(p)
		switch {
		case v.s.Exists == correlate.No, v.o.OwnerReach == correlate.Yes, v.o.ByACL == correlate.Yes:
			return ruledOut()
		case v.o.OwnerReach == correlate.Unknown:
			return waits(v.o.OwnerStep.Missing)
		case v.o.ByPolicy == correlate.No:
			return ruledOut() // the policy would not allow it for an own object either
		case v.o.ByPolicy == correlate.Unknown:
			return waits(v.o.PolicyStep.Missing)
		}
		owner, _ := access.OwnerOf(v.s.Object)
		f := cause(weaker(v.grantSure(false, false), v.storedSure()), "%s belongs to another account (%s); the bucket policy's Allow reaches only objects of the bucket's owner", v.object(), access.Abbreviate(owner))
		f = with(f, v.o.OwnerStep.Evidence...)
		f = with(f, originLine(v.k, func(o *correlate.OriginSample) bool { return o.BucketOwner != "" }, "the bucket's owner is %s", access.Abbreviate(v.s.BucketOwner)))
		for _, e := range v.o.PolicyStep.Evidence {
			f = with(f, e)
		}
		return fixed(with(f, v.refusal()), v.ownerRemedies()...)
	},
}

var requesterPays = &checks.Check{
	ID: "requester-pays", Title: "The bucket makes the requester pay, which CloudFront can't",
	Page: pageRequesterPays, Rank: rankBlock + 5, Permissions: []string{"s3:GetBucketRequestPayment"},
	Opening: beginDenied,
	Key: func(p *checks.KeyPass) checks.Finding {
		v := look(p)
		st := v.o.Step(access.GateRequesterPays)
		switch {
		case st == nil || st.Blocks == correlate.No:
			return ruledOut()
		case st.Blocks == correlate.Unknown:
			return waits(st.Missing)
		}
		f := cause(v.everyKey(st.Guess), "bucket %s makes the requester pay: S3 refuses %s, and CloudFront can't send x-amz-request-payer", v.s.Bucket, v.who())
		return fixed(with(with(f, st.Evidence...), v.refusal()), v.payerRemedy())
	},
}

func organization(id string, gate access.Gate, title, page string, rank int, f func(v view) checks.Finding, permissions ...string) *checks.Check {
	return &checks.Check{ID: id, Title: title, Page: page, Rank: rank, Permissions: permissions, Opening: beginDenied,
		Key: func(p *checks.KeyPass) checks.Finding { return f(look(p)) }}
}

var organizationRights = []string{"organizations:ListPoliciesForTarget", "organizations:DescribePolicy", "organizations:ListParents", "organizations:DescribeOrganization"}

var rcpDeny = organization("rcp-deny", access.GateRCP, "A resource control policy of the organization denies the request",
	pageRCPDeny, rankDeny+10, func(v view) checks.Finding {
		st := v.o.Step(access.GateRCP)
		switch {
		case st == nil || st.Blocks == correlate.No:
			return ruledOut()
		case st.Blocks == correlate.Unknown:
			return waits(st.Missing)
		}
		f := cause(v.sure(st.Guess, true), "%s", st.Because)
		return fixed(with(with(f, st.Evidence...), v.refusal()), v.rcpRemedies()...)
	}, organizationRights...)

var scpDeny = organization("scp-deny", access.GateSCP, "A service control policy denies an IAM requester",
	pageSCPDeny, rankDeny+11, func(v view) checks.Finding {
		if v.s.Access != correlate.AccessIAM {
			return ruledOut() // SCPs bind IAM principals of member accounts only
		}
		st := v.o.Step(access.GateSCP)
		switch {
		case st == nil || st.Blocks == correlate.No:
			return ruledOut()
		case st.Blocks == correlate.Unknown:
			return waits(st.Missing)
		}
		f := cause(v.sure(st.Guess, true), "%s: %s is an IAM principal, which service control policies bind", st.Because, v.who())
		return fixed(with(with(f, st.Evidence...), v.refusal()), v.scpRemedies()...)
	}, organizationRights...)
