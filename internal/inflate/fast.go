package inflate

import "encoding/binary"

// How the bounds hold in fast, without checks and without unsafe:
//
//   - in, out, lit and dist are arrays, and each index is masked with a constant
//     that keeps it, and the seven bytes after it where eight are moved, below
//     the array's length. The compiler proves that and emits no check. A mask
//     costs one AND off the critical path; unsafe pointers instead gained 1.5 %.
//   - The masks never change an index, or the result would be wrong: pos starts
//     each turn at or below end-fastIn and moves by less than fastIn; o starts
//     below outMax, and a turn writes at most 4 literals and a match, whose
//     last 16-byte step ends at most 15 bytes behind it: 4+258+15 < 320.
//
// Tried on CloudFront logs without gain: tables of 10 and 12 bits, matches moved
// by 24 and 32 bytes a step, output of 512 KiB, input of 64 KiB, GOAMD64=v3
// (2 %). Entries of two literals save an eighth of fast and cost as much to make.

// fastIn is more than the number of input bytes that one turn of the fast loop
// may look at: two refills, each of which loads eight bytes and uses up at most
// seven.
const fastIn = 16

// codes decodes the symbols of a block until its end, a pause or a fault.
func (r *Reader) codes() {
	for r.err == nil && r.state == inCodes && r.o < r.outLimit {
		if r.fill(fastIn) {
			r.fast()
		} else {
			r.symbol()
		}
	}
	r.giveBack()
}

// symbol decodes one symbol, with all checks. It is for the last few bytes of
// the file. It needs room for a match in out.
func (r *Reader) symbol() {
	r.refill()
	bb, have := r.bb, r.nb
	e := r.lit[bb&(1<<litBits-1)]
	drop := uint64(0)
	if e&isSub != 0 {
		drop = litBits
		bb >>= litBits
		e = r.lit[uint64(e>>valueShift)+bb&(1<<(e>>codeLenShift&15)-1)]
	}
	saved := bb
	bb >>= e & 63
	drop += uint64(e & 63)
	if drop > have {
		r.short("inside a block")
		return
	}
	switch {
	case e&isLiteral != 0:
		r.out[r.o] = byte(e >> valueShift)
		r.o++
		r.bb, r.nb = bb, have-drop
		return
	case e&(isOdd|isEnd) == isOdd|isEnd:
		r.bb, r.nb = bb, have-drop
		r.endBlockAligned()
		return
	case e&isOdd != 0:
		r.fail(ErrCorrupt, "undefined literal/length code")
		return
	}
	length := uint(e>>valueShift&511) + uint(saved>>(e>>codeLenShift&15))&uint(e>>litMaskShift)

	d := r.dist[bb&(1<<distBits-1)]
	if d&isSub != 0 {
		drop += distBits
		bb >>= distBits
		d = r.dist[d>>valueShift+bb&(1<<(d>>codeLenShift&15)-1)]
	}
	saved = bb
	bb >>= d & 63
	drop += d & 63
	if drop > have {
		r.short("inside a block")
		return
	}
	if d&isOdd != 0 {
		r.fail(ErrCorrupt, "undefined distance code")
		return
	}
	distance := uint(d>>valueShift&0xffff) + uint(saved>>(d>>codeLenShift&15)&(d>>distMaskShift))
	r.bb, r.nb = bb, have-drop
	if distance > r.o-r.start {
		r.fail(ErrCorrupt, "distance reaches back before the start of the text")
		return
	}
	for range length {
		r.out[r.o] = r.out[r.o-distance]
		r.o++
	}
}

// endBlockAligned is endBlock when the bit buffer may hold whole bytes.
func (r *Reader) endBlockAligned() {
	r.giveBack()
	r.endBlock()
}

