package logs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// recorder writes down what a handler is told, one line each.
type recorder struct{ lines []string }

func (h *recorder) Edge(r *EdgeRecord) {
	h.lines = append(h.lines, fmt.Sprintf("edge %s:%d %d %s %s %d %s", filepath.Base(r.Ref.Object.URI), r.Ref.Line, r.Time, r.Distribution, r.Stem, r.Status, r.RequestID))
}

func (h *recorder) Origin(r *OriginRecord) {
	key, err := r.AppendKey(nil)
	h.lines = append(h.lines, fmt.Sprintf("origin %s:%d %d %s %s %s %q %d %s %v", filepath.Base(r.Ref.Object.URI), r.Ref.Line, r.Time, r.Bucket, r.Requester, r.Operation, key, r.Status, r.ErrorCode, err))
}

func (h *recorder) Firewall(r *FirewallRecord) {
	h.lines = append(h.lines, fmt.Sprintf("firewall %s:%d %d %s %s %s", filepath.Base(r.Ref.Object.URI), r.Ref.Line, r.Time, r.RequestID, r.Action, r.RuleID))
}

func (h *recorder) EdgePassed(distribution, stem []byte, status int, time int64) {
	h.lines = append(h.lines, fmt.Sprintf("edge passed %s %s %d %d", distribution, stem, status, time))
}

func (h *recorder) OriginPassed(r *OriginRecord) {
	h.lines = append(h.lines, fmt.Sprintf("origin passed %s:%d %d %s %s %s %d", filepath.Base(r.Ref.Object.URI), r.Ref.Line, r.Time, r.Bucket, r.Operation, r.Key, r.Status))
}

// scanDir scans a directory and returns what was handed over, sorted.
func scanDir(t *testing.T, dir string, o Options) (*Inputs, []string) {
	t.Helper()
	source, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var handlers []*recorder
	in, err := Scan(context.Background(), []Source{source}, o, func() Handler {
		h := new(recorder)
		handlers = append(handlers, h)
		return h
	})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, h := range handlers {
		all = append(all, h.lines...)
	}
	slices.Sort(all)
	if in.Lines != in.Records+in.Skipped+in.Rejected {
		t.Errorf("%d lines, but %d records + %d skipped + %d rejected", in.Lines, in.Records, in.Skipped, in.Rejected)
	}
	return in, all
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func gzipped(parts ...string) []byte {
	var b bytes.Buffer
	for _, p := range parts {
		w := gzip.NewWriter(&b)
		w.Write([]byte(p))
		w.Close()
	}
	return b.Bytes()
}

const w3cHeader = "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end\n"

// w3cLine is a line of the legacy log.
func w3cLine(time, stem, status, result, id string) string {
	return strings.Join([]string{"2025-11-20", time, "FRA56-P3", "403", "192.0.2.7", "GET", "d111111abcdef8.cloudfront.net", stem, status, "-", "Mozilla/5.0%20(X11)", "-", "-", result, id, "www.example.com", "https", "403", "0.403", "-", "TLSv1.3", "TLS_AES_128_GCM_SHA256", result, "HTTP/2.0", "-", "-", "50294", "0.012", result, "application/xml", "243", "-", "-"}, "\t") + "\n"
}

const s3Owner = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"

func TestScanBothLogs(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "cf/E2ABCDEFGHIJ3K.2025-11-20-07.0a1b2c3d.gz"), gzipped(w3cHeader+
		w3cLine("07:00:01", "/a%2520b", "403", "Error", "id1==")+
		w3cLine("07:00:02", "/ok", "200", "Hit", "id2=="),
		w3cHeader+w3cLine("07:00:03", "/masked", "404", "Error", "id3==")+w3cLine("07:00:04", "/plain404", "404", "Miss", "id4==")))
	writeFile(t, filepath.Join(dir, "s3/2025-11-20-08-00-00-EB3F7366DA9271E8"), []byte(
		s3Owner+` site [20/Nov/2025:07:00:00 +0000] - svc:cloudfront.amazonaws.com 3E57427F3EXAMPLE REST.GET.OBJECT a%2Bb "GET /a%20b HTTP/1.1" 403 AccessDenied 243 - 21 - "-" "-" - hostid= SigV4 ECDHE-RSA-AES128-GCM-SHA256 AuthHeader site.s3.eu-west-1.amazonaws.com TLSv1.2 - -`+"\n"+
			s3Owner+` site [20/Nov/2025:07:00:02 +0000] - svc:cloudfront.amazonaws.com 3E57427F4EXAMPLE REST.GET.OBJECT ok "GET /ok HTTP/1.1" 200 - 403 403 403 32 "-" "-" - hostid= SigV4 ECDHE-RSA-AES128-GCM-SHA256 AuthHeader site.s3.eu-west-1.amazonaws.com TLSv1.2 - -`+"\n"))
	in, got := scanDir(t, dir, Options{Filter: Filter{Masked: notFound}})
	want := []string{
		`edge E2ABCDEFGHIJ3K.2025-11-20-07.0a1b2c3d.gz:3 1763622001000 E2ABCDEFGHIJ3K /a%2520b 403 id1==`,
		`edge E2ABCDEFGHIJ3K.2025-11-20-07.0a1b2c3d.gz:7 1763622003000 E2ABCDEFGHIJ3K /masked 404 id3==`,
		`edge passed E2ABCDEFGHIJ3K /ok 200 1763622002000`,
		`edge passed E2ABCDEFGHIJ3K /plain404 404 1763622004000`,
		`origin 2025-11-20-08-00-00-EB3F7366DA9271E8:1 1763622000000 site svc:cloudfront.amazonaws.com REST.GET.OBJECT "a b" 403 AccessDenied <nil>`,
		`origin passed 2025-11-20-08-00-00-EB3F7366DA9271E8:2 1763622002000 site REST.GET.OBJECT ok 200`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("handed over:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if in.Lines != 10 || in.Records != 6 || in.Skipped != 4 || in.ByStatus[403] != 1 || in.ByFormat["s3-access"].Forbidden != 1 {
		t.Errorf("inputs: %+v", in)
	}
}

