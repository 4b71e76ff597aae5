package causes

import (
	"fmt"

	"github.com/why403/why403/checks"
	"github.com/why403/why403/checks/access"
	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/correlate"
)

func (v view) restrictRemedies(level string) []checks.Remedy {
	var list []checks.Remedy
	switch {
	case v.website():
		list = v.restRemedies()
	case v.s.Access == correlate.AccessAnonymous || v.s.Access == correlate.AccessOAI:
		if !v.direct() {
			list = v.attachRemedies()
		}
	}
	if v.direct() {
		return v.directRemedies()
	}
	flags := func(b facts.PublicAccessBlock) string {
		return fmt.Sprintf("BlockPublicAcls=%t,IgnorePublicAcls=%t,BlockPublicPolicy=false,RestrictPublicBuckets=false", b.BlockPublicAcls, b.IgnorePublicAcls)
	}
	switch level {
	case access.LevelBucket:
		if !v.website() {
			break
		}
		list = append(list, checks.Remedy{
			Title:    "Turn RestrictPublicBuckets off for the bucket",
			Opens:    "what the bucket policy grants to everyone is public again",
			Commands: []string{"aws s3api put-public-access-block --bucket " + sh(v.s.Bucket) + " --public-access-block-configuration " + flags(v.s.BucketFacts.PublicAccessBlock.Value)},
			Apply: func(s *access.Situation) {
				s.BucketFacts.PublicAccessBlock.Value.RestrictPublicBuckets = false
				s.BucketFacts.PublicAccessBlock.Value.BlockPublicPolicy = false
			}})
	case access.LevelAccount:
		acc := v.facts().Accounts[v.s.OwnerAccount]
		if acc == nil || !v.website() {
			break
		}
		list = append(list, checks.Remedy{
			Title:    "Turn RestrictPublicBuckets off for the account",
			Opens:    "every bucket of the account with a public policy, unless its own setting restricts it, is public again",
			Commands: []string{"aws s3control put-public-access-block --account-id " + sh(or(v.s.OwnerAccount, "ACCOUNT_ID")) + " --public-access-block-configuration " + flags(acc.PublicAccessBlock.Value)},
			Apply: func(s *access.Situation) {
				changeAccount(s, func(a *facts.Account) { a.PublicAccessBlock.Value.RestrictPublicBuckets = false })
			}})
	case access.LevelOrganization:
		if !v.website() {
			break
		}
		list = append(list, checks.Remedy{
			Title:    "Let the organization's S3 policy leave this account's public access to the account",
			Opens:    "the account's own settings decide again for every bucket of the account",
			Document: `{"s3_attributes":{"public_access_block_configuration":{"@@assign":"none"}}}`,
			Commands: []string{"aws organizations create-policy --type S3_POLICY --name allow-public-access --description 'own settings decide' --content file://s3-policy.json",
				"aws organizations attach-policy --policy-id POLICY_ID --target-id " + sh(or(v.s.OwnerAccount, "ACCOUNT_ID"))},
			Apply: func(s *access.Situation) {
				changeAccount(s, func(a *facts.Account) {
					a.EffectiveS3Policy.State, a.EffectiveS3Policy.Value = facts.NotSet, ""
					a.PublicAccessBlock.Value = facts.PublicAccessBlock{}
				})
			}})
	}
	return list
}

// changeAccount changes a copy of the bucket owner's account.
func changeAccount(s *access.Situation, change func(*facts.Account)) {
	old := s.Facts.Accounts[s.OwnerAccount]
	if old == nil {
		return
	}
	a := *old
	change(&a)
	accounts := make(map[string]*facts.Account, len(s.Facts.Accounts))
	for id, x := range s.Facts.Accounts {
		accounts[id] = x
	}
	accounts[s.OwnerAccount] = &a
	s.Facts.Accounts = accounts
}

