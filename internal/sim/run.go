package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// point is a crash: the disk as it is left, and what had been promised.
type point struct {
	id     string // for messages: seed, operation, those of recoveries
	mem    *vfs.MemFS
	ledger *ledger
	// By client: steps that were acknowledged before the crash, and those that were
	// sent. The database must be in a state between the two.
	acked, sent [clients]int
	depth       int      // recoveries that were cut short before
	before      *point   // the crash that the last of them came after
	trace       []string // and what it had done
	rng         *rand.Rand
	fatal       func(string) // ends the server that is opened on it; nil: it must not end
}

// run is one history of a schedule.
type run struct {
	s           *schedule
	ledger      *ledger
	acked, sent [clients]atomic.Int64

	mu     sync.Mutex // held while a point is taken
	points []*point
	off    bool // no more points
}

// take takes the crash point in front of an operation.
func (r *run) take(d *disk, n int64, op errorfs.Op) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.off {
		return
	}
	rng := rand.New(rand.NewPCG(r.s.seed, uint64(n)))
	how := randomLoss(rng)
	p := &point{id: fmt.Sprintf("seed %d, operation %d (%s %s), %s", r.s.seed, n, opNames[op.Kind], op.Path, how), rng: rng}
	for c := range clients {
		p.acked[c] = int(r.acked[c].Load())
	}
	r.ledger.mu.Lock() // what sinks deliver is before or behind the crash
	mem, err := d.crash(how, rng)
	p.ledger = r.ledger.clone()
	r.ledger.mu.Unlock()
	if err != nil {
		panic(fmt.Sprintf("sim: no image of the disk: %v", err)) // of a filesystem in memory
	}
	for c := range clients {
		p.sent[c] = int(r.sent[c].Load())
	}
	p.mem = mem
	r.points = append(r.points, p)
}

// live runs the schedule to its end on an empty disk, and collects its crash points.
func live(ctx context.Context, s *schedule) (*run, error) {
	r := &run{s: s, ledger: newLedger()}
	d := newDisk(nil)
	d.before = func(n int64, op errorfs.Op) error {
		r.take(d, n, op)
		return nil
	}
	srv, err := open(ctx, options(d, r.ledger, 2, nil))
	if err != nil {
		return nil, err
	}
	err = r.drive(ctx, srv)
	return r, errors.Join(err, srv.close())
}

// drive is the life of the clients.
func (r *run) drive(ctx context.Context, srv *server) error {
	first, err := srv.connect(ctx)
	if err != nil {
		return err
	}
	defer first.Close(ctx)
	for _, sql := range r.s.setup {
		if _, err := query(ctx, first, sql); err != nil {
			return err
		}
	}
	for c := range clients {
		if err := r.client(ctx, srv, c, r.s.clients[c][:tableSteps]); err != nil {
			return err
		}
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	var writers, readers sync.WaitGroup
	fail := func(err error) {
		if err != nil {
			end(err)
		}
	}
	over := make(chan struct{})
	for c := range clients {
		writers.Go(func() { fail(r.client(ctx, srv, c, r.s.clients[c][tableSteps:])) })
	}
	readers.Go(func() { fail(r.reader(ctx, srv, over)) })
	readers.Go(func() { fail(r.subscriber(ctx, srv, over)) })
	writers.Wait()
	close(over)
	readers.Wait()
	return context.Cause(ctx)
}

// client sends steps one after the other.
func (r *run) client(ctx context.Context, srv *server, c int, steps []step) error {
	conn, err := srv.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	for _, st := range steps {
		r.sent[c].Add(1)
		for _, sql := range st.sql {
			if _, err := query(ctx, conn, sql); err != nil {
				return err
			}
		}
		r.acked[c].Add(1)
	}
	return nil
}

// states are a client's states that a crash may leave.
func (r *run) states(p *point, c int) []*state {
	empty := &state{map[string]table{}, map[string]object{}}
	var out []*state
	for i := p.acked[c]; i <= p.sent[c]; i++ {
		if i == 0 {
			out = append(out, empty)
		} else {
			out = append(out, r.s.clients[c][i-1].after)
		}
	}
	return out
}

// reader asks for views and their queries in one snapshot while others write:
// they are equal at every moment.
func (r *run) reader(ctx context.Context, srv *server, over chan struct{}) error {
	conn, err := srv.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	rng := rand.New(rand.NewPCG(r.s.seed, 77))
	for {
		select {
		case <-over:
			return nil
		case <-ctx.Done():
			return nil
		case <-time.After(time.Duration(1+rng.IntN(10)) * time.Millisecond):
		}
		c := rng.IntN(clients)
		n := r.acked[c].Load()
		if n == 0 {
			continue
		}
		if err := compareOne(ctx, conn, rng, r.s.clients[c][n-1].after); err != nil {
			return err
		}
	}
}

// goroutinesEnd waits until no more goroutines run than before.
func goroutinesEnd(before int) error {
	for range 500 {
		if runtime.NumGoroutine() <= before {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	buf := make([]byte, 1<<20)
	return fmt.Errorf("%d goroutines are left of %d:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
}
