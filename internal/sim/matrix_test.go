package sim

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"streamdb/connector"
	"streamdb/engine"
)

var matrixLong = flag.Bool("matrix.long", false, "TestMatrix goes through all 30 pairs of parallelism with each failure, aligned and timed out")

// TestMatrix is Flink's test of exactly once (UnalignedCheckpointRescaleITCase and
// its relatives) for this system: parallelism changes from p to another p', while
// records flow and something fails: an operator, the server, a sink, a source, a
// checkpoint that takes too long. Of each split of each source, behind exchanges,
// unions and joins, no record is lost, doubled or out of order: in any epoch that a
// reader sees, in what sinks deliver, and in the end. Windows and all other views
// are what their records amount to.
//
// "timed out" has each failure meet an epoch that waits for a task which is stuck:
// its barriers are aligned nowhere below, and in the end it is given up.
func TestMatrix(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	shifts := 1
	if *matrixLong {
		shifts = len(failures)
	}
	var done, records atomic.Int64
	began := time.Now()
	t.Run("all", func(t *testing.T) {
		for _, timedOut := range []bool{false, true} {
			for shift := range shifts {
				name := map[bool]string{false: "aligned", true: "timed out"}[timedOut]
				t.Run(fmt.Sprintf("%s/%d", name, shift), func(t *testing.T) {
					if !*matrixLong {
						t.Parallel()
					}
					legs := matrixLegs(timedOut, shift)
					m := newMatrix(t, timedOut, timedOut != (shift%2 == 1), legs[0].from)
					for _, l := range legs {
						m.run(l)
						done.Add(1)
					}
					n := m.end()
					t.Logf("%d records of each split, %d in sinks, %d looks at views", m.source.released, n, m.reads.Load())
					records.Add(n)
				})
			}
		}
	})
	t.Logf("%d changes of parallelism with a failure, %d records in sinks, in %v", done.Load(), records.Load(), time.Since(began).Round(time.Millisecond))
}

// leg is a change of parallelism with a failure.
type leg struct{ from, to, failure int }

// matrixLegs are what a database goes through: in the long form all pairs, with a
// failure each, so that databases of all shifts give each pair each failure.
func matrixLegs(timedOut bool, shift int) (legs []leg) {
	switch {
	case *matrixLong:
		for i, pair := range allPairs([]int{1, 2, 3, 4, 5, 8}) {
			legs = append(legs, leg{pair[0], pair[1], (i + shift) % len(failures)})
		}
		return legs
	case timedOut:
		return []leg{{2, 3, 2}, {3, 1, 4}}
	}
	return []leg{{2, 3, 0}, {3, 1, 1}, {1, 4, 3}}
}

// allPairs are the ordered pairs of different numbers, one after the other: each
// begins where the one before ended (an Euler circuit of the complete digraph).
func allPairs(numbers []int) (out [][2]int) {
	left := map[int][]int{}
	for _, a := range numbers {
		for _, b := range numbers {
			if a != b {
				left[a] = append(left[a], b)
			}
		}
	}
	var walk []int
	for stack := numbers[:1:1]; len(stack) > 0; {
		at := stack[len(stack)-1]
		if n := len(left[at]); n > 0 {
			stack, left[at] = append(stack, left[at][n-1]), left[at][:n-1]
		} else {
			walk, stack = append(walk, at), stack[:len(stack)-1]
		}
	}
	for i := range len(walk) - 1 {
		out = append(out, [2]int{walk[i], walk[i+1]})
	}
	return out
}

// matrix is one database that lives through a row of changes.
type matrix struct {
	t        *testing.T
	rng      *rand.Rand
	timedOut bool
	byAlter  bool         // parallelism changes while it runs, not by a restart
	to       int          // the parallelism that this leg changes to
	at       atomic.Value // where it is, for messages

	source   *numbered
	arrivals *arrivals
	disk     *disk
	srv      *server
	conn     *pgconn.PgConn
	level    int // -parallelism

	serving sync.RWMutex // held for writing while the server is replaced
	over    chan struct{}
	readers sync.WaitGroup
	closing sync.WaitGroup
	ended   sync.Once
	reads   atomic.Int64
}

func newMatrix(t *testing.T, timedOut, byAlter bool, parallelism int) *matrix {
	m := &matrix{t: t, rng: rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1)), timedOut: timedOut, byAlter: byAlter, source: newNumbered(), arrivals: newArrivals(),
		disk: newDisk(nil), over: make(chan struct{})}
	m.at.Store("setup")
	t.Cleanup(func() { m.end() })
	m.start(2) // a plan that is made for one instance has no exchanges
	for _, sql := range matrixSetup {
		m.must(sql)
	}
	if err := m.change(parallelism); err != nil {
		t.Fatal(err)
	}
	m.readers.Go(m.read)
	return m
}

