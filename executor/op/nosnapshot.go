package op

import (
	"streamdb/executor"
	"streamdb/expr"
	"streamdb/internal/sqlerr"
)

// WithoutSnapshot makes a job that was just planned begin with the changes of
// the next epoch: what its upstreams hold now is not read. Only a plan without
// state can do so: others would get deletes of rows that they have never seen.
func WithoutSnapshot(p *executor.Plan) error {
	for i := range p.Fragments {
		root, err := skipSnapshot(p.Fragments[i].Root)
		if err != nil {
			return err
		}
		p.Fragments[i].Root = root
	}
	return nil
}

func skipSnapshot(s executor.Spec) (executor.Spec, error) {
	var err error
	switch s := s.(type) {
	case *executor.Input:
		return s, nil
	case *Calc:
		s.In, err = skipSnapshot(s.In)
		return s, err
	case *SinkInto:
		s.In, err = skipSnapshot(s.In)
		return s, err
	case *Backfill:
		c := &Calc{In: s.In, Out: s.Out}
		for _, at := range s.Cols {
			c.Exprs = append(c.Exprs, &expr.Col{Index: at, T: s.Table.Cols[at].Type})
		}
		return c, nil
	case *PartialAgg:
		return nil, notPassing(&HashAgg{})
	}
	return nil, notPassing(s)
}

func notPassing(s executor.Spec) error {
	return sqlerr.Unsupported("snapshot = 'false' for a query with %s", s.Kind()).
		WithHint("It works for conditions and projections of one table or view.")
}
