//go:build trino

package athena

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
)

// A generator makes a day of logs in many formats, with odd lines among them.
type generator struct {
	*rand.Rand
	day   time.Time
	dir   string
	lines int
}

const (
	hexOwner = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"
	distA    = "E1EXAMPLE00001"
	distB    = "E2EXAMPLE00002"
	distC    = "E3EXAMPLE00003"
	distD    = "E4EXAMPLE00004"
)

// instant is a time of the day, with milliseconds.
func (g *generator) instant() time.Time {
	return g.day.Add(time.Duration(g.IntN(86400_000)) * time.Millisecond)
}

// path is one of many paths; the first few dozen are refused at times.
func (g *generator) path() (path string, fails bool) {
	n := int(g.ExpFloat64() * 400)
	folders := []string{"", "img/", "docs/guide/", "Beta/", "a//b/", "files/2026/"}
	names := []string{"page%d.html", "photo%d.JPG", "d%d/", "size%%2520chart%d.pdf", "%%25E3%%2582%%25AB%d.bin", "x+y%d", "r%d"}
	return "/" + folders[n%len(folders)] + fmt.Sprintf(names[n/7%len(names)], n), n%11 == 3
}

func (g *generator) status(fails bool) (status, result string) {
	switch k := g.IntN(100); {
	case fails && k < 60 || k == 0:
		return "403", "Error"
	case k < 3:
		return "200", "Error" // masked
	case k < 6:
		return "404", "Error"
	case k < 8:
		return "000", "Error"
	case k < 15:
		return "304", "Hit"
	}
	return "200", "Hit"
}

// edgeValues are the values of a CloudFront record by field.
func (g *generator) edgeValues() map[string]string {
	at := g.instant()
	path, fails := g.path()
	status, result := g.status(fails)
	agent := []string{"curl/8.0", "Mozilla/5.0%20(X11)", "why403/1.0", "a%22b", "-"}[g.IntN(5)]
	v := map[string]string{
		"date": at.Format(time.DateOnly), "time": at.Format(time.TimeOnly), "timestamp": fmt.Sprint(at.Unix()), "timestamp(ms)": fmt.Sprint(at.UnixMilli()),
		"x-edge-location": "NRT57-C" + fmt.Sprint(g.IntN(5)), "sc-bytes": fmt.Sprint(g.IntN(9000)), "c-ip": fmt.Sprintf("203.0.113.%d", g.IntN(250)),
		"cs-method": "GET", "cs(Host)": "d111111abcdef8.cloudfront.net", "cs-uri-stem": path, "sc-status": status,
		"cs(Referer)": "-", "cs(User-Agent)": agent, "cs-uri-query": "-", "cs(Cookie)": "-",
		"x-edge-result-type": result, "x-edge-response-result-type": result, "x-edge-detailed-result-type": result,
		"x-edge-request-id": fmt.Sprintf("%016x==", g.Uint64()), "x-host-header": "www.example.com", "cs-protocol": "https", "cs-bytes": "300",
		"time-taken": "0.02" + fmt.Sprint(g.IntN(10)), "cs-protocol-version": "HTTP/2.0", "time-to-first-byte": "0.020",
		"sc-content-type": "application/xml", "sc-content-len": "243", "origin-fbl": "0.018", "origin-lbl": "0.019", "asn": "2516", "c-country": "JP",
		"DistributionId": distA,
	}
	if g.IntN(20) == 0 {
		v["cs-uri-stem"] += strings.Repeat("long", 1500)
	}
	return v
}

func joined(fields []string, v map[string]string, delimiter string) string {
	out := make([]string, len(fields))
	for i, f := range fields {
		if out[i] = v[f]; out[i] == "" {
			out[i] = "-"
		}
	}
	return strings.Join(out, delimiter)
}

// oddEdge spoils a line of columns.
func (g *generator) oddEdge(line, delimiter string) string {
	columns := strings.Split(line, delimiter)
	switch g.IntN(9) {
	case 0:
		return strings.Join(columns[:1+g.IntN(len(columns)-1)], delimiter) // truncated
	case 1:
		return ""
	case 2:
		return strings.Replace(line, columns[0], "2026-13-40", 1)
	case 3:
		return "#Comment in between"
	case 4:
		return line + delimiter + "one-more"
	case 5:
		return strings.Replace(line, delimiter+"200"+delimiter, delimiter+"2x0"+delimiter, 1)
	case 6:
		return strings.Replace(line, "/", "/\xff\xfe", 1)
	case 7:
		return line + "\r"
	}
	return strings.Replace(line, ":", "", 1)
}

