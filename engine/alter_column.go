package engine

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"streamdb/catalog"
	"streamdb/connector"
	"streamdb/executor/op"
	"streamdb/expr"
	"streamdb/expr/funcs"
	"streamdb/internal/sqlerr"
	"streamdb/planner"
	"streamdb/sql/ast"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
)

// ALTER of columns. No row is ever rewritten: a column that is added reads, in
// rows that end before it, as the value that its default had (as in Postgres
// since 11); one that is dropped keeps its place in the row, hidden.

// alterColumns runs an ALTER of an object's columns: while no rows of the table
// are on their way.
func (s *Session) alterColumns(ctx context.Context, st *ast.Alter, what string, build func(cat *catalog.Catalog, o *catalog.Object) (*change, error)) error {
	switch st.Kind {
	case "table", "source", "view", "materialized view", "sink":
	default:
		return sqlerr.Unsupported("%s %s", alterTag(st), what)
	}
	unlock := func() {}
	defer func() { unlock() }()
	return s.alterObject(ctx, st, func(cat *catalog.Catalog, o *catalog.Object) (*change, error) {
		if o.Kind != catalog.Table && o.Kind != catalog.Source {
			return nil, sqlerr.New(sqlerr.WrongObjectType, "ALTER action %s cannot be performed on relation \"%s\"", what, o.Name).
				WithDetail("This operation is not supported for %ss.", o.Kind)
		}
		unlock = s.db.shapes.change(o.ID)
		return build(cat, s.db.catalog().ByID(o.ID))
	})
}

// alterAddColumn is ADD COLUMN.
func (s *Session) alterAddColumn(ctx context.Context, st *ast.Alter, a *ast.AddColumn) error {
	return s.alterColumns(ctx, st, "ADD COLUMN", func(cat *catalog.Catalog, o *catalog.Object) (*change, error) {
		def := a.Column
		if slices.ContainsFunc(o.Cols, func(c catalog.Column) bool { return c.Name == def.Name }) {
			err := duplicateColumn(o, def.Name)
			if a.IfNotExists {
				s.notice(err.Code, "%s, skipping", err.Msg)
				return nil, nil
			}
			return nil, err
		}
		if def.PrimaryKey {
			if len(o.PrimaryKey()) > 0 {
				return nil, sqlerr.New(sqlerr.InvalidTableDefinition, "multiple primary keys for table \"%s\" are not allowed", o.Name)
			}
			return nil, sqlerr.Unsupported("adding a primary key to a table")
		}
		if def.Generated != nil {
			return nil, sqlerr.Unsupported("adding a generated column").WithHint("Compute it in a view.")
		}
		col, err := newColumn(s.jobCtx(cat, ""), def)
		if err != nil {
			return nil, err
		}
		if o.Kind == catalog.Table {
			if err := s.fillMissing(ctx, cat, o, &col, def); err != nil {
				return nil, err
			}
		} else if def.Default != nil {
			return nil, sqlerr.Unsupported("a DEFAULT in a source")
		}
		return s.addColumn(cat, o, col, def)
	})
}

// addColumn is the change that gives o another column.
func (s *Session) addColumn(cat *catalog.Catalog, o *catalog.Object, col catalog.Column, def *ast.ColumnDef) (*change, error) {
	add := func(o *catalog.Object) {
		redefine(o, func(st ast.Stmt) {
			if d := relationDef(st, o); d != nil {
				d.Columns = append(d.Columns, def)
			}
		})
		o.Cols = append(slices.Clone(o.Cols), col)
	}
	n := *o
	add(&n)
	if n.Connector != nil {
		d, cfg, err := openable(s.db.connector, &n, n.Connector)
		if err != nil {
			return nil, err
		}
		if d.Check != nil {
			if err := d.Check(cfg); err != nil {
				return nil, err
			}
		}
		if err := connector.CheckOptions(d, cfg, false); err != nil {
			return nil, err
		}
	}
	c := &change{}
	c.alter(o.ID, add)
	return c, s.reshape(c, cat, &n)
}

