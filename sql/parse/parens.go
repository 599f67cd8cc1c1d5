package parse

// parenTable answers two questions about the parentheses of a statement without
// looking through them again and again.
type parenTable struct {
	partner []int32 // of an opening one: the token of its closing one
	query   []bool  // of an opening one: it holds a query
}

// newParenTable reads the tokens once forwards and once backwards.
func newParenTable(toks []token, buf parenTable) parenTable {
	t := parenTable{partner: resize(buf.partner, len(toks)), query: resize(buf.query, len(toks))}
	var open []int32
	for i, tok := range toks {
		t.partner[i], t.query[i] = int32(len(toks)-1), false
		switch {
		case tok.isPunct("("):
			open = append(open, int32(i))
		case tok.isPunct(")") && len(open) > 0:
			t.partner[open[len(open)-1]] = int32(i)
			open = open[:len(open)-1]
		}
	}
	for i := len(toks) - 2; i >= 0; i-- {
		if toks[i].isPunct("(") {
			t.query[i] = t.startsQuery(toks, i+1)
		}
	}
	return t
}

// startsQuery says whether a query, and not an expression or a join, starts at
// token i, which follows an opening parenthesis.
func (t parenTable) startsQuery(toks []token, i int) bool {
	switch tok := toks[i]; {
	case tok.kind == word:
		switch tok.val {
		case "select", "with", "table":
			return true
		case "values":
			return toks[i+1].isPunct("(")
		}
	case tok.isPunct("(") && t.query[i]:
		// A query in parentheses: it depends on what stands behind them.
		next := toks[min(int(t.partner[i])+1, len(toks)-1)]
		if next.isPunct(")") {
			return true
		}
		if next.kind == word {
			switch next.val {
			case "union", "except", "intersect", "order", "limit", "offset", "fetch", "for":
				return true
			}
		}
	}
	return false
}

func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
