package causes

import (
	"strings"

	"github.com/why403/why403/checks"
	"github.com/why403/why403/checks/access"
	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/correlate"
)

// A scene is a failing key, or a request refused at the edge, with its facts.
// It begins as a healthy site: a private bucket behind an origin access control,
// one key, and an S3 line that refuses it for no reason that the facts show.
// Options spoil it.
type scene struct {
	key    *correlate.FailingKey
	edge   *correlate.EdgeFailure
	cover  *correlate.Coverage
	facts  *facts.Facts
	dist   *correlate.Distribution
	bucket *facts.Bucket
	object *facts.Object
	no     struct{ dist, bucket, object bool } // nothing known of it
}

type option func(*scene)

const (
	owner   = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"
	partner = "1111111111111111111111111111111111111111111111111111111111111111"
	oaiUser = "2222222222222222222222222222222222222222222222222222222222222222"
	account = "111122223333"
	distARN = "arn:aws:cloudfront::111122223333:distribution/E1"
	secret  = "s3cr3t-t0ken"

	oacPolicy    = `{"Version":"2012-10-17","Statement":[{"Sid":"AllowOAC","Effect":"Allow","Principal":{"Service":"cloudfront.amazonaws.com"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::site/*","Condition":{"StringEquals":{"AWS:SourceArn":"arn:aws:cloudfront::111122223333:distribution/E1"}}}]}`
	publicPolicy = `{"Version":"2012-10-17","Statement":[{"Sid":"Public","Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::site/*"}]}`
	oaiPolicy    = `{"Version":"2012-10-17","Statement":[{"Sid":"AllowOAI","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity EOLD"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::site/*"}]}`
	refererAllow = `{"Version":"2012-10-17","Statement":[{"Sid":"WithSecret","Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::site/*","Condition":{"StringEquals":{"aws:Referer":"` + secret + `"}}}]}`
)

func known[T any](call string, v T) facts.Fact[T] {
	return facts.Fact[T]{Value: v, State: facts.Known, Call: call, Permission: permissionOf(call)}
}

func unset[T any](call string) facts.Fact[T] {
	return facts.Fact[T]{State: facts.NotSet, Call: call, Permission: permissionOf(call)}
}

func state[T any](call string, s facts.State) facts.Fact[T] {
	return facts.Fact[T]{State: s, Call: call, Permission: permissionOf(call)}
}

func permissionOf(call string) string {
	switch call {
	case "s3:HeadObject":
		return "s3:GetObject"
	case "s3:ListObjectsV2", "s3:HeadBucket":
		return "s3:ListBucket"
	case "s3:ListObjectVersions":
		return "s3:ListBucketVersions"
	case "s3:GetPublicAccessBlock":
		return "s3:GetBucketPublicAccessBlock"
	case "s3control:GetPublicAccessBlock":
		return "s3:GetAccountPublicAccessBlock"
	case "s3:GetBucketEncryption":
		return "s3:GetEncryptionConfiguration"
	case "s3:GetBucketCors":
		return "s3:GetBucketCORS"
	}
	return call
}