// fillMissing finds what the rows that there are hold in a new column: the value
// that its default has now.
func (s *Session) fillMissing(ctx context.Context, cat *catalog.Catalog, o *catalog.Object, col *catalog.Column, def *ast.ColumnDef) error {
	if def.Default != nil {
		x, err := planner.Expr(s.planCtx(cat, ""), def.Default, "DEFAULT expressions", col.Type)
		if err != nil {
			return err
		}
		if expr.VolatilityOf(x) == expr.VolatileFn {
			return sqlerr.Unsupported("adding a column whose default gives every row another value").
				WithHint("Add the column without the default, UPDATE the rows, then ALTER COLUMN .. SET DEFAULT.")
		}
		v, err := x.Eval(s.exprCtx(ctx, &txn{start: s.db.clock.Now()}, nil), nil, nil, 1)
		if err != nil {
			return err
		}
		if d := v.Datum(0); !d.Null {
			text := string(types.AppendText(nil, col.Type, d, nil))
			back, err := types.ParseText(col.Type, text, nil)
			if err != nil || types.Compare(col.Type, back, d) != 0 {
				return sqlerr.Unsupported("adding a column of type %s with a default", col.Type)
			}
			col.Missing = &text
		}
	}
	if !col.NotNull || col.Missing != nil {
		return nil
	}
	empty := true
	err := s.eachRow(o, func([]byte) (bool, error) { empty = false; return false, nil })
	if err == nil && !empty {
		err = containsNulls(o, col.Name)
	}
	return err
}

// eachRow visits the stored rows of a table as they are now.
func (s *Session) eachRow(o *catalog.Object, fn func(row []byte) (bool, error)) error {
	snap := s.db.snapshot(false)
	defer snap.Close()
	return snap.ScanTable(o.Rows.Table.ID, func(_ storage.VNode, _, row []byte) (bool, error) { return fn(row) })
}

func containsNulls(o *catalog.Object, column string) error {
	return sqlerr.New(sqlerr.NotNullViolation, "column \"%s\" of relation \"%s\" contains null values", column, o.Name).
		On(sqlerr.Names{Schema: o.Schema, Table: o.Name, Column: column})
}

// column finds a column for ALTER and refuses system columns.
func column(o *catalog.Object, name, verb string) (int, error) {
	i := visibleColumn(o, name)
	if i >= 0 {
		return i, nil
	}
	if slices.Contains(systemColumns, name) {
		return -1, sqlerr.New(sqlerr.FeatureNotSupported, "cannot %s system column \"%s\"", verb, name)
	}
	return -1, sqlerr.New(sqlerr.UndefinedColumn, "column \"%s\" of relation \"%s\" does not exist", name, o.Name)
}

// alterDropColumn is DROP COLUMN.
func (s *Session) alterDropColumn(ctx context.Context, st *ast.Alter, a *ast.DropColumn) error {
	return s.alterColumns(ctx, st, "DROP COLUMN", func(cat *catalog.Catalog, o *catalog.Object) (*change, error) {
		i, err := column(o, a.Name, "drop")
		if err != nil {
			if a.IfExists && sqlerr.Code(err) == sqlerr.UndefinedColumn {
				s.notice("00000", "%s, skipping", sqlerr.From(err).Msg)
				return nil, nil
			}
			return nil, err
		}
		if err := droppable(o, i); err != nil {
			return nil, err
		}
		c, err := s.dropUsers(cat, o, i, a.Cascade)
		if err != nil {
			return nil, err
		}
		drop := func(o *catalog.Object) { dropColumn(o, i) }
		n := *o
		drop(&n)
		c.alter(o.ID, drop)
		c.untap = append(c.untap, stream.JobID(o.ID))
		if o.Connector != nil { // it need not be decoded any more
			err = s.reshape(c, cat, &n)
		}
		return c, err
	})
}

