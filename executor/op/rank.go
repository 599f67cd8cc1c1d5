package op

import (
	"bytes"
	"slices"

	"streamdb/executor"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// Rank numbers the rows of each group from 1 and appends the number, a bigint,
// to the row: ROW_NUMBER(), or RANK() if Ties gives rows that are equal by Keys
// the number of the first of them. Bounded runs only, over input that is sorted
// by Group and then Keys.
type Rank struct {
	In    executor.Spec
	Group []SortKey
	Keys  []SortKey
	Ties  bool
	Out   types.Schema
}

// Kind implements executor.Spec.
func (s *Rank) Kind() string { return "Rank" }

// Inputs implements executor.Spec.
func (s *Rank) Inputs() []executor.Spec { return []executor.Spec{s.In} }

// Schema implements executor.Spec.
func (s *Rank) Schema() types.Schema { return s.Out }

// State implements executor.Spec.
func (s *Rank) State() []storage.TableDef { return nil }

// Explain implements executor.Spec.
func (s *Rank) Explain() string {
	text := "keys: " + sortList(s.In.Schema(), s.Keys)
	if len(s.Group) > 0 {
		text = "group: " + sortList(s.In.Schema(), s.Group) + ", " + text
	}
	if s.Ties {
		text += ", with ties"
	}
	return text
}

// Open implements executor.Spec.
func (s *Rank) Open(ctx *executor.OpenCtx) (executor.Operator, error) {
	if !ctx.Bounded {
		return nil, sqlerr.Unsupported("numbering rows in a job")
	}
	in := s.In.Schema()
	return &ranker{spec: s, group: newSortEncoder(in, s.Group), keys: newSortEncoder(in, s.Keys)}, nil
}

// ranker keeps the group and the sort key of the row before.
type ranker struct {
	executor.Base
	spec         *Rank
	group, keys  *sortEncoder
	began        bool
	inGroup, key []byte
	n, rank      int64 // rows of the group so far; the number of the last one
}

func (r *ranker) Process(_ *executor.Ctx, _ int, b *stream.Batch, out executor.Emitter) error {
	cols := b.Cols()
	numbers := vec.NewBuilder(types.Of(types.Int8).Layout(), b.Rows())
	for i := range b.Rows() {
		if b.Op(i) != stream.Insert {
			return sqlerr.New(sqlerr.InternalError, "rank: a bounded input retracts a row")
		}
		group := r.group.encode(cols, i)
		first := !r.began || !bytes.Equal(group, r.inGroup)
		if first {
			r.began, r.n = true, 0
			r.inGroup = append(r.inGroup[:0], group...)
		}
		r.n++
		if !r.spec.Ties {
			r.rank = r.n
		} else if key := r.keys.encode(cols, i); first || !bytes.Equal(key, r.key) {
			r.rank = r.n
			r.key = append(r.key[:0], key...)
		}
		numbers.AppendDatum(types.IntDatum(r.rank))
	}
	return out.Emit(stream.NewBatch(b.Rows(), append(slices.Clone(cols), numbers.Vec()), nil))
}
