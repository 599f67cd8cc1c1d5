package expr

// SessionInfo is what functions about the session and the catalog need; the
// engine's session implements it and puts itself into Ctx.Session. Without one
// (in a job) such functions give NULL or their neutral value. OIDs that do not
// exist give "" or false, which become NULL.
type SessionInfo interface {
	CurrentSetting(name string) (value string, ok bool)
	SetConfig(name, value string, local bool) error
	CurrentSchema() string // "" if the search path names no schema that exists
	SearchPath(implicit bool) []string
	BackendPID() int32
	ServerVersion() string // version()

	// RelName is the name of a relation, qualified if the search path does not find it.
	RelName(oid uint32) string
	// RelOID finds a relation by a name that may be qualified.
	RelOID(name string) (oid uint32, ok bool)
	RelVisible(oid uint32) bool
	TypeVisible(oid uint32) bool
	FunctionVisible(oid uint32) bool
	RoleName(oid uint32) string
	// ViewDef is the query of a view or materialized view; IndexDef and
	// ConstraintDef are as pg_get_indexdef and pg_get_constraintdef print them.
	ViewDef(oid uint32) string
	IndexDef(oid uint32, column int32) string
	ConstraintDef(oid uint32) string
	// Comment is the comment on an object, or on a column if column > 0; catalog is
	// "pg_class", "pg_proc" ..
	Comment(oid uint32, catalog string, column int32) string
	// RelBytes estimates what a relation takes on disk.
	RelBytes(oid uint32) int64
	// DatabaseBytes estimates what a database takes on disk; name or oid.
	DatabaseBytes(name string) int64
}

// SessionInfo returns the session; nil when there is none.
func (c *Ctx) SessionInfo() SessionInfo {
	if c == nil {
		return nil
	}
	s, _ := c.Session.(SessionInfo)
	return s
}
