package inflate

import (
	"bytes"
	"compress/flate"
	stdgzip "compress/gzip"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"
	"math/rand/v2"
	"regexp"
	"testing"
	"testing/iotest"

	kflate "github.com/klauspost/compress/flate"
)

var streams = flag.Int("streams", 10_000, "how many streams TestRandomStreams compares")

// A comparer checks one Reader, reused throughout, against the standard library.
type comparer struct {
	r   *Reader
	got []byte
}

func newComparer(o Options) *comparer { return &comparer{r: NewReader(o)} }

// compare unpacks a gzip file with r and with compress/gzip. Both must give the
// same text, or both must refuse the file after the same text, but that r
//   - accepts zero bytes after the last member, as gzip(1) does;
//   - accepts header texts of any length, compress/gzip up to 511 bytes;
//   - gives every symbol of a truncated file, where compress/flate withholds
//     those that are shorter than the code for the end of the block;
//   - with Options.Library, may give less text of a truncated file, or more of
//     a corrupt one (klauspost/compress/flate 1.20 takes some undefined
//     distance codes; the checksum then does not match).
//
// seed chooses how r is fed and asked.
func (c *comparer) compare(t *testing.T, file []byte, seed uint64) (text []byte, err error) {
	t.Helper()
	var want []byte
	std, wantErr := stdgzip.NewReader(bytes.NewReader(file))
	if wantErr == nil {
		want, wantErr = io.ReadAll(std)
	} else if wantErr == io.EOF { // an empty file
		wantErr = nil
	}
	c.unpack(t, file, seed)
	err = c.r.err
	if err == io.EOF {
		err = nil
	}
	switch {
	case wantErr == nil && err != nil:
		t.Fatalf("refused: %v\nfile %x", err, clip(file))
	case wantErr == nil && !bytes.Equal(c.got, want):
		t.Fatalf("%d bytes of text differ from compress/gzip's %d\nfile %x", len(c.got), len(want), clip(file))
	case wantErr == nil:
	case c.r.lib != nil && err != nil && (bytes.HasPrefix(want, c.got) || bytes.HasPrefix(c.got, want)):
	case !bytes.HasPrefix(c.got, want):
		t.Fatalf("%d bytes of text before %v do not start with compress/gzip's %d\nfile %x", len(c.got), err, len(want), clip(file))
	case err == nil && !(wantErr == stdgzip.ErrHeader || wantErr == io.ErrUnexpectedEOF) || err == nil && !forgiven(file):
		t.Fatalf("accepted, compress/gzip says %v\nfile %x", wantErr, clip(file))
	case len(c.got) > len(want) && err != nil && !errors.Is(wantErr, io.ErrUnexpectedEOF):
		t.Fatalf("%d bytes of text before %v, compress/gzip gives %d before %v\nfile %x", len(c.got), err, len(want), wantErr, clip(file))
	}
	return c.got, err
}

// unpack puts file's text in c.got, asking for pieces in a way that seed chooses.
func (c *comparer) unpack(t *testing.T, file []byte, seed uint64) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 1))
	var src io.Reader = bytes.NewReader(file)
	switch seed % 8 {
	case 1:
		src = iotest.OneByteReader(src)
	case 2:
		src = iotest.HalfReader(src)
	case 3:
		src = iotest.DataErrReader(src)
	case 4:
		src = &raggedReader{src, rnd}
	}
	c.r.Reset(src)
	c.got = c.got[:0]
	keep := 0
	for {
		piece, err := c.r.Next(keep)
		if !bytes.Equal(piece[:keep], c.got[len(c.got)-keep:]) {
			t.Fatalf("the %d bytes kept have changed\nfile %x", keep, clip(file))
		}
		c.got = append(c.got, piece[keep:]...)
		if err != nil {
			if len(piece) != keep {
				t.Fatalf("%d new bytes together with %v", len(piece)-keep, err)
			}
			break
		}
		if len(piece) == keep {
			t.Fatal("no new bytes and no error")
		}
		switch keep = 0; rnd.IntN(3) {
		case 0:
			keep = min(len(piece), rnd.IntN(1000))
		case 1:
			keep = min(len(piece), rnd.IntN(MaxKeep+1))
		}
	}
	if off := c.r.InputOffset(); off < 0 || off > int64(len(file)) || c.r.err == io.EOF && off != int64(len(file)) {
		t.Fatalf("offset %d of %d after %v\nfile %x", off, len(file), c.r.err, clip(file))
	}
}

