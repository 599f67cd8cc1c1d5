package op

import (
	"cmp"
	"math"
	"slices"

	"streamdb/executor"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
)

func openEmitOnClose(s *EmitOnClose, ctx *executor.OpenCtx) (executor.Operator, error) {
	in := s.In.Schema()
	if in[s.Time].Type.Layout() != types.LInt64 {
		return nil, sqlerr.New(sqlerr.InternalError, "watermarks on a column of type %s", in[s.Time].Type)
	}
	if ctx.Bounded {
		return nil, sqlerr.Unsupported("EMIT ON WINDOW CLOSE in a query")
	}
	tab := s.rowTable()
	g := &emitOnClose{spec: s, dec: tab.Decoder(nil)}
	g.net.rowWriter = rowWriter{spec: &Materialize{Table: tab}, table: ctx.Table(s.Rows), types: schemaTypes(in)}
	var err error
	if g.closed, err = openClosed(ctx, s.Closed, s.Kind(), s.Rows.ID); err != nil {
		return nil, err
	}
	empty, err := g.net.table.Empty()
	if err != nil {
		return nil, err
	}
	for v := range g.low {
		g.low[v] = math.MaxInt64
		if !empty && ctx.VNodes.Contains(storage.VNode(v)) {
			g.low[v] = math.MinInt64
		}
	}
	g.resend = g.closed.at > minWindow
	return g, nil
}

// emitOnClose runs an EmitOnClose. Changes are netted key by key at the barrier
// (see netRows), but written, not emitted; then the vnodes that have rows at or
// below the watermark are read in order of time.
type emitOnClose struct {
	executor.Base
	spec   *EmitOnClose
	net    netRows // rows of a retracting input in the epoch; its table in any case
	dec    *storage.RowDecoder
	closed closedMark
	resend bool                     // the mark was not passed on yet in this run
	low    [storage.NumVNodes]int64 // no stored row of the vnode is older; MinInt64: not known
	rose   bool
}

func (g *emitOnClose) Process(_ *executor.Ctx, _ int, b *stream.Batch, _ executor.Emitter) error {
	b = g.closed.onTime(b, g.spec.Time, false)
	n, cols := b.Rows(), b.Cols()
	if n == 0 {
		return nil
	}
	w := &g.net.rowWriter
	if !g.spec.AppendOnly {
		g.net.epoch.add(w, b)
	} else {
		tab := &w.spec.Table
		w.vnodes = executor.VNodes(cols, tab.Dist, w.types, n, w.vnodes)
		for i := range n {
			w.key = tab.EncodeKey(w.key[:0], cols, i)
			w.put(w.vnodes[i], w.key, cols, i)
		}
	}
	t := &cols[g.spec.Time]
	m := t.Mask()
	for i, v := range w.vnodes[:n] {
		g.low[v] = min(g.low[v], t.I64[i&m])
	}
	return nil
}

func (g *emitOnClose) Watermark(_ *executor.Ctx, _ int, w stream.Watermark, _ executor.Emitter) error {
	if w.Column == g.spec.Time && g.closed.raise(w.Time) {
		g.rose = true
	}
	return nil
}

func (g *emitOnClose) Barrier(_ *executor.Ctx, _ stream.Barrier, out executor.Emitter) error {
	if !g.spec.AppendOnly {
		if err := g.net.settleAll(); err != nil {
			return err
		}
		g.net.epoch.reset()
	}
	g.closed.save()
	if !g.rose && !g.resend {
		return nil
	}
	g.rose, g.resend = false, false
	if err := g.release(out); err != nil {
		return err
	}
	return out.EmitWatermark(stream.Watermark{Column: g.spec.Time, Time: g.closed.at})
}

// closeSlice is how many rows of a vnode are read at once while windows close.
const closeSlice = 256

// closing reads the rows of one vnode that have been passed, in order of time.
type closing struct {
	vnode storage.VNode
	rows  []closedRow
	next  []byte // where the next read begins
	more  bool   // rows that have been passed are left beyond rows
}

type closedRow struct {
	time  int64
	vnode storage.VNode
	key   []byte
	row   []byte
}

// release emits and forgets the rows at or below the mark: slice by slice, each
// as far as all vnodes have been read, so that the order is that of time.
func (g *emitOnClose) release(out executor.Emitter) error {
	var open []*closing
	for v := range g.low {
		if g.low[v] <= g.closed.at {
			c := &closing{vnode: storage.VNode(v), more: true}
			if err := g.read(c); err != nil {
				return err
			}
			open = append(open, c)
		}
	}
	for len(open) > 0 {
		upTo := int64(math.MaxInt64)
		for _, c := range open {
			if c.more {
				upTo = min(upTo, c.rows[len(c.rows)-1].time)
			}
		}
		var ready []closedRow
		for _, c := range open {
			k := 0
			for k < len(c.rows) && c.rows[k].time <= upTo {
				k++
			}
			ready, c.rows = append(ready, c.rows[:k]...), c.rows[k:]
			if len(c.rows) == 0 && c.more {
				if err := g.read(c); err != nil {
					return err
				}
			}
		}
		if err := g.emit(ready, out); err != nil {
			return err
		}
		open = slices.DeleteFunc(open, func(c *closing) bool { return len(c.rows) == 0 && !c.more })
	}
	return nil
}

// read takes the next rows of a vnode. At the end it notes the oldest row that stays.
func (g *emitOnClose) read(c *closing) error {
	t := g.spec.In.Schema()[g.spec.Time].Type
	var arena []byte
	c.rows, c.more = nil, false
	g.low[c.vnode] = math.MaxInt64
	return g.net.table.ScanFrom(c.vnode, nil, c.next, func(key, value []byte) (bool, error) {
		d, _, err := types.DecodeKey(t, key)
		if err != nil {
			return false, err
		}
		if d.Null || d.I > g.closed.at {
			if !d.Null {
				g.low[c.vnode] = d.I
			}
			return false, nil
		}
		if len(c.rows) == closeSlice {
			c.more = true
			return false, nil
		}
		from := len(arena)
		arena = append(append(arena, key...), value...)
		c.next = append(append(c.next[:0], key...), 0)
		k := from + len(key)
		c.rows = append(c.rows, closedRow{d.I, c.vnode, arena[from:k:k], arena[k:len(arena):len(arena)]})
		return true, nil
	})
}

func (g *emitOnClose) emit(rows []closedRow, out executor.Emitter) error {
	slices.SortStableFunc(rows, func(a, b closedRow) int { return cmp.Compare(a.time, b.time) })
	for len(rows) > 0 {
		builders := g.dec.Builders(min(len(rows), stream.BatchRows))
		n := 0
		for n < len(rows) && (n == 0 || !stream.Full(n, builders)) {
			if err := g.dec.Append(builders, rows[n].row); err != nil {
				return err
			}
			g.net.table.Delete(rows[n].vnode, rows[n].key)
			n++
		}
		if err := out.Emit(batchOf(builders, n, nil)); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}
