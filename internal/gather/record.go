package gather

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
)

// A Recorder hands questions to other Answers and keeps what they answer, to be
// written as a snapshot directory. The caller gets the answers as they are; in
// the directory secrets are masked (see [Mask]).
type Recorder struct {
	answers Answers
	mu      sync.Mutex
	replies map[Question]recorded
}

type recorded struct {
	data json.RawMessage
	err  *APIError
}

// NewRecorder returns a Recorder in front of a.
func NewRecorder(a Answers) *Recorder {
	return &Recorder{answers: a, replies: map[Question]recorded{}}
}

// Ask asks, and keeps the answer.
func (r *Recorder) Ask(ctx context.Context, q Question) (json.RawMessage, error) {
	data, err := r.answers.Ask(ctx, q)
	kept := recorded{data: data}
	switch {
	case err == nil || errors.As(err, &kept.err):
	case ctx.Err() != nil || errors.Is(err, ErrNotAsked):
		return data, err
	default:
		kept.err = &APIError{Code: CodeRequest, Message: err.Error()}
		if errors.Is(err, ErrUnavailable) {
			kept.err.Code = CodeUnavailable
		}
	}
	r.mu.Lock()
	r.replies[q] = kept
	r.mu.Unlock()
	return data, err
}

// Expect hands on where a bucket is expected.
func (r *Recorder) Expect(bucket, region string) {
	if e, ok := r.answers.(expecter); ok {
		e.Expect(bucket, region)
	}
}

// Recordable reports whether a snapshot can be written to dir: it does not
// exist, or is empty.
func Recordable(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("can't record to %s: %w", dir, cause(err))
	case len(entries) > 0:
		return fmt.Errorf("can't record to %s: it is not empty", dir)
	}
	return nil
}

// Write writes what was answered so far as a snapshot directory, whole or not
// at all. dir must be [Recordable].
func (r *Recorder) Write(dir string) error {
	if err := Recordable(dir); err != nil {
		return err
	}
	files, err := r.files()
	if err != nil {
		return err
	}
	dir = filepath.Clean(dir)
	if err := os.MkdirAll(filepath.Dir(dir), 0o777); err != nil {
		return fmt.Errorf("can't record to %s: %w", dir, cause(err))
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), ".why403-record-")
	if err != nil {
		return fmt.Errorf("can't record to %s: %w", dir, cause(err))
	}
	defer os.RemoveAll(temp)
	for name, data := range files {
		file := filepath.Join(temp, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			return fmt.Errorf("can't record %s: %w", name, cause(err))
		}
		if err := os.WriteFile(file, data, 0o666); err != nil {
			return fmt.Errorf("can't record %s: %w", name, cause(err))
		}
	}
	if err := os.Chmod(temp, 0o755); err != nil {
		return fmt.Errorf("can't record to %s: %w", dir, cause(err))
	}
	_ = os.Remove(dir) // an empty one
	if err := os.Rename(temp, dir); err != nil {
		return fmt.Errorf("can't record to %s: %w", dir, cause(err))
	}
	return nil
}

// files returns the snapshot's files by their names.
func (r *Recorder) files() (map[string][]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	answers := map[string]json.RawMessage{}
	objects := map[string]*objectsFile{}
	versions := map[string]*versionsFile{}
	listOf := func(bucket string) *objectsFile {
		if objects[bucket] == nil {
			objects[bucket] = &objectsFile{contents: map[string]Entry{}}
		}
		return objects[bucket]
	}
	for q, a := range r.replies {
		if a.err != nil {
			a.data, _ = json.Marshal(map[string]*APIError{"Error": a.err})
		}
		switch q.Call {
		case ListObjectsV2:
			if err := listOf(q.Bucket).add(q, a); err != nil {
				return nil, err
			}
		case ListObjectVersions:
			if versions[q.Bucket] == nil {
				versions[q.Bucket] = new(versionsFile)
			}
			if err := versions[q.Bucket].add(q, a); err != nil {
				return nil, err
			}
		case OrganizationPolicies:
			if err := splitPolicies(answers, q, a); err != nil {
				return nil, err
			}
		default:
			name := q.File()
			if name == "" {
				continue
			}
			if q.Key != "" && len(EncodeName(q.Key)) > maxName {
				l := listOf(q.Bucket)
				if l.Answers == nil {
					l.Answers = map[string]json.RawMessage{}
				}
				l.Answers[strings.TrimPrefix(name, "buckets/"+EncodeName(q.Bucket)+"/")] = a.data
				continue
			}
			answers[name] = a.data
		}
	}
	for bucket, l := range objects {
		data, err := l.json()
		if err != nil {
			return nil, err
		}
		answers["buckets/"+EncodeName(bucket)+"/objects.json"] = data
	}
	for bucket, v := range versions {
		data, err := v.json()
		if err != nil {
			return nil, err
		}
		answers["buckets/"+EncodeName(bucket)+"/versions.json"] = data
	}

	masker, err := newMasker()
	if err != nil {
		return nil, err
	}
	for _, data := range answers {
		redact(data, masker.learn)
	}
	files := map[string][]byte{}
	for name, data := range answers {
		if strings.HasSuffix(name, ".js") {
			var code string
			if json.Unmarshal(data, &code) == nil {
				files[name] = []byte(maskCode(code))
				continue
			}
		}
		var b bytes.Buffer
		if err := json.Indent(&b, redact(data, masker.pattern), "", "    "); err != nil {
			return nil, fmt.Errorf("can't record %s: %w", name, err)
		}
		b.WriteByte('\n')
		files[name] = b.Bytes()
	}
	if masker.used {
		files[redactionFile], err = masker.json()
	}
	return files, err
}

