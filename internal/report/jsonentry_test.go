package report

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

// letters are characters that JSON, terminals and encodings treat in every way.
var letters = []string{"a", "Z", "/", " ", "\x00", "\x07", "\b", "\f", "\n", "\r", "\t", "\x1b", "\x7f", "\"", "\\", "<", "&", "é", "\u0085", "\u00ad",
	"\u200b", "\u2028", "\u2029", "\u202e", "\ufeff", "\ufffd", "\xff", "\xc3", "\xed\xa0\x80", "日", "😀", "\U000e0041", "\U0001d173"}

// scatter gives about every other field a value.
func scatter(r *rand.Rand, v reflect.Value) {
	if r.IntN(3) == 0 {
		return
	}
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Unix(r.Int64N(1<<33), r.Int64N(3)*r.Int64N(1e9)).UTC()))
		return
	}
	switch v.Kind() {
	case reflect.String:
		s := ""
		for range r.IntN(6) {
			s += letters[r.IntN(len(letters))]
		}
		v.SetString(s)
	case reflect.Int64:
		v.SetInt(r.Int64() >> r.IntN(64))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		scatter(r, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(4), 4))
		for i := range v.Len() {
			scatter(r, v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			scatter(r, v.Field(i))
		}
	}
}

// TestEntryWriter expects entries as encoding/json writes them, but for the
// escapes of harmless, null arrays and keys that are not UTF-8.
func TestEntryWriter(t *testing.T) {
	r := rand.New(rand.NewPCG(403, 1))
	var w entryWriter
	var shared []Unknown
	var ruledOut []string
	compare := func(got []byte, v any) {
		t.Helper()
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			t.Fatal(err)
		}
		if got, want := string(bytes.TrimLeft(got, ",\n")), string(harmless(bytes.TrimRight(want.Bytes(), "\n"))); got != want {
			t.Fatalf("written\n%s\nencoding/json has\n%s", got, want)
		}
	}
	for i := range 3000 {
		k, f := new(FailingKey), new(EdgeFailure)
		scatter(r, reflect.ValueOf(k).Elem())
		scatter(r, reflect.ValueOf(f).Elem())
		if i%7 == 0 {
			shared, ruledOut = k.Unknown, k.RuledOut
		} else if i%2 == 0 { // what many entries refer to
			k.Unknown, k.RuledOut, f.Unknown, f.RuledOut = shared, ruledOut, shared, ruledOut
		}
		w.start()
		w.key(k)
		gotKey := bytes.Clone(w.buf)
		w.start()
		w.path(f)
		k.Key, k.KeyEncoding = encodeKey(k.Key)
		k.URIs = list(k.URIs)
		for _, e := range []struct {
			causes   *[]Cause
			ruledOut *[]string
			unknown  *[]Unknown
		}{{&k.Causes, &k.RuledOut, &k.Unknown}, {&f.Causes, &f.RuledOut, &f.Unknown}} {
			*e.causes, *e.ruledOut = list(*e.causes), list(*e.ruledOut)
			for n := range *e.causes {
				c := &(*e.causes)[n]
				c.Evidence, c.Remedies = list(c.Evidence), list(c.Remedies)
				for m := range c.Remedies {
					c.Remedies[m].Commands = list(c.Remedies[m].Commands)
				}
			}
			unknown := make([]Unknown, len(*e.unknown))
			for n, u := range *e.unknown {
				unknown[n] = Unknown{u.ID, list(u.Missing)}
			}
			*e.unknown = unknown
		}
		compare(gotKey, k)
		compare(w.buf, f)
	}
	if w.err != nil {
		t.Fatal(w.err)
	}
}
