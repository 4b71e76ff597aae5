package faulttest

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
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
	"token in a JSON line that is cut short":          "CANARY-cut-json-line-token",
	"cookie of a JSON line":                           "CANARY-json-line-cookie",
	"User-Agent secret of the policy":                 "CANARY agent of the policy/7",
	"User-Agent secret in an origin custom header":    "CANARY agent of the policy/7", // the same
	"User-Agent secret with wildcards around it":      "CANARY-agent-part",
	"User-Agent secret as a number":                   "4031234567",
	"User-Agent that is a token":                      "CANARYf86d081884c7d659a2feaa0c55ad015",
	"external id of a policy":                         "CANARY-external-id-5501",
	"Authorization in an origin custom header":        "Basic Q0FOQVJZLW9yaWdpbjpwYXNz",
	"value of an origin custom header of any name":    "CANARY no token shape",
	"search string of a web ACL":                      "CANARY-waf-origin-secret",
	"regular expression of a web ACL":                 "CANARY-waf-regexp",
	"header that a web ACL adds":                      "CANARY-waf-inserted",
	"short secret in a function's code":               "CANARYopen",
	"comment in a function's code":                    "CANARY-in-a-comment",
	"token in a website's redirect":                   "CANARY-redirect-token",
	"path of a webhook":                               "CANARYT0/B0/webhook-path",
	"password of a proxy":                             "CANARY-proxy-pass",
}

const (
	edgeHeader = "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end\n"
	owner      = "9f2b6c1d4e8a70535b1c9d2e6f4a8b7c3d5e1f0a2b4c6d8e9f1a3b5c7d9e0f24"
	siteHost   = "minamo-docs-site.s3-website-ap-northeast-1.amazonaws.com"
)

