package policy

import (
	"strconv"
	"strings"
	"testing"
)

func TestQuote(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := quote(in); got != want {
			t.Errorf("quote(%q) = %s, want %s", in, got, want)
		}
	}
	f("a\x1bé", `"a\x1b\u00e9"`)
	f(strings.Repeat("a", 120), `"`+strings.Repeat("a", 120)+`"`)
	f(strings.Repeat("a", 121), `"`+strings.Repeat("a", 120)+`"…`)
	f(strings.Repeat("a", 119)+"é", strconv.QuoteToASCII(strings.Repeat("a", 119))+"…")
	f(strings.Repeat("\x99", 153), `"`+strings.Repeat(`\x99`, 116)+`"…`) // no start of a rune to cut at
}
