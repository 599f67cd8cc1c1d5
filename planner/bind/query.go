package bind

import (
	"strconv"

	"streamdb/expr"
	"streamdb/expr/casts"
	"streamdb/internal/sqlerr"
	"streamdb/planner/logical"
	"streamdb/sql/ast"
	"streamdb/types"
)

// OutCol is a column of a query's result.
type OutCol struct {
	Name string
	ID   logical.ColID
}

// Rel is a bound query. Root may provide more columns than Cols lists.
type Rel struct {
	Root  logical.Node
	Cols  []OutCol
	Order []logical.SortKey // of its ORDER BY
}

func (r *Rel) scopeCols() []scopeCol {
	out := make([]scopeCol, len(r.Cols))
	for i, c := range r.Cols {
		out[i] = scopeCol{name: c.Name, id: c.ID}
	}
	return out
}

// Query binds a whole statement.
func (b *Binder) Query(q *ast.Query) (*Rel, error) { return b.query(q, nil, nil) }

// query binds a query and gives every column a type.
func (b *Binder) query(q *ast.Query, parent *scope, env *cteEnv) (*Rel, error) {
	rel, err := b.queryRaw(q, parent, env)
	if err != nil {
		return nil, err
	}
	for i := range rel.Cols {
		if isUnknown(b.Meta.Cols[rel.Cols[i].ID].Type) {
			if err := b.retypeOut(rel, i, types.Of(types.Text), casts.Implicit, q); err != nil {
				return nil, err
			}
		}
	}
	return rel, nil
}

func (b *Binder) retypeOut(rel *Rel, i int, to types.T, how casts.Context, n ast.Node) error {
	root, id, err := b.retype(rel.Root, rel.Cols[i].ID, to, how, n)
	if err != nil {
		return err
	}
	rel.Root, rel.Cols[i].ID = root, id
	return nil
}

