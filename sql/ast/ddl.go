package ast

// OptionKind says how the value of an option was written.
type OptionKind uint8

// The forms of an option's value.
const (
	OptionString OptionKind = iota
	OptionNumber
	OptionWord   // an unquoted word: true, default, always
	OptionSecret // SECRET name [AS FILE]
	OptionNone   // the name alone
	OptionRaw    // word(..): kept as written
)

// Option is name = value in WITH (..), ENCODE .. (..), SET (..) and the like.
// The name is joined by dots and folded; a value that is a string is decoded.
type Option struct {
	Pos
	Name   string
	Kind   OptionKind
	Value  string
	Secret Name // if Kind is OptionSecret
	AsFile bool
}

// RelationDef is what CREATE TABLE and CREATE SOURCE share.
type RelationDef struct {
	Name          Name
	OrReplace     bool
	Temporary     bool
	IfNotExists   bool
	Columns       []*ColumnDef
	Wildcard      bool // `*` among the columns: those that the connector has
	Constraints   []*TableConstraint
	Watermarks    []*WatermarkDef
	AppendOnly    bool
	OnConflict    ConflictBehavior
	VersionColumn []string
	Include       []*IncludeColumn
	Options       []*Option
	Format        *Format
}

// ConflictBehavior is what a table does with a second row of the same key that
// comes from its connector: ON CONFLICT in CREATE TABLE.
type ConflictBehavior uint8

// The behaviours on conflict.
const (
	ConflictDefault ConflictBehavior = iota
	ConflictOverwrite
	ConflictIgnore
	ConflictUpdateIfNotNull
)

// ColumnDef is a column of CREATE TABLE or ALTER TABLE ADD COLUMN. Type is nil
// for a column of CREATE TABLE .. AS, and where it follows from Generated.
type ColumnDef struct {
	Pos
	Name       string
	Type       *TypeName
	Collation  Name
	NotNull    bool
	Null       bool // an explicit NULL
	PrimaryKey bool
	Unique     bool
	Default    Expr
	Generated  Expr // AS expr, GENERATED ALWAYS AS (expr) STORED
	Check      Expr
	References *References
}

// References is a foreign key; it is parsed so that it can be refused by name.
type References struct {
	Pos
	Table   Name
	Columns []string
}

// ConstraintKind is the kind of a table constraint.
type ConstraintKind uint8

// The kinds of table constraint.
const (
	ConstraintPrimaryKey ConstraintKind = iota
	ConstraintUnique
	ConstraintCheck
	ConstraintForeignKey
)

// TableConstraint is a constraint among the columns of CREATE TABLE.
type TableConstraint struct {
	Pos
	Name       string
	Kind       ConstraintKind
	Columns    []string
	Check      Expr
	References *References
}

// WatermarkDef is WATERMARK FOR column AS expr [WITH TTL] [ON LATE DROP | QUARANTINE].
type WatermarkDef struct {
	Pos
	Column  string
	Expr    Expr
	WithTTL bool
	OnLate  string // "", "drop", "quarantine"
}

// IncludeColumn is INCLUDE kind [field] [type] [AS alias]: a column of metadata.
type IncludeColumn struct {
	Pos
	Kind  string // key, timestamp, offset, partition, header, payload, file ..
	Field string // a header's name, '' if none
	Type  *TypeName
	Alias string
}

// Format is FORMAT name [(..)] ENCODE name [(..)] [KEY ENCODE name [(..)]].
type Format struct {
	Pos
	Format     string // folded: plain, upsert, debezium ..
	Encode     string // folded: json, avro ..
	Options    []*Option
	KeyEncode  string
	KeyOptions []*Option
}

// CreateTable is CREATE TABLE. Query (AS query) and FromSource exclude each other.
type CreateTable struct {
	Pos
	RelationDef
	Query       *Query
	QueryText   string // text of Query
	FromSource  Name   // FROM source TABLE 'name'
	SourceTable string
	Engine      string // ENGINE = name
	Like        Name   // (LIKE table)
}

// CreateSource is CREATE SOURCE.
type CreateSource struct {
	Pos
	RelationDef
}

// CreateSink is CREATE SINK. One of From and Query is set.
type CreateSink struct {
	Pos
	Name        Name
	OrReplace   bool
	IfNotExists bool
	Into        Name // INTO table; empty if the sink leads outside
	IntoColumns []string
	From        Name
	Query       *Query
	QueryText   string
	Columns     []string
	Options     []*Option
	Format      *Format
	// EmitOnWindowClose is written behind the query (or the relation).
	EmitOnWindowClose bool
}

// CreateMaterializedView is CREATE MATERIALIZED VIEW. QueryText is the text of
// the query as the user wrote it. ReplacementFor is set for
// CREATE REPLACEMENT MATERIALIZED VIEW name FOR view.
type CreateMaterializedView struct {
	Pos
	Name              Name
	OrReplace         bool
	IfNotExists       bool
	ReplacementFor    Name
	Columns           []string
	Options           []*Option
	Query             *Query
	QueryText         string
	EmitOnWindowClose bool
	WithNoData        bool
}

// CreateView is CREATE VIEW.
type CreateView struct {
	Pos
	Name        Name
	OrReplace   bool
	Temporary   bool
	IfNotExists bool
	Columns     []string
	Query       *Query
	QueryText   string
}

// CreateIndex is CREATE INDEX.
type CreateIndex struct {
	Pos
	Name          Name // empty: chosen by the system
	Unique        bool
	IfNotExists   bool
	Table         Name
	Method        string
	Keys          []*OrderItem
	Include       []string
	DistributedBy []Expr
	Options       []*Option
}

// CreateSubscription is CREATE SUBSCRIPTION name FROM relation WITH (..).
type CreateSubscription struct {
	Pos
	Name        Name
	IfNotExists bool
	From        Name
	Options     []*Option
}

func (*CreateTable) stmt()            {}
func (*CreateSource) stmt()           {}
func (*CreateSink) stmt()             {}
func (*CreateMaterializedView) stmt() {}
func (*CreateView) stmt()             {}
func (*CreateIndex) stmt()            {}
func (*CreateSubscription) stmt()     {}
