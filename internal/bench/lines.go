package main

import (
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// An edgeLine is one line of CloudFront's log in the making.
type edgeLine struct {
	ms        int64
	key       string
	forbidden bool
	kind      edgeKind // who refused
}

type edgeKind uint8

const (
	refusedByOrigin  edgeKind = iota // has a line in S3's log
	refusedFromCache                 // the error cache, after a refusal by the origin
	refusedUnsigned
	refusedByWAF
	refusedByCountry
	refusedByFunction
	refusedByLambda
)

// Result, detailed result and content type of what refused (CloudFront guide,
// Standard logging reference).
var refusals = [...][3]string{
	refusedByOrigin:   {"Error", "Error", "application/xml"},
	refusedFromCache:  {"Error", "Error", "application/xml"},
	refusedUnsigned:   {"Error", "Error", "text/xml"},
	refusedByWAF:      {"Error", "Error", "text/html"},
	refusedByCountry:  {"Error", "ClientGeoBlocked", "text/html"},
	refusedByFunction: {"FunctionGeneratedResponse", "FunctionGeneratedResponse", "text/plain"},
	refusedByLambda:   {"LambdaGeneratedResponse", "LambdaGeneratedResponse", "application/json"},
}

const edgeHeader = "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end\n"

// edgeLine writes a line in the legacy format. The result is valid until the
// next call. Numbers equal to 403 stand in other columns, as in life.
func (h *hour) edgeLine(l *edgeLine) []byte {
	h.truth.EdgeLines++
	r, b := h.r, h.buf[:0]
	cached := h.chance(0.8)
	status, result, detail, ctype := "200", "Miss", "Miss", contentType(l.key)
	size, taken := 800+int64(r.ExpFloat64()*30_000), 20+int64(r.ExpFloat64()*90)
	switch {
	case l.forbidden:
		x := refusals[l.kind]
		status, result, detail, ctype, size, taken = "403", x[0], x[1], x[2], 300+r.Int64N(900), 1+r.Int64N(3)
		if l.kind == refusedByOrigin {
			taken = 100 + r.Int64N(60)
		}
	case h.chance(0.08):
		status, size = "304", 250+r.Int64N(200)
		fallthrough
	case cached:
		result, detail, taken = "Hit", "Hit", r.Int64N(4)
	case h.chance(0.01):
		status, result, detail, ctype, size = "404", "Error", "Error", "text/html", 400+r.Int64N(300)
	}
	requestSize := 60 + r.Int64N(400)
	if h.chance(0.002) {
		size = 403
	}
	if h.chance(0.001) {
		requestSize = 403
	}
	agent := agents[min(int(r.ExpFloat64()*6), len(agents)-1)]

	b = time.UnixMilli(l.ms).UTC().AppendFormat(b, "2006-01-02\t15:04:05\t")
	b = append(b, locations[r.IntN(len(locations))]...)
	b = append(b, '\t')
	b = strconv.AppendInt(b, size, 10)
	b = append(b, '\t')
	b = h.address(b)
	b = append(b, "\tGET\td3bench403site.cloudfront.net\t/"...)
	b = append(b, h.stem(l.key)...)
	b = append(b, '\t')
	b = append(b, status...)
	b = append(b, '\t')
	if h.chance(0.6) {
		b = append(b, "https://www.bench.example/"...)
		b = append(b, words[r.IntN(len(words))]...)
		b = append(b, "/index.html?utm_source=newsletter"...)
	} else {
		b = append(b, '-')
	}
	b = append(b, '\t')
	b = append(b, agent...)
	b = append(b, '\t')
	switch {
	case l.kind == refusedUnsigned && l.forbidden:
		b = append(b, '-')
	case h.chance(0.3):
		b = append(b, "width=1280&format=auto&quality=80&v="...)
		b = strconv.AppendInt(b, 100+r.Int64N(900), 10)
	default:
		b = append(b, '-')
	}
	b = append(b, "\t-\t"...)
	b = append(b, result...)
	b = append(b, '\t')
	b = h.id(b)
	b = append(b, "\twww.bench.example\thttps\t"...)
	b = strconv.AppendInt(b, requestSize, 10)
	b = append(b, '\t')
	b = seconds(b, taken)
	b = append(b, "\t-\tTLSv1.3\tTLS_AES_128_GCM_SHA256\t"...)
	b = append(b, result...)
	b = append(b, "\tHTTP/2.0\t-\t-\t"...)
	b = strconv.AppendInt(b, 1024+r.Int64N(64_000), 10)
	b = append(b, '\t')
	b = seconds(b, taken)
	b = append(b, '\t')
	b = append(b, detail...)
	b = append(b, '\t')
	b = append(b, ctype...)
	b = append(b, '\t')
	if h.chance(0.5) {
		b = strconv.AppendInt(b, max(size-200, 0), 10)
	} else {
		b = append(b, '-')
	}
	b = append(b, "\t-\t-\n"...)
	h.buf = b
	return b
}

// stem encodes a key as the wire does, then as CloudFront's log does. Some
// viewers write their hex in lower case.
func (h *hour) stem(key string) string {
	if !strings.ContainsAny(key, " %é日カ+()") {
		return key
	}
	wire := wirePath(key)
	if h.chance(0.05) {
		wire = lowerHex(wire)
	}
	return strings.ReplaceAll(wire, "%", "%25")
}

// wirePath encodes a key so that S3 reads it back: S3 takes a plus in a path
// for a space.
func wirePath(key string) string {
	return strings.NewReplacer("%2F", "/", "+", "%2B").Replace(url.PathEscape(key))
}

// lowerHex writes the percent-codes of s in lower case.
func lowerHex(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], strings.ToLower(string(b[i+1:i+3])))
		}
	}
	return string(b)
}

