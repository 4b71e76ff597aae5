package logs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/why403/why403/logs/parquetfile"
)

// maxParquet is the limit of stored bytes of a Parquet object, which is held as a
// whole. Log deliveries stay far below.
const maxParquet = 256 << 20

// edgeParquet is a standard log of v2 with output format parquet.
var edgeParquet = &Format{
	Name:  "cloudfront-parquet",
	Doc:   "CloudFront standard log v2 as Parquet, any subset of the columns",
	sniff: func(head []byte) bool { return bytes.HasPrefix(head, parquetMagic) },
}

// originParquet is a server access log delivered to S3 as Parquet. What a
// Parquet object holds is decided by its columns.
var originParquet = &Format{
	Name:  "s3-parquet",
	Doc:   "S3 server access log delivered by CloudWatch vended logs as Parquet",
	sniff: func([]byte) bool { return false },
}

func init() { edgeParquet.whole, originParquet.whole = readParquet, readParquet }

// readParquet decodes a Parquet object of either kind.
func readParquet(s *scanner, data []byte) error {
	f, err := parquetfile.Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return fmt.Errorf("parquet: %w", err)
	}
	r := &parquetReader{s: s, file: f, edge: edgeRow{s: s}, origin: originRow{s: s, layers: 2}}
	r.schema()
	switch {
	case r.has[kindEdge] >= r.has[kindOrigin] && r.hasEdge(fieldStem, fieldStatus):
		s.use(edgeParquet)
		r.kind = kindEdge
		r.raw = r.isUnescaped()
	case r.hasOrigin(originBucket, originOperation, originTime):
		s.use(originParquet)
		r.kind = kindOrigin
	case r.connection:
		s.use(edgeConnection)
		s.line += f.NumRows()
		s.count.Skipped += f.NumRows()
		return nil
	default:
		return fmt.Errorf("parquet: %s", r.lacking())
	}
	return r.rows()
}

const (
	kindEdge = iota
	kindOrigin
)

// A parquetReader reads the rows of one file.
type parquetReader struct {
	s       *scanner
	file    *parquet.File
	kind    int
	columns []parquetColumn

	has        [2]int // columns that are fields of a kind
	connection bool
	raw        bool // values are not percent-encoded

	edge   edgeRow
	origin originRow
	batch  *parquetfile.Batch
	row    int    // of batch
	text   []byte // scratch for values that are not strings
	err    error
}

type parquetColumn struct {
	name    string
	edge    edgeField
	origin  originField
	flat    bool // not repeated
	every   bool // is looked at in every row
	logical any  // the logical type's value
}

func (r *parquetReader) schema() {
	schema := r.file.Schema()
	for _, path := range schema.Columns() {
		leaf, _ := schema.Lookup(path...)
		c := parquetColumn{name: path[len(path)-1], flat: leaf.MaxRepetitionLevel == 0}
		if t := leaf.Node.Type().LogicalType(); t != nil {
			c.logical = t.Value
		}
		if len(path) == 1 && c.flat {
			name := []byte(c.name)
			c.edge, c.origin = edgeFieldOf(name), originFieldOf(name)
			if _, ok := c.logical.(*format.TimestampType); ok && c.edge == fieldTimestamp {
				c.edge = fieldTimestampMS
			}
			switch c.edge {
			case fieldStem, fieldStatus, fieldDate, fieldTime, fieldTimestamp, fieldTimestampMS, fieldDistribution, fieldCSHost:
				c.every = true
			}
			if c.edge != fieldOther {
				r.has[kindEdge]++
			}
			if c.origin != originOther {
				r.has[kindOrigin]++
			}
			r.connection = r.connection || isConnectionField(name)
		}
		r.columns = append(r.columns, c)
	}
}

func (r *parquetReader) hasEdge(fields ...edgeField) bool {
	return hasAll(r.columns, func(c parquetColumn) edgeField { return c.edge }, fields)
}

func (r *parquetReader) hasOrigin(fields ...originField) bool {
	return hasAll(r.columns, func(c parquetColumn) originField { return c.origin }, fields)
}

// hasAll reports whether every field is that of a column.
func hasAll[F comparable](columns []parquetColumn, of func(parquetColumn) F, fields []F) bool {
	for _, f := range fields {
		if !slices.ContainsFunc(columns, func(c parquetColumn) bool { return of(c) == f }) {
			return false
		}
	}
	return true
}

// lacking says which column is missing for what the file seems to be.
func (r *parquetReader) lacking() string {
	switch {
	case max(r.has[kindEdge], r.has[kindOrigin]) < 3:
		return "no columns of a CloudFront or S3 access log"
	case r.has[kindOrigin] > r.has[kindEdge]:
		return "bucket_name, operation and request_time are needed: select them in the delivery"
	case !r.hasEdge(fieldStatus):
		return "no column sc_status: select it in the delivery's record fields"
	}
	return "no column cs_uri_stem: select it in the delivery's record fields"
}

