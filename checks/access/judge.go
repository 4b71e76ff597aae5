package access

import (
	"slices"
	"sort"
	"strings"

	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/checks/policy"
	"github.com/why403/why403/correlate"
)

// Judge answers a request by the facts at hand. It changes nothing.
func Judge(s *Situation) *Outcome {
	o := new(Outcome)
	o.Judge(s)
	return o
}

// Judge makes o what Judge returns, in the memory of o. It needs s as long as o
// is asked.
func (o *Outcome) Judge(s *Situation) {
	j := o.begin(s)
	j.permission()
	o.Permitted = allOf(o.Steps)
	if s.action() == "s3:GetObject" && s.Key != "" {
		j.object()
	}
	o.Allowed = allOf(o.Steps)
	o.Status = j.status()
}

func (o *Outcome) begin(s *Situation) *judge {
	steps := o.Steps[:0]
	if steps == nil {
		steps = make([]Step, 0, 16)
	}
	*o = Outcome{Steps: steps, judge: judge{s: s, o: o}}
	return &o.judge
}

type judge struct {
	s *Situation
	o *Outcome
	r policy.Request // what the policies are asked, when they are

	public [3]level // memory of levels
	levels []level
}

func (j *judge) add(st Step) { j.o.Steps = append(j.o.Steps, st) }

// request is what the policies are asked.
func (j *judge) request() *policy.Request {
	if s := j.s; j.r.Context == nil {
		j.r = policy.Request{Principal: s.Principal, Action: s.action(), Resource: s.ARN(), Context: s.Context()}
	}
	return &j.r
}

func (s *Situation) action() string {
	if s.Action == "" {
		return "s3:GetObject"
	}
	return s.Action
}

