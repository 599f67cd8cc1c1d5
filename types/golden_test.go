package types

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"streamdb/internal/sqlerr"
)

// The goldens under testdata hold one case a line, fields separated by tabs:
// a function of goldenFuncs, its arguments, and what PostgreSQL 15 answers. Run
//
//	go test ./types -run TestGolden -postgres 'host=.. port=..'
//
// to ask a server again and rewrite them.
var postgres = flag.String("postgres", "", "connection string of a PostgreSQL 15 that rewrites the goldens")

// goldenFunc is one function in SQL and here.
type goldenFunc struct {
	sql string // %1 .. are replaced by quoted arguments, $1 by raw ones
	fn  func(g *goldenRun, a []string) (string, error)
}

// goldenRun is the state of a file: the settings that its set lines made.
type goldenRun struct{ env Env }

// binaryRoundTrip gives the binary form and checks that it reads back the same.
func binaryRoundTrip(t T, d Datum) (string, error) {
	b := AppendBinary(nil, t, d)
	back, err := ParseBinary(t, b)
	if err != nil {
		return "", err
	}
	if Format(t, back, nil) != Format(t, d, nil) {
		return fmt.Sprintf("reads back as %s", Format(t, back, nil)), nil
	}
	return fmt.Sprintf("%x", b), nil
}

func goldenError(code, msg, detail, hint string) string {
	out := "ERROR " + code + " " + msg
	if detail != "" {
		out += " | " + detail
	}
	if hint != "" {
		out += " | " + hint
	}
	return out
}

func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.golden")
	if err != nil || len(files) == 0 {
		t.Fatal("no goldens", err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) { runGolden(t, path) })
	}
}

func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	out, err := strconv.Unquote(`"` + strings.ReplaceAll(s, `"`, `\"`) + `"`)
	if err != nil {
		panic(s)
	}
	return out
}

func escape(s string) string {
	q := strconv.Quote(s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}

func runGolden(t *testing.T, path string) {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	g := &goldenRun{env: Env{TimeZone: time.UTC, Now: time.Date(2024, 2, 29, 12, 34, 56, 0, time.UTC)}}
	var conn *pgconn.PgConn
	if *postgres != "" {
		if conn, err = pgconn.Connect(context.Background(), *postgres); err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		conn.Exec(context.Background(), "set timezone = 'UTC'").ReadAll()
	}
	var out strings.Builder
	scan := bufio.NewScanner(strings.NewReader(string(data)))
	scan.Buffer(nil, 1<<20)
	for n := 1; scan.Scan(); n++ {
		line := scan.Text()
		if line == "" || line[0] == '#' {
			fmt.Fprintln(&out, line)
			continue
		}
		fields := strings.Split(line, "\t")
		f, ok := goldenFuncs[fields[0]]
		if !ok || len(fields) < 3 {
			t.Fatalf("%s:%d: %q", path, n, line)
		}
		args := make([]string, len(fields)-2)
		for i := range args {
			args[i] = unescape(fields[1+i])
		}
		if conn != nil {
			want := askPostgres(conn, fields[0], f.sql, args)
			fields[len(fields)-1] = escape(want)
			fmt.Fprintln(&out, strings.Join(fields, "\t"))
		}
		want := unescape(fields[len(fields)-1])
		func() {
			defer func() {
				if r := recover(); r != nil {
					if err, ok := r.(error); ok && sqlerr.Code(err) != sqlerr.InternalError {
						if e := sqlerr.From(err); goldenError(e.Code, e.Msg, e.Detail, e.Hint) == want {
							return
						}
					}
					t.Errorf("%s:%d: %s: panic: %v", path, n, strings.Join(fields[:len(fields)-1], " "), r)
				}
			}()
			got, err := f.fn(g, args)
			if err != nil {
				e := sqlerr.From(err)
				got = goldenError(e.Code, e.Msg, e.Detail, e.Hint)
			}
			if got != want {
				t.Errorf("%s:%d: %s\n got %s\nwant %s", path, n, strings.Join(fields[:len(fields)-1], " "), got, want)
			}
		}()
	}
	if conn != nil {
		if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func askPostgres(conn *pgconn.PgConn, name, sql string, args []string) string {
	ctx := context.Background()
	if name == "format_type" || name == "typmod" {
		conn.Exec(ctx, "drop table if exists golden_t; create temp table golden_t (c "+args[0]+")").ReadAll()
	}
	for i, a := range args {
		k := strconv.Itoa(i + 1)
		sql = strings.ReplaceAll(sql, "%"+k, " E'"+strings.ReplaceAll(strings.ReplaceAll(a, `\`, `\\`), "'", "''")+"'")
		sql = strings.ReplaceAll(sql, "$"+k, a)
	}
	sql = strings.ReplaceAll(sql, "%%", "%")
	res, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		e := err.(*pgconn.PgError)
		return goldenError(e.Code, e.Message, e.Detail, e.Hint)
	}
	if len(res) == 0 || len(res[0].Rows) == 0 {
		return ""
	}
	if res[0].Rows[0][0] == nil {
		return "NULL"
	}
	return string(res[0].Rows[0][0])
}
