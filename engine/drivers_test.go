package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"reflect"
	"testing"
	"time"

	"streamdb/engine"
	"streamdb/wire"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// startServer opens a database in a new directory and serves it on a free port
// of this machine until the test ends.
func startServer(t *testing.T) *net.TCPAddr {
	t.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	db, err := engine.Open(context.Background(), engine.Options{
		DataDir:            t.TempDir(),
		BarrierInterval:    10 * time.Millisecond,
		CheckpointInterval: 100 * time.Millisecond,
		Parallelism:        1,
		Log:                log,
	})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &wire.Server{Handler: db, Log: log}
	served := make(chan error, 1)
	go func() { served <- server.Serve(context.Background(), ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		<-served
		if err := db.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return ln.Addr().(*net.TCPAddr)
}

func connect(t *testing.T, addr *net.TCPAddr, params string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), "postgres://root@"+addr.String()+"/dev"+params)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(context.Background(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// modes are the ways in which pgx runs a query.
var modes = map[string]pgx.QueryExecMode{
	"cache statement": pgx.QueryExecModeCacheStatement,
	"cache describe":  pgx.QueryExecModeCacheDescribe,
	"describe exec":   pgx.QueryExecModeDescribeExec,
	"exec":            pgx.QueryExecModeExec,
	"simple":          pgx.QueryExecModeSimpleProtocol,
}

// TestValues sends a value of each type as a parameter and reads it back: in
// binary where pgx can (the first three modes), in text in the others.
func TestValues(t *testing.T) {
	addr := startServer(t)
	at := time.Date(2024, 2, 29, 12, 34, 56, 789012000, time.UTC)
	cases := []struct {
		typ string
		v   any
	}{
		{"int2", int16(-7)}, {"int4", int32(1 << 30)}, {"int8", int64(-1 << 62)},
		{"float4", float32(1.5)}, {"float8", 2.25}, {"numeric", "-12345.6789"},
		{"bool", true}, {"text", "it's \"é\" \\"}, {"varchar", "v"}, {"bytea", []byte{0, 1, 255}},
		{"date", time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)}, {"timestamp", at}, {"timestamptz", at},
		{"jsonb", map[string]any{"a": []any{1.0, "x", nil}}},
		{"int4[]", []int32{1, -2, 3}}, {"text[]", []string{"a", "b,\"c\""}}, {"float8[]", []float64{0.5}},
	}
	ctx := context.Background()
	for name, mode := range modes {
		conn := connect(t, addr, "")
		for _, c := range cases {
			if c.typ == "jsonb" && (mode == pgx.QueryExecModeExec || mode == pgx.QueryExecModeSimpleProtocol) {
				continue // pgx knows no type to encode a map as
			}
			got := reflect.New(reflect.TypeOf(c.v))
			if err := conn.QueryRow(ctx, "SELECT $1::"+c.typ, mode, c.v).Scan(got.Interface()); err != nil {
				t.Errorf("%s: %s: %v", name, c.typ, err)
				continue
			}
			v := got.Elem().Interface()
			if want, ok := c.v.(time.Time); ok {
				if !v.(time.Time).Equal(want) {
					t.Errorf("%s: %s: %v became %v", name, c.typ, want, v)
				}
			} else if !reflect.DeepEqual(v, c.v) {
				t.Errorf("%s: %s: %v became %v", name, c.typ, c.v, v)
			}
			var null *string
			if err := conn.QueryRow(ctx, "SELECT $1::"+c.typ+"::text", mode, nil).Scan(&null); err != nil || null != nil {
				t.Errorf("%s: NULL of %s: %v, %v", name, c.typ, null, err)
			}
		}
	}
}

func code(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return fmt.Sprint(err)
}

// TestDriverTransactions goes through batches, transactions, cursors and errors.
func TestDriverTransactions(t *testing.T) {
	conn := connect(t, startServer(t), "")
	ctx := context.Background()
	exec(t, conn, "CREATE TABLE t (a int PRIMARY KEY, b text NOT NULL)")

	b := &pgx.Batch{}
	for i := range 5 {
		b.Queue("INSERT INTO t VALUES ($1, $2)", i, fmt.Sprint("row ", i))
	}
	b.Queue("SELECT count(*) FROM t")
	results := conn.SendBatch(ctx, b)
	for range 5 {
		if tag, err := results.Exec(); err != nil || tag.RowsAffected() != 1 {
			t.Fatalf("batch: %v %v", tag, err)
		}
	}
	var n int
	if err := results.QueryRow().Scan(&n); err != nil || n != 5 {
		t.Fatalf("batch: %d rows, %v", n, err)
	}
	if err := results.Close(); err != nil {
		t.Fatal(err)
	}

	_, err := conn.Exec(ctx, "INSERT INTO t VALUES (1, 'again')")
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != "23505" || pg.ConstraintName != "t_pkey" || pg.TableName != "t" || pg.SchemaName != "public" {
		t.Errorf("duplicate key: %#v", err)
	}
	_, err = conn.Exec(ctx, "INSERT INTO t VALUES (9, NULL)")
	if !errors.As(err, &pg) || pg.Code != "23502" || pg.ColumnName != "b" {
		t.Errorf("NULL in a NOT NULL column: %#v", err)
	}

	tx, err := conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, conn, "DECLARE c CURSOR FOR SELECT a, b FROM t ORDER BY a")
	// Drivers describe the cursor as a portal of that name before they fetch.
	conn.PgConn().Frontend().SendDescribe(&pgproto3.Describe{ObjectType: 'P', Name: "c"})
	conn.PgConn().Frontend().SendSync(&pgproto3.Sync{})
	if err := conn.PgConn().Frontend().Flush(); err != nil {
		t.Fatal(err)
	}
	for described := false; ; {
		msg, err := conn.PgConn().Frontend().Receive()
		if err != nil {
			t.Fatal(err)
		}
		if d, ok := msg.(*pgproto3.RowDescription); ok {
			described = len(d.Fields) == 2 && string(d.Fields[0].Name) == "a"
		}
		if _, ok := msg.(*pgproto3.ReadyForQuery); ok {
			if !described {
				t.Error("the cursor is not described")
			}
			break
		}
	}
	rows, _ := conn.Query(ctx, "FETCH 2 FROM c")
	if got, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct {
		A int
		B string
	}]); err != nil || len(got) != 2 || got[1].B != "row 1" {
		t.Errorf("FETCH: %v %v", got, err)
	}
	if _, err := tx.Exec(ctx, "SELECT 1/0"); code(err) != "22012" {
		t.Errorf("division by zero: %v", err)
	}
	if _, err := tx.Exec(ctx, "SELECT 1"); code(err) != "25P02" {
		t.Errorf("after an error: %v", err)
	}
	if err := tx.Rollback(ctx); err != nil {
		t.Error(err)
	}
	for sql, want := range map[string]string{
		"SELECT * FROM nosuch": "42P01", "SELECT nosuch FROM t": "42703", "SELEC": "42601",
		"SELECT nosuch(1)": "42883", "SELECT 'x'::int": "22P02", "CREATE TABLE t (a int)": "42P07",
	} {
		if _, err := conn.Exec(ctx, sql); code(err) != want {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// TestPipelineErrorIsSentAtOnce: a client that waits for results after Flush
// gets the error though it has not sent Sync.
func TestPipelineErrorIsSentAtOnce(t *testing.T) {
	conn := connect(t, startServer(t), "")
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	p := conn.PgConn().StartPipeline(ctx)
	p.SendQueryParams("SELECT 1/0", nil, nil, nil, nil)
	p.SendFlushRequest()
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	r, err := p.GetResults()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.(*pgconn.ResultReader).Close(); code(err) != "22012" {
		t.Errorf("result: %v", err)
	}
	if ctx.Err() != nil {
		t.Error("the error came only when the client gave up")
	}
	if err := p.Sync(); err != nil {
		t.Error(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// TestRowNumber: the value of a window function in a SELECT, as catalog queries
// of JDBC use it.
func TestRowNumber(t *testing.T) {
	conn := connect(t, startServer(t), "")
	rows, _ := conn.Query(context.Background(), `SELECT row_number() OVER (PARTITION BY b ORDER BY a DESC), rank() OVER (ORDER BY b)
		FROM (VALUES (1, 'x'), (2, 'x'), (3, 'y')) v(a, b) ORDER BY a`)
	got, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ N, Rank int64 }])
	if want := []struct{ N, Rank int64 }{{2, 1}, {1, 1}, {1, 3}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v %v", got, err)
	}
}
