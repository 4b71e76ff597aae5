package access

import (
	"fmt"
	"strings"

	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/checks/policy"
	"github.com/why403/why403/correlate"
)

// bucketPolicy judges the bucket policy: its Denies, RestrictPublicBuckets and,
// with the ACL, what grants the request.
func (j *judge) bucketPolicy() {
	s, f := j.s, j.s.BucketFacts.Policy
	deny := Step{Gate: GatePolicyDeny, Blocks: correlate.No, Because: "no Deny of the bucket policy matches"}
	grant := Step{Blocks: correlate.Yes, Because: "the bucket has no policy"}
	var doc *compiledPolicy
	switch {
	case f.Known():
		if doc = s.mem.compiled(policy.BucketPolicy, f.Value); doc.err != nil {
			j.o.PolicyError = doc.err
			deny.Blocks, deny.Because = correlate.Unknown, "the bucket policy is not understood: "+doc.err.Error()
			deny.Missing = []string{"a valid bucket policy (" + doc.err.Error() + ")"}
			grant, doc = deny, nil
		}
	case !f.Settled():
		deny.Blocks, deny.Because, deny.Missing = correlate.Unknown, "the bucket policy is not known", s.missing(f.Missing(), f.Call)
		grant = deny
	default:
		grant.Evidence = []facts.Evidence{{Source: f.Call, Ref: s.Bucket, Fact: "the bucket has no policy"}}
	}
	allow := policy.False
	if doc != nil {
		grant.Because = "no Allow of the bucket policy matches"
		notes := doc.p.Visit(j.request(), func(i int, match policy.Tri, account bool) {
			j.o.Unclear = j.o.Unclear || match == policy.Unknown
			if doc.p.IsAllow(i) {
				m := match
				if account && s.Principal.Account() != s.OwnerAccount {
					m = policy.Unknown // the other account's own policies decide
					grant.Missing = append(grant.Missing, policy.KeyIdentity)
				} else if account {
					m = policy.False
				}
				allow = allow.Or(m)
				switch {
				case m == policy.True:
					grant.Evidence = append(grant.Evidence, facts.Evidence{Source: f.Call, Ref: doc.refs[i], Fact: "an Allow that matches"})
					grant.Because = doc.allows[i]
					grant.Guess = grant.Guess || s.guessed(doc.p, i)
				case match == policy.Unknown:
					e := doc.p.ExplainOne("bucketPolicy", i, j.request())
					grant.Missing = append(grant.Missing, s.needs(e.DependsOn)...)
				}
				return
			}
			if match == policy.Unknown && deny.Blocks == correlate.Yes {
				return
			}
			e := doc.p.ExplainOne("bucketPolicy", i, j.request())
			if match == policy.Unknown {
				deny.Blocks = correlate.Unknown
				deny.Because = fmt.Sprintf("whether %s of the bucket policy matches depends on %s", Name(&e), strings.Join(e.DependsOn, ", "))
				deny.Missing = append(deny.Missing, s.needs(e.DependsOn)...)
				return
			}
			j.o.Denied = true
			if deny.Blocks != correlate.Yes {
				deny.Because, deny.Missing = "", nil
			}
			deny.Blocks = correlate.Yes
			if deny.Because == "" {
				deny.Because = fmt.Sprintf("the bucket policy denies it by %s%s", Name(&e), because(&e))
			}
			deny.Evidence = append(deny.Evidence, facts.Evidence{Source: f.Call, Ref: Ref(&e), Fact: "a Deny that matches" + because(&e)})
			deny.Guess = deny.Guess || s.Guessed(&e)
		})
		j.o.Notes = notes.Texts()
		grant.Blocks = not(fromPolicy(allow))
		if s.Access == correlate.AccessIAM && grant.Blocks == correlate.Yes {
			// The requester's own identity policies may allow it within the account.
			if acc := s.Principal.Account(); acc == "" || acc == s.OwnerAccount || s.OwnerAccount == "" {
				grant.Blocks, grant.Missing = j.identity()
			}
		}
		if grant.Blocks == correlate.Unknown {
			grant.Missing = unique(grant.Missing)
			grant.Because = "whether the bucket policy allows it depends on " + strings.Join(grant.Missing, ", ")
		}
	} else if f.Settled() && s.Access == correlate.AccessIAM {
		if acc := s.Principal.Account(); acc == "" || acc == s.OwnerAccount || s.OwnerAccount == "" {
			grant.Blocks, grant.Missing = j.identity()
		}
	}
	if s.Access == correlate.AccessUnknown || s.Access == "" {
		grant.Blocks, grant.Missing = correlate.Unknown, []string{"who asked"}
	}
	j.add(deny)
	j.restrict(doc)
	j.grant(grant)
}