// scanSources scans any sources and adds up.
func scanSources(t *testing.T, ctx context.Context, o Options, sources ...Source) (*Inputs, []string, error) {
	t.Helper()
	var handlers []*recorder
	in, err := Scan(ctx, sources, o, func() Handler {
		h := new(recorder)
		handlers = append(handlers, h)
		return h
	})
	var all []string
	for _, h := range handlers {
		all = append(all, h.lines...)
	}
	slices.Sort(all)
	if in.Lines != in.Records+in.Skipped+in.Rejected {
		t.Errorf("%d lines, but %d records + %d skipped + %d rejected", in.Lines, in.Records, in.Skipped, in.Rejected)
	}
	return in, all, err
}

func TestPacking(t *testing.T) {
	text := w3cHeader + edgeLines()
	var packed bytes.Buffer
	z, _ := zstd.NewWriter(&packed)
	z.Write([]byte(text))
	z.Close()
	half := len(text) / 2 // in the middle of a line
	for name, data := range map[string][]byte{
		"plain":       []byte(text),
		"gzip":        gzipped(text),
		"members":     gzipped(text[:half], "", text[half:]),
		"zstd":        packed.Bytes(),
		"zstd frames": append(bytes.Clone(packed.Bytes()), packed.Bytes()...)[:packed.Len()],
		"misnamed.gz": []byte(text),
		"padded":      append(gzipped(text), 0, 0, 0),
	} {
		for _, library := range []bool{false, true} {
			o := masked
			o.LibraryInflate = library
			in := scanned(t, "cloudfront-w3c", "log", string(data), o, edgeWant("log", 3, "")...)
			if in.Bytes != int64(len(data)) || in.Objects != 1 || in.Lines != 5 {
				t.Errorf("%s: %+v", name, in)
			}
		}
	}
}

