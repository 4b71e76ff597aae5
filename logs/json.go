package logs

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// A jsonWalker walks over JSON text without building values. It is as strict as
// finding the fields of a record needs, not a validator.
type jsonWalker struct {
	b    []byte
	i    int
	text []byte // unescaped strings since the last reset
}

func (j *jsonWalker) reset(b []byte) { j.b, j.i, j.text = b, 0, j.text[:0] }

func (j *jsonWalker) space() {
	for j.i < len(j.b) {
		switch j.b[j.i] {
		case ' ', '\t', '\r', '\n':
			j.i++
		default:
			return
		}
	}
}

// peek returns the next byte that is not space, 0 at the end.
func (j *jsonWalker) peek() byte {
	j.space()
	if j.i == len(j.b) {
		return 0
	}
	return j.b[j.i]
}

// enter steps into the object or array that begins with c.
func (j *jsonWalker) enter(c byte) bool {
	if j.peek() != c {
		return false
	}
	j.i++
	return true
}

// member returns the next member of the object that was entered: its key, not
// unescaped, and the raw text of its value. At the closing brace, which it
// steps over, end is true. Malformed text gives neither.
func (j *jsonWalker) member() (key, value []byte, end bool) {
	switch j.peek() {
	case '}':
		j.i++
		return nil, nil, true
	case ',':
		j.i++
		j.space()
	}
	key = j.string()
	if key == nil || j.peek() != ':' {
		return nil, nil, false
	}
	j.i++
	value = j.value()
	if value == nil {
		return nil, nil, false
	}
	return key, value, false
}

// element is member for an array.
func (j *jsonWalker) element() (value []byte, end bool) {
	switch j.peek() {
	case ']':
		j.i++
		return nil, true
	case ',':
		j.i++
	}
	return j.value(), false
}

// string steps over a string and returns what stands between its quotes, or
// nil.
func (j *jsonWalker) string() []byte {
	if j.i == len(j.b) || j.b[j.i] != '"' {
		return nil
	}
	start := j.i + 1
	for at := start; ; {
		n := bytes.IndexByte(j.b[at:], '"')
		if n < 0 {
			return nil
		}
		at += n
		slashes := 0
		for at-1-slashes >= start && j.b[at-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			j.i = at + 1
			return j.b[start:at]
		}
		at++
	}
}

// value steps over a value and returns its raw text, or nil.
func (j *jsonWalker) value() []byte {
	c := j.peek()
	start := j.i
	switch c {
	case '"':
		if j.string() == nil {
			return nil
		}
	case '{', '[':
		for depth := 0; ; {
			switch j.peek() {
			case 0:
				if j.i == len(j.b) {
					return nil
				}
				j.i++
			case '"':
				if j.string() == nil {
					return nil
				}
			case '{', '[':
				depth++
				j.i++
			case '}', ']':
				j.i++
				if depth--; depth == 0 {
					return j.b[start:j.i]
				}
			default:
				j.i++
			}
		}
	default:
		for j.i < len(j.b) && isLiteral(j.b[j.i]) {
			j.i++
		}
		if j.i == start {
			return nil
		}
	}
	return j.b[start:j.i]
}

func isLiteral(c byte) bool {
	return c-'0' <= 9 || c|0x20-'a' <= 25 || c == '-' || c == '+' || c == '.'
}

// scalar is the text of a raw value: a string without quotes and escapes, a
// number or literal as it stands, nil for null, objects and arrays. It is valid
// until the next reset.
func (j *jsonWalker) scalar(value []byte) []byte {
	switch {
	case len(value) == 0, value[0] == '{', value[0] == '[', string(value) == "null":
		return nil
	case value[0] != '"':
		return value
	}
	value = value[1 : len(value)-1]
	if bytes.IndexByte(value, '\\') < 0 {
		return value
	}
	start := len(j.text)
	for i := 0; i < len(value); i++ {
		c := value[i]
		if c != '\\' || i+1 == len(value) {
			j.text = append(j.text, c)
			continue
		}
		i++
		switch c = value[i]; c {
		case 'n':
			c = '\n'
		case 't':
			c = '\t'
		case 'r':
			c = '\r'
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'u':
			r, ok := hex4(value[i+1:])
			if !ok {
				j.text = append(j.text, '\\', 'u')
				continue
			}
			i += 4
			if utf16.IsSurrogate(r) {
				low, ok := rune(0), false
				if rest := value[i+1:]; len(rest) > 1 && rest[0] == '\\' && rest[1] == 'u' {
					low, ok = hex4(rest[2:])
				}
				if r = utf16.DecodeRune(r, low); ok && r != utf8.RuneError {
					i += 6
				}
			}
			j.text = utf8.AppendRune(j.text, r)
			continue
		}
		j.text = append(j.text, c)
	}
	return j.text[start:len(j.text):len(j.text)]
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	r, bad := rune(0), byte(0)
	for _, c := range b[:4] {
		h := hexValue[c]
		bad |= h
		r = r<<4 | rune(h&15)
	}
	return r, bad < 16
}

// jsonLines is the common loop of the JSON formats: one object a line, or
// several that were joined without a newline.
type jsonLines struct {
	s    *scanner
	walk jsonWalker
	// object decodes the object that walk has entered, up to its closing brace
	// (walk.member says end). It counts the line, unless it returns false: then
	// the text is malformed.
	object func(start int) bool
}

func (d *jsonLines) decode(block []byte) {
	for len(block) > 0 {
		line, rest := cutLine(block)
		block = rest
		d.s.line++
		d.walk.reset(line)
		if d.walk.peek() == 0 {
			d.s.skip()
			continue
		}
		for first := true; d.walk.peek() != 0; first = false {
			if !first {
				d.s.extra()
			}
			start := d.walk.i
			if !d.walk.enter('{') || !d.object(start) {
				d.s.reject("not a JSON object")
				break
			}
		}
	}
}

// jsonKeys calls f with the keys of the first object of head, as far as it
// goes.
func jsonKeys(head []byte, f func(key []byte)) bool {
	var j jsonWalker
	j.reset(firstLine(head))
	if !j.enter('{') {
		return false
	}
	for {
		key, _, end := j.member()
		if key == nil || end {
			return end
		}
		f(key)
	}
}

// hasJSONKeys reports whether the first object of head has all these keys,
// normalised.
func hasJSONKeys(head []byte, names ...string) bool {
	found := 0
	jsonKeys(head, func(key []byte) {
		var buf [40]byte
		for _, name := range names {
			if string(normalise(buf[:0], key)) == name {
				found++
			}
		}
	})
	return found >= len(names)
}
