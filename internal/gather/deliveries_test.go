package gather

import (
	"context"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/why403/why403/checks/facts"
)

func TestDeliveries(t *testing.T) {
	m := fstest.MapFS{
		"deliveries/us-east-1/sources.json": {Data: []byte(`{"deliverySources":[{"name":"cf","arn":"a","resourceArns":["arn:aws:cloudfront::111122223333:distribution/E1"],"service":"cloudfront","logType":"ACCESS_LOGS"},
			{"name":"s3","resourceArns":["arn:aws:s3:::site-a"],"service":"s3","logType":"S3_SERVER_ACCESS_LOGS"}]}`)},
		"deliveries/us-east-1/deliveries.json": {Data: []byte(`{"deliveries":[{"id":"1","deliverySourceName":"cf","deliveryDestinationArn":"d1","deliveryDestinationType":"S3","recordFields":["date","time"],"fieldDelimiter":"\t","s3DeliveryConfiguration":{"suffixPath":"{DistributionId}/{yyyy}/{MM}/{dd}/{HH}","enableHiveCompatiblePath":false}},
			{"id":"2","deliverySourceName":"s3","deliveryDestinationArn":"elsewhere","deliveryDestinationType":"S3"}]}`)},
		"deliveries/us-east-1/destinations.json": {Data: []byte(`{"deliveryDestinations":[{"name":"d","arn":"d1","outputFormat":"w3c","deliveryDestinationType":"S3","deliveryDestinationConfiguration":{"destinationResourceArn":"arn:aws:s3:::logs"}}]}`)},
		"deliveries/eu-west-1/sources.json":      {Data: []byte(`{"Error":{"Code":"AccessDeniedException","Message":"no"}}`)},
		"deliveries/eu-west-2/sources.json":      {Data: []byte(`{"deliverySources":[]}`)},
		"deliveries/eu-west-3/sources.json":      {Data: []byte(`{"deliverySources":[{"name":"cf"}]}`)},
	}
	g := New(NewSnapshot(m), Options{})
	got := g.Deliveries(context.Background(), "us-east-1")
	want := []Delivery{
		{ID: "1", Resource: "arn:aws:cloudfront::111122223333:distribution/E1", LogType: "ACCESS_LOGS", Type: "S3", Destination: "arn:aws:s3:::logs", Target: "d1", Format: "w3c", Fields: []string{"date", "time"}, Delimiter: "\t", SuffixPath: "{DistributionId}/{yyyy}/{MM}/{dd}/{HH}"},
		{ID: "2", Resource: "arn:aws:s3:::site-a", LogType: "S3_SERVER_ACCESS_LOGS", Type: "S3", Target: "elsewhere"},
	}
	if d := cmp.Diff(want, got.Value); d != "" || !got.Known() {
		t.Error(got.State, d)
	}
	for region, state := range map[string]facts.State{"eu-west-1": facts.Refused, "eu-west-2": facts.Known, "eu-west-3": facts.NotGathered, "eu-west-4": facts.NotGathered} {
		if f := g.Deliveries(context.Background(), region); f.State != state || len(f.Value) != 0 {
			t.Errorf("%s: %+v", region, f)
		}
	}
	if f := g.Deliveries(context.Background(), "eu-west-3"); f.Missing() != "logs:DescribeDeliveries" {
		t.Errorf("missing %q", f.Missing())
	}
}
