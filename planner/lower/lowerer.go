package lower

import (
	"slices"

	"streamdb/executor"
	"streamdb/executor/op"
	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/planner/logical"
	"streamdb/storage"
	"streamdb/types"
)

// Options is what lowering depends on besides the plan.
type Options struct {
	NextTableID   func() storage.TableID // jobs only
	Parallelism   int                    // jobs: more than 1 plans exchanges
	EmitOnClose   bool                   // jobs: rows come out once, when a watermark has passed them
	Eval          *expr.Ctx              // for constants; Params hold the values of $1 .. in a SELECT
	NoSharing     bool                   // equal subplans are computed once each
	NoTwoPhase    bool                   // jobs: rows are not combined before an exchange
	ForceTwoPhase bool                   // jobs: they are always, where possible
	Access        Access                 // SELECTs only
}

type lowerer struct {
	meta  *logical.Meta
	job   bool
	opt   Options
	waits map[*op.Backfill][]*op.Backfill // those that begin after others
	frags []executor.Fragment
	share *sharing // nil: nothing is shared
	props map[executor.Spec]Properties
	wish  *orderWish  // SELECT: the order that the LIMIT above asks for
	ends  logical.Set // the columns that are ends of windows
}

// dist is where the rows of a stream are.
type dist struct {
	kind distKind
	cols []logical.ColID // hashed
}

type distKind uint8

const (
	anywhere distKind = iota
	single
	hashed
)

// rel is a lowered node: a Spec and what is known of its rows.
type rel struct {
	spec       executor.Spec
	cols       []logical.ColID // by position
	key        []logical.ColID // the stream key (jobs); empty: at most one row
	dist       dist
	appendOnly bool
	marks      logical.Set // columns with watermarks
	final      bool        // rows come only when nothing can change them any more
}

// missing is the panic of a broken invariant: a column is not among those that
// the input provides.
type missing logical.ColID

// check turns that panic into an error that names the column.
func (l *lowerer) check(err *error) {
	if p := recover(); p != nil {
		id, ok := p.(missing)
		if !ok {
			panic(p)
		}
		*err = sqlerr.New(sqlerr.InternalError, "the plan reads column \"%s\" (%d), which its input does not provide", l.meta.Cols[id].Name, int(id))
	}
}

// pos is the position of a column.
func (r *rel) pos(id logical.ColID) int {
	p := slices.Index(r.cols, id)
	if p < 0 {
		panic(missing(id))
	}
	return p
}

func (r *rel) posAll(ids []logical.ColID) []int {
	out := make([]int, len(ids))
	for i, id := range ids {
		out[i] = r.pos(id)
	}
	return out
}

func (r *rel) has(id logical.ColID) bool { return slices.Contains(r.cols, id) }

// expr gives an expression positions.
func (r *rel) expr(e expr.Expr) expr.Expr {
	if e == nil {
		return nil
	}
	return expr.Rewrite(e, func(x expr.Expr) expr.Expr {
		if c, ok := x.(*expr.Col); ok {
			return &expr.Col{Index: r.pos(c.Index), T: c.T}
		}
		return x
	})
}

func (r *rel) exprs(es []expr.Expr) []expr.Expr {
	out := make([]expr.Expr, len(es))
	for i, e := range es {
		out[i] = r.expr(e)
	}
	return out
}

func (l *lowerer) schema(ids []logical.ColID) types.Schema {
	s := make(types.Schema, len(ids))
	for i, id := range ids {
		c := l.meta.Cols[id]
		s[i] = types.Column{Name: c.Name, Type: c.Type}
	}
	return s
}

// table names a new state table of a job; the zero TableRef in a SELECT.
func (l *lowerer) table(name string) op.TableRef {
	if !l.job {
		return op.TableRef{}
	}
	return op.TableRef{ID: l.opt.NextTableID(), Name: name, Format: 1}
}

func (l *lowerer) sortKeys(r *rel, keys []logical.SortKey) []op.SortKey {
	out := make([]op.SortKey, len(keys))
	for i, k := range keys {
		out[i] = op.SortKey{Col: r.pos(k.Col), Desc: k.Desc, NullsFirst: k.NullsFirst}
	}
	return out
}

// lower turns a node into a Spec that provides at least the needed columns, and
// in a job its stream key.
func (l *lowerer) lower(n logical.Node, need logical.Set) (*rel, error) {
	if class := l.share.worth(n); class != nil {
		return l.lowerShared(class, n, need)
	}
	r, err := l.node(n, need)
	if err == nil {
		l.note(r)
	}
	return r, err
}

