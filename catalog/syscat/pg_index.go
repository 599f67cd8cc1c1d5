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
	for _, o := range in.Catalog.Objects() {
		if o.Index == nil {
			continue
		}
		on := in.Catalog.ByID(o.Index.On)
		keys, zero, options := make([]int, o.Index.Given), make([]int, o.Index.Keys), make([]int, o.Index.Keys)
		for i := range keys {
			if from := o.Index.From[i]; from >= 0 {
				keys[i] = attnums(on, []int{from})[0]
			}
		}
		for i := range options {
			if k := o.Rows.Key[i]; k.Desc {
				options[i] |= 1
			}
			if o.Rows.Key[i].NullsFirst {
				options[i] |= 2
			}
		}
		out.Put(Row{"indexrelid": o.ID, "indrelid": on.ID, "indnatts": o.Index.Given, "indnkeyatts": o.Index.Keys,
			"indisunique": false, "indisprimary": false, "indimmediate": true, "indisvalid": !o.Creating && o.Failed == nil, "indisready": true, "indislive": true,
			"indkey": ints(types.Of(types.Int2Vector), keys), "indcollation": ints(types.Of(types.OIDVector), zero),
			"indclass": ints(types.Of(types.OIDVector), zero), "indoption": ints(types.Of(types.Int2Vector), options)})
	}
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
	for _, o := range in.Catalog.Objects() {
		if o.Index != nil {
			out.Put(Row{"schemaname": o.Schema, "tablename": in.Catalog.ByID(o.Index.On).Name, "indexname": o.Name, "indexdef": SecondaryIndexDef(in.Catalog, o)})
		}
	}
}

// SecondaryIndexDef is the definition of an index that CREATE INDEX made (pg_get_indexdef).
func SecondaryIndexDef(cat *catalog.Catalog, o *catalog.Object) string {
	on := cat.ByID(o.Index.On)
	keys := make([]string, o.Index.Keys)
	for i := range keys {
		keys[i] = IndexKeyDef(cat, o, i)
		k := o.Rows.Key[i]
		if k.Desc {
			keys[i] += " DESC"
		}
		switch {
		case k.NullsFirst && !k.Desc:
			keys[i] += " NULLS FIRST"
		case !k.NullsFirst && k.Desc:
			keys[i] += " NULLS LAST"
		}
	}
	text := "CREATE INDEX " + quoteIdent(o.Name) + " ON " + quoteIdent(on.Schema) + "." + quoteIdent(on.Name) + " USING btree (" + strings.Join(keys, ", ") + ")"
	if names := IncludedNames(cat, o); len(names) > 0 {
		text += " INCLUDE (" + strings.Join(names, ", ") + ")"
	}
	return text
}

// IndexKeyDef is a key of an index as SQL: a column or an expression.
func IndexKeyDef(cat *catalog.Catalog, o *catalog.Object, i int) string {
	if text := o.Index.Texts[i]; text != "" {
		return text
	}
	return quoteIdent(cat.ByID(o.Index.On).Cols[o.Index.From[i]].Name)
}

// IncludedNames are the columns that an index has by INCLUDE.
func IncludedNames(cat *catalog.Catalog, o *catalog.Object) (names []string) {
	if !o.Index.Include {
		return nil
	}
	for _, from := range o.Index.From[o.Index.Keys:o.Index.Given] {
		if c := cat.ByID(o.Index.On).Cols[from]; !c.Dropped {
			names = append(names, quoteIdent(c.Name))
		}
	}
	return names
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
