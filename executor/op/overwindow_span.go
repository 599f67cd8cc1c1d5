package op

import (
	"sort"

	"streamdb/expr"
	"streamdb/vec"
)

// total reports whether the call is an aggregate whose frame is always the whole
// partition: it has one result.
func (c *windowCall) total() bool { return c.runs() && c.Frame.End.Kind == UnboundedFollowing }

// shrinks reports whether the call's state is built from the end of the partition.
func (c *windowCall) shrinks() bool {
	return c.state != nil && !c.runs() && c.Frame.End.Kind == UnboundedFollowing && c.Frame.Exclude == ExcludeNoOthers
}

// fetches reports whether the call takes its value from one row that follows from
// row numbers alone: it need not be in the section.
func (c *windowCall) fetches() bool {
	switch c.Func {
	case "lag", "lead", "first_value", "last_value", "nth_value":
		return !c.IgnoreNulls
	}
	return false
}

// span is the rows whose columns are read for the results of the rows from .. to-1.
// Aggregates that run from an end of the partition have states kept near it first.
func (w *windowEval) span(ctx *expr.Ctx, p *winPart, from, to int) (lo, hi int, err error) {
	lo, hi = from, to
	for k := range w.calls {
		c := &w.calls[k]
		if !c.reads || c.Func == "ntile" {
			continue
		}
		a, b := from, to
		switch {
		case c.total():
			if err = w.catchUp(ctx, p, c, p.total); err != nil {
				return 0, 0, err
			}
			continue
		case c.runs():
			end, err := w.endOf(p, c, from)
			if err != nil {
				return 0, 0, err
			}
			if err = w.catchUp(ctx, p, c, end); err != nil {
				return 0, 0, err
			}
			a = c.resume(p, end)
		default:
			if a, err = w.needFrom(p, c, from); err != nil {
				return 0, 0, err
			}
		}
		if c.shrinks() {
			if err = w.tailTo(ctx, p, c, a); err != nil {
				return 0, 0, err
			}
			var t *winCheck
			if t, err = w.tail(p, c, to); t != nil {
				b = t.row
			} else {
				b = p.total
			}
		} else {
			b, err = w.needTo(p, c, to)
		}
		if err != nil {
			return 0, 0, err
		}
		lo, hi = min(lo, a), max(hi, b)
	}
	return lo, hi, p.err
}

// far reports whether a side is better fetched row by row than read.
func (c *windowCall) far(side reachSide) bool {
	return c.fetches() && (side.kind == reachAll || side.kind == reachFirst || side.kind == reachRows && side.n > 1024)
}

// needFrom is the first row that the call reads for the results of the rows
// from a on, and needTo the row after the last one for those up to b.
func (w *windowEval) needFrom(p *winPart, c *windowCall, a int) (int, error) {
	side := c.reach.back
	if c.far(side) {
		return a, nil
	}
	return w.backTo(p, side, a)
}

func (w *windowEval) needTo(p *winPart, c *windowCall, b int) (int, error) {
	n := p.total
	side := c.reach.ahead
	if c.far(side) {
		return b, nil
	}
	switch side.kind {
	case reachAll:
		return n, nil
	case reachRows:
		return min(n, b+int(min(side.n, noLimit))), nil
	case reachPeers:
		return p.groupEnd(b - 1), nil
	case reachGroups:
		return p.groupsAhead(b-1, side.n), nil
	case reachRange:
		var err error
		key := w.boundOf(p, side.col, b-1, &err)
		if err != nil {
			return 0, err
		}
		return max(b, p.firstFrom(key, true)), nil
	}
	return b, nil
}

// endOf is at or before the end of the frame of row a, for a call that runs.
func (w *windowEval) endOf(p *winPart, c *windowCall, a int) (int, error) {
	b := &c.Frame.End
	if b.Kind != Preceding {
		return a, nil
	}
	switch c.Frame.Mode {
	case RowsFrame:
		return max(0, a+1-int(min(b.N, noLimit))), nil
	case GroupsFrame:
		return p.groupsBack(a, max(0, b.N-1)), nil
	}
	var err error
	key := w.boundOf(p, b.Col, a, &err)
	if err != nil {
		return 0, err
	}
	return min(a, p.firstFrom(key, true)), nil
}

// startOf is at or behind the start of the frame of row a, for a call that shrinks.
func (w *windowEval) startOf(p *winPart, c *windowCall, a int) (int, error) {
	b := &c.Frame.Start
	if b.Kind != Following {
		return a, nil
	}
	switch c.Frame.Mode {
	case RowsFrame:
		return min(p.total, a+int(min(b.N, noLimit))), nil
	case GroupsFrame:
		return p.groupsAhead(a, b.N), nil
	}
	var err error
	key := w.boundOf(p, b.Col, a, &err)
	if err != nil {
		return 0, err
	}
	return max(a, p.firstFrom(key, false)), nil
}

