package gather

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"

	redactions "github.com/why403/why403/internal/redact"
)

// Mask hides secrets in a recorded snapshot: values of origin custom headers, of
// the condition keys of policies that serve as shared secrets (see
// redact.SecretCondition), and what a web ACL looks for in requests or adds to
// them. Each becomes a fingerprint,
//
//	(masked:8f14e45fceea167a:24)
//
// of 16 hex digits of HMAC-SHA-256 under the snapshot's own key, and its length
// in bytes. Within one snapshot equal secrets have equal fingerprints, and
// wildcards around a secret stay, so that policies still match or not. The key
// is in the snapshot (redaction.json), because the Referers and user agents of
// the logs must be compared too: it hides a secret that can't be guessed, not one
// that can.
type Mask struct {
	key    []byte
	tokens literals // of patterns
	folded literals // of patterns that ignore case, in lower case
	used   bool

	mu   sync.Mutex
	seen map[string]string
}

// literals are fingerprints of the literal parts of patterns, by length.
type literals map[int]map[string]bool

func (l literals) add(n int, fingerprint string) {
	if l[n] == nil {
		l[n] = map[string]bool{}
	}
	l[n][fingerprint] = true
}

// list returns them sorted.
func (l literals) list() []string {
	var all []string
	for _, set := range l {
		all = append(all, sorted(set)...)
	}
	sort.Strings(all)
	return all
}

// literalsOf is the inverse of list.
func literalsOf(list []string) literals {
	l := literals{}
	for _, f := range list {
		var n int
		if at := fingerprint.FindStringSubmatch(f); at != nil {
			_, _ = fmt.Sscan(at[1], &n)
		}
		l.add(n, f)
	}
	return l
}

const redactionFile = "redaction.json"

type redaction struct {
	Key    []byte
	Tokens []string // fingerprints of the literal parts of policy patterns
	Folded []string `json:",omitempty"` // of those that ignore case, in lower case
}

func newMasker() (*Mask, error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	return &Mask{key: key, tokens: literals{}, folded: literals{}, seen: map[string]string{}}, nil
}

var fingerprint = regexp.MustCompile(`^\(masked:[0-9a-f]{16}:([0-9]+)\)`)

func (m *Mask) print(s string) string {
	h := hmac.New(sha256.New, m.key)
	h.Write([]byte(s))
	m.used = true
	return fmt.Sprintf("(masked:%s:%d)", hex.EncodeToString(h.Sum(nil)[:8]), len(s))
}

