package wire

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func dial(t testing.TB, addr string, options string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(context.Background(), "postgres://me@"+addr+"/dev?sslmode=disable&"+options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return fmt.Sprint(err)
}

func TestPgxModes(t *testing.T) {
	_, addr := startServer(t, newFakeDB(), nil)
	for _, mode := range []string{"simple_protocol", "exec", "cache_statement", "cache_describe", "describe_exec"} {
		t.Run(mode, func(t *testing.T) {
			ctx := context.Background()
			c := dial(t, addr, "default_query_exec_mode="+mode)
			rows, err := c.Query(ctx, "rows 2500")
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for rows.Next() {
				var i int
				var s *string
				var at time.Time
				if err := rows.Scan(&i, &s, &at); err != nil {
					t.Fatal(err)
				}
				want := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * 3600500 * time.Millisecond)
				if i != n || (s == nil) != (i%3 == 2) || s != nil && *s != fmt.Sprint("row ", i) || !at.Equal(want) {
					t.Fatalf("row %d is %d %v %v", n, i, s, at)
				}
				n++
			}
			if rows.Err() != nil || n != 2500 || rows.CommandTag().String() != "SELECT 2500" {
				t.Fatal(n, rows.Err(), rows.CommandTag())
			}
			if tag, err := c.Exec(ctx, "insert"); err != nil || tag.RowsAffected() != 1 {
				t.Fatal(tag, err)
			}
			for sql, want := range map[string]string{"missing": "42P01", "fail": "22012", "foreign": "XX000", "panic": "XX000",
				"panicprepare": "XX000", "syntax": "42601", "rowsfail 5000": "22012"} {
				if _, err := c.Exec(ctx, sql); code(err) != want {
					t.Errorf("%s: %v, want %s", sql, err, want)
				}
			}
			if _, err := c.Exec(ctx, "poison"); code(err) != "23505" {
				t.Errorf("a failed commit gave %v", err)
			}
			if _, err := c.Exec(ctx, "rows 1"); err != nil {
				t.Errorf("after the errors: %v", err)
			}
		})
	}
}

// TestAllTypes sends every type both ways, in both formats.
func TestAllTypes(t *testing.T) {
	_, addr := startServer(t, newFakeDB(), nil)
	c := dial(t, addr, "").PgConn()
	ctx := context.Background()
	want := strings.Join(fakeTexts, "|")
	join := func(r *pgconn.Result) string {
		t.Helper()
		if r.Err != nil || len(r.Rows) != 1 {
			t.Fatal(r.Err, len(r.Rows))
		}
		var s []string
		for _, v := range r.Rows[0] {
			s = append(s, string(v))
		}
		return strings.Join(s, "|")
	}
	if got := join(c.ExecParams(ctx, "types", nil, nil, nil, nil).Read()); got != want {
		t.Errorf("text:\n%s want\n%s", got, want)
	}
	// Binary results, given back as binary parameters, are the same text.
	binary := c.ExecParams(ctx, "types", nil, nil, nil, []int16{1}).Read()
	if binary.Err != nil {
		t.Fatal(binary.Err)
	}
	echo := "echo"
	for _, f := range binary.FieldDescriptions {
		echo += " " + f.Name
	}
	if got := join(c.ExecParams(ctx, echo, binary.Rows[0], nil, []int16{1}, []int16{0}).Read()); got != want {
		t.Errorf("binary:\n%s want\n%s", got, want)
	}
	// Text parameters; each column its own result format.
	params := make([][]byte, len(fakeTexts))
	formats := make([]int16, len(fakeTexts))
	for i, s := range fakeTexts {
		params[i], formats[i] = []byte(s), int16(i%2)
	}
	mixed := c.ExecParams(ctx, echo, params, nil, nil, formats).Read()
	if mixed.Err != nil {
		t.Fatal(mixed.Err)
	}
	for i, v := range mixed.Rows[0] {
		w := fakeTexts[i]
		if i%2 == 1 {
			w = string(binary.Rows[0][i])
		}
		if string(v) != w {
			t.Errorf("column %d is %q, want %q", i, v, w)
		}
	}
	// NULL, and types that the client names.
	r := c.ExecParams(ctx, "echo int4 text", [][]byte{nil, []byte("5")}, []uint32{0, 23}, nil, nil).Read()
	if r.Err != nil || r.Rows[0][0] != nil || string(r.Rows[0][1]) != "5" || r.FieldDescriptions[1].DataTypeOID != 23 {
		t.Error(r.Err, r.Rows)
	}
}

