package awsx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
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
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"

	"github.com/why403/why403/internal/gather"
)

// Answers asks AWS. It answers each question with one call, except where the
// question's call says otherwise.
type Answers struct {
	c    *Clients
	dead atomic.Pointer[error] // why AWS need not be asked again
}

var _ gather.Answers = (*Answers)(nil)

// NewAnswers returns Answers that use the clients.
func NewAnswers(c *Clients) *Answers { return &Answers{c: c} }

// Expect says in which Region a bucket most likely is, before it is asked about.
func (a *Answers) Expect(bucket, region string) {
	a.c.mu.Lock()
	a.c.expected[bucket] = region
	a.c.mu.Unlock()
}

// Ask asks AWS.
func (a *Answers) Ask(ctx context.Context, q gather.Question) (json.RawMessage, error) {
	op := operations[q.Call]
	if op == nil {
		return nil, fmt.Errorf("%s is no question for AWS", q)
	}
	if dead := a.dead.Load(); dead != nil {
		return nil, *dead
	}
	if err := a.c.ready(ctx); err != nil {
		return nil, err
	}
	within, cancel := context.WithTimeout(context.WithValue(ctx, limited{}, true), a.c.Wait(askTimeout))
	defer cancel()
	out, err := op(within, a.c, q)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err = answerError(err, a.c.atAWS()); err != nil {
		if errors.Is(err, gather.ErrUnavailable) {
			a.dead.CompareAndSwap(nil, &err)
			return nil, err
		}
		var api *gather.APIError
		if !errors.As(err, &api) && !errors.Is(err, gather.ErrNotAsked) {
			err = fmt.Errorf("%s: %w", q, err)
		}
		return nil, err
	}
	if data, ok := out.(json.RawMessage); ok {
		return data, nil
	}
	return render(out, strings.HasPrefix(q.Call.Name, "logs:"))
}

// An operation asks AWS one question. It returns an output of the SDK or
// finished JSON.
type operation func(ctx context.Context, c *Clients, q gather.Question) (any, error)

