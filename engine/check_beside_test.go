package engine_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"streamdb/engine"
)

// TestCheckBesideWriters: a CHECK reads one snapshot to its end, however many
// epochs others commit meanwhile.
func TestCheckBesideWriters(t *testing.T) {
	s := serve(t, engine.Options{})
	conn := s.connect(t)
	setup := `create table t (id int primary key, v int); insert into t select g, g % 1000 from generate_series(1, 2000) g;
		create materialized view m as select v, count(*) as n from t group by v`
	if rows, code := tell(t.Context(), conn, setup); code != "" {
		t.Fatal(code, rows)
	}
	ctx, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for w := range 2 {
		conn := s.connect(t)
		writers.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				if rows, code := tell(t.Context(), conn, fmt.Sprintf("insert into t values (%d, 1)", 100_000*(w+1)+i)); code != "" {
					t.Error(code, rows)
					return
				}
			}
		})
	}
	for range 300 {
		if rows, code := tell(t.Context(), conn, "check materialized view m"); code != "" || len(rows) > 0 {
			t.Error(code, rows)
		}
	}
	stop()
	writers.Wait()
}
