package athena

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestQueryPollsSlowerAndSlower(t *testing.T) {
	f := &fake{script: []fakeQuery{{states: append(slices.Repeat([]string{"QUEUED", "RUNNING"}, 6), "SUCCEEDED"), scanned: []int64{0, 7 << 20}}}}
	var waits []time.Duration
	e := f.engine(t, Options{Database: "db", Workgroup: "w", Output: "s3://out/"}, &waits)
	if err := e.run(context.Background(), "x", "SELECT 1", func([]string) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if len(waits) != 12 || waits[0] != pollFirst || waits[11] != pollMost || !slices.IsSorted(waits) {
		t.Errorf("waits %v", waits)
	}
	if got, want := e.usage, (Usage{Queries: 1, ScannedBytes: 7 << 20, BilledBytes: 10 << 20, QueueTime: 20 * time.Millisecond, EngineTime: 1500 * time.Millisecond}); got != want {
		t.Errorf("usage %+v, want %+v", got, want)
	}
	in := f.inputs[0]
	if in["WorkGroup"] != "w" || in["QueryString"] != "SELECT 1" ||
		fmt.Sprint(in["ResultConfiguration"], in["QueryExecutionContext"]) != "map[OutputLocation:s3://out/] map[Database:db]" {
		t.Errorf("started with %v", in)
	}
}

func TestQueryPagesItsResult(t *testing.T) {
	for _, n := range []int{0, 1, 998, 999, 1000, 1999, 2500} {
		var rows [][]string
		for i := range n {
			rows = append(rows, []string{fmt.Sprint(i), "NULL"})
		}
		f := &fake{script: []fakeQuery{{rows: rows}}}
		got := 0
		err := f.engine(t, Options{}, nil).run(context.Background(), "x", "", func(c []string) error {
			if len(c) != 2 || c[0] != fmt.Sprint(got) || c[1] != "" {
				t.Fatalf("row %d of %d is %q", got, n, c)
			}
			got++
			return nil
		})
		if err != nil || got != n || f.pages != n/1000+1 {
			t.Errorf("%d rows came as %d in %d pages, %v", n, got, f.pages, err)
		}
	}
}

func TestQueryIsStoppedWithTheContext(t *testing.T) {
	f := &fake{script: []fakeQuery{{states: []string{"RUNNING"}}}}
	ctx, cancel := context.WithCancel(context.Background())
	e := f.engine(t, Options{}, nil)
	polls := 0
	e.sleep = func(ctx context.Context, _ time.Duration) error {
		if polls++; polls == 3 {
			cancel()
		}
		return context.Cause(ctx)
	}
	if err := e.run(ctx, "x", "", nil); err != context.Canceled {
		t.Errorf("error %v", err)
	}
	if !slices.Equal(f.stopped, []string{"q1"}) {
		t.Errorf("stopped %v", f.stopped)
	}
}

func TestQueryTimesOut(t *testing.T) {
	f := &fake{script: []fakeQuery{{states: []string{"RUNNING"}}}}
	e := f.engine(t, Options{Timeout: time.Minute}, nil)
	ctx, cancel := context.WithCancelCause(context.Background())
	e.sleep = func(ctx context.Context, _ time.Duration) error {
		cancel(errTimeout) // as run's own context does
		return context.Cause(ctx)
	}
	f.sql = []string{""} // started
	wantError(t, e.await(ctx, "q1"),
		"athena: the query did not end within 1m0s and was stopped (query q1)", "raise --athena-timeout, or narrow --since and --until")
	if len(f.stopped) != 1 {
		t.Errorf("stopped %v", f.stopped)
	}
	e.o.Timeout = time.Nanosecond // over before it is started
	wantError(t, e.run(context.Background(), "x", "", nil),
		"athena: the query did not end within 1ns and was stopped", "raise --athena-timeout, or narrow --since and --until")
}

func TestQueryIsStoppedOverTheLimit(t *testing.T) {
	f := &fake{script: []fakeQuery{{}, {states: []string{"RUNNING"}, scanned: []int64{10, 60, 61}}}}
	e := f.engine(t, Options{MaxScanBytes: 100}, nil)
	e.usage.ScannedBytes = 40 // by queries before
	if err := e.run(context.Background(), "x", "", func([]string) error { return nil }); err != nil {
		t.Fatal(err)
	}
	err := e.run(context.Background(), "x", "", nil)
	wantError(t, err, "athena: the scan grew over the limit of 100 bytes and was stopped (query q2)", "narrow --since and --until, or raise --max-scan-bytes")
	if !errors.Is(err, ErrTooMuch) || len(f.stopped) != 1 || e.usage.ScannedBytes != 101 {
		t.Errorf("stopped %v, scanned %d, %v", f.stopped, e.usage.ScannedBytes, err)
	}
}

func wantError(t *testing.T, err error, what, hint string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want %q", what)
		return
	}
	var h interface{ UserHint() string }
	if !errors.As(err, &h) {
		t.Errorf("%v gives no hint", err)
		return
	}
	if err.Error() != what || h.UserHint() != hint {
		t.Errorf("error %q\n hint %q\nwant  %q\n hint %q", err, h.UserHint(), what, hint)
	}
}

