package correlate

import (
	"math/bits"
	"slices"
	"sync"

	"github.com/why403/why403/internal/spill"
)

// successes are when paths and keys were served, as all goroutines have seen it: a
// path takes its bytes once, however many cores read. Hashes are spread over parts
// with a lock each.
type successes struct {
	features features
	parts    [1 << partBits]struct {
		sync.Mutex
		passed
	}
}

const partBits = 4

func newSuccesses(mem *spill.Memory) *successes {
	a := new(successes)
	for i := range a.parts {
		a.parts[i].passed = passed{mem: mem, wide: chunked[wide]{mem: mem}}
	}
	return a
}

// partOf uses bits of the hash that the tables don't.
func partOf(h uint64) uint64 { return h >> (64 - partBits) }

// has reports whether the path or key with this hash was served. It is for the time
// when all goroutines are done, like around.
func (a *successes) has(h uint64) bool { return a.parts[partOf(h)].find(h) != nil }

// around is passed.around for the path or key with this hash.
func (a *successes) around(h uint64, first, last uint32) (before, after, latest uint32) {
	p := &a.parts[partOf(h)]
	return p.around(p.find(h), first, last)
}

// counts returns how many paths and keys were served, by feature.
func (a *successes) counts() []int64 {
	counts := make([]int64, len(a.features.list))
	for i := range a.parts {
		for k := range a.parts[i].slots {
			if s := &a.parts[i].slots[k]; s.count > 0 && s.feature > 0 {
				counts[s.feature-1]++
			}
		}
	}
	return counts
}

// passed remembers when each path or key was served, in 32 bytes for each of
// them. Up to five seconds are kept as they are. With more, the first and the
// last stay exact and the time between them is a map of wideBits equal parts,
// which are as fine as they can be: two minutes for a day. What it holds
// depends only on the set of seconds, not on their order: that goroutines take
// turns changes no answer.
type passed struct {
	mem   *spill.Memory
	slots []served
	n     int
	wide  chunked[wide]
}

// A served slot is made to be all that is touched for nearly every line.
type served struct {
	low     uint32 // 48 bits of the hash stand for the key; the lowest choose the slot
	high    uint16
	count   uint8  // of times; countWide: see below; 0: empty slot
	shift   uint8  // of the map: its parts are 1<<shift seconds
	feature uint32 // number of the feature, plus one
	times   [5]uint32
}

// pageSlots is the number of slots in a page of memory. A fresh page that is read
// before it is written costs the system two faults in place of one, the second of
// which interrupts the other cores.
const pageSlots = 4096 / 32

const (
	countWide = 6 // times are the map's number, a second whose part is set, the first, the last
	wideMap   = 0
	wideNoted = 1
	wideFirst = 2
	wideLast  = 3

	wideBits = 1024
)

// wide is the map of a busy key: bit i of parts stands for the seconds whose
// number shifted right is base + i.
type wide struct {
	base  uint32
	parts [wideBits / 64]uint64
}

// waiting holds successes on their way into the table. The table is larger than
// the processor's caches: one success after the other waits for memory up to
// three times, those of a batch wait together.
type waiting struct {
	n       int
	list    [32]success
	keys    []byte // of the list, one after the other
	touched uint64 // keeps the compiler from leaving reads out
}

type success struct {
	hash  uint64
	sec   uint32
	end   uint32 // of its key in keys
	scope uint32
	kind  byte

	shift uint8 // of its map
	wide  *wide // nil if it has none, as far as the first slot tells
}

// touch reads what see is going to need for each of the list, all slots first,
// then all maps, so that the reads overlap.
func (p *passed) touch(list []success) (sum uint64) {
	if p.n == 0 {
		return 0
	}
	mask := uint32(len(p.slots) - 1)
	for i := range list {
		e := &list[i]
		if s := &p.slots[uint32(e.hash)&mask]; s.count == countWide {
			e.wide, e.shift = p.wide.at(s.times[wideMap]), s.shift
		}
	}
	for i := range list {
		if e := &list[i]; e.wide != nil {
			sum += e.wide.parts[(e.sec>>e.shift-e.wide.base)/64%(wideBits/64)]
		}
	}
	return sum
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
		if sec>>s.shift == s.times[wideNoted]>>s.shift && sec >= s.times[wideFirst] {
			s.times[wideLast] = max(s.times[wideLast], sec)
			return
		}
		p.set(s, sec)
		return
	}
	times := s.times[:s.count]
	for _, t := range times {
		if t == sec {
			return
		}
	}
	if len(times) < len(s.times) {
		s.times[s.count] = sec
		s.count++
		return
	}
	p.widen(s)
	p.set(s, sec)
}

// widen turns an entry's times into a map.
func (p *passed) widen(s *served) {
	times := s.times
	n := s.count
	lo := slices.Min(times[:n])
	s.times = [5]uint32{wideMap: p.wide.add(wide{base: lo}), wideNoted: lo, wideFirst: lo, wideLast: lo}
	s.count, s.shift = countWide, 0
	for _, t := range times[:n] {
		p.set(s, t)
	}
}

func (p *passed) set(s *served, sec uint32) {
	w := p.wide.at(s.times[wideMap])
	first, last := min(s.times[wideFirst], sec), max(s.times[wideLast], sec)
	s.times[wideFirst], s.times[wideLast], s.times[wideNoted] = first, last, sec
	if base := first >> s.shift; base != w.base || last>>s.shift-base >= wideBits {
		w.refit(s, first, last)
	}
	i := sec>>s.shift - w.base
	w.parts[i/64] |= 1 << (i % 64)
}

// refit makes the map start at the first second and reach the last, with parts
// as fine as that allows.
func (w *wide) refit(s *served, first, last uint32) {
	old, shift := *w, s.shift
	for last>>s.shift-first>>s.shift >= wideBits {
		s.shift++
	}
	*w = wide{base: first >> s.shift}
	old.each(func(part uint32) {
		i := part<<shift>>s.shift - w.base
		w.parts[i/64] |= 1 << (i % 64)
	})
}

// each calls f with every part that holds a success.
func (w *wide) each(f func(part uint32)) {
	for k, word := range w.parts {
		for word != 0 {
			f(w.base + uint32(k*64+bits.TrailingZeros64(word)))
			word &= word - 1
		}
	}
}

func (p *passed) grow() {
	old := p.slots
	p.slots = spill.Make[served](p.mem, max(1<<10, 2*len(old)))
	for i := 0; i < len(p.slots); i += pageSlots {
		p.slots[i] = served{}
	}
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
	spill.Drop(p.mem, old)
}

// around returns the last success before first, the first one after last and
// the last of all, 0 where there is none (Unix seconds). Where only the map
// tells, the answer is a second that surely holds: the true success before is not
// earlier, the one after not later. A success in one part with first or last may
// be passed over for the next.
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
	lo, hi := s.times[wideFirst], s.times[wideLast]
	closer(lo, lo)
	p.wide.at(s.times[wideMap]).each(func(part uint32) {
		from := part << s.shift
		closer(max(from, lo), min(from|(1<<s.shift-1), hi))
	})
	closer(hi, hi)
	return before, after, latest
}
