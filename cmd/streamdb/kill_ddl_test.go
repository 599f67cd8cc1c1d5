package main

import (
	"fmt"
	"maps"
	"slices"
)

// This file has the steps of TestKill that change the catalog.

// born is what one client begins with: a table, and a view that fails when a
// divisor of it is zero.
func (c *killClient) born() []*killStep {
	c.planned, c.cur = nil, &killState{rels: map[int]*killRel{}}
	c.alterSystem()
	c.add("CREATE SCHEMA", c.cur, "create schema "+c.prefix+"s")
	f := c.fresh("table", "f")
	f.name, f.fixed = c.prefix+"_f", true
	c.add("CREATE TABLE", c.cur.with(f, func(*killRel) {}), fmt.Sprintf("create table %s (k int primary key, d int)", f.name))
	q := c.fresh("materialized view", "q")
	q.name, q.fixed, q.reads = c.prefix+"_q", true, []int{f.id}
	c.add("CREATE MATERIALIZED VIEW", c.cur.with(q, func(*killRel) {}), fmt.Sprintf("create materialized view %s as select k, 100 / d as q from %s", q.name, f.name))
	return c.planned
}

func (c *killClient) createTable() {
	c.room("t", 3)
	r := c.fresh("table", "t")
	r.rows = map[int]killRow{}
	c.add("CREATE TABLE", c.cur.with(r, func(*killRel) {}), fmt.Sprintf("create table %s (k int primary key, g int, v int, s varchar)", r.name))
}

// filledTable makes a table with some rows.
func (c *killClient) filledTable() {
	c.createTable()
	of := c.cur.list(func(r *killRel) bool { return c.letter(r) == "t" })
	t := of[len(of)-1]
	rows := c.newRows(t, 20)
	c.add("INSERT", c.cur.with(t, added(rows)), fmt.Sprintf("insert into %s (k, g, v, s) values %s", t.name, values(rows)))
}

func (c *killClient) createTableAs() {
	c.room("y", 2)
	t := c.table()
	r := c.fresh("table", "y")
	r.rows = maps.Clone(t.rows)
	c.add("CREATE TABLE AS", c.cur.with(r, func(*killRel) {}), fmt.Sprintf("create table %s as select k, g, v, s from %s", r.name, t.qualified()))
}

func (c *killClient) createPlainView() {
	c.room("w", 2)
	t := c.table()
	r := c.fresh("view", "w")
	r.query, r.reads = fmt.Sprintf("select k, v from {%d} where g < 3", t.id), []int{t.id}
	c.add("CREATE VIEW", c.cur.with(r, func(*killRel) {}), fmt.Sprintf("create view %s as %s", r.name, c.cur.sql(r.query)))
}

func (c *killClient) createAggregate() {
	c.room("a", 3)
	t := c.table()
	r := c.fresh("materialized view", "a")
	r.query, r.reads, r.instances = fmt.Sprintf("select g, count(*) as n, sum(v) as total, max(s) as hi from {%d} group by g", t.id), []int{t.id}, 2
	c.add("CREATE MATERIALIZED VIEW", c.cur.with(r, func(*killRel) {}), fmt.Sprintf("create materialized view %s as %s", r.name, c.cur.sql(r.query)))
}

// killQueries are queries of views over a table A, another one B and an aggregate C.
var killQueries = []string{
	"select a.k, a.v, b.v as w from A a join B b on a.g = b.g where a.k < 20 and b.k < 20",
	"select a.k, a.g, b.k as bk, b.s from A a left join B b on a.k = b.k",
	"select distinct g, v % 3 as m from A",
	"select k, v from A order by v desc, k limit 7",
	"select k, g, v, row_number() over (partition by g order by v, k) as r from A",
	"select k, g from A union all select k, g from B",
	"select count(*) as n, sum(total) as total, max(hi) as hi from C",
	"select C.g, C.n, a.k from C join A a on a.g = C.g where a.k < 10",
}

