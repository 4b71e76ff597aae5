package policy

import (
	"fmt"
	"strings"
)

// Kind is the kind of a policy document; the kinds differ in their grammar.
type Kind uint8

const (
	BucketPolicy Kind = iota
	KeyPolicy         // of a KMS key
	SCP               // service control policy: no Principal
	RCP               // resource control policy: Principal is "*", no NotAction
)

func (k Kind) String() string {
	return [...]string{"bucket policy", "key policy", "service control policy", "resource control policy"}[k]
}

// An Error says where a document is not a policy that this package understands, and why. Such a document is never
// evaluated in part.
type Error struct {
	Statement    int    // index from 0, or -1 when the fault is not in a statement
	Sid          string // of that statement
	Element      string // "Condition", "Principal", …; empty for the document itself
	Line, Column int    // from 1, of a fault in the JSON text; else 0
	Problem      string
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.Line > 0 {
		fmt.Fprintf(&b, "line %d, column %d: ", e.Line, e.Column)
	}
	if e.Statement >= 0 {
		fmt.Fprintf(&b, "Statement[%d]", e.Statement)
		if e.Sid != "" {
			fmt.Fprintf(&b, " (Sid %s)", quote(e.Sid))
		}
		b.WriteString(": ")
	}
	if e.Element != "" {
		b.WriteString(e.Element + ": ")
	}
	b.WriteString(e.Problem)
	return b.String()
}

// A Warning is something in a valid policy that does not do what its author may think.
type Warning struct {
	Statement int
	Sid       string
	Element   string
	Problem   string
}

func (w Warning) String() string {
	return (&Error{Statement: w.Statement, Sid: w.Sid, Element: w.Element, Problem: w.Problem}).Error()
}

// A Policy is a compiled policy document. It is immutable and may be used by many goroutines.
type Policy struct {
	kind       Kind
	version    string
	statements []statement
	public     []int // the statements that make it public
	warnings   []Warning
}

// Kind returns what the document was parsed as.
func (p *Policy) Kind() Kind { return p.kind }

// Version returns the version of the policy language; 2008-10-17 when the document names none.
func (p *Policy) Version() string { return p.version }

// Len returns the number of statements.
func (p *Policy) Len() int { return len(p.statements) }

// Sid returns the Sid of a statement, or "".
func (p *Policy) Sid(index int) string { return p.statements[index].sid }

// IsAllow reports whether the Effect of a statement is Allow.
func (p *Policy) IsAllow(index int) bool { return p.statements[index].allow }

// Warnings returns what was noticed while compiling.
func (p *Policy) Warnings() []Warning { return p.warnings }

type statement struct {
	sid        string
	allow      bool
	anyone     bool // no Principal element: a service control policy
	not        bool // NotPrincipal
	principals principals
	notAction  bool
	actions    []string
	notRes     bool
	resources  []resource
	conditions []condition
}

type resource struct {
	text string
	all  bool // a bare "*"
	arn  arnPattern
}

const (
	version2008 = "2008-10-17"
	version2012 = "2012-10-17"
)

// Parse compiles a bucket policy. The error is an *Error.
func Parse(data []byte) (*Policy, error) { return ParseKind(BucketPolicy, data) }

// ParseKind compiles a policy document. It accepts what AWS documents and nothing else: a duplicate member, an unknown
// element or operator, a value of another type is an error that says where. The error is an *Error.
func ParseKind(kind Kind, data []byte) (*Policy, error) {
	n, err := parseJSON(string(data))
	if err != nil {
		return nil, err
	}
	return compile(kind, &n)
}

// A compiler carries the place for errors.
type compiler struct {
	policy    *Policy
	statement int
	sid       string
	variables bool
}

func (c *compiler) fail(element, format string, args ...any) error {
	return &Error{Statement: c.statement, Sid: c.sid, Element: element, Problem: fmt.Sprintf(format, args...)}
}

func (c *compiler) warn(element, format string, args ...any) {
	c.policy.warnings = append(c.policy.warnings, Warning{c.statement, c.sid, element, fmt.Sprintf(format, args...)})
}

