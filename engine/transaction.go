package engine

import (
	"context"

	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
	"streamdb/types"
	"streamdb/wire"
)

// begin is BEGIN and START TRANSACTION.
func begin(st *ast.Begin) action {
	tag := "BEGIN"
	if st.Start {
		tag = "START TRANSACTION"
	}
	return func(_ context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		if s.txn != nil && s.txn.explicit {
			s.warn(sqlerr.ActiveSQLTransaction, "there is already a transaction in progress")
			return done(tag), nil
		}
		t, err := s.begun()
		if err != nil {
			return nil, err
		}
		if err := s.txnModes(t, st.Modes); err != nil {
			s.endTxn() // nothing has begun
			return nil, err
		}
		s.open(t)
		return done(tag), nil
	}
}

// txnModes applies the modes of BEGIN and SET TRANSACTION.
func (s *Session) txnModes(t *txn, m ast.TxnModes) error {
	if m.Isolation != "" {
		level, err := checkIsolation(m.Isolation)
		if err != nil {
			return err
		}
		if err := s.setIsolation(t, level); err != nil {
			return err
		}
	}
	switch m.Access {
	case "read only":
		t.readOnly = true
	case "read write":
		t.readOnly = false
	}
	return nil
}

// setTransaction is SET TRANSACTION and SET SESSION CHARACTERISTICS.
func setTransaction(st *ast.SetTransaction) action {
	return func(_ context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		if st.Session {
			if st.Modes.Access != "" {
				on := map[bool]string{true: "on", false: "off"}[st.Modes.Access == "read only"]
				if err := s.change("default_transaction_read_only", on, false, false); err != nil {
					return nil, err
				}
			}
			if st.Modes.Isolation != "" {
				if err := s.change("default_transaction_isolation", st.Modes.Isolation, false, false); err != nil {
					return nil, err
				}
			}
			return done("SET"), nil
		}
		if s.txn == nil || !s.txn.explicit {
			s.warn(sqlerr.NoActiveSQLTransaction, "SET TRANSACTION can only be used in transaction blocks")
			return done("SET"), nil
		}
		return done("SET"), s.txnModes(s.txn, st.Modes)
	}
}

// commit is COMMIT and END.
func commit(st *ast.Commit) action {
	return func(ctx context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		t := s.txn
		if t == nil || !t.explicit {
			s.warn(sqlerr.NoActiveSQLTransaction, "there is no transaction in progress")
			return done("COMMIT"), nil
		}
		if t.failed {
			s.endTxn()
			return done("ROLLBACK"), s.chain(st.Chain)
		}
		err := s.commitTxn(ctx)
		if err != nil {
			return nil, err
		}
		return done("COMMIT"), s.chain(st.Chain)
	}
}

// rollback is ROLLBACK and ABORT.
func rollback(st *ast.Rollback) action {
	return func(_ context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		if st.Savepoint != "" {
			t, at, err := s.savepointAt(st.Savepoint, "ROLLBACK TO SAVEPOINT")
			if err != nil {
				return nil, err
			}
			t.rollbackTo(at)
			return done("ROLLBACK"), nil
		}
		if s.txn == nil || !s.txn.explicit {
			s.warn(sqlerr.NoActiveSQLTransaction, "there is no transaction in progress")
		}
		s.endTxn()
		return done("ROLLBACK"), s.chain(st.Chain)
	}
}

// chain begins the next transaction of COMMIT AND CHAIN.
func (s *Session) chain(yes bool) error {
	if !yes {
		return nil
	}
	t, err := s.begun()
	if err == nil {
		s.open(t)
	}
	return err
}

// Status is what ReadyForQuery tells.
func (s *Session) Status() byte {
	switch {
	case s.txn == nil || !s.txn.explicit:
		return 'I'
	case s.txn.failed:
		return 'E'
	default:
		return 'T'
	}
}

// Sync ends an implicit transaction.
func (s *Session) Sync(ctx context.Context, failed error) error {
	switch {
	case s.txn == nil:
		return nil
	case s.txn.explicit:
		if failed != nil {
			s.txn.failed = true
			if len(s.txn.savepoints) == 0 {
				s.txn.discard()
			}
		}
		return nil
	case failed != nil:
		s.endTxn()
		return nil
	}
	return s.commitTxn(ctx)
}

// flush is FLUSH and WAIT: what was written before is visible already; wait
// until everything is durable.
func flush(ctx context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
	if s.txn != nil && !s.txn.explicit {
		if err := s.commitTxn(ctx); err != nil {
			return nil, err
		}
	}
	if err := s.db.flush(ctx); err != nil {
		return nil, err
	}
	return done("FLUSH"), nil
}

// open makes a transaction a block that COMMIT or ROLLBACK ends.
func (s *Session) open(t *txn) {
	t.explicit = true
	s.settings.begin()
}
