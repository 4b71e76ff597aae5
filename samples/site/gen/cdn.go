package main

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// A world is the site with everything that happens on its day.
type world struct {
	*site
	rng      *rand.Rand
	requests []*request
	records  []*s3Record
	cache    map[string]*cached
	signer   *signer
	repeated int // CloudFront lines that were delivered twice
}

func newWorld(seed uint64) *world {
	rng := rand.New(rand.NewPCG(seed, 0x6d696e616d6f))
	return &world{site: newSite(), rng: rng, cache: map[string]*cached{}, signer: newSigner(rng)}
}

// A request is one viewer's request and what CloudFront logs about it.
type request struct {
	dist      *distribution
	edge      *edge
	start     time.Time
	ip        string
	port      int
	ua        string // decoded
	referer   string // decoded; "-" = absent
	method    string
	path      string // as on the wire
	query     string // as on the wire; "" = none
	http      bool   // plain HTTP
	version   string // of the protocol
	session   bool   // has the members' cookie
	signature string // for signed behaviors: "" (none) or why it is (not) valid
	origin    string // CORS Origin header
	body      int    // bytes
	partial   int    // bytes asked by Range
	hangsUp   bool   // the viewer leaves before the last byte
	plant     *plant // nil for an ordinary request

	id               string
	status           int
	result, response string
	detailed         string
	contentType      string // "" = none
	length           int    // Content-Length; 0 = none
	sent, got        int
	firstByte, taken time.Duration
	layer            layer
	s3               *s3Record // the fetch that answered it, or whose answer was cached
	masked           bool      // a custom error page hides S3's 403
}

// A layer is who made the answer.
type layer string

const (
	byEdge   layer = "edge"   // CloudFront itself, no origin asked
	byCache  layer = "cache"  // CloudFront's cache of a good answer
	byErrors layer = "errors" // CloudFront's cache of a refusal
	byS3     layer = "s3"
	byOther  layer = "other" // an origin that is not S3
)

func (r *request) end() time.Time { return r.start.Add(r.taken) }

// refused reports whether the viewer's request was refused, whatever status hides it.
func (r *request) refused() bool { return r.status == 403 || r.masked }

// cached is an answer in a region's cache; until done it is still being fetched.
type cached struct {
	s3            *s3Record
	done, expires time.Time
	masked        bool
}

const cloudFrontAgent = "Amazon CloudFront"

// serveAll answers the requests in the order of their arrival.
func (w *world) serveAll() {
	slices.SortStableFunc(w.requests, func(a, b *request) int { return a.start.Compare(b.start) })
	for _, r := range w.requests {
		r.id = w.edgeID()
		r.got = 60 + len(r.path) + len(r.query) + len(r.ua)/3 + r.body
		w.serve(r)
		if r.hangsUp {
			r.hangUp()
		}
	}
}

// serve makes CloudFront's answer. The order of the edge's own checks is geo restriction, web ACL,
// functions (AWS blog, January 2026); no request of the sample meets two of them.
func (w *world) serve(r *request) {
	b := r.dist.behavior(r.path)
	switch {
	case slices.Contains(r.dist.geoBlocked, r.edge.country):
		w.refuse(r, "Error", "ClientGeoBlocked", "text/html", 973)
	case r.dist.webACL && hostile(r):
		w.refuse(r, "Error", "Error", "text/html", 919)
	case !slices.Contains(b.methods, r.method):
		w.refuse(r, "Error", "InvalidRequestMethod", "text/html", 1053)
	case r.http && b.httpsOnly:
		w.refuse(r, "Error", "Error", "text/html", 915)
	case r.http:
		w.refuse(r, "Redirect", "Redirect", "text/html", 167)
		r.status = 301
	case b.gated && !r.session:
		w.refuse(r, "FunctionGeneratedResponse", "FunctionGeneratedResponse", "text/plain", 0)
		r.sent = 268
	case b.signed && r.signature != "valid":
		w.refuse(r, "Error", "Error", "text/xml", signedURLBody[r.signature])
	case b.origin.bucket == nil:
		w.askOther(r)
	default:
		w.fetch(r, b)
	}
}

// signedURLBody is the length of CloudFront's XML by what is wrong with the signed URL.
var signedURLBody = map[string]int{
	"missing": len(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>MissingKey</Code><Message>Missing Key-Pair-Id query parameter or cookie value</Message></Error>`),
	"expired": len(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>Access denied</Message></Error>`),
	"key":     len(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>InvalidKey</Code><Message>Unknown Key</Message></Error>`),
	"invalid": len(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>Access denied</Message></Error>`),
}

