package correlate

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// items is the shape that CloudFront's API gives every list: a Quantity and,
// when it is not zero, Items.
type items[T any] struct {
	Items []T `json:"Items"`
}

type distributionJSON struct {
	ID                 string           `json:"Id"`
	ARN                string           `json:"ARN"`
	DomainName         string           `json:"DomainName"`
	Status             string           `json:"Status"`
	LastModifiedTime   string           `json:"LastModifiedTime"`
	DistributionConfig *distributionCfg `json:"DistributionConfig"`
}

type distributionCfg struct {
	Aliases           items[string] `json:"Aliases"`
	DefaultRootObject string        `json:"DefaultRootObject"`
	Enabled           bool          `json:"Enabled"`
	Staging           bool          `json:"Staging"`
	IsIPV6Enabled     bool          `json:"IsIPV6Enabled"`
	WebACLID          string        `json:"WebACLId"`

	Origins struct {
		Items []struct {
			ID                    string        `json:"Id"`
			DomainName            string        `json:"DomainName"`
			OriginPath            string        `json:"OriginPath"`
			OriginAccessControlID string        `json:"OriginAccessControlId"`
			CustomHeaders         items[header] `json:"CustomHeaders"`
			S3OriginConfig        *struct {
				OriginAccessIdentity string `json:"OriginAccessIdentity"`
			} `json:"S3OriginConfig"`
			CustomOriginConfig *struct {
				OriginProtocolPolicy string `json:"OriginProtocolPolicy"`
			} `json:"CustomOriginConfig"`
			VpcOriginConfig *struct{} `json:"VpcOriginConfig"`
		} `json:"Items"`
	} `json:"Origins"`

	OriginGroups struct {
		Items []struct {
			ID               string `json:"Id"`
			FailoverCriteria struct {
				StatusCodes items[int] `json:"StatusCodes"`
			} `json:"FailoverCriteria"`
			Members struct {
				Items []struct {
					OriginID string `json:"OriginId"`
				} `json:"Items"`
			} `json:"Members"`
		} `json:"Items"`
	} `json:"OriginGroups"`

	DefaultCacheBehavior *behaviorJSON       `json:"DefaultCacheBehavior"`
	CacheBehaviors       items[behaviorJSON] `json:"CacheBehaviors"`

	CustomErrorResponses struct {
		Items []struct {
			ErrorCode          int    `json:"ErrorCode"`
			ResponsePagePath   string `json:"ResponsePagePath"`
			ResponseCode       number `json:"ResponseCode"`
			ErrorCachingMinTTL int64  `json:"ErrorCachingMinTTL"`
		} `json:"Items"`
	} `json:"CustomErrorResponses"`

	Restrictions struct {
		GeoRestriction struct {
			RestrictionType string   `json:"RestrictionType"`
			Items           []string `json:"Items"`
		} `json:"GeoRestriction"`
	} `json:"Restrictions"`

	Logging struct {
		Enabled bool   `json:"Enabled"`
		Bucket  string `json:"Bucket"`
		Prefix  string `json:"Prefix"`
	} `json:"Logging"`
}

type header struct {
	Name  string `json:"HeaderName"`
	Value string `json:"HeaderValue"`
}

type behaviorJSON struct {
	PathPattern           string        `json:"PathPattern"`
	TargetOriginID        string        `json:"TargetOriginId"`
	ViewerProtocolPolicy  string        `json:"ViewerProtocolPolicy"`
	AllowedMethods        items[string] `json:"AllowedMethods"`
	CachePolicyID         string        `json:"CachePolicyId"`
	OriginRequestPolicyID string        `json:"OriginRequestPolicyId"`
	RealtimeLogConfigARN  string        `json:"RealtimeLogConfigArn"`
	TrustedKeyGroups      trusted       `json:"TrustedKeyGroups"`
	TrustedSigners        trusted       `json:"TrustedSigners"`
	FunctionAssociations  struct {
		Items []struct {
			FunctionARN string `json:"FunctionARN"`
			EventType   string `json:"EventType"`
		} `json:"Items"`
	} `json:"FunctionAssociations"`
	LambdaFunctionAssociations struct {
		Items []struct {
			LambdaFunctionARN string `json:"LambdaFunctionARN"`
			EventType         string `json:"EventType"`
		} `json:"Items"`
	} `json:"LambdaFunctionAssociations"`
	ForwardedValues *struct {
		QueryString bool          `json:"QueryString"`
		Headers     items[string] `json:"Headers"`
	} `json:"ForwardedValues"`
}