func TestDamagedObjects(t *testing.T) {
	f := func(data []byte, o Options, lines, records int64, want Unreadable) {
		t.Helper()
		in, _ := scanText(t, "log", string(data), o)
		want.Object = ""
		if len(in.Unreadable) != 1 {
			t.Fatalf("unreadable: %+v, want %+v", in.Unreadable, want)
		}
		got := in.Unreadable[0]
		got.Object = ""
		if got != want || in.Lines != lines || in.Records != records {
			t.Errorf("unreadable %+v, %d lines, %d records; want %+v, %d, %d; rejected %v", got, in.Lines, in.Records, want, lines, records, in.RejectedSamples)
		}
	}
	// A cut file gives its good lines, the broken one is rejected.
	text := edgeText(rand.New(rand.NewPCG(1, 9)), 2000, 5)
	whole := pack(text)
	in, _ := scanText(t, "log", string(whole[:len(whole)/2]), Options{})
	if len(in.Unreadable) != 1 || in.Records < 500 || in.Records > 1500 || in.Rejected != 1 || in.RejectedSamples[0].Reason != "cut short: the object could not be read further" ||
		in.RejectedSamples[0].Line != in.Lines || in.Unreadable[0].Lines != in.Lines {
		t.Errorf("half a file: %+v", in)
	}
	if !strings.HasPrefix(in.Unreadable[0].Reason, "gzip: file is truncated") {
		t.Errorf("half a file: %s", in.Unreadable[0].Reason)
	}
	// A limit for what one object unpacks to.
	bomb := gzipped(w3cHeader + strings.Repeat(w3cLine("07:00:02", "/ok", "200", "Hit", "id2=="), 10_000))
	f(bomb, Options{MaxObject: 100_000}, 412, 409, Unreadable{"", "unpacks to more than the limit of 100000 bytes for one object", 412})
	plain := w3cHeader + strings.Repeat(w3cLine("07:00:02", "/ok", "200", "Hit", "id2=="), 10_000)
	f([]byte(plain), Options{MaxObject: 100_000}, 412, 409, Unreadable{"", "unpacks to more than the limit of 100000 bytes for one object", 412})
	if in, _ := scanText(t, "log", string(bomb), Options{MaxObject: -1}); in.Records != 10_000 {
		t.Errorf("without limit: %+v", in)
	}
	if in, _ := scanText(t, "log", plain, Options{MaxObject: int64(len(plain))}); in.Records != 10_000 || in.Unreadable != nil {
		t.Errorf("at the limit: %+v", in)
	}
}

func TestLongLines(t *testing.T) {
	long := strings.Repeat("x", 3<<20) + "\n"
	const reason = "line longer than 1 MiB"
	for _, text := range []string{
		w3cHeader + long + edgeLines() + long,
		w3cHeader + long + edgeLines() + strings.TrimSuffix(long, "\n"),
	} {
		in, got := scanText(t, "log", text, masked)
		if len(got) != 3 || in.Lines != 7 || in.Rejected != 2 || in.RejectedSamples[0].Line != 3 || in.RejectedSamples[0].Reason != reason || in.RejectedSamples[1].Line != 7 {
			t.Errorf("%d handed over; %+v", len(got), in)
		}
	}
}

func TestGarbage(t *testing.T) {
	in, _ := scanText(t, "log", "\x00\x01garbage\n\n\xff\xfe", Options{})
	if in.Lines != 3 || in.Rejected != 2 || in.Skipped != 1 || in.ByFormat["unknown"].Objects != 1 || in.RejectedSamples[0].Reason != "no known log format" {
		t.Errorf("garbage: %+v", in)
	}
	in, _ = scanText(t, "log", "", Options{})
	if in.Objects != 1 || in.Lines != 0 || len(in.ByFormat) != 0 || in.Unreadable != nil {
		t.Errorf("an empty file: %+v", in)
	}
	if in, _ = scanText(t, "log", string(gzipped("")), Options{}); in.Objects != 1 || in.Lines != 0 || in.Unreadable != nil {
		t.Errorf("an empty packed file: %+v", in)
	}
	in, _ = scanText(t, "log", string(gzipped(string(gzipped("x\n")))), Options{})
	if in.Lines != 0 || len(in.Unreadable) != 1 || in.Unreadable[0].Reason != "packed twice, with gzip inside: unpack or convert it first" {
		t.Errorf("packed twice: %+v", in)
	}
	_, err := Scan(context.Background(), nil, Options{Format: "apache"}, func() Handler { return new(recorder) })
	if err == nil || err.Error() != `unknown log format "apache"` {
		t.Errorf("unknown format: %v", err)
	}
}

