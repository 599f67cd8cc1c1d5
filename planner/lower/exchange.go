package lower

import (
	"slices"

	"streamdb/executor"
	"streamdb/planner/logical"
)

// parallel reports whether the job's fragments run in several instances.
func (l *lowerer) parallel() bool { return l.opt.Parallelism > 1 }

// exchange brings rows with equal values in cols to one place: nowhere to go if
// they are there already, or if the job has one instance. No cols: all rows to
// one place.
func (l *lowerer) exchange(r *rel, cols []logical.ColID) (*rel, error) {
	out := *r
	if !l.parallel() {
		return &out, nil
	}
	switch {
	case len(cols) == 0:
		if r.dist.kind == single {
			return &out, nil
		}
		out.dist = dist{kind: single}
	case r.dist.kind == hashed && slices.Equal(r.dist.cols, cols):
		return &out, nil
	default:
		out.dist = dist{kind: hashed, cols: cols}
	}
	out.spec = l.cut(r, out.dist)
	return &out, nil
}

// cut ends a fragment with r and returns the input of the next one.
func (l *lowerer) cut(r *rel, to dist) executor.Spec {
	if in := overShared(r, distOf(r, to)); in != nil {
		return in
	}
	f := l.end(r)
	return &executor.Input{Fragment: f, Dist: distOf(r, to), Cols: r.spec.Schema()}
}

// end makes a fragment of r and returns its number.
func (l *lowerer) end(r *rel) int {
	f := executor.Fragment{ID: len(l.frags), Root: r.spec, Out: distOf(r, r.dist)}
	if r.dist.kind == single || !l.parallel() {
		f.Parallelism = 1
		f.Out = executor.Distribution{Kind: executor.Single}
	}
	l.frags = append(l.frags, f)
	return f.ID
}

func distOf(r *rel, d dist) executor.Distribution {
	switch d.kind {
	case single:
		return executor.Distribution{Kind: executor.Single}
	case hashed:
		for _, id := range d.cols {
			if !r.has(id) { // known to be so, but no longer expressible
				return executor.Distribution{Kind: executor.Random}
			}
		}
		return executor.Distribution{Kind: executor.Hash, Cols: r.posAll(d.cols)}
	}
	return executor.Distribution{Kind: executor.Random}
}

// vnodeCols are the positions, among keys, of the columns that a stateful
// operator's rows are distributed by.
func (l *lowerer) vnodeCols(r *rel, keys []logical.ColID) []int {
	if len(keys) == 0 {
		return nil
	}
	if r.dist.kind == hashed && len(r.dist.cols) > 0 && logical.SetOf(r.dist.cols...).Subset(logical.SetOf(keys...)) {
		return r.posAll(r.dist.cols)
	}
	return r.posAll(keys)
}
