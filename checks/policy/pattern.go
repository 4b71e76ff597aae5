package policy

import (
	"strings"
	"unicode/utf8"
)

// A pattern is a policy string compiled for matching: '*' stands for any run of characters, '?' for exactly one code
// point, ${name} for the value of a condition key (VAR: only in version 2012-10-17). All else is literal, and so is
// what a variable stands for.
type pattern struct {
	form patternForm
	lit  string    // of the forms exact and prefix
	segs []segment // of the form general: what stands between the stars, at least one
	vars []variable
}

type patternForm uint8

const (
	formExact  patternForm = iota // no wildcard
	formPrefix                    // one star, at the end
	formGeneral
)

type segment []atom

type atom struct {
	kind atomKind
	text string // literal
	ref  int    // index into pattern.vars
}

type atomKind uint8

const (
	atomLiteral atomKind = iota
	atomAny              // '?'
	atomVariable
	atomStar // ends a segment; in none of them
)

// A variable is one ${name} or ${name, 'default'}.
type variable struct {
	key         string // as written
	name        string // in lower case
	fallback    string
	hasFallback bool
}

// syntax says which characters of a policy string are special.
type syntax struct {
	wildcards bool
	variables bool
}

// special returns the place of the first special character, or -1.
func (sx syntax) special(s string) int {
	for i := range len(s) {
		switch s[i] {
		case '*', '?':
			if sx.wildcards {
				return i
			}
		case '$':
			if sx.variables && strings.HasPrefix(s[i:], "${") {
				return i
			}
		}
	}
	return -1
}

func compilePattern(text string, sx syntax) pattern {
	// Most patterns are literal, or end in their only star.
	switch i := sx.special(text); {
	case i < 0:
		return pattern{form: formExact, lit: text}
	case i == len(text)-1 && text[i] == '*':
		return pattern{form: formPrefix, lit: text[:i]}
	}
	p := pattern{form: formGeneral}
	var atoms []atom
	ends := make([]int, 0, 4) // of the segments, in atoms
	start := 0                // of the literal text that is open
	for i := 0; i < len(text); {
		size := 1
		special := atom{kind: atomAny}
		switch c := text[i]; {
		case sx.wildcards && c == '*':
			special.kind = atomStar
		case sx.wildcards && c == '?':
		case sx.variables && strings.HasPrefix(text[i:], "${"):
			end := strings.IndexByte(text[i:], '}')
			if end < 0 {
				sx.variables = false // no variable closes from here on
				continue
			}
			size = end + 1
			switch inner := text[i+2 : i+end]; inner {
			case "*", "?", "$":
				special = atom{text: inner}
			default:
				special = atom{kind: atomVariable, ref: len(p.vars)}
				p.vars = append(p.vars, newVariable(inner))
			}
		default:
			i++
			continue
		}
		if start < i {
			atoms = append(atoms, atom{text: text[start:i]})
		}
		i += size
		start = i
		switch {
		case special.kind != atomStar:
			atoms = append(atoms, special)
		case len(ends) == 0 || ends[len(ends)-1] < len(atoms): // "**" is "*"
			ends = append(ends, len(atoms))
		}
	}
	if start < len(text) {
		atoms = append(atoms, atom{text: text[start:]})
	}
	ends = append(ends, len(atoms))
	p.segs = make([]segment, len(ends))
	for i, begin := 0, 0; i < len(ends); i++ {
		p.segs[i] = atoms[begin:ends[i]:ends[i]]
		begin = ends[i]
	}
	return p
}

// newVariable reads the inside of ${…}. The default must follow a comma and a space, in single quotes (VAR).
func newVariable(inner string) variable {
	v := variable{key: inner}
	if name, def, ok := strings.Cut(inner, ", '"); ok && strings.HasSuffix(def, "'") {
		v = variable{key: name, fallback: strings.TrimSuffix(def, "'"), hasFallback: true}
	}
	v.name = strings.ToLower(v.key)
	return v
}

// resolve returns what the variable stands for; False means that it has no value.
func (v *variable) resolve(ctx *Context) (string, Tri) {
	switch val := ctx.lookup(v.name); {
	case val.State == Undefined:
		return "", Unknown
	case val.State == Absent && v.hasFallback:
		return v.fallback, True
	case val.State == Known && !val.List:
		return val.Values[0], True
	}
	return "", False
}

// match says whether s fits the pattern. A variable without a value fits nothing.
func (p *pattern) match(s string, ctx *Context) Tri {
	switch p.form {
	case formExact:
		return TriOf(s == p.lit)
	case formPrefix:
		return TriOf(strings.HasPrefix(s, p.lit))
	}
	var buf [4]string
	vals, known := buf[:0], True
	for i := range p.vars {
		val, ok := p.vars[i].resolve(ctx)
		vals, known = append(vals, val), known.And(ok)
	}
	switch {
	case known == True:
		return TriOf(matchSegments(p.segs, s, vals))
	case known == Unknown && p.mayMatch(s):
		return Unknown
	}
	return False
}

// mayMatch says whether some values of the variables could make s fit, by the literal text at both ends.
func (p *pattern) mayMatch(s string) bool {
	first, last := p.segs[0], p.segs[len(p.segs)-1]
	return (len(first) == 0 || first[0].kind != atomLiteral || strings.HasPrefix(s, first[0].text)) &&
		(len(last) == 0 || last[len(last)-1].kind != atomLiteral || strings.HasSuffix(s, last[len(last)-1].text))
}

