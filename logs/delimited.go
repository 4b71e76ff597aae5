package logs

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strings"

	"github.com/why403/why403/internal/inflate/bytescan"
)

// delimited decodes CloudFront's lines of delimited columns, with a header or
// without.
type delimited struct {
	s        *scanner
	realTime bool
	problem  string // why no line can be read, "" if they can
	fields   []edgeField
	needs    []need // ascending by column
	fixed    bool   // date and time are the first two columns
	legacy   bool   // the first nine columns are the legacy log's, and all that is needed
	result   int    // the column of x-edge-result-type, -1 if absent
	names    bool   // a column holds the distribution id
	host     []byte // cs(Host) of the line before and its TAB, for quick
	tabs     bool   // TAB is the delimiter, and no column needs a look at the others

	delimiter []byte // empty until known
	columns   [][]byte
	aligned   aligner
	dates     dateCache
	got       [fieldStatus + 1][]byte // by field: the columns that every line is looked at for
}

// A need is a column that every line is looked at for.
type need struct {
	field    edgeField
	column   int
	optional bool
}

// setFields takes the names of the columns and the delimiter, "" if it is to be
// found out.
func (d *delimited) setFields(names []string, delimiter string, realTime bool) {
	clear(d.got[:])
	d.realTime, d.problem, d.names, d.result = realTime, "", false, -1
	d.fields, d.needs = d.fields[:0], d.needs[:0]
	var column [fieldOriginFirstByte + 1]int // 1 + the field's first column
	for i, name := range names {
		f := edgeFieldOf([]byte(name))
		if column[f] == 0 {
			column[f] = i + 1
		}
		d.fields = append(d.fields, f)
	}
	has := func(f edgeField) bool { return column[f] > 0 }
	wants := map[edgeField]bool{fieldStem: true, fieldStatus: true} // true: needed
	d.fixed = column[fieldDate] == 1 && column[fieldTime] == 2
	switch {
	case !has(fieldStatus):
		d.problem = "no sc-status among the fields"
	case !has(fieldStem):
		d.problem = "no cs-uri-stem among the fields"
	case d.fixed:
	case has(fieldDate) && has(fieldTime):
		wants[fieldDate], wants[fieldTime] = true, true
	case has(fieldTimestampMS):
		wants[fieldTimestampMS] = true
	case has(fieldTimestamp):
		wants[fieldTimestamp] = true
	default:
		d.problem = "neither date and time nor timestamp among the fields"
	}
	if d.problem != "" {
		return
	}
	domain := fieldCSHost
	if realTime {
		domain = fieldXHost
	}
	switch {
	case d.s.distribution != nil: // told by the object's name
	case has(fieldDistribution):
		wants[fieldDistribution], d.names = false, true
	case has(domain):
		wants[domain] = false
	}
	for i, f := range d.fields {
		if needed, ok := wants[f]; ok && column[f] == i+1 {
			d.needs = append(d.needs, need{f, i, !needed})
		}
	}
	d.result = column[fieldResult] - 1
	d.legacy = d.fixed && len(d.needs) == 2 && column[fieldStem] == 8 && column[fieldStatus] == 9
	d.setDelimiter(delimiter)
	if d.s.distribution != nil && !d.names {
		d.s.want(d.s.distribution)
	}
}

func (d *delimited) decode(block []byte) {
	for len(block) > 0 {
		line, rest := cutLine(block)
		block = rest
		d.s.line++
		switch {
		case len(line) == 0:
			d.s.skip()
		case line[0] == '#' || line[0] == 0xEF && bytes.HasPrefix(line, bom):
			d.header(line)
			d.s.skip()
		case d.problem != "":
			d.s.reject(d.problem)
		case !d.tabs:
			d.takeOdd(line)
		case d.legacy && d.quick(line):
		default:
			d.take(line)
		}
	}
}

// header reads a line that begins with '#'. The fields can change in mid-file
// where files were concatenated.
func (d *delimited) header(line []byte) {
	line = bytes.TrimPrefix(line, bom)
	names, ok := bytes.CutPrefix(line, []byte("#Fields:"))
	if !ok {
		return
	}
	d.setFields(strings.FieldsFunc(string(names), func(c rune) bool {
		return c <= ' ' || c == ',' || c == ';' || c == '|'
	}), d.s.layout.Delimiter, false)
}

func (d *delimited) setDelimiter(s string) {
	d.delimiter = []byte(s)
	d.tabs = s == "\t" && !d.realTime
}

