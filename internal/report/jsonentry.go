package report

import (
	"strconv"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// An entryWriter writes an entry of a list as encoding/json would, field by field
// in the order of the struct, with no array null and all times UTC. A report may
// have millions of entries, which say much the same.
type entryWriter struct {
	buf   []byte
	n     int   // entries
	first bool  // the next field or element is the first one of its object or array
	err   error // the first one

	ruledOut written[string]
	unknown  written[Unknown]
}

// start begins the next entry.
func (w *entryWriter) start() {
	w.buf = w.buf[:0]
	if w.n++; w.n > 1 {
		w.buf = append(w.buf, ',')
	}
	w.buf = append(w.buf, '\n')
}

func (w *entryWriter) open(b byte) {
	w.buf, w.first = append(w.buf, b), true
}

func (w *entryWriter) close(b byte) {
	w.buf, w.first = append(w.buf, b), false
}

// element begins an element of an array.
func (w *entryWriter) element() {
	if !w.first {
		w.buf = append(w.buf, ',')
	}
	w.first = false
}

// name begins a field.
func (w *entryWriter) name(name string) {
	w.element()
	w.buf = append(append(append(w.buf, '"'), name...), '"', ':')
}

func (w *entryWriter) text(name, v string) {
	w.name(name)
	w.string(v)
}

// optional is text for a field that is absent when it is empty.
func (w *entryWriter) optional(name, v string) {
	if v != "" {
		w.text(name, v)
	}
}

func (w *entryWriter) int(name string, v int64) {
	w.name(name)
	w.buf = strconv.AppendInt(w.buf, v, 10)
}

func (w *entryWriter) bool(name string, v bool) {
	w.name(name)
	w.buf = strconv.AppendBool(w.buf, v)
}

func (w *entryWriter) time(name string, t time.Time) {
	w.name(name)
	w.buf = append(w.buf, '"')
	b, err := t.AppendText(w.buf)
	if err == nil {
		w.buf = b
	} else if w.err == nil {
		w.err = err
	}
	w.buf = append(w.buf, '"')
}

func (w *entryWriter) moment(name string, t *time.Time) {
	if t != nil {
		w.time(name, t.UTC())
	}
}

func (w *entryWriter) texts(name string, list []string) {
	w.name(name)
	w.open('[')
	for _, v := range list {
		w.element()
		w.string(v)
	}
	w.close(']')
}

func (w *entryWriter) optionals(name string, list []string) {
	if len(list) > 0 {
		w.texts(name, list)
	}
}

// string writes a string, with escapes for what acts on a terminal or reorders
// text as harmless has them.
func (w *entryWriter) string(s string) {
	b := append(w.buf, '"')
	begin := 0
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if plain[c] {
				i++
				continue
			}
			b = append(b, s[begin:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\b':
				b = append(b, '\\', 'b')
			case '\f':
				b = append(b, '\\', 'f')
			case '\n':
				b = append(b, '\\', 'n')
			case '\r':
				b = append(b, '\\', 'r')
			case '\t':
				b = append(b, '\\', 't')
			default:
				b = appendEscape(b, rune(c))
			}
			i++
			begin = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || r == '\u2028' || r == '\u2029' || acts(r) {
			b = append(b, s[begin:i]...)
			if r > 0xffff {
				high, low := utf16.EncodeRune(r)
				b = appendEscape(appendEscape(b, high), low)
			} else {
				b = appendEscape(b, r)
			}
			begin = i + n
		}
		i += n
	}
	w.buf = append(append(b, s[begin:]...), '"')
}

// plain are the ASCII characters that stand for themselves.
var plain = func() (in [utf8.RuneSelf]bool) {
	for c := range in {
		in[c] = c >= ' ' && c < 0x7f && c != '"' && c != '\\'
	}
	return in
}()

func appendEscape(b []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	return append(b, '\\', 'u', hex[r>>12&0xf], hex[r>>8&0xf], hex[r>>4&0xf], hex[r&0xf])
}

// written are lists that were written, by where they lie: most entries refer to
// one of a few. They are not changed while a report is rendered.
type written[T any] struct {
	lists []writtenList[T]
	next  int // to be replaced
}

type writtenList[T any] struct {
	list []T // held, so that nothing else can lie there
	text []byte
}

// append appends the list as write writes it.
func (c *written[T]) append(w *entryWriter, list []T, write func(*entryWriter, []T)) {
	if len(list) > 0 {
		for i := range c.lists {
			if have := &c.lists[i]; &have.list[0] == &list[0] && len(have.list) == len(list) {
				w.buf, w.first = append(w.buf, have.text...), false
				return
			}
		}
	}
	begin := len(w.buf)
	write(w, list)
	if len(list) == 0 {
		return
	}
	const most = 8
	if len(c.lists) < most {
		c.lists = append(c.lists, writtenList[T]{})
	}
	have := &c.lists[c.next]
	c.next = (c.next + 1) % most
	have.list, have.text = list, append(have.text[:0], w.buf[begin:]...)
}

func (w *entryWriter) key(k *FailingKey) {
	w.open('{')
	w.text("distribution", k.Distribution)
	w.text("bucket", k.Bucket)
	key, encoding := encodeKey(k.Key)
	w.text("key", key)
	w.text("key_encoding", encoding)
	w.text("access", k.Access)
	w.texts("uris", k.URIs)
	w.name("requests")
	w.open('{')
	w.int("cloudfront", k.Requests.CloudFront)
	w.int("s3", k.Requests.S3)
	w.int("direct", k.Requests.Direct)
	w.close('}')
	w.int("viewers", k.Viewers)
	w.said(k.FirstSeen, k.LastSeen, k.Status, k.Verdict, k.Causes, k.RuledOut, k.Unknown)
	w.moment("last_success", k.LastSuccess)
	w.moment("fixed_since", k.FixedSince)
	w.optionals("resolution", k.Resolution)
	w.optional("rewrite", k.Rewrite)
	w.seen(k.Samples, k.Hours, k.Noise)
	w.optionals("notes", k.Notes)
	w.optionals("plan", k.Plan)
	w.close('}')
}

func (w *entryWriter) path(f *EdgeFailure) {
	w.open('{')
	w.text("distribution", f.Distribution)
	w.text("uri", f.URI)
	w.int("requests", f.Requests)
	w.int("viewers", f.Viewers)
	w.said(f.FirstSeen, f.LastSeen, f.Status, f.Verdict, f.Causes, f.RuledOut, f.Unknown)
	w.seen(f.Samples, f.Hours, f.Noise)
	w.close('}')
}

// said and seen write the fields that keys and paths share.
func (w *entryWriter) said(first, last time.Time, status, verdict string, causes []Cause, ruledOut []string, unknown []Unknown) {
	w.time("first_seen", first.UTC())
	w.time("last_seen", last.UTC())
	w.text("status", status)
	w.text("verdict", verdict)
	w.name("causes")
	w.open('[')
	for i := range causes {
		w.element()
		w.cause(&causes[i])
	}
	w.close(']')
	w.name("ruled_out")
	w.ruledOut.append(w, ruledOut, func(w *entryWriter, list []string) {
		w.open('[')
		for _, id := range list {
			w.element()
			w.string(id)
		}
		w.close(']')
	})
	w.name("unknown")
	w.unknown.append(w, unknown, func(w *entryWriter, list []Unknown) {
		w.open('[')
		for i := range list {
			w.element()
			w.open('{')
			w.text("id", list[i].ID)
			w.texts("missing", list[i].Missing)
			w.close('}')
		}
		w.close(']')
	})
}

func (w *entryWriter) cause(c *Cause) {
	w.open('{')
	w.text("id", c.ID)
	w.text("certainty", c.Certainty)
	w.text("summary", c.Summary)
	w.name("evidence")
	w.open('[')
	for i := range c.Evidence {
		e := &c.Evidence[i]
		w.element()
		w.open('{')
		w.text("source", e.Source)
		w.text("ref", e.Ref)
		w.text("fact", e.Fact)
		w.close('}')
	}
	w.close(']')
	w.name("remedies")
	w.open('[')
	for i := range c.Remedies {
		m := &c.Remedies[i]
		w.element()
		w.open('{')
		w.text("title", m.Title)
		w.texts("commands", m.Commands)
		if m.Verified == nil {
			w.name("verified")
			w.buf = append(w.buf, "null"...)
		} else {
			w.bool("verified", *m.Verified)
		}
		w.optional("opens", m.Opens)
		w.optionals("remains", m.Remains)
		w.optionals("assumes", m.Assumes)
		w.optional("document", m.Document)
		w.optional("diff", m.Diff)
		w.optional("cloudformation", m.CloudFormation)
		w.optional("terraform", m.Terraform)
		w.close('}')
	}
	w.close(']')
	w.close('}')
}

func (w *entryWriter) seen(samples []Sample, hours []HourCount, noise bool) {
	if len(samples) > 0 {
		w.name("samples")
		w.open('[')
		for i := range samples {
			s := &samples[i]
			w.element()
			w.open('{')
			w.line("cloudfront", s.CloudFront)
			w.line("s3", s.S3)
			if s.Ambiguous {
				w.bool("ambiguous", true)
			}
			w.close('}')
		}
		w.close(']')
	}
	if len(hours) > 0 {
		w.name("hours")
		w.open('[')
		for i := range hours {
			w.element()
			w.open('{')
			w.time("hour", hours[i].Hour)
			w.int("count", hours[i].Count)
			w.close('}')
		}
		w.close(']')
	}
	if noise {
		w.bool("noise", true)
	}
}

func (w *entryWriter) line(name string, l *Line) {
	if l == nil {
		return
	}
	w.name(name)
	w.open('{')
	w.text("ref", l.Ref)
	w.time("time", l.Time)
	w.name("fields")
	if l.Fields == nil {
		w.buf = append(w.buf, "null"...)
	} else {
		w.open('[')
		for i := range l.Fields {
			w.element()
			w.open('{')
			w.text("name", l.Fields[i].Name)
			w.text("value", l.Fields[i].Value)
			w.close('}')
		}
		w.close(']')
	}
	w.close('}')
}
