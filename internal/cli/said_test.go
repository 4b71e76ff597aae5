package cli

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode"
)

// TestSaidIsHarmless writes hostile words as an error and as log lines: they stay
// on one line, and nothing acts on a terminal or reorders text.
func TestSaidIsHarmless(t *testing.T) {
	hostile := "a\nb\rc\td\x1b[31m \u009b2J \x7f \u202egnp \u2066x \u200bzero \u200e \u061c \ufeff \u2028 \U000e0041 \xff 商品 é"
	var b bytes.Buffer
	finish(&b, &failure{code: ExitUsage, err: errors.New(hostile), hints: []string{hostile}})
	e := &env{stderr: &b}
	for _, format := range []string{"text", "json"} {
		newLogger(e, 2, false, format).Info(hostile, "key", hostile, "err", errors.New(hostile))
	}
	if n := strings.Count(b.String(), "\n"); n != 4 {
		t.Errorf("%d lines, want 4:\n%q", n, b.String())
	}
	for _, r := range strings.ReplaceAll(b.String(), "\n", "") {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' {
			t.Errorf("%U in %q", r, b.String())
		}
	}
	if strings.Count(b.String(), "商品 é") != 8 {
		t.Errorf("letters are lost: %s", b.String())
	}
}
