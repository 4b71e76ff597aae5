package redact

import (
	"strings"
	"testing"
)

func TestAddress(t *testing.T) {
	f := func(in string, l Level, want string) {
		t.Helper()
		if got := Address(in, l); got != want {
			t.Errorf("Address(%q, %v) = %q, want %q", in, l, got, want)
		}
	}
	f("203.0.113.7", Default, "203.0.113.x")
	f("2001:db8:1:2::3", Default, "2001:db8:1:x")
	f("2001:db8::3", Default, "2001:db8:0:x")
	f("::ffff:203.0.113.7", Default, "203.0.113.x")
	f("fe80::1%eth0", Default, "fe80:0:0:x")
	f("203.0.113.7, 198.51.100.9", Default, "203.0.113.x, 198.51.100.x")
	f("203.0.113.7,evil", Default, "203.0.113.x, (masked)")
	f("", Default, "")
	f("-", Default, "-")
	f("-", Strict, "-")
	f("no address", Default, "(masked)")
	f("203.0.113.7", Strict, "(masked)")
	f("203.0.113.7", Off, "203.0.113.7")
}

func TestQuery(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := Query(in); got != want {
			t.Errorf("Query(%q)\n got %q\nwant %q", in, got, want)
		}
		if got := Query("?" + in); in != "" && in != "-" && got != "?"+want {
			t.Errorf("Query(%q) = %q, want %q", "?"+in, got, "?"+want)
		}
	}
	f("", "")
	f("-", "-")
	f("a=1&b=&c", "a=1&b=&c")
	f("page=2&q=%E3%81%82%E3%81%84%E3%81%86%E3%81%88%E3%81%8A%E3%81%8B", "page=2&q=%E3%81%82%E3%81%84%E3%81%86%E3%81%88%E3%81%8A%E3%81%8B")
	f("Expires=1764000000&Signature=abc&Key-Pair-Id=K2JCJMDEHXQW5F", "Expires=1764000000&Signature=(masked)&Key-Pair-Id=(masked)")
	f("Policy=eyJ&x=1", "Policy=(masked)&x=1")
	f("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0f1e", "X-Amz-Algorithm=(masked)&X-Amz-Signature=(masked)")
	f("x-amz-security-token=abc", "x-amz-security-token=(masked)")
	f("AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&a=b", "AWSAccessKeyId=(masked)&a=b")
	f("sign%61ture=abc", "sign%61ture=(masked)")
	f("access_token=x;user_password=y&api_key=z", "access_token=(masked);user_password=(masked)&api_key=(masked)")
	f("u=eyJhbGciOi.eyJzdWIi.SflK", "u=(masked)")
	f("u=9f86d081884c7d659a2feaa0c55ad015", "u=(masked)")
	f("9f86d081884c7d659a2feaa0c55ad015", "(masked)")
	f("file=a/b/c/index.html", "file=a/b/c/index.html")
	f("&&=&", "&&=&")
	f("a=\x1b[31m\xff", "a=\x1b[31m\xff")

	if got := Strict.Query("a=1&b=&c"); got != "a=(masked)&b=&c" {
		t.Errorf("Strict.Query = %q", got)
	}
}

func TestRequestURI(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := Default.RequestURI(in); got != want {
			t.Errorf("RequestURI(%q)\n got %q\nwant %q", in, got, want)
		}
	}
	f("GET /b/k?X-Amz-Signature=s3cr3t HTTP/1.1", "GET /b/k?X-Amz-Signature=(masked) HTTP/1.1")
	f("GET /b/k?versionId=3 HTTP/1.1", "GET /b/k?versionId=3 HTTP/1.1")
	f("GET http://user:s3cr3t@host/k?a=1 HTTP/1.1", "GET http://(masked)@host/k?a=1 HTTP/1.1")
	f("GET /a HTTP/1.1?token=x HTTP/1.1", "GET /a HTTP/1.1?token=(masked) HTTP/1.1")
	f("GET /a b?token=x y HTTP/1.1", "GET /a b?token=(masked) HTTP/1.1")
	f("GET /a@b HTTP/1.1", "GET /a@b HTTP/1.1")
	f("/a?token=x", "/a?token=(masked)")
	f("", "")
	f("-", "-")
}

