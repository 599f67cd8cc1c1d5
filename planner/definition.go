package planner

import (
	"slices"

	"streamdb/catalog"
	"streamdb/sql/ast"
)

// Definition is the statement that would make an object as it is now: the text
// that made it, or, when it or what it names has been renamed since, that
// statement printed with the names of today. parse reads a stored text.
func Definition(cat *catalog.Catalog, o *catalog.Object, parse func(string) (ast.Stmt, error)) string {
	moved := renamed(cat, o) || renamedItself(o, parse)
	if o.Definition == "" || !moved && !grown(cat, o) {
		return o.Definition
	}
	st, err := parse(o.Definition)
	if err != nil {
		return o.Definition
	}
	r := &renamer{cat: cat, obj: o}
	name, q := createdName(st)
	if r.all = q != nil && grown(cat, o) && takesAll(q); !moved && !r.all {
		return o.Definition
	}
	if name != nil {
		own(name, o)
		if q != nil {
			r.query(q, nil)
		}
	}
	switch st := st.(type) {
	case *ast.CreateSink:
		st.From = r.current(st.From)
	case *ast.CreateIndex:
		st.Table = r.current(st.Table)
	case *ast.CreateSubscription:
		st.From = r.current(st.From)
	}
	return ast.Definition(st)
}

// QueryText is the query of a view, materialized view or sink with the names of
// today.
func QueryText(cat *catalog.Catalog, o *catalog.Object, parse func(string) (*ast.Query, error)) string {
	moved := renamed(cat, o)
	if o.Query == "" || !moved && !grown(cat, o) {
		return o.Query
	}
	q, err := parse(o.Query)
	if err != nil {
		return o.Query
	}
	r := &renamer{cat: cat, obj: o}
	if r.all = grown(cat, o) && takesAll(q); !moved && !r.all {
		return o.Query
	}
	r.query(q, nil)
	return ast.String(q)
}

// createdName finds the name in a CREATE statement, and its query.
func createdName(st ast.Stmt) (*ast.Name, *ast.Query) {
	switch st := st.(type) {
	case *ast.CreateTable:
		return &st.Name, nil
	case *ast.CreateSource:
		return &st.Name, nil
	case *ast.CreateView:
		return &st.Name, st.Query
	case *ast.CreateMaterializedView:
		return &st.Name, st.Query
	case *ast.CreateSink:
		return &st.Name, st.Query
	case *ast.CreateIndex:
		return &st.Name, nil
	case *ast.CreateSubscription:
		return &st.Name, nil
	}
	return nil, nil
}

// own puts an object's name of today into its statement.
func own(name *ast.Name, o *catalog.Object) {
	if name.IsZero() {
		return
	}
	name.Parts[len(name.Parts)-1] = o.Name
	if len(name.Parts) > 1 {
		name.Parts[len(name.Parts)-2] = o.Schema
	}
}

func renamedItself(o *catalog.Object, parse func(string) (ast.Stmt, error)) bool {
	st, err := parse(o.Definition)
	if err != nil {
		return false
	}
	name, _ := createdName(st)
	return name != nil && !name.IsZero() && (name.Base() != o.Name || name.Schema() != "" && name.Schema() != o.Schema)
}

// renamed reports whether anything that the object names is called otherwise today.
func renamed(cat *catalog.Catalog, o *catalog.Object) bool {
	r := &renamer{cat: cat, obj: o}
	return slices.ContainsFunc(o.Refs, func(ref catalog.Ref) bool {
		at := cat.ByID(ref.ID)
		return at != nil && (r.moved(&ref, at) || otherColumns(&ref, at))
	})
}

// otherColumns reports whether a visible column that the text knew has another name.
func otherColumns(ref *catalog.Ref, o *catalog.Object) bool {
	for i, n := range ref.Cols {
		if i < len(o.Cols) && !o.Cols[i].Hidden && o.Cols[i].Name != n {
			return true
		}
	}
	return false
}

// renamer puts the names of today into the text of an object.
type renamer struct {
	cat  *catalog.Catalog
	obj  *catalog.Object
	all  bool             // the text takes all columns of something that has more now
	done []*ast.TableName // have their name of today
}

// moved reports whether the name as written leads elsewhere today.
func (r *renamer) moved(ref *catalog.Ref, o *catalog.Object) bool {
	parts := splitIdent(ref.Name)
	schema, base := "", parts[len(parts)-1]
	if len(parts) > 1 {
		schema = parts[len(parts)-2]
	}
	return r.cat.Resolve(schema, base, r.obj.SearchPath) != o
}

// current is a relation's name of today; as written if nothing is known of it.
func (r *renamer) current(name ast.Name) ast.Name {
	if name.IsZero() {
		return name
	}
	if ref := r.obj.Ref(name.String()); ref != nil {
		if o := r.cat.ByID(ref.ID); o != nil && r.moved(ref, o) {
			return r.shortest(name, o)
		}
	}
	return name
}

// shortest names an object, with its schema where it was written or is needed.
func (r *renamer) shortest(name ast.Name, o *catalog.Object) ast.Name {
	if len(name.Parts) == 1 && r.cat.Resolve("", o.Name, r.obj.SearchPath) == o {
		return ast.Name{Pos: name.Pos, Parts: []string{o.Name}}
	}
	return ast.Name{Pos: name.Pos, Parts: []string{o.Schema, o.Name}}
}

