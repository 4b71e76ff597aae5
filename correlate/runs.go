package correlate

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"slices"

	"github.com/why403/why403/internal/spill"
)

// Names and their lines are gathered in any order and read sorted. While lines
// come, a goroutine finds each name in a hash table in RAM (gathering). When that
// is full, and at the end, it becomes a run: a table of names in order with the
// events of each behind the other. Result merges all runs of all goroutines into
// one table, whose numbers are places in the order, so that what follows goes
// through it from front to back and two names compare as their numbers do. A run
// and the table may lie in a file: they are written once, from front to back, and
// read in the same way.

// A gathering is what one goroutine knows of one log's failing lines since its
// last run. E is an event.
type gathering[E any] struct {
	nameTable
	events chunked[E]
	before chunked[uint32] // by event: the one before of the same name, plus one
	runs   []*table[E]
}

func newGathering[E any](seed maphash.Seed, work *spill.Memory) gathering[E] {
	return gathering[E]{nameTable: newNameTable(seed, work), events: chunked[E]{mem: work}, before: chunked[uint32]{mem: work}}
}

// note adds an event of the name.
func (g *gathering[E]) note(id uint32, e E) {
	entry := g.entries.at(id)
	g.before.add(entry.last)
	entry.last = g.events.add(e) + 1
}

const (
	entrySize = 40 // bytes of a nameEntry
	eventSize = 36 // bytes of an event, with the number of the one before
)

// size returns how many bytes are in use.
func (g *gathering[E]) size() int64 {
	return int64(len(g.slots))*4 + int64(g.entries.n)*entrySize + g.held + int64(g.events.n)*eventSize
}

// seal makes a run of what was gathered. Names are sorted by their scopes' rank,
// their bytes, and the lowest bits of their scopes; the events of each by compare.
func (g *gathering[E]) seal(to, work *spill.Memory, bits uint, rank []uint32, compare func(a, b *E) int) {
	if g.entries.n == 0 {
		return
	}
	list := spill.Make[namePart](work, g.entries.n)
	for i := range list {
		list[i].id = uint32(i)
	}
	by := nameSorter{
		func(id uint32) uint32 { return rank[g.entries.at(id).scope>>bits] }, g.name,
		func(id uint32) uint32 { return g.entries.at(id).scope & (1<<bits - 1) },
	}
	by.sort(list)
	run := newTable[E](to)
	var events []uint32
	for _, p := range list {
		e := g.entries.at(p.id)
		run.begin(e.scope, g.bytes.get(e.off, e.n))
		events = events[:0]
		for k := e.last; k != 0; k = *g.before.at(k - 1) {
			events = append(events, k-1)
		}
		if len(events) > 1 {
			slices.Reverse(events)
			slices.SortFunc(events, func(a, b uint32) int { return compare(g.events.at(a), g.events.at(b)) })
		}
		for _, k := range events {
			run.events.add(*g.events.at(k))
		}
	}
	run.close()
	g.runs = append(g.runs, run)
}

// A table is names in order with their events.
type table[E any] struct {
	names  column[name]
	text   arena
	events column[E]
	next   name // the one that events are being added to
	open   bool
}

type name struct {
	off   uint64
	n     uint32
	scope uint32
	first uint32 // number of its first event
	sure  uint32 // of a key: number of the first event that is surely of CloudFront's
}

func newTable[E any](mem *spill.Memory) *table[E] {
	return &table[E]{names: column[name]{mem: mem}, text: arena{mem: mem}, events: column[E]{mem: mem}}
}

// begin adds a name; the events that are added next are its own.
func (t *table[E]) begin(scope uint32, text []byte) {
	t.end()
	t.next, t.open = name{off: t.text.add(text), n: uint32(len(text)), scope: scope, first: uint32(t.events.n)}, true
	t.next.sure = noEvent
}

const noEvent = 1<<32 - 1

func (t *table[E]) end() {
	if t.open {
		t.next.sure = min(t.next.sure, uint32(t.events.n))
		t.names.add(t.next)
	}
}

