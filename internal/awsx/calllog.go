package awsx

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// An Attempt is one request of an AWS call, as -vv tells it. It names no bucket,
// key or parameter: those may hold secrets.
type Attempt struct {
	Service, Operation, Region string
	Attempt                    int // from 1
	Status                     int // of HTTP, 0: there was no answer
	RequestID                  string
	Duration                   time.Duration
	Err                        string // an error's code, or a short sentence; "" for success
}

// Logs reports whether attempts are told at all.
func (c *Clients) Logs() bool { return c.o.Log.Enabled(context.Background(), slog.LevelDebug) }

// LogAttempt tells of a request at level debug. Requests that are made by an SDK
// client are told by it.
func (c *Clients) LogAttempt(ctx context.Context, a Attempt) { logAttempt(ctx, c.o.Log, a) }

func logAttempt(ctx context.Context, log *slog.Logger, a Attempt) {
	attrs := []slog.Attr{slog.String("service", a.Service), slog.String("operation", a.Operation), slog.String("region", a.Region),
		slog.Int("attempt", a.Attempt), slog.Int("status", a.Status), slog.Duration("duration", a.Duration.Round(time.Microsecond)), slog.String("request_id", a.RequestID)}
	if a.Err != "" {
		attrs = append(attrs, slog.String("error", a.Err))
	}
	log.LogAttrs(ctx, slog.LevelDebug, "aws call", attrs...)
}

// attempts counts those of one call; it travels in the call's context.
type attempts struct{}

// callLog tells of each attempt of each call of the SDK's clients.
func callLog(log *slog.Logger) func(*middleware.Stack) error {
	return func(s *middleware.Stack) error {
		if !log.Enabled(context.Background(), slog.LevelDebug) {
			return nil
		}
		count := middleware.InitializeMiddlewareFunc("why403Attempts", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			return next.HandleInitialize(middleware.WithStackValue(ctx, attempts{}, new(atomic.Int64)), in)
		})
		tell := middleware.FinalizeMiddlewareFunc("why403CallLog", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
			begin := time.Now()
			out, metadata, err := next.HandleFinalize(ctx, in)
			a := Attempt{Service: middleware.GetServiceID(ctx), Operation: middleware.GetOperationName(ctx), Region: awsmiddleware.GetRegion(ctx), Attempt: 1,
				Status: status(err), Duration: time.Since(begin)}
			if n, ok := middleware.GetStackValue(ctx, attempts{}).(*atomic.Int64); ok {
				a.Attempt = int(n.Add(1))
			}
			a.RequestID, _ = awsmiddleware.GetRequestIDMetadata(metadata)
			if r, ok := awsmiddleware.GetRawResponse(metadata).(*smithyhttp.Response); ok && r != nil && r.Response != nil {
				a.Status = r.StatusCode
			}
			if err != nil {
				a.Err = plain(err)
				var api smithy.APIError
				if errors.As(err, &api) {
					a.Err = api.ErrorCode()
				}
				var response *awshttp.ResponseError
				if a.RequestID == "" && errors.As(err, &response) {
					a.RequestID = response.RequestID
				}
			}
			logAttempt(ctx, log, a)
			return out, metadata, err
		})
		return errors.Join(s.Initialize.Add(count, middleware.Before), s.Finalize.Insert(tell, "Retry", middleware.After))
	}
}
