package causes

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/why403/why403/checks"
	"github.com/why403/why403/checks/access"
	"github.com/why403/why403/checks/facts"
	"github.com/why403/why403/checks/policy"
	"github.com/why403/why403/correlate"
)

// Remedies are data: commands to read and run, documents to put, and Apply, by
// which the runner tries them on a copy of the facts. None opens more than the
// request needs: no public write, and no public read where CloudFront's own
// identity serves.

// sh quotes a value for a POSIX shell; bytes that can't be printed are written
// in the $'…' form of bash and zsh.
func sh(s string) string {
	bare := 0
	for bare < len(s) && inShell[s[bare]] {
		bare++
	}
	if bare > 0 && bare == len(s) {
		return s
	}
	plain := s != ""
	raw := false
	for _, r := range s {
		switch {
		case r == utf8.RuneError || r < ' ' || r == 0x7f:
			raw = true
		case r >= 0x80 || inShell[r]:
		default:
			plain = false
		}
		if r >= 0x80 {
			plain = false
		}
	}
	switch {
	case raw:
		var b strings.Builder
		b.WriteString("$'")
		for i := 0; i < len(s); i++ {
			switch c := s[i]; {
			case c == '\'' || c == '\\':
				b.WriteByte('\\')
				b.WriteByte(c)
			case c < ' ' || c >= 0x7f:
				fmt.Fprintf(&b, `\x%02x`, c)
			default:
				b.WriteByte(c)
			}
		}
		return b.String() + "'"
	case plain:
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// inShell are the bytes that need no quotes.
var inShell = func() (in [256]bool) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+=,") {
		in[c] = true
	}
	return in
}()

// js writes a string as JSON, which is also a string of jq.
func js(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return unescapeHTML.Replace(string(b))
}

var unescapeHTML = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&")

func s3URI(bucket, key string) string { return "s3://" + bucket + "/" + key }

// updateDistribution returns the three steps of a change to a distribution. They
// are shared: thousands of paths need the same.
func updateDistribution(id, jq string) []string {
	return updates.of([2]string{id, jq}, func() []string {
		return []string{
			"aws cloudfront get-distribution-config --id " + sh(id) + " > dist.json",
			"jq " + sh(".DistributionConfig | "+jq) + " dist.json > new.json",
			"aws cloudfront update-distribution --id " + sh(id) + ` --if-match "$(jq -r .ETag dist.json)" --distribution-config file://new.json`,
		}
	})
}

var updates kept[[2]string, []string]

func invalidate(id string) string {
	return "aws cloudfront create-invalidation --distribution-id " + sh(id) + " --paths '/*'   # only where errors were cached"
}

func jqOrigin(id string) string {
	return "(.Origins.Items[] | select(.Id == " + js(id) + "))"
}

func jqBehavior(pattern string) string {
	if pattern == "" || pattern == "*" {
		return ".DefaultCacheBehavior"
	}
	return "(.CacheBehaviors.Items[] | select(.PathPattern == " + js(pattern) + "))"
}

func (v view) id() string { return distributionID(v.Distribution, v.k.Distribution) }

func (v view) pattern() string {
	if v.Behavior != nil {
		return v.Behavior.PathPattern
	}
	return v.k.PathPattern
}

func (v view) distributionARN() string {
	if v.Distribution != nil && v.Distribution.ARN != "" {
		return v.Distribution.ARN
	}
	return ""
}

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

// A kept remembers answers that depend on the question alone. It is for many
// goroutines.
type kept[Q comparable, A any] struct {
	mu sync.Mutex
	m  map[Q]A
}

// of returns the answer to q, which f makes when it is not remembered.
func (k *kept[Q, A]) of(q Q, f func() A) A {
	k.mu.Lock()
	a, ok := k.m[q]
	k.mu.Unlock()
	if ok {
		return a
	}
	a = f()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.m == nil || len(k.m) > 1000 {
		k.m = map[Q]A{}
	}
	k.m[q] = a
	return a
}

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

func oacStatement(partition, bucket, arn string) string {
	return fmt.Sprintf(`{"Sid":"AllowCloudFrontServicePrincipalReadOnly","Effect":"Allow","Principal":{"Service":"cloudfront.amazonaws.com"},"Action":"s3:GetObject","Resource":%s,"Condition":{"StringEquals":{"AWS:SourceArn":%s}}}`,
		js("arn:"+partition+":s3:::"+bucket+"/*"), js(arn))
}

// appendOAC adds the grant for the distribution to a policy, once.
func (v view) oacStatement() string {
	return oacStatement(v.s.Partition(), v.s.Bucket, v.distributionARN())
}

// grantRemedies returns what lets this requester read, by its kind.
func (v view) grantRemedies() []checks.Remedy {
	if v.direct() {
		return v.directRemedies()
	}
	switch v.s.Access {
	case correlate.AccessOAC:
		return v.grantOAC()
	case correlate.AccessOAI:
		return append(v.grantOAI(), v.attachRemedies()...)
	case correlate.AccessWebsite:
		return append(v.restRemedies(), v.publicRemedy()...)
	case correlate.AccessAnonymous:
		return v.attachRemedies()
	}
	return nil
}

func (v view) directRemedies() []checks.Remedy {
	r := checks.Remedy{Title: "Ask for the object through CloudFront: the bucket is closed to others on purpose",
		Commands: []string{"curl -sS -o /dev/null -w '%{http_code}\\n' " + sh("https://DISTRIBUTION_DOMAIN"+correlate.WireOfKey(v.s.Key))}}
	return []checks.Remedy{r}
}

