package athena_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/why403/why403/internal/athena"
	"github.com/why403/why403/internal/awsoverlay"
	"github.com/why403/why403/internal/cli"
)

const (
	storyObject = "cf/E1EXAMPLE00001.2026-11-20-10.0a1b2c3d"
	storyLog    = "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end\n"
	table       = "cloudfront_logs_cf_lines"
)

var told = fmt.Sprintf("why403: athena: 1 query of 1 place of logs, each scanned once, and once more where something was refused; %d bytes are known to lie there\n", len(storyLog))

// scanned depends on whether the last poll was answered.
var scanned = regexp.MustCompile(`which scanned [0-9]+ bytes`)

// TestCommandLine tells how a run by Athena ends, in one clear sentence, and that
// nothing is left of it: no query runs on, no report is half-written.
func TestCommandLine(t *testing.T) {
	f := func(name string, tables bool, tell func(s *athena.Story, interrupt func()), code int, errs string, stopped int, args ...string) {
		t.Run(name, func(t *testing.T) {
			s, athenaURL := athena.NewStory(t)
			overlay := &awsoverlay.Server{Buckets: map[string]*awsoverlay.Store{"logs": {}}}
			overlay.Buckets["logs"].Put(storyObject, []byte(storyLog))
			t.Cleanup(overlay.Close)
			none := filepath.Join(t.TempDir(), "none")
			for name, value := range map[string]string{
				"AWS_ENDPOINT_URL_ATHENA": athenaURL, "AWS_ENDPOINT_URL_GLUE": s.Glue, "AWS_ENDPOINT_URL_S3": overlay.Start(),
				"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1",
				"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none,
			} {
				t.Setenv(name, value)
			}
			if tables {
				s.Setup(t, "s3://logs/cf/")
			}
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			tell(s, interrupt)
			out := filepath.Join(t.TempDir(), "report.json")
			var stdout, stderr strings.Builder
			args = append([]string{"scan", "--engine", "athena", "--snapshot", t.TempDir(), "--out", out}, append(args, "s3://logs/cf/")...)
			if got := cli.Main(ctx, args, strings.NewReader(""), &stdout, &stderr); got != code || scanned.ReplaceAllString(stderr.String(), "which scanned N bytes") != errs {
				t.Errorf("exit status %d, want %d\n%s want:\n%s", got, code, stderr.String(), errs)
			}
			if got := s.Stopped(); len(got) != stopped {
				t.Errorf("stopped %v, want %d", got, stopped)
			}
			data, err := os.ReadFile(out)
			if whole := strings.HasSuffix(errs, "the report covers what was read until then\n"); !whole {
				if err == nil || stdout.Len() > 0 {
					t.Errorf("a report was written: %s%.200s", stdout.String(), data)
				}
				return
			}
			var report struct {
				Run struct{ Incomplete []string }
			}
			if err := json.Unmarshal(data, &report); err != nil || len(report.Run.Incomplete) == 0 {
				t.Errorf("the report is not whole, or does not say that it covers a part: %v %v", err, report)
			}
		})
	}
	const setup = "why403: hint: why403 athena setup makes the tables\n"
	const allow = "why403: hint: allow it (why403 permissions --engine athena prints the whole policy)\n"
	const cost = "why403: Athena ran 1 query, which scanned N bytes; billed as 10485760 bytes that is about 0.0000 USD (estimate, at 5 USD a TB)\n"
	f("no database", false, func(s *athena.Story, _ func()) {}, cli.ExitNothingRead, "why403: error: athena: there is no database why403\n"+setup, 0)
	f("no workgroup", true, func(s *athena.Story, _ func()) {
		s.Refused("InvalidRequestException", "WorkGroup night is not found.")
	}, cli.ExitNothingRead, "why403: error: athena: workGroup night is not found\nwhy403: hint: aws athena list-work-groups shows those that there are; name one with --athena-workgroup\n", 0, "--athena-workgroup", "night")
	f("another table", true, func(s *athena.Story, _ func()) { s.Table(table, "row") }, cli.ExitNothingRead,
		"why403: error: the table why403."+table+" exists and is another one: its columns are row string; needed are line string\nwhy403: hint: drop that table if why403 made it for other settings, or use another --athena-database\n", 0)
	f("over the limit", true, func(s *athena.Story, _ func()) {}, cli.ExitNothingRead,
		fmt.Sprintf("why403: error: athena: the logs hold %d bytes, more than the limit of 470: nothing was scanned\nwhy403: hint: narrow --since and --until, or raise --max-scan-bytes\n", len(storyLog)), 0, "--max-scan-bytes", "470")
	f("no right to query", true, func(s *athena.Story, _ func()) {
		s.Denied("AccessDeniedException", "You are not authorized to perform: athena:StartQueryExecution on the resource.")
	}, cli.ExitNothingRead, told+"why403: error: athena: access denied: athena:StartQueryExecution is not allowed\n"+allow, 0)
	f("no right to the catalog", true, func(s *athena.Story, _ func()) {
		s.Query("FAILED", "User: arn:aws:iam::111122223333:user/u is not authorized to perform: glue:GetTable on resource: arn:aws:glue:us-east-1:111122223333:catalog")
	}, cli.ExitNothingRead, told+cost+"why403: error: athena: access denied: glue:GetTable is not allowed (query q1)\n"+allow, 0)
	f("no right to write results", true, func(s *athena.Story, _ func()) {
		s.Denied("InvalidRequestException", "Unable to verify/create output bucket results")
	}, cli.ExitNothingRead, told+"why403: error: athena: query results can't be written to the bucket results\nwhy403: hint: check that it exists, and allow s3:GetBucketLocation and s3:PutObject in it\n", 0)
	f("a query fails", true, func(s *athena.Story, _ func()) { s.Query("FAILED", "GENERIC_INTERNAL_ERROR: no luck\n") }, cli.ExitNothingRead,
		told+cost+"why403: error: athena: the query failed: GENERIC_INTERNAL_ERROR: no luck (query q1)\nwhy403: hint: try again; a narrower --since and --until reads less\n", 0)
	f("a query takes too long", true, func(s *athena.Story, _ func()) { s.Query("RUNNING", "") }, cli.ExitNothingRead,
		told+cost+"why403: error: athena: the query did not end within 200ms and was stopped (query q1)\nwhy403: hint: raise --athena-timeout, or narrow --since and --until\n", 1, "--athena-timeout", "200ms")
	f("no rows", true, func(s *athena.Story, _ func()) { s.Query("", "", athena.Nothing()...) }, cli.ExitNothingRead,
		told+"why403: error: s3://logs/cf/: Athena found no lines in the log objects\nwhy403: hint: the objects are empty, or the tables are not theirs: why403 athena ddl prints those that should be\n", 0)
	f("interrupted", true, func(s *athena.Story, interrupt func()) {
		s.Query("RUNNING", "")
		s.OnPoll(1, interrupt)
	}, cli.ExitInterrupted, told+cost+"why403: error: interrupted\n", 1)
	f("interrupted later", true, func(s *athena.Story, interrupt func()) {
		s.Query("", "", athena.Refusal("s3://logs/"+storyObject)...)
		s.Query("RUNNING", "")
		s.OnPoll(2, interrupt)
	}, cli.ExitInterrupted, told+"why403: error: interrupted: the report covers what was read until then\n", 1)
}
