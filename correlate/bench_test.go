package correlate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/why403/why403/logs"
)

// stems makes n paths as a site has them.
func stems(n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = fmt.Appendf(nil, "/assets/%02x/image-%07d.jpg", i%200, i)
	}
	return out
}

func benchmarkPassed(b *testing.B, n int) {
	paths := stems(n)
	h := New(Options{}).Handler()
	zipf := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.1, 8, uint64(n-1))
	order := make([]uint32, 1<<16)
	for i := range order {
		order[i] = uint32(zipf.Uint64())
	}
	dist := []byte("E1MINAMOSHOP01")
	for i, p := range paths {
		h.EdgePassed(dist, p, 200, 1_795_000_000_000+int64(i))
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		h.EdgePassed(dist, paths[order[i&(1<<16-1)]], 200, 1_795_000_000_000+int64(i)*40)
	}
}

func BenchmarkEdgePassed10k(b *testing.B)  { benchmarkPassed(b, 10_000) }
func BenchmarkEdgePassed200k(b *testing.B) { benchmarkPassed(b, 200_000) }
func BenchmarkEdgePassed1M(b *testing.B)   { benchmarkPassed(b, 1_000_000) }

// edgeLine is a failing CloudFront line that costs nothing to make.
type edgeLine struct {
	r  logs.EdgeRecord
	id [56]byte
	ip []byte
}

func newEdgeLine() *edgeLine {
	l := &edgeLine{ip: []byte("198.51.100.7")}
	l.r = logs.EdgeRecord{
		Ref: logs.Ref{Object: &logs.Object{URI: "s3://logs/E1.2026-11-20-10.0a1b2c3d.gz"}}, TimeTaken: 50, FirstByte: 50,
		Distribution: []byte("E1MINAMOSHOP01"), Location: []byte("FRA60-P1"), Method: []byte("GET"), Domain: []byte("d1.cloudfront.net"),
		Host: []byte("www.example.com"), Status: 403, UserAgent: []byte("Mozilla/5.0%20(Windows%20NT%2010.0;%20Win64;%20x64)%20AppleWebKit/537.36"),
		Result: []byte("Error"), ResponseResult: []byte("Error"), DetailedResult: []byte("Error"), Protocol: []byte("https"), ContentType: []byte("application/xml"),
		ContentLength: -1, OriginFirstByte: -1, RequestBytes: 200,
	}
	for i := range l.id {
		l.id[i] = 'A'
	}
	l.r.RequestID = l.id[:]
	l.r.ClientIP = l.ip
	return l
}

func (l *edgeLine) give(h logs.Handler, n int, stem []byte, at int64) {
	for k := range 8 {
		l.id[k] = 'a' + byte(n>>(4*k)&15)
	}
	l.ip[11] = '0' + byte(n%10)
	l.ip[9] = '0' + byte(n/10%10)
	l.r.Ref.Line, l.r.Stem, l.r.Time = int64(n), stem, at
	h.Edge(&l.r)
}

func originLine() *logs.OriginRecord {
	return &logs.OriginRecord{
		Ref: logs.Ref{Object: &logs.Object{URI: "s3://logs/2026-11-20-10-00-00-0123456789ABCDEF"}}, BucketOwner: []byte("9f2b6c1d4e8a70535b1c9d2e6f4a8b7c3d5e1f0a2b4c6d8e9f1a3b5c7d9e0f24"),
		Bucket: []byte("site"), Requester: []byte(serviceRequester), Operation: []byte("REST.GET.OBJECT"), Status: 403, ErrorCode: []byte("AccessDenied"),
		BytesSent: 243, KeyLayers: 2, SignatureVersion: []byte("SigV4"), CipherSuite: []byte("ECDHE-RSA-AES128-GCM-SHA256"), AuthType: []byte("AuthHeader"),
		HostHeader: []byte("site.s3.eu-central-1.amazonaws.com"), TLSVersion: []byte("TLSv1.3"), RequestID: []byte("0123456789ABCDEF"),
	}
}

