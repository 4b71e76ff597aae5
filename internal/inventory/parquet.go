package inventory

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/why403/why403/logs/parquetfile"
)

// readParquet reads a data file of Parquet by way of a temporary file: they can
// be larger than memory. Keys are not encoded in it.
func readParquet(r io.Reader, f File, each func(*Object, error) bool) error {
	tmp, err := os.CreateTemp("", "why403-inventory-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	sum := newChecksum(r, f)
	size, err := io.Copy(tmp, sum)
	if err == nil {
		err = sum.check(sum)
	}
	if err != nil {
		return err
	}
	file, err := parquetfile.Open(tmp, size)
	if err != nil {
		return err
	}
	schema := file.Schema()
	var names []string
	var units []time.Duration // of a timestamp
	hasKey := false
	for _, path := range schema.Columns() {
		leaf, _ := schema.Lookup(path...)
		name := ""
		if len(path) == 1 && leaf.MaxRepetitionLevel == 0 {
			name = normalise(path[0])
		}
		unit := time.Millisecond // S3's schema says INT64 (TIMESTAMP_MILLIS)
		if t := leaf.Node.Type().LogicalType(); t != nil {
			if ts, ok := t.Value.(*format.TimestampType); ok && ts.Unit.Value != nil {
				unit = ts.Unit.Value.Duration()
			}
		}
		hasKey = hasKey || name == "key"
		names, units = append(names, name), append(units, unit)
	}
	if !hasKey {
		return fmt.Errorf("the file has no column key")
	}
	var o Object
	number := 0
	enough := errors.New("enough")
	err = parquetfile.EachBatch(file, func(b *parquetfile.Batch) error {
		for i, name := range names {
			if name == "" {
				continue
			}
			if _, err := b.Column(i); err != nil {
				return err
			}
		}
		for row := range b.Rows() {
			number++
			err := o.fillParquet(b, row, names, units)
			if err != nil {
				err = fmt.Errorf("row %d: %w", number, err)
			}
			if !each(&o, err) {
				return enough
			}
		}
		return nil
	})
	if err == enough {
		return nil
	}
	return err
}

// fillParquet reads a row, whose columns have these normalised names and, for times,
// these units.
func (o *Object) fillParquet(b *parquetfile.Batch, row int, names []string, units []time.Duration) error {
	o.clear()
	for i, name := range names {
		if name == "" {
			continue
		}
		v, err := b.Value(i, row) // err is nil: the column was read
		switch {
		case v.IsNull():
		case name == "lastmodifieddate" && v.Kind() == parquet.Int64:
			o.LastModified = inUnits(v.Int64(), units[i])
		case v.Kind() == parquet.ByteArray:
			err = o.set(name, string(v.ByteArray()))
		default:
			err = o.set(name, v.String())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// inUnits is the instant n units after 1970.
func inUnits(n int64, unit time.Duration) time.Time {
	perSecond := int64(time.Second / unit)
	return time.Unix(n/perSecond, n%perSecond*int64(unit)).UTC()
}
