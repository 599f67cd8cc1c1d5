package parse

import "streamdb/sql/ast"

// call reads the arguments of a function and all that may follow them.
func (r *reader) call(name ast.Name) {
	c := &ast.FuncCall{Pos: name.Pos, Name: name, Aggregate: r.aggregate}
	r.aggregate = false
	r.emit(c)
	r.needPunct("(")
	r.w("(")
	if !r.isPunct(0, ")") {
		r.args(c)
	}
	r.w(")")
	r.needPunct(")")
	r.callTail(c)
}

func (r *reader) args(c *ast.FuncCall) {
	if r.isOp("*") && r.isPunct(1, ")") {
		r.skip(1)
		c.Star = true
		return
	}
	if r.take("distinct") {
		c.Distinct = true
	} else {
		r.take("all")
	}
	for {
		r.arg(c)
		if !r.takePunct(",") {
			break
		}
		r.w(",")
	}
	if r.take("order") {
		r.need("by")
		c.OrderBy = r.orderItems()
	}
	r.nullTreatment(c)
}

func (r *reader) arg(c *ast.FuncCall) {
	switch p := r.pos(); {
	case r.take("variadic"):
		c.Variadic = true
		r.expr()
	case r.cur().isName() && (r.isPunct(1, "=>") || r.isPunct(1, ":=")):
		r.emit(&ast.NamedArg{Pos: p, Name: r.anyWord()})
		r.skip(1)
		r.w("(")
		r.expr()
		r.w(")")
	case r.isOp("|") && r.at(1).isName():
		r.lambda()
	case r.flinkArg():
	case r.isOp("*"):
		r.skip(1)
		r.emit(&ast.Star{Pos: p, Except: r.starExcept()})
	default:
		r.expr()
	}
}

// lambda reads |a, b| body.
func (r *reader) lambda() {
	n := &ast.Lambda{Pos: r.pos()}
	r.skip(1)
	for {
		n.Params = append(n.Params, r.columnName())
		if !r.takePunct(",") {
			break
		}
	}
	if !r.takeOp("|") {
		r.fail()
	}
	r.emit(n)
	r.slotFor(slot{expr: &n.Body}, r.expr)
}

func (r *reader) nullTreatment(c *ast.FuncCall) {
	if r.take("ignore", "nulls") {
		c.Nulls = ast.NullsIgnore
	} else if r.take("respect", "nulls") {
		c.Nulls = ast.NullsRespect
	}
}

// callTail reads WITHIN GROUP, FILTER, IGNORE NULLS and OVER.
func (r *reader) callTail(c *ast.FuncCall) {
	if r.kws("within", "group") && r.isPunct(2, "(") {
		r.skip(3)
		r.need("order", "by")
		c.WithinGroup = r.orderItems()
		r.needPunct(")")
	}
	if r.kw("filter") && r.isPunct(1, "(") {
		r.skip(2)
		r.need("where")
		r.exprSlot(&c.Filter)
		r.needPunct(")")
	}
	r.nullTreatment(c)
	if r.kw("over") && (r.isPunct(1, "(") || r.isColumnName(1)) {
		r.skip(1)
		if r.isPunct(0, "(") {
			c.Over = r.windowSpec()
		} else {
			c.Over = &ast.WindowSpec{Pos: r.pos(), Name: r.columnName()}
		}
	}
}

// orderItems reads the keys of ORDER BY.
func (r *reader) orderItems() []*ast.OrderItem {
	var out []*ast.OrderItem
	for {
		o := &ast.OrderItem{Pos: r.pos()}
		r.exprSlot(&o.Expr)
		r.orderModifiers(o)
		out = append(out, o)
		if !r.takePunct(",") {
			return out
		}
	}
}

func (r *reader) orderModifiers(o *ast.OrderItem) {
	switch {
	case r.take("desc"):
		o.Desc = true
	case r.take("using"):
		if r.kw("operator") {
			op, schema := r.operatorName()
			o.Using = "OPERATOR(" + ast.QuoteIdent(schema) + "." + op + ")"
		} else if t := r.cur(); t.kind == operator {
			o.Using = t.val
			r.skip(1)
		} else {
			r.fail()
		}
	default:
		r.take("asc")
	}
	if r.take("nulls", "first") {
		o.Nulls = ast.NullsFirst
	} else if r.take("nulls", "last") {
		o.Nulls = ast.NullsLast
	}
}

// windowSpec reads the definition of a window in parentheses.
func (r *reader) windowSpec() *ast.WindowSpec {
	s := &ast.WindowSpec{Pos: r.pos()}
	r.needPunct("(")
	if r.isColumnName(0) && !r.kws("partition", "by") && !r.kws("session", "with") && !(r.kw("rows", "range", "groups") && !r.isPunct(1, ")")) {
		s.Base = r.columnName()
	}
	if r.take("partition", "by") {
		s.PartitionBy = r.exprList()
	}
	if r.take("order") {
		r.need("by")
		s.OrderBy = r.orderItems()
	}
	if r.kw("rows", "range", "groups") || r.kws("session", "with", "gap") {
		s.Frame = r.frame()
	}
	r.needPunct(")")
	return s
}

var frameModes = map[string]ast.FrameMode{"rows": ast.FrameRows, "range": ast.FrameRange, "groups": ast.FrameGroups}

func (r *reader) frame() *ast.Frame {
	f := &ast.Frame{Pos: r.pos()}
	if r.take("session", "with", "gap") {
		f.Mode = ast.FrameSession
		r.exprSlot(&f.Gap)
		return f
	}
	f.Mode = frameModes[r.anyWord()]
	if r.take("between") {
		f.Start = r.bound()
		r.need("and")
		f.End = r.bound()
	} else {
		f.Start = r.bound()
	}
	if r.take("exclude") {
		switch {
		case r.take("no", "others"):
			f.Exclude = ast.ExcludeNoOthers
		case r.take("current", "row"):
			f.Exclude = ast.ExcludeCurrentRow
		case r.take("group"):
			f.Exclude = ast.ExcludeGroup
		case r.take("ties"):
			f.Exclude = ast.ExcludeTies
		default:
			r.fail()
		}
	}
	return f
}

func (r *reader) bound() *ast.FrameBound {
	b := &ast.FrameBound{Pos: r.pos()}
	switch {
	case r.take("current", "row"):
		b.Kind = ast.CurrentRow
		return b
	case r.take("unbounded", "preceding"):
		b.Kind = ast.UnboundedPreceding
		return b
	case r.take("unbounded", "following"):
		b.Kind = ast.UnboundedFollowing
		return b
	}
	r.slotFor(slot{expr: &b.Value}, func() { r.chain(fullChain) })
	switch {
	case r.take("preceding"):
		b.Kind = ast.Preceding
	case r.take("following"):
		b.Kind = ast.Following
	default:
		r.fail()
	}
	return b
}
