package aggs

import (
	"sync"

	"streamdb/expr"
	"streamdb/expr/funcs"
	"streamdb/internal/sqlerr"
	"streamdb/types"
	"streamdb/vec"
)

// Def is one overload of an aggregate function. The embedded expr.Def holds its
// signature (Eval is nil, NotStrict means that rows with NULL arguments count);
// its Key is stable for ever: pinned plans name it.
type Def struct {
	expr.Def
	// New makes the state for arguments of the given types; nil: the result needs
	// the group's rows (NeedsMultiset).
	New func(args []types.T) State
	// Retractable: the state of New takes rows with weight -1. Without it New may
	// be used on append-only inputs only.
	Retractable bool
	// NeedsMultiset: even on append-only inputs the result comes from Final over
	// the group's rows.
	NeedsMultiset bool
	// Extreme is -1 when the result is the smallest value of the group, +1 when it
	// is the biggest: a multiset ordered by the argument answers it without Final.
	Extreme int
	// Ordered: the result depends on the order of the rows (ORDER BY inside the call).
	Ordered bool
	// OrderedSet: called as name(args[:n-1]) WITHIN GROUP (ORDER BY args[n-1]); the
	// other arguments are constant in a group.
	OrderedSet bool
	// Final computes the result from the rows of one group: cols are the argument
	// columns (n rows each, duplicates repeated), in the order of the call's ORDER
	// BY, else of the arguments. Rows with NULLs are included if NotStrict. It may
	// be nil when New is not: then FinalOf runs New's state.
	Final func(ctx *expr.Ctx, args []types.T, cols []vec.Vec, n int) (types.Datum, error)
	// Partial gives the columns of AppendPartial and Merge, for two-phase
	// aggregation; nil: there is no partial form. Partial rows may come from changes:
	// then the first phase keeps no state but sums the changes of an epoch (not for
	// states that are not Retractable).
	Partial func(args []types.T) []types.T
}

// IsCountStar reports whether the aggregate counts rows rather than values.
func (d *Def) IsCountStar() bool { return d.Name == "count" && len(d.Args) == 0 }

var load = sync.OnceValue(func() map[string][]*Def {
	m := map[string][]*Def{}
	for _, d := range All() {
		m[d.Name] = append(m[d.Name], d)
	}
	return m
})

var allDefs = sync.OnceValue(func() []*Def {
	var out []*Def
	for _, list := range [][]*Def{basic(), variances(), collections(), orderedSets(), approxPercentiles(), regressions()} {
		out = append(out, list...)
	}
	return out
})

// All lists every aggregate.
func All() []*Def { return allDefs() }

// ByName lists the overloads of an aggregate; none: nil.
func ByName(name string) []*Def { return load()[name] }

var byKey = sync.OnceValue(func() map[string]*Def {
	m := map[string]*Def{}
	for _, d := range All() {
		m[d.Key()] = d
	}
	return m
})

// ByKey finds an aggregate by its Key.
func ByKey(key string) (*Def, bool) {
	d, ok := byKey()[key]
	return d, ok
}

// Resolve finds the aggregate for a call by name, as funcs.Resolve does. The
// result type is Def.ResultType(wanted). ok is false when no aggregate has the
// name; count(*) has no arguments. Errors: 42883, 42725.
func Resolve(name string, args []types.T) (d *Def, wanted []types.T, ok bool, err error) {
	defs := ByName(name)
	if defs == nil {
		return nil, nil, false, nil
	}
	sigs := make([]*expr.Def, len(defs))
	for i := range defs {
		sigs[i] = &defs[i].Def
	}
	sig, wanted, err := funcs.ResolveAmong(name, sigs, args)
	if err != nil {
		return nil, nil, true, err
	}
	for i := range defs {
		if sigs[i] == sig {
			return defs[i], wanted, true, nil
		}
	}
	return nil, nil, true, sqlerr.New(sqlerr.InternalError, "aggregate %s lost its definition", name)
}

// FinalOf computes the result from the rows of one group, by Final or by a
// fresh state. See Def.Final for cols.
func (d *Def) FinalOf(ctx *expr.Ctx, args []types.T, cols []vec.Vec, n int) (types.Datum, error) {
	if d.Final != nil {
		return d.Final(ctx, args, cols, n)
	}
	s := d.New(args)
	s.Grow(1)
	if err := s.Update(make([]int32, n), cols, nil, nil, n); err != nil {
		return types.NullDatum, err
	}
	out := vec.NewBuilder(d.ResultType(args).Layout(), 1)
	if err := s.Result(ctx, []int32{0}, out); err != nil {
		return types.NullDatum, err
	}
	v := out.Vec()
	return v.Datum(0), nil
}
