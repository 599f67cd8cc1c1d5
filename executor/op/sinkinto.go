package op

import (
	"errors"
	"fmt"

	"streamdb/executor"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// SinkInto is the end of a sink's job that leads into a table: it gives the
// changes of a query the form of the table's rows. The table's job reads them.
type SinkInto struct {
	In      executor.Spec
	Name    string // of the table
	Cols    []int  // per column of the table: the input's column, or one of the below
	Inserts bool   // of each epoch's net change only the inserted rows go on: deletes are dropped, an update is an insert
	Out     types.Schema
	// Fill are the values, as text, of the FillCols; absent: NULL.
	Fill map[int]string `json:"fill,omitempty"`
}

// What is in SinkInto.Cols for columns that the query does not give.
const (
	RowIDCol = -1 // the hidden row id, given out here
	FillCol  = -2 // the same value for all rows: the column came later than the sink, or was dropped
)

// WidenSink puts the columns that a table has now into the plan of a sink that
// writes it: the sink's rows get the values that the table's own rows got.
func WidenSink(p *executor.Plan, table RowTable) error {
	into, ok := p.Fragments[len(p.Fragments)-1].Root.(*SinkInto)
	if !ok {
		return fmt.Errorf("op: job %d does not end in a table", p.Job)
	}
	for c := len(into.Cols); c < len(table.Cols); c++ {
		into.Cols = append(into.Cols, FillCol)
		if v, ok := table.Missing[c]; ok {
			if into.Fill == nil {
				into.Fill = map[int]string{}
			}
			into.Fill[c] = v
		}
	}
	into.Out = table.Cols
	return nil
}

// SinkGives reports whether the query of a sink into a table gives a column of
// the table its value.
func SinkGives(p *executor.Plan, col int) bool {
	into, ok := p.Fragments[len(p.Fragments)-1].Root.(*SinkInto)
	return !ok || col < len(into.Cols) && into.Cols[col] >= 0
}

// Kind is "SinkInto".
func (*SinkInto) Kind() string { return "SinkInto" }

// Inputs is the changes of the query, the columns of its key among them.
func (s *SinkInto) Inputs() []executor.Spec { return []executor.Spec{s.In} }

// Schema is the columns of the table.
func (s *SinkInto) Schema() types.Schema { return s.Out }

// State is empty: what arrived is passed on with its epoch.
func (*SinkInto) State() []storage.TableDef { return nil }

// Explain names the table and what is dropped.
func (s *SinkInto) Explain() string {
	if s.Inserts {
		return s.Name + " inserts only"
	}
	return s.Name
}

// Open makes the operator.
func (s *SinkInto) Open(ctx *executor.OpenCtx) (executor.Operator, error) {
	x := &sinkInto{spec: s, ids: envOf(ctx).RowIDs, fill: make([]types.Datum, len(s.Cols))}
	for k, c := range s.Cols {
		x.fill[k] = types.NullDatum
		if c == RowIDCol && x.ids == nil {
			return nil, errors.New("op: SinkInto needs Env.RowIDs")
		}
		text, ok := s.Fill[k]
		if c != FillCol || !ok {
			continue
		}
		v, err := types.ParseText(s.Out[k].Type, text, nil)
		if err != nil {
			return nil, err
		}
		x.fill[k] = v
	}
	return x, nil
}

type sinkInto struct {
	executor.Base
	spec    *SinkInto
	ids     func(n int) int64
	fill    []types.Datum   // per column of the table
	batches []*stream.Batch // Inserts: of the epoch
	net     rowWeights
}

func (s *sinkInto) Process(_ *executor.Ctx, _ int, b *stream.Batch, out executor.Emitter) error {
	if !s.spec.Inserts {
		return s.emit(b, out)
	}
	s.batches = append(s.batches, b)
	s.net.addBatch(b)
	return nil
}

// Watermark is of no use to the table: it has other writers.
func (*sinkInto) Watermark(*executor.Ctx, int, stream.Watermark, executor.Emitter) error { return nil }

// Barrier emits the rows that the epoch has more of than before it.
func (s *sinkInto) Barrier(_ *executor.Ctx, _ stream.Barrier, out executor.Emitter) error {
	for _, b := range s.batches {
		cols := b.Cols()
		var sel []int32
		for i := range b.Rows() {
			if b.Op(i) != stream.Insert {
				continue
			}
			if left := &s.net.sum[s.net.of(cols, i)]; *left > 0 {
				*left--
				sel = append(sel, int32(i))
			}
		}
		if len(sel) == 0 {
			continue
		}
		if err := s.emit(b.Take(sel), out); err != nil {
			return err
		}
	}
	s.batches = nil
	s.net.reset()
	return nil
}

// emit gives a batch the columns of the table.
func (s *sinkInto) emit(b *stream.Batch, out executor.Emitter) error {
	in := b.Cols()
	cols := make([]vec.Vec, len(s.spec.Cols))
	for k, c := range s.spec.Cols {
		if c >= 0 {
			cols[k] = in[c]
			continue
		}
		if c == FillCol {
			v := vec.ConstOf(s.spec.Out[k].Type.Layout(), s.fill[k], b.Rows())
			cols[k] = v.Dense()
			continue
		}
		ids := make([]int64, b.Rows())
		first := s.ids(len(ids))
		for i := range ids {
			ids[i] = first + int64(i)
		}
		cols[k] = vec.Ints(ids)
	}
	return out.Emit(stream.NewBatch(b.Rows(), cols, b.Ops))
}
