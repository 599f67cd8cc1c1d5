package funcs

import (
	"math"
	"time"

	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/types"
	"streamdb/vec"
)

// cmpNumericEval decodes a constant once and compares decoded values.
func cmpNumericEval(op cmpOp) func(*expr.CallCtx, []vec.Vec) (vec.Vec, error) {
	return func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		out := make([]bool, c.N)
		a, b := decimals(&args[0]), decimals(&args[1])
		for k := range c.Rows() {
			i := c.Row(k)
			out[i] = op.holds(a(i).Cmp(b(i)))
		}
		return vec.Bools(out), nil
	}
}

// decimals reads numerics; a constant is decoded once.
func decimals(v *vec.Vec) func(i int) types.Decimal {
	if v.Const && !v.Null(0) {
		d := types.DecodeDecimal(v.Bytes(0))
		return func(int) types.Decimal { return d }
	}
	return kernel.Reader[types.Decimal](v)
}

// cmpGeneralEval compares through types.Compare, for the types whose values are
// dear to compare anyway.
func cmpGeneralEval(op cmpOp) func(*expr.CallCtx, []vec.Vec) (vec.Vec, error) {
	return func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		out := make([]bool, c.N)
		t := c.Args[0]
		for k := range c.Rows() {
			i := c.Row(k)
			out[i] = op.holds(types.Compare(t, kernel.View(&args[0], i), kernel.View(&args[1], i)))
		}
		return vec.Bools(out), nil
	}
}

// usPerDay is microseconds in a day.
const usPerDay = 86_400_000_000

// dateToTimestamp converts days to microseconds; infinities stay, and dates
// beyond the range of timestamps become infinities, which keeps comparisons right.
func dateToTimestamp(days int64) int64 {
	switch {
	case days == math.MaxInt64 || days > math.MaxInt64/usPerDay:
		return math.MaxInt64
	case days == math.MinInt64 || days < math.MinInt64/usPerDay:
		return math.MinInt64
	}
	return days * usPerDay
}

// instantOf returns the conversion of a date, timestamp or timestamptz to a
// timestamptz in a time zone.
func instantOf(t types.ID, loc *time.Location) func(int64) int64 {
	switch t {
	case types.Date:
		return func(x int64) int64 { return localToUTC(dateToTimestamp(x), loc) }
	case types.Timestamp:
		return func(x int64) int64 { return localToUTC(x, loc) }
	}
	return func(x int64) int64 { return x }
}

// dateComparisons lists the comparisons between different types of the date family.
func dateComparisons(op cmpOp) []*expr.Def {
	var out []*expr.Def
	ids := []types.ID{types.Date, types.Timestamp, types.TimestampTZ}
	for _, a := range ids {
		for _, b := range ids {
			if a == b {
				continue
			}
			d := &expr.Def{Name: cmpNames[op], Args: []types.ID{a, b}, Ret: types.Bool, Kind: expr.Operator, Doc: cmpDocs[op], Total: true}
			zoned := a == types.TimestampTZ || b == types.TimestampTZ
			if zoned {
				d.Volatile = expr.Stable
			}
			d.Eval = func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
				loc := time.UTC
				if zoned {
					loc = location(c)
				}
				fa, fb := instantOf(a, loc), instantOf(b, loc)
				o := make([]bool, c.N)
				x, y, mx, my := args[0].I64, args[1].I64, args[0].Mask(), args[1].Mask()
				for k := range c.Rows() {
					i := c.Row(k)
					p, q := fa(x[i&mx]), fb(y[i&my])
					o[i] = op.holds(bit(p > q) - bit(p < q))
				}
				return vec.Bools(o), nil
			}
			out = append(out, d)
		}
	}
	return out
}
