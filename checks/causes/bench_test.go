package causes

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/why403/why403/checks"
	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/correlate"
)

// crowd is how many keys or paths one round of a benchmark judges.
const crowd = 2000

// keysOf returns passes for many keys of one bucket as logs show them: some with
// an S3 line, some without, some asked for by strangers. known says whether the
// settings are.
func keysOf(known bool) []*checks.KeyPass {
	site := newScene()
	if !known {
		site.unknown()
	}
	var out []*checks.KeyPass
	for i := range crowd {
		key := fmt.Sprintf("assets/css/price-%d.jpg", i)
		s := newScene()
		s.facts, s.bucket, s.dist, s.no = site.facts, site.bucket, site.dist, site.no
		keyed(key, "/"+key)(s)
		switch i % 8 {
		case 1, 2, 3: // S3's line was not delivered
			s.key.Origin = nil
			s.key.Samples = []correlate.Sample{{Edge: &correlate.EdgeSample{Ref: correlate.LineRef{Object: "edge.gz", Line: int64(i)}, Time: s.key.First, Status: 403, Method: "GET", Protocol: "https", Result: "Error"}}}
		case 4:
			s.key.Distribution, s.key.Access, s.key.Edge = "", correlate.AccessAnonymous, nil
			line(func(c *correlate.OriginClass) {
				c.Requester, c.SignatureVer, c.AuthType, c.FromCloudFront = "", "", "", false
			})(s)
		}
		s.object = stored(key)
		if known && i%2 == 0 {
			absent()(s)
		}
		if known && i%8 == 7 { // proven without looking at the object
			s.no.object = true
		}
		p := s.pass()
		p.Served = 100
		out = append(out, p)
	}
	return out
}

// pathsOf is keysOf for paths that the edge refused, by several of its parts.
func pathsOf(known bool) []*checks.EdgePass {
	site := newScene()
	if !known {
		site.unknown()
	}
	var out []*checks.EdgePass
	for i := range crowd {
		s := newScene()
		s.facts, s.dist, s.no = site.facts, site.dist, site.no
		atEdge(func(e *correlate.EdgeFailure, l *correlate.EdgeSample) {
			e.URI = fmt.Sprintf("/assets/css/list-%d.mp4", i)
			l.Ref.Line, l.Stem = int64(i), e.URI
			switch i % 5 {
			case 0:
				e.Reason, e.Bucket, e.Key = correlate.NoOriginCached, "site", e.URI[1:]
			case 1:
				l.ContentType = "text/xml"
			case 2:
				l.DetailedResult = "FunctionGeneratedResponse"
			case 3:
				l.DetailedResult, l.Country = "ClientGeoBlocked", "XX"
			}
		})(s)
		out = append(out, s.edgePass())
	}
	return out
}

// unknown makes the scene one of which only the logs tell.
func (s *scene) unknown() {
	var forget func(v reflect.Value)
	forget = func(v reflect.Value) {
		if v.Kind() != reflect.Struct {
			return
		}
		if state := v.FieldByName("State"); state.IsValid() {
			permission := v.FieldByName("Permission").String()
			v.SetZero()
			v.FieldByName("Permission").SetString(permission)
			return
		}
		for i := range v.NumField() {
			forget(v.Field(i))
		}
	}
	forget(reflect.ValueOf(s.bucket).Elem())
	s.facts = facts.New()
	s.facts.Buckets["site"] = s.bucket
	s.facts.Organization.RCPs = state[[]facts.OrgPolicy]("organizations:DescribePolicy", facts.NotGathered)
	s.facts.Organization.SCPs = s.facts.Organization.RCPs
	s.no.dist, s.no.object = true, true
}

// BenchmarkKeys judges a crowd of failing keys in the memory of one diagnosis, as
// a run does.
func BenchmarkKeys(b *testing.B) {
	for _, known := range []bool{false, true} {
		b.Run(name(known), func(b *testing.B) {
			passes := keysOf(known)
			var pass checks.KeyPass
			var d checks.Diagnosis
			b.ReportAllocs()
			for b.Loop() {
				for _, p := range passes {
					pass.Next(p)
					d.OfKey(ByID, &pass)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*crowd), "ns/key")
		})
	}
}

// BenchmarkPaths is BenchmarkKeys for paths that the edge refused.
func BenchmarkPaths(b *testing.B) {
	for _, known := range []bool{false, true} {
		b.Run(name(known), func(b *testing.B) {
			passes := pathsOf(known)
			var pass checks.EdgePass
			var d checks.Diagnosis
			b.ReportAllocs()
			for b.Loop() {
				for _, p := range passes {
					pass.Next(p)
					d.OfEdge(ByID, &pass)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*crowd), "ns/path")
		})
	}
}

func name(known bool) string {
	if known {
		return "settings"
	}
	return "logs"
}

// The benchmarks judge what they say they do.
func TestCrowd(t *testing.T) {
	verdicts := func(known bool) (out []string) {
		for _, p := range keysOf(known) {
			out = append(out, Diagnose(p).Verdict)
		}
		for _, p := range pathsOf(known) {
			out = append(out, DiagnoseEdge(p).Verdict)
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	f := func(known bool, want ...string) {
		t.Helper()
		if got := verdicts(known); !slices.Equal(got, want) {
			t.Errorf("known %t: verdicts %v, want %v", known, got, want)
		}
	}
	f(false, "edge-cached-error", "edge-function", "edge-geo-restriction", "edge-signed-missing", "edge-unattributed", "unexplained")
	f(true, "edge-cached-error", "edge-function", "edge-geo-restriction", "edge-unattributed", "key-missing", "unexplained")
}

// What is said of a key or a path does not depend on what was judged before in
// the same memory.
func TestSameMemory(t *testing.T) {
	var key checks.KeyPass
	var path checks.EdgePass
	var d checks.Diagnosis
	for _, sc := range scenarios {
		if sc.id == "edge-signed-invalid" {
			continue // each scene signs anew
		}
		for _, o := range [][]option{sc.finds, sc.alike} {
			s := play(o...)
			if s.edge != nil {
				path.Next(s.edgePass())
				d.OfEdge(ByID, &path)
			} else {
				key.Next(s.pass())
				d.OfKey(ByID, &key)
			}
			got, want := fmt.Sprintf("%+v", strip(d)), fmt.Sprintf("%+v", strip(diagnose(play(o...))))
			if got != want {
				t.Errorf("%s: in memory used before:\n%s\nwant\n%s", sc.id, got, want)
			}
		}
	}
}
