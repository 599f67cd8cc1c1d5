package bind

import (
	"strconv"

	"streamdb/expr"
	"streamdb/expr/casts"
	"streamdb/internal/sqlerr"
	"streamdb/planner/logical"
	"streamdb/sql/ast"
	"streamdb/types"
)

// The functions that stand behind SQL's special forms.
const (
	arrayFunc     = "array"
	rowFunc       = "row"
	subscriptFunc = "subscript"
	sliceFunc     = "slice"
	fieldFunc     = "field"
)

func itoa(i int) string { return strconv.Itoa(i) }

// arrayOf is ARRAY[args], all of type elem.
func (b *Binder) arrayOf(args []expr.Expr, elem types.T, n ast.Node) (expr.Expr, error) {
	t := elem
	if elem.ID != types.Array {
		if elem.ArrayOID() == 0 {
			return nil, b.errAt(n, sqlerr.UndefinedObject, "could not find array type for data type %s", elem)
		}
		t = types.ArrayOf(elem)
	}
	if len(args) == 0 {
		d, err := types.ParseText(t, "{}", nil)
		return &expr.Const{Value: d, T: t}, err
	}
	x, err := b.applyFunc(n, arrayFunc, args...)
	if err != nil {
		return nil, err
	}
	x.(*expr.Call).T = t
	return x, nil
}

// makeRow is ROW(args) with the field names of t.
func (b *Binder) makeRow(args []expr.Expr, t types.T, n ast.Node) (expr.Expr, error) {
	x, err := b.applyFunc(n, rowFunc, args...)
	if err != nil {
		return nil, err
	}
	x.(*expr.Call).T = t
	return x, nil
}

// makeField is (row).field.
func (b *Binder) makeField(x expr.Expr, field string, n ast.Node) (expr.Expr, error) {
	t := x.Type()
	if t.ID != types.Record {
		return nil, b.errAt(n, sqlerr.WrongObjectType, "column notation .%s applied to type %s, which is not a composite type", field, bare(t))
	}
	for i, f := range t.Fields {
		if f.Name == field {
			call, ok := x.(*expr.Call)
			if ok && call.Def.Name == rowFunc && len(call.Args) == len(t.Fields) {
				return call.Args[i], nil
			}
			out, err := b.applyFunc(n, fieldFunc, x, intConst(int64(i), types.Of(types.Int4)))
			if err != nil {
				return nil, err
			}
			out.(*expr.Call).T = f.Type
			return out, nil
		}
	}
	return nil, b.errAt(n, sqlerr.UndefinedColumn, "could not identify column \"%s\" in record data type", field)
}

// logicalKey is a text equal for equal aggregate calls.
func logicalKey(it logical.AggItem) string {
	s := it.Def
	for _, a := range it.Args {
		s += "," + itoa(a)
	}
	s += ";" + itoa(it.Filter)
	if it.Distinct {
		s += ";distinct"
	}
	for _, k := range it.OrderBy {
		s += ";" + itoa(k.Col)
		if k.Desc {
			s += "d"
		}
		if k.NullsFirst {
			s += "n"
		}
	}
	return s
}

// columnName is the name that Postgres gives to a column of a select list.
func columnName(e ast.Expr) string {
	if n, _ := figureName(e); n != "" {
		return n
	}
	return "?column?"
}

// figureName follows FigureColnameInternal: strength 2 is a name proper, 1 a weak one.
func figureName(e ast.Expr) (string, int) {
	switch e := e.(type) {
	case *ast.ColumnRef:
		return e.Parts[len(e.Parts)-1], 2
	case *ast.FieldSelect:
		if !e.Star {
			return e.Field, 2
		}
	case *ast.Subscript:
		return figureName(e.Expr)
	case *ast.FuncCall:
		return e.Name.Base(), 2
	case *ast.Collate:
		return figureName(e.Expr)
	case *ast.Cast:
		if n, s := figureName(e.Expr); s == 2 {
			return n, s
		}
		return typname(e.Type), 1
	case *ast.TypedLit:
		return typname(e.Type), 1
	case *ast.Case:
		if e.Else != nil {
			if n, s := figureName(e.Else); s == 2 {
				return n, s
			}
		}
		return "case", 1
	case *ast.ArrayExpr, *ast.ArraySubquery:
		return "array", 2
	case *ast.RowExpr:
		return "row", 2
	case *ast.Exists:
		return "exists", 2
	case *ast.AtTimeZone:
		return "timezone", 2
	case *ast.Subquery:
		if sel, ok := e.Query.Body.(*ast.Select); ok && len(sel.Targets) > 0 {
			if a := sel.Targets[0].Alias; a != "" {
				return a, 2
			}
			return figureName(sel.Targets[0].Expr)
		}
	}
	return "", 0
}

func typname(t *ast.TypeName) string {
	if x, ok := types.Lookup(t.Name); ok {
		return x.Typname()
	}
	return t.Name
}

// applyAnyAll is x op ANY|ALL (array).
func (b *Binder) applyAnyAll(n ast.Node, op string, all bool, x, arr expr.Expr) (expr.Expr, error) {
	if isUnknown(arr.Type()) && !isUnknown(x.Type()) {
		var err error
		if arr, err = b.coerce(arr, types.ArrayOf(bare(x.Type())), casts.Implicit, n); err != nil {
			return nil, err
		}
	}
	if elem, ok := arr.Type().ElemType(); ok && elem.ID == types.Text && (x.Type().ID == types.Char || x.Type().ID == types.Name) {
		var err error // relkind = ANY (ARRAY['r', 'v']) compares texts
		if x, err = b.coerce(x, types.Of(types.Text), casts.Implicit, n); err != nil {
			return nil, err
		}
	}
	if op == "!=" {
		op = "<>"
	}
	if all {
		return b.applyOp(n, op+" all", x, arr)
	}
	return b.applyOp(n, op+" any", x, arr)
}
