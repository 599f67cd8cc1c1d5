package ast

import (
	"fmt"
	"strings"
)

func (p *printer) query(q *Query) {
	p.with(q.With)
	p.setOperand(q.Body, 0)
	p.orderBy(q.OrderBy)
	switch {
	case q.WithTies:
		if q.Offset != nil {
			p.w(" OFFSET ")
			p.expr(q.Offset)
		}
		p.w(" FETCH FIRST (")
		p.expr(q.Limit)
		p.w(") ROWS WITH TIES")
	default:
		if q.Limit != nil {
			p.w(" LIMIT ")
			p.expr(q.Limit)
		}
		if q.Offset != nil {
			p.w(" OFFSET ")
			p.expr(q.Offset)
		}
	}
	for _, l := range q.Locking {
		p.w(" FOR ", strings.ToUpper(l.Strength))
		if len(l.Of) > 0 {
			p.w(" OF ")
			p.names(l.Of)
		}
		if l.Wait != "" {
			p.w(" ", strings.ToUpper(l.Wait))
		}
	}
}

func (p *printer) with(w *With) {
	if w == nil {
		return
	}
	p.w("WITH ")
	p.when(w.Mutually, "MUTUALLY ")
	p.when(w.Recursive, "RECURSIVE ")
	p.list(len(w.CTEs), func(i int) {
		c := w.CTEs[i]
		p.ident(c.Name)
		p.typedColumns(c.Columns, c.Types)
		p.w(" AS ")
		if c.Query == nil {
			p.w("CHANGELOG FROM ")
			p.name(c.Changelog)
			return
		}
		switch c.Materialized {
		case MaterializedAlways:
			p.w("MATERIALIZED ")
		case MaterializedNever:
			p.w("NOT MATERIALIZED ")
		}
		p.subquery(c.Query)
	})
	p.w(" ")
}

// typedColumns writes ` (a, b)` or ` (a int, b text)`.
func (p *printer) typedColumns(cols []string, types []*TypeName) {
	if len(cols) == 0 {
		return
	}
	p.w(" (")
	p.list(len(cols), func(i int) {
		p.ident(cols[i])
		if len(types) > 0 {
			p.w(" ")
			p.typeName(types[i])
		}
	})
	p.w(")")
}

func (p *printer) body(b QueryBody) {
	switch b := b.(type) {
	case *Select:
		p.sel(b)
	case *Values:
		p.values(b)
	case *SetOp:
		l := 1
		if b.Kind == Intersect {
			l = 2
		}
		p.setOperand(b.Left, l)
		switch b.Kind {
		case Union:
			p.w(" UNION ")
		case Intersect:
			p.w(" INTERSECT ")
		case Except:
			p.w(" EXCEPT ")
		}
		p.when(b.All, "ALL ")
		if b.Corresponding {
			p.w("CORRESPONDING ")
			if len(b.CorrespondingBy) > 0 {
				p.w("BY (")
				p.idents(b.CorrespondingBy)
				p.w(") ")
			}
		}
		p.setOperand(b.Right, l+1)
	case *Query:
		p.subquery(b)
	default:
		panic(fmt.Sprintf("ast: no way to print %T", b))
	}
}

// setOperand writes an operand of a set operation, in parentheses if it binds
// looser than min (1: UNION and EXCEPT, 2: INTERSECT).
func (p *printer) setOperand(b QueryBody, min int) {
	if s, ok := b.(*SetOp); ok {
		l := 1
		if s.Kind == Intersect {
			l = 2
		}
		if l < min {
			p.w("(")
			p.body(b)
			p.w(")")
			return
		}
	}
	p.body(b)
}

func (p *printer) values(v *Values) {
	p.w("VALUES ")
	p.list(len(v.Rows), func(i int) {
		p.w("(")
		p.exprs(v.Rows[i])
		p.w(")")
	})
}

