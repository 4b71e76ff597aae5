package gather

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/correlate"
)

// The decoders read an answer as the AWS CLI prints it. An answer that lacks
// what the operation always returns is an error: servers that only speak some
// S3 answer unknown sub-resources with another document and status 200.

// decode reads an answer into a T.
func decode[T any](data json.RawMessage) (v T, err error) {
	err = json.Unmarshal(data, &v)
	return v, err
}

func lacks(field string) error { return fmt.Errorf("the answer holds no %s", field) }

func decodeCaller(data json.RawMessage) (c facts.Caller, err error) {
	v, err := decode[struct{ Account, Arn, UserID string }](data)
	if err == nil && v.Account == "" {
		err = lacks("Account")
	}
	return facts.Caller{Account: v.Account, ARN: v.Arn, UserID: v.UserID}, err
}

func decodeAccessControl(data json.RawMessage) (facts.OriginAccessControl, error) {
	v, err := decode[struct {
		OriginAccessControl *struct {
			ID                        string
			OriginAccessControlConfig struct {
				Name, SigningBehavior, SigningProtocol, OriginAccessControlOriginType string
			}
		}
	}](data)
	if err != nil {
		return facts.OriginAccessControl{}, err
	}
	if v.OriginAccessControl == nil || v.OriginAccessControl.OriginAccessControlConfig.SigningBehavior == "" {
		return facts.OriginAccessControl{}, lacks("OriginAccessControl")
	}
	c := v.OriginAccessControl.OriginAccessControlConfig
	return facts.OriginAccessControl{
		ID: v.OriginAccessControl.ID, Name: c.Name, SigningBehavior: c.SigningBehavior,
		SigningProtocol: c.SigningProtocol, OriginType: c.OriginAccessControlOriginType,
	}, nil
}

func decodeIdentity(data json.RawMessage) (facts.OriginAccessIdentity, error) {
	v, err := decode[struct {
		CloudFrontOriginAccessIdentity *struct {
			ID                                   string
			S3CanonicalUserID                    string
			CloudFrontOriginAccessIdentityConfig struct{ Comment string }
		}
	}](data)
	if err != nil {
		return facts.OriginAccessIdentity{}, err
	}
	i := v.CloudFrontOriginAccessIdentity
	if i == nil || i.ID == "" {
		return facts.OriginAccessIdentity{}, lacks("CloudFrontOriginAccessIdentity")
	}
	return facts.OriginAccessIdentity{ID: i.ID, S3CanonicalUserID: i.S3CanonicalUserID, Comment: i.CloudFrontOriginAccessIdentityConfig.Comment}, nil
}

// quantity is CloudFront's list: {"Quantity": n, "Items": […]}.
type quantity[T any] struct{ Items []T }

func decodeCachePolicy(data json.RawMessage) (facts.CachePolicy, error) {
	v, err := decode[struct {
		CachePolicy *struct {
			ID                string
			CachePolicyConfig struct {
				Name                                     string
				MinTTL, DefaultTTL, MaxTTL               int64
				ParametersInCacheKeyAndForwardedToOrigin struct {
					HeadersConfig struct {
						HeaderBehavior string
						Headers        quantity[string]
					}
					QueryStringsConfig struct {
						QueryStringBehavior string
						QueryStrings        quantity[string]
					}
				}
			}
		}
	}](data)
	if err != nil {
		return facts.CachePolicy{}, err
	}
	if v.CachePolicy == nil || v.CachePolicy.ID == "" {
		return facts.CachePolicy{}, lacks("CachePolicy")
	}
	c := v.CachePolicy.CachePolicyConfig
	p := c.ParametersInCacheKeyAndForwardedToOrigin
	return facts.CachePolicy{
		ID: v.CachePolicy.ID, Name: c.Name, MinTTL: c.MinTTL, DefaultTTL: c.DefaultTTL, MaxTTL: c.MaxTTL,
		HeaderBehavior: p.HeadersConfig.HeaderBehavior, Headers: p.HeadersConfig.Headers.Items,
		QueryBehavior: p.QueryStringsConfig.QueryStringBehavior, Queries: p.QueryStringsConfig.QueryStrings.Items,
	}, nil
}

