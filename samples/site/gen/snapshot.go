package main

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// An obj is a JSON object whose members keep their order, as the CLI keeps AWS's.
type obj []member

type member struct {
	name  string
	value any
}

// o makes an object of names and values in turn.
func o(pairs ...any) obj {
	var all obj
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, member{pairs[i].(string), pairs[i+1]})
	}
	return all
}

func (m obj) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, f := range m {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(out, compact(f.name)...), ':')
		out = append(out, compact(f.value)...)
	}
	return append(out, '}'), nil
}

func compact(v any) []byte {
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return []byte(strings.TrimSuffix(out.String(), "\n"))
}

// items is CloudFront's form of a list; an empty one has no Items.
func items[T any](list ...T) obj {
	if len(list) == 0 {
		return o("Quantity", 0)
	}
	return o("Quantity", len(list), "Items", list)
}

// failure is a file that holds AWS's error in place of an answer.
func failure(code, message string) obj { return o("Error", o("Code", code, "Message", message)) }

// text is a document inside a string, as AWS returns policies.
func text(document obj) string { return string(compact(document)) }

// snapshotTime is when the settings were read.
var snapshotTime = at(24 + 3.25)

func stamp(t time.Time) string { return t.Format("2006-01-02T15:04:05+00:00") }

const (
	corsS3Origin     = "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf" // Managed-CORS-S3Origin
	allButHost       = "b689b0a8-53d0-40ab-baf2-68738e2966ac" // Managed-AllViewerExceptHostHeader
	cachingOptimized = "658327ea-f89d-4fab-a63d-7e88639e58f6" // Managed-CachingOptimized
	cachingDisabled  = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad" // Managed-CachingDisabled
	webACLName       = "minamo-shop"
	gateCode         = `// Lets members in: everyone else gets 403.
function handler(event) {
    var request = event.request;
    if (!request.cookies.session) {
        return {
            statusCode: 403,
            statusDescription: 'Forbidden',
            headers: { 'content-type': { value: 'text/plain' } }
        };
    }
    return request;
}
`
)

var (
	webACLArn = "arn:aws:wafv2:us-east-1:" + account + ":global/webacl/" + webACLName + "/" + webACLID
	kmsArn    = "arn:aws:kms:" + home + ":" + account + ":key/" + kmsKey
	gateArn   = "arn:aws:cloudfront::" + account + ":function/" + membersGate
)

// writeSnapshot writes the settings as the AWS CLI would have printed them on the morning after.
func (w *world) writeSnapshot(made files) {
	put := func(name string, v any) { made["snapshot/"+name] = pretty(v) }
	w.putAccount(put)
	w.putCloudFront(put)
	made["snapshot/functions/"+membersGate+".js"] = []byte(gateCode)
	for _, b := range w.buckets {
		w.putBucket(b, put)
	}
}

