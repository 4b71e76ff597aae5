package policy

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A small strict JSON reader (RFC 8259). encoding/json lets duplicate names pass, replaces invalid UTF-8 and does
// not say where a value stood; a policy reader may do none of these.

type jsonKind uint8

const (
	jsonNull jsonKind = iota
	jsonBool
	jsonNumber
	jsonString
	jsonArray
	jsonObject
)

var jsonKindNames = [...]string{"null", "a boolean", "a number", "a string", "an array", "an object"}

func (k jsonKind) String() string { return jsonKindNames[k] }

// A node is one JSON value. Object members keep the order of the text.
type node struct {
	kind       jsonKind
	text       string // the string's value, or the text of a number or boolean
	items      []node // of an array
	members    []member
	start, end int // byte offsets in the text
}

type member struct {
	name  string
	value node
}

// get returns the member called name, or nil.
func (n *node) get(name string) *node {
	for i := range n.members {
		if n.members[i].name == name {
			return &n.members[i].value
		}
	}
	return nil
}

// maxDepth bounds the nesting of arrays and objects; a policy needs five levels, a case nine.
const maxDepth = 32

// indexedMembers is the number of members from which duplicate names are looked up in a map.
const indexedMembers = 16

type jsonReader struct {
	text  string
	pos   int
	depth int

	// The children of the values that are open, and the slabs out of which closed ones get theirs: one allocation for
	// many values.
	openItems   []node
	openMembers []member
	items       []node
	members     []member
}

// slab is the number of children allocated at once.
const slab = 64

// take moves the children from the mark on off the open ones, to memory of their own.
func take[T any](open *[]T, mark int, free *[]T) []T {
	n := len(*open) - mark
	if n > cap(*free)-len(*free) {
		*free = make([]T, 0, max(n, slab))
	}
	start := len(*free)
	*free = append(*free, (*open)[mark:]...)
	*open = (*open)[:mark]
	return (*free)[start:len(*free):len(*free)]
}

// parseJSON reads one JSON value that fills text.
func parseJSON(text string) (node, error) {
	var r jsonReader
	return r.document(text)
}

// document reads one JSON value that fills text. The memory of an earlier document is used again: its nodes are void.
func (r *jsonReader) document(text string) (node, error) {
	*r = jsonReader{
		text:        text,
		openItems:   r.openItems[:0],
		openMembers: r.openMembers[:0],
		items:       r.items[:0],
		members:     r.members[:0],
	}
	n, err := r.value()
	if err != nil {
		return node{}, err
	}
	r.space()
	if r.pos < len(text) {
		return node{}, r.fail("unexpected %s after the end of the document", r.here())
	}
	return n, nil
}

func (r *jsonReader) fail(format string, args ...any) error {
	return r.failAt(r.pos, format, args...)
}

func (r *jsonReader) failAt(pos int, format string, args ...any) error {
	before := r.text[:pos]
	lineStart := strings.LastIndexByte(before, '\n') + 1
	return &Error{
		Statement: -1,
		Line:      1 + strings.Count(before, "\n"),
		Column:    1 + utf8.RuneCountInString(before[lineStart:]),
		Problem:   fmt.Sprintf(format, args...),
	}
}

// here names what stands at the present position, for an error.
func (r *jsonReader) here() string {
	if r.pos >= len(r.text) {
		return "end"
	}
	c, _ := utf8.DecodeRuneInString(r.text[r.pos:])
	return strconv.QuoteRune(c)
}

func (r *jsonReader) space() {
	for r.pos < len(r.text) {
		switch r.text[r.pos] {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return
		}
	}
}

func (r *jsonReader) value() (node, error) {
	r.space()
	if r.pos >= len(r.text) {
		return node{}, r.fail("unexpected end of the JSON document")
	}
	switch c := r.text[r.pos]; {
	case c == '{':
		return r.nested(r.object)
	case c == '[':
		return r.nested(r.array)
	case c == '"':
		start := r.pos
		s, err := r.string()
		return node{kind: jsonString, text: s, start: start, end: r.pos}, err
	case c == '-' || '0' <= c && c <= '9':
		return r.number()
	default:
		return r.word()
	}
}

