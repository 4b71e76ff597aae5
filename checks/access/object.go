package access

import (
	"fmt"
	"strings"

	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/checks/policy"
	"github.com/why403/why403/correlate"
)

// object judges what depends on the object: that it exists, how it is stored.
func (j *judge) object() {
	s := j.s
	ex := Step{Gate: GateMissing, Blocks: not(s.Exists)}
	switch s.Exists {
	case correlate.Yes:
		ex.Because = "the object exists"
	case correlate.No:
		ex.Because = "there is no object with this key"
		ex.Evidence = Existence(s)
	default:
		ex.Because = "whether the object exists is not known"
		ex.Missing = facts.One(or2(s.Object.Listed.Missing(), "s3:ListBucket"))
	}
	j.add(ex)
	if s.Exists == correlate.No {
		j.mayList()
		return
	}
	j.archived()
	j.encryption()
}

// Existence returns the evidence for whether the key exists.
func Existence(s *Situation) []facts.Evidence {
	o, b := s.Object, s.BucketFacts
	list := "the bucket's list of keys"
	if !b.Inventory.IsZero() {
		list = "the inventory of " + b.Inventory.UTC().Format("2006-01-02 15:04 UTC")
	}
	switch {
	case o.Listed.Call == facts.SourceInventory && o.Listed.State == facts.NotFound:
		return []facts.Evidence{{Source: o.Listed.Call, Ref: fmt.Sprintf("%q", s.Key), Fact: list + " does not hold the key"}}
	case o.Listed.Call == facts.SourceInventory && o.Listed.Known():
		return []facts.Evidence{{Source: o.Listed.Call, Ref: fmt.Sprintf("%q", s.Key), Fact: list + " holds the key"}}
	case o.Listed.State == facts.NotFound:
		return []facts.Evidence{{Source: o.Listed.Call, Ref: fmt.Sprintf("%q", s.Key), Fact: "the listing does not hold the key"}}
	case o.Head.State == facts.NotFound:
		return []facts.Evidence{{Source: o.Head.Call, Ref: fmt.Sprintf("%q", s.Key), Fact: "no such key"}}
	case o.Listed.Known():
		return []facts.Evidence{{Source: o.Listed.Call, Ref: fmt.Sprintf("%q", s.Key), Fact: "the listing holds the key"}}
	case o.Head.Known():
		return []facts.Evidence{{Source: o.Head.Call, Ref: fmt.Sprintf("%q", s.Key), Fact: "the object exists"}}
	case b.Keys.Known() && s.Exists == correlate.No:
		return []facts.Evidence{{Source: b.Keys.Call, Ref: fmt.Sprintf("%q", s.Key), Fact: list + " does not hold the key"}}
	case b.Keys.Known():
		return []facts.Evidence{{Source: b.Keys.Call, Ref: fmt.Sprintf("%q", s.Key), Fact: list + " holds the key"}}
	}
	return nil
}

func (j *judge) mayList() {
	s := j.s
	if s.Access == correlate.AccessWebsite {
		// Only a public bucket ACL counts; ListBucket in the policy is ignored at
		// website endpoints (tested against AWS by others).
		b := s.BucketFacts
		switch {
		case b.Ownership.Known() && b.Ownership.Value == "BucketOwnerEnforced":
			j.o.MayList = correlate.No
		case b.ACL.Known() && !PublicRead(&b.ACL.Value):
			j.o.MayList = correlate.No
		case b.ACL.Known() && b.Ownership.Settled():
			ig, _, _ := j.ignored()
			j.o.MayList = not(ig)
		}
		return
	}
	c := *s
	c.Action = "s3:ListBucket"
	c.context = &s.mem.listing
	c.context.Over(s.Context())
	c.context.SetAbsent("s3:prefix")
	c.context.SetAbsent("s3:delimiter")
	c.context.SetAbsent("s3:max-keys")
	k := s.mem.list.begin(&c)
	k.permission()
	// A resource control policy that can't be read would make every answer
	// unknown; it can't grant anything.
	t := correlate.Yes
	for _, st := range k.o.Steps {
		if st.Gate == GateRCP && st.Blocks == correlate.Unknown {
			continue
		}
		switch st.Blocks {
		case correlate.Yes:
			j.o.MayList = correlate.No
			return
		case correlate.Unknown:
			t = correlate.Unknown
		}
	}
	j.o.MayList = t
}

func (j *judge) archived() {
	s := j.s
	st := Step{Gate: GateArchived, Blocks: correlate.No}
	class, ev := StorageClass(s.Object)
	switch h := s.Object.Head; {
	case class == "":
		st.Blocks, st.Because = correlate.Unknown, "the storage class is not known"
		st.Missing = facts.One(or2(h.Missing(), "s3:GetObject"))
	case h.Known() && strings.Contains(h.Value.Restore, `ongoing-request="false"`):
		st.Because = "the object is restored"
	case class == "GLACIER" || class == "DEEP_ARCHIVE" || h.Known() && h.Value.ArchiveStatus != "":
		st.Blocks, st.Evidence = correlate.Yes, []facts.Evidence{ev}
		st.Because = "the object is archived (" + class + ") and not restored"
		if !h.Known() {
			st.Blocks, st.Missing = correlate.Unknown, facts.One(or2(h.Missing(), "s3:GetObject"))
			st.Because = "the object is archived (" + class + "); whether it is restored is not known"
		}
	case class == "INTELLIGENT_TIERING" && !h.Known():
		st.Blocks, st.Missing = correlate.Unknown, facts.One(or2(h.Missing(), "s3:GetObject"))
		st.Because = "whether the object is in an archive tier is not known"
	default:
		st.Because = "the storage class is " + class
	}
	j.add(st)
}

