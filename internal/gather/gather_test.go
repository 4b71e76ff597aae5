package gather

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/correlate"
)

// site is a small snapshot made by hand.
func site() fstest.MapFS {
	files := map[string]string{
		"caller-identity.json":             `{"UserId":"AIDAX","Account":"111122223333","Arn":"arn:aws:iam::111122223333:user/op"}`,
		"account/public-access-block.json": `{"PublicAccessBlockConfiguration":{"BlockPublicAcls":true,"IgnorePublicAcls":true,"BlockPublicPolicy":true,"RestrictPublicBuckets":true}}`,
		"account/effective-s3-policy.json": `{"Error":{"Code":"AccessDeniedException","Message":"You don't have permissions"}}`,
		"organization/rcp/perimeter.json":  `{"Policy":{"PolicySummary":{"Id":"p-1","Name":"perimeter"},"Content":"{\"Version\":\"2012-10-17\",\"Statement\":[]}"}}`,
		"distributions/E1/distribution.json": `{"ETag":"E","Distribution":{"Id":"E1","ARN":"arn:aws:cloudfront::111122223333:distribution/E1","Status":"Deployed","DomainName":"d1.cloudfront.net",
			"DistributionConfig":{"Enabled":true,"DefaultRootObject":"index.html","Origins":{"Quantity":1,"Items":[{"Id":"o","DomainName":"site-a.s3.eu-west-1.amazonaws.com","OriginPath":"","OriginAccessControlId":"OAC1","S3OriginConfig":{"OriginAccessIdentity":""}}]},
			"DefaultCacheBehavior":{"TargetOriginId":"o","ViewerProtocolPolicy":"allow-all","CachePolicyId":"CP1"}}}}`,
		"origin-access-controls/OAC1.json":        `{"OriginAccessControl":{"Id":"OAC1","OriginAccessControlConfig":{"Name":"n","SigningProtocol":"sigv4","SigningBehavior":"always","OriginAccessControlOriginType":"s3"}},"ETag":"E"}`,
		"cache-policies/CP1.json":                 `{"CachePolicy":{"Id":"CP1","CachePolicyConfig":{"Name":"c","MinTTL":1,"DefaultTTL":2,"MaxTTL":3,"ParametersInCacheKeyAndForwardedToOrigin":{"HeadersConfig":{"HeaderBehavior":"whitelist","Headers":{"Quantity":1,"Items":["Origin"]}},"QueryStringsConfig":{"QueryStringBehavior":"all"}}}}}`,
		"functions/rewrite.json":                  `{"FunctionSummary":{"Name":"rewrite","FunctionMetadata":{"FunctionARN":"arn:aws:cloudfront::111122223333:function/rewrite"}}}`,
		"functions/rewrite.js":                    "function handler(event) {\n  return event.request;\n}\n",
		"buckets/site-a/head.json":                `{"BucketRegion":"eu-west-1","AccessPointAlias":false}`,
		"buckets/site-a/policy.json":              `{"Policy":"{\"Version\":\"2012-10-17\",\"Statement\":[]}"}`,
		"buckets/site-a/policy-status.json":       `{"PolicyStatus":{"IsPublic":false}}`,
		"buckets/site-a/public-access-block.json": `{"Error":{"Code":"NoSuchPublicAccessBlockConfiguration","Message":"m"}}`,
		"buckets/site-a/ownership-controls.json":  `{"OwnershipControls":{"Rules":[{"ObjectOwnership":"ObjectWriter"}]}}`,
		"buckets/site-a/acl.json":                 `{"Owner":{"ID":"owner1"},"Grants":[{"Grantee":{"Type":"Group","URI":"http://acs.amazonaws.com/groups/global/AllUsers"},"Permission":"READ"}]}`,
		"buckets/site-a/request-payment.json":     `{"Payer":"Requester"}`,
		"buckets/site-a/versioning.json":          ``,
		"buckets/site-a/logging.json":             ``,
		"buckets/site-a/website.json":             `{"IndexDocument":{"Suffix":"index.html"}}`,
		"buckets/site-a/objects.json":             `{"Contents":[{"Key":"a.html","Size":3,"LastModified":"2026-11-20T10:00:00+00:00","StorageClass":"STANDARD","Owner":{"ID":"owner2"}},{"Key":"A b+c.html","Size":1,"StorageClass":"STANDARD"}],"Complete":true}`,
		"buckets/site-a/objects/a.html/head.json": `{"AcceptRanges":"bytes","LastModified":"Fri, 20 Nov 2026 10:00:00 GMT","ContentLength":3,"ServerSideEncryption":"aws:kms","SSEKMSKeyId":"arn:aws:kms:eu-west-1:111122223333:key/k-1","Metadata":{}}`,
		"buckets/site-a/objects/a.html/acl.json":  `{"Owner":{"ID":"owner2"},"Grants":[]}`,
		"kms/k-1/key.json":                        `{"KeyMetadata":{"AWSAccountId":"111122223333","KeyId":"k-1","Arn":"arn:aws:kms:eu-west-1:111122223333:key/k-1","Enabled":true,"KeyState":"Enabled","KeyManager":"CUSTOMER"}}`,
		"kms/k-1/policy.json":                     `{"Policy":"{}","PolicyName":"default"}`,
		"buckets/gone/head.json":                  `{"Error":{"Code":"404","Message":"Not Found"}}`,
	}
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

func TestSnapshotFillsFacts(t *testing.T) {
	ctx := context.Background()
	g := New(NewSnapshot(site()), Options{})
	for _, err := range []error{
		g.Distributions(ctx, "E1", "E2"),
		g.Behaviors(ctx, &correlate.Behavior{CachePolicyID: "CP1", Functions: []correlate.FunctionAssociation{{ARN: "arn:aws:cloudfront::111122223333:function/rewrite"}}}),
		g.Buckets(ctx, PartWebsite|PartLogging|PartVersioning, "site-a", "gone"),
		g.Account(ctx),
		g.Organization(ctx, true),
		g.Objects(ctx, "site-a", Key{Key: "a.html"}, Key{Key: "missing.html", Near: func(ctx context.Context, l correlate.Lister) ([]correlate.NearKey, error) {
			keys, _, _, err := l.List(ctx, "a", "", 10)
			return []correlate.NearKey{{Key: keys[0], Kind: correlate.NearCase}}, err
		}}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if p := g.Problems(); len(p) != 0 {
		t.Fatal(p)
	}
	f := g.Facts()
	b := f.Buckets["site-a"]
	check := func(what string, got, want any) {
		t.Helper()
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", what, d)
		}
	}
	check("caller", f.Caller, facts.Fact[facts.Caller]{Value: facts.Caller{Account: "111122223333", ARN: "arn:aws:iam::111122223333:user/op", UserID: "AIDAX"}, State: facts.Known, Call: "sts:GetCallerIdentity"})
	check("account block", f.OwnAccount().PublicAccessBlock.Value, facts.PublicAccessBlock{BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true})
	check("effective policy", f.OwnAccount().EffectiveS3Policy, facts.Fact[string]{State: facts.Refused, Call: "organizations:DescribeEffectivePolicy", Permission: "organizations:DescribeEffectivePolicy", Code: "AccessDeniedException", Message: "You don't have permissions"})
	check("rcps", f.Organization.RCPs.Value, []facts.OrgPolicy{{Name: "perimeter", ID: "p-1", Content: `{"Version":"2012-10-17","Statement":[]}`}})
	check("scps", f.Organization.SCPs.State, facts.NotGathered)
	check("scps lack", f.Organization.SCPs.Missing(), "organizations:DescribePolicy")
	check("distribution", f.Distributions["E1"].Config.Value.DefaultRootObject, "index.html")
	check("absent distribution", f.Distributions["E2"].Config.Missing(), "cloudfront:GetDistribution")
	check("oac", f.AccessControl["OAC1"].Value, facts.OriginAccessControl{ID: "OAC1", Name: "n", SigningBehavior: "always", SigningProtocol: "sigv4", OriginType: "s3"})
	check("cache policy", f.CachePolicies["CP1"].Value, facts.CachePolicy{ID: "CP1", Name: "c", HeaderBehavior: "whitelist", Headers: []string{"Origin"}, QueryBehavior: "all", MinTTL: 1, DefaultTTL: 2, MaxTTL: 3})
	check("function", f.Functions["rewrite"].Code.Value, "function handler(event) {\n  return event.request;\n}\n")
	check("region", b.Location.Value, "eu-west-1")
	check("public access block", b.PublicAccessBlock.State, facts.NotSet)
	check("ownership", b.Ownership.Value, "ObjectWriter")
	check("payer", b.RequestPayment.Value, "Requester")
	check("acl", b.ACL.Value, facts.ACL{OwnerID: "owner1", Grants: []facts.Grant{{URI: "http://acs.amazonaws.com/groups/global/AllUsers", Permission: "READ"}}})
	check("versioning", b.Versioning, facts.Fact[string]{State: facts.Known, Call: "s3:GetBucketVersioning", Permission: "s3:GetBucketVersioning"})
	check("logging", b.Logging.State, facts.NotSet)
	check("website", b.Website.Value.IndexSuffix, "index.html")
	check("encryption", b.Encryption, facts.Fact[facts.Encryption]{Call: "s3:GetBucketEncryption", Permission: "s3:GetEncryptionConfiguration"})
	check("gone", f.Buckets["gone"].Head.State, facts.NotFound)
	o := b.Objects["a.html"]
	check("exists", o.Exists(), correlate.Yes)
	check("listed", o.Listed.Value, facts.Listed{OwnerID: "owner2", StorageClass: "STANDARD", LastModified: "2026-11-20T10:00:00Z", Size: 3})
	check("head", o.Head.Value, facts.ObjectHead{ServerSideEncryption: "aws:kms", SSEKMSKeyID: "arn:aws:kms:eu-west-1:111122223333:key/k-1", LastModified: "2026-11-20T10:00:00Z", ContentLength: 3})
	check("kms", f.KMSKeys[o.Head.Value.SSEKMSKeyID].Key.Value, facts.KMSMetadata{ARN: "arn:aws:kms:eu-west-1:111122223333:key/k-1", KeyID: "k-1", AccountID: "111122223333", KeyManager: "CUSTOMER", KeyState: "Enabled", Enabled: true})
	m := b.Objects["missing.html"]
	check("missing", m.Exists(), correlate.No)
	check("near", m.Near.Value, []correlate.NearKey{{Key: "a.html", Kind: correlate.NearCase}})
	check("settings", g.Settings().Websites["site-a"].IndexSuffix, "index.html")
}

// Keys are resolved before buckets are looked at, by what a website serves in place
// of a folder.
func TestWebsiteOfDistribution(t *testing.T) {
	m := site()
	d := m["distributions/E1/distribution.json"]
	d.Data = bytes.ReplaceAll(d.Data, []byte("site-a.s3.eu-west-1"), []byte("site-a.s3-website-eu-west-1"))
	m["buckets/site-a/website.json"].Data = []byte(`{"IndexDocument":{"Suffix":"home.html"}}`)
	g := New(NewSnapshot(m), Options{})
	if err := g.Distributions(t.Context(), "E1"); err != nil {
		t.Fatal(err)
	}
	if w := g.Settings().Websites["site-a"]; w == nil || w.IndexSuffix != "home.html" {
		t.Errorf("website %+v", w)
	}
}

// S3 shows no grants of objects whose bucket has ACLs disabled, and is not asked;
// a snapshot may hold the answer of before.
func TestACLsDisabled(t *testing.T) {
	ctx, m := context.Background(), site()
	m["buckets/site-a/ownership-controls.json"].Data = []byte(`{"OwnershipControls":{"Rules":[{"ObjectOwnership":"BucketOwnerEnforced"}]}}`)
	f := func(a Answers, want facts.State) {
		t.Helper()
		g := New(a, Options{})
		if err := errors.Join(g.Buckets(ctx, 0, "site-a"), g.Objects(ctx, "site-a", Key{Key: "a.html"})); err != nil {
			t.Fatal(err)
		}
		if s := g.Facts().Buckets["site-a"].Objects["a.html"].ACL.State; s != want {
			t.Errorf("ACL: state %v, want %v", s, want)
		}
	}
	f(NewSnapshot(m), facts.Known)
	f(live{NewSnapshot(m)}, facts.NotGathered)
}

// live hides that its Answers are a snapshot's.
type live struct{ Answers }

// A distribution that AWS refused to tell of is there, and its permission is
// missing; one that does not exist is not.
func TestListOfDistributions(t *testing.T) {
	m := site()
	m["distributions/E2/distribution.json"] = &fstest.MapFile{Data: []byte(`{"Error":{"Code":"AccessDenied","Message":"m"}}`)}
	m["distributions/E3/distribution.json"] = &fstest.MapFile{Data: []byte(`{"Error":{"Code":"NoSuchDistribution","Message":"m"}}`)}
	list, err := NewSnapshot(m).Ask(context.Background(), Question{Call: ListDistributions})
	if want := `{"DistributionList":{"Items":[{"Id":"E1"},{"Id":"E2"}]}}`; err != nil || string(list) != want {
		t.Errorf("%s (%v), want %s", list, err, want)
	}
}

func TestInvalidSnapshotNamesFileAndLine(t *testing.T) {
	ctx := context.Background()
	m := site()
	m["buckets/site-a/policy.json"].Data = []byte("{\n  \"Policy\": \"x\",\n}")
	m["buckets/site-a/objects.json"].Data = []byte(`{"Contents":[{"Key":"a"},`)
	g := New(NewSnapshot(m), Options{})
	if err := g.Buckets(ctx, 0, "site-a"); err != nil {
		t.Fatal(err)
	}
	b := g.Facts().Buckets["site-a"]
	if b.Policy.State != facts.Failed || b.Policy.Code != CodeSnapshot || b.RequestPayment.State != facts.Known {
		t.Errorf("policy %+v, request payment %+v", b.Policy, b.RequestPayment)
	}
	var got []string
	for _, p := range g.Problems() {
		got = append(got, p.Error())
	}
	want := []string{
		"snapshot file buckets/site-a/objects.json: not valid JSON: ends at byte 25",
		"snapshot file buckets/site-a/policy.json: line 3: not valid JSON: invalid character '}' looking for beginning of object key string",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestNonsenseIsNotAnAnswer: servers that know no sub-resource answer it with
// another document and status 200, which the SDK reads as nothing.
func TestNonsenseIsNotAnAnswer(t *testing.T) {
	ctx := context.Background()
	m := site()
	for _, f := range []string{"policy-status", "public-access-block", "ownership-controls", "acl", "request-payment", "website", "encryption", "cors"} {
		m["buckets/site-a/"+f+".json"] = &fstest.MapFile{Data: []byte("{}")}
	}
	m["buckets/site-a/policy.json"].Data, _ = json.Marshal(map[string]string{"Policy": "<ListBucketResult/>"})
	m["buckets/site-a/objects/a.html/head.json"].Data = []byte("{}")
	g := New(NewSnapshot(m), Options{})
	if err := g.Buckets(ctx, PartWebsite|PartEncryption|PartCORS, "site-a"); err != nil {
		t.Fatal(err)
	}
	if err := g.Objects(ctx, "site-a", Key{Key: "a.html"}); err != nil {
		t.Fatal(err)
	}
	b := g.Facts().Buckets["site-a"]
	for what, s := range map[string]facts.State{
		"policy": b.Policy.State, "policy status": b.PolicyStatus.State, "block": b.PublicAccessBlock.State, "ownership": b.Ownership.State,
		"acl": b.ACL.State, "payer": b.RequestPayment.State, "website": b.Website.State, "encryption": b.Encryption.State, "cors": b.CORS.State,
		"head": b.Objects["a.html"].Head.State,
	} {
		if s != facts.Failed {
			t.Errorf("%s: state %d, want Failed", what, s)
		}
	}
	if m := b.RequestPayment.Missing(); m != "s3:GetBucketRequestPayment (InvalidAnswer)" {
		t.Errorf("missing %q", m)
	}
}

func TestEncodeName(t *testing.T) {
	f := func(key, want string) {
		t.Helper()
		if got := EncodeName(key); got != want {
			t.Errorf("EncodeName(%q) = %q, want %q", key, got, want)
		}
		if got := decodeName(want); got != key {
			t.Errorf("decodeName(%q) = %q, want %q", want, got, key)
		}
	}
	f("a-Z_0.9~", "a-Z_0.9~")
	f("dir/ü +%.png", "dir%2F%C3%BC%20%2B%25.png")
	f("\xff\x00", "%FF%00")
	f(".", "%2E")
	f("..", "%2E%2E")
	f("...", "...")
	f("../x", "..%2Fx")
}

func TestEveryCallSaysWhatItIsFor(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Calls() {
		if c.Why == "" || c.Scope == "" || !strings.Contains(c.Name, ":") {
			t.Errorf("%+v", c)
		}
		if c.Permission == "" && c != GetCallerIdentity {
			t.Errorf("%s names no permission", c.Name)
		}
		if c.file != "" && seen[c.file] {
			t.Errorf("%s: two calls share %s", c.Name, c.file)
		}
		seen[c.file] = true
	}
}

func TestInventoryIsTheWholeList(t *testing.T) {
	ctx := context.Background()
	m := site()
	delete(m, "buckets/site-a/objects.json")
	m["buckets/site-a/inventory/manifest.json"] = &fstest.MapFile{Data: []byte(`{"sourceBucket":"site-a","destinationBucket":"arn:aws:s3:::inv","version":"2016-11-30","creationTimestamp":"1795500000000",
		"fileFormat":"CSV","fileSchema":"Bucket, Key, Size, StorageClass, EncryptionStatus","files":[{"key":"inv/site-a/all/data/part1.csv","size":1}]}`)}
	m["buckets/site-a/inventory/part1.csv"] = &fstest.MapFile{Data: []byte("\"site-a\",\"a.html\",\"3\",\"GLACIER\",\"SSE-KMS\"\n\"site-a\",\"a%20b.html\",\"4\",\"STANDARD\",\"SSE-S3\"\n")}
	gathered := func() *facts.Bucket {
		g := New(NewSnapshot(m), Options{})
		if err := g.Buckets(ctx, 0, "site-a"); err != nil {
			t.Fatal(err)
		}
		if err := g.Objects(ctx, "site-a", Key{Key: "a.html"}, Key{Key: "gone.html"}); err != nil {
			t.Fatal(err)
		}
		return g.Facts().Buckets["site-a"]
	}
	b := gathered()
	if d := cmp.Diff(facts.Listed{StorageClass: "GLACIER", EncryptionStatus: "SSE-KMS", Size: 3}, b.Objects["a.html"].Listed.Value); d != "" {
		t.Error(d)
	}
	if b.Objects["gone.html"].Exists() != correlate.No || !b.Keys.Value.Has("a b.html") {
		t.Errorf("gone.html %v, keys %+v", b.Objects["gone.html"].Exists(), b.Keys)
	}
	delete(m, "buckets/site-a/inventory/part1.csv")
	b = gathered()
	if b.Keys.State != facts.Failed || b.Keys.Code != CodeSnapshot || b.Objects["gone.html"].Exists() != correlate.Unknown {
		t.Errorf("with a part missing: keys %+v, gone.html %v", b.Keys, b.Objects["gone.html"].Exists())
	}
}
