package scan

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/why403/why403/internal/awsoverlay"
	"github.com/why403/why403/internal/awsx"
	"github.com/why403/why403/internal/gather"
	"github.com/why403/why403/internal/report"
	"github.com/why403/why403/logs"
)

// account is an account of the double: its settings, and its log buckets.
type account struct {
	fstest.MapFS
	server *awsoverlay.Server
	aws    awsx.Config
}

type object = map[string]any

func newAccount(t *testing.T, deny ...string) *account {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "example-secret")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	a := &account{MapFS: fstest.MapFS{}}
	a.server = &awsoverlay.Server{Answers: gather.NewSnapshot(a.MapFS), Deny: deny, Buckets: map[string]*awsoverlay.Store{}}
	a.server.Start()
	t.Cleanup(a.server.Close)
	a.aws = awsx.Config{Region: "us-east-1", Rate: 1e6, Dial: a.server.Dial}
	a.put("caller-identity.json", object{"Account": "111122223333", "Arn": "arn:aws:iam::111122223333:user/ops", "UserId": "AID"})
	return a
}

func (a *account) put(name string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	a.MapFS[name] = &fstest.MapFile{Data: data}
}

// distribution adds a distribution with one behavior and origin for each of the
// buckets, the first one's the default, the others' for /BUCKET/*.
func (a *account) distribution(id string, more object, buckets ...string) {
	var origins, behaviors []object
	for i, b := range buckets {
		origins = append(origins, object{"Id": b, "DomainName": b + ".s3.eu-central-1.amazonaws.com", "OriginAccessControlId": "EOAC", "S3OriginConfig": object{"OriginAccessIdentity": ""}})
		if i > 0 {
			behaviors = append(behaviors, object{"PathPattern": "/" + b + "/*", "TargetOriginId": b})
		}
	}
	config := object{"Enabled": true, "Origins": object{"Items": origins}, "CacheBehaviors": object{"Items": behaviors}, "DefaultCacheBehavior": object{
		"TargetOriginId": buckets[0], "CachePolicyId": "cache", "OriginRequestPolicyId": "request",
		"FunctionAssociations": object{"Items": []object{{"EventType": "viewer-response", "FunctionARN": "arn:aws:cloudfront::111122223333:function/headers"}}}}}
	maps.Copy(config, more)
	a.put("distributions/"+id+"/distribution.json", object{"Distribution": object{
		"Id": id, "ARN": "arn:aws:cloudfront::111122223333:distribution/" + id, "DomainName": strings.ToLower(id) + ".cloudfront.net", "Status": "Deployed", "DistributionConfig": config,
	}})
	a.put("origin-access-controls/EOAC.json", object{"OriginAccessControl": object{"Id": "EOAC", "OriginAccessControlConfig": object{
		"Name": "oac", "SigningProtocol": "sigv4", "SigningBehavior": "always", "OriginAccessControlOriginType": "s3"}}})
}

// bucket adds an origin bucket that the distributions may read.
func (a *account) bucket(name string, logging object, distributions ...string) {
	var arns []string
	for _, d := range distributions {
		arns = append(arns, "arn:aws:cloudfront::111122223333:distribution/"+d)
	}
	policy, _ := json.Marshal(object{"Version": "2012-10-17", "Statement": []object{{"Effect": "Allow", "Principal": object{"Service": "cloudfront.amazonaws.com"},
		"Action": "s3:GetObject", "Resource": "arn:aws:s3:::" + name + "/*", "Condition": object{"StringEquals": object{"AWS:SourceArn": arns}}}}})
	dir := "buckets/" + name + "/"
	a.put(dir+"head.json", object{"BucketRegion": "eu-central-1"})
	a.put(dir+"policy.json", object{"Policy": string(policy)})
	a.put(dir+"policy-status.json", object{"PolicyStatus": object{"IsPublic": false}})
	a.put(dir+"public-access-block.json", object{"PublicAccessBlockConfiguration": object{"BlockPublicAcls": true, "IgnorePublicAcls": true, "BlockPublicPolicy": true, "RestrictPublicBuckets": true}})
	a.put(dir+"ownership-controls.json", object{"OwnershipControls": object{"Rules": []object{{"ObjectOwnership": "BucketOwnerEnforced"}}}})
	a.put(dir+"request-payment.json", object{"Payer": "BucketOwner"})
	a.put(dir+"encryption.json", object{"ServerSideEncryptionConfiguration": object{"Rules": []object{{"ApplyServerSideEncryptionByDefault": object{"SSEAlgorithm": "AES256"}}}}})
	a.put(dir+"versioning.json", object{})
	a.put(dir+"logging.json", logging)
	a.put(dir+"objects.json", object{"Contents": []object{{"Key": "index.html", "Owner": object{"ID": strings.Repeat("a", 64)}}}, "Complete": true})
}

func (a *account) deliveries(region string, sources, deliveries, destinations []object) {
	a.put("deliveries/"+region+"/sources.json", object{"deliverySources": sources})
	a.put("deliveries/"+region+"/deliveries.json", object{"deliveries": deliveries})
	a.put("deliveries/"+region+"/destinations.json", object{"deliveryDestinations": destinations})
}

func (a *account) log(bucket, key, text string) {
	if a.server.Buckets[bucket] == nil {
		a.server.Buckets[bucket] = &awsoverlay.Store{Region: "eu-central-1"}
	}
	data := []byte(text)
	if strings.HasSuffix(key, ".gz") {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write(data)
		_ = w.Close()
		data = b.Bytes()
	}
	a.server.Buckets[bucket].Put(key, data)
}

// calls counts what the double was asked, by operation; listings and reads of
// log buckets apart.
func (a *account) calls() (settings int, by map[string]int) {
	by = map[string]int{}
	for _, r := range a.server.Requests() {
		name, rest, _ := strings.Cut(r, " ")
		bucket, _, _ := strings.Cut(rest, " ")
		if a.server.Buckets[bucket] != nil {
			name += " of logs"
		} else {
			settings++
		}
		by[name]++
	}
	return settings, by
}

func legacy(bucket, prefix string) object {
	return object{"Logging": object{"Enabled": true, "Bucket": bucket + ".s3.amazonaws.com", "Prefix": prefix}}
}

func classic(bucket, prefix string) object {
	return object{"LoggingEnabled": object{"TargetBucket": bucket, "TargetPrefix": prefix}}
}

const day = "2026-11-24"

var wholeDay = logs.Window{From: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)}

// w3c is a legacy log of failing requests, one for each path.
func w3c(paths ...string) string {
	var b strings.Builder
	b.WriteString("#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end\n")
	for i, p := range paths {
		fmt.Fprintf(&b, "%s\t10:%02d:%02d\tFRA60-P1\t439\t198.51.100.7\tGET\td1.cloudfront.net\t%s\t403\t-\tMozilla/5.0\t-\t-\tError\tid%d%s==\twww.example.com\thttps\t100\t0.050\t-\tTLSv1.3\tTLS_AES_128_GCM_SHA256\tError\tHTTP/2.0\t-\t-\t50000\t0.050\tError\tapplication/xml\t-\t-\t-\n",
			day, i/60%60, i%60, p, i, strings.ReplaceAll(p, "/", ""))
	}
	return b.String()
}

// access is a server access log of CloudFront's refused fetches.
func accessLog(bucket string, keys ...string) string {
	var b strings.Builder
	for i, k := range keys {
		fmt.Fprintf(&b, "%s %s [24/Nov/2026:10:%02d:%02d +0000] - svc:cloudfront.amazonaws.com R%07d%s REST.GET.OBJECT %s \"GET /%s HTTP/1.1\" 403 AccessDenied 243 - 10 - \"-\" \"-\" - host= SigV4 TLS_AES_128_GCM_SHA256 AuthHeader %s.s3.eu-central-1.amazonaws.com TLSv1.3 - -\n",
			strings.Repeat("a", 64), bucket, i/60%60, i%60, i, strings.ToUpper(bucket), k, k, bucket)
	}
	return b.String()
}

func failing(t *testing.T, rep *report.Report) []string {
	t.Helper()
	var out []string
	for k, err := range rep.FailingKeys.All() {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%s %s/%s cf=%d s3=%d %s", k.Distribution, k.Bucket, k.Key, k.Requests.CloudFront, k.Requests.S3, k.Verdict))
	}
	slices.Sort(out)
	return out
}

// TestDiscoverSample finds the sample's logs from nothing and expects the report
// that the same logs give when they are named.
func TestDiscoverSample(t *testing.T) {
	server, aws := sampleAWS(t)
	server.Buckets = map[string]*awsoverlay.Store{"minamo-logs": {Region: "ap-northeast-1"}}
	err := fs.WalkDir(os.DirFS(sampleLogs), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(sampleLogs, path))
		server.Buckets["minamo-logs"].Put(path, data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	found, err := Run(t.Context(), Options{AllDistributions: true, MaxKeys: 200, AWS: aws, Tell: func(l string) { lines = append(lines, l) }})
	if err != nil {
		t.Fatal(err, lines)
	}
	named, err := Run(t.Context(), Options{Locations: []string{"s3://minamo-logs/"}, MaxKeys: 200, AWS: aws})
	if err != nil {
		t.Fatal(err)
	}
	a, b := render(t, found), render(t, named)
	for _, m := range []map[string]any{a, b} {
		delete(m, "notes")
	}
	if d := cmp.Diff(b, a); d != "" {
		t.Errorf("(-named +found):\n%s\n%s", d, strings.Join(lines, "\n"))
	}
}

// TestDiscoverDeliveries reads a plain log with chosen fields and hive folders,
// and a vended access log, from the id alone.
func TestDiscoverDeliveries(t *testing.T) {
	a := newAccount(t)
	a.distribution("E1ABCDEFGHIJK", nil, "site")
	a.bucket("site", object{}, "E1ABCDEFGHIJK")
	a.deliveries("us-east-1",
		[]object{{"name": "cf", "resourceArns": []string{"arn:aws:cloudfront::111122223333:distribution/E1ABCDEFGHIJK"}, "logType": "ACCESS_LOGS"}},
		[]object{{"id": "1", "deliverySourceName": "cf", "deliveryDestinationArn": "d", "deliveryDestinationType": "S3", "recordFields": []string{"sc-status", "cs-uri-stem", "time", "date", "cs-method"},
			"fieldDelimiter": ",", "s3DeliveryConfiguration": object{"suffixPath": "AWSLogs/{account-id}/CloudFront/{DistributionId}/{yyyy}/{MM}/{dd}/{HH}", "enableHiveCompatiblePath": true}}},
		[]object{{"arn": "d", "outputFormat": "plain", "deliveryDestinationConfiguration": object{"destinationResourceArn": "arn:aws:s3:::v2-logs"}}})
	a.deliveries("eu-central-1",
		[]object{{"name": "s3", "resourceArns": []string{"arn:aws:s3:::site"}, "logType": "S3_SERVER_ACCESS_LOGS"}},
		[]object{{"id": "2", "deliverySourceName": "s3", "deliveryDestinationArn": "d", "deliveryDestinationType": "S3"}},
		[]object{{"arn": "d", "outputFormat": "json", "deliveryDestinationConfiguration": object{"destinationResourceArn": "arn:aws:s3:::vended/site"}}})
	dir := "AWSLogs/aws-account-id=111122223333/CloudFront/DistributionId=E1ABCDEFGHIJK/"
	a.log("v2-logs", dir+"year=2026/month=11/day=24/hour=10/E1ABCDEFGHIJK.2026-11-24-10.aaaaaaaa.gz", "403,/a,10:00:00,2026-11-24,GET\n200,/b,10:00:01,2026-11-24,GET\n")
	a.log("v2-logs", dir+"year=2026/month=11/day=01/hour=10/E1ABCDEFGHIJK.2026-11-01-10.aaaaaaaa.gz", "not to be read\n")
	a.log("v2-logs", "AWSLogs/aws-account-id=111122223333/CloudFront/DistributionId=E2OTHER/year=2026/month=11/day=24/hour=10/E2OTHERGHIJKL.2026-11-24-10.aaaaaaaa.gz", "not to be read\n")
	a.log("vended", "site/2026/11/24/x.gz", `{"bucket_name":"site","request_time":"2026-11-24T10:00:00.000Z","requester":"svc:cloudfront.amazonaws.com","request_id":"R1","operation":"REST.GET.OBJECT","key_name":"a","request_uri":"GET /a HTTP/1.1","http_status":403,"error_code":"AccessDenied"}`+"\n")
	rep, err := Run(t.Context(), Options{Distributions: []string{"E1ABCDEFGHIJK"}, Window: wholeDay, MaxKeys: 200, AWS: a.aws})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"E1ABCDEFGHIJK site/a cf=1 s3=1 key-missing"}, failing(t, rep)); d != "" {
		t.Error(d)
	}
	if in := rep.Inputs; in.Objects != 2 || in.Rejected != 0 || in.ByFormat["cloudfront-plain"] == nil || in.ByFormat["s3-json"] == nil {
		t.Errorf("%+v", in)
	}
	// The recording answers the next run, which finds the same.
	record := filepath.Join(t.TempDir(), "facts")
	live, err := Run(t.Context(), Options{Distributions: []string{"E1ABCDEFGHIJK"}, Window: wholeDay, MaxKeys: 200, AWS: a.aws, Record: record})
	if err != nil {
		t.Fatal(err)
	}
	replay, err := Run(t.Context(), Options{Distributions: []string{"E1ABCDEFGHIJK"}, Window: wholeDay, MaxKeys: 200, AWS: a.aws, Snapshot: record})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(render(t, live), render(t, replay)); d != "" {
		t.Errorf("(-live +replay):\n%s", d)
	}
}

// TestDiscoverAmongOthers leaves out what only shares a place.
func TestDiscoverAmongOthers(t *testing.T) {
	a := newAccount(t)
	a.distribution("E1ABCDEFGHIJK", legacy("logs", ""), "site")
	a.bucket("site", classic("logs", ""), "E1ABCDEFGHIJK")
	a.log("logs", "E1ABCDEFGHIJK.2026-11-24-10.aaaaaaaa.gz", w3c("/a"))
	a.log("logs", "E2ABCDEFGHIJK.2026-11-24-10.aaaaaaaa.gz", w3c("/z"))
	a.log("logs", "2026-11-24-11-00-00-0123456789ABCDEF", accessLog("site", "a"))
	a.log("logs", "2026-11-24-11-00-00-0123456789ABCDEE", accessLog("other", "b", "c"))
	a.log("logs", "AWSLogs/1/CloudTrail/x.json.gz", "{}\n")
	rep, err := Run(t.Context(), Options{Distributions: []string{"E1ABCDEFGHIJK"}, Window: wholeDay, MaxKeys: 200, AWS: a.aws})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"E1ABCDEFGHIJK site/a cf=1 s3=1 key-missing"}, failing(t, rep)); d != "" {
		t.Error(d)
	}
	if want := "2 S3 lines of buckets that are no origin of the distributions, but share a log's place, were left out"; !slices.Contains(rep.Notes, want) {
		t.Errorf("notes %q", rep.Notes)
	}
	if rep.Inputs.Objects != 3 || rep.Inputs.Rejected != 0 {
		t.Errorf("%+v", rep.Inputs)
	}
	_, by := a.calls()
	if by["s3:GetObject of logs"] != 3 {
		t.Errorf("calls %v", by)
	}
}

// TestDiscoverNothing says what to do when there is no log to read.
func TestDiscoverNothing(t *testing.T) {
	f := func(set func(*account), wantErr, wantHint string, ids ...string) {
		t.Helper()
		a := newAccount(t)
		a.distribution("E1ABCDEFGHIJK", nil, "site")
		a.bucket("site", object{}, "E1ABCDEFGHIJK")
		a.put("distributions/E9/distribution.json", object{"Error": object{"Code": "NoSuchDistribution"}})
		a.deliveries("us-east-1", nil, nil, nil)
		a.deliveries("eu-central-1", nil, nil, nil)
		set(a)
		_, err := Run(t.Context(), Options{Distributions: ids, Window: wholeDay, MaxKeys: 200, AWS: a.aws})
		var h interface{ UserHint() string }
		if err == nil || err.Error() != wantErr || !errors.As(err, &h) || !strings.Contains(h.UserHint(), wantHint) {
			t.Errorf("got  %v\nwant %s", err, wantErr)
			if h != nil {
				t.Errorf("hint %s, want %s", h.UserHint(), wantHint)
			}
		}
	}
	f(func(*account) {}, "no log of distribution E1ABCDEFGHIJK was found", "aws logs put-delivery-source", "E1ABCDEFGHIJK")
	f(func(*account) {}, "there is no distribution E9 in this account", "aws cloudfront list-distributions", "E9")
	f(func(a *account) { a.server.Deny = []string{"cloudfront:GetDistribution"} }, "no log of distribution E1ABCDEFGHIJK was found", "why403 scan s3://BUCKET/PREFIX --distribution E1ABCDEFGHIJK", "E1ABCDEFGHIJK")
	f(func(a *account) {
		a.distribution("E1ABCDEFGHIJK", legacy("logs", "cf/"), "site")
		a.log("logs", "x", "")
	}, "s3://logs/cf/E1ABCDEFGHIJK.: no log objects in the window", "widen --since", "E1ABCDEFGHIJK")
	f(func(a *account) {
		a.distribution("E1ABCDEFGHIJK", legacy("logs", "cf/"), "site")
		a.log("logs", "x", "")
		a.server.Deny = []string{"s3:ListBucket"}
	}, "not allowed to list s3://logs/cf/E1ABCDEFGHIJK.", "s3:ListBucket on arn:aws:s3:::logs", "E1ABCDEFGHIJK")
}

// TestOneUnlisted reads the other places when one can't be listed, and says so.
func TestOneUnlisted(t *testing.T) {
	a := newAccount(t)
	a.distribution("E1ABCDEFGHIJK", legacy("gone", "cf/"), "site")
	a.put("buckets/gone/head.json", object{"Error": object{"Code": "404"}})
	a.bucket("site", classic("logs", ""), "E1ABCDEFGHIJK")
	a.log("logs", "2026-11-24-11-00-00-0123456789ABCDEF", accessLog("site", "a"))
	rep, err := Run(t.Context(), Options{Distributions: []string{"E1ABCDEFGHIJK"}, Window: wholeDay, MaxKeys: 200, AWS: a.aws})
	if err != nil {
		t.Fatal(err)
	}
	if len(failing(t, rep)) != 1 || len(rep.Run.Incomplete) != 1 || !strings.Contains(rep.Run.Incomplete[0], "gone") {
		t.Errorf("%q %q", failing(t, rep), rep.Run.Incomplete)
	}
}