// close ends the table. Behind the names stands one that tells where events end.
func (t *table[E]) close() {
	t.end()
	t.names.add(name{first: uint32(t.events.n)})
	t.names.close()
	t.text.close()
	t.events.close()
}

// len returns the number of names.
func (t *table[E]) len() uint32 { return uint32(t.names.n - 1) }

// name returns a name's bytes.
func (t *table[E]) name(id uint32) []byte {
	n := t.names.at(id)
	return t.text.get(n.off, n.n)
}

func (t *table[E]) scope(id uint32) uint32 { return t.names.at(id).scope }

// of returns the numbers of a name's events: from, up to but not to.
func (t *table[E]) of(id uint32) (from, to uint32) {
	return t.names.at(id).first, t.names.at(id + 1).first
}

// A source is a run on its way into the merge, with what turns its goroutine's
// numbers into everybody's.
type source[E any] struct {
	run    *table[E]
	scopes []uint32 // by the run's scope, without its lowest bits
	event  func(*E)
}

// A part is the names of a source from first, up to but not end.
type part[E any] struct {
	source[E]
	first, end uint32
}

func whole[E any](s source[E]) part[E] { return part[E]{s, 0, s.run.len()} }

// renamed cuts a source into parts that stay sorted when some of its scopes,
// without their lowest bits, become others.
func (s source[E]) renamed(bits uint, others map[uint32]uint32) []part[E] {
	var parts []part[E]
	old := uint32(0) // the renamed scope of the last part
	known := false
	for id := range s.run.len() {
		local := s.run.scope(id) >> bits
		scope := s.scopes[local]
		to, ok := others[scope]
		if n := len(parts) - 1; n >= 0 && ok == known && (!ok || scope == old) {
			parts[n].end = id + 1
			continue
		}
		p := part[E]{s, id, id + 1}
		if old, known = scope, ok; ok {
			p.scopes = slices.Clone(s.scopes)
			p.scopes[local] = to
		}
		parts = append(parts, p)
	}
	return parts
}

// A merger makes one table of many.
type merger[E any] struct {
	bits    uint
	rank    []uint32 // of scopes, without their lowest bits
	compare func(a, b *E) int
	same    func(a, b *E) bool  // a line that was delivered twice
	look    int                 // as many events back
	ago     func(a, b *E) int64 // ms from a to b; set: same also looks at names that differ in their lowest bits alone
	twins   bool                // names that differ in the lowest bit become one: see name.sure
}

// A head is a source's name that is next, and the event of it that is next.
type head[E any] struct {
	part[E]
	id       uint32
	scope    uint32
	order    uint32 // the scope's rank, with the lowest bits left out
	text     []byte
	at, to   uint32
	upcoming E
}

func (m *merger[E]) name(h *head[E]) bool {
	if h.id == h.end {
		return false
	}
	n := h.run.names.at(h.id)
	h.scope = h.scopes[n.scope>>m.bits]<<m.bits | n.scope&(1<<m.bits-1)
	h.order, h.text = m.rank[h.scope>>m.bits], h.run.text.get(n.off, n.n)
	h.at, h.to = h.run.of(h.id)
	m.load(h)
	return true
}

func (m *merger[E]) load(h *head[E]) {
	if h.at < h.to {
		h.upcoming = *h.run.events.at(h.at)
		h.event(&h.upcoming)
	}
}

func (m *merger[E]) compareNames(a, b *head[E]) int {
	if a.order != b.order {
		return cmp.Compare(a.order, b.order)
	}
	if c := bytes.Compare(a.text, b.text); c != 0 {
		return c
	}
	return cmp.Compare(a.scope, b.scope)
}

