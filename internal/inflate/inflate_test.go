package inflate

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

// unpack returns all text of src and the error that ended it, nil for io.EOF.
func unpack(r *Reader, src io.Reader) (text []byte, err error) {
	r.Reset(src)
	for {
		piece, err := r.Next(0)
		text = append(text, piece...)
		if err == io.EOF {
			return text, nil
		}
		if err != nil {
			return text, err
		}
	}
}

// forBoth runs f with our inflate and with the library's.
func forBoth(t *testing.T, f func(t *testing.T, r *Reader)) {
	t.Run("ours", func(t *testing.T) { f(t, NewReader(Options{})) })
	t.Run("library", func(t *testing.T) { f(t, NewReader(Options{Library: true})) })
}

func concat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// storedFile makes a member of stored blocks, which tests can reason about byte
// by byte.
func storedFile(text []byte) []byte {
	var b []byte
	for rest := text; ; {
		n := min(len(rest), 65535)
		b = append(b, byte(btoi(n == len(rest))))
		b = binary.LittleEndian.AppendUint16(b, uint16(n))
		b = binary.LittleEndian.AppendUint16(b, ^uint16(n))
		b = append(b, rest[:n]...)
		if rest = rest[n:]; len(rest) == 0 {
			return gzipFile(b, text)
		}
	}
}

