package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Concurrent writers. Several sessions write at the same time, and again what
// failed to serialise, while another one holds the views against their queries,
// and perhaps until the server is killed. In which order they committed nobody
// can tell: Postgres gets the tables as they are then, and goes on from there.

// lawBurst is what the sessions do, each one statement or transaction after the other.
type lawBurst struct {
	sessions [][]string
	tables   []string
	into     string // the table for sinks that they write too
	kill     bool   // the server is killed meanwhile
}

func (a *lawBurst) String() string {
	var b strings.Builder
	for i, s := range a.sessions {
		fmt.Fprintf(&b, "-- at once with others, session %d:\n%s;\n", i+1, strings.Join(s, ";\n"))
	}
	if a.kill {
		b.WriteString("-- kill of the server meanwhile\n")
	}
	return strings.TrimSuffix(b.String(), ";\n")
}

func (a *lawBurst) do(ctx context.Context, r *lawRunner) error {
	for _, t := range r.intos {
		t.trust, t.anew = !t.alone || t.name == a.into, true
		t.alone = t.alone && t.name != a.into
	}
	ctx, cancel := context.WithTimeout(ctx, lawTimeout)
	defer cancel()
	errs := make([]error, len(a.sessions))
	var wg sync.WaitGroup
	for i := range a.sessions {
		c, err := pgconn.Connect(ctx, r.srv.url())
		if err != nil {
			return r.differs("", "burst", "%v", err)
		}
		wg.Go(func() {
			errs[i] = a.write(ctx, r, c, a.sessions[i])
			closing, cancel := context.WithTimeout(context.Background(), time.Second)
			c.Close(closing)
			cancel()
		})
	}
	written := make(chan struct{})
	go func() {
		wg.Wait()
		close(written)
	}()
	if err := a.watch(ctx, r, written); err != nil {
		cancel()
		<-written
		return err
	}
	<-written
	if a.kill {
		if err := r.open(context.WithoutCancel(ctx)); err != nil {
			return err
		}
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return errLawSlow
	}
	return a.toPostgres(ctx, r)
}

// watch checks the views until the writers have written, or kills the server.
func (a *lawBurst) watch(ctx context.Context, r *lawRunner, written chan struct{}) error {
	if a.kill {
		select {
		case <-written:
		case <-time.After(time.Duration(len(a.sessions[0])) * 3 * time.Millisecond):
		}
		return r.close(true)
	}
	alone := *r
	alone.pg = nil
	for {
		select {
		case <-written:
			r.checked, r.filled = alone.checked, alone.filled
			return nil
		default:
		}
		if err := alone.check(ctx); err != nil {
			return err
		}
	}
}

// write is one session.
func (a *lawBurst) write(ctx context.Context, r *lawRunner, c *pgconn.PgConn, stmts []string) error {
	for _, sql := range stmts {
		for range 100 {
			got := lawExec(ctx, c, sql)
			switch {
			case got.code == "slow" || a.kill && (got.code == "gone" || got.code == "57P01"):
				return nil
			case got.code == "gone" || strings.HasPrefix(got.code, "XX"):
				return r.differs("", "internal error", "%s: %s", got.message, sql)
			}
			if got.code != "40001" {
				break
			}
		}
	}
	return nil
}

// toPostgres gives Postgres the tables as they are.
func (a *lawBurst) toPostgres(ctx context.Context, r *lawRunner) error {
	if r.pg == nil {
		return nil
	}
	for _, name := range a.tables {
		is, err := r.conn.Prepare(ctx, "", "select * from "+name, nil)
		if err != nil {
			continue // left out while the history is made smaller
		}
		var cols []string
		for _, f := range is.Fields {
			cols = append(cols, f.Name)
		}
		t := &lawInto{name: name, cols: cols, fill: make([]string, len(cols))}
		got := lawExec(ctx, r.conn, "select * from "+name)
		if got.code != "" {
			return r.differs("", "burst", "%s: %s", name, got.message)
		}
		if err := r.copyToPostgres(ctx, t, lawSpread(t.rowsOf(got.results[0], cols))); err != nil {
			return err
		}
	}
	return nil
}

// burst makes sessions that write at the same time.
func (g *lawGen) burst(tables []*lawRel, into *lawIntoGen, kills bool) lawStep {
	a := &lawBurst{kill: kills && g.one(2)}
	for _, t := range tables {
		a.tables = append(a.tables, t.name)
	}
	if into != nil && g.one(2) {
		tables = append(slices.Clone(tables), into.rel)
		a.into = into.rel.name
	}
	for range 3 {
		var s []string
		for range 3 + g.IntN(6) {
			sql := g.change(tables).sql()
			if g.one(3) {
				sql = "begin; " + sql + "; " + g.change(tables).sql() + "; " + lawPick(g, "commit", "commit", "rollback")
			}
			s = append(s, sql)
		}
		a.sessions = append(a.sessions, s)
	}
	return lawStep{act: a}
}