// droppable refuses to drop a column that the table itself needs.
func droppable(o *catalog.Object, i int) error {
	name := o.Cols[i].Name
	switch {
	case o.Kind == catalog.Source:
		return sqlerr.Unsupported("dropping a column of a source").WithHint("A view reads only the columns that it names.")
	case o.Cols[i].PK > 0:
		return sqlerr.Unsupported("dropping a column of the primary key")
	case len(columnNames(o)) == 1:
		return sqlerr.Unsupported("dropping the last column of a table")
	case o.Watermark != nil && (o.Watermark.Col == i || mentions(o.Watermark.Expr, name)):
		return sqlerr.Unsupported("dropping the column of the watermark")
	case o.Conflict != nil && o.Conflict.Version == i+1:
		return sqlerr.Unsupported("dropping the version column")
	}
	for _, c := range o.Cols {
		if !c.Dropped && c.Generated != "" && mentions(c.Generated, name) && c.Name != name {
			return sqlerr.New(sqlerr.DependentObjectsStillExist, "cannot drop column %s of table %s because other objects depend on it", name, o.Name).
				WithDetail("column %s of table %s depends on column %s of table %s", c.Name, o.Name, name, o.Name).
				WithHint("Drop the generated column first.")
		}
	}
	return nil
}

// mentions reports whether the text of an expression names a column.
func mentions(text, name string) bool {
	return renameText(text, name, name+"?") != renameText(text, name, name)
}

// dropUsers begins the change of DROP COLUMN: what uses the column goes with it,
// if CASCADE allows that.
func (s *Session) dropUsers(cat *catalog.Catalog, o *catalog.Object, i int, cascade bool) (*change, error) {
	d := &dropping{session: s, cat: cat, st: &ast.Drop{Cascade: true}, gone: map[catalog.ID]bool{}}
	users := slices.DeleteFunc(columnUsers(cat, o, i), func(u *catalog.Object) bool { // indexes go with what they are of
		if u.Index != nil && indexNames(u, i) {
			d.gone[u.ID] = true
		}
		return u.Index != nil
	})
	if len(users) == 0 && len(d.gone) == 0 {
		return &change{}, nil
	}
	col := "column " + o.Cols[i].Name + " of table " + o.Name
	if !cascade && len(users) > 0 {
		lines := make([]string, len(users))
		for k, u := range users {
			lines[k] = string(u.Kind) + " " + u.Name + " depends on " + col
		}
		return nil, sqlerr.New(sqlerr.DependentObjectsStillExist, "cannot drop %s because other objects depend on it", col).
			WithDetail("%s", strings.Join(lines, "\n")).
			WithHint("Use DROP ... CASCADE to drop the dependent objects too.")
	}
	for _, u := range users {
		if !d.gone[u.ID] {
			s.notice("00000", "drop cascades to %s %s", u.Kind, u.Name)
			if err := d.object(u); err != nil {
				return nil, err
			}
		}
	}
	return d.change()
}

// columnUsers lists what uses a column of a stored relation. Of what was made
// without noting it, an index say, the plan tells.
func columnUsers(cat *catalog.Catalog, o *catalog.Object, i int) []*catalog.Object {
	var out []*catalog.Object
	for _, dep := range cat.Dependents(o.ID) {
		unknown := len(dep.Refs) == 0 && !dep.Runs()
		if dep.Uses(o.ID, i) || unknown || planUses(dep, o.Rows.Table.ID, i) {
			out = append(out, dep)
		}
	}
	for _, w := range cat.Objects() {
		if w.Kind == catalog.Sink && w.Into == o.ID && w.Runs() {
			if p, err := op.UnmarshalPlan(w.Plan); err != nil || op.SinkGives(p, i) {
				out = append(out, w)
			}
		}
	}
	return out
}

// indexNames reports whether an index was made of a column of its relation: as a
// key, in one, or by INCLUDE. One that just has all columns can do without it.
func indexNames(ix *catalog.Object, i int) bool {
	x := ix.Index
	at := slices.Index(x.From[:x.Given], i)
	if at >= 0 && (at < x.Keys || x.Include) {
		return true
	}
	return slices.ContainsFunc(x.Exprs, func(pinned json.RawMessage) bool {
		if pinned == nil {
			return false
		}
		e, err := funcs.Unmarshal(pinned)
		return err != nil || slices.Contains(expr.Cols(e), i)
	})
}

// dropColumn hides column i of o, which is a copy, for ever.
func dropColumn(o *catalog.Object, i int) {
	name := o.Cols[i].Name
	redefine(o, func(st ast.Stmt) {
		if d := relationDef(st, o); d != nil {
			d.Columns = slices.DeleteFunc(d.Columns, func(c *ast.ColumnDef) bool { return c.Name == name })
		}
	})
	o.Cols = slices.Clone(o.Cols)
	c := &o.Cols[i]
	c.Name = "........pg.dropped." + strconv.Itoa(i+1) + "........"
	c.Hidden, c.Dropped, c.NotNull, c.Default, c.Generated = true, true, false, "", ""
}

