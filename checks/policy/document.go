package policy

import (
	"fmt"
	"slices"
	"strings"
)

// A Document is the JSON text of a policy, open to edits. It keeps the order of members and the text of numbers as the
// user wrote them, and prints them indented. A Document need not be a valid policy: [Document.Policy] tells.
type Document struct {
	root   node
	indent string
}

// ParseDocument reads the JSON text of a policy. Empty text makes an empty policy of version 2012-10-17.
func ParseDocument(data []byte) (*Document, error) {
	text := string(data)
	if strings.TrimSpace(text) == "" {
		text = `{"Version":"2012-10-17","Statement":[]}`
	}
	n, err := parseJSON(text)
	if err != nil {
		return nil, err
	}
	if n.kind != jsonObject {
		return nil, &Error{Statement: -1, Problem: fmt.Sprintf("a policy is an object, not %s", n.kind)}
	}
	return &Document{root: n, indent: indentOf(text)}, nil
}

// indentOf returns the white space before the first member when the text is indented, else two spaces.
func indentOf(text string) string {
	_, rest, ok := strings.Cut(text, "\n")
	if ws := rest[:len(rest)-len(strings.TrimLeft(rest, " \t"))]; ok && ws != "" {
		return ws
	}
	return "  "
}

// Clone returns a copy that can be edited without touching d.
func (d *Document) Clone() *Document {
	return &Document{root: d.root.clone(), indent: d.indent}
}

func (n *node) clone() node {
	c := *n
	c.items = slices.Clone(n.items)
	for i := range c.items {
		c.items[i] = c.items[i].clone()
	}
	c.members = slices.Clone(n.members)
	for i := range c.members {
		c.members[i].value = c.members[i].value.clone()
	}
	return c
}

// Policy compiles the document as it stands.
func (d *Document) Policy(kind Kind) (*Policy, error) { return compile(kind, &d.root) }

// JSON returns the document indented, with a line feed at its end.
func (d *Document) JSON() []byte {
	return append(d.root.appendIndented(nil, "", d.indent), '\n')
}

