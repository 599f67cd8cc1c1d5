package op

import (
	"bytes"
	"sort"

	"streamdb/executor"
	"streamdb/stream"
)

// asOfQuery runs an AsOfJoin of a SELECT: the right side comes first, is sorted,
// and each left row is looked up in it.
type asOfQuery struct {
	executor.Base
	asOfRows
	memory
	right  rowChanges
	sorted bool
	buf    []byte
}

func openAsOfQuery(s *AsOfJoin, ctx *executor.OpenCtx) *asOfQuery {
	return &asOfQuery{asOfRows: newAsOfRows(s), memory: memory{acc: ctx.Memory}}
}

// FirstInput says that the right side is fed first, entirely.
func (q *asOfQuery) FirstInput() int { return 1 }

// Close gives the memory back.
func (q *asOfQuery) Close() error { q.release(); return nil }

func (q *asOfQuery) Process(_ *executor.Ctx, in int, b *stream.Batch, out executor.Emitter) error {
	q.out = out
	d, cols := &q.sides[in], b.Cols()
	d.take(cols)
	var row []byte
	for i := range b.Rows() {
		can := q.matchable(in, cols, i)
		if !can && (in == 1 || !q.outer) {
			continue
		}
		row = d.appendRow(row[:0], i)
		if in == 0 {
			if err := q.lookUp(b, i, can, row); err != nil {
				return err
			}
			continue
		}
		q.buf, _ = q.appendKey(q.buf[:0], 1, cols, i)
		q.right.add(0, 1, q.buf, row, 0)
	}
	if in == 1 {
		return q.growTo(q.right.bytes())
	}
	return q.flush()
}

// lookUp outputs a left row with its match.
func (q *asOfQuery) lookUp(b *stream.Batch, i int, can bool, row []byte) error {
	c := &q.right
	if !q.sorted {
		sort.Slice(c.list, func(a, b int) bool { return bytes.Compare(c.key(&c.list[a]), c.key(&c.list[b])) < 0 })
		q.sorted = true
	}
	var match []byte
	if can {
		key, head := q.appendKey(q.buf[:0], 0, b.Cols(), i)
		q.buf = key
		n := sort.Search(len(c.list), func(k int) bool { return bytes.Compare(c.key(&c.list[k]), key) >= 0 })
		if n > 0 && bytes.HasPrefix(c.key(&c.list[n-1]), key[:head]) {
			match = c.row(&c.list[n-1])
		}
	}
	if match == nil && !q.outer {
		return nil
	}
	return q.emit(b.Op(i), row, match)
}
