package engine_test

import "fmt"

// moreAgg is one of the rarer aggregate calls, whose result does not depend on
// the order of rows, and its type. What is computed in floats is rounded.
func (g *lawGen) moreAgg(cols []lawCol) (string, lawType) {
	e := func(t lawType) string { return g.expr(cols, t, 1) }
	rounded := func(call string) string { return "round((" + call + ")::numeric, 2)" }
	small := func() string { return "(" + e(lawInt) + " % 100)::float8" }
	dir := lawPick(g, "", " desc", " nulls first", " desc nulls last")
	filter := ""
	if g.one(4) {
		filter = " filter (where " + g.pred(cols, 1) + ")"
	}
	t := lawPick(g, lawInt, lawText, lawTime, lawNum)
	switch g.IntN(11) {
	case 0:
		return fmt.Sprintf("bit_%s(%s)%s", lawPick(g, "and", "or", "xor"), e(lawInt), filter), lawInt
	case 1:
		return rounded(fmt.Sprintf("%s(%s)%s", lawPick(g, "var_pop", "var_samp", "stddev_pop", "stddev_samp"), e(lawPick(g, lawInt, lawNum)), filter)), lawNum
	case 2:
		return rounded(fmt.Sprintf("%s(%s, %s)%s", lawPick(g, "covar_pop", "covar_samp", "regr_sxx", "regr_sxy", "regr_avgx", "regr_avgy"), small(), small(), filter)), lawNum
	case 3:
		return fmt.Sprintf("regr_count(%s, %s)%s", small(), small(), filter), lawBigint
	case 4:
		x := e(t)
		return fmt.Sprintf("array_to_string(array_agg(%s order by %s%s)%s, ',', '-')", x, x, dir, filter), lawText
	case 5:
		x := e(lawInt)
		return fmt.Sprintf("(jsonb_agg(%s order by %s%s)%s)::text", x, x, dir, filter), lawText
	case 6:
		return fmt.Sprintf("percentile_disc(%s) within group (order by %s%s)%s", lawPick(g, "0", "0.3", "0.5", "1"), e(t), dir, filter), t
	case 7:
		return rounded(fmt.Sprintf("percentile_cont(%s) within group (order by %s%s)%s", lawPick(g, "0", "0.25", "0.5", "1"), e(lawInt), dir, filter)), lawNum
	case 8:
		return fmt.Sprintf("mode() within group (order by %s%s)%s", e(t), dir, filter), t
	case 9:
		return fmt.Sprintf("%s(%s) within group (order by %s%s)%s", lawPick(g, "rank", "dense_rank"), g.value(t), e(t), dir, filter), lawBigint
	}
	return rounded(fmt.Sprintf("%s(%s, %s) within group (order by %s%s, %s)%s", lawPick(g, "percent_rank", "cume_dist"), g.value(t), g.value(lawInt), e(t), dir, e(lawInt), filter)), lawNum
}
