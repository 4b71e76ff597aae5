package gather

import (
	"bufio"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/correlate"
	"github.com/why403/why403/internal/inventory"
)

// An objects.json holds what listings of a bucket answered: the union of their
// Contents, and in Listings each one's other members, so that a replay gets
// each answer back. One that was made by hand holds Contents alone, with
// "Complete": true when it is the whole bucket. A versions.json likewise.

// Name returns the form in which a listing's JSON holds a key or prefix: one
// that is not UTF-8 stands in base64, and its KeyEncoding says so.
func Name(exact string) (text, encoding string) {
	if utf8.ValidString(exact) {
		return exact, ""
	}
	return base64.StdEncoding.EncodeToString([]byte(exact)), "base64"
}

// ExactName undoes Name.
func ExactName(text, encoding string) (string, error) {
	if encoding != "base64" {
		return text, nil
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", fmt.Errorf("key %q is not base64", text)
	}
	return string(b), nil
}

// An Entry is one element of a listing's Contents.
type Entry struct {
	Key          string // exact bytes in base64 when KeyEncoding says so
	KeyEncoding  string `json:",omitempty"`
	LastModified Time   `json:",omitempty"`
	ETag         string `json:",omitempty"`
	Size         int64
	StorageClass string `json:",omitempty"`
	Owner        *Owner `json:",omitempty"`
}

// An Owner is an entry's owner.
type Owner struct{ ID string }

// A CommonPrefix is one element of a listing's CommonPrefixes.
type CommonPrefix struct {
	Prefix      string
	KeyEncoding string `json:",omitempty"`
}

// A Listing is the answer of one ListObjectsV2. Contents is left out where an
// objects.json keeps it among its Listings.
type Listing struct {
	Prefix         string `json:",omitempty"`
	KeyEncoding    string `json:",omitempty"` // of Prefix
	Delimiter      string `json:",omitempty"`
	MaxKeys        int    `json:",omitempty"`
	KeyCount       int
	IsTruncated    bool           `json:",omitempty"`
	Contents       []Entry        `json:",omitempty"`
	CommonPrefixes []CommonPrefix `json:",omitempty"`
	Error          *APIError      `json:",omitempty"`
}

// objectList is a bucket's objects.json, or its inventory, ready for use.
type objectList struct {
	complete bool
	made     time.Time          // when the list was true, zero: now
	keys     *correlate.KeyList // when complete
	sorted   []string           // every key of Contents
	listed   map[string]facts.Listed
	listings map[asked]*Listing
	covered  []string // prefixes of which every key is in Contents
	answers  map[string]json.RawMessage
}

type asked struct {
	prefix, delimiter string
	max               int
}

// listing returns the bucket's objects.json or inventory, nil when there is
// neither.
func (s *Snapshot) listing(ctx context.Context, bucket string) (*objectList, error) {
	s.mu.Lock()
	load, ok := s.listings[bucket]
	if !ok {
		load = sync.OnceValues(func() (*objectList, error) { return s.readListing(context.WithoutCancel(ctx), bucket) })
		s.listings[bucket] = load
	}
	s.mu.Unlock()
	return load()
}