func TestLinesStayWhole(t *testing.T) {
	forBoth(t, func(t *testing.T, r *Reader) {
		f := func(text []byte) {
			t.Helper()
			want := bytes.SplitAfter(text, []byte("\n"))
			r.Reset(bytes.NewReader(packed(text, 6)))
			var piece []byte
			for i, keep := 0, 0; ; {
				var err error
				piece, err = r.Next(keep)
				for {
					line, rest, found := bytes.Cut(piece, []byte("\n"))
					if !found {
						break
					}
					if !bytes.Equal(line, want[i][:len(want[i])-1]) {
						t.Fatalf("line %d is %q, want %q", i, line, want[i])
					}
					i++
					piece = rest
				}
				if err == io.EOF {
					if i != len(want)-1 || !bytes.Equal(piece, want[i]) {
						t.Fatalf("%d lines and %q, want %d and %q", i, piece, len(want)-1, want[len(want)-1])
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				keep = len(piece)
			}
		}
		log := cloudFrontLog(3000)
		f(log)
		f(log[:len(log)-1])
		f(nil)
		f([]byte("\n"))
		f([]byte("no line end"))
		f(bytes.Repeat([]byte(strings.Repeat("long ", MaxKeep/5)+"\n"), 9))
		f(concat(bytes.Repeat([]byte("x"), MaxKeep), []byte("\nrest")))
	})
}

func TestKeepTooMuch(t *testing.T) {
	r := NewReader(Options{})
	text := bytes.Repeat([]byte("0123456789"), 100_000)
	r.Reset(bytes.NewReader(packed(text, 6)))
	piece, err := r.Next(0)
	if err != nil || len(piece) <= MaxKeep {
		t.Fatalf("%d bytes, %v", len(piece), err)
	}
	first := len(piece)
	want := bytes.Clone(piece)
	piece, err = r.Next(len(piece))
	if err != ErrKeep || !bytes.Equal(piece, want) {
		t.Fatalf("%d bytes and %v, want the same %d and %v", len(piece), err, len(want), ErrKeep)
	}
	if got, want := err.Error(), "cannot keep more than 131072 unconsumed bytes"; got != want {
		t.Errorf("error %q, want %q", got, want)
	}
	// Nothing is lost by going on.
	piece, err = r.Next(MaxKeep)
	if err != nil || !bytes.HasPrefix(text[first-MaxKeep:], piece) || len(piece) <= MaxKeep {
		t.Fatalf("%d wrong bytes, %v", len(piece), err)
	}
}

func TestNextMisused(t *testing.T) {
	f := func(unconsumed int, want string) {
		t.Helper()
		defer func() {
			if got := recover(); got != want {
				t.Errorf("panic %v, want %v", got, want)
			}
		}()
		r := NewReader(Options{})
		r.Reset(bytes.NewReader(packed([]byte("abc"), 6)))
		r.Next(0)
		r.Next(unconsumed)
	}
	f(-1, "inflate: Next(-1) after a piece of 3 bytes")
	f(4, "inflate: Next(4) after a piece of 3 bytes")
}

func TestNothingToRead(t *testing.T) {
	r := NewReader(Options{})
	if piece, err := r.Next(0); len(piece) != 0 || err != io.EOF {
		t.Errorf("before Reset: %q, %v", piece, err)
	}
	forBoth(t, func(t *testing.T, r *Reader) {
		text, err := unpack(r, bytes.NewReader(nil))
		if len(text) != 0 || err != nil || r.Members() != 0 || r.InputOffset() != 0 {
			t.Errorf("empty file: %q, %v, %d members, offset %d", text, err, r.Members(), r.InputOffset())
		}
		text, err = unpack(r, bytes.NewReader(packed(nil, 6)))
		if len(text) != 0 || err != nil || r.Members() != 1 {
			t.Errorf("empty member: %q, %v, %d members", text, err, r.Members())
		}
	})
}

// TestRight holds files that are right, in every way a gzip file can be.
func TestRight(t *testing.T) {
	forBoth(t, func(t *testing.T, r *Reader) {
		f := func(name string, file, want []byte, members int) {
			t.Helper()
			for _, src := range []io.Reader{
				bytes.NewReader(file),
				iotest.OneByteReader(bytes.NewReader(file)),
				iotest.DataErrReader(bytes.NewReader(file)),
			} {
				text, err := unpack(r, src)
				if err != nil || !bytes.Equal(text, want) {
					t.Errorf("%s: %d bytes, %v, want %d bytes", name, len(text), err, len(want))
				}
				if r.Members() != members || r.InputOffset() != int64(len(file)) {
					t.Errorf("%s: %d members, offset %d, want %d, %d", name, r.Members(), r.InputOffset(), members, len(file))
				}
			}
		}
		log := cloudFrontLog(1500)
		for level := -2; level <= 9; level++ {
			f(fmt.Sprintf("level %d", level), packed(log, level), log, 1)
		}
		a, b, none := packed([]byte("alpha\n"), 6), packed([]byte("beta\n"), 9), packed(nil, 6)
		ab := []byte("alpha\nbeta\n")
		f("two members", concat(a, b), ab, 2)
		f("empty members between", concat(none, a, none, none, b, none), ab, 6)
		f("a member after a large one", concat(packed(log, 6), a, b), concat(log, ab), 3)
		f("many members", bytes.Repeat(a, 300), bytes.Repeat([]byte("alpha\n"), 300), 300)
		f("zero padding", concat(a, b, make([]byte, 1)), ab, 2)
		f("much zero padding", concat(a, b, make([]byte, 300_000)), ab, 2)
		f("stored blocks", storedFile(log), log, 1)
	})
}

// header makes a gzip header with the given flags, whose header checksum, if
// any, is off by wrong.
func header(flags byte, extra, name, comment []byte, wrong uint16) []byte {
	b := []byte{0x1f, 0x8b, 8, flags, 1, 2, 3, 4, 2, 3}
	if flags&flagExtra != 0 {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(extra)))
		b = append(b, extra...)
	}
	if flags&flagName != 0 {
		b = append(append(b, name...), 0)
	}
	if flags&flagComment != 0 {
		b = append(append(b, comment...), 0)
	}
	if flags&flagHeaderCRC != 0 {
		b = binary.LittleEndian.AppendUint16(b, uint16(crc32.ChecksumIEEE(b))+wrong)
	}
	return b
}

