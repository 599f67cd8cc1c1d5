package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// killStep is what a client does until it is told that something is done: a
// statement of a kind, with what belongs to it.
type killStep struct {
	kind  string
	sql   []string
	data  string // for COPY .. FROM STDIN, which is the last statement then
	after *killState
	check func(res [][]string) error // of the last statement's rows; may be nil
	dir   string                     // of a backup
}

func (p *killStep) String() string { return p.kind + ": " + strings.Join(p.sql, "; ") }

// killClient makes the steps of one client, and holds what its part of the
// database is. Nobody else writes its relations.
type killClient struct {
	*rand.Rand
	prefix  string
	setting string // of the database, which only this client changes
	dir     string // for backups
	now     *killState
	made    int
	planned []*killStep
	cur     *killState // behind the planned steps

	conn    *pgx.Conn
	flight  *killStep  // sent and not acknowledged
	last    *killStep  // acknowledged
	perhaps *killState // what now is, if it is not what now says
	did     []string   // of this round, for a failure's message
	backups []string   // acknowledged and not yet looked at
}

// killKinds are the kinds of statements, and what makes a step of each, perhaps
// behind others that it needs.
var killKinds = map[string]func(c *killClient){
	"INSERT":                   (*killClient).insert,
	"INSERT of 3 MB":           (*killClient).insertBulk,
	"INSERT ON CONFLICT":       (*killClient).upsert,
	"UPDATE":                   (*killClient).update,
	"DELETE":                   (*killClient).delete,
	"TRUNCATE":                 (*killClient).truncate,
	"COPY":                     (*killClient).copy,
	"COPY of 3 MB":             (*killClient).copyBulk,
	"transaction":              (*killClient).transaction,
	"CREATE TABLE":             (*killClient).createTable,
	"CREATE TABLE AS":          (*killClient).createTableAs,
	"CREATE VIEW":              (*killClient).createPlainView,
	"CREATE MATERIALIZED VIEW": (*killClient).createView,
	"CREATE INDEX":             (*killClient).createIndex,
	"CREATE SINK":              (*killClient).createSink,
	"CREATE SOURCE":            (*killClient).createSource,
	"backfill":                 (*killClient).backfill,
	"background backfill":      (*killClient).background,
	"DROP TABLE":               func(c *killClient) { c.drop("table", false) },
	"DROP TABLE CASCADE":       func(c *killClient) { c.drop("table", true) },
	"DROP MATERIALIZED VIEW":   func(c *killClient) { c.drop("materialized view", false) },
	"DROP INDEX":               func(c *killClient) { c.drop("index", false) },
	"DROP SINK":                func(c *killClient) { c.drop("sink", false) },
	"DROP SOURCE CASCADE":      func(c *killClient) { c.drop("source", true) },
	"ALTER RENAME":             (*killClient).rename,
	"ALTER SET SCHEMA":         (*killClient).setSchema,
	"ALTER ADD COLUMN":         (*killClient).addColumn,
	"ALTER RENAME COLUMN":      (*killClient).renameColumn,
	"ALTER DROP COLUMN":        (*killClient).dropColumn,
	"ALTER PARALLELISM":        (*killClient).parallelism,
	"ALTER RATE LIMIT":         (*killClient).rateLimit,
	"ALTER SWAP":               (*killClient).swap,
	"ALTER RESUME":             (*killClient).resume,
	"ALTER SYSTEM":             (*killClient).alterSystem,
	"CANCEL JOBS":              (*killClient).cancelJobs,
	"COMMENT":                  (*killClient).comment,
	"SELECT":                   (*killClient).selectAll,
	"SUBSCRIBE":                (*killClient).subscribe,
	"CHECK":                    (*killClient).checkStatement,
	"BACKUP":                   (*killClient).backup,
}

// plan is the steps to a step of a kind; the last one is of it.
func (c *killClient) plan(kind string) []*killStep {
	c.planned, c.cur = nil, c.now
	killKinds[kind](c)
	if n := len(c.planned); n == 0 || c.planned[n-1].kind != kind {
		panic(fmt.Sprintf("no step is a %s: %v", kind, c.planned))
	}
	return c.planned
}

func (c *killClient) add(kind string, after *killState, sql ...string) *killStep {
	p := &killStep{kind: kind, sql: sql, after: after}
	c.planned, c.cur = append(c.planned, p), after
	return p
}

func (c *killClient) id() int { c.made++; return c.made }

// fresh is a relation of a new name, whose first letter says what it is to the oracle.
func (c *killClient) fresh(kind, letter string) *killRel {
	id := c.id()
	return &killRel{id: id, kind: kind, schema: "public", name: fmt.Sprintf("%s_%s%d", c.prefix, letter, id), bulk: -1, state: "RUNNING"}
}

func (c *killClient) letter(r *killRel) string { return r.name[len(c.prefix)+1:][:1] }

func (c *killClient) one(from []*killRel) *killRel { return from[c.IntN(len(from))] }

