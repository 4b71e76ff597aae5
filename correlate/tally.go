package correlate

import (
	"cmp"
	"slices"
)

// A tally sums up lines of one key or one path.
type tally struct {
	n, referred int64
	first, last int64
	clients     []uint32
	edge        counts
	origin      counts
	hours       []HourCount
}

// reset makes the tally empty and keeps its memory.
func (t *tally) reset() {
	*t = tally{clients: t.clients[:0], hours: t.hours[:0], edge: counts{list: t.edge.list[:0]}, origin: counts{list: t.origin.list[:0]}}
}

type count struct {
	kind uint32
	n    int64
}

// counts counts kinds of lines. Most keys have few; one that clients with ever
// new agents ask for has many.
type counts struct {
	list []count
	at   map[uint32]int
}

const manyKinds = 16

func (c *counts) add(kind uint32) {
	if c.at != nil {
		i, ok := c.at[kind]
		if !ok {
			i = len(c.list)
			c.at[kind] = i
			c.list = append(c.list, count{kind: kind})
		}
		c.list[i].n++
		return
	}
	for i := range c.list {
		if c.list[i].kind == kind {
			c.list[i].n++
			return
		}
	}
	c.list = append(c.list, count{kind, 1})
	if len(c.list) == manyKinds {
		c.at = make(map[uint32]int)
		for i := range c.list {
			c.at[c.list[i].kind] = i
		}
	}
}

func (t *tally) at(ms int64) {
	if t.n == 0 {
		t.first, t.last = ms, ms
	}
	t.n++
	t.first, t.last = min(t.first, ms), max(t.last, ms)
	hour := ms / 3_600_000 * 3600
	for i := len(t.hours) - 1; i >= 0; i-- {
		if t.hours[i].Hour == hour {
			t.hours[i].Count++
			return
		}
	}
	t.hours = append(t.hours, HourCount{hour, 1})
}

func (t *tally) addEdge(e *edgeEvent) {
	t.at(e.end())
	t.clients = append(t.clients, e.client)
	t.edge.add(e.class)
	if e.agent&1 != 0 {
		t.referred++
	}
}

// viewers counts the distinct clients.
func (t *tally) viewers() int64 {
	slices.Sort(t.clients)
	t.clients = slices.Compact(t.clients)
	n := int64(len(t.clients))
	if n > 1 && t.clients[0] == 0 { // lines without an address
		n--
	}
	return n
}

func (t *tally) hourList() []HourCount {
	slices.SortFunc(t.hours, func(a, b HourCount) int { return cmp.Compare(a.Hour, b.Hour) })
	return t.hours
}

func (j *joiner) edgeClasses(list []count) []EdgeClass {
	if len(list) == 0 {
		return nil
	}
	build := func() []EdgeClass {
		list := mostFrequent(list, j.edgeRank)
		out := make([]EdgeClass, len(list))
		for i, c := range list {
			out[i] = j.g.edgeKinds.list[c.kind]
			out[i].Count = c.n
		}
		return out
	}
	return shared(j.edgeShared, list, build)
}

func (j *joiner) originClasses(list []count, forwarded []uint32) []OriginClass {
	if len(list) == 0 {
		return nil
	}
	build := func() []OriginClass {
		list := mostFrequent(list, j.originRank)
		out := make([]OriginClass, len(list))
		for i, c := range list {
			out[i] = j.g.originKind.list[c.kind]
			out[i].Count = c.n
			out[i].FromCloudFront = out[i].FromCloudFront || slices.Contains(forwarded, c.kind)
		}
		return out
	}
	if len(forwarded) > 0 {
		return build()
	}
	return shared(j.originShared, list, build)
}

// shared keeps the lists of one kind: the many keys that failed once in the same
// way have one between them.
func shared[T any](kept map[count][]T, list []count, build func() []T) []T {
	if len(list) != 1 {
		return build()
	}
	out := kept[list[0]]
	if out == nil {
		out = slices.Clip(build())
		kept[list[0]] = out
	}
	return out
}

func mostFrequent(list []count, rank []uint32) []count {
	slices.SortFunc(list, func(a, b count) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(rank[a.kind], rank[b.kind]))
	})
	return list[:min(len(list), MaxClasses)]
}