func newScene() *scene {
	f := facts.New()
	f.Caller = known("sts:GetCallerIdentity", facts.Caller{Account: account})
	f.Accounts[account] = &facts.Account{ID: account,
		PublicAccessBlock: unset[facts.PublicAccessBlock]("s3control:GetPublicAccessBlock"),
		EffectiveS3Policy: unset[string]("organizations:DescribeEffectivePolicy")}
	f.Organization.RCPs = unset[[]facts.OrgPolicy]("organizations:ListPoliciesForTarget")
	f.Organization.SCPs = unset[[]facts.OrgPolicy]("organizations:ListPoliciesForTarget")
	f.AccessControl["OAC1"] = known("cloudfront:GetOriginAccessControl", facts.OriginAccessControl{ID: "OAC1", SigningBehavior: "always", OriginType: "s3"})
	f.Identities["ENEW"] = known("cloudfront:GetCloudFrontOriginAccessIdentity", facts.OriginAccessIdentity{ID: "ENEW", S3CanonicalUserID: oaiUser})
	b := &facts.Bucket{Name: "site",
		Head:              known("s3:HeadBucket", facts.BucketHead{Region: "eu-west-1"}),
		Location:          known("s3:GetBucketLocation", "eu-west-1"),
		Policy:            known("s3:GetBucketPolicy", oacPolicy),
		PolicyStatus:      known("s3:GetBucketPolicyStatus", false),
		PublicAccessBlock: known("s3:GetPublicAccessBlock", facts.PublicAccessBlock{BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true}),
		Ownership:         known("s3:GetBucketOwnershipControls", "BucketOwnerEnforced"),
		ACL:               known("s3:GetBucketAcl", facts.ACL{OwnerID: owner, Grants: []facts.Grant{{ID: owner, Permission: "FULL_CONTROL"}}}),
		Website:           unset[*correlate.Website]("s3:GetBucketWebsite"),
		RequestPayment:    known("s3:GetBucketRequestPayment", "BucketOwner"),
		Encryption:        known("s3:GetBucketEncryption", facts.Encryption{Algorithm: "AES256"}),
		Versioning:        known("s3:GetBucketVersioning", ""),
		CORS:              unset[[]facts.CORSRule]("s3:GetBucketCors"),
		Objects:           map[string]*facts.Object{},
	}
	f.Buckets["site"] = b
	s := &scene{facts: f, bucket: b, cover: &correlate.Coverage{Edge: true, Origin: true, Buckets: map[string]correlate.Span{}}}
	s.dist = &correlate.Distribution{ID: "E1", ARN: distARN, DomainName: "d1.cloudfront.net", Enabled: true, Aliases: []string{"www.example.com"},
		DefaultRootObject: "index.html",
		Origins:           []correlate.Origin{{ID: "s3", DomainName: "site.s3.eu-west-1.amazonaws.com", S3: true, OriginAccessControlID: "OAC1"}},
		Behaviors: []correlate.Behavior{{PathPattern: "*", TargetOriginID: "s3", ViewerProtocolPolicy: "redirect-to-https",
			AllowedMethods: []string{"GET", "HEAD"}}}}
	s.key = &correlate.FailingKey{Distribution: "E1", Bucket: "site", Key: "a/page.html", KeyKnown: correlate.KeyLogged, Access: correlate.AccessOAC,
		OriginID: "s3", PathPattern: "*", URIs: []string{"/a/page.html"}, Requests: correlate.Requests{CloudFront: 3, S3: 3},
		First: 1763600000000, Last: 1763603600000,
		Edge:   []correlate.EdgeClass{{Count: 3, Status: 403, Method: "GET", Protocol: "https", Host: "www.example.com", Result: "Error", ResponseResult: "Error", DetailedResult: "Error", ContentType: "application/xml", ContentLength: 243, OriginAsked: correlate.Yes, PathPattern: "*"}},
		Origin: []correlate.OriginClass{{Count: 3, Status: 403, ErrorCode: "AccessDenied", Operation: "REST.GET.OBJECT", Requester: "svc:cloudfront.amazonaws.com", SignatureVer: "SigV4", AuthType: "AuthHeader", TLSVersion: "TLSv1.3", HostHeader: "site.s3.eu-west-1.amazonaws.com", FromCloudFront: true}},
	}
	s.object = stored("a/page.html")
	return s
}

// stored is an object of the bucket's owner under S3's own keys.
func stored(key string) *facts.Object {
	return &facts.Object{Key: key,
		Listed:  known("s3:ListObjectsV2", facts.Listed{OwnerID: owner, StorageClass: "STANDARD"}),
		Head:    known("s3:HeadObject", facts.ObjectHead{ServerSideEncryption: "AES256"}),
		ACL:     known("s3:GetObjectAcl", facts.ACL{OwnerID: owner, Grants: []facts.Grant{{ID: owner, Permission: "FULL_CONTROL"}}}),
		Tags:    known("s3:GetObjectTagging", map[string]string{}),
		Version: state[facts.LatestVersion]("s3:ListObjectVersions", facts.NotFound),
		Near:    known("s3:ListObjectsV2", []correlate.NearKey(nil)),
	}
}

