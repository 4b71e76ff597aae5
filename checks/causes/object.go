package causes

import (
	_ "embed"
	"strings"

	"github.com/why403/why403/checks"
	"github.com/why403/why403/checks/access"
	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/correlate"
)

//go:embed pages/kms-anonymous.md
var pageKMSAnonymous string

//go:embed pages/kms-oai.md
var pageKMSOAI string

//go:embed pages/kms-key-policy.md
var pageKMSKeyPolicy string

//go:embed pages/kms-aws-managed-key.md
var pageKMSAWSManagedKey string

//go:embed pages/kms-key-unusable.md
var pageKMSKeyUnusable string

//go:embed pages/ssec-object.md
var pageSSECObject string

//go:embed pages/object-archived.md
var pageObjectArchived string

// storedSure is sure for a cause that lies in how the object is stored: an
// object written after the refusals tells little of them.
func (v view) storedSure() checks.Certainty {
	c := v.sure(false, false)
	switch o := v.s.Object; {
	case o.Head.Known():
		return weaker(c, v.since(o.Head.Value.LastModified))
	case o.Listed.Known():
		return weaker(c, v.since(o.Listed.Value.LastModified))
	}
	return c
}

// accepted reports whether S3 refused with AccessDenied a request that nothing
// but how the object is stored would refuse.
func (v view) accepted() bool {
	return len(v.k.Origin) > 0 && v.authorization() && v.o.Permitted == correlate.Yes
}

// beginStored is how the checks on how the object is stored begin.
var beginStored = opening(func(v view) (f checks.Finding, done bool) {
	switch {
	case !v.reads() || v.s.Key == "":
		return notApplicable(), true
	case v.s.Exists == correlate.No:
		return ruledOut(), true
	case len(v.k.Origin) > 0 && !v.authorization() && v.code("InvalidObjectState", "KMS.", "InvalidArgument", "InvalidRequest", "AccessDenied", "") == nil:
		return notApplicable(), true
	}
	return checks.Finding{}, false
})

var objectArchived = &checks.Check{
	ID: "object-archived", Title: "The object is archived and not restored",
	Page: pageObjectArchived, Rank: rankArchive, Object: true, Permissions: []string{"s3:GetObject"},
	Key: func(p *checks.KeyPass) checks.Finding {
		v := look(p)
		if !v.reads() || v.s.Key == "" {
			return notApplicable()
		}
		st := v.o.Step(access.GateArchived)
		if v.code("InvalidObjectState") != nil {
			f := cause(checks.Proven, "%s is archived: S3 answered InvalidObjectState", v.object())
			f = with(f, originLine(v.k, func(o *correlate.OriginSample) bool { return o.ErrorCode == "InvalidObjectState" }, "403 InvalidObjectState"))
			if st != nil {
				f = with(f, st.Evidence...)
			}
			if st != nil && st.Blocks == correlate.No && v.s.Object.Head.Known() {
				f.Certainty = checks.Proven
				f.Summary += "; it is readable now"
			}
			return fixed(f, v.restoreRemedy())
		}
		if v.s.Exists == correlate.No {
			return ruledOut()
		}
		switch {
		case len(v.k.Origin) > 0 && v.o.Permitted == correlate.Yes && v.s.Exists == correlate.Yes:
			return ruledOut() // S3 would have said InvalidObjectState
		case st == nil || st.Blocks == correlate.No:
			return ruledOut()
		case st.Blocks == correlate.Unknown:
			if len(v.k.Origin) > 0 && v.o.Permitted == correlate.Yes {
				return ruledOut() // its own error code did not come
			}
			return waits(st.Missing) // what refuses it first may hide it
		}
		c := v.storedSure()
		if len(v.k.Origin) > 0 {
			c = weaker(c, checks.Likely)
		}
		f := cause(c, "%s", st.Because)
		return fixed(with(with(f, st.Evidence...), v.refusal()), v.restoreRemedy())
	},
}

var ssecObject = &checks.Check{
	ID: "ssec-object", Title: "The object is encrypted with a customer-provided key",
	Page: pageSSECObject, Rank: rankKMS + 20, Object: true, Permissions: []string{"s3:GetObject"},
	Opening: beginStored,
	Key: func(p *checks.KeyPass) checks.Finding {
		v := look(p)
		st := v.o.Step(access.GateSSEC)
		head := v.s.Object.Head
		switch {
		case st == nil:
			return ruledOut()
		case st.Blocks == correlate.Yes:
		case st.Blocks == correlate.No:
			return ruledOut()
		case !head.Settled() && (head.Code == "400" || head.Code == "BadRequest" || head.Code == "InvalidRequest"):
			// HeadObject answers 400 without the key (S3 API, HeadObject).
			f := cause(checks.Likely, "HeadObject of %s answers 400, as for an object encrypted with a customer-provided key (SSE-C): CloudFront can't send that key", v.object())
			f = with(f, ofFact(head, quote(v.s.Key), "HeadObject answers 400 %s", head.Code), v.refusal())
			return fixed(f, v.reencryptRemedy("Upload the object again without a customer-provided key"))
		default:
			return waits(st.Missing)
		}
		c := v.storedSure()
		if len(v.k.Origin) > 0 && v.o.Permitted != correlate.No && v.code("InvalidRequest") == nil {
			c = weaker(c, checks.Likely) // 400 is documented
		}
		if v.accepted() {
			c = weaker(c, checks.Possible)
		}
		f := cause(c, "%s is encrypted with a customer-provided key (SSE-C), which CloudFront can't send", v.object())
		return fixed(with(with(f, st.Evidence...), v.refusal()), v.reencryptRemedy("Upload the object again without a customer-provided key"))
	},
}

