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

// distinctAgg puts a set of the values seen per group before aggregates: only
// a value's first row reaches their states, and only its last retraction leaves
// them. The values of all groups are one hash table of (group id, value). Calls
// over the same values with different FILTERs are its uses: a value has a count for
// each of them, or, where nothing is retracted, a bit.
//
//	group key | value key -> per use: count (varint)
type distinctAgg struct {
	plain      *plainAgg
	uses       []distinctUse // the first one is of plain
	owner      *hashAgg
	argTypes   []types.T
	table      storage.StateTable // nil: bounded
	appendOnly bool               // a value that came stays: it needs no count

	seen    *keyTable // group id, values
	marks   []uint32  // by value: bit u is set while its count for use u is above 0
	counts  []int64   // by value, one per use; with appendOnly none
	dirty   []int32
	done    []int32 // the dirty ones of the last flush: see sweep
	clock   clock   // of values
	partial []bool  // by group: values may be in the table alone

	groupCol []int64
	ids      []int32
	want     []uint32 // by row: the uses that take it
	sel      []int32
	pass     []int32
	part     []int32
	keys     []vec.Vec
}

// distinctUse is the aggregates over the values of the rows that a FILTER takes.
type distinctUse struct {
	filter int // input column; -1: all rows
	aggs   []*plainAgg
}

// maxUses bounds the uses of a set; the other bits of a mark are flags.
const maxUses = 24

const (
	valueDirty  uint32 = 1 << 31
	valueStored uint32 = 1 << 30
	valueUses   uint32 = 1<<maxUses - 1
)

func newDistinctAgg(owner *hashAgg, plain *plainAgg, filter int, table storage.StateTable, appendOnly bool) *distinctAgg {
	d := &distinctAgg{plain: plain, owner: owner, table: table, appendOnly: appendOnly}
	d.serve(filter, plain)
	for _, c := range plain.args {
		d.argTypes = append(d.argTypes, owner.in[c])
	}
	d.seen = newKeyTable(append([]types.T{types.Of(types.Int8)}, d.argTypes...))
	return d
}

// serve adds an aggregate, before there is any value.
func (d *distinctAgg) serve(filter int, p *plainAgg) {
	for u := range d.uses {
		if d.uses[u].filter == filter {
			d.uses[u].aggs = append(d.uses[u].aggs, p)
			return
		}
	}
	d.uses = append(d.uses, distinctUse{filter, []*plainAgg{p}})
}

func (d *distinctAgg) grow(groups int) {
	d.plain.grow(groups)
	d.partial = vec.Grow(d.partial, groups)
}

func (d *distinctAgg) load(id int32, src []byte) ([]byte, error) {
	d.partial[id] = true
	return d.plain.load(id, src)
}

