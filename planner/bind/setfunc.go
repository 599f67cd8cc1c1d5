package bind

import (
	"strings"

	"streamdb/expr"
	"streamdb/expr/casts"
	"streamdb/internal/sqlerr"
	"streamdb/planner/logical"
	"streamdb/sql/ast"
	"streamdb/types"
)

// setOverload is one overload of a set-returning function.
type setOverload struct {
	args []types.T
	min  int // arguments needed
	ret  types.T
}

func arrayT(id types.ID) types.T { return types.ArrayOf(types.Of(id)) }

// setFuncs are the set-returning functions that op.ProjectSet knows. unnest
// and generate_subscripts are polymorphic and handled below.
var setFuncs = map[string][]setOverload{
	"generate_series": {
		{[]types.T{types.Of(types.Int4), types.Of(types.Int4), types.Of(types.Int4)}, 2, types.Of(types.Int4)},
		{[]types.T{types.Of(types.Int8), types.Of(types.Int8), types.Of(types.Int8)}, 2, types.Of(types.Int8)},
		{[]types.T{types.Of(types.Numeric), types.Of(types.Numeric), types.Of(types.Numeric)}, 2, types.Of(types.Numeric)},
		{[]types.T{types.Of(types.Timestamp), types.Of(types.Timestamp), types.Of(types.Interval)}, 3, types.Of(types.Timestamp)},
		{[]types.T{types.Of(types.TimestampTZ), types.Of(types.TimestampTZ), types.Of(types.Interval)}, 3, types.Of(types.TimestampTZ)},
	},
	"regexp_matches":            {{[]types.T{types.Of(types.Text), types.Of(types.Text), types.Of(types.Text)}, 2, arrayT(types.Text)}},
	"regexp_split_to_table":     {{[]types.T{types.Of(types.Text), types.Of(types.Text), types.Of(types.Text)}, 2, types.Of(types.Text)}},
	"string_to_table":           {{[]types.T{types.Of(types.Text), types.Of(types.Text), types.Of(types.Text)}, 2, types.Of(types.Text)}},
	"jsonb_array_elements":      {{[]types.T{types.Of(types.Jsonb)}, 1, types.Of(types.Jsonb)}},
	"jsonb_array_elements_text": {{[]types.T{types.Of(types.Jsonb)}, 1, types.Of(types.Text)}},
	"jsonb_object_keys":         {{[]types.T{types.Of(types.Jsonb)}, 1, types.Of(types.Text)}},
	"pg_partition_ancestors":    {{[]types.T{types.Of(types.Regclass)}, 1, types.Of(types.Regclass)}},
	"unnest":                    nil,
	"generate_subscripts":       nil,
	"jsonb_each":                nil,
	"jsonb_each_text":           nil,
	"_pg_expandarray":           nil,
	"pg_options_to_table":       nil,
	"pg_get_keywords":           nil,
}

// recordSets are the set-returning functions with several columns.
var recordSets = map[string]func(args []types.T) []types.Field{
	"jsonb_each": func([]types.T) []types.Field {
		return []types.Field{{Name: "key", Type: types.Of(types.Text)}, {Name: "value", Type: types.Of(types.Jsonb)}}
	},
	"jsonb_each_text": func([]types.T) []types.Field {
		return []types.Field{{Name: "key", Type: types.Of(types.Text)}, {Name: "value", Type: types.Of(types.Text)}}
	},
	"pg_options_to_table": func([]types.T) []types.Field {
		return []types.Field{{Name: "option_name", Type: types.Of(types.Text)}, {Name: "option_value", Type: types.Of(types.Text)}}
	},
	"pg_get_keywords": func([]types.T) []types.Field {
		return []types.Field{{Name: "word", Type: types.Of(types.Text)}, {Name: "catcode", Type: types.Of(types.Char)},
			{Name: "catdesc", Type: types.Of(types.Text)}}
	},
}

func isSetFunc(name string) bool { _, ok := setFuncs[name]; return ok }

