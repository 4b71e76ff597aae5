package causes

import (
	"fmt"
	"strings"

	"github.com/why403/why403/checks"
	"github.com/why403/why403/checks/policy"
	"github.com/why403/why403/correlate"
)

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
