package op

import (
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
func (s *Calc) State() []storage.TableDef { return nil }

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
func (s *Calc) Open(*executor.OpenCtx) (executor.Operator, error) {
	c := &calc{spec: s, pace: newBatchPace(s.computed())}
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
	pace    batchPace
	sel     []int32
	risesOf []int // per Rising: the column it reads
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
	n, cols := b.Rows(), b.Cols()
	var sel []int32 // nil: all rows
	if c.spec.Where != nil {
		got, err := expr.FilterSel(ctx.Expr, c.spec.Where, cols, nil, n, c.sel)
		if err != nil {
			return err
		}
		c.sel = got
		if len(got) == 0 {
			return nil
		}
		if len(got) < n {
			sel = got
		}
	}
	if c.spec.Exprs == nil {
		if sel == nil {
			return out.Emit(b)
		}
		return out.Emit(b.Take(sel))
	}
	rows, ops := n, b.Ops
	if sel != nil {
		rows = len(sel)
		if ops != nil {
			ops = make([]stream.Op, rows)
			for k, i := range sel {
				ops[k] = b.Ops[i]
			}
		}
	}
	res := make([]vec.Vec, len(c.spec.Exprs))
	for j, e := range c.spec.Exprs {
		v, err := e.Eval(ctx.Expr, cols, sel, n)
		if err != nil {
			return err
		}
		if sel != nil {
			v = v.Gather(sel)
		}
		res[j] = v
	}
	c.pace.made(rows, res)
	return out.Emit(stream.NewBatch(rows, res, ops))
}
