package scan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/why403/why403/internal/awsoverlay"
	"github.com/why403/why403/internal/report"
)

// many is an account of 250 distributions, the last of which, E2ABCDEFGHIJK,
// serves the bucket media and is not the one that its policy names.
func many(t *testing.T, deny ...string) *account {
	t.Helper()
	a := newAccount(t, deny...)
	for i := range 249 {
		a.distribution(fmt.Sprintf("E1ABCDEFGH%03d", i), nil, "other")
	}
	a.distribution("E2ABCDEFGHIJK", nil, "media")
	a.bucket("media", object{}, "E1ABCDEFGH000")
	a.log("logs", "s3/2026-11-24-11-00-00-0123456789ABCDEF", accessLog("media", "index.html"))
	return a
}

// TestS3LogAlone finds by one listing the distribution whose origin is the
// bucket of CloudFront's refused fetches: no line of S3 names it.
func TestS3LogAlone(t *testing.T) {
	a := many(t)
	o := Options{Locations: []string{"s3://logs/s3/"}, Window: wholeDay, MaxKeys: 200, AWS: a.aws}
	rep, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"E2ABCDEFGHIJK media/index.html cf=0 s3=1 oac-source-arn"}, failing(t, rep)); d != "" {
		t.Error(d)
	}
	if _, by := a.calls(); by["cloudfront:ListDistributions"] != 3 || by["cloudfront:GetDistribution"] != 1 {
		t.Errorf("calls %v, want three pages of distributions and one of them", by)
	}

	// What a log names already is not looked for, nor what is no fetch of CloudFront's.
	a = many(t)
	a.log("logs", "s3/E2ABCDEFGHIJK.2026-11-24-10.aaaaaaaa.gz", w3c("/index.html"))
	o.AWS = a.aws
	if _, err = Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if _, by := a.calls(); by["cloudfront:ListDistributions"] != 0 {
		t.Errorf("calls %v, want no listing of distributions", by)
	}
	a = many(t)
	a.log("logs", "s3/2026-11-24-11-00-00-0123456789ABCDEF", strings.Replace(accessLog("media", "index.html"), "svc:cloudfront.amazonaws.com", "-", 1))
	o.AWS = a.aws
	if _, err = Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if _, by := a.calls(); by["cloudfront:ListDistributions"] != 0 {
		t.Errorf("calls %v, want no listing of distributions for direct clients", by)
	}
}

// TestS3LogAloneWithoutListing says unknown where the distributions can't be
// listed, for want of the permission or for the limit of calls.
func TestS3LogAloneWithoutListing(t *testing.T) {
	f := func(a *account, limit int, want string) {
		t.Helper()
		a.aws.MaxCalls = limit
		rep, err := Run(t.Context(), Options{Locations: []string{"s3://logs/s3/"}, Window: wholeDay, MaxKeys: 200, AWS: a.aws})
		if err != nil {
			t.Fatal(err)
		}
		got := failing(t, rep)
		if len(got) != 1 || !strings.HasSuffix(got[0], "unexplained") {
			t.Errorf("%q", got)
		}
		for k := range rep.FailingKeys.All() {
			if !slices.ContainsFunc(k.Unknown, func(u report.Unknown) bool { return u.ID == "oac-source-arn" }) {
				t.Errorf("oac-source-arn is not unknown: %+v", k.Unknown)
			}
		}
		if notes := strings.Join(rep.Notes, "\n"); !strings.Contains(notes, want) || !strings.Contains(notes, "name it with --distribution") {
			t.Errorf("notes %q", notes)
		}
	}
	f(many(t, "cloudfront:ListDistributions"), 0, "cloudfront:ListDistributions")
	f(many(t), 1, "cloudfront:ListDistributions")
}

