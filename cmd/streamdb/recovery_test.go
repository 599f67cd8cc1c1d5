package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

var (
	recoveryBytes  = flag.Int64("recovery.bytes", 24<<20, "state of TestRecovery on disk")
	recoveryRounds = flag.Int("recovery.rounds", 1, "kills of TestRecovery, for each limit of memory")
	recoveryLimits = flag.String("recovery.limits", "1GB,0", "limits of memory of TestRecovery; 0: the default")
	recoveryLoad   = flag.Duration("recovery.load", 300*time.Millisecond, "time that clients write for, at least, before each kill of TestRecovery, and after it")
	recoveryDir    = flag.String("recovery.dir", "", "directory that TestRecovery makes its database in and leaves behind; one that is there is used again")
	recoveryStrict = flag.Bool("recovery.strict", false, "TestRecovery fails when reads take more than 1 s, or new results more than 2 s")
)

// TestRecovery: a server with much state (tables, an index, a view of a join, views
// of aggregates and the first rows of groups) is killed while clients write, and
// started again, from a warm and from a cold page cache. It says how long it took
// from the start of the process to the first row of a SELECT, and to the first new
// row that is acknowledged and in all views; how fast clients write before and
// after; and checks that all that was acknowledged is there, once.
func TestRecovery(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 4))
	s := newServer(t, "-memory-limit", "2GB")
	if *recoveryDir != "" {
		s.dir = *recoveryDir
	}
	r := &recovery{server: s, rng: rng}
	r.make()
	cold := false
	for _, limit := range strings.Split(*recoveryLimits, ",") {
		s.args = []string{"-memory-limit", limit}
		s.kill()
		s.start()
		for range *recoveryRounds {
			r.round(limit, cold)
			cold = !cold
		}
	}
}

// recovery is the database of TestRecovery.
type recovery struct {
	*server
	rng *rand.Rand
	ledgerOfRecovery
}

// ledgerOfRecovery is what was acknowledged.
type ledgerOfRecovery struct {
	mu    sync.Mutex
	n     int64 // orders
	total int64 // of their amounts
}

func (l *ledgerOfRecovery) acked(n, total int64) {
	l.mu.Lock()
	l.n, l.total = l.n+n, l.total+total
	l.mu.Unlock()
}

const (
	recoveryPad   = 2000 // bytes of an order that cannot be compressed
	recoveryBatch = 500
	recoveryShare = 5 // orders of a customer, about
)

var recoverySchema = []string{
	`CREATE TABLE customers (id int PRIMARY KEY, name text)`,
	`CREATE TABLE orders (id bigint PRIMARY KEY, customer int, amount bigint, pad text)`,
	`CREATE INDEX orders_by_customer ON orders (customer)`,
	`CREATE MATERIALIZED VIEW sums AS SELECT count(*) AS n, sum(amount) AS total FROM orders`,
	`CREATE MATERIALIZED VIEW by_customer AS SELECT customer, count(*) AS n, sum(amount) AS total, max(amount) AS most FROM orders GROUP BY customer`,
	`CREATE MATERIALIZED VIEW named AS SELECT o.id, o.amount, o.pad, c.name FROM orders o JOIN customers c ON o.customer = c.id`,
	`CREATE MATERIALIZED VIEW named_sums AS SELECT count(*) AS n, sum(amount) AS total FROM named`,
	`CREATE MATERIALIZED VIEW largest AS SELECT customer, id, amount FROM (
		SELECT customer, id, amount, row_number() OVER (PARTITION BY customer ORDER BY amount DESC, id) AS place FROM orders) x WHERE place <= 3`,
}

// make makes the database, or opens the one that was left behind.
func (r *recovery) make() {
	r.t.Helper()
	r.start()
	begun := time.Now()
	c := r.connect()
	var there bool
	if err := c.QueryRow(context.Background(), "SELECT count(*) > 0 FROM pg_class WHERE relname = 'named_sums'").Scan(&there); err != nil {
		r.t.Fatal(err)
	}
	if there {
		if err := c.QueryRow(context.Background(), "SELECT count(*), sum(amount)::bigint FROM orders").Scan(&r.n, &r.total); err != nil {
			r.t.Fatal(err)
		}
		r.t.Logf("there are %d orders already, %d MB on disk", r.n, r.diskBytes()>>20)
		return
	}
	for _, sql := range recoverySchema {
		r.exec(c, sql)
	}
	customers := r.customers()
	r.exec(c, fmt.Sprintf("INSERT INTO customers SELECT g, md5(g::text) FROM generate_series(0, %d) g", customers-1))
	var w sync.WaitGroup
	for k := range 2 {
		w.Go(func() {
			wr := r.newWriter(k, uint64(k))
			for r.diskBytes() < *recoveryBytes && !r.t.Failed() {
				if err := wr.copy(recoveryBatch); err != nil {
					r.t.Error(err)
					return
				}
			}
		})
	}
	w.Wait()
	if r.t.Failed() {
		r.t.FailNow()
	}
	r.t.Logf("%d orders of %d customers are made in %v, %d MB on disk", r.n, customers, time.Since(begun).Round(time.Millisecond), r.diskBytes()>>20)
}

