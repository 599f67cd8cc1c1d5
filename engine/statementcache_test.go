package engine_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"streamdb/engine"
	"streamdb/sqllogictest"
)

var statementsAll = flag.Bool("statements.all", false, "compare the statement cache over all files of the SQL logic tests")

// sometimes matches what gives another answer each time.
var sometimes = regexp.MustCompile(`(?i)random|clock_timestamp|uuid|now\(|current_|pg_backend|txid|streamdb\.|pg_stat|pg_size|_size|version|show |timeofday|nextval|localtime`)

// TestStatementCacheSame: queries and DML of the SQL logic tests get the same answer
// by a plan of the statement cache as without it, to the names and types of the
// columns and the position of an error.
func TestStatementCacheSame(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(sltRoot, "*", "*.slt"))
	if err != nil || len(files) == 0 {
		t.Fatal("no files: ", err)
	}
	slices.Sort(files)
	asked, hits := 0, 0
	for i, f := range files {
		if filepath.Base(filepath.Dir(f)) == "time" || !*statementsAll && i%20 != 3 {
			continue
		}
		t.Run(filepath.Base(f), func(t *testing.T) {
			s := serve(t, engine.Options{}.WithEagerCache())
			asked += sameAnswers(t, s, f)
			hits += int(s.db.CachedStatements())
		})
	}
	t.Logf("%d statements asked twice, %d of them by the cache", asked, hits)
	if asked < 100 || hits < asked/4 {
		t.Error("too few to tell anything")
	}
}

// sameAnswers runs a file and returns how many statements it asked twice.
func sameAnswers(t *testing.T, s *server, file string) (asked int) {
	records, err := sqllogictest.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	conns := map[string]*pgconn.PgConn{}
	defer func() {
		for _, c := range conns {
			c.Close(context.Background())
		}
	}()
	for _, r := range records {
		if r.Kind == sqllogictest.KindHalt {
			break
		}
		if r.Kind != sqllogictest.KindStatement && r.Kind != sqllogictest.KindQuery || slices.ContainsFunc(r.Conds, func(c sqllogictest.Condition) bool { return !c.SkipIf }) {
			continue
		}
		c := conns[r.Conn]
		if c == nil {
			if c, err = pgconn.Connect(ctx, s.url()); err != nil {
				t.Fatal(err)
			}
			conns[r.Conn] = c
		}
		// What waits for an answer may get another one each time.
		if r.Retry.Attempts == 0 && c.TxStatus() == 'I' && !sometimes.MatchString(r.SQL) && !strings.Contains(r.SQL, ";") {
			switch strings.ToLower(strings.Fields(r.SQL + " .")[0]) {
			case "select", "with", "insert", "update", "delete", "values":
				for _, sql := range variations(r.SQL) {
					with, without := answer(ctx, c, "on", sql), answer(ctx, c, "off", sql)
					if asked++; with != without {
						t.Errorf("%s: %s\nby the statement cache\n%s\nwithout\n%s", r.Loc, sql, with, without)
					}
				}
			}
		}
		c.Exec(ctx, r.SQL).ReadAll()
	}
	return asked
}

var literals = regexp.MustCompile(`'[^']*'|\b\d+\b`)

// many matches what makes as many rows or characters as a number says.
var many = regexp.MustCompile(`(?i)series|repeat|pad|power|\^|hop|tumble|cumulate|space|interval|sleep|round|trunc|recursive`)

// variations are a statement and others with its literals changed: most of these
// have its shape, and other values.
func variations(sql string) []string {
	all := []string{sql}
	for _, v := range [][2]string{{"0", ""}, {"1", "1"}, {"3", "abc"}, {"70000", "2020-02-30"}, {"2147483648", "{}"}} {
		if len(v[0]) > 2 && many.MatchString(sql) {
			break
		}
		next := literals.ReplaceAllStringFunc(sql, func(l string) string {
			if l[0] == '\'' {
				return "'" + v[1] + "'"
			}
			return v[0]
		})
		if !slices.Contains(all, next) {
			all = append(all, next)
		}
	}
	return all
}

