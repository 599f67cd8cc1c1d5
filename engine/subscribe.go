package engine

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strconv"
	"sync"
	"time"

	"streamdb/catalog"
	"streamdb/checkpoint"
	"streamdb/executor"
	"streamdb/executor/op"
	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
	"streamdb/storage"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
	"streamdb/wire"
)

// subscriptionBytes is how much may wait for a subscriber.
const subscriptionBytes = 64 << 20

// taps are the jobs of the subscriptions, with the relations they read.
type taps struct {
	mu sync.Mutex
	of map[stream.JobID]stream.JobID
}

// on lists the taps of the relations.
func (t *taps) on(ids []stream.JobID) []stream.JobID {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []stream.JobID
	for tap, of := range t.of {
		if slices.Contains(ids, of) {
			out = append(out, tap)
		}
	}
	return out
}

func (t *taps) set(tap, of stream.JobID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == nil {
		t.of = map[stream.JobID]stream.JobID{}
	}
	if of == 0 {
		delete(t.of, tap)
		return
	}
	t.of[tap] = of
}

// subscribeOptions is WITH (SNAPSHOT, PROGRESS) of SUBSCRIBE.
type subscribeOptions struct{ snapshot, progress bool }

func readSubscribeOptions(st *ast.Subscribe) (o subscribeOptions, err error) {
	switch {
	case st.Envelope != "":
		return o, sqlerr.Unsupported("SUBSCRIBE .. ENVELOPE").WithHint("Without it every change comes as streamdb_diff and the row.")
	case st.OrderBy != nil:
		return o, sqlerr.Unsupported("SUBSCRIBE .. WITHIN TIMESTAMP ORDER BY")
	case st.AsOf != nil || st.UpTo != nil:
		return o, sqlerr.Unsupported("SUBSCRIBE .. AS OF and UP TO").WithHint("A subscription begins now, and ends when it is cancelled.")
	case st.Query != nil:
		return o, sqlerr.Unsupported("SUBSCRIBE to a query").WithHint("Create a materialized view of the query, and subscribe to that.")
	}
	o.snapshot = true
	for _, opt := range st.Options {
		flag := map[string]*bool{"snapshot": &o.snapshot, "progress": &o.progress}[opt.Name]
		if flag == nil {
			return o, sqlerr.New(sqlerr.SyntaxError, "unrecognized SUBSCRIBE option \"%s\"", opt.Name).WithHint("The options are SNAPSHOT and PROGRESS.")
		}
		switch opt.Value {
		case "", "true", "on":
			*flag = true
		case "false", "off":
			*flag = false
		default:
			return o, sqlerr.New(sqlerr.InvalidParameterValue, "SUBSCRIBE option \"%s\" is true or false", opt.Name)
		}
	}
	return o, nil
}

// analyseSubscribe is SUBSCRIBE: a result that has no end.
func (s *Session) analyseSubscribe(p *Prepared, st *ast.Subscribe) error {
	opt, err := readSubscribeOptions(st)
	if err != nil {
		return err
	}
	o, err := s.subscribable(st)
	if err != nil {
		return err
	}
	p.cols = subscribeColumns(o, opt)
	p.action = func(ctx context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		return s.subscribe(ctx, st, opt)
	}
	return nil
}

func (s *Session) subscribable(st *ast.Subscribe) (*catalog.Object, error) {
	o, err := s.find(st.Relation)
	if err != nil {
		return nil, err
	}
	switch {
	case o.Kind != catalog.Table && o.Kind != catalog.MaterializedView:
		return nil, sqlerr.New(sqlerr.WrongObjectType, "cannot subscribe to %s \"%s\"", o.Kind, o.Name).
			WithHint("Subscribe to a table or a materialized view.")
	case o.Failed != nil:
		return nil, failedError(o)
	case o.Creating:
		return nil, sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "%s \"%s\" is still being created", o.Kind, o.Name)
	}
	return o, nil
}

// subscribeColumns are the columns of a subscription's result.
func subscribeColumns(o *catalog.Object, opt subscribeOptions) []wire.Column {
	cols := []wire.Column{{Name: "streamdb_timestamp", Type: types.Of(types.Int8)}}
	if opt.progress {
		cols = append(cols, wire.Column{Name: "streamdb_progressed", Type: types.Of(types.Bool)})
	}
	cols = append(cols, wire.Column{Name: "streamdb_diff", Type: types.Of(types.Int8)})
	for _, c := range o.Cols {
		if !c.Hidden {
			cols = append(cols, wire.Column{Name: c.Name, Type: c.Type})
		}
	}
	return cols
}

