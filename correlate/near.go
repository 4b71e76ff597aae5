package correlate

import "context"

// A Lister tells which keys a bucket holds. A List call costs what its answer
// costs: one ListObjectsV2, or nothing when an inventory or a snapshot answers.
type Lister interface {
	// List returns the keys (or, with delimiter "/", the keys and common
	// prefixes) that begin with prefix, in byte order, at most max of both, and
	// whether that is all there is.
	List(ctx context.Context, prefix, delimiter string, max int) (keys, prefixes []string, complete bool, err error)
}

// A NearKey is an existing key that a missing one was probably meant to be.
type NearKey struct {
	Key  string
	Kind NearKind
}

// NearKind names the difference between the key asked for and the one found.
type NearKind string

// The differences, in the order in which they are tried. Each but the last is
// the id of the cause that it proves.
const (
	NearCase           NearKind = "key-case"
	NearTrailingSlash  NearKind = "key-trailing-slash"
	NearDirectoryIndex NearKind = "key-directory-index"
	NearExtension      NearKind = "key-extension"
	NearDoubleSlash    NearKind = "key-double-slash"
	NearOriginPath     NearKind = "key-origin-path"
	NearEncoding       NearKind = "key-encoding"
	NearUnicode        NearKind = "key-unicode-form"
	NearSpelling       NearKind = "spelling" // bounded edit distance: a hint only
)

// A KeyList is the complete, sorted list of a bucket's keys.
type KeyList struct{ keys []string }