// operations holds every operation that Answers can make.
var operations = map[*gather.Call]operation{
	gather.GetCallerIdentity: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		return c.identity(ctx)
	},

	gather.ListDistributions: listDistributions,
	gather.GetDistribution: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		return c.cloudfront().GetDistribution(ctx, &cloudfront.GetDistributionInput{Id: &q.ID})
	},
	gather.GetOriginAccessControl: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		return c.cloudfront().GetOriginAccessControl(ctx, &cloudfront.GetOriginAccessControlInput{Id: &q.ID})
	},
	gather.GetOriginAccessIdentity: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		return c.cloudfront().GetCloudFrontOriginAccessIdentity(ctx, &cloudfront.GetCloudFrontOriginAccessIdentityInput{Id: &q.ID})
	},
	gather.GetCachePolicy: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		return c.cloudfront().GetCachePolicy(ctx, &cloudfront.GetCachePolicyInput{Id: &q.ID})
	},
	gather.GetOriginRequestPolicy: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		return c.cloudfront().GetOriginRequestPolicy(ctx, &cloudfront.GetOriginRequestPolicyInput{Id: &q.ID})
	},
	gather.DescribeFunction: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		return c.cloudfront().DescribeFunction(ctx, &cloudfront.DescribeFunctionInput{Name: &q.ID, Stage: cftypes.FunctionStageLive})
	},
	gather.GetFunction: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		out, err := c.cloudfront().GetFunction(ctx, &cloudfront.GetFunctionInput{Name: &q.ID, Stage: cftypes.FunctionStageLive})
		if err != nil {
			return nil, err
		}
		return marshal(string(out.FunctionCode))
	},
	gather.GetKeyGroup: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		return c.cloudfront().GetKeyGroup(ctx, &cloudfront.GetKeyGroupInput{Id: &q.ID})
	},
	gather.GetPublicKey: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		return c.cloudfront().GetPublicKey(ctx, &cloudfront.GetPublicKeyInput{Id: &q.ID})
	},
	gather.GetRealtimeLogConfig: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		return c.cloudfront().GetRealtimeLogConfig(ctx, &cloudfront.GetRealtimeLogConfigInput{ARN: &q.ID})
	},
	gather.GetWebACL: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		// arn:aws:wafv2:us-east-1:ACCOUNT:global/webacl/NAME/ID
		parts := strings.Split(q.ID, "/")
		if len(parts) != 4 {
			return nil, fmt.Errorf("%q is no ARN of a web ACL", q.ID)
		}
		return c.wafv2().GetWebACL(ctx, &wafv2.GetWebACLInput{Name: &parts[2], Id: &parts[3], Scope: waftypes.ScopeCloudfront})
	},

	gather.HeadBucket: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		if q.Owner != "" {
			return c.bucket(ctx, q).HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &q.Bucket, ExpectedBucketOwner: &q.Owner})
		}
		l := c.head(ctx, q.Bucket)
		return l.out, l.err
	},
	gather.GetBucketLocation: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		return c.bucket(ctx, q).GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: &q.Bucket})
	},
	gather.GetBucketPolicy: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		out, err := c.bucket(ctx, q).GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: &q.Bucket})
		if err == nil && !json.Valid([]byte(aws.ToString(out.Policy))) {
			return nil, errBrokenOff // S3 keeps no policy that is not JSON
		}
		return out, err
	},
	gather.GetBucketPolicyStatus: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		return c.bucket(ctx, q).GetBucketPolicyStatus(ctx, &s3.GetBucketPolicyStatusInput{Bucket: &q.Bucket})
	},
	gather.GetPublicAccessBlock: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		return c.bucket(ctx, q).GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: &q.Bucket})
	},
	gather.GetOwnershipControls: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		return c.bucket(ctx, q).GetBucketOwnershipControls(ctx, &s3.GetBucketOwnershipControlsInput{Bucket: &q.Bucket})
	},
	gather.GetBucketACL: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		return c.bucket(ctx, q).GetBucketAcl(ctx, &s3.GetBucketAclInput{Bucket: &q.Bucket})
	},
	gather.GetBucketWebsite: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		return c.bucket(ctx, q).GetBucketWebsite(ctx, &s3.GetBucketWebsiteInput{Bucket: &q.Bucket})
	},
	gather.GetRequestPayment: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		return c.bucket(ctx, q).GetBucketRequestPayment(ctx, &s3.GetBucketRequestPaymentInput{Bucket: &q.Bucket})
	},
	gather.GetBucketEncryption: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		return c.bucket(ctx, q).GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: &q.Bucket})
	},
	gather.GetBucketLogging: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		return c.bucket(ctx, q).GetBucketLogging(ctx, &s3.GetBucketLoggingInput{Bucket: &q.Bucket})
	},
	gather.GetBucketVersioning: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		return c.bucket(ctx, q).GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &q.Bucket})
	},
	gather.GetBucketCORS: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		return c.bucket(ctx, q).GetBucketCors(ctx, &s3.GetBucketCorsInput{Bucket: &q.Bucket})
	},
	gather.ListObjectsV2:      listObjects,
	gather.ListObjectVersions: listVersions,

	gather.HeadObject: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		out, err := c.bucket(ctx, q).HeadObject(ctx, &s3.HeadObjectInput{Bucket: &q.Bucket, Key: &q.Key})
		if err == nil {
			out.Metadata = nil // the user's own words: no check needs them
		}
		return out, err
	},
	gather.GetObjectACL: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		return c.bucket(ctx, q).GetObjectAcl(ctx, &s3.GetObjectAclInput{Bucket: &q.Bucket, Key: &q.Key})
	},
	gather.GetObjectTagging: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		return c.bucket(ctx, q).GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: &q.Bucket, Key: &q.Key})
	},

	gather.DescribeKey: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		return c.keyRegion(q).DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &q.ID})
	},
	gather.GetKeyPolicy: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		return c.keyRegion(q).GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: &q.ID, PolicyName: aws.String("default")})
	},

	gather.GetAccessPoint: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		client, account, name := c.accessPoint(q)
		return client.GetAccessPoint(ctx, &s3control.GetAccessPointInput{AccountId: account, Name: name})
	},
	gather.GetAccessPointPolicy: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		client, account, name := c.accessPoint(q)
		return client.GetAccessPointPolicy(ctx, &s3control.GetAccessPointPolicyInput{AccountId: account, Name: name})
	},
	gather.GetAccountPublicAccessBlock: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		if q.ID == "" {
			return nil, fmt.Errorf("%w: the caller's account is not known", gather.ErrNotAsked)
		}
		return c.s3control().GetPublicAccessBlock(ctx, &s3control.GetPublicAccessBlockInput{AccountId: &q.ID})
	},
	gather.DescribeEffectivePolicy: func(ctx context.Context, c *Clients, q gather.Question) (any, error) {
		return c.organizations().DescribeEffectivePolicy(ctx, &organizations.DescribeEffectivePolicyInput{PolicyType: orgtypes.EffectivePolicyTypeS3Policy})
	},
	gather.OrganizationPolicies: organizationPolicies,

	gather.DescribeDeliverySources:      deliverySources,
	gather.DescribeDeliveries:           deliveries,
	gather.DescribeDeliveryDestinations: deliveryDestinations,
}

