package inflate

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// Deflate's alphabets, RFC 1951 section 3.2.
const (
	maxLit     = 288 // literal/length symbols, of which 286 and 287 never occur
	maxDist    = 32  // distance symbols, of which 30 and 31 never occur
	maxLitSent = 286 // a dynamic block may define no more
	maxDistSnt = 30
	preSymbols = 19
	endOfBlock = 256
)

// A decoding table is indexed with the next bits of input. An entry holds, from
// the lowest bit,
//
//	0-5    bits to drop: the code and, for lengths and distances, the extra bits
//	8-11   for lengths and distances, bits of the code alone
//	13-15  isEnd, isSub, isOdd
//	16-    the value: a literal; or the base of a length or distance
//
// and above it the mask of the extra bits: from bit 25 for lengths, from bit 32
// for distances (whose entries are 64 bits wide for that reason). Bit 31 is
// isLiteral.
//
// A code longer than the index leads to an isSub entry: value is where its
// sub-table starts, bits 8-11 how many bits index that. Entries of a sub-table
// do not count the bits already dropped for the first table.
//
// The layout, and the way build fills a table, follow libdeflate's
// deflate_decompress.c (Eric Biggers, MIT licence), with the masks added.
const (
	isLiteral = 1 << 31
	isOdd     = 1 << 15 // neither a literal nor a length or distance
	isSub     = 1 << 14 // isOdd, and leads to a sub-table
	isEnd     = 1 << 13 // isOdd, and the end of the block
	// isOdd alone: no symbol has this code.

	valueShift    = 16
	codeLenShift  = 8
	litMaskShift  = 25
	distMaskShift = 32

	// Bits that index the first table. Wider means fewer sub-tables, but more
	// to build for each block and to keep in the first-level cache.
	litBits  = 11
	distBits = 8
	preBits  = 7

	// Bits that index a table with its sub-tables, which take 2342 and 402
	// entries at most for these alphabets (zlib's examples/enough.c).
	litIndexBits  = 12
	distIndexBits = 9
)

// Entries without the bits of the code, which build adds.
var litSymbols, distSymbols, preSymbolEntries = func() (l [maxLit]uint32, d [maxDist]uint64, p [preSymbols]uint32) {
	for s := range l {
		switch {
		case s < endOfBlock:
			l[s] = isLiteral | uint32(s)<<valueShift
		case s == endOfBlock:
			l[s] = isOdd | isEnd
		case s == 285:
			l[s] = maxMatch << valueShift
		case s > 285:
			l[s] = isOdd
		default:
			base, extra := rangeOf(s-257, 4)
			l[s] = uint32(base+3)<<valueShift | uint32(1<<extra-1)<<litMaskShift | uint32(extra)
		}
	}
	for s := range d {
		if s >= maxDistSnt {
			d[s] = isOdd
			continue
		}
		base, extra := rangeOf(s, 2)
		d[s] = uint64(base+1)<<valueShift | uint64(1<<extra-1)<<distMaskShift | uint64(extra)
	}
	for s := range p {
		p[s] = uint32(s) << valueShift
	}
	return
}()

// rangeOf returns where the i-th range of values starts, counted from 0, and
// how many extra bits choose within it. Ranges come in groups of the given
// size, each group's twice as wide as the ranges of the group before, but for
// the first two.
func rangeOf(i, group int) (base, extra int) {
	if i < 2*group {
		return i, 0
	}
	extra = i/group - 1
	return (group + i%group) << extra, extra
}

