package inventory

import (
	"bufio"
	"crypto/md5"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/url"

	"github.com/klauspost/compress/gzip"
)

// readCSV reads a data file of CSV, packed with gzip or not. It has no header;
// keys, and nothing else, are percent-encoded.
func readCSV(r io.Reader, f File, columns []string, each func(*Object, error) bool) error {
	sum := newChecksum(r, f)
	in := bufio.NewReaderSize(sum, 64<<10)
	var text io.Reader = in
	if magic, _ := in.Peek(2); len(magic) == 2 && magic[0] == 0x1F && magic[1] == 0x8B {
		z, err := gzip.NewReader(in)
		if err != nil {
			return err
		}
		text = z
	}
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = normalise(c)
	}
	rows := csv.NewReader(text)
	rows.FieldsPerRecord = -1
	rows.ReuseRecord = true
	var o Object
	for {
		row, err := rows.Read()
		if err == io.EOF {
			return sum.check(in)
		}
		var malformed *csv.ParseError
		switch {
		case errors.As(err, &malformed):
			err = fmt.Errorf("line %d: %w", malformed.Line, malformed.Err)
		case err != nil:
			return err
		default:
			if err = o.fill(row, names); err != nil {
				line, _ := rows.FieldPos(0)
				err = fmt.Errorf("line %d: %w", line, err)
			}
		}
		if !each(&o, err) {
			return nil
		}
	}
}

// fill reads a row of columns with these normalised names.
func (o *Object) fill(row, names []string) (err error) {
	if len(row) != len(names) {
		return fmt.Errorf("%d values for %d columns", len(row), len(names))
	}
	o.clear()
	for i, v := range row {
		if err := o.set(names[i], v); err != nil {
			return err
		}
	}
	o.Key, err = url.QueryUnescape(o.Key)
	return err
}

// A checksum compares what was read with what the manifest says.
type checksum struct {
	r    io.Reader
	want string
	md5  hash.Hash
}

func newChecksum(r io.Reader, f File) *checksum { return &checksum{r, f.MD5, md5.New()} }

func (c *checksum) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.md5.Write(p[:n])
	return n, err
}

// check reads rest, which reads from c, to its end and reports whether the file
// is the one that the manifest tells of.
func (c *checksum) check(rest io.Reader) error {
	if c.want == "" {
		return nil
	}
	if _, err := io.Copy(io.Discard, rest); err != nil {
		return err
	}
	if got := hex.EncodeToString(c.md5.Sum(nil)); got != c.want {
		return fmt.Errorf("MD5 is %s, the manifest says %s", got, c.want)
	}
	return nil
}
