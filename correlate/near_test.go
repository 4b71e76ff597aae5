package correlate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// counter counts calls and refuses more than a page.
type counter struct {
	l     Lister
	t     testing.TB
	calls int
}

func (c *counter) List(ctx context.Context, prefix, delimiter string, max int) ([]string, []string, bool, error) {
	c.calls++
	if max > nearPage {
		c.t.Errorf("asked for %d keys", max)
	}
	return c.l.List(ctx, prefix, delimiter, max)
}

func near(t testing.TB, have []string, key string, hint Hint) ([]NearKey, int) {
	t.Helper()
	c := &counter{l: NewKeyList(slices.Clone(have)), t: t}
	got, err := Near(context.Background(), key, hint, c, 5)
	if err != nil {
		t.Fatal(err)
	}
	if c.calls > nearCalls {
		t.Errorf("%q: %d calls", key, c.calls)
	}
	return got, c.calls
}

func TestNear(t *testing.T) {
	have := []string{
		"index.html", "docs/index.html", "docs/start.html", "docs/api/index.html", "about.html", "Images/Hero.jpg", "images/logo.png",
		"css/main.css", "a", "folder/", "folder/x", "prod/app.js", "with space.txt", "with+plus.txt", "100%.txt", "%20raw.txt",
		"caf\u00e9.html", "e\u0301tude.html", "assets/app.js?v=1", "/leading.txt", "dup//b.txt", "photo.jpeg", "fran\u00e7ais/page.html",
		"reports/2026/q1.pdf", "Data/Sets/One.csv", "docs/v1.2.html", "lib/vendor.js.map", "lib/vendor.json.txt",
	}
	f := func(key string, want string, kind NearKind) {
		t.Helper()
		got, _ := near(t, have, key, Hint{OriginPath: "/prod"})
		if want == "" {
			if len(got) != 0 {
				t.Errorf("%q: got %q, want none", key, got)
			}
			return
		}
		if len(got) == 0 || got[0] != (NearKey{want, kind}) {
			t.Errorf("%q: got %q, want %q %s", key, got, want, kind)
		}
	}
	f("Images/hero.jpg", "Images/Hero.jpg", NearCase)
	f("images/hero.jpg", "Images/Hero.jpg", NearCase)
	f("IMAGES/LOGO.PNG", "images/logo.png", NearCase)
	f("data/sets/one.csv", "Data/Sets/One.csv", NearCase)
	f("a/", "a", NearTrailingSlash)
	f("folder", "folder/", NearTrailingSlash)
	f("docs/", "docs/index.html", NearDirectoryIndex)
	f("docs", "docs/index.html", NearDirectoryIndex)
	f("docs/api", "docs/api/index.html", NearDirectoryIndex)
	f("about", "about.html", NearExtension)
	f("about.htm", "about.html", NearExtension)
	f("photo.jpg", "photo.jpeg", NearExtension)
	f("docs/v1.2", "docs/v1.2.html", NearExtension)
	f("photo.webp", "", "") // another kind of file
	f("reports/2026/q1.docx", "", "")
	f("lib/vendor.js", "", "") // vendor.js.map is not it
	f("docs//start.html", "docs/start.html", NearDoubleSlash)
	f("/css/main.css", "css/main.css", NearDoubleSlash)
	f("leading.txt", "/leading.txt", NearDoubleSlash)
	f("dup/b.txt", "dup//b.txt", NearDoubleSlash)
	f("app.js", "prod/app.js", NearOriginPath)
	f("prod/prod/app.js", "prod/app.js", NearOriginPath)
	f("prod/css/main.css", "css/main.css", NearOriginPath)
	f("v1/css/main.css", "css/main.css", NearOriginPath)
	f("with+space.txt", "with space.txt", NearEncoding)
	f("with plus.txt", "with+plus.txt", NearEncoding)
	f("with%20space.txt", "with space.txt", NearEncoding)
	f("with%2520space.txt", "with space.txt", NearEncoding)
	f("100%25.txt", "100%.txt", NearEncoding)
	f(" raw.txt", "%20raw.txt", NearEncoding)
	f("css/main.css ", "css/main.css", NearEncoding)
	f("css/main.css\n", "css/main.css", NearEncoding)
	f("assets/app.js", "assets/app.js?v=1", NearEncoding)
	f("css/main.css?x=1", "css/main.css", NearEncoding)
	f("cafe\u0301.html", "caf\u00e9.html", NearUnicode)
	f("\u00e9tude.html", "e\u0301tude.html", NearUnicode)
	f("caf\xe9.html", "caf\u00e9.html", NearEncoding)
	f("franc\u0327ais/page.html", "fran\u00e7ais/page.html", NearUnicode)
	f("css/mian.css", "css/main.css", NearSpelling)
	f("reprots/2026/q1.pdf", "reports/2026/q1.pdf", NearSpelling)
	f("nothing/like/it.bin", "", "")
	f("beta/index.html", "", "") // every site has one at the root
	f("", "", "")
	f("/", "", "")
}

