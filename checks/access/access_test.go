package access

import (
	"slices"
	"strings"
	"testing"

	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/checks/policy"
	"github.com/why403/why403/correlate"
)

const (
	bucketOwner = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"
	stranger    = "1111111111111111111111111111111111111111111111111111111111111111"
	oaiUser     = "2222222222222222222222222222222222222222222222222222222222222222"
	account     = "111122223333"

	public  = `{"Version":"2012-10-17","Statement":[{"Sid":"Public","Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}]}`
	forOAC  = `{"Version":"2012-10-17","Statement":[{"Sid":"OAC","Effect":"Allow","Principal":{"Service":"cloudfront.amazonaws.com"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*","Condition":{"StringEquals":{"AWS:SourceArn":"arn:aws:cloudfront::111122223333:distribution/E1"}}}]}`
	listOAC = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"cloudfront.amazonaws.com"},"Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"]}]}`
	listAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:ListBucket","Resource":"arn:aws:s3:::b"}]}`
)

func got[T any](v T) facts.Fact[T] { return facts.Fact[T]{Value: v, State: facts.Known, Call: "call"} }

func none[T any]() facts.Fact[T] { return facts.Fact[T]{State: facts.NotSet, Call: "call"} }

func refused[T any](permission string) facts.Fact[T] {
	return facts.Fact[T]{State: facts.Refused, Call: "call", Permission: permission}
}

// world is a bucket with nothing set, its account and one plain object.
func world() (*facts.Facts, *facts.Bucket, *facts.Object) {
	f := facts.New()
	f.Caller = got(facts.Caller{Account: account})
	f.Accounts[account] = &facts.Account{PublicAccessBlock: none[facts.PublicAccessBlock](), EffectiveS3Policy: none[string]()}
	f.Organization.RCPs, f.Organization.SCPs = none[[]facts.OrgPolicy](), none[[]facts.OrgPolicy]()
	b := &facts.Bucket{Name: "b", Head: got(facts.BucketHead{Region: "eu-west-1"}), Policy: none[string](), PublicAccessBlock: none[facts.PublicAccessBlock](),
		Ownership: none[string](), ACL: got(facts.ACL{OwnerID: bucketOwner}), RequestPayment: got("BucketOwner"), Encryption: got(facts.Encryption{Algorithm: "AES256"})}
	o := &facts.Object{Key: "k", Listed: got(facts.Listed{OwnerID: bucketOwner, StorageClass: "STANDARD"}), Head: got(facts.ObjectHead{ServerSideEncryption: "AES256"}),
		ACL: got(facts.ACL{OwnerID: bucketOwner})}
	return f, b, o
}

type change func(*facts.Facts, *facts.Bucket, *facts.Object)

func with(doc string) change {
	return func(_ *facts.Facts, b *facts.Bucket, _ *facts.Object) { b.Policy = got(doc) }
}

func missingObject(_ *facts.Facts, _ *facts.Bucket, o *facts.Object) {
	o.Listed, o.Head, o.ACL = facts.Fact[facts.Listed]{State: facts.NotFound}, facts.Fact[facts.ObjectHead]{State: facts.NotFound}, facts.Fact[facts.ACL]{State: facts.NotFound}
}

func publicACL(_ *facts.Facts, _ *facts.Bucket, o *facts.Object) {
	o.ACL.Value.Grants = []facts.Grant{{URI: AllUsers, Permission: "READ"}}
}

func foreign(_ *facts.Facts, _ *facts.Bucket, o *facts.Object) { o.Listed.Value.OwnerID = stranger }

func head(h facts.ObjectHead) change {
	return func(_ *facts.Facts, _ *facts.Bucket, o *facts.Object) { o.Head = got(h) }
}

func bucketBlock(b facts.PublicAccessBlock) change {
	return func(_ *facts.Facts, x *facts.Bucket, _ *facts.Object) { x.PublicAccessBlock = got(b) }
}

func accountBlock(b facts.PublicAccessBlock) change {
	return func(f *facts.Facts, _ *facts.Bucket, _ *facts.Object) { f.Accounts[account].PublicAccessBlock = got(b) }
}

func ownership(mode string) change {
	return func(_ *facts.Facts, b *facts.Bucket, _ *facts.Object) { b.Ownership = got(mode) }
}

