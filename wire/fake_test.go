package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"streamdb/internal/sqlerr"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
)

// fakeDB is a Handler whose sessions understand a few words; see fakeSession.Execute.
type fakeDB struct {
	mu       sync.Mutex
	open     int
	events   []string
	sleeping chan struct{} // receives when a sleep begins, if there is room
	refuse   error
	last     ConnInfo
}

func newFakeDB() *fakeDB { return &fakeDB{sleeping: make(chan struct{}, 64)} }

func (db *fakeDB) Connect(_ context.Context, c ConnInfo) (Session, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.refuse != nil {
		return nil, db.refuse
	}
	db.open++
	db.last = c
	return &fakeSession{db: db, params: map[string]string{"server_version": "15.0", "client_encoding": "UTF8", "TimeZone": "UTC",
		"standard_conforming_strings": "on", "DateStyle": "ISO, MDY"}}, nil
}

func (db *fakeDB) note(format string, args ...any) {
	db.mu.Lock()
	db.events = append(db.events, fmt.Sprintf(format, args...))
	db.mu.Unlock()
}

func (db *fakeDB) log() []string {
	db.mu.Lock()
	defer db.mu.Unlock()
	return append([]string(nil), db.events...)
}

type fakeSession struct {
	db                       *fakeDB
	explicit, failed, poison bool
	params, changed          map[string]string
	notices                  []*Notice
}

type fakeStatement struct {
	text  string
	start int
}

func (s fakeStatement) Text() string { return s.text }
func (s fakeStatement) Start() int   { return s.start }
func (s fakeStatement) Empty() bool  { return strings.TrimSpace(s.text) == "" }

type fakePrepared struct {
	word   []string
	params []types.T
	cols   []Column
}

func (p *fakePrepared) ParamTypes() []types.T { return p.params }
func (p *fakePrepared) Columns() []Column     { return p.cols }

func (s *fakeSession) Split(sql string) ([]Statement, error) {
	if i := strings.Index(sql, "syntax"); i >= 0 {
		return nil, sqlerr.New(sqlerr.SyntaxError, "syntax error").At(len([]rune(sql[:i])) + 1)
	}
	var out []Statement
	start := 0
	for _, part := range strings.Split(sql, ";") {
		out = append(out, fakeStatement{part, start})
		start += len(part) + 1
	}
	return out, nil
}

var fakeTypes = []types.ID{types.Bool, types.Int2, types.Int4, types.Int8, types.Float4, types.Float8, types.Numeric, types.Text, types.Bytea,
	types.Date, types.Time, types.Timestamp, types.TimestampTZ, types.Interval, types.Jsonb}

var fakeTexts = []string{"t", "-32768", "2147483647", "-9223372036854775808", "1.5", "-2.25e+100", "12345.6700", "naïve ☃", "\\x00ff10",
	"2024-02-29", "23:59:59.5", "1999-12-31 23:59:59.999999", "2024-07-01 12:00:00+00", "1 year 2 mons 3 days 04:05:06", `{"a": [1, null]}`}

func (s *fakeSession) Prepare(_ context.Context, st Statement, oids []uint32) (Prepared, error) {
	if strings.Contains(st.Text(), "SELECT name AS \"Column\"") { // psql's \gdesc
		return &fakePrepared{word: []string{"gdesc"}, cols: []Column{{Name: "Column", Type: types.Of(types.Text)}, {Name: "Type", Type: types.Of(types.Text)}}}, nil
	}
	w := strings.Fields(strings.ToLower(st.Text()))
	p := &fakePrepared{word: w}
	col := func(name string, id types.ID) {
		p.cols = append(p.cols, Column{Name: name, Type: types.Of(id), TableOID: 77, Attr: uint16(len(p.cols) + 1)})
	}
	switch w[0] {
	case "rows", "endless", "rowsfail", "big":
		col("i", types.Int4)
		col("s", types.Text)
		col("t", types.Timestamp)
	case "types":
		for _, id := range fakeTypes {
			col(types.Of(id).Typname(), id)
		}
	case "none":
		p.cols = []Column{}
	case "echo":
		for i, name := range w[1:] {
			t, ok := types.Lookup(name)
			if i < len(oids) && oids[i] != 0 {
				t, ok = types.OfOID(oids[i])
			}
			if !ok {
				return nil, sqlerr.New(sqlerr.UndefinedObject, "type \"%s\" does not exist", name)
			}
			p.params = append(p.params, t)
			p.cols = append(p.cols, Column{Name: "c" + strconv.Itoa(i), Type: t})
		}
	case "missing":
		return nil, sqlerr.New(sqlerr.UndefinedTable, "relation \"x\" does not exist").WithDetail("the detail").WithHint("the hint").
			At(len([]rune(st.Text()[:strings.Index(st.Text(), "missing")])) + 1)
	case "panicprepare":
		panic("prepare panics")
	}
	return p, nil
}

