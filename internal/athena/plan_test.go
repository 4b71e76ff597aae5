package athena

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/why403/why403/logs"
)

// manyPlaces are n folders of S3's access log and one of CloudFront's, of which
// each holds 10 bytes.
func manyPlaces(n int) []Logs {
	var out []Logs
	for i := range n {
		out = append(out, Logs{Format: "s3-access", Location: fmt.Sprintf("s3://logs/s3/bucket-%02d/", i), Bytes: 10})
	}
	return append(out, Logs{Format: "cloudfront-w3c", Location: "s3://logs/cf/", Bytes: 10})
}

// What is read alike is read by one query.
func TestPlacesShareQueries(t *testing.T) {
	f := func(all []Logs, cutoff int64, want ...string) {
		t.Helper()
		places, err := placesOf(all)
		if err != nil {
			t.Fatal(err)
		}
		e := &engine{o: Options{Database: "why403"}, cutoff: cutoff}
		var got []string
		for _, g := range e.groups(places) {
			got = append(got, fmt.Sprintf("%d of %s", len(g.places), g))
			sql := e.linesQuery(g)
			for _, p := range g.places {
				if n := strings.Count(sql, `FROM "why403"."`+p.linesName()+`"`); n != 1 {
					t.Errorf("%s is read %d times", p.Location, n)
				}
			}
			if len(sql) > 262144 {
				t.Errorf("%d bytes of SQL", len(sql))
			}
		}
		if d := gocmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
	f(manyPlaces(1), 0, "1 of s3://logs/s3/bucket-00/", "1 of s3://logs/cf/")
	f(manyPlaces(40), 0, "40 of s3://logs/s3/bucket-00/ and 39 more", "1 of s3://logs/cf/")
	f(manyPlaces(120), 0, "50 of s3://logs/s3/bucket-00/ and 49 more", "50 of s3://logs/s3/bucket-50/ and 49 more", "20 of s3://logs/s3/bucket-100/ and 19 more", "1 of s3://logs/cf/")
	// No query is known to scan more than the workgroup allows.
	f(manyPlaces(5), 25, "2 of s3://logs/s3/bucket-00/ and 1 more", "2 of s3://logs/s3/bucket-02/ and 1 more", "1 of s3://logs/s3/bucket-04/", "1 of s3://logs/cf/")
	// Other fields, another delimiter, another type: not alike.
	v2 := func(location, format, delimiter string, fields ...string) Logs {
		return Logs{Format: format, Location: location, Fields: fields, Delimiter: delimiter}
	}
	f([]Logs{
		v2("s3://b/1/", "cloudfront-w3c", "", "date", "sc-status"), v2("s3://b/2/", "cloudfront-w3c", "", "sc-status", "date"), v2("s3://b/3/", "cloudfront-w3c", "", "date", "sc-status"),
		v2("s3://b/4/", "cloudfront-w3c", ",", "date", "sc-status"), v2("s3://b/5/", "cloudfront-plain", "", "date", "sc-status"),
		v2("s3://b/6/", "s3-parquet", "", "bucket_name", "http_status int"), v2("s3://b/7/", "s3-parquet", "", "bucket_name", "http_status"),
	}, 0, "2 of s3://b/1/ and 1 more", "1 of s3://b/2/", "1 of s3://b/4/", "1 of s3://b/5/", "1 of s3://b/6/", "1 of s3://b/7/")
	// The text of a query is bounded, too.
	long := manyPlaces(30)
	for i := range long {
		for k := range 100 {
			long[i].Heads = append(long[i].Heads, fmt.Sprintf("%sa-folder-%03d-", long[i].Location, k))
		}
		long[i].Names = logs.NameOrigin
	}
	places, _ := placesOf(long)
	day := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	e := &engine{o: Options{Database: "why403", Window: logs.Window{From: day, To: day.Add(time.Hour)}}}
	for _, g := range e.groups(places) {
		if n := len(e.servedQuery(g, 2, 128)); n > 262144 {
			t.Errorf("%d bytes of SQL", n)
		}
	}
}

// A scan of several places makes one query of lines for all that are alike.
func TestScanSharesQueries(t *testing.T) {
	f := &fake{script: []fakeQuery{
		{rows: [][]string{row("line", "s3://logs/s3/bucket-01/o", "="+originLine("a", "403"), "", "false", 1, "NULL", "NULL"), total(1, 1, 0)}},
		{rows: [][]string{row("line", cfObject, "="+edgeLine("10:00:00", "/a", "403"), "", "false", 1, "NULL", "NULL"), total(1, 1, 0)}},
	}}
	rec := &recorder{}
	var told []string
	got, err := Scan(context.Background(), f.client(t), manyPlaces(3), Options{Tell: func(s string) { told = append(told, s) }}, rec.handler)
	if err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff([]string{"edge E1EXAMPLE00001 /a 403 " + cfObject + ":0", `origin site "a" 403 s3://logs/s3/bucket-01/o:0`}, rec.sorted()); d != "" {
		t.Error(d)
	}
	if got.Usage.Queries != 2 || got.Inputs.Objects != 2 {
		t.Errorf("%+v, %+v", got.Usage, got.Inputs)
	}
	if d := gocmp.Diff([]string{"athena: 2 queries of 4 places of logs, each scanned once, and once more where something was refused; 40 bytes are known to lie there"}, told); d != "" {
		t.Error(d)
	}
}

// What is known beforehand costs nothing.
func TestScanEndsBeforeAnyQuery(t *testing.T) {
	f := func(fk *fake, all []Logs, o Options, what, hint string) {
		t.Helper()
		got, err := Scan(context.Background(), fk.client(t), all, o, new(recorder).handler)
		wantError(t, err, what, hint)
		if len(fk.sql) != 0 || got.Usage.Queries != 0 {
			t.Errorf("%s: %d queries were started", what, len(fk.sql))
		}
	}
	const others = "aws athena list-work-groups shows those that there are; name one with --athena-workgroup"
	f(&fake{noGroup: [2]string{"InvalidRequestException", "WorkGroup night is not found."}}, cfLogs, Options{Workgroup: "night"}, "athena: workGroup night is not found", others)
	f(&fake{state: "DISABLED"}, cfLogs, Options{Workgroup: "night"}, "athena: the workgroup night is disabled", others)
	f(&fake{group: map[string]any{"EngineVersion": map[string]string{"EffectiveEngineVersion": "PySpark engine version 3"}}}, cfLogs, Options{Workgroup: "spark"},
		"athena: the workgroup spark runs Apache Spark, not SQL", others)
	f(&fake{group: map[string]any{}}, cfLogs, Options{}, "athena: the workgroup has no output location for query results", "give one with --athena-output s3://bucket/prefix/")

	f(&fake{}, manyPlaces(3), Options{MaxScanBytes: 39}, "athena: the logs hold 40 bytes, more than the limit of 39: nothing was scanned", "narrow --since and --until, or raise --max-scan-bytes")
	limited := map[string]any{"BytesScannedCutoffPerQuery": 9, "ManagedQueryResultsConfiguration": map[string]any{"Enabled": true}}
	f(&fake{group: limited}, manyPlaces(3), Options{}, "athena: the logs in s3://logs/s3/bucket-00/ hold 10 bytes, and the workgroup primary lets a query scan 9: nothing was scanned",
		"narrow --since and --until, or raise the workgroup's limit")

	// The tables.
	newCatalog := func() *catalog {
		c := &catalog{databases: map[string]map[string]*types.Table{}}
		if _, _, err := Setup(context.Background(), c, "why403", twoPlaces); err != nil {
			t.Fatal(err)
		}
		return c
	}
	f(&fake{}, twoPlaces, Options{Catalog: newCatalog(), Database: "other"}, "athena: there is no database other", "why403 athena setup makes the tables")
	c := newCatalog()
	delete(c.databases["why403"], "cloudfront_logs_cf_lines")
	f(&fake{}, twoPlaces, Options{Catalog: c}, "athena: there is no table why403.cloudfront_logs_cf_lines for the logs in s3://logs/cf/", "why403 athena setup makes the tables")
	c = newCatalog()
	c.databases["why403"]["cloudfront_logs_cf_lines"].StorageDescriptor.Columns[0].Name = aws.String("row")
	f(&fake{}, twoPlaces, Options{Catalog: c}, "the table why403.cloudfront_logs_cf_lines exists and is another one: its columns are row string; needed are line string",
		"drop that table if why403 made it for other settings, or use another --athena-database")
	c = newCatalog()
	late := twoPlaces[1]
	late.Since = time.Date(2012, 1, 1, 0, 0, 0, 0, time.UTC)
	f(&fake{}, []Logs{late}, Options{Catalog: c},
		fmt.Sprintf("athena: the table why403.s3_access_logs_s3_111122223333_us_east_1_site_lines does not reach all logs: its property projection.year.range is \"2018,2049\", needed is \"2012,%d\"", time.Now().UTC().Year()),
		"why403 athena setup widens it")
}

// Who may not look beforehand is told by the queries.
func TestScanGoesOnWithoutAView(t *testing.T) {
	f := &fake{noGroup: [2]string{"AccessDeniedException", "User: u is not authorized to perform: athena:GetWorkGroup"}, script: []fakeQuery{{rows: [][]string{total(0, 0, 0)}}}}
	c := &catalog{databases: map[string]map[string]*types.Table{}, denied: "GetDatabase"}
	if _, err := Scan(context.Background(), f.client(t), cfLogs, Options{Catalog: c}, new(recorder).handler); err != nil || len(f.sql) != 1 {
		t.Errorf("%v after %d queries", err, len(f.sql))
	}
}

// Where the workgroup decides where results go, the request does not say so.
func TestScanLeavesResultsToTheWorkgroup(t *testing.T) {
	for _, enforced := range []bool{false, true} {
		f := &fake{script: []fakeQuery{{rows: [][]string{total(0, 0, 0)}}},
			group: map[string]any{"EnforceWorkGroupConfiguration": enforced, "ResultConfiguration": map[string]string{"OutputLocation": "s3://theirs/"}}}
		if _, err := Scan(context.Background(), f.client(t), cfLogs, Options{Output: "s3://mine/"}, new(recorder).handler); err != nil {
			t.Fatal(err)
		}
		if got := f.inputs[0]["ResultConfiguration"] == nil; got != enforced {
			t.Errorf("enforced %v: started with %v", enforced, f.inputs[0])
		}
	}
}

func TestSetupWidens(t *testing.T) {
	day := Logs{Format: "cloudfront-w3c", Location: "s3://logs/v2/", Suffix: "{DistributionId}/{yyyy}/{MM}/{dd}/{HH}", Distributions: []string{"E2EXAMPLE00002"}}
	c := &catalog{databases: map[string]map[string]*types.Table{}}
	if _, _, err := Setup(context.Background(), c, "why403", []Logs{day}); err != nil {
		t.Fatal(err)
	}
	const name = "cloudfront_logs_v2_lines"
	ids := func() string { return c.databases["why403"][name].Parameters["projection.distribution.values"] }
	another := day
	another.Distributions = []string{"E1EXAMPLE00001"}
	_, err := Scan(context.Background(), (&fake{}).client(t), []Logs{another}, Options{Catalog: c}, new(recorder).handler)
	wantError(t, err, "athena: the table why403."+name+` does not reach all logs: its property projection.distribution.values is "E2EXAMPLE00002", needed is "E1EXAMPLE00001"`, "why403 athena setup widens it")

	made, widened, err := Setup(context.Background(), c, "why403", []Logs{another})
	if err != nil || made != nil {
		t.Fatal(made, err)
	}
	if d := gocmp.Diff([]string{"why403.cloudfront_logs_v2", "why403." + name}, widened); d != "" {
		t.Error(d)
	}
	if got, want := ids(), "E1EXAMPLE00001,E2EXAMPLE00002"; got != want {
		t.Errorf("distributions %s, want %s", got, want)
	}
	// Both will do now, and the query keeps to its own.
	for _, l := range []Logs{day, another} {
		if made, widened, err := Setup(context.Background(), c, "why403", []Logs{l}); err != nil || made != nil || widened != nil {
			t.Errorf("made %v, widened %v, %v", made, widened, err)
		}
		f := &fake{script: []fakeQuery{{rows: [][]string{total(0, 0, 0)}}}}
		if _, err := Scan(context.Background(), f.client(t), []Logs{l}, Options{Catalog: c}, new(recorder).handler); err != nil {
			t.Fatal(err)
		}
		if want := `"distribution" IN ('` + l.Distributions[0] + `')`; !strings.Contains(f.sql[0], want) {
			t.Errorf("no %s in\n%s", want, f.sql[0])
		}
	}
	// What it did not make it does not touch.
	delete(c.databases["why403"][name].Parameters, "created_by")
	third := day
	third.Distributions = []string{"E3EXAMPLE00003"}
	writes := c.writes
	_, _, err = Setup(context.Background(), c, "why403", []Logs{third})
	wantError(t, err, "the table why403."+name+` exists and reaches too short: its property projection.distribution.values is "E1EXAMPLE00001,E2EXAMPLE00002", needed is "E3EXAMPLE00003"`,
		"drop that table, or use another --athena-database")
	if c.writes != writes {
		t.Errorf("%d writes before the error", c.writes-writes)
	}
	c.databases["why403"][name].Parameters["created_by"] = madeBy
	c.denied = "UpdateTable"
	_, _, err = Setup(context.Background(), c, "why403", []Logs{third})
	wantError(t, err, "athena: access denied: glue:UpdateTable is not allowed", "allow it (why403 permissions --engine athena prints the whole policy)")
}

// A window chooses objects by name, by the rules of logs.ParseName.
func TestConditions(t *testing.T) {
	at := func(clock string) time.Time { t, _ := time.Parse("2006-01-02T15:04:05", "2026-11-"+clock); return t }
	w := logs.Window{From: at("20T06:30:00"), To: at("21T09:00:00")}
	f := func(l Logs, w logs.Window, want ...string) {
		t.Helper()
		p, err := l.place()
		if err != nil {
			t.Fatal(err)
		}
		if d := gocmp.Diff(want, p.conditions(w)); d != "" {
			t.Error(d)
		}
	}
	const stream = `regexp_extract("$path", '([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2})-[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?:\.[^/.]*)*$', 1)`
	const firewall = `regexp_extract("$path", '_waflogs_[^/]*([0-9]{8}T[0-9]{4}Z)_[^/_]*$', 1)`
	const edge = `regexp_extract("$path", '\.([0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2})\.[^/]*$', 1)`
	const folder = `"year" || '-' || "month" || '-' || "day" || '-' || "hour"`
	hours := `"hour" IN ('00', '01', '02', '03', '04', '05', '06', '07', '08', '09', '10', '11', '12', '13', '14', '15', '16', '17', '18', '19', '20', '21', '22', '23')`
	f(Logs{Format: "waf-json", Location: "s3://w/acl/", Suffix: "{yyyy}/{MM}/{dd}/{HH}"}, w,
		`"year" IN ('2026')`, `"month" IN ('11')`, `"day" IN ('20', '21', '22')`, hours,
		folder+` > '2026-11-20-04' AND `+folder+` <= '2026-11-22-08'`,
		`coalesce(`+stream+` > '2026-11-20-05-30-00' AND `+stream+` <= '2026-11-21-09-59-59', `+firewall+` > '20261120T0525Z' AND `+firewall+` <= '20261121T0959Z', true)`)
	// Flat names are ranges, too.
	f(Logs{Format: "cloudfront-w3c", Location: "s3://b/cf/", Heads: []string{"s3://b/cf/E1.", "s3://b/cf/it's."}, Names: logs.NameEdge}, w,
		`("$path" > 's3://b/cf/E1.2026-11-20-04~' AND "$path" < 's3://b/cf/E1.2026-11-21-08~' OR "$path" > 's3://b/cf/it''s.2026-11-20-04~' AND "$path" < 's3://b/cf/it''s.2026-11-21-08~')`,
		`coalesce(`+edge+` > '2026-11-20-04' AND `+edge+` <= '2026-11-21-08', true)`)
	f(Logs{Format: "cloudfront-realtime", Fields: []string{"sc-status"}, Location: "s3://b/rt/", Heads: []string{"s3://b/rt/stream-1-"}, Names: logs.NameFirehose}, logs.Window{From: w.From},
		`("$path" > 's3://b/rt/stream-1-2026-11-20-05-30-00~' AND "$path" < 's3://b/rt/stream-1-~')`,
		`coalesce(`+stream+` > '2026-11-20-05-30-00', true)`)
	f(Logs{Format: "s3-json", Location: "s3://b/vended/", Suffix: "{yyyy}/{MM}/{dd}"}, logs.Window{From: w.From, To: at("20T07:00:00")},
		`"year" IN ('2026')`, `"month" IN ('11')`, `"day" IN ('20', '21')`, `"year" || '-' || "month" || '-' || "day" > '2026-11-19' AND "year" || '-' || "month" || '-' || "day" <= '2026-11-21'`)
	f(Logs{Format: "cloudfront-w3c", Location: "s3://b/cf/", Heads: []string{"s3://b/cf/E1."}, Names: logs.NameEdge}, logs.Window{})
}

// The names that logs.ParseName takes for those of the window are those within
// the range of their head.
func TestHeads(t *testing.T) {
	from := time.Date(2026, 11, 20, 6, 30, 0, 0, time.UTC)
	w := logs.Window{From: from, To: from.Add(26*time.Hour + time.Second)}
	inside := 0
	for _, kind := range []struct {
		l            Logs
		layout, rest string
	}{
		{Logs{Format: "cloudfront-w3c", Names: logs.NameEdge, Heads: []string{"s3://b/E1EXAMPLE00001."}}, hourly, ".0a1b2c3d.gz"},
		{Logs{Format: "s3-access", Names: logs.NameOrigin, Heads: []string{"s3://b/access-"}}, bySecond, "-0123456789ABCDEF"},
		{Logs{Format: "cloudfront-realtime", Fields: []string{"sc-status"}, Names: logs.NameFirehose, Heads: []string{"s3://b/stream-1-"}}, bySecond, "-0f0e0d0c-0b0a-0908-0706-050403020100.gz"},
	} {
		kind.l.Location = "s3://b/"
		p, err := kind.l.place()
		if err != nil {
			t.Fatal(err)
		}
		var low, high string
		c := strings.NewReplacer(`("$path" > '`, "", `' AND "$path" < '`, " ", `')`, "").Replace(p.headCondition(w))
		if _, err := fmt.Sscan(c, &low, &high); err != nil {
			t.Fatal(c, err)
		}
		for at := from.Add(-50 * time.Hour); at.Before(w.To.Add(50 * time.Hour)); at = at.Add(7*time.Minute + 11*time.Second) {
			name := kind.l.Heads[0] + at.Format(kind.layout) + kind.rest
			n := logs.ParseName(name)
			if n.Kind != kind.l.Names {
				t.Fatalf("%s is of kind %v", name, n.Kind)
			}
			if n.Overlaps(w) {
				inside++
			}
			if (name > low && name < high) != n.Overlaps(w) {
				t.Errorf("%s is of the window: %v; it is between %s and %s: %v", name, n.Overlaps(w), low, high, name > low && name < high)
			}
		}
	}
	if inside < 100 {
		t.Errorf("only %d names", inside)
	}
}

// Nothing may be left of a scan that was interrupted: its query is stopped.
func TestScanIsInterrupted(t *testing.T) {
	f := &fake{script: []fakeQuery{{states: []string{"RUNNING"}}}}
	ctx, cancel := context.WithCancel(context.Background())
	got, err := Scan(ctx, f.client(t), cfLogs, Options{Progress: func(int64) { cancel() }}, new(recorder).handler)
	if !errors.Is(err, context.Canceled) || len(f.stopped) != 1 || got.Inputs.Lines != 0 {
		t.Errorf("%v, stopped %v, %+v", err, f.stopped, got.Inputs)
	}
}
