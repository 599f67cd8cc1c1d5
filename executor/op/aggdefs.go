package op

import (
	"streamdb/executor"
	"streamdb/expr"
	"streamdb/expr/aggs"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/types"
	"streamdb/vec"
)

// find returns the call's definition and the types of its arguments.
func (c *AggCall) find(in types.Schema) (*aggs.Def, []types.T, error) {
	def, ok := aggs.ByKey(c.Def)
	if !ok {
		return nil, nil, sqlerr.New(sqlerr.DataCorrupted, "stored plan calls unknown aggregate %s", c.Def)
	}
	if !c.Merge {
		return def, colTypes(in, c.Args), nil
	}
	ts := c.ArgTypes
	if ts == nil {
		for i := range def.Args {
			ts = append(ts, def.ArgType(i))
		}
	}
	return def, ts, nil
}

// NeedsMultiset reports whether HashAgg keeps the call's values in a table of
// its own (HashAgg.Multisets): the planner numbers one for it.
func (c *AggCall) NeedsMultiset(appendOnly bool) bool {
	def, ok := aggs.ByKey(c.Def)
	if !ok || c.Shares > 0 {
		return false
	}
	return c.Distinct && def.Extreme == 0 || !c.isPlain(def, appendOnly)
}

// isPlain reports whether a state of fixed size computes the call, DISTINCT aside.
func (c *AggCall) isPlain(def *aggs.Def, appendOnly bool) bool {
	return def.New != nil && !def.NeedsMultiset && (def.Retractable || appendOnly) && !(def.Ordered && len(c.OrderBy) > 0)
}

// openColumn makes the runner of call i.
func (s *HashAgg) openColumn(a *hashAgg, ctx *executor.OpenCtx, i int) (aggColumn, error) {
	call, in := &s.Aggs[i], s.In.Schema()
	def, ts, err := call.find(in)
	if err != nil {
		return nil, err
	}
	appendOnly := s.AppendOnly || ctx.Bounded
	var table storage.StateTable
	if !ctx.Bounded && call.NeedsMultiset(appendOnly) {
		if i >= len(s.Multisets) || s.Multisets[i].ID == 0 {
			return nil, sqlerr.New(sqlerr.InternalError, "plan has no multiset table for %s", call.explain(in))
		}
		table = ctx.Table(s.Multisets[i])
	}
	if call.isPlain(def, appendOnly) {
		if def.IsCountStar() && !call.Merge && call.Filter < 0 && call.Shares == 0 && !call.Distinct {
			return &rowCount{owner: a}, nil
		}
		plain := &plainAgg{make: func() aggs.State { return def.New(ts) }, args: call.Args, merge: call.Merge}
		plain.state = plain.make()
		if def.Partial != nil && (def.Retractable || appendOnly) {
			plain.partial = def.Partial(ts)
		}
		if call.Shares > 0 {
			return s.openFollower(a, call, plain)
		}
		if call.Distinct && def.Extreme == 0 {
			return newDistinctAgg(a, plain, call.Filter, table, appendOnly), nil
		}
		return plain, nil
	}
	o := newOrderedAgg(a, in, call, table, def.Extreme > 0)
	o.nulls, o.first = def.NotStrict, def.Extreme != 0
	o.finish = func(ctx *expr.Ctx, args []vec.Vec, n int, out *vec.Builder) error {
		d, err := def.FinalOf(ctx, ts, args, n)
		if err == nil {
			out.AppendDatum(d)
		}
		return err
	}
	return o, nil
}

// openFollower makes the runner of a call that has its values from another one.
func (s *HashAgg) openFollower(a *hashAgg, call *AggCall, plain *plainAgg) (aggColumn, error) {
	if call.Shares <= len(a.aggs) {
		if leader, ok := a.aggs[call.Shares-1].(*distinctAgg); ok {
			return newDistinctFollower(leader, plain, call.Filter), nil
		}
	}
	return nil, sqlerr.New(sqlerr.DataCorrupted, "stored plan shares the values of %s with a call that keeps none", call.explain(s.In.Schema()))
}

// PartialColumns is the types of the columns that PartialAgg emits for a call
// over an input with this schema, which a HashAgg merges; ok is false when the
// call has no partial form.
func (c *AggCall) PartialColumns(in types.Schema) (ts []types.T, ok bool) {
	def, args, err := c.find(in)
	if err != nil || def.Partial == nil || c.Distinct || len(c.OrderBy) > 0 {
		return nil, false
	}
	return def.Partial(args), true
}
