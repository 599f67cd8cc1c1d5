package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"streamdb/engine"
)

// bulkData are lines of ids from..to and of their tenfold.
func bulkData(from, to int) string {
	var b strings.Builder
	for i := from; i <= to; i++ {
		fmt.Fprintf(&b, "%d\t%d\n", i, 10*i)
	}
	return b.String()
}

func bulkCopy(t *testing.T, c *pgx.Conn, what, data string) error {
	t.Helper()
	_, err := c.PgConn().CopyFrom(t.Context(), strings.NewReader(data), "copy "+what+" from stdin")
	return err
}

func bulkAsk(t *testing.T, c *pgx.Conn, sql, want string) {
	t.Helper()
	var got string
	if err := c.QueryRow(t.Context(), sql, pgx.QueryExecModeSimpleProtocol).Scan(&got); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	if got != want {
		t.Errorf("%s: %s, want %s", sql, got, want)
	}
}

// TestBulkRows: rows that came in bulk are like any others to the statements behind
// them in the transaction, and to views.
func TestBulkRows(t *testing.T) {
	s := serve(t, engine.Options{})
	c := servingDial(t, s)
	servingMust(t, c, "create table t (id int primary key, x int, twice int generated always as (x * 2) stored, note text default 'n')")
	servingMust(t, c, "create materialized view v as select count(*) as n, sum(x) as x, sum(twice) as twice, count(note) as notes from t")
	servingMust(t, c, "insert into t values (500, 0)")
	const all = "select concat_ws(' ', count(*), sum(x), sum(twice), count(note), min(id), max(id)) from t"
	for _, dup := range []string{bulkData(400, 600), bulkData(1, 200) + bulkData(7, 7), bulkData(501, 9000) + bulkData(8000, 8000)} {
		if err := bulkCopy(t, c, "t (id, x)", dup); servingCode(err) != "23505" {
			t.Errorf("a key twice: %v", err)
		}
	}
	bulkAsk(t, c, all, "1 0 0 1 500 500")
	servingMust(t, c, "begin")
	if err := bulkCopy(t, c, "t (id, x)", bulkData(1, 300)); err != nil {
		t.Fatal(err)
	}
	bulkAsk(t, c, "select concat_ws(' ', x, twice, note) from t where id = 77", "770 1540 n")
	if err := bulkCopy(t, c, "t (x, id)", "5\t1000\n6\t999\n"); err != nil {
		t.Fatal(err)
	}
	servingMust(t, c, "insert into t select i, 1 from generate_series(2001, 2100) i")
	servingMust(t, c, "savepoint s")
	if err := bulkCopy(t, c, "t (id, x)", bulkData(3000, 3100)); err != nil {
		t.Fatal(err)
	}
	servingMust(t, c, "delete from t where id < 3000 and id > 5")
	bulkAsk(t, c, all, "106 3080650 6161300 106 1 3100")
	servingMust(t, c, "rollback to s")
	servingMust(t, c, "update t set x = x + 1 where id > 100 and id <= 300")
	servingMust(t, c, "insert into t values (5000, 0)")
	servingMust(t, c, "commit")
	const want = "404 451811 903622 404"
	bulkAsk(t, c, all, want+" 1 5000")
	bulkAsk(t, c, "select concat_ws(' ', n, x, twice, notes) from v", want)

	servingMust(t, c, "begin")
	if err := bulkCopy(t, c, "t (id, x)", bulkData(6000, 6200)); err != nil {
		t.Fatal(err)
	}
	servingMust(t, c, "rollback")
	bulkAsk(t, c, all, want+" 1 5000")
	servingMust(t, c, "create table free (id int, x int)")
	servingMust(t, c, "insert into free select id, x from t")
	servingMust(t, c, "insert into free select id, x from free")
	bulkAsk(t, c, "select concat_ws(' ', count(*), sum(x)) from free", "808 903622")
}

// TestBulkConflicts: who commits first wins, however the rows were written.
func TestBulkConflicts(t *testing.T) {
	s := serve(t, engine.Options{})
	a, b := servingDial(t, s), servingDial(t, s)
	servingMust(t, a, "create table t (id int primary key, x int)")
	one := func(c *pgx.Conn, id int) error {
		_, err := c.Exec(t.Context(), fmt.Sprintf("insert into t values (%d, 0)", id))
		return err
	}
	many := func(c *pgx.Conn, id int) error { return bulkCopy(t, c, "t", bulkData(id, id+100)) }
	writes := map[string]func(*pgx.Conn, int) error{"one": one, "many": many}
	at := 0
	for first, write := range writes {
		for second, behind := range writes {
			for _, apart := range []bool{false, true} {
				at += 1000
				servingMust(t, a, "begin")
				servingMust(t, b, "begin")
				servingMust(t, b, "select * from t limit 1")
				if err := write(a, at); err != nil {
					t.Fatal(err)
				}
				servingMust(t, a, "commit")
				other := at
				if apart {
					other += 200
				}
				if err := behind(b, other); err != nil {
					t.Fatal(err)
				}
				_, err := b.Exec(t.Context(), "commit")
				if want := map[bool]string{false: "40001", true: "<nil>"}[apart]; servingCode(err) != want {
					t.Errorf("%s, then %s, apart %v: %v", first, second, apart, err)
				}
			}
		}
	}
	servingMust(t, b, "begin isolation level serializable")
	servingMust(t, b, "select count(*) from t where id > 1")
	if err := many(a, 900_000); err != nil {
		t.Fatal(err)
	}
	servingMust(t, b, "insert into t values (-1, 0)")
	if _, err := b.Exec(t.Context(), "commit"); servingCode(err) != "40001" {
		t.Errorf("rows came into what a serializable transaction has read: %v", err)
	}
}
