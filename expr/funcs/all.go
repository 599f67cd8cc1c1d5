package funcs

import (
	"sync"

	"streamdb/expr"
	"streamdb/expr/casts"
)

// families are the lists of overloads: one line per file of them.
var families = []func() []*expr.Def{
	comparisons,
	booleans,
	intArithmetic,
	floatArithmetic,
	numericArithmetic,
	strOperators,
	strFuncs,
	strMoreFuncs,
	patternFuncs,
	regexFuncs,
	regexNthFuncs,
	mathFuncs,
	mathMoreFuncs,
	dateArithmetic,
	dateFuncs,
	datePartFuncs,
	arrayFuncs,
	arrayMoreFuncs,
	arrayOrderFuncs,
	bytesFuncs,
	jsonFuncs,
	variadicFuncs,
	formatFuncs,
	sessionFuncs,
	catalogFuncs,
	singleRowFuncs,
}

// registry is the index over all Defs, made on first use.
type registry struct {
	all   []*expr.Def            // functions and operators
	funcs map[string][]*expr.Def // by name
	ops   map[string][]*expr.Def
	byKey map[string]*expr.Def // casts included
}

var load = sync.OnceValue(func() *registry {
	r := &registry{funcs: map[string][]*expr.Def{}, ops: map[string][]*expr.Def{}, byKey: map[string]*expr.Def{}}
	for _, f := range families {
		r.all = append(r.all, f()...)
	}
	for _, d := range r.all {
		index := r.funcs
		if d.Kind == expr.Operator {
			index = r.ops
		}
		index[d.Name] = append(index[d.Name], d)
		r.byKey[keyOf(d)] = d
	}
	for _, d := range casts.All() {
		r.byKey[keyOf(d)] = d
	}
	return r
})

// keyOf is Def.Key: a function and an operator never share a name.
func keyOf(d *expr.Def) string { return d.Key() }

// All lists every function and operator (casts: casts.All). Each Def is one
// pointer for the life of the process.
func All() []*expr.Def { return load().all }

// ByName lists the overloads of a function; none: nil.
func ByName(name string) []*expr.Def { return load().funcs[name] }

// OperatorsByName lists the overloads of an operator: "+", prefix and binary.
func OperatorsByName(name string) []*expr.Def { return load().ops[name] }

// ByKey finds a function, operator or cast by its Def.Key.
func ByKey(key string) (*expr.Def, bool) {
	d, ok := load().byKey[key]
	return d, ok
}

// Unmarshal decodes what expr.Marshal encoded.
func Unmarshal(b []byte) (expr.Expr, error) { return expr.Unmarshal(b, ByKey) }

// fn makes the Def of an immutable strict function.
func fn(name string, args ids, ret id, eval evalFn, doc string) *expr.Def {
	return &expr.Def{Name: name, Args: args, Ret: ret, Eval: eval, Doc: doc}
}

// notStrict marks a Def that sees NULL arguments.
func notStrict(d *expr.Def) *expr.Def { d.NotStrict = true; return d }

// safe marks a Def that never fails.
func safe(d *expr.Def) *expr.Def { d.Safe = true; return d }

// stable and volatile set a Def's volatility.
func stable(d *expr.Def) *expr.Def   { d.Volatile = expr.Stable; return d }
func volatile(d *expr.Def) *expr.Def { d.Volatile = expr.VolatileFn; return d }

// aliases makes the Def available under more names.
func aliases(d *expr.Def, names ...string) []*expr.Def {
	out := []*expr.Def{d}
	for _, n := range names {
		c := *d
		c.Name = n
		out = append(out, &c)
	}
	return out
}
