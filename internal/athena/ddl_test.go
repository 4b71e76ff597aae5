package athena

import (
	"bytes"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/why403/why403/logs"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// deliveries has every format, and every kind of folder.
func deliveries() []Logs {
	since := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	var v2 []string
	v2 = append(append(v2, "timestamp", "DistributionId"), standardFields...)
	v2 = append(v2, "timestamp(ms)", "origin-fbl", "origin-lbl", "asn", "c-country", "cache-behavior-path-pattern")
	return []Logs{
		{Name: "cloudfront", Format: "cloudfront-w3c", Location: "s3://logs/cf/"},
		{Name: "cloudfront_v2", Format: "cloudfront-w3c", Location: "s3://logs/AWSLogs/111122223333/CloudFront/", Since: since,
			Suffix: "{DistributionId}/{yyyy}/{MM}/{dd}/{HH}", Distributions: []string{"E2EXAMPLE00002", "E1EXAMPLE00001"}, Fields: v2},
		{Name: "cloudfront_commas", Format: "cloudfront-plain", Location: "s3://logs/plain", Suffix: "/{accountid}/{yyyy}/{MM}/", Account: "111122223333",
			Fields: strings.Fields("date time cs-uri-stem sc-status x-edge-result-type"), Delimiter: ",", Since: since},
		{Name: "cloudfront_json", Format: "cloudfront-json", Location: "s3://logs/AWSLogs/aws-account-id=111122223333/CloudFront/", Since: since,
			Suffix: "{distributionid}/{yyyy}/{MM}/{dd}/{HH}", Hive: true, Distributions: []string{"E1EXAMPLE00001"}, Fields: v2},
		{Name: "cloudfront_parquet", Format: "cloudfront-parquet", Location: "s3://logs/parquet/", Suffix: "{yyyy}/{MM}/{dd}/{HH}", Hive: true, Since: since},
		{Name: "cloudfront_realtime", Format: "cloudfront-realtime", Location: "s3://logs/firehose/", Suffix: "{yyyy}/{MM}/{dd}/{HH}", Since: since,
			Fields: strings.Fields("timestamp c-ip sc-status cs-method cs-host cs-uri-stem x-host-header x-edge-detailed-result-type")},
		{Name: "s3_access", Format: "s3-access", Location: "s3://logs/s3/access-"},
		{Name: "s3_access_by_day", Format: "s3-access", Location: "s3://logs/s3/111122223333/ap-northeast-1/it's-a-bucket/", Suffix: "{yyyy}/{MM}/{dd}", Since: since},
		{Name: "s3_access_json", Format: "s3-json", Location: "s3://logs/vended/", Since: since, Suffix: "{yyyy}/{MM}/{dd}/{HH}"},
		{Name: "s3_access_parquet", Format: "s3-parquet", Location: "s3://logs/vended-parquet/",
			Fields: []string{"bucket_name", "request_time", "requester", "operation", "key_name", "request_uri", "http_status int"}},
		{Name: "waf", Format: "waf-json", Location: "s3://aws-waf-logs-example/AWSLogs/111122223333/WAFLogs/cloudfront/acl/", Suffix: "{yyyy}/{MM}/{dd}/{HH}", Since: since},
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s (-want +got):\n%s", path, d)
	}
}

func TestDDL(t *testing.T) {
	var b bytes.Buffer
	if err := DDL(&b, "why403", deliveries()); err != nil {
		t.Fatal(err)
	}
	golden(t, "ddl.golden.sql", b.Bytes())
}

// The queries are kept so that a change of theirs is seen, and so that their
// syntax can be checked without an engine.
func TestQueries(t *testing.T) {
	o := Options{Masked: []int{200, 404}, Window: logs.Window{
		From: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC),
	}}
	var b bytes.Buffer
	if err := Queries(&b, deliveries(), o); err != nil {
		t.Fatal(err)
	}
	golden(t, "queries.golden.sql", b.Bytes())
}

