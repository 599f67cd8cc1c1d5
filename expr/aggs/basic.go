package aggs

import (
	"streamdb/expr"
	"streamdb/types"
)

var bytesT = types.Of(types.Bytea)

// def makes a Def with a state that takes retractions and a partial form.
func def(name string, args []types.ID, ret types.ID, partial []types.T, mk func(args []types.T) State, doc string) *Def {
	return &Def{
		Def: expr.Def{Name: name, Args: args, Ret: ret, Doc: doc}, New: mk, Retractable: true,
		Partial: func([]types.T) []types.T { return partial },
	}
}

// basic lists count, sum, avg, min, max and the boolean and bit aggregates.
func basic() []*Def {
	ints := []types.T{int8T, int8T, int8T}
	enc := []types.T{bytesT}
	one := func(id types.ID) []types.ID { return []types.ID{id} }
	sumOf := func(r intResult) func([]types.T) State { return func([]types.T) State { return &sumInt{result: r} } }
	out := []*Def{
		def("count", nil, types.Int8, []types.T{int8T}, func([]types.T) State { return &countState{} }, "Number of rows"),
		def("count", one(types.Unknown), types.Int8, []types.T{int8T}, func([]types.T) State { return &countState{} }, "Number of values that are not NULL"),
		def("sum", one(types.Int2), types.Int8, ints, sumOf(sumBigint), "Sum"),
		def("sum", one(types.Int4), types.Int8, ints, sumOf(sumBigint), "Sum"),
		def("sum", one(types.Int8), types.Numeric, ints, sumOf(sumNumeric), "Sum"),
		def("sum", one(types.Numeric), types.Numeric, enc, func([]types.T) State { return &sumDecimal{} }, "Sum"),
		def("sum", one(types.Float4), types.Float4, enc, func([]types.T) State { return &sumFloat{single: true} }, "Sum"),
		def("sum", one(types.Float8), types.Float8, enc, func([]types.T) State { return &sumFloat{} }, "Sum"),
		def("sum", one(types.Interval), types.Interval, spanPartial, func([]types.T) State { return &sumSpan{} }, "Sum"),
		def("avg", one(types.Numeric), types.Numeric, enc, func([]types.T) State { return &sumDecimal{avg: true} }, "Average"),
		def("avg", one(types.Float4), types.Float8, enc, func([]types.T) State { return &sumFloat{single: true, avg: true} }, "Average"),
		def("avg", one(types.Float8), types.Float8, enc, func([]types.T) State { return &sumFloat{avg: true} }, "Average"),
		def("avg", one(types.Interval), types.Interval, spanPartial, func([]types.T) State { return &sumSpan{avg: true} }, "Average"),
	}
	for _, t := range []types.ID{types.Int2, types.Int4, types.Int8} {
		out = append(out, def("avg", one(t), types.Numeric, ints, sumOf(avgNumeric), "Average"))
		for _, b := range []struct {
			name, doc string
			op        byte
		}{{"bit_and", "Bitwise and", '&'}, {"bit_or", "Bitwise or", '|'}, {"bit_xor", "Bitwise exclusive or", '^'}} {
			d := def(b.name, one(t), t, []types.T{int8T, int8T}, func([]types.T) State { return &bitState{op: b.op} }, b.doc)
			d.Retractable = b.op == '^'
			out = append(out, d)
		}
	}
	for _, b := range []struct {
		name string
		or   bool
		doc  string
	}{{"bool_and", false, "Whether all values are TRUE"}, {"every", false, "Whether all values are TRUE"}, {"bool_or", true, "Whether any value is TRUE"}} {
		out = append(out, def(b.name, one(types.Bool), types.Bool, []types.T{int8T, int8T}, func([]types.T) State { return &boolState{or: b.or} }, b.doc))
	}
	return append(out, extremes()...)
}

// extremes lists min and max for the types that Postgres has them for.
func extremes() []*Def {
	var out []*Def
	for _, t := range []types.ID{
		types.Int2, types.Int4, types.Int8, types.Float4, types.Float8, types.Numeric, types.Text, types.Bpchar, types.Date, types.Time,
		types.Timestamp, types.TimestampTZ, types.Interval, types.OID, types.Array, types.Record, types.Bool, types.Bytea, types.Jsonb,
	} {
		for _, sign := range []int{-1, +1} {
			d := &Def{
				Def:     expr.Def{Name: "min", Args: []types.ID{t}, Ret: t, Doc: "Smallest value", RetOf: sameAsFirst},
				New:     func(args []types.T) State { return newExtreme(args[0], sign) },
				Extreme: sign,
				Partial: func(args []types.T) []types.T { return args[:1] },
			}
			if sign > 0 {
				d.Name, d.Doc = "max", "Biggest value"
			}
			if t != types.Array && t != types.Record && t != types.Text && t != types.Bpchar {
				d.RetOf = nil
			}
			out = append(out, d)
		}
	}
	return out
}

func sameAsFirst(args []types.T) types.T {
	t := args[0]
	if t.ID == types.Text || t.ID == types.Bpchar {
		t.Mod = 0
	}
	return t
}

// variances lists the variance family.
func variances() []*Def {
	enc := []types.T{bytesT}
	var out []*Def
	for _, f := range []struct {
		name string
		s    spread
		doc  string
	}{
		{"variance", spread{sample: true}, "Sample variance"}, {"var_samp", spread{sample: true}, "Sample variance"},
		{"var_pop", spread{}, "Population variance"},
		{"stddev", spread{sample: true, root: true}, "Sample standard deviation"}, {"stddev_samp", spread{sample: true, root: true}, "Sample standard deviation"},
		{"stddev_pop", spread{root: true}, "Population standard deviation"},
	} {
		for _, t := range []types.ID{types.Int2, types.Int4, types.Int8, types.Numeric} {
			out = append(out, def(f.name, []types.ID{t}, types.Numeric, enc, func([]types.T) State { return &varDecimal{spread: f.s, ints: t != types.Numeric} }, f.doc))
		}
		for _, t := range []types.ID{types.Float4, types.Float8} {
			out = append(out, def(f.name, []types.ID{t}, types.Float8, enc, func([]types.T) State { return &varFloat{spread: f.s} }, f.doc))
		}
	}
	return out
}
