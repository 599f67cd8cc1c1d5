package engine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"streamdb/engine"
)

// TestEndedSplits: a split that has ended holds no watermark back, though the
// clock stands, so that none is ever idle: for views that saw the source live, for
// those that read what had been, for tables, and after a restart.
func TestEndedSplits(t *testing.T) {
	dir := t.TempDir()
	for name, hours := range map[string]int{"a": 1, "b": 30, "c": 2} {
		text := ""
		for m := range hours * 60 {
			text += fmt.Sprintf(`{"at": "%s"}`+"\n", lawClock.Add(time.Duration(m)*time.Minute).Format(longDownTime))
		}
		if err := os.WriteFile(filepath.Join(dir, name+".json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// The last bound is 29:58: 29 hours are over, and no row was late.
	var want []string
	for h := range 29 {
		n := 60
		if h == 0 {
			n = 180
		} else if h == 1 {
			n = 120
		}
		want = append(want, fmt.Sprintf("%s|%d", lawClock.Add(time.Duration(h)*time.Hour).Format(longDownTime), n))
	}
	for _, parallel := range []int{1, 4} {
		t.Run(fmt.Sprintf("parallelism=%d", parallel), func(t *testing.T) {
			srv := serve(t, engine.Options{Parallelism: parallel, TestClock: lawClock})
			c := srv.connect(t)
			with := fmt.Sprintf("with (connector = 'file', path = '%s', follow = 'false') format plain encode json", filepath.Join(dir, "*.json"))
			hours := " as select window_start, count(*) as n from tumble(%s, at, interval '1 hour') group by window_start emit on window close"
			columns := "(at timestamp, watermark for at as at - interval '1 minute')"
			suiteExec(t, c, "create source s "+columns+with)
			suiteExec(t, c, "create materialized view live"+fmt.Sprintf(hours, "s"))
			suiteExec(t, c, "create table tab "+columns+" append only "+with)
			suiteExec(t, c, "create materialized view of_table"+fmt.Sprintf(hours, "tab"))
			awaitRows(t, c, "table live", want)
			awaitRows(t, c, "table of_table", want)
			suiteExec(t, c, "create materialized view after"+fmt.Sprintf(hours, "s"))
			awaitRows(t, c, "table after", want)
			if err := srv.restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			c = srv.connect(t)
			suiteExec(t, c, "create materialized view again"+fmt.Sprintf(hours, "s"))
			for _, v := range []string{"live", "of_table", "after", "again"} {
				awaitRows(t, c, "table "+v, want)
			}
			awaitRows(t, c, "select sum(rows) from streamdb.late_rows", []string{"0"})
		})
	}
}

// awaitRows waits until a query gives these rows, in order of their text.
func awaitRows(t *testing.T, c *pgconn.PgConn, sql string, want []string) {
	t.Helper()
	for deadline := time.Now().Add(8 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		a := lawExec(t.Context(), c, sql)
		if a.code != "" {
			t.Fatalf("%s: %s %s", sql, a.code, a.message)
		}
		got := lawRows(a.results[0], true)
		if slices.Equal(got, want) {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("%s: %s", sql, lawDiff(got, want, "the view", "the oracle"))
			return
		}
	}
}
