package optest

import (
	"context"
	"testing"
	"time"

	"streamdb/executor"
	"streamdb/expr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
)

// Rows is a leaf for bounded runs: it yields fixed batches.
type Rows struct {
	Cols    types.Schema
	Batches []*stream.Batch
}

// Kind implements executor.Spec.
func (r *Rows) Kind() string { return "Rows" }

// Inputs implements executor.Spec.
func (r *Rows) Inputs() []executor.Spec { return nil }

// Schema implements executor.Spec.
func (r *Rows) Schema() types.Schema { return r.Cols }

// State implements executor.Spec.
func (r *Rows) State() []storage.TableDef { return nil }

// Explain implements executor.Spec.
func (r *Rows) Explain() string { return "" }

// Open implements executor.Spec.
func (r *Rows) Open(*executor.OpenCtx) (executor.Operator, error) { return &rows{spec: r}, nil }

type rows struct {
	executor.Base
	spec *Rows
	next int
}

func (r *rows) Process(*executor.Ctx, int, *stream.Batch, executor.Emitter) error { return nil }
func (r *rows) Wake() <-chan struct{}                                             { return nil }

func (r *rows) Poll(_ *executor.Ctx, out executor.Emitter) (bool, error) {
	if r.next == len(r.spec.Batches) {
		return false, nil
	}
	r.next++
	return true, out.Emit(r.spec.Batches[r.next-1])
}

// Bounded runs the tree as a SELECT over inputs given as rows, a few to a batch,
// and returns the rows in the order in which they came out.
func Bounded(t testing.TB, schemas []types.Schema, build Build, inputs [][]Row, perBatch int) ([]Row, error) {
	t.Helper()
	ins := make([]executor.Spec, len(schemas))
	for i, s := range schemas {
		leaf := &Rows{Cols: s}
		for from := 0; from < len(inputs[i]); from += perBatch {
			part := inputs[i][from:min(from+perBatch, len(inputs[i]))]
			cs := make([]Change, len(part))
			for k, r := range part {
				cs[k] = Change{stream.Insert, r}
			}
			leaf.Batches = append(leaf.Batches, Batch(s, cs))
		}
		ins[i] = leaf
	}
	tmpl := executor.OpenCtx{
		Expr:   &expr.Ctx{Now: time.Unix(1e9, 0).UTC(), Location: time.UTC},
		Memory: executor.NewAccountant(0),
	}
	var out []Row
	err := executor.RunBounded(context.Background(), tmpl, build(ins), func(b *stream.Batch) error {
		for _, c := range Changes(b) {
			if c.Op != stream.Insert {
				t.Errorf("optest: a bounded run retracts %v", c.Row)
			}
			out = append(out, c.Row)
		}
		return nil
	})
	return out, err
}