// TestOddPlaces: a bucket elsewhere or of somebody else, a distribution that is
// gone: the run completes, with a finding or with what is missing.
func TestOddPlaces(t *testing.T) {
	f := func(set func(*account), verdict, unknown, missing string) {
		t.Helper()
		a := newAccount(t)
		a.distribution("E1ABCDEFGHIJK", nil, "media")
		a.bucket("media", object{}, "E1ABCDEFGHIJK")
		a.log("logs", "E1ABCDEFGHIJK.2026-11-24-10.aaaaaaaa.gz", w3c("/index.html"))
		a.log("logs", "2026-11-24-11-00-00-0123456789ABCDEF", accessLog("media", "index.html"))
		set(a)
		rep, err := Run(t.Context(), Options{Locations: []string{"s3://logs/"}, Window: wholeDay, MaxKeys: 200, AWS: a.aws})
		if err != nil {
			t.Fatal(err)
		}
		got := failing(t, rep)
		if len(got) != 1 || !strings.HasSuffix(got[0], " "+verdict) {
			t.Errorf("%q, want verdict %s", got, verdict)
		}
		for k := range rep.FailingKeys.All() {
			i := slices.IndexFunc(k.Unknown, func(u report.Unknown) bool { return u.ID == unknown })
			if unknown != "" && (i < 0 || !strings.Contains(strings.Join(k.Unknown[i].Missing, " "), missing)) {
				t.Errorf("%s: unknown %+v, want %s for %s", verdict, k.Unknown, unknown, missing)
			}
		}
	}
	f(func(*account) {}, "unexplained", "", "")
	f(func(a *account) { // the origin's name and the caller's Region are wrong
		a.put("buckets/media/head.json", object{"BucketRegion": "ap-southeast-2"})
		a.put("buckets/media/policy.json", object{"Error": object{"Code": "NoSuchBucketPolicy"}})
	}, "policy-no-allow", "", "")
	f(func(a *account) { // what S3 answers to another account
		for _, name := range []string{"policy", "policy-status", "public-access-block", "ownership-controls", "acl", "request-payment", "encryption", "versioning"} {
			a.put("buckets/media/"+name+".json", object{"Error": object{"Code": "MethodNotAllowed", "Message": "The specified method is not allowed against this resource."}})
		}
		a.put("buckets/media/head-expected-owner.json", object{"Error": object{"Code": "403"}})
	}, "unexplained", "policy-no-allow", "s3:GetBucketPolicy")
	f(func(a *account) {
		a.put("distributions/E1ABCDEFGHIJK/distribution.json", object{"Error": object{"Code": "NoSuchDistribution"}})
	}, "unexplained", "oac-source-arn", "cloudfront:GetDistribution")
	f(func(a *account) { a.put("buckets/media/head.json", object{"Error": object{"Code": "404"}}) }, "bucket-not-owned", "", "")
	f(func(a *account) { // another S3: status 200 with another document
		a.put("buckets/media/policy-status.json", object{})
		a.put("buckets/media/request-payment.json", object{"Contents": []object{}})
	}, "unexplained", "requester-pays", "s3:GetBucketRequestPayment (InvalidAnswer)")
}

// TestLimits asks for no more than --max-api-calls, whatever the number, and
// never says more for it than without.
func TestLimits(t *testing.T) {
	whole, aws := sampleAWS(t)
	rep, err := Run(t.Context(), Options{Locations: []string{sampleLogs}, MaxKeys: 200, AWS: aws})
	if err != nil {
		t.Fatal(err)
	}
	proven := map[string]bool{}
	for k := range rep.FailingKeys.All() {
		for _, c := range k.Causes {
			proven[k.Distribution+" "+k.Bucket+" "+k.Key+" "+c.ID] = true
		}
	}
	all := len(whole.Requests())
	for _, limit := range []int{1, 2, 7, 30, 80, all} {
		var server *awsoverlay.Server
		server, aws = sampleAWS(t)
		aws.MaxCalls = limit
		rep, err := Run(t.Context(), Options{Locations: []string{sampleLogs}, MaxKeys: 200, AWS: aws})
		if err != nil {
			t.Fatal(err)
		}
		if n := len(server.Requests()); n > limit {
			t.Errorf("%d calls, the limit is %d", n, limit)
		}
		for k := range rep.FailingKeys.All() {
			for _, c := range k.Causes {
				if c.Certainty == "proven" && !proven[k.Distribution+" "+k.Bucket+" "+k.Key+" "+c.ID] {
					t.Errorf("with %d calls %s is proven for %s/%s, not with all", limit, c.ID, k.Bucket, k.Key)
				}
			}
		}
	}
}

// TestAccessPoint asks for the access point that S3's line names: its policy must
// permit the request as well as the bucket's. Without the permission to read it
// that is unknown.
func TestAccessPoint(t *testing.T) {
	const point = "access-points/eu-central-1.111122223333.edge/"
	f := func(deny, verdict, missing string, policy object) {
		t.Helper()
		a := newAccount(t, deny)
		a.distribution("E1ABCDEFGHIJK", nil, "media")
		a.bucket("media", object{}, "E1ABCDEFGHIJK")
		a.put(point+"access-point.json", object{"Name": "edge", "Bucket": "media", "NetworkOrigin": "Internet"})
		a.put(point+"policy.json", policy)
		a.log("logs", "2026-11-24-11-00-00-0123456789ABCDEF", strings.Replace(accessLog("media", "index.html"), "TLSv1.3 - -", "TLSv1.3 arn:aws:s3:eu-central-1:111122223333:accesspoint/edge -", 1))
		rep, err := Run(t.Context(), Options{Locations: []string{"s3://logs/"}, Window: wholeDay, MaxKeys: 200, AWS: a.aws})
		if err != nil {
			t.Fatal(err)
		}
		if got := failing(t, rep); len(got) != 1 || !strings.HasSuffix(got[0], " "+verdict) {
			t.Errorf("%q, want verdict %s", got, verdict)
		}
		for k := range rep.FailingKeys.All() {
			if missing != "" && !slices.ContainsFunc(k.Unknown, func(u report.Unknown) bool {
				return u.ID == "policy-no-allow" && slices.Contains(u.Missing, missing)
			}) {
				t.Errorf("%s is not named as missing: %+v", missing, k.Unknown)
			}
		}
	}
	none := object{"Error": object{"Code": "NoSuchAccessPointPolicy"}}
	allow := object{"Policy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"cloudfront.amazonaws.com"},"Action":"s3:GetObject","Resource":"arn:aws:s3:eu-central-1:111122223333:accesspoint/edge/object/*"}]}`}
	f("", "policy-no-allow", "", none)
	f("", "unexplained", "", allow)
	f("s3:GetAccessPointPolicy", "unexplained", "s3:GetAccessPointPolicy", none)
}
