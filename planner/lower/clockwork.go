package lower

import (
	"math"

	"streamdb/executor/op"
	"streamdb/expr"
	"streamdb/expr/funcs"
	"streamdb/internal/sqlerr"
	"streamdb/types"
)

// clockwork finds out when a condition may change for a row as time passes. The
// comparisons in it that read the column now must be of values that only rise
// or only fall with time; they may be connected in any way.
type clockwork struct {
	now   *expr.Col
	edges []op.TimeEdge
	comes bool // a row may come with time, and then stays
	goes  bool // a row may go with time, and then does not come again

	months, zones bool // of the comparison under work: see piece
}

// trend says how a value changes with time, for a given row.
type trend uint8

const (
	still trend = iota
	rises
	falls
	wild // it is not known
)

func (t trend) flip() trend {
	switch t {
	case rises:
		return falls
	case falls:
		return rises
	}
	return t
}

// with is the trend of a sum.
func (t trend) with(o trend) trend {
	switch {
	case t == still || t == o:
		return o
	case o == still:
		return t
	}
	return wild
}

// collect finds the edges of a condition.
func (w *clockwork) collect(e expr.Expr) error {
	_, top := e.(*expr.Call)
	if err := w.walk(e); err != nil {
		return err
	}
	if !top || len(w.edges) != 1 || w.edges[0].Piece != 0 {
		w.comes, w.goes = false, false
	}
	return nil
}

func (w *clockwork) walk(e expr.Expr) error {
	if !w.timed(e) {
		return nil
	}
	switch e := e.(type) {
	case *expr.And, *expr.Or, *expr.Case, *expr.Coalesce:
		for _, a := range expr.Children(e) {
			if w.timed(a) && a.Type().ID != types.Bool {
				return w.refuse(e)
			}
			if err := w.walk(a); err != nil {
				return err
			}
		}
		return nil
	case *expr.Call:
		switch e.Def.Name {
		case "<", "<=", ">", ">=", "=", "<>", "is_distinct_from", "is_not_distinct_from":
			if e.Args[0].Type().ID != types.Bool {
				return w.comparison(e)
			}
		}
		for _, a := range e.Args { // NOT, IS TRUE ..
			if a.Type().ID != types.Bool {
				return w.refuse(e)
			}
			if err := w.walk(a); err != nil {
				return err
			}
		}
		w.comes, w.goes = false, false
		return nil
	}
	return w.refuse(e)
}

func (w *clockwork) refuse(e expr.Expr) error {
	text := expr.Rewrite(e, func(x expr.Expr) expr.Expr {
		if c, ok := x.(*expr.Col); ok && c.Index == w.now.Index {
			return &expr.Const{Value: types.BytesDatum("now"), T: types.Of(types.Text)}
		}
		return x
	})
	return sqlerr.Unsupported("now() in this way in a materialized view").
		WithDetail("It is not known when the expression %s changes.", text).
		WithHint("Compare a column with now(), with now() plus or minus an interval, or with date_trunc(.., now()).")
}

// timed reports whether an expression reads the time.
func (w *clockwork) timed(e expr.Expr) bool {
	cols := expr.Cols(e)
	return len(cols) > 0 && cols[len(cols)-1] == w.now.Index
}

// comparison adds the edges of a comparison a op b.
func (w *clockwork) comparison(c *expr.Call) error {
	a, b, name := c.Args[0], c.Args[1], c.Def.Name
	w.months, w.zones = false, false
	switch w.trend(a).with(w.trend(b).flip()) {
	case still:
		return nil
	case wild:
		return w.refuse(c)
	case falls: // a - b falls: b - a rises
		a, b = b, a
		name = map[string]string{"<": ">", ">": "<", "<=": ">=", ">=": "<="}[name]
	}
	if w.months && w.zones {
		return w.refuse(c)
	}
	w.comes, w.goes = name == ">" || name == ">=", name == "<" || name == "<="
	if name != ">" && name != "<=" {
		if err := w.edge(a, b, ">="); err != nil {
			return err
		}
	}
	if name != "<" && name != ">=" {
		return w.edge(a, b, ">")
	}
	return nil
}

