// Package inflate unpacks gzip files for a scan: one reader a worker, reused
// for file after file, that hands out the text in large pieces which need not
// be copied and never cut a line in two.
//
// It must not know what the bytes mean (lines, fields, formats), open or list
// anything, or start goroutines. It reads gzip (RFC 1952) and deflate
// (RFC 1951) only, writes neither, and keeps no global state.
//
// The package uses no unsafe: the hot loop indexes arrays whose lengths are
// constants with masked indexes, so that the compiler proves every access to be
// within bounds and emits no checks (see fast.go).
package inflate

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

const (
	window   = 32 << 10 // how far back a deflate match may reach, in bytes
	maxMatch = 258      // longest deflate match, in bytes

	// The two buffers of a Reader, in bytes. Powers of two, for fast.go. The
	// output buffer holds the window, the piece being handed out and what the
	// caller has kept; it is sized to stay in a core's second-level cache
	// together with the input.
	inSize  = 1 << inBits
	outSize = 1 << outBits
	inBits  = 17
	outBits = 18

	// outMax is the fill of the output buffer at which unpacking pauses. The
	// rest is room for what one turn of the fast loop may write past it: four
	// literals, a match, and the overshoot of its last step.
	outMax = outSize - 320
)

// MaxKeep is the largest number of unconsumed bytes that Reader.Next can keep,
// hence the longest line it never cuts: 128 KiB. CloudFront accepts requests
// of at most 32 KiB (URL and headers), S3 of at most 8 KiB of headers and a
// key of 1,024 bytes; percent-encoding triples a byte at worst.
const MaxKeep = outSize / 2

var (
	// ErrHeader is the cause when a file does not start with a gzip header,
	// or a header is not valid.
	ErrHeader = errors.New("invalid gzip header")
	// ErrCorrupt is the cause when the deflate data cannot be decoded.
	ErrCorrupt = errors.New("corrupt deflate data")
	// ErrChecksum is the cause when the CRC-32 of a member's text is not the
	// one in its trailer.
	ErrChecksum = errors.New("checksum mismatch")
	// ErrSize is the cause when the length of a member's text is not the one
	// in its trailer.
	ErrSize = errors.New("length mismatch")
	// ErrTrailing is the cause when something other than another member or
	// zero bytes follows a complete member.
	ErrTrailing = errors.New("trailing garbage")
	// ErrTooLarge is the cause when the text exceeds Options.MaxOutput.
	ErrTooLarge = errors.New("unpacked size limit exceeded")
	// ErrKeep is returned by Reader.Next, as it is, when asked to keep more
	// than MaxKeep bytes.
	ErrKeep = fmt.Errorf("cannot keep more than %d unconsumed bytes", MaxKeep)
)

// An Error says what stopped a Reader and where.
type Error struct {
	Offset int64  // compressed bytes before the fault, from the start of the file
	Detail string // what exactly, may be empty
	Err    error  // one of the Err variables, io.ErrUnexpectedEOF, or an error that wraps the source's own
}

func (e *Error) Error() string {
	what := e.Err.Error()
	if e.Err == io.ErrUnexpectedEOF {
		what = "file is truncated"
	}
	if e.Detail != "" {
		what += ": " + e.Detail
	}
	return fmt.Sprintf("gzip: %s (at compressed offset %d)", what, e.Offset)
}

func (e *Error) Unwrap() error { return e.Err }

// Options choose how a Reader unpacks. The zero value is the usual choice.
type Options struct {
	// MaxOutput is the number of unpacked bytes allowed for each Reset, all
	// members together; more is ErrTooLarge, after the allowed bytes have been
	// handed out. 0 or less means no limit.
	MaxOutput int64

	// Library leaves the deflate decoding to
	// github.com/klauspost/compress/flate. Headers, checks, errors and limits
	// stay the same.
	Library bool
}

// A Reader unpacks one gzip file after another. It takes about half a megabyte,
// allocated once and independent of the files' sizes. Not for concurrent use.
type Reader struct {
	// Fields with pointers first: the garbage collector need not look further.
	src    io.Reader
	srcErr error // sticky, of src
	err    error // sticky, what Next returns once the text is used up
	lib    libraryInflater
	unread []byte // of the last piece, for Read

	maxOutput int64
	total     int64 // bytes of text since Reset
	members   int   // complete members since Reset

	// Input: in[pos:end] is to be read, in[0] stands at file offset base.
	// bb holds the next nb bits, the lowest first; what it holds above nb is
	// either zero or the true continuation. Outside of fast and codes, nb < 8.
	base     int64
	pos, end uint
	bb       uint64
	nb       uint64

	// Output: out[:o] is text, a match may reach back to out[start].
	o, start uint
	outLimit uint // unpacking pauses when o gets here
	given    uint // length of the last piece
	summed   uint // out[:summed] is in crc
	crc      uint32
	size     uint32 // of the current member up to summed

	state  state
	final  bool // the current block is the last of its member
	fixed  bool // lit and dist hold the fixed codes
	stored uint // bytes left of a stored block

	lit  [1 << litIndexBits]uint32
	dist [1 << distIndexBits]uint64
	pre  [1 << preBits]uint32
	lens [maxLit + maxDist]uint8

	in  [inSize + 8]byte
	out [outSize + 8]byte
}

// state is what comes next in the input.
type state uint8

const (
	atHeader  state = iota // a member, or the end of the file
	atBlock                // a block's header
	inStored               // the bytes of a stored block
	inCodes                // the symbols of a block
	inLibrary              // a member's deflate data, for the library
	atTrailer              // a member's checksum and size
)

