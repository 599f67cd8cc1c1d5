package sim

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/jackc/pgx/v5/pgconn"
)

// patience is how long the checker waits for what has to come by itself.
const patience = 20 * time.Second

// failure is a broken promise: what it was, and what is needed to look into it.
type failure struct {
	*point
	err error
}

func (f *failure) Error() string { return f.id + ": " + f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// check opens the database after a crash and compares it with the model. The
// crash point at which the recovery itself is cut short, if any, is returned.
func (r *run) check(ctx context.Context, p *point) (nested *point, err error) {
	d := newDisk(p.mem)
	p.mem = p.mem.CrashClone(vfs.CrashCloneCfg{}) // as it was, for whom looks into a failure
	c := &cutter{d: d, p: p}
	if p.depth < maxDepth && p.rng.IntN(6) == 0 {
		c.at, c.how, c.seed = int64(1+p.rng.IntN(25)), randomLoss(p.rng), p.rng.Uint64()
		d.before = c.cut
	}
	srv, err := open(ctx, options(d, p.ledger, 1+p.rng.IntN(3), p.fatal))
	if err != nil {
		return nil, &failure{p, fmt.Errorf("the database does not open: %w", err)}
	}
	nested = c.end()
	err = r.compare(ctx, srv, p)
	if cerr := srv.close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, &failure{p, err}
	}
	return nested, nil
}

// maxDepth is how many recoveries in a row are cut short.
const maxDepth = 3

// cutter takes a crash point in front of an operation of a recovery.
type cutter struct {
	d    *disk
	p    *point
	at   int64 // the operation
	how  loss
	seed uint64

	mu     sync.Mutex
	over   bool // the recovery has ended
	trace  []string
	nested *point
}

func (c *cutter) cut(n int64, op errorfs.Op) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || n > c.at {
		return nil
	}
	c.trace = append(c.trace, fmt.Sprintf("%s %s", opNames[op.Kind], op.Path))
	if n < c.at {
		return nil
	}
	q := *c.p
	q.id = fmt.Sprintf("%s; recovery %d, operation %d (%s), %s", c.p.id, c.p.depth+1, n, c.trace[len(c.trace)-1], c.how)
	q.rng = rand.New(rand.NewPCG(c.seed, uint64(n)))
	q.depth++
	q.before, q.trace = c.p, c.trace
	c.p.ledger.mu.Lock()
	defer c.p.ledger.mu.Unlock()
	var err error
	if q.mem, err = c.d.crash(c.how, q.rng); err != nil {
		return err
	}
	q.ledger = c.p.ledger.clone()
	c.nested = &q
	return nil
}

// end is the end of the recovery: the point that was taken, if any.
func (c *cutter) end() *point {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	return c.nested
}

