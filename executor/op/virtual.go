package op

import (
	"streamdb/executor"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/types"
)

// Virtual reads a system table that engine computes from the catalog and the
// running jobs (Env.Sys); bounded runs only.
type Virtual struct {
	Schema_ string // "pg_catalog", "information_schema", "streamdb"
	Name    string
	Cols    []int
	Out     types.Schema
}

// Kind is "Virtual".
func (*Virtual) Kind() string { return "Virtual" }

// Inputs is empty.
func (*Virtual) Inputs() []executor.Spec { return nil }

// Schema is the columns read.
func (v *Virtual) Schema() types.Schema { return v.Out }

// State is empty.
func (*Virtual) State() []storage.TableDef { return nil }

// Explain names the relation.
func (v *Virtual) Explain() string {
	names := make([]int, len(v.Out))
	for i := range names {
		names[i] = i
	}
	return v.Schema_ + "." + v.Name + " " + colList(v.Out, names)
}

// Open asks engine for the rows.
func (v *Virtual) Open(ctx *executor.OpenCtx) (executor.Operator, error) {
	env := envOf(ctx)
	if !ctx.Bounded || env.Sys == nil {
		return nil, sqlerr.Unsupported("reading %s.%s in a materialized view", v.Schema_, v.Name)
	}
	rows, err := env.Sys.Open(ctx, v.Schema_, v.Name, v.Cols)
	if err != nil {
		return nil, err
	}
	return &virtualScan{rows: rows}, nil
}

type virtualScan struct {
	leaf
	rows Rows
}

// Wake is nil: a scan never waits.
func (*virtualScan) Wake() <-chan struct{} { return nil }

func (s *virtualScan) Close() error { return s.rows.Close() }

// Poll emits one batch.
func (s *virtualScan) Poll(ctx *executor.Ctx, out executor.Emitter) (bool, error) {
	b, err := s.rows.Next(ctx)
	if err != nil || b == nil {
		return false, err
	}
	return true, out.Emit(b)
}
