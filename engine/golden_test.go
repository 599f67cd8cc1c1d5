package engine_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"streamdb/catalog"
	"streamdb/engine"
	"streamdb/executor"
	"streamdb/executor/op"
	"streamdb/storage"
)

var goldenRewrite = flag.Bool("golden.rewrite", false, "make the newest golden data directory anew, and what it holds: when a version is tagged")

const goldenDir = "testdata/golden"

// goldenClock is where the clock of golden directories stands.
var goldenClock = time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)

// TestGolden opens data directories that tagged versions have written, with all
// kinds of objects, and finds in them what was there; then writes to them, restarts
// them, and finds that views go on right. What is there is in a text beside each:
// for 0001.tgz in 0001.txt.
func TestGolden(t *testing.T) {
	archives, err := filepath.Glob(filepath.Join(goldenDir, "*.tgz"))
	if err != nil || len(archives) == 0 && !*goldenRewrite {
		t.Fatalf("no golden directories: %v", err)
	}
	if *goldenRewrite {
		scripts, err := filepath.Glob(filepath.Join(goldenDir, "0*.sql"))
		if err != nil || len(scripts) == 0 {
			t.Fatal("no script: ", err)
		}
		newest := strings.TrimSuffix(slices.Max(scripts), ".sql") + ".tgz"
		makeGolden(t, newest)
		archives = append(slices.DeleteFunc(archives, func(a string) bool { return a == newest }), newest)
	}
	for _, a := range archives {
		t.Run(filepath.Base(a), func(t *testing.T) { openGolden(t, a) })
	}
}

