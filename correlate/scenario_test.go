package correlate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// summary prints a result in short lines, for comparing.
func summary(r *Result) string {
	var b strings.Builder
	keys := func(what string, list []*FailingKey) {
		for _, k := range list {
			fmt.Fprintf(&b, "%s %s %s/%s %s %s", what, orDash(k.Distribution), orDash(k.Bucket), orDash(k.Key), k.Access, k.KeyKnown)
			for _, c := range []struct {
				name string
				n    int64
			}{
				{"cf", k.Requests.CloudFront}, {"s3", k.Requests.S3}, {"direct", k.Requests.Direct}, {"joined", k.Join.Joined}, {"masked", k.Join.Masked},
				{"cached", k.Join.Cached}, {"collapsed", k.Join.Collapsed}, {"late", k.Join.NotDelivered}, {"nolog", k.Join.NoLog},
				{"unexplained", k.Join.Unexplained}, {"alone", k.Join.OriginOnly},
			} {
				if c.n != 0 {
					fmt.Fprintf(&b, " %s=%d", c.name, c.n)
				}
			}
			if k.Noise {
				b.WriteString(" noise")
			}
			b.WriteByte('\n')
		}
	}
	keys("key", all(r.Keys))
	keys("direct", all(r.Direct))
	for e := range r.Edge.All() {
		fmt.Fprintf(&b, "edge %s %s n=%d %s", e.Distribution, e.URI, e.Requests, e.Reason)
		if e.Bucket != "" {
			fmt.Fprintf(&b, " %s/%s", e.Bucket, e.Key)
		}
		if e.Noise {
			b.WriteString(" noise")
		}
		b.WriteByte('\n')
	}
	for _, w := range r.Rewrites {
		fmt.Fprintf(&b, "rewrite %s %s: %s, %d pairs %s\n", w.Distribution, orDash(w.PathPattern), w.Pattern, w.Pairs, w.Function)
	}
	if r.Duplicates+r.Own != 0 {
		fmt.Fprintf(&b, "duplicates=%d own=%d\n", r.Duplicates, r.Own)
	}
	return b.String()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func lines(s string) string {
	var out []string
	for _, l := range strings.Split(s, "\n") {
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	return strings.Join(out, "\n")
}

// site is a distribution with one origin; change adjusts it.
func site(domain string, change func(*Distribution)) Settings {
	d := &Distribution{ID: "E1", DomainName: "d1.cloudfront.net",
		Origins:   []Origin{{ID: "site", DomainName: domain, S3: !strings.Contains(domain, "website")}},
		Behaviors: []Behavior{{PathPattern: "*", TargetOriginID: "site"}}}
	if d.Origins[0].S3 {
		d.Origins[0].OriginAccessControlID = "OAC1"
	}
	if change != nil {
		change(d)
	}
	return Settings{Distributions: []*Distribution{d}}
}

const restHost = "site.s3.eu-central-1.amazonaws.com"

// rewritten makes lines of a function that turns paths into keys.
func rewritten(n int, path, key func(i int) string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "cf 09:%02d:01 0.05 GET %s 403\ns3 09:%02d:00 REST.GET.OBJECT site %s 403\n", i, path(i), i, key(i))
	}
	return b.String()
}