// rows hands over every row.
func (r *parquetReader) rows() error {
	take := r.edgeRow
	if r.kind == kindOrigin {
		take = r.originRow
	}
	r.edge.rest = func() bool {
		r.edgeFields(false)
		return r.err == nil
	}
	err := parquetfile.EachBatch(r.file, func(b *parquetfile.Batch) error {
		r.batch = b
		for i := range r.columns {
			if c := &r.columns[i]; c.every && r.kind == kindEdge || c.origin != originOther && r.kind == kindOrigin {
				if _, err := b.Column(i); err != nil {
					return err
				}
			}
		}
		for r.row = range b.Rows() {
			r.text = r.text[:0]
			r.s.line++
			if take(); r.err != nil {
				return r.err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("parquet: %w", err)
	}
	return nil
}

func (r *parquetReader) originRow() {
	r.origin.begin()
	for i := range r.columns {
		if c := &r.columns[i]; c.origin != originOther {
			r.origin.set(c.origin, r.value(i))
		}
	}
	r.origin.finish(r.render)
}

// edgeRow takes the columns that are looked at in every row; finish asks for the
// rest of them.
func (r *parquetReader) edgeRow() {
	r.edge.begin()
	r.edgeFields(true)
	r.edge.finish(r.render)
}

func (r *parquetReader) edgeFields(every bool) {
	for i := range r.columns {
		c := &r.columns[i]
		if c.edge == fieldOther || c.every != every {
			continue
		}
		b := r.value(i)
		if r.raw && isText(c.edge) {
			start := len(r.text)
			r.text = Escape(r.text, b)
			b = r.text[start:len(r.text):len(r.text)]
		}
		r.edge.set(c.edge, b)
	}
}

// isText reports whether a field is logged percent-encoded.
func isText(f edgeField) bool {
	switch f {
	case fieldStem, fieldQuery, fieldReferer, fieldUserAgent, fieldCookie, fieldContentType:
		return true
	}
	return false
}

// value is the text of the row's value in a column, nil for NULL: what the text log
// would hold. Times are in Unix ms.
func (r *parquetReader) value(column int) []byte {
	v, err := r.batch.Value(column, r.row)
	if err != nil {
		r.err = err
		return nil
	}
	if v.IsNull() {
		return nil
	}
	start := len(r.text)
	switch v.Kind() {
	case parquet.ByteArray, parquet.FixedLenByteArray:
		return v.ByteArray()
	case parquet.Boolean:
		r.text = strconv.AppendBool(r.text, v.Boolean())
	case parquet.Int32, parquet.Int64:
		n := v.Int64()
		if v.Kind() == parquet.Int32 {
			n = int64(v.Int32())
		}
		switch t := r.columns[column].logical.(type) {
		case *format.DateType:
			r.text = time.Unix(n*86400, 0).UTC().AppendFormat(r.text, time.DateOnly)
		case *format.TimeType:
			if unit := t.Unit.Value; unit != nil {
				r.text = time.Unix(0, n*int64(unit.Duration())).UTC().AppendFormat(r.text, time.TimeOnly)
			}
		case *format.TimestampType:
			if unit := t.Unit.Value; unit != nil {
				d := int64(unit.Duration())
				if ms := int64(time.Millisecond); d >= ms {
					n *= d / ms
				} else {
					n /= ms / d
				}
			}
			r.text = strconv.AppendInt(r.text, n, 10)
		default:
			r.text = strconv.AppendInt(r.text, n, 10)
		}
	case parquet.Int96:
		r.text = append(r.text, v.String()...)
	case parquet.Float:
		r.text = strconv.AppendFloat(r.text, float64(v.Float()), 'f', -1, 32)
	case parquet.Double:
		r.text = strconv.AppendFloat(r.text, v.Double(), 'f', -1, 64)
	}
	return r.text[start:len(r.text):len(r.text)]
}

// render is the row as a JSON object, without columns that are repeated.
func (r *parquetReader) render() []byte {
	line := []byte{'{'}
	for i := range r.columns {
		c := &r.columns[i]
		if !c.flat {
			continue
		}
		v := r.value(i)
		if v == nil {
			continue
		}
		if len(line) > 1 {
			line = append(line, ',')
		}
		name, _ := json.Marshal(c.name)
		text, _ := json.Marshal(string(v))
		line = append(append(append(line, name...), ':'), text...)
	}
	return append(line, '}')
}

// isUnescaped reports whether the file's text is plain instead of
// percent-encoded as in the text log; AWS does not say. A single byte that the
// encoding never leaves plain decides it.
func (r *parquetReader) isUnescaped() (found bool) {
	left := 4096
	enough := errors.New("enough")
	_ = parquetfile.EachBatch(r.file, func(b *parquetfile.Batch) error { // rows meets an error again
		for i := range r.columns {
			if f := r.columns[i].edge; !isText(f) || f == fieldCookie {
				continue
			}
			values, err := b.Column(i)
			if err != nil {
				return err
			}
			for _, v := range values {
				if v.Kind() != parquet.ByteArray {
					continue
				}
				for _, c := range v.ByteArray() {
					if escaped[c] && c != '%' {
						found = true
						return enough
					}
				}
			}
		}
		if left -= b.Rows(); left <= 0 {
			return enough
		}
		return nil
	})
	return found
}
