package gather

import (
	"regexp"
	"strings"
	"sync"
)

// maskCode hides what may be secret in a function's code (JavaScript): comments,
// and all strings and regular expressions but short ones, paths, and names of
// properties and headers. Line breaks stay, and so does the status 403, which is
// all that a check looks for.
func maskCode(code string) string {
	var out strings.Builder
	before := byte('\n') // the last byte of code that is no blank
	for i := 0; i < len(code); {
		end := i + 1
		switch c := code[i]; {
		case strings.HasPrefix(code[i:], "//"):
			end = i + strings.IndexByte(code[i:]+"\n", '\n')
			out.WriteString("//" + hidden(code[i+2:end], " "))
		case strings.HasPrefix(code[i:], "/*"):
			end = len(code)
			if n := strings.Index(code[i+2:], "*/"); n >= 0 {
				end = i + 2 + n + 2
			}
			out.WriteString("/*" + hidden(code[i:end], " ") + strings.Repeat("\n", strings.Count(code[i:end], "\n")) + "*/")
		case c == '\'' || c == '"' || c == '`' || c == '/' && expression(code[:i]):
			n, closed := closing(code[i:])
			if c == '/' && !closed { // a division after all
				out.WriteByte(c)
				break
			}
			end = i + n
			text := code[i+1 : end]
			if closed {
				text = code[i+1 : end-1]
			}
			rest := strings.TrimLeft(code[end:], " \t")
			name := c != '/' && (strings.HasPrefix(rest, ":") || before == '[' && strings.HasPrefix(rest, "]"))
			if !name && len(text) > 3 && !(c != '/' && sitePath().MatchString(text)) {
				text = hidden(text, "") + strings.Repeat("\n", strings.Count(text, "\n"))
			}
			out.WriteByte(c)
			out.WriteString(text)
			if closed {
				out.WriteByte(c)
			}
			before = c
		default:
			out.WriteByte(c)
			if c != ' ' && c != '\t' && c != '\r' {
				before = c
			}
		}
		i = end
	}
	return out.String()
}

// sitePath matches a path of a site, without a query and without what looks like
// a token.
var sitePath = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^/?[a-z0-9_.-]{0,24}(/[a-z0-9_.-]{0,24})*/?(\.html?|/)$|^/$`)
})

// hidden stands for a text. An empty one, blanks apart, stays.
func hidden(text, before string) string {
	switch {
	case strings.TrimSpace(text) == "":
		return ""
	case strings.Contains(text, "403"):
		return before + "(masked 403)"
	}
	return before + "(masked)"
}

// expression reports whether a slash behind this code begins a regular expression
// and is no division.
func expression(code string) bool {
	code = strings.TrimRight(code, " \t")
	if code == "" || strings.IndexByte("(,=:[!&|?{};+<>%*~^\n", code[len(code)-1]) >= 0 {
		return true
	}
	for _, word := range []string{"return", "typeof", "case", "in", "of"} {
		if strings.HasSuffix(code, word) {
			return true
		}
	}
	return false
}

// closing returns the length of what a quote or slash begins, the closing one
// included if there is one. What is not closed ends before its line's end, a
// template with the code.
func closing(code string) (n int, closed bool) {
	quote, class := code[0], false
	for i := 1; i < len(code); i++ {
		switch c := code[i]; {
		case c == '\n' && quote != '`':
			return i, false
		case c == '\\':
			i++
		case quote == '/' && (c == '[' || c == ']'):
			class = c == '['
		case c == quote && !class:
			return i + 1, true
		}
	}
	return len(code), false
}
