package lower

import (
	"math"
	"slices"

	"streamdb/executor/op"
	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/planner/logical"
	"streamdb/types"
)

func (l *lowerer) filter(n *logical.Filter, need logical.Set) (*rel, error) {
	if top := windowOffset(n, need); top != nil {
		return l.lower(top, need)
	}
	wanted := need
	need = need.Union(logical.Cols(n.Conds...))
	var r *rel
	var err error
	if s, ok := n.In.(*logical.Scan); ok && !l.job {
		r, err = l.readBy(s, n.Conds, need)
	} else {
		r, err = l.lower(n.In, need)
	}
	if err != nil {
		return nil, err
	}
	if !l.job {
		if s, ok := r.spec.(*op.TableScan); ok && len(s.Point) == 0 && s.Where == nil && !l.opt.Access.Above {
			return l.scanUnder(r, s, n.Conds, wanted), nil
		}
		return l.calc(r, expr.AndOf(n.Conds), nil), nil
	}
	plain, timed := splitNow(n.Conds)
	if len(plain) > 0 {
		r = l.calc(r, expr.AndOf(plain), nil)
	}
	if len(timed) > 0 {
		return l.followTime(r, timed, wanted)
	}
	return r, nil
}

// scanUnder is a scan that looks at the conditions itself: it gives wanted alone.
func (l *lowerer) scanUnder(r *rel, s *op.TableScan, conds []expr.Expr, wanted logical.Set) *rel {
	out, under := *r, *s
	var extra []int
	given := &rel{}
	under.Cols = []int{}
	for i, id := range r.cols {
		if wanted.Has(id) {
			given.cols, under.Cols = append(given.cols, id), append(under.Cols, s.Cols[i])
		} else {
			extra = append(extra, i)
		}
	}
	read := &rel{cols: slices.Clone(given.cols)}
	for _, i := range extra {
		read.cols, under.Cols = append(read.cols, r.cols[i]), append(under.Cols, s.Cols[i])
	}
	under.Where, under.Extra, under.Out = read.expr(expr.AndOf(conds)), len(extra), l.schema(given.cols)
	out.spec, out.cols = &under, given.cols
	return &out
}

// point finds conditions that give the leading key columns of a table, all of
// its distribution columns among them, constant values.
func (l *lowerer) point(n *logical.Scan, conds []expr.Expr) []expr.Expr {
	tab := n.Obj.Rows
	var out []expr.Expr
	var covered []int
	for _, k := range tab.Key {
		p := slices.Index(n.Idx, k.Col)
		if p < 0 {
			break
		}
		v := equalTo(n.Cols[p], l.meta.Cols[n.Cols[p]].Type, conds)
		if v == nil {
			break
		}
		out, covered = append(out, v), append(covered, k.Col)
	}
	for _, d := range tab.Dist {
		if !slices.Contains(covered, d) {
			return nil
		}
	}
	return out
}

// equalTo finds the value that conditions of the form col = value demand, if it
// has the column's type.
func equalTo(col logical.ColID, t types.T, conds []expr.Expr) expr.Expr {
	for _, c := range conds {
		call, ok := c.(*expr.Call)
		if !ok || call.Def.Name != "=" || len(call.Args) != 2 {
			continue
		}
		for i, a := range call.Args {
			v := call.Args[1-i]
			x, ok := a.(*expr.Col)
			if !ok || x.Index != col || !logical.Cols(v).Empty() || expr.VolatilityOf(v) == expr.VolatileFn {
				continue
			}
			if v.Type().SameKind(t) || v.Type().IsInteger() && t.IsInteger() {
				return v
			}
		}
	}
	return nil
}

func (l *lowerer) project(n *logical.Project, need logical.Set) (*rel, error) {
	var below logical.Set
	for _, it := range n.Items {
		if need.Has(it.Col) {
			below.AddSet(logical.Cols(it.E))
			if err := l.noNow("the select list or a grouping", it.E); err != nil {
				return nil, err
			}
		}
	}
	r, err := l.lower(n.In, below)
	if err != nil {
		return nil, err
	}
	return l.projectOver(n, r, need), nil
}

