package checkpoint

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"go.uber.org/goleak"

	"streamdb/internal/sqlerr"
	"streamdb/storage"
	"streamdb/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeTask is a source that acks when told to, or at once.
type fakeTask struct {
	c      *Coordinator
	member *Member
	id     stream.TaskID
	auto   bool
	mu     sync.Mutex
	seen   []stream.Barrier
	table  storage.StateTable
}

func (f *fakeTask) Inject(b stream.Barrier) {
	f.mu.Lock()
	f.seen = append(f.seen, b)
	f.mu.Unlock()
	if f.auto {
		f.ack(b.Epoch)
	}
}

func (f *fakeTask) ack(n stream.Epoch) bool {
	var deltas []*storage.Delta
	if f.table != nil {
		f.table.Put(0, []byte("epoch"), fmt.Append(nil, n))
		deltas = append(deltas, f.table.Seal(n))
	}
	return f.c.Ack(f.id, n, deltas)
}

func (f *fakeTask) epochs() (out []stream.Epoch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, b := range f.seen {
		out = append(out, b.Epoch)
	}
	return out
}

func (c *Coordinator) addFake(job stream.JobID, auto bool) *fakeTask {
	f := &fakeTask{c: c, id: stream.TaskID{Job: job}, auto: auto}
	f.table = c.store.OpenTable(storage.TableDef{ID: storage.TableID(100 + job)}, storage.AllVNodes)
	f.member = c.AddJob(job, []stream.TaskID{f.id}, []Injector{f}, 1) // one island
	return f
}