func (j *judge) identity() (correlate.Tri, []string) {
	switch j.s.Principal.Identity {
	case policy.True:
		return correlate.No, nil
	case policy.False:
		return correlate.Yes, nil
	}
	return correlate.Unknown, []string{policy.KeyIdentity}
}

// grant joins policy and ACL: one of them must allow the request.
func (j *judge) grant(byPolicy Step) {
	o := j.o
	o.OwnerStep = j.owner()
	o.OwnerReach = not(o.OwnerStep.Blocks)
	o.PolicyStep = byPolicy
	o.ByPolicy = not(byPolicy.Blocks)
	reached := and(o.ByPolicy, o.OwnerReach)
	o.ACLStep = j.acl()
	o.ByACL = not(o.ACLStep.Blocks)
	st := Step{Gate: GateGrant, Blocks: not(or(reached, o.ByACL))}
	switch {
	case st.Blocks == correlate.No && reached == correlate.Yes:
		st.Because, st.Evidence, st.Guess = byPolicy.Because, byPolicy.Evidence, byPolicy.Guess
	case st.Blocks == correlate.No:
		st.Because, st.Evidence = o.ACLStep.Because, o.ACLStep.Evidence
	case o.ByPolicy == correlate.Yes && o.OwnerReach == correlate.No:
		st.Because, st.Evidence = o.OwnerStep.Because, o.OwnerStep.Evidence
	default:
		st.Because = byPolicy.Because
		st.Evidence = byPolicy.Evidence
		if st.Blocks == correlate.Unknown {
			var parts [3][]string
			if o.ByPolicy == correlate.Unknown {
				parts[0] = byPolicy.Missing
			}
			if o.ByPolicy != correlate.No && o.OwnerReach == correlate.Unknown {
				parts[1] = o.OwnerStep.Missing
				st.Because = o.OwnerStep.Because
			}
			if o.ByACL == correlate.Unknown {
				parts[2] = o.ACLStep.Missing
			}
			st.Missing = j.s.mem.union(parts)
		}
	}
	j.add(st)
}

// owner: a bucket policy's Allows reach only objects that the bucket's owner
// owns (S3 guide, Controlling ownership of objects).
func (j *judge) owner() Step {
	s, b := j.s, j.s.BucketFacts
	st := Step{Blocks: correlate.No, Because: "the object belongs to the bucket's owner"}
	if s.action() != "s3:GetObject" || s.Exists == correlate.No || s.Key == "" {
		st.Because = "there is no object that could belong to another account"
		return st
	}
	if b.Ownership.Known() && b.Ownership.Value == "BucketOwnerEnforced" {
		st.Because = "ObjectOwnership is BucketOwnerEnforced: the bucket's owner owns every object"
		return st
	}
	object, ev := OwnerOf(s.Object)
	switch {
	case !b.Ownership.Settled() && (object == "" || s.BucketOwner == "" || object != s.BucketOwner):
		st.Blocks, st.Missing = correlate.Unknown, s.missing(b.Ownership.Missing(), b.Ownership.Call)
		st.Because = "who owns the object is not known"
	case object == "":
		st.Blocks, st.Because = correlate.Unknown, "who owns the object is not known"
		st.Missing = facts.One(or2(s.Object.Listed.Missing(), "s3:ListBucket"))
	case s.BucketOwner == "":
		st.Blocks, st.Because = correlate.Unknown, "who owns the bucket is not known"
		st.Missing = facts.One(or2(b.ACL.Missing(), "s3:GetBucketAcl"))
	case object != s.BucketOwner:
		st.Blocks = correlate.Yes
		st.Because = "the object belongs to another account, which the bucket policy's Allows do not reach"
		st.Evidence = []facts.Evidence{ev}
		if b.Ownership.Known() {
			st.Evidence = append(st.Evidence, facts.Evidence{Source: b.Ownership.Call, Ref: "ObjectOwnership", Fact: "ObjectOwnership is " + b.Ownership.Value})
		}
	}
	return st
}