// forgiven reports whether file is right but for what compare allows.
func forgiven(file []byte) bool {
	trimmed := bytes.TrimRight(file, "\x00")
	for n := range 100 { // a member may end with zeros
		if len(trimmed)+n <= len(file) {
			if r, err := stdgzip.NewReader(bytes.NewReader(file[:len(trimmed)+n])); err == nil {
				if _, err := io.Copy(io.Discard, r); err == nil {
					return true
				}
			}
		}
	}
	return len(file) > 512 && file[3]&(flagName|flagComment) != 0
}

func clip(b []byte) []byte { return b[:min(len(b), 4096)] }

// raggedReader reads a few bytes at a time, sometimes none.
type raggedReader struct {
	r   io.Reader
	rnd *rand.Rand
}

func (r *raggedReader) Read(p []byte) (int, error) {
	return r.r.Read(p[:min(len(p), r.rnd.IntN(40))])
}

// gzipFile makes a member from deflate data and the text it unpacks to.
func gzipFile(deflated, text []byte) []byte {
	b := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}
	b = append(b, deflated...)
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(text))
	return binary.LittleEndian.AppendUint32(b, uint32(len(text)))
}

// wrap makes a gzip file from what may be deflate data: a right one if
// compress/flate accepts it.
func wrap(deflated []byte) []byte {
	in := bytes.NewReader(deflated)
	text, err := io.ReadAll(flate.NewReader(in))
	if err != nil {
		return gzipFile(deflated, nil)[:10+len(deflated)]
	}
	return gzipFile(deflated[:len(deflated)-in.Len()], text)
}

// randomText makes text of the kinds that lead to different deflate data: noise,
// few letters, runs, far repetitions, log lines.
func randomText(rnd *rand.Rand, n int) []byte {
	b := make([]byte, 0, n+400)
	letters := 1 + rnd.IntN(256)
	for kind := rnd.IntN(5); len(b) < n; {
		switch kind {
		case 0:
			b = append(b, byte(rnd.IntN(letters)))
		case 1:
			b = append(b, bytes.Repeat([]byte{byte(rnd.IntN(letters))}, 1+rnd.IntN(300))...)
		case 2:
			b = append(b, byte(rnd.ExpFloat64()*float64(letters)/6))
		case 3:
			b = fmt.Appendf(b, "2026-11-24\t03:15:%02d\tFRA56-P4\t%d\tGET\t/assets/%x\t403\n", rnd.IntN(60), rnd.IntN(5000), rnd.Uint32())
		case 4:
			if len(b) == 0 || rnd.IntN(4) == 0 {
				b = append(b, byte(rnd.Uint32()))
				continue
			}
			dist := 1 + rnd.IntN(min(len(b), window))
			if rnd.IntN(2) == 0 {
				dist = min(len(b), window-rnd.IntN(3))
			}
			for range 3 + rnd.IntN(300) {
				b = append(b, b[len(b)-dist])
			}
		}
	}
	return b[:n]
}

// compressed packs text with one of the two libraries at a random level, with
// some flushes.
func compressed(rnd *rand.Rand, text []byte) []byte {
	var b bytes.Buffer
	var w interface {
		io.WriteCloser
		Flush() error
	}
	if level := rnd.IntN(12) - 2; rnd.IntN(2) == 0 {
		w, _ = flate.NewWriter(&b, level)
	} else {
		w, _ = kflate.NewWriter(&b, level)
	}
	for len(text) > 0 {
		n := 1 + rnd.IntN(len(text))
		w.Write(text[:n])
		if text = text[n:]; rnd.IntN(2) == 0 {
			w.Flush()
		}
		if rnd.IntN(2) == 0 {
			w.Write(text)
			break
		}
	}
	w.Close()
	return b.Bytes()
}

