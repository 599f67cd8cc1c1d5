package expr_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"streamdb/expr"
	"streamdb/expr/exprtest"
	"streamdb/types"
	"streamdb/vec"
)

// programTexts are expressions that have parts in common, parts that are cheaper
// together, and parts that may fail and are guarded.
var programTexts = []string{
	"lower(c1)", "lower(c1) = 'ab'", "lower(c1) in ('a', 'id=a')", "length(c1) + c0", "length(c1) - length(replace(c1, 'a', ''))", "length(replace(c1, 'id', 'x'))",
	"(regexp_match(c1, '(&|^)id=([^&]*)'))[2]", "(regexp_match(c1, '(&|^)id=([^&]*)'))[2] is not null or lower(c1) in ('a', 'ab')", "(regexp_match(c1, 'i(d)?'))[1]",
	"(regexp_match(c1, 'id'))[1]", "(regexp_match(c1, 'id'))[2]", "c1 ~ 'id' and c0 > 0", "c1 ~ 'a+' or c0 <> 0 and 6 / c0 > 1",
	"case when lower(c1) = 'a' then 'one' when c0 > 1 then lower(c1) else (regexp_match(c1, '(&|^)id=([^&]*)'))[2] end",
	"0.908 * c0", "0.908 * c0 > 1.5", "1.5 >= c0 * 0.5", "c0 * -0.25 < 0.75", "c0 * 2.0 = 4", "c0 * 2.0 <> 3", "c0 * 3.0 = 4", "c0::numeric > 1.5", "-1 <= c0::numeric",
	"c3 * c0", "c3 > 1.5", "0.908 * c0 > c3", "c3 + 0.908 * c0",
	"extract(hour from c2) >= 8 and extract(hour from c2) <= 18", "extract(hour from c2)", "extract(year from c2) > 2000", "extract(dow from c2) < 3.5", "extract(minute from c2) * 2", "extract(hour from c2) = 0 or extract(minute from c2) < 30", "length(replace(c1, 'a', 'aé'))", "7 = extract(month from c2)",
	"split_part(c1, 'd', 1)", "split_part(c1, 'd', 2)", "split_part(c1, 'd', 4) = ''", "split_part(c1, '', 1)", "split_part(c1, '', 2)", "split_part(c1, 'id', 2)", "split_part(c1, 'd', -1)",
	"case lower(c1) when 'a' then 1 when 'ab' then 2 when 'a' then 3 end", "case c1 when 'id' then 'x' when '' then c1 when 'a' then null when 'id=a' then lower(c1) else 'none' end",
	"case c0 when 0 then -1 when 1 then 6 / c0 when 2 then length(c1) else 12 / c0 end", "case when c0 = 1 then 'one' when c0 = 2 then 'two' when c0 > 2 then 'more' end",
	"case c0 when 1 then 1 when 2 then 2 when 3 then 3 when 4 then 4 when 5 then 5 when 6 then 6 when 0 then 0 when -1 then -1 when 1 then 7 when -2 then -2 end",
	"c1 in ('a', 'b', 'ab', 'id', 'id=a', '', 'c', 'd', 'e', 'f')", "c1 not in ('a', null)", "upper(c1) <> 'ID'", "c0 % 3", "c0 / 2", "mod(c0, 5) = 1", "c1 = 'id'",
	"case when c0 = 0 then -1 else 6 / c0 end", "6 / c0", "c0 <> 0 and 6 / c0 > 1", "6 / c0 > 1 or 6 / c0 < -1", "coalesce(6 / nullif(c0, 0), length(c1))",
}

// TestProgram: what was prepared has the results of what it was made of, and fails
// only where that does.
func TestProgram(t *testing.T) {
	cols := []types.T{types.Of(types.Int8), types.Of(types.Text), types.Of(types.Timestamp), types.Of(types.Numeric)}
	var all []expr.Expr
	for _, text := range programTexts {
		e, err := exprtest.Parse(nil, text, cols...)
		if err != nil {
			t.Fatal(text, err)
		}
		all = append(all, e)
	}
	ctx := &expr.Ctx{}
	rapid.Check(t, func(rt *rapid.T) {
		var es []expr.Expr
		for range rapid.IntRange(1, 6).Draw(rt, "expressions") {
			es = append(es, rapid.SampledFrom(all).Draw(rt, "expression"))
		}
		p := expr.Prepare(append([]expr.Expr{nil}, es...)...)
		if p.Exprs[0] != nil {
			rt.Fatal("no condition became one")
		}
		for range 2 { // batches
			n := rapid.IntRange(1, 90).Draw(rt, "rows")
			in := drawProgramCols(rt, cols, n)
			for k, e := range es {
				var sel []int32
				if rapid.Bool().Draw(rt, "some") {
					sel = []int32{}
					for i := range n {
						if rapid.Bool().Draw(rt, "row") {
							sel = append(sel, int32(i))
						}
					}
				}
				want, err := e.Eval(ctx, in, sel, n)
				if err != nil {
					continue
				}
				got, err := p.Exprs[k+1].Eval(ctx, in, sel, n)
				if err != nil {
					rt.Fatalf("%s as %s: %v", e, p.Exprs[k+1], err)
				}
				for i := range n {
					if sel != nil && !containsRow(sel, i) {
						continue
					}
					if a, b := datumText(e.Type(), &want, i), datumText(e.Type(), &got, i); a != b {
						rt.Fatalf("%s as %s, row %d: %s, want %s", e, p.Exprs[k+1], i, b, a)
					}
				}
			}
			p.Next()
		}
	})
}

