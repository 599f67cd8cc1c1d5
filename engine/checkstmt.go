package engine

import (
	"context"
	"strconv"

	"streamdb/catalog"
	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
	"streamdb/types"
	"streamdb/vec"
	"streamdb/wire"
)

// mostDifferences is the number of differing rows that CHECK MATERIALIZED VIEW shows.
const mostDifferences = 1000

var checkColumns = []wire.Column{
	{Name: "relation", Type: types.Of(types.Text)},
	{Name: "rows", Type: types.Of(types.Int8)},
	{Name: "problem", Type: types.Of(types.Text)},
}

// analyseCheck is CHECK MATERIALIZED VIEW, CHECK TABLE and CHECK INDEX.
func (s *Session) analyseCheck(p *Prepared, st *ast.Check) error {
	o, err := s.checkable(st)
	if err != nil {
		return err
	}
	p.cols = checkColumns
	run := s.checkStored
	if st.Kind == "materialized view" {
		p.cols, run = differenceColumns(o), s.checkView
	}
	p.action = func(ctx context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		t, err := s.begun()
		if err != nil {
			return nil, err
		}
		if len(t.overlay.writes) > 0 {
			return nil, sqlerr.New(sqlerr.ActiveSQLTransaction, "CHECK cannot run in a transaction that has written").
				WithHint("It compares what is committed: COMMIT first.")
		}
		t.replayable = false
		if o = t.cat.ByID(o.ID); o == nil {
			return nil, sqlerr.New(sqlerr.UndefinedTable, "relation \"%s\" does not exist", st.Name)
		}
		ctx, cancel := s.withTimeout(ctx)
		defer cancel()
		memory := s.db.queries.Child(0)
		defer memory.Close()
		c, err := newChecker(s.db.log, t.cat, t.snap, memory, s.db.env)
		if err != nil {
			return nil, err
		}
		c.rowsOf = s.db.rowsOf
		rows, err := run(ctx, c, o)
		if err != nil && ctx.Err() != nil {
			err = cancelled(context.Cause(ctx))
		}
		return rows, err
	}
	return nil
}

// checkable finds what a CHECK names and says what cannot be checked.
func (s *Session) checkable(st *ast.Check) (*catalog.Object, error) {
	o, err := s.find(st.Name)
	if err != nil {
		return nil, err
	}
	ok := string(o.Kind) == st.Kind
	if st.Kind == "table" { // also: what has rows
		ok = o.Rows != nil && o.Kind != catalog.Index
	}
	if !ok {
		e := sqlerr.New(sqlerr.WrongObjectType, "\"%s\" is not %s %s", o.Name, article(st.Kind), st.Kind)
		switch o.Kind {
		case catalog.Table, catalog.Index:
			e.WithHint("Use CHECK %s.", map[catalog.Kind]string{catalog.Table: "TABLE", catalog.Index: "INDEX"}[o.Kind])
		case catalog.MaterializedView:
			e.WithHint("Use CHECK MATERIALIZED VIEW, or CHECK TABLE for its stored rows.")
		}
		return nil, e
	}
	if st.Kind == "materialized view" {
		c := &checker{cat: s.catalog()}
		if err := c.askable(o); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// differenceColumns are those of CHECK MATERIALIZED VIEW: the view's, behind how
// many more of the row the view has than its query.
func differenceColumns(o *catalog.Object) []wire.Column {
	cols := []wire.Column{{Name: "difference", Type: types.Of(types.Int8)}}
	for _, i := range visible(o) {
		cols = append(cols, wire.Column{Name: o.Cols[i].Name, Type: o.Cols[i].Type})
	}
	return cols
}

// checkView compares a view with its query.
func (s *Session) checkView(ctx context.Context, c *checker, o *catalog.Object) (wire.Rows, error) {
	bound, err := c.viewQuery(o)
	if err != nil {
		return nil, err
	}
	if err := s.readable(c.cat, append(bound.Reads, o.ID)); err != nil {
		return nil, err
	}
	rows, more, waiting, err := c.viewDifference(ctx, o, bound, mostDifferences)
	if err != nil {
		return nil, err
	}
	if waiting > 0 {
		s.notice("00000", "%d rows of the query are not final, or the view has lost them: it is EMIT ON WINDOW CLOSE", waiting)
	}
	if more > 0 {
		s.notice("00000", "%d more rows differ", more)
	}
	if late, err := c.late(o); err == nil && late > 0 && len(rows) > 0 {
		s.notice("00000", "%d rows came too late for the view: its query has them", late)
	}
	cols := differenceColumns(o)
	bs := make([]*vec.Builder, len(cols))
	for i := range bs {
		bs[i] = vec.NewBuilder(cols[i].Type.Layout(), len(rows))
	}
	for _, r := range rows {
		bs[0].AppendInt(r.count)
		for i, d := range r.row {
			bs[1+i].AppendDatum(d)
		}
	}
	return builtRows(cols, bs, len(rows), countTag("CHECK", int64(len(rows)))), nil
}

// checkStored checks the stored rows of a relation or an index.
func (s *Session) checkStored(ctx context.Context, c *checker, o *catalog.Object) (wire.Rows, error) {
	if err := s.readable(c.cat, []catalog.ID{o.ID}); err != nil {
		return nil, err
	}
	var found []*finding
	if o.Kind == catalog.Index {
		found = []*finding{c.index(ctx, o)}
	} else {
		found = c.relation(ctx, o)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	bs := []*vec.Builder{vec.NewBuilder(types.LBytes, 0), vec.NewBuilder(types.LInt64, 0), vec.NewBuilder(types.LBytes, 0)}
	n := 0
	for _, f := range found {
		add := func(problem func(*vec.Builder)) {
			n++
			bs[0].AppendString(f.object.Name)
			bs[1].AppendInt(f.rows)
			problem(bs[2])
		}
		if f.found == 0 {
			add(func(b *vec.Builder) { b.AppendNull() })
		}
		for _, p := range f.problems {
			add(func(b *vec.Builder) { b.AppendString(p) })
		}
		if more := f.found - len(f.problems); more > 0 {
			add(func(b *vec.Builder) { b.AppendString("and " + strconv.Itoa(more) + " more") })
		}
	}
	return builtRows(checkColumns, bs, n, countTag("CHECK", int64(n))), nil
}
