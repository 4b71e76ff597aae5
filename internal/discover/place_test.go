package discover

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/correlate"
	"github.com/why403/why403/internal/gather"
	"github.com/why403/why403/logs"
)

// TestDeliveryPlace has the rows of the CloudFront guide's table, and what users
// have seen besides.
func TestDeliveryPlace(t *testing.T) {
	f := func(destination, suffix string, hive bool, want ...string) {
		t.Helper()
		d := gather.Delivery{LogType: "ACCESS_LOGS", Type: "S3", Destination: destination, SuffixPath: suffix, Hive: hive}
		p, ok := deliveryPlace(&d, "E1", "111122223333")
		if !slices.Equal(p.Locations, want) || ok != (want != nil) {
			t.Errorf("%s %s %v: %v, want %v", destination, suffix, hive, p.Locations, want)
		}
	}
	f("arn:aws:s3:::logs/MyLogPrefix", "", false, "s3://logs/MyLogPrefix/E1.")
	f("arn:aws:s3:::logs/MyLogPrefix/", "/f/", false, "s3://logs/MyLogPrefix/f/E1.")
	f("arn:aws:s3:::logs/MyLogPrefix", "myFolderA/{yyyy}", true, "s3://logs/MyLogPrefix/myFolderA/")
	f("arn:aws:s3:::logs", "", false, "s3://logs/AWSLogs/111122223333/CloudFront/E1.")
	f("arn:aws:s3:::logs", "", true, "s3://logs/AWSLogs/aws-account-id=111122223333/CloudFront/E1.")
	f("arn:aws:s3:::logs", "myFolderA/{yyyy}", true, "s3://logs/AWSLogs/aws-account-id=111122223333/CloudFront/myFolderA/", "s3://logs/myFolderA/")
	f("arn:aws:s3:::logs", "myFolderA/{accountid}", true, "s3://logs/AWSLogs/aws-account-id=111122223333/CloudFront/myFolderA/accountid=111122223333/E1.", "s3://logs/myFolderA/accountid=111122223333/E1.")
	f("arn:aws:s3:::logs", "/{DistributionId}/{yyyy}/{MM}/{dd}/{HH}", false, "s3://logs/AWSLogs/111122223333/CloudFront/E1/", "s3://logs/E1/")
	f("arn:aws:s3:::logs", "AWSLogs/{account-id}/CloudFront/{DistributionId}/{yyyy}", false, "s3://logs/AWSLogs/111122223333/CloudFront/E1/")
	f("arn:aws:s3:::logs", "AWSLogs/{account-id}/CloudFront/{distributionid}/{yyyy}", true, "s3://logs/AWSLogs/aws-account-id=111122223333/CloudFront/distributionid=E1/")
	f("arn:aws:s3:::logs/p", "dt={yyyy}-{MM}-{dd}/{DistributionId}", false, "s3://logs/p/dt=")
	f("arn:aws:logs:us-east-1:111122223333:log-group:x", "", false)
	f("", "", false)
}

func TestDeliveryLayout(t *testing.T) {
	d := gather.Delivery{LogType: "ACCESS_LOGS", Type: "S3", Destination: "arn:aws:s3:::logs/p", Format: "plain", Fields: []string{"date", "time"}, Delimiter: `\t`}
	p, _ := deliveryPlace(&d, "E1", "1")
	if diff := cmp.Diff(logs.Layout{Format: "cloudfront-plain", Fields: []string{"date", "time"}, Delimiter: "\t"}, p.Layout); diff != "" {
		t.Error(diff)
	}
	d.Format = "w3c"
	if p, _ = deliveryPlace(&d, "E1", "1"); p.Layout.Format != "" {
		t.Errorf("a log with a header is taken for %s", p.Layout.Format)
	}
}

func TestAccessPlace(t *testing.T) {
	f := func(l facts.Logging, account, region, want string) {
		t.Helper()
		if got := accessPlace("site", account, region, l).Locations; !slices.Equal(got, []string{want}) {
			t.Errorf("%+v: %v, want %s", l, got, want)
		}
	}
	f(facts.Logging{TargetBucket: "logs"}, "1", "eu-central-1", "s3://logs/20")
	f(facts.Logging{TargetBucket: "logs", TargetPrefix: "s3/site-"}, "1", "eu-central-1", "s3://logs/s3/site-20")
	f(facts.Logging{TargetBucket: "logs", TargetPrefix: "s3/", Partitioned: "EventTime"}, "1", "eu-central-1", "s3://logs/s3/1/eu-central-1/site/")
	f(facts.Logging{TargetBucket: "logs", TargetPrefix: "s3/", Partitioned: "EventTime"}, "1", "", "s3://logs/s3/")
}

func TestLegacyPlace(t *testing.T) {
	f := func(prefix string, want ...string) {
		t.Helper()
		d := &correlate.Distribution{ID: "E1", LogBucket: "logs", LogPrefix: prefix}
		if got := legacyPlace(d).Locations; !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", prefix, got, want)
		}
	}
	f("", "s3://logs/E1.")
	f("cf/", "s3://logs/cf/E1.")
	f("cf", "s3://logs/cf/E1.", "s3://logs/cfE1.")
}

func TestHolds(t *testing.T) {
	simple := accessPlace("site", "1", "r", facts.Logging{TargetBucket: "logs", TargetPrefix: "p-"})
	partitioned := accessPlace("site", "", "", facts.Logging{TargetBucket: "logs", Partitioned: "EventTime"})
	edge := Place{Distributions: []string{"E2ABCDEFGHIJ3K"}}
	vended, _ := deliveryPlace(&gather.Delivery{LogType: accessLogsOfS3, Type: "S3", Destination: "arn:aws:s3:::logs"}, "Site", "1")
	f := func(p Place, uri string, want bool) {
		t.Helper()
		if got := p.Holds(uri); got != want {
			t.Errorf("%v holds %s: %v", p.Locations, uri, got)
		}
	}
	f(simple, "s3://logs/p-2026-11-20-07-00-00-0123456789ABCDEF", true)
	f(simple, "s3://logs/p-2026/x/2026-11-20-07-00-00-0123456789ABCDEF", false)
	f(partitioned, "s3://logs/1/r/site/2026/11/20/2026-11-20-00-00-00-0123456789ABCDEF", true)
	f(partitioned, "s3://logs/1/r/other/2026/11/20/2026-11-20-00-00-00-0123456789ABCDEF", false)
	f(edge, "s3://logs/2026/11/20/E2ABCDEFGHIJ3K.2026-11-20-07.abcdef01.gz", true)
	f(edge, "s3://logs/2026/11/20/E2ABCDEFGHIJ3L.2026-11-20-07.abcdef01.gz", false)
	f(edge, "s3://logs/2026/11/20/part-0001.parquet", true)
	f(vended, "s3://logs/AWSLogs/1/S3/x.gz", true)
	f(vended, "s3://logs/AWSLogs/1/CloudTrail/x.gz", false)
}