// save writes the disk as it was at the crash, and before the recoveries that
// led there, into a directory, with what those recoveries did.
func (p *point) save(dir string) error {
	for ; p != nil; p = p.before {
		sub := filepath.Join(dir, fmt.Sprint(p.depth))
		if err := os.MkdirAll(sub, 0o700); err != nil {
			return err
		}
		err := eachFile(p.mem, "data", func(name string, data []byte) error {
			return os.WriteFile(filepath.Join(sub, path.Base(name)), data, 0o600)
		})
		if err == nil {
			err = os.WriteFile(filepath.Join(sub, "trace"), []byte(strings.Join(append([]string{p.id}, p.trace...), "\n")), 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// compare is the oracle.
func (r *run) compare(ctx context.Context, srv *server, p *point) error {
	conn, err := srv.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	names, err := r.awaitJobs(ctx, conn)
	if err != nil {
		return err
	}
	for c := range clients {
		st, err := r.match(ctx, conn, p, c, names)
		if err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(st.objects)) {
			if err := compareObject(ctx, conn, p.ledger, st.objects[name]); err != nil {
				return err
			}
		}
		if p.rng.IntN(4) > 0 || p.acked[c] < tableSteps {
			continue
		}
		if err := goOn(ctx, conn, st, c); err != nil {
			return err
		}
	}
	return nil
}

// awaitJobs waits until all creations that a crash interrupted have gone on to
// their end. It returns the names of all objects.
func (r *run) awaitJobs(ctx context.Context, conn *pgconn.PgConn) ([]string, error) {
	for deadline := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		res, err := query(ctx, conn, "select name, state, coalesce(error_code, ''), kind, error from streamdb.jobs")
		if err != nil {
			return nil, err
		}
		creating := false
		names := map[string]bool{}
		for _, job := range res[0] {
			part := strings.Split(job, "|")
			if part[1] == "FAILED" {
				if err := resume(ctx, conn, part[0], part[2], part[3]); err != nil {
					return nil, fmt.Errorf("job failed: %s; %w", job, err)
				}
				creating = true // look again
			}
			creating = creating || part[1] != "RUNNING"
			if strings.HasPrefix(part[0], "c0_") || strings.HasPrefix(part[0], "c1_") {
				names[part[0]] = true
			}
		}
		if !creating {
			return slices.Sorted(maps.Keys(names)), nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("jobs are still being created: %s", strings.Join(res[0], "; "))
		}
	}
}

// resume starts a job again that failed when the disk did.
func resume(ctx context.Context, conn *pgconn.PgConn, name, code, kind string) error {
	if !slices.Contains(mayFail, code) {
		return errors.New("not because of the disk")
	}
	_, err := query(ctx, conn, fmt.Sprintf("alter %s %s resume", kind, name))
	if pg := pgError(err); pg == "55000" { // what it reads has failed too, or it runs again with that
		return nil
	}
	return err
}

// match finds the state of a client that the database is in: one of those that
// the crash may leave.
func (r *run) match(ctx context.Context, conn *pgconn.PgConn, p *point, c int, names []string) (*state, error) {
	prefix := fmt.Sprintf("c%d_", c)
	got := &state{map[string]table{}, map[string]object{}}
	var text strings.Builder
	var others []string
	for _, name := range names {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		if !strings.HasPrefix(name, prefix+"t") {
			others = append(others, name)
			continue
		}
		res, err := query(ctx, conn, "select k, g, v, s from "+name)
		if err != nil {
			return nil, err
		}
		slices.Sort(res[0])
		fmt.Fprintf(&text, "table %s:\n%s\n", name, strings.Join(res[0], "\n"))
		got.tables[name] = nil
	}
	fmt.Fprintf(&text, "objects: %s\n", strings.Join(others, " "))
	allowed := r.states(p, c)
	for _, st := range slices.Backward(allowed) {
		if st.text() == text.String() {
			return st, nil
		}
	}
	want := ""
	for _, st := range allowed {
		want += "--\n" + st.text()
	}
	return nil, fmt.Errorf("client %d: %d steps were acknowledged, %d sent; the database holds\n%swhich is none of\n%s", c, p.acked[c], p.sent[c], &text, want)
}

// compareObject holds an object against what it stands for.
func compareObject(ctx context.Context, conn *pgconn.PgConn, l *ledger, o object) error {
	switch {
	case o.kind == kindView && strings.HasSuffix(o.query, " from seq"):
		return compareSequence(ctx, conn, o)
	case o.kind == kindView && strings.Contains(o.query, " from lines "):
		return compareLines(ctx, conn, o)
	case o.kind == kindView && strings.HasSuffix(o.query, " from bid"):
		return compareBids(ctx, conn, o)
	case o.kind == kindView, o.kind == kindTable && o.query != "":
		return compareQuery(ctx, conn, o)
	case o.kind == kindSink:
		return compareSink(ctx, conn, l, o)
	}
	return nil
}

// compareOne compares one of a state's views with its query, if the view is
// still there.
func compareOne(ctx context.Context, conn *pgconn.PgConn, rng *rand.Rand, st *state) error {
	var of []object
	for _, name := range slices.Sorted(maps.Keys(st.objects)) {
		if o := st.objects[name]; o.kind == kindView || o.kind == kindTable && o.query != "" {
			of = append(of, o)
		}
	}
	if len(of) == 0 {
		return nil
	}
	o := of[rng.IntN(len(of))]
	err := compareObject(ctx, conn, nil, o)
	if pg := pgError(err); pg == "42P01" || pg == "55000" { // dropped meanwhile
		_, err = query(ctx, conn, "rollback")
	}
	return err
}

// compareQuery: a view is what its query gives, in one snapshot.
func compareQuery(ctx context.Context, conn *pgconn.PgConn, o object) error {
	res, err := query(ctx, conn, fmt.Sprintf("begin; select * from %s; %s; commit", o.name, o.query))
	if err != nil {
		return err
	}
	return same("view "+o.name+" as "+o.query, res[0], res[1])
}

// compareSink: what was delivered becomes what the query gives.
func compareSink(ctx context.Context, conn *pgconn.PgConn, l *ledger, o object) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		res, err := query(ctx, conn, o.query)
		if err != nil {
			return err
		}
		got, fault := l.rows(o.name)
		if fault != "" {
			return fmt.Errorf("%s", fault)
		}
		if err := same("sink "+o.name+" as "+o.query, got, res[0]); err == nil {
			return nil
		} else if time.Now().After(deadline) {
			return err
		}
	}
}

// same compares rows without order.
func same(what string, got, want []string) error {
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if slices.Equal(got, want) {
		return nil
	}
	return fmt.Errorf("%s holds %d rows\n%s\nand should hold %d\n%s", what, len(got), strings.Join(got, "\n"), len(want), strings.Join(want, "\n"))
}

// goOn writes once more: a recovered server takes writes, and its views follow.
func goOn(ctx context.Context, conn *pgconn.PgConn, st *state, c int) error {
	name := fmt.Sprintf("c%d_t0", c)
	if _, err := query(ctx, conn, fmt.Sprintf("insert into %s values (-1, 1, 1, 'on'); update %[1]s set v = v + 1 where k < 10", name)); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(st.objects)) {
		if o := st.objects[name]; o.kind == kindView || o.kind == kindTable && o.query != "" {
			if err := compareObject(ctx, conn, nil, o); err != nil {
				return fmt.Errorf("after a write that followed the recovery: %w", err)
			}
		}
	}
	return nil
}
