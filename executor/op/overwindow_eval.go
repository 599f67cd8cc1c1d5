package op

import (
	"streamdb/expr"
	"streamdb/expr/aggs"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// windowEval computes the calls of an OverWindow for stretches of the rows of
// one partition.
type windowEval struct {
	in     types.Schema
	keys   []SortKey
	calls  []windowCall
	reader *winReader // nil: partitions come with their columns
	frame  frameEval
	zeros  []int32 // scratch for aggregate states
	minus  []stream.Op
	sel    []int32
	remote *winPart // the row that was fetched last, its section
	pace   batchPace
}

// windowCall is a call being run.
type windowCall struct {
	*WindowCall
	idx   int
	def   *aggs.Def
	types []types.T  // of the arguments
	state aggs.State // one group; nil: the result needs the frame's rows
	reach winReach
	reads bool                // columns, rather than only the order
	own   *storage.RowDecoder // reads the call's result from those of a row
	tails []winCheck          // states over the rows from a row on, the longest last
	one   *vec.Vec            // the only result of an aggregate over the partition
}

func (w *windowEval) frames() *frameEval {
	w.frame.in, w.frame.keys = w.in, w.keys
	return &w.frame
}

// columns lists the input columns that the call reads.
func (c *WindowCall) columns() []int {
	out := append([]int(nil), c.Args...)
	for _, x := range []int{c.Filter, c.ShiftCol, c.Default} {
		if x >= 0 {
			out = append(out, x)
		}
	}
	if c.framed() && c.Frame.Mode == RangeFrame {
		for _, b := range []FrameBound{c.Frame.Start, c.Frame.End} {
			if b.Kind == Preceding || b.Kind == Following {
				out = append(out, b.Col)
			}
		}
	}
	return out
}

// eval computes the results of all calls for the rows from .. to-1, for which
// section has been called.
func (w *windowEval) eval(ctx *expr.Ctx, p *winPart, from, to int) ([]vec.Vec, error) {
	out := make([]vec.Vec, len(w.calls))
	for k := range w.calls {
		c := &w.calls[k]
		b := vec.NewBuilder(c.T.Layout(), to-from)
		if err := w.call(ctx, p, c, from, to, b); err != nil {
			return nil, err
		}
		out[k] = b.Vec()
	}
	return out, p.err
}

// winBytes is how long the results that are computed at once may be: more than a
// batch, as each time the rows that they depend on may have to be gone through.
const winBytes = 8 << 20

// piece is eval for as many rows as the pace allows.
func (w *windowEval) piece(ctx *expr.Ctx, p *winPart, from, to int) ([]vec.Vec, error) {
	res, err := w.eval(ctx, p, from, to)
	if err == nil {
		w.pace.made(to-from, res)
	}
	return res, err
}

// section reads the columns that the calls need for the rows from .. to-1, or for
// fewer if step is, and returns the row after the last one. The more rows the
// results depend on, the more are computed at once, so that none is read often.
func (w *windowEval) section(ctx *expr.Ctx, p *winPart, from, to, step int) (int, error) {
	for next := min(to, from+step); ; {
		p.cols, p.view = nil, 0
		lo, hi, err := w.span(ctx, p, from, next)
		if err != nil {
			return 0, err
		}
		if next < to && hi-lo > 4*(next-from) {
			next = min(to, from+hi-lo)
			continue
		}
		if len(w.reader.need) > 0 {
			err = w.reader.read(p, lo, hi, len(w.in))
		}
		return next, err
	}
}

func (w *windowEval) call(ctx *expr.Ctx, p *winPart, c *windowCall, from, to int, out *vec.Builder) error {
	switch c.Func {
	case "row_number":
		for i := from; i < to; i++ {
			out.AppendInt(int64(i + 1))
		}
	case "rank", "dense_rank", "percent_rank", "cume_dist":
		return w.rank(p, c, from, to, out)
	case "ntile":
		return w.ntile(p, c, from, to, out)
	case "lag", "lead":
		return w.lag(p, c, from, to, out)
	case "first_value", "last_value", "nth_value":
		return w.value(p, c, from, to, out)
	default:
		return w.aggregate(ctx, p, c, from, to, out)
	}
	return nil
}

// rank computes what depends on the peers of a row and their place alone.
func (w *windowEval) rank(p *winPart, c *windowCall, from, to int, out *vec.Builder) error {
	start, end := w.frames().peersOf(p, from, to)
	n := p.total
	dense := int64(0)
	if c.Func == "dense_rank" && from < to {
		if from > 0 {
			last := c.own.Builders(1)
			if err := c.own.Append(last, p.output(from-1)); err != nil {
				return err
			}
			v := last[0].Vec()
			dense = v.Datum(0).I
		}
		if int(start[0]) == from {
			dense++
		}
	}
	for k := range start {
		switch c.Func {
		case "rank":
			out.AppendInt(int64(start[k]) + 1)
		case "dense_rank":
			if k > 0 && start[k] != start[k-1] {
				dense++
			}
			out.AppendInt(dense)
		case "percent_rank":
			if n == 1 {
				out.AppendFloat(0)
			} else {
				out.AppendFloat(float64(start[k]) / float64(n-1))
			}
		default:
			out.AppendFloat(float64(end[k]) / float64(n))
		}
	}
	return nil
}

// ntile deals the rows into as many buckets as the first row says, the first
// ones being bigger by one where they cannot be equal.
func (w *windowEval) ntile(p *winPart, c *windowCall, from, to int, out *vec.Builder) error {
	first := vec.NewBuilder(w.in[c.Args[0]].Type.Layout(), 1)
	if err := w.fetch(p, c.Args[0], 0, first); err != nil {
		return err
	}
	arg := first.Vec()
	if arg.Null(0) {
		for range to - from {
			out.AppendNull()
		}
		return nil
	}
	buckets := arg.Datum(0).I
	if buckets <= 0 {
		return sqlerr.New(sqlerr.InvalidArgumentForNtile, "argument of ntile must be greater than zero")
	}
	n := int64(p.total)
	small, bigger := n/buckets, n%buckets // size of a bucket; how many have one row more
	for i := int64(from); i < int64(to); i++ {
		if edge := bigger * (small + 1); i < edge {
			out.AppendInt(i/(small+1) + 1)
		} else {
			out.AppendInt(bigger + (i-edge)/small + 1)
		}
	}
	return nil
}

// rowList is the rows of a section that count for a call, in order.
type rowList struct {
	base   int
	rows   []int32 // in the section
	before []int32 // of these, how many are before a row of the section; nil: all rows count
}

// listRows lists the rows of the section for which counts is true; nil: all.
func (w *windowEval) listRows(p *winPart, counts func(i int) bool) *rowList {
	l := &rowList{base: p.base}
	if counts == nil {
		for len(w.sel) < p.view {
			w.sel = append(w.sel, int32(len(w.sel)))
		}
		l.rows = w.sel[:p.view]
		return l
	}
	l.before = make([]int32, p.view+1)
	for i := range p.view {
		l.before[i] = int32(len(l.rows))
		if counts(i) {
			l.rows = append(l.rows, int32(i))
		}
	}
	l.before[p.view] = int32(len(l.rows))
	return l
}

// place is how many rows of the list are before row i of the partition: none
// before the section.
func (l *rowList) place(i int) int {
	if i < l.base {
		return 0
	}
	if l.before == nil {
		return i - l.base
	}
	return int(l.before[i-l.base])
}

// between is the listed rows from .. to-1.
func (l *rowList) between(from, to int) []int32 {
	if from >= to {
		return nil
	}
	return l.rows[l.place(from):l.place(to)]
}

// nth is the listed row number k (from 1) of some stretches, or counted from
// their end; -1: there is none.
func (l *rowList) nth(segs [3][2]int, k int64, fromEnd bool) int32 {
	for s := range segs {
		if fromEnd {
			s = len(segs) - 1 - s
		}
		rows := l.between(segs[s][0], segs[s][1])
		if k > int64(len(rows)) {
			k -= int64(len(rows))
			continue
		}
		if fromEnd {
			return rows[int64(len(rows))-k]
		}
		return rows[k-1]
	}
	return -1
}

// values lists the rows that count for lag, lead, first_value and their kin.
func (w *windowEval) values(p *winPart, c *windowCall) *rowList {
	if !c.IgnoreNulls {
		return w.listRows(p, nil)
	}
	v := &p.cols[c.Args[0]]
	return w.listRows(p, func(i int) bool { return !v.Null(i) })
}

func (w *windowEval) lag(p *winPart, c *windowCall, from, to int, out *vec.Builder) error {
	var list *rowList
	if c.IgnoreNulls {
		list = w.values(p, c)
	}
	n := p.total
	for i := from; i < to; i++ {
		shift, null := c.Shift, c.NullShift
		if c.ShiftCol >= 0 {
			off := &p.cols[c.ShiftCol]
			shift, null = off.Datum(i-p.base).I, off.Null(i-p.base)
		}
		if null {
			out.AppendNull()
			continue
		}
		if c.Func == "lag" {
			shift = -shift
		}
		at := int64(-1)
		if !c.IgnoreNulls || shift == 0 {
			if j := int64(i) + shift; j >= 0 && j < int64(n) {
				at = j
			}
		} else {
			k := int64(list.place(i))
			if shift < 0 {
				k += shift
			} else {
				k = int64(list.place(i+1)) + shift - 1
			}
			if k >= 0 && k < int64(len(list.rows)) {
				at = int64(list.rows[k]) + int64(p.base)
			}
		}
		switch {
		case at >= 0:
			if err := w.fetch(p, c.Args[0], int(at), out); err != nil {
				return err
			}
		case c.Default >= 0:
			out.AppendFrom(&p.cols[c.Default], i-p.base)
		default:
			out.AppendNull()
		}
	}
	return nil
}

func (w *windowEval) value(p *winPart, c *windowCall, from, to int, out *vec.Builder) error {
	fr := w.frames().compute(p, &c.Frame, from, to)
	var list *rowList
	if c.IgnoreNulls {
		list = w.values(p, c)
	}
	for i := from; i < to; i++ {
		nth := int64(1)
		if c.Func == "nth_value" {
			arg := &p.cols[c.Args[1]]
			if arg.Null(i - p.base) {
				out.AppendNull()
				continue
			}
			if nth = arg.Datum(i - p.base).I; nth <= 0 {
				return sqlerr.New(sqlerr.InvalidArgumentForNthValue, "argument of nth_value must be greater than zero")
			}
		}
		at := -1
		if list == nil {
			at = nthRow(fr.segments(i), nth, c.Func == "last_value")
		} else if k := list.nth(fr.segments(i), nth, c.Func == "last_value"); k >= 0 {
			at = int(k) + p.base
		}
		if at < 0 {
			out.AppendNull()
		} else if err := w.fetch(p, c.Args[0], at, out); err != nil {
			return err
		}
	}
	return nil
}

// nthRow is row number k (from 1) of some stretches, or counted from their end;
// -1: there is none.
func nthRow(segs [3][2]int, k int64, fromEnd bool) int {
	for s := range segs {
		if fromEnd {
			s = len(segs) - 1 - s
		}
		n := int64(segs[s][1] - segs[s][0])
		switch {
		case k > n:
			k -= n
		case fromEnd:
			return segs[s][1] - int(k)
		default:
			return segs[s][0] + int(k) - 1
		}
	}
	return -1
}
