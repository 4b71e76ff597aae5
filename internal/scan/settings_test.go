package scan

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSettingsWhileReading asks for a distribution when a log names it, by an
// object's name, a field or the domain name, and lists the logs once.
func TestSettingsWhileReading(t *testing.T) {
	a := newAccount(t)
	masks := object{"CustomErrorResponses": object{"Items": []object{{"ErrorCode": 403, "ResponseCode": "404", "ResponsePagePath": "/404.html"}}}}
	plain := object{}
	a.distribution("E1ABCDEFGHIJK", masks, "site")
	a.distribution("E2ABCDEFGHIJK", plain, "site")
	a.distribution("E3ABCDEFGHIJK", masks, "site")
	a.distribution("E4ABCDEFGHIJK", masks, "site")
	a.bucket("site", object{}, "E1ABCDEFGHIJK", "E2ABCDEFGHIJK", "E3ABCDEFGHIJK")
	missing := func(path string) string { return strings.ReplaceAll(w3c(path), "\t403\t", "\t404\t") }
	a.log("logs", "cf/E1ABCDEFGHIJK.2026-11-24-10.aaaaaaaa.gz", missing("/one"))
	a.log("logs", "cf/E2ABCDEFGHIJK.2026-11-24-10.aaaaaaaa.gz", missing("/two"))
	a.log("logs", "cf/fields.json", `{"date":"2026-11-24","time":"10:00:02","DistributionId":"E3ABCDEFGHIJK","cs-uri-stem":"/three","sc-status":"404","x-edge-result-type":"Error","x-edge-request-id":"a","cs-method":"GET"}`+"\n"+
		`{"date":"2026-11-24","time":"10:00:02","DistributionId":"../nobody","cs-uri-stem":"/none","sc-status":"404","x-edge-result-type":"Error","x-edge-request-id":"b","cs-method":"GET"}`+"\n")
	a.log("logs", "cf/domain.json", `{"date":"2026-11-24","time":"10:00:02","cs(Host)":"e4abcdefghijk.cloudfront.net","cs-uri-stem":"/four","sc-status":"404","x-edge-result-type":"Error","x-edge-request-id":"c","cs-method":"GET"}`+"\n")
	a.log("logs", "cf/2026-11-24-11-00-00-0123456789ABCDEF", accessLog("site", "one", "three", "four", "two"))
	rep, err := Run(t.Context(), Options{Locations: []string{"s3://logs/cf/"}, Window: wholeDay, AWS: a.aws})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range failing(t, rep) {
		got = append(got, f[:strings.LastIndexByte(f, ' ')])
	}
	want := []string{" site/two cf=0 s3=1", "E1ABCDEFGHIJK site/one cf=1 s3=1", "E3ABCDEFGHIJK site/three cf=1 s3=1", "E4ABCDEFGHIJK site/four cf=1 s3=1"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	_, by := a.calls()
	if by["s3:ListObjectsV2 of logs"] != 1 || by["s3:GetObject of logs"] != 5 {
		t.Errorf("calls %v", by)
	}
	if by["cloudfront:GetDistribution"] != 4 || by["cloudfront:ListDistributions"] != 1 {
		t.Errorf("calls %v", by)
	}
	if slices.ContainsFunc(a.server.Requests(), func(r string) bool { return strings.Contains(r, "nobody") }) {
		t.Error("AWS was asked for what a log made up")
	}
}

// TestWithoutAnySettings reads on when no distribution can be asked for.
func TestWithoutAnySettings(t *testing.T) {
	a := newAccount(t, "cloudfront:GetDistribution", "cloudfront:ListDistributions")
	a.distribution("E1ABCDEFGHIJK", nil, "site")
	a.bucket("site", object{}, "E1ABCDEFGHIJK")
	a.log("logs", "E1ABCDEFGHIJK.2026-11-24-10.aaaaaaaa.gz", w3c("/a"))
	a.log("logs", "2026-11-24-11-00-00-0123456789ABCDEF", accessLog("site", "a"))
	rep, err := Run(t.Context(), Options{Locations: []string{"s3://logs/"}, Window: wholeDay, MaxKeys: 200, AWS: a.aws})
	if err != nil {
		t.Fatal(err)
	}
	if got := failing(t, rep); len(got) != 1 || !strings.Contains(got[0], "site/a cf=1 s3=1") {
		t.Errorf("%q", got)
	}
}

// TestSnapshotTellsOfSettledKeys looks at what a snapshot holds of an object even
// where the bucket's settings already name a cause for it.
func TestSnapshotTellsOfSettledKeys(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"logs/2026-11-24-11-00-00-0123456789ABCDEF":     accessLog("site", "one", "one", "two", "gone"),
		"snapshot/buckets/site/head.json":               `{"BucketRegion":"eu-central-1"}`,
		"snapshot/buckets/site/policy.json":             `{"Error":{"Code":"NoSuchBucketPolicy","Message":"m"}}`,
		"snapshot/buckets/site/objects/two/head.json":   `{"ContentLength":3,"Metadata":{}}`,
		"snapshot/buckets/site/objects/g%6Fne/acl.json": `{}`, // no name of a key
		"snapshot/buckets/site/objects/gone/head.json":  `{"Error":{"Code":"404","Message":"Not Found"}}`,
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	rep, err := Run(t.Context(), Options{Locations: []string{filepath.Join(dir, "logs")}, Snapshot: filepath.Join(dir, "snapshot"), MaxKeys: 200})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{" site/gone cf=0 s3=1 key-missing", " site/one cf=0 s3=2 policy-no-allow", " site/two cf=0 s3=1 policy-no-allow"}
	if d := cmp.Diff(want, failing(t, rep)); d != "" {
		t.Error(d)
	}
}
