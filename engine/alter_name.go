package engine

import (
	"context"
	"slices"
	"strings"

	"streamdb/catalog"
	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
)

// What ALTER does to names. Dependents do not change: they know what they read
// by identity (catalog.Ref), so that nothing but the object itself is written.

// alterTag is the command of an ALTER in errors.
func alterTag(st *ast.Alter) string { return "ALTER " + strings.ToUpper(string(st.Kind)) }

// altered finds the object of an ALTER; nil without an error if there is none
// and IF EXISTS was said. As in Postgres, ALTER TABLE means views as well.
func (s *Session) altered(cat *catalog.Catalog, st *ast.Alter) (*catalog.Object, error) {
	o := cat.Resolve(st.Name.Schema(), st.Name.Base(), s.settings.searchPath(s.info.User))
	if o == nil {
		if catalog.IsSystemSchema(st.Name.Schema()) || s.systemName(st.Name) {
			return nil, sqlerr.New(sqlerr.InsufficientPrivilege, "permission denied: \"%s\" is a system catalog", st.Name.Base())
		}
		err := sqlerr.New(sqlerr.UndefinedTable, "relation \"%s\" does not exist", st.Name.String())
		if st.IfExists {
			s.notice("00000", "%s, skipping", err.Msg)
			return nil, nil
		}
		return nil, err.At(st.Name.At() + 1)
	}
	if string(st.Kind) == string(o.Kind) || st.Kind == "table" && slices.Contains([]catalog.Kind{catalog.View, catalog.MaterializedView, catalog.Index}, o.Kind) {
		return o, nil
	}
	return nil, sqlerr.New(sqlerr.WrongObjectType, "\"%s\" is not %s %s", o.Name, article(string(st.Kind)), st.Kind).
		WithHint("Use ALTER %s.", strings.ToUpper(string(o.Kind)))
}

// systemName reports whether an unqualified name is a system table's.
func (s *Session) systemName(name ast.Name) bool {
	_, ok := systemTable("pg_catalog", name.Base())
	return ok && name.Schema() == ""
}

func article(noun string) string {
	if strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an"
	}
	return "a"
}

// alterObject runs an ALTER of one object whose change build makes.
func (s *Session) alterObject(ctx context.Context, st *ast.Alter, build func(cat *catalog.Catalog, o *catalog.Object) (*change, error)) error {
	return s.ddl(ctx, alterTag(st), func(cat *catalog.Catalog) (*change, error) {
		o, err := s.altered(cat, st)
		if o == nil || err != nil {
			return nil, err
		}
		return build(cat, o)
	})
}

// alterRename is RENAME TO.
func (s *Session) alterRename(ctx context.Context, st *ast.Alter, a *ast.RenameTo) error {
	switch st.Kind {
	case "schema":
		return s.renameSchema(ctx, st, a.Name)
	case "table", "source", "view", "materialized view", "sink", "index":
	default:
		return sqlerr.Unsupported("%s RENAME", alterTag(st))
	}
	return s.alterObject(ctx, st, func(cat *catalog.Catalog, o *catalog.Object) (*change, error) {
		if err := cat.CheckFree(o.Schema, a.Name); err != nil {
			return nil, err
		}
		c := &change{}
		c.alter(o.ID, func(o *catalog.Object) { o.Name = a.Name })
		return c, nil
	})
}

// renameSchema renames a schema and moves all that is in it.
func (s *Session) renameSchema(ctx context.Context, st *ast.Alter, to string) error {
	return s.ddl(ctx, alterTag(st), func(cat *catalog.Catalog) (*change, error) {
		from := st.Name.Base()
		id, err := findSchema(cat, from)
		if err != nil {
			return nil, err
		}
		if err := freeSchema(cat, to); err != nil {
			return nil, err
		}
		c := &change{dropSchema: []string{from}, addSchema: map[string]catalog.ID{to: id}}
		for _, o := range cat.Objects() {
			if o.Schema == from {
				c.alter(o.ID, func(o *catalog.Object) { o.Schema = to })
			}
		}
		return c, nil
	})
}

// findSchema finds a user's schema.
func findSchema(cat *catalog.Catalog, name string) (catalog.ID, error) {
	id, ok := cat.Schema(name)
	switch {
	case catalog.IsSystemSchema(name):
		return 0, sqlerr.New(sqlerr.InsufficientPrivilege, "permission denied: \"%s\" is a system schema", name)
	case !ok:
		return 0, sqlerr.New(sqlerr.InvalidSchemaName, "schema \"%s\" does not exist", name)
	}
	return id, nil
}

