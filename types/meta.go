package types

import (
	"strconv"
	"strings"
)

// meta is what pg_type says about a type.
type meta struct {
	id        ID
	name      string // typname
	format    string // format_type without modifiers
	oid       uint32
	array     uint32 // OID of the array type; 0: none
	len       int16  // typlen
	category  byte   // typcategory
	preferred bool   // typispreferred
}

// metas is indexed by ID.
var metas = [numIDs]meta{
	Unknown:      {Unknown, "unknown", "unknown", 705, 0, -2, 'X', false},
	Bool:         {Bool, "bool", "boolean", 16, 1000, 1, 'B', true},
	Int2:         {Int2, "int2", "smallint", 21, 1005, 2, 'N', false},
	Int4:         {Int4, "int4", "integer", 23, 1007, 4, 'N', false},
	Int8:         {Int8, "int8", "bigint", 20, 1016, 8, 'N', false},
	Float4:       {Float4, "float4", "real", 700, 1021, 4, 'N', false},
	Float8:       {Float8, "float8", "double precision", 701, 1022, 8, 'N', true},
	Numeric:      {Numeric, "numeric", "numeric", 1700, 1231, -1, 'N', false},
	Text:         {Text, "text", "text", 25, 1009, -1, 'S', true},
	Bytea:        {Bytea, "bytea", "bytea", 17, 1001, -1, 'U', false},
	Date:         {Date, "date", "date", 1082, 1182, 4, 'D', false},
	Time:         {Time, "time", "time without time zone", 1083, 1183, 8, 'D', false},
	Timestamp:    {Timestamp, "timestamp", "timestamp without time zone", 1114, 1115, 8, 'D', false},
	TimestampTZ:  {TimestampTZ, "timestamptz", "timestamp with time zone", 1184, 1185, 8, 'D', true},
	Interval:     {Interval, "interval", "interval", 1186, 1187, 16, 'T', true},
	Jsonb:        {Jsonb, "jsonb", "jsonb", 3802, 3807, -1, 'U', false},
	Name:         {Name, "name", "name", 19, 1003, 64, 'S', false},
	Char:         {Char, "char", `"char"`, 18, 1002, 1, 'Z', false},
	OID:          {OID, "oid", "oid", 26, 1028, 4, 'N', true},
	Regclass:     {Regclass, "regclass", "regclass", 2205, 2210, 4, 'N', false},
	Array:        {Array, "anyarray", "anyarray", 2277, 0, -1, 'P', false},
	Record:       {Record, "record", "record", 2249, 2287, -1, 'P', false},
	Void:         {Void, "void", "void", 2278, 0, 4, 'P', false},
	Bpchar:       {Bpchar, "bpchar", "character", 1042, 1014, -1, 'S', false},
	Int2Vector:   {Int2Vector, "int2vector", "int2vector", 22, 1006, -1, 'A', false},
	OIDVector:    {OIDVector, "oidvector", "oidvector", 30, 1013, -1, 'A', false},
	Regtype:      {Regtype, "regtype", "regtype", 2206, 2211, 4, 'N', false},
	Regproc:      {Regproc, "regproc", "regproc", 24, 1008, 4, 'N', false},
	Regnamespace: {Regnamespace, "regnamespace", "regnamespace", 4089, 4090, 4, 'N', false},
}

// VarcharMod is the Mod of varchar without a length limit: type Text, shown as
// character varying. It constrains nothing.
const VarcharMod int32 = -1

// Varchar is character varying without a length limit.
func Varchar() T { return T{ID: Text, Mod: VarcharMod} }

// The OIDs and array OIDs of varchar, which shares its ID with text.
const (
	oidVarchar      = 1043
	oidVarcharArray = 1015
)

// isVarchar tells varchar and varchar(n) from text.
func (t T) isVarchar() bool { return t.ID == Text && t.Mod != 0 }

// String is the type as Postgres's format_type prints it, modifiers included.
func (t T) String() string {
	switch t.ID {
	case Array:
		if t.Elem == nil {
			return "anyarray"
		}
		return t.Elem.String() + "[]"
	case Text:
		if t.Mod > 0 {
			return "character varying(" + strconv.Itoa(int(t.Mod-1)) + ")"
		}
		if t.Mod < 0 {
			return "character varying"
		}
		return "text"
	case Bpchar:
		if t.Mod > 0 {
			return "character(" + strconv.Itoa(int(t.Mod-1)) + ")"
		}
		return "bpchar"
	case Numeric:
		if p, s, ok := t.NumericMod(); ok {
			return "numeric(" + strconv.Itoa(p) + "," + strconv.Itoa(s) + ")"
		}
		return "numeric"
	case Time, Timestamp, TimestampTZ:
		if t.Mod > 0 {
			name := metas[t.ID].format
			i := strings.IndexByte(name, ' ')
			return name[:i] + "(" + strconv.Itoa(int(t.Mod-1)) + ")" + name[i:]
		}
	case Interval:
		return "interval" + intervalModString(t.Mod)
	}
	if t.ID < numIDs {
		return metas[t.ID].format
	}
	return "???"
}

