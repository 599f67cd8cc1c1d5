package funcs

import (
	"bytes"
	"math"

	"streamdb/expr"
	"streamdb/types"
	"streamdb/vec"
)

// cmpOp is a comparison operator.
type cmpOp uint8

const (
	opEQ cmpOp = iota
	opNE
	opLT
	opLE
	opGT
	opGE
)

var cmpNames = [...]string{"=", "<>", "<", "<=", ">", ">="}

var cmpDocs = [...]string{"Equal", "Not equal", "Less than", "Less than or equal", "Greater than", "Greater than or equal"}

// holds turns the sign of a comparison into the operator's result.
func (op cmpOp) holds(c int) bool {
	switch op {
	case opEQ:
		return c == 0
	case opNE:
		return c != 0
	case opLT:
		return c < 0
	case opLE:
		return c <= 0
	case opGT:
		return c > 0
	}
	return c >= 0
}

// mirrored is the operator with its arguments swapped.
func (op cmpOp) mirrored() cmpOp { return [...]cmpOp{opEQ, opNE, opGT, opGE, opLT, opLE}[op] }

// comparisons lists = <> < <= > >= for every pair of types that Postgres has.
func comparisons() []*expr.Def {
	var out []*expr.Def
	for op := opEQ; op <= opGE; op++ {
		out = append(out, comparisonsOf(op)...)
	}
	return out
}

func comparisonsOf(op cmpOp) []*expr.Def {
	var out []*expr.Def
	add := func(a, b types.ID, d expr.Def) {
		d.Name, d.Args, d.Ret, d.Kind, d.Doc = cmpNames[op], []types.ID{a, b}, types.Bool, expr.Operator, cmpDocs[op]
		out = append(out, &d)
	}
	whole := map[types.ID]*expr.Def{}
	wholeComparisons[op] = whole
	ints := expr.Def{Eval: cmpIntEval(op), Select: cmpIntSelect(op), Total: true}
	for _, a := range intTypes {
		for _, b := range intTypes {
			add(a, b, ints)
			if b == types.Int8 {
				whole[a] = out[len(out)-1]
			}
		}
	}
	for _, t := range []types.ID{types.OID, types.Date, types.Time, types.Timestamp, types.TimestampTZ} {
		add(t, t, ints)
	}
	floats := expr.Def{Eval: cmpFloatEval(op), Select: cmpFloatSelect(op), Total: true}
	for _, a := range floatTypes {
		for _, b := range floatTypes {
			add(a, b, floats)
		}
	}
	add(types.Bool, types.Bool, expr.Def{Eval: cmpBoolEval(op), Total: true})
	raw := expr.Def{Eval: cmpBytesEval(op), Select: cmpBytesSelect(op), Total: true}
	for _, t := range []types.ID{types.Text, types.Bytea, types.Name, types.Char} {
		add(t, t, raw)
	}
	add(types.Name, types.Text, raw)
	add(types.Text, types.Name, raw)
	add(types.Numeric, types.Numeric, expr.Def{Eval: cmpNumericEval(op), Fuse: fuseComparison(op), Safe: true})
	general := expr.Def{Eval: cmpGeneralEval(op)}
	for _, t := range []types.ID{types.Bpchar, types.Interval, types.Jsonb, types.Record, types.OIDVector, types.Int2Vector} {
		add(t, t, general)
	}
	poly := general
	poly.Poly = true
	add(types.Array, types.Array, poly)
	return append(out, dateComparisons(op)...)
}

// cmpIntEval compares int64 values. Against a constant every operator is one
// range test: lo <= x <= hi, negated for <>.
func cmpIntEval(op cmpOp) func(*expr.CallCtx, []vec.Vec) (vec.Vec, error) {
	return func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		out := make([]bool, c.N)
		a, b, o := &args[0], &args[1], op
		if a.Const && !b.Const {
			a, b, o = b, a, op.mirrored()
		}
		if b.Const && !a.Const {
			lo, span, neg := rangeOf(o, b.I64[0])
			x := a.I64
			if c.Sel == nil {
				x = x[:len(out)]
				for i := range out {
					out[i] = (uint64(x[i]-lo) <= span) != neg
				}
				return vec.Bools(out), nil
			}
			for _, i := range c.Sel {
				out[i] = (uint64(x[i]-lo) <= span) != neg
			}
			return vec.Bools(out), nil
		}
		cmpInts(o, a, b, c.Sel, out)
		return vec.Bools(out), nil
	}
}

