package lint

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const root = "../.."

// arrows says what each room may import of the project: the route of a row,
// left to right. A name covers the packages below it. Tests may import anything
// to the left of them too.
var arrows = map[string][]string{
	"internal/sqlerr":  {},
	"internal/lint":    {},
	"internal/history": {},
	"internal/sim":     {"engine", "wire", "connector", "connector/nexmark", "storage", "types", "vec", "internal/sqlerr"},
	"types":            {"internal/sqlerr"},
	"vec":              {"types"},
	"stream":           {"types", "vec"},
	"expr":             {"types", "vec", "stream", "internal/sqlerr", "expr"},
	"storage":          {"types", "vec", "stream", "internal/sqlerr"},
	"checkpoint":       {"storage", "stream", "internal/sqlerr"},
	"connector":        {"types", "vec", "internal/sqlerr", "connector"},
	"executor":         {"checkpoint", "storage", "stream", "expr", "types", "vec", "internal/sqlerr"},
	"executor/op":      {"executor", "connector", "checkpoint", "storage", "stream", "expr", "types", "vec", "internal/sqlerr"},
	"executor/optest":  {"executor", "executor/op", "checkpoint", "connector", "storage", "stream", "expr", "types", "vec", "internal/sqlerr"},
	"sql/ast":          {},
	"sql/parse":        {"sql/ast", "internal/sqlerr"},
	"catalog":          {"storage", "types", "internal/sqlerr"},
	"catalog/syscat":   {"catalog", "sql/ast", "types", "vec", "internal/sqlerr"},
	"planner":          {"planner", "executor", "executor/op", "catalog", "sql/ast", "expr", "storage", "stream", "types", "vec", "internal/sqlerr"},
	"wire":             {"stream", "types", "vec", "internal/sqlerr"},
	"engine": {"wire", "planner", "catalog", "catalog/syscat", "sql/ast", "sql/parse", "connector", "executor", "executor/op", "checkpoint",
		"storage", "stream", "expr", "types", "vec", "internal/sqlerr"},
	"cmd":          {"engine", "wire", "internal/sqlerr"},
	"sqllogictest": {"sqllogictest"},
	"bench":        {"bench", "engine", "wire", "connector", "stream", "types", "vec"},
}

// doors says which packages alone may import a library.
var doors = map[string][]string{
	"github.com/jackc/pgproto3":                    {"wire", "sqllogictest"},
	"github.com/pingcap/tidb":                      {"sql/parse"},
	"github.com/cockroachdb/pebble":                {"storage", "internal/sim"},
	"github.com/twmb/franz-go":                     {"connector/kafka"},
	"github.com/valyala/fastjson":                  {"types", "connector/format"},
	"github.com/peterbourgon/ff":                   {"cmd"},
	"github.com/KimMachineGun/automemlimit":        {"engine"},
	"github.com/apache/arrow/go/v15":               {"vec", "stream"},
	"github.com/jackc/pgx":                         {"cmd", "sqllogictest", "bench", "internal/sim"},
	"github.com/wasilibs/go-pgquery":               {},
	"github.com/apache/arrow/go/v15/arrow/compute": {},
}

type file struct {
	pkg, path string // relative to the root
	imports   []string
	test      bool
}

