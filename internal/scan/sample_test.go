package scan

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/why403/why403/internal/report"
)

// truth is samples/site/truth.json, made by a program that shares no code with
// ours.
type truth struct {
	Keys   []truthKey  `json:"failing_keys"`
	Direct []truthKey  `json:"direct_failures"`
	Edge   []truthEdge `json:"edge_failures"`
}

type truthKey struct {
	Distribution string
	Bucket, Key  string
	Requests     report.Requests
	FirstSeen    time.Time `json:"first_seen"`
	LastSeen     time.Time `json:"last_seen"`
	Verdict      string
	Also         []string
}

type truthEdge struct {
	Distribution, URI, Verdict string
	Requests                   int64
	FirstSeen                  time.Time `json:"first_seen"`
	LastSeen                   time.Time `json:"last_seen"`
}

func sampleTruth(t *testing.T) truth {
	t.Helper()
	data, err := os.ReadFile("../../samples/site/truth.json")
	if err != nil {
		t.Fatal(err)
	}
	var tr truth
	if err := json.Unmarshal(data, &tr); err != nil {
		t.Fatal(err)
	}
	return tr
}

func sampleReport(t *testing.T) *report.Report {
	t.Helper()
	rep, err := Run(t.Context(), Options{
		Locations: []string{"../../samples/site/logs"}, Snapshot: "../../samples/site/snapshot", MaxKeys: 200,
	})
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// TestSampleTruth compares every failing key of the sample, its requests, times
// and verdict, with what its generator planted.
func TestSampleTruth(t *testing.T) {
	rep, tr := sampleReport(t), sampleTruth(t)
	compareKeys(t, "failing key", rep.FailingKeys, tr.Keys, true)
	compareKeys(t, "direct failure", rep.DirectFailures, tr.Direct, false)
	summedUp(t, rep)

	type id struct{ distribution, uri, verdict string }
	got := map[id]*report.EdgeFailure{}
	for f := range rep.EdgeFailures.All() {
		got[id{f.Distribution, f.URI, f.Verdict}] = f
	}
	for _, want := range tr.Edge {
		f, ok := got[id{want.Distribution, want.URI, want.Verdict}]
		if !ok {
			t.Errorf("edge failure %s %s: no verdict %s", want.Distribution, want.URI, want.Verdict)
			continue
		}
		if f.Requests != want.Requests {
			t.Errorf("edge failure %s %s: %d requests, want %d", want.Distribution, want.URI, f.Requests, want.Requests)
		}
	}
	if len(got) != len(tr.Edge) {
		t.Errorf("%d edge failures, want %d", len(got), len(tr.Edge))
	}
}

// TestOneLogAlone expects from each log alone the same keys, and no wrong cause
// among the proven ones.
func TestOneLogAlone(t *testing.T) {
	want := map[string][]string{}
	for _, k := range sampleTruth(t).Keys {
		want[k.Bucket+"/"+k.Key] = append(k.Also, k.Verdict)
	}
	for log, unexplained := range map[string]int{"cloudfront": 5, "s3": 0} {
		rep, err := Run(t.Context(), Options{
			Locations: []string{"../../samples/site/logs/" + log}, Snapshot: "../../samples/site/snapshot", MaxKeys: 200,
		})
		if err != nil {
			t.Fatal(err)
		}
		for k := range rep.FailingKeys.All() {
			w, ok := want[k.Bucket+"/"+k.Key]
			switch {
			case !ok:
				t.Errorf("%s log alone: %s/%q did not fail", log, k.Bucket, k.Key)
			case k.Verdict == "unexplained":
				unexplained--
			case !slices.Contains(w, k.Verdict):
				t.Errorf("%s log alone: %s/%q: verdict %s, want one of %v", log, k.Bucket, k.Key, k.Verdict, w)
			}
		}
		if rep.FailingKeys.Len() != len(want) || unexplained < 0 {
			t.Errorf("%s log alone: %d keys, want %d; %d more unexplained than can be helped", log, rep.FailingKeys.Len(), len(want), -unexplained)
		}
	}
}

func compareKeys(t *testing.T, what string, keys report.Keys, want []truthKey, named bool) {
	type id struct{ distribution, bucket, key string }
	got := map[id]*report.FailingKey{}
	for k, err := range keys.All() {
		if err != nil {
			t.Fatal(err)
		}
		got[id{k.Distribution, k.Bucket, k.Key}] = k
	}
	if len(got) != len(want) {
		t.Errorf("%d %ss, want %d", len(got), what, len(want))
	}
	for _, w := range want {
		i := id{w.Distribution, w.Bucket, w.Key}
		if !named {
			i.distribution = "" // a direct request belongs to no distribution
		}
		k, ok := got[i]
		if !ok {
			t.Errorf("%s %s/%q is missing", what, w.Bucket, w.Key)
			continue
		}
		if k.Verdict != w.Verdict {
			t.Errorf("%s %s/%q: verdict %s, want %s", what, w.Bucket, w.Key, k.Verdict, w.Verdict)
		}
		for _, c := range k.Causes {
			if c.Certainty == "proven" && c.ID != w.Verdict && !slices.Contains(w.Also, c.ID) {
				t.Errorf("%s %s/%q: %s proven, want only %s and %v", what, w.Bucket, w.Key, c.ID, w.Verdict, w.Also)
			}
		}
		if k.Requests != w.Requests {
			t.Errorf("%s %s/%q: requests %+v, want %+v", what, w.Bucket, w.Key, k.Requests, w.Requests)
		}
		if !k.FirstSeen.Equal(w.FirstSeen) || !k.LastSeen.Equal(w.LastSeen) {
			t.Errorf("%s %s/%q: seen %v to %v, want %v to %v", what, w.Bucket, w.Key, k.FirstSeen, k.LastSeen, w.FirstSeen, w.LastSeen)
		}
	}
}
