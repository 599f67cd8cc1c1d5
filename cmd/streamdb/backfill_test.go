package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

var (
	backfillRows    = flag.Int("backfill.rows", 100_000, "rows of the table that TestBackfill's view is made over")
	backfillUpdates = flag.Int("backfill.updates", 1000, "rows a second that are written meanwhile")
	backfillBefore  = flag.Duration("backfill.before", 2*time.Second, "time that the same traffic is measured without the new view")
	backfillMemory  = flag.String("backfill.memory", "1GB", "the server's memory-limit")
	backfillKill    = flag.Float64("backfill.kill", 0.4, "part of the rows after which the server is killed; 0: not")
	backfillStrict  = flag.Bool("backfill.strict", false, "barriers that take longer than promised fail the test")
)

const backfillQuery = `select d.name, count(*) as n, sum(f.v) as total, min(f.v) as lo, max(f.v) as hi
	from facts f join dims d on f.k = d.k group by d.name`

// TestBackfill creates a view (join and aggregate) over a large table while rows
// of it are inserted, updated and deleted, and while another view lives its own
// life. The server is killed in the middle. In the end the view is exactly its
// query; on the way the figures are taken that DESIGN promises: the others'
// barriers stay below twice what they took before, memory below its limit, and
// the kill costs less than two seconds of work.
func TestBackfill(t *testing.T) {
	s := newServer(t, "-log-level", "warn", "-memory-limit", *backfillMemory)
	s.start()
	c := s.connect()
	loadFacts(s, c)
	w := startWriters(t, s, *backfillUpdates)
	defer w.stop()
	before := startProbe(t, s)
	time.Sleep(*backfillBefore)
	before.stop()

	during := startProbe(t, s)
	s.exec(c, "set background_ddl = on")
	began := time.Now()
	s.exec(c, "create materialized view totals as "+backfillQuery)
	progress := s.follow(c, during, func(read, total int64) bool {
		return *backfillKill > 0 && float64(read) >= *backfillKill*float64(*backfillRows)
	})
	if *backfillKill > 0 && !progress.done {
		during.stop()
		w.pause()
		progress.read = s.factsRead(c)
		progress.at = time.Now()
		progress = s.killAndGoOn(progress)
		c = s.connect()
		w.resume()
		again := startProbe(t, s)
		end := s.follow(c, again, func(int64, int64) bool { return false })
		again.stop()
		during.merge(again)
		end.report(t, "after the kill")
	}
	during.stop()
	took := time.Since(began)
	after := startProbe(t, s) // what the view costs for ever, without the backfill
	time.Sleep(*backfillBefore)
	after.stop()
	w.stop()
	s.exec(c, "wait")
	if diff := difference(s.counts(c, "select * from totals"), s.counts(c, backfillQuery)); diff != "" {
		t.Errorf("the view is not its query: %s", diff)
	}
	t.Logf("%d rows in %v, %d rows written meanwhile (%.0f a second)", *backfillRows, took.Round(time.Millisecond), w.written.Load(), w.rate())
	backfillFigures(t, before, during)
	t.Logf("after it, with the view: acks p50 %v p99 %v, barriers p50 %.1f ms p99 %.1f ms (%d), at p99 %s", after.quantile(0.5), after.quantile(0.99),
		pick(after.barriers, 0.5), pick(after.barriers, 0.99), len(after.barriers), after.cost(0.99))
}

