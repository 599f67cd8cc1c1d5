package storage

import (
	"bytes"

	"github.com/cockroachdb/pebble/v2"
)

func (t *stateTable) Last(v VNode, prefix, below []byte) (key, value []byte, err error) {
	t.prune()
	lower, upper := AppendKey(nil, t.def.ID, v, prefix), AppendKey(nil, t.def.ID, v, below)
	if bytes.Compare(lower, upper) >= 0 {
		return nil, nil, nil
	}
	own := t.cursors(lower, upper)
	if t.empty == isEmpty {
		key, value, err = mergeLast(own, nil)
	} else {
		if t.ranges == nil {
			if t.ranges, err = t.newIter(); err != nil {
				return nil, nil, err
			}
		}
		t.ranges.SetBounds(lower, upper)
		key, value, err = mergeLast(own, t.ranges)
		if readErr := t.ranges.Error(); readErr != nil {
			return nil, nil, t.failed(readErr)
		}
	}
	if err != nil || key == nil {
		return nil, nil, err
	}
	if value == nil {
		value = []byte{}
	}
	return key[keyHead:], value, nil
}

// mergeLast is the last row that mergeScan would give.
func mergeLast(own []cursor, it *pebble.Iterator) (key, value []byte, err error) {
	valid := it != nil && it.Last()
	for {
		newest := -1
		for i := range own {
			if n := len(own[i].run); n > 0 {
				if k := own[i].run[n-1].key(own[i].arena); newest < 0 || bytes.Compare(k, key) > 0 {
					newest, key = i, k
				}
			}
		}
		order := 1 // of the committed key against the own one
		if valid && newest >= 0 {
			order = bytes.Compare(it.Key(), key)
		}
		switch {
		case valid && order > 0:
			value, err = it.ValueAndErr()
			return it.Key(), value, err
		case newest < 0:
			return nil, nil, nil
		case valid && order == 0:
			valid = it.Prev() // overwritten
		}
		c := &own[newest]
		value = c.run[len(c.run)-1].value(c.arena)
		for i := range own {
			if run := own[i].run; len(run) > 0 && bytes.Equal(run[len(run)-1].key(own[i].arena), key) {
				own[i].run = run[:len(run)-1]
			}
		}
		if value != nil {
			return key, value, nil
		}
	}
}
