package expr

import (
	"streamdb/types"
	"streamdb/vec"
)

// Def is one overload of a scalar function, operator or cast: one row of the
// lists in expr/funcs and expr/casts. Key is stable for ever: pinned plans name it.
type Def struct {
	Name     string // SQL name; operators by their symbol ("+"), casts "cast"
	Args     []types.ID
	Variadic bool     // the last of Args may repeat (0 or more times beyond the first)
	Ret      types.ID // types.Unknown: see RetOf
	// Elem is the element type of the Array members of Args and Ret: text[] is
	// Array with Elem Text. Unknown: any element type.
	Elem types.ID
	// Poly ties the Unknown members (any type) and the element types of Array
	// members of Args to one common type, as Postgres's anycompatible does. Without
	// it each of them is free (Postgres's "any").
	Poly bool
	// NonArray: Unknown members of Args do not take arrays (anynonarray).
	NonArray bool
	// RetOf computes the result type from the argument types where Ret cannot
	// say it (arrays, records, numeric scale). May be nil.
	RetOf     func(args []types.T) types.T
	Kind      DefKind
	NotStrict bool // the function handles NULL arguments itself; else any NULL argument gives NULL and Eval is not asked
	Volatile  Volatility
	// Eval computes the selected rows into a new column. For strict functions
	// rows with a NULL argument are already taken out of sel, and the caller sets
	// the result's NULLs; Eval may add NULLs of its own.
	Eval func(c *CallCtx, args []vec.Vec) (vec.Vec, error)
	// Total says that Eval never fails and may run over rows with NULL arguments
	// (what it computes there is unspecified): the caller then need not take them
	// out of the selection. Only for strict functions over fixed-width layouts.
	Total bool
	// Select, where present, appends the selected rows for which the boolean
	// result is TRUE to dst, without making a column of booleans. Rows with NULL
	// arguments are removed by the caller, as for Total. May be nil.
	Select func(c *CallCtx, args []vec.Vec, dst []int32) []int32
	// Fuse gives a call of this function whose arguments have a certain form a
	// cheaper one: an expression with the same result for every row that fails for
	// no others; nil: it has none. May be nil. Only Prepare asks; what it gives is never stored.
	Fuse func(c *Call) Expr
	// Together gives an evaluation of several calls that are alike but for their last
	// argument, which are the given constants: args are those that they share, the
	// results are theirs. nil: it cannot. Only for immutable strict functions that
	// fail for none of these. May be nil.
	Together func(last []types.Datum) func(c *CallCtx, args []vec.Vec) ([]vec.Vec, error)
	Safe     bool // Eval never fails
	Cost     int  // about ns a row, where that is worth considering (dear)
	Doc      string
}

// DefKind tells functions, operators and casts apart.
type DefKind uint8

// The kinds of Def.
const (
	Function DefKind = iota
	Operator
	CastImplicit   // applied anywhere (Args[0] -> Ret)
	CastAssignment // applied on INSERT/UPDATE, and explicitly
	CastExplicit   // only by CAST or ::
)

// Volatility is Postgres's provolatile.
type Volatility uint8

// The volatilities.
const (
	Immutable  Volatility = iota
	Stable                // depends on Ctx (now(), TimeZone)
	VolatileFn            // depends on anything (random())
)

// Key is the stable name of the overload: name(arg,arg)->ret. Any-type members
// print as "any", arrays of any element as "anyarray".
func (d *Def) Key() string {
	b := append(make([]byte, 0, 48), d.Name...)
	b = append(b, '(')
	for i, a := range d.Args {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, d.argName(a)...)
		if d.Variadic && i == len(d.Args)-1 {
			b = append(b, "..."...)
		}
	}
	b = append(b, ")->"...)
	return string(append(b, d.argName(d.Ret)...))
}

func (d *Def) argName(id types.ID) string {
	switch {
	case id == types.Unknown:
		return "any"
	case id != types.Array:
		return types.Of(id).String()
	case d.Elem == types.Unknown:
		return "anyarray"
	default:
		return types.Of(d.Elem).String() + "[]"
	}
}

// ArgType is the declared type of argument i, with variadic repetition.
// Any-type members are Unknown, arrays of any element have a nil Elem.
func (d *Def) ArgType(i int) types.T {
	if i >= len(d.Args) {
		i = len(d.Args) - 1
	}
	t := types.Of(d.Args[i])
	if t.ID == types.Array && d.Elem != types.Unknown {
		t = types.ArrayOf(types.Of(d.Elem))
	}
	return t
}

// ResultType is the type of a call with arguments of the given types.
func (d *Def) ResultType(args []types.T) types.T {
	if d.RetOf != nil {
		return d.RetOf(args)
	}
	if d.Ret == types.Array && d.Elem != types.Unknown {
		return types.ArrayOf(types.Of(d.Elem))
	}
	return types.Of(d.Ret)
}

// CallCtx is what one evaluation of a Def sees.
type CallCtx struct {
	*Ctx
	Sel  []int32   // rows to compute; nil: all N
	N    int       // rows of the result
	Args []types.T // types of the arguments, with modifiers
	T    types.T   // type of the result, with modifiers
}

// Rows is the number of rows to compute.
func (c *CallCtx) Rows() int {
	if c.Sel == nil {
		return c.N
	}
	return len(c.Sel)
}

// Row is the row number of the k-th row to compute.
func (c *CallCtx) Row(k int) int {
	if c.Sel == nil {
		return k
	}
	return int(c.Sel[k])
}
