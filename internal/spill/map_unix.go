//go:build unix && !openbsd

package spill

import (
	"os"
	"syscall"
)

// canMap says that files can be mapped and show at once what is written to them
// (OpenBSD's do not).
const canMap = true

func mapFile(f *os.File, offset int64, size int) ([]byte, error) {
	return syscall.Mmap(int(f.Fd()), offset, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
}

func mapAnonymous(size int) ([]byte, error) {
	return syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
}

func unmap(b []byte) { syscall.Munmap(b) }
