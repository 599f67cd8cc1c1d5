package parse

import (
	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
)

// objectKinds are the kinds of object that DROP, ALTER and COMMENT know.
var objectKinds = wordSet(`table source sink view index subscription connection secret schema
	database user role function aggregate column type sequence extension`)

// objectKind reads a kind of object.
func (r *reader) objectKind() ast.ObjectKind {
	if r.take("materialized", "view") {
		return "materialized view"
	}
	t := r.cur()
	if t.kind != word || !objectKinds[t.val] {
		if t.kind == word && unsupportedKinds[t.val] {
			r.refuse(r.p, sqlerr.FeatureNotSupported, "%s %s is not supported", upper(r.toks[0].val), upper(t.val))
			return ""
		}
		r.fail()
		return ""
	}
	r.skip(1)
	if t.val == "role" {
		return "user"
	}
	return ast.ObjectKind(t.val)
}

// drop reads DROP.
func (r *reader) drop() ast.Stmt {
	s := &ast.Drop{Pos: r.pos()}
	r.need("drop")
	s.Kind = r.objectKind()
	r.take("concurrently")
	s.IfExists = r.take("if", "exists")
	for {
		if s.Kind == "function" || s.Kind == "aggregate" {
			s.Names = append(s.Names, r.funcName())
			s.Args = append(s.Args, r.argTypes())
		} else if s.Kind == "user" {
			s.Names = append(s.Names, ast.Name{Pos: r.pos(), Parts: []string{r.anyWord()}})
		} else {
			s.Names = append(s.Names, r.name())
		}
		if !r.takePunct(",") {
			break
		}
	}
	if s.Cascade = r.take("cascade"); !s.Cascade {
		s.Restrict = r.take("restrict")
	}
	return s
}

// argTypes reads the types of a function's arguments, or gives nil if there is
// no list.
func (r *reader) argTypes() []*ast.TypeName {
	if !r.isPunct(0, "(") {
		return nil
	}
	out := []*ast.TypeName{}
	for _, a := range r.funcArgs() {
		out = append(out, a.Type)
	}
	return out
}

// comment reads COMMENT ON.
func (r *reader) comment() ast.Stmt {
	s := &ast.Comment{Pos: r.pos()}
	r.need("comment", "on")
	s.Kind = r.objectKind()
	s.Name = r.funcName()
	if s.Kind == "function" || s.Kind == "aggregate" {
		r.argTypes()
	}
	r.need("is")
	if s.Null = r.take("null"); !s.Null {
		s.Text = r.stringConst()
	}
	return s
}

// rest gives the text of all tokens that are left.
func (r *reader) rest() string {
	from := r.p
	r.p = len(r.toks) - 1
	return r.source(from, r.p)
}

// grant reads GRANT and REVOKE.
func (r *reader) grant() ast.Stmt {
	s := &ast.Grant{Pos: r.pos(), Revoke: r.kw("revoke")}
	r.skip(1)
	if r.atEnd() {
		r.fail()
	}
	s.Raw = r.rest()
	return s
}
