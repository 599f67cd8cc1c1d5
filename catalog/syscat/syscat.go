package syscat

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"
	"time"

	"streamdb/catalog"
	"streamdb/types"
	"streamdb/vec"
)

// Table is one system table.
type Table struct {
	Schema, Name string
	Cols         types.Schema
}

// Fill adds the table's rows; a table that is not in the list is always empty.
func (t *Table) Fill(in *Input, out *Rows) {
	if fill := fills()[t.Schema+"."+t.Name]; fill != nil {
		fill(in, out)
	}
}

// Input is what system tables are computed from.
type Input struct {
	Catalog  *catalog.Catalog
	Database string
	User     string
	Runtime  Runtime
}

// Runtime is what the engine tells beside the catalog.
type Runtime interface {
	// Settings lists the session's settings.
	Settings() []Setting
	// Activity lists the sessions now connected.
	Activity() []Activity
	// Query is the text of a view with the names of today.
	Query(o *catalog.Object) string
	// Bytes estimates the stored size of an object.
	Bytes(o *catalog.Object) int64
}

// Setting is a row of pg_settings.
type Setting struct{ Name, Value, Default, Doc string }

// Activity is a row of pg_stat_activity.
type Activity struct {
	PID               uint32
	User, Application string
	Remote            string
	Started           time.Time
	Query             string // of the statement now running; "" when idle
}

// columnsText names the columns of every table, one table a line: schema.table
// and then name:type of each column, in order.
//
//go:embed columns.txt
var columnsText string

// tables is the list, by schema.name.
var tables = sync.OnceValue(func() map[string]*Table {
	m := map[string]*Table{}
	for line := range strings.Lines(columnsText) {
		f := strings.Fields(line)
		schema, name, _ := strings.Cut(f[0], ".")
		t := &Table{Schema: schema, Name: name}
		for _, col := range f[1:] {
			n, typ, _ := strings.Cut(col, ":")
			t.Cols = append(t.Cols, types.Column{Name: n, Type: columnType(typ)})
		}
		m[f[0]] = t
	}
	return m
})

func columnType(name string) types.T {
	elem, array := strings.CutSuffix(name, "[]")
	if elem == "char" { // the catalogs' one-byte type, not character(n)
		elem = `"char"`
	}
	t, ok := types.Lookup(elem)
	if !ok {
		panic("syscat: unknown type " + name)
	}
	if array {
		return types.ArrayOf(t)
	}
	return t
}

// Find returns a system table.
func Find(schema, name string) (*Table, bool) {
	t, ok := tables()[schema+"."+name]
	return t, ok
}

// Each calls fn for every system table, in no order.
func Each(fn func(*Table)) {
	for _, t := range tables() {
		fn(t)
	}
}

// Row is a row by column name. nil, and text, array and time columns that are
// left out, are NULL; other columns that are left out are zero.
type Row map[string]any

// Rows collects rows, column by column.
type Rows struct {
	schema types.Schema
	cols   []*vec.Builder
	n      int
}

// NewRows makes an empty collection for a table.
func NewRows(schema types.Schema) *Rows {
	r := &Rows{schema: schema, cols: make([]*vec.Builder, len(schema))}
	for i, c := range schema {
		r.cols[i] = vec.NewBuilder(c.Type.Layout(), 16)
	}
	return r
}

// Put adds a row. A name that is not a column is a fault of the table.
func (r *Rows) Put(row Row) {
	used := 0
	for i, c := range r.schema {
		v, ok := row[c.Name]
		if ok {
			used++
		} else if c.Type.Layout() != types.LBytes || c.Type.ID == types.Name || c.Type.ID == types.Char {
			if c.Type.ID != types.TimestampTZ {
				r.cols[i].AppendDatum(types.Datum{})
				continue
			}
		}
		r.cols[i].AppendDatum(datum(v))
	}
	if used != len(row) {
		panic(fmt.Sprintf("syscat: row %v has columns that the table has not", row))
	}
	r.n++
}

// Add adds a row of one Go value per column. nil is NULL; string and []byte go
// to byte layouts, integers to integers, bool, float64, time.Time (timestamptz),
// []string (text[]) and types.Datum to theirs. Another kind is a fault of the table.
func (r *Rows) Add(values ...any) {
	if len(values) != len(r.cols) {
		panic(fmt.Sprintf("syscat: %d values for %d columns", len(values), len(r.cols)))
	}
	for i, v := range values {
		r.cols[i].AppendDatum(datum(v))
	}
	r.n++
}

func datum(v any) types.Datum {
	switch v := v.(type) {
	case nil:
		return types.NullDatum
	case types.Datum:
		return v
	case string:
		return types.BytesDatum(v)
	case []byte:
		return types.BytesDatum(string(v))
	case bool:
		return types.BoolDatum(v)
	case int:
		return types.IntDatum(int64(v))
	case int16:
		return types.IntDatum(int64(v))
	case int32:
		return types.IntDatum(int64(v))
	case int64:
		return types.IntDatum(v)
	case uint32:
		return types.IntDatum(int64(v))
	case catalog.ID:
		return types.IntDatum(int64(v))
	case float64:
		return types.FloatDatum(v)
	case time.Time:
		return types.IntDatum(v.UnixMicro())
	}
	panic(fmt.Sprintf("syscat: no column value for %T", v))
}

// Len is the number of rows.
func (r *Rows) Len() int { return r.n }

// Vecs returns the columns.
func (r *Rows) Vecs() []vec.Vec {
	out := make([]vec.Vec, len(r.cols))
	for i, b := range r.cols {
		out[i] = b.Vec()
	}
	return out
}