func (m *matrix) start(parallelism int) {
	o := options(m.disk, nil, parallelism, nil)
	a, s := m.arrivals, m.source
	o.Connectors = func(name string) (*connector.Def, bool) {
		for _, d := range []*connector.Def{a.def(), s.def()} {
			if d.Name == name {
				return d, true
			}
		}
		return nil, false
	}
	m.level = parallelism
	m.open(o)
}

func (m *matrix) open(o engine.Options) {
	m.t.Helper()
	var err error
	if m.srv, err = open(m.t.Context(), o); err != nil {
		m.t.Fatalf("%s: %v", m.at.Load(), err)
	}
	if m.conn, err = m.srv.connect(m.t.Context()); err != nil {
		m.t.Fatalf("%s: %v", m.at.Load(), err)
	}
}

// end stops everything and gives the number of records that sinks have brought.
func (m *matrix) end() (n int64) {
	m.ended.Do(func() {
		close(m.over)
		m.readers.Wait()
		m.closing.Wait()
		if m.srv != nil {
			if err := m.srv.close(); err != nil {
				m.t.Error(err)
			}
		}
	})
	for _, x := range m.arrivals.sinks {
		n += int64(x.records)
	}
	return n
}

// try runs a statement and gives its last rows.
func (m *matrix) try(sql string) ([]string, error) {
	ctx, cancel := context.WithTimeout(m.t.Context(), patience)
	defer cancel()
	res, err := query(ctx, m.conn, sql)
	if err != nil || len(res) == 0 {
		return nil, err
	}
	return res[len(res)-1], nil
}

func (m *matrix) must(sql string) []string {
	m.t.Helper()
	rows, err := m.try(sql)
	if err != nil {
		m.t.Fatalf("%s: %v", m.at.Load(), err)
	}
	return rows
}

// soon waits until fn gives nil.
func (m *matrix) soon(what string, fn func() error) {
	m.t.Helper()
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline) && !m.t.Failed(); time.Sleep(2 * time.Millisecond) {
		if err = fn(); err == nil {
			return
		}
	}
	if m.t.Failed() {
		m.t.FailNow()
	}
	jobs, _ := m.try("select name, state, error from streamdb.jobs where state <> 'RUNNING'")
	if testing.Verbose() {
		for _, x := range []string{"source_splits", "late_rows", "tasks"} {
			rows, err := m.try("select * from streamdb." + x)
			m.t.Logf("%s %v:\n%s", x, err, strings.Join(rows, "\n"))
		}
	}
	m.t.Fatalf("%s: %s: %v\n%s", m.at.Load(), what, err, strings.Join(jobs, "\n"))
}

// run changes parallelism while records flow and something fails, mends that, and
// verifies what came of it.
func (m *matrix) run(l leg) {
	m.t.Helper()
	m.to = l.to
	m.at.Store(fmt.Sprintf("%d to %d with a failing %s", l.from, l.to, failures[l.failure].name))
	began := time.Now()
	stop := make(chan struct{})
	var feed sync.WaitGroup
	feed.Go(func() { // fast at first, then so that there are always some
		for n, pause := 0, 2*time.Millisecond; ; n++ {
			if n == 200 {
				pause = 20 * time.Millisecond
			}
			select {
			case <-stop:
				return
			case <-time.After(pause):
				m.source.release(2)
			}
		}
	})
	defer func() {
		select {
		case <-stop:
		default:
			close(stop)
		}
		feed.Wait()
	}()
	failures[l.failure].fail(m)
	m.heal()
	m.soon("parallelism does not change", func() error {
		err := m.change(l.to)
		if err != nil { // a job that failed late
			m.heal()
		}
		return err
	})
	m.source.release(20)
	close(stop)
	feed.Wait()
	m.verify()
	if testing.Verbose() {
		m.t.Logf("%s: %v, %d records of each split", m.at.Load(), time.Since(began).Round(time.Millisecond), m.source.released)
	}
}

// change changes the parallelism of all jobs, in the way of this database.
func (m *matrix) change(p int) error {
	m.t.Helper()
	if !m.byAlter {
		if m.level != p {
			m.restart(p)
		}
		return nil
	}
	for _, job := range m.must("select kind || ' ' || name from streamdb.jobs") {
		if _, err := m.try(fmt.Sprintf("alter %s set parallelism = %d", job, p)); err != nil {
			return err
		}
	}
	return nil
}