func setup(t *testing.T, fs vfs.FS, o Options) *Coordinator {
	t.Helper()
	s, err := storage.Open(storage.Options{Dir: "db", FS: fs, CacheBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	o.Store = s
	c := New(o)
	t.Cleanup(func() {
		c.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func wait(t *testing.T, ticket *Ticket) stream.Epoch {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	n, err := ticket.Wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCatalogCommitsNeedNoTasks(t *testing.T) {
	c := setup(t, vfs.NewMem(), Options{})
	c.Start()
	var order []string
	var mu sync.Mutex
	note := func(s string) { mu.Lock(); order = append(order, s); mu.Unlock() }
	n := wait(t, c.Submit(Request{
		Before: func(n stream.Epoch) error { note(fmt.Sprint("before ", n)); return nil },
		Change: func(n stream.Epoch) *stream.Change { note(fmt.Sprint("change ", n)); return nil },
		Meta: func(n stream.Epoch) []storage.KV {
			note(fmt.Sprint("meta ", n))
			return []storage.KV{{Key: []byte("k"), Value: []byte("v")}}
		},
		Sync:  true,
		After: func(n stream.Epoch) { note(fmt.Sprint("after ", n, " durable ", c.store.Durable())) },
	}))
	if got := strings.Join(order, ", "); n != 1 || got != "before 1, change 1, meta 1, after 1 durable 1" {
		t.Errorf("epoch %d: %s", n, got)
	}
	if v, err := c.store.MetaGet([]byte("k")); string(v) != "v" || err != nil {
		t.Errorf("meta %q, %v", v, err)
	}
	refused := errors.New("no")
	_, err := c.Submit(Request{Before: func(stream.Epoch) error { return refused }}).Wait(context.Background())
	if !errors.Is(err, refused) {
		t.Errorf("refused: %v", err)
	}
}

// TestWaitersShareABarrier: while two epochs are in flight, everybody who comes
// gets the same next one.
func TestWaitersShareABarrier(t *testing.T) {
	c := setup(t, vfs.NewMem(), Options{})
	task := c.addFake(1, false)
	c.Start()
	var tickets []*Ticket
	for i := range 10 {
		tickets = append(tickets, c.Submit(Request{Sync: i%2 == 0}))
		for range 1000 { // the first two get barriers of their own
			if i > 1 || len(task.epochs()) == i+1 {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	if got := task.epochs(); !slices.Equal(got, []stream.Epoch{1, 2}) {
		t.Fatalf("in flight: %v", got)
	}
	for n := stream.Epoch(1); n <= 3; n++ {
		for len(task.epochs()) < int(n) {
			time.Sleep(time.Millisecond)
		}
		task.ack(n)
	}
	var epochs []stream.Epoch
	for _, ticket := range tickets {
		epochs = append(epochs, wait(t, ticket))
	}
	if !slices.Equal(epochs, []stream.Epoch{1, 2, 3, 3, 3, 3, 3, 3, 3, 3}) {
		t.Errorf("epochs %v", epochs)
	}
	if st := c.Epochs(); len(st) != 3 || st[2].Requests != 8 || st[2].Rows != 1 || st[2].Tasks != 1 {
		t.Errorf("stats %+v", st)
	}
}

// TestClock runs on synthetic time: barriers at the interval while data flows,
// none when it does not, fsync at the checkpoint interval, a slow epoch reported.
func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := storage.Open(storage.Options{Dir: "db", FS: vfs.NewMem(), CacheBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		c := New(Options{Store: s, BarrierInterval: 100 * time.Millisecond, CheckpointInterval: time.Second})
		defer c.Close()
		task := c.addFake(1, true)
		defer task.table.Close()
		c.Start()
		time.Sleep(time.Hour)
		if n := s.Visible(); n != 0 {
			t.Errorf("an idle hour made %d epochs", n)
		}
		begin := time.Now()
		for time.Since(begin) < 950*time.Millisecond { // data every 10 ms
			task.member.Active(c.Next())
			time.Sleep(10 * time.Millisecond)
		}
		if n := s.Visible(); n < 9 || n > 11 {
			t.Errorf("950 ms of data made %d epochs, want one in 100 ms", n)
		}
		if d := s.Durable(); d != 0 {
			t.Errorf("durable %d before the checkpoint interval is over", d)
		}
		time.Sleep(2 * time.Second)
		last := s.Visible()
		if d := s.Durable(); d != last {
			t.Errorf("durable %d, visible %d after the checkpoint interval", d, last)
		}
		if st := c.Epochs(); !st[len(st)-1].Durable {
			t.Errorf("stats do not know: %+v", st[len(st)-1])
		}
		time.Sleep(time.Hour)
		if n := s.Visible(); n != last {
			t.Errorf("another idle hour made %d epochs", n-last)
		}
		// Activity that a barrier on its way covers already asks for no other.
		n := c.Next()
		c.Submit(Request{Before: func(at stream.Epoch) error { task.member.Active(at); return nil }})
		time.Sleep(time.Second)
		if s.Visible() != n {
			t.Errorf("visible %d, want %d: a pushed row asked for one more barrier", s.Visible(), n)
		}
		// Too many dirty bytes do not wait for the interval.
		task.member.Active(c.Next())
		time.Sleep(time.Millisecond)
		at := s.Visible()
		task.member.AddDirty(65 << 20)
		time.Sleep(15 * time.Millisecond)
		task.member.AddDirty(-65 << 20)
		if n := s.Visible(); n != at+1 {
			t.Errorf("dirty bytes asked for %d barriers", n-at)
		}
	})
}

// TestFailedJobLeavesItsEpochs: two jobs, two epochs in flight. One dies after it
// acked the first: nothing of it is committed, the other's is. Those who outlive it
// hear that the first was its last, before anything is committed.
func TestFailedJobLeavesItsEpochs(t *testing.T) {
	var also []stream.JobID
	var last map[stream.JobID]stream.Epoch
	c := setup(t, vfs.NewMem(), Options{
		OnJobFailed: func(job stream.JobID, err error) []stream.JobID { return also },
		OnDetached:  func(l map[stream.JobID]stream.Epoch) { last = l },
	})
	good, bad, dependent := c.addFake(1, false), c.addFake(2, false), c.addFake(3, false)
	also = []stream.JobID{3}
	c.Start()
	first := c.Submit(Request{Jobs: []stream.JobID{1}})
	for len(good.epochs()) < 1 {
		time.Sleep(time.Millisecond)
	}
	second := c.Submit(Request{Jobs: []stream.JobID{1, 3}})
	for len(good.epochs()) < 2 {
		time.Sleep(time.Millisecond)
	}
	if !bad.ack(1) || !dependent.ack(1) {
		t.Error("acks refused")
	}
	boom := sqlerr.New(sqlerr.DivisionByZero, "division by zero")
	c.TaskFailed(bad.id, boom)
	if bad.ack(2) || dependent.ack(2) {
		t.Error("acks of failed jobs taken")
	}
	if len(last) != 2 || last[2] != 1 || last[3] != 1 {
		t.Errorf("last epochs %v", last)
	}
	good.ack(1)
	good.ack(2)
	wait(t, first)
	if _, err := second.Wait(context.Background()); !errors.Is(err, boom) {
		t.Errorf("waiting for a stopped dependent: %v", err)
	}
	if n := wait(t, c.Submit(Request{Before: func(n stream.Epoch) error { good.auto = true; return nil }})); n != 3 {
		t.Errorf("next epoch %d", n)
	}
	snap := c.store.Snapshot()
	defer snap.Close()
	for job, want := range map[storage.TableID]string{101: "3", 102: "", 103: ""} {
		if v, _ := snap.Get(job, 0, []byte("epoch")); string(v) != want {
			t.Errorf("table %d is of epoch %q, want %q", job, v, want)
		}
	}
	if got := bad.epochs(); len(got) != 2 {
		t.Errorf("the failed job still gets barriers: %v", got)
	}
	if _, err := c.Submit(Request{Jobs: []stream.JobID{2}}).Wait(context.Background()); !errors.Is(err, boom) {
		t.Errorf("waiting for a dead job: %v", err)
	}
}

// TestDiskFull: commits are tried again while the disk is full; when it stays full, everybody hears.
func TestDiskFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var full toggle
		fs := errorfs.Wrap(vfs.NewMem(), &full)
		s, err := storage.Open(storage.Options{Dir: "db", FS: fs, CacheBytes: 1 << 20, IngestBytes: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		var failed []stream.JobID
		c := New(Options{Store: s, OnJobFailed: func(job stream.JobID, err error) []stream.JobID {
			failed = append(failed, job)
			return nil
		}})
		defer c.Close()
		task := c.addFake(1, true)
		defer task.table.Close()
		c.Start()
		ctx := context.Background()
		if _, err := c.Submit(Request{}).Wait(ctx); err != nil {
			t.Fatal(err)
		}
		full.set(true)
		ticket := c.Submit(Request{})
		time.Sleep(time.Second)
		full.set(false)
		if n, err := ticket.Wait(ctx); n != 2 || err != nil {
			t.Errorf("after space was freed: %d, %v", n, err)
		}
		full.set(true)
		if _, err := c.Submit(Request{}).Wait(ctx); sqlerr.Code(err) != sqlerr.DiskFull {
			t.Errorf("full for good: %v", err)
		}
		if _, err := c.Submit(Request{}).Wait(ctx); sqlerr.Code(err) != sqlerr.DiskFull {
			t.Errorf("and from then on: %v", err)
		}
		synctest.Wait()
		if !slices.Equal(failed, []stream.JobID{1}) {
			t.Errorf("failed jobs %v", failed)
		}
		full.set(false)
		if s.Visible() != 2 {
			t.Errorf("visible %d", s.Visible())
		}
	})
}

// toggle fails the creation of table files while it is on.
type toggle struct {
	mu sync.Mutex
	on bool
}

func (x *toggle) set(on bool) { x.mu.Lock(); x.on = on; x.mu.Unlock() }

func (x *toggle) String() string { return "toggle" }

func (x *toggle) MaybeError(op errorfs.Op) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.on && op.Kind == errorfs.OpCreate && strings.Contains(op.Path, "ingest") {
		return &fs.PathError{Op: "create", Path: op.Path, Err: syscall.ENOSPC}
	}
	return nil
}

func TestCloseAnswersEverybody(t *testing.T) {
	s, err := storage.Open(storage.Options{Dir: "db", FS: vfs.NewMem(), CacheBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := New(Options{Store: s})
	task := c.addFake(1, false)
	defer task.table.Close()
	var failures sync.WaitGroup
	var tickets []*Ticket
	c.Start()
	for range 5 {
		failures.Add(1)
		tickets = append(tickets, c.Submit(Request{Failed: func(error) { failures.Done() }}))
	}
	for len(task.epochs()) < 1 {
		time.Sleep(time.Millisecond)
	}
	c.Close()
	failures.Wait()
	for _, ticket := range append(tickets, c.Submit(Request{})) {
		if _, err := ticket.Wait(context.Background()); sqlerr.Code(err) != sqlerr.AdminShutdown {
			t.Errorf("after close: %v", err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	never := &Ticket{done: make(chan struct{})}
	if _, err := never.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled wait: %v", err)
	}
}

// TestSlowEpochIsReported: once, with the task that it waits for and what that does.
func TestSlowEpochIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := storage.Open(storage.Options{Dir: "db", FS: vfs.NewMem(), CacheBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		var log lockedBuffer
		c := New(Options{Store: s, Timeout: 10 * time.Second, Log: slog.New(slog.NewTextHandler(&log, nil)),
			TaskState: func(stream.TaskID) string { return "HashJoin, processing" }})
		quick, slow := c.addFake(1, true), c.addFake(2, false)
		defer quick.table.Close()
		defer slow.table.Close()
		c.Start()
		ticket := c.Submit(Request{})
		time.Sleep(9 * time.Second)
		synctest.Wait()
		if got := log.String(); got != "" {
			t.Errorf("too early: %s", got)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := log.String(); strings.Count(got, "checkpoint is slow") != 1 || !strings.Contains(got, "epoch 1 still waits for job 2 task 0.0 (HashJoin, processing)\"") {
			t.Errorf("reported: %s", got)
		}
		slow.ack(1)
		if n, err := ticket.Wait(context.Background()); n != 1 || err != nil {
			t.Errorf("epoch %d, %v", n, err)
		}
		c.Close()
	})
}

// lockedBuffer is a log that the test reads while others write to it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
