// Package facts holds what AWS answered about an account, its distributions,
// buckets and objects: plain data, each answer with the state in which it came.
//
// It must not ask AWS, nor judge: internal/gather fills it (from AWS or from a
// snapshot directory) and the checks read it.
package facts

import (
	"fmt"
	"time"

	"github.com/why403/why403/correlate"
)

// State says how an answer came.
type State uint8

// The states.
const (
	NotGathered State = iota // not asked: a limit was reached, or the snapshot has no such file
	Known                    // answered
	NotSet                   // answered: there is no such configuration (NoSuchBucketPolicy, …)
	NotFound                 // answered: no such resource (NoSuchBucket, NoSuchKey, NoSuchDistribution, …)
	Refused                  // AccessDenied: Permission is missing
	Failed                   // any other error, or an answer that makes no sense
)

// SourceInventory is the Call of what an S3 Inventory tells.
const SourceInventory = "s3-inventory"

// A Fact is one answer of AWS.
type Fact[T any] struct {
	Value      T // set when State is Known
	State      State
	Call       string // "s3:GetBucketPolicy": the operation asked
	Permission string // the IAM action that the call needs: "s3:GetBucketPolicy"
	Code       string // error code, when there was one
	Message    string // error message, when there was one
}

// Known reports whether the value was answered.
func (f Fact[T]) Known() bool { return f.State == Known }

// Settled reports whether AWS answered, be it that nothing is set or found.
func (f Fact[T]) Settled() bool { return f.State == Known || f.State == NotSet || f.State == NotFound }

// Missing says what would be needed to settle the fact: the permission, or the
// call that was not made or failed. It is "" for a settled fact.
func (f Fact[T]) Missing() string {
	switch f.State {
	case Refused:
		return f.Permission
	case NotGathered:
		return f.Permission
	case Failed:
		return fmt.Sprintf("%s (%s)", f.Permission, f.Code)
	}
	return ""
}

// Facts is everything gathered for one run.
type Facts struct {
	Caller        Fact[Caller]
	Accounts      map[string]*Account // by account id
	Organization  Organization
	Distributions map[string]*Distribution // by id
	AccessControl map[string]Fact[OriginAccessControl]
	Identities    map[string]Fact[OriginAccessIdentity] // by OAI id
	CachePolicies map[string]Fact[CachePolicy]
	OriginRequest map[string]Fact[OriginRequestPolicy]
	Functions     map[string]*Function // by name
	KeyGroups     map[string]Fact[KeyGroup]
	PublicKeys    map[string]Fact[PublicKey]
	WebACLs       map[string]Fact[WebACL] // by DistributionConfig.WebACLId
	Buckets       map[string]*Bucket
	KMSKeys       map[string]*KMSKey      // by the id or ARN that an object names
	AccessPoints  map[string]*AccessPoint // by ARN, as S3's lines name them

	// Mask gives a value the form in which the policies and origin headers of a
	// recorded snapshot hold secrets: compare Mask(referer of a log line) with
	// them. It is nil when the facts hold every value as it is; use Masked.
	Mask func(string) string
}

// New returns Facts with empty maps.
func New() *Facts {
	return &Facts{
		Accounts:      map[string]*Account{},
		Distributions: map[string]*Distribution{},
		AccessControl: map[string]Fact[OriginAccessControl]{},
		Identities:    map[string]Fact[OriginAccessIdentity]{},
		CachePolicies: map[string]Fact[CachePolicy]{},
		OriginRequest: map[string]Fact[OriginRequestPolicy]{},
		Functions:     map[string]*Function{},
		KeyGroups:     map[string]Fact[KeyGroup]{},
		PublicKeys:    map[string]Fact[PublicKey]{},
		WebACLs:       map[string]Fact[WebACL]{},
		Buckets:       map[string]*Bucket{},
		KMSKeys:       map[string]*KMSKey{},
		AccessPoints:  map[string]*AccessPoint{},
	}
}

// Masked returns a value that a log shows (a Referer) in the form in which
// these facts hold such values, so that equal stays equal.
func (f *Facts) Masked(value string) string {
	if f.Mask == nil {
		return value
	}
	return f.Mask(value)
}

