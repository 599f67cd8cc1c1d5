package planner

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"streamdb/catalog"
	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
	"streamdb/sql/parse"
	"streamdb/storage"
	"streamdb/types"
)

// world is a catalog that tests fill with CREATE statements.
type world struct {
	cat         *catalog.Catalog
	nextObject  catalog.ID
	nextTable   storage.TableID
	parallelism int
	system      func(schema, name string) (types.Schema, bool)
	env         *types.Env
	rows        map[string]int64
	emitOnClose bool
}

func newWorld() *world {
	return &world{cat: catalog.New(), nextObject: 1001, nextTable: 100}
}

func (w *world) context(sql string) *Context {
	return &Context{
		Catalog: w.cat, SearchPath: []string{"public"}, Text: sql, Parallelism: w.parallelism, EmitOnClose: w.emitOnClose,
		SystemTable: w.system, Env: w.env,
		RowsOf:      func(o *catalog.Object) int64 { return w.rows[o.Name] },
		NextTableID: func() storage.TableID { w.nextTable++; return w.nextTable - 1 },
		ParseQuery:  parseQuery, ParseExpr: parse.ParseExpr,
	}
}

func parseQuery(sql string) (*ast.Query, error) {
	st, err := parse.Parse(sql)
	if err != nil {
		return nil, err
	}
	q, ok := st[0].Stmt.(*ast.Query)
	if !ok {
		return nil, fmt.Errorf("not a query: %s", sql)
	}
	return q, nil
}