// queryRaw leaves untyped literals untyped, for INSERT and set operations.
func (b *Binder) queryRaw(q *ast.Query, parent *scope, env *cteEnv) (*Rel, error) {
	env, err := b.with(q.With, parent, env)
	if err != nil {
		return nil, err
	}
	if sel, ok := q.Body.(*ast.Select); ok {
		return b.selectStmt(sel, q, parent, env)
	}
	rel, err := b.body(q.Body, parent, env)
	if err != nil {
		return nil, err
	}
	if len(q.OrderBy) > 0 {
		for i := range rel.Cols { // what is sorted needs a type
			if isUnknown(b.Meta.Cols[rel.Cols[i].ID].Type) {
				if err := b.retypeOut(rel, i, types.Of(types.Text), casts.Implicit, q); err != nil {
					return nil, err
				}
			}
		}
	}
	_, isValues := q.Body.(*ast.Values)
	var keys []logical.SortKey
	for _, o := range q.OrderBy {
		id, err := b.outputKey(o, rel)
		if err != nil {
			return nil, err
		}
		if id == 0 && isValues {
			return nil, b.unsupported(o, "an expression in the ORDER BY of VALUES")
		}
		if id == 0 {
			return nil, b.errAt(o.Expr, sqlerr.FeatureNotSupported, "invalid UNION/INTERSECT/EXCEPT ORDER BY clause").
				WithDetail("Only result column names can be used, not expressions or functions.").
				WithHint("Add the expression/function to every SELECT, or move the UNION into a FROM clause.")
		}
		k, err := b.sortKey(o, id)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return b.finish(rel, keys, q, parent)
}

// outputKey finds the output column that an ORDER BY item names by number or name.
func (b *Binder) outputKey(o *ast.OrderItem, rel *Rel) (logical.ColID, error) {
	switch e := o.Expr.(type) {
	case *ast.NumberLit:
		i, err := b.ordinal(e, "ORDER BY", len(rel.Cols))
		if err != nil {
			return 0, err
		}
		return rel.Cols[i].ID, nil
	case *ast.ColumnRef:
		if len(e.Parts) == 1 {
			var found logical.ColID
			for _, c := range rel.Cols {
				if c.Name == e.Parts[0] {
					if found != 0 && found != c.ID {
						return 0, b.errAt(e, sqlerr.AmbiguousColumn, "ORDER BY \"%s\" is ambiguous", c.Name)
					}
					found = c.ID
				}
			}
			return found, nil
		}
	case *ast.StringLit:
		return 0, b.errAt(e, sqlerr.SyntaxError, "non-integer constant in ORDER BY")
	}
	return 0, nil
}

func (b *Binder) ordinal(e *ast.NumberLit, clause string, n int) (int, error) {
	i, err := strconv.Atoi(e.Text)
	if err != nil {
		return 0, b.errAt(e, sqlerr.SyntaxError, "non-integer constant in %s", clause)
	}
	if i < 1 || i > n {
		return 0, b.errAt(e, sqlerr.InvalidColumnReference, "%s position %d is not in select list", clause, i)
	}
	return i - 1, nil
}

// with adds a WITH clause's queries to what names may mean.
func (b *Binder) with(w *ast.With, parent *scope, env *cteEnv) (*cteEnv, error) {
	if w == nil {
		return env, nil
	}
	if w.Mutually {
		return nil, b.unsupported(w, "WITH MUTUALLY RECURSIVE")
	}
	for i, c := range w.CTEs {
		for _, o := range w.CTEs[:i] {
			if o.Name == c.Name {
				return nil, b.errAt(c, sqlerr.DuplicateAlias, "WITH query name \"%s\" specified more than once", c.Name)
			}
		}
		e := &cteEnv{next: env, cte: c, env: env, outer: parent}
		if w.Recursive {
			e.env = &cteEnv{next: env, cte: c, self: true}
		}
		env = e
	}
	return env, nil
}

// finish adds ORDER BY, OFFSET and LIMIT.
func (b *Binder) finish(rel *Rel, keys []logical.SortKey, q *ast.Query, parent *scope) (*Rel, error) {
	rel.Order = keys
	limit, err := b.count(q.Limit, "LIMIT", parent)
	if err != nil {
		return nil, err
	}
	offset, err := b.count(q.Offset, "OFFSET", parent)
	if err != nil {
		return nil, err
	}
	if q.WithTies && len(keys) == 0 {
		return nil, b.errAt(q, sqlerr.SyntaxError, "WITH TIES cannot be specified without ORDER BY clause")
	}
	switch {
	case limit != nil || offset != nil:
		rel.Root = &logical.Limit{In: rel.Root, Keys: keys, Limit: limit, Offset: offset, WithTies: q.WithTies}
	case len(keys) > 0:
		rel.Root = &logical.Sort{In: rel.Root, Keys: keys}
	}
	return rel, nil
}

// count binds the argument of LIMIT or OFFSET.
func (b *Binder) count(e ast.Expr, clause string, parent *scope) (expr.Expr, error) {
	if e == nil {
		return nil, nil
	}
	c := b.exprCtx(&scope{parent: parent}, clause)
	c.noSubs = true
	x, err := c.bind(e)
	if sqlerr.Code(err) == sqlerr.UndefinedColumn {
		return nil, b.errAt(e, sqlerr.InvalidColumnReference, "argument of %s must not contain variables", clause)
	}
	if err != nil {
		return nil, err
	}
	if !logical.Cols(x).Empty() {
		return nil, b.errAt(e, sqlerr.InvalidColumnReference, "argument of %s must not contain variables", clause)
	}
	if !casts.CanCoerce(x.Type(), types.Of(types.Int8), casts.Assignment) || x.Type().IsString() && !isUnknown(x.Type()) {
		return nil, b.errAt(e, sqlerr.DatatypeMismatch, "argument of %s must be type bigint, not type %s", clause, bare(x.Type()))
	}
	x, err = b.coerce(x, types.Of(types.Int8), casts.Assignment, e)
	if err != nil {
		return nil, err
	}
	return expr.Fold(x), nil
}

// body binds what set operations combine.
func (b *Binder) body(body ast.QueryBody, parent *scope, env *cteEnv) (*Rel, error) {
	switch q := body.(type) {
	case *ast.Query:
		return b.queryRaw(q, parent, env)
	case *ast.Select:
		return b.selectStmt(q, &ast.Query{Pos: q.Pos, Body: q}, parent, env)
	case *ast.SetOp:
		return b.setOp(q, parent, env)
	case *ast.Values:
		return b.values(q, parent, env)
	}
	return nil, sqlerr.Unsupported("%T as a query", body)
}

// values binds a VALUES list.
func (b *Binder) values(v *ast.Values, parent *scope, env *cteEnv) (*Rel, error) {
	c := b.exprCtx(&scope{parent: parent, ctes: env}, "VALUES")
	rows := make([][]expr.Expr, len(v.Rows))
	for i, r := range v.Rows {
		if len(r) != len(v.Rows[0]) {
			return nil, b.errAt(r[0], sqlerr.SyntaxError, "VALUES lists must all be the same length")
		}
		var err error
		if rows[i], err = c.binds(r); err != nil {
			return nil, err
		}
	}
	width := len(v.Rows[0])
	rel := &Rel{}
	cols := make([]logical.ColID, width)
	for k := range width {
		column := make([]expr.Expr, len(rows))
		allUnknown := true
		for i := range rows {
			column[i] = rows[i][k]
			allUnknown = allUnknown && isUnknown(column[i].Type())
		}
		t := types.T{}
		if !allUnknown {
			var err error
			if column, t, err = b.common("VALUES", column, v); err != nil {
				return nil, err
			}
		}
		for i := range rows {
			rows[i][k] = column[i]
		}
		cols[k] = b.Meta.New("column"+strconv.Itoa(k+1), t)
		rel.Cols = append(rel.Cols, OutCol{"column" + strconv.Itoa(k+1), cols[k]})
	}
	if len(*c.pending) == 0 {
		rel.Root = &logical.Values{Rows: rows, Cols: cols}
		return rel, nil
	}
	if len(rows) != 1 {
		return nil, b.unsupported(v, "subqueries in VALUES of several rows")
	}
	node, err := c.attach(logical.OneRow())
	if err != nil {
		return nil, err
	}
	p := &logical.Project{In: node}
	for k, id := range cols {
		p.Items = append(p.Items, logical.Item{Col: id, E: rows[0][k]})
	}
	rel.Root = p
	return rel, nil
}