func play(opts ...option) *scene {
	s := newScene()
	for _, o := range opts {
		o(s)
	}
	return s
}

// pass returns the scene as the checks see it, with one sample for each class
// of S3 lines.
func (s *scene) pass() *checks.KeyPass {
	p := &checks.KeyPass{Key: s.key, Coverage: s.cover, Facts: s.facts}
	if len(s.key.Samples) == 0 {
		for i, c := range s.key.Origin {
			s.key.Samples = append(s.key.Samples, correlate.Sample{Origin: &correlate.OriginSample{
				Ref: correlate.LineRef{Object: "s3.log", Line: int64(i + 1)}, Time: s.key.First, Status: c.Status, ErrorCode: c.ErrorCode, Operation: c.Operation,
				BucketOwner: owner, Requester: c.Requester, AccessPointARN: c.AccessPointARN, Referer: c.Referer, UserAgent: c.UserAgent, SignatureVersion: c.SignatureVer, AuthType: c.AuthType,
				TLSVersion: c.TLSVersion, HostHeader: c.HostHeader, RemoteIP: remote(c.Requester)}})
		}
	}
	if !s.no.bucket {
		p.Bucket = s.bucket
	}
	if !s.no.object {
		p.Object = s.object
		s.bucket.Objects[s.key.Key] = s.object
	}
	if s.no.dist {
		return p
	}
	s.facts.Distributions["E1"] = &facts.Distribution{ID: "E1", Config: known("cloudfront:GetDistribution", s.dist)}
	if s.key.Distribution == "" {
		return p
	}
	p.Distribution, p.Behavior = s.dist, &s.dist.Behaviors[0]
	for i := range s.dist.Origins {
		if s.dist.Origins[i].ID == s.key.OriginID {
			p.Origin = &s.dist.Origins[i]
		}
	}
	return p
}

func remote(requester string) string {
	if strings.HasPrefix(requester, "svc:") {
		return ""
	}
	return "130.176.1.1"
}

func (s *scene) edgePass() *checks.EdgePass {
	p := &checks.EdgePass{Failure: s.edge, Coverage: s.cover, Facts: s.facts}
	if s.no.dist {
		return p
	}
	s.facts.Distributions["E1"] = &facts.Distribution{ID: "E1", Config: known("cloudfront:GetDistribution", s.dist)}
	p.Distribution, p.Behavior = s.dist, &s.dist.Behaviors[0]
	for i := range s.dist.Origins {
		if s.dist.Origins[i].ID == p.Behavior.TargetOriginID {
			p.Origin = &s.dist.Origins[i]
		}
	}
	return p
}

// --- options ---

func policyDoc(doc string) option {
	return func(s *scene) { s.bucket.Policy = known("s3:GetBucketPolicy", doc) }
}
func noPolicy(s *scene) { s.bucket.Policy = unset[string]("s3:GetBucketPolicy") }

// asWebsite makes the origin a website endpoint of a public bucket.
func asWebsite(s *scene) {
	s.key.Access = correlate.AccessWebsite
	s.dist.Origins[0] = correlate.Origin{ID: "s3", DomainName: "site.s3-website-eu-west-1.amazonaws.com", ProtocolPolicy: "http-only"}
	s.dist.DefaultRootObject = ""
	s.bucket.Policy = known("s3:GetBucketPolicy", publicPolicy)
	s.bucket.PolicyStatus.Value = true
	s.bucket.PublicAccessBlock = known("s3:GetPublicAccessBlock", facts.PublicAccessBlock{})
	s.bucket.Website = known("s3:GetBucketWebsite", &correlate.Website{IndexSuffix: "index.html"})
	s.key.Edge[0].ContentType = "text/html; charset=utf-8"
	s.key.Origin = []correlate.OriginClass{{Count: 3, Status: 403, ErrorCode: "AccessDenied", Operation: "WEBSITE.GET.OBJECT", UserAgent: "Amazon CloudFront",
		HostHeader: "site.s3-website-eu-west-1.amazonaws.com", FromCloudFront: true}}
}

