package op

import (
	"streamdb/types"
	"streamdb/vec"
)

// sortEncoder writes the order-preserving bytes of an ORDER BY: comparing them
// is comparing the rows.
type sortEncoder struct {
	keys  []SortKey
	types []types.T
	buf   []byte
}

func newSortEncoder(in types.Schema, keys []SortKey) *sortEncoder {
	e := &sortEncoder{keys: keys}
	for _, k := range keys {
		e.types = append(e.types, in[k.Col].Type)
	}
	return e
}

// ascending is columns as sort keys.
func ascending(cols []int) []SortKey {
	keys := make([]SortKey, len(cols))
	for i, c := range cols {
		keys[i] = SortKey{Col: c}
	}
	return keys
}

// encode returns the key of row i; valid until the next call.
func (e *sortEncoder) encode(cols []vec.Vec, i int) []byte {
	e.buf = e.append(e.buf[:0], cols, i)
	return e.buf
}

func (e *sortEncoder) append(dst []byte, cols []vec.Vec, i int) []byte {
	for j := range e.keys {
		k := &e.keys[j]
		dst = types.AppendKey(dst, e.types[j], keyDatum(&cols[k.Col], i), k.Desc, k.NullsFirst)
	}
	return dst
}
