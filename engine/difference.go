package engine

import (
	"slices"
	"strings"

	"github.com/zeebo/xxh3"

	"streamdb/executor"
	"streamdb/executor/op"
	"streamdb/stream"
	"streamdb/types"
)

// rowSource gives the rows of one side of a comparison, in any order and each
// time the same ones.
type rowSource func(sink func(*stream.Batch) error) error

// difference compares two multisets of rows that may be larger than memory.
//
// The first pass keeps, for each of 4096 groups of rows by their hash, how many
// more rows the left side has, and the sum of the rows' 128-bit hashes: equal
// sides leave all zeros, whatever the order, in 96 kB. Only if something is left
// are both sides read again, and the rows of the groups that are not zero are
// counted one by one. Rows are compared as SQL compares them, NULLs as equal: of
// two equal values (1.0 and 1.00) either stands for both.
type difference struct {
	types       []types.T // of the columns
	left, right rowSource
	memory      *executor.Accountant
	most        int // so many rows are returned; the others are only counted
	// early: the right side may have rows that the left one does not have yet; they
	// are counted in waiting.
	early   bool
	waiting int64
}

// differing is a row that one side has more often than the other: count times
// more on the left, or, below zero, on the right.
type differing struct {
	count int64
	row   []types.Datum
	key   string
}

const differenceGroups = 1 << 12

// run returns the rows that differ, ordered by their columns, and how many more
// there are beyond most.
func (d *difference) run() (rows []differing, more int, err error) {
	var sums [differenceGroups]struct {
		n      int64
		hi, lo uint64
	}
	err = d.each(func(key []byte, h xxh3.Uint128, sign int64, _ *stream.Batch, _ int) error {
		s := &sums[h.Lo%differenceGroups]
		s.n += sign
		s.hi += uint64(sign) * h.Hi
		s.lo += uint64(sign) * h.Lo
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	equal := true
	for i := range sums {
		equal = equal && sums[i].n == 0 && sums[i].hi == 0 && sums[i].lo == 0
	}
	if equal {
		return nil, 0, nil
	}
	found := map[string]*differing{}
	err = d.each(func(key []byte, h xxh3.Uint128, sign int64, b *stream.Batch, i int) error {
		if s := &sums[h.Lo%differenceGroups]; s.n == 0 && s.hi == 0 && s.lo == 0 {
			return nil
		}
		x := found[string(key)]
		if x == nil {
			if err := d.memory.Grow(2*len(key) + 128); err != nil {
				return err
			}
			x = &differing{key: string(key), row: make([]types.Datum, len(d.types))}
			for c := range x.row {
				x.row[c] = b.Cols()[c].Datum(i)
			}
			found[x.key] = x
		}
		if x.count += sign; x.count == 0 {
			delete(found, x.key)
			d.memory.Add(-2*len(key) - 128)
		}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	for _, x := range found {
		if d.early && x.count < 0 {
			d.waiting -= x.count
			continue
		}
		rows = append(rows, *x)
	}
	slices.SortFunc(rows, func(a, b differing) int { return strings.Compare(a.key, b.key) })
	more = max(0, len(rows)-d.most)
	return rows[:len(rows)-more], more, nil
}

// each calls fn for the rows of the left side with sign 1, then for those of the
// right side with -1. key is what SQL's equality sees of the row.
func (d *difference) each(fn func(key []byte, h xxh3.Uint128, sign int64, b *stream.Batch, i int) error) error {
	var key []byte
	table := op.RowTable{} // its key is the whole row
	for c, t := range d.types {
		table.Cols = append(table.Cols, types.Column{Type: t})
		table.Key = append(table.Key, op.SortKey{Col: c})
	}
	side := func(src rowSource, sign int64) error {
		return src(func(b *stream.Batch) error {
			cols := b.Cols()
			for i := range b.Rows() {
				key = table.EncodeKey(key[:0], cols, i)
				s := sign
				if b.Op(i) == stream.Delete {
					s = -sign
				}
				if err := fn(key, xxh3.Hash128(key), s, b, i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := side(d.left, 1); err != nil {
		return err
	}
	return side(d.right, -1)
}
