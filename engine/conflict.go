package engine

import (
	"slices"

	"streamdb/catalog"
	"streamdb/executor"
	"streamdb/executor/op"
	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
	"streamdb/stream"
)

// readConflict reads ON CONFLICT and WITH VERSION COLUMN of a new table, whose
// columns and connector are known.
func readConflict(o *catalog.Object, def *ast.RelationDef) error {
	if def.OnConflict == ast.ConflictDefault && len(def.VersionColumn) == 0 {
		return nil
	}
	c := &catalog.Conflict{Do: catalog.ConflictOverwrite}
	switch def.OnConflict {
	case ast.ConflictIgnore:
		c.Do = catalog.ConflictIgnore
	case ast.ConflictUpdateIfNotNull:
		c.Do = catalog.ConflictFill
	}
	switch {
	case len(o.PrimaryKey()) == 0:
		return sqlerr.New(sqlerr.InvalidTableDefinition, "ON CONFLICT of \"%s\" needs a PRIMARY KEY", o.Name)
	case o.AppendOnly && c.Do != catalog.ConflictIgnore:
		return sqlerr.New(sqlerr.InvalidTableDefinition, "ON CONFLICT of the append-only table \"%s\" can only be DO NOTHING", o.Name)
	case len(def.VersionColumn) > 1:
		return sqlerr.Unsupported("WITH VERSION COLUMN of several columns")
	case len(def.VersionColumn) > 0 && c.Do == catalog.ConflictIgnore:
		return sqlerr.New(sqlerr.InvalidTableDefinition, "ON CONFLICT DO NOTHING and WITH VERSION COLUMN exclude each other")
	}
	for _, name := range def.VersionColumn {
		i := slices.IndexFunc(o.Cols, func(c catalog.Column) bool { return c.Name == name && !c.Hidden })
		if i < 0 {
			return sqlerr.New(sqlerr.UndefinedColumn, "version column \"%s\" does not exist", name)
		}
		if o.Cols[i].Generated != "" {
			return sqlerr.New(sqlerr.InvalidTableDefinition, "the generated column \"%s\" cannot be the version column", name)
		}
		c.Version = i + 1
	}
	o.Conflict = c
	if o.Connector != nil && merges(o) {
		return sqlerr.Unsupported("ON CONFLICT other than OVERWRITE of a table with a connector").
			WithHint("The row that the connector read last takes the place of the one with its key. A view can choose: row_number() OVER (PARTITION BY key ORDER BY version DESC) = 1.")
	}
	return nil
}

// merges reports whether the table decides on inserted rows by what it has:
// it does not just overwrite.
func merges(o *catalog.Object) bool {
	return o.Conflict != nil && (o.Conflict.Do != catalog.ConflictOverwrite || o.Conflict.Version > 0)
}

// mergeable refuses sinks into tables whose ON CONFLICT they cannot heed.
func mergeable(table *catalog.Object) error {
	switch {
	case !merges(table):
		return nil
	case table.Conflict.Do == catalog.ConflictIgnore && !table.AppendOnly:
		return sqlerr.Unsupported("a sink into table \"%s\", whose ON CONFLICT is DO NOTHING,", table.Name).
			WithHint("An APPEND ONLY table keeps the first row of a key.")
	case table.Conflict.Do == catalog.ConflictFill && slices.ContainsFunc(table.Cols, func(c catalog.Column) bool { return c.Generated != "" }):
		return sqlerr.Unsupported("a sink into table \"%s\", which has DO UPDATE IF NOT NULL and generated columns,", table.Name)
	}
	return nil
}

// attach puts a sink's job into the plan of the table that it writes, with what
// the table's ON CONFLICT says about its rows.
func attach(p *executor.Plan, table *catalog.Object, writer stream.JobID) error {
	if err := op.AttachWriter(p, writer, len(table.PrimaryKey()) > 0); err != nil {
		return err
	}
	c := table.Conflict
	if !merges(table) || c.Do == catalog.ConflictIgnore {
		return nil
	}
	return op.MergeRows(p, op.RowMerge{Fill: c.Do == catalog.ConflictFill, Version: c.Version})
}
