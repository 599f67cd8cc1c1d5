package logical

import (
	"streamdb/expr"
	"streamdb/types"
)

// Turned is the operator that means the same with the operands exchanged.
var Turned = map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<="}

// Shifted recognises a timestamp column, and one plus or minus a constant
// interval without months and, for timestamptz, days: at that many microseconds.
func Shifted(e expr.Expr) (*expr.Col, int64, bool) {
	call, isCall := e.(*expr.Call)
	by := int64(0)
	if isCall {
		if len(call.Args) != 2 || call.Def.Name != "+" && call.Def.Name != "-" {
			return nil, 0, false
		}
		k, isConst := call.Args[1].(*expr.Const)
		if !isConst || k.Value.Null || k.T.ID != types.Interval {
			return nil, 0, false
		}
		v := types.DecodeInterval([]byte(k.Value.S))
		const day = 24 * 3600 * 1_000_000
		if v.Months != 0 || v.Days != 0 && call.Args[0].Type().ID == types.TimestampTZ || v.Days > 1<<20 || v.Days < -1<<20 {
			return nil, 0, false
		}
		by = v.Micros + int64(v.Days)*day
		if call.Def.Name == "-" {
			by = -by
		}
		e = call.Args[0]
	}
	c, isCol := e.(*expr.Col)
	if !isCol || c.T.ID != types.Timestamp && c.T.ID != types.TimestampTZ {
		return nil, 0, false
	}
	return c, by, true
}
