package report

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/text"
)

// active reports the first character of a text that would act on a terminal,
// reorder its neighbours or not be seen.
func active(s string) (rune, bool) {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' || strings.ContainsRune("\u2800\u3164\uffa0\u115f\u1160\u034f\u17b4\ufe00\ufe0f\U000e0100", r)) {
			return r, true
		}
		i += n
	}
	return 0, false
}

func TestTextHoldsNoEscapes(t *testing.T) {
	for _, width := range []int{80, 160} {
		out := string(render(t, "text", nastyReport(), Options{Width: width, Keys: 60}))
		if r, ok := active(strings.ReplaceAll(out, "\t", "")); ok {
			t.Errorf("width %d: %U in the output", width, r)
		}
	}
	colored := string(render(t, "text", nastyReport(), Options{Color: true}))
	plain := regexp.MustCompile("\x1b\\[[0-9]+m").ReplaceAllString(colored, "")
	if r, ok := active(strings.ReplaceAll(plain, "\t", "")); ok {
		t.Errorf("colour: %U besides the report's own colours", r)
	}
}

func TestTextColorOnlyByOption(t *testing.T) {
	t.Setenv("FORCE_COLOR", "1")
	if out := render(t, "text", sampleReport(), Options{}); bytes.ContainsRune(out, '\x1b') {
		t.Error("escape in a report without colour")
	}
	if out := render(t, "text", sampleReport(), Options{Color: true}); !bytes.ContainsRune(out, '\x1b') {
		t.Error("no colour in a report with colour")
	}
}

// TestTextWidth: nothing but commands, log objects and the like, which are not
// broken so that they can be copied, is wider than the terminal.
func TestTextWidth(t *testing.T) {
	for _, width := range []int{80, 100, 160} {
		for _, l := range strings.Split(string(render(t, "text", sampleReport(), Options{Width: width})), "\n") {
			if text.StringWidth(l) > width && !strings.Contains(l, "aws ") && strings.Contains(strings.TrimSpace(l), " ") {
				t.Errorf("width %d: %d columns: %s", width, text.StringWidth(l), l)
			}
		}
	}
}

func TestCommandsAreWhole(t *testing.T) {
	r := sampleReport()
	out := string(render(t, "text", r, Options{Width: 80}))
	for _, k := range r.FailingKeys.(SliceKeys) {
		if k.Verdict != "policy-deny" {
			continue
		}
		for _, c := range k.Causes[0].Remedies[0].Commands {
			if !strings.Contains(out, "\n     "+c+"\n") {
				t.Errorf("command not whole on its own line: %s", c)
			}
		}
	}
}

func TestQuoteKey(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := quoteKey(in); got != want {
			t.Errorf("quoteKey(%q) = %s, want %s", in, got, want)
		}
	}
	f("img/logo.png", "img/logo.png")
	f("商品/一覧.png", "商品/一覧.png")
	f("a b", "a b")
	f("it's", "it's")
	f("a//b/", "a//b/")
	f("", `""`)
	f(" a", `" a"`)
	f("a ", `"a "`)
	f("a  b", `"a  b"`)
	f(`a"b`, `"a\"b"`)
	f(`a\b`, `"a\\b"`)
	f("a\nb\x1b[0m", `"a\nb\x1b[0m"`)
	f("\xff\u202e", `"\xff\u202e"`)
	f("caf\u00e9", "café")
	f("cafe\u0301", `"cafe\u0301"`)
	f("か\u3099 \"x\"", `"か\u3099 \"x\""`)
	f("a\u00a0b", `"a\u00a0b"`)
	f("a\u3164b", `"a\u3164b"`)
	f("\u2764\ufe0f.png", `"❤\ufe0f.png"`)
	f("\u2764.png", "❤.png")
	f("x\U000e0100", `"x\U000e0100"`)

	seen := map[string]string{} // different keys never look alike
	for _, s := range append(nasty, allBytes) {
		q := quoteKey(s)
		if was, ok := seen[q]; ok && was != s {
			t.Errorf("%q and %q both print as %s", was, s, q)
		}
		seen[q] = s
		if r, ok := active(q); ok {
			t.Errorf("quoteKey(%q) holds %U", s, r)
		}
	}
}

func FuzzQuoteKey(f *testing.F) {
	for _, s := range nasty {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, q := range []string{quoteKey(s), printable(s)} {
			if r, ok := active(q); ok || strings.Contains(q, "\n") {
				t.Errorf("%q becomes %q with %U", s, q, r)
			}
		}
	})
}

