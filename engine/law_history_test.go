package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"time"
)

// lawStmt is a statement of a history; rows are the rows of its VALUES.
type lawStmt struct {
	head string
	rows []string
	tail string
}

func (s lawStmt) sql() string { return s.head + strings.Join(s.rows, ", ") + s.tail }

// lawStep is what happens between two checks of all views.
type lawStep struct {
	stmts []lawStmt
	end   string        // with it, the statements are a transaction: "commit" or "rollback"
	view  string        // the step creates this materialized view ..
	query string        // .. of this query ..
	while *lawStmt      // .. while this statement runs in another session
	drop  string        // the step drops this materialized view
	halt  string        // "restart" or "kill"
	local string        // a statement for streamdb alone
	pass  time.Duration // so much time passes; with halt, while the server is down
	act   lawAct        // something else
}

// lawAct is a step that knows itself how to run.
type lawAct interface {
	do(ctx context.Context, r *lawRunner) error
	String() string // for psql
}

// lawHistory is a test case: what it starts from, and its steps.
type lawHistory struct {
	seed        uint64
	parallelism int
	steps       []lawStep
}

// String is the history as a script for psql.
func (h lawHistory) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "-- seed %d, parallelism %d\n", h.seed, h.parallelism)
	for _, s := range h.steps {
		if s.halt != "" {
			fmt.Fprintf(&b, "-- %s of the server, for %v\n", s.halt, s.pass)
			continue
		}
		if s.while != nil {
			fmt.Fprintf(&b, "-- at once: %s;\n", s.while.sql())
		}
		b.WriteString(s.sql() + ";\n")
	}
	return b.String()
}

// sql is the step's statements for streamdb.
func (s lawStep) sql() string {
	switch {
	case s.act != nil:
		return s.act.String()
	case s.pass != 0:
		return lawPass(s.pass)
	case s.local != "":
		return s.local
	case s.view != "":
		return "create materialized view " + s.view + " as " + s.query
	case s.drop != "":
		return "drop materialized view " + s.drop
	}
	var parts []string
	for _, st := range s.stmts {
		parts = append(parts, st.sql())
	}
	if s.end != "" {
		parts = append(append([]string{"begin"}, parts...), s.end)
	}
	return strings.Join(parts, "; ")
}

// postgres is the same for Postgres: a materialized view is a view there.
func (s lawStep) postgres() string {
	return lawPostgres(strings.Replace(s.sql(), "materialized view", "view", 1))
}

var lawTumble = regexp.MustCompile(`tumble\(([\w.]+), (\w+), interval '10 minutes'\)`)
var lawHop = regexp.MustCompile(`hop\(([\w.]+), (\w+), interval '10 minutes', interval '20 minutes'\)`)

// lawPostgres writes the window functions of FROM as Postgres can do them.
func lawPostgres(sql string) string {
	sql = lawSchemas(lawTimed(lawLateral(sql)))
	sql = lawTumble.ReplaceAllString(sql, `(select x.*, date_bin('10 minutes', $2, '2000-01-01') as window_start,
		date_bin('10 minutes', $2, '2000-01-01') + interval '10 minutes' as window_end from $1 x where $2 is not null)`)
	return lawHop.ReplaceAllString(sql, `(select x.*, w as window_start, w + interval '20 minutes' as window_end from $1 x,
		generate_series(date_bin('10 minutes', $2, '2000-01-01') - interval '10 minutes', date_bin('10 minutes', $2, '2000-01-01'), '10 minutes') w)`)
}

