package executor

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"streamdb/checkpoint"
	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
)

// rig is a store, a coordinator and a graph.
type rig struct {
	t      testing.TB
	store  *storage.Store
	coord  *checkpoint.Coordinator
	graph  *Graph
	mu     sync.Mutex
	failed []string
}

func newRig(t testing.TB, store *storage.Store, change func(*checkpoint.Options, *GraphOptions)) *rig {
	t.Helper()
	r := &rig{t: t, store: store}
	co := checkpoint.Options{Store: store, BarrierInterval: 5 * time.Millisecond, CheckpointInterval: 20 * time.Millisecond}
	g := GraphOptions{Store: store, OnJobFailed: func(job stream.JobID, err error, also []stream.JobID) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.failed = append(r.failed, fmt.Sprintf("job %d: %v; also %v", job, err, also))
	}}
	if change != nil {
		change(&co, &g)
	}
	r.coord = checkpoint.New(co)
	g.Coordinator = r.coord
	r.graph = NewGraph(g)
	return r
}

func (r *rig) close() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := r.graph.Close(ctx); err != nil {
		r.t.Errorf("graph: %v", err)
	}
	if err := r.coord.Close(); err != nil {
		r.t.Errorf("coordinator: %v", err)
	}
	if err := r.store.Close(); err != nil {
		r.t.Errorf("store: %v", err)
	}
}

// flush waits for an epoch with everything pushed so far.
func (r *rig) flush(jobs ...stream.JobID) stream.Epoch {
	r.t.Helper()
	n, err := r.submit(checkpoint.Request{Jobs: jobs})
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

func (r *rig) submit(req checkpoint.Request) (stream.Epoch, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return r.coord.Submit(req).Wait(ctx)
}

func (r *rig) start(p *Plan) stream.Epoch {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	n, err := r.graph.StartJob(ctx, p, checkpoint.Request{})
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

func (r *rig) want(table storage.TableID, want string) {
	r.t.Helper()
	snap := r.store.Snapshot()
	defer snap.Close()
	if got := contents(r.t, snap, table); got != want {
		r.t.Errorf("table %d holds %q, want %q", table, got, want)
	}
}

// tablePlan is a job that stores what a feed brings: feed -> sum.
func tablePlan(job stream.JobID, f *feed, table storage.TableID) *Plan {
	return &Plan{Job: job, Fragments: []Fragment{{ID: 1, Root: sumSpec(table, f.spec()), Parallelism: 1}}}
}

// viewPlan is a job that keeps what an upstream job brings, spread over n instances.
func viewPlan(job, up stream.JobID, table storage.TableID, n int) *Plan {
	return &Plan{Job: job, Fragments: []Fragment{
		{ID: 1, Root: sumSpec(table, input(up, 0, Hash)), Parallelism: n},
	}}
}

func TestInsertIsVisibleEverywhereAtOnce(t *testing.T) {
	r := newRig(t, memStore(t), nil)
	defer r.close()
	f := newFeed()
	r.coord.Start()
	r.start(tablePlan(1, f, 20))
	r.start(viewPlan(2, 1, 21, 1))
	r.start(viewPlan(3, 2, 22, 1))
	var all []string
	for i := 1; i <= 20; i++ {
		f.push(ints(fmt.Sprint(i)))
		all = append(all, fmt.Sprintf("%dx1", i))
		n := r.flush(1, 2, 3)
		snap := r.store.Snapshot()
		if snap.Epoch() < n {
			t.Fatalf("snapshot of epoch %d after a wait for %d", snap.Epoch(), n)
		}
		for table := storage.TableID(20); table <= 22; table++ {
			if got := contents(t, snap, table); got != strings.Join(all, " ") {
				t.Fatalf("epoch %d, table %d: %q", snap.Epoch(), table, got)
			}
		}
		snap.Close()
	}
}

// TestNewJobSeesExactlyWhatFollows starts views while rows pour in: each must see
// the rows after its epoch N, and none before; together with the snapshot of N
// that is everything, once.
func TestNewJobSeesExactlyWhatFollows(t *testing.T) {
	r := newRig(t, memStore(t), nil)
	defer r.close()
	f := newFeed()
	r.coord.Start()
	r.start(tablePlan(1, f, 20))

	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 1; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			f.push(ints(fmt.Sprint(i)))
			for i%50 == 0 && (f.backlog() > 50 || i%100 == 0) {
				time.Sleep(time.Millisecond)
				if f.backlog() <= 50 {
					break
				}
			}
		}
	})
	for k := range 8 {
		time.Sleep(3 * time.Millisecond)
		table := storage.TableID(30 + k)
		// The job copies the snapshot that it finds in Open: a backfill at once.
		plan := viewPlan(stream.JobID(10+k), 1, table, 1)
		base := plan.Fragments[0].Root.(*spec)
		plain := base.open
		var at stream.Epoch
		base.open = func(ctx *OpenCtx) (Operator, error) {
			op, err := plain(ctx)
			if err != nil {
				return nil, err
			}
			snap := ctx.Snapshot()
			defer snap.Close()
			at = snap.Epoch()
			return op, snap.ScanTable(20, func(v storage.VNode, key, value []byte) (bool, error) {
				op.(*sumOp).table.Put(v, key, value)
				return true, nil
			})
		}
		n := r.start(plan)
		r.flush()
		if at != n {
			t.Fatalf("job started at epoch %d found the snapshot of %d", n, at)
		}
	}
	close(stop)
	wg.Wait()
	r.flush()
	snap := r.store.Snapshot()
	defer snap.Close()
	want := contents(t, snap, 20)
	if strings.Contains(want, "x2") || len(want) < 100 {
		t.Fatalf("the table holds %q", want)
	}
	for k := range 8 {
		if got := contents(t, snap, storage.TableID(30+k)); got != want {
			t.Errorf("view %d differs from its table: %d and %d bytes", k, len(got), len(want))
		}
	}
}

