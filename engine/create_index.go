package engine

import (
	"context"
	"strconv"
	"strings"

	"streamdb/catalog"
	"streamdb/internal/sqlerr"
	"streamdb/planner"
	"streamdb/sql/ast"
	"streamdb/types"
	"streamdb/wire"
)

// createIndex is CREATE INDEX: a copy of a relation's rows under another key,
// kept by a job of its own.
func createIndex(text Statement, st *ast.CreateIndex) action {
	return func(ctx context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		var id catalog.ID
		err := s.creation(ctx, "CREATE INDEX", func(cat *catalog.Catalog) (*change, error) {
			on, err := s.indexable(cat, st)
			if err != nil {
				return nil, err
			}
			name := st.Name.Base()
			if st.Name.IsZero() {
				name = indexName(cat, on, st)
			}
			if sch := st.Name.Schema(); sch != "" && sch != on.Schema {
				return nil, sqlerr.Unsupported("an index in another schema than its relation")
			}
			err = cat.CheckFree(on.Schema, name)
			if skip, err := s.exists(err, st.IfNotExists, name); skip || err != nil {
				return nil, err
			}
			o, job, err := s.indexJob(cat, st, name, text.Text())
			if err != nil {
				return nil, err
			}
			id = o.ID
			return s.newJob(cat, o, job, st.Options)
		})
		if err != nil || id == 0 {
			return done("CREATE INDEX"), err
		}
		return done("CREATE INDEX"), s.awaitCreation(ctx, id)
	}
}

// indexJob plans an index.
func (s *Session) indexJob(cat *catalog.Catalog, st *ast.CreateIndex, name, text string) (*catalog.Object, *planner.JobPlan, error) {
	on, err := s.indexable(cat, st)
	if err != nil {
		return nil, nil, err
	}
	o := &catalog.Object{ID: s.db.newID(), Kind: catalog.Index, Schema: on.Schema, Name: name, Owner: s.info.User, Definition: text, Creating: true}
	job, err := planner.IndexJob(s.jobCtx(cat, text), o, on, st)
	if err != nil {
		return nil, nil, err
	}
	o.Cols, o.Rows, o.AppendOnly = catalogColumns(job.Cols), job.Rows, job.AppendOnly
	o.DependsOn, o.Refs = job.DependsOn, job.Refs
	for i := range o.Cols {
		o.Cols[i].Hidden = i >= o.Index.Given
	}
	return o, job, nil
}

// indexable finds the relation of CREATE INDEX and refuses what indexes cannot be.
func (s *Session) indexable(cat *catalog.Catalog, st *ast.CreateIndex) (*catalog.Object, error) {
	on := cat.Resolve(st.Table.Schema(), st.Table.Base(), s.settings.searchPath(s.info.User))
	switch {
	case on == nil:
		return nil, sqlerr.New(sqlerr.UndefinedTable, "relation \"%s\" does not exist", st.Table.String())
	case on.Kind != catalog.Table && on.Kind != catalog.MaterializedView:
		return nil, sqlerr.New(sqlerr.WrongObjectType, "cannot create index on relation \"%s\"", on.Name).
			WithDetail("This operation is not supported for a %s.", on.Kind)
	case on.Failed != nil:
		return nil, failedError(on)
	case on.Creating:
		return nil, sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "%s \"%s\" is still being created", on.Kind, on.Name)
	case st.Unique:
		return nil, sqlerr.Unsupported("a UNIQUE index").WithHint("PRIMARY KEY is enforced; an index without UNIQUE makes look-ups as fast.")
	case st.Method != "" && st.Method != "btree":
		return nil, sqlerr.Unsupported("the index method %s", st.Method).WithHint("An index is ordered, as btree is.")
	case len(st.Options) > 0:
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "unrecognized parameter \"%s\"", st.Options[0].Name)
	}
	return on, nil
}

// indexName chooses a name as Postgres does: table_columns_idx, numbered if taken.
func indexName(cat *catalog.Catalog, on *catalog.Object, st *ast.CreateIndex) string {
	parts := []string{on.Name}
	for _, k := range st.Keys {
		switch e := k.Expr.(type) {
		case *ast.ColumnRef:
			parts = append(parts, e.Parts[len(e.Parts)-1])
		case *ast.FuncCall:
			parts = append(parts, e.Name.Base())
		default:
			parts = append(parts, "expr")
		}
	}
	base := strings.Join(append(parts, "idx"), "_")
	name := base
	for i := 1; cat.Find(on.Schema, name) != nil; i++ {
		name = base + strconv.Itoa(i)
	}
	return name
}

// access is what a query of the transaction may read besides whole relations.
func (s *Session) access(t *txn) planner.Access {
	latest := s.db.catalog() // as it is after the snapshot was taken
	return planner.Access{
		Off: !s.settings.on("enable_indexscan"),
		Indexes: func(o *catalog.Object) []*catalog.Object {
			if w := t.overlay.writes[o.Rows.Table.ID]; w != nil && w.len() > 0 {
				return nil // the transaction's own writes are not in any index
			}
			var out []*catalog.Object
			for _, ix := range t.cat.Indexes(o.ID) {
				// One that failed since the snapshot may lag behind it already.
				now := latest.ByID(ix.ID)
				if !ix.Creating && ix.Failed == nil && now != nil && now.Failed == nil {
					out = append(out, ix)
				}
			}
			return out
		},
	}
}