func TestScenarios(t *testing.T) {
	rest := site(restHost, nil)
	canonical := strings.Repeat("0a1b2c3d", 8)
	for _, c := range []struct {
		name     string
		settings Settings
		logs     string
		want     string
	}{
		{"a key of spaces and layers", rest, `
			cf 10:00:01 0.05 GET /a%2520b%252Bc 403
			s3 10:00:00 REST.GET.OBJECT site a%2Bb%252Bc 403`, `
			key E1 site/a b+c oac logged cf=1 s3=1 joined=1`},
		{"plus is a space to S3", rest, `
			cf 10:00:01 0.05 GET /a+b 403
			s3 10:00:00 REST.GET.OBJECT site a%2Bb 403`, `
			key E1 site/a b oac logged cf=1 s3=1 joined=1`},
		{"S3's line says that plus is a plus", rest, `
			cf 10:00:01 0.05 GET /a+b%2520c 403
			s3 10:00:00 REST.GET.OBJECT site a%252Bb%2Bc 403`, `
			key E1 site/a+b c oac logged cf=1 s3=1 joined=1`},
		{"methods are kept apart", rest, `
			cf 10:00:01 0.05 HEAD /a 403
			cf 10:00:01 0.05 PUT /a 403
			s3 10:00:00 REST.HEAD.OBJECT site a 403
			s3 10:00:00 REST.PUT.OBJECT site a 403`, `
			key E1 site/a oac logged cf=2 s3=2 joined=2`},
		{"the window", rest, `
			cf 10:00:10 3.0 GET /a 403         # began 10:00:07
			s3 10:00:05 REST.GET.OBJECT site a 403
			cf 10:10:10 3.0 GET /b 403
			s3 10:10:04 REST.GET.OBJECT site b 403
			cf 10:20:10 3.0 GET /c 403
			s3 10:20:11 REST.GET.OBJECT site c 403
			cf 10:30:10 3.0 GET /d 403
			s3 10:30:12 REST.GET.OBJECT site d 403`, `
			key E1 site/d oac logged cf=1 s3=1 unexplained=1 alone=1
			key E1 site/a oac logged cf=1 s3=1 joined=1
			key E1 site/b oac logged s3=1 cached=1 alone=1
			key E1 site/c oac logged cf=1 s3=1 joined=1
			edge E1 /b n=1 cached site/b`},
		{"clocks a little apart do not cost a pair", rest, `
			cf 10:00:07.123 0.045 GET /a 403
			cf 10:00:09.123 0.045 GET /a 403
			s3 10:00:06 REST.GET.OBJECT site a 403
			s3 10:00:08 REST.GET.OBJECT site a 403   # after the first was answered`, `
			key E1 site/a oac logged cf=2 s3=2 joined=2`},
		{"the root without a default root object", rest, `
			cf 10:00:01 0.05 GET / 403
			s3 10:00:00 REST.GET.BUCKET site - 403`, `
			key E1 site/- oac logged cf=1 s3=1 joined=1`},
		{"preflight", rest, `
			cf 10:00:01 0.05 OPTIONS /f.woff2 403
			s3 10:00:00 REST.OPTIONS.PREFLIGHT site f.woff2 403 requester= agent=Amazon_CloudFront code=AccessForbidden`, `
			key E1 site/f.woff2 oac logged cf=1 s3=1 joined=1`},
		{"preflight without an agent", rest, `
			cf 10:00:01 0.05 OPTIONS /f.woff2 403
			s3 10:00:00 REST.OPTIONS.PREFLIGHT site f.woff2 403 requester= agent= code=AccessForbidden
			s3 10:00:00 REST.OPTIONS.PREFLIGHT site f.woff2 403 requester= agent=Mozilla/5.0 ip=203.0.113.9 code=AccessForbidden`, `
			key E1 site/f.woff2 oac logged cf=1 s3=1 direct=1 joined=1`},
		{"website index", site("site.s3-website-eu-west-1.amazonaws.com", nil), `
			cf 10:00:01 0.05 GET /docs/ 403 type=text/html
			s3 10:00:00 WEBSITE.GET.OBJECT site docs/index.html 403 requester= agent=Amazon_CloudFront host=site.s3-website-eu-west-1.amazonaws.com`, `
			key E1 site/docs/index.html website logged cf=1 s3=1 joined=1`},
		{"origin access identity by settings", Settings{rest.Distributions, nil, map[string]string{canonical: "E2OAI"}}, `
			cf 10:00:01 0.05 GET /a 403
			s3 10:00:00 REST.GET.OBJECT site a 403 requester=` + canonical, `
			key E1 site/a oai logged cf=1 s3=1 joined=1`},
		{"origin access identity learnt", rest, `
			cf 10:00:01 0.05 GET /a 403
			s3 10:00:00 REST.GET.OBJECT site a 403 requester=` + canonical + `
			s3 09:00:00 REST.GET.OBJECT site b 403 agent=Amazon_CloudFront requester=` + canonical, `
			key E1 site/a oai logged cf=1 s3=1 joined=1
			key E1 site/b oai logged s3=1 alone=1`},
		{"origin access identity by name", rest, `
			cf 10:00:01 0.05 GET /a 403
			s3 10:00:00 REST.GET.OBJECT site a 403 requester=arn:aws:iam::cloudfront:user/CloudFront_Origin_Access_Identity_E2OAI`, `
			key E1 site/a oai logged cf=1 s3=1 joined=1`},
		{"forwarded agent", rest, `
			cf 10:00:01 0.05 GET /a 403 agent=Mozilla/5.0%20X ip=198.51.100.7
			s3 10:00:00 REST.GET.OBJECT site a 403 requester= agent=Mozilla/5.0_X ip=130.176.1.1`, `
			key E1 site/a anonymous logged cf=1 s3=1 joined=1`},
		{"the same agent at the bucket itself", rest, `
			cf 10:00:01 0.05 GET /a 403 agent=curl/8 ip=198.51.100.7
			s3 10:00:00 REST.GET.OBJECT site a 403 requester= agent=curl/8 ip=198.51.100.7
			s3 23:00:00 REST.GET.OBJECT site z 403`, `
			key E1 site/a oac resolved cf=1 direct=1 unexplained=1
			key E1 site/z oac logged s3=1 alone=1`},
		{"direct clients are kept apart", rest, `
			cf 10:00:01 0.05 GET /a 403
			s3 10:00:00 REST.GET.OBJECT site a 403
			s3 10:00:00 REST.GET.OBJECT site a 403 requester= agent=curl/8 ip=203.0.113.9
			s3 10:00:00 REST.GET.OBJECT site b 403 requester=arn:aws:iam::111122223333:user/x agent=aws-cli ip=203.0.113.9`, `
			key E1 site/a oac logged cf=1 s3=1 direct=1 joined=1
			direct - site/b iam logged direct=1`},
		{"our own requests", rest, `
			cf 10:00:01 0.05 GET /a 403 agent=why403/1.0
			s3 10:00:00 REST.GET.OBJECT site a 403 requester=arn:aws:iam::1:user/x agent=why403/1.0`, `
			duplicates=0 own=2`},
		{"lines delivered twice", rest, `
			cf 10:00:01 0.05 GET /a 403 id=x
			cf 10:00:01 0.05 GET /a 403 id=x
			s3 10:00:00 REST.GET.OBJECT site a 403 id=y
			s3 10:00:00 REST.GET.OBJECT site a 403 id=y`, `
			key E1 site/a oac logged cf=1 s3=1 joined=1
			duplicates=2 own=0`},
		{"requests in two logs of CloudFront", rest, `
			cf 10:00:01 0.05 GET /a 403 id=x
			cf 10:00:01 0.05 GET /a 403 id=y
			cf 10:00:01.123 0.05 GET /a 403 id=x
			cf 10:00:01.999 0.05 GET /a 403 id=y dist=d1.cloudfront.net
			cf 10:00:03 0.05 GET /a 403 id=x     # another request, for what we know
			s3 10:00:00 REST.GET.OBJECT site a 403
			s3 10:00:01 REST.GET.OBJECT site a 403
			s3 10:00:03 REST.GET.OBJECT site a 403`, `
			key E1 site/a oac logged cf=3 s3=3 joined=3
			duplicates=2 own=0`},
		{"requests in two logs of CloudFront, one of which tells more", rest, `
			cf 10:00:01 0.05 GET /a 403 id=x
			cf 10:00:02 0.05 GET /a 403 id=y
			cf 10:00:09 0.05 GET /a 403 id=z type=text/html
			cf 10:00:00.877 0.05 GET /a 403 id=w fbl=-
			cf 10:00:01.123 0.05 GET /a 403 id=x fbl=-
			cf 10:00:02.345 0.05 GET /a 403 id=y fbl=-
			cf 10:00:09.999 0.05 GET /a 403 id=z detailed=ClientGeoBlocked`, `
			key E1 site/a oac resolved cf=2 nolog=2
			edge E1 /a n=2 edge site/a
			duplicates=3 own=0`},
		{"a log that names the distribution by its domain name", rest, `
			cf 10:00:01 0.05 GET /b 403 dist=D1.cloudfront.net
			cf 10:00:01 0.05 GET /a 403
			cf 10:00:02 0.05 GET /a 403 dist=d1.cloudfront.net
			cf 10:00:02 0.05 GET /c 403 dist=d9.cloudfront.net
			cf 10:00:03 0.05 GET /a 403 detailed=ClientGeoBlocked dist=d1.cloudfront.net
			s3 10:00:00 REST.GET.OBJECT site a 403
			s3 10:00:01 REST.GET.OBJECT site b 403
			s3 10:00:02 REST.GET.OBJECT site a 403`, `
			key E1 site/a oac logged cf=2 s3=2 joined=2
			key d9.cloudfront.net -/c unknown guessed cf=1 nolog=1
			key E1 site/b oac logged cf=1 s3=1 joined=1
			edge E1 /a n=1 edge site/a`},
		{"one id, two operations", rest, `
			s3 10:00:00 REST.COPY.OBJECT site a 403 id=y
			s3 10:00:00 REST.COPY.OBJECT_GET site a 403 id=y`, `
			key E1 site/a oac logged s3=2 alone=2`},

		{"the edge's own signs", rest, `
			cf 10:00:01 0.05 GET /geo 403 detailed=ClientGeoBlocked type=text/html
			cf 10:00:01 0.05 POST /post 403 detailed=InvalidRequestMethod type=text/html
			cf 10:00:01 0.05 GET /fn 403 result=FunctionGeneratedResponse detailed=FunctionGeneratedResponse
			cf 10:00:01 0.05 GET /le 403 detailed=MissGeneratedResponse
			cf 10:00:01 0.05 GET /fbl 403 fbl=-
			cf 10:00:01 0.05 GET /html 403 type=text/html
			cf 10:00:01 0.05 GET /waf 403 id=w
			waf 10:00:01 w rule-1
			s3 09:00:00 REST.GET.OBJECT site other 403
			s3 23:00:00 REST.GET.OBJECT site other 403`, `
			key E1 site/other oac logged s3=2 alone=2
			edge E1 /fbl n=1 edge site/fbl
			edge E1 /fn n=1 edge site/fn
			edge E1 /geo n=1 edge site/geo
			edge E1 /html n=1 edge site/html
			edge E1 /le n=1 edge site/le
			edge E1 /post n=1 edge site/post
			edge E1 /waf n=1 edge site/waf`},
		{"one path, refused by both", rest, `
			cf 10:00:01 0.05 GET /a 403
			s3 10:00:00 REST.GET.OBJECT site a 403
			cf 10:00:01 0.05 GET /a 403 detailed=ClientGeoBlocked`, `
			key E1 site/a oac logged cf=1 s3=1 joined=1
			edge E1 /a n=1 edge site/a`},
		{"cached and collapsed", rest, `
			cf 10:00:02 1.0 GET /a 403
			cf 10:00:02 0.9 GET /a 403     # waited for the same fetch
			s3 10:00:01 REST.GET.OBJECT site a 403
			cf 10:00:09 0.0 GET /a 403     # error cache
			cf 10:05:00 0.0 GET /a 403     # too late for that
			s3 11:00:00 REST.GET.OBJECT site z 403`, `
			key E1 site/a oac logged cf=3 s3=1 joined=1 cached=1 collapsed=1 unexplained=1
			key E1 site/z oac logged s3=1 alone=1
			edge E1 /a n=1 cached site/a`},
		{"CloudFront's own page after S3's refusal", rest, `
			cf 10:00:02 0.1 GET /a 403
			s3 10:00:01 REST.GET.OBJECT site a 403
			cf 10:00:05 0.0 GET /a 403 ttfb=0 type=application/xml
			cf 10:10:02 0.1 GET /b 403
			s3 10:10:01 REST.GET.OBJECT site b 403
			cf 10:10:05 0.0 GET /b 403 ttfb=0 type=text/html   # REST endpoints answer XML
			s3 11:00:00 REST.GET.OBJECT site z 403`, `
			key E1 site/a oac logged cf=1 s3=1 joined=1 cached=1
			key E1 site/b oac logged cf=1 s3=1 joined=1
			key E1 site/z oac logged s3=1 alone=1
			edge E1 /a n=1 cached site/a
			edge E1 /b n=1 edge site/b`},
		{"the error cache by the settings", site(restHost, func(d *Distribution) { d.ErrorResponses = []ErrorResponse{{ErrorCode: 403, CachingMinTTL: 600}} }), `
			cf 10:00:02 0.1 GET /a 403
			s3 10:00:01 REST.GET.OBJECT site a 403
			cf 10:05:00 0.0 GET /a 403
			cf 10:20:00 0.0 GET /a 403
			s3 11:00:00 REST.GET.OBJECT site z 403`, `
			key E1 site/a oac logged cf=2 s3=1 joined=1 cached=1 unexplained=1
			key E1 site/z oac logged s3=1 alone=1
			edge E1 /a n=1 cached site/a`},
		{"not delivered yet", rest, `
			s3 09:00:00 REST.GET.OBJECT site z 403
			cf 10:00:02 0.1 GET /a 403`, `
			key E1 site/a oac resolved cf=1 late=1
			key E1 site/z oac logged s3=1 alone=1`},
		{"no log of the bucket", rest, `
			cf 10:00:02 0.1 GET /a 403
			s3 09:00:00 REST.GET.OBJECT another z 403`, `
			key - another/z oac logged s3=1 alone=1
			key E1 site/a oac resolved cf=1 nolog=1`},
		{"not S3", site("api.example.com", nil), `
			cf 10:00:02 0.1 GET /a 403 type=application/json`, `
			edge E1 /a n=1 not-s3`},
		{"an access point's alias", site("ap-x-s3alias.s3.eu-central-1.amazonaws.com", nil), `
			cf 10:00:01 0.05 GET /a 403
			s3 10:00:00 REST.GET.OBJECT behind a 403
			cf 10:10:01 0.05 GET /b 403
			s3 10:10:00 REST.GET.OBJECT behind b 403`, `
			key E1 behind/a oac logged cf=1 s3=1 joined=1
			key E1 behind/b oac logged cf=1 s3=1 joined=1`},
		{"a domain name before a bucket of that name", site("www.example.org", nil), `
			cf 10:00:01 0.05 GET /a/ 403 type=text/html
			s3 10:00:00 WEBSITE.GET.OBJECT www.example.org a/index.html 403 requester= agent=Amazon_CloudFront host=www.example.org`, `
			key E1 www.example.org/a/index.html website logged cf=1 s3=1 joined=1`},
		{"answers too quick for an origin", rest, `
			cf 10:00:01 0.001 GET /a 403 ttfb=1
			cf 10:00:01 0.090 GET /b 403 ttfb=90
			cf 10:00:05 0.001 GET /b 403 ttfb=1`, `
			key E1 site/b oac resolved cf=2 nolog=2
			edge E1 /a n=1 edge site/a`},
		{"masked", site(restHost, func(d *Distribution) { d.ErrorResponses = []ErrorResponse{{403, 200, "/index.html", 0}} }), `
			cf 10:00:02 0.1 GET /a 200
			s3 10:00:02 REST.GET.OBJECT site a 403
			cf 10:01:02 0.1 GET /b 200          # an edge refusal behind the mask
			cf 10:01:02 0.1 GET /c 404          # a plain 404
			s3 10:10:00 REST.GET.OBJECT site z 403`, `
			key E1 site/a oac logged cf=1 s3=1 joined=1 masked=1
			key E1 site/b oac resolved cf=1 unexplained=1
			key E1 site/z oac logged s3=1 alone=1`},
		{"failover hides the first origin's refusal", site(restHost, func(d *Distribution) {
			d.Origins = append(d.Origins, Origin{ID: "spare", DomainName: "spare.s3.eu-central-1.amazonaws.com", S3: true})
			d.OriginGroups = []OriginGroup{{"both", []string{"site", "spare"}, []int{403}}}
			d.Behaviors[0].TargetOriginID = "both"
		}), `
			s3 10:00:02 REST.GET.OBJECT site a 403          # the viewer got spare's 200
			cf 11:00:02 0.1 GET /b 403
			s3 11:00:02 REST.GET.OBJECT site b 403
			s3 11:00:02 REST.GET.OBJECT spare b 403`, `
			key E1 site/a oac logged s3=1 alone=1
			key E1 site/b oac logged s3=1 alone=1
			key E1 spare/b oac logged cf=1 s3=1 joined=1`},
		{"two distributions on a bucket", Settings{Distributions: []*Distribution{rest.Distributions[0], {ID: "E2", Origins: rest.Distributions[0].Origins, Behaviors: rest.Distributions[0].Behaviors}}}, `
			cf 10:00:01 0.05 GET /a 403
			s3 10:00:00 REST.GET.OBJECT site a 403
			cf 11:00:01 0.05 GET /a 403 dist=E2
			s3 11:00:00 REST.GET.OBJECT site a 403
			s3 12:00:00 REST.GET.OBJECT site a 403`, `
			key - site/a oac logged s3=1 alone=1
			key E1 site/a oac logged cf=1 s3=1 joined=1
			key E2 site/a oac logged cf=1 s3=1 joined=1`},
		{"another distribution's cache", Settings{Distributions: []*Distribution{rest.Distributions[0], {ID: "E2", Origins: rest.Distributions[0].Origins, Behaviors: rest.Distributions[0].Behaviors}}}, `
			cf 10:00:01 0.05 GET /a 403
			s3 10:00:00 REST.GET.OBJECT site a 403
			cf 10:00:07 0.05 GET /a 403
			cf 10:00:07 0.05 GET /a 403 dist=E2
			s3 11:00:00 REST.GET.OBJECT site z 403`, `
			key E1 site/a oac logged cf=1 s3=1 joined=1 cached=1
			key E2 site/a oac resolved cf=1 unexplained=1
			key - site/z oac logged s3=1 alone=1
			edge E1 /a n=1 cached site/a`},

		{"a function appends the index", site(restHost, func(d *Distribution) {
			d.Behaviors[0].Functions = []FunctionAssociation{{"viewer-request", "arn:aws:cloudfront::1:function/index", false}}
		}), rewritten(5, func(i int) string { return fmt.Sprintf("/d%d/", i) }, func(i int) string { return fmt.Sprintf("d%d/index.html", i) }) + `
			cf 09:30:01 0.05 GET /d9/ 403       # its S3 line is lost
			s3 09:59:00 REST.GET.OBJECT site z 403`, `
			key E1 site/d0/index.html oac logged cf=1 s3=1 joined=1
			key E1 site/d1/index.html oac logged cf=1 s3=1 joined=1
			key E1 site/d2/index.html oac logged cf=1 s3=1 joined=1
			key E1 site/d3/index.html oac logged cf=1 s3=1 joined=1
			key E1 site/d4/index.html oac logged cf=1 s3=1 joined=1
			key E1 site/d9/index.html oac learnt cf=1 unexplained=1
			key E1 site/z oac logged s3=1 alone=1
			rewrite E1 *: append index.html, 5 pairs arn:aws:cloudfront::1:function/index`},
		{"a function lowers capitals", rest, rewritten(4, func(i int) string { return fmt.Sprintf("/Doc%d.HTML", i) }, func(i int) string { return fmt.Sprintf("doc%d.html", i) }), `
			key E1 site/doc0.html oac logged cf=1 s3=1 joined=1
			key E1 site/doc1.html oac logged cf=1 s3=1 joined=1
			key E1 site/doc2.html oac logged cf=1 s3=1 joined=1
			key E1 site/doc3.html oac logged cf=1 s3=1 joined=1
			rewrite E1 *: lower-case, 4 pairs`},
		{"a function adds a prefix", rest, rewritten(3, func(i int) string { return fmt.Sprintf("/p%d", i) }, func(i int) string { return fmt.Sprintf("live/p%d", i) }), `
			key E1 site/live/p0 oac logged cf=1 s3=1 joined=1
			key E1 site/live/p1 oac logged cf=1 s3=1 joined=1
			key E1 site/live/p2 oac logged cf=1 s3=1 joined=1
			rewrite E1 *: add prefix live/, 3 pairs`},
		{"logs alone: an origin path", Settings{}, rewritten(3, func(i int) string { return fmt.Sprintf("/p%d", i) }, func(i int) string { return fmt.Sprintf("live/p%d", i) }) + `
			cf 10:00:00 0.05 GET /q 403`, `
			key E1 site/live/p0 oac logged cf=1 s3=1 joined=1
			key E1 site/live/p1 oac logged cf=1 s3=1 joined=1
			key E1 site/live/p2 oac logged cf=1 s3=1 joined=1
			key E1 site/live/q unknown learnt cf=1 late=1`},
		{"logs alone, CloudFront's only", Settings{}, `
			cf 10:00:00 0.05 GET /a%2520b 403`, `
			key E1 -/a b unknown guessed cf=1 nolog=1`},
		{"S3's log only", Settings{}, `
			s3 10:00:00 REST.GET.OBJECT site a 403
			s3 10:00:00 REST.GET.OBJECT site b 403 requester= agent=curl ip=203.0.113.9`, `
			key - site/a oac logged s3=1 alone=1
			direct - site/b anonymous logged direct=1`},
		{"nothing", Settings{}, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := lines(summary(correlateText(t, c.settings, c.logs)))
			if want := lines(c.want); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestAmbiguous(t *testing.T) {
	r := correlateText(t, site(restHost, nil), `
		cf 10:00:01 0.05 GET /a 403 id=A
		cf 10:00:02 0.05 GET /a 403 id=B
		s3 10:00:01 REST.GET.OBJECT site a 403 id=X
		s3 10:00:02 REST.GET.OBJECT site a 403 id=Y
		cf 10:10:01 0.05 GET /a 403 id=C
		s3 10:10:01 REST.GET.OBJECT site a 403 id=Z
	`)
	want := []Pair{{"A", "X", true}, {"B", "Y", true}, {"C", "Z", false}}
	if !slices.Equal(r.Pairs, want) {
		t.Errorf("got %v, want %v", r.Pairs, want)
	}
	if s := r.Keys.At(0).Samples; len(s) != 3 || !s[0].Ambiguous || s[2].Ambiguous || s[2].Origin.RequestID != "Z" {
		t.Errorf("samples %+v", s)
	}
}

func TestSuccessAround(t *testing.T) {
	r := correlateText(t, site(restHost, nil), `
		cf-ok 08:00:00 /a
		cf-ok 09:00:00 /a
		s3-ok 09:10:00 site a
		cf 09:12:00 0.05 GET /a 403
		s3 09:12:00 REST.GET.OBJECT site a 403
		cf 14:00:00 0.05 GET /a 403
		s3 14:00:00 REST.GET.OBJECT site a 403
		cf-ok 14:05:00 /a
		cf-ok 15:00:00 /a
		cf 09:13:00 0.05 GET /b 403
		s3 09:13:00 REST.GET.OBJECT site b 403
		cf-ok 09:00:00 /b
		cf-ok 16:00:00 /c
	`)
	k := r.Keys.At(0)
	if k.OKBefore != clock(t, "09:10") || k.OKAfter != clock(t, "14:05") || k.LastOK != clock(t, "15:00") || k.First != clock(t, "09:12") || k.Last != clock(t, "14:00") {
		t.Errorf("got %d %d %d", k.OKBefore, k.OKAfter, k.LastOK)
	}
	var got []string
	for _, p := range r.Patterns {
		got = append(got, p.ID+": "+p.Statement)
	}
	want := []string{
		"began: began at 09:12 UTC, all 2 keys within 1 minute: served before, refused since",
		"some-keys: 2 keys failed while 1 other was served",
		"fixed: fixed since 14:05 UTC: 1 key was served again, the last refusal was at 14:00 UTC",
	}
	if !slices.Equal(got, want) {
		t.Errorf("patterns:\n%s", strings.Join(got, "\n"))
	}
	if !slices.Equal(k.Pattern, []string{"some-keys", "began", "fixed"}) {
		t.Errorf("pattern of the key: %q", k.Pattern)
	}
}

func TestPatterns(t *testing.T) {
	var b strings.Builder
	for i := range 40 {
		fmt.Fprintf(&b, "cf-ok 08:00:00 /pages/p%d.html\n", i)
	}
	for i := range 4 {
		fmt.Fprintf(&b, "cf 09:0%d:00 0.05 GET /docs/d%d/ 403 proto=http host=old.example.com\n", i, i)
		fmt.Fprintf(&b, "cf 09:0%d:00 0.05 PUT /pages/%%25C3%%25BC%d.pdf 403\n", i, i)
	}
	r := correlateText(t, site(restHost, nil), b.String())
	got := make(map[string]string)
	for _, p := range r.Patterns {
		got[p.ID] = p.Statement
	}
	for id, want := range map[string]string{
		"some-keys":      "8 keys failed while 40 others were served",
		"prefix:docs/":   `every key under "docs/" that was asked for failed (4); elsewhere 40 keys were served`,
		"trailing-slash": "4 of 8 failing keys end in a slash; of 40 keys served 0 do",
		"extension:.pdf": `4 of 8 failing keys end in ".pdf"; of 40 keys served 0 do`,
		"odd-bytes":      "4 of 8 failing keys hold bytes that need encoding; of 40 keys served 0 do",
		"method:PUT":     "4 of 8 failing requests are PUT",
	} {
		if got[id] != want {
			t.Errorf("%s: got %q, want %q", id, got[id], want)
		}
		delete(got, id)
	}
	for id, s := range got {
		t.Errorf("unexpected %s: %s", id, s)
	}
}

func TestNoise(t *testing.T) {
	var b strings.Builder
	for i := range 40 {
		fmt.Fprintf(&b, "cf-ok 08:00:00 /pages/p%d.html\n", i)
	}
	// A scanner: one client, many paths that nobody was ever served.
	for i, p := range []string{"/wp-login.php", "/.env", "/old/x.bin", "/backup.tar", "/admin/config", "/config.json"} {
		fmt.Fprintf(&b, "cf 09:%02d:00 0.05 GET %s 403 ip=203.0.113.66 agent=probe\n", i, p)
	}
	// A scanner of many addresses and one agent.
	for i, p := range []string{"/a.php", "/b.php", "/c.php", "/d.php", "/e.php"} {
		fmt.Fprintf(&b, "cf 10:%02d:00 0.05 GET %s 403 ip=203.0.113.%d agent=zgrab\n", i, p, i)
	}
	// A scanner that comes again and again.
	for i := range 300 {
		fmt.Fprintf(&b, "cf 10:%02d:%02d 0.05 GET /%s 403 ip=192.0.2.66 agent=again\n", i/60+30, i%60, []string{"xmlrpc.php", ".git/config", ".aws/credentials", "wp-admin/setup.php", "id_rsa"}[i%5])
	}
	// A monitor that asks for one key all day.
	for i := range 60 {
		fmt.Fprintf(&b, "cf 10:%02d:30 0.05 GET /health.txt 403 ip=192.0.2.67 agent=monitor\n", i)
	}
	// Real breakage: a folder that never worked, asked for by many and linked
	// from the site; and a page that once worked, asked for by a scanner, too.
	for i := range 30 {
		fmt.Fprintf(&b, "cf 11:%02d:00 0.05 GET /beta/app%d.js 403 ip=198.51.100.%d\n", i, i%3, i)
	}
	for i := range 10 {
		fmt.Fprintf(&b, "cf 12:%02d:00 0.05 GET /gamma/x%d.png 403 ip=198.51.100.9\n", i, i)
	}
	b.WriteString("cf-ok 08:30:00 /shop.html\ncf 13:00:00 0.05 GET /shop.html 403 ip=203.0.113.66 agent=probe\n")
	r := correlateText(t, site(restHost, nil), b.String())
	var noise []string
	for k := range r.Keys.All() {
		if k.Noise {
			noise = append(noise, k.Key)
		}
	}
	slices.Sort(noise)
	want := []string{".aws/credentials", ".env", ".git/config", "a.php", "admin/config", "b.php", "backup.tar", "c.php", "config.json", "d.php", "e.php", "id_rsa", "old/x.bin", "wp-admin/setup.php", "wp-login.php", "xmlrpc.php"}
	if !slices.Equal(noise, want) {
		t.Errorf("noise: got %q\nwant %q", noise, want)
	}
	if r.Noise.Keys != 16 || r.Noise.Requests != 311 || len(r.Noise.Examples) != 5 {
		t.Errorf("%+v", r.Noise)
	}
}

func TestBounds(t *testing.T) {
	c := New(Options{Detailed: 1, MaxKeys: 2})
	feed(t, `
		cf 10:00:01 0.05 GET /a 403
		cf 10:10:01 0.05 GET /a 403
		cf 10:20:01 0.05 GET /a 403
		cf 10:00:01 0.05 GET /b 403
		cf 10:10:01 0.05 GET /b 403
		cf 10:00:01 0.05 GET /c 403
		cf 10:00:01 0.05 GET /d 403
	`, c.Handler())
	r, err := c.Result(context.Background(), site(restHost, nil))
	if err != nil || r.Keys.Len() != 2 || r.Keys.At(0).Key != "a" || r.Keys.At(1).Key != "b" {
		t.Fatalf("%v %v", all(r.Keys), err)
	}
	if len(r.Keys.At(0).Samples) != 3 || r.Keys.At(0).Resolution == nil || r.Keys.At(1).Samples != nil || r.Keys.At(1).Resolution != nil {
		t.Errorf("details: %+v", all(r.Keys))
	}
	if !slices.Equal(r.Rest, []Rest{{"E1", "site", 2, 2}}) {
		t.Errorf("rest %+v", r.Rest)
	}
}

func TestSamplesAreTheEarliest(t *testing.T) {
	text := ""
	for i := 9; i >= 0; i-- {
		text += fmt.Sprintf("cf 10:0%d:00 0.05 GET /a 403 id=r%d query=q%s\n", i, i, strings.Repeat("x", i*7%5))
	}
	for _, n := range []int{1, 3} {
		c := New(Options{})
		for range n {
			feed(t, text, c.Handler(), c.Handler()) // each line more than once
		}
		r, _ := c.Result(context.Background(), site(restHost, nil))
		var ids []string
		for _, s := range r.Keys.At(0).Samples {
			ids = append(ids, s.Edge.RequestID+" "+s.Edge.Query)
		}
		if !slices.Equal(ids, []string{"r0 q", "r1 qxx", "r2 qxxxx"}) {
			t.Errorf("samples %q", ids)
		}
		if k := r.Keys.At(0); k.Requests.CloudFront != 10 || r.Duplicates != int64(10*(n-1)) {
			t.Errorf("%+v, %d duplicates", k.Requests, r.Duplicates)
		}
	}
}

// A client that sends a new agent with each request must not fill the memory.
func TestManyAgents(t *testing.T) {
	c := New(Options{})
	h := c.Handler().(*gatherer)
	o := originLine()
	o.Requester, o.Key, o.RequestURI = nil, []byte("a"), []byte("GET /a HTTP/1.1")
	const n = mostKinds + 500
	for i := range n {
		o.RequestID = fmt.Appendf(nil, "%016X", i)
		o.UserAgent = fmt.Appendf(nil, "agent %d", i)
		h.Origin(o)
	}
	if len(h.originKind.list) > mostKinds+1 {
		t.Errorf("%d kinds of lines", len(h.originKind.list))
	}
	r, err := c.Result(context.Background(), site(restHost, nil))
	if err != nil || r.Direct.Len() != 1 || r.Direct.At(0).Requests.Direct != n {
		t.Fatalf("%+v %v", all(r.Direct), err)
	}
	if k := r.Direct.At(0); len(k.Origin) != MaxClasses || k.Origin[0].UserAgent != oneOfMany || k.Origin[0].Count != 500 {
		t.Errorf("%d classes, the first %+v", len(k.Origin), k.Origin[0])
	}
}

func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := New(Options{}).Result(ctx, Settings{}); err != context.Canceled {
		t.Error(err)
	}
}

// What a log says that a distribution served, by its domain name or its id, is said
// of the distribution.
func TestServedByDomainName(t *testing.T) {
	r := correlateText(t, site(restHost, nil), `
		cf-ok 08:00:00 /b dist=D1.cloudfront.net
		cf-ok 09:00:00 /a dist=d1.cloudfront.net
		cf 10:00:01 0.05 GET /a 403 dist=d1.cloudfront.net
		s3 10:00:00 REST.GET.OBJECT site a 403
		s3 10:30:00 REST.GET.OBJECT site c 403
		cf-ok 11:00:00 /a
		cf-ok 12:00:00 /a dist=d1.cloudfront.net`)
	named := func(key string) *FailingKey {
		for i := range r.Keys.Len() {
			if k := r.Keys.At(i); k.Key == key {
				return k
			}
		}
		t.Fatalf("no key %s", key)
		return nil
	}
	k := named("a")
	if k.Distribution != "E1" || k.OKBefore != clock(t, "09:00") || k.OKAfter != clock(t, "11:00") || k.LastOK != clock(t, "12:00") {
		t.Errorf("%s: %d %d %d", k.Distribution, k.OKBefore, k.OKAfter, k.LastOK)
	}
	if k := named("c"); k.Distribution != "E1" {
		t.Errorf("S3's line alone belongs to %q", k.Distribution)
	}
	if s, ok := r.Coverage.Distributions["E1"]; len(r.Coverage.Distributions) != 1 || !ok || s.First != clock(t, "08:00") || s.Last != clock(t, "12:00") {
		t.Errorf("coverage %v", r.Coverage.Distributions)
	}
	for _, p := range r.Passed {
		if p.Distribution != "E1" {
			t.Errorf("served %+v", p)
		}
	}
}
