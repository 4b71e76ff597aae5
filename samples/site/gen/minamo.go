package main

import (
	"fmt"
	"net/netip"
	"time"
)

// The site: Minamo, a maker of outdoor goods. Four distributions, each with its own kind of origin.
const (
	account        = "111122223333"
	ownerID        = "9f2b6c1d4e8a70535b1c9d2e6f4a8b7c3d5e1f0a2b4c6d8e9f1a3b5c7d9e0f24" // canonical user ID of the account
	partnerID      = "c81e728d9d4c2f636f067f89cc14862c0a1b2c3d4e5f60718293a4b5c6d7e8f9" // of the partner who uploads to contrib/
	home           = "ap-northeast-1"
	logBucket      = "minamo-logs"
	kmsKey         = "5c1f0c0e-8f4b-4f0e-9d55-2f6f3a1b7c11"
	webACLID       = "0f6f1c56-5a0e-4d6c-9a3b-1c2d3e4f5a6b"
	keyGroupID     = "7d0e2a54-3b1f-4c8e-9f6a-5b4c3d2e1f00"
	publicKeyID    = "K2MINAMOSIGN01"
	oacID          = "E1MINAMOOAC01"
	oaiID          = "E3MINAMOOAI01"
	oaiCanonical   = "4b1d7e2f9a0c3856e7d4f1b2a3c5968778695a4b3c2d1e0ff0e1d2c3b4a59687"
	oldOAI         = "E0MINAMOOAI00" // deleted when the lookbook moved
	oldShop        = "E0MINAMOSHOP00"
	vpce           = "vpce-0a1b2c3d4e5f60718"
	secret         = "SAMPLE-REFERER-SECRET-7f3a"
	oldSecret      = "SAMPLE-REFERER-SECRET-OLD-19c4"
	token          = "SAMPLE-TOKEN-51d0" // in a query string
	membersGate    = "minamo-members-gate"
	refererPolicy  = "3e2d1c0b-9a8f-4e7d-8c6b-5a4f3e2d1c0b"
	deployRole     = "arn:aws:sts::" + account + ":assumed-role/minamo-deploy/release-4711"
	reportRole     = "arn:aws:sts::" + account + ":assumed-role/minamo-report/i-0d1e2f3a4b5c6d7e8"
	auditRole      = "arn:aws:sts::" + account + ":assumed-role/minamo-audit/nightly"
	uploadOfBoots  = 11.0 + 20.0/60 // products/winter-boots.html was uploaded late
	deletionOfHats = 6.0 + 10.0/60  // the summer hats were deleted
)

// A site is the four distributions, the buckets behind them, and the places they are asked from.
type site struct {
	shop, docs, old, app *distribution
	buckets              []*bucket
	edges                []*edge

	web, media, uploads, campaign, beta                         *bucket
	docsSite, press, careers, legal, status                     *bucket
	catalog, lookbook, openData                                 *bucket
	appBucket                                                   *bucket
	products, guides, references, catalogPages, photos, appData []string
}

var (
	blocked  = &publicAccessBlock{true, true, true, true}
	openSite = &publicAccessBlock{true, true, false, false} // as a public website needs it

	goods = []string{"tent-solo", "tent-duo", "tent-family", "tarp-hex", "tarp-square", "sleeping-bag-0c", "sleeping-bag-10c", "sleeping-pad",
		"hammock", "camp-chair", "camp-table", "lantern-gas", "lantern-led", "headlamp", "stove-mini", "stove-double", "cook-set", "kettle",
		"mug-titanium", "cutlery", "water-bottle", "water-filter", "cooler-20l", "cooler-45l", "backpack-30l", "backpack-55l", "daypack",
		"dry-bag", "rain-jacket", "rain-pants", "down-jacket", "fleece", "base-layer", "trekking-pants", "gloves", "beanie", "socks-wool",
		"boots-low", "boots-mid", "sandals", "trekking-poles", "compass", "map-case", "first-aid-kit", "multi-tool", "rope-20m", "carabiner",
		"fire-pit", "axe", "saw", "bug-net", "sun-hat", "sunglasses", "towel", "picnic-mat", "kids-tent", "kids-boots", "dog-bed", "repair-kit", "gift-card"}
	topics = []string{"install", "start", "pitching", "care", "washing", "repair", "storage", "waterproofing", "cooking", "stoves", "fuel",
		"layering", "sizing", "fitting", "packing", "navigation", "weather", "first-aid", "winter", "summer", "rain", "wind", "family", "dogs",
		"permits", "fires", "waste", "bears", "knots", "lanterns"}
)

