package op

// sweep takes the values that the last epoch emptied out of memory, and cuts the
// groups that it made too large: before anything is inserted, because nodes are used
// again, and not at the barrier, where others wait.
func (o *orderedAgg) sweep() {
	for _, d := range o.done {
		g, nd := &o.groups[d.group], &o.set.nodes[d.node]
		if nd.prio == 0 || nd.dirty || nd.count != 0 { // prio 0: its group was forgotten meanwhile
			continue
		}
		o.set.Remove(&g.root, o.set.Key(d.node))
	}
	for _, d := range o.done {
		if g := &o.groups[d.group]; o.first && g.live > 2*extremeCache {
			o.cutTo(g, extremeCache)
		}
	}
	o.done = o.done[:0]
}

// cutTo leaves the first keep values of a group in memory; the others are in the table.
func (o *orderedAgg) cutTo(g *orderedGroup, keep int32) {
	o.set.Cut(&g.root, int(keep))
	g.live, g.cut = keep, true
}

// trim implements valueColumn: groups that were not changed of late first, those of
// min and max are cut to extremeLeast values, then, at level 1, to a quarter of that.
func (o *orderedAgg) trim(level int, want, _ int64) int64 {
	if !o.first || o.table == nil || want <= 0 || level > 1 {
		return 0
	}
	o.sweep()
	keep := max(extremeLeast>>(2*level), 1)
	fat, surplus, n := make([]uint64, (len(o.groups)+63)/64), int64(0), int64(0)
	for id := range o.groups {
		if live := o.groups[id].live; live > keep {
			fat[id>>6] |= 1 << (id & 63)
			surplus += int64(live - keep)
			n++
		}
	}
	if n == 0 {
		return 0
	}
	total, spare := o.valueBytes()
	each := (total - spare) / int64(max(o.set.Len(), 1))
	freed := int64(0)
	for _, id := range o.clock.pick(fat, int(min(n, want*n/max(1, each*surplus)+1)), nil) {
		g := &o.groups[id]
		freed += each * int64(g.live-keep)
		o.cutTo(g, keep)
		g.runs = 0
	}
	o.set.tidy()
	return freed
}

// pack implements aggColumn: nodes and strings move to where there is no room between them.
func (o *orderedAgg) pack(ids []int32) error {
	o.sweep()
	o.done = nil
	to := o.set.Pack()
	groups := make([]orderedGroup, len(ids))
	for k, id := range ids {
		groups[k] = o.groups[id]
		groups[k].root = to[groups[k].root]
	}
	o.groups = groups
	o.clock.pack(ids)
	return nil
}

func (o *orderedAgg) valueBytes() (total, spare int64) { return o.set.Bytes(), o.set.Spare() }

func (o *orderedAgg) bytes() int64 {
	return o.set.Bytes() + int64(16*cap(o.groups)+8*cap(o.dirty)+8*cap(o.done)) + o.clock.bytes() + o.far.bytes()
}
