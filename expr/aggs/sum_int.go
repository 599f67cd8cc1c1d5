package aggs

import (
	"encoding/binary"
	"math/bits"

	"streamdb/expr"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// sumInt sums integers exactly in 128 bits, two's complement, in two columns. The
// high one is made when the first sum does not fit the low one. It serves sum and
// avg of smallint, integer and bigint.
type sumInt struct {
	lo     []uint64
	hi     []int64 // nil: that of each sum is the sign of lo
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
	s.lo, s.n = vec.Grow(s.lo, groups), vec.Grow(s.n, groups)
	if s.hi != nil {
		s.hi = vec.Grow(s.hi, groups)
	}
}

// high is the high half of a sum.
func (s *sumInt) high(g int32) int64 {
	if s.hi == nil {
		return int64(s.lo[g]) >> 63
	}
	return s.hi[g]
}

// widen makes the column of the high halves.
func (s *sumInt) widen() {
	s.hi = make([]int64, len(s.lo), cap(s.lo))
	for g, lo := range s.lo {
		s.hi[g] = int64(lo) >> 63
	}
}

// add adds hi:lo to a sum.
func (s *sumInt) add(g int32, hi int64, lo uint64) {
	sum, carry := bits.Add64(s.lo[g], lo, 0)
	s.set(g, s.high(g)+hi+int64(carry), sum)
}

// sub takes hi:lo from a sum.
func (s *sumInt) sub(g int32, hi int64, lo uint64) {
	sum, borrow := bits.Sub64(s.lo[g], lo, 0)
	s.set(g, s.high(g)-hi-int64(borrow), sum)
}

func (s *sumInt) set(g int32, hi int64, lo uint64) {
	if s.hi == nil {
		if hi == int64(lo)>>63 {
			s.lo[g] = lo
			return
		}
		s.widen()
	}
	s.hi[g], s.lo[g] = hi, lo
}

func (s *sumInt) Update(groups []int32, args []vec.Vec, weights []stream.Op, sel []int32, n int) error {
	v := &args[0]
	x, m := v.I64, v.Mask()
	if v.Valid == nil && weights == nil && sel == nil {
		s.updateAll(groups[:n], x, m)
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
		g, v := groups[i], x[i&m]
		if weights == nil || weights[i] > 0 {
			s.add(g, v>>63, uint64(v))
			s.n[g]++
		} else {
			s.sub(g, v>>63, uint64(v))
			s.n[g]--
		}
	}
	return nil
}

// updateAll is Update of rows that all count, once each.
func (s *sumInt) updateAll(groups []int32, x []int64, m int) {
	lo, cnt, from := s.lo, s.n[:len(s.lo)], 0
	if s.hi == nil {
		for ; from < len(groups); from++ {
			g, v := groups[from], x[from&m]
			sum := int64(lo[g]) + v
			if (sum^v)&(sum^int64(lo[g])) < 0 { // it left 64 bits
				s.widen()
				break
			}
			lo[g] = uint64(sum)
			cnt[g]++
		}
	}
	if s.hi == nil {
		return
	}
	hi := s.hi[:len(s.lo)]
	for i := from; i < len(groups); i++ {
		g, v := groups[i], x[i&m]
		sum, carry := bits.Add64(lo[g], uint64(v), 0)
		lo[g] = sum
		hi[g] += v>>63 + int64(carry)
		cnt[g]++
	}
}

func (s *sumInt) AppendPartial(ids []int32, out []*vec.Builder) error {
	for _, id := range ids {
		out[0].AppendInt(s.high(id))
		out[1].AppendInt(int64(s.lo[id]))
		out[2].AppendInt(s.n[id])
	}
	return nil
}

func (s *sumInt) Merge(groups []int32, parts []vec.Vec, weights []stream.Op, sel []int32, n int) error {
	hi, lo, cnt := parts[0].I64, parts[1].I64, parts[2].I64
	mh, ml, mc := parts[0].Mask(), parts[1].Mask(), parts[2].Mask()
	if sel == nil && weights == nil {
		for i, g := range groups[:n] {
			s.add(g, hi[i&mh], uint64(lo[i&ml]))
			s.n[g] += cnt[i&mc]
		}
		return nil
	}
	eachRow(nil, weights, sel, n, func(i int, w int64) {
		g := groups[i]
		if w > 0 {
			s.add(g, hi[i&mh], uint64(lo[i&ml]))
			s.n[g] += cnt[i&mc]
		} else {
			s.sub(g, hi[i&mh], uint64(lo[i&ml]))
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
			if s.high(id) != int64(s.lo[id])>>63 {
				return types.ErrIntRange(types.Int8)
			}
			out.AppendInt(int64(s.lo[id]))
			continue
		}
		buf = appendInt128(buf[:0], s.high(id), s.lo[id], 0)
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

func (s *sumInt) Reset(id int32) {
	s.lo[id], s.n[id] = 0, 0
	if s.hi != nil {
		s.hi[id] = 0
	}
}

func (s *sumInt) Encode(id int32, dst []byte) []byte {
	return appendInts(dst, s.high(id), int64(s.lo[id]), s.n[id])
}

func (s *sumInt) Decode(id int32, src []byte) ([]byte, error) {
	r := reader{b: src}
	hi, lo := r.int(), r.int()
	s.set(id, hi, uint64(lo))
	s.n[id] = r.int()
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
	var digits [16]byte
	binary.BigEndian.PutUint64(digits[:], h)
	binary.BigEndian.PutUint64(digits[8:], l)
	zeros := bits.LeadingZeros64(h) / 8
	if h == 0 {
		zeros = 8 + bits.LeadingZeros64(l)/8
	}
	return append(append(dst, form, byte(scale>>8), byte(scale)), digits[zeros:]...)
}

func abs128(hi int64, lo uint64) (h, l uint64) {
	if hi >= 0 {
		return uint64(hi), lo
	}
	l, borrow := bits.Sub64(0, lo, 0)
	h, _ = bits.Sub64(0, uint64(hi), borrow)
	return h, l
}
