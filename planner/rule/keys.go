package rule

import "streamdb/planner/logical"

// rewrite applies the rules that save operators and state by what is known of
// keys and equalities.
func rewrite(m *logical.Meta, n logical.Node) logical.Node {
	n = dropUnread(dropUnused(n))
	return logical.MapTree(n, func(n logical.Node) logical.Node {
		n = extremeRows(m, n)
		n = groupKeys(m, n)
		return distinct(m, n)
	})
}
