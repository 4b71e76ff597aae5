package gather

import "slices"

// A Call is one read operation of AWS that a run may ask for.
type Call struct {
	Name       string // "s3:GetBucketPolicy", as api_calls counts it
	Permission string // the IAM action that it needs, "" when it needs none
	Scope      Scope
	Why        string // what the answer is for, in words

	file string // place of the answer in a snapshot; {bucket}, {key} and {id} stand for the question's
}

// Scope says what a call's permission must be granted on.
type Scope string

// The scopes.
const (
	ScopeNone         Scope = "none"         // nothing, or "*" only
	ScopeDistribution Scope = "distribution" // a CloudFront distribution
	ScopeCloudFront   Scope = "cloudfront"   // another CloudFront resource
	ScopeBucket       Scope = "bucket"       // an origin bucket
	ScopeObject       Scope = "object"       // an origin bucket's objects
	ScopeLogs         Scope = "logs"         // a log bucket
	ScopeLogObjects   Scope = "log-objects"  // a log bucket's objects
	ScopeKMS          Scope = "kms"          // a KMS key
	ScopeWebACL       Scope = "web-acl"      // a web ACL
)

var calls []*Call

func declare(name, permission string, scope Scope, file, why string) *Call {
	c := &Call{Name: name, Permission: permission, Scope: scope, Why: why, file: file}
	calls = append(calls, c)
	return c
}