func (c *killClient) createView() {
	c.room("v", 3)
	if c.IntN(4) == 0 {
		c.createAggregate()
		return
	}
	a, b, agg := c.table(), c.table(), c.aggregate()
	r := c.fresh("materialized view", "v")
	r.query = killQueries[c.IntN(len(killQueries))]
	for name, of := range map[byte]*killRel{'A': a, 'B': b, 'C': agg} {
		var out []byte
		used := false
		for _, x := range []byte(r.query) {
			if x != name {
				out = append(out, x)
				continue
			}
			used = true
			out = fmt.Appendf(out, "{%d}", of.id)
		}
		if r.query = string(out); used && !slices.Contains(r.reads, of.id) {
			r.reads = append(r.reads, of.id)
		}
	}
	c.add("CREATE MATERIALIZED VIEW", c.cur.with(r, func(*killRel) {}), fmt.Sprintf("create materialized view %s as %s", r.name, c.cur.sql(r.query)))
}

func (c *killClient) createIndex() {
	c.room("i", 2)
	t := c.table()
	r := c.fresh("index", "i")
	r.reads, r.schema = []int{t.id}, t.schema
	c.add("CREATE INDEX", c.cur.with(r, func(*killRel) {}), fmt.Sprintf("create index %s on %s (g)", r.name, t.qualified()))
}

func (c *killClient) createSink() {
	c.room("k", 2)
	c.room("z", 3)
	t := c.table()
	z := c.fresh("table", "z")
	c.add("CREATE TABLE", c.cur.with(z, func(*killRel) {}), fmt.Sprintf("create table %s (g int primary key, n bigint, total bigint)", z.name))
	k := c.fresh("sink", "k")
	k.reads = []int{t.id, z.id}
	query := fmt.Sprintf("select g, count(*) as n, sum(v) as total from {%d} group by g", t.id)
	after := c.cur.with(k, func(*killRel) {})
	c.add("CREATE SINK", after.with(z, func(z *killRel) { z.query = query }), fmt.Sprintf("create sink %s into %s as %s", k.name, z.qualified(), c.cur.sql(query)))
}

func (c *killClient) createSource() {
	c.room("o", 2)
	o := c.fresh("source", "o")
	c.add("CREATE SOURCE", c.cur.with(o, func(*killRel) {}), fmt.Sprintf(`create source %s (id int) with (connector = 'datagen', fields.id.kind = 'sequence',
		fields.id.start = '1', fields.id.end = '100000', datagen.rows.per.second = '5000')`, o.name))
}

// viewOfSource is a view over a source; what it must be the oracle knows.
func (c *killClient) viewOfSource() {
	o := c.some("o", (*killClient).createSource)
	r := c.fresh("materialized view", "n")
	r.reads = []int{o.id}
	c.add("CREATE MATERIALIZED VIEW", c.cur.with(r, func(*killRel) {}), fmt.Sprintf("create materialized view %s as select count(*) as n, sum(id) as s, max(id) as hi from %s", r.name, o.qualified()))
}

// full is a bulk table with rows.
func (c *killClient) full() *killRel {
	full := func() []*killRel { return c.cur.list(func(r *killRel) bool { return r.bulk > 0 }) }
	if len(full()) == 0 {
		c.insertBulk()
	}
	return full()[0]
}

func (c *killClient) slowView() (*killRel, string) {
	c.room("m", 2)
	b := c.full()
	r := c.fresh("materialized view", "m")
	r.query, r.reads = fmt.Sprintf("select k %% 100 as g, count(*) as n, sum(length(s)) as l from {%d} group by k %% 100", b.id), []int{b.id}
	return r, fmt.Sprintf("create materialized view %s as %s", r.name, c.cur.sql(r.query))
}

func (c *killClient) backfill() {
	r, sql := c.slowView()
	c.add("backfill", c.cur.with(r, func(*killRel) {}), sql)
}

func (c *killClient) background() {
	r, sql := c.slowView()
	c.add("background backfill", c.cur.with(r, func(*killRel) {}), "set background_ddl = on", sql, awaitJob+r.name, "set background_ddl = off")
}

