package funcs

import (
	"strings"
	"unicode/utf8"

	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/internal/sqlerr"
	"streamdb/types"
)

// variadicFuncs lists the functions of any number of arguments.
func variadicFuncs() []*expr.Def {
	n := func(name string, args ids, ret id, mk func(c *expr.CallCtx) func([]types.Datum) (types.Datum, error), doc string) *expr.Def {
		d := notStrict(fn(name, args, ret, kernel.Rows(mk), doc))
		d.Variadic = true
		return d
	}
	common := func(d *expr.Def) *expr.Def {
		d.Poly = true
		d.RetOf = func(a []types.T) types.T { // a length or scale stays if all have it
			t := a[0]
			for _, x := range a {
				if x.Mod != t.Mod {
					t.Mod = 0
				}
			}
			return t
		}
		return d
	}
	row := n("row", ids{tAny}, tRec, makeRow, "Row of the arguments")
	row.RetOf = rowType
	none := notStrict(fn("row", ids{}, tRec, kernel.Rows(makeRow), "Row without fields"))
	none.RetOf = rowType
	return []*expr.Def{
		common(n("greatest", ids{tAny}, tAny, extremeOf(+1), "Biggest of the arguments that are not NULL")),
		common(n("least", ids{tAny}, tAny, extremeOf(-1), "Smallest of the arguments that are not NULL")),
		stable(n("concat", ids{tAny}, tText, concat, "Text forms joined, NULLs left out")),
		stable(n("concat_ws", ids{tText, tAny}, tText, concatWS, "Text forms joined by a separator, NULLs left out")),
		stable(notStrict(fn("format", ids{tText}, tText, kernel.Rows(format), "Text with placeholders filled in"))),
		stable(n("format", ids{tText, tAny}, tText, format, "Text with placeholders filled in")),
		n("num_nulls", ids{tAny}, tI4, countNulls(true), "Number of NULL arguments"),
		n("num_nonnulls", ids{tAny}, tI4, countNulls(false), "Number of arguments that are not NULL"),
		row, none,
	}
}

func extremeOf(sign int) func(c *expr.CallCtx) func([]types.Datum) (types.Datum, error) {
	return func(c *expr.CallCtx) func([]types.Datum) (types.Datum, error) {
		t := c.Args[0]
		return func(args []types.Datum) (types.Datum, error) {
			best := types.NullDatum
			for _, a := range args {
				if !a.Null && (best.Null || types.Compare(t, a, best)*sign > 0) {
					best = a
				}
			}
			return best, nil
		}
	}
}

func concat(c *expr.CallCtx) func([]types.Datum) (types.Datum, error) {
	env := c.TextEnv()
	return func(args []types.Datum) (types.Datum, error) {
		var out []byte
		for i, a := range args {
			if !a.Null {
				out = types.AppendText(out, c.Args[i], a, env)
			}
		}
		return types.BytesDatum(string(out)), nil
	}
}

func concatWS(c *expr.CallCtx) func([]types.Datum) (types.Datum, error) {
	env := c.TextEnv()
	return func(args []types.Datum) (types.Datum, error) {
		if args[0].Null {
			return types.NullDatum, nil
		}
		var out []byte
		first := true
		for i, a := range args[1:] {
			if a.Null {
				continue
			}
			if !first {
				out = append(out, args[0].S...)
			}
			first = false
			out = types.AppendText(out, c.Args[i+1], a, env)
		}
		return types.BytesDatum(string(out)), nil
	}
}

func countNulls(nulls bool) func(c *expr.CallCtx) func([]types.Datum) (types.Datum, error) {
	return func(*expr.CallCtx) func([]types.Datum) (types.Datum, error) {
		return func(args []types.Datum) (types.Datum, error) {
			n := int64(0)
			for _, a := range args {
				if a.Null == nulls {
					n++
				}
			}
			return types.IntDatum(n), nil
		}
	}
}

func rowType(args []types.T) types.T {
	t := types.Of(tRec)
	for i, a := range args {
		t.Fields = append(t.Fields, types.Field{Name: "f" + itoa(i+1), Type: a})
	}
	return t
}

