package executor

import (
	"sync"

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
	s := hashScratch.Get().(*scratch)
	s.cols, s.types = s.cols[:0], s.types[:0]
	for _, c := range dist {
		s.cols, s.types = append(s.cols, cols[c]), append(s.types, ts[c])
	}
	s.hashes = vec.HashRows(s.cols, s.types, n, s.hashes)
	for i, h := range s.hashes {
		dst[i] = storage.VNode(h >> 56)
	}
	clear(s.cols) // do not keep the batch alive
	hashScratch.Put(s)
	return dst
}

// scratch is what VNodes needs for the time of a call.
type scratch struct {
	cols   []vec.Vec
	types  []types.T
	hashes []uint64
}

var hashScratch = sync.Pool{New: func() any { return &scratch{} }}

// owners maps each vnode to the instance that owns it, of n.
func owners(n int) (owner [storage.NumVNodes]uint8) {
	for i, s := range storage.SplitVNodes(n) {
		for v := s.From; v < s.To; v++ {
			owner[v] = uint8(i)
		}
	}
	return owner
}