// catchUp keeps states of a running aggregate every winCheckRows rows up to row
// at, reading no more than that at a time.
func (w *windowEval) catchUp(ctx *expr.Ctx, p *winPart, c *windowCall, at int) error {
	if p.checks == nil || w.reader == nil {
		return nil
	}
	from := 0
	ck := c.check(p, at)
	if ck != nil {
		from = ck.row
	}
	if at-from < winCheckRows {
		return nil
	}
	c.state.Reset(0)
	if ck != nil {
		if _, err := c.state.Decode(0, ck.state); err != nil {
			return err
		}
	}
	one := &winPart{winPages: p.winPages, checks: p.checks}
	for next := from + winCheckRows; next <= at; next += winCheckRows {
		if err := w.reader.read(one, next-winCheckRows, next, len(w.in)); err != nil {
			return err
		}
		if err := w.agg(ctx, one, c, nil).add(next-winCheckRows, next); err != nil {
			return err
		}
		c.keep(p, next)
	}
	return p.err
}

// tailTo keeps states over the rows from a row on, for every winCheckRows rows
// down to row at. They serve until the partition changes.
func (w *windowEval) tailTo(ctx *expr.Ctx, p *winPart, c *windowCall, at int) error {
	if p.checks == nil || w.reader == nil {
		return nil
	}
	row := p.total
	c.state.Reset(0)
	if k := len(c.tails); k > 0 {
		row = c.tails[k-1].row
		if row-winCheckRows < at {
			return nil
		}
		if _, err := c.state.Decode(0, c.tails[k-1].state); err != nil {
			return err
		}
	}
	one := &winPart{winPages: p.winPages}
	for row > at {
		next := (row - 1) / winCheckRows * winCheckRows
		if next < at {
			break
		}
		if err := w.reader.read(one, next, row, len(w.in)); err != nil {
			return err
		}
		if err := w.agg(ctx, one, c, nil).add(next, row); err != nil {
			return err
		}
		row = next
		c.tails = append(c.tails, winCheck{row, c.state.Encode(0, nil)})
	}
	return p.err
}

// tail is the longest kept state over rows that are all in the frames of the rows
// before to; nil: there is none.
func (w *windowEval) tail(p *winPart, c *windowCall, to int) (*winCheck, error) {
	at, err := w.startOf(p, c, to-1)
	if k := sort.Search(len(c.tails), func(i int) bool { return c.tails[i].row < at }); k > 0 && err == nil {
		return &c.tails[k-1], nil
	}
	return nil, err
}

// whole computes the one result of a call whose frame is the partition.
func (w *windowEval) whole(ctx *expr.Ctx, p *winPart, c *windowCall) (*vec.Vec, error) {
	if c.one != nil {
		return c.one, nil
	}
	at := 0
	c.state.Reset(0)
	if ck := c.check(p, p.total); ck != nil {
		at = ck.row
		if _, err := c.state.Decode(0, ck.state); err != nil {
			return nil, err
		}
	}
	one := p
	if w.reader != nil && c.reads {
		one = &winPart{winPages: p.winPages}
		if err := w.reader.read(one, at, p.total, len(w.in)); err != nil {
			return nil, err
		}
	} else if w.reader != nil {
		one = &winPart{winPages: p.winPages, base: at, view: p.total - at}
	}
	out := vec.NewBuilder(c.T.Layout(), 1)
	a := w.agg(ctx, one, c, out)
	if err := a.add(at, p.total); err != nil {
		return nil, err
	}
	if err := a.result(); err != nil {
		return nil, err
	}
	v := out.Vec()
	c.one = &v
	return c.one, nil
}

// renew forgets what holds for one partition as it is.
func (w *windowEval) renew() {
	w.remote = nil
	for k := range w.calls {
		w.calls[k].tails, w.calls[k].one = nil, nil
	}
}

// fetch appends the value of column col of row i, which need not be in the section.
func (w *windowEval) fetch(p *winPart, col, i int, out *vec.Builder) error {
	if k := i - p.base; p.cols != nil && k >= 0 && k < p.view {
		out.AppendFrom(&p.cols[col], k)
		return nil
	}
	if w.remote == nil || w.remote.base != i {
		one := &winPart{winPages: p.winPages}
		if err := w.reader.read(one, i, i+1, len(w.in)); err != nil {
			return err
		}
		w.remote = one
	}
	out.AppendFrom(&w.remote.cols[col], 0)
	return p.err
}