// projectOver is project over lowered rows.
func (l *lowerer) projectOver(n *logical.Project, r *rel, need logical.Set) *rel {
	var items []logical.Item
	for _, it := range n.Items {
		if need.Has(it.Col) {
			items = append(items, it)
		}
	}
	if l.job {
		for _, k := range r.key {
			if !slices.ContainsFunc(items, func(it logical.Item) bool { return it.Col == k }) {
				items = append(items, logical.Item{Col: k, E: l.meta.Ref(k)})
			}
		}
	}
	if samePass(items, r.cols) {
		return r
	}
	return l.calc(r, nil, items)
}

// samePass reports whether the items pass on exactly the columns there are.
func samePass(items []logical.Item, cols []logical.ColID) bool {
	if len(items) != len(cols) {
		return false
	}
	for i, it := range items {
		c, ok := it.E.(*expr.Col)
		if !ok || c.Index != it.Col || it.Col != cols[i] {
			return false
		}
	}
	return true
}

func (l *lowerer) sort(n *logical.Sort, need logical.Set) (*rel, error) {
	if l.job { // a view has no order
		return l.lower(n.In, need)
	}
	for _, k := range n.Keys {
		need = union(need, k.Col)
	}
	r, err := l.lower(n.In, need)
	if err != nil {
		return nil, err
	}
	out := *r
	out.spec = &op.Sort{In: r.spec, Keys: l.sortKeys(r, n.Keys)}
	return &out, nil
}

// limits evaluates LIMIT and OFFSET; no limit is -1.
func (l *lowerer) limits(n *logical.Limit) (limit, offset int64, err error) {
	limit = -1
	if err := l.noNow("LIMIT or OFFSET", n.Limit, n.Offset); err != nil {
		return 0, 0, err
	}
	if n.Limit != nil {
		d, err := l.constant(n.Limit)
		if err != nil {
			return 0, 0, err
		}
		if !d.Null {
			if limit = d.I; limit < 0 {
				return 0, 0, sqlerr.New(sqlerr.InvalidRowCountInLimit, "LIMIT must not be negative")
			}
		}
	}
	if n.Offset != nil {
		d, err := l.constant(n.Offset)
		if err != nil {
			return 0, 0, err
		}
		if !d.Null {
			if offset = d.I; offset < 0 {
				return 0, 0, sqlerr.New(sqlerr.InvalidRowCountInOffset, "OFFSET must not be negative")
			}
		}
	}
	return limit, offset, nil
}

// topRows is up to how many rows ORDER BY .. LIMIT of a SELECT keeps a heap
// rather than sorting all of its input.
const topRows = 10_000

func (l *lowerer) limit(n *logical.Limit, need logical.Set) (*rel, error) {
	limit, offset, err := l.limits(n)
	if err != nil {
		return nil, err
	}
	for _, k := range n.Keys {
		need = union(need, k.Col)
	}
	need = union(need, n.Group...)
	wish := l.wish
	if !l.job && len(n.Group) == 0 && !n.WithTies && len(n.Keys) > 0 && limit >= 0 && limit+offset <= topRows {
		l.wished(n, limit+offset)
	}
	r, err := l.lower(n.In, need)
	if l.wish = wish; err != nil {
		return nil, err
	}
	out := *r
	if !l.job && len(n.Group) == 0 && !n.WithTies {
		keys := l.sortKeys(r, n.Keys)
		if len(keys) > 0 && limit >= 0 && limit+offset <= topRows { // keep only the rows that may come out
			out.spec = &op.TopN{In: out.spec, Keys: keys, Limit: limit, Offset: offset, AppendOnly: true}
			out.spec = &op.Sort{In: out.spec, Keys: keys}
			return &out, nil
		}
		if len(keys) > 0 {
			out.spec = &op.Sort{In: out.spec, Keys: keys}
		}
		out.spec = &op.Limit{In: out.spec, Limit: limit, Offset: offset}
		return &out, nil
	}
	if l.job {
		r = l.narrow(r, need)
		if r, err = l.exchange(r, n.Group); err != nil {
			return nil, err
		}
		out = *r
	}
	if limit < 0 {
		limit = math.MaxInt64 / 4
	}
	top := &op.TopN{In: r.spec, Group: r.posAll(n.Group), Keys: l.sortKeys(r, n.Keys), Limit: limit, Offset: offset,
		WithTies: n.WithTies, Dense: n.Dense, AppendOnly: r.appendOnly, Rows: l.table("top")}
	if l.job {
		top.RowKey = r.posAll(r.key)
	}
	out.spec, out.appendOnly, out.final = top, false, false
	out.marks = l.closeRanks(top, n, r)
	if limit == 1 && !n.WithTies {
		out.key = slices.Clone(n.Group)
	}
	if !l.job && len(n.Keys) > 0 {
		out.spec = &op.Sort{In: top, Keys: top.Keys}
	}
	return &out, nil
}

