package bind

import (
	"unicode/utf8"

	"streamdb/catalog"
	"streamdb/expr"
	"streamdb/internal/sqlerr"
	"streamdb/planner/logical"
	"streamdb/sql/ast"
	"streamdb/storage"
	"streamdb/types"
)

// Context is what planning depends on besides the statement. One per statement.
type Context struct {
	Catalog    *catalog.Catalog
	Database   string   // the current one; qualified names must agree; "" accepts any
	SearchPath []string // schemas, in order, without pg_catalog (which is always searched first)
	// SystemTable gives the columns of a table of pg_catalog, information_schema
	// or streamdb; nil: there are none.
	SystemTable func(schema, name string) (types.Schema, bool)
	// ParamTypes are the types of $1, $2 .. as far as the client gave them (Unknown
	// where it did not). Planning fills in and appends what it infers.
	ParamTypes []types.T
	Env        *types.Env // how literals are read; nil: the defaults
	// ParseQuery and ParseExpr read the texts that the catalog keeps: views,
	// defaults, generated columns, watermarks.
	ParseQuery func(sql string) (*ast.Query, error)
	ParseExpr  func(sql string) (ast.Expr, error)
	Text       string // of the statement, for positions in characters; "": positions count bytes

	NextTableID func() storage.TableID // gives out state table ids; needed for jobs only
	Parallelism int                    // default for jobs; 0 and 1: singletons
	EmitOnClose bool                   // the job emits rows once, when a watermark has passed them
	Job         bool                   // the statement becomes a job: no parameters, no functions that vary
	Switches    Switches
	RowsOf      func(o *catalog.Object) int64 // estimates the rows of a stored relation; may be nil
}

// Binder binds one statement.
type Binder struct {
	ctx   *Context
	Meta  *logical.Meta
	Deps  map[catalog.ID]bool // objects read, views included
	where map[*expr.Col]int   // byte offsets of column references
	lits  map[*expr.Const]int // byte offsets of untyped literals
	views int                 // depth of view expansion
	// generating: the expression makes a column, once for each row.
	generating bool

	within *catalog.Object                  // the view whose text is being bound; nil: the statement's own
	refs   []*catalog.Ref                   // the relations that the statement names
	stored map[logical.ColID][]storedColumn // columns of relations of the catalog
	used   logical.Set                      // columns that something names
}

// New makes a binder.
func New(ctx *Context) *Binder {
	return &Binder{ctx: ctx, Meta: &logical.Meta{}, Deps: map[catalog.ID]bool{}, where: map[*expr.Col]int{}, lits: map[*expr.Const]int{},
		stored: map[logical.ColID][]storedColumn{}}
}

// maxViewDepth bounds views over views over views.
const maxViewDepth = 100

// charPos is Postgres's 1-based character position of a byte offset.
func (b *Binder) charPos(offset int) int {
	if b.views > 0 || offset < 0 {
		return 0 // the text of a view is not the text of the statement
	}
	if offset <= len(b.ctx.Text) {
		return utf8.RuneCountInString(b.ctx.Text[:offset]) + 1
	}
	return offset + 1
}

// errAt makes an error at a node.
func (b *Binder) errAt(n ast.Node, code, format string, args ...any) *sqlerr.Error {
	e := sqlerr.New(code, format, args...)
	if n != nil {
		e.At(b.charPos(n.At()))
	}
	return e
}

// unsupported makes a 0A000 error at a node.
func (b *Binder) unsupported(n ast.Node, format string, args ...any) *sqlerr.Error {
	e := sqlerr.Unsupported(format, args...)
	if n != nil {
		e.At(b.charPos(n.At()))
	}
	return e
}

// place gives an error from below the node's position, unless it has one.
func (b *Binder) place(n ast.Node, err error) error {
	if err == nil || n == nil {
		return err
	}
	e := sqlerr.From(err)
	if e.Pos == 0 {
		c := *e
		return c.At(b.charPos(n.At()))
	}
	return err
}
