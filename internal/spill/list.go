package spill

import "encoding/binary"

// A List is a sequence of values that lie encoded in Memory. Values are added by
// one goroutine; then any number of them may read. Each reading makes the value
// anew; it holds nothing of the Memory.
type List[T any] struct {
	mem    *Memory
	code   func(*Coder, *T)
	coder  Coder
	n      int
	places [][]uint64 // chunk<<32 | offset, by value
	chunks [][]byte   // the last one is being filled
}

const (
	listChunk  = 256 << 10
	placesBits = 10
)

// NewList returns an empty List in the Memory. code describes a value.
func NewList[T any](m *Memory, code func(*Coder, *T)) *List[T] {
	return &List[T]{mem: m, code: code, coder: Coder{common: newCommon()}}
}

// Add adds a value. What Shared codes stays referred to.
func (l *List[T]) Add(v *T) {
	l.coder.buf = l.coder.buf[:0]
	l.code(&l.coder, v)
	b := l.coder.buf
	k := len(l.chunks) - 1
	if need := binary.MaxVarintLen64 + len(b); k < 0 || len(l.chunks[k])+need > cap(l.chunks[k]) {
		var next []byte
		if k >= 0 {
			next, l.chunks[k] = l.chunks[k][:0], Keep(l.mem, l.chunks[k])
		}
		if cap(next) < need {
			next = make([]byte, 0, max(listChunk, need))
		}
		l.chunks = append(l.chunks, next)
		k++
	}
	if l.n>>placesBits == len(l.places) {
		l.places = append(l.places, Make[uint64](l.mem, 1<<placesBits))
	}
	*l.place(l.n) = uint64(k)<<32 | uint64(len(l.chunks[k]))
	l.chunks[k] = append(binary.AppendUvarint(l.chunks[k], uint64(len(b))), b...)
	l.n++
}

func (l *List[T]) place(i int) *uint64 { return &l.places[i>>placesBits][i&(1<<placesBits-1)] }

// Len returns the number of values.
func (l *List[T]) Len() int { return l.n }

// At returns the value with a number below Len.
func (l *List[T]) At(i int) *T {
	p := *l.place(i)
	b := l.chunks[p>>32][uint32(p):]
	n, k := binary.Uvarint(b)
	c := Coder{rest: string(b[k : k+int(n)]), reading: true, common: l.coder.common}
	v := new(T)
	l.code(&c, v)
	return v
}

// Arrange puts n of the values into another order: from(i) is the number of the
// one that is to have number i.
func (l *List[T]) Arrange(n int, from func(i int) int) {
	was := l.places
	l.places, l.n = nil, n
	for i := range n {
		if i>>placesBits == len(l.places) {
			l.places = append(l.places, Make[uint64](l.mem, 1<<placesBits))
		}
		k := from(i)
		*l.place(i) = was[k>>placesBits][k&(1<<placesBits-1)]
	}
	for _, p := range was {
		Drop(l.mem, p)
	}
}
