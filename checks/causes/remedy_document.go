package causes

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/why403/why403/checks"
	"github.com/why403/why403/checks/access"
	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/checks/policy"
)

// secretPlaceholder stands for the Referer token in documents and commands.
const secretPlaceholder = "REFERER_SECRET"

// editPolicy makes a remedy of a change to the bucket policy. It returns false
// when the policy can't be edited.
func (v view) editPolicy(title, opens string, edit func(*policy.Document) error) (checks.Remedy, bool) {
	f := &v.s.BucketFacts.Policy
	if !f.Settled() {
		return checks.Remedy{}, false
	}
	r := editedPolicy(v.s.Bucket, documentOf(f), edit)
	r.Title, r.Opens = title, opens
	return r, r.Apply != nil
}

// appendPolicy is editPolicy for one more statement.
func (v view) appendPolicy(title, opens, statement string) (checks.Remedy, bool) {
	f := &v.s.BucketFacts.Policy
	if !f.Settled() {
		return checks.Remedy{}, false
	}
	bucket, old := v.s.Bucket, documentOf(f)
	r := appended.of([3]string{bucket, old, statement}, func() checks.Remedy {
		return editedPolicy(bucket, old, func(d *policy.Document) error { return d.AppendStatement(statement) })
	})
	r.Title, r.Opens = title, opens
	return r, r.Apply != nil
}

// documentOf returns the text of a policy, "" when there is none.
func documentOf(f *facts.Fact[string]) string {
	if f.Known() {
		return f.Value
	}
	return ""
}

// editedPolicy returns a remedy without title, which has no Apply when the policy
// can't be edited.
func editedPolicy(bucket, old string, edit func(*policy.Document) error) (r checks.Remedy) {
	doc, err := policy.ParseDocument([]byte(old))
	if err != nil {
		return r
	}
	before := doc.Clone()
	if err := edit(doc); err != nil {
		return r
	}
	after := string(doc.JSON())
	if _, err := doc.Policy(policy.BucketPolicy); err != nil && doc.Len() > 0 {
		return r
	}
	b := sh(bucket)
	if doc.Len() == 0 {
		maskDocument(before, secretPlaceholder)
		r.Commands = []string{"aws s3api delete-bucket-policy --bucket " + b}
		r.Diff = policy.Diff("policy.json", "policy.json", before.JSON(), nil)
		r.Apply = func(s *access.Situation) { s.BucketFacts.Policy = setPolicy(s.BucketFacts.Policy, "") }
		return r
	}
	c := written.of([3]string{bucket, old, after}, func() change { return writeChange(bucket, old, after, before, doc) })
	r.Document, r.Diff, r.CloudFormation, r.Terraform = c.document, c.diff, c.cloudFormation, c.terraform
	if strings.Contains(c.document, secretPlaceholder) {
		r.Commands = append(r.Commands, "# in policy.json, put the secret in the place of "+secretPlaceholder)
	}
	r.Commands = slices.Clip(append(r.Commands, "aws s3api put-bucket-policy --bucket "+b+" --policy file://policy.json"))
	r.Apply = func(s *access.Situation) { s.BucketFacts.Policy = setPolicy(s.BucketFacts.Policy, after) }
	return r
}

// A change is the text of a changed bucket policy, as a remedy shows it.
type change struct{ document, diff, cloudFormation, terraform string }

// The texts of changes, and remedies that append a statement to a bucket's policy:
// thousands of keys of a bucket share one.
var (
	written  kept[[3]string, change]
	appended kept[[3]string, checks.Remedy]
)

// writeChange writes the change from before to after, secrets masked. It may
// change both documents.
func writeChange(bucket, old, new string, before, after *policy.Document) (c change) {
	changed := string(before.JSON()) != new
	maskDocument(after, secretPlaceholder)
	c.document = string(after.JSON())
	maskDocument(before, secretPlaceholder)
	oldText := before.JSON()
	if changed && string(oldText) == c.document {
		maskDocument(before, "OLD_"+secretPlaceholder) // only the secret differs
		oldText = before.JSON()
	}
	if old == "" {
		oldText = nil
	}
	c.diff = policy.Diff("policy.json", "policy.json", oldText, []byte(c.document))
	c.cloudFormation, c.terraform = cloudFormation(bucket, c.document), terraform(bucket, c.document)
	return c
}

func setPolicy(f facts.Fact[string], doc string) facts.Fact[string] {
	f.Value, f.State = doc, facts.Known
	if doc == "" {
		f.State = facts.NotSet
	}
	return f
}

// maskDocument puts the placeholder in the place of every shared secret that a
// condition names.
func maskDocument(d *policy.Document, placeholder string) {
	for i := range d.Len() {
		text, err := d.Statement(i)
		if err != nil {
			continue
		}
		var st struct {
			Condition map[string]map[string]any
		}
		if json.Unmarshal([]byte(text), &st) != nil {
			continue
		}
		for op, keys := range st.Condition {
			if strings.EqualFold(op, "Null") {
				continue
			}
			for key := range keys {
				if policy.SharedSecret(key) {
					_ = d.ReplaceCondition(i, op, key, placeholder)
				}
			}
		}
	}
}

func logicalName(bucket string) string {
	var b strings.Builder
	up := true
	for _, r := range bucket {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			if up {
				r = []rune(strings.ToUpper(string(r)))[0]
			}
			b.WriteRune(r)
			up = false
		} else {
			up = true
		}
	}
	return b.String()
}

// cloudFormation writes a bucket policy as a CloudFormation resource: the
// document as JSON, which YAML takes.
func cloudFormation(bucket, doc string) string {
	indented := strings.ReplaceAll(strings.TrimRight(doc, "\n"), "\n", "\n        ")
	return fmt.Sprintf(`Resources:
  %sPolicy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: %s
      PolicyDocument:
        %s
`, logicalName(bucket), bucket, indented)
}

func terraform(bucket, doc string) string {
	doc = strings.NewReplacer("${", "$${", "%{", "%%{").Replace(strings.TrimRight(doc, "\n"))
	return fmt.Sprintf(`resource "aws_s3_bucket_policy" %q {
  bucket = %q
  policy = <<-POLICY
%s
  POLICY
}
`, strings.NewReplacer(".", "_").Replace(bucket), bucket, doc)
}