// bucket returns the client for the question's bucket.
func (c *Clients) bucket(ctx context.Context, q gather.Question) *s3.Client {
	return c.S3(c.BucketRegion(ctx, q.Bucket))
}

// keyRegion returns the client for the question's KMS key, whose ARN tells the
// Region.
func (c *Clients) keyRegion(q gather.Question) *kms.Client {
	if a, err := arn.Parse(q.ID); err == nil && a.Region != "" {
		return c.kmsIn(a.Region)
	}
	return c.kmsIn(c.cfg.Region)
}

var errBrokenOff = errors.New("the answer broke off, or is none of AWS's")

func marshal(v any) (json.RawMessage, error) { return json.Marshal(v) }

// accessPoint takes the id of an access point apart, and returns a client for its
// Region.
func (c *Clients) accessPoint(q gather.Question) (client *s3control.Client, account, name *string) {
	region, rest, _ := strings.Cut(q.ID, ".")
	before, after, _ := strings.Cut(rest, ".")
	return s3control.NewFromConfig(c.cfg, func(o *s3control.Options) { o.Region = region }), &before, &after
}

func listDistributions(ctx context.Context, c *Clients, q gather.Question) (any, error) {
	var all *cloudfront.ListDistributionsOutput
	pages := cloudfront.NewListDistributionsPaginator(c.cloudfront(), &cloudfront.ListDistributionsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		if all == nil || all.DistributionList == nil {
			all = page
		} else if page.DistributionList != nil {
			all.DistributionList.Items = append(all.DistributionList.Items, page.DistributionList.Items...)
		}
	}
	return all, nil
}

