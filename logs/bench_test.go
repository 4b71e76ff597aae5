package logs

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/why403/why403/internal/inflate"
	"github.com/why403/why403/internal/inflate/bytescan"
)

// edgeText makes n lines of a legacy log as in life: about 475 bytes a line,
// request ids that don't compress, some numbers that equal 403, and forbidden
// of a hundred lines with status 403.
func edgeText(rnd *rand.Rand, n, forbidden int) []byte {
	agents := []string{
		"Mozilla/5.0%20(Windows%20NT%2010.0;%20Win64;%20x64)%20AppleWebKit/537.36%20(KHTML,%20like%20Gecko)%20Chrome/131.0.0.0%20Safari/537.36",
		"Mozilla/5.0%20(iPhone;%20CPU%20iPhone%20OS%2018_1%20like%20Mac%20OS%20X)%20AppleWebKit/605.1.15%20(KHTML,%20like%20Gecko)%20Version/18.1%20Mobile/15E148%20Safari/604.1",
		"Mozilla/5.0%20(compatible;%20Googlebot/2.1;%20+http://www.google.com/bot.html)",
	}
	edges := []string{"FRA56-P3", "NRT57-C1", "IAD89-P1", "LHR62-C5", "SIN2-P2"}
	var b bytes.Buffer
	b.WriteString(w3cHeader)
	for range n {
		var id [40]byte
		for i := 0; i < len(id); i += 8 {
			binary.LittleEndian.PutUint64(id[i:], rnd.Uint64())
		}
		status, result, kind := "200", "Hit", "text/html"
		if rnd.IntN(100) < forbidden {
			status, result, kind = "403", "Error", "application/xml"
		} else if rnd.IntN(50) == 0 {
			status, result = "304", "RefreshHit"
		}
		page := int(rnd.ExpFloat64() * 2000)
		fmt.Fprintf(&b, "2025-11-20\t07:%02d:%02d\t%s\t%d\t203.0.113.%d\tGET\td111111abcdef8.cloudfront.net\t/assets/pages/%d/section-%d/image-%d.jpg\t%s\thttps://www.example.com/pages/%d\t%s\t-\t-\t%s\t%s\twww.example.com\thttps\t%d\t0.%03d\t-\tTLSv1.3\tTLS_AES_128_GCM_SHA256\t%s\tHTTP/2.0\t-\t-\t%d\t0.%03d\t%s\t%s\t%d\t-\t-\n",
			rnd.IntN(60), rnd.IntN(60), edges[rnd.IntN(len(edges))], 400+rnd.IntN(40000), rnd.IntN(256),
			page, page%7, page%31, status, page, agents[rnd.IntN(len(agents))], result,
			base64.URLEncoding.EncodeToString(id[:]), 390+rnd.IntN(30), rnd.IntN(1000), result,
			1024+rnd.IntN(60000), rnd.IntN(1000), result, kind, 300+rnd.IntN(30000))
	}
	return b.Bytes()
}

// originText makes n lines of a server access log, about 540 bytes a line.
func originText(rnd *rand.Rand, n, forbidden int) []byte {
	const hex = "0123456789ABCDEF"
	var b bytes.Buffer
	for range n {
		var id [16]byte
		for i := range id {
			id[i] = hex[rnd.IntN(16)]
		}
		var host [56]byte
		for i := range host {
			host[i] = byte(rnd.Uint32())
		}
		page := int(rnd.ExpFloat64() * 2000)
		path := fmt.Sprintf("assets/pages/%d/section-%d/image-%d.jpg", page, page%7, page%31)
		answer := fmt.Sprintf("200 - %d %d %d %d", 300+rnd.IntN(900), 300+rnd.IntN(900), 380+rnd.IntN(50), 10+rnd.IntN(30))
		if rnd.IntN(100) < forbidden {
			answer = fmt.Sprintf("403 AccessDenied 243 - %d -", 5+rnd.IntN(50))
		}
		fmt.Fprintf(&b, "%s www.example.com [20/Nov/2025:07:%02d:%02d +0000] - svc:cloudfront.amazonaws.com %s REST.GET.OBJECT %s \"GET /%s HTTP/1.1\" %s \"-\" \"-\" - %s SigV4 ECDHE-RSA-AES128-GCM-SHA256 AuthHeader www.example.com.s3.eu-west-1.amazonaws.com TLSv1.2 - - eu-west-1\n",
			s3Owner, rnd.IntN(60), rnd.IntN(60), id, path, path, answer, base64.StdEncoding.EncodeToString(host[:]))
	}
	return b.Bytes()
}

// counter is the cheapest handler.
type counter struct{ edge, origin, passed int }

func (h *counter) Edge(*EdgeRecord)                       { h.edge++ }
func (h *counter) Origin(*OriginRecord)                   { h.origin++ }
func (h *counter) Firewall(*FirewallRecord)               {}
func (h *counter) EdgePassed(_, _ []byte, _ int, _ int64) { h.passed++ }
func (h *counter) OriginPassed(*OriginRecord)             { h.passed++ }

