package lower

import (
	"streamdb/executor"
	"streamdb/executor/op"
	"streamdb/planner/logical"
	"streamdb/types"
)

// Bounded lowers a plan to fragments for executor.RunBoundedPlan, the last of
// which gives the columns ids, under the names and types of out. The others are
// what is needed in several places.
func Bounded(m *logical.Meta, root logical.Node, ids []logical.ColID, out types.Schema, opt Options) (*executor.Plan, error) {
	return share(m, root, false, opt, func(l *lowerer) (*executor.Plan, error) {
		r, err := l.lower(root, logical.SetOf(ids...))
		if err != nil {
			return nil, err
		}
		l.end(l.output(r, ids, out))
		return &executor.Plan{Fragments: l.frags}, nil
	})
}

// output makes the columns exactly ids, repeats allowed, under given names.
func (l *lowerer) output(r *rel, ids []logical.ColID, out types.Schema) *rel {
	same := len(ids) == len(r.cols)
	have := r.spec.Schema()
	for i := range ids {
		same = same && r.cols[i] == ids[i] && have[i].Name == out[i].Name
	}
	if same {
		return r
	}
	if len(ids) == 0 {
		return r
	}
	res := l.calc(r, nil, logical.Pass(l.meta, ids))
	c := *res.spec.(*op.Calc)
	c.Out = out
	res.spec = &c
	return res
}