func decodeOriginRequestPolicy(data json.RawMessage) (facts.OriginRequestPolicy, error) {
	v, err := decode[struct {
		OriginRequestPolicy *struct {
			ID                        string
			OriginRequestPolicyConfig struct {
				Name          string
				HeadersConfig struct {
					HeaderBehavior string
					Headers        quantity[string]
				}
				QueryStringsConfig struct {
					QueryStringBehavior string
					QueryStrings        quantity[string]
				}
			}
		}
	}](data)
	if err != nil {
		return facts.OriginRequestPolicy{}, err
	}
	if v.OriginRequestPolicy == nil || v.OriginRequestPolicy.ID == "" {
		return facts.OriginRequestPolicy{}, lacks("OriginRequestPolicy")
	}
	c := v.OriginRequestPolicy.OriginRequestPolicyConfig
	return facts.OriginRequestPolicy{
		ID: v.OriginRequestPolicy.ID, Name: c.Name,
		HeaderBehavior: c.HeadersConfig.HeaderBehavior, Headers: c.HeadersConfig.Headers.Items,
		QueryBehavior: c.QueryStringsConfig.QueryStringBehavior, Queries: c.QueryStringsConfig.QueryStrings.Items,
	}, nil
}

func decodeFunctionARN(data json.RawMessage) (string, error) {
	v, err := decode[struct {
		FunctionSummary struct {
			FunctionMetadata struct{ FunctionARN string }
		}
	}](data)
	if err == nil && v.FunctionSummary.FunctionMetadata.FunctionARN == "" {
		err = lacks("FunctionARN")
	}
	return v.FunctionSummary.FunctionMetadata.FunctionARN, err
}

// decodeCode reads a function's code, which is a JSON string here and the bare
// text in a snapshot.
func decodeCode(data json.RawMessage) (string, error) { return decode[string](data) }

func decodeKeyGroup(data json.RawMessage) (facts.KeyGroup, error) {
	v, err := decode[struct {
		KeyGroup *struct {
			ID             string
			KeyGroupConfig struct {
				Name  string
				Items []string
			}
		}
	}](data)
	if err != nil {
		return facts.KeyGroup{}, err
	}
	if v.KeyGroup == nil || v.KeyGroup.ID == "" {
		return facts.KeyGroup{}, lacks("KeyGroup")
	}
	return facts.KeyGroup{ID: v.KeyGroup.ID, Name: v.KeyGroup.KeyGroupConfig.Name, Items: v.KeyGroup.KeyGroupConfig.Items}, nil
}

func decodePublicKey(data json.RawMessage) (facts.PublicKey, error) {
	v, err := decode[struct {
		PublicKey *struct {
			ID              string
			PublicKeyConfig struct{ Name, EncodedKey string }
		}
	}](data)
	if err != nil {
		return facts.PublicKey{}, err
	}
	if v.PublicKey == nil || v.PublicKey.PublicKeyConfig.EncodedKey == "" {
		return facts.PublicKey{}, lacks("PublicKey")
	}
	return facts.PublicKey{ID: v.PublicKey.ID, Name: v.PublicKey.PublicKeyConfig.Name, EncodedKey: v.PublicKey.PublicKeyConfig.EncodedKey}, nil
}

