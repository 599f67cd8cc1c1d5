package engine

import (
	"context"
	"strconv"
	"time"

	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/wire"
)

// cursor is a query declared with DECLARE, read forward by FETCH.
type cursor struct {
	cols []wire.Column
	rows wire.Rows
	rest *stream.Batch // read from rows, not yet fetched, from row at on
	at   int
}

// analyseDeclare is DECLARE name CURSOR FOR query.
func (s *Session) analyseDeclare(p *Prepared, st *ast.DeclareCursor) error {
	switch {
	case st.Query == nil && st.Subscribe == nil:
		return sqlerr.Unsupported("a subscription cursor").WithHint("DECLARE name CURSOR FOR SUBSCRIBE view.")
	case st.Scroll:
		return sqlerr.Unsupported("a SCROLL cursor")
	case st.Hold:
		return sqlerr.Unsupported("a cursor WITH HOLD")
	}
	q := &Prepared{stmt: p.stmt, params: p.params}
	analyse := func() error { return s.analyseQuery(q, st.Query) }
	if st.Subscribe != nil {
		analyse = func() error { return s.analyseSubscribe(q, st.Subscribe) }
	}
	if err := analyse(); err != nil {
		return err
	}
	return p.will(func(ctx context.Context, s *Session, args []types.Datum) (wire.Rows, error) {
		if s.txn == nil || !s.txn.explicit {
			return nil, sqlerr.New(sqlerr.NoActiveSQLTransaction, "DECLARE CURSOR can only be used in transaction blocks")
		}
		if s.cursors[st.Name] != nil {
			return nil, sqlerr.New(sqlerr.DuplicateCursor, "cursor \"%s\" already exists", st.Name)
		}
		rows, err := q.action(ctx, s, args)
		if err != nil {
			return nil, err
		}
		s.cursors[st.Name] = &cursor{cols: q.cols, rows: rows}
		return done("DECLARE CURSOR"), nil
	})
}

// analyseFetch is FETCH n FROM name, forward only.
func (s *Session) analyseFetch(p *Prepared, st *ast.Fetch) error {
	c := s.cursors[st.Cursor]
	if c == nil {
		return sqlerr.New(sqlerr.InvalidCursorName, "cursor \"%s\" does not exist", st.Cursor)
	}
	if st.Direction != ast.FetchForward || st.Count < 0 {
		return sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "cursor can only scan forward")
	}
	verb := "FETCH"
	if st.Move {
		verb = "MOVE"
	} else {
		p.cols = c.cols
	}
	p.action = func(_ context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		c := s.cursors[st.Cursor]
		if c == nil {
			return nil, sqlerr.New(sqlerr.InvalidCursorName, "cursor \"%s\" does not exist", st.Cursor)
		}
		left := st.Count
		if st.All {
			left = -1
		}
		f := &fetched{cursor: c, left: left, verb: verb, silent: st.Move}
		return f, f.options(st.Options)
	}
	return nil
}

// fetched is the result of one FETCH: up to left rows (-1: all) of the cursor.
type fetched struct {
	cursor *cursor
	left   int64
	count  int64
	verb   string
	silent bool // MOVE: rows are passed over

	// Of a subscription: until when rows are waited for; the zero time: until there
	// are some.
	deadline time.Time
	some     bool
}

// options reads FETCH .. WITH (timeout = '1s').
func (f *fetched) options(list []*ast.Option) error {
	for _, o := range list {
		if o.Name != "timeout" {
			return sqlerr.New(sqlerr.SyntaxError, "unrecognized FETCH option \"%s\"", o.Name).WithHint("The option is timeout.")
		}
		if _, ok := f.cursor.rows.(*subscription); !ok {
			return sqlerr.New(sqlerr.InvalidParameterValue, "timeout is for cursors over SUBSCRIBE")
		}
		text, err := checkDuration(o.Value)
		if err != nil {
			return err
		}
		ms, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return err
		}
		f.deadline = time.Now().Add(time.Duration(ms) * time.Millisecond)
	}
	return nil
}

// read gives the next rows of the cursor's query, nil at its end. A subscription
// has none: what FETCH waits for is in its options.
func (f *fetched) read(ctx context.Context) (*stream.Batch, error) {
	sub, ok := f.cursor.rows.(*subscription)
	if !ok {
		return f.cursor.rows.Next(ctx)
	}
	wait := time.Duration(-1)
	switch {
	case !f.deadline.IsZero():
		wait = max(0, time.Until(f.deadline))
	case f.some:
		wait = 0
	}
	b, err := sub.within(ctx, wait)
	f.some = f.some || b != nil
	return b, err
}

func (f *fetched) Columns() []wire.Column {
	if f.silent {
		return nil
	}
	return f.cursor.cols
}

func (f *fetched) Next(ctx context.Context) (*stream.Batch, error) {
	for f.left != 0 {
		c := f.cursor
		if c.rest == nil {
			b, err := f.read(ctx)
			if err != nil || b == nil {
				f.left = 0
				return nil, err
			}
			c.rest, c.at = b, 0
		}
		n := c.rest.Rows() - c.at
		if f.left > 0 && int64(n) > f.left {
			n = int(f.left)
		}
		sel := make([]int32, n)
		for i := range sel {
			sel[i] = int32(c.at + i)
		}
		out := c.rest.Take(sel)
		if c.at += n; c.at == c.rest.Rows() {
			c.rest = nil
		}
		f.count += int64(n)
		if f.left > 0 {
			f.left -= int64(n)
		}
		if !f.silent && n > 0 {
			return out, nil
		}
	}
	return nil, nil
}

func (f *fetched) Tag() string { return countTag(f.verb, f.count) }

func (f *fetched) Close() error { return nil }

// closeCursor is CLOSE name and CLOSE ALL.
func closeCursor(st *ast.CloseCursor) action {
	return func(_ context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		if st.Name == "" {
			s.closeCursors()
			return done("CLOSE CURSOR ALL"), nil
		}
		c := s.cursors[st.Name]
		if c == nil {
			return nil, sqlerr.New(sqlerr.InvalidCursorName, "cursor \"%s\" does not exist", st.Name)
		}
		delete(s.cursors, st.Name)
		return done("CLOSE CURSOR"), c.rows.Close()
	}
}

func (s *Session) closeCursors() {
	for name, c := range s.cursors {
		c.rows.Close()
		delete(s.cursors, name)
	}
}
