package correlate

import (
	"encoding/binary"
	"hash/maphash"

	"github.com/why403/why403/internal/spill"
)

// chunked is a list that grows without copying: events and keys come by the
// hundred thousand and a doubling slice would hold them twice. T holds no
// pointers.
type chunked[T any] struct {
	mem    *spill.Memory
	chunks [][]T
	n      int
}

const chunkBits = 10

func (c *chunked[T]) at(i uint32) *T {
	return &c.chunks[i>>chunkBits][i&(1<<chunkBits-1)]
}

// drop lets go of everything.
func (c *chunked[T]) drop() {
	for _, chunk := range c.chunks {
		spill.Drop(c.mem, chunk)
	}
	*c = chunked[T]{mem: c.mem}
}

func (c *chunked[T]) add(v T) uint32 {
	if c.n>>chunkBits == len(c.chunks) {
		c.chunks = append(c.chunks, spill.Make[T](c.mem, 1<<chunkBits)[:0])
	}
	last := &c.chunks[len(c.chunks)-1]
	*last = append(*last, v)
	c.n++
	return uint32(c.n - 1)
}

// arena keeps bytes for good. An offset is the chunk's number and the place in
// it; 4 GiB can be held.
type arena struct {
	mem    *spill.Memory
	chunks [][]byte
}

const arenaBits = 18

func (a *arena) reserve(n int) (off uint32, b []byte) {
	k := len(a.chunks) - 1
	if k < 0 || len(a.chunks[k])+n > cap(a.chunks[k]) {
		a.chunks = append(a.chunks, spill.Make[byte](a.mem, max(1<<arenaBits, n))[:0])
		k++
	}
	pos := len(a.chunks[k])
	a.chunks[k] = a.chunks[k][:pos+n]
	return uint32(k)<<arenaBits | uint32(pos), a.chunks[k][pos:]
}

func (a *arena) add(b []byte) uint32 {
	off, dst := a.reserve(len(b))
	copy(dst, b)
	return off
}

func (a *arena) drop() {
	for _, chunk := range a.chunks {
		spill.Drop(a.mem, chunk)
	}
	*a = arena{mem: a.mem}
}

func (a *arena) get(off, n uint32) []byte {
	pos := off & (1<<arenaBits - 1)
	return a.chunks[off>>arenaBits][pos : pos+n : pos+n]
}

// A keyTable numbers byte strings (viewer paths, keys) within a scope. What is
// looked up is kept apart from the samples, of which most are never looked at
// again.
type keyTable struct {
	seed    maphash.Seed
	mem     *spill.Memory
	slots   []uint32 // number of the entry, plus one
	entries chunked[keyEntry]
	bytes   arena
	samples chunked[sample]
	blobs   arena // of the samples
}

func (t *keyTable) drop() {
	spill.Drop(t.mem, t.slots)
	t.slots = nil
	t.entries.drop()
	t.bytes.drop()
	t.samples.drop()
	t.blobs.drop()
}

type keyEntry struct {
	hash    uint32
	scope   uint32
	off, n  uint32
	samples uint32 // number of the earliest sample, plus one
}

func (t *keyTable) key(id uint32) []byte {
	e := t.entries.at(id)
	return t.bytes.get(e.off, e.n)
}

func hashIn(seed maphash.Seed, scope uint32, key []byte) uint64 {
	return mix(maphash.Bytes(seed, key) ^ uint64(scope)*0x9e3779b97f4a7c15)
}

func mix(h uint64) uint64 {
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	return h ^ h>>32
}

// find returns the number of the key, or false.
func (t *keyTable) find(scope uint32, key []byte) (uint32, bool) {
	if len(t.slots) == 0 {
		return 0, false
	}
	h := hashIn(t.seed, scope, key)
	mask := uint64(len(t.slots) - 1)
	for i := h >> 32 & mask; ; i = (i + 1) & mask {
		s := t.slots[i]
		if s == 0 {
			return 0, false
		}
		e := t.entries.at(s - 1)
		if e.hash == uint32(h) && e.scope == scope && string(t.bytes.get(e.off, e.n)) == string(key) {
			return s - 1, true
		}
	}
}

// intern numbers the key; fresh says that it was not known.
func (t *keyTable) intern(scope uint32, key []byte) (id uint32, fresh bool) {
	if (t.entries.n+1)*4 > len(t.slots)*3 {
		t.grow()
	}
	h := hashIn(t.seed, scope, key)
	mask := uint64(len(t.slots) - 1)
	for i := h >> 32 & mask; ; i = (i + 1) & mask {
		s := t.slots[i]
		if s == 0 {
			id = t.entries.add(keyEntry{hash: uint32(h), scope: scope, off: t.bytes.add(key), n: uint32(len(key))})
			t.slots[i] = id + 1
			return id, true
		}
		e := t.entries.at(s - 1)
		if e.hash == uint32(h) && e.scope == scope && string(t.bytes.get(e.off, e.n)) == string(key) {
			return s - 1, false
		}
	}
}

