package ast

// SetScope is SESSION or LOCAL in SET.
type SetScope uint8

// The scopes of SET.
const (
	ScopeDefault SetScope = iota
	ScopeSession
	ScopeLocal
)

// Set is SET name = values. Values are *StringLit, *NumberLit (possibly under
// a Unary minus), *BoolLit, *ColumnRef (one folded word), *TypedLit (an interval)
// or *Default. SET TIME ZONE is name "timezone"; SET NAMES is "client_encoding";
// SET SCHEMA is "search_path"; SET TRANSACTION .. and SET SESSION CHARACTERISTICS
// are SetTransaction.
type Set struct {
	Pos
	Scope  SetScope
	Name   string
	Values []Expr
}

// SetTransaction is SET TRANSACTION modes, or, if Session, SET SESSION
// CHARACTERISTICS AS TRANSACTION modes.
type SetTransaction struct {
	Pos
	Session bool
	Modes   TxnModes
}

// Reset is RESET name; an empty name is RESET ALL.
type Reset struct {
	Pos
	Name string
}

// Show is SHOW. Words are the folded words that say what is wanted: ["tables"],
// ["create", "table"], ["jobs"], ["materialized", "views"], ["transaction",
// "isolation", "level"], or one parameter name. SHOW ALL is ["all"].
type Show struct {
	Pos
	Words []string
	Name  Name // of SHOW CREATE kind name, SHOW COLUMNS FROM name, SHOW TABLES FROM schema
	Like  string
	// HasLike tells LIKE '' from no LIKE.
	HasLike bool
}

// Describe is DESCRIBE name.
type Describe struct {
	Pos
	Name     Name
	Fragment bool // DESCRIBE FRAGMENTS name
}

// TxnModes are the modes of a transaction; "" where nothing was said.
type TxnModes struct {
	Isolation  string // "serializable", "repeatable read", "read committed", "read uncommitted"
	Access     string // "read only", "read write"
	Deferrable string // "deferrable", "not deferrable"
}

// Begin is BEGIN or START TRANSACTION.
type Begin struct {
	Pos
	Start bool // it was said as START TRANSACTION
	Modes TxnModes
}

// Commit is COMMIT or END.
type Commit struct {
	Pos
	Chain bool
}

// Rollback is ROLLBACK or ABORT, to a savepoint if one is named.
type Rollback struct {
	Pos
	Savepoint string
	Chain     bool
}

// Savepoint is SAVEPOINT name, or, if Release, RELEASE SAVEPOINT name.
type Savepoint struct {
	Pos
	Name    string
	Release bool
}

// Flush is FLUSH.
type Flush struct{ Pos }

// Wait is WAIT.
type Wait struct{ Pos }

// Recover is RECOVER.
type Recover struct{ Pos }

// Check is CHECK MATERIALIZED VIEW name, CHECK TABLE name or CHECK INDEX name.
type Check struct {
	Pos
	Kind string // "materialized view", "table" or "index"
	Name Name
}

// Backup is BACKUP TO 'directory'.
type Backup struct {
	Pos
	Directory string
}

// CancelJobs is CANCEL JOBS ids.
type CancelJobs struct {
	Pos
	IDs []string
}

// Kill is KILL id.
type Kill struct {
	Pos
	ID string
}

// DeclareCursor is DECLARE name CURSOR FOR query, FOR SUBSCRIBE .., or a
// subscription cursor (DECLARE name SUBSCRIPTION CURSOR FOR sub SINCE ..).
type DeclareCursor struct {
	Pos
	Name         string
	Binary       bool
	Scroll       bool
	NoScroll     bool
	Hold         bool
	Query        *Query
	Subscribe    *Subscribe
	Subscription Name
	Full         bool
	Since        Expr // nil: from now on, unless Full
}

// FetchDirection is the direction of FETCH and MOVE.
type FetchDirection uint8

// The directions of FETCH.
const (
	FetchForward FetchDirection = iota
	FetchBackward
	FetchAbsolute
	FetchRelative
)

// Fetch is FETCH from a cursor, or, if Move, MOVE. FETCH NEXT is one row
// forward, FETCH ALL has All, FETCH FIRST and LAST are absolute 1 and -1.
type Fetch struct {
	Pos
	Move      bool
	Direction FetchDirection
	All       bool
	Count     int64
	Cursor    string
	Options   []*Option
}

// CloseCursor is CLOSE name; an empty name is CLOSE ALL.
type CloseCursor struct {
	Pos
	Name string
}

// Subscribe is SUBSCRIBE [TO] relation or (query), with its options.
type Subscribe struct {
	Pos
	Relation Name
	Query    *Query
	Envelope string   // "", "upsert", "debezium"
	Keys     []string // of the envelope
	OrderBy  []*OrderItem
	Options  []*Option
	AsOf     Expr
	UpTo     Expr
}

// Prepare is PREPARE name (types) AS statement.
type Prepare struct {
	Pos
	Name  string
	Types []*TypeName
	Stmt  Stmt
	// StmtText is the text of Stmt.
	StmtText string
}

// Execute is EXECUTE name (args).
type Execute struct {
	Pos
	Name string
	Args []Expr
}

// Deallocate is DEALLOCATE name; an empty name is DEALLOCATE ALL.
type Deallocate struct {
	Pos
	Name string
}

// Explain is EXPLAIN; options are given as written, with ANALYZE and VERBOSE
// before the statement turned into options.
type Explain struct {
	Pos
	Options []*Option
	Stmt    Stmt
	// StmtText is the text of Stmt.
	StmtText string
}

// Discard is DISCARD ALL and the like; What is the folded word.
type Discard struct {
	Pos
	What string
}

// Maintenance is VACUUM, ANALYZE, REINDEX, CHECKPOINT or another command that is
// accepted and has nothing to do.
type Maintenance struct {
	Pos
	Command string // folded
	Raw     string // everything after the first word
}

// Use is USE database.
type Use struct {
	Pos
	Database string
}

func (*Set) stmt()            {}
func (*SetTransaction) stmt() {}
func (*Reset) stmt()          {}
func (*Show) stmt()           {}
func (*Describe) stmt()       {}
func (*Begin) stmt()          {}
func (*Commit) stmt()         {}
func (*Rollback) stmt()       {}
func (*Savepoint) stmt()      {}
func (*Flush) stmt()          {}
func (*Wait) stmt()           {}
func (*Recover) stmt()        {}
func (*Check) stmt()          {}
func (*Backup) stmt()         {}
func (*CancelJobs) stmt()     {}
func (*Kill) stmt()           {}
func (*DeclareCursor) stmt()  {}
func (*Fetch) stmt()          {}
func (*CloseCursor) stmt()    {}
func (*Subscribe) stmt()      {}
func (*Prepare) stmt()        {}
func (*Execute) stmt()        {}
func (*Deallocate) stmt()     {}
func (*Explain) stmt()        {}
func (*Discard) stmt()        {}
func (*Maintenance) stmt()    {}
func (*Use) stmt()            {}
