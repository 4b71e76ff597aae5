package logs

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"math/bits"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

// Options tune a Scan. The zero value reads everything with sensible limits.
type Options struct {
	Format      string   // a format's name; "" sniffs each object
	Fields      []string // field list for formats without a header (plain, raw, real-time)
	Delimiter   string   // field delimiter for w3c, plain and raw; "" finds it
	Filter      Filter
	Concurrency int   // objects read side by side; 0 is a Remote's Parallel, else GOMAXPROCS
	MaxObject   int64 // unpacked bytes read of one object; 0 is DefaultMaxObject, <0 none

	// LibraryInflate unpacks gzip with the kept library in place of
	// internal/inflate.
	LibraryInflate bool

	// Listing narrows the listing in place of Filter.Window, unless it is zero.
	Listing Window
	// Skip, if not nil, reports objects that are listed and not to be read. It is
	// called from several goroutines.
	Skip func(*Object) bool

	// Progress, if not nil, is kept up to date during the scan.
	Progress *Progress
}

// Progress tells how far a Scan is. It moves object by object.
type Progress struct {
	Listed  atomic.Int64 // objects found so far
	Objects atomic.Int64 // objects read
	Bytes   atomic.Int64 // stored bytes read
	Lines   atomic.Int64
}

// A Remote is a Source behind a network. Scan opens up to Parallel of its
// objects side by side, more than it scans at a time. The Source may hold some
// of them back to find the best number by itself.
type Remote interface {
	Source
	Parallel() int
}

const (
	// Objects of a Remote up to this size are fetched before they are scanned,
	// larger ones during it.
	maxFetch = 8 << 20
	// fetchBudget bounds the bytes fetched and not scanned yet.
	fetchBudget = 64 << 20
)

// Scan reads every object of the sources, each once, and hands the records to
// handlers, one for each goroutine. newHandler makes them; it is called before
// anything is read, by Scan's own goroutine. An object that can't be read is
// named in Inputs and does not stop the scan; the error is non-nil only when
// ctx ended or a listing failed as a whole. Inputs is complete for what was
// read in either case.
func Scan(ctx context.Context, sources []Source, o Options, newHandler func() Handler) (*Inputs, error) {
	var format *Format
	if o.Format != "" {
		if format = formatNamed(o.Format); format == nil {
			return nil, fmt.Errorf("unknown log format %q", o.Format)
		}
	}
	if o.MaxObject == 0 {
		o.MaxObject = DefaultMaxObject
	}
	if o.Progress == nil {
		o.Progress = new(Progress)
	}
	if o.Listing == (Window{}) {
		o.Listing = o.Filter.Window
	}
	scanners := make([]*scanner, runtime.GOMAXPROCS(0))
	if o.Concurrency > 0 && !slices.ContainsFunc(sources, isRemote) {
		scanners = make([]*scanner, o.Concurrency)
	}
	for i := range scanners {
		scanners[i] = newScanner(&o, format, newHandler())
	}

	f := &feed{opts: &o, queue: newQueue(), budget: semaphore.NewWeighted(fetchBudget)}
	if len(sources) > 1 {
		f.seen = map[uint64]struct{}{}
		f.seed = maphash.MakeSeed()
	}
	defer context.AfterFunc(ctx, func() { f.queue.close(true) })()
	var scanning, feeding sync.WaitGroup
	for _, s := range scanners {
		scanning.Go(func() {
			var jobs [batchSize]job
			for {
				taken := f.queue.pop(jobs[:0])
				if len(taken) == 0 {
					return
				}
				for _, j := range taken {
					s.scan(ctx, j)
					if j.fetched != nil {
						f.release(j.fetched)
					}
				}
			}
		})
	}
	errs := make([]error, len(sources))
	for i, source := range sources {
		feeding.Go(func() { errs[i] = f.source(ctx, source) })
	}
	feeding.Wait()
	f.queue.close(false)
	scanning.Wait()

	err := context.Cause(ctx)
	for _, e := range errs {
		err = cmp.Or(err, e)
	}
	return gather(scanners), err
}

func isRemote(s Source) bool {
	_, ok := s.(Remote)
	return ok
}

// fetched is an object's stored bytes and the error that ended them, io.EOF if
// all is well.
type fetched struct {
	data []byte
	err  error
	cost int64 // of the budget
}

