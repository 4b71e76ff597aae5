package spill

import (
	"os"
	"syscall"
)

// release takes the pages of a shared mapping out of the process; the file
// keeps them.
func release(b []byte) { syscall.Madvise(b, syscall.MADV_DONTNEED) }

// A residence tells how much of mapped files the process holds in RAM.
type residence struct {
	statm *os.File
	buf   [128]byte
}

func newResidence() *residence {
	f, _ := os.Open("/proc/self/statm")
	return &residence{statm: f}
}

func (r *residence) close() {
	if r.statm != nil {
		r.statm.Close()
	}
}

// pages returns the bytes of resident file pages (proc(5), statm: the third number),
// 0 where the system does not tell.
func (r *residence) pages() (n int64) {
	k, field := 0, 0
	if r.statm != nil {
		k, _ = r.statm.ReadAt(r.buf[:], 0)
	}
	for _, c := range r.buf[:k] {
		switch {
		case c == ' ':
			field++
		case field == 2:
			n = n*10 + int64(c-'0')
		}
	}
	return n * int64(os.Getpagesize())
}