func compile(kind Kind, n *node) (*Policy, error) {
	p := &Policy{kind: kind, version: version2008}
	c := &compiler{policy: p, statement: -1}
	if n.kind != jsonObject {
		return nil, c.fail("", "a policy is an object, not %s", n.kind)
	}
	var list []node
	found := false
	for i := range n.members {
		switch m := &n.members[i]; m.name {
		case "Version":
			if m.value.kind != jsonString || m.value.text != version2008 && m.value.text != version2012 {
				return nil, c.fail("Version", "must be %q or %q", version2012, version2008)
			}
			p.version = m.value.text
		case "Id":
			if m.value.kind != jsonString {
				return nil, c.fail("Id", "must be a string, not %s", m.value.kind)
			}
		case "Statement":
			found = true
			switch m.value.kind {
			case jsonObject:
				list = []node{m.value}
			case jsonArray:
				list = m.value.items
			default:
				return nil, c.fail("Statement", "must be an object or a list of objects, not %s", m.value.kind)
			}
		default:
			return nil, c.fail("", "unknown element %s", quote(m.name))
		}
	}
	if !found {
		return nil, c.fail("", "Statement is missing")
	}
	if len(list) == 0 {
		return nil, c.fail("Statement", "must not be empty")
	}
	c.variables = p.version == version2012
	p.statements = make([]statement, len(list))
	for i := range list {
		c.statement, c.sid = i, ""
		if err := c.compileStatement(&list[i], &p.statements[i]); err != nil {
			return nil, err
		}
		if p.statements[i].public(c.variables) {
			p.public = append(p.public, i)
		}
	}
	return p, nil
}

func (c *compiler) compileStatement(n *node, s *statement) error {
	if n.kind != jsonObject {
		return c.fail("", "a statement is an object, not %s", n.kind)
	}
	if sid := n.get("Sid"); sid != nil {
		if sid.kind != jsonString {
			return c.fail("Sid", "must be a string, not %s", sid.kind)
		}
		s.sid, c.sid = sid.text, sid.text
	}
	var effect, principal, action, res, condition *member
	one := func(slot **member, m *member) error {
		if *slot != nil {
			return c.fail("", "has both %s and %s", (*slot).name, m.name)
		}
		*slot = m
		return nil
	}
	for i := range n.members {
		m := &n.members[i]
		var err error
		switch m.name {
		case "Sid":
		case "Effect":
			effect = m
		case "Principal", "NotPrincipal":
			err = one(&principal, m)
		case "Action", "NotAction":
			err = one(&action, m)
		case "Resource", "NotResource":
			err = one(&res, m)
		case "Condition":
			condition = m
		default:
			err = c.fail("", "unknown element %s", quote(m.name))
		}
		if err != nil {
			return err
		}
	}
	for _, need := range [...]struct {
		m    *member
		name string
	}{{effect, "Effect"}, {action, "Action"}, {res, "Resource"}} {
		if need.m == nil {
			return c.fail("", "%s is missing", need.name)
		}
	}
	switch v := &effect.value; {
	case v.kind == jsonString && v.text == "Allow":
		s.allow = true
	case v.kind == jsonString && v.text == "Deny":
	case v.kind == jsonString:
		return c.fail("Effect", `must be "Allow" or "Deny", not %s`, quote(v.text))
	default:
		return c.fail("Effect", `must be "Allow" or "Deny", not %s`, v.kind)
	}
	if err := c.compilePrincipal(principal, s); err != nil {
		return err
	}
	if err := c.compileActions(action, s); err != nil {
		return err
	}
	if err := c.compileResources(res, s); err != nil {
		return err
	}
	if condition != nil {
		return c.compileConditions(&condition.value, s)
	}
	return nil
}

// stringList reads a string or a list of strings, at least one.
func (c *compiler) stringList(element string, n *node) ([]string, error) {
	switch n.kind {
	case jsonString:
		return []string{n.text}, nil
	case jsonArray:
		if len(n.items) == 0 {
			return nil, c.fail(element, "must not be empty")
		}
		list := make([]string, len(n.items))
		for i := range n.items {
			if n.items[i].kind != jsonString {
				return nil, c.fail(element, "must be a list of strings, but [%d] is %s", i, n.items[i].kind)
			}
			list[i] = n.items[i].text
		}
		return list, nil
	}
	return nil, c.fail(element, "must be a string or a list of strings, not %s", n.kind)
}

func (c *compiler) compilePrincipal(m *member, s *statement) error {
	kind := c.policy.kind
	switch {
	case kind == SCP && m != nil:
		return c.fail(m.name, "a service control policy has no %s", m.name)
	case kind == SCP:
		s.anyone = true
		return nil
	case m == nil:
		return c.fail("", "Principal is missing")
	}
	s.not = m.name == "NotPrincipal"
	switch {
	case s.not && kind == RCP:
		return c.fail(m.name, "a resource control policy has no NotPrincipal")
	case s.not && s.allow:
		return c.fail(m.name, "not supported with Effect Allow")
	}
	switch m.value.kind {
	case jsonString:
		if m.value.text != "*" {
			return c.fail(m.name, `must be "*" or an object, not %s`, quote(m.value.text))
		}
		s.principals.all, s.principals.written = true, []string{"*"}
	case jsonObject:
		if len(m.value.members) == 0 {
			return c.fail(m.name, "must not be empty")
		}
		for i := range m.value.members {
			if err := c.compilePrincipalKind(m.name, &m.value.members[i], &s.principals); err != nil {
				return err
			}
		}
	default:
		return c.fail(m.name, `must be "*" or an object, not %s`, m.value.kind)
	}
	if kind == RCP && !s.principals.all {
		return c.fail(m.name, `a resource control policy has no other Principal than "*"`)
	}
	return nil
}

