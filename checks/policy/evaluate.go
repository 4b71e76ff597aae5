package policy

import (
	"iter"
	"sort"
	"strings"
)

// A Decision is the answer to a request.
type Decision string

const (
	Allow        Decision = "allow"
	ExplicitDeny Decision = "explicitDeny"
	ImplicitDeny Decision = "implicitDeny"
	Undecided    Decision = "unknown" // it depends on facts that are not known
)

// A request prepared for matching: its resource is split once.
type prepared struct {
	*Request
	parts [6]string
	isARN bool
	notes Notes
}

func prepare(r *Request) prepared {
	p := prepared{Request: r}
	p.parts, p.isARN = splitARN(r.Resource)
	return p
}

// An outcome is what one policy says, before anything else is considered.
type outcome struct {
	deny   Tri // some Deny matches
	allow  Tri // some Allow matches and names the requester, or everybody
	grants Tri // some Allow matches at least the requester's account
}

// evaluate judges the statements. visit, when not nil, sees every statement that may match.
func (p *Policy) evaluate(r *prepared, visit func(index int, m statementMatch)) outcome {
	o := outcome{False, False, False}
	for i := range p.statements {
		s := &p.statements[i]
		m := s.match(r)
		applies := m.either()
		if applies == False {
			continue
		}
		if s.allow {
			o.allow = o.allow.Or(m.direct)
			o.grants = o.grants.Or(applies)
		} else {
			o.deny = o.deny.Or(applies)
		}
		if visit != nil {
			visit(i, m)
		}
	}
	return o
}

// A statementMatch says whether a statement applies because it names the requester, or its account.
type statementMatch struct{ direct, account Tri }

func (m statementMatch) either() Tri { return m.direct.Or(m.account) }

func (s *statement) match(r *prepared) statementMatch {
	none := statementMatch{False, False}
	if !s.matchAction(r.Action) {
		return none
	}
	res := s.matchResource(r)
	if res == False {
		return none
	}
	notes := r.notes
	who := s.matchPrincipal(r)
	if who.direct == False && who.account == False {
		return none
	}
	rest := res
	for i := range s.conditions {
		before := r.notes
		if rest = rest.And(s.conditions[i].evaluate(r.Context, &r.notes)); rest == False {
			if r.notes == before {
				r.notes = notes // it fails by a documented rule, whatever the others say
			}
			return none
		}
	}
	return statementMatch{who.direct.And(rest), who.account.And(rest)}
}

func (s *statement) matchPrincipal(r *prepared) principalMatch {
	if s.anyone {
		return principalMatch{True, False}
	}
	m := s.principals.match(&r.Principal, &r.notes)
	if !s.not {
		return m
	}
	// Whoever is not listed, by itself or by its account.
	listed := m.direct.Or(m.account)
	if listed != False && !s.principals.all {
		switch {
		case r.Principal.Type == OAI:
			r.notes.add(noteNotPrincipalOAI)
		case r.Principal.Type == IAM && m.account != True:
			r.notes.add(noteNotPrincipalUser)
		case r.Principal.Type == IAM && m.direct != True:
			r.notes.add(noteNotPrincipalAccount)
		}
	}
	return principalMatch{listed.Not(), False}
}

func (s *statement) matchAction(action string) bool {
	for _, a := range s.actions {
		if matchFold(a, action) {
			return !s.notAction
		}
	}
	return s.notAction
}

func (s *statement) matchResource(r *prepared) Tri {
	t := False
	for i := range s.resources {
		res := &s.resources[i]
		switch {
		case res.all:
			t = True
		case r.isARN:
			t = t.Or(res.arn.match(r.Resource, &r.parts, r.Context))
		}
		if t == True {
			break
		}
	}
	if !s.notRes {
		return t
	}
	if t == False && s.valuelessVariable(r.Context) {
		r.notes.add(noteNotResourceVariable)
	}
	return t.Not()
}

func (s *statement) valuelessVariable(ctx *Context) bool {
	for i := range s.resources {
		vars := s.resources[i].arn.tail.vars
		for j := range vars {
			if _, known := vars[j].resolve(ctx); known == False {
				return true
			}
		}
	}
	return false
}

// decision combines an outcome for a requester who needs no other permission than this policy's.
func (o outcome) decision() Decision {
	switch {
	case o.deny == True:
		return ExplicitDeny
	case o.deny == Unknown || o.allow == Unknown:
		return Undecided
	case o.allow == True:
		return Allow
	}
	return ImplicitDeny
}

// Decision answers the request by this policy alone: a Deny that matches, else an Allow that matches and names the
// requester or everybody. It does not allocate. The policies of the account and of the organization, Block Public
// Access and ACLs are Decide's matter.
func (p *Policy) Decision(r *Request) Decision {
	q := prepare(r)
	return p.evaluate(&q, nil).decision()
}

