package causes

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/why403/why403/checks"
	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/checks/policy"
	"github.com/why403/why403/correlate"
)

func TestSummaries(t *testing.T) {
	f := func(want string, o ...option) {
		t.Helper()
		d := diagnose(play(o...))
		if len(d.Causes) == 0 || d.Causes[0].Summary != want {
			got := "no cause"
			if len(d.Causes) > 0 {
				got = d.Causes[0].Summary
			}
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	f("s3://site/a/page.html does not exist; S3 answers 403 instead of 404 because CloudFront's origin access control may not list the bucket", absent())
	f("the key a/page.html does not exist; A/Page.html does, and differs only in case", absent(nearKey(correlate.NearCase, "A/Page.html")))
	f("nothing grants the read: bucket site has no policy, and CloudFront's origin access control may read only what one allows", noPolicy)
	f(`statement "AllowOAC" of the bucket policy admits CloudFront only for AWS:SourceArn arn:aws:cloudfront::111122223333:distribution/E0, and the distribution is arn:aws:cloudfront::111122223333:distribution/E1`,
		policyDoc(strings.Replace(oacPolicy, "distribution/E1", "distribution/E0", 1)))
	f(`the bucket policy's statement "VPCOnly" denies it: StringNotEquals aws:sourceVpce vpce-1a2b3c4d (the request has none)`, policyDoc(denyOAC(vpceDeny)))
	f(`the bucket policy's statement "TLSOnly" denies it: Bool aws:SecureTransport false (the request has false)`, asWebsite, policyDoc(denyDoc(tlsDeny)))
	f("RestrictPublicBuckets is on for the account 111122223333, which cuts the public bucket policy off from anonymous requests to the website endpoint", asWebsite, accountBlock(facts.PublicAccessBlock{RestrictPublicBuckets: true}))
	f(`statement "WithSecret" of the bucket policy wants a Referer, and CloudFront sends none: origin s3 has no custom header Referer`, asWebsite, policyDoc(refererAllow))
	f(`the Referer that CloudFront sends (custom header of origin s3) is not the one that statement "WithSecret" of the bucket policy wants`, asWebsite, policyDoc(refererAllow), header("Referer", "old"), sawReferer("old"))
	f(`statement "AllowOAC" of the bucket policy allows CloudFront's origin access control to read arn:aws:s3:::site/public/*, which does not cover a/page.html`, policyDoc(strings.ReplaceAll(oacPolicy, "site/*", "site/public/*")))
	f("the path / was asked for and distribution E1 has no default root object, so S3 was asked to list the bucket", keyed("", "/"), operation("REST.GET.BUCKET"), settings(func(s *scene) { s.dist.DefaultRootObject = "" }))
	f("s3://site/a/page.html is archived: S3 answered InvalidObjectState", code(403, "InvalidObjectState"), headed(facts.ObjectHead{StorageClass: "GLACIER"}))
	f("s3://site/a/page.html is encrypted with a KMS key whose policy does not let CloudFront decrypt: no statement of the key policy lets CloudFront decrypt", kmsKey(keyPolicyClosed, facts.KMSMetadata{}))
	f("s3://site/a/page.html belongs to another account (111111111111…); the bucket policy's Allow reaches only objects of the bucket's owner", aclMode("ObjectWriter"), settings(func(s *scene) {
		s.object.Listed.Value.OwnerID = partner
	}))
	f(`the bucket policy lets arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity EOLD read, and the origin uses origin access identity ENEW`, asOAI, policyDoc(oaiPolicy))
	f("resource control policy perimeter denies it: StringNotEqualsIfExists aws:PrincipalOrgID o-1 (the request has none) and BoolIfExists aws:PrincipalIsAWSService false (the request has none)", asWebsite, rcp(rcpOrgOnly))
	f("web ACL site blocked it by rule rate-limit", atEdge(func(e *correlate.EdgeFailure, _ *correlate.EdgeSample) {
		e.Firewall = []correlate.FirewallClass{{Count: 4, Action: "BLOCK", RuleID: "rate-limit", RuleType: "RATE_BASED", WebACL: "arn:aws:wafv2:us-east-1:111122223333:global/webacl/site/1"}}
	}))
	f("no line of S3's log says 403: it may be the origin's 404, which a custom error response of the distribution shows as 403", atEdge(func(e *correlate.EdgeFailure, _ *correlate.EdgeSample) {
		e.Reason = correlate.NoOriginUnknown
	}), settings(func(s *scene) {
		s.dist.ErrorResponses = []correlate.ErrorResponse{{ErrorCode: 404, ResponseCode: 403, ResponsePagePath: "/404.html"}}
	}))
	f("CloudFront's geographic restriction does not let the viewer's country in (KP)", untyped("KP"), settings(func(s *scene) {
		s.dist.GeoRestriction = correlate.GeoRestriction{Type: "whitelist", Items: []string{"US"}}
	}))
	f("index runs at viewer-request and may have answered 403; the log does not tell", untyped(""), rewriting("viewer-request"))
	f("the path is for signed URLs or cookies only, and it expired at 2025-11-18 21:06:40Z, the request came at 2025-11-20 00:53:20Z",
		edgeLineOf(func(s *correlate.EdgeSample) { s.Query = "Expires=1763500000&Signature=abc&Key-Pair-Id=KPUB" }), restricted(""))
}

// Several causes at once: all are named, in the order of fixing.
func TestSeveralCauses(t *testing.T) {
	f := func(want []string, o ...option) {
		t.Helper()
		d := diagnose(play(o...))
		var got []string
		for _, c := range d.Causes {
			got = append(got, c.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("causes %v, want %v%s", got, want, describe(d))
		}
	}
	f([]string{"key-missing", "policy-no-allow"}, absent(), noPolicy)
	f([]string{"policy-deny", "bpa-bucket"}, asWebsite, policyDoc(denyDoc(tlsDeny)), settings(func(s *scene) {
		s.bucket.PublicAccessBlock = known("s3:GetPublicAccessBlock", allBlocked)
	}))
	f([]string{"bpa-bucket", "bpa-account"}, asWebsite, accountBlock(allBlocked), settings(func(s *scene) {
		s.bucket.PublicAccessBlock = known("s3:GetPublicAccessBlock", allBlocked)
	}))
	f([]string{"default-root-missing", "key-case"}, keyed("index.html", "/"), absent(nearKey(correlate.NearCase, "Index.html")))
	f([]string{"error-page-forbidden", "key-missing"}, keyed("errors/404.html", "/nowhere"), absent(), settings(func(s *scene) {
		s.dist.ErrorResponses = []correlate.ErrorResponse{{ErrorCode: 404, ResponsePagePath: "/errors/404.html"}}
	}))
	f([]string{"referer-absent", "referer-deny-only"}, asWebsite, policyDoc(`{"Version":"2012-10-17","Statement":[`+refererBan+`]}`))
}

// What a check can't see is unknown, with the name of what is missing, and never
// a cause.
func TestMissingPermission(t *testing.T) {
	refuse := func(name string, o ...option) checks.Diagnosis {
		return diagnose(play(append(o, func(s *scene) { refuseFact(s, name) })...))
	}
	f := func(permission string, ids []string, d checks.Diagnosis) {
		t.Helper()
		for _, id := range ids {
			i := slices.IndexFunc(d.Unknown, func(u checks.Open) bool { return u.ID == id })
			if i < 0 {
				t.Errorf("without %s: %s is not unknown%s", permission, id, describe(d))
			} else if !slices.Contains(d.Unknown[i].Missing, permission) {
				t.Errorf("without %s: %s misses %v", permission, id, d.Unknown[i].Missing)
			}
		}
		for _, c := range d.Causes {
			if slices.Contains(ids, c.ID) {
				t.Errorf("without %s: %s is called a cause", permission, c.ID)
			}
		}
	}
	web := opts(asWebsite)
	f("s3:GetBucketPolicy", []string{"policy-no-allow", "policy-deny", "policy-resource-gap", "policy-condition-unmet", "policy-other-access", "oac-source-arn"}, refuse("Policy"))
	f("s3:GetBucketPublicAccessBlock", []string{"bpa-bucket"}, refuse("PublicAccessBlock", web...))
	f("s3:GetAccountPublicAccessBlock", []string{"bpa-account"}, refuse("AccountBlock", web...))
	f("organizations:DescribeEffectivePolicy", []string{"bpa-organization"}, refuse("EffectiveS3Policy", append(web, accountBlock(allBlocked))...))
	f("s3:GetBucketOwnershipControls", []string{"acls-disabled"}, refuse("Ownership", asWebsite, noPolicy))
	f("s3:GetBucketRequestPayment", []string{"requester-pays"}, refuse("RequestPayment"))
	f("organizations:ListPoliciesForTarget", []string{"rcp-deny"}, refuse("RCPs"))
	f("organizations:ListPoliciesForTarget", []string{"scp-deny"}, refuse("SCPs", asRole))
	f("s3:ListBucket", []string{"key-missing", "key-case", "key-directory-index"}, refuse("Listing"))
	f("s3:GetObject", []string{"kms-key-policy", "ssec-object"}, refuse("Head"))
	f("kms:GetKeyPolicy", []string{"kms-key-policy"}, refuse("KeyPolicy", kmsKey(keyPolicyClosed, facts.KMSMetadata{})))
	f("s3:GetObject", []string{"object-archived"}, refuse("Listing", policyDoc(denyOAC(vpceDeny)))) // the Deny would hide it
	f("kms:DescribeKey", []string{"kms-aws-managed-key", "kms-key-unusable"}, refuse("KeyMetadata", kmsKey(keyPolicyClosed, facts.KMSMetadata{})))
	f("s3:GetObjectTagging", []string{"policy-deny"}, refuse("Tags", asWebsite, policyDoc(denyDoc(archiveTag))))
	f("s3:GetBucketPublicAccessBlock", []string{"bpa-ignore-acls"}, refuse("PublicAccessBlock", asWebsite, noPolicy, aclMode("ObjectWriter")))
	f("cloudfront:GetDistribution", []string{"policy-other-access", "oac-not-attached", "oac-signing-off"}, refuse("Distribution", asAnonymous))
	f("s3:ListBucketVersions", []string{"key-deleted"}, refuse("Version", absent()))
	f("cloudfront:GetDistribution", []string{"error-page-forbidden"}, refuse("Distribution"))
	f("cloudfront:GetOriginAccessControl", []string{"oac-signing-off"}, refuse("OAC"))
	f("s3:GetBucketWebsite", []string{"index-document-missing"}, refuse("Website", asWebsite, keyed("a/index.html", "/a/"), absent()))
}

func refuseFact(s *scene, name string) {
	b, o := s.bucket, s.object
	switch name {
	case "Policy":
		b.Policy.State, b.Policy.Value = facts.Refused, ""
	case "PublicAccessBlock":
		b.PublicAccessBlock.State = facts.Refused
	case "AccountBlock":
		s.facts.Accounts[account].PublicAccessBlock.State = facts.Refused
		s.facts.Accounts[account].EffectiveS3Policy.State = facts.Refused
	case "EffectiveS3Policy":
		s.facts.Accounts[account].EffectiveS3Policy.State = facts.Refused
	case "Ownership":
		b.Ownership.State, b.Ownership.Value = facts.Refused, ""
	case "RequestPayment":
		b.RequestPayment.State, b.RequestPayment.Value = facts.Refused, ""
	case "RCPs":
		s.facts.Organization.RCPs.State = facts.Refused
	case "SCPs":
		s.facts.Organization.SCPs.State = facts.Refused
	case "Listing":
		o.Listed = state[facts.Listed]("s3:ListObjectsV2", facts.Refused)
		o.Head = state[facts.ObjectHead]("s3:HeadObject", facts.Refused)
		o.Near = state[[]correlate.NearKey]("s3:ListObjectsV2", facts.Refused)
	case "Head":
		o.Head = state[facts.ObjectHead]("s3:HeadObject", facts.Refused)
	case "KeyPolicy":
		for _, k := range s.facts.KMSKeys {
			k.Policy.State, k.Policy.Value = facts.Refused, ""
		}
	case "KeyMetadata":
		for _, k := range s.facts.KMSKeys {
			k.Key = state[facts.KMSMetadata]("kms:DescribeKey", facts.Refused)
		}
	case "Tags":
		o.Tags = state[map[string]string]("s3:GetObjectTagging", facts.Refused)
	case "Version":
		o.Version.State = facts.Refused
		b.Versioning.Value = "Enabled"
	case "Distribution":
		s.no.dist = true
	case "OAC":
		s.facts.AccessControl["OAC1"] = state[facts.OriginAccessControl]("cloudfront:GetOriginAccessControl", facts.Refused)
	case "Website":
		b.Website = state[*correlate.Website]("s3:GetBucketWebsite", facts.Refused)
	}
}

var everyFact = []string{"Policy", "PublicAccessBlock", "AccountBlock", "EffectiveS3Policy", "Ownership", "RequestPayment", "RCPs", "SCPs", "Listing", "Head", "Tags", "KeyMetadata", "KeyPolicy", "Version", "Distribution", "OAC", "Website"}

// With any one permission taken away no scenario gets a wrong cause called
// proven, and the cause itself either stays or becomes unknown or weaker.
func TestAnyPermissionTakenAway(t *testing.T) {
	for _, sc := range scenarios {
		if strings.HasPrefix(sc.id, "edge-") || sc.id == "not-s3-origin" {
			continue
		}
		full := diagnose(play(sc.finds...))
		for _, name := range everyFact {
			d := diagnose(play(append(slices.Clone(sc.finds), func(s *scene) { refuseFact(s, name) })...))
			for _, c := range d.Causes {
				if c.Certainty == checks.Proven && certaintyOf(full, c.ID) == "" {
					t.Errorf("%s without %s: %s is called proven%s", sc.id, name, c.ID, describe(d))
				}
			}
			if certaintyOf(d, sc.id) == "" && slices.Contains(d.RuledOut, sc.id) {
				t.Errorf("%s without %s: it is ruled out%s", sc.id, name, describe(d))
			}
		}
	}
}

// Nothing is known: no panic, no cause called proven but by the log alone.
func TestNothingKnown(t *testing.T) {
	for _, p := range []*checks.KeyPass{
		{},
		{Key: &correlate.FailingKey{}},
		{Key: &correlate.FailingKey{Bucket: "b", Key: "k", Access: correlate.AccessOAC, Distribution: "E1"}},
		{Key: &correlate.FailingKey{Bucket: "b", Key: "k", Access: correlate.AccessWebsite}, Facts: &facts.Facts{}},
		{Key: &correlate.FailingKey{Bucket: "b", Key: "k", Access: correlate.AccessUnknown, Origin: []correlate.OriginClass{{Status: 403, ErrorCode: "AccessDenied", Operation: "REST.GET.OBJECT"}}}},
	} {
		d := Diagnose(p)
		for _, c := range d.Causes {
			if c.Certainty != checks.Possible {
				t.Errorf("%+v: %s is called %s: %s", p.Key, c.ID, c.Certainty, c.Summary)
			}
		}
		if d.Verdict == "" {
			t.Error("no verdict")
		}
	}
	DiagnoseEdge(&checks.EdgePass{})
	DiagnoseEdge(&checks.EdgePass{Failure: &correlate.EdgeFailure{Edge: []correlate.EdgeClass{{}}, Samples: []correlate.Sample{{}, {Edge: &correlate.EdgeSample{}}}}})
}

// shake sets every field below v to something, often to nothing.
func shake(r *rand.Rand, v reflect.Value, depth int) {
	if depth > 9 {
		return
	}
	words := []string{"", "site", "a/page.html", "AccessDenied", "SignatureDoesNotMatch", "E1", "s3", "*", "GET", "PUT", "403", "Requester", "BucketOwnerEnforced",
		oacPolicy, publicPolicy, refererAllow, `{"Statement":{}}`, "{", owner, "arn:aws:iam::111122223333:role/x", "never", "aws:kms", "GLACIER", "/", "index.html",
		"REST.GET.OBJECT", "WEBSITE.GET.OBJECT", "REST.PUT.OBJECT", "OAC1", "https-only", "website", "oac", "oai", "anonymous", "iam", "\xff\x00", "Expires=1&Signature=x&Key-Pair-Id=K"}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int, reflect.Int8, reflect.Int64:
		v.SetInt(int64([]int{0, 1, 2, 3, 4, 5, 403, 404, 400}[r.IntN(9)]))
	case reflect.Uint8, reflect.Uint64:
		v.SetUint(uint64(r.IntN(6)))
	case reflect.String:
		v.SetString(words[r.IntN(len(words))])
	case reflect.Pointer:
		if r.IntN(4) == 0 {
			v.SetZero()
			return
		}
		if v.Type() == reflect.TypeFor[*correlate.KeyList]() {
			v.Set(reflect.ValueOf(correlate.NewKeyList([]string{"a/page.html", "index.html"})))
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		shake(r, v.Elem(), depth+1)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				shake(r, v.Field(i), depth+1)
			}
		}
	case reflect.Slice:
		n := r.IntN(3)
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			shake(r, v.Index(i), depth+1)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range r.IntN(3) {
			k, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			shake(r, k, depth+1)
			shake(r, e, depth+1)
			v.SetMapIndex(k, e)
		}
	}
}

// FuzzDiagnose runs every check on random logs and facts: it must not panic,
// and must say the same twice.
func FuzzDiagnose(f *testing.F) {
	for seed := range uint64(40) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		make := func() (*checks.KeyPass, *checks.EdgePass) {
			r := rand.New(rand.NewPCG(seed, 1))
			var k checks.KeyPass
			var e checks.EdgePass
			shake(r, reflect.ValueOf(&k).Elem(), 0)
			shake(r, reflect.ValueOf(&e).Elem(), 0)
			return &k, &e
		}
		k1, e1 := make()
		k2, e2 := make()
		if a, b := strip(Diagnose(k1)), strip(Diagnose(k2)); !reflect.DeepEqual(a, b) {
			t.Errorf("two runs differ:\n%+v\n%+v", a, b)
		}
		if a, b := strip(DiagnoseEdge(e1)), strip(DiagnoseEdge(e2)); !reflect.DeepEqual(a, b) {
			t.Errorf("two runs differ:\n%+v\n%+v", a, b)
		}
	})
}

