package expr

import "streamdb/vec"

// Narrow goes on with the rows of sel, some of the n rows of in, as a batch of their
// own: the columns that Exprs[from:] read of it, the others empty. What was computed
// for these rows comes along. They are evaluated over all of its rows then, faster than
// over some of the old one's.
func (p *Program) Narrow(from int, in []vec.Vec, sel []int32, n int) []vec.Vec {
	out := make([]vec.Vec, len(in))
	for _, e := range p.Exprs[from:] {
		narrowFor(e, in, out, sel, n)
	}
	for _, x := range p.parts {
		x.narrow(sel)
	}
	return out
}

// narrowFor fills the columns that e needs, and marks the parts that need not be
// computed again.
func narrowFor(e Expr, in, out []vec.Vec, sel []int32, n int) {
	switch x := e.(type) {
	case *Col:
		if out[x.Index].N == 0 {
			out[x.Index] = in[x.Index].Gather(sel)
		}
		return
	case *part:
		if x.wanted = x.wanted || x.covers(sel, n); x.wanted {
			return
		}
		e = x.Expr
	case *member:
		if x.of.wanted = x.of.wanted || x.of.covers(sel, n); x.of.wanted {
			return
		}
		e = x.of.call
	case *caseLookup:
		e = x.Case
	}
	for _, a := range Children(e) {
		narrowFor(a, in, out, sel, n)
	}
}

func (s *part) narrow(sel []int32) {
	if !s.wanted {
		s.forget()
		return
	}
	s.wanted, s.all = false, true
	s.col = s.col.Gather(sel)
}

func (t *together) narrow(sel []int32) {
	if !t.wanted {
		t.forget()
		return
	}
	t.wanted, t.all = false, true
	for i := range t.cols {
		t.cols[i] = t.cols[i].Gather(sel)
	}
}
