package funcs

import (
	"math"

	"streamdb/expr"
	"streamdb/types"
	"streamdb/vec"
)

// shifted is a timestamp and an interval where the interval is a constant of a
// fixed length, as WATERMARK FOR t AS t - INTERVAL '4' SECOND has it: one addition
// a row. zoned: a day is not always of one length. What is infinite or leaves the
// range, and all that is of another form, is for rows, which goes value by value.
func shifted(sign int64, zoned bool, rows evalFn) evalFn {
	return func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		if by, ok := fixed(&args[1], sign, zoned); ok && c.Sel == nil && !args[0].Const && args[0].N == c.N {
			if v, ok := shiftAll(args[0].I64[:c.N], by); ok {
				return v, nil
			}
		}
		return rows(c, args)
	}
}

// maxShift is the longest constant that shifted adds, in microseconds: some 36,000
// years; maxDays is less than that. So nothing overflows.
const (
	maxShift = 1 << 60
	maxDays  = maxShift / types.Day
)

// fixed is the length of a constant interval in microseconds, times sign.
func fixed(v *vec.Vec, sign int64, zoned bool) (us int64, ok bool) {
	if !v.Const || v.Null(0) {
		return 0, false
	}
	s := types.DecodeInterval(v.Bytes(0))
	days := int64(s.Days)
	if s.Months != 0 || zoned && days != 0 || max(days, -days) > maxDays/2 || s.Micros > maxShift/2 || s.Micros < -maxShift/2 {
		return 0, false
	}
	return sign * (days*types.Day + s.Micros), true
}

// shiftAll adds to times. ok: all of them, and what they become, are finite and in
// range.
func shiftAll(times []int64, by int64) (v vec.Vec, ok bool) {
	out := make([]int64, len(times))
	low, high := int64(math.MaxInt64), int64(math.MinInt64)
	for i, x := range times {
		low, high = min(low, x), max(high, x)
		out[i] = x + by
	}
	if len(times) > 0 && (low < -2*maxShift || high > 2*maxShift || !types.TimestampInRange(low+by) || !types.TimestampInRange(high+by)) {
		return vec.Vec{}, false
	}
	return vec.Ints(out), true
}
