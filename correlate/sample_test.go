package correlate

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/why403/why403/logs"
)

const samplePath = "../samples/site"

type sampleTruth struct {
	CloudFront, S3 struct{ Duplicates int64 }
	FailingKeys    []sampleKey  `json:"failing_keys"`
	DirectFailures []sampleKey  `json:"direct_failures"`
	EdgeFailures   []sampleEdge `json:"edge_failures"`
	Pairs          []string     `json:"pairs"`
}

type sampleKey struct {
	Distribution, Bucket, Key, Access, Verdict string
	URIs                                       []string
	Requests                                   struct{ CloudFront, S3, Direct int64 }
	Unlogged                                   int64
	Viewers                                    int64
}

type sampleEdge struct {
	Distribution, URI, Verdict string
	Requests                   int64
}

func loadSample(t testing.TB) (*sampleTruth, Settings) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(samplePath, "truth.json"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("no sample site")
	}
	if err != nil {
		t.Fatal(err)
	}
	truth := new(sampleTruth)
	if err := json.Unmarshal(data, truth); err != nil {
		t.Fatal(err)
	}
	s := Settings{Websites: make(map[string]*Website), Identities: make(map[string]string)}
	each := func(glob string, f func(path string, data []byte)) {
		paths, _ := filepath.Glob(filepath.Join(samplePath, "snapshot", glob))
		for _, p := range paths {
			data, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			f(p, data)
		}
	}
	each("distributions/*/distribution.json", func(p string, data []byte) {
		d, err := ParseDistribution(data)
		if err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		s.Distributions = append(s.Distributions, d)
	})
	each("buckets/*/website.json", func(p string, data []byte) {
		if w, err := ParseWebsite(data); err == nil {
			s.Websites[filepath.Base(filepath.Dir(p))] = w
		} else if !strings.Contains(string(data), "NoSuchWebsite") {
			t.Logf("%s: %v", p, err)
		}
	})
	each("origin-access-identities/*.json", func(p string, data []byte) {
		var doc struct {
			CloudFrontOriginAccessIdentity struct{ Id, S3CanonicalUserId string }
		}
		if err := json.Unmarshal(data, &doc); err != nil {
			t.Fatal(err)
		}
		s.Identities[doc.CloudFrontOriginAccessIdentity.S3CanonicalUserId] = doc.CloudFrontOriginAccessIdentity.Id
	})
	return truth, s
}

func scanSample(t testing.TB, s Settings, workers int) *Result {
	t.Helper()
	src, err := logs.Open(filepath.Join(samplePath, "logs"))
	if err != nil {
		t.Fatal(err)
	}
	c := New(Options{KeepPairs: true})
	var masked []int
	for _, d := range s.Distributions {
		for _, e := range d.ErrorResponses {
			if e.ErrorCode == 403 && e.ResponseCode != 0 {
				masked = append(masked, e.ResponseCode)
			}
		}
	}
	if masked == nil {
		masked = []int{200, 404}
	}
	if _, err := logs.Scan(context.Background(), []logs.Source{src}, logs.Options{Concurrency: workers, Filter: logs.Filter{Masked: func([]byte) []int { return masked }}}, c.Handler); err != nil {
		t.Fatal(err)
	}
	r, err := c.Result(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The generator knows which lines belong together. With settings everything
// must agree; from the logs alone all but what only settings tell.
func TestSampleSite(t *testing.T) {
	truth, s := loadSample(t)
	t.Run("settings", func(t *testing.T) { compareSample(t, truth, scanSample(t, s, 2), true) })
	t.Run("logs alone", func(t *testing.T) { compareSample(t, truth, scanSample(t, Settings{}, 2), false) })
}

func compareSample(t *testing.T, truth *sampleTruth, r *Result, settings bool) {
	missing := make(map[string]bool)
	for _, p := range truth.Pairs {
		missing[p] = true
	}
	wrong := 0
	for _, p := range r.Pairs {
		if pair := p.EdgeRequestID + " " + p.OriginRequestID; missing[pair] {
			delete(missing, pair)
		} else {
			wrong++
			t.Errorf("wrong pair %+v", p)
		}
	}
	t.Logf("%d pairs, %d wrong, %d missing", len(r.Pairs), wrong, len(missing))
	for p := range missing {
		t.Errorf("missing pair %s", p)
	}

	type id struct{ distribution, bucket, key string }
	keys := func(what string, got []*FailingKey, want []sampleKey) {
		left := make(map[id]*FailingKey)
		for _, k := range got {
			left[id{k.Distribution, k.Bucket, k.Key}] = k
		}
		for _, w := range want {
			at := id{w.Distribution, w.Bucket, w.Key}
			if what == "direct" {
				at.distribution = ""
			}
			k := left[at]
			delete(left, at)
			if k == nil {
				t.Errorf("%s %q: missing", what, at)
				continue
			}
			if k.Requests.CloudFront != w.Requests.CloudFront || k.Requests.S3 != w.Requests.S3 || k.Requests.Direct != w.Requests.Direct {
				t.Errorf("%s %q: requests %+v, want %+v; join %+v", what, at, k.Requests, w.Requests, k.Join)
			}
			// A lost S3 line may have answered several viewers.
			if lost := k.Join.Unexplained + k.Join.NotDelivered + k.Join.NoLog; lost < w.Unlogged || w.Unlogged == 0 && lost > 0 {
				t.Errorf("%s %q: join %+v, want %d S3 lines lost", what, at, k.Join, w.Unlogged)
			}
			if what == "key" && k.Viewers != w.Viewers {
				t.Errorf("%s %q: %d viewers, want %d", what, at, k.Viewers, w.Viewers)
			}
			if string(k.Access) != w.Access && (settings || w.Verdict != "cors-preflight") {
				t.Errorf("%s %q: access %s, want %s", what, at, k.Access, w.Access)
			}
		}
		for at := range left {
			t.Errorf("%s %q: not in the truth", what, at)
		}
	}
	keys("key", all(r.Keys), truth.FailingKeys)
	keys("direct", all(r.Direct), truth.DirectFailures)

	edges := make(map[[2]string]*EdgeFailure)
	for e := range r.Edge.All() {
		edges[[2]string{e.Distribution, e.URI}] = e
	}
	for _, w := range truth.EdgeFailures {
		at := [2]string{w.Distribution, w.URI}
		e := edges[at]
		delete(edges, at)
		if e == nil || e.Requests != w.Requests {
			t.Errorf("edge %q: got %+v, want %+v", at, e, w)
			continue
		}
		if cached := w.Verdict == "edge-cached-error"; cached != (e.Reason == NoOriginCached) {
			t.Errorf("edge %q: reason %s for %s", at, e.Reason, w.Verdict)
		}
	}
	for at := range edges {
		t.Errorf("edge %q: not in the truth", at)
	}
}

// However lines are spread over goroutines, the result is the same.
func TestDeterminism(t *testing.T) {
	_, s := loadSample(t)
	for name, settings := range map[string]Settings{"settings": s, "logs alone": {}} {
		want := scanSample(t, settings, 1)
		for _, workers := range []int{2, 3, 7} {
			if diff := cmp.Diff(want, scanSample(t, settings, workers), results); diff != "" {
				t.Errorf("%s, %d goroutines: %s", name, workers, diff)
			}
		}
	}
}