// NewReader returns a Reader that has nothing to read: call Reset.
func NewReader(o Options) *Reader {
	r := &Reader{maxOutput: o.MaxOutput, err: io.EOF}
	if o.Library {
		r.lib = newLibraryInflater(r)
	}
	return r
}

// Reset makes r read the gzip file src from its start and forget all else. It
// reads nothing yet and allocates nothing.
//
// src is read ahead, in pieces of up to 128 KiB, to its end.
func (r *Reader) Reset(src io.Reader) {
	r.src, r.srcErr, r.err, r.unread = src, nil, nil, nil
	r.total, r.members = 0, 0
	r.base, r.pos, r.end, r.bb, r.nb = 0, 0, 0, 0, 0
	r.o, r.start, r.given, r.summed = 0, 0, 0, 0
	r.state = atHeader
}

// Members returns the number of members read to their end and found right
// since Reset. An empty file has none, and is no error.
func (r *Reader) Members() int { return r.members }

// InputOffset returns the number of compressed bytes used up since Reset.
func (r *Reader) InputOffset() int64 { return r.base + int64(r.pos) - int64(r.nb/8) }

// Next unpacks the next piece of text, at least one byte and usually about
// 200 KiB. The piece starts with the last unconsumed bytes of the one before, so
// a caller that passes the length of its last, unfinished line never sees a
// line cut in two. The piece belongs to r and is valid until the next call of
// any method.
//
// All text before a fault is handed out first. Then, and at the end of the
// file, Next returns just the unconsumed bytes together with an error: io.EOF
// after a good end, otherwise an *Error. The error stays until Reset.
//
// No more than MaxKeep bytes can be kept: for more, Next returns the unconsumed
// bytes with ErrKeep and has done nothing; the caller may use or drop them and
// go on with a smaller number. Next panics if unconsumed is negative or larger
// than the last piece.
func (r *Reader) Next(unconsumed int) ([]byte, error) {
	if unconsumed < 0 || uint(unconsumed) > r.given {
		panic(fmt.Sprintf("inflate: Next(%d) after a piece of %d bytes", unconsumed, r.given))
	}
	r.given = uint(unconsumed)
	if r.err == nil && unconsumed > MaxKeep {
		return r.out[r.o-r.given : r.o], ErrKeep
	}
	if r.err == nil {
		r.slide(max(r.given, min(r.o, window)))
		r.given += r.unpack()
	}
	if r.given == uint(unconsumed) {
		return r.out[r.o-r.given : r.o], r.err
	}
	return r.out[r.o-r.given : r.o], nil
}

// Read implements io.Reader. Do not mix it with Next.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(r.unread) == 0 {
		var err error
		if r.unread, err = r.Next(0); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.unread)
	r.unread = r.unread[n:]
	return n, nil
}

// slide moves the last keep bytes of text to the front of out.
func (r *Reader) slide(keep uint) {
	by := r.o - keep
	if by == 0 {
		return
	}
	copy(r.out[:keep], r.out[by:r.o])
	r.o = keep
	r.start -= min(r.start, by)
	r.summed = keep
}

// unpack appends text to out until there is about a buffer full of it or r.err
// is set, and returns how much.
func (r *Reader) unpack() uint {
	from := r.o
	r.outLimit = outMax
	if left := r.maxOutput - r.total; r.maxOutput > 0 && left < int64(outMax-from) {
		r.outLimit = from + uint(left) + 1 // one more, to see whether there is more
	}
	for r.err == nil && r.o < r.outLimit {
		switch r.state {
		case atHeader:
			r.header()
		case atBlock:
			r.block()
		case inStored:
			r.copyStored()
		case inCodes:
			r.codes()
		case inLibrary:
			r.library()
		case atTrailer:
			r.trailer()
		}
	}
	r.sum()
	n := r.o - from
	if r.maxOutput > 0 && r.total+int64(n) > r.maxOutput {
		n = uint(r.maxOutput - r.total)
		r.o = from + n
		r.err = &Error{r.InputOffset(), fmt.Sprintf("more than %d bytes", r.maxOutput), ErrTooLarge}
	}
	r.total += int64(n)
	return n
}

// sum brings crc and size up to out[:o].
func (r *Reader) sum() {
	r.crc = crc32.Update(r.crc, crc32.IEEETable, r.out[r.summed:r.o])
	r.size += uint32(r.o - r.summed)
	r.summed = r.o
}

// fill reads on until n bytes of input are at hand, n at most inSize/2, and
// reports whether they are. Whole bytes that the bit buffer holds can still be
// given back afterwards.
func (r *Reader) fill(n uint) bool {
	if r.end-r.pos >= n {
		return true
	}
	if r.srcErr != nil {
		return false
	}
	from := r.pos - min(r.pos, 8)
	copy(r.in[:], r.in[from:r.end])
	r.base += int64(from)
	r.pos -= from
	r.end -= from
	idle := 0
	for r.end-r.pos < n && r.srcErr == nil {
		k, err := r.src.Read(r.in[r.end:inSize])
		r.end += uint(k)
		r.srcErr = err
		if k > 0 {
			idle = 0
		} else if idle++; idle == 100 && err == nil {
			r.srcErr = io.ErrNoProgress
		}
	}
	return r.end-r.pos >= n
}

// fail sets r.err unless there is one.
func (r *Reader) fail(err error, detail string) {
	if r.err == nil {
		r.err = &Error{r.InputOffset(), detail, err}
	}
}

// short is fail for input that ends too early, or could not be read.
func (r *Reader) short(where string) {
	if r.srcErr == io.EOF {
		r.fail(io.ErrUnexpectedEOF, where)
	} else {
		r.fail(fmt.Errorf("reading failed: %w", r.srcErr), "")
	}
}
