package athena

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"
)

// API is the part of Athena that this package calls.
type API interface {
	GetWorkGroup(context.Context, *athena.GetWorkGroupInput, ...func(*athena.Options)) (*athena.GetWorkGroupOutput, error)
	StartQueryExecution(context.Context, *athena.StartQueryExecutionInput, ...func(*athena.Options)) (*athena.StartQueryExecutionOutput, error)
	GetQueryExecution(context.Context, *athena.GetQueryExecutionInput, ...func(*athena.Options)) (*athena.GetQueryExecutionOutput, error)
	GetQueryResults(context.Context, *athena.GetQueryResultsInput, ...func(*athena.Options)) (*athena.GetQueryResultsOutput, error)
	StopQueryExecution(context.Context, *athena.StopQueryExecutionInput, ...func(*athena.Options)) (*athena.StopQueryExecutionOutput, error)
}

var _ API = (*athena.Client)(nil)

// Usage is what the queries of a run cost.
type Usage struct {
	Queries      int
	ScannedBytes int64
	// BilledBytes rounds each query up as Athena's price list does: to whole
	// MiB, and to 10 MiB at least.
	BilledBytes int64
	QueueTime   time.Duration
	EngineTime  time.Duration
}

// PricePerTB is Athena's price for a TB scanned in most Regions, in US dollars
// (price list of 2026; an estimate for the Region at hand).
const PricePerTB = 5.0

// Cost estimates the price in US dollars. Capacity reservations and the S3
// requests of Athena are not in it.
func (u Usage) Cost() float64 { return float64(u.BilledBytes) / (1 << 40) * PricePerTB }

func (u *Usage) add(scanned int64) {
	const mib = 1 << 20
	u.Queries++
	u.ScannedBytes += scanned
	u.BilledBytes += max((scanned+mib-1)/mib*mib, 10*mib)
}

// Polls begin after pollFirst and slow down to pollMost.
const (
	pollFirst = 250 * time.Millisecond
	pollMost  = 5 * time.Second
	stopWait  = 10 * time.Second
	pageRows  = 1000 // the most that GetQueryResults gives
)

// run runs one query and calls row with the columns of each row of its result.
// The slice is reused. A NULL is "". When ctx ends or the scan grows over the
// limit, the query is stopped.
func (e *engine) run(ctx context.Context, name, sql string, row func([]string) error) error {
	if e.o.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, e.o.Timeout, errTimeout)
		defer cancel()
	}
	in := &athena.StartQueryExecutionInput{
		QueryString:           &sql,
		QueryExecutionContext: &types.QueryExecutionContext{Database: &e.o.Database},
	}
	if e.o.Workgroup != "" {
		in.WorkGroup = &e.o.Workgroup
	}
	if e.o.Output != "" {
		in.ResultConfiguration = &types.ResultConfiguration{OutputLocation: &e.o.Output}
	}
	started, err := e.api.StartQueryExecution(ctx, in)
	if err != nil {
		return e.ended(ctx, "", callError("athena:StartQueryExecution", err))
	}
	id := aws.ToString(started.QueryExecutionId)
	e.o.Log.Info("athena query started", "query", name, "id", id)
	if err := e.await(ctx, id); err != nil {
		return err
	}
	return e.page(ctx, id, row)
}

var errTimeout = errors.New("timed out")

