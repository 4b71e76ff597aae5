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
	bytes bytesReader
}

// input counts stored bytes. It gives first those that were looked at, or are at
// hand as a whole, then what r gives.
type input struct {
	head  []byte
	r     io.Reader
	err   error // in place of r
	n     int64
	magic [4]byte
}

func (c *input) Read(p []byte) (int, error) {
	if len(c.head) > 0 {
		n := copy(p, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	if c.r == nil {
		return 0, c.err
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

// open begins an object.
func (u *unpacker) open(r io.Reader) (blockReader, error) {
	in := &u.input
	*in = input{r: r}
	n, err := io.ReadFull(r, in.magic[:])
	in.n, in.head = int64(n), in.magic[:n]
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	return u.start(in.head)
}

// openBytes begins an object whose stored bytes are at hand; err is what ended
// them.
func (u *unpacker) openBytes(data []byte, err error) (blockReader, error) {
	u.input = input{head: data, err: err, n: int64(len(data))}
	if len(data) == 0 && err != io.EOF {
		return nil, err
	}
	packed := bytes.HasPrefix(data, gzipMagic) || bytes.HasPrefix(data, zstdMagic)
	if limit := u.opts.MaxObject; packed || limit > 0 && int64(len(data)) > limit {
		return u.start(data)
	}
	u.bytes = bytesReader{data: data, err: err} // no need to copy
	return &u.bytes, nil
}

// start finds by the first bytes how an object is packed.
func (u *unpacker) start(head []byte) (blockReader, error) {
	switch {
	case bytes.HasPrefix(head, gzipMagic):
		if u.gzip == nil {
			u.gzip = inflate.NewReader(inflate.Options{MaxOutput: u.opts.MaxObject, Library: u.opts.LibraryInflate})
		}
		u.gzip.Reset(&u.input)
		return u.gzip, nil
	case bytes.HasPrefix(head, zstdMagic):
		if u.zstd == nil {
			var err error
			if u.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20)); err != nil {
				return nil, err
			}
		}
		if err := u.zstd.Reset(&u.input); err != nil {
			return nil, fmt.Errorf("zstd: %w", err)
		}
		u.plain.reset(zstdReader{u.zstd}, u.opts.MaxObject)
	default:
		u.plain.reset(&u.input, u.opts.MaxObject)
	}
	return &u.plain, nil
}

// bytesReader is the blockReader of bytes that need no unpacking.
type bytesReader struct {
	data  []byte
	err   error
	given bool
}

func (b *bytesReader) Next(unconsumed int) ([]byte, error) {
	if !b.given && len(b.data) > 0 {
		b.given = true
		return b.data, nil
	}
	return b.data[len(b.data)-unconsumed:], b.err
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