// OwnerOf returns the canonical user id of an object's owner, "" if unknown.
func OwnerOf(o *facts.Object) (string, facts.Evidence) {
	switch {
	case o == nil:
	case o.Listed.Known() && o.Listed.Value.OwnerID != "":
		return o.Listed.Value.OwnerID, facts.Evidence{Source: o.Listed.Call, Ref: "Owner.ID", Fact: "the object's owner is " + Abbreviate(o.Listed.Value.OwnerID)}
	case o.ACL.Known() && o.ACL.Value.OwnerID != "":
		return o.ACL.Value.OwnerID, facts.Evidence{Source: o.ACL.Call, Ref: "Owner.ID", Fact: "the object's owner is " + Abbreviate(o.ACL.Value.OwnerID)}
	}
	return "", facts.Evidence{}
}

// Abbreviate shortens a canonical user id for a sentence.
func Abbreviate(id string) string {
	if len(id) > 16 {
		return id[:12] + "…"
	}
	return id
}

// AllUsers is the group of everyone (S3 guide, ACL overview).
const AllUsers = "http://acs.amazonaws.com/groups/global/AllUsers"

// PublicRead reports whether an ACL lets everyone read.
func PublicRead(a *facts.ACL) bool {
	for _, g := range a.Grants {
		if g.URI == AllUsers && (g.Permission == "READ" || g.Permission == "FULL_CONTROL") {
			return true
		}
	}
	return false
}

// acl judges the object's ACL, or the bucket's for a listing.
func (j *judge) acl() Step {
	s, b := j.s, j.s.BucketFacts
	st := Step{Blocks: correlate.Yes}
	var acl facts.Fact[facts.ACL]
	switch s.action() {
	case "s3:GetObject":
		acl = s.Object.ACL
		if acl.Permission == "" {
			acl.Permission = "s3:GetObjectAcl"
		}
	case "s3:ListBucket":
		acl = b.ACL
		if acl.Permission == "" {
			acl.Permission = "s3:GetBucketAcl"
		}
	default:
		st.Because = "no ACL grants " + s.action() + " to it"
		return st
	}
	switch {
	case s.Access == correlate.AccessOAC:
		st.Because = "an ACL can't name an AWS service"
		return st
	case s.action() == "s3:GetObject" && (s.Exists == correlate.No || s.Key == ""):
		st.Because = "there is no object, so no ACL"
		return st
	case b.Ownership.Known() && b.Ownership.Value == "BucketOwnerEnforced":
		st.Because = "ACLs are disabled: ObjectOwnership is BucketOwnerEnforced"
		st.Evidence = []facts.Evidence{{Source: b.Ownership.Call, Ref: "ObjectOwnership", Fact: "ObjectOwnership is BucketOwnerEnforced"}}
		return st
	case acl.Settled() && !j.aclGrants(&acl.Value):
		st.Because = "the ACL grants it to nobody like this requester"
		return st
	case !acl.Settled():
		if s.Access == correlate.AccessWebsite || s.Access == correlate.AccessAnonymous {
			if ig, ev, _ := j.ignored(); ig == correlate.Yes {
				st.Because, st.Evidence = "public ACLs are ignored", ev
				return st
			}
		}
		st.Blocks, st.Because, st.Missing = correlate.Unknown, "the ACL is not known", s.missing(acl.Missing(), acl.Call)
		return st
	}
	// It grants. Is it heeded?
	st.Evidence = []facts.Evidence{{Source: acl.Call, Ref: "Grants", Fact: "the ACL grants READ"}}
	if !b.Ownership.Settled() {
		st.Blocks, st.Because, st.Missing = correlate.Unknown, "whether ACLs are in force is not known", s.missing(b.Ownership.Missing(), b.Ownership.Call)
		return st
	}
	if !PublicRead(&acl.Value) {
		st.Blocks, st.Because = correlate.No, "the ACL names the requester"
		return st
	}
	ig, ev, miss := j.ignored()
	st.Blocks, st.Evidence, st.Missing = ig, append(st.Evidence, ev...), miss
	switch ig {
	case correlate.Yes:
		st.Because = "the ACL is public, but IgnorePublicAcls is on"
	case correlate.No:
		st.Because = "the ACL lets everyone read"
	default:
		st.Because = "whether IgnorePublicAcls is on is not known"
	}
	return st
}

func (j *judge) aclGrants(a *facts.ACL) bool {
	s := j.s
	if PublicRead(a) {
		return true
	}
	for _, g := range a.Grants {
		if g.Permission != "READ" && g.Permission != "FULL_CONTROL" {
			continue
		}
		if s.Principal.CanonicalUser != "" && g.ID == s.Principal.CanonicalUser {
			return true
		}
		if s.Access == correlate.AccessIAM && g.URI == "http://acs.amazonaws.com/groups/global/AuthenticatedUsers" {
			return true
		}
	}
	return false
}