// freeSchema checks the name of a new schema.
func freeSchema(cat *catalog.Catalog, name string) error {
	if catalog.IsSystemSchema(name) {
		return sqlerr.New(sqlerr.ReservedName, "unacceptable schema name \"%s\"", name).
			WithDetail("The prefix \"pg_\" and the names of system schemas are reserved.")
	}
	if _, ok := cat.Schema(name); ok {
		return sqlerr.New(sqlerr.DuplicateSchema, "schema \"%s\" already exists", name)
	}
	return nil
}

// alterSchema is SET SCHEMA.
func (s *Session) alterSchema(ctx context.Context, st *ast.Alter, a *ast.SetSchema) error {
	switch st.Kind {
	case "table", "source", "view", "materialized view", "sink", "index":
	default:
		return sqlerr.Unsupported("%s SET SCHEMA", alterTag(st))
	}
	return s.alterObject(ctx, st, func(cat *catalog.Catalog, o *catalog.Object) (*change, error) {
		if _, err := findSchema(cat, a.Schema); err != nil {
			return nil, err
		}
		if a.Schema == o.Schema {
			return nil, nil
		}
		if cat.Find(a.Schema, o.Name) != nil {
			return nil, taken(a.Schema, o.Name)
		}
		c := &change{}
		c.alter(o.ID, func(o *catalog.Object) { o.Schema = a.Schema })
		return c, c.moveIndexes(cat, o, a.Schema)
	})
}

func taken(schema, name string) error {
	return sqlerr.New(sqlerr.DuplicateTable, "relation \"%s\" already exists in schema \"%s\"", name, schema)
}

// moveIndexes brings the indexes of an object to its new schema, as in Postgres.
func (c *change) moveIndexes(cat *catalog.Catalog, o *catalog.Object, to string) error {
	for _, ix := range cat.Indexes(o.ID) {
		if ix.Schema == to {
			continue
		}
		if cat.Find(to, ix.Name) != nil {
			return taken(to, ix.Name)
		}
		c.alter(ix.ID, func(n *catalog.Object) { n.Schema = to })
	}
	return nil
}

// alterSwap is SWAP WITH: two objects of one kind exchange their names. Their
// dependents go on with what they read before.
func (s *Session) alterSwap(ctx context.Context, st *ast.Alter, a *ast.SwapWith) error {
	switch st.Kind {
	case "table", "source", "view", "materialized view", "sink":
	default:
		return sqlerr.Unsupported("%s SWAP WITH", alterTag(st))
	}
	return s.alterObject(ctx, st, func(cat *catalog.Catalog, o *catalog.Object) (*change, error) {
		other, err := s.altered(cat, &ast.Alter{Kind: st.Kind, Name: a.Name})
		if err != nil {
			return nil, err
		}
		if o.Kind != other.Kind {
			return nil, sqlerr.New(sqlerr.WrongObjectType, "\"%s\" is a %s, \"%s\" is a %s", o.Name, o.Kind, other.Name, other.Kind)
		}
		if o == other {
			return nil, nil
		}
		c := &change{}
		c.alter(o.ID, func(n *catalog.Object) { n.Schema, n.Name = other.Schema, other.Name })
		c.alter(other.ID, func(n *catalog.Object) { n.Schema, n.Name = o.Schema, o.Name })
		if o.Schema != other.Schema {
			if err := c.moveIndexes(cat, o, other.Schema); err != nil {
				return nil, err
			}
			if err := c.moveIndexes(cat, other, o.Schema); err != nil {
				return nil, err
			}
		}
		return c, nil
	})
}

// alterOwner is OWNER TO.
func (s *Session) alterOwner(ctx context.Context, st *ast.Alter, a *ast.OwnerTo) error {
	owner := a.Owner
	switch owner {
	case "current_user", "session_user", "current_role":
		owner = s.info.User
	}
	if err := s.roleExists(owner); err != nil {
		return err
	}
	switch st.Kind {
	case "schema":
		return s.ddl(ctx, alterTag(st), func(cat *catalog.Catalog) (*change, error) {
			_, err := findSchema(cat, st.Name.Base())
			return nil, err // a schema belongs to everybody
		})
	case "table", "source", "view", "materialized view", "sink", "index":
	default:
		return sqlerr.Unsupported("%s OWNER", alterTag(st))
	}
	return s.alterObject(ctx, st, func(_ *catalog.Catalog, o *catalog.Object) (*change, error) {
		c := &change{}
		c.alter(o.ID, func(o *catalog.Object) { o.Owner = owner })
		return c, nil
	})
}

