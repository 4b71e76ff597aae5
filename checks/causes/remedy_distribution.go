package causes

import (
	"github.com/why403/why403/checks"
)

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
