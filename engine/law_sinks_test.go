package engine_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Sinks into tables. Postgres has none, and no query tells what a table with
// several writers holds; so the runner keeps a model of the table. After each
// step, which is one epoch for the sinks, it reads the sinks' queries in the
// snapshot of the check: what a query has now and had not before goes into the
// table, the row that is gone takes the row of its key along. In Postgres the
// table is a plain one, which the runner fills as the model says.

// lawInto is a table that sinks write into.
type lawInto struct {
	name  string
	cols  []string // of the table; a key is the first
	fill  []string // per column what a row gets whose sink does not give it, as a literal
	keyed bool
	byKey map[string]string // keyed: key -> row, as literals
	bag   map[string]int    // else: row -> how often
	sinks []*lawSink
	trust bool // a statement has changed the table: what it holds is right
	anew  bool // Postgres is to be given all rows
	alone bool // nothing but one sink has ever written the table: it is the sink's query
}

// lawSink is one sink, in the order in which they were made.
type lawSink struct {
	name    string
	cols    []string
	query   string
	first   bool           // no other was made before it
	inserts bool           // deletes are not for the table
	last    map[string]int // rows of the query at the last check, as rows of the table
}

// lawLiterals is a row of a result as a list of literals, in the places at; the
// others are filled.
func lawLiterals(row [][]byte, at []int, fill []string) string {
	out := slices.Clone(fill)
	for i, v := range row {
		if out[at[i]] = "NULL"; v != nil {
			out[at[i]] = "'" + strings.ReplaceAll(string(v), "'", "''") + "'"
		}
	}
	return strings.Join(out, ", ")
}

// rowsOf counts the rows of a result with the given columns as rows of the table.
func (t *lawInto) rowsOf(res *pgconn.Result, cols []string) map[string]int {
	at := make([]int, len(cols))
	for i, c := range cols {
		at[i] = slices.Index(t.cols, c)
	}
	rows := map[string]int{}
	for _, row := range res.Rows {
		rows[lawLiterals(row, at, t.fill)]++
	}
	return rows
}

// apply is an epoch of a sink whose query has these rows now.
func (t *lawInto) apply(s *lawSink, now map[string]int) {
	for row, n := range s.last {
		key, _, _ := strings.Cut(row, ", ")
		if t.keyed && now[row] < n && !s.inserts {
			delete(t.byKey, key)
		}
	}
	for row, n := range now {
		if n <= s.last[row] {
			continue
		}
		if key, _, _ := strings.Cut(row, ", "); t.keyed {
			t.byKey[key] = row
		} else {
			t.bag[row] += n - s.last[row]
		}
	}
	s.last = now
}

// rows are the rows of the model, sorted.
func (t *lawInto) rows() []string {
	if t.keyed {
		return slices.Sorted(maps.Values(t.byKey))
	}
	return lawSpread(t.bag)
}

// set makes the model hold rows.
func (t *lawInto) set(rows map[string]int) {
	t.byKey, t.bag = map[string]string{}, rows
	for row := range rows {
		key, _, _ := strings.Cut(row, ", ")
		t.byKey[key] = row
	}
}

// lawSpread is a bag as sorted rows.
func lawSpread(bag map[string]int) []string {
	var out []string
	for _, row := range slices.Sorted(maps.Keys(bag)) {
		out = append(out, slices.Repeat([]string{row}, bag[row])...)
	}
	return out
}

// checkSinks compares the tables of sinks with their models.
func (r *lawRunner) checkSinks(ctx context.Context) error {
	for _, t := range r.intos {
		sql := "begin; select " + strings.Join(t.cols, ", ") + " from " + t.name
		for _, s := range t.sinks {
			sql += "; " + s.query
		}
		got := lawExec(ctx, r.conn, sql+"; commit")
		if got.code == "slow" || got.code == "53200" {
			return errLawSlow
		}
		if got.code != "" {
			return r.differs(t.name, "error", "%s: %s %s", sql, got.code, got.message)
		}
		r.checked++
		before, have := t.rows(), t.rowsOf(got.results[1], t.cols)
		for i, s := range t.sinks {
			t.apply(s, t.rowsOf(got.results[2+i], s.cols))
		}
		if t.trust {
			t.set(have)
		}
		want := t.rows()
		if len(want) > 0 {
			r.filled++
		}
		if len(want) > lawMaxRows {
			return errLawSlow
		}
		if is := lawSpread(have); !slices.Equal(is, want) {
			return r.differs(t.name, "sink", "%s", lawDiff(is, want, "the table", "the model"))
		}
		if err := r.fillPostgres(ctx, t, before, want); err != nil {
			return err
		}
		t.trust, t.anew = false, false
	}
	return nil
}

