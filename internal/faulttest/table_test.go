package faulttest

import (
	"os"
	"strings"
	"testing"
)

const securityDoc = "../../docs/security.md"

// splitTable cuts docs/security.md at the table of faults.
func splitTable(t *testing.T) (head, table, tail string) {
	t.Helper()
	const begin, end = "<!-- faults: go test -tags servers -run FaultsOfServers ./internal/faulttest -update -->\n", "<!-- end of faults -->\n"
	doc, err := os.ReadFile(securityDoc)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok1 := strings.Cut(string(doc), begin)
	table, tail, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("%s has no table of faults", securityDoc)
	}
	return head + begin, table, end + tail
}

// faultTable returns the cells of the table.
func faultTable(t *testing.T) (rows [][]string) {
	t.Helper()
	_, table, _ := splitTable(t)
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells)
	}
	return rows
}

// TestFaultTable wants a row for each fault that is tried here, too.
func TestFaultTable(t *testing.T) {
	found := map[string]bool{}
	rows := faultTable(t)
	for _, r := range rows {
		found[r[0]] = true
		if len(r) != len(rows[0]) {
			t.Errorf("row %v has %d cells, want %d", r, len(r), len(rows[0]))
		}
	}
	for _, f := range faults {
		if !found[f.name] {
			t.Errorf("docs/security.md does not tell of the fault %q", f.name)
		}
	}
	if len(rows) < 18 {
		t.Errorf("%d rows", len(rows))
	}
}
