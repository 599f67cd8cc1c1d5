package engine_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"streamdb/engine"
)

const nexmarkEvents = 10000 // of all kinds, in 30 seconds of event time

var nexmarkKinds = []struct {
	name string
	rows int
}{{"person", nexmarkEvents / 50}, {"auction", nexmarkEvents * 3 / 50}, {"bid", nexmarkEvents * 46 / 50}}

var nexmarkSource = regexp.MustCompile(`\b(from |join |hop\(|tumble\(|session\()(person|auction|bid)\b`)

// TestNexmark keeps the queries q0 to q22 of the Nexmark benchmark as views over
// generated events until all have come, and compares them with Postgres over
// the same events.
func TestNexmark(t *testing.T) {
	s := openSuite(t, "nexmark")
	// A SELECT cannot read a source: it reads the view that keeps its rows.
	s.again = func(sql string) string { return nexmarkSource.ReplaceAllString(sql, "${1}all_$2") }
	pg := suitePostgres(t)
	srv := serve(t, engine.Options{Parallelism: 2})
	c := srv.connect(t)
	for _, k := range nexmarkKinds {
		columns := ""
		if k.name == "bid" {
			columns = "(*, p_time timestamptz as proctime())"
		}
		suiteExec(t, c, fmt.Sprintf(`create source %s %s with (connector = 'nexmark', nexmark.table.type = '%s', nexmark.split.num = '2',
			nexmark.event.num = '%d', nexmark.first.event.rate = '300', nexmark.min.event.gap.in.ns = '100000')`, k.name, columns, k.name, nexmarkEvents))
	}
	side := "create table side_input (key int primary key, value text); insert into side_input select i, 'v' || i from generate_series(0, 90) i"
	suiteExec(t, c, side)
	for _, k := range nexmarkKinds {
		suiteExec(t, c, "create materialized view all_"+k.name+" as select * from "+k.name)
	}
	for i, q := range s.queries {
		if i == len(s.queries)/2 { // the others begin where the sources then are, and read what has been
			nexmarkAwait(t, c, 0.5)
		}
		sql, _ := s.read(t, q+".sql")
		suiteExec(t, c, "create materialized view "+q+" as "+sql)
	}
	nexmarkAwait(t, c, 1)
	if pg != nil {
		suiteExec(t, pg, strings.ReplaceAll(side, "from generate_series(0, 90) i", "from generate_series(0, 90) as s(i)"))
		for _, k := range nexmarkKinds {
			nexmarkCopy(t, c, pg, k.name)
		}
	}
	for _, q := range s.queries {
		s.compare(t, c, pg, q)
	}
}

// nexmarkAwait waits until the sources have made that part of their events.
func nexmarkAwait(t *testing.T, c *pgconn.PgConn, part float64) {
	t.Helper()
	for _, k := range nexmarkKinds {
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
			a := lawExec(t.Context(), c, fmt.Sprintf("select count(*) >= %d from all_%s", int(part*float64(k.rows)), k.name))
			if a.code != "" {
				t.Fatal(a.message)
			}
			if string(a.results[0].Rows[0][0]) == "t" {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("the events of %s do not come", k.name)
			}
		}
	}
}

// nexmarkCopy makes a table of Postgres of the events.
func nexmarkCopy(t *testing.T, c, pg *pgconn.PgConn, kind string) {
	t.Helper()
	a := lawExec(t.Context(), c, "select * from all_"+kind)
	if a.code != "" {
		t.Fatal(a.message)
	}
	types := map[uint32]string{20: "bigint", 25: "text", 1043: "text", 1114: "timestamp", 1184: "timestamptz", 23: "int"}
	var cols []string
	for _, f := range a.results[0].FieldDescriptions {
		cols = append(cols, f.Name+" "+types[f.DataTypeOID])
	}
	var rows []string
	for _, row := range a.results[0].Rows {
		var vals []string
		for _, v := range row {
			vals = append(vals, "'"+strings.ReplaceAll(string(v), "'", "''")+"'")
		}
		rows = append(rows, "("+strings.Join(vals, ", ")+")")
	}
	suiteExec(t, pg, "create table "+kind+" ("+strings.Join(cols, ", ")+"); insert into "+kind+" values "+strings.Join(rows, ", "))
}
