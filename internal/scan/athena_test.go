package scan

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/why403/why403/internal/athena"
	"github.com/why403/why403/internal/awsoverlay"
	"github.com/why403/why403/logs"
)

var update = flag.Bool("update", false, "rewrite golden files")

// TestAthenaDDL expects the tables of the sample's layouts: flat, below a prefix
// that is no folder, and by day. Athena itself is not asked.
func TestAthenaDDL(t *testing.T) {
	server, aws := sampleAWS(t)
	var b strings.Builder
	o := Options{Fields: []string{}, Locations: []string{"s3://logs/cloudfront/E4", "s3://logs/s3/minamo-app/", "s3://logs/s3/111122223333/"}, AWS: aws, Athena: &athena.Options{}}
	if err := AthenaDDL(t.Context(), &b, o); err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/athena.golden.sql"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(b.String(), "\n")); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	for _, r := range server.Requests() {
		if strings.Contains(r, "athena") || strings.Contains(r, "glue") {
			t.Errorf("asked %s", r)
		}
	}

	// The queries keep to what was asked for, and know the statuses that hide a 403.
	b.Reset()
	o.Snapshot = sampleSnapshot
	if err := AthenaQueries(t.Context(), &b, o); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`starts_with("$path", 's3://logs/cloudfront/E4')`, `AND NOT (status IN ('200')`, `"why403"."s3_access_logs_s3_minamo_app_lines"`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s in the queries", want)
		}
	}
}

func TestAthenaRefuses(t *testing.T) {
	f := func(o Options, want string) {
		t.Helper()
		o.Athena = &athena.Options{}
		_, err := Run(t.Context(), o)
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	f(Options{Locations: []string{"s3://logs/", sampleLogs}}, sampleLogs+": Athena reads logs in S3 alone")
	f(Options{Locations: []string{"s3://logs/"}, Memory: &Memory{}}, "--engine athena and --state exclude each other: Athena does not tell which log objects it has read")
	_, aws := sampleAWS(t)
	f(Options{Locations: []string{"s3://logs/nothing/"}, Snapshot: sampleSnapshot, AWS: aws}, "s3://logs/nothing/: no log objects")
}

func TestAthenaMerge(t *testing.T) {
	early, late := time.Unix(1, 0), time.Unix(2, 0)
	f := func(in, want []athena.Logs) {
		t.Helper()
		var got []athena.Logs
		for _, l := range in {
			got = merge(got, l)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("-want +got:\n%s", d)
		}
	}
	a := athena.Logs{Location: "s3://b/a/"}
	part := func(within string) athena.Logs { l := a; l.Within = "s3://b/a/" + within; return l }
	f([]athena.Logs{a, part("x")}, []athena.Logs{a})
	f([]athena.Logs{part("x"), a}, []athena.Logs{a})
	f([]athena.Logs{part("xy"), part("x")}, []athena.Logs{part("x")})
	f([]athena.Logs{part("x"), part("y")}, []athena.Logs{part("x"), part("y")})
	f([]athena.Logs{{Location: "s", Suffix: "{yyyy}", Since: late, Distributions: []string{"E2"}}, {Location: "s", Suffix: "{yyyy}", Since: early, Distributions: []string{"E1", "E2"}}},
		[]athena.Logs{{Location: "s", Suffix: "{yyyy}", Since: early, Distributions: []string{"E1", "E2"}}})
}

func TestAthenaOfDistributions(t *testing.T) {
	f := func(l athena.Logs, want string) {
		t.Helper()
		if got := ofDistributions(l, []string{"E1A", "E2B"}); got != want {
			t.Errorf("%+v: %s, want %s", l, got, want)
		}
	}
	f(athena.Logs{Format: "cloudfront-w3c", Pattern: `^[0-9A-Z]{10,20}` + dated}, `^(E1A|E2B)`+dated)
	f(athena.Logs{Format: "cloudfront-json", Suffix: "{yyyy}/{MM}"}, `(^|/)(E1A|E2B)`+dated)
	f(athena.Logs{Format: "cloudfront-json", Suffix: "{DistributionId}/{yyyy}", Distributions: []string{"E1A"}}, "")
	f(athena.Logs{Format: "s3-access", Pattern: "x"}, "x")
}

var _ logs.Source = (*chosen)(nil)

// TestAthenaDiscovers finds the places of two distributions' logs in a folder that
// all of them share, and keeps to those.
func TestAthenaDiscovers(t *testing.T) {
	server, aws := sampleAWS(t)
	server.Buckets = map[string]*awsoverlay.Store{"minamo-logs": {Region: "ap-northeast-1"}}
	for _, id := range []string{"E1MINAMOSHOP01", "E2MINAMODOCS02", "E4MINAMOAPP004"} {
		names, err := filepath.Glob(filepath.Join(sampleLogs, "cloudfront", id+".2026-11-20-0*"))
		if err != nil || len(names) == 0 {
			t.Fatal(names, err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			server.Buckets["minamo-logs"].Put("cloudfront/"+filepath.Base(name), data)
		}
	}
	var b strings.Builder
	o := Options{Distributions: []string{"E1MINAMOSHOP01", "E2MINAMODOCS02"}, AWS: aws, Athena: &athena.Options{}}
	if err := AthenaQueries(t.Context(), &b, o); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"E1MINAMOSHOP01.", "E2MINAMODOCS02."} {
		if !strings.Contains(b.String(), `starts_with("$path", 's3://minamo-logs/cloudfront/`+want+`')`) {
			t.Errorf("%s is not read alone", want)
		}
	}
	if strings.Contains(b.String(), "E4MINAMOAPP004") || strings.Contains(b.String(), "status IN ('200') AND coalesce") {
		t.Error("the log of another distribution would be read")
	}
	b.Reset()
	if err := AthenaDDL(t.Context(), &b, o); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "CREATE EXTERNAL TABLE"); n != 2 {
		t.Errorf("%d tables, want one for people and one of lines:\n%s", n, b.String())
	}
}