// Each dated folder must be among the projected ones: the hours of a day from 00
// to 23, the days to 31, the months to 12. The years do not depend on what was
// listed when the table was made, and do not end soon.
func TestProjectionLosesNoFolder(t *testing.T) {
	for _, l := range deliveries() {
		tables, err := l.Tables()
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range tables {
			for _, c := range table.Partitions {
				if c.Type != "string" {
					t.Errorf("%s: %s is %s: leading zeros would be lost", table.Name, c.Name, c.Type)
				}
			}
			for key, want := range map[string]string{
				"projection.hour.range": "00,23", "projection.hour.digits": "2", "projection.hour.type": "integer",
				"projection.day.range": "01,31", "projection.day.digits": "2", "projection.month.range": "01,12", "projection.month.digits": "2",
				"projection.year.range": "2018,2049",
			} {
				unit := strings.Split(key, ".")[1]
				has := strings.Contains(table.Properties["storage.location.template"], "${"+unit+"}")
				if got := table.Properties[key]; has && got != want || !has && got != "" {
					t.Errorf("%s: %s is %q", table.Name, key, got)
				}
			}
		}
	}
}

func TestTemplates(t *testing.T) {
	f := func(l Logs, want string) {
		t.Helper()
		ts, err := l.Tables()
		if err != nil {
			t.Fatal(err)
		}
		if got := ts[0].Properties["storage.location.template"]; got != want {
			t.Errorf("template %q, want %q", got, want)
		}
	}
	d := deliveries()
	f(d[0], "")
	f(d[1], "s3://logs/AWSLogs/111122223333/CloudFront/${distribution}/${year}/${month}/${day}/${hour}/")
	f(d[2], "s3://logs/plain/111122223333/${year}/${month}/")
	f(d[3], "s3://logs/AWSLogs/aws-account-id=111122223333/CloudFront/distributionid=${distribution}/year=${year}/month=${month}/day=${day}/hour=${hour}/")
	f(d[4], "s3://logs/parquet/year=${year}/month=${month}/day=${day}/hour=${hour}/")
	f(Logs{Format: "cloudfront-w3c", Location: "s3://b/p", Suffix: "folder/{accountid}/x{yyyy}", Account: "1", Fields: []string{"date", "time", "year"}},
		"s3://b/p/folder/1/x${year_folder}/")
}

// awsRegex is the expression of the table for S3 server access logs in AWS's
// guide.
const awsRegex = `([^ ]*) ([^ ]*) \[(.*?)\] ([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*) ("[^"]*"|-) (-|[0-9]*) ([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*) ("[^"]*"|-) ([^ ]*)(?: ([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*))?.*$`

