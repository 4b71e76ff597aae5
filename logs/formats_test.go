package logs

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// scanText scans one object that holds text.
func scanText(t *testing.T, name, text string, o Options) (*Inputs, []string) {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, name), []byte(text))
	return scanDir(t, filepath.Join(dir, name), o)
}

// scanned checks what one object hands over, and that it is of format.
func scanned(t *testing.T, format, name, text string, o Options, want ...string) *Inputs {
	t.Helper()
	in, got := scanText(t, name, text, o)
	if !slices.Equal(got, want) {
		t.Errorf("%s: handed over:\n\t%s\nwant:\n\t%s\nrejected: %v\nunreadable: %v",
			format, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"), in.RejectedSamples, in.Unreadable)
	}
	if c := in.ByFormat[format]; c == nil || c.Objects != 1 {
		t.Errorf("not read as %s: %+v", format, in.ByFormat)
	}
	return in
}

func columns(names string) []string { return strings.Fields(names) }

// edgeWant is what the same three requests give in every format: a 403, a 200
// and a 404 that a custom error response made of a 403.
func edgeWant(object string, line int, distribution string) []string {
	at := func(n int) string { return object + ":" + string(rune('0'+line+n)) }
	passed := distribution
	if passed == "" {
		passed = "d111111abcdef8.cloudfront.net"
	}
	return []string{
		"edge " + at(0) + " 1763622001000 " + distribution + " /a%2520b 403 id1==",
		"edge " + at(2) + " 1763622003000 " + distribution + " /masked 404 id3==",
		"edge passed " + passed + " /ok 200 1763622002000",
	}
}

func notFound([]byte) []int { return []int{404} }

var masked = Options{Filter: Filter{Masked: notFound}}

func edgeLines() string {
	return w3cLine("07:00:01", "/a%2520b", "403", "Error", "id1==") +
		w3cLine("07:00:02", "/ok", "200", "Hit", "id2==") +
		w3cLine("07:00:03", "/masked", "404", "Error", "id3==")
}

func TestW3C(t *testing.T) {
	const f = "cloudfront-w3c"
	const dated = "E2ABCDEFGHIJ3K.2025-11-20-07.0a1b2c3d"
	lines := edgeLines()
	scanned(t, f, dated, w3cHeader+lines, masked, edgeWant(dated, 3, "E2ABCDEFGHIJ3K")...)
	// Without a name that tells, the distribution's own domain stands for it.
	scanned(t, f, "log", w3cHeader+lines, masked, edgeWant("log", 3, "")...)
	// One header line, tabs in the header, CRLF, a byte order mark, no last newline, blank lines.
	_, fields, _ := strings.Cut(w3cHeader, "\n")
	scanned(t, f, "log", fields+lines, masked, edgeWant("log", 2, "")...)
	scanned(t, f, "log", strings.ReplaceAll(w3cHeader, " ", "\t")+lines, masked, edgeWant("log", 3, "")...)
	scanned(t, f, "log", strings.ReplaceAll(w3cHeader+lines, "\n", "\r\n"), masked, edgeWant("log", 3, "")...)
	scanned(t, f, "log", "\xEF\xBB\xBF"+w3cHeader+lines, masked, edgeWant("log", 3, "")...)
	scanned(t, f, "log", w3cHeader+strings.TrimSuffix(lines, "\n"), masked, edgeWant("log", 3, "")...)
	scanned(t, f, "log", w3cHeader+"\n\r\n"+lines, masked, edgeWant("log", 5, "")...)
	// Years: 12, 24 and 26 columns; and a line cut to 31.
	for _, n := range []int{12, 24, 26, 31} {
		cut := func(s, sep string, n int) string {
			var b strings.Builder
			for line := range strings.Lines(s) {
				b.WriteString(strings.Join(strings.Split(strings.TrimSuffix(line, "\n"), sep)[:n], sep) + "\n")
			}
			return b.String()
		}
		want := edgeWant("log", 2, "")
		if n < 15 { // neither result type nor request id
			want = []string{
				"edge log:2 1763622001000  /a%2520b 403 ",
				"edge passed d111111abcdef8.cloudfront.net /masked 404 1763622003000",
				"edge passed d111111abcdef8.cloudfront.net /ok 200 1763622002000",
			}
		}
		header := cut(fields, " ", n+1)
		if n == 31 {
			header = fields
		}
		scanned(t, f, "log", header+cut(lines, "\t", n), masked, want...)
	}
	// Concatenated files with other fields.
	second := "#Fields: x-edge-request-id sc-status cs-uri-stem timestamp(ms) DistributionId\n" +
		"id9==\t403\t/other\t1763622009999\tE9ABCDEFGHIJ3K\n"
	scanned(t, f, "log", w3cHeader+lines+second, masked, append(edgeWant("log", 3, "")[:1],
		"edge log:5 1763622003000  /masked 404 id3==",
		"edge log:7 1763622009999 E9ABCDEFGHIJ3K /other 403 id9==",
		"edge passed d111111abcdef8.cloudfront.net /ok 200 1763622002000")...)
}

func TestW3CDelimiters(t *testing.T) {
	const f = "cloudfront-w3c"
	for _, d := range []string{",", " ", "|", ";", "::"} {
		o := masked
		if len(d) > 1 {
			o.Delimiter = d
		}
		text := w3cHeader + strings.ReplaceAll(edgeLines(), "\t", d)
		scanned(t, f, "log", text, o, edgeWant("log", 3, "")...)
		const dated = "E2ABCDEFGHIJ3K.2025-11-20-07.0a1b2c3d"
		scanned(t, f, dated, text, o, edgeWant(dated, 3, "E2ABCDEFGHIJ3K")...)
	}
}

// TestDelimiterInside has the delimiter inside values, as a comma stands in
// nearly every User-Agent.
func TestDelimiterInside(t *testing.T) {
	const f = "cloudfront-w3c"
	text := strings.ReplaceAll(edgeLines(), "\t", ",")
	text = strings.ReplaceAll(text, "Mozilla/5.0%20(X11)", "Mozilla/5.0%20(KHTML,%20like%20Gecko)")
	scanned(t, f, "log", w3cHeader+text, masked, edgeWant("log", 3, "")...)
	scanned(t, f, "log", w3cHeader+strings.ReplaceAll(text, "/ok", "/o,k,"), masked,
		append(edgeWant("log", 3, "")[:2], "edge passed d111111abcdef8.cloudfront.net /o,k, 200 1763622002000")...)
	// Two ways to read it, with another path each.
	in, _ := scanText(t, "log", w3cHeader+strings.ReplaceAll(text, "/ok,200", "/ok,200,200"), masked)
	if in.Rejected != 1 || in.RejectedSamples[0] != (Rejection{in.RejectedSamples[0].Object, 4, "the delimiter also stands inside a field, it can't be told which"}) {
		t.Errorf("rejected: %v", in.RejectedSamples)
	}
}

func TestPlain(t *testing.T) {
	const f = "cloudfront-plain"
	lines := edgeLines()
	scanned(t, f, "log", lines, masked, edgeWant("log", 1, "")...)
	scanned(t, f, "log", strings.ReplaceAll(lines, "\t", ","), masked, edgeWant("log", 1, "")...)
	o := masked
	o.Format, o.Fields, o.Delimiter = f, columns("sc-status cs-uri-stem x-edge-result-type x-edge-request-id date time DistributionId"), "|"
	const text = "403|/a%2520b|Error|id1==|2025-11-20|07:00:01|E2ABCDEFGHIJ3K\n200|/ok|Hit|id2==|2025-11-20|07:00:02|E2ABCDEFGHIJ3K\n404|/masked|Error|id3==|2025-11-20|07:00:03|E2ABCDEFGHIJ3K\n"
	scanned(t, f, "log", text, o, edgeWant("log", 1, "E2ABCDEFGHIJ3K")...)
	// The field list alone tells the format of lines with as many columns.
	o.Format = ""
	scanned(t, f, "log", text, o, edgeWant("log", 1, "E2ABCDEFGHIJ3K")...)
	o.Delimiter = ""
	scanned(t, f, "log", strings.ReplaceAll(text, "|", ","), o, edgeWant("log", 1, "E2ABCDEFGHIJ3K")...)
	if in, _ := scanText(t, "log", "some words\n", o); in.ByFormat["unknown"] == nil {
		t.Errorf("other text: %+v", in.ByFormat)
	}
	// The console's choice of all fields.
	var all strings.Builder
	for line := range strings.Lines(lines) {
		all.WriteString("1763622001\tE2ABCDEFGHIJ3K\t" + strings.TrimSuffix(line, "\n") + "\t1763622001999\t-\t-\t2516\n")
	}
	in, got := scanText(t, "log", all.String(), masked)
	if in.ByFormat[f] == nil || len(got) != 3 || got[0] != "edge log:1 1763622001999 E2ABCDEFGHIJ3K /a%2520b 403 id1==" {
		t.Errorf("all fields: %v %v", got, in.RejectedSamples)
	}
}

func TestEdgeJSON(t *testing.T) {
	const f = "cloudfront-json"
	var b strings.Builder
	for line := range strings.Lines(edgeLines()) {
		b.WriteString(`{"DistributionId":"E2ABCDEFGHIJ3K"`)
		for i, v := range strings.Split(strings.TrimSuffix(line, "\n"), "\t") {
			b.WriteString(`,"` + standardFields[i] + `":"` + v + `"`)
		}
		b.WriteString("}\n")
	}
	scanned(t, f, "log", b.String(), masked, edgeWant("log", 1, "E2ABCDEFGHIJ3K")...)
	// Records that Firehose joined without a newline count as lines of their own.
	joined := scanned(t, f, "log", strings.ReplaceAll(b.String(), "}\n", "}"), masked, edgeWant("log", 1, "E2ABCDEFGHIJ3K")...)
	if joined.Lines != 3 {
		t.Errorf("%d lines, want 3", joined.Lines)
	}
	// Escapes, spaces, numbers, other spellings, null.
	scanned(t, f, "log", ` { "sc_status" : 403 , "cs_uri_stem":"\/caf\u00e9\ud83d\ude00", "timestampms":1763622001000, "x":{"a":["}"]}, "c_ip":null, "xEdgeRequestId":"a\"b" } `+"\n",
		Options{}, `edge log:1 1763622001000  /café😀 403 a"b`)
	// Real-time records as JSON: hosts swapped, query in the stem.
	scanned(t, f, "log", `{"timestamp":"1763622001.541","sc-status":"200","cs-host":"www.example.com","cs-uri-stem":"/p?q=1","x-host-header":"d111111abcdef8.cloudfront.net"}`+"\n",
		Options{}, "edge passed d111111abcdef8.cloudfront.net /p 200 1763622001541")
}

// realTimeLine is a record with the fields of realTimeChoice.
const realTimeChoice = "timestamp c-ip time-to-first-byte sc-status cs-host cs-uri-stem x-edge-request-id x-host-header x-edge-result-type"

func TestRealTime(t *testing.T) {
	const f = "cloudfront-realtime"
	text := "1763622001.541\t192.0.2.7\t0.012\t403\twww.example.com\t/a%2520b?x=1\tid1==\td111111abcdef8.cloudfront.net\tError\n" +
		"1763622002.000\t192.0.2.7\t0.012\t200\twww.example.com\t/ok?x=1\tid2==\td111111abcdef8.cloudfront.net\tHit\n" +
		"1763622003.000\t192.0.2.7\t0.012\t404\twww.example.com\t/masked\tid3==\td111111abcdef8.cloudfront.net\tError\n"
	o := masked
	o.Fields = columns(realTimeChoice)
	want := edgeWant("log", 1, "")
	want[0] = "edge log:1 1763622001541  /a%2520b 403 id1=="
	scanned(t, f, "log", text, o, want...)
	// The order of the configuration is not that of the records.
	backwards := o
	backwards.Fields = slices.Clone(o.Fields)
	slices.Reverse(backwards.Fields)
	scanned(t, f, "log", text, backwards, want...)
	joined := scanned(t, f, "log", strings.ReplaceAll(text, "Error\n", "Error"), o, "edge log:1 1763622001541  /a%2520b 403 id1==",
		"edge log:3 1763622003000  /masked 404 id3==", want[2])
	if joined.Lines != 3 {
		t.Errorf("%d lines, want 3", joined.Lines)
	}
	// Without a field list: all fields of a year are recognised, others refused.
	all := map[string]string{"timestamp": "1763622001.541", "sc-status": "403", "cs-uri-stem": "/a%2520b?x", "cs-protocol": "https", "cs-protocol-version": "HTTP/2.0", "x-edge-request-id": "id1=="}
	for _, names := range [][]string{realTimeCanon, realTimeCanon[:len(realTimeCanon)-5], slices.Concat(realTimeCanon[:2], realTimeCanon[3:len(realTimeCanon)-5])} {
		var line []string
		for _, name := range names {
			v := all[name]
			if v == "" {
				v = "-"
			}
			line = append(line, v)
		}
		scanned(t, f, "log", strings.Join(line, "\t")+"\n", Options{}, "edge log:1 1763622001541  /a%2520b 403 id1==")
	}
	in, _ := scanText(t, "log", text, Options{})
	if len(in.Unreadable) != 1 || in.Unreadable[0].Reason != "a real-time log of 9 fields tells no field names: give the field list of its configuration" {
		t.Errorf("unreadable: %+v", in.Unreadable)
	}
	o.Fields = o.Fields[:8]
	in, _ = scanText(t, "log", text, o)
	if in.Rejected != 3 || in.RejectedSamples[0].Reason != "the number of columns differs from the field list" {
		t.Errorf("wrong field list: %+v", in.RejectedSamples)
	}
}

// TestFirstLines finds the format behind blank and broken lines.
func TestFirstLines(t *testing.T) {
	f := func(format, before, line string, want FormatCount) {
		t.Helper()
		in, _ := scanText(t, "log", before+line+"\n", Options{})
		if got := in.ByFormat[format]; got == nil || *got != want {
			t.Errorf("%q: %+v, %+v; want %s %+v", before, got, in.RejectedSamples, format, want)
		}
	}
	plain, _, _ := strings.Cut(edgeLines(), "\n")
	const (
		blank  = "\n\r\n\n"
		broken = "a piece of a line\n"
		cut    = `{"date":"2025` + "\n"
		edge   = `{"timestamp":"1763622001","sc-status":"403","cs-uri-stem":"/a"}`
		origin = `{"bucket_name":"site","request_time":"2025-11-20T07:00:00.500Z","operation":"REST.GET.OBJECT","key_name":"a","request_uri":"GET /a HTTP/1.1","http_status":403}`
	)
	f("cloudfront-w3c", blank, w3cHeader+plain, FormatCount{Objects: 1, Lines: 6, Records: 1, Forbidden: 1, Skipped: 5})
	f("cloudfront-w3c", broken, w3cHeader+plain, FormatCount{Objects: 1, Lines: 4, Records: 1, Forbidden: 1, Skipped: 2, Rejected: 1})
	f("cloudfront-plain", blank+broken, plain, FormatCount{Objects: 1, Lines: 5, Records: 1, Forbidden: 1, Skipped: 3, Rejected: 1})
	f("cloudfront-json", blank, edge, FormatCount{Objects: 1, Lines: 4, Records: 1, Forbidden: 1, Skipped: 3})
	f("cloudfront-json", cut, edge, FormatCount{Objects: 1, Lines: 2, Records: 1, Forbidden: 1, Rejected: 1})
	f("s3-json", cut+blank, origin, FormatCount{Objects: 1, Lines: 5, Records: 1, Forbidden: 1, Skipped: 3, Rejected: 1})
	f("cloudfront-json", strings.Repeat("\n", 100), edge, FormatCount{Objects: 1, Lines: 101, Records: 1, Forbidden: 1, Skipped: 100})
	// Beyond a handful of lines it is another file.
	f("unknown", strings.Repeat(broken, 8), edge, FormatCount{Objects: 1, Lines: 9, Rejected: 9})
}

func TestConnectionLogs(t *testing.T) {
	const f = "cloudfront-connection"
	in := scanned(t, f, "log", "#Fields: connectionStatus clientIp connectionId\nSuccess\t192.0.2.1\tabc\n", Options{})
	if in.Lines != 2 || in.Skipped != 2 {
		t.Errorf("inputs: %+v", in)
	}
	scanned(t, f, "log", `{"connectionStatus":"Success","clientIp":"192.0.2.1","connectionId":"abc"}`+"\n", Options{})
}

func TestFirewall(t *testing.T) {
	const f = "waf-json"
	text := `{"timestamp":1763622001000,"formatVersion":1,"webaclId":"arn:aws:wafv2:us-east-1:111122223333:global/webacl/site/x","terminatingRuleId":"rate","terminatingRuleType":"RATE_BASED","action":"BLOCK","httpSourceName":"CF","httpSourceId":"E2ABCDEFGHIJ3K","ruleGroupList":[{"ruleGroupId":"a","terminatingRule":null},{"ruleGroupId":"b","terminatingRule":{"ruleId":"SizeRestrictions_QUERYSTRING","action":"BLOCK"}}],"responseCodeSent":null,"httpRequest":{"clientIp":"192.0.2.7","country":"JP","headers":[{"name":"Host","value":"x}\"]"}],"uri":"/a","args":"","httpVersion":"HTTP/2.0","httpMethod":"GET","requestId":"id1=="}}` + "\n" +
		`{"timestamp":1763622002000,"webaclId":"arn:x","terminatingRuleId":"Default_Action","action":"ALLOW","httpRequest":{"requestId":"id2=="}}` + "\n" +
		`{"webaclId":"arn:x","action":"BLOCK","httpRequest":{}}` + "\n"
	in := scanned(t, f, "log", text, Options{}, "firewall log:1 1763622001000 id1== BLOCK rate")
	if in.Records != 2 || in.Rejected != 1 || in.ByFormat[f].Forbidden != 1 || in.RejectedSamples[0].Reason != "no timestamp in the WAF record" {
		t.Errorf("inputs: %+v", in)
	}
	var got FirewallRecord
	s := newScanner(new(Options), nil, firewallFunc(func(r *FirewallRecord) { got = *r }))
	s.object, s.count = new(Object), new(FormatCount)
	d, _ := firewallJSON.lines(s, nil)
	d.decode([]byte(text))
	if string(got.GroupRule) != "SizeRestrictions_QUERYSTRING" || string(got.URI) != "/a" || string(got.Method) != "GET" ||
		string(got.ClientIP) != "192.0.2.7" || string(got.SourceID) != "E2ABCDEFGHIJ3K" || string(got.RuleType) != "RATE_BASED" {
		t.Errorf("record: %+v", got)
	}
}

type firewallFunc func(*FirewallRecord)

func (firewallFunc) Edge(*EdgeRecord)                      {}
func (firewallFunc) Origin(*OriginRecord)                  {}
func (firewallFunc) EdgePassed([]byte, []byte, int, int64) {}
func (firewallFunc) OriginPassed(*OriginRecord)            {}
func (f firewallFunc) Firewall(r *FirewallRecord)          { f(r) }

func TestOriginJSON(t *testing.T) {
	const f = "s3-json"
	const common = `"bucket_name":"site","requester":"svc:cloudfront.amazonaws.com","request_id":"3E57427F3EXAMPLE","operation":"REST.GET.OBJECT",`
	text := `{"schema_version_id":"V_1_0","request_time":"2025-11-20T07:00:00.500Z",` + common + `"remote_ip":null,"key_name":"a%2Bb","request_uri":"GET /a%20b HTTP/1.1","http_status":403,"error_code":"AccessDenied"}` + "\n" +
		`{"request_time":"2025-11-20T07:00:02.000Z",` + common + `"key_name":"ok","request_uri":"GET /ok HTTP/1.1","http_status":200}` + "\n"
	const passed = `origin passed log:2 1763622002000 site REST.GET.OBJECT ok 200`
	const want = `origin log:1 1763622000500 site svc:cloudfront.amazonaws.com REST.GET.OBJECT "a b" 403 AccessDenied <nil>`
	scanned(t, f, "log", text, Options{}, want, passed)
	// Encoded once, or not at all: the request-URI tells.
	scanned(t, f, "log", strings.Replace(text, "a%2Bb", "a+b", 1), Options{}, want, passed)
	scanned(t, f, "log", strings.Replace(text, "a%2Bb", "a b", 1), Options{}, want, passed)
}

func TestParquet(t *testing.T) {
	open := func(name string) string {
		b, err := os.ReadFile(filepath.Join("testdata/parquet", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	const f = "cloudfront-parquet"
	for _, name := range []string{"edge-strings", "edge-nulls", "edge-duckdb"} {
		scanned(t, f, name, open(name+".parquet"), masked, edgeWant(name, 1, "")...)
	}
	scanned(t, f, "types", open("edge-types.parquet"), masked,
		"edge passed E2ABCDEFGHIJ3K /ok 200 1763622002000",
		"edge types:1 1763622001123 E2ABCDEFGHIJ3K /a%2520b 403 id1==",
		"edge types:3 1763622003000 E2ABCDEFGHIJ3K /masked 404 id3==")
	scanned(t, "s3-parquet", "log", open("origin.parquet"), Options{},
		`origin log:1 1763622000500 site svc:cloudfront.amazonaws.com REST.GET.OBJECT "a b" 403 AccessDenied <nil>`,
		`origin log:3 1763622003000 site  REST.GET.OBJECT "100%25" 403 AccessDenied <nil>`,
		`origin passed log:2 1763622002000 site REST.GET.OBJECT ok 200`)
	in := scanned(t, "cloudfront-connection", "log", open("connection.parquet"), Options{})
	if in.Lines != 4 || in.Skipped != 4 {
		t.Errorf("connection log: %+v", in)
	}
	if in := scanned(t, f, "log", open("edge-empty.parquet"), Options{}); in.Lines != 0 {
		t.Errorf("no rows: %+v", in)
	}
	refused := func(data, reason string) {
		t.Helper()
		in, _ := scanText(t, "log", data, Options{})
		if len(in.Unreadable) != 1 || in.Unreadable[0].Reason != reason {
			t.Errorf("unreadable: %+v, want %q", in.Unreadable, reason)
		}
	}
	refused(open("edge-nostatus.parquet"), "parquet: no column sc_status: select it in the delivery's record fields")
	refused(open("other.parquet"), "parquet: no columns of a CloudFront or S3 access log")
	whole := open("edge-strings.parquet")
	refused(whole[:len(whole)-1], "parquet: the file is cut short: it does not end in PAR1")
	refused(whole[:len(whole)-8]+"\xff\xff\xff\x7fPAR1", "parquet: the footer claims 2147483647 bytes of a file of 9046")
	refused("PAR1", "parquet: the file is cut short: it does not end in PAR1")
}

// TestQuick compares the quick way for the legacy log with the plain one, on
// lines with bytes changed.
func TestQuick(t *testing.T) {
	rnd := rand.New(rand.NewPCG(403, 2))
	run := func(text []byte, quick bool) ([]string, FormatCount, []Rejection) {
		h := new(recorder)
		s := newScanner(&Options{Progress: new(Progress), Filter: Filter{Masked: func([]byte) []int { return []int{404} }}}, nil, h)
		s.object, s.count, s.distribution = new(Object), new(FormatCount), []byte("E2ABCDEFGHIJ3K")
		d := &delimited{s: s}
		d.setFields(standardFields[:33], "\t", false)
		d.legacy = quick
		d.decode(text)
		return h.lines, *s.count, s.rejections
	}
	for range 200 {
		text := edgeText(rnd, 40, 10)
		text = text[len(w3cHeader):]
		for range rnd.IntN(40) {
			if i := rnd.IntN(len(text) - 1); text[i] != '\n' {
				text[i] = []byte("\t\t\t4-/0\xff \r:")[rnd.IntN(11)]
			}
		}
		got, gotCount, gotRejected := run(text, true)
		want, wantCount, wantRejected := run(text, false)
		if !slices.Equal(got, want) || gotCount != wantCount || !slices.Equal(gotRejected, wantRejected) {
			t.Fatalf("%q\ngives %q %+v %v\nplainly %q %+v %v", text, got, gotCount, gotRejected, want, wantCount, wantRejected)
		}
	}
}