// Partition returns "aws", "aws-cn" or "aws-us-gov" by the bucket's region.
func (s *Situation) Partition() string {
	switch r := Region(s); {
	case strings.HasPrefix(r, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(r, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// ARN returns the resource that the request is for: the object, or the bucket
// for actions on it.
func (s *Situation) ARN() string {
	arn := "arn:" + s.Partition() + ":s3:::" + s.Bucket
	switch s.action() {
	case "s3:ListBucket", "s3:ListBucketVersions":
		return arn
	}
	return arn + "/" + s.Key
}

func (j *judge) permission() {
	s, b := j.s, j.s.BucketFacts
	if b.Head.State == facts.NotFound {
		j.add(Step{Gate: GateBucket, Blocks: correlate.Yes, Because: "there is no bucket " + s.Bucket,
			Evidence: []facts.Evidence{{Source: b.Head.Call, Ref: s.Bucket, Fact: "no such bucket"}}})
	}
	if s.accessPoint() {
		j.accessPoint()
	}
	j.requesterPays()
	j.organization(GateRCP, "rcp", policy.RCP, s.Facts.Organization.RCPs)
	if s.Access == correlate.AccessIAM {
		j.organization(GateSCP, "scp", policy.SCP, s.Facts.Organization.SCPs)
	}
	j.bucketPolicy()
}

func (j *judge) requesterPays() {
	s, f := j.s, j.s.BucketFacts.RequestPayment
	st := Step{Gate: GateRequesterPays, Blocks: correlate.No, Because: "the bucket's owner pays"}
	switch {
	case !f.Settled():
		st.Blocks, st.Because, st.Missing = correlate.Unknown, "who pays is not known", s.missing(f.Missing(), f.Call)
	case f.Known() && f.Value == "Requester":
		st.Evidence = []facts.Evidence{{Source: f.Call, Ref: "Payer", Fact: "Payer is Requester"}}
		st.Because = "the bucket makes the requester pay, and anonymous requests are refused"
		st.Blocks = correlate.Yes
		switch s.Access {
		case correlate.AccessOAI, correlate.AccessOAC:
			st.Because = "the bucket makes the requester pay, and CloudFront can't send x-amz-request-payer"
			st.Guess = s.Access == correlate.AccessOAC
		case correlate.AccessIAM:
			switch acc := s.Principal.Account(); {
			case acc != "" && acc == s.OwnerAccount:
				st.Blocks, st.Because = correlate.No, "the requester belongs to the bucket owner's account"
			default:
				st.Blocks, st.Because, st.Missing = correlate.Unknown, "whether the requester agreed to pay is not in the log", []string{"x-amz-request-payer of the request"}
			}
		case correlate.AccessUnknown, "":
			st.Blocks, st.Missing = correlate.Unknown, []string{"who asked"}
		}
	}
	j.add(st)
}

// status is the HTTP status that S3 answers (S3 API, GetObject: a missing key;
// S3 guide, Website access permissions).
func (j *judge) status() int {
	s, o := j.s, j.o
	if st := o.Step(GateBucket); st != nil && st.Blocks == correlate.Yes {
		return 404
	}
	if o.Permitted == correlate.No {
		if s.Exists == correlate.No && s.Access != correlate.AccessWebsite && o.MayList != correlate.No && !j.denied() {
			if o.MayList == correlate.Yes {
				return 404
			}
			return 0
		}
		if s.Exists == correlate.No && s.Access == correlate.AccessWebsite && o.MayList != correlate.No {
			if o.MayList == correlate.Yes {
				return 404
			}
			return 0
		}
		return 403
	}
	if s.Exists == correlate.No {
		switch {
		case s.Access == correlate.AccessWebsite:
			if o.Permitted == correlate.Yes || o.MayList == correlate.Yes {
				return 404
			}
		case o.MayList == correlate.No:
			return 403
		case o.MayList == correlate.Yes && o.Permitted == correlate.Yes:
			return 404
		}
		return 0
	}
	if o.Allowed == correlate.Yes {
		return 200
	}
	for _, st := range o.Steps {
		if st.Blocks != correlate.Yes || o.Permitted != correlate.Yes {
			continue
		}
		switch {
		case st.Gate == GateArchived:
			return 403
		case st.Gate == GateSSEC, st.Gate == GateKMS && (o.KMS == KMSAnonymous || o.KMS == KMSIdentity || o.KMS == KMSUnusable):
			return 400
		case st.Gate == GateKMS:
			return 403
		}
	}
	return 0
}

func (j *judge) denied() bool {
	for _, g := range []Gate{GateRCP, GateSCP, GatePolicyDeny} {
		if st := j.o.Step(g); st != nil && st.Blocks == correlate.Yes {
			return true
		}
	}
	return false
}

// missing lists what would settle a fact: the permission that it lacks, else the
// call. The list must not be changed.
func (s *Situation) missing(permission, call string) []string {
	if what := or2(permission, call); what != "" {
		return facts.One(what)
	}
	return nil
}

// needs is what would settle the condition keys that a statement depends on:
// the permission of the fact that holds a key's value, else the key. The lists
// are not changed.
func (s *Situation) needs(keys []string) []string {
	var out []string
	for i, k := range keys {
		what := ""
		switch name := strings.ToLower(k); {
		case strings.HasPrefix(name, "s3:existingobjecttag/") && !s.Object.Tags.Known():
			what = or2(s.Object.Tags.Missing(), "s3:GetObjectTagging")
		case s.Access == correlate.AccessOAC && s.Distribution == nil && (name == "aws:sourcearn" || name == "aws:sourceaccount"):
			what = "cloudfront:GetDistribution"
		default:
			continue
		}
		if out == nil {
			out = slices.Clone(keys)
		}
		out[i] = what
	}
	if out == nil {
		return keys
	}
	return out
}

func fromPolicy(t policy.Tri) correlate.Tri {
	switch t {
	case policy.True:
		return correlate.Yes
	case policy.False:
		return correlate.No
	}
	return correlate.Unknown
}

func not(t correlate.Tri) correlate.Tri {
	switch t {
	case correlate.Yes:
		return correlate.No
	case correlate.No:
		return correlate.Yes
	}
	return correlate.Unknown
}

func and(a, b correlate.Tri) correlate.Tri {
	switch {
	case a == correlate.No || b == correlate.No:
		return correlate.No
	case a == correlate.Yes && b == correlate.Yes:
		return correlate.Yes
	}
	return correlate.Unknown
}

func or(a, b correlate.Tri) correlate.Tri { return not(and(not(a), not(b))) }

func or2(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func unique(list []string) []string {
	sort.Strings(list)
	out := list[:0]
	for i, v := range list {
		if v != "" && (i == 0 || v != list[i-1]) {
			out = append(out, v)
		}
	}
	return out
}