// A deflater writes deflate data that no compressor would: any code of up to 15
// bits, any symbol. It keeps only the length of the text.
type deflater struct {
	rnd  *rand.Rand
	out  []byte
	bb   uint64
	nb   uint
	text int
}

func (d *deflater) bits(v uint, n uint) {
	d.bb |= uint64(v) << d.nb
	for d.nb += n; d.nb >= 8; d.nb -= 8 {
		d.out = append(d.out, byte(d.bb))
		d.bb >>= 8
	}
}

// A code is a Huffman code: lengths and codes, first bit lowest, by symbol.
type code struct {
	lens  []uint8
	codes []uint
	used  []int // the symbols that have codes
}

func (d *deflater) put(c code, symbol int) { d.bits(c.codes[symbol], uint(c.lens[symbol])) }

func canonical(lens []uint8) (c code) {
	c = code{lens, make([]uint, len(lens)), nil}
	next := uint(0)
	for n := uint8(1); n < 16; n++ {
		for s, l := range lens {
			if l == n {
				c.codes[s] = uint(bits.Reverse16(uint16(next)) >> (16 - n))
				c.used = append(c.used, s)
				next++
			}
		}
		next *= 2
	}
	return c
}

// randomCode makes a complete code of k of n symbols, those in must among
// them, no code longer than limit.
func (d *deflater) randomCode(n, k int, limit uint8, must ...int) code {
	leaves := []uint8{0}
	for deep := d.rnd.IntN(3); len(leaves) < k; {
		i := d.rnd.IntN(len(leaves))
		if deep == 0 { // mostly split the newest: long codes
			i = len(leaves) - 1 - d.rnd.IntN(min(len(leaves), 2))
		}
		if leaves[i] == limit {
			i = 0
			for leaves[i] == limit {
				i++
			}
		}
		leaves[i]++
		leaves = append(leaves, leaves[i])
	}
	d.rnd.Shuffle(len(leaves), func(i, j int) { leaves[i], leaves[j] = leaves[j], leaves[i] })
	lens := make([]uint8, n)
	free := d.rnd.Perm(n)
	for _, s := range append(must, free...) {
		if len(leaves) > 0 && lens[s] == 0 {
			lens[s] = leaves[0]
			leaves = leaves[1:]
		}
	}
	return canonical(lens)
}

