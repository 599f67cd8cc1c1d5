package checkpoint

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"streamdb/storage"
	"streamdb/stream"
)

// islander is a source that writes the number of each epoch into its table, and
// acks when told to. It refuses barriers that do not follow upon one another.
type islander struct {
	t     *testing.T
	c     *Coordinator
	m     *Member
	id    stream.TaskID
	table storage.StateTable
	gone  bool

	mu    sync.Mutex
	prev  stream.Epoch
	queue []stream.Epoch // not acked
}

func (f *islander) Inject(b stream.Barrier) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if b.Prev != f.prev {
		f.t.Errorf("job %d: barrier %d follows upon %d, but the last one was %d", f.id.Job, b.Epoch, b.Prev, f.prev)
	}
	f.prev = b.Epoch
	f.queue = append(f.queue, b.Epoch)
}

// ack acks the oldest barrier.
func (f *islander) ack() {
	waits := f.waits()
	if len(waits) == 0 || f.gone {
		return
	}
	n := waits[0]
	f.mu.Lock()
	f.queue = f.queue[1:]
	f.mu.Unlock()
	f.table.Put(0, []byte("epoch"), strconv.AppendUint(nil, uint64(n), 10))
	f.c.Ack(f.id, n, []*storage.Delta{f.table.Seal(n)})
}

// waits lists the barriers that are not acked.
func (f *islander) waits() []stream.Epoch {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.queue)
}

// archipelago is a coordinator with islanders.
type archipelago struct {
	t    *testing.T
	c    *Coordinator
	s    *storage.Store
	next stream.JobID

	mu    sync.Mutex
	jobs  map[stream.JobID]*islander
	joint map[stream.Epoch][]stream.JobID // what requests did to several jobs at once
}

