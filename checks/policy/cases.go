package policy

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// MaxCaseLine is the longest line that RunCases reads, in bytes, the line's end not counted. A bucket policy has 20 KB
// at most, an organization 5 policies at each of 7 levels: this is far more.
const MaxCaseLine = 16 << 20

// Bounds of the strings in a case's request, in bytes: no request of S3 holds longer ones (a key has 1,024 bytes at most,
// all headers together 8 KB), and no match takes long.
const (
	MaxAction       = 256
	MaxARN          = 2 << 10
	MaxContextValue = 8 << 10
)

const byteOrderMark = "\ufeff"

// RunCases reads one case a line from r and writes one answer a line to w, in the same order. Lines of white space
// alone are passed over. n counts the answers, bad those that are errors; a bad case does not end the run. err is of r
// or w only.
func RunCases(r io.Reader, w io.Writer) (n, bad int, err error) {
	in := bufio.NewReaderSize(r, 256<<10)
	if mark, err := in.Peek(len(byteOrderMark)); err == nil && string(mark) == byteOrderMark {
		in.Discard(len(byteOrderMark))
	}
	out := bufio.NewWriterSize(w, 64<<10)
	var line, answer []byte
	var reader caseReader
	for {
		var whole bool
		line, whole, err = readLine(in, line[:0])
		if err != nil && err != io.EOF {
			return n, bad, errors.Join(err, out.Flush())
		}
		last := err == io.EOF
		if len(bytes.TrimSpace(line)) > 0 {
			var ok bool
			answer, ok = reader.answer(answer[:0], string(line), whole)
			n++
			if !ok {
				bad++
			}
			if _, err := out.Write(answer); err != nil {
				return n, bad, err
			}
		}
		if last {
			return n, bad, out.Flush()
		}
	}
}

