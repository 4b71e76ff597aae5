package policy

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// TestPatternAgainstRegexp compares the wildcard match with regular expressions over a tiny alphabet, where repeats and
// overlaps are frequent.
func TestPatternAgainstRegexp(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(5, 6))}
	ctx := &Context{}
	ctx.Set("v", "ab")
	ctx.Set("e", "")
	n := naive{ctx: map[string][]string{"v": {"ab"}, "e": {""}}, version: version2012}
	matched := 0
	const rounds = 20000
	for range rounds {
		pat := g.word([]string{"a", "b", "é", "*", "*", "?", "${v}", "${e}", "${*}"}, 8)
		text := g.word([]string{"a", "a", "b", "é", "ab", "*"}, 10)
		p := compilePattern(pat, syntax{wildcards: true, variables: true})
		got, want := p.match(text, ctx), TriOf(n.glob(pat, text, true, true))
		if got != want {
			t.Fatalf("%q on %q: %s, want %s", pat, text, got, want)
		}
		if want == True {
			matched++
		}
		folded := strings.NewReplacer("é", "B", "${v}", "A", "${e}", "", "${*}", "a").Replace(pat)
		text = strings.ReplaceAll(text, "é", "b")
		re := "(?is)^" + strings.NewReplacer("*", ".*", "?", ".").Replace(folded) + "$"
		if got, want := matchFold(folded, text), regexp.MustCompile(re).MatchString(text); got != want {
			t.Fatalf("action %q on %q: %t, want %t", folded, text, got, want)
		}
	}
	if matched < rounds/50 {
		t.Errorf("only %d of %d matched", matched, rounds)
	}
}

// TestPatternInvalidUTF8: keys need not be UTF-8; a byte that is none counts as one character.
func TestPatternInvalidUTF8(t *testing.T) {
	f := func(pat, text string, want bool) {
		t.Helper()
		p := compilePattern(pat, syntax{wildcards: true})
		if got := p.match(text, nil); got != TriOf(want) {
			t.Errorf("%q on %q: %s", pat, text, got)
		}
	}
	f("a?b", "a\xffb", true)
	f("a?b", "a\xff\xfeb", false)
	f("*?b", "a\xff\xfeb", true)
	f("*\u00e9", "\xc3\xe9", false)
	f("???", "\xff\xfe\xfd", true)
}

// TestPatternLong: matching must not blow up on many stars, and stay fast where nothing matches.
func TestPatternLong(t *testing.T) {
	text := strings.Repeat("a", MaxContextValue)
	for _, pat := range []string{
		strings.Repeat("*a", MaxContextValue) + "b",
		strings.Repeat("a*", MaxContextValue) + "b",
		"*" + strings.Repeat("a", MaxContextValue/2) + "b*",
		"*" + strings.Repeat("?", 1000) + "b*",
		strings.Repeat("*?", 2000) + "b",
		"*" + strings.Repeat("?a", 1000) + "b*",
	} {
		p := compilePattern(pat, syntax{wildcards: true})
		if p.match(text, nil) != False {
			t.Errorf("%.20q matches", pat)
		}
		if matchFold(pat, text[:1000]) {
			t.Errorf("action %.20q matches", pat)
		}
	}
}
