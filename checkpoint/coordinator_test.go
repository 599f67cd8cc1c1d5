package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
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