func TestRejectedEdgeLines(t *testing.T) {
	f := func(line, want string) {
		t.Helper()
		in, _ := scanText(t, "log", w3cHeader+line+"\n", Options{})
		if in.Rejected != 1 || in.RejectedSamples[0].Line != 3 || in.RejectedSamples[0].Reason != want {
			t.Errorf("%q is rejected as %+v, want %q", line, in.RejectedSamples, want)
		}
	}
	const start = "2025-11-20\t07:00:00\tFRA56-P3\t403\t192.0.2.7\tGET\td111111abcdef8.cloudfront.net\t"
	f("x", "date and time are not understood")
	f("2025-13-20\t07:00:00\t"+start, "date and time are not understood")
	f("2025-11-20\t07:60:00\t"+start, "date and time are not understood")
	f("2025-11-20\t07:00:0x\t"+start, "date and time are not understood")
	f("2025-11-20\t07:00:00\tFRA56-P3", "line ends before cs-uri-stem")
	f(start+"/x", "line ends before sc-status")
	f(start+"/x\t4o3\t-", "sc-status is not a status code")
	f(start+"/x\t4033\t-", "sc-status is not a status code")
	f(start+"/x\t\t-", "sc-status is not a status code")
	f(strings.TrimSuffix(strings.Replace(w3cLine("07:00:01", "/a", "403", "Error", "id"), "/a\t403", "/a\t 403", 1), "\n"), "sc-status is not a status code")

	header := func(fields, want string) {
		t.Helper()
		in, _ := scanText(t, "log", fields+"\nx\ty\n", Options{Format: "cloudfront-w3c"})
		if in.Rejected != 1 || in.RejectedSamples[0].Reason != want {
			t.Errorf("%q: %+v, want %q", fields, in.RejectedSamples, want)
		}
	}
	header("#Fields: date time cs-uri-stem", "no sc-status among the fields")
	header("#Fields: date time sc-status", "no cs-uri-stem among the fields")
	header("#Fields: date cs-uri-stem sc-status", "neither date and time nor timestamp among the fields")
	header("#Version: 1.0", "no #Fields header before the line")
}

// TestNumbersLike403 has 403 in every column but the status.
func TestNumbersLike403(t *testing.T) {
	line := strings.Join([]string{"2025-11-20", "07:00:01", "403", "403", "403", "403", "403", "403", "200"}, "\t") + strings.Repeat("\t403", 24) + "\n"
	in, got := scanText(t, "log", w3cHeader+line, Options{})
	if in.ByStatus[403] != 0 || in.ByFormat["cloudfront-w3c"].Forbidden != 0 || len(got) != 1 || got[0] != "edge passed 403 403 200 1763622001000" {
		t.Errorf("handed over %q; %+v", got, in)
	}
	origin := originStart + `192.0.2.3 403 403 REST.GET.OBJECT 403 "GET /403 403 HTTP/1.1" 200 403 403 403 403 403 "403 403 " " 403 " 403 403 403` + "\n"
	in, got = scanText(t, "log", origin, Options{})
	if in.ByFormat["s3-access"].Forbidden != 0 || len(got) != 1 || got[0] != "origin passed log:1 1763622000000 site REST.GET.OBJECT 403 200" {
		t.Errorf("handed over %q; %+v", got, in)
	}
}

func TestWindow(t *testing.T) {
	o := masked
	o.Filter.Window = Window{time.Date(2025, 11, 20, 7, 0, 2, 0, time.UTC), time.Date(2025, 11, 20, 7, 0, 3, 0, time.UTC)}
	in := scanned(t, "cloudfront-w3c", "log", w3cHeader+edgeLines(), o, edgeWant("log", 3, "")[2])
	if in.Lines != 5 || in.Skipped != 4 || in.Records != 1 || in.ByStatus[403] != 0 || in.ByStatus[200] != 1 {
		t.Errorf("inputs: %+v", in)
	}
	scanned(t, "s3-access", "log", originStart+`- - ID REST.GET.OBJECT k "GET /k HTTP/1.1" 403 A 1 1 1 1 "-" "-" -`+"\n", o)
}

