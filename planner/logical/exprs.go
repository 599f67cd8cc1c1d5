package logical

import (
	"fmt"
	"strconv"
	"strings"

	"streamdb/expr"
)

// Cols is the set of columns that the expressions read.
func Cols(es ...expr.Expr) Set {
	var s Set
	for _, e := range es {
		expr.Walk(e, func(e expr.Expr) bool {
			if c, ok := e.(*expr.Col); ok {
				s.Add(c.Index)
			}
			return true
		})
	}
	return s
}

// Substitute replaces columns by expressions.
func Substitute(e expr.Expr, by map[ColID]expr.Expr) expr.Expr {
	if len(by) == 0 || e == nil {
		return e
	}
	return expr.Rewrite(e, func(e expr.Expr) expr.Expr {
		if c, ok := e.(*expr.Col); ok {
			if n, ok := by[c.Index]; ok {
				return n
			}
		}
		return e
	})
}

// SubstituteAll is Substitute on a list.
func SubstituteAll(es []expr.Expr, by map[ColID]expr.Expr) []expr.Expr {
	out := make([]expr.Expr, len(es))
	for i, e := range es {
		out[i] = Substitute(e, by)
	}
	return out
}

// Key is a text that is equal for structurally equal expressions.
func Key(e expr.Expr) string {
	var b strings.Builder
	writeKeyAs(&b, e, func(id ColID) string { return "$" + strconv.Itoa(id) })
	return b.String()
}

// writeKeyAs writes the key of an expression; col names its columns.
func writeKeyAs(b *strings.Builder, e expr.Expr, col func(ColID) string) {
	switch e := e.(type) {
	case nil:
		b.WriteString("nil")
		return
	case *expr.Col:
		b.WriteString(col(e.Index))
		return
	case *expr.Const:
		fmt.Fprintf(b, "c%q:%s", fmt.Sprint(e.Value.Null, e.Value.I, e.Value.F, e.Value.S), e.T)
		return
	case *expr.Param:
		fmt.Fprintf(b, "p%d", e.Index)
		return
	case *expr.Call:
		fmt.Fprintf(b, "%s:%s", e.Def.Key(), e.T)
	case *expr.And:
		b.WriteString("and")
	case *expr.Or:
		b.WriteString("or")
	case *expr.Case:
		fmt.Fprintf(b, "case%d:%s", len(e.Whens), e.T)
	case *expr.Coalesce:
		fmt.Fprintf(b, "coalesce:%s", e.T)
	case *expr.In:
		fmt.Fprintf(b, "in %t:%s", e.Not, e.Arg.Type())
		for _, d := range e.List {
			fmt.Fprintf(b, " %q", fmt.Sprint(d.Null, d.I, d.F, d.S))
		}
	default:
		fmt.Fprintf(b, "%T:%s", e, e.String())
	}
	b.WriteByte('(')
	for i, c := range expr.Children(e) {
		if i > 0 {
			b.WriteByte(',')
		}
		writeKeyAs(b, c, col)
	}
	b.WriteByte(')')
}