// answer is all that a client is told by a statement, which is taken back. Rows
// are in order of their text: nothing else is said of it but by ORDER BY.
func answer(ctx context.Context, c *pgconn.PgConn, cache, sql string) string {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	c.Exec(ctx, "set statement_cache = "+cache+"; begin").ReadAll()
	results, err := c.Exec(ctx, sql).ReadAll()
	c.Exec(ctx, "rollback").ReadAll()
	var b strings.Builder
	for _, r := range results {
		for _, f := range r.FieldDescriptions {
			fmt.Fprintf(&b, "%s %d %d %d %d|", f.Name, f.DataTypeOID, f.TypeModifier, f.TableOID, f.TableAttributeNumber)
		}
		fmt.Fprintln(&b, r.CommandTag)
		var rows []string
		for _, row := range r.Rows {
			rows = append(rows, fmt.Sprintf("%q", row))
		}
		slices.Sort(rows)
		b.WriteString(strings.Join(rows, "\n"))
	}
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		fmt.Fprintf(&b, "%s %s at %d: %s | %s | %s %s %s", pe.Code, pe.Message, pe.Position, pe.Detail, pe.Hint, pe.TableName, pe.ColumnName, pe.ConstraintName)
	} else if err != nil {
		b.WriteString(err.Error())
	}
	return b.String()
}

// TestStatementCacheShared: sessions that run statements of one shape at once,
// while the catalog changes, each get what their own literals ask for.
func TestStatementCacheShared(t *testing.T) {
	s := serve(t, engine.Options{})
	c, err := pgconn.Connect(t.Context(), s.url())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	tell(t.Context(), c, "create table shared (k bigint primary key, v text); insert into shared select x, 'v' || x from generate_series(0, 99) x")
	var work sync.WaitGroup
	for g := range 6 {
		work.Go(func() {
			c, err := pgconn.Connect(t.Context(), s.url())
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close(context.Background())
			for i := range 150 {
				k := (g*37 + i) % 100
				want := fmt.Sprintf("v%d|x%d", k, i)
				if got, err := askText(t.Context(), c, fmt.Sprintf("select v || '|' || 'x%d' from shared where k = %d", i, k)); err != nil || got != want {
					t.Errorf("row %d: %q, %v, want %q", k, got, err, want)
					return
				}
			}
		})
	}
	for i := range 5 {
		tell(t.Context(), c, fmt.Sprintf("alter table shared add column c%d int", i))
	}
	work.Wait()
	if s.db.CachedStatements() == 0 {
		t.Error("nothing came of the cache")
	}
}

// TestStatementCacheTyped: statements of the extended protocol that are parsed again
// for each execution, with types of parameters and without, are in the cache, each
// with its own types.
func TestStatementCacheTyped(t *testing.T) {
	s := serve(t, engine.Options{})
	c, err := pgconn.Connect(t.Context(), s.url())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	const int4, int8, text = 23, 20, 25
	for i := range 12 {
		for _, oid := range []uint32{0, int4, int8, text} {
			r := c.ExecParams(t.Context(), fmt.Sprintf("select $1, 'x%d', pg_typeof($1)", i), [][]byte{[]byte("7")}, []uint32{oid}, nil, nil).Read()
			if r.Err != nil {
				t.Fatal(r.Err)
			}
			want := map[uint32]string{0: "unknown", int4: "integer", int8: "bigint", text: "text"}[oid]
			if got := fmt.Sprintf("%s", r.Rows[0]); got != fmt.Sprintf("[7 x%d %s]", i, want) {
				t.Errorf("parameter of type %d: %s", oid, got)
			}
		}
	}
	if hits := s.db.CachedStatements(); hits != 4*10 {
		t.Errorf("%d of 48 statements were in the cache", hits)
	}
}

// askText is the first column of the first row.
func askText(ctx context.Context, c *pgconn.PgConn, sql string) (string, error) {
	r, err := c.Exec(ctx, sql).ReadAll()
	if err != nil {
		return "", err
	}
	if len(r) == 0 || len(r[0].Rows) == 0 {
		return "", errors.New("no row")
	}
	return string(r[0].Rows[0][0]), nil
}
