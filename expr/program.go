package expr

import (
	"math/bits"
	"slices"

	"streamdb/vec"
)

// Program is expressions that one goroutine evaluates over many batches, prepared
// for that: calls that have a cheaper form together take it (Def.Fuse, Def.Together),
// arguments of AND and OR that cost much wait for those that cost little, and what
// the expressions have in common is computed once a batch. Exprs have the results of
// those that they were made of, and fail for the same rows or fewer; they are to
// be evaluated only, not looked into. Safe for one goroutine.
type Program struct {
	Exprs []Expr
	parts []kept
}

// kept is what is computed once a batch.
type kept interface {
	forget()
	narrow(sel []int32)
}

// Prepare makes a program. An expression may be nil.
func Prepare(es ...Expr) *Program {
	p := &Program{Exprs: slices.Clone(es)}
	c := common{byText: map[string][]Expr{}, uses: map[Expr]int{}, made: map[Expr]Expr{}}
	for i, e := range es {
		p.Exprs[i] = Rewrite(e, func(x Expr) Expr { return c.only(cheapFirst(fuse(x))) })
	}
	for _, e := range p.Exprs {
		c.count(e)
	}
	c.join(p)
	for i, e := range p.Exprs {
		p.Exprs[i] = c.share(p, e)
	}
	return p
}

// Next forgets what was computed for a batch.
func (p *Program) Next() {
	for _, x := range p.parts {
		x.forget()
	}
}

func fuse(x Expr) Expr {
	if c, ok := x.(*Call); ok && c.Def.Fuse != nil {
		if y := c.Def.Fuse(c); y != nil {
			return y
		}
	}
	return x
}

// dear is a cost, in ns a row, that is worth waiting with.
const dear = 100

// cheapFirst puts arguments of AND and OR that cannot fail, and cost less, before
// dear ones: these are then asked for fewer rows.
func cheapFirst(x Expr) Expr {
	var args []Expr
	switch x := x.(type) {
	case *And:
		args = slices.Clone(x.Args)
	case *Or:
		args = slices.Clone(x.Args)
	default:
		return x
	}
	moved := false
	for i := range args {
		for k := i; k > 0 && cost(args[k-1]) >= dear && cost(args[k]) < cost(args[k-1]) && safe(args[k]); k-- {
			args[k-1], args[k] = args[k], args[k-1]
			moved = true
		}
	}
	switch {
	case !moved:
		return x
	case isAnd(x):
		return &And{Args: args}
	}
	return &Or{Args: args}
}

func isAnd(x Expr) bool { _, ok := x.(*And); return ok }

func cost(e Expr) (sum int) {
	Walk(e, func(x Expr) bool {
		if c, ok := x.(*Call); ok {
			sum += c.Def.Cost
		}
		return true
	})
	return sum
}

// safe reports whether an expression never fails.
func safe(e Expr) bool {
	ok := true
	Walk(e, func(x Expr) bool {
		if c, isCall := x.(*Call); isCall {
			ok = ok && c.Def.Volatile == Immutable && (c.Def.Safe || c.Def.Total || c.Def.Select != nil)
		}
		return ok
	})
	return ok
}

// common finds what expressions have in common: equal ones become one node.
type common struct {
	byText map[string][]Expr
	uses   map[Expr]int
	made   map[Expr]Expr

	members map[Expr]*member // calls that are evaluated together
}

// only is the one node that stands for all that are equal.
func (c *common) only(x Expr) Expr {
	text := x.String()
	for _, y := range c.byText[text] {
		if Equal(x, y) {
			return y
		}
	}
	c.byText[text] = append(c.byText[text], x)
	return x
}

// count counts how often a node is an argument or a result.
func (c *common) count(x Expr) {
	if x == nil {
		return
	}
	if c.uses[x]++; c.uses[x] == 1 {
		for _, a := range Children(x) {
			c.count(a)
		}
	}
}

// share puts calls that are used several times behind parts.
func (c *common) share(p *Program, x Expr) Expr {
	if x == nil {
		return nil
	}
	if y := c.made[x]; y != nil {
		return y
	}
	args := Children(x)
	changed := false
	for i, a := range args {
		args[i] = c.share(p, a)
		changed = changed || args[i] != a
	}
	y := x
	if changed {
		y = withChildren(x, args)
	}
	if e, ok := y.(*Case); ok {
		if l := asLookup(e); l != nil {
			y = l
		}
	}
	if m := c.members[x]; m != nil {
		m.of.call = y.(*Call) // any of them: they share what is asked for
		y = m
	} else if call, ok := x.(*Call); ok && c.uses[x] > 1 && VolatilityOf(x) != VolatileFn && len(Cols(call)) > 0 {
		s := &part{Expr: y}
		p.parts = append(p.parts, s)
		y = s
	}
	c.made[x] = y
	return y
}

// part is a call that several expressions contain: its column is kept for the
// batch, and given to who asks for the same rows or some of them.
type part struct {
	Expr
	memo
	col vec.Vec
}

// Eval gives the column that was computed before, if that has the rows.
func (s *part) Eval(ctx *Ctx, in []vec.Vec, sel []int32, n int) (_ vec.Vec, err error) {
	if s.covers(sel, n) {
		return s.col, nil
	}
	if s.col, err = s.Expr.Eval(ctx, in, sel, n); err != nil {
		return vec.Vec{}, err
	}
	s.note(sel, n)
	return s.col, nil
}

func (s *part) forget() { s.have, s.col = false, vec.Vec{} }

// memo knows the rows of a batch for which something was computed.
type memo struct {
	have   bool
	all    bool     // all rows
	rows   []uint64 // else: a bit for each of them
	wanted bool     // while the batch is narrowed: it is not to be forgotten
}

func (m *memo) note(sel []int32, n int) {
	m.have, m.all = true, sel == nil
	if m.all {
		return
	}
	words := (n + 63) / 64
	m.rows = slices.Grow(m.rows[:0], words)[:words]
	clear(m.rows)
	for _, i := range sel {
		m.rows[i>>6] |= 1 << (i & 63)
	}
}

func (m *memo) covers(sel []int32, n int) bool {
	if !m.have || m.all {
		return m.have
	}
	if sel == nil {
		has := 0
		for _, w := range m.rows {
			has += bits.OnesCount64(w)
		}
		return has == n
	}
	missing := uint64(0)
	for _, i := range sel {
		missing |= ^m.rows[i>>6] >> (i & 63)
	}
	return missing&1 == 0
}