func BenchmarkEdge(b *testing.B) {
	paths := stems(50_000)
	l := newEdgeLine()
	h := New(Options{}).Handler()
	b.ReportAllocs()
	for i := range b.N {
		l.give(h, i, paths[i%len(paths)], 1_795_000_000_000+int64(i)*40)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// load gives events failing lines over keys distinct keys, with their S3 lines.
func load(c *Correlator, handlers, keys, events int, withOrigin bool) {
	var hs []logs.Handler
	for range handlers {
		hs = append(hs, c.Handler())
	}
	l, o := newEdgeLine(), originLine()
	var stem, uri []byte
	for i := range events {
		k := i % keys
		at := int64(1_795_000_000_000) + int64(i)*86_400_000/int64(events)
		stem = fmt.Appendf(stem[:0], "/assets/%02x/image-%07d.jpg", k%200, k)
		l.give(hs[i%handlers], i, stem, at)
		if withOrigin {
			uri = fmt.Appendf(uri[:0], "GET %s HTTP/1.1", stem)
			o.Ref.Line, o.Key, o.RequestURI, o.Time = int64(i), stem[1:], uri, (at-30)/1000*1000
			for n := range 7 {
				o.RequestID[n] = 'A' + byte(i>>(4*n)&15)
			}
			hs[(i+1)%handlers].Origin(o)
		}
	}
}

// BenchmarkResult joins half a million lines of each log, on 100,000 keys.
func BenchmarkResult(b *testing.B) {
	b.ReportAllocs()
	for range b.N {
		b.StopTimer()
		c := New(Options{})
		load(c, 2, 100_000, 500_000, true)
		b.StartTimer()
		r, err := c.Result(context.Background(), oacSite2())
		if err != nil || r.Keys.Len() != 100_000 {
			b.Fatal(r.Keys.Len(), err)
		}
	}
}

func oacSite2() Settings {
	return Settings{Distributions: []*Distribution{{
		ID:        "E1MINAMOSHOP01",
		Origins:   []Origin{{ID: "site", DomainName: "site.s3.eu-central-1.amazonaws.com", S3: true, OriginAccessControlID: "OAC1"}},
		Behaviors: []Behavior{{PathPattern: "*", TargetOriginID: "site"}},
	}}}
}

// TestMemoryPerKey holds the cost of a key that failed once.
func TestMemoryPerKey(t *testing.T) {
	const n = 60_000
	for _, withOrigin := range []bool{false, true} {
		before := heap()
		c := New(Options{})
		load(c, 1, n, n, withOrigin)
		per := float64(heap()-before) / n
		r, err := c.Result(context.Background(), oacSite2())
		if err != nil || r.Keys.Len() != n {
			t.Fatal(r.Keys.Len(), err)
		}
		after := float64(heap()-before) / n
		t.Logf("S3 lines %v: %.0f bytes a key gathered, %.0f in the result", withOrigin, per, after)
		if most := 250.0; !withOrigin && per > most {
			t.Errorf("%.0f bytes a key, want at most %.0f", per, most)
		}
		runtime.KeepAlive(r)
	}
}

// BenchmarkBurst joins 100,000 lines on one key within seconds, as an attack
// makes them.
func BenchmarkBurst(b *testing.B) {
	for range b.N {
		b.StopTimer()
		c := New(Options{})
		h := c.Handler()
		l, o := newEdgeLine(), originLine()
		o.Key, o.RequestURI = []byte("a"), []byte("GET /a HTTP/1.1")
		for i := range 100_000 {
			at := int64(1_795_000_000_000) + int64(i)/10
			l.give(h, i, []byte("/a"), at)
			for n := range 7 {
				o.RequestID[n] = 'A' + byte(i>>(4*n)&15)
			}
			o.Time = at / 1000 * 1000
			h.Origin(o)
		}
		b.StartTimer()
		if r, err := c.Result(context.Background(), oacSite2()); err != nil || r.Keys.At(0).Join.Joined != 100_000 {
			b.Fatal(err, r.Keys.At(0).Join)
		}
	}
}
