package op

import (
	"strings"

	"streamdb/executor"
	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// SetCall is one set-returning function: generate_series, unnest,
// regexp_matches, jsonb_array_elements, string_to_table ...
type SetCall struct {
	Func string // name in the list in setfuncs.go
	Args []expr.Expr
	T    types.T // of the value it returns
}

// ProjectSet evaluates set-returning functions for each input row, in lock step
// (shorter ones give NULLs), and appends to the row's columns: the values, then,
// if Ordinality, a bigint row number from 1 (which makes the stream key).
type ProjectSet struct {
	In         executor.Spec
	Calls      []SetCall
	Ordinality bool
	Out        types.Schema
}

// Kind implements executor.Spec.
func (s *ProjectSet) Kind() string { return "ProjectSet" }

// Inputs implements executor.Spec.
func (s *ProjectSet) Inputs() []executor.Spec { return []executor.Spec{s.In} }

// Schema implements executor.Spec.
func (s *ProjectSet) Schema() types.Schema { return s.Out }

// State implements executor.Spec.
func (s *ProjectSet) State() []storage.TableDef { return nil }

// Explain implements executor.Spec.
func (s *ProjectSet) Explain() string {
	calls := make([]string, len(s.Calls))
	for i, c := range s.Calls {
		args := exprList(c.Args)
		calls[i] = c.Func + "(" + args[1:len(args)-1] + ")"
	}
	text := strings.Join(calls, ", ")
	if s.Ordinality {
		text += " with ordinality"
	}
	return text
}

// Open implements executor.Spec.
func (s *ProjectSet) Open(*executor.OpenCtx) (executor.Operator, error) {
	p := &projectSet{spec: s}
	for _, call := range s.Calls {
		f := setFuncNamed(call.Func)
		if f == nil {
			return nil, sqlerr.Unsupported("set-returning function %s", call.Func)
		}
		c := setCtx{t: call.T}
		for _, a := range call.Args {
			c.args = append(c.args, a.Type())
		}
		p.funcs, p.ctxs = append(p.funcs, f), append(p.ctxs, c)
	}
	p.reset()
	return p, nil
}

type projectSet struct {
	executor.Base
	spec  *ProjectSet
	funcs []*setFunc
	ctxs  []setCtx

	// The output under way: row numbers of the input batch, the values, ordinals.
	from []int32
	vals []*vec.Builder
	ords []int64
}

func (p *projectSet) reset() {
	p.from, p.ords = make([]int32, 0, 64), nil
	p.vals = make([]*vec.Builder, len(p.funcs))
	for j, c := range p.spec.Calls {
		p.vals[j] = vec.NewBuilder(c.T.Layout(), 64)
	}
}

func (p *projectSet) Process(ctx *executor.Ctx, _ int, b *stream.Batch, out executor.Emitter) error {
	cols, n := b.Cols(), b.Rows()
	args := make([][]vec.Vec, len(p.funcs))
	for j, c := range p.spec.Calls {
		p.ctxs[j].expr = ctx.Expr
		args[j] = make([]vec.Vec, len(c.Args))
		for k, a := range c.Args {
			v, err := a.Eval(ctx.Expr, cols, nil, n)
			if err != nil {
				return err
			}
			args[j][k] = v
		}
	}
	for i := range n {
		if err := p.row(args, i); err != nil {
			return err
		}
		if len(p.from) >= stream.BatchRows {
			if err := p.flush(b, out); err != nil {
				return err
			}
		}
	}
	return p.flush(b, out)
}

// row appends the sets of one input row, shorter ones filled up with NULLs.
func (p *projectSet) row(args [][]vec.Vec, i int) error {
	most := 0
	for j, f := range p.funcs {
		rows, err := 0, error(nil)
		if f.notStrict || !anyNull(args[j], i) {
			rows, err = f.eval(&p.ctxs[j], args[j], i, p.vals[j])
		}
		if err != nil {
			return err
		}
		most = max(most, rows)
	}
	for range most {
		p.from = append(p.from, int32(i))
	}
	for _, v := range p.vals {
		for v.Len() < len(p.from) {
			v.AppendNull()
		}
	}
	if p.spec.Ordinality {
		for k := range most {
			p.ords = append(p.ords, int64(k+1))
		}
	}
	return nil
}

func anyNull(args []vec.Vec, i int) bool {
	for k := range args {
		if args[k].Null(i) {
			return true
		}
	}
	return false
}

func (p *projectSet) flush(b *stream.Batch, out executor.Emitter) error {
	rows := len(p.from)
	if rows == 0 {
		return nil
	}
	in := b.Cols()
	cols := make([]vec.Vec, 0, len(in)+len(p.vals)+1)
	for j := range in {
		cols = append(cols, in[j].Gather(p.from))
	}
	for _, v := range p.vals {
		cols = append(cols, v.Vec())
	}
	if p.spec.Ordinality {
		cols = append(cols, vec.Ints(p.ords))
	}
	var ops []stream.Op
	if b.Ops != nil {
		ops = make([]stream.Op, rows)
		for k, i := range p.from {
			ops[k] = b.Ops[i]
		}
	}
	p.reset()
	for from := 0; from < rows; from += 2 * stream.BatchRows { // one long set may be many batches
		to := min(from+2*stream.BatchRows, rows)
		part := make([]vec.Vec, len(cols))
		for j := range cols {
			part[j] = cols[j].Slice(from, to)
		}
		var partOps []stream.Op
		if ops != nil {
			partOps = ops[from:to]
		}
		if err := out.Emit(stream.NewBatch(to-from, part, partOps)); err != nil {
			return err
		}
	}
	return nil
}

// Watermark passes: every output row carries its input row.
func (p *projectSet) Watermark(_ *executor.Ctx, _ int, w stream.Watermark, out executor.Emitter) error {
	return out.EmitWatermark(w)
}
