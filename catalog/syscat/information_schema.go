package syscat

import (
	"streamdb/catalog"
	"streamdb/types"
)

func infoCatalogName(in *Input, out *Rows) { out.Put(Row{"catalog_name": in.Database}) }

func infoSchemata(in *Input, out *Rows) {
	namespaces(in, func(_ catalogID, name string) {
		out.Put(Row{"catalog_name": in.Database, "schema_name": name, "schema_owner": in.User})
	})
}

// tableTypes is table_type by kind of object.
var tableTypes = map[catalog.Kind]string{
	catalog.Table: "BASE TABLE", catalog.View: "VIEW", catalog.MaterializedView: "MATERIALIZED VIEW",
	catalog.Source: "SOURCE", catalog.Sink: "SINK",
}

func infoTables(in *Input, out *Rows) {
	for _, r := range relations(in) {
		if r.pkOf != nil {
			continue
		}
		kind, insertable := "BASE TABLE", "NO"
		if r.obj != nil {
			kind = tableTypes[r.obj.Kind]
			if r.obj.Kind == catalog.Table {
				insertable = "YES"
			}
		}
		out.Put(Row{"table_catalog": in.Database, "table_schema": r.schema, "table_name": r.name, "table_type": kind,
			"is_insertable_into": insertable, "is_typed": "NO"})
	}
}

func infoViews(in *Input, out *Rows) {
	for _, o := range in.Catalog.Objects() {
		if o.Kind == catalog.View {
			out.Put(Row{"table_catalog": in.Database, "table_schema": o.Schema, "table_name": o.Name, "view_definition": in.Runtime.Query(o),
				"check_option": "NONE", "is_updatable": "NO", "is_insertable_into": "NO"})
		}
	}
}

func infoColumns(in *Input, out *Rows) {
	for _, r := range relations(in) {
		if r.pkOf != nil {
			continue
		}
		for i, c := range r.cols {
			row := Row{"table_catalog": in.Database, "table_schema": r.schema, "table_name": r.name, "column_name": c.Name,
				"ordinal_position": i + 1, "is_nullable": yesNo(!c.NotNull), "udt_catalog": in.Database,
				"udt_schema": "pg_catalog", "udt_name": c.Type.Typname(), "dtd_identifier": itoa(i + 1), "is_self_referencing": "NO",
				"is_identity": "NO", "identity_cycle": "NO", "is_generated": "NEVER", "is_updatable": yesNo(r.obj != nil && r.obj.Kind == catalog.Table)}
			if d := DefaultText(c); d != "" {
				row["column_default"] = d
			}
			if c.Generated != "" {
				row["is_generated"], row["generation_expression"] = "ALWAYS", c.Generated
			}
			describeType(row, c.Type)
			out.Put(row)
		}
	}
}

// maxOctets is character_octet_length of strings without a limit, and
// charOctets the most bytes of a character.
const (
	maxOctets  = 1 << 30
	charOctets = 4
)

// intBits are numeric_precision of the types of fixed size, in bits.
var intBits = map[types.ID]int{types.Int2: 16, types.Int4: 32, types.Int8: 64, types.Float4: 24, types.Float8: 53}

// describeType sets the columns that speak of lengths and precisions, by the
// rules of Postgres's information_schema.sql.
func describeType(row Row, t types.T) {
	row["data_type"] = dataType(t)
	for _, c := range []string{"character_maximum_length", "character_octet_length", "numeric_precision", "numeric_precision_radix",
		"numeric_scale", "datetime_precision", "interval_precision", "maximum_cardinality"} {
		row[c] = nil
	}
	mod := t.Typmod()
	switch t.ID {
	case types.Text, types.Bpchar:
		row["character_octet_length"] = maxOctets
		if mod >= 4 {
			row["character_maximum_length"], row["character_octet_length"] = mod-4, (mod-4)*charOctets
		}
	case types.Int2, types.Int4, types.Int8:
		row["numeric_precision"], row["numeric_precision_radix"], row["numeric_scale"] = intBits[t.ID], 2, 0
	case types.Float4, types.Float8:
		row["numeric_precision"], row["numeric_precision_radix"] = intBits[t.ID], 2
	case types.Numeric:
		row["numeric_precision_radix"] = 10
		if mod >= 4 {
			row["numeric_precision"], row["numeric_scale"] = (mod-4)>>16, (mod-4)&0x7ff
		}
	case types.Date:
		row["datetime_precision"] = 0
	case types.Time, types.Timestamp, types.TimestampTZ, types.Interval:
		row["datetime_precision"] = 6
		if mod >= 0 {
			row["datetime_precision"] = mod & 0xffff
		}
	}
}

