package casts

import (
	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/types"
	"streamdb/vec"
)

// makeAll builds every cast and every length coercion.
func makeAll() []*expr.Def {
	all := [][]*expr.Def{numberCasts(), stringCasts(), dateCasts(), jsonCasts(), regCasts(), arrayCasts()}
	var out []*expr.Def
	have := map[pair]bool{}
	for _, list := range all {
		for _, d := range list {
			if d.Name == castName {
				have[pair{d.Args[0], d.Ret}] = true
			}
		}
		out = append(out, list...)
	}
	for _, id := range allIDs() {
		if have[pair{id, id}] { // varchar shares text's ID
			continue
		}
		out = append(out, cast(id, id, expr.CastImplicit, identity))
		have[pair{id, id}] = true
	}
	out = append(out, textCasts(have)...)
	return append(out, lengthCasts()...)
}

// allIDs are the types that values can have.
func allIDs() []types.ID {
	var out []types.ID
	for _, t := range types.AllScalar() {
		out = append(out, t.ID)
	}
	return append(out, types.Array, types.Record, types.Unknown)
}

func cast(from, to types.ID, kind expr.DefKind, eval kernel.Fn) *expr.Def {
	return &expr.Def{Name: castName, Args: []types.ID{from}, Ret: to, Kind: kind, Eval: eval, Doc: "Conversion"}
}

func total(d *expr.Def) *expr.Def { d.Total = true; return d }

func stable(d *expr.Def) *expr.Def { d.Volatile = expr.Stable; return d }

// identity returns its argument: both types have the same form.
func identity(_ *expr.CallCtx, args []vec.Vec) (vec.Vec, error) { return args[0], nil }

// textCasts are the conversions through text that every type has: to a string
// type by assignment, from one explicitly; an untyped literal becomes anything.
// have lists the pairs that have a cast of their own.
func textCasts(have map[pair]bool) []*expr.Def {
	strs := []types.ID{types.Text, types.Bpchar, types.Name}
	var out []*expr.Def
	add := func(from, to types.ID, kind expr.DefKind, eval kernel.Fn) {
		if !have[pair{from, to}] {
			have[pair{from, to}] = true
			out = append(out, stable(cast(from, to, kind, eval)))
		}
	}
	for _, id := range allIDs() {
		if id != types.Unknown {
			add(types.Unknown, id, expr.CastImplicit, fromText)
		}
		for _, s := range strs {
			if id == types.Unknown {
				continue
			}
			add(id, s, expr.CastAssignment, toText)
			add(s, id, expr.CastExplicit, fromText)
		}
	}
	return out
}

// fromText reads values of c.T from their text form.
func fromText(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
	o := kernel.NewOut(c.T.Layout(), c.N)
	env, t := c.TextEnv(), withoutMod(c.T)
	for k := range c.Rows() {
		i := c.Row(k)
		d, err := types.ParseText(t, kernel.String(args[0].Bytes(i)), env)
		if err != nil {
			return vec.Vec{}, err
		}
		o.SetDatum(i, d)
	}
	return o.Vec(), nil
}

// toText writes the text form of values; a target of fixed length (name,
// "char") is cut to it by reading that text.
func toText(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
	o := kernel.NewOut(types.LBytes, c.N)
	env, t := c.TextEnv(), c.Args[0]
	cut := c.T.ID == types.Name || c.T.ID == types.Char
	for k := range c.Rows() {
		i := c.Row(k)
		if cut {
			d, err := types.ParseText(c.T, string(types.AppendText(nil, t, kernel.View(&args[0], i), env)), env)
			if err != nil {
				return vec.Vec{}, err
			}
			o.SetDatum(i, d)
			continue
		}
		o.End(i, types.AppendText(o.Begin(i), t, kernel.View(&args[0], i), env))
	}
	return o.Vec(), nil
}

type lengthKey struct {
	name string
	id   types.ID
}

// lengthCasts fit a value to the modifiers of its own type: varchar(n),
// character(n), numeric(p,s), time and interval precision, and arrays of these.
func lengthCasts() []*expr.Def {
	var out []*expr.Def
	for _, id := range []types.ID{types.Text, types.Bpchar, types.Numeric, types.Time, types.Timestamp, types.TimestampTZ, types.Interval, types.Array} {
		e, a := cast(id, id, expr.CastExplicit, fitLength(true)), cast(id, id, expr.CastAssignment, fitLength(false))
		e.Name, a.Name = coerceName, assignName
		e.Doc, a.Doc = "Fits a value to the length or precision of its type, cutting text", "Fits a value to the length or precision of its type"
		out = append(out, e, a)
	}
	return out
}

func fitLength(explicit bool) kernel.Fn {
	return func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		o := kernel.NewOut(c.T.Layout(), c.N)
		for k := range c.Rows() {
			i := c.Row(k)
			d, err := types.ApplyMod(c.T, kernel.View(&args[0], i), explicit)
			if err != nil {
				return vec.Vec{}, err
			}
			o.SetDatum(i, d)
		}
		return o.Vec(), nil
	}
}
