package op

import (
	"streamdb/executor"
	"streamdb/expr"
	"streamdb/expr/aggs"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/vec"
)

// This file is the groups of a HashAgg that an epoch touches while they are not in
// memory, where all aggregates have a partial form. Such a group is absent: it
// begins as an empty one, which gathers what the epoch brings. At the barrier
// settle reads what the table has of the absent groups, in order of their keys, so
// that neighbours share a block; computes what they had emitted; and merges it
// with what was gathered. Elsewhere (DISTINCT, values in order) groups are read as
// the rows of a batch come, see hashAgg.fetch.

// lazyColumn is an aggColumn that can merge the stored state of a group into what
// the group has gathered.
type lazyColumn interface {
	aggColumn
	// growStored makes room for the stored states number 0 .. n-1.
	growStored(n int)
	// decodeStored takes stored state number i from src and returns what follows it.
	decodeStored(i int32, src []byte) (rest []byte, err error)
	// storedResult appends the results of the stored states of these numbers.
	storedResult(ctx *expr.Ctx, numbers []int32, out *vec.Builder) error
	// mergeStored adds stored state numbers[k] to group ids[k].
	mergeStored(numbers, ids []int32) error
	storedBytes() int64
}

// lazyState is what a hashAgg knows about absent groups.
type lazyState struct {
	lazy         bool // groups may be absent
	absent       []int32
	absentSorted []int32 // scratch: absent by vnode
	lazyCols     []lazyColumn
	storedRows   []int64 // rows of the stored groups being merged
	settling     bool    // what is written is written at once: in order, and what was read is not needed twice
	spilled      bool    // groups were written since the last barrier
}

// settleRows is how many absent groups are read at once, at least; at most eight
// times as many, where a vnode has that many. A variable for tests.
var settleRows = stream.BatchRows

// openLazy finds out whether groups may be absent.
func (a *hashAgg) openLazy() {
	if a.table == nil || len(a.spec.Keys) == 0 {
		return
	}
	for _, c := range a.aggs {
		if p, ok := c.(*plainAgg); ok && p.partial == nil {
			return
		}
		l, ok := c.(lazyColumn)
		if !ok {
			return
		}
		a.lazyCols = append(a.lazyCols, l)
	}
	a.lazy = true
}

// settle merges the absent groups with what the table has of them, emits and
// writes them.
func (a *hashAgg) settle(ctx *executor.Ctx, out executor.Emitter) error {
	if len(a.absent) == 0 {
		return nil
	}
	a.stat.Misses.Add(int64(len(a.absent)))
	a.settling = true
	defer func() { a.settling = false }()
	ids, ends := a.byVNode()
	from := 0
	for v := range ends {
		for to := ends[v]; to-from >= settleRows || v == len(ends)-1 && to > from; {
			part := ids[from:min(to, from+8*settleRows)]
			if err := a.settlePart(ctx, part, out); err != nil {
				return err
			}
			from += len(part)
		}
	}
	return nil
}

// byVNode sorts the absent groups by vnode; those of v end at ends[v].
func (a *hashAgg) byVNode() (ids []int32, ends [storage.NumVNodes]int) {
	var next [storage.NumVNodes]int
	for _, id := range a.absent {
		ends[a.groups[id].vnode()]++
	}
	at := 0
	for v, n := range ends {
		next[v] = at
		at += n
		ends[v] = at
	}
	ids = vec.Grow(a.absentSorted[:0], len(a.absent))
	for _, id := range a.absent {
		v := a.groups[id].vnode()
		ids[next[v]] = id
		next[v]++
	}
	a.absentSorted = ids
	return ids, ends
}

// settlePart does the work of settle for some groups.
func (a *hashAgg) settlePart(ctx *executor.Ctx, ids []int32, out executor.Emitter) error {
	sorted, found, err := a.readStored(ids)
	if err != nil {
		return err
	}
	had := make([]int32, min(len(sorted), stream.BatchRows))
	for from, to := 0, 0; from < len(sorted); from = to {
		to = from + a.pace.next(min(len(had), len(sorted)-from))
		part := sorted[from:to]
		n := 0
		for n < len(found) && int(found[n]) < to {
			n++
		}
		olds, err := a.mergeStored(ctx, found[:n], sorted)
		if err != nil {
			return err
		}
		for k := range part {
			had[k] = -1
		}
		for k, i := range found[:n] {
			if !a.spec.EmitOnClose {
				had[int(i)-from] = int32(k)
			}
		}
		if err := a.flush(ctx, part, had[:len(part)], olds, out); err != nil {
			return err
		}
		found = found[n:]
	}
	return nil
}

