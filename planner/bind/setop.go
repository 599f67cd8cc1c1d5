package bind

import (
	"streamdb/expr"
	"streamdb/expr/casts"
	"streamdb/internal/sqlerr"
	"streamdb/planner/logical"
	"streamdb/sql/ast"
	"streamdb/types"
)

var setOpNames = map[ast.SetOpKind]string{ast.Union: "UNION", ast.Intersect: "INTERSECT", ast.Except: "EXCEPT"}

// setOp binds UNION, INTERSECT and EXCEPT. The latter two count the rows of
// each side per distinct row, which keeps them correct under retraction:
//
//	INTERSECT      both counts > 0          INTERSECT ALL  min(l, r) copies
//	EXCEPT         l > 0 and r = 0          EXCEPT ALL     l - r copies
func (b *Binder) setOp(s *ast.SetOp, parent *scope, env *cteEnv) (*Rel, error) {
	if s.Corresponding {
		return nil, b.unsupported(s, "CORRESPONDING")
	}
	name := setOpNames[s.Kind]
	l, err := b.body(s.Left, parent, env)
	if err != nil {
		return nil, err
	}
	r, err := b.body(s.Right, parent, env)
	if err != nil {
		return nil, err
	}
	if len(l.Cols) != len(r.Cols) {
		return nil, b.errAt(s, sqlerr.SyntaxError, "each %s query must have the same number of columns", name)
	}
	out := &Rel{}
	var cols, lin, rin []logical.ColID
	for i := range l.Cols {
		lt, rt := b.Meta.Cols[l.Cols[i].ID].Type, b.Meta.Cols[r.Cols[i].ID].Type
		t, err := b.commonType(name, []expr.Expr{&expr.Col{T: lt}, &expr.Col{T: rt}}, s)
		if err != nil {
			return nil, err
		}
		for _, side := range []*Rel{l, r} {
			if err := b.retypeOut(side, i, t, casts.Implicit, s); err != nil {
				return nil, err
			}
		}
		id := b.Meta.New(l.Cols[i].Name, t)
		cols, lin, rin = append(cols, id), append(lin, l.Cols[i].ID), append(rin, r.Cols[i].ID)
		out.Cols = append(out.Cols, OutCol{l.Cols[i].Name, id})
	}
	if s.Kind == ast.Union {
		out.Root = &logical.Union{Ins: []logical.Node{l.Root, r.Root}, InCols: [][]logical.ColID{lin, rin}, Cols: cols}
		if !s.All {
			out.Root = &logical.Agg{In: out.Root, Keys: cols}
		}
		return out, nil
	}
	return out, b.countedSetOp(s, out, l.Root, r.Root, cols, lin, rin)
}

// countedSetOp builds the tree of INTERSECT and EXCEPT into out.
func (b *Binder) countedSetOp(s *ast.SetOp, out *Rel, l, r logical.Node, cols, lin, rin []logical.ColID) error {
	int8T := types.Of(types.Int8)
	side := func(n logical.Node, left int64) (logical.Node, []logical.ColID) {
		il, ir := b.Meta.New("in_left", int8T), b.Meta.New("in_right", int8T)
		p := &logical.Project{In: n, Items: append(logical.Pass(b.Meta, dedupe(n.Out())),
			logical.Item{Col: il, E: intConst(left, int8T)}, logical.Item{Col: ir, E: intConst(1-left, int8T)})}
		return p, []logical.ColID{il, ir}
	}
	ln, lc := side(l, 1)
	rn, rc := side(r, 0)
	ul, ur := b.Meta.New("in_left", int8T), b.Meta.New("in_right", int8T)
	union := &logical.Union{Ins: []logical.Node{ln, rn},
		InCols: [][]logical.ColID{append(append([]logical.ColID(nil), lin...), lc...), append(append([]logical.ColID(nil), rin...), rc...)},
		Cols:   append(append([]logical.ColID(nil), cols...), ul, ur)}
	def, wanted, err := b.resolveAgg(s, "sum", int8T)
	if err != nil {
		return err
	}
	st := def.ResultType(wanted)
	nl, nr := b.Meta.New("left", st), b.Meta.New("right", st)
	agg := &logical.Agg{In: union, Keys: cols, Aggs: []logical.AggItem{
		{Col: nl, Def: def.Key(), Args: []logical.ColID{ul}}, {Col: nr, Def: def.Key(), Args: []logical.ColID{ur}}}}
	zero := intConst(0, types.Of(types.Int4))
	lpos, err := b.applyOp(s, ">", b.Meta.Ref(nl), zero)
	if err != nil {
		return err
	}
	rop := "="
	if s.Kind == ast.Intersect {
		rop = ">"
	}
	rcond, err := b.applyOp(s, rop, b.Meta.Ref(nr), zero)
	if err != nil {
		return err
	}
	if !s.All {
		out.Root = &logical.Filter{In: agg, Conds: []expr.Expr{lpos, rcond}}
		return nil
	}
	var copies expr.Expr
	if s.Kind == ast.Intersect {
		copies, err = b.applyFunc(s, "least", b.Meta.Ref(nl), b.Meta.Ref(nr))
	} else {
		copies, err = b.applyOp(s, "-", b.Meta.Ref(nl), b.Meta.Ref(nr))
	}
	if err != nil {
		return err
	}
	if copies, err = b.coerce(copies, int8T, casts.Explicit, s); err != nil {
		return err
	}
	out.Root = &logical.ProjectSet{In: agg, Calls: []logical.SetCall{{Col: b.Meta.New("copy", int8T), Func: "generate_series",
		Args: []expr.Expr{intConst(1, int8T), copies}}}}
	return nil
}

func intConst(i int64, t types.T) *expr.Const {
	return &expr.Const{Value: types.IntDatum(i), T: t}
}

func dedupe(ids []logical.ColID) []logical.ColID {
	var out []logical.ColID
	var seen logical.Set
	for _, id := range ids {
		if !seen.Has(id) {
			seen.Add(id)
			out = append(out, id)
		}
	}
	return out
}
