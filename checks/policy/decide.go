package policy

// A NamedPolicy is an organization policy under the name that answers show. A nil Policy is attached but not known.
type NamedPolicy struct {
	Name   string
	Policy *Policy
}

// A Case is one request with all the policies that bear on it (EVAL). ACLs, object ownership, encryption and Requester
// Pays are not policies: the checks judge them.
type Case struct {
	Account string  // of the bucket owner, 12 digits; only an IAM requester is compared with it
	Policy  *Policy // of the bucket (or the key); nil when there is none

	// PolicyUnknown says that a nil Policy could not be read.
	PolicyUnknown bool

	// RestrictPublicBuckets is the most restrictive of organization, account and bucket. Mind that the zero Tri is
	// Unknown, which matters only if the policy is public.
	RestrictPublicBuckets Tri

	// RCPs and SCPs hold one list a level, the root's first and the account's last. No levels at all means no such
	// policies: outside an organization, or the type is not enabled.
	RCPs, SCPs [][]NamedPolicy

	Request Request
}

// What an Answer was decided by.
const (
	ByBucketPolicy = "bucketPolicy"
	ByRCP          = "rcp"
	BySCP          = "scp"
	ByBPA          = "bpa"
	ByNoAllow      = "noAllow"
)

// An Answer is the decision on a Case.
type Answer struct {
	Decision Decision
	Allowed  Tri // False as soon as the request can't be allowed, whatever kind of deny it is

	// By names what decided: the policies with a Deny; "bpa" when RestrictPublicBuckets cut an Allow; "scp" when a level
	// has no Allow; "noAllow". An Allow is by the bucket policy when one of its statements matches, else by nothing that
	// is named here: the requester's identity policies alone grant it. Undecided has none.
	By []string

	Deny  []StatementRef // all that match, the bucket policy's first, then RCPs, then SCPs
	Allow []StatementRef // of the bucket policy, all that match, in whatever way they count
	Open  []StatementRef // those of which it is not known whether they match

	// DependsOn names the unknown facts on which the decision depends, sorted: condition keys, KeyIdentity and the like,
	// and policies that are not known ("rcp:NAME").
	DependsOn []string
	Notes     Notes
}

// Decide answers a request by all policies. It never changes the case.
func Decide(c *Case) Answer {
	d := decider{c: c, r: prepare(&c.Request), deny: False}
	bucket := outcome{False, False, False}
	if c.Policy != nil || c.PolicyUnknown {
		bucket = d.judge("bucketPolicy", ByBucketPolicy, c.Policy)
	}
	// RCPs bind every principal. RCPFullAWSAccess is always attached: only their Denies count (RCP).
	for _, level := range c.RCPs {
		for _, p := range level {
			d.judge("rcp:"+p.Name, ByRCP, p.Policy)
		}
	}
	// SCPs bind IAM users and roles only: never anonymous, never a service, never an OAI (SCP).
	scps := True
	if c.Request.Principal.Type == IAM {
		for _, level := range c.SCPs {
			allow := False
			for _, p := range level {
				allow = allow.Or(d.judge("scp:"+p.Name, BySCP, p.Policy).allow)
			}
			scps = scps.And(allow)
		}
	}
	return d.conclude(bucket, scps)
}

type decider struct {
	c      *Case
	r      prepared
	deny   Tri
	answer Answer
	open   []openStatement
	absent []string // the policies that are not known
}

type openStatement struct {
	s     *statement
	allow string // by what it allows, or ""
}

