package engine

import (
	"strings"

	"streamdb/catalog"
	"streamdb/catalog/syscat"
	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/sql/ast"
	"streamdb/types"
	"streamdb/wire"
)

// The session as functions of pg_catalog see it.
var _ expr.SessionInfo = (*Session)(nil)

// CurrentSetting is current_setting(name).
func (s *Session) CurrentSetting(name string) (string, bool) {
	v, err := s.settings.get(name)
	return v, err == nil
}

// SetConfig is set_config(name, value, is_local).
func (s *Session) SetConfig(name, value string, local bool) error {
	return s.change(name, value, false, local)
}

// CurrentSchema is the first schema of the search path that exists.
func (s *Session) CurrentSchema() string {
	for _, p := range s.settings.searchPath(s.info.User) {
		if _, ok := s.catalog().Schema(p); ok {
			return p
		}
	}
	return ""
}

// SearchPath lists the schemas of the search path that exist.
func (s *Session) SearchPath(implicit bool) []string {
	var out []string
	if implicit {
		out = append(out, "pg_catalog")
	}
	for _, p := range s.settings.searchPath(s.info.User) {
		if _, ok := s.catalog().Schema(p); ok {
			out = append(out, p)
		}
	}
	return out
}

// BackendPID is the number that CancelRequest names.
func (s *Session) BackendPID() int32 { return int32(s.info.PID) }

// ServerVersion is version().
func (s *Session) ServerVersion() string {
	return "PostgreSQL " + serverVersion + " (streamdb)"
}

// RelName is the name of a relation, qualified where needed.
func (s *Session) RelName(oid uint32) string {
	schema, name, ok := syscat.RelationName(s.catalog(), catalog.ID(oid))
	if !ok {
		return ""
	}
	if s.finds(schema, name) {
		return ast.QuoteIdent(name)
	}
	return ast.QuoteIdent(schema) + "." + ast.QuoteIdent(name)
}

// finds reports whether an unqualified name means the relation of the schema.
func (s *Session) finds(schema, name string) bool {
	for _, p := range s.SearchPath(true) {
		if p == schema {
			return true
		}
		if _, ok := syscat.RelationOID(s.catalog(), p, name); ok {
			return false
		}
	}
	return false
}

// RelOID finds a relation by a name as written.
func (s *Session) RelOID(name string) (uint32, bool) {
	parts := splitName(name)
	if len(parts) == 2 {
		oid, ok := syscat.RelationOID(s.catalog(), parts[0], parts[1])
		return uint32(oid), ok
	}
	for _, p := range s.SearchPath(true) {
		if oid, ok := syscat.RelationOID(s.catalog(), p, parts[len(parts)-1]); ok {
			return uint32(oid), true
		}
	}
	return 0, false
}

// splitName splits a possibly quoted and qualified name.
func splitName(s string) []string {
	var parts []string
	var b strings.Builder
	inQuotes := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' && inQuotes && i+1 < len(s) && s[i+1] == '"':
			b.WriteByte('"')
			i++
		case c == '"':
			inQuotes = !inQuotes
		case c == '.' && !inQuotes:
			parts = append(parts, b.String())
			b.Reset()
		case inQuotes:
			b.WriteByte(c)
		default:
			b.WriteString(strings.ToLower(string(c)))
		}
	}
	return append(parts, b.String())
}

// RelVisible is pg_table_is_visible.
func (s *Session) RelVisible(oid uint32) bool {
	schema, name, ok := syscat.RelationName(s.catalog(), catalog.ID(oid))
	return ok && s.finds(schema, name)
}

// TypeVisible is pg_type_is_visible: all types are in pg_catalog.
func (s *Session) TypeVisible(oid uint32) bool {
	_, ok := types.OfOID(oid)
	return ok
}

// FunctionVisible is pg_function_is_visible.
func (s *Session) FunctionVisible(uint32) bool { return true }

// RoleName is pg_get_userbyid.
func (s *Session) RoleName(oid uint32) string {
	if oid == syscat.OwnerOID {
		return s.info.User
	}
	return ""
}

// ViewDef is pg_get_viewdef.
func (s *Session) ViewDef(oid uint32) string {
	o := s.catalog().ByID(catalog.ID(oid))
	if o == nil || o.Query == "" {
		return ""
	}
	return " " + strings.TrimRight(queryText(s.catalog(), o), "; \n\t") + ";"
}

