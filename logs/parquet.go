package logs

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// Limits for Parquet objects. Log deliveries stay far below; files that claim
// more than they could honestly hold would take all memory.
const (
	maxParquet       = 256 << 20 // stored bytes, held as a whole
	maxParquetFooter = 16 << 20
	maxParquetItems  = 1 << 19  // list items in the footer
	maxParquetPage   = 64 << 20 // bytes of one page, unpacked
	maxParquetValues = 1 << 24  // values of one page
)

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

// readParquet decodes a Parquet object of either kind. The library panics on
// some damaged files.
func readParquet(s *scanner, data []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("parquet: damaged file: %v", p)
		}
	}()
	if err := checkParquet(data); err != nil {
		return fmt.Errorf("parquet: %w", err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return fmt.Errorf("parquet: %w", err)
	}
	if err := checkPages(f, data); err != nil {
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
	text   []byte // scratch for values that are not strings
}

type parquetColumn struct {
	name   string
	edge   edgeField
	origin originField
	typ    parquet.Type
}

func (r *parquetReader) schema() {
	schema := r.file.Schema()
	for _, path := range schema.Columns() {
		leaf, _ := schema.Lookup(path...)
		c := parquetColumn{name: path[len(path)-1], typ: leaf.Node.Type()}
		if len(path) == 1 && leaf.MaxRepetitionLevel == 0 {
			name := []byte(c.name)
			c.edge, c.origin = edgeFieldOf(name), originFieldOf(name)
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
	n := 0
	for _, f := range fields {
		for _, c := range r.columns {
			if c.edge == f {
				n++
				break
			}
		}
	}
	return n == len(fields)
}

func (r *parquetReader) hasOrigin(fields ...originField) bool {
	n := 0
	for _, f := range fields {
		for _, c := range r.columns {
			if c.origin == f {
				n++
				break
			}
		}
	}
	return n == len(fields)
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
	var buf [64]parquet.Row
	for _, group := range r.file.RowGroups() {
		rows := group.Rows()
		for {
			n, err := rows.ReadRows(buf[:])
			for _, row := range buf[:n] {
				r.s.line++
				r.row(row)
			}
			if err == io.EOF {
				break
			}
			if err == nil && n == 0 {
				err = io.ErrNoProgress
			}
			if err != nil {
				rows.Close()
				return fmt.Errorf("parquet: %w", err)
			}
		}
		rows.Close()
	}
	if want := r.file.NumRows(); r.s.line != want {
		return fmt.Errorf("parquet: the footer tells of %d rows, the pages hold %d", want, r.s.line)
	}
	return nil
}

func (r *parquetReader) row(row parquet.Row) {
	r.text = r.text[:0]
	line := func() []byte { return r.render(row) }
	if r.kind == kindOrigin {
		r.origin.begin()
		for _, v := range row {
			if c := &r.columns[v.Column()]; c.origin != originOther {
				r.origin.set(c.origin, r.value(v, c.typ))
			}
		}
		r.origin.finish(line)
		return
	}
	r.edge.begin()
	for _, v := range row {
		c := &r.columns[v.Column()]
		if c.edge == fieldOther {
			continue
		}
		field, b := c.edge, r.value(v, c.typ)
		if t := c.typ.LogicalType(); t != nil && field == fieldTimestamp {
			if _, ok := t.Value.(*format.TimestampType); ok {
				field = fieldTimestampMS
			}
		}
		if r.raw && isText(field) {
			start := len(r.text)
			r.text = Escape(r.text, b)
			b = r.text[start:len(r.text):len(r.text)]
		}
		r.edge.set(field, b)
	}
	r.edge.finish(line)
}

// isText reports whether a field is logged percent-encoded.
func isText(f edgeField) bool {
	switch f {
	case fieldStem, fieldQuery, fieldReferer, fieldUserAgent, fieldCookie, fieldContentType:
		return true
	}
	return false
}

// value is the text of v, nil for NULL: what the text log would hold. Times are
// in Unix ms.
func (r *parquetReader) value(v parquet.Value, typ parquet.Type) []byte {
	if v.IsNull() {
		return nil
	}
	start := len(r.text)
	var logical any
	if t := typ.LogicalType(); t != nil {
		logical = t.Value
	}
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
		switch t := logical.(type) {
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

// render is the row as a JSON object.
func (r *parquetReader) render(row parquet.Row) []byte {
	line := []byte{'{'}
	for _, v := range row {
		if v.IsNull() {
			continue
		}
		if len(line) > 1 {
			line = append(line, ',')
		}
		c := &r.columns[v.Column()]
		name, _ := json.Marshal(c.name)
		text, _ := json.Marshal(string(r.value(v, c.typ)))
		line = append(append(append(line, name...), ':'), text...)
	}
	return append(line, '}')
}

// isUnescaped reports whether the file's text is plain instead of
// percent-encoded as in the text log; AWS does not say. A single byte that the
// encoding never leaves plain decides it.
func (r *parquetReader) isUnescaped() bool {
	var values [256]parquet.Value
	for _, group := range r.file.RowGroups() {
		for i, chunk := range group.ColumnChunks() {
			if !isText(r.columns[i].edge) || r.columns[i].edge == fieldCookie {
				continue
			}
			pages := chunk.Pages()
			page, err := pages.ReadPage()
			if err != nil {
				pages.Close()
				continue
			}
			read := page.Values()
			for left := 4096; left > 0; {
				n, err := read.ReadValues(values[:])
				for _, v := range values[:n] {
					if v.IsNull() || v.Kind() != parquet.ByteArray {
						continue
					}
					for _, c := range v.ByteArray() {
						if escaped[c] && c != '%' {
							parquet.Release(page)
							pages.Close()
							return true
						}
					}
				}
				left -= n
				if err != nil || n == 0 {
					break
				}
			}
			parquet.Release(page)
			pages.Close()
		}
	}
	return false
}

// checkParquet looks at the ends of the file before the library does: it
// allocates what the footer claims.
func checkParquet(data []byte) error {
	n := len(data)
	if n < 12 || !bytes.Equal(data[n-4:], parquetMagic) {
		return errors.New("the file is cut short: it does not end in PAR1")
	}
	size := int64(binary.LittleEndian.Uint32(data[n-8:]))
	if size > int64(n-12) || size > maxParquetFooter {
		return fmt.Errorf("the footer claims %d bytes of a file of %d", size, n)
	}
	t := thriftReader{b: data[n-8-int(size) : n-8], items: maxParquetItems}
	if !t.skipStruct(0, nil) {
		return errors.New("the footer is damaged")
	}
	return nil
}

// checkPages looks at the page headers before the library does: it allocates
// what they claim.
func checkPages(f *parquet.File, data []byte) error {
	rows := int64(0)
	for _, group := range f.Metadata().RowGroups {
		rows += group.NumRows
		for _, c := range group.Columns {
			m := &c.MetaData
			at := m.DataPageOffset
			if m.DictionaryPageOffset > 0 && m.DictionaryPageOffset < at {
				at = m.DictionaryPageOffset
			}
			end := at + m.TotalCompressedSize
			if at < 4 || m.TotalCompressedSize < 0 || end > int64(len(data)) {
				return fmt.Errorf("a column claims bytes %d to %d of a file of %d", at, end, len(data))
			}
			values := int64(0)
			for at < end {
				t := thriftReader{b: data[at:end], items: 1 << 10}
				var page pageHeader
				if !t.skipStruct(0, &page) {
					return errors.New("a page header is damaged")
				}
				at += int64(len(data[at:end]) - len(t.b))
				if page.packed < 0 || page.packed > end-at || page.unpacked < 0 || page.unpacked > maxParquetPage || page.values < 0 || page.values > maxParquetValues {
					return fmt.Errorf("a page claims %d bytes packed, %d unpacked, %d values", page.packed, page.unpacked, page.values)
				}
				if m.Codec == format.Snappy {
					// Snappy text claims its length once more.
					body := data[at : at+page.packed]
					if skip := page.levels; skip <= int64(len(body)) {
						if n, k := binary.Uvarint(body[skip:]); k > 0 && n > maxParquetPage {
							return fmt.Errorf("a page claims %d bytes unpacked", n)
						}
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
		}
	}
	if rows != f.NumRows() || rows < 0 {
		return fmt.Errorf("the footer claims %d rows, its row groups %d", f.NumRows(), rows)
	}
	return nil
}

// A pageHeader is what checkPages needs of format.PageHeader.
type pageHeader struct {
	kind, unpacked, packed, values int64
	levels                         int64 // bytes of levels before the packed values (data page v2)
}

// A thriftReader steps over values in Thrift's compact protocol without
// allocating.
type thriftReader struct {
	b     []byte
	items int // list items that may still come
}

func (t *thriftReader) uvarint() (uint64, bool) {
	n, k := binary.Uvarint(t.b)
	if k <= 0 {
		return 0, false
	}
	t.b = t.b[k:]
	return n, true
}

func (t *thriftReader) bytes(n uint64) bool {
	if n > uint64(len(t.b)) {
		return false
	}
	t.b = t.b[n:]
	return true
}

const maxThriftDepth = 16

// skipStruct steps over a struct. If page is not nil, the struct is a page
// header, whose numbers are noted.
func (t *thriftReader) skipStruct(depth int, page *pageHeader) bool {
	return t.skipFields(depth, page, 0)
}

func (t *thriftReader) skipFields(depth int, page *pageHeader, parent int64) bool {
	if depth > maxThriftDepth {
		return false
	}
	id := int64(0)
	for {
		if len(t.b) == 0 {
			return false
		}
		head := t.b[0]
		t.b = t.b[1:]
		if head == 0 {
			return true
		}
		if delta := int64(head >> 4); delta != 0 {
			id += delta
		} else {
			n, ok := t.uvarint()
			if !ok {
				return false
			}
			id = int64(n>>1) ^ -int64(n&1)
		}
		if !t.skipValue(head&15, depth, page, parent, id) {
			return false
		}
	}
}

func (t *thriftReader) skipValue(typ byte, depth int, page *pageHeader, parent, id int64) bool {
	switch typ {
	case 1, 2: // bool, in the field header
		return true
	case 3: // i8
		return t.bytes(1)
	case 4, 5, 6: // i16, i32, i64
		n, ok := t.uvarint()
		if ok && page != nil {
			page.note(parent, id, int64(n>>1)^-int64(n&1))
		}
		return ok
	case 7: // double
		return t.bytes(8)
	case 8: // binary
		n, ok := t.uvarint()
		return ok && t.bytes(n)
	case 9, 10: // list, set
		if len(t.b) == 0 {
			return false
		}
		size, elem := uint64(t.b[0]>>4), t.b[0]&15
		t.b = t.b[1:]
		if size == 15 {
			var ok bool
			if size, ok = t.uvarint(); !ok {
				return false
			}
		}
		if size > uint64(len(t.b)) || size > uint64(t.items) {
			return false
		}
		t.items -= int(size)
		for range size {
			if elem == 1 || elem == 2 { // bools in lists take a byte
				if !t.bytes(1) {
					return false
				}
			} else if !t.skipValue(elem, depth+1, nil, 0, 0) {
				return false
			}
		}
		return true
	case 12: // struct
		if page != nil && parent == 0 {
			return t.skipFields(depth+1, page, id)
		}
		return t.skipFields(depth+1, nil, 0)
	}
	return false // maps are not used
}

// note keeps a number of PageHeader (parquet.thrift).
func (p *pageHeader) note(parent, id, n int64) {
	switch {
	case parent == 0 && id == 1:
		p.kind = n
	case parent == 0 && id == 2:
		p.unpacked = n
	case parent == 0 && id == 3:
		p.packed = n
	case id == 1 && (parent == 5 || parent == 7 || parent == 8): // num_values
		p.values = n
	case parent == 8 && (id == 5 || id == 6): // byte lengths of the levels
		if n < 0 || n > maxParquetPage {
			p.packed = -1
		}
		p.levels += n
	}
}
