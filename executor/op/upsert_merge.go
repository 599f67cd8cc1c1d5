package op

import (
	"bytes"
	"fmt"
	"slices"

	"streamdb/executor"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/vec"
)

// RowMerge says that rows of an Upsert's Writers do not just take the place of
// the row with their key. The rows that one writer has left for a key at the end
// of an epoch come one after the other: by version if there is one, else by their
// stored form, so that the result does not depend on their order of arrival.
// Deletes, and the table's own input, are as without it.
type RowMerge struct {
	Fill bool `json:"fill,omitempty"` // NULLs of the new row keep the old row's values
	// Version is the 1-based position of a column, 0: none. A row whose version is
	// less than that of the row with its key is dropped; NULL is the least.
	Version int `json:"version,omitempty"`
}

// MergeRows puts the merge into the plan of a keyed table that has writers.
func MergeRows(p *executor.Plan, m RowMerge) error {
	u, ok := p.Fragments[len(p.Fragments)-1].Root.(*Upsert)
	if !ok {
		return fmt.Errorf("op: no writers are attached to job %d", p.Job)
	}
	u.Merge = &m
	return nil
}

// merger goes through the changes of one key after the other.
type merger struct {
	*upsert
	merge   *RowMerge
	version RowTable // its key is the version
	there   bool
	now     []byte // if there: the stored form of the row as it is after the changes so far
	steps   []mergeStep
}

// mergeStep is a row that a writer inserts, and its place among the others.
type mergeStep struct {
	row   int32
	place []byte
}

// mergeBarrier is Barrier with a RowMerge.
func (u *upsert) mergeBarrier(out executor.Emitter) error {
	e, t := &u.epoch, &u.spec.Table
	m := &merger{upsert: u, merge: u.spec.Merge, version: RowTable{Cols: t.Cols}}
	if v := m.merge.Version; v > 0 {
		m.version.Key = []SortKey{{Col: v - 1, NullsFirst: true}}
	}
	vnodes, keys := e.stored()
	old, fresh := t.Builders(nil, 0), t.Builders(nil, 0)
	var ops [2][]stream.Op // of old and fresh
	rows := make([][]byte, len(keys))
	same := make([]bool, len(keys))
	err := u.table.MultiGet(vnodes, keys, func(id int, value []byte) error {
		m.there, m.now = value != nil, append(m.now[:0], value...)
		if err := m.changes(e.heads[id]); err != nil {
			return err
		}
		if same[id] = m.there == (value != nil) && bytes.Equal(m.now, value); same[id] {
			return nil
		}
		if value != nil {
			ops[0] = append(ops[0], stream.Delete)
			if err := u.dec.Append(old, value); err != nil {
				return err
			}
		}
		if !m.there {
			return nil
		}
		ops[1] = append(ops[1], stream.Insert)
		rows[id] = bytes.Clone(m.now)
		return u.dec.Append(fresh, m.now)
	})
	if err != nil {
		return err
	}
	for id, row := range rows {
		switch {
		case row != nil:
			u.table.Put(vnodes[id], keys[id], row)
		case !same[id]:
			u.table.Delete(vnodes[id], keys[id])
		}
	}
	e.reset()
	u.from = u.from[:0]
	for k, builders := range [][]*vec.Builder{old, fresh} {
		if n := len(ops[k]); n > 0 {
			if err := out.Emit(batchOf(builders, n, ops[k])); err != nil {
				return err
			}
		}
	}
	return nil
}

// changes applies what the epoch does with a key, whose last row is head.
func (m *merger) changes(head int32) error {
	for in := range m.spec.Writers {
		if err := m.writer(head, in+1); err != nil {
			return err
		}
	}
	switch row := m.say(head, 0); {
	case row >= 0:
		m.take(m.image(row, &m.row))
	case row == keyRemoved:
		m.there, m.now = false, m.now[:0]
	}
	return nil
}

// writer applies what one writer does with the key.
func (m *merger) writer(head int32, in int) error {
	if m.say(head, in) == keyRemoved { // no row is left
		m.there, m.now = false, m.now[:0]
		return nil
	}
	m.steps = m.steps[:0]
	for _, i := range m.images { // the sums that say has left
		if i.weight <= 0 {
			continue
		}
		batch, at := m.epoch.at(i.row)
		cols := m.epoch.batches[batch].Cols()
		m.steps = append(m.steps, mergeStep{i.row, storage.AppendRow(m.version.EncodeKey(nil, cols, at), cols, at)})
	}
	slices.SortFunc(m.steps, func(a, b mergeStep) int { return bytes.Compare(a.place, b.place) })
	for _, s := range m.steps {
		if err := m.step(s.row); err != nil {
			return err
		}
	}
	return nil
}

// step merges one row into what is there.
func (m *merger) step(row int32) error {
	if !m.there {
		m.take(m.image(row, &m.row))
		return nil
	}
	pair := m.spec.Table.Builders(nil, 2) // the row that is there, the new one
	if err := m.dec.Append(pair, m.now); err != nil {
		return err
	}
	batch, at := m.epoch.at(row)
	cols := m.epoch.batches[batch].Cols()
	both, merged := make([]vec.Vec, len(pair)), m.spec.Table.Builders(nil, 1)
	for c, b := range pair {
		b.AppendFrom(&cols[c], at)
		both[c] = b.Vec()
	}
	if bytes.Compare(m.version.EncodeKey(nil, both, 1), m.version.EncodeKey(nil, both, 0)) < 0 {
		return nil
	}
	for c := range both {
		from := 1
		if m.merge.Fill && both[c].Null(1) {
			from = 0
		}
		merged[c].AppendFrom(&both[c], from)
		both[c] = merged[c].Vec()
	}
	m.take(storage.AppendRow(nil, both, 0))
	return nil
}

// take makes a row the one that is there.
func (m *merger) take(row []byte) { m.there, m.now = true, append(m.now[:0], row...) }
