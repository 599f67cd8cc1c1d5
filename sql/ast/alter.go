package ast

// Alter is ALTER kind name actions. Kind "system" has no name and one
// *AlterSystem action; kind "default privileges" has one *RawAction.
type Alter struct {
	Pos
	Kind     ObjectKind
	IfExists bool
	Name     Name
	Args     []*TypeName // of a function
	Actions  []AlterAction
}

// AlterAction is what ALTER does to its object.
type AlterAction interface {
	Node
	alterAction()
}

// RenameTo is RENAME TO name.
type RenameTo struct {
	Pos
	Name string
}

// RenameColumn is RENAME [COLUMN] old TO new.
type RenameColumn struct {
	Pos
	From, To string
}

// OwnerTo is OWNER TO user.
type OwnerTo struct {
	Pos
	Owner string
}

// SetSchema is SET SCHEMA name.
type SetSchema struct {
	Pos
	Schema string
}

// AddColumn is ADD [COLUMN] [IF NOT EXISTS] definition.
type AddColumn struct {
	Pos
	IfNotExists bool
	Column      *ColumnDef
}

// DropColumn is DROP [COLUMN] [IF EXISTS] name.
type DropColumn struct {
	Pos
	IfExists bool
	Name     string
	Cascade  bool
}

// ColumnChange is what ALTER COLUMN changes.
type ColumnChange uint8

// The changes of a column.
const (
	ColumnSetDefault ColumnChange = iota
	ColumnDropDefault
	ColumnSetNotNull
	ColumnDropNotNull
	ColumnSetType
)

// AlterColumn is ALTER [COLUMN] name SET DEFAULT .., DROP DEFAULT, SET NOT NULL,
// DROP NOT NULL or TYPE type [USING expr].
type AlterColumn struct {
	Pos
	Name    string
	Change  ColumnChange
	Default Expr
	Type    *TypeName
	Using   Expr
}

// AlterWatermark is ALTER WATERMARK FOR column AS expr.
type AlterWatermark struct {
	Pos
	Watermark *WatermarkDef
}

// AddConstraint is ADD constraint.
type AddConstraint struct {
	Pos
	Constraint *TableConstraint
}

// SetParallelism is SET PARALLELISM = n | ADAPTIVE | DEFAULT [DEFERRED]. What is
// "parallelism", "backfill_parallelism" ..
type SetParallelism struct {
	Pos
	What     string
	Value    string // a number, or a folded word
	Deferred bool
}

// SetRateLimit is SET SOURCE_RATE_LIMIT, BACKFILL_RATE_LIMIT, DML_RATE_LIMIT or
// SINK_RATE_LIMIT = n | DEFAULT.
type SetRateLimit struct {
	Pos
	What  string // "source_rate_limit" ..
	Value string // a number (-1: no limit), or "default"
}

// SwapWith is SWAP WITH name.
type SwapWith struct {
	Pos
	Name Name
}

// Resume is RESUME [WITH (..)]: start a job that was paused or failed.
type Resume struct {
	Pos
	Options []*Option
}

// Pause is PAUSE.
type Pause struct{ Pos }

// ApplyReplacement is APPLY REPLACEMENT name.
type ApplyReplacement struct {
	Pos
	Name Name
}

// RefreshSchema is REFRESH SCHEMA: read the schema registry again.
type RefreshSchema struct{ Pos }

// SetOptions is SET (a = b, ..) or CONNECTOR WITH (..).
type SetOptions struct {
	Pos
	Connector bool
	Options   []*Option
}

// UserOptions is [WITH] options of ALTER USER.
type UserOptions struct {
	Pos
	Options []*Option
}

// AlterSystem is ALTER SYSTEM SET name TO value.
type AlterSystem struct {
	Pos
	Name  string
	Value Expr
}

// RawAction is any other action, as written.
type RawAction struct {
	Pos
	Text string
}

func (*RenameTo) alterAction()         {}
func (*RenameColumn) alterAction()     {}
func (*OwnerTo) alterAction()          {}
func (*SetSchema) alterAction()        {}
func (*AddColumn) alterAction()        {}
func (*DropColumn) alterAction()       {}
func (*AlterColumn) alterAction()      {}
func (*AlterWatermark) alterAction()   {}
func (*AddConstraint) alterAction()    {}
func (*SetParallelism) alterAction()   {}
func (*SetRateLimit) alterAction()     {}
func (*SwapWith) alterAction()         {}
func (*Resume) alterAction()           {}
func (*Pause) alterAction()            {}
func (*ApplyReplacement) alterAction() {}
func (*RefreshSchema) alterAction()    {}
func (*SetOptions) alterAction()       {}
func (*UserOptions) alterAction()      {}
func (*AlterSystem) alterAction()      {}
func (*RawAction) alterAction()        {}

func (*Alter) stmt() {}