func TestRecoveryGoesOnWhereItStopped(t *testing.T) {
	store := memStore(t)
	f := newFeed()
	plans := func() []*Plan { return []*Plan{viewPlan(2, 1, 21, 3), tablePlan(1, f, 20)} } // any order
	for life := 1; life <= 3; life++ {
		r := newRig(t, store, nil)
		if err := r.graph.Recover(plans(), nil, 0); err != nil {
			t.Fatal(err)
		}
		r.coord.Start()
		f.push(ints("1 2 3"))
		before := store.Visible()
		r.flush(1, 2)
		first := stream.Epoch(math.MaxUint64) // of this life: by the flush, or by the rows before it
		for _, e := range r.coord.Epochs() {
			first = min(first, e.Epoch)
		}
		if first != before+1 {
			t.Errorf("life %d: first epoch is %d after %d", life, first, before)
		}
		r.want(20, fmt.Sprintf("1x%d 2x%d 3x%d", life, life, life))
		r.want(21, fmt.Sprintf("1x%d 2x%d 3x%d", life, life, life))
		f.push(ints("9 -9"))
		ctx := context.Background()
		if err := r.graph.Close(ctx); err != nil {
			t.Fatal(err)
		}
		r.coord.Close()
	}
	store.Close()
}

// TestAFailureStaysInItsBranch: the view that fails and what reads it stop at their
// last commit; the table and its other view go on, and who waited for the broken
// ones hears why.
func TestAFailureStaysInItsBranch(t *testing.T) {
	r := newRig(t, memStore(t), nil)
	defer r.close()
	f := newFeed()
	r.coord.Start()
	r.start(tablePlan(1, f, 20))
	bad := viewPlan(2, 1, 21, 1)
	root := bad.Fragments[0].Root.(*spec)
	plain := root.open
	root.open = func(ctx *OpenCtx) (Operator, error) {
		op, err := plain(ctx)
		if err == nil {
			op.(*sumOp).fail = func(v int64) error {
				switch v {
				case 13:
					return sqlerr.New(sqlerr.DivisionByZero, "division by zero")
				case 14:
					panic("fourteen")
				}
				return nil
			}
		}
		return op, err
	}
	r.start(bad)
	r.start(viewPlan(3, 2, 22, 1))
	r.start(viewPlan(4, 1, 23, 1))
	f.push(ints("1 2"))
	r.flush(1, 2, 3, 4)
	f.push(ints("12 13 15"))
	if _, err := r.submit(checkpoint.Request{Jobs: []stream.JobID{1, 2}, Meta: func(stream.Epoch) []storage.KV {
		return []storage.KV{{Key: []byte("never"), Value: []byte("x")}}
	}}); sqlerr.Code(err) != sqlerr.DivisionByZero {
		t.Errorf("waiting for the failing view: %v", err)
	}
	f.push(ints("14"))
	r.flush(1, 4)
	r.want(20, "1x1 2x1 12x1 13x1 14x1 15x1")
	r.want(23, "1x1 2x1 12x1 13x1 14x1 15x1")
	r.want(21, "1x1 2x1")
	r.want(22, "1x1 2x1")
	if v, _ := r.store.MetaGet([]byte("never")); v != nil {
		t.Error("a failed request wrote its meta")
	}
	if _, err := r.submit(checkpoint.Request{Jobs: []stream.JobID{3}}); err == nil {
		t.Error("waiting for a stopped job succeeded")
	}
	r.mu.Lock()
	if got := strings.Join(r.failed, "\n"); got != "job 2: division by zero; also [3]" {
		t.Errorf("failures: %s", got)
	}
	r.mu.Unlock()
	if r.graph.Running(2) || r.graph.Running(3) || !r.graph.Running(4) {
		t.Error("wrong jobs are running")
	}
	// What failed can be dropped and made anew.
	if err := r.graph.DropJobs(2, 3); err != nil {
		t.Error(err)
	}
	if _, err := r.submit(checkpoint.Request{Drop: []storage.TableID{21, 22}}); err != nil {
		t.Error(err)
	}
	r.start(viewPlan(2, 1, 21, 2))
	f.push(ints("7"))
	r.flush(1, 2)
	r.want(21, "7x1")
}

