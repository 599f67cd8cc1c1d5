package expr

import (
	"sync"

	"streamdb/types"
	"streamdb/vec"
)

// In is Arg IN (List): all of List are constants of Arg's type, cast before. Not
// makes it NOT IN. A list of more than a few values is looked up in a hash set,
// which is made once. Use NewIn.
type In struct {
	Arg  Expr
	List []types.Datum
	Not  bool

	once sync.Once
	set  inSet
}

// NewIn makes arg [NOT] IN (list). The datums are of arg's type; NULLs allowed.
func NewIn(arg Expr, list []types.Datum, not bool) *In { return &In{Arg: arg, List: list, Not: not} }

// inSet holds the values of the list in the form that rows are compared in.
type inSet struct {
	ints    []int64 // short lists of LInt64
	intSet  map[int64]struct{}
	texts   textSet             // LBytes whose equal values have equal bytes
	keys    map[string]struct{} // other LBytes, and floats: the key form
	hasNull bool
	t, f    bool
}

// inLinear is the length up to which a list of integers is scanned.
const inLinear = 8

// rawEqual says that equal values of the type have equal byte forms.
func rawEqual(t types.T) bool {
	switch t.ID {
	case types.Text, types.Bytea, types.Name, types.Char, types.Unknown:
		return true
	}
	return false
}

func (e *In) build() {
	t := e.Arg.Type()
	s := &e.set
	layout := t.Layout()
	var texts []string
	for _, d := range e.List {
		switch {
		case d.Null:
			s.hasNull = true
		case layout == types.LBool:
			s.t, s.f = s.t || d.Bool(), s.f || !d.Bool()
		case layout == types.LInt64:
			s.ints = append(s.ints, d.I)
		case rawEqual(t):
			texts = append(texts, d.S)
		default:
			if s.keys == nil {
				s.keys = make(map[string]struct{}, len(e.List))
			}
			s.keys[string(types.AppendKey(nil, t, d, false, false))] = struct{}{}
		}
	}
	s.texts = textSetOf(texts)
	if len(s.ints) > inLinear {
		s.intSet = make(map[int64]struct{}, len(s.ints))
		for _, x := range s.ints {
			s.intSet[x] = struct{}{}
		}
	}
}

// Type is boolean.
func (e *In) Type() types.T { return types.Of(types.Bool) }

// Eval looks the argument's rows up in the list: NULL when the argument is NULL,
// or when it is not in a list that holds a NULL.
func (e *In) Eval(ctx *Ctx, in []vec.Vec, sel []int32, n int) (vec.Vec, error) {
	if n == 0 || sel != nil && len(sel) == 0 {
		return nullVec(types.LBool, n), nil
	}
	arg, err := e.Arg.Eval(ctx, in, sel, n)
	if err != nil {
		return vec.Vec{}, err
	}
	if len(e.List) == 0 {
		return vec.ConstOf(types.LBool, types.BoolDatum(e.Not), n), nil
	}
	e.once.Do(e.build)
	if arg.Const {
		if arg.Null(0) {
			return nullVec(types.LBool, n), nil
		}
		one := vec.Vec{Layout: arg.Layout, Const: true, N: 1, Bool: arg.Bool, I64: arg.I64, F64: arg.F64, Off: arg.Off, Data: arg.Data}
		hit := make([]bool, 1)
		e.find(&one, nil, hit)
		if !hit[0] && e.set.hasNull {
			return nullVec(types.LBool, n), nil
		}
		return vec.ConstOf(types.LBool, types.BoolDatum(hit[0] != e.Not), n), nil
	}
	if arg.Valid != nil {
		if sel = narrow(sel, arg.Valid, n); len(sel) == 0 {
			return nullVec(types.LBool, n), nil
		}
	}
	hit := make([]bool, n)
	e.find(&arg, sel, hit)
	out := vec.Bools(hit)
	if e.set.hasNull {
		out.Valid = make([]byte, (n+7)>>3)
		for i, h := range hit {
			if h {
				out.Valid[i>>3] |= 1 << (i & 7)
			}
		}
	}
	if e.Not {
		for i := range hit {
			hit[i] = !hit[i]
		}
	}
	if arg.Valid != nil {
		out = withValid(out, arg.Valid, n)
	}
	return out, nil
}

// find sets hit for the rows of sel (nil: all) whose value is in the list.
func (e *In) find(arg *vec.Vec, sel []int32, hit []bool) {
	s := &e.set
	rows := len(hit)
	if sel != nil {
		rows = len(sel)
	}
	row := func(k int) int {
		if sel == nil {
			return k
		}
		return int(sel[k])
	}
	switch {
	case arg.Layout == types.LBool:
		for k := range rows {
			i := row(k)
			hit[i] = arg.Bool[i] && s.t || !arg.Bool[i] && s.f
		}
	case s.intSet != nil:
		for k := range rows {
			i := row(k)
			_, hit[i] = s.intSet[arg.I64[i]]
		}
	case arg.Layout == types.LInt64:
		for k := range rows {
			i := row(k)
			x := arg.I64[i]
			for _, y := range s.ints {
				if x == y {
					hit[i] = true
					break
				}
			}
		}
	case rawEqual(e.Arg.Type()):
		for k := range rows {
			i := row(k)
			hit[i] = s.texts.find(arg.Data[arg.Off[i]:arg.Off[i+1]]) >= 0
		}
	default:
		t := e.Arg.Type()
		var key []byte
		for k := range rows {
			i := row(k)
			key = types.AppendKey(key[:0], t, arg.Datum(i), false, false)
			_, hit[i] = s.keys[string(key)]
		}
	}
}