// quick is take for the legacy log, by far the most frequent, and for lines
// without any oddity. It reports whether the line was one, and leaves it to take
// if not. Some 120 of a line's 475 bytes are looked at.
func (d *delimited) quick(line []byte) bool {
	s := d.s
	if len(line) < 20+48 || line[10] != '\t' || line[19] != '\t' {
		return false
	}
	day, ok := clock(line[11:19])
	if !ok || !d.dates.same(line) { // take reads another date
		return false
	}
	// Location, bytes, address and method end at the fourth TAB from here.
	tabs := tabs48((*[48]byte)(line[20:]))
	tabs &= tabs - 1
	tabs &= tabs - 1
	tabs &= tabs - 1
	if tabs == 0 {
		return false
	}
	// cs(Host) is the same in nearly all lines.
	host := 20 + bits.TrailingZeros64(tabs) + 1
	if !bytes.HasPrefix(line[host:], d.host) || len(d.host) == 0 {
		end := bytes.IndexByte(line[host:], '\t')
		if end < 0 {
			return false
		}
		d.host = append(d.host[:0], line[host:host+end+1]...)
	}
	stem := line[host+len(d.host):]
	end := bytes.IndexByte(stem, '\t')
	if end < 0 || len(stem) < end+5 || stem[end+4] != '\t' {
		return false
	}
	code, ok := status(stem[end+1 : end+4])
	if !ok {
		return false
	}
	ms := d.dates.ms + day
	if s.wanted[code] {
		d.got[fieldStem], d.got[fieldStatus] = stem[:end], stem[end+1:end+4]
		d.finish(line, nil, ms)
	} else if s.edgeRecord(code, ms) {
		s.handler.EdgePassed(s.distribution, stem[:end], code, ms)
	}
	return true
}

// tabs48 has a bit for each TAB in b, the lowest for the first byte.
func tabs48(b *[48]byte) uint64 {
	const (
		lows   = 0x0101010101010101
		highs  = lows << 7
		gather = 0x0102040810204080 // moves the low bits of eight bytes into one
	)
	var m uint64
	for i := 40; i >= 0; i -= 8 {
		x := binary.LittleEndian.Uint64(b[i:]) ^ '\t'*lows
		x = ^((x&^highs + ^uint64(highs)) | x | ^uint64(highs)) // the top bit where x is 0
		m = m<<8 | x>>7*gather>>56
	}
	return m
}

// take handles one line of TAB separated columns. Only the columns in needs are
// looked at, unless the record is wanted. Missing columns at the end are no
// reason to reject a line: such lines are real.
func (d *delimited) take(line []byte) {
	column, at := 0, 0
	var ms int64
	if d.fixed {
		if len(line) < 20 || line[10] != '\t' || line[19] != '\t' {
			d.s.reject(badTime)
			return
		}
		date, ok1 := d.dates.iso(line[:10])
		day, ok2 := clock(line[11:19])
		if !ok1 || !ok2 {
			d.s.reject(badTime)
			return
		}
		ms, column, at = date+day, 2, 20
	}
	for _, n := range d.needs {
		if skip := n.column - column; skip > 0 {
			i := bytescan.IndexNth(line[at:], '\t', skip)
			if i < 0 {
				if n.optional {
					d.got[n.field] = nil
					continue
				}
				d.s.reject(shortLine(n.field))
				return
			}
			at += i + 1
			column = n.column
		}
		b := line[at:]
		if i := bytes.IndexByte(b, '\t'); i >= 0 {
			b = b[:i]
		}
		d.got[n.field] = b
	}
	d.finish(line, nil, ms)
}

// takeOdd is take for other delimiters and for real-time logs, where the number
// of columns has to be looked at.
func (d *delimited) takeOdd(line []byte) {
	if len(d.delimiter) == 0 {
		d.setDelimiter(guessDelimiter(line, len(d.fields)))
	}
	d.columns = d.columns[:0]
	for rest, more := line, true; more; {
		var c []byte
		c, rest, more = bytes.Cut(rest, d.delimiter)
		d.columns = append(d.columns, c)
	}
	columns := d.columns
	switch n := len(d.fields); {
	case len(columns) == n:
	case d.realTime:
		// Firehose joins records; one without its newline runs into the next.
		for len(columns) > n {
			last := columns[n-1]
			cut := len(last) - len("1607374321.541")
			if cut < 1 || !isEpoch(last[cut:]) {
				break
			}
			d.takeColumns(line, append(append([][]byte(nil), columns[:n-1]...), last[:cut]))
			d.s.extra()
			columns = columns[n-1:]
			columns[0] = last[cut:]
		}
		if len(columns) != n {
			d.s.reject("the number of columns differs from the field list")
			return
		}
	case len(columns) > n && d.delimiter[0] != '\t':
		if columns = d.align(columns); columns == nil {
			d.s.reject("the delimiter also stands inside a field, it can't be told which")
			return
		}
	}
	d.takeColumns(line, columns)
}

