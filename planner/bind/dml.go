package bind

import (
	"slices"

	"streamdb/catalog"
	"streamdb/expr"
	"streamdb/expr/casts"
	"streamdb/internal/sqlerr"
	"streamdb/planner/logical"
	"streamdb/sql/ast"
	"streamdb/types"
)

// Returning is a bound RETURNING list: expressions over the row of all columns
// of the table.
type Returning struct {
	Exprs []expr.Expr
	Cols  types.Schema
}

// Conflict is a bound ON CONFLICT. Without Set it is DO NOTHING.
type Conflict struct {
	Key []int // the conflicting columns, by position in the table; empty: any
	// Set gives the new row, all columns of the table: expressions over the existing
	// row followed by the one proposed (excluded). Where decides whether it is updated.
	Set   []expr.Expr
	Where expr.Expr
	// Declared: the table says so, not the statement. The rows of one statement may
	// then have the same key, they come one after the other.
	Declared bool
}

// target finds the table that DML writes.
func (b *Binder) target(name ast.Name, verb string) (*catalog.Object, error) {
	o := b.Object(name.Schema(), name.Base())
	if o == nil {
		if _, _, ok := b.systemTable(name.Schema(), name.Base()); ok {
			return nil, b.errAt(name, sqlerr.InsufficientPrivilege, "permission denied: \"%s\" is a system catalog", name.Base())
		}
		return nil, b.errAt(name, sqlerr.UndefinedTable, "relation \"%s\" does not exist", name)
	}
	b.Deps[o.ID] = true
	switch o.Kind {
	case catalog.Table:
	case catalog.MaterializedView:
		return nil, b.errAt(name, sqlerr.WrongObjectType, "cannot change materialized view \"%s\"", o.Name)
	case catalog.View:
		return nil, b.unsupported(name, "changing a table through the view \"%s\"", o.Name)
	default:
		return nil, b.errAt(name, sqlerr.WrongObjectType, "cannot change %s \"%s\"", o.Kind, o.Name)
	}
	if o.AppendOnly && verb != "INSERT" {
		return nil, b.errAt(name, sqlerr.FeatureNotSupported, "%s is not supported on the append-only table \"%s\"", verb, o.Name)
	}
	return o, nil
}

// visibleCols are the positions of the columns that users see.
func visibleCols(o *catalog.Object) []int {
	var out []int
	for i, c := range o.Cols {
		if !c.Hidden {
			out = append(out, i)
		}
	}
	return out
}

func colIndex(o *catalog.Object, name string) int {
	return slices.IndexFunc(o.Cols, func(c catalog.Column) bool { return c.Name == name && !c.Hidden })
}

// Insert binds INSERT: a query for all visible columns of the table, in order.
func (b *Binder) Insert(s *ast.Insert) (*catalog.Object, *Rel, *Returning, *Conflict, error) {
	o, err := b.target(s.Table, "INSERT")
	if err != nil {
		return nil, nil, nil, nil, err
	}
	cols, err := b.insertCols(o, s)
	if err != nil {
		return nil, nil, nil, nil, err
	}
	env, err := b.with(s.With, nil, nil)
	if err != nil {
		return nil, nil, nil, nil, err
	}
	given, ids, err := b.insertRows(o, s, cols, env)
	if err != nil {
		return nil, nil, nil, nil, err
	}
	rel, err := b.fillRow(o, given, cols, ids)
	if err != nil {
		return nil, nil, nil, nil, err
	}
	ret, err := b.returning(o, s.Returning, alias(s.Alias, o))
	if err != nil {
		return nil, nil, nil, nil, err
	}
	conf, err := b.conflict(o, s)
	return o, rel, ret, conf, err
}

func alias(a string, o *catalog.Object) string {
	if a != "" {
		return a
	}
	return o.Name
}

// insertCols are the positions of the columns that INSERT gives values for.
func (b *Binder) insertCols(o *catalog.Object, s *ast.Insert) ([]int, error) {
	if s.Columns == nil {
		var out []int
		for _, i := range visibleCols(o) {
			if o.Cols[i].Generated == "" || s.Query != nil {
				out = append(out, i)
			}
		}
		return out, nil
	}
	var out []int
	for _, c := range s.Columns {
		if len(c.Indirection) > 0 {
			return nil, b.unsupported(c, "assignment to a part of a column")
		}
		i := colIndex(o, c.Name)
		if i < 0 {
			return nil, b.errAt(c, sqlerr.UndefinedColumn, "column \"%s\" of relation \"%s\" does not exist", c.Name, o.Name)
		}
		if slices.Contains(out, i) {
			return nil, b.errAt(c, sqlerr.DuplicateColumn, "column \"%s\" specified more than once", c.Name)
		}
		out = append(out, i)
	}
	return out, nil
}

