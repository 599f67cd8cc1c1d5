package aggs

import (
	"streamdb/expr"
	"streamdb/stream"
	"streamdb/vec"
)

// countState counts rows (count(*), no argument) or values.
type countState struct{ n []int64 }

func (s *countState) Grow(groups int) { s.n = vec.Grow(s.n, groups) }

func (s *countState) Update(groups []int32, args []vec.Vec, weights []stream.Op, sel []int32, n int) error {
	if len(args) > 0 && args[0].Valid != nil {
		for a := range args { // count(a) has one argument
			eachRow(&args[a], weights, sel, n, func(i int, w int64) { s.n[groups[i]] += w })
		}
		return nil
	}
	c := s.n
	switch {
	case sel == nil && weights == nil:
		for _, g := range groups[:n] {
			c[g]++
		}
	case sel == nil:
		for i, g := range groups[:n] {
			c[g] += int64(weights[i])
		}
	case weights == nil:
		for _, i := range sel {
			c[groups[i]]++
		}
	default:
		for _, i := range sel {
			c[groups[i]] += int64(weights[i])
		}
	}
	return nil
}

func (s *countState) AppendPartial(ids []int32, out []*vec.Builder) error {
	for _, id := range ids {
		out[0].AppendInt(s.n[id])
	}
	return nil
}

func (s *countState) Merge(groups []int32, parts []vec.Vec, weights []stream.Op, sel []int32, n int) error {
	x, m := parts[0].I64, parts[0].Mask()
	if sel == nil && weights == nil {
		c := s.n
		for i, g := range groups[:n] {
			c[g] += x[i&m]
		}
		return nil
	}
	eachRow(nil, weights, sel, n, func(i int, w int64) { s.n[groups[i]] += w * x[i&m] })
	return nil
}

func (s *countState) Result(_ *expr.Ctx, ids []int32, out *vec.Builder) error {
	for _, id := range ids {
		out.AppendInt(s.n[id])
	}
	return nil
}

func (s *countState) Reset(id int32)                     { s.n[id] = 0 }
func (s *countState) Encode(id int32, dst []byte) []byte { return appendInts(dst, s.n[id]) }

func (s *countState) Decode(id int32, src []byte) ([]byte, error) {
	r := reader{b: src}
	s.n[id] = r.int()
	return r.done()
}

func (s *countState) Bytes() int64 { return int64(8 * cap(s.n)) }