// texts returns everything that a diagnosis would print.
func texts(d checks.Diagnosis) string {
	d = strip(d)
	return fmt.Sprintf("%+v", d)
}

func TestSecretsStaySecret(t *testing.T) {
	const token = secret
	for _, o := range [][]option{
		opts(asWebsite, policyDoc(refererAllow), header("Referer", token+"-old"), sawReferer(token+"-old")),
		opts(asWebsite, policyDoc(refererAllow), header("Referer", token)),
		opts(asWebsite, policyDoc(denyDoc(refererBan))),
		opts(asWebsite, policyDoc(denyDoc(refererBan)), sawReferer("https://www.example.com/?token="+token), forwarding("Referer")),
		opts(asStranger, policyDoc(refererAllow), settings(func(s *scene) { s.key.Access = correlate.AccessWebsite })),
		opts(asWebsite, policyDoc(strings.ReplaceAll(refererAllow, "aws:Referer", "aws:UserAgent")), line(func(c *correlate.OriginClass) { c.UserAgent = "agent " + token })),
		opts(asWebsite, policyDoc(strings.ReplaceAll(denyDoc(refererBan), "StringNotEquals", "StringNotLike")), rcp(strings.ReplaceAll(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"StringNotEquals":{"aws:Referer":"SECRET"}}}]}`, "SECRET", token))),
		opts(edgeLineOf(func(s *correlate.EdgeSample) {
			s.Query, s.Cookie = "Expires=1863500000&Signature="+token+"&Key-Pair-Id=KPUB", "CloudFront-Signature="+token
		}), restricted(publicPEM(&signing().PublicKey))),
	} {
		d := diagnose(play(o...))
		if text := texts(d); strings.Contains(text, token) {
			i := strings.Index(text, token)
			t.Errorf("%s: a secret is printed: …%s…", d.Verdict, text[max(0, i-120):min(len(text), i+40)])
		}
	}
}

// A remedy is called verified only when the request would pass; none opens more
// than was asked.
func TestRemedies(t *testing.T) {
	verified := func(want correlate.Tri, title string, o ...option) {
		t.Helper()
		d := diagnose(play(o...))
		for _, c := range d.Causes {
			for _, r := range c.Remedies {
				if strings.HasPrefix(r.Title, title) {
					if r.Verified != want {
						t.Errorf("%s: %q is verified %d, want %d; remains %v", d.Verdict, r.Title, r.Verified, want, r.Remains)
					}
					return
				}
			}
		}
		t.Errorf("%s: no remedy %q%s", d.Verdict, title, describe(d))
	}
	yes, no, unknown := correlate.Yes, correlate.No, correlate.Unknown
	verified(yes, "Let the distribution read the bucket", noPolicy)
	verified(yes, "Add this distribution to the condition", policyDoc(strings.Replace(oacPolicy, "distribution/E1", "distribution/E0", 1)))
	verified(yes, "Add the folder a/ to the Resource", policyDoc(strings.ReplaceAll(oacPolicy, "site/*", "site/public/*")))
	verified(yes, "Exempt AWS services", policyDoc(denyOAC(vpceDeny)))
	verified(yes, "Take statement", policyDoc(denyOAC(vpceDeny)))
	verified(yes, "Serve the bucket through its REST endpoint", asWebsite, policyDoc(denyDoc(tlsDeny)))
	verified(yes, "Take statement", asWebsite, policyDoc(denyDoc(tlsDeny)))
	verified(yes, "Serve the bucket through its REST endpoint", asWebsite, policyDoc(denyDoc(vpceDeny)))
	verified(yes, "Let origin s3 send the Referer", asWebsite, policyDoc(refererAllow))
	verified(yes, "Let the bucket policy name the Referer", asWebsite, policyDoc(refererAllow), header("Referer", "old"), sawReferer("old"))
	verified(yes, "Turn RestrictPublicBuckets off for the bucket", asWebsite, settings(func(s *scene) { s.bucket.PublicAccessBlock = known("s3:GetPublicAccessBlock", allBlocked) }))
	verified(no, "Turn RestrictPublicBuckets off for the bucket", asWebsite, accountBlock(allBlocked), settings(func(s *scene) { s.bucket.PublicAccessBlock = known("s3:GetPublicAccessBlock", allBlocked) }))
	verified(yes, "Let the bucket's owner own every object", aclMode("ObjectWriter"), settings(func(s *scene) { s.object.Listed.Value.OwnerID = partner }))
	verified(yes, "Let the bucket's owner pay", asWebsite, settings(func(s *scene) { s.bucket.RequestPayment.Value = "Requester" }))
	verified(yes, "Let the distribution decrypt", kmsKey(keyPolicyClosed, facts.KMSMetadata{}))
	verified(yes, "Encrypt the object with S3's own keys", kmsKey(keyPolicyClosed, facts.KMSMetadata{KeyManager: "AWS"}))
	verified(yes, "Upload the object again, encrypted with S3's own keys", kmsKey(keyPolicyClosed, facts.KMSMetadata{}), settings(func(s *scene) {
		k := s.facts.KMSKeys[s.object.Head.Value.SSEKMSKeyID]
		k.Key, k.Policy = state[facts.KMSMetadata]("kms:DescribeKey", facts.NotFound), state[string]("kms:GetKeyPolicy", facts.NotFound)
	}))
	verified(yes, "Allow the read: the Deny keeps those out", asWebsite, policyDoc(`{"Version":"2012-10-17","Statement":[`+refererBan+`]}`), header("Referer", secret), sawReferer(secret))
	verified(yes, "Attach an origin access control", asAnonymous)
	verified(yes, "Let the origin access identity ENEW", asOAI, policyDoc(oaiPolicy))
	verified(yes, "Upload the object", absent())
	verified(no, "Upload the object", absent(), noPolicy)
	verified(yes, "Copy the object to the key", absent(nearKey(correlate.NearCase, "A/Page.html")))
	verified(yes, "Restore the object", code(403, "InvalidObjectState"), headed(facts.ObjectHead{StorageClass: "GLACIER", ServerSideEncryption: "AES256"}))
	verified(yes, "Set the default root object", keyed("", "/"), operation("REST.GET.BUCKET"), settings(func(s *scene) {
		s.dist.DefaultRootObject = ""
		s.bucket.Objects["index.html"] = stored("index.html")
	}))
	verified(no, "Let everyone read the bucket", asWebsite, noPolicy, accountBlock(allBlocked))
	// The object's encryption is not known: neither is the answer.
	verified(unknown, "Let the distribution read the bucket", noPolicy, settings(func(s *scene) { refuseFact(s, "Head") }))
	// Nobody asked about the object, since its cause is proven without: the bucket's default stands for how it is
	// stored, but not for whether it exists.
	listed := settings(func(s *scene) {
		s.no.object = true
		s.bucket.Keys = known("s3:ListObjectsV2", correlate.NewKeyList([]string{"a/page.html"}))
	})
	verified(yes, "Let the distribution read the bucket", noPolicy, listed)
	verified(unknown, "Let the distribution read the bucket", noPolicy, listed, settings(func(s *scene) { s.bucket.Encryption.Value.Algorithm = "aws:kms" }))
	verified(unknown, "Let the distribution read the bucket", noPolicy, settings(func(s *scene) { s.no.object = true }))
	// A resource control policy that can't be read is named as assumed.
	verified(yes, "Let the distribution read the bucket", noPolicy, settings(func(s *scene) { refuseFact(s, "RCPs") }))
}

func TestPlan(t *testing.T) {
	f := func(want []string, o ...option) {
		t.Helper()
		var got []string
		for _, r := range diagnose(play(o...)).Plan {
			got = append(got, r.Title)
			if r.Verified != correlate.Yes {
				t.Errorf("a step of a plan is not verified: %s", r.Title)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("plan %q, want %q", got, want)
		}
	}
	f(nil, noPolicy)
	f([]string{"Upload the object", "Let the distribution read the bucket (origin access control statement)"}, absent(), noPolicy)
	f([]string{"Upload the object", "Serve the bucket through its REST endpoint with origin access control (recommended: no public bucket)"}, asWebsite, noPolicy, absent())
	f([]string{"Exempt AWS services from statement \"VPCOnly\"", "Let the distribution decrypt with the key", "Let the bucket's owner pay"},
		kmsKey(keyPolicyClosed, facts.KMSMetadata{}), policyDoc(denyOAC(vpceDeny)), settings(func(s *scene) { s.bucket.RequestPayment.Value = "Requester" }))
}

// No document of any remedy grants a write to everyone, nor a read to everyone
// where the origin is no website endpoint.
func TestRemediesOpenNoMore(t *testing.T) {
	for _, sc := range scenarios {
		s := play(sc.finds...)
		d := diagnose(s)
		for _, c := range d.Causes {
			for _, r := range c.Remedies {
				if !strings.Contains(r.Document, `"Statement"`) {
					continue
				}
				doc, err := policy.Parse([]byte(r.Document))
				if err != nil {
					continue // a key policy, or a template with placeholders
				}
				before := policy.ImplicitDeny
				if old, err := policy.Parse([]byte(s.bucket.Policy.Value)); err == nil {
					before = old.Decision(&policy.Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::site/x", Context: &policy.Context{}})
				}
				for _, action := range []string{"s3:PutObject", "s3:DeleteObject", "s3:PutBucketPolicy", "s3:ListBucket"} {
					for _, resource := range []string{"arn:aws:s3:::site/x", "arn:aws:s3:::site"} {
						if doc.Decision(&policy.Request{Action: action, Resource: resource, Context: &policy.Context{}}) == policy.Allow {
							t.Errorf("%s: %q lets everyone %s", c.ID, r.Title, action)
						}
					}
				}
				if s.key.Access != correlate.AccessWebsite && before != policy.Allow &&
					doc.Decision(&policy.Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::site/x", Context: &policy.Context{}}) == policy.Allow {
					t.Errorf("%s: %q lets everyone read though the origin is no website", c.ID, r.Title)
				}
				if c.ID != "kms-key-policy" && (r.Diff == "" || r.CloudFormation == "" || r.Terraform == "") {
					t.Errorf("%s: %q has a policy but no diff, CloudFormation or Terraform", c.ID, r.Title)
				}
			}
		}
	}
}

// A key that is proven without facts about the object needs none.
func TestNeedsObject(t *testing.T) {
	f := func(want bool, o ...option) {
		t.Helper()
		s := play(o...)
		s.no.object = true
		p := s.pass()
		d := Diagnose(p)
		if got := checks.NeedsObject(p, &d); got != want {
			t.Errorf("needs object %t, want %t%s", got, want, describe(d))
		}
	}
	f(true)
	f(false, noPolicy)
	f(false, policyDoc(denyOAC(vpceDeny)))
	f(false, code(403, "InvalidObjectState"))
	f(false, asWebsite, policyDoc(refererAllow))
	// Existence costs nothing when the bucket's keys are at hand, but the neighbours do.
	f(false, settings(func(s *scene) { s.bucket.Keys = known("s3:ListObjectsV2", correlate.NewKeyList([]string{"b"})) }), noPolicy)
}

// The settings are read later than the log.
func TestChangedSince(t *testing.T) {
	d := diagnose(play())
	if d.Verdict != checks.Unexplained || len(d.Notes) != 1 || !strings.HasPrefix(d.Notes[0], "the settings, as they are now, allow the request") {
		t.Errorf("verdict %s, notes %q", d.Verdict, d.Notes)
	}
	d = diagnose(play(noPolicy, settings(func(s *scene) { s.key.OKAfter, s.key.LastOK = s.key.Last+1000, s.key.Last+1000 })))
	if c := certaintyOf(d, "policy-no-allow"); c != checks.Likely || len(d.Notes) != 1 {
		t.Errorf("certainty %s, notes %q", c, d.Notes)
	}
	d = diagnose(play(settings(func(s *scene) { s.object.Head.Value.LastModified = "2026-11-20T10:00:00+00:00" })))
	if d.Verdict != "key-missing" || d.Causes[0].Certainty != checks.Likely || !strings.Contains(d.Causes[0].Summary, "has been fixed since") {
		t.Errorf("uploaded since: %s%s", d.Verdict, describe(d))
	}
}

func TestShellQuoting(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := sh(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
	f("a/b-c_1.html", "a/b-c_1.html")
	f("", "''")
	f("a b", "'a b'")
	f("it's", `'it'\''s'`)
	f("$(rm -rf ~)", "'$(rm -rf ~)'")
	f("日本.html", "'日本.html'")
	f("a\nb", `$'a\x0ab'`)
	f("\xff'", `$'\xff\''`)
}

