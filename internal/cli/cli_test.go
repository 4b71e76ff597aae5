package cli

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"why403": func() { os.Exit(Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// TestStories runs the command line as a user would: testdata/script/*.txt.
func TestStories(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("ROOT", root)
			e.Setenv("NO_COLOR", "1")
			// No credentials, no account, no metadata service.
			e.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			e.Setenv("AWS_CONFIG_FILE", filepath.Join(e.WorkDir, "none"))
			e.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(e.WorkDir, "none"))
			return os.Symlink(filepath.Join(root, "samples"), filepath.Join(e.WorkDir, "samples"))
		},
	})
}

// TestSampleGolden keeps the text report of the sample, which holds no clock
// time. Run with -update after a change that is meant, and read the difference.
func TestSampleGolden(t *testing.T) {
	golden, err := filepath.Abs("testdata/sample.golden.txt")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("COLUMNS", "100")
	t.Chdir("../..")
	var out, errs strings.Builder
	code := Main(t.Context(), []string{"scan", "--snapshot", "samples/site/snapshot", "samples/site/logs"}, strings.NewReader(""), &out, &errs)
	if code != ExitOK {
		t.Fatalf("exit status %d: %s", code, errs.String())
	}
	if *update {
		if err := os.WriteFile(golden, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(out.String(), "\n")); d != "" {
		t.Errorf("the sample's report changed (-want +got):\n%s", d)
	}
}

// TestErrorWords holds every line on standard error of the stories to the rules
// of the package comment.
func TestErrorWords(t *testing.T) {
	form := regexp.MustCompile(`^why403: (error|hint): [^A-Z].*[^.]$`)
	proper := regexp.MustCompile(`^why403: (error|hint): (S3|AWS|CloudFront|IAM|KMS|XML|JSON)\b`)
	for _, args := range [][]string{
		{}, {"scna"}, {"scan"}, {"scan", "--wat"}, {"scan", "--since", "x", "."}, {"scan", "--output", "pdf", "."}, {"scan", "--out", "a.pdf", "."},
		{"scan", "--fail-on", "maybe", "."}, {"scan", "--redact", "much", "."}, {"scan", "--engine", "spark", "."},
		{"scan", "--since", "2026-11-21", "--until", "2026-11-20", "."},
		{"scan", "/does/not/exist"}, {"scan", "--snapshot", "/does/not/exist", "."}, {"scan", "s3://"},
		{"explain"}, {"explain", "key-cas"}, {"explain", "zzz"}, {"simulate"}, {"simulate", "--path", "/x"}, {"simulate", "--cases", "/does/not/exist"},
		{"state"}, {"state", "show"}, {"state", "show", "/does/not/exist"}, {"state", "prune", "."}, {"scan", "--fail-on", "new", "."}, {"scan", "--state", ".", "--notify", "x", "."}, {"scan", "--state", ".", "-"},
		{"athena"}, {"athena", "ddl"}, {"athena", "drop", "s3://b/"}, {"athena", "setup", "."}, {"scan", "--engine", "athena", "."}, {"scan", "--max-served", "1", "."}, {"permissions", "--engine", "spark"},
		{"permissions", "x"}, {"permissions", "--format", "yaml"}, {"completion"}, {"completion", "tcsh"}, {"man", "x"}, {"version", "--output", "xml"}, {"causes", "--output", "xml"},
	} {
		var out, errs strings.Builder
		code := Main(t.Context(), args, strings.NewReader(""), &out, &errs)
		if code == ExitOK {
			t.Errorf("why403 %q: exit status 0", args)
		}
		lines := strings.Split(strings.TrimRight(errs.String(), "\n"), "\n")
		hint := false
		for _, l := range lines {
			if !strings.HasPrefix(l, "why403: ") {
				if len(args) == 0 {
					continue // the help text
				}
				t.Errorf("why403 %q: stray line %q", args, l)
				continue
			}
			if !form.MatchString(l) && !proper.MatchString(l) {
				t.Errorf("why403 %q: words not in form: %q", args, l)
			}
			hint = hint || strings.HasPrefix(l, "why403: hint: ")
		}
		if !hint {
			t.Errorf("why403 %q: no hint: %q", args, errs.String())
		}
	}
}

// TestUsage: what can't be meant costs nothing: exit status 2, one sentence, one
// hint.
func TestUsage(t *testing.T) {
	f := func(args, sentence, hint string) {
		t.Helper()
		var out, errs strings.Builder
		want := "why403: error: " + sentence + "\nwhy403: hint: " + hint + "\n"
		if code := Main(t.Context(), splitArgs(args), strings.NewReader(""), &out, &errs); code != ExitUsage || errs.String() != want || out.Len() > 0 {
			t.Errorf("%s: exit status %d, %s%s; want %d, %s", args, code, out.String(), errs.String(), ExitUsage, want)
		}
	}
	const formats = "one of cloudfront-connection, cloudfront-w3c, s3-access, cloudfront-realtime, cloudfront-parquet, s3-parquet, cloudfront-json, s3-json, waf-json, cloudfront-plain"
	f("scan --format apache .", `scan: --format "apache" is no log format`, formats)
	f("athena ddl --format apache s3://logs/", `athena ddl: --format "apache" is no log format`, formats)
	f("scan --log-format xml .", `scan: --log-format "xml"`, "--log-format text or json")
	f("scan --concurrency 1000000 .", "scan: --concurrency 1000000 is not between 0 and 1024", "leave the flag out: the source chooses")
	f("scan --concurrency -1 .", "scan: --concurrency -1 is not between 0 and 1024", "leave the flag out: the source chooses")
	f("scan --max-keys -1 .", "scan: --max-keys and --max-api-calls can't be negative", "give numbers from 0 on, or leave the flag out")
	f("scan --max-api-calls -1 .", "scan: --max-keys and --max-api-calls can't be negative", "give numbers from 0 on, or leave the flag out")
	f("scan ''", "scan: a LOCATION is empty", "a location is s3://bucket/prefix, a directory, a file, or -")
	f("scan . --distribution ''", "scan: --distribution is empty", "give a name, or leave the flag out")
	f("permissions --log-bucket ''", "permissions: --log-bucket is empty", "give a name, or leave the flag out")
	f("permissions --bucket s3://site/", `permissions: "s3://site/" is no name of a bucket`, "give its name alone, such as my-logs")
	f("causes key-case", `causes: unexpected argument "key-case"`, "why403 explain key-case prints the page of a cause")
	f("explain KEY-CASE", `explain: no cause "KEY-CASE"`, "did you mean: why403 explain key-case")

	const principal = "--principal arn:aws:iam::111122223333:role/ci"
	f("simulate --cases x --bucket b", "simulate: --cases and --bucket exclude each other", "give one of the two")
	f("simulate --bucket s3://b --key k", `simulate: --bucket "s3://b" is no name of a bucket`, "--bucket my-site --key index.html")
	f("simulate --distribution E1 --path a.html", `simulate: --path "a.html" does not begin with /`, "--path /products/tent.html")
	f("simulate --bucket b --key k --action GetObject", `simulate: --action "GetObject" is no action of S3`, "--action s3:GetObject")
	f("simulate --bucket b --key k --as iam", "simulate: --as iam needs --principal", principal)
	f("simulate --bucket b --key k --principal bob", `simulate: --principal "bob" is no ARN of an IAM user, role or session`, principal)
	f("simulate --bucket b --key k --as oac "+principal, "simulate: --principal and --as oac exclude each other", "give one of the two")
	f("simulate --bucket b --key k --source-ip 999.0.0.1", `simulate: --source-ip "999.0.0.1" is no address`, "--source-ip 203.0.113.7")
	f("simulate --bucket b --key k --referer a --context AWS:referer=b", "simulate: two values for aws:referer", "give each condition key once")
}

// splitArgs splits a command line at its spaces; two single quotes are an empty argument.
func splitArgs(line string) []string {
	args := strings.Fields(line)
	for i, a := range args {
		if a == "''" {
			args[i] = ""
		}
	}
	return args
}
