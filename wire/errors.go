package wire

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgproto3/v2"

	"streamdb/internal/sqlerr"
	"streamdb/types"
)

// errPanic makes the error of a statement that panicked, and logs the stack.
func (c *conn) errPanic(r any) error {
	c.log.Error("a statement panicked", "panic", r, "stack", string(debug.Stack()))
	return &sqlerr.Error{Code: sqlerr.InternalError, Msg: fmt.Sprintf("internal error: %v", r), Err: errLogged}
}

// errLogged is the cause of errors that are in the log already.
var errLogged = errors.New("logged")

// guard calls f and makes an error of a panic.
func (c *conn) guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = c.errPanic(r)
		}
	}()
	return f()
}

// shown turns err into what the client is told. A cancelled context says why.
func (c *conn) shown(ctx context.Context, err error) *sqlerr.Error {
	var e *sqlerr.Error
	if ctx != nil && ctx.Err() != nil {
		var cause *sqlerr.Error
		interrupted := errors.As(context.Cause(ctx), &cause)
		ours := !errors.As(err, &e) || e.Code == sqlerr.QueryCanceled && e.Detail == ""
		if interrupted && ours {
			return cause
		}
	}
	if errors.As(err, &e) {
		return e
	}
	switch {
	case errors.Is(err, errGone), ctx != nil && errors.Is(context.Cause(ctx), errGone):
		return sqlerr.Wrap(sqlerr.QueryCanceled, err, "the client has disconnected")
	case errors.Is(err, context.Canceled):
		return sqlerr.Wrap(sqlerr.QueryCanceled, err, "canceling statement due to user request")
	case errors.Is(err, context.DeadlineExceeded):
		return sqlerr.Wrap(sqlerr.QueryCanceled, err, "canceling statement due to statement timeout")
	}
	return sqlerr.From(err)
}

// sendError appends an ErrorResponse. at is the statement that e.Pos counts in,
// sql the text it is part of; nil: e.Pos counts in the text. What is nobody's
// fault but ours goes to the log too.
func (c *conn) sendError(severity string, e *sqlerr.Error, sql string, at Statement) {
	if e.Code == sqlerr.InternalError && !errors.Is(e, errLogged) {
		c.log.Error("internal error", "err", e, "sql", excerpt(sql), "stack", string(debug.Stack()))
	}
	c.out.send((*pgproto3.ErrorResponse)(response(severity, e, position(e.Pos, sql, at))))
}

func (c *conn) sendNotices() {
	if c.session == nil {
		return
	}
	for _, n := range c.session.Notices() {
		c.out.send((*pgproto3.NoticeResponse)(response(n.Severity, &n.Error, n.Pos)))
	}
}

func response(severity string, e *sqlerr.Error, pos int) *pgproto3.ErrorResponse {
	msg, code := e.Msg, e.Code
	if msg == "" {
		msg = "unspecified error"
	}
	if len(code) != 5 {
		code = sqlerr.InternalError
	}
	return &pgproto3.ErrorResponse{
		Severity: severity, SeverityUnlocalized: severity, Code: code, Message: clean(msg),
		Detail: clean(e.Detail), Hint: clean(e.Hint), Position: int32(min(pos, math.MaxInt32)),
		SchemaName: clean(e.About.Schema), TableName: clean(e.About.Table), ColumnName: clean(e.About.Column),
		ConstraintName: clean(e.About.Constraint), Where: clean(e.Where),
	}
}

// clean makes text fit to be sent: NUL would end it, and clients refuse bad UTF-8.
func clean(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// position converts a position in a statement to one in the whole text, in
// characters.
func position(pos int, sql string, at Statement) int {
	if pos <= 0 || at == nil {
		return max(pos, 0)
	}
	start := min(max(at.Start(), 0), len(sql))
	return pos + utf8.RuneCountInString(sql[:start])
}

// checkText refuses what is not UTF-8, and NUL: error 22021.
func checkText(s string) error {
	_, err := types.ParseText(types.Of(types.Text), s, nil)
	return err
}