// Visit calls f with every statement that applies to the request, or may, in order: match is True or Unknown. account
// says that a statement that applies names the requester's account only, as in an Explanation. It returns the
// undocumented rules that were used. It does not allocate.
func (p *Policy) Visit(r *Request, f func(index int, match Tri, account bool)) Notes {
	q := prepare(r)
	p.evaluate(&q, func(i int, m statementMatch) {
		applies := m.either()
		f(i, applies, applies == True && m.direct != True)
	})
	return q.notes
}

// Conditions yields the operator, as written, and the key, in lower case, of a statement's conditions.
func (p *Policy) Conditions(index int) iter.Seq2[string, string] {
	return func(yield func(operator, key string) bool) {
		for i := range p.statements[index].conditions {
			c := &p.statements[index].conditions[i]
			if !yield(c.operator, c.name) {
				return
			}
		}
	}
}

// A StatementRef names a statement.
type StatementRef struct {
	In    string `json:"in"`    // "bucketPolicy", "rcp:NAME", "scp:NAME"
	Index int    `json:"index"` // from 0
	Sid   string `json:"sid,omitempty"`
}

// A Result is the answer of one policy with its reasons.
type Result struct {
	Decision Decision
	// Allowed is False as soon as the request can't be allowed, even if it is not known what kind of deny it is.
	Allowed Tri

	Allow     []int // statements that allow the requester, or everybody
	Delegated []int // Allow statements that name only the requester's account, whose own policies then decide
	Deny      []int
	Open      []int // statements of which it is not known whether they match

	DependsOn []string // the unknown keys on which the decision depends, as the policy writes them, sorted
	Notes     Notes    // undocumented rules that were used
}

// Evaluate is Decision with the statements that make it.
func (p *Policy) Evaluate(r *Request) Result {
	q := prepare(r)
	var res Result
	o := p.evaluate(&q, func(i int, m statementMatch) {
		switch {
		case m.either() == Unknown:
			res.Open = append(res.Open, i)
		case !p.statements[i].allow:
			res.Deny = append(res.Deny, i)
		case m.direct == True:
			res.Allow = append(res.Allow, i)
		default:
			res.Delegated = append(res.Delegated, i)
		}
	})
	res.Decision, res.Notes = o.decision(), q.notes
	res.Allowed = o.allow.And(o.deny.Not())
	if res.Decision == Undecided {
		var keys keySet
		for _, i := range res.Open {
			// An open Allow decides nothing when another one allows already.
			if !p.statements[i].allow || o.allow == Unknown {
				p.statements[i].dependsOn(&q, &keys)
			}
		}
		res.DependsOn = keys.sorted()
	}
	return res
}

// A keySet holds names of keys, once each whatever their case.
type keySet map[string]string

func (k *keySet) add(key string) {
	if *k == nil {
		*k = make(keySet)
	}
	if low := strings.ToLower(key); (*k)[low] == "" {
		(*k)[low] = key
	}
}

func (k keySet) sorted() []string {
	var keys []string
	for _, key := range k {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

// Names under which DependsOn reports a part of the requester's identity that is not known.
const (
	KeyPrincipalARN  = "principal ARN"
	KeyCanonicalUser = "principal canonical user ID"
	KeyIdentity      = "identity policies of the requester"
	KeyRestrict      = "RestrictPublicBuckets"
)

// dependsOn collects the unknown keys of a statement that may match.
func (s *statement) dependsOn(r *prepared, keys *keySet) {
	add := func(v *variable) {
		if _, known := v.resolve(r.Context); known == Unknown {
			keys.add(v.key)
		}
	}
	if m := s.matchPrincipal(r); m.direct.Or(m.account) == Unknown {
		if r.Principal.ARN == "" {
			keys.add(KeyPrincipalARN)
		} else {
			keys.add(KeyCanonicalUser)
		}
	}
	if s.matchResource(r) == Unknown {
		for i := range s.resources {
			s.resources[i].arn.eachVariable(add)
		}
	}
	for i := range s.conditions {
		c := &s.conditions[i]
		if c.evaluate(r.Context, &r.notes) != Unknown {
			continue
		}
		if r.Context.lookup(c.name).State == Undefined {
			keys.add(c.key)
			continue
		}
		c.eachVariable(add)
	}
}

// Keys returns the names of all condition keys that the policy reads, in conditions and variables, sorted: what is
// worth gathering before it is judged.
func (p *Policy) Keys() []string {
	var keys keySet
	add := func(v *variable) { keys.add(v.key) }
	for i := range p.statements {
		s := &p.statements[i]
		for j := range s.resources {
			s.resources[j].arn.eachVariable(add)
		}
		for j := range s.conditions {
			keys.add(s.conditions[j].key)
			s.conditions[j].eachVariable(add)
		}
	}
	return keys.sorted()
}
