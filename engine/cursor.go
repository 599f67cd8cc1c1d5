package engine

import (
	"context"

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
	case st.Query == nil:
		return sqlerr.Unsupported("a cursor over a subscription")
	case st.Scroll:
		return sqlerr.Unsupported("a SCROLL cursor")
	case st.Hold:
		return sqlerr.Unsupported("a cursor WITH HOLD")
	}
	q := &Prepared{stmt: p.stmt, params: p.params}
	if err := s.analyseQuery(q, st.Query); err != nil {
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
		return &fetched{cursor: c, left: left, verb: verb, silent: st.Move}, nil
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
			b, err := c.rows.Next(ctx)
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