// fillPostgres gives Postgres's table what the sinks have brought. What a
// statement has done there it has done itself.
func (r *lawRunner) fillPostgres(ctx context.Context, t *lawInto, before, now []string) error {
	if r.pg == nil {
		return nil
	}
	cols := strings.Join(t.cols, ", ")
	if t.trust && !t.anew {
		pg := lawExec(ctx, r.pg, lawPostgres("select "+cols+" from "+t.name))
		if pg.code != "" {
			return fmt.Errorf("Postgres: %s", pg.message)
		}
		if want := lawSpread(t.rowsOf(pg.results[0], t.cols)); !slices.Equal(now, want) {
			return r.differs(t.name, "postgres", "%s", lawDiff(now, want, "streamdb", "Postgres"))
		}
		return nil
	}
	if slices.Equal(before, now) && !t.anew {
		return nil
	}
	return r.copyToPostgres(ctx, t, now)
}

// copyToPostgres makes a table there have these rows.
func (r *lawRunner) copyToPostgres(ctx context.Context, t *lawInto, now []string) error {
	name, cols := lawPostgres(t.name), strings.Join(t.cols, ", ")
	sql := "delete from " + name
	if len(now) > 0 {
		sql += "; insert into " + name + " (" + cols + ") values (" + strings.Join(now, "), (") + ")"
	}
	if a := lawExec(ctx, r.pg, sql); a.code != "" {
		return fmt.Errorf("Postgres: %s: %s", a.message, sql)
	}
	return nil
}

// lawCreateInto creates a table for sinks.
type lawCreateInto struct {
	ddl string
	t   lawInto
}

func (a *lawCreateInto) String() string { return a.ddl }

func (a *lawCreateInto) do(ctx context.Context, r *lawRunner) error {
	t := a.t
	t.set(map[string]int{})
	t.alone = t.keyed
	r.intos = append(r.intos, &t)
	return r.both(ctx, a.ddl, lawPostgres(a.ddl))
}

// lawCreateSink creates a sink, while another statement runs perhaps.
type lawCreateSink struct {
	table, list, with string
	while             *lawStmt
	s                 lawSink
}

func (a *lawCreateSink) String() string {
	s := fmt.Sprintf("create sink %s into %s%s as %s%s", a.s.name, a.table, a.list, a.s.query, a.with)
	if a.while != nil {
		s = "-- at once: " + a.while.sql() + ";\n" + s
	}
	return s
}

func (a *lawCreateSink) do(ctx context.Context, r *lawRunner) error {
	var besides chan error
	if a.while != nil {
		besides = make(chan error, 1)
		go func() { besides <- r.bothOn(ctx, r.other, a.while.sql(), lawPostgres(a.while.sql())) }()
	}
	sql := fmt.Sprintf("create sink %s into %s%s as %s%s", a.s.name, a.table, a.list, a.s.query, a.with)
	got := lawExec(ctx, r.conn, sql)
	if besides != nil {
		if err := <-besides; err != nil {
			return err
		}
	}
	switch got.code {
	case "":
		s := a.s
		for _, t := range r.intos {
			if t.name == a.table {
				t.alone = t.alone && !s.inserts && s.first
				t.sinks = append(t.sinks, &s)
			}
		}
		return nil
	case "slow":
		return errLawSlow
	case "XX000", "gone":
		return r.differs("", "internal error", "%s: %s", got.message, sql)
	}
	if got.code != "42P01" {
		r.refused.add(got.code+" "+got.message, sql)
	}
	return nil
}

// lawDropSink drops a sink: what it has written stays.
type lawDropSink string

func (a lawDropSink) String() string { return "drop sink " + string(a) }

func (a lawDropSink) do(ctx context.Context, r *lawRunner) error {
	found := false
	for _, t := range r.intos {
		t.sinks = slices.DeleteFunc(t.sinks, func(s *lawSink) bool {
			t.alone = t.alone && s.name != string(a)
			found = found || s.name == string(a)
			return s.name == string(a)
		})
	}
	got := lawExec(ctx, r.conn, a.String())
	if found && got.code != "" {
		return r.differs("", "statement", "%s: %s %s", a, got.code, got.message)
	}
	return nil
}

// lawOwn changes a table for sinks by statements.
type lawOwn struct {
	table string
	lawStep
}

func (a *lawOwn) String() string { return a.sql() }

func (a *lawOwn) do(ctx context.Context, r *lawRunner) error {
	for _, t := range r.intos {
		if t.name == a.table {
			t.trust, t.alone = true, false
		}
	}
	return r.both(ctx, a.sql(), a.postgres())
}

// lawIntoGen is what the generator knows of a table for sinks.
type lawIntoGen struct {
	rel    *lawRel
	keyed  bool
	before []*lawRel // what sinks may read: nothing of it reads the table
	sinks  []string
	fresh  bool // there was no sink yet
}

