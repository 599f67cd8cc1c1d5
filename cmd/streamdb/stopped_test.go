package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

var (
	stoppedTimes = flag.Int("stopped.times", 2, "times that TestStopped stops the server's process")
	stoppedFor   = flag.Duration("stopped.for", 1500*time.Millisecond, "how long each time; checkpoint_timeout_ms is two thirds of it")
)

// TestStopped: the process of the server is stopped (SIGSTOP) under load for longer
// than an epoch may take and than clients wait, and goes on. Nothing acknowledged
// is lost, what a client gave up on is there as a whole or not at all, no job has
// failed for having stood still with all the others, and a subscription goes on
// where it was.
func TestStopped(t *testing.T) {
	s := newServer(t, "-log-level", "warn", "-parallelism", "2")
	s.start()
	c := s.connect()
	for _, sql := range []string{
		"create table moves (client int, n int, amount int, primary key (client, n, amount))",
		"create table factors (f int primary key)",
		"insert into factors select g from generate_series(1, 2000) g",
		"create materialized view sums as select client, max(n) as n, count(*) as c, sum(amount) as total from moves group by client",
		// Work enough that an epoch is in flight most of the time.
		"create materialized view products as select f % 10 as g, count(*) as c, sum(amount * f) as p from moves join factors on f > amount % 2 group by f % 10",
		`create source ticks (id int) with (connector = 'datagen', fields.id.kind = 'sequence', fields.id.start = '1',
			fields.id.end = '10000000', datagen.rows.per.second = '2000')`,
		"create materialized view ticked as select count(*) as n, sum(id)::bigint as s, max(id) as hi from ticks",
		fmt.Sprintf("alter system set checkpoint_timeout_ms = %d", stoppedFor.Milliseconds()*2/3),
	} {
		s.exec(c, sql)
	}
	ctx, end := context.WithCancel(t.Context())
	defer end()
	const clients = 3
	var acked, given [clients]atomic.Int64
	var work sync.WaitGroup
	for i := range clients {
		work.Go(func() { mover(ctx, s, i, &acked[i], &given[i]) })
	}
	var epochs atomic.Int64
	work.Go(func() { follow(ctx, t, s, &epochs) })
	for n := range *stoppedTimes {
		time.Sleep(time.Duration(100+rand.IntN(300)) * time.Millisecond)
		seen := epochs.Load()
		s.signal(syscall.SIGSTOP)
		time.Sleep(*stoppedFor)
		s.signal(syscall.SIGCONT)
		for deadline := time.Now().Add(30 * time.Second); epochs.Load() < seen+3; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("after stop %d the subscription does not go on", n+1)
			}
		}
	}
	end()
	work.Wait()
	s.signal(syscall.SIGSTOP)
	time.Sleep(*stoppedFor)
	s.signal(syscall.SIGCONT)
	before, woke := ticked(t, c), time.Now() // nobody asks for epochs now
	for n := 0; n < 3; time.Sleep(2 * time.Millisecond) {
		if now := ticked(t, c); now > before {
			before, n = now, n+1
		}
		if time.Since(woke) > max(*stoppedFor, time.Second) {
			t.Fatalf("%v after the stop there were %d epochs", time.Since(woke), n)
		}
	}
	rows, err := c.Query(t.Context(), "select name, error from streamdb.jobs where state <> 'RUNNING'")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			t.Fatal(err)
		}
		t.Errorf("%s has failed: %s", name, text)
	}
	for i := range clients {
		var n, count, total int64
		if err := c.QueryRow(t.Context(), "select coalesce(max(n), 0), coalesce(max(c), 0), coalesce(max(total), 0) from sums where client = $1", i).Scan(&n, &count, &total); err != nil {
			t.Fatal(err)
		}
		// A move is two rows that sum up to zero.
		if sent := acked[i].Load() + given[i].Load(); count%2 != 0 || total != 0 || count/2 < acked[i].Load() || count/2 > sent {
			t.Errorf("client %d: %d rows of %d, last move %d; %d were acknowledged, %d sent", i, count, total, n, acked[i].Load(), sent)
		}
	}
	var n, sum, hi int64
	if err := c.QueryRow(t.Context(), "select n, s, hi from ticked").Scan(&n, &sum, &hi); err != nil || n != hi || sum != n*(n+1)/2 {
		t.Errorf("the view over the source: %d rows, sum %d, last %d, %v", n, sum, hi, err)
	}
	for _, view := range []string{"sums", "products"} {
		if res, err := script(t.Context(), c.PgConn(), "check materialized view "+view); err != nil || len(res[0]) > 0 {
			t.Errorf("%s is not its query: %v, %v", view, res, err)
		}
	}
	t.Logf("%d stops of %v: %d, %d and %d moves acknowledged, %d, %d and %d given up; %d epochs of the subscription",
		*stoppedTimes, *stoppedFor, acked[0].Load(), acked[1].Load(), acked[2].Load(), given[0].Load(), given[1].Load(), given[2].Load(), epochs.Load())
	s.stop()
}

// ticked is how far the view over the source is.
func ticked(t *testing.T, c *pgx.Conn) (n int64) {
	t.Helper()
	if err := c.QueryRow(t.Context(), "select n from ticked").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func (s *server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// mover writes pairs of rows, and does not wait for any of them for longer than half
// the time of a stop: then it begins again on another connection.
func mover(ctx context.Context, s *server, client int, acked, given *atomic.Int64) {
	var c *pgx.Conn
	for n := 1; ctx.Err() == nil; n++ {
		if c == nil {
			var err error
			if c, err = s.tryConnect(); err != nil {
				c = nil
				continue
			}
		}
		patience, cancel := context.WithTimeout(context.Background(), *stoppedFor/2)
		_, err := c.Exec(patience, "insert into moves values ($1, $2, 7), ($1, $2, -7)", client, n)
		cancel()
		if err != nil {
			given.Add(1)
			c.Close(context.Background())
			c = nil
			continue
		}
		acked.Add(1)
	}
	if c != nil {
		c.Close(context.Background())
	}
}

// follow subscribes to the sums, and checks at the end of each epoch that they are zero.
func follow(ctx context.Context, t *testing.T, s *server, epochs *atomic.Int64) {
	c, err := s.tryConnect()
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close(context.Background())
	rows, err := c.Query(ctx, "subscribe sums with (progress)", pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Error(err)
		return
	}
	defer rows.Close()
	var sum, last int64
	for rows.Next() {
		var at int64
		var progress bool
		var diff, client, n, count, total *int64
		if err := rows.Scan(&at, &progress, &diff, &client, &n, &count, &total); err != nil {
			t.Error(err)
			return
		}
		if !progress {
			sum += *diff * *total
			continue
		}
		if epochs.Add(1); sum != 0 || at <= last {
			t.Errorf("the subscription at %d, after %d, sums up to %d", at, last, sum)
		}
		last = at
	}
	if err := rows.Err(); err != nil && ctx.Err() == nil {
		t.Errorf("the subscription: %v", err)
	}
}
