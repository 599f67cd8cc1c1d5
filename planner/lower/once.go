package lower

import (
	"streamdb/executor/op"
	"streamdb/planner/logical"
)

// repeats finds the subplans that a SELECT computes once: those it needs in
// several places (a common table expression that is named twice) and that
// hold their rows in memory anyway: aggregates, window functions, LIMIT. What
// reads rows as they are is done again rather than kept.
type repeats struct {
	classes *logical.Classes
	rows    map[*logical.Class]*op.OnceRows
}

func repeatsOf(root logical.Node) *repeats {
	r := &repeats{rows: map[*logical.Class]*op.OnceRows{}}
	r.classes, _ = logical.ClassesOf(root)
	if !r.classes.Repeat() {
		return nil
	}
	return r
}

// worth is the class of a node to compute once; nil: it is computed where it is needed.
func (r *repeats) worth(n logical.Node) *logical.Class {
	if r == nil {
		return nil
	}
	class := r.classes.Of(n)
	if class == nil || class.Refs < 2 || len(n.Out()) == 0 {
		return nil
	}
	for in := n; ; in = in.Inputs()[0] {
		switch in.(type) {
		case *logical.Agg, *logical.Window, *logical.Limit:
			return class
		case *logical.Filter, *logical.Project:
		default:
			return nil
		}
	}
}

// lowerOnce is lower for such a node. All of its columns are computed, so that
// it is the same everywhere.
func (l *lowerer) lowerOnce(class *logical.Class, n logical.Node) (*rel, error) {
	wish := l.wish
	l.wish = nil
	r, err := l.node(n, logical.OutSet(n))
	if l.wish = wish; err != nil {
		return nil, err
	}
	out := *l.pick(r, n.Out())
	rows := l.repeats.rows[class]
	if rows == nil {
		rows = &op.OnceRows{No: len(l.repeats.rows) + 1}
		l.repeats.rows[class] = rows
	}
	out.spec = &op.Once{In: out.spec, Rows: rows}
	return &out, nil
}
