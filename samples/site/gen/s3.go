package main

import (
	"fmt"
	"net/netip"
	"path"
	"strings"
	"time"
)

// An s3Request is what reaches S3: from CloudFront, or from a client that goes past it.
type s3Request struct {
	bucket       *bucket
	website      bool // through the website endpoint
	who          principal
	distribution string // of an OAC caller
	ip           string // "-" for a service
	method       string
	path         string // as on the wire, with the leading slash
	query        string
	referer, ua  string // "-" = absent
	origin       string // the CORS Origin header; "" = absent
	tls          bool
	conditional  bool // If-None-Match with the current ETag
	partial      int  // bytes asked by Range; 0 = the whole object
	received     time.Time
	took         time.Duration
	region       string // where in AWS the request came from; "" = outside or unknown
	allowed      bool   // an IAM caller's own policy allows the call
}

// An s3Record is one line of an S3 server access log.
type s3Record struct {
	bucket      *bucket
	time        time.Time
	ip          string
	requester   string
	id          string
	operation   string
	key         string // decoded; "" = none
	uri         string // METHOD target HTTP/1.1; "" = none
	bare        bool   // absent quoted fields are bare dashes (batch delete, copy source)
	status      int    // 0 = none
	code        string
	sent, size  int // 0 = none
	total, turn int // ms; 0 = none
	referer, ua string
	version     string
	hostID      string
	signature   string
	cipher      string
	auth        string
	host        string
	tls         string
	region      string

	plant *plant   // what was planted, of a refused request
	cdn   bool     // a fetch by CloudFront
	from  *request // the first viewer's request that it served, of a fetch
	lost  bool     // never delivered
}

const (
	accessDenied       = "AccessDenied"
	invalidObjectState = "InvalidObjectState"
	noSuchKey          = "NoSuchKey"
	accessForbidden    = "AccessForbidden"
)

// resolve decodes the wire path to the key: percent-decoding with + as a space, and on a website
// endpoint the index document of a folder (S3 guide, "Configuring an index document").
func resolve(wire string, website bool) string {
	key := decodeForm(strings.TrimPrefix(wire, "/"))
	if website && (key == "" || strings.HasSuffix(key, "/")) {
		key += "index.html"
	}
	return key
}

// answer is what S3 answers to a read, by its documented rules in their order.
func (r *s3Request) answer(key string) (status int, code string, found *object) {
	b := r.bucket
	found = b.object(key, r.received)
	switch {
	case r.method == "OPTIONS":
		if r.origin == "" || r.origin != b.corsOrigin {
			return 403, accessForbidden, found
		}
		return 200, "", found
	case r.website && found == nil && b.object(key+"/index.html", r.received) != nil && r.readable(key+"/index.html"): // even when no grant covers the key itself
		return 302, "Found", nil
	case b.requesterPays && r.who.kind != "role",
		r.denied(key),
		b.block != nil && b.block.restrict && b.public() && r.who == anyone,
		!r.granted(key),
		r.method == "PUT" && r.who.kind != "role": // no statement grants s3:PutObject
		return 403, accessDenied, found
	case found == nil && !r.website && r.who.kind == "role":
		return 404, noSuchKey, nil // the site's roles may list
	case found == nil && !r.website:
		return 403, accessDenied, nil // nobody else may list
	case found == nil:
		return 404, noSuchKey, nil
	case found.owner != "": // the policy's Allow doesn't reach another account's object
		return 403, accessDenied, found
	case found.storageClass == "GLACIER":
		return 403, invalidObjectState, found
	case found.kms && r.who.kind != "role": // the key policy knows the account's roles alone
		return 403, accessDenied, found
	case r.conditional:
		return 304, "", found
	case r.partial > 0:
		return 206, "", found
	}
	return 200, "", found
}

// readable reports whether the object would be served.
func (r *s3Request) readable(key string) bool {
	status, _, _ := r.answer(key)
	return status < 400
}

func (r *s3Request) denied(key string) bool {
	for _, d := range r.bucket.denials {
		if covers(d.keys, key) && (d.vpce != "" || d.plainHTTP && !r.tls) { // nobody here comes through the VPC endpoint
			return true
		}
	}
	return false
}

func (r *s3Request) granted(key string) bool {
	if r.who.kind == "role" {
		return r.allowed
	}
	for _, g := range r.bucket.grants {
		if g.admits(r) && covers(g.keys, key) {
			return true
		}
	}
	return false
}

func (g *grant) admits(r *s3Request) bool {
	if g.to != r.who && g.to != anyone {
		return false
	}
	if g.distribution != "" && g.distribution != r.distribution || g.referer != "" && g.referer != r.referer {
		return false
	}
	if len(g.sourceIP) == 0 {
		return true
	}
	ip, err := netip.ParseAddr(r.ip)
	for _, cidr := range g.sourceIP {
		if err == nil && netip.MustParsePrefix(cidr).Contains(ip) {
			return true
		}
	}
	return false
}

