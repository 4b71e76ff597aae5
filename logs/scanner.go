package logs

import (
	"cmp"
	"slices"
)

// A scanner is one scanning goroutine: its handler, its counts and its buffers.
type scanner struct {
	opts    *Options
	format  *Format // chosen by name, nil to sniff
	handler Handler
	counts  []FormatCount // by Format.id
	status  [1000]int64   // CloudFront's status codes
	objects int64
	bytes   int64

	rejections []Rejection // the first maxSamples by object and line
	unreadable []Unreadable

	wanted   [1000]bool // statuses of lines that may be handed over whole
	windowed bool

	// The object at hand.
	object       *Object
	line         int64 // lines begun
	distribution []byte
	count        *FormatCount

	edge     EdgeRecord
	origin   OriginRecord
	passed   OriginRecord // fields after RequestURI stay empty
	firewall FirewallRecord

	unpack unpacker
	tail   []byte // a line that must be put together
	whole  []byte // an object that must be at hand as a whole
}

// maxSamples bounds Inputs.RejectedSamples.
const maxSamples = 20

func newScanner(o *Options, h Handler) *scanner {
	s := &scanner{opts: o, handler: h, counts: make([]FormatCount, len(formats))}
	s.wanted[403] = true
	for _, code := range o.Filter.Masked {
		if code > 0 && code < len(s.wanted) {
			s.wanted[code] = true
		}
	}
	w := o.Filter.Window
	s.windowed = !w.From.IsZero() || !w.To.IsZero()
	s.passed.clear()
	s.unpack.opts = o
	return s
}

// use says which format the object at hand has.
func (s *scanner) use(f *Format) {
	s.count = &s.counts[f.id]
	s.count.Objects++
}

// skip counts the line as skipped.
func (s *scanner) skip() { s.count.Skipped++ }

// extra counts one more line where two stand without a newline in between.
func (s *scanner) extra() { s.line++ }

// reject counts the line as rejected.
func (s *scanner) reject(reason string) {
	s.count.Rejected++
	r := Rejection{s.object.URI, s.line, reason}
	if len(s.rejections) == maxSamples && compareRejections(r, s.rejections[maxSamples-1]) > 0 {
		return
	}
	i, _ := slices.BinarySearchFunc(s.rejections, r, compareRejections)
	s.rejections = slices.Insert(s.rejections, i, r)
	if len(s.rejections) > maxSamples {
		s.rejections = s.rejections[:maxSamples]
	}
}

func compareRejections(a, b Rejection) int {
	return cmp.Or(cmp.Compare(a.Object, b.Object), cmp.Compare(a.Line, b.Line))
}

// edgeRecord counts a well-formed request to CloudFront and reports whether it
// lies in the window.
func (s *scanner) edgeRecord(code int, ms int64) bool {
	if s.windowed && !s.opts.Filter.Window.Contains(ms) {
		s.count.Skipped++
		return false
	}
	s.count.Records++
	s.status[code]++
	if code == 403 {
		s.count.Forbidden++
	}
	return true
}

// originRecord is edgeRecord for a request to S3.
func (s *scanner) originRecord(code int, ms int64) bool {
	if s.windowed && !s.opts.Filter.Window.Contains(ms) {
		s.count.Skipped++
		return false
	}
	s.count.Records++
	if code == 403 {
		s.count.Forbidden++
	}
	return true
}