// listObjects asks one page. S3 hands keys out URL-encoded, because XML can't
// hold every key, and the SDK leaves them so.
func listObjects(ctx context.Context, c *Clients, q gather.Question) (any, error) {
	in := &s3.ListObjectsV2Input{
		Bucket: &q.Bucket, Prefix: &q.Prefix, FetchOwner: new(true), EncodingType: s3types.EncodingTypeUrl,
	}
	if q.Max > 0 {
		in.MaxKeys = new(int32(q.Max))
	}
	if q.Delimiter != "" {
		in.Delimiter = &q.Delimiter
	}
	out, err := c.bucket(ctx, q).ListObjectsV2(ctx, in)
	if err != nil {
		return nil, err
	}
	if out.IsTruncated == nil && out.KeyCount == nil && out.Name == nil {
		return nil, errors.New("the answer is no listing")
	}
	decode := decoder(string(out.EncodingType))
	l := gather.Listing{Delimiter: q.Delimiter, MaxKeys: q.Max, IsTruncated: aws.ToBool(out.IsTruncated)}
	l.Prefix, l.KeyEncoding = gather.Name(q.Prefix)
	for _, o := range out.Contents {
		key, err := decode(aws.ToString(o.Key))
		if err != nil {
			return nil, err
		}
		e := gather.Entry{ETag: aws.ToString(o.ETag), Size: aws.ToInt64(o.Size), StorageClass: string(o.StorageClass)}
		e.Key, e.KeyEncoding = gather.Name(key)
		if o.LastModified != nil {
			e.LastModified = gather.Timestamp(*o.LastModified)
		}
		if o.Owner != nil && o.Owner.ID != nil {
			e.Owner = &gather.Owner{ID: *o.Owner.ID}
		}
		l.Contents = append(l.Contents, e)
	}
	for _, p := range out.CommonPrefixes {
		prefix, err := decode(aws.ToString(p.Prefix))
		if err != nil {
			return nil, err
		}
		var cp gather.CommonPrefix
		cp.Prefix, cp.KeyEncoding = gather.Name(prefix)
		l.CommonPrefixes = append(l.CommonPrefixes, cp)
	}
	l.KeyCount = len(l.Contents) + len(l.CommonPrefixes)
	return marshal(l)
}

// decoder undoes the encoding that a listing says it has. Form encoding: S3
// writes a blank as +.
func decoder(encoding string) func(string) (string, error) {
	if encoding == "url" {
		return url.QueryUnescape
	}
	return func(s string) (string, error) { return s, nil }
}

func listVersions(ctx context.Context, c *Clients, q gather.Question) (any, error) {
	in := &s3.ListObjectVersionsInput{Bucket: &q.Bucket, Prefix: &q.Prefix, EncodingType: s3types.EncodingTypeUrl}
	if q.Max > 0 {
		in.MaxKeys = new(int32(q.Max))
	}
	out, err := c.bucket(ctx, q).ListObjectVersions(ctx, in)
	if err != nil {
		return nil, err
	}
	if out.IsTruncated == nil && out.Name == nil {
		return nil, errors.New("the answer is no listing")
	}
	decode := decoder(string(out.EncodingType))
	v := gather.Versions{IsTruncated: aws.ToBool(out.IsTruncated)}
	v.Prefix, v.KeyEncoding = gather.Name(q.Prefix)
	for _, o := range out.Versions {
		key, err := decode(aws.ToString(o.Key))
		if err != nil {
			return nil, err
		}
		e := gather.Version{VersionId: aws.ToString(o.VersionId), IsLatest: aws.ToBool(o.IsLatest)}
		e.Key, e.KeyEncoding = gather.Name(key)
		if o.LastModified != nil {
			e.LastModified = gather.Timestamp(*o.LastModified)
		}
		v.Versions = append(v.Versions, e)
	}
	for _, o := range out.DeleteMarkers {
		key, err := decode(aws.ToString(o.Key))
		if err != nil {
			return nil, err
		}
		e := gather.Version{VersionId: aws.ToString(o.VersionId), IsLatest: aws.ToBool(o.IsLatest)}
		e.Key, e.KeyEncoding = gather.Name(key)
		if o.LastModified != nil {
			e.LastModified = gather.Timestamp(*o.LastModified)
		}
		v.DeleteMarkers = append(v.DeleteMarkers, e)
	}
	return marshal(v)
}