func judged(a correlate.Access, changes ...change) *Outcome {
	f, b, o := world()
	for _, c := range changes {
		c(f, b, o)
	}
	s := New(a, "b", "k", f, b, o)
	s.Distribution = &correlate.Distribution{ID: "E1", ARN: "arn:aws:cloudfront::111122223333:distribution/E1"}
	s.Origin = &correlate.Origin{ID: "o", DomainName: "b.s3.eu-west-1.amazonaws.com", S3: true, OriginAccessIdentity: map[correlate.Access]string{correlate.AccessOAI: "EOAI"}[a]}
	f.Identities["EOAI"] = got(facts.OriginAccessIdentity{ID: "EOAI", S3CanonicalUserID: oaiUser})
	s.Settle()
	return Judge(s)
}

// The table of causes: who may read an object, and which status S3 answers.
func TestJudge(t *testing.T) {
	f := func(a correlate.Access, want correlate.Tri, status int, blocked string, changes ...change) {
		t.Helper()
		o := judged(a, changes...)
		var gates []string
		for _, st := range o.Blocked() {
			gates = append(gates, string(st.Gate))
		}
		if o.Allowed != want || o.Status != status || strings.Join(gates, " ") != blocked {
			t.Errorf("allowed %d, status %d, blocked by %q; want %d, %d, %q", o.Allowed, o.Status, gates, want, status, blocked)
			for _, st := range o.Steps {
				t.Logf("  %s %s: %d %s %v", st.Gate, st.Level, st.Blocks, st.Because, st.Missing)
			}
		}
	}
	const (
		web, rest, oac, oai = correlate.AccessWebsite, correlate.AccessAnonymous, correlate.AccessOAC, correlate.AccessOAI
		yes, no, unknown    = correlate.Yes, correlate.No, correlate.Unknown
	)
	all := facts.PublicAccessBlock{BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true}
	restrictOnly := facts.PublicAccessBlock{RestrictPublicBuckets: true}
	harmless := facts.PublicAccessBlock{BlockPublicAcls: true, BlockPublicPolicy: true}

	// Nothing grants it; policies; ACLs.
	f(web, no, 403, "grant")
	f(web, yes, 200, "", with(public))
	f(web, yes, 200, "", publicACL)
	f(web, no, 403, "grant", publicACL, ownership("BucketOwnerEnforced"))
	f(web, no, 403, "grant", publicACL, bucketBlock(facts.PublicAccessBlock{IgnorePublicAcls: true}))
	f(web, no, 403, "grant", publicACL, accountBlock(facts.PublicAccessBlock{IgnorePublicAcls: true}))
	f(rest, yes, 200, "", with(public))
	f(oac, yes, 200, "", with(forOAC))
	f(oac, yes, 200, "", with(public))
	f(oac, no, 403, "grant", publicACL) // an ACL can't name a service, and AllUsers is no grant to it here
	f(web, no, 403, "grant", with(forOAC))
	f(oai, no, 403, "grant", with(forOAC))
	f(oai, yes, 200, "", with(strings.Replace(public, `"*","Action"`, `{"CanonicalUser":"`+oaiUser+`"},"Action"`, 1)))
	f(oai, yes, 200, "", func(_ *facts.Facts, _ *facts.Bucket, o *facts.Object) {
		o.ACL.Value.Grants = []facts.Grant{{ID: oaiUser, Permission: "READ"}}
	})

	// Block Public Access: only RestrictPublicBuckets cuts a policy, OAC passes.
	f(web, no, 403, "restrict-public-buckets", with(public), bucketBlock(restrictOnly))
	f(web, no, 403, "restrict-public-buckets", with(public), accountBlock(restrictOnly))
	f(web, no, 403, "restrict-public-buckets restrict-public-buckets", with(public), bucketBlock(all), accountBlock(restrictOnly))
	f(web, yes, 200, "", with(public), bucketBlock(harmless))
	f(oac, yes, 200, "", with(forOAC), bucketBlock(all), accountBlock(all))
	f(oac, yes, 200, "", with(strings.Replace(forOAC, `"Statement":[`, `"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/p/*"},`, 1)), bucketBlock(all))
	f(web, no, 403, "restrict-public-buckets", with(public), func(f *facts.Facts, _ *facts.Bucket, _ *facts.Object) {
		f.Accounts[account].EffectiveS3Policy = got(`{"s3_attributes":{"public_access_block_configuration":"all"}}`)
	})
	f(web, unknown, 0, "", with(public), func(f *facts.Facts, _ *facts.Bucket, _ *facts.Object) {
		f.Accounts[account].PublicAccessBlock = refused[facts.PublicAccessBlock]("s3:GetAccountPublicAccessBlock")
	})

	// Owner: a policy's Allow reaches the bucket owner's objects only, an ACL's grant any.
	f(web, no, 403, "grant", with(public), foreign)
	f(web, yes, 200, "", with(public), foreign, ownership("BucketOwnerEnforced"))
	f(web, yes, 200, "", with(public), foreign, publicACL)

	// Requester Pays, RCP.
	pays := func(_ *facts.Facts, b *facts.Bucket, _ *facts.Object) { b.RequestPayment = got("Requester") }
	f(web, no, 403, "requester-pays", with(public), pays)
	f(oac, no, 403, "requester-pays", with(forOAC), pays)
	org := func(f *facts.Facts, _ *facts.Bucket, _ *facts.Object) {
		f.Organization.RCPs = got([]facts.OrgPolicy{{Name: "p", Content: `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"StringNotEqualsIfExists":{"aws:PrincipalOrgID":"o-1"},"BoolIfExists":{"aws:PrincipalIsAWSService":"false"}}}]}`}})
	}
	f(web, no, 403, "resource-control-policy", with(public), org)
	f(oac, yes, 200, "", with(forOAC), org)
	f(web, unknown, 0, "", with(public), func(f *facts.Facts, _ *facts.Bucket, _ *facts.Object) {
		f.Organization.RCPs = refused[[]facts.OrgPolicy]("organizations:DescribePolicy")
	})

	// A Deny wins; a Deny of plain HTTP hits website endpoints always.
	deny := `{"Sid":"TLS","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}},`
	f(web, no, 403, "bucket-policy-deny", with(strings.Replace(public, `"Statement":[`, `"Statement":[`+deny, 1)))
	f(oac, unknown, 0, "", with(strings.Replace(forOAC, `"Statement":[`, `"Statement":[`+deny, 1))) // the viewer's protocol is not known
	tag := `{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"*","Condition":{"StringEquals":{"s3:ExistingObjectTag/private":"yes"}}},`
	f(web, unknown, 0, "", with(strings.Replace(public, `"Statement":[`, `"Statement":[`+tag, 1)))
	f(web, yes, 200, "", with(strings.Replace(public, `"Statement":[`, `"Statement":[`+tag, 1)), func(_ *facts.Facts, _ *facts.Bucket, o *facts.Object) { o.Tags = got(map[string]string{}) })
	f(web, no, 403, "bucket-policy-deny", with(strings.Replace(public, `"Statement":[`, `"Statement":[`+tag, 1)), func(_ *facts.Facts, _ *facts.Bucket, o *facts.Object) {
		o.Tags = got(map[string]string{"private": "yes"})
	})

	// How the object is stored.
	f(web, no, 403, "archived", with(public), head(facts.ObjectHead{StorageClass: "GLACIER"}))
	f(web, yes, 200, "", with(public), head(facts.ObjectHead{StorageClass: "GLACIER", Restore: `ongoing-request="false", expiry-date="Fri, 21 Dec 2026 00:00:00 GMT"`}))
	f(web, no, 403, "archived", with(public), head(facts.ObjectHead{StorageClass: "DEEP_ARCHIVE", Restore: `ongoing-request="true"`}))
	f(web, no, 403, "archived", with(public), head(facts.ObjectHead{StorageClass: "INTELLIGENT_TIERING", ArchiveStatus: "ARCHIVE_ACCESS"}))
	f(web, yes, 200, "", with(public), head(facts.ObjectHead{StorageClass: "GLACIER_IR"}))
	f(web, no, 400, "kms", with(public), head(facts.ObjectHead{ServerSideEncryption: "aws:kms"}))
	f(web, no, 403, "grant kms", head(facts.ObjectHead{ServerSideEncryption: "aws:kms"}))
	f(web, no, 400, "ssec", with(public), head(facts.ObjectHead{SSECustomerAlgorithm: "AES256"}))
	f(oac, unknown, 0, "", with(forOAC), head(facts.ObjectHead{ServerSideEncryption: "aws:kms", SSEKMSKeyID: "k1"}))
	f(oac, no, 403, "kms", with(forOAC), head(facts.ObjectHead{ServerSideEncryption: "aws:kms", SSEKMSKeyID: "arn:aws:kms:eu-west-1:111122223333:alias/aws/s3"}))

	// Missing keys: REST hides them from whoever may not list; a website endpoint from whoever may not read them.
	f(oac, no, 403, "missing-key", with(forOAC), missingObject)
	f(oac, no, 404, "missing-key", with(listOAC), missingObject)
	f(rest, no, 403, "missing-key", with(public), missingObject)
	f(web, no, 404, "missing-key", with(public), missingObject)
	f(web, no, 403, "grant missing-key", with(listAll), missingObject) // ListBucket in the policy does not count there
	f(web, no, 404, "grant missing-key", missingObject, func(_ *facts.Facts, b *facts.Bucket, _ *facts.Object) {
		b.ACL.Value.Grants = []facts.Grant{{URI: AllUsers, Permission: "READ"}}
	})
	f(web, no, 403, "restrict-public-buckets missing-key", with(public), missingObject, bucketBlock(restrictOnly))

	// What was not gathered is unknown, never allowed.
	f(web, unknown, 0, "", func(_ *facts.Facts, b *facts.Bucket, _ *facts.Object) {
		b.Policy = refused[string]("s3:GetBucketPolicy")
	})
	f(web, unknown, 0, "", with(public), func(_ *facts.Facts, b *facts.Bucket, _ *facts.Object) {
		b.Ownership = refused[string]("s3:GetBucketOwnershipControls")
	}, foreign)
	f(web, unknown, 0, "", with(public), func(_ *facts.Facts, _ *facts.Bucket, o *facts.Object) {
		o.Head = refused[facts.ObjectHead]("s3:GetObject")
	})
	f(web, unknown, 0, "", with(`{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*","Condition":{"StringSortOf":{"x":"y"}}}}`))
	f(correlate.AccessUnknown, unknown, 0, "", with(public))
	f(web, no, 404, "bucket", with(public), func(_ *facts.Facts, b *facts.Bucket, _ *facts.Object) { b.Head.State = facts.NotFound })
}

