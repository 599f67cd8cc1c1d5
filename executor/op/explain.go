package op

import (
	"fmt"
	"strings"

	"streamdb/expr"
	"streamdb/types"
)

// colName is how EXPLAIN shows column i of an input: its name, or $i if it has none.
func colName(s types.Schema, i int) string {
	if i >= 0 && i < len(s) && s[i].Name != "" && s[i].Name != "?column?" {
		return s[i].Name
	}
	return fmt.Sprintf("$%d", i)
}

// colList is colName over a list of columns: "[a, b]".
func colList(s types.Schema, cols []int) string {
	names := make([]string, len(cols))
	for i, c := range cols {
		names[i] = colName(s, c)
	}
	return "[" + strings.Join(names, ", ") + "]"
}

// sortList shows an ORDER BY as SQL would: NULLS only where it is not the default.
func sortList(s types.Schema, keys []SortKey) string {
	terms := make([]string, len(keys))
	for i, k := range keys {
		t := colName(s, k.Col)
		if k.Desc {
			t += " DESC"
		}
		if k.NullsFirst != k.Desc {
			if k.NullsFirst {
				t += " NULLS FIRST"
			} else {
				t += " NULLS LAST"
			}
		}
		terms[i] = t
	}
	return "[" + strings.Join(terms, ", ") + "]"
}

// exprList is the texts of expressions: "[$0, ($1 + 1)]".
func exprList(es []expr.Expr) string {
	texts := make([]string, len(es))
	for i, e := range es {
		texts[i] = e.String()
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

// tables lists the state tables that are really used: those with an id.
func tables(refs ...TableRef) []TableRef {
	var out []TableRef
	for _, r := range refs {
		if r.ID != 0 {
			out = append(out, r)
		}
	}
	return out
}

// colTypes is the types of columns of an input.
func colTypes(s types.Schema, cols []int) []types.T {
	ts := make([]types.T, len(cols))
	for i, c := range cols {
		ts[i] = s[c].Type
	}
	return ts
}

// schemaTypes is the types of all columns.
func schemaTypes(s types.Schema) []types.T {
	ts := make([]types.T, len(s))
	for i := range s {
		ts[i] = s[i].Type
	}
	return ts
}

// schemaLayouts is the layouts of all columns.
func schemaLayouts(s types.Schema) []types.Layout {
	ls := make([]types.Layout, len(s))
	for i := range s {
		ls[i] = s[i].Type.Layout()
	}
	return ls
}

func typeLayouts(ts []types.T) []types.Layout {
	ls := make([]types.Layout, len(ts))
	for i := range ts {
		ls[i] = ts[i].Layout()
	}
	return ls
}
