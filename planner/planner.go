package planner

import (
	"slices"
	"sync/atomic"

	"streamdb/catalog"
	"streamdb/executor"
	"streamdb/executor/op"
	"streamdb/expr"
	"streamdb/planner/bind"
	"streamdb/planner/logical"
	"streamdb/planner/lower"
	"streamdb/planner/rule"
	"streamdb/sql/ast"
	"streamdb/types"
)

// Context is what planning depends on besides the statement.
type Context = bind.Context

// Access is what a query may read besides whole relations.
type Access = lower.Access

// BoundQuery is a query with names and types resolved and its plan optimised.
// It is immutable: a prepared statement makes one tree of Specs per execution.
type BoundQuery struct {
	Cols   types.Schema  // the result: names and types
	Params []types.T     // types of $1 .., as given or inferred; Unknown became text
	Reads  []catalog.ID  // objects read, views included, ascending
	Refs   []catalog.Ref // relations that the text names, with the columns it uses
	// Origins are the stored columns that the result's columns are, zero of computed ones.
	Origins []logical.Origin

	root logical.Node
	ids  []logical.ColID // of Cols
	meta *logical.Meta
	// noSharing: nothing is needed in several places, or it is to be computed there.
	noSharing bool

	direct atomic.Pointer[op.Direct] // see Direct
}

// Direct is the query as one call without operators, if it is so simple; nil
// before Bounded has lowered it for the first time.
func (q *BoundQuery) Direct() *op.Direct { return q.direct.Load() }

// Query binds a query. It fills in ctx.ParamTypes.
func Query(ctx *Context, q *ast.Query) (*BoundQuery, error) {
	b := bind.New(ctx)
	rel, err := b.Query(q)
	if err != nil {
		return nil, err
	}
	return optimized(ctx, b, rel)
}

// optimized is the middle of the story: what Query, DML and jobs share.
func optimized(ctx *Context, b *bind.Binder, rel *bind.Rel) (*BoundQuery, error) {
	root, err := rule.Optimize(b.Meta, rel.Root, rule.Stats{Rows: ctx.RowsOf, KeepOrder: ctx.Switches.NoOrdering, NoRewrites: ctx.Switches.NoRewrites})
	if err != nil {
		return nil, err
	}
	q := &BoundQuery{root: root, meta: b.Meta, Params: params(ctx), noSharing: ctx.Switches.NoSharing || !ctx.Job && !logical.Repeats(root)}
	for _, c := range rel.Cols {
		q.ids = append(q.ids, c.ID)
		q.Origins = append(q.Origins, b.Meta.Origins[c.ID])
		q.Cols = append(q.Cols, types.Column{Name: c.Name, Type: b.Meta.Cols[c.ID].Type})
	}
	for id := range b.Deps {
		q.Reads = append(q.Reads, id)
	}
	slices.Sort(q.Reads)
	q.Refs = b.Refs()
	return q, nil
}

// params are the parameter types after binding: what nothing decided is text.
func params(ctx *Context) []types.T {
	out := slices.Clone(ctx.ParamTypes)
	for i := range out {
		if out[i].ID == types.Unknown {
			out[i] = types.Of(types.Text)
		}
	}
	return out
}

// Bounded lowers a query to a plan for executor.RunBoundedPlan. eval holds the
// parameters' values, which LIMIT and OFFSET need now; access says which indexes
// may be read.
func Bounded(q *BoundQuery, eval *expr.Ctx, access Access) (*executor.Plan, error) {
	meta := &logical.Meta{Cols: slices.Clone(q.meta.Cols)}
	plan, err := lower.Bounded(meta, q.root, q.ids, q.Cols, lower.Options{Eval: eval, Access: access, NoSharing: q.noSharing})
	if err == nil && q.direct.Load() == nil {
		if d := op.DirectOf(plan); d != nil { // neither parameters nor indexes would change it
			q.direct.Store(d)
		}
	}
	return plan, err
}
