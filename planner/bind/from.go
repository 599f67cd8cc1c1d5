package bind

import (
	"streamdb/catalog"
	"streamdb/expr"
	"streamdb/expr/casts"
	"streamdb/internal/sqlerr"
	"streamdb/planner/logical"
	"streamdb/sql/ast"
	"streamdb/types"
)

// from binds a FROM list: comma is a join without condition, LATERAL items see
// those before them.
func (b *Binder) from(items []ast.TableExpr, parent *scope, env *cteEnv) (logical.Node, *scope, error) {
	sc := &scope{parent: parent, ctes: env}
	var node logical.Node
	for _, it := range items {
		n, s, err := b.table(it, sc, env)
		if err != nil {
			return nil, nil, err
		}
		if err := b.merge(sc, s, it); err != nil {
			return nil, nil, err
		}
		if node == nil {
			node = n
		} else {
			node = joinOrApply(logical.Inner, node, n, nil)
		}
	}
	if node == nil {
		node = logical.OneRow()
	}
	return node, sc, nil
}

func joinOrApply(kind logical.JoinKind, l, r logical.Node, on []expr.Expr) logical.Node {
	if logical.Free(r).Meets(logical.OutSet(l)) {
		return &logical.Apply{Kind: kind, L: l, R: r, On: on}
	}
	return &logical.Join{Kind: kind, L: l, R: r, On: on}
}

// merge adds a relation's names to a scope; two of one name are an error.
func (b *Binder) merge(sc, s *scope, n ast.Node) error {
	for _, r := range s.rels {
		for _, o := range sc.rels {
			if r.name == o.name && r.name != "" && (r.schema == o.schema || r.schema == "" || o.schema == "") {
				return b.errAt(n, sqlerr.DuplicateAlias, "table name \"%s\" specified more than once", r.name)
			}
		}
	}
	sc.add(s)
	return nil
}

// table binds one element of FROM. left is what LATERAL sees.
func (b *Binder) table(t ast.TableExpr, left *scope, env *cteEnv) (logical.Node, *scope, error) {
	outer := &scope{parent: left.parent, ctes: env}
	switch t := t.(type) {
	case *ast.TableName:
		if t.AsOf != nil {
			return nil, nil, b.unsupported(t, "FOR SYSTEM_TIME AS OF outside of the right side of a JOIN")
		}
		n, cols, rel, err := b.relation(t.Name, env)
		if err != nil {
			return nil, nil, err
		}
		return b.aliased(n, cols, rel, t.Name.Base(), t.Name.Schema(), t.Alias, t)
	case *ast.SubqueryTable:
		sc := outer
		if t.Lateral {
			sc = left
		}
		rel, err := b.query(t.Query, sc, env)
		if err != nil {
			return nil, nil, err
		}
		return b.aliased(rel.Root, rel.scopeCols(), relation{}, "", "", t.Alias, t)
	case *ast.FuncTable:
		if t.AsOf != nil {
			return nil, nil, b.unsupported(t, "FOR SYSTEM_TIME AS OF")
		}
		return b.funcTable(t, left, env)
	case *ast.RowsFrom:
		return b.rowsFrom(t, left, env)
	case *ast.Join:
		return b.join(t, left, env)
	}
	return nil, nil, sqlerr.Unsupported("%T in FROM", t)
}

// aliased gives a relation its alias and column aliases.
func (b *Binder) aliased(n logical.Node, cols []scopeCol, rel relation, name, schema string, alias *ast.TableAlias, at ast.Node) (logical.Node, *scope, error) {
	if rel.schema != "" {
		schema = rel.schema
	}
	if alias != nil && alias.Name != "" {
		name, schema = alias.Name, ""
	}
	visible := 0
	for i := range cols {
		cols[i].rel, cols[i].schema = name, schema
		if cols[i].hidden {
			continue
		}
		if alias != nil && visible < len(alias.Columns) {
			cols[i].name = alias.Columns[visible]
		}
		visible++
	}
	if alias != nil && len(alias.Columns) > visible {
		return nil, nil, b.errAt(at, sqlerr.InvalidColumnReference, "table \"%s\" has %d columns available but %d columns specified", name, visible, len(alias.Columns))
	}
	rel.name, rel.schema = name, schema
	rel.cols = nil
	for _, c := range cols {
		if !c.hidden {
			rel.cols = append(rel.cols, c.id)
		}
	}
	return n, &scope{cols: cols, rels: []relation{rel}}, nil
}