func newArchipelago(t *testing.T, o Options) *archipelago {
	s, err := storage.Open(storage.Options{Dir: "db", FS: storage.NewMemFS(), CacheBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	o.Store = s
	a := &archipelago{t: t, s: s, jobs: map[stream.JobID]*islander{}, joint: map[stream.Epoch][]stream.JobID{}}
	o.OnJobFailed = func(id stream.JobID, _ error) []stream.JobID { return a.dependents(id) }
	a.c = New(o)
	a.c.Start()
	return a
}

func (a *archipelago) end() {
	a.c.Close()
	for _, f := range a.all() {
		f.table.Close()
	}
	if err := a.s.Close(); err != nil {
		a.t.Error(err)
	}
}

// all are the jobs that run.
func (a *archipelago) all() []*islander {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Collect(maps.Values(a.jobs))
}

// dependents are the jobs that read one, directly or not.
func (a *archipelago) dependents(id stream.JobID) (out []stream.JobID) {
	lost := map[stream.JobID]bool{id: true}
	for again := true; again; {
		again = false
		for _, f := range a.all() {
			other := f.id.Job
			if !lost[other] && slices.ContainsFunc(f.m.upstreams, func(up stream.JobID) bool { return lost[up] }) {
				lost[other], again = true, true
				out = append(out, other)
			}
		}
	}
	return out
}

// add starts a job that reads others, at a barrier that they all have.
func (a *archipelago) add(upstreams ...stream.JobID) (*islander, *Ticket) {
	a.next++
	f := &islander{t: a.t, c: a.c, id: stream.TaskID{Job: a.next}}
	f.table = a.s.OpenTable(storage.TableDef{ID: storage.TableID(1000 + a.next)}, storage.AllVNodes)
	t := a.c.Submit(Request{Jobs: upstreams, Alone: true, Change: func(n stream.Epoch) *stream.Change {
		a.mu.Lock()
		defer a.mu.Unlock()
		f.prev = n
		f.m = a.c.AddJob(f.id.Job, []stream.TaskID{f.id}, []Injector{f}, upstreams...)
		a.jobs[f.id.Job] = f
		return nil
	}})
	synctest.Wait()
	return f, t
}

func (f *islander) ackAll() {
	for len(f.waits()) > 0 && !f.gone {
		f.ack()
		synctest.Wait()
	}
}

func (a *archipelago) submit(jobs ...stream.JobID) *Ticket {
	t := a.c.Submit(a.request(jobs))
	synctest.Wait()
	return t
}

func (a *archipelago) request(jobs []stream.JobID) Request {
	return Request{Jobs: jobs, Before: func(n stream.Epoch) error {
		a.mu.Lock()
		a.joint[n] = append(a.joint[n], jobs...)
		a.mu.Unlock()
		return nil
	}}
}

func over(t *Ticket) bool {
	select {
	case <-t.Done():
		return true
	default:
		return false
	}
}

// check compares what a snapshot holds of each job with what is known of it.
func (a *archipelago) check() {
	a.t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	all := a.s.Snapshot()
	defer all.Close()
	for n, jobs := range a.joint {
		holds := map[bool]bool{}
		for _, id := range jobs {
			if f := a.jobs[id]; f != nil {
				row, err := all.Get(storage.TableID(1000+id), 0, []byte("epoch"))
				if err != nil {
					a.t.Fatal(err)
				}
				at, _ := strconv.Atoi(string(row))
				holds[stream.Epoch(at) >= n] = true
			}
		}
		if len(holds) > 1 {
			a.t.Errorf("half of epoch %d of %v is visible", n, jobs)
		}
	}
	for _, f := range a.jobs {
		snap, n := f.m.Snapshot()
		row, err := snap.Get(storage.TableID(1000+f.id.Job), 0, []byte("epoch"))
		snap.Close()
		if err != nil {
			a.t.Fatal(err)
		}
		if row != nil && string(row) != fmt.Sprint(n) {
			a.t.Errorf("job %d: the snapshot holds epoch %s, and is said to hold %d", f.id.Job, row, n)
		}
	}
}

// TestIslandsDoNotWait: a job that is stuck holds up its own island, whatever asks
// for a barrier of others.
func TestIslandsDoNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchipelago(t, Options{})
		defer a.end()
		stuck, _ := a.add()
		good, _ := a.add()
		slow := a.submit(stuck.id.Job)
		everywhere := a.c.Submit(Request{Sync: true})
		both := a.submit(stuck.id.Job, good.id.Job) // no room on the one: it has two in flight
		time.Sleep(time.Minute)
		good.ackAll()
		for i := range 5 {
			ticket := a.submit(good.id.Job)
			good.ackAll()
			if !over(ticket) {
				t.Fatalf("request %d waits for another island", i)
			}
			a.check()
		}
		if none := a.c.Submit(Request{Sync: true, Alone: true, Meta: func(stream.Epoch) []storage.KV {
			return []storage.KV{{Key: []byte("k"), Value: []byte("v")}}
		}}); true {
			synctest.Wait()
			if !over(none) {
				t.Error("a request that concerns no island waits for one")
			}
		}
		if over(slow) || over(everywhere) || over(both) {
			t.Error("a barrier of the stuck job is over")
		}
		if since, awaited := a.c.HeldUp(time.Second); since.IsZero() || len(awaited) != 1 || awaited[0] != stuck.id {
			t.Errorf("held up by %v", awaited)
		}
		// Once there is room, the request for both gets it, and is one commit.
		stuck.ack()
		synctest.Wait()
		if len(stuck.waits()) != 2 || len(good.waits()) != 1 || stuck.waits()[1] != good.waits()[0] {
			t.Fatalf("barriers %v and %v", stuck.waits(), good.waits())
		}
		behind := a.submit(good.id.Job)
		good.ackAll()
		if good.m.Committed() >= stuck.waits()[1] || over(behind) {
			t.Error("half of an epoch is committed, or what is behind it")
		}
		stuck.ackAll()
		if !over(slow) || !over(everywhere) || !over(both) || !over(behind) || stuck.m.Committed() >= good.m.Committed() {
			t.Errorf("committed up to %d and %d", stuck.m.Committed(), good.m.Committed())
		}
		a.check()
	})
}

// TestJointRequestIsNotStarved: others of an island do not always take the room
// that a request for two islands waits for.
func TestJointRequestIsNotStarved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchipelago(t, Options{})
		defer a.end()
		one, _ := a.add()
		two, _ := a.add()
		for _, f := range []*islander{one, one, two, two} {
			a.submit(f.id.Job)
		}
		both := a.submit(one.id.Job, two.id.Job)
		for range 2 {
			a.submit(one.id.Job)
			a.submit(two.id.Job)
		}
		one.ack()
		synctest.Wait()
		two.ack()
		synctest.Wait()
		one.ackAll()
		two.ackAll()
		one.ackAll()
		if !over(both) {
			t.Error("the request for both waits")
		}
		two.ackAll()
		a.check()
	})
}