// TestDropDoesNotWaitForAStuckJob: a view whose operator never returns holds the
// epoch up until it is dropped; then all go on at once.
func TestDropDoesNotWaitForAStuckJob(t *testing.T) {
	r := newRig(t, memStore(t), func(o *checkpoint.Options, _ *GraphOptions) { o.Timeout = 20 * time.Millisecond })
	defer r.close()
	f := newFeed()
	r.coord.Start()
	r.start(tablePlan(1, f, 20))
	stuck := viewPlan(2, 1, 21, 1)
	release := make(chan struct{})
	root := stuck.Fragments[0].Root.(*spec)
	plain := root.open
	root.open = func(ctx *OpenCtx) (Operator, error) {
		op, err := plain(ctx)
		op.(*sumOp).fail = func(int64) error { <-release; return nil }
		return op, err
	}
	r.start(stuck)
	r.start(viewPlan(3, 1, 22, 1))
	f.push(ints("1"))
	ticket := r.coord.Submit(checkpoint.Request{Jobs: []stream.JobID{1, 3}})
	select {
	case <-ticket.Done():
		t.Fatal("committed without the stuck job")
	case <-time.After(60 * time.Millisecond):
	}
	var state string
	for _, task := range r.graph.Tasks() {
		if task.ID.Job == 2 {
			state = task.State
		}
	}
	if state != "processing" {
		t.Errorf("the stuck task is %q", state)
	}
	if fl := r.coord.InFlight(); len(fl) == 0 || len(fl[0].Awaited) != 1 || fl[0].Awaited[0].Job != 2 {
		t.Errorf("in flight: %+v", fl)
	}
	for i := range 200 { // more than its edge holds: the table waits for the stuck view
		f.push(ints(fmt.Sprint(100 + i)))
	}
	if err := r.graph.DropJobs(1); sqlerr.Code(err) != sqlerr.DependentObjectsStillExist {
		t.Errorf("dropping a table that is read: %v", err)
	}
	if err := r.graph.DropJobs(2); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := ticket.Wait(ctx); err != nil {
		t.Errorf("after the drop: %v", err)
	}
	r.flush(1, 3)
	snap := r.store.Snapshot()
	defer snap.Close()
	if got := contents(t, snap, 22); strings.Count(got, "x1") != 201 {
		t.Errorf("the other view holds %q", got)
	}
	close(release)
}

