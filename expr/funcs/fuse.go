package funcs

import (
	"math/big"
	"strings"

	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/types"
	"streamdb/vec"
)

// The functions below are expr.Def.Fuse of some: what they return is computed in
// place of a call and its arguments where that is cheaper. The Defs that they use
// are in no list, as nothing that is stored names them.

// together sets a Def's Together.
func together(d *expr.Def, f func(last []types.Datum) func(*expr.CallCtx, []vec.Vec) ([]vec.Vec, error)) *expr.Def {
	d.Together = f
	return d
}

// callTo is e if it calls the function or operator with so many arguments.
func callTo(e expr.Expr, name string, args int) *expr.Call {
	if c, ok := e.(*expr.Call); ok && c.Def.Name == name && len(c.Args) == args {
		return c
	}
	return nil
}

// literal is the value of a constant that is not NULL.
func literal(e expr.Expr) (types.Datum, bool) {
	c, ok := e.(*expr.Const)
	if !ok || c.Value.Null {
		return types.Datum{}, false
	}
	return c.Value, true
}

// fuseSubscript takes one group of a match without the array of all:
// (regexp_match(s, pattern))[k].
func fuseSubscript(c *expr.Call) expr.Expr {
	if len(c.Args) != 2 {
		return nil
	}
	match := callTo(c.Args[0], "regexp_match", 2)
	k, ok := literal(c.Args[1])
	if match == nil || !ok || k.I < 1 {
		return nil
	}
	if p, ok := literal(match.Args[1]); !ok {
		return nil
	} else if _, err := new(regexCache).get(p.S, ""); err != nil {
		return nil // with the call's own error, if there is a row
	}
	return &expr.Call{Def: regexGroup, Args: append(match.Args[:2:2], c.Args[1]), T: c.T}
}

var regexGroup = &expr.Def{Name: "regexp_match_group", Args: ids{tText, tText, tI4}, Ret: tText, Cost: regexCost, Safe: true, Doc: "One group of the first match",
	Eval: kernel.M3(func(*expr.CallCtx) func(s, p string, k int64) (string, error) {
		var cache regexCache
		var m []int
		return func(s, p string, k int64) (string, error) {
			re, err := cache.get(p, "")
			if err != nil {
				return "", err
			}
			found := re.find(s, m)
			if found == nil {
				return "", kernel.Null
			}
			m = found
			at := 2 * int(k)
			if len(m) == 2 { // no groups: the whole match is the only element
				at -= 2
			}
			if at >= len(m) || m[at] < 0 {
				return "", kernel.Null
			}
			return s[m[at]:m[at+1]], nil
		}
	})}

// fuseLength counts what would be left without making it: length(replace(s, from, to)).
func fuseLength(c *expr.Call) expr.Expr {
	r := callTo(c.Args[0], "replace", 3)
	if r == nil {
		return nil
	}
	from, ok1 := literal(r.Args[1])
	_, ok2 := literal(r.Args[2])
	if !ok1 || !ok2 || from.S == "" {
		return nil
	}
	return &expr.Call{Def: lengthReplaced, Args: r.Args, T: c.T}
}

var lengthReplaced = &expr.Def{Name: "length_replaced", Args: ids{tText, tText, tText}, Ret: tI4, Safe: true, Doc: "Number of characters after a replacement",
	Eval: func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) { // the texts to replace are constants
		out := charsOf(c, &args[0])
		from, to := kernel.String(args[1].Bytes(0)), kernel.String(args[2].Bytes(0))
		if more := int64(types.Runes(to) - types.Runes(from)); more != 0 {
			for k := range c.Rows() {
				i := c.Row(k)
				out[i] += more * int64(strings.Count(kernel.String(args[0].Bytes(i)), from))
			}
		}
		return vec.Ints(out), nil
	}}

// fuseProduct multiplies an integer by a numeric constant without making a numeric
// of it first.
func fuseProduct(c *expr.Call) expr.Expr {
	for i := range c.Args {
		n := wholeNumber(c.Args[1-i])
		if _, ok := literal(c.Args[i]); ok && n != nil {
			return &expr.Call{Def: productWhole, Args: []expr.Expr{c.Args[i], n}, T: c.T}
		}
	}
	return nil
}

// wholeNumber is the integer that e casts to numeric; nil: it does not.
func wholeNumber(e expr.Expr) expr.Expr {
	c := callTo(e, "cast", 1)
	if c == nil || c.T.ID != tNum || c.T.Mod != 0 || c.Args[0].Type().Layout() != types.LInt64 {
		return nil
	}
	switch c.Def.Args[0] {
	case types.Int2, types.Int4, types.Int8:
		return c.Args[0]
	}
	return nil
}

