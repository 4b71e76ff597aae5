// Command why403-lambda is why403 as an AWS Lambda function on the runtime
// provided.al2023: an invocation is one command line.
//
// The command line comes with the event, {"args": ["scan", "s3://logs/", …]},
// or, when the event has none, from the environment variable WHY403_ARGS, a JSON
// array. A run that is not complete (exit status 2 and more) fails the
// invocation, so that Lambda's Errors metric, retries and dead-letter queue speak
// of it; findings (exit status 1) do not.
//
// It must not hold logic: internal/cli does the work.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/why403/why403/internal/cli"
)

// An event is what the function is invoked with. Other fields are ignored.
type event struct {
	Args []string `json:"args"`
}

// A result is what an invocation answers.
type result struct {
	ExitStatus int    `json:"exit_status"`
	Output     string `json:"output,omitempty"` // standard output, its first 64 KiB
}

const (
	maxOutput = 64 << 10
	// A run ends so long before Lambda would kill it, to let its lock go.
	reserve = 15 * time.Second
)

func handle(ctx context.Context, e event) (result, error) {
	if len(e.Args) == 0 {
		if err := json.Unmarshal([]byte(os.Getenv("WHY403_ARGS")), &e.Args); err != nil || len(e.Args) == 0 {
			return result{ExitStatus: cli.ExitUsage}, fmt.Errorf(`no command line: invoke with {"args": ["scan", "s3://BUCKET/PREFIX/", …]} or set WHY403_ARGS to such an array`)
		}
	}
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-reserve))
		defer cancel()
	}
	var stdout, stderr bytes.Buffer
	code := cli.Main(ctx, e.Args, strings.NewReader(""), &stdout, io.MultiWriter(os.Stderr, &stderr))
	r := result{code, string(stdout.Bytes()[:min(stdout.Len(), maxOutput)])}
	if code > cli.ExitFindings {
		return r, fmt.Errorf("exit status %d: %s", code, lastError(stderr.String()))
	}
	return r, nil
}

// lastError returns what the last error line on standard error says.
func lastError(stderr string) string {
	const mark = "why403: error: "
	if i := strings.LastIndex(stderr, mark); i >= 0 {
		line, _, _ := strings.Cut(stderr[i+len(mark):], "\n")
		return line
	}
	return "no message"
}

func main() {
	if mb, err := strconv.ParseInt(os.Getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), 10, 64); err == nil && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(mb << 20 / 10 * 9)
	}
	lambda.Start(handle)
}
