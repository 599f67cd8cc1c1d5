package engine_test

import (
	"fmt"
	"testing"
	"time"

	"streamdb/engine"
)

// TestColumnsOfSharedSource: a shared source makes only the columns that its
// readers use, and whoever joins it, or goes on after a restart or with another
// parallelism, gets all of its own in every row, the ones that came live too.
func TestColumnsOfSharedSource(t *testing.T) {
	const events = 20_000
	want := fmt.Sprint(events * 46 / 50)
	for _, parallel := range []int{1, 3} {
		t.Run(fmt.Sprintf("parallelism=%d", parallel), func(t *testing.T) {
			srv := serve(t, engine.Options{Parallelism: parallel, BarrierInterval: 20 * time.Millisecond})
			c := srv.connect(t)
			with := "with (connector = 'nexmark', nexmark.table.type = 'bid', nexmark.split.num = '2', nexmark.event.num = '%d', nexmark.min.event.gap.in.ns = '%d')"
			suiteExec(t, c, "create source bid "+fmt.Sprintf(with, events, 50_000)) // 1 second
			suiteExec(t, c, "create table kept "+fmt.Sprintf(with, events, 0))
			views := []struct{ name, cols string }{{"a", "auction"}, {"b", "price, extra"}, {"c", "date_time"}, {"d", "*"}, {"e", "url, bidder"}}
			for i, v := range views {
				suiteExec(t, c, "set background_ddl = on; create materialized view "+v.name+" as select "+v.cols+" from bid")
				time.Sleep(time.Duration(60+20*i) * time.Millisecond)
				switch i {
				case 1, 3:
					if err := srv.restart(t.Context()); err != nil {
						t.Fatal(err)
					}
					c = srv.connect(t)
				case 2:
					suiteExec(t, c, fmt.Sprintf("alter materialized view b set parallelism = %d", parallel+1))
				}
			}
			for _, v := range views {
				awaitRows(t, c, "select count(*) from "+v.name, []string{want})
			}
			awaitRows(t, c, "select count(*) from kept", []string{want})
			for _, v := range views {
				awaitRows(t, c, fmt.Sprintf("select count(*) from (select %s from kept except all select %s from %s) x", v.cols, v.cols, v.name), []string{"0"})
			}
		})
	}
}