// hostileLogs returns log objects that hold every canary of the logs.
func hostileLogs() map[string][]byte {
	c := canaries
	agent := "Amazon CloudFront"
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
		fmt.Fprintf(&origin, "%s minamo-docs-site [20/Nov/2026:13:%02d:05 +0000] 130.176.70.100 - S3REQUEST%06d WEBSITE.GET.OBJECT %s \"GET %s HTTP/1.1\" 403 AccessDenied 303 - 37 - \"%s\" \"%s\" - host-id= - - - %s - - - -\n",
			owner, n, n, key, target, originReferer, agent, siteHost)
	}
	signed := "Expires=1800000000&Policy=" + c["CloudFront signed URL: Policy"] + "&Signature=" + c["CloudFront signed URL: Signature"] + "&Key-Pair-Id=" + c["CloudFront signed URL: Key-Pair-Id"]
	presigned := "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" + c["presigned URL: X-Amz-Credential"] + "%2F20261120%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Security-Token=" + c["presigned URL: X-Amz-Security-Token"] + "&X-Amz-Signature=" + c["presigned URL: X-Amz-Signature"]
	v2 := "AWSAccessKeyId=" + c["query authentication: AWSAccessKeyId"] + "&Expires=1800000000&Signature=" + c["query authentication: Signature"]
	now := c["Referer secret of the policy"]
	request("/guide/gone.html", "guide/gone.html", signed, "https://docs.minamo.example/", "session="+c["cookie of a CloudFront line"], now)
	request("/guide/gone2.html", "guide/gone2.html", presigned, "https://"+c["user and password in a Referer"]+"@docs.minamo.example/", "-", c["Referer of an S3 line"])
	request("/blog/gone.html", "blog/gone.html", v2, "-", "a=1;%20token="+c["cookie of a CloudFront line"], c["Referer secret, rotated out"])
	request("/guide/gone3.html", "guide/gone3.html", "token="+c["token in a query"]+"&password="+c["password in a query"]+"&authorization=Bearer%20"+c["Authorization in a query"]+"&x="+c["JSON web token in a query"]+"&aws-waf-token="+c["WAF token"], "-", "aws-waf-token="+c["WAF token"], "https://"+c["user and password in a Referer"]+"@elsewhere.example/")
	for i, a := range []string{c["User-Agent secret of the policy"], "Mozilla/5.0 " + c["User-Agent secret with wildcards around it"] + " (x)", c["User-Agent secret as a number"]} {
		agent = a
		request(fmt.Sprintf("/guide/agent%d.html", i), fmt.Sprintf("guide/agent%d.html", i), "", "-", "-", now)
	}
	agent = "Mozilla/5.0 " + c["User-Agent secret with wildcards around it"]
	request("/agents/none.html", "agents/none.html", "", "-", "-", "-")
	// Refused at the edge, by the web ACL.
	fmt.Fprintf(&edge, "2026-11-20\t13:50:05\tNRT20-C2\t671\t203.0.113.77\tGET\td2docsminamo02.cloudfront.net\t/guide/edge.html\t403\t-\t%s\ttoken=%s\t-\tError\tREQUEST99==\tdocs.minamo.example\thttps\t122\t0.001\t-\tTLSv1.3\tTLS_AES_128_GCM_SHA256\tError\tHTTP/2.0\t-\t-\t49646\t0.001\tClientGeoBlocked\ttext/html\t303\t-\t-\n",
		strings.ReplaceAll(c["User-Agent secret of the policy"], " ", "%20"), c["token in a query"])
	// JSON lines, of which one is cut short.
	vended := fmt.Sprintf(`{"date":"2026-11-20","time":"13:51:05","x-edge-location":"NRT20-C2","sc-bytes":"671","c-ip":"203.0.113.77","cs-method":"GET","cs(Host)":"d2docsminamo02.cloudfront.net","cs-uri-stem":"/guide/json.html","sc-status":"403","cs(Referer)":"-","cs(User-Agent)":"-","cs-uri-query":"token=%s","cs(Cookie)":"a=%s","x-edge-result-type":"Error","x-edge-request-id":"JSON01==","x-host-header":"docs.minamo.example","cs-protocol":"https"}`+"\n",
		c["token in a query"], c["cookie of a JSON line"])
	vended += `{"date":"2026-11-20","time":"13:51:06","cs-uri-query":"token=` + c["token in a JSON line that is cut short"] + "\n"
	// Direct requests, and one whose request line holds a whole URL.
	for i, uri := range []string{"/minamo-docs-site/guide/direct.html?" + presigned, "http://" + c["user and password in a request's absolute URI"] + "@" + siteHost + "/guide/direct.html?" + v2} {
		fmt.Fprintf(&origin, "%s minamo-docs-site [20/Nov/2026:14:0%d:05 +0000] 198.51.100.7 arn:aws:iam::111122223333:user/canary DIRECT%06d REST.GET.OBJECT guide/direct.html \"GET %s HTTP/1.1\" 403 AccessDenied 303 - 37 - \"%s\" \"curl/8\" - host-id= SigV4 ECDHE-RSA-AES128-GCM-SHA256 QueryString s3.ap-northeast-1.amazonaws.com TLSv1.3 - - -\n",
			owner, i, i, uri, c["Referer of an S3 line"])
	}
	// One of a bucket that wants no user agent.
	fmt.Fprintf(&origin, "%s minamo-press-site [20/Nov/2026:14:02:05 +0000] 198.51.100.7 - TOKEN000001 REST.GET.OBJECT press/gone.html \"GET /minamo-press-site/press/gone.html HTTP/1.1\" 403 AccessDenied 303 - 37 - \"-\" \"%s\" - host-id= - ECDHE-RSA-AES128-GCM-SHA256 - s3.ap-northeast-1.amazonaws.com TLSv1.3 - - -\n",
		owner, c["User-Agent that is a token"])
	// A line that is rejected.
	fmt.Fprintf(&origin, "%s minamo-docs-site [20/Nov/2026:99:99:99 +0000] 198.51.100.7 - - REST.GET.OBJECT x \"GET /x?token=%s HTTP/1.1\" 4x3 \"%[2]s\n", owner, c["token in an S3 line with an odd number of cells"])

	firewall := fmt.Sprintf(`{"timestamp":1795180000000,"formatVersion":1,"webaclId":"arn:aws:wafv2:us-east-1:111122223333:global/webacl/minamo-shop/0f6f1c56-5a0e-4d6c-9a3b-1c2d3e4f5a6b","terminatingRuleId":"block-sqlmap","terminatingRuleType":"REGULAR","action":"BLOCK","terminatingRuleMatchDetails":[{"conditionType":"SQL_INJECTION","location":"QUERY_STRING","matchedData":["%s"]}],"httpSourceName":"CF","httpSourceId":"111122223333-CloudFront-E2MINAMODOCS02","ruleGroupList":[],"rateBasedRuleList":[],"nonTerminatingMatchingRules":[],"httpRequest":{"clientIp":"203.0.113.77","country":"JP","headers":[{"name":"Host","value":"docs.minamo.example"},{"name":"Authorization","value":"%s"},{"name":"Cookie","value":"aws-waf-token=%s; session=%s"},{"name":"x-aws-waf-token","value":"%[3]s"}],"uri":"/guide/gone.html","args":"token=%[1]s","httpVersion":"HTTP/2.0","httpMethod":"GET","requestId":"REQUEST01=="}}`+"\n",
		c["token in a query"], c["Authorization header of a WAF line"], c["WAF token"], c["cookie of a WAF line"])
	return map[string][]byte{
		"cloudfront/E2MINAMODOCS02.2026-11-20-13.00000000":             []byte(edge.String()),
		"s3/minamo-docs-site/2026-11-20-14-00-00-0000000000000000":     []byte(origin.String()),
		"json/E2MINAMODOCS02.2026-11-20-13.11111111":                   []byte(vended),
		"waf/aws-waf-logs-minamo_20261120T1300Z_00000000.log":          []byte(firewall),
		"odd/" + c["token in an unreadable object"][:6] + "-noise.log": []byte("token=" + c["token in an unreadable object"] + "\nAuthorization: Bearer " + c["token in an unreadable object"] + "\n"),
	}
}

