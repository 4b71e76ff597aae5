// Package bytescan finds bytes in unpacked log text eight at a time, in plain
// Go: a three-byte needle such as a status code, and the nth tab of a line.
//
// It must not know any log format, keep state, or allocate. Where the standard
// library has a vector routine that fits (bytes.IndexByte, bytes.Count), use
// that one: this package holds only what package bytes does slowly.
package bytescan

import (
	"encoding/binary"
	"math/bits"
)

const (
	lows  = 0x0101010101010101 // 1 in each byte
	highs = 0x8080808080808080 // top bit of each byte
)

// Index3 returns the index of the first c0 c1 c2 in b, or -1.
//
// Its speed does not depend on how common any one of the three bytes is.
// bytes.Index jumps to each c0 instead, which in a log (tabs, digits) is
// nearly everywhere.
func Index3(b []byte, c0, c1, c2 byte) int {
	w0, w1, w2 := uint64(c0)*lows, uint64(c1)*lows, uint64(c2)*lows
	i := 0
	// Four words a step. A word of x has a zero byte exactly where all three
	// bytes agree. x-lows sets the top bit of each zero byte, and else only of
	// bytes above a zero byte or with their own top bit set, which text without
	// bytes beyond ASCII does not have; firstZero then tells.
	for ; len(b)-i >= 34; i += 32 {
		p := b[i:][:34]
		x := (load(p[0:]) ^ w0) | (load(p[1:]) ^ w1) | (load(p[2:]) ^ w2)
		y := (load(p[8:]) ^ w0) | (load(p[9:]) ^ w1) | (load(p[10:]) ^ w2)
		z := (load(p[16:]) ^ w0) | (load(p[17:]) ^ w1) | (load(p[18:]) ^ w2)
		t := (load(p[24:]) ^ w0) | (load(p[25:]) ^ w1) | (load(p[26:]) ^ w2)
		if ((x-lows)|(y-lows)|(z-lows)|(t-lows))&highs != 0 {
			for k, v := range [...]uint64{x, y, z, t} {
				if at := firstZero(v); at < 8 {
					return i + 8*k + at
				}
			}
		}
	}
	for ; i+2 < len(b); i++ {
		if b[i] == c0 && b[i+1] == c1 && b[i+2] == c2 {
			return i
		}
	}
	return -1
}

// IndexNth returns the index of the nth c in b, counted from 1, or -1 if b
// holds fewer or n < 1. For the nth tab after position p of a line, pass
// line[p:] and add p.
func IndexNth(b []byte, c byte, n int) int {
	if n < 1 {
		return -1
	}
	w := uint64(c) * lows
	i := 0
	for ; len(b)-i >= 8; i += 8 {
		m := equal(load(b[i:]), w)
		if k := int(m >> 7 * lows >> 56); k < n { // sum of the marks
			n -= k
			continue
		}
		for ; n > 1; n-- {
			m &= m - 1
		}
		return i + bits.TrailingZeros64(m)>>3
	}
	for ; i < len(b); i++ {
		if b[i] == c {
			if n--; n == 0 {
				return i
			}
		}
	}
	return -1
}

// firstZero returns the index of the lowest zero byte of x, 8 if there is none.
func firstZero(x uint64) int {
	// The marks can err only above the lowest zero byte, by the borrow.
	return bits.TrailingZeros64((x-lows)&^x&highs) >> 3
}

// equal sets the top bit of each byte of v that equals the byte of w there, and
// no other bit. Unlike the shorter test in firstZero it is exact for every byte,
// which counting needs.
func equal(v, w uint64) uint64 {
	x := v ^ w
	return ^((x&^highs + ^uint64(highs)) | x | ^uint64(highs))
}

func load(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }
