package discover

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/why403/why403/internal/gather"
)

var update = flag.Bool("update", false, "rewrite golden files")

// snapshot is a snapshot directory that tests put together.
type snapshot fstest.MapFS

type object = map[string]any

func (s snapshot) put(name string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	s[name] = &fstest.MapFile{Data: data}
}

func (s snapshot) refuse(name string) {
	s.put(name, object{"Error": object{"Code": "AccessDenied", "Message": "no"}})
}

func (s snapshot) caller() { s.put("caller-identity.json", object{"Account": "111122223333"}) }

// distribution adds a distribution with origins by their host names. more is
// merged into its DistributionConfig.
func (s snapshot) distribution(id string, more object, hosts ...string) {
	var origins []object
	for _, h := range hosts {
		origins = append(origins, object{"Id": strings.SplitN(h, ".", 2)[0], "DomainName": h})
	}
	config := object{"Enabled": true, "Origins": object{"Items": origins}, "DefaultCacheBehavior": object{"TargetOriginId": origins[0]["Id"]}}
	maps.Copy(config, more)
	s.put("distributions/"+id+"/distribution.json", object{"Distribution": object{
		"Id": id, "ARN": "arn:aws:cloudfront::111122223333:distribution/" + id, "DomainName": "d" + strings.ToLower(id) + ".cloudfront.net", "DistributionConfig": config,
	}})
}

func legacy(bucket, prefix string) object {
	return object{"Logging": object{"Enabled": true, "Bucket": bucket + ".s3.amazonaws.com", "Prefix": prefix}}
}

func (s snapshot) bucket(name, region string, logging object) {
	s.put("buckets/"+name+"/head.json", object{"BucketRegion": region})
	s.put("buckets/"+name+"/logging.json", logging)
}

func classic(target, prefix, partitioned string) object {
	l := object{"TargetBucket": target, "TargetPrefix": prefix}
	if partitioned != "" {
		l["TargetObjectKeyFormat"] = object{"PartitionedPrefix": object{"PartitionDateSource": partitioned}}
	}
	return object{"LoggingEnabled": l}
}

// vended is one delivery: its source, the delivery, and its destination, nil when
// another account has it.
type vended struct {
	resource, logType     string
	delivery, destination object
}

func (s snapshot) deliveries(region string, list ...vended) {
	sources, deliveries, destinations := []object{}, []object{}, []object{}
	for i, v := range list {
		name := string(rune('a' + i))
		sources = append(sources, object{"name": name, "resourceArns": []string{v.resource}, "logType": v.logType})
		target := "arn:aws:logs:" + region + ":444455556666:delivery-destination:" + name
		d := object{"id": "id-" + name, "deliverySourceName": name, "deliveryDestinationArn": target, "deliveryDestinationType": "S3"}
		maps.Copy(d, v.delivery)
		deliveries = append(deliveries, d)
		if v.destination != nil {
			v.destination["arn"] = target
			destinations = append(destinations, v.destination)
		}
	}
	s.put("deliveries/"+region+"/sources.json", object{"deliverySources": sources})
	s.put("deliveries/"+region+"/deliveries.json", object{"deliveries": deliveries})
	s.put("deliveries/"+region+"/destinations.json", object{"deliveryDestinations": destinations})
}

func to(arn, format string) object {
	return object{"outputFormat": format, "deliveryDestinationConfiguration": object{"destinationResourceArn": arn}}
}

func arnOf(id string) string { return "arn:aws:cloudfront::111122223333:distribution/" + id }

func (s snapshot) find(t *testing.T, ids ...string) *Result {
	t.Helper()
	r, err := Find(t.Context(), gather.New(gather.NewSnapshot(fstest.MapFS(s)), gather.Options{}), ids)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// site is an account with every kind of log, on and off.
func site() snapshot {
	s := snapshot{}
	s.caller()
	shop := legacy("cf-logs", "shop/")
	shop["Aliases"] = object{"Items": []string{"www.example.com"}}
	s.distribution("E1SHOP", shop, "site.s3.eu-central-1.amazonaws.com", "media.s3-website.eu-central-1.amazonaws.com", "api.example.com")
	s.distribution("E2DOCS", nil, "docs.s3.eu-west-1.amazonaws.com")
	s.distribution("E3OFF", nil, "quiet.s3.eu-central-1.amazonaws.com", "nowhere.s3.amazonaws.com")
	s.distribution("E4FAR", object{"DefaultCacheBehavior": object{"TargetOriginId": "media", "RealtimeLogConfigArn": "arn:aws:cloudfront::111122223333:realtime-log-config/live"}},
		"media.s3-website.eu-central-1.amazonaws.com", "ap-1234567890abcdefghijklmnopqrstuse1a-s3alias.s3.us-east-1.amazonaws.com")
	s.put("distributions/E5GONE/distribution.json", object{"Error": object{"Code": "NoSuchDistribution", "Message": "The specified distribution does not exist."}})
	s.put("real-time-log-configs/live.json", object{"RealtimeLogConfig": object{"Name": "live", "SamplingRate": 100, "Fields": []string{"cs-uri-stem", "c-ip", "timestamp", "sc-status"},
		"EndPoints": []object{{"KinesisStreamConfig": object{"StreamARN": "arn:aws:kinesis:us-east-1:111122223333:stream/live"}}}}})
	s.bucket("site", "eu-central-1", classic("access-logs", "s3/", "EventTime"))
	s.bucket("media", "eu-central-1", classic("access-logs", "media-", ""))
	s.bucket("docs", "eu-west-1", object{})
	s.bucket("quiet", "eu-central-1", object{})
	s.put("buckets/nowhere/head.json", object{"Error": object{"Code": "404", "Message": "Not Found"}})
	s.deliveries("us-east-1",
		vended{arnOf("E1SHOP"), "ACCESS_LOGS", object{"recordFields": []string{"date"}}, to("arn:aws:s3:::v2-logs", "w3c")},
		vended{arnOf("E1SHOP"), "CONNECTION_LOGS", nil, to("arn:aws:s3:::v2-logs/c", "json")},
		vended{arnOf("E2DOCS"), "ACCESS_LOGS", object{"recordFields": []string{"date", "time", "sc-status", "cs-uri-stem", "x-edge-result-type"}, "fieldDelimiter": "|",
			"s3DeliveryConfiguration": object{"suffixPath": "AWSLogs/{account-id}/CloudFront/{DistributionId}/{yyyy}/{MM}", "enableHiveCompatiblePath": true}}, to("arn:aws:s3:::v2-logs", "plain")},
		vended{arnOf("E4FAR"), "ACCESS_LOGS", nil, nil},
		vended{arnOf("E4FAR"), "ACCESS_LOGS", object{"deliveryDestinationType": "CWL"}, to("arn:aws:logs:us-east-1:111122223333:log-group:/cf", "json")},
	)
	s.deliveries("eu-west-1", vended{"arn:aws:s3:::docs", "S3_SERVER_ACCESS_LOGS", nil, to("arn:aws:s3:::vended-logs/docs", "json")})
	s.deliveries("eu-central-1")
	return s
}

// TestTranscript keeps the words about an account with every kind of log.
func TestTranscript(t *testing.T) {
	s := site()
	r := s.find(t, "E1SHOP", "E2DOCS", "E3OFF", "E4FAR", "E5GONE", "E1SHOP")
	var b strings.Builder
	for _, l := range r.Lines {
		b.WriteString("why403: " + l + "\n")
	}
	b.WriteString("\nread:\n")
	for _, p := range r.Places {
		b.WriteString(strings.Join(p.Locations, " or ") + " of " + strings.Join(append(p.Distributions, p.Buckets...), ", ") + "\n")
	}
	b.WriteString("\nnotes:\n")
	for _, n := range r.Notes {
		b.WriteString(n + "\n")
	}
	const golden = "testdata/transcript.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(b.String(), "\n")); d != "" {
		t.Error(d)
	}
	if !slices.Equal(r.Unknown, []string{"E5GONE"}) {
		t.Errorf("unknown %q", r.Unknown)
	}
	if !slices.Equal(r.Buckets, []string{"docs", "media", "nowhere", "quiet", "site"}) {
		t.Errorf("buckets %q", r.Buckets)
	}
}

// TestRefusals takes each answer away in turn: what depends on it names the
// permission, or the bucket to tell; everything else is found as before.
func TestRefusals(t *testing.T) {
	all := site().find(t, "E1SHOP", "E2DOCS")
	f := func(file, permission string, lost int, still ...string) {
		t.Helper()
		s := site()
		s.refuse(file)
		r := s.find(t, "E1SHOP", "E2DOCS")
		said := slices.ContainsFunc(r.Notes, func(n string) bool {
			return strings.Contains(n, permission) && (strings.Contains(n, "why403 scan s3://BUCKET/PREFIX --distribution ") || permission == "")
		})
		if lost > 0 && !said {
			t.Errorf("without %s: %q does not name it and ask for the bucket", permission, r.Notes)
		}
		if len(all.Places)-len(r.Places) != lost {
			t.Errorf("without %s: %d places, had %d", permission, len(r.Places), len(all.Places))
		}
		for _, l := range still {
			if !slices.ContainsFunc(r.Places, func(p Place) bool { return slices.Contains(p.Locations, l) }) {
				t.Errorf("without %s: %s is not found", permission, l)
			}
		}
	}
	const (
		shop  = "s3://cf-logs/shop/E1SHOP."
		docs  = "s3://v2-logs/AWSLogs/aws-account-id=111122223333/CloudFront/DistributionId=E2DOCS/"
		pages = "s3://access-logs/s3/111122223333/eu-central-1/site/"
		media = "s3://access-logs/media-20"
	)
	// Deliveries are matched by the id in their resource: those of E2DOCS need no
	// settings. Its bucket does.
	f("distributions/E2DOCS/distribution.json", "cloudfront:GetDistribution", 1, shop, docs, pages, media)
	f("distributions/E1SHOP/distribution.json", "cloudfront:GetDistribution", 3, docs, "s3://vended-logs/docs/")
	f("deliveries/us-east-1/sources.json", "logs:DescribeDeliverySources", 1, shop, pages, media)
	f("deliveries/us-east-1/deliveries.json", "logs:DescribeDeliveries", 1, shop, pages, media)
	f("deliveries/us-east-1/destinations.json", "logs:DescribeDeliveryDestinations", 1, shop, pages, media)
	f("buckets/site/logging.json", "s3:GetBucketLogging", 1, shop, docs, media)
	f("buckets/docs/logging.json", "", 0, "s3://vended-logs/docs/")
	f("caller-identity.json", "", 0, shop, docs) // the distribution's ARN tells the account

	s := site()
	s.refuse("buckets/docs/logging.json")
	s.refuse("deliveries/eu-west-1/sources.json")
	if r := s.find(t, "E2DOCS"); !strings.Contains(strings.Join(r.Notes, "\n"), "bucket docs: its logging can't be read: no permission for s3:GetBucketLogging; name where it goes") {
		t.Errorf("%q", r.Notes)
	}
	s = site()
	s.refuse("deliveries/eu-west-1/sources.json")
	if r := s.find(t, "E2DOCS"); !strings.Contains(strings.Join(r.Notes, "\n"), "(a vended one can't be seen: no permission for logs:DescribeDeliverySources)") {
		t.Errorf("%q", r.Notes)
	}
}

// TestWithoutSettings finds a delivery when the distribution itself can't be
// read, and says that the rest is not known.
func TestWithoutSettings(t *testing.T) {
	s := snapshot{}
	s.caller()
	s.refuse("distributions/E9/distribution.json")
	s.deliveries("us-east-1")
	r := s.find(t, "E9")
	want := []string{
		"distribution E9",
		"  its settings can't be read: no permission for cloudfront:GetDistribution; legacy logging and origins are not known",
		"    name its logs: why403 scan s3://BUCKET/PREFIX --distribution E9",
		"  no delivery of standard logs v2",
		"    if legacy logging is on, name where it goes: why403 scan s3://BUCKET/PREFIX --distribution E9",
	}
	if d := cmp.Diff(want, r.Lines); d != "" || len(r.Places) > 0 || r.Hint == "" {
		t.Errorf("%s\nhint %q", d, r.Hint)
	}
}

