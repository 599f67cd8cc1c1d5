package op

import (
	"bytes"
	"sort"

	"streamdb/executor"
	"streamdb/storage"
	"streamdb/stream"
)

// asOfJoin runs an AsOfJoin of a job. The changes of an epoch are collected and
// applied at its barrier, by their sum. State, one table a side, in the one
// order that asOfRows describes:
//
//	left, right:  vnode(join key) | join key | time | mark | rest -> kept columns
//
// A changed right row at p decides for the left rows between p and the next
// right row q, in the old state or among the changes: before the epoch they all
// had the same match, the last right row up to p, and after it they have again
// one. These segments, and the left rows that changed outside of them, are all
// that is read:
//
//  1. segments are found in the old state; their left rows, and those that
//     went elsewhere, take back their matches
//  2. the changes are written
//  3. the segments' left rows, and those that came elsewhere, get theirs
//
// Nothing is kept in memory from epoch to epoch.
type asOfJoin struct {
	asOfRows
	memory
	tables  [2]storage.StateTable
	changes [2]rowChanges
	segs    []asOfSegment
	buf     []byte
}

// asOfSegment is a range of positions, and the match of the left rows in it.
type asOfSegment struct {
	v        storage.VNode
	head     int
	from, to []byte
}

func openAsOfJoin(s *AsOfJoin, ctx *executor.OpenCtx) *asOfJoin {
	j := &asOfJoin{asOfRows: newAsOfRows(s), memory: memory{acc: ctx.Memory}}
	for k := range j.tables {
		j.tables[k] = ctx.Table(j.sides[k].spec.Table)
	}
	return j
}

// Close gives the memory back.
func (j *asOfJoin) Close() error { j.release(); return nil }

// Watermark ends here: a right row may bring old left rows back.
func (j *asOfJoin) Watermark(*executor.Ctx, int, stream.Watermark, executor.Emitter) error {
	return nil
}

// Process collects changes. Left rows that can match nothing go out, or nowhere, at once.
func (j *asOfJoin) Process(_ *executor.Ctx, in int, b *stream.Batch, out executor.Emitter) error {
	j.out = out
	d, c := &j.sides[in], &j.changes[in]
	cols := b.Cols()
	d.take(cols)
	places := executor.VNodes(cols, d.spec.Keys, d.types, b.Rows(), nil)
	var row []byte
	for i := range b.Rows() {
		if !j.matchable(in, cols, i) {
			if in == 0 && j.outer {
				row = d.appendRow(row[:0], i)
				if err := j.emit(b.Op(i), row, nil); err != nil {
					return err
				}
			}
			continue
		}
		var head int
		j.buf, head = j.appendKey(j.buf[:0], in, cols, i)
		row = d.appendRow(row[:0], i)
		c.add(int32(places[i]), b.Op(i), j.buf, row, head)
	}
	j.report(j.changes[0].bytes() + j.changes[1].bytes())
	return j.flush()
}

// Barrier applies the epoch's changes.
func (j *asOfJoin) Barrier(_ *executor.Ctx, _ stream.Barrier, out executor.Emitter) error {
	j.out = out
	if len(j.changes[0].list)+len(j.changes[1].list) == 0 {
		return nil
	}
	for k := range j.changes {
		if err := j.changes[k].sum(); err != nil {
			return err
		}
	}
	if err := j.segments(); err != nil {
		return err
	}
	if err := j.output(stream.Delete); err != nil {
		return err
	}
	for k := range j.changes {
		j.changes[k].write(j.tables[k])
	}
	if err := j.output(stream.Insert); err != nil {
		return err
	}
	j.changes, j.segs = [2]rowChanges{}, nil
	j.report(0)
	return j.flush()
}

// segments finds the ranges of positions whose match changes.
func (j *asOfJoin) segments() error {
	c := &j.changes[1]
	j.segs = j.segs[:0]
	for i := range c.list {
		x := &c.list[i]
		v, key := storage.VNode(x.group), c.key(x)
		if n := len(j.segs); n > 0 && j.segs[n-1].v == v && bytes.Equal(j.segs[n-1].from, key) {
			continue // the old and the new row at one place
		}
		s := asOfSegment{v: v, head: int(x.head), from: key, to: prefixEnd(key[:x.head])}
		err := j.tables[1].ScanFrom(v, key[:x.head], append(bytes.Clone(key), 0), func(k, _ []byte) (bool, error) {
			s.to = bytes.Clone(k)
			return false, nil
		})
		if err != nil {
			return err
		}
		if n := len(j.segs); n > 0 && j.segs[n-1].v == v && (j.segs[n-1].to == nil || bytes.Compare(j.segs[n-1].to, key) > 0) {
			j.segs[n-1].to = key
		}
		j.segs = append(j.segs, s)
	}
	return nil
}

// output takes the matches of the touched left rows back, or gives them theirs,
// as the tables are now.
func (j *asOfJoin) output(op stream.Op) error {
	for i := range j.segs {
		s := &j.segs[i]
		right, err := j.match(s.v, s.from[:s.head], append(bytes.Clone(s.from), 0))
		if err != nil {
			return err
		}
		if right == nil && !j.outer {
			continue
		}
		err = j.tables[0].ScanFrom(s.v, s.from[:s.head], s.from, func(key, row []byte) (bool, error) {
			if s.to != nil && bytes.Compare(key, s.to) >= 0 {
				return false, nil
			}
			return true, j.emit(op, row, right)
		})
		if err != nil {
			return err
		}
	}
	c := &j.changes[0]
	for i := range c.list {
		x := &c.list[i]
		v, key := storage.VNode(x.group), c.key(x)
		if x.op != op || j.inSegment(v, key) {
			continue
		}
		right, err := j.match(v, key[:x.head], key)
		if err == nil && (right != nil || j.outer) {
			err = j.emit(op, c.row(x), right)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// match is the last right row of the join key below a position; nil: none.
func (j *asOfJoin) match(v storage.VNode, head, below []byte) ([]byte, error) {
	_, row, err := j.tables[1].Last(v, head, below)
	return bytes.Clone(row), err
}

// inSegment reports whether a left row is among those of the segments.
func (j *asOfJoin) inSegment(v storage.VNode, key []byte) bool {
	n := sort.Search(len(j.segs), func(i int) bool {
		s := &j.segs[i]
		return s.v > v || s.v == v && bytes.Compare(s.from, key) > 0
	})
	if n == 0 {
		return false
	}
	s := &j.segs[n-1]
	return s.v == v && (s.to == nil || bytes.Compare(key, s.to) < 0)
}