// TestSamplesAreTheFirst has more rejected lines than samples, in many objects
// and goroutines.
func TestSamplesAreTheFirst(t *testing.T) {
	dir := t.TempDir()
	for i := range 40 {
		writeFile(t, filepath.Join(dir, fmt.Sprintf("log%02d", i)), []byte(w3cHeader+strings.Repeat("x\n", 1+i%3)))
	}
	for _, n := range []int{1, 7} {
		in, _ := scanDir(t, dir, Options{Concurrency: n})
		var got []string
		for _, r := range in.RejectedSamples {
			got = append(got, fmt.Sprintf("%s:%d", filepath.Base(r.Object), r.Line))
		}
		want := "log00:3 log01:3 log01:4 log02:3 log02:4 log02:5 log03:3 log04:3 log04:4 log05:3 log05:4 log05:5 log06:3 log07:3 log07:4 log08:3 log08:4 log08:5 log09:3 log10:3"
		if strings.Join(got, " ") != want || in.Rejected != 79 {
			t.Errorf("%d rejected: %v", in.Rejected, got)
		}
	}
}

func TestMixedPrefix(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "a"), gzipped(w3cHeader+edgeLines()))
	writeFile(t, filepath.Join(dir, "b"), []byte(originStart+`- - ID REST.GET.OBJECT k "GET /k HTTP/1.1" 403 A 1 1 1 1 "-" "-" -`+"\n"))
	writeFile(t, filepath.Join(dir, "sub/c"), []byte(edgeLines()))
	writeFile(t, filepath.Join(dir, "sub/d"), []byte("garbage\n"))
	writeFile(t, filepath.Join(dir, ".hidden"), []byte("garbage\n"))
	progress := new(Progress)
	in, _ := scanDir(t, dir, Options{Progress: progress})
	for format, want := range map[string]FormatCount{
		"cloudfront-w3c":   {Objects: 1, Lines: 5, Records: 3, Forbidden: 1, Skipped: 2},
		"s3-access":        {Objects: 1, Lines: 1, Records: 1, Forbidden: 1},
		"cloudfront-plain": {Objects: 1, Lines: 3, Records: 3, Forbidden: 1},
		"unknown":          {Objects: 1, Lines: 1, Rejected: 1},
	} {
		if got := in.ByFormat[format]; got == nil || *got != want {
			t.Errorf("%s: %+v, want %+v", format, got, want)
		}
	}
	if len(in.ByFormat) != 4 || in.Objects != 4 || in.Lines != 10 || in.ByStatus[403] != 2 || in.ByStatus[200] != 2 {
		t.Errorf("inputs: %+v", in)
	}
	if progress.Listed.Load() != 4 || progress.Objects.Load() != 4 || progress.Lines.Load() != 10 || progress.Bytes.Load() != in.Bytes {
		t.Errorf("progress: %+v", progress)
	}
}

func TestOverlappingSources(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "a"), []byte(w3cHeader+edgeLines()))
	one, _ := Open(dir)
	two, _ := Open(filepath.Join(dir, "a"))
	in, _, err := scanSources(t, context.Background(), Options{}, one, two)
	if err != nil || in.Objects != 1 || in.Lines != 5 {
		t.Errorf("%+v, %v", in, err)
	}
}

// TestStdinWaits ends a scan of what never comes.
func TestStdinWaits(t *testing.T) {
	never, writer := io.Pipe()
	defer writer.Close()
	ctx, cancel := context.WithCancel(t.Context())
	waits := readerFunc(func(p []byte) (int, error) { cancel(); return never.Read(p) })
	if _, _, err := scanSources(t, ctx, Options{}, Stdin(waits)); err != context.Canceled {
		t.Errorf("error %v", err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestStdin(t *testing.T) {
	in, got, err := scanSources(t, context.Background(), masked, Stdin(bytes.NewReader(gzipped(w3cHeader+edgeLines()))))
	if err != nil || !slices.Equal(got, edgeWant("-", 3, "")) || in.Lines != 5 {
		t.Errorf("%q, %+v, %v", got, in, err)
	}
}

// TestManyFiles reads more files than are listed at a time, in a folder and in
// the one below it.
func TestManyFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "b"), 0o777); err != nil {
		t.Fatal(err)
	}
	const n = 2*listed + 1
	for i := range n {
		write(t, dir, fmt.Sprintf("a%04d", i), "x\n")
		if i <= listed {
			write(t, dir, fmt.Sprintf("b/%04d", i), "x\n")
		}
	}
	in, _ := scanDir(t, dir, Options{})
	if want := int64(n + listed + 1); in.Objects != want || in.Lines != want || in.Rejected != want {
		t.Errorf("read %d objects, %d lines, rejected %d, want %d", in.Objects, in.Lines, in.Rejected, want)
	}
}