func page(key string, size int) *object {
	return &object{key: key, size: size, contentType: contentType(key), created: at(-24 * 40)}
}

// several makes one object per key, of sizes that differ but don't change with the seed.
func several(size int, keys ...string) []*object {
	var all []*object
	for i, key := range keys {
		all = append(all, page(key, size+(i*7919)%size))
	}
	return all
}

func format(pattern string, names []string) []string {
	var all []string
	for _, name := range names {
		all = append(all, fmt.Sprintf(pattern, name))
	}
	return all
}

// forCloudFront is the statement that the CloudFront console proposes for an OAC.
func forCloudFront(distribution string) grant {
	return grant{sid: "AllowCloudFrontServicePrincipal", to: principal{kind: "cloudfront"}, keys: []string{"*"}, distribution: distribution}
}

func forOAI(id string) grant {
	return grant{sid: "AllowOAI", to: principal{kind: "oai", id: id}, keys: []string{"*"}}
}

func forAnyone() grant {
	return grant{sid: "PublicReadGetObject", to: anyone, keys: []string{"*"}}
}

func newSite() *site {
	s := &site{}
	s.shop = &distribution{id: "E1MINAMOSHOP01", domain: "d1shopminamo01.cloudfront.net", alias: "www.minamo.example",
		comment: "shop", defaultRoot: "index.html", geoBlocked: []string{"BR"}, webACL: true}
	s.docs = &distribution{id: "E2MINAMODOCS02", domain: "d2docsminamo02.cloudfront.net", alias: "docs.minamo.example", comment: "docs and small sites"}
	s.old = &distribution{id: "E3MINAMOOLD003", domain: "d3oldminamo003.cloudfront.net", alias: "old.minamo.example",
		comment: "catalogues of former years", error403TTL: 30 * time.Second}
	s.app = &distribution{id: "E4MINAMOAPP004", domain: "d4appminamo004.cloudfront.net", alias: "app.minamo.example",
		comment: "order app (single page)", defaultRoot: "index.html", error403Page: "/index.html"}
	s.makeShop()
	s.makeDocs()
	s.makeOld()
	s.makeApp()

	japan := &region{name: "ap-northeast", egress: netip.MustParsePrefix("130.176.64.0/20"), awayMS: 6}
	asia := &region{name: "ap-southeast", egress: netip.MustParsePrefix("130.176.96.0/20"), awayMS: 72}
	america := &region{name: "us-west", egress: netip.MustParsePrefix("64.252.64.0/20"), awayMS: 104}
	europe := &region{name: "eu-central", egress: netip.MustParsePrefix("64.252.160.0/20"), awayMS: 226}
	s.edges = []*edge{
		{"NRT57-P3", "JP", 34, japan}, {"NRT20-C2", "JP", 18, japan}, {"KIX56-P1", "JP", 16, japan}, {"ICN57-P2", "KR", 6, japan},
		{"SIN2-P4", "SG", 6, asia}, {"HKG62-C2", "HK", 4, asia},
		{"LAX54-P1", "US", 6, america}, {"SEA19-C1", "US", 3, america}, {"GRU1-C1", "BR", 0, america},
		{"FRA60-P5", "DE", 4, europe}, {"LHR61-P2", "GB", 3, europe},
	}
	return s
}

func (s *site) add(b *bucket) *bucket {
	if b.region == "" {
		b.region = home
	}
	if b.logColumns == 0 {
		b.logColumns = 27
	}
	s.buckets = append(s.buckets, b)
	return b
}

