package aggs

import (
	"streamdb/expr"
	"streamdb/stream"
	"streamdb/vec"
)

// boolState counts TRUE and FALSE: bool_and and bool_or under retraction.
type boolState struct {
	t, f []int64
	or   bool
}

func (s *boolState) Grow(groups int) { s.t, s.f = vec.Grow(s.t, groups), vec.Grow(s.f, groups) }

func (s *boolState) Update(groups []int32, args []vec.Vec, weights []stream.Op, sel []int32, n int) error {
	v := &args[0]
	x, m := v.Bool, v.Mask()
	eachRow(v, weights, sel, n, func(i int, w int64) {
		if x[i&m] {
			s.t[groups[i]] += w
		} else {
			s.f[groups[i]] += w
		}
	})
	return nil
}

func (s *boolState) AppendPartial(ids []int32, out []*vec.Builder) error {
	for _, id := range ids {
		out[0].AppendInt(s.t[id])
		out[1].AppendInt(s.f[id])
	}
	return nil
}

func (s *boolState) Merge(groups []int32, parts []vec.Vec, weights []stream.Op, sel []int32, n int) error {
	t, f, mt, mf := parts[0].I64, parts[1].I64, parts[0].Mask(), parts[1].Mask()
	eachRow(nil, weights, sel, n, func(i int, w int64) {
		s.t[groups[i]] += w * t[i&mt]
		s.f[groups[i]] += w * f[i&mf]
	})
	return nil
}

func (s *boolState) Result(_ *expr.Ctx, ids []int32, out *vec.Builder) error {
	for _, id := range ids {
		switch {
		case s.t[id] == 0 && s.f[id] == 0:
			out.AppendNull()
		case s.or:
			out.AppendBool(s.t[id] > 0)
		default:
			out.AppendBool(s.f[id] == 0)
		}
	}
	return nil
}

func (s *boolState) Reset(id int32) { s.t[id], s.f[id] = 0, 0 }

func (s *boolState) Encode(id int32, dst []byte) []byte { return appendInts(dst, s.t[id], s.f[id]) }

func (s *boolState) Decode(id int32, src []byte) ([]byte, error) {
	r := reader{b: src}
	s.t[id], s.f[id] = r.int(), r.int()
	return r.done()
}

func (s *boolState) Bytes() int64 { return int64(8 * (cap(s.t) + cap(s.f))) }

// bitState is bit_and, bit_or (inserts only) and bit_xor (its own inverse).
type bitState struct {
	x  []int64
	n  []int64
	op byte // & | ^
}

func (s *bitState) Grow(groups int) { s.x, s.n = vec.Grow(s.x, groups), vec.Grow(s.n, groups) }

func (s *bitState) apply(g int32, x, n int64) {
	switch {
	case s.op == '^':
		s.x[g] ^= x
	case s.n[g] == 0:
		s.x[g] = x
	case s.op == '&':
		s.x[g] &= x
	default:
		s.x[g] |= x
	}
	s.n[g] += n
}

func (s *bitState) Update(groups []int32, args []vec.Vec, weights []stream.Op, sel []int32, n int) error {
	if s.op != '^' {
		mustInsert(weights)
	}
	v := &args[0]
	x, m := v.I64, v.Mask()
	eachRow(v, weights, sel, n, func(i int, w int64) { s.apply(groups[i], x[i&m], w) })
	return nil
}

func (s *bitState) AppendPartial(ids []int32, out []*vec.Builder) error {
	for _, id := range ids {
		out[0].AppendInt(s.x[id])
		out[1].AppendInt(s.n[id])
	}
	return nil
}

func (s *bitState) Merge(groups []int32, parts []vec.Vec, weights []stream.Op, sel []int32, n int) error {
	x, c, mx, mc := parts[0].I64, parts[1].I64, parts[0].Mask(), parts[1].Mask()
	eachRow(nil, weights, sel, n, func(i int, w int64) {
		if c[i&mc] != 0 || s.op == '^' {
			s.apply(groups[i], x[i&mx], w*c[i&mc])
		}
	})
	return nil
}

func (s *bitState) Result(_ *expr.Ctx, ids []int32, out *vec.Builder) error {
	for _, id := range ids {
		if s.n[id] == 0 {
			out.AppendNull()
		} else {
			out.AppendInt(s.x[id])
		}
	}
	return nil
}

func (s *bitState) Reset(id int32) { s.x[id], s.n[id] = 0, 0 }

func (s *bitState) Encode(id int32, dst []byte) []byte { return appendInts(dst, s.x[id], s.n[id]) }

func (s *bitState) Decode(id int32, src []byte) ([]byte, error) {
	r := reader{b: src}
	s.x[id], s.n[id] = r.int(), r.int()
	return r.done()
}

func (s *bitState) Bytes() int64 { return int64(8 * (cap(s.x) + cap(s.n))) }
