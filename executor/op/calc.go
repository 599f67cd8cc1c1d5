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
// Watermarks pass on columns that Exprs carries over unchanged.
type Calc struct {
	In    executor.Spec
	Where expr.Expr
	Exprs []expr.Expr
	Out   types.Schema
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
	return &calc{spec: s}, nil
}

type calc struct {
	executor.Base
	spec *Calc
	sel  []int32
}

func (c *calc) Process(ctx *executor.Ctx, _ int, b *stream.Batch, out executor.Emitter) error {
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
	return out.Emit(stream.NewBatch(rows, res, ops))
}

func (c *calc) Watermark(_ *executor.Ctx, _ int, w stream.Watermark, out executor.Emitter) error {
	if c.spec.Exprs == nil || w.Column == stream.AllRead {
		return out.EmitWatermark(w)
	}
	for j, e := range c.spec.Exprs {
		if col, ok := e.(*expr.Col); ok && col.Index == w.Column {
			if err := out.EmitWatermark(stream.Watermark{Column: j, Time: w.Time}); err != nil {
				return err
			}
		}
	}
	return nil
}
