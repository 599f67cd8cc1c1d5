package lower

import (
	"errors"

	"streamdb/executor"
	"streamdb/executor/op"
	"streamdb/expr"
	"streamdb/planner/logical"
	"streamdb/storage"
)

// sharing computes a subplan that is needed in several places (a common table
// expression that is named twice, the two sides of a self join) once: as a
// fragment whose output several Inputs read. Two subplans are the same if they
// are equal up to the identity of their columns (logical.Classes); the fragment
// provides the columns that any of its readers needs.
//
// Which columns those are is found by lowering: a reader that needs a column
// after the fragment was made without it starts the lowering over, with the
// column noted. Needs only grow, so that comes to an end.
type sharing struct {
	job     bool
	off     bool // only common queries are computed once
	classes *logical.Classes
	made    func(logical.Node) []logical.ColID
	// By class or common query: places in its list of columns, and what there is in this round.
	need   map[any]*logical.Set
	shared map[any]*sharedRel
}

// sharedRel is a subplan that has a fragment of its own.
type sharedRel struct {
	rel  *rel            // its spec is an Input of the fragment
	cols []logical.ColID // the columns made below it, in the order of its class
	used bool            // its columns have been given to a reader
}

// errAgain says that a shared fragment lacks a column that was now asked for.
var errAgain = errors.New("lower: a shared subplan needs more columns")

// share begins the lowering of a plan. Rounds end with a plan: what fails
// otherwise is the caller's error. Only the last round takes tables' ids.
func share[V any](m *logical.Meta, root logical.Node, job bool, opt Options, round func(l *lowerer) (V, error)) (v V, err error) {
	s := &sharing{job: job, off: opt.NoSharing, need: map[any]*logical.Set{}}
	some := len(logical.CommonQueries(root)) > 0
	if !s.off {
		s.classes, s.made = logical.ClassesOf(root)
		some = some || s.classes.Repeat()
	}
	try := func(opt Options) (v V, err error) {
		l := &lowerer{meta: m, job: job, opt: opt}
		if some {
			s.shared = map[any]*sharedRel{}
			l.share = s
		}
		defer l.check(&err)
		return round(l)
	}
	if !some {
		return try(opt)
	}
	trial := opt
	trial.NextTableID = func() storage.TableID { return 0 }
	for {
		if v, err = try(trial); err == nil {
			return try(opt)
		}
		if !errors.Is(err, errAgain) {
			return v, err
		}
	}
}

// worth reports whether a node is to be computed once for all of its class. A
// list of constants is not: it costs less than an edge. Neither are, in a SELECT,
// rows that are read as they are: reading them again costs less than keeping them.
func (s *sharing) worth(n logical.Node) *logical.Class {
	if s == nil || s.off {
		return nil
	}
	class := s.classes.Of(n)
	if class == nil || class.Refs < 2 || constant(n) || !s.job && plain(n) {
		return nil
	}
	return class
}

// constant reports whether the rows of a plan are all in the plan.
func constant(n logical.Node) bool {
	switch n := n.(type) {
	case *logical.Values:
		return true
	case *logical.Filter, *logical.Project, *logical.ProjectSet:
		return constant(n.Inputs()[0])
	}
	return false
}

// plain reports whether the rows of a plan are stored ones, filtered and mapped.
func plain(n logical.Node) bool {
	switch n := n.(type) {
	case *logical.Scan, *logical.Virtual, *logical.SourceScan, *logical.Values, *logical.Common:
		return true
	case *logical.Filter, *logical.Project, *logical.Watermark:
		return plain(n.Inputs()[0])
	}
	return false
}

// lowerShared is lower for a node of a class that several places read.
func (l *lowerer) lowerShared(class *logical.Class, n logical.Node, need logical.Set) (*rel, error) {
	cols := l.share.made(n)
	once, err := l.shared(class, n, cols, cols, need)
	if err != nil {
		return nil, err
	}
	return l.readShared(once, cols), nil
}

// common reads a common query.
func (l *lowerer) common(n *logical.Common, need logical.Set) (*rel, error) {
	once, err := l.shared(n.Of, n.Of.Root, n.Of.Cols, n.Cols, need)
	if err != nil {
		return nil, err
	}
	return l.readShared(once, n.Cols), nil
}