// some is one of the relations with a letter; make makes one when there is none.
func (c *killClient) some(letter string, make func(*killClient)) *killRel {
	of := func() []*killRel {
		return c.cur.list(func(r *killRel) bool { return c.letter(r) == letter && r.state == "RUNNING" })
	}
	if len(of()) == 0 {
		make(c)
	}
	return c.one(of())
}

func (c *killClient) table() *killRel     { return c.some("t", (*killClient).filledTable) }
func (c *killClient) aggregate() *killRel { return c.some("a", (*killClient).createAggregate) }

// room drops a relation of a letter when there are too many.
func (c *killClient) room(letter string, most int) {
	of := c.cur.list(func(r *killRel) bool { return c.letter(r) == letter })
	if len(of) >= most {
		c.dropOne(c.one(of), true)
	}
}

func (c *killClient) dropOne(r *killRel, cascade bool) {
	kind := "DROP " + strings.ToUpper(r.kind)
	sql := fmt.Sprintf("drop %s %s", r.kind, r.qualified())
	if cascade && r.kind != "index" && r.kind != "sink" {
		kind, sql = kind+" CASCADE", sql+" cascade"
	}
	after := c.cur.without(r.id)
	for _, target := range after.list(func(x *killRel) bool { return x.kind == "table" && x.query != "" }) {
		// The table stays when its sink goes, and nobody knows better what it holds.
		if len(after.list(func(x *killRel) bool { return x.kind == "sink" && slices.Contains(x.reads, target.id) })) == 0 {
			after = after.with(target, func(x *killRel) { x.query = "" })
		}
	}
	c.add(kind, after, sql)
}

func (c *killClient) row() killRow {
	return killRow{c.IntN(5), c.IntN(100), strings.Repeat(string(rune('a'+c.IntN(26))), c.IntN(12))}
}

// newRows are rows with keys that a table does not have.
func (c *killClient) newRows(t *killRel, n int) map[int]killRow {
	rows := map[int]killRow{}
	for k := 0; len(rows) < n; k++ {
		if _, there := t.rows[k]; !there {
			rows[k] = c.row()
		}
	}
	return rows
}

func added(rows map[int]killRow) func(t *killRel) {
	return func(t *killRel) { maps.Copy(t.rows, rows) }
}

func values(rows map[int]killRow) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(rows)) {
		out = append(out, fmt.Sprintf("(%d, %d, %d, '%s')", k, rows[k].g, rows[k].v, rows[k].s))
	}
	return strings.Join(out, ", ")
}

func (c *killClient) insert() {
	t := c.table()
	if len(t.rows) > 200 {
		t = c.empty(t)
	}
	rows := c.newRows(t, 1+c.IntN(8))
	c.add("INSERT", c.cur.with(t, added(rows)), fmt.Sprintf("insert into %s (k, g, v, s) values %s", t.qualified(), values(rows)))
}

func (c *killClient) upsert() {
	t := c.table()
	rows := map[int]killRow{}
	for range 4 {
		rows[c.IntN(20)] = c.row()
	}
	c.add("INSERT ON CONFLICT", c.cur.with(t, func(t *killRel) {
		for k, row := range rows {
			if old, there := t.rows[k]; there {
				row = killRow{old.g, old.v + row.v, row.s}
			}
			t.rows[k] = row
		}
	}), fmt.Sprintf("insert into %s (k, g, v, s) values %s on conflict (k) do update set v = %[3]s.v + excluded.v, s = excluded.s", t.qualified(), values(rows), t.name))
}

func (c *killClient) change(t *killRel) (string, *killState) {
	g, d := c.IntN(5), 1+c.IntN(9)
	return fmt.Sprintf("update %s set g = (g + 1) %% 5, v = v + %d where g >= %d", t.qualified(), d, g), c.cur.with(t, func(t *killRel) {
		for k, row := range t.rows {
			if row.g >= g {
				t.rows[k] = killRow{(row.g + 1) % 5, row.v + d, row.s}
			}
		}
	})
}

func (c *killClient) update() {
	sql, after := c.change(c.table())
	c.add("UPDATE", after, sql)
}

func (c *killClient) delete() {
	t := c.table()
	m := 2 + c.IntN(4)
	c.add("DELETE", c.cur.with(t, func(t *killRel) {
		maps.DeleteFunc(t.rows, func(k int, _ killRow) bool { return k%m == 0 })
	}), fmt.Sprintf("delete from %s where k %% %d = 0", t.qualified(), m))
}

func (c *killClient) truncate() { c.empty(c.table()) }

func (c *killClient) empty(t *killRel) *killRel {
	c.add("TRUNCATE", c.cur.with(t, func(t *killRel) { t.rows = map[int]killRow{} }), "truncate "+t.qualified())
	return c.cur.rels[t.id]
}

func (c *killClient) copy() {
	t := c.table()
	if len(t.rows) > 200 {
		t = c.empty(t)
	}
	rows := c.newRows(t, 50+c.IntN(100))
	var data strings.Builder
	for _, k := range slices.Sorted(maps.Keys(rows)) {
		fmt.Fprintf(&data, "%d\t%d\t%d\t%s\n", k, rows[k].g, rows[k].v, rows[k].s)
	}
	c.add("COPY", c.cur.with(t, added(rows)), fmt.Sprintf("copy %s (k, g, v, s) from stdin", t.qualified())).data = data.String()
}

