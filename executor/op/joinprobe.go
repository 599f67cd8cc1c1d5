package op

import (
	"slices"

	"streamdb/executor"
	"streamdb/stream"
	"streamdb/vec"
)

// build keeps the right side of a bounded run; rows that cannot match go out at once.
func (j *hashJoin) build(b *stream.Batch) error {
	if !j.sides[1].outer {
		return nil
	}
	for i, id := range j.ids {
		if id < 0 {
			if err := j.out.add(int32(i), -1, b.Op(i), 1); err != nil {
				return err
			}
		}
	}
	return nil
}

// probe joins a batch when all rows of a key match.
func (j *hashJoin) probe(in int, b *stream.Batch) error {
	d, o := &j.sides[in], &j.sides[1-in]
	alone := d.outer || in == 0 && j.anti
	if j.pairs && b.Ops == nil && !alone && !j.semi && !d.stored && !(j.ctx.Bounded && o.outer) {
		return j.probePairs(o)
	}
	for i, id := range j.ids {
		op := b.Op(i)
		matches := int32(0)
		if id >= 0 {
			matches = o.sums[id]
			if j.pairs {
				for s := o.heads[id]; s >= 0; s = o.rows.next[s] {
					if err := j.out.add(int32(i), s, op, o.rows.weight(s)); err != nil {
						return err
					}
				}
				if j.ctx.Bounded && o.outer {
					for s := o.heads[id]; s >= 0; s = o.rows.next[s] {
						o.rows.flags[s] |= rowMatched
					}
				}
			}
		}
		if matches == 0 && alone || matches != 0 && in == 0 && j.semi {
			if err := j.out.add(int32(i), -1, op, 1); err != nil {
				return err
			}
		}
		if id < 0 || !d.stored {
			continue
		}
		old := d.sums[id]
		d.sums[id] += int32(op)
		if (old == 0) == (d.sums[id] == 0) || !(o.outer || in == 1 && !j.pairs) {
			continue
		}
		for s := o.heads[id]; s >= 0; s = o.rows.next[s] {
			if err := j.turn(o, s, old == 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// probePairs is probe where rows that come output their pairs with rows of the other
// side, and nothing else.
func (j *hashJoin) probePairs(o *joinSide) error {
	out, next := &j.out, o.rows.next
	if j.probeSingles(o) {
		return nil
	}
	for i, id := range j.ids {
		if id < 0 {
			continue
		}
		for s := o.heads[id]; s >= 0; s = next[s] {
			if w := o.rows.weight(s); w != 1 || len(out.ops) >= stream.BatchRows-1 {
				if err := out.add(int32(i), s, stream.Insert, w); err != nil {
					return err
				}
				continue
			}
			out.rows, out.slots, out.ops = append(out.rows, int32(i)), append(out.slots, s), append(out.ops, stream.Insert)
		}
	}
	return nil
}

// oneEach is the rows of a batch, each once and in order; all of them come.
var (
	oneEach = func() (rows [stream.BatchRows]int32) {
		for i := range rows {
			rows[i] = int32(i)
		}
		return rows
	}()
	allCome = [stream.BatchRows]stream.Op(slices.Repeat([]stream.Op{stream.Insert}, stream.BatchRows))
)

// probeSingles is probePairs if each row of the batch has one match, as where they
// refer to rows by their key; else it does nothing.
func (j *hashJoin) probeSingles(o *joinSide) bool {
	out, n := &j.out, len(j.ids)
	if n > stream.BatchRows || len(out.ops) > 0 {
		return false
	}
	heads, next, count := o.heads, o.rows.next, o.rows.count
	slots := slices.Grow(out.slots[:0], n)[:n]
	for i, id := range j.ids {
		if id < 0 {
			return false
		}
		s := heads[id]
		if s < 0 || next[s] >= 0 || count != nil && count[s] != 1 {
			return false
		}
		slots[i] = s
	}
	out.slots = slots
	out.rows, out.ops = append(out.rows[:0], oneEach[:n]...), append(out.ops[:0], allCome[:n]...)
	return true
}

// turn outputs what changes for a row of the other side when it gains its
// first match, or loses its last.
func (j *hashJoin) turn(o *joinSide, slot int32, matched bool) error {
	op := stream.Insert
	if matched != j.semi {
		op = stream.Delete
	}
	return j.out.add(-1, slot, op, o.rows.weight(slot))
}

// probeResidual joins a batch under a residual condition.
func (j *hashJoin) probeResidual(ctx *executor.Ctx, in int, b *stream.Batch) error {
	o := &j.sides[1-in]
	n := b.Rows()
	if cap(j.deg) < n {
		j.deg = make([]int32, max(n, stream.BatchRows))
	}
	j.deg = j.deg[:n]
	clear(j.deg)
	r := j.residual
	r.clear()
	r.most = j.candidateRows(in, b)
	for i, id := range j.ids {
		if id < 0 {
			continue
		}
		for s := o.heads[id]; s >= 0; s = o.rows.next[s] {
			if r.add(int32(i), s) {
				if err := j.candidates(ctx, in, b); err != nil {
					return err
				}
			}
		}
	}
	if err := j.candidates(ctx, in, b); err != nil {
		return err
	}
	alone := j.sides[in].outer || in == 0 && j.anti
	if !alone && !(in == 0 && j.semi) {
		return nil
	}
	for i, m := range j.deg {
		if (m == 0) == alone {
			if err := j.out.add(int32(i), -1, b.Op(i), 1); err != nil {
				return err
			}
		}
	}
	return nil
}

// candidateRows is how many candidates make a batch, if the rows of the other side are
// as long as they are on average.
func (j *hashJoin) candidateRows(in int, b *stream.Batch) int {
	r, rows := j.residual, j.sides[1-in].rows
	perRow := 0
	for c, at := range r.cols {
		if (at < r.width) != (in == 0) {
			a := &rows.cols[r.at[c]].arena
			perRow += int(a.used-a.garbage) / max(1, rows.live)
			continue
		}
		if in == 1 {
			at -= r.width
		}
		perRow += dataBytes(b.Cols()[at:at+1]) / max(1, b.Rows())
	}
	return min(stream.BatchRows, max(paceFirst, stream.BatchBytes/max(1, perRow)))
}

// candidates evaluates the residual condition on the collected pairs of input
// rows and slots of the other side, and outputs what passes.
func (j *hashJoin) candidates(ctx *executor.Ctx, in int, b *stream.Batch) error {
	o := &j.sides[1-in]
	r := j.residual
	cols := b.Cols()
	pass, err := r.eval(ctx.Expr, func(c int) vec.Vec {
		if (r.cols[c] < r.width) == (in == 0) {
			col := r.cols[c]
			if in == 1 {
				col -= r.width
			}
			return cols[col].Gather(r.rows)
		}
		return o.rows.gather(r.at[c], r.slots)
	})
	if err != nil {
		return err
	}
	if r.failed != nil && len(r.rows) > 0 {
		err := r.failed.keep(ctx, r.in, len(r.rows), func(k int32) int64 {
			return int64(b.Op(int(r.rows[k]))) * int64(o.rows.weight(r.slots[k]))
		})
		if err != nil {
			return err
		}
	}
	turns := o.outer || in == 1 && !j.pairs
	for _, k := range pass {
		i, s := r.rows[k], r.slots[k]
		op := b.Op(int(i))
		j.deg[i] += o.rows.weight(s)
		if j.pairs {
			if err := j.out.add(i, s, op, o.rows.weight(s)); err != nil {
				return err
			}
		}
		if !turns {
			continue
		}
		if j.ctx.Bounded {
			o.rows.flags[s] |= rowMatched
			continue
		}
		old := o.rows.deg[s]
		o.rows.deg[s] += int32(op)
		if (old == 0) != (o.rows.deg[s] == 0) {
			if err := j.turn(o, s, old == 0); err != nil {
				return err
			}
		}
	}
	r.clear()
	return nil
}
