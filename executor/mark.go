package executor

import (
	"math"

	"streamdb/stream"
)

// noMark is the watermark of an edge that has not delivered one.
const noMark = math.MinInt64

// inputMark merges the watermarks of one column over the edges of an input: the
// lowest counts, edges that ended do not.
type inputMark struct {
	column int
	edges  []int64 // by edge
	merged int64
}

// mark takes a watermark of an edge and passes the input's on if it rose.
func (t *Task) mark(e *inEdge, w stream.Watermark) error {
	in := e.input
	var m *inputMark
	for i := range in.marks {
		if in.marks[i].column == w.Column {
			m = &in.marks[i]
		}
	}
	if m == nil {
		in.marks = append(in.marks, inputMark{column: w.Column, edges: make([]int64, len(in.edges)), merged: noMark})
		m = &in.marks[len(in.marks)-1]
		for i := range m.edges {
			m.edges[i] = noMark
		}
	}
	m.edges[e.at] = max(m.edges[e.at], w.Time)
	return t.raise(in, m)
}

// forgetMarks stops an ended edge from holding watermarks back.
func (t *Task) forgetMarks(e *inEdge) error {
	for i := range e.input.marks {
		if err := t.raise(e.input, &e.input.marks[i]); err != nil {
			return err
		}
	}
	return nil
}

func (t *Task) raise(in *taskInput, m *inputMark) error {
	lowest, any := int64(math.MaxInt64), false
	for i, at := range m.edges {
		if !in.edges[i].ended {
			lowest, any = min(lowest, at), true
		}
	}
	if !any || lowest <= m.merged {
		return nil
	}
	m.merged = lowest
	return in.to.op.Watermark(t.call, in.in, stream.Watermark{Column: m.column, Time: lowest}, &in.to.out)
}

// keepMark remembers what was sent, for outputs to come.
func (t *Task) keepMark(w stream.Watermark) {
	for i := range t.marks {
		if t.marks[i].Column == w.Column {
			t.marks[i] = w
			return
		}
	}
	t.marks = append(t.marks, w)
}

// greet gives an output that begins now the watermarks of its past: the reader
// may wait for them although no row comes any more. They always find room, as
// the reader does not run before the barrier is committed.
func (t *Task) greet(o *output) {
	for i := range t.marks {
		w := t.marks[i]
		for _, e := range o.edges {
			e.prime(stream.Message{Watermark: &w})
		}
	}
}