// The shop: OAC on REST endpoints.
func (s *site) makeShop() {
	s.products = format("products/%s.html", goods)
	s.web = s.add(&bucket{name: "minamo-shop-web", comment: "the shop's pages", ownership: "BucketOwnerEnforced", block: blocked, versioned: true,
		corsOrigin: "https://www.minamo.example",
		grants:     []grant{forCloudFront(s.shop.id)},
		denials:    []denial{{sid: "DenyWholesaleOutsideVpc", keys: []string{"private/*"}, vpce: vpce}}})
	s.web.objects = append(s.web.objects, several(18000, s.products...)...)
	s.web.objects = append(s.web.objects, several(90000, format("images/products/%s-1.jpg", goods)...)...)
	s.web.objects = append(s.web.objects, several(70000, format("images/products/%s-2.jpg", goods)...)...)
	s.web.objects = append(s.web.objects, several(14000, "index.html", "search.html", "cart.html", "contact.html", "terms.html", "shops.html",
		"category/tents.html", "category/clothing.html", "category/cooking.html", "guides/index.html", "guides/tents/index.html",
		"help/returns.html", "help/shipping.html", "help/payment.html", "members/index.html", "members/points.html",
		"errors/403.html", "catalog/冬のキャンプ.html", "catalog/テント 選び方.html", "about", "lp/aw26")...)
	s.web.objects = append(s.web.objects, several(32000, "css/main.css", "css/print.css", "js/app.js", "js/cart.js", "favicon.ico", "robots.txt", "sitemap.xml",
		"fonts/minamo-regular.woff2", "fonts/minamo-bold.woff2", "images/hero.jpg", "images/logo.svg", "images/campaign/Winter-Sale.png")...)
	s.web.objects = append(s.web.objects, several(400000, "downloads/pattern-tarp.pdf", "downloads/pattern-tent.pdf", "downloads/repair-manual.pdf", "downloads/pattern-summer.pdf",
		"files/size+chart.pdf", "files/care guide.pdf", "files/50%-off.pdf",
		"catalog/カタロク\u3099-2026.pdf", // NFD, as uploaded from a Mac
		"private/wholesale-prices.csv", "private/stock.csv", "data/sales-2026-11.csv")...)
	hats := several(21000, "products/summer-hat.html", "images/products/summer-hat-1.jpg")
	for _, o := range hats {
		o.deleted = at(deletionOfHats)
	}
	boots := page("products/winter-boots.html", 19300)
	boots.created = at(uploadOfBoots)
	small := page("js/consent.js", 403) // a size that looks like a status
	s.web.objects = append(s.web.objects, append(hats, boots, small)...)

	s.media = s.add(&bucket{name: "minamo-shop-media", comment: "pictures and films of the shop, below live/", ownership: "BucketOwnerEnforced", block: blocked,
		partitioned: true, grants: []grant{forCloudFront(s.shop.id)}})
	s.media.objects = append(s.media.objects, several(26000, format("live/media/thumbs/%s.webp", goods)...)...)
	s.media.objects = append(s.media.objects, several(2400000, "live/media/video/brand.mp4", "live/media/video/pitching.mp4")...)
	s.media.objects = append(s.media.objects, several(60000, "live/media/banner/autumn.webp", "live/media/banner/winter.webp", "live/media/icons/sprite.svg",
		"media/new/parka.webp", "media/new/snowshoes.webp")...) // new/ was uploaded beside live/
	for _, o := range several(3100000, "live/media/video/lookbook-2026.mp4", "live/media/video/teaser-2027.mp4") {
		o.kms = true
		s.media.objects = append(s.media.objects, o)
	}
	for _, o := range several(5200000, "live/media/video/2019-spring.mp4", "live/media/video/2019-autumn.mp4") {
		o.storageClass = "GLACIER"
		o.created = at(-24 * 2500)
		s.media.objects = append(s.media.objects, o)
	}

	s.uploads = s.add(&bucket{name: "minamo-uploads", comment: "customers' photos", ownership: "BucketOwnerEnforced", block: blocked, grants: []grant{forCloudFront(s.shop.id)}})
	s.photos = format("uploads/reviews/%s.jpg", goods[:20])
	s.uploads.objects = several(140000, s.photos...)

	s.campaign = s.add(&bucket{name: "minamo-campaign", comment: "campaign pages; policy still names the former distribution", ownership: "BucketOwnerEnforced", block: blocked,
		grants: []grant{forCloudFront(oldShop)}})
	s.campaign.objects = several(16000, "campaign/black-friday.html", "campaign/black-friday.css", "campaign/hero.webp")

	s.beta = s.add(&bucket{name: "minamo-beta", comment: "preview of the next shop; never got a policy", ownership: "BucketOwnerEnforced", block: blocked})
	s.beta.objects = several(16000, "beta/index.html", "beta/app.js", "beta/app.css")

	web := &origin{id: "shop-web", bucket: s.web, oac: true}
	media := &origin{id: "shop-media", bucket: s.media, oac: true, path: "/live"}
	help := &origin{id: "shop-help", bucket: s.web}
	uploads := &origin{id: "shop-uploads", bucket: s.uploads, oac: true}
	campaign := &origin{id: "shop-campaign", bucket: s.campaign, oac: true}
	beta := &origin{id: "shop-beta", bucket: s.beta, oac: true}
	api := &origin{id: "shop-api", host: "api.minamo.example"}
	s.shop.origins = []*origin{web, media, help, uploads, campaign, beta, api}
	s.shop.behaviors = []*behavior{
		{pattern: "/media/*", origin: media, methods: readMethods},
		{pattern: "/live/*", origin: media, methods: readMethods},
		{pattern: "/downloads/*", origin: web, methods: readMethods, signed: true},
		{pattern: "/members/*", origin: web, methods: readMethods, gated: true},
		{pattern: "/fonts/*", origin: web, methods: corsMethods, corsHeaders: true},
		{pattern: "/uploads/*", origin: uploads, methods: allMethods},
		{pattern: "/campaign/*", origin: campaign, methods: readMethods},
		{pattern: "/beta/*", origin: beta, methods: readMethods},
		{pattern: "/help/*", origin: help, methods: readMethods},
		{pattern: "/api/*", origin: api, methods: allMethods, noCache: true},
		{pattern: "*", origin: web, methods: readMethods},
	}
}

