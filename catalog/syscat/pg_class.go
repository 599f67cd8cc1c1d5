package syscat

import (
	"strconv"

	"streamdb/types"
)

func itoa(n int) string { return strconv.Itoa(n) }

func pgClass(in *Input, out *Rows) {
	for _, r := range relations(in) {
		am, tuples, pages, ident := heapOID, -1.0, 0, "d"
		switch r.kind {
		case "i":
			am, tuples, pages, ident = btreeOID, 0, 1, "n"
		case "v", "f":
			am, ident = 0, "n"
		}
		out.Put(Row{"oid": r.oid, "relname": r.name, "relnamespace": r.namespace, "reltype": 0, "relowner": ownerOID, "relam": am,
			"relfilenode": r.oid, "relpages": pages, "reltuples": tuples, "relhasindex": r.obj != nil && len(r.obj.PrimaryKey()) > 0,
			"relpersistence": "p", "relkind": r.kind, "relnatts": len(r.cols), "relhasrules": r.kind == "v" || r.kind == "m",
			"relispopulated": r.obj == nil || !r.obj.Creating, "relreplident": ident})
	}
}

func pgAttribute(in *Input, out *Rows) {
	info := typeRows()
	for _, r := range relations(in) {
		for i, c := range r.cols {
			generated, dims := "", 0
			if c.Generated != "" {
				generated = "s"
			}
			if c.Type.ID == types.Array {
				dims = 1
			}
			t := info[c.Type.OID()]
			out.Put(Row{"attrelid": r.oid, "attname": c.Name, "atttypid": c.Type.OID(), "attstattarget": -1, "attlen": c.Type.Typlen(),
				"attnum": i + 1, "attndims": dims, "attcacheoff": -1, "atttypmod": c.Type.Typmod(), "attbyval": t.byval, "attalign": t.align,
				"attnotnull": c.NotNull && r.pkOf == nil, "attcollation": t.collation, "attstorage": t.storage,
				"atthasdef": (c.Default != "" || c.Generated != "") && r.pkOf == nil, "attgenerated": generated, "attislocal": true})
		}
	}
}

func pgAttrdef(in *Input, out *Rows) {
	for _, o := range in.Catalog.Objects() {
		for i, c := range visible(o) {
			if expr := DefaultText(c) + c.Generated; expr != "" {
				out.Put(Row{"oid": attrdefBase + o.ID<<8 + catalogID(i), "adrelid": o.ID, "adnum": i + 1, "adbin": expr})
			}
		}
	}
}

func pgNamespace(in *Input, out *Rows) {
	namespaces(in, func(oid catalogID, name string) {
		out.Put(Row{"oid": oid, "nspname": name, "nspowner": ownerOID})
	})
}
