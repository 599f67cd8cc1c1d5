package funcs

import (
	"time"

	"streamdb/expr"
	"streamdb/expr/casts"
	"streamdb/types"
)

// Short names for the tables of Defs.
type (
	id  = types.ID
	ids = []types.ID
)

const (
	tAny  = types.Unknown // any type; see expr.Def.Poly
	tBool = types.Bool
	tI2   = types.Int2
	tI4   = types.Int4
	tI8   = types.Int8
	tF4   = types.Float4
	tF8   = types.Float8
	tNum  = types.Numeric
	tText = types.Text
	tByte = types.Bytea
	tDate = types.Date
	tTime = types.Time
	tTS   = types.Timestamp
	tTZ   = types.TimestampTZ
	tIv   = types.Interval
	tJson = types.Jsonb
	tName = types.Name
	tChar = types.Char
	tOID  = types.OID
	tArr  = types.Array
	tRec  = types.Record
)

// location is the session's time zone.
func location(c *expr.CallCtx) *time.Location { return casts.Location(c.Ctx) }

func localToUTC(us int64, loc *time.Location) int64 { return casts.LocalToUTC(us, loc) }
func utcToLocal(us int64, loc *time.Location) int64 { return casts.UTCToLocal(us, loc) }