// TestGrownSinceListed reads all of a file that has become larger, or shorter,
// than it was listed.
func TestGrownSinceListed(t *testing.T) {
	dir := t.TempDir()
	f := func(listed int64, lines int) {
		t.Helper()
		write(t, dir, "x", strings.Repeat("x\n", lines))
		source := listedAs{directory(dir), Object{URI: filepath.Join(dir, "x"), Size: listed}}
		in, err := Scan(context.Background(), []Source{source}, Options{}, func() Handler { return new(counter) })
		if err != nil || in.Lines != int64(lines) || len(in.Unreadable) > 0 {
			t.Errorf("listed with %d bytes: read %d lines of %d, %v, %v", listed, in.Lines, lines, in.Unreadable, err)
		}
	}
	f(0, 3)
	f(2, 3)
	f(100, 3)
	f(2, smallBytes/2-1)
	f(2, smallBytes/2)
	f(2, smallBytes/2+1)
	f(2, 2*smallBytes)
}

// listedAs is a directory whose listing says something else.
type listedAs struct {
	directory
	object Object
}

func (l listedAs) List(_ context.Context, _ Window, page func([]Object) error) error {
	return page([]Object{l.object})
}

// TestLinks has links to a parent, to a sibling, to the outside and to nothing.
func TestLinks(t *testing.T) {
	outside := t.TempDir()
	writeFile(t, filepath.Join(outside, "out/c"), []byte(w3cHeader+edgeLines()))
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "a/b"), []byte(w3cHeader+edgeLines()))
	for name, target := range map[string]string{
		"loop": dir, "a/loop": filepath.Join(dir, "a"), "sibling": filepath.Join(dir, "a"), "again": filepath.Join(dir, "a/b"),
		"outside": outside, "outside2": filepath.Join(outside, "out"), "outfile": filepath.Join(outside, "out/c"), "broken": filepath.Join(dir, "none"),
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Skip(err)
		}
	}
	if err := os.Symlink(dir, filepath.Join(outside, "back")); err != nil {
		t.Skip(err)
	}
	source, _ := Open(dir)
	var names []string
	source.List(context.Background(), Window{}, func(page []Object) error {
		for _, o := range page {
			name, _ := filepath.Rel(dir, o.URI)
			names = append(names, name)
		}
		return nil
	})
	// outfile comes before outside in the order of names: c is read once, by that.
	if want := []string{"a/b", "broken", "outfile"}; !slices.Equal(names, want) {
		t.Errorf("listed %q, want %q", names, want)
	}
	in, _ := scanDir(t, dir, masked)
	if in.Objects != 3 || in.Records != 6 || len(in.Unreadable) != 1 || filepath.Base(in.Unreadable[0].Object) != "broken" || in.Unreadable[0].Reason != "gone after it was listed" {
		t.Errorf("inputs: %+v", in)
	}
}

// vanishing is a source whose objects are gone, or fail while they are read.
type vanishing struct{ Source }

func (v vanishing) Open(ctx context.Context, o *Object) (io.ReadCloser, error) {
	switch filepath.Base(o.URI) {
	case "gone":
		return nil, &fs.PathError{Op: "open", Path: o.URI, Err: fs.ErrNotExist}
	case "denied":
		return nil, fmt.Errorf("%s: access denied", o.URI)
	case "broken":
		r, err := v.Source.Open(ctx, o)
		return io.NopCloser(io.MultiReader(io.LimitReader(r, 1200), iotest.ErrReader(errors.New("connection reset")))), err
	}
	return v.Source.Open(ctx, o)
}