// customers is their number: of about recoveryShare orders each. An order is stored in
// the table, the index, the join and its view, and briefly in the aggregates.
func (r *recovery) customers() int64 {
	return max(100, *recoveryBytes/(4*recoveryPad+300)/recoveryShare)
}

// diskBytes is the size of the database's files.
func (r *recovery) diskBytes() (n int64) {
	filepath.WalkDir(r.dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil
	})
	return n
}

// recoveryWriter is a client that writes orders.
type recoveryWriter struct {
	r     *recovery
	c     *pgx.Conn
	rng   *rand.Rand
	next  int64 // id
	buf   bytes.Buffer
	flown flown
}

// flown is a statement without an answer: there as a whole, or not at all.
type flown struct{ id, n, total int64 }

// newWriter makes the client of a number below 9; the time tells its rows from
// those of all others.
func (r *recovery) newWriter(k int, run uint64) *recoveryWriter {
	c, err := r.tryConnect()
	if err != nil {
		r.t.Error(err)
		return nil
	}
	next := time.Now().UnixNano()/1000*10 + int64(k) // never again
	return &recoveryWriter{r: r, c: c, rng: rand.New(rand.NewPCG(run, uint64(next))), next: next}
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// copy writes n new orders in one statement.
func (w *recoveryWriter) copy(n int) error {
	w.buf.Reset()
	w.flown = flown{id: w.next, n: int64(n)}
	customers := w.r.customers()
	pad := make([]byte, recoveryPad)
	for range n {
		amount := w.rng.Int64N(1000)
		w.flown.total += amount
		for i := 0; i < len(pad); i += 10 {
			x := w.rng.Uint64()
			for k := range min(10, len(pad)-i) {
				pad[i+k] = letters[x>>(6*k)&63]
			}
		}
		fmt.Fprintf(&w.buf, "%d\t%d\t%d\t%s\n", w.next, w.rng.Int64N(customers), amount, pad)
		w.next += 10
	}
	if _, err := w.c.PgConn().CopyFrom(context.Background(), &w.buf, "COPY orders FROM STDIN"); err != nil {
		return err
	}
	w.r.acked(w.flown.n, w.flown.total)
	w.flown = flown{}
	return nil
}

// run writes until the server is gone.
func (w *recoveryWriter) run(size int) {
	for w.copy(size) == nil {
	}
}

// load is clients that write until the server is gone.
type load struct {
	writers []*recoveryWriter
	begun   time.Time
	before  int64
	wg      sync.WaitGroup
}

func (r *recovery) load() *load {
	l := &load{begun: time.Now(), before: r.n}
	for k := range 3 {
		w := r.newWriter(k, r.rng.Uint64())
		if w == nil {
			r.t.FailNow()
		}
		l.writers = append(l.writers, w)
		l.wg.Go(func() { w.run(recoveryBatch >> (2 * k)) })
	}
	return l
}

// rate is the rows a second that were acknowledged so far.
func (l *load) rate(r *recovery) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return int64(float64(r.n-l.before) / time.Since(l.begun).Seconds())
}

// round kills the server under load, starts it again and measures.
func (r *recovery) round(limit string, cold bool) {
	r.t.Helper()
	l := r.load()
	time.Sleep(*recoveryLoad + time.Duration(r.rng.Int64N(int64(500*time.Millisecond))))
	rate := l.rate(r)
	r.kill()
	l.wg.Wait()
	log := r.logBytes()
	if cold {
		r.dropCaches()
	}

	begun := time.Now()
	r.start()
	c := r.connect()
	var n, total int64
	if err := c.QueryRow(context.Background(), "SELECT n, total::bigint FROM sums", pgx.QueryExecModeSimpleProtocol).Scan(&n, &total); err != nil {
		r.t.Fatal(err)
	}
	read := time.Since(begun)
	inserted, seen := r.firstRow(c, begun)
	r.check(c, l)
	cache := "warm"
	if cold {
		cache = "cold"
	}
	after := r.load()
	time.Sleep(*recoveryLoad)
	first := after.rate(r)
	r.t.Logf("memory %s, %s: %d MB on disk, log %d kB: first row of a SELECT after %v, INSERT acknowledged after %v, in all views after %v; "+
		"%d rows/s before the kill, %d in the first %v after", limit, cache, r.diskBytes()>>20, log>>10,
		ms(read), ms(inserted), ms(seen), rate, first, *recoveryLoad)
	r.t.Logf("%s", r.log.last("recovered in"))
	if *recoveryStrict && (read > time.Second || seen > 2*time.Second) {
		r.t.Errorf("memory %s, %s: reads after %v, want 1 s; new results after %v, want 2 s", limit, cache, ms(read), ms(seen))
	}
	r.kill()
	after.wg.Wait()
	r.start()
	r.check(r.connect(), after)
}