// StorageClass returns an object's storage class, "" if unknown. HeadObject
// leaves it out for STANDARD.
func StorageClass(o *facts.Object) (string, facts.Evidence) {
	switch {
	case o == nil:
	case o.Head.Known():
		c := or2(o.Head.Value.StorageClass, "STANDARD")
		fact := "StorageClass is " + c
		if o.Head.Value.ArchiveStatus != "" {
			fact += ", ArchiveStatus is " + o.Head.Value.ArchiveStatus
		}
		return c, facts.Evidence{Source: o.Head.Call, Ref: "StorageClass", Fact: fact}
	case o.Listed.Known() && o.Listed.Value.StorageClass != "":
		return o.Listed.Value.StorageClass, facts.Evidence{Source: o.Listed.Call, Ref: "StorageClass", Fact: "StorageClass is " + o.Listed.Value.StorageClass}
	}
	return "", facts.Evidence{}
}

// Encryption returns how an object is encrypted: "AES256", "aws:kms",
// "aws:kms:dsse", "SSE-C", "none", or "" if unknown.
func Encryption(o *facts.Object) (string, facts.Evidence) {
	switch {
	case o == nil:
	case o.Head.Known() && o.Head.Value.SSECustomerAlgorithm != "":
		return "SSE-C", facts.Evidence{Source: o.Head.Call, Ref: "SSECustomerAlgorithm", Fact: "encrypted with a customer-provided key"}
	case o.Head.Known():
		e := or2(o.Head.Value.ServerSideEncryption, "none")
		return e, facts.Evidence{Source: o.Head.Call, Ref: "ServerSideEncryption", Fact: "ServerSideEncryption is " + e}
	case o.Listed.Known() && o.Listed.Value.EncryptionStatus != "":
		st := o.Listed.Value.EncryptionStatus
		ev := facts.Evidence{Source: o.Listed.Call, Ref: "EncryptionStatus", Fact: "EncryptionStatus is " + st}
		switch st {
		case "SSE-S3":
			return "AES256", ev
		case "SSE-KMS":
			return "aws:kms", ev
		case "DSSE-KMS":
			return "aws:kms:dsse", ev
		case "SSE-C":
			return "SSE-C", ev
		case "NOT-SSE":
			return "none", ev
		}
	}
	return "", facts.Evidence{}
}

func (j *judge) encryption() {
	s := j.s
	kind, ev := Encryption(s.Object)
	ssec := Step{Gate: GateSSEC, Blocks: correlate.No, Because: "not encrypted with a customer-provided key"}
	kms := Step{Gate: GateKMS, Blocks: correlate.No, Because: "not encrypted with a KMS key"}
	switch kind {
	case "":
		ssec.Blocks, ssec.Because = correlate.Unknown, "the encryption is not known"
		ssec.Missing = facts.One(or2(s.Object.Head.Missing(), "s3:GetObject"))
		kms.Blocks, kms.Because, kms.Missing = ssec.Blocks, ssec.Because, ssec.Missing
	case "SSE-C":
		ssec.Blocks, ssec.Because, ssec.Evidence = correlate.Yes, "the object is encrypted with a customer-provided key, which CloudFront can't send", []facts.Evidence{ev}
	case "aws:kms", "aws:kms:dsse":
		kms = j.kms(ev)
	}
	j.add(ssec)
	j.add(kms)
}

