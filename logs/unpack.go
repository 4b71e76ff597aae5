package logs

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/why403/why403/internal/inflate"
)

const (
	// keepBytes is the longest unfinished line that a block carries over to the
	// next; longer ones are gathered apart.
	keepBytes = inflate.MaxKeep
	// maxLine bounds the memory that one line can take. The longest request that
	// CloudFront logs is far below, with every byte escaped.
	maxLine = 1 << 20
	// DefaultMaxObject is the limit of unpacked bytes for one object. An hour of
	// the largest sites stays below; a decompression bomb does not.
	DefaultMaxObject = 16 << 30
)

// errLimit ends an object that unpacks to more than Options.MaxObject.
var errLimit = errors.New("unpacks to more than the limit for one object")

// A blockReader hands out unpacked text. Next returns the last unconsumed bytes
// of the block before, at most keepBytes, and new ones after them. When there
// are none it returns just the unconsumed bytes with an error, io.EOF after a
// good end. The block is valid until the following call.
type blockReader interface {
	Next(unconsumed int) ([]byte, error)
}

// An unpacker opens stored bytes, packed or not. Its buffers are kept from
// object to object.
type unpacker struct {
	opts  *Options
	input input
	gzip  *inflate.Reader
	zstd  *zstd.Decoder
	plain plainReader
}

// input counts stored bytes, and gives those again that were looked at.
type input struct {
	head  []byte
	r     io.Reader
	n     int64
	magic [4]byte
}

func (c *input) Read(p []byte) (int, error) {
	if len(c.head) > 0 {
		n := copy(p, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

var (
	gzipMagic    = []byte{0x1F, 0x8B}
	zstdMagic    = []byte{0x28, 0xB5, 0x2F, 0xFD}
	parquetMagic = []byte("PAR1")
)

// open begins an object. How it is packed is found by content.
func (u *unpacker) open(r io.Reader) (blockReader, error) {
	in := &u.input
	in.r, in.head = r, nil
	n, err := io.ReadFull(r, in.magic[:])
	in.n = int64(n)
	in.head = in.magic[:n]
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	if bytes.HasPrefix(in.head, gzipMagic) {
		if u.gzip == nil {
			u.gzip = inflate.NewReader(inflate.Options{MaxOutput: u.opts.MaxObject, Library: u.opts.LibraryInflate})
		}
		u.gzip.Reset(in)
		return u.gzip, nil
	}
	if !bytes.HasPrefix(in.head, zstdMagic) {
		u.plain.reset(in, u.opts.MaxObject)
		return &u.plain, nil
	}
	if u.zstd == nil {
		u.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
		if err != nil {
			return nil, err
		}
	}
	if err := u.zstd.Reset(in); err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	u.plain.reset(zstdReader{u.zstd}, u.opts.MaxObject)
	return &u.plain, nil
}

// zstdReader names zstd in errors.
type zstdReader struct{ r io.Reader }

func (z zstdReader) Read(p []byte) (int, error) {
	n, err := z.r.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("zstd: %w", err)
	}
	return n, err
}

// plainReader is the blockReader of unpacked bytes.
type plainReader struct {
	r    io.Reader
	buf  []byte
	n    int // bytes in buf
	err  error
	left int64 // bytes until the limit, <0 for none
}

func (p *plainReader) reset(r io.Reader, limit int64) {
	if p.buf == nil {
		p.buf = make([]byte, 2*keepBytes)
	}
	p.r, p.n, p.err, p.left = r, 0, nil, limit
	if limit <= 0 {
		p.left = -1
	}
}

func (p *plainReader) Next(unconsumed int) ([]byte, error) {
	copy(p.buf, p.buf[p.n-unconsumed:p.n])
	p.n = unconsumed
	for idle := 0; p.n < len(p.buf) && p.err == nil; {
		room := p.buf[p.n:]
		if p.left >= 0 && int64(len(room)) > p.left {
			room = room[:p.left+1] // one more, to see whether there is more
		}
		n, err := p.r.Read(room)
		if p.left >= 0 {
			if int64(n) > p.left {
				n, err = int(p.left), errLimit
			}
			p.left -= int64(n)
		}
		p.n += n
		if n > 0 {
			idle = 0
		} else if idle++; idle == 100 && err == nil {
			err = io.ErrNoProgress
		}
		p.err = err
	}
	if p.n == unconsumed {
		return p.buf[:p.n], p.err
	}
	return p.buf[:p.n], nil
}
