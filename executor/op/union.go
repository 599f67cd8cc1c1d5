package op

import (
	"fmt"

	"streamdb/executor"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
)

// Union is UNION ALL of inputs with equal column types. A column telling the
// branches apart (part of the stream key) is added by the planner below. The
// watermark of a column is the least of the inputs', once all have one. Rows of
// Optional inputs (of a table's writers) wait for the barrier.
type Union struct {
	Ins []executor.Spec
	Out types.Schema
}

// Kind implements executor.Spec.
func (s *Union) Kind() string { return "Union" }

// Inputs implements executor.Spec.
func (s *Union) Inputs() []executor.Spec { return s.Ins }

// Schema implements executor.Spec.
func (s *Union) Schema() types.Schema { return s.Out }

// State implements executor.Spec.
func (s *Union) State() []storage.TableDef { return nil }

// Explain implements executor.Spec.
func (s *Union) Explain() string { return fmt.Sprintf("all: %d inputs", len(s.Ins)) }

// Open implements executor.Spec.
func (s *Union) Open(*executor.OpenCtx) (executor.Operator, error) {
	u := &union{marks: newWatermarks(len(s.Ins)), held: make([][]*stream.Batch, len(s.Ins)), holds: make([]bool, len(s.Ins))}
	for i, in := range s.Ins {
		x, ok := in.(*executor.Input)
		u.holds[i] = ok && x.Optional
	}
	return u, nil
}

type union struct {
	executor.Base
	marks *watermarks
	holds []bool            // by input: it is Optional
	held  [][]*stream.Batch // by input: of this epoch, until the barrier
}

func (u *union) Process(_ *executor.Ctx, in int, b *stream.Batch, out executor.Emitter) error {
	if u.holds[in] {
		u.held[in] = append(u.held[in], b)
		return nil
	}
	return out.Emit(b)
}

// Barrier lets go what Optional inputs brought.
func (u *union) Barrier(_ *executor.Ctx, _ stream.Barrier, out executor.Emitter) error {
	for in, held := range u.held {
		u.held[in] = nil
		for _, b := range held {
			if err := out.Emit(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// Forget drops what an Optional input brought in this epoch.
func (u *union) Forget(in int) { u.held[in] = nil }

func (u *union) Watermark(_ *executor.Ctx, in int, w stream.Watermark, out executor.Emitter) error {
	t, rose := u.marks.update(in, w.Column, w.Time)
	if !rose {
		return nil
	}
	return out.EmitWatermark(stream.Watermark{Column: w.Column, Time: t})
}

// watermarks merges the watermarks of several inputs, column by column: the
// merged one is the least, and exists once every input has one.
type watermarks struct {
	inputs int
	cols   map[int]*mergedMark
}

type mergedMark struct {
	have   []bool
	times  []int64
	merged int64
	any    bool
}

func newWatermarks(inputs int) *watermarks {
	return &watermarks{inputs: inputs, cols: map[int]*mergedMark{}}
}

// update takes the watermark of one input and returns the merged one and
// whether it rose.
func (m *watermarks) update(in, col int, t int64) (int64, bool) {
	c := m.cols[col]
	if c == nil {
		c = &mergedMark{have: make([]bool, m.inputs), times: make([]int64, m.inputs)}
		m.cols[col] = c
	}
	if c.have[in] && t <= c.times[in] {
		return c.merged, false
	}
	c.have[in], c.times[in] = true, t
	least := t
	for i := range c.have {
		if !c.have[i] {
			return 0, false
		}
		least = min(least, c.times[i])
	}
	if c.any && least <= c.merged {
		return c.merged, false
	}
	c.merged, c.any = least, true
	return least, true
}
