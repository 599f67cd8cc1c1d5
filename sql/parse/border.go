package parse

import (
	"strconv"

	"streamdb/sql/ast"
)

// border is what the reader hands to the grammar: a table of entries, the text
// of the statement proper (INSERT, UPDATE, DELETE) if it has one, and slots.
type border struct {
	entries []any
	buf     []byte // text being written
	main    []byte // INSERT, UPDATE or DELETE
	slots   []slot
}

// slot is a place in a tree that is filled from the grammar's answer. One of the
// destinations is set.
type slot struct {
	text  []byte
	expr  *ast.Expr
	query *ast.Query
	from  *[]ast.TableExpr
	with  *ast.With
}

// selectEntry is the first field of a SELECT: what the grammar does not carry.
type selectEntry struct {
	sel   *ast.Select
	query *ast.Query // the query that starts with this SELECT, nil inside set operations
	setOp *ast.SetOp // the operation in front of this operand
}

// termEntry is the table of TABLE eK: a body that was read by hand or that comes
// from a slot.
type termEntry struct {
	body  ast.QueryBody
	inner *ast.Query // a query in parentheses, instead of body
	query *ast.Query
	setOp *ast.SetOp
}

// operatorEntry is an operator in a flat chain of operands. node lacks its
// operands, which climb fills in.
type operatorEntry struct {
	pos   ast.Pos
	level ast.Level
	fix   fixity
	node  ast.Expr
}

// fixity is where an operator stands.
type fixity uint8

const (
	infix fixity = iota
	prefix
	postfix
	separator // the AND of BETWEEN, ESCAPE: ends the operand before it
)

// noTable is the entry that stands in FROM where the user wrote no FROM.
const noTable = 0

// add puts an entry into the table and gives its word.
func (b *border) add(entry any) string {
	b.entries = append(b.entries, entry)
	return entryWord(len(b.entries) - 1)
}

func entryWord(i int) string { return "e" + strconv.Itoa(i) }

// entryIndex reads a word of the grammar's answer.
func entryIndex(word string) (int, bool) {
	if len(word) < 2 || word[0] != 'e' {
		return 0, false
	}
	i, err := strconv.Atoi(word[1:])
	return i, err == nil
}

// w writes text.
func (b *border) w(s string) { b.buf = append(b.buf, s...) }

// emit writes an entry's word.
func (b *border) emit(entry any) {
	b.entries = append(b.entries, entry)
	b.buf = append(b.buf, 'e')
	b.buf = strconv.AppendInt(b.buf, int64(len(b.entries)-1), 10)
}

// slotFor runs write and keeps what it wrote apart.
func (b *border) slotFor(s slot, write func()) {
	s.text = b.aside(write)
	b.slots = append(b.slots, s)
}

// aside runs write and gives what it wrote instead of writing it.
func (b *border) aside(write func()) []byte {
	outer := b.buf
	b.buf = nil
	write()
	text := b.buf
	b.buf = outer
	return text
}

// exprSlot reads an expression whose tree will be stored in dst. A constant or a
// column that stands alone needs no grammar.
func (r *reader) exprSlot(dst *ast.Expr) {
	if e := r.loneAtom(); e != nil {
		*dst = e
		return
	}
	r.slotFor(slot{expr: dst}, r.expr)
}

// tightSlot is exprSlot for an expression that must not take in the words that
// follow it: no AND, OR, NOT, IS, IN, LIKE, BETWEEN, COLLATE at its top.
func (r *reader) tightSlot(dst *ast.Expr) {
	if e := r.loneAtom(); e != nil {
		*dst = e
		return
	}
	r.slotFor(slot{expr: dst}, func() { r.chain(tightChain) })
}

// exprList reads a list of expressions. Those that need the grammar are stored in
// the slice later.
func (r *reader) exprList() []ast.Expr {
	var out []ast.Expr
	var pending [][2]int // slot, index
	for {
		e := r.loneAtom()
		if e == nil {
			r.slotFor(slot{}, r.expr)
			pending = append(pending, [2]int{len(r.slots) - 1, len(out)})
		}
		out = append(out, e)
		if !r.takePunct(",") {
			break
		}
	}
	for _, p := range pending {
		r.slots[p[0]].expr = &out[p[1]]
	}
	return out
}

// querySlot reads a query whose tree will be put into the node it gives.
func (r *reader) querySlot() *ast.Query {
	q := &ast.Query{Pos: r.pos()}
	r.slotFor(slot{query: q}, r.query)
	return q
}

// text gives the statements for the grammar: the main one if there is one, and
// a SELECT of all slots. It is "" if the grammar is not needed.
func (b *border) text() string {
	n := len(b.main)
	for _, s := range b.slots {
		n += len(s.text) + len("(SELECT e0 FROM ),")
	}
	if n == 0 {
		return ""
	}
	out := make([]byte, 0, n+len(";SELECT "))
	out = append(out, b.main...)
	if len(b.slots) > 0 && len(out) > 0 {
		out = append(out, ';')
	}
	for i, s := range b.slots {
		if i == 0 {
			out = append(out, "SELECT "...)
		} else {
			out = append(out, ',')
		}
		switch {
		case s.query != nil:
			out = append(append(append(out, '('), s.text...), ')')
		case s.from != nil:
			out = append(append(append(out, "(SELECT e0 FROM "...), s.text...), ')')
		case s.with != nil:
			out = append(append(append(out, '('), s.text...), " SELECT e0)"...)
		default:
			out = append(out, s.text...)
		}
	}
	return string(out)
}