// The docs: website endpoints; the main one is guarded by a secret in the Referer.
func (s *site) makeDocs() {
	s.guides = format("guide/%s.html", topics)
	s.references = format("reference/%s.html", goods[:30])
	s.docsSite = s.add(&bucket{name: "minamo-docs-site", comment: "the documentation", website: true, ownership: "ObjectWriter", block: openSite,
		grants: []grant{{sid: "ReadWithSecret", to: anyone, referer: secret, keys: []string{"index.html", "guide/*", "reference/*", "css/*",
			"blog/*", "changelog/*", "embed/*", "contrib/*", "internal/*"}}},
		denials: []denial{{sid: "InternalOnlyFromVpc", keys: []string{"internal/*"}, vpce: vpce}}})
	s.docsSite.objects = append(s.docsSite.objects, several(22000, append(append([]string{"index.html", "guide/index.html", "reference/index.html"}, s.guides...), s.references...)...)...)
	s.docsSite.objects = append(s.docsSite.objects, several(28000, "css/docs.css",
		"images/pitching-1.png", "images/pitching-2.png", "images/stove-parts.png", "images/knots.svg",
		"blog/index.html", "blog/2026-11-hello-winter.html", "blog/2026-10-autumn.html", "changelog/index.html", "changelog/2026-11.html",
		"embed/size-table.html", "embed/care-label.html", "internal/index.html", "internal/runbook.html")...)
	for _, o := range several(17000, "contrib/bushcraft.html", "contrib/snow-camping.html", "contrib/水場の探し方.html") {
		o.owner = partnerID
		s.docsSite.objects = append(s.docsSite.objects, o)
	}

	s.press = s.add(&bucket{name: "minamo-press-site", comment: "press kit; Block Public Access was switched on", website: true, ownership: "BucketOwnerEnforced", block: blocked, grants: []grant{forAnyone()}})
	s.press.objects = several(30000, "press/index.html", "press/kit-2026.zip", "press/logo.png")
	s.careers = s.add(&bucket{name: "minamo-careers-site", comment: "jobs; website endpoint with a policy for OAC", website: true, ownership: "BucketOwnerEnforced",
		grants: []grant{forCloudFront(s.docs.id)}})
	s.careers.objects = several(12000, "careers/index.html", "careers/designer.html")
	s.legal = s.add(&bucket{name: "minamo-legal-site", comment: "terms; policy denies plain HTTP, and a website endpoint knows no other", website: true, ownership: "BucketOwnerEnforced", block: openSite,
		grants: []grant{forAnyone()}, denials: []denial{{sid: "DenyInsecureTransport", keys: []string{"*"}, plainHTTP: true}}})
	s.legal.objects = several(11000, "legal/index.html", "legal/privacy.html")
	s.status = s.add(&bucket{name: "minamo-status-site", comment: "status page; allows a stale list of CloudFront addresses", website: true, ownership: "BucketOwnerEnforced", block: blocked,
		grants: []grant{{sid: "ReadFromCloudFront", to: anyone, keys: []string{"*"}, sourceIP: []string{"130.176.0.0/17", "15.158.0.0/16"}}}})
	s.status.objects = several(9000, "status/index.html", "status/history.html")

	main := &origin{id: "docs", bucket: s.docsSite, website: true, referer: secret}
	blog := &origin{id: "docs-blog", bucket: s.docsSite, website: true, referer: oldSecret}
	changelog := &origin{id: "docs-changelog", bucket: s.docsSite, website: true}
	embed := &origin{id: "docs-embed", bucket: s.docsSite, website: true}
	press := &origin{id: "press", bucket: s.press, website: true}
	careers := &origin{id: "careers", bucket: s.careers, website: true}
	legal := &origin{id: "legal", bucket: s.legal, website: true}
	status := &origin{id: "status", bucket: s.status, website: true}
	s.docs.origins = []*origin{main, blog, changelog, embed, press, careers, legal, status}
	s.docs.behaviors = []*behavior{
		{pattern: "/blog/*", origin: blog, methods: readMethods},
		{pattern: "/changelog/*", origin: changelog, methods: readMethods},
		{pattern: "/embed/*", origin: embed, methods: readMethods, forwardReferer: true},
		{pattern: "/press/*", origin: press, methods: readMethods},
		{pattern: "/careers/*", origin: careers, methods: readMethods},
		{pattern: "/legal/*", origin: legal, methods: readMethods},
		{pattern: "/status/*", origin: status, methods: readMethods},
		{pattern: "*", origin: main, methods: readMethods},
	}
}

