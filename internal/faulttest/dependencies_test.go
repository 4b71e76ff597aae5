package faulttest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDependencies holds docs/dependencies.md to the modules that our code
// imports: each has its line, and no line is of another.
func TestDependencies(t *testing.T) {
	doc, err := os.ReadFile("../../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, m := range regexp.MustCompile(`(?m)^\| ([a-z][^ |]*\.[^ |]+) \| [^|]{8,} \| [A-Z][^|]+ \|$`).FindAllStringSubmatch(string(doc), -1) {
		listed = append(listed, m[1])
	}
	goList := func(args ...string) []string {
		cmd := exec.Command("go", append([]string{"list"}, args...)...)
		cmd.Dir = "../.."
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Fields(string(out))
	}
	imports := goList("-tags", "servers,browser", "-f", `{{range .Imports}}{{.}} {{end}}{{range .TestImports}}{{.}} {{end}}{{range .XTestImports}}{{.}} {{end}}`, "./...")
	slices.Sort(imports)
	imports = slices.DeleteFunc(slices.Compact(imports), func(p string) bool {
		return !strings.Contains(p, ".") || strings.HasPrefix(p, "github.com/why403/why403/")
	})
	imported := goList(append([]string{"-f", `{{with .Module}}{{.Path}}{{end}}`}, imports...)...)
	slices.Sort(imported)
	imported = slices.Compact(imported)
	for _, m := range imported {
		if !slices.Contains(listed, m) {
			t.Errorf("docs/dependencies.md gives no reason and licence for %s", m)
		}
	}
	for _, m := range listed {
		if !slices.Contains(imported, m) {
			t.Errorf("docs/dependencies.md lists %s, which nothing imports", m)
		}
	}
}

// licences are words of a licence's text, by its name.
var licences = map[string]string{
	"Apache-2.0":   "Apache License",
	"BSD-3-Clause": "Neither the name of",
	"MIT":          "Permission is hereby granted, free of charge",
	"Unlicense":    "This is free and unencumbered software released into the public domain",
}

// TestLicences holds the licences of docs/dependencies.md to the modules' own
// files.
func TestLicences(t *testing.T) {
	doc, err := os.ReadFile("../../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| ([a-z][^ |]*\.[^ |]+) \| [^|]{8,} \| ([A-Z][^|]+) \|$`).FindAllStringSubmatch(string(doc), -1)
	args := []string{"list", "-m", "-f", "{{.Path}} {{.Dir}}"}
	for _, r := range rows {
		args = append(args, r[1])
	}
	out, err := exec.Command("go", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	dirs := map[string]string{}
	for line := range strings.Lines(string(out)) {
		module, dir, _ := strings.Cut(strings.TrimSpace(line), " ")
		dirs[module] = dir
	}
	for _, r := range rows {
		files, _ := filepath.Glob(filepath.Join(dirs[r[1]], "*LICENSE*"))
		var text strings.Builder
		for _, f := range files {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			text.Write(data)
		}
		found := strings.Join(strings.Fields(text.String()), " ")
		for _, name := range strings.Split(r[2], ", ") {
			if words := licences[name]; words == "" || !strings.Contains(found, words) {
				t.Errorf("%s: %s is not in its licence (%d files)", r[1], name, len(files))
			}
		}
		for name, words := range licences { // and none is left out; aws-lambda-go has one more for examples
			if strings.Contains(found, words) && !strings.Contains(r[2], name) && r[1] != "github.com/aws/aws-lambda-go" {
				t.Errorf("%s: its licence has words of %s", r[1], name)
			}
		}
	}
}