func (w *world) putAccount(put func(string, any)) {
	put("caller-identity.json", o("UserId", "AROAMINAMOAUDIT000001:nightly", "Account", account, "Arn", auditRole))
	put("account/public-access-block.json", o("PublicAccessBlockConfiguration", openSite.json()))
	put("account/effective-s3-policy.json", failure("EffectivePolicyNotFoundException", "The effective policy of type S3_POLICY was not found for the target."))
	managed := func(kind, name, description string, statement obj) obj {
		return o("Policy", o("PolicySummary", o("Id", "p-"+name, "Arn", "arn:aws:organizations::aws:policy/"+strings.ToLower(kind)+"/p-"+name,
			"Name", name, "Description", description, "Type", kind, "AwsManaged", true), "Content", text(o("Version", "2012-10-17", "Statement", []obj{statement}))))
	}
	put("organization/scp/FullAWSAccess.json", managed("SERVICE_CONTROL_POLICY", "FullAWSAccess", "Allows access to every operation",
		o("Effect", "Allow", "Action", "*", "Resource", "*")))
	put("organization/rcp/RCPFullAWSAccess.json", managed("RESOURCE_CONTROL_POLICY", "RCPFullAWSAccess", "Allows access to every resource",
		o("Effect", "Allow", "Principal", "*", "Action", "*", "Resource", "*")))

	put("kms/"+kmsKey+"/key.json", o("KeyMetadata", o("AWSAccountId", account, "KeyId", kmsKey, "Arn", kmsArn, "CreationDate", "2026-03-02T10:11:12.345000+00:00",
		"Enabled", true, "Description", "films before their release", "KeyUsage", "ENCRYPT_DECRYPT", "KeyState", "Enabled", "Origin", "AWS_KMS", "KeyManager", "CUSTOMER",
		"CustomerMasterKeySpec", "SYMMETRIC_DEFAULT", "KeySpec", "SYMMETRIC_DEFAULT", "EncryptionAlgorithms", []string{"SYMMETRIC_DEFAULT"}, "MultiRegion", false)))
	put("kms/"+kmsKey+"/policy.json", o("Policy", text(o("Version", "2012-10-17", "Id", "films", "Statement", []obj{
		o("Sid", "EnableIAMUserPermissions", "Effect", "Allow", "Principal", o("AWS", "arn:aws:iam::"+account+":root"), "Action", "kms:*", "Resource", "*"),
	})), "PolicyName", "default"))

	visibility := func(name string) obj {
		return o("SampledRequestsEnabled", true, "CloudWatchMetricsEnabled", true, "MetricName", name)
	}
	rule := func(name string, priority int, search string, field obj, transform ...string) obj {
		var all []obj
		for i, t := range transform {
			all = append(all, o("Priority", i, "Type", t))
		}
		return o("Name", name, "Priority", priority, "Statement", o("ByteMatchStatement", o("SearchString", []byte(search), // a blob: the CLI prints base64
			"FieldToMatch", field,
			"TextTransformations", all, "PositionalConstraint", "CONTAINS")), "Action", o("Block", o()), "VisibilityConfig", visibility(name))
	}
	put("web-acls/"+webACLID+".json", o("WebACL", o("Name", webACLName, "Id", webACLID, "ARN", webACLArn, "DefaultAction", o("Allow", o()), "Description", "the shop",
		"Rules", []obj{
			rule("block-sqlmap", 0, "sqlmap", o("SingleHeader", o("Name", "user-agent")), "LOWERCASE"),
			rule("block-sql-injection", 1, "union select", o("QueryString", o()), "URL_DECODE", "LOWERCASE"),
		}, "VisibilityConfig", visibility(webACLName), "Capacity", 40, "ManagedByFirewallManager", false,
		"LabelNamespace", "awswaf:"+account+":webacl:"+webACLName+":"), "LockToken", "b2c9d7d2-6e8f-4a51-9a61-2f1b3c4d5e6f"))
}

