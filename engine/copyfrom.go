package engine

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"

	"streamdb/catalog"
	"streamdb/connector/format"
	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/planner"
	"streamdb/sql/ast"
	"streamdb/stream"
	"streamdb/types"
	"streamdb/vec"
	"streamdb/wire"
)

// analyseCopyFrom is COPY table FROM STDIN: an INSERT of the rows that the client
// sends, all in one transaction.
func (s *Session) analyseCopyFrom(p *Prepared, st *ast.Copy, opt copyOptions) error {
	switch {
	case st.FromWhere != nil:
		return sqlerr.Unsupported("COPY FROM .. WHERE").WithHint("Delete the rows afterwards, in the same transaction.")
	case opt.force != nil:
		return sqlerr.Unsupported("FORCE_QUOTE with COPY FROM")
	}
	table, err := s.find(st.Table)
	if err != nil {
		return err
	}
	if err := writable(table, verbInsert); err != nil {
		return err
	}
	names := st.Columns
	if names == nil {
		for _, c := range table.Cols {
			if !c.Hidden && c.Generated == "" {
				names = append(names, c.Name)
			}
		}
	}
	c := &copyFrom{opt: opt, st: st, prepared: p, table: table, names: names}
	for i, name := range names {
		at := slices.IndexFunc(table.Cols, func(x catalog.Column) bool { return x.Name == name && !x.Hidden })
		switch {
		case at < 0:
			return sqlerr.New(sqlerr.UndefinedColumn, "column \"%s\" of relation \"%s\" does not exist", name, table.Name)
		case slices.Contains(names[:i], name):
			return sqlerr.New(sqlerr.DuplicateColumn, "column \"%s\" specified more than once", name)
		case table.Cols[at].Generated != "":
			return sqlerr.New(sqlerr.InvalidColumnReference, "column \"%s\" is a generated column", name).
				WithDetail("Generated columns cannot be used in COPY.")
		}
		c.types = append(c.types, table.Cols[at].Type)
	}
	return p.will(func(_ context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		n := *c
		n.session = s
		return &n, nil
	})
}

// copyFrom is a running COPY .. FROM STDIN: wire.CopyIn. Values go into builders as
// they are read; a batch of rows is inserted at a time.
type copyFrom struct {
	session  *Session
	prepared *Prepared
	opt      copyOptions
	st       *ast.Copy
	table    *catalog.Object
	names    []string
	types    []types.T

	count int64
	line  int64
	env   *types.Env
	vals  []*vec.Builder // of the rows not yet inserted, by name
	dml   *planner.BoundDML
	fill  *planner.Fill

	fields  [][]byte // of a line; nil: NULL
	scratch []byte   // values of the line that are not as they lie there
}

// Columns is nil: there are no rows.
func (*copyFrom) Columns() []wire.Column { return nil }

// Next is nil: there are no rows.
func (*copyFrom) Next(context.Context) (*stream.Batch, error) { return nil, nil }

// Close has nothing to do.
func (*copyFrom) Close() error { return nil }

// Tag counts the rows.
func (c *copyFrom) Tag() string { return "COPY " + strconv.FormatInt(c.count, 10) }

// CopyFormats implements wire.CopyIn.
func (c *copyFrom) CopyFormats() []int16 { return c.opt.formats(len(c.names)) }

