package op

import (
	"slices"

	"streamdb/executor"
	"streamdb/expr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// Calc filters and projects in one step: rows where Where is TRUE, each mapped
// to Exprs. Where nil keeps all; Exprs nil passes the columns as they are.
// Watermarks pass on columns that Exprs carries over unchanged, and on those of
// Rising: expressions that never fall while the one column that they read rises,
// such as date_trunc('hour', ts).
type Calc struct {
	In    executor.Spec
	Where expr.Expr
	Exprs []expr.Expr
	Out   types.Schema
	// Rising are positions in Exprs.
	Rising []int
	// Failed is where rows are kept for which an expression fails, and which are
	// left out; zero: they end the job, or give NULL (executor.Plan.NullOnError).
	Failed TableRef
}

// Kind implements executor.Spec.
func (s *Calc) Kind() string { return "Calc" }

// Inputs implements executor.Spec.
func (s *Calc) Inputs() []executor.Spec { return []executor.Spec{s.In} }

// Schema implements executor.Spec.
func (s *Calc) Schema() types.Schema {
	if s.Out == nil && s.Exprs == nil {
		return s.In.Schema()
	}
	return s.Out
}

// State implements executor.Spec.
func (s *Calc) State() []storage.TableDef { return tables(s.Failed) }

// Explain implements executor.Spec.
func (s *Calc) Explain() string {
	text := ""
	if s.Where != nil {
		text = "where: " + s.Where.String()
	}
	if s.Exprs != nil {
		if text != "" {
			text += ", "
		}
		text += "exprs: " + exprList(s.Exprs)
	}
	return text
}

// Open implements executor.Spec.
func (s *Calc) Open(ctx *executor.OpenCtx) (executor.Operator, error) {
	prog := expr.Prepare(append([]expr.Expr{s.Where}, s.Exprs...)...)
	c := &calc{spec: s, prog: prog, where: prog.Exprs[0], exprs: prog.Exprs[1:], pace: newBatchPace(s.computed()), failed: newFailedRows(s.Failed, s.In.Schema(), ctx)}
	c.computes = len(s.computed()) > 0
	for _, i := range expr.Cols(s.Exprs...) {
		taken := slices.ContainsFunc(s.Exprs, func(e expr.Expr) bool { c, ok := e.(*expr.Col); return ok && c.Index == i })
		c.readsMore = c.readsMore || !taken && s.In.Schema()[i].Type.Layout() == types.LBytes
	}
	for _, j := range s.Rising {
		c.risesOf = append(c.risesOf, risingColumn(s.Exprs[j]))
	}
	return c, nil
}

// computed is the layouts of the columns that are not taken over as they are.
func (s *Calc) computed() []types.Layout {
	var out []types.Layout
	for _, e := range s.Exprs {
		switch e.(type) {
		case *expr.Col, *expr.Const:
		default:
			out = append(out, e.Type().Layout())
		}
	}
	return out
}

type calc struct {
	executor.Base
	spec    *Calc
	prog    *expr.Program // of where and exprs; nil: they are the spec's as they are
	where   expr.Expr
	exprs   []expr.Expr
	pace    batchPace
	sel     []int32
	risesOf []int // per Rising: the column it reads

	computes  bool        // some column is not taken over as it is
	readsMore bool        // texts are read that are not taken over
	failed    *failedRows // nil: rows are not left out
}

func (c *calc) Process(ctx *executor.Ctx, _ int, b *stream.Batch, out executor.Emitter) error {
	for n, from := b.Rows(), 0; from < n; {
		to := from + c.pace.next(n-from)
		part := b
		if to-from < n {
			part = b.Slice(from, to)
		}
		if err := c.piece(ctx, part, out); err != nil {
			return err
		}
		from = to
	}
	return nil
}

func (c *calc) piece(ctx *executor.Ctx, b *stream.Batch, out executor.Emitter) error {
	if c.failed != nil {
		return c.some(ctx, b, out)
	}
	sel, res, err := c.eval(ctx.Expr, b, c.prog != nil)
	if err != nil || sel != nil && len(sel) == 0 {
		return err
	}
	return c.emit(b, sel, res, out)
}

// some is piece for all rows but those that an expression fails for.
func (c *calc) some(ctx *executor.Ctx, b *stream.Batch, out executor.Emitter) error {
	sel, res, err := c.eval(c.failed.begin(ctx.Expr), b, false)
	if err == nil {
		err = c.failed.keep(ctx, b.Cols(), b.Rows(), func(i int32) int64 { return int64(b.Op(int(i))) })
	}
	sel = c.failed.without(sel, b.Rows())
	if err != nil || sel != nil && len(sel) == 0 {
		return err
	}
	return c.emit(b, sel, res, out)
}

// eval gives the rows that stay (nil: all) and for these the columns: either of all
// rows, in which those that do not stay have any values, or, where that is faster and
// mayNarrow, of those that stay alone.
func (c *calc) eval(ctx *expr.Ctx, b *stream.Batch, mayNarrow bool) (sel []int32, res []vec.Vec, err error) {
	n, cols := b.Rows(), b.Cols()
	if c.prog != nil {
		defer c.prog.Next()
	}
	if c.where != nil {
		if c.sel, err = expr.FilterSel(ctx, c.where, cols, nil, n, c.sel); err != nil {
			return nil, nil, err
		}
		if len(c.sel) < n {
			sel = c.sel
		}
	}
	if c.spec.Exprs == nil || sel != nil && len(sel) == 0 {
		return sel, nil, nil
	}
	res = make([]vec.Vec, len(c.spec.Exprs))
	some := sel
	if mayNarrow && sel != nil && c.narrows(len(sel), n) {
		cols, some, n = c.prog.Narrow(1, cols, sel, n), nil, len(sel)
	}
	for j, e := range c.exprs {
		if res[j], err = e.Eval(ctx, cols, some, n); err != nil {
			return nil, nil, err
		}
	}
	return sel, res, nil
}

// narrows reports whether what rows rows of n give is to be computed from columns of
// these rows alone. Texts that nothing else needs are not copied for that, unless they
// are few.
func (c *calc) narrows(rows, n int) bool { return c.computes && (!c.readsMore || rows <= n/2) }

func (c *calc) emit(b *stream.Batch, sel []int32, res []vec.Vec, out executor.Emitter) error {
	made := c.spec.result(b, sel, res)
	if c.spec.Exprs != nil {
		c.pace.made(made.Rows(), made.Cols())
	}
	return out.Emit(made)
}

// result is the batch of the rows that stay, of what eval gave: a column has all rows,
// or these.
func (s *Calc) result(b *stream.Batch, sel []int32, res []vec.Vec) *stream.Batch {
	if s.Exprs == nil {
		if sel == nil {
			return b
		}
		return b.Take(sel)
	}
	rows, ops := b.Rows(), b.Ops
	if sel != nil {
		rows = len(sel)
		if ops != nil {
			ops = make([]stream.Op, rows)
			for k, i := range sel {
				ops[k] = b.Ops[i]
			}
		}
		for j := range res {
			if res[j].N > rows {
				res[j] = res[j].Gather(sel)
			}
		}
	}
	made := stream.NewBatch(rows, res, ops)
	made.Once = b.Once
	return made
}
