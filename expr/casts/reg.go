package casts

import (
	"streamdb/expr"
	"streamdb/expr/kernel"
	"streamdb/internal/sqlerr"
	"streamdb/types"
)

func errCharRange() error {
	return sqlerr.New(sqlerr.NumericValueOutOfRange, "\"char\" out of range")
}

// regCasts lists the casts of oid and the types that are oids with a name.
func regCasts() []*expr.Def {
	oid := types.OID
	implicit, assign := expr.CastImplicit, expr.CastAssignment
	toOID := narrow(oid)
	signed := kernel.U1(func(x int64) int64 { return int64(int32(x)) }) // oids above 2^31 as negative integers
	unsigned := kernel.U1(func(x int64) int64 { return int64(uint32(x)) })
	out := []*expr.Def{
		cast(types.Int2, oid, implicit, unsigned), cast(types.Int4, oid, implicit, unsigned), cast(types.Int8, oid, implicit, toOID),
		cast(oid, types.Int8, assign, identity), cast(oid, types.Int4, assign, signed),
	}
	for _, r := range []types.ID{types.Regclass, types.Regtype, types.Regproc, types.Regnamespace} {
		out = append(out,
			cast(oid, r, implicit, identity), cast(r, oid, implicit, identity),
			cast(r, types.Int8, assign, identity), cast(r, types.Int4, assign, signed),
			cast(types.Int2, r, implicit, unsigned), cast(types.Int4, r, implicit, unsigned), cast(types.Int8, r, implicit, toOID))
	}
	return append(out, stable(cast(types.Text, types.Regclass, implicit, fromText)))
}
