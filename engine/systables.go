package engine

import (
	"context"
	"maps"
	"slices"

	"streamdb/catalog"
	"streamdb/catalog/syscat"
	"streamdb/executor/op"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// systemTable gives the planner the columns of a system table.
func systemTable(schema, name string) (types.Schema, bool) {
	if t, ok := syscat.Find(schema, name); ok {
		return t.Cols, true
	}
	return nil, false
}

// runtimeTable is a table of the schema streamdb: computed from the running
// jobs and, where it speaks of state, from the reader's snapshot.
type runtimeTable struct {
	schema, name string // schema "": streamdb
	fill         func(db *DB, cat *catalog.Catalog, snap storage.Snapshot, out *syscat.Rows) error
}

// sysEnv is the operators' Env for a query: the database's, with system tables
// as the transaction sees them.
func (s *Session) sysEnv(t *txn) *op.Env {
	env := *s.db.env
	env.Sys = &sysReader{session: s, txn: t}
	return &env
}

// sysReader implements op.SysTables.
type sysReader struct {
	session *Session
	txn     *txn
}

func (r *sysReader) Open(_ context.Context, schema, name string, cols []int) (op.Rows, error) {
	rows, err := r.rows(schema, name)
	if err != nil {
		return nil, err
	}
	all := rows.Vecs()
	some := make([]vec.Vec, len(cols))
	for i, c := range cols {
		some[i] = all[c]
	}
	return &oneBatch{batch: stream.NewBatch(rows.Len(), some, nil)}, nil
}

func (r *sysReader) rows(schema, name string) (*syscat.Rows, error) {
	t, ok := syscat.Find(schema, name)
	if !ok {
		return nil, sqlerr.New(sqlerr.UndefinedTable, "relation \"%s.%s\" does not exist", schema, name)
	}
	rows := syscat.NewRows(t.Cols)
	if schema == "streamdb" || schema == "rw_catalog" {
		for _, t := range runtimeTables {
			if t.name == name && (t.schema == schema || t.schema == "" && schema == "streamdb") {
				return rows, t.fill(r.session.db, r.txn.cat, r.txn.snap, rows)
			}
		}
	}
	t.Fill(&syscat.Input{Catalog: r.txn.cat, Database: database, User: r.session.info.User, Runtime: r.session}, rows)
	return rows, nil
}

// oneBatch is a system table that is there as a whole.
type oneBatch struct{ batch *stream.Batch }

func (o *oneBatch) Next(context.Context) (*stream.Batch, error) {
	b := o.batch
	o.batch = nil
	return b, nil
}

func (o *oneBatch) Close() error { return nil }

// Settings implements syscat.Runtime.
func (s *Session) Settings() []syscat.Setting {
	var out []syscat.Setting
	for _, key := range slices.Sorted(maps.Keys(settingByName)) {
		d := settingByName[key]
		out = append(out, syscat.Setting{Name: d.name, Value: s.settings.must(d.name), Default: d.def, Doc: d.doc})
	}
	return out
}

// Activity implements syscat.Runtime.
func (s *Session) Activity() []syscat.Activity {
	var out []syscat.Activity
	for _, x := range s.db.sessions.list() {
		a := syscat.Activity{PID: x.info.PID, User: x.info.User, Application: x.info.Application, Remote: x.info.Remote, Started: x.started}
		if q := x.activity.Load(); q != nil {
			a.Query = *q
		}
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b syscat.Activity) int { return int(a.PID) - int(b.PID) })
	return out
}

// Query implements syscat.Runtime.
func (s *Session) Query(o *catalog.Object) string { return queryText(s.catalog(), o) }

// Bytes implements syscat.Runtime.
func (s *Session) Bytes(o *catalog.Object) int64 { return s.db.bytes(o) }