// query renames the relations of a query; shadow are the WITH names it sees.
func (r *renamer) query(q *ast.Query, shadow []string) {
	shadow = slices.Clone(shadow)
	if q.With != nil {
		for _, c := range q.With.CTEs {
			inside := shadow
			if q.With.Recursive {
				inside = append(slices.Clone(shadow), c.Name)
			}
			if c.Query != nil {
				r.query(c.Query, inside)
			}
			shadow = append(shadow, c.Name)
		}
	}
	visit := func(n ast.Node) bool { return r.node(n, shadow) }
	ast.Walk(q.Body, visit)
	for _, o := range q.OrderBy {
		ast.Walk(o, visit)
	}
	for _, e := range []ast.Expr{q.Limit, q.Offset} {
		if e != nil {
			ast.Walk(e, visit)
		}
	}
}

func (r *renamer) node(n ast.Node, shadow []string) bool {
	switch n := n.(type) {
	case *ast.Query:
		r.query(n, shadow)
		return false
	case *ast.Select:
		for i, t := range n.From {
			n.From[i] = r.known(t, shadow)
		}
	case *ast.Join:
		n.Left, n.Right = r.known(n.Left, shadow), r.known(n.Right, shadow)
	case *ast.TableName:
		if slices.Contains(r.done, n) {
			return true
		}
		n.Name, n.Alias = r.table(n.Name, n.Alias, shadow)
	case *ast.ColumnRef:
		n.Parts = r.column(n.Parts)
	case *ast.Star:
		if len(n.Qualifier) == 2 {
			parts := r.column(append(slices.Clone(n.Qualifier), "*"))
			n.Qualifier = parts[:len(parts)-1]
		}
	case *ast.FuncTable:
		call, ok := n.Call.(*ast.FuncCall)
		if !ok || len(call.Args) == 0 || !slices.Contains([]string{"tumble", "hop", "session", "cumulate"}, call.Name.Base()) {
			return true
		}
		if arg, ok := call.Args[0].(*ast.ColumnRef); ok {
			was := ast.Name{Pos: arg.Pos, Parts: arg.Parts}
			if q := r.knownQuery(was, shadow); q != nil {
				if n.Alias == nil {
					n.Alias = &ast.TableAlias{Name: was.Base()}
				}
				call.Args[0] = &ast.Subquery{Pos: arg.Pos, Query: q}
				for _, a := range call.Args[1:] {
					if c, ok := a.(*ast.ColumnRef); ok { // a query has no name there
						c.Parts = c.Parts[len(c.Parts)-1:]
					}
				}
				return true
			}
			name, alias := r.table(was, n.Alias, shadow)
			arg.Parts, n.Alias = name.Parts, alias
			if len(was.Parts) > 1 || !slices.Contains(shadow, was.Base()) {
				r.windowColumns(call.Args[1:], r.obj.Ref(was.String()))
			}
		}
	}
	return true
}

// column is a column with its schema and relation, schema.relation.column: of a
// relation that got another name, or other columns, under the alias that table gives it.
func (r *renamer) column(parts []string) []string {
	if len(parts) != 3 {
		return parts
	}
	ref := r.obj.Ref(ast.Name{Parts: parts[:2]}.String())
	if ref == nil || r.cat.ByID(ref.ID) == nil {
		return parts
	}
	switch o := r.cat.ByID(ref.ID); {
	case otherColumns(ref, o), r.moved(ref, o) && o.Name != parts[1]:
		return parts[1:]
	case r.moved(ref, o):
		return []string{o.Schema, o.Name, parts[2]}
	}
	return parts
}

// windowColumns renames the columns that a window in FROM is about: an alias does
// not reach them.
func (r *renamer) windowColumns(args []ast.Expr, ref *catalog.Ref) {
	if ref == nil || r.cat.ByID(ref.ID) == nil {
		return
	}
	o := r.cat.ByID(ref.ID)
	for _, a := range args {
		c, ok := a.(*ast.ColumnRef)
		if !ok {
			continue
		}
		if i := slices.Index(ref.Cols, c.Parts[len(c.Parts)-1]); i >= 0 && i < len(o.Cols) {
			c.Parts = []string{o.Cols[i].Name} // without the relation's name, which may be another one
		}
	}
}

// table is a relation in FROM under its name of today, with an alias where the
// text goes on to use the old names.
func (r *renamer) table(name ast.Name, alias *ast.TableAlias, shadow []string) (ast.Name, *ast.TableAlias) {
	if len(name.Parts) == 1 && slices.Contains(shadow, name.Base()) {
		return name, alias
	}
	ref := r.obj.Ref(name.String())
	if ref == nil {
		return name, alias
	}
	o := r.cat.ByID(ref.ID)
	if o == nil {
		return name, alias
	}
	now := name
	if r.moved(ref, o) {
		now = r.shortest(name, o)
	}
	columns := otherColumns(ref, o)
	if !columns && now.Base() == name.Base() {
		return now, alias
	}
	a := &ast.TableAlias{Name: name.Base()}
	if alias != nil {
		*a = *alias
	}
	if columns {
		a.Columns = knownColumns(a.Columns, ref, o)
	}
	return now, a
}

// knownColumns lists the names that the text has for a relation's columns; the
// first of them may be given by the text.
func knownColumns(given []string, ref *catalog.Ref, o *catalog.Object) []string {
	var out []string
	for i, n := range ref.Cols {
		if i >= len(o.Cols) || o.Cols[i].Hidden {
			continue
		}
		if k := len(out); k < len(given) {
			n = given[k]
		}
		out = append(out, n)
	}
	return out
}

// splitIdent splits a name as ast.Name prints it.
func splitIdent(s string) []string {
	parts, quoted := []string{""}, false
	for i := 0; i < len(s); i++ {
		last := &parts[len(parts)-1]
		switch {
		case s[i] == '"' && quoted && i+1 < len(s) && s[i+1] == '"':
			*last += `"`
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '.' && !quoted:
			parts = append(parts, "")
		default:
			*last += s[i : i+1]
		}
	}
	return parts
}
