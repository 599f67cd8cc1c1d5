package op

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sort"

	"streamdb/executor"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/vec"
)

// winPoint is a change of a partition: at is the row that was put in, or the one
// after those that were taken out.
type winPoint struct {
	at  int
	put bool
	key []byte // the sort key, in the buffer of changes
}

// winRange is the rows from .. to-1.
type winRange struct{ from, to int }

// apply merges an epoch's changes into a partition, computes again what they
// touch, or, if Final, for the first time what they complete, and forgets what is
// looked at no more.
func (w *overWindow) apply(ctx *executor.Ctx, id int32, cs []rowChange, out executor.Emitter) error {
	g := &w.parts[id]
	g.hot, g.idle = true, 0
	if err := w.enter(g, w.prefix(id)); err != nil {
		return err
	}
	points, err := w.merge(g, cs, out)
	if err != nil {
		return err
	}
	if len(points) > 0 {
		g.trimChecks(points[0].at)
		w.eval.renew()
		if w.spec.Final {
			err = w.complete(ctx, g, points, out)
		} else {
			err = w.update(ctx, g, points, out)
		}
		if err != nil {
			return err
		}
		w.eval.renew()
	}
	g.cols, g.view = nil, 0
	if err := w.forget(g); err != nil {
		return err
	}
	w.leave(id)
	return nil
}

// update computes again what changes may alter.
func (w *overWindow) update(ctx *executor.Ctx, g *winGroup, points []winPoint, out executor.Emitter) error {
	ranges, err := w.touched(&g.winPart, points)
	for _, r := range ranges {
		if err == nil {
			err = w.recompute(ctx, g, r, out)
		}
	}
	return err
}

// enter gets a partition, whose state key is prefix, ready to be looked at.
func (w *overWindow) enter(g *winGroup, prefix []byte) error {
	g.prefix = prefix
	if g.winPages == nil {
		g.winPages = &winPages{pages: []winPage{{loaded: true}}, owner: w}
	} else {
		w.held -= g.held()
	}
	g.data, g.group = w.data, g
	if !g.loaded {
		if err := w.load(g); err != nil {
			return err
		}
	}
	g.cols, g.view = nil, 0
	if g.checks == nil {
		g.checks = make([][]winCheck, len(w.eval.calls))
	}
	return nil
}

// leave ends that, for a partition in memory.
func (w *overWindow) leave(id int32) {
	g := &w.parts[id]
	g.cols, g.view = nil, 0
	w.held += g.held()
	if g.total == 0 {
		w.drop(id)
	}
	w.tidy()
}

// trimChecks forgets the kept states of running aggregates over row at.
func (g *winGroup) trimChecks(at int) {
	for k, list := range g.checks {
		g.checks[k] = list[:sort.Search(len(list), func(i int) bool { return list[i].row > at })]
	}
}

// merge puts rows in and takes rows out, page by page; those that go are emitted.
// cs are in order of key, at most one delete and one insert for each.
func (w *overWindow) merge(g *winGroup, cs []rowChange, out executor.Emitter) (points []winPoint, err error) {
	grown := 0
	for len(cs) > 0 {
		key := w.changes.key(&cs[0])
		k, n := g.pageOf(key), len(cs)
		if k+1 < len(g.pages) {
			low := g.pages[k+1].low
			n = sort.Search(len(cs), func(i int) bool {
				key := w.changes.key(&cs[i])
				return bytes.Compare(key, low) >= 0
			})
		}
		pg := g.page(k)
		if g.err != nil {
			return nil, g.err
		}
		had := pg.n
		if points, err = w.mergePage(g, pg, pg.first+grown, cs[:n], points, out); err != nil {
			return nil, err
		}
		grown += pg.n - had
		g.in += pg.n - had
		g.split(k)
		cs = cs[n:]
	}
	g.count()
	return points, nil
}