func matchSegments(segs []segment, s string, vals []string) bool {
	n, ok := segs[0].matchAt(s, vals)
	if !ok {
		return false
	}
	if len(segs) == 1 {
		return n == len(s)
	}
	s = s[n:]
	last := len(segs) - 1
	for _, seg := range segs[1:last] {
		end, ok := seg.find(s, vals)
		if !ok {
			return false
		}
		s = s[end:]
	}
	return segs[last].matchEnd(s, vals)
}

// matchAt matches the segment at the beginning of s and returns how many bytes it took.
func (seg segment) matchAt(s string, vals []string) (int, bool) {
	n := 0
	for i := range seg {
		switch a := &seg[i]; a.kind {
		case atomAny:
			_, size := utf8.DecodeRuneInString(s[n:])
			if size == 0 {
				return 0, false
			}
			n += size
		default:
			t := a.literal(vals)
			if !strings.HasPrefix(s[n:], t) {
				return 0, false
			}
			n += len(t)
		}
	}
	return n, true
}

func (a *atom) literal(vals []string) string {
	if a.kind == atomVariable {
		return vals[a.ref]
	}
	return a.text
}

// find returns the end of the first place in s where the segment matches. The first place is as good as any: what
// follows it is another star.
func (seg segment) find(s string, vals []string) (end int, ok bool) {
	if len(seg) == 1 && seg[0].kind != atomAny {
		t := seg[0].literal(vals)
		i := strings.Index(s, t)
		return i + len(t), i >= 0
	}
	for i := 0; ; {
		if n, ok := seg.matchAt(s[i:], vals); ok {
			return i + n, true
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		if size == 0 {
			return 0, false
		}
		i += size
	}
}

// matchEnd reports whether the segment matches the end of s. Only one place can fit: the segment is so many code
// points long.
func (seg segment) matchEnd(s string, vals []string) bool {
	if len(seg) == 0 {
		return true
	}
	if len(seg) == 1 && seg[0].kind != atomAny {
		return strings.HasSuffix(s, seg[0].literal(vals))
	}
	spare := utf8.RuneCountInString(s)
	for i := range seg {
		if seg[i].kind == atomAny {
			spare--
		} else {
			spare -= utf8.RuneCountInString(seg[i].literal(vals))
		}
	}
	for ; spare > 0; spare-- {
		_, size := utf8.DecodeRuneInString(s)
		s = s[size:]
	}
	n, ok := seg.matchAt(s, vals)
	return spare == 0 && ok && n == len(s)
}

// matchFold is the wildcard match of action names: ASCII letters compare without case.
func matchFold(pat, s string) bool {
	star, mark := -1, 0
	p, i := 0, 0
	for i < len(s) {
		switch {
		case p < len(pat) && pat[p] == '*':
			star, mark = p, i
			p++
		case p < len(pat) && (pat[p] == '?' || lower(pat[p]) == lower(s[i])):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	for p < len(pat) && pat[p] == '*' {
		p++
	}
	return p == len(pat)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// An arnPattern matches part by part, so that a wildcard never crosses one of the first five colons.
type arnPattern struct {
	head  string      // the first five parts with their colons, if nothing in them is special
	parts *[5]pattern // else
	tail  pattern     // the sixth part
}

func newARNPattern(parts *[6]string, head, tail syntax) arnPattern {
	a := arnPattern{tail: compilePattern(parts[5], tail)}
	a.head = strings.Join(parts[:5], ":") + ":"
	if head.special(a.head) >= 0 {
		a.parts = new([5]pattern)
		for i := range a.parts {
			a.parts[i] = compilePattern(parts[i], head)
		}
	}
	return a
}

// match says whether the ARN, whole and split, fits.
func (a *arnPattern) match(arn string, parts *[6]string, ctx *Context) Tri {
	t := True
	if a.parts == nil {
		t = TriOf(strings.HasPrefix(arn, a.head))
	} else {
		for i := range a.parts {
			t = t.And(a.parts[i].match(parts[i], ctx))
		}
	}
	if t == False {
		return False
	}
	return t.And(a.tail.match(parts[5], ctx))
}

// eachVariable calls f for every variable of the pattern.
func (a *arnPattern) eachVariable(f func(v *variable)) {
	if a.parts != nil {
		for i := range a.parts {
			a.parts[i].eachVariable(f)
		}
	}
	a.tail.eachVariable(f)
}

func (p *pattern) eachVariable(f func(v *variable)) {
	for i := range p.vars {
		f(&p.vars[i])
	}
}

// splitPolicyARN splits a pattern at the first five colons and says how many parts there are. With variables the colons
// inside ${…} do not count.
func splitPolicyARN(s string, variables bool) (parts [6]string, n int) {
	start := 0
	for i := 0; i < len(s) && n < 5; i++ {
		if variables && strings.HasPrefix(s[i:], "${") {
			if end := strings.IndexByte(s[i:], '}'); end > 0 {
				i += end
				continue
			}
		}
		if s[i] == ':' {
			parts[n] = s[start:i]
			n++
			start = i + 1
		}
	}
	parts[n] = s[start:]
	return parts, n + 1
}
