package op

import (
	"streamdb/executor"
	"streamdb/expr"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// joinOutput collects output rows as pairs of an input row and a slot of the
// other side, and makes batches of them.
type joinOutput struct {
	cols   []int
	width  int      // columns of the left input
	at     [2][]int // by side and input column: position among the kept columns, -1: not kept
	layout []types.Layout

	in    int
	batch []vec.Vec
	other *joinRows
	out   executor.Emitter

	rows  []int32 // -1: NULLs
	slots []int32 // -1: NULLs
	ops   []stream.Op
	dels  bool
	tap   func(rows, slots []int32) error // if set, sees what is output
}

func (o *joinOutput) open(j *hashJoin, width int) {
	o.cols, o.width = j.spec.Cols, width
	for _, c := range o.cols {
		if c < width {
			o.layout = append(o.layout, j.sides[0].types[c].Layout())
		} else {
			o.layout = append(o.layout, j.sides[1].types[c-width].Layout())
		}
	}
}

// begin sets what rows and slots mean until the next flush.
func (o *joinOutput) begin(in int, batch []vec.Vec, other *joinRows, out executor.Emitter) {
	o.in, o.batch, o.other, o.out = in, batch, other, out
}

// add outputs a row weight times, or takes it back -weight times.
func (o *joinOutput) add(row, slot int32, op stream.Op, weight int32) error {
	if weight < 0 {
		op, weight = -op, -weight
	}
	for ; weight > 0; weight-- {
		o.rows, o.slots, o.ops = append(o.rows, row), append(o.slots, slot), append(o.ops, op)
		if op == stream.Delete {
			o.dels = true
		}
		if len(o.ops) >= stream.BatchRows {
			if err := o.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// flush emits what was collected.
func (o *joinOutput) flush() error {
	n := len(o.ops)
	if n == 0 {
		return nil
	}
	if o.tap != nil {
		if err := o.tap(o.rows, o.slots); err != nil {
			return err
		}
	}
	cols := make([]vec.Vec, len(o.cols))
	for i, c := range o.cols {
		side := 0
		if c >= o.width {
			side, c = 1, c-o.width
		}
		switch {
		case side != o.in:
			cols[i] = o.other.gather(o.at[side][c], o.slots)
		case o.batch == nil:
			null := vec.ConstOf(o.layout[i], types.NullDatum, n)
			cols[i] = null.Dense()
		default:
			cols[i] = o.batch[c].Gather(o.rows)
		}
	}
	var ops []stream.Op
	if o.dels {
		ops = append(ops, o.ops...)
	}
	o.rows, o.slots, o.ops, o.dels = o.rows[:0], o.slots[:0], o.ops[:0], false
	return o.out.Emit(stream.NewBatch(n, cols, ops))
}

// joinResidual evaluates the condition beyond the keys on candidate pairs.
type joinResidual struct {
	cond  expr.Expr // over cols
	cols  []int     // columns it reads, over left ++ right
	at    []int     // by position in cols: position among the kept columns of its side
	width int

	rows  []int32
	slots []int32
}

func newJoinResidual(cond expr.Expr, width int) *joinResidual {
	r := &joinResidual{cols: expr.Cols(cond), width: width}
	r.at = make([]int, len(r.cols))
	top := 0
	for _, c := range r.cols {
		top = max(top, c+1)
	}
	mapping := make([]int, top)
	for i, c := range r.cols {
		mapping[c] = i
	}
	r.cond = expr.Remap(cond, mapping)
	return r
}

// add collects a candidate; true asks for an evaluation now.
func (r *joinResidual) add(row, slot int32) bool {
	r.rows, r.slots = append(r.rows, row), append(r.slots, slot)
	return len(r.rows) >= stream.BatchRows
}

func (r *joinResidual) clear() { r.rows, r.slots = r.rows[:0], r.slots[:0] }

// eval returns the candidates for which the condition is TRUE; column gives
// the values of cols[c] for all candidates.
func (r *joinResidual) eval(ctx *expr.Ctx, column func(c int) vec.Vec) ([]int32, error) {
	n := len(r.rows)
	if n == 0 {
		return nil, nil
	}
	in := make([]vec.Vec, len(r.cols))
	for c := range in {
		in[c] = column(c)
	}
	return expr.Filter(ctx, r.cond, in, n)
}
