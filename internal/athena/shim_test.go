//go:build trino

package athena

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// An athenaShim speaks Athena's protocol and forwards the SQL to Trino.
type athenaShim struct {
	trino string
	page  int // rows of a page, header included

	mu      sync.Mutex
	queries map[string]*shimQuery
	stopped int
}

type shimQuery struct {
	database string
	cancel   context.CancelFunc

	mu      sync.Mutex
	state   string
	reason  string
	scanned int64
	nodes   map[string]bool
	columns []string
	rows    [][]*string
}

func newAthena(t testing.TB, trino string) (*athenaShim, string) {
	a := &athenaShim{trino: trino, page: 1000, queries: map[string]*shimQuery{}}
	s := httptest.NewServer(a)
	t.Cleanup(s.Close)
	return a, s.URL
}

func (a *athenaShim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct {
		QueryString, QueryExecutionId, NextToken, WorkGroup string
		MaxResults                                          int
		QueryExecutionContext                               struct{ Database string }
	}
	json.NewDecoder(r.Body).Decode(&in)
	answer := func(v any) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		json.NewEncoder(w).Encode(v)
	}
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if (op == "GetWorkGroup" || op == "StartQueryExecution") && in.WorkGroup != "" && in.WorkGroup != "primary" {
		awsError(w, "InvalidRequestException", "WorkGroup "+in.WorkGroup+" is not found.")
		return
	}
	if op == "GetWorkGroup" {
		answer(map[string]any{"WorkGroup": map[string]any{"Name": "primary", "State": "ENABLED", "Configuration": map[string]any{
			"EngineVersion":                    map[string]string{"EffectiveEngineVersion": "Athena engine version 3"},
			"ManagedQueryResultsConfiguration": map[string]any{"Enabled": true},
		}}})
		return
	}
	if op == "StartQueryExecution" {
		ctx, cancel := context.WithCancel(context.Background())
		q := &shimQuery{database: in.QueryExecutionContext.Database, cancel: cancel, state: "QUEUED", nodes: map[string]bool{}}
		id := rand.Text()
		a.mu.Lock()
		a.queries[id] = q
		a.mu.Unlock()
		go a.run(ctx, q, in.QueryString)
		answer(map[string]any{"QueryExecutionId": id})
		return
	}
	a.mu.Lock()
	q := a.queries[in.QueryExecutionId]
	a.mu.Unlock()
	if q == nil {
		awsError(w, "InvalidRequestException", "QueryExecution "+in.QueryExecutionId+" was not found")
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	switch op {
	case "GetQueryExecution":
		answer(map[string]any{"QueryExecution": map[string]any{
			"QueryExecutionId": in.QueryExecutionId,
			"Status":           map[string]any{"State": q.state, "StateChangeReason": q.reason},
			"Statistics":       map[string]any{"DataScannedInBytes": q.scanned},
		}})
	case "StopQueryExecution":
		a.mu.Lock()
		a.stopped++
		a.mu.Unlock()
		q.cancel()
		answer(struct{}{})
	case "GetQueryResults":
		if q.state != "SUCCEEDED" {
			awsError(w, "InvalidRequestException", "Query has not yet finished. Current state: "+q.state)
			return
		}
		from, _ := strconv.Atoi(in.NextToken)
		rows := []any{}
		datum := func(s *string) map[string]any {
			if s == nil {
				return map[string]any{}
			}
			return map[string]any{"VarCharValue": *s}
		}
		limit := min(a.page, in.MaxResults)
		at := from
		for ; at <= len(q.rows) && len(rows) < limit; at++ {
			var data []any
			if at == 0 {
				for i := range q.columns {
					data = append(data, datum(&q.columns[i]))
				}
			} else {
				for _, v := range q.rows[at-1] {
					data = append(data, datum(v))
				}
			}
			rows = append(rows, map[string]any{"Data": data})
		}
		out := map[string]any{"ResultSet": map[string]any{"Rows": rows}}
		if at <= len(q.rows) {
			out["NextToken"] = strconv.Itoa(at)
		}
		answer(out)
	default:
		awsError(w, "InvalidInputException", "the shim has no "+op)
	}
}

// run follows Trino's statement protocol to its end.
func (a *athenaShim) run(ctx context.Context, q *shimQuery, sql string) {
	type page struct {
		NextURI string
		Columns []struct{ Name string }
		Data    [][]any
		Error   *struct{ Message, ErrorName string }
		Stats   struct {
			State              string
			PhysicalInputBytes int64
			ProcessedBytes     int64
		}
	}
	finish := func(state, reason string) {
		q.mu.Lock()
		q.state, q.reason = state, reason
		q.mu.Unlock()
	}
	method, url, body := http.MethodPost, a.trino+"/v1/statement", io.Reader(strings.NewReader(sql))
	last := ""
	for url != "" {
		r, err := http.NewRequestWithContext(ctx, method, url, body)
		if err != nil {
			finish("FAILED", err.Error())
			return
		}
		r.Header.Set("X-Trino-User", "why403")
		r.Header.Set("X-Trino-Catalog", "awsdatacatalog")
		r.Header.Set("X-Trino-Schema", q.database)
		r.Header.Set("X-Trino-Time-Zone", "UTC")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			if ctx.Err() != nil {
				if d, err := http.NewRequest(http.MethodDelete, last, nil); err == nil && last != "" {
					d.Header.Set("X-Trino-User", "why403")
					if res, err := http.DefaultClient.Do(d); err == nil {
						res.Body.Close()
					}
				}
				finish("CANCELLED", "")
				return
			}
			finish("FAILED", err.Error())
			return
		}
		data, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode == http.StatusServiceUnavailable {
			time.Sleep(100 * time.Millisecond)
			continue
		}
		var p page
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		if err := d.Decode(&p); err != nil {
			finish("FAILED", fmt.Sprintf("%d %.300s", res.StatusCode, data))
			return
		}
		q.mu.Lock()
		q.state, q.scanned = "RUNNING", max(q.scanned, p.Stats.PhysicalInputBytes)
		if p.Columns != nil && q.columns == nil {
			for _, c := range p.Columns {
				q.columns = append(q.columns, c.Name)
			}
		}
		for _, row := range p.Data {
			var out []*string
			for _, v := range row {
				if v == nil {
					out = append(out, nil)
					continue
				}
				s := fmt.Sprint(v)
				out = append(out, &s)
			}
			q.rows = append(q.rows, out)
		}
		q.mu.Unlock()
		if p.Error != nil {
			finish("FAILED", p.Error.ErrorName+": "+p.Error.Message)
			return
		}
		method, url, body, last = http.MethodGet, p.NextURI, nil, p.NextURI
	}
	finish("SUCCEEDED", "")
}