// OwnAccount returns the settings of the account that the run belongs to, nil
// when they were not asked for.
func (f *Facts) OwnAccount() *Account { return f.Accounts[f.Caller.Value.Account] }

// Caller is sts:GetCallerIdentity.
type Caller struct{ Account, ARN, UserID string }

// An Account is an account's own settings.
type Account struct {
	ID                string
	PublicAccessBlock Fact[PublicAccessBlock] // s3control:GetPublicAccessBlock: the effective value
	EffectiveS3Policy Fact[string]            // organizations:DescribeEffectivePolicy S3_POLICY: the policy document
}

// PublicAccessBlock holds the four flags.
type PublicAccessBlock struct {
	BlockPublicAcls, IgnorePublicAcls, BlockPublicPolicy, RestrictPublicBuckets bool
}

// Organization holds the organization's policies that apply to the buckets' account.
type Organization struct {
	SCPs, RCPs Fact[[]OrgPolicy]
}

// An OrgPolicy is one service or resource control policy.
type OrgPolicy struct {
	Name, ID, Content string // Content is the policy document
	// Target is the root, OU or account it is attached to; Level counts from the
	// root (0). A snapshot does not say: Target is "" and Level 0.
	Target string
	Level  int
}

// A Distribution is a distribution's settings.
type Distribution struct {
	ID     string
	Config Fact[*correlate.Distribution] // cloudfront:GetDistribution
}

// OriginAccessControl is cloudfront:GetOriginAccessControl.
type OriginAccessControl struct {
	ID, Name, SigningBehavior, SigningProtocol, OriginType string
}

// SignsS3 reports whether the control signs every request to S3.
func (c *OriginAccessControl) SignsS3() bool {
	return c.SigningBehavior == "always" && (c.OriginType == "s3" || c.OriginType == "")
}

// OriginAccessIdentity is cloudfront:GetCloudFrontOriginAccessIdentity.
type OriginAccessIdentity struct{ ID, S3CanonicalUserID, Comment string }

// CachePolicy tells what a cache policy adds to the cache key and so forwards.
type CachePolicy struct {
	ID, Name                      string
	HeaderBehavior, QueryBehavior string // none, whitelist; none, whitelist, allExcept, all
	Headers, Queries              []string
	MinTTL, DefaultTTL, MaxTTL    int64
}

// OriginRequestPolicy tells what is forwarded to the origin besides.
type OriginRequestPolicy struct {
	ID, Name                      string
	HeaderBehavior, QueryBehavior string // none, whitelist, allViewer, allViewerAndWhitelistCloudFront, allExcept; none, whitelist, all, allExcept
	Headers, Queries              []string
}

// A Function is a CloudFront Function.
type Function struct {
	Name string
	ARN  Fact[string] // cloudfront:DescribeFunction
	Code Fact[string] // cloudfront:GetFunction
}

// KeyGroup is cloudfront:GetKeyGroup.
type KeyGroup struct {
	ID, Name string
	Items    []string // public key ids
}

// PublicKey is cloudfront:GetPublicKey.
type PublicKey struct{ ID, Name, EncodedKey string }

// WebACL is wafv2:GetWebACL.
type WebACL struct {
	Name, ID, ARN, DefaultAction string // DefaultAction: Allow or Block
	Rules                        []WebACLRule
}

// A WebACLRule is one rule of a web ACL.
type WebACLRule struct {
	Name, Action, Group string // Action "" for a rule group; Group: the managed or own group's name
	Priority            int64
}

// A KMSKey is one key and its policy.
type KMSKey struct {
	ID     string
	Key    Fact[KMSMetadata] // kms:DescribeKey
	Policy Fact[string]      // kms:GetKeyPolicy: the policy document
}

// KMSMetadata is the part of kms:DescribeKey that matters.
type KMSMetadata struct {
	ARN, KeyID, AccountID, KeyManager, KeyState string // KeyManager: AWS or CUSTOMER
	Enabled                                     bool
}

// An AccessPoint is an access point of a bucket and its own policy.
type AccessPoint struct {
	ARN    string
	Config Fact[AccessPointConfig] // s3control:GetAccessPoint
	Policy Fact[string]            // s3control:GetAccessPointPolicy: the policy document
}