func (v view) grantOAC() []checks.Remedy {
	var list []checks.Remedy
	arn := v.distributionARN()
	if arn == "" {
		return []checks.Remedy{{Title: "Let the distribution read the bucket (its ARN is not known here)",
			Commands: []string{"aws cloudfront get-distribution --id " + sh(v.id()) + " --query Distribution.ARN --output text",
				"aws s3api get-bucket-policy --bucket " + sh(v.s.Bucket) + " --query Policy --output text > policy.json",
				"aws s3api put-bucket-policy --bucket " + sh(v.s.Bucket) + " --policy file://policy.json"},
			Document: strings.TrimSpace(oacStatement(v.s.Partition(), v.s.Bucket, "DISTRIBUTION_ARN"))}}
	}
	g := v.grants()
	if len(g.source) > 0 {
		e := g.source[0]
		if r, ok := v.editPolicy(fmt.Sprintf("Add this distribution to the condition of %s", access.Name(&e)),
			"distribution "+v.id()+" can read what the statement names", func(d *policy.Document) error {
				for _, c := range conditions(&e, policy.False) {
					value := arn
					if strings.EqualFold(c.Key, "aws:SourceAccount") {
						value = v.Distribution.AccountID()
					}
					if err := d.ReplaceCondition(e.Index, c.Operator, c.Key, append(slices.Clone(c.Policy), value)...); err != nil {
						return err
					}
				}
				return nil
			}); ok {
			list = append(list, r)
		}
	}
	if r, ok := v.appendPolicy("Let the distribution read the bucket (origin access control statement)",
		"distribution "+v.id()+", and nobody else, can read every object of the bucket", v.oacStatement()); ok {
		list = append(list, r)
	}
	return list
}

func (v view) grantOAI() []checks.Remedy {
	if v.Origin == nil || v.Origin.OriginAccessIdentity == "" {
		return nil
	}
	id := v.Origin.OriginAccessIdentity
	r, ok := v.appendPolicy("Let the origin access identity "+id+" read the bucket",
		"the distributions that use the identity can read every object of the bucket",
		fmt.Sprintf(`{"Sid":"AllowOriginAccessIdentityReadOnly","Effect":"Allow","Principal":{"AWS":%s},"Action":"s3:GetObject","Resource":%s}`,
			js(access.OAIArn(id)), js("arn:"+v.s.Partition()+":s3:::"+v.s.Bucket+"/*")))
	if !ok {
		return nil
	}
	return []checks.Remedy{r}
}

// becomeOAC makes a situation the one of a request signed by an origin access
// control, to the bucket's REST endpoint, over https.
func (v view) becomeOAC(s *access.Situation) {
	o := correlate.Origin{ID: "s3", S3: true, DomainName: v.s.Bucket + ".s3." + or(access.Region(s), "REGION") + ".amazonaws.com", OriginAccessControlID: "new"}
	if s.Origin != nil {
		o.ID, o.OriginPath = s.Origin.ID, s.Origin.OriginPath
	}
	then := s.Context()
	s.Access, s.Origin = correlate.AccessOAC, &o
	s.Settle()
	for _, k := range []string{"aws:CurrentTime", "aws:EpochTime"} {
		if t := then.Get(k); t.State == policy.Known {
			s.Context().Set(k, t.Values[0])
		}
	}
	s.Context().Set("aws:SecureTransport", "true")
	s.Context().Set("s3:TlsVersion", "1.2")
}

func (v view) createOAC() string {
	return "aws cloudfront create-origin-access-control --origin-access-control-config " +
		sh("Name="+v.s.Bucket+",SigningProtocol=sigv4,SigningBehavior=always,OriginAccessControlOriginType=s3") + " --query OriginAccessControl.Id --output text"
}

// toOAC is the change to REST endpoint and origin access control.
func (v view) toOAC(title string, jq string) []checks.Remedy {
	if v.distributionARN() == "" {
		return nil
	}
	r, ok := v.appendPolicy(title, "", v.oacStatement())
	if !ok {
		return nil
	}
	grant := r.Apply
	r.Apply = func(s *access.Situation) { grant(s); v.becomeOAC(s) }
	put := r.Commands
	r.Commands = append([]string{"OAC=$(" + v.createOAC() + ")   # or the id of an existing one"}, put...)
	id := v.id()
	r.Commands = append(r.Commands,
		"aws cloudfront get-distribution-config --id "+sh(id)+" > dist.json",
		`jq --arg oac "$OAC" `+sh(".DistributionConfig | "+jq)+" dist.json > new.json",
		"aws cloudfront update-distribution --id "+sh(id)+` --if-match "$(jq -r .ETag dist.json)" --distribution-config file://new.json`)
	return []checks.Remedy{r}
}

// restRemedies moves a website origin to the REST endpoint with an origin
// access control: the way that needs no public bucket.
func (v view) restRemedies() []checks.Remedy {
	if v.Origin == nil {
		return nil
	}
	region := or(access.Region(v.s), "REGION")
	jq := jqOrigin(v.Origin.ID) + ` |= (.DomainName = ` + js(v.s.Bucket+".s3."+region+".amazonaws.com") +
		` | del(.CustomOriginConfig) | .S3OriginConfig = {OriginAccessIdentity: ""} | .OriginAccessControlId = $oac)` +
		` | ` + jqBehavior(v.pattern()) + `.ViewerProtocolPolicy = "redirect-to-https"`
	list := v.toOAC("Serve the bucket through its REST endpoint with origin access control (recommended: no public bucket)", jq)
	for i := range list {
		list[i].Commands = append(list[i].Commands, "# a REST endpoint serves no index documents: attach the function that adds index.html (why403 explain key-directory-index)")
	}
	return list
}

// attachRemedies gives a REST origin an origin access control.
func (v view) attachRemedies() []checks.Remedy {
	if v.Origin == nil {
		return nil
	}
	jq := jqOrigin(v.Origin.ID) + ` |= (.OriginAccessControlId = $oac | del(.CustomOriginConfig) | .S3OriginConfig = {OriginAccessIdentity: ""})`
	if w := v.ways(v.grants().other); len(w.oac) > 0 && v.s.Access == correlate.AccessAnonymous {
		// The grant is there: only the origin lacks the control.
		probe := v.s.Clone()
		v.becomeOAC(probe)
		if access.Judge(probe).ByPolicy == correlate.Yes {
			r := checks.Remedy{Title: "Attach an origin access control to origin " + v.Origin.ID, Apply: v.becomeOAC}
			oac := v.existingOAC()
			if oac == "" {
				r.Commands = append(r.Commands, "OAC=$("+v.createOAC()+")")
			} else {
				r.Commands = append(r.Commands, "OAC="+sh(oac))
			}
			id := v.id()
			r.Commands = append(r.Commands, "aws cloudfront get-distribution-config --id "+sh(id)+" > dist.json",
				`jq --arg oac "$OAC" `+sh(".DistributionConfig | "+jq)+" dist.json > new.json",
				"aws cloudfront update-distribution --id "+sh(id)+` --if-match "$(jq -r .ETag dist.json)" --distribution-config file://new.json`)
			return []checks.Remedy{r}
		}
	}
	return v.toOAC("Attach an origin access control to origin "+v.Origin.ID+" and let the distribution read the bucket", jq)
}

