package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// deliverS3 writes S3's log objects: per bucket and delivery, plain text, no line in order, some
// lines hours late and some twice.
func (w *world) deliverS3(made files) {
	for _, b := range w.buckets {
		deliveries := map[time.Time][]string{}
		for _, rec := range w.records {
			if rec.bucket != b || rec.lost {
				continue
			}
			delay := 15*time.Minute + time.Duration(w.rng.IntN(70))*time.Minute
			if w.rng.IntN(100) < 3 {
				delay += 3*time.Hour + time.Duration(w.rng.IntN(360))*time.Minute
			}
			slot := w.slot(b, rec.time.Add(delay))
			deliveries[slot] = append(deliveries[slot], rec.line())
			if w.twice(rec) {
				slot = w.slot(b, rec.time.Add(delay+4*time.Hour))
				deliveries[slot] = append(deliveries[slot], rec.line())
			}
		}
		slots := make([]time.Time, 0, len(deliveries))
		for slot := range deliveries {
			slots = append(slots, slot)
		}
		slices.SortFunc(slots, time.Time.Compare)
		for _, slot := range slots {
			lines := deliveries[slot]
			w.rng.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
			id := strings.ToUpper(unique(b.name+slot.String(), 16))
			name := b.name + "/" + slot.Add(time.Duration(id[0])%60*time.Second).Format("2006-01-02-15-04-05") + "-" + id
			if b.partitioned { // by event time: the name holds the event's day
				name = fmt.Sprintf("%s/%s/%s/%s/%s-00-00-00-%s", account, b.region, b.name, day.Format("2006/01/02"), day.Format(time.DateOnly), id)
			}
			made["logs/s3/"+name] = []byte(strings.Join(lines, ""))
		}
	}
}

// slot is the delivery that takes a line: busy buckets have more of them.
func (w *world) slot(b *bucket, when time.Time) time.Time {
	step := 3 * time.Hour
	if b == w.web || b == w.docsSite || b == w.media {
		step = time.Hour
	}
	return when.Truncate(step).Add(step)
}

// twice picks the lines that are delivered twice: mostly refusals, where counting twice would show.
func (w *world) twice(rec *s3Record) bool {
	chance := 1
	if rec.status == 403 {
		chance = 2
	}
	return w.rng.IntN(150) < chance
}

// line is the record as S3 writes it, with its newline (S3 guide, "Server access log format").
func (rec *s3Record) line() string {
	quoted := func(s string) string {
		if rec.bare {
			return "-"
		}
		return `"` + s + `"`
	}
	key := "-"
	if rec.key != "" {
		key = formEncode(rec.key)
		if !strings.HasPrefix(rec.operation, "BATCH.") && !strings.HasPrefix(rec.operation, "S3.") {
			key = formEncode(key) // the log encodes twice but for these
		}
	}
	region := rec.region
	if region == "" {
		region = "-"
	}
	fields := []string{ownerID, rec.bucket.name, rec.time.Format("[02/Jan/2006:15:04:05 -0700]"), rec.ip, rec.requester, rec.id, rec.operation, key,
		quoted(rec.uri), number(rec.status), orDash(rec.code), number(rec.sent), number(rec.size), number(rec.total), number(rec.turn),
		quoted(rec.referer), quoted(rec.ua), rec.version, rec.hostID, rec.signature, rec.cipher, rec.auth, rec.host, rec.tls, "-", "-", region}
	return strings.Join(fields[:rec.bucket.logColumns], " ") + "\n"
}

// formEncode is the encoder of S3's log: that of an HTML form, with / and * kept.
func formEncode(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._*/", c) >= 0:
			out.WriteByte(c)
		case c == ' ':
			out.WriteByte('+')
		default:
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	return out.String()
}

func number(n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
