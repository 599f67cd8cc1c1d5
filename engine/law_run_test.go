package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	osexec "os/exec"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"streamdb/engine"
)

// lawRunner runs one history.
type lawRunner struct {
	h       lawHistory
	dir     string
	pg      *pgconn.PgConn // nil: without Postgres
	srv     lawServer
	conn    *pgconn.PgConn
	other   *pgconn.PgConn
	views   []lawStep // those that exist
	dead    map[string]bool
	intos   []*lawInto
	follows []*lawFollower
	only    string // check this view alone
	checked int
	filled  int      // of these, how many were of rows
	refused lawNotes // statements that streamdb or Postgres refused
	where   int      // the step that runs
	now     time.Time
}

// lawServer is a database server that can be stopped in order or at once.
type lawServer interface {
	url() string
	stop() error
	kill() error
}

// lawDifference is a broken law: what it says, and where.
type lawDifference struct {
	view string // "": of a statement
	kind string
	text string
	step int
}

func (d *lawDifference) Error() string { return d.kind + " " + d.view + ": " + d.text }

// lawNotes counts what is no difference but should be known, with an example.
type lawNotes map[string]*lawNote

type lawNote struct {
	n   int
	sql string
}

func (l lawNotes) add(what, sql string) {
	if l[what] == nil {
		l[what] = &lawNote{sql: sql}
	}
	l[what].n++
}

// lawMaxRows is the size of a view from which on its history is given up.
const lawMaxRows = 30_000

// errLawSlow says that a history was given up, as its queries take too long.
var errLawSlow = errors.New("a query took too long, or had too many rows")

// errLawPostgres: the tables would no longer be the same there.
var errLawPostgres = fmt.Errorf("Postgres cannot run a statement (%w)", errLawSlow)

// lawPostgresCannot reports whether Postgres has no way to run a join that works here.
func lawPostgresCannot(a lawAnswer) bool {
	return a.code == "0A000" && strings.HasPrefix(a.message, "FULL JOIN")
}

const lawTimeout = 30 * time.Second

// run runs the history in a new directory. A *lawDifference is a broken law;
// another error is of the test.
func (r *lawRunner) run(ctx context.Context) error {
	r.dead, r.now = map[string]bool{}, lawClock
	if r.refused == nil {
		r.refused = lawNotes{}
	}
	if r.pg != nil {
		lawExec(ctx, r.pg, "rollback") // what the last history may have left open
		schema := lawPostgresSchema()
		if err := lawDropSchemas(ctx, r.pg); err != nil {
			return err
		}
		if _, err := r.pg.Exec(ctx, "create schema "+schema+"; set search_path = "+schema+"; set jit = off; set synchronous_commit = off; "+lawClockPostgres).ReadAll(); err != nil {
			return err
		}
	}
	if err := r.open(ctx); err != nil {
		return err
	}
	defer func() { r.close(false) }()
	for i, s := range r.h.steps {
		r.where = i
		if err := r.step(ctx, s); err != nil {
			return err
		}
		if err := r.checkSinks(ctx); err != nil {
			return err
		}
		if err := r.check(ctx); err != nil {
			return err
		}
		if err := r.checkFollowers(ctx, s.once()); err != nil {
			return err
		}
	}
	return r.checkClosed(ctx)
}

