package causes

import (
	"fmt"
	"slices"
	"strings"

	"github.com/why403/why403/checks"
	"github.com/why403/why403/checks/access"
	"github.com/why403/why403/checks/policy"
	"github.com/why403/why403/correlate"
)

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
			id := v.Distribution.Origins[i].OriginAccessControlID
			if f := v.facts().AccessControl[id]; id != "" && (!f.Known() || f.Value.SignsS3()) {
				return id
			}
		}
	}
	var ids []string
	for id, f := range v.facts().AccessControl {
		if f.Known() && f.Value.SignsS3() {
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

// refererAllow adds the Allow that a policy lacks whose Deny alone asks for the
// Referer.
func (v view) refererAllow() []checks.Remedy {
	r, ok := v.appendPolicy("Allow the read: the Deny keeps those out who don't send the Referer",
		"whoever sends the Referer can read every object of the bucket",
		fmt.Sprintf(`{"Sid":"AllowRead","Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":%s}`,
			js("arn:"+v.s.Partition()+":s3:::"+v.s.Bucket+"/*")))
	if !ok || !v.anonymous() {
		return nil
	}
	return []checks.Remedy{r}
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
