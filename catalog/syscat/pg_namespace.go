package syscat

import (
	"streamdb/catalog"
	"streamdb/types"
)

// The OIDs of the system schemas, as in Postgres where it has them.
const (
	pgCatalogOID         catalog.ID = 11
	informationSchemaOID catalog.ID = 13000
	streamdbOID          catalog.ID = 13001
	ownerOID             catalog.ID = 10
)

var pgNamespace = &Table{
	Schema: "pg_catalog", Name: "pg_namespace",
	Cols: cols("oid", types.OID, "nspname", types.Name, "nspowner", types.OID, "nspacl", types.ArrayOf(types.Of(types.Text))),
	Fill: func(in *Input, out *Rows) error {
		out.Add(pgCatalogOID, "pg_catalog", ownerOID, nil)
		out.Add(informationSchemaOID, "information_schema", ownerOID, nil)
		out.Add(streamdbOID, "streamdb", ownerOID, nil)
		for _, name := range in.Catalog.Schemas() {
			id, _ := in.Catalog.Schema(name)
			out.Add(id, name, ownerOID, nil)
		}
		return nil
	},
}