// build fills table for the canonical code with the given lengths (each below
// 16, 0 for no code). width is the number of bits that index the first table.
// Like compress/flate it accepts complete codes, a single code of one bit, and
// no code at all, and reports false for others.
func build[E uint32 | uint64](table []E, width uint, lens []uint8, symbols []E) bool {
	var counts [4][16]uint // four, as one would be waited for at each repetition
	for s, n := range lens {
		counts[s&3][n&15]++
	}
	var count [16]uint
	for n := 1; n < 16; n++ {
		count[n] = counts[0][n] + counts[1][n] + counts[2][n] + counts[3][n]
	}
	space := uint(0) // code space used, in units of 15-bit codes
	var next [16]uint
	for n := 1; n < 15; n++ {
		space += count[n] << (15 - n)
		next[n+1] = next[n] + count[n]
	}
	space += count[15]
	if space != 1<<15 {
		if space != 0 && (space != 1<<14 || count[1] != 1) {
			return false
		}
		for i := range table[:1<<width] {
			table[i] = isOdd
		}
		for s, n := range lens {
			if n != 0 {
				for i := uint(0); i < 1<<width; i += 2 {
					table[i] = symbols[s] + 1<<codeLenShift + 1
				}
			}
		}
		return true
	}

	var sorted [maxLit]uint16 // symbols by length of code, then by number
	for s, n := range lens {
		if n != 0 {
			sorted[next[n&15]] = uint16(s)
			next[n&15]++
		}
	}

	// Codes come in order of length. Their bits are sent first bit first, so
	// the index is the code in reverse: code counts up from its top bit. The
	// table doubles with each length, so that each entry is written once and
	// its repetitions are block copies.
	n := uint(1)
	code, size := uint(0), uint(2)
	left := count[1]
	first := 0 // in sorted
	grow := func() {
		n++
		if n <= width {
			copy(table[size:2*size], table[:size])
			size *= 2
		}
		left = count[n&15]
	}
	sub, subEnd := uint(0), uint(1)<<width
	prefix := ^uint(0) // of the codes in the sub-table being filled
	for {
		for left == 0 {
			grow()
		}
		s := sorted[first]
		first++
		if n <= width {
			table[code] = symbols[s] + E(n<<codeLenShift+n)
		} else {
			low := code & (1<<width - 1)
			if low != prefix {
				prefix, sub = low, subEnd
				// As wide as it takes until the codes that follow fill it.
				wide, used := n-width, left
				for used < 1<<wide {
					wide++
					used = 2*used + count[(width+wide)&15]
				}
				subEnd = sub + 1<<wide
				table[prefix] = E(isOdd | isSub | sub<<valueShift | wide<<codeLenShift | width)
			}
			e := symbols[s] + E((n-width)<<codeLenShift+(n-width))
			for i := sub + code>>width; i < subEnd; i += 1 << (n - width) {
				table[i] = e
			}
		}
		left--
		ones := uint(1)<<n - 1
		if code == ones {
			break
		}
		bit := uint(1) << (bits.Len(code^ones) - 1)
		code = code&(bit-1) | bit
	}
	for n < width {
		grow()
	}
	return true
}

// refill tops the bit buffer up to 56 bits or more, or to all that is left of
// the input.
func (r *Reader) refill() {
	if r.fill(8) {
		r.bb |= binary.LittleEndian.Uint64(r.in[r.pos:]) << (r.nb & 63)
		r.pos += uint(^r.nb >> 3 & 7)
		r.nb |= 56
		return
	}
	for r.nb < 56 && r.pos < r.end {
		r.bb |= uint64(r.in[r.pos]) << (r.nb & 63)
		r.pos++
		r.nb += 8
	}
}

// giveBack returns the whole bytes in the bit buffer to the input.
func (r *Reader) giveBack() {
	r.pos -= uint(r.nb >> 3)
	r.nb &= 7
	r.bb &= 1<<r.nb - 1
}

// take returns the next n bits, n at most 16. Without them it sets r.err and
// returns 0.
func (r *Reader) take(n uint64) uint {
	if r.nb < n {
		if r.refill(); r.nb < n {
			r.short("inside a block header")
			return 0
		}
	}
	v := r.bb & (1<<n - 1)
	r.bb >>= n
	r.nb -= n
	return uint(v)
}

// block reads a block's header with, if it has any, its codes.
func (r *Reader) block() {
	r.final = r.take(1) == 1
	switch kind := r.take(2); {
	case r.err != nil:
	case kind == 0:
		r.giveBack()
		r.bb, r.nb = 0, 0 // up to the next whole byte
		n := r.take(16)
		if inverse := r.take(16); r.err == nil && inverse != n^0xffff {
			r.fail(ErrCorrupt, fmt.Sprintf("length %#04x of a stored block and its complement %#04x do not match", n, inverse))
		}
		r.stored = n
		r.state = inStored
	case kind == 1:
		r.fixedCodes()
		r.state = inCodes
	case kind == 2:
		r.dynamicCodes()
		r.state = inCodes
	default:
		r.fail(ErrCorrupt, "block of the reserved type 3")
	}
	r.giveBack()
}

