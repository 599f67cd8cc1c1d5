package sim

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// step is what a client does before it is told that something is done: a
// statement, or a transaction.
type step struct {
	sql   []string
	after *state // what the client's tables and objects are then
}

// schedule is what a seed makes: the steps of each client.
type schedule struct {
	seed    uint64
	setup   []string // sources, made by the first client before its steps
	clients [][]step
}

// String is the schedule as a script.
func (s *schedule) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "-- seed %d\n%s;\n", s.seed, strings.Join(s.setup, ";\n"))
	for c, steps := range s.clients {
		fmt.Fprintf(&b, "-- client %d\n", c)
		for i, st := range steps {
			fmt.Fprintf(&b, "-- %d\n%s;\n", i+1, strings.Join(st.sql, ";\n"))
		}
	}
	return b.String()
}

const (
	clients    = 2
	seqRows    = 4000 // of the sequence
	seqSplits  = 2
	lineWidth  = 8 // of the file's lines, with the line break
	fileLines  = 1500
	bidEvents  = 6000
	tableCount = 2              // of a client
	tableSteps = 2 * tableCount // the first steps of each client, which make them
)

// newSchedule makes the schedule of a seed: n steps for each client after its tables.
func newSchedule(seed uint64, n int, file string) *schedule {
	s := &schedule{seed: seed, setup: []string{
		fmt.Sprintf(`create source seq (id int, x int) with (connector = 'datagen', fields.id.kind = 'sequence', fields.id.start = '0',
			fields.id.end = '%d', datagen.rows.per.second = '800', datagen.split.num = '%d')`, seqRows-1, seqSplits),
		fmt.Sprintf(`create source lines (n int) with (connector = 'file', path = '%s') format plain encode csv`, file),
		fmt.Sprintf(`create source bid with (connector = 'nexmark', nexmark.table.type = 'Bid', nexmark.event.num = '%d',
			nexmark.min.event.gap.in.ns = '1000000')`, bidEvents),
	}}
	for c := range clients {
		g := &generator{Rand: rand.New(rand.NewPCG(seed, uint64(c))), client: c, now: &state{map[string]table{}, map[string]object{}}}
		for i := range tableCount {
			g.table(i)
		}
		for range n {
			g.step()
		}
		s.clients = append(s.clients, g.steps)
	}
	return s
}

// generator makes the steps of one client.
type generator struct {
	*rand.Rand
	client int
	made   int // names given out
	now    *state
	steps  []step
}

func (g *generator) add(after *state, sql ...string) {
	g.steps = append(g.steps, step{sql, after})
	g.now = after
}

func (g *generator) name(what string) string {
	g.made++
	return fmt.Sprintf("c%d_%s%d", g.client, what, g.made)
}

func (g *generator) tableName(i int) string { return fmt.Sprintf("c%d_t%d", g.client, i) }

func (g *generator) table(i int) {
	after := g.now.clone()
	name := g.tableName(i)
	after.tables[name] = table{}
	g.add(after, fmt.Sprintf("create table %s (k int primary key, g int, v int, s text)", name))
	sql, after := g.insert(name, 4)
	g.add(after, sql)
}

// step makes the next step.
func (g *generator) step() {
	switch n := g.IntN(20); {
	case n < 9:
		sql, after := g.change(g.now)
		g.add(after, sql)
	case n < 11:
		g.transaction()
	case n < 15:
		g.view()
	case n < 17:
		g.sink()
	case n < 18:
		name := g.name("i")
		t := g.tableName(g.IntN(tableCount))
		after := g.now.clone()
		after.objects[name] = object{kind: kindIndex, name: name}
		g.add(after, fmt.Sprintf("create index %s on %s (g)", name, t))
	case n < 19:
		g.drop()
	default:
		g.rescale()
	}
}