func TestHeaders(t *testing.T) {
	text := []byte("text\n")
	rest := packed(text, 6)[10:]
	c := newComparer(Options{})
	f := func(h []byte) {
		t.Helper()
		if got, err := unpack(c.r, bytes.NewReader(concat(h, rest))); err != nil || !bytes.Equal(got, text) {
			t.Errorf("header %.40x: %q, %v", h, got, err)
		}
		for n := range h[:min(len(h), 60)] { // truncated in the header
			_, err := unpack(c.r, bytes.NewReader(h[:n]))
			if want := "file is truncated: inside a gzip header"; n > 0 && (!errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), want)) {
				t.Errorf("header %x: error %v, want %s", h[:n], err, want)
			}
		}
	}
	for flags := range 256 {
		f(header(byte(flags), []byte("extra"), []byte("name"), []byte("comment"), 0))
		f(header(byte(flags), nil, nil, nil, 0))
		c.compare(t, concat(header(byte(flags), []byte{0, 1}, []byte("näme"), nil, 0), rest), 0)
	}
	long := bytes.Repeat([]byte("x"), 65535)
	f(header(flagExtra|flagHeaderCRC, long, nil, nil, 0))
	f(header(flagExtra|flagName|flagComment|flagHeaderCRC, long, concat(long, long, long), long, 0))
}

// tooFar is a fixed block of one literal and a match that reaches back by n.
func tooFar(n int) []byte {
	d := &deflater{rnd: rand.New(rand.NewPCG(0, 0))}
	lens := bytes.Repeat([]byte{8}, maxLit)
	for s := range lens {
		if s >= 144 && s < 256 {
			lens[s] = 9
		} else if s >= 256 && s < 280 {
			lens[s] = 7
		}
	}
	lit, dist := canonical(lens), canonical(bytes.Repeat([]byte{5}, maxDist))
	d.bits(3, 3)
	d.put(lit, 'a')
	d.put(lit, 257)
	d.put(dist, n-1)
	d.put(lit, endOfBlock)
	d.bits(0, (8-d.nb)%8)
	return d.out
}

