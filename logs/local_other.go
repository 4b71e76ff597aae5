//go:build !unix

package logs

// A smallReader reads a small object with fewer system calls than Open, Read
// and Close take. Here no source is one.
type smallReader interface {
	readSmall(o *Object, buf []byte) (int, error)
}
