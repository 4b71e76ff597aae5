//go:build !unix || openbsd

package spill

import "os"

// Without mapped files all memory is the heap.
const canMap = false

func mapFile(*os.File, int64, int) ([]byte, error) { panic("not reached") }
func mapAnonymous(int) ([]byte, error)             { panic("not reached") }
func unmap([]byte)                                 {}