func (j *judge) kms(ev facts.Evidence) Step {
	s, o := j.s, j.o
	st := Step{Gate: GateKMS, Evidence: []facts.Evidence{ev}}
	block := func(r KMSReason, because string, ev ...facts.Evidence) Step {
		o.KMS = r
		st.Blocks, st.Because = correlate.Yes, because
		st.Evidence = append(st.Evidence, ev...)
		return st
	}
	unknown := func(because string, miss ...string) Step {
		st.Because, st.Missing = because, miss
		return st
	}
	switch s.Access {
	case correlate.AccessWebsite, correlate.AccessAnonymous:
		return block(KMSAnonymous, "an unsigned request can't read an object encrypted with a KMS key")
	case correlate.AccessOAI:
		return block(KMSIdentity, "an origin access identity can't read an object encrypted with a KMS key")
	case correlate.AccessIAM, correlate.AccessUnknown, "":
		return unknown("whether the requester may decrypt is not known", "kms permissions of the requester")
	}
	if !s.Object.Head.Known() || s.Object.Head.Value.SSEKMSKeyID == "" {
		return unknown("which KMS key encrypts the object is not known", or2(s.Object.Head.Missing(), "s3:GetObject"))
	}
	id := s.Object.Head.Value.SSEKMSKeyID
	if strings.HasSuffix(id, "alias/aws/s3") {
		return block(KMSAWSManaged, "the object is encrypted under aws/s3, whose policy admits no other account's service")
	}
	key := KMSKey(s.Facts, id)
	if key == nil {
		return unknown("the KMS key is not known", "kms:DescribeKey", "kms:GetKeyPolicy")
	}
	if m := key.Key; m.Known() {
		ref := facts.Evidence{Source: m.Call, Ref: "KeyMetadata"}
		switch v := m.Value; {
		case v.KeyManager == "AWS":
			ref.Ref, ref.Fact = "KeyMetadata.KeyManager", "KeyManager is AWS: the key aws/s3"
			return block(KMSAWSManaged, "the object is encrypted under the AWS managed key aws/s3, whose policy can't be changed and does not admit CloudFront", ref)
		case v.KeyState != "" && v.KeyState != "Enabled" && v.KeyState != "Creating" && v.KeyState != "Updating":
			ref.Ref, ref.Fact = "KeyMetadata.KeyState", "KeyState is "+v.KeyState
			return block(KMSUnusable, "the KMS key is "+v.KeyState, ref)
		}
	} else if m.State == facts.NotFound {
		return block(KMSKeyNotFound, "the KMS key does not exist, or is not visible from here", facts.Evidence{Source: m.Call, Ref: id, Fact: "no such key"})
	}
	if !key.Policy.Known() {
		return unknown("the key policy is not known", or2(key.Policy.Missing(), "kms:GetKeyPolicy"))
	}
	doc := s.mem.compiled(policy.KeyPolicy, key.Policy.Value)
	if doc.err != nil {
		return unknown("the key policy is not understood: "+doc.err.Error(), "a valid key policy")
	}
	arn := id
	if key.Key.Known() && key.Key.Value.ARN != "" {
		arn = key.Key.Value.ARN
	}
	req := &policy.Request{Principal: s.Principal, Action: "kms:Decrypt", Resource: arn, Context: j.kmsContext()}
	res := doc.p.Evaluate(req)
	switch res.Decision {
	case policy.Allow:
		if key.Key.Known() {
			st.Blocks, st.Because = correlate.No, "the key policy lets CloudFront decrypt"
			return st
		}
		return unknown("whether the KMS key is enabled is not known", or2(key.Key.Missing(), "kms:DescribeKey"))
	case policy.Undecided:
		return unknown("whether the key policy lets CloudFront decrypt depends on "+strings.Join(res.DependsOn, ", "), res.DependsOn...)
	case policy.ExplicitDeny:
		return block(KMSKeyPolicy, "the key policy denies CloudFront kms:Decrypt",
			facts.Evidence{Source: key.Policy.Call, Ref: fmt.Sprintf("Statement[%d]", res.Deny[0]), Fact: "a Deny that matches kms:Decrypt by " + CloudFrontService})
	}
	return block(KMSKeyPolicy, "no statement of the key policy lets CloudFront decrypt",
		facts.Evidence{Source: key.Policy.Call, Ref: "Statement", Fact: "no Allow matches kms:Decrypt by " + CloudFrontService + " for this distribution"})
}

// kmsContext is the context of the Decrypt call that S3 makes for CloudFront
// (S3 guide, SSE-KMS: the encryption context is the object's ARN, or the
// bucket's with S3 Bucket Keys).
func (j *judge) kmsContext() *policy.Context {
	s := j.s
	c := &policy.Context{Default: policy.Undefined}
	for _, k := range []string{"aws:SourceArn", "aws:SourceAccount", "aws:PrincipalIsAWSService", "aws:PrincipalServiceName",
		"aws:PrincipalServiceNamesList", "aws:CurrentTime", "aws:EpochTime", "aws:PrincipalOrgID", "aws:PrincipalArn", "aws:PrincipalAccount"} {
		switch v := s.Context().Get(k); v.State {
		case policy.Known:
			put(c, k, v)
		case policy.Absent:
			c.SetAbsent(k)
		}
	}
	if r := Region(s); r != "" {
		c.Set("kms:ViaService", "s3."+r+".amazonaws.com")
	}
	arn := s.ARN()
	if s.Object.Head.Known() && s.Object.Head.Value.BucketKeyEnabled {
		arn = strings.TrimSuffix(arn, "/"+s.Key)
	}
	c.Set("kms:EncryptionContext:aws:s3:arn", arn)
	c.SetList("kms:EncryptionContextKeys", "aws:s3:arn")
	c.SetAbsent("kms:GrantIsForAWSResource")
	return c
}

// KMSKey finds a key by the id or ARN that an object names.
func KMSKey(f *facts.Facts, id string) *facts.KMSKey {
	if k := f.KMSKeys[id]; k != nil {
		return k
	}
	if i := strings.LastIndexByte(id, '/'); i >= 0 {
		return f.KMSKeys[id[i+1:]]
	}
	for name, k := range f.KMSKeys {
		if strings.HasSuffix(name, "/"+id) {
			return k
		}
	}
	return nil
}
