package op

import (
	"slices"

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
	sizes []int64                         // scratch: by row, the length of its values of variable length
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
	wide := o.measure(n)
	for from := 0; from < n; {
		to := n
		if wide {
			to = cutBytes(o.sizes, from)
		}
		if err := o.emit(from, to); err != nil {
			return err
		}
		from = to
	}
	o.rows, o.slots, o.ops, o.dels = o.rows[:0], o.slots[:0], o.ops[:0], false
	return nil
}

// emit emits some of what was collected.
func (o *joinOutput) emit(from, to int) error {
	n := to - from
	whole := o.whole(from, to)
	cols := make([]vec.Vec, len(o.cols))
	for i, c := range o.cols {
		side, c := o.place(c)
		switch {
		case side != o.in:
			cols[i] = o.other.gather(o.at[side][c], o.slots[from:to])
		case o.batch == nil:
			null := vec.ConstOf(o.layout[i], types.NullDatum, n)
			cols[i] = null.Dense()
		case whole:
			cols[i] = o.batch[c]
		default:
			cols[i] = o.batch[c].Gather(o.rows[from:to])
		}
	}
	var ops []stream.Op
	if o.dels {
		ops = append(ops, o.ops[from:to]...)
	}
	return o.out.Emit(stream.NewBatch(n, cols, ops))
}

// whole reports whether what is to be emitted is each row of the batch once, in order,
// as where each finds the one row that it refers to. Then its columns are.
func (o *joinOutput) whole(from, to int) bool {
	if len(o.batch) == 0 || from > 0 || to != o.batch[0].N {
		return false
	}
	for i, row := range o.rows[:to] {
		if row != int32(i) {
			return false
		}
	}
	return true
}

// place is the side of an output column, and its place there.
func (o *joinOutput) place(c int) (side, col int) {
	if c >= o.width {
		return 1, c - o.width
	}
	return 0, c
}

// measure reports whether the collected rows are too long for one batch, and then
// fills sizes. Columns of fixed width cost nothing.
func (o *joinOutput) measure(n int) bool {
	if o.lengths(nil) <= stream.BatchBytes {
		return false
	}
	o.sizes = slices.Grow(o.sizes[:0], n)[:n]
	clear(o.sizes)
	o.lengths(o.sizes)
	return true
}

// lengths is how long the values of variable length are; to each of sizes, unless
// it is nil, it adds those of its row.
func (o *joinOutput) lengths(sizes []int64) (total int64) {
	for i, c := range o.cols {
		if o.layout[i] != types.LBytes {
			continue
		}
		side, c := o.place(c)
		switch {
		case side != o.in:
			lens := &o.other.cols[o.at[side][c]].lens
			for k, s := range o.slots {
				if s >= 0 {
					n := int64(lens.at(s))
					total += n
					if sizes != nil {
						sizes[k] += n
					}
				}
			}
		case o.batch != nil && !o.batch[c].Const:
			off := o.batch[c].Off
			for k, r := range o.rows {
				if r >= 0 {
					total += int64(off[r+1] - off[r])
					if sizes != nil {
						sizes[k] += int64(off[r+1] - off[r])
					}
				}
			}
		}
	}
	return total
}

// cutBytes is the row after those from row from on that make a batch by their sizes.
func cutBytes(sizes []int64, from int) int {
	to, sum := from, int64(0)
	for to < len(sizes) && (to == from || sum+sizes[to] <= stream.BatchBytes) {
		sum += sizes[to]
		to++
	}
	return to
}

// joinResidual evaluates the condition beyond the keys on candidate pairs.
type joinResidual struct {
	cond  expr.Expr // over cols
	cols  []int     // columns it reads, over left ++ right
	at    []int     // by position in cols: position among the kept columns of its side
	width int

	failed *failedRows // nil: pairs for which cond fails are not left out
	in     []vec.Vec   // of the last evaluation

	rows  []int32
	slots []int32
	most  int // candidates to evaluate at once
}

func newJoinResidual(cond expr.Expr, width int) *joinResidual {
	r := &joinResidual{cols: expr.Cols(cond), width: width, most: stream.BatchRows}
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
	return len(r.rows) >= r.most
}

func (r *joinResidual) clear() { r.rows, r.slots, r.in = r.rows[:0], r.slots[:0], nil }

// eval returns the candidates for which the condition is TRUE; column gives
// the values of cols[c] for all candidates.
func (r *joinResidual) eval(ctx *expr.Ctx, column func(c int) vec.Vec) ([]int32, error) {
	n := len(r.rows)
	if n == 0 {
		return nil, nil
	}
	r.in = make([]vec.Vec, len(r.cols))
	for c := range r.in {
		r.in[c] = column(c)
	}
	if r.failed == nil {
		return expr.Filter(ctx, r.cond, r.in, n)
	}
	pass, err := expr.Filter(r.failed.begin(ctx), r.cond, r.in, n)
	return r.failed.without(pass, n), err
}
