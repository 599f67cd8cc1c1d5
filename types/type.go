package types

// ID names a SQL type without its modifiers.
type ID uint8

// The types. The order is stored on disk (pinned plans): append only.
const (
	Unknown      ID = iota // an untyped literal or parameter before resolution; text layout
	Bool                   // boolean
	Int2                   // smallint
	Int4                   // integer
	Int8                   // bigint
	Float4                 // real
	Float8                 // double precision
	Numeric                // numeric
	Text                   // text and varchar; Mod n+1: varchar(n), VarcharMod: varchar without a limit
	Bytea                  // bytea
	Date                   // date
	Time                   // time without time zone
	Timestamp              // timestamp without time zone
	TimestampTZ            // timestamp with time zone
	Interval               // interval
	Jsonb                  // jsonb
	Name                   // name (catalogs)
	Char                   // "char" (catalogs)
	OID                    // oid (catalogs)
	Regclass               // regclass (catalogs); also used for the other reg* types
	Array                  // array of Elem
	Record                 // row value with Fields
	Void                   // result of functions called for their effect
	Bpchar                 // character(n); Mod: n
	Int2Vector             // int2vector (catalogs); array layout
	OIDVector              // oidvector (catalogs); array layout
	Regtype                // regtype (catalogs)
	Regproc                // regproc (catalogs)
	Regnamespace           // regnamespace (catalogs)
	numIDs
)

// Layout is how a column of a type lies in memory.
type Layout uint8

const (
	LBool    Layout = iota // []bool in a chain, an Arrow bitmap on an edge
	LInt64                 // Arrow Int64: all integers, oids, date (days since 2000-01-01 is NOT used: days since 1970-01-01), time (us), timestamps (us since 1970-01-01 UTC)
	LFloat64               // Arrow Float64: real (rounded to 24 bits) and double precision
	LBytes                 // Arrow Binary: text, bytea, numeric, interval, jsonb, arrays, records, each with its own byte form
)

// T is a SQL type with its modifiers. Use Equal to compare; the zero T is Unknown.
type T struct {
	ID     ID      `json:"id"`
	Mod    int32   `json:"mod,omitempty"`    // varchar/bpchar: length; numeric: precision<<16 | scale (scale as int16); time/timestamp/interval: precision; 0 when absent, else value+1
	Elem   *T      `json:"elem,omitempty"`   // Array
	Fields []Field `json:"fields,omitempty"` // Record
}

// Field is one field of a Record type.
type Field struct {
	Name string `json:"name"`
	Type T      `json:"type"`
}

// Column is one column of a relation or of an operator's output.
type Column struct {
	Name    string `json:"name"`
	Type    T      `json:"type"`
	NotNull bool   `json:"notnull,omitempty"`
	Hidden  bool   `json:"hidden,omitempty"` // not shown by SELECT *; e.g. _row_id
}

// Schema is an ordered list of columns.
type Schema []Column

// Of makes a type without modifiers.
func Of(id ID) T { return T{ID: id} }

// ArrayOf makes the array type over elem.
func ArrayOf(elem T) T { return T{ID: Array, Elem: &elem} }

// Equal reports whether two types are the same, modifiers included.
func (t T) Equal(o T) bool {
	return t.Mod == o.Mod && t.SameKind(o)
}

// SameKind reports whether two types are the same but for modifiers.
func (t T) SameKind(o T) bool {
	if t.ID != o.ID || len(t.Fields) != len(o.Fields) || (t.Elem == nil) != (o.Elem == nil) {
		return false
	}
	if t.Elem != nil && !t.Elem.SameKind(*o.Elem) {
		return false
	}
	for i := range t.Fields {
		if !t.Fields[i].Type.SameKind(o.Fields[i].Type) {
			return false
		}
	}
	return true
}

// Layout returns the column layout of the type.
func (t T) Layout() Layout {
	switch t.ID {
	case Bool:
		return LBool
	case Int2, Int4, Int8, Date, Time, Timestamp, TimestampTZ, OID, Regclass, Regtype, Regproc, Regnamespace:
		return LInt64
	case Float4, Float8:
		return LFloat64
	default:
		return LBytes
	}
}
