package inventory

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/klauspost/compress/gzip"
)

const schema = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag, StorageClass, EncryptionStatus, ObjectOwner"

func manifest(format, schema, key string, data []byte) string {
	sum := md5.Sum(data)
	return fmt.Sprintf(`{"sourceBucket":"site","destinationBucket":"arn:aws:s3:::reports","version":"2016-11-30","creationTimestamp":"1763600000000","fileFormat":%q,"fileSchema":%q,"files":[{"key":%q,"size":%d,"MD5checksum":%q}]}`,
		format, schema, key, len(data), hex.EncodeToString(sum[:]))
}

// read reads a report and returns a line for each row or error.
func read(t *testing.T, manifest string, files fs.FS) []string {
	t.Helper()
	m, err := ReadManifest(strings.NewReader(manifest))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for o, err := range m.Objects(context.Background(), Beside(files)) {
		if err != nil {
			got = append(got, err.Error())
			continue
		}
		got = append(got, fmt.Sprintf("%q %d %s %s %s %s latest=%v marker=%v %s", o.Key, o.Size, o.StorageClass, o.Encryption, o.Owner,
			o.VersionID, o.IsLatest, o.IsDeleteMarker, o.LastModified.Format("2006-01-02T15:04:05.000")))
	}
	return got
}

func check(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got:\n\t%s\nwant:\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

const rows = `"site","a+b%2Bc%E6%97%A5.html","v1","true","false","12","2025-11-19T10:00:00.000Z","abc","STANDARD","SSE-S3","79a5"
"site","gone","v2","true","true","","2025-11-19T10:00:00.000Z","","","",""
`

var want = []string{
	`"a b+c日.html" 12 STANDARD SSE-S3 79a5 v1 latest=true marker=false 2025-11-19T10:00:00.000`,
	`"gone" -1    v2 latest=true marker=true 2025-11-19T10:00:00.000`,
}

func zip(s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return b.Bytes()
}

func TestCSV(t *testing.T) {
	packed := zip(rows)
	files := fstest.MapFS{"1.csv.gz": {Data: packed}}
	check(t, read(t, manifest("CSV", schema, "site/all/data/1.csv.gz", packed), files), want...)
	files = fstest.MapFS{"1.csv": {Data: []byte(rows)}}
	check(t, read(t, manifest("CSV", schema, "site/all/data/1.csv", []byte(rows)), files), want...)
	// Fewer columns: current versions only.
	check(t, read(t, manifest("CSV", "Bucket, Key", "1.csv", []byte("site,a\n")), fstest.MapFS{"1.csv": {Data: []byte("site,a\n")}}),
		`"a" -1     latest=true marker=false 0001-01-01T00:00:00.000`)
}

func TestCSVFailure(t *testing.T) {
	f := func(data string, want ...string) {
		t.Helper()
		check(t, read(t, manifest("CSV", "Bucket, Key, Size", "d/1.csv", []byte(data)), fstest.MapFS{"1.csv": {Data: []byte(data)}}), want...)
	}
	const a = `"a" 1     latest=true marker=false 0001-01-01T00:00:00.000`
	f("site,a,1\nsite,b\nsite,a,1\n", a, "d/1.csv: line 2: 2 values for 3 columns", a)
	f("site,b,x\nsite,a,1\n", `d/1.csv: line 1: size "x" is not understood`, a)
	f("site,%zz,1\nsite,a,1\n", `d/1.csv: line 1: invalid URL escape "%zz"`, a)
	f("site,\"a\"b,1\nsite,a,1\n", `d/1.csv: line 1: extraneous or missing " in quoted-field`, a)

	whole := zip(strings.Repeat("site,a,1\n", 1000))
	files := fstest.MapFS{"1.csv": {Data: whole[:len(whole)-9]}}
	got := read(t, manifest("CSV", "Bucket, Key, Size", "d/1.csv", whole), files)
	if len(got) != 1001 || got[1000] != "d/1.csv: unexpected EOF" {
		t.Errorf("a cut file gives %d rows, last %q", len(got), got[len(got)-1])
	}
	m := manifest("CSV", "Bucket, Key, Size", "d/1.csv", []byte("other"))
	check(t, read(t, m, fstest.MapFS{"1.csv": {Data: []byte("site,a,1\n")}}), a,
		"d/1.csv: MD5 is a8159e59106cbf4f74263666dbd71c6d, the manifest says 795f3202b17cb6bc3d4b771d8c6c9eaf")
	check(t, read(t, m, fstest.MapFS{}), "d/1.csv: open 1.csv: file does not exist")
}

// The file is written by pyarrow, see make.py.
func TestParquet(t *testing.T) {
	data, err := os.ReadFile("testdata/inventory.parquet")
	if err != nil {
		t.Fatal(err)
	}
	got := read(t, manifest("Parquet", "message s3.inventory {…}", "x/data/inventory.parquet", data), os.DirFS("testdata"))
	check(t, got,
		`"a b+c日.html" 12 STANDARD SSE-S3 79a5 v1 latest=true marker=false 2025-11-19T10:00:00.000`,
		`"gone" -1    v2 latest=true marker=true 2025-11-19T10:00:00.250`)
	cut := data[:len(data)/2]
	check(t, read(t, manifest("Parquet", "", "d/1.parquet", cut), fstest.MapFS{"1.parquet": {Data: cut}}),
		"d/1.parquet: the file is cut short: it does not end in PAR1")
}

func TestReadManifestFailure(t *testing.T) {
	f := func(manifest, want string) {
		t.Helper()
		if _, err := ReadManifest(strings.NewReader(manifest)); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	f(manifest("ORC", "struct<bucket:string>", "1.orc", nil), "inventory manifest: the report is in ORC, which is not supported: choose CSV or Parquet in the inventory configuration")
	f(manifest("XML", "", "1", nil), `inventory manifest: unknown fileFormat "XML"`)
	f(manifest("CSV", "Bucket, Size", "1", nil), `inventory manifest: fileSchema "Bucket, Size" has no Key`)
	f(`{"fileFormat":"Parquet"}`, "inventory manifest: no sourceBucket")
	f(`{"sourceBucket":"site","fileFormat":"Parquet"}`, "inventory manifest: no files")
	f(`{"sourceBucket":"site","fileFormat":"Parquet","files":null}`, "inventory manifest: no files")
	f("", "inventory manifest: unexpected end of JSON input")
}

// TestStop leaves the sequence early; going on after that would panic.
func TestStop(t *testing.T) {
	m, err := ReadManifest(strings.NewReader(manifest("CSV", "Bucket, Key", "1", []byte("site,a\nsite,b\n"))))
	if err != nil {
		t.Fatal(err)
	}
	for range m.Objects(context.Background(), Beside(fstest.MapFS{"1": {Data: []byte("site,a\nsite,b\n")}})) {
		break
	}
}

func FuzzObjects(f *testing.F) {
	f.Add([]byte(rows), false)
	f.Add(zip(rows), false)
	if data, err := os.ReadFile("testdata/inventory.parquet"); err == nil {
		f.Add(data, true)
	}
	f.Fuzz(func(t *testing.T, data []byte, parquet bool) {
		format := "CSV"
		if parquet {
			format = "Parquet"
		}
		m := &Manifest{SourceBucket: "site", Format: format, Files: []File{{Key: "1"}}}
		if !parquet {
			m.Columns = strings.Split(schema, ", ")
		}
		for o, err := range m.Objects(context.Background(), Beside(fstest.MapFS{"1": {Data: data}})) {
			if (o == nil) == (err == nil) {
				t.Fatalf("object %v with error %v", o, err)
			}
		}
	})
}
