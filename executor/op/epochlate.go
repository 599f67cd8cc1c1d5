package op

import (
	"math"
	"sync/atomic"

	"streamdb/storage"
	"streamdb/types"
	"streamdb/vec"
)

// storeLater hands the rows of the epoch over to their table. verdicts says of each
// key what becomes of it: the number of the row that it gets, keyRemoved or keyStays.
// Batches never change, so that they can be encoded when the task is in the next
// epoch already; keys and verdicts are lent until then.
func (e *epochRows) storeLater(table storage.StateTable, verdicts []int32) {
	changed := 0
	for _, row := range verdicts {
		if row != keyStays {
			changed++
		}
	}
	if changed == 0 {
		return
	}
	if e.spare == nil {
		e.spare = new(atomic.Pointer[epochRows])
	}
	e.lent = true
	held := *e
	table.PutLater(changed, func(w storage.LateWriter) {
		held.write(w, verdicts)
		held.clear()
		held.spare.Store(&held)
	})
}

func (e *epochRows) write(w storage.LateWriter, verdicts []int32) {
	var value []byte
	for id, row := range verdicts {
		if row == keyStays {
			continue
		}
		key := e.keys.Key(int32(id))
		if row == keyRemoved {
			w.Delete(key[0], key[1:])
			continue
		}
		batch, i := e.at(row)
		value = storage.AppendRow(value[:0], e.batches[batch].Cols(), i)
		w.Put(key[0], key[1:], value)
	}
}

// reset forgets the epoch. What is lent stays as it is.
func (e *epochRows) reset() {
	if !e.lent {
		e.clear()
		return
	}
	next := e.spare.Swap(nil) // of an epoch that has been written meanwhile
	if next == nil {
		next = &epochRows{spare: e.spare}
	}
	*e = *next
}

func (e *epochRows) clear() {
	e.batches, e.first, e.bytes = nil, e.first[:0], 0
	e.heads, e.next, e.in, e.net = e.heads[:0], e.next[:0], e.in[:0], e.net[:0]
	e.keys.Reset()
	e.lent = false
}

// sameRow reports whether two rows of the same columns are stored as the same bytes.
func sameRow(a []vec.Vec, i int, b []vec.Vec, j int) bool {
	for c := range a {
		x, y := &a[c], &b[c]
		xn, yn := x.Null(i), y.Null(j)
		if xn || yn {
			if xn != yn {
				return false
			}
			continue
		}
		xi, yj := i&x.Mask(), j&y.Mask()
		switch x.Layout {
		case types.LBool:
			if x.Bool[xi] != y.Bool[yj] {
				return false
			}
		case types.LInt64:
			if x.I64[xi] != y.I64[yj] {
				return false
			}
		case types.LFloat64:
			if math.Float64bits(x.F64[xi]) != math.Float64bits(y.F64[yj]) {
				return false
			}
		default:
			if string(x.Data[x.Off[xi]:x.Off[xi+1]]) != string(y.Data[y.Off[yj]:y.Off[yj+1]]) {
				return false
			}
		}
	}
	return true
}