// asAnonymous makes CloudFront ask the REST endpoint without a signature.
func asAnonymous(s *scene) {
	s.key.Access = correlate.AccessAnonymous
	s.dist.Origins[0].OriginAccessControlID = ""
	s.key.Origin = []correlate.OriginClass{{Count: 3, Status: 403, ErrorCode: "AccessDenied", Operation: "REST.GET.OBJECT", UserAgent: "Amazon CloudFront",
		TLSVersion: "TLSv1.3", HostHeader: "site.s3.eu-west-1.amazonaws.com", FromCloudFront: true}}
}

func asOAI(s *scene) {
	s.key.Access = correlate.AccessOAI
	s.dist.Origins[0].OriginAccessControlID, s.dist.Origins[0].OriginAccessIdentity = "", "ENEW"
	s.key.Origin[0].Requester, s.key.Origin[0].UserAgent = oaiUser, "Amazon CloudFront"
}

func asStranger(s *scene) {
	asAnonymous(s)
	s.key.Distribution, s.key.OriginID, s.key.PathPattern, s.key.Edge, s.key.URIs = "", "", "", nil, nil
	s.key.Requests = correlate.Requests{Direct: 3}
	s.key.Origin[0].UserAgent, s.key.Origin[0].FromCloudFront = "curl/8", false
}

func asRole(s *scene) {
	asStranger(s)
	s.key.Access = correlate.AccessIAM
	s.key.Origin[0].Requester = "arn:aws:sts::111122223333:assumed-role/reader/session"
	s.key.Origin[0].SignatureVer, s.key.Origin[0].AuthType = "SigV4", "AuthHeader"
}

func keyed(key string, uris ...string) option {
	return func(s *scene) {
		s.key.Key, s.object.Key = key, key
		if uris != nil {
			s.key.URIs = uris
		}
	}
}

// absent takes the key out of the bucket; near names what is like it.
func absent(near ...correlate.NearKey) option {
	return func(s *scene) {
		s.object.Listed = state[facts.Listed]("s3:ListObjectsV2", facts.NotFound)
		s.object.Head = state[facts.ObjectHead]("s3:HeadObject", facts.NotFound)
		s.object.ACL = state[facts.ACL]("s3:GetObjectAcl", facts.NotFound)
		s.object.Near = known("s3:ListObjectsV2", near)
	}
}

func line(change func(*correlate.OriginClass)) option {
	return func(s *scene) { change(&s.key.Origin[0]) }
}

func code(status int, errorCode string) option {
	return line(func(c *correlate.OriginClass) { c.Status, c.ErrorCode = status, errorCode })
}

func operation(op string) option { return line(func(c *correlate.OriginClass) { c.Operation = op }) }

func sawReferer(r string) option {
	return line(func(c *correlate.OriginClass) { c.Referer = correlate.Secret(r) })
}

func header(name, value string) option {
	return func(s *scene) {
		s.dist.Origins[0].CustomHeaders = append(s.dist.Origins[0].CustomHeaders, correlate.Header{Name: name, Value: value})
	}
}

func headed(h facts.ObjectHead) option {
	return func(s *scene) { s.object.Head = known("s3:HeadObject", h) }
}

func settings(change func(*scene)) option { return change }

// forwarding makes the behavior forward headers by an origin request policy.
func forwarding(headers ...string) option {
	return func(s *scene) {
		s.dist.Behaviors[0].OriginRequestPolicyID = "ORP"
		s.facts.OriginRequest["ORP"] = known("cloudfront:GetOriginRequestPolicy", facts.OriginRequestPolicy{ID: "ORP", Name: "forward", HeaderBehavior: "whitelist", Headers: headers, QueryBehavior: "none"})
	}
}

