package correlate

import "bytes"

// traits are what Patterns compares keys by.
type traits struct {
	flags     byte
	prefix    []byte // its first two folders at most, with their slashes
	extension []byte // of the last segment, with the dot
}

const (
	traitSlash  = 1 << iota // ends with a slash, or is empty
	traitOdd                // has bytes beyond unreserved ones and the slash
	traitDouble             // has a doubled or leading slash
	traitUpper              // has capitals
	traitRoot               // is empty: the root itself
	traitOther              // traits are not known: there were too many kinds
)

// traitsOf reads a key, or a path as CloudFront logs it.
func traitsOf(key []byte) traits {
	var t traits
	if len(key) > 0 && key[0] == '/' {
		key = key[1:]
	}
	if len(key) == 0 {
		t.flags |= traitRoot
	}
	if len(key) == 0 || key[len(key)-1] == '/' {
		t.flags |= traitSlash
	}
	folders, from, dot := 0, 0, -1
	for i, c := range key {
		switch {
		case c == '/':
			if i == 0 || key[i-1] == '/' {
				t.flags |= traitDouble
			}
			if folders++; folders <= 2 {
				t.prefix = key[:i+1]
			}
			from, dot = i+1, -1
		case c == '.' && i > from:
			dot = i
		case 'A' <= c && c <= 'Z':
			t.flags |= traitUpper
		case !unreserved(c):
			t.flags |= traitOdd
		}
	}
	if n := len(key) - dot; dot >= 0 && 2 <= n && n <= 9 {
		t.extension = key[dot:]
	}
	if len(t.prefix) > 64 {
		t.prefix = t.prefix[:bytes.IndexByte(t.prefix, '/')+1]
	}
	if len(t.prefix) > 64 {
		t.prefix = nil
	}
	return t
}

func (t traits) append(b []byte) []byte {
	b = append(b, t.flags, byte(len(t.extension)))
	b = append(b, t.extension...)
	return append(b, t.prefix...)
}

func readTraits(b []byte) traits {
	if len(b) < 2 {
		return traits{flags: traitOther}
	}
	n := 2 + int(b[1])
	return traits{flags: b[0], extension: b[2:n], prefix: b[n:]}
}

// readFeature takes a feature apart: kind of scope ('e' a distribution's paths,
// 'o' a bucket's keys as CloudFront fetched them, 'd' as others did), the number
// of the scope, and the traits.
func readFeature(f string) (kind byte, scope uint32, t traits) {
	b := []byte(f)
	return b[0], uint32(b[1]) | uint32(b[2])<<8 | uint32(b[3])<<16, readTraits(b[4:])
}
