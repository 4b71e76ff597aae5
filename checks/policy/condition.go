package policy

import (
	"encoding/base64"
	"net/netip"
	"strings"
)

// A condition is one operator applied to one key.
type condition struct {
	operator string // as written, with set operator and IfExists
	key      string // as written
	name     string // in lower case
	values   []string

	set      setOperator
	ifExists bool
	op       *operator

	patterns []pattern // strings
	arns     []arnPattern
	valid    []bool // of arns and binary values
	numbers  []decimal
	instants []instant
	prefixes []netip.Prefix // the zero Prefix is a malformed value
}

type setOperator uint8

const (
	noSet setOperator = iota
	forAnyValue
	forAllValues
)

type family uint8

const (
	stringFamily family = iota
	arnFamily
	numericFamily
	dateFamily
	boolFamily
	binaryFamily
	ipFamily
	nullFamily
)

type relation uint8

const (
	equal relation = iota
	less
	lessOrEqual
	greater
	greaterOrEqual
)

func (r relation) holds(cmp int) bool {
	switch r {
	case less:
		return cmp < 0
	case lessOrEqual:
		return cmp <= 0
	case greater:
		return cmp > 0
	case greaterOrEqual:
		return cmp >= 0
	}
	return cmp == 0
}

// An operator is a condition operator without its set prefix and its IfExists suffix (OPS).
type operator struct {
	name     string
	family   family
	relation relation
	negated  bool
	like     bool // wildcards
	fold     bool // ignores case
}

var operators = func() map[string]*operator {
	m := make(map[string]*operator)
	for _, o := range []operator{
		{name: "StringEquals"},
		{name: "StringNotEquals", negated: true},
		{name: "StringEqualsIgnoreCase", fold: true},
		{name: "StringNotEqualsIgnoreCase", fold: true, negated: true},
		{name: "StringLike", like: true},
		{name: "StringNotLike", like: true, negated: true},
		{name: "ArnEquals", family: arnFamily, like: true},
		{name: "ArnNotEquals", family: arnFamily, like: true, negated: true},
		{name: "ArnLike", family: arnFamily, like: true},
		{name: "ArnNotLike", family: arnFamily, like: true, negated: true},
		{name: "NumericEquals", family: numericFamily},
		{name: "NumericNotEquals", family: numericFamily, negated: true},
		{name: "NumericLessThan", family: numericFamily, relation: less},
		{name: "NumericLessThanEquals", family: numericFamily, relation: lessOrEqual},
		{name: "NumericGreaterThan", family: numericFamily, relation: greater},
		{name: "NumericGreaterThanEquals", family: numericFamily, relation: greaterOrEqual},
		{name: "DateEquals", family: dateFamily},
		{name: "DateNotEquals", family: dateFamily, negated: true},
		{name: "DateLessThan", family: dateFamily, relation: less},
		{name: "DateLessThanEquals", family: dateFamily, relation: lessOrEqual},
		{name: "DateGreaterThan", family: dateFamily, relation: greater},
		{name: "DateGreaterThanEquals", family: dateFamily, relation: greaterOrEqual},
		{name: "Bool", family: boolFamily},
		{name: "BinaryEquals", family: binaryFamily},
		{name: "IpAddress", family: ipFamily},
		{name: "NotIpAddress", family: ipFamily, negated: true},
		{name: "Null", family: nullFamily},
	} {
		m[strings.ToLower(o.name)] = &o
	}
	return m
}()

// parseOperator reads an operator's name. Its case does not count: AWS does not say, and accepts "bool".
func (c *condition) parseOperator(name string) bool {
	c.operator = name
	rest := strings.ToLower(name)
	if after, ok := strings.CutPrefix(rest, "foranyvalue:"); ok {
		c.set, rest = forAnyValue, after
	} else if after, ok := strings.CutPrefix(rest, "forallvalues:"); ok {
		c.set, rest = forAllValues, after
	}
	rest, c.ifExists = strings.CutSuffix(rest, "ifexists")
	c.op = operators[rest]
	// Null tests presence itself: it has no IfExists (OPS), and no set operator is documented for it.
	return c.op != nil && (c.op.family != nullFamily || !c.ifExists && c.set == noSet)
}

