package storage

import (
	"bytes"
	"sort"

	"github.com/cockroachdb/pebble/v2"
)

// cursor walks one sorted run of a delta.
type cursor struct {
	arena arena
	run   []entry // what is left, up to the end of the range
}

// between narrows a run to the keys in [lower, upper).
func between(run []entry, in arena, lower, upper []byte) []entry {
	from := sort.Search(len(run), func(i int) bool { return bytes.Compare(run[i].key(in), lower) >= 0 })
	run = run[from:]
	to := sort.Search(len(run), func(i int) bool { return bytes.Compare(run[i].key(in), upper) >= 0 })
	return run[:to]
}

// cursors collects the own changes in [lower, upper), the newest first. They
// stay as they are when fn writes to the table: arenas and entries are only appended to.
func (t *stateTable) cursors(lower, upper []byte) []cursor {
	return append(t.cur.cursors(lower, upper, nil), t.sealedCursors(lower, upper)...)
}

// sealedCursors is cursors of earlier epochs.
func (t *stateTable) sealedCursors(lower, upper []byte) (out []cursor) {
	for i := len(t.sealed) - 1; i >= 0; i-- {
		out = t.sealed[i].cursors(lower, upper, out)
	}
	return out
}

// cursors appends the delta's changes in [lower, upper), the newest first.
func (d *Delta) cursors(lower, upper []byte, out []cursor) []cursor {
	d.settle()
	if len(d.entries) == 0 {
		return out
	}
	runs := d.prepareRuns()
	for i := len(runs) - 1; i >= 0; i-- {
		if run := between(runs[i], d.arena, lower, upper); len(run) > 0 {
			out = append(out, cursor{d.arena, run})
		}
	}
	return out
}

func (t *stateTable) Scan(v VNode, prefix []byte, fn func(key, value []byte) (bool, error)) error {
	lower := AppendKey(nil, t.def.ID, v, prefix)
	return t.scan(lower, prefixEnd(lower), func(full, value []byte) (bool, error) { return fn(full[keyHead:], value) })
}

func (t *stateTable) ScanFrom(v VNode, prefix, from []byte, fn func(key, value []byte) (bool, error)) error {
	upper := prefixEnd(AppendKey(nil, t.def.ID, v, prefix))
	return t.scan(AppendKey(nil, t.def.ID, v, from), upper, func(full, value []byte) (bool, error) { return fn(full[keyHead:], value) })
}

func (t *stateTable) ScanAll(fn func(v VNode, key, value []byte) (bool, error)) error {
	lower, upper := vnodeBounds(t.def.ID, t.set)
	return t.scan(lower, upper, func(full, value []byte) (bool, error) { return fn(full[4], full[keyHead:], value) })
}

// scan merges own changes with committed rows. fn may read and write the table.
func (t *stateTable) scan(lower, upper []byte, fn func(full, value []byte) (bool, error)) error {
	t.prune()
	own := t.cursors(lower, upper)
	if t.empty == isEmpty {
		return mergeScan(own, nil, fn)
	}
	// While fn runs the iterator is this scan's own: fn may start another scan.
	it, gen := t.ranges, t.gen
	t.ranges = nil
	if it == nil {
		var err error
		if it, err = t.newIter(); err != nil {
			return err
		}
	}
	it.SetBounds(lower, upper)
	err := mergeScan(own, it, fn)
	if readErr := it.Error(); readErr != nil {
		it.Close()
		return t.failed(readErr)
	}
	if t.ranges == nil && t.gen == gen {
		t.ranges = it
	} else {
		it.Close()
	}
	return err
}

// mergeScan calls fn for each key of the cursors (the newest first) and of the
// iterator (nil: none), in order; the newest change of a key counts. The caller
// looks for the iterator's own error.
func mergeScan(own []cursor, it *pebble.Iterator, fn func(full, value []byte) (bool, error)) error {
	valid := it != nil && it.First()
	return mergeFrom(own, it, &valid, nil, fn)
}

// mergeFrom is mergeScan from where the iterator is on, if it is there, for the
// keys below upper (nil: all).
func mergeFrom(own []cursor, it *pebble.Iterator, there *bool, upper []byte, fn func(full, value []byte) (bool, error)) error {
	for {
		valid := *there && (upper == nil || bytes.Compare(it.Key(), upper) < 0)
		var key []byte
		newest := -1
		for i := range own {
			if len(own[i].run) == 0 {
				continue
			}
			if k := own[i].run[0].key(own[i].arena); newest < 0 || bytes.Compare(k, key) < 0 {
				newest, key = i, k
			}
		}
		order := -1 // of the committed key against the own one
		if valid && newest >= 0 {
			order = bytes.Compare(it.Key(), key)
		}
		switch {
		case valid && order < 0:
			value, err := it.ValueAndErr()
			if err != nil {
				return err
			}
			if more, err := fn(it.Key(), value); err != nil || !more {
				return err
			}
			*there = it.Next()
			continue
		case newest < 0:
			return nil
		case valid && order == 0:
			*there = it.Next() // overwritten
		}
		c := &own[newest]
		value := c.run[0].value(c.arena)
		for i := range own {
			if run := own[i].run; len(run) > 0 && bytes.Equal(run[0].key(own[i].arena), key) {
				own[i].run = run[1:]
			}
		}
		if value == nil {
			continue
		}
		if more, err := fn(key, value); err != nil || !more {
			return err
		}
	}
}
