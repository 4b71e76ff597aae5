package gather

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
)

// Limits of what a snapshot's files may hold.
const (
	maxAnswer  = 64 << 20 // bytes of one answer
	maxListing = 4 << 30  // bytes of one objects.json
)

// A Snapshot answers from a directory in the layout of the contract "The
// snapshot directory". It calls no AWS.
type Snapshot struct {
	fsys fs.FS

	mu       sync.Mutex
	listings map[string]func() (*objectList, error) // by bucket
	versions map[string]func() (*versionList, error)
	folders  map[string]map[string]bool // of objects, encoded, by bucket
}

// OpenSnapshot returns the snapshot in a directory. Nothing outside of it is
// read, not through links either.
func OpenSnapshot(dir string) (*Snapshot, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return nil, fmt.Errorf("snapshot %s: %w", dir, err)
	}
	return NewSnapshot(root.FS()), nil
}

// NewSnapshot returns the snapshot in a file system.
func NewSnapshot(fsys fs.FS) *Snapshot {
	return &Snapshot{fsys: fsys, listings: map[string]func() (*objectList, error){}, versions: map[string]func() (*versionList, error){}, folders: map[string]map[string]bool{}}
}

// holds reports whether the snapshot has a folder for the object.
func (s *Snapshot) holds(bucket, key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	names, ok := s.folders[bucket]
	if !ok {
		entries, _ := fs.ReadDir(s.fsys, "buckets/"+EncodeName(bucket)+"/objects") // what can't be read is said when it is asked for
		names = make(map[string]bool, len(entries))
		for _, e := range entries {
			names[e.Name()] = true
		}
		s.folders[bucket] = names
	}
	return len(names) > 0 && names[EncodeName(key)]
}

// A snapshotError names a file of a snapshot that can't be read.
type snapshotError struct {
	file string
	err  error
}

func (e *snapshotError) Error() string    { return fmt.Sprintf("snapshot file %s: %v", e.file, e.err) }
func (e *snapshotError) Unwrap() error    { return e.err }
func (e *snapshotError) FactCode() string { return CodeSnapshot }

// Ask answers from the directory.
func (s *Snapshot) Ask(ctx context.Context, q Question) (json.RawMessage, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	switch q.Call {
	case ListObjectsV2:
		return s.list(ctx, q)
	case ListObjectVersions:
		return s.listVersions(q)
	case OrganizationPolicies:
		return s.policies(q)
	case ListDistributions:
		return s.distributions(ctx)
	}
	return s.answer(ctx, q)
}

// answer returns the answer in the question's file, or, for a key whose name is
// too long for one, in the bucket's objects.json.
func (s *Snapshot) answer(ctx context.Context, q Question) (json.RawMessage, error) {
	name := q.File()
	if name == "" {
		return nil, ErrNotAsked
	}
	if q.Key != "" && len(EncodeName(q.Key)) > maxName {
		l, err := s.listing(ctx, q.Bucket)
		if err != nil || l == nil {
			return nil, orNotAsked(err)
		}
		data, ok := l.answers[strings.TrimPrefix(name, "buckets/"+EncodeName(q.Bucket)+"/")]
		if !ok {
			return nil, absentError(name)
		}
		return checked(name, data)
	}
	data, err := s.read(name)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(name, ".js") {
		var e *APIError
		if _, err := checked(name, data); errors.As(err, &e) {
			return nil, e
		}
		return json.Marshal(string(data))
	}
	return checked(name, data)
}

func orNotAsked(err error) error {
	if err != nil {
		return err
	}
	return ErrNotAsked
}

// maxName is the longest file name that every usual file system takes.
const maxName = 255

// An absentError names a file that a snapshot does not have. It matches
// ErrNotAsked.
type absentError string

func (e absentError) Error() string { return "the snapshot has no " + string(e) }

func (e absentError) Is(target error) bool { return target == ErrNotAsked }

// read returns a file's bytes; an absentError when there is none.
func (s *Snapshot) read(name string) ([]byte, error) {
	f, err := s.fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, absentError(name)
	}
	if err != nil {
		return nil, &snapshotError{name, cause(err)}
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxAnswer+1))
	if err != nil {
		return nil, &snapshotError{name, cause(err)}
	}
	if len(data) > maxAnswer {
		return nil, &snapshotError{name, fmt.Errorf("larger than %d MiB", maxAnswer>>20)}
	}
	return data, nil
}

func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// checked returns the JSON of a file, or the error that it holds. The AWS CLI
// prints nothing for an answer without members, so an empty file is {}.
func checked(name string, data []byte) (json.RawMessage, error) {
	data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))
	if len(data) == 0 {
		return json.RawMessage("{}"), nil
	}
	var doc struct{ Error *APIError }
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, &snapshotError{name, invalid(data, err)}
	}
	if doc.Error != nil && doc.Error.Code != "" {
		return nil, doc.Error
	}
	return data, nil
}

// invalid says where JSON ends being JSON.
func invalid(data []byte, err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		at := min(int(syntax.Offset), len(data))
		return fmt.Errorf("line %d: not valid JSON: %w", 1+bytes.Count(data[:at], []byte("\n")), err)
	}
	return fmt.Errorf("not the JSON that the AWS CLI prints: %w", err)
}

// policies reads the policies of organization/scp or organization/rcp.
func (s *Snapshot) policies(q Question) (json.RawMessage, error) {
	dir := q.File()
	entries, err := fs.ReadDir(s.fsys, dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, &snapshotError{dir, cause(err)}
	}
	var list []json.RawMessage
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".json") {
			continue
		}
		name := path.Join(dir, e.Name())
		data, err := s.read(name)
		if err == nil {
			data, err = checked(name, data)
		}
		if err != nil {
			return nil, err
		}
		list = append(list, data)
	}
	if list == nil {
		return nil, ErrNotAsked
	}
	return json.Marshal(map[string]any{"Policies": list})
}

// distributions lists the distributions that the snapshot holds.
func (s *Snapshot) distributions(ctx context.Context) (json.RawMessage, error) {
	entries, err := fs.ReadDir(s.fsys, "distributions")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotAsked
	}
	if err != nil {
		return nil, &snapshotError{"distributions", cause(err)}
	}
	type item struct{ Id string }
	items := []item{}
	for _, e := range entries {
		// A recorded answer may be that there is no such distribution. One that
		// AWS did not tell of is there.
		id := decodeName(e.Name())
		var api *APIError
		if _, err := s.answer(ctx, Question{Call: GetDistribution, ID: id}); errors.As(err, &api) && !api.refused() || errors.Is(err, ErrNotAsked) {
			continue
		}
		items = append(items, item{id})
	}
	return json.Marshal(map[string]any{"DistributionList": map[string]any{"Items": items}})
}

// decodeName undoes EncodeName.
func decodeName(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if name[i] == '%' && i+2 < len(name) {
			var c byte
			if _, err := fmt.Sscanf(name[i+1:i+3], "%02X", &c); err == nil {
				b.WriteByte(c)
				i += 2
				continue
			}
		}
		b.WriteByte(name[i])
	}
	return b.String()
}
