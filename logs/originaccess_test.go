package logs

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// parseOrigin parses one line, wholly.
func parseOrigin(line string) (r OriginRecord, reason string) {
	r.clear()
	b := []byte(line)
	at, reason := new(originParser).head(&r, b)
	if reason != "" {
		return r, reason
	}
	tail, reason := r.parseStatus(b, at)
	if reason != "" {
		return r, reason
	}
	r.parseTail(b, tail)
	return r, ""
}

func show(r OriginRecord, reason string) string {
	if reason != "" {
		return "rejected: " + reason
	}
	return strings.TrimRight(fmt.Sprintf("%s|%s|%d|%s|%s|%s|%s|%s|%d|%s|%d|%s|%d|%d|%d|%d|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s", r.BucketOwner, r.Bucket, r.Time, r.RemoteIP,
		r.Requester, r.RequestID, r.Operation, r.Key, r.KeyLayers, r.RequestURI, r.Status, r.ErrorCode, r.BytesSent, r.ObjectSize, r.TotalTime, r.TurnAround,
		r.Referer, r.UserAgent, r.VersionID, r.HostID, r.SignatureVersion, r.CipherSuite, r.AuthType, r.HostHeader, r.TLSVersion, r.AccessPointARN,
		r.ACLRequired, r.SourceRegion), "|")
}

const originStart = s3Owner + " site [20/Nov/2025:07:00:00 +0000] "