func (p *printer) sel(s *Select) {
	p.w("SELECT")
	switch {
	case len(s.DistinctOn) > 0:
		p.w(" DISTINCT ON (")
		p.exprs(s.DistinctOn)
		p.w(")")
	case s.Distinct:
		p.w(" DISTINCT")
	}
	if len(s.Targets) > 0 {
		p.w(" ")
	}
	p.targets(s.Targets)
	if len(s.From) > 0 {
		p.w(" FROM ")
		p.tables(s.From)
	}
	p.where(s.Where)
	if len(s.GroupBy) > 0 {
		p.w(" GROUP BY ")
		p.when(s.GroupDistinct, "DISTINCT ")
		p.exprs(s.GroupBy)
	}
	if s.Having != nil {
		p.w(" HAVING ")
		p.expr(s.Having)
	}
	if len(s.Windows) > 0 {
		p.w(" WINDOW ")
		p.list(len(s.Windows), func(i int) {
			p.ident(s.Windows[i].Name)
			p.w(" AS ")
			p.windowSpec(s.Windows[i].Spec)
		})
	}
}

func (p *printer) where(e Expr) {
	if e != nil {
		p.w(" WHERE ")
		p.expr(e)
	}
}

func (p *printer) targets(ts []*Target) { p.list(len(ts), func(i int) { p.target(ts[i]) }) }

func (p *printer) target(t *Target) {
	p.expr(t.Expr)
	if t.Alias != "" {
		p.w(" AS ")
		p.ident(t.Alias)
	}
}

func (p *printer) tables(ts []TableExpr) { p.list(len(ts), func(i int) { p.table(ts[i]) }) }

func (p *printer) table(t TableExpr) {
	switch t := t.(type) {
	case *TableName:
		p.name(t.Name)
		p.asOf(t.AsOf)
		p.alias(t.Alias)
	case *SubqueryTable:
		p.when(t.Lateral, "LATERAL ")
		p.subquery(t.Query)
		p.alias(t.Alias)
	case *FuncTable:
		p.when(t.Lateral, "LATERAL ")
		p.expr(t.Call)
		p.when(t.Ordinality, " WITH ORDINALITY")
		p.asOf(t.AsOf)
		p.alias(t.Alias)
	case *RowsFrom:
		p.when(t.Lateral, "LATERAL ")
		p.w("ROWS FROM (")
		p.list(len(t.Funcs), func(i int) {
			p.expr(t.Funcs[i].Call)
			if len(t.Funcs[i].Columns) > 0 {
				p.w(" AS")
				p.typedColumns(t.Funcs[i].Columns, t.Funcs[i].Types)
			}
		})
		p.w(")")
		p.when(t.Ordinality, " WITH ORDINALITY")
		p.alias(t.Alias)
	case *Join:
		if t.Alias != nil {
			p.w("(")
			p.join(t)
			p.w(")")
			p.alias(t.Alias)
			return
		}
		p.join(t)
	default:
		panic(fmt.Sprintf("ast: no way to print %T", t))
	}
}

func (p *printer) asOf(e Expr) {
	if e != nil {
		p.w(" FOR SYSTEM_TIME AS OF ")
		p.operand(e, LevelAnd+1)
	}
}

func (p *printer) alias(a *TableAlias) {
	if a == nil {
		return
	}
	p.w(" AS")
	if a.Name != "" {
		p.w(" ")
		p.ident(a.Name)
	}
	p.typedColumns(a.Columns, a.Types)
}

var joinWords = map[JoinKind]string{
	InnerJoin: "JOIN ", LeftJoin: "LEFT JOIN ", RightJoin: "RIGHT JOIN ", FullJoin: "FULL JOIN ", CrossJoin: "CROSS JOIN ",
}

func (p *printer) join(j *Join) {
	p.table(j.Left)
	p.w(" ")
	p.when(j.Natural, "NATURAL ")
	p.when(j.AsOf, "ASOF ")
	p.w(joinWords[j.Kind])
	if r, ok := j.Right.(*Join); ok && r.Alias == nil {
		p.w("(")
		p.join(r)
		p.w(")")
	} else {
		p.table(j.Right)
	}
	if len(j.Using) > 0 {
		p.w(" USING")
		p.columns(j.Using)
		if j.UsingAlias != "" {
			p.w(" AS ")
			p.ident(j.UsingAlias)
		}
	}
	if j.On != nil {
		p.w(" ON ")
		p.expr(j.On)
	}
}