// origin is a line of S3's server access log.
func (g *generator) origin(bucket string) string {
	at := g.instant()
	path, fails := g.path()
	status, _ := g.status(fails)
	if status == "000" {
		status = "500"
	}
	key := strings.NewReplacer("%", "%25").Replace(path[1:])
	who := []string{"- svc:cloudfront.amazonaws.com", "198.51.100.7 -", "198.51.100.9 arn:aws:sts::111122223333:assumed-role/r/s",
		"198.51.100.8 arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E3EXAMPLEOAI01"}[g.IntN(4)]
	op, uri := "REST.GET.OBJECT", `"GET `+path+` HTTP/1.1"`
	refused, size := "-", "512 512 20 18"
	if status == "403" {
		refused, size = "AccessDenied", "243 - 9 -"
	}
	referer, agent := `"-"`, `"curl/8.0"`
	switch g.IntN(40) {
	case 0:
		op = "REST.HEAD.OBJECT"
	case 1:
		op, key = "REST.GET.BUCKET", "-"
	case 2:
		op, uri, status, size, referer, agent = "BATCH.DELETE.OBJECT", "-", "204", "- 5 - -", "-", "-"
	case 3:
		op, uri, status, size = "S3.EXPIRE.OBJECT", `"-"`, "-", "- 5 - -"
	case 4:
		agent = `"Amazon CloudFront"`
	}
	return fmt.Sprintf(`%s %s [%s] %s %016X %s %s %s %s %s %s %s %s - host+id/%x= SigV4 ECDHE-RSA-AES128-GCM-SHA256 AuthHeader %[2]s.s3.us-east-1.amazonaws.com TLSv1.3 - -`,
		hexOwner, bucket, at.Format("02/Jan/2006:15:04:05 -0700"), who, g.Uint64(), op, key, uri, status, refused, size, referer, agent, g.Uint32())
}

// oddOrigin spoils or strains a line of S3's.
func (g *generator) oddOrigin(line string) string {
	switch g.IntN(14) {
	case 11:
		return strings.Replace(line, "GET /", "GET /\x01\x00\\N", 1)
	case 12:
		return `\N`
	case 0:
		return strings.Replace(line, " HTTP/1.1", `" HTTP/1.1`, 1) // quote in the URI
	case 1:
		return strings.Replace(line, `"-" "`, `"a referer" with "403 AccessDenied 243 - 9 - " "`, 1)
	case 2:
		return strings.Replace(line, `curl/8.0`, `curl" 403 AccessDenied "x`, 1)
	case 3:
		return strings.Replace(line, "GET /", "GET /\xe9\xff", 1)
	case 4:
		return line[:g.IntN(len(line))]
	case 5:
		return line[:len(line)/2] + line // spliced
	case 6:
		return ""
	case 7:
		return strings.Replace(line, "GET /", "GET /"+strings.Repeat("q", 20000)+" ", 1)
	case 8:
		return strings.Replace(line, " +0000]", " -0700]", 1)
	case 9:
		return strings.Replace(line, "/Nov/", "/NOV/", 1)
	case 10:
		return line + "\r"
	}
	return strings.Replace(line, " HTTP/1.1", " with spaces HTTP/1.1", 1)
}

