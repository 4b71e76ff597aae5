package causes

import (
	"fmt"
	"strings"

	"github.com/why403/why403/checks"
	"github.com/why403/why403/checks/access"
	"github.com/why403/why403/checks/policy"
	"github.com/why403/why403/correlate"
)

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
