package op

import (
	"streamdb/expr/aggs"
	"streamdb/vec"
)

// winStacks is a sliding aggregate whose state cannot give rows back. The frame
// is cut in two at a row: over what is before the cut there are states from each
// row up to it, over what is behind one state that grows. When the frame has left
// the first part, the cut moves to its end: so each row is added twice, however
// long frames are.
type winStacks struct {
	*winAgg
	state   aggs.State // group 0: what is behind the cut; 1: scratch
	other   []int32    // group 1 for each row of the section
	parts   []vec.Vec  // group 0 as a partial row; nil: not known
	before  [][]byte   // states from row first+k up to the cut
	first   int
	cut, hi int // group 0 is over the rows cut .. hi-1
}

// stacks reports whether the aggregate's states can be put together.
func (c *windowCall) stacks() bool {
	return c.state != nil && !c.def.Retractable && c.def.Partial != nil && c.Frame.Exclude == ExcludeNoOthers
}

// twoStacks is for sliding frames, whose ends both only move on.
func (a *winAgg) twoStacks(from, to int) error {
	s := &winStacks{winAgg: a, state: a.def.New(a.types), other: make([]int32, a.p.view)}
	s.state.Grow(2)
	for i := range s.other {
		s.other[i] = 1
	}
	for i := from; i < to; i++ {
		start, end := int(a.fr.start[i-from]), int(a.fr.end[i-from])
		if i > from && start == int(a.fr.start[i-from-1]) && end == int(a.fr.end[i-from-1]) {
			a.again()
			continue
		}
		if err := s.result(start, end); err != nil {
			return err
		}
	}
	return nil
}

func (s *winStacks) result(start, end int) error {
	if start >= s.cut {
		if err := s.move(start, end); err != nil {
			return err
		}
	}
	if end > s.hi {
		if rows := s.list.between(s.hi, end); len(rows) > 0 {
			s.parts = nil
			if err := s.state.Update(s.zero, s.args, nil, rows, s.p.view); err != nil {
				return err
			}
		}
		s.hi = end
	}
	if start >= end {
		s.state.Reset(1)
		return s.state.Result(s.ctx, secondGroup, s.out)
	}
	if _, err := s.state.Decode(1, s.before[start-s.first]); err != nil {
		return err
	}
	if s.hi > s.cut {
		if s.parts == nil {
			builders := make([]*vec.Builder, 0, 2)
			for _, t := range s.def.Partial(s.types) {
				builders = append(builders, vec.NewBuilder(t.Layout(), 1))
			}
			if err := s.state.AppendPartial(firstGroup, builders); err != nil {
				return err
			}
			for _, b := range builders {
				s.parts = append(s.parts, b.Vec())
			}
		}
		if err := s.state.Merge(secondGroup, s.parts, nil, nil, 1); err != nil {
			return err
		}
	}
	return s.state.Result(s.ctx, secondGroup, s.out)
}

var secondGroup = []int32{1}

// move cuts at the end of the frame start .. end-1.
func (s *winStacks) move(start, end int) error {
	end = max(start, end)
	s.first, s.cut, s.hi, s.parts = start, end, end, nil
	s.before = make([][]byte, end-start)
	s.state.Reset(0)
	s.state.Reset(1)
	for i := end - 1; i >= start; i-- {
		if rows := s.list.between(i, i+1); len(rows) > 0 {
			if err := s.state.Update(s.other, s.args, nil, rows, s.p.view); err != nil {
				return err
			}
		}
		s.before[i-start] = s.state.Encode(1, nil)
	}
	return nil
}
