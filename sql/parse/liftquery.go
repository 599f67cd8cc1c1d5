package parse

import (
	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"

	tidb "github.com/pingcap/tidb/pkg/parser/ast"
)

// query lifts a query. What it has besides its body was read by hand and hangs
// on the entry of its first operand.
func (x *lift) query(n tidb.Node) *ast.Query {
	var operands []tidb.Node
	var with *tidb.WithClause
	switch n := n.(type) {
	case *tidb.SelectStmt:
		operands, with = []tidb.Node{n}, n.With
	case *tidb.SetOprStmt:
		operands, with = n.SelectList.Selects, n.With
		if first, ok := operands[0].(*tidb.SelectStmt); ok && with == nil {
			with = first.With // it hangs on both, or on one of them
		}
	default:
		x.broken("no query for %T", n)
		return nil
	}
	x.with(with)
	var q *ast.Query
	terms := make([]setTerm, len(operands))
	for i, o := range operands {
		s, ok := o.(*tidb.SelectStmt)
		if !ok {
			x.broken("no operand for %T", o)
			return nil
		}
		own := x.term(s, &terms[i])
		if i == 0 {
			q = own
		}
	}
	if x.err != nil || q == nil {
		x.broken("a query without a head")
		return nil
	}
	if len(terms) == 1 && terms[0].inner != nil {
		return x.merge(q, terms[0].inner)
	}
	q.Body = combine(terms)
	return q
}

// setTerm is an operand of set operations with the operation in front of it.
type setTerm struct {
	body  ast.QueryBody
	inner *ast.Query // the operand was this query in parentheses
	op    *ast.SetOp
}

// term lifts one operand and gives the query that it starts, if any.
func (x *lift) term(s *tidb.SelectStmt, t *setTerm) *ast.Query {
	if s.Kind != tidb.SelectStmtKindTable {
		return x.selectTerm(s, t)
	}
	e, ok := x.tableEntry(s.From).(*termEntry)
	if !ok {
		x.broken("TABLE without an operand")
		return nil
	}
	t.op, t.body, t.inner = e.setOp, e.body, e.inner
	if e.inner != nil {
		if e.inner.IsPlain() {
			t.body = e.inner.Body
		} else {
			t.body = e.inner
		}
	}
	return e.query
}

func (x *lift) selectTerm(s *tidb.SelectStmt, t *setTerm) *ast.Query {
	if s.Fields == nil || len(s.Fields.Fields) == 0 {
		x.broken("SELECT without its first field")
		return nil
	}
	head, ok := s.Fields.Fields[0].Expr.(*tidb.ColumnNameExpr)
	if !ok {
		x.broken("SELECT that starts with %T", s.Fields.Fields[0].Expr)
		return nil
	}
	e, ok := x.entry(head.Name.Name.O).(*selectEntry)
	fields := s.Fields.Fields[1:]
	if !ok || len(fields) != len(e.sel.Targets) {
		x.broken("SELECT with %d fields", len(fields))
		return nil
	}
	for i, f := range fields {
		e.sel.Targets[i].Expr = x.expr(f.Expr)
	}
	e.sel.From = x.from(s.From)
	if s.Where != nil {
		e.sel.Where = x.expr(s.Where)
	}
	if s.GroupBy != nil {
		for _, item := range s.GroupBy.Items {
			e.sel.GroupBy = append(e.sel.GroupBy, x.expr(item.Expr))
		}
	}
	if s.Having != nil {
		e.sel.Having = x.expr(s.Having.Expr)
	}
	t.body, t.op = e.sel, e.setOp
	return e.query
}

// combine puts operands together: INTERSECT binds tighter, all lean to the left.
func combine(terms []setTerm) ast.QueryBody {
	join := func(left ast.QueryBody, t setTerm) ast.QueryBody {
		t.op.Left, t.op.Right = left, t.body
		return t.op
	}
	var out []setTerm
	for _, t := range terms {
		if t.op != nil && t.op.Kind == ast.Intersect {
			last := &out[len(out)-1]
			last.body = join(last.body, t)
			continue
		}
		out = append(out, t)
	}
	body := out[0].body
	for _, t := range out[1:] {
		body = join(body, t)
	}
	return body
}

// merge puts the clauses of q on the query in parentheses that is its body, as
// Postgres does: (SELECT .. LIMIT 1) ORDER BY x has one level.
func (x *lift) merge(q, inner *ast.Query) *ast.Query {
	twice := func(both bool, what string) {
		if both && x.err == nil {
			at := int(x.base) + q.At()
			x.err = sqlerr.New(sqlerr.SyntaxError, "multiple %s not allowed", what).At(charPos(x.src, at))
		}
	}
	limited := func(q *ast.Query) bool { return q.Limit != nil || q.Offset != nil }
	twice(q.OrderBy != nil && inner.OrderBy != nil, "ORDER BY clauses")
	twice(q.Offset != nil && inner.Offset != nil, "OFFSET clauses")
	twice(q.Limit != nil && inner.Limit != nil, "LIMIT clauses")
	twice(limited(q) && limited(inner), "limit options")
	twice(q.With != nil && inner.With != nil, "WITH clauses")
	out := *inner
	out.Pos = q.Pos
	if q.With != nil {
		out.With = q.With
	}
	if q.OrderBy != nil {
		out.OrderBy = q.OrderBy
	}
	if limited(q) {
		out.Limit, out.WithTies, out.Offset = q.Limit, q.WithTies, q.Offset
	}
	out.Locking = append(out.Locking, q.Locking...)
	return &out
}

