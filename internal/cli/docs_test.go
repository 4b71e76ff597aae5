package cli

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents are what users read, from the root of the repository.
func documents(t *testing.T) map[string]string {
	t.Helper()
	docs := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/causes/*.md", "samples/*/README.md", ".github/*.md"} {
		names, err := filepath.Glob(filepath.Join("../..", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			docs[strings.TrimPrefix(name, "../../")] = string(text)
		}
	}
	if len(docs) < 80 {
		t.Fatalf("%d documents found", len(docs))
	}
	return docs
}

var (
	fence  = regexp.MustCompile("(?ms)^ *```[a-z]*\n(.*?)^ *```")
	inline = regexp.MustCompile("`([^`\n]+(?:\n[^`\n]+)?)`")
	// prompt goes before a command of ours.
	prompt = regexp.MustCompile(`^(\$ )?(go run \./cmd/|\./)?why403 `)
)

// TestDocumentedCommands runs every why403 command of the documents' code blocks and
// of the help texts. Those that need nothing but the sample run whole; the others
// end before their first request, when the whole command line has been judged.
func TestDocumentedCommands(t *testing.T) {
	commands := map[string]string{} // to where it stands
	for name, text := range documents(t) {
		for _, block := range fence.FindAllStringSubmatch(text, -1) {
			for line := range strings.SplitSeq(strings.ReplaceAll(block[1], "\\\n", " "), "\n") {
				line = strings.TrimSpace(line)
				if p := prompt.FindString(line); p != "" {
					commands["why403 "+line[len(p):]] = name
				}
			}
		}
	}
	for _, v := range verbs() {
		for _, ex := range append(slices.Clone(topExamples), v.examples...) {
			command, _, _ := strings.Cut(ex, "\t")
			command = strings.TrimPrefix(command, "source <(")
			if strings.HasPrefix(command, "why403") {
				commands[strings.TrimSuffix(command, ")")] = "why403 " + v.name + " --help"
			}
		}
	}
	if len(commands) < 30 {
		t.Fatalf("%d commands found", len(commands))
	}

	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(root, "samples"), filepath.Join(dir, "samples")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "none"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "none"))
	ended, end := context.WithCancel(t.Context())
	end()
	for command, where := range commands {
		args := words(t, command)[1:]
		ctx, want := ended, func(code int) bool { return code != ExitUsage }
		if offline(args) {
			ctx, want = t.Context(), func(code int) bool { return code == ExitOK || args[0] == "simulate" && code == ExitFindings }
		}
		var out, errs strings.Builder
		if code := Main(ctx, args, strings.NewReader(""), &out, &errs); !want(code) {
			t.Errorf("%s: %s: exit status %d\n%s", where, command, code, errs.String())
		}
	}
}

// offline tells whether a command needs no account and no files but the sample's.
func offline(args []string) bool {
	switch args[0] {
	case "scan", "simulate":
		i := slices.Index(args, "--snapshot")
		return i >= 0 && args[i+1] == "samples/site/snapshot"
	case "athena", "state":
		return false
	}
	return true
}

// words splits a command line as a shell does, up to a pipe, redirection, comment or
// next command.
func words(t *testing.T, line string) []string {
	t.Helper()
	word := regexp.MustCompile(`^(?:"[^"]*"|'[^']*'|[^\s"'])+`)
	var out []string
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		w := word.FindString(line)
		if w == "" {
			t.Fatalf("an open quote: %s", line)
		}
		if strings.ContainsAny(w[:1], "#|>&;") {
			break
		}
		line = line[len(w):]
		out = append(out, strings.NewReplacer(`"`, "", `'`, "").Replace(w))
	}
	return out
}

// TestDocumentedFlags looks up every verb and flag that the documents name in
// running text, and every step, target and program of the repository.
func TestDocumentedFlags(t *testing.T) {
	flags := map[string][]string{}
	var all []string
	for _, v := range allFlags() {
		for _, f := range v.flags {
			flags[v.name] = append(flags[v.name], f.Name)
		}
		all = append(all, flags[v.name]...)
	}
	others := []string{ // of other programs
		"acl", "expected-bucket-owner", "fetch-owner", "policy-type", "request-payer", "sse", "storage-class",
	}
	name := regexp.MustCompile(`(?:^|[\s(])--([a-z][a-z0-9-]+)`)
	for where, text := range documents(t) {
		for _, m := range inline.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			span := strings.Join(strings.Fields(m[1]), " ")
			known := all
			switch args := strings.Fields(strings.TrimPrefix(span, "why403 ")); {
			case strings.HasPrefix(span, "why403 ") && args[0] != "VERB":
				if flags[args[0]] == nil && !slices.ContainsFunc(verbs(), func(v *verb) bool { return v.name == args[0] }) {
					t.Errorf("%s: `%s`: no verb %s", where, span, args[0])
				}
				known = flags[args[0]]
			case slices.ContainsFunc(verbs(), func(v *verb) bool { return strings.HasPrefix(span, v.name+" --") }):
				known = flags[args[0]]
			case !strings.HasPrefix(span, "--"):
				continue
			}
			for _, f := range name.FindAllStringSubmatch(span, -1) {
				if !slices.Contains(known, f[1]) && !slices.Contains(others, f[1]) && f[1] != "help" {
					t.Errorf("%s: `%s`: no flag --%s", where, span, f[1])
				}
			}
		}
	}
}

// TestDocumentedSteps looks up the steps of CI, the targets and the programs of this
// repository that the documents name.
func TestDocumentedSteps(t *testing.T) {
	ci, err := os.ReadFile("../../.ci/run")
	if err != nil {
		t.Fatal(err)
	}
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	step := regexp.MustCompile(`(?:bash \.ci/run|make)((?: [a-z]+)+)`)
	run := regexp.MustCompile(`go (?:run|build|test)(?: -[a-z]+(?: [A-Z]\S*)?)* (\./[a-z0-9/-]+)`)
	link := regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
	found := 0
	for where, text := range documents(t) {
		code := strings.Join(append(fence.FindAllString(text, -1), inline.FindAllString(text, -1)...), "\n")
		for _, m := range step.FindAllStringSubmatch(code, -1) {
			for _, s := range strings.Fields(m[1]) {
				found++
				if !strings.Contains(string(ci), "\nstep_"+s+"()") && !strings.Contains(string(makefile), "\n"+s+":") {
					t.Errorf("%s: %s: no step or target %s", where, m[0], s)
				}
			}
		}
		for _, m := range run.FindAllStringSubmatch(code, -1) {
			found++
			if _, err := os.Stat(filepath.Join("../..", m[1])); err != nil {
				t.Errorf("%s: %s: %v", where, m[0], err)
			}
		}
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			if _, err := os.Stat(filepath.Join("../..", filepath.Dir(where), m[1])); err != nil {
				t.Errorf("%s: link %s: %v", where, m[1], err)
			}
		}
	}
	if found < 10 {
		t.Errorf("%d commands found", found)
	}
}

// TestReadmeExcerpt holds the README's report to the golden file: the same lines in
// the same order, with some left out.
func TestReadmeExcerpt(t *testing.T) {
	golden, err := os.ReadFile("testdata/sample.golden.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, excerpt, _ := strings.Cut(documents(t)["README.md"], "$ why403 scan --snapshot samples/site/snapshot samples/site/logs\n")
	excerpt, _, _ = strings.Cut(excerpt, "```")
	lines, rest := strings.Split(strings.TrimSpace(excerpt), "\n"), string(golden)
	if len(lines) < 10 {
		t.Fatalf("an excerpt of %d lines", len(lines))
	}
	for _, line := range lines {
		if line == "…" || line == "" {
			continue
		}
		_, after, ok := strings.Cut(rest, line+"\n")
		if !ok {
			t.Errorf("README.md: the sample's report has no line %q there", line)
			continue
		}
		rest = after
	}
}
