package op

import (
	"bytes"
	"sort"
)

// reachKind is how far a call looks from a row in one direction.
type reachKind uint8

const (
	reachNone   reachKind = iota // not at all
	reachRows                    // n rows
	reachPeers                   // to the last peer
	reachGroups                  // n groups
	reachRange                   // to where the bound in col is
	reachAll                     // to the end of the partition
	reachFirst                   // at the first row of the partition alone, and its own
)

type reachSide struct {
	kind reachKind
	n    int64
	col  int
}

// winReach is what a call's result for a row depends on: the rows before and
// after it, their number, order and values. From it follows which rows a change
// affects: those that can see it.
type winReach struct{ back, ahead reachSide }

func (c *WindowCall) reach() winReach {
	r := c.reachOf()
	for _, s := range []*reachSide{&r.back, &r.ahead} {
		switch {
		case s.n > 0:
		case s.kind == reachRows:
			s.kind = reachNone
		case s.kind == reachGroups:
			s.kind = reachPeers
		}
	}
	return r
}

func (c *WindowCall) reachOf() winReach {
	all := reachSide{kind: reachAll}
	switch c.Func {
	case "row_number", "rank", "dense_rank":
		return winReach{back: all}
	case "percent_rank", "cume_dist", "ntile":
		return winReach{all, all}
	case "lag", "lead":
		if c.IgnoreNulls || c.ShiftCol >= 0 {
			return winReach{all, all}
		}
		shift := c.Shift
		if c.NullShift {
			shift = 0
		}
		if c.Func == "lag" {
			shift = -shift
		}
		if shift < 0 {
			return winReach{back: reachSide{kind: reachRows, n: -shift}}
		}
		return winReach{ahead: reachSide{kind: reachRows, n: shift}}
	}
	f := &c.Frame
	whole := f.Exclude == ExcludeNoOthers && !c.IgnoreNulls
	switch { // one end of the frame says all
	case whole && c.Func == "first_value" && f.Start.Kind == UnboundedPreceding && f.End.Kind != Preceding:
		return winReach{back: reachSide{kind: reachFirst}}
	case whole && c.Func == "last_value" && f.Start.Kind == UnboundedPreceding && f.End.Kind != Preceding:
		return winReach{ahead: f.side(&f.End, Following, UnboundedFollowing)}
	}
	return winReach{f.side(&f.Start, Preceding, UnboundedPreceding), f.side(&f.End, Following, UnboundedFollowing)}
}

// side is the reach of a bound in its own direction. One that is away in the
// other direction can be at the row itself, with all its peers: at distance 0,
// and by RANGE where the value is NULL or infinite.
func (f *WindowFrame) side(b *FrameBound, away, unbounded BoundKind) reachSide {
	switch {
	case b.Kind == unbounded:
		return reachSide{kind: reachAll}
	case b.Kind == CurrentRow && f.Mode != RowsFrame:
		return reachSide{kind: reachPeers}
	case b.Kind != away && (f.Mode == RangeFrame || f.Mode == GroupsFrame && b.N == 0):
		return reachSide{kind: reachPeers}
	case b.Kind != away:
		return reachSide{}
	}
	switch f.Mode {
	case RowsFrame:
		return reachSide{kind: reachRows, n: b.N}
	case GroupsFrame:
		return reachSide{kind: reachGroups, n: b.N}
	}
	return reachSide{kind: reachRange, col: b.Col}
}

// reachKinds is a set of kinds.
type reachKinds uint

func (s reachKinds) has(k reachKind) bool { return s>>k&1 != 0 }

// only reports whether there are no others than those.
func (s reachKinds) only(ks ...reachKind) bool {
	for _, k := range ks {
		s &^= 1 << k
	}
	return s == 0
}

// looks is how the calls look back and ahead.
func (s *OverWindow) looks() (back, ahead reachKinds) {
	for i := range s.Calls {
		r := s.Calls[i].reach()
		back, ahead = back|1<<r.back.kind, ahead|1<<r.ahead.kind
	}
	return back, ahead
}

// seenFrom is the first row from which a change at p is seen: p is where a row
// with the sort key was put in or, the rows there being those after it, taken
// out. side is how far the rows before look ahead.
func (w *windowEval) seenFrom(p *winPart, side reachSide, at int, key []byte) (int, error) {
	switch side.kind {
	case reachAll:
		return 0, nil
	case reachRows:
		return max(0, at-int(min(side.n, noLimit))), nil
	case reachPeers:
		return min(at, p.firstFrom(key, false)), nil
	case reachGroups:
		if at > 0 {
			return p.groupsBack(at-1, side.n+1), nil
		}
	case reachRange:
		var err error
		at = sort.Search(at, func(i int) bool {
			return err == nil && bytes.Compare(w.boundOf(p, side.col, i, &err), key) >= 0
		})
		return at, err
	}
	return at, nil
}

// seenTo is the row after the last one from which a change at p is seen; side is
// how far the rows after it look back.
func (w *windowEval) seenTo(p *winPart, side reachSide, at int, key []byte) (int, error) {
	n := p.total
	switch side.kind {
	case reachAll:
		return n, nil
	case reachFirst:
		if at == 0 {
			return n, nil
		}
	case reachRows:
		return min(n, at+1+int(min(side.n, noLimit))), nil
	case reachPeers:
		return max(at, p.firstFrom(key, true)), nil
	case reachGroups:
		if at < n {
			return p.groupsAhead(at, side.n+1), nil
		}
	case reachRange:
		var err error
		k := sort.Search(n-at, func(i int) bool {
			return err == nil && bytes.Compare(w.boundOf(p, side.col, at+i, &err), key) > 0
		})
		return at + k, err
	}
	return at, nil
}

// backTo is the first row on which the results of row at, and of those behind it,
// may depend.
func (w *windowEval) backTo(p *winPart, side reachSide, at int) (int, error) {
	switch side.kind {
	case reachNone:
		return at, nil
	case reachRows:
		return max(0, at-int(min(side.n, noLimit))), nil
	case reachPeers:
		return p.groupStart(at), nil
	case reachGroups:
		return p.groupsBack(at, side.n), nil
	case reachRange:
		var err error
		key := w.boundOf(p, side.col, at, &err)
		if err != nil {
			return 0, err
		}
		return min(at, p.firstFrom(key, false)), nil
	}
	return 0, nil
}

// boundOf is boundKey for a row that is not in the section.
func (w *windowEval) boundOf(p *winPart, col, i int, err *error) []byte {
	if p.cols != nil && i >= p.base && i < p.base+p.view {
		return w.frames().boundKey(p, col, i)
	}
	one := winPart{winPages: p.winPages}
	if *err = w.reader.read(&one, i, i+1, len(w.in)); *err != nil {
		return nil
	}
	return w.frames().boundKey(&one, col, i)
}
