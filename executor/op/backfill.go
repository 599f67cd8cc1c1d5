package op

import (
	"streamdb/executor"
	"streamdb/storage"
	"streamdb/types"
)

// Backfill gives a new job the existing rows of a stored upstream and then its
// changes, exactly once each: it reads a snapshot in key order, a bounded slice
// at a time, while live changes to the part already read pass through and those
// to the rest are kept until that part is read. Progress is state.
//
//	vnode 'p' -> position (last key read) or done; rows read so far
type Backfill struct {
	In     executor.Spec // an executor.Input of the upstream job, carrying all of Table.Cols
	Name   string
	Table  RowTable
	Cols   []int // columns passed on, by position in Table.Cols
	Out    types.Schema
	State_ TableRef
	// After names, by their state tables, the backfills of the same job that must
	// be done before this one begins.
	After []storage.TableID `json:",omitempty"`
	Tell  bool              // send stream.AllRead behind the last existing row
}

// Kind is "Backfill".
func (*Backfill) Kind() string { return "Backfill" }

// Inputs is the live changes of the upstream.
func (b *Backfill) Inputs() []executor.Spec { return []executor.Spec{b.In} }

// Schema is the columns of Cols.
func (b *Backfill) Schema() types.Schema { return b.Out }

// State is the progress.
func (b *Backfill) State() []storage.TableDef { return tables(b.State_) }

// Explain names the upstream.
func (b *Backfill) Explain() string { return b.Name + " " + colList(b.Table.Cols, b.Cols) }

// Open makes the operator.
func (s *Backfill) Open(ctx *executor.OpenCtx) (executor.Operator, error) {
	return openBackfill(s, ctx)
}
