package expr

import (
	"time"

	"streamdb/types"
	"streamdb/vec"
)

// Expr is a typed expression over the columns of one input. Expressions are
// immutable and safe for concurrent use. The nodes are pointers: *Col, *Const,
// *Param, *Call, *And, *Or, *Case, *Coalesce, *In.
type Expr interface {
	// Type is the SQL type of the result.
	Type() types.T
	// Eval computes the rows named by sel (ascending row numbers; nil: all n
	// rows) of a batch of n rows. The result has n rows; only those in sel are
	// meaningful. The result may be Const. It may alias an input column and
	// must not be written to.
	Eval(ctx *Ctx, in []vec.Vec, sel []int32, n int) (vec.Vec, error)
	// String prints the expression as SQL-like text for EXPLAIN; columns as $0, $1 ..
	String() string
}

// Ctx is what an evaluation may depend on besides its rows. One per statement
// or per epoch of a job, shared by all its expressions.
type Ctx struct {
	Now       time.Time      // now(): the transaction's start, or the epoch's time in a job
	Location  *time.Location // the session's TimeZone; UTC in a job
	User      string
	Database  string
	Params    []types.Datum // values of $1.. of a prepared statement
	Session   any           // engine's session for functions such as current_setting; nil in a job
	Cancelled func() bool   // polled by long evaluations; may be nil
	OnError   *Errors       // rows that a function fails for give NULL, counted here; nil: the evaluation fails
	Env       *types.Env    // text forms (DateStyle, bytea_output, ..); nil: the defaults with Location and Now
}

// Col reads column Index of the input.
type Col struct {
	Index int
	T     types.T
}

// Const is a literal.
type Const struct {
	Value types.Datum
	T     types.T
}

// Param reads parameter Index (0-based) of a prepared statement.
type Param struct {
	Index int
	T     types.T
}

// Call applies a function, operator or cast to its arguments. T is the result
// type with modifiers (Def.Ret may leave it to the arguments).
type Call struct {
	Def  *Def
	Args []Expr
	T    types.T
}

// And, Or are three-valued and evaluate later arguments only where needed.
type And struct{ Args []Expr }

// Or is three-valued disjunction.
type Or struct{ Args []Expr }

// Case is CASE WHEN Whens[i] THEN Thens[i] .. ELSE Else END (Else nil: NULL).
// The simple form CASE x WHEN v is bound to this one.
type Case struct {
	Whens []Expr
	Thens []Expr
	Else  Expr
	T     types.T
}

// Coalesce returns its first argument that is not NULL.
type Coalesce struct {
	Args []Expr
	T    types.T
}