// Value returns the form in which the snapshot holds a value: parts that are
// the literal part of some policy's pattern, the longest first, and the rest
// between them, each as a fingerprint. Fingerprints stay.
func (m *Mask) Value(s string) string {
	if s == "" {
		return ""
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok := m.seen[s]; ok {
		return v
	}
	v := m.value(s)
	if len(m.seen) < 1<<16 {
		m.seen[s] = v
	}
	return v
}

func (m *Mask) value(s string) string {
	if s == "" {
		return ""
	}
	if i := strings.Index(s, "(masked:"); i >= 0 {
		if f := fingerprint.FindString(s[i:]); f != "" {
			return m.value(s[:i]) + f + m.value(s[i+len(f):])
		}
	}
	lengths := make([]int, 0, len(m.tokens)+len(m.folded))
	for _, l := range []literals{m.tokens, m.folded} {
		for n := range l {
			if n <= len(s) {
				lengths = append(lengths, n)
			}
		}
	}
	sort.Sort(sort.Reverse(sort.IntSlice(lengths)))
	for _, n := range slices.Compact(lengths) {
		for i := 0; i+n <= len(s); i++ {
			part := s[i : i+n]
			f := m.print(part)
			if !m.tokens[n][f] {
				if f = m.print(fold(part)); !m.folded[n][f] {
					continue
				}
			}
			return m.value(s[:i]) + f + m.value(s[i+n:])
		}
	}
	return m.print(s)
}

// fold returns a text in lower case, ASCII alone: its length stays.
func fold(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// wildcard matches what is not literal in a policy's value.
var wildcard = regexp.MustCompile(`\$\{[^}]*\}|[*?]`)

// pattern masks the literal parts of a policy's value.
func (m *Mask) pattern(kind secret, s string) string {
	switch kind {
	case headerValue:
		return m.Value(s)
	case locationValue:
		path, query, ok := strings.Cut(s, "?")
		if !ok {
			return s
		}
		return path + "?" + redactions.Query(query)
	case foldedValue:
		s = fold(s)
	}
	var b strings.Builder
	for s != "" {
		at := wildcard.FindStringIndex(s)
		if at == nil {
			at = []int{len(s), len(s)}
		}
		b.WriteString(m.Value(s[:at[0]]))
		b.WriteString(s[at[0]:at[1]])
		s = s[at[1]:]
	}
	return b.String()
}

// learn takes up the literal parts of a policy's value.
func (m *Mask) learn(kind secret, s string) string {
	if kind != patternValue && kind != foldedValue {
		return s
	}
	for _, part := range wildcard.Split(s, -1) {
		switch {
		case part == "" || fingerprint.MatchString(part):
		case kind == foldedValue:
			m.folded.add(len(part), m.print(fold(part)))
		default:
			m.tokens.add(len(part), m.print(part))
		}
	}
	return s
}

func (m *Mask) json() ([]byte, error) {
	r := redaction{Key: m.key, Tokens: m.tokens.list(), Folded: m.folded.list()}
	return json.MarshalIndent(r, "", "    ")
}

// readMask returns the snapshot's Mask, nil when nothing in it is masked.
func readMask(fsys fs.FS) *Mask {
	data, err := fs.ReadFile(fsys, redactionFile)
	var r redaction
	if err != nil || json.Unmarshal(data, &r) != nil || len(r.Key) == 0 {
		return nil
	}
	return &Mask{key: r.Key, tokens: literalsOf(r.Tokens), folded: literalsOf(r.Folded), seen: map[string]string{}}
}

// Mask returns the function that gives a value the form in which the snapshot
// holds it, nil when the snapshot holds values as they are.
func (s *Snapshot) Mask() func(string) string {
	if m := readMask(s.fsys); m != nil {
		return m.Value
	}
	return nil
}

// secret says what kind of value is secret.
type secret int

const (
	headerValue   secret = iota // of an origin custom header, or in a web ACL
	patternValue                // of a condition key, with wildcards
	foldedValue                 // the same, with an operator that ignores case
	locationValue               // where a website redirects to: its query may hold a secret
)

// secretOf says what kind of secret the string at a path of member names is. The
// path ends with the names of the string's own member and of those around it.
func secretOf(path []string) (kind secret, ok bool) {
	up := func(n int) string {
		if n < len(path) {
			return path[len(path)-1-n]
		}
		return ""
	}
	name := up(0)
	switch {
	case name == "HeaderValue", name == "SearchString", name == "RegexString",
		name == "Value" && (up(1) == "InsertHeaders" || up(1) == "ResponseHeaders"):
		return headerValue, true
	case name == "ReplaceKeyWith", name == "ReplaceKeyPrefixWith":
		return locationValue, true
	case redactions.SecretCondition(name) && !strings.EqualFold(up(1), "Null"):
		if strings.HasSuffix(fold(up(1)), "ignorecase") || strings.HasSuffix(fold(up(1)), "ignorecaseifexists") {
			return foldedValue, true
		}
		return patternValue, true
	}
	return 0, false
}

// redact returns an answer with each secret value replaced by f's, byte for
// byte the same elsewhere. Strings that hold JSON themselves (policies) are
// searched too.
func redact(data []byte, f func(secret, string) string) []byte {
	type frame struct {
		object, key bool // an object; whether a member's name comes next
		path        int  // names that lead to it
	}
	var (
		d     = json.NewDecoder(bytes.NewReader(data))
		out   bytes.Buffer
		done  int      // bytes of data that are in out
		path  []string // of member names, down to the present one
		stack = []frame{{}}
	)
	d.UseNumber()
	for {
		before := int(d.InputOffset())
		t, err := d.Token()
		if err != nil {
			break // the end, or no JSON: the rest stays as it is
		}
		top := &stack[len(stack)-1]
		text, isText := t.(string)
		number, isNumber := t.(json.Number)
		switch {
		case t == json.Delim('{'):
			stack = append(stack, frame{object: true, key: true, path: len(path)})
			continue
		case t == json.Delim('['):
			stack = append(stack, frame{path: len(path)})
			continue
		case t == json.Delim('}'), t == json.Delim(']'):
			stack = stack[:len(stack)-1]
			top = &stack[len(stack)-1]
		case isText && top.object && top.key:
			path = append(path[:top.path], text)
			top.key = false
			continue
		case isText:
			masked := text
			if kind, ok := secretOf(path); ok {
				masked = f(kind, text)
			} else if strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "{") {
				masked = string(redact([]byte(text), f))
			}
			if masked != text {
				end := int(d.InputOffset())
				out.Write(data[done : before+bytes.IndexByte(data[before:end], '"')])
				out.Write(quoted(masked))
				done = end
			}
		case isNumber:
			kind, ok := secretOf(path)
			if !ok { // else: policies take numbers for strings
				break
			}
			if masked := f(kind, string(number)); masked != string(number) {
				end := int(d.InputOffset())
				out.Write(data[done : end-len(number)])
				out.Write(quoted(masked))
				done = end
			}
		}
		if top.object {
			path = path[:top.path]
		}
		top.key = top.object
	}
	out.Write(data[done:])
	return out.Bytes()
}

// quoted returns a JSON string.
func quoted(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string can't fail
	return bytes.TrimSpace(b.Bytes())
}
