package op

import (
	"streamdb/executor"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// asOfRows has what both forms of an AsOfJoin share: the encoding of rows, and
// the output.
//
// The keys of both sides lie in one order of bytes, join key | time | mark |
// rest, so that a right row matches a left row if it lies before it, and the
// nearest is the last before it. The mark puts a left row behind the right rows
// of its own time (>=, <=) or before them (>, <); for < and <= times descend.
type asOfRows struct {
	spec  *AsOfJoin
	desc  bool
	marks [2]byte
	sides [2]asOfSide
	width int // columns of the left input
	outer bool

	out  executor.Emitter
	cols [2][]*vec.Builder
	ops  []stream.Op
}

// asOfSide is one input.
type asOfSide struct {
	spec  *AsOfSide
	types []types.T
	keep  []int // columns that the output shows
	tail  []int // columns of the key behind the time
	dec   *storage.RowDecoder
	kept  []vec.Vec // of the batch in work
}

func newAsOfRows(s *AsOfJoin) asOfRows {
	r := asOfRows{spec: s, desc: s.Op[0] == '<', marks: [2]byte{0x00, 0x80}, outer: s.Type == LeftJoin}
	if len(s.Op) == 2 {
		r.marks[0] = 0xff
	}
	ls, rs := s.Left.Schema(), s.Right.Schema()
	r.width = len(ls)
	r.sides[0] = asOfSide{spec: &s.L, types: schemaTypes(ls), tail: s.L.RowKey}
	r.sides[1] = asOfSide{spec: &s.R, types: schemaTypes(rs), tail: append(append([]int{}, s.Tie...), s.R.RowKey...)}
	for _, c := range s.Cols {
		if c < r.width {
			r.sides[0].keep = append(r.sides[0].keep, c)
		} else {
			r.sides[1].keep = append(r.sides[1].keep, c-r.width)
		}
	}
	for k := range r.sides {
		d := &r.sides[k]
		layouts := make([]types.Layout, len(d.keep))
		for i, c := range d.keep {
			layouts[i] = d.types[c].Layout()
		}
		d.dec = storage.NewRowDecoder(layouts, nil)
	}
	return r
}

// matchable reports whether row i can match anything: no NULL where one decides.
func (r *asOfRows) matchable(side int, cols []vec.Vec, i int) bool {
	d := &r.sides[side]
	for k, c := range d.spec.Keys {
		if cols[c].Null(i) && !(k < len(r.spec.NullSafe) && r.spec.NullSafe[k]) {
			return false
		}
	}
	return !cols[d.spec.Time].Null(i)
}

// appendKey appends the key of row i; head is the length of its join key.
func (r *asOfRows) appendKey(dst []byte, side int, cols []vec.Vec, i int) (key []byte, head int) {
	d, l := &r.sides[side], &r.sides[0]
	from := len(dst)
	for k, c := range d.spec.Keys { // equal values of both sides have equal keys under one type
		dst = appendKeyCol(dst, l.types[l.spec.Keys[k]], &cols[c], i, false, false)
	}
	head = len(dst) - from
	dst = appendKeyCol(dst, l.types[l.spec.Time], &cols[d.spec.Time], i, r.desc, false)
	dst = append(dst, r.marks[side])
	for _, c := range d.tail {
		dst = appendKeyCol(dst, d.types[c], &cols[c], i, false, false)
	}
	return dst, head
}

// keep sets the columns that appendRow reads.
func (d *asOfSide) take(cols []vec.Vec) { d.kept = pickCols(cols, d.keep) }

// appendRow appends what is kept of row i.
func (d *asOfSide) appendRow(dst []byte, i int) []byte { return storage.AppendRow(dst, d.kept, i) }

// emit outputs a left row with a right one; nil: NULLs.
func (r *asOfRows) emit(op stream.Op, left, right []byte) error {
	if r.cols[0] == nil {
		for k := range r.cols {
			r.cols[k] = r.sides[k].dec.Builders(64)
		}
	}
	if err := r.sides[0].dec.Append(r.cols[0], left); err != nil {
		return err
	}
	if right == nil {
		for _, b := range r.cols[1] {
			b.AppendNull()
		}
	} else if err := r.sides[1].dec.Append(r.cols[1], right); err != nil {
		return err
	}
	r.ops = append(r.ops, op)
	if !stream.Full(len(r.ops), r.cols[0]) && !stream.Full(len(r.ops), r.cols[1]) {
		return nil
	}
	return r.flush()
}

// flush emits what was collected.
func (r *asOfRows) flush() error {
	n := len(r.ops)
	if n == 0 {
		return nil
	}
	cols := make([]vec.Vec, len(r.spec.Cols))
	at := [2]int{}
	for i, c := range r.spec.Cols {
		side := 0
		if c >= r.width {
			side = 1
		}
		cols[i] = r.cols[side][at[side]].Vec()
		at[side]++
	}
	ops := r.ops
	r.cols, r.ops = [2][]*vec.Builder{}, nil
	return r.out.Emit(stream.NewBatch(n, cols, ops))
}
