package facts

// Evidence is one fact that carries a finding.
type Evidence struct {
	Source string // "cloudfront-log", "s3-log", "waf-log", or the call: "s3:GetBucketPolicy"
	Ref    string // object:line, or the field: "Statement[1].Condition.StringEquals.aws:Referer"
	Fact   string // what it says, in words, secrets masked
}