type trusted struct {
	Enabled bool     `json:"Enabled"`
	Items   []string `json:"Items"`
}

// number reads an integer that the API writes as a string ("200", "").
type number int

func (n *number) UnmarshalJSON(b []byte) error {
	s := strings.Trim(string(b), `"`)
	if s == "" || s == "null" {
		return nil
	}
	v, err := strconv.Atoi(s)
	if err != nil {
		return fmt.Errorf("%q is not a number", s)
	}
	*n = number(v)
	return nil
}

// ParseDistribution reads a distribution's settings from the JSON that
// "aws cloudfront get-distribution" prints. It also takes the answer of
// get-distribution-config, which holds no id, ARN and domain name (the caller
// sets ID), and a bare Distribution or DistributionConfig object.
func ParseDistribution(data []byte) (*Distribution, error) {
	var doc struct {
		Distribution *distributionJSON `json:"Distribution"`
		distributionJSON
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("distribution: %w", err)
	}
	outer := &doc.distributionJSON
	if doc.Distribution != nil {
		outer = doc.Distribution
	}
	c := outer.DistributionConfig
	if c == nil && doc.Distribution == nil {
		c = new(distributionCfg)
		if err := json.Unmarshal(data, c); err != nil {
			return nil, fmt.Errorf("distribution: %w", err)
		}
	}
	if c == nil || c.DefaultCacheBehavior == nil || len(c.Origins.Items) == 0 {
		return nil, errors.New("distribution: no DistributionConfig with Origins and DefaultCacheBehavior; expected the JSON of get-distribution or get-distribution-config")
	}
	return c.distribution(outer), nil
}

func (c *distributionCfg) distribution(outer *distributionJSON) *Distribution {
	d := &Distribution{
		ID: outer.ID, ARN: outer.ARN, DomainName: outer.DomainName,
		Status: outer.Status, LastModified: outer.LastModifiedTime,
		Enabled: c.Enabled, Staging: c.Staging, Aliases: c.Aliases.Items,
		DefaultRootObject: c.DefaultRootObject,
		WebACLID:          c.WebACLID, IPv6: c.IsIPV6Enabled,
		GeoRestriction: GeoRestriction{c.Restrictions.GeoRestriction.RestrictionType, c.Restrictions.GeoRestriction.Items},
	}
	for _, o := range c.Origins.Items {
		out := Origin{
			ID: o.ID, DomainName: o.DomainName, OriginPath: o.OriginPath,
			S3: o.S3OriginConfig != nil, VPC: o.VpcOriginConfig != nil,
			OriginAccessControlID: o.OriginAccessControlID,
		}
		if o.S3OriginConfig != nil {
			out.OriginAccessIdentity = strings.TrimPrefix(o.S3OriginConfig.OriginAccessIdentity, "origin-access-identity/cloudfront/")
		}
		if o.CustomOriginConfig != nil {
			out.ProtocolPolicy = o.CustomOriginConfig.OriginProtocolPolicy
		}
		for _, h := range o.CustomHeaders.Items {
			out.CustomHeaders = append(out.CustomHeaders, Header(h))
		}
		d.Origins = append(d.Origins, out)
	}
	for _, g := range c.OriginGroups.Items {
		out := OriginGroup{ID: g.ID, Statuses: g.FailoverCriteria.StatusCodes.Items}
		for _, m := range g.Members.Items {
			out.Members = append(out.Members, m.OriginID)
		}
		d.OriginGroups = append(d.OriginGroups, out)
	}
	for i := range c.CacheBehaviors.Items {
		d.Behaviors = append(d.Behaviors, c.CacheBehaviors.Items[i].behavior())
	}
	last := c.DefaultCacheBehavior.behavior()
	last.PathPattern = "*"
	d.Behaviors = append(d.Behaviors, last)
	for _, e := range c.CustomErrorResponses.Items {
		d.ErrorResponses = append(d.ErrorResponses, ErrorResponse{e.ErrorCode, int(e.ResponseCode), e.ResponsePagePath, e.ErrorCachingMinTTL})
	}
	if c.Logging.Enabled && c.Logging.Bucket != "" {
		// The API holds the bucket's domain name: logs.s3.amazonaws.com.
		d.LogBucket, d.LogPrefix = c.Logging.Bucket, c.Logging.Prefix
		if e := ParseEndpoint(c.Logging.Bucket); e.Bucket != "" {
			d.LogBucket = e.Bucket
		}
	}
	return d
}

