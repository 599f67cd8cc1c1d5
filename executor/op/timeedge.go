package op

import (
	"math"

	"streamdb/expr"
	"streamdb/vec"
)

// TimeEdge tells when, as time passes, a comparison with now() changes for a
// row. Either it changes once, at At + Plus microseconds, or Reached (over the
// row's columns and then now) becomes true: once, if Piece is 0. Else it may
// become true once in each piece of time of that many microseconds, the pieces'
// starts and ends each in order: now() - interval '1 month' is 28 February four
// times, on 28 to 31 March.
type TimeEdge struct {
	At      expr.Expr // microseconds: timestamp or timestamptz; nil: see Reached
	Plus    int64
	Reached expr.Expr
	Piece   int64
}

const (
	noTime = math.MaxInt64
	// lastMicro is the end of the search for changes: that of the year 9999.
	lastMicro = 253_402_300_799_999_999
)

// edgeFinder finds the next changes of rows.
type edgeFinder struct {
	edges []TimeEdge
	in    []vec.Vec // the row's columns, then now
	now   []int64
	sel   []int32
	lo    []int64
	hi    []int64
	state []searchState
}

type searchState uint8

const (
	searchNone  searchState = iota
	searchPiece             // for the first piece at whose end Reached is true
	searchTime              // for the first time at which it is, in one piece
)

// next lowers out[i] to the next time after now[i] at which some edge changes
// for row i.
func (f *edgeFinder) next(ctx *expr.Ctx, cols []vec.Vec, n int, now, out []int64) error {
	for k := range f.edges {
		e := &f.edges[k]
		if e.At == nil {
			if err := f.search(ctx, e, cols, n, now, out); err != nil {
				return err
			}
			continue
		}
		v, err := e.At.Eval(ctx, cols, nil, n)
		if err != nil {
			return err
		}
		m := v.Mask()
		for i := range n {
			if v.Null(i) {
				continue
			}
			at := v.I64[i&m]
			if at == math.MaxInt64 || at == math.MinInt64 {
				continue // infinity never comes, and has always been
			}
			if at += e.Plus; at > now[i] && at < out[i] {
				out[i] = at
			}
		}
	}
	return nil
}

// at evaluates Reached for the rows of sel at the times f.now; a NULL is false.
func (f *edgeFinder) at(ctx *expr.Ctx, e *TimeEdge, sel []int32, n int, each func(i int32, reached, null bool)) error {
	if len(sel) == 0 {
		return nil
	}
	f.in[len(f.in)-1] = vec.Ints(f.now)
	v, err := e.Reached.Eval(ctx, f.in, sel, n)
	if err != nil {
		return err
	}
	m := v.Mask()
	for _, i := range sel {
		null := v.Null(int(i))
		each(i, !null && v.Bool[int(i)&m], null)
	}
	return nil
}

// search finds an edge's next change by bisection, for all rows at once.
func (f *edgeFinder) search(ctx *expr.Ctx, e *TimeEdge, cols []vec.Vec, n int, now, out []int64) error {
	piece := e.Piece
	if piece == 0 {
		piece = 24 * 3600 * 1_000_000
	}
	f.grow(cols, n)
	if err := f.begin(ctx, e, n, piece, now, out); err != nil {
		return err
	}
	// Pieces first: lo is one too early, hi is late enough.
	for {
		sel := f.sel[:0]
		for i := range n {
			if f.state[i] == searchPiece && f.hi[i]-f.lo[i] > 1 {
				sel = append(sel, int32(i))
				f.now[i] = (f.lo[i]+(f.hi[i]-f.lo[i])/2)*piece + piece - 1
			}
		}
		if f.sel = sel; len(sel) == 0 {
			break
		}
		err := f.at(ctx, e, sel, n, func(i int32, reached, _ bool) { f.halve(i, f.lo[i]+(f.hi[i]-f.lo[i])/2, reached) })
		if err != nil {
			return err
		}
	}
	for i := range n {
		if f.state[i] == searchPiece {
			f.state[i] = searchTime
			f.lo[i], f.hi[i] = f.hi[i]*piece-1, f.hi[i]*piece+piece-1
		}
	}
	return f.within(ctx, e, n, out)
}

