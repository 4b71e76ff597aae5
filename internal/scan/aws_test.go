package scan

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/why403/why403/internal/awsoverlay"
	"github.com/why403/why403/internal/awsx"
	"github.com/why403/why403/internal/gather"
	"github.com/why403/why403/internal/report"
)

const (
	sampleLogs     = "../../samples/site/logs"
	sampleSnapshot = "../../samples/site/snapshot"
)

// sampleAWS returns AWS as the sample's snapshot describes it, and how to reach
// it. The logs lie in the bucket "logs".
func sampleAWS(t *testing.T, deny ...string) (*awsoverlay.Server, awsx.Config) {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "example-secret")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	s := &awsoverlay.Server{Answers: gather.NewSnapshot(os.DirFS(sampleSnapshot)), Deny: deny,
		Buckets: map[string]*awsoverlay.Store{"logs": {}}}
	err := fs.WalkDir(os.DirFS(sampleLogs), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(sampleLogs, path))
		s.Buckets["logs"].Put(path, data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(s.Close)
	return s, awsx.Config{Region: "us-east-1", Rate: 1e6, Dial: s.Dial}
}

// render returns a report as JSON without its clock times and call counts.
func render(t *testing.T, rep *report.Report) map[string]any {
	t.Helper()
	var buf bytes.Buffer
	if err := report.Render(&buf, "json", rep, report.Options{}); err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(buf.Bytes(), &m); err != nil {
		t.Fatal(err)
	}
	delete(m, "run")
	delete(m, "api_calls")
	return m
}

// TestRecordAndReplay reads the sample's logs from S3 and its settings from AWS
// (the double that serves the snapshot), records what was answered, and expects
// the same report from the recording.
func TestRecordAndReplay(t *testing.T) {
	_, aws := sampleAWS(t)
	dir := filepath.Join(t.TempDir(), "facts")
	live, err := Run(t.Context(), Options{Locations: []string{"s3://logs/"}, Record: dir, MaxKeys: 200, AWS: aws})
	if err != nil {
		t.Fatal(err)
	}
	if live.APICalls["s3:GetBucketPolicy"] == 0 {
		t.Errorf("no call of s3:GetBucketPolicy counted: %v", live.APICalls)
	}
	replay, err := Run(t.Context(), Options{Locations: []string{"s3://logs/"}, Snapshot: dir, MaxKeys: 200, AWS: aws})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(render(t, live), render(t, replay)); d != "" {
		t.Errorf("the replay's report differs (-live +replay):\n%s", d)
	}
	// No secret of the sample is in the recording.
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte("SAMPLE-REFERER-SECRET")) || bytes.Contains(data, []byte("SAMPLE-TOKEN")) {
			t.Errorf("%s holds a secret", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestLiveVerdicts expects from AWS the verdicts of the snapshot. A key that a
// bucket's settings settle costs no object-level call: four keys are out of the
// policy's reach, which is proven, and that they are missing as well, which comes
// first where a listing tells it, is not asked.
func TestLiveVerdicts(t *testing.T) {
	_, aws := sampleAWS(t)
	live, err := Run(t.Context(), Options{Locations: []string{sampleLogs}, MaxKeys: 200, AWS: aws})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, k := range sampleTruth(t).Keys {
		want[k.Bucket+"/"+k.Key] = k.Verdict
		if k.Bucket == "minamo-docs-site" && slices.Contains([]string{"drafts/index.html", ".env", "config.json", "wp-login.php"}, k.Key) {
			want[k.Bucket+"/"+k.Key] = "policy-resource-gap"
			if !slices.Contains(k.Also, "policy-resource-gap") {
				t.Errorf("%s/%s: the policy reaches it", k.Bucket, k.Key)
			}
		}
	}
	for k := range live.FailingKeys.All() {
		if w := want[k.Bucket+"/"+k.Key]; k.Verdict != w {
			t.Errorf("%s/%q: verdict %s, want %s", k.Bucket, k.Key, k.Verdict, w)
		}
	}
	if live.FailingKeys.Len() < 50 {
		t.Errorf("%d failing keys", live.FailingKeys.Len())
	}
}

// TestWithoutOnePermission takes each permission of a run away in turn: the run
// completes, names the permission where a check needed it, and never changes a
// verdict to another cause.
func TestWithoutOnePermission(t *testing.T) {
	var permissions []string
	for _, c := range gather.Calls() {
		if c.Permission != "" && c.Scope != gather.ScopeLogs && c.Scope != gather.ScopeLogObjects && !slices.Contains(permissions, c.Permission) {
			permissions = append(permissions, c.Permission)
		}
	}
	want := map[string][]string{}
	for _, k := range sampleTruth(t).Keys {
		want[k.Bucket+"/"+k.Key] = append(k.Also, k.Verdict)
	}
	for _, p := range permissions {
		t.Run(strings.ReplaceAll(p, ":", "_"), func(t *testing.T) {
			_, aws := sampleAWS(t, p)
			rep, err := Run(t.Context(), Options{Locations: []string{sampleLogs}, MaxKeys: 200, AWS: aws})
			if err != nil {
				t.Fatal(err)
			}
			for k := range rep.FailingKeys.All() {
				w := want[k.Bucket+"/"+k.Key]
				if slices.Contains(w, k.Verdict) {
					continue
				}
				named := false
				for _, u := range k.Unknown {
					named = named || slices.ContainsFunc(u.Missing, func(m string) bool { return strings.HasPrefix(m, p) })
				}
				for _, c := range k.Causes {
					if c.ID == k.Verdict && c.Certainty == "proven" {
						t.Errorf("%s/%q: %s proven, want %v or unknown", k.Bucket, k.Key, k.Verdict, w)
					}
				}
				if !named {
					t.Errorf("%s/%q: verdict %s, want %v; %s is not named as missing", k.Bucket, k.Key, k.Verdict, w, p)
				}
			}
		})
	}
}
