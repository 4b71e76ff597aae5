package athena

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/athena"

	"github.com/why403/why403/internal/awsx"
)

var discard = slog.New(slog.DiscardHandler)

// A fake answers the calls of the real Athena client by a script: one entry for
// each query that is started.
type fake struct {
	mu      sync.Mutex
	group   map[string]any // the workgroup's configuration
	state   string         // of the workgroup
	noGroup [2]string      // code and message of GetWorkGroup's error
	script  []fakeQuery
	sql     []string // as started
	inputs  []map[string]any
	polls   int
	pages   int
	stopped []string
	onPoll  func(query int) // nil: nothing
}

type fakeQuery struct {
	refuse  [2]string // code and message of StartQueryExecution's error
	states  []string  // one a poll; the last stays
	scanned []int64   // likewise
	reason  string
	rows    [][]string // without the header
	refused [2]string  // of GetQueryResults
}

func (f *fake) client(t testing.TB) *athena.Client {
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return athena.New(athena.Options{Region: "us-east-1", BaseEndpoint: &s.URL, Retryer: aws.NopRetryer{},
		HTTPClient:  awsx.PlainBodies(awshttp.NewBuildableClient()),
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var in map[string]any
	json.NewDecoder(r.Body).Decode(&in)
	answer := func(v any) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		json.NewEncoder(w).Encode(v)
	}
	refuse := func(e [2]string) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(http.StatusBadRequest)
		json.NewEncoder(w).Encode(map[string]string{"__type": e[0], "Message": e[1]})
	}
	text := func(key string) string { s, _ := in[key].(string); return s }
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if op == "GetWorkGroup" {
		if f.noGroup[0] != "" {
			refuse(f.noGroup)
			return
		}
		group := f.group
		if group == nil {
			group = map[string]any{"ResultConfiguration": map[string]string{"OutputLocation": "s3://results/"}}
		}
		answer(map[string]any{"WorkGroup": map[string]any{"Name": in["WorkGroup"], "State": cmp.Or(f.state, "ENABLED"), "Configuration": group}})
		return
	}
	if op == "StartQueryExecution" {
		q := f.script[len(f.sql)]
		f.sql = append(f.sql, text("QueryString"))
		f.inputs = append(f.inputs, in)
		f.polls = 0
		if q.refuse[0] != "" {
			refuse(q.refuse)
			return
		}
		answer(map[string]any{"QueryExecutionId": fmt.Sprintf("q%d", len(f.sql))})
		return
	}
	n, _ := strconv.Atoi(strings.TrimPrefix(text("QueryExecutionId"), "q"))
	q := &f.script[n-1]
	switch op {
	case "GetQueryExecution":
		at := func(i int) int { return min(f.polls, i-1) }
		states := q.states
		if states == nil {
			states = []string{"SUCCEEDED"}
		}
		scanned := int64(0)
		if len(q.scanned) > 0 {
			scanned = q.scanned[at(len(q.scanned))]
		}
		answer(map[string]any{"QueryExecution": map[string]any{
			"Status":     map[string]any{"State": states[at(len(states))], "StateChangeReason": q.reason},
			"Statistics": map[string]any{"DataScannedInBytes": scanned, "EngineExecutionTimeInMillis": 1500, "QueryQueueTimeInMillis": 20},
		}})
		f.polls++
		if f.onPoll != nil {
			f.onPoll(n)
		}
	case "StopQueryExecution":
		f.stopped = append(f.stopped, text("QueryExecutionId"))
		answer(struct{}{})
	case "GetQueryResults":
		if q.refused[0] != "" {
			refuse(q.refused)
			return
		}
		f.pages++
		from, _ := strconv.Atoi(text("NextToken"))
		most := int(in["MaxResults"].(float64))
		all := append([][]string{{"header"}}, q.rows...)
		rows := []any{}
		to := min(len(all), from+most)
		for _, row := range all[from:to] {
			var data []any
			for _, v := range row {
				if v == "NULL" {
					data = append(data, struct{}{})
				} else {
					data = append(data, map[string]any{"VarCharValue": v})
				}
			}
			rows = append(rows, map[string]any{"Data": data})
		}
		out := map[string]any{"ResultSet": map[string]any{"Rows": rows}}
		if to < len(all) {
			out["NextToken"] = strconv.Itoa(to)
		}
		answer(out)
	}
}

// engine is one whose polls do not wait; waits receives how long they would.
func (f *fake) engine(t testing.TB, o Options, waits *[]time.Duration) *engine {
	o.Log = discard
	return &engine{api: f.client(t), o: o, sleep: func(ctx context.Context, d time.Duration) error {
		if waits != nil {
			*waits = append(*waits, d)
		}
		return context.Cause(ctx)
	}}
}