func (f *edgeFinder) halve(i int32, mid int64, reached bool) {
	if reached {
		f.hi[i] = mid
	} else {
		f.lo[i] = mid
	}
}

// within finds the time in a piece: Reached is not true at lo, and true at hi.
func (f *edgeFinder) within(ctx *expr.Ctx, e *TimeEdge, n int, out []int64) error {
	for {
		sel := f.sel[:0]
		for i := range n {
			if f.state[i] != searchTime {
				continue
			}
			if f.hi[i]-f.lo[i] > 1 {
				sel = append(sel, int32(i))
				f.now[i] = f.lo[i] + (f.hi[i]-f.lo[i])/2
				continue
			}
			f.state[i] = searchNone
			out[i] = min(out[i], f.hi[i])
		}
		if f.sel = sel; len(sel) == 0 {
			return nil
		}
		if err := f.at(ctx, e, sel, n, func(i int32, reached, _ bool) { f.halve(i, f.now[i], reached) }); err != nil {
			return err
		}
	}
}

func (f *edgeFinder) grow(cols []vec.Vec, n int) {
	if cap(f.now) < n {
		f.now, f.lo, f.hi, f.state = make([]int64, n), make([]int64, n), make([]int64, n), make([]searchState, n)
	}
	f.now, f.lo, f.hi, f.state = f.now[:n], f.lo[:n], f.hi[:n], f.state[:n]
	f.in = append(append(f.in[:0], cols...), vec.Vec{})
	clear(f.state)
}

// begin looks at the piece that now is in and at the start of the next one, and
// says for each row what is to be searched.
func (f *edgeFinder) begin(ctx *expr.Ctx, e *TimeEdge, n int, piece int64, now, out []int64) error {
	var no, yes []int32 // by whether Reached is true now
	sel := f.sel[:0]
	for i := range n {
		sel = append(sel, int32(i))
		f.now[i] = now[i]
	}
	f.sel = sel
	err := f.at(ctx, e, sel, n, func(i int32, reached, null bool) {
		switch {
		case null:
		case reached:
			yes = append(yes, i)
		default:
			no = append(no, i)
		}
	})
	if err != nil {
		return err
	}
	// Not reached: by the end of this piece, or else of a later one, or never.
	for _, i := range no {
		f.lo[i], f.now[i] = now[i], endOfPiece(now[i], piece)
		f.hi[i] = f.now[i]
	}
	later := no[:0]
	err = f.at(ctx, e, no, n, func(i int32, reached, _ bool) {
		if reached {
			f.state[i] = searchTime
			return
		}
		later = append(later, i)
	})
	if err != nil {
		return err
	}
	kept := later[:0]
	for _, i := range later {
		if f.lo[i], f.hi[i] = floorDiv(now[i], piece), floorDiv(lastMicro, piece); f.lo[i] < f.hi[i] {
			f.now[i] = f.hi[i]*piece + piece - 1
			kept = append(kept, i)
		}
	}
	err = f.at(ctx, e, kept, n, func(i int32, reached, _ bool) {
		if reached {
			f.state[i] = searchPiece
		}
	})
	if err != nil || e.Piece == 0 {
		return err
	}
	// Reached: it may begin anew with the next piece, and not after that.
	for _, i := range yes {
		f.now[i] = endOfPiece(now[i], piece) + 1
	}
	return f.at(ctx, e, yes, n, func(i int32, reached, _ bool) {
		if !reached {
			out[i] = min(out[i], f.now[i])
		}
	})
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// endOfPiece is the last microsecond of the piece that t is in.
func endOfPiece(t, piece int64) int64 { return floorDiv(t, piece)*piece + piece - 1 }
