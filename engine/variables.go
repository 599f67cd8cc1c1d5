package engine

import (
	"context"
	"maps"
	"slices"
	"strings"

	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
	"streamdb/types"
	"streamdb/wire"
)

// setVariable is SET name = value.
func setVariable(st *ast.Set) action {
	return func(_ context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		if len(st.Values) == 1 {
			if _, ok := st.Values[0].(*ast.Default); ok {
				return done("SET"), s.change(st.Name, "", true, false)
			}
		}
		parts := make([]string, len(st.Values))
		for i, v := range st.Values {
			parts[i] = settingText(v)
		}
		local := st.Scope == ast.ScopeLocal
		if local && (s.txn == nil || !s.txn.explicit) {
			s.warn(sqlerr.NoActiveSQLTransaction, "SET LOCAL can only be used in transaction blocks")
			return done("SET"), nil
		}
		if st.Name == "database" || st.Name == "session_authorization" || st.Name == "role" {
			return done("SET"), nil
		}
		value := strings.Join(parts, ", ")
		if st.Name == transactionIsolation {
			return done("SET"), s.setThisIsolation(value)
		}
		return done("SET"), s.change(st.Name, value, false, local)
	}
}

// settingText is a SET value as text.
func settingText(v ast.Expr) string {
	switch v := v.(type) {
	case *ast.StringLit:
		return v.Value
	case *ast.ColumnRef:
		return strings.Join(v.Parts, ".")
	case *ast.TypedLit:
		return v.Value
	default:
		return ast.String(v)
	}
}

func (s *Session) change(name, value string, deflt, local bool) error {
	note, err := s.settings.set(name, value, deflt, local)
	if err != nil {
		return err
	}
	s.env = nil
	if note != "" {
		s.notice("00000", "%s", note)
	}
	return nil
}

// resetVariable is RESET name and RESET ALL.
func resetVariable(st *ast.Reset) action {
	return func(_ context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		if st.Name == "" || st.Name == "all" {
			s.resetAll()
			return done("RESET"), nil
		}
		return done("RESET"), s.change(st.Name, "", true, false)
	}
}

func (s *Session) resetAll() {
	fresh := s.db.newSettings()
	fresh.values["session_authorization"] = s.info.User
	fresh.values["application_name"] = s.info.Application
	s.settings, s.env = fresh, nil
}

// discard is DISCARD ALL, PLANS, TEMP, SEQUENCES.
func discard(st *ast.Discard) action {
	return func(_ context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		if st.What == "all" {
			if s.txn != nil && s.txn.explicit {
				return nil, sqlerr.New(sqlerr.ActiveSQLTransaction, "DISCARD ALL cannot run inside a transaction block")
			}
			s.resetAll()
			clear(s.named)
			s.closeCursors()
		}
		return done("DISCARD " + strings.ToUpper(st.What)), nil
	}
}

// newEnv makes the value environment that the settings describe.
func (s *Session) newEnv() *types.Env {
	now := s.settings.current()
	if s.envOf != now {
		s.envOf, s.plainEnv = now, types.Env{TimeZone: now.zone, DateOrder: now.order, RegIn: s.regIn, RegOut: s.regOut}
	}
	e := s.plainEnv
	if s.txn != nil {
		e.Now = s.txn.start
	}
	return &e
}

// showSetting is SHOW name; showAll is SHOW ALL.
func showSetting(name string) action {
	return func(_ context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
		v, err := s.settings.get(name)
		if err != nil {
			return nil, err
		}
		return textRows(textColumns(settingTitle(name)), [][]*string{{&v}}, "SHOW"), nil
	}
}

// settingTitle is the column name of SHOW name, as Postgres spells it.
func settingTitle(name string) string {
	if d := settingByName[strings.ToLower(name)]; d != nil {
		return d.name
	}
	return name
}

func showAll(_ context.Context, s *Session, _ []types.Datum) (wire.Rows, error) {
	var rows [][]*string
	for _, key := range slices.Sorted(maps.Keys(settingByName)) {
		d := settingByName[key]
		v := s.settings.must(d.name)
		rows = append(rows, []*string{&d.name, &v, &d.doc})
	}
	return textRows(textColumns("name", "setting", "description"), rows, "SHOW"), nil
}
