package parquetfile

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
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
	err = Each(f, func(parquet.Row) bool { rows++; return true })
	return rows, err
}

func TestEach(t *testing.T) {
	for name, want := range map[string]int{"edge-strings": 3, "edge-nulls": 3, "edge-types": 3, "edge-duckdb": 3, "connection": 4, "other": 2} {
		data := read(t, name+".parquet")
		if got, err := count(data); got != want || err != nil {
			t.Errorf("%s: %d rows, %v; want %d", name, got, err, want)
		}
		f, err := Open(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		rows := 0
		if err := Each(f, func(parquet.Row) bool { rows++; return false }); rows != 1 || err != nil {
			t.Errorf("%s: %d rows after the stop, %v", name, rows, err)
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
	Each(f, func(parquet.Row) bool { panic("mine") })
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
		columns := len(file.Schema().Columns())
		Each(file, func(row parquet.Row) bool {
			for _, v := range row {
				if v.Column() < 0 || v.Column() >= columns {
					t.Fatalf("a value of column %d of %d", v.Column(), columns)
				}
			}
			return true
		})
	})
}