// create executes CREATE TABLE, SOURCE, VIEW and MATERIALIZED VIEW.
func (w *world) create(sql string) error {
	sts, err := parse.Parse(sql)
	if err != nil {
		return err
	}
	for _, st := range sts {
		if err := w.createOne(st.Stmt, sql); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) createOne(st ast.Stmt, sql string) error {
	ctx := w.context(sql)
	o := &catalog.Object{ID: w.nextObject, Schema: "public", SearchPath: ctx.SearchPath}
	switch st := st.(type) {
	case *ast.CreateTable:
		o.Kind, o.Name = catalog.Table, st.Name.Base()
		if err := relation(ctx, o, &st.RelationDef); err != nil {
			return err
		}
		plan, err := TableJob(ctx, o)
		if err != nil {
			return err
		}
		o.Rows = plan.Rows
	case *ast.CreateSource:
		o.Kind, o.Name = catalog.Source, st.Name.Base()
		if err := relation(ctx, o, &st.RelationDef); err != nil {
			return err
		}
	case *ast.CreateView:
		o.Kind, o.Name, o.Query = catalog.View, st.Name.Base(), st.QueryText
		q, err := Query(ctx, st.Query)
		if err != nil {
			return err
		}
		for _, c := range q.Cols {
			o.Cols = append(o.Cols, catalog.Column{Column: c})
		}
	case *ast.CreateMaterializedView:
		o.Kind, o.Name, o.Query = catalog.MaterializedView, st.Name.Base(), st.QueryText
		plan, err := Materialized(ctx, o.ID, st.Query, st.Columns)
		if err != nil {
			return err
		}
		for _, c := range plan.Cols {
			o.Cols = append(o.Cols, catalog.Column{Column: c})
		}
		o.Rows, o.DependsOn, o.AppendOnly = plan.Rows, plan.DependsOn, plan.AppendOnly
	default:
		return fmt.Errorf("the test does not know %T", st)
	}
	w.nextObject++
	w.cat = w.cat.With(o)
	return nil
}

func relation(ctx *Context, o *catalog.Object, def *ast.RelationDef) error {
	pk := 0
	for _, c := range def.Columns {
		col := catalog.Column{Column: types.Column{Name: c.Name, NotNull: c.NotNull || c.PrimaryKey}}
		var err error
		if col.Type, err = Type(ctx, c.Type); err != nil {
			return err
		}
		if c.Default != nil {
			col.Default = ast.String(c.Default)
		}
		if c.Generated != nil {
			col.Generated = ast.String(c.Generated)
		}
		if c.PrimaryKey {
			pk++
			col.PK = pk
		}
		o.Cols = append(o.Cols, col)
	}
	for _, k := range def.Constraints {
		if k.Kind == ast.ConstraintPrimaryKey {
			for _, name := range k.Columns {
				for i := range o.Cols {
					if o.Cols[i].Name == name {
						pk++
						o.Cols[i].PK, o.Cols[i].NotNull = pk, true
					}
				}
			}
		}
	}
	if pk == 0 {
		o.Cols = append(o.Cols, catalog.Column{Column: types.Column{Name: "_row_id", Type: types.Of(types.Int8), Hidden: true, NotNull: true}})
	}
	for _, wm := range def.Watermarks {
		for i := range o.Cols {
			if o.Cols[i].Name == wm.Column {
				o.Watermark = &catalog.Watermark{Col: i, Expr: ast.String(wm.Expr)}
			}
		}
	}
	o.AppendOnly = def.AppendOnly || o.Kind == catalog.Source
	for _, opt := range def.Options {
		if o.Connector == nil {
			o.Connector = &catalog.Connector{Options: map[string]string{}}
		}
		if opt.Name == "connector" {
			o.Connector.Name = opt.Value
		} else {
			o.Connector.Options[opt.Name] = opt.Value
		}
	}
	return nil
}

// plan explains a SELECT or DML statement.
func (w *world) plan(sql string, verbose bool) (string, error) {
	sts, err := parse.Parse(sql)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for _, st := range sts {
		ctx := w.context(sql)
		var q *BoundQuery
		switch st := st.Stmt.(type) {
		case *ast.Query:
			q, err = Query(ctx, st)
		case *ast.Insert:
			var d *BoundDML
			if d, err = Insert(ctx, st); err == nil {
				q = d.Rows
			}
		case *ast.Update:
			var d *BoundDML
			if d, err = Update(ctx, st); err == nil {
				q = d.Rows
			}
		case *ast.Delete:
			var d *BoundDML
			if d, err = Delete(ctx, st); err == nil {
				q = d.Rows
			}
		default:
			err = fmt.Errorf("the test does not know %T", st)
		}
		if err != nil {
			return "", err
		}
		if len(q.Params) > 0 {
			fmt.Fprintf(&out, "parameters %v\n", q.Params)
		}
		eval := &expr.Ctx{}
		for range q.Params {
			eval.Params = append(eval.Params, types.IntDatum(7))
		}
		root, err := Bounded(q, eval, Access{})
		if err != nil {
			return "", err
		}
		out.WriteString(Explain(root, verbose))
	}
	return out.String(), nil
}

// job explains a query as a materialized view.
func (w *world) job(sql string, verbose bool) (string, error) {
	q, err := parseQuery(sql)
	if err != nil {
		return "", err
	}
	w.nextTable = 500
	p, err := Materialized(w.context(sql), 9000, q, nil)
	if err != nil {
		return "", err
	}
	return p.Explain(verbose), nil
}

func errorText(err error) string {
	e := sqlerr.From(err)
	s := fmt.Sprintf("ERROR %s: %s", e.Code, e.Msg)
	if e.Pos > 0 {
		s += fmt.Sprintf(" (at %d)", e.Pos)
	}
	if e.Detail != "" {
		s += "\nDETAIL: " + e.Detail
	}
	if e.Hint != "" {
		s += "\nHINT: " + e.Hint
	}
	return s + "\n"
}

// TestPlans runs the stories in testdata:
//
//	create                CREATE statements
//	plan [verbose]        a SELECT or DML statement, explained
//	job [p=n] [verbose]   a query as a materialized view with parallelism n; emit: ON WINDOW CLOSE
//	rows                  how many rows tables have, for what is planned from here on
//	cols                  names and types of a query's result
func TestPlans(t *testing.T) {
	datadriven.Walk(t, "testdata/plan", func(t *testing.T, path string) {
		w := newWorld()
		w.system = testSystemTable
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			verbose := d.HasArg("verbose")
			w.parallelism, w.emitOnClose = 1, d.HasArg("emit")
			d.MaybeScanArgs(t, "p", &w.parallelism)
			var out string
			var err error
			switch d.Cmd {
			case "create":
				err = w.create(d.Input)
			case "plan":
				out, err = w.plan(d.Input, verbose)
			case "job":
				out, err = w.job(d.Input, verbose)
			case "rows":
				w.rows = map[string]int64{}
				for _, l := range strings.Split(d.Input, "\n") {
					name, n, _ := strings.Cut(l, " ")
					w.rows[name], err = strconv.ParseInt(n, 10, 64)
				}
			case "cols":
				out, err = w.cols(d.Input)
			default:
				d.Fatalf(t, "unknown command %s", d.Cmd)
			}
			if err != nil {
				return errorText(err)
			}
			return out
		})
	})
}

func (w *world) cols(sql string) (string, error) {
	q, err := parseQuery(sql)
	if err != nil {
		return "", err
	}
	ctx := w.context(sql)
	b, err := Query(ctx, q)
	if err != nil {
		return "", err
	}
	out := columns(b.Cols) + "\n"
	if len(b.Params) > 0 {
		out += fmt.Sprintf("parameters %v\n", b.Params)
	}
	return out, nil
}

// testSystemTable knows a few system tables with the columns that tests need.
func testSystemTable(schema, name string) (types.Schema, bool) {
	cols, ok := map[string]string{
		"pg_catalog.pg_class":     "oid oid, relname name, relnamespace oid, relkind \"char\"",
		"pg_catalog.pg_namespace": "oid oid, nspname name",
	}[schema+"."+name]
	if !ok {
		return nil, false
	}
	var s types.Schema
	for _, c := range strings.Split(cols, ", ") {
		n, tn, _ := strings.Cut(c, " ")
		t, _ := types.Lookup(tn)
		s = append(s, types.Column{Name: n, Type: t})
	}
	return s, true
}
