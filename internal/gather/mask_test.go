package gather

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// TestMaskedSecretsStillCompare records policies and headers with secrets: in
// the replay equal is still equal, wildcards still match, and no secret is left.
func TestMaskedSecretsStillCompare(t *testing.T) {
	secrets := []string{"open-sesame", "sesame", "prefix-of-secret", "header-only", "dXNlcjpwYXNzd29yZA", "short-one", "in-a-comment", "quarter", "in-a-regexp",
		"agent-secret", "AgEnT-fold", "agent-fold", "external-1", "987654321", "d2FmLXNlY3JldA", "waf-regexp", "inserted-1", "redirect-1"}
	policy := `{"Statement":[{"Condition":{"StringEquals":{"aws:Referer":"open-sesame"},"StringLike":{"AWS:referer":["*sesame*","prefix-of-secret?","https://www.example.com/*"],"aws:UserAgent":["agent-secret*"]},"StringNotEqualsIgnoreCase":{"aws:useragent":"AgEnT-fold"},"StringEqualsIfExists":{"sts:ExternalId":["external-1",987654321],"aws:SourceVpce":"vpce-1"},"Null":{"aws:UserAgent":"false"}}}]}`
	answer, _ := json.Marshal(map[string]string{"Policy": policy})
	m := fstest.MapFS{
		"buckets/b/head.json":   {Data: []byte(`{"BucketRegion":"us-east-1"}`)},
		"buckets/b/policy.json": {Data: answer},
		"distributions/E1/distribution.json": {Data: []byte(`{"Distribution":{"Id":"E1","DistributionConfig":{"Origins":{"Items":[{"Id":"o","DomainName":"b.s3.amazonaws.com","CustomHeaders":{"Quantity":2,"Items":[
			{"HeaderName":"Referer","HeaderValue":"open-sesame"},{"HeaderName":"X-Token","HeaderValue":"header-only"}]}}]},"DefaultCacheBehavior":{"TargetOriginId":"o"}}}}`)},
		"buckets/b/website.json": {Data: []byte(`{"IndexDocument":{"Suffix":"index.html"},"RoutingRules":[{"Redirect":{"ReplaceKeyPrefixWith":"login?token=redirect-1&to=","HttpRedirectCode":"302"}},{"Redirect":{"ReplaceKeyPrefixWith":"#!/"}}]}`)},
		"web-acls/1.json": {Data: []byte(`{"WebACL":{"Name":"a","DefaultAction":{"Block":{}},"Rules":[
			{"Name":"r","Statement":{"ByteMatchStatement":{"SearchString":"d2FmLXNlY3JldA==","FieldToMatch":{"SingleHeader":{"Name":"x-origin-verify"}}}},"Action":{"Allow":{"CustomRequestHandling":{"InsertHeaders":[{"Name":"x-ok","Value":"inserted-1"}]}}}},
			{"Name":"s","Statement":{"RegexMatchStatement":{"RegexString":"^waf-regexp$"}},"Action":{"Block":{}}}]}}`)},
		"functions/auth.js": {Data: []byte("// in-a-comment\nif (h.value !== 'Basic dXNlcjpwYXNzd29yZA==' || h['x-verify'].value !== 'short-one') return {statusCode: 401};\n" +
			"/* in-a-comment\n 403 */ if (/in-a-regexp['\"]/.test(a / b / c)) return {statusCode: 403, headers: {'x-ok': {value: `quarter\n`}}, uri: '/index.html'};\n")},
	}
	ctx := context.Background()
	r := NewRecorder(NewSnapshot(m))
	g := New(r, Options{})
	for _, err := range []error{g.Buckets(ctx, PartWebsite, "b"), g.Distributions(ctx, "E1"), g.WebACLs(ctx, "arn:aws:wafv2:us-east-1:1:global/webacl/a/1")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Ask(ctx, Question{Call: GetFunction, ID: "auth"}); err != nil {
		t.Fatal(err)
	}
	if g.Facts().Masked("open-sesame") != "open-sesame" || !strings.Contains(g.Facts().Buckets["b"].Policy.Value, "open-sesame") {
		t.Error("the recorded run itself sees masked values")
	}
	dir := filepath.Join(t.TempDir(), "s")
	if err := r.Write(dir); err != nil {
		t.Fatal(err)
	}
	_ = filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		data, _ := os.ReadFile(path)
		for _, s := range secrets {
			if strings.Contains(string(data), s) {
				t.Errorf("%s holds %q", path, s)
			}
		}
		return nil
	})
	s, err := OpenSnapshot(dir)
	if err != nil {
		t.Fatal(err)
	}
	replay := New(s, Options{})
	if err := replay.Buckets(ctx, 0, "b"); err != nil {
		t.Fatal(err)
	}
	if err := replay.Distributions(ctx, "E1"); err != nil {
		t.Fatal(err)
	}
	f := replay.Facts()
	var doc struct {
		Statement []struct {
			Condition struct {
				StringEquals map[string]string
				StringLike   struct {
					Referer []string `json:"AWS:referer"`
					Agent   []string `json:"aws:UserAgent"`
				}
				StringNotEqualsIgnoreCase map[string]string
				StringEqualsIfExists      map[string]any
				Null                      map[string]string
			}
		}
	}
	if err := json.Unmarshal([]byte(f.Buckets["b"].Policy.Value), &doc); err != nil {
		t.Fatal(err)
	}
	c := doc.Statement[0].Condition
	if c.StringEqualsIfExists["aws:SourceVpce"] != "vpce-1" || c.Null["aws:UserAgent"] != "false" {
		t.Errorf("another condition was changed: %v", c)
	}
	if got := f.Masked("agent-FOLD"); got != c.StringNotEqualsIgnoreCase["aws:useragent"] || got == f.Masked("agent-folk") {
		t.Errorf("case counts: %q, policy %q", got, c.StringNotEqualsIgnoreCase)
	}
	code, err := os.ReadFile(filepath.Join(dir, "functions", "auth.js"))
	if want := "// (masked)\nif (h.value !== '(masked)' || h['x-verify'].value !== '(masked)') return {statusCode: 401};\n" +
		"/* (masked 403)\n*/ if (/(masked)/.test(a / b / c)) return {statusCode: 403, headers: {'x-ok': {value: `(masked)\n`}}, uri: '/index.html'};\n"; err != nil || string(code) != want {
		t.Errorf("code, %v:\n got %s\nwant %s", err, code, want)
	}
	site, _ := os.ReadFile(filepath.Join(dir, "buckets", "b", "website.json"))
	for _, want := range []string{`"login?token=(masked)&to="`, `"#!/"`} {
		if !strings.Contains(string(site), want) {
			t.Errorf("website.json lacks %s:\n%s", want, site)
		}
	}
	headers := f.Distributions["E1"].Config.Value.Origins[0].CustomHeaders
	if want := c.StringEquals["aws:Referer"]; f.Masked("open-sesame") != want || headers[0].Value != want || headers[1].Value == want {
		t.Errorf("policy %q, log %q, headers %q", want, f.Masked("open-sesame"), headers)
	}
	like := func(pattern, value string) bool { return matches(pattern, f.Masked(value)) }
	for _, x := range []struct {
		pattern int
		value   string
		want    bool
	}{
		{-1, "agent-secret/2", true}, {-1, "agent-secre", false},
		{0, "sesame", true}, {0, "xx sesame yy", true}, {0, "ses ame", false},
		{2, "https://www.example.com/page", true}, {2, "https://www.example.com/", true}, {2, "http://www.example.com/", false}, {2, "https://evil.example/https://www.example.com/", false},
	} {
		pattern := c.StringLike.Agent[0]
		if x.pattern >= 0 {
			pattern = c.StringLike.Referer[x.pattern]
		}
		if got := like(pattern, x.value); got != x.want {
			t.Errorf("%q against pattern %d (%s): %v", x.value, x.pattern, pattern, got)
		}
	}
	if m := f.Masked(""); m != "" {
		t.Errorf("nothing became %q", m)
	}
}

