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

// apply merges an epoch's changes into a partition and computes again what they
// touch.
func (w *overWindow) apply(ctx *executor.Ctx, id int32, cs []topChange, out executor.Emitter) error {
	g := &w.parts[id]
	g.hot = true
	prefix := w.prefix(id)
	if !g.loaded {
		if err := w.load(g, prefix); err != nil {
			return err
		}
	} else {
		w.held -= g.held()
	}
	g.data, g.cols, g.view = w.data, nil, 0
	if g.checks == nil {
		g.checks = make([][]winCheck, len(w.eval.calls))
	}
	points, err := w.merge(g, prefix, cs, out)
	if err != nil {
		return err
	}
	if len(points) > 0 {
		g.trimChecks(points[0].at)
		ranges, err := w.touched(&g.winPart, points)
		if err != nil {
			return err
		}
		for _, r := range ranges {
			if err := w.recompute(ctx, g, prefix, r, out); err != nil {
				return err
			}
		}
	}
	g.cols, g.view = nil, 0
	w.held += g.held()
	if len(g.rows) == 0 {
		w.drop(id)
	}
	w.tidy()
	return nil
}

// trimChecks forgets the kept states of running aggregates over row at.
func (g *winGroup) trimChecks(at int) {
	for k, list := range g.checks {
		g.checks[k] = list[:sort.Search(len(list), func(i int) bool { return list[i].row > at })]
	}
}

// merge puts rows in and takes rows out; those that go are emitted. cs are in
// order of key, at most one delete and one insert for each.
func (w *overWindow) merge(g *winGroup, prefix []byte, cs []topChange, out executor.Emitter) ([]winPoint, error) {
	firstKey, _ := w.change(&cs[0])
	first := sort.Search(len(g.rows), func(i int) bool { return bytes.Compare(g.key(i), firstKey) >= 0 })
	// What is before the first change stays where it is; the rest is merged.
	next, rest := g.rows[:first], winPart{rows: append(w.spare[:0], g.rows[first:]...), data: w.data}
	old := rest.rows
	var points []winPoint
	from := 0
	for k := 0; k < len(cs); {
		key, _ := w.change(&cs[k])
		at := from + sort.Search(len(old)-from, func(i int) bool { return bytes.Compare(rest.key(from+i), key) >= 0 })
		next = append(next, old[from:at]...)
		from = at
		had := at < len(old) && bytes.Equal(rest.key(at), key)
		var gone, come *topChange
		for ; k < len(cs); k++ {
			if other, _ := w.change(&cs[k]); !bytes.Equal(other, key) {
				break
			}
			switch {
			case cs[k].weight == -1 && gone == nil:
				gone = &cs[k]
			case cs[k].weight == 1 && come == nil:
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
		p := winPoint{at: len(next), put: come != nil}
		if had {
			if err := w.emit(rest.input(at), rest.output(at), stream.Delete, out); err != nil {
				return nil, err
			}
			r := &old[at]
			w.data.free(int(r.klen + r.ilen + r.olen))
			from++
			if come == nil {
				w.table.Delete(g.vnode, append(prefix[:len(prefix):len(prefix)], key...))
			}
		}
		c := come
		if c == nil {
			c = gone
		}
		_, val := w.change(c)
		slen, n := binary.Uvarint(val)
		p.key = key[:slen]
		points = append(points, p)
		if come != nil {
			next = append(next, winRow{at: w.data.add2(key, val[n:]), slen: uint32(slen), klen: uint32(len(key)),
				ilen: uint32(len(val) - n), olen: noOutput})
		}
	}
	next = append(next, old[from:]...)
	g.rows, w.spare = next, old[:0]
	if cap(next) > 4*len(next)+64 {
		g.rows = slices.Clone(next)
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
		if r.from == 0 && r.to == len(p.rows) {
			break // every row
		}
	}
	return out, nil
}

// recompute computes the results of a stretch of rows, and emits and stores those
// that differ.
func (w *overWindow) recompute(ctx *executor.Ctx, g *winGroup, prefix []byte, r winRange, out executor.Emitter) error {
	res, err := w.eval.eval(ctx.Expr, &g.winPart, r.from, r.to)
	if err != nil {
		return err
	}
	for i := r.from; i < r.to; i++ {
		if err := w.settle(g, prefix, i, res, i-r.from, out); err != nil {
			return err
		}
	}
	return nil
}

// settle gives row i the results in row k of res.
func (w *overWindow) settle(g *winGroup, prefix []byte, i int, res []vec.Vec, k int, out executor.Emitter) error {
	w.buf = storage.AppendRow(w.buf[:0], res, k)
	r := &g.rows[i]
	in := g.input(i)
	if r.olen != noOutput {
		old := g.output(i)
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
	key := append(prefix[:len(prefix):len(prefix)], g.key(i)...)
	val := binary.AppendUvarint(binary.AppendUvarint(nil, uint64(r.slen)), uint64(r.ilen))
	val = append(append(val, in...), w.buf...)
	w.table.Put(g.vnode, key, val)
	return nil
}
