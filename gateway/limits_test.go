// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	gotoken "go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// limitName is what a constant is called that bounds something.
var limitName = regexp.MustCompile(`^([dD]efault|[mM]ax|[iI]dle|guess|dialTimeout)`)

// TestEveryLimitIsDocumented holds docs/limits.md against the constants of the
// gateway: each limit has its row, with the value that the code has.
func TestEveryLimitIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/limits.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([^|]+) \\|").FindAllStringSubmatch(string(page), -1) {
		documented[row[1]] = strings.TrimSpace(row[2])
	}
	found := limits(t)
	for name, value := range found {
		if documented[name] != value {
			t.Errorf("docs/limits.md has %q for %s, the code has %q", documented[name], name, value)
		}
	}
	for name := range documented {
		if found[name] == "" {
			t.Errorf("docs/limits.md has %s, which is no constant of the code", name)
		}
	}
}

// limits is the constants that bound something, by "package.Name".
func limits(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "internal") {
			return err
		}
		file, err := parser.ParseFile(gotoken.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			decl, ok := d.(*ast.GenDecl)
			if !ok || decl.Tok != gotoken.CONST {
				continue
			}
			for _, s := range decl.Specs {
				spec := s.(*ast.ValueSpec) //nolint:forcetypeassert // of a constant
				for i, name := range spec.Names {
					if i < len(spec.Values) && limitName.MatchString(name.Name) {
						if v := show(spec.Values[i]); v != "" {
							found[file.Name.Name+"."+name.Name] = v
						}
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// show is a constant as the page has it: "247 s", "1 MiB", "10000"; "" for what is
// no number.
func show(x ast.Expr) string {
	v, duration := value(x)
	n, ok := constant.Int64Val(constant.ToInt(v))
	switch {
	case !ok:
		return ""
	case duration && n%int64(time.Hour) == 0:
		return fmt.Sprintf("%d h", n/int64(time.Hour))
	case duration && n%int64(time.Second) == 0:
		return fmt.Sprintf("%d s", n/int64(time.Second))
	case duration:
		return time.Duration(n).String()
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d Mi", n>>20)
	case n >= 8<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d Ki", n>>10)
	default:
		return fmt.Sprint(n)
	}
}

// value works out a constant expression of numbers and units of time.
func value(x ast.Expr) (v constant.Value, duration bool) {
	switch x := x.(type) {
	case *ast.BasicLit:
		return constant.MakeFromLiteral(x.Value, x.Kind, 0), false
	case *ast.ParenExpr:
		return value(x.X)
	case *ast.SelectorExpr:
		unit := map[string]time.Duration{
			"Millisecond": time.Millisecond, "Second": time.Second, "Minute": time.Minute, "Hour": time.Hour,
		}[x.Sel.Name]
		if unit != 0 {
			return constant.MakeInt64(int64(unit)), true
		}
	case *ast.BinaryExpr:
		a, timeA := value(x.X)
		b, timeB := value(x.Y)
		if a.Kind() != constant.Int || b.Kind() != constant.Int {
			break
		}
		if x.Op == gotoken.SHL {
			n, _ := constant.Uint64Val(b)
			return constant.Shift(a, gotoken.SHL, uint(n)), timeA
		}
		return constant.BinaryOp(a, x.Op, b), timeA || timeB
	}
	return constant.MakeUnknown(), false
}
