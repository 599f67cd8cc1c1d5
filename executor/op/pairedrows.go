package op

import (
	"slices"

	"streamdb/executor"
	"streamdb/expr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/vec"
)

// onceInput is how the rows of an aggregate come to a Materialize: with each group
// under a key of its own.
type onceInput struct {
	whole bool // with all columns, so that a changed group is a changed row
}

// onceBelow looks for the aggregate below a Materialize; nil: there is none, or its
// groups do not have a key each, or a row that stays the same may come apart from itself.
func onceBelow(m *Materialize) *onceInput {
	cols := allCols(len(m.Table.Cols)) // of the operator looked at, by column of the row; -1: computed
	in, filtered := m.In, false
	for {
		switch s := in.(type) {
		case *Calc:
			filtered = filtered || s.Where != nil || s.Failed.ID != 0
			if s.Exprs != nil {
				for i, c := range cols {
					if c < 0 {
						continue
					}
					cols[i] = -1
					if e, ok := s.Exprs[c].(*expr.Col); ok {
						cols[i] = e.Index
					}
				}
			}
			in = s.In
			continue
		case *HashAgg:
			key := make([]int, 0, len(m.Table.Key))
			for _, k := range m.Table.Key {
				key = append(key, cols[k.Col])
			}
			for k := range s.Keys { // the first columns of its output
				if !slices.Contains(key, k) {
					return nil
				}
			}
			whole := true
			for c := range s.Out {
				whole = whole && slices.Contains(cols, c)
			}
			if filtered && !whole {
				return nil
			}
			return &onceInput{whole: whole}
		}
		return nil
	}
}

// pairedRows is netRows for the rows of an aggregate, each group of which has a key
// of its own: as long as batches say that they are Once, the rows of a key need not be
// looked for. They stand at the same place of two batches, one behind the other, or, of
// a filter, somewhere in them: then the key is deleted and put. An epoch in which other
// batches come too, as when the aggregate had to give memory back in its midst, is left
// to netRows.
type pairedRows struct {
	netRows
	once    []*stream.Batch // of the epoch, unless it is mapped
	mapped  bool            // the epoch is netRows' business
	compare bool            // a changed group may be the same row
	rows    int             // in once
}

func (w *pairedRows) Process(ctx *executor.Ctx, port int, b *stream.Batch, out executor.Emitter) error {
	if b.Rows() == 0 {
		return nil
	}
	if b.Once && !w.mapped {
		w.once = append(w.once, b)
		w.epoch.bytes += b.Bytes()
		w.rows += b.Rows()
		return nil
	}
	if !w.mapped {
		w.mapped, w.epoch.bytes = true, 0
		for _, o := range w.once {
			w.epoch.add(&w.rowWriter, o)
		}
		w.forget()
	}
	return w.netRows.Process(ctx, port, b, out)
}

// Withheld implements executor.Withholder.
func (w *pairedRows) Withheld() int { return w.netRows.Withheld() + withheldRow*w.rows }

func (w *pairedRows) forget() { w.once, w.rows = nil, 0 }

func (w *pairedRows) Barrier(ctx *executor.Ctx, b stream.Barrier, out executor.Emitter) error {
	if w.mapped {
		w.mapped = false
		return w.netRows.Barrier(ctx, b, out)
	}
	var pairs []pairedBatches
	changed := 0
	for i := 0; i < len(w.once); i++ {
		p := w.pair(i)
		if p.gone != nil && p.now != nil {
			i++
		}
		changed += p.changed()
		pairs = append(pairs, p)
	}
	if changed > 0 {
		w.table.PutLater(changed, func(to storage.LateWriter) { w.write(to, pairs) })
	}
	w.forget()
	w.epoch.bytes = 0
	for i := range pairs {
		if err := pairs[i].emit(out); err != nil {
			return err
		}
	}
	return w.release(out)
}

// pairedBatches are what became of some groups: gone has their rows before, now
// those after, of the first both groups the one and the other.
type pairedBatches struct {
	gone, now *stream.Batch // nil: no rows
	both      int
	keep      []bool // of the first both: the rows are not the same; nil: none are
	same      int    // how many are
}

// pair takes batch number i of the epoch, and the one behind it where they belong
// together.
func (w *pairedRows) pair(i int) (p pairedBatches) {
	b := w.once[i]
	if b.Op(0) == stream.Insert {
		p.now = b
		return p
	}
	p.gone = b
	if i+1 == len(w.once) || w.once[i+1].Op(0) == stream.Delete {
		return p
	}
	p.now = w.once[i+1]
	gone, now := p.gone.Cols(), p.now.Cols()
	most := min(p.gone.Rows(), p.now.Rows())
	goneKey, nowKey := make([]vec.Vec, 0, 4), make([]vec.Vec, 0, 4)
	for _, k := range w.spec.Table.Key {
		goneKey, nowKey = append(goneKey, gone[k.Col]), append(nowKey, now[k.Col])
	}
	for p.both < most && sameRow(goneKey, p.both, nowKey, p.both) {
		p.both++
	}
	if !w.compare {
		return p
	}
	for i := range p.both {
		if !sameRow(gone, i, now, i) {
			continue
		}
		if p.keep == nil {
			p.keep = slices.Repeat([]bool{true}, p.both)
		}
		p.keep[i] = false
		p.same++
	}
	return p
}

// changed is how many rows are to be written.
func (p *pairedBatches) changed() int {
	n := -p.both - p.same
	for _, b := range []*stream.Batch{p.gone, p.now} {
		if b != nil {
			n += b.Rows()
		}
	}
	return n
}

func (p *pairedBatches) emit(out executor.Emitter) error {
	for _, b := range []*stream.Batch{p.gone, p.now} {
		switch {
		case b == nil:
			continue
		case p.same > 0:
			keep := slices.Repeat([]bool{true}, b.Rows())
			copy(keep, p.keep)
			if err := emitKept(b, keep, out); err != nil {
				return err
			}
		default:
			if err := out.Emit(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// write makes keys and rows. It may run on any goroutine, and so reads nothing of the
// operator but its plan.
func (w *pairedRows) write(to storage.LateWriter, pairs []pairedBatches) {
	var vnodes []storage.VNode
	var key, row []byte
	t := &w.spec.Table
	for i := range pairs {
		p := &pairs[i]
		if p.gone != nil && p.gone.Rows() > p.both {
			cols := p.gone.Cols()
			vnodes = executor.VNodes(cols, t.Dist, w.types, p.gone.Rows(), vnodes)
			for r := p.both; r < p.gone.Rows(); r++ {
				key = t.EncodeKey(key[:0], cols, r)
				to.Delete(vnodes[r], key)
			}
		}
		if p.now == nil {
			continue
		}
		cols := p.now.Cols()
		vnodes = executor.VNodes(cols, t.Dist, w.types, p.now.Rows(), vnodes)
		for r := range p.now.Rows() {
			if r < len(p.keep) && !p.keep[r] {
				continue
			}
			key = t.EncodeKey(key[:0], cols, r)
			row = storage.AppendRow(row[:0], cols, r)
			to.Put(vnodes[r], key, row)
		}
	}
}