func (t *keyTable) grow() {
	n := max(1<<10, 2*len(t.slots))
	spill.Drop(t.mem, t.slots)
	t.slots = spill.Make[uint32](t.mem, n)
	mask := uint64(n - 1)
	for id := range uint32(t.entries.n) {
		e := t.entries.at(id)
		h := hashIn(t.seed, e.scope, t.bytes.get(e.off, e.n))
		i := h >> 32 & mask
		for t.slots[i] != 0 {
			i = (i + 1) & mask
		}
		t.slots[i] = id + 1
	}
}

func newKeyTable(seed maphash.Seed, mem, cold *spill.Memory) keyTable {
	return keyTable{seed: seed, mem: mem, entries: chunked[keyEntry]{mem: mem}, bytes: arena{mem: mem}, samples: chunked[sample]{mem: cold}, blobs: arena{mem: cold}}
}

// A sample is one kept line: its fields are a blob.
type sample struct {
	when     uint64 // order in time, as the event has it
	line     int64
	object   uint32 // number of the object's name
	off      uint32
	n, space uint16
	next     uint32 // number of the next sample, plus one
	class    uint32
	text     uint32 // number of a field that many lines share: agent, cipher suite
}

// keep puts a line among the earliest MaxSamples of a key. Of a line that was
// delivered twice, the first by object and line is kept.
func (t *keyTable) keep(id uint32, ns sample, blob []byte, objects *names) {
	e := t.entries.at(id)
	link, count := &e.samples, 0
	for *link != 0 {
		s := t.samples.at(*link - 1)
		if s.when > ns.when {
			break
		}
		if s.when == ns.when {
			old := t.blobs.get(s.off, uint32(s.n))
			if string(old) == string(blob) {
				if a, b := objects.name(ns.object), objects.name(s.object); a < b || a == b && ns.line < s.line {
					s.object, s.line = ns.object, ns.line
				}
				return
			}
			if string(blob) < string(old) {
				break
			}
		}
		if count++; count == MaxSamples {
			return
		}
		link = &s.next
	}
	// Insert here; drop the last when there are too many, and take its place.
	// A link stays valid: chunks never move.
	rest := *link
	last, lastLink := uint32(0), link
	for p := link; *p != 0; p = &t.samples.at(*p - 1).next {
		count++
		if count == MaxSamples {
			last, lastLink = *p, p
		}
	}
	ns.off, ns.n, ns.space, ns.next = 0, uint16(len(blob)), 0, 0
	if last != 0 {
		old := *t.samples.at(last - 1)
		*lastLink = 0
		if rest == last {
			rest = 0
		}
		if int(old.space) >= len(blob) {
			ns.off, ns.space = old.off, old.space
			copy(t.blobs.get(ns.off, uint32(ns.space)), blob)
		}
	}
	if ns.space == 0 {
		ns.space = uint16(len(blob))
		ns.off = t.blobs.add(blob)
	}
	ns.next = rest
	if last != 0 {
		*t.samples.at(last - 1) = ns
		*link = last
		return
	}
	*link = t.samples.add(ns) + 1
}

// blobs are length-prefixed fields.
func appendField(b, f []byte, most int) []byte {
	if len(f) > most {
		f = f[:most]
	}
	b = binary.AppendUvarint(b, uint64(len(f)))
	return append(b, f...)
}

func appendNumber(b []byte, v int64) []byte { return binary.AppendVarint(b, v) }

// A blobReader reads the fields back in order.
type blobReader []byte

func (r *blobReader) field() string {
	n, k := binary.Uvarint(*r)
	s := string((*r)[k : k+int(n)])
	*r = (*r)[k+int(n):]
	return s
}

func (r *blobReader) number() int64 {
	v, k := binary.Varint(*r)
	*r = (*r)[k:]
	return v
}

// names numbers strings of which there are few: distributions, buckets, hosts.
type names struct {
	ids  map[string]uint32
	list []string
	last uint32 // most lines name what the line before named
}

func (n *names) id(b []byte) uint32 {
	if len(n.list) > 0 && n.list[n.last] == string(b) {
		return n.last
	}
	id, ok := n.ids[string(b)]
	if !ok {
		if n.ids == nil {
			n.ids = make(map[string]uint32)
		}
		id = uint32(len(n.list))
		s := string(b)
		n.ids[s] = id
		n.list = append(n.list, s)
	}
	n.last = id
	return id
}

func (n *names) name(id uint32) string { return n.list[id] }
