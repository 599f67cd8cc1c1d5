package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

var (
	killRounds  = flag.Int("kill.rounds", 6, "kills of TestKill")
	killSeed    = flag.Uint64("kill.seed", 0, "seed of TestKill; 0: from the clock")
	killOnly    = flag.String("kill.only", "", "regular expression of the kinds of statements that kills of TestKill aim at")
	killStrict  = flag.Bool("kill.strict", false, "TestKill fails when no kill landed inside some kind of statement")
	killEvery   = flag.Int("kill.check", 3, "rounds of TestKill between two runs of streamdb check")
	killClients = 4
)

// killSettings are settings of the database that change nothing, one for each client.
var killSettings = []string{"lock_timeout", "idle_session_timeout", "idle_in_transaction_session_timeout", "lc_time"}

// TestKill: four clients run statements of every kind, and the server is killed
// with SIGKILL at a random instant inside one of them, again and again. After each
// start what was acknowledged is there, what was under way is there as a whole or
// not at all, views that were being created get complete, every view is what its
// query gives, a backup can be restored or says that it is none, and nothing is
// left of what is neither. Each client knows what its tables and objects are.
func TestKill(t *testing.T) {
	seed := *killSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d: repeat its schedule with -kill.seed", seed)
	r := newKillRun(t, seed)
	for n := range *killRounds {
		if r.round(n); t.Failed() {
			t.Fatalf("round %d, seed %d", n, seed)
		}
		if n%100 == 99 && n+1 < *killRounds {
			r.report(n + 1)
		}
	}
	r.report(*killRounds)
	for _, k := range r.kinds {
		if *killStrict && r.inside[k] == 0 {
			t.Errorf("no %s was killed", k)
		}
	}
	r.end()
}

// killRun is what the rounds share.
type killRun struct {
	t       *testing.T
	s       *server
	rng     *rand.Rand
	clients []*killClient
	kinds   []string // that kills aim at
	killed  atomic.Bool

	mu     sync.Mutex
	took   map[string][]time.Duration // the last few of each kind that were acknowledged
	acked  map[string]int
	inside map[string]int // kills before the answer

	starts   []time.Duration
	bytes    int64 // of the directory, at most
	restored int
	refused  int
}

func newKillRun(t *testing.T, seed uint64) *killRun {
	r := &killRun{t: t, s: newServer(t, "-log-level", "warn", "-parallelism", "2"), rng: rand.New(rand.NewPCG(seed, 11)),
		took: map[string][]time.Duration{}, acked: map[string]int{}, inside: map[string]int{}}
	only := regexp.MustCompile(*killOnly)
	for _, k := range slices.Sorted(maps.Keys(killKinds)) {
		if only.MatchString(k) {
			r.kinds = append(r.kinds, k)
		}
	}
	r.s.start()
	backups := t.TempDir()
	for i := range killClients {
		c := &killClient{Rand: rand.New(rand.NewPCG(seed, uint64(100+i))), prefix: fmt.Sprintf("c%d", i), setting: killSettings[i], dir: backups}
		r.clients = append(r.clients, c)
		c.conn = r.s.connect()
		for _, p := range c.born() {
			if err := r.run(c, p); err != nil {
				t.Fatalf("%s: %v", p, err)
			}
		}
	}
	r.s.kill()
	r.start()
	return r
}

// start starts the server again, and holds every client's part of it against its model.
func (r *killRun) start() {
	begun := time.Now()
	r.s.start()
	r.starts = append(r.starts, time.Since(begun))
	if _, err := os.Stat(filepath.Join(r.s.dir, "backup")); err == nil {
		r.t.Error("files of a backup are left in the data directory")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*killPatience)
	defer cancel()
	var all sync.WaitGroup
	for _, c := range r.clients {
		rng := rand.New(rand.NewPCG(r.rng.Uint64(), 5))
		all.Go(func() {
			var err error
			if c.conn, err = r.s.tryConnect(); err == nil {
				if err = c.match(ctx); err == nil {
					err = c.verify(ctx, rng)
				}
			}
			if err != nil {
				r.t.Errorf("client %s: %v\ndone in this round:\n%s", c.prefix, err, strings.Join(c.did, "\n"))
			}
			c.did = nil
		})
	}
	all.Wait()
	for line := range strings.Lines(r.s.log.take()) {
		if strings.Contains(line, "panic") || strings.Contains(line, "level=ERROR") && !strings.Contains(line, "division by zero") {
			r.t.Errorf("the server's log: %s", line)
		}
	}
}

