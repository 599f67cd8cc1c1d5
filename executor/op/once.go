package op

import (
	"strconv"

	"streamdb/executor"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
)

// Once computes a subplan that a SELECT reads in several places one time: of
// the Onces with the same Rows, the one that comes first runs its input and
// keeps the rows, the others pass them on. All have an equal input. Bounded runs
// only.
type Once struct {
	In   executor.Spec
	Rows *OnceRows
}

// OnceRows is what the Onces of a run share.
type OnceRows struct {
	No      int // for EXPLAIN: which Onces belong together
	batches []*stream.Batch
	done    bool
}

// Kind implements executor.Spec.
func (s *Once) Kind() string { return "Once" }

// Inputs implements executor.Spec.
func (s *Once) Inputs() []executor.Spec { return []executor.Spec{s.In} }

// Schema implements executor.Spec.
func (s *Once) Schema() types.Schema { return s.In.Schema() }

// State implements executor.Spec.
func (s *Once) State() []storage.TableDef { return nil }

// Explain implements executor.Spec.
func (s *Once) Explain() string { return "number: " + strconv.Itoa(s.Rows.No) }

// Open implements executor.Spec.
func (s *Once) Open(ctx *executor.OpenCtx) (executor.Operator, error) {
	if !ctx.Bounded {
		return nil, sqlerr.New(sqlerr.InternalError, "Once in a job")
	}
	s.Rows.batches, s.Rows.done = nil, false // all are opened before one runs
	return &once{rows: s.Rows, memory: memory{acc: ctx.Memory}}, nil
}

type once struct {
	executor.Base
	rows   *OnceRows
	memory memory // of the rows that this one has gathered
}

// Settled implements executor.Settled.
func (o *once) Settled() bool { return o.rows.done }

func (o *once) Process(_ *executor.Ctx, _ int, b *stream.Batch, _ executor.Emitter) error {
	o.rows.batches = append(o.rows.batches, b)
	return o.memory.grow(int64(b.Bytes()))
}

// Barrier passes the rows on: they are complete.
func (o *once) Barrier(ctx *executor.Ctx, _ stream.Barrier, out executor.Emitter) error {
	o.rows.done = true
	for _, b := range o.rows.batches {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := out.Emit(b); err != nil {
			return err
		}
	}
	return nil
}

func (o *once) Close() error {
	o.memory.release()
	return nil
}
