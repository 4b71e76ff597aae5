package correlate

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/why403/why403/internal/spill"
)

// rankNames sorts numbers by the scopes and then the bytes they stand for, and
// notes in rank the place of each; what is equal shares one.
func rankNames(mem *spill.Memory, ids, rank []uint32, scope func(id uint32) uint32, name func(id uint32) []byte) {
	list := spill.Make[namePart](mem, len(ids))
	defer spill.Drop(mem, list)
	for i, id := range ids {
		list[i] = namePart{uint64(scope(id)), id}
	}
	slices.SortFunc(list, compareParts)
	s := nameSorter{name, rank}
	for from, to := 0, 0; from < len(list); from = to {
		for to = from + 1; to < len(list) && list[to].part == list[from].part; to++ {
		}
		s.sort(list[from:to], uint32(from), 0)
	}
	for i := range list {
		ids[i] = list[i].id
	}
}

// A namePart is seven bytes of a name, and how many of them there are, or 8 if
// more follow: comparing names byte by byte waits for memory most of the time.
type namePart struct {
	part uint64
	id   uint32
}

func compareParts(a, b namePart) int { return cmp.Compare(a.part, b.part) }

type nameSorter struct {
	name func(id uint32) []byte
	rank []uint32
}

const (
	partSize  = 7
	partMore  = 8
	fewNames  = 12
	partCount = 0xff
)

// sort sorts names that are equal up to depth. base is the place of the first.
func (s *nameSorter) sort(list []namePart, base uint32, depth int) {
	if len(list) <= fewNames {
		slices.SortFunc(list, func(a, b namePart) int { return bytes.Compare(s.name(a.id)[depth:], s.name(b.id)[depth:]) })
		for i := range list {
			s.rank[list[i].id] = base + uint32(i)
			if i > 0 && bytes.Equal(s.name(list[i].id)[depth:], s.name(list[i-1].id)[depth:]) {
				s.rank[list[i].id] = s.rank[list[i-1].id]
			}
		}
		return
	}
	for i := range list {
		rest := s.name(list[i].id)[depth:]
		part := uint64(0)
		for k := range partSize {
			part <<= 8
			if k < len(rest) {
				part |= uint64(rest[k])
			}
		}
		n := len(rest)
		if n > partSize {
			n = partMore
		}
		list[i].part = part<<8 | uint64(n)
	}
	slices.SortFunc(list, compareParts)
	for from, to := 0, 0; from < len(list); from = to {
		for to = from + 1; to < len(list) && list[to].part == list[from].part; to++ {
		}
		if list[from].part&partCount == partMore {
			s.sort(list[from:to], base+uint32(from), depth+partSize)
			continue
		}
		for i := from; i < to; i++ {
			s.rank[list[i].id] = base + uint32(from)
		}
	}
}