func (s *Snapshot) readListing(ctx context.Context, bucket string) (*objectList, error) {
	dir := "buckets/" + EncodeName(bucket)
	file := dir + "/objects.json"
	l := &objectList{listed: map[string]facts.Listed{}, listings: map[asked]*Listing{}}
	f, err := s.fsys.Open(file)
	switch {
	case err == nil:
		defer f.Close()
		if err := l.read(f); err != nil {
			var api *APIError
			if errors.As(err, &api) {
				return nil, api
			}
			return nil, &snapshotError{file, err}
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, &snapshotError{file, cause(err)}
	default:
		dir += "/inventory"
		switch err := l.inventory(ctx, s.fsys, dir, bucket); {
		case errors.Is(err, fs.ErrNotExist):
			return nil, nil
		case err != nil:
			return nil, &snapshotError{dir + "/manifest.json", err}
		}
	}
	l.finish()
	return l, nil
}

// inventory reads an S3 Inventory delivery. A report of which a part can't be
// read is no whole list of keys, and so none at all.
func (l *objectList) inventory(ctx context.Context, fsys fs.FS, dir, bucket string) error {
	f, err := fsys.Open(dir + "/manifest.json")
	if err != nil {
		return err
	}
	defer f.Close()
	m, err := inventory.ReadManifest(f)
	if err != nil {
		return err
	}
	if m.SourceBucket != bucket {
		return fmt.Errorf("it is about the bucket %q", m.SourceBucket)
	}
	files, err := fs.Sub(fsys, dir)
	if err != nil {
		return err
	}
	return l.rows(ctx, m, inventory.Beside(files))
}

// rows reads the data files of an inventory.
func (l *objectList) rows(ctx context.Context, m *inventory.Manifest, open inventory.Opener) error {
	for o, err := range m.Objects(ctx, open) {
		if err != nil {
			return noFile{err}
		}
		if !o.IsLatest || o.IsDeleteMarker {
			continue
		}
		v := facts.Listed{OwnerID: o.Owner, StorageClass: o.StorageClass, ArchiveTier: o.ArchiveTier, EncryptionStatus: o.Encryption, Size: max(0, o.Size)}
		if !o.LastModified.IsZero() {
			v.LastModified = o.LastModified.UTC().Format(time.RFC3339)
		}
		l.listed[o.Key] = v
	}
	l.complete = true
	return nil
}

// noFile keeps the absence of a data file from looking like the absence of the
// manifest.
type noFile struct{ error }

// read reads an objects.json of any size, entry by entry.
func (l *objectList) read(r io.Reader) error {
	in := bufio.NewReaderSize(io.LimitReader(r, maxListing), 1<<16)
	if b, _ := in.Peek(3); string(b) == "\xef\xbb\xbf" {
		_, _ = in.Discard(3)
	}
	d := json.NewDecoder(in)
	at := func(err error) error {
		if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("not valid JSON: ends at byte %d", d.InputOffset())
		}
		return fmt.Errorf("byte %d: not the JSON that the AWS CLI prints: %w", d.InputOffset(), err)
	}
	if t, err := d.Token(); err == io.EOF {
		return nil // the AWS CLI prints nothing for an empty listing
	} else if err != nil {
		return at(err)
	} else if t != json.Delim('{') {
		return fmt.Errorf("not the JSON that the AWS CLI prints: expected an object")
	}
	var (
		own       Listing
		truncated bool
		same      = map[string]string{} // few owners, many entries
	)
	for d.More() {
		field, err := d.Token()
		if err != nil {
			return at(err)
		}
		switch field {
		case "Contents":
			if t, err := d.Token(); err != nil {
				return at(err)
			} else if t == nil {
				continue
			}
			for d.More() {
				var e Entry
				if err := d.Decode(&e); err != nil {
					return at(err)
				}
				if err := l.add(e, same); err != nil {
					return at(err)
				}
			}
			_, err = d.Token()
		case "Complete":
			err = d.Decode(&l.complete)
		case "Prefix":
			err = d.Decode(&own.Prefix)
		case "Delimiter":
			err = d.Decode(&own.Delimiter)
		case "IsTruncated":
			err = d.Decode(&truncated)
		case "NextToken", "NextContinuationToken":
			var token any
			err = d.Decode(&token)
			truncated = truncated || token != nil
		case "Listings":
			var list []*Listing
			err = d.Decode(&list)
			for _, g := range list {
				prefix, err := ExactName(g.Prefix, g.KeyEncoding)
				if err != nil {
					return at(err)
				}
				l.listings[asked{prefix, g.Delimiter, g.MaxKeys}] = g
				if g.Delimiter == "" && !g.IsTruncated && g.Error == nil {
					l.covered = append(l.covered, prefix)
				}
			}
		case "Answers":
			err = d.Decode(&l.answers)
		case "Error":
			var e APIError
			if err = d.Decode(&e); err == nil && e.Code != "" {
				return &e
			}
		default:
			var other json.RawMessage
			err = d.Decode(&other)
		}
		if err != nil {
			return at(err)
		}
	}
	if _, err := d.Token(); err != nil {
		return at(err)
	}
	// The CLI repeats --prefix in its answer and reads all pages, so what it
	// printed is all there is below that prefix.
	if own.Prefix != "" && own.Delimiter == "" && !truncated {
		l.covered = append(l.covered, own.Prefix)
	}
	return nil
}

