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

// distinctAgg puts a set of the values seen per group before an aggregate: only
// a value's first row reaches its state, and only its last retraction leaves it.
// The values of all groups are one hash table of (group id, value), with a count.
//
//	group key | value key -> count (varint)
type distinctAgg struct {
	plain      *plainAgg
	followers  []*plainAgg // other aggregates of the same values: see ShareDistinct
	owner      *hashAgg
	argTypes   []types.T
	table      storage.StateTable // nil: bounded
	appendOnly bool               // a value that came stays: it needs no count

	seen    *keyTable // group id, values
	entries []distinctEntry
	dirty   []int32
	done    []int32 // the dirty ones of the last flush: see sweep
	clock   clock   // of values
	partial []bool  // by group: values may be in the table alone

	groupCol []int64
	ids      []int32
	sel      []int32
	ops      []stream.Op
	keys     []vec.Vec
}

type distinctEntry struct {
	count  int64
	stored bool
	dirty  bool
}

func newDistinctAgg(owner *hashAgg, plain *plainAgg, table storage.StateTable, appendOnly bool) *distinctAgg {
	d := &distinctAgg{plain: plain, owner: owner, table: table, appendOnly: appendOnly}
	for _, c := range plain.args {
		d.argTypes = append(d.argTypes, owner.in[c])
	}
	d.seen = newKeyTable(append([]types.T{types.Of(types.Int8)}, d.argTypes...))
	return d
}

func (d *distinctAgg) grow(groups int) {
	d.plain.grow(groups)
	d.partial = vec.Grow(d.partial, groups)
}

func (d *distinctAgg) load(id int32, src []byte) ([]byte, error) {
	d.partial[id] = true
	return d.plain.load(id, src)
}

func (d *distinctAgg) update(groups []int32, cols []vec.Vec, weights []stream.Op, sel []int32, n int) error {
	sel = d.withoutNulls(cols, sel, n)
	if len(sel) == 0 {
		return nil
	}
	if cap(d.groupCol) < n {
		d.groupCol, d.ids, d.ops = make([]int64, n), make([]int32, n), make([]stream.Op, n)
	}
	for i, g := range groups[:n] {
		d.groupCol[:n][i] = int64(g)
	}
	d.keys = append(d.keys[:0], vec.Ints(d.groupCol[:n]))
	for _, c := range d.plain.args {
		d.keys = append(d.keys, cols[c])
	}
	ids := d.ids[:n]
	d.sweep()
	fresh, rows := d.seen.FindOrInsert(d.keys, sel, n, ids)
	if len(fresh) > 0 {
		if err := d.admit(groups, fresh, rows); err != nil {
			return err
		}
	}
	pass, ops := sel[:0], d.ops[:n]
	for _, i := range sel {
		e := &d.entries[ids[i]]
		w := int64(1)
		if weights != nil {
			w = int64(weights[i])
		}
		had := e.count > 0
		if had {
			d.clock.use(ids[i])
		}
		if had && d.appendOnly {
			continue
		}
		e.count += w
		if !e.dirty && d.table != nil {
			e.dirty = true
			d.dirty = append(d.dirty, ids[i])
		}
		if has := e.count > 0; has != had {
			ops[i] = stream.Insert
			if had {
				ops[i] = stream.Delete
			}
			pass = append(pass, i)
		}
	}
	if len(pass) == 0 {
		return nil
	}
	if weights == nil {
		ops = nil
	}
	for _, f := range d.followers {
		if err := f.update(groups, cols, ops, pass, n); err != nil {
			return err
		}
	}
	return d.plain.update(groups, cols, ops, pass, n)
}

// withoutNulls is the selected rows whose arguments are not NULL, in a buffer of d's own.
func (d *distinctAgg) withoutNulls(cols []vec.Vec, sel []int32, n int) []int32 {
	out := d.sel[:0]
	if sel == nil {
		for i := range n {
			out = append(out, int32(i))
		}
	} else {
		out = append(out, sel...)
	}
	for _, c := range d.plain.args {
		if cols[c].Valid == nil {
			continue
		}
		k := 0
		for _, i := range out {
			if !cols[c].Null(int(i)) {
				out[k] = i
				k++
			}
		}
		out = out[:k]
	}
	d.sel = out
	return out
}

// admit makes room for new values and reads those that the table may know.
func (d *distinctAgg) admit(groups, fresh, rows []int32) error {
	d.entries = vec.Grow(d.entries, d.seen.Ids())
	d.clock.grow(d.seen.Ids())
	var ask []int32
	for k, id := range fresh {
		d.entries[id] = distinctEntry{}
		if d.partial[groups[rows[k]]] {
			ask = append(ask, id)
		}
	}
	if len(ask) == 0 {
		return nil
	}
	keys, vnodes := d.stateKeys(ask)
	return d.table.MultiGet(vnodes, keys, func(i int, value []byte) error {
		if value == nil {
			return nil
		}
		count, k := binary.Varint(value)
		if k <= 0 {
			return sqlerr.New(sqlerr.DataCorrupted, "stored distinct value is malformed")
		}
		d.entries[ask[i]] = distinctEntry{count: count, stored: true}
		return nil
	})
}

// stateKeys is the keys of values in the table, and their vnodes.
func (d *distinctAgg) stateKeys(ids []int32) ([][]byte, []storage.VNode) {
	cols := d.seen.Keys(ids)
	group := make([]int32, len(ids))
	for k := range ids {
		group[k] = int32(cols[0].I64[k])
	}
	groupKeys := d.owner.stateKeys(group)
	keys, vnodes := make([][]byte, len(ids)), make([]storage.VNode, len(ids))
	var buf []byte
	for k := range ids {
		from := len(buf)
		buf = appendStateKey(append(buf, groupKeys[k]...), d.argTypes, cols[1:], k)
		keys[k] = buf[from:len(buf):len(buf)]
		vnodes[k] = d.owner.groups[group[k]].vnode()
	}
	return keys, vnodes
}

func (d *distinctAgg) result(ctx *expr.Ctx, ids []int32, out *vec.Builder) error {
	return d.plain.result(ctx, ids, out)
}

// reset is for groups without values: those that lost all rows, and those that
// evict was told of before.
func (d *distinctAgg) reset(id int32) {
	d.plain.reset(id)
	d.partial[id] = false
}

func (d *distinctAgg) encode(id int32, dst []byte) []byte { return d.plain.encode(id, dst) }

func (d *distinctAgg) drop(vnodes []storage.VNode, keys [][]byte) error {
	return dropPrefixes(d.table, vnodes, keys)
}

// dropPrefixes deletes all rows of a table under prefixes.
func dropPrefixes(t storage.StateTable, vnodes []storage.VNode, prefixes [][]byte) error {
	return t.ScanPrefixes(vnodes, prefixes, func(i int, key, _ []byte) (bool, error) {
		t.Delete(vnodes[i], key)
		return true, nil
	})
}
