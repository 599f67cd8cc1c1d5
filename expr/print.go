package expr

import (
	"strconv"
	"strings"

	"streamdb/types"
)

func (e *Col) String() string   { return "$" + strconv.Itoa(e.Index) }
func (e *Param) String() string { return "?" + strconv.Itoa(e.Index+1) }

func (e *Const) String() string { return literal(e.Value, e.T) }

// literal prints a value as SQL would spell it; the type is named where the
// spelling does not imply it.
func literal(d types.Datum, t types.T) string {
	if d.Null {
		return "NULL"
	}
	text := string(types.AppendText(nil, t, d, nil))
	switch t.ID {
	case types.Bool, types.Int4, types.Int8, types.Numeric, types.Int2:
		return text
	}
	quoted := "'" + strings.ReplaceAll(text, "'", "''") + "'"
	if t.ID == types.Text || t.ID == types.Unknown {
		return quoted
	}
	return quoted + "::" + t.String()
}

// prefixes are operators printed before their one argument, postfixes after it.
var postfixes = map[string]string{
	"is_null": "IS NULL", "is_not_null": "IS NOT NULL", "is_true": "IS TRUE", "is_not_true": "IS NOT TRUE",
	"is_false": "IS FALSE", "is_not_false": "IS NOT FALSE", "is_unknown": "IS UNKNOWN", "is_not_unknown": "IS NOT UNKNOWN",
}

var infixes = map[string]string{
	"is_distinct_from": "IS DISTINCT FROM", "is_not_distinct_from": "IS NOT DISTINCT FROM",
}

func (e *Call) String() string {
	switch e.Def.Kind {
	case CastImplicit, CastAssignment, CastExplicit:
		return e.Args[0].String() + "::" + e.T.String()
	}
	name := e.Def.Name
	switch {
	case len(e.Args) == 1 && postfixes[name] != "":
		return "(" + e.Args[0].String() + " " + postfixes[name] + ")"
	case len(e.Args) == 2 && infixes[name] != "":
		return "(" + e.Args[0].String() + " " + infixes[name] + " " + e.Args[1].String() + ")"
	case name == "not" && len(e.Args) == 1:
		return "(NOT " + e.Args[0].String() + ")"
	case e.Def.Kind == Operator && len(e.Args) == 2:
		return "(" + e.Args[0].String() + " " + name + " " + e.Args[1].String() + ")"
	case e.Def.Kind == Operator && len(e.Args) == 1:
		return "(" + name + " " + e.Args[0].String() + ")"
	}
	return name + "(" + join(e.Args, ", ") + ")"
}

func (e *And) String() string { return "(" + join(e.Args, " AND ") + ")" }
func (e *Or) String() string  { return "(" + join(e.Args, " OR ") + ")" }

func (e *Coalesce) String() string { return "COALESCE(" + join(e.Args, ", ") + ")" }

func (e *Case) String() string {
	var b strings.Builder
	b.WriteString("CASE")
	for i, w := range e.Whens {
		b.WriteString(" WHEN " + w.String() + " THEN " + e.Thens[i].String())
	}
	if e.Else != nil {
		b.WriteString(" ELSE " + e.Else.String())
	}
	b.WriteString(" END")
	return b.String()
}

func (e *In) String() string {
	var b strings.Builder
	b.WriteString("(" + e.Arg.String())
	if e.Not {
		b.WriteString(" NOT")
	}
	b.WriteString(" IN (")
	for i, d := range e.List {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(literal(d, e.Arg.Type()))
	}
	b.WriteString("))")
	return b.String()
}

func join(es []Expr, sep string) string {
	parts := make([]string, len(es))
	for i, e := range es {
		parts[i] = e.String()
	}
	return strings.Join(parts, sep)
}
