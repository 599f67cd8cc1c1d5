package aggs

import (
	"encoding/binary"

	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// State is the accumulators of one aggregate call for all groups, indexed by
// dense group id (0 .. groups-1). New groups are empty. Not safe for concurrent use.
type State interface {
	// Grow makes room for the given number of groups; it never shrinks.
	Grow(groups int)
	// Update adds (weight +1) or retracts (weight -1) the rows of sel (nil: all n).
	// groups[i] is the group of row number i, weights[i] its weight (nil: all +1).
	// args are the call's argument columns, constants allowed. Rows whose argument
	// is NULL are skipped. States that are not Def.Retractable panic on -1.
	Update(groups []int32, args []vec.Vec, weights []stream.Op, sel []int32, n int) error
	// AppendPartial appends the groups' accumulators as one row each to the
	// columns of Def.Partial.
	AppendPartial(ids []int32, out []*vec.Builder) error
	// Merge is Update with rows that AppendPartial made.
	Merge(groups []int32, parts []vec.Vec, weights []stream.Op, sel []int32, n int) error
	// Result appends the groups' results to out. Errors: 22003.
	Result(ctx *expr.Ctx, ids []int32, out *vec.Builder) error
	// Reset empties a group.
	Reset(id int32)
	// Encode appends the group's accumulator; the form delimits itself and is
	// stable (it is stored by the operator, which versions it as a whole).
	Encode(id int32, dst []byte) []byte
	// Decode sets the group's accumulator from what Encode appended and returns
	// the rest of src. Error XX001.
	Decode(id int32, src []byte) (rest []byte, err error)
	// Bytes is the memory held, about.
	Bytes() int64
}

// eachRow calls f for the rows of sel (nil: all n) where v (may be nil) is not
// NULL, with the row's weight. For states whose work per row is dearer than a call.
func eachRow(v *vec.Vec, weights []stream.Op, sel []int32, n int, f func(i int, w int64)) {
	rows := n
	if sel != nil {
		rows = len(sel)
	}
	checkNull := v != nil && v.Valid != nil
	for k := range rows {
		i := k
		if sel != nil {
			i = int(sel[k])
		}
		if checkNull && v.Null(i) {
			continue
		}
		w := int64(1)
		if weights != nil {
			w = int64(weights[i])
		}
		f(i, w)
	}
}

func errCorrupt() error {
	return sqlerr.New(sqlerr.DataCorrupted, "a stored aggregate state cannot be read")
}

func mustInsert(weights []stream.Op) {
	for _, w := range weights {
		if w != stream.Insert {
			panic("aggs: retraction from a state that takes only inserts")
		}
	}
}

// reader decodes what the append functions below wrote.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) int() int64 {
	x, n := binary.Varint(r.b)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return x
}

func (r *reader) uint() uint64 {
	x, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return x
}

func (r *reader) fixed() uint64 {
	if len(r.b) < 8 {
		r.bad = true
		return 0
	}
	x := binary.LittleEndian.Uint64(r.b)
	r.b = r.b[8:]
	return x
}

func (r *reader) bytes() []byte {
	n := r.uint()
	if r.bad || n > uint64(len(r.b)) {
		r.bad = true
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) done() ([]byte, error) {
	if r.bad {
		return nil, errCorrupt()
	}
	return r.b, nil
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// appendInts appends zigzag varints.
func appendInts(dst []byte, xs ...int64) []byte {
	for _, x := range xs {
		dst = binary.AppendVarint(dst, x)
	}
	return dst
}

var int8T = types.Of(types.Int8)