// backfillFigures prints what was measured; with -backfill.strict it insists.
func backfillFigures(t *testing.T, before, during *probe) {
	was, is := before.quantile(0.99), during.quantile(0.99)
	t.Logf("acks of another table: before p50 %v p99 %v (%d), during p50 %v p99 %v (%d), longest %v",
		before.quantile(0.5), was, len(before.acks), during.quantile(0.5), is, len(during.acks), during.quantile(1))
	for _, side := range []struct {
		of             string
		before, during []float64
	}{{"another table and its view", before.others, during.others}, {"the table and its other view", before.barriers, during.barriers}} {
		was, is := pick(side.before, 0.99), pick(side.during, 0.99)
		t.Logf("barriers of %s: before p50 %.1f ms p99 %.1f ms (%d), during p50 %.1f ms p99 %.1f ms (%d): %.2f times", side.of,
			pick(side.before, 0.5), was, len(side.before), pick(side.during, 0.5), is, len(side.during), is/was)
		if *backfillStrict && is > 2*was {
			t.Errorf("barriers of %s take %.1f ms instead of %.1f ms", side.of, is, was)
		}
	}
	for _, q := range []float64{0.5, 0.8, 0.99} {
		t.Logf("barriers at p%.0f: before %s; during %s", 100*q, before.cost(q), during.cost(q))
	}
	t.Logf("memory: at most %d MB", max(before.rss, during.rss)>>20)
	if limit := new(size); limit.Set(*backfillMemory) == nil && max(before.rss, during.rss) > int64(*limit) {
		t.Errorf("the server held %d bytes", max(before.rss, during.rss))
	}
}

// loadFacts makes the tables: facts with its rows, dims, and others' own.
func loadFacts(s *server, c *pgx.Conn) {
	s.t.Helper()
	s.exec(c, "create table facts (id bigint primary key, k int, v int, note text)")
	s.exec(c, "create table dims (k int primary key, name text)")
	s.exec(c, "create table beat (i int primary key, v int)")
	s.exec(c, "create materialized view beats as select count(*) as n, sum(v) as total from beat")
	s.exec(c, "create materialized view steady as select k % 10 as g, count(*) as n from facts group by k % 10")
	s.exec(c, "insert into dims select x, 'name ' || x from generate_series(0, 9999) x")
	const chunk = 200_000
	for at := 0; at < *backfillRows; at += chunk {
		s.exec(c, fmt.Sprintf("insert into facts select x, x * 13 %% 10000, x %% 1000, 'note ' || x from generate_series(%d, %d) x",
			at, min(at+chunk, *backfillRows)-1))
	}
}

// counts is the rows of a query as text, with how often each comes.
func (s *server) counts(c *pgx.Conn, query string) map[string]int {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	rows, err := c.Query(ctx, query)
	if err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	out := map[string]int{}
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			s.t.Fatal(err)
		}
		out[fmt.Sprint(values...)]++
	}
	if err := rows.Err(); err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
	return out
}

// backfillPoint is how far the backfills were at a moment.
type backfillPoint struct {
	read, total, waiting int64
	at, began            time.Time
	start                int64 // read when it was first looked at
	mostWaiting          int64
	done                 bool
}

func (p backfillPoint) perSecond() float64 {
	return float64(p.read-p.start) / max(p.at.Sub(p.began).Seconds(), 1e-3)
}

func (p backfillPoint) report(t *testing.T, when string) {
	t.Logf("%s: %d of about %d rows read, %.0f a second, at most %d waited", when, p.read, p.total, p.perSecond(), p.mostWaiting)
}