func makeRow(c *expr.CallCtx) func([]types.Datum) (types.Datum, error) {
	return func(args []types.Datum) (types.Datum, error) { return types.EncodeRecord(c.T, args), nil }
}

func errFormat(msg, hint string) error {
	e := sqlerr.New(sqlerr.InvalidParameterValue, "%s", msg)
	if hint != "" {
		e.Hint = hint
	}
	return e
}

// format is Postgres's format(): %[position$][-][width]{s|I|L|%}.
func format(c *expr.CallCtx) func([]types.Datum) (types.Datum, error) {
	env := c.TextEnv()
	return func(args []types.Datum) (types.Datum, error) {
		if args[0].Null {
			return types.NullDatum, nil
		}
		f := formatter{c: c, env: env, args: args, next: 1}
		out, err := f.run(args[0].S)
		return types.BytesDatum(out), err
	}
}

type formatter struct {
	c    *expr.CallCtx
	env  *types.Env
	args []types.Datum
	next int
}

func (f *formatter) run(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		i++
		if i < len(s) && s[i] == '%' {
			b.WriteByte('%')
			continue
		}
		used, text, err := f.spec(s[i:])
		if err != nil {
			return "", err
		}
		b.WriteString(text)
		i += used - 1
	}
	return b.String(), nil
}

// spec fills in one placeholder and returns the bytes it takes up after the %.
func (f *formatter) spec(s string) (used int, text string, err error) {
	unterminated := errFormat("unterminated format() type specifier", "For a single \"%\" use \"%%\".")
	i := 0
	number := func() (int, bool) {
		n, any := 0, false
		for i < len(s) && s[i] >= '0' && s[i] <= '9' && n < 1<<20 {
			n, any = n*10+int(s[i]-'0'), true
			i++
		}
		return n, any
	}
	pos := 0
	n, any := number()
	width := 0
	if any && i < len(s) && s[i] == '$' {
		i++
		if n == 0 {
			return 0, "", errFormat("format specifies argument 0, but arguments are numbered from 1", "")
		}
		pos, any = n, false
	}
	left := false
	if any {
		width = n
	} else {
		for i < len(s) && s[i] == '-' {
			left = true
			i++
		}
		if i < len(s) && s[i] == '*' {
			i++
			d, err := f.take(0)
			if err != nil {
				return 0, "", err
			}
			if !d.Null {
				width = int(d.I)
			}
			if width < 0 {
				left, width = true, -width
			}
		} else {
			width, _ = number()
		}
	}
	if i >= len(s) {
		return 0, "", unterminated
	}
	kind := s[i]
	if kind != 's' && kind != 'I' && kind != 'L' {
		r, _ := utf8.DecodeRuneInString(s[i:])
		return 0, "", errFormat("unrecognized format() type specifier \""+string(r)+"\"", "For a single \"%\" use \"%%\".")
	}
	at := f.next
	if pos > 0 {
		at = pos
	}
	d, err := f.take(pos)
	if err != nil {
		return 0, "", err
	}
	if text, err = f.text(kind, at, d); err != nil {
		return 0, "", err
	}
	if fill := width - types.Runes(text); fill > 0 {
		if left {
			text += strings.Repeat(" ", fill)
		} else {
			text = strings.Repeat(" ", fill) + text
		}
	}
	return i + 1, text, nil
}

func (f *formatter) take(pos int) (types.Datum, error) {
	if pos == 0 {
		pos = f.next
	}
	f.next = pos + 1
	if pos >= len(f.args) {
		return types.NullDatum, errFormat("too few arguments for format()", "")
	}
	return f.args[pos], nil
}

func (f *formatter) text(kind byte, at int, d types.Datum) (string, error) {
	switch {
	case d.Null && kind == 'I':
		return "", sqlerr.New(sqlerr.NullValueNotAllowed, "null values cannot be formatted as an SQL identifier")
	case d.Null && kind == 'L':
		return "NULL", nil
	case d.Null:
		return "", nil
	}
	s := string(types.AppendText(nil, f.c.Args[at], d, f.env))
	switch kind {
	case 'I':
		return quoteIdent(s), nil
	case 'L':
		return quoteLiteral(s), nil
	}
	return s, nil
}