// TestWrong holds the error for each kind of wrong file, and the text before it.
func TestWrong(t *testing.T) {
	forBoth(t, func(t *testing.T, r *Reader) {
		library := r.lib != nil
		f := func(file []byte, text string, cause error, want string) {
			t.Helper()
			got, err := unpack(r, bytes.NewReader(file))
			if string(got) != text {
				t.Errorf("text %q, want %q", got, text)
			}
			if !errors.Is(err, cause) {
				t.Errorf("error %v, want one that is %q", err, cause)
			}
			if err == nil {
				return
			}
			if library { // does not say what is corrupt, nor exactly where
				want, _, _ = strings.Cut(want, " (at")
				if cause == ErrCorrupt {
					want = "gzip: corrupt deflate data"
				}
				if cause == io.ErrUnexpectedEOF && strings.Contains(want, "block") {
					want = "gzip: file is truncated: inside deflate data"
				}
				if !strings.HasPrefix(err.Error(), want) {
					t.Errorf("error %q, want %q", err, want)
				}
			} else if err.Error() != want {
				t.Errorf("error %q, want %q", err, want)
			}
			if _, again := r.Next(0); again != err {
				t.Errorf("then %v, want the same again", again)
			}
		}
		good := storedFile([]byte("good\n")) // 10 + 5 + 5 + 8 bytes

		f([]byte("<html>"), "", ErrHeader, "gzip: invalid gzip header: no gzip magic number (at compressed offset 0)")
		f([]byte{0}, "", ErrHeader, "gzip: invalid gzip header: no gzip magic number (at compressed offset 0)")
		f([]byte{0x1f, 0x9d, 0x90}, "", ErrHeader, "gzip: invalid gzip header: no gzip magic number (at compressed offset 0)")
		f([]byte("\x1f\x8b\x07\x00\x00\x00\x00\x00\x00\x00"), "", ErrHeader, "gzip: invalid gzip header: compression method 7 is not deflate (at compressed offset 0)")
		f(concat(header(flagHeaderCRC, nil, nil, nil, 1), good[10:]), "", ErrHeader, "gzip: invalid gzip header: header checksum is 92d2, header says 92d3 (at compressed offset 12)")

		f(good[:1], "", io.ErrUnexpectedEOF, "gzip: file is truncated: inside a gzip header (at compressed offset 1)")
		f(good[:9], "", io.ErrUnexpectedEOF, "gzip: file is truncated: inside a gzip header (at compressed offset 9)")
		f(good[:10], "", io.ErrUnexpectedEOF, "gzip: file is truncated: inside a block header (at compressed offset 10)")
		f(good[:12], "", io.ErrUnexpectedEOF, "gzip: file is truncated: inside a block header (at compressed offset 11)")
		f(good[:15], "", io.ErrUnexpectedEOF, "gzip: file is truncated: inside a stored block (at compressed offset 15)")
		f(good[:18], "goo", io.ErrUnexpectedEOF, "gzip: file is truncated: inside a stored block (at compressed offset 18)")
		f(good[:20], "good\n", io.ErrUnexpectedEOF, "gzip: file is truncated: inside a gzip trailer (at compressed offset 20)")
		f(good[:27], "good\n", io.ErrUnexpectedEOF, "gzip: file is truncated: inside a gzip trailer (at compressed offset 27)")
		f(concat(good, good[:3]), "good\n", io.ErrUnexpectedEOF, "gzip: file is truncated: inside a gzip header (at compressed offset 31)")
		f(concat(good, good[:17]), "good\ngo", io.ErrUnexpectedEOF, "gzip: file is truncated: inside a stored block (at compressed offset 45)")

		crc := bytes.Clone(good)
		crc[20]++
		f(crc, "good\n", ErrChecksum, fmt.Sprintf("gzip: checksum mismatch: CRC-32 of the text is %08x, trailer says %08x (at compressed offset 20)", crc32.ChecksumIEEE([]byte("good\n")), crc32.ChecksumIEEE([]byte("good\n"))+1))
		size := bytes.Clone(good)
		size[24]++
		f(size, "good\n", ErrSize, "gzip: length mismatch: text has 5 bytes modulo 2^32, trailer says 6 (at compressed offset 20)")
		f(concat(good, size), "good\ngood\n", ErrSize, "gzip: length mismatch: text has 5 bytes modulo 2^32, trailer says 6 (at compressed offset 48)")

		f(concat(good, []byte("garbage")), "good\n", ErrTrailing, "gzip: trailing garbage: no gzip magic number (at compressed offset 28)")
		f(concat(good, []byte{0x1f, 0x9d}), "good\n", ErrTrailing, "gzip: trailing garbage: no gzip magic number (at compressed offset 28)")
		f(concat(good, make([]byte, 7), good), "good\n", ErrTrailing, "gzip: trailing garbage: after zero padding (at compressed offset 35)")

		f(concat(good[:10], []byte{7}), "", ErrCorrupt, "gzip: corrupt deflate data: block of the reserved type 3 (at compressed offset 11)")
		f(concat(good[:10], []byte{1, 5, 0, 5, 0}), "", ErrCorrupt, "gzip: corrupt deflate data: length 0x0005 of a stored block and its complement 0x0005 do not match (at compressed offset 15)")
		f(wrap(tooFar(1)), "aaaa", nil, "")
		f(wrap(tooFar(2)), "a", ErrCorrupt, "gzip: corrupt deflate data: distance reaches back before the start of the text (at compressed offset 13)")
		f(concat(good, wrap(tooFar(2))), "good\na", ErrCorrupt, "gzip: corrupt deflate data: distance reaches back before the start of the text (at compressed offset 41)")
		f(concat(good, wrap(tooFar(2)), make([]byte, 40)), "good\na", ErrCorrupt, "gzip: corrupt deflate data: distance reaches back before the start of the text (at compressed offset 41)")
	})
}

// TestEveryTruncation cuts a file at every byte: the text is a part of the right
// one, which never gets shorter, and the end is always noticed.
func TestEveryTruncation(t *testing.T) {
	text := cloudFrontLog(20)
	file := concat(packed(text[:3000], 6), packed(text[3000:], -2))
	c := newComparer(Options{})
	longest := 0
	for n := 1; n < len(file); n++ {
		got, err := c.compare(t, file[:n], uint64(n))
		if !bytes.HasPrefix(text, got) || len(got) < longest {
			t.Fatalf("cut at %d: %d bytes, before %d", n, len(got), longest)
		}
		longest = len(got)
		if err == nil && n != len(packed(text[:3000], 6)) || err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut at %d: error %v", n, err)
		}
	}
}

