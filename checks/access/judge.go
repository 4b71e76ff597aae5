package access

import (
	"fmt"
	"sort"
	"strings"
	"sync"

	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/checks/policy"
	"github.com/why403/why403/correlate"
)

// A Gate is one thing that may refuse a request, in the order in which they are
// reported (IAM guide, Policy evaluation logic; S3 guide, How Amazon S3 authorizes a
// request).
type Gate string

// The gates.
const (
	GateBucket        Gate = "bucket"                  // there is no such bucket
	GateRequesterPays Gate = "requester-pays"          // the requester does not pay
	GateRCP           Gate = "resource-control-policy" // a Deny of an RCP
	GateSCP           Gate = "service-control-policy"  // a Deny, or no Allow, of an SCP: IAM requesters only
	GatePolicyDeny    Gate = "bucket-policy-deny"      // a Deny of the bucket policy
	GateRestrict      Gate = "restrict-public-buckets" // Block Public Access cuts a public policy
	GateGrant         Gate = "grant"                   // neither policy nor ACL allows it
	GateMissing       Gate = "missing-key"             // there is no such object
	GateArchived      Gate = "archived"                // storage class, not restored
	GateSSEC          Gate = "ssec"                    // customer-provided key
	GateKMS           Gate = "kms"                     // the requester can't decrypt
	GateAccessPoint   Gate = "access-point"            // an access point's own policy or settings
)

// Levels of Block Public Access.
const (
	LevelBucket       = "bucket"
	LevelAccount      = "account"
	LevelOrganization = "organization"
)

// A Step is what one gate says.
type Step struct {
	Gate     Gate
	Level    string        // of GateRestrict
	Blocks   correlate.Tri // Yes: it refuses the request
	Because  string        // one phrase
	Evidence []facts.Evidence
	Missing  []string // permissions or inputs that would settle it
	Guess    bool     // it rests on something that no document states
}

// An Outcome is the judgement of one request.
type Outcome struct {
	// Allowed is Yes when every gate lets the request pass, No as soon as one
	// refuses it.
	Allowed correlate.Tri
	// Status is the HTTP status that S3 answers, 0 if it is not settled.
	Status int
	Steps  []Step

	// Permitted leaves out whether the object exists and how it is stored: may
	// this requester read this key at all?
	Permitted correlate.Tri
	// ByPolicy and ByACL say what grants it, OwnerReach whether the bucket
	// policy's Allows reach the object (they don't if another account owns it).
	ByPolicy, ByACL, OwnerReach correlate.Tri
	// MayList says whether the requester may list the bucket, so that a missing
	// key answers 404. Unknown unless the key is missing.
	MayList correlate.Tri

	// Notes are the rules on which the bucket policy's answer rests that AWS does
	// not document, in words.
	Notes []string
	// Denied and Unclear say whether a Deny of the bucket policy matches, and whether
	// any of its statements may: without them no statement does.
	Denied, Unclear bool
	// PolicyError says why the bucket policy could not be understood.
	PolicyError error
	// OwnerStep and ACLStep are the parts of GateGrant.
	OwnerStep, ACLStep, PolicyStep Step
	// Point says which rule of GateAccessPoint refuses.
	Point PointReason
	// KMS says which rule of GateKMS refuses.
	KMS KMSReason
	// Public says whether the bucket policy is public as RestrictPublicBuckets
	// means it.
	Public correlate.Tri

	judge      judge
	statements []policy.Explanation
}

// Statements explains every statement of the bucket policy for this request.
// Their values may hold secrets.
func (o *Outcome) Statements() []policy.Explanation {
	s := o.judge.s
	if p := &s.BucketFacts.Policy; o.statements == nil && p.Known() && o.PolicyError == nil {
		o.statements = s.mem.compiled(policy.BucketPolicy, p.Value).p.Explain("bucketPolicy", o.judge.request())
	}
	return o.statements
}

// PointReason names the rule by which an access point refuses.
type PointReason string

// The reasons.
const (
	PointNone    PointReason = ""
	PointDeny    PointReason = "deny"     // a Deny of its policy
	PointNoAllow PointReason = "no-allow" // its policy does not allow it
	PointVPC     PointReason = "vpc"      // it takes requests from its VPC only
	PointBlock   PointReason = "block"    // its own RestrictPublicBuckets cuts its public policy
)

// KMSReason names the rule by which a requester can't decrypt.
type KMSReason string

// The reasons.
const (
	KMSNone        KMSReason = ""
	KMSAnonymous   KMSReason = "anonymous"   // unsigned requests can't read SSE-KMS objects
	KMSIdentity    KMSReason = "identity"    // an origin access identity can't use SSE-KMS
	KMSAWSManaged  KMSReason = "aws-managed" // the key is aws/s3
	KMSUnusable    KMSReason = "unusable"    // disabled, pending deletion
	KMSKeyPolicy   KMSReason = "key-policy"  // the key policy does not allow kms:Decrypt
	KMSKeyNotFound KMSReason = "not-found"   // no such key, as far as the caller sees
)

