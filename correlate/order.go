package correlate

import (
	"bytes"
	"cmp"
	"slices"
)

// A namePart is a number that stands for a name, with seven bytes of the name and how many of
// them there are, or 8 if more follow: comparing names byte by byte waits for memory
// most of the time.
type namePart struct {
	part uint64
	id   uint32
}

func compareParts(a, b namePart) int { return cmp.Compare(a.part, b.part) }

// A nameSorter sorts numbers by the scopes, then the bytes, then the variants that
// they stand for.
type nameSorter struct {
	scope   func(id uint32) uint32
	name    func(id uint32) []byte
	variant func(id uint32) uint32
}

const (
	partSize  = 7
	partMore  = 8
	fewNames  = 12
	partCount = 0xff
)

func (s *nameSorter) sort(list []namePart) {
	for i := range list {
		list[i].part = uint64(s.scope(list[i].id))
	}
	s.byPart(list, func(same []namePart) { s.byBytes(same, 0) })
}

// byPart sorts by the parts and calls rest with those of one part.
func (s *nameSorter) byPart(list []namePart, rest func(same []namePart)) {
	slices.SortFunc(list, compareParts)
	for from, to := 0, 0; from < len(list); from = to {
		for to = from + 1; to < len(list) && list[to].part == list[from].part; to++ {
		}
		if to-from > 1 {
			rest(list[from:to])
		}
	}
}

// byBytes sorts names that are equal up to depth.
func (s *nameSorter) byBytes(list []namePart, depth int) {
	byVariant := func(a, b namePart) int { return cmp.Compare(s.variant(a.id), s.variant(b.id)) }
	if len(list) <= fewNames {
		slices.SortFunc(list, func(a, b namePart) int {
			if c := bytes.Compare(s.name(a.id)[depth:], s.name(b.id)[depth:]); c != 0 {
				return c
			}
			return byVariant(a, b)
		})
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
	s.byPart(list, func(same []namePart) {
		if same[0].part&partCount == partMore {
			s.byBytes(same, depth+partSize)
		} else {
			slices.SortFunc(same, byVariant)
		}
	})
}
