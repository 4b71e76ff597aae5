package athena

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/why403/why403/logs"
)

// A recorder notes what Handlers are given.
type recorder struct {
	mu  sync.Mutex
	got []string
}

func (r *recorder) note(format string, a ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, fmt.Sprintf(format, a...))
}

func (r *recorder) handler() logs.Handler { return r }

func (r *recorder) Edge(e *logs.EdgeRecord) {
	r.note("edge %s %s %d %s:%d", e.Distribution, e.Stem, e.Status, e.Ref.Object.URI, e.Ref.Line)
}

func (r *recorder) Origin(o *logs.OriginRecord) {
	r.note("origin %s %q %d %s:%d", o.Bucket, o.Key, o.Status, o.Ref.Object.URI, o.Ref.Line)
}
func (r *recorder) Firewall(f *logs.FirewallRecord) { r.note("firewall %s", f.Action) }
func (r *recorder) EdgePassed(d, stem []byte, status int, ms int64) {
	r.note("passed %s %s %d %d", d, stem, status, ms)
}
func (r *recorder) OriginPassed(o *logs.OriginRecord) {
	r.note("passed %s %s %d %d", o.Bucket, o.Key, o.Status, o.Time)
}

func (r *recorder) sorted() []string {
	slices.Sort(r.got)
	return r.got
}

func edgeLine(clock, path, status string) string {
	columns := slices.Repeat([]string{"-"}, 33)
	copy(columns, []string{"2026-11-20", clock, "NRT57-C1", "500", "203.0.113.1", "GET", "d1.cloudfront.net", path, status})
	columns[13] = "Error"
	return strings.Join(columns, "\t")
}

func originLine(key, status string) string {
	return `0a1b site [20/Nov/2026:10:00:00 +0000] 192.0.2.1 - 4A0VA8BRDAQXTMR5 REST.GET.OBJECT ` + key + ` "GET /` + key + ` HTTP/1.1" ` + status + ` - 243 - 8 - "-" "curl/8.0" - hostid= - - - site.s3.amazonaws.com -`
}

const cfObject = "s3://logs/cf/E1EXAMPLE00001.2026-11-20-10.0a1b2c3d.gz"

var cfLogs = []Logs{{Name: "cf", Format: "cloudfront-w3c", Location: "s3://logs/cf/"}}

// row makes a row of the lines query.
func row(kind, path, text, status, inside string, n int, first, last string) []string {
	return []string{kind, path, text, status, inside, fmt.Sprint(n), first, last, "NULL", "NULL", "NULL", "NULL", "NULL"}
}

func total(n, objects, things int) []string {
	return []string{"NULL", "NULL", "NULL", "", "NULL", fmt.Sprint(n), "NULL", "NULL", fmt.Sprint(objects), fmt.Sprint(things), fmt.Sprint(things * 100), fmt.Sprint(things * 10), fmt.Sprint(things * 2)}
}

func TestScanHandsLinesToTheParser(t *testing.T) {
	at := func(clock string) string { return "=" + edgeLine(clock, "/ok", "200") }
	f := &fake{script: []fakeQuery{
		{scanned: []int64{1000}, rows: [][]string{
			row("line", cfObject, "="+edgeLine("10:00:00", "/refused", "403"), "", "false", 2, "NULL", "NULL"),
			row("line", cfObject, "=#Comment", "", "false", 1, "NULL", "NULL"),
			row("line", cfObject, "=no log line", "", "false", 1, "NULL", "NULL"),
			row("line", cfObject, "=", "", "false", 3, "NULL", "NULL"),
			row("header", "", "NULL", "", "false", 4, "NULL", "NULL"),
			row("plain", cfObject, "NULL", "200", "true", 70, at("09:00:00"), at("11:00:00")),
			row("plain", cfObject, "NULL", "200", "false", 5, at("01:00:00"), at("01:00:01")),
			total(86, 2, 1),
		}},
		{scanned: []int64{1000}, rows: [][]string{{cfObject, at("10:30:00")}}},
	}}
	rec := &recorder{}
	got, err := Scan(context.Background(), f.client(t), cfLogs, Options{}, rec.handler)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"edge E1EXAMPLE00001 /refused 403 " + cfObject + ":0", "edge E1EXAMPLE00001 /refused 403 " + cfObject + ":0",
		"passed E1EXAMPLE00001 /ok 200 1795165200000", "passed E1EXAMPLE00001 /ok 200 1795170600000", "passed E1EXAMPLE00001 /ok 200 1795172400000",
	}
	if d := gocmp.Diff(want, rec.sorted()); d != "" {
		t.Error(d)
	}
	in := &logs.Inputs{
		Objects: 2, Bytes: 1000, Lines: 86, Records: 72, Skipped: 13, Rejected: 1, ByStatus: map[int]int64{200: 70, 403: 2},
		ByFormat:        map[string]*logs.FormatCount{"cloudfront-w3c": {Objects: 2, Lines: 86, Records: 72, Forbidden: 2, Skipped: 13, Rejected: 1}},
		RejectedSamples: []logs.Rejection{{Object: cfObject, Reason: "date and time are not understood"}},
	}
	if d := gocmp.Diff(in, got.Inputs); d != "" {
		t.Error(d)
	}
	if got.Usage.Queries != 2 || got.Usage.ScannedBytes != 2000 {
		t.Errorf("usage %+v", got.Usage)
	}
}