func (l *objectList) add(e Entry, same map[string]string) error {
	key, err := ExactName(e.Key, e.KeyEncoding)
	if err != nil {
		return err
	}
	intern := func(s string) string {
		if t, ok := same[s]; ok {
			return t
		}
		same[s] = s
		return s
	}
	v := facts.Listed{StorageClass: intern(e.StorageClass), LastModified: string(e.LastModified), Size: e.Size}
	if e.Owner != nil {
		v.OwnerID = intern(e.Owner.ID)
	}
	l.listed[key] = v
	return nil
}

func (l *objectList) finish() {
	l.sorted = make([]string, 0, len(l.listed))
	for k := range l.listed {
		l.sorted = append(l.sorted, k)
	}
	slices.Sort(l.sorted)
	if l.complete {
		l.covered = append(l.covered, "")
		l.keys = correlate.NewKeyList(l.sorted)
	}
}

// list answers ListObjectsV2.
func (s *Snapshot) list(ctx context.Context, q Question) (json.RawMessage, error) {
	l, err := s.listing(ctx, q.Bucket)
	if err != nil || l == nil {
		return nil, orNotAsked(err)
	}
	g, err := l.answer(q)
	if err != nil {
		return nil, err
	}
	return json.Marshal(g)
}

func (l *objectList) answer(q Question) (*Listing, error) {
	g, ok := l.listings[asked{q.Prefix, q.Delimiter, q.Max}]
	switch {
	case ok && g.Error != nil:
		return nil, g.Error
	case ok:
		return l.pick(q.Prefix, q.Delimiter, g.KeyCount-len(g.CommonPrefixes), g), nil
	}
	if slices.ContainsFunc(l.covered, func(p string) bool { return strings.HasPrefix(q.Prefix, p) }) {
		return l.walk(q), nil
	}
	// A key that is in Contents exists, whatever was asked for.
	if _, ok := l.listed[q.Prefix]; ok && q.Max == 1 && q.Delimiter == "" {
		return l.pick(q.Prefix, "", 1, &Listing{IsTruncated: true}), nil
	}
	return nil, ErrNotAsked
}

// pick returns g with the first n of Contents that its listing can have shown.
// They are the first below its prefix in byte order, so that Contents, which
// holds those of other listings too, shows which they were.
func (l *objectList) pick(prefix, delimiter string, n int, g *Listing) *Listing {
	out := *g
	i, _ := slices.BinarySearch(l.sorted, prefix)
	for ; i < len(l.sorted) && len(out.Contents) < n; i++ {
		key := l.sorted[i]
		if !strings.HasPrefix(key, prefix) {
			break
		}
		if delimiter != "" && strings.Contains(key[len(prefix):], delimiter) {
			continue
		}
		out.Contents = append(out.Contents, l.entry(key))
	}
	out.KeyCount = len(out.Contents) + len(out.CommonPrefixes)
	return &out
}

// walk answers from Contents, which holds every key below the prefix.
func (l *objectList) walk(q Question) *Listing {
	out := &Listing{}
	limit := cmp.Or(q.Max, 1000)
	last := ""
	for i, _ := slices.BinarySearch(l.sorted, q.Prefix); i < len(l.sorted); i++ {
		key := l.sorted[i]
		if !strings.HasPrefix(key, q.Prefix) {
			break
		}
		common := ""
		if q.Delimiter != "" {
			if j := strings.Index(key[len(q.Prefix):], q.Delimiter); j >= 0 {
				common = key[:len(q.Prefix)+j+len(q.Delimiter)]
			}
		}
		if common != "" && common == last {
			continue
		}
		if out.KeyCount == limit {
			out.IsTruncated = true
			break
		}
		out.KeyCount++
		if common == "" {
			out.Contents = append(out.Contents, l.entry(key))
			continue
		}
		last = common
		text, encoding := Name(common)
		out.CommonPrefixes = append(out.CommonPrefixes, CommonPrefix{text, encoding})
	}
	return out
}

func (l *objectList) entry(key string) Entry {
	v := l.listed[key]
	e := Entry{Size: v.Size, StorageClass: v.StorageClass, LastModified: Time(v.LastModified)}
	e.Key, e.KeyEncoding = Name(key)
	if v.OwnerID != "" {
		e.Owner = &Owner{v.OwnerID}
	}
	return e
}

// Keys returns the whole list of a bucket's keys, when the snapshot holds it:
// a complete objects.json or an inventory.
func (s *Snapshot) Keys(ctx context.Context, bucket string) (*correlate.KeyList, error) {
	l, err := s.listing(ctx, bucket)
	if err != nil || l == nil || l.keys == nil {
		return nil, orNotAsked(err)
	}
	return l.keys, nil
}

