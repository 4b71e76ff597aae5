package report

import (
	"fmt"
	"time"

	"github.com/why403/why403/logs"
)

func at(s string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05", s)
	if err != nil {
		panic(err)
	}
	return t
}

func ptr[T any](v T) *T { return &v }

// sampleReport is a believable night of a shop's site.
func sampleReport() *Report {
	const dist, bucket = "E2ABCDEFGHIJ3K", "shop-assets"
	const edgeLog = "s3://shop-logs/cf/E2ABCDEFGHIJ3K.2026-11-23-21.18a84fe8.gz"
	const originLog = "s3://shop-logs/s3/2026-11-23-21-11-39-EB3F7366DA9271E8"
	key := func(verdict, name string, requests, viewers int64, status string, causes ...Cause) *FailingKey {
		return &FailingKey{
			Distribution: dist, Bucket: bucket, Key: name, KeyEncoding: "utf-8", Access: "oac",
			URIs:     []string{"/" + name},
			Requests: Requests{CloudFront: requests, S3: requests / 3},
			Viewers:  viewers, FirstSeen: at("2026-11-23 00:04:11"), LastSeen: at("2026-11-23 23:58:10"),
			Status: status, Verdict: verdict, Causes: causes,
			RuledOut: []string{"bpa-account", "requester-pays"},
			Hours: []HourCount{
				{at("2026-11-23 08:00:00"), requests / 2},
				{at("2026-11-23 21:00:00"), requests - requests/2},
			},
			Samples: []Sample{{
				CloudFront: &Line{edgeLog + ":17", at("2026-11-23 21:10:02"), []LineItem{
					{"sc-status", "403"}, {"cs-method", "GET"}, {"cs-uri-stem", "/" + name}, {"x-edge-result-type", "Error"},
					{"c-ip", "203.0.113.x"}, {"x-edge-request-id", "mBXq8s3k1mDq3kOqg3s0Q5g9wYt3Hj2bqY0Cz1v4z8sXo3m1f0a=="}}},
				S3: &Line{originLog + ":3", at("2026-11-23 21:10:02"), []LineItem{
					{"HTTP status", "403"}, {"Error Code", "AccessDenied"}, {"Operation", "REST.GET.OBJECT"},
					{"Requester", "svc:cloudfront.amazonaws.com"}, {"Remote IP", "130.176.1.x"}, {"Request ID", "7B4A0FABBEXAMPLE"}}},
			}},
		}
	}
	deny := Cause{ID: "policy-deny", Certainty: "proven",
		Summary: `Statement "DenyOutsideOffice" of the policy of shop-assets denies s3:GetObject: aws:SourceIp is not in 192.0.2.0/24.`,
		Evidence: []Evidence{
			{"s3-log", originLog + ":3", "403 AccessDenied for REST.GET.OBJECT, requester svc:cloudfront.amazonaws.com"},
			{"s3:GetBucketPolicy", "Statement[1].Condition.NotIpAddress.aws:SourceIp", "denies every address outside 192.0.2.0/24; CloudFront's fetches come from 130.176.1.x"},
		},
		Remedies: []Remedy{{Title: "Let CloudFront pass the Deny statement",
			Commands: []string{"aws s3api put-bucket-policy --bucket shop-assets --policy file://shop-assets-policy.json"},
			Verified: ptr(true), Opens: "",
			Document: "{\n  \"Version\": \"2012-10-17\"\n}\n",
			Diff: "--- policy of shop-assets\n+++ policy of shop-assets, changed\n@@ -14,5 +14,8 @@\n       \"Condition\": {\n         \"NotIpAddress\": {\n           \"aws:SourceIp\": \"192.0.2.0/24\"\n+        },\n+        \"StringNotEquals\": {\n" +
				"+          \"aws:PrincipalServiceName\": \"cloudfront.amazonaws.com\"\n         }\n",
			Terraform: "condition {\n  test     = \"StringNotEquals\"\n  variable = \"aws:PrincipalServiceName\"\n  values   = [\"cloudfront.amazonaws.com\"]\n}",
		}},
	}
	miss := func(asked, is string) Cause {
		return Cause{ID: "key-case", Certainty: "proven",
			Summary: fmt.Sprintf("%q does not exist, %q does.", asked, is),
			Evidence: []Evidence{
				{"cloudfront-log", edgeLog + ":204", "403 for GET /" + asked},
				{"s3:ListObjectsV2", "Contents[0].Key", "the bucket holds " + is},
			},
			Remedies: []Remedy{
				{Title: "Ask for the key as it is written: correct the link", Verified: ptr(true)},
				{Title: "Copy the object to the key that is asked for", Verified: nil,
					Commands: []string{"aws s3 cp 's3://shop-assets/" + is + "' 's3://shop-assets/" + asked + "'"}},
			},
		}
	}
	kms := Cause{ID: "kms-key-policy", Certainty: "likely", Summary: "The key policy of alias/shop does not let CloudFront decrypt.",
		Evidence: []Evidence{{"kms:GetKeyPolicy", "Statement[0]", "allows account 111122223333 alone"}},
		Remedies: []Remedy{{Title: "Allow the distribution to decrypt", Verified: ptr(false), Opens: "every object encrypted under this key to the distribution",
			Commands: []string{"aws kms put-key-policy --key-id 0a1b2c3d-1111-2222-3333-444455556666 --policy-name default --policy file://key-policy.json"}}},
	}
	keys := SliceKeys{key("policy-deny", "img/商品/一覧 2026.png", 812, 120, "new", deny, kms)}
	for i := range 41 {
		keys = append(keys, key("policy-deny", fmt.Sprintf("img/商品/%04d/サムネイル.webp", 41-i), int64(300-7*i), int64(40-i/2), "still", deny))
	}
	keys = append(keys,
		key("key-case", "img/Logo.PNG", 640, 300, "still", miss("img/Logo.PNG", "img/logo.png")),
		key("key-case", "css/Site.css", 212, 101, "still", miss("css/Site.css", "css/site.css")),
		key("key-case", "docs/か\u3099いど.pdf", 12, 3, "new", miss("docs/か\u3099いど.pdf", "docs/がいど.pdf")),
		key("key-case", "trailing \u202egnp.exe ", 2, 1, "new", miss("trailing \u202egnp.exe ", "trailing")),
	)
	un := key("unexplained", "reports/2026/11/a-rather-long-file-name-that-a-generator-made/summary-for-the-region-of-northern-europe.html", 44, 9, "still")
	un.Unknown = []Unknown{{"policy-deny", []string{"s3:GetBucketPolicy"}}, {"policy-no-allow", []string{"s3:GetBucketPolicy"}}, {"kms-key-policy", []string{"kms:GetKeyPolicy"}}}
	un.Bucket = "shop-reports"
	keys = append(keys, un)
	noise := key("key-missing", ".env", 30, 30, "")
	noise.Noise = true
	keys = append(keys, noise)
	fixed := key("key-missing", "img/banner.png", 9, 3, "fixed")
	fixed.FixedSince = ptr(at("2026-11-23 22:40:00"))
	quiet := key("key-missing", "img/old.png", 0, 0, "quiet")
	keys = append(keys, fixed, quiet)
	raw := key("key-missing", "bin/\xff\xfe\x00\x1b[31mred", 1, 1, "new", Cause{ID: "key-missing", Certainty: "proven", Summary: "The bucket holds no such object.",
		Evidence: []Evidence{{"s3:ListObjectsV2", "KeyCount", "0 keys begin with it"}}})

	return &Report{
		Run: Run{Started: at("2026-11-24 03:15:00"), Finished: at("2026-11-24 03:15:41"), Version: "v1.0.0", Engine: "local",
			Window:     Window{ptr(at("2026-11-23 00:00:00")), ptr(at("2026-11-24 00:00:00"))},
			Incomplete: []string{"s3:GetBucketPolicy was refused for bucket shop-reports"}},
		Inputs: &logs.Inputs{Objects: 214, Bytes: 12_345_678, Lines: 142_012, Records: 141_990, Skipped: 14, Rejected: 8, Duplicates: 3,
			ByStatus: map[int]int64{200: 130_000, 403: 4211},
			ByFormat: map[string]*logs.FormatCount{
				"cloudfront":   {Objects: 24, Lines: 136_228, Records: 136_204, Forbidden: 4211, Skipped: 14, Rejected: 8},
				"s3-accesslog": {Objects: 190, Lines: 5784, Records: 5786, Forbidden: 1400},
			},
			RejectedSamples: []logs.Rejection{{Object: edgeLog, Line: 901, Reason: "33 fields expected, 12 found"}}},
		Summary: Summary{Forbidden: 9302, CloudFront: 9211, S3: 3000, Direct: 91, Requests: 136_204,
			Causes: []CauseCount{
				{"policy-deny", "a Deny statement matches", "proven", 42, 7372, 1},
				{"key-case", "an existing key differs only in case", "proven", 4, 866, 2},
				{"edge-waf", "a web ACL blocked it", "likely", 2, 310, 0},
				{"unexplained", "no cause could be proven", "", 1, 44, 0},
				{"key-missing", "no such object", "proven", 4, 40, 1},
			},
			Statuses: map[string]int{"new": 4, "still": 45, "fixed": 1, "quiet": 1},
			Patterns: []Pattern{{"case", "41 of the failing keys under img/ differ from an existing key only in case", 41, 866}},
			Noise:    Noise{Keys: 1, Requests: 30, Examples: []string{".env", "wp-login.php"}},
		},
		FailingKeys:    keys,
		DirectFailures: SliceKeys{raw},
		EdgeFailures: SlicePaths{{Distribution: dist, URI: "/admin/%E3%81%82", Requests: 280, Viewers: 2, FirstSeen: at("2026-11-23 01:00:00"), LastSeen: at("2026-11-23 02:00:00"),
			Status: "still", Verdict: "edge-waf",
			Causes: []Cause{{ID: "edge-waf", Certainty: "likely", Summary: "The web ACL shop-acl blocks it by rule AWSManagedRulesCommonRuleSet.",
				Evidence: []Evidence{{"waf-log", "s3://aws-waf-logs-shop/111122223333_waflogs_cloudfront_shop_20261123T0100Z_a1.log.gz:12", "BLOCK by AWSManagedRulesCommonRuleSet, same request id"}},
				Remedies: []Remedy{{Title: "Set the rule to count and watch", Commands: []string{"aws wafv2 get-web-acl --name shop-acl --scope CLOUDFRONT --id 1"}}}}},
			Hours: []HourCount{{at("2026-11-23 01:00:00"), 280}}}},
		APICalls: map[string]int64{"s3:GetBucketPolicy": 2, "s3:ListObjectsV2": 31, "kms:GetKeyPolicy": 1},
		Notes:    []string{"The S3 log of shop-reports ends at 2026-11-23 22:10 UTC: later refusals have no S3 line yet."},
		Documents: []Document{{Source: "s3:GetBucketPolicy", Of: bucket, Text: `{"Version":"2012-10-17","Statement":[` +
			`{"Sid":"AllowCloudFront","Effect":"Allow","Principal":{"Service":"cloudfront.amazonaws.com"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::shop-assets/*"},` +
			`{"Sid":"DenyOutsideOffice","Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::shop-assets/img/*","Condition":{"NotIpAddress":{"aws:SourceIp":"192.0.2.0/24"}}}]}`}},
		Trend: []Day{
			{Day: "2026-11-21", Requests: 130_100, CloudFront: 4100, S3: 1300, Causes: map[string]int64{"policy-deny": 4100}},
			{Day: "2026-11-22", Requests: 131_700, CloudFront: 3900, S3: 1200, Causes: map[string]int64{"policy-deny": 3900}},
			{Day: "2026-11-23", Requests: 136_204, CloudFront: 9211, S3: 3000, Direct: 91, Causes: map[string]int64{"policy-deny": 7372, "key-case": 866}},
		},
	}
}
