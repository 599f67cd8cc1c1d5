package op

import (
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
// group's values are read from the table as a whole when it is touched first.
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
	buf    []byte
	argBuf []vec.Vec
}

type orderedGroup struct {
	root   int32
	absent bool // the values are in the table, not here
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
	g.absent = false
	key := o.owner.stateKeys([]int32{id})[0]
	return o.table.Scan(o.owner.groups[id].vnode, key, func(k, value []byte) (bool, error) {
		count, n := binary.Varint(value)
		if n <= 0 {
			return false, sqlerr.New(sqlerr.DataCorrupted, "stored aggregate value is malformed")
		}
		o.set.Insert(&g.root, k[len(key):], value[n:], count)
		return true, nil
	})
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
			o.buf = storage.AppendRow(key, o.argBuf, i)
			node = o.set.Insert(&g.root, o.buf[:len(key)], o.buf[len(key):], 0)
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
		vnode := o.owner.groups[d.group].vnode
		switch {
		case nd.count < 0:
			return sqlerr.New(sqlerr.InternalError, "aggregate: a value that never came is retracted")
		case nd.count > 0:
			value = append(binary.AppendVarint(value[:0], nd.count), o.set.Val(d.node)...)
			o.table.Put(vnode, key, value)
		default:
			o.table.Delete(vnode, key)
			o.set.Remove(&o.groups[d.group].root, key[prefix:])
		}
	}
	o.dirty = o.dirty[:0]
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

func (o *orderedAgg) bytes() int64 { return o.set.Bytes() + int64(8*cap(o.groups)) }

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
