package engine

import (
	"streamdb/catalog"
	"streamdb/internal/sqlerr"
	"streamdb/planner"
	"streamdb/sql/ast"
	"streamdb/sql/parse"
)

// definition is the statement that makes an object as it is now, for SHOW CREATE.
func definition(cat *catalog.Catalog, o *catalog.Object) string {
	return planner.Definition(cat, o, parseStatement)
}

// queryText is the query of a view with the names of today, for pg_get_viewdef.
func queryText(cat *catalog.Catalog, o *catalog.Object) string {
	return planner.QueryText(cat, o, parseQuery)
}

// parseStatement reads the text of one statement.
func parseStatement(sql string) (ast.Stmt, error) {
	stmts, err := parse.Parse(sql)
	if err != nil {
		return nil, err
	}
	if len(stmts) != 1 {
		return nil, sqlerr.New(sqlerr.InternalError, "a definition is not one statement: %q", sql)
	}
	return stmts[0].Stmt, nil
}

// redefine edits the statement that made an object. A text that cannot be read
// stays as it is.
func redefine(o *catalog.Object, edit func(st ast.Stmt)) {
	st, err := parseStatement(o.Definition)
	if err != nil {
		return
	}
	edit(st)
	o.Definition = ast.Definition(st)
}

// relationDef is the part of CREATE TABLE or CREATE SOURCE with the columns, all
// listed: those of a query and those that a connector told are added.
func relationDef(st ast.Stmt, o *catalog.Object) *ast.RelationDef {
	var def *ast.RelationDef
	switch st := st.(type) {
	case *ast.CreateTable:
		def = &st.RelationDef
		if st.Query != nil {
			st.Query, def.Columns = nil, nil
		}
	case *ast.CreateSource:
		def = &st.RelationDef
	default:
		return nil
	}
	if len(def.Columns) == 0 {
		for _, c := range o.Cols {
			t, err := parse.ParseType(c.Type.String())
			if c.Hidden || err != nil {
				continue
			}
			def.Columns = append(def.Columns, &ast.ColumnDef{Name: c.Name, Type: t, NotNull: c.NotNull})
		}
	}
	return def
}

// renameRefs puts another name for a column into an expression over a
// relation's own columns.
func renameRefs(e ast.Expr, from, to string) {
	ast.Walk(e, func(n ast.Node) bool {
		if c, ok := n.(*ast.ColumnRef); ok && c.Parts[len(c.Parts)-1] == from {
			c.Parts[len(c.Parts)-1] = to
		}
		return true
	})
}

// renameText is renameRefs on the text of an expression.
func renameText(text, from, to string) string {
	if text == "" {
		return ""
	}
	e, err := parse.ParseExpr(text)
	if err != nil {
		return text
	}
	renameRefs(e, from, to)
	return ast.String(e)
}