func (n *node) appendIndented(out []byte, margin, indent string) []byte {
	deeper := margin + indent
	switch n.kind {
	case jsonString:
		return appendString(out, n.text)
	case jsonArray:
		if len(n.items) == 0 {
			return append(out, "[]"...)
		}
		for i := range n.items {
			out = append(out, ",["[b2i(i == 0)])
			out = append(append(out, '\n'), deeper...)
			out = n.items[i].appendIndented(out, deeper, indent)
		}
		return append(append(append(out, '\n'), margin...), ']')
	case jsonObject:
		if len(n.members) == 0 {
			return append(out, "{}"...)
		}
		for i := range n.members {
			out = append(out, ",{"[b2i(i == 0)])
			out = append(append(out, '\n'), deeper...)
			out = append(appendString(out, n.members[i].name), ": "...)
			out = n.members[i].value.appendIndented(out, deeper, indent)
		}
		return append(append(append(out, '\n'), margin...), '}')
	}
	return append(out, n.text...)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// list returns the Statement as a list; a single statement becomes a list of one.
func (d *Document) list() (*node, error) {
	n := d.root.get("Statement")
	switch {
	case n == nil:
		d.root.members = append(d.root.members, member{"Statement", node{kind: jsonArray}})
		return d.root.get("Statement"), nil
	case n.kind == jsonObject:
		*n = node{kind: jsonArray, items: []node{*n}}
	case n.kind != jsonArray:
		return nil, &Error{Statement: -1, Element: "Statement",
			Problem: fmt.Sprintf("must be an object or a list of objects, not %s", n.kind)}
	}
	return n, nil
}

// Len returns the number of statements. A policy without one is not accepted by S3: delete it instead.
func (d *Document) Len() int {
	n := d.root.get("Statement")
	switch {
	case n == nil:
		return 0
	case n.kind == jsonArray:
		return len(n.items)
	}
	return 1
}

// statement returns a statement that must be an object.
func (d *Document) statement(index int) (*node, error) {
	list, err := d.list()
	if err != nil {
		return nil, err
	}
	if index < 0 || index >= len(list.items) {
		return nil, fmt.Errorf("no Statement[%d] in a policy of %d", index, len(list.items))
	}
	n := &list.items[index]
	if n.kind != jsonObject {
		return nil, &Error{Statement: index, Problem: fmt.Sprintf("a statement is an object, not %s", n.kind)}
	}
	return n, nil
}

func parseStatement(statement string) (node, error) {
	n, err := parseJSON(statement)
	if err == nil && n.kind != jsonObject {
		err = &Error{Statement: -1, Problem: fmt.Sprintf("a statement is an object, not %s", n.kind)}
	}
	return n, err
}

// Statement returns a statement as indented JSON.
func (d *Document) Statement(index int) (string, error) {
	n, err := d.statement(index)
	if err != nil {
		return "", err
	}
	return string(n.appendIndented(nil, "", d.indent)), nil
}

// AppendStatement adds a statement, given as JSON, at the end.
func (d *Document) AppendStatement(statement string) error {
	n, err := parseStatement(statement)
	if err != nil {
		return err
	}
	list, err := d.list()
	if err != nil {
		return err
	}
	list.items = append(list.items, n)
	return nil
}

// ReplaceStatement puts a statement, given as JSON, in the place of another.
func (d *Document) ReplaceStatement(index int, statement string) error {
	n, err := parseStatement(statement)
	if err != nil {
		return err
	}
	old, err := d.statement(index)
	if err != nil {
		return err
	}
	*old = n
	return nil
}

// RemoveStatement takes a statement out; those behind it move up.
func (d *Document) RemoveStatement(index int) error {
	if _, err := d.statement(index); err != nil {
		return err
	}
	list, err := d.list()
	if err != nil {
		return err
	}
	list.items = slices.Delete(list.items, index, index+1)
	return nil
}

// SetElement sets an element of a statement ("Resource", "Principal", "Effect", …) to a JSON value; an element that is
// not there is added at the end.
func (d *Document) SetElement(index int, element, value string) error {
	v, err := parseJSON(value)
	if err != nil {
		return err
	}
	s, err := d.statement(index)
	if err != nil {
		return err
	}
	s.set(element, v)
	return nil
}

// RemoveElement takes an element out of a statement, if it is there.
func (d *Document) RemoveElement(index int, element string) error {
	s, err := d.statement(index)
	if err != nil {
		return err
	}
	s.remove(element)
	return nil
}

// AddValue adds a value to a list of strings ("Action", "Resource"); a single string becomes a list, a value that is
// there already is not doubled.
func (d *Document) AddValue(index int, element, value string) error {
	s, err := d.statement(index)
	if err != nil {
		return err
	}
	n := s.get(element)
	v := node{kind: jsonString, text: value}
	switch {
	case n == nil:
		s.set(element, v)
	case n.kind == jsonString && n.text == value:
	case n.kind == jsonString:
		*n = node{kind: jsonArray, items: []node{*n, v}}
	case n.kind == jsonArray:
		if !slices.ContainsFunc(n.items, func(e node) bool { return e.kind == jsonString && e.text == value }) {
			n.items = append(n.items, v)
		}
	default:
		return &Error{Statement: index, Element: element,
			Problem: fmt.Sprintf("must be a string or a list of strings, not %s", n.kind)}
	}
	return nil
}

// ReplaceCondition sets the values of one operator and key, adding what is not there. The operator is compared as
// written, the key without case. It needs at least one value.
func (d *Document) ReplaceCondition(index int, operator, key string, values ...string) error {
	if len(values) == 0 {
		return fmt.Errorf("no values for %s %s", operator, key)
	}
	s, err := d.statement(index)
	if err != nil {
		return err
	}
	v := node{kind: jsonString, text: values[0]}
	if len(values) > 1 {
		v = node{kind: jsonArray}
		for _, value := range values {
			v.items = append(v.items, node{kind: jsonString, text: value})
		}
	}
	conditions, err := s.object(index, "Condition", "Condition")
	if err != nil {
		return err
	}
	block, err := conditions.object(index, operator, "Condition."+operator)
	if err != nil {
		return err
	}
	for i := range block.members {
		if strings.EqualFold(block.members[i].name, key) {
			block.members[i].value = v
			return nil
		}
	}
	block.members = append(block.members, member{key, v})
	return nil
}

// RemoveCondition takes one operator and key out of a statement, and with them an operator or Condition that is left
// empty. It says whether they were there.
func (d *Document) RemoveCondition(index int, operator, key string) (bool, error) {
	s, err := d.statement(index)
	if err != nil {
		return false, err
	}
	conditions := s.get("Condition")
	if conditions == nil {
		return false, nil
	}
	block := conditions.get(operator)
	if block == nil {
		return false, nil
	}
	for i := range block.members {
		if !strings.EqualFold(block.members[i].name, key) {
			continue
		}
		block.members = slices.Delete(block.members, i, i+1)
		if len(block.members) == 0 {
			conditions.remove(operator)
		}
		if len(conditions.members) == 0 {
			s.remove("Condition")
		}
		return true, nil
	}
	return false, nil
}

// object returns the member called name, made when it is not there, which must be an object.
func (n *node) object(index int, name, place string) (*node, error) {
	o := n.get(name)
	if o == nil {
		n.members = append(n.members, member{name, node{kind: jsonObject}})
		return n.get(name), nil
	}
	if o.kind != jsonObject {
		return nil, &Error{Statement: index, Element: place, Problem: fmt.Sprintf("must be an object, not %s", o.kind)}
	}
	return o, nil
}

func (n *node) set(name string, v node) {
	if m := n.get(name); m != nil {
		*m = v
		return
	}
	n.members = append(n.members, member{name, v})
}

func (n *node) remove(name string) {
	n.members = slices.DeleteFunc(n.members, func(m member) bool { return m.name == name })
}
