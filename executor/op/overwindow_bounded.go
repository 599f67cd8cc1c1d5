package op

import (
	"bytes"
	"slices"

	"streamdb/executor"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// windowScan is OverWindow in a bounded run: a sorter, and behind it one pass
// that gathers the rows of a partition and emits them with their results.
type windowScan struct {
	executor.Base
	sorter  *sorter
	eval    *windowEval
	group   *sortEncoder
	keys    *sortEncoder
	schema  types.Schema // of the input
	memory  memory
	began   bool
	inGroup []byte
	rows    []winRow
	cols    []*vec.Builder // the rows of the partition
	data    arena
	ctx     *executor.Ctx
	out     executor.Emitter
}

func (s *OverWindow) openBounded(ctx *executor.OpenCtx, eval *windowEval) *windowScan {
	in := s.In.Schema()
	for i := range eval.calls {
		if eval.calls[i].Func == "dense_rank" { // goes on from results that are not kept here
			eval.pace.wide = false
		}
	}
	group := ascending(s.Partition)
	order := append(slices.Clone(group), s.Keys...)
	w := &windowScan{eval: eval, schema: in, memory: memory{acc: ctx.Memory},
		group: newSortEncoder(in, group), keys: newSortEncoder(in, s.Keys),
		sorter: &sorter{spec: &Sort{In: s.In, Keys: order}, enc: newSortEncoder(in, order), memory: memory{acc: ctx.Memory}}}
	w.reset()
	return w
}

func (w *windowScan) Process(ctx *executor.Ctx, in int, b *stream.Batch, out executor.Emitter) error {
	return w.sorter.Process(ctx, in, b, out)
}

// Barrier sorts, computes and emits: the run ends here.
func (w *windowScan) Barrier(ctx *executor.Ctx, b stream.Barrier, out executor.Emitter) error {
	w.ctx, w.out = ctx, out
	if err := w.sorter.Barrier(ctx, b, w); err != nil {
		return err
	}
	return w.finish()
}

// EmitWatermark is nothing the sorter does.
func (w *windowScan) EmitWatermark(stream.Watermark) error { return nil }

// Emit takes sorted rows.
func (w *windowScan) Emit(b *stream.Batch) error {
	cols := b.Cols()
	had := w.data.size
	for i := range b.Rows() {
		group := w.group.encode(cols, i)
		if w.began && !bytes.Equal(group, w.inGroup) {
			if err := w.finish(); err != nil {
				return err
			}
			had = 0
		}
		w.began, w.inGroup = true, append(w.inGroup[:0], group...)
		key := w.keys.encode(cols, i)
		w.rows = append(w.rows, winRow{at: w.data.add(key), slen: uint32(len(key)), klen: uint32(len(key))})
		for j := range cols {
			w.cols[j].AppendFrom(&cols[j], i)
		}
	}
	return w.memory.grow(int64(b.Bytes()) + max(0, w.data.size-had) + int64(32*b.Rows()))
}

// reset begins a partition.
func (w *windowScan) reset() {
	w.data = arena{}
	w.rows = w.rows[:0]
	w.cols = make([]*vec.Builder, len(w.schema))
	for j := range w.cols {
		w.cols[j] = vec.NewBuilder(w.schema[j].Type.Layout(), 16)
	}
	w.memory.release()
}

// finish computes the partition that has been gathered and emits it.
func (w *windowScan) finish() error {
	n := len(w.rows)
	if n == 0 {
		return nil
	}
	part := winPart{winPages: onePage(w.rows, &w.data), view: n, cols: make([]vec.Vec, len(w.cols))}
	w.eval.renew()
	for j := range w.cols {
		part.cols[j] = w.cols[j].Vec()
	}
	for from := 0; from < n; {
		to := from + w.eval.pace.next(n-from)
		res, err := w.eval.piece(w.ctx.Expr, &part, from, to)
		if err != nil {
			return err
		}
		for size := batchRows(res, to-from); from < to; {
			rows := min(size, to-from)
			some := make([]vec.Vec, 0, len(part.cols)+len(res))
			for j := range part.cols {
				some = append(some, part.cols[j].Slice(from, from+rows))
			}
			for j := range res {
				some = append(some, res[j].Slice(res[j].N-(to-from), res[j].N-(to-from)+rows))
			}
			if err := w.out.Emit(stream.NewBatch(rows, some, nil)); err != nil {
				return err
			}
			from += rows
		}
	}
	w.reset()
	return nil
}

func (w *windowScan) Close() error {
	w.memory.release()
	return w.sorter.Close()
}
