//go:build unix

package logs

import (
	"io/fs"
	"syscall"
)

// A smallReader reads a small object with fewer system calls than Open, Read
// and Close take.
type smallReader interface {
	// readSmall fills buf with the object's bytes. If that fills buf, there may
	// be more. It may leave out what is appended while it reads.
	readSmall(o *Object, buf []byte) (int, error)
}

func (d directory) readSmall(o *Object, buf []byte) (int, error) { return readSmall(o, buf) }
func (f file) readSmall(o *Object, buf []byte) (int, error)      { return readSmall(o, buf) }

func readSmall(o *Object, buf []byte) (n int, err error) {
	path := o.URI
	fd, err := retry(func() (int, error) { return syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0) })
	if err != nil {
		return 0, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer syscall.Close(fd)
	for n < len(buf) {
		k, err := retry(func() (int, error) { return syscall.Read(fd, buf[n:]) })
		if err != nil {
			return n, &fs.PathError{Op: "read", Path: path, Err: err}
		}
		n += k
		// All that was listed, and then less than there is room for: the end.
		if k == 0 || o.Size > 0 && int64(n) >= o.Size {
			break
		}
	}
	return n, nil
}

// retry calls f again while a signal interrupts it.
func retry(f func() (int, error)) (int, error) {
	for {
		if n, err := f(); err != syscall.EINTR {
			return n, err
		}
	}
}