// matches is StringLike with * alone.
func matches(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if !strings.HasPrefix(s, parts[0]) {
		return false
	}
	s = s[len(parts[0]):]
	for i, p := range parts[1:] {
		if i == len(parts)-2 {
			return strings.HasSuffix(s, p)
		}
		at := strings.Index(s, p)
		if at < 0 {
			return false
		}
		s = s[at+len(p):]
	}
	return s == ""
}

func TestRedactKeepsTheRest(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := string(redact([]byte(in), func(_ secret, s string) string { return "#" })); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
	f(`{"a" : [1, {"HeaderName":"x" , "HeaderValue" : "s"} ] }`, `{"a" : [1, {"HeaderName":"x" , "HeaderValue" : "#"} ] }`)
	f(`{"aws:Referer":["a",  "b"],"aws:SourceIp":["c"]}`, `{"aws:Referer":["#",  "#"],"aws:SourceIp":["c"]}`)
	f(`{"x":"{\"AWS:REFERER\": \"a\\\"b\"}"}`, `{"x":"{\"AWS:REFERER\": \"#\"}"}`)
	f(`{"HeaderValue":{"HeaderValue":"a","b":"c"},"d":"e"}`, `{"HeaderValue":{"HeaderValue":"#","b":"c"},"d":"e"}`)
	f(`{"aws:Referer":`, `{"aws:Referer":`)
	f(`{"StringLike":{"aws:UserAgent" : [ 12, "a" ]},"n":12}`, `{"StringLike":{"aws:UserAgent" : [ "#", "#" ]},"n":12}`)
	f(`{"Null":{"aws:Referer":"true"},"Tags":[{"Value":"v"}],"InsertHeaders":[{"Name":"n","Value":"v"}]}`, `{"Null":{"aws:Referer":"true"},"Tags":[{"Value":"v"}],"InsertHeaders":[{"Name":"n","Value":"#"}]}`)
	f(`["a",{"b":" {\"HeaderValue\":\"x\"}"},"HeaderValue"]`, `["a",{"b":" {\"HeaderValue\":\"#\"}"},"HeaderValue"]`)
	f(`no json`, `no json`)
}