func TestMissingNamesPermissions(t *testing.T) {
	o := judged(correlate.AccessWebsite, func(f *facts.Facts, b *facts.Bucket, o *facts.Object) {
		b.Policy = refused[string]("s3:GetBucketPolicy")
		b.RequestPayment = refused[string]("s3:GetBucketRequestPayment")
		o.Head = refused[facts.ObjectHead]("s3:GetObject")
		f.Organization.RCPs = refused[[]facts.OrgPolicy]("organizations:DescribePolicy")
	})
	want := []string{"organizations:DescribePolicy", "s3:GetBucketPolicy", "s3:GetBucketRequestPayment", "s3:GetObject"}
	if m := o.Missing(); !slices.Equal(m, want) {
		t.Errorf("missing %v, want %v", m, want)
	}
}

// A condition key that a fact would tell is named by the fact's permission.
func TestMissingNamesPermissionOfKeys(t *testing.T) {
	f := func(want, condition string, changes ...change) {
		t.Helper()
		doc := strings.Replace(forOAC, `"Statement":[`, `"Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":`+condition+`},`, 1)
		w, b, o := world()
		for _, c := range append(changes, with(doc)) {
			c(w, b, o)
		}
		if m := Judge(New(correlate.AccessOAC, "b", "k", w, b, o)).Step(GatePolicyDeny).Missing; !slices.Equal(m, []string{want}) {
			t.Errorf("%s: missing %v, want %s", condition, m, want)
		}
	}
	tag := `{"StringEquals":{"s3:ExistingObjectTag/x":"y"}}`
	f("s3:GetObjectTagging", tag)
	f("s3:GetObjectTagging", tag, func(_ *facts.Facts, _ *facts.Bucket, o *facts.Object) {
		o.Tags = refused[map[string]string]("s3:GetObjectTagging")
	})
	f("cloudfront:GetDistribution", `{"ArnNotEquals":{"aws:SourceArn":"arn:aws:cloudfront::111122223333:distribution/E1"}}`)
	f("aws:SourceOrgID", `{"StringNotEquals":{"aws:SourceOrgID":"o-1"}}`)
}

