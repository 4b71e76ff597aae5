package report

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func render(t *testing.T, format string, r *Report, o Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Render(&b, format, r, o); err != nil {
		t.Fatalf("Render %s: %v", format, err)
	}
	return b.Bytes()
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s differs (go test ./internal/report -update rewrites it):\n%s", path, d)
	}
}

func TestGolden(t *testing.T) {
	r := sampleReport()
	for _, g := range []struct {
		name, format string
		o            Options
	}{
		{"sample-80.txt", "text", Options{Width: 80}},
		{"sample-160.txt", "text", Options{Width: 160}},
		{"sample-color.txt", "text", Options{Width: 100, Color: true}},
		{"sample.json", "json", Options{}},
		{"sample.md", "markdown", Options{}},
		{"sample.csv", "csv", Options{}},
	} {
		t.Run(g.name, func(t *testing.T) { golden(t, g.name, render(t, g.format, r, g.o)) })
	}
}

func TestGoldenEmpty(t *testing.T) {
	golden(t, "empty.txt", render(t, "text", &Report{}, Options{}))
	golden(t, "empty.json", render(t, "json", &Report{}, Options{}))
}
