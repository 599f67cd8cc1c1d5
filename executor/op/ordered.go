package op

import (
	"bytes"
	"encoding/binary"

	"streamdb/expr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// orderedAgg keeps all values of each group in order, with counts: for min and
// max over inputs that retract, and for string_agg, array_agg and their kin. The
// values of the groups that a batch touches first are read in one pass: all of them,
// but for min and max only the first few ones, see ordered_read.go. Changes of values
// that certainly lie beyond those are counted without the others, see ordered_far.go.
// At the barrier what changed is handed over, see ordered_flush.go; how memory is
// given back is in ordered_memory.go.
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
	done   []orderedDirty // the dirty ones of the last flush: see sweep
	far    farChanges
	clock  clock // groups that were changed: see trim
	wanted []int32
	buf    []byte
	argBuf []vec.Vec
}

type orderedGroup struct {
	root   int32
	live   int32 // values in memory that are there: those with a count above 0
	absent bool  // the values are in the table, not here
	cut    bool  // values above those in memory are in the table alone
	runs   uint8 // how often the values in memory ran out
}

type orderedDirty struct{ group, node int32 }

func (o *orderedAgg) grow(groups int) {
	o.groups = vec.Grow(o.groups, groups)
	o.clock.grow(groups)
}

func (o *orderedAgg) load(id int32, src []byte) ([]byte, error) {
	o.groups[id].absent = true
	return src, nil
}

func (o *orderedAgg) update(groups []int32, cols []vec.Vec, weights []stream.Op, sel []int32, n int) error {
	o.argBuf = pick(o.argBuf, cols, o.args)
	o.sweep()
	if err := o.bring(groups[:n]); err != nil {
		return err
	}
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
		w := int64(1)
		if weights != nil {
			w = int64(weights[i])
		}
		o.change(groups[i], cols, i, w)
	}
	return o.readFar()
}

// change adds w to the count of row i's value in a group that is here.
func (o *orderedAgg) change(id int32, cols []vec.Vec, i int, w int64) {
	key := o.order.append(o.buf[:0], cols, i)
	if o.arrive {
		o.seq++
		key = binary.BigEndian.AppendUint64(key, o.seq)
	}
	o.buf = key
	g := &o.groups[id]
	o.clock.use(id)
	node := o.set.Find(g.root, key)
	if node == 0 {
		// A group that is cut has values in memory: see refill.
		if g.cut && bytes.Compare(key, o.set.Key(o.set.Max(g.root))) > 0 {
			o.addFar(id, key, w, i)
			return
		}
		o.buf = storage.AppendRow(key, o.argBuf, i)
		node = o.set.Insert(&g.root, o.buf[:len(key)], o.buf[len(key):], 0)
	}
	nd := &o.set.nodes[node]
	had := nd.count > 0
	nd.count += w
	if has := nd.count > 0; has && !had {
		g.live++
	} else if had && !has {
		g.live--
	}
	if !nd.dirty && o.table != nil {
		nd.dirty = true
		o.dirty = append(o.dirty, orderedDirty{id, node})
	}
}

func (o *orderedAgg) result(ctx *expr.Ctx, ids []int32, out *vec.Builder) error {
	if err := o.bring(ids); err != nil {
		return err
	}
	for _, id := range ids {
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
	o.clock.forget(id)
}

func (o *orderedAgg) encode(_ int32, dst []byte) []byte { return dst }

func (o *orderedAgg) drop(vnodes []storage.VNode, keys [][]byte) error {
	return dropPrefixes(o.table, vnodes, keys)
}

func (o *orderedAgg) evict(gone func(id int32) bool) {
	for id := range o.groups {
		if gone(int32(id)) {
			o.reset(int32(id))
		}
	}
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
