package correlate

import (
	"cmp"
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

func (c *chunked[T]) add(v T) uint32 {
	if c.n>>chunkBits == len(c.chunks) {
		c.chunks = append(c.chunks, spill.Make[T](c.mem, 1<<chunkBits)[:0])
	}
	last := &c.chunks[len(c.chunks)-1]
	*last = append(*last, v)
	c.n++
	return uint32(c.n - 1)
}

// A column is a list that is written from front to back and then only read: what
// is full of it goes where spill.Keep has room. T holds no pointers.
type column[T any] struct {
	mem    *spill.Memory
	chunks [][]T // the last one is being filled
	n      int
}

const columnBits = 11

func (c *column[T]) at(i uint32) *T {
	return &c.chunks[i>>columnBits][i&(1<<columnBits-1)]
}

func (c *column[T]) add(v T) {
	if c.n&(1<<columnBits-1) == 0 {
		var next []T
		if k := len(c.chunks) - 1; k >= 0 {
			next, c.chunks[k] = c.chunks[k][:0], spill.Keep(c.mem, c.chunks[k])
		}
		c.chunks = append(c.chunks, next)
	}
	last := &c.chunks[len(c.chunks)-1]
	*last = append(*last, v)
	c.n++
}

// close is called when all is added.
func (c *column[T]) close() {
	if k := len(c.chunks) - 1; k >= 0 {
		c.chunks[k] = spill.Keep(c.mem, c.chunks[k])
	}
}

// An arena is a column of bytes. An offset is the chunk's number and the place in
// it.
type arena struct {
	mem    *spill.Memory
	chunks [][]byte // the last one is being filled
}

const arenaBits = 18

func (a *arena) reserve(n int) (off uint64, b []byte) {
	k := len(a.chunks) - 1
	if k < 0 || len(a.chunks[k])+n > cap(a.chunks[k]) {
		var next []byte
		if k >= 0 {
			next, a.chunks[k] = a.chunks[k][:0], spill.Keep(a.mem, a.chunks[k])
		}
		if n > 1<<arenaBits || cap(next) != 1<<arenaBits {
			next = make([]byte, 0, max(1<<arenaBits, n))
		}
		a.chunks = append(a.chunks, next)
		k++
	}
	pos := len(a.chunks[k])
	a.chunks[k] = a.chunks[k][:pos+n]
	return uint64(k)<<arenaBits | uint64(pos), a.chunks[k][pos:]
}

func (a *arena) add(b []byte) uint64 {
	off, dst := a.reserve(len(b))
	copy(dst, b)
	return off
}

func (a *arena) get(off uint64, n uint32) []byte {
	pos := uint32(off) & (1<<arenaBits - 1)
	return a.chunks[off>>arenaBits][pos : pos+n : pos+n]
}

// close is called when all is added.
func (a *arena) close() {
	if k := len(a.chunks) - 1; k >= 0 {
		a.chunks[k] = spill.Keep(a.mem, a.chunks[k])
	}
}

// A nameTable numbers byte strings (viewer paths, keys) within a scope.
type nameTable struct {
	seed    maphash.Seed
	mem     *spill.Memory
	slots   []uint32 // number of the entry, plus one
	entries chunked[nameEntry]
	bytes   arena
	held    int64 // bytes of all names
}

type nameEntry struct {
	hash  uint32
	scope uint32
	n     uint32
	last  uint32 // its last event, plus one
	off   uint64
	first [MaxSamples]uint32 // the earliest seconds of its lines
}

func (t *nameTable) name(id uint32) []byte {
	e := t.entries.at(id)
	return t.bytes.get(e.off, e.n)
}

func hashIn(seed maphash.Seed, scope uint32, name []byte) uint32 {
	return uint32(mix(maphash.Bytes(seed, name)^uint64(scope)*0x9e3779b97f4a7c15) >> 32)
}

func mix(h uint64) uint64 {
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	return h ^ h>>32
}

// intern numbers the name.
func (t *nameTable) intern(scope uint32, name []byte) (id uint32) {
	if (t.entries.n+1)*4 > len(t.slots)*3 {
		t.grow()
	}
	h := hashIn(t.seed, scope, name)
	mask := uint32(len(t.slots) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		s := t.slots[i]
		if s == 0 {
			id = t.entries.add(nameEntry{hash: h, scope: scope, off: t.bytes.add(name), n: uint32(len(name))})
			t.slots[i] = id + 1
			t.held += int64(len(name))
			return id
		}
		e := t.entries.at(s - 1)
		if e.hash == h && e.scope == scope && string(t.bytes.get(e.off, e.n)) == string(name) {
			return s - 1
		}
	}
}

func (t *nameTable) grow() {
	n := max(1<<10, 2*len(t.slots))
	spill.Drop(t.mem, t.slots)
	t.slots = spill.Make[uint32](t.mem, n)
	mask := uint32(n - 1)
	for id := range uint32(t.entries.n) {
		i := t.entries.at(id).hash & mask
		for t.slots[i] != 0 {
			i = (i + 1) & mask
		}
		t.slots[i] = id + 1
	}
}

func newNameTable(seed maphash.Seed, mem *spill.Memory) nameTable {
	return nameTable{seed: seed, mem: mem, entries: chunked[nameEntry]{mem: mem}, bytes: arena{mem: mem}}
}

// early reports whether a line of that time (Unix ms) may be among the earliest
// MaxSamples of a key: whether its second is among the earliest ones, as many.
// The earliest lines of all are told to be, in whatever order lines come.
func (t *nameTable) early(id uint32, ms int64) bool {
	sec := uint32(min(ms/1000, 1<<32-1))
	first := &t.entries.at(id).first
	for k, f := range first {
		if f == 0 || sec <= f {
			if sec != f {
				copy(first[k+1:], first[k:])
				first[k] = sec
			}
			return true
		}
	}
	return sec == 0
}

// A lineStore keeps fields of whole lines, for samples. They are written one after the
// other and next to never read.
type lineStore struct {
	arena
	writer  []uint32 // by chunk: number of the names that its lines go by
	sources []*lineNames
}

// lineNames are numbered strings that many lines share.
type lineNames struct{ objects, agents, suites names }

const (
	lineAlign = 8
	lineBits  = arenaBits - 3 // of a place in a chunk
)

// keep returns a number for the line, which is not 0.
func (l *lineStore) keep(blob []byte) uint32 {
	n := (len(blob) + lineAlign - 1) &^ (lineAlign - 1)
	_, b := l.reserve(n)
	copy(b, blob)
	for len(l.writer) < len(l.chunks) {
		l.writer = append(l.writer, 0) // nothing is merged yet
	}
	chunk := len(l.chunks) - 1
	return uint32(chunk)<<lineBits | uint32(len(l.chunks[chunk])-n)/lineAlign + 1
}

// read returns a kept line.
func (l *lineStore) read(number uint32) (blobReader, *lineNames) {
	chunk, pos := (number-1)>>lineBits, (number-1)&(1<<lineBits-1)*lineAlign
	return blobReader(l.chunks[chunk][pos:]), l.sources[l.writer[chunk]]
}

// merge takes over another's lines and returns what is to be added to their
// numbers.
func (l *lineStore) merge(q *lineStore) uint32 {
	base, more := len(l.chunks), uint32(len(l.sources))
	for _, w := range q.writer {
		l.writer = append(l.writer, w+more)
	}
	l.chunks, l.sources = append(l.chunks, q.chunks...), append(l.sources, q.sources...)
	return uint32(base) << lineBits
}

// requestID returns a kept line's request id.
func (l *lineStore) requestID(number uint32) string {
	r, names := l.read(number)
	r.ref(names)
	r.number()
	return r.field()
}

// ref returns where a kept line stands.
func (l *lineStore) ref(number uint32) LineRef {
	r, names := l.read(number)
	return r.ref(names)
}

// compare sorts kept lines by where they stand, those that are not kept last.
func (l *lineStore) compare(a, b uint32) int {
	if a == 0 || b == 0 {
		return compareBool(a != 0, b != 0)
	}
	x, y := l.ref(a), l.ref(b)
	return cmp.Or(cmp.Compare(x.Object, y.Object), cmp.Compare(x.Line, y.Line))
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

// ref reads where the line stands, with which each blob begins.
func (r *blobReader) ref(n *lineNames) LineRef {
	return LineRef{n.objects.name(uint32(r.number())), r.number()}
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