// The context of a request is what its S3 line recorded.
func TestContextOfLine(t *testing.T) {
	k := &correlate.FailingKey{Distribution: "E1", Bucket: "b", Key: "k", Access: correlate.AccessWebsite, First: 1763600000000,
		Samples: []correlate.Sample{{Origin: &correlate.OriginSample{Status: 403, Time: 1763600001000, Operation: "WEBSITE.GET.OBJECT", RemoteIP: "64.252.1.2", UserAgent: "Amazon CloudFront", BucketOwner: bucketOwner}}}}
	f := func(key string, state policy.State, value string) {
		t.Helper()
		s := ForKey(Request{Key: k})
		v := s.Context().Get(key)
		got := ""
		if len(v.Values) > 0 {
			got = v.Values[0]
		}
		if v.State != state || got != value {
			t.Errorf("%s: state %d value %q, want %d %q", key, v.State, got, state, value)
		}
	}
	f("aws:SourceIp", policy.Known, "64.252.1.2")
	f("aws:Referer", policy.Absent, "")
	f("aws:UserAgent", policy.Known, "Amazon CloudFront")
	f("aws:SecureTransport", policy.Known, "false")
	f("s3:TlsVersion", policy.Absent, "")
	f("aws:sourceVpce", policy.Absent, "")
	f("aws:PrincipalOrgID", policy.Absent, "")
	f("aws:PrincipalAccount", policy.Known, "anonymous")
	f("aws:CurrentTime", policy.Known, "2025-11-20T00:53:21Z")
	f("s3:ExistingObjectTag/x", policy.Undefined, "")

	k.Access = correlate.AccessOAC
	line := k.Samples[0].Origin
	line.RemoteIP, line.UserAgent, line.Requester, line.TLSVersion, line.SignatureVersion, line.AuthType = "", "", "svc:cloudfront.amazonaws.com", "TLSv1.3", "SigV4", "AuthHeader"
	f("aws:SecureTransport", policy.Known, "true")
	f("s3:TlsVersion", policy.Known, "1.3")
	f("aws:PrincipalIsAWSService", policy.Known, "true")
	f("aws:PrincipalServiceName", policy.Known, "cloudfront.amazonaws.com")
	f("s3:authType", policy.Known, "REST-HEADER")
	f("aws:SourceArn", policy.Undefined, "") // the distribution's settings are not at hand

	k.Access = correlate.AccessIAM
	line.Requester, line.RemoteIP = "arn:aws:sts::111122223333:assumed-role/reader/me", "10.1.2.3"
	f("aws:PrincipalArn", policy.Known, "arn:aws:iam::111122223333:role/reader")
	f("aws:SourceIp", policy.Absent, "")
	f("aws:VpcSourceIp", policy.Known, "10.1.2.3")
	f("aws:sourceVpce", policy.Undefined, "")
}

