package executor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"streamdb/storage"
	"streamdb/stream"
)

// TestAlignment runs the stories in testdata/align: one task, driven by hand,
// with everything that it calls, forwards and reports written down.
//
//	task inputs=(2,1) [poller] [optional]   a task whose first Input has two edges (a, b), its second one (c);
//	                             optional: it goes on without them, and gets its barriers by inject
//	run                          each line: "<edge>: + 1 2", ": watermark 5", ": barrier 1", ": end", ": cut 1", or
//	                             "inject 1", "attach 1", "stop 1", "durable 1"; after each the task runs until it is idle
func TestAlignment(t *testing.T) {
	datadriven.Walk(t, "testdata/align", func(t *testing.T, path string) {
		st := &story{t: t}
		defer st.end()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "task":
				return st.start(d)
			case "run":
				for _, line := range strings.Split(d.Input, "\n") {
					st.j.add("> %s", line)
					if err := st.line(line); err != nil {
						return err.Error()
					}
					st.settle()
				}
				return st.j.take()
			default:
				return "unknown command"
			}
		})
	})
}

type story struct {
	t     *testing.T
	j     journal
	store *storage.Store
	task  *Task
	edges map[string]*Edge
	outs  []*Edge
	over  bool
}

// traceOp writes down what it is asked to do, and holds rows back until the barrier.
type traceOp struct {
	j     *journal
	table storage.StateTable
	held  []*stream.Batch
	from  []int // the input of each
}

func (o *traceOp) Process(_ *Ctx, in int, b *stream.Batch, _ Emitter) error {
	o.j.add("  input %d: %s", in, show(b))
	if b.Cols()[0].I64[0] == 666 {
		return errors.New("666 is not allowed")
	}
	if b.Cols()[0].I64[0] == 667 {
		panic("boom")
	}
	o.table.Put(0, []byte(show(b)), nil)
	o.held, o.from = append(o.held, b), append(o.from, in)
	return nil
}

func (o *traceOp) Watermark(_ *Ctx, in int, w stream.Watermark, out Emitter) error {
	o.j.add("  input %d: watermark %d", in, w.Time)
	return out.EmitWatermark(w)
}

func (o *traceOp) Barrier(_ *Ctx, b stream.Barrier, out Emitter) error {
	o.j.add("  flush and seal %d", b.Epoch)
	for _, h := range o.held {
		if err := out.Emit(h); err != nil {
			return err
		}
	}
	o.held, o.from = nil, nil
	return nil
}

func (o *traceOp) Forget(in int) {
	o.j.add("  forget input %d", in)
	var held []*stream.Batch
	var from []int
	for i, b := range o.held {
		if o.from[i] != in {
			held, from = append(held, b), append(from, o.from[i])
		}
	}
	o.held, o.from = held, from
}

func (o *traceOp) Committed(_ *Ctx, n stream.Epoch) error {
	o.j.add("  committed %d", n)
	return nil
}

func (o *traceOp) Close() error { o.j.add("  close"); return nil }

// tracePoller is a traceOp that has a row of its own in each epoch.
type tracePoller struct {
	*traceOp
	epoch stream.Epoch
}

func (o *tracePoller) Wake() <-chan struct{} { return make(chan struct{}) }
func (o *tracePoller) Poll(ctx *Ctx, out Emitter) (bool, error) {
	if o.epoch == ctx.Epoch {
		return false, nil
	}
	o.epoch = ctx.Epoch
	o.j.add("  poll in %d", ctx.Epoch)
	return false, out.Emit(ints(fmt.Sprint(100 + ctx.Epoch)))
}

