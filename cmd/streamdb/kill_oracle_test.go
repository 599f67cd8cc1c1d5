package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// killPatience is how long the oracle waits for what has to come by itself.
const killPatience = 60 * time.Second

// settled waits until every job that a kill interrupted has gone on to its end:
// views of the client are complete, unless their backfill is paused.
func settled(ctx context.Context, c *pgconn.PgConn, prefix string) error {
	for deadline := time.Now().Add(killPatience); ; time.Sleep(2 * time.Millisecond) {
		res, err := script(ctx, c, fmt.Sprintf(`select j.name, j.state from streamdb.jobs j where j.name like '%[1]s\_%%'
				and j.state not in ('RUNNING', 'FAILED') and j.name not in (select name from streamdb.backfill_progress where rate_limit in (0, 1));
			select count(*) from %[1]s_f where d = 0;
			select count(*) from streamdb.jobs where name = '%[1]s_q' and state = 'FAILED'`, prefix))
		if err != nil {
			return err
		}
		poisoned, failed := res[1][0] != "0", res[2][0] != "0"
		if len(res[0]) == 0 && (!poisoned || failed) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("after %v: jobs %v, divisor of zero: %v, its view has failed: %v", killPatience, res[0], poisoned, failed)
		}
	}
}

// observe is what the database has of a client, as killState.text would say it.
func observe(ctx context.Context, c *pgconn.PgConn, prefix, setting string) (string, error) {
	res, err := script(ctx, c, fmt.Sprintf(`select n.nspname || '.' || c.relname, c.relkind, coalesce(j.state, ''), coalesce(obj_description(c.oid), '')
			from pg_class c join pg_namespace n on n.oid = c.relnamespace left join streamdb.jobs j on j.schema = n.nspname and j.name = c.relname
			where c.relname like '%[1]s\_%%' and c.relname not like '%%\_pkey';
		select table_schema || '.' || table_name, string_agg(column_name, ' ' order by ordinal_position) from information_schema.columns
			where table_name like '%[1]s\_t%%' or table_name like '%[1]s\_y%%' group by table_schema, table_name;
		select j.schema || '.' || p.name, p.rate_limit from streamdb.backfill_progress p join streamdb.jobs j on j.name = p.name where p.name like '%[1]s\_p%%';
		select j.schema || '.' || j.name, count(distinct t.instance) from streamdb.jobs j join streamdb.tasks t on t.job = j.id
			where j.name like '%[1]s\_a%%' group by j.schema, j.name;
		show %[2]s`, prefix, setting))
	if err != nil {
		return "", err
	}
	seen := map[string]*killSeen{}
	for _, row := range res[0] {
		f := strings.SplitN(row, "|", 4)
		if f[2] == "" && (f[1] == "v" || f[1] == "f") {
			f[2] = "RUNNING" // has no job
		}
		seen[f[0]] = &killSeen{relkind: f[1], state: f[2], comment: f[3]}
	}
	for i, set := range []func(x *killSeen, value string){
		func(x *killSeen, value string) { x.cols = value },
		func(x *killSeen, value string) { x.limit = value },
		func(x *killSeen, value string) { x.instances, _ = strconv.Atoi(value) },
	} {
		for _, row := range res[1+i] {
			name, value, _ := strings.Cut(row, "|")
			if seen[name] != nil {
				set(seen[name], value)
			}
		}
	}
	texts := map[string]string{}
	for name, x := range seen {
		short := name[strings.Index(name, ".")+1+len(prefix)+1:]
		query := "select * from " + name
		switch {
		case short[0] == 'b': // bulk
			query = "select count(*), coalesce(sum(k), 0), coalesce(sum(length(s)), 0) from " + name
		case short[0] != 't' && short[0] != 'y':
			query = ""
		}
		if query != "" {
			rows, err := script(ctx, c, query)
			if err != nil {
				return "", err
			}
			x.rows = rows[0]
		}
		texts[name] = x.text(name)
	}
	return killText(texts, res[4][0]), nil
}

