package engine_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"streamdb/engine"
)

// TestTransactionTags: the tags of the statements that begin and end
// transactions are Postgres's, by which clients know what happened.
func TestTransactionTags(t *testing.T) {
	conn := serve(t, engine.Options{}).connect(t)
	for _, c := range []struct{ sql, tags string }{
		{"begin; commit", "BEGIN COMMIT"},
		{"begin work; end", "BEGIN COMMIT"},
		{"start transaction; abort", "START TRANSACTION ROLLBACK"},
		{"start transaction read only; savepoint a; release a; savepoint a; rollback to a; rollback",
			"START TRANSACTION SAVEPOINT RELEASE SAVEPOINT ROLLBACK ROLLBACK"},
	} {
		res, err := conn.Exec(t.Context(), c.sql).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		var tags []string
		for _, r := range res {
			tags = append(tags, r.CommandTag.String())
		}
		if got := strings.Join(tags, " "); got != c.tags {
			t.Errorf("%s: tags %s, want %s", c.sql, got, c.tags)
		}
	}
}

// TestNoUpdateIsLost: what others commit between a transaction's snapshot and its
// first step is a conflict like what they commit later, also when nobody else is
// under way who would need to know of it.
func TestNoUpdateIsLost(t *testing.T) {
	var between atomic.Pointer[func()]
	s := serve(t, engine.Options{Parallelism: 1}.WithSnapshotHook(func() {
		if fn := between.Swap(nil); fn != nil {
			(*fn)()
		}
	}))
	c, other := s.connect(t), s.connect(t)
	must(t, c, `create table counters (id int primary key, n bigint)`)
	must(t, c, `insert into counters values (1, 0)`)
	const add = `update counters set n = n + 1 where id = 1`
	late := func() { must(t, other, add) }

	between.Store(&late)
	must(t, c, add) // runs again
	if got := must(t, c, `select n from counters`); got[0] != "2" {
		t.Errorf("two updates counted %v", got)
	}
	between.Store(&late)
	if retried(t, c, `begin; `+add+`; commit`) {
		t.Error("the transaction has overwritten what it did not see")
	}
	if got := must(t, c, `select n from counters`); got[0] != "3" {
		t.Errorf("three updates counted %v", got)
	}
}
