package op

import (
	"slices"

	"streamdb/expr"
	"streamdb/expr/aggs"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/vec"
)

// ShareDistinct sets AggCall.Shares: of the DISTINCT calls over the same arguments
// the first one keeps the values, for all of them, whatever their filters.
// appendOnly is that of the HashAgg.
func ShareDistinct(calls []AggCall, appendOnly bool) {
	filters := make([][]int, len(calls)) // of those that keep values
	for i := range calls {
		if !calls[i].keepsSet(appendOnly) {
			continue
		}
		filter := calls[i].Filter
		k := slices.IndexFunc(calls[:i], func(c AggCall) bool {
			return c.Shares == 0 && c.keepsSet(appendOnly) && slices.Equal(c.Args, calls[i].Args)
		})
		if k >= 0 && (slices.Contains(filters[k], filter) || len(filters[k]) < maxUses) {
			calls[i].Shares = k + 1
		} else {
			k = i
		}
		if !slices.Contains(filters[k], filter) {
			filters[k] = append(filters[k], filter)
		}
	}
}

// keepsSet reports whether a distinctAgg computes the call.
func (c *AggCall) keepsSet(appendOnly bool) bool {
	def, ok := aggs.ByKey(c.Def)
	return ok && c.Distinct && def.Extreme == 0 && c.isPlain(def, appendOnly)
}

// distinctFollower is an aggregate over the values that the distinctAgg of
// another call keeps: that one gives it the rows that make a value come or go.
// It has no values of its own.
type distinctFollower struct{ plain *plainAgg }

func newDistinctFollower(leader *distinctAgg, plain *plainAgg, filter int) *distinctFollower {
	leader.serve(filter, plain)
	return &distinctFollower{plain}
}

func (d *distinctFollower) grow(groups int) { d.plain.grow(groups) }

func (d *distinctFollower) load(id int32, src []byte) ([]byte, error) { return d.plain.load(id, src) }

// update does nothing: the leader has done it.
func (d *distinctFollower) update([]int32, []vec.Vec, []stream.Op, []int32, int) error { return nil }

func (d *distinctFollower) result(ctx *expr.Ctx, ids []int32, out *vec.Builder) error {
	return d.plain.result(ctx, ids, out)
}

func (d *distinctFollower) reset(id int32) { d.plain.reset(id) }

func (d *distinctFollower) encode(id int32, dst []byte) []byte { return d.plain.encode(id, dst) }

func (d *distinctFollower) flush() error { return nil }

func (d *distinctFollower) drop([]storage.VNode, [][]byte) error { return nil }

func (d *distinctFollower) evict(func(int32) bool) {}

func (d *distinctFollower) pack(ids []int32) error { return d.plain.pack(ids) }

func (d *distinctFollower) bytes() int64 { return d.plain.bytes() }
