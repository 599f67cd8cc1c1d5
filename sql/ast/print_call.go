package ast

func (p *printer) call(e *FuncCall) {
	p.when(e.Aggregate, "AGGREGATE:")
	bare := len(e.Name.Parts) == 1 && bareCalls[e.Name.Parts[0]]
	p.callName(e.Name)
	if !bare || len(e.Args) > 0 {
		p.w("(")
		p.when(e.Distinct, "DISTINCT ")
		p.when(e.Star, "*")
		p.list(len(e.Args), func(i int) {
			p.when(e.Variadic && i == len(e.Args)-1, "VARIADIC ")
			p.expr(e.Args[i])
		})
		p.orderBy(e.OrderBy)
		p.w(")")
	}
	if len(e.WithinGroup) > 0 {
		p.w(" WITHIN GROUP (ORDER BY ")
		p.orderItems(e.WithinGroup)
		p.w(")")
	}
	if e.Filter != nil {
		p.w(" FILTER (WHERE ")
		p.expr(e.Filter)
		p.w(")")
	}
	switch e.Nulls {
	case NullsIgnore:
		p.w(" IGNORE NULLS")
	case NullsRespect:
		p.w(" RESPECT NULLS")
	}
	if e.Over != nil {
		p.w(" OVER ")
		p.windowSpec(e.Over)
	}
}

// callName writes the name of a function; keywords that are called like
// functions and words that are only barred from columns need no quotes.
func (p *printer) callName(n Name) {
	if len(n.Parts) == 1 {
		w := n.Parts[0]
		special := keywordCalls[w] && (!p.explicit || nodeCalls[w])
		if bareCalls[w] || special || keywords[w] == FunctionKeyword {
			p.w(w)
			return
		}
	}
	p.name(n)
}

func (p *printer) orderBy(items []*OrderItem) {
	if len(items) > 0 {
		p.w(" ORDER BY ")
		p.orderItems(items)
	}
}

func (p *printer) orderItems(items []*OrderItem) {
	p.list(len(items), func(i int) { p.orderItem(items[i]) })
}

func (p *printer) orderItem(o *OrderItem) {
	p.expr(o.Expr)
	if o.Using != "" {
		p.w(" USING ", o.Using)
	}
	p.when(o.Desc, " DESC")
	switch o.Nulls {
	case NullsFirst:
		p.w(" NULLS FIRST")
	case NullsLast:
		p.w(" NULLS LAST")
	}
}

func (p *printer) groupingSet(g *GroupingSet) {
	switch g.Kind {
	case GroupingSets:
		p.w("GROUPING SETS ")
	case GroupingRollup:
		p.w("ROLLUP ")
	case GroupingCube:
		p.w("CUBE ")
	}
	p.w("(")
	p.exprs(g.Items)
	p.w(")")
}

// windowSpec writes a window's name or its definition in parentheses.
func (p *printer) windowSpec(s *WindowSpec) {
	if s.Name != "" {
		p.ident(s.Name)
		return
	}
	p.w("(")
	sep := ""
	if s.Base != "" {
		if windowWords[s.Base] {
			p.w(`"`, s.Base, `"`)
		} else {
			p.ident(s.Base)
		}
		sep = " "
	}
	if len(s.PartitionBy) > 0 {
		p.w(sep, "PARTITION BY ")
		p.exprs(s.PartitionBy)
		sep = " "
	}
	if len(s.OrderBy) > 0 {
		p.w(sep, "ORDER BY ")
		p.orderItems(s.OrderBy)
		sep = " "
	}
	if s.Frame != nil {
		p.w(sep)
		p.frame(s.Frame)
	}
	p.w(")")
}

// windowWords begin clauses of a window's definition, where its base may stand.
var windowWords = map[string]bool{"partition": true, "rows": true, "range": true, "groups": true, "session": true}

var frameModes = map[FrameMode]string{FrameRows: "ROWS", FrameRange: "RANGE", FrameGroups: "GROUPS"}

var frameExcludes = map[FrameExclude]string{
	ExcludeNoOthers: " EXCLUDE NO OTHERS", ExcludeCurrentRow: " EXCLUDE CURRENT ROW",
	ExcludeGroup: " EXCLUDE GROUP", ExcludeTies: " EXCLUDE TIES",
}

func (p *printer) frame(f *Frame) {
	if f.Mode == FrameSession {
		p.w("SESSION WITH GAP ")
		p.expr(f.Gap)
		return
	}
	p.w(frameModes[f.Mode], " ")
	p.when(f.End != nil, "BETWEEN ")
	p.bound(f.Start)
	if f.End != nil {
		p.w(" AND ")
		p.bound(f.End)
	}
	p.w(frameExcludes[f.Exclude])
}

func (p *printer) bound(b *FrameBound) {
	switch b.Kind {
	case UnboundedPreceding:
		p.w("UNBOUNDED PRECEDING")
	case CurrentRow:
		p.w("CURRENT ROW")
	case UnboundedFollowing:
		p.w("UNBOUNDED FOLLOWING")
	case Preceding:
		p.operand(b.Value, LevelAnd+1)
		p.w(" PRECEDING")
	case Following:
		p.operand(b.Value, LevelAnd+1)
		p.w(" FOLLOWING")
	}
}
