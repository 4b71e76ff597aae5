package logs

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
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
	in, got := scanDir(t, dir, Options{Filter: Filter{Masked: []int{404}}})
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
