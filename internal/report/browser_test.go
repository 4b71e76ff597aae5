//go:build browser

package report

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestBrowser opens reports in headless Chromium: no console message, no
// request, no payload that runs, no violation of axe-core's rules, in light,
// dark and phone width; and search, filter, dialog and print work over 10,000
// keys.
//
// It needs `npm ci --prefix internal/report/testdata/browser` and a Chromium
// (WHY403_CHROMIUM, default /usr/bin/chromium). WHY403_SHOTS names a directory
// for screenshots.
func TestBrowser(t *testing.T) {
	chromium := os.Getenv("WHY403_CHROMIUM")
	if chromium == "" {
		chromium = "/usr/bin/chromium"
	}
	driver, err := filepath.Abs("testdata/browser/check.mjs")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("testdata/browser/node_modules"); err != nil {
		t.Fatal("npm ci --prefix internal/report/testdata/browser has not been run")
	}
	dir := t.TempDir()
	args := []string{driver, chromium, os.Getenv("WHY403_SHOTS")}
	want := map[string]bool{}
	for name, r := range map[string]*Report{"sample": sampleReport(), "nasty": nastyReport(), "big": bigReport(10_000), "empty": {}} {
		path := filepath.Join(dir, name+".html")
		html := render(t, "html", r, Options{})
		t.Logf("%s: %d bytes", name, len(html))
		if err := os.WriteFile(path, html, 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
		want[name+".html"] = true
	}
	cmd := exec.Command("node", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node %v: %v", args, err)
	}
	var results []struct {
		File                              string
		Messages, Requests, Ran, Overflow []string
		Violations                        []json.RawMessage
		Rules                             int
		Steps                             struct {
			All, Searched, None, ByCause, LastRow, Copied string
			InDocument                                    int
			FilterMs                                      float64
			Dialog                                        bool
			PDFBytes                                      int
		}
	}
	if err := json.Unmarshal(out, &results); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	for _, r := range results {
		delete(want, r.File)
		for _, bad := range []struct {
			what string
			list []string
		}{{"console", r.Messages}, {"request", r.Requests}, {"payload ran", r.Ran}, {"wider than the window", r.Overflow}} {
			for _, s := range bad.list {
				t.Errorf("%s: %s: %s", r.File, bad.what, s)
			}
		}
		for _, v := range r.Violations {
			t.Errorf("%s: axe: %s", r.File, v)
		}
		if r.Rules < 20 { // the checker itself did not run
			t.Errorf("%s: axe-core passed %d rules only", r.File, r.Rules)
		}
		t.Logf("%s: %+v", r.File, r.Steps)
		if r.File != "big.html" {
			continue
		}
		s := r.Steps
		if s.All != "10,002 keys and paths" || s.None != "0 of 10,002 keys and paths" || s.Searched == s.All || s.ByCause == s.All || s.LastRow != "10003" || !s.Dialog || s.Copied != "Copied" || s.PDFBytes == 0 {
			t.Errorf("%s: steps %+v", r.File, s)
		}
		if s.InDocument > 200 {
			t.Errorf("%s: %d rows in the document at once", r.File, s.InDocument)
		}
	}
	if len(want) > 0 {
		t.Errorf("not opened: %v", want)
	}
}
