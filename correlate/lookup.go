package correlate

import (
	"bytes"
	"slices"
	"sort"

	"github.com/why403/why403/internal/spill"
)

// addedKeys are keys that paths lead to and no S3 line names, in the order of the
// paths at first, then (number) sorted and each once.
type addedKeys struct {
	names column[addedKey]
	text  arena
	order []uint32 // of those that are left: numbers in names
}

type addedKey struct {
	off    uint64
	n      uint32
	bucket uint32
	path   uint32
}

func newAddedKeys(mem *spill.Memory) addedKeys {
	return addedKeys{names: column[addedKey]{mem: mem}, text: arena{mem: mem}}
}

func (a *addedKeys) len() uint32 { return uint32(len(a.order)) }

func (a *addedKeys) name(i uint32) []byte {
	k := a.names.at(i)
	return a.text.get(k.off, k.n)
}

// find returns the number of a key that S3's log names, or noKey. near is where
// the one before was found: paths come sorted, and their keys nearly so.
func (j *joiner) find(bucket uint32, key string, near *uint32) uint32 {
	span, ok := j.keysOf[bucket]
	if !ok {
		return noKey
	}
	// The least number in [lo, hi] whose key is not less.
	lo, hi := span.from, span.to
	less := func(i uint32) bool { return string(j.keys.name(i)) < key }
	if at := min(*near, hi-1); at >= lo {
		if less(at) {
			lo = at + 1
			for step := uint32(1); hi-lo > step; step *= 2 {
				if !less(lo + step - 1) {
					hi = lo + step - 1
					break
				}
				lo += step
			}
		} else {
			hi = at
			for step := uint32(1); hi-lo > step; step *= 2 {
				if less(hi - step) {
					lo = hi - step + 1
					break
				}
				hi -= step
			}
		}
	}
	i := lo + uint32(sort.Search(int(hi-lo), func(n int) bool { return !less(lo + uint32(n)) }))
	*near = i
	if i == span.to || string(j.keys.name(i)) != key {
		return noKey
	}
	return i
}

// add numbers a key that S3's log does not name, until number.
func (j *joiner) add(bucket uint32, key []byte, path uint32) uint32 {
	a := &j.added
	a.names.add(addedKey{a.text.add(key), uint32(len(key)), bucket, path})
	return j.keys.len() + uint32(a.names.n-1)
}

// number gives the added keys their final numbers: places in their order.
func (j *joiner) number() {
	a, base := &j.added, j.keys.len()
	a.names.close()
	a.text.close()
	j.distRank, j.bucketRank = nameRanks(&j.g.distributions), nameRanks(&j.g.buckets) // settings have brought more
	list := spill.Make[namePart](j.mem, a.names.n)[:0]
	for i := range uint32(a.names.n) {
		if j.info[a.names.at(i).path].key == base+i { // else the path has found another one
			list = append(list, namePart{id: i})
		}
	}
	by := nameSorter{func(id uint32) uint32 { return j.bucketRank[a.names.at(id).bucket] }, a.name, func(id uint32) uint32 { return id }}
	by.sort(list)
	a.order = spill.Make[uint32](j.mem, len(list))[:0]
	for i, p := range list {
		if i == 0 || a.names.at(p.id).bucket != a.names.at(list[i-1].id).bucket || !bytes.Equal(a.name(p.id), a.name(list[i-1].id)) {
			a.order = append(a.order, p.id)
		}
		j.info[a.names.at(p.id).path].key = base + a.len() - 1
	}
	spill.Drop(j.mem, list)
}

// key returns a key and the number of its bucket.
func (j *joiner) key(id uint32) (bucket uint32, key []byte) {
	if n := j.keys.len(); id >= n {
		i := id - n
		if j.added.order != nil {
			i = j.added.order[i]
		}
		return j.added.names.at(i).bucket, j.added.name(i)
	}
	return j.keys.scope(id), j.keys.name(id)
}

// keyOf returns the key of an S3 line.
func (j *joiner) keyOf(line uint32) uint32 {
	return uint32(sort.Search(int(j.keys.len()), func(k int) bool { return j.keys.names.at(uint32(k)+1).first > line }))
}

// linesOf returns the numbers of a key's S3 lines: of anybody's up to sure, then of
// those that are surely CloudFront's up to the end.
func (j *joiner) linesOf(key uint32) (from, sure, to uint32) {
	if key >= j.keys.len() {
		return 0, 0, 0
	}
	from, to = j.keys.of(key)
	return from, j.keys.names.at(key).sure, to
}

// eachKey calls f with every key, by bucket and bytes, and its place.
func (j *joiner) eachKey(f func(id, place uint32)) {
	n, place := j.keys.len(), uint32(0)
	next := func(id uint32) {
		f(id, place)
		place++
	}
	k := uint32(0)
	for i := range j.added.len() {
		bucket, key := j.key(n + i)
		for ; k < n; k++ {
			b := j.keys.scope(k)
			if r, of := j.bucketRank[b], j.bucketRank[bucket]; r > of || r == of && bytes.Compare(j.keys.name(k), key) > 0 {
				break
			}
			next(k)
		}
		next(n + i)
	}
	for ; k < n; k++ {
		next(k)
	}
}

// worst are the keys with the most lines, and of those with as many the first ones.
type worst struct {
	all   bool
	least uint32 // lines
	ties  int    // keys with as many
}

// worstOf finds the limit worst ones of keys, which are counted by their lines.
func worstOf(limit int, byLines map[uint32]int) worst {
	lines := make([]uint32, 0, len(byLines))
	n := 0
	for k, of := range byLines {
		lines = append(lines, k)
		n += of
	}
	if n <= limit {
		return worst{all: true}
	}
	slices.Sort(lines)
	for i := len(lines) - 1; ; i-- {
		of := byLines[lines[i]]
		if of >= limit {
			return worst{least: lines[i], ties: limit}
		}
		limit -= of
	}
}

// take reports whether a key is one of them. It is called with all keys in order.
func (w *worst) take(lines uint32) bool {
	if w.all || lines > w.least {
		return true
	}
	if lines == w.least && w.ties > 0 {
		w.ties--
		return true
	}
	return false
}
