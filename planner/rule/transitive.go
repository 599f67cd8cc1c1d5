package rule

import (
	"streamdb/expr"
	"streamdb/planner/logical"
)

// transitive adds what follows from equalities: with a = b, a condition on a
// alone (a < 5, a IN (..)) holds for b too. Each side of a join is then filtered
// before it is joined. Only columns of one type are taken, as equal values then
// cannot be told apart by a comparison; the text of the derived condition is
// that of the given one, so that it appears once.
func transitive(m *logical.Meta, conds []expr.Expr) []expr.Expr {
	same := map[logical.ColID][]logical.ColID{}
	for _, c := range conds {
		if a, b, ok := equalCols(c); ok {
			same[a], same[b] = append(same[a], b), append(same[b], a)
		}
	}
	if len(same) == 0 {
		return conds
	}
	have := map[string]bool{}
	for _, c := range conds {
		have[logical.Key(c)] = true
	}
	out := conds
	for i := 0; i < len(out); i++ { // what is derived is looked at again
		id, ok := simpleCond(out[i])
		if !ok {
			continue
		}
		for _, other := range same[id] {
			d := logical.Rename(m, out[i], map[logical.ColID]logical.ColID{id: other})
			if key := logical.Key(d); !have[key] {
				have[key] = true
				out = append(out[:len(out):len(out)], d)
			}
		}
	}
	return out
}

// equalCols recognises a = b for two columns of one type.
func equalCols(e expr.Expr) (a, b logical.ColID, ok bool) {
	call, isCall := e.(*expr.Call)
	if !isCall || call.Def.Name != "=" || len(call.Args) != 2 {
		return 0, 0, false
	}
	x, ok1 := call.Args[0].(*expr.Col)
	y, ok2 := call.Args[1].(*expr.Col)
	if !ok1 || !ok2 || x.Index == y.Index || !exact(x, y) {
		return 0, 0, false
	}
	return x.Index, y.Index, true
}

// exact reports whether equal values of the two columns are the same value, also
// when they are printed or computed with.
func exact(x, y *expr.Col) bool {
	if x.T.ID != y.T.ID || x.T.Mod != y.T.Mod {
		return false
	}
	return x.T.IsInteger() || rawText(x.T.ID)
}

// simpleCond recognises a comparison of one column with constants.
func simpleCond(e expr.Expr) (logical.ColID, bool) {
	switch e := e.(type) {
	case *expr.In:
		if c, ok := e.Arg.(*expr.Col); ok {
			return c.Index, true
		}
	case *expr.Call:
		switch e.Def.Name {
		case "=", "<", "<=", ">", ">=", "<>":
		default:
			return 0, false
		}
		if len(e.Args) != 2 {
			return 0, false
		}
		for i, a := range e.Args {
			c, isCol := a.(*expr.Col)
			_, isConst := e.Args[1-i].(*expr.Const)
			_, isParam := e.Args[1-i].(*expr.Param)
			if isCol && (isConst || isParam) {
				return c.Index, true
			}
		}
	}
	return 0, false
}
