package engine

import (
	"context"
	"slices"
	"strings"
	"time"

	"streamdb/catalog"
	"streamdb/connector"
	"streamdb/connector/all"
	"streamdb/executor"
	"streamdb/internal/sqlerr"
	"streamdb/planner"
	"streamdb/planner/bind"
	"streamdb/sql/ast"
	"streamdb/types"
	"streamdb/wire"
)

// rowID is the hidden key of rows without a key of their own.
var rowID = catalog.Column{Column: types.Column{Name: "_row_id", Type: types.Of(types.Int8), NotNull: true, Hidden: true}}

// createTable is CREATE TABLE, with or without a connector or a query.
func createTable(text Statement, st *ast.CreateTable) action {
	return func(ctx context.Context, s *Session, args []types.Datum) (wire.Rows, error) {
		switch {
		case !st.FromSource.IsZero():
			return nil, sqlerr.Unsupported("CREATE TABLE .. FROM source")
		case !st.Like.IsZero():
			return nil, sqlerr.Unsupported("CREATE TABLE (LIKE ..)")
		case st.Temporary:
			return nil, sqlerr.Unsupported("a temporary table")
		}
		var made catalog.ID // with a query: 0: it was there before
		err := s.ddl(ctx, "CREATE TABLE", func(cat *catalog.Catalog) (*change, error) {
			schema, err := s.target(cat, st.Name)
			if skip, err := s.exists(err, st.IfNotExists, st.Name.Base()); skip || err != nil {
				return nil, err
			}
			o := &catalog.Object{ID: s.db.newID(), Kind: catalog.Table, Schema: schema, Name: st.Name.Base(), Owner: s.info.User,
				Definition: text.Text(), AppendOnly: st.AppendOnly}
			bctx := s.jobCtx(cat, text.Text())
			def := st.RelationDef
			if def.Options, err = s.takeRetention(o, def.Options); err != nil {
				return nil, err
			}
			if st.Query != nil {
				err = s.queryColumns(o, cat, st, text.Text())
			} else {
				err = relationColumns(s.db.connector, o, bctx, &def)
			}
			if err == nil {
				err = retain(o)
			}
			if err == nil {
				err = readConflict(o, &def)
			}
			if err != nil {
				return nil, err
			}
			if len(o.PrimaryKey()) == 0 {
				o.Cols = append(o.Cols, rowID)
			}
			if st.Query != nil {
				made, o.Creating, o.CreatingSince = o.ID, true, time.Now()
			}
			return s.tableChange(o, bctx)
		})
		if err != nil || made == 0 {
			return done("CREATE TABLE"), err
		}
		n, err := s.fill(ctx, made, st)
		if err != nil {
			s.db.takeBack(context.WithoutCancel(ctx), made)
		}
		return done(countTag("SELECT", n)), err
	}
}

// fill inserts the query's rows into the new table of a CREATE TABLE AS. Its mark of
// being created goes in the epoch in which the rows come: after a crash before that
// the table is taken back.
func (s *Session) fill(ctx context.Context, id catalog.ID, st *ast.CreateTable) (int64, error) {
	d, err := planner.Insert(s.planCtx(s.catalog(), ""), &ast.Insert{Table: st.Name, Query: st.Query})
	if err != nil {
		return 0, err
	}
	t, err := s.begun()
	if err != nil {
		return 0, err
	}
	eval := s.exprCtx(ctx, t, nil)
	batches, err := s.collect(ctx, t, d.Rows, eval)
	if err != nil {
		return 0, err
	}
	t.replayable, t.creates = false, id
	w := s.newWrite(t, d, eval)
	if err := w.apply(verbInsert, batches); err != nil {
		return 0, err
	}
	if err := s.db.lockDDL(ctx, nil); err != nil { // nobody else changes the object meanwhile
		return 0, err
	}
	defer s.db.ddlMu.Unlock()
	return w.count, s.commitTxn(ctx)
}

// tableChange plans the table's job.
func (s *Session) tableChange(o *catalog.Object, bctx *bind.Context) (*change, error) {
	job, err := planner.TableJob(bctx, o)
	if err != nil {
		return nil, err
	}
	o.Rows, o.Rates = job.Rows, s.rates(o)
	if err := pin(o, job.Plan); err != nil {
		return nil, err
	}
	return &change{put: []*catalog.Object{o}, start: []*executor.Plan{job.Plan}}, nil
}

