package funcs

import (
	"fmt"
	"testing"

	"streamdb/expr"
	"streamdb/types"
)

func TestSmoke(t *testing.T) {
	lit := func(s string) expr.Expr { return &expr.Const{Value: types.BytesDatum(s), T: types.Of(types.Unknown)} }
	i4 := func(i int64) expr.Expr { return &expr.Const{Value: types.IntDatum(i), T: types.Of(types.Int4)} }
	for _, e := range []func() (expr.Expr, error){
		func() (expr.Expr, error) { return BindOperator(nil, "+", i4(1), lit("2")) },
		func() (expr.Expr, error) { return BindOperator(nil, "+", i4(1), i4(2147483647)) },
		func() (expr.Expr, error) { return BindOperator(nil, "<", i4(1), lit("2")) },
		func() (expr.Expr, error) { return BindOperator(nil, "||", lit("a"), i4(2)) },
		func() (expr.Expr, error) { return BindOperator(nil, "||", lit("a"), lit("b")) },
		func() (expr.Expr, error) { return BindOperator(nil, "+", lit("a"), lit("b")) },
		func() (expr.Expr, error) { return Bind(nil, "lower", []expr.Expr{lit("ABC")}) },
		func() (expr.Expr, error) { return Bind(nil, "length", []expr.Expr{lit("ABC")}) },
		func() (expr.Expr, error) { return Bind(nil, "substr", []expr.Expr{lit("ABC"), i4(2)}) },
		func() (expr.Expr, error) { return Bind(nil, "nope", []expr.Expr{lit("ABC"), i4(2)}) },
		func() (expr.Expr, error) { return Bind(nil, "nullif", []expr.Expr{lit("3"), i4(3)}) },
	} {
		x, err := e()
		if err != nil {
			fmt.Println("ERR", err)
			continue
		}
		d, err := expr.EvalRow(&expr.Ctx{}, x)
		fmt.Println(x, x.Type(), d, err)
	}
}
