package syscat

import (
	"testing"

	"streamdb/catalog"
	"streamdb/storage"
	"streamdb/types"
)

type quiet struct{}

func (quiet) Settings() []Setting            { return []Setting{{Name: "a", Value: "b"}} }
func (quiet) Activity() []Activity           { return []Activity{{PID: 1, User: "u"}} }
func (quiet) Query(o *catalog.Object) string { return o.Query }
func (quiet) Bytes(*catalog.Object) int64    { return 0 }

// TestEveryTableFills reads every system table over a catalog with one object of each kind.
func TestEveryTableFills(t *testing.T) {
	cat := catalog.New()
	for i, k := range []catalog.Kind{catalog.Table, catalog.Source, catalog.View, catalog.MaterializedView, catalog.Sink} {
		cat = cat.With(&catalog.Object{ID: catalog.FirstUserID + catalog.ID(i), Kind: k, Schema: "public", Name: "o" + itoa(i), Comment: "c",
			Cols: []catalog.Column{
				{Column: types.Column{Name: "a", Type: types.Of(types.Int4), NotNull: true}, PK: 1},
				{Column: types.Column{Name: "b", Type: types.Varchar()}, Default: "'x'"},
				{Column: types.Column{Name: "_h", Type: types.Of(types.Int8), Hidden: true}},
			}, Connector: &catalog.Connector{Name: "datagen", Options: map[string]string{"a": "b", "password": "x"}}, Rows: &catalog.Rows{Table: storage.TableDef{ID: 20}}})
	}
	in := &Input{Catalog: cat, Database: "dev", User: "root", Runtime: quiet{}}
	for name := range fills() {
		if tables()[name] == nil {
			t.Errorf("no columns for %s", name)
		}
	}
	n := 0
	Each(func(table *Table) {
		rows := NewRows(table.Cols)
		table.Fill(in, rows)
		for i, v := range rows.Vecs() {
			if v.N != rows.Len() {
				t.Errorf("%s.%s column %s has %d of %d rows", table.Schema, table.Name, table.Cols[i].Name, v.N, rows.Len())
			}
		}
		if fills()[table.Schema+"."+table.Name] != nil && rows.Len() == 0 {
			t.Errorf("%s.%s has no rows", table.Schema, table.Name)
		}
		n++
	})
	if n < 100 {
		t.Errorf("only %d system tables", n)
	}
	if schema, name, ok := RelationName(cat, catalog.FirstUserID); !ok || schema != "public" || name != "o0" {
		t.Errorf("relation %d is %s.%s", catalog.FirstUserID, schema, name)
	}
}