var productWhole = &expr.Def{Name: "product", Args: ids{tNum, types.Int8}, Ret: tNum, Doc: "Product of a numeric and an integer",
	Eval: func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		a, m := decimals(&args[0])(0), args[1].Mask() // a constant
		if c.Sel == nil && m != 0 {
			v := vec.Vec{Layout: types.LBytes, N: c.N, Off: make([]int32, c.N+1)}
			var ok bool
			if v.Data, ok = types.AppendProducts(nil, v.Off[1:], &a, args[1].I64[:c.N]); ok {
				return v, nil
			}
		}
		o := kernel.NewOut(types.LBytes, c.N)
		for k := range c.Rows() {
			i := c.Row(k)
			y := args[1].I64[i&m]
			buf, ok := types.AppendProduct(o.Begin(i), &a, y)
			if !ok {
				r, err := a.Mul(types.DecimalOfInt(y))
				if err != nil {
					return vec.Vec{}, err
				}
				buf = types.AppendDecimal(buf, r)
			}
			o.End(i, buf)
		}
		return o.Vec(), nil
	}}

// fuseComparison compares integers where numerics are compared that are made of
// one, with a constant: a cast, a product with a constant, a field of a time.
func fuseComparison(op cmpOp) func(c *expr.Call) expr.Expr {
	return func(c *expr.Call) expr.Expr {
		x, op := c.Args[0], op
		k, ok := literal(c.Args[1])
		if !ok {
			x, op = c.Args[1], op.mirrored()
			if k, ok = literal(c.Args[0]); !ok {
				return nil
			}
		}
		by := types.DecimalOfInt(1)
		n := wholeField(x)
		if n == nil {
			n = wholeNumber(x)
		}
		if p := callTo(x, productWhole.Name, 2); p != nil && p.Def == productWhole {
			f, _ := literal(p.Args[0])
			by, n = types.DecodeDecimal([]byte(f.S)), p.Args[1]
		}
		if n == nil {
			return nil
		}
		op, bound, ok := wholeBound(op, by, types.DecodeDecimal([]byte(k.S)))
		if !ok {
			return nil
		}
		d := wholeComparisons[op][n.Type().ID]
		if d == nil {
			return nil
		}
		return &expr.Call{Def: d, Args: []expr.Expr{n, &expr.Const{Value: types.IntDatum(bound), T: types.Of(types.Int8)}}, T: c.T}
	}
}

// wholeComparisons are the comparisons of integers, by the type of the first, with bigint.
var wholeComparisons [len(cmpNames)]map[types.ID]*expr.Def

// wholeBound is how integers n compare for which by * n op k holds: n op bound.
func wholeBound(op cmpOp, by, k types.Decimal) (_ cmpOp, bound int64, ok bool) {
	if !by.IsFinite() || !k.IsFinite() || by.IsZero() {
		return op, 0, false
	}
	if by.Sign() < 0 {
		op = op.mirrored()
	}
	a, ok1 := new(big.Rat).SetString(by.String())
	b, ok2 := new(big.Rat).SetString(k.String())
	if !ok1 || !ok2 {
		return op, 0, false
	}
	q := b.Quo(b, a)
	floor := new(big.Int).Div(q.Num(), q.Denom()) // the denominator is positive: rounds down
	at := floor
	if !q.IsInt() {
		switch op {
		case opEQ, opNE:
			return op, 0, false
		case opLT, opGE:
			at = new(big.Int).Add(floor, big.NewInt(1))
		}
	}
	return op, at.Int64(), at.IsInt64()
}

// wholeFields are the forms of extract that give an integer, of each type.
var wholeFields = map[*expr.Def]*expr.Def{}

// wholeField is extract of a field that is a small whole number, or NULL, for
// every time; nil: e is something else.
func wholeField(e expr.Expr) expr.Expr {
	c := callTo(e, "extract", 2)
	if c == nil || wholeFields[c.Def] == nil {
		return nil
	}
	name, ok := literal(c.Args[0])
	if !ok {
		return nil
	}
	switch types.ParseUnit(name.S) {
	case types.UnitMinute, types.UnitHour, types.UnitDay, types.UnitDow, types.UnitIsoDow, types.UnitDoy, types.UnitWeek, types.UnitMonth, types.UnitQuarter:
		return &expr.Call{Def: wholeFields[c.Def], Args: c.Args, T: types.Of(types.Int8)}
	}
	return nil
}

// indexSep is where a separator begins; -1: nowhere. An empty one separates nothing.
func indexSep(s, sep string) int {
	switch len(sep) {
	case 0:
		return -1
	case 1:
		return strings.IndexByte(s, sep[0])
	}
	return strings.Index(s, sep)
}