func (r *jsonReader) nested(read func() (node, error)) (node, error) {
	if r.depth++; r.depth > maxDepth {
		return node{}, r.fail("nested deeper than %d levels", maxDepth)
	}
	start := r.pos
	r.pos++
	n, err := read()
	n.start, n.end = start, r.pos
	r.depth--
	return n, err
}

func (r *jsonReader) object() (node, error) {
	r.space()
	if r.accept('}') {
		return node{kind: jsonObject}, nil
	}
	mark := len(r.openMembers)
	var seen map[string]bool
	for {
		r.space()
		if r.pos >= len(r.text) || r.text[r.pos] != '"' {
			return node{}, r.fail("unexpected %s, want a member name in double quotes", r.here())
		}
		at := r.pos
		name, err := r.string()
		if err != nil {
			return node{}, err
		}
		if r.duplicate(name, mark, &seen) {
			return node{}, r.failAt(at, "duplicate member %s", quote(name))
		}
		r.space()
		if !r.accept(':') {
			return node{}, r.fail("unexpected %s, want ':' after %s", r.here(), quote(name))
		}
		v, err := r.value()
		if err != nil {
			return node{}, err
		}
		r.openMembers = append(r.openMembers, member{name, v})
		r.space()
		if r.accept('}') {
			return node{kind: jsonObject, members: take(&r.openMembers, mark, &r.members)}, nil
		}
		if !r.accept(',') {
			return node{}, r.fail("unexpected %s, want ',' or '}'", r.here())
		}
	}
}

// duplicate says whether the open object, whose members begin at mark, has the name already. Large objects get a map.
func (r *jsonReader) duplicate(name string, mark int, seen *map[string]bool) bool {
	open := r.openMembers[mark:]
	if len(open) < indexedMembers {
		for i := range open {
			if open[i].name == name {
				return true
			}
		}
		return false
	}
	if *seen == nil {
		*seen = make(map[string]bool, 2*indexedMembers)
		for i := range open {
			(*seen)[open[i].name] = true
		}
	}
	twice := (*seen)[name]
	(*seen)[name] = true
	return twice
}

func (r *jsonReader) array() (node, error) {
	r.space()
	if r.accept(']') {
		return node{kind: jsonArray}, nil
	}
	mark := len(r.openItems)
	for {
		v, err := r.value()
		if err != nil {
			return node{}, err
		}
		r.openItems = append(r.openItems, v)
		r.space()
		if r.accept(']') {
			return node{kind: jsonArray, items: take(&r.openItems, mark, &r.items)}, nil
		}
		if !r.accept(',') {
			return node{}, r.fail("unexpected %s, want ',' or ']'", r.here())
		}
	}
}

func (r *jsonReader) accept(c byte) bool {
	if r.pos < len(r.text) && r.text[r.pos] == c {
		r.pos++
		return true
	}
	return false
}

func (r *jsonReader) word() (node, error) {
	for _, w := range [...]struct {
		text string
		kind jsonKind
	}{{"true", jsonBool}, {"false", jsonBool}, {"null", jsonNull}} {
		if strings.HasPrefix(r.text[r.pos:], w.text) {
			n := node{kind: w.kind, text: w.text, start: r.pos, end: r.pos + len(w.text)}
			r.pos = n.end
			return n, nil
		}
	}
	return node{}, r.fail("unexpected %s, want a JSON value", r.here())
}

func (r *jsonReader) number() (node, error) {
	start := r.pos
	r.accept('-')
	if !r.accept('0') && !r.digits() {
		return node{}, r.fail("unexpected %s in a number", r.here())
	}
	if r.accept('.') && !r.digits() {
		return node{}, r.fail("unexpected %s in a number", r.here())
	}
	if r.accept('e') || r.accept('E') {
		if !r.accept('+') {
			r.accept('-')
		}
		if !r.digits() {
			return node{}, r.fail("unexpected %s in a number", r.here())
		}
	}
	return node{kind: jsonNumber, text: r.text[start:r.pos], start: start, end: r.pos}, nil
}