// Blocked returns the steps that refuse the request, in order.
func (o *Outcome) Blocked() []Step {
	var steps []Step
	for _, st := range o.Steps {
		if st.Blocks == correlate.Yes {
			steps = append(steps, st)
		}
	}
	return steps
}

// Step returns the gate's first step that blocks, else the first undecided one,
// else the first; nil when the gate does not apply.
func (o *Outcome) Step(g Gate) *Step {
	var best *Step
	rank := func(t correlate.Tri) int {
		switch t {
		case correlate.Yes:
			return 2
		case correlate.Unknown:
			return 1
		}
		return 0
	}
	for i := range o.Steps {
		if st := &o.Steps[i]; st.Gate == g && (best == nil || rank(st.Blocks) > rank(best.Blocks)) {
			best = st
		}
	}
	return best
}

// Missing returns what would settle the outcome: nothing unless Allowed is
// Unknown.
func (o *Outcome) Missing() []string { return unique(o.AppendMissing(nil)) }

// AppendMissing appends what Missing returns, in the order of the steps and some
// of it more than once.
func (o *Outcome) AppendMissing(list []string) []string {
	if o.Allowed != correlate.Unknown {
		return list
	}
	for i := range o.Steps {
		if st := &o.Steps[i]; st.Blocks == correlate.Unknown {
			list = append(list, st.Missing...)
		}
	}
	return list
}

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