// insertRows binds what is inserted: a node and the columns of the values given.
func (b *Binder) insertRows(o *catalog.Object, s *ast.Insert, cols []int, env *cteEnv) (logical.Node, []logical.ColID, error) {
	if s.Query == nil { // DEFAULT VALUES
		return logical.OneRow(), nil, nil
	}
	if v, ok := s.Query.Body.(*ast.Values); ok && s.Query.IsPlain() {
		return b.insertValues(o, v, cols, s.Columns != nil, env)
	}
	rel, err := b.queryRaw(s.Query, nil, env)
	if err != nil {
		return nil, nil, err
	}
	if err := b.checkWidth(s.Query, len(rel.Cols), len(cols), s.Columns != nil); err != nil {
		return nil, nil, err
	}
	ids := make([]logical.ColID, len(rel.Cols))
	for i := range rel.Cols {
		col := o.Cols[cols[i]]
		if col.Generated != "" {
			return nil, nil, b.generatedError(s.Query, col.Name)
		}
		if err := b.checkAssign(b.Meta.Cols[rel.Cols[i].ID].Type, col, s.Query); err != nil {
			return nil, nil, err
		}
		if err := b.retypeOut(rel, i, col.Type, casts.Assignment, s.Query); err != nil {
			return nil, nil, err
		}
		ids[i] = rel.Cols[i].ID
	}
	return rel.Root, ids, nil
}

func (b *Binder) generatedError(n ast.Node, name string) error {
	return b.errAt(n, "428C9", "cannot insert a non-DEFAULT value into column \"%s\"", name).
		WithDetail("Column \"%s\" is a generated column.", name)
}

func (b *Binder) checkWidth(n ast.Node, have, want int, listed bool) error {
	if have > want {
		return b.errAt(n, sqlerr.SyntaxError, "INSERT has more expressions than target columns")
	}
	if have < want && listed {
		return b.errAt(n, sqlerr.SyntaxError, "INSERT has more target columns than expressions")
	}
	return nil
}

// checkAssign says with Postgres's words that a value's type does not fit a column.
func (b *Binder) checkAssign(from types.T, col catalog.Column, n ast.Node) error {
	if isUnknown(from) || casts.CanCoerce(from, col.Type, casts.Assignment) {
		return nil
	}
	return b.errAt(n, sqlerr.DatatypeMismatch, "column \"%s\" is of type %s but expression is of type %s", col.Name, bare(col.Type), bare(from)).
		WithHint("You will need to rewrite or cast the expression.")
}

// assign binds a value for a column. DEFAULT is nil.
func (b *Binder) assign(c *exprCtx, e ast.Expr, col catalog.Column) (expr.Expr, error) {
	if _, ok := e.(*ast.Default); ok {
		return nil, nil
	}
	if col.Generated != "" {
		return nil, b.generatedError(e, col.Name)
	}
	x, err := c.bind(e)
	if err != nil {
		return nil, err
	}
	if err := b.checkAssign(x.Type(), col, e); err != nil {
		return nil, err
	}
	return b.coerce(x, col.Type, casts.Assignment, e)
}

