package parse

import (
	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
)

// createHead is what stands between CREATE and the kind of the object.
type createHead struct {
	pos                                      ast.Pos
	replace, temporary, unique, materialized bool
	replacement                              bool
}

// create reads CREATE.
func (r *reader) create() ast.Stmt {
	h := createHead{pos: r.pos()}
	r.need("create")
	h.replace = r.take("or", "replace")
	if h.temporary = r.take("temp"); !h.temporary {
		h.temporary = r.take("temporary")
	}
	h.unique = r.take("unique")
	h.replacement = r.take("replacement")
	h.materialized = r.take("materialized")
	kind := r.p
	if r.cur().kind != word {
		r.fail()
		return nil
	}
	switch w := r.anyWord(); {
	case w == "view" && h.materialized:
		return r.createMaterializedView(h)
	case h.materialized || h.unique && w != "index":
		r.failAt(kind)
		return nil
	case w == "table":
		return r.createTable(h)
	case w == "source":
		return r.createSource(h)
	case w == "sink":
		return r.createSink(h)
	case w == "view":
		return r.createView(h)
	case w == "index":
		return r.createIndex(h)
	case w == "subscription":
		return r.createSubscription(h)
	case w == "schema":
		return r.createSchema(h)
	case w == "database":
		return r.createDatabase(h)
	case w == "user", w == "role":
		return r.createUser(h, w == "role")
	case w == "connection":
		return r.createConnection(h)
	case w == "secret":
		return r.createSecret(h)
	case w == "function", w == "aggregate":
		return r.createFunction(h, w == "aggregate")
	case unsupportedKinds[w]:
		r.refuse(kind, sqlerr.FeatureNotSupported, "CREATE %s is not supported", upper(w))
	default:
		r.failAt(kind)
	}
	return nil
}

// unsupportedKinds are objects of Postgres that streamdb has not.
var unsupportedKinds = wordSet(`access cast collation conversion domain event extension foreign
	global group language local operator policy procedure publication recursive rule sequence server
	statistics tablespace text transform trigger type unlogged`)

func (r *reader) ifNotExists() bool { return r.take("if", "not", "exists") }

func (r *reader) createMaterializedView(h createHead) ast.Stmt {
	s := &ast.CreateMaterializedView{Pos: h.pos, OrReplace: h.replace, IfNotExists: r.ifNotExists(), Name: r.name()}
	if h.replacement {
		r.need("for")
		s.ReplacementFor = r.name()
	}
	r.inCluster()
	if r.isPunct(0, "(") {
		s.Columns = r.columnList()
	}
	s.Options = r.withOptions()
	r.need("as")
	s.Query, s.QueryText = r.textQuery()
	if r.take("with", "no", "data") {
		s.WithNoData = true
	} else {
		r.take("with", "data")
	}
	s.EmitOnWindowClose = r.emitClause()
	return s
}

// emitClause reads EMIT ON WINDOW CLOSE; EMIT IMMEDIATELY is how it is anyway.
func (r *reader) emitClause() bool {
	if r.take("emit", "on", "window", "close") {
		return true
	}
	r.take("emit", "immediately")
	return false
}

// inCluster skips IN CLUSTER name: there is one cluster.
func (r *reader) inCluster() {
	if r.take("in", "cluster") {
		r.columnName()
	}
}

// textQuery reads a query and gives its text with it.
func (r *reader) textQuery() (*ast.Query, string) {
	from := r.p
	q := r.querySlot()
	return q, r.source(from, r.p)
}

func (r *reader) createView(h createHead) ast.Stmt {
	s := &ast.CreateView{Pos: h.pos, OrReplace: h.replace, Temporary: h.temporary, IfNotExists: r.ifNotExists(), Name: r.name()}
	if r.isPunct(0, "(") {
		s.Columns = r.columnList()
	}
	r.need("as")
	s.Query, s.QueryText = r.textQuery()
	return s
}

func (r *reader) createIndex(h createHead) ast.Stmt {
	s := &ast.CreateIndex{Pos: h.pos, Unique: h.unique}
	r.take("concurrently")
	s.IfNotExists = r.ifNotExists()
	if !r.kw("on") {
		s.Name = r.name()
	}
	r.need("on")
	s.Table = r.name()
	if r.take("using") {
		s.Method = r.columnName()
	}
	r.needPunct("(")
	s.Keys = r.orderItems()
	r.needPunct(")")
	if r.take("include") {
		s.Include = r.columnList()
	}
	if r.take("distributed", "by") {
		r.needPunct("(")
		s.DistributedBy = r.exprList()
		r.needPunct(")")
	}
	s.Options = r.withOptions()
	return s
}

func (r *reader) createSink(h createHead) ast.Stmt {
	s := &ast.CreateSink{Pos: h.pos, OrReplace: h.replace, IfNotExists: r.ifNotExists(), Name: r.name()}
	r.inCluster()
	if r.take("into") {
		s.Into = r.name()
		if r.isPunct(0, "(") {
			s.IntoColumns = r.columnList()
		}
	}
	if r.isPunct(0, "(") {
		s.Columns = r.columnList()
	}
	switch {
	case r.take("as"):
		s.Query, s.QueryText = r.textQuery()
	default:
		r.need("from")
		s.From = r.name()
	}
	s.EmitOnWindowClose = r.emitClause()
	if s.Into.IsZero() && r.take("into") {
		s.Options = r.sinkConnection()
	}
	s.Options = append(s.Options, r.withOptions()...)
	s.Format = r.format()
	return s
}

func (r *reader) createSubscription(h createHead) ast.Stmt {
	s := &ast.CreateSubscription{Pos: h.pos, IfNotExists: r.ifNotExists(), Name: r.name()}
	r.need("from")
	s.From = r.name()
	s.Options = r.withOptions()
	return s
}
