package syscat

import (
	"slices"
	"strings"

	"streamdb/catalog"
	"streamdb/sql/ast"
	"streamdb/types"
)

// The OIDs of the system schemas and of what every database has, as in Postgres
// where it has them.
const (
	pgCatalogOID         catalog.ID = 11
	informationSchemaOID catalog.ID = 13000
	streamdbOID          catalog.ID = 13001
	rwCatalogOID         catalog.ID = 13002
	ownerOID             catalog.ID = 10
	heapOID              catalog.ID = 2
	btreeOID             catalog.ID = 403
	defaultCollationOID  catalog.ID = 100
	databaseOID          catalog.ID = 1
	defaultSpaceOID      catalog.ID = 1663
	systemTableBase      catalog.ID = 12000   // + position in the sorted list
	pkeyBase             catalog.ID = 1 << 30 // + the table's OID: its primary key's index and constraint
	attrdefBase          catalog.ID = 3 << 30 // + the table's OID * 256 + the column: its default
)

// relation is a row of pg_class: an object, a system table or a primary key.
type relation struct {
	oid       catalog.ID
	namespace catalog.ID
	schema    string
	name      string
	kind      string // pg_class.relkind
	obj       *catalog.Object
	cols      []catalog.Column
	pkOf      *catalog.Object
}

// relkinds is relkind by kind of object. Sources and sinks show as foreign tables.
var relkinds = map[catalog.Kind]string{
	catalog.Table: "r", catalog.View: "v", catalog.MaterializedView: "m",
	catalog.Source: "f", catalog.Sink: "f", catalog.Index: "i",
}

// relations lists everything that pg_class holds, ordered by OID.
func relations(in *Input) []relation {
	var out []relation
	for i, t := range sorted() {
		r := relation{oid: systemTableBase + catalog.ID(i), namespace: systemSchema(t.Schema), schema: t.Schema, name: t.Name, kind: "r"}
		for _, c := range t.Cols {
			r.cols = append(r.cols, catalog.Column{Column: c})
		}
		out = append(out, r)
	}
	for _, o := range in.Catalog.Objects() {
		ns, _ := in.Catalog.Schema(o.Schema)
		out = append(out, relation{oid: o.ID, namespace: ns, schema: o.Schema, name: o.Name, kind: relkinds[o.Kind], obj: o, cols: visible(o)})
	}
	for _, o := range in.Catalog.Objects() {
		if pk := o.PrimaryKey(); len(pk) > 0 {
			ns, _ := in.Catalog.Schema(o.Schema)
			r := relation{oid: pkeyBase + o.ID, namespace: ns, schema: o.Schema, name: o.Name + "_pkey", kind: "i", pkOf: o}
			for _, c := range pk {
				r.cols = append(r.cols, o.Cols[c])
			}
			out = append(out, r)
		}
	}
	return out
}

// sorted lists the system tables by schema and name: the order of their OIDs.
func sorted() []*Table {
	var all []*Table
	Each(func(t *Table) { all = append(all, t) })
	slices.SortFunc(all, func(a, b *Table) int {
		return strings.Compare(a.Schema+"."+a.Name, b.Schema+"."+b.Name)
	})
	return all
}

// OwnerOID is the OID of the one role.
const OwnerOID = uint32(ownerOID)

// SystemSchema is the OID of a system schema.
func SystemSchema(name string) (catalog.ID, bool) {
	if !catalog.IsSystemSchema(name) {
		return 0, false
	}
	return systemSchema(name), true
}

// SystemSchemaName is the inverse; "" if the OID is not a system schema's.
func SystemSchemaName(oid catalog.ID) string {
	for _, n := range []string{"pg_catalog", "information_schema", "streamdb", "rw_catalog"} {
		if systemSchema(n) == oid {
			return n
		}
	}
	return ""
}

func systemSchema(name string) catalog.ID {
	switch name {
	case "pg_catalog":
		return pgCatalogOID
	case "information_schema":
		return informationSchemaOID
	case "rw_catalog":
		return rwCatalogOID
	}
	return streamdbOID
}

// visible are the columns that SELECT * shows.
func visible(o *catalog.Object) []catalog.Column {
	var out []catalog.Column
	for _, c := range o.Cols {
		if !c.Hidden {
			out = append(out, c)
		}
	}
	return out
}

// Namespaces lists the schemas with their OIDs, system ones first.
func namespaces(in *Input, fn func(oid catalog.ID, name string)) {
	fn(pgCatalogOID, "pg_catalog")
	fn(informationSchemaOID, "information_schema")
	fn(streamdbOID, "streamdb")
	fn(rwCatalogOID, "rw_catalog")
	for _, name := range in.Catalog.Schemas() {
		id, _ := in.Catalog.Schema(name)
		fn(id, name)
	}
}

// attnums are the 1-based numbers of key columns among the visible ones.
func attnums(o *catalog.Object, cols []int) []int {
	out := make([]int, len(cols))
	for k, c := range cols {
		n := 0
		for i := 0; i <= c; i++ {
			if !o.Cols[i].Hidden {
				n++
			}
		}
		out[k] = n
	}
	return out
}

// ints makes an array or vector value of integers.
func ints(t types.T, values []int) types.Datum {
	text := make([]string, len(values))
	for i, v := range values {
		text[i] = itoa(v)
	}
	s := strings.Join(text, " ")
	if t.ID == types.Array {
		s = "{" + strings.Join(text, ",") + "}"
	}
	d, err := types.ParseText(t, s, nil)
	if err != nil {
		panic(err)
	}
	return d
}

// RelationName finds a relation's schema and name by OID, for regclass and the
// functions of pg_catalog.
func RelationName(cat *catalog.Catalog, oid catalog.ID) (schema, name string, ok bool) {
	for _, r := range relations(&Input{Catalog: cat}) {
		if r.oid == oid {
			return r.schema, r.name, true
		}
	}
	return "", "", false
}

// RelationOID finds a relation's OID by schema and name.
func RelationOID(cat *catalog.Catalog, schema, name string) (catalog.ID, bool) {
	for _, r := range relations(&Input{Catalog: cat}) {
		if r.schema == schema && r.name == name {
			return r.oid, true
		}
	}
	return 0, false
}

// quoteIdent is a name as SQL.
func quoteIdent(s string) string { return ast.QuoteIdent(s) }
