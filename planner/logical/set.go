package logical

import "math/bits"

// ColID identifies a column within one statement; 0 is no column.
type ColID = int

// Set is a set of ColIDs. The zero Set is empty. Values share memory: use the
// functions that return a new Set, or Add on a Set that nobody else holds.
type Set struct{ w []uint64 }

// SetOf makes a set.
func SetOf(ids ...ColID) Set {
	var s Set
	for _, id := range ids {
		s.Add(id)
	}
	return s
}

// Add puts id into s.
func (s *Set) Add(id ColID) {
	for len(s.w) <= id>>6 {
		s.w = append(s.w, 0)
	}
	s.w[id>>6] |= 1 << (id & 63)
}

// Remove takes id out of s.
func (s *Set) Remove(id ColID) {
	if id>>6 < len(s.w) {
		s.w[id>>6] &^= 1 << (id & 63)
	}
}

// AddSet puts all of o into s.
func (s *Set) AddSet(o Set) {
	for len(s.w) < len(o.w) {
		s.w = append(s.w, 0)
	}
	for i, w := range o.w {
		s.w[i] |= w
	}
}

// Has reports whether id is in s.
func (s Set) Has(id ColID) bool { return id>>6 < len(s.w) && s.w[id>>6]&(1<<(id&63)) != 0 }

// Empty reports whether s has no member.
func (s Set) Empty() bool {
	for _, w := range s.w {
		if w != 0 {
			return false
		}
	}
	return true
}

// Clone copies s.
func (s Set) Clone() Set { return Set{append([]uint64(nil), s.w...)} }

// Union is a new set of the members of both.
func (s Set) Union(o Set) Set {
	n := s.Clone()
	n.AddSet(o)
	return n
}

// Intersect is a new set of the members that both have.
func (s Set) Intersect(o Set) Set {
	n := s.Clone()
	for i := range n.w {
		if i < len(o.w) {
			n.w[i] &= o.w[i]
		} else {
			n.w[i] = 0
		}
	}
	return n
}

// Minus is a new set of the members that o lacks.
func (s Set) Minus(o Set) Set {
	n := s.Clone()
	for i := range n.w {
		if i < len(o.w) {
			n.w[i] &^= o.w[i]
		}
	}
	return n
}

// Subset reports whether o has every member of s.
func (s Set) Subset(o Set) bool { return s.Minus(o).Empty() }

// Meets reports whether the sets have a member in common.
func (s Set) Meets(o Set) bool { return !s.Intersect(o).Empty() }

// IDs lists the members, ascending.
func (s Set) IDs() []ColID {
	var out []ColID
	for i, w := range s.w {
		for w != 0 {
			out = append(out, i<<6+bits.TrailingZeros64(w))
			w &= w - 1
		}
	}
	return out
}
