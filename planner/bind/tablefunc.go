package bind

import (
	"streamdb/expr"
	"streamdb/expr/casts"
	"streamdb/internal/sqlerr"
	"streamdb/planner/logical"
	"streamdb/sql/ast"
	"streamdb/types"
)

// funcTable binds a function in FROM.
func (b *Binder) funcTable(t *ast.FuncTable, left *scope, env *cteEnv) (logical.Node, *scope, error) {
	call, ok := t.Call.(*ast.FuncCall)
	if ok {
		switch call.Name.Base() {
		case "tumble", "hop", "cumulate", "session":
			return b.windowTable(t, call, env)
		}
	}
	if !ok {
		return b.scalarTable(t, left, env)
	}
	name := call.Name.Base()
	if !isSetFunc(name) {
		return b.scalarTable(t, left, env)
	}
	if t.Alias != nil && len(t.Alias.Types) > 0 {
		return nil, nil, b.unsupported(t, "a column definition list")
	}
	fns := []*ast.FuncCall{call}
	if name == "unnest" && len(call.Args) > 1 { // unnest(a, b) runs in lock step
		fns = nil
		for _, a := range call.Args {
			fns = append(fns, &ast.FuncCall{Pos: call.Pos, Name: call.Name, Args: []ast.Expr{a}})
		}
	}
	return b.setTable(fns, t.Ordinality, t.Alias, name, left, env, t)
}

func (b *Binder) rowsFrom(t *ast.RowsFrom, left *scope, env *cteEnv) (logical.Node, *scope, error) {
	var fns []*ast.FuncCall
	for _, f := range t.Funcs {
		call, ok := f.Call.(*ast.FuncCall)
		if !ok || !isSetFunc(call.Name.Base()) || len(f.Types) > 0 {
			return nil, nil, b.unsupported(f, "this function in ROWS FROM")
		}
		fns = append(fns, call)
	}
	return b.setTable(fns, t.Ordinality, t.Alias, "", left, env, t)
}

// setColumn are the names of result columns that are not the function's.
var setColumn = map[string]string{"pg_partition_ancestors": "relid"}

// setTable is ProjectSet over one row; its arguments may refer to what stands left.
func (b *Binder) setTable(fns []*ast.FuncCall, ordinality bool, alias *ast.TableAlias, name string, left *scope, env *cteEnv, at ast.Node) (logical.Node, *scope, error) {
	inner := &scope{parent: left, ctes: env}
	c := b.exprCtx(inner, "FROM")
	ps := &logical.ProjectSet{}
	var cols []scopeCol
	var fields []logical.Item
	for _, f := range fns {
		call, t, err := c.bindSet(f, f.Name.Base())
		if err != nil {
			return nil, nil, err
		}
		colName := f.Name.Base()
		if n, ok := setColumn[colName]; ok {
			colName = n
		}
		if alias != nil && alias.Name != "" && len(fns) == 1 {
			colName = alias.Name
		}
		call.Col = b.Meta.New(colName, t)
		ps.Calls = append(ps.Calls, call)
		if t.ID == types.Record { // its fields are the columns
			row := b.Meta.Ref(call.Col)
			for _, fd := range t.Fields {
				x, err := b.makeField(row, fd.Name, f)
				if err != nil {
					return nil, nil, err
				}
				id := b.Meta.New(fd.Name, fd.Type)
				fields = append(fields, logical.Item{Col: id, E: x})
				cols = append(cols, scopeCol{name: fd.Name, id: id})
			}
			continue
		}
		cols = append(cols, scopeCol{name: colName, id: call.Col})
	}
	node, err := c.attach(logical.OneRow())
	if err != nil {
		return nil, nil, err
	}
	ps.In = node
	if ordinality {
		ps.Ordinality = b.Meta.New("ordinality", types.Of(types.Int8))
		cols = append(cols, scopeCol{name: "ordinality", id: ps.Ordinality})
	}
	node = ps
	if len(fields) > 0 {
		node = &logical.Project{In: ps, Items: append(logical.Pass(b.Meta, ps.Out()), fields...)}
	}
	return b.aliased(node, cols, relation{}, name, "", alias, at)
}

// scalarTable is a scalar function in FROM: one row.
func (b *Binder) scalarTable(t *ast.FuncTable, left *scope, env *cteEnv) (logical.Node, *scope, error) {
	c := b.exprCtx(&scope{parent: left, ctes: env}, "FROM")
	e, err := c.bindKnown(t.Call, t)
	if err != nil {
		return nil, nil, err
	}
	name := columnName(t.Call)
	if t.Alias != nil && t.Alias.Name != "" {
		name = t.Alias.Name
	}
	node, err := c.attach(logical.OneRow())
	if err != nil {
		return nil, nil, err
	}
	id := b.Meta.New(name, e.Type())
	items := []logical.Item{{Col: id, E: e}}
	cols := []scopeCol{{name: name, id: id}}
	if t.Ordinality {
		ord := b.Meta.New("ordinality", types.Of(types.Int8))
		items = append(items, logical.Item{Col: ord, E: &expr.Const{Value: types.IntDatum(1), T: types.Of(types.Int8)}})
		cols = append(cols, scopeCol{name: "ordinality", id: ord})
	}
	return b.aliased(&logical.Project{In: node, Items: items}, cols, relation{}, columnName(t.Call), "", t.Alias, t)
}