// edge adds the time at which a reaches b (or passes it: ">").
func (w *clockwork) edge(a, b expr.Expr, reach string) error {
	if at, plus, ok := w.linear(a, b); ok {
		if reach == ">" {
			plus++
		}
		w.edges = append(w.edges, op.TimeEdge{At: at, Plus: plus})
		return nil
	}
	r, err := funcs.BindOperator(nil, reach, a, b)
	if err != nil {
		return err
	}
	w.edges = append(w.edges, op.TimeEdge{Reached: r, Piece: w.piece()})
	return nil
}

// piece is the length of the pieces of time in which the comparison's sides only
// rise or fall: see op.TimeEdge. Adding months makes one day of several ones,
// leaving summer time one hour of two.
func (w *clockwork) piece() int64 {
	switch {
	case w.months:
		return types.Day
	case w.zones:
		return types.Day / 24
	}
	return 0
}

// mark is the watermark that the condition makes: it is one comparison of a
// column with the time, from whose only edge on the row is gone.
func (w *clockwork) mark() (op.TimeMark, bool) {
	if !w.goes || len(w.edges) != 1 {
		return op.TimeMark{}, false
	}
	c, ok := w.edges[0].At.(*expr.Col)
	if !ok {
		return op.TimeMark{}, false
	}
	return op.TimeMark{Col: c.Index, Plus: w.edges[0].Plus}, true
}

// linear recognises a >= b as now >= at + plus, in microseconds.
func (w *clockwork) linear(a, b expr.Expr) (at expr.Expr, plus int64, ok bool) {
	if by, ok := w.fromNow(a); ok && isInstant(b.Type()) && !w.timed(b) {
		return b, -by, true
	}
	if by, ok := w.fromNow(b); ok && isInstant(a.Type()) && !w.timed(a) { // a falls: it cannot be
		return nil, by, false
	}
	// now - x >= interval
	c, isCall := a.(*expr.Call)
	span, fixed := constSpan(b)
	if !isCall || !fixed || c.Def.Name != "-" || len(c.Args) != 2 || !isInstant(c.Args[1].Type()) || w.timed(c.Args[1]) {
		return nil, 0, false
	}
	by, ok := w.fromNow(c.Args[0])
	micros, fits := spanMicros(span, 30)
	if !ok || !fits {
		return nil, 0, false
	}
	return c.Args[1], micros - by, true
}

func isInstant(t types.T) bool { return t.ID == types.Timestamp || t.ID == types.TimestampTZ }

// fromNow recognises now plus a fixed number of microseconds. Local time is UTC.
func (w *clockwork) fromNow(e expr.Expr) (by int64, ok bool) {
	switch e := e.(type) {
	case *expr.Col:
		return 0, e.Index == w.now.Index
	case *expr.Call:
		switch {
		case e.Def.Kind >= expr.CastImplicit && isInstant(e.T) && e.T.Mod == 0 && isInstant(e.Args[0].Type()):
			return w.fromNow(e.Args[0])
		case (e.Def.Name == "+" || e.Def.Name == "-") && len(e.Args) == 2 && isInstant(e.T):
			x, span := e.Args[0], e.Args[1]
			if !w.timed(x) {
				x, span = span, x
			}
			s, fixed := constSpan(span)
			if by, ok = w.fromNow(x); !ok || !fixed || s.Months != 0 {
				return 0, false
			}
			micros, fits := spanMicros(s, 0)
			if e.Def.Name == "-" {
				micros = -micros
			}
			return by + micros, fits
		}
	}
	return 0, false
}

func constSpan(e expr.Expr) (types.Span, bool) {
	c, ok := e.(*expr.Const)
	if !ok || c.Value.Null || c.T.ID != types.Interval {
		return types.Span{}, false
	}
	return types.DecodeInterval([]byte(c.Value.S)), true
}

// spanMicros is an interval in microseconds, months as days. It does not fit if
// it is of more than some thousand years.
func spanMicros(s types.Span, monthDays int64) (int64, bool) {
	days := int64(s.Days) + int64(s.Months)*monthDays
	if days > math.MaxInt32 || days < math.MinInt32 || s.Micros > math.MaxInt64/8 || s.Micros < math.MinInt64/8 {
		return 0, false
	}
	micros := days*types.Day + s.Micros
	return micros, micros < math.MaxInt64/4 && micros > math.MinInt64/4
}
