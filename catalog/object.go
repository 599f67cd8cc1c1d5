package catalog

import (
	"encoding/json"
	"slices"
	"time"

	"streamdb/storage"
	"streamdb/types"
)

// ID names an object for ever; it is its OID in pg_catalog and its job's id.
type ID uint32

// FirstUserID is the id of the first object a user makes (as Postgres's FirstNormalObjectId).
const FirstUserID ID = 16384

// Kind tells objects apart.
type Kind string

// The kinds.
const (
	Table            Kind = "table"
	Source           Kind = "source"
	View             Kind = "view"
	MaterializedView Kind = "materialized view"
	Sink             Kind = "sink"
	Index            Kind = "index"
)

// Form is the version of an Object's stored form. Members are only ever added,
// and mean nothing where they are absent; a change that an older version would
// get wrong by not knowing it raises the version.
const Form = 1

// Object is one relation. It is immutable once in a Catalog.
type Object struct {
	Form   int    `json:"form,omitempty"` // the version of this form that it was stored in; absent: 1
	ID     ID     `json:"id"`
	Kind   Kind   `json:"kind"`
	Schema string `json:"schema"`
	Name   string `json:"name"`
	Owner  string `json:"owner"`

	// Cols are all columns, hidden ones included. For Table and MaterializedView they
	// are the stored row; for Source the visible columns and a hidden _row_id. A column
	// keeps its position for ever: new ones come last, dropped ones stay.
	Cols []Column `json:"cols"`

	Rows *Rows `json:"rows,omitempty"` // Table, MaterializedView, Index: where the rows are

	Definition string   `json:"definition,omitempty"` // the statement that made the object, for SHOW CREATE
	Query      string   `json:"query,omitempty"`      // View, MaterializedView, Sink: the text of its SELECT
	SearchPath []string `json:"searchPath,omitempty"` // in force when Query was written

	Connector *Connector `json:"connector,omitempty"` // Source, Sink, Table with a connector
	Watermark *Watermark `json:"watermark,omitempty"` // Source, Table

	Marks      []int `json:"marks,omitempty"`      // MaterializedView: positions in Cols on which its changes carry watermarks
	AppendOnly bool  `json:"appendOnly,omitempty"` // Source, Table: no UPDATE or DELETE; MaterializedView: the plan never retracts

	Index *IndexInfo `json:"index,omitempty"` // Index: what it is of

	Conflict *Conflict `json:"conflict,omitempty"` // Table: what an inserted row does whose key is there; nil: it is an error

	Retention int64 `json:"retention,omitempty"` // Table: seconds after which a row goes by itself; 0: it stays

	Into ID `json:"into,omitempty"` // Sink: the table that it writes, 0: it has a Connector

	DependsOn []ID  `json:"dependsOn,omitempty"` // objects read by Query, ascending
	Refs      []Ref `json:"refs,omitempty"`      // the relations that Query names, as they were when it was written

	Plan        json.RawMessage   `json:"plan,omitempty"`        // the pinned physical plan of the job; Source: only while a job reads it
	Upstreams   []ID              `json:"upstreams,omitempty"`   // the jobs that the plan reads, ascending
	Creating    bool              `json:"creating,omitempty"`    // its backfill is not done: nobody reads it yet
	Resuming    bool              `json:"resuming,omitempty"`    // Creating is that of ALTER .. RESUME
	StateTables []storage.TableID `json:"stateTables,omitempty"` // all tables of the plan, dropped with the job
	Parallelism int               `json:"parallelism,omitempty"`

	Rates         map[string]int64 `json:"rates,omitempty"`        // rows a second by the name of the limit; 0: paused; absent: no limit
	Background    bool             `json:"background,omitempty"`   // nobody waits for its creation
	CreatingSince time.Time        `json:"creatingSince,omitzero"` // when the creation began

	Failed  *Failure `json:"failed,omitempty"` // the job ended with an error
	Comment string   `json:"comment,omitempty"`
}

// Column is a column of an object.
type Column struct {
	types.Column
	Default   string  `json:"default,omitempty"`   // SQL text; "" none
	Generated string  `json:"generated,omitempty"` // SQL text of GENERATED ALWAYS AS; "" none
	Field     string  `json:"field,omitempty"`     // its name in the connector's rows, if another: it was renamed
	Comment   string  `json:"comment,omitempty"`
	Missing   *string `json:"missing,omitempty"` // its value, as text, in rows written before it was added; nil: NULL
	Dropped   bool    `json:"dropped,omitempty"` // it keeps its place in the row, hidden under a name of no use
	PK        int     `json:"pk,omitempty"`      // 1-based position in the primary key; 0: not part
}

