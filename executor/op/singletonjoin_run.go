package op

import (
	"bytes"

	"streamdb/executor"
	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// singletonJoin runs a SingletonJoin of a job. The changes of an epoch are
// collected and applied at its barrier, by their sum: rows that went leave under
// the old right row, those that stay are looked at if that changed, rows that came
// enter under the new one. State:
//
//	rows:  vnode(Dist) | By (only with Op) | row key -> kept left columns
//	held:  every vnode | 'r' -> the right row; absent: there is none
//
// The right row is in every vnode, so that instances find it at any parallelism.
type singletonJoin struct {
	memory
	spec   *SingletonJoin
	vnodes storage.VNodeSet
	rows   storage.StateTable
	held   storage.StateTable

	types    []types.T // of the left input
	keep     []int     // left columns kept as state
	dec      *storage.RowDecoder
	right    []types.T
	rightDec *storage.RowDecoder
	cond     expr.Expr // over kept left columns, then right ones
	cols     []int     // of the output, over the same
	shows    bool      // the output has right columns
	inert    bool      // no left row by value NULL can ever pass

	changes rowChanges
	row     []byte     // the right row at the last barrier; nil: none
	net     rowWeights // changes of the right side
	buf     []byte

	out      executor.Emitter
	builders []*vec.Builder
	n        int
}

var singletonKey = []byte{'r'}

func openSingletonJoin(s *SingletonJoin, ctx *executor.OpenCtx) (executor.Operator, error) {
	ls, rs := s.Left.Schema(), s.Right.Schema()
	j := &singletonJoin{memory: memory{acc: ctx.Memory}, spec: s, vnodes: ctx.VNodes, rows: ctx.Table(s.Rows), held: ctx.Table(s.Held),
		types: schemaTypes(ls), right: schemaTypes(rs), inert: s.Op != ""}
	at := make([]int, len(ls)+len(rs)) // new positions
	for i := range at {
		at[i] = -1
	}
	use := func(c int) {
		if c < len(ls) && at[c] < 0 {
			at[c] = len(j.keep)
			j.keep = append(j.keep, c)
		}
		j.shows = j.shows || c >= len(ls)
	}
	for _, c := range s.Cols {
		use(c)
	}
	shows := j.shows
	if s.Cond != nil {
		for _, c := range expr.Cols(s.Cond) {
			use(c)
		}
	}
	j.shows = shows
	for i := range rs {
		at[len(ls)+i] = len(j.keep) + i
	}
	if s.Cond != nil {
		j.cond = expr.Remap(s.Cond, at)
	}
	for _, c := range s.Cols {
		j.cols = append(j.cols, at[c])
	}
	layouts := make([]types.Layout, len(j.keep))
	for i, c := range j.keep {
		layouts[i] = j.types[c].Layout()
	}
	j.dec, j.rightDec = storage.NewRowDecoder(layouts, nil), storage.NewRowDecoder(schemaLayouts(rs), nil)
	j.builders = j.dec.Builders(64)
	row, err := j.held.Get(storage.VNode(j.vnodes.From), singletonKey)
	j.row = bytes.Clone(row)
	return j, err
}

// Close gives the memory back.
func (j *singletonJoin) Close() error { j.release(); return nil }

// Watermark ends here: a change of the right row may bring old left rows back.
func (j *singletonJoin) Watermark(*executor.Ctx, int, stream.Watermark, executor.Emitter) error {
	return nil
}

// Process collects changes.
func (j *singletonJoin) Process(_ *executor.Ctx, in int, b *stream.Batch, _ executor.Emitter) error {
	cols := b.Cols()
	if in == 1 {
		j.net.addBatch(b)
		return nil
	}
	kept := pickCols(cols, j.keep)
	places := executor.VNodes(cols, j.spec.Dist, j.types, b.Rows(), nil)
	var row []byte
	for i := range b.Rows() {
		key := j.buf[:0]
		if j.inert {
			if cols[j.spec.By].Null(i) {
				continue
			}
			key = appendKeyCol(key, j.types[j.spec.By], &cols[j.spec.By], i, false, false)
		}
		for _, c := range j.spec.RowKey {
			key = appendKeyCol(key, j.types[c], &cols[c], i, false, false)
		}
		j.buf = key
		row = storage.AppendRow(row[:0], kept, i)
		j.changes.add(int32(places[i]), b.Op(i), key, row, 0)
	}
	j.report(j.changes.bytes())
	return nil
}

// Barrier applies the epoch's changes.
func (j *singletonJoin) Barrier(ctx *executor.Ctx, _ stream.Barrier, out executor.Emitter) error {
	j.out = out
	next, err := j.nextRow()
	if err != nil {
		return err
	}
	if err := j.changes.sum(); err != nil {
		return err
	}
	before, err := j.open(j.row)
	if err != nil {
		return err
	}
	after, err := j.open(next)
	if err != nil {
		return err
	}
	if err := j.changed(ctx, before, stream.Delete); err != nil {
		return err
	}
	for i := range j.changes.list {
		if x := &j.changes.list[i]; x.op == stream.Delete {
			j.rows.Delete(storage.VNode(x.group), j.changes.key(x))
		}
	}
	if !bytes.Equal(next, j.row) || (next == nil) != (j.row == nil) {
		if err := j.turn(ctx, before, after); err != nil {
			return err
		}
		for v := j.vnodes.From; v < j.vnodes.To; v++ {
			if next == nil {
				j.held.Delete(storage.VNode(v), singletonKey)
			} else {
				j.held.Put(storage.VNode(v), singletonKey, next)
			}
		}
		j.row = next
	}
	if err := j.changed(ctx, after, stream.Insert); err != nil {
		return err
	}
	j.changes.write(j.rows)
	j.changes = rowChanges{}
	j.report(0)
	return nil
}

// nextRow is the right row after the epoch; nil: none.
func (j *singletonJoin) nextRow() ([]byte, error) {
	if len(j.net.sum) == 0 {
		return j.row, nil
	}
	if j.row != nil {
		j.net.add(j.row, 1)
	}
	var row []byte
	rows := int32(0)
	for id, w := range j.net.sum {
		if w < 0 {
			return nil, sqlerr.New(sqlerr.InternalError, "singleton join: a row that never came is retracted")
		}
		if rows += w; w > 0 {
			row = append([]byte{}, j.net.rows.Key(int32(id))...) // nil: no row, also where it has no columns
		}
	}
	if rows > 1 {
		return nil, sqlerr.New(sqlerr.CardinalityViolation, "more than one row returned by a subquery used as an expression")
	}
	j.net.reset()
	return row, nil
}

// singleton is a right row in use: its columns, of one value each, and for Op
// the border that it draws through the rows. No row: nothing passes.
type singleton struct {
	cols   []types.Datum
	border []byte
	none   bool // nothing passes by Op
}

func (j *singletonJoin) open(row []byte) (*singleton, error) {
	if row == nil {
		return &singleton{none: true}, nil
	}
	builders := j.rightDec.Builders(1)
	if err := j.rightDec.Append(builders, row); err != nil {
		return nil, err
	}
	s := &singleton{cols: []types.Datum{}}
	vs := make([]vec.Vec, len(builders))
	for i, b := range builders {
		vs[i] = b.Vec()
		s.cols = append(s.cols, vs[i].Datum(0))
	}
	if j.inert {
		if s.none = vs[j.spec.Value].Null(0); !s.none {
			s.border = appendKeyCol(nil, j.types[j.spec.By], &vs[j.spec.Value], 0, false, false)
			if j.spec.Op == ">" || j.spec.Op == "<=" { // the border is above the value's own rows
				s.border = prefixEnd(s.border)
			}
		}
	}
	return s, nil
}

// changed outputs the rows that went, or came.
func (j *singletonJoin) changed(ctx *executor.Ctx, s *singleton, op stream.Op) error {
	for i := range j.changes.list {
		x := &j.changes.list[i]
		if x.op != op {
			continue
		}
		if full, err := j.collect(j.changes.row(x)); err != nil {
			return err
		} else if full {
			if err := j.emitPassing(ctx, s, op); err != nil {
				return err
			}
		}
	}
	return j.emitPassing(ctx, s, op)
}

// collect adds a kept row to the batch in work; true asks for an output now.
func (j *singletonJoin) collect(row []byte) (bool, error) {
	j.n++
	err := j.dec.Append(j.builders, row)
	return stream.Full(j.n, j.builders), err
}

// taken is the batch in work with the columns of a right row beside it.
func (j *singletonJoin) taken() (left []vec.Vec, n int) {
	for _, b := range j.builders {
		left = append(left, b.Vec())
	}
	n = j.n
	j.builders, j.n = j.dec.Builders(64), 0
	return left, n
}

// passing is the rows that pass under a right row.
func (j *singletonJoin) passing(ctx *executor.Ctx, s *singleton, left []vec.Vec, n int) ([]int32, error) {
	switch {
	case s.cols == nil:
		return nil, nil
	case j.cond == nil:
		sel := make([]int32, n)
		for i := range sel {
			sel[i] = int32(i)
		}
		return sel, nil
	}
	return expr.Filter(ctx.Expr, j.cond, j.beside(left, s, n), n)
}

func (j *singletonJoin) beside(left []vec.Vec, s *singleton, n int) []vec.Vec {
	cols := append([]vec.Vec{}, left...)
	for i, d := range s.cols {
		cols = append(cols, vec.ConstOf(j.right[i].Layout(), d, n))
	}
	return cols
}

func (j *singletonJoin) emitPassing(ctx *executor.Ctx, s *singleton, op stream.Op) error {
	left, n := j.taken()
	if n == 0 {
		return nil
	}
	sel, err := j.passing(ctx, s, left, n)
	if err != nil {
		return err
	}
	return j.emit(left, s, sel, n, op)
}

// emit outputs the rows of sel.
func (j *singletonJoin) emit(left []vec.Vec, s *singleton, sel []int32, n int, op stream.Op) error {
	if len(sel) == 0 {
		return nil
	}
	all := j.beside(left, s, n)
	cols := make([]vec.Vec, len(j.cols))
	for i, c := range j.cols {
		cols[i] = all[c].Gather(sel)
	}
	var ops []stream.Op
	if op == stream.Delete {
		ops = make([]stream.Op, len(sel))
		for i := range ops {
			ops[i] = op
		}
	}
	return j.out.Emit(stream.NewBatch(len(sel), cols, ops))
}
