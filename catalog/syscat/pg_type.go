package syscat

import (
	"streamdb/catalog"
	"streamdb/types"
)

type catalogID = catalog.ID

func pgType(_ *Input, out *Rows) {
	put := func(t types.T, elem uint32) {
		kind := "b"
		if t.Category() == 'P' {
			kind = "p"
		}
		collation := catalog.ID(0)
		if t.IsString() {
			collation = defaultCollationOID
		}
		category := "A"
		if elem == 0 {
			category = string(rune(t.Category()))
		}
		out.Put(Row{"oid": t.OID(), "typname": t.Typname(), "typnamespace": pgCatalogOID, "typowner": ownerOID, "typlen": t.Typlen(),
			"typbyval": t.Typlen() > 0 && t.Typlen() <= 8, "typtype": kind, "typcategory": category, "typispreferred": t.Preferred(),
			"typisdefined": true, "typdelim": ",", "typelem": elem, "typarray": t.ArrayOID(), "typalign": "i", "typstorage": "p",
			"typtypmod": -1, "typcollation": collation})
	}
	for _, t := range types.AllScalar() {
		put(t, 0)
		if t.ArrayOID() != 0 {
			put(types.ArrayOf(t), t.OID())
		}
	}
}
