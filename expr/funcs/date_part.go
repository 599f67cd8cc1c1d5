package funcs

import (
	"time"

	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/types"
	"streamdb/vec"
)

// unitCache parses the unit's name once per batch.
type unitCache struct {
	name string
	unit types.Unit
}

func (c *unitCache) get(name string) types.Unit {
	if c.name != name || c.unit == types.UnitUnknown {
		c.name, c.unit = string([]byte(name)), types.ParseUnit(name)
	}
	return c.unit
}

// extractor is one type's extract: loc is used by timestamptz only.
type extractor[A any] func(u types.Unit, name string, x A, loc *time.Location) (d types.Decimal, null bool, err error)

// parts makes extract (numeric) and date_part (double precision) of a type, and the
// form of extract for fields that are integers (wholeField).
func parts[A any](t id, zoned bool, f extractor[A]) []*expr.Def {
	numeric := fn("extract", ids{tText, t}, tNum, kernel.M2(func(c *expr.CallCtx) func(string, A) (types.Decimal, error) {
		var cache unitCache
		loc := location(c)
		return func(name string, x A) (types.Decimal, error) {
			d, null, err := f(cache.get(name), name, x, loc)
			if null {
				return d, kernel.Null
			}
			return d, err
		}
	}), "Field of a date, time or interval")
	float := fn("date_part", ids{tText, t}, tF8, kernel.M2(func(c *expr.CallCtx) func(string, A) (float64, error) {
		var cache unitCache
		loc := location(c)
		return func(name string, x A) (float64, error) {
			d, null, err := f(cache.get(name), name, x, loc)
			if null {
				return 0, kernel.Null
			}
			return d.Float64(), err
		}
	}), "Field of a date, time or interval")
	whole := fn("extract", ids{tText, t}, types.Int8, kernel.M2(func(c *expr.CallCtx) func(string, A) (int64, error) {
		var cache unitCache
		loc := location(c)
		return func(name string, x A) (int64, error) {
			d, null, err := f(cache.get(name), name, x, loc)
			if null {
				return 0, kernel.Null
			}
			if err != nil {
				return 0, err
			}
			return d.ToInt64()
		}
	}), "")
	if t == tTS || t == tTime {
		whole.Eval = clockField(whole.Eval)
	}
	wholeFields[numeric] = whole
	if zoned {
		stable(numeric)
		stable(float)
		stable(whole)
	}
	return []*expr.Def{numeric, float}
}

var (
	perDay    = divisorOf(uint64(types.Day))
	perHour   = divisorOf(uint64(types.Hour))
	perMinute = divisorOf(uint64(types.Minute))
)

// clockField extracts the hour or the minute of a column of times; other fields, and
// columns with times that are far off or infinite, are for each.
func clockField(each kernel.Fn) kernel.Fn {
	const far = 1 << 60
	return func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		if !args[0].Const || args[1].Const || c.Rows() < c.N/4 {
			return each(c, args)
		}
		unit := types.ParseUnit(kernel.String(args[0].Bytes(0)))
		if unit != types.UnitHour && unit != types.UnitMinute {
			return each(c, args)
		}
		out := make([]int64, c.N)
		beyond := uint64(0)
		for i, x := range args[1].I64[:c.N] {
			u := uint64(x + far/types.Day*types.Day)
			beyond |= u
			if u = perDay.remainder(u &^ (1 << 63)); unit == types.UnitHour {
				out[i] = int64(perHour.quotient(u))
			} else {
				out[i] = int64(perMinute.quotient(u) % 60)
			}
		}
		if beyond>>62 != 0 {
			return each(c, args)
		}
		return vec.Ints(out), nil
	}
}

// datePartFuncs lists extract, date_part and date_trunc.
func datePartFuncs() []*expr.Def {
	out := parts(tTS, false, func(u types.Unit, name string, x int64, _ *time.Location) (types.Decimal, bool, error) {
		return types.ExtractTimestamp(u, name, x)
	})
	out = append(out, parts(tTZ, true, types.ExtractTimestampTZ)...)
	out = append(out, parts(tDate, false, func(u types.Unit, name string, x int64, _ *time.Location) (types.Decimal, bool, error) {
		return types.ExtractDate(u, name, x)
	})...)
	out = append(out, parts(tTime, false, func(u types.Unit, name string, x int64, _ *time.Location) (types.Decimal, bool, error) {
		d, err := types.ExtractTime(u, name, x)
		return d, false, err
	})...)
	out = append(out, parts(tIv, false, func(u types.Unit, name string, x span, _ *time.Location) (types.Decimal, bool, error) {
		d, err := types.ExtractInterval(u, name, x)
		return d, false, err
	})...)
	return append(out,
		fn("date_trunc", ids{tText, tTS}, tTS, kernel.M2(func(*expr.CallCtx) func(string, int64) (int64, error) {
			var cache unitCache
			return func(name string, us int64) (int64, error) { return types.TruncTimestamp(cache.get(name), name, us) }
		}), "Timestamp cut to a unit"),
		stable(fn("date_trunc", ids{tText, tTZ}, tTZ, kernel.M2(func(c *expr.CallCtx) func(string, int64) (int64, error) {
			var cache unitCache
			loc := location(c)
			return func(name string, us int64) (int64, error) {
				return types.TruncTimestampTZ(cache.get(name), name, us, loc)
			}
		}), "Instant cut to a unit of local time")),
		stable(fn("date_trunc", ids{tText, tTZ, tText}, tTZ, kernel.E3(func(name string, us int64, zone string) (int64, error) {
			loc, err := types.LoadZone(zone)
			if err != nil {
				return 0, err
			}
			return types.TruncTimestampTZ(types.ParseUnit(name), name, us, loc)
		}), "Instant cut to a unit of a zone's time")),
		fn("date_trunc", ids{tText, tIv}, tIv, kernel.M2(func(*expr.CallCtx) func(string, span) (span, error) {
			var cache unitCache
			return func(name string, v span) (span, error) { return types.TruncInterval(cache.get(name), name, v) }
		}), "Interval cut to a unit"))
}
