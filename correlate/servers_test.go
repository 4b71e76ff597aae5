//go:build servers

package correlate

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// The objects of every bucket; an object's body is its key.
var websiteObjects = []string{
	"index.html", "home.html", "404.html", "err/doc.html", "a", "a.html", "a/index.html", "docs/index.html", "docs/home.html",
	"docs/guide.html", "Docs/Guide.html", "docs/sub/index.html", "images/logo.png", "images/Logo.PNG", "old/kept.html", "new/page.html",
	"no-index/file.txt", "deep/1/2/3/4.txt", "UPPER/INDEX.HTML", "empty/", "marker/", "marker/index.html", "moved", "moved-away", "moved-error",
	"with space.txt", "two  spaces/index.html", " lead.txt", "trail .txt ", "plus+sign.txt", "c++/index.html", "per%cent.txt", "twice%20.txt", "%2F.txt",
	"q?mark.txt", "hash#.txt", "amp&.txt", "semi;colon=1.txt", "colon:at@.txt", "paren(1).txt", "star*.txt", "tilde~.txt", "quote'\".txt", "dollar$.txt",
	"comma,.txt", "bracket[1].txt", "back\\slash.txt", "pipe|.txt", "trailing.", "trailing..", "dir./index.html", "...", ".well-known/x",
	"caf\u00e9.txt", "cafe\u0301.txt", "caf\u00e9/index.html", "\u65e5\u672c/index.html", "emoji\U0001f600.png", "\u00a0.txt",
}

// Objects that lead elsewhere (x-amz-website-redirect-location).
var websiteLocations = map[string]string{"moved": "/docs/", "moved-away": "https://example.org/x?y=1", "moved-error": "/docs/guide.html"}

// websites are the configurations, by bucket.
var websites = map[string]*Website{
	"plain":     {IndexSuffix: "index.html"},
	"error":     {IndexSuffix: "index.html", ErrorKey: "404.html"},
	"home":      {IndexSuffix: "home.html", ErrorKey: "err/doc.html"},
	"no-error":  {IndexSuffix: "index.html", ErrorKey: "none.html"},
	"no-index":  {IndexSuffix: "default.htm", ErrorKey: "404.html"},
	"error-301": {IndexSuffix: "index.html", ErrorKey: "moved-error"},
	"prefix": {IndexSuffix: "index.html", ErrorKey: "404.html", Rules: []RoutingRule{
		{KeyPrefix: "old/", ReplacePrefix: "new/", HasReplacePrefix: true},
		{KeyPrefix: "images/", HostName: "img.example.com", Protocol: "https", RedirectCode: 302},
		{KeyPrefix: "caf", ReplaceKey: "docs/guide.html", HasReplaceKey: true},
		{KeyPrefix: "trail", ReplacePrefix: "", HasReplacePrefix: true, RedirectCode: 303}}},
	"code": {IndexSuffix: "index.html", ErrorKey: "404.html", Rules: []RoutingRule{
		{KeyPrefix: "docs/", ErrorCode: 404, ReplaceKey: "docs/index.html", HasReplaceKey: true},
		{KeyPrefix: "no-index/", ErrorCode: 403, ReplaceKey: "never", HasReplaceKey: true},
		{ErrorCode: 404, HostName: "archive.example.com", RedirectCode: 307}}},
	"mixed": {IndexSuffix: "index.html", Rules: []RoutingRule{
		{ErrorCode: 404, ReplacePrefix: "lost/", HasReplacePrefix: true, RedirectCode: 302},
		{KeyPrefix: "deep/1/", ReplacePrefix: "docs/", HasReplacePrefix: true, Protocol: "https"}}},
	"spa": {IndexSuffix: "index.html", Rules: []RoutingRule{{ErrorCode: 404, ReplacePrefix: "#!/", HasReplacePrefix: true}}},
	// s3rver refuses RedirectAllRequestsTo: the server gets a rule that says the same.
	"all": {RedirectAll: "www.example.org", RedirectProto: "https"},
}