// setCall binds a set-returning function in a select list.
func (c *exprCtx) setCall(e *ast.FuncCall, name string) (expr.Expr, error) {
	b := c.b
	if !c.sets {
		return nil, b.errAt(e, sqlerr.FeatureNotSupported, "set-returning functions are not allowed in %s", c.clause)
	}
	call, t, err := c.bindSet(e, name)
	if err != nil {
		return nil, err
	}
	call.Col = b.Meta.New(name, t)
	c.setCols.Add(call.Col)
	c.later(func(n logical.Node) (logical.Node, error) {
		// Calls of one select list that do not feed each other run in lock step.
		if p, ok := n.(*logical.ProjectSet); ok && c.setCols.Has(p.Calls[0].Col) && logical.Cols(call.Args...).Subset(logical.OutSet(p.In)) {
			q := *p
			q.Calls = append(append([]logical.SetCall(nil), p.Calls...), call)
			return &q, nil
		}
		return &logical.ProjectSet{In: n, Calls: []logical.SetCall{call}}, nil
	})
	return b.Meta.Ref(call.Col), nil
}

// bindSet binds the arguments and finds the overload.
func (c *exprCtx) bindSet(e *ast.FuncCall, name string) (logical.SetCall, types.T, error) {
	b := c.b
	call := logical.SetCall{Func: name}
	args, err := c.binds(e.Args)
	if err != nil {
		return call, types.T{}, err
	}
	switch name {
	case "_pg_expandarray":
		if len(args) == 1 {
			if elem, ok := args[0].Type().ElemType(); ok {
				call.Args = args
				return call, types.T{ID: types.Record, Fields: []types.Field{{Name: "x", Type: elem}, {Name: "n", Type: types.Of(types.Int4)}}}, nil
			}
		}
	case "pg_options_to_table":
		if len(args) == 1 {
			if args[0], err = b.coerce(args[0], arrayT(types.Text), casts.Implicit, e); err != nil {
				return call, types.T{}, err
			}
			call.Args = args
			return call, types.T{ID: types.Record, Fields: recordSets[name](nil)}, nil
		}
	case "pg_get_keywords":
		if len(args) == 0 {
			words, err := types.ParseText(arrayT(types.Text), "{"+strings.Join(ast.ReservedWords(), ",")+"}", nil)
			if err != nil {
				return call, types.T{}, err
			}
			call.Args = []expr.Expr{&expr.Const{Value: words, T: arrayT(types.Text)}}
			return call, types.T{ID: types.Record, Fields: recordSets[name](nil)}, nil
		}
	case "unnest":
		if len(args) == 1 {
			if args[0], err = b.known(args[0], e); err != nil {
				return call, types.T{}, err
			}
			if elem, ok := args[0].Type().ElemType(); ok {
				call.Args = args
				return call, elem, nil
			}
		}
	case "generate_subscripts":
		if len(args) == 2 {
			if _, ok := args[0].Type().ElemType(); ok {
				if args[1], err = b.coerce(args[1], types.Of(types.Int4), casts.Implicit, e); err != nil {
					return call, types.T{}, err
				}
				call.Args = args
				return call, types.Of(types.Int4), nil
			}
		}
	case "jsonb_each", "jsonb_each_text":
		if len(args) == 1 {
			if args[0], err = b.coerce(args[0], types.Of(types.Jsonb), casts.Implicit, e); err != nil {
				return call, types.T{}, err
			}
			call.Args = args
			return call, types.T{ID: types.Record, Fields: recordSets[name](nil)}, nil
		}
	}
	for _, o := range setFuncs[name] {
		if len(args) < o.min || len(args) > len(o.args) {
			continue
		}
		ok := true
		for i, a := range args {
			ok = ok && casts.CanCoerce(a.Type(), o.args[i], casts.Implicit)
		}
		if !ok {
			continue
		}
		for i := range args {
			if args[i], err = b.coerce(args[i], o.args[i], casts.Implicit, e); err != nil {
				return call, types.T{}, err
			}
		}
		call.Args = args
		return call, o.ret, nil
	}
	sig := ""
	for i, a := range args {
		if i > 0 {
			sig += ", "
		}
		sig += bare(a.Type()).String()
	}
	return call, types.T{}, b.errAt(e, sqlerr.UndefinedFunction, "function %s(%s) does not exist", name, sig).
		WithHint("No function matches the given name and argument types. You might need to add explicit type casts.")
}
