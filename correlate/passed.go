package correlate

import (
	"math/bits"
	"slices"
)

// passed remembers when each path or key was served, in 28 bytes for each of
// them. Up to four seconds are kept as they are. With more, the first and the
// last stay exact and the time between them is a map of wideBits equal parts,
// which are as fine as they can be: two minutes for a day. What it holds
// depends only on the set of seconds, not on their order, so that tables of
// several goroutines merge to the same answer.
type passed struct {
	slots []served
	n     int
	wide  chunked[wide]
}

type served struct {
	low     uint32 // 48 bits of the hash stand for the key; the lowest choose the slot
	high    uint16
	count   uint8  // of times; countWide: times[0] numbers the map; 0: empty slot
	feature uint32 // number of the feature, plus one
	times   [4]uint32
}

const (
	countWide = 5
	wideBits  = 1024
)

// wide is the map of a busy key: bit i of parts stands for the seconds whose
// number shifted right by shift is base + i.
type wide struct {
	first, last uint32
	base        uint32
	shift       uint8
	parts       [wideBits / 64]uint64
}

// see notes a success of the key with this hash at a Unix second and returns
// its slot; the slot is valid until the next call.
func (p *passed) see(h uint64, sec uint32) *served {
	if (p.n+1)*5 > len(p.slots)*4 {
		p.grow()
	}
	low, high := uint32(h), uint16(h>>32)
	mask := uint32(len(p.slots) - 1)
	for i := low & mask; ; i = (i + 1) & mask {
		s := &p.slots[i]
		if s.count == 0 {
			p.n++
			s.low, s.high, s.count, s.times[0] = low, high, 1, sec
			return s
		}
		if s.low == low && s.high == high {
			p.note(s, sec)
			return s
		}
	}
}

// find returns the entry of the key with this hash, nil if it never passed.
func (p *passed) find(h uint64) *served {
	if p.n == 0 {
		return nil
	}
	low, high := uint32(h), uint16(h>>32)
	mask := uint32(len(p.slots) - 1)
	for i := low & mask; ; i = (i + 1) & mask {
		s := &p.slots[i]
		if s.count == 0 {
			return nil
		}
		if s.low == low && s.high == high {
			return s
		}
	}
}

func (p *passed) note(s *served, sec uint32) {
	if s.count == countWide {
		p.wide.at(s.times[0]).set(sec)
		return
	}
	for i := range s.count {
		if s.times[i] == sec {
			return
		}
	}
	if s.count < 4 {
		s.times[s.count] = sec
		s.count++
		return
	}
	p.widen(s)
	p.wide.at(s.times[0]).set(sec)
}

func (p *passed) widen(s *served) {
	times := s.times[:s.count]
	lo, hi := slices.Min(times), slices.Max(times)
	w := wide{first: lo, last: lo, base: lo}
	w.set(hi)
	for _, t := range times {
		w.set(t)
	}
	s.times[0] = p.wide.add(w)
	s.count = countWide
}

func (w *wide) set(sec uint32) {
	w.first, w.last = min(w.first, sec), max(w.last, sec)
	if base := w.first >> w.shift; base != w.base || w.last>>w.shift-base >= wideBits {
		w.refit()
	}
	i := sec>>w.shift - w.base
	w.parts[i/64] |= 1 << (i % 64)
}

// refit makes the map start at the first second and reach the last, with parts
// as fine as that allows.
func (w *wide) refit() {
	old := *w
	for w.last>>w.shift-w.first>>w.shift >= wideBits {
		w.shift++
	}
	w.base = w.first >> w.shift
	w.parts = [wideBits / 64]uint64{}
	old.each(func(from uint32) {
		i := from>>w.shift - w.base
		w.parts[i/64] |= 1 << (i % 64)
	})
}

// each calls f with the first second of every part that holds a success.
func (w *wide) each(f func(from uint32)) {
	for k, word := range w.parts {
		for word != 0 {
			i := uint32(k*64 + bits.TrailingZeros64(word))
			f(max((w.base+i)<<w.shift, w.first))
			word &= word - 1
		}
	}
}

func (p *passed) grow() {
	old := p.slots
	p.slots = make([]served, max(1<<10, 2*len(old)))
	mask := uint32(len(p.slots) - 1)
	for _, s := range old {
		if s.count == 0 {
			continue
		}
		i := s.low & mask
		for p.slots[i].count != 0 {
			i = (i + 1) & mask
		}
		p.slots[i] = s
	}
}

// merge takes over what another table saw. feature translates its features.
func (p *passed) merge(q *passed, feature func(uint32) uint32) {
	for i := range q.slots {
		s := &q.slots[i]
		if s.count == 0 {
			continue
		}
		h := uint64(s.high)<<32 | uint64(s.low)
		var to *served
		fresh := p.find(h) == nil
		q.eachTime(s, func(sec uint32) {
			to = p.see(h, sec)
			if s.count == countWide && to.count != countWide {
				p.widen(to) // parts of a map are not times
			}
		})
		if fresh && s.feature != 0 {
			to.feature = feature(s.feature-1) + 1
		}
	}
}

// eachTime calls f with the times of an entry: all of them, or the first, the
// last, and the first second of every part of the map between them.
func (p *passed) eachTime(s *served, f func(sec uint32)) {
	if s.count < countWide {
		for _, t := range s.times[:s.count] {
			f(t)
		}
		return
	}
	w := p.wide.at(s.times[0])
	f(w.first)
	w.each(f)
	f(w.last)
}

// around returns the last success before first, the first one after last and
// the last of all, 0 where there is none (Unix seconds). Where only the map
// tells, the answer is the nearest second that surely holds: the success
// before is not earlier, the one after not later than that.
func (p *passed) around(s *served, first, last uint32) (before, after, latest uint32) {
	if s == nil {
		return 0, 0, 0
	}
	closer := func(from, to uint32) { // a success in [from, to]
		if to < first {
			before = max(before, from)
		}
		if from > last && (after == 0 || to < after) {
			after = to
		}
		latest = max(latest, from)
	}
	if s.count < countWide {
		for _, t := range s.times[:s.count] {
			closer(t, t)
		}
		return before, after, latest
	}
	w := p.wide.at(s.times[0])
	closer(w.first, w.first)
	w.each(func(from uint32) {
		closer(from, min(from|(1<<w.shift-1), w.last))
	})
	closer(w.last, w.last)
	return before, after, latest
}