// readLine appends the next line without its end to buf. A line over MaxCaseLine is cut and not whole. At the end of
// the input err is io.EOF, with the last line if it had no end.
func readLine(in *bufio.Reader, buf []byte) (line []byte, whole bool, err error) {
	whole = true
	for {
		part, err := in.ReadSlice('\n')
		if room := MaxCaseLine + 1 - len(buf); len(part) > room {
			buf, whole = append(buf, part[:room]...), false
		} else {
			buf = append(buf, part...)
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		buf = bytes.TrimSuffix(buf, []byte("\n"))
		return buf, whole && len(buf) <= MaxCaseLine, err
	}
}

// maxCachedText bounds the text that a caseReader keeps of the policies it has compiled, in bytes.
const maxCachedText = 32 << 20

// A caseReader reads cases. It keeps compiled policies by their text: many cases tend to ask of few policies.
type caseReader struct {
	json     jsonReader
	policies map[policyText]*Policy
	cached   int
}

type policyText struct {
	kind Kind
	text string
}

// compile compiles a policy at a place in the line.
func (cr *caseReader) compile(kind Kind, n *node) (*Policy, error) {
	line := cr.json.text
	key := policyText{kind, line[n.start:n.end]}
	if p := cr.policies[key]; p != nil {
		return p, nil
	}
	p, err := compile(kind, n)
	// The policy shares the memory of its line, which stays as long as the policy.
	if err == nil && cr.cached+len(line) <= maxCachedText {
		if cr.policies == nil {
			cr.policies = make(map[policyText]*Policy)
		}
		cr.policies[key] = p
		cr.cached += len(line)
	}
	return p, err
}

// answer appends the answer to one line.
func (cr *caseReader) answer(out []byte, line string, whole bool) ([]byte, bool) {
	if !whole {
		id := scanID(line)
		return appendError(out, id, fmt.Errorf("the line is longer than %d bytes", MaxCaseLine)), false
	}
	n, err := cr.json.document(line)
	if err != nil {
		// One line is the whole document: only the column says something.
		var e *Error
		if errors.As(err, &e) && e.Line == 1 {
			err = fmt.Errorf("column %d: %s", e.Column, e.Problem)
		}
		return appendError(out, scanID(line), err), false
	}
	id := "null"
	if v := n.get("id"); v != nil && (v.kind == jsonString || v.kind == jsonNumber) {
		id = line[v.start:v.end]
	}
	c, err := cr.newCase(&n)
	if err != nil {
		return appendError(out, id, err), false
	}
	a := Decide(c)
	if a.Decision == Undecided {
		return appendError(out, id, fmt.Errorf("depends on %s", strings.Join(a.DependsOn, ", "))), false
	}
	return a.appendJSON(out, id), true
}

// ParseCase reads one case in the form of RunCases.
func ParseCase(data []byte) (*Case, error) {
	var cr caseReader
	n, err := cr.json.document(string(data))
	if err != nil {
		return nil, err
	}
	return cr.newCase(&n)
}

// scanID finds the id in a line that is not JSON to its end: the first member "id" of the outer object.
func scanID(line string) string {
	r := jsonReader{text: line}
	r.space()
	if !r.accept('{') {
		return "null"
	}
	for {
		r.space()
		if r.pos >= len(line) || line[r.pos] != '"' {
			return "null"
		}
		name, err := r.string()
		if err != nil {
			return "null"
		}
		r.space()
		if !r.accept(':') {
			return "null"
		}
		v, err := r.value()
		if err != nil {
			return "null"
		}
		if name == "id" && (v.kind == jsonString || v.kind == jsonNumber) {
			return line[v.start:v.end]
		}
		r.space()
		if !r.accept(',') {
			return "null"
		}
	}
}

func (cr *caseReader) newCase(n *node) (*Case, error) {
	if n.kind != jsonObject {
		return nil, fmt.Errorf("a case is an object, not %s", n.kind)
	}
	c := &Case{RestrictPublicBuckets: False}
	if v := n.get("id"); v != nil && v.kind != jsonString && v.kind != jsonNumber {
		return nil, fmt.Errorf("id: must be a string or a number, not %s", v.kind)
	}
	if v := n.get("account"); v != nil {
		if v.kind != jsonString || !isAccount(v.text) {
			return nil, errors.New("account: must be a string of 12 digits")
		}
		c.Account = v.text
	}
	var err error
	if v := n.get("policy"); v != nil && v.kind != jsonNull {
		if c.Policy, err = cr.compile(BucketPolicy, v); err != nil {
			return nil, fmt.Errorf("policy: %w", err)
		}
	}
	if v := n.get("bpa"); v != nil && v.kind != jsonNull {
		if c.RestrictPublicBuckets, err = restrict(v); err != nil {
			return nil, err
		}
	}
	if c.RCPs, err = cr.levels(RCP, "rcps", n.get("rcps")); err != nil {
		return nil, err
	}
	if c.SCPs, err = cr.levels(SCP, "scps", n.get("scps")); err != nil {
		return nil, err
	}
	v := n.get("request")
	if v == nil {
		return nil, errors.New("request is missing")
	}
	if err := c.setRequest(v); err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	if c.Request.Principal.Type == IAM && c.Account == "" {
		return nil, errors.New("account is missing: an iam principal is compared with it")
	}
	return c, nil
}

func restrict(n *node) (Tri, error) {
	if n.kind != jsonObject {
		return False, fmt.Errorf("bpa: must be an object, not %s", n.kind)
	}
	t := False
	for i := range n.members {
		m := &n.members[i]
		switch m.name {
		case "restrictPublicBuckets", "blockPublicAcls", "ignorePublicAcls", "blockPublicPolicy":
		default:
			return False, fmt.Errorf("bpa: unknown setting %s", quote(m.name))
		}
		if m.value.kind != jsonBool {
			return False, fmt.Errorf("bpa: %s must be a boolean, not %s", m.name, m.value.kind)
		}
		if m.name == "restrictPublicBuckets" {
			t = TriOf(m.value.text == "true")
		}
	}
	return t, nil
}

func (cr *caseReader) levels(kind Kind, name string, n *node) ([][]NamedPolicy, error) {
	if n == nil || n.kind == jsonNull {
		return nil, nil
	}
	if n.kind != jsonArray {
		return nil, fmt.Errorf("%s: must be a list of levels, not %s", name, n.kind)
	}
	all := make([][]NamedPolicy, len(n.items))
	for i := range n.items {
		level := &n.items[i]
		if level.kind != jsonArray {
			return nil, fmt.Errorf("%s[%d]: a level is a list of policies, not %s", name, i, level.kind)
		}
		for j := range level.items {
			place := fmt.Sprintf("%s[%d][%d]", name, i, j)
			item := &level.items[j]
			title, doc := item.get("name"), item.get("policy")
			if title == nil || title.kind != jsonString || doc == nil {
				return nil, fmt.Errorf("%s: must be an object with name and policy", place)
			}
			p, err := cr.compile(kind, doc)
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", place, quote(title.text), err)
			}
			all[i] = append(all[i], NamedPolicy{title.text, p})
		}
	}
	return all, nil
}

