// Package archtest keeps the import rule of docs/architecture.md.
package archtest

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/why403/why403/"

// rules says what a room may import, directly or through others: of ours, and
// whether the AWS SDK may be among it.
var rules = []struct {
	room string
	ours []string // prefixes below the module
	sdk  bool
}{
	{"logs", []string{"logs", "internal/inflate"}, false},
	{"correlate", []string{"correlate", "logs", "internal/inflate", "internal/spill"}, false},
	{"checks", []string{"checks", "correlate", "logs", "internal/inflate", "internal/spill"}, false},
	{"internal/inflate", []string{"internal/inflate"}, false},
	{"internal/spill", []string{"internal/spill"}, false},
	{"internal/redact", []string{"internal/redact"}, false},
	{"internal/report", []string{"internal/report", "internal/redact", "internal/spill", "logs", "internal/inflate"}, false},
	{"internal/state", []string{"internal/state"}, false},
	{"internal/athena", []string{"internal/athena", "internal/gather", "internal/redact", "internal/inventory", "checks/facts", "correlate", "logs", "internal/inflate", "internal/spill"}, true},
}

func TestImportRule(t *testing.T) {
	for _, r := range rules {
		for _, pkg := range list(t, module+r.room+"/...") {
			for _, dep := range deps(t, pkg) {
				if strings.HasPrefix(dep, "github.com/aws/") && !r.sdk {
					t.Errorf("%s imports %s: only internal/awsx, internal/gather and internal/s3source may import the AWS SDK", pkg, dep)
				}
				own, ok := strings.CutPrefix(dep, module)
				if ok && !allowed(own, r.ours) {
					t.Errorf("%s imports %s: data flows one way, see docs/architecture.md", pkg, own)
				}
			}
		}
	}
}

// TestNothingImportsTheTop keeps cmd, cli and scan from being imported by the
// rooms below them.
func TestNothingImportsTheTop(t *testing.T) {
	for _, pkg := range list(t, module+"...") {
		own := strings.TrimPrefix(pkg, module)
		top := strings.HasPrefix(own, "cmd/") || strings.HasPrefix(own, "internal/cli")
		for _, dep := range deps(t, pkg) {
			if strings.HasPrefix(dep, module+"internal/cli") && !top {
				t.Errorf("%s imports internal/cli", own)
			}
		}
	}
}

// services says which of AWS's services a room may speak to itself; an empty list
// means any.
var services = map[string][]string{
	"internal/awsx":     {},
	"internal/s3source": {"s3"},
	"internal/athena":   {"athena", "glue"},
}

func TestWhoCallsAWS(t *testing.T) {
	const sdk = "github.com/aws/aws-sdk-go-v2/"
	for _, line := range strings.Split(goListLines(t, "-f", "{{.ImportPath}} {{join .Imports \" \"}}", module+"..."), "\n") {
		imports := strings.Fields(line)
		if len(imports) == 0 {
			continue
		}
		room := strings.TrimPrefix(imports[0], module)
		for _, i := range imports[1:] {
			if !strings.HasPrefix(i, sdk) {
				continue
			}
			may, ok := services[room]
			if !ok {
				t.Errorf("%s imports %s: only internal/awsx, internal/s3source and internal/athena may import the AWS SDK", room, i)
			}
			service, isService := strings.CutPrefix(i, sdk+"service/")
			service, _, _ = strings.Cut(service, "/")
			if isService && len(may) > 0 && !slices.Contains(may, service) {
				t.Errorf("%s imports %s: it may speak to %s alone", room, i, strings.Join(may, ", "))
			}
		}
	}
}

func allowed(pkg string, rooms []string) bool {
	for _, r := range rooms {
		if pkg == r || strings.HasPrefix(pkg, r+"/") {
			return true
		}
	}
	return false
}

func list(t *testing.T, pattern string) []string { return goList(t, pattern) }

func deps(t *testing.T, pkg string) []string { return goList(t, "-deps", pkg) }

func goList(t *testing.T, args ...string) []string {
	t.Helper()
	return strings.Fields(goListLines(t, args...))
}

func goListLines(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
	if err != nil {
		if e, ok := err.(*exec.ExitError); ok {
			t.Fatalf("go list %v: %s", args, e.Stderr)
		}
		t.Fatal(err)
	}
	return string(out)
}
