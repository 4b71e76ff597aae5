package report

import (
	"iter"
	"time"

	"github.com/why403/why403/internal/spill"
)

// A Spool is a List that holds its entries in a compact form in memory that may
// be a file. Entries are added one after the other, then it can be walked. Each
// walk makes the entries anew.
type Spool[T any] struct{ list *spill.List[T] }

// NewKeys returns an empty Spool of failing keys. What of them is said to be
// shared (RuledOut, Unknown, Plan) stays referred to.
func NewKeys(m *spill.Memory) *Spool[FailingKey] {
	return &Spool[FailingKey]{spill.NewList(m, codeKey)}
}

// NewPaths returns an empty Spool of edge failures.
func NewPaths(m *spill.Memory) *Spool[EdgeFailure] {
	return &Spool[EdgeFailure]{spill.NewList(m, codeEdge)}
}

// Add adds an entry. It keeps none of it but what is said to be shared.
func (s *Spool[T]) Add(v *T) { s.list.Add(v) }

// Restore gives the entries that were added last the numbers that they should
// have: at is sorted.
func (s *Spool[T]) Restore(at []int) {
	n := s.list.Len()
	early, late := 0, n-len(at)
	s.list.Arrange(n, func(i int) int {
		if len(at) > 0 && at[0] == i {
			at, late = at[1:], late+1
			return late - 1
		}
		early++
		return early - 1
	})
}

// Len returns the number of entries.
func (s *Spool[T]) Len() int { return s.list.Len() }

// All walks the entries.
func (s *Spool[T]) All() iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for i := range s.list.Len() {
			if !yield(s.list.At(i), nil) {
				return
			}
		}
	}
}

func codeKey(c *spill.Coder, k *FailingKey) {
	for _, s := range [...]*string{&k.Distribution, &k.Bucket, &k.Key, &k.KeyEncoding, &k.Access, &k.Status, &k.Verdict, &k.Rewrite} {
		c.Text(s)
	}
	spill.Slice(c, &k.URIs, (*spill.Coder).Text)
	for _, n := range [...]*int64{&k.Requests.CloudFront, &k.Requests.S3, &k.Requests.Direct, &k.Viewers} {
		c.Int(n)
	}
	codeTime(c, &k.FirstSeen)
	codeTime(c, &k.LastSeen)
	spill.Pointer(c, &k.LastSuccess, codeTime)
	spill.Pointer(c, &k.FixedSince, codeTime)
	spill.Slice(c, &k.Causes, codeCause)
	codeSaid(c, &k.RuledOut, &k.Unknown)
	spill.Shared(c, &k.Plan, (*spill.Coder).Text)
	spill.Slice(c, &k.Notes, (*spill.Coder).Text)
	spill.Slice(c, &k.Resolution, (*spill.Coder).Text)
	spill.Slice(c, &k.Samples, codeSample)
	spill.Slice(c, &k.Hours, codeHour)
	c.Bool(&k.Noise)
}

func codeEdge(c *spill.Coder, f *EdgeFailure) {
	for _, s := range [...]*string{&f.Distribution, &f.URI, &f.Status, &f.Verdict} {
		c.Text(s)
	}
	c.Int(&f.Requests)
	c.Int(&f.Viewers)
	codeTime(c, &f.FirstSeen)
	codeTime(c, &f.LastSeen)
	spill.Slice(c, &f.Causes, codeCause)
	codeSaid(c, &f.RuledOut, &f.Unknown)
	spill.Slice(c, &f.Samples, codeSample)
	spill.Slice(c, &f.Hours, codeHour)
	c.Bool(&f.Noise)
}

// codeSaid describes what most entries have in common.
func codeSaid(c *spill.Coder, ruledOut *[]string, unknown *[]Unknown) {
	spill.Shared(c, ruledOut, (*spill.Coder).Text)
	spill.Shared(c, unknown, func(c *spill.Coder, u *Unknown) {
		c.Text(&u.ID)
		spill.Slice(c, &u.Missing, (*spill.Coder).Text)
	})
}

func codeCause(c *spill.Coder, v *Cause) {
	c.Text(&v.ID)
	c.Text(&v.Certainty)
	c.Text(&v.Summary)
	spill.Slice(c, &v.Evidence, func(c *spill.Coder, e *Evidence) {
		c.Text(&e.Source)
		c.Text(&e.Ref)
		c.Text(&e.Fact)
	})
	spill.Slice(c, &v.Remedies, func(c *spill.Coder, m *Remedy) {
		for _, s := range [...]*string{&m.Title, &m.Opens, &m.Document, &m.Diff, &m.CloudFormation, &m.Terraform} {
			c.Text(s)
		}
		for _, l := range [...]*[]string{&m.Commands, &m.Remains, &m.Assumes} {
			spill.Slice(c, l, (*spill.Coder).Text)
		}
		spill.Pointer(c, &m.Verified, (*spill.Coder).Bool)
	})
}

func codeSample(c *spill.Coder, s *Sample) {
	spill.Pointer(c, &s.CloudFront, codeLine)
	spill.Pointer(c, &s.S3, codeLine)
	c.Bool(&s.Ambiguous)
}

func codeLine(c *spill.Coder, l *Line) {
	c.Text(&l.Ref)
	codeTime(c, &l.Time)
	spill.Slice(c, &l.Fields, func(c *spill.Coder, i *LineItem) {
		c.Text(&i.Name)
		c.Text(&i.Value)
	})
}

func codeHour(c *spill.Coder, h *HourCount) {
	codeTime(c, &h.Hour)
	c.Int(&h.Count)
}

// codeTime describes a time, which comes back in UTC.
func codeTime(c *spill.Coder, t *time.Time) {
	sec, ns := t.Unix(), int64(t.Nanosecond())
	c.Int(&sec)
	c.Int(&ns)
	if c.Reading() {
		*t = time.Unix(sec, ns).UTC()
	}
}
