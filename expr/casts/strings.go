package casts

import (
	"strings"

	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/types"
)

// stringCasts lists the casts between the string types and from boolean.
func stringCasts() []*expr.Def {
	text, bp, name, ch := types.Text, types.Bpchar, types.Name, types.Char
	implicit, assign, explicit := expr.CastImplicit, expr.CastAssignment, expr.CastExplicit
	// character(n) gives up its padding when it becomes another string type.
	trim := kernel.U1(func(s string) string { return strings.TrimRight(s, " ") })
	boolText := kernel.U1(func(b bool) string {
		if b {
			return "true"
		}
		return "false"
	})
	return []*expr.Def{
		cast(text, bp, implicit, identity),
		cast(bp, text, implicit, trim),
		cast(name, text, implicit, identity),
		cast(name, bp, assign, identity),
		cast(text, name, implicit, fromText),
		cast(bp, name, implicit, kernel.M1(func(c *expr.CallCtx) func(string) (string, error) {
			return func(s string) (string, error) {
				d, err := types.ParseText(types.Of(name), strings.TrimRight(s, " "), nil)
				return d.S, err
			}
		})),
		cast(ch, text, implicit, identity),
		cast(ch, bp, assign, identity),
		cast(text, ch, assign, fromText),
		cast(bp, ch, assign, fromText),
		cast(ch, types.Int4, explicit, kernel.U1(func(s string) int64 {
			if s == "" {
				return 0
			}
			return int64(int8(s[0]))
		})),
		cast(types.Int4, ch, explicit, kernel.E1(func(i int64) (string, error) {
			if i < -128 || i > 127 {
				return "", errCharRange()
			}
			if i == 0 {
				return "", nil
			}
			return string([]byte{byte(i)}), nil
		})),
		cast(types.Bool, text, assign, boolText),
		cast(types.Bool, bp, assign, boolText),
		cast(types.Unknown, text, implicit, identity),
	}
}