// CopyIn reads all rows and inserts them.
func (c *copyFrom) CopyIn(ctx context.Context, read func() ([]byte, error)) error {
	in := &copyReader{read: read}
	c.begin()
	var err error
	if c.opt.format == "binary" {
		err = c.binary(ctx, in)
	} else {
		err = c.lines(ctx, in)
	}
	if err == nil {
		err = c.insert(ctx)
	}
	if err != nil {
		return err
	}
	// What comes behind the end mark is of no interest.
	for {
		if _, err := in.fill(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		in.buf = in.buf[:0]
	}
}

// at says where an error happened.
func (c *copyFrom) at(err error, column int, value *string) error {
	e := *sqlerr.From(err)
	e.Pos = 0
	e.Where = fmt.Sprintf("COPY %s, line %d", c.table.Name, c.line)
	if column >= 0 {
		e.Where += ", column " + c.names[column]
		if value != nil {
			e.Where += fmt.Sprintf(": \"%s\"", *value)
		}
	}
	return &e
}

// row takes the fields of a line.
func (c *copyFrom) row(ctx context.Context) error {
	switch n := len(c.fields); {
	case n > len(c.names):
		return c.at(sqlerr.New(sqlerr.BadCopyFileFormat, "extra data after last expected column"), -1, nil)
	case n < len(c.names):
		return c.at(sqlerr.New(sqlerr.BadCopyFileFormat, "missing data for column \"%s\"", c.names[n]), -1, nil)
	}
	for i, f := range c.fields {
		if f == nil {
			c.vals[i].AppendNull()
			continue
		}
		if err := format.AppendText(c.vals[i], c.types[i], f, c.env); err != nil {
			text := string(f)
			return c.at(err, i, &text)
		}
	}
	return c.took(ctx)
}

// took inserts when there is a batch of rows.
func (c *copyFrom) took(ctx context.Context) error {
	c.count++
	if len(c.vals) == 0 || !stream.Full(c.vals[0].Len(), c.vals) {
		return nil
	}
	return c.insert(ctx)
}

// begin makes room for the values of a batch.
func (c *copyFrom) begin() {
	c.env = c.session.Env()
	c.vals = make([]*vec.Builder, len(c.names))
	for i, t := range c.types {
		c.vals[i] = vec.NewBuilder(t.Layout(), 0)
	}
}

// insert inserts the rows that are waiting.
func (c *copyFrom) insert(ctx context.Context) error {
	if len(c.vals) == 0 || c.vals[0].Len() == 0 {
		return nil
	}
	s := c.session
	t, err := s.begun()
	if err != nil {
		return err
	}
	if c.dml == nil {
		if err := c.bind(t); err != nil {
			return err
		}
	}
	if err := s.mayWrite(t, c.dml, verbInsert); err != nil {
		return err
	}
	w := s.newWrite(t, c.dml, s.exprCtx(ctx, t, nil))
	b, err := c.batch(w.expr)
	if err == nil {
		err = w.insert(w.withHidden(b))
	}
	if err != nil {
		return c.at(err, -1, nil)
	}
	t.replayable = false // the data are gone
	return nil
}

// batch makes rows of all visible columns of the values that are waiting.
func (c *copyFrom) batch(eval *expr.Ctx) (*stream.Batch, error) {
	n := c.vals[0].Len()
	given := make([]vec.Vec, len(c.vals))
	for i, b := range c.vals {
		given[i] = b.Vec()
		b.Reset(n)
	}
	cols, err := c.fill.Rows(eval, given, n)
	if err != nil {
		return nil, err
	}
	return stream.NewBatch(n, cols, nil), nil
}

// bind binds an INSERT of a row of parameters: all that is asked of it is which table
// it is and what becomes of conflicts. How rows get the columns that COPY does not
// give is told apart.
func (c *copyFrom) bind(t *txn) error {
	st := &ast.Insert{Table: c.st.Table}
	bctx := c.session.planCtx(t.cat, "")
	var row []ast.Expr
	for i, n := range c.names {
		st.Columns = append(st.Columns, &ast.TargetColumn{Name: n})
		bctx.ParamTypes = append(bctx.ParamTypes, c.types[i])
		row = append(row, &ast.Param{N: len(bctx.ParamTypes)})
	}
	st.Query = &ast.Query{Body: &ast.Values{Rows: [][]ast.Expr{row}}}
	d, _, err := c.session.bindDML(bctx, st)
	if err != nil {
		return err
	}
	fill, err := planner.FillOf(c.session.planCtx(t.cat, ""), d.Table, c.names)
	if err != nil {
		return err
	}
	for i, name := range c.names { // altered since it was prepared
		for _, col := range d.Table.Cols {
			if col.Name == name && !col.Hidden && !col.Type.Equal(c.types[i]) {
				return sqlerr.New(sqlerr.FeatureNotSupported, "cached plan must not change result type")
			}
		}
	}
	c.dml, c.fill = d, fill
	return nil
}
