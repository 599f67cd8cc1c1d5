package op

import (
	"streamdb/executor"
	"streamdb/expr/aggs"
	"streamdb/internal/sqlerr"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// partialGroups is how many groups are gathered before they are passed on
// within an epoch: what fits the second-level cache with its states.
const partialGroups = 1 << 15

// Open implements executor.Spec.
func (s *PartialAgg) Open(*executor.OpenCtx) (executor.Operator, error) {
	in := s.In.Schema()
	p := &partialAgg{spec: s, keys: newKeyTable(colTypes(in, s.Keys))}
	for i := range s.Aggs {
		call := &s.Aggs[i]
		def, ts, err := call.find(in)
		if err != nil {
			return nil, err
		}
		cols, ok := call.PartialColumns(in)
		if !ok || call.Merge {
			return nil, sqlerr.New(sqlerr.InternalError, "plan computes %s in two phases", call.explain(in))
		}
		p.states, p.cols = append(p.states, def.New(ts)), append(p.cols, cols)
	}
	return p, nil
}

// partialAgg holds no state beyond an epoch: what it emits is the sum of the
// changes of its groups.
type partialAgg struct {
	executor.Base
	spec   *PartialAgg
	keys   *keyTable
	states []aggs.State
	cols   [][]types.T // partial columns of each state
	rows   []int64     // net rows by group id
	ids    []int32
	sel    []int32
	key    []vec.Vec
	args   []vec.Vec
}

func (p *partialAgg) Process(_ *executor.Ctx, _ int, b *stream.Batch, out executor.Emitter) error {
	cols, n := b.Cols(), b.Rows()
	if cap(p.ids) < n {
		p.ids = make([]int32, n)
	}
	ids := p.ids[:n]
	p.key = pick(p.key, cols, p.spec.Keys)
	if fresh, _ := p.keys.FindOrInsert(p.key, nil, n, ids); len(fresh) > 0 {
		for len(p.rows) < p.keys.Ids() {
			p.rows = append(p.rows, 0)
		}
		for _, s := range p.states {
			s.Grow(p.keys.Ids())
		}
	}
	for i, id := range ids {
		p.rows[id] += int64(b.Op(i))
	}
	for j, s := range p.states {
		call := &p.spec.Aggs[j]
		var sel []int32
		if call.Filter >= 0 {
			p.sel = filterRows(&cols[call.Filter], n, p.sel)
			if sel = p.sel; len(sel) == 0 {
				continue
			}
		}
		p.args = pick(p.args, cols, call.Args)
		if err := s.Update(ids, p.args, b.Ops, sel, n); err != nil {
			return err
		}
	}
	if p.keys.Len() >= partialGroups {
		return p.flush(out)
	}
	return nil
}

func (p *partialAgg) Barrier(_ *executor.Ctx, _ stream.Barrier, out executor.Emitter) error {
	return p.flush(out)
}

// flush emits every group and forgets it.
func (p *partialAgg) flush(out executor.Emitter) error {
	n := p.keys.Ids() // nothing is ever deleted, so ids are dense
	for from := 0; from < n; from += stream.BatchRows {
		to := min(from+stream.BatchRows, n)
		ids := make([]int32, to-from)
		for k := range ids {
			ids[k] = int32(from + k)
		}
		cols := p.keys.Keys(ids)
		for j, s := range p.states {
			builders := make([]*vec.Builder, len(p.cols[j]))
			for k, t := range p.cols[j] {
				builders[k] = vec.NewBuilder(t.Layout(), len(ids))
			}
			if err := s.AppendPartial(ids, builders); err != nil {
				return err
			}
			for _, b := range builders {
				cols = append(cols, b.Vec())
			}
		}
		rows := make([]int64, len(ids))
		copy(rows, p.rows[from:to])
		cols = append(cols, vec.Ints(rows))
		if err := out.Emit(stream.NewBatch(len(ids), cols, nil)); err != nil {
			return err
		}
	}
	for id := range int32(n) {
		for _, s := range p.states {
			s.Reset(id)
		}
	}
	p.rows = p.rows[:0]
	p.keys = newKeyTable(p.keys.types)
	return nil
}

// Watermark passes on key columns: groups of this epoch are emitted first, so
// that nothing at or below it follows.
func (p *partialAgg) Watermark(_ *executor.Ctx, _ int, w stream.Watermark, out executor.Emitter) error {
	for k, c := range p.spec.Keys {
		if c == w.Column {
			if err := p.flush(out); err != nil {
				return err
			}
			return out.EmitWatermark(stream.Watermark{Column: k, Time: w.Time})
		}
	}
	return nil
}
