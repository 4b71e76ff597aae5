package causes

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"
)

// Remedies are data: commands to read and run, documents to put, and Apply, by
// which the runner tries them on a copy of the facts. None opens more than the
// request needs: no public write, and no public read where CloudFront's own
// identity serves.

// sh quotes a value for a POSIX shell; bytes that can't be printed are written
// in the $'…' form of bash and zsh.
func sh(s string) string {
	bare := 0
	for bare < len(s) && inShell[s[bare]] {
		bare++
	}
	if bare > 0 && bare == len(s) {
		return s
	}
	plain := s != ""
	raw := false
	for _, r := range s {
		switch {
		case r == utf8.RuneError || r < ' ' || r == 0x7f:
			raw = true
		case r >= 0x80 || inShell[r]:
		default:
			plain = false
		}
		if r >= 0x80 {
			plain = false
		}
	}
	switch {
	case raw:
		var b strings.Builder
		b.WriteString("$'")
		for i := 0; i < len(s); i++ {
			switch c := s[i]; {
			case c == '\'' || c == '\\':
				b.WriteByte('\\')
				b.WriteByte(c)
			case c < ' ' || c >= 0x7f:
				fmt.Fprintf(&b, `\x%02x`, c)
			default:
				b.WriteByte(c)
			}
		}
		return b.String() + "'"
	case plain:
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// inShell are the bytes that need no quotes.
var inShell = func() (in [256]bool) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+=,") {
		in[c] = true
	}
	return in
}()

// js writes a string as JSON, which is also a string of jq.
func js(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return unescapeHTML.Replace(string(b))
}

var unescapeHTML = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&")

func s3URI(bucket, key string) string { return "s3://" + bucket + "/" + key }

func (v view) id() string { return distributionID(v.Distribution, v.k.Distribution) }

func (v view) pattern() string {
	if v.Behavior != nil {
		return v.Behavior.PathPattern
	}
	return v.k.PathPattern
}

func (v view) distributionARN() string {
	if v.Distribution != nil && v.Distribution.ARN != "" {
		return v.Distribution.ARN
	}
	return ""
}

// A kept remembers answers that depend on the question alone. It is for many
// goroutines.
type kept[Q comparable, A any] struct {
	mu sync.Mutex
	m  map[Q]A
}

// of returns the answer to q, which f makes when it is not remembered.
func (k *kept[Q, A]) of(q Q, f func() A) A {
	k.mu.Lock()
	a, ok := k.m[q]
	k.mu.Unlock()
	if ok {
		return a
	}
	a = f()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.m == nil || len(k.m) > 1000 {
		k.m = map[Q]A{}
	}
	k.m[q] = a
	return a
}

func (v view) host() string {
	for i := range v.k.Edge {
		if v.k.Edge[i].Host != "" {
			return v.k.Edge[i].Host
		}
	}
	if v.Distribution != nil {
		return v.Distribution.DomainName
	}
	return "DISTRIBUTION_DOMAIN"
}
