package causes

import (
	"strings"

	"github.com/why403/why403/checks"
	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/correlate"
)

// A lookalike is a further scene that looks like a cause: the verdict that is
// right, and how sure its check is ("" says nothing).
type lookalike struct {
	id, scene string
	opts      []option
	verdict   string
	certainty checks.Certainty
}

// Times before, between and after the scenes' refusals, which are from 00:53 to
// 01:53 of that day.
const (
	before  = "2025-11-19T00:00:00+00:00"
	between = "2025-11-20T01:20:00+00:00"
	after   = "2025-11-20T12:00:00+00:00"
)

// also returns the policy with one more statement at its end.
func also(doc, statement string) string {
	return strings.TrimSuffix(doc, "]}") + "," + statement + "]}"
}

func marker(at string) option {
	return func(s *scene) {
		s.object.Version = known("s3:ListObjectVersions", facts.LatestVersion{DeleteMarker: true, VersionID: "v2", Previous: "v1", LastModified: at})
	}
}

func lastModified(at string) option { return func(s *scene) { s.object.Head.Value.LastModified = at } }

func blocks(b facts.PublicAccessBlock) option {
	return func(s *scene) { s.bucket.PublicAccessBlock = known("s3:GetPublicAccessBlock", b) }
}

func signing403(behavior string) option { return accessControl(behavior, "s3") }

func accessControl(behavior, kind string) option {
	return func(s *scene) {
		s.dist.Origins[0].OriginAccessControlID = "OAC1"
		s.facts.AccessControl["OAC1"] = known("cloudfront:GetOriginAccessControl", facts.OriginAccessControl{ID: "OAC1", SigningBehavior: behavior, OriginType: kind})
	}
}

func firewall(action string, count int64) option {
	return func(s *scene) {
		s.dist.WebACLID = "arn:aws:wafv2:us-east-1:111122223333:global/webacl/site/1"
		s.cover.Firewall = true
		s.edge.Firewall = []correlate.FirewallClass{{Count: count, Action: action, RuleID: "rate-limit", RuleType: "RATE_BASED", WebACL: s.dist.WebACLID}}
	}
}

// unlogged takes the S3 lines away, so that the key is the one that the path
// leads to.
func unlogged(s *scene) {
	s.key.Origin, s.key.KeyKnown = nil, correlate.KeyResolved
}

func rewriting(event string) option {
	return behave(func(b *correlate.Behavior) {
		b.Functions = []correlate.FunctionAssociation{{EventType: event, ARN: "arn:aws:cloudfront::111122223333:function/index"}}
	})
}

// untyped is a refusal by CloudFront in a log without the result types.
func untyped(country string) option {
	return edgeLineOf(func(s *correlate.EdgeSample) { s.Result, s.DetailedResult, s.Country = "", "", country })
}

// besideS3 is a 403 of a path whose origin is not S3, in a log that does not tell
// whether the origin was asked.
func besideS3(change func(*correlate.EdgeSample)) option {
	return func(s *scene) {
		atEdge(func(e *correlate.EdgeFailure, line *correlate.EdgeSample) {
			e.Reason = correlate.NoOriginNotS3
			change(line)
		})(s)
		s.edge.Edge[0].OriginAsked = correlate.Unknown
		s.dist.Origins[0] = correlate.Origin{ID: "s3", DomainName: "api.example.com"}
	}
}

const (
	listOAC     = `{"Sid":"List","Effect":"Allow","Principal":{"Service":"cloudfront.amazonaws.com"},"Action":"s3:ListBucket","Resource":"arn:aws:s3:::site"}`
	otherOAC    = `{"Sid":"Other","Effect":"Allow","Principal":{"Service":"cloudfront.amazonaws.com"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::site/*","Condition":{"StringEquals":{"AWS:SourceArn":"arn:aws:cloudfront::111122223333:distribution/E9"}}}`
	writeDeny   = `{"Sid":"NoWrites","Effect":"Deny","Principal":"*","Action":["s3:PutObject","s3:DeleteObject"],"Resource":"arn:aws:s3:::site/*"}`
	tls13Deny   = `{"Sid":"TLS13","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::site/*","Condition":{"NumericLessThan":{"s3:TlsVersion":"1.3"}}}`
	officeOnly  = `{"Sid":"Office","Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::site/*","Condition":{"NotIpAddress":{"aws:SourceIp":"198.51.100.0/24"}}}`
	badIP       = `{"Sid":"Ban","Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::site/*","Condition":{"IpAddress":{"aws:SourceIp":"198.51.100.0/24"}}}`
	vpcIPDeny   = `{"Sid":"Inside","Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::site/*","Condition":{"NotIpAddress":{"aws:VpcSourceIp":"10.0.0.0/8"}}}`
	archiveTag  = `{"Sid":"Secret","Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::site/*","Condition":{"StringEquals":{"s3:ExistingObjectTag/class":"secret"}}}`
	cidrPolicy  = `{"Version":"2012-10-17","Statement":[{"Sid":"Edge","Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::site/*","Condition":{"IpAddress":{"aws:SourceIp":"130.176.0.0/16"}}}]}`
	partnerUser = `{"Version":"2012-10-17","Statement":[{"Sid":"Partner","Effect":"Allow","Principal":{"CanonicalUser":"` + partner + `"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::site/*"}]}`
)

