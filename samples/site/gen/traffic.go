package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// hours is the share of the day's visits by UTC hour: most viewers live nine hours ahead.
var hours = [24]int{52, 58, 62, 70, 64, 55, 52, 50, 52, 58, 70, 88, 96, 84, 58, 34, 20, 14, 10, 9, 12, 18, 30, 42}

const visits = 990

var (
	browsers = []string{
		"Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Mobile/15E148 Safari/604.1",
		"Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Safari/605.1.15",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.3.1 Safari/605.1.1\t20.51",
		"Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Safari Line/15.17.0",
	}
	robots = []string{
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
		"Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
		`NewsBlur Feed Fetcher - 13 subscribers - https://www.newsblur.com/site/1 ("Mozilla/5.0 (Macintosh) 403 Safari/605.1.15")`,
		"StatusBot/403.2 (+https://checks.example/403)",
	}
	scanners = []string{"Mozilla/5.0 zgrab/0.x", "python-requests/2.32.5", "Go-http-client/1.1", "Mozilla/5.0 (compatible; CensysInspect/1.1; +https://about.censys.io/)"}

	viewerNets  = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("203.0.113.0/24")}
	scannerNet  = netip.MustParsePrefix("198.51.100.0/24")
	headerOrder = []string{"HTTP/2.0", "HTTP/2.0", "HTTP/2.0", "HTTP/3.0", "HTTP/3.0", "HTTP/1.1"}
)

// A visitor makes several requests from one address with one browser.
type visitor struct {
	ip, ua, version string
	edge            *edge
	port            int
}

func (w *world) visitor() visitor {
	v := visitor{ua: browsers[w.rng.IntN(len(browsers))], version: headerOrder[w.rng.IntN(len(headerOrder))], port: 1024 + w.rng.IntN(64000)}
	if w.rng.IntN(100) < 8 {
		v.ua, v.version = robots[w.rng.IntN(len(robots))], "HTTP/1.1"
	}
	if w.rng.IntN(100) < 22 {
		v.ip = fmt.Sprintf("2001:db8:%x:%x::%x", w.rng.IntN(64), w.rng.IntN(256), 1+w.rng.IntN(4095))
	} else {
		v.ip = w.address(viewerNets[w.rng.IntN(len(viewerNets))])
	}
	total := 0
	for _, e := range w.edges {
		total += e.weight
	}
	n := w.rng.IntN(total)
	for _, e := range w.edges {
		if n -= e.weight; n < 0 {
			v.edge = e
			break
		}
	}
	return v
}

// moment draws a time of the day by the day's curve, between two hours.
func (w *world) moment(from, to float64) time.Time {
	for {
		h := from + w.rng.Float64()*(to-from)
		if w.rng.IntN(100) < hours[int(h)] {
			return at(h)
		}
	}
}

// get adds a GET request of the visitor.
func (w *world) get(v visitor, d *distribution, when time.Time, path, referer string) *request {
	r := &request{dist: d, edge: v.edge, start: when.Add(w.ms(0, 1000)), ip: v.ip, port: v.port, ua: v.ua, referer: referer, method: "GET", path: path, version: v.version}
	w.requests = append(w.requests, r)
	return r
}

// visit makes the ordinary visits of the day: none of their requests is refused.
func (w *world) visit() {
	popular := func(n int) func() int {
		z := rand.NewZipf(w.rng, 1.25, 3, uint64(n-1))
		return func() int { return int(z.Uint64()) }
	}
	product, guide, reference, old := popular(len(w.products)), popular(len(w.guides)), popular(len(w.references)), popular(len(w.catalogPages))
	for range visits {
		v := w.visitor()
		when := w.moment(0, 23.9)
		switch n := w.rng.IntN(100); {
		case n < 58:
			w.visitShop(v, when, product)
		case n < 80:
			w.visitDocs(v, when, guide, reference)
		case n < 88:
			w.visitOld(v, when, old)
		default:
			w.visitApp(v, when)
		}
	}
}

const (
	shopURL = "https://www.minamo.example"
	docsURL = "https://docs.minamo.example"
	oldURL  = "https://old.minamo.example"
	appURL  = "https://app.minamo.example"
)

