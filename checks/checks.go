package checks

import (
	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/correlate"
)

// A Check finds, or rules out, one cause.
type Check struct {
	ID    string // the cause's id, kebab-case, never reused
	Title string // one line
	Page  string // Markdown: meaning, how it shows, how it is proven, look-alikes, fix, sources
	// Rank is the place in the order of fixing (causes that hide others first):
	// the verdict of a key is the cause with the lowest Rank.
	Rank int
	// Permissions are the IAM actions without which the check may have to say
	// unknown.
	Permissions []string
	// Key and Edge run the check on a key that S3 refused and on a request that
	// CloudFront refused by itself. A nil one means not applicable.
	Key  func(*KeyPass) Finding
	Edge func(*EdgePass) Finding
}

// Verdict is the kind of a Finding.
type Verdict uint8

// The verdicts.
const (
	NotApplicable Verdict = iota
	RuledOut
	Undecided // unknown: Missing says what would settle it
	Cause
)

// Certainty says how sure a cause is.
type Certainty string

// The certainties.
const (
	Proven   Certainty = "proven"   // a documented rule and settled facts leave no other reading
	Likely   Certainty = "likely"   // fits the evidence; something documented could still differ
	Possible Certainty = "possible" // rests on a guess, or on settings read later
)

// A Finding is what one check says of one key.
type Finding struct {
	ID        string
	Verdict   Verdict
	Certainty Certainty
	Summary   string // one sentence, names the key's or setting's values
	Evidence  []Evidence
	Remedies  []Remedy
	Missing   []string // permissions ("s3:GetBucketPolicy") or inputs ("s3-log", "--distribution")
}

// Evidence is one fact that carries a finding.
type Evidence struct {
	Source string // "cloudfront-log", "s3-log", "waf-log", or the call: "s3:GetBucketPolicy"
	Ref    string // object:line, or the field: "Statement[1].Condition.StringEquals.aws:Referer"
	Fact   string // what it says, in words, secrets masked
}

// A Remedy is one way to make the request succeed.
type Remedy struct {
	Title    string // a verb phrase
	Commands []string
	Opens    string // what it opens up besides, "" when nothing
	// Document is the changed policy or configuration in full, Diff the change
	// as a unified diff; both "" when the remedy is no document.
	Document, Diff string
	// CloudFormation and Terraform hold the same change in those words, "" when
	// there is none.
	CloudFormation, Terraform string
	// Verified is the result of the simulation: the same request, judged again
	// with the remedy applied to the facts. Unknown when it can't be simulated.
	Verified correlate.Tri
}

// A KeyPass is all that a check may look at for a failing key.
type KeyPass struct {
	Key          *correlate.FailingKey
	Coverage     *correlate.Coverage
	Facts        *facts.Facts
	Distribution *correlate.Distribution // nil if unknown
	Behavior     *correlate.Behavior     // nil if unknown
	Origin       *correlate.Origin       // nil if unknown
	Bucket       *facts.Bucket           // nil if nothing is known of it
	Object       *facts.Object           // nil if nothing is known of it
}

// An EdgePass is all that a check may look at for a request refused at the edge.
type EdgePass struct {
	Failure      *correlate.EdgeFailure
	Coverage     *correlate.Coverage
	Facts        *facts.Facts
	Distribution *correlate.Distribution // nil if unknown
	Behavior     *correlate.Behavior     // nil if unknown
	Origin       *correlate.Origin       // nil if unknown
}

// A Diagnosis is everything the checks say of one key or edge failure.
type Diagnosis struct {
	Verdict  string    // id of the cause to act on first, or "unexplained"
	Causes   []Finding // by Rank
	RuledOut []string  // ids
	Unknown  []Finding // with Missing
	// Settled is true when a cause is proven, so that no dearer fact is needed.
	Settled bool
}
