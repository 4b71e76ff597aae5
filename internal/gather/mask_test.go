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
	secrets := []string{"open-sesame", "sesame", "prefix-of-secret", "header-only", "dXNlcjpwYXNzd29yZA"}
	policy := `{"Statement":[{"Condition":{"StringEquals":{"aws:Referer":"open-sesame"},"StringLike":{"AWS:referer":["*sesame*","prefix-of-secret?","https://www.example.com/*"],"aws:UserAgent":"agent"}}}]}`
	answer, _ := json.Marshal(map[string]string{"Policy": policy})
	m := fstest.MapFS{
		"buckets/b/head.json":   {Data: []byte(`{"BucketRegion":"us-east-1"}`)},
		"buckets/b/policy.json": {Data: answer},
		"distributions/E1/distribution.json": {Data: []byte(`{"Distribution":{"Id":"E1","DistributionConfig":{"Origins":{"Items":[{"Id":"o","DomainName":"b.s3.amazonaws.com","CustomHeaders":{"Quantity":2,"Items":[
			{"HeaderName":"Referer","HeaderValue":"open-sesame"},{"HeaderName":"X-Token","HeaderValue":"header-only"}]}}]},"DefaultCacheBehavior":{"TargetOriginId":"o"}}}}`)},
		"functions/auth.js": {Data: []byte("if (h.value !== 'Basic dXNlcjpwYXNzd29yZA==') return {statusCode: 401};\n")},
	}
	ctx := context.Background()
	r := NewRecorder(NewSnapshot(m))
	g := New(r, Options{})
	for _, err := range []error{g.Buckets(ctx, 0, "b"), g.Distributions(ctx, "E1")} {
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
					Agent   string   `json:"aws:UserAgent"`
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(f.Buckets["b"].Policy.Value), &doc); err != nil {
		t.Fatal(err)
	}
	c := doc.Statement[0].Condition
	if c.StringLike.Agent != "agent" {
		t.Errorf("another condition was changed: %q", c.StringLike.Agent)
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
		{0, "sesame", true}, {0, "xx sesame yy", true}, {0, "ses ame", false},
		{2, "https://www.example.com/page", true}, {2, "https://www.example.com/", true}, {2, "http://www.example.com/", false}, {2, "https://evil.example/https://www.example.com/", false},
	} {
		if got := like(c.StringLike.Referer[x.pattern], x.value); got != x.want {
			t.Errorf("%q against pattern %d (%s): %v", x.value, x.pattern, c.StringLike.Referer[x.pattern], got)
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