func TestOriginAccess(t *testing.T) {
	f := func(line, want string) {
		t.Helper()
		if got := show(parseOrigin(line)); got != want {
			t.Errorf("%s\ngives %s\nwant  %s", line, got, want)
		}
	}
	const start = s3Owner + "|site|1763622000000|"
	// An OAC fetch: no address, no agent. 27 fields.
	f(originStart+`- svc:cloudfront.amazonaws.com 3E57427F3EXAMPLE REST.GET.OBJECT a/b.js "GET /a/b.js HTTP/1.1" 403 AccessDenied 243 - 21 - "-" "-" - hostid= SigV4 ECDHE-RSA-AES128-GCM-SHA256 AuthHeader site.s3.eu-west-1.amazonaws.com TLSv1.2 - - eu-west-1`,
		start+`|svc:cloudfront.amazonaws.com|3E57427F3EXAMPLE|REST.GET.OBJECT|a/b.js|2|GET /a/b.js HTTP/1.1|403|AccessDenied|243|-1|21|-1||||hostid=|SigV4|ECDHE-RSA-AES128-GCM-SHA256|AuthHeader|site.s3.eu-west-1.amazonaws.com|TLSv1.2|||eu-west-1`)
	// More fields than known, and a trailing space.
	f(originStart+`192.0.2.3 - 3E57427F3EXAMPLE WEBSITE.GET.OBJECT index.html "GET / HTTP/1.1" 200 - 403 403 403 40 "https://x/" "curl/8" v1 hostid= - - - site.s3-website-eu-west-1.amazonaws.com - arn:aws:s3:::ap Yes eu-west-1 new newer `,
		start+`192.0.2.3||3E57427F3EXAMPLE|WEBSITE.GET.OBJECT|index.html|2|GET / HTTP/1.1|200||403|403|403|40|https://x/|curl/8|v1|hostid=||||site.s3-website-eu-west-1.amazonaws.com||arn:aws:s3:::ap|Yes|eu-west-1`)
	// 18 fields: a copy's source line, bare dashes for quoted fields.
	f(originStart+`192.0.2.3 79a5 3E57427F3EXAMPLE REST.COPY.OBJECT_GET a.mp3 - 200 - - 16251603 - - - - -`,
		start+`192.0.2.3|79a5|3E57427F3EXAMPLE|REST.COPY.OBJECT_GET|a.mp3|2||200||-1|16251603|-1|-1`)
	// A batch delete: the key is encoded once.
	f(originStart+`192.0.2.3 arn:aws:iam::111122223333:user/x 3E57427F3EXAMPLE BATCH.DELETE.OBJECT a+b.png - 204 - - 57138 - - - - - hostid= SigV4 C AuthHeader s3.amazonaws.com TLSv1.2`,
		start+`192.0.2.3|arn:aws:iam::111122223333:user/x|3E57427F3EXAMPLE|BATCH.DELETE.OBJECT|a+b.png|1||204||-1|57138|-1|-1||||hostid=|SigV4|C|AuthHeader|s3.amazonaws.com|TLSv1.2`)
	// Lifecycle: no status, the URI is a quoted dash.
	f(originStart+`- AmazonS3 3E57427F3EXAMPLE S3.EXPIRE.OBJECT a/b "-" - - - 317 - - "-" "-" ver hostid= - - - - - - -`,
		start+`|AmazonS3|3E57427F3EXAMPLE|S3.EXPIRE.OBJECT|a/b|1||0||-1|317|-1|-1|||ver|hostid=`)
	// A quote in the URI, and in referer and agent.
	f(originStart+`192.0.2.3 - 3E57427F3EXAMPLE REST.GET.OBJECT %2522 "GET /" HTTP/1.1" 403 AccessDenied 243 - 8 - "a "b" c" "() { :; }; "x"" - hostid= - C - site.s3.amazonaws.com TLSv1.2`,
		start+`192.0.2.3||3E57427F3EXAMPLE|REST.GET.OBJECT|%2522|2|GET /" HTTP/1.1|403|AccessDenied|243|-1|8|-1|a "b" c|() { :; }; "x"||hostid=||C||site.s3.amazonaws.com|TLSv1.2`)
	// A URI that imitates the fields after it.
	f(originStart+`192.0.2.3 - 3E57427F3EXAMPLE REST.GET.OBJECT k "GET /k" 200 - 1 1 1 1 "x" HTTP/1.1" 403 AccessDenied 243 - 8 - "-" "-" -`,
		start+`192.0.2.3||3E57427F3EXAMPLE|REST.GET.OBJECT|k|2|GET /k" 200 - 1 1 1 1 "x" HTTP/1.1|403|AccessDenied|243|-1|8|-1`)
	// Spaces in the URI and bytes that are no UTF-8.
	f(originStart+"- svc:cloudfront.amazonaws.com 3E57427F3EXAMPLE REST.HEAD.OBJECT %25FF \"HEAD /a b\xff.rar HTTP/1.1\" 403 SignatureDoesNotMatch - - 8 - \"-\" \"-\" -",
		start+"|svc:cloudfront.amazonaws.com|3E57427F3EXAMPLE|REST.HEAD.OBJECT|%25FF|2|HEAD /a b\xff.rar HTTP/1.1|403|SignatureDoesNotMatch|-1|-1|8|-1")
	// A requester with spaces.
	f(originStart+`192.0.2.3 arn:aws:sts::111122223333:assumed-role/r/jane van doe 3E57427F3EXAMPLE REST.GET.OBJECT k "GET /k HTTP/1.1" 200 - 1 1 1 1 "-" "-" -`,
		start+`192.0.2.3|arn:aws:sts::111122223333:assumed-role/r/jane van doe|3E57427F3EXAMPLE|REST.GET.OBJECT|k|2|GET /k HTTP/1.1|200||1|1|1|1`)
	// A host id of two tokens.
	f(originStart+`192.0.2.3 - 3E57427F3EXAMPLE REST.GET.OBJECT k "GET /k HTTP/1.1" 200 - 1 1 1 1 "-" "-" - AIDAIABCDEFGHIJKLMNOP LzYGx= SigV4 C AuthHeader site.s3.amazonaws.com TLSv1.2 - -`,
		start+`192.0.2.3||3E57427F3EXAMPLE|REST.GET.OBJECT|k|2|GET /k HTTP/1.1|200||1|1|1|1||||AIDAIABCDEFGHIJKLMNOP LzYGx=|SigV4|C|AuthHeader|site.s3.amazonaws.com|TLSv1.2`)
	// An agent that ends in a quote; a referer without agent; another time zone.
	f(originStart+`192.0.2.3 - 3E57427F3EXAMPLE REST.GET.OBJECT k "GET /k HTTP/1.1" 200 - 1 1 1 1 "-" "agent"" -`,
		start+`192.0.2.3||3E57427F3EXAMPLE|REST.GET.OBJECT|k|2|GET /k HTTP/1.1|200||1|1|1|1||agent"`)
	f(strings.Replace(originStart, "07:00:00 +0000", "09:30:00 +0230", 1)+`192.0.2.3 - 3E57427F3EXAMPLE REST.GET.OBJECT k "GET /k HTTP/1.1" 200 - 1 1 1 1 "x" - v`,
		start+`192.0.2.3||3E57427F3EXAMPLE|REST.GET.OBJECT|k|2|GET /k HTTP/1.1|200||1|1|1|1|x||v`)
}

