// Package spill is where data goes that is more than its share of memory:
// temporary files, and memory that is a mapped file, of which the system keeps
// in RAM what is in use.
//
// It must not know what it holds. Its files belong to the user alone and have no
// name where the system allows it, so that nothing is left behind, however the
// process ends; they lie in TMPDIR.
package spill

import (
	"errors"
	"fmt"
	"os"
	"sync"
)

// A Space holds temporary files and mapped memory until it is closed. The zero
// value is ready. It is safe for concurrent use.
type Space struct {
	mu    sync.Mutex
	files []*os.File
}

// File returns a new temporary file, empty and open for reading and writing.
func (s *Space) File() (*os.File, error) {
	f, err := os.CreateTemp("", "why403-spill-*") // 0600
	if err != nil {
		return nil, Fail(err)
	}
	os.Remove(f.Name()) // where a file may be removed while it is open
	s.mu.Lock()
	s.files = append(s.files, f)
	s.mu.Unlock()
	return f, nil
}

// Close gives all files and their room back. Nothing of them may be used
// afterwards.
func (s *Space) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.files {
		f.Close()
		os.Remove(f.Name())
	}
	s.files = nil
	return nil
}

// An Error says that temporary files could not be written or read.
type Error struct{ err error }

func (e *Error) Error() string {
	return fmt.Sprintf("temporary files in %s: %v", os.TempDir(), e.err)
}

// Unwrap returns the system's error.
func (e *Error) Unwrap() error { return e.err }

// UserHint says what the user can do about it.
func (e *Error) UserHint() string {
	return "make room there, set TMPDIR to a directory with room, or give --memory more"
}

// Fail wraps an error of a temporary file, whose random name tells nothing.
func Fail(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return &Error{err}
}
