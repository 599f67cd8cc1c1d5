package op

import (
	"fmt"
	"math"
	"time"

	"streamdb/executor"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// Hop assigns each row to the windows it falls in and appends window_start and
// window_end (type of the time column, or timestamp for dates). Windows are
// [start, start+Size), starts are multiples of Slide plus Offset from the epoch
// 1970-01-01. Tumbling windows have Slide == Size. Cumulating windows begin at
// multiples of Size plus Offset and end after each Slide, of which Size is a
// multiple: a row is in those that have not ended before it. Rows whose time is NULL are
// dropped; an infinite time has one window that starts and ends at it. A
// watermark on the time column passes, and becomes one on window_start: the
// greatest start whose window is entirely at or below it; and one on window_end.
type Hop struct {
	In                  executor.Spec
	Time                int   // input column: timestamp, timestamptz or date
	Slide, Size, Offset int64 // microseconds
	Cumulate            bool
	// Pane is, where Time is the start of panes of that length and a row stands for
	// some of a whole pane, the length: a watermark on Time is one on all of its pane.
	Pane int64
	Out  types.Schema
}

const usPerDay = 86400 * 1000000

// Kind implements executor.Spec.
func (s *Hop) Kind() string { return "Hop" }

// Inputs implements executor.Spec.
func (s *Hop) Inputs() []executor.Spec { return []executor.Spec{s.In} }

// Schema implements executor.Spec.
func (s *Hop) Schema() types.Schema { return s.Out }

// State implements executor.Spec.
func (s *Hop) State() []storage.TableDef { return nil }

// Explain implements executor.Spec.
func (s *Hop) Explain() string {
	text := fmt.Sprintf("time: %s, size: %s", colName(s.In.Schema(), s.Time), time.Duration(s.Size)*time.Microsecond)
	switch {
	case s.Cumulate:
		text += fmt.Sprintf(", cumulating every %s", time.Duration(s.Slide)*time.Microsecond)
	case s.Slide != s.Size:
		text += fmt.Sprintf(", slide: %s", time.Duration(s.Slide)*time.Microsecond)
	}
	if s.Pane != 0 {
		text += ", of panes"
	}
	if s.Offset != 0 {
		text += fmt.Sprintf(", offset: %s", time.Duration(s.Offset)*time.Microsecond)
	}
	return text
}

// Open implements executor.Spec.
func (s *Hop) Open(*executor.OpenCtx) (executor.Operator, error) {
	if s.Slide <= 0 || s.Size <= 0 {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "window size and slide must be greater than zero")
	}
	return &hop{spec: s, scale: s.scale()}, nil
}

// scale is the microseconds in one unit of the time column.
func (s *Hop) scale() int64 {
	if s.In.Schema()[s.Time].Type.ID == types.Date {
		return usPerDay
	}
	return 1
}

type hop struct {
	executor.Base
	spec  *Hop
	scale int64
	sel   []int32
	marks [2]int64 // last watermarks sent on window_start and window_end
	sent  bool
}

// start is the greatest window start at or below t.
func (h *hop) start(t int64) int64 {
	if h.spec.Cumulate {
		return h.below(t, h.spec.Size)
	}
	return h.below(t, h.spec.Slide)
}

// below is the greatest multiple of step, from Offset, at or below t.
func (h *hop) below(t, step int64) int64 {
	d := t - h.spec.Offset
	q := d / step
	if d%step < 0 {
		q--
	}
	return q*step + h.spec.Offset
}