// AccessPointConfig is the part of s3control:GetAccessPoint that matters.
type AccessPointConfig struct {
	Bucket, NetworkOrigin string // NetworkOrigin: Internet or VPC
	PublicAccessBlock     PublicAccessBlock
}

// A Bucket is a bucket's settings.
type Bucket struct {
	Name              string
	Head              Fact[BucketHead]
	Location          Fact[string] // region
	Policy            Fact[string] // the policy document
	PolicyStatus      Fact[bool]   // IsPublic
	PublicAccessBlock Fact[PublicAccessBlock]
	Ownership         Fact[string] // ObjectOwnership
	ACL               Fact[ACL]
	Website           Fact[*correlate.Website]
	RequestPayment    Fact[string] // Payer
	Encryption        Fact[Encryption]
	Logging           Fact[Logging]
	Versioning        Fact[string] // Enabled, Suspended, ""
	CORS              Fact[[]CORSRule]

	// Foreign: the bucket belongs to another account than the caller's. Asked
	// only when the bucket's settings were refused.
	Foreign correlate.Tri

	// Keys is the whole list of the bucket's keys, when a complete listing or
	// an inventory is at hand; it costs no call then.
	Keys Fact[*correlate.KeyList]
	// Inventory is when the S3 Inventory that Keys comes from was made; zero
	// for a listing of now.
	Inventory time.Time
	Objects   map[string]*Object // by key: only those that failing keys need
}

// BucketHead is s3:HeadBucket.
type BucketHead struct{ Region string }

// ACL is an access control list.
type ACL struct {
	OwnerID string
	Grants  []Grant
}

// A Grant is one grant of an ACL. URI is a group's, ID a canonical user's.
type Grant struct{ URI, ID, Permission string }

// Encryption is a bucket's default encryption.
type Encryption struct {
	Algorithm, KMSKeyID string
	BucketKey           bool
}

// Logging is a bucket's server access logging.
type Logging struct {
	TargetBucket, TargetPrefix string
	Partitioned                string // "", EventTime, DeliveryTime
}

// A CORSRule is one rule of a bucket's CORS configuration.
type CORSRule struct{ AllowedOrigins, AllowedMethods, AllowedHeaders []string }

// An Object is what is known of one key.
type Object struct {
	Key     string
	Listed  Fact[Listed] // from a listing (s3:ListBucket) or inventory; NotFound: the listing shows that the key does not exist
	Head    Fact[ObjectHead]
	ACL     Fact[ACL]
	Tags    Fact[map[string]string]
	Version Fact[LatestVersion] // from ListObjectVersions
	Near    Fact[[]correlate.NearKey]
}

// Listed is an object's entry in a listing.
type Listed struct {
	OwnerID, StorageClass, LastModified string
	EncryptionStatus, ArchiveTier       string // only from an inventory
	Size                                int64
}

// ObjectHead is s3:HeadObject.
type ObjectHead struct {
	ServerSideEncryption, SSEKMSKeyID, SSECustomerAlgorithm string
	StorageClass, ArchiveStatus, Restore                    string
	WebsiteRedirectLocation                                 string
	LastModified                                            string
	BucketKeyEnabled, DeleteMarker                          bool
	ContentLength                                           int64
}

// LatestVersion says what the key's current version is.
type LatestVersion struct {
	DeleteMarker bool
	VersionID    string // of the delete marker or the current version
	LastModified string
	// Previous is the newest version under the marker, "" if none.
	Previous string
}

// OwnerID returns the canonical id of the object's owner, "" if no answer told.
func (o *Object) OwnerID() string {
	if o.Listed.Value.OwnerID != "" {
		return o.Listed.Value.OwnerID
	}
	return o.ACL.Value.OwnerID
}

// Exists says whether the key is in the bucket, by whichever answer settles it.
func (o *Object) Exists() correlate.Tri {
	if o == nil {
		return correlate.Unknown
	}
	switch {
	case o.Listed.State == Known || o.Head.State == Known:
		return correlate.Yes
	case o.Listed.State == NotFound || o.Head.State == NotFound:
		return correlate.No
	}
	return correlate.Unknown
}