// judge evaluates one policy and files its statements.
func (d *decider) judge(in, by string, p *Policy) outcome {
	if p == nil {
		d.absent = append(d.absent, in)
		d.deny = d.deny.Or(Unknown)
		return outcome{Unknown, Unknown, Unknown}
	}
	denied := false
	o := p.evaluate(&d.r, func(i int, m statementMatch) {
		s := &p.statements[i]
		ref := StatementRef{in, i, s.sid}
		switch {
		case s.allow && by == ByRCP:
		case m.either() == Unknown:
			d.answer.Open = append(d.answer.Open, ref)
			open := openStatement{s: s}
			if s.allow {
				open.allow = by
			}
			d.open = append(d.open, open)
		case !s.allow:
			denied = true
			d.answer.Deny = append(d.answer.Deny, ref)
		case by == ByBucketPolicy:
			d.answer.Allow = append(d.answer.Allow, ref)
		}
	})
	if n := len(d.answer.By); denied && (n == 0 || d.answer.By[n-1] != by) {
		d.answer.By = append(d.answer.By, by)
	}
	d.deny = d.deny.Or(o.deny)
	return o
}

// conclude combines what the policies say.
func (d *decider) conclude(bucket outcome, scps Tri) Answer {
	a, p := &d.answer, &d.c.Request.Principal

	// byPolicy: the bucket policy grants it. granted: something does.
	byPolicy, granted := bucket.allow, bucket.allow
	insider := False // of the bucket owner's account
	if p.Type == IAM {
		switch account := p.Account(); {
		case account != "":
			insider = TriOf(account == d.c.Account)
		case p.Partial:
			insider = Unknown
		}
		// Inside the account either side suffices, if the policy names more than the account; across accounts both
		// sides must allow (EVAL).
		inside, across := bucket.allow.Or(p.Identity), bucket.grants.And(p.Identity)
		granted = choose(insider, inside, across)
		byPolicy = choose(insider, bucket.allow, across)
	}

	// RestrictPublicBuckets leaves services and the owner's own account alone (BPA).
	cut := False
	if p.Type != Service && byPolicy != False {
		public := Unknown
		if d.c.Policy != nil {
			is, _ := d.c.Policy.Public()
			public = TriOf(is)
		}
		cut = d.c.RestrictPublicBuckets.And(public).And(insider.Not())
	}
	if cut == True && p.Type == OAI {
		d.r.notes.add(noteOAIRestricted)
	}

	a.Allowed = granted.And(d.deny.Not()).And(scps).And(cut.Not())
	switch {
	case d.deny == True:
		a.Decision = ExplicitDeny
	case d.deny == Unknown:
		a.Decision = Undecided
	case scps == False:
		a.Decision, a.By = ImplicitDeny, []string{BySCP}
	case granted == False:
		// With an unknown SCP it is an implicit deny all the same.
		a.Decision, a.By = ImplicitDeny, []string{ByNoAllow}
	case scps == Unknown || granted == Unknown || cut == Unknown:
		a.Decision = Undecided
	case cut == True:
		a.Decision, a.By = ExplicitDeny, []string{ByBPA}
	default:
		a.Decision = Allow
		if bucket.grants == True {
			a.By = []string{ByBucketPolicy}
		}
	}
	if a.Decision == Undecided {
		a.By = nil
		a.DependsOn = d.dependsOn(granted, scps, cut)
	}
	a.Notes = d.r.notes
	return *a
}

func (d *decider) dependsOn(granted, scps, cut Tri) []string {
	var keys keySet
	for _, o := range d.open {
		if o.allow == "" || o.allow == BySCP && scps == Unknown || o.allow == ByBucketPolicy && granted == Unknown {
			o.s.dependsOn(&d.r, &keys)
		}
	}
	for _, in := range d.absent {
		keys.add(in)
	}
	p := &d.c.Request.Principal
	if p.Type == IAM && granted == Unknown && p.Identity == Unknown {
		keys.add(KeyIdentity)
	}
	if p.Type == IAM && p.Account() == "" && p.Partial && (granted == Unknown || cut == Unknown) {
		keys.add(KeyPrincipalARN)
	}
	if cut == Unknown && d.c.RestrictPublicBuckets == Unknown {
		keys.add(KeyRestrict)
	}
	return keys.sorted()
}

// choose is yes where cond is true and no where it is false; where it is unknown, what both agree on.
func choose(cond, yes, no Tri) Tri {
	switch {
	case cond == True || cond == Unknown && yes == no:
		return yes
	case cond == False:
		return no
	}
	return Unknown
}
