package op

import (
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/vec"
)

// rowWeights sums what an epoch changes by row: how often a row comes more than it
// goes. Rows have dense ids in the order in which they were first seen.
type rowWeights struct {
	rows byteMap // as stored rows
	sum  []int32 // by id
	buf  []byte
}

// of is the id of row i.
func (w *rowWeights) of(cols []vec.Vec, i int) int32 {
	w.buf = storage.AppendRow(w.buf[:0], cols, i)
	return w.add(w.buf, 0)
}

// add adds to the weight of a stored row.
func (w *rowWeights) add(row []byte, weight int32) int32 {
	id, isNew := w.rows.Insert(row)
	if isNew {
		w.sum = append(w.sum, 0)
	}
	w.sum[id] += weight
	return id
}

// addBatch adds the changes of b.
func (w *rowWeights) addBatch(b *stream.Batch) {
	cols := b.Cols()
	for i := range b.Rows() {
		w.sum[w.of(cols, i)] += int32(b.Op(i))
	}
}

func (w *rowWeights) reset() {
	w.rows.Reset()
	w.sum = w.sum[:0]
}