func kmsCheck(id, title, page string, rank int, permissions []string, kinds checks.Kinds, reasons ...access.KMSReason) *checks.Check {
	return &checks.Check{
		ID: id, Title: title, Page: page, Rank: rankKMS + rank, Permissions: permissions, Object: true, Access: kinds, Opening: beginStored,
		Key: func(p *checks.KeyPass) checks.Finding {
			v := look(p)
			if v.o.KMS != access.KMSNone {
				for _, r := range reasons {
					if v.o.KMS == r {
						return v.kmsFinding(id, r)
					}
				}
				if m := v.kmsMetadata(); v.o.KMS == access.KMSKeyPolicy && !m.Settled() {
					return undecided(or(m.Missing(), "kms:DescribeKey"))
				}
				return ruledOut()
			}
			if f, ok := v.kmsByCode(id); ok {
				return f
			}
			st := v.o.Step(access.GateKMS)
			if st == nil || st.Blocks == correlate.No {
				return ruledOut()
			}
			if st.Blocks == correlate.Unknown {
				return waits(st.Missing)
			}
			return ruledOut()
		},
	}
}

// kmsByCode names the cause by S3's own error code, when the facts on the key
// are not at hand.
func (v view) kmsByCode(id string) (checks.Finding, bool) {
	code := ""
	switch id {
	case "kms-oai":
		code = "KMS.UnrecognizedClientException"
	case "kms-key-unusable":
		for _, c := range []string{"KMS.DisabledException", "KMS.KMSInvalidStateException", "KMS.NotFoundException"} {
			if v.code(c) != nil {
				code = c
			}
		}
	}
	if code == "" || v.code(code) == nil {
		return checks.Finding{}, false
	}
	f := cause(checks.Proven, "S3 answered %s for %s", code, v.object())
	f = with(f, originLine(v.k, func(o *correlate.OriginSample) bool { return o.ErrorCode == code }, "%s", code))
	return fixed(f, v.kmsRemedies(id)...), true
}

// kmsMetadata is what AWS tells of the key that encrypts the object.
func (v view) kmsMetadata() facts.Fact[facts.KMSMetadata] {
	if k := access.KMSKey(v.facts(), v.s.Object.Head.Value.SSEKMSKeyID); k != nil {
		return k.Key
	}
	return facts.Fact[facts.KMSMetadata]{}
}

func (v view) kmsFinding(id string, r access.KMSReason) checks.Finding {
	st := v.o.Step(access.GateKMS)
	c := v.storedSure()
	var f checks.Finding
	switch r {
	case access.KMSAnonymous:
		// Documented by people as 400; a 403 in its place is a guess about S3's order
		// of checks, unless the request is refused for another reason as well.
		if v.code("InvalidArgument") == nil {
			c = weaker(c, checks.Likely)
			if v.accepted() {
				c = weaker(c, checks.Possible)
			}
		}
		f = cause(c, "%s is encrypted with a KMS key, which an unsigned request can't read (S3 answers 400 where nothing else refuses it)", v.object())
	case access.KMSIdentity:
		if v.code("KMS.UnrecognizedClientException") == nil {
			c = weaker(c, checks.Likely)
		}
		f = cause(c, "%s is encrypted with a KMS key, which an origin access identity can't use", v.object())
	case access.KMSAWSManaged:
		f = cause(c, "%s is encrypted under the AWS managed key aws/s3, whose policy can't be changed to admit CloudFront", v.object())
	case access.KMSUnusable:
		if len(v.k.Origin) > 0 && v.code("KMS.") == nil {
			c = weaker(c, checks.Likely) // S3 has error codes for it
		}
		f = cause(c, "%s is encrypted under a KMS key that can't be used: %s", v.object(), st.Because)
	case access.KMSKeyNotFound:
		f = cause(weaker(c, checks.Possible), "%s is encrypted under a KMS key that does not exist or is not visible from this account", v.object())
	default:
		if !v.kmsMetadata().Settled() {
			c = weaker(c, checks.Likely) // it may be aws/s3, whose policy can't be changed
		}
		f = cause(c, "%s is encrypted with a KMS key whose policy does not let CloudFront decrypt: %s", v.object(), strings.TrimSuffix(st.Because, "."))
	}
	return fixed(with(with(f, st.Evidence...), v.refusal()), v.kmsRemedies(id)...)
}

var (
	kmsAnonymous = kmsCheck("kms-anonymous", "An object encrypted with a KMS key is read without a signature",
		pageKMSAnonymous, 10, []string{"s3:GetObject"}, checks.Anonymous|checks.Website, access.KMSAnonymous)
	kmsOAI = kmsCheck("kms-oai", "An object encrypted with a KMS key is read through an origin access identity",
		pageKMSOAI, 11, []string{"s3:GetObject"}, checks.OAI, access.KMSIdentity)
	kmsKeyPolicy = kmsCheck("kms-key-policy", "The policy of the KMS key does not let CloudFront decrypt",
		pageKMSKeyPolicy, 14, []string{"s3:GetObject", "kms:GetKeyPolicy", "kms:DescribeKey"}, checks.OAC, access.KMSKeyPolicy)
	kmsAWSManagedKey = kmsCheck("kms-aws-managed-key", "The object is encrypted under aws/s3, whose policy can't be changed",
		pageKMSAWSManagedKey, 13, []string{"s3:GetObject", "kms:DescribeKey"}, checks.OAC, access.KMSAWSManaged)
	kmsKeyUnusable = kmsCheck("kms-key-unusable", "The KMS key is disabled, pending deletion, or not visible",
		pageKMSKeyUnusable, 12, []string{"s3:GetObject", "kms:DescribeKey"}, checks.OAC, access.KMSUnusable, access.KMSKeyNotFound)
)

func (v view) oac() bool { return v.s.Access == correlate.AccessOAC }