// match decides in which state a client's part of the database is after a kill:
// that before the statement that was under way, or that after it.
func (c *killClient) match(ctx context.Context) error {
	if err := settled(ctx, c.conn.PgConn(), c.prefix); err != nil {
		return err
	}
	got, err := observe(ctx, c.conn.PgConn(), c.prefix, c.setting)
	if err != nil {
		return err
	}
	switch {
	case got == c.now.text():
		if c.flight != nil && got == c.flight.after.text() {
			c.perhaps = c.flight.after // views that swapped names, say
		}
	case c.flight != nil && got == c.flight.after.text():
		c.now = c.flight.after
	case c.flight != nil:
		return fmt.Errorf("after a kill during\n%s\nthere is neither all nor nothing of it; beside what was before\n%s\nbeside what should be after it\n%s", c.flight, unlike(got, c.now.text()), unlike(got, c.flight.after.text()))
	default:
		return fmt.Errorf("after a kill, of what was acknowledged, the last by %s\n%s", c.last, unlike(got, c.now.text()))
	}
	if c.flight != nil {
		c.did = append(c.did, "and in flight "+c.flight.String())
	}
	c.flight = nil
	return nil
}

// unlike is what two texts of states differ in, with the relation that it is of.
func unlike(got, want string) string {
	parts := func(text string) map[string]string {
		out, name := map[string]string{}, ""
		for line := range strings.Lines(text) {
			if strings.Contains(line, " comment=") {
				name, _, _ = strings.Cut(line, " ")
			}
			out[name] += line
		}
		return out
	}
	there, wanted := parts(got), parts(want)
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if there[name] != wanted[name] {
			fmt.Fprintf(&b, "%s is\n%swant\n%s", name, there[name], wanted[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(there)) {
		if wanted[name] == "" {
			fmt.Fprintf(&b, "%s should not be\n", name)
		}
	}
	return b.String()
}

// verify holds what there is against what it stands for. Where the states before and
// after the statement that was under way look the same one of them has to be right.
func (c *killClient) verify(ctx context.Context, rng *rand.Rand) error {
	err := c.holds(ctx, rng)
	if err != nil && c.perhaps != nil {
		c.now = c.perhaps
		err = c.holds(ctx, rng)
	}
	c.perhaps = nil
	return err
}

// holds compares views with their queries in one snapshot, some of them with CHECK
// too, or by a subscription.
func (c *killClient) holds(ctx context.Context, rng *rand.Rand) error {
	conn := c.conn.PgConn()
	for _, r := range c.now.list(func(r *killRel) bool { return r.query != "" && r.state == "RUNNING" }) {
		res, err := script(ctx, conn, fmt.Sprintf("begin; select * from %s; %s; commit", r.qualified(), c.now.sql(r.query)))
		if err != nil {
			return err
		}
		slices.Sort(res[1])
		slices.Sort(res[2])
		if !slices.Equal(res[1], res[2]) {
			return fmt.Errorf("%s holds\n%s\nand its query %s gives\n%s", r.qualified(), strings.Join(res[1], "\n"), r.query, strings.Join(res[2], "\n"))
		}
	}
	for _, r := range c.now.list(func(r *killRel) bool {
		return r.kind == "materialized view" && r.query == "" && r.state == "RUNNING" && !r.fixed
	}) {
		// Over a source: a sequence from 1 on.
		res, err := script(ctx, conn, "select n, s, hi from "+r.qualified())
		if err != nil {
			return err
		}
		var n, s, hi int
		if fmt.Sscanf(strings.ReplaceAll(res[0][0], "|", " "), "%d %d %d", &n, &s, &hi); n > 0 && (hi != n || s != n*(n+1)/2) {
			return fmt.Errorf("%s over a sequence: %s", r.qualified(), res[0][0])
		}
	}
	for _, what := range []func(r *killRel) string{
		func(r *killRel) string {
			if r.kind == "materialized view" && r.query != "" && r.state == "RUNNING" {
				return "check materialized view " + r.qualified()
			}
			return ""
		},
		func(r *killRel) string {
			if r.kind == "table" {
				return "check table " + r.qualified()
			}
			return ""
		},
	} {
		var sql []string
		for _, r := range c.now.list(nil) {
			if s := what(r); s != "" {
				sql = append(sql, s)
			}
		}
		if len(sql) == 0 {
			continue
		}
		if err := c.checked(ctx, sql[rng.IntN(len(sql))]); err != nil {
			return err
		}
	}
	return nil
}

// checked runs CHECK, which must find nothing.
func (c *killClient) checked(ctx context.Context, sql string) error {
	res, err := script(ctx, c.conn.PgConn(), sql)
	if err != nil {
		return err
	}
	for _, row := range res[0] {
		if strings.HasPrefix(sql, "check materialized") || !strings.HasSuffix(row, "|") {
			return fmt.Errorf("%s: %s", sql, row)
		}
	}
	return nil
}

// lost reports whether an error is that of a connection whose server is gone.
func lost(err error) bool {
	var answer *pgconn.PgError
	return err != nil && !errors.As(err, &answer)
}
