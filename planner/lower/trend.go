package lower

import (
	"streamdb/expr"
	"streamdb/types"
)

// trend says how an expression's value changes with time.
func (w *clockwork) trend(e expr.Expr) trend {
	if !w.timed(e) {
		return still
	}
	switch e := e.(type) {
	case *expr.Col:
		return rises
	case *expr.Call:
		if e.Def.Kind >= expr.CastImplicit {
			if ordered(e.Args[0].Type()) && ordered(e.T) && len(e.Args) == 1 {
				return w.trend(e.Args[0])
			}
			return wild
		}
		return w.call(e)
	}
	return wild
}

// ordered reports whether casts between such types keep the order of values.
func ordered(t types.T) bool {
	switch t.ID {
	case types.Date, types.Timestamp, types.TimestampTZ, types.Interval, types.Numeric:
		return true
	}
	return t.IsInteger() || t.IsFloat()
}

func (w *clockwork) call(e *expr.Call) trend {
	switch name := e.Def.Name; {
	case (name == "+" || name == "-") && len(e.Args) == 2:
		return w.sum(e)
	case name == "-" && len(e.Args) == 1:
		return w.trend(e.Args[0]).flip()
	case name == "*" || name == "/":
		return w.scaled(e)
	case name == "date_trunc" && len(e.Args) == 2 && isTime(e.Args[1].Type()) && !w.timed(e.Args[0]):
		return w.trend(e.Args[1])
	case name == "date_bin" && !w.timed(e.Args[0]) && !w.timed(e.Args[2]):
		return w.trend(e.Args[1])
	case name == "extract" || name == "date_part":
		return w.field(e)
	case name == "timezone" && e.T.ID == types.Timestamp && !w.timed(e.Args[0]):
		w.zones = true
		return w.trend(e.Args[1])
	case (name == "floor" || name == "ceil" || name == "ceiling" || name == "round" || name == "trunc") && len(e.Args) == 1:
		return w.trend(e.Args[0])
	case name == "greatest" || name == "least":
		t := still
		for _, a := range e.Args {
			t = t.with(w.trend(a))
		}
		return t
	}
	return wild
}

func isTime(t types.T) bool { return isInstant(t) || t.ID == types.Date }

// sum is the trend of a + b or a - b.
func (w *clockwork) sum(e *expr.Call) trend {
	a, b := e.Args[0], e.Args[1]
	for k, x := range e.Args {
		s, fixed := constSpan(x)
		if x.Type().ID == types.Interval && isTime(e.Args[1-k].Type()) && (!fixed || s.Months != 0) {
			w.months = true
		}
	}
	t := w.trend(b)
	if e.Def.Name == "-" {
		t = t.flip()
	}
	return w.trend(a).with(t)
}

// scaled is the trend of a multiple or fraction by a literal.
func (w *clockwork) scaled(e *expr.Call) trend {
	x, by := e.Args[0], e.Args[1]
	if e.Def.Name == "*" && w.timed(by) {
		x, by = by, x
	}
	c, ok := by.(*expr.Const)
	if !ok || c.Value.Null || !ordered(x.Type()) {
		return wild
	}
	sign := 0
	switch {
	case c.T.IsInteger():
		sign = int(max(-1, min(1, c.Value.I)))
	case c.T.IsFloat() && c.Value.F > 0:
		sign = 1
	case c.T.IsFloat() && c.Value.F < 0:
		sign = -1
	case c.T.ID == types.Numeric:
		sign = types.DecodeDecimal([]byte(c.Value.S)).Sign()
	}
	switch {
	case sign > 0:
		return w.trend(x)
	case sign < 0:
		return w.trend(x).flip()
	}
	return wild
}

// field is the trend of extract(field from time).
func (w *clockwork) field(e *expr.Call) trend {
	c, ok := e.Args[0].(*expr.Const)
	if !ok || c.Value.Null {
		return wild
	}
	switch c.Value.S {
	case "epoch":
		return w.trend(e.Args[1])
	case "year", "isoyear", "decade", "century", "millennium", "julian":
		if isTime(e.Args[1].Type()) {
			return w.trend(e.Args[1])
		}
	}
	return wild
}
