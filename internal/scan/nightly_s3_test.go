package scan

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/why403/why403/internal/awsoverlay"
	"github.com/why403/why403/internal/report"
	"github.com/why403/why403/internal/state"
)

// TestMemoryInS3 has two nights with logs and memory in S3, and news by SNS.
func TestMemoryInS3(t *testing.T) {
	server, aws := sampleAWS(t)
	ops := &awsoverlay.Store{Region: "eu-central-1"}
	server.Buckets["ops"] = ops
	var mu sync.Mutex
	var posted []string
	server.Fault = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.Host, "sns.") {
			return false
		}
		r.ParseForm()
		mu.Lock()
		posted = append(posted, r.Host+" "+r.Form.Get("Action")+" "+r.Form.Get("TopicArn")+" "+r.Form.Get("Subject"))
		mu.Unlock()
		if !strings.HasPrefix(r.Form.Get("Message"), "# 403s, ") {
			t.Errorf("message %.100q", r.Form.Get("Message"))
		}
		fmt.Fprint(w, `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>`)
		return true
	}
	o := Options{Locations: []string{"s3://logs/"}, MaxKeys: 200, AWS: aws}
	const topic = "arn:aws:sns:eu-west-1:111122223333:why403"
	f := func(objects, fresh int64) {
		t.Helper()
		m, err := OpenMemory(t.Context(), "s3://ops/why403", o, MemoryOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close(context.Background())
		o := o
		o.Memory = m
		rep, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if rep.Inputs.Objects != objects || rep.NewFindings() != fresh {
			t.Errorf("%d objects, %d new findings, want %d and %d", rep.Inputs.Objects, rep.NewFindings(), objects, fresh)
		}
		if err := Notify(t.Context(), o, rep, topic); err != nil {
			t.Error(err)
		}
		if err := m.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	first, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	fresh := int64(0)
	for _, n := range []int64{int64(first.FailingKeys.Len()), int64(first.DirectFailures.Len()), int64(first.EdgeFailures.Len())} {
		fresh += n
	}
	func() {
		m, err := OpenMemory(t.Context(), "s3://ops/why403", o, MemoryOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close(context.Background())
		if _, err := OpenMemory(t.Context(), "s3://ops/why403/", o, MemoryOptions{}); !errors.As(err, new(*state.LockedError)) {
			t.Errorf("second run: %v", err)
		}
	}()

	noise := int64(0)
	for _, keys := range []report.Keys{first.FailingKeys, first.DirectFailures} {
		for k, err := range keys.All() {
			if err == nil && k.Noise {
				noise++
			}
		}
	}
	for f := range first.EdgeFailures.All() {
		if f.Noise {
			noise++
		}
	}
	fixed := int64(4) // served again later in the sample's day
	f(first.Inputs.Objects, fresh-noise-fixed)
	st, err := ReadMemory(t.Context(), "s3://ops/why403/", aws)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(st.Findings()); n == 0 || len(st.Runs()) != 1 {
		t.Errorf("%d findings and %d runs remembered", n, len(st.Runs()))
	}
	if data, _ := ops.Get("why403/state.jsonl.gz"); len(data) == 0 {
		t.Error("no state at its place")
	}
	f(0, 0)
	mu.Lock()
	defer mu.Unlock()
	if want := fmt.Sprintf("sns.eu-west-1.amazonaws.com Publish %s why403: %d new, %d fixed", topic, fresh-noise-fixed, fixed); len(posted) != 1 || posted[0] != want {
		t.Errorf("posted %q, want once %q", posted, want)
	}
}

// TestStoreThatIgnoresConditions is refused, unless the user vouches for it.
func TestStoreThatIgnoresConditions(t *testing.T) {
	server, aws := sampleAWS(t)
	server.Buckets["ops"] = new(awsoverlay.Store)
	server.Fault = func(w http.ResponseWriter, r *http.Request) bool {
		r.Header.Del("If-None-Match")
		r.Header.Del("If-Match")
		return false
	}
	o := Options{AWS: aws}
	_, err := OpenMemory(t.Context(), "s3://ops/state/", o, MemoryOptions{})
	var hint *Error
	if !errors.Is(err, state.ErrIgnoresConditions) || !errors.As(err, &hint) || hint.UserHint() != "where no two runs can meet, --state-unconditional uses it all the same" {
		t.Fatalf("%v", err)
	}
	m, err := OpenMemory(t.Context(), "s3://ops/state/", o, MemoryOptions{Unconditional: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Commit(t.Context()); err != nil {
		t.Error(err)
	}
	if err := m.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