// TestRescale stops a job and starts it with other parallelism at one barrier,
// again and again, while rows pour in; nothing is lost or doubled, and the view on
// top of it follows.
func TestRescale(t *testing.T) {
	r := newRig(t, memStore(t), nil)
	defer r.close()
	f := newFeed()
	r.coord.Start()
	r.start(tablePlan(1, f, 20))
	r.start(viewPlan(2, 1, 21, 2))
	r.start(viewPlan(3, 2, 22, 1))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var pushed atomic.Int64
	wg.Go(func() {
		for i := 1; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Microsecond):
				f.push(ints(fmt.Sprintf("%d %d", i, i%7)))
				pushed.Store(int64(i))
			}
		}
	})
	for _, n := range []int{4, 1, 3, 8, 2} {
		time.Sleep(5 * time.Millisecond)
		_, err := r.graph.Alter(context.Background(), Alteration{
			Stop:  []stream.JobID{2, 3},
			Start: []*Plan{viewPlan(3, 2, 22, 1), viewPlan(2, 1, 21, n)},
		}, checkpoint.Request{})
		if err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	wg.Wait()
	r.flush(1, 2, 3)
	snap := r.store.Snapshot()
	defer snap.Close()
	want := contents(t, snap, 20)
	if contents(t, snap, 21) != want || contents(t, snap, 22) != want {
		t.Errorf("after %d rows the views differ from the table", pushed.Load())
	}
}

func TestIdleGraphHasNoBarriers(t *testing.T) {
	r := newRig(t, memStore(t), nil)
	defer r.close()
	f := newFeed()
	r.coord.Start()
	r.start(tablePlan(1, f, 20))
	r.start(viewPlan(2, 1, 21, 2))
	f.push(ints("1"))
	r.flush()
	time.Sleep(60 * time.Millisecond) // for an epoch that the row may have asked for by itself
	before := r.store.Visible()
	time.Sleep(100 * time.Millisecond)
	if after := r.store.Visible(); after != before {
		t.Errorf("an idle graph went from epoch %d to %d", before, after)
	}
	if r.store.Durable() != before {
		t.Errorf("durable %d, visible %d: the checkpoint interval is long over", r.store.Durable(), before)
	}
	// And without anybody waiting, rows become visible by themselves.
	f.push(ints("2"))
	for range 200 {
		if r.store.Visible() > before {
			break
		}
		time.Sleep(time.Millisecond)
	}
	r.want(21, "1x1 2x1")
}

func TestStartJobErrors(t *testing.T) {
	r := newRig(t, memStore(t), nil)
	defer r.close()
	r.coord.Start()
	ctx := context.Background()
	f := newFeed()
	r.start(tablePlan(1, f, 20))
	if _, err := r.graph.StartJob(ctx, viewPlan(2, 9, 21, 1), checkpoint.Request{}); sqlerr.Code(err) != sqlerr.ObjectNotInPrerequisiteState {
		t.Errorf("no upstream: %v", err)
	}
	if _, err := r.graph.StartJob(ctx, tablePlan(1, f, 22), checkpoint.Request{}); sqlerr.Code(err) != sqlerr.ObjectInUse {
		t.Errorf("twice: %v", err)
	}
	refused := errors.New("refused")
	if _, err := r.graph.StartJob(ctx, viewPlan(2, 1, 21, 1), checkpoint.Request{Before: func(stream.Epoch) error { return refused }}); !errors.Is(err, refused) {
		t.Errorf("refused: %v", err)
	}
	if r.graph.Running(2) {
		t.Error("a refused job runs")
	}
	broken := viewPlan(3, 1, 23, 1)
	broken.Fragments[0].Root.(*spec).open = func(*OpenCtx) (Operator, error) { return nil, errors.New("cannot open") }
	r.start(broken) // its fate shows later: the job exists
	if _, err := r.submit(checkpoint.Request{Jobs: []stream.JobID{3}}); err == nil || !strings.Contains(err.Error(), "cannot open") {
		t.Errorf("waiting for a job that does not open: %v", err)
	}
	f.push(ints("1"))
	r.flush(1)
	r.want(20, "1x1")
}
