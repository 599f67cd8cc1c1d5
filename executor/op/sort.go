package op

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"streamdb/executor"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// Sort orders its whole input; bounded runs only. Ties keep their input order.
type Sort struct {
	In   executor.Spec
	Keys []SortKey
}

// Kind implements executor.Spec.
func (s *Sort) Kind() string { return "Sort" }

// Inputs implements executor.Spec.
func (s *Sort) Inputs() []executor.Spec { return []executor.Spec{s.In} }

// Schema implements executor.Spec.
func (s *Sort) Schema() types.Schema { return s.In.Schema() }

// State implements executor.Spec.
func (s *Sort) State() []storage.TableDef { return nil }

// Explain implements executor.Spec.
func (s *Sort) Explain() string { return "keys: " + sortList(s.In.Schema(), s.Keys) }

// Open implements executor.Spec.
func (s *Sort) Open(ctx *executor.OpenCtx) (executor.Operator, error) {
	if !ctx.Bounded {
		return nil, sqlerr.Unsupported("ORDER BY without LIMIT in a job")
	}
	return &sorter{spec: s, enc: newSortEncoder(s.In.Schema(), s.Keys), memory: memory{acc: ctx.Memory}}, nil
}

// sorter keeps its input and sorts references to rows by their encoded sort
// key, whose first eight bytes decide most comparisons.
type sorter struct {
	executor.Base
	spec    *Sort
	enc     *sortEncoder
	memory  memory
	batches []*stream.Batch
	rows    []sortRow
	keys    arena
}

type sortRow struct {
	prefix uint64
	at     span
	klen   uint32
	batch  int32
	row    int32
}

func (s *sorter) Process(_ *executor.Ctx, _ int, b *stream.Batch, _ executor.Emitter) error {
	cols := b.Cols()
	had := s.keys.size
	for i := range b.Rows() {
		if b.Op(i) != stream.Insert {
			return sqlerr.New(sqlerr.InternalError, "sort: a bounded input retracts a row")
		}
		key := s.enc.encode(cols, i)
		s.rows = append(s.rows, sortRow{prefixOf(key), s.keys.add(key), uint32(len(key)), int32(len(s.batches)), int32(i)})
	}
	s.batches = append(s.batches, b)
	return s.memory.grow(int64(b.Bytes()) + s.keys.size - had + int64(b.Rows()*32))
}

// Barrier sorts and emits: the run ends here.
func (s *sorter) Barrier(ctx *executor.Ctx, _ stream.Barrier, out executor.Emitter) error {
	slices.SortStableFunc(s.rows, func(a, b sortRow) int {
		if a.prefix != b.prefix {
			return cmp.Compare(a.prefix, b.prefix)
		}
		return bytes.Compare(s.keys.get(a.at, int(a.klen)), s.keys.get(b.at, int(b.klen)))
	})
	schema := s.spec.Schema()
	size := stream.BatchRows
	for _, b := range s.batches {
		size = min(size, batchRows(b.Cols(), b.Rows()))
	}
	for from := 0; from < len(s.rows); from += size {
		if err := ctx.Err(); err != nil {
			return err
		}
		part := s.rows[from:min(from+size, len(s.rows))]
		cols := make([]vec.Vec, len(schema))
		for j := range cols {
			bld := vec.NewBuilder(schema[j].Type.Layout(), len(part))
			for _, r := range part {
				bld.AppendFrom(&s.batches[r.batch].Cols()[j], int(r.row))
			}
			cols[j] = bld.Vec()
		}
		if err := out.Emit(stream.NewBatch(len(part), cols, nil)); err != nil {
			return err
		}
	}
	s.batches, s.rows = nil, nil
	return nil
}

func (s *sorter) Close() error {
	s.memory.release()
	return nil
}

// Limit passes Limit rows after Offset rows in arrival order; bounded runs only.
// A negative Limit means no limit.
type Limit struct {
	In            executor.Spec
	Limit, Offset int64
}

// Kind implements executor.Spec.
func (s *Limit) Kind() string { return "Limit" }

// Inputs implements executor.Spec.
func (s *Limit) Inputs() []executor.Spec { return []executor.Spec{s.In} }

// Schema implements executor.Spec.
func (s *Limit) Schema() types.Schema { return s.In.Schema() }

// State implements executor.Spec.
func (s *Limit) State() []storage.TableDef { return nil }

// Explain implements executor.Spec.
func (s *Limit) Explain() string {
	text := ""
	if s.Limit >= 0 {
		text = fmt.Sprintf("limit: %d", s.Limit)
	}
	if s.Offset > 0 {
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("offset: %d", s.Offset)
	}
	return text
}

// Open implements executor.Spec.
func (s *Limit) Open(ctx *executor.OpenCtx) (executor.Operator, error) {
	if !ctx.Bounded {
		return nil, sqlerr.Unsupported("LIMIT without a stable order in a job")
	}
	return &limit{skip: max(s.Offset, 0), left: s.Limit}, nil
}

type limit struct {
	executor.Base
	skip int64
	left int64 // negative: no limit
}

func (l *limit) Process(_ *executor.Ctx, _ int, b *stream.Batch, out executor.Emitter) error {
	if l.left == 0 {
		return executor.ErrStop
	}
	n := int64(b.Rows())
	from := min(l.skip, n)
	l.skip -= from
	to := n
	if l.left > 0 {
		to = min(n, from+l.left)
		l.left -= to - from
	}
	if from < to {
		if from > 0 || to < n {
			sel := make([]int32, to-from)
			for k := range sel {
				sel[k] = int32(from) + int32(k)
			}
			b = b.Take(sel)
		}
		if err := out.Emit(b); err != nil {
			return err
		}
	}
	if l.left == 0 {
		return executor.ErrStop
	}
	return nil
}
