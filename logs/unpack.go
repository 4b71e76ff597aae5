package logs

import (
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const (
	// blockSize is what is unpacked at a time: small enough to stay in a core's
	// cache until it is scanned.
	blockSize = 256 << 10
	// maxLine bounds the memory that one line can take.
	maxLine = 1 << 20
	// DefaultMaxObject is the limit of unpacked bytes for one object: a night of
	// the largest sites stays far below, a decompression bomb does not.
	DefaultMaxObject = 16 << 30
)

// errLimit ends an object that unpacks to more than Options.MaxObject.
var errLimit = errors.New("unpacks to more than the limit for one object")

// An unpacker turns stored bytes into blocks of text. Its buffers are kept from
// object to object.
type unpacker struct {
	buf   []byte
	n     int       // bytes in buf
	r     io.Reader // what buf is filled from
	err   error     // the end of r
	left  int64     // bytes until the limit
	gzip  *gzip.Reader
	zstd  *zstd.Decoder
	input countingReader
}

// countingReader counts the stored bytes, and gives the bytes looked at again.
type countingReader struct {
	head []byte
	r    io.Reader
	n    int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	if len(c.head) > 0 {
		n := copy(p, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// reset begins an object. The packing is found by content.
func (u *unpacker) reset(r io.Reader, limit int64) error {
	if u.buf == nil {
		u.buf = make([]byte, blockSize)
	}
	u.n, u.err, u.left = 0, nil, limit
	var magic [4]byte
	n, err := io.ReadFull(r, magic[:])
	u.input = countingReader{head: magic[:n:n], r: r, n: int64(n)}
	u.r = &u.input
	switch {
	case err != nil && err != io.EOF && err != io.ErrUnexpectedEOF:
		return err
	case n >= 2 && magic[0] == 0x1F && magic[1] == 0x8B:
		if u.gzip == nil {
			u.gzip = new(gzip.Reader)
		}
		if err := u.gzip.Reset(&u.input); err != nil {
			return fmt.Errorf("gzip: %w", err)
		}
		u.r = u.gzip
	case n == 4 && magic[0] == 0x28 && magic[1] == 0xB5 && magic[2] == 0x2F && magic[3] == 0xFD:
		if u.zstd == nil {
			u.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
			if err != nil {
				return err
			}
		}
		if err := u.zstd.Reset(&u.input); err != nil {
			return fmt.Errorf("zstd: %w", err)
		}
		u.r = u.zstd
	}
	return nil
}

// next returns the last unconsumed bytes of the block before and new ones after
// them. With the error comes what was read until then; io.EOF is the good end.
// The block is valid until the following call.
func (u *unpacker) next(unconsumed int) ([]byte, error) {
	if u.err != nil {
		return u.buf[u.n-unconsumed : u.n], u.err
	}
	copy(u.buf, u.buf[u.n-unconsumed:u.n])
	u.n = unconsumed
	if u.n == len(u.buf) {
		u.buf = append(u.buf, make([]byte, len(u.buf))...)
	}
	for u.n < len(u.buf) && u.err == nil {
		var n int
		n, u.err = u.r.Read(u.buf[u.n:])
		u.n += n
		if u.left -= int64(n); u.left < 0 && u.err == nil {
			u.err = errLimit
		}
		if n == 0 && u.err == nil {
			continue
		}
	}
	return u.buf[:u.n], u.err
}
