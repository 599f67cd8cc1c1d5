package engine

import (
	"bytes"
	"slices"

	"streamdb/catalog"
	"streamdb/executor/op"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/vec"
)

// bulkRows are rows that a transaction has inserted under keys that nobody had, and
// has not touched since: COPY, and INSERT of many rows. They stay the columns that
// came, on their way to the table's job, and cost a transaction no more than the set
// of their keys.
//
//	keys: vnode, key -> number of the row, in order of arrival
type bulkRows struct {
	keys    op.ByteMap
	batches []*stream.Batch
	first   []int // number of each batch's first row
	bytes   int64 // of keys and values
}

// bulkAtLeast is the number of rows of a batch from which on rows are kept in bulk.
const bulkAtLeast = 64

// bulk is where a batch of new rows of a table is to be kept in bulk; nil: they are to
// be staged one by one, as something has to be known of each.
func (t *txn) bulk(o *catalog.Object, rows int) *bulkRows {
	if t.overlay.reads != nil || len(t.savepoints) > 0 {
		return nil
	}
	w := t.overlay.writes[o.Rows.Table.ID]
	switch {
	case w == nil && rows >= bulkAtLeast:
		w = t.writesOf(o)
		w.bulk = &bulkRows{}
	case w == nil:
		return nil
	}
	return w.bulk
}

// insertBulk keeps a batch of rows in bulk. Their keys are looked up in the snapshot
// in order. A key that is taken, by the snapshot or in the transaction, is 23505.
func (w *write) insertBulk(bulk *bulkRows, b *stream.Batch, vnodes []storage.VNode, known bool) error {
	cols, n := b.Cols(), b.Rows()
	from := bulk.keys.Len()
	var key []byte
	for i := range n {
		key = w.table.EncodeKey(append(key[:0], vnodes[i]), cols, i)
		if _, fresh := bulk.keys.Insert(key); !fresh {
			return w.duplicate(cols, i)
		}
		bulk.bytes += int64(len(key))
	}
	if !known {
		ids := make([]int32, n)
		for i := range ids {
			ids[i] = int32(from + i)
		}
		slices.SortFunc(ids, func(a, b int32) int { return bytes.Compare(bulk.keys.Key(a), bulk.keys.Key(b)) })
		keys := make([][]byte, n)
		for i, id := range ids {
			keys[i] = bulk.keys.Key(id)
		}
		at, err := w.txn.snap.AnyOf(w.table.Def.ID, keys)
		if err != nil {
			return err
		}
		if at >= 0 {
			return w.duplicate(cols, int(ids[at])-from)
		}
	}
	bulk.batches = append(bulk.batches, b)
	bulk.first = append(bulk.first, from)
	bulk.bytes += int64(b.Bytes())
	return nil
}

// row finds a row by its number.
func (r *bulkRows) row(id int) (cols []vec.Vec, i int) {
	at, found := slices.BinarySearch(r.first, id)
	if !found {
		at--
	}
	return r.batches[at].Cols(), id - r.first[at]
}

// get is the stored form of the row of a key; nil: there is none.
func (r *bulkRows) get(v storage.VNode, key []byte) []byte {
	id := r.keys.Find(append(append(make([]byte, 0, 64), v), key...))
	if id < 0 {
		return nil
	}
	cols, i := r.row(int(id))
	return storage.AppendRow(nil, cols, i)
}

// single stages rows that were kept in bulk one by one: something is to be done with
// some of them.
func (w *tableWrites) single() {
	if w.bulk == nil {
		return
	}
	r := w.bulk
	w.bulk, w.sorted = nil, nil
	for id := range r.keys.Len() {
		cols, i := r.row(id)
		w.rows[string(r.keys.Key(int32(id)))] = &rowWrite{now: storage.AppendRow(nil, cols, i), place: w.next}
		w.next++
	}
}

// merged are the batches, small ones put together.
func (r *bulkRows) merged() []*stream.Batch {
	var out, small []*stream.Batch
	rows, size := 0, 0
	flush := func() {
		if len(small) == 1 {
			out = append(out, small[0])
		} else if len(small) > 1 {
			out = append(out, together(small, rows))
		}
		small, rows, size = nil, 0, 0
	}
	for _, b := range r.batches {
		if rows+b.Rows() > stream.BatchRows || size+b.Bytes() > stream.BatchBytes {
			flush()
		}
		small, rows, size = append(small, b), rows+b.Rows(), size+b.Bytes()
	}
	flush()
	return out
}

// together makes one batch of inserted rows of several.
func together(batches []*stream.Batch, rows int) *stream.Batch {
	cols := make([]vec.Vec, len(batches[0].Cols()))
	parts := make([]vec.Vec, len(batches))
	for c := range cols {
		for k, b := range batches {
			parts[k] = b.Cols()[c]
		}
		cols[c] = vec.Concat(parts)
	}
	return stream.NewBatch(rows, cols, nil)
}
