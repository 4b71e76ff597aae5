package parquetfile

import (
	"fmt"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"
)

const (
	// batchRows is small enough for the values of a batch to stay in the
	// processor's caches.
	batchRows = 512
	// fewValues of a column are read one by one, and a batch's all when more are
	// asked for.
	fewValues = 8
)

// A Batch is some rows of a file, of which only those columns are taken apart that
// are asked for.
type Batch struct {
	first   int64 // row of the row group
	rows    int
	columns []cursor
}

// Rows is the number of rows.
func (b *Batch) Rows() int { return b.rows }

// Column returns the values of a column that is not repeated, one for each row.
// They are valid until the next batch.
func (b *Batch) Column(column int) (values []parquet.Value, err error) {
	defer rescue(&err)
	return b.columns[column].all(b.first, b.rows)
}

// Value returns the value of a column that is not repeated, valid until the next
// batch.
func (b *Batch) Value(column, row int) (v parquet.Value, err error) {
	defer rescue(&err)
	c := &b.columns[column]
	if c.loaded == 0 {
		if c.singles < fewValues {
			c.singles++
			err = c.read(b.first+int64(row), c.single[:])
			return c.single[0], err
		}
		if _, err := c.all(b.first, b.rows); err != nil {
			return v, err
		}
	}
	return c.values[row], nil
}

// EachBatch calls f for all rows of the file, batch by batch, until it returns an
// error. Only the columns that f asks for are read.
func EachBatch(file *parquet.File, f func(*Batch) error) error {
	for _, group := range file.RowGroups() {
		if err := eachBatch(group, f); err != nil {
			return err
		}
	}
	return nil
}

func eachBatch(group parquet.RowGroup, f func(*Batch) error) error {
	chunks := group.ColumnChunks()
	b := Batch{columns: make([]cursor, len(chunks))}
	for i, chunk := range chunks {
		b.columns[i].chunk = chunk
	}
	defer b.close()
	for rows := group.NumRows(); b.first < rows; b.first += int64(b.rows) {
		b.rows = int(min(rows-b.first, batchRows))
		if err := f(&b); err != nil {
			return err
		}
		for i := range b.columns {
			b.columns[i].next(b.first + int64(b.rows))
		}
	}
	return nil
}

func (b *Batch) close() {
	var err error
	defer rescue(&err) // there is nothing left to be read
	for i := range b.columns {
		b.columns[i].close()
	}
}

// A cursor reads one column, batch by batch.
type cursor struct {
	chunk  parquet.ColumnChunk
	reader parquet.Pages  // nil until the column is asked for
	pages  []page         // those that the batch has rows of, and those that were read on the way
	parts  []parquet.Page // of pages, whose values the batch may have
	to     int64          // rows read so far

	values  []parquet.Value
	loaded  int // values of the batch
	singles int // values read one by one
	single  [1]parquet.Value
}

// A page holds the rows of the row group from from to to.
type page struct {
	parquet.Page
	from, to int64
}

// all returns the values of the batch's rows.
func (c *cursor) all(first int64, rows int) ([]parquet.Value, error) {
	if c.loaded == 0 {
		if c.values == nil {
			c.values = make([]parquet.Value, batchRows)
		}
		if err := c.read(first, c.values[:rows]); err != nil {
			return nil, err
		}
		c.loaded = rows
	}
	return c.values[:rows], nil
}

// read reads the values of the rows from first on, none of which is before the
// batch.
func (c *cursor) read(first int64, values []parquet.Value) error {
	for len(values) > 0 {
		for first >= c.to {
			if err := c.turn(); err != nil {
				return err
			}
		}
		p := &c.pages[slices.IndexFunc(c.pages, func(p page) bool { return first < p.to })]
		n := min(int64(len(values)), p.to-first)
		part := p.Slice(first-p.from, first-p.from+n)
		c.parts = append(c.parts, part)
		r := part.Values()
		for n > 0 {
			k, err := r.ReadValues(values[:n])
			if k == 0 {
				if err == nil {
					err = io.ErrNoProgress
				}
				return fmt.Errorf("damaged file: a page ends before its values: %w", err)
			}
			values, n, first = values[k:], n-int64(k), first+int64(k)
		}
	}
	return nil
}

// turn reads the next page.
func (c *cursor) turn() error {
	if c.reader == nil {
		c.reader = c.chunk.Pages()
	}
	p, err := c.reader.ReadPage()
	if err == io.EOF {
		return fmt.Errorf("damaged file: a column ends after %d rows", c.to)
	}
	if err != nil {
		return err
	}
	from := c.to
	c.to += p.NumRows()
	c.pages = append(c.pages, page{p, from, c.to})
	return nil
}

// next lets go of the batch's values, and of pages that end before the row.
func (c *cursor) next(first int64) {
	c.loaded, c.singles = 0, 0
	for _, p := range c.parts {
		parquet.Release(p)
	}
	clear(c.parts)
	c.parts = c.parts[:0]
	c.pages = slices.DeleteFunc(c.pages, func(p page) bool {
		if p.to <= first {
			parquet.Release(p.Page)
		}
		return p.to <= first
	})
}

func (c *cursor) close() {
	c.next(c.to)
	if c.reader != nil {
		c.reader.Close()
	}
}