// A question is one request of a website, and how it is to be answered.
type question struct {
	path    string // on the wire
	website *Website
	key     string
	ask     func(string) Existence
	file    func(key string) string // the object that is read for a key
	answer  Answer
}

func (q *question) resolve() {
	ask := func(key string) Existence { return q.ask(q.file(key)) }
	q.answer = q.website.Resolve(q.key, ask, func(key string) string { return websiteLocations[q.file(key)] })
	if q.answer.Body != "" {
		q.answer.Body = q.file(q.answer.Body)
	}
}

// serverDeviations are the ways in which s3rver 3.7.1 is not S3, in the order
// in which they act on a request. differ makes the question and its answer what
// they are to s3rver.
var serverDeviations = []struct {
	what, source string
	differ       func(q *question)
}{
	{"a path that is no percent-encoded UTF-8 is not decoded at all",
		"S3 user guide, Naming objects: keys are bytes as far as a request can carry them; what cannot be decoded stays",
		func(q *question) {
			if raw := rawKey(q.path); malformed(raw) {
				q.key = raw
				q.resolve()
			}
		}},
	{`"+" is not read as a space`,
		`imgix issue 88: S3 needs %2B for a plus`,
		func(q *question) {
			if raw := rawKey(q.path); !malformed(raw) {
				q.key = KeyOfWire("/" + strings.ReplaceAll(raw, "+", "%2B"))
				q.resolve()
			}
		}},
	{"dot segments and doubled slashes of a key are folded, as in a file's path",
		"S3 user guide, Naming objects: a key is flat, slashes and dots are characters",
		func(q *question) {
			q.file = func(key string) string {
				dir, file := path.Split(key)
				return strings.TrimPrefix(strings.TrimSuffix(path.Clean("/"+dir), "/")+"/"+file, "/")
			}
			q.resolve()
		}},
	{"the object of a folder's marker is served in the place of its index document",
		"S3 user guide, Configuring an index document: a trailing slash asks for the index document",
		func(q *question) {
			if q.key != "" && strings.HasSuffix(q.key, "/") && q.ask(q.file(q.key)) == Readable {
				q.answer = Answer{Status: 200, Key: q.key, Body: q.key}
			}
		}},
	{"routing rules without an error code wait until the object is missing",
		"S3 API, Condition: KeyPrefixEquals alone redirects every request; LocalStack's and Ceph's recorded tests",
		func(q *question) {
			if q.website.RedirectAll == "" && !slices.ContainsFunc(q.website.Rules, func(r RoutingRule) bool { return r.ErrorCode == 0 }) {
				return
			}
			w := *q.website
			w.Rules = slices.Clone(w.Rules)
			if w.RedirectAll != "" {
				w.IndexSuffix, w.Rules = "index.html", []RoutingRule{{HostName: w.RedirectAll, Protocol: w.RedirectProto}}
				w.RedirectAll = ""
			}
			for i := range w.Rules {
				if w.Rules[i].ErrorCode == 0 {
					w.Rules[i].ErrorCode = 404
				}
			}
			marker := q.answer.Status == 200 && q.answer.Key == q.key
			if q.website = &w; !marker {
				q.resolve()
			}
		}},
	{"an empty ReplaceKeyPrefixWith removes no prefix",
		"S3 API, Redirect: ReplaceKeyPrefixWith may be empty, which takes the prefix off",
		func(q *question) {
			if !slices.ContainsFunc(q.website.Rules, func(r RoutingRule) bool { return r.HasReplacePrefix && r.ReplacePrefix == "" }) || q.answer.Status == 200 {
				return
			}
			w := *q.website
			w.Rules = slices.Clone(w.Rules)
			for i := range w.Rules {
				w.Rules[i].HasReplacePrefix = w.Rules[i].ReplacePrefix != ""
			}
			q.website = &w
			q.resolve()
		}},
	{"Location is not percent-encoded: Latin-1 where it can be, refused where not; a space at its end is lost",
		"RFC 9110, 10.2.2: Location is a URI reference",
		func(q *question) {
			text := unescaped(q.answer.Location)
			latin := make([]byte, 0, len(text))
			for _, r := range text {
				if r > 0xff {
					q.refuse()
					return
				}
				latin = append(latin, byte(r))
			}
			if q.answer.Status == 302 { // has a body, of which the header takes its encoding
				latin = []byte(text)
			}
			if s := strings.TrimSpace(string(latin)); s != text {
				q.answer.Location = strings.ReplaceAll(s, "%", "%25")
			}
		}},
	{"a path with a doubled slash belongs to no bucket",
		"S3 user guide, Naming objects: a key may begin with a slash and hold doubled ones",
		func(q *question) {
			if strings.Contains("/"+rawKey(q.path), "//") {
				q.answer = Answer{Status: 404}
			}
		}},
}

