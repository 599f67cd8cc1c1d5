package op

import (
	"bytes"
	"encoding/binary"

	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// orderedAgg keeps all values of each group in order, with counts: for min and
// max over inputs that retract, and for string_agg, array_agg and their kin. A
// group's values are read from the table when it is touched first: all of them,
// but for min and max only the first extremeCache ones. Changes beyond those are
// gathered and applied to the table at the barrier.
//
//	group key | ORDER BY key | argument key -> count (varint), arguments as a row
type orderedAgg struct {
	owner    *hashAgg
	args     []int
	distinct bool
	nulls    bool // NULL is a value (array_agg)
	first    bool // the result is the first value: min and max
	// finish computes the result from the arguments in order; not used if first.
	finish func(ctx *expr.Ctx, args []vec.Vec, n int, out *vec.Builder) error
	order  *sortEncoder // ORDER BY, then the arguments
	arrive bool         // ties, and all without ORDER BY, in order of arrival (bounded)
	seq    uint64
	table  storage.StateTable // nil: bounded
	dec    *storage.RowDecoder

	set    *ordSet
	groups []orderedGroup
	dirty  []orderedDirty
	far    farChanges
	buf    []byte
	argBuf []vec.Vec
}

type orderedGroup struct {
	root   int32
	size   int32 // values in memory
	absent bool  // the values are in the table, not here
	cut    bool  // values above those in memory are in the table alone
}

// extremeCache is how many values of a group min and max keep in memory.
var extremeCache = int32(256)

// farChanges is the changes of an epoch to values that are not in memory.
type farChanges struct {
	keys  byteMap // group id (4 bytes), value key
	delta []int64
	vals  arena
	at    []span
	vlen  []int32
}

type orderedDirty struct{ group, node int32 }

func (o *orderedAgg) grow(groups int) {
	for len(o.groups) < groups {
		o.groups = append(o.groups, orderedGroup{})
	}
}

func (o *orderedAgg) load(id int32, src []byte) ([]byte, error) {
	o.groups[id].absent = true
	return src, nil
}

// ensure reads the values of a group.
func (o *orderedAgg) ensure(id int32) error {
	g := &o.groups[id]
	if !g.absent {
		return nil
	}
	return o.read(id, o.owner.stateKeys([]int32{id})[0])
}

// read replaces what is in memory of a group by what the table says.
func (o *orderedAgg) read(id int32, key []byte) error {
	g := &o.groups[id]
	o.set.Clear(&g.root)
	*g = orderedGroup{}
	return o.table.Scan(o.owner.groups[id].vnode(), key, func(k, value []byte) (bool, error) {
		if o.first && g.size == extremeCache {
			g.cut = true
			return false, nil
		}
		count, n := binary.Varint(value)
		if n <= 0 {
			return false, sqlerr.New(sqlerr.DataCorrupted, "stored aggregate value is malformed")
		}
		o.set.Insert(&g.root, k[len(key):], value[n:], count)
		g.size++
		return true, nil
	})
}

// addFar notes a change of a value that is not in memory.
func (o *orderedAgg) addFar(id int32, key []byte, w int64, row int) {
	full := append(binary.LittleEndian.AppendUint32(nil, uint32(id)), key...)
	at, fresh := o.far.keys.Insert(full)
	if fresh {
		val := storage.AppendRow(nil, o.argBuf, row)
		o.far.delta = append(o.far.delta, 0)
		o.far.at, o.far.vlen = append(o.far.at, o.far.vals.add(val)), append(o.far.vlen, int32(len(val)))
	}
	o.far.delta[at] += w
}

func (o *orderedAgg) update(groups []int32, cols []vec.Vec, weights []stream.Op, sel []int32, n int) error {
	o.argBuf = pick(o.argBuf, cols, o.args)
	rows := n
	if sel != nil {
		rows = len(sel)
	}
	for k := range rows {
		i := k
		if sel != nil {
			i = int(sel[k])
		}
		if !o.nulls && anyNull(o.argBuf, i) {
			continue
		}
		id := groups[i]
		if err := o.ensure(id); err != nil {
			return err
		}
		w := int64(1)
		if weights != nil {
			w = int64(weights[i])
		}
		key := o.order.append(o.buf[:0], cols, i)
		if o.arrive {
			o.seq++
			key = binary.BigEndian.AppendUint64(key, o.seq)
		}
		o.buf = key
		g := &o.groups[id]
		node := o.set.Find(g.root, key)
		if node == 0 {
			// A group that is cut has values in memory: see refill.
			if g.cut && bytes.Compare(key, o.set.Key(o.set.Max(g.root))) > 0 {
				o.addFar(id, key, w, i)
				continue
			}
			o.buf = storage.AppendRow(key, o.argBuf, i)
			node = o.set.Insert(&g.root, o.buf[:len(key)], o.buf[len(key):], 0)
			g.size++
		}
		nd := &o.set.nodes[node]
		nd.count += w
		if !nd.dirty && o.table != nil {
			nd.dirty = true
			o.dirty = append(o.dirty, orderedDirty{id, node})
		}
	}
	return nil
}

func (o *orderedAgg) result(ctx *expr.Ctx, ids []int32, out *vec.Builder) error {
	for _, id := range ids {
		if err := o.ensure(id); err != nil {
			return err
		}
		var err error
		if o.first {
			err = o.resultFirst(o.groups[id].root, out)
		} else {
			err = o.resultAll(ctx, o.groups[id].root, out)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (o *orderedAgg) resultFirst(root int32, out *vec.Builder) error {
	best := int32(0)
	o.set.Walk(root, func(node int32) bool {
		if o.set.Count(node) > 0 {
			best = node
		}
		return best == 0
	})
	if best == 0 {
		out.AppendNull()
		return nil
	}
	return o.dec.Append([]*vec.Builder{out}, o.set.Val(best))
}

func (o *orderedAgg) resultAll(ctx *expr.Ctx, root int32, out *vec.Builder) error {
	args := o.dec.Builders(16)
	n := 0
	var err error
	o.set.Walk(root, func(node int32) bool {
		count := o.set.Count(node)
		if o.distinct { // equal values share a node
			count = min(count, 1)
		}
		for ; count > 0 && err == nil; count-- {
			err = o.dec.Append(args, o.set.Val(node))
			n++
		}
		return err == nil
	})
	if err != nil {
		return err
	}
	cols := make([]vec.Vec, len(args))
	for j := range cols {
		cols[j] = args[j].Vec()
	}
	return o.finish(ctx, cols, n, out)
}

func (o *orderedAgg) reset(id int32) {
	o.set.Clear(&o.groups[id].root)
	o.groups[id] = orderedGroup{}
}

func (o *orderedAgg) encode(_ int32, dst []byte) []byte { return dst }

// flush writes the changed values; afterwards memory holds the first values of
// every touched group.
func (o *orderedAgg) flush() error {
	var key, value []byte
	var prefix int
	last := int32(-1)
	for _, d := range o.dirty {
		nd := &o.set.nodes[d.node]
		nd.dirty = false
		if d.group != last {
			key = append(key[:0], o.owner.stateKeys([]int32{d.group})[0]...)
			prefix, last = len(key), d.group
		}
		key = append(key[:prefix], o.set.Key(d.node)...)
		vnode := o.owner.groups[d.group].vnode()
		switch {
		case nd.count < 0:
			return errValueGone()
		case nd.count > 0:
			value = append(binary.AppendVarint(value[:0], nd.count), o.set.Val(d.node)...)
			o.table.Put(vnode, key, value)
		default:
			o.table.Delete(vnode, key)
			o.set.Remove(&o.groups[d.group].root, key[prefix:])
			o.groups[d.group].size--
		}
	}
	if err := o.flushFar(); err != nil {
		return err
	}
	for _, d := range o.dirty {
		if err := o.refill(d.group); err != nil {
			return err
		}
	}
	o.dirty = o.dirty[:0]
	return nil
}

func errValueGone() error {
	return sqlerr.New(sqlerr.InternalError, "aggregate: a value that never came is retracted")
}

// flushFar applies the changes of values that are not in memory.
func (o *orderedAgg) flushFar() error {
	n := o.far.keys.Len()
	if n == 0 {
		return nil
	}
	keys, vnodes := make([][]byte, n), make([]storage.VNode, n)
	for k := range keys {
		full := o.far.keys.Key(int32(k))
		group := int32(binary.LittleEndian.Uint32(full))
		keys[k] = append(o.owner.stateKeys([]int32{group})[0], full[4:]...)
		vnodes[k] = o.owner.groups[group].vnode()
	}
	counts := make([]int64, n)
	err := o.table.MultiGet(vnodes, keys, func(i int, value []byte) error {
		if value == nil {
			return nil
		}
		count, k := binary.Varint(value)
		if k <= 0 {
			return sqlerr.New(sqlerr.DataCorrupted, "stored aggregate value is malformed")
		}
		counts[i] = count
		return nil
	})
	if err != nil {
		return err
	}
	var value []byte
	for k := range keys {
		switch count := counts[k] + o.far.delta[k]; {
		case count < 0:
			return errValueGone()
		case count == 0 && counts[k] > 0:
			o.table.Delete(vnodes[k], keys[k])
		case count > 0:
			value = append(binary.AppendVarint(value[:0], count), o.far.vals.get(o.far.at[k], int(o.far.vlen[k]))...)
			o.table.Put(vnodes[k], keys[k], value)
		}
	}
	o.far.keys.Reset()
	o.far = farChanges{keys: o.far.keys}
	return nil
}

// refill reads the first values of a cut group that has none left in memory, and
// cuts one that has too many.
func (o *orderedAgg) refill(id int32) error {
	g := &o.groups[id]
	if g.cut && g.size == 0 {
		return o.read(id, o.owner.stateKeys([]int32{id})[0])
	}
	if !o.first || g.size <= 2*extremeCache {
		return nil
	}
	for g.size > extremeCache {
		o.set.Remove(&g.root, bytes.Clone(o.set.Key(o.set.Max(g.root))))
		g.size--
	}
	g.cut = true
	return nil
}

func (o *orderedAgg) drop(key []byte, vnode storage.VNode) error {
	return dropPrefix(o.table, vnode, key)
}

func (o *orderedAgg) evict(gone func(id int32) bool) {
	for id := range o.groups {
		if gone(int32(id)) {
			o.reset(int32(id))
		}
	}
}

func (o *orderedAgg) pack([]int32) error {
	o.set, o.groups = newOrdSet(), nil
	return nil
}

func (o *orderedAgg) bytes() int64 {
	return o.set.Bytes() + int64(12*cap(o.groups)) + int64(o.far.keys.Bytes()) + o.far.vals.size
}

// newOrderedAgg makes the column for one call. desc orders the arguments
// downwards: for max, whose result is then the first value too.
func newOrderedAgg(owner *hashAgg, in types.Schema, call *AggCall, table storage.StateTable, desc bool) *orderedAgg {
	o := &orderedAgg{owner: owner, args: call.Args, distinct: call.Distinct, table: table, set: newOrdSet()}
	keys := append([]SortKey(nil), call.OrderBy...)
	o.arrive = table == nil && !call.Distinct
	if !o.arrive {
		for _, c := range call.Args {
			keys = append(keys, SortKey{Col: c, Desc: desc})
		}
	}
	o.order = newSortEncoder(in, keys)
	layouts := make([]types.Layout, len(call.Args))
	for k, c := range call.Args {
		layouts[k] = in[c].Type.Layout()
	}
	o.dec = storage.NewRowDecoder(layouts, nil)
	return o
}
