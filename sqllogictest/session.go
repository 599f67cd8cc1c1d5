package sqllogictest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
)

// cancelDelay is how long a server may take to answer a cancel request before
// the connection is given up.
const cancelDelay = 2 * time.Second

// session holds the connections of one file, by name. They are made when first
// used, and made anew after they were lost.
type session struct {
	opts     *Options
	database string // instead of the one in the URL, if not ""
	init     []string
	conns    map[string]*conn
	// initErr is the first failure of an init statement.
	initErr error
}

// conn is a named connection. pg is nil while there is none.
type conn struct {
	pg *pgconn.PgConn
	// sets are the SET statements that worked, to bring a new connection into
	// the state of the lost one.
	sets []string
}

// result is what the first statement of a record's SQL gave, as the later ones
// are not looked at.
type result struct {
	rows  [][]string
	raw   [][][]byte
	count int64
}

// serverError is an error that the server sent, shown as the Rust client shows
// it, since that is what the expected texts of test files were made from.
type serverError struct{ pg *pgconn.PgError }

func (e *serverError) Error() string {
	s := "db error: " + e.pg.Severity + ": " + e.pg.Message
	if e.pg.Detail != "" {
		s += "\nDETAIL: " + e.pg.Detail
	}
	if e.pg.Hint != "" {
		s += "\nHINT: " + e.pg.Hint
	}
	return s
}

func (e *serverError) Unwrap() error { return e.pg }

func newSession(opts *Options, f File) *session {
	return &session{opts: opts, init: f.Init, conns: map[string]*conn{}}
}

// exec runs SQL on a named connection, within the timeout of a record.
func (s *session) exec(ctx context.Context, name, sql string) (*result, error) {
	c := s.conns[name]
	if c == nil {
		c = &conn{}
		s.conns[name] = c
	}
	if c.pg == nil {
		if err := s.connect(ctx, c); err != nil {
			return nil, err
		}
	}
	res, err := execSQL(ctx, c.pg, s.opts.Timeout, sql)
	if c.pg.IsClosed() {
		c.pg = nil
	}
	if err == nil && isSessionSet(sql) {
		c.sets = append(c.sets, sql)
	}
	return res, err
}

// execSQL sends SQL by the simple query protocol and reads all that comes.
func execSQL(ctx context.Context, pg *pgconn.PgConn, timeout time.Duration, sql string) (*result, error) {
	tctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	results, err := pg.Exec(tctx, sql).ReadAll()
	if err == nil && len(results) > 0 {
		err = results[0].Err
	}
	if err != nil {
		return nil, explain(ctx, tctx, timeout, err)
	}
	res := &result{}
	if len(results) == 0 {
		return res, nil
	}
	res.count = results[0].CommandTag.RowsAffected()
	res.raw = results[0].Rows
	for _, row := range res.raw {
		values := make([]string, len(row))
		for i, v := range row {
			values[i] = formatValue(v)
		}
		res.rows = append(res.rows, values)
	}
	return res, nil
}

// explain tells an error of the server from a timeout and a lost connection.
func explain(ctx, tctx context.Context, timeout time.Duration, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("run stopped: %w", context.Cause(ctx))
	}
	if tctx.Err() != nil {
		return fmt.Errorf("timeout: no answer within %v: %w", timeout, err)
	}
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return &serverError{pgErr}
	}
	return fmt.Errorf("connection lost: %w", err)
}

// connect makes a connection and brings it into the state of the lost one.
func (s *session) connect(ctx context.Context, c *conn) error {
	pg, err := dialRetry(ctx, s.opts, s.database)
	if err != nil {
		return err
	}
	for _, sql := range s.init {
		if _, err := execSQL(ctx, pg, s.opts.Timeout, sql); err != nil && s.initErr == nil {
			s.initErr = fmt.Errorf("init %q: %w", sql, err)
		}
	}
	for _, sql := range c.sets {
		if _, err := execSQL(ctx, pg, s.opts.Timeout, sql); err != nil {
			closeConn(pg)
			return fmt.Errorf("repeat %q on a new connection: %w", sql, err)
		}
	}
	if pg.IsClosed() {
		return errors.New("connection lost while it was set up")
	}
	c.pg = pg
	return nil
}

// dialRetry connects; a server that is not there is asked again for some time.
func dialRetry(ctx context.Context, opts *Options, database string) (*pgconn.PgConn, error) {
	deadline := time.Now().Add(opts.ConnectTimeout)
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 500*time.Millisecond) {
		pg, err := dial(ctx, opts, database)
		if err == nil {
			opts.down.Store(false)
			return pg, nil
		}
		late := time.Now().Add(pause).After(deadline)
		if late {
			opts.down.Store(true)
		}
		if ctx.Err() != nil || late || opts.down.Load() || !mayRecover(err) {
			return nil, fmt.Errorf("connect: %w", err)
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// mayRecover reports whether a failed connect may work later: there was no
// server, or one that is starting, stopping or full.
func mayRecover(err error) bool {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return slices.Contains([]string{"57P01", "57P02", "57P03", "53300"}, pgErr.Code)
	}
	var dnsErr *net.DNSError
	return !errors.As(err, &dnsErr)
}

func dial(ctx context.Context, opts *Options, database string) (*pgconn.PgConn, error) {
	cfg, err := pgconn.ParseConfig(opts.url())
	if err != nil {
		return nil, fmt.Errorf("connection string: %w", err)
	}
	if database != "" {
		cfg.Database = database
	}
	cfg.BuildContextWatcherHandler = func(pg *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: pg, DeadlineDelay: cancelDelay}
	}
	tctx, cancel := context.WithTimeout(ctx, opts.ConnectTimeout)
	defer cancel()
	return pgconn.ConnectConfig(tctx, cfg)
}

// inTransaction reports whether any connection is in a transaction block.
func (s *session) inTransaction() bool {
	for _, c := range s.conns {
		if c.pg != nil && !c.pg.IsClosed() && c.pg.TxStatus() != 'I' {
			return true
		}
	}
	return false
}

// dropDead forgets the connections that no longer answer.
func (s *session) dropDead(ctx context.Context) {
	for _, c := range s.conns {
		if c.pg == nil {
			continue
		}
		_, err := execSQL(ctx, c.pg, s.opts.Timeout, ";")
		var se *serverError
		if err != nil && !errors.As(err, &se) || c.pg.IsClosed() {
			closeConn(c.pg)
			c.pg = nil
		}
	}
}

func (s *session) close() {
	for _, c := range s.conns {
		if c.pg != nil {
			closeConn(c.pg)
			c.pg = nil
		}
	}
}

// closeConn says goodbye, and does not wait long for it to be heard.
func closeConn(pg *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.Background(), cancelDelay)
	defer cancel()
	_ = pg.Close(ctx) // the server drops the session either way
}

// isSessionSet reports whether SQL is one SET or RESET that outlives its
// transaction.
func isSessionSet(sql string) bool {
	words := strings.Fields(strings.ToLower(sql))
	if len(words) < 2 || words[0] != "set" && words[0] != "reset" {
		return false
	}
	if strings.Contains(strings.TrimRight(sql, "; \t\r\n"), ";") {
		return false
	}
	return words[1] != "local" && words[1] != "transaction" && words[1] != "constraints"
}

// sleep waits, or ends early with the context.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