// TestFewCalls holds the bound: 60 calls for 5 buckets, 3 distributions
// and 10,000 failing keys, and 2 more for each key that needs a look at its
// object.
func TestFewCalls(t *testing.T) {
	a := newAccount(t)
	ids := []string{"E1ABCDEFGHIJK", "E2ABCDEFGHIJK", "E3ABCDEFGHIJK"}
	buckets := []string{"alpha", "beta", "gamma", "delta", "omega"}
	a.distribution(ids[0], legacy("logs", "cf/"), "alpha", "beta")
	a.distribution(ids[1], legacy("logs", "cf/"), "gamma", "delta")
	a.distribution(ids[2], legacy("logs", "cf/"), "omega", "alpha")
	a.deliveries("us-east-1", []object{{"name": "x", "resourceArns": []string{"arn:aws:cloudfront::111122223333:distribution/E9"}, "logType": "ACCESS_LOGS"}}, nil, nil)
	a.put("account/public-access-block.json", object{"Error": object{"Code": "NoSuchPublicAccessBlockConfiguration"}})
	a.put("account/effective-s3-policy.json", object{"Error": object{"Code": "EffectivePolicyNotFoundException"}})
	for _, id := range ids {
		var paths []string
		for i := range 3334 {
			paths = append(paths, fmt.Sprintf("/k%04d.html", i))
		}
		a.log("logs", "cf/"+id+".2026-11-24-10.aaaaaaaa.gz", w3c(paths...))
	}
	for i, b := range buckets {
		a.bucket(b, classic("logs", "s3/"+b+"/"), ids...)
		var keys []string
		for i := range 2000 {
			keys = append(keys, fmt.Sprintf("k%04d.html", i))
		}
		a.log("logs", fmt.Sprintf("s3/%s/2026-11-24-11-00-00-%016X", b, i), accessLog(b, keys...))
	}
	const maxKeys = 200
	rep, err := Run(t.Context(), Options{Distributions: ids, Window: wholeDay, MaxKeys: maxKeys, AWS: a.aws})
	if err != nil {
		t.Fatal(err)
	}
	n := len(failing(t, rep))
	settings, by := a.calls()
	objects := by["s3:HeadObject"] + by["s3:GetObjectAcl"] + by["s3:GetObjectTagging"] + by["s3:ListObjectsV2"] + by["s3:ListObjectVersions"]
	t.Logf("%d failing keys; %d calls for settings, %d for objects: %v", n, settings-objects, objects, by)
	if n < 10_000 {
		t.Errorf("%d failing keys, want 10,000", n)
	}
	if settings-objects > 60 {
		t.Errorf("%d calls for settings, want at most 60", settings-objects)
	}
	if objects > 2*maxKeys {
		t.Errorf("%d calls for objects, want at most %d", objects, 2*maxKeys)
	}
	for name, most := range map[string]int{"cloudfront:GetDistribution": 3, "cloudfront:GetOriginAccessControl": 1, "s3:HeadBucket": 5, "s3:GetBucketLogging": 5, "s3:GetBucketPolicy": 5} {
		if by[name] > most {
			t.Errorf("%d calls of %s, want at most %d", by[name], name, most)
		}
	}
}

// TestDiscoverOverlap reads an object once that lies in two places.
func TestDiscoverOverlap(t *testing.T) {
	a := newAccount(t)
	ids := []string{"E1ABCDEFGHIJK", "E2ABCDEFGHIJK"}
	var sources, deliveries []object
	for i, suffix := range []string{"{yyyy}", "2026/x/{yyyy}"} {
		a.distribution(ids[i], nil, "site")
		sources = append(sources, object{"name": ids[i], "resourceArns": []string{"arn:aws:cloudfront::111122223333:distribution/" + ids[i]}, "logType": "ACCESS_LOGS"})
		deliveries = append(deliveries, object{"deliverySourceName": ids[i], "deliveryDestinationArn": "d", "deliveryDestinationType": "S3", "s3DeliveryConfiguration": object{"suffixPath": suffix}})
	}
	a.bucket("site", object{}, ids...)
	a.deliveries("us-east-1", sources, deliveries, []object{{"arn": "d", "outputFormat": "json", "deliveryDestinationConfiguration": object{"destinationResourceArn": "arn:aws:s3:::logs/cf"}}})
	a.log("logs", "cf/2026/x/2026/lines.json", `{"date":"2026-11-24","time":"10:00:00","DistributionId":"E2ABCDEFGHIJK","cs-uri-stem":"/a","sc-status":"403","x-edge-result-type":"Error","x-edge-request-id":"a","cs-method":"GET"}`+"\n")
	rep, err := Run(t.Context(), Options{Distributions: ids, AWS: a.aws, MaxKeys: 200})
	if err != nil {
		t.Fatal(err)
	}
	if got := failing(t, rep); rep.Inputs.Objects != 1 || rep.Inputs.Lines != 1 || len(got) != 1 {
		t.Errorf("%+v %q", rep.Inputs, got)
	}
}

