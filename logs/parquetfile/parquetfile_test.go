package parquetfile

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../testdata/parquet", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// count opens data and counts its rows.
func count(data []byte) (rows int, err error) {
	f, err := Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return 0, err
	}
	flat := flatColumns(f)
	err = EachBatch(f, func(b *Batch) error {
		for _, i := range flat {
			if values, err := b.Column(i); err != nil || len(values) != b.Rows() {
				return cmp.Or(err, errors.New("not a value for each row"))
			}
		}
		rows += b.Rows()
		return nil
	})
	return rows, err
}

// flatColumns are the columns that are not repeated.
func flatColumns(f *parquet.File) (out []int) {
	for i, path := range f.Schema().Columns() {
		if leaf, _ := f.Schema().Lookup(path...); leaf.MaxRepetitionLevel == 0 {
			out = append(out, i)
		}
	}
	return out
}

func TestEachBatch(t *testing.T) {
	for name, want := range map[string]int{"edge-strings": 3, "edge-nulls": 3, "edge-types": 3, "edge-duckdb": 3, "connection": 4, "other": 2} {
		data := read(t, name+".parquet")
		if got, err := count(data); got != want || err != nil {
			t.Errorf("%s: %d rows, %v; want %d", name, got, err, want)
		}
		f, err := Open(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		batches, stop := 0, errors.New("stop")
		if err := EachBatch(f, func(*Batch) error { batches++; return stop }); batches != 1 || err != stop {
			t.Errorf("%s: %d batches until the stop, %v", name, batches, err)
		}
	}
}

// Whichever columns are asked for, wholly or by single values, over the bounds of
// pages and row groups, the values are those that were written.
func TestBatchValues(t *testing.T) {
	type row struct {
		Number int64   `parquet:"number"`
		Kind   string  `parquet:"kind,dict"`
		Note   *string `parquet:"note,optional"`
		Size   *int64  `parquet:"size,optional"`
		Text   string  `parquet:"text,snappy"`
	}
	rng := rand.New(rand.NewPCG(4, 3))
	var rows []row
	var file bytes.Buffer
	w := parquet.NewGenericWriter[row](&file, parquet.PageBufferSize(2000))
	for range 3 {
		group := make([]row, 1000+rng.IntN(2000))
		for i := range group {
			r := &group[i]
			r.Number, r.Kind, r.Text = rng.Int64(), []string{"a", "bb", ""}[rng.IntN(3)], strings.Repeat("x", rng.IntN(40))
			if rng.IntN(3) > 0 {
				s, n := fmt.Sprint(i), int64(i)
				r.Note, r.Size = &s, &n
			}
		}
		if _, err := w.Write(group); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, group...)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	is := func(r *row, column int, v parquet.Value) bool {
		switch column {
		case 0:
			return v.Int64() == r.Number
		case 1:
			return string(v.ByteArray()) == r.Kind
		case 2:
			return r.Note == nil && v.IsNull() || r.Note != nil && string(v.ByteArray()) == *r.Note
		case 3:
			return r.Size == nil && v.IsNull() || r.Size != nil && v.Int64() == *r.Size
		}
		return string(v.ByteArray()) == r.Text
	}
	for range 20 {
		f, err := Open(bytes.NewReader(file.Bytes()), int64(file.Len()))
		if err != nil {
			t.Fatal(err)
		}
		at := 0
		err = EachBatch(f, func(b *Batch) error {
			type asked struct{ column, row int }
			values := map[asked]parquet.Value{}
			for range rng.IntN(4) {
				column := rng.IntN(5)
				if rng.IntN(3) == 0 {
					all, err := b.Column(column)
					if err != nil || len(all) != b.Rows() {
						t.Fatalf("%d values of %d rows, %v", len(all), b.Rows(), err)
					}
					for i, v := range all {
						values[asked{column, i}] = v
					}
					continue
				}
				for range rng.IntN(2 * fewValues) {
					a := asked{column, rng.IntN(b.Rows())}
					v, err := b.Value(column, a.row)
					if err != nil {
						t.Fatal(err)
					}
					values[a] = v
				}
			}
			for a, v := range values { // all are valid until the next batch
				if !is(&rows[at+a.row], a.column, v) {
					t.Fatalf("row %d, column %d: %v", at+a.row, a.column, v)
				}
			}
			at += b.Rows()
			return nil
		})
		if at != len(rows) || err != nil {
			t.Fatalf("%d rows of %d, %v", at, len(rows), err)
		}
	}
}

// TestEmpty reads a file whose columns name no page.
func TestEmpty(t *testing.T) {
	if rows, err := count(read(t, "edge-empty.parquet")); rows != 0 || err != nil {
		t.Errorf("%d rows, %v", rows, err)
	}
}

// TestPanicOfTheCaller is not taken for a damaged file.
func TestPanicOfTheCaller(t *testing.T) {
	data := read(t, "other.parquet")
	f, err := Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if p := recover(); p != "mine" {
			t.Errorf("recovered %v", p)
		}
	}()
	EachBatch(f, func(*Batch) error { panic("mine") })
}

