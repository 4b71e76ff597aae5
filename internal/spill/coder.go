package spill

import (
	"encoding/binary"
	"hash/maphash"
	"unsafe"
)

// A Coder turns values into bytes and back. One function describes both ways: it
// hands each field of a value to the Coder, which writes it, or sets it.
//
//	func code(c *spill.Coder, v *Point) {
//		c.Int(&v.X)
//		c.Text(&v.Name)
//		spill.Slice(c, &v.Tags, (*spill.Coder).Text)
//	}
type Coder struct {
	buf     []byte // what was written
	rest    string // what is to be read
	reading bool
	common  *common
}

// Reading reports whether fields are set.
func (c *Coder) Reading() bool { return c.reading }

func (c *Coder) put(n uint64) { c.buf = binary.AppendUvarint(c.buf, n) }

func (c *Coder) get() (n uint64) {
	for i := 0; ; i++ {
		b := c.rest[i]
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			c.rest = c.rest[i+1:]
			return n
		}
	}
}

// Int codes an integer.
func (c *Coder) Int(v *int64) {
	if c.reading {
		n := c.get()
		*v = int64(n>>1) ^ -int64(n&1)
		return
	}
	c.buf = binary.AppendVarint(c.buf, *v)
}

// Small codes an integer of another type.
func Small[T ~int | ~int8 | ~int32 | ~uint8 | ~uint32](c *Coder, v *T) {
	n := int64(*v)
	c.Int(&n)
	*v = T(n)
}

// Bool codes a truth.
func (c *Coder) Bool(v *bool) {
	n := int64(0)
	if *v {
		n = 1
	}
	c.Int(&n)
	*v = n != 0
}

// Text codes a string. Strings that come again and again are written once.
func (c *Coder) Text(v *string) {
	if !c.reading {
		if n, ok := c.common.number(*v); ok {
			c.put(uint64(n)<<1 | 1)
			return
		}
		c.put(uint64(len(*v)) << 1)
		c.buf = append(c.buf, *v...)
		return
	}
	n := c.get()
	if n&1 != 0 {
		*v = c.common.texts[n>>1]
		return
	}
	*v, c.rest = c.rest[:n>>1], c.rest[n>>1:]
}

// String codes a string of another type.
func String[T ~string](c *Coder, v *T) { c.Text((*string)(unsafe.Pointer(v))) }

// Pointer codes what v points to, or that it is nil.
func Pointer[T any](c *Coder, v **T, code func(*Coder, *T)) {
	there := *v != nil
	if c.Bool(&there); !there {
		return
	}
	if c.reading {
		*v = new(T)
	}
	code(c, *v)
}

// Slice codes a slice; nil and empty ones stay apart.
func Slice[T any](c *Coder, v *[]T, code func(*Coder, *T)) {
	if c.reading {
		n := c.get()
		if n == 0 {
			return
		}
		*v = make([]T, n-1)
	} else if *v == nil {
		c.put(0)
		return
	} else {
		c.put(uint64(len(*v)) + 1)
	}
	for i := range *v {
		code(c, &(*v)[i])
	}
}

// Shared codes a slice that many values have in common, which is kept as it is
// and nobody may change.
func Shared[T any](c *Coder, v *[]T, code func(*Coder, *T)) {
	if c.reading {
		if n := c.get(); n > 0 {
			*v = c.common.lists[n-1].([]T)
			return
		}
	} else {
		n := uint64(0)
		if len(*v) > 0 {
			n = c.common.list(listID{unsafe.SliceData(*v), len(*v)}, *v)
		}
		if c.put(n); n > 0 {
			return
		}
	}
	Slice(c, v, code)
}

// Bounds on what is common.
const (
	mostTexts     = 1 << 16
	mostTextBytes = 8 << 20
	mostLists     = 1 << 14
	shortText     = 3 // not worth it
)

// common holds what the values of a List share.
type common struct {
	seed    maphash.Seed
	once    [1 << 12]uint32 // hashes of strings that came
	numbers map[string]uint32
	texts   []string
	bytes   int
	ids     map[listID]uint64
	lists   []any
}

type listID struct {
	first any // pointer to its first element
	n     int
}

func newCommon() *common {
	return &common{seed: maphash.MakeSeed(), numbers: make(map[string]uint32), ids: make(map[listID]uint64)}
}

// number returns the number of a string that came before.
func (s *common) number(text string) (uint32, bool) {
	if len(text) <= shortText {
		return 0, false
	}
	if n, ok := s.numbers[text]; ok {
		return n, true
	}
	h := maphash.String(s.seed, text)
	if slot := &s.once[h%uint64(len(s.once))]; *slot != uint32(h>>32) {
		*slot = uint32(h >> 32)
		return 0, false
	}
	if len(s.texts) == mostTexts || s.bytes+len(text) > mostTextBytes {
		return 0, false
	}
	n := uint32(len(s.texts))
	s.numbers[text] = n
	s.texts = append(s.texts, text)
	s.bytes += len(text)
	return n, true
}

// list returns a number for the slice, 0 when there is no room.
func (s *common) list(id listID, v any) uint64 {
	n, ok := s.ids[id]
	if !ok && len(s.lists) < mostLists {
		s.lists = append(s.lists, v)
		n = uint64(len(s.lists))
		s.ids[id] = n
	}
	return n
}
