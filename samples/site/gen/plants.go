package main

import (
	"strings"
	"time"
)

// A plant is one trouble: the requests that meet it, and the cause that a diagnosis has to name.
type plant struct {
	verdict string   // the id of the cause to fix first
	also    []string // ids that hold as well and may be listed beside it
	note    string
	dist    *distribution
	paths   []string // as on the wire
	each    int      // requests per path

	from, to float64 // hours; 0, 0 = the whole day
	scanner  bool    // from a scanner
	edges    []string
	method   string
	query    string
	referer  string
	origin   string
	ua       string
	http     bool
	body     int
	partial  int
	sign     string        // signature state of signed URLs
	together int           // so many requests at the same place and moment
	burst    time.Duration // each path's requests fall within this span at one place
	mixed    bool          // some of its requests are answered well
	fixed    float64       // hour since which it is answered well
}

// plants is the list of all that is wrong with the site. See README.md for the reasons.
func (w *world) plants() []*plant {
	pages := func(paths string) []string { return strings.Fields(paths) }
	shopLinks := shopURL + "/products/tent-duo.html"
	return []*plant{
		// The key.
		{verdict: "key-missing", dist: w.shop, scanner: true, each: 5, paths: pages("/wp-login.php /.env /.git/config /xmlrpc.php /wp-admin/setup-config.php /phpinfo.php /vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php /backup.zip /.aws/credentials"), note: "scanner noise"},
		{verdict: "key-missing", dist: w.shop, each: 14, referer: shopURL + "/", paths: pages("/ads.txt /apple-touch-icon-precomposed.png /images/products/kayak-1.jpg"), note: "links to what never was"},
		{verdict: "key-missing", dist: w.shop, each: 26, referer: shopURL + "/", paths: pages("/products/winter-boots.html"), from: 6.5, to: 15, mixed: true, fixed: uploadOfBoots, note: "announced at 06:30, uploaded at 11:20"},
		{verdict: "key-case", dist: w.shop, each: 30, together: 3, referer: "https://lp.partner.example/aw26", paths: pages("/images/Hero.jpg"), note: "the partner's landing page; every view asks from three tabs at once"},
		{verdict: "key-case", dist: w.shop, each: 11, referer: shopLinks, paths: pages("/Products/tent-solo.html /images/campaign/winter-sale.png")},
		{verdict: "key-trailing-slash", dist: w.shop, each: 17, referer: "https://www.google.com/", paths: pages("/about/ /lp/aw26/")},
		{verdict: "key-directory-index", dist: w.shop, each: 16, referer: shopURL + "/", paths: pages("/guides/ /guides /guides/tents/")},
		{verdict: "key-extension", dist: w.shop, each: 13, referer: shopURL + "/", paths: pages("/contact /terms")},
		{verdict: "key-double-slash", dist: w.shop, each: 19, referer: shopLinks, paths: pages("/css//print.css //js/cart.js")},
		{verdict: "key-encoding", dist: w.shop, each: 12, referer: shopLinks, paths: pages("/files/size+chart.pdf"), note: "a plus in the path is a space to S3; the key has a plus"},
		{verdict: "key-encoding", dist: w.shop, each: 9, referer: "https://mail.example/", paths: pages("/catalog/%25E5%2586%25AC%25E3%2581%25AE%25E3%2582%25AD%25E3%2583%25A3%25E3%2583%25B3%25E3%2583%2597.html /files/care%2520guide.pdf"), note: "links that were encoded twice"},
		{verdict: "key-unicode-form", dist: w.shop, each: 18, referer: shopURL + "/", paths: pages("/catalog/%E3%82%AB%E3%82%BF%E3%83%AD%E3%82%B0-2026.pdf"), note: "asked in NFC, uploaded in NFD"},
		{verdict: "key-deleted", dist: w.shop, each: 15, from: 2, to: 23, mixed: true, referer: "https://www.google.com/", paths: pages("/products/summer-hat.html /images/products/summer-hat-1.jpg"), note: "deleted at 06:10; the delete marker is the current version"},
		{verdict: "key-origin-path", dist: w.shop, each: 21, referer: shopURL + "/", paths: pages("/live/media/banner/autumn.webp /live/media/icons/sprite.svg"), note: "the link has the origin path already, so it is there twice"},
		{verdict: "key-origin-path", dist: w.shop, each: 17, referer: shopURL + "/", paths: pages("/media/new/parka.webp /media/new/snowshoes.webp"), note: "uploaded without the origin path"},
		{verdict: "key-spa-route", also: []string{"key-missing"}, dist: w.app, each: 9, referer: appURL + "/", paths: pages("/orders /orders/4711 /account/settings /login"), note: "masked: the viewer sees 200 and the start page"},
		{verdict: "key-missing", dist: w.app, each: 8, referer: appURL + "/orders", paths: pages("/static/js/main.51c0de.js"), note: "masked: a chunk of the former release, answered with HTML"},
		{verdict: "default-root-unset", also: []string{"key-missing"}, dist: w.old, each: 34, paths: pages("/"), burst: 0, note: "GET / asks S3 for the list of the bucket"},
		{verdict: "key-case", dist: w.old, each: 11, referer: oldURL + "/2020/page-01.html", paths: pages("/2020/cover.jpg")},
		{verdict: "key-missing", dist: w.old, each: 24, burst: 25 * time.Second, edges: []string{"NRT57-P3"}, from: 9, to: 10, referer: "https://social.example/", paths: pages("/2024/index.html /2024/cover.jpg"), note: "a shared link; most of the views are answered from the error cache"},
		{verdict: "key-missing", dist: w.old, scanner: true, each: 3, paths: pages("/wp-login.php /admin.php")},
		{verdict: "key-missing", also: []string{"policy-resource-gap"}, dist: w.docs, scanner: true, each: 4, paths: pages("/wp-login.php /.env /config.json"), note: "website endpoint: 403 and not 404, because the policy doesn't cover these keys"},
		{verdict: "index-document-missing", also: []string{"policy-resource-gap", "key-missing"}, dist: w.docs, each: 15, referer: docsURL + "/", paths: pages("/drafts/")},

		// Who may read.
		{verdict: "policy-resource-gap", dist: w.docs, each: 27, referer: docsURL + "/guide/pitching.html", paths: pages("/images/pitching-1.png /images/pitching-2.png /images/knots.svg")},
		{verdict: "policy-deny", dist: w.docs, each: 10, paths: pages("/internal/ /internal/runbook.html"), note: "Deny unless through a VPC endpoint"},
		{verdict: "policy-deny", dist: w.docs, each: 12, referer: shopURL + "/", paths: pages("/legal/ /legal/privacy.html"), note: "Deny of plain HTTP on a website endpoint"},
		{verdict: "policy-deny", dist: w.shop, each: 9, paths: pages("/private/wholesale-prices.csv"), note: "Deny unless through a VPC endpoint"},
		{verdict: "policy-condition-unmet", dist: w.docs, each: 44, mixed: true, paths: pages("/status/ /status/history.html"), edges: []string{"NRT57-P3", "KIX56-P1", "LAX54-P1", "SEA19-C1", "FRA60-P5", "LHR61-P2"}, note: "the policy's list of CloudFront addresses is stale"},
		{verdict: "policy-no-allow", dist: w.shop, each: 10, referer: shopURL + "/", paths: pages("/beta/index.html /beta/app.js /beta/app.css"), note: "no bucket policy at all"},
		{verdict: "policy-other-access", also: []string{"policy-no-allow"}, dist: w.docs, each: 13, referer: docsURL + "/", paths: pages("/careers/ /careers/designer.html"), note: "a grant for OAC, on a website endpoint"},
		{verdict: "referer-mismatch", also: []string{"policy-condition-unmet"}, dist: w.docs, each: 20, referer: docsURL + "/", paths: pages("/blog/ /blog/2026-11-hello-winter.html /blog/2026-10-autumn.html"), note: "this origin still sends the former secret"},
		{verdict: "referer-absent", also: []string{"policy-condition-unmet"}, dist: w.docs, each: 12, referer: docsURL + "/", paths: pages("/changelog/ /changelog/2026-11.html"), note: "this origin sends no secret"},
		{verdict: "referer-forwarded", also: []string{"policy-condition-unmet", "referer-mismatch"}, dist: w.docs, each: 16, referer: "https://shop.partner.example/tents?id=403", paths: pages("/embed/size-table.html /embed/care-label.html"), note: "this behavior forwards the viewer's Referer"},
		{verdict: "oac-source-arn", also: []string{"policy-condition-unmet"}, dist: w.shop, each: 22, referer: shopURL + "/", paths: pages("/campaign/black-friday.html /campaign/black-friday.css /campaign/hero.webp"), note: "the policy names the former distribution"},
		{verdict: "oac-not-attached", also: []string{"policy-no-allow", "policy-other-access"}, dist: w.shop, each: 14, referer: shopURL + "/", paths: pages("/help/returns.html /help/shipping.html /help/payment.html"), note: "a second origin for the same bucket, without the OAC"},
		{verdict: "oai-mismatch", also: []string{"policy-no-allow", "policy-other-access"}, dist: w.old, each: 9, referer: oldURL + "/2023/page-01.html", paths: pages("/lookbook/2022.html /lookbook/2023.html /lookbook/cover.jpg"), note: "the policy names the former OAI"},
		{verdict: "bpa-bucket", dist: w.docs, each: 14, referer: "https://press.example/", paths: pages("/press/ /press/kit-2026.zip /press/logo.png")},
		{verdict: "object-owner", dist: w.docs, each: 11, referer: docsURL + "/", paths: pages("/contrib/bushcraft.html /contrib/snow-camping.html /contrib/%E6%B0%B4%E5%A0%B4%E3%81%AE%E6%8E%A2%E3%81%97%E6%96%B9.html"), note: "uploaded by a partner's account"},
		{verdict: "requester-pays", dist: w.old, each: 12, paths: pages("/opendata/trails.geojson /opendata/huts.csv")},

		// The object, and the request.
		{verdict: "kms-key-policy", dist: w.shop, each: 19, partial: 1 << 20, referer: shopURL + "/", paths: pages("/media/video/lookbook-2026.mp4 /media/video/teaser-2027.mp4"), note: "the key policy doesn't let CloudFront decrypt"},
		{verdict: "object-archived", dist: w.shop, each: 12, partial: 1 << 20, referer: shopURL + "/", paths: pages("/media/video/2019-spring.mp4 /media/video/2019-autumn.mp4")},
		{verdict: "write-not-allowed", dist: w.shop, each: 16, method: "PUT", body: 91000, referer: shopURL + "/" + w.products[0], paths: pages("/uploads/reviews/tent-solo.jpg /uploads/reviews/new-4711.jpg"), note: "the behavior lets PUT through, the policy grants reads only"},
		{verdict: "cors-preflight", dist: w.shop, each: 18, method: "OPTIONS", origin: "https://lp.partner.example", referer: "https://lp.partner.example/aw26", paths: pages("/fonts/minamo-bold.woff2"), note: "the CORS rule allows another origin"},

		// Made at the edge.
		{verdict: "edge-geo-restriction", dist: w.shop, each: 12, edges: []string{"GRU1-C1"}, paths: pages("/ /products/hammock.html")},
		{verdict: "edge-method", dist: w.shop, each: 11, method: "POST", body: 403, referer: shopURL + "/cart.html", paths: pages("/cart.html /shops.html")},
		{verdict: "edge-https-only", dist: w.old, each: 13, http: true, paths: pages("/account/orders.html")},
		{verdict: "edge-waf", dist: w.shop, each: 14, scanner: true, paths: pages("/search.html"), query: "q=1%27%20UNION%20SELECT%20password%20FROM%20users--%20&token=" + token},
		{verdict: "edge-waf", dist: w.shop, each: 10, scanner: true, paths: pages("/category/tents.html"), query: "id=1", ua: "sqlmap/1.9#stable (https://sqlmap.org)"},
		{verdict: "edge-function", dist: w.shop, each: 17, referer: shopURL + "/", paths: pages("/members/index.html /members/points.html")},
		{verdict: "edge-signed-missing", dist: w.shop, each: 9, referer: shopURL + "/", paths: pages("/downloads/pattern-tent.pdf"), sign: "missing"},
		{verdict: "edge-signed-expired", dist: w.shop, each: 15, referer: "https://mail.example/", paths: pages("/downloads/repair-manual.pdf"), sign: "expired"},
		{verdict: "edge-signed-key", dist: w.shop, each: 7, paths: pages("/downloads/pattern-tarp.pdf"), sign: "key"},
		{verdict: "edge-signed-invalid", dist: w.shop, each: 8, referer: "https://social.example/", paths: pages("/downloads/pattern-summer.pdf"), sign: "invalid", note: "a parameter was added after signing"},

		// Neither.
		{verdict: "not-s3-origin", dist: w.shop, each: 20, referer: shopURL + "/cart.html", paths: pages("/api/orders"), note: "the API asks for a token"},
	}
}

