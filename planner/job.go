package planner

import (
	"slices"

	"streamdb/catalog"
	"streamdb/executor"
	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/planner/bind"
	"streamdb/planner/lower"
	"streamdb/sql/ast"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
)

// JobPlan is a dataflow to be pinned in the catalog.
type JobPlan struct {
	Plan       *executor.Plan
	Cols       types.Schema  // the job's output; for stored objects all of the row: visible columns, then hidden ones
	Rows       *catalog.Rows // tables and materialized views: where the rows are
	AppendOnly bool          // never retracts
	Marks      []int         // the columns of Cols on which the output carries watermarks
	DependsOn  []catalog.ID  // objects read, ascending: views too, and what they read
	Refs       []catalog.Ref // what its text names; nil for tables and sources
	Tables     []storage.TableID

	props map[executor.Spec]lower.Properties
}

func jobPlan(p *executor.Plan, v *lower.View, bound *BoundQuery) *JobPlan {
	j := &JobPlan{Plan: p}
	if bound != nil {
		j.DependsOn, j.Refs = bound.Reads, bound.Refs
	}
	if v != nil {
		j.props = v.Props
		j.Cols, j.Rows, j.AppendOnly, j.Marks = v.Cols, v.Rows, v.AppendOnly, v.Marks
	}
	for _, t := range p.Tables() {
		j.Tables = append(j.Tables, t.ID)
	}
	slices.Sort(j.Tables)
	return j
}

func jobOptions(ctx *Context) lower.Options {
	return lower.Options{NextTableID: ctx.NextTableID, Parallelism: ctx.Parallelism, EmitOnClose: ctx.EmitOnClose, Eval: &expr.Ctx{Env: ctx.Env},
		NoSharing: ctx.Switches.NoSharing, NoTwoPhase: ctx.Switches.NoTwoPhase, ForceTwoPhase: ctx.Switches.ForceTwoPhase}
}

// jobQuery binds the query of a job. names, if any, rename the leading columns.
func jobQuery(ctx *Context, q *ast.Query, names []string) (*BoundQuery, error) {
	c := *ctx
	c.Job, c.ParamTypes = true, nil
	bound, err := Query(&c, q)
	if err != nil {
		return nil, err
	}
	if len(names) > len(bound.Cols) {
		return nil, sqlerr.New(sqlerr.SyntaxError, "too many column names were specified")
	}
	for i, n := range names {
		bound.Cols[i].Name = n
	}
	for i, a := range bound.Cols {
		for _, o := range bound.Cols[:i] {
			if a.Name == o.Name {
				return nil, sqlerr.New(sqlerr.DuplicateColumn, "column \"%s\" specified more than once", a.Name)
			}
		}
	}
	return bound, nil
}

// Materialized plans CREATE MATERIALIZED VIEW: id is the new object's, names are
// the column names of its definition, if given.
func Materialized(ctx *Context, id catalog.ID, q *ast.Query, names []string) (*JobPlan, error) {
	bound, err := jobQuery(ctx, q, names)
	if err != nil {
		return nil, err
	}
	v, err := lower.MaterializedView(bound.meta, bound.root, bound.ids, bound.Cols, stream.JobID(id), jobOptions(ctx))
	if err != nil {
		return nil, err
	}
	return jobPlan(&v.Plan, v, bound), nil
}

// SinkJob plans CREATE SINK: o has its ID, Name and Connector; q is its query
// (SELECT * FROM t for the form FROM t).
func SinkJob(ctx *Context, o *catalog.Object, q *ast.Query) (*JobPlan, error) {
	bound, err := jobQuery(ctx, q, nil)
	if err != nil {
		return nil, err
	}
	v, err := lower.Sink(bound.meta, bound.root, bound.ids, bound.Cols, o, jobOptions(ctx))
	if err != nil {
		return nil, err
	}
	return jobPlan(&v.Plan, v, bound), nil
}

// SourceJob plans the job that reads a source for all views over it. Engine
// starts it with the first of them.
func SourceJob(ctx *Context, o *catalog.Object) (*JobPlan, error) {
	p, err := lower.Source(o, jobOptions(ctx))
	if err != nil {
		return nil, err
	}
	return jobPlan(p, &lower.View{Cols: p.Output(), AppendOnly: true}, nil), nil
}

// TableJob plans a table's job. o has all columns, the hidden _row_id last if it
// has no primary key; o.Rows is not looked at: it comes with the plan.
func TableJob(ctx *Context, o *catalog.Object) (*JobPlan, error) {
	c := *ctx
	c.Job = true
	b := bind.New(&c)
	gen := lower.Generated{}
	for i, col := range o.Cols {
		if col.Generated == "" {
			continue
		}
		e, err := b.OverObject(o, col.Generated, col.Type)
		if err != nil {
			return nil, err
		}
		gen[i] = e
	}
	var mark expr.Expr
	if o.Watermark != nil {
		var err error
		if mark, err = b.OverObject(o, o.Watermark.Expr, o.Cols[o.Watermark.Col].Type); err != nil {
			return nil, err
		}
	}
	v, err := lower.Table(o, gen, mark, jobOptions(ctx))
	if err != nil {
		return nil, err
	}
	return jobPlan(&v.Plan, v, nil), nil
}
