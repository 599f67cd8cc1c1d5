package engine_test

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"streamdb/engine"
)

var suiteRewrite = flag.Bool("suite.rewrite", false, "write the expected rows of the query suites anew, from -law.postgres")

// suite is a list of queries over a finite input that is known to both systems.
// A file q01.sql is a query, q01.pg.sql how Postgres has to be asked for the
// same, q01.out the rows that Postgres 15 gave, sorted.
type suite struct {
	dir     string
	queries []string
	again   func(sql string) string // the query of a view as a SELECT can run it; nil: as it is
}

// suiteRows shortens a long list of rows to its first ones and a digest of all.
func suiteRows(rows []string) []string {
	if len(rows) <= 100 {
		return rows
	}
	all := sha256.Sum256([]byte(strings.Join(rows, "\n")))
	return append(slices.Clone(rows[:20]), fmt.Sprintf(".. of %d rows with the digest %x", len(rows), all[:16]))
}

func openSuite(t *testing.T, name string) suite {
	t.Helper()
	s := suite{dir: filepath.Join("testdata", name)}
	all, err := filepath.Glob(filepath.Join(s.dir, "q*.sql"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if q := strings.TrimSuffix(filepath.Base(f), ".sql"); !strings.HasSuffix(q, ".pg") {
			s.queries = append(s.queries, q)
		}
	}
	if len(s.queries) == 0 {
		t.Fatalf("no queries in %s", s.dir)
	}
	return s
}

// read is a file of the suite; ok says that there is one.
func (s suite) read(t *testing.T, name string) (text string, ok bool) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b)), err == nil
}

// expected are the rows of a query as Postgres gave them: recorded, or now, if
// there is a Postgres to ask.
func (s suite) expected(t *testing.T, pg *pgconn.PgConn, q string) []string {
	t.Helper()
	if pg != nil {
		sql, ok := s.read(t, q+".pg.sql")
		if !ok {
			sql, _ = s.read(t, q+".sql")
		}
		a := lawExec(t.Context(), pg, sql)
		if a.code != "" {
			t.Fatalf("%s in Postgres: %s %s", q, a.code, a.message)
		}
		rows := suiteRows(lawRows(a.results[0], true))
		if *suiteRewrite {
			if err := os.WriteFile(filepath.Join(s.dir, q+".out"), []byte(strings.Join(rows, "\n")+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return rows
	}
	text, ok := s.read(t, q+".out")
	if !ok {
		t.Fatalf("%s has no expected rows: run with -law.postgres and -suite.rewrite", q)
	}
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// compare checks a view: its rows, its query's rows and the expected ones.
func (s suite) compare(t *testing.T, c, pg *pgconn.PgConn, q string) {
	t.Helper()
	sql, _ := s.read(t, q+".sql")
	if s.again != nil {
		sql = s.again(sql)
	}
	both := lawExec(t.Context(), c, "begin; select * from "+q+"; "+sql+"; commit")
	if both.code != "" {
		t.Errorf("%s: %s %s", q, both.code, both.message)
		return
	}
	view, query := lawRows(both.results[1], true), lawRows(both.results[2], true)
	if !slices.Equal(view, query) {
		t.Errorf("%s: %s", q, lawDiff(view, query, "view", "query"))
	}
	want := s.expected(t, pg, q)
	if view = suiteRows(view); !slices.Equal(view, want) {
		t.Errorf("%s: %s", q, lawDiff(view, want, "streamdb", "Postgres"))
	}
	if len(want) == 0 {
		t.Errorf("%s gives no rows: it shows nothing", q)
	}
}

// suitePostgres is a schema of its own in the Postgres of -law.postgres, nil without.
func suitePostgres(t *testing.T) *pgconn.PgConn {
	t.Helper()
	if *lawURL == "" {
		return nil
	}
	pg, err := pgconn.Connect(t.Context(), *lawURL)
	if err != nil {
		t.Fatal(err)
	}
	schema := fmt.Sprintf("suite_%d", os.Getpid())
	suiteExec(t, pg, "drop schema if exists "+schema+" cascade; create schema "+schema+"; set search_path = "+schema)
	t.Cleanup(func() {
		_, _ = pg.Exec(context.Background(), "drop schema "+schema+" cascade").ReadAll()
		pg.Close(context.Background())
	})
	return pg
}

func suiteExec(t *testing.T, c *pgconn.PgConn, sql string) {
	t.Helper()
	if a := lawExec(t.Context(), c, sql); a.code != "" {
		t.Fatalf("%.200s: %s %s", sql, a.code, a.message)
	}
}

// TestTPCH keeps the 22 queries of the TPC-H benchmark (version 3, clause 2.4)
// as views while the tables are filled, changed and emptied around them, and
// compares them with Postgres at the end, before and after a restart.
func TestTPCH(t *testing.T) {
	s := openSuite(t, "tpch")
	pg := suitePostgres(t)
	srv := serve(t, engine.Options{Parallelism: 2})
	c := srv.connect(t)
	schema, _ := s.read(t, "schema.sql")
	data := newTPCH(1)
	final := data.load(final)
	for _, st := range strings.Split(schema, ";\n") {
		suiteExec(t, c, strings.TrimSuffix(st, ";"))
	}
	if pg != nil {
		suiteExec(t, pg, schema)
		for _, st := range final {
			suiteExec(t, pg, st)
		}
	}
	// Half of the views see every change, the others read what is there.
	create := func(odd int) {
		for i, q := range s.queries {
			if i%2 == odd {
				sql, _ := s.read(t, q+".sql")
				suiteExec(t, c, "create materialized view "+q+" as "+sql)
			}
		}
	}
	began := time.Now()
	create(0)
	steps := data.load(noisy)
	for i, st := range steps {
		if i == len(steps)/2 {
			create(1)
		}
		suiteExec(t, c, st)
	}
	t.Logf("%d statements and %d views in %v", len(steps), len(s.queries), time.Since(began).Round(time.Millisecond))
	for _, q := range s.queries {
		s.compare(t, c, pg, q)
	}
	if err := srv.restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	c = srv.connect(t)
	suiteExec(t, c, "insert into lineitem select l_orderkey, l_partkey, l_suppkey, l_linenumber + 100, l_quantity, l_extendedprice, l_discount, l_tax, l_returnflag, l_linestatus, l_shipdate, l_commitdate, l_receiptdate, l_shipinstruct, l_shipmode, l_comment from lineitem")
	suiteExec(t, c, "delete from lineitem where l_linenumber >= 100")
	for _, q := range s.queries {
		s.compare(t, c, pg, q)
	}
}
