package logs

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"slices"
	"sync"
)

// Options tune a Scan. The zero value reads everything with sensible limits.
type Options struct {
	Format      string   // a format's name; "" sniffs each object
	Fields      []string // field list for formats without a header (plain, raw, real-time)
	Delimiter   string   // field delimiter for w3c, plain and raw; "" finds it
	Filter      Filter
	Concurrency int   // objects read side by side; 0 chooses by the source
	MaxObject   int64 // unpacked bytes read of one object; 0 is DefaultMaxObject, <0 none

	// LibraryInflate unpacks gzip with the kept library in place of
	// internal/inflate.
	LibraryInflate bool
}

// Scan reads every object of the sources and hands the records to handlers,
// one for each goroutine, made by newHandler. An object that can't be read is
// named in Inputs and does not stop the scan; the error is non-nil only when
// ctx ended or a listing failed as a whole.
func Scan(ctx context.Context, sources []Source, o Options, newHandler func() Handler) (*Inputs, error) {
	var format *Format
	if o.Format != "" {
		i := slices.IndexFunc(Formats(), func(f *Format) bool { return f.Name == o.Format })
		if i < 0 {
			return nil, fmt.Errorf("unknown log format %q", o.Format)
		}
		format = formats[i]
	}
	if o.MaxObject == 0 {
		o.MaxObject = DefaultMaxObject
	}
	workers := runtime.GOMAXPROCS(0)
	if o.Concurrency > 0 {
		workers = o.Concurrency
	}

	batches := make(chan batch)
	var listErr error
	go func() {
		defer close(batches)
		listErr = list(ctx, sources, o.Filter.Window, batches)
	}()
	scanners := make([]*scanner, workers)
	var running sync.WaitGroup
	for i := range scanners {
		s := newScanner(&o, newHandler())
		s.format = format
		scanners[i] = s
		running.Go(func() {
			for b := range batches {
				for i := range b.objects {
					s.scan(ctx, b.source, &b.objects[i])
				}
			}
		})
	}
	running.Wait()
	if err := context.Cause(ctx); err != nil {
		listErr = err
	}
	return gather(scanners), listErr
}

// A batch is what one goroutine takes at a time.
type batch struct {
	source  Source
	objects []Object
}

const (
	// listed objects are put in order, the largest first, so many at a time.
	maxListed = 1 << 16
	// small objects go in batches of so many.
	batchSize  = 16
	smallBytes = 256 << 10
)

// list sends every object of the sources, each once.
func list(ctx context.Context, sources []Source, w Window, batches chan<- batch) error {
	seen := map[string]bool{}
	for _, source := range sources {
		var objects []Object
		flush := func() error {
			slices.SortStableFunc(objects, func(a, b Object) int { return cmp.Compare(b.Size, a.Size) })
			for len(objects) > 0 {
				n := 1
				if size := objects[0].Size; size >= 0 && size < smallBytes {
					n = min(batchSize, len(objects))
				}
				select {
				case batches <- batch{source, objects[:n:n]}:
				case <-ctx.Done():
					return ctx.Err()
				}
				objects = objects[n:]
			}
			return nil
		}
		err := source.List(ctx, w, func(page []Object) error {
			for _, o := range page {
				if !seen[o.URI] {
					seen[o.URI] = true
					objects = append(objects, o)
				}
			}
			if len(objects) >= maxListed {
				return flush()
			}
			return nil
		})
		if err == nil {
			err = flush()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// scan reads one object. Whatever goes wrong is noted.
func (s *scanner) scan(ctx context.Context, source Source, o *Object) {
	if ctx.Err() != nil {
		return
	}
	s.object, s.line = o, 0
	s.distribution = nil
	if id := ParseName(o.URI).Distribution; id != "" {
		s.distribution = []byte(id)
	}
	s.objects++
	s.count = nil
	err := s.read(ctx, source)
	s.bytes += s.unpack.input.n
	if s.count != nil {
		s.count.Lines += s.line
	}
	if err != nil && ctx.Err() == nil {
		s.unreadable = append(s.unreadable, Unreadable{o.URI, reason(err), s.line})
	}
}

func reason(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "gone after it was listed"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "cut short: the packed data ends too early"
	}
	return err.Error()
}

// read opens and decodes the object at hand.
func (s *scanner) read(ctx context.Context, source Source) error {
	s.unpack.input.n = 0
	body, err := source.Open(ctx, s.object)
	if err != nil {
		return err
	}
	defer body.Close()
	text, err := s.unpack.open(body)
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
	format := s.format
	if format == nil {
		format = formatOf(block)
	}
	if format.whole != nil {
		return s.readWhole(ctx, text, block, err, format)
	}
	s.use(format)
	decoder, refused := format.lines(s, block)
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
		if len(s.tail)+end > maxLine {
			s.line++
			s.reject("line longer than 1 MiB")
			return block[end:], err
		}
		if err != nil { // the line ends with the object
			if err == io.EOF {
				decoder.decode(append(s.tail, '\n'))
			} else {
				s.line++
				s.reject(cutShort)
			}
			return nil, err
		}
		s.tail = append(s.tail, block[:end]...)
		decoder.decode(s.tail)
		return block[end:], nil
	}
}

const cutShort = "cut short: the object could not be read further"

func noEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// gather adds up what the goroutines counted.
func gather(scanners []*scanner) *Inputs {
	in := &Inputs{ByStatus: map[int]int64{}, ByFormat: map[string]*FormatCount{}, RejectedSamples: []Rejection{}}
	for _, s := range scanners {
		in.Objects += s.objects
		in.Bytes += s.bytes
		for code, n := range s.status {
			if n > 0 {
				in.ByStatus[code] += n
			}
		}
		for id, c := range s.counts {
			if c == (FormatCount{}) {
				continue
			}
			sum := in.ByFormat[formats[id].Name]
			if sum == nil {
				sum = new(FormatCount)
				in.ByFormat[formats[id].Name] = sum
			}
			sum.Objects += c.Objects
			sum.Lines += c.Lines
			sum.Records += c.Records
			sum.Forbidden += c.Forbidden
			sum.Skipped += c.Skipped
			sum.Rejected += c.Rejected
			in.Lines += c.Lines
			in.Records += c.Records
			in.Skipped += c.Skipped
			in.Rejected += c.Rejected
		}
		in.RejectedSamples = append(in.RejectedSamples, s.rejections...)
		in.Unreadable = append(in.Unreadable, s.unreadable...)
	}
	slices.SortFunc(in.RejectedSamples, compareRejections)
	in.RejectedSamples = in.RejectedSamples[:min(len(in.RejectedSamples), maxSamples)]
	slices.SortFunc(in.Unreadable, func(a, b Unreadable) int { return cmp.Compare(a.Object, b.Object) })
	return in
}
