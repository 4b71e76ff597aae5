package faulttest

import (
	"os"
	"os/exec"
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
