package engine

import (
	"context"
	"errors"
	"iter"

	"streamdb/executor"
	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/wire"
)

// queryRows is the running result of a bounded dataflow: wire.Rows. The dataflow
// is a coroutine of the caller: it runs while Next waits, in the same goroutine's time.
type queryRows struct {
	cols   []wire.Column
	width  int // visible columns; the dataflow may have more
	verb   string
	count  int64
	next   func() (*stream.Batch, error, bool)
	stop   func()
	cancel context.CancelFunc
	memory *executor.Accountant
}

// run starts a plan over the transaction's snapshot. width is the number
// of leading columns that belong to the result.
func (s *Session) run(ctx context.Context, t *txn, plan *executor.Plan, args []types.Datum, cols []wire.Column, verb string) *queryRows {
	ctx, cancel := s.withTimeout(ctx)
	q := &queryRows{cols: cols, width: len(cols), verb: verb, cancel: cancel, memory: s.db.queries.Child(0)}
	seq := func(yield func(*stream.Batch, error) bool) {
		stopped := false
		err := executor.RunBoundedPlan(ctx, s.openCtx(ctx, t, args, q.memory), plan, func(b *stream.Batch) error {
			if !yield(b, nil) {
				stopped = true
				return executor.ErrStop
			}
			return nil
		})
		if err != nil && !stopped {
			yield(nil, err)
		}
	}
	q.next, q.stop = iter.Pull2(seq)
	t.rows = append(t.rows, q)
	return q
}

// withTimeout applies statement_timeout.
func (s *Session) withTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if d := s.settings.current().timeout; d > 0 {
		return context.WithTimeoutCause(ctx, d, sqlerr.New(sqlerr.QueryCanceled, "canceling statement due to statement timeout"))
	}
	return context.WithCancel(ctx)
}

// openCtx is what the operators of a query see.
func (s *Session) openCtx(ctx context.Context, t *txn, args []types.Datum, memory *executor.Accountant) executor.OpenCtx {
	t.queried = true
	return executor.OpenCtx{
		Context:     ctx,
		Log:         s.db.log,
		Parallelism: 1,
		VNodes:      storage.AllVNodes,
		Snapshot:    func() storage.Snapshot { return t.overlay },
		Bounded:     true,
		Memory:      memory,
		Expr:        s.exprCtx(ctx, t, args),
		Env:         s.sysEnv(t),
	}
}

// exprCtx is what the expressions of a statement see.
func (s *Session) exprCtx(ctx context.Context, t *txn, args []types.Datum) *expr.Ctx {
	return &expr.Ctx{
		Now:       t.start,
		Location:  s.Env().TimeZone,
		User:      s.info.User,
		Database:  database,
		Params:    args,
		Session:   s,
		Env:       s.Env(),
		Cancelled: func() bool { return ctx.Err() != nil },
	}
}

func (q *queryRows) Columns() []wire.Column { return q.cols }

func (q *queryRows) Next(context.Context) (*stream.Batch, error) {
	for {
		b, err, ok := q.next()
		if !ok {
			return nil, nil
		}
		if err != nil {
			return nil, cancelled(err)
		}
		if b.Rows() == 0 {
			continue
		}
		q.count += int64(b.Rows())
		if len(b.Cols()) > q.width {
			b = stream.NewBatch(b.Rows(), b.Cols()[:q.width], b.Ops)
		}
		return b, nil
	}
}

// cancelled gives the error of a cancelled or timed-out statement its SQLSTATE.
func cancelled(err error) error {
	var e *sqlerr.Error
	switch {
	case errors.As(err, &e):
		return err
	case errors.Is(err, context.Canceled):
		return sqlerr.Wrap(sqlerr.QueryCanceled, err, "canceling statement due to user request")
	case errors.Is(err, context.DeadlineExceeded):
		return sqlerr.Wrap(sqlerr.QueryCanceled, err, "canceling statement due to statement timeout")
	}
	return err
}

func (q *queryRows) Tag() string { return countTag(q.verb, q.count) }

func (q *queryRows) Close() error {
	q.stop()
	q.cancel()
	q.memory.Close()
	return nil
}
