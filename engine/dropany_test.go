package engine_test

import (
	"context"
	"fmt"
	"math/rand"
	"strings"
	"sync"
	"testing"
	"time"

	"streamdb/engine"
)

// TestDropCascadeAtAnyMoment drops tables under views and sinks that are just
// being created, several at once, while cursors are open on them and rows come in.
func TestDropCascadeAtAnyMoment(t *testing.T) {
	s := serve(t, engine.Options{Parallelism: 2})
	conn := s.connect(t)
	setup := `create table base (id int primary key, v int); insert into base select g, g % 7 from generate_series(1, 3000) g;
		create materialized view stays as select v, count(*) as n from base group by v`
	if rows, code := tell(t.Context(), conn, setup); code != "" {
		t.Fatal(code, rows)
	}
	rounds := 10
	if testing.Short() {
		rounds = 3
	}
	for round := range rounds {
		r := rand.New(rand.NewSource(int64(round)))
		sql := fmt.Sprintf(`set background_ddl = true; create table a%[1]d (id int primary key, v int);
			insert into a%[1]d select id, v from base;
			create view w%[1]d as select * from a%[1]d where v > 1;
			create materialized view m%[1]d as select v, count(*) as n, sum(id) as s from w%[1]d group by v;
			create materialized view j%[1]d as select x.id, y.v from a%[1]d x join base y on x.id = y.id;
			create sink k%[1]d from j%[1]d with (connector = 'blackhole');
			create materialized view d%[1]d as select max(n) as n from stays, w%[1]d`, round)
		var wg sync.WaitGroup
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		run := func(sql string, wait time.Duration, allowed string) {
			c := s.connect(t)
			wg.Go(func() {
				time.Sleep(wait)
				for _, one := range strings.Split(sql, ";") {
					rows, code := tell(ctx, c, one)
					if code != "" && !strings.Contains(allowed, code) {
						t.Errorf("round %d: %s: %s %v", round, one, code, rows)
					}
				}
			})
		}
		soon := func() time.Duration { return time.Duration(r.Intn(120)) * time.Millisecond }
		const gone = "42P01 55000 2BP01 40001 25P02 34000"
		run(sql, 0, gone)
		run(fmt.Sprintf("insert into a%[1]d select id + 5000, v from base where id < 500;update base set v = v + 1 where id < 300", round), soon(), gone+" 23505")
		run(fmt.Sprintf("begin;declare c cursor for select * from a%[1]d;fetch 10 from c;fetch 100 from c;fetch all from c;commit", round), soon(), gone)
		for range 2 {
			run(fmt.Sprintf("drop table if exists a%d cascade", round), 40*time.Millisecond+soon(), gone)
		}
		wg.Wait()
		cancel()
		// Once more, for what was created after the drops; then nothing is left.
		tell(t.Context(), conn, fmt.Sprintf("drop table if exists a%[1]d cascade; drop materialized view if exists d%[1]d", round))
		rows, code := tell(t.Context(), conn, "select name from streamdb.jobs where name not in ('base', 'stays')")
		if code != "" || len(rows) > 0 {
			t.Fatalf("round %d: left over: %s %v", round, code, rows)
		}
		rows, code = tell(t.Context(), conn, "select count(*) from (select v, count(*) as n from base group by v except select v, n from stays) d")
		if code != "" || rows[0] != "0" {
			t.Fatalf("round %d: a view that stays: %s %v", round, code, rows)
		}
	}
	if err := s.restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	rows, code := tell(t.Context(), s.connect(t), "select count(*) from base b join stays s on b.v = s.v")
	if code != "" || rows[0] != "3000" {
		t.Fatal(code, rows)
	}
}