// refuse makes the answer a failure of s3rver's own, which came after a routing
// rule had set the status: its error document, or 500.
func (q *question) refuse() {
	w, folder := q.website, q.answer.Location == "/"+escapeLocation(q.key)+"/" && q.answer.Status == 302
	switch {
	case w.ErrorKey == "" || q.ask(w.ErrorKey) != Readable:
		q.answer = Answer{Status: 500}
	case websiteLocations[w.ErrorKey] != "":
		q.answer = Answer{Status: 301, Location: websiteLocations[w.ErrorKey]}
	case folder:
		q.answer = Answer{Status: 404, Body: w.ErrorKey}
	default:
		q.answer.Body, q.answer.Location = w.ErrorKey, ""
	}
}

func rawKey(wire string) string {
	wire, _, _ = strings.Cut(wire, "?")
	return strings.TrimPrefix(wire, "/")
}

// malformed reports whether JavaScript's decodeURIComponent refuses the text.
func malformed(raw string) bool {
	s, err := url.PathUnescape(raw)
	return err != nil || !utf8.ValidString(s)
}

// TestWebsiteServer compares Website.Resolve with a website server that we did
// not write: status, object served and Location of every request must be equal
// but for the deviations listed, and those must show as they are described.
func TestWebsiteServer(t *testing.T) {
	s := startS3rver(t)
	have := make(map[string]bool)
	for _, k := range websiteObjects {
		have[k] = true
	}
	paths := websitePaths()
	if len(paths) < 200 || len(websites) < 10 {
		t.Fatalf("%d paths, %d configurations", len(paths), len(websites))
	}
	seen, kinds, used := make(map[string]int), make(map[string]int), make(map[string]int)
	requests := 0
	for bucket, w := range websites {
		for _, p := range paths {
			q := &question{path: p, website: w, key: KeyOfWire(p), ask: func(key string) Existence {
				if have[key] {
					return Readable
				}
				return Missing
			}, file: func(key string) string { return key }}
			q.resolve()
			got := s.get(t, bucket, p)
			requests++
			if s.same(bucket, q.answer, got) {
				seen["equal"]++
				kinds[kindOf(got)]++
				continue
			}
			want := q.answer
			var why []string
			for _, d := range serverDeviations {
				before := q.answer
				d.differ(q)
				if q.answer != before {
					why = append(why, d.what)
					used[d.what]++
				}
			}
			if len(why) == 0 || !s.same(bucket, q.answer, got) {
				t.Errorf("%s %s: s3rver answers %+v; we %+v, with its deviations (%s) %+v", bucket, p, got, want, strings.Join(why, "; "), q.answer)
				continue
			}
			seen[strings.Join(why, "; ")]++
		}
	}
	t.Logf("%d requests: %d paths of %d configurations", requests, len(paths), len(websites))
	for _, m := range [...]map[string]int{seen, kinds} {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			t.Logf("%6d %s", m[k], k)
		}
	}
	for _, d := range serverDeviations {
		if used[d.what] == 0 {
			t.Errorf("a deviation that no request shows: %s (%s)", d.what, d.source)
		}
	}
}

func kindOf(a websiteAnswer) string {
	if a.key != "" {
		return fmt.Sprintf("%d with an object", a.status)
	}
	if a.location != "" {
		return fmt.Sprintf("%d with a Location", a.status)
	}
	return strconv.Itoa(a.status)
}

