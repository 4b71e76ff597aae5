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
	"sort"
	"strings"
	"sync"
)

// Mask hides secrets in a recorded snapshot: values of origin custom headers,
// and of the condition key aws:Referer in policies. Each becomes a fingerprint,
//
//	(masked:8f14e45fceea167a:24)
//
// of 16 hex digits of HMAC-SHA-256 under the snapshot's own key, and its length
// in bytes. Within one snapshot equal secrets have equal fingerprints, and
// wildcards around a secret stay, so that policies still match or not. The key
// is in the snapshot (redaction.json), because the Referers of the logs must be
// compared too: it hides a secret that can't be guessed, not one that can.
type Mask struct {
	key    []byte
	tokens map[int]map[string]bool // fingerprints of the literal parts of patterns, by length
	used   bool

	mu   sync.Mutex
	seen map[string]string
}

const redactionFile = "redaction.json"

type redaction struct {
	Key    []byte
	Tokens []string // fingerprints of the literal parts of policy patterns
}

func newMasker() (*Mask, error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	return &Mask{key: key, tokens: map[int]map[string]bool{}, seen: map[string]string{}}, nil
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
	lengths := make([]int, 0, len(m.tokens))
	for n := range m.tokens {
		if n <= len(s) {
			lengths = append(lengths, n)
		}
	}
	sort.Sort(sort.Reverse(sort.IntSlice(lengths)))
	for _, n := range lengths {
		for i := 0; i+n <= len(s); i++ {
			if f := m.print(s[i : i+n]); m.tokens[n][f] {
				return m.value(s[:i]) + f + m.value(s[i+n:])
			}
		}
	}
	return m.print(s)
}

// wildcard matches what is not literal in a policy's value.
var wildcard = regexp.MustCompile(`\$\{[^}]*\}|[*?]`)

// pattern masks the literal parts of a policy's value.
func (m *Mask) pattern(kind secret, s string) string {
	if kind == headerValue {
		return m.Value(s)
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
	if kind == refererValue {
		for _, part := range wildcard.Split(s, -1) {
			if part == "" || fingerprint.MatchString(part) {
				continue
			}
			n := len(part)
			if m.tokens[n] == nil {
				m.tokens[n] = map[string]bool{}
			}
			m.tokens[n][m.print(part)] = true
		}
	}
	return s
}

// literal matches what looks like a credential in a function's code: the value
// of Basic authentication, or a long string without blanks.
var literal = regexp.MustCompile(`Basic [A-Za-z0-9+/=]{4,}|["'\x60][A-Za-z0-9+/=_-]{20,}["'\x60]`)

// code masks what looks like a credential in a function's code.
func (m *Mask) code(s string) string {
	return literal.ReplaceAllStringFunc(s, func(l string) string {
		if v, ok := strings.CutPrefix(l, "Basic "); ok {
			return "Basic " + m.Value(v)
		}
		return l[:1] + m.Value(l[1:len(l)-1]) + l[len(l)-1:]
	})
}

func (m *Mask) json() ([]byte, error) {
	r := redaction{Key: m.key}
	for _, set := range m.tokens {
		r.Tokens = append(r.Tokens, sorted(set)...)
	}
	sort.Strings(r.Tokens)
	return json.MarshalIndent(r, "", "    ")
}

// readMask returns the snapshot's Mask, nil when nothing in it is masked.
func readMask(fsys fs.FS) *Mask {
	data, err := fs.ReadFile(fsys, redactionFile)
	var r redaction
	if err != nil || json.Unmarshal(data, &r) != nil || len(r.Key) == 0 {
		return nil
	}
	m := &Mask{key: r.Key, tokens: map[int]map[string]bool{}, seen: map[string]string{}}
	for _, f := range r.Tokens {
		var n int
		if at := fingerprint.FindStringSubmatch(f); at != nil {
			_, _ = fmt.Sscan(at[1], &n)
		}
		if m.tokens[n] == nil {
			m.tokens[n] = map[string]bool{}
		}
		m.tokens[n][f] = true
	}
	return m
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
	headerValue  secret = iota // of an origin custom header
	refererValue               // of the condition key aws:Referer
)

// redact returns an answer with each secret value replaced by f's, byte for
// byte the same elsewhere. Strings that hold JSON themselves (policies) are
// searched too.
func redact(data []byte, f func(secret, string) string) []byte {
	type frame struct {
		object, key bool   // an object; whether a member's name comes next
		name        string // of the member, or of the array
	}
	var (
		d     = json.NewDecoder(bytes.NewReader(data))
		out   bytes.Buffer
		done  int // bytes of data that are in out
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
		switch {
		case t == json.Delim('{'):
			stack = append(stack, frame{object: true, key: true})
			continue
		case t == json.Delim('['):
			stack = append(stack, frame{name: top.name})
			continue
		case t == json.Delim('}'), t == json.Delim(']'):
			stack = stack[:len(stack)-1]
			top = &stack[len(stack)-1]
		case isText && top.object && top.key:
			top.name, top.key = text, false
			continue
		case isText:
			masked := text
			switch {
			case top.name == "HeaderValue":
				masked = f(headerValue, text)
			case strings.EqualFold(top.name, "aws:Referer"):
				masked = f(refererValue, text)
			case strings.HasPrefix(text, "{"):
				masked = string(redact([]byte(text), f))
			}
			if masked != text {
				end := int(d.InputOffset())
				out.Write(data[done : before+bytes.IndexByte(data[before:end], '"')])
				out.Write(quoted(masked))
				done = end
			}
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