// Where the origin path is forgotten or wrong, the whole site lies in another
// folder; one file of the same path in another folder is a wrong link.
func TestNearOtherSite(t *testing.T) {
	f := func(have []string, key, originPath, want string) {
		t.Helper()
		got, _ := near(t, have, key, Hint{OriginPath: originPath})
		switch {
		case want == "" && len(got) > 0:
			t.Errorf("%q: got %q, want none", key, got)
		case want != "" && (len(got) == 0 || got[0] != (NearKey{want, NearOriginPath})):
			t.Errorf("%q: got %q, want %q", key, got, want)
		}
	}
	built := []string{"README.md", "build/app.js", "build/css/site.css", "build/index.html", "source/css/site.scss"}
	f(built, "css/site.css", "", "build/css/site.css")
	f(built, "app.js", "", "build/app.js")
	f(built, "dist/css/site.css", "/dist", "build/css/site.css")
	f(built, "css/other.css", "", "")
	f(built, "index.html", "", "") // default-root-missing
	f(append(built, "index.html"), "css/site.css", "", "")
	f(append(built, "dist/index.html"), "dist/css/site.css", "/dist", "")
	f([]string{"archive/img/logo.png"}, "img/logo.png", "", "") // no site
	many := slices.Clone(built)
	for i := range 20 {
		many = append(many, fmt.Sprintf("tenant%02d/index.html", i))
	}
	f(many, "css/site.css", "", "")
}

// The bucket's size must not matter, and a big folder must not hide a key.
func TestNearBigBucket(t *testing.T) {
	var have []string
	for d := range 100 {
		for i := range 300 {
			have = append(have, fmt.Sprintf("dir%03d/file%05d.txt", d, i))
		}
	}
	for i := range 5000 {
		have = append(have, fmt.Sprintf("flat/item-%05d.html", i))
	}
	have = append(have, "flat/Zebra.html")
	f := func(key, want string, most int) {
		t.Helper()
		got, calls := near(t, have, key, Hint{})
		if len(got) == 0 || got[0].Key != want {
			t.Errorf("%q: got %q, want %q", key, got, want)
		}
		if calls > most {
			t.Errorf("%q: %d calls, want at most %d", key, calls, most)
		}
	}
	f("dir007/FILE00001.txt", "dir007/file00001.txt", 6)
	f("Dir007/file00001.txt", "dir007/file00001.txt", 9)
	f("flat/zebra.html", "flat/Zebra.html", 9)
	f("flat/item-04321", "flat/item-04321.html", 9)
}

// Keys of one folder share its listing.
func TestFinderShares(t *testing.T) {
	var have []string
	for i := range 500 {
		have = append(have, fmt.Sprintf("img/Photo%03d.jpg", i))
	}
	c := &counter{l: NewKeyList(have), t: t}
	f := NewFinder(c)
	for i := range 500 {
		got, err := f.Near(context.Background(), fmt.Sprintf("img/photo%03d.jpg", i), Hint{}, 1)
		if err != nil || len(got) != 1 || got[0].Kind != NearCase {
			t.Fatalf("%d: %q, %v", i, got, err)
		}
	}
	if c.calls > 20 || f.Calls() != c.calls {
		t.Errorf("%d calls for 500 keys", c.calls)
	}
	t.Logf("%d calls for 500 keys", c.calls)
}

func TestKeyList(t *testing.T) {
	l := NewKeyList([]string{"b", "a/2", "a/1", "a/x/1", "a0", "a/1"})
	f := func(prefix, delimiter string, max int, want string) {
		t.Helper()
		keys, prefixes, complete, err := l.List(context.Background(), prefix, delimiter, max)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(strings.Join(keys, ","), "|", strings.Join(prefixes, ","), "|", complete); got != want {
			t.Errorf("List(%q, %q, %d) = %s, want %s", prefix, delimiter, max, got, want)
		}
	}
	f("", "/", 10, "a0,b|a/|true")
	f("", "", 10, "a/1,a/2,a/x/1,a0,b||true")
	f("a/", "/", 10, "a/1,a/2|a/x/|true")
	f("a/", "/", 2, "a/1,a/2||false")
	f("a/", "/", 3, "a/1,a/2|a/x/|true")
	f("", "/", 1, "|a/|false")
	f("c", "/", 1, "||true")
	if !l.Has("a/x/1") || l.Has("a/x") {
		t.Error("Has")
	}
}

func FuzzNear(f *testing.F) {
	f.Add("docs/Index.html", "docs/index.html\ndocs/x\nA//b", "/prod")
	f.Add("caf\xe9", "caf\u00e9", "")
	f.Add("%%%2", "/\n//\na/", "/")
	f.Fuzz(func(t *testing.T, key, have, path string) {
		keys := strings.Split(have, "\n")
		l := NewKeyList(slices.Clone(keys))
		c := &counter{l: l, t: t}
		got, err := Near(context.Background(), key, Hint{OriginPath: path}, c, 5)
		if err != nil || len(got) > 5 || c.calls > nearCalls {
			t.Fatalf("%v, %d calls, %q", err, c.calls, got)
		}
		for _, n := range got {
			if n.Key == key || !l.Has(n.Key) || n.Key == "" {
				t.Errorf("%q: got %q", key, n)
			}
		}
	})
}

func TestDistance(t *testing.T) {
	f := func(a, b string, limit, want int) {
		t.Helper()
		if got := distance(a, b, limit); got != want {
			t.Errorf("%q %q: got %d, want %d", a, b, got, want)
		}
	}
	f("", "", 3, 0)
	f("a", "", 3, 1)
	f("abcd", "abdc", 3, 1)
	f("kitten", "sitting", 3, 3)
	f("kitten", "sitting", 2, 3)
	f("abc", "xyz", 1, 2)
	f("main", "mian", 2, 1)
}
