package logs

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/why403/why403/internal/inflate"
)

// A scanner is one scanning goroutine: its handler, its counts and its buffers.
type scanner struct {
	opts    *Options
	format  *Format // chosen by name, nil to sniff
	handler Handler
	bounds  ObjectHandler // handler, nil if it does not ask for the bounds of objects
	counts  []FormatCount // by Format.id
	status  [1000]int64   // CloudFront's status codes
	objects int64
	bytes   int64

	rejections []Rejection // the first maxSamples by object and line
	unreadable []Unreadable

	wanted    [1000]bool // statuses of lines that may be handed over whole
	wantedFor []byte     // the distribution that Filter.Masked was asked for last
	masked    []int      // its answer
	asked     bool
	windowed  bool

	// The object at hand.
	layout       Layout
	object       *Object
	line         int64 // lines begun
	distribution []byte
	count        *FormatCount // nil until the format is known

	edge     EdgeRecord
	origin   OriginRecord
	passed   OriginRecord // fields after TurnAround stay empty
	firewall FirewallRecord

	access originDecoder
	unpack unpacker
	tail   []byte // a line that must be put together
	whole  []byte // an object that must be at hand as a whole
	small  []byte // a small object's stored bytes
}

// maxSamples bounds Inputs.RejectedSamples.
const maxSamples = 20

func newScanner(o *Options, format *Format, h Handler) *scanner {
	s := &scanner{opts: o, format: format, handler: h, counts: make([]FormatCount, len(formats))}
	s.bounds, _ = h.(ObjectHandler)
	s.wanted[403] = true
	w := o.Filter.Window
	s.windowed = !w.From.IsZero() || !w.To.IsZero()
	s.passed.clear()
	s.unpack.opts = o
	s.access.s = s
	return s
}

// scan reads one object. Whatever goes wrong is noted.
func (s *scanner) scan(ctx context.Context, j job) {
	if ctx.Err() != nil {
		return
	}
	o := j.object
	s.layout = Layout{Fields: s.opts.Fields, Delimiter: s.opts.Delimiter}
	if d, ok := j.source.(Described); ok {
		l := d.Layout()
		s.layout.Format = l.Format
		if len(s.layout.Fields) == 0 {
			s.layout.Fields = l.Fields
		}
		if s.layout.Delimiter == "" {
			s.layout.Delimiter = l.Delimiter
		}
	}
	s.object, s.line, s.count, s.distribution = o, 0, nil, nil
	if id := distributionIn(o.URI); id != "" {
		s.distribution = []byte(id)
	}
	s.objects++
	s.unpack.input.n = 0
	if s.bounds != nil {
		s.bounds.Begin(o)
	}
	err := s.read(ctx, j)
	if s.bounds != nil {
		s.bounds.End(err == nil)
	}
	s.bytes += s.unpack.input.n
	if s.count != nil {
		s.count.Lines += s.line
	}
	if err != nil && ctx.Err() == nil {
		s.unreadable = append(s.unreadable, Unreadable{o.URI, s.reason(err), s.line})
	}
	s.opts.Progress.Objects.Add(1)
	s.opts.Progress.Bytes.Add(s.unpack.input.n)
	s.opts.Progress.Lines.Add(s.line)
}

// reason says in words why an object could not be read to its end.
func (s *scanner) reason(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "gone after it was listed"
	case errors.Is(err, errLimit), errors.Is(err, inflate.ErrTooLarge):
		return fmt.Sprintf("unpacks to more than the limit of %d bytes for one object", s.opts.MaxObject)
	}
	return strings.TrimPrefix(err.Error(), s.object.URI+": ")
}

// open opens the object at hand.
func (s *scanner) open(ctx context.Context, j job) (blockReader, io.Closer, error) {
	if j.fetched != nil {
		text, err := s.unpack.openBytes(j.fetched.data, j.fetched.err)
		return text, nil, err
	}
	if d, ok := j.source.(smallReader); ok && j.object.Size >= 0 && j.object.Size < smallBytes {
		if s.small == nil {
			s.small = make([]byte, smallBytes)
		}
		n, err := d.readSmall(j.object, s.small)
		if err != nil {
			text, err := s.unpack.openBytes(s.small[:n], err)
			return text, nil, err
		}
		if n < len(s.small) { // else it has grown since
			text, err := s.unpack.openBytes(s.small[:n], io.EOF)
			return text, nil, err
		}
	}
	body, err := j.source.Open(ctx, j.object)
	if err != nil {
		return nil, nil, err
	}
	text, err := s.unpack.open(body)
	return text, body, err
}