// endBlock goes on after the end of a block.
func (r *Reader) endBlock() {
	r.state = atBlock
	if r.final {
		r.bb, r.nb = 0, 0 // up to the next whole byte
		r.state = atTrailer
	}
}

// copyStored copies what it can of a stored block.
func (r *Reader) copyStored() {
	for r.stored > 0 {
		if r.o >= r.outLimit {
			return
		}
		if !r.fill(1) {
			r.short("inside a stored block")
			return
		}
		n := copy(r.out[r.o:max(r.o, outMax)], r.in[r.pos:min(r.end, r.pos+r.stored)])
		r.o += uint(n)
		r.pos += uint(n)
		r.stored -= uint(n)
	}
	r.endBlock()
}

// fixedCodes builds the tables of RFC 1951 section 3.2.6.
func (r *Reader) fixedCodes() {
	if r.fixed {
		return
	}
	for s := range r.lens[:maxLit] {
		switch {
		case s < 144, s >= 280:
			r.lens[s] = 8
		case s < 256:
			r.lens[s] = 9
		default:
			r.lens[s] = 7
		}
	}
	build(r.lit[:], litBits, r.lens[:maxLit], litSymbols[:])
	for s := range maxDist {
		r.lens[s] = 5
	}
	build(r.dist[:], distBits, r.lens[:maxDist], distSymbols[:])
	r.fixed = true
}

// preOrder is the order in which the lengths of the codes for code lengths are
// sent.
var preOrder = [preSymbols]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// dynamicCodes reads the codes of a dynamic block, RFC 1951 section 3.2.7, and
// builds their tables.
func (r *Reader) dynamicCodes() {
	nlit := r.take(5) + 257
	ndist := r.take(5) + 1
	npre := r.take(4) + 4
	if r.err != nil {
		return
	}
	if nlit > maxLitSent || ndist > maxDistSnt {
		r.fail(ErrCorrupt, fmt.Sprintf("%d literal/length and %d distance codes are more than %d and %d", nlit, ndist, maxLitSent, maxDistSnt))
		return
	}
	r.fixed = false
	var preLens [preSymbols]uint8
	for _, s := range preOrder[:npre] {
		preLens[s] = uint8(r.take(3))
	}
	if r.err != nil {
		return
	}
	if !build(r.pre[:], preBits, preLens[:], preSymbolEntries[:]) {
		r.fail(ErrCorrupt, "code for the code lengths is over-subscribed or incomplete")
		return
	}
	n := nlit + ndist
	for i := uint(0); i < n; {
		if r.nb < preBits {
			r.refill()
		}
		e := r.pre[r.bb&(1<<preBits-1)]
		used := uint64(e & 63)
		if e&isOdd != 0 {
			r.fail(ErrCorrupt, "undefined code for a code length")
			return
		}
		if used > r.nb {
			r.short("inside a block header")
			return
		}
		r.bb >>= used & 63
		r.nb -= used
		length := uint8(e >> valueShift)
		if length < 16 {
			r.lens[i] = length
			i++
			continue
		}
		var repeat uint
		switch length {
		case 16:
			if i == 0 {
				r.fail(ErrCorrupt, "repetition of a code length where there is none")
				return
			}
			length = r.lens[i-1]
			repeat = 3 + r.take(2)
		case 17:
			length = 0
			repeat = 3 + r.take(3)
		case 18:
			length = 0
			repeat = 11 + r.take(7)
		}
		if r.err != nil {
			return
		}
		if i+repeat > n {
			r.fail(ErrCorrupt, "more code lengths than announced")
			return
		}
		for range repeat {
			r.lens[i] = length
			i++
		}
	}
	if !build(r.lit[:], litBits, r.lens[:nlit], litSymbols[:]) {
		r.fail(ErrCorrupt, "literal/length code is over-subscribed or incomplete")
		return
	}
	if !build(r.dist[:], distBits, r.lens[nlit:n], distSymbols[:]) {
		r.fail(ErrCorrupt, "distance code is over-subscribed or incomplete")
	}
}
