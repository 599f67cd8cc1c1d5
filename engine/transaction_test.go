package engine_test

import (
	"strings"
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
