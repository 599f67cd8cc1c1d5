package optest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"streamdb/executor"
	"streamdb/expr"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
)

// Build makes the tree under test over its inputs.
type Build func(in []executor.Spec) executor.Spec

// Options of a Harness. The zero value is usual.
type Options struct {
	Evict   bool             // memory is always short: operators shed what they can at every barrier
	Limit   int64            // with Evict: what there is of it, in bytes; 0: one byte
	Env     any              // OpenCtx.Env
	VNodes  storage.VNodeSet // zero: all
	Discard bool             // output is dropped: for benchmarks
	Dir     string           // of the store, on the disk; "": in memory
}

// Harness runs a tree of operators as a job's task does: Push and Watermark,
// then Barrier, which seals and commits the epoch. It is used by one goroutine;
// Close it (New registers that with t).
type Harness struct {
	t       testing.TB
	opts    Options
	schemas []types.Schema
	spec    executor.Spec
	fs      storage.FS
	store   *storage.Store
	epoch   stream.Epoch // the least number that the epoch in progress can have
	at      storage.Progress
	root    *node
	order   []*node
	leaves  []*node // parents of the inputs
	leafIn  []int
	ctx     *executor.Ctx
	memory  *executor.Accountant
	last    time.Time // of the last committed epoch

	sum        Net // all output of committed epochs
	delta      Net // output of the epoch in progress
	Watermarks []stream.Watermark
	// Lent is how many pushed batches were lent to the operators and did not come back.
	Lent     int
	OnOutput func(*stream.Batch) // if set, also gets what the root emits
}

// node is an operator of the running tree and the emitter of its output.
type node struct {
	h      *Harness
	op     executor.Operator
	tables []storage.StateTable
	parent *node
	in     int
}

func (n *node) Emit(b *stream.Batch) error {
	if n.parent != nil {
		return n.parent.op.Process(n.h.ctx, n.in, b, n.parent)
	}
	if n.h.opts.Discard {
		return nil
	}
	schema := n.h.spec.Schema()
	if len(b.Cols()) != len(schema) {
		return fmt.Errorf("optest: output has %d columns, the schema %d", len(b.Cols()), len(schema))
	}
	for j, c := range b.Cols() {
		if c.Layout != schema[j].Type.Layout() {
			return fmt.Errorf("optest: column %d has layout %d, its type is %s", j, c.Layout, schema[j].Type)
		}
	}
	if n.h.OnOutput != nil {
		n.h.OnOutput(b)
	}
	for _, c := range Changes(b) {
		n.h.delta.Add(Text(schema, c.Row), int64(c.Op))
	}
	return nil
}

func (n *node) EmitWatermark(w stream.Watermark) error {
	if n.parent != nil {
		return n.parent.op.Watermark(n.h.ctx, n.in, w, n.parent)
	}
	n.h.Watermarks = append(n.h.Watermarks, w)
	return nil
}

// New opens the tree over an empty store in memory.
func New(t testing.TB, schemas []types.Schema, build Build, opts Options) *Harness {
	t.Helper()
	h := &Harness{t: t, opts: opts, schemas: schemas, fs: storage.NewMemFS(), sum: Net{}, delta: Net{}}
	if h.opts.VNodes == (storage.VNodeSet{}) {
		h.opts.VNodes = storage.AllVNodes
	}
	ins := make([]executor.Spec, len(schemas))
	for i, s := range schemas {
		ins[i] = &executor.Input{Fragment: i, Cols: s}
	}
	h.spec = build(ins)
	h.last = time.Unix(1e9, 0).UTC()
	h.ctx = &executor.Ctx{Context: context.Background()}
	h.open()
	t.Cleanup(h.Close)
	return h
}

func (h *Harness) check(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatalf("optest: %v", err)
	}
}

