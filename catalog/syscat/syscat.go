package syscat

import (
	"fmt"
	"time"

	"streamdb/catalog"
	"streamdb/types"
	"streamdb/vec"
)

// Table is one system table.
type Table struct {
	Schema, Name string
	Cols         types.Schema
	// Fill adds the rows. It reads nothing but in.
	Fill func(in *Input, out *Rows) error
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
	// Bytes estimates the stored size of an object.
	Bytes(o *catalog.Object) int64
	// ExprSQL prints an expression kept by the catalog as Postgres would (pg_get_expr).
	ExprSQL(sql string) string
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
	InTransaction     bool
}

// Rows collects rows, column by column.
type Rows struct {
	cols []*vec.Builder
	n    int
}

// NewRows makes an empty collection for a table.
func NewRows(schema types.Schema) *Rows {
	r := &Rows{cols: make([]*vec.Builder, len(schema))}
	for i, c := range schema {
		r.cols[i] = vec.NewBuilder(c.Type.Layout(), 16)
	}
	return r
}

// Add appends a row: one Go value per column. nil is NULL; string and []byte go
// to byte layouts, integers to integers, bool, float64, time.Time (timestamptz)
// and types.Datum to theirs. Another kind of value is a fault of the table.
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

// cols makes a schema from pairs of name and type.
func cols(pairs ...any) types.Schema {
	s := make(types.Schema, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		t, ok := pairs[i+1].(types.T)
		if !ok {
			t = types.Of(pairs[i+1].(types.ID))
		}
		s = append(s, types.Column{Name: pairs[i].(string), Type: t})
	}
	return s
}

// Find returns a system table.
func Find(schema, name string) (*Table, bool) {
	for _, t := range All() {
		if t.Schema == schema && t.Name == name {
			return t, true
		}
	}
	return nil, false
}