func files(t *testing.T) []file {
	t.Helper()
	var out []file
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if n := d.Name(); n == "testdata" || (strings.HasPrefix(n, ".") && n != ".." && n != ".") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		x := file{pkg: filepath.ToSlash(filepath.Dir(rel)), path: rel, test: strings.HasSuffix(path, "_test.go")}
		for _, im := range f.Imports {
			p, _ := strconv.Unquote(im.Path.Value)
			x.imports = append(x.imports, p)
		}
		out = append(out, x)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// within reports whether a package is the room or below it.
func within(pkg, room string) bool { return pkg == room || strings.HasPrefix(pkg, room+"/") }

// room is the longest name of the table that covers a package.
func room(pkg string) (string, bool) {
	best, found := "", false
	for name := range arrows {
		if within(pkg, name) && len(name) > len(best) {
			best, found = name, true
		}
	}
	return best, found
}

func TestImportArrows(t *testing.T) {
	for _, f := range files(t) {
		if f.test {
			continue
		}
		from, ok := room(f.pkg)
		if !ok {
			t.Errorf("%s: package %s has no place in the table of import arrows", f.path, f.pkg)
			continue
		}
		for _, im := range f.imports {
			to, ours := strings.CutPrefix(im, "streamdb/")
			if !ours || to == f.pkg {
				continue
			}
			if !slices.ContainsFunc(arrows[from], func(a string) bool { return covers(a, to) }) {
				t.Errorf("%s: %s must not import %s", f.path, f.pkg, to)
			}
		}
	}
}

// covers reports whether an arrow to a room allows a package: the package
// itself or one below it that is not a room of its own.
func covers(arrow, pkg string) bool {
	r, ok := room(pkg)
	return within(pkg, arrow) && ok && (r == arrow || within(arrow, r))
}

func TestOneDoorPerLibrary(t *testing.T) {
	for _, f := range files(t) {
		if f.test {
			continue
		}
		for _, im := range f.imports {
			best := ""
			for lib := range doors {
				if within(im, lib) && len(lib) > len(best) {
					best = lib
				}
			}
			if best != "" && !slices.ContainsFunc(doors[best], func(d string) bool { return within(f.pkg, d) }) {
				t.Errorf("%s: %s is not the door of %s", f.path, f.pkg, im)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range files(t) {
		if seen[f.pkg] || f.test {
			continue
		}
		seen[f.pkg] = true
		if within(f.pkg, "cmd") || strings.Contains(f.pkg, "/cmd/") {
			continue
		}
		if _, err := os.Stat(filepath.Join(root, f.pkg, "doc.go")); err != nil {
			t.Errorf("package %s has no doc.go", f.pkg)
		}
	}
}

// pathInText finds `code` that looks like a path of the project.
var pathInText = regexp.MustCompile("`((?:[a-z_]+/)+[A-Za-z0-9_.-]*)`")

func TestPathsInDocumentsExist(t *testing.T) {
	docs, _ := filepath.Glob(filepath.Join(root, "*.md"))
	more, _ := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	adrs, _ := filepath.Glob(filepath.Join(root, "docs", "adr", "*.md"))
	for _, doc := range append(append(docs, more...), adrs...) {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range pathInText.FindAllStringSubmatch(string(text), -1) {
			top := strings.Split(m[1], "/")[0]
			if _, err := os.Stat(filepath.Join(root, top)); err != nil {
				continue // not a path of ours
			}
			if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
				t.Errorf("%s names %s, which does not exist", doc, m[1])
			}
		}
	}
}

// specInList finds the types of operators in executor/op/codec.go.
var specInList = regexp.MustCompile(`return &((?:executor\.)?[A-Z]\w*)\{`)

// TestEveryOperatorHasATest: each operator that a pinned plan may name is built
// by a test beside it that runs it in the harness of executor/optest or in tasks.
func TestEveryOperatorHasATest(t *testing.T) {
	list, err := os.ReadFile(filepath.Join(root, "executor/op/codec.go"))
	if err != nil {
		t.Fatal(err)
	}
	tests := ""
	for _, dir := range []string{"executor/op", "executor"} {
		names, _ := filepath.Glob(filepath.Join(root, dir, "*_test.go"))
		for _, n := range names {
			text, err := os.ReadFile(n)
			if err != nil {
				t.Fatal(err)
			}
			if s := string(text); dir == "executor" || strings.Contains(s, "optest.") {
				tests += s
			}
		}
	}
	found := specInList.FindAllStringSubmatch(string(list), -1)
	if len(found) < 20 {
		t.Fatalf("only %d operators found: has the list moved?", len(found))
	}
	for _, m := range found {
		name := strings.TrimPrefix(m[1], "executor.")
		if !regexp.MustCompile(`\b` + name + `\{`).MatchString(tests) {
			t.Errorf("operator %s has no test in executor/op", name)
		}
	}
}
