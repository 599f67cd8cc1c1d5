package op

import (
	"encoding/binary"
	"math"

	"streamdb/executor"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// Open implements executor.Spec.
func (s *HashAgg) Open(ctx *executor.OpenCtx) (executor.Operator, error) {
	in := s.In.Schema()
	a := &hashAgg{
		spec: s, in: schemaTypes(in), dist: s.Dist, keyTypes: colTypes(in, s.Keys),
		memory: memory{acc: ctx.Memory}, rowsCol: -1,
	}
	results := make([]types.Layout, len(s.Aggs))
	for i := range s.Aggs {
		results[i] = s.Aggs[i].T.Layout()
	}
	a.pace = newBatchPace(results)
	a.keys = newKeyTable(a.keyTypes)
	a.refs.owner = a
	a.lossy = a.keys.Lossy() || s.EmitOnClose
	if a.dist == nil {
		a.dist = s.Keys
	}
	var err error
	if a.closed, err = openRising(ctx, s.Closed, s.Kind(), s.Groups.ID); err != nil {
		return nil, err
	}
	if !ctx.Bounded {
		a.table = ctx.Table(s.Groups)
		if a.res, err = openResidency(a.table); err != nil {
			return nil, err
		}
		a.sweepAt, a.storedAt = math.MaxInt64, math.MaxInt64
		if a.res.partial {
			a.storedAt = minWindow
		}
	}
	for i := range s.Aggs {
		col, err := s.openColumn(a, ctx, i)
		if err != nil {
			return nil, err
		}
		a.aggs, a.filters = append(a.aggs, col), append(a.filters, s.Aggs[i].Filter)
		switch col.(type) {
		case *distinctAgg, *distinctFollower: // has seen to it
			a.filters[i] = -1
		}
		a.old = append(a.old, vec.NewBuilder(s.Aggs[i].T.Layout(), 0))
		if s.Aggs[i].Merge {
			a.rowsCol = len(in) - 1
		}
	}
	a.openLazy()
	a.openEarly()
	a.openCache(ctx)
	if s.Partials {
		return a, a.openPartials()
	}
	return a, nil
}

// hashAgg keeps per group the number of its rows and the state of each
// aggregate in slices by group id. What a group had emitted is computed from
// its state when the epoch touches it first; at the barrier old and new results
// are compared and the changed groups are written. Groups that are not in memory
// gather what the epoch brings and are merged with what the table has of them at
// the barrier, in order of their keys; see hashagg_lazy.go.
//
//	Groups:    group key -> rows (varint) [window (varint)] [key columns as a row, where
//	           equal keys may differ or groups are emitted from here, after its length] then the state of each aggregate
//	Multisets: group key | value key -> see distinct.go, ordered.go
type hashAgg struct {
	executor.Base
	spec     *HashAgg
	in       []types.T
	dist     []int
	keyTypes []types.T
	lossy    bool
	rowsCol  int         // input column with the rows a partial state stands for; -1: each row is one
	parts    []*plainAgg // with Partials: aggs; nil for a rowCount
	mixed    mixedRows
	table    storage.StateTable
	res      residency
	memory   memory

	keys    *keyTable
	groups  []aggGroup // by id
	aggs    []aggColumn
	filters []int // per aggregate: the column of rows that it is to be given; -1: all
	pace    batchPace
	lazyState
	evictState
	refs groupRefs // scratch

	touched []int32        // ids changed in this epoch, without absent
	had     []int32        // per touched id: its row in old; -1: it had emitted nothing
	old     []*vec.Builder // per aggregate: results before this epoch
	oldRows int32
	started bool // without Keys: the group exists in the state
	again   bool // what has been emitted in this epoch may be emitted once more: not stream.Batch.Once

	ids   []int32
	sel   []int32
	first []int32
	key   []vec.Vec

	rowBuf []byte

	closed   risingMark         // the watermark on the window key
	sweepAt  int64              // no group in memory has a window at or below it
	storedAt int64              // nor has one that is only in the table at or below this
	plain    bool               // no aggregate keeps values
	begun    int                // groups that came to memory since the last sweep of it
	marks    []stream.Watermark // on other keys, to pass on at the barrier
	low      []int64            // by key: the least value among the groups that waited at the last sweep
}

// aggGroup is, from the top: the number of rows (48 bits, signed), the vnode, flags.
type aggGroup uint64

const (
	groupTouched aggGroup = 1 << iota // changed in this epoch
	groupStored                       // the state has an entry
	groupNew                          // has just come to memory
	groupAbsent                       // what the table has of it is not merged in yet
	groupClosed                       // its window is closed: it is about to be forgotten

	groupVNode = 8
	groupRows  = 16
)

func newGroup(v storage.VNode) aggGroup { return aggGroup(v)<<groupVNode | groupNew }

func (g aggGroup) rows() int64          { return int64(g) >> groupRows }
func (g aggGroup) vnode() storage.VNode { return storage.VNode(g >> groupVNode) }
func (g *aggGroup) add(rows int64)      { *g += aggGroup(rows) << groupRows }

func (a *hashAgg) Process(ctx *executor.Ctx, _ int, b *stream.Batch, out executor.Emitter) error {
	if err := a.take(ctx, b); err != nil {
		return err
	}
	return a.spill(ctx, out)
}

// take brings a batch into the aggregates.
func (a *hashAgg) take(ctx *executor.Ctx, b *stream.Batch) error {
	if w := a.spec.WindowKey; w >= 0 && a.table != nil {
		b = a.onTime(b, a.spec.Keys[w])
	}
	cols, n := b.Cols(), b.Rows()
	if n == 0 {
		return nil
	}
	if cap(a.ids) < n {
		a.ids = make([]int32, n)
	}
	ids := a.ids[:n]
	a.key = pick(a.key, cols, a.spec.Keys)
	fresh, rows := a.keys.FindOrInsert(a.key, nil, n, ids)
	if len(fresh) > 0 {
		if err := a.admit(cols, n, fresh, rows); err != nil {
			return err
		}
	}
	if err := a.touch(ctx, b, ids); err != nil {
		return err
	}
	if a.spec.Partials {
		return a.addMixed(b, ids)
	}
	filtered := -1
	for j, col := range a.aggs {
		var sel []int32
		if f := a.filters[j]; f >= 0 {
			if f != filtered {
				a.sel, filtered = filterRows(&cols[f], n, a.sel), f
			}
			if sel = a.sel; len(sel) == 0 {
				continue
			}
		}
		if err := col.update(ids, cols, b.Ops, sel, n); err != nil {
			return err
		}
	}
	if a.table == nil {
		return a.memory.growTo(a.bytes())
	}
	return nil
}

// admit makes room for new ids and reads those that may have a state.
func (a *hashAgg) admit(cols []vec.Vec, n int, fresh, rows []int32) error {
	a.grow()
	if a.table == nil {
		return nil
	}
	// Distribution columns are keys: the row that brought an id tells its vnode.
	dist := make([]vec.Vec, len(a.dist))
	ts, at := make([]types.T, len(a.dist)), make([]int, len(a.dist))
	for k, c := range a.dist {
		dist[k], ts[k], at[k] = cols[c].Gather(rows), a.in[c], k
	}
	vnodes := executor.VNodes(dist, at, ts, len(fresh), nil)
	var ask []int32
	var askNodes []storage.VNode
	for k, id := range fresh {
		a.groups[id] = newGroup(vnodes[k])
		switch {
		case !a.res.partial || !a.res.mayHold(a.keys.Tag(id)):
		case a.lazy:
			a.groups[id] |= groupAbsent
			a.absent = append(a.absent, id)
		default:
			ask, askNodes = append(ask, id), append(askNodes, vnodes[k])
		}
	}
	a.fresh, a.came, a.begun = a.fresh+len(fresh), a.came+len(fresh), a.begun+len(fresh)
	if w := a.spec.WindowKey; w >= 0 {
		c := &cols[a.spec.Keys[w]]
		for _, i := range rows {
			if !c.Null(int(i)) {
				a.sweepAt = min(a.sweepAt, c.I64[int(i)&c.Mask()]-1)
			}
		}
	}
	return a.fetch(ask, askNodes)
}

// grow makes room for all ids.
func (a *hashAgg) grow() {
	size := a.keys.Ids()
	a.groups = vec.Grow(a.groups, size)
	a.clock.grow(size)
	for _, c := range a.aggs {
		c.grow(size)
	}
}

// fetch reads the stored state of groups that have just come to memory.
func (a *hashAgg) fetch(ids []int32, vnodes []storage.VNode) error {
	if len(ids) == 0 {
		return nil
	}
	a.stat.Misses.Add(int64(len(ids)))
	keys := a.stateKeys(ids)
	return a.table.MultiGet(vnodes, keys, func(i int, value []byte) error {
		if value == nil {
			return nil
		}
		return a.decode(ids[i], value)
	})
}

// stateKeys is the state keys of groups.
func (a *hashAgg) stateKeys(ids []int32) [][]byte {
	cols := a.keys.Keys(ids)
	keys := make([][]byte, len(ids))
	var buf []byte
	for i := range ids {
		from := len(buf)
		buf = appendStateKey(buf, a.keyTypes, cols, i)
		keys[i] = buf[from:len(buf):len(buf)]
	}
	return keys
}

// touch keeps what groups had emitted, of those changed for the first time in this
// epoch, and counts rows.
func (a *hashAgg) touch(ctx *executor.Ctx, b *stream.Batch, ids []int32) error {
	groups := a.groups
	a.first = a.first[:0]
	for _, id := range ids {
		if groups[id]&groupTouched == 0 {
			a.note(id)
		}
	}
	if err := a.remember(ctx, a.first); err != nil {
		return err
	}
	c := a.rowsOf(b)
	switch {
	case c != nil:
		m := c.Mask()
		for i, id := range ids {
			rows := int64(1)
			if !c.Null(i) {
				rows = c.I64[i&m]
			}
			groups[id].add(rows * int64(b.Op(i)))
		}
	case b.Ops == nil:
		for _, id := range ids {
			groups[id] += 1 << groupRows
		}
	default:
		for i, id := range ids {
			groups[id].add(int64(b.Ops[i]))
		}
	}
	return nil
}

// note lists a group that is changed for the first time in this epoch; what first
// lists has something to be remembered.
func (a *hashAgg) note(id int32) {
	g := &a.groups[id]
	if *g&groupNew == 0 && a.table != nil {
		a.clock.use(id)
	}
	*g = *g&^groupNew | groupTouched
	if *g&groupAbsent != 0 {
		return
	}
	a.touched = append(a.touched, id)
	if (g.rows() > 0 || a.started) && !a.spec.EmitOnClose {
		a.first = append(a.first, id)
		a.had = append(a.had, a.oldRows)
		a.oldRows++
	} else {
		a.had = append(a.had, -1)
	}
}

// remember appends what groups have emitted to old.
func (a *hashAgg) remember(ctx *executor.Ctx, ids []int32) error {
	if len(ids) == 0 {
		return nil
	}
	for j, c := range a.aggs {
		if err := c.result(ctx.Expr, ids, a.old[j]); err != nil {
			return err
		}
	}
	return nil
}

// start makes the one group of an aggregate without keys exist: from the state,
// or else as an empty group that the first barrier emits.
func (a *hashAgg) start() error {
	if len(a.spec.Keys) > 0 || a.keys.Len() > 0 {
		return nil
	}
	fresh, rows := a.keys.FindOrInsert(nil, nil, 1, []int32{0})
	return a.admit(nil, 1, fresh, rows)
}

func (a *hashAgg) decode(id int32, value []byte) error {
	rows, value, err := a.decodeHead(value)
	if err != nil {
		return err
	}
	a.groups[id].add(rows)
	a.groups[id] |= groupStored
	if len(a.spec.Keys) == 0 {
		a.started = true
	}
	for _, c := range a.aggs {
		if value, err = c.load(id, value); err != nil {
			return err
		}
	}
	return nil
}

// decodeHead reads the number of rows of a stored group and returns the states.
func (a *hashAgg) decodeHead(value []byte) (rows int64, states []byte, err error) {
	rows, k := binary.Varint(value)
	if k <= 0 {
		return 0, nil, a.corrupt()
	}
	value = value[k:]
	if a.spec.WindowKey >= 0 {
		if _, k = binary.Varint(value); k <= 0 {
			return 0, nil, a.corrupt()
		}
		value = value[k:]
	}
	if a.lossy {
		n, k := binary.Uvarint(value)
		if k <= 0 || int(n) > len(value)-k {
			return 0, nil, a.corrupt()
		}
		value = value[k+int(n):]
	}
	return rows, value, nil
}

// encode is the inverse of decode. keys are the key columns, row is the group's row in them.
func (a *hashAgg) encode(dst []byte, id int32, keys []vec.Vec, row int) []byte {
	dst = binary.AppendVarint(dst, a.groups[id].rows())
	dst, a.rowBuf = a.appendFixed(dst, a.rowBuf, keys, row)
	for _, c := range a.aggs {
		dst = c.encode(id, dst)
	}
	return dst
}

func (a *hashAgg) bytes() int64 {
	n := a.keys.Bytes() + a.clock.bytes() + a.res.bytes() + int64(8*cap(a.groups)) + a.lazyBytes() + a.refs.bytes() +
		int64(cap(a.touched)+cap(a.had)+cap(a.victims))*4
	for j, c := range a.aggs {
		n += c.bytes() + int64(8*a.old[j].Len()+len(a.old[j].Data))
	}
	return n
}

func (a *hashAgg) Close() error {
	a.memory.release()
	a.closeCache()
	return nil
}