// alterColumn is ALTER COLUMN.
func (s *Session) alterColumn(ctx context.Context, st *ast.Alter, a *ast.AlterColumn) error {
	if a.Change == ast.ColumnSetType {
		return sqlerr.Unsupported("ALTER COLUMN .. TYPE").
			WithHint("Add a column of the new type, UPDATE it from the old one, drop that and rename.")
	}
	return s.alterColumns(ctx, st, "ALTER COLUMN", func(cat *catalog.Catalog, o *catalog.Object) (*change, error) {
		if o.Kind == catalog.Source {
			return nil, sqlerr.Unsupported("ALTER COLUMN of a source")
		}
		i, err := column(o, a.Name, "alter")
		if err != nil {
			return nil, err
		}
		edit, err := s.columnEdit(cat, o, i, a)
		if err != nil || edit == nil {
			return nil, err
		}
		c := &change{}
		c.alter(o.ID, func(o *catalog.Object) {
			name := o.Cols[i].Name
			redefine(o, func(st ast.Stmt) {
				if d := relationDef(st, o); d != nil {
					if k := slices.IndexFunc(d.Columns, func(c *ast.ColumnDef) bool { return c.Name == name }); k >= 0 {
						edit(&catalog.Column{}, d.Columns[k])
					}
				}
			})
			o.Cols = slices.Clone(o.Cols)
			edit(&o.Cols[i], &ast.ColumnDef{})
		})
		return c, nil
	})
}

// columnEdit checks a change of a column and tells what it does to the column
// and to its definition; nil: nothing.
func (s *Session) columnEdit(cat *catalog.Catalog, o *catalog.Object, i int, a *ast.AlterColumn) (func(*catalog.Column, *ast.ColumnDef), error) {
	col := o.Cols[i]
	switch a.Change {
	case ast.ColumnSetDefault:
		if col.Generated != "" {
			return nil, sqlerr.New(sqlerr.SyntaxError, "column \"%s\" of relation \"%s\" is a generated column", col.Name, o.Name)
		}
		if err := checkDefault(s.jobCtx(cat, ""), a.Default, col.Type); err != nil {
			return nil, err
		}
		text := ast.String(a.Default)
		return func(c *catalog.Column, d *ast.ColumnDef) { c.Default, d.Default = text, a.Default }, nil
	case ast.ColumnDropDefault:
		return func(c *catalog.Column, d *ast.ColumnDef) { c.Default, d.Default = "", nil }, nil
	case ast.ColumnSetNotNull:
		if col.NotNull {
			return nil, nil
		}
		if err := s.checkNoNulls(o, i); err != nil {
			return nil, err
		}
		return func(c *catalog.Column, d *ast.ColumnDef) { c.NotNull, d.NotNull, d.Null = true, true, false }, nil
	}
	switch {
	case col.PK > 0:
		return nil, sqlerr.New(sqlerr.InvalidTableDefinition, "column \"%s\" is in a primary key", col.Name)
	case !col.NotNull:
		return nil, nil
	}
	for _, u := range columnUsers(cat, o, i) {
		if u.Runs() {
			return nil, sqlerr.Unsupported("DROP NOT NULL of a column that %s %s uses", u.Kind, u.Name).
				WithDetail("It was planned for a column without NULLs.")
		}
	}
	return func(c *catalog.Column, d *ast.ColumnDef) { c.NotNull, d.NotNull = false, false }, nil
}

// checkNoNulls is SET NOT NULL's look at the rows.
func (s *Session) checkNoNulls(o *catalog.Object, i int) error {
	t := rowTable(o)
	dec := t.Decoder([]int{i})
	bs := t.Builders([]int{i}, 1)
	return s.eachRow(o, func(row []byte) (bool, error) {
		bs[0].Reset(1)
		if err := dec.Append(bs, row); err != nil {
			return false, err
		}
		if v := bs[0].Vec(); v.Null(0) {
			return false, containsNulls(o, o.Cols[i].Name)
		}
		return true, nil
	})
}
