package redact

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"
	"sync"
)

// A Masker masks secrets so that equal ones stay recognisably equal: "(masked
// 1f9a2c04)" holds a keyed fingerprint. It is safe for concurrent use.
type Masker struct {
	key []byte

	mu    sync.RWMutex
	known map[string]string // secret to mask
}

// NewMasker makes a Masker. Maskers with the same key give equal masks; a nil
// key stands for a random one, so that masks can't be compared across runs nor
// guessed by trying.
func NewMasker(key []byte) *Masker {
	if key == nil {
		key = make([]byte, 32)
		rand.Read(key)
	}
	return &Masker{key: key, known: map[string]string{}}
}

// Mask returns the mask of a secret and remembers it. "" and "-" stay, as does
// a mask, so that masking twice is masking once.
func (m *Masker) Mask(secret string) string {
	if secret == "" || secret == "-" || isMask(secret) {
		return secret
	}
	m.mu.RLock()
	mask, ok := m.known[secret]
	m.mu.RUnlock()
	if ok {
		return mask
	}
	h := hmac.New(sha256.New, m.key)
	io.WriteString(h, secret)
	mask = "(masked " + hex.EncodeToString(h.Sum(nil)[:4]) + ")"
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.known[secret]; !ok {
		m.known[secret] = mask
	}
	return mask
}

func isMask(s string) bool {
	return s == Masked || strings.HasPrefix(s, "(masked ") && strings.HasSuffix(s, ")") && len(s) == len("(masked 00000000)")
}

// The shapes of secrets in prose.
var (
	inURL     = regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://[^\s"'<>]+`)
	inQuery   = regexp.MustCompile(`\?[^\s"'<>?]*=[^\s"'<>]*`)
	inHeader  = regexp.MustCompile(`(?i)\b((?:proxy-)?authorization|(?:set-)?cookie|referer|x-amz-security-token|x-api-key)(["']?\s*[:=]\s*["']?)([^\r\n"']+)`)
	accessKey = regexp.MustCompile(`\b(AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}\b`)
	webToken  = regexp.MustCompile(`\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`)
)

// sentence returns mask for a text that may end with the punctuation of the
// sentence around it, which stays.
func sentence(mask func(string) string) func(string) string {
	return func(s string) string {
		end := len(strings.TrimRight(s, ".,:;"))
		return mask(s[:end]) + s[end:]
	}
}

// Text masks what has the shape of a secret in prose, such as an error of a
// library: credentials and signatures in URLs, Authorization and cookie headers,
// AWS access key ids, JSON web tokens.
func Text(s string) string {
	s = inURL.ReplaceAllStringFunc(s, sentence(URL))
	s = inQuery.ReplaceAllStringFunc(s, sentence(Query))
	s = inHeader.ReplaceAllStringFunc(s, func(h string) string {
		p := inHeader.FindStringSubmatch(h)
		if strings.HasPrefix(p[3], "(masked") {
			return h
		}
		return p[1] + p[2] + Masked
	})
	s = accessKey.ReplaceAllString(s, "${1}"+Masked)
	return webToken.ReplaceAllString(s, Masked)
}

// SecretCondition reports whether policies use a condition key as a shared
// secret: aws:Referer and aws:UserAgent between CloudFront and the bucket,
// sts:ExternalId between accounts.
func SecretCondition(key string) bool {
	return strings.EqualFold(key, "aws:Referer") || strings.EqualFold(key, "aws:UserAgent") || strings.EqualFold(key, "sts:ExternalId")
}

// Policy masks the values of the condition keys that serve as shared secrets in a
// policy document, whatever the operator (see [SecretCondition]). All else of the document, its layout too, stays. A document that is no JSON
// is an error.
func (m *Masker) Policy(doc string) (string, error) {
	return m.json(doc, func(path []string) bool {
		if len(path) < 3 || !strings.EqualFold(path[len(path)-3], "Condition") {
			return false
		}
		return SecretCondition(path[len(path)-1]) && !strings.EqualFold(path[len(path)-2], "Null")
	})
}

// json replaces the strings of a document whose member name, or that of an
// array around them, is secret by the path of member names.
func (m *Masker) json(doc string, secret func(path []string) bool) (string, error) {
	d := json.NewDecoder(strings.NewReader(doc))
	d.UseNumber()
	var out bytes.Buffer
	var path []string // member names down to here; "" for the document
	type level struct{ object, wantName bool }
	var levels []level
	copied := 0
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", err
		}
		top := len(levels) - 1
		switch v := tok.(type) {
		case json.Delim:
			switch v {
			case '{':
				levels = append(levels, level{true, true})
				continue
			case '[':
				levels = append(levels, level{false, false})
				continue
			}
			levels = levels[:top]
			top--
		case string:
			if top >= 0 && levels[top].wantName {
				path = append(path, v)
				levels[top].wantName = false
				continue
			}
			if len(path) > 0 && secret(path) {
				end := int(d.InputOffset())
				out.WriteString(doc[copied : end-len(quoted(doc[copied:end]))])
				mask, _ := json.Marshal(m.Mask(v))
				out.Write(mask)
				copied = end
			}
		case json.Number: // policies take numbers for strings
			if len(path) > 0 && secret(path) {
				end := int(d.InputOffset())
				out.WriteString(doc[copied:end-len(v)] + `"` + m.Mask(string(v)) + `"`)
				copied = end
			}
		}
		if top >= 0 && levels[top].object { // a member's value is complete
			path = path[:len(path)-1]
			levels[top].wantName = true
		}
	}
	if len(levels) > 0 {
		return "", io.ErrUnexpectedEOF
	}
	out.WriteString(doc[copied:])
	return out.String(), nil
}

// quoted returns the JSON string that s ends in, quotes included.
func quoted(s string) string {
	for i := len(s) - 2; i >= 0; i-- {
		if s[i] != '"' {
			continue
		}
		slashes := 0
		for i-slashes-1 >= 0 && s[i-slashes-1] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return s[i:]
		}
	}
	return s
}
