package access

import (
	"fmt"
	"strings"

	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/checks/policy"
	"github.com/why403/why403/correlate"
)

// accessPoint judges the access point's own part: it must permit the request, and
// so must the bucket (S3 guide, Configuring IAM policies for using access points).
func (j *judge) accessPoint() {
	s := j.s
	st := Step{Gate: GateAccessPoint, Missing: facts.One("s3:GetAccessPointPolicy")}
	block := func(r PointReason, because string, ev facts.Evidence) {
		j.o.Point = r
		st.Blocks, st.Because, st.Evidence, st.Missing = correlate.Yes, because, []facts.Evidence{ev}, nil
		j.add(st)
	}
	unknown := func(because string, missing ...string) {
		st.Because, st.Missing = because, missing
		j.add(st)
	}
	p := s.Facts.AccessPoints[s.AccessPoint]
	switch {
	case s.AccessPoint == "":
		unknown("which access point the origin's name stands for is not known", "s3-log", "s3:GetAccessPointPolicy")
		return
	case p == nil || p.Config.State == facts.NotGathered && p.Policy.State == facts.NotGathered:
		unknown("the policy of access point "+s.AccessPoint+" is not known", "s3:GetAccessPoint", "s3:GetAccessPointPolicy")
		return
	case p.Config.Known() && p.Config.Value.NetworkOrigin == "VPC":
		if v := s.Context().Get("aws:SourceVpce"); v.State == policy.Absent {
			block(PointVPC, "access point "+s.AccessPoint+" takes requests from its VPC alone", facts.Evidence{Source: p.Config.Call, Ref: "NetworkOrigin", Fact: "NetworkOrigin is VPC"})
			return
		}
	}
	member := s.Access == correlate.AccessIAM
	if !p.Policy.Settled() {
		unknown("the policy of access point "+s.AccessPoint+" is not known", or2(p.Policy.Missing(), "s3:GetAccessPointPolicy"))
		return
	}
	if !p.Policy.Known() {
		if member {
			unknown("whether the requester's own policies allow it is not known", policy.KeyIdentity)
			return
		}
		block(PointNoAllow, "access point "+s.AccessPoint+" has no policy, and it must permit the request as well as the bucket", facts.Evidence{Source: p.Policy.Call, Ref: s.AccessPoint, Fact: "the access point has no policy"})
		return
	}
	doc := s.mem.compiled(policy.BucketPolicy, p.Policy.Value)
	if doc.err != nil {
		unknown("the access point's policy is not understood: "+doc.err.Error(), "a valid access point policy")
		return
	}
	r := *j.request()
	r.Resource = s.AccessPoint
	if s.action() != "s3:ListBucket" && s.action() != "s3:ListBucketVersions" {
		r.Resource += "/object/" + s.Key
	}
	switch res := doc.p.Evaluate(&r); {
	case res.Decision == policy.ExplicitDeny:
		e := doc.p.ExplainOne("accessPointPolicy", res.Deny[0], &r)
		st.Guess = s.Guessed(&e)
		block(PointDeny, fmt.Sprintf("the policy of access point %s denies it by %s%s", s.AccessPoint, Name(&e), because(&e)), facts.Evidence{Source: p.Policy.Call, Ref: Ref(&e), Fact: "a Deny that matches" + because(&e)})
		return
	case res.Decision == policy.Undecided:
		unknown("whether the policy of access point "+s.AccessPoint+" allows it depends on "+strings.Join(res.DependsOn, ", "), s.needs(res.DependsOn)...)
		return
	case res.Decision != policy.Allow && member:
		unknown("whether the requester's own policies allow it is not known", policy.KeyIdentity)
		return
	case res.Decision != policy.Allow:
		block(PointNoAllow, "no statement of the policy of access point "+s.AccessPoint+" allows it", facts.Evidence{Source: p.Policy.Call, Ref: "Statement", Fact: "no Allow matches " + s.action() + " on " + r.Resource})
		return
	}
	if public, _ := doc.p.Public(); public && (s.Access == correlate.AccessAnonymous || s.Access == correlate.AccessOAI) {
		switch b := p.Config.Value.PublicAccessBlock; {
		case !p.Config.Known():
			unknown("whether the access point blocks public access is not known", or2(p.Config.Missing(), "s3:GetAccessPoint"))
			return
		case b.RestrictPublicBuckets:
			st.Guess = s.Access == correlate.AccessOAI
			block(PointBlock, "RestrictPublicBuckets is on at access point "+s.AccessPoint+" and its policy is public", facts.Evidence{Source: p.Config.Call, Ref: "PublicAccessBlockConfiguration", Fact: "RestrictPublicBuckets is on at the access point"})
			return
		}
	}
	st.Blocks, st.Because, st.Missing = correlate.No, "the access point permits it", nil
	j.add(st)
}
