package athena

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/why403/why403/logs"
)

// The place of an hour follows the delivery's suffix path (CloudFront guide,
// Configure standard logging (v2), paths in S3).
func TestPlacesOfDeliveries(t *testing.T) {
	f := func(location, suffix string, hive bool, template string) {
		t.Helper()
		l := Logs{Format: "cloudfront-json", Location: location, Suffix: suffix, Hive: hive, Account: "111122223333", Distributions: []string{"E1EXAMPLE00001"}}
		ts, err := l.Tables()
		if err != nil {
			t.Fatal(err)
		}
		if got := ts[0].Properties["storage.location.template"]; got != template {
			t.Errorf("%s + %s: %s, want %s", location, suffix, got, template)
		}
	}
	f("s3://b/MyLogPrefix/", "", false, "")
	f("s3://b/MyLogPrefix/", "myFolderA/{yyyy}", true, "s3://b/MyLogPrefix/myFolderA/year=${year}/")
	f("s3://b/AWSLogs/aws-account-id=111122223333/CloudFront/", "myFolderA/{accountid}/{HH}", true,
		"s3://b/AWSLogs/aws-account-id=111122223333/CloudFront/myFolderA/accountid=111122223333/hour=${hour}/")
	f("s3://b/", "AWSLogs/{accountid}/CloudFront/{DistributionId}/{yyyy}", false,
		"s3://b/AWSLogs/111122223333/CloudFront/${distribution}/${year}/")
}

// memory is a source in memory.
type memory map[string][]byte

func (m memory) List(_ context.Context, _ logs.Window, page func([]logs.Object) error) error {
	for uri, data := range m {
		if err := page([]logs.Object{{URI: uri, Size: int64(len(data))}}); err != nil {
			return err
		}
	}
	return nil
}

func (m memory) Open(_ context.Context, o *logs.Object) (io.ReadCloser, error) {
	if m[o.URI] == nil {
		return nil, fs.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(m[o.URI])), nil
}

func zipped(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, text)
	z.Close()
	return b.Bytes()
}

