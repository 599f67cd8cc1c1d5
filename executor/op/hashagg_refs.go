package op

import (
	"streamdb/storage"
	"streamdb/types"
	"streamdb/vec"
)

// groupRefs numbers some groups, each once, in the order in which they are named.
type groupRefs struct {
	owner *hashAgg
	at    []int32 // by group id: 1 + its number
	ids   []int32
}

// ref is the number of a group.
func (r *groupRefs) ref(id int32) int32 {
	r.at = vec.Grow(r.at, len(r.owner.groups))
	if r.at[id] == 0 {
		r.ids = append(r.ids, id)
		r.at[id] = int32(len(r.ids))
	}
	return r.at[id] - 1
}

// has reports whether a group has a number.
func (r *groupRefs) has(id int32) bool { return int(id) < len(r.at) && r.at[id] > 0 }

// reset forgets all numbers.
func (r *groupRefs) reset() {
	for _, id := range r.ids {
		r.at[id] = 0
	}
	r.ids = r.ids[:0]
}

// take is reset; it returns copies of the keys, by number.
func (r *groupRefs) take() *groupKeys {
	k := &groupKeys{types: r.owner.keyTypes, cols: r.owner.keys.Keys(r.ids), vnodes: make([]storage.VNode, len(r.ids)), last: -1}
	for i, id := range r.ids {
		k.vnodes[i] = r.owner.groups[id].vnode()
	}
	r.reset()
	return k
}

func (r *groupRefs) bytes() int64 { return int64(4*cap(r.at) + 4*cap(r.ids)) }

// groupKeys are copies of the keys of groups, so that state keys can be made later.
type groupKeys struct {
	types  []types.T
	cols   []vec.Vec
	vnodes []storage.VNode
	buf    []byte
	last   int32
}

// append appends the state key of a group.
func (k *groupKeys) append(dst []byte, i int32) []byte {
	if k.last != i {
		k.buf, k.last = appendStateKey(k.buf[:0], k.types, k.cols, int(i)), i
	}
	return append(dst, k.buf...)
}