// TestEveryBit turns over every bit of a file: what is not noticed (of a header's
// time, say, or of the bits that fill up a byte) leaves the text as it was.
func TestEveryBit(t *testing.T) {
	text := cloudFrontLog(3)
	file := packed(text, 6)
	c := newComparer(Options{})
	unnoticed := 0
	for bit := range 8 * len(file) {
		file[bit/8] ^= 1 << (bit % 8)
		if got, err := c.compare(t, file, uint64(bit)); err == nil {
			unnoticed++
			if !bytes.Equal(got, text) {
				t.Errorf("bit %d of byte %d changes the text", bit%8, bit/8)
			}
		}
		file[bit/8] ^= 1 << (bit % 8)
	}
	if unnoticed > 64 {
		t.Errorf("%d bits do not matter", unnoticed)
	}
}

// TestFarthest has nothing but the longest matches from the farthest distance,
// after n literals, so that they meet the borders of the pieces everywhere.
func TestFarthest(t *testing.T) {
	c := newComparer(Options{})
	rnd := rand.New(rand.NewPCG(1, 1))
	noise := randomText(rnd, window)
	for n := range 300 {
		d := &deflater{rnd: rnd}
		d.bits(0, 3)
		d.bits(0, 5)
		d.bits(window, 16)
		d.bits(window^0xffff, 16)
		for _, b := range noise {
			d.bits(uint(b), 8)
		}
		lens := make([]uint8, 286)
		lens[0], lens[endOfBlock], lens[285] = 2, 2, 1
		lit := canonical(lens)
		dist := canonical([]uint8{29: 1})
		d.bits(5, 3) // final, dynamic
		d.bits(286-257, 5)
		d.bits(30-1, 5)
		pre := canonical([]uint8{0: 2, 1: 2, 2: 2, 18: 2})
		d.bits(preSymbols-4, 4)
		for _, s := range preOrder {
			if int(s) < len(pre.lens) {
				d.bits(uint(pre.lens[s]), 3)
			}
		}
		zeros := func(n int) {
			for n > 138 {
				d.put(pre, 18)
				d.bits(138-11, 7)
				n -= 138
			}
			d.put(pre, 18)
			d.bits(uint(n-11), 7)
		}
		d.put(pre, 2)
		zeros(255)
		d.put(pre, 2)
		zeros(28)
		d.put(pre, 1)
		zeros(29)
		d.put(pre, 1)
		for range n {
			d.put(lit, 0)
		}
		for range 1000 {
			d.put(lit, 285)
			d.put(dist, 29)
			d.bits(1<<13-1, 13)
		}
		d.put(lit, endOfBlock)
		d.bits(0, (8-d.nb)%8)
		text, err := c.compare(t, wrap(d.out), uint64(n))
		if err != nil || len(text) != window+n+1000*maxMatch {
			t.Fatalf("after %d literals: %d bytes, %v", n, len(text), err)
		}
	}
}

func TestReadError(t *testing.T) {
	broken := errors.New("connection reset")
	forBoth(t, func(t *testing.T, r *Reader) {
		text := cloudFrontLog(3000)
		file := packed(text, 6)
		f := func(n int, src io.Reader, cause error, want string) {
			t.Helper()
			got, err := unpack(r, src)
			if !errors.Is(err, cause) || err.Error() != want {
				t.Errorf("error %v, want %s", err, want)
			}
			if !bytes.HasPrefix(text, got) || len(got) < n {
				t.Errorf("%d bytes of text, want %d or more", len(got), n)
			}
		}
		after := func(n int) io.Reader {
			return io.MultiReader(bytes.NewReader(file[:n]), iotest.ErrReader(broken))
		}
		f(0, after(0), broken, "gzip: reading failed: connection reset (at compressed offset 0)")
		f(0, after(9), broken, "gzip: reading failed: connection reset (at compressed offset 9)")
		f(len(text), after(len(file)-1), broken, fmt.Sprintf("gzip: reading failed: connection reset (at compressed offset %d)", len(file)-1))
		f(len(text), after(len(file)), broken, fmt.Sprintf("gzip: reading failed: connection reset (at compressed offset %d)", len(file)))
		got, err := unpack(r, after(len(file)/2))
		var e *Error
		if !errors.As(err, &e) || !errors.Is(e, broken) || e.Offset < int64(len(file)/2)-20 || !bytes.HasPrefix(text, got) || len(got) < len(text)/3 {
			t.Errorf("%d bytes of text, error %v", len(got), err)
		}
		f(0, readNothing{}, io.ErrNoProgress, "gzip: reading failed: multiple Read calls return no data or error (at compressed offset 0)")
	})
}

