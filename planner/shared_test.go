package planner

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"streamdb/catalog/syscat"
	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
	"streamdb/sql/parse"
	"streamdb/types"
)

// The scripts and queries that people share lie outside of the repository;
// without them these tests are skipped.
const sharedDir = "../../shared"

func shared(t *testing.T, path string) string {
	t.Helper()
	full := filepath.Join(sharedDir, path)
	if _, err := os.Stat(full); err != nil {
		t.Skip("not here: " + path)
	}
	return full
}

// record is a statement or query of a sqllogictest script.
type record struct {
	sql    string
	failOK bool
}

// script reads the statements of a sqllogictest file, with those it includes.
func script(t *testing.T, path string) []record {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []record
	for _, block := range strings.Split(string(text), "\n\n") {
		var lines []string
		for _, l := range strings.Split(block, "\n") {
			if !strings.HasPrefix(l, "#") {
				lines = append(lines, l)
			}
		}
		for len(lines) > 0 && lines[0] == "" {
			lines = lines[1:]
		}
		if len(lines) == 0 {
			continue
		}
		head := strings.Fields(lines[0])
		switch head[0] {
		case "include":
			files, _ := filepath.Glob(filepath.Join(filepath.Dir(path), head[1]))
			sort.Strings(files)
			for _, f := range files {
				out = append(out, script(t, f)...)
			}
		case "statement", "query":
			sql, _, _ := strings.Cut(strings.Join(lines[1:], "\n"), "\n----")
			out = append(out, record{sql, len(head) > 1 && head[1] == "error"})
		}
	}
	return out
}

// run plans a record, executing what makes objects. It reports what cannot be
// planned; statements that are not the planner's business are passed over.
func (w *world) run(r record) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	sts, err := parse.Parse(r.sql)
	if err != nil {
		return nil // the parser's tests see to that
	}
	for _, st := range sts {
		switch s := st.Stmt.(type) {
		case *ast.CreateTable:
			if s.Query != nil {
				continue
			}
			err = w.createOne(s, r.sql)
		case *ast.CreateSource, *ast.CreateView:
			err = w.createOne(s, r.sql)
		case *ast.CreateMaterializedView:
			if err = w.createOne(s, r.sql); err == nil {
				saved := w.parallelism
				w.parallelism = 4
				_, err = Materialized(w.context(r.sql), 9999, s.Query, s.Columns)
				w.parallelism = saved
			}
		case *ast.Query, *ast.Insert, *ast.Update, *ast.Delete:
			_, err = w.plan(ast.String(s), true)
		case *ast.Drop:
			for _, n := range s.Names {
				if o := w.cat.Find("public", n.Base()); o != nil {
					w.cat = w.cat.Without(o.ID)
				}
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// TestTPCH plans all queries of TPC-H as SELECTs and as materialized views.
func TestTPCH(t *testing.T) {
	w := newWorld()
	for _, r := range script(t, shared(t, "slt/tpch/create_tables.slt.part")) {
		if err := w.run(r); err != nil {
			t.Fatal(err)
		}
	}
	for q := 1; q <= 22; q++ {
		for _, r := range script(t, shared(t, fmt.Sprintf("slt/batch/tpch/q%d.slt.part", q))) {
			if err := w.run(r); err != nil {
				t.Errorf("q%d: %s", q, errorText(err))
			}
			for _, p := range []int{1, 4} {
				w.parallelism = p
				if _, err := w.job(r.sql, true); err != nil {
					t.Errorf("q%d as a view, parallelism %d: %s", q, p, errorText(err))
				}
			}
		}
	}
}

// TestCatalogQueries plans what psql 15 sends for its backslash commands.
func TestCatalogQueries(t *testing.T) {
	b, err := os.ReadFile(shared(t, "data/psql15-catalog-queries.json"))
	if err != nil {
		t.Fatal(err)
	}
	var queries []string
	if err := json.Unmarshal(b, &queries); err != nil {
		t.Fatal(err)
	}
	w := newWorld()
	w.system = pgCatalog
	w.env = &types.Env{RegIn: func(types.T, string) (int64, error) { return 1259, nil }}
	failed := 0
	for _, q := range queries {
		if err := w.run(record{sql: q}); err != nil {
			failed++
			if failed < 20 {
				t.Errorf("%s\n%s", q, errorText(err))
			}
		}
	}
	if failed > 0 {
		t.Errorf("%d of %d failed", failed, len(queries))
	}
}

// TestSharedScripts counts what cannot be planned of all shared scripts; with
// -v it says which and why. Panics and internal errors fail it.
func TestSharedScripts(t *testing.T) {
	var files []string
	_ = filepath.Walk(shared(t, "slt"), func(path string, info os.FileInfo, err error) error {
		if err == nil && (strings.HasSuffix(path, ".slt") || strings.HasSuffix(path, ".slt.part")) {
			files = append(files, path)
		}
		return nil
	})
	total, failed := 0, 0
	reasons := map[string]int{}
	for _, f := range files {
		w := newWorld()
		w.system = pgCatalog
		for _, r := range script(t, f) {
			total++
			err := w.run(r)
			if err == nil || r.failOK {
				if err != nil && strings.HasPrefix(err.Error(), "panic") {
					t.Errorf("%s: %s\n%s", f, r.sql, err)
				}
				continue
			}
			failed++
			e := sqlerr.From(err)
			reasons[e.Code+" "+e.Msg]++
			if e.Code == sqlerr.InternalError {
				t.Errorf("%s: %s\n%s", f, r.sql, err)
			}
			t.Logf("%s: %s\n%s", strings.TrimPrefix(f, sharedDir), r.sql, errorText(err))
		}
	}
	var list []string
	for r, n := range reasons {
		list = append(list, fmt.Sprintf("%5d %s", n, r))
	}
	sort.Sort(sort.Reverse(sort.StringSlice(list)))
	t.Logf("%d of %d records cannot be planned:\n%s", failed, total, strings.Join(list, "\n"))
}

func pgCatalog(schema, name string) (types.Schema, bool) {
	t, ok := syscat.Find(schema, name)
	if !ok {
		return nil, false
	}
	return t.Cols, true
}