func (h *Harness) open() {
	h.t.Helper()
	where := storage.Options{Dir: "db", FS: h.fs, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	if h.opts.Dir != "" {
		where.Dir, where.FS = h.opts.Dir, nil
	}
	store, err := storage.Open(where)
	h.check(err)
	h.store = store
	h.memory = executor.NewAccountant(0)
	if h.opts.Evict {
		h.memory = executor.NewAccountant(max(1, h.opts.Limit))
	}
	h.SetTime(h.last)
	h.leaves, h.leafIn, h.order = make([]*node, len(h.schemas)), make([]int, len(h.schemas)), nil
	h.root = h.openNode(h.spec)
	h.at.Begin(store.Visible())
	h.epoch = store.Visible() + 1
	h.ctx.Epoch = h.epoch
}

func (h *Harness) openNode(s executor.Spec) *node {
	h.t.Helper()
	n := &node{h: h}
	for i, in := range s.Inputs() {
		if leaf, ok := in.(*executor.Input); ok {
			h.leaves[leaf.Fragment], h.leafIn[leaf.Fragment] = n, i
			continue
		}
		child := h.openNode(in)
		child.parent, child.in = n, i
	}
	op, err := s.Open(&executor.OpenCtx{
		Context: h.ctx, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Job: 1, Parallelism: 1, VNodes: h.opts.VNodes,
		Table: func(def storage.TableDef) storage.StateTable {
			t := h.store.OpenTable(def, h.opts.VNodes)
			n.tables = append(n.tables, t)
			return t
		},
		Snapshot: h.store.Snapshot, Latest: func() (storage.Snapshot, stream.Epoch) { return h.store.SnapshotAt(&h.at) }, Memory: h.memory, Expr: h.ctx.Expr, Env: h.opts.Env,
	})
	h.check(err)
	n.op = op
	h.order = append(h.order, n)
	return n
}

// SetTime gives the epoch in progress its time; it has that of the last one
// otherwise. The first is 2001-09-09 01:46:40 UTC.
func (h *Harness) SetTime(at time.Time) { h.ctx.Expr = &expr.Ctx{Now: at, Location: time.UTC} }

// Time is the time of the epoch in progress.
func (h *Harness) Time() time.Time { return h.ctx.Expr.Now }

// Push feeds changes of an input as one batch.
func (h *Harness) Push(in int, cs []Change) {
	h.t.Helper()
	h.check(h.TryPush(in, cs))
}

// TryPush is Push for changes that may be refused.
func (h *Harness) TryPush(in int, cs []Change) error {
	if len(cs) == 0 {
		return nil
	}
	b := Batch(h.schemas[in], cs)
	if !h.borrowed(in) {
		return h.PushBatch(in, b)
	}
	h.Lent++
	lease := stream.NewLease(b.Bytes(), func() {
		h.Lent--
		for _, c := range b.Cols() {
			c.Scramble()
		}
	})
	h.ctx.Lend(lease)
	err := h.PushBatch(in, b)
	h.ctx.Lend(nil)
	lease.Release()
	return err
}

// borrowed reports whether no operator above an input keeps batches: their memory
// is somebody else's once all leases of them are released.
func (h *Harness) borrowed(in int) bool {
	for n := h.leaves[in]; n != nil; n = n.parent {
		if b, ok := n.op.(executor.Borrower); !ok || !b.Borrows() {
			return false
		}
	}
	return true
}

// PushBatch feeds a batch as it is.
func (h *Harness) PushBatch(in int, b *stream.Batch) error {
	n := h.leaves[in]
	return n.op.Process(h.ctx, h.leafIn[in], b, n)
}

// PushText is Push of Parse.
func (h *Harness) PushText(in int, text string) {
	h.t.Helper()
	h.Push(in, Parse(h.t, h.schemas[in], text))
}

// Watermark feeds a watermark.
func (h *Harness) Watermark(in, column int, time int64) {
	h.t.Helper()
	n := h.leaves[in]
	h.check(n.op.Watermark(h.ctx, h.leafIn[in], stream.Watermark{Column: column, Time: time}, n))
}

// Poll polls every operator that makes rows by itself until none has more.
func (h *Harness) Poll() {
	h.t.Helper()
	for _, n := range h.order {
		for p, ok := n.op.(executor.Poller); ok; {
			more, err := p.Poll(h.ctx, n)
			h.check(err)
			if !more {
				break
			}
		}
	}
}

// Next is the number of the epoch in progress, which operators learn at its barrier.
func (h *Harness) Next() stream.Epoch { return h.epoch + h.epoch%3 }

// Barrier ends the epoch: flush, seal, commit. It returns the net output of the
// epoch.
func (h *Harness) Barrier() Net {
	h.t.Helper()
	net, err := h.TryBarrier()
	h.check(err)
	return net
}

// TryBarrier is Barrier for an epoch that may fail; nothing is committed then.
// Epochs have gaps, as those of jobs have beside which others run, and what the
// others commit makes the numbers of commits run ahead of them.
func (h *Harness) TryBarrier() (Net, error) {
	h.t.Helper()
	h.epoch = h.Next()
	h.ctx.Epoch = h.epoch
	for _, n := range h.order {
		if err := n.op.Barrier(h.ctx, stream.Barrier{Epoch: h.epoch, Time: h.Time()}, n); err != nil {
			return nil, err
		}
	}
	var deltas []*storage.Delta
	for _, n := range h.order {
		for _, t := range n.tables {
			if d := t.Seal(h.epoch); d != nil {
				deltas = append(deltas, d)
			}
		}
	}
	commit := max(h.store.Visible(), h.epoch) + 1 + h.epoch%2
	_, err := h.store.Commit(storage.CommitReq{Epoch: commit, Of: h.epoch, Jobs: []*storage.Progress{&h.at}, Time: h.Time(), Deltas: deltas, Sync: true})
	h.check(err)
	committed := h.epoch
	h.last = h.Time()
	h.epoch++
	h.ctx.Epoch = h.epoch
	for _, n := range h.order {
		if c, ok := n.op.(executor.Committed); ok {
			h.check(c.Committed(h.ctx, committed))
		}
	}
	net := h.delta
	for row, w := range net {
		h.sum.Add(row, w)
	}
	h.delta = Net{}
	return net, nil
}

// Schema is that of the output.
func (h *Harness) Schema() types.Schema { return h.spec.Schema() }

// Sum is the output of all committed epochs together.
func (h *Harness) Sum() Net { return h.sum }

// Restart closes everything and opens it from the store: what came after the
// last barrier is lost, as in a crash, and must be fed again.
func (h *Harness) Restart() {
	h.t.Helper()
	h.Close()
	h.delta = Net{}
	h.open()
}

// SetEvict changes Options.Evict with the next Restart.
func (h *Harness) SetEvict(on bool) { h.opts.Evict = on }

// SetVNodes changes Options.VNodes with the next Restart: another instance is
// opened, as after a change of parallelism.
func (h *Harness) SetVNodes(v storage.VNodeSet) { h.opts.VNodes = v }

// StateRows is the number of rows stored in a table.
func (h *Harness) StateRows(def storage.TableDef) int {
	h.t.Helper()
	snap := h.store.Snapshot()
	defer snap.Close()
	n := 0
	h.check(snap.ScanTable(def.ID, func(storage.VNode, []byte, []byte) (bool, error) {
		n++
		return true, nil
	}))
	return n
}

// Memory is what the operators report to hold.
func (h *Harness) Memory() int64 { return h.memory.Used() }

// Peak is the most that Memory was since the operators were opened.
func (h *Harness) Peak() int64 { return h.memory.Peak() }

// Close closes operators, tables and the store; harmless when done before.
func (h *Harness) Close() {
	h.t.Helper()
	if h.store == nil {
		return
	}
	for _, n := range h.order {
		h.check(n.op.Close())
		for _, t := range n.tables {
			h.check(t.Close())
		}
	}
	h.check(h.store.Close())
	h.store = nil
}

// Snapshot is the latest committed state of the store, for scans.
func (h *Harness) Snapshot() storage.Snapshot { return h.store.Snapshot() }
