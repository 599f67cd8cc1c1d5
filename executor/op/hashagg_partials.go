package op

import (
	"streamdb/internal/sqlerr"
	"streamdb/stream"
	"streamdb/vec"
)

// This file is the second phase of a two-phase aggregation with keys: a HashAgg
// over a PartialAgg with a Mode. Of the rows of its input some are partial states
// (their last column counts the rows they stand for), others are rows as they
// were (it is NULL).

// openPartials finds the columns that merge.
func (a *hashAgg) openPartials() error {
	a.rowsCol = len(a.in) - 1
	for j, c := range a.aggs {
		if _, ok := c.(*rowCount); ok { // counted as rows are
			a.parts = append(a.parts, nil)
			continue
		}
		p, ok := c.(*plainAgg)
		if !ok || len(a.spec.Aggs[j].Parts) == 0 {
			return sqlerr.New(sqlerr.DataCorrupted, "stored plan merges %s, which has no partial form", a.spec.Aggs[j].explain(a.spec.In.Schema()))
		}
		a.parts = append(a.parts, p)
	}
	return nil
}

// mixedRows sorts the rows of a batch by kind; nil with a number above 0 is all of them.
type mixedRows struct {
	raw, parts []int32
	raws, sums int
}

func (m *mixedRows) of(c *vec.Vec, n int) {
	m.raw, m.parts = m.raw[:0], m.parts[:0]
	switch {
	case c.Const && c.Null(0):
		m.raws, m.sums = n, 0
		return
	case !c.HasNulls():
		m.raws, m.sums = 0, n
		return
	}
	for i := range n {
		if c.Null(i) {
			m.raw = append(m.raw, int32(i))
		} else {
			m.parts = append(m.parts, int32(i))
		}
	}
	m.raws, m.sums = len(m.raw), len(m.parts)
}

// rowsOf counts the rows that each row stands for; nil: one.
func (a *hashAgg) rowsOf(b *stream.Batch) *vec.Vec {
	if a.rowsCol < 0 {
		return nil
	}
	c := &b.Cols()[a.rowsCol]
	if c.Const && c.Null(0) {
		return nil
	}
	return c
}

// addMixed brings a batch into the aggregates; ids are the groups of its rows.
func (a *hashAgg) addMixed(b *stream.Batch, ids []int32) error {
	cols, n := b.Cols(), b.Rows()
	m := &a.mixed
	m.of(&cols[a.rowsCol], n)
	raw, parts := m.raw, m.parts
	if m.raws == n {
		raw = nil
	}
	if m.sums == n {
		parts = nil
	}
	for j, p := range a.parts {
		if p == nil {
			continue
		}
		if m.raws > 0 {
			sel := raw
			if f := a.spec.Aggs[j].Filter; f >= 0 {
				sel = a.filtered(&cols[f], &cols[a.rowsCol], n)
			}
			if sel == nil || len(sel) > 0 {
				if err := p.update(ids, cols, b.Ops, sel, n); err != nil {
					return err
				}
			}
		}
		if m.sums > 0 {
			p.buf = pick(p.buf, cols, a.spec.Aggs[j].Parts)
			if err := p.state.Merge(ids, p.buf, b.Ops, parts, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// filtered is the rows as they were that a FILTER takes; never nil. A filter may
// be a key, which partial states have too.
func (a *hashAgg) filtered(filter, rows *vec.Vec, n int) []int32 {
	a.sel = filterRows(filter, n, a.sel)
	if a.sel == nil {
		a.sel = []int32{}
	}
	if rows.Const {
		return a.sel
	}
	kept := a.sel[:0]
	for _, i := range a.sel {
		if rows.Null(int(i)) {
			kept = append(kept, i)
		}
	}
	return kept
}

// onTime drops the rows that are late, and counts them: a partial state for the
// rows it stands for.
func (a *hashAgg) onTime(b *stream.Batch, col int) *stream.Batch {
	kept := a.closed.onTime(b, col, !a.spec.EmitOnClose)
	rows := a.rowsOf(b)
	if rows == nil || kept == b {
		return kept
	}
	t, m, more := &b.Cols()[col], rows.Mask(), int64(0)
	for i := range b.Rows() {
		if !t.Null(i) && t.I64[i&t.Mask()] <= a.closed.at && !rows.Null(i) {
			more += max(1, rows.I64[i&m], -rows.I64[i&m]) - 1
		}
	}
	a.closed.missed(int(more))
	return kept
}
