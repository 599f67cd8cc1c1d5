package op

import (
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/vec"
)

// A join needs the rows of the other side that have the key of a row which comes or
// goes. Those of the row's own side it mostly does not need: where each has a row key,
// and nothing is output for them when the other side changes, a change can be written
// to the state table without knowing what is there. So of a large table that is joined
// with a small one that rarely changes only the small one is in memory, when it is
// short; and a change of a key that has left reads the few rows of the other side, not
// the many of its own.
//
// The rows of a key's side are in memory as a whole, or away. If they are away the
// side's joinRows hold what this epoch has changed: rows of weight 1 and -1, which
// leave with the barrier. They become whole when the other side looks for them.

// mayStayAside reports whether rows of a side may change while those of their key are
// away: no weights need to be summed up, neither of equal rows (there are none) nor of
// those of a key (for rows of the other side that wait for a first match), and no
// clean-up by time has to find them in memory.
func (j *hashJoin) mayStayAside(side int) bool {
	d, o := &j.sides[side], &j.sides[1-side]
	silent := !o.outer && (side == 0 || j.pairs) || !o.stored
	return silent && len(d.rowAt) > 0 && !j.paired() && !j.windowed && !j.interval && !j.ctx.Bounded
}

// paired: rows know how many matches they have, which is found out when both sides of
// a key come into memory together.
func (j *hashJoin) paired() bool { return j.counts(0) || j.counts(1) }

func (d *joinSide) isAway(id int32) bool {
	return int(id>>6) < len(d.away) && d.away[id>>6]>>(id&63)&1 != 0
}

func (d *joinSide) setAway(id int32) {
	for len(d.away) <= int(id>>6) {
		d.away = append(d.away, 0)
	}
	d.away[id>>6] |= 1 << (id & 63)
}

func (d *joinSide) setHere(id int32) {
	if int(id>>6) < len(d.away) {
		d.away[id>>6] &^= 1 << (id & 63)
	}
}

// empty reports whether a key has no rows on the side.
func (d *joinSide) empty(id int32) bool { return d.heads[id] < 0 && !d.isAway(id) }

// place notes where the rows of new keys are.
func (j *hashJoin) place(d *joinSide, fresh []int32) {
	for _, id := range fresh {
		if !j.complete && d.table != nil && d.gone.mayHold(j.keys.Tag(id)) {
			d.setAway(id)
		} else {
			d.setHere(id)
		}
	}
}

// fetch brings into memory what the rows of a batch, with the key columns key, need:
// the other side's rows of their keys, and those of their own side unless these may
// stay aside.
func (j *hashJoin) fetch(in int, key []vec.Vec) error {
	type want struct{ ids, rows []int32 }
	var wants [2]want
	var brought []int32
	for i, id := range j.ids {
		if id < 0 {
			continue
		}
		some := false
		for k := range j.sides {
			d := &j.sides[k]
			if !d.isAway(id) || d.table == nil || k == in && d.aside {
				continue
			}
			d.setHere(id)
			wants[k].ids, wants[k].rows = append(wants[k].ids, id), append(wants[k].rows, int32(i))
			some = true
		}
		if some {
			brought = append(brought, id)
		}
	}
	if len(brought) == 0 {
		return nil
	}
	j.cache.stat.Misses.Add(int64(len(brought)))
	for k := range j.sides {
		if len(wants[k].ids) > 0 {
			if err := j.load(&j.sides[k], key, wants[k].ids, wants[k].rows); err != nil {
				return err
			}
		}
	}
	return j.loadDegrees(brought)
}

// meet puts a stored row together with what this epoch has changed of it while it was
// away, if it has; it reports whether it has.
func (j *hashJoin) meet(d *joinSide, cols []vec.Vec, i int, id int32, tag uint32, weight int32) bool {
	slot := d.rows.find(tag, id, cols, i)
	if slot < 0 {
		return false
	}
	d.rows.flags[slot] |= rowStored
	if d.rows.count[slot] += weight; d.rows.count[slot] == 0 {
		j.key = d.stateKey(j, j.key[:0], cols, i)
		d.table.Delete(j.vnodes[id], j.key)
		j.unlink(d, slot)
	}
	return true
}

// writeAside hands over what has changed of rows that are away, and forgets it: the
// key has rows in the table then, if it had none before. What goes is written before
// what comes, which may have its row key.
func (j *hashJoin) writeAside(d *joinSide, changes []int32) error {
	var comes, goes []int32
	for _, s := range changes {
		switch w := d.rows.weight(s); w {
		case 1:
			comes = append(comes, s)
		case -1:
			goes = append(goes, s)
		default:
			return sqlerr.New(sqlerr.InternalError, "a row of a join changed by %d in an epoch", w)
		}
	}
	for len(goes) > 0 {
		slots := goes[:d.rows.batch(goes)]
		goes = goes[len(slots):]
		kept, places := d.gatherAll(slots), d.places(j, slots)
		d.table.PutLater(len(slots), func(to storage.LateWriter) {
			var key []byte
			for i, v := range places {
				key = d.stateKey(j, key[:0], kept, i)
				to.Delete(v, key)
			}
		})
	}
	for len(comes) > 0 {
		slots := comes[:d.rows.batch(comes)]
		comes = comes[len(slots):]
		if err := j.storeLater(d, slots); err != nil {
			return err
		}
	}
	for _, s := range changes {
		id := d.rows.key[s]
		d.gone.evict(j.keys.Tag(id)) // it may have left as one without rows
		d.rows.remove(s)
		d.heads[id], d.sums[id] = -1, 0
	}
	return nil
}

// places are the vnodes of rows.
func (d *joinSide) places(j *hashJoin, slots []int32) []storage.VNode {
	out := make([]storage.VNode, len(slots))
	for i, s := range slots {
		out[i] = j.vnodes[d.rows.key[s]]
	}
	return out
}
