package faulttest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/parquet-go/parquet-go"
)

// canaries are the secrets that are planted, by their kind. Each is of the shape
// that the real one has.
var canaries = map[string]string{
	"Referer secret of the policy":                  "CANARY-referer-now-5d1e",
	"Referer secret in an origin custom header":     "CANARY-referer-now-5d1e", // the same
	"Referer secret, rotated out":                   "CANARY-referer-old-77aa",
	"Referer of an S3 line":                         "CANARY-referer-log-3c90",
	"value of another origin custom header":         "CANARY-x-origin-verify-b001",
	"CloudFront signed URL: Signature":              "CANARYcfsig~Qz-8Xv2mNq0pLr7Tt5YyUu3IiOoPp1AaSsDdFfGg__",
	"CloudFront signed URL: Policy":                 "CANARYcfpolicyeyJTdGF0ZW1lbnQiOlt7IlJlc291cmNlIjoi",
	"CloudFront signed URL: Key-Pair-Id":            "KCANARYKEYPAIR1",
	"presigned URL: X-Amz-Signature":                "ca0a12feca0a12feca0a12feca0a12feca0a12feca0a12feca0a12feca0a12fe",
	"presigned URL: X-Amz-Credential":               "AKIACANARYPRESIGN001",
	"presigned URL: X-Amz-Security-Token":           "CANARYsessiontokenFwoGZXIvYXdzEJr",
	"query authentication: AWSAccessKeyId":          "AKIACANARYQUERYV2001",
	"query authentication: Signature":               "CANARYv2sig%2BYzE9aA%3D",
	"cookie of a CloudFront line":                   "CANARY-cookie-session-9912",
	"token in a query":                              "CANARY-token-in-query-41",
	"password in a query":                           "CANARY-password-8812",
	"Authorization in a query":                      "CANARYbearer0123456789abcdef",
	"JSON web token in a query":                     "eyJhbGciOiJIUzI1NiJ9.eyJjYW5hcnkiOiJDQU5BUlkifQ.CANARYjwtsig0123456789",
	"user and password in a Referer":                "canaryuser:CANARY-pass-in-referer",
	"user and password in a request's absolute URI": "canaryuser2:CANARY-pass-in-uri",
	"WAF token":                                       "CANARY-aws-waf-token-0c0ffee0",
	"Authorization header of a WAF line":              "Bearer CANARY-waf-authorization",
	"cookie of a WAF line":                            "CANARY-waf-cookie-session",
	"access key id of the run":                        "AKIACANARYOWNKEY0000",
	"secret access key of the run":                    secretKey,
	"session token of the run":                        sessionToken,
	"Basic authentication in a function's code":       "Q0FOQVJZOmJhc2ljLWNyZWQ=",
	"token in an S3 line with an odd number of cells": "CANARY-broken-line-token",
	"token in an unreadable object":                   "CANARY-unreadable-object-token",
}

const (
	edgeHeader = "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end\n"
	owner      = "9f2b6c1d4e8a70535b1c9d2e6f4a8b7c3d5e1f0a2b4c6d8e9f1a3b5c7d9e0f24"
	siteHost   = "minamo-docs-site.s3-website-ap-northeast-1.amazonaws.com"
)

