package planner

import (
	"slices"

	"streamdb/catalog"
	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/planner/bind"
	"streamdb/planner/lower"
	"streamdb/sql/ast"
	"streamdb/stream"
	"streamdb/types"
)

// IndexJob plans CREATE INDEX on a table or materialized view: a job that keeps
// a copy of its rows under another key. The object gets the columns and what the
// index is of; its ID is set.
func IndexJob(ctx *Context, o, on *catalog.Object, s *ast.CreateIndex) (*JobPlan, error) {
	keys, err := indexKeys(ctx, on, s.Keys)
	if err != nil {
		return nil, err
	}
	include, err := indexInclude(on, s)
	if err != nil {
		return nil, err
	}
	dist, err := indexDist(ctx, on, keys, s.DistributedBy)
	if err != nil {
		return nil, err
	}
	v, info, err := lower.Index(on, keys, include, dist, stream.JobID(o.ID), jobOptions(ctx))
	if err != nil {
		return nil, err
	}
	info.Include = s.Include != nil
	o.Index = info
	job := jobPlan(&v.Plan, v, nil)
	job.DependsOn = []catalog.ID{on.ID}
	ref := catalog.Ref{Name: on.Name, ID: on.ID}
	for i, c := range on.Cols {
		ref.Cols = append(ref.Cols, c.Name)
		if slices.Contains(info.From[:info.Given], i) {
			ref.Used = append(ref.Used, i)
		}
	}
	job.Refs = []catalog.Ref{ref}
	return job, nil
}

func indexKeys(ctx *Context, on *catalog.Object, items []*ast.OrderItem) ([]lower.IndexKey, error) {
	c := *ctx
	c.Job = false // what varies is refused below, in Postgres's words
	var keys []lower.IndexKey
	for _, it := range items {
		k := lower.IndexKey{Desc: it.Desc, NullsFirst: it.Desc}
		if it.Nulls != ast.NullsOrderDefault {
			k.NullsFirst = it.Nulls == ast.NullsFirst
		}
		e, err := bind.New(&c).Over(it.Expr, on.Types(), on.Name, "CREATE INDEX", types.T{}, 0)
		if err != nil {
			return nil, err
		}
		if col, ok := e.(*expr.Col); ok {
			k.Name = on.Cols[col.Index].Name
		} else {
			k.Name, k.Text = "expr", ast.String(it.Expr)
			if call, ok := it.Expr.(*ast.FuncCall); ok {
				k.Name = call.Name.Base()
			}
			if expr.VolatilityOf(e) != expr.Immutable {
				return nil, sqlerr.New(sqlerr.InvalidObjectDefinition, "functions in index expression must be marked IMMUTABLE")
			}
		}
		k.E = e
		if !slices.ContainsFunc(keys, func(o lower.IndexKey) bool { return expr.Equal(o.E, e) }) {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// indexInclude are the positions of the columns that the index has besides its
// keys: all of them unless INCLUDE names some.
func indexInclude(on *catalog.Object, s *ast.CreateIndex) ([]int, error) {
	var out []int
	if s.Include == nil {
		for i, c := range on.Cols {
			if !c.Hidden {
				out = append(out, i)
			}
		}
		return out, nil
	}
	for _, name := range s.Include {
		i := slices.IndexFunc(on.Cols, func(c catalog.Column) bool { return c.Name == name && !c.Hidden })
		if i < 0 {
			return nil, sqlerr.New(sqlerr.UndefinedColumn, "column \"%s\" does not exist", name)
		}
		out = append(out, i)
	}
	return out, nil
}

// indexDist is the number of leading keys that DISTRIBUTED BY names; 1 without.
func indexDist(ctx *Context, on *catalog.Object, keys []lower.IndexKey, by []ast.Expr) (int, error) {
	for i, e := range by {
		x, err := bind.New(ctx).Over(e, on.Types(), on.Name, "DISTRIBUTED BY", types.T{}, 0)
		if err != nil {
			return 0, err
		}
		if i >= len(keys) || !expr.Equal(x, keys[i].E) {
			return 0, sqlerr.New(sqlerr.InvalidObjectDefinition, "Distributed by columns should be a prefix of index columns").
				WithHint("Name the first keys of the index, in their order.")
		}
	}
	return max(1, len(by)), nil
}