// relation finds a relation by name: CTE, system table, or catalog object.
func (b *Binder) relation(name ast.Name, env *cteEnv) (logical.Node, []scopeCol, relation, error) {
	base, schema := name.Base(), name.Schema()
	if schema == "" {
		if e := (&scope{ctes: env}).findCTE(base); e != nil {
			return b.cteRef(e, name)
		}
	}
	if db := name.Database(); db != "" && b.ctx.Database != "" && db != b.ctx.Database {
		return nil, nil, relation{}, b.errAt(name, sqlerr.FeatureNotSupported, "cross-database references are not implemented: \"%s\"", name)
	}
	if o, ref := b.named(name); o != nil {
		n, cols, rel, err := b.object(o, name)
		rel.schema = o.Schema
		if ref != nil && schema != "" { // as the view's text knows it
			rel.schema = schema
		}
		return n, ref.apply(cols), rel, err
	}
	if n, cols, ok := b.systemTable(schema, base); ok {
		return n, cols, relation{}, nil
	}
	if schema != "" {
		if _, ok := b.ctx.Catalog.Schema(schema); !ok && !catalog.IsSystemSchema(schema) {
			return nil, nil, relation{}, b.errAt(name, sqlerr.UndefinedTable, "relation \"%s.%s\" does not exist", schema, base)
		}
	}
	shown := base
	if schema != "" {
		shown = schema + "." + base
	}
	err := b.errAt(name, sqlerr.UndefinedTable, "relation \"%s\" does not exist", shown)
	if near := b.nearObject(base); near != "" {
		err.WithHint("Perhaps you meant the relation \"%s\".", near)
	}
	return nil, nil, relation{}, err
}

// Object finds a catalog object along the search path; system schemas shadow
// nothing here.
func (b *Binder) Object(schema, name string) *catalog.Object {
	if schema == "" && b.ctx.SystemTable != nil { // pg_catalog is searched first
		if _, ok := b.ctx.SystemTable("pg_catalog", name); ok {
			return nil
		}
	}
	return b.ctx.Catalog.Resolve(schema, name, b.ctx.SearchPath)
}

func (b *Binder) nearObject(name string) string {
	best, dist := "", 3
	for _, o := range b.ctx.Catalog.Objects() {
		if d := editDistance(name, o.Name); d < dist && d < len(name) {
			best, dist = o.Name, d
		}
	}
	return best
}

func (b *Binder) systemTable(schema, name string) (logical.Node, []scopeCol, bool) {
	if b.ctx.SystemTable == nil {
		return nil, nil, false
	}
	schemas := []string{schema}
	if schema == "" {
		schemas = append([]string{"pg_catalog"}, b.ctx.SearchPath...)
	}
	for _, s := range schemas {
		if sch, ok := b.ctx.SystemTable(s, name); ok {
			n := &logical.Virtual{Schema: s, Name: name}
			var cols []scopeCol
			for i, c := range sch {
				id := b.Meta.New(c.Name, c.Type)
				n.Cols, n.Idx = append(n.Cols, id), append(n.Idx, i)
				cols = append(cols, scopeCol{name: c.Name, id: id, hidden: c.Hidden})
			}
			return b.withTableOID(n, cols)
		}
	}
	return nil, nil, false
}

// withTableOID adds the column tableoid, which psql joins descriptions by.
func (b *Binder) withTableOID(n *logical.Virtual, cols []scopeCol) (logical.Node, []scopeCol, bool) {
	if b.ctx.Env == nil || b.ctx.Env.RegIn == nil {
		return n, cols, true
	}
	oid, err := b.ctx.Env.RegIn(types.Of(types.Regclass), n.Schema+"."+n.Name)
	if err != nil {
		return n, cols, true
	}
	id := b.Meta.New("tableoid", types.Of(types.OID))
	items := append(logical.Pass(b.Meta, n.Cols), logical.Item{Col: id, E: intConst(oid, types.Of(types.OID))})
	return &logical.Project{In: n, Items: items}, append(cols, scopeCol{name: "tableoid", id: id, hidden: true}), true
}

// object reads a catalog object; views are bound in place.
func (b *Binder) object(o *catalog.Object, at ast.Node) (logical.Node, []scopeCol, relation, error) {
	b.Deps[o.ID] = true
	switch o.Kind {
	case catalog.View:
		return b.view(o, at)
	case catalog.Table, catalog.MaterializedView, catalog.Source, catalog.Index:
	default:
		return nil, nil, relation{}, b.errAt(at, sqlerr.WrongObjectType, "\"%s\" is not a table or view", o.Name).WithDetail("It is a %s.", o.Kind)
	}
	var ids []logical.ColID
	var idx []int
	var cols []scopeCol
	attr := uint16(0)
	for i, c := range o.Cols {
		id := b.Meta.New(c.Name, c.Type)
		b.Meta.Cols[id].NotNull = c.NotNull
		if !c.Hidden {
			if attr++; b.views == 0 { // of a view's columns Postgres names the view
				b.Meta.SetOrigin(id, logical.Origin{Table: o.ID, Attr: attr})
			}
		}
		ids, idx = append(ids, id), append(idx, i)
		b.keeps(id, o, i)
		cols = append(cols, scopeCol{name: c.Name, id: id, hidden: c.Hidden})
	}
	var rel relation
	for _, k := range o.PrimaryKey() {
		rel.pk = append(rel.pk, ids[k])
	}
	if o.Kind == catalog.Source {
		n, err := b.source(o, ids, idx)
		return n, cols, rel, err
	}
	if o.Rows == nil {
		return nil, nil, rel, b.errAt(at, sqlerr.ObjectNotInPrerequisiteState, "relation \"%s\" has no rows yet", o.Name)
	}
	return &logical.Scan{Obj: o, Cols: ids, Idx: idx}, cols, rel, nil
}

