package logs

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// described is a directory that knows how its objects are laid out.
type described struct {
	Source
	layout Layout
}

func (d described) Layout() Layout { return d.layout }

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// TestLayouts reads two deliveries of plain logs that chose different fields and
// delimiters, and a w3c log that lies beside one of them.
func TestLayouts(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	write(t, a, "E2ABCDEFGHIJ3K.2025-11-20-07.aaaaaaaa", "403|/a b|Error|1763622001\n")
	write(t, a, "E2ABCDEFGHIJ3K.2025-11-20-08.aaaaaaaa", "#Fields: date time cs-uri-stem sc-status\n2025-11-20|07:00:02|/w3c|403\n")
	write(t, b, "E2ABCDEFGHIJ3L.2025-11-20-07.bbbbbbbb", "1763622003,/c,403,Error\n")
	source := func(dir string, l Layout) Source {
		s, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		return described{s, l}
	}
	one := source(a, Layout{"cloudfront-plain", strings.Fields("sc-status cs-uri-stem x-edge-result-type timestamp"), "|"})
	two := source(b, Layout{"cloudfront-plain", strings.Fields("timestamp cs-uri-stem sc-status x-edge-result-type"), ","})
	in, got, err := scanSources(t, t.Context(), Options{}, one, two)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"edge E2ABCDEFGHIJ3K.2025-11-20-07.aaaaaaaa:1 1763622001000 E2ABCDEFGHIJ3K /a b 403 ",
		"edge E2ABCDEFGHIJ3K.2025-11-20-08.aaaaaaaa:2 1763622002000 E2ABCDEFGHIJ3K /w3c 403 ",
		"edge E2ABCDEFGHIJ3L.2025-11-20-07.bbbbbbbb:1 1763622003000 E2ABCDEFGHIJ3L /c 403 ",
	}
	if d := cmp.Diff(want, got); d != "" || in.Rejected != 0 {
		t.Errorf("%+v\n%s", in.RejectedSamples, d)
	}

	// What the user says goes before it.
	_, got, _ = scanSources(t, t.Context(), Options{Fields: strings.Fields("timestamp cs-uri-stem sc-status x-edge-request-id"), Delimiter: ","}, two)
	if d := cmp.Diff([]string{"edge E2ABCDEFGHIJ3L.2025-11-20-07.bbbbbbbb:1 1763622003000 E2ABCDEFGHIJ3L /c 403 Error"}, got); d != "" {
		t.Error(d)
	}
}

// TestMaskedByDistribution asks for each distribution's own statuses, by the
// name of the object, the field of the line, or the domain name.
func TestMaskedByDistribution(t *testing.T) {
	dir := t.TempDir()
	fields := "#Fields: date time cs-uri-stem sc-status x-edge-result-type\n"
	write(t, dir, "E2ABCDEFGHIJ3K.2025-11-20-07.aaaaaaaa", fields+
		"2025-11-20\t07:00:01\t/404\t404\tError\n2025-11-20\t07:00:02\t/200\t200\tError\n")
	write(t, dir, "E2ABCDEFGHIJ3L.2025-11-20-07.aaaaaaaa", fields+
		"2025-11-20\t07:00:01\t/404\t404\tError\n2025-11-20\t07:00:02\t/200\t200\tError\n")
	write(t, dir, "lines.json",
		`{"timestamp":"1763622001","DistributionId":"E2ABCDEFGHIJ3K","cs-uri-stem":"/json404","sc-status":"404","x-edge-result-type":"Error"}`+"\n"+
			`{"timestamp":"1763622001","DistributionId":"E2ABCDEFGHIJ3L","cs-uri-stem":"/json404","sc-status":"404","x-edge-result-type":"Error"}`+"\n"+
			`{"timestamp":"1763622001","cs(Host)":"d1.cloudfront.net","cs-uri-stem":"/domain","sc-status":"200","x-edge-result-type":"Error"}`+"\n")
	write(t, dir, "named.log", "#Fields: date time distributionid cs-uri-stem sc-status x-edge-result-type\n"+
		"2025-11-20\t07:00:01\tE2ABCDEFGHIJ3K\t/named404\t404\tError\n2025-11-20\t07:00:02\tE2ABCDEFGHIJ3L\t/named404\t404\tError\n")
	var mu sync.Mutex
	asked := map[string]int{}
	source, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, got, _ := scanSources(t, t.Context(), Options{Concurrency: 1, Filter: Filter{Masked: func(d []byte) []int {
		mu.Lock()
		defer mu.Unlock()
		asked[string(d)]++
		switch string(d) {
		case "E2ABCDEFGHIJ3K":
			return []int{404, 0, 1 << 20}
		case "E2ABCDEFGHIJ3L", "d1.cloudfront.net":
			return []int{200}
		}
		return nil
	}}}, source)
	got = slices.DeleteFunc(got, func(l string) bool { return strings.HasPrefix(l, "edge passed") })
	want := []string{
		"edge E2ABCDEFGHIJ3K.2025-11-20-07.aaaaaaaa:2 1763622001000 E2ABCDEFGHIJ3K /404 404 ",
		"edge E2ABCDEFGHIJ3L.2025-11-20-07.aaaaaaaa:3 1763622002000 E2ABCDEFGHIJ3L /200 200 ",
		"edge lines.json:1 1763622001000 E2ABCDEFGHIJ3K /json404 404 ",
		"edge lines.json:3 1763622001000  /domain 200 ",
		"edge named.log:2 1763622001000 E2ABCDEFGHIJ3K /named404 404 ",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if len(asked) != 3 || asked["d1.cloudfront.net"] != 1 || asked["E2ABCDEFGHIJ3K"] > 3 {
		t.Errorf("asked %v", asked)
	}
}

func TestRealTimeOrder(t *testing.T) {
	got := RealTimeOrder(strings.Fields("r-host cs-uri-stem cmcd-b new-one sc-status cmcd-a timestamp asn"))
	if d := cmp.Diff(strings.Fields("timestamp sc-status cs-uri-stem asn cmcd-b cmcd-a r-host new-one"), got); d != "" {
		t.Error(d)
	}
}
