package facts

// CachePolicy returns what is known of a cache policy: AWS's answer, else what
// AWS documents of the ones that it manages, which nobody can change.
func (f *Facts) CachePolicy(id string) Fact[CachePolicy] {
	have := f.CachePolicies[id]
	if p, ok := managedCache[id]; ok && !have.Known() {
		return documented(p)
	}
	return have
}

// OriginRequestPolicy is CachePolicy for origin request policies.
func (f *Facts) OriginRequestPolicy(id string) Fact[OriginRequestPolicy] {
	have := f.OriginRequest[id]
	if p, ok := managedOriginRequest[id]; ok && !have.Known() {
		return documented(p)
	}
	return have
}

// documented is a fact that the distribution's settings name and AWS's guide
// tells.
func documented[T any](v T) Fact[T] {
	return Fact[T]{State: Known, Value: v, Call: "cloudfront:GetDistribution", Permission: "cloudfront:GetDistribution"}
}

// CloudFront guide, Use managed cache policies, and Use managed origin request
// policies.
var (
	managedCache = map[string]CachePolicy{
		"658327ea-f89d-4fab-a63d-7e88639e58f6": {Name: "Managed-CachingOptimized", HeaderBehavior: "none", QueryBehavior: "none"},
		"b2884449-e4de-46a7-ac36-70bc7f1ddd6d": {Name: "Managed-CachingOptimizedForUncompressedObjects", HeaderBehavior: "none", QueryBehavior: "none"},
		"4135ea2d-6df8-44a3-9df3-4b5a84be39ad": {Name: "Managed-CachingDisabled", HeaderBehavior: "none", QueryBehavior: "none"},
		"2e54312d-136d-493c-8eb9-b001f22f67d2": {Name: "Managed-Amplify", HeaderBehavior: "whitelist", Headers: []string{"Authorization", "CloudFront-Viewer-Country", "Host"}, QueryBehavior: "all"},
		"08627262-05a9-4f76-9ded-b50ca2e3a84f": {Name: "Managed-Elemental-MediaPackage", HeaderBehavior: "whitelist", Headers: []string{"Origin"}, QueryBehavior: "whitelist", Queries: []string{"aws.manifestfilter", "start", "end", "m"}},
		"83da9c7e-98b4-4e11-a168-04f0df8e2c65": {Name: "UseOriginCacheControlHeaders", HeaderBehavior: "whitelist", Headers: originCacheHeaders, QueryBehavior: "none"},
		"4cc15a8a-d715-48a4-82b8-cc0b614638fe": {Name: "UseOriginCacheControlHeaders-QueryStrings", HeaderBehavior: "whitelist", Headers: originCacheHeaders, QueryBehavior: "all"},
	}
	originCacheHeaders = []string{"Host", "Origin", "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"}

	managedOriginRequest = map[string]OriginRequestPolicy{
		"216adef6-5c7f-47e4-b989-5492eafa07d3": {Name: "Managed-AllViewer", HeaderBehavior: "allViewer", QueryBehavior: "all"},
		"33f36d7e-f396-46d9-90e0-52428a34d9dc": {Name: "Managed-AllViewerAndCloudFrontHeaders-2022-06", HeaderBehavior: "allViewerAndWhitelistCloudFront", QueryBehavior: "all"},
		"b689b0a8-53d0-40ab-baf2-68738e2966ac": {Name: "Managed-AllViewerExceptHostHeader", HeaderBehavior: "allExcept", Headers: []string{"Host"}, QueryBehavior: "all"},
		"59781a5b-3903-41f3-afcb-af62929ccde1": {Name: "Managed-CORS-CustomOrigin", HeaderBehavior: "whitelist", Headers: []string{"Origin"}, QueryBehavior: "none"},
		"88a5eaf4-2fd4-4709-b370-b4c650ea3fcf": {Name: "Managed-CORS-S3Origin", HeaderBehavior: "whitelist", Headers: []string{"Origin", "Access-Control-Request-Headers", "Access-Control-Request-Method"}, QueryBehavior: "none"},
		"775133bc-15f2-49f9-abea-afb2e0bf67d2": {Name: "Managed-Elemental-MediaTailor-PersonalizedManifests", HeaderBehavior: "whitelist", Headers: []string{"Origin", "Access-Control-Request-Headers", "Access-Control-Request-Method", "User-Agent", "X-Forwarded-For"}, QueryBehavior: "all"},
		"bf0718e1-ba1e-49d1-88b1-f726733018ae": {Name: "Managed-HostHeaderOnly", HeaderBehavior: "whitelist", Headers: []string{"Host"}, QueryBehavior: "none"},
		"acba4595-bd28-49b8-b9fe-13317c0390fa": {Name: "Managed-UserAgentRefererHeaders", HeaderBehavior: "whitelist", Headers: []string{"User-Agent", "Referer"}, QueryBehavior: "none"},
	}
)
