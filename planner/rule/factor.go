package rule

import (
	"streamdb/expr"
	"streamdb/planner/logical"
)

// factorOr takes what all branches of an OR have in common out of it:
// (a AND b) OR (a AND c) is a AND (b OR c). Join keys hide there (TPC-H q19).
func factorOr(conds []expr.Expr) []expr.Expr {
	var out []expr.Expr
	for _, c := range conds {
		or, ok := c.(*expr.Or)
		if !ok {
			out = append(out, c)
			continue
		}
		out = append(out, factor(or)...)
	}
	return out
}

func factor(or *expr.Or) []expr.Expr {
	branches := make([][]expr.Expr, len(or.Args))
	for i, a := range or.Args {
		branches[i] = expr.Conjuncts(a)
	}
	var common []expr.Expr
	for _, c := range branches[0] {
		key := logical.Key(c)
		everywhere := true
		for _, b := range branches[1:] {
			everywhere = everywhere && indexOf(b, key) >= 0
		}
		if everywhere {
			common = append(common, c)
		}
	}
	if len(common) == 0 {
		return []expr.Expr{or}
	}
	rest := &expr.Or{}
	for _, b := range branches {
		var left []expr.Expr
		for _, c := range b {
			if indexOf(common, logical.Key(c)) < 0 {
				left = append(left, c)
			}
		}
		if len(left) == 0 {
			return common
		}
		rest.Args = append(rest.Args, expr.AndOf(left))
	}
	return append(common, rest)
}

func indexOf(es []expr.Expr, key string) int {
	for i, e := range es {
		if logical.Key(e) == key {
			return i
		}
	}
	return -1
}