// oddLines are S3 lines in observed shapes, and their columns bucket, requester,
// key, URI, status, referer and agent.
var oddLines = []struct {
	line string
	want []string
}{
	{`0a1b site [20/Nov/2026:10:00:00 +0000] 192.0.2.1 - 4A0VA8BRDAQXTMR5 REST.GET.OBJECT a.html "GET /a.html HTTP/1.1" 403 AccessDenied 243 - 8 - "-" "curl/8.0" - hostid= - - - site.s3.amazonaws.com -`,
		[]string{"site", "-", "a.html", `"GET /a.html HTTP/1.1"`, "403", `"-"`, `"curl/8.0"`}},
	{`0a1b site [20/Nov/2026:10:00:00 +0000] - svc:cloudfront.amazonaws.com 4A0VA8BRDAQXTMR5 REST.GET.OBJECT a.html "GET /a.html HTTP/1.1" 200 - 6138 6138 33 32 "-" "-" - hostid= SigV4 ECDHE-RSA-AES128-GCM-SHA256 AuthHeader site.s3.eu-west-2.amazonaws.com TLSv1.2 - - eu-west-2`,
		[]string{"site", "svc:cloudfront.amazonaws.com", "a.html", `"GET /a.html HTTP/1.1"`, "200", `"-"`, `"-"`}},
	{`0a1b site [20/Nov/2026:10:00:00 +0000] 1.2.3.4 - 63DAF67A2BC0B6C3 REST.GET.OBJECT %2522 "GET /" HTTP/1.1" 403 AccessDenied 243 - 8 - "referer test" "curl/7.38.0" - hostid= - ECDHE-RSA-AES128-GCM-SHA256 - site.s3.amazonaws.com TLSv1.2`,
		[]string{"site", "-", "%2522", `"GET /" HTTP/1.1"`, "403", `"referer test"`, `"curl/7.38.0"`}},
	{`0a1b site [20/Nov/2026:10:00:00 +0000] 1.2.3.4 - 63DAF67A2BC0B6C3 REST.GET.BUCKET - "GET /cgi-bin/x HTTP/1.1" 403 AccessDenied 243 - 8 - "() { :; }; echo "a" b" "() { :; }; echo "c" d" - hostid= - - - site.s3.amazonaws.com -`,
		[]string{"site", "-", "-", `"GET /cgi-bin/x HTTP/1.1"`, "403", `"() { :; }; echo "a" b"`, `"() { :; }; echo "c" d"`}},
	{`0a1b site [20/Nov/2026:10:00:00 +0000] 1.2.3.4 - 63DAF67A2BC0B6C3 REST.GET.OBJECT a "GET /a HTTP/1.1" 200 - 1 1 8 7 "-" "agent with a quote"" - hostid= - - - site.s3.amazonaws.com -`,
		[]string{"site", "-", "a", `"GET /a HTTP/1.1"`, "200", `"-"`, `"agent with a quote""`}},
	{`0a1b site [19/Sep/2019:17:06:39 +0000] 89.160.20.156 arn:aws:iam::123456:user/u 6CE38F1312D32BDD BATCH.DELETE.OBJECT Screen+Shot.png - 204 - - 57138 - - - - - hostid= SigV4 ECDHE-RSA-AES128-SHA AuthHeader s3.ap-southeast-1.amazonaws.com TLSv1.2`,
		[]string{"site", "arn:aws:iam::123456:user/u", "Screen+Shot.png", "-", "204", "-", "-"}},
	{`0a1b site [25/Mar/2025:19:28:02 +0000] - AmazonS3 366DB3C4B325AB11 S3.EXPIRE.OBJECT 0/x.sst "-" - - - 317 - - "-" "-" qsEq9bDa2VyxyZ4cz0c7oBnF67VYTTij DMlPb9al4CvVBck150CgpEIIYgtSI3HC/atetNVYwPtHZffW6jfpg+BrffhbT9/B - - - - - - -`,
		[]string{"site", "AmazonS3", "0/x.sst", `"-"`, "-", `"-"`, `"-"`}},
	{`0a1b site [20/Nov/2026:10:00:00 +0000] 192.0.2.1 arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E3OAI 4A0VA8BRDAQXTMR5 REST.GET.OBJECT a.html "GET /a.html HTTP/1.1" 403 AccessDenied 243 - 8 - "-" "-" - hostid= SigV4 ECDHE AuthHeader site.s3.amazonaws.com TLSv1.2 - -`,
		[]string{"site", "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E3OAI", "a.html", `"GET /a.html HTTP/1.1"`, "403", `"-"`, `"-"`}},
	{`0a1b site [09/Sep/2014:18:33:15 +0000] 79.125.24.185 0a1b 5E493280357FAC3B REST.COPY.OBJECT_GET a.mp3 - 200 - - 16251603 - - - - -`,
		[]string{"site", "0a1b", "a.mp3", "-", "200", "-", "-"}},
	{`what is this "line"`, nil},
}

// TestOriginRegex reads odd lines as RegexSerDe does, which wants a whole match.
// Every line must match, and the documented expression must lose some.
func TestOriginRegex(t *testing.T) {
	ours, theirs := regexp.MustCompile(`^(?s:`+originRegex+`)$`), regexp.MustCompile(`^(?s:`+awsRegex+`)$`)
	if n := ours.NumSubexp(); n != len(originColumns) {
		t.Fatalf("%d groups for %d columns", n, len(originColumns))
	}
	lost := 0
	for _, c := range oddLines {
		m := ours.FindStringSubmatch(c.line)
		if m == nil {
			t.Errorf("no match: %s", c.line)
			continue
		}
		if c.want == nil {
			if m[len(originColumns)] != c.line {
				t.Errorf("not in unparsed: %s: %q", c.line, m)
			}
			continue
		}
		column := func(name string) string {
			for i, n := range originColumns {
				if n == name {
					return m[i+1]
				}
			}
			panic(name)
		}
		got := []string{column("bucket_name"), column("requester"), column("key"), column("request_uri"), column("httpstatus"), column("referrer"), column("useragent")}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s\n%s", c.line, d)
		}
		if column("unparsed") != "" {
			t.Errorf("unparsed: %s", c.line)
		}
		if a := theirs.FindStringSubmatch(c.line); a == nil || a[10] != column("httpstatus") || a[2] != column("bucket_name") {
			lost++
		}
	}
	if lost == 0 {
		t.Error("the documented expression reads all of them: these lines prove nothing")
	}
	t.Logf("of %d odd lines the documented expression loses %d", len(oddLines), lost)
}
