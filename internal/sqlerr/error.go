package sqlerr

import (
	"errors"
	"fmt"
)

// Error is a fault as a Postgres client sees it.
type Error struct {
	Code   string // SQLSTATE, five characters
	Msg    string // one sentence, lower case, no full stop
	Detail string
	Hint   string
	Pos    int    // 1-based character position in the statement's text; 0: none
	Where  string // the context in which it happened (CONTEXT in psql): the line of a COPY
	Err    error  // the cause, for logs; never shown to the client
	About  Names  // what the fault is about; clients tell violated constraints apart by it
}

// Names are the objects that an error is about; each may be empty.
type Names struct{ Schema, Table, Column, Constraint string }

// New makes an error with a SQLSTATE and a formatted message.
func New(code, format string, args ...any) *Error {
	return &Error{Code: code, Msg: fmt.Sprintf(format, args...)}
}

// Unsupported makes a 0A000 error that names the missing feature.
func Unsupported(format string, args ...any) *Error {
	return New(FeatureNotSupported, "%s is not supported", fmt.Sprintf(format, args...))
}

// Newer makes a 0A000 error about something stored that only a newer version can read.
func Newer(format string, args ...any) *Error {
	return New(FeatureNotSupported, format, args...).WithHint("Start the version that wrote it, or a later one.")
}

// Wrap gives a SQLSTATE to an error from below, keeping it as the cause.
func Wrap(code string, err error, format string, args ...any) *Error {
	return &Error{Code: code, Msg: fmt.Sprintf(format, args...), Err: err}
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Msg + ": " + e.Err.Error()
	}
	return e.Msg
}

func (e *Error) Unwrap() error { return e.Err }

// WithDetail returns e with its detail set.
func (e *Error) WithDetail(format string, args ...any) *Error {
	e.Detail = fmt.Sprintf(format, args...)
	return e
}

// WithHint returns e with its hint set.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// On sets the objects that the error is about.
func (e *Error) On(n Names) *Error {
	e.About = n
	return e
}

// At returns e with its position set, unless it has one already: the place
// nearest to the fault knows best. pos is 1-based; 0 leaves e as it is.
func (e *Error) At(pos int) *Error {
	if e.Pos == 0 {
		e.Pos = pos
	}
	return e
}

// From finds the *Error in err's chain; any other error becomes XX000.
func From(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: InternalError, Msg: err.Error(), Err: err}
}

// Code returns the SQLSTATE of err: "" for nil, XX000 for foreign errors.
func Code(err error) string {
	if err == nil {
		return ""
	}
	return From(err).Code
}
