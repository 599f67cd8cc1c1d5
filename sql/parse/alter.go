package parse

import (
	"strings"

	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
)

// alter reads ALTER.
func (r *reader) alter() ast.Stmt {
	s := &ast.Alter{Pos: r.pos()}
	r.need("alter")
	switch {
	case r.take("system"):
		s.Kind = "system"
		s.Actions = []ast.AlterAction{r.alterSystem()}
		return s
	case r.take("default", "privileges"):
		s.Kind = "default privileges"
		s.Actions = []ast.AlterAction{&ast.RawAction{Pos: r.pos(), Text: r.rest()}}
		return s
	}
	s.Kind = r.objectKind()
	s.IfExists = r.take("if", "exists")
	switch s.Kind {
	case "function", "aggregate":
		s.Name = r.funcName()
		s.Args = r.argTypes()
	case "user":
		s.Name = ast.Name{Pos: r.pos(), Parts: []string{r.anyWord()}}
	default:
		s.Name = r.name()
	}
	for {
		a := r.alterAction(s.Kind)
		if a == nil {
			a = &ast.RawAction{Pos: r.pos(), Text: r.rest()}
		}
		s.Actions = append(s.Actions, a)
		if !r.takePunct(",") {
			return s
		}
	}
}

// alterSystem reads SET name TO | = value.
func (r *reader) alterSystem() ast.AlterAction {
	a := &ast.AlterSystem{Pos: r.pos()}
	if r.take("reset") {
		a.Name = r.settingName()
		a.Value = &ast.Default{Pos: a.Pos}
		return a
	}
	r.need("set")
	a.Name = r.settingName()
	if !r.takeOp("=") {
		r.need("to")
	}
	a.Value = r.settingValue()
	return a
}

// alterAction reads one action; nil says that it knows none that starts here.
func (r *reader) alterAction(kind ast.ObjectKind) ast.AlterAction {
	p := r.pos()
	switch {
	case r.take("rename"):
		return r.rename(p)
	case r.take("owner", "to"):
		return &ast.OwnerTo{Pos: p, Owner: r.anyWord()}
	case r.take("add"):
		return r.alterAdd(p)
	case r.take("drop"):
		if r.kw("constraint") {
			r.refuse(r.p, sqlerr.FeatureNotSupported, "ALTER TABLE DROP CONSTRAINT is not supported")
		}
		r.take("column")
		a := &ast.DropColumn{Pos: p, IfExists: r.take("if", "exists"), Name: r.columnName()}
		if a.Cascade = r.take("cascade"); !a.Cascade {
			r.take("restrict")
		}
		return a
	case r.take("alter"):
		if r.kws("watermark", "for") {
			return &ast.AlterWatermark{Pos: p, Watermark: r.watermark()}
		}
		return r.alterColumn(p)
	case r.take("swap", "with"):
		return &ast.SwapWith{Pos: p, Name: r.name()}
	case r.take("apply", "replacement"):
		return &ast.ApplyReplacement{Pos: p, Name: r.name()}
	case r.take("refresh", "schema"):
		return &ast.RefreshSchema{Pos: p}
	case r.take("resume"):
		return &ast.Resume{Pos: p, Options: r.withOptions()}
	case r.take("pause"):
		return &ast.Pause{Pos: p}
	case r.take("connector", "with"):
		return &ast.SetOptions{Pos: p, Connector: true, Options: r.parenOptions()}
	case r.kw("set"):
		return r.alterSet(p)
	case kind == "user" && r.cur().kind == word:
		r.take("with")
		return &ast.UserOptions{Pos: p, Options: r.userOptions()}
	case r.atEnd():
		r.fail()
	}
	return nil
}

func (r *reader) rename(p ast.Pos) ast.AlterAction {
	if r.take("to") {
		return &ast.RenameTo{Pos: p, Name: r.anyWord()}
	}
	r.take("column")
	a := &ast.RenameColumn{Pos: p, From: r.columnName()}
	r.need("to")
	a.To = r.columnName()
	return a
}

func (r *reader) alterAdd(p ast.Pos) ast.AlterAction {
	if r.kw("constraint", "primary", "unique", "check", "foreign") {
		return &ast.AddConstraint{Pos: p, Constraint: r.tableConstraint()}
	}
	r.take("column")
	return &ast.AddColumn{Pos: p, IfNotExists: r.ifNotExists(), Column: r.columnDef()}
}

func (r *reader) alterColumn(p ast.Pos) ast.AlterAction {
	r.take("column")
	a := &ast.AlterColumn{Pos: p, Name: r.columnName()}
	switch {
	case r.take("set", "default"):
		r.exprSlot(&a.Default)
	case r.take("drop", "default"):
		a.Change = ast.ColumnDropDefault
	case r.take("set", "not", "null"):
		a.Change = ast.ColumnSetNotNull
	case r.take("drop", "not", "null"):
		a.Change = ast.ColumnDropNotNull
	case r.take("type"), r.take("set", "data", "type"):
		a.Change = ast.ColumnSetType
		a.Type = r.typeName()
		if r.take("using") {
			r.exprSlot(&a.Using)
		}
	default:
		r.fail()
	}
	return a
}

// alterSet reads SET ..; nil says that it knows no such action.
func (r *reader) alterSet(p ast.Pos) ast.AlterAction {
	w := r.at(1)
	switch {
	case r.take("set", "schema"):
		return &ast.SetSchema{Pos: p, Schema: r.columnName()}
	case r.isPunct(1, "("):
		r.skip(1)
		return &ast.SetOptions{Pos: p, Options: r.parenOptions()}
	case w.kind == word && strings.HasSuffix(w.val, "parallelism"):
		r.skip(2)
		a := &ast.SetParallelism{Pos: p, What: w.val, Value: r.alterValue()}
		a.Deferred = r.take("deferred")
		return a
	case w.kind == word && strings.HasSuffix(w.val, "_rate_limit"):
		r.skip(2)
		return &ast.SetRateLimit{Pos: p, What: w.val, Value: r.alterValue()}
	}
	return nil
}

// alterValue reads TO | = a number or a word.
func (r *reader) alterValue() string {
	if !r.takeOp("=") {
		r.take("to")
	}
	var o ast.Option
	r.optionValue(&o)
	return strings.ToLower(o.Value)
}
