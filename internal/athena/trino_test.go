//go:build trino

package athena

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/why403/why403/correlate"
	"github.com/why403/why403/logs"
)

// A rig is the real clients with their doubles: Athena's and Glue's protocol in
// front of a real Trino, and a real S3 server. testdata/trino.sh starts them.
type rig struct {
	athena *athena.Client
	glue   *glue.Client
	s3     *s3.Client
	shim   *athenaShim
	trino  string
}

func newRig(t testing.TB) *rig {
	t.Helper()
	trino, addr, store := os.Getenv("WHY403_TEST_TRINO"), os.Getenv("WHY403_TEST_TRINO_GLUE"), os.Getenv("WHY403_TEST_S3")
	if trino == "" || addr == "" || store == "" {
		t.Fatal("WHY403_TEST_TRINO, WHY403_TEST_TRINO_GLUE and WHY403_TEST_S3 are not set: see testdata/trino.sh")
	}
	shim, url := newAthena(t, trino)
	catalog := newGlue().listen(t, addr)
	creds := credentials.NewStaticCredentialsProvider("test", "test", "")
	return &rig{
		athena: athena.New(athena.Options{Region: "us-east-1", BaseEndpoint: &url, Credentials: creds}),
		glue:   glue.New(glue.Options{Region: "us-east-1", BaseEndpoint: &catalog, Credentials: creds}),
		s3: s3.New(s3.Options{Region: "us-east-1", BaseEndpoint: &store, UsePathStyle: true,
			Credentials:                credentials.NewStaticCredentialsProvider(os.Getenv("WHY403_TEST_S3_KEY"), os.Getenv("WHY403_TEST_S3_SECRET"), ""),
			RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired}),
		shim: shim, trino: trino,
	}
}

// bucket makes a bucket of the test's own.
func (r *rig) bucket(t testing.TB, name string) string {
	t.Helper()
	if _, err := r.s3.CreateBucket(context.Background(), &s3.CreateBucketInput{Bucket: &name}); err != nil && !strings.Contains(err.Error(), "BucketAlreadyOwnedByYou") {
		t.Fatal(err)
	}
	return name
}

func (r *rig) put(t testing.TB, bucket, key string, data []byte) {
	t.Helper()
	if _, err := r.s3.PutObject(context.Background(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(data)}); err != nil {
		t.Fatal(err)
	}
}

// upload puts a directory into a bucket.
func (r *rig) upload(t testing.TB, dir, bucket, prefix string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		r.put(t, bucket, prefix+filepath.ToSlash(rel), data)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTrinoNodes(t *testing.T) {
	rows := query(t, newRig(t), "system", "SELECT node_id, node_version, coordinator FROM system.runtime.nodes WHERE state = 'active' ORDER BY 3 DESC")
	for _, r := range rows {
		t.Log(strings.Join(r, " "))
	}
	if len(rows) != 2 {
		t.Fatalf("%d nodes, want a coordinator and a worker", len(rows))
	}
}

func query(t testing.TB, r *rig, database, sql string) [][]string {
	t.Helper()
	var rows [][]string
	e := &engine{api: r.athena, o: Options{Database: database, Log: discard}, sleep: sleep}
	err := e.run(context.Background(), "test", sql, func(c []string) error {
		rows = append(rows, append([]string(nil), c...))
		return nil
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
	return rows
}

// both scans the same logs by both engines.
func both(t testing.TB, r *rig, dir string, settings correlate.Settings, all []Logs, o Options) (local, remote outcome) {
	t.Helper()
	ctx := context.Background()
	made, err := Setup(ctx, r.glue, o.Database, all)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("made %s", strings.Join(made, ", "))

	src, err := logs.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	c := correlate.New(settings, correlate.Options{})
	if local.inputs, err = logs.Scan(ctx, []logs.Source{src}, logs.Options{Filter: logs.Filter{Masked: o.Masked, Window: o.Window}}, c.Handler); err != nil {
		t.Fatal(err)
	}
	if local.result, err = c.Result(ctx); err != nil {
		t.Fatal(err)
	}

	c = correlate.New(settings, correlate.Options{})
	got, err := Scan(ctx, r.athena, all, o, c.Handler)
	if err != nil {
		t.Fatal(err)
	}
	remote.inputs, remote.scan = got.Inputs, got
	if remote.result, err = c.Result(ctx); err != nil {
		t.Fatal(err)
	}
	for _, s := range got.Approximate {
		t.Logf("approximate: %s", s)
	}
	t.Logf("%d queries scanned %d bytes, about %.6f USD", got.Usage.Queries, got.Usage.ScannedBytes, got.Usage.Cost())
	return local, remote
}

type outcome struct {
	inputs *logs.Inputs
	result *correlate.Result
	scan   *Result
}

func TestTrinoSite(t *testing.T) {
	r := newRig(t)
	const dir = "../../samples/site/logs"
	bucket := r.bucket(t, "why403-site-logs")
	r.upload(t, dir, bucket, "")
	settings, masked := sampleSettings(t)
	local, remote := both(t, r, dir, settings, siteLogs(bucket), Options{Database: "site", Masked: masked})
	compare(t, local, remote, bucket, dir)
}

var _ = http.StatusOK