func (w *world) putCloudFront(put func(string, any)) {
	for _, d := range w.distributions() {
		put("distributions/"+d.id+"/distribution.json", w.distributionJSON(d))
	}
	put("origin-access-controls/"+oacID+".json", o("OriginAccessControl", o("Id", oacID, "OriginAccessControlConfig", o("Name", "minamo-s3", "Description", "",
		"SigningProtocol", "sigv4", "SigningBehavior", "always", "OriginAccessControlOriginType", "s3")), "ETag", "E1OACETAG00001"))
	put("origin-access-identities/"+oaiID+".json", o("ETag", "E1OAIETAG00001", "CloudFrontOriginAccessIdentity", o("Id", oaiID, "S3CanonicalUserId", oaiCanonical,
		"CloudFrontOriginAccessIdentityConfig", o("CallerReference", "old-catalogue-2", "Comment", "old catalogues"))))

	none := o("CookieBehavior", "none")
	cache := func(id, name, comment string, ttl [3]int, compressed bool) {
		put("cache-policies/"+id+".json", o("CachePolicy", o("Id", id, "LastModifiedTime", "2021-08-31T00:00:00+00:00", "CachePolicyConfig", o("Comment", comment, "Name", name,
			"DefaultTTL", ttl[0], "MaxTTL", ttl[1], "MinTTL", ttl[2], "ParametersInCacheKeyAndForwardedToOrigin", o("EnableAcceptEncodingGzip", compressed,
				"EnableAcceptEncodingBrotli", compressed, "HeadersConfig", o("HeaderBehavior", "none"), "CookiesConfig", none, "QueryStringsConfig", o("QueryStringBehavior", "none")))), "ETag", "E23ZP02F085DFQ"))
	}
	cache(cachingOptimized, "Managed-CachingOptimized", "Policy with caching enabled. Supports Gzip and Brotli compression.", [3]int{86400, 31536000, 1}, true)
	cache(cachingDisabled, "Managed-CachingDisabled", "Policy with caching disabled", [3]int{0, 0, 0}, false)
	forward := func(id, name, comment string, headers, cookies, queries obj) {
		put("origin-request-policies/"+id+".json", o("OriginRequestPolicy", o("Id", id, "LastModifiedTime", "2021-08-31T00:00:00+00:00", "OriginRequestPolicyConfig", o("Comment", comment,
			"Name", name, "HeadersConfig", headers, "CookiesConfig", cookies, "QueryStringsConfig", queries)), "ETag", "E23ZP02F085DFQ"))
	}
	noQuery := o("QueryStringBehavior", "none")
	forward(corsS3Origin, "Managed-CORS-S3Origin", "Policy for S3 origin with CORS", o("HeaderBehavior", "whitelist", "Headers",
		items("origin", "access-control-request-headers", "access-control-request-method")), none, noQuery)
	forward(refererPolicy, "minamo-forward-referer", "so that we see who embeds us", o("HeaderBehavior", "whitelist", "Headers", items("Referer")), none, noQuery)
	forward(allButHost, "Managed-AllViewerExceptHostHeader", "Policy to forward all parameters in viewer requests except for the Host header",
		o("HeaderBehavior", "allExcept", "Headers", items("host")), o("CookieBehavior", "all"), o("QueryStringBehavior", "all"))

	put("functions/"+membersGate+".json", o("ETag", "E1FUNCETAG0001", "FunctionSummary", o("Name", membersGate, "Status", "DEPLOYED",
		"FunctionConfig", o("Comment", "asks for the members' cookie", "Runtime", "cloudfront-js-2.0"),
		"FunctionMetadata", o("FunctionARN", gateArn, "Stage", "LIVE", "CreatedTime", "2025-05-02T01:02:03.456000+00:00", "LastModifiedTime", "2026-08-11T05:06:07.890000+00:00"))))
	put("key-groups/"+keyGroupID+".json", o("KeyGroup", o("Id", keyGroupID, "LastModifiedTime", "2026-02-03T04:05:06.789000+00:00",
		"KeyGroupConfig", o("Name", "minamo-downloads", "Items", []string{publicKeyID}, "Comment", "signed downloads")), "ETag", "E1KEYGROUP0001"))
	put("public-keys/"+publicKeyID+".json", o("PublicKey", o("Id", publicKeyID, "CreatedTime", "2026-02-03T04:00:00.123000+00:00",
		"PublicKeyConfig", o("CallerReference", "downloads-2026", "Name", "minamo-downloads-2026", "EncodedKey", w.signer.publicPEM(), "Comment", "")), "ETag", "E1PUBKEY000001"))
}

func (w *world) distributionJSON(d *distribution) obj {
	var origins, behaviors []obj
	for _, og := range d.origins {
		origins = append(origins, og.json())
	}
	last := len(d.behaviors) - 1
	for _, b := range d.behaviors[:last] {
		behaviors = append(behaviors, append(o("PathPattern", b.pattern), b.json()...))
	}
	var errors []obj
	switch {
	case d.error403Page != "":
		errors = append(errors, o("ErrorCode", 403, "ResponsePagePath", d.error403Page, "ResponseCode", "200", "ErrorCachingMinTTL", 0))
	case d.error403TTL > 0:
		errors = append(errors, o("ErrorCode", 403, "ResponsePagePath", "", "ResponseCode", "", "ErrorCachingMinTTL", int(d.error403TTL.Seconds())))
	}
	geo := o("RestrictionType", "none", "Quantity", 0)
	if len(d.geoBlocked) > 0 {
		geo = append(o("RestrictionType", "blacklist"), items(d.geoBlocked...)...)
	}
	acl, groups := "", o("Enabled", false, "Quantity", 0)
	if d.webACL {
		acl = webACLArn
		groups = append(o("Enabled", true), items(o("KeyGroupId", keyGroupID, "KeyPairIds", items(publicKeyID)))...)
	}
	certificate := "arn:aws:acm:us-east-1:" + account + ":certificate/3f9d2c1b-0a8e-4c7d-9b6a-5e4f3d2c1b0a"
	config := o("CallerReference", d.comment, "Aliases", items(d.alias), "DefaultRootObject", d.defaultRoot, "Origins", items(origins...), "OriginGroups", items[obj](),
		"DefaultCacheBehavior", d.behaviors[last].json(), "CacheBehaviors", items(behaviors...), "CustomErrorResponses", items(errors...), "Comment", d.comment,
		"Logging", o("Enabled", true, "IncludeCookies", false, "Bucket", logBucket+".s3.amazonaws.com", "Prefix", "cloudfront/"), "PriceClass", "PriceClass_All", "Enabled", true,
		"ViewerCertificate", o("CloudFrontDefaultCertificate", false, "ACMCertificateArn", certificate, "SSLSupportMethod", "sni-only", "MinimumProtocolVersion", "TLSv1.2_2021",
			"Certificate", certificate, "CertificateSource", "acm"),
		"Restrictions", o("GeoRestriction", geo), "WebACLId", acl, "HttpVersion", "http2and3", "IsIPV6Enabled", true, "ContinuousDeploymentPolicyId", "", "Staging", false)
	return o("ETag", "E1"+d.id[2:], "Distribution", o("Id", d.id, "ARN", d.arn(), "Status", "Deployed", "LastModifiedTime", "2026-11-12T02:03:04.567000+00:00",
		"InProgressInvalidationBatches", 0, "DomainName", d.domain, "ActiveTrustedSigners", o("Enabled", false, "Quantity", 0), "ActiveTrustedKeyGroups", groups,
		"DistributionConfig", config, "AliasICPRecordals", []obj{o("CNAME", d.alias, "ICPRecordalStatus", "APPROVED")}))
}

