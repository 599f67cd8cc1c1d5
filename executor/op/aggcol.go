package op

import (
	"streamdb/expr"
	"streamdb/expr/aggs"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// aggColumn is one aggregate of a running HashAgg: what HashAgg does with each
// of its calls. Plain aggregates have only an aggs.State; distinct ones drop
// repeated rows first; ordered ones keep all values.
type aggColumn interface {
	grow(groups int)
	// load takes the state of a group that has just been read, before any update of
	// it, and returns what follows the state in src.
	load(id int32, src []byte) (rest []byte, err error)
	update(groups []int32, cols []vec.Vec, weights []stream.Op, sel []int32, n int) error
	result(ctx *expr.Ctx, ids []int32, out *vec.Builder) error
	reset(id int32)
	encode(id int32, dst []byte) []byte
	// flush writes the changed values of the epoch to the multiset table.
	flush() error
	// drop deletes all stored values of groups that are dropped as a whole, by their state keys.
	drop(vnodes []storage.VNode, keys [][]byte) error
	// evict forgets the values of groups that leave memory.
	evict(gone func(id int32) bool)
	// pack renumbers the groups: those of ids are now 0, 1, 2 .., and memory for others
	// is given back.
	pack(ids []int32) error
	bytes() int64
}

// valueColumn is an aggColumn that keeps values of its groups, which memory can do
// without as long as the groups are there.
type valueColumn interface {
	aggColumn
	// valueBytes is the part of bytes that is for values, and how much of it is for
	// values to come.
	valueBytes() (total, spare int64)
	// trim takes values out of memory, about want bytes of the used ones of the operator,
	// as far as there are any that level allows: 0, those that are needed least, to 2. It
	// returns how many bytes became spare.
	trim(level int, want, used int64) int64
}

// plainAgg is an aggregate whose state is a few numbers per group.
type plainAgg struct {
	make    func() aggs.State
	state   aggs.State
	args    []int
	merge   bool
	buf     []vec.Vec
	partial []types.T  // columns of the partial form; nil: there is none, or it cannot take back
	stored  aggs.State // see lazyColumn; nil until needed
}

func (p *plainAgg) grow(groups int) { p.state.Grow(groups) }

func (p *plainAgg) load(id int32, src []byte) ([]byte, error) { return p.state.Decode(id, src) }

func (p *plainAgg) update(groups []int32, cols []vec.Vec, weights []stream.Op, sel []int32, n int) error {
	p.buf = pick(p.buf, cols, p.args)
	if p.merge {
		return p.state.Merge(groups, p.buf, weights, sel, n)
	}
	return p.state.Update(groups, p.buf, weights, sel, n)
}

func (p *plainAgg) result(ctx *expr.Ctx, ids []int32, out *vec.Builder) error {
	return p.state.Result(ctx, ids, out)
}

func (p *plainAgg) reset(id int32) { p.state.Reset(id) }

func (p *plainAgg) encode(id int32, dst []byte) []byte { return p.state.Encode(id, dst) }

func (p *plainAgg) flush() error { return nil }

func (p *plainAgg) drop([]storage.VNode, [][]byte) error { return nil }

func (p *plainAgg) evict(func(int32) bool) {}

func (p *plainAgg) pack(ids []int32) error {
	old := p.state
	p.state = p.make()
	p.state.Grow(len(ids))
	if p.partial == nil {
		return p.copy(old, ids)
	}
	to := make([]int32, min(len(ids), stream.BatchRows))
	for from := 0; from < len(ids); from += len(to) {
		part := ids[from:min(from+len(to), len(ids))]
		for k := range part {
			to[k] = int32(from + k)
		}
		if err := p.move(old, part, to); err != nil {
			return err
		}
	}
	return nil
}

// copy is pack for states without a partial form.
func (p *plainAgg) copy(old aggs.State, ids []int32) error {
	var buf []byte
	for k, id := range ids {
		buf = old.Encode(id, buf[:0])
		if _, err := p.state.Decode(int32(k), buf); err != nil {
			return err
		}
	}
	return nil
}

func (p *plainAgg) bytes() int64 { return p.state.Bytes() }

// pick collects columns by position.
func pick(dst []vec.Vec, cols []vec.Vec, at []int) []vec.Vec {
	dst = dst[:0]
	for _, c := range at {
		dst = append(dst, cols[c])
	}
	return dst
}

// filterRows is the rows of a FILTER column that are TRUE.
func filterRows(c *vec.Vec, n int, buf []int32) []int32 {
	if c.Const || c.HasNulls() {
		buf, m := buf[:0], c.Mask()
		for i := range n {
			if c.Bool[i&m] && !c.Null(i) {
				buf = append(buf, int32(i))
			}
		}
		return buf
	}
	if cap(buf) < n {
		buf = make([]int32, max(n, stream.BatchRows))
	}
	buf = buf[:n]
	k := 0
	for i, is := range c.Bool[:n] { // each row is written, and the next one over it if it is not TRUE
		buf[k] = int32(i)
		add := 0
		if is {
			add = 1
		}
		k += add
	}
	return buf[:k]
}

// equalRows reports whether row i of a and row j of b hold the same bytes; NULL
// equals NULL. It says whether an update changed anything.
func equalRows(a *vec.Vec, i int, b *vec.Vec, j int) bool {
	an, bn := a.Null(i), b.Null(j)
	if an || bn {
		return an && bn
	}
	i, j = i&a.Mask(), j&b.Mask()
	switch a.Layout {
	case types.LBool:
		return a.Bool[i] == b.Bool[j]
	case types.LInt64:
		return a.I64[i] == b.I64[j]
	case types.LFloat64:
		return a.F64[i] == b.F64[j] || a.F64[i] != a.F64[i] && b.F64[j] != b.F64[j]
	}
	return string(a.Data[a.Off[i]:a.Off[i+1]]) == string(b.Data[b.Off[j]:b.Off[j+1]])
}
