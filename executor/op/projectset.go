package op

import (
	"math"
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
func (s *ProjectSet) Open(ctx *executor.OpenCtx) (executor.Operator, error) {
	p := &projectSet{spec: s, most: setRowsMax, live: make([]series, len(s.Calls))}
	if ctx.Bounded {
		p.most = math.MaxInt64
	}
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

// setRowsMax is how many rows one input row may become in a job: they all belong to
// the epoch of that row, which is held in memory until it is committed. A SELECT
// takes any number, as its reader does.
var setRowsMax int64 = 10_000_000

// projectSet makes the rows of an input row some at a time: a set can be longer
// than memory, and a LIMIT above may want but the first of it.
type projectSet struct {
	executor.Base
	spec  *ProjectSet
	funcs []*setFunc
	ctxs  []setCtx
	most  int64

	// The output under way: row numbers of the input batch, the values, ordinals.
	from []int32
	vals []*vec.Builder
	ords []int64
	live []series // by call: what is not at its end for the input row in work
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
		if err := p.row(args, b, i, out); err != nil {
			return err
		}
		if len(p.from) >= stream.BatchRows || vec.DataBytes(p.vals) >= stream.BatchBytes {
			if err := p.flush(b, out); err != nil {
				return err
			}
		}
	}
	return p.flush(b, out)
}

// row appends the sets of one input row, shorter ones filled up with NULLs. A batch
// at a time goes out of those that are longer.
func (p *projectSet) row(args [][]vec.Vec, b *stream.Batch, i int, out executor.Emitter) error {
	rows, any := 0, false
	for j, f := range p.funcs {
		p.live[j] = nil
		if !f.notStrict && anyNull(args[j], i) {
			continue
		}
		if f.series != nil {
			s, err := f.series(&p.ctxs[j], args[j], i)
			if err != nil {
				return err
			}
			p.live[j], any = s, true
			continue
		}
		n, err := f.eval(&p.ctxs[j], args[j], i, p.vals[j])
		if err != nil {
			return err
		}
		rows = max(rows, n)
	}
	for total := int64(0); ; rows = 0 {
		if any {
			var err error
			if rows, err = p.next(max(rows, stream.BatchRows-len(p.from))); err != nil {
				return err
			}
		}
		p.fill(i, rows, total)
		if total += int64(rows); total > p.most {
			return p.tooMany()
		}
		if any = p.alive(); !any {
			return nil
		}
		if err := p.flush(b, out); err != nil {
			return err
		}
	}
}

// next appends up to n values of each series, and returns how many rows there are then.
func (p *projectSet) next(n int) (int, error) {
	rows := 0
	for j, s := range p.live {
		if s == nil {
			rows = max(rows, p.vals[j].Len()-len(p.from))
			continue
		}
		made, err := s.next(p.vals[j], n)
		if err != nil {
			return 0, err
		}
		if made < n {
			p.live[j] = nil
		}
		rows = max(rows, made)
	}
	return rows, nil
}

func (p *projectSet) alive() bool {
	for _, s := range p.live {
		if s != nil {
			return true
		}
	}
	return false
}

// fill makes rows of the values, after total ones of the same input row.
func (p *projectSet) fill(i, rows int, total int64) {
	for range rows {
		p.from = append(p.from, int32(i))
	}
	for _, v := range p.vals {
		for v.Len() < len(p.from) {
			v.AppendNull()
		}
	}
	if p.spec.Ordinality {
		for k := range int64(rows) {
			p.ords = append(p.ords, total+k+1)
		}
	}
}

func (p *projectSet) tooMany() error {
	name := p.spec.Calls[0].Func
	for j, s := range p.live {
		if s != nil {
			name = p.spec.Calls[j].Func
		}
	}
	return sqlerr.New(sqlerr.ProgramLimitExceeded, "%s returns more than %d rows for one row", name, p.most).
		WithDetail("All rows that a view makes of one row become visible at once.").
		WithHint("Make the set smaller, or SELECT from the function where its rows are wanted.")
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
	vals := make([]vec.Vec, 0, len(p.vals)+1)
	for _, v := range p.vals {
		vals = append(vals, v.Vec())
	}
	if p.spec.Ordinality {
		vals = append(vals, vec.Ints(p.ords))
	}
	origin, in := p.from, b.Cols()
	p.reset()
	size := min(batchRows(in, b.Rows()), batchRows(vals, rows)) // one set may be many batches
	for from := 0; from < rows; from += size {
		part := origin[from:min(from+size, rows)]
		cols := make([]vec.Vec, 0, len(in)+len(vals))
		for j := range in {
			cols = append(cols, in[j].Gather(part))
		}
		for j := range vals {
			cols = append(cols, vals[j].Slice(from, from+len(part)))
		}
		var ops []stream.Op
		if b.Ops != nil {
			ops = make([]stream.Op, len(part))
			for k, i := range part {
				ops[k] = b.Ops[i]
			}
		}
		if err := out.Emit(stream.NewBatch(len(part), cols, ops)); err != nil {
			return err
		}
	}
	return nil
}

// Watermark passes: every output row carries its input row.
func (p *projectSet) Watermark(_ *executor.Ctx, _ int, w stream.Watermark, out executor.Emitter) error {
	return out.EmitWatermark(w)
}