// The calls. The IAM action is not always named like the operation (Service
// Authorization Reference, "Actions, resources, and condition keys").
var (
	GetCallerIdentity = declare("sts:GetCallerIdentity", "", ScopeNone, "caller-identity.json",
		"which account and role the run uses")

	ListDistributions = declare("cloudfront:ListDistributions", "cloudfront:ListDistributions", ScopeNone, "",
		"the account's distributions, for --all-distributions and for a log of S3 alone, which names none")
	GetDistribution = declare("cloudfront:GetDistribution", "cloudfront:GetDistribution", ScopeDistribution, "distributions/{id}/distribution.json",
		"the way from a viewer's path to an origin: behaviors, origins, default root object, error responses, logging")
	GetOriginAccessControl = declare("cloudfront:GetOriginAccessControl", "cloudfront:GetOriginAccessControl", ScopeCloudFront, "origin-access-controls/{id}.json",
		"whether CloudFront signs its requests to the bucket")
	GetOriginAccessIdentity = declare("cloudfront:GetCloudFrontOriginAccessIdentity", "cloudfront:GetCloudFrontOriginAccessIdentity", ScopeCloudFront, "origin-access-identities/{id}.json",
		"whether the identity still exists, and its canonical user id in S3")
	GetCachePolicy = declare("cloudfront:GetCachePolicy", "cloudfront:GetCachePolicy", ScopeCloudFront, "cache-policies/{id}.json",
		"which headers and query parameters reach the origin with the cache key")
	GetOriginRequestPolicy = declare("cloudfront:GetOriginRequestPolicy", "cloudfront:GetOriginRequestPolicy", ScopeCloudFront, "origin-request-policies/{id}.json",
		"which headers and query parameters reach the origin besides")
	DescribeFunction = declare("cloudfront:DescribeFunction", "cloudfront:DescribeFunction", ScopeCloudFront, "functions/{id}.json",
		"the CloudFront Function that may answer or rewrite")
	GetFunction = declare("cloudfront:GetFunction", "cloudfront:GetFunction", ScopeCloudFront, "functions/{id}.js",
		"the code of that function")
	GetKeyGroup = declare("cloudfront:GetKeyGroup", "cloudfront:GetKeyGroup", ScopeCloudFront, "key-groups/{id}.json",
		"which public keys may sign viewers' URLs")
	GetPublicKey = declare("cloudfront:GetPublicKey", "cloudfront:GetPublicKey", ScopeCloudFront, "public-keys/{id}.json",
		"to verify signed URLs offline")
	GetRealtimeLogConfig = declare("cloudfront:GetRealtimeLogConfig", "cloudfront:GetRealtimeLogConfig", ScopeCloudFront, "real-time-log-configs/{id}.json",
		"the fields of a real-time log, when no location is given")
	GetWebACL = declare("wafv2:GetWebACL", "wafv2:GetWebACL", ScopeWebACL, "web-acls/{id}.json",
		"which rules may block at the edge")

	HeadBucket = declare("s3:HeadBucket", "s3:ListBucket", ScopeBucket, "buckets/{bucket}/head.json",
		"whether the bucket exists, and its Region")
	GetBucketLocation = declare("s3:GetBucketLocation", "s3:GetBucketLocation", ScopeBucket, "buckets/{bucket}/location.json",
		"the bucket's Region, where HeadBucket does not say")
	GetBucketPolicy = declare("s3:GetBucketPolicy", "s3:GetBucketPolicy", ScopeBucket, "buckets/{bucket}/policy.json",
		"who may read, and who is denied")
	GetBucketPolicyStatus = declare("s3:GetBucketPolicyStatus", "s3:GetBucketPolicyStatus", ScopeBucket, "buckets/{bucket}/policy-status.json",
		"whether S3 takes the policy for public")
	GetPublicAccessBlock = declare("s3:GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock", ScopeBucket, "buckets/{bucket}/public-access-block.json",
		"the bucket's Block Public Access")
	GetOwnershipControls = declare("s3:GetBucketOwnershipControls", "s3:GetBucketOwnershipControls", ScopeBucket, "buckets/{bucket}/ownership-controls.json",
		"whether ACLs count, and who owns new objects")
	GetBucketACL = declare("s3:GetBucketAcl", "s3:GetBucketAcl", ScopeBucket, "buckets/{bucket}/acl.json",
		"the bucket's owner, and public grants")
	GetBucketWebsite = declare("s3:GetBucketWebsite", "s3:GetBucketWebsite", ScopeBucket, "buckets/{bucket}/website.json",
		"index and error document and redirects of a website origin")
	GetRequestPayment = declare("s3:GetBucketRequestPayment", "s3:GetBucketRequestPayment", ScopeBucket, "buckets/{bucket}/request-payment.json",
		"whether the requester pays")
	GetBucketEncryption = declare("s3:GetBucketEncryption", "s3:GetEncryptionConfiguration", ScopeBucket, "buckets/{bucket}/encryption.json",
		"how new objects are encrypted")
	GetBucketLogging = declare("s3:GetBucketLogging", "s3:GetBucketLogging", ScopeBucket, "buckets/{bucket}/logging.json",
		"where the bucket's server access log goes")
	GetBucketVersioning = declare("s3:GetBucketVersioning", "s3:GetBucketVersioning", ScopeBucket, "buckets/{bucket}/versioning.json",
		"whether a missing key may hide behind a delete marker")
	GetBucketCORS = declare("s3:GetBucketCors", "s3:GetBucketCORS", ScopeBucket, "buckets/{bucket}/cors.json",
		"which preflight requests the bucket answers")
	ListObjectsV2 = declare("s3:ListObjectsV2", "s3:ListBucket", ScopeBucket, "buckets/{bucket}/objects.json",
		"whether a key exists, who owns it, and which keys are near")
	ListObjectVersions = declare("s3:ListObjectVersions", "s3:ListBucketVersions", ScopeBucket, "buckets/{bucket}/versions.json",
		"whether a missing key was deleted, and its last version")

	HeadObject = declare("s3:HeadObject", "s3:GetObject", ScopeObject, "buckets/{bucket}/objects/{key}/head.json",
		"encryption, storage class and restore state of a failing key")
	GetObjectACL = declare("s3:GetObjectAcl", "s3:GetObjectAcl", ScopeObject, "buckets/{bucket}/objects/{key}/acl.json",
		"the owner of a failing key, and public grants")
	GetObjectTagging = declare("s3:GetObjectTagging", "s3:GetObjectTagging", ScopeObject, "buckets/{bucket}/objects/{key}/tagging.json",
		"the tags of a failing key, when a policy asks for s3:ExistingObjectTag")

	DescribeKey = declare("kms:DescribeKey", "kms:DescribeKey", ScopeKMS, "kms/{id}/key.json",
		"whether the KMS key of an object can be used")
	GetKeyPolicy = declare("kms:GetKeyPolicy", "kms:GetKeyPolicy", ScopeKMS, "kms/{id}/policy.json",
		"whether CloudFront may decrypt with that key")

	// An access point's ID is REGION.ACCOUNT.NAME.
	GetAccessPoint = declare("s3control:GetAccessPoint", "s3:GetAccessPoint", ScopeNone, "access-points/{id}/access-point.json",
		"whether an access point that failing requests came by is open to the Internet")
	GetAccessPointPolicy = declare("s3control:GetAccessPointPolicy", "s3:GetAccessPointPolicy", ScopeNone, "access-points/{id}/policy.json",
		"whom its own policy lets read")

	GetAccountPublicAccessBlock = declare("s3control:GetPublicAccessBlock", "s3:GetAccountPublicAccessBlock", ScopeNone, "account/public-access-block.json",
		"the account's Block Public Access, the organization's included")
	DescribeEffectivePolicy = declare("organizations:DescribeEffectivePolicy", "organizations:DescribeEffectivePolicy", ScopeNone, "account/effective-s3-policy.json",
		"whether the organization sets Block Public Access")
	// OrganizationPolicies stands for a chain of calls: DescribeOrganization,
	// ListParents up to the root, ListPoliciesForTarget for each, DescribePolicy for each policy.
	OrganizationPolicies = declare("organizations:DescribePolicy", "organizations:DescribePolicy", ScopeNone, "organization/{id}",
		"service and resource control policies above the bucket's account")
	DescribeOrganization = declare("organizations:DescribeOrganization", "organizations:DescribeOrganization", ScopeNone, "",
		"whether the account is the management account, which those policies do not bind")
	ListParents = declare("organizations:ListParents", "organizations:ListParents", ScopeNone, "",
		"the levels above the bucket's account")
	ListPoliciesForTarget = declare("organizations:ListPoliciesForTarget", "organizations:ListPoliciesForTarget", ScopeNone, "",
		"the policies of each of those levels")

	DescribeDeliverySources = declare("logs:DescribeDeliverySources", "logs:DescribeDeliverySources", ScopeNone, "deliveries/{id}/sources.json",
		"where standard logs v2 and vended S3 access logs are delivered, when no location is given")
	DescribeDeliveries = declare("logs:DescribeDeliveries", "logs:DescribeDeliveries", ScopeNone, "deliveries/{id}/deliveries.json",
		"the same: which destination each source delivers to")
	DescribeDeliveryDestinations = declare("logs:DescribeDeliveryDestinations", "logs:DescribeDeliveryDestinations", ScopeNone, "deliveries/{id}/destinations.json",
		"the same: bucket and format of each destination")

	// ListLogs, GetLog and HeadLogBucket are made by internal/s3source.
	ListLogs = declare("s3:ListObjectsV2", "s3:ListBucket", ScopeLogs, "",
		"to list the logs")
	GetLog = declare("s3:GetObject", "s3:GetObject", ScopeLogObjects, "",
		"to read the logs")
)

// Calls returns every operation that a run may ask for, in the order of the
// declarations. The caller owns the slice.
func Calls() []*Call { return slices.Clone(calls) }
