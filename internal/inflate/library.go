package inflate

import (
	"errors"
	"io"

	"github.com/klauspost/compress/flate"
)

// libraryInflater is what klauspost/compress/flate's reader offers.
type libraryInflater interface {
	io.Reader
	flate.Resetter
}

// librarySource lends a Reader's input to the library byte by byte, so that the
// library stops right after the deflate data.
type librarySource Reader

func newLibraryInflater(r *Reader) libraryInflater {
	return flate.NewReader((*librarySource)(r)).(libraryInflater)
}

func (s *librarySource) ReadByte() (byte, error) {
	if s.pos == s.end && !(*Reader)(s).fill(1) {
		return 0, s.srcErr
	}
	s.pos++
	return s.in[s.pos-1], nil
}

func (s *librarySource) Read(p []byte) (int, error) {
	if s.pos == s.end && !(*Reader)(s).fill(1) {
		return 0, s.srcErr
	}
	n := copy(p, s.in[s.pos:s.end])
	s.pos += uint(n)
	return n, nil
}

// resetLibrary readies the library for the next member's deflate data.
func (r *Reader) resetLibrary() {
	// Reset of this type never fails.
	_ = r.lib.Reset((*librarySource)(r), nil)
}

// library is block, copyStored and codes, done by the library.
func (r *Reader) library() {
	n, err := r.lib.Read(r.out[r.o:min(r.outLimit, outMax)])
	r.o += uint(n)
	var corrupt flate.CorruptInputError
	switch {
	case err == nil:
	case err == io.EOF:
		r.state = atTrailer
	case err == io.ErrUnexpectedEOF || err == r.srcErr:
		r.short("inside deflate data")
	case errors.As(err, &corrupt):
		r.fail(ErrCorrupt, "")
	default:
		r.fail(ErrCorrupt, err.Error())
	}
}