func (v view) ownerRemedies() []checks.Remedy {
	b := sh(v.s.Bucket)
	enforce := checks.Remedy{
		Title:    "Let the bucket's owner own every object (BucketOwnerEnforced)",
		Opens:    "ACLs stop counting for the whole bucket: what only an ACL grants is refused",
		Commands: []string{"aws s3api put-bucket-ownership-controls --bucket " + b + " --ownership-controls 'Rules=[{ObjectOwnership=BucketOwnerEnforced}]'"},
		Apply: func(s *access.Situation) {
			s.BucketFacts.Ownership.State, s.BucketFacts.Ownership.Value = facts.Known, "BucketOwnerEnforced"
		},
	}
	acl := v.s.BucketFacts.ACL
	for _, g := range acl.Value.Grants {
		if g.ID != acl.Value.OwnerID || g.URI != "" {
			enforce.Commands = append([]string{"aws s3api put-bucket-acl --bucket " + b + " --acl private   # foreign grants must go first"}, enforce.Commands...)
			break
		}
	}
	u := sh(s3URI(v.s.Bucket, v.s.Key))
	class, _ := access.StorageClass(v.s.Object)
	own := checks.Remedy{
		Title: "Copy the object onto itself as the bucket's owner",
		Commands: []string{
			"aws s3api put-object-acl --bucket " + b + " --key " + sh(v.s.Key) + " --acl bucket-owner-full-control   # by the account that owns the object",
			"aws s3 cp " + u + " " + u + " --storage-class " + or(class, "STANDARD") + "   # by the bucket's owner; S3 wants some change, and the ACL and a website redirect are lost",
		},
		Apply: func(s *access.Situation) { refresh(s) },
	}
	return []checks.Remedy{enforce, own}
}

// refresh makes the object one that the bucket's owner has just written with
// the bucket's defaults.
func refresh(s *access.Situation) {
	o := facts.Object{Key: s.Key}
	o.Listed.State, o.Head.State, o.ACL.State, o.Tags.State = facts.Known, facts.Known, facts.Known, facts.Known
	o.Listed.Value = facts.Listed{OwnerID: s.BucketOwner, StorageClass: "STANDARD"}
	o.ACL.Value = facts.ACL{OwnerID: s.BucketOwner}
	o.Head.Value.StorageClass = "STANDARD"
	o.Head.Value.ServerSideEncryption = "AES256" // S3's default since January 2023
	switch e := s.BucketFacts.Encryption; {
	case e.Known():
		if e.Value.Algorithm != "" {
			o.Head.Value.ServerSideEncryption = e.Value.Algorithm
			o.Head.Value.SSEKMSKeyID = e.Value.KMSKeyID
			o.Head.Value.BucketKeyEnabled = e.Value.BucketKey
		}
	case !e.Settled():
		o.Head = facts.Fact[facts.ObjectHead]{Permission: or(e.Missing(), "s3:GetEncryptionConfiguration")}
		o.Listed.Value.StorageClass = "STANDARD"
	}
	if s.BucketOwner == "" {
		// Whoever owns the bucket owns what it writes.
		s.BucketOwner = "owner"
		o.Listed.Value.OwnerID, o.ACL.Value.OwnerID = "owner", "owner"
	}
	s.Object, s.Exists = &o, correlate.Yes
}

func (v view) payerRemedy() checks.Remedy {
	return checks.Remedy{
		Title:    "Let the bucket's owner pay",
		Opens:    "the owner pays for every request to the bucket; CloudFront can't send x-amz-request-payer",
		Commands: []string{"aws s3api put-bucket-request-payment --bucket " + sh(v.s.Bucket) + " --request-payment-configuration Payer=BucketOwner"},
		Apply: func(s *access.Situation) {
			s.BucketFacts.RequestPayment.State, s.BucketFacts.RequestPayment.Value = facts.Known, "BucketOwner"
		},
	}
}

func (v view) rcpRemedies() []checks.Remedy {
	var list []checks.Remedy
	if v.website() {
		list = v.restRemedies()
	} else if v.s.Access == correlate.AccessAnonymous || v.s.Access == correlate.AccessOAI {
		list = v.attachRemedies()
	}
	list = append(list, checks.Remedy{
		Title: "Exempt the bucket, or AWS services, from the resource control policy",
		Commands: []string{"aws organizations list-policies-for-target --filter RESOURCE_CONTROL_POLICY --target-id " + sh(or(v.s.OwnerAccount, "ACCOUNT_ID")),
			"aws organizations describe-policy --policy-id POLICY_ID --query Policy.Content --output text > rcp.json",
			"aws organizations update-policy --policy-id POLICY_ID --content file://rcp.json   # by the organization's administrators"},
	})
	if v.direct() {
		return list[len(list)-1:]
	}
	return list
}

func (v view) scpRemedies() []checks.Remedy {
	return []checks.Remedy{{
		Title: "Exempt the principal from the service control policy",
		Commands: []string{"aws organizations list-policies-for-target --filter SERVICE_CONTROL_POLICY --target-id " + sh(or(v.s.Principal.Account(), "ACCOUNT_ID")),
			"aws organizations update-policy --policy-id POLICY_ID --content file://scp.json   # by the organization's administrators"},
	}}
}