type readNothing struct{}

func (readNothing) Read([]byte) (int, error) { return 0, nil }

func TestMaxOutput(t *testing.T) {
	for _, library := range []bool{false, true} {
		f := func(limit int64, file, text []byte) {
			t.Helper()
			r := NewReader(Options{MaxOutput: limit, Library: library})
			for range 2 { // the limit is for each file
				got, err := unpack(r, bytes.NewReader(file))
				if limit >= int64(len(text)) {
					if err != nil || !bytes.Equal(got, text) {
						t.Errorf("limit %d of %d: %d bytes, %v", limit, len(text), len(got), err)
					}
					continue
				}
				if want := text[:limit]; !errors.Is(err, ErrTooLarge) || !bytes.Equal(got, want) {
					t.Errorf("limit %d of %d: %d bytes, %v", limit, len(text), len(got), err)
				}
				if want := fmt.Sprintf("gzip: unpacked size limit exceeded: more than %d bytes (at compressed offset ", limit); err != nil && !strings.HasPrefix(err.Error(), want) {
					t.Errorf("error %q, want %q", err, want)
				}
			}
		}
		bomb := make([]byte, 3<<20)
		for _, limit := range []int64{1, 2, 257, 258, 259, 1000, outMax - 1, outMax, outMax + 1, outSize, 1 << 20, 3<<20 - 1, 3 << 20, 3<<20 + 1} {
			f(limit, packed(bomb, 9), bomb)
			f(limit, packed(bomb, 0), bomb)
			f(limit, concat(packed(bomb[:1000], 9), packed(bomb[1000:], 9)), bomb)
		}
	}
}

func TestRead(t *testing.T) {
	forBoth(t, func(t *testing.T, r *Reader) {
		text := cloudFrontLog(1500)
		r.Reset(bytes.NewReader(packed(text, 6)))
		if err := iotest.TestReader(r, text); err != nil {
			t.Error(err)
		}
		r.Reset(bytes.NewReader(packed(text, 6)[:1000]))
		got, err := io.ReadAll(r)
		if !errors.Is(err, io.ErrUnexpectedEOF) || len(got) == 0 || !bytes.HasPrefix(text, got) {
			t.Errorf("%d bytes of a truncated file, %v", len(got), err)
		}
	})
}

// TestReset goes from any state into the next file.
func TestReset(t *testing.T) {
	forBoth(t, func(t *testing.T, r *Reader) {
		text := cloudFrontLog(2000)
		file := packed(text, 6)
		for _, before := range [][]byte{file, file[:len(file)/2], []byte("garbage"), wrap(tooFar(2)), storedFile(text)} {
			for pieces := range 4 {
				r.Reset(bytes.NewReader(before))
				for range pieces {
					r.Next(0)
				}
				if got, err := unpack(r, bytes.NewReader(file)); err != nil || !bytes.Equal(got, text) {
					t.Fatalf("%d bytes, %v", len(got), err)
				}
			}
		}
	})
}

func TestNoAllocation(t *testing.T) {
	r := NewReader(Options{})
	text := cloudFrontLog(2000)
	file := concat(packed(text, 6), packed(text, 1), storedFile(text))
	in := bytes.NewReader(nil)
	if n := testing.AllocsPerRun(10, func() {
		in.Reset(file)
		r.Reset(in)
		for keep := 0; ; {
			piece, err := r.Next(keep)
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			keep = min(300, len(piece))
		}
	}); n != 0 {
		t.Errorf("%v allocations a file", n)
	}
}