// queryColumns gives a CREATE TABLE AS its columns.
func (s *Session) queryColumns(o *catalog.Object, cat *catalog.Catalog, st *ast.CreateTable, text string) error {
	q, err := planner.Query(s.planCtx(cat, text), st.Query)
	if err != nil {
		return err
	}
	names := make([]string, len(q.Cols))
	for i, c := range q.Cols {
		names[i] = c.Name
	}
	if len(st.Columns) > len(names) {
		return sqlerr.New(sqlerr.SyntaxError, "too many column names were specified")
	}
	for i, c := range st.Columns {
		names[i] = c.Name
	}
	for i, c := range q.Cols {
		if err := checkColumnName(names[i]); err != nil {
			return err
		}
		if slices.Contains(names[:i], names[i]) {
			return sqlerr.New(sqlerr.DuplicateColumn, "column \"%s\" specified more than once", names[i])
		}
		t := c.Type
		if t.ID == types.Unknown {
			t = types.Of(types.Text)
		}
		o.Cols = append(o.Cols, catalog.Column{Column: types.Column{Name: names[i], Type: t}})
	}
	return nil
}

// systemColumns are the names of Postgres's system columns, which no table may use.
var systemColumns = []string{"tableoid", "ctid", "xmin", "xmax", "cmin", "cmax"}

// checkColumnName refuses the name of a system column.
func checkColumnName(name string) error {
	if slices.Contains(systemColumns, name) {
		return sqlerr.New(sqlerr.DuplicateColumn, "column name \"%s\" conflicts with a system column name", name)
	}
	return nil
}

// relationColumns reads the columns, keys, watermark and connector of CREATE
// TABLE and CREATE SOURCE into the object.
func relationColumns(find findConnector, o *catalog.Object, bctx *bind.Context, def *ast.RelationDef) error {
	for _, c := range def.Columns {
		if slices.ContainsFunc(o.Cols, func(x catalog.Column) bool { return x.Name == c.Name }) {
			return sqlerr.New(sqlerr.DuplicateColumn, "column \"%s\" specified more than once", c.Name)
		}
		col, err := newColumn(bctx, c)
		if err != nil {
			return err
		}
		if c.PrimaryKey {
			if len(o.PrimaryKey()) > 0 {
				return sqlerr.New(sqlerr.InvalidTableDefinition, "multiple primary keys for table \"%s\" are not allowed", o.Name)
			}
			col.PK, col.NotNull = 1, true
		}
		o.Cols = append(o.Cols, col)
	}
	if err := checkGenerated(o); err != nil {
		return err
	}
	if len(def.Include) > 0 {
		return sqlerr.Unsupported("INCLUDE %s", def.Include[0].Kind)
	}
	idle, options, err := takeIdle(bctx, def.Options)
	if err != nil {
		return err
	}
	rest := *def
	rest.Options = options
	if err := readConnector(find, o, &rest); err != nil {
		return err
	}
	if err := tableConstraints(o, def.Constraints); err != nil {
		return err
	}
	return readWatermark(o, bctx, def, idle)
}

// newColumn reads a column definition, but for its place in a key.
func newColumn(bctx *bind.Context, c *ast.ColumnDef) (col catalog.Column, err error) {
	if err := checkColumnName(c.Name); err != nil {
		return col, err
	}
	switch {
	case c.Unique:
		return col, sqlerr.Unsupported("a UNIQUE constraint").WithHint("PRIMARY KEY is enforced.")
	case c.Check != nil:
		return col, sqlerr.Unsupported("a CHECK constraint")
	case c.References != nil:
		return col, sqlerr.Unsupported("a foreign key")
	case c.Type == nil:
		return col, sqlerr.New(sqlerr.SyntaxError, "column \"%s\" has no type", c.Name)
	}
	t, err := bind.New(bctx).TypeOf(c.Type)
	if err != nil {
		return col, err
	}
	col.Column = types.Column{Name: c.Name, Type: t, NotNull: c.NotNull}
	if c.Default != nil {
		if err := checkDefault(bctx, c.Default, t); err != nil {
			return col, err
		}
		col.Default = ast.String(c.Default)
	}
	if c.Generated != nil {
		col.Generated = ast.String(c.Generated)
	}
	return col, nil
}

