package aggs

import (
	"math"
	"math/bits"

	"streamdb/expr"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// sumSpan is sum and avg of interval: months, days and microseconds apart. The
// sums wrap around in 64 bits (microseconds in 128), which a retraction undoes;
// the range is checked in Result.
type sumSpan struct {
	months, days, n []int64
	lo              []uint64
	hi              []int64
	avg             bool
}

// spanPartial is months, days, microseconds (high and low half), rows.
var spanPartial = []types.T{int8T, int8T, int8T, int8T, int8T}

func (s *sumSpan) Grow(groups int) {
	s.months, s.days, s.n = vec.Grow(s.months, groups), vec.Grow(s.days, groups), vec.Grow(s.n, groups)
	s.lo, s.hi = vec.Grow(s.lo, groups), vec.Grow(s.hi, groups)
}

func (s *sumSpan) add(g int32, months, days, hi int64, lo uint64, n, w int64) {
	s.months[g] += w * months
	s.days[g] += w * days
	s.n[g] += w * n
	var c uint64
	if w > 0 {
		s.lo[g], c = bits.Add64(s.lo[g], lo, 0)
		s.hi[g] += hi + int64(c)
	} else {
		s.lo[g], c = bits.Sub64(s.lo[g], lo, 0)
		s.hi[g] -= hi + int64(c)
	}
}

func (s *sumSpan) Update(groups []int32, args []vec.Vec, weights []stream.Op, sel []int32, n int) error {
	v := &args[0]
	eachRow(v, weights, sel, n, func(i int, w int64) {
		x := types.DecodeInterval(v.Bytes(i))
		s.add(groups[i], int64(x.Months), int64(x.Days), x.Micros>>63, uint64(x.Micros), 1, w)
	})
	return nil
}

func (s *sumSpan) AppendPartial(ids []int32, out []*vec.Builder) error {
	for _, id := range ids {
		for k, x := range [5]int64{s.months[id], s.days[id], s.hi[id], int64(s.lo[id]), s.n[id]} {
			out[k].AppendInt(x)
		}
	}
	return nil
}

func (s *sumSpan) Merge(groups []int32, parts []vec.Vec, weights []stream.Op, sel []int32, n int) error {
	at := func(k, i int) int64 { return parts[k].I64[i&parts[k].Mask()] }
	eachRow(nil, weights, sel, n, func(i int, w int64) {
		s.add(groups[i], at(0, i), at(1, i), at(2, i), uint64(at(3, i)), at(4, i), w)
	})
	return nil
}

func (s *sumSpan) Result(_ *expr.Ctx, ids []int32, out *vec.Builder) error {
	var buf []byte
	for _, id := range ids {
		if s.n[id] == 0 {
			out.AppendNull()
			continue
		}
		m, d := s.months[id], s.days[id]
		if s.hi[id] != int64(s.lo[id])>>63 || m > math.MaxInt32 || m < math.MinInt32 || d > math.MaxInt32 || d < math.MinInt32 {
			return types.ErrIntervalRange()
		}
		x := types.Span{Months: int32(m), Days: int32(d), Micros: int64(s.lo[id])}
		if s.avg {
			var err error
			if x, err = x.Div(float64(s.n[id])); err != nil {
				return err
			}
		}
		buf = types.AppendSpan(buf[:0], x)
		out.AppendBytes(buf)
	}
	return nil
}

func (s *sumSpan) Reset(id int32) {
	s.months[id], s.days[id], s.n[id], s.lo[id], s.hi[id] = 0, 0, 0, 0, 0
}

func (s *sumSpan) Encode(id int32, dst []byte) []byte {
	return appendInts(dst, s.months[id], s.days[id], s.hi[id], int64(s.lo[id]), s.n[id])
}

func (s *sumSpan) Decode(id int32, src []byte) ([]byte, error) {
	r := reader{b: src}
	s.months[id], s.days[id], s.hi[id], s.lo[id], s.n[id] = r.int(), r.int(), r.int(), uint64(r.int()), r.int()
	return r.done()
}

func (s *sumSpan) Bytes() int64 { return int64(40 * cap(s.n)) }