var htmlTag = regexp.MustCompile(`<[a-zA-Z!/][^>]*>`)

// TestHTMLHoldsOwnTagsOnly compares the tags of a hostile report with those
// that the template knows.
func TestHTMLHoldsOwnTagsOnly(t *testing.T) {
	out := string(render(t, "html", nastyReport(), Options{}))
	out = strings.Replace(out, string(inline("style", pageCSS)), "", 1)
	out = strings.Replace(out, string(inline("script", pageJS)), "", 1)
	allowed := map[string]bool{}
	for _, tag := range htmlTag.FindAllString(pageHTML, -1) {
		allowed[strings.ToLower(strings.Fields(strings.Trim(tag, "</>"))[0])] = true
	}
	scripts := 0
	for _, tag := range htmlTag.FindAllString(out, -1) {
		name := strings.ToLower(strings.Fields(strings.Trim(tag, "</>"))[0])
		switch {
		case name == "script":
			scripts++
		case !allowed[name]:
			t.Errorf("tag %s", tag)
		}
		for _, attr := range []string{" on", " style=", "javascript:", " src=", "srcdoc"} {
			if i := strings.Index(strings.ToLower(tag), attr); i >= 0 && !strings.Contains(tag, "aria-label=") {
				t.Errorf("attribute in %s", tag)
			}
		}
	}
	if scripts != 2 { // the block of keys, opened and closed
		t.Errorf("%d script tags besides the page's own, want 2", scripts)
	}
	if strings.Contains(out, "pwned=1</script") {
		t.Error("a payload ends a script")
	}
}

func TestHTMLPolicyAllowsOwnScriptOnly(t *testing.T) {
	out := string(render(t, "html", sampleReport(), Options{}))
	for _, want := range []string{"default-src &#39;none&#39;", hash(pageJS), hash(pageCSS), "base-uri", "form-action"} {
		if !strings.Contains(strings.ReplaceAll(strings.ReplaceAll(out, "&#43;", "+"), "&#39;", "'"), strings.ReplaceAll(want, "&#39;", "'")) {
			t.Errorf("no %s in the page's policy", want)
		}
	}
	for _, bad := range []string{"unsafe-inline", "http://", "https://"} {
		if strings.Contains(out, bad) {
			t.Errorf("%s in the page", bad)
		}
	}
	// The hashes are of what stands in the page.
	for tag, text := range map[string]string{"script": pageJS, "style": pageCSS} {
		if !strings.Contains(out, "<"+tag+">"+text+"</"+tag+">") {
			t.Errorf("the page's %s is not as hashed", tag)
		}
	}
}

func TestMarkdownHoldsNoMarkupOfLogs(t *testing.T) {
	for _, s := range append(nasty, allBytes) {
		out := md(s)
		if r, ok := active(out); ok || strings.Contains(out, "\n") {
			t.Errorf("md(%q) holds %U or a line break", s, r)
		}
		bare := regexp.MustCompile(`\\.`).ReplaceAllString(out, "") // what is left unescaped
		if i := strings.IndexAny(bare, "`*_[]<>#|~@$"); i >= 0 && bare[i] != '#' {
			t.Errorf("md(%q) = %q leaves %q", s, out, bare[i])
		}
		for _, link := range []string{"://", "www.", "&#64;a", "&#64;t", `\#1`, `\#2`} {
			if strings.Contains(strings.ToLower(out), link) {
				t.Errorf("md(%q) = %q leaves %s", s, out, link)
			}
		}
		code := mdCode(s)
		fence := code[:len(code)-len(strings.TrimLeft(code, "`"))]
		if inner := strings.Trim(code, "`"); fence == "" || !strings.HasSuffix(code, fence) || strings.Contains(inner, fence) && longestRun(inner, '`') >= len(fence) {
			t.Errorf("mdCode(%q) = %q can be ended", s, code)
		}
		block := strings.Split(mdFence(s), "\n")
		end := block[len(block)-1]
		for _, l := range block[1 : len(block)-1] {
			if strings.HasPrefix(strings.TrimSpace(l), end) {
				t.Errorf("mdFence(%q) can be ended by %q", s, l)
			}
		}
	}
}

