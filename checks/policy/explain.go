package policy

import (
	"fmt"
	"slices"
	"strings"
)

// An Explanation says why one statement applies to a request, or does not.
type Explanation struct {
	StatementRef
	Effect   string // "Allow" or "Deny"
	Match    Tri
	Account  bool // it matches by naming the requester's account only
	Elements []ElementExplanation

	DependsOn []string // the unknown keys on which Match depends, sorted
}

// Failed returns the elements that keep the statement from applying.
func (e *Explanation) Failed() []ElementExplanation {
	var failed []ElementExplanation
	for _, el := range e.Elements {
		if el.Match == False {
			failed = append(failed, el)
		}
	}
	return failed
}

// An ElementExplanation is the part of one element, or one condition, in an Explanation. Elements of a statement are
// joined by and.
type ElementExplanation struct {
	Element  string   // "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"
	Operator string   // of a Condition, as written
	Key      string   // of a Condition, as written
	Policy   []string // the policy's values, as written; they may be a shared secret
	Request  []string // the request's values; empty when the key is absent or unknown
	State    State    // of the key; Known for other elements
	Match    Tri
}

// SharedSecret reports whether policies use a condition key as a shared secret: aws:Referer and aws:UserAgent between
// CloudFront and the bucket (S3 user guide, "Restricting access to a specific HTTP referer"), sts:ExternalId between
// accounts. Its values must not be printed.
func SharedSecret(key string) bool {
	return strings.EqualFold(key, "aws:Referer") || strings.EqualFold(key, "aws:UserAgent") || strings.EqualFold(key, "sts:ExternalId")
}

// String says it in one line, with the values quoted. Of a shared secret it tells the length only.
func (e ElementExplanation) String() string {
	show := quoteList
	if SharedSecret(e.Key) {
		show = func(list []string) string { return listOf(list, maskSecret) }
	}
	var b strings.Builder
	b.WriteString(e.Element)
	if e.Operator != "" {
		b.WriteString(" " + e.Operator + " " + e.Key)
	}
	b.WriteString(" ")
	b.WriteString(map[Tri]string{True: "matches", False: "does not match", Unknown: "may match"}[e.Match])
	b.WriteString(": policy " + show(e.Policy) + ", request ")
	switch {
	case e.State == Absent:
		b.WriteString("without the key")
	case e.State == Undefined:
		b.WriteString("unknown")
	default:
		b.WriteString(show(e.Request))
	}
	return b.String()
}

func quoteList(list []string) string { return listOf(list, quote) }

func maskSecret(s string) string { return fmt.Sprintf("<%d bytes>", len(s)) }

func listOf(list []string, show func(string) string) string {
	shown := make([]string, len(list))
	for i, s := range list {
		shown[i] = show(s)
	}
	if len(shown) == 1 {
		return shown[0]
	}
	return "[" + strings.Join(shown, ", ") + "]"
}

// Explain evaluates every statement in full and says of each element whether it matches. It is for a report on one
// request, not for the many.
func (p *Policy) Explain(in string, r *Request) []Explanation {
	q := prepare(r)
	list := make([]Explanation, len(p.statements))
	for i := range p.statements {
		list[i] = p.statements[i].explain(StatementRef{in, i, p.statements[i].sid}, &q)
	}
	return list
}

// ExplainOne is Explain for one statement.
func (p *Policy) ExplainOne(in string, index int, r *Request) Explanation {
	q := prepare(r)
	s := &p.statements[index]
	return s.explain(StatementRef{in, index, s.sid}, &q)
}

func (s *statement) explain(ref StatementRef, r *prepared) Explanation {
	e := Explanation{StatementRef: ref, Effect: "Deny"}
	if s.allow {
		e.Effect = "Allow"
	}
	m := s.match(r)
	e.Match = m.either()
	e.Account = e.Match == True && m.direct != True
	if e.Match == Unknown {
		var keys keySet
		s.dependsOn(r, &keys)
		e.DependsOn = keys.sorted()
	}
	element := func(name string, not bool) string {
		if not {
			return "Not" + name
		}
		return name
	}
	e.Elements = make([]ElementExplanation, 0, 3+len(s.conditions))
	if !s.anyone {
		who := s.matchPrincipal(r)
		e.Elements = append(e.Elements, ElementExplanation{
			Element: element("Principal", s.not),
			Policy:  s.principals.written,
			Request: r.Principal.names(),
			State:   Known,
			Match:   who.direct.Or(who.account),
		})
	}
	resources := slices.Grow([]string(nil), len(s.resources))
	for i := range s.resources {
		resources = append(resources, s.resources[i].text)
	}
	e.Elements = append(e.Elements,
		ElementExplanation{
			Element: element("Action", s.notAction),
			Policy:  s.actions,
			Request: []string{r.Action},
			State:   Known,
			Match:   TriOf(s.matchAction(r.Action)),
		},
		ElementExplanation{
			Element: element("Resource", s.notRes),
			Policy:  resources,
			Request: []string{r.Resource},
			State:   Known,
			Match:   s.matchResource(r),
		})
	for i := range s.conditions {
		c := &s.conditions[i]
		v := r.Context.lookup(c.name)
		e.Elements = append(e.Elements, ElementExplanation{
			Element:  "Condition",
			Operator: c.operator,
			Key:      c.key,
			Policy:   c.values,
			Request:  v.Values,
			State:    v.State,
			Match:    c.evaluate(r.Context, &r.notes),
		})
	}
	return e
}

// names returns what the requester is known by.
func (p *Principal) names() []string {
	var names []string
	switch p.Type {
	case Anonymous:
		return []string{"anonymous"}
	case Service:
		return []string{p.Service}
	}
	for _, name := range []string{p.ARN, p.CanonicalUser} {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}