func TestRecordingNeedsAnEmptyPlace(t *testing.T) {
	dir := t.TempDir()
	if err := Recordable(filepath.Join(dir, "new")); err != nil {
		t.Error(err)
	}
	if err := Recordable(dir); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := NewRecorder(NewSnapshot(fstest.MapFS{})).Write(dir); err == nil || err.Error() != "can't record to "+dir+": it is not empty" {
		t.Error(err)
	}
}

func FuzzRedact(f *testing.F) {
	f.Add([]byte(`{"Policy":"{\"aws:Referer\":\"a\"}","HeaderValue":"b"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		same := redact(data, func(_ secret, s string) string { return s })
		if string(same) != string(data) {
			t.Errorf("%q became %q", data, same)
		}
		if out := redact(data, func(_ secret, s string) string { return "#" }); json.Valid(data) && !json.Valid(out) {
			t.Errorf("%q became %q", data, out)
		}
	})
}

func FuzzMaskCode(f *testing.F) {
	f.Add("// a\nvar s = 'secret-1'; x = a / b; /re[/]x/.test(`t\n`)")
	f.Fuzz(func(t *testing.T, code string) {
		out := maskCode(code)
		if strings.Count(out, "\n") != strings.Count(code, "\n") {
			t.Errorf("the lines of %q are others in %q", code, out)
		}
		if strings.Contains(code, "403") != strings.Contains(out, "403") {
			t.Errorf("the status: %q became %q", code, out)
		}
		for _, secret := range []string{"'open-sesame'", `"open-sesame"`, "`open-sesame`"} {
			if got := maskCode("x = " + secret + ";" + strings.ReplaceAll(code, "open", "")); strings.Contains(got, "open-sesame") {
				t.Errorf("a string is left: %q", got)
			}
		}
	})
}

func FuzzSnapshot(f *testing.F) {
	f.Add([]byte(`{"Contents":[{"Key":"a","Size":1}],"Complete":true,"Listings":[{"Prefix":"a","KeyCount":1}]}`))
	f.Add([]byte(`{"Versions":[{"Key":"a","IsLatest":true}],"Error":{"Code":"x"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m := fstest.MapFS{}
		for _, c := range Calls() {
			q := Question{Call: c, Bucket: "b", Key: "a", ID: "i"}
			if name := q.File(); name != "" && c != OrganizationPolicies {
				m[name] = &fstest.MapFile{Data: data}
			}
		}
		ctx := context.Background()
		g := New(NewSnapshot(m), Options{})
		_ = g.Distributions(ctx, "i")
		_ = g.Buckets(ctx, PartWebsite|PartEncryption|PartLogging|PartVersioning|PartCORS, "b")
		_ = g.Account(ctx)
		_ = g.Objects(ctx, "b", Key{Key: "a"})
		_ = g.Deliveries(ctx, "i")
	})
}
