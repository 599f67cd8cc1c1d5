package rule

import (
	"streamdb/expr"
	"streamdb/planner/logical"
)

// Optimize applies the rules. ctx is the environment for folding constants; nil:
// the defaults.
func Optimize(m *logical.Meta, n logical.Node) (logical.Node, error) {
	n, err := decorrelate(m, n)
	if err != nil {
		return nil, err
	}
	n = fold(n)
	n = pushDown(m, n)
	n = mergeProjects(m, n)
	return n, nil
}

// fold evaluates what is constant.
func fold(n logical.Node) logical.Node {
	return logical.MapTree(n, func(n logical.Node) logical.Node {
		return logical.MapExprs(n, expr.Fold)
	})
}
