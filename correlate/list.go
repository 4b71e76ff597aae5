package correlate

import (
	"cmp"
	"iter"
	"slices"

	"github.com/why403/why403/internal/spill"
)

// A List is a sequence of failures, worst first, in a compact form: in memory, or
// in a temporary file when it is more than Options.Memory allows. Each reading
// makes the value anew, so that nobody else holds it, but for what is said to be
// shared. Any number of goroutines may read. A nil List is empty.
type List[T any] struct {
	list *spill.List[T]
	late func(*T) // completes a value by what is known of all
}

// Len returns the number of failures.
func (l *List[T]) Len() int {
	if l == nil {
		return 0
	}
	return l.list.Len()
}

// At returns the failure with a number below Len.
func (l *List[T]) At(i int) *T {
	v := l.list.At(i)
	if l.late != nil {
		l.late(v)
	}
	return v
}

// All walks the failures.
func (l *List[T]) All() iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for i := range l.Len() {
			if !yield(l.At(i)) {
				return
			}
		}
	}
}

// Close gives the lists' memory and temporary files back. They can't be read
// afterwards.
func (r *Result) Close() { r.mem.Free() }

// A sorter gathers failures in any order.
type sorter[T any] struct {
	list   *spill.List[T]
	places chunked[sortPlace]
}

// A sortPlace is where a failure belongs: first those with most requests, then by
// name.
type sortPlace struct {
	fewer uint32 // the more requests, the less
	name  uint32 // rank
	dist  uint32 // rank
	n     uint32 // number in the list
}

func newSorter[T any](out, work *spill.Memory, code func(*spill.Coder, *T)) *sorter[T] {
	return &sorter[T]{spill.NewList(out, code), chunked[sortPlace]{mem: work}}
}

func (s *sorter[T]) add(v *T, requests int64, name, dist uint32) {
	s.places.add(sortPlace{^uint32(min(requests, 1<<32-1)), name, dist, uint32(s.list.Len())})
	s.list.Add(v)
}

// sorted returns the list. same orders failures whose places are equal.
func (s *sorter[T]) sorted(late func(*T), same func(a, b *T) int) *List[T] {
	places := spill.Make[sortPlace](s.places.mem, s.places.n)[:0]
	s.places.drain(func(p *sortPlace) { places = append(places, *p) })
	slices.SortFunc(places, func(a, b sortPlace) int {
		if c := cmp.Or(cmp.Compare(a.fewer, b.fewer), cmp.Compare(a.name, b.name), cmp.Compare(a.dist, b.dist)); c != 0 || a.n == b.n || same == nil {
			return c
		}
		return same(s.list.At(int(a.n)), s.list.At(int(b.n)))
	})
	s.list.Arrange(len(places), func(i int) int { return int(places[i].n) })
	spill.Drop(s.places.mem, places)
	return &List[T]{s.list, late}
}

// weight is what failing keys are sorted by, before their names.
func (f *FailingKey) weight() int64 {
	return f.Requests.CloudFront + f.Join.OriginOnly + f.Requests.Direct
}

// codeKey describes a key but for what late adds.
func codeKey(c *spill.Coder, f *FailingKey) {
	c.Text(&f.Distribution)
	c.Text(&f.Bucket)
	c.Text(&f.Key)
	spill.String(c, &f.KeyKnown)
	spill.String(c, &f.Access)
	c.Text(&f.OriginID)
	c.Text(&f.PathPattern)
	spill.Slice(c, &f.URIs, (*spill.Coder).Text)
	for _, n := range [...]*int64{&f.Requests.CloudFront, &f.Requests.S3, &f.Requests.Direct, &f.Viewers, &f.Referred,
		&f.Join.Joined, &f.Join.Masked, &f.Join.Cached, &f.Join.Collapsed, &f.Join.NotDelivered, &f.Join.NoLog, &f.Join.Unexplained, &f.Join.OriginOnly} {
		c.Int(n)
	}
	for _, t := range [...]*int64{&f.First, &f.Last, &f.OKBefore, &f.OKAfter, &f.LastOK, &f.OKByACL, &f.Deleted} {
		c.Int(t)
	}
	codeClasses(c, &f.Edge, codeEdgeClass)
	codeClasses(c, &f.Origin, codeOriginClass)
	spill.Slice(c, &f.Samples, codeSample)
	spill.Slice(c, &f.Resolution, (*spill.Coder).Text)
	spill.Slice(c, &f.Notes, (*spill.Coder).Text)
	spill.Slice(c, &f.Hours, codeHour)
	c.Bool(&f.Noise)
}

