package op

// This file is how a HashAgg comes to use less memory whose aggregates keep values of
// their groups (DISTINCT, min and max over rows that are taken back, values in order).
// Most of what it holds are values: they are trimmed first, down to a few a group, and
// then groups leave. What became free stays for what comes; pack gives it back.

// shrink makes values and groups leave as far as memory is short.
func (a *hashAgg) shrink() {
	spare := a.spare()
	used := a.memory.held - spare
	a.growth = max(used-a.filled, a.growth/4*3, 0)
	if need := a.memory.shed(a.growth) - spare; need > 0 {
		if need >= used/8*7 && len(a.spec.Keys) > 0 { // nearly all: what is left is not worth its arrays
			a.leave(a.keys.Len())
		} else {
			a.free(need+a.memory.held/32, used)
		}
		used = a.memory.held - a.spare()
	}
	a.filled = used
}

// free makes about need of the used bytes spare.
func (a *hashAgg) free(need, used int64) {
	for level := range 3 {
		for _, c := range a.aggs {
			if v, ok := c.(valueColumn); ok {
				freed := v.trim(level, need, used)
				need, used = need-freed, used-freed
			}
		}
	}
	if live := int64(a.keys.Len()); need > 0 && live > 0 && len(a.spec.Keys) > 0 {
		a.leave(int(min(live, need/(max(used, 1)/live+1)+1)))
	}
}

// spare is how many of the reported bytes are for groups and values to come.
func (a *hashAgg) spare() int64 {
	fixed, spare := a.memory.held, int64(0)
	for _, c := range a.aggs {
		if v, ok := c.(valueColumn); ok {
			total, free := v.valueBytes()
			fixed, spare = fixed-total, spare+free
		}
	}
	ids := int64(a.keys.Ids())
	if ids == 0 {
		return spare
	}
	return spare + max(fixed, 0)/ids*(ids-int64(a.keys.Len()))
}