// round lets the clients work, kills the server in the midst of a statement of the
// kind that has been hit least, and starts it again.
func (r *killRun) round(n int) {
	kind := r.aim()
	who := r.rng.IntN(len(r.clients))
	r.killed.Store(false)
	sent := make(chan *killStep, 1)
	var all sync.WaitGroup
	for i, c := range r.clients {
		goal := ""
		if i == who {
			goal = kind
		}
		all.Go(func() { r.work(c, goal, sent) })
	}
	select {
	case <-sent:
		time.Sleep(time.Duration(r.rng.Float64() * 1.2 * float64(r.usual(kind))))
	case <-time.After(killPatience):
		r.t.Errorf("no %s was sent", kind)
	}
	r.killed.Store(true)
	r.s.kill()
	all.Wait()
	for _, c := range r.clients {
		c.conn.Close(context.Background())
		r.backups(c)
	}
	if n%*killEvery == *killEvery-1 && !r.t.Failed() {
		r.check()
	}
	if !r.t.Failed() {
		r.start()
	}
}

// aim is the kind of statement of which the fewest were killed.
func (r *killRun) aim() string {
	least := r.inside[slices.MinFunc(r.kinds, func(a, b string) int { return r.inside[a] - r.inside[b] })]
	var of []string
	for _, k := range r.kinds {
		if r.inside[k] == least {
			of = append(of, k)
		}
	}
	return of[r.rng.IntN(len(of))]
}

// usual is how long a statement of a kind takes.
func (r *killRun) usual(kind string) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	took := slices.Sorted(slices.Values(r.took[kind]))
	if len(took) == 0 {
		return 2 * time.Millisecond
	}
	return took[len(took)/2]
}

// work runs a client's steps until the server is killed; that of the goal is announced.
func (r *killRun) work(c *killClient, goal string, sent chan<- *killStep) {
	all := slices.Sorted(maps.Keys(killKinds))
	for before := c.IntN(3); ; before-- {
		kind := all[c.IntN(len(all))]
		if goal != "" && before <= 0 {
			kind = goal
		}
		for _, p := range c.plan(kind) {
			if goal != "" && before <= 0 && p == c.planned[len(c.planned)-1] {
				sent <- p
				goal = ""
			}
			if err := r.run(c, p); err != nil {
				if !r.killed.Load() || !lost(err) {
					r.t.Errorf("client %s: %s: %v", c.prefix, p, err)
				}
				return
			}
			if r.killed.Load() {
				return
			}
		}
	}
}

// run runs a step. After an error it is the one in flight.
func (r *killRun) run(c *killClient, p *killStep) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*killPatience)
	defer cancel()
	c.flight = p
	begun := time.Now()
	res, err := c.send(ctx, p)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil && p.dir != "" && code(err) == "55006" { // another client makes one
		c.flight = nil
		return nil
	}
	if err != nil {
		r.inside[p.kind]++
		return err
	}
	if r.acked[p.kind]++; len(r.took[p.kind]) > 10 {
		r.took[p.kind] = r.took[p.kind][1:]
	}
	r.took[p.kind] = append(r.took[p.kind], time.Since(begun))
	c.now, c.last, c.flight = p.after, p, nil
	c.did = append(c.did, p.String())
	if p.check != nil {
		if err := p.check(res); err != nil {
			r.t.Errorf("client %s: %s: %v", c.prefix, p, err)
		}
	}
	if p.dir != "" {
		c.backups = append(c.backups, p.dir)
	}
	return nil
}

// Statements that need to know more than their text: the id of a job, its end.
const (
	cancelJob = "-- cancel jobs: the one of "
	awaitJob  = "-- await "
)