// readStored reads the stored states of groups. sorted is the groups in order of
// vnode and key, the numbers of their stored states; found is the numbers of those
// that have one.
func (a *hashAgg) readStored(ids []int32) (sorted, found []int32, err error) {
	n := len(ids)
	a.storedRows = vec.Grow(a.storedRows, n)
	for _, c := range a.lazyCols {
		c.growStored(n)
	}
	vnodes := make([]storage.VNode, n)
	for i, id := range ids {
		vnodes[i] = a.groups[id].vnode()
	}
	sorted, found = make([]int32, 0, n), make([]int32, 0, n)
	read := a.table.MultiGetSealed
	if a.spilled {
		read = a.table.MultiGet
	}
	err = read(vnodes, a.stateKeys(ids), func(i int, value []byte) error {
		number := int32(len(sorted))
		sorted = append(sorted, ids[i])
		if value == nil {
			return nil
		}
		found = append(found, number)
		rows, value, err := a.decodeHead(value)
		if err != nil {
			return err
		}
		a.storedRows[number] = rows
		for _, c := range a.lazyCols {
			if value, err = c.decodeStored(number, value); err != nil {
				return err
			}
		}
		return nil
	})
	return sorted, found, err
}

// mergeStored merges stored states into their groups and returns the results that
// they had.
func (a *hashAgg) mergeStored(ctx *executor.Ctx, numbers, sorted []int32) ([]vec.Vec, error) {
	ids := make([]int32, len(numbers))
	for k, i := range numbers {
		ids[k] = sorted[i]
		g := &a.groups[ids[k]]
		g.add(a.storedRows[i])
		*g |= groupStored
	}
	olds := make([]vec.Vec, len(a.lazyCols))
	for j, c := range a.lazyCols {
		b := vec.NewBuilder(a.spec.Aggs[j].T.Layout(), len(ids))
		if !a.spec.EmitOnClose {
			if err := c.storedResult(ctx.Expr, numbers, b); err != nil {
				return nil, err
			}
		}
		olds[j] = b.Vec()
		if err := c.mergeStored(numbers, ids); err != nil {
			return nil, err
		}
	}
	return olds, nil
}

func (a *hashAgg) lazyBytes() int64 {
	n := int64(4*cap(a.absent) + 4*cap(a.absentSorted) + 8*cap(a.storedRows))
	for _, c := range a.lazyCols {
		n += c.storedBytes()
	}
	return n
}

func (p *plainAgg) growStored(n int) {
	if p.stored == nil {
		p.stored = p.make()
	}
	p.stored.Grow(n)
}

func (p *plainAgg) decodeStored(i int32, src []byte) ([]byte, error) { return p.stored.Decode(i, src) }

func (p *plainAgg) storedResult(ctx *expr.Ctx, numbers []int32, out *vec.Builder) error {
	return p.stored.Result(ctx, numbers, out)
}

func (p *plainAgg) mergeStored(numbers, ids []int32) error { return p.move(p.stored, numbers, ids) }

func (p *plainAgg) storedBytes() int64 {
	if p.stored == nil {
		return 0
	}
	return p.stored.Bytes()
}

// move adds groups of another state, in partial form, to groups of p's.
func (p *plainAgg) move(from aggs.State, numbers, ids []int32) error {
	if len(numbers) == 0 {
		return nil
	}
	out, cols := make([]*vec.Builder, len(p.partial)), make([]vec.Vec, len(p.partial))
	for k, t := range p.partial {
		out[k] = vec.NewBuilder(t.Layout(), len(numbers))
	}
	if err := from.AppendPartial(numbers, out); err != nil {
		return err
	}
	for k, b := range out {
		cols[k] = b.Vec()
	}
	return p.state.Merge(ids, cols, nil, nil, len(numbers))
}
