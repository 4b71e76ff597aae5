//go:build servers

package s3source

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"github.com/why403/why403/internal/awsx"
	"github.com/why403/why403/logs"
)

// TestVersitygw lists a day and fetches its objects from the S3 server of the
// test run (.ci/run starts it).
func TestVersitygw(t *testing.T) {
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
	bucket := fmt.Sprintf("logs-%d", time.Now().UnixNano())
	api := c.S3("us-east-1")
	if _, err := api.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	const days, perDay = 12, 150
	w := logs.Window{From: day0.AddDate(0, 0, 6), To: day0.AddDate(0, 0, 7)}
	var want []string
	var group errgroup.Group
	group.SetLimit(8)
	for n := range days * perDay {
		name := []string{"flat S3", "flat CloudFront", "v2, by hour"}[n%3]
		key := layouts[name](day0.Add(24*time.Hour/perDay*time.Duration(n)), n)
		if logs.ParseName(key).Overlaps(w) {
			want = append(want, key)
		}
		group.Go(func() error {
			_, err := api.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("content of " + key)})
			return err
		})
	}
	odd := "s3/ü +%25?#.log"
	group.Go(func() error {
		_, err := api.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &odd, Body: strings.NewReader("content of " + odd)})
		return err
	})
	want = append(want, odd)
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	s, err := New(c, "s3://"+bucket+"/s3/", Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := listed(t, s, w)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%d objects listed, want %d", len(got), len(want))
	}
	for _, key := range got {
		r, err := s.Open(ctx, &logs.Object{URI: "s3://" + bucket + "/" + key, Size: int64(len("content of " + key))})
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		r.Close()
		if string(data) != "content of "+key || err != nil {
			t.Fatalf("%s: %q %v", key, data, err)
		}
	}
	t.Logf("%d objects, calls %v", len(got), c.Calls())
}
