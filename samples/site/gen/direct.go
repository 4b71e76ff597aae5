package main

import (
	"strings"
	"time"
)

// goPastCloudFront makes what else S3 logs: clients that come to the buckets directly, the
// deployment, an audit, and lifecycle rules.
func (w *world) goPastCloudFront() {
	w.scanBuckets()
	w.workAsRoles()
	w.deploy()
	w.audit()
	w.expire()
	w.loseSome()
}

func (w *world) direct(p *plant, r s3Request, times int) {
	for range times {
		r.received = w.moment(0, 23.9)
		r.took = w.ms(4, 40)
		if r.method == "" {
			r.method = "GET"
		}
		if r.referer == "" {
			r.referer = "-"
		}
		rec := w.ask(r)
		if rec.status == 403 {
			rec.plant = p
		}
		w.records = append(w.records, rec)
	}
}

// scanBuckets: strangers who guessed the buckets' names. Their user agents and paths hold what
// breaks naive parsers: raw quotes, and text that looks like the fields that follow.
func (w *world) scanBuckets() {
	agents := append([]string{"curl/8.16.0", `() { :; }; echo "vulnerable"`, `Mozilla/5.0 "403" 403 AccessDenied 243 - 5 - "-" "x`, `probe "quoted"`}, scanners...)
	private := &plant{verdict: "policy-no-allow", also: []string{"policy-other-access"}, note: "a stranger at the bucket"}
	missing := &plant{verdict: "key-missing", also: []string{"policy-no-allow", "policy-other-access"}, note: "a stranger at the bucket"}
	list := &plant{verdict: "policy-no-allow", also: []string{"policy-other-access", "default-root-unset"}, note: "asks for the list of the bucket; a report may leave it out"}
	unkeyed := &plant{verdict: "referer-absent", also: []string{"policy-condition-unmet", "policy-no-allow"}, note: "a stranger at the website endpoint: refused as intended"}
	ask := func(p *plant, b *bucket, website bool, path string, times int) {
		for range times {
			w.direct(p, s3Request{bucket: b, website: website, who: anyone, ip: w.address(scannerNet), path: path,
				ua: agents[w.rng.IntN(len(agents))], tls: !website && w.rng.IntN(3) > 0}, 1)
		}
	}
	for _, path := range []string{"/index.html", "/css/main.css", "/sitemap.xml", "/catalog/%E5%86%AC%E3%81%AE%E3%82%AD%E3%83%A3%E3%83%B3%E3%83%97.html"} {
		ask(private, w.web, false, path, 5)
	}
	for _, path := range []string{"/backup.zip", "/db.sql", `/"`, "/.ssh/id_rsa"} {
		ask(missing, w.web, false, path, 4)
	}
	ask(list, w.web, false, "/", 6)
	ask(list, w.uploads, false, "/", 3)
	ask(missing, w.media, false, "/video/2019-spring.mp4", 4)
	ask(unkeyed, w.docsSite, true, "/", 6)
	ask(unkeyed, w.docsSite, true, "/guide/install.html", 4)
	// The same key fails through CloudFront too: counted there, as direct requests.
	ask(missing, w.web, false, "/.env", 5)
	ask(missing, w.docsSite, true, "/.env", 3)
}

// workAsRoles: the nightly report reads with its role, which may read products/ alone.
func (w *world) workAsRoles() {
	role := principal{kind: "role", id: reportRole}
	const sdk = "aws-sdk-go-v2/1.48.0 ua/2.1 os/linux lang/go#1.26.8 md/GOOS#linux md/GOARCH#amd64 api/s3#1.104.0"
	for _, key := range w.products[:40] {
		w.direct(nil, s3Request{bucket: w.web, who: role, ip: "10.38.1.122", path: "/" + key, ua: sdk, tls: true, allowed: true, region: home}, 1)
	}
	deny := &plant{verdict: "policy-deny", note: "the same Deny as through CloudFront"}
	w.direct(deny, s3Request{bucket: w.web, who: role, ip: "192.0.2.200", path: "/private/wholesale-prices.csv", ua: sdk, tls: true, allowed: true, region: home}, 4)
	unknown := &plant{verdict: "unexplained", also: []string{"policy-no-allow", "scp-deny"}, note: "the role's own policy lacks it; the snapshot holds no identity policies"}
	w.direct(unknown, s3Request{bucket: w.web, who: role, ip: "192.0.2.200", path: "/data/sales-2026-11.csv", ua: sdk, tls: true, region: home}, 6)
}

// byRole is a line of an IAM role's call that needs no answering.
func (w *world) byRole(b *bucket, role, operation, key, uri string, when time.Time) *s3Record {
	rec := &s3Record{bucket: b, time: when, ip: "192.0.2.201", requester: role, id: w.s3ID(), operation: operation, key: key, uri: uri, status: 200,
		total: 20 + w.rng.IntN(60), referer: "-", ua: "aws-cli/2.31.0 md/awscrt#0.27.6 ua/2.1 os/linux#6.8 md/arch#x86_64 lang/python#3.13.7", version: "-", hostID: w.hostID(),
		signature: "SigV4", cipher: "TLS_AES_128_GCM_SHA256", auth: "AuthHeader", host: b.restHost(), tls: "TLSv1.3", region: "-"}
	rec.turn = rec.total - 5
	w.records = append(w.records, rec)
	return rec
}