func decodeWebACL(data json.RawMessage) (facts.WebACL, error) {
	type group struct{ VendorName, Name, ARN string }
	v, err := decode[struct {
		WebACL *struct {
			Name, ID, ARN string
			DefaultAction map[string]json.RawMessage
			Rules         []struct {
				Name      string
				Priority  int64
				Action    map[string]json.RawMessage
				Statement struct {
					ManagedRuleGroupStatement   *group
					RuleGroupReferenceStatement *group
				}
			}
		}
	}](data)
	if err != nil {
		return facts.WebACL{}, err
	}
	if v.WebACL == nil || len(v.WebACL.DefaultAction) == 0 {
		return facts.WebACL{}, lacks("WebACL")
	}
	w := facts.WebACL{Name: v.WebACL.Name, ID: v.WebACL.ID, ARN: v.WebACL.ARN, DefaultAction: onlyKey(v.WebACL.DefaultAction)}
	for _, r := range v.WebACL.Rules {
		rule := facts.WebACLRule{Name: r.Name, Priority: r.Priority, Action: onlyKey(r.Action)}
		if g := r.Statement.ManagedRuleGroupStatement; g != nil {
			rule.Group = g.VendorName + "/" + g.Name
		} else if g := r.Statement.RuleGroupReferenceStatement; g != nil {
			rule.Group = g.ARN
		}
		w.Rules = append(w.Rules, rule)
	}
	return w, nil
}

// onlyKey returns the name of the one member that a choice holds.
func onlyKey(m map[string]json.RawMessage) string {
	for k, v := range m {
		if string(v) != "null" {
			return k
		}
	}
	return ""
}

func decodeHead(data json.RawMessage) (facts.BucketHead, error) {
	v, err := decode[struct{ BucketRegion string }](data)
	return facts.BucketHead{Region: v.BucketRegion}, err
}

// decodeLocation reads a Region: null is us-east-1, EU is eu-west-1 (API
// reference, GetBucketLocation).
func decodeLocation(data json.RawMessage) (string, error) {
	v, err := decode[struct{ LocationConstraint string }](data)
	switch v.LocationConstraint {
	case "":
		return "us-east-1", err
	case "EU":
		return "eu-west-1", err
	}
	return v.LocationConstraint, err
}

// decodePolicy reads a policy document, which is a string in the answer.
func decodePolicy(data json.RawMessage) (string, error) {
	v, err := decode[struct{ Policy string }](data)
	if err != nil {
		return "", err
	}
	return document(v.Policy, "Policy")
}

func decodeAccessPoint(data json.RawMessage) (facts.AccessPointConfig, error) {
	v, err := decode[struct {
		Bucket, NetworkOrigin          string
		PublicAccessBlockConfiguration facts.PublicAccessBlock
	}](data)
	if err == nil && v.NetworkOrigin == "" {
		err = lacks("NetworkOrigin")
	}
	return facts.AccessPointConfig{Bucket: v.Bucket, NetworkOrigin: v.NetworkOrigin, PublicAccessBlock: v.PublicAccessBlockConfiguration}, err
}

func document(text, field string) (string, error) {
	if text == "" {
		return "", lacks(field)
	}
	if !strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "{") || !json.Valid([]byte(text)) {
		return "", fmt.Errorf("%s is no JSON document", field)
	}
	return text, nil
}

func decodePolicyStatus(data json.RawMessage) (bool, error) {
	v, err := decode[struct{ PolicyStatus struct{ IsPublic *bool } }](data)
	if err != nil {
		return false, err
	}
	if v.PolicyStatus.IsPublic == nil {
		return false, lacks("PolicyStatus.IsPublic")
	}
	return *v.PolicyStatus.IsPublic, nil
}

func decodePublicAccessBlock(data json.RawMessage) (facts.PublicAccessBlock, error) {
	v, err := decode[struct {
		PublicAccessBlockConfiguration *struct {
			BlockPublicAcls, IgnorePublicAcls, BlockPublicPolicy, RestrictPublicBuckets *bool
		}
	}](data)
	if err != nil {
		return facts.PublicAccessBlock{}, err
	}
	c := v.PublicAccessBlockConfiguration
	if c == nil || c.BlockPublicAcls == nil && c.IgnorePublicAcls == nil && c.BlockPublicPolicy == nil && c.RestrictPublicBuckets == nil {
		return facts.PublicAccessBlock{}, lacks("PublicAccessBlockConfiguration")
	}
	is := func(p *bool) bool { return p != nil && *p }
	return facts.PublicAccessBlock{
		BlockPublicAcls: is(c.BlockPublicAcls), IgnorePublicAcls: is(c.IgnorePublicAcls),
		BlockPublicPolicy: is(c.BlockPublicPolicy), RestrictPublicBuckets: is(c.RestrictPublicBuckets),
	}, nil
}