func (c *compiler) compileConditions(n *node, s *statement) error {
	const element = "Condition"
	if n.kind != jsonObject {
		return c.fail(element, "must be an object, not %s", n.kind)
	}
	if twice := duplicateFold(n.members); twice != "" {
		return c.fail(element, "operator %s appears twice", quote(twice))
	}
	for i := range n.members {
		block := &n.members[i]
		var proto condition
		if !proto.parseOperator(block.name) {
			return c.fail(element, "unknown operator %s", quote(block.name))
		}
		place := element + "." + block.name
		if block.value.kind != jsonObject {
			return c.fail(place, "must be an object, not %s", block.value.kind)
		}
		if twice := duplicateFold(block.value.members); twice != "" {
			return c.fail(place, "key %s appears twice: names of keys have no case", quote(twice))
		}
		for j := range block.value.members {
			m := &block.value.members[j]
			cond := proto
			cond.key, cond.name = m.name, strings.ToLower(m.name)
			if cond.name == "" {
				return c.fail(place, "a condition key must not be empty")
			}
			if !strings.Contains(cond.name, ":") {
				c.warn(place, "%s is no condition key: keys have a prefix and a colon", quote(m.name))
			}
			var err error
			if cond.values, err = c.conditionValues(place+"."+m.name, &m.value); err != nil {
				return err
			}
			c.compileValues(place+"."+m.name, &cond)
			s.conditions = append(s.conditions, cond)
		}
	}
	return nil
}

// duplicateFold returns a name that an earlier one equals but for its case, or "".
func duplicateFold(members []member) string {
	if len(members) < 2 {
		return ""
	}
	seen := make(map[string]bool, len(members))
	for i := range members {
		low := strings.ToLower(members[i].name)
		if seen[low] {
			return members[i].name
		}
		seen[low] = true
	}
	return ""
}

// conditionValues reads a value or a list of values, at least one. Numbers and booleans are kept as their text.
func (c *compiler) conditionValues(place string, n *node) ([]string, error) {
	items := n.items
	if n.kind != jsonArray {
		items = []node{*n}
	}
	if len(items) == 0 {
		return nil, c.fail(place, "must not be empty")
	}
	values := make([]string, len(items))
	for i := range items {
		switch items[i].kind {
		case jsonString, jsonNumber, jsonBool:
			values[i] = items[i].text
		default:
			return nil, c.fail(place, "must be a string, a number, a boolean or a list of them, not %s", items[i].kind)
		}
	}
	return values, nil
}

// compileValues prepares the policy's side of the comparison. A value that is malformed for its operator fits nothing.
func (c *compiler) compileValues(place string, cond *condition) {
	malformed := func(v, what string) {
		c.warn(place, "%s is not %s, so it matches nothing", quote(v), what)
	}
	sx := syntax{wildcards: cond.op.like, variables: c.variables}
	for _, v := range cond.values {
		switch cond.op.family {
		case stringFamily:
			cond.patterns = append(cond.patterns, compilePattern(v, sx))
		case arnFamily:
			parts, n := splitPolicyARN(v, c.variables)
			ok := n == 6
			cond.arns = append(cond.arns, newARNPattern(&parts, sx, sx))
			cond.valid = append(cond.valid, ok)
			if !ok {
				malformed(v, "an ARN of six parts")
			}
		case numericFamily:
			d, ok := parseDecimal(v)
			cond.numbers = append(cond.numbers, d)
			if !ok {
				malformed(v, "a number")
			}
		case dateFamily:
			t, ok := parseInstant(v)
			cond.instants = append(cond.instants, t)
			if !ok {
				malformed(v, "a date of ISO 8601 with a zone, nor epoch seconds")
			}
		case ipFamily:
			p, ok := parsePrefix(v)
			cond.prefixes = append(cond.prefixes, p)
			if !ok {
				malformed(v, "an IP address or CIDR range")
			}
		case boolFamily, nullFamily:
			if _, ok := parseBool(v); !ok {
				malformed(v, "true or false")
			}
		case binaryFamily:
			b, err := base64.StdEncoding.DecodeString(v)
			cond.patterns = append(cond.patterns, pattern{form: formExact, lit: string(b)})
			cond.valid = append(cond.valid, err == nil)
			if err != nil {
				malformed(v, "base64")
			}
		}
	}
}

// eachVariable calls f for every variable in the values.
func (c *condition) eachVariable(f func(v *variable)) {
	for i := range c.patterns {
		c.patterns[i].eachVariable(f)
	}
	for i := range c.arns {
		c.arns[i].eachVariable(f)
	}
}

// evaluate says whether the condition holds for the request.
func (c *condition) evaluate(ctx *Context, n *Notes) Tri {
	v := ctx.lookup(c.name)
	if c.op.family == nullFamily {
		return c.isNull(&v, n)
	}
	if v.State == Undefined {
		return Unknown
	}
	values := v.Values
	if v.State == Absent {
		values = nil
	}
	switch c.set {
	case forAllValues:
		if v.State == Absent || emptySet(values) {
			return True
		}
		t := True
		for _, value := range values {
			t = t.And(c.test(value, ctx, n))
		}
		return t
	case forAnyValue:
		if v.State == Absent && c.ifExists {
			n.add(noteAnyValueIfExists)
			return True
		}
		if v.State == Absent || emptySet(values) {
			return False
		}
		t := False
		for _, value := range values {
			t = t.Or(c.test(value, ctx, n))
		}
		return t
	}
	switch {
	case len(values) == 0:
		return TriOf(c.ifExists || c.op.negated)
	case v.List:
		n.add(noteMultivalued)
		return False
	}
	return c.test(values[0], ctx, n)
}

