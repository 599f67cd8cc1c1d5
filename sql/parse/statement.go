package parse

import (
	"strings"

	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
)

// statement reads a statement.
func (r *reader) statement() ast.Stmt {
	defer r.leave()
	if !r.enter() {
		return nil
	}
	if r.isPunct(0, "(") {
		return r.querySlot()
	}
	t := r.cur()
	if t.kind != word {
		r.fail()
		return nil
	}
	switch t.val {
	case "select", "values", "table":
		return r.querySlot()
	case "with":
		return r.withStatement()
	case "insert":
		return r.insert(nil)
	case "update":
		return r.update(nil)
	case "delete":
		return r.delete(nil)
	case "create":
		return r.create()
	case "drop":
		return r.drop()
	case "alter":
		return r.alter()
	case "explain":
		return r.explain()
	case "prepare":
		return r.prepare()
	}
	return r.utility(t.val)
}

// utility reads the statements that have no expressions to speak of.
func (r *reader) utility(w string) ast.Stmt {
	p := r.pos()
	switch w {
	case "set":
		return r.set()
	case "reset":
		return r.reset()
	case "show":
		return r.show()
	case "begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release":
		return r.transaction()
	case "declare":
		return r.declare()
	case "fetch", "move":
		return r.fetch()
	case "close":
		return r.closeCursor()
	case "subscribe":
		return r.subscribe()
	case "execute":
		return r.execute()
	case "deallocate":
		return r.deallocate()
	case "copy":
		return r.copy()
	case "truncate":
		return r.truncate()
	case "comment":
		return r.comment()
	case "grant", "revoke":
		return r.grant()
	case "describe", "desc":
		r.skip(1)
		return &ast.Describe{Pos: p, Fragment: r.take("fragments"), Name: r.name()}
	case "flush":
		r.skip(1)
		return &ast.Flush{Pos: p}
	case "wait":
		r.skip(1)
		return &ast.Wait{Pos: p}
	case "recover":
		r.skip(1)
		return &ast.Recover{Pos: p}
	case "check":
		return r.check()
	case "backup":
		r.skip(1)
		r.need("to")
		return &ast.Backup{Pos: p, Directory: r.stringConst()}
	case "cancel":
		return r.cancelJobs()
	case "kill":
		r.skip(1)
		return &ast.Kill{Pos: p, ID: r.jobID()}
	case "use":
		r.skip(1)
		return &ast.Use{Pos: p, Database: r.columnName()}
	case "discard":
		r.skip(1)
		return &ast.Discard{Pos: p, What: r.discarded()}
	case "vacuum", "analyze", "analyse", "checkpoint", "reindex", "cluster", "unlisten":
		r.skip(1)
		return &ast.Maintenance{Pos: p, Command: strings.Replace(w, "analyse", "analyze", 1), Raw: r.rest()}
	case "merge", "do", "call", "listen", "notify", "lock", "load", "refresh", "reassign", "security", "import":
		r.refuse(r.p, sqlerr.FeatureNotSupported, "%s is not supported", upper(w))
		return nil
	}
	r.fail()
	return nil
}

func (r *reader) discarded() string {
	w := r.cur().val
	if !r.kw("all", "plans", "sequences", "temp", "temporary") {
		r.fail()
	}
	r.skip(1)
	return w
}

// check reads CHECK MATERIALIZED VIEW | TABLE | INDEX name.
func (r *reader) check() ast.Stmt {
	s := &ast.Check{Pos: r.pos()}
	r.need("check")
	switch {
	case r.take("materialized"):
		r.need("view")
		s.Kind = "materialized view"
	case r.take("index"):
		s.Kind = "index"
	default:
		r.need("table")
		s.Kind = "table"
	}
	s.Name = r.name()
	return s
}

// cancelJobs reads CANCEL JOB | JOBS ids.
func (r *reader) cancelJobs() ast.Stmt {
	s := &ast.CancelJobs{Pos: r.pos()}
	r.need("cancel")
	if !r.take("jobs") {
		r.need("job")
	}
	for {
		s.IDs = append(s.IDs, r.jobID())
		if !r.takePunct(",") {
			return s
		}
	}
}

func (r *reader) jobID() string {
	t := r.cur()
	if t.kind != number && t.kind != str {
		r.fail()
		return ""
	}
	r.skip(1)
	return t.val
}