// checkGenerated refuses generated columns that use each other, or themselves.
func checkGenerated(o *catalog.Object) error {
	for _, c := range o.Cols {
		for _, g := range o.Cols {
			if c.Generated != "" && g.Generated != "" && mentions(c.Generated, g.Name) {
				return sqlerr.New(sqlerr.InvalidObjectDefinition, "cannot use generated column \"%s\" in column generation expression", g.Name).
					WithDetail("A generated column cannot reference another generated column.")
			}
		}
	}
	return nil
}

// checkDefault binds a default once, so that its errors show at CREATE.
func checkDefault(bctx *bind.Context, e ast.Expr, t types.T) error {
	c := *bctx
	c.Job = false
	_, err := planner.Expr(&c, e, "DEFAULT expressions", t)
	return err
}

func tableConstraints(o *catalog.Object, constraints []*ast.TableConstraint) error {
	for _, c := range constraints {
		switch c.Kind {
		case ast.ConstraintPrimaryKey:
			if len(o.PrimaryKey()) > 0 {
				return sqlerr.New(sqlerr.InvalidTableDefinition, "multiple primary keys for table \"%s\" are not allowed", o.Name)
			}
			for n, name := range c.Columns {
				i := slices.IndexFunc(o.Cols, func(x catalog.Column) bool { return x.Name == name })
				if i < 0 {
					return sqlerr.New(sqlerr.UndefinedColumn, "column \"%s\" named in key does not exist", name)
				}
				if o.Cols[i].PK != 0 {
					return sqlerr.New(sqlerr.DuplicateColumn, "column \"%s\" appears twice in primary key constraint", name)
				}
				o.Cols[i].PK, o.Cols[i].NotNull = n+1, true
			}
		case ast.ConstraintUnique:
			return sqlerr.Unsupported("a UNIQUE constraint").WithHint("PRIMARY KEY is enforced.")
		case ast.ConstraintCheck:
			return sqlerr.Unsupported("a CHECK constraint")
		default:
			return sqlerr.Unsupported("a foreign key")
		}
	}
	return nil
}

// readConnector reads WITH (..) FORMAT .. ENCODE .. and checks it.
func readConnector(find findConnector, o *catalog.Object, def *ast.RelationDef) error {
	options, name, err := optionMap(def.Options)
	if err != nil {
		return err
	}
	if name == "" {
		if o.Kind == catalog.Source {
			return sqlerr.New(sqlerr.InvalidParameterValue, "a source needs a connector").
				WithHint("Write WITH (connector = '...'); there are: %s.", connectorNames())
		}
		if def.Format != nil {
			return sqlerr.New(sqlerr.InvalidParameterValue, "FORMAT needs a connector").
				WithHint("Write WITH (connector = '...').")
		}
		if def.Wildcard {
			return sqlerr.New(sqlerr.InvalidTableDefinition, "* among the columns of relation \"%s\" stands for those of a connector", o.Name)
		}
		return nil
	}
	conn := &catalog.Connector{Name: name, Options: options}
	if def.Format != nil {
		conn.Format, conn.Encode = upper(def.Format.Format), upper(def.Format.Encode)
		if conn.EncodeOptions, _, err = optionMap(def.Format.Options); err != nil {
			return err
		}
	}
	d, cfg, err := openable(find, o, conn)
	if err != nil {
		return err
	}
	if d.OpenSource == nil {
		return sqlerr.Unsupported("connector '%s' as a source", name)
	}
	if err := connector.CheckOptions(d, cfg, false); err != nil {
		return err
	}
	if (len(cfg.Schema) == 0 || def.Wildcard) && d.Schema != nil {
		if err := ownColumns(o, d, &cfg); err != nil {
			return err
		}
	} else if len(cfg.Schema) == 0 || def.Wildcard {
		return sqlerr.New(sqlerr.InvalidTableDefinition, "relation \"%s\" has no columns", o.Name).
			WithHint("Connector '%s' does not tell them: list them after the name.", name)
	}
	if d.Check != nil {
		if err := d.Check(cfg); err != nil {
			return err
		}
	}
	o.Connector = conn
	return nil
}