// hostile is what the rules of the web ACL match (see snapshot.go).
func hostile(r *request) bool {
	return strings.Contains(strings.ToLower(r.ua), "sqlmap") || strings.Contains(strings.ToLower(decodePercent(r.query)), "union select")
}

// refuse is an answer that the edge makes alone.
func (w *world) refuse(r *request, result, detailed, contentType string, length int) {
	r.layer, r.status = byEdge, 403
	r.result, r.response, r.detailed = result, result, detailed
	r.contentType, r.length, r.sent = contentType, length, length+347
	r.firstByte = time.Duration(w.rng.IntN(2)) * time.Millisecond
	r.taken = r.firstByte
	if r.body > 0 { // the body is still read
		r.taken += time.Duration(60+w.rng.IntN(90)) * time.Millisecond
	}
}

// askOther is the API behind a load balancer: JSON, and 403 without a valid token.
func (w *world) askOther(r *request) {
	r.layer, r.status = byOther, 200
	r.result, r.response, r.detailed = "Miss", "Miss", "Miss"
	r.contentType, r.length, r.sent = "application/json", 0, 900+w.rng.IntN(2000)
	if r.plant != nil {
		r.status, r.length, r.sent = 403, 31, 31+402
		r.result, r.response, r.detailed = "Error", "Error", "Error"
	}
	r.firstByte = w.ms(40, 160) + time.Duration(r.edge.region.awayMS)*time.Millisecond
	r.taken = r.firstByte + w.ms(0, 2)
}

// fetch answers from the cache or from S3.
func (w *world) fetch(r *request, b *behavior) {
	slot := r.dist.id + " " + r.edge.region.name + " " + r.path
	if r.method != "GET" && r.method != "HEAD" {
		slot = ""
	}
	hit := w.cache[slot]
	if hit != nil && hit.s3.status < 400 && b.origin.bucket.object(hit.s3.key, r.start) == nil && hit.s3.code != "Found" {
		hit = nil // the deletion was followed by an invalidation
	}
	if hit != nil && hit.s3.status < 400 && r.start.After(hit.done) && w.rng.IntN(100) < 5 {
		hit = nil // evicted
	}
	switch {
	case hit != nil && r.start.Before(hit.done): // collapsed into the fetch under way
		w.fromS3(r, hit.s3, hit.masked)
		if hit.s3.status < 400 {
			r.setResult("Hit")
		}
		r.firstByte = hit.done.Sub(r.start) + w.ms(1, 3)
	case hit != nil && r.start.Before(hit.expires):
		w.fromS3(r, hit.s3, hit.masked)
		r.firstByte = w.ms(0, 2)
		r.layer = byCache
		if hit.s3.status < 400 {
			r.setResult("Hit")
		} else {
			r.layer = byErrors
		}
	default:
		stale := hit != nil && hit.s3.status < 400 && b.origin.website && r.method == "GET"
		rec := w.askS3(r, b, stale)
		masked := rec.status == 403 && r.dist.error403Page != ""
		w.fromS3(r, rec, masked)
		if stale && rec.status == 304 {
			r.setResult("RefreshHit")
			r.status = 200
		}
		if masked {
			w.fetchErrorPage(r, b)
		}
		done := rec.time.Add(time.Duration(rec.total) * time.Millisecond)
		r.firstByte = done.Sub(r.start) + time.Duration(r.edge.region.awayMS)*time.Millisecond + w.ms(1, 4)
		kept := &cached{s3: rec, masked: masked, done: r.start.Add(r.firstByte), expires: r.start.Add(r.firstByte)}
		switch {
		case slot == "" || b.noCache:
			kept = nil
		case rec.status == 304:
			kept.s3, kept.expires = hit.s3, r.start.Add(4*time.Hour)
		case rec.status < 400 && b.origin.website:
			kept.expires = r.start.Add(4 * time.Hour) // max-age=14400
		case rec.status < 400:
			kept.expires = r.start.Add(24 * time.Hour)
		case rec.status == 404:
			kept.expires = kept.done.Add(10 * time.Second)
		case rec.status == 403:
			kept.expires = kept.done.Add(r.dist.error403TTL)
		}
		if kept != nil {
			w.cache[slot] = kept
		}
	}
	r.taken = r.firstByte + w.transfer(r.sent)
	if r.body > 0 {
		r.taken += w.ms(40, 200)
	}
}

