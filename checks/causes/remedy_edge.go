package causes

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/why403/why403/checks"
	"github.com/why403/why403/correlate"
)

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