// paused is a view whose backfill is held up.
func (c *killClient) paused() *killRel {
	of := c.cur.list(func(r *killRel) bool { return r.state == "CREATING" })
	if len(of) > 0 {
		return of[0]
	}
	c.room("p", 2)
	b := c.full()
	r := c.fresh("materialized view", "p")
	r.query, r.reads = fmt.Sprintf("select k %% 7 as g, count(*) as n from {%d} group by k %% 7", b.id), []int{b.id}
	r.state, r.limit = "CREATING", "0"
	c.add("background backfill", c.cur.with(r, func(*killRel) {}), "set background_ddl = on", "set backfill_rate_limit = 0",
		fmt.Sprintf("create materialized view %s as %s", r.name, c.cur.sql(r.query)), "set backfill_rate_limit = default", "set background_ddl = off")
	return r
}

func (c *killClient) rateLimit() {
	r := c.paused()
	alter := func(limit string, change func(r *killRel)) {
		c.add("ALTER RATE LIMIT", c.cur.with(c.cur.rels[r.id], change), fmt.Sprintf("alter materialized view %s set backfill_rate_limit = %s", r.qualified(), limit))
	}
	switch r := c.cur.rels[r.id]; {
	case c.IntN(3) == 0: // it goes on to its end
		alter("default", func(r *killRel) { r.state, r.limit = "RUNNING", "" })
		p := c.planned[len(c.planned)-1]
		p.sql = append(p.sql, awaitJob+r.name)
	case r.limit == "0":
		alter("1", func(r *killRel) { r.limit = "1" })
	default:
		alter("0", func(r *killRel) { r.limit = "0" })
	}
}

func (c *killClient) cancelJobs() {
	r := c.paused()
	c.add("CANCEL JOBS", c.cur.without(r.id), cancelJob+r.name)
}

// drop drops a relation of a kind, made before if there is none.
func (c *killClient) drop(kind string, cascade bool) {
	make := map[string]func(*killClient){"table": (*killClient).filledTable, "materialized view": (*killClient).createView,
		"index": (*killClient).createIndex, "sink": (*killClient).createSink, "source": (*killClient).viewOfSource}[kind]
	of := func() []*killRel {
		return c.cur.list(func(r *killRel) bool { return r.kind == kind && !r.fixed && (cascade || !c.cur.read(r.id)) })
	}
	if len(of()) == 0 || kind == "source" {
		make(c)
	}
	r := c.one(of())
	c.dropOne(r, cascade)
}

// named are the relations that get new names and schemas.
func (c *killClient) named(kinds ...string) []*killRel {
	return c.cur.list(func(r *killRel) bool { return !r.fixed && r.state == "RUNNING" && slices.Contains(kinds, r.kind) })
}

func (c *killClient) rename() {
	c.table()
	r := c.one(c.named("table", "materialized view", "index", "sink", "source", "view"))
	name := fmt.Sprintf("%s_%s%d", c.prefix, c.letter(r), c.id())
	c.add("ALTER RENAME", c.cur.with(r, func(r *killRel) { r.name = name }), fmt.Sprintf("alter %s %s rename to %s", r.kind, r.qualified(), name))
}

func (c *killClient) setSchema() {
	c.table()
	r := c.one(c.named("table", "materialized view", "sink", "source", "view"))
	schema := c.prefix + "s"
	if r.schema == schema {
		schema = "public"
	}
	after := c.cur.with(r, func(r *killRel) { r.schema = schema })
	for _, i := range after.list(func(i *killRel) bool { return i.kind == "index" && slices.Contains(i.reads, r.id) }) {
		after = after.with(i, func(i *killRel) { i.schema = schema }) // indexes go along
	}
	c.add("ALTER SET SCHEMA", after, fmt.Sprintf("alter %s %s set schema %s", r.kind, r.qualified(), schema))
}

func (c *killClient) addColumn() {
	t := c.table()
	if len(t.extra) > 3 {
		c.removeColumn(t)
		t = c.cur.rels[t.id]
	}
	col := killCol{fmt.Sprintf("x%d", c.id()), c.IntN(100)}
	c.add("ALTER ADD COLUMN", c.cur.with(t, func(t *killRel) { t.extra = append(slices.Clone(t.extra), col) }),
		fmt.Sprintf("alter table %s add column %s int default %d", t.qualified(), col.name, col.def))
}

