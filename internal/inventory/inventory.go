// Package inventory reads S3 Inventory reports: the list of a bucket's objects
// that S3 writes daily or weekly, in place of many ListObjectsV2 calls.
//
// A report is a manifest.json and the data files that it names (Amazon S3 user
// guide, Amazon S3 Inventory). The room reads them through an [Opener] and
// streams [Object] values; its memory does not grow with the report.
//
// It must not call AWS, decide what an object's state means, or find the newest
// report.
package inventory

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"strconv"
	"strings"
	"time"
)

// An Object is one row of a report. A report tells only the fields that its
// configuration chose; the others are as documented at each.
type Object struct {
	Key       string // exact bytes, decoded
	VersionID string // "" in reports of current versions only

	// IsLatest is true in reports of current versions only. A row that is the
	// latest and a delete marker means that the key does not exist.
	IsLatest       bool
	IsDeleteMarker bool

	Size         int64     // bytes, -1 if not told
	LastModified time.Time // zero if not told
	ETag         string
	StorageClass string // as S3 names it: STANDARD, GLACIER, …
	ArchiveTier  string // IntelligentTieringAccessTier
	Encryption   string // EncryptionStatus: SSE-S3, SSE-KMS, DSSE-KMS, SSE-C, NOT-SSE
	Owner        string // ObjectOwner: canonical user id
}

// A Manifest is the content of a manifest.json.
type Manifest struct {
	SourceBucket string    // name
	Destination  string    // ARN of the bucket that holds the report
	Created      time.Time // when S3 began to list; the report can lack later changes
	Format       string    // CSV, Parquet
	Columns      []string  // of CSV files, in order
	Files        []File
}

// A File is one data file of a report.
type File struct {
	Key  string // in the destination bucket
	Size int64
	MD5  string // hexadecimal
}

// An Opener opens the data file with the key that the manifest tells.
type Opener func(ctx context.Context, key string) (io.ReadCloser, error)

// Beside opens data files by the last part of their key in fsys, for a report
// that was copied into one folder.
func Beside(fsys fs.FS) Opener {
	return func(_ context.Context, key string) (io.ReadCloser, error) { return fsys.Open(path.Base(key)) }
}

// maxManifest bounds a manifest.json: about 200 bytes tell of a file of up to a
// gigabyte.
const maxManifest = 64 << 20

// ReadManifest reads a manifest.json. It refuses the formats that this package
// can't read.
func ReadManifest(r io.Reader) (*Manifest, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxManifest {
		return nil, fmt.Errorf("inventory manifest: larger than %d MiB", maxManifest>>20)
	}
	var in struct {
		SourceBucket      string          `json:"sourceBucket"`
		DestinationBucket string          `json:"destinationBucket"`
		CreationTimestamp json.RawMessage `json:"creationTimestamp"` // ms, as a string
		FileFormat        string          `json:"fileFormat"`
		FileSchema        string          `json:"fileSchema"`
		Files             []struct {
			Key         string `json:"key"`
			Size        int64  `json:"size"`
			MD5checksum string `json:"MD5checksum"`
		} `json:"files"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, fmt.Errorf("inventory manifest: %w", err)
	}
	m := &Manifest{SourceBucket: in.SourceBucket, Destination: in.DestinationBucket, Format: in.FileFormat}
	if ms, err := strconv.ParseInt(strings.Trim(string(in.CreationTimestamp), `"`), 10, 64); err == nil {
		m.Created = time.UnixMilli(ms).UTC()
	}
	for _, f := range in.Files {
		m.Files = append(m.Files, File{f.Key, f.Size, f.MD5checksum})
	}
	switch {
	case strings.EqualFold(in.FileFormat, "CSV"):
		for name := range strings.SplitSeq(in.FileSchema, ",") {
			m.Columns = append(m.Columns, strings.TrimSpace(name))
		}
		if !contains(m.Columns, "Key") {
			return nil, fmt.Errorf("inventory manifest: fileSchema %q has no Key", in.FileSchema)
		}
	case strings.EqualFold(in.FileFormat, "Parquet"):
	case strings.EqualFold(in.FileFormat, "ORC"):
		return nil, fmt.Errorf("inventory manifest: the report is in ORC, which is not supported: choose CSV or Parquet in the inventory configuration")
	default:
		return nil, fmt.Errorf("inventory manifest: unknown fileFormat %q", in.FileFormat)
	}
	if m.SourceBucket == "" {
		return nil, fmt.Errorf("inventory manifest: no sourceBucket")
	}
	if in.Files == nil { // an empty list is an empty bucket
		return nil, fmt.Errorf("inventory manifest: no files")
	}
	return m, nil
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// Objects streams the rows of all data files. With an error, which names the
// file and the row, the Object is nil: the row, or the rest of the file, is
// missing from the sequence, and the next one follows. The Object belongs to
// the sequence and is valid until the next step.
func (m *Manifest) Objects(ctx context.Context, open Opener) iter.Seq2[*Object, error] {
	return func(yield func(*Object, error) bool) {
		for _, f := range m.Files {
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			more := true
			each := func(o *Object, err error) bool {
				if err != nil {
					o, err = nil, fmt.Errorf("%s: %w", f.Key, err)
				}
				more = yield(o, err)
				return more
			}
			if err := m.file(ctx, open, f, each); err != nil && more {
				each(nil, err)
			}
			if !more {
				return
			}
		}
	}
}

// file reads one data file. It returns what ended it early, unless each said
// so.
func (m *Manifest) file(ctx context.Context, open Opener, f File, each func(*Object, error) bool) error {
	r, err := open(ctx, f.Key)
	if err != nil {
		return err
	}
	defer r.Close()
	if m.Columns != nil {
		return readCSV(r, f, m.Columns, each)
	}
	return readParquet(r, f, each)
}

// set stores one value as the report tells it.
func (o *Object) set(column, value string) error {
	if value == "" {
		return nil
	}
	var err error
	switch column {
	case "key":
		o.Key = value
	case "versionid":
		o.VersionID = value
	case "islatest":
		o.IsLatest, err = strconv.ParseBool(value)
	case "isdeletemarker":
		o.IsDeleteMarker, err = strconv.ParseBool(value)
	case "size":
		o.Size, err = strconv.ParseInt(value, 10, 64)
	case "lastmodifieddate":
		o.LastModified, err = time.Parse(time.RFC3339, value)
	case "etag":
		o.ETag = value
	case "storageclass":
		o.StorageClass = value
	case "intelligenttieringaccesstier":
		o.ArchiveTier = value
	case "encryptionstatus":
		o.Encryption = value
	case "objectowner":
		o.Owner = value
	}
	if err != nil {
		return fmt.Errorf("%s %q is not understood", column, value)
	}
	return nil
}

func (o *Object) clear() { *o = Object{Size: -1, IsLatest: true} }

// normalise makes the spellings of CSV (VersionId) and Parquet (version_id) one.
func normalise(column string) string {
	return strings.ToLower(strings.ReplaceAll(column, "_", ""))
}