func (og *origin) json() obj {
	headers := items[obj]()
	if og.referer != "" {
		headers = items(o("HeaderName", "Referer", "HeaderValue", og.referer))
	}
	all := o("Id", og.id, "DomainName", og.domain(), "OriginPath", og.path, "CustomHeaders", headers)
	if og.bucket != nil && !og.website {
		identity, oac := "", ""
		if og.oai != "" {
			identity = "origin-access-identity/cloudfront/" + og.oai
		}
		if og.oac {
			oac = oacID
		}
		return append(all, o("S3OriginConfig", o("OriginAccessIdentity", identity, "OriginReadTimeout", 30), "ConnectionAttempts", 3, "ConnectionTimeout", 10,
			"OriginShield", o("Enabled", false), "OriginAccessControlId", oac)...)
	}
	protocol := "https-only"
	if og.website {
		protocol = "http-only"
	}
	return append(all, o("CustomOriginConfig", o("HTTPPort", 80, "HTTPSPort", 443, "OriginProtocolPolicy", protocol, "OriginSslProtocols", items("TLSv1.2"),
		"OriginReadTimeout", 30, "OriginKeepaliveTimeout", 5), "ConnectionAttempts", 3, "ConnectionTimeout", 10, "OriginShield", o("Enabled", false), "OriginAccessControlId", "")...)
}

func (b *behavior) json() obj {
	keyGroups := o("Enabled", false, "Quantity", 0)
	if b.signed {
		keyGroups = append(o("Enabled", true), items(keyGroupID)...)
	}
	functions := items[obj]()
	if b.gated {
		functions = items(o("FunctionARN", gateArn, "EventType", "viewer-request"))
	}
	viewer := "redirect-to-https"
	if b.httpsOnly {
		viewer = "https-only"
	}
	all := o("TargetOriginId", b.origin.id, "TrustedSigners", o("Enabled", false, "Quantity", 0), "TrustedKeyGroups", keyGroups, "ViewerProtocolPolicy", viewer,
		"AllowedMethods", append(items(b.methods...), o("CachedMethods", items("HEAD", "GET"))...), "SmoothStreaming", false, "Compress", true,
		"LambdaFunctionAssociations", items[obj](), "FunctionAssociations", functions, "FieldLevelEncryptionId", "")
	policy, request := cachingOptimized, ""
	switch {
	case b.noCache:
		policy, request = cachingDisabled, allButHost
	case b.corsHeaders:
		request = corsS3Origin
	case b.forwardReferer:
		request = refererPolicy
	}
	all = append(all, o("CachePolicyId", policy)...)
	if request != "" {
		all = append(all, o("OriginRequestPolicyId", request)...)
	}
	return append(all, o("GrpcConfig", o("Enabled", false))...)
}

func (p *publicAccessBlock) json() obj {
	return o("BlockPublicAcls", p.blockACLs, "IgnorePublicAcls", p.ignoreACLs, "BlockPublicPolicy", p.blockPolicy, "RestrictPublicBuckets", p.restrict)
}