// newLawHistory makes the history of a seed, of about n steps after the tables
// and first views are there.
func newLawHistory(seed uint64, n int, kills bool) lawHistory {
	g := &lawGen{Rand: rand.New(rand.NewPCG(seed, 1))}
	h := lawHistory{seed: seed, parallelism: lawPick(g, 1, 2, 4)}
	g.big = seed%8 == 0
	var tables []*lawRel
	for range 2 + g.IntN(3) {
		r, ddl := g.table()
		tables = append(tables, r)
		h.steps = append(h.steps, lawStep{stmts: []lawStmt{{head: ddl}}})
		if g.big {
			h.steps = append(h.steps, lawStep{stmts: []lawStmt{g.bulk(r)}})
		} else if !g.one(5) { // the others start empty
			h.steps = append(h.steps, lawStep{stmts: []lawStmt{{head: "insert into " + r.name + lawColumns(r) + " values ", rows: g.insertRows(r, 6+g.IntN(10))}}})
		}
	}
	for _, r := range tables {
		h.steps = append(h.steps, g.indexes(r)...)
	}
	h.steps = append(h.steps, g.keyedView(tables)...)
	views := 4 + g.IntN(5)
	for range (views + 1) / 2 {
		h.steps = append(h.steps, g.view(tables)...)
	}
	var into *lawIntoGen
	if !g.big && g.one(2) {
		var steps []lawStep
		into, steps = g.into(tables)
		h.steps = append(h.steps, steps...)
	}
	for i := range n {
		switch {
		case into != nil && g.one(4):
			h.steps = append(h.steps, g.intoStep(into, tables))
			continue
		case g.one(6):
			h.steps = append(h.steps, g.txn(tables))
			continue
		case g.one(12) && !g.big:
			h.steps = append(h.steps, g.burst(tables, into, kills))
			continue
		case g.one(12):
			h.steps = append(h.steps, g.follow()...)
			continue
		case g.one(7):
			h.steps = append(h.steps, g.alter(tables, into)...)
			continue
		case i%max(1, n/(views/2)) == 2:
			h.steps = append(h.steps, g.view(tables)...)
			continue
		case g.one(20):
			h.steps = append(h.steps, lawStep{halt: "restart", pass: g.down()})
			continue
		case g.one(20):
			h.steps = append(h.steps, g.rescale(tables))
			continue
		case kills && g.one(15):
			h.steps = append(h.steps, lawStep{halt: "kill", pass: g.down()})
			continue
		case g.one(5):
			h.steps = append(h.steps, g.pass())
			continue
		}
		step := lawStep{stmts: []lawStmt{g.change(tables)}}
		if g.one(3) {
			for range 1 + g.IntN(3) {
				step.stmts = append(step.stmts, g.change(tables))
			}
			step.end = lawPick(g, "commit", "commit", "rollback")
		} else if c := g.change(tables); g.one(3) && lawTable(c) != lawTable(step.stmts[0]) {
			step.while = &c // of another table: the order does not matter
		}
		h.steps = append(h.steps, step)
	}
	return h
}

// view makes a materialized view, now and then with a plain view below it.
func (g *lawGen) view(tables []*lawRel) []lawStep {
	steps := g.planned()
	if g.one(4) {
		sql, cols := g.query(1)
		p := &lawRel{name: g.name("p"), cols: cols, depth: g.depth(sql), timed: g.timedBelow(sql)}
		steps = append(steps, lawStep{stmts: []lawStmt{{head: "create view " + p.name + " as " + sql}}})
		g.add(p)
	}
	sql, cols := g.query(2)
	v := &lawRel{name: g.name("v"), cols: cols, depth: g.depth(sql) + 1, timed: g.timedBelow(sql)}
	step := lawStep{view: v.name, query: sql}
	if g.one(4) {
		c := g.change(tables)
		step.while = &c
	}
	g.add(v)
	if g.one(12) { // it comes again, as the garbage of the first is still there
		return append(steps, step, lawStep{drop: v.name}, lawStep{view: v.name, query: sql})
	}
	return append(steps, step)
}

// add lets later queries read the relation, unless three views are below it.
func (g *lawGen) add(r *lawRel) {
	if r.depth < 3 {
		g.rels = append(g.rels, r)
	}
}

// depth is how many views are below a query.
func (g *lawGen) depth(sql string) int {
	d := 0
	for _, r := range g.rels {
		if strings.Contains(sql, r.name+" ") {
			d = max(d, r.depth)
		}
	}
	return d
}

// timedBelow reports that what a query gives changes as time passes.
func (g *lawGen) timedBelow(sql string) bool {
	return lawTimedQuery(sql) || slices.ContainsFunc(g.rels, func(r *lawRel) bool { return r.timed && strings.Contains(sql, r.name+" ") })
}

// lawTable is the table that a statement changes.
func lawTable(s lawStmt) string {
	w := strings.Fields(s.head)
	if w[0] == "update" {
		return w[1]
	}
	return w[2]
}