func TestActionOf(t *testing.T) {
	f := func(op, want string) {
		t.Helper()
		if got := ActionOf(op); got != want {
			t.Errorf("%s: %q, want %q", op, got, want)
		}
	}
	f("WEBSITE.GET.OBJECT", "s3:GetObject")
	f("REST.HEAD.OBJECT", "s3:GetObject")
	f("REST.GET.BUCKET", "s3:ListBucket")
	f("REST.PUT.OBJECT", "s3:PutObject")
	f("REST.DELETE.OBJECT", "s3:DeleteObject")
	f("", "s3:GetObject")
}

// Neither SCPs nor RCPs bind a service-linked role.
func TestServiceLinkedRole(t *testing.T) {
	deny := func(principal string) facts.Fact[[]facts.OrgPolicy] {
		return got([]facts.OrgPolicy{{Name: "all", Content: `{"Version":"2012-10-17","Statement":[{"Effect":"Deny",` + principal + `"Action":"*","Resource":"*"}]}`}})
	}
	f := func(role string, want correlate.Tri) {
		t.Helper()
		w, b, o := world()
		w.Organization.SCPs, w.Organization.RCPs, b.Policy = deny(""), deny(`"Principal":"*",`), got(public)
		s := New(correlate.AccessIAM, "b", "k", w, b, o)
		s.Principal.ARN = "arn:aws:sts::" + account + ":assumed-role/" + role + "/session"
		s.OwnerAccount = account
		out := Judge(s)
		if scp, rcp := out.Step(GateSCP).Blocks, out.Step(GateRCP).Blocks; scp != want || rcp != want {
			t.Errorf("%s: SCP %d, RCP %d, want %d", role, scp, rcp, want)
		}
	}
	f("AWSServiceRoleForAccessAnalyzer", correlate.No)
	f("ServiceRole", correlate.Yes)
}