// TestChosenFields says which fields a delivery must choose, and how.
func TestChosenFields(t *testing.T) {
	s := snapshot{}
	s.caller()
	s.distribution("E1", nil, "api.example.com")
	s.deliveries("us-east-1", vended{arnOf("E1"), "ACCESS_LOGS", object{"recordFields": []string{"sc-status", "cs(Host)"}}, to("arn:aws:s3:::logs/p", "json")})
	r := s.find(t, "E1")
	if len(r.Places) != 0 || len(r.Notes) != 1 {
		t.Fatalf("%q", r.Notes)
	}
	want := "distribution E1: the standard log v2 at s3://logs/p/E1. can't be used without cs-uri-stem, time; choose them: aws logs update-delivery-configuration --region us-east-1 --id id-a" +
		" --record-fields sc-status 'cs(Host)' cs-uri-stem date time cs-method x-edge-result-type x-edge-detailed-result-type x-edge-request-id x-host-header cs-uri-query sc-content-type time-taken"
	if r.Notes[0] != want {
		t.Errorf("got  %s\nwant %s", r.Notes[0], want)
	}
}

// TestShared joins what lies in one place: two distributions in a folder of
// dates, two buckets with one prefix.
func TestShared(t *testing.T) {
	s := snapshot{}
	s.caller()
	by := object{"s3DeliveryConfiguration": object{"suffixPath": "{yyyy}/{DistributionId}"}}
	for _, id := range []string{"E1ABCDEFGHIJK", "E2ABCDEFGHIJK"} {
		s.distribution(id, nil, "a.s3.amazonaws.com", "b.s3.amazonaws.com")
	}
	s.bucket("a", "us-east-1", classic("logs", "s3/", ""))
	s.bucket("b", "us-east-1", classic("logs", "s3/", ""))
	s.deliveries("us-east-1",
		vended{arnOf("E1ABCDEFGHIJK"), "ACCESS_LOGS", by, to("arn:aws:s3:::logs/cf", "w3c")},
		vended{arnOf("E2ABCDEFGHIJK"), "ACCESS_LOGS", by, to("arn:aws:s3:::logs/cf", "w3c")})
	r := s.find(t, "E1ABCDEFGHIJK", "E2ABCDEFGHIJK")
	if len(r.Places) != 2 {
		t.Fatalf("%+v", r.Places)
	}
	if p := r.Places[0]; !slices.Equal(p.Distributions, []string{"E1ABCDEFGHIJK", "E2ABCDEFGHIJK"}) || !slices.Equal(p.Locations, []string{"s3://logs/cf/"}) {
		t.Errorf("%+v", p)
	}
	if p := r.Places[1]; !slices.Equal(p.Buckets, []string{"a", "b"}) || !slices.Equal(p.Locations, []string{"s3://logs/s3/20"}) {
		t.Errorf("%+v", p)
	}
}

func TestAll(t *testing.T) {
	f := func(s snapshot, want []string, wantErr string) {
		t.Helper()
		got, err := All(t.Context(), gather.New(gather.NewSnapshot(fstest.MapFS(s)), gather.Options{}))
		if !slices.Equal(got, want) || (err == nil) != (wantErr == "") || err != nil && err.Error() != wantErr {
			t.Errorf("%q %v, want %q %s", got, err, want, wantErr)
		}
	}
	f(site(), []string{"E1SHOP", "E2DOCS", "E3OFF", "E4FAR"}, "")
	f(snapshot{}, nil, "the account's distributions can't be listed: not asked (cloudfront:ListDistributions)")
	s := snapshot{}
	s.put("distributions/E1/distribution.json", object{"Error": object{"Code": "NoSuchDistribution"}})
	f(s, nil, "the account has no distribution")
}
