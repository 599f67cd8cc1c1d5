// Package ast holds streamdb's own statement and expression trees. It is what
// the planner and the engine see; no other package sees the grammar that stands
// behind sql/parse. The package is pure data: it knows no catalog, resolves no
// name, checks no type and owns no goroutine.
//
// Every node is a pointer to a struct that embeds Pos, the byte offset of the
// node in the text of its statement. Names are already folded (unquoted names
// to lower case); literals are decoded but not typed.
//
// # Interfaces
//
//	Node       anything with a position (At)
//	Expr       scalar expressions
//	TableExpr  what stands in FROM
//	QueryBody  Select, SetOp, Values and (parenthesised, with clauses of its own) Query
//	Stmt       statements; *Query is the SELECT statement
//	AlterAction what ALTER does
//
// # Expressions (expr.go, call.go)
//
//	ColumnRef Star NumberLit StringLit BoolLit NullLit BitLit TypedLit Param Default
//	Unary (-, +, NOT, ~ ..) Binary (any Postgres operator, AND, OR)
//	Is IsDistinct Like Between In AnyAll Exists Subquery ArraySubquery
//	ArrayExpr RowExpr MapExpr Case Cast Collate AtTimeZone Subscript FieldSelect
//	FuncCall (with NamedArg, Lambda, WindowSpec, Frame, FrameBound, OrderItem) GroupingSet
//
// SQL's special call forms are FuncCalls: EXTRACT(f FROM x) is extract('f', x),
// SUBSTRING(x FROM a FOR b) is substring(x, a, b), TRIM is btrim/ltrim/rtrim,
// POSITION(a IN b) is position(b, a), OVERLAY(x PLACING y FROM a) is
// overlay(x, y, a), CURRENT_DATE and friends are calls without arguments,
// COALESCE, NULLIF, GREATEST, LEAST and GROUPING are calls of those names.
//
// # Queries (query.go, table.go)
//
//	Query With CTE Select Target WindowDef SetOp Values Locking
//	TableName SubqueryTable FuncTable RowsFrom Join (all with *TableAlias)
//
// `TABLE t` is SELECT * FROM t. ONLY, FETCH FIRST and LIMIT ALL are normalised.
//
// # Statements
//
//	dml.go      Insert Update Delete Truncate Copy
//	ddl.go      CreateTable CreateSource (both with RelationDef) CreateSink
//	            CreateMaterializedView CreateView CreateIndex CreateSubscription
//	object.go   CreateSchema CreateDatabase CreateUser CreateConnection
//	            CreateSecret CreateFunction Drop Comment Grant
//	alter.go    Alter with RenameTo RenameColumn OwnerTo SetSchema AddColumn
//	            DropColumn AlterColumn SetParallelism SetRateLimit SwapWith
//	            Resume ApplyReplacement RawAction ..
//	session.go  Set Reset Show Begin Commit Rollback Savepoint Flush Wait CancelJobs
//	            Recover DeclareCursor Fetch CloseCursor Subscribe Prepare Execute
//	            Deallocate Describe Explain Discard Maintenance Use Check Backup
//
// String prints any node as canonical SQL that parses back to an equal tree;
// Walk visits a node and all below it.
package ast