// Rows says how an object's rows are stored; see op.RowTable.
type Rows struct {
	Table storage.TableDef `json:"table"`
	Key   []KeyCol         `json:"key"`  // the stream key, unique
	Dist  []int            `json:"dist"` // columns whose hash is the vnode; empty: vnode 0
}

// KeyCol is one column of a stored key.
type KeyCol struct {
	Col        int  `json:"col"`
	Desc       bool `json:"desc,omitempty"`
	NullsFirst bool `json:"nullsFirst,omitempty"`
}

// Connector is the WITH (...) FORMAT .. ENCODE .. part.
type Connector struct {
	Name          string            `json:"name"`
	Options       map[string]string `json:"options,omitempty"`
	Format        string            `json:"format,omitempty"`
	Encode        string            `json:"encode,omitempty"`
	EncodeOptions map[string]string `json:"encodeOptions,omitempty"`
}

// Watermark is WATERMARK FOR col AS expr.
type Watermark struct {
	Col        int    `json:"col"`
	Expr       string `json:"expr"`
	Idle       int64  `json:"idle,omitempty"`       // microseconds after which a silent split does not count; 0: the default
	Quarantine bool   `json:"quarantine,omitempty"` // late rows are kept
}

// IndexInfo says what an index holds: a copy of a relation's rows under another
// key. Its Rows.Key is the index's own keys, then the rest of the relation's.
type IndexInfo struct {
	On    ID  `json:"on"`
	Keys  int `json:"keys"`  // so many leading columns of Cols, and of Rows.Key, are the index's keys
	Given int `json:"given"` // so many leading columns are its keys, and those of INCLUDE or else all
	// Include says that it has INCLUDE. Indexes of versions that did not note it count
	// as without.
	Include bool `json:"include,omitempty"`
	// From is per column of Cols the column of the relation, -1: an expression, which
	// Exprs has as the planner pins it, over the relation's columns, and Texts as SQL.
	From  []int             `json:"from"`
	Exprs []json.RawMessage `json:"exprs,omitempty"`
	Texts []string          `json:"texts,omitempty"`
}

// Failure is why a job no longer runs.
type Failure struct {
	Code  string `json:"code"`
	Msg   string `json:"msg"`
	Epoch uint64 `json:"epoch"` // the last epoch whose results are in the store
	// Stopped is Epoch where that is exact: the state is that of this epoch, and all
	// inputs up to it are in it. 0: not known.
	Stopped uint64 `json:"stopped,omitempty"`
	With    ID     `json:"with,omitempty"` // the job whose failure took this one along; 0: it failed itself
}

// Types returns the columns as the dataflow knows them.
func (o *Object) Types() types.Schema {
	s := make(types.Schema, len(o.Cols))
	for i := range o.Cols {
		s[i] = o.Cols[i].Column
	}
	return s
}

// Missing are the values of columns in rows that were written before the columns
// were added, as text, by position; see op.RowTable.
func (o *Object) Missing() map[int]string {
	var out map[int]string
	for i := range o.Cols {
		if m := o.Cols[i].Missing; m != nil {
			if out == nil {
				out = map[int]string{}
			}
			out[i] = *m
		}
	}
	return out
}

// RowID is the position of the hidden _row_id; -1 if the object has none.
func (o *Object) RowID() int {
	return slices.IndexFunc(o.Cols, func(c Column) bool { return c.Hidden && c.Name == "_row_id" })
}

// PrimaryKey returns the columns of the declared primary key, in key order.
func (o *Object) PrimaryKey() []int {
	var pk []int
	for n := 1; ; n++ {
		found := false
		for i := range o.Cols {
			if o.Cols[i].PK == n {
				pk, found = append(pk, i), true
			}
		}
		if !found {
			return pk
		}
	}
}

// Limits are the rate limits of an object, which may be nil.
func (o *Object) Limits() map[string]int64 {
	if o == nil {
		return nil
	}
	return o.Rates
}

// Runs reports whether the object has a dataflow of its own now.
func (o *Object) Runs() bool { return len(o.Plan) > 0 }