// read decodes the object at hand.
func (s *scanner) read(ctx context.Context, j job) error {
	text, closer, err := s.open(ctx, j)
	if closer != nil {
		defer closer.Close()
	}
	if err != nil {
		return err
	}
	block, err := text.Next(0)
	for err == nil && bytes.IndexByte(block, '\n') < 0 && len(block) <= keepBytes {
		block, err = text.Next(len(block))
	}
	if err != nil && len(block) == 0 {
		return noEOF(err)
	}
	block = bytes.TrimPrefix(block, bom)
	format, head := s.format, bytes.TrimLeft(block, "\r\n")
	if format == nil {
		format, head = formatOf(block)
		if said := formatNamed(s.layout.Format); said != nil && (format == unknownFormat || format == edgePlain || format == edgeRealTime) {
			format = said
		}
		if format == unknownFormat && isPlain(firstLine(head), s.layout) {
			format = edgePlain
		}
	}
	if format.whole != nil {
		return s.readWhole(ctx, text, block, err, format)
	}
	s.use(format)
	decoder, refused := format.lines(s, head)
	if refused != nil {
		return refused
	}
	for {
		// The last line is held back until its newline comes.
		whole := bytes.LastIndexByte(block, '\n') + 1
		if whole > 0 {
			decoder.decode(block[:whole])
		}
		rest := block[whole:]
		if err == nil && len(rest) > keepBytes {
			block, err = s.longLine(text, decoder, rest)
			continue
		}
		if err == nil {
			if block, err = text.Next(len(rest)); err == nil {
				if err := ctx.Err(); err != nil {
					return err
				}
				continue
			}
			rest = block
		}
		switch {
		case len(rest) == 0:
			return noEOF(err)
		case err == io.EOF:
			s.tail = append(append(s.tail[:0], rest...), '\n')
			decoder.decode(s.tail)
			return nil
		}
		s.line++
		s.reject(cutShort)
		return err
	}
}

const cutShort = "cut short: the object could not be read further"

// readWhole gathers an object that can't be read line by line. block is what
// was read so far, err the end of it.
func (s *scanner) readWhole(ctx context.Context, text blockReader, block []byte, err error, f *Format) error {
	s.whole = append(s.whole[:0], block...)
	for err == nil {
		if err := ctx.Err(); err != nil {
			return err
		}
		if block, err = text.Next(0); len(s.whole)+len(block) > maxParquet {
			return fmt.Errorf("%s: larger than %d MiB", f.Name, maxParquet>>20)
		}
		s.whole = append(s.whole, block...)
	}
	if err != io.EOF {
		return err
	}
	return f.whole(s, s.whole)
}

// longLine reads on to the end of a line that begins with rest and hands it to
// decoder. It returns what follows the line.
func (s *scanner) longLine(text blockReader, decoder lineDecoder, rest []byte) ([]byte, error) {
	s.tail = append(s.tail[:0], rest...)
	for {
		block, err := text.Next(0)
		end := bytes.IndexByte(block, '\n') + 1
		if err == nil && end == 0 {
			if len(s.tail) <= maxLine {
				s.tail = append(s.tail, block...)
			}
			continue
		}
		switch {
		case len(s.tail)+end > maxLine:
			s.line++
			s.reject(longerLine)
			return block[end:], err
		case err == io.EOF: // the line ends with the object
			s.tail = append(s.tail, '\n')
			decoder.decode(s.tail)
			return nil, err
		case err != nil:
			s.line++
			s.reject(cutShort)
			return nil, err
		}
		s.tail = append(s.tail, block[:end]...)
		decoder.decode(s.tail)
		return block[end:], nil
	}
}

const longerLine = "line longer than 1 MiB"

func noEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
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

// want sees to it that wanted holds for a distribution.
func (s *scanner) want(distribution []byte) {
	if s.opts.Filter.Masked == nil || s.asked && bytes.Equal(distribution, s.wantedFor) {
		return
	}
	for _, code := range s.masked {
		s.wanted[code] = code == 403
	}
	s.asked, s.wantedFor = true, append(s.wantedFor[:0], distribution...)
	s.masked = slices.Clone(s.opts.Filter.Masked(distribution))
	s.masked = slices.DeleteFunc(s.masked, func(code int) bool { return code < 100 || code >= len(s.wanted) })
	for _, code := range s.masked {
		s.wanted[code] = true
	}
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
