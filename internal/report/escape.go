package report

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// quoteKey returns the key so that a reader can tell exactly which bytes it
// holds. A key of plain printable characters stands as it is. Any other is
// quoted as in Go: with control, bidi, format and other invisible characters,
// invalid UTF-8, spaces at an end or doubled, quotes and backslashes, or characters that are
// not in NFC (two such keys would look alike).
func quoteKey(key string) string {
	if plainKey(key) {
		return key
	}
	normal := norm.NFC.IsNormalString(key)
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(key); {
		r, n := utf8.DecodeRuneInString(key[i:])
		switch {
		case unicode.Is(unicode.M, r) && !normal, invisible(r): // shows as what it is
			b.WriteString(escaped(r))
		default:
			q := strconv.Quote(key[i : i+n])
			b.WriteString(q[1 : len(q)-1])
		}
		i += n
	}
	b.WriteByte('"')
	return b.String()
}

func plainKey(key string) bool {
	if key == "" || key[0] == ' ' || key[len(key)-1] == ' ' || strings.Contains(key, "  ") ||
		strings.ContainsAny(key, `"\`) || !utf8.ValidString(key) || !norm.NFC.IsNormalString(key) {
		return false
	}
	return isPrintable(key)
}

func isPrintable(s string) bool {
	for _, r := range s {
		if r == utf8.RuneError || !strconv.IsPrint(r) || invisible(r) {
			return false
		}
	}
	return true
}

// invisible reports whether a character that counts as printable shows nothing:
// fillers, variation selectors, the Braille blank.
func invisible(r rune) bool {
	return r >= 0x34f && (r == 0x2800 || unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector))
}

// escaped writes a character as Go does in ASCII.
func escaped(r rune) string {
	q := strconv.QuoteRuneToASCII(r)
	return q[1 : len(q)-1]
}

// printable returns s on one line and without any character that acts on a
// terminal, reorders text or can't be seen: controls, bidi and format characters
// and invalid UTF-8 show as Go escapes. It suits prose and field values; a key needs
// quoteKey.
func printable(s string) string {
	if isPrintable(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case strconv.IsPrint(r) && !invisible(r):
			b.WriteRune(r)
		default:
			b.WriteString(escaped(r))
		}
		i += n
	}
	return b.String()
}

// printableLines is printable for text of several lines: commands, documents,
// diffs. Line feeds and tabs stay. exact tells whether nothing was escaped.
func printableLines(s string) (lines []string, exact bool) {
	exact = true
	for _, l := range strings.Split(strings.TrimRight(s, "\n"), "\n") {
		parts := strings.Split(strings.TrimSuffix(l, "\r"), "\t")
		for i, p := range parts {
			if !isPrintable(p) {
				exact = false
				parts[i] = printable(p)
			}
		}
		lines = append(lines, strings.Join(parts, "\t"))
	}
	return lines, exact
}

// location names where an item failed: s3://bucket/key, or the viewer's path.
func (it item) location() string {
	switch {
	case it.kind == kindEdge:
		return quoteKey(it.Key)
	case plainKey(it.Key):
		return "s3://" + printable(it.Bucket) + "/" + it.Key
	}
	return "s3://" + printable(it.Bucket) + "/ " + quoteKey(it.Key)
}
