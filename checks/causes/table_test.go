package causes

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/why403/why403/checks"
)

var update = flag.Bool("update", false, "rewrite testdata/scenes.md")

// TestTable holds the table of all causes: the scene of TestScenarios that finds
// each, and those that look like it, with what they are.
func TestTable(t *testing.T) {
	var b strings.Builder
	b.WriteString("<!-- Written by go test ./checks/causes -run Table -update. Do not edit. -->\n\n" +
		"| id | is found (TestScenarios/ID) | looks like it, and is |\n| --- | --- | --- |\n")
	cell := strings.NewReplacer("|", `\|`, "<", "&lt;").Replace
	said := func(d checks.Diagnosis, id string) string {
		for _, c := range d.Causes {
			if c.ID == id {
				return fmt.Sprintf("*%s*: %s", c.Certainty, c.Summary)
			}
		}
		return ""
	}
	for _, sc := range scenarios {
		var alike []string
		what := sc.instead
		if s := said(diagnose(play(sc.alike...)), what); s != "" {
			what += " (" + s + ")"
		}
		alike = append(alike, "(first look-alike) → "+what)
		for _, l := range lookalikes {
			if l.id == sc.id {
				c := ""
				if l.certainty != "" {
					c = ", *" + string(l.certainty) + "*"
				}
				alike = append(alike, l.scene+" → "+l.verdict+c)
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", sc.id, cell(said(diagnose(play(sc.finds...)), sc.id)), cell(strings.Join(alike, "<br>")))
	}
	text := strings.ReplaceAll(b.String(), "&lt;br>", "<br>")
	const file = "testdata/scenes.md"
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || string(want) != text {
		t.Errorf("%s is stale (%v): go test ./checks/causes -run Table -update", file, err)
	}
}