func (c *Case) setRequest(n *node) error {
	if n.kind != jsonObject {
		return fmt.Errorf("must be an object, not %s", n.kind)
	}
	var err error
	r := &c.Request
	if r.Action, err = text(n, "action", MaxAction); err != nil {
		return err
	}
	if r.Resource, err = text(n, "resource", MaxARN); err != nil {
		return err
	}
	p := n.get("principal")
	if p == nil {
		return errors.New("principal is missing")
	}
	if r.Principal, err = casePrincipal(p); err != nil {
		return fmt.Errorf("principal: %w", err)
	}
	ctx := n.get("context")
	if ctx == nil || ctx.kind == jsonNull {
		return nil
	}
	if ctx.kind != jsonObject {
		return fmt.Errorf("context: must be an object, not %s", ctx.kind)
	}
	r.Context = &Context{keys: make([]setting, 0, len(ctx.members))}
	seen := make(map[string]bool, len(ctx.members))
	for i := range ctx.members {
		m := &ctx.members[i]
		items := m.value.items
		if m.value.kind != jsonArray {
			items = []node{m.value}
		}
		values := make([]string, len(items))
		for j := range items {
			switch items[j].kind {
			case jsonString, jsonNumber, jsonBool:
			default:
				return fmt.Errorf("context: %s must be a string or a list of strings, not %s", quote(m.name), items[j].kind)
			}
			if values[j] = items[j].text; len(values[j]) > MaxContextValue {
				return fmt.Errorf("context: %s is longer than %d bytes", quote(m.name), MaxContextValue)
			}
		}
		name := strings.ToLower(m.name)
		if seen[name] {
			return fmt.Errorf("context: %s appears twice: names of keys have no case", quote(m.name))
		}
		seen[name] = true
		r.Context.keys = append(r.Context.keys, setting{name, Value{State: Known, List: m.value.kind == jsonArray, Values: values}})
	}
	return nil
}

// text returns a string member that must be there, of no more than most bytes.
func text(n *node, name string, most int) (string, error) {
	v := n.get(name)
	switch {
	case v == nil:
		return "", fmt.Errorf("%s is missing", name)
	case v.kind != jsonString:
		return "", fmt.Errorf("%s must be a string, not %s", name, v.kind)
	case v.text == "":
		return "", fmt.Errorf("%s must not be empty", name)
	case len(v.text) > most:
		return "", fmt.Errorf("%s is longer than %d bytes", name, most)
	}
	return v.text, nil
}

func casePrincipal(n *node) (p Principal, err error) {
	if n.kind != jsonObject {
		return p, fmt.Errorf("must be an object, not %s", n.kind)
	}
	kind, err := text(n, "type", MaxARN)
	if err != nil {
		return p, err
	}
	switch kind {
	case "anonymous":
	case "service":
		p.Type = Service
		p.Service, err = text(n, "service", MaxARN)
	case "oai":
		p.Type = OAI
		if p.ARN, err = text(n, "arn", MaxARN); err == nil {
			p.CanonicalUser, err = text(n, "canonicalUser", MaxARN)
		}
	case "iam":
		p.Type = IAM
		if p.ARN, err = text(n, "arn", MaxARN); err != nil {
			return p, err
		}
		if p.Account() == "" {
			return p, fmt.Errorf("arn %s names no account", quote(p.ARN))
		}
		identity, err := text(n, "identity", MaxARN)
		if err != nil {
			return p, err
		}
		switch identity {
		case "allowAll":
			p.Identity = True
		case "none":
			p.Identity = False
		default:
			return p, fmt.Errorf(`identity must be "allowAll" or "none", not %s`, quote(identity))
		}
	default:
		return p, fmt.Errorf(`type must be "anonymous", "service", "oai" or "iam", not %s`, quote(kind))
	}
	return p, err
}

// appendJSON appends the answer as RunCases prints it; id is JSON.
func (a *Answer) appendJSON(out []byte, id string) []byte {
	out = append(out, `{"id":`...)
	out = append(out, id...)
	out = append(out, `,"decision":`...)
	out = appendString(out, string(a.Decision))
	out = append(out, `,"by":[`...)
	for i, by := range a.By {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendString(out, by)
	}
	out = append(out, `],"deny":`...)
	out = appendRefs(out, a.Deny)
	out = append(out, `,"allow":`...)
	out = appendRefs(out, a.Allow)
	if texts := a.Notes.Texts(); texts != nil {
		out = append(out, `,"notes":[`...)
		for i, t := range texts {
			if i > 0 {
				out = append(out, ',')
			}
			out = appendString(out, t)
		}
		out = append(out, ']')
	}
	return append(out, "}\n"...)
}

func appendRefs(out []byte, refs []StatementRef) []byte {
	out = append(out, '[')
	for i, ref := range refs {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, `{"in":`...)
		out = appendString(out, ref.In)
		out = fmt.Appendf(out, `,"index":%d`, ref.Index)
		if ref.Sid != "" {
			out = append(out, `,"sid":`...)
			out = appendString(out, ref.Sid)
		}
		out = append(out, '}')
	}
	return append(out, ']')
}

func appendError(out []byte, id string, err error) []byte {
	out = append(out, `{"id":`...)
	out = append(out, id...)
	out = append(out, `,"error":`...)
	out = appendString(out, err.Error())
	return append(out, "}\n"...)
}

// appendString appends s as a JSON string, escaping no more than JSON asks for.
func appendString(out []byte, s string) []byte {
	const hex = "0123456789abcdef"
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\ufffd")
	}
	out = append(out, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		out = append(out, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			out = append(out, '\\', c)
		case '\n':
			out = append(out, `\n`...)
		case '\r':
			out = append(out, `\r`...)
		case '\t':
			out = append(out, `\t`...)
		default:
			out = append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	out = append(out, s[start:]...)
	return append(out, '"')
}
