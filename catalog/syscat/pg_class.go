package syscat

import "strconv"

func itoa(n int) string { return strconv.Itoa(n) }

func pgClass(in *Input, out *Rows) {
	for _, r := range relations(in) {
		am := heapOID
		switch r.kind {
		case "i":
			am = btreeOID
		case "v", "f":
			am = 0
		}
		out.Put(Row{"oid": r.oid, "relname": r.name, "relnamespace": r.namespace, "reltype": 0, "relowner": ownerOID, "relam": am,
			"relfilenode": r.oid, "reltuples": -1.0, "relhasindex": r.obj != nil && len(r.obj.PrimaryKey()) > 0,
			"relpersistence": "p", "relkind": r.kind, "relnatts": len(r.cols), "relispopulated": true, "relreplident": "d"})
	}
}

func pgAttribute(in *Input, out *Rows) {
	for _, r := range relations(in) {
		for i, c := range r.cols {
			collation := 0
			if c.Type.IsString() {
				collation = int(defaultCollationOID)
			}
			generated := ""
			if c.Generated != "" {
				generated = "s"
			}
			out.Put(Row{"attrelid": r.oid, "attname": c.Name, "atttypid": c.Type.OID(), "attlen": c.Type.Typlen(), "attnum": i + 1,
				"attcacheoff": -1, "atttypmod": c.Type.Typmod(), "attnotnull": c.NotNull, "attcollation": collation,
				"atthasdef": c.Default != "" || c.Generated != "", "attgenerated": generated, "attislocal": true, "attstorage": "p"})
		}
	}
}

func pgAttrdef(in *Input, out *Rows) {
	for _, o := range in.Catalog.Objects() {
		for i, c := range visible(o) {
			if expr := c.Default + c.Generated; expr != "" {
				out.Put(Row{"oid": pkeyBase + o.ID<<8 + o.ID, "adrelid": o.ID, "adnum": i + 1, "adbin": expr})
			}
		}
	}
}

func pgNamespace(in *Input, out *Rows) {
	namespaces(in, func(oid catalogID, name string) {
		out.Put(Row{"oid": oid, "nspname": name, "nspowner": ownerOID})
	})
}
