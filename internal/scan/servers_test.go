//go:build servers

package scan

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/why403/why403/internal/awsx"
)

// TestInventoryInBucket finds the newest delivery of an inventory, and its data
// files, where S3 puts them.
func TestInventoryInBucket(t *testing.T) {
	at := os.Getenv("WHY403_TEST_S3")
	if at == "" {
		t.Skip("WHY403_TEST_S3 is not set")
	}
	t.Setenv("AWS_ACCESS_KEY_ID", os.Getenv("WHY403_TEST_S3_KEY"))
	t.Setenv("AWS_SECRET_ACCESS_KEY", os.Getenv("WHY403_TEST_S3_SECRET"))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	ctx := context.Background()
	c, err := awsx.Open(ctx, awsx.Config{Region: "us-east-1", EndpointURL: at})
	if err != nil {
		t.Fatal(err)
	}
	bucket := fmt.Sprintf("inventory-%d", time.Now().UnixNano())
	api := c.S3("us-east-1")
	if _, err := api.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	const manifest = `{"sourceBucket":"site","destinationBucket":"arn:aws:s3:::%s","version":"2016-11-30","creationTimestamp":"%d",
		"fileFormat":"CSV","fileSchema":"Bucket, Key","files":[{"key":"site/all/data/%s.csv","size":1}]}`
	for key, body := range map[string]string{
		"site/all/2026-11-23T01-00Z/manifest.json":      fmt.Sprintf(manifest, bucket, 1795395600000, "a"),
		"site/all/2026-11-24T01-00Z/manifest.json":      fmt.Sprintf(manifest, bucket, 1795482000000, "b"),
		"site/all/2026-11-24T01-00Z/manifest.checksum":  "0",
		"site/all/hive/dt=2026-11-24-01-00/symlink.txt": "s3://" + bucket + "/site/all/data/b.csv\n",
		"site/all/data/a.csv":                           `"site","old.html"` + "\n",
		"site/all/data/b.csv":                           `"site","new.html"` + "\n",
	} {
		if _, err := api.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(body)}); err != nil {
			t.Fatal(err)
		}
	}
	r := newRun(Options{Inventories: []string{"s3://" + bucket + "/site/all/"}})
	r.clients = c
	got, err := r.inventories(ctx)
	if err != nil || len(got) != 1 {
		t.Fatalf("%d inventories, %v", len(got), err)
	}
	if want := time.Date(2026, 11, 24, 1, 0, 0, 0, time.UTC); got[0].SourceBucket != "site" || !got[0].Created.Equal(want) {
		t.Errorf("bucket %q of %s", got[0].SourceBucket, got[0].Created)
	}
	f, err := got[0].Open(ctx, got[0].Files[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if data, err := io.ReadAll(f); err != nil || string(data) != `"site","new.html"`+"\n" {
		t.Errorf("data %q, %v", data, err)
	}
}
