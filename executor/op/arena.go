package op

// arena keeps byte strings in large chunks, so that the garbage collector has
// nothing to scan and growing copies nothing. Freed strings only count as
// garbage: the owner, who knows what lives, moves the living to a new arena
// when wasteful says so.
type arena struct {
	chunks  [][]byte
	size    int64 // capacity of all chunks
	used    int64 // bytes handed out
	garbage int64 // of those, freed
}

// span names a byte string in an arena.
type span struct {
	chunk uint32
	off   uint32
}

const (
	arenaFirstChunk = 4 << 10
	arenaMaxChunk   = 1 << 20
)

// add copies b in.
func (a *arena) add(b []byte) span { return a.add2(b, nil) }

// add2 copies the concatenation of b and c in.
func (a *arena) add2(b, c []byte) span {
	n := len(b) + len(c)
	last := len(a.chunks) - 1
	if last < 0 || cap(a.chunks[last])-len(a.chunks[last]) < n {
		size := arenaFirstChunk << min(len(a.chunks), 8)
		a.chunks = append(a.chunks, make([]byte, 0, max(min(size, arenaMaxChunk), n)))
		last++
		a.size += int64(cap(a.chunks[last]))
	}
	at := span{uint32(last), uint32(len(a.chunks[last]))}
	a.chunks[last] = append(append(a.chunks[last], b...), c...)
	a.used += int64(n)
	return at
}

// get views n bytes at s.
func (a *arena) get(s span, n int) []byte {
	return a.chunks[s.chunk][s.off : int(s.off)+n : int(s.off)+n]
}

// clear forgets all strings and keeps one chunk.
func (a *arena) clear() {
	if len(a.chunks) == 0 {
		return
	}
	last := a.chunks[len(a.chunks)-1]
	clear(a.chunks)
	a.chunks = append(a.chunks[:0], last[:0])
	a.size, a.used, a.garbage = int64(cap(last)), 0, 0
}

// free counts n bytes as garbage.
func (a *arena) free(n int) { a.garbage += int64(n) }

// wasteful reports whether moving the living would halve the memory.
func (a *arena) wasteful() bool { return a.garbage > 64<<10 && a.garbage > a.used/2 }