// withFooter replaces the footer.
func withFooter(footer string) []byte {
	data := append([]byte("PAR1"), footer...)
	data = binary.LittleEndian.AppendUint32(data, uint32(len(footer)))
	return append(data, "PAR1"...)
}

func TestOpenFailure(t *testing.T) {
	f := func(data []byte, want string) {
		t.Helper()
		if _, err := count(data); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	f(nil, "the file is cut short: it does not end in PAR1")
	f([]byte("PAR1PAR1"), "the file is cut short: it does not end in PAR1")
	whole := read(t, "edge-strings.parquet")
	f(whole[:len(whole)/2], "the file is cut short: it does not end in PAR1")
	f(append(bytes.Clone(whole[:len(whole)-8]), "\xff\xff\xff\x7fPAR1"...), "the footer claims 2147483647 bytes of a file of 9046")

	f(withFooter(""), "the footer is damaged")
	f(withFooter("\x15"), "the footer is damaged")
	// A list (field 2) that claims two billion structs; the library would
	// allocate them.
	f(withFooter("\x15\x02\x19\xfc\xff\xff\xff\xff\x07\x00"), "the footer is damaged")
	// A string of four billion bytes; a struct in a struct in a struct, …
	f(withFooter("\x18\xff\xff\xff\xff\x0f\x00"), "the footer is damaged")
	f(withFooter(string(bytes.Repeat([]byte{0x1c}, 1000))), "the footer is damaged")
}

func TestPageClaims(t *testing.T) {
	f := func(page string, codec format.CompressionCodec, values int64, want string) {
		t.Helper()
		data := "PAR1" + page
		got := ""
		m := format.ColumnMetaData{Codec: codec, DataPageOffset: 4, TotalCompressedSize: int64(len(page)), NumValues: values}
		if err := checkColumn(bytes.NewReader([]byte(data)), int64(len(data)), &m); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("% x: error %q, want %q", page, got, want)
		}
	}
	// A page header in Thrift's compact protocol: kind, bytes unpacked, bytes
	// packed, and a struct with the number of values.
	header := func(kind, unpacked, packed, values int64) string {
		b := []byte{0x15}
		b = binary.AppendVarint(b, kind)
		b = binary.AppendVarint(append(b, 0x15), unpacked)
		b = binary.AppendVarint(append(b, 0x15), packed)
		return string(append(binary.AppendVarint(append(b, 0x2c, 0x15), values), 0, 0)) // struct 5
	}
	f(header(0, 1, 1, 7)+"x", format.Uncompressed, 7, "")
	f(header(0, 1, 1, 7)+"x", format.Uncompressed, 8, "a column claims 8 values, its pages 7")
	f(header(0, 1<<30, 1, 0)+"x", format.Uncompressed, 0, "a page claims 1 bytes packed, 1073741824 unpacked, 0 values")
	f(header(0, 1, 1<<30, 0)+"x", format.Uncompressed, 0, "a page claims 1073741824 bytes packed, 1 unpacked, 0 values")
	f(header(0, 1, -1, 0)+"x", format.Uncompressed, 0, "a page claims -1 bytes packed, 1 unpacked, 0 values")
	f(header(0, 1, 1, 1<<40)+"x", format.Uncompressed, 0, "a page claims 1 bytes packed, 1 unpacked, 1099511627776 values")
	f(header(0, 1, 1, 7*maxPerByte*100)+"x", format.Uncompressed, 7*maxPerByte*100, "a column claims 44800 values in a file of 18 bytes")
	f(header(0, 9, 5, 7)+"\xff\xff\xff\xff\x0f", format.Snappy, 7, "a page claims 4294967295 bytes unpacked")
	f("\x15", format.Uncompressed, 0, "a page header is damaged")
}

func FuzzOpen(f *testing.F) {
	names, _ := filepath.Glob("../testdata/parquet/*.parquet")
	for _, name := range names {
		f.Add(read(f, filepath.Base(name)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Open(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		flat, odd := flatColumns(file), false
		EachBatch(file, func(b *Batch) error {
			odd = !odd
			for _, i := range flat {
				if odd {
					if values, err := b.Column(i); err == nil && len(values) != b.Rows() {
						t.Fatalf("%d values of %d rows", len(values), b.Rows())
					}
				} else if _, err := b.Value(i, b.Rows()/2); err != nil {
					return err
				}
			}
			return nil
		})
	})
}
