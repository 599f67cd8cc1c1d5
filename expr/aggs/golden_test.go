package aggs

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"streamdb/expr"
	"streamdb/expr/casts"
	"streamdb/internal/sqlerr"
	"streamdb/types"
	"streamdb/vec"
)

var against = flag.String("against", "", "URL of a Postgres 15 that computes the goldens anew")

// TestGolden computes aggregates over lists of literals: name(type,..) value |
// value; the results came from Postgres 15.
func TestGolden(t *testing.T) {
	const file = "testdata/aggs.txt"
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var c *pgconn.PgConn
	if *against != "" {
		if c, err = pgconn.Connect(context.Background(), *against); err != nil {
			t.Fatal(err)
		}
		defer c.Close(context.Background())
	}
	lines := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	for i, line := range lines {
		call, want, _ := strings.Cut(line, "\t")
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		if c != nil {
			want = askPostgres(c, call)
			lines[i] = call + "\t" + want
		}
		if got := evalAgg(t, call); got != want {
			t.Errorf("line %d: %s\n got %s\nwant %s", i+1, call, got, want)
		}
	}
	if c != nil {
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// parseCall reads "sum(int4) 1 | 2"; several arguments of a row are parted by ";".
func parseCall(call string) (name string, argTypes []string, rows [][]string) {
	name, rest, _ := strings.Cut(call, "(")
	list, vals, _ := strings.Cut(rest, ")")
	for _, a := range strings.Split(list, ",") {
		if a != "" {
			argTypes = append(argTypes, a)
		}
	}
	if vals = strings.TrimSpace(vals); vals != "" {
		for _, v := range strings.Split(vals, "|") {
			var row []string
			for _, x := range strings.Split(v, ";") {
				row = append(row, strings.TrimSpace(x))
			}
			rows = append(rows, row)
		}
	}
	return name, argTypes, rows
}

func askPostgres(c *pgconn.PgConn, call string) string {
	name, ts, rows := parseCall(call)
	sel := make([]string, len(ts))
	for i, t := range ts {
		sel[i] = fmt.Sprintf("c%d::%s", i, t)
	}
	args := strings.Join(sel, ",")
	if d := ByName(name); d[0].OrderedSet {
		args = strings.Join(sel[:len(sel)-1], ",") + ") WITHIN GROUP (ORDER BY " + sel[len(sel)-1]
		if len(sel) > 1 {
			args = "(array_agg(" + sel[0] + "))[1]" + args[len(sel[0]):]
			args = strings.Replace(args, "(array_agg("+sel[0]+"))[1]", "'"+rows[0][0]+"'::"+ts[0], 1)
		}
	}
	var vals []string
	for _, r := range rows {
		var cells []string
		for _, v := range r {
			if v == "NULL" {
				cells = append(cells, "NULL")
			} else {
				cells = append(cells, "'"+v+"'")
			}
		}
		vals = append(vals, "("+strings.Join(cells, ",")+")")
	}
	cols := make([]string, len(ts))
	nulls := make([]string, len(ts))
	for i := range ts {
		cols[i], nulls[i] = fmt.Sprintf("c%d", i), "NULL"
	}
	from := "(VALUES " + strings.Join(vals, ",") + ") v(" + strings.Join(cols, ",") + ")"
	if len(rows) == 0 {
		from = "(VALUES (" + strings.Join(nulls, ",") + ")) v(" + strings.Join(cols, ",") + ") WHERE false"
	}
	res, err := c.Exec(context.Background(), "SELECT "+name+"("+args+") FROM "+from).ReadAll()
	if err != nil {
		e, ok := err.(*pgconn.PgError)
		if !ok {
			return "ERROR " + err.Error()
		}
		return "ERROR " + e.Code + " " + e.Message
	}
	t, _ := types.OfOID(res[0].FieldDescriptions[0].DataTypeOID)
	if res[0].Rows[0][0] == nil {
		return t.String() + "\tNULL"
	}
	return t.String() + "\t" + string(res[0].Rows[0][0])
}

// columns builds argument columns of the wanted types from text.
func columns(t *testing.T, want []types.T, rows [][]string) []vec.Vec {
	t.Helper()
	cols := make([]vec.Vec, len(want))
	for k := range want {
		b := vec.NewBuilder(want[k].Layout(), len(rows))
		for _, r := range rows {
			if r[k] == "NULL" {
				b.AppendNull()
				continue
			}
			d, err := types.ParseText(want[k], r[k], nil)
			if err != nil {
				t.Fatal(err)
			}
			b.AppendDatum(d)
		}
		cols[k] = b.Vec()
	}
	return cols
}

func evalAgg(t *testing.T, call string) string {
	name, names, rows := parseCall(call)
	args := make([]types.T, len(names))
	for i, n := range names {
		ty, ok := types.Lookup(n)
		if !ok {
			t.Fatalf("no type %s", n)
		}
		args[i] = ty
	}
	d, want, ok, err := Resolve(name, args)
	if err != nil || !ok {
		return "ERROR " + sqlerr.Code(err) + " " + fmt.Sprint(err)
	}
	for i := range args { // the argument's cast, on the text
		if !casts.CanCoerce(args[i], want[i], casts.Implicit) {
			t.Fatalf("%s cannot become %s", args[i], want[i])
		}
	}
	cols := columns(t, want, rows)
	for k := range cols {
		cols[k].N = len(rows)
	}
	res, err := d.FinalOf(&expr.Ctx{}, want, cols, len(rows))
	if err != nil {
		return "ERROR " + sqlerr.Code(err) + " " + sqlerr.From(err).Msg
	}
	ret := d.ResultType(want)
	if res.Null {
		return ret.String() + "\tNULL"
	}
	return ret.String() + "\t" + types.Format(ret, res, nil)
}
