package parse

import (
	"fmt"
	"math/rand"
	"testing"
)

// queryGen makes random queries whose point is nesting: joins, set operations,
// parentheses, WITH and the clauses of each level.
type queryGen struct {
	*rand.Rand
	depth int
}

func (g *queryGen) pick(s ...string) string { return s[g.Intn(len(s))] }

func (g *queryGen) maybe(s string) string {
	if g.Intn(3) == 0 {
		return s
	}
	return ""
}

func (g *queryGen) query() string {
	g.depth++
	defer func() { g.depth-- }()
	q := g.setOp()
	if g.depth < 4 && g.Intn(6) == 0 {
		q = fmt.Sprintf("WITH %s AS (%s), y (c) AS %s(%s) %s", g.pick("x", "RECURSIVE x"), g.query(), g.maybe("MATERIALIZED "), g.query(), q)
	}
	return q + g.maybe(" ORDER BY "+g.pick("1", "a DESC", "a NULLS FIRST, b ASC", "a + b DESC NULLS LAST")) +
		g.maybe(" LIMIT "+g.pick("1", "1 + 2", "$1")) + g.maybe(" OFFSET "+g.pick("1", "2 ROWS"))
}

func (g *queryGen) setOp() string {
	s := g.operand()
	for g.Intn(4) == 0 {
		s += " " + g.pick("UNION", "UNION ALL", "INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT DISTINCT") + " " + g.operand()
	}
	return s
}

func (g *queryGen) operand() string {
	switch n := g.Intn(12); {
	case n == 0 && g.depth < 4:
		return "(" + g.query() + ")"
	case n == 1:
		return "VALUES (1, 'a'), (a + 1, NULL)"
	case n == 2:
		return "TABLE t"
	}
	return g.sel()
}

func (g *queryGen) sel() string {
	s := "SELECT " + g.maybe(g.pick("DISTINCT ", "ALL ", "DISTINCT ON (a, b + 1) ")) + g.target()
	for g.Intn(2) == 0 {
		s += ", " + g.target()
	}
	if g.Intn(5) > 0 {
		s += " FROM " + g.tables()
	}
	s += g.maybe(" WHERE " + g.cond())
	s += g.maybe(" GROUP BY " + g.pick("a", "a, b", "ROLLUP (a, b)", "CUBE (a, (b, c))", "GROUPING SETS ((a, b), (), ROLLUP (c))", "(a, b), c", "DISTINCT a"))
	return s + g.maybe(" HAVING "+g.cond()) + g.maybe(" WINDOW w AS (PARTITION BY a), v AS (w ORDER BY b)")
}

func (g *queryGen) target() string {
	return g.pick("*", "t.*", "a", "a AS b", `b "B"`, "count(*)", "f(DISTINCT a ORDER BY b DESC)", "sum(a) OVER w",
		"rank() OVER (PARTITION BY a, b ORDER BY c DESC ROWS BETWEEN 1 PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE TIES)",
		"sum(a) FILTER (WHERE b > 1) OVER (w RANGE UNBOUNDED PRECEDING)", "percentile_cont(0.5) WITHIN GROUP (ORDER BY a) x",
		"f(a => 1, VARIADIC b)", "CASE WHEN a THEN b ELSE c END", "ARRAY(SELECT 1)", "(SELECT 1 UNION SELECT 2)", "current_date d")
}

func (g *queryGen) cond() string {
	if g.depth < 4 && g.Intn(4) == 0 {
		return g.pick("EXISTS (", "a IN (", "NOT a = ANY (", "a > (") + g.query() + ")"
	}
	return g.pick("a = b", "a > 1 AND b IS NULL OR NOT c", "a BETWEEN 1 AND 2 AND b", "(a, b) = (1, 2)", "a IN (1, 2)")
}

func (g *queryGen) tables() string {
	s := g.joins()
	for g.Intn(4) == 0 {
		s += ", " + g.joins()
	}
	return s
}

func (g *queryGen) joins() string {
	s, open := g.table(), 0
	for g.Intn(2) == 0 {
		switch g.Intn(4) {
		case 0:
			s += " " + g.pick("CROSS JOIN", "NATURAL JOIN", "NATURAL LEFT JOIN", "NATURAL FULL OUTER JOIN") + " " + g.table()
		default:
			s += " " + g.pick("JOIN", "INNER JOIN", "LEFT JOIN", "RIGHT OUTER JOIN", "FULL JOIN") + " " + g.table()
			open++
		}
		for open > 0 && g.Intn(3) > 0 {
			s += g.condition()
			open--
		}
	}
	for ; open > 0; open-- {
		s += g.condition()
	}
	return s
}

func (g *queryGen) condition() string {
	return g.pick(" ON a = b", " USING (a)", " USING (a, b) AS j", " ON a = b AND c OR d", " ON true")
}

func (g *queryGen) table() string {
	g.depth++
	defer func() { g.depth-- }()
	switch n := g.Intn(10); {
	case n == 0 && g.depth < 5:
		return g.maybe("LATERAL ") + "(" + g.query() + ") " + g.pick("q", "AS q (x, y)")
	case n == 1 && g.depth < 5:
		return "(" + g.joins() + " JOIN z ON true)" + g.maybe(" AS j")
	case n == 2:
		return g.pick("f(1)", "LATERAL f(a) g", "f(a) WITH ORDINALITY AS g (x, y)", "f() AS (x int, y text)", "ROWS FROM (f(1), g(2) AS (a int)) r")
	}
	return g.pick("t", "s.t", "t AS x", "u", "u y (c, d)")
}

// TestPostgresQueries compares random queries.
func TestPostgresQueries(t *testing.T) {
	n := 3000
	if testing.Short() {
		n = 1000
	}
	g := queryGen{Rand: rand.New(rand.NewSource(3))}
	c := tally{t: t}
	p := New()
	for range n {
		sql := g.query()
		v, detail := compare(p, sql)
		c.add(v, sql, detail)
	}
	c.report()
	if c.counts[different]+c.counts[weReject]+c.counts[postgresRejects] > 0 {
		t.Error("we and Postgres do not agree")
	}
}
