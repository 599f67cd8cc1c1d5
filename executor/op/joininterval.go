package op

import (
	"fmt"
	"math"
	"time"

	"streamdb/executor"
	"streamdb/stream"
)

// JoinInterval says that the condition of a join bounds how far the times of two
// rows that match are apart: Low <= left - right <= High, in microseconds. Rows
// that the watermarks have left behind by more than that are dropped.
type JoinInterval struct {
	On        bool `json:"on"`
	L         int  `json:"l"` // column of the left input
	R         int  `json:"r"` // column of the right input
	HasLow    bool `json:"hasLow,omitempty"`
	HasHigh   bool `json:"hasHigh,omitempty"`
	Low, High int64
	// Which of the columns have watermarks.
	MarkL bool `json:"markL,omitempty"`
	MarkR bool `json:"markR,omitempty"`
	// Until bounds the side that Low, or High, says nothing of by another of its
	// columns; nil: there is none.
	Until *JoinUntil `json:"until,omitempty"`
}

// JoinUntil says that a row of the side In (0: left) of an inner join only matches
// rows of the other side whose time is at most its own in Col, less By microseconds. So
// it is dropped when Col is at most the watermark of the other side's column of the
// interval, plus By. The side is append-only.
type JoinUntil struct {
	In  int   `json:"in"`
	Col int   `json:"col"`
	By  int64 `json:"by,omitempty"`
}

// CleansLeft and CleansRight report whether rows of a side are ever dropped.
//
// A left row can be dropped once all right rows to come are too late for it: its
// time is at most watermark(right) + Low. Where retractions of it may come, its own
// watermark must have passed it too. And while left rows count their matches
// (outer, semi and anti joins) a right row stays until those that it matches are
// dropped, so that a count that is made anew after a restart is the same. A full
// join would have each side wait for the other: it drops nothing.
func (j *HashJoin) CleansLeft() bool {
	return j.until(0) || j.cleansLeftBase() && j.Type != FullJoin && (j.Type != RightJoin || j.cleansRightBase())
}

// CleansRight is the mirror image.
func (j *HashJoin) CleansRight() bool {
	counted := j.Type == LeftJoin || j.Type == SemiJoin || j.Type == AntiJoin
	return j.until(1) || j.cleansRightBase() && j.Type != FullJoin && (!counted || j.cleansLeftBase())
}

func (j *HashJoin) cleansLeftBase() bool {
	i := &j.Interval
	return i.On && j.Residual != nil && i.HasLow && i.MarkR && (j.L.AppendOnly || i.MarkL)
}

func (j *HashJoin) cleansRightBase() bool {
	i := &j.Interval
	return i.On && j.Residual != nil && i.HasHigh && i.MarkL && (j.R.AppendOnly || i.MarkR)
}

// until reports whether rows of a side are dropped by Until.
func (j *HashJoin) until(side int) bool {
	u := j.Interval.Until
	return u != nil && u.In == side
}

// timeOf is the column by which rows of a side are dropped.
func (j *HashJoin) timeOf(side int) int {
	if j.until(side) {
		return j.Interval.Until.Col
	}
	return [2]int{j.Interval.L, j.Interval.R}[side]
}

// past is what is added to the other side's watermark for the times at and below which
// rows of a side are dropped.
func (j *HashJoin) past(side int) int64 {
	if j.until(side) {
		return j.Interval.Until.By
	}
	return [2]int64{j.Interval.Low, -j.Interval.High}[side]
}

// cleaning describes for EXPLAIN when rows are dropped.
func (j *HashJoin) cleaning() string {
	ls, rs := j.Left.Schema(), j.Right.Schema()
	text := ""
	if j.CleansLeft() {
		text += fmt.Sprintf(" left when %s <= watermark(%s)%s", colName(ls, j.timeOf(0)), colName(rs, j.Interval.R), signed(j.past(0)))
	}
	if j.CleansRight() {
		if text != "" {
			text += ","
		}
		text += fmt.Sprintf(" right when %s <= watermark(%s)%s", colName(rs, j.timeOf(1)), colName(ls, j.Interval.L), signed(j.past(1)))
	}
	if text == "" {
		return ""
	}
	return " state cleaned:" + text
}