// node is lower for a node that is computed here alone.
func (l *lowerer) node(n logical.Node, need logical.Set) (*rel, error) {
	switch n := n.(type) {
	case *logical.Scan:
		if !l.job {
			return l.readBy(n, nil, need)
		}
		return l.scan(n, need, nil)
	case *logical.SourceScan:
		return l.source(n, need)
	case *logical.Watermark:
		return l.watermark(n, need)
	case *logical.Virtual:
		return l.virtual(n, need)
	case *logical.Common:
		return l.common(n, need)
	case *logical.Values:
		return l.values(n)
	case *logical.Filter:
		return l.filter(n, need)
	case *logical.Project:
		return l.project(n, need)
	case *logical.Join:
		return l.join(n, need)
	case *logical.LookupJoin:
		return l.lookup(n, need)
	case *logical.Agg:
		return l.agg(n, need)
	case *logical.Union:
		return l.union(n, need)
	case *logical.Sort:
		return l.sort(n, need)
	case *logical.Limit:
		return l.limit(n, need)
	case *logical.Hop:
		return l.hop(n, need)
	case *logical.Session:
		return l.session(n, need)
	case *logical.ProjectSet:
		return l.projectSet(n, need)
	case *logical.SingleRow:
		return l.singleRow(n, need)
	case *logical.Window:
		return l.window(n, need)
	case *logical.Apply:
		return nil, sqlerr.Unsupported("this form of correlated subquery")
	}
	return nil, sqlerr.Unsupported("the plan node %T", n)
}

// calc computes columns over r; where may be nil. A Calc below that only
// filters is merged into it.
func (l *lowerer) calc(r *rel, where expr.Expr, items []logical.Item) *rel {
	out := *r
	if items != nil {
		out.cols = make([]logical.ColID, len(items))
	}
	c := &op.Calc{In: r.spec, Where: r.expr(where)}
	if below, ok := r.spec.(*op.Calc); ok && below.Exprs == nil {
		c.In = below.In
		if c.Where != nil {
			c.Where = expr.AndOf(append(expr.Conjuncts(below.Where), expr.Conjuncts(c.Where)...))
		} else {
			c.Where = below.Where
		}
	}
	if items == nil {
		c.Out = l.schema(r.cols)
		out.spec = c
		return &out
	}
	out.marks = logical.Set{}
	for i, it := range items {
		c.Exprs = append(c.Exprs, r.expr(it.E))
		out.cols[i] = it.Col
		if l.job && l.marked(it.E, r.marks) {
			out.marks = union(out.marks, it.Col)
		}
		if c, ok := it.E.(*expr.Col); ok && l.ends.Has(c.Index) {
			l.ends.Add(it.Col)
		}
	}
	if below, ok := r.spec.(*op.Calc); ok && where == nil && below.Exprs != nil && rearranges(c.Exprs, below.Exprs) {
		c.In, c.Where = below.In, below.Where
		for i, e := range c.Exprs {
			c.Exprs[i] = below.Exprs[e.(*expr.Col).Index]
		}
	}
	if l.job {
		c.Rising = risingExprs(c.Exprs)
	}
	c.Out = l.schema(out.cols)
	out.spec = c
	return &out
}

// rearranges reports whether the expressions only pick columns of below, and
// none twice that is work.
func rearranges(es, below []expr.Expr) bool {
	seen := map[int]bool{}
	for _, e := range es {
		c, ok := e.(*expr.Col)
		if !ok {
			return false
		}
		if _, isCol := below[c.Index].(*expr.Col); !isCol && seen[c.Index] {
			return false
		}
		seen[c.Index] = true
	}
	return true
}

// narrow drops the columns that are not in keep; keys stay.
func (l *lowerer) narrow(r *rel, keep logical.Set) *rel {
	if l.job {
		keep = keep.Union(logical.SetOf(r.key...))
	}
	var ids []logical.ColID
	for _, id := range r.cols {
		if keep.Has(id) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) == len(r.cols) || len(ids) == 0 {
		return r
	}
	return l.pick(r, ids)
}

// pick makes the columns exactly ids, in order.
func (l *lowerer) pick(r *rel, ids []logical.ColID) *rel {
	if slices.Equal(r.cols, ids) || len(ids) == 0 {
		return r
	}
	return l.calc(r, nil, logical.Pass(l.meta, ids))
}

// constant evaluates an expression without columns, now.
func (l *lowerer) constant(e expr.Expr) (types.Datum, error) {
	ctx := l.opt.Eval
	if ctx == nil {
		ctx = &expr.Ctx{}
	}
	return expr.EvalRow(ctx, e)
}

// union is a with ids added.
func union(a logical.Set, ids ...logical.ColID) logical.Set {
	n := a.Clone()
	for _, id := range ids {
		if id != 0 {
			n.Add(id)
		}
	}
	return n
}
