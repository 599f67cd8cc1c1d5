package engine

import (
	"fmt"

	"streamdb/catalog"
	"streamdb/stream"
)

// WithStartHook sets a function that runs before the job of each relation is started.
func (o Options) WithStartHook(fn func(name string)) Options {
	o.startHook = func(x *catalog.Object) { fn(x.Name) }
	return o
}

// WithSnapshotHook sets a function that runs when a transaction has just taken its snapshot.
func (o Options) WithSnapshotHook(fn func()) Options {
	o.snapshotHook = fn
	return o
}

// WithEagerCache makes the statement cache bind statements at the first time, and
// has its plans run, also where it need not.
func (o Options) WithEagerCache() Options {
	o.eagerCache = true
	return o
}

// CachedStatements counts the statements that the statement cache knew.
func (db *DB) CachedStatements() int64 { return db.statements.hits.Load() }

// FailJob makes the job of a relation fail as an operator's error would.
func (db *DB) FailJob(name string, err error) error {
	for _, o := range db.catalog().Objects() {
		if o.Name == name && o.Runs() {
			db.coord.FailJob(stream.JobID(o.ID), err)
			return nil
		}
	}
	return fmt.Errorf("no job %q", name)
}
