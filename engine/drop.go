package engine

import (
	"context"
	"slices"
	"strings"

	"streamdb/catalog"
	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/wire"
)

// drop is DROP of relations and schemas. The catalog commits first: it never
// waits for a job to stop.
func drop(st *ast.Drop) action {
	return func(ctx context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		tag := "DROP " + strings.ToUpper(string(st.Kind))
		build := func(cat *catalog.Catalog, quiet bool) (*change, error) {
			d := &dropping{session: s, cat: cat, st: st, gone: map[catalog.ID]bool{}, quiet: quiet}
			for _, name := range st.Names {
				if err := d.name(name); err != nil {
					return nil, err
				}
			}
			return d.change()
		}
		err := s.ddlDrop(ctx, tag, build)
		return done(tag), err
	}
}

// ddlDrop is ddl for a statement that takes jobs away: where another statement
// waits for one of them, that job ends first.
func (s *Session) ddlDrop(ctx context.Context, what string, build func(cat *catalog.Catalog, quiet bool) (*change, error)) error {
	s.going = func() (ids []stream.JobID) {
		c, err := build(s.db.catalog(), true)
		if err != nil || c == nil {
			return nil
		}
		for _, o := range c.remove {
			ids = append(ids, stream.JobID(o.ID))
		}
		return ids
	}
	defer func() { s.going = nil }()
	return s.ddl(ctx, what, func(cat *catalog.Catalog) (*change, error) { return build(cat, false) })
}

// dropping collects what a DROP takes along.
type dropping struct {
	session *Session
	cat     *catalog.Catalog
	st      *ast.Drop
	gone    map[catalog.ID]bool
	schemas []string
	quiet   bool // no notices: it only looks what would go
}

func (d *dropping) notice(format string, args ...any) {
	if !d.quiet {
		d.session.notice("00000", format, args...)
	}
}

func (d *dropping) name(name ast.Name) error {
	switch kind := d.st.Kind; kind {
	case "schema":
		return d.schema(name.Base())
	case "table", "source", "view", "materialized view", "sink", "index":
		o := d.cat.Resolve(name.Schema(), name.Base(), d.session.settings.searchPath(d.session.info.User))
		if o == nil {
			return d.missing(sqlerr.UndefinedTable, string(kind), name.Base())
		}
		if string(o.Kind) != string(kind) {
			return sqlerr.New(sqlerr.WrongObjectType, "\"%s\" is not a %s", o.Name, kind).
				WithHint("Use DROP %s to remove a %s.", strings.ToUpper(string(o.Kind)), o.Kind)
		}
		return d.object(o)
	default:
		if d.st.IfExists {
			return d.missing(sqlerr.UndefinedObject, string(kind), name.Base())
		}
		return sqlerr.Unsupported("DROP %s", strings.ToUpper(string(kind)))
	}
}

func (d *dropping) missing(code, kind, name string) error {
	err := sqlerr.New(code, "%s \"%s\" does not exist", kind, name)
	if d.st.IfExists {
		d.notice("%s, skipping", err.Msg)
		return nil
	}
	return err
}

// object takes an object, and with CASCADE all that depends on it.
func (d *dropping) object(o *catalog.Object) error {
	deps := d.cat.DependentsTree(o.ID)
	deps = slices.DeleteFunc(deps, func(dep *catalog.Object) bool { // indexes go with what they are of
		own := dep.Index != nil && (dep.Index.On == o.ID || slices.ContainsFunc(deps, func(x *catalog.Object) bool { return x.ID == dep.Index.On }))
		if own {
			d.gone[dep.ID] = true
		}
		return own
	})
	if len(deps) > 0 && !d.st.Cascade {
		lines := make([]string, 0, len(deps))
		for _, dep := range deps {
			if !d.gone[dep.ID] && !d.named(dep) {
				lines = append(lines, string(dep.Kind)+" "+dep.Name+" depends on "+string(o.Kind)+" "+o.Name)
			}
		}
		if len(lines) > 0 {
			return sqlerr.New(sqlerr.DependentObjectsStillExist, "cannot drop %s %s because other objects depend on it", o.Kind, o.Name).
				WithDetail("%s", strings.Join(lines, "\n")).
				WithHint("Use DROP ... CASCADE to drop the dependent objects too.")
		}
	}
	d.gone[o.ID] = true
	for _, dep := range deps {
		if !d.gone[dep.ID] {
			d.gone[dep.ID] = true
			if !d.named(dep) {
				d.notice("drop cascades to %s %s", dep.Kind, dep.Name)
			}
		}
	}
	return nil
}

// named reports whether the statement itself names the object.
func (d *dropping) named(o *catalog.Object) bool {
	for _, n := range d.st.Names {
		if n.Base() == o.Name && (n.Schema() == "" || n.Schema() == o.Schema) {
			return true
		}
	}
	return false
}

func (d *dropping) schema(name string) error {
	if catalog.IsSystemSchema(name) {
		return sqlerr.New(sqlerr.InsufficientPrivilege, "cannot drop schema %s because it is required by the database system", name)
	}
	if _, ok := d.cat.Schema(name); !ok {
		return d.missing(sqlerr.InvalidSchemaName, "schema", name)
	}
	for _, o := range d.cat.Objects() {
		if o.Schema != name {
			continue
		}
		if !d.st.Cascade {
			return sqlerr.New(sqlerr.DependentObjectsStillExist, "cannot drop schema %s because other objects depend on it", name).
				WithDetail("%s %s.%s depends on schema %s", o.Kind, o.Schema, o.Name, name).
				WithHint("Use DROP ... CASCADE to drop the dependent objects too.")
		}
		if err := d.object(o); err != nil {
			return err
		}
	}
	d.schemas = append(d.schemas, name)
	return nil
}

// change puts together what goes, and stops the sources that nobody reads any more.
func (d *dropping) change() (*change, error) {
	c := &change{dropSchema: d.schemas}
	objects := d.cat.Objects()
	slices.Reverse(objects) // readers before what they read
	for _, o := range objects {
		if d.gone[o.ID] {
			c.remove = append(c.remove, o)
			c.forget(o)
		}
	}
	for _, o := range objects {
		if o.Kind != catalog.Source || !o.Runs() || d.gone[o.ID] {
			continue
		}
		idle := !slices.ContainsFunc(d.cat.Readers(o.ID), func(r *catalog.Object) bool { return !d.gone[r.ID] })
		if idle {
			c.forget(o)
			n := *o
			n.Plan, n.StateTables, n.Failed = nil, nil, nil
			c.put = append(c.put, &n)
		}
	}
	if len(c.remove) == 0 && len(c.dropSchema) == 0 {
		return nil, nil
	}
	return c, c.detachWriters(d.cat, d.gone)
}

// forget stops an object's job and gives its tables away.
func (c *change) forget(o *catalog.Object) {
	if o.Runs() && o.Failed == nil {
		c.stop = append(c.stop, stream.JobID(o.ID))
	}
	c.drop = append(c.drop, o.StateTables...)
}
