package op

import (
	"bytes"
	"encoding/binary"

	"streamdb/vec"
)

// ordSet holds many ordered sets of byte keys, each key with a value and a
// count: the sorted rows of a top-N group, the values under min and max. A set
// is named by its root, which the owner keeps (0: empty); all sets share the
// nodes and the arena, so that millions of small sets cost no pointers.
//
// Each set is a treap (Aragon, Seidel 1989): a binary search tree by key that
// is a heap by random priority, hence balanced in expectation.
type ordSet struct {
	nodes []ordNode // nodes[0] is no node
	free  int32     // list of free nodes through left
	live  int
	arena arena
	seed  uint32
}

type ordNode struct {
	prefix      uint64 // first eight bytes of the key, big-endian: decides most comparisons
	count       int64
	left, right int32
	prio        uint32
	klen, vlen  uint32
	dirty       bool // free for the owner, as stored
	stored      bool
	at          span // key, then value
}

func newOrdSet() *ordSet { return &ordSet{nodes: make([]ordNode, 1), seed: 2463534242} }

// Len is the number of keys in all sets.
func (s *ordSet) Len() int { return s.live }

// Bytes is the memory all sets take.
func (s *ordSet) Bytes() int64 { return int64(cap(s.nodes))*ordNodeBytes + s.arena.size }

const ordNodeBytes = 48

// Spare is how much of Bytes holds nothing: it is for what comes, and is given back
// by Pack.
func (s *ordSet) Spare() int64 {
	return int64(cap(s.nodes)-1-s.live)*ordNodeBytes + s.arena.size - s.arena.used + s.arena.garbage
}

// Key views the key of a node; valid until the next change.
func (s *ordSet) Key(node int32) []byte {
	n := &s.nodes[node]
	return s.arena.get(n.at, int(n.klen))
}

// Val views the value of a node; valid until the next change.
func (s *ordSet) Val(node int32) []byte {
	n := &s.nodes[node]
	return s.arena.get(n.at, int(n.klen+n.vlen))[n.klen:]
}

// Count is the count of a node.
func (s *ordSet) Count(node int32) int64 { return s.nodes[node].count }

// SetCount sets the count of a node.
func (s *ordSet) SetCount(node int32, c int64) { s.nodes[node].count = c }

// SetVal replaces the value of a node.
func (s *ordSet) SetVal(node int32, val []byte) {
	n := &s.nodes[node]
	old := s.arena.get(n.at, int(n.klen+n.vlen))
	if bytes.Equal(old[n.klen:], val) {
		return
	}
	s.arena.free(len(old))
	n.at = s.arena.add2(old[:n.klen], val)
	n.vlen = uint32(len(val))
	s.tidy()
}

func prefixOf(key []byte) uint64 {
	if len(key) >= 8 {
		return binary.BigEndian.Uint64(key)
	}
	var b [8]byte
	copy(b[:], key)
	return binary.BigEndian.Uint64(b[:])
}

func (s *ordSet) compare(prefix uint64, key []byte, node int32) int {
	n := &s.nodes[node]
	if prefix != n.prefix {
		if prefix < n.prefix {
			return -1
		}
		return 1
	}
	return bytes.Compare(key, s.arena.get(n.at, int(n.klen)))
}

// Find returns the node of a key; 0 if it is not in the set.
func (s *ordSet) Find(root int32, key []byte) int32 {
	prefix := prefixOf(key)
	for at := root; at != 0; {
		switch c := s.compare(prefix, key, at); {
		case c == 0:
			return at
		case c < 0:
			at = s.nodes[at].left
		default:
			at = s.nodes[at].right
		}
	}
	return 0
}

// Min is the node of the least key, Max of the greatest; 0 for the empty set.
func (s *ordSet) Min(root int32) int32 {
	for root != 0 && s.nodes[root].left != 0 {
		root = s.nodes[root].left
	}
	return root
}

// Max is the node of the greatest key.
func (s *ordSet) Max(root int32) int32 {
	for root != 0 && s.nodes[root].right != 0 {
		root = s.nodes[root].right
	}
	return root
}

// Insert adds a key that is not in the set and returns its node.
func (s *ordSet) Insert(root *int32, key, val []byte, count int64) int32 {
	s.seed ^= s.seed << 13
	s.seed ^= s.seed >> 17
	s.seed ^= s.seed << 5
	n := ordNode{
		prefix: prefixOf(key), count: count, prio: s.seed,
		klen: uint32(len(key)), vlen: uint32(len(val)), at: s.arena.add2(key, val),
	}
	id := s.free
	if id != 0 {
		s.free = s.nodes[id].left
		s.nodes[id] = n
	} else {
		id = int32(len(s.nodes))
		s.nodes = vec.Grow(s.nodes, len(s.nodes)+1)
		s.nodes[id] = n
	}
	s.live++
	// Descend to where the new priority belongs, then split what is below.
	at := root
	for *at != 0 && s.nodes[*at].prio >= n.prio {
		if s.compare(n.prefix, key, *at) < 0 {
			at = &s.nodes[*at].left
		} else {
			at = &s.nodes[*at].right
		}
	}
	left, right := s.split(*at, n.prefix, key)
	s.nodes[id].left, s.nodes[id].right = left, right
	*at = id
	return id
}

