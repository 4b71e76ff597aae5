package logs

import "context"

// Options tune a Scan. The zero value reads everything with sensible limits.
type Options struct {
	Format      string   // a format's name; "" sniffs each object
	Fields      []string // field list for formats without a header (plain, raw, real-time)
	Delimiter   string   // field delimiter for plain and raw; "" is TAB
	Filter      Filter
	Concurrency int   // objects read side by side; 0 chooses by the source
	MaxObject   int64 // unpacked bytes read of one object; 0 is the default limit, <0 none
}

// Scan reads every object of the sources and hands the records to handlers,
// one for each goroutine, made by newHandler. An object that can't be read is
// named in Inputs and does not stop the scan; the error is non-nil only when
// ctx ended or a listing failed as a whole.
func Scan(ctx context.Context, sources []Source, o Options, newHandler func() Handler) (*Inputs, error) {
	panic("not written yet")
}