// managed holds the policies that AWS attaches everywhere, which allow all;
// they are not asked for.
var managed = map[string]string{
	"p-FullAWSAccess":    `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`,
	"p-RCPFullAWSAccess": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`,
}

// organizationPolicies asks for the policies that bind the caller's account: none
// do where it is the organization's management account (Organizations guide,
// Resource control policies, Service control policies).
func organizationPolicies(ctx context.Context, c *Clients, q gather.Question) (any, error) {
	kind := orgtypes.PolicyTypeServiceControlPolicy
	if q.ID == "rcp" {
		kind = orgtypes.PolicyTypeResourceControlPolicy
	}
	id, err := c.identity(ctx)
	if err != nil {
		return nil, err
	}
	org := c.organizations()
	whole, err := org.DescribeOrganization(ctx, &organizations.DescribeOrganizationInput{})
	if err != nil {
		return nil, needs{gather.DescribeOrganization.Permission, err}
	}
	if whole.Organization != nil && aws.ToString(whole.Organization.MasterAccountId) == aws.ToString(id.Account) {
		return nil, &gather.APIError{Code: gather.CodeManagementAccount, Message: "the account is the organization's management account, which these policies do not bind"}
	}
	return attached(ctx, org, aws.ToString(id.Account), kind)
}

// attached walks from the account up to the root, and asks for the policies of
// each level, root first.
func attached(ctx context.Context, org *organizations.Client, account string, kind orgtypes.PolicyType) (any, error) {
	levels := []string{account}
	for len(levels) < 10 { // OUs nest five deep at most
		out, err := org.ListParents(ctx, &organizations.ListParentsInput{ChildId: &levels[0]})
		if err != nil {
			return nil, needs{gather.ListParents.Permission, err}
		}
		if len(out.Parents) == 0 {
			break
		}
		levels = append([]string{aws.ToString(out.Parents[0].Id)}, levels...)
		if out.Parents[0].Type == orgtypes.ParentTypeRoot {
			break
		}
	}
	type answer struct {
		Policy json.RawMessage
		Target string
		Level  int
	}
	list := []answer{}
	known := map[string]json.RawMessage{}
	for level, target := range levels {
		pages := organizations.NewListPoliciesForTargetPaginator(org, &organizations.ListPoliciesForTargetInput{TargetId: &target, Filter: kind})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, needs{gather.ListPoliciesForTarget.Permission, err}
			}
			for _, p := range page.Policies {
				id := aws.ToString(p.Id)
				if known[id] == nil {
					policy := &orgtypes.Policy{PolicySummary: &p}
					if text, ok := managed[id]; ok {
						policy.Content = &text
					} else {
						out, err := org.DescribePolicy(ctx, &organizations.DescribePolicyInput{PolicyId: &id})
						if err != nil {
							return nil, err
						}
						policy = out.Policy
					}
					if known[id], err = render(policy, false); err != nil {
						return nil, err
					}
				}
				list = append(list, answer{known[id], target, level})
			}
		}
	}
	return marshal(map[string]any{"Policies": list})
}

func deliverySources(ctx context.Context, c *Clients, q gather.Question) (any, error) {
	all := &cloudwatchlogs.DescribeDeliverySourcesOutput{DeliverySources: []logstypes.DeliverySource{}}
	pages := cloudwatchlogs.NewDescribeDeliverySourcesPaginator(c.logsIn(q.ID), &cloudwatchlogs.DescribeDeliverySourcesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all.DeliverySources = append(all.DeliverySources, page.DeliverySources...)
	}
	return all, nil
}

func deliveries(ctx context.Context, c *Clients, q gather.Question) (any, error) {
	all := &cloudwatchlogs.DescribeDeliveriesOutput{Deliveries: []logstypes.Delivery{}}
	pages := cloudwatchlogs.NewDescribeDeliveriesPaginator(c.logsIn(q.ID), &cloudwatchlogs.DescribeDeliveriesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all.Deliveries = append(all.Deliveries, page.Deliveries...)
	}
	return all, nil
}

func deliveryDestinations(ctx context.Context, c *Clients, q gather.Question) (any, error) {
	all := &cloudwatchlogs.DescribeDeliveryDestinationsOutput{DeliveryDestinations: []logstypes.DeliveryDestination{}}
	pages := cloudwatchlogs.NewDescribeDeliveryDestinationsPaginator(c.logsIn(q.ID), &cloudwatchlogs.DescribeDeliveryDestinationsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all.DeliveryDestinations = append(all.DeliveryDestinations, page.DeliveryDestinations...)
	}
	return all, nil
}