func (l *lowerer) hop(n *logical.Hop, need logical.Set) (*rel, error) {
	r, err := l.lower(n.In, union(need, n.Time))
	if err != nil {
		return nil, err
	}
	return l.hopOver(n, r), nil
}

// hopOver is hop over rows that are there.
func (l *lowerer) hopOver(n *logical.Hop, r *rel) *rel {
	out := *r
	out.cols = append(slices.Clone(r.cols), n.Start, n.End)
	out.spec = &op.Hop{In: r.spec, Time: r.pos(n.Time), Slide: n.Slide, Size: n.Size, Offset: n.Offset, Cumulate: n.Cumulate, Out: l.schema(out.cols)}
	l.ends.Add(n.End)
	if n.Slide != n.Size && l.job {
		tells := n.Start // the windows of a row apart
		if n.Cumulate {
			tells = n.End
		}
		out.key = append(slices.Clone(r.key), tells)
	}
	if r.marks.Has(n.Time) {
		out.marks = union(r.marks, n.Start, n.End)
	}
	return &out
}

func (l *lowerer) projectSet(n *logical.ProjectSet, need logical.Set) (*rel, error) {
	for _, c := range n.Calls {
		need = need.Union(logical.Cols(c.Args...))
		if err := l.noNow("the arguments of a set-returning function", c.Args...); err != nil {
			return nil, err
		}
	}
	r, err := l.lower(n.In, need)
	if err != nil {
		return nil, err
	}
	out := *r
	out.cols = slices.Clone(r.cols)
	ps := &op.ProjectSet{In: r.spec}
	for _, c := range n.Calls {
		ps.Calls = append(ps.Calls, op.SetCall{Func: c.Func, Args: r.exprs(c.Args), T: l.meta.Cols[c.Col].Type})
		out.cols = append(out.cols, c.Col)
	}
	ord := n.Ordinality
	if ord == 0 && l.job {
		ord = l.meta.New("_ordinality", types.Of(types.Int8))
	}
	if ord != 0 {
		ps.Ordinality = true
		out.cols = append(out.cols, ord)
	}
	if l.job {
		out.key = append(slices.Clone(r.key), ord)
	}
	ps.Out = l.schema(out.cols)
	out.spec = ps
	return &out, nil
}

func (l *lowerer) singleRow(n *logical.SingleRow, need logical.Set) (*rel, error) {
	r, err := l.lower(n.In, need)
	if err != nil {
		return nil, err
	}
	if l.job {
		r = l.narrow(r, need)
		if r, err = l.exchange(r, nil); err != nil {
			return nil, err
		}
	}
	out := *r
	out.spec = &op.SingleRow{In: r.spec, NullOnEmpty: true, Table: l.table("row")}
	out.key, out.appendOnly, out.marks, out.final = nil, false, logical.Set{}, false
	return &out, nil
}