// split divides a tree into the keys below key and those above.
func (s *ordSet) split(at int32, prefix uint64, key []byte) (left, right int32) {
	l, r := &left, &right
	for at != 0 {
		if s.compare(prefix, key, at) < 0 {
			*r = at
			r = &s.nodes[at].left
			at = *r
		} else {
			*l = at
			l = &s.nodes[at].right
			at = *l
		}
	}
	*l, *r = 0, 0
	return left, right
}

// Remove takes a key out; false if it was not in the set.
func (s *ordSet) Remove(root *int32, key []byte) bool {
	prefix := prefixOf(key)
	at := root
	for *at != 0 {
		c := s.compare(prefix, key, *at)
		if c == 0 {
			id := *at
			*at = s.merge(s.nodes[id].left, s.nodes[id].right)
			s.release(id)
			s.tidy()
			return true
		}
		if c < 0 {
			at = &s.nodes[*at].left
		} else {
			at = &s.nodes[*at].right
		}
	}
	return false
}

// merge joins two trees, all keys of a below all of b.
func (s *ordSet) merge(a, b int32) (root int32) {
	at := &root
	for a != 0 && b != 0 {
		if s.nodes[a].prio >= s.nodes[b].prio {
			*at = a
			at = &s.nodes[a].right
			a = *at
		} else {
			*at = b
			at = &s.nodes[b].left
			b = *at
		}
	}
	*at = a | b // one of them is 0
	return root
}

func (s *ordSet) release(id int32) {
	n := &s.nodes[id]
	s.arena.free(int(n.klen + n.vlen))
	*n = ordNode{left: s.free}
	s.free = id
	s.live--
}

// Clear empties a set.
func (s *ordSet) Clear(root *int32) {
	s.clear(*root)
	*root = 0
	s.tidy()
}

func (s *ordSet) clear(at int32) {
	if at == 0 {
		return
	}
	l, r := s.nodes[at].left, s.nodes[at].right
	s.clear(l)
	s.clear(r)
	s.release(at)
}

// Cut takes all but the first keep keys out of a set.
func (s *ordSet) Cut(root *int32, keep int) {
	last := int32(0)
	s.Walk(*root, func(node int32) bool {
		if keep--; keep >= 0 {
			last = node
		}
		return keep > 0
	})
	rest := *root
	if last != 0 {
		n := &s.nodes[last]
		*root, rest = s.split(*root, n.prefix, s.arena.get(n.at, int(n.klen)))
	} else {
		*root = 0
	}
	s.clear(rest)
	s.tidy()
}

// Pack moves what lives to memory that has little room beside it, and gives the rest
// back. The nodes have other numbers then: that of node i is to[i].
func (s *ordSet) Pack() (to []int32) {
	to = make([]int32, len(s.nodes))
	next := int32(1)
	for i := range s.nodes {
		if s.nodes[i].prio != 0 {
			to[i] = next
			next++
		}
	}
	nodes, strings := make([]ordNode, next, next+next/8), arena{}
	for i, k := range to {
		if k != 0 {
			n := s.nodes[i]
			n.left, n.right = to[n.left], to[n.right]
			n.at = strings.add(s.arena.get(n.at, int(n.klen+n.vlen)))
			nodes[k] = n
		}
	}
	s.nodes, s.free, s.arena = nodes, 0, strings
	return to
}

// Walk calls fn for the nodes of a set in key order until fn returns false. fn
// must not change the set.
func (s *ordSet) Walk(root int32, fn func(node int32) bool) bool {
	if root == 0 {
		return true
	}
	n := &s.nodes[root]
	return s.Walk(n.left, fn) && fn(root) && s.Walk(n.right, fn)
}

// tidy moves the living strings to a new arena once half of it is garbage. The
// views that Key and Val gave stay readable: the old chunks are left alone.
func (s *ordSet) tidy() {
	if !s.arena.wasteful() {
		return
	}
	var to arena
	for i := range s.nodes {
		if n := &s.nodes[i]; n.prio != 0 {
			n.at = to.add(s.arena.get(n.at, int(n.klen+n.vlen)))
		}
	}
	s.arena = to
}
