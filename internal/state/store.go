package state

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// A Store holds the memory's few objects: a directory, or a prefix of a bucket.
//
// Get returns an object's bytes and ETag; its error matches fs.ErrNotExist when
// there is none. Put writes an object whole or not at all, and only if the
// condition holds at that moment; if it does not, the error matches
// ErrCondition. (S3: 412 PreconditionFailed, and 404 under IfMatch; a 409
// ConditionalRequestConflict is to be retried.) Both return soon after ctx ends.
// String names the store in messages.
type Store interface {
	Get(ctx context.Context, name string) (data []byte, etag string, err error)
	Put(ctx context.Context, name string, data []byte, c Condition) (etag string, err error)
	String() string
}

// A Condition guards a Put. The zero value is none.
type Condition struct {
	IfNoneMatch bool   // "If-None-Match: *": there must be no such object
	IfMatch     string // "If-Match": the object must have this ETag
}

// ErrCondition says that a Put's condition did not hold.
var ErrCondition = errors.New("the object was changed by someone else")

// ErrIgnoresConditions says that a store overwrites what it was told to keep.
var ErrIgnoresConditions = errors.New("the store ignores If-None-Match and If-Match: two runs could destroy each other's memory")

// Dir returns the store in a directory, which is made when it does not exist.
// Files are readable by their owner alone.
func Dir(path string) (Store, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("state %s: %w", path, err)
	}
	return dir(path), nil
}

type dir string

func (d dir) String() string { return string(d) }

func (d dir) Get(ctx context.Context, name string) ([]byte, string, error) {
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	data, err := os.ReadFile(filepath.Join(string(d), name))
	if err != nil {
		return nil, "", err
	}
	return data, contentTag(data), nil
}

// Put compares and replaces under an advisory lock of the operating system,
// which a dying process lets go of.
func (d dir) Put(ctx context.Context, name string, data []byte, c Condition) (string, error) {
	unlock, err := lockedfile.MutexAt(filepath.Join(string(d), ".mutex")).Lock()
	if err != nil {
		return "", err
	}
	defer unlock()
	if err := ctx.Err(); err != nil {
		return "", err
	}
	path := filepath.Join(string(d), name)
	switch old, err := os.ReadFile(path); {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", err
	case c.IfNoneMatch && err == nil,
		c.IfMatch != "" && (err != nil || contentTag(old) != c.IfMatch):
		return "", fmt.Errorf("%s: %w", path, ErrCondition)
	}
	d.sweep(name)
	f, err := os.CreateTemp(string(d), "."+name+".*.tmp") // 0600
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return "", err
	}
	if h, err := os.Open(string(d)); err == nil { // the new name survives a power cut
		h.Sync()
		h.Close()
	}
	return contentTag(data), nil
}

// sweep removes what killed runs left half written. The lock is held: nobody
// writes.
func (d dir) sweep(name string) {
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return
	}
	for _, e := range entries {
		if n := e.Name(); strings.HasPrefix(n, "."+name+".") && strings.HasSuffix(n, ".tmp") {
			os.Remove(filepath.Join(string(d), n))
		}
	}
}

func contentTag(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// The names of the objects.
const (
	stateName = "state.jsonl.gz"
	lockName  = "lock.json"
	probeName = "probe"
)

// Probe tells whether the store keeps its conditions, by writing an object of
// its own twice. The error matches ErrIgnoresConditions when it does not.
func Probe(ctx context.Context, s Store) error {
	data := []byte("why403 tries whether this store keeps If-None-Match and If-Match\n")
	must := Condition{IfNoneMatch: true}
	if _, err := s.Put(ctx, probeName, data, must); err != nil && !errors.Is(err, ErrCondition) {
		return fmt.Errorf("state %s: %w", s, err)
	}
	for _, c := range []Condition{must, {IfMatch: `"00000000000000000000000000000000"`}} {
		switch _, err := s.Put(ctx, probeName, data, c); {
		case err == nil:
			return fmt.Errorf("state %s: %w", s, ErrIgnoresConditions)
		case !errors.Is(err, ErrCondition):
			return fmt.Errorf("state %s: %w", s, err)
		}
	}
	return nil
}

// put is Put for objects that this run alone may change. A store can carry a
// Put out and yet report an error (its answer was lost, and a client's retry
// then met the object just written): what lies there decides.
func put(ctx context.Context, s Store, name string, data []byte, c Condition) (string, error) {
	etag, err := s.Put(ctx, name, data, c)
	if err == nil || ctx.Err() != nil {
		return etag, err
	}
	if now, etag, getErr := s.Get(ctx, name); getErr == nil && string(now) == string(data) {
		return etag, nil
	}
	return "", err
}

func utcDay(ms int64) int32 {
	const day = int64(24 * time.Hour / time.Millisecond)
	d := ms / day
	if ms%day < 0 {
		d--
	}
	return int32(d)
}

func dayName(d int32) string { return time.Unix(int64(d)*86400, 0).UTC().Format(time.DateOnly) }