// await polls until the query has succeeded.
func (e *engine) await(ctx context.Context, id string) error {
	var scanned int64
	done := false
	defer func() {
		e.usage.add(scanned)
		if !done {
			e.stop(id)
		}
	}()
	left := int64(-1)
	if e.o.MaxScanBytes > 0 {
		left = max(0, e.o.MaxScanBytes-e.usage.ScannedBytes)
	}
	for wait := pollFirst; ; wait = min(wait*3/2, pollMost) {
		out, err := e.api.GetQueryExecution(ctx, &athena.GetQueryExecutionInput{QueryExecutionId: &id})
		if err != nil {
			return e.ended(ctx, id, callError("athena:GetQueryExecution", err))
		}
		q := out.QueryExecution
		if q == nil || q.Status == nil {
			return &Error{What: "athena: GetQueryExecution answered without a status", Query: id}
		}
		if s := q.Statistics; s != nil {
			scanned = aws.ToInt64(s.DataScannedInBytes)
		}
		e.o.progress(e.usage.ScannedBytes + scanned)
		if left >= 0 && scanned > left {
			done = q.Status.State == types.QueryExecutionStateSucceeded
			return &Error{
				What:  fmt.Sprintf("athena: the scan grew over the limit of %d bytes and was stopped", e.o.MaxScanBytes),
				Todo:  "narrow --since and --until, or raise --max-scan-bytes",
				Query: id, Err: ErrTooMuch,
			}
		}
		switch q.Status.State {
		case types.QueryExecutionStateSucceeded:
			done = true
			if s := q.Statistics; s != nil {
				e.usage.QueueTime += time.Duration(aws.ToInt64(s.QueryQueueTimeInMillis)) * time.Millisecond
				e.usage.EngineTime += time.Duration(aws.ToInt64(s.EngineExecutionTimeInMillis)) * time.Millisecond
			}
			return nil
		case types.QueryExecutionStateFailed:
			done = true
			reason := aws.ToString(q.Status.StateChangeReason)
			if a := q.Status.AthenaError; a != nil && reason == "" {
				reason = aws.ToString(a.ErrorMessage)
			}
			return failedQuery(id, reason)
		case types.QueryExecutionStateCancelled:
			done = true
			if reason := aws.ToString(q.Status.StateChangeReason); strings.Contains(strings.ToLower(reason), "limit") {
				return failedQuery(id, reason)
			}
			return &Error{What: "athena: the query was cancelled by someone else", Todo: "run it again", Query: id}
		}
		if err := e.sleep(ctx, wait); err != nil {
			return e.ended(ctx, id, err)
		}
	}
}

// ended prefers what ended the context to the error that followed from it.
func (e *engine) ended(ctx context.Context, id string, err error) error {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errTimeout):
		return &Error{What: fmt.Sprintf("athena: the query did not end within %s and was stopped", e.o.Timeout), Todo: "raise --athena-timeout, or narrow --since and --until", Query: id, Err: cause}
	case cause != nil:
		return cause
	}
	return err
}

// stop stops a query whatever became of the context.
func (e *engine) stop(id string) {
	ctx, cancel := context.WithTimeout(context.Background(), stopWait)
	defer cancel()
	if _, err := e.api.StopQueryExecution(ctx, &athena.StopQueryExecutionInput{QueryExecutionId: &id}); err != nil {
		e.o.Log.Warn("athena query could not be stopped", "id", id, "error", callError("athena:StopQueryExecution", err))
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// page reads the result. Its first row holds the names of the columns.
func (e *engine) page(ctx context.Context, id string, row func([]string) error) error {
	var columns []string
	var token *string
	for first := true; ; {
		out, err := e.api.GetQueryResults(ctx, &athena.GetQueryResultsInput{QueryExecutionId: &id, NextToken: token, MaxResults: aws.Int32(pageRows)})
		if err != nil {
			return e.ended(ctx, id, callError("athena:GetQueryResults", err))
		}
		if out.ResultSet == nil {
			return &Error{What: "athena: GetQueryResults answered without a result", Query: id}
		}
		for _, r := range out.ResultSet.Rows {
			if first { // the header
				first = false
				continue
			}
			columns = columns[:0]
			for _, d := range r.Data {
				columns = append(columns, aws.ToString(d.VarCharValue))
			}
			if err := row(columns); err != nil {
				return err
			}
		}
		if token = out.NextToken; aws.ToString(token) == "" {
			return nil
		}
	}
}
