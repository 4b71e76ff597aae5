// Package parquetfile opens Parquet files that nobody vouches for.
//
// github.com/parquet-go/parquet-go allocates what a footer and page headers
// claim, and panics on some damaged files. [Open] compares the claims with the
// file first, and a [Batch] turns the panics that are left into errors.
//
// It must not know what the columns mean.
package parquetfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// Limits. Files that AWS delivers stay far below.
const (
	maxFooter = 16 << 20 // bytes
	maxItems  = 1 << 19  // list items in the footer
	maxHeader = 1 << 20  // bytes of a page header
	maxPage   = 64 << 20 // bytes of a page, unpacked
	maxValues = 1 << 24  // values of a page
	// maxPerByte is the number of values of a column for each byte of the file:
	// run lengths can claim billions in a few bytes.
	maxPerByte = 64
)

// Open opens the file of size bytes in r. Errors say what is wrong with the
// file and do not name it.
func Open(r io.ReaderAt, size int64) (f *parquet.File, err error) {
	defer rescue(&err)
	if err := checkFooter(r, size); err != nil {
		return nil, err
	}
	f, err = parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, err
	}
	if rows := f.NumRows(); rows > maxPerByte*size {
		return nil, fmt.Errorf("the footer claims %d rows in a file of %d bytes", rows, size)
	}
	rows := int64(0)
	for _, group := range f.Metadata().RowGroups {
		rows += group.NumRows
		if group.NumRows == 0 { // its columns may name no page (observed: pyarrow); Each reads none
			continue
		}
		for i := range group.Columns {
			if err := checkColumn(r, size, &group.Columns[i].MetaData); err != nil {
				return nil, err
			}
		}
	}
	if rows != f.NumRows() || rows < 0 {
		return nil, fmt.Errorf("the footer claims %d rows, its row groups %d", f.NumRows(), rows)
	}
	return f, nil
}

// rescue turns a panic of the library into an error.
func rescue(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("damaged file: %v", p)
	}
}

func checkFooter(r io.ReaderAt, size int64) error {
	var end [8]byte
	if size < 12 {
		return errors.New("the file is cut short: it does not end in PAR1")
	}
	if _, err := r.ReadAt(end[:], size-8); err != nil && err != io.EOF {
		return err
	}
	if string(end[4:]) != "PAR1" {
		return errors.New("the file is cut short: it does not end in PAR1")
	}
	n := int64(binary.LittleEndian.Uint32(end[:]))
	if n > size-12 || n > maxFooter {
		return fmt.Errorf("the footer claims %d bytes of a file of %d", n, size)
	}
	footer := make([]byte, n)
	if _, err := r.ReadAt(footer, size-8-n); err != nil && err != io.EOF {
		return err
	}
	t := thriftReader{b: footer, items: maxItems}
	if !t.skipStruct(nil) {
		return errors.New("the footer is damaged")
	}
	return nil
}

// checkColumn walks over the page headers of a column chunk.
func checkColumn(r io.ReaderAt, size int64, m *format.ColumnMetaData) error {
	at := m.DataPageOffset
	if m.DictionaryPageOffset > 0 && m.DictionaryPageOffset < at {
		at = m.DictionaryPageOffset
	}
	end := at + m.TotalCompressedSize
	if at < 4 || m.TotalCompressedSize < 0 || end > size || end < at {
		return fmt.Errorf("a column claims bytes %d to %d of a file of %d", at, end, size)
	}
	values := int64(0)
	buf := make([]byte, 4<<10)
	for at < end {
		var page pageHeader
		n, err := page.read(r, at, end, &buf)
		if err != nil {
			return err
		}
		at += n
		if page.packed < 0 || page.packed > end-at || page.unpacked < 0 || page.unpacked > maxPage || page.values < 0 || page.values > maxValues {
			return fmt.Errorf("a page claims %d bytes packed, %d unpacked, %d values", page.packed, page.unpacked, page.values)
		}
		if m.Codec == format.Snappy && page.levels <= page.packed {
			// Snappy text claims its length once more.
			var length [binary.MaxVarintLen64]byte
			k, _ := r.ReadAt(length[:min(int64(len(length)), page.packed-page.levels)], at+page.levels)
			if n, _ := binary.Uvarint(length[:k]); n > maxPage {
				return fmt.Errorf("a page claims %d bytes unpacked", n)
			}
		}
		at += page.packed
		if page.kind != int64(format.DictionaryPage) {
			values += page.values
		}
	}
	if values != m.NumValues {
		return fmt.Errorf("a column claims %d values, its pages %d", m.NumValues, values)
	}
	if values > maxPerByte*size {
		return fmt.Errorf("a column claims %d values in a file of %d bytes", values, size)
	}
	return nil
}

// read reads the page header at at, which ends before end, and returns its
// length. buf is scratch.
func (p *pageHeader) read(r io.ReaderAt, at, end int64, buf *[]byte) (int64, error) {
	for {
		n, err := r.ReadAt((*buf)[:min(int64(len(*buf)), end-at)], at)
		if err != nil && err != io.EOF {
			return 0, err
		}
		t := thriftReader{b: (*buf)[:n], items: 1 << 10}
		*p = pageHeader{}
		if t.skipStruct(p) {
			return int64(n - len(t.b)), nil
		}
		if n < len(*buf) || len(*buf) >= maxHeader {
			return 0, errors.New("a page header is damaged")
		}
		*buf = make([]byte, 8*len(*buf))
	}
}
