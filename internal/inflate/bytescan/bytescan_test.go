package bytescan

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

// refNth is IndexNth as its docstring says it, byte by byte.
func refNth(b []byte, c byte, n int) int {
	for i, x := range b {
		if x == c {
			if n--; n == 0 {
				return i
			}
		}
	}
	return -1
}

func TestIndex3(t *testing.T) {
	f := func(in string, want int) {
		t.Helper()
		if got := Index3([]byte(in), '4', '0', '3'); got != want {
			t.Errorf("Index3(%q) = %d, want %d", in, got, want)
		}
	}
	f("", -1)
	f("40", -1)
	f("403", 0)
	f("x403", 1)
	f("4403", 1)
	f("404 402 413 503 4 03 40\t3", -1)
	// Every position, over the borders of words, steps and the tail.
	for n := range 70 {
		pad := strings.Repeat("4", n)
		f(pad+"403", n)
		for tail := range 30 {
			f(pad+"403"+strings.Repeat("0", tail), n)
			f(pad+"403"+strings.Repeat("403", tail), n)
		}
		f(pad+"40", -1)
	}
}

// TestIndex3Borrow holds bytes that make the zero-byte test borrow: a mark
// above the first true zero byte must never be taken for it.
func TestIndex3Borrow(t *testing.T) {
	for _, near := range []string{"\x01\x01\x01", "\x00\x00\x01", "\x01\x00\x00", "\x80\x80\x80", "\xff\xff\xff"} {
		in := []byte(strings.Repeat(near, 20))
		for i := range len(in) - 2 {
			b := bytes.Clone(in)
			b[i], b[i+1], b[i+2] = 0, 0, 0
			if got, want := Index3(b, 0, 0, 0), bytes.Index(b, []byte{0, 0, 0}); got != want {
				t.Fatalf("Index3(%x) = %d, want %d", b, got, want)
			}
		}
	}
}

func TestIndexNth(t *testing.T) {
	f := func(in string, n, want int) {
		t.Helper()
		if got := IndexNth([]byte(in), '\t', n); got != want {
			t.Errorf("IndexNth(%q, %d) = %d, want %d", in, n, got, want)
		}
	}
	f("", 1, -1)
	f("a\tb", 0, -1)
	f("a\tb", -1, -1)
	f("a\tb", 1, 1)
	f("a\tb", 2, -1)
	f("\t\t\t\t\t\t\t\t\t", 8, 7)
	f("\t\t\t\t\t\t\t\t\t", 9, 8)
	f("\t\t\t\t\t\t\t\t\t", 10, -1)
	f("\x08\x0a\x89\x09\x08\x0a\x89\x09", 2, 7)
}

// TestAgainstReference compares both with package bytes or a plain loop
// on random text of few letters, so that hits and near hits are frequent.
func TestAgainstReference(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 403))
	for range 100_000 {
		b := make([]byte, rnd.IntN(80))
		letters := []byte("403\t\n\x0a\x08\x89\x00\xff")[:2+rnd.IntN(8)]
		for i := range b {
			b[i] = letters[rnd.IntN(len(letters))]
		}
		c := letters[rnd.IntN(len(letters))]
		n := rnd.IntN(20)
		if got, want := Index3(b, '4', '0', c), bytes.Index(b, []byte{'4', '0', c}); got != want {
			t.Fatalf("Index3(%q, 4 0 %q) = %d, want %d", b, c, got, want)
		}
		if got, want := IndexNth(b, c, n), refNth(b, c, n); n > 0 && got != want {
			t.Fatalf("IndexNth(%q, %q, %d) = %d, want %d", b, c, n, got, want)
		}
	}
}

func FuzzBytescan(f *testing.F) {
	f.Add([]byte("a\t403\tb\n"), byte('4'), byte('0'), byte('3'), 2)
	f.Fuzz(func(t *testing.T, b []byte, c0, c1, c2 byte, n int) {
		if got, want := Index3(b, c0, c1, c2), bytes.Index(b, []byte{c0, c1, c2}); got != want {
			t.Errorf("Index3(%q, %q %q %q) = %d, want %d", b, c0, c1, c2, got, want)
		}
		if got, want := IndexNth(b, c0, n), refNth(b, c0, n); n > 0 && got != want {
			t.Errorf("IndexNth(%q, %q, %d) = %d, want %d", b, c0, n, got, want)
		}
	})
}

// line is a CloudFront standard log line up to and beyond its status column,
// which stands after the eighth tab.
const line = "2026-11-24\t03:15:07\tFRA56-P4\t48213\t203.0.113.77\tGET\td111111abcdef8.cloudfront.net\t" +
	"/assets/app/main-5f2c9a.js\t200\thttps://www.example.com/start\tMozilla/5.0%20(Windows%20NT%2010.0)" +
	"\t-\t-\tHit\tuh2fDvKcUZWlOIkbzQHqyl9wfTTAGOvT2ZQy9Qk0QpM7yX0aVxA==\twww.example.com\thttps\t312\t0.004\n"

// text is one MB of lines without any 403, as most of a log is.
func text() []byte { return bytes.Repeat([]byte(line), 1<<20/len(line)) }

func BenchmarkIndex3(b *testing.B) {
	t := text()
	bench := func(name string, index func([]byte) int) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(t)))
			b.ReportAllocs()
			for b.Loop() {
				if index(t) >= 0 {
					b.Fatal("found a 403 where there is none")
				}
			}
		})
	}
	bench("ours", func(t []byte) int { return Index3(t, '4', '0', '3') })
	tab403 := []byte("\t403\t")
	bench("bytes", func(t []byte) int { return bytes.Index(t, tab403) })
}

func BenchmarkIndexNth(b *testing.B) {
	bench := func(name string, index func([]byte) int) {
		b.Run(name, func(b *testing.B) {
			l := []byte(line)
			b.SetBytes(int64(bytes.Index(l, []byte("\t200\t"))))
			b.ReportAllocs()
			for b.Loop() {
				if i := index(l); l[i+1] != '2' {
					b.Fatal("not the status column")
				}
			}
		})
	}
	bench("ours", func(l []byte) int { return IndexNth(l, '\t', 8) })
	bench("bytes", func(l []byte) int { // repeated IndexByte
		i := -1
		for range 8 {
			i += 1 + bytes.IndexByte(l[i+1:], '\t')
		}
		return i
	})
}
