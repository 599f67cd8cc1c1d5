package op

import (
	"bytes"

	"streamdb/executor"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
)

// Upsert is Materialize for a table with a primary key that several writers
// change independently of each other: its own input (statements, its connector)
// and sinks (CREATE SINK .. INTO). Nobody knows what the others write, so the
// last change of a key wins, and a delete removes whatever row has the key.
//
// Within an epoch the writers take turns: Writers in their order, then In, so
// that what a statement wrote is what its client sees. Of one writer the sum of
// its changes of a key counts: rows that are left are an insert (of the greatest,
// if they are several), else a row that is gone is a delete. So the result of an
// epoch does not depend on the order in which rows arrive.
//
//	Table: key -> row
type Upsert struct {
	In         executor.Spec
	Writers    []executor.Spec
	Table      RowTable
	Conflict   ConflictMode // of In
	AppendOnly bool         // the first row of a key stays, deletes are not for it
	Merge      *RowMerge    `json:",omitempty"` // of Writers; nil: their rows take the place of others
}

// Kind is "Upsert".
func (*Upsert) Kind() string { return "Upsert" }

// Inputs is the table's own input and the other writers.
func (u *Upsert) Inputs() []executor.Spec { return append([]executor.Spec{u.In}, u.Writers...) }

// Schema is all columns of the table.
func (u *Upsert) Schema() types.Schema { return u.Table.Cols }

// State is the stored rows.
func (u *Upsert) State() []storage.TableDef { return tables(u.Table.Def) }

// Explain shows what Materialize shows.
func (u *Upsert) Explain() string {
	m := Materialize{Table: u.Table, Conflict: Overwrite}
	text := m.Explain()
	if u.AppendOnly {
		text += " append-only"
	}
	if m := u.Merge; m != nil && m.Fill {
		text += " if not null"
	}
	if m := u.Merge; m != nil && m.Version > 0 {
		text += " version " + u.Table.Cols[m.Version-1].Name
	}
	return text
}

// Open makes the writer.
func (u *Upsert) Open(ctx *executor.OpenCtx) (executor.Operator, error) {
	return &upsert{
		rowWriter: rowWriter{
			spec:  &Materialize{Table: u.Table},
			table: ctx.Table(u.Table.Def),
			types: schemaTypes(u.Table.Cols),
		},
		spec: u, dec: u.Table.Decoder(nil),
	}, nil
}

type upsert struct {
	rowWriter
	spec   *Upsert
	epoch  epochRows
	from   []int // the input of each batch of the epoch
	dec    *storage.RowDecoder
	images []image
	row2   []byte
}

// image is one row that a writer inserts or deletes, once or more often.
type image struct {
	row    int32
	weight int
}

// Verdicts on a key besides the number of the row that it gets.
const (
	keyStays   = int32(-1)
	keyRemoved = int32(-2)
)

func (u *upsert) Process(_ *executor.Ctx, in int, b *stream.Batch, _ executor.Emitter) error {
	u.epoch.add(&u.rowWriter, b)
	u.from = append(u.from, in)
	return nil
}

// Forget drops the rows that a writer brought in this epoch.
func (u *upsert) Forget(in int) {
	batches, from := u.epoch.batches, u.from
	u.epoch.reset()
	u.from = nil
	for i, b := range batches {
		if from[i] != in {
			u.epoch.add(&u.rowWriter, b)
			u.from = append(u.from, from[i])
		}
	}
}

func (u *upsert) Watermark(_ *executor.Ctx, in int, m stream.Watermark, _ executor.Emitter) error {
	return nil // other writers do not keep to it
}

func (u *upsert) Barrier(_ *executor.Ctx, _ stream.Barrier, out executor.Emitter) error {
	e := &u.epoch
	if len(e.heads) == 0 {
		return nil
	}
	if u.spec.Merge != nil {
		return u.mergeBarrier(out)
	}
	vnodes, keys := e.stored()
	for id := range e.heads {
		e.heads[id] = u.verdict(e.heads[id])
	}
	keep := make([]bool, len(e.next))
	gone := goneRows{dec: u.dec, old: u.dec.Builders(0), out: out}
	err := u.table.MultiGet(vnodes, keys, func(id int, value []byte) error {
		row := u.against(e.heads[id], value)
		e.heads[id] = row
		if row >= 0 {
			keep[row] = true
		}
		if row == keyStays || value == nil {
			return nil
		}
		return gone.add(value)
	})
	if err != nil {
		return err
	}
	e.storeLater(u.table, e.heads)
	if err := gone.flush(); err != nil {
		return err
	}
	if err := e.emit(keep, out); err != nil {
		return err
	}
	u.from = u.from[:0]
	return nil
}

// against compares a verdict with the row that is stored under the key (nil:
// none): what changes nothing is keyStays.
func (u *upsert) against(row int32, value []byte) int32 {
	switch {
	case value != nil && u.spec.AppendOnly:
		return keyStays
	case row == keyRemoved && value == nil:
		return keyStays
	case row >= 0 && value != nil:
		if bytes.Equal(value, u.image(row, &u.row)) {
			return keyStays
		}
	}
	return row
}

// image is the stored form of a row of the epoch, in the given buffer.
func (u *upsert) image(row int32, buf *[]byte) []byte {
	batch, i := u.epoch.at(row)
	*buf = storage.AppendRow((*buf)[:0], u.epoch.batches[batch].Cols(), i)
	return *buf
}

// verdict decides what the epoch does with a key, whose last row is head: the
// number of the row that it gets, keyRemoved or keyStays.
func (u *upsert) verdict(head int32) int32 {
	// The last in turn with a say decides. A table that only grows keeps the first.
	if v := u.say(head, 0); v != keyStays && !u.spec.AppendOnly {
		return v
	}
	for n := range u.spec.Writers {
		in := len(u.spec.Writers) - n
		if u.spec.AppendOnly {
			in = n + 1
		}
		if v := u.say(head, in); v != keyStays {
			return v
		}
	}
	return u.say(head, 0)
}

// say is what one writer did with a key in the epoch.
func (u *upsert) say(head int32, in int) int32 {
	e := &u.epoch
	u.images = u.images[:0]
	for r := head; r >= 0; r = e.next[r] {
		batch, i := e.at(r)
		if u.from[batch] != in {
			continue
		}
		weight := int(e.batches[batch].Op(i))
		if in == 0 && u.spec.Conflict == Overwrite { // in order of arrival: the last one counts
			if weight > 0 {
				return r
			}
			return keyRemoved
		}
		u.fold(r, weight)
	}
	verdict := keyStays
	for _, m := range u.images {
		switch {
		case m.weight > 0 && (verdict < 0 || bytes.Compare(u.image(m.row, &u.row), u.image(verdict, &u.row2)) > 0):
			verdict = m.row
		case m.weight < 0 && verdict == keyStays && !u.spec.AppendOnly:
			verdict = keyRemoved
		}
	}
	return verdict
}

// fold adds a change to the distinct rows of a key.
func (u *upsert) fold(row int32, weight int) {
	if len(u.images) > 0 {
		u.image(row, &u.row)
	}
	for k := range u.images {
		m := &u.images[k]
		if !bytes.Equal(u.row, u.image(m.row, &u.row2)) {
			continue
		}
		m.weight += weight
		if weight > 0 { // the row that is emitted must be an insert
			m.row = row
		}
		return
	}
	u.images = append(u.images, image{row, weight})
}
