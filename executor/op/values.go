package op

import (
	"fmt"

	"streamdb/executor"
	"streamdb/expr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// Values is a finite list of rows, each a list of expressions without columns.
// In a job it emits its rows once, in its first epoch, and remembers that in
// its state table (one row):
//
//	"" -> 1
type Values struct {
	Rows  [][]expr.Expr
	Out   types.Schema
	Table TableRef // used in a job only
}

// Kind implements executor.Spec.
func (s *Values) Kind() string { return "Values" }

// Inputs implements executor.Spec.
func (s *Values) Inputs() []executor.Spec { return nil }

// Schema implements executor.Spec.
func (s *Values) Schema() types.Schema { return s.Out }

// State implements executor.Spec.
func (s *Values) State() []storage.TableDef { return tables(s.Table) }

// Explain implements executor.Spec.
func (s *Values) Explain() string {
	if len(s.Rows) == 1 {
		return "row: " + exprList(s.Rows[0])
	}
	return fmt.Sprintf("rows: %d", len(s.Rows))
}

// Open implements executor.Spec. Only the first instance emits.
func (s *Values) Open(ctx *executor.OpenCtx) (executor.Operator, error) {
	v := &values{spec: s, done: ctx.Instance != 0}
	if !ctx.Bounded && !v.done {
		v.table = ctx.Table(s.Table)
		got, err := v.table.Get(0, nil)
		if err != nil {
			return nil, err
		}
		v.done = got != nil
	}
	return v, nil
}

type values struct {
	executor.Base
	spec  *Values
	table storage.StateTable // nil: bounded
	next  int                // next row to emit
	done  bool
	fresh bool // emitted since the last barrier
}

func (v *values) Process(*executor.Ctx, int, *stream.Batch, executor.Emitter) error { return nil }

func (v *values) Wake() <-chan struct{} { return nil }

// Poll emits the next batch of rows. In a job all rows must fall in one epoch,
// so there it emits them all at once.
func (v *values) Poll(ctx *executor.Ctx, out executor.Emitter) (bool, error) {
	for !v.done {
		to := min(v.next+stream.BatchRows, len(v.spec.Rows))
		b, err := v.spec.batch(ctx.Expr, v.next, to)
		if err != nil {
			return false, err
		}
		v.next = to
		if to == len(v.spec.Rows) {
			v.done, v.fresh = true, true
		}
		if b != nil {
			if err := out.Emit(b); err != nil {
				return false, err
			}
		}
		if v.table == nil {
			return !v.done, nil
		}
	}
	return false, nil
}

// batch evaluates rows; nil: there are none.
func (s *Values) batch(ctx *expr.Ctx, from, to int) (*stream.Batch, error) {
	if from == to {
		return nil, nil
	}
	cols := make([]vec.Vec, len(s.Out))
	for j := range cols {
		bld := vec.NewBuilder(s.Out[j].Type.Layout(), to-from)
		for _, row := range s.Rows[from:to] {
			x, err := row[j].Eval(ctx, nil, nil, 1)
			if err != nil {
				return nil, err
			}
			bld.AppendFrom(&x, 0)
		}
		cols[j] = bld.Vec()
	}
	return stream.NewBatch(to-from, cols, nil), nil
}

// Barrier makes sure that the rows are out in the first epoch even if the task
// never got to poll, and remembers it.
func (v *values) Barrier(ctx *executor.Ctx, _ stream.Barrier, out executor.Emitter) error {
	if _, err := v.Poll(ctx, out); err != nil {
		return err
	}
	if v.fresh && v.table != nil {
		v.table.Put(0, nil, []byte{1})
	}
	v.fresh = false
	return nil
}