// IndexDef is pg_get_indexdef: of a primary key's index, or of one that was made.
func (s *Session) IndexDef(oid uint32, column int32) string {
	if ix := s.catalog().ByID(catalog.ID(oid)); ix != nil && ix.Index != nil {
		switch {
		case column <= 0:
			return syscat.SecondaryIndexDef(s.catalog(), ix)
		case int(column) <= ix.Index.Keys:
			return syscat.IndexKeyDef(s.catalog(), ix, int(column)-1)
		case int(column) <= ix.Index.Given:
			return ix.Cols[column-1].Name
		}
		return ""
	}
	o := syscat.PKeyTable(s.catalog(), catalog.ID(oid))
	if o == nil {
		return ""
	}
	if column > 0 {
		if pk := o.PrimaryKey(); int(column) <= len(pk) {
			return o.Cols[pk[column-1]].Name
		}
		return ""
	}
	return syscat.IndexDef(o)
}

// ConstraintDef is pg_get_constraintdef of a primary key.
func (s *Session) ConstraintDef(oid uint32) string {
	o := syscat.PKeyTable(s.catalog(), catalog.ID(oid))
	if o == nil {
		return ""
	}
	return "PRIMARY KEY (" + syscat.KeyNames(o) + ")"
}

// Comment is obj_description and col_description.
func (s *Session) Comment(oid uint32, class string, column int32) string {
	o := s.catalog().ByID(catalog.ID(oid))
	if o == nil || class != "pg_class" {
		return ""
	}
	if column == 0 {
		return o.Comment
	}
	for _, c := range o.Cols {
		if c.Hidden {
			continue
		}
		if column--; column == 0 {
			return c.Comment
		}
	}
	return ""
}

// RelBytes is pg_relation_size and the like.
func (s *Session) RelBytes(oid uint32) int64 {
	o := s.catalog().ByID(catalog.ID(oid))
	if o == nil {
		return 0
	}
	return s.Bytes(o)
}

// DatabaseBytes is pg_database_size.
func (s *Session) DatabaseBytes(string) int64 {
	var n int64
	for _, o := range s.catalog().Objects() {
		n += s.Bytes(o)
	}
	return n
}

// CursorColumns describes the result of a cursor made by DECLARE.
func (s *Session) CursorColumns(name string) ([]wire.Column, bool) {
	c := s.cursors[name]
	if c == nil {
		return nil, false
	}
	return c.cols, true
}

// regIn reads a reg* value by name.
func (s *Session) regIn(t types.T, name string) (int64, error) {
	switch t.ID {
	case types.Regclass:
		if oid, ok := s.RelOID(name); ok {
			return int64(oid), nil
		}
		return 0, sqlerr.New(sqlerr.UndefinedTable, "relation \"%s\" does not exist", name)
	case types.Regtype:
		if typ, ok := types.Lookup(strings.TrimPrefix(name, "pg_catalog.")); ok {
			return int64(typ.OID()), nil
		}
		return 0, sqlerr.New(sqlerr.UndefinedObject, "type \"%s\" does not exist", name)
	case types.Regnamespace:
		if id, ok := s.catalog().Schema(name); ok {
			return int64(id), nil
		}
		if id, ok := syscat.SystemSchema(name); ok {
			return int64(id), nil
		}
		return 0, sqlerr.New(sqlerr.InvalidSchemaName, "schema \"%s\" does not exist", name)
	}
	if oid, ok := syscat.ProcOID(name); ok && t.ID == types.Regproc {
		return int64(oid), nil
	}
	return 0, sqlerr.New(sqlerr.UndefinedFunction, "function \"%s\" does not exist", name)
}

// regOut prints a reg* value by name; "": as a number.
func (s *Session) regOut(t types.T, oid int64) string {
	switch t.ID {
	case types.Regclass:
		return s.RelName(uint32(oid))
	case types.Regtype:
		if typ, ok := types.OfOID(uint32(oid)); ok {
			return syscat.BareName(typ)
		}
	case types.Regproc:
		return syscat.ProcName(uint32(oid))
	case types.Regnamespace:
		for _, n := range s.catalog().Schemas() {
			if id, _ := s.catalog().Schema(n); int64(id) == oid {
				return ast.QuoteIdent(n)
			}
		}
		return syscat.SystemSchemaName(catalog.ID(oid))
	}
	return ""
}
