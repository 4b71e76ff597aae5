package causes

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/why403/why403/checks"
	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/correlate"
)

func TestAllValid(t *testing.T) {
	if err := checks.Validate(All, IDs); err != nil {
		t.Error(err)
	}
	for i, c := range All {
		if c.ID != IDs[i] {
			t.Errorf("check %d is %s, its id in the list is %s", i, c.ID, IDs[i])
		}
	}
}

func TestValidateRefuses(t *testing.T) {
	page := "## Meaning\n## How it shows\n## How it is proven\n## Look-alikes\n## Fix\n## Sources\n"
	run := func(*checks.KeyPass) checks.Finding { return checks.Finding{} }
	f := func(want string, list ...*checks.Check) {
		t.Helper()
		err := checks.Validate(list, []string{"a", "b"})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	f("check 0 is nil", nil)
	f("check 0 has no id", &checks.Check{})
	f("a: id used twice", &checks.Check{ID: "a", Title: "t", Page: page, Rank: 1, Key: run}, &checks.Check{ID: "a", Title: "t", Page: page, Rank: 1, Key: run})
	f("c: not among the fixed cause ids", &checks.Check{ID: "c", Title: "t", Page: page, Rank: 1, Key: run})
	f("a: no title", &checks.Check{ID: "a", Page: page, Rank: 1, Key: run})
	f("a: no rank", &checks.Check{ID: "a", Title: "t", Page: page, Key: run})
	f(`a: page has no section "How it is proven"`, &checks.Check{ID: "a", Title: "t", Rank: 1, Key: run, Page: strings.Replace(page, "## How it is proven\n", "", 1)})
	f("a: runs on nothing", &checks.Check{ID: "a", Title: "t", Page: page, Rank: 1})
	f("b: no check", &checks.Check{ID: "a", Title: "t", Page: page, Rank: 1, Key: run})
}

// A scenario is one scene in which the id is the verdict, and one that looks
// like it and has another.
type scenario struct {
	id        string
	certainty checks.Certainty
	finds     []option
	alike     []option
	instead   string // the verdict of the look-alike
}

func opts(o ...option) []option { return o }

func nearKey(kind correlate.NearKind, key string) correlate.NearKey {
	return correlate.NearKey{Kind: kind, Key: key}
}

func denyDoc(statement string) string {
	return strings.Replace(publicPolicy, `"Statement":[`, `"Statement":[`+statement+`,`, 1)
}

func denyOAC(statement string) string {
	return strings.Replace(oacPolicy, `"Statement":[`, `"Statement":[`+statement+`,`, 1)
}

const (
	vpceDeny   = `{"Sid":"VPCOnly","Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::site/*","Condition":{"StringNotEquals":{"aws:sourceVpce":"vpce-1a2b3c4d"}}}`
	tlsDeny    = `{"Sid":"TLSOnly","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::site","arn:aws:s3:::site/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}`
	refererBan = `{"Sid":"NoStrangers","Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::site/*","Condition":{"StringNotEquals":{"aws:Referer":"` + secret + `"}}}`
)

func edgeLineOf(change func(*correlate.EdgeSample)) option {
	return atEdge(func(_ *correlate.EdgeFailure, s *correlate.EdgeSample) { change(s) })
}

var plainEdge = edgeLineOf(func(*correlate.EdgeSample) {})

func behave(change func(*correlate.Behavior)) option {
	return func(s *scene) { change(&s.dist.Behaviors[0]) }
}

func accountBlock(b facts.PublicAccessBlock) option {
	return func(s *scene) {
		s.facts.Accounts[account].PublicAccessBlock = known("s3control:GetPublicAccessBlock", b)
	}
}

func rcp(doc string) option {
	return func(s *scene) {
		s.facts.Organization.RCPs = known("organizations:DescribePolicy", []facts.OrgPolicy{{Name: "perimeter", Content: doc}})
	}
}

const (
	rcpOrgOnly = `{"Version":"2012-10-17","Statement":[{"Sid":"OrgOnly","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"StringNotEqualsIfExists":{"aws:PrincipalOrgID":"o-1"},"BoolIfExists":{"aws:PrincipalIsAWSService":"false"}}}]}`
	scpDenyS3  = `{"Version":"2012-10-17","Statement":[{"Sid":"All","Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"NoReads","Effect":"Deny","Action":"s3:GetObject","Resource":"*"}]}`
)

func scp(doc string) option {
	return func(s *scene) {
		s.facts.Organization.SCPs = known("organizations:DescribePolicy", []facts.OrgPolicy{{Name: "guard", Content: doc}})
	}
}

var allBlocked = facts.PublicAccessBlock{BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true}

var scenarios = []scenario{
	{"key-missing", checks.Proven, opts(absent()), opts(), "unexplained"},
	{"key-deleted", checks.Proven, opts(absent(), settings(func(s *scene) {
		s.object.Version = known("s3:ListObjectVersions", facts.LatestVersion{DeleteMarker: true, VersionID: "v2", Previous: "v1"})
	})), opts(absent()), "key-missing"},
	{"key-case", checks.Proven, opts(absent(nearKey(correlate.NearCase, "A/Page.html"))), opts(absent(nearKey(correlate.NearSpelling, "a/pages.html"))), "key-missing"},
	{"key-trailing-slash", checks.Proven, opts(keyed("a/", "/a/"), absent(nearKey(correlate.NearTrailingSlash, "a"))), opts(keyed("a/", "/a/"), absent(nearKey(correlate.NearDirectoryIndex, "a/index.html"))), "key-directory-index"},
	{"key-directory-index", checks.Proven, opts(keyed("a/", "/a/"), absent(nearKey(correlate.NearDirectoryIndex, "a/index.html"))),
		// A website endpoint serves it itself: the missing index document is another matter.
		opts(asWebsite, policyDoc(strings.ReplaceAll(publicPolicy, "site/*", "site/b/*")), keyed("a/index.html", "/a/"), absent()), "index-document-missing"},
	{"key-extension", checks.Proven, opts(keyed("about", "/about"), absent(nearKey(correlate.NearExtension, "about.html"))), opts(keyed("about", "/about"), absent()), "key-missing"},
	{"key-double-slash", checks.Proven, opts(keyed("a//b.js", "/a//b.js"), absent(nearKey(correlate.NearDoubleSlash, "a/b.js"))),
		opts(keyed("/index.html", "/"), absent(), settings(func(s *scene) { s.dist.DefaultRootObject = "/index.html" })), "default-root-slash"},
	{"key-origin-path", checks.Proven, opts(keyed("prod/prod/x.js", "/prod/x.js"), absent(nearKey(correlate.NearOriginPath, "prod/x.js")), settings(func(s *scene) { s.dist.Origins[0].OriginPath = "/prod" })),
		opts(keyed("prod/x.js", "/x.js"), absent(), settings(func(s *scene) { s.dist.Origins[0].OriginPath = "/prod" })), "key-missing"},
	{"key-encoding", checks.Proven, opts(keyed("a b.pdf", "/a+b.pdf"), absent(nearKey(correlate.NearEncoding, "a+b.pdf"))), opts(keyed("a b.pdf", "/a+b.pdf"), absent()), "key-missing"},
	{"key-unicode-form", checks.Proven, opts(keyed("caf\u00e9.html"), absent(nearKey(correlate.NearUnicode, "cafe\u0301.html"))), opts(keyed("caf\u00e9.html"), absent(nearKey(correlate.NearSpelling, "cafe.html"))), "key-missing"},
	{"key-spa-route", checks.Likely, opts(keyed("app/users/42", "/app/users/42"), absent(), settings(func(s *scene) {
		s.dist.ErrorResponses = []correlate.ErrorResponse{{ErrorCode: 404, ResponseCode: 200, ResponsePagePath: "/index.html"}}
	})), opts(keyed("app/users/42", "/app/users/42"), absent()), "key-missing"},
	{"default-root-unset", checks.Proven, opts(keyed("", "/"), operation("REST.GET.BUCKET"), settings(func(s *scene) { s.dist.DefaultRootObject = "" })),
		opts(keyed("index.html", "/"), absent()), "default-root-missing"},
	{"default-root-slash", checks.Proven, opts(keyed("/index.html", "/"), absent(), settings(func(s *scene) { s.dist.DefaultRootObject = "/index.html" })),
		opts(keyed("/index.html", "//index.html"), absent(nearKey(correlate.NearDoubleSlash, "index.html"))), "key-double-slash"},
	{"default-root-missing", checks.Proven, opts(keyed("index.html", "/"), absent()), opts(keyed("index.html", "/index.html"), absent()), "key-missing"},
	{"index-document-missing", checks.Proven, opts(asWebsite, policyDoc(strings.ReplaceAll(publicPolicy, "site/*", "site/b/*")), keyed("a/index.html", "/a/"), absent()),
		// Covered by the policy it would have been a 404.
		opts(asWebsite, keyed("a/index.html", "/a/"), absent()), "unexplained"},

	{"policy-no-allow", checks.Proven, opts(noPolicy), opts(policyDoc(strings.ReplaceAll(oacPolicy, "site/*", "site/b/*"))), "policy-resource-gap"},
	{"policy-other-access", checks.Proven, opts(asWebsite, policyDoc(oacPolicy)), opts(asWebsite, noPolicy), "policy-no-allow"},
	{"policy-resource-gap", checks.Proven, opts(policyDoc(strings.ReplaceAll(oacPolicy, "site/*", "site/public/*"))), opts(policyDoc(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/x"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::site/*"}]}`)), "policy-no-allow"},
	{"policy-condition-unmet", checks.Proven, opts(asWebsite, policyDoc(strings.Replace(publicPolicy, `"Resource"`, `"Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}},"Resource"`, 1))),
		opts(asWebsite, policyDoc(strings.Replace(publicPolicy, `"Resource"`, `"Condition":{"IpAddress":{"aws:SourceIp":"130.176.0.0/16"}},"Resource"`, 1))), "unexplained"},
	{"policy-deny", checks.Proven, opts(policyDoc(denyOAC(vpceDeny))), opts(policyDoc(denyOAC(strings.Replace(vpceDeny, `"StringNotEquals"`, `"BoolIfExists":{"aws:PrincipalIsAWSService":"false"},"StringNotEquals"`, 1)))), "unexplained"},
	{"referer-mismatch", checks.Proven, opts(asWebsite, policyDoc(refererAllow), header("Referer", "old"), sawReferer("old")), opts(asWebsite, policyDoc(refererAllow)), "referer-absent"},
	{"referer-absent", checks.Proven, opts(asWebsite, policyDoc(refererAllow)), opts(asWebsite, header("Referer", secret), sawReferer(secret),
		policyDoc(strings.Replace(refererAllow, `"Condition":{`, `"Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"},`, 1))), "policy-condition-unmet"},
	{"referer-forwarded", checks.Proven, opts(asWebsite, policyDoc(refererAllow), forwarding("Referer"), sawReferer("https://www.example.com/shop")),
		opts(asWebsite, policyDoc(refererAllow), header("Referer", "https://wrong.example/"), sawReferer("https://wrong.example/")), "referer-mismatch"},
	{"referer-deny-only", checks.Proven, opts(asWebsite, policyDoc(`{"Version":"2012-10-17","Statement":[`+refererBan+`]}`), header("Referer", secret), sawReferer(secret)),
		opts(asWebsite, policyDoc(denyDoc(refererBan)), header("Referer", "old"), sawReferer("old")), "referer-mismatch"},
	{"oac-source-arn", checks.Proven, opts(policyDoc(strings.Replace(oacPolicy, "distribution/E1", "distribution/E0", 1))), opts(policyDoc(oaiPolicy)), "policy-other-access"},
	{"oac-not-attached", checks.Proven, opts(asAnonymous), opts(asAnonymous, noPolicy), "policy-no-allow"},
	{"oac-signing-off", checks.Proven, opts(asAnonymous, settings(func(s *scene) {
		s.dist.Origins[0].OriginAccessControlID = "OAC1"
		s.facts.AccessControl["OAC1"] = known("cloudfront:GetOriginAccessControl", facts.OriginAccessControl{ID: "OAC1", SigningBehavior: "never", OriginType: "s3"})
	})), opts(asAnonymous), "oac-not-attached"},
	{"oai-mismatch", checks.Proven, opts(asOAI, policyDoc(oaiPolicy)), opts(asOAI), "policy-other-access"},
	{"bpa-bucket", checks.Proven, opts(asWebsite, settings(func(s *scene) { s.bucket.PublicAccessBlock = known("s3:GetPublicAccessBlock", allBlocked) })),
		// BlockPublicPolicy refuses new policies only; it never cuts a read.
		opts(asWebsite, settings(func(s *scene) {
			s.bucket.PublicAccessBlock = known("s3:GetPublicAccessBlock", facts.PublicAccessBlock{BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true})
		})), "unexplained"},
	{"bpa-account", checks.Proven, opts(asWebsite, accountBlock(facts.PublicAccessBlock{RestrictPublicBuckets: true})), opts(accountBlock(allBlocked)), "unexplained"},
	{"bpa-organization", checks.Proven, opts(asWebsite, accountBlock(allBlocked), settings(func(s *scene) {
		s.facts.Accounts[account].EffectiveS3Policy = known("organizations:DescribeEffectivePolicy", `{"s3_attributes":{"public_access_block_configuration":"all"}}`)
	})), opts(asWebsite, accountBlock(allBlocked), settings(func(s *scene) {
		s.facts.Accounts[account].EffectiveS3Policy = known("organizations:DescribeEffectivePolicy", `{"s3_attributes":{"public_access_block_configuration":{"@@assign":"none"}}}`)
	})), "bpa-account"},
	{"bpa-ignore-acls", checks.Proven, opts(asWebsite, noPolicy, aclMode("ObjectWriter"), publicACL, settings(func(s *scene) {
		s.bucket.PublicAccessBlock = known("s3:GetPublicAccessBlock", facts.PublicAccessBlock{IgnorePublicAcls: true})
	})), opts(asWebsite, noPolicy, aclMode("ObjectWriter"), settings(func(s *scene) {
		s.bucket.PublicAccessBlock = known("s3:GetPublicAccessBlock", facts.PublicAccessBlock{IgnorePublicAcls: true})
	})), "policy-no-allow"},
	{"acls-disabled", checks.Proven, opts(asWebsite, noPolicy, publicACL), opts(asWebsite, noPolicy), "policy-no-allow"},
	{"object-owner", checks.Proven, opts(aclMode("ObjectWriter"), settings(func(s *scene) {
		s.object.Listed.Value.OwnerID, s.object.ACL.Value.OwnerID = partner, partner
	})), opts(settings(func(s *scene) { s.object.Listed.Value.OwnerID = partner })), "unexplained"},
	{"requester-pays", checks.Proven, opts(asWebsite, settings(func(s *scene) { s.bucket.RequestPayment.Value = "Requester" })), opts(asRole, settings(func(s *scene) {
		s.bucket.RequestPayment.Value = "Requester"
	})), "unexplained"},
	{"rcp-deny", checks.Proven, opts(asWebsite, rcp(rcpOrgOnly)), opts(rcp(rcpOrgOnly)), "unexplained"},
	{"scp-deny", checks.Proven, opts(asRole, scp(scpDenyS3)), opts(scp(scpDenyS3)), "unexplained"},

	{"kms-anonymous", checks.Proven, opts(asWebsite, code(400, "InvalidArgument"), headed(facts.ObjectHead{ServerSideEncryption: "aws:kms", SSEKMSKeyID: "k"})), opts(asWebsite, noPolicy), "policy-no-allow"},
	{"kms-oai", checks.Likely, opts(asOAI, policyDoc(strings.Replace(oaiPolicy, "EOLD", "ENEW", 1)), headed(facts.ObjectHead{ServerSideEncryption: "aws:kms", SSEKMSKeyID: "k"})), opts(kmsKey(keyPolicyClosed, facts.KMSMetadata{})), "kms-key-policy"},
	{"kms-key-policy", checks.Proven, opts(kmsKey(keyPolicyClosed, facts.KMSMetadata{})), opts(kmsKey(keyPolicyOpen, facts.KMSMetadata{})), "unexplained"},
	{"kms-aws-managed-key", checks.Proven, opts(kmsKey(keyPolicyClosed, facts.KMSMetadata{KeyManager: "AWS"})), opts(kmsKey(keyPolicyClosed, facts.KMSMetadata{})), "kms-key-policy"},
	{"kms-key-unusable", checks.Proven, opts(code(400, "KMS.DisabledException"), kmsKey(keyPolicyOpen, facts.KMSMetadata{KeyState: "Disabled"})), opts(kmsKey(keyPolicyClosed, facts.KMSMetadata{})), "kms-key-policy"},
	{"ssec-object", checks.Proven, opts(code(400, "InvalidRequest"), headed(facts.ObjectHead{SSECustomerAlgorithm: "AES256"})), opts(kmsKey(keyPolicyClosed, facts.KMSMetadata{})), "kms-key-policy"},
	{"object-archived", checks.Proven, opts(code(403, "InvalidObjectState"), headed(facts.ObjectHead{StorageClass: "GLACIER", ServerSideEncryption: "AES256"})), opts(headed(facts.ObjectHead{StorageClass: "GLACIER_IR", ServerSideEncryption: "AES256"})), "unexplained"},

	{"host-header-forwarded", checks.Proven, opts(code(403, "SignatureDoesNotMatch"), line(func(c *correlate.OriginClass) { c.HostHeader = "" }), settings(func(s *scene) {
		s.dist.Behaviors[0].OriginRequestPolicyID = "ORP"
		s.facts.OriginRequest["ORP"] = known("cloudfront:GetOriginRequestPolicy", facts.OriginRequestPolicy{ID: "ORP", Name: "Managed-AllViewer", HeaderBehavior: "allViewer"})
	})), opts(code(403, "SignatureDoesNotMatch"), line(func(c *correlate.OriginClass) { c.RawBytes = true })), "signature-mismatch"},
	{"authorization-forwarded", checks.Likely, opts(asAnonymous, code(403, "InvalidAccessKeyId"), settings(func(s *scene) {
		s.dist.Behaviors[0].CachePolicyID = "CP"
		s.facts.CachePolicies["CP"] = known("cloudfront:GetCachePolicy", facts.CachePolicy{ID: "CP", HeaderBehavior: "whitelist", Headers: []string{"Authorization"}})
	})), opts(asAnonymous, code(403, "InvalidAccessKeyId"), settings(func(s *scene) {
		s.dist.Behaviors[0].CachePolicyID = "CP"
		s.facts.CachePolicies["CP"] = known("cloudfront:GetCachePolicy", facts.CachePolicy{ID: "CP", HeaderBehavior: "none"})
	})), "unexplained"},
	{"signature-mismatch", checks.Proven, opts(code(403, "SignatureDoesNotMatch"), line(func(c *correlate.OriginClass) { c.RawBytes = true })), opts(keyed("caf\u00e9"), absent(nearKey(correlate.NearUnicode, "cafe\u0301"))), "key-unicode-form"},
	{"presigned-query", checks.Proven, opts(asAnonymous, policyDoc(publicPolicy), line(func(c *correlate.OriginClass) { c.Presigned = true }), settings(func(s *scene) {
		s.bucket.PublicAccessBlock = known("s3:GetPublicAccessBlock", facts.PublicAccessBlock{})
		s.dist.Behaviors[0].ForwardedQuery = true
	})), opts(asAnonymous), "oac-not-attached"},
	{"write-not-allowed", checks.Proven, opts(operation("REST.PUT.OBJECT"), behave(func(b *correlate.Behavior) {
		b.AllowedMethods = []string{"GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"}
	})), opts(operation("REST.PUT.OBJECT"), policyDoc(denyOAC(strings.Replace(vpceDeny, "s3:GetObject", "s3:*", 1)+`,{"Sid":"Put","Effect":"Allow","Principal":{"Service":"cloudfront.amazonaws.com"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::site/*"}`))), "policy-deny"},
	{"cors-preflight", checks.Proven, opts(code(403, "AccessForbidden"), operation("REST.OPTIONS.PREFLIGHT"), line(func(c *correlate.OriginClass) { c.Requester = "" })), opts(noPolicy), "policy-no-allow"},
	{"bucket-not-owned", checks.Proven, opts(settings(func(s *scene) {
		s.bucket.Head = state[facts.BucketHead]("s3:HeadBucket", facts.NotFound)
		s.key.Origin, s.key.Samples = nil, nil
		s.dist.ErrorResponses = []correlate.ErrorResponse{{ErrorCode: 404, ResponseCode: 403, ResponsePagePath: "/sorry.html"}}
	})), opts(settings(func(s *scene) {
		s.bucket.Head = state[facts.BucketHead]("s3:HeadBucket", facts.Refused)
		s.bucket.Policy = state[string]("s3:GetBucketPolicy", facts.Refused)
	})), "unexplained"},
	{"account-problem", checks.Proven, opts(code(403, "AllAccessDisabled")), opts(noPolicy), "policy-no-allow"},
	{"error-page-forbidden", checks.Proven, opts(keyed("errors/404.html", "/nowhere"), absent(), settings(func(s *scene) {
		s.dist.ErrorResponses = []correlate.ErrorResponse{{ErrorCode: 404, ResponseCode: 404, ResponsePagePath: "/errors/404.html"}}
	})), opts(keyed("errors/404.html", "/errors/404.html"), absent()), "key-missing"},

	{"edge-geo-restriction", checks.Proven, opts(edgeLineOf(func(s *correlate.EdgeSample) { s.DetailedResult = "ClientGeoBlocked" })), opts(plainEdge, settings(func(s *scene) {
		s.dist.GeoRestriction = correlate.GeoRestriction{Type: "blacklist", Items: []string{"KP"}}
	})), "edge-unattributed"},
	{"edge-method", checks.Proven, opts(edgeLineOf(func(s *correlate.EdgeSample) { s.Method, s.DetailedResult = "POST", "InvalidRequestMethod" })), opts(plainEdge), "edge-unattributed"},
	{"edge-https-only", checks.Proven, opts(edgeLineOf(func(s *correlate.EdgeSample) { s.Protocol = "http" }), behave(func(b *correlate.Behavior) { b.ViewerProtocolPolicy = "https-only" })),
		opts(edgeLineOf(func(s *correlate.EdgeSample) { s.Protocol = "http" }), behave(func(b *correlate.Behavior) { b.ViewerProtocolPolicy = "allow-all" })), "edge-unattributed"},
	{"edge-request-body", checks.Possible, opts(edgeLineOf(func(s *correlate.EdgeSample) { s.RequestBytes, s.DetailedResult = 9000, "InvalidRequest" })), opts(plainEdge), "edge-unattributed"},
	{"edge-signed-missing", checks.Likely, opts(plainEdge, restricted("")), opts(plainEdge), "edge-unattributed"},
	{"edge-signed-expired", checks.Proven, opts(edgeLineOf(func(s *correlate.EdgeSample) { s.Query = "Expires=1763500000&Signature=abc&Key-Pair-Id=KPUB" }), restricted("")),
		opts(edgeLineOf(func(s *correlate.EdgeSample) { s.Query = "Expires=1863500000&Signature=abc&Key-Pair-Id=KOTHER" }), restricted("")), "edge-signed-key"},
	{"edge-signed-key", checks.Proven, opts(edgeLineOf(func(s *correlate.EdgeSample) { s.Query = "Expires=1863500000&Signature=abc&Key-Pair-Id=KOTHER" }), restricted("")),
		opts(edgeLineOf(func(s *correlate.EdgeSample) { s.Query = "Expires=1863500000&Signature=abc&Key-Pair-Id=KPUB" }), restricted("")), "edge-unattributed"},
	{"edge-signed-invalid", checks.Proven, opts(signedURL("https://www.example.com/a/page.html", "utm_source=x", 1863500000)), opts(signedURL("https://www.example.com/a/page.html", "", 1863500000)), "edge-unattributed"},
	{"edge-waf", checks.Proven, opts(atEdge(func(e *correlate.EdgeFailure, _ *correlate.EdgeSample) {
		e.Firewall = []correlate.FirewallClass{{Count: 4, Action: "BLOCK", RuleID: "rate-limit", RuleType: "RATE_BASED", WebACL: "arn:aws:wafv2:us-east-1:111122223333:global/webacl/site/1"}}
	})), opts(plainEdge, settings(func(s *scene) {
		s.dist.WebACLID = "arn:aws:wafv2:us-east-1:111122223333:global/webacl/site/1"
		s.cover.Firewall = true // its log is at hand and holds no block
	})), "edge-unattributed"},
	{"edge-function", checks.Proven, opts(edgeLineOf(func(s *correlate.EdgeSample) {
		s.Result, s.DetailedResult = "FunctionGeneratedResponse", "FunctionGeneratedResponse"
	}), behave(func(b *correlate.Behavior) {
		b.Functions = []correlate.FunctionAssociation{{EventType: "viewer-request", ARN: "arn:aws:cloudfront::111122223333:function/gate"}}
	})), opts(plainEdge, behave(func(b *correlate.Behavior) {
		b.Functions = []correlate.FunctionAssociation{{EventType: "viewer-request", ARN: "arn:aws:cloudfront::111122223333:function/gate"}}
	})), "edge-unattributed"},
	{"edge-stacked", checks.Proven, opts(atEdge(func(e *correlate.EdgeFailure, _ *correlate.EdgeSample) { e.Reason = correlate.NoOriginNotS3 }), forwarding("Host"), settings(func(s *scene) {
		s.dist.Origins[0] = correlate.Origin{ID: "s3", DomainName: "d2.cloudfront.net"}
	})), opts(atEdge(func(e *correlate.EdgeFailure, _ *correlate.EdgeSample) { e.Reason = correlate.NoOriginNotS3 }), forwarding("Host"), settings(func(s *scene) {
		s.dist.Origins[0] = correlate.Origin{ID: "s3", DomainName: "api.example.com"}
	})), "not-s3-origin"},
	{"edge-cached-error", checks.Likely, opts(atEdge(func(e *correlate.EdgeFailure, _ *correlate.EdgeSample) {
		e.Reason, e.Bucket, e.Key = correlate.NoOriginCached, "site", "a/page.html"
	})), opts(plainEdge), "edge-unattributed"},
	{"edge-unattributed", checks.Proven, opts(plainEdge), opts(atEdge(func(e *correlate.EdgeFailure, _ *correlate.EdgeSample) { e.Reason = correlate.NoOriginNoLog })), "unexplained"},
	{"not-s3-origin", checks.Proven, opts(atEdge(func(e *correlate.EdgeFailure, s *correlate.EdgeSample) {
		e.Reason, s.ContentType = correlate.NoOriginNotS3, "application/json"
	}), settings(func(s *scene) { s.dist.Origins[0] = correlate.Origin{ID: "s3", DomainName: "api.example.com"} })),
		opts(edgeLineOf(func(s *correlate.EdgeSample) { s.Method, s.DetailedResult = "POST", "InvalidRequestMethod" }), settings(func(s *scene) {
			s.dist.Origins[0] = correlate.Origin{ID: "s3", DomainName: "api.example.com"}
		})), "edge-method"},
}

