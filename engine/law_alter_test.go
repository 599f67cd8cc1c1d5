package engine_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// ALTER of tables and views while views live over them. What a view is compared
// with from then on is its query as the server prints it, with the names of today.

// lawSchema is a schema besides the one in which all is made.
const lawSchema = "law2"

// lawPostgresSchema is the schema of this process in Postgres.
func lawPostgresSchema() string { return fmt.Sprintf("law_%d", os.Getpid()) }

// lawSchemas writes the schemas as they are called in Postgres.
func lawSchemas(sql string) string {
	sql = strings.ReplaceAll(sql, "set schema public", "set schema "+lawPostgresSchema())
	return strings.ReplaceAll(sql, lawSchema, lawPostgresSchema()+"_2")
}

// lawAlter is an ALTER.
type lawAlter struct {
	sql     string
	pg      string      // what does the same in Postgres, if that is another statement
	names   [][2]string // relations that change their name: from, to
	table   string      // the table whose columns change
	column  [2]string   // its column changes its name: from, to; from "": it is new
	fill    string      // the value of a new column as an expression
	while   *lawStmt    // what another session does meanwhile
	cascade bool
}

func (a *lawAlter) String() string {
	if a.while != nil {
		return "-- at once: " + a.while.sql() + ";\n" + a.sql
	}
	return a.sql
}

func (a *lawAlter) do(ctx context.Context, r *lawRunner) error {
	var besides chan lawAnswer
	if a.while != nil {
		besides = make(chan lawAnswer, 1)
		go func() { besides <- lawExec(ctx, r.other, a.while.sql()) }()
	}
	got := lawExec(ctx, r.conn, a.sql)
	var also lawAnswer
	if besides != nil {
		also = <-besides
	}
	switch {
	case got.code == "slow" || also.code == "slow":
		return errLawSlow
	case got.code == "gone" || strings.Contains(got.code+also.code, "XX000"):
		return r.differs("", "internal error", "%s %s: %s", got.message, also.message, a)
	}
	if r.pg != nil {
		if err := a.postgres(ctx, r, got); err != nil {
			return err
		}
		if a.while != nil {
			if want := lawExec(ctx, r.pg, lawPostgres(a.while.sql())); !lawSameCode(want.code, also.code) || want.tags != also.tags {
				return r.differs("", "statement", "%s: %s %s %s, in Postgres %s %s %s", a, also.tags, also.code, also.message, want.tags, want.code, want.message)
			}
		}
	}
	if got.code != "" {
		return nil
	}
	r.rename(a)
	if err := a.columns(ctx, r); err != nil {
		return err
	}
	return r.reread(ctx, a.cascade)
}

// postgres does the same there, or sees that it cannot be done there either.
func (a *lawAlter) postgres(ctx context.Context, r *lawRunner, got lawAnswer) error {
	sql := a.pg
	if sql == "" {
		sql = lawPostgres(strings.ReplaceAll(a.sql, "materialized view", "view"))
	}
	if got.code != "" {
		want := lawExec(ctx, r.pg, "begin; "+sql+"; rollback")
		if want.code != got.code {
			if got.code == "2BP01" && strings.Contains(got.message, "sink ") { // there are none
				return nil
			}
			if got.code == "0A000" {
				r.refused.add(got.code+" "+got.message, a.sql)
				return nil
			}
			return r.differs("", "statement", "%s: %s %s, in Postgres %s %s", a.sql, got.code, got.message, want.code, want.message)
		}
		return nil
	}
	want := lawExec(ctx, r.pg, sql)
	if want.code == "2BP01" { // its views are other ones, some use more columns
		r.refused.add("Postgres: "+want.message, a.sql)
		want = lawExec(ctx, r.pg, sql+" cascade")
	}
	if want.code == "42P01" { // it went with a column there
		r.refused.add("Postgres: "+want.message, a.sql)
		return nil
	}
	if want.code != "" {
		return r.differs("", "statement", "%s: done, in Postgres %s %s", a.sql, want.code, want.message)
	}
	return nil
}

// rename gives what the runner knows its new names.
func (r *lawRunner) rename(a *lawAlter) {
	to := func(name string) string {
		for _, n := range a.names {
			if n[0] == name {
				return n[1]
			}
		}
		return name
	}
	dead := map[string]bool{}
	for i, v := range r.views {
		r.views[i].view = to(v.view)
		dead[to(v.view)] = r.dead[v.view]
	}
	r.dead = dead
	for _, t := range r.intos {
		t.name = to(t.name)
	}
	for _, f := range r.follows {
		f.rel = to(f.rel)
	}
}