func TestOriginAccessRejected(t *testing.T) {
	f := func(line, want string) {
		t.Helper()
		if _, got := parseOrigin(line); got != want {
			t.Errorf("%q is rejected for %q, want %q", line, got, want)
		}
	}
	f("x", "line ends before the bucket")
	f("x ", "line ends before the time")
	f(s3Owner+" site ", "the time is not understood")
	f(s3Owner+" site [20/Nov/2025:25:00:00 +0000] - - - REST.GET.OBJECT k ", "the time is not understood")
	f(s3Owner+" site [31/Nov/2025:07:00:00 +0000] - - - REST.GET.OBJECT k ", "the time is not understood")
	f(s3Owner+" site [20/Nov/2025:07:00:00 +00x0] - - - REST.GET.OBJECT k ", "the time is not understood")
	f(originStart, "line ends before the requester")
	f(originStart+"- ", "line ends before the request id")
	f(originStart+"- - ", "line ends before the operation")
	f(originStart+"- - ID REST.GET.OBJECT", "line ends before the key")
	f(originStart+"- - ID rest.get k \"GET\" 200", "no operation found")
	f(originStart+"- - ID REST.GET.OBJECT k", "line ends before the request-URI")
	f(originStart+"- - ID REST.GET.OBJECT k ", "the request-URI does not begin with a quote")
	f(originStart+"- - ID REST.GET.OBJECT k GET", "the request-URI does not begin with a quote")
	f(originStart+`- - ID REST.GET.OBJECT k "GET /k HTTP/1.1`, "no status after the request-URI")
	f(originStart+`- - ID REST.GET.OBJECT k "GET /k HTTP/1.1" 200 - 1 1 1 1`, "no status after the request-URI")
	f(originStart+`- - ID REST.GET.OBJECT k "GET /k HTTP/1.1" 20 - 1 1 1 1 `, "no status after the request-URI")
	f(originStart+`- - ID REST.GET.OBJECT k - 200 - 1 x 1 1 `, "no status after the request-URI")
}

// slowOrigin is the method of the scanner written with regular expressions.
func slowOrigin(line string) (r OriginRecord, ok bool) {
	r.clear()
	m := slowHead.FindStringSubmatch(line)
	if m == nil {
		return r, false
	}
	at, err := time.Parse("02/Jan/2006:15:04:05 -0700", m[3])
	if err != nil || m[3][7:11] < "1970" {
		return r, false
	}
	r.Time = at.UnixMilli()
	r.BucketOwner = []byte(m[1])
	r.Bucket, r.RemoteIP, r.Requester, r.RequestID = field([]byte(m[2])), field([]byte(m[4])), field([]byte(m[5])), field([]byte(m[6]))
	r.Operation, r.Key = []byte(m[7]), field([]byte(m[8]))
	r.KeyLayers = 2
	if strings.HasPrefix(m[7], "B") || strings.HasPrefix(m[7], "S3") {
		r.KeyLayers = 1
	}
	rest := line[len(m[0]):]
	var uri string
	var fit []string
	if strings.HasPrefix(rest, "- ") {
		uri, fit = "-", slowFit.FindStringSubmatch(rest[2:])
		rest = rest[2:]
	} else if strings.HasPrefix(rest, `"`) {
		var firstURI, firstRest string
		var first []string
		for i := 1; i < len(rest); i++ {
			if rest[i] != '"' || i+1 == len(rest) || rest[i+1] != ' ' {
				continue
			}
			m := slowFit.FindStringSubmatch(rest[i+2:])
			if m == nil {
				continue
			}
			if u := rest[1:i]; u == "-" || slowHTTP.MatchString(u) {
				uri, fit, rest = u, m, rest[i+2:]
				break
			}
			if first == nil {
				firstURI, first, firstRest = rest[1:i], m, rest[i+2:]
			}
		}
		if fit == nil {
			uri, fit, rest = firstURI, first, firstRest
		}
	}
	if fit == nil {
		return r, false
	}
	r.RequestURI = field([]byte(uri))
	r.Status = int(max(0, number([]byte(fit[1]))))
	r.ErrorCode = field([]byte(fit[2]))
	for i, p := range []*int64{&r.BytesSent, &r.ObjectSize, &r.TotalTime, &r.TurnAround} {
		*p = number([]byte(fit[3+i]))
	}
	rest = strings.TrimRight(rest[len(fit[0]):], " ")
	if m := slowQuoted.FindStringSubmatch(rest); m != nil {
		switch {
		case m[1] == "- ":
			r.UserAgent = field([]byte(m[2]))
			rest = m[3]
		case m[1] == "":
			referer, agent, both := strings.Cut(m[2], `" "`)
			r.Referer, r.UserAgent = field([]byte(referer)), field([]byte(agent))
			rest = m[3]
			if !both {
				_, rest, _ = strings.Cut(rest, " ")
			}
		}
	} else if strings.LastIndex(rest, `"`) > 0 {
		rest = strings.TrimPrefix(rest[strings.LastIndex(rest, `"`)+1:], " ")
	} else {
		for range 2 {
			_, rest, _ = strings.Cut(rest, " ")
		}
	}
	tokens := append(strings.Split(rest, " "), make([]string, 13)...)
	if m := slowHostID.FindStringSubmatch(rest); m != nil && m[2] != "-" && !strings.HasPrefix(m[2], "Sig") {
		tokens = slices.Concat(tokens[:1], []string{tokens[1] + " " + tokens[2]}, tokens[3:])
	}
	get := func(i int) []byte { return field([]byte(tokens[i])) }
	r.VersionID, r.HostID, r.SignatureVersion, r.CipherSuite, r.AuthType = get(0), get(1), get(2), get(3), get(4)
	r.HostHeader, r.TLSVersion, r.AccessPointARN, r.ACLRequired, r.SourceRegion = get(5), get(6), get(7), get(8), get(9)
	return r, true
}