// A clone can be changed without touching the situation.
func TestClone(t *testing.T) {
	f, b, o := world()
	s := New(correlate.AccessWebsite, "b", "k", f, b, o)
	c := s.Clone()
	c.BucketFacts.Policy = got(public)
	c.Object.Head.Value.StorageClass = "GLACIER"
	c.Context().Set("aws:Referer", "x")
	c.Exists = correlate.No
	if b.Policy.Known() || o.Head.Value.StorageClass != "" || s.Context().Get("aws:Referer").State == policy.Known || s.Exists != correlate.Yes {
		t.Error("a change to the clone reached the original")
	}
}

func TestS3Policy(t *testing.T) {
	f := func(doc string, want correlate.Tri) {
		t.Helper()
		if got := S3PolicyBlocks(doc); got != want {
			t.Errorf("%s: %d, want %d", doc, got, want)
		}
	}
	f(`{"s3_attributes":{"public_access_block_configuration":"all"}}`, correlate.Yes)
	f(`{"s3_attributes": {"public_access_block_configuration": {"@@assign": "all"}}}`, correlate.Yes)
	f(`{"s3_attributes":{"public_access_block_configuration":{"@@assign":"none"}}}`, correlate.No)
	f(`{}`, correlate.No)
	f(`{"s3_attributes":{"public_access_block_configuration":{"some":1}}}`, correlate.Unknown)
}

// The settings of the caller's account say nothing of a bucket of another.
func TestForeignBucket(t *testing.T) {
	o := judged(correlate.AccessWebsite, with(public), func(_ *facts.Facts, b *facts.Bucket, _ *facts.Object) { b.Foreign = correlate.Yes })
	want := []string{"a run in the account of the bucket's owner", "organizations:DescribeEffectivePolicy", "s3:GetAccountPublicAccessBlock"}
	if o.Allowed != correlate.Unknown || !slices.Equal(o.Missing(), want) {
		t.Errorf("allowed %d, missing %v", o.Allowed, o.Missing())
	}
}

// A read is judged before a write that the same key saw.
func TestReadBeforeWrite(t *testing.T) {
	s := ForKey(Request{Key: &correlate.FailingKey{Key: "k", Access: correlate.AccessOAC, Origin: []correlate.OriginClass{
		{Status: 403, Operation: "REST.PUT.OBJECT"}, {Status: 200, Operation: "REST.GET.OBJECT"}, {Status: 403, Operation: "REST.GET.OBJECT"}}}})
	if s.Action != "s3:GetObject" {
		t.Errorf("action %s", s.Action)
	}
}

func TestAccessPoint(t *testing.T) {
	f, b, o := world()
	b.Policy = got(forOAC)
	s := New(correlate.AccessOAC, "b", "k", f, b, o)
	s.Origin = &correlate.Origin{DomainName: "site-abc123-s3alias.s3.eu-west-1.amazonaws.com", S3: true}
	s.Distribution = &correlate.Distribution{ID: "E1", ARN: "arn:aws:cloudfront::111122223333:distribution/E1"}
	s.Settle()
	if out := Judge(s); out.Allowed != correlate.Unknown || !slices.Contains(out.Missing(), "s3:GetAccessPointPolicy") {
		t.Errorf("allowed %d, missing %v", out.Allowed, out.Missing())
	}
}

// With no facts at all nothing is allowed.
func TestNothingKnown(t *testing.T) {
	for _, a := range []correlate.Access{correlate.AccessWebsite, correlate.AccessOAC, correlate.AccessOAI, correlate.AccessAnonymous, correlate.AccessIAM, correlate.AccessUnknown, ""} {
		o := Judge(New(a, "b", "k", nil, nil, nil))
		if o.Allowed != correlate.Unknown || o.Status != 0 {
			t.Errorf("%s: allowed %d, status %d", a, o.Allowed, o.Status)
		}
		for _, st := range o.Steps {
			if st.Blocks == correlate.No && (st.Gate == GateRequesterPays || st.Gate == GateRCP || st.Gate == GatePolicyDeny || st.Gate == GateGrant) {
				t.Errorf("%s: %s passes with nothing known", a, st.Gate)
			}
		}
	}
}
