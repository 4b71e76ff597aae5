package awsx

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"

	"github.com/aws/smithy-go/middleware"
	"golang.org/x/time/rate"

	"github.com/why403/why403/internal/gather"
)

// meter counts the calls of every client, and holds those of Answers to a limit
// and a rate. Retries are not counted.
type meter struct {
	mu    sync.Mutex
	calls map[string]int64
	left  int // calls that Answers may still make, -1: any number
	max   int
	rate  *rate.Limiter
}

func newMeter(o Config) *meter {
	m := &meter{calls: map[string]int64{}, left: -1, max: o.MaxCalls, rate: rate.NewLimiter(50, 50)}
	if o.MaxCalls > 0 {
		m.left = o.MaxCalls
	}
	if o.Rate > 0 {
		m.rate = rate.NewLimiter(rate.Limit(o.Rate), max(1, int(o.Rate)))
	}
	return m
}

// limited marks the calls of a context as Answers'.
type limited struct{}

func (m *meter) options() []func(*middleware.Stack) error {
	return []func(*middleware.Stack) error{func(s *middleware.Stack) error {
		return s.Initialize.Add(middleware.InitializeMiddlewareFunc("why403Meter", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			if err := m.take(ctx, callName(middleware.GetServiceID(ctx), middleware.GetOperationName(ctx))); err != nil {
				return middleware.InitializeOutput{}, middleware.Metadata{}, err
			}
			return next.HandleInitialize(ctx, in)
		}), middleware.Before)
	}}
}

// limitError says that the limit of calls was reached.
type limitError struct{ max int }

func (e limitError) Error() string {
	return fmt.Sprintf("not asked: the limit of %d calls (--max-api-calls) was reached", e.max)
}

func (e limitError) Is(target error) bool { return target == gather.ErrNotAsked }

// take counts one call, or says that there may be none: that is said at once,
// what is left waits for the rate.
func (m *meter) take(ctx context.Context, name string) error {
	if ctx.Value(limited{}) != nil {
		if !m.spend(-1) {
			return limitError{m.max}
		}
		if err := m.rate.Wait(ctx); err != nil {
			m.spend(1)
			return err
		}
	}
	m.add(name, 1)
	return nil
}

// spend changes the number of calls that are left, unless none is.
func (m *meter) spend(n int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.left == 0 && n < 0 {
		return false
	}
	if m.left >= 0 {
		m.left += n
	}
	return true
}

// add counts calls.
func (m *meter) add(name string, n int64) {
	m.mu.Lock()
	m.calls[name] += n
	m.mu.Unlock()
}

func (m *meter) counts() map[string]int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.calls)
}

// callName names a call as the report does: the service's IAM prefix, except
// for S3 Control, and the operation.
func callName(service, operation string) string {
	s := strings.ToLower(strings.ReplaceAll(service, " ", ""))
	if s == "cloudwatchlogs" {
		s = "logs"
	}
	return s + ":" + operation
}

// Count adds calls that were made without an SDK client to the count.
func (c *Clients) Count(name string, n int64) { c.meter.add(name, n) }
