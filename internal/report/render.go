package report

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"slices"
	"strings"
)

// Options tune a rendering. The zero value suits a file.
type Options struct {
	Width int  // columns of a text report, 0: 80
	Color bool // colour a text report; the caller honours NO_COLOR and asks whether it is a terminal
	Keys  int  // keys that text and Markdown name for each problem, 0: 5
	// Problems bounds the problems that a text report tells in full, 0: 10. The
	// others get a line each.
	Problems int
	// HTMLKeys bounds the failing keys that an HTML report lists and searches,
	// 0: 20,000. What is left out is counted in the report.
	HTMLKeys int
}

// A format is one way to write a report.
type format struct {
	name     string
	suffixes []string
	media    string // type
	render   func(io.Writer, *Report, Options) error
}

var formats = []format{
	{"text", []string{"txt"}, "text/plain; charset=utf-8", renderText},
	{"json", []string{"json"}, "application/json", renderJSON},
	{"markdown", []string{"md", "markdown"}, "text/markdown; charset=utf-8", renderMarkdown},
	{"html", []string{"html", "htm"}, "text/html; charset=utf-8", renderHTML},
	{"csv", []string{"csv"}, "text/csv; charset=utf-8", renderCSV},
	{"parquet", []string{"parquet"}, "application/vnd.apache.parquet", renderParquet},
}

// Formats returns the names of the formats, text first.
func Formats() []string {
	var names []string
	for _, f := range formats {
		names = append(names, f.name)
	}
	return names
}

// MediaType returns the media type of a format, "" of one that Render does not know.
func MediaType(name string) string {
	for _, f := range formats {
		if f.name == name {
			return f.media
		}
	}
	return ""
}

// IsFormat reports whether Render knows the format.
func IsFormat(name string) bool { return slices.Contains(Formats(), name) }

// IsSuffix reports whether a file suffix, without its dot, chooses a format.
func IsSuffix(suffix string) bool {
	_, ok := bySuffix(suffix)
	return ok
}

// FormatOf returns the format that the suffix of a file name or URI chooses.
func FormatOf(name string) (string, bool) {
	return bySuffix(strings.TrimPrefix(path.Ext(name), "."))
}

func bySuffix(suffix string) (string, bool) {
	for _, f := range formats {
		if slices.Contains(f.suffixes, strings.ToLower(suffix)) {
			return f.name, true
		}
	}
	return "", false
}

// Render writes the report in the named format. Failing keys are walked, once
// or more, and never held as a whole. An error of w or of a Keys sequence ends
// the rendering and is returned; what was written until then is incomplete.
func Render(w io.Writer, name string, r *Report, o Options) error {
	if o.Width <= 0 {
		o.Width = 80
	}
	if o.Keys <= 0 {
		o.Keys = 5
	}
	if o.Problems <= 0 {
		o.Problems = 10
	}
	if o.HTMLKeys <= 0 {
		o.HTMLKeys = 20_000
	}
	for _, f := range formats {
		if f.name == name {
			b := bufio.NewWriterSize(w, 1<<16)
			return errors.Join(f.render(b, r, o), b.Flush())
		}
	}
	return fmt.Errorf("no report format %q", name)
}

// A Slice is a List that lies in memory.
type Slice[T any] []*T

// SliceKeys are failing keys, SlicePaths those that the edge refused.
type (
	SliceKeys  = Slice[FailingKey]
	SlicePaths = Slice[EdgeFailure]
)

// Len returns the number of entries.
func (s Slice[T]) Len() int { return len(s) }

// All walks the entries, which are shared, not copied.
func (s Slice[T]) All() iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for _, k := range s {
			if !yield(k, nil) {
				return
			}
		}
	}
}

// Kinds of items: the three lists of a report.
const (
	kindKey    = "key"    // failing_keys
	kindDirect = "direct" // direct_failures
	kindEdge   = "edge"   // edge_failures
)

// An item is one entry of the three lists, seen in one way. For an edge
// failure Key is the viewer's path.
type item struct {
	*FailingKey
	kind string
	hit  int64
}

// items walks the three lists: failing keys, direct failures, edge failures.
func (r *Report) items() iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		for _, l := range []struct {
			kind string
			keys Keys
		}{{kindKey, r.FailingKeys}, {kindDirect, r.DirectFailures}} {
			if l.keys == nil {
				continue
			}
			for k, err := range l.keys.All() {
				if err != nil {
					yield(item{}, err)
					return
				}
				if !yield(item{k, l.kind, k.Requests.Hit()}, nil) {
					return
				}
			}
		}
		if r.EdgeFailures == nil {
			return
		}
		for f, err := range r.EdgeFailures.All() {
			if err != nil {
				yield(item{}, err)
				return
			}
			if !yield(edgeItem(f), nil) {
				return
			}
		}
	}
}

func edgeItem(f *EdgeFailure) item {
	k := &FailingKey{
		Distribution: f.Distribution,
		Key:          f.URI,
		Requests:     Requests{CloudFront: f.Requests},
		Viewers:      f.Viewers,
		FirstSeen:    f.FirstSeen,
		LastSeen:     f.LastSeen,
		Status:       f.Status,
		Verdict:      f.Verdict,
		Causes:       f.Causes,
		RuledOut:     f.RuledOut,
		Unknown:      f.Unknown,
		Samples:      f.Samples,
		Hours:        f.Hours,
		Noise:        f.Noise,
	}
	return item{k, kindEdge, f.Requests}
}

// cause returns the cause that the verdict names, nil when there is none.
func (it item) cause() *Cause {
	for i := range it.Causes {
		if it.Causes[i].ID == it.Verdict {
			return &it.Causes[i]
		}
	}
	return nil
}

// Findings is the number of keys and paths with a verdict, by the summary.
func (r *Report) Findings() int64 {
	var n int64
	for _, c := range r.Summary.Causes {
		n += c.Keys
	}
	return n
}

// NewFindings is the number of those that no earlier run has reported.
func (r *Report) NewFindings() int64 {
	var n int64
	for _, c := range r.Summary.Causes {
		n += c.New
	}
	return n
}

func length[T any](l List[T]) int {
	if l == nil {
		return 0
	}
	return l.Len()
}
