package wire

import (
	"context"

	"streamdb/internal/sqlerr"
	"streamdb/stream"
	"streamdb/types"
)

// Handler makes a Session for each connection that passed startup.
type Handler interface {
	// Connect checks user, database and password (nil when the client was not
	// asked for one) and opens a session. Errors: 28000, 3D000, 53300.
	Connect(ctx context.Context, c ConnInfo) (Session, error)
}

// ConnInfo is what a client said at startup.
type ConnInfo struct {
	User, Database, Application string
	Options                     map[string]string // other startup parameters: session settings
	Remote                      string
	PID                         uint32 // the number that CancelRequest names
}

// Session is one client's conversation, used by one goroutine.
//
// The contexts given to Prepare, Execute, Next and Sync inside one transaction
// are the same one, which lasts to the end of the transaction: results that stay
// open (portals, cursors) may hold on to it. It is cancelled by a CancelRequest
// (cause: error 57014), when the client is lost, and when the server is closed
// (57P01); a session may return ctx.Err(), the client is told the cause. The
// statement after a cancelled one gets a fresh context.
//
// A panic in a method fails the statement with XX000.
type Session interface {
	// Split divides a simple query's text into statements. Errors: 42601.
	Split(sql string) ([]Statement, error)
	// Prepare analyses a statement. paramOIDs may be shorter than the number of
	// parameters, or hold 0: unspecified.
	Prepare(ctx context.Context, stmt Statement, paramOIDs []uint32) (Prepared, error)
	// Execute starts a prepared statement with its arguments.
	Execute(ctx context.Context, p Prepared, args []types.Datum) (Rows, error)
	// Sync ends the implicit transaction of a simple query or a pipeline: it
	// commits when failed is nil, else rolls back (an explicit block is marked
	// failed). It returns the commit's error. It is called once for each simple
	// query and each pipeline: at its end, or at its first error. The command tag
	// of the last statement is sent when it has returned.
	Sync(ctx context.Context, failed error) error
	// Status is the transaction status of ReadyForQuery: 'I', 'T' or 'E'.
	Status() byte
	// Env is how values are to be printed and read now (TimeZone, DateStyle ..).
	Env() *types.Env
	// Params lists the settings to report as ParameterStatus at startup; Changed
	// returns those that changed since the last call.
	Params() map[string]string
	Changed() map[string]string
	// Notices returns and forgets the notices raised since the last call.
	Notices() []*Notice
	Close()
}

// Statement is one parsed statement; its content belongs to the Session.
type Statement interface {
	// Text is the statement's own source text.
	Text() string
	// Start is the byte offset of Text in the query text, for error positions.
	Start() int
	// Empty reports a statement of nothing but blanks and comments.
	Empty() bool
}

// Prepared is an analysed statement, reusable and immutable.
type Prepared interface {
	ParamTypes() []types.T
	// Columns of the result; nil when the statement returns no rows.
	Columns() []Column
}

// Column describes a result column.
type Column struct {
	Name     string
	Type     types.T
	TableOID uint32 // 0: computed
	Attr     uint16
}

// Rows is the running result of a statement.
type Rows interface {
	// Columns as in Prepared; known before the first Next.
	Columns() []Column
	// Next returns the next rows, all inserts, or nil at the end. The columns of
	// the batch are those of Columns.
	Next(ctx context.Context) (*stream.Batch, error)
	// Tag is the command tag ("SELECT 3", "INSERT 0 1"), valid after the end.
	Tag() string
	Close() error
}

// Live is a result whose Next waits for what has not happened yet: rows are sent
// to the client before each call.
type Live interface{ Live() }

// CopyOut is a result that is sent by the COPY sub-protocol. Its batches have one
// column of layout bytes: each value is the data of one CopyData message.
type CopyOut interface {
	Rows
	// CopyFormats are the format codes of the copied columns, 0 text, 1 binary.
	CopyFormats() []int16
}

// CopyIn is a statement that takes data by the COPY sub-protocol. It has no rows.
type CopyIn interface {
	Rows
	// CopyFormats are the format codes of the copied columns, 0 text, 1 binary.
	CopyFormats() []int16
	// CopyIn reads the data to its end, which is io.EOF. What read returns is valid
	// until its next call.
	CopyIn(ctx context.Context, read func() ([]byte, error)) error
}

// Notice is a NOTICE or WARNING sent beside a result.
type Notice struct {
	Severity string // "NOTICE", "WARNING", "INFO"
	sqlerr.Error
}