// signing is a key pair for signed URLs, made once.
var signing = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func publicPEM(pub any) string {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func urlSafe(b []byte) string {
	return strings.NewReplacer("+", "-", "=", "_", "/", "~").Replace(base64.StdEncoding.EncodeToString(b))
}

func signRSA(text string) string {
	sum := sha1.Sum([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, signing(), crypto.SHA1, sum[:])
	if err != nil {
		panic(err)
	}
	return urlSafe(sig)
}

func canned(url string, expires int64) string {
	return fmt.Sprintf(`{"Statement":[{"Resource":"%s","Condition":{"DateLessThan":{"AWS:EpochTime":%d}}}]}`, url, expires)
}

// signedURL is a request with a canned policy over url, and a parameter that
// was added after signing.
func signedURL(url, added string, expires int64) option {
	return func(s *scene) {
		restricted(publicPEM(&signing().PublicKey))(s)
		edgeLineOf(func(e *correlate.EdgeSample) {
			e.Query = fmt.Sprintf("Expires=%d&Signature=%s&Key-Pair-Id=KPUB", expires, signRSA(canned(url, expires)))
			if added != "" {
				e.Query = added + "&" + e.Query
			}
		})(s)
	}
}

func diagnose(s *scene) checks.Diagnosis {
	if s.edge != nil {
		return DiagnoseEdge(s.edgePass())
	}
	return Diagnose(s.pass())
}

func certaintyOf(d checks.Diagnosis, id string) checks.Certainty {
	for _, c := range d.Causes {
		if c.ID == id {
			return c.Certainty
		}
	}
	return ""
}

func describe(d checks.Diagnosis) string {
	var b strings.Builder
	for _, c := range d.Causes {
		fmt.Fprintf(&b, "\n  %s (%s): %s", c.ID, c.Certainty, c.Summary)
	}
	for _, u := range d.Unknown {
		fmt.Fprintf(&b, "\n  unknown %s: %s", u.ID, strings.Join(u.Missing, ", "))
	}
	return b.String()
}

func TestScenarios(t *testing.T) {
	for _, sc := range scenarios {
		t.Run(sc.id, func(t *testing.T) {
			d := diagnose(play(sc.finds...))
			if d.Verdict != sc.id {
				t.Errorf("verdict %s, want %s%s", d.Verdict, sc.id, describe(d))
			}
			if c := certaintyOf(d, sc.id); c != sc.certainty {
				t.Errorf("certainty %s, want %s", c, sc.certainty)
			}
			d = diagnose(play(sc.alike...))
			if d.Verdict != sc.instead {
				t.Errorf("look-alike: verdict %s, want %s%s", d.Verdict, sc.instead, describe(d))
			}
			if c := certaintyOf(d, sc.id); c == checks.Proven || c == checks.Likely {
				t.Errorf("look-alike: %s is called %s%s", sc.id, c, describe(d))
			}
		})
	}
	for _, l := range lookalikes {
		t.Run(l.id+"/"+l.scene, func(t *testing.T) {
			d := diagnose(play(l.opts...))
			if d.Verdict != l.verdict {
				t.Errorf("verdict %s, want %s%s", d.Verdict, l.verdict, describe(d))
			}
			if c := certaintyOf(d, l.verdict); l.certainty != "" && c != l.certainty {
				t.Errorf("certainty %s, want %s%s", c, l.certainty, describe(d))
			}
			if c := certaintyOf(d, l.id); l.id != l.verdict && (c == checks.Proven || c == checks.Likely && l.certainty != "") {
				t.Errorf("%s is called %s%s", l.id, c, describe(d))
			}
		})
	}
}

func TestEveryCauseHasScenario(t *testing.T) {
	for _, id := range IDs {
		n := 0
		for _, sc := range scenarios {
			if sc.id == id {
				n++
			}
		}
		if n == 0 && id != checks.Unexplained {
			t.Errorf("%s: no scenario", id)
		}
	}
}

// Every finding carries evidence and a summary; every remedy says what to do.
func TestFindingsAreComplete(t *testing.T) {
	for _, sc := range scenarios {
		d := diagnose(play(sc.finds...))
		for _, c := range d.Causes {
			if c.Summary == "" || len(c.Evidence) == 0 {
				t.Errorf("%s: cause %s has summary %q and %d pieces of evidence", sc.id, c.ID, c.Summary, len(c.Evidence))
			}
			for _, e := range c.Evidence {
				if e.Source == "" || e.Fact == "" {
					t.Errorf("%s: cause %s has empty evidence %+v", sc.id, c.ID, e)
				}
			}
			if strings.HasSuffix(c.Summary, ".") || strings.Contains(c.Summary, "%!") {
				t.Errorf("%s: summary of %s: %q", sc.id, c.ID, c.Summary)
			}
			for _, r := range c.Remedies {
				if r.Title == "" || len(r.Commands) == 0 && r.Document == "" && r.Apply == nil {
					t.Errorf("%s: cause %s has an empty remedy %+v", sc.id, c.ID, r)
				}
			}
			if len(c.Remedies) == 0 && c.ID != "signature-mismatch" {
				t.Errorf("%s: cause %s has no remedy", sc.id, c.ID)
			}
		}
	}
}

func TestDeterminism(t *testing.T) {
	for _, sc := range scenarios {
		for _, o := range [][]option{sc.finds, sc.alike} {
			if sc.id == "edge-signed-invalid" {
				continue // each scene signs anew
			}
			a, b := strip(diagnose(play(o...))), strip(diagnose(play(o...)))
			if !reflect.DeepEqual(a, b) {
				t.Errorf("%s: two runs differ:\n%+v\n%+v", sc.id, a, b)
			}
		}
	}
}

// strip takes functions off, which can't be compared.
func strip(d checks.Diagnosis) checks.Diagnosis {
	d.Causes = slices.Clone(d.Causes)
	for i := range d.Causes {
		d.Causes[i].Remedies = slices.Clone(d.Causes[i].Remedies)
		for j := range d.Causes[i].Remedies {
			d.Causes[i].Remedies[j].Apply = nil
		}
	}
	d.Plan = slices.Clone(d.Plan)
	for i := range d.Plan {
		d.Plan[i].Apply = nil
	}
	return d
}

func TestSignedURLs(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signEC := func(text string) string {
		sum := sha1.Sum([]byte(text))
		sig, err := ecdsa.SignASN1(rand.Reader, ec, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return urlSafe(sig)
	}
	const now, later = 1763600000, 1863500000
	url := "https://www.example.com/a/page.html"
	custom := func(resource, condition string) string {
		return `{"Statement":[{"Resource":"` + resource + `","Condition":{` + condition + `}}]}`
	}
	in := func(until int64) string { return fmt.Sprintf(`"DateLessThan":{"AWS:EpochTime":%d}`, until) }
	withPolicy := func(policy string) string {
		return "Policy=" + urlSafe([]byte(policy)) + "&Signature=" + signRSA(policy) + "&Key-Pair-Id=KPUB"
	}
	f := func(query, pub, wantCause, wantWhy string) {
		t.Helper()
		e := &correlate.EdgeSample{Time: now * 1000, Host: "www.example.com", Protocol: "https", Stem: "/a/page.html", Query: strings.ReplaceAll(query, "%", "%25"), ClientIP: "203.0.113.9"}
		trusted := func(id string) correlate.Tri {
			if id == "KPUB" {
				return correlate.Yes
			}
			return correlate.No
		}
		v := judgeSigned(e, []string{"d1.cloudfront.net"}, trusted, func(string) string { return pub })
		if v.Cause != wantCause || !strings.Contains(v.Why, wantWhy) {
			t.Errorf("%.60s…: %q %q, want %q %q", query, v.Cause, v.Why, wantCause, wantWhy)
		}
	}
	pub := publicPEM(&signing().PublicKey)
	cannedQuery := func(url string, until int64, sign func(string) string) string {
		return fmt.Sprintf("Expires=%d&Signature=%s&Key-Pair-Id=KPUB", until, sign(canned(url, until)))
	}
	f(cannedQuery(url, later, signRSA), pub, "", "")
	f(cannedQuery(url, later, signEC), publicPEM(&ec.PublicKey), "", "")
	f(cannedQuery(url, later, signEC), pub, "edge-signed-invalid", "does not fit the public key")
	f("a=1&"+cannedQuery(url+"?a=1", later, signRSA), pub, "", "")
	f("a=1&"+cannedQuery(url+"?a=1", later, signRSA)+"&utm_source=x", pub, "edge-signed-invalid", "added after signing (utm_source)")
	f(cannedQuery("https://d1.cloudfront.net/a/page.html", later, signRSA), pub, "edge-signed-invalid", "signed for the host d1.cloudfront.net")
	f(cannedQuery("http://www.example.com/a/page.html", later, signRSA), pub, "edge-signed-invalid", "signed for http")
	f(cannedQuery("https://www.example.com/other", later, signRSA), pub, "edge-signed-invalid", "does not fit the public key")
	f(cannedQuery(url, now-1, signRSA), pub, "edge-signed-expired", "expired at 2025-11-20 00:53:19Z")
	f("Expires=soon&Signature=abc&Key-Pair-Id=KPUB", pub, "edge-signed-invalid", "no number of seconds")
	f("", pub, "edge-signed-missing", "neither signed-URL parameters")
	f("Key-Pair-Id=KPUB&Expires=1863500000", pub, "edge-signed-missing", "no Signature")
	f(strings.Replace(cannedQuery(url, later, signRSA), "KPUB", "AKIAIOSFODNN7EXAMPLE", 1), pub, "edge-signed-key", "IAM access key")
	f(withPolicy(custom("https://www.example.com/a/*", in(later))), pub, "", "")
	f("utm=1&"+withPolicy(custom("https://www.example.com/a/*", in(later))), pub, "", "")
	f(withPolicy(custom("http*://*/a/page.html", in(later))), pub, "", "")
	f(withPolicy(custom("https://www.example.com/b/*", in(later))), pub, "edge-signed-invalid", "does not cover the URL")
	f("utm=1&"+withPolicy(custom(url, in(later))), pub, "edge-signed-invalid", "added after signing (utm)")
	f(withPolicy(custom("https://*", in(now-5))), pub, "edge-signed-expired", "expired")
	f(withPolicy(custom("https://*", in(later)+fmt.Sprintf(`,"DateGreaterThan":{"AWS:EpochTime":%d}`, now+60))), pub, "edge-signed-expired", "valid from")
	f(withPolicy(custom("https://*", in(later)+`,"IpAddress":{"AWS:SourceIp":"203.0.113.0/24"}`)), pub, "", "")
	f(withPolicy(custom("https://*", in(later)+`,"IpAddress":{"AWS:SourceIp":"192.0.2.0/24"}`)), pub, "edge-signed-invalid", "another client address")
	f("Policy=%%%&Signature=abc&Key-Pair-Id=KPUB", pub, "edge-signed-invalid", "base64")
	f(strings.Replace(withPolicy(custom("https://*", in(later))), "Signature=", "Signature=AAAA", 1), pub, "edge-signed-invalid", "does not fit")
}

// A signed cookie counts like a query.
func TestSignedCookies(t *testing.T) {
	policy := `{"Statement":[{"Resource":"https://www.example.com/*","Condition":{"DateLessThan":{"AWS:EpochTime":1763500000}}}]}`
	e := &correlate.EdgeSample{Time: 1763600000000, Host: "www.example.com", Protocol: "https", Stem: "/a", Query: "-",
		Cookie: "sid=1;%20CloudFront-Policy=" + urlSafe([]byte(policy)) + ";%20CloudFront-Signature=x;%20CloudFront-Key-Pair-Id=KPUB"}
	v := judgeSigned(e, nil, func(string) correlate.Tri { return correlate.Yes }, func(string) string { return "" })
	if v.Cause != "edge-signed-expired" {
		t.Errorf("got %+v", v)
	}
}

// One of four requests came over http: the finding says so.
func TestShare(t *testing.T) {
	d := diagnose(play(edgeLineOf(func(s *correlate.EdgeSample) { s.Protocol = "http" }), behave(func(b *correlate.Behavior) { b.ViewerProtocolPolicy = "https-only" }), settings(func(s *scene) {
		other := s.edge.Edge[0]
		s.edge.Edge[0].Count, other.Count, other.Protocol = 1, 3, "https"
		s.edge.Edge = append(s.edge.Edge, other)
	})))
	if d.Verdict != "edge-https-only" || !strings.HasSuffix(d.Causes[0].Summary, "https only (1 of 4 requests)") {
		t.Errorf("%s%s", d.Verdict, describe(d))
	}
}
