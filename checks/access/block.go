package access

import (
	"strings"

	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/correlate"
)

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