// shared is the fragment of a class or common query, made of n when it is first
// asked for. cols are n's columns, as those of the reader, which needs some of them.
func (l *lowerer) shared(of any, n logical.Node, cols, as []logical.ColID, need logical.Set) (*sharedRel, error) {
	s := l.share
	all := s.need[of]
	if all == nil {
		all = &logical.Set{}
		s.need[of] = all
	}
	more := false
	for p, id := range as {
		if need.Has(id) && !all.Has(p) {
			all.Add(p)
			more = true
		}
	}
	once := s.shared[of]
	if once != nil && more {
		return nil, errAgain
	}
	if once == nil {
		var ids logical.Set
		for _, p := range all.IDs() {
			ids.Add(cols[p])
		}
		r, err := l.once(of, n, ids)
		if err != nil {
			return nil, err
		}
		once = &sharedRel{rel: r, cols: cols}
		s.shared[of] = once
	}
	return once, nil
}

// once makes the fragment.
func (l *lowerer) once(of any, n logical.Node, need logical.Set) (*rel, error) {
	wish := l.wish
	l.wish = nil
	defer func() { l.wish = wish }()
	q, common := of.(*logical.CommonQuery)
	if common {
		r, err := l.lower(n, need)
		if err != nil {
			return nil, err
		}
		before := len(l.frags)
		r = l.fragment(l.narrow(r, need))
		if at := len(l.frags) - 1; at >= before { // else it is what another fragment gives
			l.frags[at].Once, l.frags[at].Name = q.Varies, q.Name
		}
		return r, nil
	}
	r, err := l.node(n, need)
	if err != nil {
		return nil, err
	}
	l.note(r)
	return l.fragment(l.narrow(r, need)), nil
}

// fragment ends a fragment with r; what is returned reads it where its rows are.
func (l *lowerer) fragment(r *rel) *rel {
	out := *r
	var in *executor.Input
	if out.spec, in = reader(l.cut(r, r.dist)); in == nil {
		return r
	}
	switch {
	case r.dist.kind == single || !l.parallel():
		in.Dist = executor.Distribution{Kind: executor.Single}
	default:
		in.Dist = executor.Distribution{Kind: executor.Forward}
	}
	return &out
}

// reader copies what reads a shared fragment: an exchange, with picked columns
// above it where the fragment itself only picks from another one (see
// overShared). in is the copied exchange; nil: it is neither.
func reader(s executor.Spec) (out executor.Spec, in *executor.Input) {
	switch s := s.(type) {
	case *executor.Input:
		c := *s
		return &c, &c
	case *op.Calc:
		if below, ok := s.In.(*executor.Input); ok {
			pick, c := *s, *below
			pick.In = &c
			return &pick, &c
		}
	}
	return s, nil
}

// readShared is a shared subplan under the columns of one of its readers. Columns that
// lowering made (hidden keys) get a fresh identity for each reader: the sides of
// a self join must be told apart.
func (l *lowerer) readShared(once *sharedRel, cols []logical.ColID) *rel {
	ids := map[logical.ColID]logical.ColID{}
	for i, id := range once.cols {
		ids[id] = cols[i]
	}
	as := func(id logical.ColID) logical.ColID {
		to, ok := ids[id]
		if !ok {
			if to = id; once.used {
				to = l.meta.Like(id)
			}
			ids[id] = to
		}
		return to
	}
	list := func(in []logical.ColID) []logical.ColID {
		out := make([]logical.ColID, len(in))
		for i, id := range in {
			out[i] = as(id)
		}
		return out
	}
	out := *once.rel
	out.spec, _ = reader(out.spec)
	out.cols, out.key, out.dist.cols = list(out.cols), list(out.key), list(out.dist.cols)
	out.marks = logical.SetOf(list(out.marks.IDs())...)
	once.used = true
	return &out
}

// overShared is an exchange of a shared fragment's rows: its readers take them
// from it directly, and what only picks columns is done behind the exchange. nil:
// r is not of that form.
func overShared(r *rel, to executor.Distribution) executor.Spec {
	switch s := r.spec.(type) {
	case *executor.Input:
		if s.Upstream != 0 {
			return nil
		}
		moved := *s
		moved.Dist = to
		return &moved
	case *op.Calc:
		in, ok := s.In.(*executor.Input)
		if !ok || in.Upstream != 0 || s.Where != nil || s.Exprs == nil {
			return nil
		}
		cols := make([]int, len(s.Exprs))
		for i, e := range s.Exprs {
			c, ok := e.(*expr.Col)
			if !ok {
				return nil
			}
			cols[i] = c.Index
		}
		moved, pick := *in, *s
		moved.Dist = executor.Distribution{Kind: to.Kind}
		for _, c := range to.Cols {
			moved.Dist.Cols = append(moved.Dist.Cols, cols[c])
		}
		pick.In = &moved
		return &pick
	}
	return nil
}