func TestQueryErrors(t *testing.T) {
	f := func(q fakeQuery, what, hint string) {
		t.Helper()
		fk := &fake{script: []fakeQuery{q}}
		wantError(t, fk.engine(t, Options{}, nil).run(context.Background(), "x", "", func([]string) error { return nil }), what, hint)
		if len(fk.stopped) != 0 {
			t.Errorf("%s: a query that had ended was stopped", what)
		}
	}
	f(fakeQuery{refuse: [2]string{"InvalidRequestException", "WorkGroup night is not found."}},
		"athena: workGroup night is not found", "aws athena list-work-groups shows those that there are; name one with --athena-workgroup")
	f(fakeQuery{refuse: [2]string{"InvalidRequestException", "No output location provided. An output location is required either through the Workgroup result configuration setting or as an API input."}},
		"athena: the workgroup has no output location for query results", "give one with --athena-output s3://bucket/prefix/")
	f(fakeQuery{refuse: [2]string{"AccessDeniedException", "User: arn:aws:iam::111122223333:user/u is not authorized to perform: athena:StartQueryExecution on resource: arn:aws:athena:us-east-1:111122223333:workgroup/primary because no identity-based policy allows the athena:StartQueryExecution action"}},
		"athena: access denied: athena:StartQueryExecution is not allowed", "allow it (why403 permissions --engine athena prints the whole policy)")
	f(fakeQuery{refuse: [2]string{"TooManyRequestsException", "You have exceeded the limit for the number of queries you can run concurrently."}},
		"athena:StartQueryExecution: TooManyRequestsException: You have exceeded the limit for the number of queries you can run concurrently.",
		"too many queries run in this account: try again later, or use a workgroup with capacity")
	f(fakeQuery{states: []string{"RUNNING", "FAILED"}, reason: "TABLE_NOT_FOUND: line 3:8: Table 'awsdatacatalog.why403.cloudfront_lines' does not exist"},
		"athena: the query failed: TABLE_NOT_FOUND: line 3:8: Table 'awsdatacatalog.why403.cloudfront_lines' does not exist (query q1)", "why403 athena setup makes the tables")
	f(fakeQuery{states: []string{"FAILED"}, reason: "Query exhausted resources at this scale factor."},
		"athena: the query failed: Query exhausted resources at this scale factor (query q1)", "read less at a time: narrow --since and --until")
	f(fakeQuery{states: []string{"FAILED"}, reason: "Access Denied (Service: Amazon S3; Status Code: 403)"},
		"athena: the query failed: Access Denied (Service: Amazon S3; Status Code: 403) (query q1)",
		"the caller needs s3:GetObject and s3:ListBucket on the log bucket, and s3:PutObject where results go")
	f(fakeQuery{refuse: [2]string{"InvalidRequestException", "Unable to verify/create output bucket results"}},
		"athena: query results can't be written to the bucket results", "check that it exists, and allow s3:GetBucketLocation and s3:PutObject in it")
	f(fakeQuery{states: []string{"FAILED"}, reason: "SCHEMA_NOT_FOUND: line 3:8: Schema 'why403' does not exist"},
		"athena: the query failed: SCHEMA_NOT_FOUND: line 3:8: Schema 'why403' does not exist (query q1)", "why403 athena setup makes the tables")
	f(fakeQuery{states: []string{"FAILED"}, reason: "COLUMN_NOT_FOUND: line 2:40: Column 'line' cannot be resolved"},
		"athena: the query failed: COLUMN_NOT_FOUND: line 2:40: Column 'line' cannot be resolved (query q1)",
		"the table is not the one that why403 athena setup makes: drop it and make it anew, or use another --athena-database")
	f(fakeQuery{states: []string{"FAILED"}, reason: "User: arn:aws:iam::111122223333:user/u is not authorized to perform: glue:GetPartitions on resource: arn:aws:glue:us-east-1:111122223333:catalog because no identity-based policy allows the glue:GetPartitions action (Service: AmazonDataCatalog; Status Code: 400; Error Code: AccessDeniedException)"},
		"athena: access denied: glue:GetPartitions is not allowed (query q1)", "allow it (why403 permissions --engine athena prints the whole policy)")
	f(fakeQuery{states: []string{"FAILED"}, reason: "Access denied when writing output to url: s3://results/q1.csv"},
		"athena: the query failed: Access denied when writing output to url: s3://results/q1.csv (query q1)",
		"allow s3:PutObject where results go (why403 permissions --engine athena prints the whole policy)")
	f(fakeQuery{states: []string{"CANCELLED"}, scanned: []int64{50}, reason: "Bytes scanned limit was exceeded"},
		"athena: the query grew over the bytes that the workgroup lets a query scan, and was stopped (query q1)", "narrow --since and --until, or raise the workgroup's limit")
	f(fakeQuery{states: []string{"FAILED"}}, "athena: the query failed and no reason was given (query q1)", "")
	f(fakeQuery{states: []string{"CANCELLED"}}, "athena: the query was cancelled by someone else (query q1)", "run it again")
	f(fakeQuery{refused: [2]string{"AccessDeniedException", "not authorized to perform: s3:GetObject on the results"}},
		"athena: access denied: s3:GetObject is not allowed", "allow it (why403 permissions --engine athena prints the whole policy)")
}

func TestCost(t *testing.T) {
	var u Usage
	u.add(0)
	u.add(1 << 40)
	u.add(11<<20 + 1)
	if want := int64(10<<20 + 1<<40 + 12<<20); u.BilledBytes != want || u.Queries != 3 {
		t.Errorf("%+v, want %d billed", u, want)
	}
	if got := (Usage{BilledBytes: 1 << 40}).Cost(); got != PricePerTB {
		t.Errorf("a TB costs %v", got)
	}
}