func (c *compiler) compilePrincipalKind(element string, m *member, p *principals) error {
	place := element + "." + m.name
	switch m.name {
	case "AWS", "CanonicalUser", "Federated", "Service":
	default:
		return c.fail(element, "unknown kind %s, want AWS, CanonicalUser, Federated or Service", quote(m.name))
	}
	list, err := c.stringList(place, &m.value)
	if err != nil {
		return err
	}
	for _, entry := range list {
		switch {
		case m.name == "AWS" && entry == "*":
			p.all, p.awsStar = true, true
		case strings.ContainsAny(entry, "*?"):
			c.warn(place, "%s matches nobody: a principal has no partial wildcards", quote(entry))
		case m.name == "Service":
			p.services = append(p.services, entry)
		case m.name == "Federated":
			p.federated = append(p.federated, entry)
		case m.name == "CanonicalUser":
			p.canonical = append(p.canonical, entry)
		case isAccount(entry):
			p.accounts = append(p.accounts, entry)
		case isDeletedID(entry):
			c.warn(place, "%s matches nobody: it is the ID of a deleted identity", quote(entry))
		default:
			arn, ok := splitARN(entry)
			switch {
			case !ok:
				c.warn(place, "%s matches nobody: it is neither an account nor an ARN", quote(entry))
			case arn[2] == "iam" && isAccount(arn[4]) && arn[5] == "root":
				p.accounts = append(p.accounts, arn[4])
			default:
				p.arns = append(p.arns, principalARN{text: entry, parts: arn})
			}
		}
		p.written = append(p.written, entry)
	}
	return nil
}

// isDeletedID recognises the unique IDs that S3 puts in the place of users and roles that no longer exist.
func isDeletedID(s string) bool {
	if len(s) < 16 || s[:2] != "AI" && s[:2] != "AR" && s[:2] != "AG" {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

func (c *compiler) compileActions(m *member, s *statement) error {
	s.notAction = m.name == "NotAction"
	if s.notAction && c.policy.kind == RCP {
		return c.fail(m.name, "a resource control policy has no NotAction")
	}
	list, err := c.stringList(m.name, &m.value)
	if err != nil {
		return err
	}
	for _, a := range list {
		service, name, ok := strings.Cut(a, ":")
		if a != "*" && (!ok || service == "" || name == "") {
			return c.fail(m.name, `%s is neither "*" nor of the form service:action`, quote(a))
		}
		for i := range len(a) {
			if a[i] <= ' ' || a[i] > '~' {
				return c.fail(m.name, "%s has a character that no action has", quote(a))
			}
		}
	}
	s.actions = list
	return nil
}

func (c *compiler) compileResources(m *member, s *statement) error {
	s.notRes = m.name == "NotResource"
	list, err := c.stringList(m.name, &m.value)
	if err != nil {
		return err
	}
	head, tail := syntax{wildcards: true}, syntax{wildcards: true, variables: c.variables}
	s.resources = make([]resource, len(list))
	for i, text := range list {
		r := &s.resources[i]
		if r.text = text; text == "*" {
			r.all = true
			continue
		}
		parts, n := splitPolicyARN(text, false)
		if parts[0] != "arn" && !strings.HasPrefix(parts[0], "arn*") {
			return c.fail(m.name, `%s is neither "*" nor an ARN`, quote(text))
		}
		if n < 6 && !strings.HasSuffix(text, "*") {
			return c.fail(m.name, "the ARN %s has %d of its 6 parts", quote(text), n)
		}
		// A star at the end of an incomplete ARN goes on over the missing parts (IAM "Resource").
		for ; n < 6; n++ {
			parts[n] = "*"
		}
		r.arn = newARNPattern(&parts, head, tail)
		if c.variables && strings.Contains(r.arn.head, "${") {
			c.warn(m.name, "%s has a variable before the fifth colon, where it is plain text", quote(text))
		}
	}
	return nil
}