// alterRenameColumn is RENAME COLUMN.
func (s *Session) alterRenameColumn(ctx context.Context, st *ast.Alter, a *ast.RenameColumn) error {
	switch st.Kind {
	case "table", "source", "view", "materialized view":
	default:
		return sqlerr.Unsupported("%s RENAME COLUMN", alterTag(st))
	}
	return s.alterObject(ctx, st, func(cat *catalog.Catalog, o *catalog.Object) (*change, error) {
		i := visibleColumn(o, a.From)
		if i < 0 {
			return nil, sqlerr.New(sqlerr.UndefinedColumn, "column \"%s\" does not exist", a.From)
		}
		if slices.ContainsFunc(o.Cols, func(c catalog.Column) bool { return c.Name == a.To }) {
			return nil, duplicateColumn(o, a.To)
		}
		if err := checkColumnName(a.To); err != nil {
			return nil, err
		}
		c := &change{}
		c.alter(o.ID, func(o *catalog.Object) { renameColumn(o, i, a.To) })
		for _, ix := range cat.Indexes(o.ID) { // their texts are bound to no names
			c.alter(ix.ID, func(ix *catalog.Object) { renameIndexed(ix, a.From, a.To) })
		}
		return c, nil
	})
}

func duplicateColumn(o *catalog.Object, name string) *sqlerr.Error {
	return sqlerr.New(sqlerr.DuplicateColumn, "column \"%s\" of relation \"%s\" already exists", name, o.Name)
}

// visibleColumn is the position of a column that users see; -1: none.
func visibleColumn(o *catalog.Object, name string) int {
	return slices.IndexFunc(o.Cols, func(c catalog.Column) bool { return c.Name == name && !c.Hidden })
}

// renameColumn renames column i of o, which is a copy: also in the expressions of
// its other columns and in its definition.
func renameColumn(o *catalog.Object, i int, to string) {
	from := o.Cols[i].Name
	o.Cols = slices.Clone(o.Cols)
	if o.Connector != nil && o.Cols[i].Field == "" {
		o.Cols[i].Field = from // what the connector's rows call it
	}
	o.Cols[i].Name = to
	for k := range o.Cols {
		o.Cols[k].Generated = renameText(o.Cols[k].Generated, from, to)
	}
	if o.Watermark != nil {
		w := *o.Watermark
		w.Expr = renameText(w.Expr, from, to)
		o.Watermark = &w
	}
	redefine(o, func(st ast.Stmt) {
		switch st := st.(type) {
		case *ast.CreateView:
			st.Columns = columnNames(o)
		case *ast.CreateMaterializedView:
			st.Columns = columnNames(o)
		default:
			if def := relationDef(st, o); def != nil {
				renameInDef(def, from, to)
			}
		}
	})
}

// renameIndexed renames a column of an index's relation in the index, a copy: in
// its expressions and its definition.
func renameIndexed(ix *catalog.Object, from, to string) {
	x := *ix.Index
	x.Texts = slices.Clone(x.Texts)
	for i, t := range x.Texts {
		x.Texts[i] = renameText(t, from, to)
	}
	ix.Index = &x
	redefine(ix, func(st ast.Stmt) {
		def, ok := st.(*ast.CreateIndex)
		if !ok {
			return
		}
		for _, k := range def.Keys {
			renameRefs(k.Expr, from, to)
		}
		for i, n := range def.Include {
			if n == from {
				def.Include[i] = to
			}
		}
		for _, e := range def.DistributedBy {
			renameRefs(e, from, to)
		}
	})
}

// columnNames lists the visible columns.
func columnNames(o *catalog.Object) []string {
	var out []string
	for _, c := range o.Cols {
		if !c.Hidden {
			out = append(out, c.Name)
		}
	}
	return out
}

func renameInDef(def *ast.RelationDef, from, to string) {
	in := func(names []string) {
		for i, n := range names {
			if n == from {
				names[i] = to
			}
		}
	}
	for _, c := range def.Columns {
		if c.Name == from {
			c.Name = to
		}
		if c.Generated != nil {
			renameRefs(c.Generated, from, to)
		}
	}
	for _, k := range def.Constraints {
		in(k.Columns)
	}
	in(def.VersionColumn)
	for _, w := range def.Watermarks {
		if w.Column == from {
			w.Column = to
		}
		renameRefs(w.Expr, from, to)
	}
}

// roleExists checks a name of a role.
func (s *Session) roleExists(name string) error {
	if name == s.info.User {
		return nil
	}
	return sqlerr.New(sqlerr.UndefinedObject, "role \"%s\" does not exist", name)
}