// TestProgramNarrow: going on with some rows of a batch gives what they gave in it, and
// what had been computed of parts in common stays right.
func TestProgramNarrow(t *testing.T) {
	cols := []types.T{types.Of(types.Int8), types.Of(types.Text), types.Of(types.Timestamp), types.Of(types.Numeric)}
	var all []expr.Expr
	for _, text := range programTexts {
		e, err := exprtest.Parse(nil, text, cols...)
		if err != nil {
			t.Fatal(text, err)
		}
		all = append(all, e)
	}
	ctx := &expr.Ctx{}
	rapid.Check(t, func(rt *rapid.T) {
		var es []expr.Expr
		for range rapid.IntRange(1, 6).Draw(rt, "expressions") {
			es = append(es, rapid.SampledFrom(all).Draw(rt, "expression"))
		}
		p, before := expr.Prepare(es...), rapid.IntRange(0, len(es)-1).Draw(rt, "before")
		for range 2 { // batches
			n := rapid.IntRange(1, 90).Draw(rt, "rows")
			in := drawProgramCols(rt, cols, n)
			rows := func(of []int32) []int32 {
				out := []int32{}
				for _, i := range of {
					if rapid.Bool().Draw(rt, "row") {
						out = append(out, i)
					}
				}
				return out
			}
			sel := make([]int32, n)
			for i := range sel {
				sel[i] = int32(i)
			}
			for _, e := range p.Exprs[:before] {
				if rapid.Bool().Draw(rt, "some") {
					sel = rows(sel)
				}
				if _, err := e.Eval(ctx, in, sel, n); err != nil {
					break
				}
			}
			if sel = rows(sel); len(sel) == 0 {
				p.Next()
				continue
			}
			narrowed := p.Narrow(before, in, sel, n)
			for k, e := range es[before:] {
				want, err := e.Eval(ctx, in, sel, n)
				if err != nil {
					continue
				}
				got, err := p.Exprs[before+k].Eval(ctx, narrowed, nil, len(sel))
				if err != nil {
					rt.Fatalf("%s as %s: %v", e, p.Exprs[before+k], err)
				}
				if got.N != len(sel) {
					rt.Fatalf("%s as %s: %d rows of %d", e, p.Exprs[before+k], got.N, len(sel))
				}
				for j, i := range sel {
					if a, b := datumText(e.Type(), &want, int(i)), datumText(e.Type(), &got, j); a != b {
						rt.Fatalf("%s as %s, row %d: %s, want %s", e, p.Exprs[before+k], i, b, a)
					}
				}
			}
			p.Next()
		}
	})
}

// TestProgramShares: what expressions have in common is computed once.
func TestProgramShares(t *testing.T) {
	calls := 0
	def := &expr.Def{Name: "counted", Args: []types.ID{types.Int8}, Ret: types.Int8, Eval: func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		calls++
		return args[0], nil
	}}
	col := &expr.Col{T: types.Of(types.Int8)}
	call := func() expr.Expr { return &expr.Call{Def: def, Args: []expr.Expr{col}, T: types.Of(types.Int8)} }
	p := expr.Prepare(call(), &expr.Coalesce{Args: []expr.Expr{call(), call()}, T: types.Of(types.Int8)})
	for batch := range 3 {
		for _, sel := range [][]int32{nil, {0, 2}} {
			for _, e := range p.Exprs {
				if _, err := e.Eval(&expr.Ctx{}, []vec.Vec{vec.Ints([]int64{1, 2, 3})}, sel, 3); err != nil {
					t.Fatal(err)
				}
			}
		}
		p.Next()
		if calls != batch+1 {
			t.Fatalf("%d calls for %d batches", calls, batch+1)
		}
	}
}

func containsRow(sel []int32, i int) bool {
	for _, r := range sel {
		if int(r) == i {
			return true
		}
	}
	return false
}

func datumText(t types.T, v *vec.Vec, i int) string {
	if v.Null(i) {
		return "NULL"
	}
	return string(types.AppendText(nil, t, v.Datum(i), &types.Env{}))
}

func drawProgramCols(rt *rapid.T, cols []types.T, n int) []vec.Vec {
	in := make([]vec.Vec, len(cols))
	for k, ty := range cols {
		b := vec.NewBuilder(ty.Layout(), n)
		for range n {
			d := types.NullDatum
			if rapid.IntRange(0, 5).Draw(rt, "null") != 0 {
				switch ty.ID {
				case types.Int8:
					d = types.IntDatum(rapid.SampledFrom([]int64{-3, -2, -1, 0, 1, 2, 3, 1 << 62, -1 << 63}).Draw(rt, "i"))
				case types.Text:
					d = types.BytesDatum(rapid.SampledFrom([]string{"", "A", "ab", "id", "id=a", "&id=xyz&b", "aid=c", "éa", "x&id="}).Draw(rt, "s"))
				case types.Timestamp:
					d = types.IntDatum(rapid.OneOf(rapid.Int64Range(-1e15, 1e15), rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64, 1 << 60, 1 << 61})).Draw(rt, "t"))
				default:
					d = types.DecimalOfScaled(rapid.Int64Range(-5, 5).Draw(rt, "n"), 1).Datum()
				}
			}
			b.AppendDatum(d)
		}
		in[k] = b.Vec()
	}
	return in
}