// into makes a table for sinks and its first sink.
func (g *lawGen) into(tables []*lawRel) (*lawIntoGen, []lawStep) {
	t := &lawIntoGen{rel: &lawRel{name: g.name("k"), table: true, next: 1}, keyed: !g.one(3), fresh: true}
	for _, r := range g.rels {
		if !r.timed {
			t.before = append(t.before, r)
		}
	}
	a := &lawCreateInto{t: lawInto{name: t.rel.name, keyed: t.keyed}}
	var defs []string
	add := func(c lawCol, more, fill string) {
		t.rel.cols = append(t.rel.cols, c)
		defs = append(defs, c.name+" "+string(c.t)+more)
		a.t.cols, a.t.fill = append(a.t.cols, c.name), append(a.t.fill, fill)
	}
	first, key := lawCol{"id", lawPick(g, lawInt, lawInt, lawText)}, ""
	if t.keyed {
		t.rel.key, key = first.t == lawInt, " primary key"
	}
	add(first, key, "NULL")
	for i := range 2 + g.IntN(3) {
		ty := lawPick(g, lawTypes...)
		c := lawCol{fmt.Sprintf("%c%d", ty[0], i+1), ty}
		if ty == lawInt && g.one(2) {
			add(c, " default 7", "'7'")
		} else {
			add(c, "", "NULL")
		}
	}
	a.ddl = "create table " + t.rel.name + " (" + strings.Join(defs, ", ") + ")"
	g.rels = append(g.rels, t.rel)
	return t, []lawStep{{act: a}, g.sink(t, tables)}
}

// sink makes another sink into the table.
func (g *lawGen) sink(t *lawIntoGen, tables []*lawRel) lawStep {
	a := &lawCreateSink{table: t.rel.name, s: lawSink{name: g.name("s"), first: t.fresh}}
	cols := slices.Clone(t.rel.cols)
	if n := len(cols); n > 2 && g.one(4) { // not the last one
		cols = cols[:n-1]
	}
	for _, c := range cols {
		a.s.cols = append(a.s.cols, c.name)
	}
	a.list = " (" + strings.Join(a.s.cols, ", ") + ")"
	switch {
	case !t.keyed:
		a.s.inserts, a.with = true, " with (type = 'append-only', force_append_only = 'true')"
	case g.one(4):
		a.s.inserts, a.with = true, lawPick(g, " with (ignore_delete = 'true')", " with (type = 'append-only', force_append_only = 'true')")
	}
	rels := g.rels
	g.rels = t.before
	for a.s.query = "now()"; lawTimedQuery(a.s.query); {
		a.s.query = g.sinkQuery(cols)
	}
	g.rels = rels
	if t.fresh && !a.s.inserts && g.one(3) { // else it counts what an epoch is
		c := g.change(tables)
		a.while = &c
	}
	t.fresh = false
	t.sinks = append(t.sinks, a.s.name)
	return lawStep{act: a}
}

// lawTimedQuery reports that a query tells the time.
func lawTimedQuery(sql string) bool {
	return strings.Contains(sql, "now()") || strings.Contains(sql, "localtimestamp")
}

// sinkQuery is a query for the columns of a table. The first is not null and in
// no two rows the same: without deletes it matters which rows are the same one.
func (g *lawGen) sinkQuery(cols []lawCol) string {
	for _, i := range g.Perm(len(g.rels)) {
		r := g.rels[i]
		if !r.table || !r.key || cols[0].t != lawInt || !g.one(3) {
			continue
		}
		a := g.name("a")
		of := lawQualify(a, r.cols)
		items := of[0].name
		for i, c := range cols[1:] {
			items += fmt.Sprintf(", (%s)::%s as x%d", g.expr(of, c.t, 1), c.t, i)
		}
		return "select " + items + " from " + r.name + " " + a + g.where(of, 0)
	}
	src, of := g.source(1)
	k := g.expr(of, cols[0].t, lawPick(g, 0, 0, 1))
	items := k + " as x"
	for i, c := range cols[1:] {
		f := lawPick(g, "min", "max")
		if c.t == lawBool {
			f = lawPick(g, "bool_and", "bool_or")
		}
		items += fmt.Sprintf(", %s(%s)::%s as x%d", f, g.expr(of, c.t, 1), c.t, i)
	}
	where := " where " + k + " is not null"
	if g.one(3) {
		where += " and " + g.pred(of, 1)
	}
	return "select " + items + " from " + src + where + " group by 1"
}

// intoStep is something that happens to the table.
func (g *lawGen) intoStep(t *lawIntoGen, tables []*lawRel) lawStep {
	switch g.IntN(8) {
	case 0, 1:
		return g.sink(t, tables)
	case 2:
		if len(t.sinks) > 0 {
			i := g.IntN(len(t.sinks))
			name := t.sinks[i]
			t.sinks = slices.Delete(t.sinks, i, i+1)
			return lawStep{act: lawDropSink(name)}
		}
	case 3:
		what := "table " + t.rel.name
		if len(t.sinks) > 0 && g.one(2) {
			what = "sink " + lawPick(g, t.sinks...)
		}
		return lawStep{local: fmt.Sprintf("alter %s set parallelism = %s", what, lawPick(g, "1", "2", "3", "adaptive"))}
	}
	step := lawStep{stmts: []lawStmt{g.change([]*lawRel{t.rel})}}
	if g.one(3) {
		step.stmts = append(step.stmts, g.change([]*lawRel{t.rel}))
		step.end = lawPick(g, "commit", "rollback")
	}
	return lawStep{act: &lawOwn{t.rel.name, step}}
}
