package aggs

import (
	"math"

	"streamdb/expr"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// sumDecimal is sum and avg of numeric. Partial form: one column of encoded sums.
type sumDecimal struct {
	acc decimalAcc
	avg bool
}

func (s *sumDecimal) Grow(groups int) { s.acc.grow(groups) }

func (s *sumDecimal) Update(groups []int32, args []vec.Vec, weights []stream.Op, sel []int32, n int) error {
	v := &args[0]
	eachRow(v, weights, sel, n, func(i int, w int64) { s.acc.add(groups[i], v.Bytes(i), w) })
	return nil
}

func (s *sumDecimal) AppendPartial(ids []int32, out []*vec.Builder) error {
	return appendEncoded(s, ids, out[0])
}

func (s *sumDecimal) Merge(groups []int32, parts []vec.Vec, weights []stream.Op, sel []int32, n int) error {
	return mergeEncoded(s.acc.merge, groups, &parts[0], weights, sel, n)
}

func (s *sumDecimal) Result(_ *expr.Ctx, ids []int32, out *vec.Builder) error {
	var buf []byte
	for _, id := range ids {
		if s.acc.n[id] == 0 {
			out.AppendNull()
			continue
		}
		d := s.acc.sum(id)
		if s.avg {
			var err error
			if d, err = d.Div(types.DecimalOfInt(s.acc.n[id])); err != nil {
				return err
			}
		}
		buf = types.AppendDecimal(buf[:0], d)
		out.AppendBytes(buf)
	}
	return nil
}

func (s *sumDecimal) Reset(id int32)                     { s.acc.reset(id) }
func (s *sumDecimal) Encode(id int32, dst []byte) []byte { return s.acc.encode(id, dst) }

func (s *sumDecimal) Decode(id int32, src []byte) ([]byte, error) {
	s.acc.reset(id)
	return s.acc.merge(id, src, 1)
}

func (s *sumDecimal) Bytes() int64 { return s.acc.bytes() }

// appendEncoded appends each group's encoded form to a column.
func appendEncoded(s State, ids []int32, out *vec.Builder) error {
	var buf []byte
	for _, id := range ids {
		buf = s.Encode(id, buf[:0])
		out.AppendBytes(buf)
	}
	return nil
}

// mergeEncoded merges a column of encoded forms.
func mergeEncoded(merge func(g int32, src []byte, w int64) ([]byte, error), groups []int32, v *vec.Vec, weights []stream.Op, sel []int32, n int) (err error) {
	eachRow(nil, weights, sel, n, func(i int, w int64) {
		if err == nil {
			_, err = merge(groups[i], v.Bytes(i), w)
		}
	})
	return err
}

// sumFloat is sum and avg of real and double precision. Partial form: one
// column of encoded sums.
type sumFloat struct {
	acc    floatAcc
	avg    bool
	single bool // sum(real) is real
}

func (s *sumFloat) Grow(groups int) { s.acc.grow(groups) }

func (s *sumFloat) Update(groups []int32, args []vec.Vec, weights []stream.Op, sel []int32, n int) error {
	v := &args[0]
	x, m := v.F64, v.Mask()
	eachRow(v, weights, sel, n, func(i int, w int64) { s.acc.add(groups[i], x[i&m], w) })
	return nil
}

func (s *sumFloat) AppendPartial(ids []int32, out []*vec.Builder) error {
	return appendEncoded(s, ids, out[0])
}

func (s *sumFloat) Merge(groups []int32, parts []vec.Vec, weights []stream.Op, sel []int32, n int) error {
	return mergeEncoded(s.acc.merge, groups, &parts[0], weights, sel, n)
}

func (s *sumFloat) Result(_ *expr.Ctx, ids []int32, out *vec.Builder) error {
	for _, id := range ids {
		n := s.acc.n[id]
		if n == 0 {
			out.AppendNull()
			continue
		}
		x := s.acc.sum(id)
		if s.single && !s.avg {
			x = float64(float32(x))
		}
		if math.IsInf(x, 0) && s.acc.odd[id] == nil {
			return types.ErrFloatOverflow()
		}
		if s.avg {
			x /= float64(n)
		}
		out.AppendFloat(x)
	}
	return nil
}

func (s *sumFloat) Reset(id int32)                     { s.acc.reset(id) }
func (s *sumFloat) Encode(id int32, dst []byte) []byte { return s.acc.encode(id, dst) }

func (s *sumFloat) Decode(id int32, src []byte) ([]byte, error) {
	s.acc.reset(id)
	return s.acc.merge(id, src, 1)
}

func (s *sumFloat) Bytes() int64 { return s.acc.bytes() }