func ms(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// firstRow inserts an order and looks for it in the views; it returns when,
// after begun, it was acknowledged and when it had been seen everywhere.
func (r *recovery) firstRow(c *pgx.Conn, begun time.Time) (inserted, seen time.Duration) {
	r.t.Helper()
	ctx := context.Background()
	customer := r.rng.Int64N(r.customers())
	id := time.Now().UnixNano()/1000*10 + 9
	r.exec(c, fmt.Sprintf("INSERT INTO orders VALUES (%d, %d, 5000, 'new')", id, customer))
	r.acked(1, 5000)
	inserted = time.Since(begun)
	var n, most int64
	var pad, name string
	err := errors.Join(
		c.QueryRow(ctx, fmt.Sprintf("SELECT n, most FROM by_customer WHERE customer = %d", customer), pgx.QueryExecModeSimpleProtocol).Scan(&n, &most),
		c.QueryRow(ctx, fmt.Sprintf("SELECT pad, name FROM named WHERE id = %d", id), pgx.QueryExecModeSimpleProtocol).Scan(&pad, &name))
	seen = time.Since(begun)
	if err != nil || most != 5000 || pad != "new" || name == "" {
		r.t.Fatalf("the order %d of customer %d: most %d, %q, name %q, %v", id, customer, most, pad, name, err)
	}
	// The customer's rows as the index, the join's state and the groups have them.
	var orders, largest int64
	err = errors.Join(
		c.QueryRow(ctx, fmt.Sprintf("SELECT count(*) FROM orders WHERE customer = %d", customer), pgx.QueryExecModeSimpleProtocol).Scan(&orders),
		c.QueryRow(ctx, fmt.Sprintf("SELECT count(*) FROM largest WHERE customer = %d AND amount = 5000", customer), pgx.QueryExecModeSimpleProtocol).Scan(&largest))
	if err != nil || orders != n || largest < 1 {
		r.t.Errorf("customer %d has %d orders, the view says %d; %d of the largest, %v", customer, orders, n, largest, err)
	}
	return inserted, seen
}

// check compares the views of sums with what was acknowledged; statements that got
// no answer are there as a whole or not at all.
func (r *recovery) check(c *pgx.Conn, l *load) {
	r.t.Helper()
	ctx := context.Background()
	for _, w := range l.writers {
		f := w.flown
		if f.n == 0 {
			continue
		}
		var n, total int64
		err := c.QueryRow(ctx, fmt.Sprintf("SELECT count(*), coalesce(sum(amount), 0)::bigint FROM orders WHERE id BETWEEN %d AND %d AND id %% 10 = %d",
			f.id, f.id+10*(f.n-1), f.id%10), pgx.QueryExecModeSimpleProtocol).Scan(&n, &total)
		if err != nil {
			r.t.Fatal(err)
		}
		if n != 0 && (n != f.n || total != f.total) {
			r.t.Fatalf("of a statement without an answer there are %d rows of %d, sum %d of %d", n, f.n, total, f.total)
		}
		r.acked(n, total)
		w.flown = flown{}
	}
	var n, total, joined, joinedTotal int64
	err := c.QueryRow(ctx, "SELECT a.n, a.total::bigint, b.n, b.total::bigint FROM sums a, named_sums b", pgx.QueryExecModeSimpleProtocol).
		Scan(&n, &total, &joined, &joinedTotal)
	if err != nil {
		r.t.Fatal(err)
	}
	if n != r.n || total != r.total || joined != n || joinedTotal != total {
		r.t.Fatalf("acknowledged are %d orders, sum %d; the aggregate has %d, %d; the join %d, %d", r.n, r.total, n, total, joined, joinedTotal)
	}
}

// logBytes is the size of the logs that a start has to read.
func (r *recovery) logBytes() (n int64) {
	logs, _ := filepath.Glob(filepath.Join(r.dir, "*.log"))
	for _, path := range logs {
		if info, err := os.Stat(path); err == nil {
			n += info.Size()
		}
	}
	return n
}

// last is the last line of the log that contains a text.
func (l *logBuffer) last(text string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := strings.Split(l.b.String(), "\n")
	for _, line := range slices.Backward(lines) {
		if strings.Contains(line, text) {
			return line
		}
	}
	return ""
}
