package engine

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"streamdb/catalog"
	"streamdb/internal/sqlerr"
	"streamdb/planner"
	"streamdb/sql/ast"
	"streamdb/sql/parse"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/wire"
)

// database is the one database that a server holds.
const database = "dev"

// Session is one client's conversation. It implements wire.Session and is used
// by one goroutine.
type Session struct {
	db       *DB
	info     wire.ConnInfo
	settings *settings
	told     map[string]string // setting values that the client has been told
	parser   *parse.Parser
	txn      *txn                 // nil between transactions
	named    map[string]*Prepared // PREPARE
	cursors  map[string]*cursor   // DECLARE
	notices  []*wire.Notice
	going    func() []stream.JobID // the jobs that the running statement would drop; nil: none
	env      *types.Env            // made from settings; nil: make again
	started  time.Time
	activity atomic.Pointer[string] // the statement now running, for pg_stat_activity

	plainEnv types.Env // env without a time, of the settings envOf
	envOf    *current
	toldOf   *current // the settings when told was looked at last
	cacheKey []byte   // of the statement that comes in
}

var _ wire.Session = (*Session)(nil)

// Connect implements wire.Handler: it opens a session for a client.
func (db *DB) Connect(_ context.Context, c wire.ConnInfo) (wire.Session, error) {
	if c.Database == "" {
		c.Database = c.User
	}
	if c.Database != database {
		return nil, sqlerr.New(sqlerr.InvalidCatalogName, "database \"%s\" does not exist", c.Database).
			WithHint("This server holds the one database \"%s\".", database)
	}
	return db.newSession(c)
}

func (db *DB) newSession(c wire.ConnInfo) (*Session, error) {
	s := &Session{db: db, info: c, settings: db.newSettings(), parser: parse.New(),
		named: map[string]*Prepared{}, cursors: map[string]*cursor{}, started: time.Now()}
	s.settings.values["session_authorization"] = c.User
	s.settings.values["application_name"] = c.Application
	for name, value := range c.Options {
		if _, err := s.settings.set(name, value, false, false); err != nil {
			return nil, err
		}
	}
	s.told = s.settings.reported()
	db.sessions.add(s)
	return s, nil
}

// Close rolls back what is open and forgets the session.
func (s *Session) Close() {
	s.endTxn()
	s.db.sessions.remove(s)
}

// Statement is a parsed statement, or one whose shape is known: wire.Statement.
type Statement struct {
	parse.Statement
	shape *shape // nil: none that the cache would know
}

// Text is the statement's source text.
func (s Statement) Text() string { return s.Statement.Text }

// Start is where Text begins in the query text, in bytes.
func (s Statement) Start() int { return s.Statement.Start }

// Empty reports a statement of nothing.
func (s Statement) Empty() bool { return s.Stmt == nil && s.shape == nil }

// Split parses the text of a simple query or of Parse.
func (s *Session) Split(sql string) ([]wire.Statement, error) {
	sh := s.split(sql)
	if sh != nil && sh.seen {
		return []wire.Statement{Statement{sh.Statement(), sh}}, nil
	}
	stmts, err := s.parser.Parse(sql)
	if err != nil {
		return nil, err
	}
	out := make([]wire.Statement, len(stmts))
	for i := range stmts {
		out[i] = Statement{stmts[i], sh}
	}
	return out, nil
}

// Prepared is an analysed statement: wire.Prepared. It is bound anew when the
// catalog or a setting that matters has changed since.
type Prepared struct {
	stmt    Statement
	params  []types.T
	cols    []wire.Column
	action  action
	version uint64              // of the catalog it was bound to
	lifted  []types.Datum       // literals as arguments behind the client's, for which there is room
	query   *planner.BoundQuery // of a query
	dml     *planner.BoundDML   // of INSERT, UPDATE, DELETE
}

// ParamTypes are the types of $1, $2 ..
func (p *Prepared) ParamTypes() []types.T { return p.params }

// Columns are the result's columns; nil: no rows.
func (p *Prepared) Columns() []wire.Column { return p.cols }

// Prepare analyses a statement.
func (s *Session) Prepare(_ context.Context, stmt wire.Statement, oids []uint32) (wire.Prepared, error) {
	st := stmt.(Statement)
	n := st.Params
	if _, ok := st.Stmt.(*ast.Prepare); ok {
		n = 0 // they are those of the statement inside
	}
	params := make([]types.T, max(n, len(oids)))
	typed := false
	for i, oid := range oids {
		if oid == 0 {
			continue
		}
		t, ok := types.OfOID(oid)
		if !ok {
			return nil, sqlerr.New(sqlerr.UndefinedObject, "type with OID %d does not exist", oid)
		}
		params[i], typed = t, true
	}
	if st.shape != nil && len(oids) <= n {
		if typed {
			st.shape = s.typed(st.shape, params, oids)
		}
		return s.prepareShaped(st, params)
	}
	st, err := s.parsed(st)
	if err != nil {
		return nil, err
	}
	return s.prepare(st, params)
}