// insertValues binds VALUES so that each value takes its column's type.
func (b *Binder) insertValues(o *catalog.Object, v *ast.Values, cols []int, listed bool, env *cteEnv) (logical.Node, []logical.ColID, error) {
	width := len(v.Rows[0])
	ids := make([]logical.ColID, width)
	rows := make([][]expr.Expr, len(v.Rows))
	c := b.exprCtx(&scope{ctes: env}, "VALUES")
	for i, row := range v.Rows {
		if len(row) != width {
			return nil, nil, b.errAt(row[0], sqlerr.SyntaxError, "VALUES lists must all be the same length")
		}
		at := ast.Node(row[0])
		if len(row) > len(cols) {
			at = row[len(cols)]
		}
		if err := b.checkWidth(at, width, len(cols), listed); err != nil {
			return nil, nil, err
		}
		for k, e := range row {
			col := o.Cols[cols[k]]
			x, err := b.assign(c, e, col)
			if err != nil {
				return nil, nil, err
			}
			if x == nil {
				if x, err = b.defaultOf(o, cols[k]); err != nil {
					return nil, nil, err
				}
			}
			rows[i] = append(rows[i], x)
		}
	}
	for k := range ids {
		col := o.Cols[cols[k]]
		ids[k] = b.Meta.New(col.Name, col.Type)
	}
	if len(*c.pending) == 0 {
		return &logical.Values{Rows: rows, Cols: ids}, ids, nil
	}
	in, err := c.attach(logical.OneRow()) // scalar subqueries: evaluated once for all rows
	if err != nil {
		return nil, nil, err
	}
	u := &logical.Union{Cols: ids}
	for i := range rows {
		branch, own := in, map[logical.ColID]logical.ColID{}
		if i > 0 {
			branch, own = logical.Copy(b.Meta, in)
		}
		p := &logical.Project{In: branch}
		var out []logical.ColID
		for k, e := range rows[i] {
			id := b.Meta.Like(ids[k])
			out = append(out, id)
			p.Items = append(p.Items, logical.Item{Col: id, E: logical.Rename(b.Meta, e, own)})
		}
		u.Ins, u.InCols = append(u.Ins, p), append(u.InCols, out)
	}
	return u, ids, nil
}

// defaultOf is a column's default, NULL for none and for generated columns
// (which are computed last).
func (b *Binder) defaultOf(o *catalog.Object, i int) (expr.Expr, error) {
	col := o.Cols[i]
	if col.Default == "" {
		return expr.Null(col.Type), nil
	}
	e, err := b.parseExpr(o, col.Default)
	if err != nil {
		return nil, err
	}
	b.views++
	defer func() { b.views-- }()
	return b.Expr(e, "DEFAULT", col.Type, casts.Assignment)
}

// fillRow completes the values given to all visible columns: defaults, then
// generated columns.
func (b *Binder) fillRow(o *catalog.Object, n logical.Node, cols []int, ids []logical.ColID) (*Rel, error) {
	byCol := map[int]logical.ColID{}
	for k, id := range ids {
		byCol[cols[k]] = id
	}
	p := &logical.Project{In: n, Items: logical.Pass(b.Meta, dedupe(n.Out()))}
	generated := false
	for _, i := range visibleCols(o) {
		if o.Cols[i].Generated != "" {
			generated = true
			continue
		}
		if _, ok := byCol[i]; ok {
			continue
		}
		x, err := b.defaultOf(o, i)
		if err != nil {
			return nil, err
		}
		byCol[i] = b.Meta.New(o.Cols[i].Name, o.Cols[i].Type)
		p.Items = append(p.Items, logical.Item{Col: byCol[i], E: x})
	}
	rel := &Rel{Root: p}
	if generated {
		root, err := b.generate(o, p, byCol)
		if err != nil {
			return nil, err
		}
		rel.Root = root
	}
	for _, i := range visibleCols(o) {
		rel.Cols = append(rel.Cols, OutCol{o.Cols[i].Name, byCol[i]})
	}
	return rel, nil
}

