package correlate

import (
	"bytes"
	"sync"
)

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

// A feature is what Patterns compares failing keys by: traits of keys that were
// served in one scope.
type feature struct {
	kind   byte // of scope: 'e' a distribution's paths, 'o' a bucket's keys as CloudFront fetched them, 'd' as others did
	scope  string
	traits string // see readTraits
}

// features numbers the features that all goroutines have seen.
type features struct {
	mu   sync.Mutex
	ids  map[feature]uint32
	list []feature
}

const mostFeatures = 1 << 16

// otherTraits stand for the traits beyond them.
var otherTraits = string([]byte{traitOther})

func (f *features) id(v feature) uint32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	id, ok := f.ids[v]
	if !ok && len(f.list) >= mostFeatures {
		v.traits = otherTraits
		id, ok = f.ids[v]
	}
	if !ok {
		if f.ids == nil {
			f.ids = make(map[feature]uint32)
		}
		id = uint32(len(f.list))
		f.ids[v] = id
		f.list = append(f.list, v)
	}
	return id
}