// askS3 sends the request on to the origin, as the behavior says.
func (w *world) askS3(r *request, b *behavior, conditional bool) *s3Record {
	o := b.origin
	target := r.path
	if target == "/" && r.dist.defaultRoot != "" {
		target = "/" + r.dist.defaultRoot
	}
	q := s3Request{bucket: o.bucket, website: o.website, who: o.caller(), distribution: r.dist.id, ip: w.address(r.edge.region.egress), method: r.method,
		path: o.path + target, referer: "-", ua: cloudFrontAgent, tls: !o.website, conditional: conditional, partial: r.partial,
		received: r.start.Add(w.ms(3, 9) + time.Duration(r.edge.region.awayMS/2)*time.Millisecond), took: w.ms(9, 60)}
	if o.oac {
		q.ip, q.ua = "-", "-"
	}
	if b.corsHeaders {
		q.origin = r.origin
	}
	if r.method == "OPTIONS" { // not signed, so it comes as an anonymous one does
		q.ip, q.ua = w.address(r.edge.region.egress), cloudFrontAgent
	}
	if b.forwardReferer {
		q.referer = r.referer
	}
	if o.referer != "" {
		q.referer = o.referer
	}
	rec := w.ask(q)
	rec.cdn, rec.from, rec.plant = true, r, r.plant
	w.records = append(w.records, rec)
	return rec
}

// fetchErrorPage is CloudFront's own fetch of the custom error page, unless a cache has it.
func (w *world) fetchErrorPage(r *request, b *behavior) {
	slot := r.dist.id + " " + r.edge.region.name + " " + r.dist.error403Page
	if hit := w.cache[slot]; hit != nil && r.start.Before(hit.expires) {
		return
	}
	again := *r
	again.path, again.plant, again.start = r.dist.error403Page, nil, r.start.Add(80*time.Millisecond)
	rec := w.askS3(&again, b, false)
	rec.from = nil // it answers no viewer's request of its own
	w.cache[slot] = &cached{s3: rec, done: r.start.Add(time.Second), expires: r.start.Add(24 * time.Hour)}
}

// fromS3 turns S3's answer into the viewer's.
func (w *world) fromS3(r *request, rec *s3Record, masked bool) {
	r.layer, r.s3, r.masked, r.status = byS3, rec, masked, rec.status
	if rec.status >= 400 {
		r.setResult("Error")
		r.contentType, r.length = "application/xml", 0
		r.sent = rec.sent + 368
		if strings.HasPrefix(rec.operation, "WEBSITE.") {
			r.contentType, r.length = "text/html;%20charset=utf-8", rec.sent
		}
		if r.method == "HEAD" {
			r.sent = 354
		}
		if masked {
			page := rec.bucket.object(strings.TrimPrefix(r.dist.error403Page, "/"), r.start)
			r.status, r.contentType, r.length, r.sent = 200, page.contentType, page.size, page.size+455
		}
		return
	}
	r.setResult("Miss")
	switch {
	case rec.status == 302:
		r.contentType, r.length, r.sent = "", 0, 402
	case r.method == "HEAD":
		r.contentType, r.length, r.sent = contentType(rec.key), 0, 431
	default:
		r.contentType, r.length, r.sent = contentType(rec.key), rec.size, rec.size+457
		if strings.HasPrefix(r.contentType, "text/") { // compressed on the way
			r.length, r.sent = 0, rec.size/4+471
		}
		if r.partial > 0 {
			r.status, r.length, r.sent = 206, min(r.partial, rec.size), min(r.partial, rec.size)+512
		}
	}
}

func (r *request) setResult(result string) {
	r.result, r.response, r.detailed = result, result, result
}

// hangUp makes of a good answer one that the viewer did not wait for: field 14 says Error, field 23
// does not (CloudFront guide, Standard logging reference). It is no refusal.
func (r *request) hangUp() {
	if r.status != 200 || r.masked {
		return
	}
	r.result, r.detailed = "Error", "ClientCommError"
	r.sent = 400 + r.sent/5
	if r.start.Second()%3 == 0 { // left before the first byte
		r.status, r.sent, r.contentType, r.length = 0, 0, "", 0
	}
}

func (w *world) ms(from, to int) time.Duration {
	return time.Duration(from)*time.Millisecond + time.Duration(w.rng.IntN(max(1, (to-from)*1000)))*time.Microsecond
}

func (w *world) transfer(bytes int) time.Duration {
	return time.Duration(bytes/(4000+w.rng.IntN(20000))) * time.Millisecond
}