// ownColumns puts the columns that a connector has before those that are listed.
func ownColumns(o *catalog.Object, d *connector.Def, cfg *connector.Config) error {
	schema, err := d.Schema(*cfg)
	if err != nil {
		return err
	}
	var cols []catalog.Column
	for _, c := range schema {
		if slices.ContainsFunc(o.Cols, func(x catalog.Column) bool { return x.Name == c.Name }) {
			return sqlerr.New(sqlerr.DuplicateColumn, "column \"%s\" specified more than once", c.Name)
		}
		cols = append(cols, catalog.Column{Column: c})
	}
	o.Cols = append(cols, o.Cols...)
	cfg.Schema = append(slices.Clone(schema), cfg.Schema...)
	return nil
}

// findConnector finds a connector by name.
type findConnector func(name string) (*connector.Def, bool)

// openable finds the connector of an object, and its configuration.
func openable(find findConnector, o *catalog.Object, conn *catalog.Connector) (*connector.Def, connector.Config, error) {
	d, ok := find(conn.Name)
	if !ok {
		return nil, connector.Config{}, sqlerr.New(sqlerr.UndefinedObject, "connector '%s' does not exist", conn.Name).
			WithHint("There are: %s.", connectorNames())
	}
	cfg := connector.Config{Name: o.Name, Options: conn.Options, Format: conn.Format, Encode: conn.Encode, EncodeOptions: conn.EncodeOptions}
	for _, c := range o.Cols {
		if !c.Hidden && c.Generated == "" {
			if c.Field != "" {
				c.Name = c.Field
			}
			cfg.Schema = append(cfg.Schema, c.Column)
		}
	}
	return d, cfg, nil
}

// connectorNames lists the connectors for hints.
func connectorNames() string {
	var names []string
	for _, d := range all.Defs() {
		names = append(names, d.Name)
	}
	return strings.Join(names, ", ")
}

// optionMap reads WITH options; connector is taken out.
func optionMap(list []*ast.Option) (options map[string]string, connectorName string, err error) {
	options = map[string]string{}
	for _, opt := range list {
		if opt.Kind == ast.OptionSecret {
			return nil, "", sqlerr.Unsupported("SECRET in WITH options")
		}
		if _, twice := options[opt.Name]; twice || (opt.Name == "connector" && connectorName != "") {
			return nil, "", sqlerr.New(sqlerr.SyntaxError, "option \"%s\" is given twice", opt.Name)
		}
		if opt.Name == "connector" {
			connectorName = opt.Value
			continue
		}
		options[opt.Name] = opt.Value
	}
	return options, connectorName, nil
}

// readWatermark reads WATERMARK FOR.
func readWatermark(o *catalog.Object, bctx *bind.Context, def *ast.RelationDef, idle int64) error {
	for n, w := range def.Watermarks {
		if n > 0 {
			return sqlerr.Unsupported("more than one WATERMARK")
		}
		if w.WithTTL {
			return sqlerr.Unsupported("WATERMARK .. WITH TTL").
				WithHint("WITH (retention_seconds = n) lets rows go some time after they came; a view with a condition on now() leaves old ones out.")
		}
		i := slices.IndexFunc(o.Cols, func(x catalog.Column) bool { return x.Name == w.Column })
		if i < 0 {
			return sqlerr.New(sqlerr.UndefinedColumn, "column \"%s\" of WATERMARK does not exist", w.Column)
		}
		if o.Kind == catalog.Table && !o.AppendOnly {
			return sqlerr.New(sqlerr.FeatureNotSupported, "WATERMARK on a table that is not APPEND ONLY is not supported").
				WithHint("Rows of such a table can be deleted and updated later than any watermark.")
		}
		o.Watermark = &catalog.Watermark{Col: i, Expr: ast.String(w.Expr), Quarantine: w.OnLate == "quarantine", Idle: idle}
		col := o.Cols[i]
		if _, err := planner.ExprOver(bctx, w.Expr, o.Types(), o.Name, "WATERMARK", col.Type); err != nil {
			return err
		}
	}
	return nil
}
