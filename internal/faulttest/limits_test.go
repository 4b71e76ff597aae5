package faulttest

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestLimits holds the table of limits in docs/security.md to the code: each
// constant that it names exists and has that value.
func TestLimits(t *testing.T) {
	doc, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	own, _ := packages(t)
	consts := map[string]string{}
	eachFile(t, own, func(name string, file *ast.File) {
		for _, d := range file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, s := range g.Specs {
				v := s.(*ast.ValueSpec)
				for i, id := range v.Names {
					if i < len(v.Values) {
						consts[filepath.Dir(name)+"."+id.Name] = types.ExprString(v.Values[i])
					}
				}
			}
		}
	})
	row := regexp.MustCompile("(?m)^\\| [^|]+ \\| ([0-9]+)( KiB| MiB| GiB)? \\| `([^`]+)` \\|$")
	rows := row.FindAllStringSubmatch(string(doc), -1)
	if len(rows) < 20 {
		t.Fatalf("%d limits in docs/security.md", len(rows))
	}
	for _, r := range rows {
		n, _ := strconv.ParseInt(r[1], 10, 64)
		n <<= map[string]int{"": 0, " KiB": 10, " MiB": 20, " GiB": 30}[r[2]]
		expr, ok := consts[r[3]]
		if !ok {
			t.Errorf("there is no constant %s", r[3])
			continue
		}
		v, err := types.Eval(token.NewFileSet(), nil, token.NoPos, expr)
		if err != nil {
			t.Errorf("%s: %v", r[3], err)
			continue
		}
		if got, _ := constant.Int64Val(v.Value); got != n {
			t.Errorf("%s is %d, docs/security.md says %d", r[3], got, n)
		}
	}
}

// TestOperationsDocumented holds the list of operations in docs/security.md to
// that of TestOperations.
func TestOperationsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range strings.Fields(operations) {
		_, name, _ := strings.Cut(op, ":")
		if !strings.Contains(string(doc), fmt.Sprintf("`%s`", name)) {
			t.Errorf("docs/security.md does not name %s", op)
		}
	}
}