func (r *lawRunner) open(ctx context.Context) error {
	var err error
	if lawKills(r.h) {
		r.srv, err = startLawChild(ctx, r.dir, r.h.parallelism, r.now)
	} else {
		r.srv, err = startLawServer(ctx, r.dir, r.h.parallelism, r.now)
	}
	if err != nil {
		return r.differs("", "open", "%v", err)
	}
	if r.conn, err = pgconn.Connect(ctx, r.srv.url()); err != nil {
		return r.differs("", "open", "%v", err)
	}
	if r.other, err = pgconn.Connect(ctx, r.srv.url()); err != nil {
		return r.differs("", "open", "%v", err)
	}
	for _, f := range r.follows {
		if err := f.begin(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

func (r *lawRunner) close(kill bool) error {
	if r.srv == nil {
		return nil
	}
	for _, c := range []*pgconn.PgConn{r.conn, r.other} {
		if c != nil && !kill {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			c.Close(ctx)
			cancel()
		}
	}
	srv := r.srv
	r.srv = nil
	defer func() {
		for _, f := range r.follows {
			f.end()
		}
	}()
	if kill {
		return srv.kill()
	}
	return srv.stop()
}

func (r *lawRunner) differs(view, kind, format string, args ...any) error {
	return &lawDifference{view: view, kind: kind, text: fmt.Sprintf(format, args...), step: r.where}
}

// step runs a step here and in Postgres, and compares what the client is told.
func (r *lawRunner) step(ctx context.Context, s lawStep) error {
	if s.halt != "" {
		if err := r.close(s.halt == "kill"); err != nil {
			return r.differs("", "stop", "%v", err)
		}
		r.now = r.now.Add(s.pass)
		if r.pg != nil && s.pass != 0 {
			lawExec(ctx, r.pg, lawPostgres(lawPass(s.pass)))
		}
		return r.open(ctx)
	}
	if s.act != nil {
		return s.act.do(ctx, r)
	}
	if s.local != "" {
		// What it is about may have been refused.
		if got := lawExec(ctx, r.conn, s.local); got.code != "" && got.code != "42P01" {
			return r.differs("", "statement", "%s: %s %s", s.local, got.code, got.message)
		}
		return nil
	}
	var besides chan lawAnswer
	if s.while != nil {
		besides = make(chan lawAnswer, 1)
		go func() { besides <- lawExec(ctx, r.other, s.while.sql()) }()
	}
	r.now = r.now.Add(s.pass)
	got := lawExec(ctx, r.conn, s.sql())
	var want, also, alsoWant lawAnswer
	if besides != nil {
		also = <-besides
	}
	if r.pg != nil {
		want = lawExec(ctx, r.pg, s.postgres())
		if besides != nil {
			alsoWant = lawExec(ctx, r.pg, lawPostgres(s.while.sql()))
		}
	}
	if got.code == "slow" || also.code == "slow" || want.code == "slow" {
		return errLawSlow
	}
	if code := got.code + also.code; strings.Contains(code, "XX000") || strings.Contains(code, "gone") {
		return r.differs("", "internal error", "%s %s: %s", got.message, also.message, s.sql())
	}
	switch {
	case s.drop != "":
		r.views = slices.DeleteFunc(r.views, func(v lawStep) bool { return v.view == s.drop })
	case s.view != "" && got.code == "":
		r.views = append(r.views, s)
	}
	isDDL := s.view != "" || s.drop != "" || strings.HasPrefix(s.sql(), "create ")
	if isDDL && got.code != "" {
		if got.code != "42P01" { // it reads one that was refused
			r.refused.add(got.code+" "+got.message, s.sql())
		}
		if r.pg != nil && want.code == "" && strings.Contains(s.sql(), "create ") {
			// It must not be there either, so that what reads it is refused in both.
			kind := "view "
			if strings.HasPrefix(s.sql(), "create table") {
				kind = "table "
			}
			name := strings.Fields(strings.Replace(s.sql(), "materialized ", "", 1))[2]
			lawExec(ctx, r.pg, "drop "+kind+name)
		}
	}
	if r.pg == nil {
		return nil
	}
	if isDDL && got.code == "" && want.code != "" {
		if s.view != "" {
			r.dead[s.view] = true
		}
		if want.code != "42P01" {
			r.refused.add("Postgres: "+want.message, s.postgres())
		}
	}
	if lawPostgresCannot(want) && !isDDL || lawPostgresCannot(alsoWant) {
		return errLawPostgres
	}
	if !isDDL && (!lawSameCode(got.code, want.code) || got.tags != want.tags && s.pass == 0) {
		return r.differs("", "statement", "%s: %s %s %s, in Postgres %s %s %s", s.sql(), got.tags, got.code, got.message, want.tags, want.code, want.message)
	}
	if !lawSameCode(also.code, alsoWant.code) || also.tags != alsoWant.tags {
		return r.differs("", "statement", "%s: %s %s %s, in Postgres %s %s %s", s.while.sql(), also.tags, also.code, also.message,
			alsoWant.tags, alsoWant.code, alsoWant.message)
	}
	return nil
}

// both runs statements here and in Postgres, and compares the answers.
func (r *lawRunner) both(ctx context.Context, sql, postgres string) error {
	return r.bothOn(ctx, r.conn, sql, postgres)
}

func (r *lawRunner) bothOn(ctx context.Context, c *pgconn.PgConn, sql, postgres string) error {
	got := lawExec(ctx, c, sql)
	if got.code == "slow" {
		return errLawSlow
	}
	if got.code == "gone" || strings.Contains(got.code, "XX000") {
		return r.differs("", "internal error", "%s: %s", got.message, sql)
	}
	if r.pg == nil {
		return nil
	}
	want := lawExec(ctx, r.pg, postgres)
	if want.code == "slow" {
		return errLawSlow
	}
	if lawPostgresCannot(want) {
		return errLawPostgres
	}
	if !lawSameCode(got.code, want.code) || got.tags != want.tags {
		return r.differs("", "statement", "%s: %s %s %s, in Postgres %s %s %s", sql, got.tags, got.code, got.message, want.tags, want.code, want.message)
	}
	return nil
}

// lawSameCode compares SQLSTATEs. Of two constraints that a statement violates
// either may be told.
func lawSameCode(a, b string) bool {
	return a == b || strings.HasPrefix(a, "235") && strings.HasPrefix(b, "235")
}

// lawAnswer is what a client is told.
type lawAnswer struct {
	results       []*pgconn.Result
	tags          string
	code, message string
}

// lawExec runs a script of statements; after an error nothing is left open.
func lawExec(ctx context.Context, c *pgconn.PgConn, sql string) lawAnswer {
	ctx, cancel := context.WithTimeout(ctx, lawTimeout)
	defer cancel()
	res, err := c.Exec(ctx, sql).ReadAll()
	a := lawAnswer{results: res}
	for _, r := range res {
		a.tags += r.CommandTag.String() + ";"
	}
	if err != nil {
		a.code, a.message, a.tags = "gone", err.Error(), ""
		if ctx.Err() != nil {
			a.code = "slow"
		}
		var pe *pgconn.PgError
		if errors.As(err, &pe) {
			a.code, a.message = pe.Code, strings.TrimSpace(pe.Message+" "+pe.Detail)
			if c.TxStatus() != 'I' {
				if _, err := c.Exec(ctx, "rollback").ReadAll(); err != nil {
					a.code, a.message = "gone", err.Error()
				}
			}
		}
	}
	return a
}

// check compares each view with its query, in one snapshot, and with Postgres.
func (r *lawRunner) check(ctx context.Context) error {
	var todo []lawStep
	for _, v := range r.views {
		if r.only == "" || r.only == v.view {
			todo = append(todo, v)
		}
	}
	if len(todo) == 0 {
		return nil
	}
	var b strings.Builder
	b.WriteString("begin")
	for _, v := range todo {
		b.WriteString("; select * from " + v.view + "; " + v.query)
	}
	got := lawExec(ctx, r.conn, b.String()+"; commit")
	if got.code == "slow" || got.code == "53200" { // a query has less memory than a view has disk
		return errLawSlow
	}
	if got.code != "" {
		return r.checkEach(ctx, todo, got)
	}
	for i, v := range todo {
		if len(got.results[1+2*i].Rows) > lawMaxRows && r.only == "" {
			return errLawSlow
		}
		view, query := lawRows(got.results[1+2*i], true), lawRows(got.results[2+2*i], true)
		r.checked++
		if len(view) > 0 {
			r.filled++
		}
		if !slices.Equal(view, query) {
			return r.differs(v.view, "law", "%s\n%s", v.query, lawDiff(view, query, "view", "query"))
		}
		if r.pg == nil || r.dead[v.view] {
			continue
		}
		want := lawExec(ctx, r.pg, lawPostgres("select * from "+v.view))
		if want.code == "slow" {
			return errLawSlow
		}
		if want.code != "" {
			r.refused.add("Postgres: "+want.message, v.query) // a query that is not total is a fault of the generator
			r.dead[v.view] = true
			continue
		}
		for _, loose := range []bool{true, false} {
			view, query := lawRows(got.results[1+2*i], loose), lawRows(want.results[0], loose)
			if slices.Equal(view, query) {
				continue
			}
			if !loose {
				r.refused.add("the scale of a numeric differs from Postgres's", v.query)
				continue
			}
			return r.differs(v.view, "postgres", "%s\n%s", v.query, lawDiff(view, query, "streamdb", "Postgres"))
		}
	}
	return r.checkStatements(ctx, todo)
}

// checkEach finds the view that made a check fail.
func (r *lawRunner) checkEach(ctx context.Context, todo []lawStep, all lawAnswer) error {
	for _, v := range todo {
		view := lawExec(ctx, r.conn, "select * from "+v.view)
		query := lawExec(ctx, r.conn, v.query)
		if view.code == "" && query.code == "" {
			continue
		}
		if r.pg != nil {
			if want := lawExec(ctx, r.pg, lawPostgres("select * from "+v.view)); want.code != "" && want.code == query.code {
				r.refused.add("Postgres: "+want.message, v.query)
				r.views = slices.DeleteFunc(r.views, func(x lawStep) bool { return x.view == v.view })
				return nil
			}
		}
		return r.differs(v.view, "error", "%s\nview: %s %s\nquery: %s %s", v.query, view.code, view.message, query.code, query.message)
	}
	return r.differs("", "error", "of the views together: %s %s", all.code, all.message)
}

// lawRows are the rows of a result as sorted lines. Loose leaves the scale of
// numerics out: which of two equal values stands for both is not defined.
func lawRows(res *pgconn.Result, loose bool) []string {
	out := make([]string, 0, len(res.Rows))
	for _, row := range res.Rows {
		var b strings.Builder
		for i, v := range row {
			if i > 0 {
				b.WriteByte('|')
			}
			s := string(v)
			if v == nil {
				s = "NULL"
			} else if loose && res.FieldDescriptions[i].DataTypeOID == 1700 && strings.Contains(s, ".") {
				s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
			}
			b.WriteString(s)
		}
		out = append(out, b.String())
	}
	slices.Sort(out)
	return out
}

// lawDiff is the rows that only one side has, the first ten of each.
func lawDiff(a, b []string, an, bn string) string {
	count := map[string]int{}
	for _, x := range a {
		count[x]++
	}
	for _, x := range b {
		count[x]--
	}
	var keys []string
	for x, n := range count {
		if n != 0 {
			keys = append(keys, x)
		}
	}
	slices.Sort(keys)
	var out strings.Builder
	fmt.Fprintf(&out, "%s has %d rows, %s %d; more in %s (+) or %s (-):\n", an, len(a), bn, len(b), an, bn)
	for _, x := range keys[:min(len(keys), 20)] {
		fmt.Fprintf(&out, "  %+d (%s)\n", count[x], x)
	}
	return out.String()
}

// lawKills reports that the history stops the server abruptly.
func lawKills(h lawHistory) bool {
	return slices.ContainsFunc(h.steps, func(s lawStep) bool {
		b, ok := s.act.(*lawBurst)
		return s.halt == "kill" || ok && b.kill
	})
}

func lawOptions(dir string, parallelism int, now time.Time) engine.Options {
	return engine.Options{DataDir: dir, TestClock: now, Parallelism: parallelism, MemoryLimit: 256 << 20,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

// lawLocal is a server in this process.
type lawLocal struct{ *server }

func startLawServer(ctx context.Context, dir string, parallelism int, now time.Time) (lawServer, error) {
	s := &server{options: lawOptions(dir, parallelism, now), addr: "127.0.0.1:0"}
	if err := s.start(ctx); err != nil {
		return nil, err
	}
	return lawLocal{s}, nil
}

func (s lawLocal) kill() error { return s.stop() }

// lawChild is a server in a process of its own, which can be killed.
type lawChild struct {
	cmd   *osexec.Cmd
	stdin io.Closer
	addr  string
}

// startLawChild runs this test binary again, as TestLawServer.
func startLawChild(ctx context.Context, dir string, parallelism int, now time.Time) (lawServer, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := osexec.Command(exe, "-test.run=^TestLawServer$", "-test.timeout=0")
	cmd.Env = append(os.Environ(), "LAW_DIR="+dir, fmt.Sprintf("LAW_PARALLELISM=%d", parallelism), "LAW_CLOCK="+now.Format(time.RFC3339Nano))
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &lawChild{cmd: cmd, stdin: stdin}
	if _, err := fmt.Fscanf(out, "listening %s\n", &c.addr); err != nil {
		c.kill()
		return nil, fmt.Errorf("the server in a process of its own did not start: %w", err)
	}
	go io.Copy(io.Discard, out)
	return c, ctx.Err()
}

func (c *lawChild) url() string { return "postgres://root@" + c.addr + "/dev?sslmode=disable" }

func (c *lawChild) stop() error {
	c.stdin.Close()
	return c.cmd.Wait()
}

func (c *lawChild) kill() error {
	if err := c.cmd.Process.Kill(); err != nil {
		return err
	}
	c.cmd.Wait()
	return nil
}
