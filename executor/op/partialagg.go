package op

import (
	"math"

	"streamdb/executor"
	"streamdb/expr/aggs"
	"streamdb/internal/sqlerr"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// Bounds of what is gathered within an epoch before it is passed on: what fits
// the second-level cache with its states, and, for long keys, in bytes.
const (
	partialGroups = 1 << 15
	partialBytes  = 8 << 20
)

// Open implements executor.Spec.
func (s *PartialAgg) Open(ctx *executor.OpenCtx) (executor.Operator, error) {
	in := s.In.Schema()
	p := &partialAgg{spec: s, memory: memory{acc: ctx.Memory}, seen: reduction{always: s.Mode != PartialAdaptive, spread: max(s.Spread, 1)}}
	for i := range s.Aggs {
		call := &s.Aggs[i]
		_, _, err := call.find(in)
		if err != nil {
			return nil, err
		}
		cols, ok := call.PartialColumns(in)
		if !ok || call.Merge {
			return nil, sqlerr.New(sqlerr.InternalError, "plan computes %s in two phases", call.explain(in))
		}
		p.cols = append(p.cols, cols)
		for _, t := range cols {
			p.unset = append(p.unset, nullColumn(t))
		}
	}
	p.unset = append(p.unset, nullColumn(types.Of(types.Int8)))
	for _, c := range s.Raw {
		p.noRaw = append(p.noRaw, nullColumn(in[c].Type))
	}
	return p, p.renew()
}

func nullColumn(t types.T) vec.Vec { return vec.ConstOf(t.Layout(), types.NullDatum, 1) }

// partialAgg holds no state beyond an epoch: what it emits is the sum of the
// changes of its groups, or the changes as they are, as reduction says.
type partialAgg struct {
	executor.Base
	spec   *PartialAgg
	seen   reduction
	memory memory
	marks  []stream.Watermark // of keys, to pass on at the barrier

	keys   *keyTable
	states []aggs.State
	rows   []int64 // net rows by group id
	taken  int     // rows in the groups now
	cols   [][]types.T
	noRaw  []vec.Vec // one NULL each: the columns of Raw in a row of partial states ..
	unset  []vec.Vec // .. and the partial states and the number of rows in a row as it is

	ids  []int32
	sel  []int32
	key  []vec.Vec
	args []vec.Vec
}

// renew makes empty groups.
func (p *partialAgg) renew() error {
	in := p.spec.In.Schema()
	p.keys, p.states, p.rows = newKeyTable(colTypes(in, p.spec.Keys)), nil, nil
	for i := range p.spec.Aggs {
		def, ts, err := p.spec.Aggs[i].find(in)
		if err != nil {
			return err
		}
		p.states = append(p.states, def.New(ts))
	}
	return nil
}

func (p *partialAgg) Process(_ *executor.Ctx, _ int, b *stream.Batch, out executor.Emitter) error {
	if p.seen.passes(b.Rows()) {
		return out.Emit(p.asIs(b))
	}
	if err := p.combine(b); err != nil {
		return err
	}
	if p.keys.Len() >= partialGroups || p.bytes() > partialBytes {
		return p.release(out)
	}
	return nil
}

// release emits what was gathered, and then the watermarks, so that nothing at or
// below them follows.
func (p *partialAgg) release(out executor.Emitter) error {
	if err := p.flush(out); err != nil {
		return err
	}
	p.memory.report(p.bytes())
	return p.passMarks(out)
}

func (p *partialAgg) passMarks(out executor.Emitter) error {
	for _, w := range p.marks {
		if err := out.EmitWatermark(w); err != nil {
			return err
		}
	}
	p.marks = p.marks[:0]
	return nil
}

// asIs is the rows of b, each by itself.
func (p *partialAgg) asIs(b *stream.Batch) *stream.Batch {
	in, n := b.Cols(), b.Rows()
	cols := make([]vec.Vec, 0, len(p.spec.Keys)+len(p.spec.Raw)+len(p.unset))
	for _, c := range p.spec.Keys {
		cols = append(cols, in[c])
	}
	for _, c := range p.spec.Raw {
		cols = append(cols, in[c])
	}
	return stream.NewBatch(n, appendConst(cols, p.unset, n), b.Ops)
}

// appendConst appends constant columns, n rows long.
func appendConst(cols, consts []vec.Vec, n int) []vec.Vec {
	for _, c := range consts {
		c.N = n
		cols = append(cols, c)
	}
	return cols
}

// combine adds the rows of b to their groups.
func (p *partialAgg) combine(b *stream.Batch) error {
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
	p.taken += n
	if rows := p.rows; b.Ops == nil {
		for _, id := range ids {
			rows[id]++
		}
	} else {
		for i, id := range ids {
			rows[id] += int64(b.Ops[i])
		}
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
	return nil
}

// Barrier emits what was gathered.
func (p *partialAgg) Barrier(_ *executor.Ctx, _ stream.Barrier, out executor.Emitter) error {
	return p.release(out)
}

// flush emits every group and forgets it.
func (p *partialAgg) flush(out executor.Emitter) error {
	p.memory.report(p.bytes())
	n := p.keys.Ids() // nothing is ever deleted, so ids are dense
	for from := 0; from < n; from += stream.BatchRows {
		if err := p.emit(from, min(from+stream.BatchRows, n), out); err != nil {
			return err
		}
	}
	p.seen.flushed(p.taken, n)
	p.taken = 0
	if p.bytes() > partialBytes/2 {
		return p.renew()
	}
	for _, s := range p.states {
		for id := range int32(n) {
			s.Reset(id)
		}
	}
	p.rows = p.rows[:0]
	p.keys.Clear()
	return nil
}

// emit sends the groups with ids from .. to-1.
func (p *partialAgg) emit(from, to int, out executor.Emitter) error {
	ids := make([]int32, to-from)
	for k := range ids {
		ids[k] = int32(from + k)
	}
	cols := appendConst(p.keys.Keys(ids), p.noRaw, len(ids))
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
	return out.Emit(stream.NewBatch(len(ids), append(cols, vec.Ints(rows)), nil))
}

// Watermark keeps watermarks of keys until what was gathered is emitted, if there
// is any: groups would have to be passed on for each.
func (p *partialAgg) Watermark(_ *executor.Ctx, _ int, w stream.Watermark, out executor.Emitter) error {
	for k, c := range p.spec.Keys {
		if c == w.Column {
			p.marks = newestMark(p.marks, stream.Watermark{Column: k, Time: w.Time})
		}
	}
	if p.keys.Len() > 0 {
		return nil
	}
	return p.passMarks(out)
}

func (p *partialAgg) bytes() int64 {
	n := p.keys.Bytes() + int64(8*cap(p.rows))
	for _, s := range p.states {
		n += s.Bytes()
	}
	return n
}

func (p *partialAgg) Close() error {
	p.memory.release()
	return nil
}

// reduction decides from what was seen whether groups are worth gathering: how
// many rows came for each one that left. Where that is little the rows are
// passed on as they are for a while, and then it looks again, as what comes may
// have changed. Hive gives its map-side aggregation up for good below a ratio
// (hive.map.aggr.hash.min.reduction), Trino looks again after 200 times as much
// (PartialAggregationController).
type reduction struct {
	always       bool  // never pass on
	spread       int   // rows above for each that leaves
	rows, groups int64 // since the last decision
	passing      int64 // rows still to be passed on
}

// What reduction decides by; variables for tests.
var (
	reductionRows   int64 = 8 << 10 // rows to have seen
	reductionMost         = 0.1     // groups a row: more do not pay, as one costs what ten rows do (BenchmarkTwoPhase) ..
	reductionSpread       = 0.5     // .. where it is one row above; in more windows up to this
	reductionPause  int64 = 128     // times the rows seen are passed on
)

// passes reports whether the next n rows are to be passed on as they are.
func (r *reduction) passes(n int) bool {
	if r.passing <= 0 {
		return false
	}
	r.passing -= int64(n)
	return true
}

// flushed counts rows that left as groups.
func (r *reduction) flushed(rows, groups int) {
	if r.always {
		return
	}
	r.rows, r.groups = r.rows+int64(rows), r.groups+int64(groups)
	if r.rows < reductionRows {
		return
	}
	if most := min(reductionMost*float64(r.spread), max(reductionMost, reductionSpread)); float64(r.groups) > float64(r.rows)*most {
		r.passing = min(r.rows, math.MaxInt64/reductionPause) * reductionPause
	}
	r.rows, r.groups = 0, 0
}