// hostileSnapshot is the sample's with the canaries of the settings.
func hostileSnapshot(t *testing.T) fs.FS {
	t.Helper()
	c := canaries
	var headers strings.Builder
	for _, h := range [][2]string{{"X-Origin-Verify", c["value of another origin custom header"]}, {"User-Agent", c["User-Agent secret in an origin custom header"]},
		{"authorization", c["Authorization in an origin custom header"]}, {"X-Shop", c["value of an origin custom header of any name"]}} {
		fmt.Fprintf(&headers, `"HeaderName": "%s", "HeaderValue": "%s"},{`, h[0], h[1])
	}
	statement := func(sid, condition string) string {
		return strings.ReplaceAll(fmt.Sprintf(`{"Sid":"%s","Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::minamo-docs-site/agents/*","Condition":%s},`, sid, condition), `"`, `\"`)
	}
	const acl = `"arn:aws:wafv2:us-east-1:111122223333:global/webacl/minamo-shop/0f6f1c56-5a0e-4d6c-9a3b-1c2d3e4f5a6b"`
	replace := strings.NewReplacer(
		"SAMPLE-REFERER-SECRET-7f3a", c["Referer secret of the policy"],
		"SAMPLE-REFERER-SECRET-OLD-19c4", c["Referer secret, rotated out"],
		`"HeaderName": "Referer"`, headers.String()+`"HeaderName": "Referer"`,
		`{\"Sid\":\"InternalOnlyFromVpc\"`, statement("ByAgent", `{"StringLike":{"aws:UserAgent":["`+c["User-Agent secret of the policy"]+`","*`+c["User-Agent secret with wildcards around it"]+`*",`+c["User-Agent secret as a number"]+`]}}`)+
			statement("Partner", `{"StringEquals":{"sts:ExternalId":"`+c["external id of a policy"]+`"}}`)+`{\"Sid\":\"InternalOnlyFromVpc\"`,
		`"WebACLId": ""`, `"WebACLId": `+acl,
		`"SearchString": "c3FsbWFw"`, `"SearchString": "`+base64.StdEncoding.EncodeToString([]byte(c["search string of a web ACL"]))+`"`,
		`"DefaultAction": {
            "Allow": {}
        },`, `"DefaultAction": {"Allow": {"CustomRequestHandling": {"InsertHeaders": [{"Name": "x-ok", "Value": "`+c["header that a web ACL adds"]+`"}]}}},`,
		`"FunctionAssociations": {
                    "Quantity": 0
                }`, `"FunctionAssociations": {"Quantity": 1, "Items": [{"FunctionARN": "arn:aws:cloudfront::111122223333:function/minamo-members-gate", "EventType": "viewer-request"}]}`,
		`"Suffix": "index.html"
    }`, `"Suffix": "index.html"
    }, "RoutingRules": [{"Condition": {"KeyPrefixEquals": "old/"}, "Redirect": {"ReplaceKeyPrefixWith": "new/?token=`+c["token in a website's redirect"]+`&to="}}]`,
	)
	out := fstest.MapFS{}
	planted := map[string]bool{}
	src := os.DirFS(sampleSnapshot)
	err := fs.WalkDir(src, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(src, path)
		text := replace.Replace(string(data))
		if strings.HasSuffix(path, ".js") {
			text += "\nvar basic = 'Basic " + c["Basic authentication in a function's code"] + "'; // " + c["comment in a function's code"] + "\nif (request.headers['x-origin-verify'].value !== '" + c["short secret in a function's code"] + "') { return 0; }\n"
		}
		if strings.HasPrefix(path, "web-acls/") {
			text = strings.Replace(text, `"Rules": [`, `"Rules": [{"Name": "regexp", "Priority": 9, "Statement": {"RegexMatchStatement": {"RegexString": "`+c["regular expression of a web ACL"]+`",
				"FieldToMatch": {"UriPath": {}}, "TextTransformations": [{"Priority": 0, "Type": "NONE"}]}}, "Action": {"Count": {}},
				"VisibilityConfig": {"SampledRequestsEnabled": true, "CloudWatchMetricsEnabled": true, "MetricName": "regexp"}},`, 1)
		}
		for _, kind := range leaks([]byte(text)) {
			planted[kind] = true
		}
		out[path] = &fstest.MapFile{Data: []byte(text)}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{
		"Referer secret of the policy", "Referer secret, rotated out", "value of another origin custom header", "Basic authentication in a function's code",
		"User-Agent secret of the policy", "User-Agent secret with wildcards around it", "User-Agent secret as a number", "external id of a policy",
		"Authorization in an origin custom header", "value of an origin custom header of any name", "search string of a web ACL", "regular expression of a web ACL",
		"header that a web ACL adds", "short secret in a function's code", "comment in a function's code", "token in a website's redirect",
	} {
		if !planted[kind] {
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

// unpacked returns a file's bytes in the form that shows its text: the state and
// Parquet pages are compressed.
func unpacked(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	switch filepath.Ext(path) {
	case ".gz":
		return gunzip(t, data)
	case ".parquet":
	default:
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

// verdictsOf returns the verdict of each key of a JSON report.
func verdictsOf(t *testing.T, data []byte) map[string]string {
	t.Helper()
	type key struct{ Key, URI, Verdict string }
	var doc struct {
		FailingKeys []key `json:"failing_keys"`
		Direct      []key `json:"direct_failures"`
		Edge        []key `json:"edge_failures"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, k := range slices.Concat(doc.FailingKeys, doc.Direct, doc.Edge) {
		out[k.Key+k.URI] = k.Verdict
	}
	return out
}

func gunzip(t *testing.T, data []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil || len(text) == 0 {
		t.Fatalf("%d bytes unpacked, %v", len(text), err)
	}
	return text
}

// TestNoCanaryGetsOut runs the program over logs and settings full of secrets,
// with every kind of output, and looks for them in every byte that it wrote or
// sent.
func TestNoCanaryGetsOut(t *testing.T) {
	aws := newAWSOf(t, hostileLogs(), hostileSnapshot(t))
	var mu sync.Mutex
	sent := map[string][]byte{} // to whom
	keep := func(where string, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(data))
		data = append([]byte(r.Method+" "+r.Host+r.URL.String()+"\n"), data...)
		if text, err := url.QueryUnescape(string(data)); err == nil {
			data = append(data, text...)
		}
		mu.Lock()
		sent[where] = append(sent[where], data...)
		mu.Unlock()
	}
	aws.Fault = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.Host, "sns.") {
			keep("AWS", r)
			return false
		}
		keep("SNS", r)
		_, _ = io.WriteString(w, `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>`)
		return true
	}
	webhook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		keep("webhook", r)
		if strings.HasSuffix(r.URL.Path, "/fails") {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(webhook.Close)
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
		for _, must := range []string{"guide/gone.html", "guide/agent0.html", "guide/direct.html", "guide/json.html", "guide/edge.html", "press/gone.html", "(masked", "minamo-docs-site", "aws:UserAgent"} {
			seen[must] = seen[must] || bytes.Contains(data, []byte(must))
		}
	}
	record := filepath.Join(dir, "facts")
	hook := webhook.URL + "/services/" + canaries["path of a webhook"]
	runs := [][]string{
		append([]string{"scan", "s3://logs/", "--record", record, "-vv"}, outs...),
		{"scan", "s3://logs/", "--snapshot", record, "-vv", "--log-format", "json", "--redact", "off", "--output", "json"},
		{"scan", "s3://logs/", "--redact", "strict", "--output", "markdown"},
		{"scan", "s3://logs/", "--redact", "off", "--output", "csv", "--memory", "1"}, // spilled
		{"scan", "s3://logs/", "--state", filepath.Join(dir, "state"), "--notify", hook, "--notify", hook + "/fails", "--notify", "arn:aws:sns:us-east-1:111122223333:alarm", "-vv"},
		{"scan", "s3://logs/", "--state", "s3://ops/state/", "--log-format", "json", "-vv"},
		{"state", "show", filepath.Join(dir, "state")},
		{"scan", "s3://logs/odd/", "-vv"}, // nothing that can be read
		{"scan", "s3://logs/", "--out", filepath.Join(dir, "none", "x.html")},
		{"scan", "https://canaryuser:CANARY-pass-in-referer@host.example/logs?token=CANARY-token-in-query-41"},
		{"scan", "s3://logs/", "--endpoint-url", "http://canaryuser:CANARY-pass-in-referer@127.0.0.1:1/?token=CANARY-token-in-query-41", "-vv"},
		{"simulate", "--distribution", "E2MINAMODOCS02", "--path", "/guide/gone.html", "--referer", canaries["Referer secret, rotated out"], "--user-agent", canaries["User-Agent secret of the policy"]},
		{"simulate", "--snapshot", record, "--distribution", "E2MINAMODOCS02", "--path", "/agents/x.html", "--user-agent", "Mozilla/5.0 " + canaries["User-Agent secret with wildcards around it"], "--output", "json"},
	}
	replayed := ""
	for i, args := range runs {
		name := strings.Join(args[:min(4, len(args))], " ")
		c := command(t, p, args...)
		c.Env = append(c.Env, "HTTPS_PROXY="+strings.Replace(p.URL, "://", "://canaryproxy:"+canaries["password of a proxy"]+"@", 1))
		var out, errs bytes.Buffer
		c.Stdout, c.Stderr = &out, &errs
		r := finish(t, c, c.Run(), &out, &errs)
		t.Logf("%s: exit status %d\n%s", name, r.code, r.errors)
		if i == 1 {
			replayed = r.out
		}
		check(t, name+": standard output", []byte(r.out))
		check(t, name+": standard error", []byte(r.errors))
		if r.code == 2 {
			t.Errorf("%s: the command line is wrong: %s", name, r.errors)
		}
	}
	// A proxy that is not there.
	c := command(t, p, "scan", "s3://logs/", "-vv")
	c.Env = append(c.Env, "HTTPS_PROXY=http://canaryproxy:"+canaries["password of a proxy"]+"@127.0.0.1:1", "AWS_MAX_ATTEMPTS=1")
	both, _ := c.CombinedOutput()
	check(t, "without a proxy", both)

	files := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name := filepath.ToSlash(path[len(dir)+1:])
		data := unpacked(t, path)
		files[name] = bytes.Contains(data, []byte("(masked"))
		check(t, name, data)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// The snapshot's masks are as good as the secrets.
	live, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	want := verdictsOf(t, live)
	if d := cmp.Diff(want, verdictsOf(t, []byte(replayed))); d != "" {
		t.Errorf("the replay of the snapshot says something else (-live +replay):\n%s", d)
	}
	if v := want["agents/none.html"]; v == "" || strings.HasPrefix(v, "policy-") {
		t.Errorf("the policy wants the User-Agent that S3 saw, and the verdict is %q", v)
	}
	// Every file that a canary could have got into, and what shows that it did
	// get to the program: a mask in its place.
	for name, masked := range map[string]bool{
		"report.json": true, "report.html": true, "report.md": false, "report.csv": false, "report.parquet": false, "report.txt": false,
		"facts/buckets/minamo-docs-site/policy.json": true, "facts/buckets/minamo-docs-site/website.json": true, "facts/distributions/E2MINAMODOCS02/distribution.json": true,
		"facts/functions/minamo-members-gate.js": true, "facts/web-acls/0f6f1c56-5a0e-4d6c-9a3b-1c2d3e4f5a6b.json": true, "facts/redaction.json": false, "state/state.jsonl.gz": false,
	} {
		if got, ok := files[name]; !ok || masked && !got {
			t.Errorf("%s: written: %v, with masks: %v", name, ok, got)
		}
	}
	for _, must := range []string{"AWS", "SNS", "webhook"} {
		if len(sent[must]) == 0 {
			t.Errorf("%s was sent nothing", must)
		}
	}
	for where, data := range sent {
		if where == "webhook" { // its own path is where it went
			data = bytes.ReplaceAll(data, []byte("/services/"+canaries["path of a webhook"]), nil)
		}
		check(t, "what "+where+" was sent", data)
	}
	memory, _ := aws.Buckets["ops"].Get("state/state.jsonl.gz")
	check(t, "the state in S3", gunzip(t, memory))
	for _, name := range []string{"PUT ops.s3.us-east-1.amazonaws.com/report.html", "PUT ops.s3.us-east-1.amazonaws.com/state/state.jsonl.gz"} {
		if !bytes.Contains(sent["AWS"], []byte(name)) {
			t.Errorf("there was no %s", name)
		}
	}
	for must, ok := range seen {
		if !ok {
			t.Errorf("no output shows %s: the test tests nothing", must)
		}
	}
}
