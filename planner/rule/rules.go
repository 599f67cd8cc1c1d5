package rule

import (
	"streamdb/expr"
	"streamdb/planner/logical"
)

// Optimize applies the rules to a tree and to the common queries that it reads.
func Optimize(m *logical.Meta, n logical.Node, stats Stats) (logical.Node, error) {
	for _, q := range logical.CommonQueries(n) {
		if q.Optimized {
			continue
		}
		root, err := optimize(m, q.Root, stats)
		if err != nil {
			return nil, err
		}
		q.Root, q.Optimized = root, true
	}
	return optimize(m, n, stats)
}

func optimize(m *logical.Meta, n logical.Node, stats Stats) (logical.Node, error) {
	n, err := decorrelate(m, n)
	if err != nil {
		return nil, err
	}
	n = fold(n)
	n = pushDown(m, n, stats)
	n = prune(m, fold(n))
	if !stats.NoRewrites {
		n = rewrite(m, n)
	}
	n = mergeProjects(m, n)
	return n, nil
}

// fold evaluates what is constant.
func fold(n logical.Node) logical.Node {
	return logical.MapTree(n, func(n logical.Node) logical.Node {
		return logical.MapExprs(n, expr.Fold)
	})
}
