package engine_test

import (
	"context"
	"io"
	"log/slog"
	"strconv"
	"testing"

	"streamdb/engine"
	"streamdb/types"
	"streamdb/wire"
)

// statementSession is a session of a database with a table t of 10,000 rows.
func statementSession(b testing.TB) wire.Session {
	db, err := engine.Open(b.Context(), engine.Options{DataDir: b.TempDir(), Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close(context.Background()) })
	s, err := db.Connect(b.Context(), wire.ConnInfo{User: "root", Database: "dev"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Close)
	benchRun(b, s, "create table t (id bigint primary key, a int, b int, s text)")
	benchRun(b, s, "insert into t select x, x % 100, x % 1000, 'text ' || x from generate_series(0, 9999) x")
	return s
}

// TestStatementAllocations holds what a look-up may allocate, with room for what
// the background does meanwhile: planned anew it would be four times as much.
func TestStatementAllocations(t *testing.T) {
	s := statementSession(t)
	i := 0
	n := testing.AllocsPerRun(2000, func() {
		i++
		benchOne(t, s, "select * from t where id = "+strconv.Itoa(1000+i), false)
	})
	if n > 70 {
		t.Errorf("a look-up makes %.0f allocations", n)
	}
}

// BenchmarkStatement is what statements cost in a session, without the socket.
func BenchmarkStatement(b *testing.B) {
	s := statementSession(b)
	for _, bench := range []struct{ name, head, tail string }{
		{"one", "select ", ""},
		{"lookup", "select * from t where id = ", ""},
		{"insert rolled back", "insert into t values (1", ", 5, 7, 'abc')"},
		{"update rolled back", "update t set a = 5 where id = ", ""},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			rollback := bench.name[0] == 'i' || bench.name[0] == 'u'
			for i := range b.N {
				benchOne(b, s, bench.head+strconv.Itoa(10_000 + i%10_000)[1:]+bench.tail, rollback)
			}
		})
	}
	b.Run("prepared lookup", func(b *testing.B) {
		stmts, err := s.Split("select * from t where id = $1")
		if err != nil {
			b.Fatal(err)
		}
		p, err := s.Prepare(b.Context(), stmts[0], nil)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for i := range b.N {
			benchExecute(b, s, p, []types.Datum{types.IntDatum(int64(i % 10_000))}, false)
		}
	})
}

func benchRun(b testing.TB, s wire.Session, sql string) { benchOne(b, s, sql, false) }

func benchOne(b testing.TB, s wire.Session, sql string, rollback bool) {
	stmts, err := s.Split(sql)
	if err != nil {
		b.Fatal(err)
	}
	p, err := s.Prepare(b.Context(), stmts[0], nil)
	if err != nil {
		b.Fatal(err)
	}
	benchExecute(b, s, p, nil, rollback)
}

var errRollback = context.Canceled

func benchExecute(b testing.TB, s wire.Session, p wire.Prepared, args []types.Datum, rollback bool) {
	rows, err := s.Execute(b.Context(), p, args)
	if err != nil {
		b.Fatal(err)
	}
	for {
		batch, err := rows.Next(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if batch == nil {
			break
		}
	}
	rows.Close()
	err = nil
	if rollback {
		err = errRollback
	}
	if err := s.Sync(b.Context(), err); err != nil {
		b.Fatal(err)
	}
	s.Changed()
}