// splitPolicies writes each policy of an organization to a file of its own.
func splitPolicies(answers map[string]json.RawMessage, q Question, a recorded) error {
	dir := q.File()
	if a.err != nil {
		answers[path.Join(dir, "error.json")] = a.data
		return nil
	}
	var v struct{ Policies []json.RawMessage }
	if err := json.Unmarshal(a.data, &v); err != nil {
		return fmt.Errorf("can't record %s: %w", q, err)
	}
	for _, data := range v.Policies {
		var p orgPolicy
		if err := json.Unmarshal(data, &p); err != nil {
			return fmt.Errorf("can't record %s: %w", q, err)
		}
		// The same policy may be attached at several levels.
		base := EncodeName(p.Policy.PolicySummary.Name)
		name := path.Join(dir, base+".json")
		for i := 2; answers[name] != nil; i++ {
			name = path.Join(dir, fmt.Sprintf("%s~%d.json", base, i))
		}
		answers[name] = data
	}
	return nil
}

// objectsFile is an objects.json to be written.
type objectsFile struct {
	contents map[string]Entry
	Contents []Entry                    `json:",omitempty"`
	Listings []Listing                  `json:",omitempty"`
	Answers  map[string]json.RawMessage `json:",omitempty"`
	Error    *APIError                  `json:",omitempty"`
}

func (f *objectsFile) add(q Question, a recorded) error {
	l := Listing{Error: a.err}
	if a.err == nil {
		var err error
		if l, err = decodeListing(a.data); err != nil {
			return fmt.Errorf("can't record %s: %w", q, err)
		}
	}
	l.Prefix, l.KeyEncoding = Name(q.Prefix)
	l.Delimiter, l.MaxKeys = q.Delimiter, q.Max
	l.KeyCount = len(l.Contents) + len(l.CommonPrefixes)
	for _, e := range l.Contents {
		key, err := ExactName(e.Key, e.KeyEncoding)
		if err != nil {
			return fmt.Errorf("can't record %s: %w", q, err)
		}
		f.contents[key] = e
	}
	l.Contents = nil
	f.Listings = append(f.Listings, l)
	return nil
}

func (f *objectsFile) json() ([]byte, error) {
	if len(f.Listings) > 0 && len(f.Answers) == 0 && !slices.ContainsFunc(f.Listings, func(l Listing) bool { return l.Error == nil || *l.Error != *f.Listings[0].Error }) {
		return json.Marshal(map[string]*APIError{"Error": f.Listings[0].Error})
	}
	for _, key := range sorted(f.contents) {
		f.Contents = append(f.Contents, f.contents[key])
	}
	sort.Slice(f.Listings, func(i, j int) bool {
		a, b := f.Listings[i], f.Listings[j]
		if a.Prefix != b.Prefix {
			return a.Prefix < b.Prefix
		}
		if a.Delimiter != b.Delimiter {
			return a.Delimiter < b.Delimiter
		}
		return a.MaxKeys < b.MaxKeys
	})
	return json.Marshal(f)
}

// versionsFile is a versions.json to be written.
type versionsFile struct {
	Versions      []Version `json:",omitempty"`
	DeleteMarkers []Version `json:",omitempty"`
	Listings      []Versions
}

func (f *versionsFile) add(q Question, a recorded) error {
	g := Versions{Error: a.err}
	if a.err == nil {
		v, err := decode[Versions](a.data)
		if err != nil {
			return fmt.Errorf("can't record %s: %w", q, err)
		}
		// Other keys that begin alike are not what was asked for.
		own, err := ofKey(v.Versions, q.Prefix)
		if err != nil {
			return fmt.Errorf("can't record %s: %w", q, err)
		}
		markers, err := ofKey(v.DeleteMarkers, q.Prefix)
		if err != nil {
			return fmt.Errorf("can't record %s: %w", q, err)
		}
		f.Versions = append(f.Versions, own...)
		f.DeleteMarkers = append(f.DeleteMarkers, markers...)
	}
	g.Prefix, g.KeyEncoding = Name(q.Prefix)
	f.Listings = append(f.Listings, g)
	return nil
}

func (f *versionsFile) json() ([]byte, error) {
	byKey := func(list []Version) { sort.SliceStable(list, func(i, j int) bool { return list[i].Key < list[j].Key }) }
	byKey(f.Versions)
	byKey(f.DeleteMarkers)
	sort.Slice(f.Listings, func(i, j int) bool { return f.Listings[i].Prefix < f.Listings[j].Prefix })
	return json.Marshal(f)
}
