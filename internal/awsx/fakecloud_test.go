//go:build servers

package awsx

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	cftypes "github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/s3control"
	"github.com/google/go-cmp/cmp"

	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/correlate"
	"github.com/why403/why403/internal/gather"
)

// fakecloudSite makes a site in fakecloud: a distribution with an origin access
// control, an identity and a website origin, its bucket with every setting, a KMS
// key, an access point and deliveries of logs.
func fakecloudSite(t *testing.T, c *Clients) (distribution, bucket, key string) {
	t.Helper()
	ctx := context.Background()
	bucket = fmt.Sprintf("fake-site-%d", time.Now().UnixNano())
	name := aws.String(bucket)
	api, cf := c.S3("us-east-1"), c.cloudfront()
	_, err := api.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: name})
	must(t, err)
	k, err := c.kmsIn("us-east-1").CreateKey(ctx, &kms.CreateKeyInput{})
	must(t, err)
	key = aws.ToString(k.KeyMetadata.Arn)

	oac, err := cf.CreateOriginAccessControl(ctx, &cloudfront.CreateOriginAccessControlInput{OriginAccessControlConfig: &cftypes.OriginAccessControlConfig{
		Name: name, OriginAccessControlOriginType: cftypes.OriginAccessControlOriginTypesS3, SigningBehavior: cftypes.OriginAccessControlSigningBehaviorsNever, SigningProtocol: cftypes.OriginAccessControlSigningProtocolsSigv4}})
	must(t, err)
	oai, err := cf.CreateCloudFrontOriginAccessIdentity(ctx, &cloudfront.CreateCloudFrontOriginAccessIdentityInput{
		CloudFrontOriginAccessIdentityConfig: &cftypes.CloudFrontOriginAccessIdentityConfig{CallerReference: name, Comment: name}})
	must(t, err)
	origin := func(id, domain, identity string) cftypes.Origin {
		return cftypes.Origin{Id: &id, DomainName: aws.String(bucket + domain), OriginPath: aws.String(""), S3OriginConfig: &cftypes.S3OriginConfig{OriginAccessIdentity: &identity}}
	}
	signed := origin("signed", ".s3.us-east-1.amazonaws.com", "")
	signed.OriginAccessControlId = oac.OriginAccessControl.Id
	signed.CustomHeaders = &cftypes.CustomHeaders{Quantity: aws.Int32(1), Items: []cftypes.OriginCustomHeader{{HeaderName: aws.String("Referer"), HeaderValue: aws.String("fake-s3cr3t")}}}
	web := cftypes.Origin{Id: aws.String("web"), DomainName: aws.String(bucket + ".s3-website-us-east-1.amazonaws.com"), OriginPath: aws.String("/site"), CustomOriginConfig: &cftypes.CustomOriginConfig{
		HTTPPort: aws.Int32(80), HTTPSPort: aws.Int32(443), OriginProtocolPolicy: cftypes.OriginProtocolPolicyHttpOnly}}
	origins := []cftypes.Origin{signed, origin("identity", ".s3.amazonaws.com", "origin-access-identity/cloudfront/"+aws.ToString(oai.CloudFrontOriginAccessIdentity.Id)), web}
	optimized, cors := aws.String("658327ea-f89d-4fab-a63d-7e88639e58f6"), aws.String("88a5eaf4-2fd4-4709-b370-b4c650ea3fcf") // managed
	d, err := cf.CreateDistribution(ctx, &cloudfront.CreateDistributionInput{DistributionConfig: &cftypes.DistributionConfig{
		CallerReference: name, Comment: name, Enabled: aws.Bool(true), DefaultRootObject: aws.String("index.html"),
		Origins:              &cftypes.Origins{Quantity: aws.Int32(3), Items: origins},
		DefaultCacheBehavior: &cftypes.DefaultCacheBehavior{TargetOriginId: aws.String("signed"), ViewerProtocolPolicy: cftypes.ViewerProtocolPolicyHttpsOnly, CachePolicyId: optimized, OriginRequestPolicyId: cors},
		CacheBehaviors: &cftypes.CacheBehaviors{Quantity: aws.Int32(1), Items: []cftypes.CacheBehavior{{
			PathPattern: aws.String("/web/*"), TargetOriginId: aws.String("web"), ViewerProtocolPolicy: cftypes.ViewerProtocolPolicyRedirectToHttps, CachePolicyId: optimized}}},
		CustomErrorResponses: &cftypes.CustomErrorResponses{Quantity: aws.Int32(1), Items: []cftypes.CustomErrorResponse{{
			ErrorCode: aws.Int32(403), ResponseCode: aws.String("200"), ResponsePagePath: aws.String("/index.html"), ErrorCachingMinTTL: aws.Int64(10)}}},
		Restrictions: &cftypes.Restrictions{GeoRestriction: &cftypes.GeoRestriction{RestrictionType: cftypes.GeoRestrictionTypeBlacklist, Quantity: aws.Int32(1), Items: []string{"KP"}}},
		Logging:      &cftypes.LoggingConfig{Enabled: aws.Bool(true), Bucket: aws.String(bucket + ".s3.amazonaws.com"), Prefix: aws.String("cf/"), IncludeCookies: aws.Bool(false)},
	}})
	must(t, err)
	distribution = aws.ToString(d.Distribution.Id)

	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"cloudfront.amazonaws.com"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::%s/*","Condition":{"StringEquals":{"AWS:SourceArn":"%s"}}}]}`, bucket, aws.ToString(d.Distribution.ARN))
	for _, o := range []string{"docs/guide.html", "docs/ü +%.html", "docs/old.html"} {
		_, err := api.PutObject(ctx, &s3.PutObjectInput{Bucket: name, Key: &o, Body: strings.NewReader("x"), ServerSideEncryption: s3types.ServerSideEncryptionAwsKms, SSEKMSKeyId: &key})
		must(t, err)
	}
	_, err1 := api.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: name, Policy: &policy})
	_, err2 := api.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{Bucket: name, PublicAccessBlockConfiguration: &s3types.PublicAccessBlockConfiguration{RestrictPublicBuckets: aws.Bool(true)}})
	_, err3 := api.PutBucketOwnershipControls(ctx, &s3.PutBucketOwnershipControlsInput{Bucket: name, OwnershipControls: &s3types.OwnershipControls{Rules: []s3types.OwnershipControlsRule{{ObjectOwnership: s3types.ObjectOwnershipObjectWriter}}}})
	_, err4 := api.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: name, VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled}})
	_, err5 := api.PutBucketWebsite(ctx, &s3.PutBucketWebsiteInput{Bucket: name, WebsiteConfiguration: &s3types.WebsiteConfiguration{IndexDocument: &s3types.IndexDocument{Suffix: aws.String("index.html")}}})
	_, err6 := api.PutBucketRequestPayment(ctx, &s3.PutBucketRequestPaymentInput{Bucket: name, RequestPaymentConfiguration: &s3types.RequestPaymentConfiguration{Payer: s3types.PayerRequester}})
	_, err7 := api.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: name, Key: aws.String("docs/old.html")})
	must(t, err1, err2, err3, err4, err5, err6, err7)

	account := aws.String("123456789012")
	control := s3control.NewFromConfig(c.cfg, func(o *s3control.Options) { o.Region = "us-east-1" })
	// It knows neither the account's Block Public Access nor an access point's policy.
	_, err = control.CreateAccessPoint(ctx, &s3control.CreateAccessPointInput{AccountId: account, Bucket: name, Name: name})
	must(t, err)
	org := c.organizations()
	_, _ = org.CreateOrganization(ctx, &organizations.CreateOrganizationInput{FeatureSet: orgtypes.OrganizationFeatureSetAll})

	logs := c.logsIn("us-east-1")
	_, err1 = logs.PutDeliverySource(ctx, &cloudwatchlogs.PutDeliverySourceInput{Name: name, ResourceArn: d.Distribution.ARN, LogType: aws.String("ACCESS_LOGS")})
	to, err2 := logs.PutDeliveryDestination(ctx, &cloudwatchlogs.PutDeliveryDestinationInput{Name: name, OutputFormat: logstypes.OutputFormatW3c,
		DeliveryDestinationConfiguration: &logstypes.DeliveryDestinationConfiguration{DestinationResourceArn: aws.String("arn:aws:s3:::" + bucket)}})
	must(t, err1, err2)
	_, err = logs.CreateDelivery(ctx, &cloudwatchlogs.CreateDeliveryInput{DeliverySourceName: name, DeliveryDestinationArn: to.DeliveryDestination.Arn, S3DeliveryConfiguration: &logstypes.S3DeliveryConfiguration{SuffixPath: aws.String("{DistributionId}/{yyyy}")}})
	must(t, err)
	return distribution, bucket, key
}

// TestFakecloud is a second opinion on the calls: what fakecloud was told comes
// back as facts, by production endpoints, and from a recording as well.
func TestFakecloud(t *testing.T) {
	at := os.Getenv("WHY403_TEST_FAKECLOUD")
	if at == "" {
		t.Skip("WHY403_TEST_FAKECLOUD is not set")
	}
	u, err := url.Parse(at)
	must(t, err)
	environment(t)
	ctx := context.Background()
	c, err := Open(ctx, Config{Region: "us-east-1", Rate: 1e6, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", u.Host)
	}})
	must(t, err)
	id, bucket, key := fakecloudSite(t, c)
	point := "arn:aws:s3:us-east-1:123456789012:accesspoint/" + bucket

	ask := func(a gather.Answers) (*facts.Facts, *gather.Gatherer) {
		g := gather.New(a, gather.Options{})
		near := func(ctx context.Context, l correlate.Lister) ([]correlate.NearKey, error) {
			return correlate.Near(ctx, "docs/Guide.html", correlate.Hint{}, l, 5)
		}
		must(t, g.Distributions(ctx, id, "E9GONE"), g.Account(ctx), g.Organization(ctx, true), g.AccessPoints(ctx, point),
			g.Buckets(ctx, gather.PartWebsite|gather.PartVersioning|gather.PartLogging|gather.PartEncryption|gather.PartCORS, bucket),
			g.Objects(ctx, bucket, gather.Key{Key: "docs/guide.html"}, gather.Key{Key: "docs/ü +%.html"}, gather.Key{Key: "docs/old.html"}, gather.Key{Key: "docs/Guide.html", Near: near}))
		if d := g.Facts().Distributions[id]; d.Config.Known() {
			for i := range d.Config.Value.Behaviors {
				must(t, g.Behaviors(ctx, &d.Config.Value.Behaviors[i]))
			}
		}
		for _, p := range g.Problems() {
			t.Error(p)
		}
		return g.Facts(), g
	}
	recorder := gather.NewRecorder(NewAnswers(c))
	f, g := ask(recorder)
	check := func(what string, got, want any) {
		t.Helper()
		if !cmp.Equal(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	d := f.Distributions[id].Config.Value
	if d == nil {
		t.Fatal(f.Distributions[id].Config)
	}
	check("caller", f.Caller.Value.Account, "123456789012")
	check("no distribution", f.Distributions["E9GONE"].Config.State, facts.NotFound)
	check("origins", len(d.Origins), 3)
	check("default root object", d.DefaultRootObject, "index.html")
	check("origin path", d.Origins[2].OriginPath, "/site")
	check("website origin is custom", d.Origins[2].S3, false)
	check("error responses", d.ErrorResponses, []correlate.ErrorResponse{{ErrorCode: 403, ResponseCode: 200, ResponsePagePath: "/index.html", CachingMinTTL: 10}})
	check("geo", d.GeoRestriction, correlate.GeoRestriction{Type: "blacklist", Items: []string{"KP"}})
	check("logging", d.LogBucket+"/"+d.LogPrefix, bucket+"/cf/")
	check("access control", f.AccessControl[d.Origins[0].OriginAccessControlID].Value.SigningBehavior, "never")
	check("identity", len(f.Identities[d.Origins[1].OriginAccessIdentity].Value.S3CanonicalUserID) > 0, true)
	check("cache policy", f.CachePolicies[d.Behaviors[0].CachePolicyID].Value.Name, "Managed-CachingOptimized")
	check("origin request policy", f.OriginRequest[d.Behaviors[1].OriginRequestPolicyID].Value.Name, "Managed-CORS-S3Origin")
	listed := g.ListDistributions(ctx)
	found := false
	for _, l := range listed.Value {
		found = found || l.ID == id && l.Serves([]string{bucket})
	}
	check("the listing tells whose origin the bucket is", found, true)

	b := f.Buckets[bucket]
	check("region", b.Location.Value, "us-east-1")
	check("policy", strings.Contains(b.Policy.Value, d.ARN), true)
	check("block", b.PublicAccessBlock.Value, facts.PublicAccessBlock{RestrictPublicBuckets: true})
	check("ownership", b.Ownership.Value, "ObjectWriter")
	check("acl", b.ACL.State, facts.Known)
	check("versioning", b.Versioning.Value, "Enabled")
	check("website", b.Website.Value.IndexSuffix, "index.html")
	check("cors", b.CORS.State, facts.NotSet)
	check("request payment", b.RequestPayment.Value, "Requester")
	check("access point", f.AccessPoints[point].Config.Value.NetworkOrigin, "Internet")
	check("access point policy", f.AccessPoints[point].Policy.Known(), false)
	check("scps", f.Organization.SCPs.Code, gather.CodeManagementAccount)
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
	replay, _ := ask(snapshot)
	if diff := cmp.Diff(mask(f, replay), replay, sameFacts); diff != "" {
		t.Errorf("replay differs (-live +replay):\n%s", diff)
	}
	for name, text := range files(t, dir) {
		if strings.Contains(text, "fake-s3cr3t") {
			t.Errorf("%s holds a secret", name)
		}
	}
}
