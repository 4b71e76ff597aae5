package parquetfile

import "encoding/binary"

// A pageHeader is what Open needs of format.PageHeader.
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
func (t *thriftReader) skipStruct(page *pageHeader) bool {
	return t.skipFields(0, page, 0)
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
		if n < 0 || n > maxPage {
			p.packed = -1
		}
		p.levels += n
	}
}
