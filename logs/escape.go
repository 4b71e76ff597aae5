package logs

import (
	"bytes"
	"errors"
	"fmt"
)

// ErrEscape is returned when a field holds a '%' that no two hexadecimal digits
// follow.
var ErrEscape = errors.New("malformed percent escape")

// Unescape appends field to dst with CloudFront's one layer of percent-encoding
// removed: the bytes of the wire. A '+' stays (CloudFront guide, Standard
// logging reference: '%' itself is logged as %25, so the layer loses nothing).
// Malformed escapes stay as they stand, and the error is ErrEscape.
func Unescape(dst, field []byte) ([]byte, error) {
	i := bytes.IndexByte(field, '%')
	if i < 0 {
		return append(dst, field...), nil
	}
	var err error
	for {
		dst = append(dst, field[:i]...)
		if i == len(field) {
			return dst, err
		}
		if c, ok := unhex(field[i:]); ok {
			dst, field = append(dst, c), field[i+3:]
		} else {
			dst, field, err = append(dst, '%'), field[i+1:], ErrEscape
		}
		if i = bytes.IndexByte(field, '%'); i < 0 {
			i = len(field)
		}
	}
}

// Escape appends raw to dst in CloudFront's encoding: bytes up to 32, from 127
// up, and < > " # % { } | \ ^ ~ [ ] ` ' become %XX (CloudFront guide, Standard
// logging reference). It is the inverse of Unescape.
func Escape(dst, raw []byte) []byte {
	for _, c := range raw {
		if escaped[c] {
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}

const upperHex = "0123456789ABCDEF"

// escaped holds the bytes that CloudFront never logs plain.
var escaped = func() (t [256]bool) {
	for c := range t {
		t[c] = c <= ' ' || c >= 127 || bytes.IndexByte([]byte("<>\"#%{}|\\^~[]`'"), byte(c)) >= 0
	}
	return t
}()

// AppendKey appends the exact bytes of the object's key to dst: Key with
// KeyLayers layers of form encoding removed, in which '+' is a space. Lines of
// REST and WEBSITE operations carry two layers whatever the client sent, BATCH
// and S3 ones carry one (observed lines; Yelp engineering, S3 server access logs at
// scale). When a layer can't be decoded, the key as it stood before is appended and
// the error wraps ErrEscape.
func (r *OriginRecord) AppendKey(dst []byte) ([]byte, error) {
	start := len(dst)
	dst = append(dst, r.Key...)
	for layer := range r.KeyLayers {
		key, ok := unescapeForm(dst[start:])
		if !ok {
			return dst, fmt.Errorf("key, layer %d of %d: %w", layer+1, r.KeyLayers, ErrEscape)
		}
		dst = dst[:start+len(key)]
	}
	return dst, nil
}

// unescapeForm removes one layer of form encoding in place, or reports false
// and leaves b as it is.
func unescapeForm(b []byte) ([]byte, bool) {
	plain := true
	for i, c := range b {
		switch c {
		case '%':
			if _, ok := unhex(b[i:]); !ok {
				return b, false
			}
			plain = false
		case '+':
			plain = false
		}
	}
	if plain {
		return b, true
	}
	n := 0
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch c {
		case '%':
			c, _ = unhex(b[i:])
			i += 2
		case '+':
			c = ' '
		}
		b[n] = c
		n++
	}
	return b[:n], true
}

// EscapeKey appends key to dst with so many layers of the encoding that S3
// writes in its access log: form style, '/' kept. It is the inverse of
// AppendKey.
func EscapeKey(dst, key []byte, layers int) []byte {
	if layers == 0 {
		return append(dst, key...)
	}
	start := len(dst)
	for _, c := range key {
		switch {
		case c-'0' <= 9, c|0x20-'a' <= 25, c == '.', c == '-', c == '_', c == '*', c == '/':
			dst = append(dst, c)
		case c == ' ':
			dst = append(dst, '+')
		default:
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	if layers == 1 {
		return dst
	}
	once := bytes.Clone(dst[start:])
	return EscapeKey(dst[:start], once, layers-1)
}

// unhex decodes the %XX that b begins with.
func unhex(b []byte) (byte, bool) {
	if len(b) < 3 {
		return 0, false
	}
	hi, lo := hexValue[b[1]], hexValue[b[2]]
	return hi<<4 | lo&15, hi|lo < 16
}

// hexValue is a hexadecimal digit's value, 255 for other bytes.
var hexValue = func() (t [256]byte) {
	for c := range t {
		switch {
		case '0' <= c && c <= '9':
			t[c] = byte(c - '0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			t[c] = byte(c|0x20-'a') + 10
		default:
			t[c] = 255
		}
	}
	return t
}()
