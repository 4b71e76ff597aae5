package inflate

import (
	"bytes"
	stdgzip "compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/klauspost/compress/gzip"
)

// cloudFrontLog makes n lines in the shape of CloudFront's standard log, and
// as hard to pack as the real ones: 470 bytes a line, a request ID of 42 random
// bytes in base64, gzip -6 packs it 4.6:1.
func cloudFrontLog(n int) []byte {
	rnd := rand.New(rand.NewPCG(403, uint64(n)))
	pick := func(s []string) string {
		f := rnd.Float64()
		return s[int(f*f*f*f*float64(len(s)))]
	}
	many := func(n int, f func() string) []string {
		s := make([]string, n)
		for i := range s {
			s[i] = f()
		}
		return s
	}
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	random := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = letters[rnd.IntN(64)]
		}
		return string(b)
	}
	words := many(300, func() string { return random(3 + rnd.IntN(7)) })
	paths := many(4000, func() string {
		return fmt.Sprintf("/%s/%s/%s-%s.%s", pick(words), pick(words), pick(words), random(6), pick([]string{"js", "css", "png", "html", "woff2"}))
	})
	agents := many(60, func() string {
		return fmt.Sprintf("Mozilla/5.0%%20(%s;%%20%s)%%20AppleWebKit/%d.%d.15%%20(KHTML,%%20like%%20Gecko)%%20Chrome/%d.0.0.0%%20Safari/537.36",
			pick([]string{"Windows%20NT%2010.0", "Macintosh", "X11", "iPhone"}), random(11), 500+rnd.IntN(99), rnd.IntN(50), 90+rnd.IntN(50))
	})
	edges := many(40, func() string { return fmt.Sprintf("%s%d-P%d", random(3), 50+rnd.IntN(10), 1+rnd.IntN(9)) })
	ciphers := []string{"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "ECDHE-RSA-AES128-GCM-SHA256"}
	results := []string{"Hit", "Miss", "RefreshHit", "Error"}

	var b bytes.Buffer
	b.WriteString("#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status\n")
	for i := range n {
		result := pick(results)
		status := map[string]int{"Error": 403}[result]
		if status == 0 {
			status = 200
		}
		path := pick(paths)
		size := 500 * len(path) // each path has its size, as a file has
		fmt.Fprintf(&b, "2026-11-24\t%02d:%02d:%02d\t%s\t%d\t203.0.%d.%d\tGET\td111111abcdef8.cloudfront.net\t%s\t%d\thttps://www.example.com/%s\t%s\t-\t-\t%s\t%s==\twww.example.com\thttps\t%d\t%.3f\t-\tTLSv1.3\t%s\t%s\tHTTP/2.0\t-\t-\t%d\t%.3f\t%s\t%s\t%d\t-\t-\n",
			i/3600%24, i/60%60, i%60, pick(edges), size+400+rnd.IntN(20), rnd.IntN(20), rnd.IntN(256), path, status,
			pick(words), pick(agents), result, random(56), 100+rnd.IntN(300), rnd.Float64()/5, pick(ciphers), result,
			1024+rnd.IntN(64000), rnd.Float64()/5, result, pick([]string{"text/html", "image/png", "application/javascript"}), size)
	}
	return b.Bytes()
}

// packed is text as gzip packs it.
func packed(text []byte, level int) []byte {
	var b bytes.Buffer
	w, err := stdgzip.NewWriterLevel(&b, level)
	if err != nil {
		panic(err)
	}
	w.Write(text)
	w.Close()
	return b.Bytes()
}

var benchLog = sync.OnceValues(func() (text, gz []byte) {
	text = cloudFrontLog(20_000)
	return text, packed(text, 6)
})

// drain reads the file by Next, as a scan does that keeps half a line.
func drain(b *testing.B, r *Reader, gz *bytes.Reader) (n int) {
	keep := 0
	r.Reset(gz)
	for {
		piece, err := r.Next(keep)
		if err == io.EOF {
			return n
		}
		if err != nil {
			b.Fatal(err)
		}
		n += len(piece) - keep
		keep = min(237, len(piece))
	}
}

func BenchmarkUnpack(b *testing.B) {
	text, gz := benchLog()
	bench := func(name string, unpack func(*testing.B, *bytes.Reader) int) {
		b.Run(name, func(b *testing.B) {
			in := bytes.NewReader(gz)
			unpack(b, in) // warm up
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				in.Reset(gz)
				if n := unpack(b, in); n != len(text) {
					b.Fatalf("%d bytes of %d", n, len(text))
				}
			}
			b.ReportMetric(float64(len(text))/float64(len(gz)), "ratio")
		})
	}
	r := NewReader(Options{})
	bench("ours", func(b *testing.B, in *bytes.Reader) int { return drain(b, r, in) })
	l := NewReader(Options{Library: true})
	bench("library", func(b *testing.B, in *bytes.Reader) int { return drain(b, l, in) })

	buf := make([]byte, 256<<10)
	var k gzip.Reader
	var s stdgzip.Reader
	copyAll := func(b *testing.B, r io.Reader) (n int) {
		for {
			m, err := r.Read(buf)
			n += m
			if err == io.EOF {
				return n
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	bench("klauspost", func(b *testing.B, in *bytes.Reader) int { k.Reset(in); return copyAll(b, &k) })
	bench("stdlib", func(b *testing.B, in *bytes.Reader) int { s.Reset(in); return copyAll(b, &s) })
}