func goldenOptions(dir string, parallelism int) engine.Options {
	return engine.Options{DataDir: dir, TestClock: goldenClock, Parallelism: parallelism, MemoryLimit: 256 << 20,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

// makeGolden runs the script of an archive and packs what comes of it.
func makeGolden(t *testing.T, archive string) {
	dir := t.TempDir()
	s := serve(t, goldenOptions(dir, 2))
	runScript(t, s.connect(t), strings.TrimSuffix(archive, ".tgz")+".sql")
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	missing := goldenKinds(t, dir)
	if len(missing) > 0 {
		t.Errorf("no job has the operators %v", missing)
	}
	if err := pack(dir, archive); err != nil {
		t.Fatal(err)
	}
}

// runScript runs statements one by one, and waits for sources to end.
func runScript(t *testing.T, conn *pgconn.PgConn, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range statements(strings.Split(string(b), "\n")) {
		if got := lawExec(t.Context(), conn, sql); got.code != "" {
			t.Fatalf("%s: %s %s", sql, got.code, got.message)
		}
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		got := lawExec(t.Context(), conn, "wait; select (select n from from_source) = 50 and (select count(*) from made_table) = 20")
		if got.code == "" && string(got.results[1].Rows[0][0]) == "t" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the sources do not end: %s %s", got.code, got.message)
		}
	}
	if got := lawExec(t.Context(), conn, "flush"); got.code != "" {
		t.Fatal(got.code, got.message)
	}
}

// boundedOnly are the operators that no job has.
var boundedOnly = []string{"IndexScan", "Limit", "SingleRow", "Sort", "TableScan", "Virtual", "plan", "table"}

// goldenKinds lists the operators of jobs that a directory has none of.
func goldenKinds(t *testing.T, dir string) (missing []string) {
	t.Helper()
	store, err := storage.OpenReadOnly(storage.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	have := map[string]bool{}
	err = store.MetaScan([]byte("object/"), func(_, value []byte) (bool, error) {
		o := &catalog.Object{}
		if err := json.Unmarshal(value, o); err != nil || !o.Runs() {
			return true, err
		}
		p, err := op.UnmarshalPlan(o.Plan)
		if err != nil {
			return false, err
		}
		for i := range p.Fragments {
			executor.Walk(p.Fragments[i].Root, func(s executor.Spec) { have[s.Kind()] = true })
		}
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("../executor/op/testdata/formats")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		if kind, _, _ := strings.Cut(line, " "); !have[kind] && !slices.Contains(boundedOnly, kind) {
			missing = append(missing, kind)
		}
	}
	return missing
}

// openGolden opens, compares, writes, restarts and compares.
func openGolden(t *testing.T, archive string) {
	dir := t.TempDir()
	if err := unpack(archive, dir); err != nil {
		t.Fatal(err)
	}
	if n, report := checkDir(t, dir); n != 0 {
		t.Errorf("streamdb check:\n%s", report)
	}
	s := serve(t, goldenOptions(dir, 3))
	var text strings.Builder
	fmt.Fprintf(&text, "# as it was\n%s", everything(t, s))
	runScript(t, s.connect(t), filepath.Join(goldenDir, "after.sql"))
	after := everything(t, s)
	fmt.Fprintf(&text, "\n# after more was written\n%s", after)
	if err := s.restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again := everything(t, s); again != after {
		t.Errorf("after a restart:\n%s", lawDiff(strings.Split(after, "\n"), strings.Split(again, "\n"), "before", "after"))
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if n, report := checkDir(t, dir); n != 0 {
		t.Errorf("streamdb check after more was written:\n%s", report)
	}
	path := strings.TrimSuffix(archive, ".tgz") + ".txt"
	if *goldenRewrite {
		if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := text.String(); got != string(want) {
		t.Errorf("not what %s says:\n%s", path, lawDiff(strings.Split(got, "\n"), strings.Split(string(want), "\n"), "the directory", "the text"))
	}
}

// everything is the text of all that a database holds: the definitions and rows of
// its relations, the state of its jobs, settings and comments.
func everything(t *testing.T, s *server) string {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), s.url())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var out strings.Builder
	add := func(title, sql string) {
		got := lawExec(t.Context(), conn, sql)
		fmt.Fprintf(&out, "\n%s\n", title)
		if got.code != "" {
			fmt.Fprintf(&out, "%s %s\n", got.code, got.message)
			return
		}
		for _, row := range lawRows(got.results[len(got.results)-1], false) {
			out.WriteString(strings.ReplaceAll(row, "\n", `\n`) + "\n")
		}
	}
	list := lawExec(t.Context(), conn, `select n.nspname, c.relname, c.relkind from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where n.nspname in ('public', 'other') and c.relkind in ('r', 'v', 'm') order by c.relname`)
	if list.code != "" || len(list.results[0].Rows) < 20 {
		t.Fatalf("%s %s", list.code, list.message)
	}
	for _, row := range list.results[0].Rows {
		name := fmt.Sprintf("%s.%s", row[0], row[1])
		add(fmt.Sprintf("%s (%s)", name, row[2]), "select * from "+name)
	}
	add("by an index", "select id, s from every where s = 'text' or s = 'text!'")
	add("by an expression's index", "select id from every where lower(s) = 'later'")
	add("jobs", "select schema, name, kind, state, error_code from streamdb.jobs")
	add("columns", `select table_schema, table_name, column_name, ordinal_position, data_type, column_default, is_nullable from information_schema.columns
		where table_name in ('every', 'orders', 'changed', 'events', 'short', 'latest', 'aggregates')`)
	add("comments", "select c.relname, d.objsubid, d.description from pg_description d join pg_class c on c.oid = d.objoid")
	add("definition of a view", "show create materialized view unions")
	add("definition of a table", "show create table changed")
	add("indexes", "select tablename, indexname from pg_indexes where schemaname = 'public'")
	add("late rows", "select job, relation, rows from streamdb.late_rows")
	return out.String()
}

// pack makes an archive of the files of a directory.
func pack(dir, archive string) error {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	w := tar.NewWriter(z)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() || e.Name() == "LOCK" {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Name: e.Name(), Mode: 0o600, Size: int64(len(content)), ModTime: goldenClock}); err != nil {
			return err
		}
		if _, err := w.Write(content); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(archive, b.Bytes(), 0o644)
}

func unpack(archive, dir string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		content, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(h.Name)), content, 0o600); err != nil {
			return err
		}
	}
}
