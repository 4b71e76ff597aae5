package logs

import "bytes"

// An aligner finds the fields of a line whose delimiter also stands inside
// fields of free text: v2 lets the user choose a comma, which the encoding
// leaves plain. The fields of known shape say where the others end.
type aligner struct {
	fields    []edgeField
	columns   [][]byte
	delimiter int // its length
	out       [][]byte
	best      [][]byte // the first fit, whose User-Agent is the longest
	stem      int      // index of the stem among the fields
	differs   bool     // another fit has another stem
	steps     int      // until the search is given up
}

// align joins columns until they are as many as the fields. It returns nil if
// there is no way to do so, or if there are several that differ in the stem.
func (d *delimited) align(columns [][]byte) [][]byte {
	a := &d.aligned
	*a = aligner{fields: d.fields, columns: columns, delimiter: len(d.delimiter),
		out: a.out[:0], best: a.best[:0], steps: 10_000}
	for i, f := range d.fields {
		if f == fieldStem {
			a.stem = i
		}
	}
	a.fit(0, len(columns)-len(d.fields))
	if a.differs || a.steps == 0 || len(a.best) == 0 {
		return nil
	}
	return a.best
}

// fit assigns the columns from at on to the fields that are left, with so many
// columns to join.
func (a *aligner) fit(at, extra int) {
	if a.steps == 0 || a.differs {
		return
	}
	a.steps--
	n := len(a.out)
	if n == len(a.fields) {
		if len(a.best) == 0 {
			a.best = append(a.best, a.out...)
		} else if !bytes.Equal(a.best[a.stem], a.out[a.stem]) {
			a.differs = true
		}
		return
	}
	f := a.fields[n]
	most := 0
	if isFree(f) {
		most = extra
	}
	for k := range most + 1 {
		if f == fieldUserAgent {
			k = most - k
		}
		length := k * a.delimiter
		for _, c := range a.columns[at : at+1+k] {
			length += len(c)
		}
		value := a.columns[at][:length] // columns are neighbours in the line
		if !hasShape(f, value) || n+1 == len(a.fields) && k != extra {
			continue
		}
		a.out = append(a.out[:n], value)
		a.fit(at+1+k, extra-k)
	}
	a.out = a.out[:n]
}

// isFree reports whether a field can hold delimiters.
func isFree(f edgeField) bool {
	switch f {
	case fieldStem, fieldReferer, fieldUserAgent, fieldQuery, fieldCookie, fieldForwardedFor, fieldContentType, fieldPathPattern:
		return true
	}
	return false
}

// hasShape reports whether v can be a value of f.
func hasShape(f edgeField, v []byte) bool {
	all := func(ok func(c byte) bool) bool {
		for _, c := range v {
			if !ok(c) {
				return false
			}
		}
		return len(v) > 0
	}
	switch f { // never absent
	case fieldDate:
		_, ok := new(dateCache).iso(v)
		return ok
	case fieldTime:
		_, ok := clock(v)
		return ok
	case fieldStatus:
		_, ok := status(v)
		return ok && len(v) == 3
	case fieldStem:
		return len(v) > 0 && v[0] == '/'
	}
	if len(v) == 1 && v[0] == '-' {
		return true
	}
	switch f {
	case fieldBytes, fieldRequestBytes, fieldContentLength, fieldTimestampMS:
		return number(v) >= 0
	case fieldTimeTaken, fieldFirstByte, fieldOriginFirstByte, fieldTimestamp:
		return millis(v) >= 0
	case fieldMethod:
		return all(func(c byte) bool { return c|0x20-'a' <= 25 || c == '-' })
	case fieldClientIP:
		return all(func(c byte) bool { return hexValue[c] < 16 || c == '.' || c == ':' })
	case fieldResult, fieldResponseResult, fieldDetailedResult, fieldProtocol:
		return all(func(c byte) bool { return c|0x20-'a' <= 25 })
	case fieldRequestID:
		return all(func(c byte) bool { return c|0x20-'a' <= 25 || c-'0' <= 9 || c == '-' || c == '_' || c == '=' })
	case fieldCSHost, fieldXHost:
		return all(func(c byte) bool { return c|0x20-'a' <= 25 || c-'0' <= 9 || c == '-' || c == '.' || c == ':' })
	case fieldProtocolVersion:
		return bytes.HasPrefix(v, []byte("HTTP/"))
	}
	return true
}
