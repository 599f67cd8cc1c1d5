package ast

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// String prints a node as canonical SQL: one line, keywords in upper case, names
// quoted only where needed, parentheses only where precedence asks for them. The
// text of a statement or an expression parses back to an equal tree.
func String(n Node) string {
	var p printer
	p.node(n)
	return p.String()
}

// Definition is String in the style of definitions that people read: names of
// types in upper case as well, and short where SQL has a short one.
func Definition(n Node) string {
	p := printer{loudTypes: true}
	p.node(n)
	return p.String()
}

// Explicit is String with parentheses around every operator, and without the
// names of special call forms (extract is an ordinary call "extract"). It is for
// tests that must not trust our own idea of precedence.
func Explicit(n Node) string {
	p := printer{explicit: true}
	p.node(n)
	return p.String()
}

// String is the type as SQL.
func (t *TypeName) String() string {
	var p printer
	p.typeName(t)
	return p.String()
}

type printer struct {
	strings.Builder
	explicit  bool
	loudTypes bool
}

// loudNames are the names of types in definitions, where upper case is not all.
var loudNames = map[string]string{"integer": "INT", "varchar": "CHARACTER VARYING", "text": "TEXT", "jsonb": "JSONB", "date": "DATE",
	"bytea": "BYTEA", "timestamptz": "TIMESTAMP WITH TIME ZONE"}

// w writes its arguments as they are.
func (p *printer) w(s ...string) {
	for _, x := range s {
		p.WriteString(x)
	}
}

// when writes s if cond holds.
func (p *printer) when(cond bool, s string) {
	if cond {
		p.WriteString(s)
	}
}

func (p *printer) ident(s string) { p.w(QuoteIdent(s)) }

func (p *printer) name(n Name) { p.w(n.String()) }

// list writes n things with commas between them.
func (p *printer) list(n int, item func(i int)) {
	for i := range n {
		if i > 0 {
			p.w(", ")
		}
		item(i)
	}
}

func (p *printer) names(ns []Name) { p.list(len(ns), func(i int) { p.name(ns[i]) }) }

func (p *printer) idents(ss []string) { p.list(len(ss), func(i int) { p.ident(ss[i]) }) }

// columns writes a parenthesised list of names, or nothing if there are none.
func (p *printer) columns(ss []string) {
	if len(ss) > 0 {
		p.w(" (")
		p.idents(ss)
		p.w(")")
	}
}

func (p *printer) node(n Node) {
	switch n := n.(type) {
	case nil:
	case Stmt:
		p.stmt(n)
	case Expr:
		p.expr(n)
	case TableExpr:
		p.table(n)
	case QueryBody:
		p.body(n)
	case AlterAction:
		p.action(n)
	case *TypeName:
		p.typeName(n)
	case *OrderItem:
		p.orderItem(n)
	case *Target:
		p.target(n)
	case *ColumnDef:
		p.columnDef(n)
	case *Option:
		p.option(n)
	case *WindowSpec:
		p.windowSpec(n)
	case Name:
		p.name(n)
	default:
		panic(fmt.Sprintf("ast: no way to print %T", n))
	}
}

func (p *printer) stmt(s Stmt) {
	switch s := s.(type) {
	case *Query:
		p.query(s)
	case *Insert, *Update, *Delete, *Truncate, *Copy:
		p.dml(s)
	case *CreateTable, *CreateSource, *CreateSink, *CreateMaterializedView, *CreateView, *CreateIndex, *CreateSubscription:
		p.create(s)
	case *CreateSchema, *CreateDatabase, *CreateUser, *CreateConnection, *CreateSecret, *CreateFunction:
		p.object(s)
	case *Drop:
		p.drop(s)
	case *Alter:
		p.alter(s)
	case *Comment:
		p.comment(s)
	case *Grant:
		if s.Revoke {
			p.w("REVOKE ", s.Raw)
		} else {
			p.w("GRANT ", s.Raw)
		}
	default:
		p.session(s)
	}
}

// nakedTypes are the names of types that are more than one word or a keyword.
var nakedTypes = map[string]bool{
	"double precision": true, "bigint": true, "bit": true, "boolean": true, "char": true,
	"integer": true, "interval": true, "numeric": true, "real": true, "smallint": true,
	"time": true, "timestamp": true, "varchar": true, "float": true, `"char"`: true, "map": true, "struct": true,
}

func (p *printer) typeName(t *TypeName) {
	p.when(t.SetOf, "SETOF ")
	if t.Schema != "" {
		p.ident(t.Schema)
		p.w(".")
	}
	if loud := loudNames[t.Name]; p.loudTypes && t.Schema == "" && (loud != "" || nakedTypes[t.Name] && t.Name != `"char"`) {
		p.w(cmp.Or(loud, strings.ToUpper(t.Name)))
	} else if nakedTypes[t.Name] && t.Schema == "" {
		p.w(t.Name)
	} else {
		p.ident(t.Name)
	}
	if len(t.Fields) > 0 || t.Name == "struct" && t.Schema == "" {
		p.w("<")
		p.list(len(t.Fields), func(i int) {
			p.ident(t.Fields[i].Name)
			p.w(" ")
			p.typeName(t.Fields[i].Type)
		})
		p.w(">")
	}
	if t.Key != nil {
		p.w("(")
		p.typeName(t.Key)
		p.w(", ")
		p.typeName(t.Value)
		p.w(")")
	}
	if t.Interval != "" {
		p.w(" ", t.Interval)
	}
	if len(t.Args) > 0 {
		p.w("(", strings.Join(t.Args, ", "), ")")
	}
	for _, d := range t.Dims {
		if d < 0 {
			p.w("[]")
		} else {
			p.w("[", strconv.Itoa(d), "]")
		}
	}
}

// anyWord writes a dotted name where any word may stand, so that only odd ones
// need quotes.
func (p *printer) anyWord(name string) {
	for i, part := range strings.Split(name, ".") {
		if i > 0 {
			p.w(".")
		}
		if isPlainIdent(part) {
			p.w(part)
		} else {
			p.ident(part)
		}
	}
}

func (p *printer) option(o *Option) {
	p.anyWord(o.Name)
	switch o.Kind {
	case OptionString:
		p.w(" = ", QuoteString(o.Value))
	case OptionSecret:
		p.w(" = SECRET ")
		p.name(o.Secret)
		p.when(o.AsFile, " AS FILE")
	case OptionWord:
		p.w(" = ")
		p.anyWord(o.Value)
	case OptionNumber, OptionRaw:
		p.w(" = ", o.Value)
	}
}

// options writes ` lead (a = b, ..)`, or nothing if there are none.
func (p *printer) options(lead string, os []*Option) {
	if len(os) == 0 {
		return
	}
	p.w(lead, "(")
	p.list(len(os), func(i int) { p.option(os[i]) })
	p.w(")")
}
