package executor

import (
	"streamdb/storage"
	"streamdb/types"
	"streamdb/vec"
)

// VNodes computes the vnode of each of n rows: the top eight bits of the hash of
// the distribution columns dist (positions in cols; ts are the types of cols).
// No distribution columns: all rows are in vnode 0. The result goes into dst
// when it is large enough. The same function places rows on instances and state
// in tables; it is part of the format on disk.
func VNodes(cols []vec.Vec, dist []int, ts []types.T, n int, dst []storage.VNode) []storage.VNode {
	if cap(dst) < n {
		dst = make([]storage.VNode, n)
	}
	dst = dst[:n]
	if len(dist) == 0 {
		clear(dst)
		return dst
	}
	key := make([]vec.Vec, len(dist))
	keyTypes := make([]types.T, len(dist))
	for i, c := range dist {
		key[i], keyTypes[i] = cols[c], ts[c]
	}
	hashes := make([]uint64, n)
	vec.HashRows(key, keyTypes, n, hashes)
	for i, h := range hashes {
		dst[i] = storage.VNode(h >> 56)
	}
	return dst
}

// owners maps each vnode to the instance that owns it, of n.
func owners(n int) (owner [storage.NumVNodes]uint8) {
	for i, s := range storage.SplitVNodes(n) {
		for v := s.From; v < s.To; v++ {
			owner[v] = uint8(i)
		}
	}
	return owner
}