// websitePaths are each object's path and those that people and clients make
// of it.
func websitePaths() []string {
	paths := []string{"/", "//", "/?x=1", "/index.html?versionId=1", "/nope", "/nope/", "/nope.html", "/docs?x=/", "/%zz", "/a%", "/%E9.txt", "/caf%C3", "/%", "/+", "/%2B",
		"/docs/./guide.html", "/docs/../index.html", "/docs/sub/../guide.html", "/./index.html", "/docs/.", "/docs/..", "/..", "/docs/%2e%2e/index.html", "/docs%2F%2Fguide.html",
		"/docs//guide.html", "///", "/docs//", "//index.html", "/%2Findex.html", "/INDEX.HTML", "/Index.html", "/images", "/images/", "/old/", "/old", "/old/x/y", "/old/a%20b", "/deep/1/", "/deep/1/x", "/lost/x"}
	add := func(p string) {
		if !slices.Contains(paths, p) {
			paths = append(paths, p)
		}
	}
	for _, k := range websiteObjects {
		p := WireOfKey(k)
		add(p)
		add((&url.URL{Path: "/" + k}).EscapedPath()) // as a browser writes it
		add(strings.ReplaceAll(p, "%20", "+"))
		add(regexp.MustCompile(`%[0-9A-F]{2}`).ReplaceAllStringFunc(p, strings.ToLower))
		add("/" + strings.ReplaceAll(p[1:], "/", "%2F"))
		add(strings.ReplaceAll(p, "%", "%25")) // encoded twice
		add(strings.TrimSuffix(p, "/") + "/")
		if dir := path.Dir(p); dir != "/" {
			add(dir)
			add(dir + "/")
		}
		add(strings.TrimSuffix(p, path.Ext(p)))
		add(p + ".")
	}
	return paths
}

// A websiteAnswer is a server's answer: the object whose body was sent, "" none.
type websiteAnswer struct {
	status   int
	key      string
	location string
}

type s3rver struct {
	addr string
	conn net.Conn
	in   *bufio.Reader
}

func websiteHost(bucket string) string { return bucket + ".s3-website-us-east-1.amazonaws.com" }

// same reports whether the server's answer is the one expected. Locations are
// compared as absolute URLs, and without the percent-encoding of ours: s3rver
// writes none.
func (s *s3rver) same(bucket string, want Answer, got websiteAnswer) bool {
	return want.Status == got.status && want.Body == got.key &&
		absolute(bucket, unescaped(want.Location)) == absolute(bucket, got.location)
}

func absolute(bucket, location string) string {
	if strings.HasPrefix(location, "/") {
		return "http://" + websiteHost(bucket) + location
	}
	return location
}

func unescaped(location string) string {
	text, _ := url.PathUnescape(location)
	return text
}