func BenchmarkDiagnose(b *testing.B) {
	for _, bench := range []struct {
		name string
		opts []option
	}{{"key-missing", opts(absent())}, {"policy-no-allow", opts(noPolicy)}, {"website-deny", opts(asWebsite, policyDoc(denyDoc(tlsDeny)))}} {
		b.Run(bench.name, func(b *testing.B) {
			s := play(bench.opts...)
			b.ReportAllocs()
			for b.Loop() {
				Diagnose(s.pass())
			}
		})
	}
}

// Other keys of the bucket that are served speak against a cause that would
// refuse them all, not against one of this key.
func TestServedKeys(t *testing.T) {
	f := func(id string, want checks.Certainty, o ...option) {
		t.Helper()
		p := play(o...).pass()
		p.Served = 12
		if c := certaintyOf(Diagnose(p), id); c != want {
			t.Errorf("%s is called %s, want %s", id, c, want)
		}
	}
	f("policy-no-allow", checks.Likely, noPolicy)
	f("bpa-bucket", checks.Likely, asWebsite, settings(func(s *scene) { s.bucket.PublicAccessBlock = known("s3:GetPublicAccessBlock", allBlocked) }))
	f("requester-pays", checks.Likely, asWebsite, settings(func(s *scene) { s.bucket.RequestPayment.Value = "Requester" }))
	f("policy-resource-gap", checks.Proven, policyDoc(strings.ReplaceAll(oacPolicy, "site/*", "site/public/*")))
	f("key-missing", checks.Proven, absent())
}