func (b *behaviorJSON) behavior() Behavior {
	out := Behavior{
		PathPattern: b.PathPattern, TargetOriginID: b.TargetOriginID,
		ViewerProtocolPolicy: b.ViewerProtocolPolicy, AllowedMethods: b.AllowedMethods.Items,
		CachePolicyID: b.CachePolicyID, OriginRequestPolicyID: b.OriginRequestPolicyID,
		RealtimeLogConfigARN: b.RealtimeLogConfigARN,
		TrustedKeyGroups:     b.TrustedKeyGroups.Items, TrustedSigners: b.TrustedSigners.Items,
		Restricted: b.TrustedKeyGroups.Enabled || b.TrustedSigners.Enabled,
	}
	for _, f := range b.FunctionAssociations.Items {
		out.Functions = append(out.Functions, FunctionAssociation{f.EventType, f.FunctionARN, false})
	}
	for _, f := range b.LambdaFunctionAssociations.Items {
		out.Functions = append(out.Functions, FunctionAssociation{f.EventType, f.LambdaFunctionARN, true})
	}
	if v := b.ForwardedValues; v != nil {
		out.ForwardedHeaders, out.ForwardedQuery = v.Headers.Items, v.QueryString
	}
	return out
}

// ParseWebsite reads a static website configuration from the JSON that
// "aws s3api get-bucket-website" prints.
func ParseWebsite(data []byte) (*Website, error) {
	var doc struct {
		IndexDocument *struct {
			Suffix string `json:"Suffix"`
		} `json:"IndexDocument"`
		ErrorDocument *struct {
			Key string `json:"Key"`
		} `json:"ErrorDocument"`
		RedirectAllRequestsTo *struct {
			HostName string `json:"HostName"`
			Protocol string `json:"Protocol"`
		} `json:"RedirectAllRequestsTo"`
		RoutingRules []struct {
			Condition struct {
				HTTPErrorCodeReturnedEquals number `json:"HttpErrorCodeReturnedEquals"`
				KeyPrefixEquals             string `json:"KeyPrefixEquals"`
			} `json:"Condition"`
			Redirect struct {
				HostName             string  `json:"HostName"`
				HTTPRedirectCode     number  `json:"HttpRedirectCode"`
				Protocol             string  `json:"Protocol"`
				ReplaceKeyPrefixWith *string `json:"ReplaceKeyPrefixWith"`
				ReplaceKeyWith       *string `json:"ReplaceKeyWith"`
			} `json:"Redirect"`
		} `json:"RoutingRules"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("website configuration: %w", err)
	}
	if doc.IndexDocument == nil && doc.RedirectAllRequestsTo == nil {
		return nil, errors.New("website configuration: neither IndexDocument nor RedirectAllRequestsTo; expected the JSON of get-bucket-website")
	}
	w := new(Website)
	if doc.IndexDocument != nil {
		w.IndexSuffix = doc.IndexDocument.Suffix
	}
	if doc.ErrorDocument != nil {
		w.ErrorKey = doc.ErrorDocument.Key
	}
	if r := doc.RedirectAllRequestsTo; r != nil {
		w.RedirectAll, w.RedirectProto = r.HostName, r.Protocol
	}
	for _, r := range doc.RoutingRules {
		rule := RoutingRule{
			KeyPrefix: r.Condition.KeyPrefixEquals, ErrorCode: int(r.Condition.HTTPErrorCodeReturnedEquals),
			HostName: r.Redirect.HostName, Protocol: r.Redirect.Protocol, RedirectCode: int(r.Redirect.HTTPRedirectCode),
		}
		if p := r.Redirect.ReplaceKeyWith; p != nil {
			rule.ReplaceKey, rule.HasReplaceKey = *p, true
		}
		if p := r.Redirect.ReplaceKeyPrefixWith; p != nil {
			rule.ReplacePrefix, rule.HasReplacePrefix = *p, true
		}
		w.Rules = append(w.Rules, rule)
	}
	return w, nil
}
