package op

import (
	"streamdb/executor"
	"streamdb/expr"
	"streamdb/internal/sqlerr"
)

// WithoutSnapshot makes a job that does not run begin with the changes of the next
// epoch: what its upstreams hold now is not read. Only a plan without state can do
// so: others would get deletes of rows that they have never seen. That is the
// error, which names the option that asked for it.
func WithoutSnapshot(p *executor.Plan, option string) error {
	for i := range p.Fragments {
		root, err := skipSnapshot(p.Fragments[i].Root)
		if other, ok := err.(notPassing); ok {
			return sqlerr.Unsupported("%s for a query with %s", option, other.kind).
				WithHint("It works for conditions and projections of tables and views.")
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
	case *Union:
		for i := 0; i < len(s.Ins) && err == nil; i++ {
			s.Ins[i], err = skipSnapshot(s.Ins[i])
		}
		return s, err
	case *Sink:
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
		return nil, notPassing{"HashAgg"}
	}
	return nil, notPassing{s.Kind()}
}

// notPassing is the kind of an operator that does not just pass changes on.
type notPassing struct{ kind string }

func (e notPassing) Error() string { return e.kind + " has state" }
