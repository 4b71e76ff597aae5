//go:build trino

package athena

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/parquet-go/parquet-go"
)

// A Rig is the doubles of Athena and of Glue, as another package's run reaches
// them.
type Rig struct{ *rig }

func NewRig(t testing.TB) Rig { return Rig{newRig(t)} }

// Site puts the sample site's logs into a bucket of its own, and returns its
// name.
func (r Rig) Site(t testing.TB) string {
	bucket := r.bucket(t)
	r.upload(t, "../../samples/site/logs", bucket, "")
	return bucket
}

// Endpoints are the URLs of Athena's double and of Glue's.
func (r Rig) Endpoints() (athena, glue string) {
	return *r.athena.Options().BaseEndpoint, *r.glue.Options().BaseEndpoint
}

// OtherwiseDelivered puts the sample site's logs into a bucket of its own as
// other deliveries would have written them, and returns its name: those of one
// distribution as JSON in Hive's folders, of another as Parquet, of the others
// as v2 in dated folders; the access logs of two buckets as vended logs in JSON
// and in Parquet.
func (r Rig) OtherwiseDelivered(t testing.TB) string {
	t.Helper()
	bucket := r.bucket(t)
	const site = "../../samples/site/logs/"
	files, _ := filepath.Glob(site + "cloudfront/*.gz")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		id, rest, _ := strings.Cut(name, ".")
		date := strings.Split(rest[:len("2006-01-02-15")], "-")
		folder := strings.Join(date, "/") + "/"
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		if _, err := text.ReadFrom(z); err != nil {
			t.Fatal(err)
		}
		var fields []string
		var rows [][]string
		for line := range strings.Lines(text.String()) {
			line = strings.TrimSuffix(line, "\n")
			if names, ok := strings.CutPrefix(line, "#Fields: "); ok {
				fields = strings.Fields(names)
			} else if !strings.HasPrefix(line, "#") {
				rows = append(rows, strings.Split(line, "\t"))
			}
		}
		switch id {
		case "E1MINAMOSHOP01":
			key := fmt.Sprintf("json/DistributionId=%s/year=%s/month=%s/day=%s/hour=%s/%s", id, date[0], date[1], date[2], date[3], name)
			r.put(t, bucket, key, zipped(jsonRows(fields, rows)))
		case "E2MINAMODOCS02":
			r.put(t, bucket, "parquet/"+id+"/"+folder+strings.TrimSuffix(name, ".gz")+".parquet", parquetRows(t, fields, rows))
		default:
			r.put(t, bucket, "v2/"+id+"/"+folder+name, data)
		}
	}
	fields := strings.Fields("bucket_owner_id bucket_name request_time remote_ip requester request_id operation key_name request_uri http_status error_code bytes_sent_size object_size total_time turn_around_time referer user_agent version_id host_id signature_version cipher_suite authentication_type host_header tls_version access_point_arn acl_required source_region")
	text := regexp.MustCompile(`(?s)\A` + originRegex + `\z`)
	r.upload(t, site+"s3/111122223333", bucket, "s3/111122223333/")
	files, _ = filepath.Glob(site + "s3/minamo-*/*")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		of, name := filepath.Base(filepath.Dir(file)), filepath.Base(file)
		if of != "minamo-shop-web" && of != "minamo-docs-site" {
			r.put(t, bucket, "s3/"+of+"/"+name, data)
			continue
		}
		var rows [][]string
		for line := range strings.Lines(string(data)) {
			m := text.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
			if m == nil || m[2] == "" {
				t.Fatalf("%s: %s", file, line)
			}
			row := m[1 : len(fields)+1]
			at, err := time.Parse("02/Jan/2006:15:04:05 -0700", row[2])
			if err != nil {
				t.Fatal(err)
			}
			row[2] = at.UTC().Format(time.RFC3339)
			for _, quoted := range []int{8, 15, 16} {
				row[quoted] = strings.TrimSuffix(strings.TrimPrefix(row[quoted], `"`), `"`)
			}
			rows = append(rows, row)
		}
		folder := strings.ReplaceAll(name[:len("2006-01-02-15")], "-", "/") + "/"
		if of == "minamo-shop-web" {
			r.put(t, bucket, "vended/json/"+folder+name+".json.gz", zipped(jsonRows(fields, rows)))
		} else {
			r.put(t, bucket, "vended/parquet/"+folder+name+".parquet", parquetRows(t, fields, rows))
		}
	}
	return bucket
}

func jsonRows(fields []string, rows [][]string) string {
	var b strings.Builder
	for _, row := range rows {
		for i, v := range row {
			b.WriteString([]string{"{", ","}[min(i, 1)])
			name, _ := json.Marshal(fields[i])
			value, _ := json.Marshal(v)
			fmt.Fprintf(&b, "%s:%s", name, value)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func parquetRows(t testing.TB, fields []string, rows [][]string) []byte {
	group := parquet.Group{}
	for _, f := range fields {
		group[columnName(f)] = parquet.Optional(parquet.String())
	}
	var b bytes.Buffer
	w := parquet.NewGenericWriter[map[string]any](&b, parquet.NewSchema("log", group), parquet.Compression(&parquet.Snappy))
	for _, row := range rows {
		values := map[string]any{}
		for i, v := range row {
			values[columnName(fields[i])] = v
		}
		if _, err := w.Write([]map[string]any{values}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