// A feed lists the sources and hands their objects to the scanners.
type feed struct {
	opts   *Options
	queue  *queue
	budget *semaphore.Weighted
	free   [20]sync.Pool // of *fetched, by the length of the number that their cost is

	mu   sync.Mutex
	seen map[uint64]struct{} // hashes of URIs, nil for a single source
	seed maphash.Seed
}

// isNew reports whether the object is seen for the first time.
func (f *feed) isNew(o *Object) bool {
	if f.seen == nil {
		return true
	}
	h := maphash.String(f.seed, o.URI)
	f.mu.Lock()
	defer f.mu.Unlock()
	_, old := f.seen[h]
	f.seen[h] = struct{}{}
	return !old
}

// source feeds the objects of one source.
func (f *feed) source(ctx context.Context, source Source) error {
	if r, ok := source.(Remote); ok {
		return f.remote(ctx, r)
	}
	var jobs []job
	return source.List(ctx, f.opts.Listing, func(page []Object) error {
		page = f.newOnes(page)
		jobs = jobs[:0]
		for i := range page {
			jobs = append(jobs, job{source: source, object: &page[i]})
		}
		return f.queue.push(ctx, jobs...)
	})
}

// newOnes copies the objects that no source has listed before: records point to
// them.
func (f *feed) newOnes(page []Object) []Object {
	page = slices.Clone(page)
	if f.seen != nil {
		page = slices.DeleteFunc(page, func(o Object) bool { return !f.isNew(&o) })
	}
	if f.opts.Skip != nil {
		page = slices.DeleteFunc(page, func(o Object) bool { return f.opts.Skip(&o) })
	}
	f.opts.Progress.Listed.Add(int64(len(page)))
	return page
}

// remote feeds the objects of one Remote. Objects are fetched while the listing
// goes on.
func (f *feed) remote(ctx context.Context, source Remote) error {
	parallel := f.opts.Concurrency
	if parallel <= 0 {
		parallel = max(1, source.Parallel())
	}
	objects := make(chan *Object)
	var fetching sync.WaitGroup
	for range parallel {
		fetching.Go(func() {
			for o := range objects {
				if j, err := f.fetch(ctx, source, o); err == nil {
					_ = f.queue.push(ctx, j) // fails when ctx ends, and List with it
				}
			}
		})
	}
	err := source.List(ctx, f.opts.Listing, func(page []Object) error {
		page = f.newOnes(page)
		slices.SortStableFunc(page, func(a, b Object) int { return cmp.Compare(b.Size, a.Size) })
		for i := range page {
			select {
			case objects <- &page[i]:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	close(objects)
	fetching.Wait()
	return err
}

// fetch reads an object into memory, unless it is large. The error is ctx's.
func (f *feed) fetch(ctx context.Context, source Source, o *Object) (job, error) {
	j := job{source: source, object: o}
	if o.Size < 0 || o.Size > maxFetch {
		return j, nil
	}
	room := roomFor(o.Size)
	if err := f.budget.Acquire(ctx, room); err != nil {
		return j, err
	}
	var body *fetched
	if room <= smallBytes {
		body, _ = f.free[bits.Len64(uint64(room))].Get().(*fetched)
	}
	if body == nil {
		body = &fetched{data: make([]byte, 0, room)}
	}
	*body = fetched{data: body.data[:0], cost: room}
	j.fetched = body
	r, err := source.Open(ctx, o)
	if err != nil {
		body.err = err
		return j, nil
	}
	for err == nil {
		if len(body.data) == cap(body.data) {
			body.data = slices.Grow(body.data, 1)
		}
		var n int
		n, err = r.Read(body.data[len(body.data):cap(body.data)])
		if body.data = body.data[:len(body.data)+n]; len(body.data) > maxFetch && err == nil {
			err = fmt.Errorf("%s: larger than it was listed", o.URI)
		}
	}
	if closeErr := r.Close(); err == io.EOF && closeErr != nil {
		err = closeErr
	}
	body.err = err
	return j, nil
}

// roomFor returns the memory that an object of so many bytes takes, with one more
// to see the end. Small objects take a power of two, so that their memory fits
// others.
func roomFor(size int64) int64 {
	if size >= smallBytes {
		return size + 1
	}
	return max(4<<10, int64(1)<<bits.Len64(uint64(size)))
}

func (f *feed) release(b *fetched) {
	f.budget.Release(b.cost)
	if b.cost <= smallBytes && int64(cap(b.data)) == b.cost {
		f.free[bits.Len64(uint64(b.cost))].Put(b)
	}
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
