package engine

import (
	"context"
	"regexp"
	"strings"

	"streamdb/catalog"
	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
	"streamdb/types"
	"streamdb/wire"
)

// analyseShow is SHOW: settings, lists of objects, definitions.
func (s *Session) analyseShow(p *Prepared, st *ast.Show) error {
	words := strings.Join(st.Words, " ")
	if kind, ok := showKinds[words]; ok {
		p.cols = textColumns("Name")
		p.action = showObjects(kind, st)
		return nil
	}
	switch {
	case words == "all":
		p.cols, p.action = textColumns("name", "setting", "description"), showAll
	case words == "schemas":
		p.cols, p.action = textColumns("Name"), showSchemas(st)
	case words == "databases":
		p.cols, p.action = textColumns("Name"), func(context.Context, *Session, []types.Datum) (wire.Rows, error) {
			name := database
			return textRows(textColumns("Name"), [][]*string{{&name}}, "SHOW"), nil
		}
	case words == "jobs":
		p.cols, p.action = jobColumns, showJobs
	case words == "columns":
		p.cols, p.action = describeColumns, describeRelation(st.Name)
	case words == "transaction isolation level":
		return s.showOne(p, "transaction_isolation")
	case words == "time zone":
		return s.showOne(p, "timezone")
	case len(st.Words) > 1 && st.Words[0] == "create":
		p.cols, p.action = textColumns("Name", "Create Sql"), showCreate(strings.Join(st.Words[1:], " "), st.Name)
	case len(st.Words) == 1 || strings.Contains(words, "."):
		return s.showOne(p, strings.Join(st.Words, "."))
	default:
		return sqlerr.Unsupported("SHOW %s", strings.ToUpper(words))
	}
	return nil
}

func (s *Session) showOne(p *Prepared, name string) error {
	if _, err := s.settings.get(name); err != nil {
		return err
	}
	p.cols, p.action = textColumns(settingTitle(name)), showSetting(name)
	return nil
}

var showKinds = map[string]catalog.Kind{
	"tables":             catalog.Table,
	"sources":            catalog.Source,
	"views":              catalog.View,
	"materialized views": catalog.MaterializedView,
	"sinks":              catalog.Sink,
	"indexes":            catalog.Index,
}

// likeMatcher is SHOW .. LIKE 'pattern'.
func likeMatcher(st *ast.Show) func(string) bool {
	if !st.HasLike {
		return func(string) bool { return true }
	}
	var b strings.Builder
	for _, r := range st.Like {
		switch r {
		case '%':
			b.WriteString(".*")
		case '_':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	re := regexp.MustCompile("(?s)^" + b.String() + "$")
	return re.MatchString
}

func showObjects(kind catalog.Kind, st *ast.Show) action {
	return func(_ context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		in := s.settings.searchPath(s.info.User)
		if st.Name.Schema() != "" || st.Name.Base() != "" {
			name := st.Name.Base()
			if _, ok := s.catalog().Schema(name); !ok {
				return nil, sqlerr.New(sqlerr.InvalidSchemaName, "schema \"%s\" does not exist", name)
			}
			in = []string{name}
		}
		match := likeMatcher(st)
		var rows [][]*string
		for _, o := range s.catalog().Objects() {
			if o.Kind == kind && contains(in, o.Schema) && match(o.Name) {
				rows = append(rows, []*string{&o.Name})
			}
		}
		return textRows(textColumns("Name"), rows, "SHOW"), nil
	}
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func showSchemas(st *ast.Show) action {
	return func(_ context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		match := likeMatcher(st)
		var rows [][]*string
		names := append([]string{"information_schema", "pg_catalog", "rw_catalog", "streamdb"}, s.catalog().Schemas()...)
		for _, n := range names {
			if match(n) {
				rows = append(rows, []*string{&n})
			}
		}
		return textRows(textColumns("Name"), rows, "SHOW"), nil
	}
}

// showCreate is SHOW CREATE kind name.
func showCreate(kind string, name ast.Name) action {
	return func(_ context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		o, err := s.find(name)
		if err != nil {
			return nil, err
		}
		if string(o.Kind) != kind {
			return nil, sqlerr.New(sqlerr.WrongObjectType, "\"%s\" is not a %s", o.Name, kind).
				WithHint("It is a %s.", o.Kind)
		}
		qualified := o.Schema + "." + o.Name
		text := definition(s.catalog(), o)
		return textRows(textColumns("Name", "Create Sql"), [][]*string{{&qualified, &text}}, "SHOW"), nil
	}
}

// find resolves a relation's name; 42P01 if there is none.
func (s *Session) find(name ast.Name) (*catalog.Object, error) {
	o := s.catalog().Resolve(name.Schema(), name.Base(), s.settings.searchPath(s.info.User))
	if o == nil {
		return nil, sqlerr.New(sqlerr.UndefinedTable, "relation \"%s\" does not exist", name.String()).At(name.At() + 1)
	}
	return o, nil
}

var describeColumns = textColumns("Name", "Type", "Is Hidden", "Description")

// analyseDescribe is DESCRIBE name.
func (s *Session) analyseDescribe(p *Prepared, st *ast.Describe) error {
	if st.Fragment {
		return sqlerr.Unsupported("DESCRIBE FRAGMENTS").WithHint("Use EXPLAIN.")
	}
	p.cols, p.action = describeColumns, describeRelation(st.Name)
	return nil
}

func describeRelation(name ast.Name) action {
	return func(_ context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		o, err := s.find(name)
		if err != nil {
			return nil, err
		}
		var rows [][]*string
		for _, c := range o.Cols {
			if c.Dropped {
				continue
			}
			name, typ, hidden := c.Name, c.Type.String(), "false"
			if c.Hidden {
				hidden = "true"
			}
			var about *string
			if c.Comment != "" {
				about = &c.Comment
			}
			rows = append(rows, []*string{&name, &typ, &hidden, about})
		}
		return textRows(describeColumns, rows, "DESCRIBE"), nil
	}
}
