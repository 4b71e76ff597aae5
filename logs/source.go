package logs

import (
	"context"
	"io"
	"time"
)

// An Object is one stored log file.
type Object struct {
	URI      string // s3://bucket/key, a path, or "-"
	Size     int64  // stored bytes, -1 if unknown
	ETag     string // "" where the store has none
	Modified time.Time
}

// A Window is a span of event time, [From, To). A zero bound is open.
type Window struct{ From, To time.Time }

// Contains reports whether the instant (Unix ms) lies in the window.
func (w Window) Contains(ms int64) bool {
	return (w.From.IsZero() || ms >= w.From.UnixMilli()) && (w.To.IsZero() || ms < w.To.UnixMilli())
}

// A Layout says how the objects of a source are laid out, where they do not tell
// it themselves.
type Layout struct {
	Format    string   // name of the format of objects that no format recognises for sure
	Fields    []string // as Options.Fields
	Delimiter string   // as Options.Delimiter
}

// A Described is a Source that knows the Layout of its objects. What Options
// say goes before it.
type Described interface {
	Source
	Layout() Layout
}

// A Source is a place that log objects are read from: a directory, a file, a
// bucket's prefix.
//
// List calls page with successive parts of the listing, narrowed to objects
// that can hold events of the window (names carry dates, late delivery
// allowed); it may call page from one goroutine at a time only, and stops at
// page's first error and returns it. The slice given to page stays List's own.
// Open returns the stored bytes, still packed. Both must be safe for concurrent use, must return soon after ctx
// ends, and must wrap their errors so that they name the object. Open's error
// matches fs.ErrNotExist when the object went away after the listing.
type Source interface {
	List(ctx context.Context, w Window, page func([]Object) error) error
	Open(ctx context.Context, o *Object) (io.ReadCloser, error)
}