// The old catalogues: OAI, in us-east-1, and no default root object.
func (s *site) makeOld() {
	for year := 2016; year <= 2023; year++ {
		for p := 1; p <= 8; p++ {
			s.catalogPages = append(s.catalogPages, fmt.Sprintf("%d/page-%02d.html", year, p))
		}
	}
	s.catalog = s.add(&bucket{name: "minamo-catalog", region: "us-east-1", comment: "catalogues of former years", block: blocked, logColumns: 26, grants: []grant{forOAI(oaiID)}})
	s.catalog.objects = append(several(15000, s.catalogPages...), several(52000, "assets/catalog.css", "assets/turn.js", "2019/cover.jpg", "2020/Cover.JPG", "account/orders.html")...)
	s.lookbook = s.add(&bucket{name: "minamo-lookbook", region: "us-east-1", comment: "lookbooks; policy names the former OAI", ownership: "BucketOwnerEnforced", block: blocked, logColumns: 26, grants: []grant{forOAI(oldOAI)}})
	s.lookbook.objects = several(80000, "lookbook/2022.html", "lookbook/2023.html", "lookbook/cover.jpg")
	s.openData = s.add(&bucket{name: "minamo-open-data", region: "us-east-1", comment: "trail data; the requester pays", ownership: "BucketOwnerEnforced", block: blocked, logColumns: 26, requesterPays: true, grants: []grant{forOAI(oaiID)}})
	s.openData.objects = several(900000, "opendata/trails.geojson", "opendata/huts.csv")

	catalog := &origin{id: "catalog", bucket: s.catalog, oai: oaiID}
	lookbook := &origin{id: "lookbook", bucket: s.lookbook, oai: oaiID}
	openData := &origin{id: "open-data", bucket: s.openData, oai: oaiID}
	s.old.origins = []*origin{catalog, lookbook, openData}
	s.old.behaviors = []*behavior{
		{pattern: "/account/*", origin: catalog, methods: readMethods, httpsOnly: true},
		{pattern: "/lookbook/*", origin: lookbook, methods: readMethods},
		{pattern: "/opendata/*", origin: openData, methods: readMethods},
		{pattern: "*", origin: catalog, methods: readMethods},
	}
}

// The app: a single page behind OAC that answers every 403 with its start page.
func (s *site) makeApp() {
	s.appData = []string{"index.html", "static/js/main.8f2a1c.js", "static/js/vendor.55d0e1.js", "static/css/main.77ab02.css", "static/media/logo.svg", "manifest.json", "favicon.ico"}
	s.appBucket = s.add(&bucket{name: "minamo-app", comment: "the order app", ownership: "BucketOwnerEnforced", block: blocked, grants: []grant{forCloudFront(s.app.id)}})
	s.appBucket.objects = several(60000, s.appData...)
	app := &origin{id: "app", bucket: s.appBucket, oac: true}
	s.app.origins = []*origin{app}
	s.app.behaviors = []*behavior{{pattern: "*", origin: app, methods: readMethods}}
}
