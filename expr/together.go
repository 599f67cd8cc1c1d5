package expr

import (
	"streamdb/types"
	"streamdb/vec"
)

// together is calls that one pass over their common arguments evaluates
// (Def.Together): all of them, for the rows that the first one is asked for.
type together struct {
	call *Call // one of them
	eval func(c *CallCtx, args []vec.Vec) ([]vec.Vec, error)
	memo
	cols []vec.Vec
}

// member is one of them.
type member struct {
	Expr
	of *together
	at int
}

// Eval gives its column of those that are computed together.
func (m *member) Eval(ctx *Ctx, in []vec.Vec, sel []int32, n int) (vec.Vec, error) {
	if err := m.of.run(ctx, in, sel, n); err != nil {
		return vec.Vec{}, err
	}
	return m.of.cols[m.at], nil
}

func (t *together) run(ctx *Ctx, in []vec.Vec, sel []int32, n int) error {
	if t.covers(sel, n) {
		return nil
	}
	shared := *t.call
	shared.Args = shared.Args[:len(shared.Args)-1]
	args, cc, _, err := shared.evalArgs(ctx, in, sel, n)
	if err != nil {
		return err
	}
	cc.Sel, cc.N = sel, n // also for constants
	valid, constNull := combineValid(args, n)
	if constNull {
		valid = make([]byte, (n+7)>>3)
	}
	if valid != nil {
		cc.Sel = narrow(cc.Sel, valid, n)
	}
	if t.cols, err = t.eval(&cc, args); err != nil {
		return err
	}
	if valid != nil {
		for i := range t.cols {
			t.cols[i] = withValid(t.cols[i], valid, n)
		}
	}
	t.note(sel, n)
	return nil
}

func (t *together) forget() { t.have, t.cols = false, nil }

// join finds calls that can be evaluated together.
func (c *common) join(p *Program) {
	c.members = map[Expr]*member{}
	var groups [][]*Call
	for _, nodes := range c.byText {
		for _, x := range nodes {
			call, ok := x.(*Call)
			if !ok || call.Def.Together == nil || c.uses[x] == 0 {
				continue
			}
			if last, ok := call.Args[len(call.Args)-1].(*Const); !ok || last.Value.Null {
				continue
			}
			at := 0
			for at < len(groups) && !alikeButLast(groups[at][0], call) {
				at++
			}
			if at == len(groups) {
				groups = append(groups, nil)
			}
			groups[at] = append(groups[at], call)
		}
	}
	for _, g := range groups {
		if len(g) < 2 {
			continue
		}
		var last []types.Datum
		for _, call := range g {
			last = append(last, call.Args[len(call.Args)-1].(*Const).Value)
		}
		eval := g[0].Def.Together(last)
		if eval == nil {
			continue
		}
		t := &together{eval: eval}
		p.parts = append(p.parts, t)
		for i, call := range g {
			c.members[call] = &member{call, t, i}
		}
	}
}

func alikeButLast(a, b *Call) bool {
	n := len(a.Args) - 1
	return a.Def == b.Def && len(b.Args) == n+1 && equalAll(a.Args[:n], b.Args[:n])
}