func (d *delimited) takeColumns(line []byte, columns [][]byte) {
	var ms int64
	if d.fixed {
		if len(columns) < 2 {
			d.s.reject(badTime)
			return
		}
		date, ok1 := d.dates.iso(columns[0])
		day, ok2 := clock(columns[1])
		if !ok1 || !ok2 {
			d.s.reject(badTime)
			return
		}
		ms = date + day
	}
	for _, n := range d.needs {
		if n.column < len(columns) {
			d.got[n.field] = columns[n.column]
		} else if d.got[n.field] = nil; !n.optional {
			d.s.reject(shortLine(n.field))
			return
		}
	}
	d.finish(line, columns, ms)
}

const (
	badTime   = "date and time are not understood"
	badStatus = "sc-status is not a status code"
)

func shortLine(f edgeField) string {
	switch f {
	case fieldStem:
		return "line ends before cs-uri-stem"
	case fieldStatus:
		return "line ends before sc-status"
	}
	return "line ends before its time"
}

// finish hands over a line whose needs are got. columns may be nil, then line
// is split when that is worth it.
func (d *delimited) finish(line []byte, columns [][]byte, ms int64) {
	s := d.s
	if !d.fixed {
		var ok bool
		if ms, ok = d.when(); !ok {
			s.reject(badTime)
			return
		}
	}
	code, ok := status(d.got[fieldStatus])
	if !ok {
		s.reject(badStatus)
		return
	}
	if !s.edgeRecord(code, ms) {
		return
	}
	if d.names || s.distribution == nil {
		s.want(d.distribution())
	}
	if s.wanted[code] {
		r := &s.edge
		d.full(line, columns)
		r.Status = code
		if r.Time == 0 { // no timestamp(ms)
			r.Time = ms
		}
		if code == 403 || string(r.Result) == "Error" {
			s.handler.Edge(r)
			return
		}
	}
	stem := d.got[fieldStem]
	if d.realTime {
		if i := bytes.IndexByte(stem, '?'); i >= 0 {
			stem = stem[:i]
		}
	}
	s.handler.EdgePassed(d.distribution(), stem, code, ms)
}

// when is the time of a line that does not begin with date and time.
func (d *delimited) when() (ms int64, ok bool) {
	if b := d.got[fieldDate]; b != nil {
		date, ok1 := d.dates.iso(b)
		day, ok2 := clock(d.got[fieldTime])
		return date + day, ok1 && ok2
	}
	if b := d.got[fieldTimestampMS]; b != nil {
		ms = number(b)
	} else {
		ms = millis(d.got[fieldTimestamp])
	}
	return ms, ms >= 0
}

// distribution is what EdgePassed is told of the distribution.
func (d *delimited) distribution() []byte {
	if d.names {
		return field(d.got[fieldDistribution])
	}
	if d.s.distribution != nil {
		return d.s.distribution
	}
	if d.realTime {
		return field(d.got[fieldXHost])
	}
	return field(d.got[fieldCSHost])
}

// full fills s.edge from all columns.
func (d *delimited) full(line []byte, columns [][]byte) {
	r := &d.s.edge
	r.clear()
	r.Ref = Ref{d.s.object, d.s.line}
	r.Line = line
	r.Distribution = d.s.distribution
	if columns != nil {
		for i, f := range d.fields[:min(len(d.fields), len(columns))] {
			r.set(f, columns[i], d.realTime)
		}
		return
	}
	for _, f := range d.fields {
		n := bytes.IndexByte(line, '\t')
		if n < 0 {
			r.set(f, line, d.realTime)
			break
		}
		r.set(f, line[:n], d.realTime)
		line = line[n+1:]
	}
}

// guessDelimiter finds the delimiter of a line of n columns.
func guessDelimiter(line []byte, n int) string {
	candidates := []string{"\t", ",", " ", "|", ";"}
	for _, c := range candidates {
		if bytes.Count(line, []byte(c))+1 == n {
			return c
		}
	}
	for _, c := range candidates {
		if bytes.Count(line, []byte(c))+1 > n {
			return c
		}
	}
	return "\t"
}

func isEpoch(b []byte) bool {
	return len(b) == 14 && b[10] == '.' && b[0] == '1' && millis(b) > 0
}
