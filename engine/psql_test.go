package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	exe "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
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
	// The one that fails in Postgres too: \sf of a function that is not there.
	fails := map[string]string{"SELECT 'f'::pg_catalog.regproc::pg_catalog.oid": "42883"}
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
		if pg.Code != fails[strings.TrimRight(q, "; \n")] {
			t.Errorf("query %d: %s %s\n%s", i, pg.Code, pg.Message, q)
		}
	}
}

// TestPsql runs psql over a server with the fixture's objects: each test of the
// file is a session, its output is what psql prints.
func TestPsql(t *testing.T) {
	out, err := exe.Command("psql", "--version").Output()
	if err != nil || !strings.Contains(string(out), " 15.") {
		t.Skip("there is no psql 15 here")
	}
	addr := startServer(t)
	exec(t, connect(t, addr, ""), fixture)
	datadriven.RunTest(t, "testdata/psql", func(t *testing.T, d *datadriven.TestData) string {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		cmd := exe.CommandContext(ctx, "psql", "-X", "-h", addr.IP.String(), "-p", strconv.Itoa(addr.Port), "-U", "root", "-d", "dev")
		cmd.Env = append(os.Environ(), "PGCLIENTENCODING=UTF8", "LC_ALL=C", "PAGER=", "EDITOR=true", "PSQLRC=")
		cmd.Stdin = strings.NewReader(d.Input + "\n")
		text, err := cmd.CombinedOutput()
		if err != nil {
			text = append(text, err.Error()...)
		}
		lines := strings.Split(string(text), "\n")
		for i := range lines {
			lines[i] = strings.TrimRight(lines[i], " ") // psql pads; editors and linters take it away
		}
		// A blank line would end the expected output.
		return strings.ReplaceAll(strings.Join(lines, "\n"), "\n\n", "\n.\n")
	})
}
