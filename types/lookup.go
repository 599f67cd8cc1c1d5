package types

import (
	"strings"

	"streamdb/internal/sqlerr"
)

// aliases maps the spellings of SQL to types, besides typname and format_type.
var aliases = map[string]T{
	"integer":                     Of(Int4),
	"int":                         Of(Int4),
	"smallint":                    Of(Int2),
	"bigint":                      Of(Int8),
	"real":                        Of(Float4),
	"double precision":            Of(Float8),
	"float":                       Of(Float8),
	"decimal":                     Of(Numeric),
	"dec":                         Of(Numeric),
	"boolean":                     Of(Bool),
	"varchar":                     Varchar(),
	"character varying":           Varchar(),
	"char varying":                Varchar(),
	"character":                   {ID: Bpchar, Mod: 2},
	"nchar":                       {ID: Bpchar, Mod: 2},
	"national character":          {ID: Bpchar, Mod: 2},
	"national char":               {ID: Bpchar, Mod: 2},
	"bpchar":                      Of(Bpchar),
	`"char"`:                      Of(Char),
	"timestamp without time zone": Of(Timestamp),
	"timestamp with time zone":    Of(TimestampTZ),
	"time without time zone":      Of(Time),
}

var byName = func() map[string]T {
	m := map[string]T{}
	for _, x := range metas {
		if x.name != "" && x.id != Array && x.id != Char {
			m[x.name] = Of(x.id)
			m[x.format] = Of(x.id)
		}
	}
	for name, t := range aliases {
		m[name] = t
	}
	// The keyword CHAR is character(1); only the quoted name is the catalog's type.
	m["char"] = T{ID: Bpchar, Mod: 2}
	for name, t := range m {
		if t.ArrayOID() != 0 && !strings.Contains(name, " ") {
			if typname := "_" + t.Typname(); m[typname].ID == Unknown {
				m[typname] = ArrayOf(t)
			}
		}
	}
	m["_bpchar"] = ArrayOf(Of(Bpchar))
	m["_char"] = ArrayOf(Of(Char))
	return m
}()

// Lookup finds a type by a name as SQL spells it, in lower case and without
// modifiers: a typname ("int4", "_int4"), a standard name ("integer", "double
// precision") or one of these followed by [] or " array". A quoted "char"
// (with its quotes) is the catalog type; char and character are character(1).
// pg_catalog. in front is allowed.
func Lookup(name string) (T, bool) {
	qualified := strings.HasPrefix(name, "pg_catalog.")
	name = strings.TrimPrefix(name, "pg_catalog.")
	dims := 0
	for {
		if i := strings.LastIndexByte(name, '['); i > 0 && strings.HasSuffix(name, "]") {
			name, dims = strings.TrimRight(name[:i], " "), dims+1
			continue
		}
		if rest, ok := strings.CutSuffix(name, " array"); ok {
			name, dims = rest, dims+1
			continue
		}
		break
	}
	t, ok := byName[name]
	if name == "char" && qualified {
		t = Of(Char)
	}
	if ok && dims > 0 {
		if t.ArrayOID() == 0 {
			return T{}, false
		}
		if t.ID != Array {
			t = ArrayOf(t)
		}
	}
	return t, ok
}

// WithMod gives the type its modifiers, as written in parentheses: the length
// of varchar and character, precision and scale of numeric, the precision of
// time types; float(p) is resolved by FloatOfPrecision. Errors are Postgres's
// 22023 and 42601.
func (t T) WithMod(args []int64) (T, error) {
	if len(args) == 0 {
		return t, nil
	}
	if t.ID == Array && t.Elem != nil {
		elem, err := t.Elem.WithMod(args)
		return ArrayOf(elem), err
	}
	name := t.Typname()
	switch t.ID {
	case Text, Bpchar:
		if !t.isVarchar() && t.ID == Text {
			break
		}
		if t.ID == Bpchar {
			name = "char"
		}
		if len(args) != 1 {
			return t, sqlerr.New(sqlerr.InvalidParameterValue, "invalid type modifier")
		}
		if args[0] < 1 {
			return t, sqlerr.New(sqlerr.InvalidParameterValue, "length for type %s must be at least 1", name)
		}
		if args[0] > 10485760 {
			return t, sqlerr.New(sqlerr.InvalidParameterValue, "length for type %s cannot exceed 10485760", name)
		}
		t.Mod = int32(args[0]) + 1
		return t, nil
	case Numeric:
		return numericWithMod(t, args)
	case Time, Timestamp, TimestampTZ:
		if len(args) != 1 {
			return t, sqlerr.New(sqlerr.InvalidParameterValue, "invalid type modifier")
		}
		if args[0] < 0 {
			label := map[ID]string{Time: "TIME", Timestamp: "TIMESTAMP", TimestampTZ: "TIMESTAMP"}[t.ID]
			suffix := ""
			if t.ID == TimestampTZ {
				suffix = " WITH TIME ZONE"
			}
			return t, sqlerr.New(sqlerr.InvalidParameterValue, "%s(%d)%s precision must not be negative", label, args[0], suffix)
		}
		t.Mod = int32(min(args[0], 6)) + 1
		return t, nil
	case Interval:
		return intervalWithMod(t, args)
	}
	return t, sqlerr.New(sqlerr.SyntaxError, "type modifier is not allowed for type \"%s\"", name)
}

// FloatOfPrecision resolves SQL's float(p): real up to 24 bits, double
// precision up to 53. Errors: 22023.
func FloatOfPrecision(p int64) (T, error) {
	switch {
	case p < 1:
		return T{}, sqlerr.New(sqlerr.InvalidParameterValue, "precision for type float must be at least 1 bit")
	case p <= 24:
		return Of(Float4), nil
	case p <= 53:
		return Of(Float8), nil
	}
	return T{}, sqlerr.New(sqlerr.InvalidParameterValue, "precision for type float must be less than 54 bits")
}
