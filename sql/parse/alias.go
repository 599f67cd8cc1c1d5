package parse

import (
	"strings"

	"streamdb/sql/ast"
)

// Statements in the dialects of Materialize and Flink are read into the nodes of
// the native ones.

// connectionOptions reads KAFKA CONNECTION name (TOPIC 't', ..), as options
// connector, connection and the rest.
func (r *reader) connectionOptions() []*ast.Option {
	kind := &ast.Option{Pos: r.pos(), Name: "connector", Value: r.anyWord()}
	out := []*ast.Option{kind}
	if r.take("connection") {
		n := r.name()
		out = append(out, &ast.Option{Pos: n.Pos, Name: "connection", Kind: ast.OptionWord, Value: strings.Join(n.Parts, ".")})
	}
	return append(out, r.parenOptions()...)
}

// sinkConnection reads INTO KAFKA CONNECTION name (..) [KEY (columns)].
func (r *reader) sinkConnection() []*ast.Option {
	out := r.connectionOptions()
	if p := r.pos(); r.take("key") {
		out = append(out, &ast.Option{Pos: p, Name: "primary_key", Value: strings.Join(r.columnList(), ",")})
		r.take("not", "enforced")
	}
	return out
}

// envelope reads [ENVELOPE name] behind FORMAT JSON: the word behind FORMAT was
// the encoding.
func (r *reader) envelope(f *ast.Format) {
	if f.Encode == "" {
		f.Format, f.Encode = "plain", f.Format
	}
	if r.take("envelope") {
		if f.Format = r.anyWord(); f.Format == "none" {
			f.Format = "plain"
		}
	}
}

// sourceTable reads TABLE 'name', or (REFERENCE name), behind FROM SOURCE.
func (r *reader) sourceTable(s *ast.CreateTable) {
	if r.takePunct("(") {
		r.need("reference")
		s.SourceTable = strings.Join(r.name().Parts, ".")
		r.needPunct(")")
		return
	}
	r.need("table")
	s.SourceTable = r.stringConst()
}

// flinkTable reads TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), ..)).
func (r *reader) flinkTable(t *ast.FuncTable) {
	r.skip(1)
	r.needPunct("(")
	r.slotFor(slot{expr: &t.Call}, r.operand)
	r.needPunct(")")
	t.Alias = r.alias(true)
	r.emit(t)
}

// flinkPartition reads PARTITION BY columns behind TABLE t, in parentheses or
// up to the DESCRIPTOR.
func (r *reader) flinkPartition() (cols []ast.Name) {
	if !r.take("partition", "by") {
		return nil
	}
	paren := r.takePunct("(")
	for {
		cols = append(cols, r.name())
		if !r.isPunct(0, ",") || r.at(1).val == "descriptor" && r.isPunct(2, "(") {
			break
		}
		r.needPunct(",")
	}
	if paren {
		r.needPunct(")")
	}
	return cols
}

// flinkArg reads TABLE t and DESCRIPTOR(ts) as the columns t and ts, and the
// columns of TABLE t PARTITION BY .. as arguments behind ts.
func (r *reader) flinkArg() bool {
	switch {
	case r.kw("table") && r.isColumnName(1):
		r.skip(1)
		n := r.name()
		r.emit(&ast.ColumnRef{Pos: n.Pos, Parts: n.Parts})
		r.partition = r.flinkPartition()
	case r.kw("descriptor") && r.isPunct(1, "(") && r.isPunct(3, ")") && r.isColumnName(2):
		r.skip(2)
		r.emit(&ast.ColumnRef{Pos: r.pos(), Parts: []string{r.anyWord()}})
		r.skip(1)
		for _, c := range r.partition {
			r.w(", ")
			r.emit(&ast.ColumnRef{Pos: c.Pos, Parts: c.Parts})
		}
		r.partition = nil
	default:
		return false
	}
	return true
}