// with lifts the queries of WITH's elements.
func (x *lift) with(w *tidb.WithClause) {
	if w == nil {
		return
	}
	for _, c := range w.CTEs {
		e, ok := x.entry(c.Name.O).(*ast.CTE)
		if !ok {
			x.broken("WITH without an element")
			return
		}
		if e.Changelog.IsZero() {
			e.Query = x.query(c.Query.Query)
		}
	}
}

// tableEntry gives the entry of the one table in FROM.
func (x *lift) tableEntry(from *tidb.TableRefsClause) any {
	if from == nil || from.TableRefs == nil {
		return nil
	}
	s, ok := from.TableRefs.Left.(*tidb.TableSource)
	if !ok {
		return nil
	}
	t, ok := s.Source.(*tidb.TableName)
	if !ok {
		return nil
	}
	return x.entry(t.Name.O)
}

// from lifts FROM; commas come as joins without ON.
func (x *lift) from(c *tidb.TableRefsClause) []ast.TableExpr {
	if c == nil {
		return nil
	}
	return x.tables(c.TableRefs)
}

func (x *lift) tables(n tidb.ResultSetNode) []ast.TableExpr {
	j, ok := n.(*tidb.Join)
	switch {
	case ok && j.Right == nil:
		return x.tables(j.Left)
	case ok && j.On == nil:
		return append(x.tables(j.Left), x.tables(j.Right)...)
	}
	if t := x.table(n); t != nil {
		return []ast.TableExpr{t}
	}
	return nil
}

// table lifts one element of FROM; nil is the table that is not there.
func (x *lift) table(n tidb.ResultSetNode) ast.TableExpr {
	switch n := n.(type) {
	case *tidb.Join:
		if n.Right == nil {
			return x.table(n.Left)
		}
		return x.join(n)
	case *tidb.TableSource:
		switch s := n.Source.(type) {
		case *tidb.TableName:
			return x.namedTable(s.Name.O)
		case *tidb.Join:
			return x.table(s)
		case *tidb.SelectStmt, *tidb.SetOprStmt:
			if e, ok := x.entry(n.AsName.O).(*ast.SubqueryTable); ok {
				e.Query = x.query(s)
				return e
			}
		}
	}
	x.broken("no table for %T", n)
	return nil
}

func (x *lift) namedTable(word string) ast.TableExpr {
	switch e := x.entry(word).(type) {
	case ast.TableExpr:
		return e
	case *joinEntry:
		if len(e.tables) == 1 {
			if j, ok := e.tables[0].(*ast.Join); ok && j.Alias == nil {
				j.Alias = e.alias
				return j
			}
		}
		x.syntaxError(e.alias.Pos)
		return nil
	case nil:
		return nil
	}
	x.broken("%s is no table", word)
	return nil
}

// join lifts a join; its entry is its condition's name.
func (x *lift) join(n *tidb.Join) ast.TableExpr {
	if n.On == nil {
		x.broken("a join without ON")
		return nil
	}
	f, ok := n.On.Expr.(*tidb.FuncCallExpr)
	if !ok {
		x.broken("a join on %T", n.On.Expr)
		return nil
	}
	j, ok := x.entry(f.FnName.O).(*ast.Join)
	if !ok {
		x.broken("a join on %s", f.FnName.O)
		return nil
	}
	j.Left, j.Right = x.table(n.Left), x.table(n.Right)
	if len(f.Args) == 1 {
		j.On = x.expr(f.Args[0])
	}
	return j
}

// mainStmt lifts INSERT, UPDATE and DELETE.
func (x *lift) mainStmt(n tidb.StmtNode) {
	switch n := n.(type) {
	case *tidb.InsertStmt:
		s, ok := x.tableEntry(n.Table).(*ast.Insert)
		if !ok || len(n.Columns) != len(s.Columns) {
			x.broken("INSERT without its table")
			return
		}
		if n.Select != nil {
			s.Query = x.query(n.Select)
		}
	case *tidb.UpdateStmt:
		s, ok := x.tableEntry(n.TableRefs).(*ast.Update)
		if !ok || len(n.List) != len(s.Set) {
			x.broken("UPDATE without its table")
			return
		}
		for i, a := range n.List {
			s.Set[i].Value = x.expr(a.Expr)
		}
		if n.Where != nil {
			s.Where = x.expr(n.Where)
		}
	case *tidb.DeleteStmt:
		s, ok := x.tableEntry(n.TableRefs).(*ast.Delete)
		if !ok {
			x.broken("DELETE without its table")
			return
		}
		if n.Where != nil {
			s.Where = x.expr(n.Where)
		}
	default:
		x.broken("no statement for %T", n)
	}
}
