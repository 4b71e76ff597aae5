package inflate

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
)

// Flag bits of a gzip header, RFC 1952 section 2.3.1. FTEXT and the reserved
// bits are ignored, as compress/gzip does.
const (
	flagHeaderCRC = 1 << 1
	flagExtra     = 1 << 2
	flagName      = 1 << 3
	flagComment   = 1 << 4
)

// header reads a member's header, or finds the end of the file there.
func (r *Reader) header() {
	if !r.fill(1) {
		if r.srcErr == io.EOF {
			r.err = io.EOF
		} else {
			r.short("")
		}
		return
	}
	if r.members > 0 && r.in[r.pos] == 0 {
		r.padding()
		return
	}
	bad := ErrHeader
	if r.members > 0 {
		bad = ErrTrailing
	}
	if r.in[r.pos] != 0x1f || r.fill(2) && r.in[r.pos+1] != 0x8b {
		r.fail(bad, "no gzip magic number")
		return
	}
	const fixedPart = 10
	if !r.fill(fixedPart) {
		r.pos = r.end
		r.short("inside a gzip header")
		return
	}
	h := r.in[r.pos : r.pos+fixedPart]
	if h[2] != 8 {
		r.fail(ErrHeader, fmt.Sprintf("compression method %d is not deflate", h[2]))
		return
	}
	flags := h[3]
	r.crc = crc32.ChecksumIEEE(h)
	r.pos += fixedPart
	if flags&flagExtra != 0 {
		n := uint(r.headerByte())
		n |= uint(r.headerByte()) << 8
		for ; n > 0 && r.err == nil; n-- {
			r.headerByte()
		}
	}
	for _, text := range [...]byte{flagName, flagComment} {
		for flags&text != 0 && r.headerByte() != 0 {
		}
	}
	if flags&flagHeaderCRC != 0 && r.err == nil {
		want := uint16(r.crc)
		got := uint16(r.headerByte())
		if got |= uint16(r.headerByte()) << 8; got != want && r.err == nil {
			r.fail(ErrHeader, fmt.Sprintf("header checksum is %04x, header says %04x", want, got))
		}
	}
	r.crc, r.size = 0, 0
	r.start, r.summed = r.o, r.o
	r.state = atBlock
	if r.lib != nil {
		r.resetLibrary()
		r.state = inLibrary
	}
}

// headerByte returns the next byte of a header and adds it to crc. Without one
// it sets r.err and returns 0.
func (r *Reader) headerByte() byte {
	if !r.fill(1) {
		r.short("inside a gzip header")
		return 0
	}
	r.crc = crc32.Update(r.crc, crc32.IEEETable, r.in[r.pos:r.pos+1])
	r.pos++
	return r.in[r.pos-1]
}

// padding reads the zero bytes that some tools put after the last member, as
// gzip(1) does.
func (r *Reader) padding() {
	for r.fill(1) {
		if r.in[r.pos] != 0 {
			r.fail(ErrTrailing, "after zero padding")
			return
		}
		r.pos++
	}
	if r.srcErr == io.EOF {
		r.err = io.EOF
	} else {
		r.short("")
	}
}

// trailer checks a member's text.
func (r *Reader) trailer() {
	r.sum()
	if !r.fill(8) {
		r.pos = r.end
		r.short("inside a gzip trailer")
		return
	}
	crc := binary.LittleEndian.Uint32(r.in[r.pos:])
	size := binary.LittleEndian.Uint32(r.in[r.pos+4:])
	if crc != r.crc {
		r.fail(ErrChecksum, fmt.Sprintf("CRC-32 of the text is %08x, trailer says %08x", r.crc, crc))
		return
	}
	if size != r.size {
		r.fail(ErrSize, fmt.Sprintf("text has %d bytes modulo 2^32, trailer says %d", r.size, size))
		return
	}
	r.pos += 8
	r.members++
	r.state = atHeader
}
