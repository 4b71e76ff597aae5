package correlate

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/why403/why403/logs"
)

// someLine returns a failing or passing line as a function that hands it over: of
// few keys, times and requests, so that many lines are equal in most of what they
// are sorted by.
func someLine(r *rand.Rand) func(h logs.Handler) {
	pick := func(s ...string) []byte { return []byte(s[r.IntN(len(s))]) }
	key := fmt.Sprintf("%s%d%s", pick("a/", "b/c/", "Q q/", "", "a"), r.IntN(30), pick("", ".png", "/"))
	now := int64(1_767_225_600_000) + int64(r.IntN(300_000))
	id, line := fmt.Appendf(nil, "id-%d", r.IntN(5000)), int64(r.IntN(1000))
	ref := logs.Ref{Object: &logs.Object{URI: fmt.Sprint("object ", r.IntN(3))}, Line: line}
	agent := pick("Mozilla/5.0", "Amazon CloudFront", "curl/8", "")
	ip := fmt.Appendf(nil, "203.0.113.%d", r.IntN(9))
	switch r.IntN(7) {
	case 0:
		dist, path := pick("E1", "E2"), WireOfKey(key)
		return func(h logs.Handler) { h.EdgePassed(dist, []byte(path), 200, now) }
	case 1, 2, 3:
		e := logs.EdgeRecord{Ref: ref, Time: now, Distribution: pick("E1", "E2", "E9"), Stem: []byte(WireOfKey(key)), Status: 403, Method: pick("GET", "HEAD"),
			Result: []byte("Error"), ResponseResult: []byte("Error"), DetailedResult: pick("Error", "ClientGeoBlocked"), ContentType: pick("application/xml", "text/html"),
			ContentLength: int64(r.IntN(3)), Host: []byte("www.example.com"), Protocol: pick("http", "https"), ClientIP: ip, UserAgent: agent,
			RequestID: id, TimeTaken: int64(r.IntN(300)), FirstByte: int64(r.IntN(6)), Location: pick("FRA56-P1", "IAD12-C1"), OriginFirstByte: int64(r.IntN(3)) - 1}
		return func(h logs.Handler) { e := e; h.Edge(&e) }
	default:
		o := logs.OriginRecord{Ref: ref, Time: now / 1000 * 1000, Bucket: pick("site", "other", "third"), Key: bytes.ReplaceAll([]byte(WireOfKey(key)[1:]), []byte("%"), []byte("%25")),
			Operation: pick("REST.GET.OBJECT", "REST.HEAD.OBJECT"), Status: 403, ErrorCode: []byte("AccessDenied"), RemoteIP: ip, UserAgent: agent,
			RequestID: id, RequestURI: []byte("GET " + WireOfKey(key) + " HTTP/1.1"), Requester: pick(serviceRequester, "")}
		return func(h logs.Handler) { o := o; h.Origin(&o) }
	}
}

// TestRuns gives random lines, some of them twice, to one goroutine that seals one
// run, and to several that seal at random times, and expects one Result.
func TestRuns(t *testing.T) {
	settings := []Settings{{}, oacSite(), {Distributions: []*Distribution{
		{ID: "E1", Origins: []Origin{{ID: "o", DomainName: "site.s3.eu-central-1.amazonaws.com", S3: true}}, Behaviors: []Behavior{{PathPattern: "*", TargetOriginID: "o"}}},
		{ID: "E2", DefaultRootObject: "index.html",
			Origins:      []Origin{{ID: "o", DomainName: "other.s3.eu-central-1.amazonaws.com", S3: true}, {ID: "p", DomainName: "site.s3.eu-central-1.amazonaws.com", OriginPath: "/b", S3: true}},
			OriginGroups: []OriginGroup{{ID: "g", Members: []string{"o", "p"}, Statuses: []int{403}}},
			Behaviors:    []Behavior{{PathPattern: "/a/*", TargetOriginID: "p"}, {PathPattern: "*", TargetOriginID: "g"}}},
	}}}
	for round := range 40 {
		r := rand.New(rand.NewPCG(uint64(round), 9))
		o := Options{KeepPairs: round%2 == 0, Detailed: 1 + r.IntN(60)}
		if round%3 == 0 {
			o.MaxKeys = 1 + r.IntN(40)
		}
		one, many := New(o), New(o)
		many.o.Memory = int64(r.IntN(2)) // with a bound, or without
		h := one.Handler()
		var hs []logs.Handler
		for range 1 + r.IntN(5) {
			hs = append(hs, many.Handler())
		}
		var lines []func(logs.Handler)
		for range 20 + r.IntN(1500) {
			lines = append(lines, someLine(r))
			if r.IntN(8) == 0 {
				lines = append(lines, lines[len(lines)-1])
			}
		}
		for _, give := range lines {
			give(h)
		}
		r.Shuffle(len(lines), func(i, k int) { lines[i], lines[k] = lines[k], lines[i] })
		for _, give := range lines {
			h := hs[r.IntN(len(hs))]
			give(h)
			if r.IntN(60) == 0 {
				h.(*gatherer).seal()
			}
		}
		s := settings[round%len(settings)]
		want, err := one.Result(context.Background(), s)
		if err != nil {
			t.Fatal(err)
		}
		got, err := many.Result(context.Background(), s)
		if err != nil {
			t.Fatal(err)
		}
		if want.Duplicates == 0 && len(lines) > 200 {
			t.Errorf("round %d: no line came twice", round)
		}
		if d := diff(want, got); d != "" {
			t.Fatalf("round %d, %d lines: the merged result differs (-one run +many):\n%s", round, len(lines), d)
		}
	}
}

// TestFind compares the search for keys near the one before with a look at all.
func TestFind(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		j := &joiner{keys: newTable[originEvent](nil), keysOf: make(map[uint32]span)}
		var all [3][]string
		for b := range all {
			for range r.IntN(40) {
				all[b] = append(all[b], fmt.Sprint("key ", r.IntN(100)))
			}
			slices.Sort(all[b])
			all[b] = slices.Compact(all[b])
			for _, k := range all[b] {
				j.keys.begin(uint32(b), []byte(k))
			}
		}
		j.keys.close()
		for k := range j.keys.len() {
			extend(j.keysOf, j.keys.scope(k), k, k+1)
		}
		near := uint32(0)
		for range 300 {
			b, key := uint32(r.IntN(4)), fmt.Sprint("key ", r.IntN(100))
			if r.IntN(10) == 0 {
				near = r.Uint32N(200)
			}
			got := j.find(b, key, &near)
			there := b < 3 && slices.Contains(all[b], key)
			if (got != noKey) != there || there && (j.keys.scope(got) != b || string(j.keys.name(got)) != key) {
				t.Fatalf("key %q of bucket %d: number %d", key, b, got)
			}
		}
	}
}

// TestWorst compares the choice of keys with a sort of all.
func TestWorst(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		lines, byLines := make([]uint32, r.IntN(50)), make(map[uint32]int)
		order := make([]int, len(lines))
		for i := range lines {
			lines[i] = 1 + r.Uint32N(6)
			byLines[lines[i]]++
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(lines[b], lines[a]) })
		limit := 1 + r.IntN(60)
		w := worstOf(limit, byLines)
		for i, n := range lines {
			if got, want := w.take(n), slices.Index(order, i) < limit; got != want {
				t.Fatalf("key %d of %d lines, the worst %d of %v: %v", i, n, limit, lines, got)
			}
		}
	}
}