func seconds(b []byte, ms int64) []byte {
	b = strconv.AppendInt(b, ms/1000, 10)
	return append(b, '.', byte('0'+ms/100%10), byte('0'+ms/10%10), byte('0'+ms%10))
}

// id writes 40 random bytes, which no packer can shorten.
func (h *hour) id(b []byte) []byte {
	var raw [40]byte
	for i := range raw {
		raw[i] = byte(h.r.Uint32())
	}
	return base64.URLEncoding.AppendEncode(b, raw[:])
}

// address writes a client of RFC 2544's or RFC 3849's network.
func (h *hour) address(b []byte) []byte {
	n := min(uint64(h.r.ExpFloat64()*9_000), 99_999)
	m := mix(n)
	if m%10 == 0 {
		b = append(b, "2001:db8:"...)
		b = strconv.AppendUint(b, m>>16&0xfff, 16)
		return strconv.AppendUint(append(b, "::"...), m>>32&0xffff|1, 16)
	}
	b = append(b, "198."...)
	b = strconv.AppendUint(b, 18+m>>8&1, 10)
	b = append(b, '.')
	b = strconv.AppendUint(b, m>>16&255, 10)
	b = append(b, '.')
	return strconv.AppendUint(b, m>>24&255, 10)
}

func contentType(key string) string {
	switch {
	case strings.HasSuffix(key, ".html"):
		return "text/html"
	case strings.HasSuffix(key, ".js"):
		return "text/javascript"
	case strings.HasSuffix(key, ".css"):
		return "text/css"
	case strings.HasSuffix(key, ".json"):
		return "application/json"
	case strings.HasSuffix(key, ".mp4"):
		return "video/mp4"
	}
	return "image/jpeg"
}

// An originLine is one line of S3's log in the making.
type originLine struct {
	ms          int64
	key         string
	forbidden   bool
	cloudFront  bool // CloudFront's fetch
	list, batch bool // GET of the bucket; a key of a batch delete
}

// originLine writes a line of S3's server access log. The result is valid until
// the next call.
func (h *hour) originLine(l *originLine) []byte {
	t := h.truth
	t.OriginLines++
	if l.forbidden {
		t.OriginForbidden++
		have := t.Keys[l.key]
		have.Origin++
		t.Keys[l.key] = have
	}
	r, b := h.r, h.buf[:0]
	requester, agent, host := "-", scripts[r.IntN(len(scripts))], bucket+".s3.eu-central-1.amazonaws.com"
	sign := "- ECDHE-RSA-AES128-GCM-SHA256 -"
	if l.cloudFront {
		requester, agent, sign = "svc:cloudfront.amazonaws.com", "Amazon CloudFront", "SigV4 ECDHE-RSA-AES128-GCM-SHA256 AuthHeader"
	}
	operation, key := "REST.GET.OBJECT", formEncode(formEncode(l.key))
	target := `"GET /` + wirePath(l.key) + ` HTTP/1.1"`
	switch {
	case l.list:
		operation, key, target = "REST.GET.BUCKET", "-", `"GET /?list-type=2&prefix= HTTP/1.1"`
	case l.batch:
		operation, key, target = "BATCH.DELETE.OBJECT", formEncode(l.key), "-"
		requester, sign = "arn:aws:iam::111122223333:user/cleaner", "SigV4 ECDHE-RSA-AES128-GCM-SHA256 AuthHeader"
	}
	status, code, sent, size, taken, turn := "200", "-", 500+int64(r.ExpFloat64()*30_000), int64(0), 8+int64(r.ExpFloat64()*60), 6+int64(r.ExpFloat64()*20)
	size = sent
	switch {
	case l.forbidden:
		status, code, sent, size, taken = "403", "AccessDenied", 243, -1, 4+r.Int64N(30)
		turn = -1
	case h.chance(0.02):
		status, sent = "304", -1
	}
	if h.chance(0.005) && !l.forbidden {
		taken = 403
	}
	if h.chance(0.005) && !l.forbidden {
		sent = 403
	}

	b = append(b, "9f2b6c1d4e8a70535b1c9d2e6f4a8b7c3d5e1f0a2b4c6d8e9f1a3b5c7d9e0f24 "+bucket+" ["...)
	b = time.UnixMilli(l.ms).UTC().AppendFormat(b, "02/Jan/2006:15:04:05 +0000] ")
	if l.cloudFront {
		b = append(b, '-')
	} else {
		b = h.address(b)
	}
	b = append(b, ' ')
	b = append(b, requester...)
	b = append(b, ' ')
	for range 16 {
		b = append(b, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[r.IntN(32)])
	}
	for _, s := range [...]string{" ", operation, " ", key, " ", target, " ", status, " ", code, " "} {
		b = append(b, s...)
	}
	for _, n := range [...]int64{sent, size, taken, turn} {
		if n < 0 {
			b = append(b, '-')
		} else {
			b = strconv.AppendInt(b, n, 10)
		}
		b = append(b, ' ')
	}
	if l.batch {
		b = append(b, "- - "...)
	} else {
		b = append(b, `"-" "`...)
		b = append(b, agent...)
		b = append(b, `" `...)
	}
	b = append(b, "- "...)
	var raw [56]byte
	for i := range raw {
		raw[i] = byte(r.Uint32())
	}
	b = base64.StdEncoding.AppendEncode(b, raw[:])
	for _, s := range [...]string{" ", sign, " ", host, " TLSv1.3 - -"} {
		b = append(b, s...)
	}
	if h.nth%2 == 0 { // the newest lines have one field more
		b = append(b, " eu-central-1"...)
	}
	b = append(b, '\n')
	h.buf = b
	return b
}

