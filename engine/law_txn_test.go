package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Transactions, statement by statement: what each tells the client is compared
// with Postgres, the rows of RETURNING and of queries over the transaction's own
// writes too. After an error only ROLLBACK TO goes on.

// lawItem is a statement of a transaction.
type lawItem struct {
	sql      string
	copied   []string // with COPY FROM STDIN: the lines
	extended bool     // by the extended protocol
	query    bool     // it changes nothing
}

// lawTxn is a transaction.
type lawTxn struct{ items []lawItem }

func (a *lawTxn) String() string {
	var b strings.Builder
	for i, it := range a.items {
		if i > 0 {
			b.WriteString(";\n")
		}
		b.WriteString(it.sql)
		if it.copied != nil {
			b.WriteString(";\n" + strings.Join(it.copied, "\n") + "\n\\.\n--")
		}
	}
	return b.String()
}

func (a *lawTxn) do(ctx context.Context, r *lawRunner) error {
	ctx, cancel := context.WithTimeout(ctx, lawTimeout)
	defer cancel()
	failed := false
	for _, it := range a.items {
		got := lawTell(ctx, r.conn, it, it.sql)
		switch {
		case ctx.Err() != nil:
			return errLawSlow
		case got.code == "gone" || strings.HasPrefix(got.code, "XX"):
			return r.differs("", "internal error", "%s: %s", got.message, it.sql)
		case got.code == "0A000" && !failed:
			r.refused.add(got.code+" "+got.message, it.sql)
		}
		if r.pg == nil {
			continue
		}
		want, can := lawTellPostgres(ctx, r.pg, it, got)
		if ctx.Err() != nil {
			return errLawSlow
		}
		if failed = got.code != ""; !can {
			r.refused.add("Postgres: "+want.message, it.sql)
			continue
		}
		if lawPostgresCannot(want) {
			return errLawPostgres
		}
		if !lawSameCode(got.code, want.code) || got.tags != want.tags {
			return r.differs("", "statement", "%s: %s %s %s, in Postgres %s %s %s", it.sql, got.tags, got.code, got.message, want.tags, want.code, want.message)
		}
		for i, res := range got.results {
			if is, ought := lawRows(res, true), lawRows(want.results[i], true); !slices.Equal(is, ought) {
				return r.differs("", "statement", "%s:\n%s", it.sql, lawDiff(is, ought, "streamdb", "Postgres"))
			}
		}
	}
	for _, c := range []*pgconn.PgConn{r.conn, r.pg} { // where the last item was left out
		if c != nil && c.TxStatus() != 'I' {
			lawExec(ctx, c, "rollback")
		}
	}
	return nil
}

// lawTell runs one statement and leaves the transaction as it is.
func lawTell(ctx context.Context, c *pgconn.PgConn, it lawItem, sql string) lawAnswer {
	var a lawAnswer
	var err error
	switch {
	case it.copied != nil:
		var tag pgconn.CommandTag
		tag, err = c.CopyFrom(ctx, strings.NewReader(strings.Join(append(slices.Clone(it.copied), ""), "\n")), sql)
		a.tags = tag.String()
	case it.extended:
		res := c.ExecParams(ctx, sql, nil, nil, nil, nil).Read()
		a.results, a.tags, err = []*pgconn.Result{res}, res.CommandTag.String(), res.Err
	default:
		a.results, err = c.Exec(ctx, sql).ReadAll()
		for _, r := range a.results {
			a.tags += r.CommandTag.String()
		}
	}
	if err == nil {
		return a
	}
	a = lawAnswer{code: "gone", message: err.Error()}
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		a.code, a.message = pe.Code, strings.TrimSpace(pe.Message+" "+pe.Detail)
	}
	return a
}

// lawTellPostgres is lawTell there. What only one of the two can do it is to do in
// neither: then it reports false.
func lawTellPostgres(ctx context.Context, pg *pgconn.PgConn, it lawItem, got lawAnswer) (lawAnswer, bool) {
	within := pg.TxStatus() == 'T'
	if within && it.query {
		lawTell(ctx, pg, lawItem{}, "savepoint law_query")
	}
	want := lawTell(ctx, pg, it, lawPostgres(it.sql))
	switch {
	case got.code == "" && want.code == "0A000" && it.query:
		if within {
			lawTell(ctx, pg, lawItem{}, "rollback to savepoint law_query")
		}
		return want, false
	case got.code == "0A000" && want.code == "" && within:
		lawTell(ctx, pg, lawItem{}, "select 1 / 0") // its transaction has failed too
		return want, false
	case within && it.query && want.code == "":
		lawTell(ctx, pg, lawItem{}, "release savepoint law_query")
	}
	return want, true
}

