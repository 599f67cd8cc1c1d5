package syscat

import "streamdb/catalog"

// The views that Postgres offers over pg_class, one row per relation of a kind.

func pgTables(in *Input, out *Rows) {
	for _, r := range relations(in) {
		if r.kind == "r" {
			out.Put(Row{"schemaname": r.schema, "tablename": r.name, "tableowner": in.User,
				"hasindexes": r.obj != nil && len(r.obj.PrimaryKey()) > 0})
		}
	}
}

func pgViews(in *Input, out *Rows) {
	for _, o := range in.Catalog.Objects() {
		if o.Kind == catalog.View {
			out.Put(Row{"schemaname": o.Schema, "viewname": o.Name, "viewowner": o.Owner, "definition": in.Runtime.Query(o)})
		}
	}
}

func pgMatviews(in *Input, out *Rows) {
	for _, o := range in.Catalog.Objects() {
		if o.Kind == catalog.MaterializedView {
			out.Put(Row{"schemaname": o.Schema, "matviewname": o.Name, "matviewowner": o.Owner, "ispopulated": !o.Creating, "definition": in.Runtime.Query(o)})
		}
	}
}

func pgDescription(in *Input, out *Rows) {
	classOID, _ := RelationOID(in.Catalog, "pg_catalog", "pg_class")
	for _, o := range in.Catalog.Objects() {
		if o.Comment != "" {
			out.Put(Row{"objoid": o.ID, "classoid": classOID, "objsubid": 0, "description": o.Comment})
		}
		for i, c := range visible(o) {
			if c.Comment != "" {
				out.Put(Row{"objoid": o.ID, "classoid": classOID, "objsubid": i + 1, "description": c.Comment})
			}
		}
	}
}