// update takes all rows: it knows the filters.
func (d *distinctAgg) update(groups []int32, cols []vec.Vec, weights []stream.Op, _ []int32, n int) error {
	if cap(d.groupCol) < n {
		d.groupCol, d.ids, d.want = make([]int64, n), make([]int32, n), make([]uint32, n)
	}
	sel := d.wanted(cols, n)
	if sel != nil && len(sel) == 0 {
		return nil
	}
	group := d.groupCol[:n]
	for i, g := range groups[:n] {
		group[i] = int64(g)
	}
	d.keys = append(d.keys[:0], vec.Ints(group))
	for _, c := range d.plain.args {
		d.keys = append(d.keys, cols[c])
	}
	d.sweep()
	if fresh, rows := d.seen.FindOrInsert(d.keys, sel, n, d.ids[:n]); len(fresh) > 0 {
		if err := d.admit(groups, fresh, rows); err != nil {
			return err
		}
	}
	if d.appendOnly {
		d.mark(sel, n)
	} else {
		d.count(sel, weights, n)
	}
	for u := range d.uses {
		part := d.passed(u)
		if len(part) == 0 {
			continue
		}
		for _, p := range d.uses[u].aggs {
			if err := p.update(groups, cols, weights, part, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// wanted sets want, and returns the rows whose values some use takes; nil: all.
func (d *distinctAgg) wanted(cols []vec.Vec, n int) []int32 {
	want, always := d.want[:n], uint32(0)
	for u := range d.uses {
		if d.uses[u].filter < 0 {
			always |= 1 << u
		}
	}
	for i := range want {
		want[i] = always
	}
	for u := range d.uses {
		if f := d.uses[u].filter; f >= 0 {
			addUse(want, &cols[f], 1<<u)
		}
	}
	nulls := false
	for _, c := range d.plain.args {
		if cols[c].HasNulls() {
			nulls = true
			for i := range want {
				if cols[c].Null(i) {
					want[i] = 0
				}
			}
		}
	}
	if always != 0 && !nulls {
		return nil
	}
	sel := vec.Grow(d.sel[:0], n)
	k := 0
	for i, w := range want {
		sel[k] = int32(i)
		if w != 0 {
			k++
		}
	}
	d.sel = sel
	return sel[:k]
}

// addUse sets a bit for the rows that a filter takes.
func addUse(want []uint32, filter *vec.Vec, bit uint32) {
	m, nulls := filter.Mask(), filter.HasNulls()
	for i := range want {
		x := uint32(0)
		if filter.Bool[i&m] {
			x = bit
		}
		if nulls && filter.Null(i) {
			x = 0
		}
		want[i] |= x
	}
}

// mark notes the values of rows that only come. pass is then the rows that bring
// one that was not there, and want the uses for which it was not.
func (d *distinctAgg) mark(sel []int32, n int) {
	rows, kept := n, d.table != nil
	if sel != nil {
		rows = len(sel)
	}
	pass, marks, want, ids := d.pass[:0], d.marks, d.want[:n], d.ids[:n]
	for k := range rows {
		i := k
		if sel != nil {
			i = int(sel[k])
		}
		id := ids[i]
		was := marks[id]
		if kept && was&valueUses != 0 {
			d.clock.use(id)
		}
		more := want[i] &^ was
		if more == 0 {
			continue
		}
		if kept && was&valueDirty == 0 {
			d.dirty = append(d.dirty, id)
		}
		marks[id] = was | more | valueDirty
		want[i] = more
		pass = append(pass, int32(i))
	}
	d.pass = pass
}

// count is mark for rows that come and go: of those that bring a value and those
// that take its last one.
func (d *distinctAgg) count(sel []int32, weights []stream.Op, n int) {
	rows, kept, uses := n, d.table != nil, len(d.uses)
	if sel != nil {
		rows = len(sel)
	}
	pass := d.pass[:0]
	for k := range rows {
		i := k
		if sel != nil {
			i = int(sel[k])
		}
		id, w := d.ids[i], int64(1)
		if weights != nil {
			w = int64(weights[i])
		}
		was := d.marks[id]
		if kept && was&valueUses != 0 {
			d.clock.use(id)
		}
		counts, now := d.counts[int(id)*uses:][:uses], was
		for u := range counts {
			if d.want[i]>>u&1 == 0 {
				continue
			}
			if counts[u] += w; counts[u] > 0 {
				now |= 1 << u
			} else {
				now &^= 1 << u
			}
		}
		if kept && was&valueDirty == 0 {
			d.dirty = append(d.dirty, id)
		}
		d.marks[id] = now | valueDirty
		if d.want[i] = (was ^ now) & valueUses; d.want[i] != 0 {
			pass = append(pass, int32(i))
		}
	}
	d.pass = pass
}

// passed is the rows of pass that are of a use.
func (d *distinctAgg) passed(u int) []int32 {
	if len(d.uses) == 1 {
		return d.pass
	}
	part := vec.Grow(d.part[:0], len(d.pass))
	k := 0
	for _, i := range d.pass {
		part[k] = i
		if d.want[i]>>u&1 != 0 {
			k++
		}
	}
	d.part = part
	return part[:k]
}

// admit makes room for new values and reads those that the table may know.
func (d *distinctAgg) admit(groups, fresh, rows []int32) error {
	d.growValues()
	var ask []int32
	for k, id := range fresh {
		d.setCounts(id, nil)
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
		counts := make([]int64, len(d.uses))
		for u := range counts {
			var k int
			if counts[u], k = binary.Varint(value); k <= 0 {
				return sqlerr.New(sqlerr.DataCorrupted, "stored distinct value is malformed")
			}
			value = value[k:]
		}
		d.setCounts(ask[i], counts)
		d.marks[ask[i]] |= valueStored
		return nil
	})
}

// growValues makes room for all values.
func (d *distinctAgg) growValues() {
	n := d.seen.Ids()
	d.marks = vec.Grow(d.marks, n)
	if !d.appendOnly {
		d.counts = vec.Grow(d.counts, n*len(d.uses))
	}
	d.clock.grow(n)
}

// setCounts sets the counts of a value, which is neither dirty nor stored then; nil: 0.
func (d *distinctAgg) setCounts(id int32, counts []int64) {
	mark := uint32(0)
	for u, c := range counts {
		if c > 0 {
			mark |= 1 << u
		}
	}
	d.marks[id] = mark
	if d.appendOnly {
		return
	}
	to := d.counts[int(id)*len(d.uses):][:len(d.uses)]
	clear(to)
	copy(to, counts)
}

// countsOf appends the counts of a value.
func (d *distinctAgg) countsOf(id int32, dst []int64) []int64 {
	if !d.appendOnly {
		return append(dst, d.counts[int(id)*len(d.uses):][:len(d.uses)]...)
	}
	for u := range d.uses {
		dst = append(dst, int64(d.marks[id]>>u&1))
	}
	return dst
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
