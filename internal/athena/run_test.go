//go:build trino

package athena_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/why403/why403/internal/athena"
	"github.com/why403/why403/internal/cli"
)

// TestTrinoRun runs the command line on the sample site, by both engines: the
// reports are the same but for line numbers and what the report itself calls
// approximate.
func TestTrinoRun(t *testing.T) {
	rig := athena.NewRig(t)
	bucket := rig.Site(t)
	athenaURL, glueURL := rig.Endpoints()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_ATHENA": athenaURL, "AWS_ENDPOINT_URL_GLUE": glueURL, "AWS_ENDPOINT_URL_S3": os.Getenv("WHY403_TEST_S3"),
		"AWS_ACCESS_KEY_ID": os.Getenv("WHY403_TEST_S3_KEY"), "AWS_SECRET_ACCESS_KEY": os.Getenv("WHY403_TEST_S3_SECRET"), "AWS_REGION": "us-east-1",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": filepath.Join(t.TempDir(), "none"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(t.TempDir(), "none"),
	} {
		t.Setenv(name, value)
	}
	why403 := func(want int, args ...string) (out, errs string) {
		t.Helper()
		var o, e strings.Builder
		if code := cli.Main(t.Context(), args, strings.NewReader(""), &o, &e); code != want {
			t.Fatalf("why403 %s: exit status %d\n%s%s", strings.Join(args, " "), code, o.String(), e.String())
		}
		t.Logf("why403 %s\n%s", strings.Join(args, " "), e.String())
		return o.String(), e.String()
	}
	// Each folder takes two queries: a few of them, flat and dated.
	locations := []string{"s3://" + bucket + "/cloudfront/"}
	for _, folder := range []string{"minamo-app", "minamo-careers-site", "minamo-catalog", "111122223333"} {
		locations = append(locations, "s3://"+bucket+"/s3/"+folder+"/")
	}
	run := func(more ...string) []string {
		return append(append([]string{"scan", "--snapshot", "../../samples/site/snapshot", "--output", "json"}, more...), locations...)
	}
	byAthena := []string{"--engine", "athena", "--athena-database", "runs"}

	_, errs := why403(cli.ExitNothingRead, run(byAthena...)...)
	if !strings.Contains(errs, "why403: hint: why403 athena setup makes the tables\n") {
		t.Errorf("without tables: %s", errs)
	}
	made, _ := why403(cli.ExitOK, append([]string{"athena", "setup", "--athena-database", "runs"}, locations...)...)
	t.Log(made)
	if again, _ := why403(cli.ExitOK, append([]string{"athena", "setup", "--athena-database", "runs"}, locations...)...); again != "all tables are there\n" {
		t.Errorf("the second setup: %s", again)
	}

	// Incomplete: the snapshot lacks what the other folders would have told.
	local, _ := why403(cli.ExitIncomplete, run()...)
	remote, _ := why403(cli.ExitIncomplete, run(byAthena...)...)
	l, r := reportOf(t, local), reportOf(t, remote)
	if got := r["run"].(map[string]any)["engine"]; got != "athena" {
		t.Errorf("engine %v", got)
	}
	notes, _ := json.Marshal(r["notes"])
	for _, want := range []string{"approximate by Athena: line numbers: Athena does not know them", "Athena ran ", " bytes; billed as ", " USD (estimate, at 5 USD a TB)"} {
		if !bytes.Contains(notes, []byte(want)) {
			t.Errorf("the notes do not say %q: %s", want, notes)
		}
	}
	t.Logf("notes: %s", notes)
	calls := r["api_calls"].(map[string]any)
	for _, name := range []string{"athena:StartQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults"} {
		if calls[name] == nil {
			t.Errorf("%s is not counted: %v", name, calls)
		}
	}
	for _, m := range []map[string]any{l, r} {
		delete(m, "run")
		delete(m, "api_calls")
		delete(m, "notes")
		delete(m["inputs"].(map[string]any), "bytes")
	}
	if n := len(l["failing_keys"].([]any)); n < 10 {
		t.Fatalf("%d failing keys", n)
	}
	if bytes.Contains([]byte(remote), []byte(`:0"`)) {
		t.Error("a line reference says line 0")
	}
	if d := cmp.Diff(normal(l, ""), normal(r, "")); d != "" {
		t.Errorf("the reports differ (-local +athena):\n%s", d)
	}

	_, errs = why403(cli.ExitNothingRead, run(append(byAthena, "--max-scan-bytes", "100")...)...)
	t.Log(errs)
}

func reportOf(t *testing.T, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

var lineNumber = regexp.MustCompile(`:[0-9]+$`)

// normal takes away what is approximate: line numbers, and the seconds of when a
// key was served.
func normal(v any, name string) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			if k == "line" {
				continue
			}
			out[k] = normal(x, k)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = normal(x, name)
		}
		return out
	case string:
		if name == "ref" {
			return lineNumber.ReplaceAllString(v, "")
		}
		if t, err := time.Parse(time.RFC3339, v); err == nil && (name == "ok_before" || name == "ok_after" || name == "last_ok") {
			return t.Truncate(time.Hour).Format(time.RFC3339)
		}
	}
	return v
}