// formEncode encodes a key once, as S3's log does twice for most operations.
func formEncode(key string) string {
	return strings.ReplaceAll(url.QueryEscape(key), "%2F", "/")
}

var (
	locations = strings.Fields("FRA60-P1 FRA56-P8 AMS58-P2 LHR61-P4 CDG52-P1 IAD89-P3 NRT57-P2 ICN57-P1 SIN52-C3 MUC50-P1 VIE50-C2 MXP64-C1 ARN56-P1 DUB56-P2 WAW51-P1 HAM50-C1")
	agents    = strings.Fields(`Mozilla/5.0%20(Windows%20NT%2010.0;%20Win64;%20x64)%20AppleWebKit/537.36%20(KHTML,%20like%20Gecko)%20Chrome/142.0.0.0%20Safari/537.36
		Mozilla/5.0%20(iPhone;%20CPU%20iPhone%20OS%2019_1%20like%20Mac%20OS%20X)%20AppleWebKit/605.1.15%20(KHTML,%20like%20Gecko)%20Version/19.1%20Mobile/15E148%20Safari/604.1
		Mozilla/5.0%20(Macintosh;%20Intel%20Mac%20OS%20X%2010_15_7)%20AppleWebKit/605.1.15%20(KHTML,%20like%20Gecko)%20Version/19.1%20Safari/605.1.15
		Mozilla/5.0%20(Linux;%20Android%2010;%20K)%20AppleWebKit/537.36%20(KHTML,%20like%20Gecko)%20Chrome/142.0.0.0%20Mobile%20Safari/537.36
		Mozilla/5.0%20(X11;%20Linux%20x86_64;%20rv:145.0)%20Gecko/20100101%20Firefox/145.0
		Mozilla/5.0%20(Windows%20NT%2010.0;%20Win64;%20x64;%20rv:145.0)%20Gecko/20100101%20Firefox/145.0
		Mozilla/5.0%20(Windows%20NT%2010.0;%20Win64;%20x64)%20AppleWebKit/537.36%20(KHTML,%20like%20Gecko)%20Chrome/141.0.0.0%20Safari/537.36%20Edg/141.0.0.0
		Mozilla/5.0%20(compatible;%20Googlebot/2.1;%20+http://www.google.com/bot.html)
		Mozilla/5.0%20(compatible;%20bingbot/2.0;%20+http://www.bing.com/bingbot.htm)
		Mozilla/5.0%20(iPad;%20CPU%20OS%2018_6%20like%20Mac%20OS%20X)%20AppleWebKit/605.1.15%20(KHTML,%20like%20Gecko)%20Version/18.6%20Mobile/15E148%20Safari/604.1
		Mozilla/5.0%20(Macintosh;%20Intel%20Mac%20OS%20X%2010_15_7)%20AppleWebKit/537.36%20(KHTML,%20like%20Gecko)%20Chrome/142.0.0.0%20Safari/537.36
		Mozilla/5.0%20(Linux;%20Android%2015;%20SM-S928B)%20AppleWebKit/537.36%20(KHTML,%20like%20Gecko)%20SamsungBrowser/28.0%20Chrome/130.0.0.0%20Mobile%20Safari/537.36
		okhttp/4.12.0
		curl/8.11.0`)
	scripts = []string{"curl/8.11.0", "python-requests/2.32.3", "aws-cli/2.31.0 md/awscrt#0.27.6", `probe "403 watch" 1.0`, "Go-http-client/1.1"}
)
