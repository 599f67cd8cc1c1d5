package op

import (
	"encoding/binary"
	"slices"

	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
)

// flush hands the changed values over; afterwards memory holds the first values of
// every touched group.
func (o *orderedAgg) flush() error {
	if o.table == nil {
		return nil
	}
	if err := o.refill(); err != nil {
		return err
	}
	if len(o.dirty) > 0 {
		chunks := slices.Clone(o.set.arena.chunks)
		for part := range slices.Chunk(o.dirty, 8*stream.BatchRows) {
			if err := o.handOver(part, chunks); err != nil {
				return err
			}
		}
		o.dirty, o.done = o.done[:0], o.dirty
	}
	return o.flushFar()
}

func errValueGone() error {
	return sqlerr.New(sqlerr.InternalError, "aggregate: a value that never came is retracted")
}

// lateValue is a changed value on its way to the table. Its key and its arguments are
// views of the set's arena, where nothing is overwritten.
type lateValue struct {
	count      int64
	at         span
	klen, vlen uint32
	group      int32 // its place among the keys
}

// handOver hands some of the changed values over.
func (o *orderedAgg) handOver(dirty []orderedDirty, chunks [][]byte) error {
	values := make([]lateValue, 0, len(dirty))
	refs := &o.owner.refs
	for _, d := range dirty {
		nd := &o.set.nodes[d.node]
		nd.dirty = false
		if nd.count < 0 {
			return errValueGone()
		}
		if nd.count > 0 || nd.stored {
			values = append(values, lateValue{nd.count, nd.at, nd.klen, nd.vlen, refs.ref(d.group)})
			nd.stored = nd.count > 0
		}
	}
	keys := refs.take()
	o.table.PutLater(len(values), func(to storage.LateWriter) {
		view := arena{chunks: chunks}
		var key, value []byte
		for _, v := range values {
			both := view.get(v.at, int(v.klen+v.vlen))
			key = append(keys.append(key[:0], v.group), both[:v.klen]...)
			if v.count == 0 {
				to.Delete(keys.vnodes[v.group], key)
				continue
			}
			value = append(binary.AppendVarint(value[:0], v.count), both[v.klen:]...)
			to.Put(keys.vnodes[v.group], key, value)
		}
	})
	return nil
}

// flushFar hands the changes of values that are not in memory over.
func (o *orderedAgg) flushFar() error {
	n := o.far.keys.Len()
	if n == 0 {
		return nil
	}
	far, groups := o.far, make([]int32, n)
	o.far = farChanges{}
	refs := &o.owner.refs
	for i, count := range far.counts {
		if count < 0 {
			return errValueGone()
		}
		id, _ := far.key(i)
		groups[i] = refs.ref(id)
	}
	keys := refs.take()
	o.table.PutLater(n, func(to storage.LateWriter) {
		var key, value []byte
		for i, count := range far.counts {
			_, k := far.key(i)
			v := keys.vnodes[groups[i]]
			key = append(keys.append(key[:0], groups[i]), k...)
			switch {
			case count > 0:
				value = append(binary.AppendVarint(value[:0], count), far.val(i)...)
				to.Put(v, key, value)
			case far.stored[i]:
				to.Delete(v, key)
			}
		}
	})
	return nil
}
