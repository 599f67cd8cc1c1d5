package logical

import "streamdb/expr"

// Against recognises a comparison of a column with an integer constant, written
// either way round: name is the operator with the column on the left.
func Against(e expr.Expr, col ColID) (name string, k int64, ok bool) {
	call, isCall := e.(*expr.Call)
	if !isCall || len(call.Args) != 2 {
		return "", 0, false
	}
	name = call.Def.Name
	a, b := call.Args[0], call.Args[1]
	if _, isConst := a.(*expr.Const); isConst {
		a, b = b, a
		name = map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}[name]
	}
	c, isCol := a.(*expr.Col)
	v, isConst := b.(*expr.Const)
	if !isCol || !isConst || c.Index != col || v.Value.Null || !v.T.IsInteger() {
		return "", 0, false
	}
	return name, v.Value.I, name == "<" || name == "<=" || name == ">" || name == ">=" || name == "="
}
