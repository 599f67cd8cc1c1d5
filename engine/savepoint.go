package engine

import (
	"context"
	"slices"

	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
	"streamdb/storage"
	"streamdb/types"
	"streamdb/wire"
)

// A savepoint is a position in the transaction's undo log: every staged write
// appends what the key held before, while there are savepoints. Settings and
// cursors do not take part.
type savepoint struct {
	name string
	undo int // length of the log when it was made
}

// undone is one entry of the log: the state of a key in the transaction before a write.
type undone struct {
	table storage.TableID
	key   string
	row   *rowWrite // nil: the key was not written yet
}

// saveUndo logs the state of a key before a write.
func (t *txn) saveUndo(table storage.TableID, w *tableWrites, key string) {
	if len(t.savepoints) == 0 {
		return
	}
	u := undone{table: table, key: key}
	if r := w.rows[key]; r != nil {
		before := *r
		u.row = &before
	}
	t.undo = append(t.undo, u)
}

// rollbackTo takes back the writes since the savepoint, which stays.
func (t *txn) rollbackTo(at int) {
	sp := t.savepoints[at]
	for i := len(t.undo) - 1; i >= sp.undo; i-- {
		u := t.undo[i]
		w := t.overlay.writes[u.table]
		if u.row == nil {
			delete(w.rows, u.key)
			w.sorted = nil
		} else {
			*w.rows[u.key] = *u.row
		}
	}
	t.undo = t.undo[:sp.undo]
	t.savepoints = t.savepoints[:at+1]
	t.failed = false
}

// savepointAt finds the latest savepoint of a name.
func (s *Session) savepointAt(name, what string) (*txn, int, error) {
	if s.txn == nil || !s.txn.explicit {
		return nil, 0, sqlerr.New(sqlerr.NoActiveSQLTransaction, "%s can only be used in transaction blocks", what)
	}
	t := s.txn
	for i := len(t.savepoints) - 1; i >= 0; i-- {
		if t.savepoints[i].name == name {
			return t, i, nil
		}
	}
	return nil, 0, sqlerr.New("3B001", "savepoint \"%s\" does not exist", name)
}

// savepointStatement is SAVEPOINT and RELEASE SAVEPOINT.
func savepointStatement(st *ast.Savepoint) action {
	return func(_ context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		if st.Release {
			t, at, err := s.savepointAt(st.Name, "RELEASE SAVEPOINT")
			if err != nil {
				return nil, err
			}
			t.savepoints = slices.Delete(t.savepoints, at, len(t.savepoints))
			if at == 0 {
				t.undo = nil
			}
			return done("RELEASE"), nil
		}
		if s.txn == nil || !s.txn.explicit {
			return nil, sqlerr.New(sqlerr.NoActiveSQLTransaction, "SAVEPOINT can only be used in transaction blocks")
		}
		s.txn.savepoints = append(s.txn.savepoints, savepoint{st.Name, len(s.txn.undo)})
		return done("SAVEPOINT"), nil
	}
}