// An origin access identity has two names, and a deleted one neither.
func TestOAINames(t *testing.T) {
	f := func(want string, certainty checks.Certainty, principal string) {
		t.Helper()
		doc := strings.Replace(oaiPolicy, `{"AWS":"arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity EOLD"}`, principal, 1)
		d := diagnose(play(asOAI, policyDoc(doc)))
		if d.Verdict != want || certaintyOf(d, want) != certainty {
			t.Errorf("%s: %s, want %s (%s)%s", principal, d.Verdict, want, certainty, describe(d))
		}
	}
	f("unexplained", "", `{"AWS":"arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity ENEW"}`)
	f("unexplained", "", `{"CanonicalUser":"`+oaiUser+`"}`)
	f("oai-mismatch", checks.Likely, `{"CanonicalUser":"`+partner+`"}`) // an account has one as well
	f("oai-mismatch", checks.Possible, `{"AWS":"AIDAJ45Q7YFFAREXAMPLE"}`)
	f("policy-other-access", checks.Proven, `{"Service":"cloudfront.amazonaws.com"}`)
	f("policy-no-allow", checks.Proven, `{"AWS":"arn:aws:iam::111122223333:role/deploy"}`)
}

// Without an S3 line it is not sure who refused the request.
func TestNoOriginLog(t *testing.T) {
	f := func(want string, certainty checks.Certainty, o ...option) {
		t.Helper()
		d := diagnose(play(append(o, func(s *scene) {
			s.key.Origin, s.cover.Origin = nil, false
			s.key.Edge[0].OriginAsked = correlate.Unknown
		})...))
		if d.Verdict != want || certaintyOf(d, want) != certainty {
			t.Errorf("%s, want %s (%s)%s", d.Verdict, want, certainty, describe(d))
		}
	}
	f("policy-no-allow", checks.Proven, noPolicy)            // application/xml is S3's
	f("policy-no-allow", checks.Likely, asWebsite, noPolicy) // text/html may be CloudFront's
	f("oac-signing-off", checks.Proven, settings(func(s *scene) {
		s.facts.AccessControl["OAC1"] = known("cloudfront:GetOriginAccessControl", facts.OriginAccessControl{ID: "OAC1", SigningBehavior: "never", OriginType: "s3"})
	}))
	f("unexplained", "", asWebsite)
}