// dataType is the type's name without modifiers.
func dataType(t types.T) string {
	if t.ID == types.Array {
		return "ARRAY"
	}
	return BareName(t)
}

// BareName is the type's name without modifiers: format_type(oid, NULL).
func BareName(t types.T) string {
	if t.ID == types.Bpchar {
		return "character"
	}
	if t.Mod > 0 {
		t.Mod = 0
		if t.ID == types.Text {
			t.Mod = types.VarcharMod
		}
	}
	return t.String()
}

func yesNo(b bool) string {
	if b {
		return "YES"
	}
	return "NO"
}

func infoTableConstraints(in *Input, out *Rows) {
	primaryKeys(in, func(o *catalog.Object, _ []int) {
		out.Put(Row{"constraint_catalog": in.Database, "constraint_schema": o.Schema, "constraint_name": o.Name + "_pkey",
			"table_catalog": in.Database, "table_schema": o.Schema, "table_name": o.Name, "constraint_type": "PRIMARY KEY",
			"is_deferrable": "NO", "initially_deferred": "NO", "enforced": "YES"})
	})
}

func infoKeyColumnUsage(in *Input, out *Rows) {
	primaryKeys(in, func(o *catalog.Object, _ []int) {
		for k, c := range o.PrimaryKey() {
			out.Put(Row{"constraint_catalog": in.Database, "constraint_schema": o.Schema, "constraint_name": o.Name + "_pkey",
				"table_catalog": in.Database, "table_schema": o.Schema, "table_name": o.Name, "column_name": o.Cols[c].Name,
				"ordinal_position": k + 1, "position_in_unique_constraint": nil})
		}
	})
}

func infoConstraintColumnUsage(in *Input, out *Rows) {
	primaryKeys(in, func(o *catalog.Object, _ []int) {
		for _, c := range o.PrimaryKey() {
			out.Put(Row{"table_catalog": in.Database, "table_schema": o.Schema, "table_name": o.Name, "column_name": o.Cols[c].Name,
				"constraint_catalog": in.Database, "constraint_schema": o.Schema, "constraint_name": o.Name + "_pkey"})
		}
	})
}

func infoElementTypes(in *Input, out *Rows) {
	for _, r := range relations(in) {
		for i, c := range r.cols {
			elem, ok := c.Type.ElemType()
			if !ok || c.Type.ID != types.Array || r.pkOf != nil {
				continue
			}
			row := Row{"object_catalog": in.Database, "object_schema": r.schema, "object_name": r.name, "object_type": "TABLE",
				"collection_type_identifier": itoa(i + 1), "udt_catalog": in.Database, "udt_schema": "pg_catalog",
				"udt_name": elem.Typname(), "dtd_identifier": "a" + itoa(i+1)}
			describeType(row, elem)
			for _, c := range []string{"character_octet_length", "character_maximum_length", "numeric_precision", "numeric_precision_radix",
				"numeric_scale", "datetime_precision"} {
				row[c] = nil // Postgres does not tell them of elements
			}
			out.Put(row)
		}
	}
}

func infoTablePrivileges(in *Input, out *Rows) {
	for _, r := range relations(in) {
		if r.pkOf != nil || r.obj == nil {
			continue
		}
		for _, p := range []string{"INSERT", "SELECT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"} {
			if p != "SELECT" && r.obj.Kind != catalog.Table {
				continue
			}
			out.Put(Row{"grantor": in.User, "grantee": in.User, "table_catalog": in.Database, "table_schema": r.schema, "table_name": r.name,
				"privilege_type": p, "is_grantable": "YES", "with_hierarchy": yesNo(p == "SELECT")})
		}
	}
}
