package storage

import (
	"math/bits"
	"sync"
)

// arena is memory in chunks: what is there stays where it is while more comes, and
// nothing is copied to make room. A piece lies in one chunk; its place is the number
// of the chunk in the upper half, the position in it in the lower half.
type arena [][]byte

const (
	placeBits  = 32
	placeMask  = 1<<placeBits - 1
	leastChunk = 4 << 10
	mostChunk  = 1 << 20
)

// chunkPools keep the chunks of committed deltas, by their size. The collector
// empties them.
var chunkPools [9]sync.Pool

// at is the piece of n bytes at a place.
func (a arena) at(place, n int) []byte {
	pos := place & placeMask
	return a[place>>placeBits][pos : pos+n : pos+n]
}

// grow adds a chunk with room for a piece of n bytes; each is twice as large as
// the one before, to a limit.
func (a arena) grow(n int) arena {
	size := leastChunk
	if len(a) > 0 {
		size = min(2*len(a[len(a)-1]), mostChunk)
	}
	for size < n && size < mostChunk {
		size *= 2
	}
	if size < n {
		return append(a, make([]byte, n)) // a piece that gets a chunk of its own
	}
	if c, ok := chunkPools[chunkClass(size)].Get().(*[]byte); ok {
		return append(a, *c)
	}
	return append(a, make([]byte, size))
}

func chunkClass(size int) int { return bits.Len(uint(size/leastChunk)) - 1 }

// give hands the chunks back. Nobody may hold a piece of them any more.
func (a arena) give() {
	for i, c := range a {
		if size := len(c); size <= mostChunk && size&(size-1) == 0 && size >= leastChunk {
			chunkPools[chunkClass(size)].Put(&a[i])
		}
	}
}

// room is a new piece of n bytes of the delta's arena.
func (d *Delta) room(n int) (place int, piece []byte) {
	last := len(d.arena) - 1
	if last < 0 || len(d.arena[last])-d.used < n {
		d.arena, d.used = d.arena.grow(n), 0
		last++
	}
	place = last<<placeBits | d.used
	d.used += n
	return place, d.arena.at(place, n)
}
