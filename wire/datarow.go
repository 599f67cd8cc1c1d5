package wire

import (
	"encoding/binary"
	"math"
	"strconv"

	"github.com/jackc/pgproto3/v2"

	"streamdb/internal/sqlerr"
	"streamdb/types"
	"streamdb/vec"
)

// maxRow is the longest DataRow in bytes, as in Postgres (MaxAllocSize).
const maxRow = 1<<30 - 1

// form is how a column's values are printed: one case of a switch, so that
// there is no call through a pointer for each value.
type form uint8

const (
	formBool      form = iota // t or f
	formInt                   // decimal digits
	formStamp                 // timestamp, and timestamptz at UTC, in ISO style: the date is remembered
	formRaw                   // the bytes as they lie there: text, jsonb
	formIntText               // AppendTextInt
	formFloatText             // AppendFloat
	formBytesText             // AppendTextBytes
	formBoolBinary
	formIntBinary
	formFloatBinary
	formBytesBinary
)

// columnEncoder prints one column.
type columnEncoder struct {
	form form
	zone bool // formStamp: +00 follows
	t    types.T
	day  int64 // formStamp: the day whose text date holds
	date [16]byte
	size int // of date
}

// rowEncoder prints rows as DataRow messages, under an environment that stays
// as it is meanwhile.
type rowEncoder struct {
	cols []columnEncoder
	env  *types.Env
}

func newRowEncoder(cols []Column, formats []int16, env *types.Env) *rowEncoder {
	e := &rowEncoder{}
	e.reset(cols, formats, env)
	return e
}

// reset makes e the encoder of another result.
func (e *rowEncoder) reset(cols []Column, formats []int16, env *types.Env) {
	e.env, e.cols = env, e.cols[:0]
	for i := range cols {
		col := &cols[i]
		e.cols = append(e.cols, columnEncoder{form: formFor(col.Type, formatOf(formats, i), env), t: col.Type,
			zone: col.Type.ID == types.TimestampTZ, day: math.MinInt64})
	}
}

func formFor(t types.T, format int16, env *types.Env) form {
	binary := format == pgproto3.BinaryFormat
	switch t.Layout() {
	case types.LBool:
		if binary {
			return formBoolBinary
		}
		return formBool
	case types.LFloat64:
		if binary {
			return formFloatBinary
		}
		return formFloatText
	case types.LInt64:
		if binary {
			return formIntBinary
		}
		iso := env == nil || env.DateStyle == types.DateISO
		utc := env == nil || env.TimeZone == nil || env.TimeZone.String() == "UTC"
		switch t.ID {
		case types.Int2, types.Int4, types.Int8, types.OID:
			return formInt
		case types.Timestamp:
			if iso {
				return formStamp
			}
		case types.TimestampTZ:
			if iso && utc {
				return formStamp
			}
		}
		return formIntText
	}
	switch t.ID {
	case types.Text, types.Bpchar, types.Name, types.Char, types.Unknown:
		return formRaw
	case types.Jsonb:
		if !binary {
			return formRaw
		}
	case types.Bytea:
		if binary {
			return formRaw
		}
	}
	if binary {
		return formBytesBinary
	}
	return formBytesText
}

// append appends row i. Error 54000: it is longer than a message may be.
func (e *rowEncoder) append(dst []byte, cols []vec.Vec, i int) ([]byte, error) {
	start := len(dst)
	dst = append(dst, 'D', 0, 0, 0, 0, byte(len(cols)>>8), byte(len(cols)))
	for k := range e.cols {
		v := &cols[k]
		j := i & v.Mask()
		if v.Valid != nil && v.Valid[j>>3]&(1<<(j&7)) == 0 {
			dst = append(dst, 0xff, 0xff, 0xff, 0xff)
			continue
		}
		at := len(dst)
		dst = e.value(append(dst, 0, 0, 0, 0), &e.cols[k], v, j)
		binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	}
	n := len(dst) - start - 1
	if n > maxRow {
		return dst, sqlerr.New(sqlerr.ProgramLimitExceeded, "a row of %d bytes is too long to be sent", n)
	}
	binary.BigEndian.PutUint32(dst[start+1:], uint32(n))
	return dst, nil
}

// value appends the value at index j, which is not NULL.
func (e *rowEncoder) value(dst []byte, c *columnEncoder, v *vec.Vec, j int) []byte {
	switch c.form {
	case formBool:
		return types.AppendBool(dst, v.Bool[j])
	case formInt:
		return strconv.AppendInt(dst, v.I64[j], 10)
	case formStamp:
		return c.appendStamp(dst, v.I64[j], e.env)
	case formRaw:
		return append(dst, v.Data[v.Off[j]:v.Off[j+1]]...)
	case formIntText:
		return types.AppendTextInt(dst, c.t, v.I64[j], e.env)
	case formFloatText:
		return types.AppendFloat(dst, c.t.ID, v.F64[j], e.env)
	case formBytesText:
		return types.AppendTextBytes(dst, c.t, v.Data[v.Off[j]:v.Off[j+1]], e.env)
	case formBoolBinary:
		if v.Bool[j] {
			return append(dst, 1)
		}
		return append(dst, 0)
	case formIntBinary:
		return types.AppendBinaryInt(dst, c.t, v.I64[j])
	case formFloatBinary:
		return types.AppendBinaryFloat(dst, c.t, v.F64[j])
	default:
		return types.AppendBinaryBytes(dst, c.t, v.Data[v.Off[j]:v.Off[j+1]])
	}
}

// firstStampDay is 0001-01-01: from there to year 9999 a date has ten characters
// and nothing behind the time but the zone.
var (
	firstStampDay = types.DaysFromCivil(1, 1, 1)
	lastStampDay  = types.DaysFromCivil(9999, 12, 31)
)

// appendStamp prints a timestamp. Neighbouring rows mostly share the day.
func (c *columnEncoder) appendStamp(dst []byte, us int64, env *types.Env) []byte {
	day := us / types.Day
	tod := us - day*types.Day
	if tod < 0 {
		day--
		tod += types.Day
	}
	if day != c.day {
		if day < firstStampDay || day > lastStampDay {
			return types.AppendTextInt(dst, c.t, us, env)
		}
		c.day, c.size = day, len(append(types.AppendDate(c.date[:0], day, env), ' '))
		c.date[c.size-1] = ' '
	}
	dst = append(dst, c.date[:c.size]...)
	dst = types.AppendTime(dst, tod)
	if c.zone {
		dst = append(dst, "+00"...)
	}
	return dst
}
