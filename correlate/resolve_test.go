package correlate

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/why403/why403/logs"
)

func TestParseEndpoint(t *testing.T) {
	f := func(host string, want Endpoint) {
		t.Helper()
		if got := ParseEndpoint(host); got != want {
			t.Errorf("%s: got %+v, want %+v", host, got, want)
		}
	}
	rest := func(bucket, region string) Endpoint {
		return Endpoint{Kind: EndpointREST, Bucket: bucket, Region: region}
	}
	web := func(bucket, region string) Endpoint {
		return Endpoint{Kind: EndpointWebsite, Bucket: bucket, Region: region}
	}
	f("b.s3.amazonaws.com", rest("b", ""))
	f("B.S3.AmazonAWS.com.", rest("b", ""))
	f("b.s3.amazonaws.com:443", rest("b", ""))
	f("b.s3.eu-west-1.amazonaws.com", rest("b", "eu-west-1"))
	f("b.s3-eu-west-1.amazonaws.com", rest("b", "eu-west-1"))
	f("b.s3-external-1.amazonaws.com", rest("b", "us-east-1"))
	f("b.s3.us-gov-west-1.amazonaws.com", rest("b", "us-gov-west-1"))
	f("b.s3.cn-north-1.amazonaws.com.cn", rest("b", "cn-north-1"))
	f("b.s3.eusc-de-east-1.amazonaws.eu", rest("b", "eusc-de-east-1"))
	f("www.example.com.s3.eu-west-1.amazonaws.com", rest("www.example.com", "eu-west-1"))
	f("www.example.com.s3.amazonaws.com", rest("www.example.com", ""))
	f("s3.s3.eu-west-1.amazonaws.com", rest("s3", "eu-west-1"))
	f("b.s3-fips.us-east-1.amazonaws.com", rest("b", "us-east-1"))
	f("b.s3-fips.dualstack.us-east-1.amazonaws.com", Endpoint{Kind: EndpointREST, Bucket: "b", Region: "us-east-1", DualStack: true})
	f("b.s3.dualstack.us-east-1.amazonaws.com", Endpoint{Kind: EndpointREST, Bucket: "b", Region: "us-east-1", DualStack: true})
	f("a.b.s3.dualstack.us-east-1.amazonaws.com", Endpoint{Kind: EndpointREST, Bucket: "a.b", Region: "us-east-1", DualStack: true})
	f("b.s3-accelerate.amazonaws.com", Endpoint{Kind: EndpointREST, Bucket: "b", Accelerate: true})
	f("b.s3-accelerate.dualstack.amazonaws.com", Endpoint{Kind: EndpointREST, Bucket: "b", Accelerate: true, DualStack: true})
	f("s3.eu-west-1.amazonaws.com", Endpoint{Kind: EndpointREST, Region: "eu-west-1", PathStyle: true})
	f("s3-eu-west-1.amazonaws.com", Endpoint{Kind: EndpointREST, Region: "eu-west-1", PathStyle: true})
	f("s3.dualstack.eu-west-1.amazonaws.com", Endpoint{Kind: EndpointREST, Region: "eu-west-1", PathStyle: true, DualStack: true})
	f("s3.amazonaws.com", Endpoint{Kind: EndpointREST, PathStyle: true})
	f("b.s3-website-eu-west-1.amazonaws.com", web("b", "eu-west-1"))
	f("b.s3-website.eu-central-1.amazonaws.com", web("b", "eu-central-1"))
	f("b.s3-website.cn-northwest-1.amazonaws.com.cn", web("b", "cn-northwest-1"))
	f("www.example.com.s3-website-us-east-1.amazonaws.com", web("www.example.com", "us-east-1"))
	f("my-ap-abc123-s3alias.s3.eu-west-1.amazonaws.com", Endpoint{Kind: EndpointAccessPoint, AccessPoint: "my-ap-abc123-s3alias", Region: "eu-west-1"})
	f("ap-111122223333.s3-accesspoint.eu-west-1.amazonaws.com", Endpoint{Kind: EndpointAccessPoint, AccessPoint: "ap-111122223333", Region: "eu-west-1"})
	f("ap-111122223333.s3-accesspoint.dualstack.eu-west-1.amazonaws.com", Endpoint{Kind: EndpointAccessPoint, AccessPoint: "ap-111122223333", Region: "eu-west-1", DualStack: true})
	f("mfzwi23gnjvgw.mrap.accesspoint.s3-global.amazonaws.com", Endpoint{Kind: EndpointMultiRegion, AccessPoint: "mfzwi23gnjvgw.mrap"})
	for _, host := range []string{
		"", "example.com", "amazonaws.com", ".amazonaws.com", "s3-website-eu-west-1.amazonaws.com", "d111.cloudfront.net",
		"x.execute-api.eu-west-1.amazonaws.com", "x.elb.eu-west-1.amazonaws.com", "b.s3.amazonaws.com.evil.example", "b.s3.nowhere.amazonaws.com",
		"b..s3.amazonaws.com", "abc.lambda-url.eu-west-1.on.aws", "bucket--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com", "b.s3-global.amazonaws.com",
	} {
		f(host, Endpoint{Kind: EndpointOther})
	}
}