// change is a random DML statement.
func (g *generator) change(from *state) (string, *state) {
	name := g.tableName(g.IntN(tableCount))
	saved := g.now
	g.now = from
	defer func() { g.now = saved }()
	t := from.tables[name]
	if len(t) == 0 || g.IntN(3) == 0 {
		if g.IntN(5) == 0 {
			return g.bulk(name)
		}
		return g.insert(name, 1+g.IntN(6))
	}
	m, r, d := 2+g.IntN(4), g.IntN(2), 1+g.IntN(9)
	switch g.IntN(4) {
	case 0:
		return fmt.Sprintf("delete from %s where k %% %d = %d", name, m+2, r), from.with(name, func(t table) {
			maps.DeleteFunc(t, func(k int, _ row) bool { return k%(m+2) == r })
		})
	case 1:
		return fmt.Sprintf("update %s set g = g + 1, v = v - %d where k %% %d = %d", name, d, m, r), from.with(name, func(t table) {
			for k, x := range t {
				if k%m == r {
					t[k] = row{x.g + 1, x.v - d, x.s}
				}
			}
		})
	case 2:
		k := g.IntN(60)
		return fmt.Sprintf("insert into %s values (%d, %d, %d, 'up') on conflict (k) do update set v = %[1]s.v + %[4]d, s = excluded.s", name, k, m, d),
			from.with(name, func(t table) {
				x, there := t[k]
				if there {
					t[k] = row{x.g, x.v + d, "up"}
				} else {
					t[k] = row{m, d, "up"}
				}
			})
	}
	return fmt.Sprintf("update %s set v = v + %d where g = %d", name, d, m), from.with(name, func(t table) {
		for k, x := range t {
			if x.g == m {
				t[k] = row{x.g, x.v + d, x.s}
			}
		}
	})
}

// insert adds rows with new keys.
func (g *generator) insert(name string, n int) (string, *state) {
	var values []string
	after := g.now.with(name, func(t table) {
		for range n {
			k := g.IntN(60)
			if _, there := t[k]; there {
				continue
			}
			x := row{g.IntN(5), g.IntN(100), strings.Repeat(string(rune('a'+g.IntN(26))), g.IntN(12))}
			t[k] = x
			values = append(values, fmt.Sprintf("(%d, %d, %d, '%s')", k, x.g, x.v, x.s))
		}
	})
	if len(values) == 0 {
		return fmt.Sprintf("delete from %s where k < 0", name), g.now
	}
	return fmt.Sprintf("insert into %s values %s", name, strings.Join(values, ", ")), after
}

// bulk writes enough to pass by the log: see storage.Options.IngestBytes.
func (g *generator) bulk(name string) (string, *state) {
	n := 100 + g.IntN(100)
	return fmt.Sprintf("insert into %s select 100 + i, i %% 5, i, repeat('z', 40 + i %% 50) from generate_series(1, %d) i on conflict (k) do nothing", name, n),
		g.now.with(name, func(t table) {
			for i := 1; i <= n; i++ {
				if _, there := t[100+i]; !there {
					t[100+i] = row{i % 5, i, strings.Repeat("z", 40+i%50)}
				}
			}
		})
}

// transaction is several changes at once, or none after all.
func (g *generator) transaction() {
	sql, now := []string{"begin"}, g.now
	for range 2 + g.IntN(3) {
		s, after := g.change(now)
		sql, now = append(sql, s), after
	}
	if g.IntN(4) == 0 {
		g.add(g.now, append(sql, "rollback")...)
		return
	}
	g.add(now, append(sql, "commit")...)
}

// views are the queries of views over a table A, another one B of any client, or
// a view V with the columns g, n, s.
var views = []string{
	"select g, count(*) as n, sum(v) as s, min(v) as lo, max(s) as hi from A group by g",
	"select a.k, a.v, b.v as w from A a join B b on a.g = b.g and a.k <> b.k where b.k < 100",
	"select a.k, a.g, b.k as bk, b.s from A a left join B b on a.k = b.k",
	"select distinct g, v % 3 as m from A",
	"select k, v from A order by v desc, k limit 7",
	"select k, g, v, row_number() over (partition by g order by v, k) as r, sum(v) over (partition by g order by k) as t from A",
	"select g, count(distinct v) as n, sum(k) as s from A group by g",
	"select k, g from A union all select k, g from B",
	"select k, v from A where not exists (select 1 from B where B.k = A.k and B.g = A.g)",
	"select k, v from A where v > (select avg(v) from B)",
	"select g, n, s from (select g, v as n, k as s, row_number() over (partition by g order by v desc, k) as r from A) x where r <= 2",
	"select count(*) as n, sum(s) as s, max(g) as g from V",
	"select V.g, V.n, a.k from V join A a on a.g = V.g where a.k < 30",
	"select a.g, max(b.v) as n, sum(a.v + b.v) as s from A a join B b on a.k = b.k group by a.g",
}

