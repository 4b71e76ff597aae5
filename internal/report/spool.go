package report

import (
	"bufio"
	"encoding/gob"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/why403/why403/internal/spill"
)

// A Spool is a Keys that lies in a temporary file. Keys are added to it one
// after the other, then Done, then it can be walked. Each walk makes the keys
// anew.
type Spool struct {
	file *os.File
	w    *bufio.Writer
	enc  *gob.Encoder
	n    int
}

// NewSpool returns an empty Spool in the space.
func NewSpool(s *spill.Space) (*Spool, error) {
	f, err := s.File()
	if err != nil {
		return nil, err
	}
	w := bufio.NewWriterSize(f, 1<<18)
	return &Spool{file: f, w: w, enc: gob.NewEncoder(w)}, nil
}

// spooled is a key as the file holds it. Package gob does not tell a pointer to
// false from none, so that what a remedy's Verified says stands beside it.
type spooled struct {
	Key      FailingKey
	Verified []byte
}

const (
	verifiedNone = iota
	verifiedNo
	verifiedYes
)

// Add writes a key.
func (s *Spool) Add(k *FailingKey) error {
	v := spooled{Key: *k}
	for i := range k.Causes {
		for _, r := range k.Causes[i].Remedies {
			switch {
			case r.Verified == nil:
				v.Verified = append(v.Verified, verifiedNone)
			case *r.Verified:
				v.Verified = append(v.Verified, verifiedYes)
			default:
				v.Verified = append(v.Verified, verifiedNo)
			}
		}
	}
	s.n++
	return s.failed(s.enc.Encode(&v))
}

// Done ends the adding.
func (s *Spool) Done() error {
	s.enc = nil
	return s.failed(s.w.Flush())
}

func (s *Spool) failed(err error) error {
	if err != nil {
		return spill.Fail(err)
	}
	return nil
}

// Len returns the number of keys.
func (s *Spool) Len() int { return s.n }

// All walks the keys.
func (s *Spool) All() iter.Seq2[*FailingKey, error] {
	return func(yield func(*FailingKey, error) bool) {
		dec := gob.NewDecoder(bufio.NewReaderSize(io.NewSectionReader(s.file, 0, 1<<62), 1<<18))
		for range s.n {
			v := new(spooled)
			if err := dec.Decode(v); err != nil {
				yield(nil, spill.Fail(fmt.Errorf("a list of failing keys: %w", err)))
				return
			}
			v.restore()
			if !yield(&v.Key, nil) {
				return
			}
		}
	}
}

// restore makes what package gob leaves out.
func (v *spooled) restore() {
	n := 0
	k := &v.Key
	k.URIs, k.Causes, k.RuledOut, k.Unknown, k.Hours = list(k.URIs), list(k.Causes), list(k.RuledOut), list(k.Unknown), list(k.Hours)
	for i := range k.Unknown {
		k.Unknown[i].Missing = list(k.Unknown[i].Missing)
	}
	for i := range k.Causes {
		c := &k.Causes[i]
		c.Evidence, c.Remedies = list(c.Evidence), list(c.Remedies)
		for m := range c.Remedies {
			r := &c.Remedies[m]
			r.Commands = list(r.Commands)
			if s := v.Verified[n]; s != verifiedNone {
				yes := s == verifiedYes
				r.Verified = &yes
			}
			n++
		}
	}
}
