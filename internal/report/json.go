package report

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/why403/why403/logs"
)

// renderJSON writes the contract of docs/json-output.md. Each failing key
// stands on a line of its own, so that a report of millions of keys can be
// read by line, and none is held longer than its line.
func renderJSON(w io.Writer, r *Report, _ Options) error {
	j := jsonWriter{w: w}
	j.enc = json.NewEncoder(&j.buf)
	j.enc.SetEscapeHTML(false)
	j.raw("{\n")
	j.field("schema_version", r.schemaVersion(), ",\n")
	j.field("run", wireRun(r.Run), ",\n")
	j.field("inputs", wireInputs(r.Inputs), ",\n")
	j.field("summary", wireSummary(r.Summary), ",\n")
	entries(&j, "failing_keys", r.FailingKeys, (*entryWriter).key)
	entries(&j, "direct_failures", r.DirectFailures, (*entryWriter).key)
	entries(&j, "edge_failures", r.EdgeFailures, (*entryWriter).path)
	if len(r.Trend) > 0 {
		j.field("trend", r.Trend, ",\n")
	}
	if len(r.Documents) > 0 {
		j.field("documents", r.Documents, ",\n")
	}
	j.field("notes", list(r.Notes), ",\n")
	calls := r.APICalls
	if calls == nil {
		calls = map[string]int64{}
	}
	j.field("api_calls", calls, "\n")
	j.raw("}\n")
	return j.err
}

func (r *Report) schemaVersion() string {
	if r.SchemaVersion == "" {
		return SchemaVersion
	}
	return r.SchemaVersion
}

// A jsonWriter writes the parts of one object and keeps the first error.
type jsonWriter struct {
	w   io.Writer
	buf bytes.Buffer
	enc *json.Encoder
	err error
}

func (j *jsonWriter) raw(s string) {
	if j.err == nil {
		_, j.err = io.WriteString(j.w, s)
	}
}

func (j *jsonWriter) value(v any) {
	if j.err != nil {
		return
	}
	j.buf.Reset()
	if j.err = j.enc.Encode(v); j.err == nil {
		_, j.err = j.w.Write(harmless(bytes.TrimRight(j.buf.Bytes(), "\n")))
	}
}

// harmless returns JSON with escapes for what acts on a terminal or reorders text,
// which encoding/json leaves as it is: DEL, C1 controls, bidi and format characters.
// Its meaning is the same.
func harmless(data []byte) []byte {
	if !bytes.ContainsFunc(data, acts) {
		return data
	}
	out := make([]byte, 0, len(data)+64)
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		switch {
		case !acts(r):
			out = append(out, data[:n]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		data = data[n:]
	}
	return out
}

func acts(r rune) bool {
	return r >= 0x7f && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r))
}

func (j *jsonWriter) field(name string, v any, end string) {
	j.raw(`"` + name + `": `)
	j.value(v)
	j.raw(end)
}

// entries writes one list of the report, an entry on each line.
func entries[T any](j *jsonWriter, name string, list List[T], entry func(*entryWriter, *T)) {
	j.raw(`"` + name + `": [`)
	if list != nil {
		var e entryWriter
		for v, err := range list.All() {
			if j.err == nil {
				j.err = err
			}
			if j.err != nil {
				return
			}
			e.start()
			entry(&e, v)
			if j.err = e.err; j.err == nil {
				_, j.err = j.w.Write(e.buf)
			}
		}
	}
	j.raw("\n],\n")
}

// encodeKey returns the key as a JSON string can hold it, and how it was done.
func encodeKey(key string) (text, encoding string) {
	if utf8.ValidString(key) {
		return key, "utf-8"
	}
	return base64.StdEncoding.EncodeToString([]byte(key)), "base64"
}

// The wire functions return copies in which no array is null and all times are
// UTC. Parts that the contract lets be absent stay absent.

func wireRun(r Run) Run {
	r.Started, r.Finished = r.Started.UTC(), r.Finished.UTC()
	r.Window.From, r.Window.To = utc(r.Window.From), utc(r.Window.To)
	return r
}

func wireInputs(in *logs.Inputs) logs.Inputs {
	var c logs.Inputs
	if in != nil {
		c = *in
	}
	if c.ByStatus == nil {
		c.ByStatus = map[int]int64{}
	}
	if c.ByFormat == nil {
		c.ByFormat = map[string]*logs.FormatCount{}
	}
	c.RejectedSamples = list(c.RejectedSamples)
	return c
}

func wireSummary(s Summary) Summary {
	s.Causes = list(s.Causes)
	return s
}

func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}