// TestDiscoverWithoutOnePermission takes each permission of the search away: it
// goes on with what is left, and names what is missing.
func TestDiscoverWithoutOnePermission(t *testing.T) {
	f := func(permission string, all bool, wantErr, wantNote string, want ...string) {
		t.Helper()
		a := newAccount(t, permission)
		a.distribution("E1ABCDEFGHIJK", legacy("logs", "cf/"), "site")
		a.distribution("E2ABCDEFGHIJK", nil, "docs")
		a.bucket("site", classic("logs", "s3/site-"), "E1ABCDEFGHIJK")
		a.bucket("docs", classic("logs", "s3/docs-"), "E2ABCDEFGHIJK")
		a.deliveries("us-east-1",
			[]object{{"name": "cf", "resourceArns": []string{"arn:aws:cloudfront::111122223333:distribution/E2ABCDEFGHIJK"}, "logType": "ACCESS_LOGS"}},
			[]object{{"id": "1", "deliverySourceName": "cf", "deliveryDestinationArn": "d", "deliveryDestinationType": "S3"}},
			[]object{{"arn": "d", "outputFormat": "w3c", "deliveryDestinationConfiguration": object{"destinationResourceArn": "arn:aws:s3:::logs/v2"}}})
		a.log("logs", "cf/E1ABCDEFGHIJK.2026-11-24-10.aaaaaaaa.gz", w3c("/a"))
		a.log("logs", "v2/E2ABCDEFGHIJK.2026-11-24-10.aaaaaaaa.gz", w3c("/b"))
		a.log("logs", "s3/site-2026-11-24-11-00-00-0123456789ABCDEF", accessLog("site", "a"))
		a.log("logs", "s3/docs-2026-11-24-11-00-00-0123456789ABCDEF", accessLog("docs", "b"))
		o := Options{Distributions: []string{"E1ABCDEFGHIJK", "E2ABCDEFGHIJK"}, AllDistributions: all, Window: wholeDay, MaxKeys: 200, AWS: a.aws}
		rep, err := Run(t.Context(), o)
		if wantErr != "" || err != nil {
			if err == nil || !strings.Contains(err.Error(), wantErr) || wantErr == "" {
				t.Errorf("without %s: %v, want %s", permission, err, wantErr)
			}
			return
		}
		var got []string
		for _, f := range failing(t, rep) {
			got = append(got, strings.TrimSpace(f[:strings.LastIndexByte(f, ' ')]))
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("without %s: %s", permission, d)
		}
		if notes := strings.Join(rep.Notes, "\n"); wantNote != "" && !strings.Contains(notes, wantNote) {
			t.Errorf("without %s: notes %q", permission, notes)
		}
	}
	one, two := "E1ABCDEFGHIJK site/a cf=1 s3=1", "E2ABCDEFGHIJK docs/b cf=1 s3=1"
	f("", false, "", "", one, two)
	f("cloudfront:ListDistributions", true, "the account's distributions can't be listed: no permission for cloudfront:ListDistributions", "")
	f("cloudfront:GetDistribution", false, "", "distribution E1ABCDEFGHIJK: its settings can't be read: no permission for cloudfront:GetDistribution", "E2ABCDEFGHIJK /b cf=1 s3=0")
	f("logs:DescribeDeliverySources", false, "", "distribution E2ABCDEFGHIJK: deliveries of standard logs v2 can't be seen: no permission for logs:DescribeDeliverySources", one, "E2ABCDEFGHIJK docs/b cf=0 s3=1")
	f("logs:DescribeDeliveries", false, "", "no permission for logs:DescribeDeliveries", one, "E2ABCDEFGHIJK docs/b cf=0 s3=1")
	f("logs:DescribeDeliveryDestinations", false, "", "no permission for logs:DescribeDeliveryDestinations", one, "E2ABCDEFGHIJK docs/b cf=0 s3=1")
	f("s3:GetBucketLogging", false, "", "bucket site: its logging can't be read: no permission for s3:GetBucketLogging", "E1ABCDEFGHIJK site/a cf=1 s3=0", "E2ABCDEFGHIJK docs/b cf=1 s3=0")
	f("s3:ListBucket", false, "not allowed to list s3://logs/", "")
	f("s3:GetObject", false, "s3://logs/", "")
}