// plant adds the requests of every plant.
func (w *world) plant() {
	for _, p := range w.plants() {
		if p.to == 0 {
			p.to = 23.9
		}
		for _, path := range p.paths {
			w.grow(p, path)
		}
	}
}

func (w *world) grow(p *plant, path string) {
	burst := w.moment(p.from, p.to)
	group := max(1, p.together)
	for n := 0; n < p.each; n += group {
		v := w.plantVisitor(p)
		when := w.moment(p.from, p.to)
		if p.burst > 0 {
			when = burst.Add(time.Duration(w.rng.Int64N(int64(p.burst))))
		}
		for k := range group {
			r := w.get(v, p.dist, when, path, p.referer)
			r.start = when.Add(time.Duration(k) * 2 * time.Millisecond)
			r.port += k
			r.plant, r.query, r.http, r.body, r.partial, r.origin = p, p.query, p.http, p.body, p.partial, p.origin
			if p.method != "" {
				r.method = p.method
			}
			if p.referer == "" {
				r.referer = "-"
			}
			if p.sign != "" {
				w.sign(r, p.sign)
			}
		}
	}
}

func (w *world) plantVisitor(p *plant) visitor {
	v := w.visitor()
	if p.scanner {
		v.ip, v.ua, v.version = w.address(scannerNet), scanners[w.rng.IntN(len(scanners))], "HTTP/1.1"
	}
	if p.ua != "" {
		v.ua = p.ua
	}
	if len(p.edges) > 0 {
		name := p.edges[w.rng.IntN(len(p.edges))]
		for _, e := range w.edges {
			if e.location == name {
				v.edge = e
			}
		}
	}
	return v
}

// sign gives the request a signed URL, or one that went wrong.
func (w *world) sign(r *request, state string) {
	r.signature = state
	expires := r.start.Add(2 * time.Hour).Truncate(time.Second)
	keyID := publicKeyID
	switch state {
	case "missing":
		return
	case "expired":
		expires = r.start.Add(-time.Duration(1+w.rng.IntN(200)) * time.Hour).Truncate(time.Second)
	case "key":
		keyID = "APKAMINAMOEXAMPLE" // an old trusted signer's key pair
	}
	r.query = w.signer.query(shopURL+r.path, expires, keyID)
	if state == "invalid" {
		r.query += "&utm_source=social"
	}
}