// ask sends the request to S3 and returns the line that S3 logs about it.
func (w *world) ask(r s3Request) *s3Record {
	key := resolve(r.path, r.website)
	rec := &s3Record{bucket: r.bucket, time: r.received, ip: r.ip, id: w.s3ID(), key: key, referer: r.referer, ua: r.ua, version: "-",
		hostID: w.hostID(), signature: "-", cipher: "-", auth: "-", tls: "-", host: r.bucket.restHost(), region: r.region}
	target := r.path
	if r.query != "" {
		target += "?" + r.query
	}
	rec.uri = r.method + " " + target + " HTTP/1.1"
	rec.operation = "REST." + r.method + ".OBJECT"
	if r.website {
		rec.operation = "WEBSITE." + r.method + ".OBJECT"
		rec.host = r.bucket.websiteHost()
	}
	if r.method == "OPTIONS" {
		rec.operation = "REST.OPTIONS.PREFLIGHT"
	}
	var found *object
	rec.status, rec.code, found = r.answer(key)
	if key == "" { // only on a REST endpoint: asks for the list of the bucket
		rec.operation = "REST." + r.method + ".BUCKET"
	}
	rec.requester, rec.signature, rec.auth = "-", "-", "-"
	switch r.who.kind {
	case "cloudfront":
		rec.requester = "svc:cloudfront.amazonaws.com"
	case "oai":
		rec.requester = oaiCanonical
	case "role":
		rec.requester = r.who.id
	}
	if r.method == "OPTIONS" {
		rec.requester = "-" // a preflight is answered without looking at who asks
	}
	if rec.requester != "-" {
		rec.signature, rec.auth = "SigV4", "AuthHeader"
	}
	if r.tls {
		rec.cipher, rec.tls = "ECDHE-RSA-AES128-GCM-SHA256", "TLSv1.2"
		if r.who.kind == "role" || r.who == anyone && r.ua != cloudFrontAgent {
			rec.cipher, rec.tls = "TLS_AES_128_GCM_SHA256", "TLSv1.3"
		}
	}
	rec.total = max(1, int(r.took.Milliseconds()))
	switch {
	case r.method == "OPTIONS" && rec.status == 200:
	case rec.status == 200 || rec.status == 206:
		rec.turn = max(1, rec.total-1)
		if found != nil {
			rec.sent, rec.size = found.size, found.size
		}
		if r.partial > 0 {
			rec.sent = min(r.partial, found.size)
		}
		if r.method != "GET" {
			rec.sent = 0
		}
	case rec.status == 304:
		rec.size = found.size
	case r.method == "HEAD":
	default:
		rec.sent = len(errorBody(rec.status, rec.code, key, r.website, found))
	}
	if rec.code == "Found" {
		rec.sent = 0
	}
	return rec
}

// errorBody is the body of S3's answer: its length is what both logs count.
func errorBody(status int, code, key string, website bool, found *object) string {
	const id, hostID = "0123456789ABCDEF", "0123456789012345678901234567890123456789012345678901234567890123456789012345"
	message, more := "Access Denied", ""
	switch code {
	case noSuchKey:
		message, more = "The specified key does not exist.", "<Key>"+key+"</Key>"
	case invalidObjectState:
		message, more = "The operation is not valid for the object's storage class", "<StorageClass>"+found.storageClass+"</StorageClass>"
	case accessForbidden:
		message = "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / " +
			"Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec."
		more = "<Method>GET</Method><ResourceType>OBJECT</ResourceType>"
	}
	if !website {
		return `<?xml version="1.0" encoding="UTF-8"?>` + "\n<Error><Code>" + code + "</Code><Message>" + message + "</Message>" + more +
			"<RequestId>" + id + "</RequestId><HostId>" + hostID + "</HostId></Error>"
	}
	title := map[int]string{403: "403 Forbidden", 404: "404 Not Found"}[status]
	if code == noSuchKey {
		message += "</li>\n<li>Key: " + key
	}
	return fmt.Sprintf("<html>\n<head><title>%s</title></head>\n<body>\n<h1>%s</h1>\n<ul>\n<li>Code: %s</li>\n<li>Message: %s</li>\n"+
		"<li>RequestId: %s</li>\n<li>HostId: %s</li>\n</ul>\n<hr/>\n</body>\n</html>\n", title, title, code, message, id, hostID)
}

// decodeForm is what S3 does to a path: percent-decoding, with + as a space.
func decodeForm(s string) string {
	return decodePercent(strings.ReplaceAll(s, "+", " "))
}

func decodePercent(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		var c byte
		if s[i] == '%' && i+2 < len(s) {
			if n, err := fmt.Sscanf(s[i+1:i+3], "%02X", &c); n == 1 && err == nil {
				out.WriteByte(c)
				i += 2
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

func contentType(key string) string {
	switch path.Ext(key) {
	case ".css":
		return "text/css"
	case ".js":
		return "text/javascript"
	case ".jpg", ".JPG":
		return "image/jpeg"
	case ".png":
		return "image/png"
	case ".svg":
		return "image/svg+xml"
	case ".webp":
		return "image/webp"
	case ".woff2":
		return "font/woff2"
	case ".pdf":
		return "application/pdf"
	case ".mp4":
		return "video/mp4"
	case ".json", ".geojson":
		return "application/json"
	case ".xml":
		return "application/xml"
	case ".ico":
		return "image/x-icon"
	case ".txt", ".csv":
		return "text/plain"
	case ".zip":
		return "application/zip"
	}
	return "text/html"
}