// hostileLogs returns log objects that hold every canary of the logs.
func hostileLogs() map[string][]byte {
	c := canaries
	var edge, origin strings.Builder
	edge.WriteString(edgeHeader)
	n := 0
	// request logs one request at both ends.
	request := func(path, key, query, referer, cookie, originReferer string) {
		n++
		if query == "" {
			query = "-"
		}
		fmt.Fprintf(&edge, "2026-11-20\t13:%02d:05\tNRT20-C2\t671\t203.0.113.77\tGET\td2docsminamo02.cloudfront.net\t%s\t403\t%s\tMozilla/5.0\t%s\t%s\tError\tREQUEST%02d==\tdocs.minamo.example\thttps\t122\t0.062\t-\tTLSv1.3\tTLS_AES_128_GCM_SHA256\tError\tHTTP/2.0\t-\t-\t49646\t0.062\tError\ttext/html\t303\t-\t-\n",
			n, path, referer, query, cookie, n)
		target := path
		if query != "-" {
			target += "?" + query
		}
		fmt.Fprintf(&origin, "%s minamo-docs-site [20/Nov/2026:13:%02d:05 +0000] 130.176.70.100 - S3REQUEST%06d WEBSITE.GET.OBJECT %s \"GET %s HTTP/1.1\" 403 AccessDenied 303 - 37 - \"%s\" \"Amazon CloudFront\" - host-id= - - - %s - - - -\n",
			owner, n, n, key, target, originReferer, siteHost)
	}
	signed := "Expires=1800000000&Policy=" + c["CloudFront signed URL: Policy"] + "&Signature=" + c["CloudFront signed URL: Signature"] + "&Key-Pair-Id=" + c["CloudFront signed URL: Key-Pair-Id"]
	presigned := "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" + c["presigned URL: X-Amz-Credential"] + "%2F20261120%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Security-Token=" + c["presigned URL: X-Amz-Security-Token"] + "&X-Amz-Signature=" + c["presigned URL: X-Amz-Signature"]
	v2 := "AWSAccessKeyId=" + c["query authentication: AWSAccessKeyId"] + "&Expires=1800000000&Signature=" + c["query authentication: Signature"]
	now := c["Referer secret of the policy"]
	request("/guide/gone.html", "guide/gone.html", signed, "https://docs.minamo.example/", "session="+c["cookie of a CloudFront line"], now)
	request("/guide/gone2.html", "guide/gone2.html", presigned, "https://"+c["user and password in a Referer"]+"@docs.minamo.example/", "-", c["Referer of an S3 line"])
	request("/blog/gone.html", "blog/gone.html", v2, "-", "a=1;%20token="+c["cookie of a CloudFront line"], c["Referer secret, rotated out"])
	request("/guide/gone3.html", "guide/gone3.html", "token="+c["token in a query"]+"&password="+c["password in a query"]+"&authorization=Bearer%20"+c["Authorization in a query"]+"&x="+c["JSON web token in a query"]+"&aws-waf-token="+c["WAF token"], "-", "aws-waf-token="+c["WAF token"], "https://"+c["user and password in a Referer"]+"@elsewhere.example/")
	// Direct requests, and one whose request line holds a whole URL.
	for i, uri := range []string{"/minamo-docs-site/guide/direct.html?" + presigned, "http://" + c["user and password in a request's absolute URI"] + "@" + siteHost + "/guide/direct.html?" + v2} {
		fmt.Fprintf(&origin, "%s minamo-docs-site [20/Nov/2026:14:0%d:05 +0000] 198.51.100.7 arn:aws:iam::111122223333:user/canary DIRECT%06d REST.GET.OBJECT guide/direct.html \"GET %s HTTP/1.1\" 403 AccessDenied 303 - 37 - \"%s\" \"curl/8\" - host-id= SigV4 ECDHE-RSA-AES128-GCM-SHA256 QueryString s3.ap-northeast-1.amazonaws.com TLSv1.3 - - -\n",
			owner, i, i, uri, c["Referer of an S3 line"])
	}
	// A line that is rejected.
	fmt.Fprintf(&origin, "%s minamo-docs-site [20/Nov/2026:99:99:99 +0000] 198.51.100.7 - - REST.GET.OBJECT x \"GET /x?token=%s HTTP/1.1\" 4x3 \"%[2]s\n", owner, c["token in an S3 line with an odd number of cells"])

	firewall := fmt.Sprintf(`{"timestamp":1795180000000,"formatVersion":1,"webaclId":"arn:aws:wafv2:us-east-1:111122223333:global/webacl/minamo-shop/0f6f1c56-5a0e-4d6c-9a3b-1c2d3e4f5a6b","terminatingRuleId":"block-sqlmap","terminatingRuleType":"REGULAR","action":"BLOCK","terminatingRuleMatchDetails":[{"conditionType":"SQL_INJECTION","location":"QUERY_STRING","matchedData":["%s"]}],"httpSourceName":"CF","httpSourceId":"111122223333-CloudFront-E2MINAMODOCS02","ruleGroupList":[],"rateBasedRuleList":[],"nonTerminatingMatchingRules":[],"httpRequest":{"clientIp":"203.0.113.77","country":"JP","headers":[{"name":"Host","value":"docs.minamo.example"},{"name":"Authorization","value":"%s"},{"name":"Cookie","value":"aws-waf-token=%s; session=%s"},{"name":"x-aws-waf-token","value":"%[3]s"}],"uri":"/guide/gone.html","args":"token=%[1]s","httpVersion":"HTTP/2.0","httpMethod":"GET","requestId":"REQUEST01=="}}`+"\n",
		c["token in a query"], c["Authorization header of a WAF line"], c["WAF token"], c["cookie of a WAF line"])
	return map[string][]byte{
		"cloudfront/E2MINAMODOCS02.2026-11-20-13.00000000":             []byte(edge.String()),
		"s3/minamo-docs-site/2026-11-20-14-00-00-0000000000000000":     []byte(origin.String()),
		"waf/aws-waf-logs-minamo_20261120T1300Z_00000000.log":          []byte(firewall),
		"odd/" + c["token in an unreadable object"][:6] + "-noise.log": []byte("token=" + c["token in an unreadable object"] + "\nAuthorization: Bearer " + c["token in an unreadable object"] + "\n"),
	}
}

