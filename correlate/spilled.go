package correlate

import (
	"bufio"
	"cmp"
	"encoding/gob"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"unsafe"

	"github.com/why403/why403/internal/spill"
)

// Keys is a sequence of failing keys, worst first, that can be walked more than
// once. It may lie on disk: then each walk makes the keys anew.
type Keys interface {
	Len() int
	All() iter.Seq2[*FailingKey, error]
}

// FailingKeys returns the keys asked for through CloudFront and refused by S3.
func (r *Result) FailingKeys() Keys {
	if r.Spilled != nil && r.Spilled.keys != nil {
		return r.Spilled.keys
	}
	return keyList(r.Keys)
}

// DirectFailures returns the keys refused only for clients that came to S3 past
// CloudFront.
func (r *Result) DirectFailures() Keys {
	if r.Spilled != nil && r.Spilled.direct != nil {
		return r.Spilled.direct
	}
	return keyList(r.Direct)
}

// Close removes the temporary files. The keys can't be walked afterwards.
func (r *Result) Close() error {
	if r.Spilled == nil {
		return nil
	}
	return r.Spilled.space.Close()
}

// Spilled are the failing keys of a Result that lie in temporary files.
type Spilled struct {
	space        *spill.Space
	keys, direct *mergedKeys // nil: in memory
}

// keep puts the sorted keys where they belong. late completes a key by what is
// known of all of them.
func (r *Result) keep(keys, direct *keySorter, late func(*FailingKey)) {
	r.Keys, r.Direct = keys.inMemory(), direct.inMemory()
	for _, f := range r.Keys {
		late(f)
	}
	if len(keys.runs)+len(direct.runs) == 0 {
		return
	}
	r.Spilled = &Spilled{space: keys.space}
	if len(keys.runs) > 0 {
		r.Spilled.keys = &mergedKeys{keys, late}
	}
	if len(direct.runs) > 0 {
		r.Spilled.direct = &mergedKeys{direct, func(*FailingKey) {}}
	}
}

type keyList []*FailingKey

func (l keyList) Len() int { return len(l) }

func (l keyList) All() iter.Seq2[*FailingKey, error] {
	return func(yield func(*FailingKey, error) bool) {
		for _, f := range l {
			if !yield(f, nil) {
				return
			}
		}
	}
}

// weight is what failing keys are sorted by, before their names.
func (f *FailingKey) weight() int64 {
	return f.Requests.CloudFront + f.Join.OriginOnly + f.Requests.Direct
}

func byWeight(a, b *FailingKey) int {
	return cmp.Or(cmp.Compare(b.weight(), a.weight()), cmp.Compare(a.Bucket, b.Bucket), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Distribution, b.Distribution))
}

// size is about how many bytes the key takes in memory.
func (f *FailingKey) size() int64 {
	n := int(unsafe.Sizeof(*f)) + len(f.Key) + 16*len(f.Hours)
	for _, s := range f.URIs {
		n += 16 + len(s)
	}
	if len(f.Edge) > 1 { // single ones are shared
		n += len(f.Edge) * int(unsafe.Sizeof(EdgeClass{}))
	}
	if len(f.Origin) > 1 {
		n += len(f.Origin) * int(unsafe.Sizeof(OriginClass{}))
	}
	for _, s := range f.Resolution {
		n += 16 + len(s)
	}
	return int64(n + 1024*len(f.Samples) + 64*len(f.Notes))
}

// A keySorter sorts failing keys: in memory, or, when they are more than limit
// bytes, in sorted runs in a file.
type keySorter struct {
	space *spill.Space
	limit int64 // 0: none
	list  []*FailingKey
	held  int64
	n     int
	file  *os.File
	end   int64
	runs  []keyRuns
	err   error
}

// keyRuns is where a sorted run lies in the file.
type keyRuns struct {
	from, to int64
	n        int
}

func (s *keySorter) add(f *FailingKey) {
	s.list = append(s.list, f)
	s.n++
	if s.held += f.size(); s.limit > 0 && s.held > s.limit && s.err == nil {
		s.err = s.flush()
	}
}

// flush writes the keys in memory as a run.
func (s *keySorter) flush() error {
	if s.file == nil {
		var err error
		if s.file, err = s.space.File(); err != nil {
			return err
		}
	}
	slices.SortFunc(s.list, byWeight)
	counted := &countingWriter{w: io.NewOffsetWriter(s.file, s.end)}
	w := bufio.NewWriterSize(counted, 1<<18)
	enc := gob.NewEncoder(w)
	for _, f := range s.list {
		if err := enc.Encode(f); err != nil {
			return spill.Fail(err)
		}
	}
	if err := w.Flush(); err != nil {
		return spill.Fail(err)
	}
	s.runs = append(s.runs, keyRuns{s.end, s.end + counted.n, len(s.list)})
	s.end += counted.n
	clear(s.list)
	s.list, s.held = s.list[:0], 0
	return nil
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// inMemory returns the sorted keys, nil when there are runs of them.
func (s *keySorter) inMemory() []*FailingKey {
	if len(s.runs) > 0 {
		if s.err == nil && len(s.list) > 0 {
			s.err = s.flush()
		}
		s.list = nil
		return nil
	}
	slices.SortFunc(s.list, byWeight)
	return s.list
}

// mergedKeys are the merged runs of a sorter.
type mergedKeys struct {
	s    *keySorter
	late func(*FailingKey)
}

func (k *mergedKeys) Len() int { return k.s.n }

// All merges the runs.
func (k *mergedKeys) All() iter.Seq2[*FailingKey, error] {
	return func(yield func(*FailingKey, error) bool) {
		heads := make([]*runReader, 0, len(k.s.runs))
		for _, r := range k.s.runs {
			in := bufio.NewReaderSize(io.NewSectionReader(k.s.file, r.from, r.to-r.from), 1<<16)
			h := &runReader{dec: gob.NewDecoder(in), left: r.n}
			if err := h.next(); err != nil {
				yield(nil, err)
				return
			}
			heads = append(heads, h)
		}
		slices.SortFunc(heads, func(a, b *runReader) int { return byWeight(a.key, b.key) })
		for len(heads) > 0 {
			h := heads[0]
			f := h.key
			k.late(f)
			if !yield(f, nil) {
				return
			}
			if h.left == 0 {
				heads = heads[1:]
				continue
			}
			if err := h.next(); err != nil {
				yield(nil, err)
				return
			}
			// Its new place is found from the front.
			i, _ := slices.BinarySearchFunc(heads[1:], h, func(a, b *runReader) int { return byWeight(a.key, b.key) })
			copy(heads, heads[1:i+1])
			heads[i] = h
		}
	}
}

type runReader struct {
	dec  *gob.Decoder
	left int
	key  *FailingKey
}

func (r *runReader) next() error {
	r.key = new(FailingKey)
	r.left--
	if err := r.dec.Decode(r.key); err != nil {
		return spill.Fail(fmt.Errorf("a run of failing keys: %w", err))
	}
	return nil
}