// existingOAC returns an origin access control that signs requests to S3.
func (v view) existingOAC() string {
	if v.Distribution != nil {
		for i := range v.Distribution.Origins {
			if id := v.Distribution.Origins[i].OriginAccessControlID; id != "" {
				return id
			}
		}
	}
	var ids []string
	for id, f := range v.facts().AccessControl {
		if f.Known() && f.Value.SigningBehavior == "always" && f.Value.OriginType == "s3" {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	if len(ids) > 0 {
		return ids[0]
	}
	return ""
}

// publicRemedy opens the bucket to everyone, for a website endpoint alone.
func (v view) publicRemedy() []checks.Remedy {
	r, ok := v.appendPolicy("Let everyone read the bucket (a website endpoint serves public objects only)",
		"everyone can read every object of the bucket, past CloudFront as well; prefer the REST endpoint with origin access control",
		fmt.Sprintf(`{"Sid":"PublicReadGetObject","Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":%s}`,
			js("arn:"+v.s.Partition()+":s3:::"+v.s.Bucket+"/*")))
	if !ok {
		return nil
	}
	return []checks.Remedy{r}
}

func (v view) gapRemedies(gap []policy.Explanation) []checks.Remedy {
	e := gap[0]
	if res := elementOf(&e, "Resource"); res.Element != "Resource" {
		return v.grantRemedies()
	}
	arn := "arn:" + v.s.Partition() + ":s3:::" + v.s.Bucket + "/"
	what, cover := "the key", v.s.Key
	if i := strings.LastIndexByte(v.s.Key, '/'); i >= 0 {
		what, cover = "the folder "+printable(v.s.Key[:i+1]), v.s.Key[:i+1]+"*"
	}
	if strings.ContainsAny(strings.TrimSuffix(cover, "*"), "*?$") {
		return v.grantRemedies() // the key itself has characters that a policy takes for wildcards
	}
	who := "those whom the statement admits"
	if v.anonymous() && len(conditions(&e, policy.True))+len(conditions(&e, policy.Unknown)) == 0 {
		who = "everyone"
	}
	var list []checks.Remedy
	if v.website() {
		list = v.restRemedies()
	}
	if r, ok := v.editPolicy(fmt.Sprintf("Add %s to the Resource of %s", what, access.Name(&e)), who+" can read "+what, func(d *policy.Document) error {
		return d.AddValue(e.Index, "Resource", arn+cover)
	}); ok {
		list = append(list, r)
	}
	return list
}

// conditionRemedies avoids to loosen a condition that somebody wrote on
// purpose: it grants CloudFront by its own identity.
func (v view) conditionRemedies([]policy.Explanation) []checks.Remedy {
	if v.s.Access == correlate.AccessWebsite {
		return v.restRemedies()
	}
	return v.grantRemedies()
}

func (v view) denyRemedies(denies []policy.Explanation) []checks.Remedy {
	var list []checks.Remedy
	insecure := true
	for i := range denies {
		insecure = insecure && allKeys(conditions(&denies[i], policy.True), "aws:SecureTransport")
	}
	if insecure && !v.website() && !v.direct() {
		list = append(list, checks.Remedy{
			Title:    "Redirect viewers to https, so that CloudFront asks S3 over https",
			Commands: updateDistribution(v.id(), jqBehavior(v.pattern())+`.ViewerProtocolPolicy = "redirect-to-https"`),
			Apply: func(s *access.Situation) {
				s.Context().Set("aws:SecureTransport", "true")
				s.Context().Set("s3:TlsVersion", "1.2")
			}})
	}
	exempt := func(d *policy.Document) error {
		for i := range denies {
			if err := d.ReplaceCondition(denies[i].Index, "BoolIfExists", "aws:PrincipalIsAWSService", "false"); err != nil {
				return err
			}
		}
		return nil
	}
	names := access.Name(&denies[0])
	if len(denies) > 1 {
		names = fmt.Sprintf("%d Deny statements", len(denies))
	}
	switch {
	case v.direct():
		return v.directRemedies()
	case v.oac():
		if r, ok := v.editPolicy("Exempt AWS services from "+names, "requests of AWS services, CloudFront's among them, are no longer denied by it; they still need an Allow", exempt); ok {
			list = append(list, r)
		}
	case v.website() && v.distributionARN() != "":
		// At the REST endpoint the Deny must spare CloudFront as well, unless it is
		// about http only.
		if r := v.restRemedies(); len(r) > 0 {
			grant := r[0].Apply
			probe := v.s.Clone()
			grant(probe)
			if access.Judge(probe).Permitted == correlate.No {
				if e, ok := v.editPolicy(r[0].Title, "", func(d *policy.Document) error {
					if err := exempt(d); err != nil {
						return err
					}
					return d.AppendStatement(v.oacStatement())
				}); ok {
					r[0].Document, r[0].Diff, r[0].CloudFormation, r[0].Terraform = e.Document, e.Diff, e.CloudFormation, e.Terraform
					put := e.Apply
					r[0].Apply = func(s *access.Situation) { put(s); v.becomeOAC(s) }
				}
			}
			list = append(list, r...)
		}
	}
	if r, ok := v.editPolicy("Take "+names+" out of the bucket policy", "what the statement forbids is no longer forbidden, to anyone that an Allow admits", func(d *policy.Document) error {
		for i := len(denies) - 1; i >= 0; i-- {
			if err := d.RemoveStatement(denies[i].Index); err != nil {
				return err
			}
		}
		return nil
	}); ok {
		list = append(list, r)
	}
	return list
}

func (v view) refererRemedies(c refererCase) []checks.Remedy {
	if v.Origin == nil {
		return nil
	}
	if v.oac() {
		// CloudFront identifies itself by signature: no token is needed.
		return v.grantOAC()
	}
	var list []checks.Remedy
	if want := v.wantedReferer(c.statements); want != "" && !c.fits {
		list = append(list, checks.Remedy{
			Title: "Let origin " + v.Origin.ID + " send the Referer that the bucket policy names",
			Commands: append([]string{"SECRET=…   # the value of aws:Referer in the bucket policy"},
				"aws cloudfront get-distribution-config --id "+sh(v.id())+" > dist.json",
				`jq --arg secret "$SECRET" `+sh(`.DistributionConfig | `+jqOrigin(v.Origin.ID)+`.CustomHeaders |= (.Items = ([(.Items // [])[] | select(.HeaderName | ascii_downcase != "referer")] + [{HeaderName: "Referer", HeaderValue: $secret}]) | .Quantity = (.Items | length))`)+" dist.json > new.json",
				"aws cloudfront update-distribution --id "+sh(v.id())+` --if-match "$(jq -r .ETag dist.json)" --distribution-config file://new.json`),
			Apply: func(s *access.Situation) { s.Context().Set("aws:Referer", want) },
		})
	}
	if h, ok := access.CustomHeader(v.Origin, "Referer"); ok && !c.fits && h != "" {
		if r, ok := v.editPolicy("Let the bucket policy name the Referer that origin "+v.Origin.ID+" sends", "", func(d *policy.Document) error {
			for i := range c.statements {
				for _, el := range c.statements[i].Elements {
					if el.Element == "Condition" && strings.EqualFold(el.Key, "aws:Referer") && !strings.EqualFold(el.Operator, "Null") {
						if err := d.ReplaceCondition(c.statements[i].Index, el.Operator, el.Key, h); err != nil {
							return err
						}
					}
				}
			}
			return nil
		}); ok {
			put := r.Apply
			r.Apply = func(s *access.Situation) { put(s); s.Context().Set("aws:Referer", h) }
			list = append(list, r)
		}
	}
	if c.fits {
		list = append(list, checks.Remedy{
			Title:    "Wait for the change to be deployed, then ask again",
			Commands: []string{"aws cloudfront wait distribution-deployed --id " + sh(v.id()), invalidate(v.id())},
			Apply: func(s *access.Situation) {
				if h, ok := access.CustomHeader(v.Origin, "Referer"); ok {
					s.Context().Set("aws:Referer", h)
				}
			}})
	}
	if v.website() {
		list = append(list, v.restRemedies()...)
	} else {
		list = append(list, v.attachRemedies()...)
	}
	return list
}

// wantedReferer returns a Referer with which all statements would be content,
// "" if none is found. It is for simulation alone, never for print.
func (v view) wantedReferer(statements []policy.Explanation) string {
	for i := range statements {
		for _, el := range statements[i].Elements {
			if el.Element != "Condition" || !strings.EqualFold(el.Key, "aws:Referer") {
				continue
			}
			for _, p := range el.Policy {
				p = strings.NewReplacer("*", "", "?", "x").Replace(p)
				if p != "" && v.refererFits(statements, p) {
					return p
				}
			}
		}
	}
	return ""
}

func (v view) signingRemedies(id string) []checks.Remedy {
	oac := v.facts().AccessControl[id].Value
	return []checks.Remedy{{
		Title: "Let the origin access control sign every request",
		Commands: []string{"aws cloudfront get-origin-access-control --id " + sh(id) + " > oac.json",
			"aws cloudfront update-origin-access-control --id " + sh(id) + ` --if-match "$(jq -r .ETag oac.json)" --origin-access-control-config ` +
				sh("Name="+or(oac.Name, v.s.Bucket)+",SigningProtocol=sigv4,SigningBehavior=always,OriginAccessControlOriginType=s3")},
		Apply: v.becomeOAC,
	}}
}

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

func (v view) undelete() checks.Remedy {
	id := "VERSION_ID_OF_THE_DELETE_MARKER"
	if o := v.s.Object; o.Version.Known() && o.Version.Value.DeleteMarker && o.Version.Value.VersionID != "" {
		id = o.Version.Value.VersionID
	}
	r := checks.Remedy{
		Title:    "Take the delete marker away, so that the version before it is current again",
		Commands: []string{"aws s3api delete-object --bucket " + sh(v.s.Bucket) + " --key " + sh(v.s.Key) + " --version-id " + sh(id)},
		Apply: func(s *access.Situation) {
			refresh(s)
			s.Object.Head = facts.Fact[facts.ObjectHead]{Permission: "s3:GetObjectVersion"} // how the version is stored is not known
		},
	}
	if v.s.Object.Version.Known() && v.s.Object.Version.Value.Previous == "" {
		r.Title, r.Apply = "Upload the object again: no older version is kept", refresh
		r.Commands = []string{"aws s3 cp ./FILE " + sh(s3URI(v.s.Bucket, v.s.Key))}
	}
	return r
}

func (v view) missingRemedies() []checks.Remedy {
	if v.k.Noise || v.direct() {
		return nil // what a scanner asked for is not to be supplied
	}
	list := []checks.Remedy{{
		Title:    "Upload the object",
		Commands: []string{"aws s3 cp ./FILE " + sh(s3URI(v.s.Bucket, v.s.Key))},
		Apply:    refresh,
	}}
	if v.oac() && v.distributionARN() != "" {
		if r, ok := v.appendPolicy("Let the distribution list the bucket, so that a missing key answers 404",
			"with no default root object, the path / would show the list of keys to every viewer; the object stays missing",
			fmt.Sprintf(`{"Sid":"AllowCloudFrontList","Effect":"Allow","Principal":{"Service":"cloudfront.amazonaws.com"},"Action":"s3:ListBucket","Resource":%s,"Condition":{"StringEquals":{"AWS:SourceArn":%s}}}`,
				js("arn:"+v.s.Partition()+":s3:::"+v.s.Bucket), js(v.distributionARN()))); ok {
			r.Apply = nil // it changes the answer, not that the request fails
			list = append(list, r)
		}
	}
	return list
}

// nearRemedies: put the object where it is looked for, or look where it is.
func (v view) nearRemedies(n correlate.NearKey) []checks.Remedy {
	from, to := sh(s3URI(v.s.Bucket, n.Key)), sh(s3URI(v.s.Bucket, v.s.Key))
	move := checks.Remedy{
		Title:    "Copy the object to the key that is asked for",
		Commands: []string{"aws s3 cp " + from + " " + to},
		Apply:    refresh,
	}
	ask := func(s *access.Situation) {
		s.Key, s.Exists = n.Key, correlate.Yes
		s.Object = s.BucketFacts.Objects[n.Key]
		if s.Object == nil {
			s.Object = &facts.Object{Key: n.Key}
		}
	}
	link := checks.Remedy{Title: "Correct the links to " + printable(correlate.WireOfKey(n.Key)), Apply: ask}
	switch n.Kind {
	case correlate.NearDirectoryIndex:
		f := v.functionRemedy("Add index.html to folders with a CloudFront Function", "index-documents", indexFunction)
		f.Apply = ask
		return []checks.Remedy{f, move}
	case correlate.NearExtension:
		f := v.functionRemedy("Add .html to paths without an extension with a CloudFront Function", "add-html", extensionFunction)
		f.Apply = ask
		return []checks.Remedy{move, f}
	case correlate.NearOriginPath:
		want := v.wantedOriginPath(n.Key)
		prefix := v.originPrefix()
		if v.Origin == nil {
			return []checks.Remedy{link, move}
		}
		link.Title = "Take the origin path out of the links: CloudFront adds it"
		r := checks.Remedy{
			Title:    fmt.Sprintf("Set the origin path of origin %s to %s", v.Origin.ID, quote(want)),
			Opens:    "every path of the origin is looked for there",
			Commands: append(updateDistribution(v.id(), jqOrigin(v.Origin.ID)+".OriginPath = "+js(want)), invalidate(v.id())),
			Apply:    ask,
		}
		switch {
		case prefix != "" && strings.HasPrefix(v.s.Key, prefix+prefix):
			return []checks.Remedy{link, move} // doubled: the links have it already
		case want == "":
			return []checks.Remedy{move, r} // stored without it: other keys may be in their place
		}
		return []checks.Remedy{r, move}
	case correlate.NearDoubleSlash, correlate.NearEncoding:
		return []checks.Remedy{link, move}
	}
	return []checks.Remedy{move, link}
}

// wantedOriginPath returns the origin path by which the key that exists would
// have been asked for.
func (v view) wantedOriginPath(near string) string {
	tail := strings.TrimPrefix(v.s.Key, v.originPrefix())
	if p, ok := strings.CutSuffix(near, tail); ok && (p == "" || strings.HasSuffix(p, "/")) {
		if p = strings.Trim(p, "/"); p != "" {
			return "/" + p
		}
		return ""
	}
	return ""
}

const indexFunction = `function handler(event) {
  var request = event.request;
  if (request.uri.endsWith('/')) {
    request.uri += 'index.html';
  } else if (!request.uri.split('/').pop().includes('.')) {
    request.uri += '/index.html';
  }
  return request;
}
`

const extensionFunction = `function handler(event) {
  var request = event.request;
  if (!request.uri.endsWith('/') && !request.uri.split('/').pop().includes('.')) {
    request.uri += '.html';
  }
  return request;
}
`

const spaFunction = `function handler(event) {
  var request = event.request;
  if (!request.uri.split('/').pop().includes('.')) {
    request.uri = '/index.html';
  }
  return request;
}
`

func (v view) functionRemedy(title, name, code string) checks.Remedy {
	id := v.id()
	return checks.Remedy{Title: title, Document: code, Commands: []string{
		"aws cloudfront create-function --name " + name + " --function-config Comment=" + name + ",Runtime=cloudfront-js-2.0 --function-code fileb://" + name + ".js > fn.json",
		"aws cloudfront publish-function --name " + name + ` --if-match "$(jq -r .ETag fn.json)"`,
		"aws cloudfront get-distribution-config --id " + sh(id) + " > dist.json",
		`jq --arg arn "$(jq -r .FunctionSummary.FunctionMetadata.FunctionARN fn.json)" ` +
			sh(".DistributionConfig | "+jqBehavior(v.pattern())+`.FunctionAssociations = {Quantity: 1, Items: [{EventType: "viewer-request", FunctionARN: $arn}]}`) + " dist.json > new.json",
		"aws cloudfront update-distribution --id " + sh(id) + ` --if-match "$(jq -r .ETag dist.json)" --distribution-config file://new.json`,
	}}
}

func (v view) spaRemedies(page *correlate.ErrorResponse) []checks.Remedy {
	f := v.functionRemedy("Send routes to the application's page with a CloudFront Function", "spa-routes", spaFunction)
	f.Apply = func(s *access.Situation) {
		root := "index.html"
		if v.Distribution != nil && v.Distribution.DefaultRootObject != "" {
			root = v.Distribution.DefaultRootObject
		}
		s.Key = v.originPrefix() + root
		s.Object = s.BucketFacts.Objects[s.Key]
		if s.Object == nil {
			s.Object = &facts.Object{Key: s.Key}
		}
		s.Exists = access.Exists(s.BucketFacts, s.Object, s.Key)
	}
	list := []checks.Remedy{f}
	if v.Distribution != nil && page != nil && page.ErrorCode == 404 {
		if more := v.missingRemedies(); len(more) > 1 {
			list = append(list, more[1:]...) // ListBucket: then the 404 is mapped
		}
	}
	return list
}

func (v view) defaultRootRemedy(object string) checks.Remedy {
	key := v.originPrefix() + object
	ask := func(s *access.Situation) {
		s.Key, s.Action = key, ""
		s.Object = s.BucketFacts.Objects[key]
		if s.Object == nil {
			s.Object = &facts.Object{Key: key}
		}
		s.Exists = access.Exists(s.BucketFacts, s.Object, key)
	}
	r := checks.Remedy{
		Title:    "Set the default root object to " + object,
		Commands: append(updateDistribution(v.id(), ".DefaultRootObject = "+js(object)), invalidate(v.id())),
		Apply:    ask,
	}
	if access.Exists(v.s.BucketFacts, v.s.BucketFacts.Objects[key], key) == correlate.No {
		r.Title = "Upload " + object + " and set it as the default root object"
		r.Commands = append([]string{"aws s3 cp ./FILE " + sh(s3URI(v.s.Bucket, key))}, r.Commands...)
		r.Apply = func(s *access.Situation) { ask(s); refresh(s) }
	}
	return r
}

// defaultRootNear offers a similar key that exists as the default root object.
func (v view) defaultRootNear() []checks.Remedy {
	for _, n := range v.s.Object.Near.Value {
		if rest, ok := strings.CutPrefix(n.Key, v.originPrefix()); ok && rest != "" && !strings.HasPrefix(rest, "/") {
			return []checks.Remedy{v.defaultRootRemedy(rest)}
		}
	}
	return nil
}

func (v view) errorPageRemedies(r *correlate.ErrorResponse) []checks.Remedy {
	if r.ResponsePagePath == "" {
		return []checks.Remedy{{
			Title:    fmt.Sprintf("Take the custom error response for %d away, so that viewers see the real status", r.ErrorCode),
			Commands: updateDistribution(v.id(), fmt.Sprintf(".CustomErrorResponses.Items |= map(select(.ErrorCode != %d)) | .CustomErrorResponses.Quantity = (.CustomErrorResponses.Items | length)", r.ErrorCode)),
		}}
	}
	page := strings.TrimPrefix(correlate.WirePath(r.ResponsePagePath), "/")
	key := v.originPrefix() + page
	list := []checks.Remedy{{
		Title:    "Upload the error page",
		Commands: []string{"aws s3 cp ./FILE " + sh(s3URI(v.s.Bucket, key))},
		Apply: func(s *access.Situation) {
			s.Key = key
			refresh(s)
		},
	}}
	list = append(list, checks.Remedy{
		Title: "Point the custom error response at a page that can be read",
		Commands: updateDistribution(v.id(), fmt.Sprintf("(.CustomErrorResponses.Items[] | select(.ErrorCode == %d)).ResponsePagePath = %s",
			r.ErrorCode, js("/PAGE.html"))),
	})
	return list
}

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

func (v view) reencryptRemedy() checks.Remedy {
	return checks.Remedy{
		Title:    "Upload the object again without a customer-provided key",
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
		if k := access.KMSKey(v.facts(), key); k != nil && k.Key.Known() {
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
		return nil
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

func (v view) hostRemedy() checks.Remedy {
	return checks.Remedy{
		Title: "Don't forward the viewer's Host to S3",
		Commands: append([]string{`ORP=$(aws cloudfront list-origin-request-policies --type managed --query "OriginRequestPolicyList.Items[?OriginRequestPolicy.OriginRequestPolicyConfig.Name=='Managed-AllViewerExceptHostHeader'].OriginRequestPolicy.Id" --output text)`,
			"aws cloudfront get-distribution-config --id " + sh(v.id()) + " > dist.json",
			`jq --arg orp "$ORP" ` + sh(".DistributionConfig | "+jqBehavior(v.pattern())+".OriginRequestPolicyId = $orp") + " dist.json > new.json"},
			"aws cloudfront update-distribution --id "+sh(v.id())+` --if-match "$(jq -r .ETag dist.json)" --distribution-config file://new.json`),
	}
}

func (v view) authorizationRemedies() []checks.Remedy {
	r := checks.Remedy{
		Title:    "Don't forward the viewer's Authorization to S3",
		Commands: updateDistribution(v.id(), jqBehavior(v.pattern())+`.CachePolicyId = "658327ea-f89d-4fab-a63d-7e88639e58f6"`),
		Opens:    "the behavior then uses the managed cache policy CachingOptimized",
	}
	return append(v.attachRemedies(), r)
}

func (v view) encodeRemedies() []checks.Remedy {
	return []checks.Remedy{{
		Title:    "Percent-encode the path: in the links, or in the client",
		Commands: []string{"curl -sS -o /dev/null -w '%{http_code}\\n' " + sh("https://"+v.host()+correlate.WireOfKey(v.s.Key))},
	}, v.functionRemedy("Encode the path with a CloudFront Function", "encode-path", `function handler(event) {
  var request = event.request;
  request.uri = encodeURI(request.uri).replace(/%25/g, '%');
  return request;
}
`)}
}

func (v view) host() string {
	for i := range v.k.Edge {
		if v.k.Edge[i].Host != "" {
			return v.k.Edge[i].Host
		}
	}
	if v.Distribution != nil {
		return v.Distribution.DomainName
	}
	return "DISTRIBUTION_DOMAIN"
}

func (v view) presignedRemedies() []checks.Remedy {
	return []checks.Remedy{{
		Title:    "Restrict the behavior to signed URLs: CloudFront then takes its own parameters off",
		Commands: updateDistribution(v.id(), jqBehavior(v.pattern())+`.TrustedKeyGroups = {Enabled: true, Quantity: 1, Items: ["KEY_GROUP_ID"]}`),
	}, {
		Title:    "Don't forward query strings to S3",
		Commands: updateDistribution(v.id(), jqBehavior(v.pattern())+`.CachePolicyId = "658327ea-f89d-4fab-a63d-7e88639e58f6" | `+jqBehavior(v.pattern())+`.OriginRequestPolicyId = ""`),
	}}
}

func (v view) writeRemedies(action string) []checks.Remedy {
	if v.direct() {
		return nil
	}
	list := []checks.Remedy{{
		Title:    "Let the behavior take reads only: CloudFront then refuses writes itself",
		Commands: updateDistribution(v.id(), jqBehavior(v.pattern())+`.AllowedMethods = {Quantity: 2, Items: ["GET", "HEAD"], CachedMethods: {Quantity: 2, Items: ["GET", "HEAD"]}}`),
	}}
	if v.oac() && v.distributionARN() != "" && action == "s3:PutObject" {
		dir := v.s.Key[:strings.LastIndexByte(v.s.Key, '/')+1]
		if !strings.ContainsAny(dir, "*?$") {
			if r, ok := v.editPolicy("Let the distribution write to "+or(printable(dir), "the bucket"),
				"every viewer who gets through the behavior can write there: protect it with signed URLs or a function", func(d *policy.Document) error {
					return d.AppendStatement(fmt.Sprintf(`{"Sid":"AllowCloudFrontWrite","Effect":"Allow","Principal":{"Service":"cloudfront.amazonaws.com"},"Action":"s3:PutObject","Resource":%s,"Condition":{"StringEquals":{"AWS:SourceArn":%s}}}`,
						js("arn:"+v.s.Partition()+":s3:::"+v.s.Bucket+"/"+dir+"*"), js(v.distributionARN())))
				}); ok && v.Behavior != nil && v.Behavior.Restricted {
				list = append(list, r) // only behind signed URLs: else it would be a public write
			}
		}
	}
	return list
}

func (v view) corsRemedies() []checks.Remedy {
	origin := "https://" + v.host()
	rules := `{
  "CORSRules": [
    {
      "AllowedOrigins": [` + js(origin) + `],
      "AllowedMethods": ["GET", "HEAD"],
      "AllowedHeaders": ["*"],
      "MaxAgeSeconds": 3600
    }
  ]
}
`
	return []checks.Remedy{{
		Title:    "Answer preflights by CORS rules of the bucket (put the page's own origin for " + origin + ")",
		Opens:    "pages of that origin can read responses",
		Document: rules,
		Commands: []string{"aws s3api put-bucket-cors --bucket " + sh(v.s.Bucket) + " --cors-configuration file://cors.json",
			"# the behavior must forward Origin, Access-Control-Request-Method and -Headers (managed origin request policy CORS-S3Origin)"},
	}, {
		Title:    "Answer preflights at the edge by a response headers policy",
		Commands: updateDistribution(v.id(), jqBehavior(v.pattern())+`.ResponseHeadersPolicyId = "60669652-455b-4ae9-85a4-c4c02393f86c"`),
	}}
}

func (v view) bucketRemedy() checks.Remedy {
	id := "ORIGIN_ID"
	if v.Origin != nil {
		id = v.Origin.ID
	}
	return checks.Remedy{
		Title: "Point the origin at a bucket of your own, now",
		Commands: append([]string{"aws s3api head-bucket --bucket " + sh(v.s.Bucket) + " --expected-bucket-owner " + sh(or(v.s.OwnerAccount, "ACCOUNT_ID"))},
			updateDistribution(v.id(), jqOrigin(id)+`.DomainName = "BUCKET.s3.REGION.amazonaws.com"`)...),
	}
}

// --- made at the edge ---

func (v edgeView) url() string {
	host := ""
	for i := range v.e.Edge {
		host = or(host, v.e.Edge[i].Host)
	}
	if host == "" && v.Distribution != nil {
		host = v.Distribution.DomainName
	}
	return "https://" + or(host, "DISTRIBUTION_DOMAIN") + correlate.WirePath(v.e.URI)
}

func (v edgeView) pattern() string {
	if v.Behavior != nil {
		return v.Behavior.PathPattern
	}
	return v.e.PathPattern
}

func (v edgeView) geoRemedy(countries []string) checks.Remedy {
	r := checks.Remedy{Title: "Change the geographic restriction", Opens: "viewers of those countries get through",
		Commands: updateDistribution(v.id(), `.Restrictions.GeoRestriction = {RestrictionType: "none", Quantity: 0}`)}
	d := v.Distribution
	if d == nil || len(countries) == 0 {
		return r
	}
	items, err := json.Marshal(countries)
	if err != nil {
		return r
	}
	r.Title = "Let viewers of " + list(countries, 5) + " through"
	switch d.GeoRestriction.Type {
	case "whitelist":
		r.Commands = updateDistribution(v.id(), fmt.Sprintf(".Restrictions.GeoRestriction |= (.Items = ((.Items + %s) | unique) | .Quantity = (.Items | length))", items))
	case "blacklist":
		r.Commands = updateDistribution(v.id(), fmt.Sprintf(".Restrictions.GeoRestriction |= (.Items -= %s | .Quantity = (.Items | length))", items))
	}
	return r
}

func (v edgeView) methodRemedies(method string) []checks.Remedy {
	jq := `.AllowedMethods = {Quantity: 7, Items: ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"], CachedMethods: {Quantity: 2, Items: ["GET", "HEAD"]}}`
	title, opens := "Let the behavior take "+method, "all seven methods reach the origin: CloudFront knows no smaller set with "+method
	if method == "OPTIONS" {
		jq = `.AllowedMethods = {Quantity: 3, Items: ["GET", "HEAD", "OPTIONS"], CachedMethods: {Quantity: 2, Items: ["GET", "HEAD"]}}`
		opens = ""
	}
	api := checks.Remedy{Title: "Route the path to the behavior and origin that serve it", Commands: []string{
		"aws cloudfront get-distribution-config --id " + sh(v.id()) + " --query 'DistributionConfig.CacheBehaviors.Items[].[PathPattern,TargetOriginId]' --output text   # patterns are case-sensitive; * is needed"}}
	allow := checks.Remedy{Title: title, Opens: opens, Commands: updateDistribution(v.id(), jqBehavior(v.pattern())+jq)}
	if method == "OPTIONS" {
		return []checks.Remedy{allow}
	}
	if v.Origin != nil && correlate.ParseEndpoint(v.Origin.DomainName).Kind != correlate.EndpointOther {
		return []checks.Remedy{api} // a bucket is not to be written by viewers
	}
	return []checks.Remedy{api, allow}
}

func (v edgeView) httpsRemedy() checks.Remedy {
	return checks.Remedy{Title: "Redirect http to https", Commands: updateDistribution(v.id(), jqBehavior(v.pattern())+`.ViewerProtocolPolicy = "redirect-to-https"`)}
}

func (v edgeView) signedRemedies(id string) []checks.Remedy {
	sign := "aws cloudfront sign --url " + sh(v.url()) + ` --key-pair-id "$PUBLIC_KEY_ID" --private-key file://private_key.pem --date-less-than "$(date -u -d '+1 day' +%Y-%m-%dT%H:%M:%SZ)"`
	var list []checks.Remedy
	switch id {
	case "edge-signed-missing":
		list = append(list, checks.Remedy{Title: "Sign the URL, or set signed cookies", Commands: []string{sign}},
			checks.Remedy{Title: "Put a behavior without restriction before this one, for paths that are meant to be public",
				Opens: "everyone can read those paths", Commands: []string{"aws cloudfront get-distribution-config --id " + sh(v.id()) + " > dist.json   # add the behavior, then update-distribution"}})
	case "edge-signed-expired":
		list = append(list, checks.Remedy{Title: "Sign again, with a later expiry; check the clock of the machine that signs", Commands: []string{"date -u", sign}})
	case "edge-signed-key":
		list = append(list, checks.Remedy{Title: "Sign with a public key id of the behavior's key groups", Commands: []string{"aws cloudfront list-public-keys --query 'PublicKeyList.Items[].[Id,Name]' --output text", sign}})
		if v.Behavior != nil && len(v.Behavior.TrustedKeyGroups) > 0 {
			list = append(list, checks.Remedy{Title: "Add the key to the behavior's key group", Opens: "whoever holds its private key can sign",
				Commands: []string{"aws cloudfront get-key-group --id " + sh(v.Behavior.TrustedKeyGroups[0]) + " > group.json",
					`jq '.KeyGroup.KeyGroupConfig | .Items += ["PUBLIC_KEY_ID"]' group.json > new-group.json`,
					"aws cloudfront update-key-group --id " + sh(v.Behavior.TrustedKeyGroups[0]) + ` --if-match "$(jq -r .ETag group.json)" --key-group-config file://new-group.json`}})
		}
	default:
		list = append(list, checks.Remedy{Title: "Sign exactly the URL that is asked for; a custom policy with * takes added parameters", Commands: []string{sign}})
	}
	return list
}

func (v edgeView) wafRemedies(w *correlate.FirewallClass) []checks.Remedy {
	acl, rule := "WEB_ACL_ARN", "RULE_METRIC"
	if v.Distribution != nil && v.Distribution.WebACLID != "" {
		acl = v.Distribution.WebACLID
	}
	if w != nil {
		acl = or(w.WebACL, acl)
		rule = or(w.RuleID, rule)
	}
	sample := checks.Remedy{Title: "Look at the requests that the rule blocks (the last three hours are sampled)", Commands: []string{
		"aws wafv2 get-sampled-requests --scope CLOUDFRONT --region us-east-1 --web-acl-arn " + sh(acl) + " --rule-metric-name " + sh(rule) +
			` --time-window "StartTime=$(date -u -d '-3 hours' +%s),EndTime=$(date -u +%s)" --max-items 100`}}
	if w == nil {
		sample.Commands = append(sample.Commands, "aws wafv2 get-logging-configuration --region us-east-1 --resource-arn "+sh(acl)+"   # switch logging on to know")
		return []checks.Remedy{sample}
	}
	title := "Set the rule to Count, or narrow it"
	if w.GroupRule != "" {
		title = "Override the action of " + w.GroupRule + " with Count in its rule group"
	}
	return []checks.Remedy{sample, {Title: title, Opens: "requests that match the rule get through",
		Commands: []string{"aws wafv2 get-web-acl --scope CLOUDFRONT --region us-east-1 --arn " + sh(acl) + " > acl.json   # change the rule, then update-web-acl with its LockToken"}}}
}

func (v edgeView) functionRemedies(a *correlate.FunctionAssociation) []checks.Remedy {
	switch {
	case a == nil:
		return []checks.Remedy{{Title: "Find the function that answers", Commands: []string{
			"aws cloudfront get-distribution-config --id " + sh(v.id()) + " --query 'DistributionConfig.[DefaultCacheBehavior,CacheBehaviors.Items[]][].[PathPattern,FunctionAssociations,LambdaFunctionAssociations]'"}}}
	case a.Lambda:
		name := functionName(a.ARN)
		plain, _, _ := strings.Cut(name, ":")
		return []checks.Remedy{{Title: "Change the rule in the Lambda@Edge function", Commands: []string{
			"aws lambda get-function --region us-east-1 --function-name " + sh(a.ARN) + " --query Code.Location --output text",
			"aws logs tail " + sh("/aws/lambda/us-east-1."+plain) + " --region EDGE_REGION   # it logs in the region of the edge location"}}}
	}
	name := functionName(a.ARN)
	return []checks.Remedy{{Title: "Change the rule in the CloudFront Function", Commands: []string{
		"aws cloudfront get-function --name " + sh(name) + " --stage LIVE " + sh(name+".js"),
		"aws logs tail " + sh("/aws/cloudfront/function/"+name) + " --region us-east-1"}}}
}

func (v edgeView) stackedRemedy() checks.Remedy {
	return checks.Remedy{
		Title: "Don't forward the viewer's Host to the other distribution, or name its origin directly",
		Commands: []string{`ORP=$(aws cloudfront list-origin-request-policies --type managed --query "OriginRequestPolicyList.Items[?OriginRequestPolicy.OriginRequestPolicyConfig.Name=='Managed-AllViewerExceptHostHeader'].OriginRequestPolicy.Id" --output text)`,
			"aws cloudfront get-distribution-config --id " + sh(v.id()) + " > dist.json",
			`jq --arg orp "$ORP" ` + sh(".DistributionConfig | "+jqBehavior(v.pattern())+".OriginRequestPolicyId = $orp") + " dist.json > new.json",
			"aws cloudfront update-distribution --id " + sh(v.id()) + ` --if-match "$(jq -r .ETag dist.json)" --distribution-config file://new.json`},
	}
}

func (v edgeView) cachedRemedy() checks.Remedy {
	return checks.Remedy{Title: "Fix the key's own cause, then take the cached error away",
		Commands: []string{"aws cloudfront create-invalidation --distribution-id " + sh(v.id()) + " --paths " + sh(v.e.URI)}}
}

func (v edgeView) originCommands() []string {
	cmds := []string{"curl -sS -D- -o /dev/null " + sh(v.url()) + "   # Server and body tell who answers"}
	if v.Origin != nil {
		cmds = append(cmds, "aws cloudfront get-distribution-config --id "+sh(v.id())+" --query "+sh("DistributionConfig.Origins.Items[?Id=='"+v.Origin.ID+"']"))
	}
	return cmds
}