// txn is a transaction of statements of all kinds.
func (g *lawGen) txn(tables []*lawRel) lawStep {
	a := &lawTxn{items: []lawItem{{sql: lawPick(g, "begin", "start transaction", "begin isolation level repeatable read")}}}
	var open []string // savepoints
	for range 2 + g.IntN(6) {
		if len(open) > 0 && g.one(3) {
			i := g.IntN(len(open))
			if g.one(3) {
				a.items = append(a.items, lawItem{sql: "release savepoint " + open[i]})
				open = open[:i]
			} else {
				a.items = append(a.items, lawItem{sql: "rollback to savepoint " + open[i]})
				open = open[:i+1]
			}
			continue
		}
		if g.one(4) {
			open = append(open, lawPick(g, "a", g.name("sp"))) // one name may hide another
			a.items = append(a.items, lawItem{sql: "savepoint " + open[len(open)-1]})
			if open[len(open)-1] == "a" {
				open = append(slices.DeleteFunc(open, func(s string) bool { return s == "a" }), "a")
			}
			continue
		}
		a.items = append(a.items, g.item(tables))
	}
	if g.one(2) { // what the transaction sees before its end
		a.items = append(a.items, g.item(tables), g.ownQuery(tables))
	}
	a.items = append(a.items, lawItem{sql: lawPick(g, "commit", "commit", "commit", "rollback")})
	return lawStep{act: a}
}

// item is a statement of a transaction.
func (g *lawGen) item(tables []*lawRel) lawItem {
	t := lawPick(g, tables...)
	it := lawItem{extended: g.one(3)}
	switch g.IntN(12) {
	case 0, 1:
		it.sql = g.updateFrom(t, tables) + g.returning(t)
	case 2:
		s := lawPick(g, tables...)
		sc := lawQualify("u", s.cols)
		own := lawQualify(t.name, t.cols)
		if schema, base := lawSplit(t.name); schema != "" {
			own = lawQualify(base, t.cols)
		}
		it.sql = fmt.Sprintf("delete from %s using %s u where %s and %s", t.name, s.name, g.equal(own, sc), g.pred(slices.Concat(own, sc), 1)) + g.returning(t)
	case 3:
		if t.key && !g.big {
			it.sql = "insert into " + t.name + lawColumns(t) + " " + g.overTables(tables, func() string { return g.sinkQuery(t.cols) })
			c := lawPick(g, t.cols[1:]...)
			it.sql += lawPick(g, "", " on conflict do nothing", fmt.Sprintf(" on conflict (%s) do update set %s = excluded.%[2]s", t.cols[0].name, c.name)) + g.returning(t)
			break
		}
		fallthrough
	case 4, 5:
		it.copied = []string{}
		for range g.IntN(5) {
			it.copied = append(it.copied, g.copyLine(t))
		}
		it.sql = "copy " + t.name + lawColumns(t) + " from stdin"
	case 6, 7:
		return g.ownQuery(tables)
	case 8:
		if g.one(5) {
			it.sql = "truncate " + t.name
			break
		}
		fallthrough
	default:
		st := g.change([]*lawRel{t})
		it.sql = st.sql() + g.returning(t)
	}
	return it
}

// returning is a RETURNING clause, or none.
func (g *lawGen) returning(t *lawRel) string {
	if g.one(2) {
		return ""
	}
	cols := slices.Clone(t.cols)
	for i := range cols { // other tables may have columns of the name
		_, base := lawSplit(t.name)
		cols[i].name = base + "." + cols[i].name
	}
	list, _ := g.selectList(cols, g.wanted(), 1)
	return " returning " + list
}

// updateFrom is an UPDATE .. FROM in which each row matches one row at most.
func (g *lawGen) updateFrom(t *lawRel, tables []*lawRel) string {
	s := lawPick(g, tables...)
	free := t.cols
	if t.key {
		free = t.cols[1:]
	}
	c, on := lawPick(g, free...), lawPick(g, t.cols...)
	sc := lawQualify("u", s.cols)
	f := lawPick(g, "min", "max")
	v := "q.x"
	switch c.t {
	case lawBool:
		f = "bool_or"
	case lawInt, lawBigint, lawNum:
		v = "q.x % 10"
	case lawText:
		v = "left(q.x, 4)"
	}
	_, base := lawSplit(t.name)
	return fmt.Sprintf("update %s set %s = %s from (select %s as k, %s(%s) as x from %s u group by 1) q where %s.%s = q.k%s", t.name, c.name, v,
		g.expr(sc, on.t, 1), f, g.expr(sc, c.t, 1), s.name, base, on.name, lawPick(g, "", " and q.x is not null"))
}

// overTables makes a query over tables alone: a transaction does not see its own
// writes in views.
func (g *lawGen) overTables(tables []*lawRel, query func() string) string {
	rels := g.rels
	g.rels = tables
	defer func() { g.rels = rels }()
	return query()
}

// ownQuery is a query of the transaction over what it has written.
func (g *lawGen) ownQuery(tables []*lawRel) lawItem {
	sql := g.overTables(tables, func() string {
		if g.one(2) {
			sql, _ := g.keyed(lawPick(g, tables...))
			return sql
		}
		sql, _ := g.query(1)
		return sql
	})
	return lawItem{sql: sql, extended: g.one(3), query: true}
}

// copyLine is a row for COPY in text format.
func (g *lawGen) copyLine(t *lawRel) string {
	var cells []string
	for i, c := range t.cols {
		v := g.value(c.t)
		if i == 0 && t.key {
			v = fmt.Sprint(t.next)
			t.next++
		}
		if v == "null" {
			cells = append(cells, `\N`)
			continue
		}
		if _, quoted, ok := strings.Cut(v, "'"); ok {
			v = strings.TrimSuffix(quoted, "'")
		}
		v, _, _ = strings.Cut(v, "::")
		cells = append(cells, v)
	}
	return strings.Join(cells, "\t")
}
