package logs

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// bounded is a recorder that is told of objects.
type bounded struct{ recorder }

func (h *bounded) Begin(o *Object) {
	h.lines = append(h.lines, "begin "+filepath.Base(o.URI))
}

func (h *bounded) End(whole bool) { h.lines = append(h.lines, fmt.Sprintf("end %v", whole)) }

const (
	boundsHeader = "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status\n"
	boundsLine   = "2026-11-20\t10:00:00\tFRA56-P1\t1\t192.0.2.1\tGET\td1.cloudfront.net\t/%s\t403\n"
)

// TestObjectBounds expects each object's lines between its Begin and its End,
// and to be told which objects were not read whole.
func TestObjectBounds(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "a.log"), []byte(boundsHeader+fmt.Sprintf(boundsLine, "a")))
	writeFile(t, filepath.Join(dir, "b.log"), []byte(boundsHeader+fmt.Sprintf(boundsLine, "b")+"no line\n"))
	whole := gzipped(boundsHeader + strings.Repeat(fmt.Sprintf(boundsLine, "c"), 100))
	writeFile(t, filepath.Join(dir, "c.gz"), whole[:len(whole)-4])
	source, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var h *bounded
	in, err := Scan(context.Background(), []Source{source}, Options{Concurrency: 1}, func() Handler { h = new(bounded); return h })
	if err != nil {
		t.Fatal(err)
	}
	if len(in.Unreadable) != 1 || in.Rejected != 1 {
		t.Fatalf("inputs %+v", in)
	}
	seen := map[string]string{}
	name, lines := "", 0
	for _, l := range h.lines {
		what, rest, _ := strings.Cut(l, " ")
		switch what {
		case "begin":
			if name != "" {
				t.Errorf("%s begins within %s", rest, name)
			}
			name, lines = rest, 0
		case "edge":
			if !strings.HasPrefix(rest, name+":") {
				t.Errorf("line %q within %s", l, name)
			}
			lines++
		case "end":
			seen[name] = fmt.Sprintf("%s, %v lines", rest, lines > 0)
			name = ""
		}
	}
	for name, want := range map[string]string{"a.log": "true, true lines", "b.log": "true, true lines", "c.gz": "false, true lines"} {
		if seen[name] != want {
			t.Errorf("%s: %q, want %q", name, seen[name], want)
		}
	}
}

func TestSkipAndListing(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []string{"E2EXAMPLE1ABCD.2026-11-20-10.aaaaaaaa", "E2EXAMPLE1ABCD.2026-11-20-10.bbbbbbbb", "E2EXAMPLE1ABCD.2026-11-18-10.cccccccc"} {
		writeFile(t, filepath.Join(dir, n), []byte(boundsHeader+fmt.Sprintf(boundsLine, n)))
	}
	f := func(o Options, want ...string) {
		t.Helper()
		o.Progress = new(Progress)
		in, lines := scanDir(t, dir, o)
		var got []string
		for _, l := range lines {
			got = append(got, l[strings.LastIndex(l, "/")+1:][len("E2EXAMPLE1ABCD.2026-11-20-10."):][:1])
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("read %q, want %q", got, want)
		}
		if in.Objects != o.Progress.Listed.Load() {
			t.Errorf("%d objects read, %d told to be read", in.Objects, o.Progress.Listed.Load())
		}
	}
	from := Window{From: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)}
	f(Options{}, "a", "b", "c")
	f(Options{Skip: func(o *Object) bool { return strings.HasSuffix(o.URI, "bbbbbbbb") }}, "a", "c")
	f(Options{Listing: from}, "a", "b")
	f(Options{Filter: Filter{Window: from}}, "a", "b")
	// The listing alone is narrowed: the lines' own time does not count.
	f(Options{Listing: Window{To: time.Date(2026, 11, 19, 0, 0, 0, 0, time.UTC)}}, "c")
}