// Bytes that are no UTF-8 come back as they were.
func TestScanKeepsBytes(t *testing.T) {
	line := originLine("caf\xe9\xff", "403")
	f := &fake{script: []fakeQuery{
		{rows: [][]string{row("line", "s3://logs/s3/o", "~"+base64.StdEncoding.EncodeToString([]byte(line)), "", "false", 1, "NULL", "NULL"), total(1, 1, 0)}},
	}}
	rec := &recorder{}
	if _, err := Scan(context.Background(), f.client(t), []Logs{{Format: "s3-access", Location: "s3://logs/s3/"}}, Options{}, rec.handler); err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff([]string{`origin site "caf\xe9\xff" 403 s3://logs/s3/o:0`}, rec.sorted()); d != "" {
		t.Error(d)
	}
}

// An object with a header of its own is read by it; if its columns are others
// than SQL took them for, that is said.
func TestScanWithOtherHeaders(t *testing.T) {
	const short = "#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status"
	const moved = "#Fields: date time sc-status cs-uri-stem"
	old, other := strings.Replace(cfObject, "-10.", "-11.", 1), strings.Replace(cfObject, "-10.", "-12.", 1)
	f := &fake{script: []fakeQuery{
		{rows: [][]string{
			row("line", old, "="+strings.Join(strings.Split(edgeLine("11:00:00", "/old", "403"), "\t")[:9], "\t"), "", "false", 1, "NULL", "NULL"),
			row("line", old, "="+short, "", "false", 1, "NULL", "NULL"),
			row("line", other, "=2026-11-20\t12:00:00\t403\t/moved", "", "false", 1, "NULL", "NULL"),
			row("line", other, "="+moved, "", "false", 1, "NULL", "NULL"),
			total(4, 2, 0),
		}},
	}}
	rec := &recorder{}
	got, err := Scan(context.Background(), f.client(t), cfLogs, Options{}, rec.handler)
	if err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff([]string{"edge E1EXAMPLE00001 /moved 403 " + other + ":0", "edge E1EXAMPLE00001 /old 403 " + old + ":0"}, rec.sorted()); d != "" {
		t.Error(d)
	}
	if d := gocmp.Diff([]logs.Unreadable{{Object: other, Reason: "its #Fields are not those of the table: its lines may be misread; read it with --engine local"}}, got.Inputs.Unreadable); d != "" {
		t.Error(d)
	}
	if got.Inputs.Lines != 4 || got.Inputs.Skipped != 2 {
		t.Errorf("%+v", got.Inputs)
	}
}

func TestScanOfNothing(t *testing.T) {
	f := &fake{script: []fakeQuery{{rows: [][]string{total(0, 0, 0)}}}}
	got, err := Scan(context.Background(), f.client(t), cfLogs, Options{}, new(recorder).handler)
	if err != nil || got.Inputs.Lines != 0 || got.Inputs.Objects != 0 || len(f.sql) != 1 {
		t.Errorf("%+v, %v after %d queries", got.Inputs, err, len(f.sql))
	}
}

// Where nothing was refused there is nothing to compare with: one query does.
func TestScanWithoutRefusals(t *testing.T) {
	ok := "=" + edgeLine("09:00:00", "/ok", "200")
	f := &fake{script: []fakeQuery{{rows: [][]string{row("plain", cfObject, "NULL", "200", "true", 9, ok, ok), total(9, 1, 4)}}}}
	got, err := Scan(context.Background(), f.client(t), cfLogs, Options{}, new(recorder).handler)
	if err != nil || got.Inputs.Records != 9 || len(f.sql) != 1 {
		t.Errorf("%+v, %v after %d queries", got.Inputs, err, len(f.sql))
	}
}