// rangeOf gives the x for which x op k holds as 0 <= x-lo <= span, negated by neg.
func rangeOf(op cmpOp, k int64) (lo int64, span uint64, neg bool) {
	switch op {
	case opEQ:
		return k, 0, false
	case opNE:
		return k, 0, true
	case opLE:
		return math.MinInt64, uint64(k) - 1<<63, false
	case opGT:
		return math.MinInt64, uint64(k) - 1<<63, true
	case opGE:
		return k, uint64(math.MaxInt64 - k), false
	}
	return k, uint64(math.MaxInt64 - k), true // LT: not (x >= k)
}

func cmpInts(op cmpOp, a, b *vec.Vec, sel []int32, out []bool) {
	x, y, mx, my := a.I64, b.I64, a.Mask(), b.Mask()
	switch op {
	case opGT, opLE:
		x, y, mx, my = y, x, my, mx
	}
	neg := op == opNE || op == opGE || op == opLE
	eq := op == opEQ || op == opNE
	switch {
	case eq && sel == nil:
		for i := range out {
			out[i] = (x[i&mx] == y[i&my]) != neg
		}
	case eq:
		for _, i := range sel {
			out[i] = (x[int(i)&mx] == y[int(i)&my]) != neg
		}
	case sel == nil:
		for i := range out {
			out[i] = (x[i&mx] < y[i&my]) != neg
		}
	default:
		for _, i := range sel {
			out[i] = (x[int(i)&mx] < y[int(i)&my]) != neg
		}
	}
}

// cmpIntSelect is cmpIntEval that fills a selection; no branch depends on data.
func cmpIntSelect(op cmpOp) func(*expr.CallCtx, []vec.Vec, []int32) []int32 {
	return func(c *expr.CallCtx, args []vec.Vec, dst []int32) []int32 {
		a, b, o := &args[0], &args[1], op
		if a.Const && !b.Const {
			a, b, o = b, a, op.mirrored()
		}
		start := len(dst)
		dst = grow(dst, c.Rows())
		if b.Const && !a.Const {
			lo, span, neg := rangeOf(o, b.I64[0])
			return dst[:start+selectRange(dst[start:], a.I64, c.Sel, c.N, lo, span, neg)]
		}
		k := start
		x, y, mx, my := a.I64, b.I64, a.Mask(), b.Mask()
		switch o {
		case opGT, opLE:
			x, y, mx, my = y, x, my, mx
		}
		neg := o == opNE || o == opGE || o == opLE
		eq := o == opEQ || o == opNE
		for r := range c.Rows() {
			i := c.Row(r)
			dst[k] = int32(i)
			p, q := x[i&mx], y[i&my]
			k += bit((p < q && !eq || p == q && eq) != neg)
		}
		return dst[:k]
	}
}

func selectRange(dst []int32, x []int64, sel []int32, n int, lo int64, span uint64, neg bool) int {
	k := 0
	inside, outside := 1, 0
	if neg {
		inside, outside = 0, 1
	}
	if sel == nil {
		for i, v := range x[:n] {
			dst[k] = int32(i)
			step := outside
			if uint64(v-lo) <= span {
				step = inside
			}
			k += step
		}
		return k
	}
	for _, i := range sel {
		dst[k] = i
		step := outside
		if uint64(x[i]-lo) <= span {
			step = inside
		}
		k += step
	}
	return k
}

// grow makes room for n more values; the length includes them.
func grow(dst []int32, n int) []int32 {
	if cap(dst)-len(dst) < n {
		bigger := make([]int32, len(dst), len(dst)+n)
		copy(bigger, dst)
		dst = bigger
	}
	return dst[:len(dst)+n]
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// floatLess orders floats as Postgres does: NaN is equal to itself and above all.
func floatLess(a, b float64) bool { return a < b || b != b && a == a }

func floatEqual(a, b float64) bool { return a == b || a != a && b != b }

func floatHolds(op cmpOp, a, b float64) bool {
	switch op {
	case opEQ:
		return floatEqual(a, b)
	case opNE:
		return !floatEqual(a, b)
	case opLT:
		return floatLess(a, b)
	case opGE:
		return !floatLess(a, b)
	case opGT:
		return floatLess(b, a)
	}
	return !floatLess(b, a)
}

func cmpFloatEval(op cmpOp) func(*expr.CallCtx, []vec.Vec) (vec.Vec, error) {
	return func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		out := make([]bool, c.N)
		x, y, mx, my := args[0].F64, args[1].F64, args[0].Mask(), args[1].Mask()
		if c.Sel == nil {
			for i := range out {
				out[i] = floatHolds(op, x[i&mx], y[i&my])
			}
			return vec.Bools(out), nil
		}
		for _, i := range c.Sel {
			out[i] = floatHolds(op, x[int(i)&mx], y[int(i)&my])
		}
		return vec.Bools(out), nil
	}
}

