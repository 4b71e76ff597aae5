package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.."

// TestScaffold has the scaffold compiled and judged in the place of the files that it
// changes: all is there but what only an author can know.
func TestScaffold(t *testing.T) {
	f := func(id, after string) {
		t.Run(id, func(t *testing.T) {
			files, err := scaffold(root, id, "A title with \"quotes\"", after)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			overlay := struct{ Replace map[string]string }{map[string]string{}}
			for name, text := range files {
				real, err := filepath.Abs(filepath.Join(root, name))
				if err != nil {
					t.Fatal(err)
				}
				overlay.Replace[real] = filepath.Join(dir, strings.ReplaceAll(name, "/", "-"))
				if err := os.WriteFile(overlay.Replace[real], text, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			data, err := json.Marshal(overlay)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "overlay.json"), data, 0o644); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("go", "test", "-overlay", filepath.Join(dir, "overlay.json"), "-v",
				"-run", "^(TestAllValid|TestEveryCauseHasScenario|TestScenarios)$/^("+id+")?$", "./checks/causes")
			cmd.Dir = root
			out, err := cmd.CombinedOutput()
			for _, want := range []string{"--- PASS: TestAllValid", "--- PASS: TestEveryCauseHasScenario", "verdict unexplained, want " + id} {
				if !strings.Contains(string(out), want) {
					t.Errorf("%v: no %q in\n%s", err, want, out)
				}
			}
		})
	}
	f("policy-made-up", "")
}

// TestScaffoldEdge looks at what is different for a request refused at the edge.
func TestScaffoldEdge(t *testing.T) {
	files, err := scaffold(root, "edge-made-up", "Made up", "edge-waf")
	if err != nil {
		t.Fatal(err)
	}
	check := string(files[room+"edge_made_up.go"])
	for _, want := range []string{"Edge: func(p *checks.EdgePass) checks.Finding {", "Rank: rankEdge + "} {
		if !strings.Contains(check, want) {
			t.Errorf("no %q in\n%s", want, check)
		}
	}
	if list := string(files[room+"all.go"]); !strings.Contains(list, `"edge-waf", "edge-made-up", "edge-function"`) || !strings.Contains(list, "edgeWAF, edgeMadeUp, edgeFunction") {
		t.Errorf("not listed behind edge-waf:\n%s", list)
	}
}

func TestScaffoldRefuses(t *testing.T) {
	f := func(id, title, after, want string) {
		t.Helper()
		if _, err := scaffold(root, id, title, after); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("scaffold(%q, %q, %q): error %v, want %q", id, title, after, err, want)
		}
	}
	f("KeyCase", "T", "", "want two lower-case words")
	f("key", "T", "", "want two lower-case words")
	f("key-case", "T", "", "id key-case is taken")
	f("key-made-up", " ", "", "the title is empty")
	f("brand-new", "T", "", "no cause begins with brand-")
	f("brand-new", "T", "key-cas", "-after key-cas: no such cause")
	f("brand-new", "T", "not-s3-origin", "none of ours")
}

func TestNames(t *testing.T) {
	f := func(id, up, low string) {
		t.Helper()
		if upper(id) != up || lower(id) != low {
			t.Errorf("%s: %s, %s, want %s, %s", id, upper(id), lower(id), up, low)
		}
	}
	f("key-spa-route", "KeySPARoute", "keySPARoute")
	f("oac-source-arn", "OACSourceArn", "oacSourceArn")
}