// block writes a random block of about n symbols. Now and then, if faulty, it
// is wrong in some way.
func (d *deflater) block(n int, final, faulty bool) {
	flaw := -1
	if faulty {
		flaw = d.rnd.IntN(12)
	}
	d.bits(uint(btoi(final)), 1)
	kind := uint(d.rnd.IntN(8))
	switch {
	case flaw == 0:
		d.bits(3, 2)
		return
	case kind == 0:
		d.bits(0, 2)
		d.bits(0, (8-d.nb)%8)
		n = d.rnd.IntN(min(10*n, 65536))
		d.bits(uint(n), 16)
		d.bits(uint(n)^0xffff^uint(btoi(flaw == 1)), 16)
		for range n {
			d.bits(uint(d.rnd.IntN(256)), 8)
		}
		d.text += n
		return
	case kind <= 2:
		d.bits(1, 2)
		lens := make([]uint8, maxLit)
		for s := range lens {
			lens[s] = 8
			if s >= 144 && s < 256 {
				lens[s] = 9
			} else if s >= 256 && s < 280 {
				lens[s] = 7
			}
		}
		d.symbols(n, canonical(lens), canonical(bytes.Repeat([]byte{5}, maxDist)), flaw)
		return
	}
	d.bits(2, 2)
	nlit, ndist := 257+d.rnd.IntN(30), 1+d.rnd.IntN(30)
	lit := d.randomCode(nlit, 2+d.rnd.IntN(nlit-1), 15, endOfBlock)
	dist := d.randomCode(ndist, 1+d.rnd.IntN(ndist), 15)
	if len(dist.used) == 1 { // a lone code has one bit
		dist = code{make([]uint8, ndist), make([]uint, ndist), dist.used}
		if dist.lens[dist.used[0]] = 1; d.rnd.IntN(3) == 0 {
			dist.lens[dist.used[0]] = 0 // none at all
			dist.used = nil
		}
	}
	if d.rnd.IntN(20) == 0 { // nothing but the end of the block
		lit = code{make([]uint8, nlit), make([]uint, nlit), []int{endOfBlock}}
		lit.lens[endOfBlock] = 1
	}
	switch flaw {
	case 2: // wrong code, but for rare luck
		lit.lens[d.rnd.IntN(nlit)] = uint8(d.rnd.IntN(16))
	case 3:
		dist.lens[d.rnd.IntN(ndist)] = uint8(d.rnd.IntN(16))
	case 4:
		nlit = 257 + d.rnd.IntN(32)
	case 5:
		ndist = 1 + d.rnd.IntN(32)
	}
	d.bits(uint(nlit-257), 5)
	d.bits(uint(ndist-1), 5)
	pre := d.randomCode(preSymbols, preSymbols, 7)
	npre := uint(preSymbols)
	if flaw == 6 {
		pre.lens[d.rnd.IntN(preSymbols)] = uint8(d.rnd.IntN(8))
		npre -= uint(d.rnd.IntN(3))
	}
	d.bits(npre-4, 4)
	for _, s := range preOrder[:npre] {
		d.bits(uint(pre.lens[s]), 3)
	}
	lens := append(bytes.Clone(lit.lens), dist.lens...)
	for i := 0; i < len(lens); {
		run := 1
		for i+run < len(lens) && lens[i+run] == lens[i] {
			run++
		}
		if flaw == 7 {
			run += 8
		}
		switch {
		case lens[i] == 0 && run >= 11 && d.rnd.IntN(8) > 0:
			run = min(run, 138)
			d.put(pre, 18)
			d.bits(uint(run-11), 7)
		case lens[i] == 0 && run >= 3 && d.rnd.IntN(8) > 0:
			run = min(run, 10)
			d.put(pre, 17)
			d.bits(uint(run-3), 3)
		case i > 0 && lens[i] == lens[i-1] && run >= 3 && d.rnd.IntN(8) > 0, flaw == 8 && i == 0:
			run = max(min(run, 6), 3)
			d.put(pre, 16)
			d.bits(uint(run-3), 2)
		default:
			run = 1
			d.put(pre, int(lens[i]))
		}
		i += run
	}
	d.symbols(n, lit, dist, flaw)
}