// Fill binds, by position, the defaults of the columns that are not given, and the
// generated columns, over all columns of the table by position.
func (b *Binder) Fill(o *catalog.Object, given []int) (defaults, generated map[int]expr.Expr, err error) {
	defaults, generated = map[int]expr.Expr{}, map[int]expr.Expr{}
	for _, i := range visibleCols(o) {
		switch {
		case o.Cols[i].Generated != "":
			generated[i], err = b.OverObject(o, o.Cols[i].Generated, o.Cols[i].Type)
		case !slices.Contains(given, i):
			defaults[i], err = b.defaultOf(o, i)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return defaults, generated, nil
}

// generate computes the generated columns over a node; byCol are the other
// columns of the table and receives these.
func (b *Binder) generate(o *catalog.Object, n logical.Node, byCol map[int]logical.ColID) (logical.Node, error) {
	p := &logical.Project{In: n, Items: logical.Pass(b.Meta, dedupe(n.Out()))}
	for i, c := range o.Cols {
		if c.Generated == "" {
			continue
		}
		x, err := b.OverObject(o, c.Generated, c.Type)
		if err != nil {
			return nil, err
		}
		x = expr.Rewrite(x, func(e expr.Expr) expr.Expr {
			if col, ok := e.(*expr.Col); ok {
				return b.Meta.Ref(byCol[col.Index])
			}
			return e
		})
		byCol[i] = b.Meta.New(c.Name, c.Type)
		p.Items = append(p.Items, logical.Item{Col: byCol[i], E: x})
	}
	return p, nil
}

// returning binds RETURNING over the table's row.
func (b *Binder) returning(o *catalog.Object, ts []*ast.Target, rel string) (*Returning, error) {
	if len(ts) == 0 {
		return nil, nil
	}
	sc, at := b.rowScope(o, rel)
	targets, err := b.expandStars(ts, sc)
	if err != nil {
		return nil, err
	}
	c := b.exprCtx(sc, "RETURNING")
	c.noSubs = true
	out := &Returning{}
	for _, t := range targets {
		var x expr.Expr
		if t.e == nil {
			x = b.Meta.Ref(t.col)
		} else if x, err = c.bind(t.e); err != nil {
			return nil, err
		}
		if x, err = b.known(x, t.at); err != nil {
			return nil, err
		}
		out.Exprs = append(out.Exprs, byPosition(x, at))
		out.Cols = append(out.Cols, types.Column{Name: t.name, Type: x.Type()})
	}
	return out, nil
}

// rowScope is a scope of the table's own columns; at maps them to positions.
func (b *Binder) rowScope(o *catalog.Object, rel string) (*scope, map[logical.ColID]int) {
	sc := &scope{}
	at := map[logical.ColID]int{}
	r := relation{name: rel}
	if rel == o.Name {
		r.schema = o.Schema
	}
	for i, c := range o.Cols {
		id := b.Meta.New(c.Name, c.Type)
		at[id] = i
		sc.cols = append(sc.cols, scopeCol{rel: rel, schema: r.schema, name: c.Name, id: id, hidden: c.Hidden})
		if !c.Hidden {
			r.cols = append(r.cols, id)
		}
	}
	sc.rels = []relation{r}
	return sc, at
}

// conflict binds ON CONFLICT of the statement, else that of the table.
func (b *Binder) conflict(o *catalog.Object, s *ast.Insert) (*Conflict, error) {
	oc := s.OnConflict
	if oc == nil {
		return b.declaredConflict(o)
	}
	if oc.Constraint != "" || oc.TargetWhere != nil {
		return nil, b.unsupported(oc, "this form of ON CONFLICT")
	}
	out := &Conflict{}
	for _, e := range oc.Columns {
		ref, ok := e.(*ast.ColumnRef)
		if !ok || len(ref.Parts) != 1 {
			return nil, b.unsupported(e, "ON CONFLICT on an expression")
		}
		i := colIndex(o, ref.Parts[0])
		if i < 0 {
			return nil, b.errAt(e, sqlerr.UndefinedColumn, "column \"%s\" does not exist", ref.Parts[0])
		}
		out.Key = append(out.Key, i)
	}
	pk := o.PrimaryKey()
	if len(out.Key) > 0 {
		a, c := slices.Clone(out.Key), slices.Clone(pk)
		slices.Sort(a)
		slices.Sort(c)
		if !slices.Equal(a, c) {
			return nil, b.errAt(oc, sqlerr.InvalidColumnReference, "there is no unique or exclusion constraint matching the ON CONFLICT specification")
		}
	}
	if len(oc.Set) == 0 {
		return out, nil
	}
	if len(out.Key) == 0 {
		return nil, b.errAt(oc, sqlerr.SyntaxError, "ON CONFLICT DO UPDATE requires inference specification or constraint name").
			WithHint("For example, ON CONFLICT (column_name).")
	}
	sc, at := b.rowScope(o, alias(s.Alias, o))
	ex, exAt := b.rowScope(o, "excluded")
	byCol := map[int]logical.ColID{}
	for id, i := range at {
		byCol[i] = id
	}
	for i := range ex.cols {
		ex.cols[i].hidden = true
	}
	sc.add(ex)
	for id, i := range exAt {
		at[id] = len(o.Cols) + i
	}
	c := b.exprCtx(sc, "ON CONFLICT")
	c.noSubs = true
	set, err := b.assignments(o, oc.Set, c)
	if err != nil {
		return nil, err
	}
	for i, col := range o.Cols {
		x := set[i]
		if x == nil {
			x = &expr.Col{Index: i, T: col.Type}
		} else {
			x = byPosition(x, at)
		}
		out.Set = append(out.Set, x)
	}
	if err := b.regenerate(o, out.Set); err != nil { // generated columns follow the new values
		return nil, err
	}
	if oc.Where != nil {
		w, err := c.cond(oc.Where, "WHERE")
		if err != nil {
			return nil, err
		}
		out.Where = byPosition(w, at)
	}
	return out, nil
}
