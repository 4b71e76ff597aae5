package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain lets the test binary play the parts that the program starts itself
// for.
func TestMain(m *testing.M) {
	if ok, err := role(); ok {
		exit(err)
	}
	os.Exit(m.Run())
}

// sum is the hash of all that a directory holds.
func sum(t *testing.T, dir string) string {
	t.Helper()
	h := sha256.New()
	err := filepath.Walk(dir, func(name string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		fmt.Fprintln(h, filepath.Base(name), len(data))
		h.Write(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// TestGenerate makes the same data twice, and other data from another seed.
func TestGenerate(t *testing.T) {
	s := usual(1.0 / 1024)
	made := func(s shape) (string, *dataSet) {
		dir := t.TempDir()
		d, err := s.open(dir)
		if err != nil {
			t.Fatal(err)
		}
		return sum(t, dir), d
	}
	first, d := made(s)
	if again, _ := made(s); again != first {
		t.Error("the same shape made different data")
	}
	s.Seed++
	if other, _ := made(s); other == first {
		t.Error("another seed made the same data")
	}
	if d.truth.EdgeLines != int64(s.Edge) || d.truth.OriginLines != int64(s.Origin) {
		t.Errorf("%d and %d lines, want %d and %d", d.truth.EdgeLines, d.truth.OriginLines, s.Edge, s.Origin)
	}
	if share := float64(d.truth.EdgeForbidden) / float64(s.Edge); share < 0.015 || share > 0.025 {
		t.Errorf("%.3f of the lines are refused, want %.3f", share, s.Errors)
	}
}

// TestSuites runs every suite once on little data: each answer is checked.
func TestSuites(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the program")
	}
	var out bytes.Buffer
	b := &bench{out: &out, dir: t.TempDir(), scale: 1.0 / 512, rounds: 1}
	var all []string
	for _, s := range suites {
		all = append(all, s.name)
	}
	if err := b.run(all); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "| why403 scan"); n < 14 {
		t.Errorf("%d rows of why403:\n%s", n, out.String())
	}
}

// TestCheck takes the truth apart, one lie at a time.
func TestCheck(t *testing.T) {
	want := &truth{EdgeLines: 5, EdgeForbidden: 3, Keys: map[string]counts{"a b": {Edge: 2}, "c": {Edge: 1}}}
	const right = `{
"schema_version": "1",
"inputs": {"by_format":{"cloudfront-w3c":{"records":5,"forbidden":3}}},
"failing_keys": [
{"bucket":"s","key":"a b","key_encoding":"utf-8","requests":{"cloudfront":1,"s3":0,"direct":0},"viewers":1}
],
"direct_failures": [
],
"edge_failures": [
{"uri":"/c","requests":1},
{"uri":"/a%2520b","requests":1,"viewers":1}
]
}
`
	if err := want.check(strings.NewReader(right)); err != nil {
		t.Errorf("the truth is refused: %v", err)
	}
	for _, lie := range [][3]string{
		{`"records":5`, `"records":4`, "4 CloudFront records, want 5"},
		{`"forbidden":3`, `"forbidden":2`, "2 CloudFront 403s, want 3"},
		{`{"uri":"/c","requests":1},` + "\n", "", `key "c": {Edge:0 Origin:0}, want {Edge:1 Origin:0}`},
		{`"/c"`, `"/d"`, `key "c": {Edge:0 Origin:0}, want {Edge:1 Origin:0}`},
		{`"s3":0`, `"s3":7`, `key "a b": {Edge:2 Origin:7}, want {Edge:2 Origin:0}`},
		{`{"by_format"`, `{"rejected":1,"by_format"`, "1 lines rejected, want none"},
	} {
		err := want.check(strings.NewReader(strings.Replace(right, lie[0], lie[1], 1)))
		if err == nil || err.Error() != lie[2] {
			t.Errorf("%s: error %v, want %s", lie[1], err, lie[2])
		}
	}
}
