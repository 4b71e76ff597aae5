package logs

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// edgeW3C is CloudFront's standard log with a header: legacy, and v2 with
// output format w3c.
var edgeW3C = &Format{
	Name: "cloudfront-w3c",
	Doc:  "CloudFront standard log with a #Fields header, legacy or v2, of any fields and delimiter",
	sniff: func(head []byte) bool {
		return head[0] == '#' && (bytes.HasPrefix(head, []byte("#Version:")) || bytes.Contains(head, []byte("#Fields:")))
	},
	lines: func(s *scanner, _ []byte) (lineDecoder, error) {
		return &delimited{s: s, problem: "no #Fields header before the line"}, nil
	},
}

// edgePlain is a standard log without a header: v2 with output format plain or
// raw.
var edgePlain = &Format{
	Name: "cloudfront-plain",
	Doc:  "CloudFront standard log without a header (v2 plain or raw)",
	sniff: func(head []byte) bool {
		_, ok := plainFields(firstLine(head), nil)
		return ok
	},
	lines: func(s *scanner, head []byte) (lineDecoder, error) {
		names := s.layout.Fields
		if len(names) == 0 {
			var ok bool
			if names, ok = plainFields(firstLine(head), []byte(s.layout.Delimiter)); !ok {
				return nil, fmt.Errorf("a log without a header tells no field names: give the field list of its delivery")
			}
		}
		d := &delimited{s: s}
		d.setFields(names, s.layout.Delimiter, false)
		return d, nil
	},
}

// isPlain reports whether line has as many columns as the field list that the
// layout tells.
func isPlain(line []byte, l Layout) bool {
	if l.Delimiter == "" {
		l.Delimiter = guessDelimiter(line, len(l.Fields))
	}
	return len(l.Fields) > 1 && bytes.Count(line, []byte(l.Delimiter))+1 == len(l.Fields)
}

// plainFields recognises the two field lists that need no telling by the first
// line: the legacy order, with or without the two fields that v2 adds by
// default, and the console's choice of all fields.
func plainFields(line, delimiter []byte) ([]string, bool) {
	isDate := func(b []byte) bool {
		_, ok := new(dateCache).iso(b)
		return ok
	}
	switch {
	case len(line) > 11 && isDate(line[:10]):
		if len(delimiter) == 0 {
			delimiter = line[10:11]
		}
		switch n := bytes.Count(line, delimiter) + 1; {
		case n == 12, n == 24, n == 26, n == 33, n == 35:
			return standardFields[:n], true
		case n > 35 && delimiter[0] != '\t':
			return standardFields[:33], true
		}
	case len(line) > 37 && number(line[:10]) > 0:
		if len(delimiter) == 0 {
			delimiter = line[10:11]
		}
		columns := bytes.SplitN(line, delimiter, 4)
		if len(columns) == 4 && isDistribution(string(columns[1])) && isDate(columns[2]) &&
			bytes.Count(line, delimiter)+1 == len(consoleFields) {
			return consoleFields, true
		}
	}
	return nil, false
}

// edgeRealTime is a real-time log as Firehose lands it: no header, the chosen
// fields in a fixed order (CloudFront guide, Real-time logs).
var edgeRealTime = &Format{
	Name: "cloudfront-realtime",
	Doc:  "CloudFront real-time log records, TAB separated, as Firehose lands them",
	sniff: func(head []byte) bool {
		first, _, ok := bytes.Cut(firstLine(head), []byte{'\t'})
		return ok && isEpoch(first)
	},
	lines: func(s *scanner, head []byte) (lineDecoder, error) {
		names := s.layout.Fields
		columns := strings.Split(string(firstLine(head)), "\t")
		if len(names) == 0 {
			if names = realTimeFields(columns); names == nil {
				return nil, fmt.Errorf("a real-time log of %d fields tells no field names: give the field list of its configuration", len(columns))
			}
		}
		if ordered := RealTimeOrder(names); !realTimeFits(names, columns) && realTimeFits(ordered, columns) {
			names = ordered // they were given in the order of the configuration
		}
		d := &delimited{s: s}
		d.setFields(names, "\t", true)
		return d, nil
	},
}

