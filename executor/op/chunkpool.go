package op

import (
	"sync"

	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// chunkPool keeps the memory of chunks whose batches nobody reads any more, for the
// next ones: see stream.Lease. Safe for concurrent use.
type chunkPool struct {
	layouts []types.Layout
	mu      sync.Mutex
	free    []*chunkMemory
	more    sync.Pool // of *chunkMemory
}

// chunkMemory is the columns of a chunk, and its row ids.
type chunkMemory struct {
	cols []*vec.Builder
	ids  []int64
}

// Of a source and the edges behind it there are not many more batches on their way
// at a time. If there are, as where an operator keeps those of an epoch, what comes
// back beyond that is there until the garbage collector wants it; and memory that a
// few long rows needed is not kept.
const (
	poolChunks = 16
	poolBytes  = 2 * stream.BatchBytes
)

// poison makes what is given back unreadable, for tests.
var poison = false

// newChunkPool is a pool for some columns of a schema.
func newChunkPool(schema types.Schema, cols []int) *chunkPool {
	p := &chunkPool{}
	for _, c := range cols {
		p.layouts = append(p.layouts, schema[c].Type.Layout())
	}
	return p
}

func (p *chunkPool) take() *chunkMemory {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		m := p.free[n-1]
		p.free = p.free[:n-1]
		return m
	}
	if m, ok := p.more.Get().(*chunkMemory); ok {
		return m
	}
	m := &chunkMemory{cols: make([]*vec.Builder, len(p.layouts))}
	for i, l := range p.layouts {
		m.cols[i] = vec.NewBuilder(l, 0)
	}
	return m
}

// bytes is about how much memory it is.
func (m *chunkMemory) bytes() int {
	n := 8 * cap(m.ids)
	for _, b := range m.cols {
		n += cap(b.Data) + 8*cap(b.I64) + 8*cap(b.F64)
	}
	return n
}

func (p *chunkPool) give(m *chunkMemory) {
	bytes := m.bytes()
	for _, b := range m.cols {
		if poison {
			b.Vec().Scramble()
		}
		b.Clear()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case bytes > poolBytes:
	case len(p.free) < poolChunks:
		p.free = append(p.free, m)
	default:
		p.more.Put(m)
	}
}

// PoisonLent makes memory of batches that sources get back unreadable, for tests.
func PoisonLent() { poison = true }