func FuzzParseEndpoint(f *testing.F) {
	for _, s := range []string{"b.s3.eu-west-1.amazonaws.com", "b.s3-website-eu-west-1.amazonaws.com:80", "x.mrap.accesspoint.s3-global.amazonaws.com", "[::1]:80", "..amazonaws.com"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, host string) {
		e := ParseEndpoint(host)
		if e.Kind == EndpointOther && e != (Endpoint{Kind: EndpointOther}) {
			t.Errorf("%q: %+v", host, e)
		}
		if named := e.Bucket != "" || e.AccessPoint != ""; e.Kind != EndpointOther && named == e.PathStyle {
			t.Errorf("%q: %+v", host, e)
		}
	})
}

const distributionText = `{"ETag": "E2QW", "Distribution": {"Id": "E1", "ARN": "arn:aws:cloudfront::111122223333:distribution/E1", "Status": "Deployed",
 "LastModifiedTime": "2026-01-02T03:04:05Z", "DomainName": "d1.cloudfront.net", "DistributionConfig": {
  "Aliases": {"Quantity": 1, "Items": ["www.example.com"]}, "DefaultRootObject": "index.html", "Enabled": true, "Staging": false, "IsIPV6Enabled": true,
  "WebACLId": "arn:aws:wafv2:us-east-1:111122223333:global/webacl/w/1",
  "Origins": {"Quantity": 3, "Items": [
   {"Id": "site", "DomainName": "site.s3.eu-west-1.amazonaws.com", "OriginPath": "/prod", "CustomHeaders": {"Quantity": 0}, "S3OriginConfig": {"OriginAccessIdentity": ""}, "OriginAccessControlId": "OAC1"},
   {"Id": "old", "DomainName": "old.s3.amazonaws.com", "OriginPath": "", "S3OriginConfig": {"OriginAccessIdentity": "origin-access-identity/cloudfront/E2OAI"}},
   {"Id": "web", "DomainName": "web.s3-website-eu-west-1.amazonaws.com", "OriginPath": "", "CustomHeaders": {"Quantity": 1, "Items": [{"HeaderName": "Referer", "HeaderValue": "token"}]}, "CustomOriginConfig": {"OriginProtocolPolicy": "http-only"}}]},
  "OriginGroups": {"Quantity": 1, "Items": [{"Id": "both", "FailoverCriteria": {"StatusCodes": {"Quantity": 2, "Items": [403, 503]}}, "Members": {"Quantity": 2, "Items": [{"OriginId": "site"}, {"OriginId": "old"}]}}]},
  "DefaultCacheBehavior": {"TargetOriginId": "site", "ViewerProtocolPolicy": "redirect-to-https", "TrustedSigners": {"Enabled": false, "Quantity": 0}, "TrustedKeyGroups": {"Enabled": false, "Quantity": 0},
    "AllowedMethods": {"Quantity": 2, "Items": ["HEAD", "GET"], "CachedMethods": {"Quantity": 2, "Items": ["HEAD", "GET"]}}, "LambdaFunctionAssociations": {"Quantity": 0},
    "FunctionAssociations": {"Quantity": 1, "Items": [{"FunctionARN": "arn:aws:cloudfront::111122223333:function/index", "EventType": "viewer-request"}]}, "CachePolicyId": "c1", "OriginRequestPolicyId": "o1"},
  "CacheBehaviors": {"Quantity": 2, "Items": [
    {"PathPattern": "/web/*", "TargetOriginId": "web", "ViewerProtocolPolicy": "allow-all", "TrustedKeyGroups": {"Enabled": true, "Quantity": 1, "Items": ["k1"]}, "ForwardedValues": {"QueryString": true, "Cookies": {"Forward": "none"}, "Headers": {"Quantity": 1, "Items": ["Host"]}}},
    {"PathPattern": "img/*.p?g", "TargetOriginId": "both", "ViewerProtocolPolicy": "https-only"}]},
  "CustomErrorResponses": {"Quantity": 1, "Items": [{"ErrorCode": 403, "ResponsePagePath": "/index.html", "ResponseCode": "200", "ErrorCachingMinTTL": 300}]},
  "Logging": {"Enabled": true, "IncludeCookies": false, "Bucket": "logs.s3.amazonaws.com", "Prefix": "cdn/"},
  "Restrictions": {"GeoRestriction": {"RestrictionType": "whitelist", "Quantity": 1, "Items": ["DE"]}}}}}`