func (st *story) start(d *datadriven.TestData) string {
	st.end()
	*st = story{t: st.t, store: memStore(st.t), edges: map[string]*Edge{}}
	root := &spec{kind: "Trace", open: func(ctx *OpenCtx) (Operator, error) {
		op := &traceOp{j: &st.j, table: ctx.Table(storage.TableDef{ID: 20})}
		if d.HasArg("poller") {
			return &tracePoller{traceOp: op}, nil
		}
		return op, nil
	}}
	var counts []int
	for _, arg := range d.CmdArgs {
		if arg.Key == "inputs" {
			for _, v := range arg.Vals {
				var n int
				fmt.Sscan(v, &n)
				counts = append(counts, n)
				in := input(0, 1, Single)
				in.Optional = d.HasArg("optional")
				root.inputs = append(root.inputs, in)
			}
		}
	}
	st.task = newTask(context.Background(), stream.TaskID{Job: 7}, taskOptions{
		root: root, of: 1, vnodes: storage.AllVNodes, store: st.store, report: &st.j, log: quiet, start: 1,
	})
	name := 'a'
	for _, n := range counts {
		for _, e := range st.task.addInput(root.inputs[0].(*Input), n) {
			st.edges[string(name)] = e
			name++
		}
	}
	st.task.addOutput(st.addOutput())
	if err := st.task.open(); err != nil {
		return err.Error()
	}
	st.settle()
	return st.j.take()
}

func (st *story) addOutput() *output {
	e := newEdge(make(chan struct{}, 1))
	st.outs = append(st.outs, e)
	return newOutput(Distribution{}, intSchema, []*Edge{e})
}

func (st *story) line(line string) error {
	var n stream.Epoch
	name, rest, ok := strings.Cut(line, ": ")
	if !ok {
		cmd, arg, _ := strings.Cut(line, " ")
		fmt.Sscan(arg, &n)
		b := stream.Barrier{Epoch: n, Prev: n - 1, Time: time.Unix(int64(n), 0)}
		switch cmd {
		case "inject":
		case "attach":
			b.Change = &stream.Change{Attach: map[stream.TaskID][]any{st.task.id: {st.addOutput()}}}
		case "stop":
			b.Change = &stream.Change{Stop: map[stream.JobID]bool{7: true}}
		case "durable":
			st.task.noticeDurable(n)
			return nil
		default:
			return fmt.Errorf("what is %q?", line)
		}
		if st.task.isSource() {
			st.task.Inject(b)
			return nil
		}
		for _, name := range []string{"a", "b", "c"} {
			if e := st.edges[name]; e != nil {
				e.offer(stream.Message{Barrier: &b}, 0)
			}
		}
		return nil
	}
	e := st.edges[name]
	cmd, arg, _ := strings.Cut(rest, " ")
	var m stream.Message
	switch cmd {
	case "+":
		m.Batch = ints(arg)
	case "watermark":
		m.Watermark = &stream.Watermark{}
		fmt.Sscan(arg, &m.Watermark.Time)
	case "barrier":
		fmt.Sscan(arg, &n)
		m.Barrier = &stream.Barrier{Epoch: n, Prev: n - 1, Time: time.Unix(int64(n), 0)}
	case "cut":
		fmt.Sscan(arg, &n)
		e.cut(n)
		return nil
	case "end":
		e.close()
		return nil
	default:
		return fmt.Errorf("what is %q?", line)
	}
	e.offer(m, 1)
	return nil
}

// settle runs the task until it has nothing to do, then lists what its outputs got.
func (st *story) settle() {
	for !st.over {
		var did, finished bool
		err := st.task.guard(func() (err error) {
			did, finished, err = st.task.round()
			return err
		})
		if err != nil {
			st.j.add("error: %v", err)
			st.over = true
		} else if finished {
			st.j.add("finished")
			st.over = true
		}
		if !did {
			break
		}
	}
	for i, e := range st.outs {
		for {
			m, ok, ended := e.receive()
			if ended && i >= 0 {
				st.j.add("    out %d: end", i)
				st.outs[i] = newEdge(e.wake)
			}
			if !ok {
				break
			}
			switch {
			case m.Batch != nil:
				st.j.add("    out %d: %s", i, show(m.Batch))
			case m.Watermark != nil:
				st.j.add("    out %d: watermark %d", i, m.Watermark.Time)
			default:
				st.j.add("    out %d: barrier %d", i, m.Barrier.Epoch)
			}
		}
	}
}

func (st *story) end() {
	if st.task == nil {
		return
	}
	if err := st.task.tree.close(); err != nil {
		st.t.Error(err)
	}
	st.task.cancel(nil)
	if err := st.store.Close(); err != nil {
		st.t.Error(err)
	}
	st.task = nil
}
