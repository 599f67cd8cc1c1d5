package op

import (
	"bytes"
	"math"

	"streamdb/storage"
	"streamdb/types"
)

// closedGroups reads a table whose keys begin with a group, one key of a group
// each: gone is called, after the reading, for the groups whose column at is at or
// below a mark; groups is their types. low is the least that stays, less one;
// MaxInt64: none. Groups with NULL there stay.
func closedGroups(table storage.StateTable, owned storage.VNodeSet, groups []types.T, at int, mark int64,
	gone func(v storage.VNode, prefix []byte) error) (low int64, err error) {
	type group struct {
		vnode storage.VNode
		key   []byte
	}
	var closed []group
	low = math.MaxInt64
	for v := owned.From; v < owned.To; v++ {
		var next []byte // the first key of the group after the one just looked at
		for more := true; more && err == nil; {
			more = false
			err = table.ScanFrom(storage.VNode(v), nil, next, func(key, _ []byte) (bool, error) {
				prefix, time, err := closedGroup(key, groups, at)
				if err != nil {
					return false, err
				}
				switch {
				case time.Null:
				case time.I > mark:
					low = min(low, time.I-1)
				default:
					closed = append(closed, group{storage.VNode(v), bytes.Clone(prefix)})
				}
				next, more = append(bytes.Clone(prefix), 0xff), true
				return false, nil
			})
		}
		if err != nil {
			return low, err
		}
	}
	for _, g := range closed {
		if err := gone(g.vnode, g.key); err != nil {
			return low, err
		}
	}
	return low, nil
}

// closedGroup reads the group of a state key, and its time.
func closedGroup(key []byte, groups []types.T, at int) (prefix []byte, time types.Datum, err error) {
	rest := key
	for j, typ := range groups {
		var d types.Datum
		if d, rest, err = types.DecodeKey(typ, rest); err != nil {
			return nil, time, err
		}
		if j == at {
			time = d
		}
	}
	return key[:len(key)-len(rest)], time, nil
}
