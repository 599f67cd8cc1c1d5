package engine_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// lawType is one of the column types that generated tables and queries use.
type lawType string

const (
	lawInt    lawType = "int"
	lawBigint lawType = "bigint"
	lawNum    lawType = "numeric(10,2)"
	lawText   lawType = "text"
	lawTime   lawType = "timestamp"
	lawBool   lawType = "boolean"
)

var lawTypes = []lawType{lawInt, lawBigint, lawNum, lawText, lawTime, lawBool}

// lawCol is a column in scope: its name as a query writes it, and its type.
type lawCol struct {
	name string
	t    lawType
}

// lawRel is a table or view that queries may read.
type lawRel struct {
	name  string
	cols  []lawCol
	depth int // views below it
	table bool
	key   bool // a table whose first column is its primary key
	next  int  // the next fresh key
	timed bool // a view that changes as time passes
}

// lawGen makes statements from a seed. Every expression it makes is total: it
// fails for no row, so that an error is a finding. Every query is
// deterministic up to the order of rows and the scale of equal numerics.
type lawGen struct {
	*rand.Rand
	rels   []*lawRel
	names  int
	big    bool // tables have thousands of rows
	schema bool // there is a second schema
}

func (g *lawGen) one(n int) bool { return g.IntN(n) == 0 } // true once in n

func lawPick[T any](g *lawGen, xs ...T) T { return xs[g.IntN(len(xs))] }

func (g *lawGen) name(prefix string) string {
	g.names++
	return fmt.Sprintf("%s%d", prefix, g.names)
}

func lawOf(cols []lawCol, t lawType) []lawCol {
	var out []lawCol
	for _, c := range cols {
		if c.t == t {
			out = append(out, c)
		}
	}
	return out
}

// value is a literal of a small domain, now and then NULL.
func (g *lawGen) value(t lawType) string {
	if g.one(7) {
		return "null"
	}
	return g.constant(t)
}

func (g *lawGen) constant(t lawType) string {
	switch t {
	case lawInt:
		return fmt.Sprint(g.IntN(9) - 1)
	case lawBigint:
		return fmt.Sprintf("%d::bigint", g.IntN(9)-1)
	case lawNum:
		return fmt.Sprintf("%d.%02d::numeric(10,2)", g.IntN(6), lawPick(g, 0, 0, 25, 50))
	case lawText:
		return lawPick(g, "''", "'a'", "'b'", "'ab'", "'ba'", "'c'", "'x y'", "'A'", "'a_b'")
	case lawTime:
		return fmt.Sprintf("timestamp '2024-01-01 0%d:%02d:00'", g.IntN(2), 5*g.IntN(12))
	default:
		return lawPick(g, "true", "false")
	}
}

