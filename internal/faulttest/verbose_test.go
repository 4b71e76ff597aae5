package faulttest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// TestVerboseTellsEachCall holds -vv to its word: one line for each request that
// reached AWS, with what the help promises, and the answer's request id.
func TestVerboseTellsEachCall(t *testing.T) {
	s := newAWS(t, docsLogs())
	var mu sync.Mutex
	ids := map[string]bool{} // of the requests that were answered
	busy := false
	s.Fault = func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		id := fmt.Sprintf("REQUEST%06d", len(ids))
		ids[id] = true
		first := isPolicy(r) && !busy
		busy = busy || first
		mu.Unlock()
		w.Header().Set("X-Amz-Request-Id", id)
		w.Header().Set("X-Amzn-Requestid", id)
		if first {
			answers(503, "SlowDown")(w, r, nil)
		}
		return first
	}
	r := run(t, newProxy(t, s), "scan", "s3://logs/", "-vv", "--log-format", "json", "--out", "s3://ops/r.json", "--state", "s3://ops/state/")
	if r.code != 0 {
		t.Fatalf("exit status %d: %s", r.code, r.errors)
	}
	calls := map[string]int{}
	failed, again := 0, 0
	for line := range strings.Lines(r.errors) {
		var l struct {
			Msg, Level, Service, Operation, Region, Error string
			Request                                       string `json:"request_id"`
			Status, Attempt                               int
			Duration                                      int64
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if l.Msg != "aws call" {
			continue
		}
		calls[l.Operation]++
		if l.Level != "DEBUG" || l.Service == "" || l.Region == "" || l.Attempt < 1 || l.Status == 0 || l.Duration <= 0 {
			t.Errorf("a line lacks something: %s", line)
		}
		if !ids[l.Request] {
			t.Errorf("no request has this id, or another line has it too: %s", line)
		}
		delete(ids, l.Request)
		switch {
		case l.Operation == "GetBucketPolicy" && l.Attempt == 1 && l.Status == 503 && l.Error == "SlowDown":
			failed++
		case l.Operation == "GetBucketPolicy" && l.Attempt == 2 && l.Status == 200 && l.Error == "":
			again++
		}
	}
	if len(ids) > 0 {
		t.Errorf("%d requests have no line", len(ids))
	}
	for _, op := range []string{"ListObjectsV2", "GetObject", "GetBucketPolicy", "GetDistribution", "HeadObject", "PutObject", "GetCallerIdentity"} {
		if calls[op] == 0 {
			t.Errorf("no line tells of %s: %v", op, calls)
		}
	}
	if failed != 1 || again != 1 {
		t.Errorf("an attempt failed and the next did not; told: %d failed, %d second ones", failed, again)
	}
	// Without it there is none.
	if r := run(t, newProxy(t, newAWS(t, docsLogs())), "scan", "s3://logs/", "-v"); strings.Contains(r.errors, "aws call") {
		t.Errorf("-v tells of calls: %s", r.errors)
	}
}