// follow looks at the progress until the view is there or enough says so.
func (s *server) follow(c *pgx.Conn, p *probe, enough func(read, total int64) bool) backfillPoint {
	s.t.Helper()
	point := backfillPoint{start: -1, began: time.Now()}
	for {
		var n int
		var read, total, waiting int64
		err := c.QueryRow(context.Background(), `select count(*), coalesce(sum(rows_read), 0)::bigint, coalesce(sum(rows_total), 0)::bigint,
			coalesce(sum(waiting_rows), 0)::bigint from streamdb.backfill_progress where upstream = 'facts'`).Scan(&n, &read, &total, &waiting)
		if err != nil {
			s.t.Fatal(err)
		}
		p.look(s)
		if n == 0 {
			point.done = true
			return point
		}
		if point.start < 0 {
			point.start = read
		}
		point.read, point.total, point.waiting, point.at = read, total, waiting, time.Now()
		point.mostWaiting = max(point.mostWaiting, waiting)
		if enough(read, total) {
			return point
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// factsRead is the number of rows that the backfill of facts has read.
func (s *server) factsRead(c *pgx.Conn) (n int64) {
	s.t.Helper()
	err := c.QueryRow(context.Background(),
		"select coalesce(sum(rows_read), 0)::bigint from streamdb.backfill_progress where upstream = 'facts'").Scan(&n)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// killAndGoOn kills the server and checks how much of the work is lost.
func (s *server) killAndGoOn(p backfillPoint) backfillPoint {
	s.t.Helper()
	p.report(s.t, "before the kill")
	s.kill()
	began := time.Now()
	s.start()
	up := time.Since(began)
	read := s.factsRead(s.connect())
	lost := float64(p.read-read) / p.perSecond()
	s.t.Logf("the kill: up again in %v, %d rows to be read again, %.2f s of work", up.Round(time.Millisecond), p.read-read, lost)
	if lost > 2 {
		s.t.Errorf("the kill cost %.1f s of work", lost)
	}
	return p
}

// writers insert, update and delete facts at a steady rate, each in its own
// range of keys.
type writers struct {
	t       *testing.T
	s       *server
	end     chan struct{}
	once    sync.Once
	done    sync.WaitGroup
	gate    sync.RWMutex // held for writing: nobody writes
	life    atomic.Int64 // of the server
	written atomic.Int64
	busy    atomic.Int64 // nanoseconds of the time that it was not paused
	began   time.Time
}

const (
	writerCount = 4
	writerBatch = 50 // rows of a statement
)

func startWriters(t *testing.T, s *server, perSecond int) *writers {
	w := &writers{t: t, s: s, end: make(chan struct{}), began: time.Now()}
	for i := range writerCount {
		w.done.Go(func() { w.write(i, perSecond/writerCount) })
	}
	return w
}

func (w *writers) rate() float64 {
	return float64(w.written.Load()) / (time.Duration(w.busy.Load()) / writerCount).Seconds()
}

func (w *writers) pause()  { w.gate.Lock() }
func (w *writers) resume() { w.life.Add(1); w.gate.Unlock() }
func (w *writers) stop()   { w.once.Do(func() { close(w.end) }); w.done.Wait() }

func (w *writers) write(me, perSecond int) {
	rng := rand.New(rand.NewPCG(uint64(me), 7))
	var c *pgx.Conn
	life := int64(0)
	span := *backfillRows / writerCount
	next := *backfillRows + me*1_000_000_000/writerCount // of inserted ids
	interval := time.Second * writerBatch / time.Duration(max(perSecond, 1))
	due := time.Now()
	for {
		select {
		case <-w.end:
			return
		case <-time.After(time.Until(due)):
		}
		if time.Since(due) > time.Second { // it cannot keep up: no debts
			due = time.Now()
		}
		due = due.Add(interval)
		began := time.Now()
		w.gate.RLock()
		if g := w.life.Load(); c == nil || g != life {
			c, life = w.s.connect(), g
		}
		n, err := w.batch(c, rng, me*span+rng.IntN(max(span-writerBatch, 1)), &next)
		w.gate.RUnlock()
		if err != nil {
			w.t.Errorf("writing: %v", err)
			return
		}
		w.written.Add(n)
		w.busy.Add(int64(time.Since(began) + max(0, time.Until(due))))
	}
}

// batch writes some rows in one transaction: inserts at next, or updates and
// deletes from id at on.
func (w *writers) batch(c *pgx.Conn, rng *rand.Rand, at int, next *int) (int64, error) {
	b := &pgx.Batch{}
	what := rng.IntN(5)
	for i := range writerBatch {
		switch what {
		case 0:
			b.Queue("insert into facts values ($1, $2, $3, 'new')", *next, *next%10000, *next%777)
			*next++
		case 1:
			b.Queue("delete from facts where id = $1", at+i)
		default:
			b.Queue("update facts set v = v + 1, k = (k + 13) % 10000 where id = $1", at+i)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	results := c.SendBatch(ctx, b)
	n := int64(0)
	for range writerBatch {
		tag, err := results.Exec()
		if err != nil {
			results.Close()
			return n, err
		}
		n += tag.RowsAffected()
	}
	return n, results.Close()
}

// probe measures others: the acks of a table of their own, the epochs, memory.
type probe struct {
	t        *testing.T
	c        *pgx.Conn
	end      chan struct{}
	once     sync.Once
	done     sync.WaitGroup
	acks     []time.Duration
	barriers []float64      // ms from injection to visibility, of the jobs over the large table
	others   []float64      // the same of the island of beat
	seen     int64          // all epochs up to here,
	later    map[int64]bool // and these
	costs    []epochCost
	rss      int64
}

// epochCost is where the time of an epoch went, in ms, and what it carried.
type epochCost struct {
	align, queue, write float64
	rows, requests      int64
}

// cost prints the mean of the epochs that took about as long as a quantile.
func (p *probe) cost(q float64) string {
	if len(p.costs) == 0 {
		return "none"
	}
	sorted := slices.Clone(p.costs)
	slices.SortFunc(sorted, func(a, b epochCost) int {
		return cmp.Compare(a.align+a.queue+a.write, b.align+b.queue+b.write)
	})
	at, around := int(q*float64(len(sorted))), max(1, len(sorted)/100)
	some := sorted[max(0, at-around):min(len(sorted), at+around+1)]
	var m epochCost
	for _, e := range some {
		m.align, m.queue, m.write = m.align+e.align, m.queue+e.queue, m.write+e.write
		m.rows, m.requests = m.rows+e.rows, m.requests+e.requests
	}
	n := float64(len(some))
	return fmt.Sprintf("align %.1f queue %.1f write %.1f ms, %.0f rows, %.1f requests", m.align/n, m.queue/n, m.write/n, float64(m.rows)/n, float64(m.requests)/n)
}

var beatNumber atomic.Int64

func startProbe(t *testing.T, s *server) *probe {
	p := &probe{t: t, c: s.connect(), end: make(chan struct{}), later: map[int64]bool{}}
	p.done.Go(func() {
		must(t, p.c.QueryRow(context.Background(), "select coalesce(max(epoch), 0) from streamdb.checkpoints").Scan(&p.seen))
		for i := 0; ; i++ {
			select {
			case <-p.end:
				p.epochs()
				p.look(s)
				return
			case <-time.After(20 * time.Millisecond):
			}
			began := time.Now()
			_, err := p.c.Exec(context.Background(), "insert into beat values ($1, 1)", beatNumber.Add(1))
			if must(t, err) {
				return
			}
			p.acks = append(p.acks, time.Since(began))
			if i%20 == 0 {
				p.epochs()
			}
		}
	})
	return p
}

func must(t *testing.T, err error) bool {
	if err != nil {
		t.Error(err)
	}
	return err != nil
}

// epochs takes the epochs that are new. Those of one island may be over before an
// earlier one of another.
func (p *probe) epochs() {
	rows, err := p.c.Query(context.Background(), "select epoch, align_ms, queue_ms, sort_ms + write_ms, rows, requests, last_job in ('beat', 'beats') from streamdb.checkpoints where epoch > $1", p.seen)
	if must(p.t, err) {
		return
	}
	defer rows.Close()
	for rows.Next() {
		var n int64
		var e epochCost
		var other bool
		if must(p.t, rows.Scan(&n, &e.align, &e.queue, &e.write, &e.rows, &e.requests, &other)) {
			return
		}
		if p.later[n] {
			continue
		}
		p.later[n] = true
		if other {
			p.others = append(p.others, e.align+e.queue+e.write)
			continue
		}
		p.barriers = append(p.barriers, e.align+e.queue+e.write)
		p.costs = append(p.costs, e)
	}
	const straggling = 200 // epochs that may be ahead of one in flight
	for n := range p.later {
		p.seen = max(p.seen, n-straggling)
	}
	for n := range p.later {
		if n <= p.seen {
			delete(p.later, n)
		}
	}
}

// look notes the memory that the server holds.
func (p *probe) look(s *server) { p.rss = max(p.rss, s.rss()) }

func (p *probe) stop() { p.once.Do(func() { close(p.end) }); p.done.Wait() }

func (p *probe) merge(o *probe) {
	p.acks = append(p.acks, o.acks...)
	p.barriers, p.others = append(p.barriers, o.barriers...), append(p.others, o.others...)
	p.costs = append(p.costs, o.costs...)
	p.rss = max(p.rss, o.rss)
}

func (p *probe) quantile(q float64) time.Duration {
	return pick(p.acks, q).Round(100 * time.Microsecond)
}

// pick is a quantile of values.
func pick[T time.Duration | float64](values []T, q float64) T {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