func TestMarkdownSize(t *testing.T) {
	for name, r := range map[string]*Report{"nasty": nastyReport(), "big": bigReport(2000), "sample": sampleReport()} {
		out := render(t, "markdown", r, Options{})
		if len(out) > markdownLimit {
			t.Errorf("%s: %d bytes", name, len(out))
		}
		if !utf8.Valid(out) {
			t.Errorf("%s: not UTF-8", name)
		}
		if r, ok := active(strings.ReplaceAll(string(out), "\t", "")); ok {
			t.Errorf("%s: %U", name, r)
		}
	}
}

func TestCSVHoldsNoFormula(t *testing.T) {
	rows, err := csv.NewReader(bytes.NewReader(render(t, "csv", nastyReport(), Options{}))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	exact := map[string]bool{}
	for _, row := range rows[1:] {
		for i, c := range row {
			if c == "" {
				continue
			}
			if r, _ := utf8.DecodeRuneInString(strings.TrimLeft(c, " ")); strings.ContainsRune("=+-@|%\t\r\n＝＋－＠", r) {
				t.Errorf("%s: cell %q begins a formula", rows[0][i], c)
			}
			for _, part := range strings.Split(c, ";")[1:] { // cells, where it separates them
				if part = strings.TrimLeft(part, " \""); len(part) > 1 && strings.Contains("=+-@|%＝＋－＠", string([]rune(part)[:1])) && part[1] != ' ' {
					t.Errorf("%s: cell %q holds a formula behind a semicolon", rows[0][i], c)
				}
			}
			if r, ok := active(c); ok || strings.Contains(c, "\n") {
				t.Errorf("%s: cell %q holds %U", rows[0][i], c, r)
			}
		}
		key := row[3]
		if row[4] == "base64" {
			b, err := base64.StdEncoding.DecodeString(key)
			if err != nil {
				t.Errorf("key %q: %v", key, err)
			}
			key = string(b)
		}
		exact[strings.ReplaceAll(key, "'", "")] = true
	}
	for _, s := range append(nasty, allBytes) { // every key can be got back
		if !exact[strings.ReplaceAll(s, "'", "")] {
			t.Errorf("key %q is not in the CSV", s)
		}
	}
}

func TestJSONKeepsKeysExactly(t *testing.T) {
	out := render(t, "json", nastyReport(), Options{})
	var doc struct {
		FailingKeys []struct {
			Key         string `json:"key"`
			KeyEncoding string `json:"key_encoding"`
		} `json:"failing_keys"`
	}
	if err := json.Unmarshal(out, &doc); err != nil {
		t.Fatal(err)
	}
	for i, s := range append(nasty, allBytes) {
		got := doc.FailingKeys[i].Key
		if doc.FailingKeys[i].KeyEncoding == "base64" {
			b, err := base64.StdEncoding.DecodeString(got)
			if err != nil {
				t.Fatal(err)
			}
			got = string(b)
		} else if !utf8.ValidString(s) {
			t.Errorf("key %q is not UTF-8 but says so", s)
		}
		if got != s {
			t.Errorf("key %q came out as %q", s, got)
		}
	}
	if r, ok := active(strings.NewReplacer("\u2800", "", "\u3164", "", "\uffa0", "", "\u115f", "", "\u034f", "", "\ufe0f", "", "\U000e0100", "").Replace(string(out))); ok {
		t.Errorf("a raw %U in the JSON", r)
	}
}

// TestJSONArraysAreNeverNull walks the contract's arrays of a report whose
// slices are all nil.
func TestJSONArraysAreNeverNull(t *testing.T) {
	r := &Report{FailingKeys: SliceKeys{{Causes: []Cause{{Remedies: []Remedy{{}}}}, Unknown: []Unknown{{}}}, {}}, EdgeFailures: SlicePaths{{}}}
	out := string(render(t, "json", r, Options{}))
	for _, null := range regexp.MustCompile(`"(\w+)":null`).FindAllStringSubmatch(out, -1) {
		if n := null[1]; n != "verified" && n != "from" && n != "to" {
			t.Errorf("%s is null", n)
		}
	}
}

func TestGoldenHTML(t *testing.T) {
	out := render(t, "html", sampleReport(), Options{})
	out = bytes.ReplaceAll(out, []byte(pageCSS), []byte("STYLE"))
	out = bytes.ReplaceAll(out, []byte(pageJS), []byte("SCRIPT"))
	out = regexp.MustCompile(`sha256-[^ ]*&#39;`).ReplaceAll(out, []byte("HASH"))
	golden(t, "sample.html.txt", out)
}