func (w *world) putBucket(b *bucket, put func(string, any)) {
	dir := "buckets/" + b.name + "/"
	put(dir+"head.json", o("BucketArn", "arn:aws:s3:::"+b.name, "BucketRegion", b.region, "AccessPointAlias", false))
	location := any(b.region)
	if b.region == "us-east-1" {
		location = nil
	}
	put(dir+"location.json", o("LocationConstraint", location))
	put(dir+"policy.json", b.policyJSON())
	put(dir+"policy-status.json", o("PolicyStatus", o("IsPublic", b.public())))
	if len(b.grants) == 0 {
		put(dir+"policy-status.json", failure("NoSuchBucketPolicy", "The bucket policy does not exist"))
	}
	if b.block != nil {
		put(dir+"public-access-block.json", o("PublicAccessBlockConfiguration", b.block.json()))
	} else {
		put(dir+"public-access-block.json", failure("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found"))
	}
	if b.ownership != "" {
		put(dir+"ownership-controls.json", o("OwnershipControls", o("Rules", []obj{o("ObjectOwnership", b.ownership)})))
	} else {
		put(dir+"ownership-controls.json", failure("OwnershipControlsNotFoundError", "The bucket ownership controls were not found"))
	}
	put(dir+"acl.json", ownerACL(ownerID))
	if b.website {
		put(dir+"website.json", o("IndexDocument", o("Suffix", "index.html")))
	} else {
		put(dir+"website.json", failure("NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration"))
	}
	payer := "BucketOwner"
	if b.requesterPays {
		payer = "Requester"
	}
	put(dir+"request-payment.json", o("Payer", payer))
	put(dir+"encryption.json", o("ServerSideEncryptionConfiguration", o("Rules", []obj{o("ApplyServerSideEncryptionByDefault", o("SSEAlgorithm", "AES256"), "BucketKeyEnabled", false)})))
	prefix, keys := "s3/"+b.name+"/", o("SimplePrefix", o())
	if b.partitioned {
		prefix, keys = "s3/", o("PartitionedPrefix", o("PartitionDateSource", "EventTime"))
	}
	put(dir+"logging.json", o("LoggingEnabled", o("TargetBucket", logBucket, "TargetPrefix", prefix, "TargetObjectKeyFormat", keys)))
	versioning := o()
	if b.versioned {
		versioning = o("Status", "Enabled")
	}
	put(dir+"versioning.json", versioning)
	if b.corsOrigin != "" {
		put(dir+"cors.json", o("CORSRules", []obj{o("AllowedHeaders", []string{"*"}, "AllowedMethods", []string{"GET", "HEAD"}, "AllowedOrigins", []string{b.corsOrigin}, "MaxAgeSeconds", 3000)}))
	} else {
		put(dir+"cors.json", failure("NoSuchCORSConfiguration", "The CORS configuration does not exist"))
	}
	w.putObjects(b, dir, put)
}

func ownerACL(owner string) obj {
	return o("Owner", o("ID", owner), "Grants", []obj{o("Grantee", o("ID", owner, "Type", "CanonicalUser"), "Permission", "FULL_CONTROL")})
}

// policyJSON is the bucket policy that says what grants and denials say.
func (b *bucket) policyJSON() obj {
	if len(b.grants) == 0 {
		return failure("NoSuchBucketPolicy", "The bucket policy does not exist")
	}
	var statements []obj
	for _, g := range b.grants {
		who := any("*")
		switch g.to.kind {
		case "cloudfront":
			who = o("Service", "cloudfront.amazonaws.com")
		case "oai":
			who = o("AWS", "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity "+g.to.id)
		}
		s := o("Sid", g.sid, "Effect", "Allow", "Principal", who, "Action", "s3:GetObject", "Resource", b.resources(g.keys))
		switch {
		case g.distribution != "":
			s = append(s, o("Condition", o("StringEquals", o("AWS:SourceArn", "arn:aws:cloudfront::"+account+":distribution/"+g.distribution)))...)
		case g.referer != "":
			s = append(s, o("Condition", o("StringEquals", o("aws:Referer", g.referer)))...)
		case len(g.sourceIP) > 0:
			s = append(s, o("Condition", o("IpAddress", o("aws:SourceIp", g.sourceIP)))...)
		}
		statements = append(statements, s)
	}
	for _, d := range b.denials {
		condition := o("StringNotEquals", o("aws:SourceVpce", d.vpce))
		if d.plainHTTP {
			condition = o("Bool", o("aws:SecureTransport", "false"))
		}
		statements = append(statements, o("Sid", d.sid, "Effect", "Deny", "Principal", "*", "Action", "s3:GetObject", "Resource", b.resources(d.keys), "Condition", condition))
	}
	return o("Policy", text(o("Version", "2012-10-17", "Statement", statements)))
}