func cmpFloatSelect(op cmpOp) func(*expr.CallCtx, []vec.Vec, []int32) []int32 {
	return func(c *expr.CallCtx, args []vec.Vec, dst []int32) []int32 {
		x, y, mx, my := args[0].F64, args[1].F64, args[0].Mask(), args[1].Mask()
		k := len(dst)
		dst = grow(dst, c.Rows())
		for r := range c.Rows() {
			i := c.Row(r)
			dst[k] = int32(i)
			k += bit(floatHolds(op, x[i&mx], y[i&my]))
		}
		return dst[:k]
	}
}

func cmpBoolEval(op cmpOp) func(*expr.CallCtx, []vec.Vec) (vec.Vec, error) {
	var table [4]bool // index a<<1 | b
	for i := range table {
		table[i] = op.holds(i>>1 - i&1)
	}
	return func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		out := make([]bool, c.N)
		x, y, mx, my := args[0].Bool, args[1].Bool, args[0].Mask(), args[1].Mask()
		for k := range c.Rows() {
			i := c.Row(k)
			out[i] = table[bit(x[i&mx])<<1|bit(y[i&my])]
		}
		return vec.Bools(out), nil
	}
}

// bytesHold compares byte forms; equality looks at the lengths first.
func bytesHold(op cmpOp, a, b []byte) bool {
	if op == opEQ {
		return string(a) == string(b)
	}
	if op == opNE {
		return string(a) != string(b)
	}
	return op.holds(bytes.Compare(a, b))
}

func cmpBytesEval(op cmpOp) func(*expr.CallCtx, []vec.Vec) (vec.Vec, error) {
	return func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
		out := make([]bool, c.N)
		if a, b := &args[0], &args[1]; b.Const && !a.Const && (op == opEQ || op == opNE) {
			key := b.Bytes(0)
			for k := range c.Rows() { // lengths first, which the offsets tell
				i := c.Row(k)
				from, to := a.Off[i], a.Off[i+1]
				out[i] = (int(to-from) == len(key) && string(a.Data[from:to]) == string(key)) == (op == opEQ)
			}
			return vec.Bools(out), nil
		}
		for k := range c.Rows() {
			i := c.Row(k)
			out[i] = bytesHold(op, args[0].Bytes(i), args[1].Bytes(i))
		}
		return vec.Bools(out), nil
	}
}

func cmpBytesSelect(op cmpOp) func(*expr.CallCtx, []vec.Vec, []int32) []int32 {
	return func(c *expr.CallCtx, args []vec.Vec, dst []int32) []int32 {
		if b := &args[1]; b.Const && !args[0].Const && (op == opEQ || op == opNE) {
			return selectEqualBytes(c, &args[0], b.Bytes(0), op == opNE, dst)
		}
		k := len(dst)
		dst = grow(dst, c.Rows())
		for r := range c.Rows() {
			i := c.Row(r)
			dst[k] = int32(i)
			k += bit(bytesHold(op, args[0].Bytes(i), args[1].Bytes(i)))
		}
		return dst[:k]
	}
}

// selectEqualBytes selects the rows equal to key (or not, with neg): lengths
// first, which the offsets tell.
func selectEqualBytes(c *expr.CallCtx, v *vec.Vec, key []byte, neg bool, dst []int32) []int32 {
	k := len(dst)
	dst = grow(dst, c.Rows())
	off, data, want := v.Off, v.Data, int32(len(key))
	for r := range c.Rows() {
		i := c.Row(r)
		dst[k] = int32(i)
		from, to := off[i], off[i+1]
		k += bit((to-from == want && string(data[from:to]) == string(key)) != neg)
	}
	return dst[:k]
}