// standardFields are the fields of the legacy log since 2019-12, then those that
// v2 adds by default.
var standardFields = strings.Fields(`date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem
	sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id
	x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher
	x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port
	time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start
	sc-range-end c-country cache-behavior-path-pattern`)

// consoleFields is the console's choice of all fields in v2 (observed 2025-01).
var consoleFields = append(append(strings.Fields("timestamp DistributionId"), standardFields[:33]...),
	strings.Fields("timestamp(ms) origin-fbl origin-lbl asn")...)

// realTimeCanon are the fields of a real-time log in their fixed order.
var realTimeCanon = strings.Fields(`timestamp c-ip s-ip time-to-first-byte sc-status sc-bytes cs-method
	cs-protocol cs-host cs-uri-stem cs-bytes x-edge-location x-edge-request-id x-host-header time-taken
	cs-protocol-version c-ip-version cs-user-agent cs-referer cs-cookie cs-uri-query
	x-edge-response-result-type x-forwarded-for ssl-protocol ssl-cipher x-edge-result-type
	fle-encrypted-fields fle-status sc-content-type sc-content-len sc-range-start sc-range-end c-port
	x-edge-detailed-result-type c-country cs-accept-encoding cs-accept cache-behavior-path-pattern
	cs-headers cs-header-names cs-headers-count primary-distribution-id primary-distribution-dns-name
	origin-fbl origin-lbl asn`)

// realTimeLater are fields that came later, behind those above.
var realTimeLater = strings.Fields(`cmcd- r-host sr-reason x-edge-mqcs distribution-tenant-id connection-id
	viewer-request-log-data viewer-response-log-data`)

// RealTimeOrder returns the fields of a real-time log configuration in the order
// in which records hold them, which is CloudFront's own, whatever the
// configuration's (CloudFront guide, Use real-time access logs).
func RealTimeOrder(fields []string) []string {
	place := func(name string) int {
		name = strings.ToLower(name)
		if i := slices.Index(realTimeCanon, name); i >= 0 {
			return i
		}
		i := slices.IndexFunc(realTimeLater, func(later string) bool {
			return name == later || later == "cmcd-" && strings.HasPrefix(name, later)
		})
		if i < 0 {
			i = len(realTimeLater)
		}
		return len(realTimeCanon) + i
	}
	fields = slices.Clone(fields)
	slices.SortStableFunc(fields, func(a, b string) int { return place(a) - place(b) })
	return fields
}

// realTimeFields recognises a log for which all fields of some year were
// chosen, by the number of its columns and the shape of those that matter. It
// returns nil if it can't tell.
func realTimeFields(columns []string) []string {
	for _, serverIP := range []bool{false, true} {
		names := realTimeCanon
		if !serverIP {
			names = append(append([]string(nil), names[:2]...), names[3:]...)
		}
		switch len(columns) - len(names) {
		case 0, -3, -5: // without origin-fbl, origin-lbl, asn; without primary-distribution-*
		default:
			continue
		}
		if names = names[:len(columns)]; realTimeFits(names, columns) {
			return names
		}
	}
	return nil
}

// realTimeFits reports whether the columns of a record have the shapes of the
// fields that names gives them.
func realTimeFits(names, columns []string) bool {
	if len(names) != len(columns) {
		return false
	}
	for i, name := range names {
		if shape := realTimeShapes[strings.ToLower(name)]; shape != nil && !shape(columns[i]) {
			return false
		}
	}
	return true
}

// realTimeShapes tell fields of a real-time log from each other.
var realTimeShapes = map[string]func(string) bool{
	"timestamp":           func(s string) bool { return isEpoch([]byte(s)) },
	"sc-status":           func(s string) bool { _, ok := status([]byte(s)); return ok },
	"cs-method":           func(s string) bool { return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") == "" },
	"cs-uri-stem":         func(s string) bool { return strings.HasPrefix(s, "/") },
	"cs-protocol":         func(s string) bool { return len(s) <= 5 },
	"cs-protocol-version": func(s string) bool { return strings.HasPrefix(s, "HTTP/") },
}

func firstLine(head []byte) []byte {
	if n := bytes.IndexByte(head, '\n'); n >= 0 {
		head = head[:n]
	}
	return bytes.TrimSuffix(head, []byte{'\r'})
}