// Listed returns a key's entry in the whole list of a bucket's keys, and
// whether there is one.
func (s *Snapshot) Listed(ctx context.Context, bucket, key string) (v facts.Listed, found bool, err error) {
	l, err := s.listing(ctx, bucket)
	if err != nil || l == nil || l.keys == nil {
		return v, false, orNotAsked(err)
	}
	v, found = l.listed[key]
	return v, found, nil
}

// A Version is one element of Versions or DeleteMarkers.
type Version struct {
	Key          string
	KeyEncoding  string `json:",omitempty"`
	VersionId    string
	IsLatest     bool
	LastModified Time `json:",omitempty"`
}

// Versions is the answer of one ListObjectVersions.
type Versions struct {
	Prefix        string    `json:",omitempty"`
	KeyEncoding   string    `json:",omitempty"` // of Prefix
	Versions      []Version `json:",omitempty"`
	DeleteMarkers []Version `json:",omitempty"`
	IsTruncated   bool      `json:",omitempty"`
	Error         *APIError `json:",omitempty"`
}

// versionList is a bucket's versions.json, ready for use.
type versionList struct {
	keys  map[string]*Versions
	asked map[string]*Versions // by prefix: what was asked for
	all   bool                 // every version below prefix is there
	below string
}

func (s *Snapshot) versionList(bucket string) (*versionList, error) {
	s.mu.Lock()
	load, ok := s.versions[bucket]
	if !ok {
		load = sync.OnceValues(func() (*versionList, error) { return s.readVersions(bucket) })
		s.versions[bucket] = load
	}
	s.mu.Unlock()
	return load()
}

func (s *Snapshot) readVersions(bucket string) (*versionList, error) {
	file := "buckets/" + EncodeName(bucket) + "/versions.json"
	data, err := s.read(file)
	if err == nil {
		data, err = checked(file, data)
	}
	if err != nil {
		return nil, err
	}
	var v struct {
		Versions
		NextToken, NextKeyMarker any
		Listings                 []*Versions
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return nil, &snapshotError{file, invalid(data, err)}
	}
	l := &versionList{keys: map[string]*Versions{}, asked: map[string]*Versions{}, below: v.Prefix}
	// Without Listings it is what the CLI printed, which reads all pages.
	l.all = v.Listings == nil && !v.IsTruncated && v.NextToken == nil && v.NextKeyMarker == nil
	for _, g := range v.Listings {
		prefix, err := ExactName(g.Prefix, g.KeyEncoding)
		if err != nil {
			return nil, &snapshotError{file, err}
		}
		l.asked[prefix] = g
	}
	at := func(e Version) (*Versions, error) {
		key, err := ExactName(e.Key, e.KeyEncoding)
		if err != nil {
			return nil, &snapshotError{file, err}
		}
		if l.keys[key] == nil {
			l.keys[key] = new(Versions)
		}
		return l.keys[key], nil
	}
	for _, e := range v.Versions.Versions {
		k, err := at(e)
		if err != nil {
			return nil, err
		}
		k.Versions = append(k.Versions, e)
	}
	for _, e := range v.DeleteMarkers {
		k, err := at(e)
		if err != nil {
			return nil, err
		}
		k.DeleteMarkers = append(k.DeleteMarkers, e)
	}
	return l, nil
}

// listVersions answers ListObjectVersions for one key.
func (s *Snapshot) listVersions(q Question) (json.RawMessage, error) {
	l, err := s.versionList(q.Bucket)
	if err != nil {
		return nil, err
	}
	if v := l.keys[q.Prefix]; v != nil {
		return json.Marshal(v)
	}
	// Nothing of the key: that says something only if it was asked for.
	g := l.asked[q.Prefix]
	switch {
	case g != nil && g.Error != nil:
		return nil, g.Error
	case g != nil, l.all && strings.HasPrefix(q.Prefix, l.below):
		return json.RawMessage("{}"), nil
	}
	return nil, ErrNotAsked
}

// ofKey returns the elements of one key.
func ofKey(list []Version, key string) (out []Version, err error) {
	for _, v := range list {
		k, err := ExactName(v.Key, v.KeyEncoding)
		if err != nil {
			return nil, err
		}
		if k == key {
			out = append(out, v)
		}
	}
	return out, nil
}
