package op

import (
	"bytes"

	"streamdb/executor"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// SingleRow checks that its input has at most one row at every epoch's end
// (a scalar subquery): more is error 21000. With NullOnEmpty it yields a row of
// NULLs when there is none (and retracts it when one comes). What it emitted
// last is its state; no entry means that nothing was emitted yet:
//
//	"r" -> 1, row (storage.AppendRow) if there is one; 0 if there is none
type SingleRow struct {
	In          executor.Spec
	NullOnEmpty bool
	Table       TableRef // the row now held
}

// Kind implements executor.Spec.
func (s *SingleRow) Kind() string { return "SingleRow" }

// Inputs implements executor.Spec.
func (s *SingleRow) Inputs() []executor.Spec { return []executor.Spec{s.In} }

// Schema implements executor.Spec.
func (s *SingleRow) Schema() types.Schema { return s.In.Schema() }

// State implements executor.Spec.
func (s *SingleRow) State() []storage.TableDef { return tables(s.Table) }

// Explain implements executor.Spec.
func (s *SingleRow) Explain() string {
	if s.NullOnEmpty {
		return "null when empty"
	}
	return ""
}

// Open implements executor.Spec.
func (s *SingleRow) Open(ctx *executor.OpenCtx) (executor.Operator, error) {
	o := &singleRow{spec: s, layouts: schemaLayouts(s.Schema()), net: map[string]int64{}}
	if ctx.Bounded {
		return o, nil
	}
	o.table = ctx.Table(s.Table)
	v, err := o.table.Get(0, singleKey)
	if err != nil {
		return nil, err
	}
	if v != nil {
		o.started = true
		if v[0] == 1 {
			o.row = bytes.Clone(v[1:])
			o.net[string(o.row)], o.had = 1, 1
		} else if s.NullOnEmpty {
			o.row = o.nullRow()
		}
	}
	return o, nil
}

var singleKey = []byte("r")

// singleRow keeps the rows by weight: between barriers there may be any number,
// of any weight.
type singleRow struct {
	executor.Base
	spec    *SingleRow
	layouts []types.Layout
	table   storage.StateTable // nil: bounded
	net     map[string]int64   // encoded row -> weight, never 0
	row     []byte             // emitted; nil: none
	had     int64              // rows at the last barrier: 0 or 1
	started bool               // the state has an entry
	buf     []byte
}

func (o *singleRow) nullRow() []byte {
	cols := make([]vec.Vec, len(o.layouts))
	for j := range cols {
		cols[j] = vec.ConstOf(o.layouts[j], types.NullDatum, 1)
	}
	return storage.AppendRow(nil, cols, 0)
}

func (o *singleRow) Process(_ *executor.Ctx, _ int, b *stream.Batch, _ executor.Emitter) error {
	cols := b.Cols()
	for i := range b.Rows() {
		o.buf = storage.AppendRow(o.buf[:0], cols, i)
		if w := o.net[string(o.buf)] + int64(b.Op(i)); w == 0 {
			delete(o.net, string(o.buf))
		} else {
			o.net[string(o.buf)] = w
		}
	}
	return nil
}

func (o *singleRow) Barrier(_ *executor.Ctx, _ stream.Barrier, out executor.Emitter) error {
	var row []byte
	rows := int64(0)
	for r, w := range o.net {
		if w < 0 {
			return sqlerr.New(sqlerr.InternalError, "single row: a row that never came is retracted")
		}
		rows += w
		row = []byte(r)
	}
	if rows > 1 {
		return sqlerr.New(sqlerr.CardinalityViolation, "more than one row returned by a subquery used as an expression")
	}
	if rows == 0 && o.spec.NullOnEmpty {
		row = o.nullRow()
	}
	if o.table != nil && (!o.started || rows != o.had || !bytes.Equal(row, o.row)) {
		o.table.Put(0, singleKey, append([]byte{byte(rows)}, row[:len(row)*int(rows)]...))
	}
	o.started, o.had = true, rows
	if bytes.Equal(row, o.row) {
		return nil // an encoded row is never empty, so nil equals nil alone
	}
	dec := storage.NewRowDecoder(o.layouts, nil)
	cols := dec.Builders(2)
	var ops []stream.Op
	for _, c := range []struct {
		row []byte
		op  stream.Op
	}{{o.row, stream.Delete}, {row, stream.Insert}} {
		if c.row != nil {
			if err := dec.Append(cols, c.row); err != nil {
				return err
			}
			ops = append(ops, c.op)
		}
	}
	o.row = row
	if len(ops) == 0 {
		return nil
	}
	res := make([]vec.Vec, len(cols))
	for j := range res {
		res[j] = cols[j].Vec()
	}
	return out.Emit(stream.NewBatch(len(ops), res, ops))
}
