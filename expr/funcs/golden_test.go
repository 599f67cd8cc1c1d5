package funcs_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"streamdb/expr"
	"streamdb/expr/exprtest"
	"streamdb/internal/sqlerr"
	"streamdb/types"
)

var against = flag.String("against", "", "URL of a Postgres 15 that computes the goldens anew")

const goldenZone = "America/New_York"

// TestGolden evaluates the expressions in testdata, whose results Postgres 15
// gave: one a line, then tabs, type and result, or ERROR and SQLSTATE and message.
// Lines that begin with "!" differ on purpose: the reason follows a #.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(err, "no goldens")
	}
	for _, f := range files {
		if *against != "" {
			regenerate(t, f)
		}
		t.Run(filepath.Base(f), func(t *testing.T) { checkGolden(t, f) })
	}
}

func checkGolden(t *testing.T, file string) {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	loc, err := time.LoadLocation(goldenZone)
	if err != nil {
		t.Fatal(err)
	}
	ctx := &expr.Ctx{Now: time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC), Location: loc, User: "postgres", Database: "postgres"}
	for i, line := range strings.Split(string(b), "\n") {
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		sql, want, _ := strings.Cut(line, "\t")
		if got := evalGolden(ctx, sql); got != want {
			t.Errorf("%s:%d: %s\n got %s\nwant %s", file, i+1, sql, got, want)
		}
	}
}

// escape keeps a result on one line.
var escape = strings.NewReplacer("\\", "\\\\", "\n", "\\n", "\t", "\\t")

func evalGolden(ctx *expr.Ctx, sql string) string {
	e, err := exprtest.Parse(ctx, sql)
	var d types.Datum
	if err == nil {
		d, err = expr.EvalRow(ctx, e)
	}
	if err != nil {
		x := sqlerr.From(err)
		return "ERROR\t" + x.Code + " " + escape.Replace(x.Msg)
	}
	// The folded expression must give the same, and survive the stored form.
	if f, err := expr.EvalRow(ctx, expr.FoldStable(ctx, e)); err != nil || f.Null != d.Null || f.S != d.S || f.I != d.I {
		return fmt.Sprintf("folding changed the result: %v %v", f, err)
	}
	t := e.Type()
	if t.Mod > 0 {
		t.Mod = 0
		if t.ID == types.Text {
			t.Mod = types.VarcharMod
		}
	}
	if d.Null {
		return t.String() + "\tNULL"
	}
	return t.String() + "\t" + escape.Replace(types.Format(e.Type(), d, ctx.TextEnv()))
}

// regenerate asks Postgres for every expression of the file.
func regenerate(t *testing.T, file string) {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c, err := pgconn.Connect(context.Background(), *against)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	if _, err := c.Exec(context.Background(), "set timezone='"+goldenZone+"'").ReadAll(); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, line := range strings.Split(strings.TrimRight(string(b), "\n"), "\n") {
		sql, _, _ := strings.Cut(line, "\t")
		if line == "" || line[0] == '#' || line[0] == '!' {
			out.WriteString(line + "\n")
			continue
		}
		out.WriteString(sql + "\t" + askPostgres(c, sql) + "\n")
	}
	if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func askPostgres(c *pgconn.PgConn, sql string) string {
	res, err := c.Exec(context.Background(), "SELECT "+sql).ReadAll()
	if err != nil {
		e, ok := err.(*pgconn.PgError)
		if !ok {
			return "ERROR\t" + err.Error()
		}
		return "ERROR\t" + e.Code + " " + escape.Replace(e.Message)
	}
	t, ok := types.OfOID(res[0].FieldDescriptions[0].DataTypeOID)
	name := t.String()
	if !ok {
		name = fmt.Sprint(res[0].FieldDescriptions[0].DataTypeOID)
	}
	v := res[0].Rows[0][0]
	if v == nil {
		return name + "\tNULL"
	}
	return name + "\t" + escape.Replace(string(v))
}