const pointARN = "arn:aws:s3:eu-west-1:111122223333:accesspoint/edge"

// byPoint makes the request come by an access point with the policy ("" for none).
func byPoint(doc string, network string) option {
	return func(s *scene) {
		s.dist.Origins[0].DomainName = "edge-abcdefghijklmnopqrstuvwxyz0123-s3alias.s3.eu-west-1.amazonaws.com"
		for i := range s.key.Origin {
			s.key.Origin[i].AccessPointARN = pointARN
		}
		p := &facts.AccessPoint{ARN: pointARN, Config: known("s3control:GetAccessPoint", facts.AccessPointConfig{Bucket: "site", NetworkOrigin: network}), Policy: known("s3control:GetAccessPointPolicy", doc)}
		if doc == "" {
			p.Policy = unset[string]("s3control:GetAccessPointPolicy")
		}
		s.facts.AccessPoints[pointARN] = p
	}
}

// pointPolicy is the policy with its resources at the access point.
func pointPolicy(doc string) string {
	return strings.ReplaceAll(doc, "arn:aws:s3:::site/", pointARN+"/object/")
}

var lookalikes = []lookalike{
	{"policy-no-allow", "by an access point that permits it as the bucket does", opts(byPoint(pointPolicy(oacPolicy), "Internet")), "unexplained", ""},
	{"policy-no-allow", "by an access point without a policy", opts(byPoint("", "Internet")), "policy-no-allow", checks.Proven},
	{"policy-no-allow", "by an access point whose policy names another distribution", opts(byPoint(pointPolicy(strings.Replace(oacPolicy, "distribution/E1", "distribution/E9", 1)), "Internet")), "policy-no-allow", checks.Proven},
	{"policy-no-allow", "by an access point whose policy has the bucket's Resource", opts(byPoint(oacPolicy, "Internet")), "policy-no-allow", checks.Proven},
	{"policy-no-allow", "by an access point of a VPC", opts(byPoint(pointPolicy(oacPolicy), "VPC")), "policy-no-allow", checks.Proven},
	{"policy-no-allow", "by an access point that permits it, and the bucket does not", opts(byPoint(pointPolicy(oacPolicy), "Internet"), noPolicy), "policy-no-allow", checks.Proven},
	{"policy-deny", "by an access point whose policy denies it", opts(byPoint(pointPolicy(denyOAC(vpceDeny)), "Internet")), "policy-deny", checks.Proven},
	{"policy-no-allow", "by an access point whose policy can't be read", opts(byPoint("", "Internet"), settings(func(s *scene) {
		s.facts.AccessPoints[pointARN].Policy = state[string]("s3control:GetAccessPointPolicy", facts.Refused)
	})), "unexplained", ""},
	{"policy-no-allow", "the origin is an access point, and no S3 line names it", opts(unlogged, settings(func(s *scene) {
		s.dist.Origins[0].DomainName = "edge-abcdefghijklmnopqrstuvwxyz0123-s3alias.s3.eu-west-1.amazonaws.com"
	})), "unexplained", ""},
	{"key-missing", "the requester may list: a missing key would be 404", opts(absent(), policyDoc(also(oacPolicy, listOAC))), "key-missing", checks.Possible},
	{"key-missing", "a public bucket ACL lets everyone list: a website answers 404", opts(asWebsite, absent(), aclMode("ObjectWriter"), settings(func(s *scene) {
		s.bucket.ACL.Value.Grants = append(s.bucket.ACL.Value.Grants, facts.Grant{URI: "http://acs.amazonaws.com/groups/global/AllUsers", Permission: "READ"})
		s.bucket.Policy = unset[string]("s3:GetBucketPolicy")
	})), "policy-no-allow", ""},
	{"key-missing", "uploaded since, and its KMS key still refuses", opts(kmsKey(keyPolicyClosed, facts.KMSMetadata{}), lastModified(after)), "kms-key-policy", checks.Possible},
	{"key-deleted", "deleted after the last refusal", opts(absent(), marker(after)), "key-deleted", checks.Possible},
	{"key-deleted", "deleted between two refusals", opts(absent(), marker(between)), "key-deleted", checks.Likely},
	{"key-deleted", "deleted before", opts(absent(), marker(before)), "key-deleted", checks.Proven},
	{"key-directory-index", "no S3 line, and a function that may append the index document", opts(keyed("a/", "/a/"), unlogged, absent(nearKey(correlate.NearDirectoryIndex, "a/index.html")), rewriting("viewer-request")), "key-directory-index", checks.Possible},
	{"key-directory-index", "no S3 line, and a function that only sees responses", opts(keyed("a/", "/a/"), unlogged, absent(nearKey(correlate.NearDirectoryIndex, "a/index.html")), rewriting("viewer-response")), "key-directory-index", checks.Proven},
	{"key-directory-index", "the S3 line tells the key that a function made", opts(keyed("a/index.html", "/a/"), rewriting("viewer-request")), "unexplained", ""},
	{"key-deleted", "S3's log shows the deletion, and the versions can't be listed", opts(absent(), settings(func(s *scene) {
		s.key.Deleted = s.key.First - 3_600_000
		refuseFact(s, "Version")
	})), "key-deleted", checks.Likely},
	{"key-deleted", "S3's log shows the deletion, and the bucket keeps no versions", opts(absent(), settings(func(s *scene) { s.key.Deleted = s.key.First - 3_600_000 })), "key-missing", checks.Proven},
	{"key-origin-path", "the origin path once more", opts(keyed("prod/prod/app.js"), absent(nearKey(correlate.NearOriginPath, "prod/app.js"))), "key-origin-path", checks.Proven},
	{"key-origin-path", "in another folder, which no setting names", opts(absent(nearKey(correlate.NearOriginPath, "build/a/page.html"))), "key-origin-path", checks.Likely},
	{"key-case", "the key was deleted, and another case of it exists", opts(absent(nearKey(correlate.NearCase, "A/Page.html")), marker(after)), "key-deleted", checks.Possible},
	{"default-root-slash", "whether the key exists is not known", opts(keyed("/index.html", "/"), settings(func(s *scene) {
		s.dist.DefaultRootObject = "/index.html"
		refuseFact(s, "Listing")
	})), "default-root-slash", checks.Likely},
	{"default-root-slash", "somebody stored it under that very key", opts(keyed("/index.html", "/"), settings(func(s *scene) { s.dist.DefaultRootObject = "/index.html" })), "unexplained", ""},
	{"default-root-unset", "the default root object is set, and lies elsewhere", opts(keyed("index.html", "/"), absent(nearKey(correlate.NearCase, "Index.html"))), "default-root-missing", checks.Proven},
	{"index-document-missing", "the index document exists, but the policy does not cover it", opts(asWebsite, policyDoc(strings.ReplaceAll(publicPolicy, "site/*", "site/b/*")), keyed("a/index.html", "/a/")), "policy-resource-gap", checks.Proven},

	{"policy-no-allow", "a grant of s3:* on the bucket alone, not on its objects", opts(policyDoc(strings.NewReplacer("site/*", "site", "s3:GetObject", "s3:*").Replace(oacPolicy))), "policy-resource-gap", checks.Proven},
	{"policy-no-allow", "the policy was taken away after the last refusal of a key that was served between", opts(noPolicy, settings(func(s *scene) { s.key.LastOK = s.key.First + 1000 })), "policy-no-allow", checks.Likely},
	{"policy-resource-gap", "the grant of another folder is another distribution's", opts(policyDoc(`{"Version":"2012-10-17","Statement":[` + strings.ReplaceAll(otherOAC, "site/*", "site/b/*") + `]}`)), "policy-no-allow", checks.Proven},
	{"policy-resource-gap", "no S3 line, and a function that may change the path", opts(unlogged, rewriting("viewer-request"), policyDoc(strings.ReplaceAll(oacPolicy, "site/*", "site/public/*"))), "policy-resource-gap", checks.Likely},
	{"policy-resource-gap", "the Resource's case differs", opts(policyDoc(strings.ReplaceAll(oacPolicy, "site/*", "site/A/*"))), "policy-resource-gap", checks.Proven},
	{"policy-condition-unmet", "the Referer fits and the address does not", opts(asWebsite, header("Referer", secret), sawReferer(secret),
		policyDoc(strings.Replace(refererAllow, `"Condition":{`, `"Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"},`, 1))), "policy-condition-unmet", checks.Proven},
	{"policy-condition-unmet", "two distributions, one of them this", opts(policyDoc(strings.Replace(oacPolicy, `"AWS:SourceArn":"arn:aws:cloudfront::111122223333:distribution/E1"`, `"AWS:SourceArn":["arn:aws:cloudfront::111122223333:distribution/E9","arn:aws:cloudfront::111122223333:distribution/E1"]`, 1))), "unexplained", ""},
	{"policy-deny", "http is denied, and the viewers came over https", opts(policyDoc(denyOAC(tlsDeny))), "unexplained", ""},
	{"policy-deny", "http is denied, and a line of the time before S3 logged TLS", opts(asOAI, policyDoc(strings.Replace(strings.Replace(oaiPolicy, "EOLD", "ENEW", 1), `"Statement":[`, `"Statement":[`+tlsDeny+`,`, 1)), line(func(c *correlate.OriginClass) {
		c.TLSVersion, c.HostHeader = "", ""
	}), settings(func(s *scene) { s.key.Edge[0].Protocol = "" })), "unexplained", ""},
	{"policy-deny", "http is denied, and S3's line shows http", opts(policyDoc(denyOAC(tlsDeny)), line(func(c *correlate.OriginClass) { c.TLSVersion = "" }), settings(func(s *scene) { s.key.Edge[0].Protocol = "http" })), "policy-deny", checks.Proven},
	{"policy-deny", "TLS below 1.3 is denied, and 1.3 was used", opts(policyDoc(denyOAC(tls13Deny))), "unexplained", ""},
	{"policy-deny", "TLS below 1.3 is denied, and 1.2 was used", opts(policyDoc(denyOAC(tls13Deny)), line(func(c *correlate.OriginClass) { c.TLSVersion = "TLSv1.2" })), "policy-deny", checks.Proven},
	{"policy-deny", "TLS below 1.3 is denied, and a website endpoint has none", opts(asWebsite, policyDoc(denyDoc(tls13Deny))), "unexplained", ""},
	{"policy-deny", "writes are denied, and a read was refused", opts(policyDoc(denyOAC(writeDeny))), "unexplained", ""},
	{"policy-deny", "all but the office's addresses are denied", opts(policyDoc(denyOAC(officeOnly))), "policy-deny", checks.Proven},
	{"policy-deny", "addresses that CloudFront does not have are denied", opts(asWebsite, policyDoc(denyDoc(badIP))), "unexplained", ""},
	{"policy-deny", "all but addresses inside the VPC are denied", opts(asWebsite, policyDoc(denyDoc(vpcIPDeny))), "policy-deny", checks.Proven},
	{"policy-deny", "tagged objects are denied, and this has no tag", opts(policyDoc(denyOAC(archiveTag))), "unexplained", ""},
	{"policy-deny", "tagged objects are denied, and the tags are not known", opts(policyDoc(denyOAC(archiveTag)), settings(func(s *scene) {
		s.object.Tags = state[map[string]string]("s3:GetObjectTagging", facts.Refused)
	})), "unexplained", ""},
	{"policy-deny", "NotPrincipal lists the service", opts(policyDoc(denyOAC(`{"Sid":"NotCF","Effect":"Deny","NotPrincipal":{"Service":"cloudfront.amazonaws.com"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::site/*"}`))), "unexplained", ""},
	{"referer-absent", "a direct visitor without it is refused as intended", opts(asStranger, policyDoc(refererAllow), blocks(facts.PublicAccessBlock{}), settings(func(s *scene) { s.key.Access = correlate.AccessWebsite })), "referer-absent", checks.Proven},
	{"referer-absent", "the Referer is right, RestrictPublicBuckets cuts the policy", opts(asWebsite, policyDoc(refererAllow), header("Referer", secret), sawReferer(secret), blocks(allBlocked)), "bpa-bucket", checks.Proven},
	{"referer-mismatch", "the secrets differ in case alone", opts(asWebsite, policyDoc(refererAllow), header("Referer", strings.ToUpper(secret)), sawReferer(strings.ToUpper(secret))), "referer-mismatch", checks.Proven},
	{"referer-deny-only", "a wrong Referer is denied, an access control is allowed", opts(policyDoc(strings.Replace(denyOAC(refererBan), `"StringNotEquals"`, `"Bool":{"aws:PrincipalIsAWSService":"false"},"StringNotEquals"`, 1))), "unexplained", ""},
	{"oac-source-arn", "the account is right, and no distribution is named", opts(policyDoc(strings.Replace(oacPolicy, `"AWS:SourceArn":"arn:aws:cloudfront::111122223333:distribution/E1"`, `"AWS:SourceAccount":"111122223333"`, 1))), "unexplained", ""},
	{"oac-source-arn", "the bucket's account is named, and the distribution is another account's", opts(policyDoc(strings.Replace(oacPolicy, `"AWS:SourceArn":"arn:aws:cloudfront::111122223333:distribution/E1"`, `"AWS:SourceAccount":"111122223333"`, 1)), settings(func(s *scene) {
		s.dist.ARN = "arn:aws:cloudfront::444455556666:distribution/E1"
	})), "oac-source-arn", checks.Proven},
	{"oac-source-arn", "a staging distribution: whose ARN its requests bear is not documented", opts(policyDoc(strings.Replace(oacPolicy, "distribution/E1", "distribution/E9", 1)), settings(func(s *scene) { s.dist.Staging = true })), "oac-source-arn", checks.Possible},
	{"oac-not-attached", "the origin is read by Referer, the access control is another distribution's", opts(asAnonymous, policyDoc(also(refererAllow, otherOAC)), blocks(facts.PublicAccessBlock{})), "referer-absent", checks.Proven},
	{"oac-signing-off", "it does not sign, and everyone may read: the key is missing", opts(asAnonymous, signing403("never"), policyDoc(publicPolicy), blocks(facts.PublicAccessBlock{}), absent()), "key-missing", checks.Proven},
	{"oac-signing-off", "it does not sign now, and S3's line was signed", opts(signing403("never")), "unexplained", ""},
	{"oac-signing-off", "it does not sign, and the object is archived", opts(asAnonymous, signing403("never"), policyDoc(publicPolicy), blocks(facts.PublicAccessBlock{}), code(403, "InvalidObjectState"), headed(facts.ObjectHead{StorageClass: "GLACIER"})), "object-archived", checks.Proven},
	{"oac-signing-off", "viewers' Authorization is let through, and S3 refuses the key it names", opts(asAnonymous, signing403("no-override"), code(403, "InvalidAccessKeyId"), forwarding("Authorization")), "oac-signing-off", checks.Likely},
	{"oac-not-attached", "no S3 line, and the access control is for another kind of origin", opts(unlogged, accessControl("always", "lambda")), "oac-not-attached", checks.Proven},
	{"policy-other-access", "not signed, and the access control's settings can't be read", opts(asAnonymous, settings(func(s *scene) {
		s.dist.Origins[0].OriginAccessControlID = "OAC1"
		s.facts.AccessControl["OAC1"] = state[facts.OriginAccessControl]("cloudfront:GetOriginAccessControl", facts.Refused)
	})), "unexplained", ""},
	{"policy-other-access", "not signed, and the access control signs now", opts(asAnonymous, accessControl("always", "s3")), "policy-other-access", checks.Likely},
	{"rcp-deny", "an origin access identity: none of the organization's, whatever else it carries", opts(asOAI, policyDoc(strings.Replace(oaiPolicy, "EOLD", "ENEW", 1)), rcp(rcpOrgOnly)), "rcp-deny", checks.Proven},
	{"rcp-deny", "an origin access identity, and whether it carries the key is a guess", opts(asOAI, policyDoc(strings.Replace(oaiPolicy, "EOLD", "ENEW", 1)), rcp(strings.Replace(rcpOrgOnly, "BoolIfExists", "Bool", 1))), "rcp-deny", checks.Possible},
	{"referer-absent", "no S3 line, and AWS's cache policy lets no Referer through", opts(asWebsite, policyDoc(refererAllow), unlogged, settings(func(s *scene) {
		s.dist.Behaviors[0].CachePolicyID = "658327ea-f89d-4fab-a63d-7e88639e58f6"
		clear(s.facts.CachePolicies)
	})), "referer-absent", checks.Proven},
	{"referer-absent", "no S3 line, and AWS's origin request policy lets the viewer's through", opts(asWebsite, policyDoc(refererAllow), unlogged, settings(func(s *scene) {
		s.dist.Behaviors[0].OriginRequestPolicyID = "acba4595-bd28-49b8-b9fe-13317c0390fa"
	})), "unexplained", ""},
	{"oai-mismatch", "a canonical user that may be an account's", opts(asOAI, policyDoc(partnerUser)), "oai-mismatch", checks.Likely},
	{"policy-other-access", "a website endpoint whose origin names an access control", opts(asWebsite, policyDoc(oacPolicy), settings(func(s *scene) { s.dist.Origins[0].OriginAccessControlID = "OAC1" })), "policy-other-access", checks.Proven},
	{"bpa-bucket", "RestrictPublicBuckets is on, and a policy of fixed addresses is not public", opts(asWebsite, policyDoc(cidrPolicy), blocks(facts.PublicAccessBlock{RestrictPublicBuckets: true})), "unexplained", ""},
	{"bpa-bucket", "RestrictPublicBuckets is on, and an access control passes", opts(policyDoc(also(oacPolicy, strings.TrimSuffix(strings.SplitN(publicPolicy, `"Statement":[`, 2)[1], "]}"))), blocks(allBlocked)), "unexplained", ""},
	{"bpa-bucket", "RestrictPublicBuckets is on, and whether an identity passes is a guess", opts(asOAI, policyDoc(also(strings.Replace(oaiPolicy, "EOLD", "ENEW", 1), strings.TrimSuffix(strings.SplitN(publicPolicy, `"Statement":[`, 2)[1], "]}"))), blocks(allBlocked)), "bpa-bucket", checks.Possible},
	{"bpa-ignore-acls", "IgnorePublicAcls is on, and the policy grants the read", opts(asWebsite, aclMode("ObjectWriter"), publicACL, blocks(facts.PublicAccessBlock{IgnorePublicAcls: true})), "unexplained", ""},
	{"acls-disabled", "an earlier success needed an ACL, which S3 does not show any more", opts(asWebsite, noPolicy, settings(func(s *scene) { s.key.OKByACL = s.key.First - 3_600_000 })), "acls-disabled", checks.Proven},
	{"acls-disabled", "an earlier success needed an ACL, and nobody looked at the object", opts(asWebsite, noPolicy, settings(func(s *scene) { s.key.OKByACL, s.no.object = s.key.First-3_600_000, true })), "acls-disabled", checks.Proven},
	{"acls-disabled", "an earlier success needed an ACL, and the policy lets everyone read now", opts(asWebsite, settings(func(s *scene) { s.key.OKByACL = s.key.First - 3_600_000 })), "unexplained", ""},
	{"bpa-ignore-acls", "an earlier success needed an ACL, which S3 hides", opts(asWebsite, noPolicy, aclMode("ObjectWriter"), blocks(facts.PublicAccessBlock{IgnorePublicAcls: true}), settings(func(s *scene) { s.key.OKByACL = s.key.First - 3_600_000 })), "bpa-ignore-acls", checks.Likely},
	{"bpa-ignore-acls", "an earlier success needed an ACL, and Block Public Access can't be read", opts(asWebsite, noPolicy, aclMode("ObjectWriter"), settings(func(s *scene) {
		s.key.OKByACL = s.key.First - 3_600_000
		refuseFact(s, "PublicAccessBlock")
	})), "policy-no-allow", checks.Likely},
	{"acls-disabled", "an earlier success needed an ACL, and the ownership can't be read", opts(asWebsite, noPolicy, settings(func(s *scene) {
		s.key.OKByACL = s.key.First - 3_600_000
		refuseFact(s, "Ownership")
	})), "policy-no-allow", checks.Likely},
	{"bpa-ignore-acls", "an earlier success needed an ACL, which is gone", opts(asWebsite, noPolicy, aclMode("ObjectWriter"), settings(func(s *scene) { s.key.OKByACL = s.key.First - 3_600_000 })), "policy-no-allow", ""},
	{"object-owner", "replaced after the last refusal", opts(aclMode("ObjectWriter"), lastModified(after), settings(func(s *scene) {
		s.object.Listed.Value.OwnerID, s.object.ACL.Value.OwnerID = partner, partner
	})), "object-owner", checks.Possible},
	{"object-owner", "the other account's object, which its ACL lets everyone read", opts(asWebsite, aclMode("ObjectWriter"), publicACL, settings(func(s *scene) { s.object.Listed.Value.OwnerID = partner })), "unexplained", ""},
	{"requester-pays", "an access control: not documented", opts(settings(func(s *scene) { s.bucket.RequestPayment.Value = "Requester" })), "requester-pays", checks.Possible},
	{"scp-deny", "the requester's account is another", opts(asRole, scp(scpDenyS3), line(func(c *correlate.OriginClass) {
		c.Requester = "arn:aws:sts::444455556666:assumed-role/reader/session"
	})), "policy-no-allow", ""},

	{"kms-anonymous", "S3 said AccessDenied, where it says InvalidArgument for the encryption", opts(asWebsite, headed(facts.ObjectHead{ServerSideEncryption: "aws:kms", SSEKMSKeyID: "k"})), "kms-anonymous", checks.Possible},
	{"kms-key-policy", "encrypted anew after the last refusal", opts(kmsKey(keyPolicyClosed, facts.KMSMetadata{}), lastModified(after)), "kms-key-policy", checks.Possible},
	{"kms-key-policy", "a bucket key, and the policy names the bucket as the context", opts(kmsKey(strings.Replace(keyPolicyOpen, `"Condition":{`, `"Condition":{"StringLike":{"kms:EncryptionContext:aws:s3:arn":"arn:aws:s3:::site"},`, 1), facts.KMSMetadata{}), settings(func(s *scene) { s.object.Head.Value.BucketKeyEnabled = true })), "unexplained", ""},
	{"kms-key-policy", "no bucket key, and the policy names the bucket as the context", opts(kmsKey(strings.Replace(keyPolicyOpen, `"Condition":{`, `"Condition":{"StringLike":{"kms:EncryptionContext:aws:s3:arn":"arn:aws:s3:::site"},`, 1), facts.KMSMetadata{})), "kms-key-policy", checks.Proven},
	{"kms-aws-managed-key", "whose key it is can't be seen, and its policy does not admit CloudFront", opts(kmsKey(keyPolicyClosed, facts.KMSMetadata{}), settings(func(s *scene) { refuseFact(s, "KeyMetadata") })), "kms-key-policy", checks.Likely},
	{"kms-key-unusable", "disabled now, and S3 did not say so", opts(kmsKey(keyPolicyOpen, facts.KMSMetadata{KeyState: "Disabled"})), "kms-key-unusable", checks.Likely},
	{"kms-key-unusable", "disabled, and S3 said so", opts(kmsKey(keyPolicyOpen, facts.KMSMetadata{KeyState: "Disabled"}), code(400, "KMS.DisabledException")), "kms-key-unusable", checks.Proven},
	{"ssec-object", "S3 said AccessDenied, where it says InvalidRequest for the encryption", opts(headed(facts.ObjectHead{SSECustomerAlgorithm: "AES256"})), "ssec-object", checks.Possible},
	{"object-archived", "archived since: S3 would have said InvalidObjectState", opts(headed(facts.ObjectHead{StorageClass: "DEEP_ARCHIVE", ServerSideEncryption: "AES256"})), "unexplained", ""},
	{"object-archived", "an archive tier, and S3 said so", opts(code(403, "InvalidObjectState"), headed(facts.ObjectHead{StorageClass: "INTELLIGENT_TIERING", ArchiveStatus: "ARCHIVE_ACCESS"})), "object-archived", checks.Proven},

	{"host-header-forwarded", "S3 was asked by its own name", opts(code(403, "SignatureDoesNotMatch"), forwarding("Host")), "host-header-forwarded", checks.Possible},
	{"host-header-forwarded", "the origin's own name is like an alias", opts(asWebsite, noPolicy, line(func(c *correlate.OriginClass) { c.HostHeader = "assets.example.com" }), settings(func(s *scene) {
		s.dist.Origins[0].DomainName, s.dist.Aliases = "assets.example.com", []string{"*.example.com"}
	})), "policy-no-allow", checks.Proven},
	{"authorization-forwarded", "the access control's signature replaces it", opts(code(403, "InvalidAccessKeyId"), forwarding("Authorization")), "unexplained", ""},
	{"presigned-query", "left over, and S3 knew the access control by its header", opts(noPolicy, line(func(c *correlate.OriginClass) { c.Presigned = true }), behave(func(b *correlate.Behavior) { b.ForwardedQuery = true })), "policy-no-allow", checks.Proven},
	{"write-not-allowed", "a role, whose own policies may allow it", opts(asRole, operation("REST.PUT.OBJECT")), "unexplained", ""},
	{"bucket-not-owned", "gone now, and S3 answered 403 at the time", opts(settings(func(s *scene) { s.bucket.Head = state[facts.BucketHead]("s3:HeadBucket", facts.NotFound) })), "bucket-not-owned", checks.Likely},
	{"bucket-not-owned", "gone, no S3 line, and viewers saw 403 where S3 says 404", opts(settings(func(s *scene) {
		s.bucket.Head = state[facts.BucketHead]("s3:HeadBucket", facts.NotFound)
		s.key.Origin = nil
	})), "bucket-not-owned", checks.Likely},
	{"error-page-forbidden", "only S3's log is at hand: viewers may have asked for the page", opts(keyed("errors/404.html"), absent(), settings(func(s *scene) {
		s.key.URIs, s.key.Edge, s.cover.Edge = nil, nil, false
		s.dist.ErrorResponses = []correlate.ErrorResponse{{ErrorCode: 404, ResponseCode: 404, ResponsePagePath: "/errors/404.html"}}
	})), "error-page-forbidden", checks.Likely},

	{"edge-https-only", "the WAF log shows that a web ACL blocked all of them", opts(edgeLineOf(func(s *correlate.EdgeSample) { s.Protocol = "http" }), behave(func(b *correlate.Behavior) { b.ViewerProtocolPolicy = "https-only" }), firewall("BLOCK", 4)), "edge-waf", checks.Proven},
	{"edge-method", "no field says so, and the WAF log shows blocks", opts(edgeLineOf(func(s *correlate.EdgeSample) { s.Method = "POST" }), firewall("BLOCK", 4)), "edge-waf", checks.Proven},
	{"edge-waf", "the rule only counts", opts(plainEdge, firewall("COUNT", 4)), "edge-unattributed", checks.Proven},
	{"edge-waf", "one of four was blocked, none was signed", opts(plainEdge, restricted(""), firewall("BLOCK", 1)), "edge-waf", checks.Proven},
	{"edge-signed-missing", "one of four was blocked, none was signed", opts(plainEdge, restricted(""), firewall("BLOCK", 1)), "edge-waf", ""},
	{"edge-signed-expired", "not valid yet", opts(edgeLineOf(func(s *correlate.EdgeSample) {
		s.Query = "Policy=" + urlSafe([]byte(`{"Statement":[{"Resource":"https://*","Condition":{"DateLessThan":{"AWS:EpochTime":1863500000},"DateGreaterThan":{"AWS:EpochTime":1763600001}}}]}`)) + "&Signature=abc&Key-Pair-Id=KPUB"
	}), restricted("")), "edge-signed-expired", checks.Proven},
	{"edge-signed-key", "the key group is not known", opts(edgeLineOf(func(s *correlate.EdgeSample) { s.Query = "Expires=1863500000&Signature=abc&Key-Pair-Id=KOTHER" }), restricted(""), settings(func(s *scene) {
		s.facts.KeyGroups["G1"] = state[facts.KeyGroup]("cloudfront:GetKeyGroup", facts.Refused)
	})), "edge-unattributed", ""},
	{"edge-signed-invalid", "the behavior is not restricted", opts(edgeLineOf(func(s *correlate.EdgeSample) { s.Query = "Expires=1&Signature=abc&Key-Pair-Id=KPUB" })), "edge-unattributed", checks.Proven},
	{"edge-function", "the function that runs is at another event", opts(edgeLineOf(func(s *correlate.EdgeSample) {
		s.Result, s.DetailedResult = "LambdaGeneratedResponse", "LambdaGeneratedResponse"
	}), behave(func(b *correlate.Behavior) {
		b.Functions = []correlate.FunctionAssociation{{EventType: "origin-response", ARN: "arn:aws:lambda:us-east-1:111122223333:function:gate:1", Lambda: true}}
	})), "edge-function", checks.Likely},
	{"not-s3-origin", "a web ACL's own response may have any type", opts(atEdge(func(e *correlate.EdgeFailure, s *correlate.EdgeSample) {
		e.Reason, s.ContentType = correlate.NoOriginUnknown, "application/json"
	}), settings(func(s *scene) {
		s.dist.Origins[0] = correlate.Origin{ID: "s3", DomainName: "api.example.com"}
		s.dist.WebACLID = "arn:aws:wafv2:us-east-1:111122223333:global/webacl/site/1"
	})), "not-s3-origin", checks.Likely},
	{"not-s3-origin", "a directory bucket of S3 Express One Zone", opts(atEdge(func(e *correlate.EdgeFailure, s *correlate.EdgeSample) {
		e.Reason, s.ContentType = correlate.NoOriginNotS3, "application/xml"
	}), settings(func(s *scene) {
		s.dist.Origins[0] = correlate.Origin{ID: "s3", DomainName: "site--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com"}
	})), "unexplained", ""},
	{"edge-stacked", "the origin is a distribution, which gets its own Host", opts(atEdge(func(e *correlate.EdgeFailure, _ *correlate.EdgeSample) { e.Reason = correlate.NoOriginNotS3 }), settings(func(s *scene) {
		s.dist.Origins[0] = correlate.Origin{ID: "s3", DomainName: "d2.cloudfront.net"}
	})), "edge-stacked", checks.Possible},
	{"edge-geo-restriction", "the log has no detailed result type, and the country is forbidden", opts(untyped("KP"), settings(func(s *scene) {
		s.dist.GeoRestriction = correlate.GeoRestriction{Type: "blacklist", Items: []string{"KP"}}
	})), "edge-geo-restriction", checks.Likely},
	{"edge-geo-restriction", "the log has no detailed result type, and the country may come in", opts(untyped("US"), settings(func(s *scene) {
		s.dist.GeoRestriction = correlate.GeoRestriction{Type: "whitelist", Items: []string{"US"}}
	})), "edge-unattributed", checks.Proven},
	{"edge-geo-restriction", "the log has neither detailed result type nor country", opts(untyped(""), settings(func(s *scene) {
		s.dist.GeoRestriction = correlate.GeoRestriction{Type: "whitelist", Items: []string{"US"}}
	})), "edge-unattributed", ""},
	{"edge-function", "the log has no result types", opts(untyped(""), rewriting("viewer-request")), "edge-function", checks.Possible},
	{"edge-function", "the log has no result types, and the function's code has no 403", opts(untyped(""), rewriting("viewer-request"), settings(func(s *scene) {
		s.facts.Functions["index"] = &facts.Function{Code: known("cloudfront:GetFunction", "function handler(e) { return e.request }")}
	})), "edge-unattributed", checks.Proven},
	{"edge-function", "the origin answered, and a function sees its answer", opts(atEdge(func(e *correlate.EdgeFailure, s *correlate.EdgeSample) {
		e.Reason, s.ContentType = correlate.NoOriginUnknown, "text/plain"
	}), rewriting("origin-response")), "edge-function", checks.Possible},
	{"edge-function", "CloudFront's own page, and a function that sees the origin's answers", opts(atEdge(func(e *correlate.EdgeFailure, _ *correlate.EdgeSample) {
		e.Reason = correlate.NoOriginUnknown
	}), rewriting("origin-response")), "edge-unattributed", checks.Likely},
	{"not-s3-origin", "CloudFront's own page, at once", opts(besideS3(func(s *correlate.EdgeSample) { s.TimeTaken = 1 })), "edge-unattributed", checks.Likely},
	{"not-s3-origin", "a page that took its time", opts(besideS3(func(s *correlate.EdgeSample) { s.TimeTaken = 80 })), "not-s3-origin", checks.Likely},
	{"edge-waf", "CloudFront's own page, at once, before another origin", opts(besideS3(func(s *correlate.EdgeSample) { s.TimeTaken = 1 }), settings(func(s *scene) {
		s.dist.WebACLID = "arn:aws:wafv2:us-east-1:111122223333:global/webacl/site/1"
	})), "edge-waf", checks.Possible},
	{"edge-https-only", "the origin is another, and was not asked", opts(besideS3(func(s *correlate.EdgeSample) { s.Protocol, s.TimeTaken = "http", 80 }), behave(func(b *correlate.Behavior) {
		b.ViewerProtocolPolicy = "https-only"
	})), "edge-https-only", checks.Proven},
	{"edge-geo-restriction", "the country is forbidden, and the line names no restriction", opts(edgeLineOf(func(s *correlate.EdgeSample) { s.Country = "KP" }), settings(func(s *scene) {
		s.dist.GeoRestriction = correlate.GeoRestriction{Type: "blacklist", Items: []string{"KP"}}
	})), "edge-unattributed", checks.Proven},
}