// What was not asked of the object, by the run's own choice, is no missing
// permission.
func TestUnlooked(t *testing.T) {
	unknown := func(o ...option) map[string][]string {
		s := play(append(o, func(s *scene) { s.no.object = true })...)
		m := map[string][]string{}
		for _, u := range Diagnose(s.pass()).Unknown {
			m[u.ID] = u.Missing
		}
		return m
	}
	if m := unknown(noPolicy); len(m) > 0 {
		t.Errorf("a proven cause leaves open %v", m)
	}
	m := unknown()
	if !slices.Equal(m["key-missing"], []string{"s3:ListBucket"}) {
		t.Errorf("key-missing misses %v", m["key-missing"])
	}
	for _, id := range []string{"key-missing", "kms-key-policy"} {
		if !checks.OfObject(All, id, m[id]) {
			t.Errorf("%s, which misses %v, is not of the object", id, m[id])
		}
	}
	m = unknown(func(s *scene) { s.bucket.Policy = state[string]("s3:GetBucketPolicy", facts.Refused) })
	if missing := m["policy-deny"]; !slices.Equal(missing, []string{"s3:GetBucketPolicy"}) || checks.OfObject(All, "policy-deny", missing) {
		t.Errorf("policy-deny misses %v, of the object: %t", missing, checks.OfObject(All, "policy-deny", missing))
	}
}

