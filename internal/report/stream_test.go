package report

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"mime"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// madeKeys makes keys on the way: none is kept. watch is called before each.
type madeKeys struct {
	n     int
	watch func(i int)
	fail  error // after half of them
}

func (m madeKeys) Len() int { return m.n }

func (m madeKeys) All() iter.Seq2[*FailingKey, error] {
	base := sampleReport().FailingKeys.(SliceKeys)[0]
	return func(yield func(*FailingKey, error) bool) {
		for i := range m.n {
			if m.fail != nil && i == m.n/2 {
				yield(nil, m.fail)
				return
			}
			if m.watch != nil {
				m.watch(i)
			}
			k := *base
			k.Key = fmt.Sprintf("img/%08d.png", i)
			if !yield(&k, nil) {
				return
			}
		}
	}
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

// TestStreams: what was written keeps up with the keys that were walked, so
// that millions of them are never held.
func TestStreams(t *testing.T) {
	for format, hold := range map[string]int{"json": 1000, "csv": 1000, "parquet": parquetGroup} {
		t.Run(format, func(t *testing.T) {
			n := 3 * hold
			var w counter
			var at [3]int64
			keys := madeKeys{n: n, watch: func(i int) {
				if i%hold == 0 {
					at[i/hold] = w.n
				}
			}}
			if err := Render(&w, format, &Report{FailingKeys: keys}, Options{}); err != nil {
				t.Fatal(err)
			}
			if at[1] == 0 || at[2] <= at[1] || w.n <= at[2] {
				t.Errorf("written after each %d keys: %v, in all %d", hold, at, w.n)
			}
		})
	}
}

// TestErrorsEndTheRendering: neither a failing sequence of keys nor a failing
// writer gives a report that looks whole.
func TestErrorsEndTheRendering(t *testing.T) {
	broken := errors.New("spill file: unexpected EOF")
	for _, format := range Formats() {
		if err := Render(&counter{}, format, &Report{FailingKeys: madeKeys{n: 10, fail: broken}}, Options{}); !errors.Is(err, broken) {
			t.Errorf("%s: keys fail: %v", format, err)
		}
		if err := Render(full{}, format, sampleReport(), Options{}); !errors.Is(err, errFull) {
			t.Errorf("%s: writer fails: %v", format, err)
		}
	}
	if err := Render(&counter{}, "pdf", &Report{}, Options{}); err == nil || err.Error() != `no report format "pdf"` {
		t.Errorf("pdf: %v", err)
	}
}

type full struct{}

var errFull = errors.New("no space left on device")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestMediaType(t *testing.T) {
	for _, f := range Formats() {
		if m, _, err := mime.ParseMediaType(MediaType(f)); err != nil || !strings.Contains(m, "/") {
			t.Errorf("MediaType(%q) = %q: %v", f, MediaType(f), err)
		}
	}
	if m := MediaType("pdf"); m != "" {
		t.Errorf(`MediaType("pdf") = %q`, m)
	}
}

func TestFormatOf(t *testing.T) {
	f := func(name, want string) {
		t.Helper()
		if got, ok := FormatOf(name); got != want || ok != (want != "") {
			t.Errorf("FormatOf(%q) = %q, %v, want %q", name, got, ok, want)
		}
	}
	f("report.html", "html")
	f("s3://ops/why403/2026-11-24.PARQUET", "parquet")
	f("a.md", "markdown")
	f("a.txt", "text")
	f("a.json", "json")
	f("a.csv", "csv")
	f("a.pdf", "")
	f("json", "")
	f("", "")
}

// TestParquetRows reads the file back: one row for each key and cause, the
// hours on the first alone, keys as they are.
func TestParquetRows(t *testing.T) {
	data := render(t, "parquet", sampleReport(), Options{})
	rows, err := parquet.Read[parquetRow](bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	keys, hours, raw := 0, int64(0), ""
	for _, r := range rows {
		if r.CauseRank == 0 {
			keys++
		} else if len(r.Hours) > 0 {
			t.Errorf("%s: hours on rank %d", r.Key, r.CauseRank)
		}
		for _, h := range r.Hours {
			hours += h.Count
		}
		if r.KeyEncoding == "base64" {
			raw = r.Key
		}
		if r.Verdict == "unexplained" && (r.Cause != nil || len(r.Missing) == 0) {
			t.Errorf("unexplained: %+v", r)
		}
	}
	if keys != 52 || len(rows) != 53 || raw != "YmluL//+ABtbMzFtcmVk" {
		t.Errorf("%d keys in %d rows, raw key %s", keys, len(rows), raw)
	}
	var want int64
	for it := range sampleReport().items() {
		for _, h := range it.Hours {
			want += h.Count
		}
	}
	if hours != want {
		t.Errorf("hours %d, want %d", hours, want)
	}
	if rows[0].Key != "img/商品/一覧 2026.png" || rows[1].CauseRank != 1 || *rows[1].Cause != "kms-key-policy" || *rows[1].Verified {
		t.Errorf("rows %+v, %+v", rows[0], rows[1])
	}
}

func TestMarkPolicy(t *testing.T) {
	f := func(doc string, at []int, want ...string) {
		t.Helper()
		var got []string
		for _, p := range markPolicy(doc, at) {
			s := p.Text
			if p.Deciding {
				s = "*" + s
			}
			got = append(got, s)
		}
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Errorf("markPolicy(%s, %v)\n got %q\nwant %q", doc, at, got, want)
		}
	}
	const two = `{"Version":"x","Statement":[{"Sid":"a"},{"Sid":"b"}]}`
	f(two, nil, "{\n  \"Version\": \"x\",\n  \"Statement\": [\n    {\n      \"Sid\": \"a\"\n    },\n    {\n      \"Sid\": \"b\"\n    }\n  ]\n}")
	f(two, []int{0}, "{\n  \"Version\": \"x\",\n  \"Statement\": [", "*    {\n      \"Sid\": \"a\"\n    },", "    {\n      \"Sid\": \"b\"\n    }\n  ]\n}")
	f(two, []int{1, 7}, "{\n  \"Version\": \"x\",\n  \"Statement\": [\n    {\n      \"Sid\": \"a\"\n    },", "*    {\n      \"Sid\": \"b\"\n    }", "  ]\n}")
	f(`{"Statement":{"Sid":"a"}}`, []int{0}, "{", "*  \"Statement\": {\n    \"Sid\": \"a\"\n  }", "}")
	f(`not json`, []int{0}, "not json")
	f(`{"Statement":[{"Sid"`, []int{0}, `{"Statement":[{"Sid"`)
	f(``, []int{0})
}

func BenchmarkJSON(b *testing.B)    { benchmark(b, "json") }
func BenchmarkCSV(b *testing.B)     { benchmark(b, "csv") }
func BenchmarkParquet(b *testing.B) { benchmark(b, "parquet") }
func BenchmarkHTML(b *testing.B)    { benchmark(b, "html") }
func BenchmarkText(b *testing.B)    { benchmark(b, "text") }

// benchmark renders 10,000 keys.
func benchmark(b *testing.B, format string) {
	r := bigReport(10_000)
	b.ReportAllocs()
	for b.Loop() {
		var w counter
		if err := Render(&w, format, r, Options{}); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(w.n)
	}
}
