package causes

import (
	"fmt"

	"github.com/why403/why403/checks"
	"github.com/why403/why403/checks/access"
	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/checks/policy"
)

func (v view) restoreRemedy() checks.Remedy {
	u := sh(s3URI(v.s.Bucket, v.s.Key))
	return checks.Remedy{
		Title: "Restore the object and store it in a class that can be read at once",
		Opens: "retrieval and storage are charged",
		Commands: []string{"aws s3api restore-object --bucket " + sh(v.s.Bucket) + " --key " + sh(v.s.Key) + " --restore-request Days=7",
			"aws s3api head-object --bucket " + sh(v.s.Bucket) + " --key " + sh(v.s.Key) + " --query Restore   # until ongoing-request is false",
			"aws s3 cp " + u + " " + u + " --storage-class STANDARD --force-glacier-transfer",
			"aws s3api get-bucket-lifecycle-configuration --bucket " + sh(v.s.Bucket) + "   # the rule that archived it will do so again"},
		Apply: func(s *access.Situation) {
			if s.Object.Head.Known() {
				s.Object.Head.Value.StorageClass, s.Object.Head.Value.ArchiveStatus = "STANDARD", ""
			}
			if s.Object.Listed.Known() {
				s.Object.Listed.Value.StorageClass = "STANDARD"
			}
		},
	}
}

func (v view) reencryptRemedy(title string) checks.Remedy {
	return checks.Remedy{
		Title:    title,
		Commands: []string{"aws s3 cp ./FILE " + sh(s3URI(v.s.Bucket, v.s.Key)) + " --sse AES256"},
		Apply: func(s *access.Situation) {
			refresh(s)
			s.Object.Head.State, s.Object.Head.Value = facts.Known, facts.ObjectHead{ServerSideEncryption: "AES256", StorageClass: "STANDARD"}
		},
	}
}

func (v view) kmsRemedies(id string) []checks.Remedy {
	u := sh(s3URI(v.s.Bucket, v.s.Key))
	class, _ := access.StorageClass(v.s.Object)
	plain := checks.Remedy{
		Title: "Encrypt the object with S3's own keys (SSE-S3)",
		Opens: "whoever may read the object no longer needs the KMS key",
		Commands: []string{"aws s3 cp " + u + " " + u + " --sse AES256 --storage-class " + or(class, "STANDARD") + "   # a website redirect must be given again",
			"aws s3api put-bucket-encryption --bucket " + sh(v.s.Bucket) + ` --server-side-encryption-configuration '{"Rules":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"AES256"}}]}'   # for new objects`},
		Apply: func(s *access.Situation) {
			s.Object.Head.State = facts.Known
			s.Object.Head.Value.ServerSideEncryption, s.Object.Head.Value.SSEKMSKeyID = "AES256", ""
			if s.Object.Listed.Known() {
				s.Object.Listed.Value.EncryptionStatus = "SSE-S3"
			}
		},
	}
	switch id {
	case "kms-key-policy":
		if r, ok := v.editKeyPolicy(); ok {
			return []checks.Remedy{r, plain}
		}
	case "kms-oai":
		return append([]checks.Remedy{plain}, v.attachRemedies()...)
	case "kms-key-unusable":
		key := v.s.Object.Head.Value.SSEKMSKeyID
		if k := access.KMSKey(v.facts(), key); k != nil && k.Key.Known() && (k.Key.Value.KeyState == "Disabled" || k.Key.Value.KeyState == "PendingDeletion") {
			name := or(k.Key.Value.KeyID, key)
			r := checks.Remedy{Title: "Enable the KMS key", Commands: []string{"aws kms enable-key --key-id " + sh(name)},
				Opens: "everyone whom the key policy admits can use the key again",
				Apply: func(s *access.Situation) {
					changeKey(s, key, func(k *facts.KMSKey) { k.Key.Value.KeyState, k.Key.Value.Enabled = "Enabled", true })
				}}
			if k.Key.Value.KeyState == "PendingDeletion" {
				r.Title = "Cancel the deletion of the KMS key and enable it"
				r.Commands = append([]string{"aws kms cancel-key-deletion --key-id " + sh(name)}, r.Commands...)
			}
			return []checks.Remedy{r}
		}
		return []checks.Remedy{v.reencryptRemedy("Upload the object again, encrypted with S3's own keys (SSE-S3)")}
	}
	return []checks.Remedy{plain}
}

func changeKey(s *access.Situation, id string, change func(*facts.KMSKey)) {
	old := access.KMSKey(s.Facts, id)
	if old == nil {
		return
	}
	k := *old
	change(&k)
	s.Facts.KMSKeys = map[string]*facts.KMSKey{id: &k}
}

func (v view) editKeyPolicy() (checks.Remedy, bool) {
	id := v.s.Object.Head.Value.SSEKMSKeyID
	k := access.KMSKey(v.facts(), id)
	if k == nil || !k.Policy.Known() || v.distributionARN() == "" {
		return checks.Remedy{}, false
	}
	doc, err := policy.ParseDocument([]byte(k.Policy.Value))
	if err != nil {
		return checks.Remedy{}, false
	}
	before := doc.JSON()
	err = doc.AppendStatement(fmt.Sprintf(`{"Sid":"AllowCloudFrontDecrypt","Effect":"Allow","Principal":{"Service":"cloudfront.amazonaws.com"},"Action":"kms:Decrypt","Resource":"*","Condition":{"StringEquals":{"AWS:SourceArn":%s}}}`, js(v.distributionARN())))
	if err != nil {
		return checks.Remedy{}, false
	}
	after := string(doc.JSON())
	name := id
	if k.Key.Known() && k.Key.Value.KeyID != "" {
		name = k.Key.Value.KeyID
	}
	return checks.Remedy{
		Title:    "Let the distribution decrypt with the key",
		Opens:    "distribution " + v.id() + " can decrypt what it may read that is encrypted under the key",
		Document: after, Diff: policy.Diff("key-policy.json", "key-policy.json", before, []byte(after)),
		Commands: []string{"aws kms put-key-policy --key-id " + sh(name) + " --policy-name default --policy file://key-policy.json"},
		Apply:    func(s *access.Situation) { changeKey(s, id, func(k *facts.KMSKey) { k.Policy.Value = after }) },
	}, true
}
