package logs

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"testing"
)

// TestEveryByte writes down how each byte looks in both logs, by the documents'
// own words, and reads it back.
func TestEveryByte(t *testing.T) {
	for c := range 256 {
		raw := []byte{byte(c)}
		hex := fmt.Sprintf("%%%02X", c)

		plain := c > 32 && c < 127 && !bytes.ContainsRune([]byte("<>\"#%{}|\\^~[]`'"), rune(c))
		want := hex
		if plain {
			want = string(rune(c))
		}
		if got := Escape(nil, raw); string(got) != want {
			t.Errorf("Escape(%q) = %s, want %s", raw, got, want)
		}
		if got, err := Unescape(nil, []byte(want)); err != nil || !bytes.Equal(got, raw) {
			t.Errorf("Unescape(%s) = %q, %v", want, got, err)
		}

		once, twice := url.QueryEscape(string(raw)), url.QueryEscape(url.QueryEscape(string(raw)))
		switch c { // where Java's URLEncoder with '/' kept is not Go's
		case '*', '/':
			once, twice = string(raw), string(raw)
		case '~':
			once, twice = "%7E", "%257E"
		}
		for layers, want := range []string{string(raw), once, twice} {
			if got := EscapeKey(nil, raw, layers); string(got) != want {
				t.Errorf("EscapeKey(%q, %d) = %s, want %s", raw, layers, got, want)
			}
			r := OriginRecord{Key: []byte(want), KeyLayers: uint8(layers)}
			if got, err := r.AppendKey([]byte("x")); err != nil || string(got) != "x"+string(raw) {
				t.Errorf("key %s of %d layers = %q, %v", want, layers, got[1:], err)
			}
		}
	}
}

func TestAppendKey(t *testing.T) {
	f := func(logged string, layers uint8, want string) {
		t.Helper()
		r := OriginRecord{Key: []byte(logged), KeyLayers: layers}
		got, err := r.AppendKey(nil)
		if err != nil || string(got) != want {
			t.Errorf("%s (%d layers) = %q, %v; want %q", logged, layers, got, err, want)
		}
	}
	f("%2522", 2, `"`)
	f("%253D", 2, "=")
	f("a/*.fastq*", 2, "a/*.fastq*")
	f("Screen+Shot+2019-09-09.png", 1, "Screen Shot 2019-09-09.png")
	f("a%2Bb", 2, "a b")
	f("a%2520b", 2, "a b")
	f("a%252Bb", 2, "a+b")
	f("100%2525", 2, "100%")
	f("foo-%2525Y", 1, "foo-%25Y")
	f("%25E6%2597%25A5", 2, "日")
	f("e%25CC%2581%25C3%25A9", 2, "e\u0301\u00e9") // NFD and NFC stay as they are
	f("%25ff%25fe", 2, "\xff\xfe")
	f("a%20b", 0, "a%20b")
	f("", 2, "")
}

func TestAppendKeyFailure(t *testing.T) {
	f := func(logged string, layers uint8, want, message string) {
		t.Helper()
		r := OriginRecord{Key: []byte(logged), KeyLayers: layers}
		got, err := r.AppendKey(nil)
		if string(got) != want || !errors.Is(err, ErrEscape) || err.Error() != message {
			t.Errorf("%s = %q, %v; want %q, %s", logged, got, err, want, message)
		}
	}
	// The layer that can't be decoded stays.
	f("a%zz+b", 2, "a%zz+b", "key, layer 1 of 2: malformed percent escape")
	f("100%25", 2, "100%", "key, layer 2 of 2: malformed percent escape")
	f("a+b%2", 1, "a+b%2", "key, layer 1 of 1: malformed percent escape")
}

func TestUnescape(t *testing.T) {
	f := func(in, want string, wantErr error) {
		t.Helper()
		got, err := Unescape([]byte("x"), []byte(in))
		if string(got) != "x"+want || err != wantErr {
			t.Errorf("Unescape(%q) = %q, %v; want %q, %v", in, got[1:], err, want, wantErr)
		}
	}
	f("", "", nil)
	f("/a+b", "/a+b", nil)
	f("/a%2520b%E3%81%82", "/a%20bあ", nil)
	f("/%2fx%2Fy%", "/"+"/x/y%", ErrEscape)
	f("%%41%4", "%A%4", ErrEscape)
}

func FuzzUnescape(f *testing.F) {
	f.Add([]byte("/a%2520b+%zz%"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		escaped := Escape(nil, raw)
		if back, err := Unescape(nil, escaped); err != nil || !bytes.Equal(back, raw) {
			t.Fatalf("%q is logged as %s, which reads as %q, %v", raw, escaped, back, err)
		}
		if got, err := Unescape(nil, raw); len(got) > len(raw) || err == nil && bytes.Count(raw, []byte("%")) > 0 && len(got) == len(raw) {
			t.Fatalf("Unescape(%q) = %q, %v", raw, got, err)
		}
	})
}

func FuzzAppendKey(f *testing.F) {
	f.Add([]byte("a b+c%/日"), uint8(2))
	f.Fuzz(func(t *testing.T, key []byte, layers uint8) {
		layers %= 3
		r := OriginRecord{Key: EscapeKey(nil, key, int(layers)), KeyLayers: layers}
		if back, err := r.AppendKey(nil); err != nil || !bytes.Equal(back, key) {
			t.Fatalf("%q is logged as %s, which reads as %q, %v", key, r.Key, back, err)
		}
		// A key as it comes, and what it reads as, are logged alike again.
		r.Key = key
		once, err := r.AppendKey(nil)
		if err != nil {
			return
		}
		r.Key = EscapeKey(nil, once, int(layers))
		if again, err := r.AppendKey(nil); err != nil || !bytes.Equal(again, once) {
			t.Fatalf("%q reads as %q, which reads back as %q, %v", key, once, again, err)
		}
	})
}