func TestText(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := Text(in); got != want {
			t.Errorf("Text(%q)\n got %q\nwant %q", in, got, want)
		}
	}
	f("nothing to hide: a=b", "nothing to hide: a=b")
	f(`Get "https://u:p4ss@b.s3.amazonaws.com/k?X-Amz-Signature=0f1e&a=1": dial tcp`, `Get "https://(masked)@b.s3.amazonaws.com/k?X-Amz-Signature=(masked)&a=1": dial tcp`)
	f(`https://u:p4ss@host/x?token=t0k: no such file`, `https://(masked)@host/x?token=(masked): no such file`)
	f("see https://host/x?token=t0k. Then /y?a=b&password=x, or not", "see https://host/x?token=(masked). Then /y?a=b&password=(masked), or not")
	f("GET /k?Signature=0f1e failed", "GET /k?Signature=(masked) failed")
	f("Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261124", "Authorization: (masked)")
	f("Cookie: a=b; c=d\nHost: x", "Cookie: (masked)\nHost: x")
	f("Referer: hunter2hunter2", "Referer: (masked)")
	f("user AKIAIOSFODNN7EXAMPLE may not", "user AKIA(masked) may not")
	f("bearer eyJhbGciOi.eyJzdWIi.SflK", "bearer (masked)")
}

func TestMasker(t *testing.T) {
	m := NewMasker([]byte("k"))
	a, b := m.Mask("hunter2hunter2"), m.Mask("hunter3hunter3")
	if a == b || !isMask(a) || !isMask(b) {
		t.Errorf("Mask: %q, %q", a, b)
	}
	if again := NewMasker([]byte("k")).Mask("hunter2hunter2"); again != a {
		t.Errorf("same key, same secret: %q and %q", a, again)
	}
	if other := NewMasker(nil).Mask("hunter2hunter2"); other == a {
		t.Error("a random key gives the mask of a fixed one")
	}
	if m.Mask(a) != a || m.Mask("") != "" || m.Mask("-") != "-" || m.Mask(Masked) != Masked {
		t.Error("masking twice is not masking once")
	}
}

func TestMaskerPolicy(t *testing.T) {
	m := NewMasker([]byte("k"))
	f := func(in string, secrets ...string) {
		t.Helper()
		got, err := m.Policy(in)
		if err != nil {
			t.Fatalf("Policy(%s): %v", in, err)
		}
		want := in
		for _, s := range secrets {
			want = strings.ReplaceAll(want, `"`+s+`"`, `"`+m.Mask(strings.ReplaceAll(s, `\"`, `"`))+`"`)
		}
		if got != want {
			t.Errorf("Policy\n got %s\nwant %s", got, want)
		}
	}
	f(`{"Statement":[{"Sid":"a","Condition":{"StringLike":{"aws:Referer":"s3cr3t-1"}}}]}`, "s3cr3t-1")
	f(`{ "Statement" : { "Condition" : { "StringEquals" : { "AWS:referer" : [ "s3cr3t-1" , "s3cr\"3t-2" ], "aws:SourceIp": "192.0.2.0/24" } } } }`, "s3cr3t-1", `s3cr\"3t-2`)
	f(`{"Statement":[{"Condition":{"StringEquals":{"aws:UserAgent":["s3cr3t-3"]}}},{"Resource":"aws:Referer"}]}`, "s3cr3t-3")
	f(`{"Statement":[{"Condition":{"StringEquals":{"sts:ExternalId":"s3cr3t-4"},"Null":{"aws:Referer":"true"}}}]}`, "s3cr3t-4")
	f(`{"aws:Referer":"not a condition"}`)
	f(`{"a":[1,2,{"b":null}],"c":true}`)
	numbers := `{"Statement":[{"Condition":{"StringEquals":{"aws:Referer":[12345678, "x"]},"NumericEquals":{"s3:max-keys":12345678}}}]}`
	want := `{"Statement":[{"Condition":{"StringEquals":{"aws:Referer":["` + m.Mask("12345678") + `", "` + m.Mask("x") + `"]},"NumericEquals":{"s3:max-keys":12345678}}}]}`
	if got, err := m.Policy(numbers); got != want || err != nil {
		t.Errorf("Policy = %s, %v, want %s", got, err, want)
	}
	for _, bad := range []string{"", "{", `{"a":`, "nope"} {
		if got, err := m.Policy(bad); err == nil && bad != "" {
			t.Errorf("Policy(%q) = %q, want an error", bad, got)
		}
	}
}