// windowTable binds TUMBLE(t, time, size [, offset]), HOP(t, time, slide, size
// [, offset]), CUMULATE(t, time, step, greatest size [, offset]) and SESSION(t,
// time [, column to partition by ..], gap).
func (b *Binder) windowTable(t *ast.FuncTable, call *ast.FuncCall, env *cteEnv) (logical.Node, *scope, error) {
	name := call.Name.Base()
	least := 3
	if name == "hop" || name == "cumulate" {
		least = 4
	}
	if name == "session" && len(call.Args) < least {
		return nil, nil, b.errAt(call, sqlerr.UndefinedFunction, "session takes a relation, a time column, any number of columns to partition by, and an interval")
	}
	if len(call.Args) < least || len(call.Args) > least+1 && name != "session" {
		return nil, nil, b.errAt(call, sqlerr.UndefinedFunction, "%s takes a relation, a time column and %d or %d intervals", name, least-2, least-1)
	}
	var node logical.Node
	var cols []scopeCol
	var rel relation
	var err error
	rname := name
	switch arg := call.Args[0].(type) {
	case *ast.ColumnRef:
		node, cols, rel, err = b.relation(ast.Name{Pos: arg.Pos, Parts: arg.Parts}, env)
		rname = arg.Parts[len(arg.Parts)-1]
	case *ast.Subquery:
		var r *Rel
		if r, err = b.query(arg.Query, nil, env); err == nil {
			node, cols = r.Root, r.scopeCols()
		}
	default:
		return nil, nil, b.errAt(call.Args[0], sqlerr.SyntaxError, "the first argument of %s must be a relation", name)
	}
	if err != nil {
		return nil, nil, err
	}
	sc := &scope{cols: append([]scopeCol(nil), cols...), rels: []relation{{name: rname}}}
	for i := range sc.cols {
		sc.cols[i].rel = rname
	}
	ref, ok := call.Args[1].(*ast.ColumnRef)
	if !ok {
		return nil, nil, b.errAt(call.Args[1], sqlerr.SyntaxError, "the second argument of %s must be a column", name)
	}
	col, err := b.lookup(sc, ref)
	if err != nil {
		return nil, nil, err
	}
	wt := col.T
	switch col.T.ID {
	case types.Timestamp, types.TimestampTZ:
		wt = types.Of(col.T.ID)
	case types.Date:
		wt = types.Of(types.Timestamp)
	default:
		return nil, nil, b.errAt(ref, sqlerr.DatatypeMismatch, "the time column of %s must be a timestamp or a date, not %s", name, bare(col.T))
	}
	if name == "session" {
		n, err := b.sessionWindow(call, sc, node, col.Index)
		if err != nil {
			return nil, nil, err
		}
		n.Start, n.End = b.Meta.New("window_start", wt), b.Meta.New("window_end", wt)
		cols = append(cols, scopeCol{name: "window_start", id: n.Start}, scopeCol{name: "window_end", id: n.End})
		return b.aliased(n, cols, rel, rname, "", t.Alias, t)
	}
	h := &logical.Hop{In: node, Time: col.Index, Cumulate: name == "cumulate"}
	var us []int64
	for _, a := range call.Args[2:] {
		v, err := b.intervalMicros(a)
		if err != nil {
			return nil, nil, err
		}
		us = append(us, v)
	}
	if name == "tumble" {
		h.Slide, h.Size = us[0], us[0]
		us = us[1:]
	} else {
		h.Slide, h.Size = us[0], us[1]
		us = us[2:]
	}
	if len(us) > 0 {
		h.Offset = us[0]
	}
	if h.Slide <= 0 || h.Size <= 0 {
		return nil, nil, b.errAt(call, sqlerr.InvalidParameterValue, "the size and the slide of a window must be positive")
	}
	if h.Cumulate && h.Size%h.Slide != 0 {
		return nil, nil, b.errAt(call, sqlerr.InvalidParameterValue, "the greatest size of a cumulating window must be a multiple of its step")
	}
	h.Start, h.End = b.Meta.New("window_start", wt), b.Meta.New("window_end", wt)
	cols = append(cols, scopeCol{name: "window_start", id: h.Start}, scopeCol{name: "window_end", id: h.End})
	return b.aliased(h, cols, rel, rname, "", t.Alias, t)
}

// sessionWindow binds what stands behind the time column of SESSION.
func (b *Binder) sessionWindow(call *ast.FuncCall, sc *scope, in logical.Node, time logical.ColID) (*logical.Session, error) {
	n := &logical.Session{In: in, Time: time}
	last := len(call.Args) - 1
	for _, a := range call.Args[2:last] {
		ref, ok := a.(*ast.ColumnRef)
		if !ok {
			return nil, b.errAt(a, sqlerr.SyntaxError, "sessions are partitioned by columns")
		}
		col, err := b.lookup(sc, ref)
		if err != nil {
			return nil, err
		}
		n.Partition = append(n.Partition, col.Index)
	}
	var err error
	if n.Gap, err = b.intervalMicros(call.Args[last]); err != nil {
		return nil, err
	}
	if n.Gap <= 0 {
		return nil, b.errAt(call.Args[last], sqlerr.InvalidParameterValue, "the gap of sessions must be positive")
	}
	return n, nil
}

// intervalMicros evaluates an interval constant without months.
func (b *Binder) intervalMicros(e ast.Expr) (int64, error) {
	c := b.exprCtx(&scope{}, "a window")
	x, err := c.bind(e)
	if err != nil {
		return 0, err
	}
	if x, err = b.coerce(x, types.Of(types.Interval), casts.Implicit, e); err != nil {
		return 0, err
	}
	k, ok := expr.FoldStable(b.evalCtx(), x).(*expr.Const)
	if !ok || k.Value.Null {
		return 0, b.errAt(e, sqlerr.InvalidParameterValue, "the size of a window must be a constant interval")
	}
	iv := types.DecodeInterval([]byte(k.Value.S))
	if iv.Months != 0 {
		return 0, b.unsupported(e, "a window of months")
	}
	return int64(iv.Days)*86400_000_000 + iv.Micros, nil
}
