package correlate

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/why403/why403/logs"
)

// A scenario's lines are short: "cf" lines hold clock, time-taken, method, stem,
// status and name=value pairs; "s3" lines clock, operation, bucket, key,
// status and pairs; "cf-ok" and "s3-ok" lines are those that passed. The key is
// given as logged.
var day = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

func clock(t testing.TB, s string) int64 {
	t.Helper()
	for _, layout := range []string{"15:04:05.000", "15:04:05", "15:04"} {
		if v, err := time.Parse(layout, s); err == nil {
			return day.UnixMilli() + int64(v.Sub(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC))/time.Millisecond)
		}
	}
	t.Fatalf("bad clock %q", s)
	return 0
}

func pairs(words []string) map[string][]byte {
	m := make(map[string][]byte)
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		m[k] = []byte(strings.ReplaceAll(v, "_", " "))
	}
	return m
}

func or(b []byte, s string) []byte {
	if b == nil {
		return []byte(s)
	}
	if len(b) == 0 {
		return nil
	}
	return b
}

// feed gives a scenario to the handlers, line by line in turn.
func feed(t testing.TB, text string, handlers ...logs.Handler) {
	t.Helper()
	object := &logs.Object{URI: "test"}
	for n, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		w := strings.Fields(line)
		if len(w) == 0 {
			continue
		}
		h := handlers[n%len(handlers)]
		ref := logs.Ref{Object: object, Line: int64(n + 1)}
		at := clock(t, w[1])
		switch w[0] {
		case "cf":
			p := pairs(w[6:])
			var taken float64
			fmt.Sscan(w[2], &taken)
			var status int
			fmt.Sscan(w[5], &status)
			ttfb := int64(-1)
			if v := p["ttfb"]; v != nil {
				fmt.Sscan(string(v), &ttfb)
			}
			fbl := int64(-1)
			switch s := string(p["fbl"]); s {
			case "":
			case "-":
				fbl = logs.NoOrigin
			default:
				fmt.Sscan(s, &fbl)
			}
			h.Edge(&logs.EdgeRecord{
				Ref: ref, Time: at, TimeTaken: int64(taken * 1000), FirstByte: ttfb,
				Distribution: or(p["dist"], "E1"), Location: or(p["loc"], "FRA60-P1"), ClientIP: or(p["ip"], "198.51.100.7"),
				Method: []byte(w[3]), Domain: []byte("d1.cloudfront.net"), Host: or(p["host"], "www.example.com"),
				Stem: []byte(w[4]), Query: p["query"], Status: status, Referer: p["referer"], UserAgent: or(p["agent"], "Mozilla/5.0"),
				Result: or(p["result"], "Error"), ResponseResult: or(p["result"], "Error"), DetailedResult: or(p["detailed"], "Error"),
				RequestID: or(p["id"], fmt.Sprintf("cf-%d", n+1)), Protocol: or(p["proto"], "https"),
				Bytes: -1, RequestBytes: -1, ContentType: or(p["type"], "application/xml"), ContentLength: -1, OriginFirstByte: fbl,
				PathPattern: p["pattern"],
			})
		case "s3":
			p := pairs(w[6:])
			var status int
			fmt.Sscan(w[5], &status)
			key := []byte(w[4])
			if w[4] == "-" {
				key = nil
			}
			h.Origin(&logs.OriginRecord{
				Ref: ref, Time: at, Bucket: []byte(w[3]), RemoteIP: p["ip"], Requester: or(p["requester"], serviceRequester),
				RequestID: or(p["id"], fmt.Sprintf("s3-%d", n+1)), Operation: []byte(w[2]), Key: key, KeyLayers: 2,
				RequestURI: []byte("GET /" + w[4] + " HTTP/1.1"), Status: status, ErrorCode: or(p["code"], "AccessDenied"), UserAgent: p["agent"],
				BytesSent: 243, HostHeader: or(p["host"], w[3]+".s3.eu-central-1.amazonaws.com"),
			})
		case "cf-ok":
			h.EdgePassed(or(pairs(w[3:])["dist"], "E1"), []byte(w[2]), 200, at)
		case "s3-ok":
			h.OriginPassed(&logs.OriginRecord{Ref: ref, Time: at, Bucket: []byte(w[2]), Key: []byte(w[3]), KeyLayers: 2, Operation: []byte("REST.GET.OBJECT"), Requester: []byte(serviceRequester), Status: 200})
		case "waf":
			h.Firewall(&logs.FirewallRecord{Ref: ref, Time: at, RequestID: []byte(w[2]), Action: []byte("BLOCK"), RuleID: []byte(w[3])})
		default:
			t.Fatalf("line %d: unknown kind %q", n+1, w[0])
		}
	}
}

func correlateText(t testing.TB, s Settings, text string) *Result {
	t.Helper()
	c := New(Options{KeepPairs: true})
	feed(t, text, c.Handler())
	r, err := c.Result(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func oacSite() Settings {
	return Settings{Distributions: []*Distribution{{
		ID: "E1", DefaultRootObject: "index.html",
		Origins:   []Origin{{ID: "site", DomainName: "site.s3.eu-central-1.amazonaws.com", OriginPath: "/prod", S3: true, OriginAccessControlID: "OAC1"}},
		Behaviors: []Behavior{{PathPattern: "*", TargetOriginID: "site"}},
	}}}
}

func TestJoinsOnePair(t *testing.T) {
	for name, s := range map[string]Settings{"settings": oacSite(), "no settings": {}} {
		r := correlateText(t, s, `
			cf 09:12:01 0.050 GET /a%2520b.js 403
			s3 09:12:00 REST.GET.OBJECT site prod/a%2Bb.js 403
		`)
		if r.Keys.Len() != 1 || r.Direct.Len()+r.Edge.Len() != 0 {
			t.Fatalf("%s: %d keys, %d direct, %d edge", name, r.Keys.Len(), r.Direct.Len(), r.Edge.Len())
		}
		k := r.Keys.At(0)
		if k.Bucket != "site" || k.Key != "prod/a b.js" || k.KeyKnown != KeyLogged || k.Access != AccessOAC || k.Join.Joined != 1 || k.Distribution != "E1" {
			t.Errorf("%s: got %+v", name, k)
		}
		if len(r.Pairs) != 1 || r.Pairs[0] != (Pair{"cf-2", "s3-3", false}) {
			t.Errorf("%s: pairs %v", name, r.Pairs)
		}
		if len(k.Samples) != 1 || k.Samples[0].Edge == nil || k.Samples[0].Origin == nil {
			t.Errorf("%s: samples %+v", name, k.Samples)
		}
	}
}
