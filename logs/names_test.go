package logs

import (
	"testing"
	"time"
)

func TestParseName(t *testing.T) {
	const form = "2006-01-02 15:04:05"
	f := func(key string, kind NameKind, dist, from, to string) {
		t.Helper()
		n := ParseName(key)
		show := func(t time.Time) string {
			if t.IsZero() {
				return ""
			}
			return t.Format(form)
		}
		if n.Kind != kind || n.Distribution != dist || show(n.From) != from || show(n.To) != to {
			t.Errorf("ParseName(%q) = kind %d, %q, [%s, %s), want kind %d, %q, [%s, %s)",
				key, n.Kind, n.Distribution, show(n.From), show(n.To), kind, dist, from, to)
		}
		if got := distributionIn(key); got != dist {
			t.Errorf("distributionIn(%q) = %q, want %q", key, got, dist)
		}
		for _, p := range []DatePart{n.Folder, n.Stamp} {
			if p.Layout == "" {
				continue
			}
			if _, err := time.Parse(p.Layout, key[p.At:p.At+len(p.Layout)]); err != nil {
				t.Errorf("ParseName(%q): date part %+v: %v", key, p, err)
			}
		}
	}
	f("cf/E1HJS54CQLFQU4.2022-09-03-00.18a84fe8.gz", NameEdge, "E1HJS54CQLFQU4", "2022-09-03 00:00:00", "2022-09-03 02:00:00")
	f("E2ABCDEFGHIJ3K.2025-11-20-23.ABCDEFGHIJ1.gz", NameEdge, "E2ABCDEFGHIJ3K", "2025-11-20 23:00:00", "2025-11-21 01:00:00")
	f("AWSLogs/111122223333/CloudFront/EHLMG1T8SOX48/2025/01/18/20/EHLMG1T8SOX48.2025-01-18-20.2f7f926e.parquet", NameEdge, "EHLMG1T8SOX48", "2025-01-18 20:00:00", "2025-01-18 22:00:00")
	f("logs/2022-09-03-00-11-39-EB3F7366DA9271E8", NameOrigin, "", "2022-09-02 00:11:39", "2022-09-03 00:11:40")
	f("www.example.com-2022-09-03-00-11-39-EB3F7366DA9271E8.gz", NameOrigin, "", "2022-09-02 00:11:39", "2022-09-03 00:11:40")
	f("p/111122223333/eu-west-1/site/2025/11/20/2025-11-20-00-00-00-EB3F7366DA9271E8", NameOriginEvent, "", "2025-11-20 00:00:00", "2025-11-21 00:00:00")
	f("p/111122223333/eu-west-1/site/2025/11/20/2025-11-20-07-00-01-EB3F7366DA9271E8", NameOrigin, "", "2025-11-19 07:00:01", "2025-11-20 07:00:02")
	f("2025-11-20-00-00-00-EB3F7366DA9271E8", NameOrigin, "", "2025-11-19 00:00:00", "2025-11-20 00:00:01")
	f("rt/2025/11/20/07/rt-logs-1-2025-11-20-07-15-00-0a1b2c3d-1111-2222-3333-444455556666.gz", NameFirehose, "", "2025-11-20 06:15:00", "2025-11-20 08:15:00")
	f("AWSLogs/111122223333/WAFLogs/cloudfront/site/2025/11/20/07/15/111122223333_waflogs_cloudfront_site_20251120T0715Z_a1b2c3d4.log.gz", NameFirewall, "", "2025-11-20 06:15:00", "2025-11-20 08:20:00")
	f("x/DistributionId=E2ABCDEFGHIJ3K/year=2025/month=11/day=20/hour=07/part-0.parquet", NameFolder, "E2ABCDEFGHIJ3K", "2025-11-19 07:00:00", "2025-11-20 09:00:00")
	f("x/year=2025/month=11/day=20/part-0.parquet", NameFolder, "", "2025-11-19 00:00:00", "2025-11-21 01:00:00")
	f("x/2025/11/20/part", NameFolder, "", "2025-11-19 00:00:00", "2025-11-21 01:00:00")

	f("DistributionId=E2ABCDEFGHIJ3K/E2ABCDEFGHIJ3L/E2ABCDEFGHIJ3M/x", NameUnknown, "E2ABCDEFGHIJ3M", "", "")
	f("E2ABCDEFGHIJ3L/distributionid=/E2ABCDEFGHIJ/x.gz", NameUnknown, "", "", "")

	f("", NameUnknown, "", "", "")
	f("logs/access.log", NameUnknown, "", "", "")
	f("E1HJS54CQLFQU4.2022-13-03-00.18a84fe8.gz", NameUnknown, "", "", "")
	f("E1HJS54CQLFQU4.2022-02-30-00.18a84fe8.gz", NameUnknown, "", "", "")
	f("2022-09-03-25-11-39-EB3F7366DA9271E8", NameUnknown, "", "", "")
	f("x/2025/13/20/part", NameUnknown, "", "", "")
}

func TestNameOverlaps(t *testing.T) {
	at := func(s string) time.Time {
		if s == "" {
			return time.Time{}
		}
		d, err := time.Parse("2006-01-02 15:04", s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	f := func(key, from, to string, want bool) {
		t.Helper()
		if got := ParseName(key).Overlaps(Window{at(from), at(to)}); got != want {
			t.Errorf("%q overlaps [%s, %s): %v, want %v", key, from, to, got, want)
		}
	}
	const edge = "E1HJS54CQLFQU4.2022-09-03-00.18a84fe8.gz"
	f(edge, "", "", true)
	f(edge, "2022-09-03 00:00", "2022-09-04 00:00", true)
	f(edge, "2022-09-03 01:59", "", true)
	f(edge, "2022-09-03 02:00", "", false)
	f(edge, "", "2022-09-03 00:00", false)
	f(edge, "", "2022-09-03 00:01", true)
	const origin = "2022-09-03-12-00-00-EB3F7366DA9271E8"
	f(origin, "2022-09-02 00:00", "2022-09-03 00:00", true)
	f(origin, "2022-09-03 13:00", "", false)
	f(origin, "", "2022-09-02 12:00", false)
	f("any", "2022-09-03 13:00", "2022-09-03 14:00", true)
}

func FuzzParseName(f *testing.F) {
	f.Add("a/E1HJS54CQLFQU4.2022-09-03-00.18a84fe8.gz")
	f.Add("a/2025/11/20/07/s-1-2025-11-20-07-15-00-0a1b2c3d-1111-2222-3333-444455556666")
	f.Add("year=2025/month=11/2022-09-03-00-11-39-EB3F7366DA9271E8")
	f.Fuzz(func(t *testing.T, key string) {
		n := ParseName(key)
		if got := distributionIn(key); got != n.Distribution {
			t.Errorf("distributionIn(%q) = %q, want %q", key, got, n.Distribution)
		}
		if n.From.IsZero() != n.To.IsZero() || n.To.Before(n.From) {
			t.Errorf("ParseName(%q) spans [%v, %v)", key, n.From, n.To)
		}
	})
}