func decodeOwnership(data json.RawMessage) (string, error) {
	v, err := decode[struct {
		OwnershipControls struct {
			Rules []struct{ ObjectOwnership string }
		}
	}](data)
	if err != nil {
		return "", err
	}
	if r := v.OwnershipControls.Rules; len(r) > 0 && r[0].ObjectOwnership != "" {
		return r[0].ObjectOwnership, nil
	}
	return "", lacks("OwnershipControls.Rules")
}

func decodeACL(data json.RawMessage) (facts.ACL, error) {
	v, err := decode[struct {
		Owner  *struct{ ID string }
		Grants []struct {
			Grantee    struct{ URI, ID string }
			Permission string
		}
	}](data)
	if err != nil {
		return facts.ACL{}, err
	}
	if v.Owner == nil || v.Owner.ID == "" {
		return facts.ACL{}, lacks("Owner")
	}
	acl := facts.ACL{OwnerID: v.Owner.ID}
	for _, g := range v.Grants {
		acl.Grants = append(acl.Grants, facts.Grant{URI: g.Grantee.URI, ID: g.Grantee.ID, Permission: g.Permission})
	}
	return acl, nil
}

func decodeWebsite(data json.RawMessage) (*correlate.Website, error) {
	return correlate.ParseWebsite(data)
}

func decodePayer(data json.RawMessage) (string, error) {
	v, err := decode[struct{ Payer string }](data)
	if err == nil && v.Payer == "" {
		err = lacks("Payer")
	}
	return v.Payer, err
}

func decodeEncryption(data json.RawMessage) (facts.Encryption, error) {
	v, err := decode[struct {
		ServerSideEncryptionConfiguration struct {
			Rules []struct {
				ApplyServerSideEncryptionByDefault struct{ SSEAlgorithm, KMSMasterKeyID string }
				BucketKeyEnabled                   bool
			}
		}
	}](data)
	if err != nil {
		return facts.Encryption{}, err
	}
	r := v.ServerSideEncryptionConfiguration.Rules
	if len(r) == 0 {
		return facts.Encryption{}, lacks("ServerSideEncryptionConfiguration.Rules")
	}
	d := r[0].ApplyServerSideEncryptionByDefault
	return facts.Encryption{Algorithm: d.SSEAlgorithm, KMSKeyID: d.KMSMasterKeyID, BucketKey: r[0].BucketKeyEnabled}, nil
}

// decodeLogging reads a logging configuration. The answer is empty when
// logging is off.
func decodeLogging(data json.RawMessage) (facts.Logging, error) {
	v, err := decode[struct {
		LoggingEnabled *struct {
			TargetBucket, TargetPrefix string
			TargetObjectKeyFormat      struct {
				PartitionedPrefix *struct{ PartitionDateSource string }
			}
		}
	}](data)
	if err != nil {
		return facts.Logging{}, err
	}
	if v.LoggingEnabled == nil || v.LoggingEnabled.TargetBucket == "" {
		return facts.Logging{}, errNotSet
	}
	l := facts.Logging{TargetBucket: v.LoggingEnabled.TargetBucket, TargetPrefix: v.LoggingEnabled.TargetPrefix}
	if p := v.LoggingEnabled.TargetObjectKeyFormat.PartitionedPrefix; p != nil {
		if l.Partitioned = p.PartitionDateSource; l.Partitioned == "" {
			l.Partitioned = "EventTime"
		}
	}
	return l, nil
}

// decodeVersioning reads Enabled, Suspended, or "" for a bucket that never had
// versioning: the answer is empty then.
func decodeVersioning(data json.RawMessage) (string, error) {
	v, err := decode[struct{ Status string }](data)
	return v.Status, err
}

func decodeCORS(data json.RawMessage) ([]facts.CORSRule, error) {
	v, err := decode[struct{ CORSRules []facts.CORSRule }](data)
	if err == nil && len(v.CORSRules) == 0 {
		err = lacks("CORSRules")
	}
	return v.CORSRules, err
}