var (
	slowHead   = regexp.MustCompile(`(?s)^([^ ]+) ([^ ]+) \[(\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] ([^ ]+) ([^ ]+(?: [^ ]+)*?) ([^ ]+) ([A-Z0-9_]{2,}\.[A-Z0-9_.]+) ([^ ]+) `)
	slowFit    = regexp.MustCompile(`^(\d{3}|-) ([A-Za-z0-9.]+|-) (\d{1,18}|-) (\d{1,18}|-) (\d{1,18}|-) (\d{1,18}|-) `)
	slowHTTP   = regexp.MustCompile(`(?s) HTTP/\d\.\d$`)
	slowQuoted = regexp.MustCompile(`(?s)^(- |)"(.*)" ?([^"]*)$`)
	slowHostID = regexp.MustCompile(`^([^ ]* A[A-Z0-9]{15,}) ([^ ]+)(?: |$)`)
)

// TestOriginAccessSlowly compares the scanner with slowOrigin on lines made of
// odd parts.
func TestOriginAccessSlowly(t *testing.T) {
	rnd := rand.New(rand.NewPCG(403, 1))
	pick := func(of ...string) string { return of[rnd.IntN(len(of))] }
	good := 0
	for range 30_000 {
		noise := func() string {
			return pick("", `"`, `" "`, " ", `" 200 - 1 1 1 1 `, ` HTTP/1.1" 403 X - - - - `, "\xff", "-", `" `, "[", "%20", " HTTP/1.1")
		}
		line := pick(s3Owner, "-", "x") + " " + pick("site", "-", "a.b") + pick(" [20/Nov/2025:07:00:00 +0000] ", " [20/Nov/2025:07:00:00 -0130] ", " [29/Feb/2024:23:59:59 +0000] ", " [20/Nov/2025:07:00:00] ") +
			pick("-", "192.0.2.1", "2001:db8::1") + " " + pick("-", "svc:cloudfront.amazonaws.com", "AmazonS3", "a role", "a b c", "A.B c") + " " +
			pick("3E57427F3EXAMPLE", "-") + " " + pick("REST.GET.OBJECT", "S3.EXPIRE.OBJECT", "BATCH.DELETE.OBJECT", "WEBSITE.GET.OBJECT", "rest", "REST.COPY.OBJECT_GET") + " " +
			pick("k", "-", "a%252Bb") + " " + pick(`"GET /`+noise()+noise()+` HTTP/1.1"`, `"GET /`+noise()+`"`, `"-"`, "-", "GET") + " " +
			pick("403", "200", "-", "4033") + " " + pick("AccessDenied", "-", "a-b") + " " + pick("243", "-", "x") + " " + pick("1", "-") + " " + pick("21", "-") + " " + pick("3", "-") + " " +
			pick(`"-"`, "-", `"http://x/`+noise()+`"`) + " " + pick(`"-"`, "-", `"agent`+noise()+`"`) + " " + pick("-", "v") +
			pick("", " hostid=", " AIDAIABCDEFGHIJKLMNOP LzYGx=") + pick("", " SigV4 C AuthHeader h TLSv1.2", " - - - h -", " - - - h - - Yes r new ", "  ")
		want, ok := slowOrigin(line)
		got, reason := parseOrigin(line)
		if ok != (reason == "") {
			t.Fatalf("%q: rejected for %q, the slow way says %v", line, reason, ok)
		}
		if !ok {
			continue
		}
		good++
		if show(got, "") != show(want, "") {
			t.Fatalf("%q\ngives %s\nslowly %s", line, show(got, ""), show(want, ""))
		}
	}
	if good < 5_000 {
		t.Errorf("only %d of the lines were good", good)
	}
}

