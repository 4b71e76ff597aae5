package main

import (
	"context"
	"strings"
	"testing"
	"time"
)

const sample = "../../samples/site/"

func TestHandle(t *testing.T) {
	t.Setenv("WHY403_ARGS", "")
	f := func(args []string, status int, output, failure string) {
		t.Helper()
		r, err := handle(t.Context(), event{args})
		got := ""
		if err != nil {
			got = err.Error()
		}
		if r.ExitStatus != status || !strings.Contains(r.Output, output) || got != failure {
			t.Errorf("%q: %d, %q, %.200q", args, r.ExitStatus, got, r.Output)
		}
	}
	f([]string{"scan", "--snapshot", sample + "snapshot", sample + "logs"}, 0, "requests were refused with 403", "")
	f([]string{"scan", "--quiet", "--fail-on", "any", "--snapshot", sample + "snapshot", sample + "logs"}, 1, "", "")
	f([]string{"scan", "/does/not/exist"}, 4, "", "exit status 4: /does/not/exist: no such file or directory")
	f([]string{"scan", "--wat"}, 2, "", "exit status 2: scan: unknown flag --wat")
	f(nil, 2, "", `no command line: invoke with {"args": ["scan", "s3://BUCKET/PREFIX/", …]} or set WHY403_ARGS to such an array`)

	t.Setenv("WHY403_ARGS", `["version", "--output", "json"]`)
	f(nil, 0, `"version":`, "")
	f([]string{"causes"}, 0, "key-case", "") // the event goes before
}

// TestHandleDeadline expects a run to end by itself before Lambda ends it.
func TestHandleDeadline(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), reserve)
	defer cancel()
	begin := time.Now()
	r, err := handle(ctx, event{[]string{"scan", "--snapshot", sample + "snapshot", sample + "logs"}})
	if err == nil || r.ExitStatus < 2 || ctx.Err() != nil {
		t.Errorf("%+v, %v after %v", r, err, time.Since(begin))
	}
}
