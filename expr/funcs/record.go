package funcs

import (
	"strconv"
	"strings"

	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/types"
	"streamdb/vec"
)

func itoa(i int) string { return strconv.Itoa(i) }

// recordNullTest is IS [NOT] NULL of a row value: NULL when all fields are, not
// NULL when none is.
func recordNullTest(c *expr.CallCtx, a *vec.Vec, want bool) vec.Vec {
	out := make([]bool, c.N)
	for k := range c.Rows() {
		i := c.Row(k)
		if a.Null(i) {
			out[i] = want
			continue
		}
		all := true
		for _, d := range types.DecodeRecord(c.Args[0], a.Bytes(i)) {
			all = all && d.Null == want
		}
		out[i] = all
	}
	return vec.Bools(out)
}

// recordFuncs lists the access to a row's fields: field(row, n), n from 0 and constant.
func recordFuncs() []*expr.Def {
	return []*expr.Def{{
		Name: "field", Args: ids{tRec, tI4}, Doc: "Field of a row by its number, from 0; bound by the planner",
		RetOf: func([]types.T) types.T { return types.T{} }, // the planner sets Call.T
		Eval: func(c *expr.CallCtx, args []vec.Vec) (vec.Vec, error) {
			o := kernel.NewOut(c.T.Layout(), c.N)
			n, m := args[1].I64, args[1].Mask()
			for k := range c.Rows() {
				i := c.Row(k)
				vals := types.DecodeRecord(c.Args[0], args[0].Bytes(i))
				if f := n[i&m]; f >= 0 && f < int64(len(vals)) {
					o.SetDatum(i, vals[f])
				} else {
					o.SetNull(i)
				}
			}
			return o.Vec(), nil
		},
	}}
}

// reserved are Postgres's keywords that cannot be a bare identifier everywhere:
// quote_ident quotes them.
var reserved = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(`all analyse analyze and any array as asc asymmetric authorization between bigint
		binary bit boolean both case cast char character check coalesce collate collation column concurrently constraint
		create cross current_catalog current_date current_role current_schema current_time current_timestamp current_user
		dec decimal default deferrable desc distinct do else end except exists extract false fetch float for foreign
		freeze from full grant greatest group grouping having ilike in initially inner inout int integer intersect
		interval into is isnull join lateral leading least left like limit localtime localtimestamp national natural nchar
		none normalize not notnull null nullif numeric offset on only or order out outer overlaps overlay placing position
		precision primary real references returning right row select session_user setof similar smallint some substring
		symmetric table tablesample then time timestamp to trailing treat trim true union unique user using values varchar
		variadic verbose when where window with xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces
		xmlparse xmlpi xmlroot xmlserialize xmltable`) {
		m[w] = true
	}
	return m
}()

func quoteIdent(s string) string {
	bare := s != "" && !reserved[s]
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c == '_' || i > 0 && c >= '0' && c <= '9') {
			bare = false
			break
		}
	}
	if bare {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}
