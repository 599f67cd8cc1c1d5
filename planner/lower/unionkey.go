package lower

import (
	"streamdb/expr"
	"streamdb/planner/logical"
	"streamdb/types"
)

// slot is a key column of a union: from maps a branch to the key column that
// fills it there; branches without one have NULL.
type slot struct {
	id   logical.ColID
	t    types.T
	from map[int]logical.ColID
}

// keySlots lays the key columns of the branches out: each takes the first slot
// of its type that its branch has not used.
func (l *lowerer) keySlots(ins []*rel) []slot {
	var slots []slot
	for b, in := range ins {
	next:
		for _, id := range in.key {
			t := l.meta.Cols[id].Type
			for i := range slots {
				if _, used := slots[i].from[b]; !used && slots[i].t.SameKind(t) {
					slots[i].from[b] = id
					continue next
				}
			}
			slots = append(slots, slot{t: t, from: map[int]logical.ColID{b: id}})
		}
	}
	return slots
}

// branchKey computes the key columns of branch b.
func (l *lowerer) branchKey(tag logical.ColID, slots []slot, b int, in *rel) []logical.Item {
	items := []logical.Item{{Col: tag, E: &expr.Const{Value: types.IntDatum(int64(b)), T: types.Of(types.Int4)}}}
	for _, s := range slots {
		var e expr.Expr = expr.Null(s.t)
		if id, ok := s.from[b]; ok {
			e = l.meta.Ref(id)
		}
		items = append(items, logical.Item{Col: s.id, E: e})
	}
	return items
}
