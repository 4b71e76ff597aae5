// Command newcheck begins a check for a new cause: the page with its headings, the
// check in a file of its own, its places in the lists, and a scene that shows it and
// one that looks like it, both still to be written. What is missing then, the tests
// name.
//
//	go run ./internal/newcheck [-after ID] ID TITLE
//
// The check is put behind -after, whose rank it takes: by default the last one whose
// id begins with the same word.
//
// It must not know any cause: what it needs it finds in the lists of checks/causes.
package main

import (
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/why403/why403/checks"
	"github.com/why403/why403/checks/causes"
)

func main() {
	after := flag.String("after", "", "the cause behind which it is listed")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: go run ./internal/newcheck [-after ID] ID TITLE")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 2 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(".", flag.Arg(0), flag.Arg(1), *after); err != nil {
		fmt.Fprintf(os.Stderr, "newcheck: error: %v\n", err)
		os.Exit(1)
	}
}

func run(root, id, title, after string) error {
	files, err := scaffold(root, id, title, after)
	if err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(root, name), text, 0o644); err != nil {
			return err
		}
		fmt.Println(name)
	}
	generate := exec.Command("go", "generate", "./checks/causes")
	generate.Dir, generate.Stderr = root, os.Stderr
	if err := generate.Run(); err != nil {
		return fmt.Errorf("go generate ./checks/causes: %w", err)
	}
	fmt.Println("docs/causes")
	return nil
}

const room = "checks/causes/"

// scaffold returns the files to write, new and changed, by their names below root.
func scaffold(root, id, title, after string) (map[string][]byte, error) {
	if !regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)+$`).MatchString(id) {
		return nil, fmt.Errorf("id %q: want two lower-case words or more with hyphens between", id)
	}
	if slices.Contains(causes.IDs, id) {
		return nil, fmt.Errorf("id %s is taken", id)
	}
	if strings.TrimSpace(title) == "" {
		return nil, errors.New("the title is empty: one line that says what is the case")
	}
	at, err := place(id, after)
	if err != nil {
		return nil, err
	}
	rank, err := rankName(root, causes.All[at-1].Rank)
	if err != nil {
		return nil, err
	}

	files := map[string][]byte{}
	file := strings.ReplaceAll(id, "-", "_")
	pass := "Key: func(p *checks.KeyPass) checks.Finding {\nv := look(p)\nif !v.reads() {\nreturn notApplicable()\n}\n"
	if strings.HasPrefix(id, "edge-") {
		pass = "Edge: func(p *checks.EdgePass) checks.Finding {\n"
	}
	files[room+file+".go"] = fmt.Appendf(nil, `package causes

import (
	_ "embed"

	"github.com/why403/why403/checks"
)

//go:embed pages/%[1]s.md
var page%[2]s string

var %[3]s = &checks.Check{
	ID: %[1]q, Title: %[4]q,
	Page: page%[2]s, Rank: %[5]s, Permissions: []string{},
	%[6]s		return ruledOut() // until something shows it
	},
}
`, id, upper(id), lower(id), title, rank, pass)
	var page strings.Builder
	for _, h := range checks.Headings {
		fmt.Fprintf(&page, "## %s\n\n\n", h)
	}
	files[room+"pages/"+id+".md"] = []byte(strings.TrimRight(page.String(), "\n") + "\n")

	scene := fmt.Sprintf("{%q, checks.Proven, opts(), opts(), checks.Unexplained},\n\t", id)
	for _, in := range []struct {
		file, list string
		before     func([]ast.Expr) int // the index of the element before which it is put
		put        string
	}{
		{"all.go", "IDs", func([]ast.Expr) int { return at }, fmt.Sprintf("%q, ", id)},
		{"all.go", "All", func([]ast.Expr) int { return at }, lower(id) + ", "},
		{"causes_test.go", "scenarios", sceneOf(causes.IDs[at]), scene},
	} {
		name := room + in.file
		if files[name] == nil {
			if files[name], err = os.ReadFile(filepath.Join(root, name)); err != nil {
				return nil, err
			}
		}
		if files[name], err = insert(files[name], in.list, in.before, in.put); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	for name, text := range files {
		if strings.HasSuffix(name, ".go") {
			if files[name], err = format.Source(text); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return files, nil
}

// place returns the index in causes.IDs at which a new id is listed.
func place(id, after string) (int, error) {
	if after == "" {
		word, _, _ := strings.Cut(id, "-")
		for _, other := range causes.IDs {
			if strings.HasPrefix(other, word+"-") {
				after = other
			}
		}
		if after == "" {
			return 0, fmt.Errorf("no cause begins with %s-: say with -after where it belongs", word)
		}
	}
	i := slices.Index(causes.IDs, after)
	switch {
	case i < 0:
		return 0, fmt.Errorf("-after %s: no such cause", after)
	case i+1 == len(causes.IDs) || causes.IDs[i+1] == checks.Unexplained:
		return 0, fmt.Errorf("-after %s: the last causes are those that are none of ours", after)
	}
	return i + 1, nil
}

// rankName returns a rank as the source writes it: rankBlock + 5.
func rankName(root string, rank int) (string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, room, "causes.go"), nil, 0)
	if err != nil {
		return "", err
	}
	name, base := "", 0
	ast.Inspect(file, func(n ast.Node) bool {
		if c, ok := n.(*ast.ValueSpec); ok && len(c.Values) == 1 && strings.HasPrefix(c.Names[0].Name, "rank") {
			if l, ok := c.Values[0].(*ast.BasicLit); ok {
				if v, err := strconv.Atoi(l.Value); err == nil && v <= rank && v > base {
					name, base = c.Names[0].Name, v
				}
			}
		}
		return true
	})
	switch {
	case name == "":
		return "", errors.New("no rank constants are found")
	case base == rank:
		return name, nil
	}
	return fmt.Sprintf("%s + %d", name, rank-base), nil
}

// insert puts text before an element of the list that is declared as a variable.
func insert(source []byte, list string, before func([]ast.Expr) int, text string) ([]byte, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "", source, 0)
	if err != nil {
		return nil, err
	}
	offset := -1
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && v.Names[0].Name == list && len(v.Values) == 1 {
			if l, ok := v.Values[0].(*ast.CompositeLit); ok {
				if i := before(l.Elts); i >= 0 && i < len(l.Elts) {
					offset = fset.Position(l.Elts[i].Pos()).Offset
				}
			}
		}
		return true
	})
	if offset < 0 {
		return nil, fmt.Errorf("no place in %s is found", list)
	}
	return slices.Insert(source, offset, []byte(text)...), nil
}

// sceneOf finds the first scene of an id among the scenarios.
func sceneOf(id string) func([]ast.Expr) int {
	return func(list []ast.Expr) int {
		return slices.IndexFunc(list, func(e ast.Expr) bool {
			s, ok := e.(*ast.CompositeLit)
			if !ok || len(s.Elts) == 0 {
				return false
			}
			first, ok := s.Elts[0].(*ast.BasicLit)
			return ok && first.Value == strconv.Quote(id)
		})
	}
}

// Words that Go spells in capitals.
var capitals = []string{"acl", "acls", "bpa", "cors", "html", "https", "iam", "id", "kms", "oac", "oai", "rcp", "s3", "scp", "spa", "url", "waf"}

// upper and lower make the id a Go name: keySPARoute, KeySPARoute.
func upper(id string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(id, "-") {
		if slices.Contains(capitals, word) {
			b.WriteString(strings.ToUpper(word))
		} else {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}

func lower(id string) string {
	word, rest, _ := strings.Cut(id, "-")
	return word + upper(rest)
}