// hostileSnapshot is the sample's with the canaries of the settings.
func hostileSnapshot(t *testing.T) fs.FS {
	t.Helper()
	out := fstest.MapFS{}
	found := map[string]bool{}
	replace := strings.NewReplacer(
		"SAMPLE-REFERER-SECRET-7f3a", canaries["Referer secret of the policy"],
		"SAMPLE-REFERER-SECRET-OLD-19c4", canaries["Referer secret, rotated out"],
		`"HeaderName": "Referer"`, `"HeaderName": "X-Origin-Verify", "HeaderValue": "`+canaries["value of another origin custom header"]+`"},{"HeaderName": "Referer"`,
	)
	src := os.DirFS(sampleSnapshot)
	err := fs.WalkDir(src, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(src, path)
		text := replace.Replace(string(data))
		if strings.HasSuffix(path, ".js") {
			text += "\nvar basic = 'Basic " + canaries["Basic authentication in a function's code"] + "';\n"
		}
		for _, c := range canaries {
			found[c] = found[c] || strings.Contains(text, c)
		}
		out[path] = &fstest.MapFile{Data: []byte(text)}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"Referer secret of the policy", "Referer secret, rotated out", "value of another origin custom header", "Basic authentication in a function's code"} {
		if !found[canaries[kind]] {
			t.Fatalf("the %s is not planted", kind)
		}
	}
	return out
}

// leaks returns the kinds of the canaries that data holds: as they are, escaped
// for a URL, or in base64 or hexadecimal.
func leaks(data []byte) (kinds []string) {
	for kind, c := range canaries {
		plain, err := url.PathUnescape(c)
		if err != nil {
			plain = c
		}
		for _, form := range []string{c, plain, url.QueryEscape(c), base64.StdEncoding.EncodeToString([]byte(c)), hex.EncodeToString([]byte(c)), fmt.Sprintf("%x", c)} {
			if bytes.Contains(data, []byte(form)) {
				kinds = append(kinds, kind)
				break
			}
		}
	}
	return kinds
}

// unpacked returns a file's bytes in the form that shows its text: Parquet pages
// are compressed.
func unpacked(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Ext(path) != ".parquet" {
		return data
	}
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	for _, g := range f.RowGroups() {
		rows := g.Rows()
		buf := make([]parquet.Row, 16)
		for {
			n, err := rows.ReadRows(buf)
			for _, r := range buf[:n] {
				for _, v := range r {
					text.WriteString(v.String())
					text.WriteByte('\n')
				}
			}
			if err != nil {
				break
			}
		}
		rows.Close()
	}
	if text.Len() == 0 {
		t.Fatalf("%s: no rows", path)
	}
	return text.Bytes()
}

// TestNoCanaryGetsOut runs the program over logs and settings full of secrets,
// with every kind of output, and looks for them in every byte that it wrote.
func TestNoCanaryGetsOut(t *testing.T) {
	aws := newAWSOf(t, hostileLogs(), hostileSnapshot(t))
	p := newProxy(t, aws)
	dir := t.TempDir()
	outs := []string{}
	for _, suffix := range []string{"json", "html", "md", "csv", "parquet", "txt"} {
		outs = append(outs, "--out", filepath.Join(dir, "report."+suffix))
	}
	outs = append(outs, "--out", "s3://ops/report.html")
	seen := map[string]bool{}
	check := func(t *testing.T, what string, data []byte) {
		t.Helper()
		for _, kind := range leaks(data) {
			t.Errorf("%s holds the %s", what, kind)
		}
		for _, must := range []string{"guide/gone.html", "guide/direct.html", "(masked", "minamo-docs-site"} {
			seen[must] = seen[must] || bytes.Contains(data, []byte(must))
		}
	}
	record := filepath.Join(dir, "facts")
	for _, args := range [][]string{
		append([]string{"scan", "s3://logs/", "--record", record, "-vv"}, outs...),
		{"scan", "s3://logs/", "--snapshot", record, "-vv", "--log-format", "json", "--redact", "off", "--output", "json"},
		{"scan", "s3://logs/", "--redact", "strict", "--output", "markdown"},
		{"scan", "s3://logs/", "--redact", "off", "--output", "csv"},
		{"scan", "s3://logs/odd/", "-vv"}, // nothing that can be read
		{"scan", "s3://logs/", "--out", filepath.Join(dir, "none", "x.html")},
		{"scan", "https://canaryuser:CANARY-pass-in-referer@host.example/logs?token=CANARY-token-in-query-41"},
	} {
		r := run(t, p, args...)
		name := strings.Join(args[:min(4, len(args))], " ")
		t.Logf("%s: exit status %d\n%s", name, r.code, r.errors)
		check(t, name+": standard output", []byte(r.out))
		check(t, name+": standard error", []byte(r.errors))
	}
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		check(t, path[len(dir):], unpacked(t, path))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// The reports, and a file for each answer that AWS was asked for. (It was 30
	// while the policy's status was asked for besides the policy.)
	if files < 29 {
		t.Errorf("%d files written, want the reports and the snapshot", files)
	}
	data, ok := aws.Buckets["ops"].Get("report.html")
	if !ok {
		t.Error("no report in S3")
	}
	check(t, "s3://ops/report.html", data)
	for must, ok := range seen {
		if !ok {
			t.Errorf("no output shows %s: the test tests nothing", must)
		}
	}
}
