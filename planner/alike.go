package planner

import (
	"reflect"
	"slices"

	"streamdb/expr"
	"streamdb/planner/bind"
	"streamdb/planner/logical"
)

// Alike reports whether two statements that differ in that b has parameters where
// a has constants were bound and optimised the same way: then b's plan is the one
// that a has, for any values of these parameters that do not fail to be read. The
// plans have to agree in all but constants of a in whose place b has an expression
// that stands accepts.
func Alike(a, b *BoundQuery, stands func(c *expr.Const, e expr.Expr) bool) bool {
	return reflect.DeepEqual(a.Cols, b.Cols) && slices.Equal(a.Reads, b.Reads) && reflect.DeepEqual(a.Origins, b.Origins) &&
		slices.Equal(a.ids, b.ids) && a.noSharing == b.noSharing && reflect.DeepEqual(a.meta.Cols, b.meta.Cols) && alikeNodes(a.root, b.root, stands)
}

// AlikeDML is Alike for INSERT, UPDATE and DELETE.
func AlikeDML(a, b *BoundDML, stands func(c *expr.Const, e expr.Expr) bool) bool {
	same := func(x, y expr.Expr) bool { return alikeExprs(x, y, stands) }
	return a.Table == b.Table && alikeConflict(a.Conflict, b.Conflict, same) && alikeReturning(a.Returning, b.Returning, same) && Alike(a.Rows, b.Rows, stands)
}

func alikeConflict(a, b *bind.Conflict, same func(x, y expr.Expr) bool) bool {
	if a == nil || b == nil {
		return a == b
	}
	where := (a.Where == nil) == (b.Where == nil) && (a.Where == nil || same(a.Where, b.Where))
	return where && a.Declared == b.Declared && slices.Equal(a.Key, b.Key) && slices.EqualFunc(a.Set, b.Set, same)
}

func alikeReturning(a, b *bind.Returning, same func(x, y expr.Expr) bool) bool {
	if a == nil || b == nil {
		return a == b
	}
	return reflect.DeepEqual(a.Cols, b.Cols) && slices.EqualFunc(a.Exprs, b.Exprs, same)
}

func alikeNodes(a, b logical.Node, stands func(*expr.Const, expr.Expr) bool) bool {
	if reflect.TypeOf(a) != reflect.TypeOf(b) {
		return false
	}
	same := func(x, y expr.Expr) bool { return alikeExprs(x, y, stands) }
	below := func(x, y logical.Node) bool { return alikeNodes(x, y, stands) }
	return slices.EqualFunc(logical.Exprs(a), logical.Exprs(b), same) && slices.EqualFunc(a.Inputs(), b.Inputs(), below) &&
		reflect.DeepEqual(bare(a), bare(b))
}

// bare is the node without inputs and expressions.
func bare(n logical.Node) logical.Node {
	n = logical.MapExprs(n, func(expr.Expr) expr.Expr { return nil })
	ins := make([]logical.Node, len(n.Inputs()))
	for i := range ins {
		ins[i] = &logical.SingleRow{}
	}
	return logical.WithInputs(n, ins)
}

func alikeExprs(a, b expr.Expr, stands func(*expr.Const, expr.Expr) bool) bool {
	if expr.Equal(a, b) {
		return true
	}
	if c, ok := a.(*expr.Const); ok {
		return stands(c, b)
	}
	if reflect.TypeOf(a) != reflect.TypeOf(b) || !a.Type().Equal(b.Type()) {
		return false
	}
	switch x := a.(type) {
	case *expr.Call:
		if x.Def != b.(*expr.Call).Def {
			return false
		}
	case *expr.Case:
		if y := b.(*expr.Case); len(x.Whens) != len(y.Whens) || (x.Else == nil) != (y.Else == nil) {
			return false
		}
	case *expr.And, *expr.Or, *expr.Coalesce:
	default: // leaves, and what has values of its own
		return false
	}
	return slices.EqualFunc(expr.Children(a), expr.Children(b), func(x, y expr.Expr) bool { return alikeExprs(x, y, stands) })
}
