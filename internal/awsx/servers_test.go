//go:build servers

package awsx

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/correlate"
	"github.com/why403/why403/internal/awsoverlay"
	"github.com/why403/why403/internal/gather"
	"github.com/why403/why403/internal/state"
)

// moto returns the URL of the moto server of the test run (.ci/run starts it).
func moto(t *testing.T) *url.URL {
	t.Helper()
	at := os.Getenv("WHY403_TEST_MOTO")
	if at == "" {
		t.Skip("WHY403_TEST_MOTO is not set")
	}
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// motoSite makes a bucket with settings, objects and a KMS key in moto.
func motoSite(t *testing.T, c *Clients) (bucket, key string) {
	t.Helper()
	ctx := context.Background()
	bucket = fmt.Sprintf("moto-site-%d", time.Now().UnixNano())
	api := c.S3("us-east-1")
	_, err := api.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket})
	must(t, err)
	k, err := c.kmsIn("us-east-1").CreateKey(ctx, &kms.CreateKeyInput{})
	must(t, err)
	key = aws.ToString(k.KeyMetadata.Arn)
	_, err1 := api.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: &bucket, Policy: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"cloudfront.amazonaws.com"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::` + bucket + `/*","Condition":{"StringEquals":{"aws:Referer":"moto-s3cr3t"}}}]}`)})
	_, err2 := api.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{Bucket: &bucket, PublicAccessBlockConfiguration: &s3types.PublicAccessBlockConfiguration{RestrictPublicBuckets: aws.Bool(true)}})
	_, err3 := api.PutBucketOwnershipControls(ctx, &s3.PutBucketOwnershipControlsInput{Bucket: &bucket, OwnershipControls: &s3types.OwnershipControls{Rules: []s3types.OwnershipControlsRule{{ObjectOwnership: s3types.ObjectOwnershipObjectWriter}}}})
	_, err4 := api.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: &bucket, VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled}})
	_, err5 := api.PutBucketWebsite(ctx, &s3.PutBucketWebsiteInput{Bucket: &bucket, WebsiteConfiguration: &s3types.WebsiteConfiguration{IndexDocument: &s3types.IndexDocument{Suffix: aws.String("index.html")}}})
	must(t, err1, err2, err3, err4, err5)
	// An organization with one policy on the account; it may be there already.
	org := c.organizations()
	_, _ = org.CreateOrganization(ctx, &organizations.CreateOrganizationInput{FeatureSet: orgtypes.OrganizationFeatureSetAll})
	policy, err := org.CreatePolicy(ctx, &organizations.CreatePolicyInput{Name: &bucket, Description: aws.String("d"), Content: aws.String(denyAll), Type: orgtypes.PolicyTypeServiceControlPolicy})
	must(t, err)
	_, err = org.AttachPolicy(ctx, &organizations.AttachPolicyInput{PolicyId: policy.Policy.PolicySummary.Id, TargetId: aws.String("123456789012")})
	must(t, err)
	for _, o := range []string{"docs/guide.html", "docs/ü +%.html", "docs/old.html"} {
		_, err := api.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &o, Body: strings.NewReader("x"), ServerSideEncryption: s3types.ServerSideEncryptionAwsKms, SSEKMSKeyId: &key})
		must(t, err)
	}
	_, err = api.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: aws.String("docs/old.html")})
	must(t, err)
	return bucket, key
}

const denyAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}`

func gatherBucket(t *testing.T, a gather.Answers, bucket string) *facts.Facts {
	t.Helper()
	ctx := context.Background()
	g := gather.New(a, gather.Options{})
	near := func(ctx context.Context, l correlate.Lister) ([]correlate.NearKey, error) {
		return correlate.Near(ctx, "docs/Guide.html", correlate.Hint{}, l, 5)
	}
	must(t, g.Account(ctx), g.Organization(ctx, true),
		g.Buckets(ctx, gather.PartWebsite|gather.PartVersioning|gather.PartLogging|gather.PartEncryption|gather.PartCORS, bucket),
		g.Objects(ctx, bucket, gather.Key{Key: "docs/guide.html"}, gather.Key{Key: "docs/ü +%.html"}, gather.Key{Key: "docs/old.html"}, gather.Key{Key: "docs/Guide.html", Near: near}))
	for _, p := range g.Problems() {
		// moto has no S3 policies: it answers 500 with an HTML page, and the fact is
		// Failed.
		if !strings.Contains(p.Error(), "DescribeEffectivePolicy") {
			t.Fatal(p)
		}
	}
	return g.Facts()
}

// TestMoto gathers from moto by production endpoints, through the double and
// without it, records it, and replays the recording.
func TestMoto(t *testing.T) {
	u := moto(t)
	environment(t)
	plain, err := Open(context.Background(), Config{Region: "us-east-1", Rate: 1e6, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", u.Host)
	}})
	must(t, err)
	bucket, key := motoSite(t, plain)

	recorder := gather.NewRecorder(NewAnswers(plain))
	f := gatherBucket(t, recorder, bucket)
	b := f.Buckets[bucket]
	check := func(what string, got, want any) {
		t.Helper()
		if !cmp.Equal(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	check("caller", f.Caller.Value.Account, "123456789012")
	check("region", b.Location.Value, "us-east-1")
	check("policy", b.Policy.State, facts.Known)
	check("block", b.PublicAccessBlock.Value, facts.PublicAccessBlock{RestrictPublicBuckets: true})
	check("ownership", b.Ownership.Value, "ObjectWriter")
	check("acl", b.ACL.State, facts.Known)
	check("versioning", b.Versioning.Value, "Enabled")
	check("website", b.Website.Value.IndexSuffix, "index.html")
	check("cors", b.CORS.State, facts.NotSet)
	check("logging", b.Logging.State, facts.NotSet)
	// The status is asked for only where the policy itself is not known.
	check("policy status", b.PolicyStatus.State, facts.NotGathered)
	// What moto answers with another document is unknown, not "not set".
	check("request payment", b.RequestPayment.State, facts.Failed)
	check("account block", f.OwnAccount().PublicAccessBlock.State, facts.NotSet)
	// The account made the organization, so that its policies don't bind it.
	check("scps", f.Organization.SCPs.State, facts.NotSet)
	check("why no scps", f.Organization.SCPs.Code, gather.CodeManagementAccount)
	walked, err := attached(context.Background(), plain.organizations(), "123456789012", orgtypes.PolicyTypeServiceControlPolicy)
	must(t, err)
	if text := fmt.Sprintf("%s", walked); !strings.Contains(text, bucket) || !strings.Contains(text, `"Level":1`) {
		t.Errorf("policies of the account: %s", text)
	}
	check("kms", f.KMSKeys[key].Key.Value.KeyState, "Enabled")
	for k, exists := range map[string]correlate.Tri{"docs/guide.html": correlate.Yes, "docs/ü +%.html": correlate.Yes, "docs/old.html": correlate.No, "docs/Guide.html": correlate.No} {
		check(k, b.Objects[k].Exists(), exists)
	}
	check("kms id", b.Objects["docs/guide.html"].Head.Value.SSEKMSKeyID, key)
	check("delete marker", b.Objects["docs/old.html"].Version.Value.DeleteMarker, true)
	check("near", b.Objects["docs/Guide.html"].Near.Value, []correlate.NearKey{{Key: "docs/guide.html", Kind: correlate.NearCase}})

	dir := t.TempDir() + "/snapshot"
	must(t, recorder.Write(dir))
	snapshot, err := gather.OpenSnapshot(dir)
	must(t, err)
	replay := gatherBucket(t, snapshot, bucket)
	b.Policy.Value = strings.ReplaceAll(b.Policy.Value, "moto-s3cr3t", replay.Masked("moto-s3cr3t"))
	if d := cmp.Diff(f, replay, sameFacts); d != "" {
		t.Errorf("replay differs (-live +replay):\n%s", d)
	}

	// The double answers what the snapshot holds, moto the rest.
	overlay := &awsoverlay.Server{Answers: gather.NewSnapshot(site(t)), Forward: u}
	c := open(t, overlay, Config{})
	both := gatherBucket(t, NewAnswers(c), bucket)
	check("overlay: policy of moto's bucket", both.Buckets[bucket].Policy.State, facts.Known)
	check("overlay: caller of the snapshot", both.Caller.Value.Account, "111122223333")
	overlay.Deny = []string{"s3:GetBucketPolicy"}
	denied := gatherBucket(t, NewAnswers(open(t, overlay, Config{})), bucket)
	check("overlay: denied policy", denied.Buckets[bucket].Policy.State, facts.Refused)
	check("overlay: others", denied.Buckets[bucket].Ownership.State, facts.Known)
}

// versitygw returns clients for the S3 server of the test run.
func versitygw(t *testing.T) *Clients {
	t.Helper()
	at := os.Getenv("WHY403_TEST_S3")
	if at == "" {
		t.Skip("WHY403_TEST_S3 is not set")
	}
	id, secret := os.Getenv("WHY403_TEST_S3_KEY"), os.Getenv("WHY403_TEST_S3_SECRET")
	environment(t)
	t.Setenv("AWS_ACCESS_KEY_ID", id)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	c, err := Open(context.Background(), Config{Region: "us-east-1", EndpointURL: at, Rate: 1e6})
	must(t, err)
	return c
}

func TestVersitygwKeepsStateUnderConditions(t *testing.T) {
	c := versitygw(t)
	ctx := context.Background()
	bucket := fmt.Sprintf("state-%d", time.Now().UnixNano())
	_, err := c.S3("us-east-1").CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket})
	must(t, err)
	s, err := c.Store("s3://" + bucket + "/why403/")
	must(t, err)
	first, err := s.Put(ctx, "state.json", []byte(`{"n":1}`), state.Condition{IfNoneMatch: true})
	must(t, err)
	_, err = s.Put(ctx, "state.json", []byte(`{"n":2}`), state.Condition{IfNoneMatch: true})
	if err == nil {
		t.Skip("the server ignores conditions: versitygw does under --nometa")
	}
	if !errors.Is(err, state.ErrCondition) {
		t.Errorf("second creation: %v", err)
	}
	_, err = s.Put(ctx, "state.json", []byte(`{"n":3}`), state.Condition{IfMatch: first})
	must(t, err)
	if _, err := s.Put(ctx, "state.json", []byte(`{"n":4}`), state.Condition{IfMatch: first}); !errors.Is(err, state.ErrCondition) {
		t.Errorf("stale write: %v", err)
	}
	if data, _, err := s.Get(ctx, "state.json"); string(data) != `{"n":3}` || err != nil {
		t.Errorf("%s %v", data, err)
	}
}

// TestVersitygwAnswersWhatItCan: what the server does not implement is unknown.
func TestVersitygwAnswersWhatItCan(t *testing.T) {
	c := versitygw(t)
	ctx := context.Background()
	bucket := fmt.Sprintf("facts-%d", time.Now().UnixNano())
	_, err := c.S3("us-east-1").CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket})
	must(t, err)
	_, err = c.S3("us-east-1").PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("a.html"), Body: strings.NewReader("x")})
	must(t, err)
	g := gather.New(NewAnswers(c), gather.Options{})
	must(t, g.Buckets(ctx, gather.PartEncryption, bucket), g.Objects(ctx, bucket, gather.Key{Key: "a.html"}, gather.Key{Key: "b.html"}))
	b := g.Facts().Buckets[bucket]
	for what, got := range map[string][2]facts.State{
		"head": {b.Head.State, facts.Known}, "policy": {b.Policy.State, facts.NotSet}, "block": {b.PublicAccessBlock.State, facts.Failed},
		"payer": {b.RequestPayment.State, facts.Failed}, "encryption": {b.Encryption.State, facts.Failed},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: state %d, want %d", what, got[0], got[1])
		}
	}
	if b.Objects["a.html"].Exists() != correlate.Yes || b.Objects["b.html"].Exists() != correlate.No {
		t.Errorf("a.html %+v, b.html %+v", b.Objects["a.html"].Head, b.Objects["b.html"].Head)
	}
}
