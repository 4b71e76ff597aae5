package access

import (
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
