package expr

import (
	"slices"

	"streamdb/types"
	"streamdb/vec"
)

// caseLookup is a CASE that begins by comparing one expression with constants: a row
// is looked up among these instead of being compared with one after the other.
type caseLookup struct {
	*Case
	arg   Expr
	first int // so many conditions compare arg
	ints  []int64
	intAt map[int64]int // nil: they are few
	texts textSet
}

// asLookup makes CASE x WHEN 1 .. WHEN 2 .. a caseLookup; nil: it is of another form.
// Equal expressions are one node already.
func asLookup(e *Case) *caseLookup {
	l := &caseLookup{Case: e}
	var texts []string
	for _, w := range e.Whens {
		call, ok := w.(*Call)
		if !ok || call.Def.Name != "=" || len(call.Args) != 2 || l.arg != nil && call.Args[0] != l.arg {
			break
		}
		k, ok := call.Args[1].(*Const)
		t := call.Args[0].Type()
		if !ok || k.Value.Null || k.T.ID != t.ID || !rawEqual(t) && !plainInt(t) || VolatilityOf(call.Args[0]) == VolatileFn {
			break
		}
		l.arg, l.first = call.Args[0], l.first+1
		if t.Layout() == types.LInt64 {
			l.ints = append(l.ints, k.Value.I)
		} else {
			texts = append(texts, k.Value.S)
		}
	}
	if l.first < 2 {
		return nil
	}
	l.texts = textSetOf(texts)
	if len(l.ints) > inLinear {
		l.intAt = map[int64]int{}
		for k, x := range l.ints {
			if _, twice := l.intAt[x]; !twice {
				l.intAt[x] = k
			}
		}
	}
	return l
}

// plainInt says that values of the type are equal as the integers that they are.
func plainInt(t types.T) bool {
	switch t.ID {
	case types.Date, types.Timestamp, types.TimestampTZ:
		return true
	}
	return t.IsInteger()
}

// Eval looks the argument up, and evaluates each branch for the rows of its constants;
// the conditions that are left are for the others.
func (l *caseLookup) Eval(ctx *Ctx, in []vec.Vec, sel []int32, n int) (vec.Vec, error) {
	if n == 0 || sel != nil && len(sel) == 0 {
		return l.Case.Eval(ctx, in, sel, n)
	}
	arg, err := l.arg.Eval(ctx, in, sel, n)
	if err != nil || arg.Const {
		return l.Case.Eval(ctx, in, sel, n)
	}
	taken := make([][]int32, l.first)
	open := make([]int32, 0, n)
	rows := n
	if sel != nil {
		rows = len(sel)
	}
	for r := range rows {
		i := int32(r)
		if sel != nil {
			i = sel[r]
		}
		if k := l.find(&arg, int(i)); k < 0 {
			open = append(open, i)
		} else {
			taken[k] = append(taken[k], i)
		}
	}
	c := chooser{layout: l.T.Layout(), n: n}
	for k, rows := range taken {
		if err := c.branch(ctx, l.Thens[k], in, rows); err != nil {
			return vec.Vec{}, err
		}
	}
	return l.from(ctx, &c, l.first, in, open)
}

// find is the place of row i among the constants; -1: it is none of them.
func (l *caseLookup) find(arg *vec.Vec, i int) int {
	switch {
	case arg.Null(i):
		return -1
	case arg.Layout != types.LInt64:
		return l.texts.find(arg.Data[arg.Off[i]:arg.Off[i+1]])
	case l.intAt == nil:
		return slices.Index(l.ints, arg.I64[i])
	}
	if k, ok := l.intAt[arg.I64[i]]; ok {
		return k
	}
	return -1
}