// subscription is the result of SUBSCRIBE: wire.Rows. Its tap is attached to the
// relation's job at a barrier N: the rows of the snapshot of N come first, with N
// as their timestamp, then the changes of every later epoch when it is visible.
type subscription struct {
	session  *Session
	cols     []wire.Column
	opt      subscribeOptions
	relation *catalog.Object
	job      stream.JobID
	to       *op.Tapped
	tap      *checkpoint.Member // its job
	snap     storage.Snapshot
	ctx      context.Context // of the statement, with its timeout
	cancel   context.CancelFunc
	next     func() (*stream.Batch, error, bool) // rows of the snapshot; nil: they are read
	stop     func()
	epoch    stream.Epoch // of the snapshot
	ready    []*stream.Batch
	count    int64
}

func (s *Session) subscribe(ctx context.Context, st *ast.Subscribe, opt subscribeOptions) (*subscription, error) {
	db := s.db
	if err := db.lockDDL(ctx, nil); err != nil { // the relation stays as it is until the tap is on it
		return nil, err
	}
	defer db.ddlMu.Unlock()
	o, err := s.subscribable(st)
	if err != nil {
		return nil, err
	}
	x := &subscription{session: s, opt: opt, relation: o, cols: subscribeColumns(o, opt), job: stream.JobID(db.newID()), to: op.NewTapped(subscriptionBytes)}
	in := &executor.Input{Upstream: stream.JobID(o.ID), Cols: o.Types()}
	plan := &executor.Plan{Job: x.job, Fragments: []executor.Fragment{{Root: &op.Tap{In: in, Name: o.Name, To: x.to}, Parallelism: 1}}}
	db.taps.set(x.job, stream.JobID(o.ID))
	// Attached or not: when ctx ends, the tap goes again once it is on.
	if _, err := db.graph.StartJob(context.WithoutCancel(ctx), plan, checkpoint.Request{}); err != nil {
		db.taps.set(x.job, 0)
		return nil, err
	}
	x.tap = db.coord.Member(x.job)
	x.ctx, x.cancel = s.withTimeout(ctx)
	select {
	case <-x.to.Ready():
	case <-x.ctx.Done():
		x.Close()
		return nil, cancelled(context.Cause(x.ctx))
	}
	x.snap, x.epoch = x.to.Snapshot()
	if opt.snapshot {
		x.read(x.snap)
	}
	return x, nil
}

// read begins to read the snapshot, which it closes at the end.
func (x *subscription) read(snap storage.Snapshot) {
	rt := rowTable(x.relation)
	scan := &op.TableScan{Name: x.relation.Name, Table: *rt, Out: rt.Cols}
	for i := range rt.Cols {
		scan.Cols = append(scan.Cols, i)
	}
	memory := x.session.db.queries.Child(0)
	tmpl := executor.OpenCtx{Context: x.ctx, Log: x.session.db.log, Parallelism: 1, VNodes: storage.AllVNodes, Bounded: true,
		Snapshot: func() storage.Snapshot { return snap }, Memory: memory, Expr: &expr.Ctx{}}
	x.next, x.stop = iter.Pull2(func(yield func(*stream.Batch, error) bool) {
		defer memory.Close()
		stopped := false
		err := executor.RunBounded(x.ctx, tmpl, scan, func(b *stream.Batch) error {
			if stopped = !yield(b, nil); stopped {
				return executor.ErrStop
			}
			return nil
		})
		if err != nil && !stopped {
			yield(nil, err)
		}
	})
}

func (x *subscription) Columns() []wire.Column { return x.cols }

// Live tells the connection to send each batch at once.
func (x *subscription) Live() {}

// Tag counts the rows, for the cursor and COPY whose end this may be.
func (x *subscription) Tag() string { return "SUBSCRIBE " + strconv.FormatInt(x.count, 10) }

// Next waits for rows, for ever.
func (x *subscription) Next(ctx context.Context) (*stream.Batch, error) {
	return x.within(ctx, -1)
}