func (h *hop) Process(_ *executor.Ctx, _ int, b *stream.Batch, out executor.Emitter) error {
	cols, n := b.Cols(), b.Rows()
	tc := &cols[h.spec.Time]
	if starts := h.tumble(tc, n); starts != nil {
		ends := make([]int64, n)
		for i, s := range starts {
			ends[i] = s + h.spec.Size
		}
		return out.Emit(stream.NewBatch(n, append(cols[:len(cols):len(cols)], vec.Ints(starts), vec.Ints(ends)), b.Ops))
	}
	sel := h.sel[:0]
	perRow := int((h.spec.Size + h.spec.Slide - 1) / h.spec.Slide)
	starts := make([]int64, 0, n*perRow)
	ends := make([]int64, 0, n*perRow)
	m := tc.Mask()
	slide, size := h.spec.Slide, h.spec.Size
	last, until := int64(0), int64(math.MinInt64) // the latest window of the row before begins here; so does that of others before then
	for i := range n {
		if tc.Null(i) {
			continue
		}
		t := tc.I64[i&m]
		if t == math.MaxInt64 || t == math.MinInt64 {
			sel, starts, ends = append(sel, int32(i)), append(starts, t), append(ends, t)
			continue
		}
		t *= h.scale
		if h.spec.Cumulate {
			s := h.start(t)
			for e := h.below(t, slide) + slide; e <= s+size; e += slide {
				sel, starts, ends = append(sel, int32(i)), append(starts, s), append(ends, e)
			}
			continue
		}
		if t < last || t >= until {
			last = h.start(t)
			until = last + slide
		}
		for s := last; s > t-size; s -= slide {
			sel, starts, ends = append(sel, int32(i)), append(starts, s), append(ends, s+size)
		}
	}
	h.sel = sel
	most := batchRows(cols, n)
	for from := 0; from < len(sel); from += most {
		to := min(from+most, len(sel))
		part := sel[from:to]
		res := make([]vec.Vec, 0, len(cols)+2)
		whole := perRow == 1 && len(sel) == n && to-from == n // every row once: nothing to gather
		for j := range cols {
			if whole {
				res = append(res, cols[j])
			} else {
				res = append(res, cols[j].Gather(part))
			}
		}
		res = append(res, vec.Ints(starts[from:to]), vec.Ints(ends[from:to]))
		ops := b.Ops
		if ops != nil && !whole {
			ops = make([]stream.Op, len(part))
			for k, i := range part {
				ops[k] = b.Ops[i]
			}
		}
		if err := out.Emit(stream.NewBatch(len(part), res, ops)); err != nil {
			return err
		}
	}
	return nil
}

// tumble is where the windows begin, of rows that have one each; nil: some may have
// none, or several.
func (h *hop) tumble(tc *vec.Vec, n int) []int64 {
	if h.spec.Slide != h.spec.Size || h.spec.Cumulate || h.scale != 1 || tc.Const || tc.HasNulls() {
		return nil
	}
	low, high := extremes(tc.I64[:n])
	if low == math.MinInt64 || high == math.MaxInt64 || n == 0 {
		return nil
	}
	starts := make([]int64, n)
	start := h.start(tc.I64[0])
	for i, t := range tc.I64[:n] {
		if uint64(t-start) >= uint64(h.spec.Size) {
			start = h.start(t)
		}
		starts[i] = start
	}
	return starts
}

func (h *hop) Watermark(_ *executor.Ctx, _ int, w stream.Watermark, out executor.Emitter) error {
	if err := out.EmitWatermark(w); err != nil {
		return err
	}
	if w.Column != h.spec.Time || w.Time == math.MaxInt64 || w.Time == math.MinInt64 {
		return nil
	}
	t := w.Time
	if h.scale > 1 {
		t = (t+1)*h.scale - 1 // the last instant of the day
	}
	t += max(h.spec.Pane-1, 0)
	// Later rows are at t+1 or after: a window stays open while its end is beyond t+1.
	start := h.start(t + 1 - h.spec.Size)
	end := start + h.spec.Size
	if h.spec.Cumulate {
		end = h.below(t+1, h.spec.Slide)
	}
	if h.sent && end <= h.marks[1] {
		return nil
	}
	h.sent, h.marks = true, [2]int64{start, end}
	base := len(h.spec.In.Schema())
	for k, time := range h.marks {
		if err := out.EmitWatermark(stream.Watermark{Column: base + k, Time: time}); err != nil {
			return err
		}
	}
	return nil
}
