package correlate

import (
	"strings"

	"github.com/why403/why403/logs"
)

// unhex returns the value of the two hex digits, or -1.
func unhex(a, b byte) int {
	d := func(c byte) int {
		switch {
		case '0' <= c && c <= '9':
			return int(c - '0')
		case 'a' <= c && c <= 'f':
			return int(c-'a') + 10
		case 'A' <= c && c <= 'F':
			return int(c-'A') + 10
		}
		return -1
	}
	x, y := d(a), d(b)
	if x < 0 || y < 0 {
		return -1
	}
	return x<<4 | y
}

// appendDecoded undoes one layer of percent-encoding and reads "+" as a space.
// What is no valid escape stays as it is.
func appendDecoded(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '%' && i+2 < len(s):
			if v := unhex(s[i+1], s[i+2]); v >= 0 {
				dst = append(dst, byte(v))
				i += 2
				continue
			}
		case c == '+':
			c = ' '
		}
		dst = append(dst, c)
	}
	return dst
}

// WirePath returns the path as it was on the wire: CloudFront's log adds one
// layer of percent-encoding (Standard logging reference) and this takes it off.
func WirePath(stem string) string {
	if strings.IndexByte(stem, '%') < 0 {
		return stem
	}
	wire, _ := logs.Unescape(nil, []byte(stem)) // a malformed escape stays as it is
	return string(wire)
}

// KeyOfWire returns the key that S3 reads from a request's path: without its
// first slash and query, percent-decoded, "+" read as a space (imgix
// issue 88: S3 needs %2B for a plus).
func KeyOfWire(path string) string {
	path, _, _ = strings.Cut(path, "?")
	path = strings.TrimPrefix(path, "/")
	if strings.IndexByte(path, '%') < 0 && strings.IndexByte(path, '+') < 0 {
		return path
	}
	return string(appendDecoded(nil, path))
}

// WireOfKey returns a path that S3 reads as the key: the reverse of KeyOfWire.
// Every byte but RFC 3986's unreserved ones and the slash is percent-encoded.
func WireOfKey(key string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(key) + 1)
	b.WriteByte('/')
	for i := 0; i < len(key); i++ {
		c := key[i]
		if c == '/' || unreserved(c) {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}

// normalPath normalises a path as CloudFront does to choose a behavior (RFC
// 3986, 6.2.2): escapes of unreserved bytes are decoded, the others written in
// capitals, dot segments removed, doubled slashes collapsed.
func normalPath(path string) string {
	if strings.IndexByte(path, '%') < 0 && !strings.Contains(path, "//") && !strings.Contains(path, "/.") {
		return path
	}
	dec := make([]byte, 0, len(path))
	for i := 0; i < len(path); i++ {
		if path[i] == '%' && i+2 < len(path) {
			if v := unhex(path[i+1], path[i+2]); v >= 0 {
				if unreserved(byte(v)) {
					dec = append(dec, byte(v))
				} else {
					dec = append(dec, '%', upper(path[i+1]), upper(path[i+2]))
				}
				i += 2
				continue
			}
		}
		dec = append(dec, path[i])
	}
	segs := strings.Split(strings.TrimPrefix(string(dec), "/"), "/")
	out := segs[:0]
	for i, s := range segs {
		last := i == len(segs)-1
		switch s {
		case ".":
			if last {
				out = append(out, "")
			}
		case "..":
			if len(out) > 0 {
				out = out[:len(out)-1]
			}
			if last {
				out = append(out, "")
			}
		case "":
			if last {
				out = append(out, "")
			}
		default:
			out = append(out, s)
		}
	}
	return "/" + strings.Join(out, "/")
}

func upper(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return c - 32
	}
	return c
}

// matchPath reports whether a behavior's path pattern matches a normalised
// path: * for any run of bytes, ? for one, case counts, and the slash at the
// pattern's beginning may be missing (CloudFront guide, PathPattern).
func matchPath(pattern, path string) bool {
	if pattern == "*" {
		return true
	}
	pattern, path = strings.TrimPrefix(pattern, "/"), strings.TrimPrefix(path, "/")
	p, s, star, mark := 0, 0, -1, 0
	for s < len(path) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, s
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == path[s]):
			p++
			s++
		case star >= 0:
			mark++
			p, s = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
