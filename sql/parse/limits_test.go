package parse

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
)

// TestTooComplex: what would become deep recursion is refused, and soon.
func TestTooComplex(t *testing.T) {
	nest := func(open, mid, end string, n int) string {
		return strings.Repeat(open, n) + mid + strings.Repeat(end, n)
	}
	for name, sql := range map[string]string{
		"parens":         "select " + nest("(", "1", ")", 10000),
		"open parens":    "select " + strings.Repeat("(", 100000),
		"calls":          "select " + nest("f(", "1", ")", 10000),
		"subqueries":     "select " + nest("(select ", "1", ")", 10000),
		"derived tables": "select * from " + nest("(select * from ", "t", ") x", 10000),
		"joins in joins": "select * from " + nest("(", "a join b on true", ") x join c on true", 10000),
		"joins":          "select * from t" + strings.Repeat(" join t on true", 10000),
		"not":            "select " + strings.Repeat("not ", 100000) + "true",
		"minus":          "select " + strings.Repeat("- ", 100000) + "1",
		"plus":           "select 1" + strings.Repeat("+1", 100000),
		"and":            "select a" + strings.Repeat(" and a", 100000),
		"casts":          "select a" + strings.Repeat("::int", 100000),
		"fields":         "select (a)" + strings.Repeat(".b", 100000),
		"subscripts":     "select " + nest("a[", "1", "]", 10000),
		"arrays":         "select " + nest("array[", "1", "]", 10000),
		"case":           "select " + nest("case when ", "a", " then b end", 10000),
		"struct":         "select a::" + nest("struct<a ", "int", ">", 10000),
		"unions":         "select 1" + strings.Repeat(" union select 1", 100000),
		"with":           nest("with x as (", "select 1", ") select 1", 10000),
		"rollup":         "select 1 group by " + nest("grouping sets (", "a", ")", 10000),
		"explain":        strings.Repeat("explain ", 100000) + "select 1",
	} {
		start := time.Now()
		_, err := Parse(sql)
		var e *sqlerr.Error
		if !errors.As(err, &e) || e.Code != sqlerr.StatementTooComplex && name != "explain" || e.Pos == 0 {
			t.Errorf("%s: %v", name, err)
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("%s took %v", name, d)
		}
	}
}

// TestDeepEnough: what people and their tools write stays far below the limits.
func TestDeepEnough(t *testing.T) {
	p := New()
	for name, sql := range map[string]string{
		"parens": "select " + strings.Repeat("(", 400) + "1" + strings.Repeat(")", 400),
		"or":     "select a = 1" + strings.Repeat(" or a = 1", 5000),
		"concat": "select 'a'" + strings.Repeat(" || 'a'", 5000),
		"in":     "select a in (1" + strings.Repeat(", 1", 50000) + ")",
		"joins":  "select * from t" + strings.Repeat(" join t on true", 500),
		"unions": "select 1" + strings.Repeat(" union all select 1", 2000),
		"fields": "select 1" + strings.Repeat(", a + 1", 10000),
	} {
		stmts, err := p.Parse(sql)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		n := 0
		ast.Walk(stmts[0].Stmt, func(ast.Node) bool { n++; return true })
		if n < 2 {
			t.Errorf("%s: %d nodes", name, n)
		}
	}
}

// allocated runs f and gives the bytes that it allocated.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestHugeLiteral: a literal is copied at most once, and only if it must be decoded.
func TestHugeLiteral(t *testing.T) {
	const size = 100 << 20
	if testing.Short() {
		t.Skip("needs some memory")
	}
	p := New()
	for name, c := range map[string]struct {
		sql    string
		copies uint64
	}{
		"plain":   {"insert into t values (1, '" + strings.Repeat("0123456789", size/10) + "')", 0},
		"quotes":  {"insert into t values (1, '" + strings.Repeat("01234567''", size/10) + "')", 1},
		"escapes": {"insert into t values (1, e'" + strings.Repeat(`01234567\n`, size/10) + "')", 1},
		"dollar":  {"insert into t values (1, $$" + strings.Repeat("0123456789", size/10) + "$$)", 0},
		"call":    {"insert into t values (1, length('" + strings.Repeat("0123456789", size/10) + "') + 1)", 0},
	} {
		start := time.Now()
		var err error
		got := allocated(func() { _, err = p.Parse(c.sql) })
		if err != nil {
			t.Errorf("%s: %.100v", name, err)
		}
		if limit := c.copies*size + 1<<20; got > limit {
			t.Errorf("%s: %d bytes allocated, want at most %d", name, got, limit)
		}
		t.Logf("%s: %v", name, time.Since(start))
	}
}

// TestLongInsert: rows of constants do not pass through the grammar.
func TestLongInsert(t *testing.T) {
	p := New()
	sql := "insert into t values " + strings.Repeat("(1, 'abc', 2.5, null, -3, $1, true), ", 10000) + "(1 + 1, a, b, c, d, e, f)"
	start := time.Now()
	stmts, err := p.Parse(sql)
	if err != nil {
		t.Fatal(err)
	}
	rows := stmts[0].Stmt.(*ast.Insert).Query.Body.(*ast.Values).Rows
	if len(rows) != 10001 || len(rows[9999]) != 7 {
		t.Fatalf("%d rows", len(rows))
	}
	if s := ast.String(rows[10000][0]); s != "1 + 1" {
		t.Errorf("last row starts with %s", s)
	}
	t.Logf("%v", time.Since(start))
	if text := lowered(t, p, sql); len(text) > 200 {
		t.Errorf("the grammar got %d bytes", len(text))
	}
}

func BenchmarkParse(b *testing.B) {
	for name, sql := range map[string]string{
		"point": "SELECT a, b FROM t WHERE id = $1",
		"join": "SELECT a.id, count(*) AS n, sum(b.price * b.qty) AS total FROM orders a JOIN items b ON a.id = b.order_id " +
			"WHERE a.ts > now() - interval '1 day' AND b.kind IN ('x', 'y') GROUP BY a.id HAVING count(*) > 3 ORDER BY total DESC LIMIT 10",
		"insert1":    "INSERT INTO t (a, b, c) VALUES (1, 'two', 3.0)",
		"insert1000": "INSERT INTO t VALUES " + strings.Repeat("(1, 'two', 3.0), ", 999) + "(1, 'two', 3.0)",
		"utility":    "SET search_path TO public",
	} {
		b.Run(name, func(b *testing.B) {
			p := New()
			b.ReportAllocs()
			b.SetBytes(int64(len(sql)))
			for b.Loop() {
				if _, err := p.Parse(sql); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
