//go:build trino

package athena

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/parquet-go/parquet-go"

	"github.com/why403/why403/correlate"
	"github.com/why403/why403/logs"
)

// A rig is the real clients with their doubles: Athena's and Glue's protocol in
// front of a real Trino, and a real S3 server. testdata/trino.sh starts them.
type rig struct {
	athena *athena.Client
	glue   *glue.Client
	s3     *s3.Client
	shim   *athenaShim
	trino  string
}

func newRig(t testing.TB) *rig {
	t.Helper()
	trino, addr, store := os.Getenv("WHY403_TEST_TRINO"), os.Getenv("WHY403_TEST_TRINO_GLUE"), os.Getenv("WHY403_TEST_S3")
	if trino == "" || addr == "" || store == "" {
		t.Fatal("WHY403_TEST_TRINO, WHY403_TEST_TRINO_GLUE and WHY403_TEST_S3 are not set: see testdata/trino.sh")
	}
	shim, url := newAthena(t, trino)
	catalog := newGlue().listen(t, addr)
	creds := credentials.NewStaticCredentialsProvider("test", "test", "")
	return &rig{
		athena: athena.New(athena.Options{Region: "us-east-1", BaseEndpoint: &url, Credentials: creds}),
		glue:   glue.New(glue.Options{Region: "us-east-1", BaseEndpoint: &catalog, Credentials: creds}),
		s3: s3.New(s3.Options{Region: "us-east-1", BaseEndpoint: &store, UsePathStyle: true,
			Credentials:                credentials.NewStaticCredentialsProvider(os.Getenv("WHY403_TEST_S3_KEY"), os.Getenv("WHY403_TEST_S3_SECRET"), ""),
			RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired}),
		shim: shim, trino: trino,
	}
}