// send sends the statements of a step, and gives the rows of the last one.
func (c *killClient) send(ctx context.Context, p *killStep) (res [][]string, err error) {
	conn := c.conn.PgConn()
	for i, sql := range p.sql {
		if p.data != "" && i == len(p.sql)-1 {
			_, err := conn.CopyFrom(ctx, strings.NewReader(p.data), sql)
			return nil, err
		}
		if name, ok := strings.CutPrefix(sql, cancelJob); ok {
			res, err := script(ctx, conn, fmt.Sprintf("select id from streamdb.jobs where name = '%s'", name))
			if err != nil {
				return nil, err
			}
			sql = "cancel jobs " + res[0][0]
		}
		if name, ok := strings.CutPrefix(sql, awaitJob); ok { // WAIT would wait for others' too
			for {
				res, err := script(ctx, conn, fmt.Sprintf("select state from streamdb.jobs where name = '%s'", name))
				if err != nil {
					return nil, err
				}
				if res[0][0] != "CREATING" {
					break
				}
				time.Sleep(time.Millisecond)
			}
			continue
		}
		if res, err = script(ctx, conn, sql); err != nil {
			return nil, err
		}
	}
	return res, nil
}

// backups looks at what BACKUP has left: what was acknowledged can be restored, and
// what was not either says that it is none, or can be restored too.
func (r *killRun) backups(c *killClient) {
	dirs, sure := c.backups, len(c.backups)
	if c.flight != nil && c.flight.dir != "" {
		dirs = append(dirs, c.flight.dir)
	}
	c.backups = nil
	for i, dir := range dirs {
		if i < sure-1 { // the last one will do
			os.RemoveAll(dir)
			continue
		}
		to := dir + "_restored"
		code, out := command(r.t, "restore", "-from", dir, "-data-dir", to)
		switch {
		case code == 0:
			r.restored++
			if code, out := command(r.t, "check", "-data-dir", to); code != 0 {
				r.t.Errorf("check of a restored backup: %s", out)
			}
		case i < sure || !strings.Contains(out, "not finished") && !strings.Contains(out, "there is no backup"):
			r.t.Errorf("restore of a backup (acknowledged: %v): %s", i < sure, out)
		default:
			r.refused++
		}
		os.RemoveAll(dir)
		os.RemoveAll(to)
	}
}

// check verifies the directory, and how large it is.
func (r *killRun) check() {
	if code, out := command(r.t, "check", "-data-dir", r.s.dir); code != 0 {
		r.t.Errorf("streamdb check: %s", out)
	}
	r.bytes = max(r.bytes, dirBytes(r.t, r.s.dir))
}

func dirBytes(t *testing.T, dir string) (n int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) { // removed by a server meanwhile
			return nil
		}
		n += info.Size()
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	return n
}

func (r *killRun) report(rounds int) {
	slices.Sort(r.starts)
	kinds, kills, acked := &bytes.Buffer{}, 0, 0
	all := maps.Clone(r.acked)
	maps.Copy(all, r.inside)
	for _, k := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(kinds, "\n%-28s %4d killed, %5d acknowledged, usually %v", k, r.inside[k], r.acked[k], r.usual(k).Round(10*time.Microsecond))
		kills, acked = kills+r.inside[k], acked+r.acked[k]
	}
	r.t.Logf("%d rounds, %d statements were killed, %d acknowledged; ready after a median of %v, p99 %v, at most %v; %d backups restored, %d refused; directory at most %.1f MB%s",
		rounds, kills, acked, r.starts[len(r.starts)/2], r.starts[len(r.starts)*99/100], r.starts[len(r.starts)-1], r.restored, r.refused, float64(r.bytes)/1e6, kinds)
}

// end drops everything; a long run waits until the space has come back.
func (r *killRun) end() {
	c := r.s.connect()
	for _, k := range r.clients {
		for _, f := range k.now.list(func(x *killRel) bool { return x.kind == "table" || x.kind == "source" }) {
			r.s.exec(c, fmt.Sprintf("drop %s %s cascade", f.kind, f.qualified()), pgx.QueryExecModeSimpleProtocol)
		}
	}
	if *killStrict {
		const most = 40 << 20
		n := dirBytes(r.t, r.s.dir)
		for deadline := time.Now().Add(time.Minute); n > most && time.Now().Before(deadline); time.Sleep(time.Second) {
			n = dirBytes(r.t, r.s.dir)
		}
		if r.t.Logf("the empty database takes %.1f MB", float64(n)/1e6); n > most {
			r.t.Errorf("an empty database takes %.1f MB", float64(n)/1e6)
		}
	}
	r.s.stop()
	if code, out := command(r.t, "check", "-data-dir", r.s.dir); code != 0 || !strings.Contains(out, "0 objects") {
		r.t.Errorf("streamdb check of the empty database: %s", out)
	}
}
