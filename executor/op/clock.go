package op

import "math/bits"

// clock chooses which entries of a cache leave memory: those not used since its
// hand passed them last (second chance). Entries have dense ids; a bit by id says
// that one was used. New entries begin without it, so that what is used only once
// leaves before what is used again. Bit sets, so that the hand passes 64 entries
// at a step. The zero value is ready.
type clock struct {
	used []uint64
	hand int // the word of used that it looks at next
}

// grow makes room for ids below n.
func (c *clock) grow(n int) {
	for len(c.used) < (n+63)/64 {
		c.used = append(c.used, 0)
	}
}

// use notes that an entry was used.
func (c *clock) use(id int32) { c.used[id>>6] |= 1 << (id & 63) }

// has reports whether an entry was used since the hand passed it.
func (c *clock) has(id int32) bool { return c.used[id>>6]&(1<<(id&63)) != 0 }

// forget says that an id is free.
func (c *clock) forget(id int32) { c.used[id>>6] &^= 1 << (id & 63) }

// pick appends to dst the ids of up to want entries that should leave, and takes
// the second chance from those that it passes. live is a bit set of the entries
// there are. What is picked the caller takes from live and forgets.
func (c *clock) pick(live []uint64, want int, dst []int32) []int32 {
	words := min(len(live), len(c.used))
	for step := 0; step < 2*words && want > 0; step++ {
		if c.hand >= words {
			c.hand = 0
		}
		w, picked := c.hand, uint64(0)
		idle := live[w] &^ c.used[w]
		for ; idle != 0 && want > 0; want-- {
			dst = append(dst, int32(w<<6+bits.TrailingZeros64(idle)))
			picked |= idle & -idle
			idle &= idle - 1
		}
		if want == 0 { // there may be more here: the hand stays
			c.used[w] |= picked
			break
		}
		c.used[w] = picked // so that the second round leaves them out
		c.hand++
	}
	return dst
}

// pack renumbers the entries: those of ids are now 0, 1, 2 ..
func (c *clock) pack(ids []int32) {
	used := make([]uint64, (len(ids)+63)/64)
	for k, id := range ids {
		used[k>>6] |= c.used[id>>6] >> (id & 63) & 1 << (k & 63)
	}
	c.used, c.hand = used, 0
}

// bytes is the memory it takes.
func (c *clock) bytes() int64 { return int64(8 * cap(c.used)) }