type remoteVanishing struct{ vanishing }

func (remoteVanishing) Parallel() int { return 8 }

func TestUnreadableObjects(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"gone", "denied", "broken", "fine"} {
		writeFile(t, filepath.Join(dir, name), []byte(w3cHeader+edgeLines()))
	}
	source, _ := Open(dir)
	for _, s := range []Source{vanishing{source}, remoteVanishing{vanishing{source}}} {
		in, _, err := scanSources(t, context.Background(), Options{}, s)
		want := []Unreadable{
			{filepath.Join(dir, "broken"), "connection reset", 5},
			{filepath.Join(dir, "denied"), "access denied", 0},
			{filepath.Join(dir, "gone"), "gone after it was listed", 0},
		}
		if err != nil || !slices.Equal(in.Unreadable, want) || in.Objects != 4 || in.Records != 5 || in.Rejected != 1 {
			t.Errorf("%T: %+v, %v", s, in, err)
		}
	}
}

// TestCancel ends a scan in the middle.
func TestCancel(t *testing.T) {
	dir := t.TempDir()
	for i := range 100 {
		writeFile(t, filepath.Join(dir, fmt.Sprint(i)), []byte(w3cHeader+edgeLines()))
	}
	source, _ := Open(dir)
	for _, s := range []Source{source, remoteVanishing{vanishing{source}}} {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, _, err := scanSources(t, ctx, Options{}, s); !errors.Is(err, context.Canceled) {
			t.Errorf("%T: %v", s, err)
		}
	}
}

// TestRemote reads many small and some large objects from a Remote.
func TestRemote(t *testing.T) {
	dir := t.TempDir()
	for i := range 200 {
		writeFile(t, filepath.Join(dir, fmt.Sprint(i)), []byte(w3cHeader+edgeLines()))
	}
	writeFile(t, filepath.Join(dir, "large"), []byte(w3cHeader+strings.Repeat(edgeLines(), 10_000)))
	source, _ := Open(dir)
	in, got, err := scanSources(t, context.Background(), masked, remoteVanishing{vanishing{source}})
	if err != nil || in.Objects != 201 || in.Records != 600+30_000 || len(got) != 30_600 {
		t.Errorf("%+v, %v", in, err)
	}
}

// TestListingWindow lists a directory for one day.
func TestListingWindow(t *testing.T) {
	dir := t.TempDir()
	for day := 1; day <= 28; day++ {
		writeFile(t, filepath.Join(dir, fmt.Sprintf("E2ABCDEFGHIJ3K.2025-11-%02d-07.0a1b2c3d", day)), nil)
		writeFile(t, filepath.Join(dir, fmt.Sprintf("2025-11-%02d-08-00-00-EB3F7366DA9271E8", day)), nil)
	}
	writeFile(t, filepath.Join(dir, "undated"), nil)
	writeFile(t, filepath.Join(dir, "backup/2024/01/31/undated"), nil)
	source, _ := Open(dir)
	var names []string
	w := Window{time.Date(2025, 11, 10, 0, 0, 0, 0, time.UTC), time.Date(2025, 11, 11, 0, 0, 0, 0, time.UTC)}
	source.List(context.Background(), w, func(page []Object) error {
		for _, o := range page {
			names = append(names, filepath.Base(o.URI))
		}
		return nil
	})
	want := []string{"undated", "2025-11-10-08-00-00-EB3F7366DA9271E8", "2025-11-11-08-00-00-EB3F7366DA9271E8", "E2ABCDEFGHIJ3K.2025-11-10-07.0a1b2c3d", "undated"}
	if !slices.Equal(names, want) {
		t.Errorf("listed %q, want %q", names, want)
	}
}

