package op

import (
	"encoding/binary"

	"streamdb/internal/sqlerr"
	"streamdb/storage"
)

// extremeCache is how many values of a group min and max keep in memory as a rule:
// up to twice as many, then those beyond it leave. extremeLeast is how many are read
// of a group that comes back to memory; each time that they run out twice as many are.
// Variables for tests.
var (
	extremeCache = int32(256)
	extremeLeast = int32(16)
)

// bring reads the values of those of the groups that are absent.
func (o *orderedAgg) bring(ids []int32) error {
	wanted := o.wanted[:0]
	for _, id := range ids {
		if g := &o.groups[id]; g.absent {
			g.absent = false
			wanted = append(wanted, id)
		}
	}
	o.wanted = wanted
	if len(wanted) == 0 {
		return nil
	}
	o.sweep()
	return o.read(wanted, nil)
}

// read inserts values of groups from the table in one pass: those above the keys in
// above (nil: all), for min and max as many as amount says. What the epoch has
// changed beyond the values in memory is taken into account.
func (o *orderedAgg) read(ids []int32, above [][]byte) error {
	keys, vnodes := o.owner.stateKeys(ids), make([]storage.VNode, len(ids))
	room := make([]int32, len(ids))
	for k, id := range ids {
		g := &o.groups[id]
		g.cut = false
		vnodes[k], room[k] = o.owner.groups[id].vnode(), o.amount(g)
		if above != nil {
			above[k] = append(keys[k][:len(keys[k]):len(keys[k])], above[k]...)
		}
	}
	take := func(k int, key, value []byte) (bool, error) {
		g := &o.groups[ids[k]]
		if o.first && room[k] == 0 {
			g.cut = true
			return false, nil
		}
		count, n := binary.Varint(value)
		if n <= 0 {
			return false, sqlerr.New(sqlerr.DataCorrupted, "stored aggregate value is malformed")
		}
		key = key[len(keys[k]):]
		if at := o.farAt(ids[k], key); at >= 0 {
			count = o.far.counts[at]
		}
		if count <= 0 {
			return true, nil // taken back in this epoch
		}
		o.set.nodes[o.set.Insert(&g.root, key, value[n:], count)].stored = true
		g.live++
		room[k]--
		return true, nil
	}
	if o.owner.spec.AppendOnly { // what spill wrote counts
		return o.table.ScanPrefixes(vnodes, keys, take)
	}
	return o.table.ScanPrefixesSealed(vnodes, keys, above, take)
}

// amount is how many values of a group are read at once.
func (o *orderedAgg) amount(g *orderedGroup) int32 {
	return min(extremeLeast<<min(g.runs, 16), extremeCache)
}

// refill reads values of the groups that have none left in memory, and others in the
// table. Before the changes of the epoch are handed over.
func (o *orderedAgg) refill() error {
	refs := &o.owner.refs
	for _, d := range o.dirty {
		switch g := &o.groups[d.group]; {
		case !g.cut || g.live > 0:
		case o.owner.groups[d.group].rows() == 0: // the table will have nothing of it either
			g.cut = false
		default:
			refs.ref(d.group)
		}
	}
	ids := refs.ids
	if len(ids) == 0 {
		return nil
	}
	above := make([][]byte, len(ids))
	for k, id := range ids {
		g := &o.groups[id]
		above[k] = o.set.Key(o.set.Max(g.root))
		g.runs = min(g.runs+1, 16)
	}
	if err := o.read(ids, above); err != nil {
		return err
	}
	o.takeFar()
	refs.reset()
	return nil
}