// OID is the type's pg_type.oid.
func (t T) OID() uint32 {
	switch {
	case t.ID == Array:
		if t.Elem == nil {
			return 2277
		}
		return t.Elem.ArrayOID()
	case t.isVarchar():
		return oidVarchar
	case t.ID < numIDs:
		return metas[t.ID].oid
	}
	return 0
}

// ArrayOID is the OID of the array type over t; 0 when Postgres has none. The
// array over an array is the same type (Postgres's arrays have no fixed number
// of dimensions).
func (t T) ArrayOID() uint32 {
	switch {
	case t.ID == Array:
		return t.OID()
	case t.isVarchar():
		return oidVarcharArray
	case t.ID < numIDs:
		return metas[t.ID].array
	}
	return 0
}

// byOID maps pg_type.oid to types, arrays included.
var byOID = func() map[uint32]T {
	m := map[uint32]T{oidVarchar: Varchar(), oidVarcharArray: ArrayOf(Varchar())}
	for _, x := range metas {
		if x.name == "" || x.id == Array {
			continue
		}
		m[x.oid] = Of(x.id)
		if x.array != 0 {
			m[x.array] = ArrayOf(Of(x.id))
		}
	}
	return m
}()

// OfOID finds a type by pg_type.oid.
func OfOID(oid uint32) (T, bool) {
	t, ok := byOID[oid]
	return t, ok
}

// Typname is pg_type.typname: "int4", "varchar", "_int4" for arrays.
func (t T) Typname() string {
	switch {
	case t.ID == Array && t.Elem != nil:
		return "_" + t.Elem.Typname()
	case t.isVarchar():
		return "varchar"
	case t.ID < numIDs:
		return metas[t.ID].name
	}
	return "???"
}

// Typlen is pg_type.typlen: bytes, -1 for variable length.
func (t T) Typlen() int16 {
	if t.ID < numIDs {
		return metas[t.ID].len
	}
	return -1
}

// Category is pg_type.typcategory: 'B' boolean, 'N' numeric, 'S' string, 'D'
// date/time, 'T' timespan, 'A' array, 'U' user-defined, 'P' pseudo, 'X' unknown, 'Z' internal.
func (t T) Category() byte {
	if t.ID == Array && t.Elem != nil {
		return 'A'
	}
	if t.ID < numIDs {
		return metas[t.ID].category
	}
	return 0
}

// Preferred is pg_type.typispreferred: the type that a category resolves to.
func (t T) Preferred() bool {
	return t.ID < numIDs && metas[t.ID].preferred && !t.isVarchar()
}

// Typmod is the type's modifier as in pg_attribute.atttypmod; -1 for none.
func (t T) Typmod() int32 {
	if t.Mod <= 0 {
		if t.ID == Array && t.Elem != nil {
			return t.Elem.Typmod()
		}
		return -1
	}
	switch t.ID {
	case Text, Bpchar:
		return t.Mod - 1 + 4
	case Numeric:
		p, s, _ := t.NumericMod()
		return int32(p<<16|s&0x7ff) + 4
	}
	return t.Mod - 1
}

// OfTypmod finds a type by pg_type.oid and gives it Postgres's typmod (-1: none).
func OfTypmod(oid uint32, typmod int32) (T, bool) {
	t, ok := OfOID(oid)
	if !ok || typmod < 0 {
		return t, ok
	}
	if t.ID == Array && t.Elem != nil {
		elem, ok := OfTypmod(t.Elem.OID(), typmod)
		return ArrayOf(elem), ok
	}
	switch t.ID {
	case Text, Bpchar:
		t.Mod = typmod - 4 + 1
	case Numeric:
		typmod -= 4
		s := typmod & 0x7ff
		s = s << 21 >> 21 // sign-extend 11 bits
		t.Mod = (typmod>>16)<<16 + int32(uint16(s)) + 1
	case Time, Timestamp, TimestampTZ, Interval:
		t.Mod = typmod + 1
	}
	return t, true
}

// IsInteger reports whether the type is int2, int4 or int8.
func (t T) IsInteger() bool { return t.ID == Int2 || t.ID == Int4 || t.ID == Int8 }

// IsFloat reports whether the type is real or double precision.
func (t T) IsFloat() bool { return t.ID == Float4 || t.ID == Float8 }

// IsNumber reports whether the type is an integer, float or numeric.
func (t T) IsNumber() bool { return t.IsInteger() || t.IsFloat() || t.ID == Numeric }

// IsString reports whether the type's byte form is its text: text, varchar,
// bpchar, name, "char" and untyped literals.
func (t T) IsString() bool {
	switch t.ID {
	case Text, Bpchar, Name, Char, Unknown:
		return true
	}
	return false
}

// ElemType is the element type of an array or vector type.
func (t T) ElemType() (T, bool) {
	switch t.ID {
	case Array:
		if t.Elem != nil {
			return *t.Elem, true
		}
	case Int2Vector:
		return Of(Int2), true
	case OIDVector:
		return Of(OID), true
	}
	return T{}, false
}

// AllScalar lists the types that have a row in pg_type of their own (arrays are
// derived from them), varchar included.
func AllScalar() []T {
	out := make([]T, 0, numIDs+1)
	for id := ID(0); id < numIDs; id++ {
		if id == Array {
			continue
		}
		out = append(out, Of(id))
	}
	return append(out, Varchar())
}
