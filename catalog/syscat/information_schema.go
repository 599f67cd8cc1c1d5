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
			out.Put(Row{"table_catalog": in.Database, "table_schema": o.Schema, "table_name": o.Name, "view_definition": o.Query,
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
				"ordinal_position": i + 1, "is_nullable": yesNo(!c.NotNull), "data_type": dataType(c.Type), "udt_catalog": in.Database,
				"udt_schema": "pg_catalog", "udt_name": c.Type.Typname(), "dtd_identifier": itoa(i + 1), "is_self_referencing": "NO",
				"is_identity": "NO", "identity_cycle": "NO", "is_generated": "NEVER", "is_updatable": yesNo(r.obj != nil && r.obj.Kind == catalog.Table),
				"character_maximum_length": nil, "numeric_precision": nil, "numeric_scale": nil, "numeric_precision_radix": nil,
				"character_octet_length": nil, "datetime_precision": nil, "interval_precision": nil, "maximum_cardinality": nil}
			if c.Default != "" {
				row["column_default"] = c.Default
			}
			if c.Generated != "" {
				row["is_generated"], row["generation_expression"] = "ALWAYS", c.Generated
			}
			if c.Type.ID == types.Text && c.Type.Mod > 0 {
				row["character_maximum_length"] = int64(c.Type.Mod - 1)
			}
			out.Put(row)
		}
	}
}

// dataType is the type's name without modifiers.
func dataType(t types.T) string {
	if t.ID == types.Array {
		return "ARRAY"
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