// sourceViews are those over sources; what they must be is in check.go.
var sourceViews = []string{
	"select count(*) as n, sum(id) as s, count(distinct id) as d, max(id) as hi from seq",
	"select n, count(*) as c from lines group by n",
	"select auction, bidder, price, date_time from bid",
}

// query is a view's query over what there is, and what it reads.
func (g *generator) query() (sql string, reads []string) {
	var from []object // views that can stand for V
	for _, name := range slices.Sorted(maps.Keys(g.now.objects)) {
		o := g.now.objects[name]
		if o.kind == kindView && strings.HasPrefix(o.query, "select g,") && strings.Contains(o.query, "as n,") && !strings.Contains(o.query, "row_number") {
			from = append(from, o)
		}
	}
	for {
		sql = views[g.IntN(len(views))]
		if !strings.Contains(sql, "V") || len(from) > 0 {
			break
		}
	}
	if strings.Contains(sql, "V") {
		v := from[g.IntN(len(from))]
		reads = []string{v.name}
		sql = strings.ReplaceAll(sql, "V", v.name)
	}
	a := g.IntN(tableCount)
	b := g.tableName((a + 1) % tableCount)
	if g.IntN(2) == 0 { // of another client, who writes at the same time
		b = fmt.Sprintf("c%d_t%d", (g.client+1)%clients, g.IntN(tableCount))
	}
	return strings.ReplaceAll(strings.ReplaceAll(sql, "A", g.tableName(a)), "B", b), reads
}

func (g *generator) view() {
	name := g.name("v")
	after := g.now.clone()
	o := object{kind: kindView, name: name}
	if g.IntN(3) == 0 {
		o.query = sourceViews[g.IntN(len(sourceViews))]
	} else {
		o.query, o.reads = g.query()
	}
	after.objects[name] = o
	g.add(after, fmt.Sprintf("create materialized view %s as %s", name, o.query))
}

// sink makes a sink into the ledger, or into a table of its own.
func (g *generator) sink() {
	name := g.name("k")
	if g.IntN(2) == 0 {
		after := g.now.clone()
		o := object{kind: kindSink, name: name}
		o.query, o.reads = g.query()
		after.objects[name] = o
		g.add(after, fmt.Sprintf("create sink %s as %s with (connector = 'ledger')", name, o.query))
		return
	}
	target := g.name("z")
	after := g.now.clone()
	query := fmt.Sprintf("select g, count(*) as n, sum(v) as s from %s group by g", g.tableName(g.IntN(tableCount)))
	after.objects[target] = object{kind: kindTable, name: target}
	g.add(after, fmt.Sprintf("create table %s (g int primary key, n bigint, s bigint)", target))
	after = g.now.clone()
	after.objects[target] = object{kind: kindTable, name: target, query: query}
	after.objects[name] = object{kind: kindInto, name: name, reads: []string{target}}
	g.add(after, fmt.Sprintf("create sink %s into %s as %s", name, target, query))
}

func (g *generator) drop() {
	can := g.now.unread()
	if len(can) == 0 {
		g.view()
		return
	}
	o := can[g.IntN(len(can))]
	after := g.now.clone()
	delete(after.objects, o.name)
	what := string(o.kind)
	if o.kind == kindInto {
		what = "sink"
		t := after.objects[o.reads[0]]
		t.query = "" // it stays as it is
		after.objects[t.name] = t
	}
	g.add(after, "drop "+what+" "+o.name)
}

// rescale changes how many instances a job has.
func (g *generator) rescale() {
	var of []object
	for _, name := range slices.Sorted(maps.Keys(g.now.objects)) {
		if o := g.now.objects[name]; o.kind == kindView {
			of = append(of, o)
		}
	}
	if len(of) == 0 {
		g.transaction()
		return
	}
	g.add(g.now, fmt.Sprintf("alter materialized view %s set parallelism = %d", of[g.IntN(len(of))].name, 1+g.IntN(3)))
}