// columns gives the tables of sinks their new columns.
func (a *lawAlter) columns(ctx context.Context, r *lawRunner) error {
	for _, t := range r.intos {
		if t.name != a.table || a.column[1] == "" {
			continue
		}
		if a.column[0] != "" {
			rename := func(cols []string) {
				if i := slices.Index(cols, a.column[0]); i >= 0 {
					cols[i] = a.column[1]
				}
			}
			rename(t.cols)
			for _, s := range t.sinks {
				rename(s.cols)
			}
			continue
		}
		got := lawExec(ctx, r.conn, "select "+a.fill)
		if got.code != "" {
			return fmt.Errorf("%s: %s", a.fill, got.message)
		}
		fill := lawLiterals(got.results[0].Rows[0], []int{0}, []string{""})
		wider := func(rows map[string]int) map[string]int {
			out := map[string]int{}
			for row, n := range rows {
				out[row+", "+fill] = n
			}
			return out
		}
		t.cols, t.fill = append(t.cols, a.column[1]), append(t.fill, fill)
		rows := map[string]int{}
		for _, row := range t.rows() {
			rows[row]++
		}
		t.set(wider(rows))
		for _, s := range t.sinks {
			s.last = wider(s.last)
		}
	}
	return nil
}

// reread asks for the queries of the views and sinks. After a cascade some are
// gone; in Postgres they must be gone as well.
func (r *lawRunner) reread(ctx context.Context, cascade bool) error {
	query := func(name string) (string, bool, error) {
		got := lawExec(ctx, r.conn, "select pg_get_viewdef('"+name+"'::regclass)")
		if got.code == "42P01" && cascade {
			return "", false, nil
		}
		if got.code != "" || string(got.results[0].Rows[0][0]) == "" {
			return "", false, r.differs(name, "definition", "%s %s", got.code, got.message)
		}
		return strings.TrimSuffix(string(got.results[0].Rows[0][0]), ";"), true, nil
	}
	var views []lawStep
	for _, v := range r.views {
		sql, there, err := query(v.view)
		if err != nil {
			return err
		}
		if there {
			v.query = sql
			views = append(views, v)
			continue
		}
		if r.pg != nil && !r.dead[v.view] {
			if want := lawExec(ctx, r.pg, "select from "+lawPostgres(v.view)+" limit 0"); want.code == "" {
				return r.differs(v.view, "cascade", "%s is gone, but not in Postgres", v.query)
			}
		}
	}
	r.views = views
	for _, t := range r.intos {
		var sinks []*lawSink
		for _, s := range t.sinks {
			sql, there, err := query(s.name)
			if err != nil {
				return err
			}
			if s.query = sql; there {
				sinks = append(sinks, s)
			}
		}
		t.sinks = sinks
	}
	return nil
}

// lawKind is the kind of a generated relation, by its name.
func lawKind(r *lawRel) string {
	switch _, base := lawSplit(r.name); base[0] {
	case 'p':
		return "view"
	case 'v':
		return "materialized view"
	}
	return "table"
}

// lawSplit is a name's schema, with its point, and what is behind it.
func lawSplit(name string) (string, string) {
	i := strings.Index(name, ".") + 1
	return name[:i], name[i:]
}

// alter is an ALTER of a table or view.
func (g *lawGen) alter(tables []*lawRel, into *lawIntoGen) []lawStep {
	rel := lawPick(g, g.rels...)
	altered := tables
	if into != nil && g.one(4) {
		altered = []*lawRel{into.rel}
	}
	t := lawPick(g, altered...)
	switch g.IntN(10) {
	case 0, 1:
		return []lawStep{g.addColumn(t, tables)}
	case 2, 3:
		if len(t.cols) > 3 && (into == nil || t != into.rel) {
			return []lawStep{g.dropColumn(t)}
		}
	case 4:
		return []lawStep{g.renameColumn(t)}
	case 5:
		return []lawStep{g.renameColumn(rel)}
	case 6:
		to := lawSchema + "."
		set := lawSchema
		schema, base := lawSplit(rel.name)
		if schema != "" {
			to, set = "", "public"
		}
		a := &lawAlter{sql: fmt.Sprintf("alter %s %s set schema %s", lawKind(rel), rel.name, set), names: [][2]string{{rel.name, to + base}}}
		rel.name = to + base
		steps := []lawStep{{act: a}}
		if !g.schema {
			steps = slices.Insert(steps, 0, lawStep{stmts: []lawStmt{{head: "create schema " + lawSchema}}})
		}
		g.schema = true
		return steps
	case 7, 8:
		if s, ok := g.swap(rel); ok {
			return []lawStep{s}
		}
	}
	schema, base := lawSplit(rel.name)
	to := g.name(base[:1])
	a := &lawAlter{sql: fmt.Sprintf("alter %s %s rename to %s", lawKind(rel), rel.name, to), names: [][2]string{{rel.name, schema + to}}}
	rel.name = schema + to
	return []lawStep{{act: a}}
}