func TestBadParameters(t *testing.T) {
	_, addr := startServer(t, newFakeDB(), nil)
	c := dial(t, addr, "").PgConn()
	for _, test := range []struct {
		sql     string
		param   string
		format  int16
		results []int16
		code    string
	}{
		{"echo int4", "x", 0, nil, "22P02"},
		{"echo int4", "99999999999", 0, nil, "22003"},
		{"echo int4", "abc", 1, nil, "22P03"},
		{"echo text", "a\xffb", 0, nil, "22021"},
		{"echo text", "a\x00b", 0, nil, "22021"},
		{"echo text", "a\x00b", 1, nil, "22021"},
		{"echo int4", "1", 7, nil, "22023"},
		{"echo int4", "1", 0, []int16{9}, "22023"},
		{"echo int4", "1", 0, []int16{0, 1}, "08P01"},
		{"echo int4 int4", "1", 0, nil, "08P01"},
		{"rows 1", "1", 0, nil, "08P01"},
		{"echo nosuch", "1", 0, nil, "42704"},
		{"rows 1; rows 2", "1", 0, nil, "42601"},
		{"\xff", "1", 0, nil, "22021"},
	} {
		r := c.ExecParams(context.Background(), test.sql, [][]byte{[]byte(test.param)}, nil, []int16{test.format}, test.results).Read()
		if code(r.Err) != test.code {
			t.Errorf("%s with %q: %v, want %s", test.sql, test.param, r.Err, test.code)
		}
	}
}

func TestTransactionsNoticesSettings(t *testing.T) {
	db := newFakeDB()
	_, addr := startServer(t, db, nil)
	cfg, err := pgx.ParseConfig("postgres://me@" + addr + "/dev?sslmode=disable&application_name=app&options=-c%20a.b%3Dx%5C%20y%20--search-path%3Dz")
	if err != nil {
		t.Fatal(err)
	}
	var notices []string
	cfg.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { notices = append(notices, n.Severity+" "+n.Message) }
	ctx := context.Background()
	c, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	if l := db.last; l.User != "me" || l.Database != "dev" || l.Application != "app" || l.Options["a.b"] != "x y" || l.Options["search_path"] != "z" {
		t.Errorf("startup gave %+v", l)
	}
	if got := c.PgConn().ParameterStatus("TimeZone"); got != "UTC" {
		t.Error("TimeZone", got)
	}
	if _, err := c.Exec(ctx, "set TimeZone Mars; notice one; notice two"); err != nil {
		t.Fatal(err)
	}
	if got := c.PgConn().ParameterStatus("timezone"); got != "mars" {
		t.Error("TimeZone after SET", got)
	}
	if fmt.Sprint(notices) != "[NOTICE notice one NOTICE notice two]" {
		t.Error(notices)
	}
	for _, step := range []struct{ sql, code, status string }{
		{"begin", "<nil>", "T"}, {"rows 1", "<nil>", "T"}, {"fail", "22012", "E"}, {"rows 1", "25P02", "E"}, {"rollback", "<nil>", "I"},
	} {
		if _, err := c.Exec(ctx, step.sql); code(err) != step.code || string(c.PgConn().TxStatus()) != step.status {
			t.Errorf("%s: %v, status %c", step.sql, err, c.PgConn().TxStatus())
		}
	}
}

func TestErrorFieldsAndPosition(t *testing.T) {
	_, addr := startServer(t, newFakeDB(), nil)
	c := dial(t, addr, "").PgConn()
	_, err := c.Exec(context.Background(), "notice é☃;  missing").ReadAll()
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	if e.Severity != "ERROR" || e.Code != "42P01" || e.Detail != "the detail" || e.Hint != "the hint" || e.Position != 13 {
		t.Errorf("%+v", e)
	}
	_, err = c.Exec(context.Background(), "é syntax").ReadAll()
	if !errors.As(err, &e) || e.Position != 3 {
		t.Errorf("position of a syntax error: %+v", e)
	}
}

func TestDeallocateAllForgetsStatements(t *testing.T) {
	_, addr := startServer(t, newFakeDB(), nil)
	ctx := context.Background()
	c := dial(t, addr, "")
	for range 2 {
		if _, err := c.Prepare(ctx, "p", "rows 1"); err != nil {
			t.Fatal(err)
		}
		if err := c.DeallocateAll(ctx); err != nil {
			t.Fatal(err)
		}
	}
}