func (r *jsonReader) digits() bool {
	start := r.pos
	for r.pos < len(r.text) && '0' <= r.text[r.pos] && r.text[r.pos] <= '9' {
		r.pos++
	}
	return r.pos > start
}

// string reads a string that begins at the present quote. Without escapes it shares the memory of the text.
func (r *jsonReader) string() (string, error) {
	open := r.pos
	r.pos++
	start, ascii := r.pos, true
	for r.pos < len(r.text) {
		switch c := r.text[r.pos]; {
		case c == '"':
			s := r.text[start:r.pos]
			if !ascii && !utf8.ValidString(s) {
				return "", r.failAt(open, "the string is not valid UTF-8")
			}
			r.pos++
			return s, nil
		case c == '\\':
			return r.escaped(open, start)
		case c < ' ':
			return "", r.fail("control character %s in a string", r.here())
		case c >= utf8.RuneSelf:
			ascii = false
		}
		r.pos++
	}
	return "", r.failAt(open, "the string has no closing quote")
}

// escaped goes on with a string at its first backslash.
func (r *jsonReader) escaped(open, start int) (string, error) {
	var b strings.Builder
	b.WriteString(r.text[start:r.pos])
	for r.pos < len(r.text) {
		switch c := r.text[r.pos]; {
		case c == '"':
			r.pos++
			if s := b.String(); utf8.ValidString(s) {
				return s, nil
			}
			return "", r.failAt(open, "the string is not valid UTF-8")
		case c == '\\':
			if err := r.escape(&b); err != nil {
				return "", err
			}
		case c < ' ':
			return "", r.fail("control character %s in a string", r.here())
		default:
			b.WriteByte(c)
			r.pos++
		}
	}
	return "", r.failAt(open, "the string has no closing quote")
}

func (r *jsonReader) escape(b *strings.Builder) error {
	at := r.pos
	if r.pos+1 >= len(r.text) {
		return r.fail("the string has no closing quote")
	}
	c := r.text[r.pos+1]
	r.pos += 2
	switch c {
	case '"', '\\', '/':
		b.WriteByte(c)
	case 'b':
		b.WriteByte('\b')
	case 'f':
		b.WriteByte('\f')
	case 'n':
		b.WriteByte('\n')
	case 'r':
		b.WriteByte('\r')
	case 't':
		b.WriteByte('\t')
	case 'u':
		u, ok := r.hex4()
		if ok && utf16.IsSurrogate(u) {
			ok = false
			if strings.HasPrefix(r.text[r.pos:], `\u`) {
				r.pos += 2
				if low, lowOK := r.hex4(); lowOK {
					u = utf16.DecodeRune(u, low)
					ok = u != utf8.RuneError
				}
			}
		}
		if !ok {
			return r.failAt(at, `bad \u escape in a string`)
		}
		b.WriteRune(u)
	default:
		return r.failAt(at, `bad escape in a string`)
	}
	return nil
}

func (r *jsonReader) hex4() (rune, bool) {
	if r.pos+4 > len(r.text) {
		return 0, false
	}
	v, err := strconv.ParseUint(r.text[r.pos:r.pos+4], 16, 16)
	if err != nil {
		return 0, false
	}
	r.pos += 4
	return rune(v), true
}

// quote prints a value for an error: ASCII only, and not endlessly.
func quote(s string) string {
	const most = 120
	if len(s) > most {
		cut := most
		for cut > most-utf8.UTFMax && !utf8.RuneStart(s[cut]) { // bytes that are no UTF-8 are cut anywhere
			cut--
		}
		return strconv.QuoteToASCII(s[:cut]) + "…"
	}
	return strconv.QuoteToASCII(s)
}