// emptySet says whether the values are a null data set: none, or only empty strings (MULTI).
func emptySet(values []string) bool {
	for _, v := range values {
		if v != "" {
			return false
		}
	}
	return true
}

func (c *condition) isNull(v *Value, n *Notes) Tri {
	if v.State == Undefined {
		for i, s := range c.values {
			for _, t := range c.values[:i] {
				if a, ok := parseBool(s); ok {
					if b, ok := parseBool(t); ok && a != b {
						return True // both answers are accepted
					}
				}
			}
		}
		return Unknown
	}
	null := v.State == Absent || len(v.Values) == 0
	for _, s := range c.values {
		if want, ok := parseBool(s); ok && want == null {
			n.boolCase(s)
			return True
		}
	}
	return False
}

// test applies the operator to one value of the request: some policy value fits or, negated, none does.
func (c *condition) test(value string, ctx *Context, n *Notes) Tri {
	t, malformed := c.fits(value, ctx, n)
	if !c.op.negated {
		return t
	}
	if malformed && t == False {
		n.add(noteMalformedNegated)
	}
	if c.set != noSet && len(c.values) > 1 {
		n.add(noteSetNegated)
	}
	return t.Not()
}

// fits says whether some policy value fits the value; malformed, that a value of either side could not be compared.
func (c *condition) fits(value string, ctx *Context, n *Notes) (t Tri, malformed bool) {
	t = False
	switch c.op.family {
	case stringFamily:
		for i := range c.patterns {
			p := &c.patterns[i]
			if c.op.fold {
				t = t.Or(p.matchIgnoringCase(value, ctx))
			} else {
				t = t.Or(p.match(value, ctx))
			}
			if t == True {
				break
			}
		}
	case arnFamily:
		parts, ok := splitARN(value)
		if !ok {
			return False, true
		}
		for i := range c.arns {
			if !c.valid[i] {
				malformed = true
				continue
			}
			if t = t.Or(c.arns[i].match(value, &parts, ctx)); t == True {
				break
			}
		}
	case numericFamily:
		d, ok := parseDecimal(value)
		if !ok {
			return False, true
		}
		for i := range c.numbers {
			if !c.numbers[i].ok {
				malformed = true
			} else if c.op.relation.holds(d.compare(&c.numbers[i])) {
				return True, false
			}
		}
	case dateFamily:
		d, ok := parseInstant(value)
		if !ok {
			return False, true
		}
		for i := range c.instants {
			if !c.instants[i].ok {
				malformed = true
			} else if c.op.relation.holds(d.compare(&c.instants[i])) {
				return True, false
			}
		}
	case ipFamily:
		addr, err := netip.ParseAddr(value)
		if err != nil {
			return False, true
		}
		addr = addr.Unmap()
		for _, p := range c.prefixes {
			if !p.IsValid() {
				malformed = true
			} else if p.Contains(addr) {
				return True, false
			}
		}
	case boolFamily:
		b, ok := parseBool(value)
		if !ok {
			return False, true
		}
		for _, s := range c.values {
			if want, ok := parseBool(s); ok && want == b {
				n.boolCase(s)
				n.boolCase(value)
				return True, false
			}
		}
	case binaryFamily:
		for i := range c.patterns {
			if !c.valid[i] {
				malformed = true
			} else if c.patterns[i].lit == value {
				return True, false
			}
		}
	}
	return t, malformed
}

// matchIgnoringCase compares a pattern without wildcards.
func (p *pattern) matchIgnoringCase(s string, ctx *Context) Tri {
	if p.form == formExact {
		return TriOf(strings.EqualFold(s, p.lit))
	}
	full := ""
	for _, a := range p.segs[0] {
		if a.kind == atomLiteral {
			full += a.text
			continue
		}
		v, known := p.vars[a.ref].resolve(ctx)
		if known != True {
			return known
		}
		full += v
	}
	return TriOf(strings.EqualFold(s, full))
}

// parseBool reads true or false. The case of the letters is not documented; it is not counted.
func parseBool(s string) (value, ok bool) {
	switch {
	case strings.EqualFold(s, "true"):
		return true, true
	case strings.EqualFold(s, "false"):
		return false, true
	}
	return false, false
}