// TestListingEventDay keeps a file that holds a whole day's events, under a name
// that says midnight, for a window in the middle of that day.
func TestListingEventDay(t *testing.T) {
	dir := t.TempDir()
	for day := 9; day <= 12; day++ {
		writeFile(t, filepath.Join(dir, fmt.Sprintf("111122223333/eu-west-1/site/2025/11/%02d/2025-11-%02d-00-00-00-EB3F7366DA9271E8", day, day)), nil)
	}
	source, _ := Open(dir)
	var names []string
	w := Window{time.Date(2025, 11, 10, 6, 0, 0, 0, time.UTC), time.Date(2025, 11, 10, 7, 0, 0, 0, time.UTC)}
	source.List(context.Background(), w, func(page []Object) error {
		for _, o := range page {
			names = append(names, filepath.Base(o.URI))
		}
		return nil
	})
	// That of the 11th may also have been delivered then.
	want := []string{"2025-11-10-00-00-00-EB3F7366DA9271E8", "2025-11-11-00-00-00-EB3F7366DA9271E8"}
	if !slices.Equal(names, want) {
		t.Errorf("listed %q, want %q", names, want)
	}
}

// fuzzFormat feeds an object to a scan. Whatever it holds, the count holds.
func fuzzFormat(f *testing.F, o Options, seeds ...string) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		o.MaxObject = 64 << 20
		in, _, err := scanSources(t, context.Background(), o, Stdin(bytes.NewReader(data)))
		if err != nil {
			t.Fatal(err)
		}
		if o.Format != "" && !bytes.HasPrefix(data, gzipMagic) && !bytes.HasPrefix(data, zstdMagic) && len(data) < 1000 && in.Unreadable == nil {
			lines := int64(bytes.Count(data, []byte("\n")))
			if len(data) > 0 && data[len(data)-1] != '\n' {
				lines++
			}
			if bytes.Equal(data, bom) {
				lines = 0
			}
			if in.Lines < lines {
				t.Fatalf("%q has %d lines, %d were counted", data, lines, in.Lines)
			}
		}
	})
}

func FuzzAnyFormat(f *testing.F) {
	fuzzFormat(f, Options{}, w3cHeader+edgeLines(), string(gzipped(w3cHeader+edgeLines())), edgeLines(), "PAR1PAR1", `{"webaclId":"","httpRequest":{}}`)
}
func FuzzW3C(f *testing.F) {
	fuzzFormat(f, Options{Format: "cloudfront-w3c"}, w3cHeader+edgeLines(), w3cHeader+strings.ReplaceAll(edgeLines(), "\t", ","), "#Fields: sc-status cs-uri-stem timestamp\n403\t/\t1763622001\n")
}
func FuzzPlain(f *testing.F) { fuzzFormat(f, Options{Format: "cloudfront-plain"}, edgeLines()) }
func FuzzRealTime(f *testing.F) {
	fuzzFormat(f, Options{Format: "cloudfront-realtime", Fields: columns(realTimeChoice)}, "1763622001.541\t192.0.2.7\t0.012\t403\twww.example.com\t/a?x\tid1==\td1.cloudfront.net\tError1763622001.541\t192.0.2.7\t0.012\t403\twww.example.com\t/a?x\tid1==\td1.cloudfront.net\tError\n")
}
func FuzzEdgeJSON(f *testing.F) {
	fuzzFormat(f, Options{Format: "cloudfront-json"}, `{"sc-status":"403","cs-uri-stem":"/\u00e9","timestamp(ms)":"1763622001000","x":[{}]}{}`+"\n")
}
func FuzzOriginJSON(f *testing.F) {
	fuzzFormat(f, Options{Format: "s3-json"}, `{"bucket_name":"b","operation":"REST.GET.OBJECT","request_time":"2025-11-20T07:00:00Z","http_status":403,"key_name":"a%2Bb","request_uri":"GET /a%20b HTTP/1.1"}`)
}
func FuzzFirewall(f *testing.F) {
	fuzzFormat(f, Options{Format: "waf-json"}, `{"timestamp":1,"action":"BLOCK","ruleGroupList":[{"terminatingRule":{"ruleId":"x"}}],"httpRequest":{"requestId":"x"}}`)
}
func FuzzParquet(f *testing.F) {
	names, _ := filepath.Glob("testdata/parquet/*.parquet")
	for _, name := range names {
		data, _ := os.ReadFile(name)
		f.Add(data)
	}
	fuzzFormat(f, Options{})
}
