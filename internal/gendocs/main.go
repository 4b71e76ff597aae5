// Command gendocs writes docs/causes from the pages of the checks: one file for
// each cause and an index. Run it by go generate ./checks/causes; a test fails
// when the files are not what it would write.
//
// It must not hold any text about a cause: that is the checks' own.
package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/why403/why403/checks"
	"github.com/why403/why403/checks/causes"
)

func main() {
	dir := filepath.Join("docs", "causes")
	if len(os.Args) > 1 {
		dir = os.Args[1]
	}
	if err := write(dir); err != nil {
		fmt.Fprintf(os.Stderr, "gendocs: error: %v\n", err)
		os.Exit(1)
	}
}

// write writes every file and takes away pages of causes that are no more.
func write(dir string) error {
	files := render()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	old, err := fs.Glob(os.DirFS(dir), "*.md")
	if err != nil {
		return err
	}
	for _, name := range old {
		if _, ok := files[name]; !ok {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// groups name the parts of the index by the first cause of each.
var groups = map[string]string{
	"key-missing":           "The key",
	"policy-no-allow":       "Who may read",
	"kms-anonymous":         "The object",
	"host-header-forwarded": "The request to S3",
	"edge-geo-restriction":  "Made at the edge",
	"not-s3-origin":         "Neither",
}

// render returns the files by name.
func render() map[string]string {
	const generated = "<!-- Written by internal/gendocs from checks/causes/pages. Do not edit. -->\n\n"
	files := map[string]string{}
	var index strings.Builder
	index.WriteString(generated + "# Causes\n\nEvery cause that why403 can name, as `why403 explain ID` prints it.\n")
	for _, c := range causes.All {
		if g := groups[c.ID]; g != "" {
			fmt.Fprintf(&index, "\n## %s\n\n| id | is |\n| --- | --- |\n", g)
		}
		fmt.Fprintf(&index, "| [%s](%s.md) | %s |\n", c.ID, c.ID, c.Title)
		files[c.ID+".md"] = generated + page(c)
	}
	files["README.md"] = index.String()
	return files
}

func page(c *checks.Check) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s.\n\n%s", c.ID, c.Title, strings.TrimRight(c.Page, "\n")+"\n")
	if len(c.Permissions) > 0 {
		b.WriteString("\n## Permissions\n\nWithout these the check may have to say *unknown*:\n\n")
		for _, p := range c.Permissions {
			fmt.Fprintf(&b, "- `%s`\n", p)
		}
	}
	return b.String()
}
