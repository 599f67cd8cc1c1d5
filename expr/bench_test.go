package expr_test

import (
	"testing"

	"streamdb/expr"
	"streamdb/expr/exprtest"
	"streamdb/types"
	"streamdb/vec"
)

const benchRows = 4096

func benchCols() []vec.Vec {
	a, b, f := make([]int64, benchRows), make([]int64, benchRows), make([]float64, benchRows)
	s := vec.NewBuilder(types.LBytes, benchRows)
	for i := range a {
		a[i], b[i], f[i] = int64(i*7919%1000), int64(i%100), float64(i)
		s.AppendString([]string{"open", "closed", "pending"}[i%3])
	}
	return []vec.Vec{vec.Ints(a), vec.Ints(b), vec.Floats(f), s.Vec()}
}

var benchTypes = []types.T{types.Of(types.Int8), types.Of(types.Int8), types.Of(types.Float8), types.Of(types.Text)}

func bench(b *testing.B, sql string, filter bool) {
	ctx := &expr.Ctx{}
	e, err := exprtest.Parse(ctx, sql, benchTypes...)
	if err != nil {
		b.Fatal(err)
	}
	e = expr.Fold(e)
	cols := benchCols()
	buf := make([]int32, benchRows)
	b.ReportAllocs()
	for b.Loop() {
		if filter {
			_, err = expr.FilterSel(ctx, e, cols, nil, benchRows, buf)
		} else {
			_, err = e.Eval(ctx, cols, nil, benchRows)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(benchRows*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

func BenchmarkFilterIntConst(b *testing.B)  { bench(b, "c0 < 500", true) }
func BenchmarkFilterAnd(b *testing.B)       { bench(b, "c0 < 500 and c1 >= 50", true) }
func BenchmarkFilterTextEqual(b *testing.B) { bench(b, "c3 = 'open'", true) }
func BenchmarkFilterLike(b *testing.B)      { bench(b, "c3 like 'o%'", true) }
func BenchmarkCompareConst(b *testing.B)    { bench(b, "c0 < 500", false) }
func BenchmarkCompareCols(b *testing.B)     { bench(b, "c0 < c1", false) }
func BenchmarkAddConst(b *testing.B)        { bench(b, "c0 + 1", false) }
func BenchmarkAddCols(b *testing.B)         { bench(b, "c0 + c1", false) }
func BenchmarkMulCols(b *testing.B)         { bench(b, "c0 * c1", false) }
func BenchmarkFloatMul(b *testing.B)        { bench(b, "c2 * 0.9::float8", false) }
func BenchmarkNumericMul(b *testing.B)      { bench(b, "c0 * 0.9", false) }
func BenchmarkCase(b *testing.B)            { bench(b, "case when c0 < 500 then c1 else c0 end", false) }
