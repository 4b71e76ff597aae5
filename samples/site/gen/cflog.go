package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"slices"
	"strings"
)

const cloudFrontHeader = "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) " +
	"cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for " +
	"ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte " +
	"x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end\n"

// deliverCloudFront writes the standard logs: per distribution and hour one object or more, the
// lines not in order. A few lines come hours late in an object of their own, and a few twice.
func (w *world) deliverCloudFront(made files) {
	hourly := map[string][]*request{}
	for _, r := range w.requests {
		name := r.dist.id + "." + r.end().Format("2006-01-02-15")
		hourly[name] = append(hourly[name], r)
	}
	names := make([]string, 0, len(hourly))
	for name := range hourly {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		requests := hourly[name]
		slices.SortFunc(requests, func(a, b *request) int { return a.end().Compare(b.end()) })
		parts := [][]string{nil}
		if len(requests) > 250 || i%17 == 3 && len(requests) > 60 { // a busy hour, or late lines
			parts = append(parts, nil)
		}
		for _, r := range requests {
			part := 0
			if len(parts) > 1 && w.rng.IntN(10) == 0 {
				part = 1
			}
			parts[part] = append(parts[part], r.line())
			if w.rng.IntN(300) == 0 && len(parts) > 1 {
				parts[1-part] = append(parts[1-part], r.line())
				w.repeated++
			}
		}
		for part, lines := range parts {
			if len(lines) == 0 {
				continue
			}
			for j := 0; j+8 < len(lines); j += 5 { // not chronological
				k := j + w.rng.IntN(8)
				lines[j], lines[k] = lines[k], lines[j]
			}
			made["logs/cloudfront/"+name+"."+unique(fmt.Sprint(name, part), 8)+".gz"] = compress(cloudFrontHeader + strings.Join(lines, ""))
		}
	}
}

// compress makes a gzip file without a time stamp.
func compress(text string) []byte {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err == nil {
		_, err = z.Write([]byte(text))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		panic(err) // a buffer takes every write
	}
	return out.Bytes()
}

// line is the request as CloudFront writes it, with its newline (CloudFront guide, Standard logging reference).
func (r *request) line() string {
	protocol, tls, cipher := "https", "TLSv1.3", "TLS_AES_128_GCM_SHA256"
	if r.http {
		protocol, tls, cipher = "http", "-", "-"
	}
	status := fmt.Sprintf("%03d", r.status)
	from, to := "-", "-"
	if r.partial > 0 && r.status == 206 {
		from, to = "0", fmt.Sprint(r.length-1)
	}
	fields := []string{
		r.end().Format("2006-01-02"), r.end().Format("15:04:05"), r.edge.location, fmt.Sprint(r.sent), r.ip, r.method, r.dist.domain, escape(r.path), status,
		escape(orDash(r.referer)), escape(r.ua), escape(orDash(r.query)), "-", r.result, r.id, r.dist.alias, protocol, fmt.Sprint(r.got),
		fmt.Sprintf("%.3f", r.taken.Seconds()), "-", tls, cipher, r.response, r.version, "-", "-", fmt.Sprint(r.port),
		fmt.Sprintf("%.3f", r.firstByte.Seconds()), r.detailed, orDash(r.contentType), number(r.length), from, to,
	}
	return strings.Join(fields, "\t") + "\n"
}

// escape is CloudFront's encoding of a logged value: one layer, over exactly these bytes (CloudFront
// guide, Configure standard logging (legacy)).
func escape(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= 32 || c >= 127 || strings.IndexByte("<>\"#%{}|\\^~[]`'", c) >= 0 {
			fmt.Fprintf(&out, "%%%02X", c)
		} else {
			out.WriteByte(c)
		}
	}
	return out.String()
}
