package ast

// TypeName is a type as a user names it, under its canonical name: smallint,
// integer, bigint, real, double precision, numeric, boolean, varchar, char,
// text, bytea, date, time, timetz, timestamp, timestamptz, interval, bit,
// varbit, and whatever else was written (jsonb, uuid, rw_int256, ..).
type TypeName struct {
	Pos
	Schema   string
	Name     string
	Args     []string       // numeric(10, 2), varchar(20), vector(3): as written
	Dims     []int          // one per array dimension; -1 is a dimension without a size
	Fields   []*StructField // of struct<..>
	Key      *TypeName      // of map(key, value)
	Value    *TypeName
	Interval string // "year to month", "day", "second" ..: fields of an interval
	SetOf    bool
}

// StructField is a field of struct<..>.
type StructField struct {
	Pos
	Name string
	Type *TypeName
}

// IsArray says that the type is an array.
func (t *TypeName) IsArray() bool { return len(t.Dims) > 0 }

// Elem is the type of the elements of an array type.
func (t *TypeName) Elem() *TypeName {
	e := *t
	e.Dims = t.Dims[:len(t.Dims)-1]
	if len(e.Dims) == 0 {
		e.Dims = nil
	}
	return &e
}

// canonicalTypes maps the spellings of a type to its canonical name.
var canonicalTypes = map[string]string{
	"int": "integer", "int4": "integer", "int2": "smallint", "int8": "bigint",
	"float4": "real", "float8": "double precision", "double": "double precision",
	"bool": "boolean", "decimal": "numeric", "dec": "numeric", "string": "varchar",
	"character varying": "varchar", "nchar varying": "varchar", "character": "char", "nchar": "char",
	"national character": "char", "national char": "char",
	"national character varying": "varchar", "national char varying": "varchar", "char varying": "varchar",
	"bit varying": "varbit", "timestamp without time zone": "timestamp",
	"timestamp with time zone": "timestamptz", "time without time zone": "time",
	"time with time zone": "timetz",
}

// CanonicalType gives the canonical name of an unquoted, folded type name.
func CanonicalType(name string) string {
	if c, ok := canonicalTypes[name]; ok {
		return c
	}
	return name
}
