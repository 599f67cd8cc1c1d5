package op

import (
	"bytes"

	"streamdb/storage"
	"streamdb/types"
	"streamdb/vec"
)

// winRow is a row of a partition, its bytes in an arena: the sort key and the
// row key one after the other, then the input row; elsewhere the results.
type winRow struct {
	at, out                span
	slen, klen, ilen, olen uint32
}

// noOutput is the olen of a row whose results have not been computed yet.
const noOutput = ^uint32(0)

// size is how many bytes the row has in the arena.
func (r *winRow) size() int {
	if r.olen == noOutput {
		return int(r.klen + r.ilen)
	}
	return int(r.klen + r.ilen + r.olen)
}

// winPart is the rows of one partition in order. Of the columns that calls read
// it has a section: the rows from base on.
type winPart struct {
	*winPages
	base int
	view int       // rows in cols
	cols []vec.Vec // by input column; only those that calls read
	// checks are kept states of running aggregates, by call; nil: none are kept.
	checks [][]winCheck
}

// sortKey is the ORDER BY of row i; like key, input and output it stays as it is
// when pages come and go.
func (p *winPart) sortKey(i int) []byte {
	r := p.row(i)
	if r.slen == 0 {
		return nil
	}
	return p.data.get(r.at, int(r.slen))
}

// input is the row that came, as a stored row.
func (p *winPart) input(i int) []byte {
	r := p.row(i)
	if r.ilen == 0 {
		return nil
	}
	return p.data.get(r.at, int(r.klen+r.ilen))[r.klen:]
}

// output is the results, as a stored row.
func (p *winPart) output(i int) []byte {
	r := p.row(i)
	if r.olen == 0 || r.olen == noOutput {
		return nil
	}
	return p.data.get(r.out, int(r.olen))
}

func (p *winPart) peers(i, j int) bool { return bytes.Equal(p.sortKey(i), p.sortKey(j)) }

// winNear is how many rows are looked at one by one before they are searched.
const winNear = 16

// groupStart is the first row of the peers of row i.
func (p *winPart) groupStart(i int) int {
	key := p.sortKey(i)
	for range winNear {
		if i == 0 || !bytes.Equal(p.sortKey(i-1), key) {
			return i
		}
		i--
	}
	return min(i, p.firstFrom(key, false))
}

// groupEnd is the row after the peers of row i.
func (p *winPart) groupEnd(i int) int {
	key := p.sortKey(i)
	i++
	for range winNear {
		if i >= p.total || !bytes.Equal(p.sortKey(i), key) {
			return i
		}
		i++
	}
	return max(i, p.firstFrom(key, true))
}

// groupsBack is the start of the group n groups before that of row i.
func (p *winPart) groupsBack(i int, n int64) int {
	for i = p.groupStart(i); n > 0 && i > 0; n-- {
		i = p.groupStart(i - 1)
	}
	return i
}

// groupsAhead is the end of the group n groups after that of row i.
func (p *winPart) groupsAhead(i int, n int64) int {
	for i = p.groupEnd(i); n > 0 && i < p.total; n-- {
		i = p.groupEnd(i)
	}
	return i
}

// winReader reads columns of rows that are stored as bytes.
type winReader struct {
	need []int // input columns
	dec  *storage.RowDecoder
	out  []*vec.Builder
}

func newWinReader(in types.Schema, need []int) *winReader {
	return &winReader{need: need, dec: storage.NewRowDecoder(schemaLayouts(in), need)}
}

// read makes the columns of the rows from .. to-1 the section of the partition.
func (r *winReader) read(p *winPart, from, to, width int) error {
	out := r.dec.Builders(to - from)
	for i := from; i < to; i++ {
		in := p.input(i)
		if p.err != nil {
			return p.err
		}
		if err := r.dec.Append(out, in); err != nil {
			return err
		}
	}
	p.base, p.view = from, to-from
	p.cols = make([]vec.Vec, width)
	for k, c := range r.need {
		p.cols[c] = out[k].Vec()
	}
	return nil
}

// winFrames is the frames of the rows from .. from+len(start)-1: the rows
// start[k] .. end[k]-1, and in peers their peers if anybody wants to know.
type winFrames struct {
	from               int
	start, end         []int32
	peerStart, peerEnd []int32
	exclude            FrameExclude
}

// segments are the rows of the frame of row i, without those that it leaves
// out: at most three stretches, in order; the others are empty.
func (f *winFrames) segments(i int) (out [3][2]int) {
	k := i - f.from
	s, e := int(f.start[k]), int(f.end[k])
	lo, hi := 0, 0 // what is left out
	switch f.exclude {
	case ExcludeNoOthers:
		out[0] = [2]int{s, e}
		return out
	case ExcludeCurrentRow:
		lo, hi = i, i+1
	default:
		lo, hi = int(f.peerStart[k]), int(f.peerEnd[k])
	}
	out[0] = [2]int{s, max(s, min(e, lo))}
	if f.exclude == ExcludeTies && s <= i && i < e {
		out[1] = [2]int{i, i + 1}
	}
	out[2] = [2]int{min(e, max(s, hi)), e}
	return out
}

