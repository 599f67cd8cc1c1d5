package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// fixture makes one object of each kind, for catalog queries to find.
const fixture = `
CREATE TABLE t (id int PRIMARY KEY, name varchar(20) NOT NULL DEFAULT 'x', n numeric(10,2), at timestamptz, tags text[]);
CREATE TABLE bare (a int, b text);
CREATE VIEW v AS SELECT id, upper(name) AS big FROM t WHERE n > 1;
CREATE MATERIALIZED VIEW mv AS SELECT name, count(*) AS n FROM t GROUP BY name;
CREATE SCHEMA s;
CREATE TABLE s.inner_t (a int, b int, PRIMARY KEY (b, a));
CREATE SOURCE src (id bigint, v double precision) WITH (connector = 'datagen', datagen.rows.per.second = '1');
`

// TestCatalogQueries replays the catalog queries that psql 15 sends for its
// backslash commands.
func TestCatalogQueries(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "shared", "data", "psql15-catalog-queries.json"))
	if err != nil {
		t.Skip("the recorded queries are not here")
	}
	var queries []string
	if err := json.Unmarshal(text, &queries); err != nil {
		t.Fatal(err)
	}
	addr := startServer(t)
	conn := connect(t, addr, "")
	exec(t, conn, fixture)
	for i, q := range queries {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		_, err := conn.PgConn().Exec(ctx, q).ReadAll()
		cancel()
		if err == nil {
			continue
		}
		var pg *pgconn.PgError
		if !errors.As(err, &pg) {
			t.Fatalf("query %d: %v\n%s", i, err, q)
		}
		t.Errorf("query %d: %s %s\n%s", i, pg.Code, pg.Message, q)
	}
}
