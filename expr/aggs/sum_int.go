package aggs

import (
	"math/bits"

	"streamdb/expr"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// sumInt sums integers exactly in 128 bits, two's complement, in two columns.
// It serves sum and avg of smallint, integer and bigint.
type sumInt struct {
	lo     []uint64
	hi     []int64
	n      []int64 // values in the group
	result intResult
}

type intResult uint8

const (
	sumBigint  intResult = iota // sum(smallint), sum(integer)
	sumNumeric                  // sum(bigint)
	avgNumeric
)

func (s *sumInt) Grow(groups int) {
	s.lo, s.hi, s.n = vec.Grow(s.lo, groups), vec.Grow(s.hi, groups), vec.Grow(s.n, groups)
}

func (s *sumInt) add(g int32, x int64) {
	lo, carry := bits.Add64(s.lo[g], uint64(x), 0)
	s.lo[g] = lo
	s.hi[g] += x>>63 + int64(carry)
}

func (s *sumInt) sub(g int32, x int64) {
	lo, borrow := bits.Sub64(s.lo[g], uint64(x), 0)
	s.lo[g] = lo
	s.hi[g] -= x>>63 + int64(borrow)
}

func (s *sumInt) Update(groups []int32, args []vec.Vec, weights []stream.Op, sel []int32, n int) error {
	v := &args[0]
	x, m := v.I64, v.Mask()
	if v.Valid == nil && weights == nil && sel == nil {
		lo, hi, cnt := s.lo, s.hi[:len(s.lo)], s.n[:len(s.lo)]
		for i, g := range groups[:n] {
			v := x[i&m]
			sum, carry := bits.Add64(lo[g], uint64(v), 0)
			lo[g] = sum
			hi[g] += v>>63 + int64(carry)
			cnt[g]++
		}
		return nil
	}
	rows := n
	if sel != nil {
		rows = len(sel)
	}
	for k := range rows {
		i := k
		if sel != nil {
			i = int(sel[k])
		}
		if v.Valid != nil && v.Null(i) {
			continue
		}
		g := groups[i]
		if weights == nil || weights[i] > 0 {
			s.add(g, x[i&m])
			s.n[g]++
		} else {
			s.sub(g, x[i&m])
			s.n[g]--
		}
	}
	return nil
}

func (s *sumInt) AppendPartial(ids []int32, out []*vec.Builder) error {
	for _, id := range ids {
		out[0].AppendInt(s.hi[id])
		out[1].AppendInt(int64(s.lo[id]))
		out[2].AppendInt(s.n[id])
	}
	return nil
}

func (s *sumInt) Merge(groups []int32, parts []vec.Vec, weights []stream.Op, sel []int32, n int) error {
	hi, lo, cnt := parts[0].I64, parts[1].I64, parts[2].I64
	mh, ml, mc := parts[0].Mask(), parts[1].Mask(), parts[2].Mask()
	if sel == nil && weights == nil {
		slo, shi, sn := s.lo, s.hi[:len(s.lo)], s.n[:len(s.lo)]
		for i, g := range groups[:n] {
			sum, carry := bits.Add64(slo[g], uint64(lo[i&ml]), 0)
			slo[g] = sum
			shi[g] += hi[i&mh] + int64(carry)
			sn[g] += cnt[i&mc]
		}
		return nil
	}
	eachRow(nil, weights, sel, n, func(i int, w int64) {
		g := groups[i]
		if w > 0 {
			l, carry := bits.Add64(s.lo[g], uint64(lo[i&ml]), 0)
			s.lo[g] = l
			s.hi[g] += hi[i&mh] + int64(carry)
			s.n[g] += cnt[i&mc]
		} else {
			l, borrow := bits.Sub64(s.lo[g], uint64(lo[i&ml]), 0)
			s.lo[g] = l
			s.hi[g] -= hi[i&mh] + int64(borrow)
			s.n[g] -= cnt[i&mc]
		}
	})
	return nil
}

func (s *sumInt) Result(_ *expr.Ctx, ids []int32, out *vec.Builder) error {
	var buf []byte
	for _, id := range ids {
		if s.n[id] == 0 {
			out.AppendNull()
			continue
		}
		if s.result == sumBigint {
			if s.hi[id] != int64(s.lo[id])>>63 {
				return types.ErrIntRange(types.Int8)
			}
			out.AppendInt(int64(s.lo[id]))
			continue
		}
		buf = appendInt128(buf[:0], s.hi[id], s.lo[id], 0)
		if s.result == avgNumeric {
			avg, err := types.DecodeDecimal(buf).Div(types.DecimalOfInt(s.n[id]))
			if err != nil {
				return err
			}
			buf = types.AppendDecimal(buf[:0], avg)
		}
		out.AppendBytes(buf)
	}
	return nil
}

func (s *sumInt) Reset(id int32) { s.lo[id], s.hi[id], s.n[id] = 0, 0, 0 }

func (s *sumInt) Encode(id int32, dst []byte) []byte {
	return appendInts(dst, s.hi[id], int64(s.lo[id]), s.n[id])
}

func (s *sumInt) Decode(id int32, src []byte) ([]byte, error) {
	r := reader{b: src}
	s.hi[id], s.lo[id], s.n[id] = r.int(), uint64(r.int()), r.int()
	return r.done()
}

func (s *sumInt) Bytes() int64 { return int64(8 * (cap(s.lo) + cap(s.hi) + cap(s.n))) }

// appendInt128 appends the numeric byte form of hi:lo * 10^-scale.
func appendInt128(dst []byte, hi int64, lo uint64, scale uint16) []byte {
	neg := hi < 0
	h, l := abs128(hi, lo)
	form := byte(0)
	if neg {
		form = 1
	}
	dst = append(dst, form, byte(scale>>8), byte(scale))
	started := false
	for _, w := range [2]uint64{h, l} {
		for shift := 56; shift >= 0; shift -= 8 {
			b := byte(w >> shift)
			if started = started || b != 0; started {
				dst = append(dst, b)
			}
		}
	}
	return dst
}

func abs128(hi int64, lo uint64) (h, l uint64) {
	if hi >= 0 {
		return uint64(hi), lo
	}
	l, borrow := bits.Sub64(0, lo, 0)
	h, _ = bits.Sub64(0, uint64(hi), borrow)
	return h, l
}
