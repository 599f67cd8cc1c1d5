package engine

import (
	"context"
	"fmt"
	"slices"

	"streamdb/catalog"
	"streamdb/executor"
	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
	"streamdb/storage"
	"streamdb/stream"
)

// change is what one DDL statement does to the catalog and to the running jobs.
// It commits together with one epoch: the names, the first barrier of new jobs
// and the last one of dropped jobs are at the same point of every stream.
type change struct {
	put        []*catalog.Object
	edit       []edit // to objects that stay, in whatever state they are when the change commits
	remove     []*catalog.Object
	addSchema  map[string]catalog.ID
	dropSchema []string
	start      []*executor.Plan  // jobs to start, upstream first
	stop       []stream.JobID    // jobs to detach at once
	halt       []stream.JobID    // jobs to stop at the barrier of the change; those also in start go on with the state they have
	drop       []storage.TableID // state of dropped jobs
	untap      []stream.JobID    // jobs that go on, but the subscriptions to them end
}

// edit changes a copy of an object. What else changes the object meanwhile (its
// creation ends, its job fails) is kept.
type edit struct {
	id catalog.ID
	fn func(o *catalog.Object)
}

// alter adds an edit to a change.
func (c *change) alter(id catalog.ID, fn func(o *catalog.Object)) {
	c.edit = append(c.edit, edit{id, fn})
}

// edited is the objects that the change edits, as they would be now.
func (c *change) edited(cat *catalog.Catalog) []*catalog.Object {
	var out []*catalog.Object
	for _, e := range c.edit {
		if o := cat.ByID(e.id); o != nil {
			n := *o
			e.fn(&n)
			cat = cat.With(&n)
			out = append(out, &n)
		}
	}
	return out
}

// ddl runs one DDL statement: build looks at the latest catalog and says what
// to change. Statements of this kind are serialised. What an implicit
// transaction wrote before is committed first; explicit blocks are refused.
func (s *Session) ddl(ctx context.Context, what string, build func(cat *catalog.Catalog) (*change, error)) error {
	if s.txn != nil && s.txn.explicit {
		return sqlerr.New(sqlerr.ActiveSQLTransaction, "%s cannot run inside a transaction block", what)
	}
	if s.txn != nil {
		if err := s.commitTxn(ctx); err != nil {
			return err
		}
	}
	if s.settings.on("default_transaction_read_only") {
		return sqlerr.New(sqlerr.ReadOnlySQLTransaction, "cannot execute %s in a read-only transaction", what)
	}
	db := s.db
	if err := db.lockDDL(ctx, s.going); err != nil {
		return err
	}
	defer db.ddlMu.Unlock()
	c, err := build(db.catalog())
	if err != nil || c == nil {
		return err
	}
	if err := db.disk.admitChange(c); err != nil {
		return err
	}
	return db.apply(ctx, c)
}

// next is the catalog after the change.
func (c *change) next(cat *catalog.Catalog) *catalog.Catalog {
	for _, o := range c.remove {
		cat = cat.Without(o.ID)
	}
	for _, n := range c.dropSchema {
		cat = cat.WithoutSchema(n)
	}
	for n, id := range c.addSchema {
		cat = cat.WithSchema(n, id)
	}
	for _, o := range c.put {
		cat = cat.With(o)
	}
	for _, o := range c.edited(cat) {
		cat = cat.With(o)
	}
	return cat
}

// meta is the change as the store keeps it; cat is the catalog before it.
func (c *change) meta(cat *catalog.Catalog) ([]storage.KV, error) {
	var kvs []storage.KV
	for _, o := range c.remove {
		kvs = append(kvs, deleteKey(objectKey(o.ID)))
	}
	for _, n := range c.dropSchema {
		kvs = append(kvs, deleteKey(schemaPrefix+n))
	}
	for n, id := range c.addSchema {
		kvs = append(kvs, storage.KV{Key: []byte(schemaPrefix + n), Value: fmt.Append(nil, id)})
	}
	for _, o := range append(slices.Clone(c.put), c.edited(cat)...) {
		kv, err := putObject(o)
		if err != nil {
			return nil, err
		}
		kvs = append(kvs, kv)
	}
	for _, t := range c.drop {
		kvs = append(kvs, storage.KV{Key: []byte(garbageKey(t)), Value: []byte{}})
	}
	return kvs, nil
}

// target resolves the schema that a new object goes to, and checks its name.
func (s *Session) target(cat *catalog.Catalog, name ast.Name) (schema string, err error) {
	schema = name.Schema()
	if schema == "" {
		for _, p := range s.settings.searchPath(s.info.User) {
			if _, ok := cat.Schema(p); ok {
				schema = p
				break
			}
		}
	}
	if schema == "" {
		return "", sqlerr.New(sqlerr.InvalidSchemaName, "no schema has been selected to create in")
	}
	if catalog.IsSystemSchema(schema) {
		return "", sqlerr.New(sqlerr.InsufficientPrivilege, "permission denied to create \"%s.%s\"", schema, name.Base()).
			WithDetail("System catalog modifications are currently disallowed.")
	}
	return schema, cat.CheckFree(schema, name.Base())
}

// exists handles IF NOT EXISTS: it reports whether the statement has nothing to do.
func (s *Session) exists(err error, ifNotExists bool, name string) (bool, error) {
	if ifNotExists && sqlerr.Code(err) == sqlerr.DuplicateTable {
		s.notice(sqlerr.DuplicateTable, "relation \"%s\" already exists, skipping", name)
		return true, nil
	}
	return false, err
}