func (s *fakeSession) Execute(ctx context.Context, prep Prepared, args []types.Datum) (Rows, error) {
	p := prep.(*fakePrepared)
	w := append(p.word, "", "")[:max(len(p.word), 3)]
	if s.failed && w[0] != "rollback" && w[0] != "commit" {
		return nil, sqlerr.New(sqlerr.InFailedSQLTransaction, "current transaction is aborted, commands ignored until end of transaction block")
	}
	s.db.note("execute %s", w[0])
	r := &fakeRows{s: s, ctx: ctx, cols: p.cols, tag: strings.ToUpper(w[0])}
	switch w[0] {
	case "begin":
		s.explicit, s.failed = true, false
	case "commit", "rollback":
		s.explicit, s.failed = false, false
	case "set":
		if s.changed == nil {
			s.changed = map[string]string{}
		}
		s.changed[w[1]], r.tag = w[2], "SET"
	case "notice":
		s.notices = append(s.notices, &Notice{Severity: "NOTICE", Error: *sqlerr.New("00000", "notice %s", w[1])})
	case "poison":
		s.poison = true
	case "insert":
		r.tag = "INSERT 0 1"
	case "deallocate":
		r.tag = "DEALLOCATE ALL"
	case "sleep":
		select {
		case s.db.sleeping <- struct{}{}:
		default:
		}
		select {
		case <-ctx.Done():
			s.db.note("cancelled: %v", context.Cause(ctx))
			return nil, fmt.Errorf("sleeping: %w", ctx.Err())
		case <-time.After(10 * time.Second):
			return nil, errors.New("slept too long")
		}
	case "nap":
		time.Sleep(150 * time.Millisecond)
	case "panic":
		panic("execute panics")
	case "fail":
		return nil, sqlerr.New(sqlerr.DivisionByZero, "division by zero")
	case "foreign":
		return nil, errors.New("some I/O broke")
	case "rows", "rowsfail":
		n, _ := strconv.Atoi(w[1])
		r.left, r.verb, r.fail = max(n, 0), "SELECT", w[0] == "rowsfail"
	case "endless":
		r.left, r.verb = 1<<62, "SELECT"
	case "none":
		r.batches = []*stream.Batch{stream.NewBatch(2, nil, nil)}
		r.tag = "SELECT 2"
	case "types":
		args = make([]types.Datum, len(fakeTypes))
		for i, id := range fakeTypes {
			d, err := types.ParseText(types.Of(id), fakeTexts[i], nil)
			if err != nil {
				return nil, err
			}
			args[i] = d
		}
		fallthrough
	case "echo":
		cols := make([]vec.Vec, len(args))
		for i, d := range args {
			cols[i] = vec.ConstOf(p.cols[i].Type.Layout(), d, 1)
		}
		r.batches, r.tag = []*stream.Batch{stream.NewBatch(1, cols, nil)}, "SELECT 1"
	case "gdesc":
		r.batches = []*stream.Batch{stream.NewBatch(1, []vec.Vec{vec.Strings("i"), vec.Strings("integer")}, nil)}
		r.tag = "SELECT 1"
	}
	return r, nil
}

func (s *fakeSession) Sync(_ context.Context, failed error) error {
	s.db.note("sync %v", failed != nil)
	if failed != nil {
		s.failed, s.poison = s.explicit, false
		return nil
	}
	if s.poison {
		s.poison = false
		return sqlerr.New(sqlerr.UniqueViolation, "duplicate key value violates unique constraint")
	}
	return nil
}

func (s *fakeSession) Status() byte {
	switch {
	case s.failed:
		return 'E'
	case s.explicit:
		return 'T'
	}
	return 'I'
}

func (s *fakeSession) Env() *types.Env           { return nil }
func (s *fakeSession) Params() map[string]string { return s.params }

func (s *fakeSession) Changed() map[string]string {
	c := s.changed
	s.changed = nil
	return c
}

func (s *fakeSession) Notices() []*Notice {
	n := s.notices
	s.notices = nil
	return n
}

func (s *fakeSession) Close() {
	s.db.mu.Lock()
	s.db.open--
	s.db.mu.Unlock()
}

type fakeRows struct {
	s       *fakeSession
	ctx     context.Context
	cols    []Column
	batches []*stream.Batch
	left, n int
	fail    bool
	verb    string
	tag     string
}

func (r *fakeRows) Columns() []Column { return r.cols }

func (r *fakeRows) Next(context.Context) (*stream.Batch, error) {
	if err := r.ctx.Err(); err != nil {
		r.s.db.note("cancelled: %v", context.Cause(r.ctx))
		return nil, err
	}
	if len(r.batches) > 0 {
		b := r.batches[0]
		r.batches = r.batches[1:]
		return b, nil
	}
	if r.left == 0 {
		if r.fail {
			return nil, sqlerr.New(sqlerr.DivisionByZero, "division by zero")
		}
		return nil, nil
	}
	n := min(r.left, 1000)
	b := rowsBatch(r.n, n)
	r.left -= n
	r.n += n
	return b, nil
}

// rowsBatch makes rows first, first+1 ..: the number, a text (every third NULL) and a time.
func rowsBatch(first, n int) *stream.Batch {
	i, s, t := vec.NewBuilder(types.LInt64, n), vec.NewBuilder(types.LBytes, n), vec.NewBuilder(types.LInt64, n)
	for k := first; k < first+n; k++ {
		i.AppendInt(int64(k))
		if k%3 == 2 {
			s.AppendNull()
		} else {
			s.AppendString("row " + strconv.Itoa(k))
		}
		t.AppendInt(946684800_000000 + int64(k)*3_600_500_000)
	}
	return stream.NewBatch(n, []vec.Vec{i.Vec(), s.Vec(), t.Vec()}, nil)
}

func (r *fakeRows) Tag() string {
	if r.verb != "" {
		return r.verb + " " + strconv.Itoa(r.n)
	}
	return r.tag
}

func (r *fakeRows) Close() error { return nil }

// startServer serves db until the test ends, and checks that all ends with it.
func startServer(t testing.TB, db *fakeDB, edit func(*Server)) (*Server, string) {
	t.Helper()
	s := &Server{Handler: db, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	if edit != nil {
		edit(s)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(context.Background(), ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
		db.mu.Lock()
		defer db.mu.Unlock()
		if db.open != 0 {
			t.Errorf("%d sessions were not closed", db.open)
		}
	})
	return s, ln.Addr().String()
}