// expr is an expression of the type over the columns.
func (g *lawGen) expr(cols []lawCol, t lawType, depth int) string {
	if have := lawOf(cols, t); len(have) > 0 && (depth <= 0 || g.one(2)) {
		return have[g.IntN(len(have))].name
	} else if depth <= 0 {
		return g.converted(cols, t)
	}
	e := func(t lawType) string { return g.expr(cols, t, depth-1) }
	switch g.IntN(8) {
	case 0:
		return fmt.Sprintf("case when %s then %s else %s end", g.pred(cols, depth-1), e(t), e(t))
	case 1:
		return fmt.Sprintf("coalesce(%s, %s)", e(t), e(t))
	case 2:
		return fmt.Sprintf("nullif(%s, %s)", e(t), g.constant(t))
	case 3:
		if t != lawBool {
			return fmt.Sprintf("%s(%s, %s)", lawPick(g, "least", "greatest"), e(t), e(t))
		}
		return g.pred(cols, depth-1)
	case 4:
		return fmt.Sprintf("case %s when %s then %s when %s then %s end", e(lawInt), g.constant(lawInt), e(t), g.constant(lawInt), g.constant(t))
	}
	switch t {
	case lawInt:
		return lawPick(g,
			func() string { return fmt.Sprintf("(%s %s %s)", e(lawInt), lawPick(g, "+", "-"), e(lawInt)) },
			func() string { return fmt.Sprintf("(%s * %d)", e(lawInt), g.IntN(4)-1) },
			func() string { return fmt.Sprintf("(%s (%s))", lawPick(g, "-", "+", "~", "@"), e(lawInt)) },
			func() string { return fmt.Sprintf("(%s %% %d)", e(lawInt), g.IntN(4)+2) },
			func() string { return fmt.Sprintf("(%s / %d)", e(lawInt), g.IntN(3)+2) },
			func() string { return fmt.Sprintf("length(%s)", e(lawText)) },
			func() string { return fmt.Sprintf("(%s)::int", e(lawBool)) },
			func() string { return fmt.Sprintf("abs(%s)", e(lawInt)) },
			func() string { return fmt.Sprintf("extract(minute from %s)::int", e(lawTime)) },
			func() string { return fmt.Sprintf("position(%s in %s)", g.constant(lawText), e(lawText)) },
		)()
	case lawBigint:
		return lawPick(g,
			func() string { return fmt.Sprintf("(%s)::bigint", e(lawInt)) },
			func() string { return fmt.Sprintf("(%s + %s)", e(lawBigint), e(lawInt)) },
			func() string { return fmt.Sprintf("(%s * 2)", e(lawBigint)) },
			func() string { return fmt.Sprintf("(- (%s))", e(lawBigint)) },
			func() string { return fmt.Sprintf("(%s %% 3)", e(lawBigint)) },
		)()
	case lawNum:
		return lawPick(g,
			func() string { return fmt.Sprintf("(%s + %s)", e(lawNum), e(lawNum)) },
			func() string { return fmt.Sprintf("(%s - %s)", e(lawNum), e(lawInt)) },
			func() string { return fmt.Sprintf("round(%s * 1.5, 1)", e(lawNum)) },
			func() string { return fmt.Sprintf("(%s)::numeric", e(lawBigint)) },
			func() string { return fmt.Sprintf("round(%s / 4, 2)", e(lawNum)) },
			func() string { return fmt.Sprintf("floor(%s)", e(lawNum)) },
			func() string { return fmt.Sprintf("(- (%s))", e(lawNum)) },
		)()
	case lawText:
		return lawPick(g,
			func() string { return fmt.Sprintf("(%s || %s)", e(lawText), e(lawText)) },
			func() string { return fmt.Sprintf("upper(%s)", e(lawText)) },
			func() string { return fmt.Sprintf("substr(%s, %d, %d)", e(lawText), g.IntN(3)+1, g.IntN(3)) },
			func() string { return fmt.Sprintf("(%s)::text", e(lawInt)) },
			func() string { return fmt.Sprintf("replace(%s, 'a', 'z')", e(lawText)) },
			func() string { return fmt.Sprintf("concat(%s, '-', %s)", e(lawText), e(lawInt)) },
			func() string { return fmt.Sprintf("left(%s, %d)", e(lawText), g.IntN(4)-1) },
		)()
	case lawTime:
		return lawPick(g,
			func() string { return fmt.Sprintf("(%s + interval '7 minutes')", e(lawTime)) },
			func() string { return fmt.Sprintf("date_trunc('hour', %s)", e(lawTime)) },
			func() string { return fmt.Sprintf("(%s - interval '1 hour')", e(lawTime)) },
		)()
	}
	return g.pred(cols, depth-1)
}

// converted is an expression of the type from a column of another.
func (g *lawGen) converted(cols []lawCol, t lawType) string {
	if len(cols) == 0 || g.one(4) {
		return g.constant(t)
	}
	c := lawPick(g, cols...)
	i := "length(" + c.name + ")"
	switch c.t {
	case lawInt:
		i = c.name
	case lawBool:
		i = c.name + "::int"
	case lawTime:
		i = "extract(minute from " + c.name + ")::int"
	case lawBigint, lawNum:
		i = "(" + c.name + " % 10)::int"
	}
	switch t {
	case lawInt:
		return i
	case lawBigint:
		return i + "::bigint"
	case lawNum:
		return i + "::numeric"
	case lawText:
		return i + "::text"
	case lawTime:
		return "(timestamp '2024-01-01 00:00:00' + " + i + " * interval '5 minutes')"
	}
	return "(" + i + " > 2)"
}

