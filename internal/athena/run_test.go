//go:build trino

package athena_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/why403/why403/internal/athena"
	"github.com/why403/why403/internal/cli"
)

// A desk is the command line in front of the doubles.
type desk struct {
	*testing.T
	rig athena.Rig
}

func newDesk(t *testing.T) desk {
	rig := athena.NewRig(t)
	athenaURL, glueURL := rig.Endpoints()
	none := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_ATHENA": athenaURL, "AWS_ENDPOINT_URL_GLUE": glueURL, "AWS_ENDPOINT_URL_S3": os.Getenv("WHY403_TEST_S3"),
		"AWS_ACCESS_KEY_ID": os.Getenv("WHY403_TEST_S3_KEY"), "AWS_SECRET_ACCESS_KEY": os.Getenv("WHY403_TEST_S3_SECRET"), "AWS_REGION": "us-east-1",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none, "COLUMNS": "100",
	} {
		t.Setenv(name, value)
	}
	return desk{t, rig}
}

func (d desk) why403(want int, args ...string) (out, errs string) {
	d.Helper()
	var o, e strings.Builder
	if code := cli.Main(d.Context(), args, strings.NewReader(""), &o, &e); code != want {
		d.Fatalf("why403 %s: exit status %d\n%.2000s%s", strings.Join(args, " "), code, o.String(), e.String())
	}
	d.Logf("why403 %s\n%s", strings.Join(args, " "), e.String())
	return o.String(), e.String()
}

const snapshot = "../../samples/site/snapshot"

// same scans by both engines, and demands one report, as text and as JSON, but
// for line numbers and what the report itself calls approximate. It returns the
// report of the run by Athena and what that wrote to standard error.
func (d desk) same(bucket, database string, queries int, more ...string) (remote, errs string) {
	d.Helper()
	run := func(engine string) (text, report, errs string) {
		file := filepath.Join(d.TempDir(), engine+".json")
		args := []string{"scan", "--snapshot", snapshot, "--out", file, "--engine", engine}
		if engine == "athena" {
			args = append(args, "--athena-database", database)
		}
		text, errs = d.why403(cli.ExitOK, append(append(args, more...), "s3://"+bucket+"/")...)
		data, err := os.ReadFile(file)
		if err != nil {
			d.Fatal(err)
		}
		return text, string(data), errs
	}
	localText, local, _ := run("local")
	remoteText, remote, errs := run("athena")
	l, r := reportOf(d.T, local), reportOf(d.T, remote)
	if got := r["run"].(map[string]any)["engine"]; got != "athena" {
		d.Errorf("engine %v", got)
	}
	notes, _ := json.Marshal(r["notes"])
	for _, want := range []string{"approximate by Athena: line numbers: Athena does not know them", fmt.Sprintf("Athena ran %d queries, which scanned ", queries), " bytes; billed as ", " USD (estimate, at 5 USD a TB)"} {
		if !bytes.Contains(notes, []byte(want)) {
			d.Errorf("the notes do not say %q: %s", want, notes)
		}
	}
	d.Logf("notes: %s", notes)
	calls := r["api_calls"].(map[string]any)
	for _, name := range []string{"athena:GetWorkGroup", "glue:GetTable", "athena:StartQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults"} {
		if calls[name] == nil {
			d.Errorf("%s is not counted: %v", name, calls)
		}
	}
	for _, m := range []map[string]any{l, r} {
		delete(m, "run")
		delete(m, "api_calls")
		delete(m, "notes")
		delete(m["inputs"].(map[string]any), "bytes")
	}
	n := len(l["failing_keys"].([]any))
	if n < 10 {
		d.Fatalf("%d failing keys", n)
	}
	if bytes.Contains([]byte(remote), []byte(`:0"`)) {
		d.Error("a line reference says line 0")
	}
	if diff := cmp.Diff(normal(l, ""), normal(r, "")); diff != "" {
		d.Errorf("the reports differ (-local +athena):\n%s", diff)
	}
	inputs, _ := json.Marshal(r["inputs"].(map[string]any)["by_format"])
	d.Logf("%d failing keys in both reports; %s", n, inputs)

	if diff := cmp.Diff(textual(localText), textual(remoteText)); diff != "" {
		d.Errorf("the texts differ (-local +athena):\n%s", diff)
	}
	return remote, errs
}