// within waits for rows at most so long (below zero: for ever); nil: none came.
func (x *subscription) within(ctx context.Context, wait time.Duration) (*stream.Batch, error) {
	var end <-chan time.Time
	if wait >= 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		end = t.C
	}
	for {
		b, waiting, err := x.take()
		if b != nil || err != nil {
			return b, err
		}
		var visible <-chan time.Time
		if waiting { // changes are there, their epoch is being committed
			visible = time.After(2 * time.Millisecond)
		}
		select {
		case <-x.to.News():
		case <-visible:
		case <-end:
			b, _, err := x.take()
			return b, err
		case <-ctx.Done():
			return nil, cancelled(context.Cause(ctx))
		case <-x.ctx.Done():
			return nil, cancelled(context.Cause(x.ctx))
		}
	}
}

// take gives the next rows that are there.
func (x *subscription) take() (b *stream.Batch, waiting bool, err error) {
	for x.next != nil {
		b, err, ok := x.next()
		if err != nil {
			return nil, false, cancelled(err)
		}
		if ok && b.Rows() > 0 {
			x.count += int64(b.Rows())
			return x.rows(x.epoch, b), false, nil
		}
		if !ok {
			x.next = nil
			if err := x.snap.Close(); err != nil {
				return nil, false, err
			}
			if x.opt.progress {
				return x.progress(x.epoch + 1), false, nil
			}
		}
	}
	if len(x.ready) == 0 {
		epochs, later, overflow, ended := x.to.Take(x.tap.Committed())
		switch {
		case overflow:
			return nil, false, sqlerr.New(sqlerr.InsufficientResources, "the subscription fell too far behind").
				WithDetail("More than %d MB of changes waited for their reader.", subscriptionBytes>>20).
				WithHint("Subscribe again, and read faster, or to fewer rows.")
		case ended && len(epochs) == 0:
			return nil, false, sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "%s \"%s\" was dropped, altered or has failed", x.relation.Kind, x.relation.Name).
				WithHint("Subscribe again.")
		}
		waiting = later
		for _, e := range epochs {
			for _, b := range e.Batches {
				x.ready = append(x.ready, x.rows(e.Epoch, b))
			}
			if x.opt.progress {
				x.ready = append(x.ready, x.progress(e.Epoch+1))
			}
		}
	}
	if len(x.ready) == 0 {
		return nil, waiting, nil
	}
	b = x.ready[0]
	x.ready = x.ready[1:]
	x.count += int64(b.Rows())
	return b, true, nil
}

// rows puts the columns of the subscription before those of the relation.
func (x *subscription) rows(epoch stream.Epoch, b *stream.Batch) *stream.Batch {
	n := b.Rows()
	diffs := make([]int64, n)
	for i := range diffs {
		diffs[i] = int64(b.Op(i))
	}
	cols := []vec.Vec{repeated(types.LInt64, types.IntDatum(int64(epoch)), n)}
	if x.opt.progress {
		cols = append(cols, repeated(types.LBool, types.BoolDatum(false), n))
	}
	cols = append(cols, vec.Ints(diffs))
	for i, v := range b.Cols() {
		if !x.relation.Cols[i].Hidden {
			cols = append(cols, v)
		}
	}
	return stream.NewBatch(n, cols, nil)
}

// progress is the row that says: all changes before the epoch have come.
func (x *subscription) progress(epoch stream.Epoch) *stream.Batch {
	cols := []vec.Vec{repeated(types.LInt64, types.IntDatum(int64(epoch)), 1), repeated(types.LBool, types.BoolDatum(true), 1)}
	for _, c := range x.cols[2:] {
		cols = append(cols, repeated(c.Type.Layout(), types.NullDatum, 1))
	}
	return stream.NewBatch(1, cols, nil)
}

func repeated(l types.Layout, d types.Datum, n int) vec.Vec {
	v := vec.ConstOf(l, d, n)
	return v.Dense()
}

// Close takes the tap off.
func (x *subscription) Close() error {
	if x.job == 0 {
		return nil
	}
	if x.stop != nil {
		x.stop()
	}
	x.cancel()
	db := x.session.db
	err := db.graph.DropJobs(x.job)
	db.taps.set(x.job, 0)
	x.job = 0
	left, _ := x.to.Snapshot()
	for _, snap := range []storage.Snapshot{x.snap, left} {
		if snap != nil {
			err = errors.Join(err, snap.Close())
		}
	}
	return err
}