var edgeData = sync.OnceValue(func() []byte { return edgeText(rand.New(rand.NewPCG(1, 1)), 40_000, 2) })
var originData = sync.OnceValue(func() []byte { return originText(rand.New(rand.NewPCG(1, 2)), 40_000, 4) })

func benchmarkLines(b *testing.B, format *Format, data []byte) {
	o := new(Options)
	s := newScanner(o, nil, new(counter))
	s.object = &Object{URI: "x"}
	s.distribution = []byte("E2ABCDEFGHIJ3K")
	s.count = &s.counts[format.id]
	o.Progress = new(Progress)
	lines := bytes.Count(data, []byte{'\n'})
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		d, err := format.lines(s, data)
		if err != nil {
			b.Fatal(err)
		}
		// A block at a time, as it stays in the cache.
		for rest := data; len(rest) > 0; {
			n := min(len(rest), 200<<10)
			n = bytes.LastIndexByte(rest[:n], '\n') + 1
			d.decode(rest[:n])
			rest = rest[n:]
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(lines), "ns/line")
	if s.count.Rejected > 0 {
		b.Fatalf("rejected: %v", s.rejections)
	}
}

func BenchmarkEdgeLines(b *testing.B)   { benchmarkLines(b, edgeW3C, edgeData()) }
func BenchmarkOriginLines(b *testing.B) { benchmarkLines(b, originAccess, originData()) }

// BenchmarkSearch403First is what the other way would take before any line is
// parsed: to search the text for 403 and count the lines. Looking at every line
// costs less.
func BenchmarkSearch403First(b *testing.B) {
	data := edgeData()
	lines := bytes.Count(data, []byte{'\n'})
	b.SetBytes(int64(len(data)))
	hits := 0
	for b.Loop() {
		for rest := data; len(rest) > 0; {
			n := min(len(rest), 200<<10)
			block := rest[:n]
			rest = rest[n:]
			hits += bytes.Count(block, []byte{'\n'})
			for {
				i := bytescan.Index3(block, '4', '0', '3')
				if i < 0 {
					break
				}
				hits++
				block = block[i+3:]
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(lines), "ns/line")
}

// TestNoAllocations holds the hot path to its promise, 403 lines included.
func TestNoAllocations(t *testing.T) {
	for format, data := range map[*Format][]byte{
		edgeW3C:      edgeText(rand.New(rand.NewPCG(1, 1)), 500, 10),
		originAccess: originText(rand.New(rand.NewPCG(1, 1)), 500, 10),
	} {
		s := newScanner(&Options{Progress: new(Progress)}, nil, new(counter))
		s.object, s.count = new(Object), new(FormatCount)
		d, err := format.lines(s, data)
		if err != nil {
			t.Fatal(err)
		}
		d.decode(data)
		data = data[bytes.IndexByte(data, '2'):] // without the header
		data = data[bytes.IndexByte(data, '\n')+1:]
		if n := testing.AllocsPerRun(10, func() { d.decode(data) }); n > 0 {
			t.Errorf("%s: %v allocations for 500 lines", format.Name, n)
		}
		if s.count.Rejected > 0 || s.count.Forbidden == 0 {
			t.Errorf("%s: %+v %v", format.Name, s.count, s.rejections)
		}
	}
}

func pack(data []byte) []byte {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write(data)
	w.Close()
	return z.Bytes()
}

// BenchmarkEdgeObject is the whole way of one packed object in one goroutine;
// BenchmarkInflate is what unpacking alone takes of it.
func BenchmarkEdgeObject(b *testing.B) {
	dir := b.TempDir()
	os.WriteFile(filepath.Join(dir, "E2ABCDEFGHIJ3K.2025-11-20-07.0a1b2c3d.gz"), pack(edgeData()), 0o644)
	source, _ := Open(dir)
	b.SetBytes(int64(len(edgeData())))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Scan(context.Background(), []Source{source}, Options{Concurrency: 1}, func() Handler { return new(counter) }); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkInflate(b *testing.B) {
	z := pack(edgeData())
	r := inflate.NewReader(inflate.Options{})
	b.SetBytes(int64(len(edgeData())))
	for b.Loop() {
		r.Reset(bytes.NewReader(z))
		for {
			if _, err := r.Next(0); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkSmallObjects is a folder of S3 logs of 47 lines each.
func BenchmarkSmallObjects(b *testing.B) {
	dir := b.TempDir()
	rnd := rand.New(rand.NewPCG(1, 3))
	size := 0
	for i := range 500 {
		text := originText(rnd, 47, 4)
		size += len(text)
		os.WriteFile(filepath.Join(dir, fmt.Sprintf("2025-11-20-07-00-%02d-%016X", i%60, i)), text, 0o644)
	}
	source, _ := Open(dir)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Scan(context.Background(), []Source{source}, Options{Concurrency: 1}, func() Handler { return new(counter) }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/500, "ns/object")
}