func TestParseDistribution(t *testing.T) {
	d, err := ParseDistribution([]byte(distributionText))
	if err != nil {
		t.Fatal(err)
	}
	want := &Distribution{
		ID: "E1", ARN: "arn:aws:cloudfront::111122223333:distribution/E1", DomainName: "d1.cloudfront.net", Status: "Deployed", Enabled: true,
		Aliases: []string{"www.example.com"}, DefaultRootObject: "index.html", IPv6: true, LastModified: "2026-01-02T03:04:05Z",
		Origins: []Origin{
			{ID: "site", DomainName: "site.s3.eu-west-1.amazonaws.com", OriginPath: "/prod", S3: true, OriginAccessControlID: "OAC1"},
			{ID: "old", DomainName: "old.s3.amazonaws.com", S3: true, OriginAccessIdentity: "E2OAI"},
			{ID: "web", DomainName: "web.s3-website-eu-west-1.amazonaws.com", ProtocolPolicy: "http-only", CustomHeaders: []Header{{"Referer", "token"}}},
		},
		OriginGroups: []OriginGroup{{ID: "both", Members: []string{"site", "old"}, Statuses: []int{403, 503}}},
		Behaviors: []Behavior{
			{PathPattern: "/web/*", TargetOriginID: "web", ViewerProtocolPolicy: "allow-all", TrustedKeyGroups: []string{"k1"}, Restricted: true, ForwardedHeaders: []string{"Host"}, ForwardedQuery: true},
			{PathPattern: "img/*.p?g", TargetOriginID: "both", ViewerProtocolPolicy: "https-only"},
			{PathPattern: "*", TargetOriginID: "site", ViewerProtocolPolicy: "redirect-to-https", AllowedMethods: []string{"HEAD", "GET"}, CachePolicyID: "c1", OriginRequestPolicyID: "o1",
				Functions: []FunctionAssociation{{"viewer-request", "arn:aws:cloudfront::111122223333:function/index", false}}},
		},
		ErrorResponses: []ErrorResponse{{403, 200, "/index.html", 300}},
		WebACLID:       "arn:aws:wafv2:us-east-1:111122223333:global/webacl/w/1",
		GeoRestriction: GeoRestriction{"whitelist", []string{"DE"}},
		LogBucket:      "logs", LogPrefix: "cdn/",
	}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Error(diff)
	}
	if d.AccountID() != "111122223333" {
		t.Errorf("account %q", d.AccountID())
	}

	// The other shapes hold the same configuration.
	_, config, _ := strings.Cut(distributionText, `"DistributionConfig": `)
	config = strings.TrimSuffix(config, "}}")
	for name, text := range map[string]string{"get-distribution-config": `{"ETag": "x", "DistributionConfig": ` + config + `}`, "bare": config} {
		got, err := ParseDistribution([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got.ID, got.ARN, got.DomainName, got.Status, got.LastModified = d.ID, d.ARN, d.DomainName, d.Status, d.LastModified
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestParseFailure(t *testing.T) {
	f := func(text, want string, err error) {
		t.Helper()
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
	distribution := func(s string) error { _, err := ParseDistribution([]byte(s)); return err }
	website := func(s string) error { _, err := ParseWebsite([]byte(s)); return err }
	const noConfig = "distribution: no DistributionConfig with Origins and DefaultCacheBehavior; expected the JSON of get-distribution or get-distribution-config"
	f("{}", noConfig, distribution("{}"))
	f("other", noConfig, distribution(`{"Distribution": {"Id": "E1"}}`))
	f("cut", "distribution: unexpected end of JSON input", distribution(`{"Distribution"`))
	f("{}", "website configuration: neither IndexDocument nor RedirectAllRequestsTo; expected the JSON of get-bucket-website", website("{}"))
	f("number", `website configuration: "4x3" is not a number`, website(`{"IndexDocument":{"Suffix":"i"},"RoutingRules":[{"Condition":{"HttpErrorCodeReturnedEquals":"4x3"}}]}`))
}

func TestResolve(t *testing.T) {
	d, err := ParseDistribution([]byte(distributionText))
	if err != nil {
		t.Fatal(err)
	}
	r := NewResolver(d, map[string]*Website{"web": {IndexSuffix: "home.html"}})
	f := func(stem, pattern, bucket, key string) {
		t.Helper()
		res := r.Resolve(stem)
		if res.Behavior == nil || res.Behavior.PathPattern != pattern || res.Bucket != bucket || res.Key != key {
			t.Errorf("%s: got %+v", stem, res)
		}
	}
	f("/", "*", "site", "prod/index.html")
	f("/index.html", "*", "site", "prod/index.html")
	f("/docs/", "*", "site", "prod/docs/")
	f("//", "*", "site", "prod//")
	f("/a%2520b", "*", "site", "prod/a b")
	f("/a%252520b", "*", "site", "prod/a%20b")
	f("/a+b", "*", "site", "prod/a b")
	f("/a%252Bb", "*", "site", "prod/a+b")
	f("/%E6%97%A5", "*", "site", "prod/日") // raw bytes on the wire
	f("/%25E6%2597%25A5", "*", "site", "prod/日")
	f("/x.", "*", "site", "prod/x.")
	f("/x%2520", "*", "site", "prod/x ")
	f("/100%25", "*", "site", "prod/100%") // a lone percent sign stays
	f("/web/", "/web/*", "web", "web/home.html")
	f("/web/a/", "/web/*", "web", "web/a/home.html")
	f("/web/a", "/web/*", "web", "web/a")
	f("/Web/a", "*", "site", "prod/Web/a")
	f("/img/x.png", "img/*.p?g", "site", "prod/img/x.png")
	f("/img/a/b/x.pag", "img/*.p?g", "site", "prod/img/a/b/x.pag")
	f("/img/x.pg", "*", "site", "prod/img/x.pg")
	// The pattern is matched on the normalised path, the raw one is sent.
	f("/x/../img//x.png", "img/*.p?g", "site", "prod/x/../img//x.png")
	f("/im%2567/x.png", "img/*.p?g", "site", "prod/img/x.png")
	f("/IMG/x.png", "*", "site", "prod/IMG/x.png")

	res := r.Resolve("/img/x.png")
	if res.Group == nil || res.Second == nil || res.Second.Bucket != "old" || res.Second.Key != "img/x.png" {
		t.Errorf("second origin: %+v", res.Second)
	}
	got := strings.Join(res.Steps(), "\n")
	want := `the viewer asked for "/img/x.png"
behavior "img/*.p?g" matches
origin group "both" asks its primary origin first
origin "site" puts its origin path "/prod" before the path
origin "site.s3.eu-west-1.amazonaws.com" is asked for "/prod/img/x.png"
S3 looks for key "prod/img/x.png" in bucket site
on status 403, 503 the second origin is asked
origin "old.s3.amazonaws.com" is asked for "/img/x.png"
S3 looks for key "img/x.png" in bucket old`
	if got != want {
		t.Errorf("steps:\n%s", cmp.Diff(want, got))
	}
}

func TestResolveOrigins(t *testing.T) {
	f := func(domain, path, root, stem, bucket, key string, lists bool) {
		t.Helper()
		r := NewResolver(&Distribution{ID: "E1", DefaultRootObject: root, Origins: []Origin{{ID: "o", DomainName: domain, OriginPath: path}}, Behaviors: []Behavior{{PathPattern: "*", TargetOriginID: "o"}}}, nil)
		res := r.Resolve(stem)
		if res.Bucket != bucket || res.Key != key || res.ListsBucket() != lists {
			t.Errorf("%s %s: got bucket %q, key %q, lists %v", domain, stem, res.Bucket, res.Key, res.ListsBucket())
		}
	}
	f("b.s3.eu-west-1.amazonaws.com", "", "", "/", "b", "", true)
	f("b.s3.eu-west-1.amazonaws.com", "/prod", "", "/", "b", "prod/", false)
	f("b.s3.eu-west-1.amazonaws.com", "", "/index.html", "/", "b", "/index.html", false) // a slash too many
	f("b.s3-website-eu-west-1.amazonaws.com", "", "", "/", "b", "index.html", false)
	f("b.s3-website-eu-west-1.amazonaws.com", "", "", "/a/", "b", "a/index.html", false)
	f("s3.eu-west-1.amazonaws.com", "/b", "", "/a/x", "b", "a/x", false)
	f("s3.eu-west-1.amazonaws.com", "", "", "/b/a/x", "b", "a/x", false)
	f("x-s3alias.s3.eu-west-1.amazonaws.com", "", "", "/a", "x-s3alias", "a", false)
	f("api.example.com", "", "", "/a", "", "", false)

	res := NewResolver(&Distribution{Origins: []Origin{{ID: "o", DomainName: "b.s3-website-eu-west-1.amazonaws.com"}}, Behaviors: []Behavior{{PathPattern: "*", TargetOriginID: "o"}}},
		map[string]*Website{"b": {RedirectAll: "example.org", RedirectProto: "https"}}).Resolve("/a b")
	if res.Redirect != "https://example.org/a%20b" {
		t.Errorf("redirect %q", res.Redirect)
	}
}

// For random distributions and keys, a path built from a key leads back to it.
func TestPathFromKeyLeadsBack(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	pick := func(list ...string) string { return list[rng.IntN(len(list))] }
	segment := func() string {
		switch rng.IntN(6) {
		case 0:
			b := make([]byte, 1+rng.IntN(6))
			for i := range b {
				if b[i] = byte(rng.Uint32()); b[i] == '/' {
					b[i] = 'x'
				}
			}
			return string(b)
		case 1:
			return pick("caf\u00e9", "cafe\u0301", "日本", "a b", "a+b", "100%", "%20", "x ", "x.", "...", "?q", "#", "\x00", "\xff")
		}
		return fmt.Sprintf("%c%d%s", 'a'+rng.IntN(26), rng.IntN(100), pick("", ".html", ".JPG", "_", "-"))
	}
	key := func() string {
		var b strings.Builder
		for range 1 + rng.IntN(4) {
			b.WriteString(segment())
			b.WriteString(pick("/", "/", "/", "//"))
		}
		if rng.IntN(4) > 0 {
			b.WriteString(segment())
		}
		return b.String()
	}
	check := func(r *Resolver, bucket, path, k string) {
		t.Helper()
		rest, ok := strings.CutPrefix(k, strings.TrimPrefix(path, "/")+"/")
		if path == "" {
			rest, ok = k, true
		}
		if !ok {
			t.Fatalf("key %q is not under %q", k, path)
		}
		stem := string(logs.Escape(nil, []byte(WireOfKey(rest))))
		if res := r.Resolve(stem); res.Key != k || res.Bucket != bucket {
			t.Errorf("key %q: path %q leads to bucket %q, key %q", k, stem, res.Bucket, res.Key)
		}
	}
	for range 3000 {
		d := &Distribution{ID: "E1", DefaultRootObject: pick("", "index.html")}
		path := pick("", "", "/prod", "/a/b")
		for _, id := range []string{"one", "two"} {
			d.Origins = append(d.Origins, Origin{ID: id, DomainName: id + pick(".s3.eu-west-1.amazonaws.com", ".s3.amazonaws.com", ".s3-eu-west-1.amazonaws.com"), OriginPath: path})
		}
		d.Behaviors = []Behavior{{PathPattern: pick("/none/*", "*.none", "/no?e/x"), TargetOriginID: "two"}, {PathPattern: "*", TargetOriginID: "one"}}
		k := key()
		if strings.HasPrefix(k, "no") || strings.HasSuffix(k, ".none") {
			continue
		}
		if path != "" {
			k = strings.TrimPrefix(path, "/") + "/" + k
		}
		check(NewResolver(d, nil), "one", path, k)
	}
	// Every byte.
	d := &Distribution{ID: "E1", Origins: []Origin{{ID: "o", DomainName: "o.s3.amazonaws.com"}}, Behaviors: []Behavior{{PathPattern: "*", TargetOriginID: "o"}}}
	for c := range 256 {
		for _, k := range []string{string([]byte{byte(c)}), "a" + string([]byte{byte(c)}), "a" + string([]byte{byte(c)}) + "b"} {
			if k != "/" {
				check(NewResolver(d, nil), "o", "", k)
			}
		}
	}
}

func FuzzResolve(f *testing.F) {
	d, err := ParseDistribution([]byte(distributionText))
	if err != nil {
		f.Fatal(err)
	}
	r := NewResolver(d, nil)
	for _, s := range []string{"/", "", "/web/", "/img/%25", "/../../img/x.png", "//", "/a?b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, stem string) {
		res := r.Resolve(stem)
		if res.Behavior == nil || !res.S3 {
			t.Errorf("%q: %+v", stem, res)
		}
		res.Steps()
	})
}

func TestDeriveEdit(t *testing.T) {
	f := func(from, to, want string) {
		t.Helper()
		got := "-"
		if e, ok := deriveEdit(from, to); ok {
			got = e.String()
		}
		if got != want {
			t.Errorf("%q to %q: got %s, want %s", from, to, got, want)
		}
	}
	f("a", "a", "none")
	f("docs/", "docs/index.html", "append index.html")
	f("docs", "docs/index.html", "append /index.html")
	f("about", "about.html", "append .html")
	f("", "index.html", "append index.html")
	f("", "site/index.html", "add prefix site/ and append index.html")
	f("a.js", "prod/a.js", "add prefix prod/")
	f("docs/", "prod/docs/index.html", "add prefix prod/ and append index.html")
	f("v1/a.js", "a.js", "strip prefix v1/")
	f("docs/", "docs", "strip suffix /")
	f("a.html", "a", "strip suffix .html")
	f("A/B.JPG", "a/b.jpg", "lower-case")
	f("v1/x/app.js", "v2/x/app.js", "replace prefix v1/ by v2/")
	f("a.js", "other.css", "-")
	f("a", "bab", "-")
	f("", "", "none")
	f("", "dir/", "-")
}

func FuzzDeriveEdit(f *testing.F) {
	f.Add("docs/", "prod/docs/index.html")
	f.Add("", "x/.html")
	f.Add("A/\xff", "a/\xff")
	f.Fuzz(func(t *testing.T, from, to string) {
		if e, ok := deriveEdit(from, to); ok {
			if got, ok := e.apply(from); !ok || got != to {
				t.Errorf("%q to %q: %s gives %q", from, to, e, got)
			}
		}
	})
}

func TestMatchPath(t *testing.T) {
	f := func(pattern, path string, want bool) {
		t.Helper()
		if got := matchPath(pattern, path); got != want {
			t.Errorf("%s on %s: %v", pattern, path, got)
		}
	}
	f("*", "/", true)
	f("/images/*", "/images/a/b", true)
	f("images/*", "/images/a", true)
	f("/images/*", "/Images/a", false)
	f("*.jpg", "/a/b.jpg", true)
	f("*.jpg", "/a/b.jpg.txt", false)
	f("/a??.jpg", "/ab1.jpg", true)
	f("/a??.jpg", "/ab.jpg", false)
	f("/a*b*c", "/axxbyybzzc", true)
	f("/a*b*c", "/axxbyy", false)
	f("/", "/", true)
	f("", "/", true)
	f("/a", "/a/", false)
	f("*a*a*a*a*b", "/"+strings.Repeat("a", 5000), false)
}

func TestNormalPath(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := normalPath(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	f("/", "/")
	f("//", "/")
	f("/a//b", "/a/b")
	f("/a/./b", "/a/b")
	f("/a/../b", "/b")
	f("/../b", "/b")
	f("/a/..", "/")
	f("/a/.", "/a/")
	f("/a/b/", "/a/b/")
	f("/%61%2f%e9", "/a%2F%E9")
	f("/%zz%4", "/%zz%4")
	f("/.well-known/x", "/.well-known/x")
}

func TestWebsite(t *testing.T) {
	w, err := ParseWebsite([]byte(`{"IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "404.html"}, "RoutingRules": [
		{"Condition": {"KeyPrefixEquals": "old/"}, "Redirect": {"ReplaceKeyPrefixWith": "new/"}},
		{"Condition": {"KeyPrefixEquals": "gone/", "HttpErrorCodeReturnedEquals": "404"}, "Redirect": {"HostName": "archive.example.com", "Protocol": "https", "HttpRedirectCode": "302"}},
		{"Condition": {"HttpErrorCodeReturnedEquals": "403"}, "Redirect": {"ReplaceKeyWith": "login.html"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]Existence{"index.html": Readable, "a": Readable, "a/index.html": Readable, "b/index.html": Readable, "404.html": Readable, "secret": Unreadable, "c/index.html": Unreadable, "moved": Readable}
	ask := func(key string) Existence { return have[key] }
	location := func(key string) string {
		if key == "moved" {
			return "/a"
		}
		return ""
	}
	f := func(key string, want Answer) {
		t.Helper()
		if got := w.Resolve(key, ask, location); got != want {
			t.Errorf("%q: got %+v, want %+v", key, got, want)
		}
	}
	f("", Answer{200, "index.html", "index.html", ""})
	f("a", Answer{200, "a", "a", ""})
	f("a/", Answer{200, "a/index.html", "a/index.html", ""})
	f("b", Answer{302, "b", "", "/b/"})
	f("x", Answer{404, "x", "404.html", ""})
	f("x/", Answer{404, "x/index.html", "404.html", ""})
	f("moved", Answer{301, "moved", "", "/a"})
	f("old/p q", Answer{301, "old/p q", "", "/new/p%20q"})
	f("gone/x", Answer{302, "gone/x", "", "https://archive.example.com/gone/x"})
	f("secret", Answer{301, "secret", "", "/login.html"})
	f("c", Answer{301, "c", "", "/login.html"})

	w.Rules = nil
	f("secret", Answer{403, "secret", "404.html", ""})
	f("c", Answer{403, "c", "404.html", ""})
	w.ErrorKey = "none.html"
	f("x", Answer{404, "x", "", ""})
	w.Rules = []RoutingRule{{KeyPrefix: "app/", ReplacePrefix: "#!/caf\u00e9 ", HasReplacePrefix: true}, {ErrorCode: 404, ReplaceKey: "find?q=%20", HasReplaceKey: true}}
	f("app/a#b", Answer{301, "app/a#b", "", "/#!/caf%C3%A9%20a%23b"})
	f("x", Answer{301, "x", "", "/find?q=%20"})

	private := func(string) Existence { return Hidden }
	if got := w.Resolve("a/", private, nil); got != (Answer{403, "a/index.html", "", ""}) {
		t.Errorf("private: %+v", got)
	}
	all, err := ParseWebsite([]byte(`{"RedirectAllRequestsTo": {"HostName": "example.org"}}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := all.Resolve("a", private, nil); got != (Answer{301, "a", "", "http://example.org/a"}) {
		t.Errorf("redirect all: %+v", got)
	}
}
