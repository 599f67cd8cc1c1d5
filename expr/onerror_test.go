package expr_test

import (
	"math/rand"
	"testing"

	"streamdb/expr"
	"streamdb/expr/exprtest"
	"streamdb/types"
	"streamdb/vec"
)

// TestErrorsGiveNull: with Ctx.OnError the rows that fail are NULL and counted,
// the others are what they are, whatever is selected.
func TestErrorsGiveNull(t *testing.T) {
	e, err := exprtest.Parse(nil, "100 / c0", types.Of(types.Int8))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewSource(1))
	for range 200 {
		n := 1 + rng.Intn(300)
		in := make([]int64, n)
		var sel []int32
		for i := range in {
			in[i] = int64(rng.Intn(1 + rng.Intn(40)))
			if rng.Intn(3) > 0 {
				sel = append(sel, int32(i))
			}
		}
		if rng.Intn(2) == 0 || len(sel) == 0 {
			sel = nil
		}
		errs := &expr.Errors{}
		out, err := e.Eval(&expr.Ctx{OnError: errs}, []vec.Vec{vec.Ints(in)}, sel, n)
		if err != nil {
			t.Fatal(err)
		}
		failed := int64(0)
		check := func(i int) {
			switch {
			case in[i] == 0:
				failed++
				if !out.Null(i) {
					t.Fatalf("row %d failed and is not NULL", i)
				}
			case out.Null(i) || out.I64[i&out.Mask()] != 100/in[i]:
				t.Fatalf("row %d of 100 / %d is wrong", i, in[i])
			}
		}
		if sel == nil {
			for i := range in {
				check(i)
			}
		}
		for _, i := range sel {
			check(int(i))
		}
		counted := int64(0)
		for _, c := range errs.Counts() {
			if counted += c.Rows; c.Code != "22012" {
				t.Fatalf("counted %+v", c)
			}
		}
		if counted != failed {
			t.Fatalf("%d rows failed, %d were counted", failed, counted)
		}
		if _, err := e.Eval(&expr.Ctx{}, []vec.Vec{vec.Ints(in)}, sel, n); (err != nil) != (failed > 0) {
			t.Fatalf("without OnError: %v, %d rows fail", err, failed)
		}
	}
}