// TestTrinoRun runs the command line on the sample site.
func TestTrinoRun(t *testing.T) {
	d := newDesk(t)
	bucket := d.rig.Site(t)
	setup := []string{"athena", "setup", "--athena-database", "runs", "s3://" + bucket + "/"}
	scan := []string{"scan", "--snapshot", snapshot, "--engine", "athena", "--athena-database", "runs", "s3://" + bucket + "/"}

	_, errs := d.why403(cli.ExitNothingRead, scan...)
	if want := "why403: error: athena: there is no database runs\nwhy403: hint: why403 athena setup makes the tables\n"; errs != want {
		t.Errorf("without tables: %s", errs)
	}
	made, _ := d.why403(cli.ExitOK, setup...)
	t.Log(made)
	if again, _ := d.why403(cli.ExitOK, setup...); again != "all tables are there\n" {
		t.Errorf("the second setup: %s", again)
	}
	// 15 places, of two formats: two queries for lines, two for successes.
	_, errs = d.same(bucket, "runs", 4)
	if want := "why403: athena: 2 queries of 15 places of logs, each scanned once, and once more where something was refused; "; !strings.HasPrefix(errs, want) {
		t.Errorf("before the queries it says %s", errs)
	}
	// Of a window, no more is scanned than what was listed.
	known := regexp.MustCompile(`([0-9]+) bytes are known`)
	scanned := regexp.MustCompile(`which scanned ([0-9]+) bytes`)
	all := known.FindStringSubmatch(errs)
	window := []string{"--since", "2026-11-20T06:00:00Z", "--until", "2026-11-20T12:00:00Z"}
	out, errs := d.same(bucket, "runs", 4, window...)
	some, read := known.FindStringSubmatch(errs), scanned.FindStringSubmatch(out)
	if all == nil || some == nil || read == nil {
		t.Fatal(all, some, read)
	}
	number := func(s string) int { n, _ := strconv.Atoi(s); return n }
	if number(some[1]) >= number(all[1]) || number(read[1]) != 2*number(some[1]) {
		t.Errorf("%s of %s bytes lie in the window, two rounds of queries scanned %s", some[1], all[1], read[1])
	}

	_, errs = d.why403(cli.ExitNothingRead, append(scan, "--max-scan-bytes", "100")...)
	if want := "why403: error: athena: the logs hold " + all[1] + " bytes, more than the limit of 100: nothing was scanned\nwhy403: hint: narrow --since and --until, or raise --max-scan-bytes\n"; errs != want {
		t.Errorf("over the limit: %s", errs)
	}
}

// TestTrinoRunOtherwiseDelivered runs it on the same site with its logs as v2
// (w3c, JSON, Parquet) and as vended logs of S3.
func TestTrinoRunOtherwiseDelivered(t *testing.T) {
	d := newDesk(t)
	bucket := d.rig.OtherwiseDelivered(t)
	made, _ := d.why403(cli.ExitOK, "athena", "setup", "--athena-database", "otherwise", "s3://"+bucket+"/")
	t.Log(made)
	report, _ := d.same(bucket, "otherwise", 12)
	for _, format := range []string{"cloudfront-json", "cloudfront-parquet", "cloudfront-w3c", "s3-access", "s3-json", "s3-parquet"} {
		if !strings.Contains(report, `"`+format+`": {`) && !strings.Contains(report, `"`+format+`":{`) {
			t.Errorf("nothing was read as %s", format)
		}
	}
}

// textual takes away from a report as text what is approximate, and what the
// engines ask for.
func textual(s string) []string {
	return strings.Split(lineRef.ReplaceAllString(asked.ReplaceAllString(s, ""), "$1"), "\n")
}

var (
	lineRef = regexp.MustCompile(`(\.gz|\.parquet|-[0-9A-F]{16}):[0-9]+`)
	asked   = regexp.MustCompile(`(?m)^  - (?:approximate by Athena: |Athena ran |[0-9]+ AWS calls: ).*\n(?:    .*\n)*`)
)

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