func (g *lawGen) addColumn(t *lawRel, tables []*lawRel) lawStep {
	c := lawCol{g.name("n"), lawPick(g, lawTypes...)}
	a := &lawAlter{sql: fmt.Sprintf("alter table %s add column %s %s", t.name, c.name, c.t), table: t.name, column: [2]string{"", c.name}, fill: "null"}
	if !g.one(3) {
		v := g.constant(c.t)
		a.sql += " default " + v
		a.fill = "(" + v + ")::" + string(c.t)
	}
	if g.one(3) && slices.Contains(tables, t) {
		w := g.change(tables)
		a.while = &w
	}
	t.cols = append(slices.Clip(t.cols), c)
	return lawStep{act: a}
}

// dropColumn drops a column, perhaps with all that uses it. If it stays, nothing
// uses it any more.
func (g *lawGen) dropColumn(t *lawRel) lawStep {
	i := 1 + g.IntN(len(t.cols)-1)
	a := &lawAlter{sql: fmt.Sprintf("alter table %s drop column %s", t.name, t.cols[i].name), cascade: g.one(3)}
	if a.cascade {
		a.sql += " cascade"
	}
	t.cols = slices.Delete(slices.Clone(t.cols), i, i+1)
	if !a.cascade && g.one(3) { // which rows a sink that goes has still got is not known
		w := g.change([]*lawRel{t})
		a.while = &w
	}
	return lawStep{act: a}
}

func (g *lawGen) renameColumn(rel *lawRel) lawStep {
	i := g.IntN(len(rel.cols))
	if rel.key && i == 0 { // AS-OF joins are written by it in Postgres
		i = 1
	}
	to := g.name("n")
	a := &lawAlter{sql: fmt.Sprintf("alter %s %s rename column %s to %s", lawKind(rel), rel.name, rel.cols[i].name, to),
		table: rel.name, column: [2]string{rel.cols[i].name, to}}
	rel.cols = slices.Clone(rel.cols)
	rel.cols[i].name = to
	return lawStep{act: a}
}

// swap exchanges the names of two relations of one kind.
func (g *lawGen) swap(a *lawRel) (lawStep, bool) {
	schema, base := lawSplit(a.name)
	for _, i := range g.Perm(len(g.rels)) {
		b := g.rels[i]
		s, other := lawSplit(b.name)
		if b == a || s != schema || lawKind(a) != lawKind(b) {
			continue
		}
		kind := strings.TrimPrefix(lawKind(a), "materialized ")
		act := &lawAlter{
			sql: fmt.Sprintf("alter %s %s swap with %s", lawKind(a), a.name, b.name),
			pg: lawSchemas(fmt.Sprintf("alter %s %s rename to swapped; alter %s %s rename to %s; alter %s %sswapped rename to %s",
				kind, a.name, kind, b.name, base, kind, schema, other)),
			names: [][2]string{{a.name, b.name}, {b.name, a.name}},
		}
		a.name, b.name = b.name, a.name
		return lawStep{act: act}, true
	}
	return lawStep{}, false
}

// star is a query of all columns of a relation, as they are when the query is made.
func (g *lawGen) star() (string, []lawCol) {
	r := lawPick(g, g.rels...)
	a := g.name("a")
	cols := lawQualify(a, r.cols)
	return "select " + lawPick(g, "*", a+".*") + " from " + r.name + " " + a + g.where(cols, 0), slices.Clone(r.cols)
}

// lawColumns is the list of columns of an INSERT.
func lawColumns(r *lawRel) string {
	var names []string
	for _, c := range r.cols {
		names = append(names, c.name)
	}
	return " (" + strings.Join(names, ", ") + ")"
}

// lawDropSchemas removes what a run has left in Postgres.
func lawDropSchemas(ctx context.Context, pg *pgconn.PgConn) error {
	s := lawPostgresSchema()
	_, err := pg.Exec(ctx, "drop schema if exists "+s+" cascade; drop schema if exists "+s+"_2 cascade").ReadAll()
	return err
}