func TestSplicedRecords(t *testing.T) {
	const second = originStart + `192.0.2.3 - 3E57427F4EXAMPLE REST.GET.OBJECT k "GET /k HTTP/1.1" 403 AccessDenied 243 - 8 - "-" "-" -`
	// The first record was cut inside its ARN.
	in, got := scanText(t, "log", originStart+"192.0.2.3 arn:aws:sts::1111"+second+"\n"+second+"\n", Options{})
	const want = `1763622000000 site  REST.GET.OBJECT "k" 403 AccessDenied <nil>`
	if len(got) != 2 || got[0] != "origin log:1 "+want || got[1] != "origin log:2 "+want {
		t.Errorf("handed over: %q", got)
	}
	if in.Lines != 2 || in.Records != 1 || in.Rejected != 1 || in.RejectedSamples[0].Reason != "two records in one line: the first is cut, the second was read" {
		t.Errorf("inputs: %+v", in)
	}
}

func TestOriginLongLine(t *testing.T) {
	for _, n := range []int{65 << 10, 130 << 10, 300 << 10} {
		agent := strings.Repeat("a", n)
		line := originStart + `192.0.2.3 - 3E57427F4EXAMPLE REST.GET.OBJECT k "GET /k HTTP/1.1" 403 AccessDenied 243 - 8 - "-" "` + agent + "\" -\n"
		for _, text := range []string{line + line, line + strings.TrimSuffix(line, "\n"), strings.Repeat("\n", 200<<10) + line + line} {
			in, got := scanText(t, "log", text, Options{Format: "s3-access"})
			if len(got) != 2 || in.Records != 2 || in.Rejected != 0 {
				t.Errorf("%d bytes: %d records, %d handed over, rejected %v", n, in.Records, len(got), in.RejectedSamples)
			}
		}
	}
}

// FuzzOriginAccess holds the scanner to the slow way for any line.
func FuzzOriginAccess(f *testing.F) {
	f.Add([]byte(originStart + `- svc:cloudfront.amazonaws.com 3E57427F3EXAMPLE REST.GET.OBJECT a/b.js "GET /a/b.js HTTP/1.1" 403 AccessDenied 243 - 21 - "-" "-" - hostid= SigV4 C AuthHeader h TLSv1.2 - - eu-west-1`))
	f.Add([]byte(originStart + `- a role 3E57427F3EXAMPLE BATCH.DELETE.OBJECT a+b - 204 - - 5 - - - - - AIDAIABCDEFGHIJKLMNOP LzYGx=`))
	f.Add([]byte(originStart + "- svc:cloudfront.amazonaws.com 3E57427F3EXAMPLE REST.GET.OBJECT a/b.js \"GET /a/b.js HTTP/1.1\" 403 AccessDenied 243 - 21 - \"-\" \"-\" - hostid= SigV4\x00"))
	f.Fuzz(func(t *testing.T, line []byte) {
		if bytes.IndexByte(line, '\n') >= 0 {
			return
		}
		want, ok := slowOrigin(string(line))
		got, reason := parseOrigin(string(line))
		if ok != (reason == "") || ok && show(got, "") != show(want, "") {
			t.Fatalf("%q\ngives %s\nslowly %v %s", line, show(got, reason), ok, show(want, ""))
		}
	})
}