// changeUnder changes it while something fails: what has failed cannot be changed.
func (m *matrix) changeUnder() {
	m.t.Helper()
	if !m.byAlter {
		m.restart(m.to)
		return
	}
	for _, job := range m.must("select kind || ' ' || name from streamdb.jobs") {
		if _, err := m.try(fmt.Sprintf("alter %s set parallelism = %d", job, m.to)); err != nil && pgError(err) == "" {
			m.t.Fatalf("%s: %v", m.at.Load(), err)
		}
	}
}

func (m *matrix) restart(p int) {
	m.t.Helper()
	m.serving.Lock()
	defer m.serving.Unlock()
	if err := m.srv.close(); err != nil {
		m.t.Fatalf("%s: %v", m.at.Load(), err)
	}
	m.start(p)
}

// crash cuts the power, and starts on what is left of the disk.
func (m *matrix) crash(p int) {
	m.t.Helper()
	m.serving.Lock()
	defer m.serving.Unlock()
	old, oldConn := m.srv, m.conn
	m.arrivals.mu.Lock() // what sinks deliver is before or behind the crash
	mem, err := m.disk.crash(randomLoss(m.rng), m.rng)
	after := m.arrivals.clone()
	m.arrivals.mu.Unlock()
	if err != nil {
		m.t.Fatal(err)
	}
	m.closing.Go(func() { // of no interest any more
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_, _ = query(ctx, oldConn, "drop materialized view slow cascade")
		if err := old.close(); err != nil {
			m.t.Errorf("a server that had crashed: %v", err)
		}
	})
	m.arrivals, m.disk = after, newDisk(mem)
	m.source.set(func() {
		m.source.poison = poison{}
		m.source.power++
	})
	m.start(p)
}

// read looks at views all the time.
func (m *matrix) read() {
	for i := 0; ; i++ {
		select {
		case <-m.over:
			return
		case <-time.After(5 * time.Millisecond):
		}
		m.serving.RLock()
		srv := m.srv
		err := func() error {
			conn, err := srv.connect(m.t.Context())
			if err != nil {
				return err
			}
			defer conn.Close(context.Background())
			for range 20 {
				err := checkPrefix(m.t.Context(), conn, i%len(prefixViews))
				if pgError(err) == "55000" { // the view has failed
					err = nil
				} else if err != nil {
					return err
				}
				i++
				m.reads.Add(1)
			}
			return nil
		}()
		m.serving.RUnlock()
		if err == nil {
			if bad := m.broken(); bad != "" {
				err = errors.New(bad)
			}
		}
		if err != nil && m.t.Context().Err() == nil {
			m.t.Errorf("%s: %v", m.at.Load(), err)
			return
		}
	}
}

func (m *matrix) broken() string {
	m.serving.RLock()
	defer m.serving.RUnlock()
	return m.arrivals.broken()
}

// verify waits until all records have been read, and compares everything with
// what they amount to.
func (m *matrix) verify() {
	m.t.Helper()
	limit := m.source.released
	want := expected(limit)
	offsets := fmt.Sprint(limit * (numsSplits + moreSplits + latestSplits))
	m.soon("not all is read", func() error {
		if got := m.must(`select sum("offset") from streamdb.source_splits`)[0]; got != offsets {
			return fmt.Errorf("offsets add up to %s, not %s", got, offsets)
		}
		return nil
	})
	for _, view := range slices.Sorted(maps.Keys(want)) {
		m.soon("view "+view, func() error { return same(view, m.must("select * from "+view), want[view]) })
	}
	for sink, tags := range sinkSplits {
		m.soon("sink "+sink, func() error {
			if bad := m.arrivals.verdict(sink, tags, limit); bad != "" {
				return errors.New(bad)
			}
			return nil
		})
	}
	for sink, view := range map[string]string{"changes": "keyed", "finals": "closed"} {
		m.soon("sink "+sink, func() error { return same(sink, m.arrivals.sum(sink), want[view]) })
	}
	m.instances()
}

// instances verifies that the parallelism is what it was changed to.
func (m *matrix) instances() {
	m.t.Helper()
	for _, row := range m.must(`select j.name, max(t.instance) + 1 from streamdb.tasks t join streamdb.jobs j on t.job = j.id
		where j.name in ('nums', 'more', 'keyed', 'united', 'pairs', 'windows', 'closed', 'gaps', 'fragile', 'slow') group by j.name`) {
		if name, n, _ := strings.Cut(row, "|"); n != strconv.Itoa(m.to) {
			m.t.Errorf("%s: %s has %s instances", m.at.Load(), name, n)
		}
	}
}
