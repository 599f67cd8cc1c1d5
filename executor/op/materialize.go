package op

import (
	"streamdb/executor"
	"streamdb/storage"
	"streamdb/types"
)

// ConflictMode says what Materialize does with an insert whose key exists.
type ConflictMode uint8

// The modes.
const (
	NoConflict ConflictMode = iota // the input is known to be a change stream of unique keys (views, and DML which engine has checked)
	Overwrite                      // connector rows with a primary key: upsert
)

// Materialize writes its input to the stored rows of a table or view and emits
// the net change of each epoch, which downstream jobs subscribe to.
type Materialize struct {
	In         executor.Spec
	Table      RowTable
	Conflict   ConflictMode
	AppendOnly bool // keys only ever arrive once: rows are written as they come
}

// Kind is "Materialize".
func (*Materialize) Kind() string { return "Materialize" }

// Inputs is the rows to store.
func (m *Materialize) Inputs() []executor.Spec { return []executor.Spec{m.In} }

// Schema is all columns of the table.
func (m *Materialize) Schema() types.Schema { return m.Table.Cols }

// State is the stored rows.
func (m *Materialize) State() []storage.TableDef { return tables(m.Table.Def) }

// Explain shows the columns, the key and how conflicts are treated.
func (m *Materialize) Explain() string {
	text := colList(m.Table.Cols, allCols(len(m.Table.Cols))) + " key " + sortList(m.Table.Cols, m.Table.Key)
	if len(m.Table.Dist) > 0 {
		text += " distributed by " + colList(m.Table.Cols, m.Table.Dist)
	}
	switch {
	case m.AppendOnly && m.Conflict == NoConflict:
		text += " append-only"
	case m.Conflict == Overwrite:
		text += " overwrite"
	}
	return text
}

// Open makes the writer.
func (m *Materialize) Open(ctx *executor.OpenCtx) (executor.Operator, error) {
	w := rowWriter{
		spec:  m,
		table: ctx.Table(m.Table.Def),
		types: schemaTypes(m.Table.Cols),
	}
	switch {
	case m.Conflict == Overwrite:
		return &overwrite{epochWriter: epochWriter{rowWriter: w}, dec: m.Table.Decoder(nil)}, nil
	case m.AppendOnly:
		return &appendRows{rowWriter: w}, nil
	}
	net := netRows{epochWriter: epochWriter{rowWriter: w}}
	if from := onceBelow(m); from != nil {
		return &pairedRows{netRows: net, compare: !from.whole}, nil
	}
	return &net, nil
}