func aclMode(mode string) option {
	return func(s *scene) { s.bucket.Ownership = known("s3:GetBucketOwnershipControls", mode) }
}

func publicACL(s *scene) {
	s.object.ACL.Value.Grants = append(s.object.ACL.Value.Grants, facts.Grant{URI: access.AllUsers, Permission: "READ"})
}

func kmsKey(policy string, m facts.KMSMetadata) option {
	return func(s *scene) {
		m.ARN, m.KeyID = "arn:aws:kms:eu-west-1:111122223333:key/k1", "k1"
		if m.KeyManager == "" {
			m.KeyManager = "CUSTOMER"
		}
		if m.KeyState == "" {
			m.KeyState = "Enabled"
		}
		s.object.Head = known("s3:HeadObject", facts.ObjectHead{ServerSideEncryption: "aws:kms", SSEKMSKeyID: m.ARN})
		s.facts.KMSKeys[m.ARN] = &facts.KMSKey{ID: m.ARN, Key: known("kms:DescribeKey", m), Policy: known("kms:GetKeyPolicy", policy)}
	}
}

const (
	keyPolicyClosed = `{"Version":"2012-10-17","Statement":[{"Sid":"Root","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}]}`
	keyPolicyOpen   = `{"Version":"2012-10-17","Statement":[{"Sid":"CF","Effect":"Allow","Principal":{"Service":"cloudfront.amazonaws.com"},"Action":"kms:Decrypt","Resource":"*","Condition":{"StringEquals":{"AWS:SourceArn":"arn:aws:cloudfront::111122223333:distribution/E1"}}}]}`
)

// atEdge makes the scene a request that CloudFront refused by itself.
func atEdge(change func(*correlate.EdgeFailure, *correlate.EdgeSample)) option {
	return func(s *scene) {
		sample := &correlate.EdgeSample{Ref: correlate.LineRef{Object: "cf.gz", Line: 3}, Time: 1763600000000, Method: "GET", Protocol: "https",
			Host: "www.example.com", Stem: "/a/page.html", Status: 403, Result: "Error", DetailedResult: "Error", ContentType: "text/html", RequestBytes: 500, ClientIP: "203.0.113.9"}
		e := &correlate.EdgeFailure{Distribution: "E1", URI: "/a/page.html", Requests: 4, First: sample.Time, Last: sample.Time + 1000,
			PathPattern: "*", OriginID: "s3", Reason: correlate.NoOriginEdge}
		change(e, sample)
		e.Edge = append(e.Edge, correlate.EdgeClass{Count: e.Requests, Status: 403, Method: sample.Method, Protocol: sample.Protocol, Host: sample.Host,
			Result: sample.Result, ResponseResult: sample.Result, DetailedResult: sample.DetailedResult, ContentType: sample.ContentType,
			OriginAsked: askedOrigin(e.Reason), SignedQuery: strings.Contains(sample.Query, "Signature="), PathPattern: "*"})
		e.Samples = append(e.Samples, correlate.Sample{Edge: sample})
		s.edge = e
	}
}

func askedOrigin(r correlate.NoOriginReason) correlate.Tri {
	switch r {
	case correlate.NoOriginEdge:
		return correlate.No
	case correlate.NoOriginNotS3:
		return correlate.Yes
	}
	return correlate.Unknown
}

// restricted makes the behavior serve signed URLs of key group G1 alone.
func restricted(publicKey string) option {
	return func(s *scene) {
		b := &s.dist.Behaviors[0]
		b.Restricted, b.TrustedKeyGroups = true, []string{"G1"}
		s.facts.KeyGroups["G1"] = known("cloudfront:GetKeyGroup", facts.KeyGroup{ID: "G1", Items: []string{"KPUB"}})
		s.facts.PublicKeys["KPUB"] = known("cloudfront:GetPublicKey", facts.PublicKey{ID: "KPUB", EncodedKey: publicKey})
	}
}