// fast decodes symbols until a pause, the end of the block or a fault, or until
// fewer than fastIn bytes of input are left. There must be that many at first.
func (r *Reader) fast() {
	const (
		inMask   = inSize - 1
		outMask  = outSize - 1
		litMask  = 1<<litBits - 1
		distMask = 1<<distBits - 1
	)
	bb, nb := r.bb, r.nb
	pos, o := r.pos, r.o
	inLast := r.end - fastIn
	outLimit := r.outLimit
	odd := "" // what was wrong, if anything

	// Of nb only the low six bits count: entries are subtracted whole, and
	// the borrow goes upwards. A refill is without a branch: after it all 64
	// bits of bb are true input and at least 56 of them counted, so up to 53
	// may be dropped before the next look into lit without another refill.
	e := uint64(0)
	bb |= binary.LittleEndian.Uint64(r.in[pos&inMask:]) << (nb & 63)
	pos += uint(^nb >> 3 & 7)
	nb |= 56
	e = uint64(r.lit[bb&litMask])
	for pos <= inLast && o < outLimit {
		bb |= binary.LittleEndian.Uint64(r.in[pos&inMask:]) << (nb & 63)
		pos += uint(^nb >> 3 & 7)
		nb |= 56
		if int32(e) < 0 { // isLiteral
			bb >>= e & 63
			nb -= e
			r.out[o&outMask] = byte(e >> valueShift)
			o++
			e = uint64(r.lit[bb&litMask])
			if int32(e) < 0 {
				bb >>= e & 63
				nb -= e
				r.out[o&outMask] = byte(e >> valueShift)
				o++
				e = uint64(r.lit[bb&litMask])
				if int32(e) < 0 {
					bb >>= e & 63
					nb -= e
					r.out[o&outMask] = byte(e >> valueShift)
					o++
					e = uint64(r.lit[bb&litMask])
					if int32(e) < 0 {
						bb >>= e & 63
						nb -= e
						r.out[o&outMask] = byte(e >> valueShift)
						o++
						e = uint64(r.lit[bb&litMask])
						continue
					}
				}
			}
			bb |= binary.LittleEndian.Uint64(r.in[pos&inMask:]) << (nb & 63)
			pos += uint(^nb >> 3 & 7)
			nb |= 56
		}
		if e&isOdd != 0 {
			if e&isSub != 0 {
				bb >>= litBits
				nb -= litBits
				e = uint64(r.lit[(e>>valueShift+bb&(1<<(e>>codeLenShift&15)-1))&(1<<litIndexBits-1)])
				if int32(e) < 0 {
					bb >>= e & 63
					nb -= e
					r.out[o&outMask] = byte(e >> valueShift)
					o++
					e = uint64(r.lit[bb&litMask])
					continue
				}
			}
			if e&isOdd != 0 {
				if e&isEnd == 0 {
					odd = "undefined literal/length code"
					break
				}
				r.bb, r.nb = bb>>(e&63), (nb-e)&63
				r.pos, r.o = pos, o
				r.endBlockAligned()
				return
			}
		}
		length := uint(e>>valueShift&511 + bb>>(e>>codeLenShift&63)&(e>>litMaskShift))
		bb >>= e & 63
		nb -= e

		d := r.dist[bb&distMask]
		if d&isOdd != 0 {
			if d&isSub == 0 {
				odd = "undefined distance code"
				break
			}
			bb >>= distBits
			nb -= distBits
			d = r.dist[(d>>valueShift+bb&(1<<(d>>codeLenShift&15)-1))&(1<<distIndexBits-1)]
			if d&isOdd != 0 {
				odd = "undefined distance code"
				break
			}
		}
		distance := uint(d>>valueShift&0xffff + bb>>(d>>codeLenShift&63)&(d>>distMaskShift))
		bb >>= d & 63
		nb -= d
		if distance > o-r.start {
			odd = "distance reaches back before the start of the text"
			break
		}
		e = uint64(r.lit[bb&litMask])

		s, end := o-distance, o+length
		if distance >= 8 {
			for {
				binary.LittleEndian.PutUint64(r.out[o&outMask:], binary.LittleEndian.Uint64(r.out[s&outMask:]))
				binary.LittleEndian.PutUint64(r.out[(o+8)&outMask:], binary.LittleEndian.Uint64(r.out[(s+8)&outMask:]))
				o += 16
				s += 16
				if o >= end {
					break
				}
			}
			o = end
		} else {
			for ; o < end; o++ {
				r.out[o&outMask] = r.out[s&outMask]
				s++
			}
		}
	}
	r.bb, r.nb = bb, nb&63
	r.pos, r.o = pos, o
	if odd != "" {
		r.fail(ErrCorrupt, odd)
	}
}