// pred is a condition over the columns, of three-valued truth.
func (g *lawGen) pred(cols []lawCol, depth int) string {
	t := lawPick(g, lawTypes...)
	if len(cols) > 0 {
		t = cols[g.IntN(len(cols))].t
	}
	e := func(t lawType) string { return g.expr(cols, t, min(depth-1, 1)) }
	if depth > 0 {
		switch g.IntN(6) {
		case 0:
			return fmt.Sprintf("(%s and %s)", g.pred(cols, depth-1), g.pred(cols, depth-1))
		case 1:
			return fmt.Sprintf("(%s or %s)", g.pred(cols, depth-1), g.pred(cols, depth-1))
		case 2:
			return fmt.Sprintf("(not %s)", g.pred(cols, depth-1))
		}
	}
	switch g.IntN(10) {
	case 9:
		return fmt.Sprintf("(%s %s %s)", e(t), lawPick(g, "<>", ">=", "<="), g.constant(t))
	case 0:
		return fmt.Sprintf("(%s is %snull)", e(t), lawPick(g, "", "not ", "not "))
	case 1:
		return fmt.Sprintf("(%s is %sdistinct from %s)", e(t), lawPick(g, "", "not "), e(t))
	case 2:
		return fmt.Sprintf("(%s %sin (%s, %s))", e(t), lawPick(g, "", "not "), g.constant(t), g.value(t))
	case 3:
		return fmt.Sprintf("(%s %slike '%s')", e(lawText), lawPick(g, "", "not "), lawPick(g, "a%", "%b", "_", "%a%", "a_%"))
	case 4:
		if t != lawBool {
			return fmt.Sprintf("(%s between %s and %s)", e(t), g.constant(t), g.constant(t))
		}
		return fmt.Sprintf("(%s is %strue)", e(t), lawPick(g, "", "not "))
	case 5:
		return fmt.Sprintf("(%s %s %s)", e(lawNum), lawPick(g, "<", ">=", "="), e(lawInt))
	}
	return fmt.Sprintf("(%s %s %s)", e(t), lawPick(g, "=", "<>", "<", "<=", ">", ">="), e(t))
}

// table makes a table and returns its definition.
func (g *lawGen) table() (*lawRel, string) {
	r := &lawRel{name: g.name("t"), table: true, key: !g.one(3), next: 1}
	var defs []string
	if r.key {
		r.cols = append(r.cols, lawCol{"id", lawInt})
		defs = append(defs, "id int primary key")
	}
	ts := []lawType{lawInt, lawText}
	for range 2 + g.IntN(4) {
		ts = append(ts, lawPick(g, lawTypes...))
	}
	for i, t := range ts {
		c := lawCol{fmt.Sprintf("%c%d", t[0], i), t}
		r.cols = append(r.cols, c)
		defs = append(defs, c.name+" "+string(t))
	}
	g.rels = append(g.rels, r)
	return r, fmt.Sprintf("create table %s (%s)", r.name, strings.Join(defs, ", "))
}

// insertRows are rows of literals; a keyed table gets fresh keys, now and then
// one that exists.
func (g *lawGen) insertRows(r *lawRel, n int) []string {
	var rows []string
	for range n {
		var vals []string
		for i, c := range r.cols {
			if i == 0 && r.key {
				id := r.next
				r.next++
				if g.one(40) {
					id = 1 + g.IntN(r.next)
				}
				vals = append(vals, fmt.Sprint(id))
				continue
			}
			vals = append(vals, g.value(c.t))
		}
		rows = append(rows, "("+strings.Join(vals, ", ")+")")
	}
	return rows
}