// bucket makes a bucket of this run's own.
func (r *rig) bucket(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("why403-test-%08x", rand.Uint32())
	if _, err := r.s3.CreateBucket(context.Background(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
	return name
}

func (r *rig) put(t testing.TB, bucket, key string, data []byte) {
	t.Helper()
	if _, err := r.s3.PutObject(context.Background(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(data)}); err != nil {
		t.Fatal(err)
	}
}

// upload puts a directory into a bucket.
func (r *rig) upload(t testing.TB, dir, bucket, prefix string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		r.put(t, bucket, prefix+filepath.ToSlash(rel), data)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestTrinoNodes waits until the worker is known to the coordinator.
func TestTrinoNodes(t *testing.T) {
	r := newRig(t)
	var rows [][]string
	for range 120 {
		rows = query(t, r, "system", "SELECT node_id, node_version, coordinator FROM system.runtime.nodes WHERE state = 'active' ORDER BY 3 DESC")
		if len(rows) == 2 {
			break
		}
		time.Sleep(time.Second)
	}
	for _, row := range rows {
		t.Log(strings.Join(row, " "))
	}
	if len(rows) != 2 {
		t.Fatalf("%d nodes, want a coordinator and a worker", len(rows))
	}
}

func query(t testing.TB, r *rig, database, sql string) [][]string {
	t.Helper()
	var rows [][]string
	e := &engine{api: r.athena, o: Options{Database: database, Log: discard}, sleep: sleep}
	err := e.run(context.Background(), "test", sql, func(c []string) error {
		rows = append(rows, append([]string(nil), c...))
		return nil
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
	return rows
}

// both scans the same logs by both engines. how tells the local one what the
// logs do not tell themselves.
func both(t testing.TB, r *rig, dir string, settings correlate.Settings, all []Logs, o Options, how ...logs.Options) (local, remote outcome) {
	t.Helper()
	lo := logs.Options{}
	if len(how) > 0 {
		lo = how[0]
	}
	lo.Filter = logs.Filter{Masked: func([]byte) []int { return o.Masked }, Window: o.Window}
	ctx := context.Background()
	made, _, err := Setup(ctx, r.glue, o.Database, all)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("made %s", strings.Join(made, ", "))

	dirSource, err := logs.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	src := keyed{dirSource}
	c := correlate.New(correlate.Options{})
	if local.inputs, err = logs.Scan(ctx, []logs.Source{src}, lo, c.Handler); err != nil {
		t.Fatal(err)
	}
	if local.result, err = c.Result(ctx, settings); err != nil {
		t.Fatal(err)
	}

	c = correlate.New(correlate.Options{})
	got, err := Scan(ctx, r.athena, all, o, c.Handler)
	if err != nil {
		t.Fatal(err)
	}
	remote.inputs, remote.scan = got.Inputs, got
	if remote.result, err = c.Result(ctx, settings); err != nil {
		t.Fatal(err)
	}
	for _, s := range got.Approximate {
		t.Logf("approximate: %s", s)
	}
	t.Logf("%d queries scanned %d bytes, about %.6f USD", got.Usage.Queries, got.Usage.ScannedBytes, got.Usage.Cost())
	return local, remote
}

// keyed is a source whose objects are chosen by their whole names, as those in
// S3 are.
type keyed struct{ logs.Source }

func (k keyed) List(ctx context.Context, w logs.Window, page func([]logs.Object) error) error {
	return k.Source.List(ctx, logs.Window{}, func(all []logs.Object) error {
		return page(slices.DeleteFunc(slices.Clone(all), func(o logs.Object) bool {
			return w != (logs.Window{}) && !logs.ParseName(filepath.ToSlash(o.URI)).Overlaps(w)
		}))
	})
}

type outcome struct {
	inputs *logs.Inputs
	result *correlate.Result
	scan   *Result
}

func TestTrinoSite(t *testing.T) {
	r := newRig(t)
	const dir = "../../samples/site/logs"
	bucket := r.bucket(t)
	r.upload(t, dir, bucket, "")
	settings, masked := sampleSettings(t)
	local, remote := both(t, r, dir, settings, siteLogs(bucket), Options{Database: "site", Masked: masked})
	compare(t, local, remote, bucket, dir)
}

// WHY403_TEST_LINES sets how many lines are made up; a million takes long.
func generated(t testing.TB, r *rig, bucket string) (*generator, []Logs) {
	t.Helper()
	n := 20_000
	if s := os.Getenv("WHY403_TEST_LINES"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	g := &generator{Rand: rand.New(rand.NewPCG(4, 3)), day: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC), dir: t.TempDir()}
	all := g.generate(t, n, bucket)
	r.upload(t, g.dir, bucket, "")
	t.Logf("%d lines were made up", g.lines)
	return g, all
}

func TestTrinoGenerated(t *testing.T) {
	r := newRig(t)
	bucket := r.bucket(t)
	g, all := generated(t, r, bucket)
	masked := []int{200}
	t.Run("all", func(t *testing.T) {
		local, remote := both(t, r, g.dir, correlate.Settings{}, all, Options{Database: "generated", Masked: masked})
		compare(t, local, remote, bucket, g.dir)
	})
	t.Run("window", func(t *testing.T) {
		w := logs.Window{From: g.day.Add(7*time.Hour + 30*time.Minute), To: g.day.Add(21 * time.Hour)}
		local, remote := both(t, r, g.dir, correlate.Settings{}, all, Options{Database: "generated", Masked: masked, Window: w})
		compare(t, local, remote, bucket, g.dir)
	})
	t.Run("regex", func(t *testing.T) { r.countLost(t, all[4:]) })
}

// TestTrinoOtherFormats compares the formats that tell less of themselves, or
// that are rarer, as a whole and of a window, by whose ends some of the objects
// are left out.
func TestTrinoOtherFormats(t *testing.T) {
	r := newRig(t)
	realTime := strings.Fields("timestamp c-ip time-to-first-byte sc-status sc-bytes cs-method cs-protocol cs-host cs-uri-stem x-edge-location x-edge-request-id x-host-header time-taken cs-user-agent x-edge-response-result-type x-edge-result-type x-edge-detailed-result-type")
	plain := strings.Fields("date time DistributionId cs-uri-stem sc-status x-edge-result-type x-edge-response-result-type x-edge-detailed-result-type x-edge-request-id c-ip cs(User-Agent)")
	day := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	f := func(l Logs, name string, data func(*generator) []byte) { // name: a layout of package time
		t.Run(l.Format, func(t *testing.T) {
			bucket := r.bucket(t)
			g := &generator{Rand: rand.New(rand.NewPCG(7, 7)), day: day, dir: t.TempDir()}
			for hour := 4; hour < 20; hour += 3 {
				at := day.Add(time.Duration(hour)*time.Hour + 5*time.Minute)
				g.write(t, strings.NewReplacer("YYYY", at.Format("2006"), "MM", at.Format("01"), "DD", at.Format("02"), "HH", at.Format("15"), "mm", at.Format("04")).Replace(name), data(g))
			}
			r.upload(t, g.dir, bucket, "")
			l.Location, l.Name, l.Since = "s3://"+bucket+"/", strings.ReplaceAll(l.Format, "-", "_"), day
			how := logs.Options{Format: l.Format, Fields: l.Fields, Delimiter: l.Delimiter}
			local, remote := both(t, r, g.dir, correlate.Settings{}, []Logs{l}, Options{Database: "others", Masked: []int{200}}, how)
			compare(t, local, remote, bucket, g.dir)
			all := remote.inputs.Objects
			w := logs.Window{From: day.Add(8*time.Hour + 20*time.Minute), To: day.Add(12 * time.Hour)}
			local, remote = both(t, r, g.dir, correlate.Settings{}, []Logs{l}, Options{Database: "others", Masked: []int{200}, Window: w}, how)
			compare(t, local, remote, bucket, g.dir)
			if dayOnly := l.Format == "s3-json"; !dayOnly && l.Format != "s3-parquet" && remote.inputs.Objects >= all {
				t.Errorf("%d of %d objects are of the window", remote.inputs.Objects, all)
			}
		})
	}
	const n = 400 // lines of each of six objects
	f(Logs{Format: "cloudfront-plain", Fields: plain, Delimiter: ","}, distA+".YYYY-MM-DD-HH.0a1b2c3d.gz", func(g *generator) []byte {
		return g.text(n, "", func() string { return joined(plain, g.edgeValues(), ",") }, func(l string) string { return g.oddEdge(l, ",") })
	})
	f(Logs{Format: "cloudfront-realtime", Fields: realTime, Suffix: "{yyyy}/{MM}/{dd}/{HH}"}, "YYYY/MM/DD/HH/stream-1-YYYY-MM-DD-HH-mm-00-0f0e0d0c-0b0a-0908-0706-050403020100.gz", func(g *generator) []byte {
		return g.text(n, "", func() string {
			v := g.edgeValues()
			v["timestamp"] += fmt.Sprintf(".%03d", g.IntN(1000))
			v["cs-host"], v["x-host-header"] = "www.example.com", "d1.cloudfront.net"
			v["cs-user-agent"] = v["cs(User-Agent)"]
			if g.IntN(3) == 0 {
				v["cs-uri-stem"] += "?q=" + fmt.Sprint(g.IntN(9))
			}
			return joined(realTime, v, "\t")
		}, func(l string) string { return g.oddEdge(l, "\t") })
	})
	vended := func(g *generator) map[string]string {
		path, fails := g.path()
		status, _ := g.status(fails)
		return map[string]string{
			"bucket_name": "vended-bucket", "request_time": g.instant().Format("2006-01-02T15:04:05.000Z"), "remote_ip": "192.0.2.7", "requester": []string{"-", "svc:cloudfront.amazonaws.com"}[g.IntN(2)],
			"request_id": fmt.Sprintf("%016X", g.Uint64()), "operation": "REST.GET.OBJECT", "key_name": strings.ReplaceAll(path[1:], "%", "%25"), "request_uri": "GET " + path + " HTTP/1.1", "http_status": status,
			"user_agent": []string{"curl/8.0", "why403/1.0"}[g.IntN(2)], "referer": "-", "error_code": "-",
		}
	}
	f(Logs{Format: "s3-json", Fields: vendedFields, Suffix: "{yyyy}/{MM}/{dd}"}, "YYYY/MM/DD/vended-HH.gz", func(g *generator) []byte {
		return g.text(n, "", func() string {
			b, _ := json.Marshal(vended(g))
			return strings.Replace(string(b), `"http_status":"403"`, `"http_status":403`, 1)
		}, func(l string) string { return []string{"", "{}", l[:20], l + l, "[" + l + "]"}[g.IntN(5)] })
	})
	columns := []string{"bucket_name", "request_time", "remote_ip", "requester", "request_id", "operation", "key_name", "request_uri", "http_status int", "user_agent"}
	f(Logs{Format: "s3-parquet", Fields: columns, Suffix: "{yyyy}/{MM}/{dd}/{HH}"}, "YYYY/MM/DD/HH/vended.parquet", func(g *generator) []byte {
		type row struct {
			Bucket    string `parquet:"bucket_name"`
			Time      string `parquet:"request_time"`
			IP        string `parquet:"remote_ip"`
			Requester string `parquet:"requester"`
			ID        string `parquet:"request_id"`
			Operation string `parquet:"operation"`
			Key       string `parquet:"key_name"`
			URI       string `parquet:"request_uri"`
			Status    int32  `parquet:"http_status"`
			Agent     string `parquet:"user_agent"`
		}
		var b bytes.Buffer
		w := parquet.NewGenericWriter[row](&b)
		for range n {
			v := vended(g)
			status, _ := strconv.Atoi(v["http_status"])
			w.Write([]row{{v["bucket_name"], v["request_time"], v["remote_ip"], v["requester"], v["request_id"], v["operation"], v["key_name"], v["request_uri"], int32(max(status, 200)), v["user_agent"]}})
		}
		w.Close()
		return b.Bytes()
	})
	f(Logs{Format: "waf-json", Suffix: "{yyyy}/{MM}/{dd}/{HH}"}, "YYYY/MM/DD/HH/mm/111122223333_waflogs_cloudfront_acl_YYYYMMDDTHHmmZ_0a1b2c3d.log.gz", func(g *generator) []byte {
		return g.text(n, "", func() string {
			return fmt.Sprintf(`{"timestamp":%d,"formatVersion":1,"webaclId":"arn:aws:wafv2:us-east-1:111122223333:global/webacl/a/b","terminatingRuleId":"rule","terminatingRuleType":"REGULAR","action":"%s","httpSourceName":"CF","httpSourceId":"%s","ruleGroupList":[],"httpRequest":{"clientIp":"203.0.113.9","country":"JP","uri":"/x","httpMethod":"GET","requestId":"%016x=="}}`,
				g.instant().UnixMilli(), []string{"ALLOW", "ALLOW", "BLOCK", "COUNT"}[g.IntN(4)], distA, g.Uint64())
		}, func(l string) string { return []string{"", "{}", l[:20], l + l}[g.IntN(4)] })
	})
}

// countLost counts the lines that the documented table for S3 server access logs
// turns into rows of NULL, and those that ours keeps.
func (r *rig) countLost(t *testing.T, all []Logs) {
	for _, l := range all {
		p, err := l.place()
		if err != nil {
			t.Fatal(err)
		}
		table := p.table()
		documented := table
		documented.Name += "_documented"
		documented.Columns = documented.Columns[:26]
		documented.SerDeProps = map[string]string{"input.regex": awsRegex}
		database := "generated"
		if _, err := r.glue.CreateTable(context.Background(), &glue.CreateTableInput{DatabaseName: &database, TableInput: documented.input()}); err != nil {
			t.Fatal(err)
		}
		where := ""
		if p.Location != p.folder {
			where = " WHERE starts_with(\"$path\", " + quote(p.Location) + ")"
		}
		ours := query(t, r, database, fmt.Sprintf(`SELECT count(*), count_if(bucket_name IS NULL AND unparsed IS NULL), count_if(unparsed <> ''), count_if(httpstatus = '403'), count_if(strpos(requester, 'Origin Access Identity') > 0) FROM "%s"%s`, table.Name, where))[0]
		theirs := query(t, r, database, fmt.Sprintf(`SELECT count(*), count_if(bucket_name IS NULL), count_if(httpstatus = '403') FROM "%s"%s`, documented.Name, where))[0]
		t.Logf("%s: %s lines are of origin access identities, whose name has spaces", l.Name, ours[4])
		t.Logf("%s: of %s lines ours loses %s (%s are kept as unparsed, %s are 403s); the documented table loses %s (%s are 403s)", l.Name, ours[0], ours[1], ours[2], ours[3], theirs[1], theirs[2])
		if ours[1] != "0" || ours[0] != theirs[0] || theirs[1] == "0" {
			t.Errorf("%s: ours %v, documented %v", l.Name, ours, theirs)
		}
	}
}

// TestTrinoSamples runs the queries of samples/athena on the sample site, and on
// made-up logs of v2. The rows are those of the golden file (go test -tags trino
// -run TrinoSamples -update), and count as many refusals as the parser does.
func TestTrinoSamples(t *testing.T) {
	r := newRig(t)
	bucket := r.bucket(t)
	const site = "../../samples/site/logs"
	r.upload(t, site, bucket, "")
	r.put(t, bucket, "s3/broken/2026-11-20-10-00-00-0123456789ABCDEF", []byte(originLine("cut-short", "403")[:60]+"\n"))
	g := &generator{Rand: rand.New(rand.NewPCG(4, 3)), day: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC), dir: t.TempDir()}
	var v2 Logs
	for _, l := range g.generate(t, 20_000, bucket) {
		if l.Name == "v2" {
			v2 = l
		}
	}
	r.upload(t, filepath.Join(g.dir, "v2"), bucket, "v2/")
	v2.Name = "cloudfront_v2"
	all := []Logs{siteLogs(bucket)[0], {Name: "s3_access", Format: "s3-access", Location: "s3://" + bucket + "/s3/"}, v2}
	all[0].Name = "cloudfront"
	if _, _, err := Setup(context.Background(), r.glue, "why403", all); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob("../../samples/athena/*.sql")
	if len(files) < 7 {
		t.Fatalf("only %d queries", len(files))
	}
	var got strings.Builder
	total := func(rows [][]string, column int) (n int64) {
		for _, row := range rows {
			v, err := strconv.ParseInt(row[column], 10, 64)
			if err != nil {
				t.Error(err)
			}
			n += v
		}
		return n
	}
	forbidden := map[string]int64{}
	source, err := logs.Open(site)
	if err != nil {
		t.Fatal(err)
	}
	in, err := logs.Scan(context.Background(), []logs.Source{source}, logs.Options{}, correlate.New(correlate.Options{}).Handler)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range in.ByFormat {
		forbidden[name] = c.Forbidden
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		rows := query(t, r, "why403", strings.TrimSuffix(strings.TrimSpace(string(text)), ";"))
		name := filepath.Base(f)
		fmt.Fprintf(&got, "%s: %d rows\n", name, len(rows))
		for _, row := range rows[:min(len(rows), 8)] {
			fmt.Fprintf(&got, "  %s\n", strings.ReplaceAll(strings.Join(row, " | "), bucket, "BUCKET"))
		}
		if len(rows) == 0 {
			t.Errorf("%s finds nothing", name)
		}
		switch name {
		case "forbidden-by-hour.sql":
			if total(rows, 2) != forbidden["cloudfront-w3c"] || total(rows, 4) != forbidden["s3-access"] {
				t.Errorf("%s counts %d and %d refusals, the parser %d and %d", name, total(rows, 2), total(rows, 4), forbidden["cloudfront-w3c"], forbidden["s3-access"])
			}
		case "worked-until.sql":
			if n := total(rows, 2); n > forbidden["s3-access"] {
				t.Errorf("%s counts %d refusals, the parser %d", name, n, forbidden["s3-access"])
			}
		}
	}
	golden(t, "samples.golden.txt", []byte(got.String()))
}

// TestTrinoErrors meets the engine's own words for what goes wrong.
func TestTrinoErrors(t *testing.T) {
	r := newRig(t)
	bucket := r.bucket(t)
	all := []Logs{{Name: "empty", Format: "s3-access", Location: "s3://" + bucket + "/none/"}}
	newHandler := func() logs.Handler { return correlate.New(correlate.Options{}).Handler() }
	_, err := Scan(context.Background(), r.athena, all, Options{Database: "errors"}, newHandler)
	var h interface{ UserHint() string }
	if !errors.As(err, &h) || h.UserHint() != "why403 athena setup makes the tables" {
		t.Errorf("without tables: %v", err)
	}
	if _, _, err := Setup(context.Background(), r.glue, "errors", all); err != nil {
		t.Fatal(err)
	}
	_, err = Scan(context.Background(), r.athena, all, Options{Database: "errors", Workgroup: "night"}, newHandler)
	wantError(t, err, "athena: workGroup night is not found", "aws athena list-work-groups shows those that there are; name one with --athena-workgroup")
	got, err := Scan(context.Background(), r.athena, all, Options{Database: "errors"}, newHandler)
	if err != nil || got.Inputs.Lines != 0 || got.Inputs.Objects != 0 || got.Usage.Queries != 1 {
		t.Errorf("of nothing: %+v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	stop := Options{Database: "errors", Progress: func(int64) { cancel() }}
	if _, err := Scan(ctx, r.athena, all, stop, newHandler); err != context.Canceled || r.shim.stopped != 1 {
		t.Errorf("interrupted: %v, %d stopped", err, r.shim.stopped)
	}
}