func codeFailure(c *spill.Coder, f *EdgeFailure) {
	for _, s := range [...]*string{&f.Distribution, &f.URI, &f.PathPattern, &f.OriginID, &f.Bucket, &f.Key} {
		c.Text(s)
	}
	for _, n := range [...]*int64{&f.Requests, &f.Viewers, &f.First, &f.Last, &f.LastOK, &f.Referred} {
		c.Int(n)
	}
	codeClasses(c, &f.Edge, codeEdgeClass)
	spill.Slice(c, &f.Firewall, codeFirewallClass)
	spill.Slice(c, &f.Samples, codeSample)
	spill.Slice(c, &f.Hours, codeHour)
	c.Bool(&f.Noise)
	spill.String(c, &f.Reason)
}

// codeClasses describes kinds of lines: lists of one are those that shared keeps.
func codeClasses[T any](c *spill.Coder, v *[]T, code func(*spill.Coder, *T)) {
	one := len(*v) == 1
	if c.Bool(&one); one {
		spill.Shared(c, v, code)
	} else {
		spill.Slice(c, v, code)
	}
}

func codeEdgeClass(c *spill.Coder, k *EdgeClass) {
	c.Int(&k.Count)
	spill.Small(c, &k.Status)
	for _, s := range [...]*string{&k.Method, &k.Protocol, &k.Host, &k.Result, &k.ResponseResult, &k.DetailedResult, &k.ContentType, &k.PathPattern} {
		c.Text(s)
	}
	c.Int(&k.ContentLength)
	spill.Small(c, &k.OriginAsked)
	c.Bool(&k.HasQuery)
	c.Bool(&k.SignedQuery)
}

func codeOriginClass(c *spill.Coder, k *OriginClass) {
	c.Int(&k.Count)
	spill.Small(c, &k.Status)
	for _, s := range [...]*string{&k.ErrorCode, &k.Operation, &k.Requester, &k.AuthType, &k.SignatureVer, &k.TLSVersion, &k.HostHeader, &k.UserAgent, &k.AccessPointARN} {
		c.Text(s)
	}
	spill.String(c, &k.Referer)
	for _, b := range [...]*bool{&k.ACLRequired, &k.RawBytes, &k.Presigned, &k.FromCloudFront} {
		c.Bool(b)
	}
}

func codeFirewallClass(c *spill.Coder, k *FirewallClass) {
	c.Int(&k.Count)
	for _, s := range [...]*string{&k.Action, &k.RuleID, &k.RuleType, &k.GroupRule, &k.WebACL} {
		c.Text(s)
	}
}

func codeHour(c *spill.Coder, h *HourCount) {
	c.Int(&h.Hour)
	c.Int(&h.Count)
}

func codeSample(c *spill.Coder, s *Sample) {
	spill.Pointer(c, &s.Edge, func(c *spill.Coder, e *EdgeSample) {
		c.Text(&e.Ref.Object)
		for _, n := range [...]*int64{&e.Ref.Line, &e.Time, &e.TimeTaken, &e.RequestBytes} {
			c.Int(n)
		}
		spill.Small(c, &e.Status)
		for _, t := range [...]*string{&e.RequestID, &e.Method, &e.Protocol, &e.Host, &e.Location, &e.Country, &e.ClientIP, &e.Stem, &e.Query,
			&e.Result, &e.DetailedResult, &e.ContentType, &e.UserAgent, &e.Cookie} {
			c.Text(t)
		}
	})
	spill.Pointer(c, &s.Origin, func(c *spill.Coder, o *OriginSample) {
		c.Text(&o.Ref.Object)
		for _, n := range [...]*int64{&o.Ref.Line, &o.Time, &o.BytesSent} {
			c.Int(n)
		}
		spill.Small(c, &o.Status)
		spill.String(c, &o.Referer)
		for _, t := range [...]*string{&o.RequestID, &o.Operation, &o.RequestURI, &o.ErrorCode, &o.BucketOwner, &o.RemoteIP, &o.Requester,
			&o.UserAgent, &o.SignatureVersion, &o.AuthType, &o.CipherSuite, &o.TLSVersion, &o.HostHeader, &o.AccessPointARN, &o.VersionID} {
			c.Text(t)
		}
	})
	c.Bool(&s.Ambiguous)
}
