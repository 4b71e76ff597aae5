package policy

// Notes is the set of rules used for an answer that AWS does not document.
type Notes uint16

const (
	noteAnyValueIfExists Notes = 1 << iota
	noteMultivalued
	noteSetNegated
	noteNotResourceVariable
	noteAWSStarService
	noteNotPrincipalOAI
	noteNotPrincipalUser
	noteNotPrincipalAccount
	noteOAIRestricted
	noteMalformedNegated
	noteBoolCase
	noteFederated
)

var noteTexts = [...]string{
	"ForAnyValue with IfExists on an absent key is taken as true",
	"a multivalued key without a set operator is taken as never matching",
	"a negated operator under a set operator is taken to test each value against all policy values",
	"NotResource with a variable that has no value is taken to apply",
	`{"AWS": "*"} is taken to cover a service principal`,
	"NotPrincipal is taken to spare an origin access identity that it names",
	"NotPrincipal is taken to spare a user or role that it names without its account; AWS warns that it may be denied",
	"NotPrincipal is taken to spare the users and roles of an account that it names",
	"RestrictPublicBuckets is taken to cut an origin access identity",
	"a negated operator is taken to hold for a malformed value",
	`a boolean in other letters than "true" and "false" is taken as that boolean`,
	"a Federated principal is taken not to cover a session whose provider the request does not show",
}

func (n *Notes) add(m Notes) { *n |= m }

func (n *Notes) boolCase(s string) {
	if s != "true" && s != "false" {
		n.add(noteBoolCase)
	}
}

// Texts returns the rules in words.
func (n Notes) Texts() []string {
	var texts []string
	for i, t := range noteTexts {
		if n&(1<<i) != 0 {
			texts = append(texts, t)
		}
	}
	return texts
}