// startS3rver starts the server of WHY403_TEST_S3RVER, a directory in which
// npm installed s3rver, and fills it.
func startS3rver(t *testing.T) *s3rver {
	t.Helper()
	dir := os.Getenv("WHY403_TEST_S3RVER")
	if dir == "" {
		t.Skip("WHY403_TEST_S3RVER is not set")
	}
	work := t.TempDir()
	args := []string{filepath.Join(dir, "node_modules/s3rver/bin/s3rver.js"), "-d", filepath.Join(work, "data"), "-a", "127.0.0.1", "-p", "0", "-s", "--allow-mismatched-signatures"}
	for bucket, w := range websites {
		file := filepath.Join(work, bucket+".xml")
		if err := os.WriteFile(file, []byte(websiteXML(t, w)), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--configure-bucket", bucket, file)
	}
	cmd := exec.Command("node", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	s := new(s3rver)
	for lines := bufio.NewScanner(out); s.addr == ""; {
		if !lines.Scan() {
			t.Fatal("s3rver did not start")
		}
		if _, addr, ok := strings.Cut(lines.Text(), "listening on "); ok {
			s.addr = addr
		}
	}
	go io.Copy(io.Discard, out)
	s.dial(t)
	t.Cleanup(func() { s.conn.Close() })
	for bucket := range websites {
		for _, key := range websiteObjects {
			header := ""
			if l := websiteLocations[key]; l != "" {
				header = "x-amz-website-redirect-location: " + l + "\r\n"
			}
			resp, body := s.do(t, "PUT", bucket+".s3.amazonaws.com", WireOfKey(key), header, key)
			if resp.StatusCode != 200 {
				t.Fatalf("PUT %q: %s %s", key, resp.Status, body)
			}
		}
	}
	return s
}

func (s *s3rver) get(t *testing.T, bucket, path string) websiteAnswer {
	t.Helper()
	resp, body := s.do(t, "GET", websiteHost(bucket), path, "", "")
	a := websiteAnswer{status: resp.StatusCode, location: resp.Header.Get("Location")}
	if slices.Contains(websiteObjects, body) {
		a.key = body
	}
	return a
}

func (s *s3rver) dial(t *testing.T) {
	t.Helper()
	var err error
	if s.conn, err = net.Dial("tcp", s.addr); err != nil {
		t.Fatal(err)
	}
	s.in = bufio.NewReader(s.conn)
}

// do sends one request, its path byte for byte. A connection that was idle for five
// seconds, as on a busy machine, the server closes: then there is another.
func (s *s3rver) do(t *testing.T, method, host, path, header, body string) (*http.Response, string) {
	t.Helper()
	for again := false; ; again = true {
		_ = s.conn.SetDeadline(time.Now().Add(2 * time.Minute))
		_, err := fmt.Fprintf(s.conn, "%s %s HTTP/1.1\r\nHost: %s\r\n%sContent-Length: %d\r\n\r\n%s", method, path, host, header, len(body), body)
		if err == nil {
			_, err = s.in.Peek(1)
		}
		if err != nil && !again {
			s.conn.Close()
			s.dial(t)
			continue
		}
		if err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
		break
	}
	resp, err := http.ReadResponse(s.in, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp, string(data)
}

// websiteXML writes a configuration as PutBucketWebsite takes it.
func websiteXML(t *testing.T, w *Website) string {
	type condition struct {
		KeyPrefixEquals             string `xml:",omitempty"`
		HttpErrorCodeReturnedEquals int    `xml:",omitempty"`
	}
	type redirect struct {
		Protocol             string `xml:",omitempty"`
		HostName             string `xml:",omitempty"`
		ReplaceKeyPrefixWith *string
		ReplaceKeyWith       *string
		HttpRedirectCode     int `xml:",omitempty"`
	}
	type rule struct {
		Condition *condition
		Redirect  redirect
	}
	doc := struct {
		XMLName       xml.Name `xml:"WebsiteConfiguration"`
		IndexDocument *struct{ Suffix string }
		ErrorDocument *struct{ Key string }
		RoutingRules  *struct{ RoutingRule []rule }
	}{IndexDocument: &struct{ Suffix string }{w.IndexSuffix}}
	rules := w.Rules
	if w.RedirectAll != "" {
		doc.IndexDocument.Suffix = "index.html"
		rules = []RoutingRule{{HostName: w.RedirectAll, Protocol: w.RedirectProto}}
	}
	if w.ErrorKey != "" {
		doc.ErrorDocument = &struct{ Key string }{w.ErrorKey}
	}
	if len(rules) > 0 {
		doc.RoutingRules = &struct{ RoutingRule []rule }{}
	}
	for i := range rules {
		r := &rules[i]
		out := rule{Redirect: redirect{Protocol: r.Protocol, HostName: r.HostName, HttpRedirectCode: r.RedirectCode}}
		if r.KeyPrefix != "" || r.ErrorCode != 0 {
			out.Condition = &condition{r.KeyPrefix, r.ErrorCode}
		}
		if r.HasReplacePrefix {
			out.Redirect.ReplaceKeyPrefixWith = &r.ReplacePrefix
		}
		if r.HasReplaceKey {
			out.Redirect.ReplaceKeyWith = &r.ReplaceKey
		}
		doc.RoutingRules.RoutingRule = append(doc.RoutingRules.RoutingRule, out)
	}
	data, err := xml.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