// symbols writes about n symbols and the end of the block.
func (d *deflater) symbols(n int, lit, dist code, flaw int) {
	for range n {
		s := lit.used[d.rnd.IntN(len(lit.used))]
		switch {
		case s == endOfBlock, s >= maxLitSent && flaw != 9:
			continue
		case s < endOfBlock:
			d.put(lit, s)
			d.text++
			continue
		case len(dist.used) == 0 && flaw != 10:
			continue
		}
		e := 0
		if len(dist.used) > 0 {
			e = dist.used[d.rnd.IntN(len(dist.used))]
		}
		base, extra := rangeOf(e, 2)
		low := d.rnd.IntN(1 << extra)
		if d.rnd.IntN(4) == 0 {
			low = 1<<extra - 1
		}
		if (base+1+low > d.text || e >= maxDistSnt) && flaw != 11 {
			continue
		}
		d.put(lit, s)
		lenBase, lenExtra := rangeOf(s-257, 4)
		if s >= 285 {
			lenBase, lenExtra = maxMatch-3, 0
		}
		lenLow := d.rnd.IntN(1 << lenExtra)
		d.bits(uint(lenLow), uint(lenExtra))
		d.put(dist, e)
		d.bits(uint(low), uint(extra))
		d.text += 3 + lenBase + lenLow
	}
	d.put(lit, endOfBlock)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// randomDeflate makes deflate data of a few random blocks.
func randomDeflate(rnd *rand.Rand) []byte {
	d := &deflater{rnd: rnd}
	n := 1 + rnd.IntN(200)
	if rnd.IntN(16) == 0 {
		n = rnd.IntN(6000)
	}
	faulty := rnd.IntN(3) == 0
	blocks := 1 + rnd.IntN(4)
	for i := range blocks {
		d.block(max(n, 1), i == blocks-1, faulty && rnd.IntN(blocks) == 0)
	}
	d.bits(0, (8-d.nb)%8)
	return d.out
}

// randomFile makes a gzip file of one to three members, right or spoilt.
func randomFile(rnd *rand.Rand) []byte {
	var file []byte
	for members := 1 + max(0, rnd.IntN(8)-5); members > 0; members-- {
		if rnd.IntN(3) == 0 {
			n := rnd.IntN(3000)
			if rnd.IntN(50) == 0 {
				n = rnd.IntN(1 << 20)
			}
			text := randomText(rnd, n)
			file = append(file, gzipFile(compressed(rnd, text), text)...)
		} else {
			file = append(file, wrap(randomDeflate(rnd))...)
		}
	}
	switch rnd.IntN(8) {
	case 0: // truncated
		file = file[:rnd.IntN(len(file)+1)]
	case 1, 2: // bits flipped
		for range 1 + rnd.IntN(3) {
			file[rnd.IntN(len(file))] ^= 1 << rnd.IntN(8)
		}
	case 3: // padding or garbage
		file = append(file, make([]byte, rnd.IntN(600))...)
		if rnd.IntN(2) == 0 {
			file = append(file, byte(rnd.Uint32()), byte(rnd.Uint32()))
		}
	case 4: // a piece in a wrong place
		i, j := rnd.IntN(len(file)), rnd.IntN(len(file))
		copy(file[i:], file[j:min(len(file), j+rnd.IntN(20))])
	}
	return file
}

// numbers are what differs between errors of one kind.
var numbers = regexp.MustCompile(`\b(0x)?([0-9a-f]{4}|[0-9a-f]{8}|[0-9]+)\b`)

// TestRandomStreams compares with compress/gzip on random files, right and
// wrong. -streams N makes it as long as wanted.
func TestRandomStreams(t *testing.T) {
	c := newComparer(Options{})
	lib := newComparer(Options{Library: true})
	var good, bad, piecewise int
	outcomes := map[string]int{}
	for seed := range uint64(*streams) {
		rnd := rand.New(rand.NewPCG(seed, 403))
		file := randomFile(rnd)
		text, err := c.compare(t, file, seed)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
		if err != nil {
			bad++
			var e *Error
			if !errors.As(err, &e) || e.Offset < 0 || e.Offset > int64(len(file)) {
				t.Fatalf("seed %d: error %#v", seed, err)
			}
			outcomes[numbers.ReplaceAllString(err.Error(), "N")]++
		} else {
			good++
		}
		if len(text) > outMax {
			piecewise++
		}
		if seed%16 == 0 {
			lib.compare(t, file, seed)
		}
	}
	t.Logf("%d right, %d wrong, %d larger than the buffer", good, bad, piecewise)
	for what, n := range outcomes {
		t.Logf("%6d %s", n, what)
	}
	if n := *streams; good < n/3 || bad < n/4 || piecewise < n/400 {
		t.Error("too few of one kind: the test does not test what it should")
	}
}

// FuzzGzip compares with compress/gzip on gzip files.
func FuzzGzip(f *testing.F) {
	for seed := range uint64(60) {
		if file := randomFile(rand.New(rand.NewPCG(seed, 403))); len(file) < 2000 {
			f.Add(file, seed)
		}
	}
	c := newComparer(Options{})
	f.Fuzz(func(t *testing.T, file []byte, seed uint64) { c.compare(t, file, seed) })
}

// FuzzDeflate compares on deflate data, which gets a header and, if it is
// right, a trailer, so that checksums do not stand in the fuzzer's way.
func FuzzDeflate(f *testing.F) {
	for seed := range uint64(60) {
		if data := randomDeflate(rand.New(rand.NewPCG(seed, 403))); len(data) < 2000 {
			f.Add(data, seed)
		}
	}
	c := newComparer(Options{})
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) { c.compare(t, wrap(data), seed) })
}
