package correlate_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/why403/why403/correlate"
	"github.com/why403/why403/logs"
)

// What aws cloudfront get-distribution prints, shortened.
const distribution = `{"Distribution": {
  "Id": "E2EXAMPLE1ABCD", "DomainName": "d111111abcdef8.cloudfront.net",
  "DistributionConfig": {
    "DefaultRootObject": "index.html",
    "Origins": {"Items": [{"Id": "site", "DomainName": "site.s3.eu-central-1.amazonaws.com", "OriginPath": "/live",
      "S3OriginConfig": {"OriginAccessIdentity": ""}, "OriginAccessControlId": "E327GJI25M56DG"}]},
    "DefaultCacheBehavior": {"TargetOriginId": "site"}
  }
}}`

// Follow a viewer's path to the key that S3 is asked for.
func ExampleResolver_Resolve() {
	d, err := correlate.ParseDistribution([]byte(distribution))
	if err != nil {
		fmt.Println(err)
		return
	}
	r := correlate.NewResolver(d, nil)
	for _, path := range []string{"/", "/docs/"} {
		res := r.Resolve(path)
		fmt.Printf("%s asks bucket %s for %q\n", path, res.Bucket, res.Key)
		for _, step := range res.Steps() {
			fmt.Println(" ", step)
		}
	}
	// Output:
	// / asks bucket site for "live/index.html"
	//   the viewer asked for "/"
	//   the default behavior matches
	//   the default root object "index.html" stands for "/"
	//   origin "site" puts its origin path "/live" before the path
	//   origin "site.s3.eu-central-1.amazonaws.com" is asked for "/live/index.html"
	//   S3 looks for key "live/index.html" in bucket site
	// /docs/ asks bucket site for "live/docs/"
	//   the viewer asked for "/docs/"
	//   the default behavior matches
	//   origin "site" puts its origin path "/live" before the path
	//   origin "site.s3.eu-central-1.amazonaws.com" is asked for "/live/docs/"
	//   S3 looks for key "live/docs/" in bucket site
}

// Name the key that was probably meant.
func ExampleNear() {
	bucket := correlate.NewKeyList([]string{"images/hero.jpg", "docs/index.html"})
	for _, key := range []string{"images/Hero.jpg", "docs/"} {
		near, err := correlate.Near(context.Background(), key, correlate.Hint{}, bucket, 1)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(key, near)
	}
	// Output:
	// images/Hero.jpg [{images/hero.jpg key-case}]
	// docs/ [{docs/index.html key-directory-index}]
}

// Join both logs and list the keys that fail.
func ExampleCorrelator() {
	const edge = "#Version: 1.0\n" +
		"#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol\n" +
		"2026-11-20\t10:00:01\tFRA56-P4\t243\t192.0.2.1\tGET\td111111abcdef8.cloudfront.net\t/Hero.jpg\t403\t-\tcurl/8.5\t-\t-\tError\treq1==\twww.example.com\thttps\n"
	const origin = `79a59df9 site [20/Nov/2026:10:00:01 +0000] - svc:cloudfront.amazonaws.com 0A49CE4060975EAC REST.GET.OBJECT live/Hero.jpg "GET /live/Hero.jpg HTTP/1.1" 403 AccessDenied 243 - 9 - "-" "Amazon CloudFront" - BBBB= SigV4 TLS_AES_128_GCM_SHA256 AuthHeader site.s3.eu-central-1.amazonaws.com TLSv1.3 - -
`
	d, err := correlate.ParseDistribution([]byte(distribution))
	if err != nil {
		fmt.Println(err)
		return
	}
	dir, err := os.MkdirTemp("", "logs")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	for name, text := range map[string]string{"E2EXAMPLE1ABCD.2026-11-20-10.a1b2c3d4": edge, "2026-11-20-11-00-00-0123456789ABCDEF": origin} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			fmt.Println(err)
			return
		}
	}
	source, err := logs.Open(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	c := correlate.New(correlate.Options{})
	if _, err := logs.Scan(context.Background(), []logs.Source{source}, logs.Options{}, c.Handler); err != nil {
		fmt.Println(err)
		return
	}
	result, err := c.Result(context.Background(), correlate.Settings{Distributions: []*correlate.Distribution{d}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer result.Close()
	for k := range result.Keys.All() {
		fmt.Printf("%s: %q in bucket %s, asked for as %v, access %s: %d of CloudFront's lines, %d of S3's\n",
			k.Distribution, k.Key, k.Bucket, k.URIs, k.Access, k.Requests.CloudFront, k.Requests.S3)
	}
	// Output:
	// E2EXAMPLE1ABCD: "live/Hero.jpg" in bucket site, asked for as [/Hero.jpg], access oac: 1 of CloudFront's lines, 1 of S3's
}
