package aggs

import (
	"math"

	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/types"
	"streamdb/vec"
)

// orderedSets lists the aggregates called with WITHIN GROUP (ORDER BY x): x is
// their last argument, the others are constant in a group. Rows where x is NULL
// are not part of the set.
func orderedSets() []*Def {
	set := func(name string, args []types.ID, ret types.ID, final setFinal, doc string) *Def {
		d := multi(name, args, ret, final, doc)
		d.OrderedSet, d.NotStrict = true, true
		return d
	}
	f8 := types.Float8
	mode := set("mode", []types.ID{types.Unknown}, types.Unknown, modeFinal, "Most frequent value")
	mode.RetOf = func(a []types.T) types.T { return a[0] }
	disc := set("percentile_disc", []types.ID{f8, types.Unknown}, types.Unknown, percentileDisc, "First value whose position reaches the fraction")
	disc.RetOf = func(a []types.T) types.T { return a[1] }
	several := func(name string, of types.ID, one setFinal) *Def {
		d := set(name, []types.ID{types.Array, of}, types.Array, each(one), "The values at several fractions")
		d.Elem, d.RetOf = f8, func(a []types.T) types.T { return types.ArrayOf(a[1]) }
		return d
	}
	return []*Def{
		set("percentile_cont", []types.ID{f8, f8}, f8, percentileCont, "Value at the fraction, interpolated"),
		set("percentile_cont", []types.ID{f8, types.Interval}, types.Interval, percentileContSpan, "Value at the fraction, interpolated"),
		disc, mode,
		several("percentile_cont", f8, percentileCont),
		several("percentile_cont", types.Interval, percentileContSpan),
		several("percentile_disc", types.Unknown, percentileDisc),
	}
}

// setFinal is Def.Final.
type setFinal = func(*expr.Ctx, []types.T, []vec.Vec, int) (types.Datum, error)

// each computes one for every fraction of an array: the result has the array's
// shape, with NULL where the fraction is NULL.
func each(one setFinal) setFinal {
	return func(ctx *expr.Ctx, args []types.T, cols []vec.Vec, n int) (types.Datum, error) {
		if n == 0 || cols[0].Null(0) || len(rowsOf(&cols[1], n)) == 0 {
			return types.NullDatum, nil
		}
		out := types.DecodeArray(types.Of(types.Float8), cols[0].Bytes(0))
		for i, p := range out.Elems {
			if p.Null {
				continue
			}
			d, err := one(ctx, args, []vec.Vec{vec.Floats([]float64{p.F}), cols[1]}, n)
			if err != nil {
				return types.NullDatum, err
			}
			out.Elems[i] = d
		}
		return out.Datum(args[1]), nil
	}
}

// rowsOf lists the rows where the last column is not NULL.
func rowsOf(v *vec.Vec, n int) []int {
	rows := make([]int, 0, n)
	for i := range n {
		if !v.Null(i) {
			rows = append(rows, i)
		}
	}
	return rows
}

// fraction reads the constant first argument; ok is false for NULL.
func fraction(v *vec.Vec) (p float64, ok bool, err error) {
	if v.N == 0 || v.Null(0) {
		return 0, false, nil
	}
	p = v.F64[0]
	if !(p >= 0 && p <= 1) {
		return 0, false, sqlerr.New(sqlerr.NumericValueOutOfRange, "percentile value %v is not between 0 and 1", p)
	}
	return p, true, nil
}

// around finds the two rows on both sides of the fraction and the weight of the second.
func around(cols []vec.Vec, n int) (lo, hi int, weight float64, ok bool, err error) {
	p, ok, err := fraction(&cols[0])
	rows := rowsOf(&cols[1], n)
	if !ok || err != nil || len(rows) == 0 {
		return 0, 0, 0, false, err
	}
	at := p * float64(len(rows)-1)
	first := math.Floor(at)
	return rows[int(first)], rows[int(math.Ceil(at))], at - first, true, nil
}

func percentileCont(_ *expr.Ctx, _ []types.T, cols []vec.Vec, n int) (types.Datum, error) {
	lo, hi, w, ok, err := around(cols, n)
	if !ok || err != nil {
		return types.NullDatum, err
	}
	a, b := cols[1].Datum(lo).F, cols[1].Datum(hi).F
	if lo == hi {
		return types.FloatDatum(a), nil
	}
	return types.FloatDatum(a + w*(b-a)), nil
}

func percentileContSpan(_ *expr.Ctx, _ []types.T, cols []vec.Vec, n int) (types.Datum, error) {
	lo, hi, w, ok, err := around(cols, n)
	if !ok || err != nil {
		return types.NullDatum, err
	}
	a, b := types.DecodeInterval(cols[1].Bytes(lo)), types.DecodeInterval(cols[1].Bytes(hi))
	if lo == hi {
		return a.Datum(), nil
	}
	d, err := b.Sub(a)
	if err == nil {
		d, err = d.Mul(w)
	}
	if err == nil {
		d, err = d.Add(a)
	}
	return d.Datum(), err
}

func percentileDisc(_ *expr.Ctx, _ []types.T, cols []vec.Vec, n int) (types.Datum, error) {
	p, ok, err := fraction(&cols[0])
	rows := rowsOf(&cols[1], n)
	if !ok || err != nil || len(rows) == 0 {
		return types.NullDatum, err
	}
	at := int(math.Ceil(p * float64(len(rows))))
	return cols[1].Datum(rows[max(at-1, 0)]), nil
}

func modeFinal(_ *expr.Ctx, args []types.T, cols []vec.Vec, n int) (types.Datum, error) {
	rows := rowsOf(&cols[0], n)
	if len(rows) == 0 {
		return types.NullDatum, nil
	}
	best, bestCount := rows[0], 0
	for i := 0; i < len(rows); {
		j := i + 1
		for j < len(rows) && types.Compare(args[0], cols[0].Datum(rows[i]), cols[0].Datum(rows[j])) == 0 {
			j++
		}
		if j-i > bestCount {
			best, bestCount = rows[i], j-i
		}
		i = j
	}
	return cols[0].Datum(best), nil
}
