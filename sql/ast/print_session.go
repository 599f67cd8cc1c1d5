package ast

import (
	"fmt"
	"strconv"
	"strings"
)

func (p *printer) session(s Stmt) {
	switch s := s.(type) {
	case *Set:
		p.set(s)
	case *SetTransaction:
		if s.Session {
			p.w("SET SESSION CHARACTERISTICS AS TRANSACTION")
		} else {
			p.w("SET TRANSACTION")
		}
		p.modes(s.Modes)
	case *Reset:
		p.w("RESET ")
		p.setting(s.Name)
	case *Show:
		p.show(s)
	case *Describe:
		p.w("DESCRIBE ")
		p.when(s.Fragment, "FRAGMENTS ")
		p.name(s.Name)
	case *Begin:
		if s.Start {
			p.w("START TRANSACTION")
		} else {
			p.w("BEGIN")
		}
		p.modes(s.Modes)
	case *Commit:
		p.w("COMMIT")
		p.when(s.Chain, " AND CHAIN")
	case *Rollback:
		p.w("ROLLBACK")
		if s.Savepoint != "" {
			p.w(" TO SAVEPOINT ")
			p.ident(s.Savepoint)
		}
		p.when(s.Chain, " AND CHAIN")
	case *Savepoint:
		p.when(s.Release, "RELEASE ")
		p.w("SAVEPOINT ")
		p.ident(s.Name)
	case *Flush:
		p.w("FLUSH")
	case *Wait:
		p.w("WAIT")
	case *Recover:
		p.w("RECOVER")
	case *Check:
		p.w("CHECK ", strings.ToUpper(s.Kind), " ")
		p.name(s.Name)
	case *Backup:
		p.w("BACKUP TO ", QuoteString(s.Directory))
	case *CancelJobs:
		p.w("CANCEL JOBS ", strings.Join(s.IDs, ", "))
	case *Kill:
		p.w("KILL ", QuoteString(s.ID))
	case *Discard:
		p.w("DISCARD ", strings.ToUpper(s.What))
	case *Maintenance:
		p.w(strings.ToUpper(s.Command))
		if s.Raw != "" {
			p.w(" ", s.Raw)
		}
	case *Use:
		p.w("USE ")
		p.ident(s.Database)
	default:
		p.cursor(s)
	}
}

func (p *printer) set(s *Set) {
	p.w("SET ")
	switch s.Scope {
	case ScopeSession:
		p.w("SESSION ")
	case ScopeLocal:
		p.w("LOCAL ")
	}
	p.setting(s.Name)
	p.w(" TO ")
	p.exprs(s.Values)
}

// setting writes the name of a parameter, or ALL if there is none.
func (p *printer) setting(name string) {
	if name == "" {
		p.w("ALL")
		return
	}
	p.name(Name{Parts: strings.Split(name, ".")})
}

func (p *printer) modes(m TxnModes) {
	sep := " "
	add := func(lead, s string) {
		if s != "" {
			p.w(sep, lead, strings.ToUpper(s))
			sep = ", "
		}
	}
	add("ISOLATION LEVEL ", m.Isolation)
	add("", m.Access)
	add("", m.Deferrable)
}

func (p *printer) show(s *Show) {
	p.w("SHOW")
	for _, w := range s.Words {
		p.w(" ")
		p.anyWord(w)
	}
	if !s.Name.IsZero() {
		if s.Words[0] != "create" {
			p.w(" FROM")
		}
		p.w(" ")
		p.name(s.Name)
	}
	if s.HasLike {
		p.w(" LIKE ", QuoteString(s.Like))
	}
}

// cursor writes the statements around cursors and prepared statements.
func (p *printer) cursor(s Stmt) {
	switch s := s.(type) {
	case *DeclareCursor:
		p.declare(s)
	case *Fetch:
		p.fetch(s)
	case *CloseCursor:
		p.w("CLOSE ")
		p.setting(s.Name)
	case *Subscribe:
		p.subscribe(s)
	case *Prepare:
		p.w("PREPARE ")
		p.ident(s.Name)
		if len(s.Types) > 0 {
			p.w(" ")
			p.types(s.Types)
		}
		p.w(" AS ")
		p.stmt(s.Stmt)
	case *Execute:
		p.w("EXECUTE ")
		p.ident(s.Name)
		if len(s.Args) > 0 {
			p.w(" (")
			p.exprs(s.Args)
			p.w(")")
		}
	case *Deallocate:
		p.w("DEALLOCATE ")
		p.setting(s.Name)
	case *Explain:
		p.w("EXPLAIN ")
		if len(s.Options) > 0 {
			p.w("(")
			p.list(len(s.Options), func(i int) {
				o := s.Options[i]
				p.w(strings.ToUpper(o.Name))
				switch o.Kind {
				case OptionString:
					p.w(" ", QuoteString(o.Value))
				case OptionNumber, OptionWord:
					p.w(" ", o.Value)
				}
			})
			p.w(") ")
		}
		p.stmt(s.Stmt)
	default:
		panic(fmt.Sprintf("ast: no way to print %T", s))
	}
}

func (p *printer) declare(s *DeclareCursor) {
	p.w("DECLARE ")
	p.ident(s.Name)
	if !s.Subscription.IsZero() {
		p.w(" SUBSCRIPTION CURSOR FOR ")
		p.name(s.Subscription)
		p.when(s.Full, " FULL")
		if s.Since != nil {
			p.w(" SINCE ")
			p.expr(s.Since)
		}
		return
	}
	p.when(s.Binary, " BINARY")
	p.when(s.Scroll, " SCROLL")
	p.when(s.NoScroll, " NO SCROLL")
	p.w(" CURSOR")
	p.when(s.Hold, " WITH HOLD")
	p.w(" FOR ")
	if s.Subscribe != nil {
		p.subscribe(s.Subscribe)
		return
	}
	p.query(s.Query)
}

var fetchWords = map[FetchDirection]string{
	FetchForward: "FORWARD ", FetchBackward: "BACKWARD ", FetchAbsolute: "ABSOLUTE ", FetchRelative: "RELATIVE ",
}

func (p *printer) fetch(s *Fetch) {
	if s.Move {
		p.w("MOVE ")
	} else {
		p.w("FETCH ")
	}
	p.w(fetchWords[s.Direction])
	if s.All {
		p.w("ALL")
	} else {
		p.w(strconv.FormatInt(s.Count, 10))
	}
	p.w(" FROM ")
	p.ident(s.Cursor)
	p.options(" WITH ", s.Options)
}

func (p *printer) subscribe(s *Subscribe) {
	p.w("SUBSCRIBE ")
	if s.Query != nil {
		p.subquery(s.Query)
	} else {
		p.name(s.Relation)
	}
	if s.Envelope != "" {
		p.w(" ENVELOPE ", strings.ToUpper(s.Envelope), " (KEY")
		p.columns(s.Keys)
		p.w(")")
	}
	if len(s.OrderBy) > 0 {
		p.w(" WITHIN TIMESTAMP")
		p.orderBy(s.OrderBy)
	}
	p.options(" WITH ", s.Options)
	if s.AsOf != nil {
		p.w(" AS OF ")
		p.operand(s.AsOf, LevelAnd+1)
	}
	if s.UpTo != nil {
		p.w(" UP TO ")
		p.operand(s.UpTo, LevelAnd+1)
	}
}
