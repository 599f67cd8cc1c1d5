package engine

import (
	"context"
	"sync"

	"streamdb/catalog"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
)

// Transactions of the level SERIALIZABLE remember what they read. One that wrote
// commits only if nobody has changed that since its snapshot: then it might as
// well have run as a whole at its commit. Its reads are checked as ranges of keys
// against the keys that others wrote, so rows that were not there count too
// (optimistic validation by precision locks: Jordan, Banerjee and Batman, "Precision
// Locks", 1981; Neumann, Mühlbauer and Kemper, "Fast Serializable Multi-Version
// Concurrency Control", 2015). One that only read ran as a whole at its snapshot;
// it ends when that is durable, since nobody may see what a crash takes back.

const (
	transactionIsolation = "transaction_isolation"

	serializable   = "serializable"
	repeatableRead = "repeatable read"
)

// mostReads is the number of keys and ranges of a table that are remembered one
// by one; a transaction that reads more has read the table.
const mostReads = 10_000

// readSet is what a transaction has read. Safe for concurrent use; nil remembers nothing.
type readSet struct {
	mu     sync.Mutex
	tables map[storage.TableID]*tableReads
}

// tableReads is what was read of one table. Keys are those of rowKey.
type tableReads struct {
	whole  bool
	points map[string]bool
	ranges []keyRange
}

// keyRange is the keys from <= key < to of a vnode; without to, all from there on.
type keyRange struct {
	v        storage.VNode
	from, to string
	open     bool
}

func (r *readSet) point(t storage.TableID, v storage.VNode, key []byte) {
	r.note(t, func(x *tableReads) { x.points[rowKey(v, key)] = true })
}

func (r *readSet) scan(t storage.TableID, v storage.VNode, from, to []byte) {
	r.note(t, func(x *tableReads) { x.ranges = append(x.ranges, keyRange{v, string(from), string(to), to == nil}) })
}

func (r *readSet) table(t storage.TableID) {
	r.note(t, func(x *tableReads) { x.whole = true })
}

func (r *readSet) note(t storage.TableID, add func(*tableReads)) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.tables[t]
	if x == nil {
		x = &tableReads{points: map[string]bool{}}
		r.tables[t] = x
	}
	if x.whole {
		return
	}
	if add(x); x.whole || len(x.points)+len(x.ranges) > mostReads {
		*x = tableReads{whole: true}
	}
}

// covers reports whether a row with this key would have been read.
func (x *tableReads) covers(key string) bool {
	if x.whole || x.points[key] {
		return true
	}
	for _, r := range x.ranges {
		if r.v == key[0] && key[1:] >= r.from && (r.open || key[1:] < r.to) {
			return true
		}
	}
	return false
}

// ofTables is what was read, in terms of tables that statements write: who read a
// view or an index has read the tables below it. 0A000 where others than
// statements change them, which nobody keeps a record of.
func (r *readSet) ofTables(cat *catalog.Catalog) (map[storage.TableID]*tableReads, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[storage.TableID]*tableReads{}
	for _, o := range cat.Objects() {
		if o.Rows == nil || r.tables[o.Rows.Table.ID] == nil {
			continue
		}
		if o.Kind == catalog.Table {
			if err := onlyStatementsWrite(cat, o, o); err != nil {
				return nil, err
			}
			if out[o.Rows.Table.ID] == nil { // else: all of it, for a view
				out[o.Rows.Table.ID] = r.tables[o.Rows.Table.ID]
			}
			continue
		}
		for _, below := range tablesBelow(cat, o) {
			if err := onlyStatementsWrite(cat, o, below); err != nil {
				return nil, err
			}
			out[below.Rows.Table.ID] = &tableReads{whole: true}
		}
	}
	return out, nil
}

// tablesBelow lists the tables and sources that a relation is computed from.
func tablesBelow(cat *catalog.Catalog, o *catalog.Object) []*catalog.Object {
	var out []*catalog.Object
	seen := map[catalog.ID]bool{}
	var walk func(o *catalog.Object)
	walk = func(o *catalog.Object) {
		if o == nil || seen[o.ID] {
			return
		}
		seen[o.ID] = true
		if o.Kind == catalog.Table || o.Kind == catalog.Source {
			out = append(out, o)
			return
		}
		for _, id := range o.Upstreams {
			walk(cat.ByID(id))
		}
	}
	walk(o)
	return out
}

// onlyStatementsWrite refuses a table or source that changes by itself; read is the
// relation that the transaction named.
func onlyStatementsWrite(cat *catalog.Catalog, read, o *catalog.Object) error {
	why := ""
	switch {
	case o.Connector != nil:
		why = "a connector writes"
	case o.Retention > 0:
		why = "rows expire"
	}
	for _, sink := range cat.Objects() {
		if sink.Into == o.ID {
			why = "a sink writes"
		}
	}
	if why == "" {
		return nil
	}
	return sqlerr.Unsupported("a SERIALIZABLE transaction that writes and reads \"%s\", where %s in \"%s\",", read.Name, why, o.Name).
		WithHint("Use REPEATABLE READ, or read it in a transaction that only reads.")
}

// serialize makes the transaction, which has read nothing yet, serializable.
func (t *txn) serialize() {
	t.overlay.reads = &readSet{tables: map[storage.TableID]*tableReads{}}
}

// isolation is the transaction's level as SHOW gives it.
func (t *txn) isolation() string {
	if t.overlay.reads != nil {
		return serializable
	}
	return repeatableRead
}

// setIsolation changes the level of a transaction that has not asked anything yet.
func (s *Session) setIsolation(t *txn, level string) error {
	switch {
	case level == t.isolation():
	case t.queried:
		return sqlerr.New(sqlerr.ActiveSQLTransaction, "SET TRANSACTION ISOLATION LEVEL must be called before any query")
	case level == serializable:
		t.serialize()
	default:
		t.overlay.reads = nil
	}
	s.settings.values[transactionIsolation] = level
	return nil
}

// setThisIsolation is SET transaction_isolation: without a block it is over at once.
func (s *Session) setThisIsolation(value string) error {
	level, err := checkIsolation(value)
	if err != nil {
		return err
	}
	if s.txn == nil || !s.txn.explicit {
		return nil
	}
	return s.setIsolation(s.txn, level)
}

// endReading ends a transaction that wrote nothing.
func (t *txn) endReading(ctx context.Context) error {
	if t.overlay.reads == nil || !t.queried {
		return nil
	}
	_, err := t.db.coord.WaitDurable(t.snap.Epoch()).Wait(ctx)
	return err
}