func (g *generator) write(t testing.TB, name string, data []byte) {
	t.Helper()
	if strings.HasSuffix(name, ".gz") {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write(data)
		z.Close()
		data = b.Bytes()
	}
	path := filepath.Join(g.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// text makes n lines; the first few are never odd, since a format is known by
// them.
func (g *generator) text(n int, header string, line func() string, odd func(string) string) []byte {
	b := []byte(header)
	for i := range n {
		l := line()
		if i > 8 && odd != nil && g.IntN(50) == 0 {
			l = odd(l)
		}
		b = append(append(b, l...), '\n')
		if g.IntN(200) == 0 { // delivered twice
			b = append(append(b, l...), '\n')
		}
	}
	g.lines += n
	return b
}

var generatedV2 = append(append([]string{"timestamp", "DistributionId"}, standardFields...), "timestamp(ms)", "origin-fbl", "origin-lbl", "asn", "c-country")

// generate writes about n lines of logs and says where they are.
func (g *generator) generate(t testing.TB, n int, bucket string) []Logs {
	t.Helper()
	hour := func(h int) string { return g.day.Add(time.Duration(h) * time.Hour).Format("2006-01-02-15") }
	folder := func(h int) string { return g.day.Add(time.Duration(h) * time.Hour).Format("2006/01/02/15") }
	at := func(h int) func(map[string]string) map[string]string { // moves a record into the hour
		return func(v map[string]string) map[string]string {
			when := g.day.Add(time.Duration(h)*time.Hour + time.Duration(g.IntN(3600_000))*time.Millisecond)
			v["date"], v["time"] = when.Format(time.DateOnly), when.Format(time.TimeOnly)
			v["timestamp"], v["timestamp(ms)"] = fmt.Sprint(when.Unix()), fmt.Sprint(when.UnixMilli())
			return v
		}
	}
	per := max(1, n/6/24)
	header := "#Version: 1.0\n#Fields: " + strings.Join(standardFields, " ") + "\n"
	for h := range 24 {
		in := at(h)
		// Legacy logs, flat; one object has an older header.
		fields, head := standardFields, header
		if h == 5 {
			fields = standardFields[:26]
			head = "#Version: 1.0\n#Fields: " + strings.Join(fields, " ") + "\n"
		}
		g.write(t, fmt.Sprintf("legacy/%s.%s.%08x.gz", distB, hour(h), g.Uint32()),
			g.text(per, head, func() string { return joined(fields, in(g.edgeValues()), "\t") }, func(l string) string { return g.oddEdge(l, "\t") }))
		// v2, w3c, with folders down to the hour.
		g.write(t, fmt.Sprintf("v2/%s/%s/%s.%s.%08x.gz", distA, folder(h), distA, hour(h), g.Uint32()),
			g.text(per, "#Fields: "+strings.Join(generatedV2, " ")+"\n", func() string { return joined(generatedV2, in(g.edgeValues()), "\t") }, nil))
		// v2, JSON, hive-compatible.
		g.write(t, fmt.Sprintf("json/DistributionId=%s/year=%s/month=%s/day=%s/hour=%02d/%s.%s.%08x.gz", distC, g.day.Format("2006"), g.day.Format("01"), g.day.Format("02"), h, distC, hour(h), g.Uint32()),
			g.text(per, "", func() string {
				v := map[string]string{}
				for k, x := range in(g.edgeValues()) {
					v[k] = x
				}
				v["DistributionId"] = distC
				for _, f := range generatedV2 {
					if v[f] == "" {
						v[f] = "-"
					}
				}
				b, _ := json.Marshal(v)
				return string(b)
			}, func(l string) string {
				return []string{l + l, l[:len(l)/2], "", strings.Replace(l, `"200"`, `200`, 1), strings.Replace(l, `"sc-status"`, `"sc_Status"`, 1), "{}"}[g.IntN(6)]
			}))
		// v2, Parquet.
		g.write(t, fmt.Sprintf("parquet/%s/%s.%s.%08x.parquet", folder(h), distD, hour(h), g.Uint32()), g.parquet(t, per, in))
		// S3, flat and by day of the event.
		g.write(t, fmt.Sprintf("s3/access-%s-30-00-%016X", hour(h), g.Uint64()), g.text(per, "", func() string { return g.origin("flat-bucket") }, g.oddOrigin))
	}
	g.write(t, fmt.Sprintf("s3day/111122223333/us-east-1/site-bucket/%s/%s-00-00-00-%016X", g.day.Format("2006/01/02"), g.day.Format(time.DateOnly), g.Uint64()),
		g.text(per*24, "", func() string { return g.origin("site-bucket") }, g.oddOrigin))
	root, since := "s3://"+bucket+"/", g.day.AddDate(0, 0, -3)
	return []Logs{
		{Name: "legacy", Format: "cloudfront-w3c", Location: root + "legacy/"},
		{Name: "v2", Format: "cloudfront-w3c", Location: root + "v2/", Suffix: "{DistributionId}/{yyyy}/{MM}/{dd}/{HH}", Distributions: []string{distA, distB}, Fields: generatedV2, Since: since},
		{Name: "json", Format: "cloudfront-json", Location: root + "json/", Suffix: "{DistributionId}/{yyyy}/{MM}/{dd}/{HH}", Hive: true, Distributions: []string{distC}, Fields: generatedV2, Since: since},
		{Name: "parquet", Format: "cloudfront-parquet", Location: root + "parquet/", Suffix: "{yyyy}/{MM}/{dd}/{HH}", Since: since},
		{Name: "s3", Format: "s3-access", Location: root + "s3/access-"},
		{Name: "s3day", Format: "s3-access", Location: root + "s3day/111122223333/us-east-1/site-bucket/", Suffix: "{yyyy}/{MM}/{dd}", Since: since},
	}
}

// parquet makes a file of string columns, named as AWS's DDL has them.
func (g *generator) parquet(t testing.TB, n int, in func(map[string]string) map[string]string) []byte {
	t.Helper()
	group := parquet.Group{}
	for _, f := range standardFields {
		group[columnName(f)] = parquet.Optional(parquet.String())
	}
	schema := parquet.NewSchema("log", group)
	var b bytes.Buffer
	w := parquet.NewGenericWriter[map[string]any](&b, schema, parquet.Compression(&parquet.Snappy))
	for range n {
		v := in(g.edgeValues())
		row := map[string]any{}
		for _, f := range standardFields {
			if row[columnName(f)] = "-"; v[f] != "" {
				row[columnName(f)] = v[f]
			}
		}
		if _, err := w.Write([]map[string]any{row}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	g.lines += n
	return b.Bytes()
}
