package storage

import (
	"bytes"
	"slices"
)

func (t *stateTable) ScanPrefixes(vnodes []VNode, prefixes [][]byte, fn func(i int, key, value []byte) (bool, error)) error {
	return t.scanPrefixes(vnodes, prefixes, nil, t.cursors, fn)
}

func (t *stateTable) ScanPrefixesSealed(vnodes []VNode, prefixes, above [][]byte, fn func(i int, key, value []byte) (bool, error)) error {
	return t.scanPrefixes(vnodes, prefixes, above, t.sealedCursors, fn)
}

// scanPrefixes is one pass of one iterator: the prefixes are visited in order, and
// one that the iterator has passed already without meeting it has no rows.
func (t *stateTable) scanPrefixes(vnodes []VNode, prefixes, above [][]byte, cursors func(lower, upper []byte) []cursor, fn func(i int, key, value []byte) (bool, error)) error {
	if len(prefixes) == 0 {
		return nil
	}
	t.prune()
	order := t.sortPrefixes(vnodes, prefixes)
	first, last := order[0], order[len(order)-1]
	lower := AppendKey(nil, t.def.ID, vnodes[first], prefixes[first])
	end := prefixEnd(AppendKey(nil, t.def.ID, vnodes[last], prefixes[last]))
	own := cursors(lower, end)
	it, gen := t.ranges, t.gen
	t.ranges = nil
	if it == nil && t.empty != isEmpty {
		var err error
		if it, err = t.newIter(); err != nil {
			return err
		}
	}
	valid, sought := false, false
	if it != nil {
		it.SetBounds(lower, end)
	}
	var err error
	var upper []byte
	here := make([]cursor, 0, len(own))
	for _, i := range order {
		lower = AppendKey(lower[:0], t.def.ID, vnodes[i], prefixes[i])
		upper = appendPrefixEnd(upper[:0], lower)
		if above != nil && above[i] != nil {
			lower = append(AppendKey(lower[:0], t.def.ID, vnodes[i], above[i]), 0) // what follows it
		}
		here = here[:0]
		for k := range own {
			run := between(own[k].run, own[k].arena, lower, upper)
			if len(run) > 0 {
				here = append(here, cursor{own[k].arena, run})
			}
		}
		if it != nil && (!sought || valid && bytes.Compare(it.Key(), lower) < 0) {
			valid, sought = it.SeekGE(lower), true
		}
		err = mergeFrom(here, it, &valid, upper, func(full, value []byte) (bool, error) { return fn(int(i), full[keyHead:], value) })
		if err != nil {
			break
		}
	}
	if it == nil {
		return err
	}
	if readErr := it.Error(); readErr != nil {
		it.Close()
		return t.failed(readErr)
	}
	if t.ranges == nil && t.gen == gen {
		t.ranges = it
	} else {
		it.Close()
	}
	return err
}

// sortPrefixes lists the prefixes in order of vnode and key.
func (t *stateTable) sortPrefixes(vnodes []VNode, prefixes [][]byte) []int32 {
	type ref struct {
		head uint64
		i    int32
	}
	refs := make([]ref, len(prefixes))
	for i, p := range prefixes {
		refs[i] = ref{prefixOf(vnodes[i], p), int32(i)}
	}
	slices.SortFunc(refs, func(a, b ref) int {
		switch {
		case a.head < b.head:
			return -1
		case a.head > b.head:
			return 1
		}
		return bytes.Compare(prefixes[a.i], prefixes[b.i])
	})
	order := t.order[:0]
	for _, r := range refs {
		order = append(order, r.i)
	}
	t.order = order
	return order
}
