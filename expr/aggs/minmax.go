package aggs

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"

	"streamdb/expr"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// extreme keeps the best value of each group, for inputs without retractions.
// Fixed-width values are in a column; byte forms are slices of an arena, which
// is rewritten when more than half of it is of no use.
type extreme struct {
	t    types.T
	sign int // -1: min, +1: max
	has  []bool
	i    []int64
	f    []float64
	off  []uint32 // LBytes: where the value is in arena
	size []uint32
	mem  []byte
	dead int
}

func newExtreme(t types.T, sign int) *extreme { return &extreme{t: t, sign: sign} }

func (s *extreme) Grow(groups int) {
	s.has = vec.Grow(s.has, groups)
	switch s.t.Layout() {
	case types.LFloat64:
		s.f = vec.Grow(s.f, groups)
	case types.LBytes:
		s.off, s.size = vec.Grow(s.off, groups), vec.Grow(s.size, groups)
	default:
		s.i = vec.Grow(s.i, groups)
	}
}

func (s *extreme) Update(groups []int32, args []vec.Vec, weights []stream.Op, sel []int32, n int) error {
	mustInsert(weights)
	v := &args[0]
	m := v.Mask()
	switch v.Layout {
	case types.LInt64:
		if v.Valid == nil && sel == nil {
			s.putInts(groups[:n], v.I64, m)
			return nil
		}
		eachRow(v, nil, sel, n, func(i int, _ int64) { s.putInt(groups[i], v.I64[i&m]) })
	case types.LBool:
		eachRow(v, nil, sel, n, func(i int, _ int64) {
			x := int64(0)
			if v.Bool[i&m] {
				x = 1
			}
			s.putInt(groups[i], x)
		})
	case types.LFloat64:
		eachRow(v, nil, sel, n, func(i int, _ int64) { s.putFloat(groups[i], v.F64[i&m]) })
	default:
		eachRow(v, nil, sel, n, func(i int, _ int64) { s.putBytes(groups[i], v.Bytes(i)) })
	}
	return nil
}

func (s *extreme) putInt(g int32, x int64) {
	if !s.has[g] || s.sign < 0 && x < s.i[g] || s.sign > 0 && x > s.i[g] {
		s.has[g], s.i[g] = true, x
	}
}

// putInts is putInt for a column without NULLs.
func (s *extreme) putInts(groups []int32, x []int64, m int) {
	has, best := s.has, s.i[:len(s.has)]
	if s.sign < 0 {
		for i, g := range groups {
			if v := x[i&m]; v < best[g] || !has[g] {
				has[g], best[g] = true, v
			}
		}
		return
	}
	for i, g := range groups {
		if v := x[i&m]; v > best[g] || !has[g] {
			has[g], best[g] = true, v
		}
	}
}

func (s *extreme) putFloat(g int32, x float64) {
	if !s.has[g] || types.CompareFloat(x, s.f[g])*s.sign > 0 {
		s.has[g], s.f[g] = true, x
	}
}

func (s *extreme) value(g int32) []byte { return s.mem[s.off[g]:][:s.size[g]] }

func (s *extreme) putBytes(g int32, b []byte) {
	if s.has[g] {
		c := s.compare(b, s.value(g)) * s.sign
		// Equal values may print differently (1.0, 1.00): the choice must not
		// depend on the order of the rows.
		if c < 0 || c == 0 && bytes.Compare(b, s.value(g)) <= 0 {
			return
		}
	}
	s.setBytes(g, b)
}

func (s *extreme) compare(a, b []byte) int {
	switch s.t.ID {
	case types.Text, types.Name, types.Bytea, types.Char:
		return bytes.Compare(a, b)
	case types.Numeric:
		return types.DecodeDecimal(a).Cmp(types.DecodeDecimal(b))
	}
	return types.Compare(s.t, types.BytesDatum(string(a)), types.BytesDatum(string(b)))
}

func (s *extreme) setBytes(g int32, b []byte) {
	if s.has[g] && len(b) <= int(s.size[g]) { // fits in place
		copy(s.mem[s.off[g]:], b)
		s.dead += int(s.size[g]) - len(b)
		s.size[g] = uint32(len(b))
		return
	}
	if s.has[g] {
		s.dead += int(s.size[g])
	}
	s.has[g], s.off[g], s.size[g] = true, 0, 0
	if s.dead > 1<<16 && s.dead > len(s.mem)/2 || len(s.mem)+len(b) > math.MaxUint32 {
		s.compact()
	}
	s.off[g], s.size[g] = uint32(len(s.mem)), uint32(len(b))
	s.mem = append(s.mem, b...)
}

// compact rewrites the arena with the live values only.
func (s *extreme) compact() {
	mem := make([]byte, 0, len(s.mem)-s.dead)
	for g := range s.off {
		if s.has[g] {
			at := len(mem)
			mem = append(mem, s.value(int32(g))...)
			s.off[g] = uint32(at)
		}
	}
	s.mem, s.dead = mem, 0
}

func (s *extreme) AppendPartial(ids []int32, out []*vec.Builder) error {
	return s.Result(nil, ids, out[0])
}

func (s *extreme) Merge(groups []int32, parts []vec.Vec, weights []stream.Op, sel []int32, n int) error {
	return s.Update(groups, parts, weights, sel, n)
}

func (s *extreme) Result(_ *expr.Ctx, ids []int32, out *vec.Builder) error {
	layout := s.t.Layout()
	for _, id := range ids {
		switch {
		case !s.has[id]:
			out.AppendNull()
		case layout == types.LInt64:
			out.AppendInt(s.i[id])
		case layout == types.LBool:
			out.AppendBool(s.i[id] != 0)
		case layout == types.LFloat64:
			out.AppendFloat(s.f[id])
		default:
			out.AppendBytes(s.value(id))
		}
	}
	return nil
}

func (s *extreme) Reset(id int32) {
	if s.has[id] && s.off != nil {
		s.dead += int(s.size[id])
		s.off[id], s.size[id] = 0, 0
	}
	s.has[id] = false
}

func (s *extreme) Encode(id int32, dst []byte) []byte {
	if !s.has[id] {
		return append(dst, 0)
	}
	dst = append(dst, 1)
	switch s.t.Layout() {
	case types.LFloat64:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(s.f[id]))
	case types.LBytes:
		return appendBytes(dst, s.value(id))
	}
	return appendInts(dst, s.i[id])
}

func (s *extreme) Decode(id int32, src []byte) ([]byte, error) {
	s.Reset(id)
	if len(src) == 0 {
		return nil, errCorrupt()
	}
	r := reader{b: src[1:]}
	if src[0] == 0 {
		return r.b, nil
	}
	switch s.t.Layout() {
	case types.LFloat64:
		s.f[id] = math.Float64frombits(r.fixed())
	case types.LBytes:
		s.setBytes(id, slices.Clone(r.bytes()))
	default:
		s.i[id] = r.int()
	}
	s.has[id] = !r.bad
	return r.done()
}

func (s *extreme) Bytes() int64 {
	return int64(cap(s.has) + 8*cap(s.i) + 8*cap(s.f) + 8*cap(s.off) + cap(s.mem))
}