func signed(us int64) string {
	switch d := time.Duration(us) * time.Microsecond; {
	case d < 0:
		return " - " + (-d).String()
	case d > 0:
		return " + " + d.String()
	}
	return ""
}

// bounds are the times at and below which rows of the sides are dropped now;
// MinInt64: none.
func (j *hashJoin) bounds() [2]int64 {
	i, s := &j.spec.Interval, j.spec
	l, r := &j.sides[0], &j.sides[1]
	none := int64(math.MinInt64)
	left, right := none, none
	if i.HasLow && r.has && (s.L.AppendOnly || l.has) {
		left = r.mark + i.Low
		if !s.L.AppendOnly {
			left = min(left, l.mark)
		}
	}
	if i.HasHigh && l.has && (s.R.AppendOnly || r.has) {
		right = l.mark - i.High
		if !s.R.AppendOnly {
			right = min(right, r.mark)
		}
	}
	switch s.Type {
	case FullJoin:
		left, right = none, none
	case RightJoin:
		if right == none || left == none {
			left = none
		} else {
			left = min(left, right+i.Low)
		}
	case LeftJoin, SemiJoin, AntiJoin:
		if right == none || left == none {
			right = none
		} else {
			right = min(right, left-i.High)
		}
	case InnerJoin:
		if s.until(0) && r.has {
			left = r.mark + s.past(0)
		} else if s.until(1) && l.has {
			right = l.mark + s.past(1)
		}
	}
	return [2]int64{left, right}
}

// intervalWatermark takes a watermark of a time column and passes on what it
// says of the output: a new left row brings right rows of at least its time less
// High, a new right row left ones of at least its time plus Low.
func (j *hashJoin) intervalWatermark(in int, w stream.Watermark, out executor.Emitter) error {
	i := &j.spec.Interval
	if w.Column != [2]int{i.L, i.R}[in] {
		return nil
	}
	d := &j.sides[in]
	d.raise(w.Time)
	l, r := &j.sides[0], &j.sides[1]
	if !l.has || !r.has {
		return nil
	}
	var times [2]int64
	times[0], times[1] = min(l.mark, r.mark+i.Low), min(r.mark, l.mark-i.High)
	for side, known := range [2]bool{i.HasLow, i.HasHigh} {
		if !known || j.sides[side].sent && times[side] <= j.sides[side].passed {
			continue
		}
		j.sides[side].sent, j.sides[side].passed = true, times[side]
		col := i.L
		if side == 1 {
			col = i.R + j.out.width
		}
		for k, c := range j.spec.Cols {
			if c == col && (side == 0 || j.pairs) {
				if err := out.EmitWatermark(stream.Watermark{Column: k, Time: times[side]}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// cleanInterval drops the rows that nothing to come can match.
func (j *hashJoin) cleanInterval() {
	bounds := j.bounds()
	for k := range j.sides {
		if bounds[k] == math.MinInt64 { // not even infinite times are past
			continue
		}
		d := &j.sides[k]
		times, slots := &d.rows.cols[d.timeAt], j.placed[:0]
		d.ages.due(bounds[k], func(a windowKey) {
			// The slot may have been freed, and used again, since.
			if s := a.id; d.rows.key[s] >= 0 && !times.null(s) && times.i64.at(s) <= bounds[k] {
				slots = append(slots, s)
			}
		})
		j.placed = slots
		j.forget(d, slots)
	}
}

// age lists a row by its time, if rows of the side are ever dropped.
func (d *joinSide) age(slot int32) {
	if c := &d.rows.cols[d.timeAt]; !c.null(slot) {
		d.ages.add(c.i64.at(slot), slot)
	}
}