func TestScanSaysWhatIsApproximate(t *testing.T) {
	ok := "=" + edgeLine("09:00:00", "/ok", "200")
	lines := fakeQuery{scanned: []int64{800}, rows: [][]string{
		row("line", cfObject, "="+edgeLine("10:00:00", "/refused", "403"), "", "false", 1, "NULL", "NULL"),
		row("plain", cfObject, "NULL", "200", "true", 9, ok, "="+edgeLine("09:00:00", "/odd", "403")), total(10, 1, 70),
	}}
	f := &fake{script: []fakeQuery{lines, {}}}
	got, err := Scan(context.Background(), f.client(t), cfLogs, Options{MaxServed: 30}, new(recorder).handler)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"what served paths of s3://logs/cf/ have in common: about 70 were served, one in 3 was read",
		"1 lines that Athena took for ordinary requests were not for why403's parser: their counts are off; please report this",
	}
	if d := gocmp.Diff(want, got.Approximate[2:]); d != "" {
		t.Error(d)
	}
	if !strings.Contains(f.sql[1], "mod(from_big_endian_64(xxhash64(to_utf8(thing))), 3) = 0") {
		t.Error("the second query does not sample")
	}

	f = &fake{script: []fakeQuery{lines}}
	got, err = Scan(context.Background(), f.client(t), cfLogs, Options{MaxScanBytes: 1000}, new(recorder).handler)
	if err != nil {
		t.Fatal(err)
	}
	if want := "when keys of s3://logs/cf/ were served: reading that would have scanned 600 bytes more than --max-scan-bytes allows"; got.Approximate[2] != want || len(f.sql) != 1 {
		t.Errorf("%d queries, %q", len(f.sql), got.Approximate[2:])
	}
}

func TestScanErrors(t *testing.T) {
	f := func(rows [][]string, what string) {
		t.Helper()
		fk := &fake{script: []fakeQuery{{rows: rows}}}
		_, err := Scan(context.Background(), fk.client(t), cfLogs, Options{}, new(recorder).handler)
		if err == nil || err.Error() != what {
			t.Errorf("error %v, want %s", err, what)
		}
	}
	f([][]string{{"x"}}, "athena: the result has not the columns of the query")
	f(nil, "athena: the result has no count of all lines")
	f([][]string{row("header", "", "NULL", "", "false", 1, "NULL", "NULL"), total(2, 1, 0)}, "athena: 2 lines were counted and 1 came back")
	f([][]string{row("line", cfObject, "?x", "", "false", 1, "NULL", "NULL")}, `athena: the result has "?x" for a line`)
	bad := row("line", cfObject, "=x", "", "false", 1, "NULL", "NULL")
	bad[5] = "many"
	f([][]string{bad}, `athena: the result has "many" for a count`)
	_, err := Scan(context.Background(), nil, cfLogs, Options{Database: "a-b"}, nil)
	wantError(t, err, `"a-b" is no name for a database`, "use lower-case letters, digits and _")
}

// A large result is handed on in parts, and nothing of it is lost.
func TestStreamParts(t *testing.T) {
	p, err := cfLogs[0].place()
	if err != nil {
		t.Fatal(err)
	}
	rec := &recorder{}
	e := &engine{o: Options{Log: discard, MaskedOf: func([]byte) []int { return nil }}}
	const n = 200
	long := "/" + strings.Repeat("x", 800_000)
	in, err := e.parse(context.Background(), &group{place: p}, rec.handler, func(s *stream) error {
		for i := range n {
			if err := s.add(context.Background(), strings.Replace(cfObject, "-10.", fmt.Sprintf("-%02d.", i%3), 1), edgeLine("10:00:00", long, "403")); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if in.Lines != n || in.Records != n || in.Skipped != 0 || len(rec.got) != n {
		t.Errorf("%d lines, %d records, %d skipped, %d handed over", in.Lines, in.Records, in.Skipped, len(rec.got))
	}
}

func TestQuote(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := quote(in); got != want {
			t.Errorf("quote(%q) = %s, want %s", in, got, want)
		}
	}
	f("", "''")
	f("it's", "'it''s'")
	f("\t", "chr(9)")
	f("a\tb\x01", "'a' || chr(9) || 'b' || chr(1)")
	f("\t' OR 1=1", "chr(9) || ''' OR 1=1'")
}