func decodeObjectHead(data json.RawMessage) (facts.ObjectHead, error) {
	v, err := decode[struct {
		facts.ObjectHead
		LastModified Time
		// A HEAD of an object always tells its length; another document does not.
		ContentLength *int64
	}](data)
	if err != nil {
		return facts.ObjectHead{}, err
	}
	if v.ContentLength == nil {
		return facts.ObjectHead{}, lacks("ContentLength")
	}
	h := v.ObjectHead
	h.LastModified, h.ContentLength = string(v.LastModified), *v.ContentLength
	return h, nil
}

func decodeTags(data json.RawMessage) (map[string]string, error) {
	v, err := decode[struct {
		TagSet []struct{ Key, Value string }
	}](data)
	if err != nil {
		return nil, err
	}
	tags := make(map[string]string, len(v.TagSet))
	for _, t := range v.TagSet {
		tags[t.Key] = t.Value
	}
	return tags, nil
}

func decodeKMSKey(data json.RawMessage) (facts.KMSMetadata, error) {
	v, err := decode[struct {
		KeyMetadata *struct {
			Arn, KeyID, AWSAccountID, KeyManager, KeyState string
			Enabled                                        bool
		}
	}](data)
	if err != nil {
		return facts.KMSMetadata{}, err
	}
	if v.KeyMetadata == nil || v.KeyMetadata.KeyID == "" {
		return facts.KMSMetadata{}, lacks("KeyMetadata")
	}
	k := v.KeyMetadata
	return facts.KMSMetadata{ARN: k.Arn, KeyID: k.KeyID, AccountID: k.AWSAccountID, KeyManager: k.KeyManager, KeyState: k.KeyState, Enabled: k.Enabled}, nil
}

func decodeEffectivePolicy(data json.RawMessage) (string, error) {
	v, err := decode[struct {
		EffectivePolicy struct{ PolicyContent string }
	}](data)
	if err != nil {
		return "", err
	}
	return document(v.EffectivePolicy.PolicyContent, "EffectivePolicy.PolicyContent")
}

// policyList is the answer to [OrganizationPolicies]: answers of
// describe-policy, with where each policy is attached.
type policyList struct{ Policies []orgPolicy }

type orgPolicy struct {
	Policy struct {
		PolicySummary struct{ ID, Name string }
		Content       string
	}
	Target string `json:",omitempty"` // root, OU or account
	Level  int    `json:",omitempty"` // from the root
}

func decodeOrgPolicies(data json.RawMessage) ([]facts.OrgPolicy, error) {
	v, err := decode[policyList](data)
	if err != nil {
		return nil, err
	}
	var list []facts.OrgPolicy
	for _, p := range v.Policies {
		s := p.Policy.PolicySummary
		content, err := document(p.Policy.Content, "Content")
		if err != nil {
			return nil, fmt.Errorf("policy %q: %w", s.Name, err)
		}
		list = append(list, facts.OrgPolicy{Name: s.Name, ID: s.ID, Content: content, Target: p.Target, Level: p.Level})
	}
	return list, nil
}

// Time reads a time as the AWS CLI prints it: ISO 8601 (version 2), an
// HTTP date or seconds since 1970 (version 1). It becomes RFC 3339 in UTC; a
// text in another form stays as it is.
type Time string

func (t *Time) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) != nil {
		sec, err := strconv.ParseFloat(string(b), 64)
		if err != nil {
			return errors.New("a time is neither text nor number")
		}
		*t = Time(time.UnixMilli(int64(sec * 1000)).UTC().Format(time.RFC3339))
		return nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05-0700", time.RFC1123} {
		if at, err := time.Parse(layout, s); err == nil {
			s = at.UTC().Format(time.RFC3339)
			break
		}
	}
	*t = Time(s)
	return nil
}

// Timestamp returns t as a listing's JSON holds it.
func Timestamp(t time.Time) Time { return Time(t.UTC().Format("2006-01-02T15:04:05-07:00")) }
