package engine_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// lawWindows makes every other query one of window functions.
var lawWindows = os.Getenv("LAW_WINDOWS") != ""

// window is a query of window functions over a subquery. What their results are
// must not depend on the order of rows that SQL leaves open: either rows, which
// are all different, are ordered by all their columns, or the functions see peers
// alike, whatever their order.
func (g *lawGen) window(depth int) (string, []lawCol) {
	sql, cols := g.project(append(g.wanted(), lawPick(g, lawInt, lawNum, lawTime), lawInt), depth-1)
	if !strings.HasPrefix(sql, "select distinct ") {
		sql = "select distinct" + strings.TrimPrefix(sql, "select")
	}
	var all []string
	for _, c := range cols {
		all = append(all, c.name)
	}
	items, out := slices.Clone(all), slices.Clone(cols)
	for range 1 + g.IntN(3) {
		call, t := g.windowCall(cols)
		out = append(out, lawCol{fmt.Sprintf("c%d", len(out)), t})
		items = append(items, fmt.Sprintf("%s as c%d", call, len(out)-1))
	}
	return fmt.Sprintf("select %s from (%s) wq", strings.Join(items, ", "), sql), out
}

func (g *lawGen) windowCall(cols []lawCol) (string, lawType) {
	partition := ""
	rest := slices.Clone(cols)
	if !g.one(3) {
		k := g.IntN(len(rest))
		partition = "partition by " + rest[k].name + " "
		rest = slices.Delete(rest, k, k+1)
	}
	if g.one(3) {
		return g.peerCall(cols, rest, partition)
	}
	var order []string
	for _, k := range g.Perm(len(rest)) {
		order = append(order, rest[k].name+lawPick(g, "", " desc", " nulls first", " desc nulls last"))
	}
	over := fmt.Sprintf(" over (%sorder by %s", partition, strings.Join(order, ", "))
	call, around, t := g.orderedFunc(cols)
	if g.one(2) {
		over += " " + g.frame(lawPick(g, "rows", "rows", "groups"))
	}
	return fmt.Sprintf(around, call+over+")"), t
}

// orderedFunc is a function that may look at single rows, and what to write
// around the call.
func (g *lawGen) orderedFunc(cols []lawCol) (call, around string, t lawType) {
	col := lawPick(g, cols...)
	switch g.IntN(12) {
	case 0:
		return lawPick(g, "row_number()", "rank()", "dense_rank()"), "%s", lawBigint
	case 1:
		return lawPick(g, "percent_rank()", "cume_dist()"), "round((%s)::numeric, 2)", lawNum
	case 2:
		return fmt.Sprintf("ntile(%d)", 1+g.IntN(4)), "%s", lawInt
	case 3, 4, 5:
		f := lawPick(g, "lag", "lead") + "(" + col.name
		if g.one(2) {
			f += fmt.Sprintf(", %d", g.IntN(4)-1)
			if g.one(2) {
				f += ", " + lawPick(g, lawOf(cols, col.t)...).name
			}
		}
		return f + ")", "%s", col.t
	case 6, 7:
		return lawPick(g, "first_value", "last_value") + "(" + col.name + ")", "%s", col.t
	case 8:
		return fmt.Sprintf("nth_value(%s, %d)", col.name, 1+g.IntN(3)), "%s", col.t
	case 9:
		return "array_agg(" + lawPick(g, lawOf(cols, lawInt)...).name + ")", "coalesce(array_to_string(%s, ','), '')", lawText
	}
	call, t = g.windowAgg(cols)
	return call, "%s", t
}

// windowAgg is an aggregate that does not see the order of rows.
func (g *lawGen) windowAgg(cols []lawCol) (string, lawType) {
	sql, t := "count(*)", lawBigint
	switch g.IntN(6) {
	case 0:
		sql = "count(" + lawPick(g, cols...).name + ")"
	case 1:
		sql = "sum(" + lawPick(g, lawOf(cols, lawInt)...).name + ")"
	case 2:
		sql, t = "avg("+lawPick(g, lawOf(cols, lawInt)...).name+")", lawNum
	case 3, 4:
		c := lawPick(g, cols...)
		for c.t == lawBool {
			c = lawPick(g, cols...)
		}
		sql, t = lawPick(g, "min(", "max(")+c.name+")", c.t
	}
	if g.one(4) {
		sql += " filter (where " + g.pred(cols, 1) + ")"
	}
	return sql, t
}

// peerCall is a call over one key: rows with equal keys see the same.
func (g *lawGen) peerCall(cols, rest []lawCol, partition string) (string, lawType) {
	k := lawPick(g, rest...)
	over := " over (" + partition + "order by " + k.name + lawPick(g, "", " desc", " nulls first")
	call, t := lawPick(g, "rank()", "dense_rank()"), lawBigint
	if !g.one(3) {
		call, t = g.windowAgg(cols)
		switch {
		case g.one(3): // the default frame
		case g.one(2):
			over += " " + g.frame("groups")
		case k.t == lawInt || k.t == lawBigint || k.t == lawNum:
			over += " " + g.rangeFrame(func() string { return fmt.Sprint(g.IntN(4)) })
		case k.t == lawTime:
			over += " " + g.rangeFrame(func() string {
				return "interval '" + lawPick(g, "0", "10 minutes", "1 hour", "1 day", "1 month") + "'"
			})
		}
	}
	return call + over + ")", t
}

// frame is a frame of rows or groups.
func (g *lawGen) frame(mode string) string {
	return g.frameOf(mode, func() string { return fmt.Sprint(g.IntN(4)) })
}

func (g *lawGen) rangeFrame(n func() string) string { return g.frameOf("range", n) }

func (g *lawGen) frameOf(mode string, n func() string) string {
	bounds := []func() string{
		func() string { return "unbounded preceding" }, func() string { return n() + " preceding" }, func() string { return "current row" },
		func() string { return n() + " following" }, func() string { return "unbounded following" },
	}
	start := g.IntN(4)
	end := max(start, 1) + g.IntN(5-max(start, 1))
	text := mode + " between " + bounds[start]() + " and " + bounds[end]()
	if start < 3 && g.one(5) {
		text = mode + " " + bounds[start]()
		if start == 2 {
			text = mode + " current row"
		}
	}
	return text + lawPick(g, "", "", "", " exclude current row", " exclude group", " exclude ties")
}

// numbered takes rows by their number, which may be seen.
func (g *lawGen) numbered(depth int) (string, []lawCol) {
	sql, out := g.project(append(g.wanted(), lawInt), depth)
	var order, all []string
	for i, c := range out {
		all = append(all, c.name)
		if i > 0 {
			order = append(order, c.name+lawPick(g, "", " desc"))
		}
	}
	f := lawPick(g, "row_number", "row_number", "rank", "dense_rank")
	if g.one(2) {
		all, out = append(all, fmt.Sprintf("rn as c%d", len(out))), append(out, lawCol{fmt.Sprintf("c%d", len(out)), lawBigint})
	}
	k := 1 + g.IntN(3)
	cond := lawPick(g, fmt.Sprintf("rn <= %d", k), fmt.Sprintf("rn < %d", k+1), fmt.Sprintf("rn = %d", k), fmt.Sprintf("rn between %d and %d", k, k+1),
		fmt.Sprintf("rn > %d and %d >= rn", k-1, k+2), fmt.Sprintf("rn > %d", k))
	return fmt.Sprintf("select %s from (select *, %s() over (partition by c0 order by %s) as rn from (%s) x) y where %s",
		strings.Join(all, ", "), f, strings.Join(order, ", "), sql, cond), out
}