// With the distribution's settings unreadable the checks at the edge say so,
// unless the line itself names its maker.
func TestEdgeWithoutDistribution(t *testing.T) {
	f := func(verdict string, unknown []string, o ...option) {
		t.Helper()
		d := diagnose(play(append(o, func(s *scene) { s.no.dist = true })...))
		if d.Verdict != verdict {
			t.Errorf("verdict %s, want %s%s", d.Verdict, verdict, describe(d))
		}
		for _, id := range unknown {
			i := slices.IndexFunc(d.Unknown, func(u checks.Open) bool { return u.ID == id })
			if i < 0 || !slices.Contains(d.Unknown[i].Missing, "cloudfront:GetDistribution") {
				t.Errorf("%s is not unknown for want of the settings%s", id, describe(d))
			}
		}
	}
	f("edge-geo-restriction", nil, edgeLineOf(func(s *correlate.EdgeSample) { s.DetailedResult = "ClientGeoBlocked" }))
	f("edge-method", nil, edgeLineOf(func(s *correlate.EdgeSample) { s.Method, s.DetailedResult = "POST", "InvalidRequestMethod" }))
	f("edge-function", nil, edgeLineOf(func(s *correlate.EdgeSample) {
		s.Result, s.DetailedResult = "LambdaGeneratedResponse", "LambdaGeneratedResponse"
	}))
	f("edge-unattributed", []string{"edge-waf", "edge-stacked", "not-s3-origin", "edge-signed-missing"}, plainEdge)
	f("edge-unattributed", []string{"edge-https-only"}, edgeLineOf(func(s *correlate.EdgeSample) { s.Protocol = "http" }))
	f("edge-signed-expired", nil, edgeLineOf(func(s *correlate.EdgeSample) {
		s.Query, s.ContentType = "Expires=1763500000&Signature=abc&Key-Pair-Id=KPUB", "text/xml"
	}))
}

// A rule that AWS does not document makes a cause likely at most, and is named.
func TestUndocumentedRule(t *testing.T) {
	d := diagnose(play(policyDoc(denyOAC(strings.Replace(vpceDeny, `"Principal":"*"`, `"Principal":{"AWS":"*"}`, 1)))))
	if c := certaintyOf(d, "policy-deny"); c != checks.Likely {
		t.Errorf("policy-deny is called %s%s", c, describe(d))
	}
	if len(d.Causes) == 0 || !strings.Contains(fmt.Sprint(d.Causes[0].Evidence), "not documented by AWS") {
		t.Errorf("the rule is not named%s", describe(d))
	}
}