func (w *world) visitShop(v visitor, when time.Time, product func() int) {
	lucky := func(percent int) bool { return w.rng.IntN(100) < percent }
	from := "-"
	if lucky(30) {
		from = "https://www.google.com/"
	}
	first := w.get(v, w.shop, when, "/", from)
	if lucky(6) {
		first.http = true // redirected, then again
		first = w.get(v, w.shop, when.Add(time.Second), "/", from)
	}
	if lucky(1) {
		first.hangsUp = true
	}
	w.get(v, w.shop, when, "/css/main.css", shopURL+"/")
	w.get(v, w.shop, when, "/js/app.js", shopURL+"/")
	if lucky(40) {
		w.get(v, w.shop, when, "/images/hero.jpg", shopURL+"/")
	}
	if lucky(35) {
		w.get(v, w.shop, when, "/fonts/minamo-regular.woff2", shopURL+"/css/main.css")
	}
	if lucky(20) {
		w.get(v, w.shop, when, "/favicon.ico", shopURL+"/")
	}
	if lucky(12) {
		w.get(v, w.shop, when, "/js/consent.js", shopURL+"/")
	}
	if lucky(8) {
		w.get(v, w.shop, when, "/media/banner/winter.webp", shopURL+"/")
	}
	for range w.rng.IntN(3) {
		when = when.Add(time.Duration(5+w.rng.IntN(60)) * time.Second)
		n := product()
		url := shopURL + "/" + w.products[n]
		w.get(v, w.shop, when, "/"+w.products[n], shopURL+"/")
		w.get(v, w.shop, when, "/images/products/"+goods[n]+"-1.jpg", url)
		if lucky(50) {
			w.get(v, w.shop, when, "/media/thumbs/"+goods[n]+".webp", url)
		}
		if lucky(20) {
			w.get(v, w.shop, when, "/api/stock", url).query = "item=" + goods[n]
		}
	}
	switch n := w.rng.IntN(40); n {
	case 0:
		w.get(v, w.shop, when, "/catalog/%E5%86%AC%E3%81%AE%E3%82%AD%E3%83%A3%E3%83%B3%E3%83%97.html", shopURL+"/")
	case 1:
		w.get(v, w.shop, when, "/catalog/%E3%83%86%E3%83%B3%E3%83%88%20%E9%81%B8%E3%81%B3%E6%96%B9.html", shopURL+"/")
	case 2:
		w.get(v, w.shop, when, "/files/care%20guide.pdf", shopURL+"/")
	case 3:
		w.get(v, w.shop, when, "/files/size%2Bchart.pdf", shopURL+"/")
	case 4:
		w.get(v, w.shop, when, "/files/50%25-off.pdf", shopURL+"/")
	case 5:
		w.get(v, w.shop, when, "/search.html", shopURL+"/").query = "q=" + url.QueryEscape("ランタン & 403")
	case 6:
		r := w.get(v, w.shop, when, "/downloads/repair-manual.pdf", shopURL+"/")
		r.query, r.signature = w.signer.query(shopURL+r.path, when.Add(time.Hour).Truncate(time.Second), publicKeyID), "valid"
	case 7:
		w.get(v, w.shop, when, "/members/points.html", shopURL+"/").session = true
	case 8:
		r := w.get(v, w.shop, when, "/media/video/brand.mp4", shopURL+"/")
		r.partial = 1 << 20
	case 9:
		w.get(v, w.shop, when, "/errors/403.html", "-")
	case 10:
		r := w.get(v, w.shop, when, "/fonts/minamo-bold.woff2", shopURL+"/css/main.css")
		r.method, r.origin = "OPTIONS", shopURL
	case 11:
		w.get(v, w.shop, when, "/", "-").method = "HEAD"
	case 12, 13:
		w.get(v, w.shop, when, "/"+w.photos[w.rng.IntN(len(w.photos))], shopURL+"/")
	case 14:
		w.get(v, w.shop, when, "/robots.txt", "-")
	}
}

func (w *world) visitDocs(v visitor, when time.Time, guide, reference func() int) {
	w.get(v, w.docs, when, "/", "https://www.google.com/")
	w.get(v, w.docs, when, "/css/docs.css", docsURL+"/")
	for range 1 + w.rng.IntN(3) {
		when = when.Add(time.Duration(8+w.rng.IntN(90)) * time.Second)
		w.get(v, w.docs, when, "/"+w.guides[guide()], docsURL+"/")
		if w.rng.IntN(3) == 0 {
			w.get(v, w.docs, when, "/"+w.references[reference()], docsURL+"/guide/")
		}
	}
	switch w.rng.IntN(12) {
	case 0:
		w.get(v, w.docs, when, "/guide/", docsURL+"/")
	case 1: // S3 redirects to the folder
		w.get(v, w.docs, when, "/guide", docsURL+"/")
		w.get(v, w.docs, when.Add(time.Second), "/guide/", docsURL+"/")
	case 2: // covered by the policy: an honest 404
		w.get(v, w.docs, when, "/guide/"+[]string{"tents", "kayak", "old-install"}[w.rng.IntN(3)]+".html", "https://forum.example/t/403")
	case 3:
		w.get(v, w.docs, when, "/reference/", docsURL+"/").hangsUp = true
	}
}

func (w *world) visitOld(v visitor, when time.Time, old func() int) {
	for range 1 + w.rng.IntN(3) {
		page := w.catalogPages[old()]
		w.get(v, w.old, when, "/"+page, "-")
		w.get(v, w.old, when, "/assets/catalog.css", oldURL+"/"+page)
		w.get(v, w.old, when, "/assets/turn.js", oldURL+"/"+page)
		when = when.Add(time.Duration(10+w.rng.IntN(60)) * time.Second)
	}
	if w.rng.IntN(5) == 0 {
		w.get(v, w.old, when, "/account/orders.html", "-")
	}
}

func (w *world) visitApp(v visitor, when time.Time) {
	first := w.get(v, w.app, when, "/", shopURL+"/")
	first.hangsUp = w.rng.IntN(25) == 0
	for _, key := range w.appData[1:] {
		if !strings.HasSuffix(key, ".ico") || w.rng.IntN(3) == 0 {
			w.get(v, w.app, when, "/"+key, appURL+"/")
		}
	}
}