// left is the part of the frame of row i that it leaves out.
func (f *winFrames) left(i int) (out [2][2]int) {
	k := i - f.from
	s, e := int(f.start[k]), int(f.end[k])
	clip := func(a, b int) [2]int {
		a, b = max(a, s), min(b, e)
		return [2]int{a, max(a, b)}
	}
	switch f.exclude {
	case ExcludeCurrentRow:
		out[0] = clip(i, i+1)
	case ExcludeGroup:
		out[0] = clip(int(f.peerStart[k]), int(f.peerEnd[k]))
	case ExcludeTies:
		out[0], out[1] = clip(int(f.peerStart[k]), i), clip(i+1, int(f.peerEnd[k]))
	}
	return out
}

// frameEval computes frames; it keeps the bytes of bounds.
type frameEval struct {
	in   types.Schema
	keys []SortKey
	buf  []byte
}

// peersOf fills in the peers of the rows from .. to-1.
func (e *frameEval) peersOf(p *winPart, from, to int) (start, end []int32) {
	start, end = make([]int32, to-from), make([]int32, to-from)
	for i := from; i < to; {
		s := i
		if i == from {
			s = p.groupStart(i)
		}
		next := p.groupEnd(i)
		for ; i < min(next, to); i++ {
			start[i-from], end[i-from] = int32(s), int32(next)
		}
	}
	return start, end
}

// boundKey is the sort key that a RANGE frame of row i goes to: the row must be
// in the section.
func (e *frameEval) boundKey(p *winPart, col, i int) []byte {
	k := e.keys[0]
	e.buf = types.AppendKey(e.buf[:0], e.in[col].Type, keyDatum(&p.cols[col], i-p.base), k.Desc, k.NullsFirst)
	return e.buf
}

// compute finds the frames of the rows from .. to-1. Columns of bounds must be
// in the section.
func (e *frameEval) compute(p *winPart, f *WindowFrame, from, to int) *winFrames {
	n := to - from
	out := &winFrames{from: from, start: make([]int32, n), end: make([]int32, n), exclude: f.Exclude}
	byPeers := f.Mode != RowsFrame && (f.Start.Kind == CurrentRow || f.End.Kind == CurrentRow)
	if byPeers || f.Exclude == ExcludeGroup || f.Exclude == ExcludeTies {
		out.peerStart, out.peerEnd = e.peersOf(p, from, to)
	}
	e.bound(p, f, &f.Start, false, out, out.start)
	e.bound(p, f, &f.End, true, out, out.end)
	for k := range out.start {
		out.end[k] = max(out.end[k], out.start[k])
	}
	return out
}

// bound fills one side of the frames; of the end the row after it.
func (e *frameEval) bound(p *winPart, f *WindowFrame, b *FrameBound, end bool, fr *winFrames, to []int32) {
	total := p.total
	switch {
	case b.Kind == UnboundedPreceding:
		return // 0
	case b.Kind == UnboundedFollowing:
		for k := range to {
			to[k] = int32(total)
		}
	case f.Mode == RowsFrame:
		shift := 0
		switch b.Kind {
		case Preceding:
			shift = -int(min(b.N, noLimit))
		case Following:
			shift = int(min(b.N, noLimit))
		}
		if end {
			shift++
		}
		for k := range to {
			to[k] = int32(min(max(fr.from+k+shift, 0), total))
		}
	case b.Kind == CurrentRow && end:
		copy(to, fr.peerEnd)
	case b.Kind == CurrentRow:
		copy(to, fr.peerStart)
	case f.Mode == RangeFrame:
		at := 0
		for k := range to {
			key := e.boundKey(p, b.Col, fr.from+k)
			if k == 0 {
				at = p.firstFrom(key, end)
			}
			for at < total {
				if c := bytes.Compare(p.sortKey(at), key); c > 0 || c == 0 && !end {
					break
				}
				at++
			}
			to[k] = int32(at)
		}
	default:
		e.groups(p, b, end, fr.from, to)
	}
}

// groups is bound for GROUPS frames with a count: it lists where the groups
// around the rows start.
func (e *frameEval) groups(p *winPart, b *FrameBound, end bool, from int, to []int32) {
	if len(to) == 0 {
		return
	}
	back, ahead := int64(0), int64(0)
	if b.Kind == Preceding {
		back = b.N
	} else {
		ahead = b.N
	}
	first, last := p.groupsBack(from, back), p.groupsAhead(from+len(to)-1, ahead)
	var starts []int
	own := 0 // the group of row from
	for at := first; at < last; at = p.groupEnd(at) {
		if at <= from {
			own = len(starts)
		}
		starts = append(starts, at)
	}
	start := func(g int64) int32 {
		switch {
		case g < 0:
			return 0
		case g >= int64(len(starts)):
			return int32(last)
		}
		return int32(starts[g])
	}
	g := own
	for k := range to {
		if g+1 < len(starts) && starts[g+1] == from+k {
			g++
		}
		at := int64(g) - back + ahead
		if end {
			at++
		}
		to[k] = start(at)
	}
}