// TestMergeAndSplit: a job that reads two islands makes one of them, at a barrier;
// without it they come apart.
func TestMergeAndSplit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchipelago(t, Options{})
		defer a.end()
		one, _ := a.add()
		two, _ := a.add()
		for range 3 {
			a.submit(two.id.Job)
			two.ackAll()
		}
		a.submit(one.id.Job) // on its way when they meet
		view, created := a.add(one.id.Job, two.id.Job)
		a.submit(two.id.Job) // of all, from here on
		two.ackAll()
		a.check()
		if over(created) {
			t.Error("the view exists before the island that it reads has its barrier")
		}
		one.ackAll()
		view.ackAll()
		two.ackAll()
		if !over(created) || one.m.Committed() != two.m.Committed() || view.m.Committed() != two.m.Committed() {
			t.Errorf("committed up to %d, %d and %d", one.m.Committed(), two.m.Committed(), view.m.Committed())
		}
		a.check()
		a.submit(view.id.Job)
		if len(one.waits()) != 1 || len(two.waits()) != 1 {
			t.Error("the islands are not one")
		}
		// Dropped while a barrier is in flight: they stay together until it is committed.
		a.c.RemoveJob(view.id.Job, nil)
		view.gone = true
		last := a.submit(one.id.Job)
		if len(two.waits()) != 2 {
			t.Errorf("apart too early: %v", two.waits())
		}
		one.ackAll()
		two.ackAll()
		if !over(last) {
			t.Error("not committed without the dropped job")
		}
		apart := a.submit(one.id.Job)
		if one.ackAll(); !over(apart) || len(two.waits()) != 0 {
			t.Error("the islands are still one")
		}
		a.check()
	})
}

// TestDurableByIsland: what an island has not committed is not said to be durable
// because a later number of another one is.
func TestDurableByIsland(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchipelago(t, Options{})
		defer a.end()
		one, _ := a.add()
		two, _ := a.add()
		a.submit(one.id.Job)
		epoch := one.waits()[0]
		ticket := a.c.Submit(Request{Jobs: []stream.JobID{two.id.Job}, Sync: true})
		synctest.Wait()
		two.ackAll()
		if !over(ticket) || a.s.Durable() < epoch || two.m.Durable() < epoch || one.m.Durable() >= epoch {
			t.Errorf("durable: commit %d, epochs %d and %d", a.s.Durable(), one.m.Durable(), two.m.Durable())
		}
		one.ackAll()
		time.Sleep(2 * time.Second)
		if one.m.Durable() != epoch {
			t.Errorf("durable up to %d, want %d", one.m.Durable(), epoch)
		}
		for _, e := range a.c.Epochs() {
			if !e.Durable {
				t.Errorf("epoch %d, commit %d, is not said to be durable", e.Epoch, e.Commit)
			}
		}
	})
}

// TestAnyIslands does anything in any order. Barriers follow upon one another at
// every task, a snapshot holds of each job what it is said to hold, what shares an
// epoch becomes visible at once, and at the end nothing is left waiting.
func TestAnyIslands(t *testing.T) {
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) { anyIslands(t, rand.New(rand.NewPCG(seed, 7))) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func anyIslands(t *testing.T, r *rand.Rand) {
	a := newArchipelago(t, Options{})
	defer a.end()
	var tickets []*Ticket
	pick := func() (ids []stream.JobID) {
		all := a.all()
		for _, f := range all {
			if !f.gone && r.IntN(len(all)) < 2 && len(ids) < 3 {
				ids = append(ids, f.id.Job)
			}
		}
		return ids
	}
	note := func(ticket *Ticket) { tickets = append(tickets, ticket) }
	ackSome := func() {
		for _, f := range a.all() {
			if r.IntN(2) == 0 {
				f.ack()
			}
		}
	}
	for range 150 {
		switch r.IntN(12) {
		case 0:
			if len(a.all()) < 12 {
				_, ticket := a.add(pick()...)
				note(ticket)
			}
		case 1:
			if ids := pick(); len(ids) > 0 && len(a.all()) > 3 {
				lost := append(a.dependents(ids[0]), ids[0])
				if r.IntN(2) == 0 {
					a.c.FailJob(ids[0], errClosed)
				} else {
					for _, id := range lost {
						a.c.RemoveJob(id, errClosed)
					}
				}
				a.mu.Lock()
				for _, id := range lost {
					a.jobs[id].gone = true
					a.jobs[id].table.Close()
					delete(a.jobs, id)
				}
				a.mu.Unlock()
			}
		case 2, 3, 4:
			if ids := pick(); len(ids) > 0 {
				req := a.request(ids)
				req.Sync = r.IntN(3) == 0
				note(a.c.Submit(req))
			}
		case 5:
			note(a.c.Submit(Request{}))
		case 6:
			if ids := pick(); len(ids) > 0 {
				a.mu.Lock()
				f := a.jobs[ids[0]]
				a.mu.Unlock()
				f.mu.Lock()
				n := f.prev + 1
				f.mu.Unlock()
				f.m.Active(n)
			}
		case 7:
			time.Sleep(time.Duration(r.IntN(1000)) * time.Millisecond)
		default:
			ackSome()
		}
		if r.IntN(3) > 0 {
			synctest.Wait()
		}
		a.check()
	}
	for range 100 {
		synctest.Wait()
		for _, f := range a.all() {
			f.ack()
		}
	}
	synctest.Wait()
	a.check()
	for i, ticket := range tickets {
		if !over(ticket) {
			t.Errorf("ticket %d of %d waits", i, len(tickets))
		}
	}
}
