// Package redact masks what must not reach a report, a snapshot, a log line or
// an error, on the way in: no renderer ever sees the raw value.
//
// Masked always, whatever the level:
//   - values of query parameters that sign or authorise: CloudFront's Policy,
//     Signature, Key-Pair-Id; S3's presigned X-Amz-* and AWSAccessKeyId; names
//     that speak of tokens, keys, passwords or sessions; any value that looks
//     like a token by itself
//   - cookie values, Authorization and other headers that carry secrets
//   - Referer values of S3 lines, values of policies' condition keys that serve
//     as shared secrets (SecretCondition), values of origin custom headers
//   - user and password in URLs, AWS access key ids, JSON web tokens in prose
//
// Masked by level: viewer addresses (Default cuts them to /24 and /48, Strict
// drops them, Off keeps them); all query values and user agents (Strict).
//
// Kept: names of parameters, cookies and headers (they tell how a request was
// signed), paths and keys (they are what the report is about), user agents that
// are no shared secret (renderers escape them).
//
// It must not escape for a medium, and it must not know reports or logs.
package redact

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// Masked stands for a value that is not shown.
const Masked = "(masked)"

// A Level says how much is masked beyond secrets. Secrets always are.
type Level uint8

// The levels.
const (
	Default Level = iota // viewer addresses cut to /24 (IPv4) and /48 (IPv6)
	Strict               // viewer addresses, query values and user agents dropped
	Off                  // viewer addresses whole
)

// ParseLevel reads the value of --redact.
func ParseLevel(s string) (Level, error) {
	switch s {
	case "default":
		return Default, nil
	case "strict":
		return Strict, nil
	case "off":
		return Off, nil
	}
	return Default, fmt.Errorf("--redact %q is not strict, default or off", s)
}

// String returns the level's name.
func (l Level) String() string {
	return [...]string{"default", "strict", "off"}[l]
}

// Address shortens one client address, or a comma-separated list of them as in
// X-Forwarded-For: 203.0.113.7 to 203.0.113.x, 2001:db8:1:2::3 to 2001:db8:1:x.
// "" and "-" stay. What is no address is masked.
func Address(s string, l Level) string {
	if s == "" || s == "-" || l == Off {
		return s
	}
	if l == Strict {
		return Masked
	}
	parts := strings.Split(s, ",")
	for i, p := range parts {
		parts[i] = shorten(strings.TrimSpace(p))
	}
	return strings.Join(parts, ", ")
}

func shorten(s string) string {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return Masked
	}
	if a = a.Unmap(); a.Is4() {
		b := a.As4()
		return fmt.Sprintf("%d.%d.%d.x", b[0], b[1], b[2])
	}
	b := a.As16()
	return fmt.Sprintf("%x:%x:%x:x", uint(b[0])<<8|uint(b[1]), uint(b[2])<<8|uint(b[3]), uint(b[4])<<8|uint(b[5]))
}

// Query masks the secret values of a query string, with or without its "?".
// Names, order and all other bytes stay.
func Query(q string) string { return Default.Query(q) }

// Query is [Query]; at Strict every value is masked.
func (l Level) Query(q string) string {
	if q == "" || q == "-" {
		return q
	}
	rest, mark := q, ""
	if strings.HasPrefix(q, "?") {
		rest, mark = q[1:], "?"
	}
	var b strings.Builder
	b.WriteString(mark)
	for rest != "" {
		param := rest
		if i := strings.IndexAny(rest, "&;"); i >= 0 {
			param = rest[:i]
		}
		name, value, hasValue := strings.Cut(param, "=")
		switch {
		case hasValue && value != "" && (l == Strict || secretName(name) || tokenLike(value)):
			b.WriteString(name + "=" + Masked)
		case !hasValue && tokenLike(name): // a bare token
			b.WriteString(Masked)
		default:
			b.WriteString(param)
		}
		rest = rest[len(param):]
		if rest != "" {
			b.WriteByte(rest[0])
			rest = rest[1:]
		}
	}
	return b.String()
}

// RequestURI masks the secrets of an S3 line's Request-URI field, "METHOD
// target HTTP/x.y", its query at the level.
func (l Level) RequestURI(s string) string {
	method, rest, ok := strings.Cut(s, " ")
	if !ok {
		return l.URL(s)
	}
	target, version := rest, ""
	if i := strings.LastIndex(rest, " HTTP/"); i >= 0 {
		target, version = rest[:i], rest[i:]
	}
	return method + " " + l.URL(target) + version
}

// URL masks user and password, the query's secrets and the fragment of a URL
// or of a path with a query. It takes any text and fails never.
func URL(s string) string { return Default.URL(s) }

// URL is [URL] with the query masked at the level.
func (l Level) URL(s string) string {
	s, fragment, hasFragment := strings.Cut(s, "#")
	path, query, hasQuery := strings.Cut(s, "?")
	if i := strings.Index(path, "://"); i >= 0 {
		host := path[i+3:]
		if end := strings.IndexByte(host, '/'); end >= 0 {
			host = host[:end]
		}
		if at := strings.LastIndexByte(host, '@'); at >= 0 {
			path = path[:i+3] + Masked + path[i+3+at:]
		}
	}
	if hasQuery {
		path += "?" + l.Query(query)
	}
	if hasFragment && fragment != "" {
		path += "#" + Masked
	}
	return path
}

// UserAgent keeps a user agent, unless it looks like a token by itself; at Strict
// only whether there was one.
func (l Level) UserAgent(s string) string {
	switch {
	case s == "" || s == "-":
		return s
	case l == Strict, !strings.Contains(s, " ") && tokenLike(s):
		return Masked
	}
	return s
}

// secretName reports whether a query parameter of this name, as logged, holds
// a secret.
func secretName(name string) bool {
	if n, err := url.QueryUnescape(name); err == nil {
		name = n
	}
	name = strings.ToLower(name)
	switch name {
	case "policy", "key-pair-id", "awsaccesskeyid", "key", "code", "sid", "sig", "pwd", "otp", "pin", "hmac", "ticket", "nonce":
		return true
	}
	if strings.HasPrefix(name, "x-amz-") {
		return true
	}
	for _, w := range [...]string{"signature", "token", "secret", "passw", "passphrase", "auth", "apikey", "api-key", "api_key",
		"access-key", "access_key", "accesskey", "session", "jwt", "credential", "cookie", "private"} {
		if strings.Contains(name, w) {
			return true
		}
	}
	return false
}

// tokenLike reports whether a value looks like a token whatever its name: 20 or
// more characters of a token's alphabet, letters and digits mixed, or a JSON
// web token, or an AWS access key id.
func tokenLike(v string) bool {
	if u, err := url.QueryUnescape(v); err == nil {
		v = u
	}
	if strings.HasPrefix(v, "eyJ") && strings.Count(v, ".") == 2 {
		return true
	}
	var letters, digits, run int
	for i := 0; i < len(v); i++ {
		c := v[i]
		switch {
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			letters++
		case c >= '0' && c <= '9':
			digits++
		case strings.IndexByte("-_~+/= .", c) >= 0:
			if c == '.' || c == '/' { // parts of a name or path: judged one by one
				if run >= 20 && letters > 0 && digits > 2 {
					return true
				}
				run, letters, digits = -1, 0, 0
			}
		default:
			return false
		}
		run++
	}
	return run >= 20 && letters > 0 && digits > 2
}
