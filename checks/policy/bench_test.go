package policy

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// tenStatements is a bucket policy of the size found in practice: an OAC grant, Referer and address rules, a
// per-team prefix, TLS and endpoint Denies.
const tenStatements = `{"Version":"2012-10-17","Id":"site","Statement":[
{"Sid":"OAC","Effect":"Allow","Principal":{"Service":"cloudfront.amazonaws.com"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::site/*","Condition":{"StringEquals":{"AWS:SourceArn":"arn:aws:cloudfront::111122223333:distribution/E1"}}},
{"Sid":"OAI","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::site/*"},
{"Sid":"Deploy","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/Deploy"},"Action":["s3:PutObject","s3:DeleteObject","s3:ListBucket"],"Resource":["arn:aws:s3:::site","arn:aws:s3:::site/*"]},
{"Sid":"Team","Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"s3:*","Resource":"arn:aws:s3:::site/team-${aws:PrincipalTag/team}/*"},
{"Sid":"Referer","Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::site/*","Condition":{"StringLike":{"aws:Referer":["TOKEN-1","TOKEN-2"]}}},
{"Sid":"Office","Effect":"Allow","Principal":"*","Action":"s3:Get*","Resource":"arn:aws:s3:::site/internal/*.html","Condition":{"IpAddress":{"aws:SourceIp":["203.0.113.0/24","2001:db8::/32"]}}},
{"Sid":"TLS","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::site","arn:aws:s3:::site/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}},
{"Sid":"OldTLS","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::site","arn:aws:s3:::site/*"],"Condition":{"NumericLessThan":{"s3:TlsVersion":"1.2"}}},
{"Sid":"Drafts","Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::site/*/drafts/*","Condition":{"StringNotEqualsIfExists":{"aws:SourceVpce":"vpce-1"}}},
{"Sid":"Expired","Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::site/campaign/*","Condition":{"DateGreaterThan":{"aws:CurrentTime":"2027-01-01T00:00:00Z"}}}]}`

func benchmarkRequest() *Request {
	ctx := &Context{}
	ctx.Set("aws:Referer", "TOKEN-2")
	ctx.Set("aws:SourceIp", "198.51.100.20")
	ctx.Set("aws:SecureTransport", "true")
	ctx.Set("s3:TlsVersion", "1.3")
	ctx.Set("aws:CurrentTime", "2026-11-25T03:15:00Z")
	ctx.Set("aws:UserAgent", "Amazon CloudFront")
	return &Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::site/campaign/2026/index.html", Context: ctx}
}

// TestDecisionAllocations: the match path allocates nothing, whatever the operators.
func TestDecisionAllocations(t *testing.T) {
	p := mustParse(t, BucketPolicy, tenStatements)
	r := benchmarkRequest()
	if got := p.Decision(r); got != Allow {
		t.Fatalf("decision %s", got)
	}
	internal := *r
	internal.Resource = "arn:aws:s3:::site/internal/a.html"
	insider := *r
	insider.Principal = Principal{Type: IAM, ARN: genARNs[0]}
	for _, r := range []*Request{r, &internal, &insider} {
		if n := testing.AllocsPerRun(100, func() { p.Decision(r) }); n != 0 {
			t.Errorf("%s by %s: %v allocations", r.Resource, r.Principal.Type, n)
		}
	}
}

func BenchmarkDecision(b *testing.B) {
	p := mustParse(b, BucketPolicy, tenStatements)
	r := benchmarkRequest()
	b.ReportAllocs()
	for b.Loop() {
		if p.Decision(r) != Allow {
			b.Fatal("not allowed")
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
}

func BenchmarkEvaluate(b *testing.B) {
	p := mustParse(b, BucketPolicy, tenStatements)
	r := benchmarkRequest()
	b.ReportAllocs()
	for b.Loop() {
		p.Evaluate(r)
	}
}

func BenchmarkExplain(b *testing.B) {
	p := mustParse(b, BucketPolicy, tenStatements)
	r := benchmarkRequest()
	b.ReportAllocs()
	for b.Loop() {
		p.Explain("bucketPolicy", r)
	}
}

func BenchmarkParse(b *testing.B) {
	b.SetBytes(int64(len(tenStatements)))
	b.ReportAllocs()
	for b.Loop() {
		mustParse(b, BucketPolicy, tenStatements)
	}
}

// BenchmarkRunCases reads, decides and prints 3,000 cases: the corpus, repeated, and a ten-statement policy each.
func BenchmarkRunCases(b *testing.B) {
	run := func(name string, data []byte) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if n, _, err := RunCases(bytes.NewReader(data), io.Discard); n != 3000 || err != nil {
					b.Fatal(n, err)
				}
			}
		})
	}
	var corpus []byte
	files, _ := filepath.Glob("testdata/*.jsonl")
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			b.Fatal(err)
		}
		corpus = append(corpus, data...)
	}
	first3000 := func(lines func(i int) []byte) (data []byte) {
		for i := range 3000 {
			data = append(append(data, lines(i)...), '\n')
		}
		return data
	}
	lines := bytes.Split(bytes.TrimSpace(corpus), []byte("\n"))
	run("corpus", first3000(func(i int) []byte { return lines[i%len(lines)] }))

	var document object
	json.Unmarshal([]byte(tenStatements), &document)
	g := generator{rand.New(rand.NewPCG(11, 12))}
	run("ten-statements", first3000(func(i int) []byte {
		line, err := json.Marshal(object{"id": i, "account": genAccount, "policy": document,
			"request": object{"principal": g.requester(), "action": "s3:GetObject", "resource": g.resource(false), "context": g.context()}})
		if err != nil {
			b.Fatal(err)
		}
		return line
	}))
}