// widened is a table with an added column.
func (c *killClient) widened() *killRel {
	t := c.table()
	if len(t.extra) == 0 {
		col := killCol{fmt.Sprintf("x%d", c.id()), c.IntN(100)}
		c.add("ALTER ADD COLUMN", c.cur.with(t, func(t *killRel) { t.extra = []killCol{col} }),
			fmt.Sprintf("alter table %s add column %s int default %d", t.qualified(), col.name, col.def))
	}
	return c.cur.rels[t.id]
}

func (c *killClient) removeColumn(t *killRel) {
	i := c.IntN(len(t.extra))
	c.add("ALTER DROP COLUMN", c.cur.with(t, func(t *killRel) { t.extra = slices.Delete(slices.Clone(t.extra), i, i+1) }),
		fmt.Sprintf("alter table %s drop column %s", t.qualified(), t.extra[i].name))
}

func (c *killClient) dropColumn() { c.removeColumn(c.widened()) }

func (c *killClient) renameColumn() {
	t := c.widened()
	i, name := c.IntN(len(t.extra)), fmt.Sprintf("x%d", c.id())
	c.add("ALTER RENAME COLUMN", c.cur.with(t, func(t *killRel) {
		t.extra = slices.Clone(t.extra)
		t.extra[i].name = name
	}), fmt.Sprintf("alter table %s rename column %s to %s", t.qualified(), t.extra[i].name, name))
}

func (c *killClient) parallelism() {
	a := c.aggregate()
	n := 1 + c.IntN(4)
	if n >= a.instances {
		n++
	}
	c.add("ALTER PARALLELISM", c.cur.with(a, func(a *killRel) { a.instances = n }), fmt.Sprintf("alter materialized view %s set parallelism = %d", a.qualified(), n))
}

// swap exchanges the names of two views, or of two tables.
func (c *killClient) swap() {
	letter := "t"
	if c.IntN(2) == 0 {
		letter = "a"
	}
	of := func() []*killRel { return c.cur.list(func(r *killRel) bool { return c.letter(r) == letter }) }
	for len(of()) < 2 {
		if letter == "t" {
			c.filledTable()
		} else {
			c.createAggregate()
		}
	}
	x, y := of()[0], of()[1]
	after := c.cur.with(x, func(r *killRel) { r.schema, r.name = y.schema, y.name })
	after = after.with(y, func(r *killRel) { r.schema, r.name = x.schema, x.name })
	for _, i := range after.list(func(i *killRel) bool { return i.kind == "index" && len(i.reads) > 0 }) {
		after = after.with(i, func(i *killRel) { i.schema = after.rels[i.reads[0]].schema })
	}
	c.add("ALTER SWAP", after, fmt.Sprintf("alter %s %s swap with %s", x.kind, x.qualified(), y.qualified()))
}

// resume makes a view fail, takes the cause away, and resumes it.
func (c *killClient) resume() {
	fixed := c.cur.list(func(r *killRel) bool { return r.fixed })
	f, q := fixed[0], fixed[1]
	if q.state == "RUNNING" {
		c.add("INSERT", c.cur.with(q, func(q *killRel) { q.state = "FAILED" }), fmt.Sprintf("insert into %s values (1, 0) on conflict (k) do update set d = 0", f.name))
	}
	c.add("UPDATE", c.cur, fmt.Sprintf("update %s set d = 4", f.name))
	c.add("ALTER RESUME", c.cur.with(q, func(q *killRel) { q.state = "RUNNING" }), fmt.Sprintf("alter materialized view %s resume", q.name))
}

func (c *killClient) comment() {
	t := c.table()
	text := fmt.Sprintf("text %d", c.id())
	c.add("COMMENT", c.cur.with(t, func(t *killRel) { t.comment = text }), fmt.Sprintf("comment on table %s is '%s'", t.qualified(), text))
}