func (b *bucket) resources(keys []string) any {
	var arns []string
	for _, key := range keys {
		arns = append(arns, "arn:aws:s3:::"+b.name+"/"+key)
	}
	if len(arns) == 1 {
		return arns[0]
	}
	return arns
}

// putObjects writes the whole listing, the versions, and what HeadObject said about each key that
// exists and was refused.
func (w *world) putObjects(b *bucket, dir string, put func(string, any)) {
	sorted := slices.Clone(b.objects)
	slices.SortFunc(sorted, func(x, y *object) int { return strings.Compare(x.key, y.key) })
	contents, versions, markers := []obj{}, []obj{}, []obj{}
	for _, ob := range sorted {
		owner := ownerID
		if ob.owner != "" {
			owner = ob.owner
		}
		class := ob.storageClass
		if class == "" {
			class = "STANDARD"
		}
		head := o("ETag", ob.etag(), "ChecksumAlgorithm", []string{"CRC64NVME"}, "ChecksumType", "FULL_OBJECT", "Size", ob.size, "StorageClass", class)
		if ob.deleted.IsZero() {
			contents = append(contents, append(o("Key", ob.key, "LastModified", stamp(ob.modified())), append(slices.Clone(head), o("Owner", o("ID", owner))...)...))
		} else {
			markers = append(markers, o("Owner", o("ID", owner), "Key", ob.key, "VersionId", ob.version("marker"), "IsLatest", true, "LastModified", stamp(ob.deleted)))
		}
		if b.versioned {
			version := func(name string, latest bool, since time.Time) {
				versions = append(versions, append(slices.Clone(head), o("Key", ob.key, "VersionId", ob.version(name), "IsLatest", latest, "LastModified", stamp(since), "Owner", o("ID", owner))...))
			}
			version("object", ob.deleted.IsZero(), ob.modified())
			if !ob.replaced.IsZero() {
				version("former", false, ob.created)
			}
		}
	}
	put(dir+"objects.json", o("Complete", true, "Contents", contents, "RequestCharged", nil))
	if b.versioned {
		put(dir+"versions.json", o("Versions", versions, "DeleteMarkers", markers, "RequestCharged", nil))
	}
	for _, rec := range w.records {
		if rec.bucket != b || rec.status != 403 || rec.key == "" {
			continue
		}
		name := dir + "objects/" + strings.ReplaceAll(encodePath(rec.key), "/", "%2F") + "/"
		ob := b.object(rec.key, snapshotTime)
		switch {
		case ob == nil: // the listing says so
		case ob.owner != "":
			put(name+"head.json", failure("403", "Forbidden"))
			put(name+"acl.json", failure("AccessDenied", "Access Denied"))
		default:
			put(name+"head.json", ob.head(b))
			if b.ownership != "BucketOwnerEnforced" { // else no ACL counts
				put(name+"acl.json", ownerACL(ownerID))
			}
		}
	}
}

func (ob *object) modified() time.Time {
	if !ob.replaced.IsZero() {
		return ob.replaced
	}
	return ob.created
}

func (ob *object) etag() string {
	sum := md5.Sum([]byte(ob.key))
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

// version is a version ID: 32 characters that depend on the key alone.
func (ob *object) version(kind string) string {
	sum := md5.Sum([]byte(kind + ob.key))
	return hex.EncodeToString(sum[:])
}

func (ob *object) head(b *bucket) obj {
	head := o("AcceptRanges", "bytes", "LastModified", stamp(ob.modified()), "ContentLength", ob.size, "ETag", ob.etag())
	if b.versioned {
		head = append(head, o("VersionId", ob.version("object"))...)
	}
	head = append(head, o("ContentType", contentType(ob.key), "ServerSideEncryption", "AES256", "Metadata", o())...)
	if ob.kms {
		for i, m := range head {
			if m.name == "ServerSideEncryption" {
				head[i].value = "aws:kms"
			}
		}
		head = append(head, o("SSEKMSKeyId", kmsArn, "BucketKeyEnabled", true)...)
	}
	if ob.storageClass != "" {
		head = append(head, o("StorageClass", ob.storageClass)...)
	}
	return head
}