// deploy uploads and deletes; the batch delete and the copies have lines of their own shape.
func (w *world) deploy() {
	put := func(b *bucket, key string, when time.Time) {
		rec := w.byRole(b, deployRole, "REST.PUT.OBJECT", key, "PUT /"+encodePath(key)+" HTTP/1.1", when)
		ob := b.object(key, when)
		rec.size = ob.size
		if ob.created.Before(when) {
			ob.replaced = when
		}
	}
	put(w.web, "products/winter-boots.html", at(uploadOfBoots))
	for i, key := range append(w.products[:12:12], "catalog/冬のキャンプ.html", "catalog/テント 選び方.html", "files/50%-off.pdf", "files/size+chart.pdf") {
		put(w.web, key, at(1).Add(time.Duration(i)*time.Second))
	}
	id := w.s3ID()
	for _, key := range []string{"tmp/Screen Shot 2026-11-19 at 9.08.44.png", "tmp/50%.txt"} {
		w.web.objects = append(w.web.objects, &object{key: key, size: 9000 + w.rng.IntN(9000), created: at(-12), deleted: at(deletionOfHats)})
	}
	for _, ob := range w.web.objects {
		if !ob.deleted.Equal(at(deletionOfHats)) {
			continue
		}
		rec := w.byRole(w.web, deployRole, "BATCH.DELETE.OBJECT", ob.key, "", at(deletionOfHats))
		rec.id, rec.bare, rec.status, rec.total, rec.turn, rec.size = id, true, 204, 0, 0, ob.size
	}
	rec := w.byRole(w.web, deployRole, "REST.POST.MULTI_OBJECT_DELETE", "", "POST /?delete HTTP/1.1", at(deletionOfHats))
	rec.id = id
	for i, key := range []string{"data/sales-2026-11.csv", "files/care guide.pdf"} {
		when := at(3).Add(time.Duration(i) * time.Second)
		source := w.byRole(w.web, deployRole, "REST.COPY.OBJECT_GET", key, "", when)
		source.bare, source.total, source.turn = true, 0, 0
		target := w.byRole(w.web, deployRole, "REST.COPY.OBJECT", key, "PUT /"+encodePath(key)+" HTTP/1.1", when)
		source.id = target.id // one request, two lines
		ob := w.web.object(key, when)
		ob.replaced = when
		source.size, target.size, target.sent = ob.size, ob.size, 234
	}
}

// audit reads the settings of every bucket.
func (w *world) audit() {
	for i, b := range w.buckets {
		when := at(4).Add(time.Duration(i) * 3 * time.Second)
		for j, sub := range []string{"location", "policy", "website", "logging"} {
			operation := map[string]string{"location": "LOCATION", "policy": "BUCKETPOLICY", "website": "WEBSITE", "logging": "LOGGING_STATUS"}[sub]
			rec := w.byRole(b, auditRole, "REST.GET."+operation, "", "GET /?"+sub+" HTTP/1.1", when.Add(time.Duration(j)*200*time.Millisecond))
			rec.sent = 200 + w.rng.IntN(200)
			switch {
			case sub == "policy" && len(b.grants) == 0:
				rec.status, rec.code, rec.turn = 404, "NoSuchBucketPolicy", 0
			case sub == "website" && !b.website:
				rec.status, rec.code, rec.turn = 404, "NoSuchWebsiteConfiguration", 0
			case sub == "location":
				rec.total = 403 // milliseconds, and no status
			}
		}
	}
}

// expire is S3's own work for lifecycle rules: lines without an HTTP request.
func (w *world) expire() {
	for i := range 36 {
		b, operation, key := w.uploads, "S3.EXPIRE.OBJECT", "uploads/tmp/"+w.hex(6)+".jpg"
		when, size := at(0.4).Add(time.Duration(i)*7*time.Second), 403+w.rng.IntN(2000)*(i%5)
		if i%6 == 5 {
			b, operation, key = w.web, "S3.CREATE.DELETEMARKER", "tmp/old release "+w.hex(2)+".zip"
			b.objects = append(b.objects, &object{key: key, size: size, created: at(-24 * 30), deleted: when})
		}
		w.records = append(w.records, &s3Record{bucket: b, time: when, ip: "-", requester: "AmazonS3", id: w.s3ID(), operation: operation, key: key, uri: "-",
			size: size, referer: "-", ua: "-", version: w.hex(16), hostID: w.hostID(), signature: "-", cipher: "-", auth: "-", host: "-", tls: "-", region: "-"})
	}
}

// loseSome drops a few of S3's lines: delivery is best effort. Only keys with many lines lose one.
func (w *world) loseSome() {
	left := map[string]int{"images/Hero.jpg": 1, "campaign/hero.webp": 2, "images/pitching-1.png": 1}
	for _, rec := range w.records {
		if rec.cdn && rec.status == 403 && left[rec.key] > 0 && rec.time.After(at(10)) {
			left[rec.key]--
			rec.lost = true
		}
	}
}

// encodePath is how the CLI writes a key in a URL.
func encodePath(key string) string {
	const hexDigits = "0123456789ABCDEF"
	var out strings.Builder
	for i := 0; i < len(key); i++ {
		switch c := key[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~/", c) >= 0:
			out.WriteByte(c)
		default:
			out.WriteByte('%')
			out.WriteByte(hexDigits[c>>4])
			out.WriteByte(hexDigits[c&15])
		}
	}
	return out.String()
}
