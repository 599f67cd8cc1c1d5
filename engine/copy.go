package engine

import (
	"context"
	"slices"
	"strings"

	"streamdb/catalog"
	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
	"streamdb/types"
	"streamdb/wire"
)

// copyOptions is WITH (..) of COPY; see Postgres's documentation.
type copyOptions struct {
	format        string // text, csv, binary
	delimiter     byte
	null          string
	header        bool
	quote, escape byte
	force         []string // FORCE_QUOTE; "*": all columns
}

func invalidCopy(format string, args ...any) error {
	return sqlerr.New(sqlerr.InvalidParameterValue, format, args...)
}

// readCopyOptions reads and checks the options, with Postgres's words.
func readCopyOptions(st *ast.Copy) (o copyOptions, err error) {
	given := map[string]string{}
	for _, opt := range st.Options {
		name := opt.Name
		if name == "delimiters" {
			name = "delimiter"
		}
		if _, twice := given[name]; twice {
			return o, sqlerr.New(sqlerr.SyntaxError, "conflicting or redundant options")
		}
		given[name] = opt.Value
		switch name {
		case "format", "delimiter", "null", "header", "quote", "escape", "force_quote":
		case "encoding":
			if e := strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(opt.Value)); e != "utf8" {
				return o, sqlerr.Unsupported("COPY in the encoding %s", opt.Value)
			}
		case "freeze":
		case "force_null", "force_not_null":
			return o, sqlerr.Unsupported("the COPY option %s", upper(name))
		default:
			return o, sqlerr.New(sqlerr.SyntaxError, "option \"%s\" not recognized", opt.Name)
		}
	}
	if o.format = given["format"]; o.format == "" {
		o.format = "text"
	}
	if !slices.Contains([]string{"text", "csv", "binary"}, o.format) {
		return o, invalidCopy("COPY format \"%s\" not recognized", o.format)
	}
	csv := o.format == "csv"
	for _, name := range []string{"delimiter", "null", "header"} {
		if _, ok := given[name]; ok && o.format == "binary" {
			return o, sqlerr.New(sqlerr.SyntaxError, "cannot specify %s in BINARY mode", upper(name))
		}
	}
	for _, name := range []string{"quote", "escape", "force_quote"} {
		if _, ok := given[name]; ok && !csv {
			return o, sqlerr.Unsupported("COPY %s outside of CSV mode", strings.ReplaceAll(name, "_", " "))
		}
	}
	o.delimiter, o.null, o.quote = '\t', "\\N", '"'
	if csv {
		o.delimiter, o.null = ',', ""
	}
	if s, ok := given["null"]; ok {
		o.null = s
	}
	for name, to := range map[string]*byte{"delimiter": &o.delimiter, "quote": &o.quote} {
		if s, ok := given[name]; ok {
			if len(s) != 1 {
				return o, sqlerr.Unsupported("a COPY %s of more than one byte", name)
			}
			*to = s[0]
		}
	}
	o.escape = o.quote
	if s, ok := given["escape"]; ok {
		if len(s) != 1 {
			return o, sqlerr.Unsupported("a COPY escape of more than one byte")
		}
		o.escape = s[0]
	}
	switch strings.ToLower(given["header"]) {
	case "true", "on", "1":
		o.header = true
	case "":
		_, o.header = given["header"]
	case "false", "off", "0":
	default:
		return o, sqlerr.Unsupported("COPY HEADER %s", given["header"])
	}
	if s, ok := given["force_quote"]; ok {
		for _, name := range strings.Split(strings.Trim(s, "()"), ",") {
			o.force = append(o.force, strings.Trim(strings.TrimSpace(name), `"`))
		}
	}
	switch {
	case strings.ContainsAny(o.null, "\r\n"):
		return o, invalidCopy("COPY null representation cannot use newline or carriage return")
	case o.delimiter == '\n' || o.delimiter == '\r':
		return o, invalidCopy("COPY delimiter cannot be newline or carriage return")
	case !csv && strings.IndexByte(`\.abcdefghijklmnopqrstuvwxyz0123456789`, o.delimiter) >= 0:
		return o, invalidCopy("COPY delimiter cannot be \"%c\"", o.delimiter)
	case csv && o.delimiter == o.quote:
		return o, invalidCopy("COPY delimiter and quote must be different")
	case strings.IndexByte(o.null, o.delimiter) >= 0:
		return o, invalidCopy("COPY delimiter must not appear in the NULL specification")
	}
	return o, nil
}

// formats are the format codes of n columns.
func (o *copyOptions) formats(n int) []int16 {
	f := make([]int16, n)
	if o.format == "binary" {
		for i := range f {
			f[i] = 1
		}
	}
	return f
}

// analyseCopy is COPY.
func (s *Session) analyseCopy(p *Prepared, st *ast.Copy) error {
	if st.Target != "" || st.Program {
		return sqlerr.Unsupported("COPY with a file or program of the server").
			WithHint("Use COPY .. TO STDOUT or FROM STDIN; psql's \\copy reads and writes files of the client.")
	}
	opt, err := readCopyOptions(st)
	if err != nil {
		return err
	}
	if st.From {
		return s.analyseCopyFrom(p, st, opt)
	}
	inner := &Prepared{stmt: p.stmt, params: p.params}
	switch q := st.Query.(type) {
	case nil:
		query, err := s.copiedTable(st)
		if err != nil {
			return err
		}
		err = s.analyseQuery(inner, query)
		if err != nil {
			return err
		}
	case *ast.Query:
		err = s.analyseQuery(inner, q)
	case *ast.Subscribe:
		err = s.analyseSubscribe(inner, q)
	case *ast.Insert, *ast.Update, *ast.Delete:
		if err = s.analyseDML(inner, q); err == nil && inner.cols == nil {
			err = sqlerr.New(sqlerr.FeatureNotSupported, "COPY query must have a RETURNING clause")
		}
	default:
		err = sqlerr.Unsupported("COPY of this statement")
	}
	if err != nil {
		return err
	}
	for _, name := range opt.force {
		if name != "*" && !slices.ContainsFunc(inner.cols, func(c wire.Column) bool { return c.Name == name }) {
			return sqlerr.New(sqlerr.InvalidColumnReference, "FORCE_QUOTE column \"%s\" not referenced by COPY", name)
		}
	}
	p.params = inner.params
	return p.will(func(ctx context.Context, s *Session, args []types.Datum) (wire.Rows, error) {
		rows, err := inner.action(ctx, s, args)
		if err != nil {
			return nil, err
		}
		out := &copyTo{opt: opt, of: rows, cols: inner.cols, env: s.Env()}
		if sub, ok := rows.(*subscription); ok {
			return &liveCopy{copyTo: out, subscription: sub}, nil
		}
		return out, nil
	})
}

// copiedTable is the query of COPY relation (columns) TO.
func (s *Session) copiedTable(st *ast.Copy) (*ast.Query, error) {
	o, err := s.find(st.Table)
	if err != nil {
		return nil, err
	}
	list := "*"
	if st.Columns != nil {
		names := make([]string, len(st.Columns))
		for i, c := range st.Columns {
			if !slices.ContainsFunc(o.Cols, func(x catalog.Column) bool { return x.Name == c && !x.Hidden }) {
				return nil, sqlerr.New(sqlerr.UndefinedColumn, "column \"%s\" of relation \"%s\" does not exist", c, o.Name)
			}
			names[i] = `"` + strings.ReplaceAll(c, `"`, `""`) + `"`
		}
		list = strings.Join(names, ", ")
	}
	return parseQuery("SELECT " + list + " FROM " + st.Table.String())
}
