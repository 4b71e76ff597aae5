package cli

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
)

// TestManPage looks for every verb and flag in the page, and has groff judge it
// where that is installed.
func TestManPage(t *testing.T) {
	page := manPage(allFlags())
	for _, v := range allFlags() {
		_, section, ok := strings.Cut(page, "\n.SS \"why403 "+v.name+"\"\n")
		if !ok {
			t.Errorf("no section for why403 %s", v.name)
		}
		section, _, _ = strings.Cut(section, "\n.SS")
		for _, f := range v.flags {
			if !strings.Contains(section, roff("--"+f.Name)+`\fR`) {
				t.Errorf("why403 %s: no --%s", v.name, f.Name)
			}
		}
	}
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip(err)
	}
	cmd := exec.Command(groff, "-man", "-k", "-ww", "-z")
	cmd.Stdin = strings.NewReader(page)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil || said.Len() > 0 {
		t.Errorf("groff: %v\n%s", err, said.String())
	}
}

func TestRoff(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := roff(in); got != want {
			t.Errorf("roff(%q) = %q, want %q", in, got, want)
		}
	}
	f("--since 24h", `\-\-since 24h`)
	f(`a\b`, `a\eb`)
	f(".json\n.md", "\\&.json\n\\&.md")
	f("S3's `x`", `S3\(aqs \(gax\(ga`)
	f("LOCATION…", `LOCATION\&...`)
}
