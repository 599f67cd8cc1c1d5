package syscat

import (
	"strings"

	"streamdb/catalog"
	"streamdb/types"
)

// primaryKeys calls fn for every table with a primary key.
func primaryKeys(in *Input, fn func(o *catalog.Object, attnums []int)) {
	for _, o := range in.Catalog.Objects() {
		if pk := o.PrimaryKey(); len(pk) > 0 {
			fn(o, attnums(o, pk))
		}
	}
}

func pgIndex(in *Input, out *Rows) {
	primaryKeys(in, func(o *catalog.Object, nums []int) {
		zero := make([]int, len(nums))
		out.Put(Row{"indexrelid": pkeyBase + o.ID, "indrelid": o.ID, "indnatts": len(nums), "indnkeyatts": len(nums),
			"indisunique": true, "indisprimary": true, "indimmediate": true, "indisvalid": true, "indisready": true, "indislive": true,
			"indkey": ints(types.Of(types.Int2Vector), nums), "indcollation": ints(types.Of(types.OIDVector), collations(o)),
			"indclass": ints(types.Of(types.OIDVector), zero), "indoption": ints(types.Of(types.Int2Vector), zero)})
	})
}

// collations are the collations of the primary key's columns.
func collations(o *catalog.Object) []int {
	var out []int
	for _, c := range o.PrimaryKey() {
		out = append(out, typeRows()[o.Cols[c].Type.OID()].collation)
	}
	return out
}

func pgConstraint(in *Input, out *Rows) {
	primaryKeys(in, func(o *catalog.Object, nums []int) {
		ns, _ := in.Catalog.Schema(o.Schema)
		out.Put(Row{"oid": pkeyBase + o.ID, "conname": o.Name + "_pkey", "connamespace": ns, "contype": "p", "convalidated": true,
			"conrelid": o.ID, "conindid": pkeyBase + o.ID, "conislocal": true, "connoinherit": true,
			"confupdtype": " ", "confdeltype": " ", "confmatchtype": " ",
			"conkey": ints(types.ArrayOf(types.Of(types.Int2)), nums)})
	})
}

func pgIndexes(in *Input, out *Rows) {
	primaryKeys(in, func(o *catalog.Object, _ []int) {
		out.Put(Row{"schemaname": o.Schema, "tablename": o.Name, "indexname": o.Name + "_pkey", "indexdef": IndexDef(o)})
	})
}

// KeyNames are the names of the primary key's columns.
func KeyNames(o *catalog.Object) string {
	var names []string
	for _, c := range o.PrimaryKey() {
		names = append(names, quoteIdent(o.Cols[c].Name))
	}
	return strings.Join(names, ", ")
}

// IndexDef is the definition of a table's primary key index (pg_get_indexdef).
func IndexDef(o *catalog.Object) string {
	return "CREATE UNIQUE INDEX " + quoteIdent(o.Name+"_pkey") + " ON " + quoteIdent(o.Schema) + "." + quoteIdent(o.Name) + " USING btree (" + KeyNames(o) + ")"
}

// PKeyTable is the table whose primary key has the OID; nil: none.
func PKeyTable(cat *catalog.Catalog, oid catalog.ID) *catalog.Object {
	if oid < pkeyBase {
		return nil
	}
	return cat.ByID(oid - pkeyBase)
}
