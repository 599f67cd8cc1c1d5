package lower

import (
	"streamdb/executor"
	"streamdb/planner/logical"
)

// Properties is what the planner knows of the rows behind an operator of a job,
// with columns by name: for EXPLAIN (VERBOSE).
type Properties struct {
	Key        []string // the stream key: no two rows agree on it; none: at most one row
	AppendOnly bool     // no row is ever taken back
	Watermarks []string // columns with watermarks
	Dist       string   // where rows are: single, any, hash(cols)
}

// note remembers the properties of what was lowered.
func (l *lowerer) note(r *rel) {
	if !l.job {
		return
	}
	if l.props == nil {
		l.props = map[executor.Spec]Properties{}
	}
	names := func(ids []logical.ColID) []string {
		var out []string
		for _, id := range ids {
			out = append(out, l.meta.Cols[id].Name)
		}
		return out
	}
	p := Properties{Key: names(r.key), AppendOnly: r.appendOnly, Watermarks: names(r.marks.IDs()), Dist: "anywhere"}
	switch r.dist.kind {
	case single:
		p.Dist = "in one place"
	case hashed:
		p.Dist = "by hash of ["
		for i, n := range names(r.dist.cols) {
			if i > 0 {
				p.Dist += ", "
			}
			p.Dist += n
		}
		p.Dist += "]"
	}
	l.props[r.spec] = p
}
