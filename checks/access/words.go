package access

import (
	"fmt"
	"strings"

	"github.com/why403/why403/checks/policy"
	"github.com/why403/why403/correlate"
)

// Guessed reports whether a statement's match rests on a key whose value no
// document states.
func (s *Situation) Guessed(e *policy.Explanation) bool {
	for _, el := range e.Elements {
		if el.Element == "Condition" && s.guess(el.Operator, strings.ToLower(el.Key), el.Match == policy.True) {
			return true
		}
	}
	return false
}

// guessed is Guessed for a statement of a policy that matches.
func (s *Situation) guessed(p *policy.Policy, statement int) bool {
	for operator, key := range p.Conditions(statement) {
		if s.guess(operator, key, true) {
			return true
		}
	}
	return false
}

// guess reports whether a condition's answer could differ with a guessed key. A
// missing aws:SourceIp is no matter to NotIpAddress: it holds for an address of
// CloudFront's as well. And what an origin access identity is guessed to carry
// is no matter to a condition that holds without the key, too.
func (s *Situation) guess(operator, key string, met bool) bool {
	if !s.Guesses[key] {
		return false
	}
	low := strings.ToLower(operator)
	switch {
	case key == "aws:sourceip" && strings.HasPrefix(low, "notipaddress"):
		return false
	case s.Access == correlate.AccessOAI && met && (negated(low) || strings.HasSuffix(low, "ifexists")):
		return false
	}
	return true
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