// bulkRows times bulkWidth is more than passes through the log.
const bulkRows = 2200

// emptyBulk is a bulk table that is empty.
func (c *killClient) emptyBulk() *killRel {
	b := c.some("b", func(c *killClient) {
		r := c.fresh("table", "b")
		r.bulk = 0
		c.add("CREATE TABLE", c.cur.with(r, func(*killRel) {}), fmt.Sprintf("create table %s (k int primary key, s varchar)", r.name))
	})
	if b.bulk > 0 {
		for _, p := range c.cur.list(func(r *killRel) bool { return r.state == "CREATING" }) {
			c.dropOne(p, true) // with nothing to read it would be complete
		}
		c.add("DELETE", c.cur.with(b, func(b *killRel) { b.bulk = 0 }), "delete from "+b.qualified())
	}
	return c.cur.rels[b.id]
}

func (c *killClient) insertBulk() {
	b := c.emptyBulk()
	c.add("INSERT of 3 MB", c.cur.with(b, func(b *killRel) { b.bulk = bulkRows }),
		fmt.Sprintf("insert into %s select i, repeat('z', %d) from generate_series(1, %d) i", b.qualified(), bulkWidth, bulkRows))
}

func (c *killClient) copyBulk() {
	b := c.emptyBulk()
	var data strings.Builder
	for k := 1; k <= bulkRows; k++ {
		fmt.Fprintf(&data, "%d\t%s\n", k, strings.Repeat("y", bulkWidth))
	}
	c.add("COPY of 3 MB", c.cur.with(b, func(b *killRel) { b.bulk = bulkRows }), fmt.Sprintf("copy %s from stdin", b.qualified())).data = data.String()
}

// transaction changes two tables at once, or none after all.
func (c *killClient) transaction() {
	for len(c.cur.list(func(r *killRel) bool { return c.letter(r) == "t" })) < 2 {
		c.createTable()
	}
	before := c.cur
	sql := []string{"begin"}
	for _, t := range c.cur.list(func(r *killRel) bool { return c.letter(r) == "t" }) {
		s, after := c.change(c.cur.rels[t.id])
		c.cur = after
		rows := c.newRows(c.cur.rels[t.id], 3)
		sql = append(sql, s, fmt.Sprintf("insert into %s (k, g, v, s) values %s", t.qualified(), values(rows)))
		c.cur = c.cur.with(c.cur.rels[t.id], added(rows))
	}
	if c.IntN(5) == 0 {
		c.add("transaction", before, append(sql, "rollback")...)
	} else {
		c.add("transaction", c.cur, append(sql, "commit")...)
	}
}

func (c *killClient) selectAll() {
	t := c.table()
	want := c.cur.with(t, func(*killRel) {})
	c.add("SELECT", c.cur, "select count(*), coalesce(sum(v), 0) from "+t.qualified()).check = func(res [][]string) error {
		n, sum := 0, 0
		for _, row := range want.rels[t.id].rows {
			n, sum = n+1, sum+row.v
		}
		if got, want := res[0][0], fmt.Sprintf("%d|%d", n, sum); got != want {
			return fmt.Errorf("is %s, want %s", got, want)
		}
		return nil
	}
}

// subscribe reads the snapshot of a subscription, makes a change, and reads it too.
func (c *killClient) subscribe() {
	a := c.aggregate()
	c.add("SUBSCRIBE", c.cur, "begin", "declare c cursor for subscribe "+a.qualified(),
		"select * from "+a.qualified()+" order by g; fetch all c with (timeout = '20ms'); commit").check = func(res [][]string) error {
		var got []string
		for _, row := range res[1] {
			f := strings.SplitN(row, "|", 3)
			if f[1] != "1" {
				return fmt.Errorf("a snapshot has the row %s", row)
			}
			got = append(got, f[2])
		}
		slices.Sort(got)
		slices.Sort(res[0])
		if !slices.Equal(got, res[0]) {
			return fmt.Errorf("the snapshot is %v, the view %v", got, res[0])
		}
		return nil
	}
}

func (c *killClient) checkStatement() {
	a := c.aggregate()
	c.add("CHECK", c.cur, "check materialized view "+a.qualified()).check = func(res [][]string) error {
		if len(res[0]) > 0 {
			return fmt.Errorf("differs: %v", res[0])
		}
		return nil
	}
}

func (c *killClient) backup() {
	dir := filepath.Join(c.dir, fmt.Sprintf("%s_%d", c.prefix, c.id()))
	c.add("BACKUP", c.cur, fmt.Sprintf("backup to '%s'", dir)).dir = dir
}

func (c *killClient) alterSystem() {
	after := c.cur.clone()
	n := 1 + c.IntN(1000)
	after.setting = fmt.Sprintf("%dms", n)
	c.add("ALTER SYSTEM", after, fmt.Sprintf("alter system set %s = '%dms'", c.setting, n))
}