// mergePage is merge for one page, whose first row will have the number base. The
// changes of rows go to points.
func (w *overWindow) mergePage(g *winGroup, pg *winPage, base int, cs []rowChange, points []winPoint, out executor.Emitter) ([]winPoint, error) {
	keyOf := func(r *winRow) []byte { return w.data.get(r.at, int(r.klen)) }
	firstKey := w.changes.key(&cs[0])
	first := sort.Search(len(pg.rows), func(i int) bool { return bytes.Compare(keyOf(&pg.rows[i]), firstKey) >= 0 })
	// What is before the first change stays where it is; the rest is merged.
	next, old := pg.rows[:first], append(w.spare[:0], pg.rows[first:]...)
	from := 0
	for k := 0; k < len(cs); {
		key := w.changes.key(&cs[k])
		at := from + sort.Search(len(old)-from, func(i int) bool { return bytes.Compare(keyOf(&old[from+i]), key) >= 0 })
		next = append(next, old[from:at]...)
		from = at
		had := at < len(old) && bytes.Equal(keyOf(&old[at]), key)
		var gone, come *rowChange
		for ; k < len(cs); k++ {
			if !bytes.Equal(w.changes.key(&cs[k]), key) {
				break
			}
			switch {
			case cs[k].op == stream.Delete && gone == nil:
				gone = &cs[k]
			case cs[k].op == stream.Insert && come == nil:
				come = &cs[k]
			default:
				return nil, sqlerr.New(sqlerr.InternalError, "window: two rows have the same stream key")
			}
		}
		if (gone != nil) != had {
			if had {
				return nil, sqlerr.New(sqlerr.InternalError, "window: two rows have the same stream key")
			}
			if gone != nil {
				return nil, sqlerr.New(sqlerr.InternalError, "window: a row that never came is retracted")
			}
		}
		p := winPoint{at: base + len(next), put: come != nil}
		if had {
			r := &old[at]
			if err := w.emit(w.data.get(r.at, int(r.klen+r.ilen))[r.klen:], w.data.get(r.out, int(r.olen)), stream.Delete, out); err != nil {
				return nil, err
			}
			w.data.free(int(r.klen + r.ilen + r.olen))
			from++
			if come == nil {
				w.table.Delete(g.vnode, append(g0(g.prefix), key...))
			}
		}
		c := come
		if c == nil {
			c = gone
		}
		val := w.changes.row(c)
		slen, n := binary.Uvarint(val)
		p.key = key[:slen]
		points = append(points, p)
		if come != nil {
			next = append(next, winRow{at: w.data.add2(key, val[n:]), slen: uint32(slen), klen: uint32(len(key)),
				ilen: uint32(len(val) - n), olen: noOutput})
		}
	}
	next = append(next, old[from:]...)
	pg.rows, pg.n, w.spare = next, len(next), old[:0]
	if cap(next) > 4*len(next)+64 {
		pg.rows = slices.Clone(next)
	}
	if cap(old) > 1<<16 && len(old) < cap(old)/4 {
		w.spare = nil
	}
	return points, nil
}

// touched is the rows whose results the changes may alter, in order.
func (w *overWindow) touched(p *winPart, points []winPoint) ([]winRange, error) {
	var out []winRange
	for _, pt := range points {
		r := winRange{pt.at, pt.at}
		if pt.put {
			r.to++
		}
		for k := range w.eval.calls {
			reach := &w.eval.calls[k].reach
			from, err := w.eval.seenFrom(p, reach.ahead, pt.at, pt.key)
			if err != nil {
				return nil, err
			}
			to, err := w.eval.seenTo(p, reach.back, pt.at, pt.key)
			if err != nil {
				return nil, err
			}
			r.from, r.to = min(r.from, from), max(r.to, to)
		}
		for len(out) > 0 && out[len(out)-1].to >= r.from { // may reach over several before it
			last := out[len(out)-1]
			r.from, r.to = min(r.from, last.from), max(r.to, last.to)
			out = out[:len(out)-1]
		}
		if r.from < r.to {
			out = append(out, r)
		}
		if r.from == 0 && r.to == p.total {
			break // every row
		}
	}
	return out, nil
}

// recompute computes the results of a stretch of rows, some at a time, and emits
// and stores those that differ.
func (w *overWindow) recompute(ctx *executor.Ctx, g *winGroup, r winRange, out executor.Emitter) error {
	for from := r.from; from < r.to; {
		to, err := w.eval.section(ctx.Expr, &g.winPart, from, r.to, winPageRows)
		if err != nil {
			return err
		}
		for from < to {
			n := w.eval.pace.next(to - from)
			res, err := w.eval.piece(ctx.Expr, &g.winPart, from, from+n)
			if err != nil {
				return err
			}
			for k := range n {
				if err := w.settle(g, from+k, res, k, out); err != nil {
					return err
				}
			}
			from += n
			if w.eval.pace.wide && w.short(g.winPages) {
				last := g.cur
				w.shed(g.winPages, func(k int) bool { return k >= last-1 })
				w.tidy()
			}
		}
	}
	return nil
}

// settle gives row i the results in row k of res.
func (w *overWindow) settle(g *winGroup, i int, res []vec.Vec, k int, out executor.Emitter) error {
	w.buf = storage.AppendRow(w.buf[:0], res, k)
	r := g.row(i)
	if g.err != nil {
		return g.err
	}
	both := w.data.get(r.at, int(r.klen+r.ilen))
	in := both[r.klen:]
	if r.olen != noOutput {
		old := w.data.get(r.out, int(r.olen))
		if bytes.Equal(old, w.buf) {
			return nil
		}
		if err := w.emit(in, old, stream.Delete, out); err != nil {
			return err
		}
		if len(old) == len(w.buf) {
			copy(old, w.buf)
		} else {
			w.data.free(len(old))
			r.out = w.data.add(w.buf)
		}
	} else {
		r.out = w.data.add(w.buf)
	}
	r.olen = uint32(len(w.buf))
	if err := w.emit(in, w.buf, stream.Insert, out); err != nil {
		return err
	}
	w.table.Put(g.vnode, append(g0(g.prefix), both[:r.klen]...), appendWinStored(nil, r.slen, in, w.buf))
	return nil
}