func TestUserAgent(t *testing.T) {
	f := func(in string, l Level, want string) {
		t.Helper()
		if got := l.UserAgent(in); got != want {
			t.Errorf("%v.UserAgent(%q) = %q, want %q", l, in, got, want)
		}
	}
	f("curl/8.5.0", Default, "curl/8.5.0")
	f("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36", Off, "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36")
	f("Amazon CloudFront", Default, "Amazon CloudFront")
	f("A long crawler with numbers 12345", Default, "A long crawler with numbers 12345")
	f("9f86d081884c7d659a2feaa0c55ad015", Off, "(masked)")
	f("curl/8.5.0", Strict, "(masked)")
	f("-", Strict, "-")
	f("", Strict, "")
}

func TestParseLevel(t *testing.T) {
	for _, l := range []Level{Default, Strict, Off} {
		if got, err := ParseLevel(l.String()); err != nil || got != l {
			t.Errorf("ParseLevel(%q) = %v, %v", l, got, err)
		}
	}
	if _, err := ParseLevel("none"); err == nil || err.Error() != `--redact "none" is not strict, default or off` {
		t.Errorf("ParseLevel(none): %v", err)
	}
}

// TestCanaries plants secrets in every place where a log, a URL, a header or an
// error can carry one, and looks for them in what comes out.
func TestCanaries(t *testing.T) {
	const canary = "CANARY"
	for name, out := range map[string]string{
		"signed URL":      Query("Policy=" + canary + "&Signature=" + canary + "&Key-Pair-Id=" + canary),
		"presigned":       Default.RequestURI("GET /b/k?X-Amz-Credential=" + canary + "&X-Amz-Security-Token=" + canary + "&X-Amz-Signature=" + canary + " HTTP/1.1"),
		"presigned v2":    Default.RequestURI("GET /b/k?AWSAccessKeyId=" + canary + "&Signature=" + canary + "&Expires=1 HTTP/1.1"),
		"url user":        URL("https://" + canary + ":" + canary + "@example.com/#" + canary),
		"error text":      Text(`Head "https://b.s3.amazonaws.com/k?X-Amz-Signature=` + canary + `": Authorization: ` + canary),
		"upper-case name": Query("SIGNATURE=" + canary + "&ToKeN=" + canary),
	} {
		if strings.Contains(out, canary) {
			t.Errorf("%s: the canary got through: %s", name, out)
		}
	}
}

func FuzzQuery(f *testing.F) {
	f.Add("a=1&Signature=x;b")
	f.Fuzz(func(t *testing.T, q string) {
		once := Query(q)
		if twice := Query(once); twice != once {
			t.Errorf("Query(%q) = %q, again %q", q, once, twice)
		}
		Default.RequestURI(q)
		Text(q)
		Address(q, Default)
	})
}

func FuzzPolicy(f *testing.F) {
	f.Add(`{"Statement":[{"Condition":{"StringLike":{"aws:Referer":["x","y\\\""]}}}]}`)
	f.Fuzz(func(t *testing.T, doc string) {
		m := NewMasker([]byte("k"))
		out, err := m.Policy(doc)
		if err != nil {
			return
		}
		if again, err := m.Policy(out); err != nil || again != out {
			t.Errorf("Policy(%q) = %q, again %q, %v", doc, out, again, err)
		}
	})
}