// allOf is Yes when no step blocks, No when one does.
func allOf(steps []Step) correlate.Tri {
	t := correlate.Yes
	for i := range steps {
		switch steps[i].Blocks {
		case correlate.Yes:
			return correlate.No
		case correlate.Unknown:
			t = correlate.Unknown
		}
	}
	return t
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
		unknown("whether the policy of access point "+s.AccessPoint+" allows it depends on "+strings.Join(res.DependsOn, ", "), res.DependsOn...)
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

// organization judges RCPs (their Denies: RCPFullAWSAccess is always attached)
// or SCPs (every level needs an Allow).
func (j *judge) organization(g Gate, prefix string, kind policy.Kind, f facts.Fact[[]facts.OrgPolicy]) {
	st := Step{Gate: g, Blocks: correlate.No, Because: "no resource control policy refuses it"}
	name := "resource control policy"
	if g == GateSCP {
		st.Because, name = "no service control policy refuses it", "service control policy"
	}
	if foreign := j.s.BucketFacts.Foreign == correlate.Yes; foreign || !f.Settled() {
		st.Blocks, st.Because, st.Missing = correlate.Unknown, "the organization's policies are not known", j.s.missing(f.Missing(), f.Call)
		if foreign {
			st.Missing = []string{"a run in the account of the bucket's owner"}
		}
		j.add(st)
		return
	}
	unknown := func(what string) {
		if st.Blocks == correlate.No {
			st.Blocks, st.Because = correlate.Unknown, what
		}
	}
	for _, p := range f.Value {
		doc := j.s.mem.compiled(kind, p.Content)
		if doc.err != nil {
			unknown(fmt.Sprintf("%s %s is not understood", name, p.Name))
			st.Missing = append(st.Missing, fmt.Sprintf("a valid %s %s (%v)", name, p.Name, doc.err))
			continue
		}
		doc.p.Visit(j.request(), func(i int, match policy.Tri, _ bool) {
			if doc.p.IsAllow(i) {
				return
			}
			switch e := doc.p.ExplainOne(prefix+":"+p.Name, i, j.request()); match {
			case policy.True:
				st.Blocks = correlate.Yes
				st.Because = fmt.Sprintf("%s %s denies it%s", name, p.Name, because(&e))
				st.Evidence = append(st.Evidence, facts.Evidence{Source: f.Call, Ref: e.In + " " + Ref(&e), Fact: "a Deny that matches" + because(&e)})
				st.Guess = st.Guess || j.s.Guessed(&e)
			case policy.Unknown:
				unknown(fmt.Sprintf("whether %s %s denies it depends on %s", name, p.Name, strings.Join(e.DependsOn, ", ")))
				st.Missing = append(st.Missing, e.DependsOn...)
			}
		})
	}
	if acc := j.s.Principal.Account(); g == GateSCP && acc != j.s.OwnerAccount {
		// These are the policies of the bucket's account, not of the requester's.
		st.Blocks, st.Because = correlate.Unknown, "the service control policies of the requester's account are not known"
		st.Missing = []string{"service control policies of account " + or2(acc, "of the requester")}
		j.add(st)
		return
	}
	if g == GateSCP && st.Blocks != correlate.Yes && len(f.Value) > 0 {
		// A snapshot does not say levels: then all stand on one.
		for _, allow := range j.scpAllows(f.Value) {
			switch allow {
			case policy.False:
				st.Blocks, st.Because = correlate.Yes, "no service control policy allows it"
				st.Evidence = append(st.Evidence, facts.Evidence{Source: f.Call, Ref: "Content", Fact: "no statement allows " + j.s.action()})
			case policy.Unknown:
				unknown("whether a service control policy allows it is not known")
			}
		}
	}
	j.add(st)
}

func (j *judge) scpAllows(list []facts.OrgPolicy) map[int]policy.Tri {
	levels := map[int]policy.Tri{}
	for _, p := range list {
		if _, ok := levels[p.Level]; !ok {
			levels[p.Level] = policy.False
		}
		doc := j.s.mem.compiled(policy.SCP, p.Content)
		if doc.err != nil {
			levels[p.Level] = levels[p.Level].Or(policy.Unknown)
			continue
		}
		doc.p.Visit(j.request(), func(i int, match policy.Tri, _ bool) {
			if doc.p.IsAllow(i) {
				levels[p.Level] = levels[p.Level].Or(match)
			}
		})
	}
	return levels
}

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
					grant.Missing = append(grant.Missing, e.DependsOn...)
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
				deny.Missing = append(deny.Missing, e.DependsOn...)
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

// restrict judges RestrictPublicBuckets at each level: with a public policy,
// only AWS service principals and the owner's own account get through (S3
// guide, Blocking public access).
func (j *judge) restrict(doc *compiledPolicy) {
	s, b := j.s, j.s.BucketFacts
	public := correlate.Unknown
	switch {
	case doc != nil:
		p, _ := doc.p.Public()
		public = triOf(p)
	case b.Policy.Settled() && !b.Policy.Known():
		public = correlate.No
	case b.PolicyStatus.Known():
		public = triOf(b.PolicyStatus.Value)
	}
	j.o.Public = public
	exempt := correlate.No
	guess := false
	switch s.Access {
	case correlate.AccessOAC:
		exempt = correlate.Yes
	case correlate.AccessOAI:
		guess = true
	case correlate.AccessIAM:
		if acc := s.Principal.Account(); acc == "" || s.OwnerAccount == "" {
			exempt = correlate.Unknown
		} else {
			exempt = triOf(acc == s.OwnerAccount)
		}
	case correlate.AccessUnknown, "":
		exempt = correlate.Unknown
	}
	for i := range j.blocks() {
		l := &j.levels[i]
		st := Step{Gate: GateRestrict, Level: l.name, Blocks: correlate.No, Evidence: l.evidence, Guess: guess}
		switch {
		case l.restrict == correlate.No:
			st.Because, st.Guess = l.off, false
		case public == correlate.No:
			st.Because, st.Guess = "the bucket policy is not public", false
		case exempt == correlate.Yes:
			st.Because, st.Guess = "AWS services and the owner's account pass RestrictPublicBuckets", false
		case l.restrict == correlate.Yes && public == correlate.Yes && exempt == correlate.No:
			st.Blocks = correlate.Yes
			st.Because = l.on
		default:
			st.Blocks = correlate.Unknown
			st.Because = l.open
			st.Missing = l.missing
			if public == correlate.Unknown {
				st.Missing = join(st.Missing, s.missing(b.Policy.Missing(), b.Policy.Call))
			}
			if exempt == correlate.Unknown {
				st.Missing = join(st.Missing, whoAsked)
			}
		}
		j.add(st)
	}
}

// join returns both lists as one, and neither is changed by what is appended to it.
func join(a, b []string) []string {
	if len(a) == 0 {
		return b
	}
	return append(a[:len(a):len(a)], b...)
}

var whoAsked = []string{"who asked"}

// A level is one at which public access can be blocked.
type level struct {
	*levelWords
	restrict, ignore correlate.Tri
	evidence         []facts.Evidence
	missing          []string
}

type levelWords struct{ name, off, on, open string }

var bucketLevel, accountLevel, organizationLevel = wordsOf(LevelBucket), wordsOf(LevelAccount), wordsOf(LevelOrganization)

func wordsOf(name string) *levelWords {
	return &levelWords{name,
		"RestrictPublicBuckets is off at the " + name + " level",
		"RestrictPublicBuckets is on at the " + name + " level and the bucket policy is public",
		"whether RestrictPublicBuckets cuts it at the " + name + " level is not known"}
}

// unknownAccount stands for an account that was not asked about.
var unknownAccount = facts.Account{PublicAccessBlock: facts.Fact[facts.PublicAccessBlock]{Permission: "s3:GetAccountPublicAccessBlock"}}

// blocks returns Block Public Access at each level. The account's answer is the
// effective one: when the organization's policy is on, it hides the account's
// own setting.
func (j *judge) blocks() []level {
	if j.levels != nil {
		return j.levels
	}
	s := j.s
	block := func(w *levelWords, f *facts.Fact[facts.PublicAccessBlock]) level {
		l := level{levelWords: w}
		switch {
		case f.Known():
			l.restrict, l.ignore = triOf(f.Value.RestrictPublicBuckets), triOf(f.Value.IgnorePublicAcls)
			l.evidence = s.mem.blockEvidence(blockQuestion{f.Call, w.name, f.Value.RestrictPublicBuckets, f.Value.IgnorePublicAcls})
		case f.Settled():
			l.restrict, l.ignore = correlate.No, correlate.No
		default:
			l.missing = s.missing(f.Missing(), f.Call)
		}
		return l
	}
	acc := s.Facts.Accounts[s.OwnerAccount]
	if acc == nil {
		acc = &unknownAccount
	}
	bucket, account := block(bucketLevel, &s.BucketFacts.PublicAccessBlock), block(accountLevel, &acc.PublicAccessBlock)
	org := level{levelWords: organizationLevel}
	switch f := &acc.EffectiveS3Policy; {
	case f.Known():
		on := S3PolicyBlocks(f.Value)
		org.restrict, org.ignore = on, on
		org.evidence = []facts.Evidence{{Source: f.Call, Ref: "EffectivePolicy.PolicyContent", Fact: "public_access_block_configuration is " + map[correlate.Tri]string{correlate.Yes: "all", correlate.No: "none", correlate.Unknown: "not understood"}[on]}}
		if on == correlate.Unknown {
			org.missing = []string{"an S3_POLICY that is understood"}
		}
	case f.Settled():
		org.restrict, org.ignore = correlate.No, correlate.No
	case account.restrict == correlate.No:
		// The account's answer is the effective one and would show it.
		org.restrict, org.ignore = correlate.No, correlate.No
	default:
		org.missing = s.missing(or2(f.Missing(), f.Call), "organizations:DescribeEffectivePolicy")
	}
	j.public = [3]level{bucket, account, org}
	switch {
	case org.restrict == correlate.Yes:
		j.public[1] = org
		j.levels = j.public[:2]
	case org.restrict == correlate.Unknown && account.restrict == correlate.Unknown:
		j.levels = j.public[:3]
	default:
		j.levels = j.public[:2]
	}
	return j.levels
}

// S3PolicyBlocks reads an organization's effective S3 policy (Organizations
// guide, Amazon S3 policies): all-or-nothing.
func S3PolicyBlocks(doc string) correlate.Tri {
	low := strings.ToLower(doc)
	_, after, ok := strings.Cut(low, "public_access_block_configuration")
	if !ok {
		return correlate.No
	}
	after = strings.TrimLeft(after, "\" \t\r\n:{")
	after = strings.TrimLeft(strings.TrimPrefix(after, "@@assign"), "\" \t\r\n:{")
	switch {
	case strings.HasPrefix(after, "all"):
		return correlate.Yes
	case strings.HasPrefix(after, "none"):
		return correlate.No
	}
	return correlate.Unknown
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

// ignored says whether IgnorePublicAcls is on at any level.
func (j *judge) ignored() (correlate.Tri, []facts.Evidence, []string) {
	t := correlate.No
	var miss []string
	for _, l := range j.blocks() {
		switch l.ignore {
		case correlate.Yes:
			return correlate.Yes, l.evidence, nil
		case correlate.Unknown:
			t = correlate.Unknown
			miss = append(miss, l.missing...)
		}
	}
	return t, nil, miss
}

// object judges what depends on the object: that it exists, how it is stored.
func (j *judge) object() {
	s := j.s
	ex := Step{Gate: GateMissing, Blocks: not(s.Exists)}
	switch s.Exists {
	case correlate.Yes:
		ex.Because = "the object exists"
	case correlate.No:
		ex.Because = "there is no object with this key"
		ex.Evidence = Existence(s)
	default:
		ex.Because = "whether the object exists is not known"
		ex.Missing = facts.One(or2(s.Object.Listed.Missing(), "s3:ListBucket"))
	}
	j.add(ex)
	if s.Exists == correlate.No {
		j.mayList()
		return
	}
	j.archived()
	j.encryption()
}

// Existence returns the evidence for whether the key exists.
func Existence(s *Situation) []facts.Evidence {
	o, b := s.Object, s.BucketFacts
	list := "the bucket's list of keys"
	if !b.Inventory.IsZero() {
		list = "the inventory of " + b.Inventory.UTC().Format("2006-01-02 15:04 UTC")
	}
	switch {
	case o.Listed.Call == facts.SourceInventory && o.Listed.State == facts.NotFound:
		return []facts.Evidence{{Source: o.Listed.Call, Ref: fmt.Sprintf("%q", s.Key), Fact: list + " does not hold the key"}}
	case o.Listed.Call == facts.SourceInventory && o.Listed.Known():
		return []facts.Evidence{{Source: o.Listed.Call, Ref: fmt.Sprintf("%q", s.Key), Fact: list + " holds the key"}}
	case o.Listed.State == facts.NotFound:
		return []facts.Evidence{{Source: o.Listed.Call, Ref: fmt.Sprintf("%q", s.Key), Fact: "the listing does not hold the key"}}
	case o.Head.State == facts.NotFound:
		return []facts.Evidence{{Source: o.Head.Call, Ref: fmt.Sprintf("%q", s.Key), Fact: "no such key"}}
	case o.Listed.Known():
		return []facts.Evidence{{Source: o.Listed.Call, Ref: fmt.Sprintf("%q", s.Key), Fact: "the listing holds the key"}}
	case o.Head.Known():
		return []facts.Evidence{{Source: o.Head.Call, Ref: fmt.Sprintf("%q", s.Key), Fact: "the object exists"}}
	case b.Keys.Known() && s.Exists == correlate.No:
		return []facts.Evidence{{Source: b.Keys.Call, Ref: fmt.Sprintf("%q", s.Key), Fact: list + " does not hold the key"}}
	case b.Keys.Known():
		return []facts.Evidence{{Source: b.Keys.Call, Ref: fmt.Sprintf("%q", s.Key), Fact: list + " holds the key"}}
	}
	return nil
}

func (j *judge) mayList() {
	s := j.s
	if s.Access == correlate.AccessWebsite {
		// Only a public bucket ACL counts; ListBucket in the policy is ignored at
		// website endpoints (tested against AWS by others).
		b := s.BucketFacts
		switch {
		case b.Ownership.Known() && b.Ownership.Value == "BucketOwnerEnforced":
			j.o.MayList = correlate.No
		case b.ACL.Known() && !PublicRead(&b.ACL.Value):
			j.o.MayList = correlate.No
		case b.ACL.Known() && b.Ownership.Settled():
			ig, _, _ := j.ignored()
			j.o.MayList = not(ig)
		}
		return
	}
	c := *s
	c.Action = "s3:ListBucket"
	c.context = &s.mem.listing
	c.context.Over(s.Context())
	c.context.SetAbsent("s3:prefix")
	c.context.SetAbsent("s3:delimiter")
	c.context.SetAbsent("s3:max-keys")
	k := s.mem.list.begin(&c)
	k.permission()
	// A resource control policy that can't be read would make every answer
	// unknown; it can't grant anything.
	t := correlate.Yes
	for _, st := range k.o.Steps {
		if st.Gate == GateRCP && st.Blocks == correlate.Unknown {
			continue
		}
		switch st.Blocks {
		case correlate.Yes:
			j.o.MayList = correlate.No
			return
		case correlate.Unknown:
			t = correlate.Unknown
		}
	}
	j.o.MayList = t
}

func (j *judge) archived() {
	s := j.s
	st := Step{Gate: GateArchived, Blocks: correlate.No}
	class, ev := StorageClass(s.Object)
	switch h := s.Object.Head; {
	case class == "":
		st.Blocks, st.Because = correlate.Unknown, "the storage class is not known"
		st.Missing = facts.One(or2(h.Missing(), "s3:GetObject"))
	case h.Known() && strings.Contains(h.Value.Restore, `ongoing-request="false"`):
		st.Because = "the object is restored"
	case class == "GLACIER" || class == "DEEP_ARCHIVE" || h.Known() && h.Value.ArchiveStatus != "":
		st.Blocks, st.Evidence = correlate.Yes, []facts.Evidence{ev}
		st.Because = "the object is archived (" + class + ") and not restored"
		if !h.Known() {
			st.Blocks, st.Missing = correlate.Unknown, facts.One(or2(h.Missing(), "s3:GetObject"))
			st.Because = "the object is archived (" + class + "); whether it is restored is not known"
		}
	case class == "INTELLIGENT_TIERING" && !h.Known():
		st.Blocks, st.Missing = correlate.Unknown, facts.One(or2(h.Missing(), "s3:GetObject"))
		st.Because = "whether the object is in an archive tier is not known"
	default:
		st.Because = "the storage class is " + class
	}
	j.add(st)
}

// StorageClass returns an object's storage class, "" if unknown. HeadObject
// leaves it out for STANDARD.
func StorageClass(o *facts.Object) (string, facts.Evidence) {
	switch {
	case o == nil:
	case o.Head.Known():
		c := or2(o.Head.Value.StorageClass, "STANDARD")
		fact := "StorageClass is " + c
		if o.Head.Value.ArchiveStatus != "" {
			fact += ", ArchiveStatus is " + o.Head.Value.ArchiveStatus
		}
		return c, facts.Evidence{Source: o.Head.Call, Ref: "StorageClass", Fact: fact}
	case o.Listed.Known() && o.Listed.Value.StorageClass != "":
		return o.Listed.Value.StorageClass, facts.Evidence{Source: o.Listed.Call, Ref: "StorageClass", Fact: "StorageClass is " + o.Listed.Value.StorageClass}
	}
	return "", facts.Evidence{}
}

// Encryption returns how an object is encrypted: "AES256", "aws:kms",
// "aws:kms:dsse", "SSE-C", "none", or "" if unknown.
func Encryption(o *facts.Object) (string, facts.Evidence) {
	switch {
	case o == nil:
	case o.Head.Known() && o.Head.Value.SSECustomerAlgorithm != "":
		return "SSE-C", facts.Evidence{Source: o.Head.Call, Ref: "SSECustomerAlgorithm", Fact: "encrypted with a customer-provided key"}
	case o.Head.Known():
		e := or2(o.Head.Value.ServerSideEncryption, "none")
		return e, facts.Evidence{Source: o.Head.Call, Ref: "ServerSideEncryption", Fact: "ServerSideEncryption is " + e}
	case o.Listed.Known() && o.Listed.Value.EncryptionStatus != "":
		st := o.Listed.Value.EncryptionStatus
		ev := facts.Evidence{Source: o.Listed.Call, Ref: "EncryptionStatus", Fact: "EncryptionStatus is " + st}
		switch st {
		case "SSE-S3":
			return "AES256", ev
		case "SSE-KMS":
			return "aws:kms", ev
		case "DSSE-KMS":
			return "aws:kms:dsse", ev
		case "SSE-C":
			return "SSE-C", ev
		case "NOT-SSE":
			return "none", ev
		}
	}
	return "", facts.Evidence{}
}

func (j *judge) encryption() {
	s := j.s
	kind, ev := Encryption(s.Object)
	ssec := Step{Gate: GateSSEC, Blocks: correlate.No, Because: "not encrypted with a customer-provided key"}
	kms := Step{Gate: GateKMS, Blocks: correlate.No, Because: "not encrypted with a KMS key"}
	switch kind {
	case "":
		ssec.Blocks, ssec.Because = correlate.Unknown, "the encryption is not known"
		ssec.Missing = facts.One(or2(s.Object.Head.Missing(), "s3:GetObject"))
		kms.Blocks, kms.Because, kms.Missing = ssec.Blocks, ssec.Because, ssec.Missing
	case "SSE-C":
		ssec.Blocks, ssec.Because, ssec.Evidence = correlate.Yes, "the object is encrypted with a customer-provided key, which CloudFront can't send", []facts.Evidence{ev}
	case "aws:kms", "aws:kms:dsse":
		kms = j.kms(ev)
	}
	j.add(ssec)
	j.add(kms)
}

func (j *judge) kms(ev facts.Evidence) Step {
	s, o := j.s, j.o
	st := Step{Gate: GateKMS, Evidence: []facts.Evidence{ev}}
	block := func(r KMSReason, because string, ev ...facts.Evidence) Step {
		o.KMS = r
		st.Blocks, st.Because = correlate.Yes, because
		st.Evidence = append(st.Evidence, ev...)
		return st
	}
	unknown := func(because string, miss ...string) Step {
		st.Because, st.Missing = because, miss
		return st
	}
	switch s.Access {
	case correlate.AccessWebsite, correlate.AccessAnonymous:
		return block(KMSAnonymous, "an unsigned request can't read an object encrypted with a KMS key")
	case correlate.AccessOAI:
		return block(KMSIdentity, "an origin access identity can't read an object encrypted with a KMS key")
	case correlate.AccessIAM, correlate.AccessUnknown, "":
		return unknown("whether the requester may decrypt is not known", "kms permissions of the requester")
	}
	if !s.Object.Head.Known() || s.Object.Head.Value.SSEKMSKeyID == "" {
		return unknown("which KMS key encrypts the object is not known", or2(s.Object.Head.Missing(), "s3:GetObject"))
	}
	id := s.Object.Head.Value.SSEKMSKeyID
	if strings.HasSuffix(id, "alias/aws/s3") {
		return block(KMSAWSManaged, "the object is encrypted under aws/s3, whose policy admits no other account's service")
	}
	key := KMSKey(s.Facts, id)
	if key == nil {
		return unknown("the KMS key is not known", "kms:DescribeKey", "kms:GetKeyPolicy")
	}
	if m := key.Key; m.Known() {
		ref := facts.Evidence{Source: m.Call, Ref: "KeyMetadata"}
		switch v := m.Value; {
		case v.KeyManager == "AWS":
			ref.Ref, ref.Fact = "KeyMetadata.KeyManager", "KeyManager is AWS: the key aws/s3"
			return block(KMSAWSManaged, "the object is encrypted under the AWS managed key aws/s3, whose policy can't be changed and does not admit CloudFront", ref)
		case v.KeyState != "" && v.KeyState != "Enabled" && v.KeyState != "Creating" && v.KeyState != "Updating":
			ref.Ref, ref.Fact = "KeyMetadata.KeyState", "KeyState is "+v.KeyState
			return block(KMSUnusable, "the KMS key is "+v.KeyState, ref)
		}
	} else if m.State == facts.NotFound {
		return block(KMSKeyNotFound, "the KMS key does not exist, or is not visible from here", facts.Evidence{Source: m.Call, Ref: id, Fact: "no such key"})
	}
	if !key.Policy.Known() {
		return unknown("the key policy is not known", or2(key.Policy.Missing(), "kms:GetKeyPolicy"))
	}
	doc := s.mem.compiled(policy.KeyPolicy, key.Policy.Value)
	if doc.err != nil {
		return unknown("the key policy is not understood: "+doc.err.Error(), "a valid key policy")
	}
	arn := id
	if key.Key.Known() && key.Key.Value.ARN != "" {
		arn = key.Key.Value.ARN
	}
	req := &policy.Request{Principal: s.Principal, Action: "kms:Decrypt", Resource: arn, Context: j.kmsContext()}
	res := doc.p.Evaluate(req)
	switch res.Decision {
	case policy.Allow:
		if key.Key.Known() {
			st.Blocks, st.Because = correlate.No, "the key policy lets CloudFront decrypt"
			return st
		}
		return unknown("whether the KMS key is enabled is not known", or2(key.Key.Missing(), "kms:DescribeKey"))
	case policy.Undecided:
		return unknown("whether the key policy lets CloudFront decrypt depends on "+strings.Join(res.DependsOn, ", "), res.DependsOn...)
	case policy.ExplicitDeny:
		return block(KMSKeyPolicy, "the key policy denies CloudFront kms:Decrypt",
			facts.Evidence{Source: key.Policy.Call, Ref: fmt.Sprintf("Statement[%d]", res.Deny[0]), Fact: "a Deny that matches kms:Decrypt by " + CloudFrontService})
	}
	return block(KMSKeyPolicy, "no statement of the key policy lets CloudFront decrypt",
		facts.Evidence{Source: key.Policy.Call, Ref: "Statement", Fact: "no Allow matches kms:Decrypt by " + CloudFrontService + " for this distribution"})
}

// kmsContext is the context of the Decrypt call that S3 makes for CloudFront
// (S3 guide, SSE-KMS: the encryption context is the object's ARN, or the
// bucket's with S3 Bucket Keys).
func (j *judge) kmsContext() *policy.Context {
	s := j.s
	c := &policy.Context{Default: policy.Undefined}
	for _, k := range []string{"aws:SourceArn", "aws:SourceAccount", "aws:PrincipalIsAWSService", "aws:PrincipalServiceName",
		"aws:PrincipalServiceNamesList", "aws:CurrentTime", "aws:EpochTime", "aws:PrincipalOrgID", "aws:PrincipalArn", "aws:PrincipalAccount"} {
		switch v := s.Context().Get(k); v.State {
		case policy.Known:
			put(c, k, v)
		case policy.Absent:
			c.SetAbsent(k)
		}
	}
	if r := Region(s); r != "" {
		c.Set("kms:ViaService", "s3."+r+".amazonaws.com")
	}
	arn := s.ARN()
	if s.Object.Head.Known() && s.Object.Head.Value.BucketKeyEnabled {
		arn = strings.TrimSuffix(arn, "/"+s.Key)
	}
	c.Set("kms:EncryptionContext:aws:s3:arn", arn)
	c.SetList("kms:EncryptionContextKeys", "aws:s3:arn")
	c.SetAbsent("kms:GrantIsForAWSResource")
	return c
}

// KMSKey finds a key by the id or ARN that an object names.
func KMSKey(f *facts.Facts, id string) *facts.KMSKey {
	if k := f.KMSKeys[id]; k != nil {
		return k
	}
	if i := strings.LastIndexByte(id, '/'); i >= 0 {
		return f.KMSKeys[id[i+1:]]
	}
	for name, k := range f.KMSKeys {
		if strings.HasSuffix(name, "/"+id) {
			return k
		}
	}
	return nil
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

// Guessed reports whether a statement's match rests on a key whose value no
// document states. A missing aws:SourceIp is no matter to NotIpAddress: it
// holds for an address of CloudFront's as well.
func (s *Situation) Guessed(e *policy.Explanation) bool {
	for _, el := range e.Elements {
		if el.Element == "Condition" && s.guess(el.Operator, strings.ToLower(el.Key)) {
			return true
		}
	}
	return false
}

// guessed is Guessed for a statement of a policy.
func (s *Situation) guessed(p *policy.Policy, statement int) bool {
	for operator, key := range p.Conditions(statement) {
		if s.guess(operator, key) {
			return true
		}
	}
	return false
}

func (s *Situation) guess(operator, key string) bool {
	return s.Guesses[key] && !(key == "aws:sourceip" && strings.HasPrefix(strings.ToLower(operator), "notipaddress"))
}

// Ref names a statement as evidence does: "Statement[1]" and its Sid.
func Ref(e *policy.Explanation) string {
	if e.Sid != "" {
		return fmt.Sprintf("Statement[%d] (Sid %s)", e.Index, e.Sid)
	}
	return fmt.Sprintf("Statement[%d]", e.Index)
}

// Name names a statement in a sentence.
func Name(e *policy.Explanation) string {
	if e.Sid != "" {
		return fmt.Sprintf("statement %q", e.Sid)
	}
	return fmt.Sprintf("Statement[%d]", e.Index)
}

// because says which conditions make a statement match, values of secrets
// masked.
func because(e *policy.Explanation) string {
	var parts []string
	for _, el := range e.Elements {
		if el.Element == "Condition" {
			parts = append(parts, Condition(&el))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, " and ")
}

// Condition says in words what a condition compares, secrets masked: a Referer
// or User-Agent of a policy is taken for one.
func Condition(el *policy.ElementExplanation) string {
	value := ""
	switch {
	case el.State == policy.Absent:
		value = "the request has none"
	case el.State == policy.Undefined:
		value = "the request's is not known"
	case policy.SharedSecret(el.Key):
		value = "the request's value differs"
		if el.Match == policy.True != negated(el.Operator) {
			value = "the request's value fits"
		}
	default:
		value = "the request has " + strings.Join(el.Request, ", ")
	}
	want := strings.Join(el.Policy, ", ")
	if policy.SharedSecret(el.Key) {
		want = "(masked)"
	} else if len(el.Policy) > 3 {
		want = strings.Join(el.Policy[:3], ", ") + fmt.Sprintf(" and %d more", len(el.Policy)-3)
	}
	return fmt.Sprintf("%s %s %s (%s)", el.Operator, el.Key, want, value)
}

func negated(operator string) bool { return strings.Contains(strings.ToLower(operator), "not") }

// A compiledPolicy is a parsed document, or why it can't be parsed, and the
// condition keys that it reads.
type compiledPolicy struct {
	p    *policy.Policy
	err  error
	keys []string
	// Of each statement, its Ref and what is said where it allows a request.
	refs, allows []string
}

// compiledOf parses a policy document once; the last few hundred are kept.
func compiledOf(kind policy.Kind, doc string) *compiledPolicy {
	key := compiledKey{kind, doc}
	if v, ok := compiled.Load(key); ok {
		return v.(*compiledPolicy)
	}
	c := &compiledPolicy{}
	if c.p, c.err = policy.ParseKind(kind, []byte(doc)); c.err == nil {
		c.keys = c.p.Keys()
		for i := range c.p.Len() {
			e := policy.Explanation{StatementRef: policy.StatementRef{Index: i, Sid: c.p.Sid(i)}}
			c.refs = append(c.refs, Ref(&e))
			c.allows = append(c.allows, "the bucket policy allows it by "+Name(&e))
		}
	}
	compiledMu.Lock()
	if compiledLen++; compiledLen > 512 {
		compiled.Clear()
		compiledLen = 1
	}
	compiled.Store(key, c)
	compiledMu.Unlock()
	return c
}

type compiledKey struct {
	kind policy.Kind
	doc  string
}

var (
	compiled    sync.Map
	compiledMu  sync.Mutex
	compiledLen int
)

// Compile returns the parsed bucket policy of a document; parsing is done once
// for each document.
func Compile(doc string) (*policy.Policy, error) {
	c := compiledOf(policy.BucketPolicy, doc)
	return c.p, c.err
}

// missing lists what would settle a fact: the permission that it lacks, else the
// call. The list must not be changed.
func (s *Situation) missing(permission, call string) []string {
	if what := or2(permission, call); what != "" {
		return facts.One(what)
	}
	return nil
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