// merge returns the table and how many lines it left out.
func (m *merger[E]) merge(mem *spill.Memory, sources []part[E]) (out *table[E], dropped int64) {
	out = newTable[E](mem)
	heads := make([]head[E], len(sources))
	queue := queue[*head[E]]{less: func(a, b *head[E]) bool { return m.compareNames(a, b) < 0 }}
	for i := range heads {
		heads[i].part, heads[i].id = sources[i], sources[i].first
		if m.name(&heads[i]) {
			queue.push(&heads[i])
		}
	}
	var alike []*head[E] // of one name
	recent := make([]E, m.look)
	var others []cursor // over the events of the names before that differ in their lowest bits alone
	begun := uint32(0)
	for len(queue.list) > 0 {
		alike = append(alike[:0], queue.pop())
		first := alike[0]
		for len(queue.list) > 0 && m.compareNames(queue.list[0], first) == 0 {
			alike = append(alike, queue.pop())
		}
		if !m.twins {
			if m.ago != nil && out.open && out.next.scope>>m.bits == first.scope>>m.bits && bytes.Equal(out.text.get(out.next.off, out.next.n), first.text) {
				others = append(others, cursor{first: begun, end: uint32(out.events.n)})
				for i := range others {
					others[i].at = others[i].first
				}
			} else {
				others = others[:0]
			}
			begun = uint32(out.events.n)
			out.begin(first.scope, first.text)
		} else if bucket := first.scope >> m.bits; !out.open || out.next.scope != bucket || !bytes.Equal(out.text.get(out.next.off, out.next.n), first.text) {
			out.begin(bucket, first.text)
		}
		if m.twins && first.scope&1 == 1 {
			out.next.sure = uint32(out.events.n)
		}
		for n := 0; ; n++ {
			var next *head[E]
			for _, h := range alike {
				if h.at < h.to && (next == nil || m.compare(&h.upcoming, &next.upcoming) < 0) {
					next = h
				}
			}
			if next == nil {
				break
			}
			again := false
			for i := n - 1; i >= max(0, n-m.look) && !again; i-- {
				last := &recent[i%m.look]
				if m.ago != nil && m.ago(last, &next.upcoming) >= sameRequest {
					break
				}
				again = m.same(last, &next.upcoming)
			}
			for i := range others {
				again = again || m.among(out, &others[i], &next.upcoming)
			}
			if again {
				dropped++
			} else {
				out.events.add(next.upcoming)
			}
			recent[n%m.look] = next.upcoming
			next.at++
			m.load(next)
		}
		for _, h := range alike {
			if h.id++; m.name(h) {
				queue.push(h)
			}
		}
	}
	out.close()
	return out, dropped
}

// A cursor goes through events by time.
type cursor struct{ first, at, end uint32 }

// among reports whether the event is one of the cursor's.
func (m *merger[E]) among(t *table[E], c *cursor, e *E) bool {
	for c.at < c.end && m.ago(t.events.at(c.at), e) >= sameRequest {
		c.at++
	}
	for i := c.at; i < min(c.end, c.at+uint32(m.look)) && m.ago(e, t.events.at(i)) < sameRequest; i++ {
		if m.same(t.events.at(i), e) || m.same(e, t.events.at(i)) {
			return true
		}
	}
	return false
}

// A queue gives the least first.
type queue[T any] struct {
	less func(a, b T) bool
	list []T
}

func (q *queue[T]) push(v T) {
	q.list = append(q.list, v)
	l := q.list
	for n := len(l) - 1; n > 0 && q.less(l[n], l[(n-1)/2]); n = (n - 1) / 2 {
		l[n], l[(n-1)/2] = l[(n-1)/2], l[n]
	}
}

func (q *queue[T]) pop() T {
	l := q.list
	top, last := l[0], len(l)-1
	l[0] = l[last]
	q.list = l[:last]
	for n := 0; ; {
		c := 2*n + 1
		if c >= last {
			return top
		}
		if c+1 < last && q.less(l[c+1], l[c]) {
			c++
		}
		if !q.less(l[c], l[n]) {
			return top
		}
		l[n], l[c] = l[c], l[n]
		n = c
	}
}