// change is one INSERT, UPDATE or DELETE; an INSERT's rows come apart from its
// head, so that a failing history can be made smaller.
func (g *lawGen) change(tables []*lawRel) lawStmt {
	r := lawPick(g, tables...)
	if g.big && g.one(10) {
		return g.bulk(r)
	}
	where := ""
	if r.key && g.one(2) {
		where = fmt.Sprintf(" where %s in (%d, %d, %d)", r.cols[0].name, 1+g.IntN(r.next), 1+g.IntN(r.next), 1+g.IntN(r.next))
	} else if !g.one(12) {
		where = " where " + g.pred(r.cols, g.IntN(2))
	}
	free := r.cols
	if r.key {
		free = r.cols[1:]
	}
	switch g.IntN(11) {
	case 0, 1, 2:
		var set []string
		for _, i := range g.Perm(len(free))[:1+g.IntN(2)] {
			v := g.value(free[i].t)
			if g.one(2) {
				v = g.expr(r.cols, free[i].t, 1)
			}
			if free[i].t == lawInt || free[i].t == lawBigint {
				v = "(" + v + ") % 10" // values must not grow from update to update
			}
			if free[i].t == lawText {
				v = "left(" + v + ", 4)"
			}
			if free[i].t == lawNum {
				v = "(" + v + ") % 10"
			}
			set = append(set, free[i].name+" = "+v)
		}
		return lawStmt{head: fmt.Sprintf("update %s set %s%s", r.name, strings.Join(set, ", "), where)}
	case 3:
		if r.key {
			r.next++
			return lawStmt{head: fmt.Sprintf("update %s set %s = %d where %[2]s = %[4]d", r.name, r.cols[0].name, r.next-1, 1+g.IntN(r.next))}
		}
		fallthrough
	case 4:
		if where == "" && (g.big || !g.one(4)) {
			where = " where " + g.pred(r.cols, 1)
		}
		return lawStmt{head: "delete from " + r.name + where}
	}
	if g.one(6) {
		return lawStmt{head: g.insertSelect(r, "(select * from "+r.name+" order by "+lawOrdinals(len(r.cols))+" limit 4) s")}
	}
	st := lawStmt{head: "insert into " + r.name + lawColumns(r) + " values ", rows: g.insertRows(r, 1+g.IntN(8))}
	if r.key && g.one(4) {
		c := lawPick(g, free...)
		st.tail = lawPick(g, " on conflict do nothing", fmt.Sprintf(" on conflict (%s) do update set %s = excluded.%s", r.cols[0].name, c.name, c.name))
		// Two rows of one key would be an error of the statement.
		st.rows = st.rows[:1]
	}
	return st
}

// lawOrdinals is "1, 2 .. n".
func lawOrdinals(n int) string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprint(i+1))
	}
	return strings.Join(out, ", ")
}

// insertSelect copies rows of src, which has the table's columns; a keyed
// table takes none of a key that it has.
func (g *lawGen) insertSelect(r *lawRel, src string) string {
	var vals []string
	for i, c := range r.cols {
		v := c.name
		if i == 0 && r.key {
			v = fmt.Sprintf("%s + %d", c.name, r.next)
		} else if g.one(3) {
			v = g.constant(c.t)
		}
		vals = append(vals, v)
	}
	r.next *= 2
	return fmt.Sprintf("insert into %s%s select %s from %s", r.name, lawColumns(r), strings.Join(vals, ", "), src)
}

// bulk fills a table with more rows than a batch holds; few rows have the same
// value in a column.
func (g *lawGen) bulk(r *lawRel) lawStmt {
	n := 1500 + g.IntN(2500)
	var vals []string
	for i, c := range r.cols {
		k := fmt.Sprintf("(i * %d %% %d)", 1+2*g.IntN(50), 700+g.IntN(300))
		switch {
		case i == 0 && r.key:
			vals = append(vals, fmt.Sprintf("i + %d", r.next))
			continue
		case c.t == lawText:
			k += "::text"
		case c.t == lawTime:
			k = "timestamp '2024-01-01 00:00:00' + " + k + " * interval '1 minute'"
		case c.t == lawNum:
			k += " / 4.0"
		case c.t == lawBool:
			k += " % 2 = 0"
		}
		if g.one(2) {
			k = "case when i % 11 > 0 then " + k + " end"
		}
		vals = append(vals, k)
	}
	r.next += n + 1
	return lawStmt{head: fmt.Sprintf("insert into %s%s select %s from generate_series(1, %d) as s(i)", r.name, lawColumns(r), strings.Join(vals, ", "), n)}
}