// source reads a source: what its connector gives, then generated columns, then
// its watermark.
func (b *Binder) source(o *catalog.Object, ids []logical.ColID, idx []int) (logical.Node, error) {
	sc := &scope{rels: []relation{{name: o.Name}}}
	for i, c := range o.Cols {
		sc.cols = append(sc.cols, scopeCol{rel: o.Name, name: c.Name, id: ids[i], hidden: c.Hidden})
	}
	b.views++
	defer func() { b.views-- }()
	text := func(src string, to types.T) (expr.Expr, error) {
		e, err := b.parseExpr(o, src)
		if err != nil {
			return nil, err
		}
		c := b.exprCtx(sc, "a source")
		c.noSubs = true
		b.generating = true
		defer func() { b.generating = false }()
		x, err := c.bind(e)
		if err != nil {
			return nil, err
		}
		return b.coerce(x, to, casts.Assignment, e)
	}
	scan := &logical.SourceScan{Obj: o}
	var node logical.Node = scan
	var items []logical.Item
	for i, c := range o.Cols {
		if c.Generated == "" {
			scan.Cols, scan.Idx = append(scan.Cols, ids[i]), append(scan.Idx, idx[i])
			continue
		}
		e, err := text(c.Generated, c.Type)
		if err != nil {
			return nil, err
		}
		items = append(items, logical.Item{Col: ids[i], E: e})
	}
	if len(items) > 0 {
		node = &logical.Project{In: node, Items: append(logical.Pass(b.Meta, scan.Cols), items...)}
	}
	if w := o.Watermark; w != nil {
		e, err := text(w.Expr, o.Cols[w.Col].Type)
		if err != nil {
			return nil, err
		}
		node = &logical.Watermark{In: node, Col: ids[w.Col], E: e, Of: o}
	}
	return node, nil
}

// view binds the text of a view where it is used.
func (b *Binder) view(o *catalog.Object, at ast.Node) (logical.Node, []scopeCol, relation, error) {
	if b.views >= maxViewDepth {
		return nil, nil, relation{}, b.errAt(at, sqlerr.StatementTooComplex, "views are nested too deeply")
	}
	q, err := b.ctx.ParseQuery(o.Query)
	if err != nil {
		return nil, nil, relation{}, sqlerr.Wrap(sqlerr.InternalError, err, "view \"%s\" cannot be read", o.Name)
	}
	path, within := b.ctx.SearchPath, b.within
	b.views++
	b.ctx.SearchPath, b.within = o.SearchPath, o
	rel, err := b.query(q, nil, nil)
	b.ctx.SearchPath, b.within = path, within
	b.views--
	if err != nil {
		return nil, nil, relation{}, err
	}
	cols := rel.scopeCols()
	k := 0
	for _, c := range o.Cols {
		if c.Hidden || k >= len(cols) {
			continue
		}
		cols[k].name = c.Name
		b.keeps(cols[k].id, o, k)
		k++
	}
	return rel.Root, cols, relation{}, nil
}

// cteRef binds a CTE where it is used.
func (b *Binder) cteRef(e *cteEnv, at ast.Node) (logical.Node, []scopeCol, relation, error) {
	if e.self {
		return nil, nil, relation{}, b.unsupported(at, "WITH RECURSIVE")
	}
	if e.cte.Query == nil {
		return nil, nil, relation{}, b.unsupported(at, "AS CHANGELOG FROM")
	}
	rel, err := b.cteQuery(e, at)
	if err != nil {
		return nil, nil, relation{}, err
	}
	cols := rel.scopeCols()
	if len(e.cte.Columns) > len(cols) {
		return nil, nil, relation{}, b.errAt(e.cte, sqlerr.InvalidColumnReference, "WITH query \"%s\" has %d columns available but %d columns specified", e.cte.Name, len(cols), len(e.cte.Columns))
	}
	for i, n := range e.cte.Columns {
		cols[i].name = n
	}
	return rel.Root, cols, relation{}, nil
}
