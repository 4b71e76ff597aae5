package logs

import (
	"bytes"
	"slices"
)

// An edgeRow builds the record of a CloudFront log that comes field by field,
// as JSON and Parquet do.
type edgeRow struct {
	s        *scanner
	realTime bool
	dates    dateCache
	got      [fieldStatus + 1][]byte
	rest     func() bool // sets the fields that only wanted records need, if it can; nil: they are set
}

func (w *edgeRow) begin() {
	w.s.edge.clear()
	w.s.edge.Distribution = w.s.distribution
	clear(w.got[:])
}

func (w *edgeRow) set(f edgeField, v []byte) {
	if int(f) < len(w.got) {
		w.got[f] = v
	}
	w.s.edge.set(f, v, w.realTime)
}

// finish hands the record over and counts it. line is called for wanted ones.
func (w *edgeRow) finish(line func() []byte) {
	s, r := w.s, &w.s.edge
	code, ok := status(w.got[fieldStatus])
	switch {
	case w.got[fieldStatus] == nil:
		s.reject("no sc-status among the fields")
		return
	case !ok:
		s.reject(badStatus)
		return
	case r.Stem == nil:
		s.reject("no cs-uri-stem among the fields")
		return
	}
	ms := r.Time // from timestamp(ms)
	if ms == 0 {
		switch {
		case w.got[fieldDate] != nil && w.got[fieldTime] != nil:
			date, ok1 := w.dates.iso(w.got[fieldDate])
			day, ok2 := clock(w.got[fieldTime])
			ms, ok = date+day, ok1 && ok2
		default:
			ms = millis(w.got[fieldTimestamp])
			ok = ms > 0
		}
		if !ok {
			s.reject(badTime)
			return
		}
	}
	if !s.edgeRecord(code, ms) {
		return
	}
	distribution := r.Distribution
	if distribution == nil {
		distribution = r.Domain
	}
	s.want(distribution)
	wanted := code == 403 || s.wanted[code]
	if wanted && w.rest != nil && !w.rest() {
		return
	}
	if code == 403 || wanted && string(r.Result) == "Error" {
		r.Status, r.Time = code, ms
		r.Ref = Ref{s.object, s.line}
		r.Line = line()
		s.handler.Edge(r)
		return
	}
	s.handler.EdgePassed(distribution, r.Stem, code, ms)
}

// edgeJSON is a standard log of v2 with output format json, or real-time
// records that were turned into JSON.
var edgeJSON = &Format{
	Name:  "cloudfront-json",
	Doc:   "CloudFront standard log v2 as JSON, one object a line",
	sniff: func(head []byte) bool { return hasJSONKeys(head, "scstatus") || hasJSONKeys(head, "csuristem") },
	lines: func(s *scanner, head []byte) (lineDecoder, error) {
		d := &edgeJSONDecoder{row: edgeRow{s: s}}
		jsonKeys(head, func(key []byte) {
			if string(key) == "cs-host" { // cs(Host) in standard logs
				d.row.realTime = true
			}
		})
		d.jsonLines = jsonLines{s: s, object: d.object}
		return d, nil
	},
}

type edgeJSONDecoder struct {
	jsonLines
	row   edgeRow
	order []keyField // of the record before: nearly always the next one's too
}

type keyField struct {
	key   string
	field edgeField
}

func (d *edgeJSONDecoder) object(start int) bool {
	d.row.begin()
	for i := 0; ; i++ {
		key, value, end := d.walk.member()
		if end {
			break
		}
		if key == nil {
			return false
		}
		if i == len(d.order) {
			d.order = append(d.order, keyField{string(key), edgeFieldOf(key)})
		} else if d.order[i].key != string(key) {
			d.order[i] = keyField{string(key), edgeFieldOf(key)}
		}
		d.row.set(d.order[i].field, d.walk.scalar(value))
	}
	d.row.finish(func() []byte { return d.walk.b[start:d.walk.i] })
	return true
}

// edgeConnection is the connection log of a distribution with viewer mTLS. It
// has no status and no path: there is nothing in it to explain a 403 by.
var edgeConnection = &Format{
	Name: "cloudfront-connection",
	Doc:  "CloudFront connection log (viewer mTLS), skipped",
	sniff: func(head []byte) bool {
		for line := range bytes.Lines(head) {
			if line[0] != '#' {
				break
			}
			if slices.ContainsFunc(bytes.Fields(line), isConnectionField) {
				return true
			}
		}
		return hasJSONKeys(head, "connectionstatus") && !hasJSONKeys(head, "scstatus")
	},
	lines: func(s *scanner, _ []byte) (lineDecoder, error) { return skipDecoder{s}, nil },
}

func isConnectionField(name []byte) bool {
	var buf [40]byte
	return string(normalise(buf[:0], name)) == "connectionstatus"
}

type skipDecoder struct{ s *scanner }

func (d skipDecoder) decode(block []byte) {
	n := int64(bytes.Count(block, []byte{'\n'}))
	d.s.line += n
	d.s.count.Skipped += n
}