// prepareShaped is Prepare by the cache, where that knows the statement.
func (s *Session) prepareShaped(st Statement, params []types.T) (wire.Prepared, error) {
	if err := s.allowed(st.Stmt); err != nil {
		return nil, err
	}
	if st.shape.entry.usable() {
		if p := s.known(st); p != nil {
			s.db.statements.hits.Add(1)
			return p, nil
		}
	}
	st, err := s.parsed(st)
	if err != nil {
		return nil, err
	}
	p, err := s.prepare(st, params)
	if err != nil {
		return nil, err
	}
	return s.noteStatement(st, p), nil
}

// parsed is a statement with its tree.
func (s *Session) parsed(st Statement) (Statement, error) {
	if st.Stmt != nil || st.shape == nil {
		return st, nil
	}
	stmts, err := s.parser.Parse(st.Statement.Text)
	if err != nil {
		return st, err
	}
	st.Stmt = stmts[0].Stmt
	return st, nil
}

// allowed refuses statements in a transaction that has failed.
func (s *Session) allowed(st ast.Stmt) error {
	if s.txn != nil && s.txn.failed && !endsTransaction(st) {
		return sqlerr.New(sqlerr.InFailedSQLTransaction, "current transaction is aborted, commands ignored until end of transaction block")
	}
	return nil
}

func (s *Session) prepare(st Statement, params []types.T) (*Prepared, error) {
	if err := s.allowed(st.Stmt); err != nil {
		return nil, err
	}
	p := &Prepared{stmt: st, params: params, version: s.catalog().Version}
	if st.Empty() {
		p.action = doneAction("")
		return p, nil
	}
	if err := s.analyse(p); err != nil {
		return nil, err
	}
	return p, nil
}

// Execute runs a prepared statement.
func (s *Session) Execute(ctx context.Context, prep wire.Prepared, args []types.Datum) (wire.Rows, error) {
	p := prep.(*Prepared)
	if err := s.allowed(p.stmt.Stmt); err != nil {
		return nil, err
	}
	if p.version != s.catalog().Version && !p.stmt.Empty() {
		st, err := s.parsed(p.stmt)
		if err != nil {
			return nil, err
		}
		fresh, err := s.prepare(st, slices.Clone(p.params))
		if err != nil {
			return nil, err
		}
		if !sameColumns(fresh.cols, p.cols) {
			return nil, sqlerr.New(sqlerr.FeatureNotSupported, "cached plan must not change result type")
		}
		p = fresh
	}
	text := p.stmt.Text()
	s.activity.Store(&text)
	defer s.activity.Store(nil)
	if p.lifted != nil {
		if len(args) == 0 {
			args = p.lifted
		} else {
			args = append(slices.Clone(args), p.lifted[len(args):]...)
		}
	}
	return p.action(ctx, s, args)
}

func sameColumns(a, b []wire.Column) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Name != b[i].Name || !a[i].Type.Equal(b[i].Type) {
			return false
		}
	}
	return true
}

// endsTransaction reports the statements that are allowed in a failed block.
func endsTransaction(st ast.Stmt) bool {
	switch st.(type) {
	case *ast.Commit, *ast.Rollback:
		return true
	}
	return false
}

// catalog is what the session's names mean now: the transaction's catalog, or
// the latest one.
func (s *Session) catalog() *catalog.Catalog {
	if s.txn != nil {
		return s.txn.cat
	}
	return s.db.catalog()
}

// Env is how values are printed and read.
func (s *Session) Env() *types.Env {
	if s.env == nil {
		s.env = s.newEnv()
	}
	return s.env
}

// Params are the settings told at startup.
func (s *Session) Params() map[string]string { return s.settings.reported() }

// Changed are the reported settings that changed since they were told.
func (s *Session) Changed() map[string]string {
	if s.toldOf == s.settings.current() {
		return nil
	}
	s.toldOf = s.settings.current()
	var changed map[string]string
	for name, v := range s.settings.reported() {
		if s.told[name] != v {
			if changed == nil {
				changed = map[string]string{}
			}
			changed[name], s.told[name] = v, v
		}
	}
	return changed
}

// Notices returns and forgets what was raised.
func (s *Session) Notices() []*wire.Notice {
	n := s.notices
	s.notices = nil
	return n
}

// notice raises a NOTICE.
func (s *Session) notice(code, format string, args ...any) {
	s.notices = append(s.notices, &wire.Notice{Severity: "NOTICE", Error: *sqlerr.New(code, format, args...)})
}

// warn raises a WARNING.
func (s *Session) warn(code, format string, args ...any) {
	s.notices = append(s.notices, &wire.Notice{Severity: "WARNING", Error: *sqlerr.New(code, format, args...)})
}