func TestDetect(t *testing.T) {
	var file bytes.Buffer
	w := parquet.NewGenericWriter[struct {
		BucketName  string `parquet:"bucket_name"`
		Operation   string `parquet:"operation"`
		RequestTime string `parquet:"request_time"`
		Status      int32  `parquet:"http_status"`
	}](&file)
	w.Close()
	w3c := zipped("#Version: 1.0\n#Fields: date time cs-uri-stem sc-status\n2026-11-20\t10:00:00\t/\t200\n")
	json := zipped(`{"DistributionId":"E3EXAMPLE00003","date":"2026-11-20","cs-uri-stem":"/","sc-status":"200"}` + "\n")
	s3 := []byte(originLine("a", "200") + "\n")
	waf := zipped(`{"timestamp":1795165200000,"formatVersion":1,"webaclId":"arn:aws:wafv2:us-east-1:111122223333:global/webacl/acl/b","action":"BLOCK","httpRequest":{"uri":"/"}}` + "\n")
	source := memory{
		"s3://b/cf/E1EXAMPLE00001.2026-11-20-10.0a1b2c3d.gz":                                                                                     w3c,
		"s3://b/cf/E2EXAMPLE00002.2026-11-20-11.0a1b2c3d.gz":                                                                                     w3c,
		"s3://b/v2/E1EXAMPLE00001/2026/11/20/10/E1EXAMPLE00001.2026-11-20-10.0a1b2c3d.gz":                                                        w3c,
		"s3://b/v2/E2EXAMPLE00002/2026/11/19/10/E2EXAMPLE00002.2026-11-19-10.0a1b2c3d.gz":                                                        w3c,
		"s3://b/json/DistributionId=E3EXAMPLE00003/year=2026/month=11/day=20/hour=10/E3EXAMPLE00003.2026-11-20-10.0a1b2c3d.gz":                   json,
		"s3://b/s3/111122223333/us-east-1/site/2026/11/20/2026-11-20-00-00-00-0123456789ABCDEF":                                                  s3,
		"s3://b/s3/2026-11-20-10-11-12-0123456789ABCDEF":                                                                                         s3,
		"s3://b/vended/2026/11/20/10/bucket.parquet":                                                                                             file.Bytes(),
		"s3://b/AWSLogs/111122223333/WAFLogs/cloudfront/acl/2026/11/20/10/05/111122223333_waflogs_cloudfront_acl_20261120T1005Z_0a1b2c3d.log.gz": waf,
		"s3://b/AWSLogs/111122223333/WAFLogs/cloudfront/acl/2026/11/21/10/05/111122223333_waflogs_cloudfront_acl_20261121T1005Z_0a1b2c3d.log.gz": waf,
		"s3://b/two/E1EXAMPLE00001.2026-11-20-10.0a1b2c3d.gz":                                                                                    w3c,
		"s3://b/two/copy-E1EXAMPLE00001.2026-11-20-10.0a1b2c3d.gz":                                                                               w3c,
	}
	got, err := Detect(context.Background(), source, logs.Window{To: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)}, logs.Options{Fields: []string{}}) // an empty list is none
	if err != nil {
		t.Fatal(err)
	}
	size := func(of ...[]byte) (n int64) {
		for _, data := range of {
			n += int64(len(data))
		}
		return n
	}
	fields := strings.Fields("date time cs-uri-stem sc-status")
	day := func(d, h int) time.Time { return time.Date(2026, 11, d, h, 0, 0, 0, time.UTC) }
	want := []Logs{
		// Of the WAF's objects one is later than the window.
		{Name: "waf_b_awslogs_111122223333_waflogs_cloudfront_acl_yyyy_mm_dd_hh", Format: "waf-json", Location: "s3://b/AWSLogs/111122223333/WAFLogs/cloudfront/acl/",
			Suffix: "{yyyy}/{MM}/{dd}/{HH}", Since: day(20, 10), Bytes: size(waf)},
		{Name: "cloudfront_b_cf", Format: "cloudfront-w3c", Location: "s3://b/cf/", Pattern: edgeNames, Fields: fields,
			Heads: []string{"s3://b/cf/E1EXAMPLE00001.", "s3://b/cf/E2EXAMPLE00002."}, Names: logs.NameEdge, Bytes: size(w3c, w3c)},
		{Name: "cloudfront_b_json_id_yyyy_mm_dd_hh", Format: "cloudfront-json", Location: "s3://b/json/", Suffix: "{DistributionId}/{yyyy}/{MM}/{dd}/{HH}", Hive: true, Distributions: []string{"E3EXAMPLE00003"},
			Fields: strings.Fields("DistributionId date cs-uri-stem sc-status"), Since: day(20, 10), Bytes: size(json)},
		{Name: "s3_access_b_s3", Format: "s3-access", Location: "s3://b/s3/", Pattern: originNames,
			Heads: []string{"s3://b/s3/"}, Names: logs.NameOrigin, Bytes: size(s3)},
		{Name: "s3_access_b_s3_111122223333_us_east_1_site_yyyy_mm_dd", Format: "s3-access", Location: "s3://b/s3/111122223333/us-east-1/site/", Suffix: "{yyyy}/{MM}/{dd}", Since: day(20, 0), Bytes: size(s3)},
		{Name: "cloudfront_b_two", Format: "cloudfront-w3c", Location: "s3://b/two/", Pattern: edgeNames, Fields: fields,
			Heads: []string{"s3://b/two/E1EXAMPLE00001."}, Names: logs.NameEdge, Bytes: size(w3c)},
		{Name: "cloudfront_b_two", Format: "cloudfront-w3c", Location: "s3://b/two/", Pattern: otherNames, Fields: fields, Bytes: size(w3c)},
		{Name: "cloudfront_b_v2_id_yyyy_mm_dd_hh", Format: "cloudfront-w3c", Location: "s3://b/v2/", Suffix: "{DistributionId}/{yyyy}/{MM}/{dd}/{HH}", Distributions: []string{"E1EXAMPLE00001", "E2EXAMPLE00002"},
			Fields: fields, Since: day(19, 10), Bytes: size(w3c, w3c)},
		{Name: "s3_access_b_vended_yyyy_mm_dd_hh", Format: "s3-parquet", Location: "s3://b/vended/", Suffix: "{yyyy}/{MM}/{dd}/{HH}", Fields: []string{"bucket_name", "operation", "request_time", "http_status int"}, Since: day(20, 10), Bytes: size(file.Bytes())},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
